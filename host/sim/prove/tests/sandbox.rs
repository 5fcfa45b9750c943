//! The same schedules with the real modules in the real sandbox: the same ends
//! and the same trace, byte for byte.

use vmgroup_prove::logic;
use vmgroup_prove::sandbox::Sandbox;
use vmgroup_sim::schedule::{Profile, Schedule};
use vmgroup_sim::trace::Detail;

#[test]
fn a_schedule_in_the_sandbox_is_the_same_as_natively() {
    let sandbox = Sandbox::new().expect("`cargo xtask guests` has built the modules");
    let (mut schedules, mut idle) = (0, 0);
    for seed in 1..=4 {
        for profile in Profile::ALL {
            let schedule = Schedule::draw(seed, profile);
            let native = schedule.run(logic::cast, Detail::Everything);
            let boxed = schedule.run(|it| sandbox.cast(it), Detail::Everything);
            assert_eq!(boxed.trace, native.trace, "{schedule}");
            assert_eq!(boxed.ends, native.ends, "{schedule}");
            schedules += 1;
            idle += u32::from(native.decisions == 0);
        }
    }
    // A suspended group that is deleted before its time is nobody's to decide.
    assert!(4 * idle < schedules, "{idle} of {schedules} decide nothing");
}
