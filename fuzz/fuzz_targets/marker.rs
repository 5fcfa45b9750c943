//! The target `marker`, for libFuzzer.
#![no_main]

use vmgroup_fuzz_targets::MARKER;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    (MARKER.run)(bytes);
});
