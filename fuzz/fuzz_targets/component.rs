//! The target `component`, for libFuzzer.
#![no_main]

use vmgroup_fuzz_targets::COMPONENT;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    (COMPONENT.run)(bytes);
});
