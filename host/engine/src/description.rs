//! What a module says about itself, before anybody relies on it.

use serde_json::Value;
use vmgroup_core::plan::Description;
use vmgroup_core::text::one_line;

use crate::Limits;
use crate::limits::QUOTED_CHARS_MAX;

/// Says what is wrong with a description.
pub(crate) fn check(description: &Description, limits: &Limits) -> Result<(), String> {
    let name = &description.name;
    if !is_label(name, limits.name_chars) {
        return Err(format!(
            "name {:?} is not lower case, digits and hyphens, at most {} characters",
            one_line(name, QUOTED_CHARS_MAX),
            limits.name_chars
        ));
    }
    let version = &description.version;
    if version.len() > limits.name_chars || semver::Version::parse(version).is_err() {
        return Err(format!(
            "version {:?} is not a semantic version",
            one_line(version, QUOTED_CHARS_MAX)
        ));
    }
    check_reason_codes(&description.reason_codes, limits)?;
    check_json(
        "settings schema",
        &description.settings_schema,
        limits.schema_bytes,
    )
    .and_then(|schema| check_references(&schema))?;
    check_json(
        "default settings",
        &description.default_settings,
        limits.settings_bytes,
    )?;
    Ok(())
}

fn check_reason_codes(codes: &[String], limits: &Limits) -> Result<(), String> {
    if codes.len() > limits.reason_codes {
        return Err(format!(
            "{} reason codes, the limit is {}",
            codes.len(),
            limits.reason_codes
        ));
    }
    for (index, code) in codes.iter().enumerate() {
        if !is_label(code, limits.code_chars) {
            return Err(format!(
                "reason code {:?} is not lower case, digits and hyphens, at most {} characters",
                one_line(code, QUOTED_CHARS_MAX),
                limits.code_chars
            ));
        }
        if codes[..index].contains(code) {
            return Err(format!("reason code {code:?} stands twice"));
        }
    }
    Ok(())
}

fn check_json(what: &str, text: &str, bytes_max: usize) -> Result<Value, String> {
    if text.len() > bytes_max {
        return Err(format!(
            "{what} has {} bytes, the limit is {bytes_max}",
            text.len()
        ));
    }
    let value: Value =
        serde_json::from_str(text).map_err(|error| format!("{what} is not JSON: {error}"))?;
    if value.is_object() {
        Ok(value)
    } else {
        Err(format!("{what} is not a JSON object"))
    }
}

/// Whoever shows the schema must not be made to fetch something.
fn check_references(schema: &Value) -> Result<(), String> {
    match schema {
        Value::Object(fields) => fields.iter().try_for_each(|(key, value)| match value {
            Value::String(target)
                if matches!(key.as_str(), "$ref" | "$dynamicRef") && !target.starts_with('#') =>
            {
                Err(format!(
                    "settings schema refers to {:?} outside itself",
                    one_line(target, QUOTED_CHARS_MAX)
                ))
            }
            value => check_references(value),
        }),
        Value::Array(values) => values.iter().try_for_each(check_references),
        _ => Ok(()),
    }
}

/// Lower case, digits and hyphens, at least one character.
pub(crate) fn is_label(text: &str, chars_max: usize) -> bool {
    let of_a_label = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !text.is_empty() && text.len() <= chars_max && text.chars().all(of_a_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Description {
        Description {
            name: "one-by-one".into(),
            version: "1.2.3".into(),
            reason_codes: vec!["scale-up".into()],
            settings_schema: r##"{"type": "object", "$ref": "#/$defs/a"}"##.into(),
            default_settings: "{}".into(),
        }
    }

    fn problem(spoil: impl FnOnce(&mut Description)) -> String {
        let mut description = good();
        spoil(&mut description);
        check(&description, &Limits::default()).expect_err("a spoilt description")
    }

    #[test]
    fn a_good_description_is_accepted() {
        assert_eq!(check(&good(), &Limits::default()), Ok(()));
    }

    #[test]
    fn every_field_is_checked() {
        assert!(problem(|d| d.name = "A".into()).starts_with("name \"A\" is not"));
        assert!(problem(|d| d.name = "a".repeat(64)).contains("at most 63"));
        assert!(problem(|d| d.name = "a".repeat(1 << 20)).len() < 300);
        assert!(problem(|d| d.version = "1".into()).contains("semantic version"));
        assert!(problem(|d| d.reason_codes = vec!["Up".into()]).contains("reason code \"Up\""));
        assert!(problem(|d| d.reason_codes.push("scale-up".into())).contains("twice"));
        let many = |d: &mut Description| d.reason_codes = (0..101).map(|n| n.to_string()).collect();
        assert_eq!(problem(many), "101 reason codes, the limit is 100");
        assert!(problem(|d| d.settings_schema = "{".into()).contains("not JSON"));
        assert!(problem(|d| d.settings_schema = "true".into()).contains("not a JSON object"));
        assert!(problem(|d| d.default_settings = "[]".into()).contains("not a JSON object"));
        assert!(problem(|d| d.default_settings = " ".repeat(20_000)).contains("20000 bytes"));
    }

    #[test]
    fn a_remote_reference_is_refused_at_any_depth() {
        let remote = r#"{"allOf": [{"$ref": "https://example.com/a.json"}]}"#;
        assert!(problem(|d| d.settings_schema = remote.into()).contains("outside itself"));
    }
}
