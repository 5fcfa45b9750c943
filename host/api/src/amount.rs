//! A number of members, written `2` or `25%`.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use vmgroup_core::group::Amount;

use crate::limits::SLOTS_MAX;

/// CEL: whether a value is a number of members.
pub const AMOUNT_RULE: &str = "type(self) == int ? self >= 0 && self <= 1000 \
     : self.matches('^(100|[1-9]?[0-9])%$')";

/// What to write instead of something that is no number of members.
pub const AMOUNT_HINT: &str = "write a number of members from 0 to 1000, such as 2, or a percentage from 0% to 100%, such as 25%";

/// An amount as people write it: a whole number, or a percentage in a string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IntOrPercent(pub Amount);

impl IntOrPercent {
    /// So many members.
    pub fn count(count: u32) -> Self {
        IntOrPercent(Amount::Count(count))
    }

    /// Whether it is zero for every number of replicas.
    pub fn is_zero(self) -> bool {
        matches!(self.0, Amount::Count(0) | Amount::Percent(0))
    }
}

impl Serialize for IntOrPercent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Amount::Count(count) => serializer.serialize_u32(count),
            Amount::Percent(percent) => serializer.collect_str(&format_args!("{percent}%")),
        }
    }
}

impl<'de> Deserialize<'de> for IntOrPercent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AmountVisitor)
    }
}

struct AmountVisitor;

impl Visitor<'_> for AmountVisitor {
    type Value = IntOrPercent;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of members such as 2, or a percentage such as 25%")
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<IntOrPercent, E> {
        match u32::try_from(value) {
            Ok(count) if count <= SLOTS_MAX => Ok(IntOrPercent::count(count)),
            _ => Err(E::custom(format_args!("{value}: {AMOUNT_HINT}"))),
        }
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<IntOrPercent, E> {
        match u64::try_from(value) {
            Ok(value) => self.visit_u64(value),
            Err(_) => Err(E::custom(format_args!("{value}: {AMOUNT_HINT}"))),
        }
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<IntOrPercent, E> {
        let digits = text.strip_suffix('%').unwrap_or_default();
        let plain = digits.len() == 1 || !digits.starts_with('0');
        let all_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        match digits.parse::<u32>() {
            Ok(percent) if plain && all_digits && percent <= 100 => {
                Ok(IntOrPercent(Amount::Percent(percent)))
            }
            _ => Err(E::custom(format_args!("{text:?}: {AMOUNT_HINT}"))),
        }
    }
}

impl JsonSchema for IntOrPercent {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "IntOrPercent".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "x-kubernetes-int-or-string": true,
            "x-kubernetes-validations": [{ "rule": AMOUNT_RULE, "message": AMOUNT_HINT }],
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn parse(value: Value) -> Result<IntOrPercent, String> {
        serde_json::from_value(value).map_err(|error| error.to_string())
    }

    #[test]
    fn whole_numbers_and_percentages_are_amounts() {
        assert_eq!(parse(json!(0)), Ok(IntOrPercent(Amount::Count(0))));
        assert_eq!(parse(json!(1000)), Ok(IntOrPercent(Amount::Count(1000))));
        assert_eq!(parse(json!("0%")), Ok(IntOrPercent(Amount::Percent(0))));
        assert_eq!(parse(json!("100%")), Ok(IntOrPercent(Amount::Percent(100))));
    }

    #[test]
    fn anything_else_is_refused_with_what_to_write() {
        for value in [
            json!(-1),
            json!(1001),
            json!("25"),
            json!("101%"),
            json!("05%"),
            json!("%"),
            json!("+5%"),
            json!(" 5%"),
            json!("5 %"),
        ] {
            let error = parse(value.clone()).expect_err("refused");
            assert!(error.contains("such as 25%"), "{value}: {error}");
        }
    }

    #[test]
    fn an_amount_is_written_as_it_was_read() {
        for value in [json!(3), json!("30%")] {
            let amount = parse(value.clone()).expect("an amount");
            assert_eq!(serde_json::to_value(amount).expect("JSON"), value);
        }
    }
}
