//! The target `observation`, for libFuzzer.
#![no_main]

use vmgroup_fuzz_targets::OBSERVATION;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    (OBSERVATION.run)(bytes);
});
