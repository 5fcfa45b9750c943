//! The target `soap`, for libFuzzer.
#![no_main]

use vmgroup_fuzz_targets::target;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    (target("soap").run)(bytes);
});
