//! How long to wait before trying again. The jitter is a hash, so that the same
//! run waits the same times.

use std::hash::{DefaultHasher, Hash, Hasher};

/// Doubles from `first_ms` to `most_ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Backoff {
    first_ms: u64,
    most_ms: u64,
    attempt: u32,
}

impl Backoff {
    /// One that has not failed yet.
    pub(crate) const fn new(first_ms: u64, most_ms: u64) -> Self {
        Backoff {
            first_ms,
            most_ms,
            attempt: 0,
        }
    }

    /// Counts a failure and says how many milliseconds to wait.
    pub(crate) fn fail(&mut self, who: &impl Hash) -> u64 {
        let wait = wait_ms(self.first_ms, self.most_ms, self.attempt, who);
        // Once it waits as long as it ever does, it is as it was: nothing is left to count.
        if full_ms(self.first_ms, self.most_ms, self.attempt) < self.most_ms {
            self.attempt += 1;
        }
        wait
    }

    /// It has failed, and not succeeded since.
    pub(crate) const fn is_failing(&self) -> bool {
        self.attempt > 0
    }

    /// Forgets all failures.
    pub(crate) fn succeed(&mut self) {
        self.attempt = 0;
    }
}

/// How long `who` waits after so many attempts: between three quarters and all of
/// the doubled time, by a hash.
pub(crate) fn wait_ms(first_ms: u64, most_ms: u64, attempt: u32, who: &impl Hash) -> u64 {
    let full = full_ms(first_ms, most_ms, attempt);
    full - jitter_ms(full / 4, &(attempt, who))
}

fn full_ms(first_ms: u64, most_ms: u64, attempt: u32) -> u64 {
    let factor = 1_u64.checked_shl(attempt.min(32)).unwrap_or(u64::MAX);
    first_ms.saturating_mul(factor).min(most_ms)
}

/// A number from zero to `most_ms`, the same for the same `who`.
pub(crate) fn jitter_ms(most_ms: u64, who: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    who.hash(&mut hasher);
    hasher.finish() % (most_ms + 1)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn waits_double_up_to_the_most_and_start_again_after_a_success() {
        let mut backoff = Backoff::new(1_000, 10_000);
        for full in [1_000, 2_000, 4_000, 8_000, 10_000, 10_000] {
            let wait = backoff.fail(&"web");
            assert!(wait <= full && wait >= full * 3 / 4, "{wait} of {full}");
        }
        backoff.succeed();
        assert!(backoff.fail(&"web") <= 1_000);
    }

    #[test]
    fn a_thousand_failures_do_not_overflow() {
        let mut backoff = Backoff::new(1_000, 60_000);
        for _ in 0..1_000 {
            assert!(backoff.fail(&1) <= 60_000);
        }
    }

    #[test]
    fn those_that_failed_together_do_not_come_back_together() {
        let waits: BTreeSet<u64> = (0..100).map(|who| wait_ms(1_000, 9_000, 2, &who)).collect();
        let (first, last) = (waits.first().copied(), waits.last().copied());
        assert!((3_000..3_200).contains(&first.unwrap_or(0)), "{waits:?}");
        assert!((3_800..=4_000).contains(&last.unwrap_or(0)), "{waits:?}");
        assert!(waits.len() > 50, "{waits:?}");
        let small: BTreeSet<u64> = (0..100).map(|who| jitter_ms(3, &who)).collect();
        assert_eq!(small, [0, 1, 2, 3].into());
    }
}
