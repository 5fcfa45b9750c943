//! The target `case`, for libFuzzer.
#![no_main]

use vmgroup_fuzz_targets::CASE;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    (CASE.run)(bytes);
});
