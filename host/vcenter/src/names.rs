//! Names in vSphere: `/`, `\` and `%` are written `%2f`, `%5c` and `%25` in
//! them, on the wire and in paths.

/// The name as people see it.
pub(crate) fn unescape(name: &str) -> String {
    let mut plain = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(at) = rest.find('%') {
        plain.push_str(&rest[..at]);
        let (text, length) = match rest.as_bytes().get(at + 1..at + 3) {
            Some(b"2f" | b"2F") => ("/", 3),
            Some(b"5c" | b"5C") => ("\\", 3),
            Some(b"25") => ("%", 3),
            _ => ("%", 1),
        };
        plain.push_str(text);
        rest = &rest[at + length..];
    }
    plain + rest
}

/// The name as vSphere writes it.
pub(crate) fn escape(name: &str) -> String {
    name.replace('%', "%25")
        .replace('/', "%2f")
        .replace('\\', "%5c")
}

/// A list for a message, cut where nobody reads on.
pub(crate) fn listed(names: &[String]) -> String {
    let most = crate::limits::NAMES_LISTED_MAX;
    let mut text = names[..names.len().min(most)].join(", ");
    if names.len() > most {
        text.push_str(&format!(" and {} more", names.len() - most));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_escaping() {
        for name in ["plain", "a/b", r"a\b", "100%", "%2f", "50%25", "ä%", ""] {
            assert_eq!(unescape(&escape(name)), name);
        }
        assert_eq!(escape("a/b%"), "a%2fb%25");
    }

    #[test]
    fn what_is_no_escape_stays() {
        assert_eq!(unescape("100% %zz %2"), "100% %zz %2");
        assert_eq!(unescape("%2F%5C"), "/\\");
    }

    #[test]
    fn long_lists_are_counted() {
        let names: Vec<String> = (0..12).map(|n| n.to_string()).collect();
        assert!(listed(&names).ends_with("9 and 2 more"));
        assert_eq!(listed(&names[..2]), "0, 1");
    }
}
