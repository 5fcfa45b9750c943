//! The target `names`, for libFuzzer.
#![no_main]

use vmgroup_fuzz_targets::NAMES;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    (NAMES.run)(bytes);
});
