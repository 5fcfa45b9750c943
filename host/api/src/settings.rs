//! Settings of a module as canonical JSON (RFC 8785), so that equal settings
//! are equal bytes.

use serde_json::{Map, Value};
use vmgroup_core::limits::INTEGER_MAX;

use crate::limits::SETTINGS_BYTES_MAX;

/// The settings as canonical JSON; `{}` if there are none. An error names the
/// place and says what to write instead.
pub fn canonical(settings: Option<&Map<String, Value>>) -> Result<String, String> {
    let Some(settings) = settings else {
        return Ok("{}".to_owned());
    };
    for (key, value) in settings {
        exact_numbers(value, key)?;
    }
    let text = serde_json_canonicalizer::to_string(settings)
        .map_err(|error| format!("they have no canonical JSON: {error}"))?;
    if text.len() > SETTINGS_BYTES_MAX {
        return Err(format!(
            "they have {} bytes as JSON, and at most {SETTINGS_BYTES_MAX} are allowed",
            text.len()
        ));
    }
    Ok(text)
}

/// Canonical JSON has only numbers of double precision: an integer that would
/// change its value is refused. So is a number that was written with a point or
/// an exponent and is that large: it would become such an integer, or it was one
/// of more digits than a parser keeps.
fn exact_numbers(value: &Value, path: &str) -> Result<(), String> {
    match value {
        Value::Number(number) => {
            let size = number.as_f64().map(f64::abs);
            if size.is_some_and(|size| size > INTEGER_MAX as f64) {
                return Err(format!(
                    "{path} is {number}, and whole numbers are exact up to {INTEGER_MAX} only: \
                     write it as a string"
                ));
            }
            Ok(())
        }
        Value::Array(items) => items
            .iter()
            .enumerate()
            .try_for_each(|(index, item)| exact_numbers(item, &format!("{path}[{index}]"))),
        Value::Object(fields) => fields
            .iter()
            .try_for_each(|(key, field)| exact_numbers(field, &format!("{path}.{key}"))),
        Value::Null | Value::Bool(_) | Value::String(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn canonical_of(value: &Value) -> Result<String, String> {
        canonical(value.as_object())
    }

    #[test]
    fn keys_are_sorted_and_numbers_have_one_form() {
        let settings = json!({"b": 1.0, "a": {"z": 1e-7, "y": [true, null, "é\n"]}, "c": 0.5});
        assert_eq!(
            canonical_of(&settings).as_deref(),
            Ok(r#"{"a":{"y":[true,null,"é\n"],"z":1e-7},"b":1,"c":0.5}"#)
        );
    }

    #[test]
    fn no_settings_are_an_empty_object() {
        assert_eq!(canonical(None).as_deref(), Ok("{}"));
    }

    #[test]
    fn a_whole_number_that_is_not_exact_is_refused_with_its_place() {
        let error =
            canonical_of(&json!({"a": [0, 9_007_199_254_740_993_u64]})).expect_err("refused");
        assert!(error.starts_with("a[1] is 9007199254740993"), "{error}");
        assert!(canonical_of(&json!({"a": -9_007_199_254_740_991_i64})).is_ok());
    }

    #[test]
    fn no_number_becomes_an_integer_that_is_not_exact() {
        for text in ["1e19", "-1e16", "99999999999999999999", "1e21", "1e300"] {
            let settings: Value = serde_json::from_str(&format!("{{\"n\":{text}}}")).expect("JSON");
            let error = canonical_of(&settings).expect_err("refused");
            assert!(error.contains("write it as a string"), "{text}: {error}");
        }
    }

    #[test]
    fn settings_that_are_too_long_are_refused_with_both_figures() {
        let error = canonical_of(&json!({"a": "x".repeat(20_000)})).expect_err("refused");
        assert!(
            error.contains("20008 bytes") && error.contains("16384"),
            "{error}"
        );
    }
}
