//! Time as a value: nothing in this crate reads a clock.

use serde::{Deserialize, Serialize};

/// Milliseconds since the Unix epoch, UTC.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// Milliseconds from `earlier` to `self`, zero if the clock went back.
    pub fn since(self, earlier: Timestamp) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// This time and `ms` milliseconds.
    #[must_use]
    pub fn plus(self, ms: u64) -> Timestamp {
        Timestamp(self.0.saturating_add(ms))
    }
}

/// Milliseconds on a clock that never jumps, from an arbitrary origin. All
/// waiting is measured on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Monotonic(pub u64);

impl Monotonic {
    /// Milliseconds from `earlier` to `self`.
    pub fn since(self, earlier: Monotonic) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// This time and `ms` milliseconds.
    #[must_use]
    pub fn plus(self, ms: u64) -> Monotonic {
        Monotonic(self.0.saturating_add(ms))
    }
}

/// Both clocks at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Now {
    /// For waiting.
    pub monotonic: Monotonic,
    /// For what is written down or shown.
    pub utc: Timestamp,
}

impl Timestamp {
    /// RFC 3339 in UTC, whole seconds: what Kubernetes writes and reads. Times
    /// past the year 9999 are shown as its end.
    pub fn to_rfc3339(self) -> String {
        let seconds = i64::try_from(self.0 / 1_000).unwrap_or(i64::MAX);
        let time = jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::MAX);
        time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    /// The time that an RFC 3339 text says; none if it is not one, or if it lies
    /// before 1970.
    pub fn from_rfc3339(text: &str) -> Option<Timestamp> {
        let time: jiff::Timestamp = text.parse().ok()?;
        u64::try_from(time.as_millisecond()).ok().map(Timestamp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_the_way_kubernetes_does() {
        assert_eq!(Timestamp(0).to_rfc3339(), "1970-01-01T00:00:00Z");
        assert_eq!(
            Timestamp(1_790_000_000_999).to_rfc3339(),
            "2026-09-21T14:13:20Z"
        );
        assert!(Timestamp(u64::MAX).to_rfc3339().starts_with("9999-12-"));
    }

    #[test]
    fn times_are_read_with_any_offset_and_fraction() {
        let read = Timestamp::from_rfc3339;
        assert_eq!(
            read("2026-09-21T14:13:20Z"),
            Some(Timestamp(1_790_000_000_000))
        );
        assert_eq!(
            read("2026-09-21T16:13:20.25+02:00"),
            Some(Timestamp(1_790_000_000_250))
        );
        assert_eq!(read("1969-12-31T23:59:59Z"), None);
        assert_eq!(read("yesterday"), None);
    }

    #[test]
    fn no_clock_goes_below_its_origin_or_past_its_end() {
        for (from, to, since) in [(3, 10, 7), (10, 10, 0), (10, 3, 0), (0, u64::MAX, u64::MAX)] {
            assert_eq!(Timestamp(to).since(Timestamp(from)), since);
            assert_eq!(Monotonic(to).since(Monotonic(from)), since);
        }
        for (from, ms, to) in [(3, 7, 10), (3, 0, 3), (3, u64::MAX, u64::MAX)] {
            assert_eq!(Timestamp(from).plus(ms), Timestamp(to));
            assert_eq!(Monotonic(from).plus(ms), Monotonic(to));
        }
    }
}
