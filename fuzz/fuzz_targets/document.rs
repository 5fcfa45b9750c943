//! The target `document`, for libFuzzer.
#![no_main]

use vmgroup_fuzz_targets::DOCUMENT;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    (DOCUMENT.run)(bytes);
});
