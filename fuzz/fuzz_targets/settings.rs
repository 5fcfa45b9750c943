//! The target `settings`, for libFuzzer.
#![no_main]

use vmgroup_fuzz_targets::SETTINGS;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    (SETTINGS.run)(bytes);
});
