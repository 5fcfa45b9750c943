//! Another host that acts on the same groups, without a lease between the two.
//!
//! The API server says who may commit, and whoever has committed goes first: the
//! other host leaves the group to it until nothing of the commit is in flight any
//! more, or nothing has been heard of it for as long as a lease lasts. Then it
//! begins anew from the object and a new view of vCenter, as after a restart.

use vmgroup_core::group::GroupKey;
use vmgroup_core::observation::WakeReason;
use vmgroup_core::time::Monotonic;

use crate::event::GroupObject;
use crate::group::Group;
use crate::limits::{RELIST_GAP_MS, RIVAL_MS};
use crate::machine::Machine;

/// Another host has committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rival {
    /// Its last sign of life is from then.
    acted_at: Monotonic,
    /// Something that it committed is in flight.
    is_busy: bool,
}

impl Group {
    /// Heeds what a newer version of the object tells of another host's work. True if
    /// that host has just committed.
    pub(crate) fn heed_rival(&mut self, newer: &GroupObject, now: Monotonic) -> bool {
        let Some(intent) = &newer.status.intent else {
            return false;
        };
        let known = self.object.status.intent.as_ref();
        let is_new = known.is_none_or(|known| intent.id > known.id);
        let is_rivals = is_new && Some(intent.id) != self.own_intent;
        if is_rivals {
            self.outdate_decision();
            self.drop_queued();
            // What is under way is followed to its end, never carried on.
            for operation in self.operations.values_mut() {
                operation.generation = None;
            }
        }
        if is_rivals || self.rival.is_some() {
            self.rival = Some(Rival {
                acted_at: now,
                is_busy: !intent.steps.is_empty(),
            });
        }
        is_rivals
    }
}

impl Machine {
    /// The group is another host's for now: its pass comes later.
    pub(crate) fn yields_to_rival(&mut self, key: &GroupKey) -> bool {
        let Some(rival) = self.groups.get(key).and_then(|group| group.rival) else {
            return false;
        };
        let wait = rival.acted_at.plus(RIVAL_MS).since(self.now.monotonic);
        if rival.is_busy && wait > 0 {
            self.wake(key, wait, WakeReason::TimeCame);
        } else if self
            .session
            .listed_at()
            .is_none_or(|listed| listed <= rival.acted_at)
        {
            // What it has done may not be in view yet.
            self.session.want_relist("another host has made changes");
            self.wake(key, RELIST_GAP_MS, WakeReason::TimeCame);
        } else {
            self.restore(key);
        }
        true
    }
}
