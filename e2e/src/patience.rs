//! Waiting for something to become true, and watching that it stays so.

use std::thread::sleep;
use std::time::{Duration, Instant};

const POLL: Duration = Duration::from_millis(150);

/// Looks until `look` gives something; its errors say what was seen.
///
/// # Panics
/// When nothing came in time, with what was seen last.
#[track_caller]
pub fn eventually<T>(
    what: &str,
    limit: Duration,
    mut look: impl FnMut() -> Result<T, String>,
) -> T {
    let deadline = Instant::now() + limit;
    loop {
        let seen = match look() {
            Ok(found) => return found,
            Err(seen) => seen,
        };
        assert!(
            Instant::now() < deadline,
            "{what}: not within {} s; last seen: {seen}",
            limit.as_secs_f32()
        );
        sleep(POLL);
    }
}

/// Looks again and again for as long as given.
///
/// # Panics
/// As soon as `look` fails, with what was seen.
#[track_caller]
pub fn steadily(what: &str, length: Duration, mut look: impl FnMut() -> Result<(), String>) {
    let start = Instant::now();
    loop {
        if let Err(seen) = look() {
            panic!(
                "{what}: no more after {:.1} s; seen: {seen}",
                start.elapsed().as_secs_f32()
            );
        }
        if start.elapsed() >= length {
            return;
        }
        sleep(POLL);
    }
}
