//! The operator against a real API server and a simulated vCenter.
#![allow(clippy::unwrap_used)]

mod samples;

mod sites;

use std::process::ExitCode;

use vmgroup_e2e::{Story, run};

macro_rules! stories {
    ($($module:ident :: $name:ident),+ $(,)?) => {
        &[$(Story { name: concat!(stringify!($module), "::", stringify!($name)), tell: $module::$name }),+]
    };
}

/// The longest first, so that they do not wait for the end alone.
const STORIES: &[Story] = stories![
    samples::every_valid_sample_is_taken,
    samples::every_invalid_sample_is_refused_with_the_message_it_names,
    samples::the_columns_are_the_demos,
    samples::scaling_reads_and_writes_what_the_subresource_names,
    samples::every_field_is_explained,
];

fn main() -> ExitCode {
    run(STORIES, sites::close)
}
