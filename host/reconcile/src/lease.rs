//! Who acts: one replica at a time, by a Lease.
//!
//! ```text
//!              created / taken over              not renewed for the deadline,
//!   Waiting ───────────────────────▶ Holding ─── or seen in other hands ──▶ Waiting
//!      ▲  └── other holder renews ──┐   └── renewed every retry ──┐
//!      └──────────────────────────── ┘                            ┘
//! ```
//!
//! After client-go: a foreign holder's clock is never read. Its lease has lapsed
//! when *this* replica has seen no change of it for the lease's duration.

use vmgroup_core::time::Monotonic;

use crate::event::{LeaseRecord, RefusedCredentials};
use crate::limits::{LEASE_DURATION_S, LEASE_RENEW_DEADLINE_MS, LEASE_RETRY_MS};

/// What the lease says this replica may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Nothing.
    Waiting,
    /// Everything.
    Holding,
}

/// The lease of one replica.
#[derive(Debug, Clone)]
pub(crate) struct Lease {
    me: String,
    role: Role,
    seen: Option<(LeaseRecord, Monotonic)>,
    /// The API server has said that there is no lease.
    absent: bool,
    renewed_at: Monotonic,
    try_at: Monotonic,
    /// A write is under way, and was sent at that time.
    writing: Option<Monotonic>,
    /// Credentials that vCenter refused, to be written with the next renewal.
    refused: Option<RefusedCredentials>,
}

impl Lease {
    /// A replica that waits.
    pub(crate) fn new(me: String) -> Self {
        Lease {
            me,
            role: Role::Waiting,
            seen: None,
            absent: false,
            renewed_at: Monotonic(0),
            try_at: Monotonic(0),
            writing: None,
            refused: None,
        }
    }

    /// What this replica may do.
    pub(crate) fn role(&self) -> Role {
        self.role
    }

    /// Credentials that some replica saw refused last.
    pub(crate) fn refused(&self) -> Option<&RefusedCredentials> {
        let seen = self.seen.as_ref();
        let by_any = seen.and_then(|(lease, _)| lease.refused.as_ref());
        let all = by_any.into_iter().chain(&self.refused);
        all.max_by_key(|refused| refused.at)
    }

    /// Remembers refused credentials for all replicas, or that there are none.
    pub(crate) fn remember_refused(&mut self, refused: Option<RefusedCredentials>, now: Monotonic) {
        if let Some((lease, _)) = &mut self.seen {
            lease.refused = None;
        }
        self.refused = refused;
        self.try_at = now;
    }

    /// The lease as the API server has it. `answered` if it answers a write of ours.
    pub(crate) fn saw(&mut self, lease: Option<LeaseRecord>, answered: bool, now: Monotonic) {
        let sent_at = if answered { self.writing.take() } else { None };
        let Some(lease) = lease else {
            self.absent = true;
            self.seen = None;
            self.try_at = now;
            return;
        };
        self.absent = false;
        let changed = self
            .seen
            .as_ref()
            .is_none_or(|(known, _)| known.resource_version != lease.resource_version);
        let mine = lease.holder == self.me;
        if changed {
            self.seen = Some((lease, now));
        }
        if let (true, Some(sent_at)) = (mine, sent_at) {
            // It counts from when it was sent: an answer may be read much later.
            if now.since(sent_at) < LEASE_RENEW_DEADLINE_MS {
                self.role = Role::Holding;
                self.renewed_at = sent_at;
                self.try_at = sent_at.plus(LEASE_RETRY_MS);
            }
        } else if !mine {
            self.role = Role::Waiting;
        }
    }

    /// A write of ours failed, or lost against another one.
    pub(crate) fn failed(&mut self, now: Monotonic) {
        self.writing = None;
        self.try_at = now.plus(LEASE_RETRY_MS);
    }

    /// Gives the lease up, so that another replica need not wait. Not while a
    /// write is under way: this one would lose against it.
    pub(crate) fn give_up(&mut self) -> Option<LeaseRecord> {
        if self.role == Role::Waiting || self.writing.is_some() {
            return None;
        }
        self.role = Role::Waiting;
        let (seen, _) = self.seen.as_ref()?;
        Some(LeaseRecord {
            holder: String::new(),
            refused: self.refused().cloned(),
            ..seen.clone()
        })
    }

