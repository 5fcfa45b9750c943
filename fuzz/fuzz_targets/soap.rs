//! The target `soap`, for libFuzzer.
#![no_main]

use vmgroup_fuzz_targets::SOAP;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    (SOAP.run)(bytes);
});
