//! The target `wit-result`, for libFuzzer.
#![no_main]

use vmgroup_fuzz_targets::WIT_RESULT;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    (WIT_RESULT.run)(bytes);
});