    /// Lets time pass; returns what to write, if anything.
    pub(crate) fn drive(&mut self, now: Monotonic) -> Option<LeaseRecord> {
        if self.role == Role::Holding && now.since(self.renewed_at) >= LEASE_RENEW_DEADLINE_MS {
            self.role = Role::Waiting;
        }
        if self.writing.is_some() || now < self.try_at {
            return None;
        }
        let wish = self.wish(now)?;
        self.writing = Some(now);
        Some(wish)
    }

    /// When `drive` has something to do.
    pub(crate) fn deadline(&self) -> Option<Monotonic> {
        let step_down =
            (self.role == Role::Holding).then(|| self.renewed_at.plus(LEASE_RENEW_DEADLINE_MS));
        let act = if self.writing.is_some() {
            None
        } else if self.role == Role::Holding || self.absent {
            Some(self.try_at)
        } else {
            self.seen
                .as_ref()
                .map(|(lease, at)| self.lapses(lease, *at).max(self.try_at))
        };
        [step_down, act].into_iter().flatten().min()
    }

    fn lapses(&self, lease: &LeaseRecord, seen_at: Monotonic) -> Monotonic {
        if lease.holder.is_empty() || lease.holder == self.me {
            return seen_at;
        }
        seen_at.plus(u64::from(lease.duration_s) * 1_000)
    }

