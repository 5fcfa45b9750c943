//! Acting or not: what follows when the lease is won, lost or given up.

use vmgroup_core::group::GroupKey;

use crate::event::{Event, RefusedCredentials};
use crate::lease::{Lease, Role};
use crate::machine::Machine;
use crate::queue::Queue;
use crate::request::Request;

impl Machine {
    pub(crate) fn drive_lease(&mut self) {
        let Some(lease) = &mut self.lease else { return };
        let wish = lease.drive(self.now.monotonic);
        let holding = lease.role() == Role::Holding;
        if let Some(lease) = wish {
            let id = self.id();
            self.out.push(Request::WriteLease { id, lease });
        }
        if holding && !self.acting {
            self.take_over();
        } else if !holding && self.acting {
            self.step_down();
        }
    }

    /// Everything that another replica may have changed is forgotten and read
    /// again: objects before they are written, vCenter by a new session.
    pub(crate) fn take_over(&mut self) {
        self.acting = true;
        // Whatever was in flight when an object was first seen has ended since, or
        // stands in the object as it is.
        self.forget_flight();
        self.note(None, false, "acting", "this replica holds the lease".into());
        let keys: Vec<GroupKey> = self.groups.keys().cloned().collect();
        for key in keys {
            self.restore(&key);
        }
        let refused = self.lease.as_ref().and_then(Lease::refused).cloned();
        self.session.take_over(refused.as_ref(), self.now);
    }

    pub(crate) fn step_down(&mut self) {
        self.acting = false;
        self.note(None, true, "not acting", "the lease is lost".into());
        self.asked.clear();
        self.forget_flight();
        self.session.reset(self.now);
        self.out.push(Request::Logout);
    }

    fn forget_flight(&mut self) {
        self.queue = Queue::new(self.config.caps);
        self.queued.clear();
        self.started.clear();
        self.closing.clear();
    }

    pub(crate) fn stop(&mut self) {
        self.stopped = true;
        if self.acting {
            self.out.push(Request::Logout);
        }
        self.give_up_lease();
    }

    /// Nothing counts any more but the answer to a renewal that was under way.
    pub(crate) fn hear_after_stop(&mut self, event: Event) {
        let now = self.now.monotonic;
        match (event, &mut self.lease) {
            (Event::LeaseSeen { lease, id: Some(_) }, Some(mine)) => mine.saw(lease, true, now),
            (Event::LeaseFailed { .. }, Some(mine)) => mine.failed(now),
            _ => return,
        }
        self.give_up_lease();
    }

    fn give_up_lease(&mut self) {
        if let Some(lease) = self.lease.as_mut().and_then(Lease::give_up) {
            let id = self.id();
            self.out.push(Request::WriteLease { id, lease });
        }
    }

    /// vCenter refused the credentials of that version.
    pub(crate) fn remember_refused(&mut self, version: String) {
        let at = self.now.utc;
        if let Some(lease) = &mut self.lease {
            let refused = RefusedCredentials { version, at };
            lease.remember_refused(Some(refused), self.now.monotonic);
        }
    }
}
