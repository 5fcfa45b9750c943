//! The target `object`, for libFuzzer.
#![no_main]

use vmgroup_fuzz_targets::OBJECT;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    (OBJECT.run)(bytes);
});