    fn wish(&self, now: Monotonic) -> Option<LeaseRecord> {
        let mine = |resource_version: String, transitions| LeaseRecord {
            holder: self.me.clone(),
            duration_s: LEASE_DURATION_S,
            transitions,
            resource_version,
            refused: self.refused().cloned(),
        };
        match &self.seen {
            None if self.absent => Some(mine(String::new(), 0)),
            None => None,
            Some((lease, _)) if lease.holder == self.me => {
                Some(mine(lease.resource_version.clone(), lease.transitions))
            }
            Some((lease, at)) if now >= self.lapses(lease, *at) => {
                Some(mine(lease.resource_version.clone(), lease.transitions + 1))
            }
            Some(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use vmgroup_core::time::Timestamp;

    use super::*;

    fn lease(holder: &str, version: &str) -> LeaseRecord {
        LeaseRecord {
            holder: holder.into(),
            duration_s: LEASE_DURATION_S,
            transitions: 0,
            resource_version: version.into(),
            refused: None,
        }
    }

    fn holding(at: u64) -> Lease {
        let mut me = Lease::new("me".into());
        me.saw(None, false, Monotonic(at));
        assert!(me.drive(Monotonic(at)).is_some());
        me.saw(Some(lease("me", "1")), true, Monotonic(at));
        assert_eq!(me.role(), Role::Holding);
        me
    }

    #[test]
    fn nobody_acts_before_the_api_server_has_been_seen() {
        let mut me = Lease::new("me".into());
        assert_eq!(me.drive(Monotonic(1_000_000)), None);
        assert_eq!(me.role(), Role::Waiting);
    }

    #[test]
    fn an_absent_lease_is_created_and_counts_only_when_the_write_was_answered() {
        let mut me = Lease::new("me".into());
        me.saw(None, false, Monotonic(5));
        let wish = me.drive(Monotonic(5)).expect("a write");
        assert_eq!(
            (wish.holder.as_str(), wish.resource_version.as_str()),
            ("me", "")
        );
        assert_eq!(me.role(), Role::Waiting);
        assert_eq!(me.drive(Monotonic(6)), None, "one write at a time");
        me.saw(Some(lease("me", "1")), true, Monotonic(7));
        assert_eq!(me.role(), Role::Holding);
    }

    #[test]
    fn a_foreign_lease_is_taken_only_after_it_stood_still_for_its_duration() {
        let mut me = Lease::new("me".into());
        me.saw(Some(lease("other", "1")), false, Monotonic(0));
        assert_eq!(me.drive(Monotonic(14_999)), None);
        me.saw(Some(lease("other", "2")), false, Monotonic(14_999));
        assert_eq!(me.drive(Monotonic(29_998)), None);
        let wish = me.drive(Monotonic(29_999)).expect("a take-over");
        assert_eq!((wish.resource_version.as_str(), wish.transitions), ("2", 1));
    }

    #[test]
    fn a_holder_that_cannot_renew_stops_before_anybody_else_may_start() {
        let mut me = holding(0);
        assert!(me.drive(Monotonic(2_000)).is_some());
        me.failed(Monotonic(3_000));
        assert!(me.drive(Monotonic(9_999)).is_some());
        assert_eq!(me.role(), Role::Holding);
        me.drive(Monotonic(10_000));
        assert_eq!(me.role(), Role::Waiting);
    }

    #[test]
    fn an_answer_that_is_read_too_late_renews_nothing() {
        for read_at in [2_000 + LEASE_RENEW_DEADLINE_MS, 30_000] {
            let mut me = holding(0);
            assert!(me.drive(Monotonic(2_000)).is_some());
            assert_eq!(me.drive(Monotonic(read_at)), None);
            me.saw(Some(lease("me", "2")), true, Monotonic(read_at));
            assert_eq!(me.role(), Role::Waiting);
        }
    }

    #[test]
    fn a_lease_seen_in_other_hands_ends_holding_at_once() {
        let mut me = holding(0);
        me.saw(Some(lease("other", "9")), false, Monotonic(1));
        assert_eq!(me.role(), Role::Waiting);
    }

    #[test]
    fn a_lease_given_up_names_nobody() {
        let mut me = holding(0);
        assert_eq!(me.give_up().map(|lease| lease.holder), Some(String::new()));
        assert_eq!(me.role(), Role::Waiting);
    }

    #[test]
    fn a_lease_that_is_being_renewed_is_given_up_after_the_answer() {
        let mut me = holding(0);
        assert!(me.drive(Monotonic(2_000)).is_some());
        assert_eq!(me.give_up(), None);
        me.saw(Some(lease("me", "2")), true, Monotonic(2_010));
        let given_up = me.give_up().expect("nothing is under way");
        assert_eq!(given_up.resource_version, "2");
    }

    #[test]
    fn a_lease_of_ones_own_is_renewed_at_once_and_changes_no_holder() {
        let mut me = Lease::new("me".into());
        me.saw(Some(lease("me", "5")), false, Monotonic(7));
        let wish = me.drive(Monotonic(7)).expect("a renewal");
        assert_eq!((wish.resource_version.as_str(), wish.transitions), ("5", 0));
    }

    #[test]
    fn a_lease_that_was_given_up_is_taken_at_once() {
        let mut me = Lease::new("me".into());
        me.saw(Some(lease("", "5")), false, Monotonic(7));
        assert_eq!(me.deadline(), Some(Monotonic(7)));
        let wish = me.drive(Monotonic(7)).expect("a take-over");
        assert_eq!((wish.resource_version.as_str(), wish.transitions), ("5", 1));
    }

    #[test]
    fn it_is_looked_at_when_something_can_be_done() {
        let mut me = Lease::new("me".into());
        assert_eq!(me.deadline(), None);
        me.saw(None, false, Monotonic(5));
        assert_eq!(me.deadline(), Some(Monotonic(5)));
        me.saw(Some(lease("other", "1")), false, Monotonic(100));
        assert_eq!(me.deadline(), Some(Monotonic(15_100)));

        let mut me = holding(0);
        assert_eq!(me.deadline(), Some(Monotonic(LEASE_RETRY_MS)));
        assert!(me.drive(Monotonic(LEASE_RETRY_MS)).is_some());
        assert_eq!(me.deadline(), Some(Monotonic(LEASE_RENEW_DEADLINE_MS)));
        me.failed(Monotonic(3_000));
        assert_eq!(me.deadline(), Some(Monotonic(3_000 + LEASE_RETRY_MS)));
    }

    #[test]
    fn refused_credentials_are_written_soon_and_handed_on() {
        let refused = || RefusedCredentials {
            version: "v1".into(),
            at: Timestamp(7),
        };
        let mut me = holding(0);
        me.remember_refused(Some(refused()), Monotonic(10));
        let wish = me.drive(Monotonic(10)).expect("a renewal");
        assert_eq!(wish.refused, Some(refused()));
        me.saw(
            Some(LeaseRecord {
                resource_version: "2".into(),
                ..wish
            }),
            true,
            Monotonic(11),
        );
        let given_up = me.give_up().expect("nothing is under way");
        assert_eq!(given_up.refused, Some(refused()));
        let mut hasty = holding(0);
        hasty.remember_refused(Some(refused()), Monotonic(10));
        let unwritten = hasty.give_up().expect("nothing is under way");
        assert_eq!(unwritten.refused, Some(refused()));
        let mut other = Lease::new("other".into());
        other.saw(Some(given_up), false, Monotonic(12));
        assert_eq!(other.refused(), Some(&refused()));
        other.remember_refused(None, Monotonic(13));
        assert_eq!(other.refused(), None);
    }
}
