//! Makes text that others wrote fit for a line that people read.

/// Without control characters and without characters that reorder or break a
/// line, cut to `chars_max` characters; a cut shows as `…`.
pub fn one_line(text: &str, chars_max: usize) -> String {
    let mut line: String = text
        .chars()
        .filter(|c| is_harmless(*c))
        .take(chars_max.saturating_add(1))
        .collect();
    if line.chars().count() > chars_max {
        line = line.chars().take(chars_max.saturating_sub(1)).collect();
        line.push('…');
    }
    line
}

fn is_harmless(c: char) -> bool {
    let reorders_or_breaks = matches!(c,
        '\u{061C}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}');
    !c.is_control() && !reorders_or_breaks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_removed_and_a_cut_is_shown() {
        assert_eq!(one_line("a\u{1b}[1mb\nc\u{202E}", 80), "a[1mbc");
        assert_eq!(one_line("éééé", 4), "éééé");
        assert_eq!(one_line("ééééé", 4), "ééé…");
        assert_eq!(one_line("abc", 0), "…");
    }
}
