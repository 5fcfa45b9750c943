//! Two clocks: one that never jumps, by which all waiting is measured, and the one that is
//! written down and shown, which somebody may set.

use vmgroup_core::time::{Now, Timestamp};

use crate::limits::CLOCK_JUMP_MS;
use crate::machine::Machine;

impl Machine {
    /// Takes the time. Members have been as they are, and what was spent counts, for as long as
    /// a clock that never jumps says, wherever the other one jumps to.
    pub(crate) fn follow_clock(&mut self, now: Now) {
        let passed = now.monotonic.since(self.now.monotonic);
        let expected = self.now.utc.plus(passed);
        let (ahead, back) = (now.utc.since(expected), expected.since(now.utc));
        let stands_still = now.utc == self.now.utc;
        self.now = now;
        if ahead.max(back) < CLOCK_JUMP_MS || stands_still {
            return;
        }
        let moved = |at: &mut Timestamp| *at = Timestamp(at.plus(ahead).0.saturating_sub(back));
        for group in self.groups.values_mut() {
            group
                .power_wish
                .iter_mut()
                .for_each(|wish| moved(&mut wish.since));
            for since in group.since.values_mut() {
                moved(&mut since.power.1);
                moved(&mut since.health.1);
            }
            group.spent.move_by(moved);
        }
        self.spenders.move_by(moved);
    }
}
