//! Runs stories side by side: they mostly wait.

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

/// More than processors, since stories wait; bounded by the memory of their rigs.
const SIDE_BY_SIDE: usize = 6;

/// A test.
#[derive(Debug, Clone, Copy)]
pub struct Story {
    /// A sentence.
    pub name: &'static str,
    /// Panics when it does not hold.
    pub tell: fn(),
}

/// Runs the stories that the command line chooses, the first ones first.
/// `close` comes last.
pub fn run(stories: &[Story], close: impl FnOnce()) -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(SIDE_BY_SIDE);
    let trials = stories.iter().map(|story| {
        let tell = story.tell;
        Trial::test(story.name, move || {
            tell();
            Ok(())
        })
    });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    close();
    conclusion.exit_code()
}
