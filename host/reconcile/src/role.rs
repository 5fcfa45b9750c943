//! Acting or not: what follows when the lease is won, lost or given up.

use vmgroup_core::group::GroupKey;

use crate::event::{Event, RefusedCredentials};
use crate::inventory::Inventory;
use crate::lease::{Lease, Role};
use crate::machine::Machine;
use crate::mass_loss::MassLoss;
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
    /// again: objects, with what was in flight for them, before they are written,
    /// vCenter by a new session.
    pub(crate) fn take_over(&mut self) {
        self.acting = true;
        // What was seen before may be hours old: who compares with that takes losses of then for
        // losses of now.
        self.inventory = Inventory::default();
        self.mass_loss = MassLoss::default();
        self.note(None, false, "acting", "this replica holds the lease".into());
        let keys: Vec<GroupKey> = self.groups.keys().cloned().collect();
        for key in keys {
            self.restore(&key);
            self.doubt_all(&key);
        }
        let refused = self.lease.as_ref().and_then(Lease::refused).cloned();
        self.session.take_over(refused.as_ref(), self.now);
    }

    pub(crate) fn step_down(&mut self) {
        self.acting = false;
        self.note(None, true, "not acting", "the lease is lost".into());
        self.asked.clear();
        self.session.reset(self.now);
        self.out.push(Request::Logout);
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

#[cfg(test)]
mod tests {
    use vmgroup_core::time::{Monotonic, Now};

    use super::*;
    use crate::event::LeaseRecord;
    use crate::limits::{LEASE_RENEW_DEADLINE_MS, LEASE_RETRY_MS};
    use crate::machine::tests::{machine, object};

    fn at(ms: u64) -> Now {
        Now {
            monotonic: Monotonic(ms),
            ..Now::default()
        }
    }

    /// What was written to the lease.
    fn written(asked: &[Request]) -> Vec<&LeaseRecord> {
        let leases = asked.iter().filter_map(|request| match request {
            Request::WriteLease { lease, .. } => Some(lease),
            _ => None,
        });
        leases.collect()
    }

    fn holders(asked: &[Request]) -> Vec<&str> {
        written(asked).iter().map(|lease| &*lease.holder).collect()
    }

    /// The only request, which writes the lease, is answered.
    fn answered(machine: &mut Machine, asked: &[Request], fails: bool, ms: u64) -> Vec<Request> {
        let [Request::WriteLease { id, lease }] = asked else {
            panic!("{asked:?}");
        };
        let event = if fails {
            Event::LeaseFailed {
                id: *id,
                message: "no route".into(),
            }
        } else {
            Event::LeaseSeen {
                lease: Some(lease.clone()),
                id: Some(*id),
            }
        };
        machine.step(event, at(ms))
    }

    fn holding() -> Machine {
        let mut machine = machine(Some("me"));
        let absent = Event::LeaseSeen {
            lease: None,
            id: None,
        };
        let created = machine.step(absent, at(0));
        answered(&mut machine, &created, false, 1);
        assert!(machine.is_acting());
        machine
    }

    #[test]
    fn a_farewell_waits_for_the_renewal_that_is_under_way() {
        for fails in [false, true] {
            let mut machine = holding();
            let renewal = machine.step(Event::Time, at(LEASE_RETRY_MS));
            let farewell = machine.step(Event::Stop, at(LEASE_RETRY_MS + 1));
            assert!(written(&farewell).is_empty(), "{farewell:?}");
            let asked = answered(&mut machine, &renewal, fails, LEASE_RETRY_MS + 2);
            assert_eq!(holders(&asked), [""], "{asked:?}");
        }
    }

    #[test]
    fn a_farewell_takes_the_place_of_a_renewal_that_is_due() {
        for asked_at in [LEASE_RETRY_MS, LEASE_RENEW_DEADLINE_MS] {
            let farewell = holding().step(Event::Stop, at(asked_at));
            assert_eq!(holders(&farewell), [""], "{farewell:?}");
        }
    }

    /// It began with what a slow watch showed, and wrote that over what had been committed.
    #[test]
    fn what_a_watch_shows_first_is_read_before_anything_is_written() {
        let shown = || Event::GroupChanged(Box::new(object("web")));
        let reads = |asked: Vec<Request>| {
            let read = |it: &Request| matches!(it, Request::ReadGroup { .. });
            asked.iter().filter(|it| read(it)).count()
        };
        let mut leased = holding();
        assert_eq!(reads(leased.step(shown(), at(2))), 1);
        assert_eq!(reads(leased.step(shown(), at(3))), 0);
        let mut alone = machine(None);
        assert_eq!(reads(alone.step(shown(), at(2))), 0);
    }
}
