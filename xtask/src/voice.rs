//! Talk goes to stderr, results to stdout. Somebody who closes the pipe ends the talk, not the task.

use std::fmt::Display;
use std::io::{self, Write};
use std::time::Duration;

/// Says one line to the person who waits.
pub(crate) fn say(line: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Prints one line of the result.
pub(crate) fn print(line: impl Display) {
    let _ = writeln!(io::stdout().lock(), "{line}");
}

/// `0.4 s`, `12 s` or `3 min 05 s`: as exact as a reader needs.
pub(crate) fn took(time: Duration) -> String {
    match time.as_secs() {
        0..10 => format!("{:.1} s", time.as_secs_f64()),
        seconds @ 10..60 => format!("{seconds} s"),
        seconds => format!("{} min {:02} s", seconds / 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_as_exact_as_a_reader_needs() {
        for (millis, text) in [
            (432, "0.4 s"),
            (9_960, "10.0 s"),
            (12_900, "12 s"),
            (185_000, "3 min 05 s"),
        ] {
            assert_eq!(took(Duration::from_millis(millis)), text);
        }
    }
}
