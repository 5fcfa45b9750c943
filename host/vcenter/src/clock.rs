//! vCenter's clock, as ours sees it: ages are told by the clock that decisions
//! go by, and not off by what the two differ.

use std::time::{SystemTime, UNIX_EPOCH};

use vmgroup_core::time::Timestamp;
use vmgroup_vim::{Client, Error};

use crate::limits::{CLOCKS_ALIKE_MS, CLOCKS_APART_MS};

/// How far vCenter's clock is ahead of ours; negative if it is behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Clock {
    ahead_ms: i64,
}

impl Clock {
    /// Compares the clocks. Those that are nearly alike count as alike: what a
    /// call takes is not to move every age at each login.
    pub(crate) async fn compare(client: &Client) -> Result<Self, Error> {
        let before = our_ms();
        let theirs = client.current_time(None).await?.as_millisecond();
        let ours = before.midpoint(our_ms());
        let ahead_ms = theirs.saturating_sub(ours);
        if ahead_ms.unsigned_abs() > CLOCKS_APART_MS {
            tracing::warn!(
                ahead_ms,
                "vCenter's clock differs from this machine's: logins may be refused for it"
            );
        }
        Ok(Clock::apart(ahead_ms))
    }

    fn apart(ahead_ms: i64) -> Self {
        let alike = ahead_ms.unsigned_abs() < CLOCKS_ALIKE_MS;
        Clock {
            ahead_ms: if alike { 0 } else { ahead_ms },
        }
    }

    /// A time that vCenter tells, by our clock.
    pub(crate) fn ours(self, theirs: Timestamp) -> Timestamp {
        let shifted = if self.ahead_ms < 0 {
            theirs.0.saturating_add(self.ahead_ms.unsigned_abs())
        } else {
            theirs.0.saturating_sub(self.ahead_ms.unsigned_abs())
        };
        Timestamp(shifted)
    }
}

fn our_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_theirs_is_told_by_our_clock() {
        let cases = [(0, 9_000), (4_000, 9_000), (6_000, 3_000), (-6_000, 15_000)];
        for (ahead_ms, expected) in cases {
            assert_eq!(Clock::apart(ahead_ms).ours(Timestamp(9_000)).0, expected);
        }
        assert_eq!(Clock::apart(60_000).ours(Timestamp(9_000)).0, 0);
    }
}
