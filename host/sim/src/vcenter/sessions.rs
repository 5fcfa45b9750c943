//! Sessions: who is logged in, and how that ends.

use std::collections::BTreeSet;

use vmgroup_core::time::{Monotonic, Now};
use vmgroup_reconcile::event::{Event, LoginResult};
use vmgroup_reconcile::inventory::VmId;

use super::VCenter;
use super::feed::Feed;
use crate::history::Fact;

/// Names one session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SessionId(pub u64);

#[derive(Debug, Clone, Default)]
pub(super) struct Session {
    pub(super) ended: bool,
    pub(super) feed: Option<Feed>,
    /// VMs that the feed shows wherever they are.
    pub(super) tracked: BTreeSet<VmId>,
    /// Counts the feeds of this session.
    pub(super) epoch: u64,
    /// News of feeds before this one are thrown away.
    pub(super) wanted_from: u64,
    /// When the last news arrives: order is kept.
    pub(super) last: Monotonic,
}

impl VCenter {
    /// Logs in with the credentials of that version.
    pub fn login(&mut self, now: Now, version: &str) -> (LoginResult, Option<SessionId>) {
        let accepted = self.accepted.contains(version);
        self.log.push(Fact::LoggedIn {
            at: now.monotonic,
            host: 0,
            life: 0,
            version: version.to_owned(),
            accepted,
            heard: true,
        });
        if !accepted {
            let message = "Cannot complete login due to an incorrect user name or password.";
            return (
                LoginResult::Refused {
                    version: version.to_owned(),
                    message: message.into(),
                },
                None,
            );
        }
        let id = SessionId(self.number());
        self.sessions.insert(id, Session::default());
        (
            LoginResult::In {
                vcenter: self.instance.clone(),
            },
            Some(id),
        )
    }

    /// Who logged in just now, and whether it hears the answer.
    pub(crate) fn name_login(&mut self, by: usize, in_life: u32, hears: bool) {
        if let Some(Fact::LoggedIn {
            host, life, heard, ..
        }) = self.log.last_mut()
        {
            *host = by;
            *life = in_life;
            *heard = hears;
        }
    }

    /// Ends a session at its owner's wish: nobody is told.
    pub fn logout(&mut self, id: SessionId) {
        if let Some(session) = self.sessions.get_mut(&id) {
            session.ended = true;
            session.feed = None;
            session.wanted_from = u64::MAX;
        }
    }

    /// The owner no longer listens: the session stays, its feed does not.
    pub fn abandon(&mut self, id: SessionId) {
        if let Some(session) = self.sessions.get_mut(&id) {
            session.feed = None;
            session.wanted_from = u64::MAX;
        }
    }

    /// Ends a session against its owner's will.
    pub fn end_session(&mut self, now: Now, id: SessionId, reason: &str) {
        let Some(session) = self.sessions.get_mut(&id).filter(|session| !session.ended) else {
            return;
        };
        session.ended = true;
        self.lose_feed(now, id, reason, true);
    }

    /// Breaks the feed; the session stays.
    pub fn drop_feed(&mut self, now: Now, id: SessionId, reason: &str) {
        if self.alive(id) {
            self.lose_feed(now, id, reason, false);
        }
    }

    /// Sessions that have not ended, whether or not somebody uses them.
    pub fn sessions(&self) -> impl Iterator<Item = SessionId> + '_ {
        self.sessions
            .iter()
            .filter(|(_, session)| !session.ended)
            .map(|(id, _)| *id)
    }

    /// The session has not ended.
    pub fn alive(&self, id: SessionId) -> bool {
        self.sessions.get(&id).is_some_and(|it| !it.ended)
    }

    /// Whether credentials of that version are accepted.
    pub fn accepts(&self, version: &str) -> bool {
        self.accepted.contains(version)
    }

    /// Accepts credentials of that version, or refuses them from here on.
    pub fn accept(&mut self, version: &str, accepted: bool) {
        if accepted {
            self.accepted.insert(version.to_owned());
        } else {
            self.accepted.remove(version);
        }
    }

    /// It can be reached.
    pub fn reachable(&self, now: Now) -> bool {
        now.monotonic >= self.down_until
    }

    /// Cannot be reached for so long. Sessions and tasks go on.
    pub fn cut_off(&mut self, now: Now, for_ms: u64) {
        self.down_until = self.down_until.max(now.monotonic.plus(for_ms));
        let all: Vec<SessionId> = self.sessions().collect();
        for id in all {
            self.drop_feed(now, id, "the connection was reset");
        }
    }

    /// Restarts: sessions end, tasks are forgotten, and those that ran had no
    /// effect.
    pub fn restart(&mut self, now: Now, for_ms: u64) {
        self.down_until = self.down_until.max(now.monotonic.plus(for_ms));
        let all: Vec<SessionId> = self.sessions().collect();
        for id in all {
            self.end_session(now, id, "vCenter restarts");
        }
        for id in self.tasks.keys().cloned().collect::<Vec<_>>() {
            self.write_failure(now, &id);
        }
        self.tasks.clear();
    }

    fn lose_feed(&mut self, now: Now, id: SessionId, reason: &str, session_ended: bool) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        if session.feed.take().is_none() && !session_ended {
            return;
        }
        let event = Event::FeedLost {
            reason: reason.to_owned(),
            session_ended,
        };
        self.send_news(now, id, event);
    }
}
