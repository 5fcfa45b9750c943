//! The page that the record makes.

use std::fmt::Write as _;

use super::pieces::PIECES;
use super::record::Record;

/// Where it stands.
pub(crate) const PAGE: &str = "docs/reference/proof.md";

const HEAD: &str = "\
# What has been proved

Made by `cargo xtask prove` from [proof.json](proof.json); what the pieces are and what they leave
open stands in [testing.md](../testing.md). Figures add up over runs of the same sources;
`cargo xtask prove --status` says whether they are today's.

| piece | what | shown | aim | broke | sources |
|---|---|---|---|---|---|
";

/// The page.
pub(super) fn render(record: &Record) -> String {
    let mut page = HEAD.to_owned();
    let mut more = String::new();
    for piece in PIECES {
        let Some(entry) = record.of(piece.name) else {
            // Writing to a string cannot fail.
            let _ = writeln!(
                page,
                "| {} | {} | never run | {} | | |",
                piece.name,
                piece.about,
                grouped(piece.goal)
            );
            continue;
        };
        let counting = piece.counting();
        let shown = entry.figures.get(counting).copied().unwrap_or(0);
        let broke: u64 = piece
            .zeroes()
            .filter_map(|name| entry.figures.get(name))
            .sum();
        let _ = writeln!(
            page,
            "| {} | {} | {} {counting} | {} | {broke} | `{}` |",
            piece.name,
            piece.about,
            grouped(shown),
            grouped(piece.goal),
            entry.sources
        );
        let others = entry.figures.iter().filter(|(name, _)| *name != counting);
        let others: Vec<String> = others
            .map(|(name, figure)| format!("{} {name}", grouped(*figure)))
            .collect();
        let _ = writeln!(
            more,
            "- {}: {} s in all; {}",
            piece.name,
            grouped(entry.seconds),
            others.join(", ")
        );
    }
    if !more.is_empty() {
        page.push('\n');
        page.push_str(&more);
    }
    page
}

/// 1234567 as 1,234,567.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_stand_in_groups_of_three() {
        let cases = [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (1_234_567, "1,234,567"),
        ];
        for (number, text) in cases {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn every_piece_has_a_line() {
        let page = render(&Record::default());
        for piece in PIECES {
            assert!(page.contains(&format!("| {} |", piece.name)));
        }
    }
}
