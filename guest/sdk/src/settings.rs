use serde::de::DeserializeOwned;
use serde_path_to_error::{Path, Segment};

use crate::SettingsError;

/// Settings as a type of the module's own. Give the type
/// `#[serde(deny_unknown_fields)]`, so that a misspelt key is an error.
///
/// # Errors
/// The first thing that is wrong, with a JSON Pointer to it.
pub fn parse_settings<T: DeserializeOwned>(settings: &str) -> Result<T, Vec<SettingsError>> {
    let mut deserializer = serde_json::Deserializer::from_str(settings);
    let wrong = |pointer: String, error: &serde_json::Error| {
        vec![SettingsError {
            pointer,
            message: without_place(&error.to_string()),
        }]
    };
    let read = serde_path_to_error::deserialize(&mut deserializer)
        .map_err(|error| wrong(pointer(error.path()), error.inner()))?;
    // Settings are one value, and all of the text.
    deserializer
        .end()
        .map_err(|error| wrong(String::new(), &error))?;
    Ok(read)
}

/// Canonical JSON is one line that nobody wrote: a place in it says nothing.
fn without_place(message: &str) -> String {
    let end = message.rfind(" at line ").unwrap_or(message.len());
    message[..end].to_owned()
}

fn pointer(path: &Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        let step = match segment {
            Segment::Seq { index } => index.to_string(),
            Segment::Map { key } => key.replace('~', "~0").replace('/', "~1"),
            Segment::Enum { .. } | Segment::Unknown => continue,
        };
        pointer.push('/');
        pointer.push_str(&step);
    }
    pointer
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Settings {
        hours: Vec<u8>,
    }

    #[test]
    fn good_settings_become_the_modules_type() {
        let settings: Settings = parse_settings(r#"{"hours": [1, 2]}"#).expect("valid");
        assert_eq!(settings, Settings { hours: vec![1, 2] });
    }

    #[test]
    fn an_error_points_at_its_place() {
        let errors = parse_settings::<Settings>(r#"{"hours": [1, 300]}"#).expect_err("300");
        assert_eq!(errors[0].pointer, "/hours/1");
        assert!(!errors[0].message.contains("line"), "{errors:?}");
    }

    #[test]
    fn an_unknown_key_is_an_error() {
        let errors = parse_settings::<Settings>(r#"{"hours": [], "a/b": 1}"#).expect_err("a/b");
        assert_eq!(errors[0].pointer, "/a~1b");
    }

    #[test]
    fn text_that_is_not_json_is_an_error_at_the_root() {
        for text in ["{", r#"{"hours": []} {"hours": [1]}"#] {
            let errors = parse_settings::<Settings>(text).expect_err("not JSON");
            assert_eq!(errors[0].pointer, "");
        }
    }
}
