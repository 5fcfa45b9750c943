//! The session with vCenter and its feed.
//!
//! ```text
//!   Down ──login──▶ LoggingIn ──in──▶ Starting ──feed reset──▶ Live
//!    ▲                │  └─refused─▶ Refused ──new secret, or 15 min──▶ LoggingIn
//!    └──failed, lost──┴───────────────────┴──────────────────────────────┘
//! ```
//!
//! The view of vCenter is usable in `Live` only. A relist keeps the state: the
//! old view stays as good as it was.

mod credentials;

use vmgroup_core::time::{Monotonic, Now, Timestamp};

use crate::backoff::Backoff;
use crate::event::{LoginResult, RefusedCredentials};
use crate::limits::{
    FEED_SILENCE_MS, LOGIN_MS_MAX, LOGIN_RETRY_FIRST_MS, LOGIN_RETRY_MOST_MS,
    REFUSED_LOGIN_RETRY_MS, RELIST_EVERY_MS, RELIST_GAP_MS,
};
use crate::request::RequestId;
use credentials::refused_problem;

/// Where the session stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    /// There is none; the next login is due at that time.
    Down(Monotonic),
    /// A login is under way, and was asked for at that time.
    LoggingIn { id: RequestId, asked_at: Monotonic },
    /// Logged in; the feed has not shown everything yet.
    Starting { id: RequestId, asked_at: Monotonic },
    /// The feed is up.
    Live,
    /// vCenter refused the credentials; the next try is due at that time.
    Refused(Monotonic),
}

/// What the session wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Log in, for this reason.
    Login(String),
    /// Begin the feed anew, for this reason.
    Relist(String),
}

/// The session with one vCenter.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    state: State,
    backoff: Backoff,
    credentials: Option<String>,
    /// The newest version that was known when the last login was asked for.
    tried: Option<String>,
    /// The last login that was asked for.
    login: Option<RequestId>,
    /// `about.instanceUuid` of the vCenter that the last login reached.
    vcenter: Option<String>,
    problem: Option<(&'static str, String)>,
    fresh_at: Now,
    /// A part of what the feed is about to tell arrived last then.
    arrived_at: Option<Monotonic>,
    /// The last version of the credentials that was refused, and when.
    seen_refused: Option<(String, Monotonic)>,
    /// The credentials of the secret were refused before, and are not tried earlier.
    refused_until: Option<Monotonic>,
    /// A relist is under way, and was asked for at that time.
    relisting: Option<(RequestId, Monotonic)>,
    relist_wanted: Option<String>,
    /// The last relist or login whose result has arrived was asked for then.
    listed_at: Option<Monotonic>,
    /// Complete views are asked for now and then though nothing needs one.
    relists_regularly: bool,
}

impl Session {
    /// One that logs in as soon as there are credentials.
    pub(crate) fn new() -> Self {
        Session {
            state: State::Down(Monotonic(0)),
            backoff: Backoff::new(LOGIN_RETRY_FIRST_MS, LOGIN_RETRY_MOST_MS),
            credentials: None,
            tried: None,
            login: None,
            seen_refused: None,
            refused_until: None,
            vcenter: None,
            problem: None,
            fresh_at: Now::default(),
            arrived_at: None,
            relisting: None,
            relist_wanted: None,
            listed_at: None,
            relists_regularly: true,
        }
    }

    /// Complete views are asked for only where something needs one.
    pub(crate) fn relist_only_if_wanted(&mut self) {
        self.relists_regularly = false;
    }

    /// The view can be used.
    pub(crate) fn is_live(&self) -> bool {
        self.state == State::Live && self.vcenter.is_some()
    }

    /// `about.instanceUuid` of the vCenter; empty before the first login.
    pub(crate) fn vcenter(&self) -> &str {
        self.vcenter.as_deref().unwrap_or_default()
    }

    /// The session exists, whether or not the feed is up.
    pub(crate) fn is_logged_in(&self) -> bool {
        matches!(self.state, State::Starting { .. } | State::Live)
    }

    /// When the feed was last known to be up to date.
    pub(crate) fn fresh_at(&self) -> Timestamp {
        self.fresh_at.utc
    }

    /// When the last complete view was asked for; everything that had happened
    /// by then is in it.
    pub(crate) fn listed_at(&self) -> Option<Monotonic> {
        self.listed_at
    }

    /// CamelCase reason and sentence, while the view cannot be used.
    pub(crate) fn problem(&self) -> (&'static str, String) {
        self.problem.clone().unwrap_or((
            "VCenterConnecting",
            "waiting for the first complete view of vCenter".into(),
        ))
    }

    /// A login was answered. Returns the version of refused credentials.
    pub(crate) fn login_answered(
        &mut self,
        id: RequestId,
        result: LoginResult,
        now: Now,
    ) -> Option<String> {
        if let LoginResult::In { vcenter, .. } = &result
            && self.login == Some(id)
        {
            self.vcenter = Some(vcenter.clone());
        }
        // A refusal counts even if nobody waits for it any more, such as after
        // the lease was lost: the account is not tried with the same again.
        let refused = matches!(result, LoginResult::Refused { .. }) && self.login == Some(id);
        let waiting = match self.state {
            State::LoggingIn {
                id: waiting,
                asked_at,
            } if waiting == id => Some(asked_at),
            _ => None,
        };
        if waiting.is_none() && !refused {
            return None;
        }
        match result {
            LoginResult::In { .. } if self.has_others_to_try(now) => self.log_in_anew(now),
            LoginResult::In { .. } => {
                if self.tried == self.credentials {
                    self.refused_until = None;
                }
                if let Some(asked_at) = waiting {
                    self.state = State::Starting { id, asked_at };
                }
            }
            LoginResult::Failed { message } => self.down(message, now),
            LoginResult::Refused { version, message } => {
                self.problem = Some(refused_problem(&message));
                self.seen_refused = Some((version.clone(), now.monotonic));
                if self.credentials == self.tried {
                    // Whoever logs in reads the secret, and may have met a version
                    // that is only about to be told: those are refused already.
                    self.credentials = Some(version.clone());
                }
                // The secret may have changed while the login was under way.
                if self.credentials.as_ref() == Some(&version) {
                    self.refused_until = Some(now.monotonic.plus(REFUSED_LOGIN_RETRY_MS));
                }
                self.state = self.login_at(now.monotonic, now);
                return Some(version);
            }
        }
        None
    }

    /// The feed shows everything anew. False if nobody waits for that.
    pub(crate) fn feed_reset(&mut self, id: RequestId, now: Now) -> bool {
        let asked_at = match (&self.state, &self.relisting) {
            // The feed may overtake the answer to the login that began it.
            (
                State::LoggingIn {
                    id: starting,
                    asked_at,
                }
                | State::Starting {
                    id: starting,
                    asked_at,
                },
                _,
            ) if *starting == id => *asked_at,
            (State::Live, Some((relisting, asked_at))) if *relisting == id => *asked_at,
            (State::Live, _) => {
                // A login that was given up went through after all: whatever ended
                // meanwhile may have been shown there, and is not shown again.
                self.want_relist("the feed began anew unasked");
                return false;
            }
            _ => return false,
        };
        self.state = State::Live;
        self.relisting = None;
        self.problem = None;
        self.backoff.succeed();
        self.listed_at = Some(asked_at);
        self.fresh_at = now;
        true
    }

    /// The feed gave a sign of life.
    pub(crate) fn feed_alive(&mut self, now: Now) {
        if self.is_live() {
            self.fresh_at = now;
        }
    }

    /// A part of what the feed tells next has arrived.
    pub(crate) fn feed_progresses(&mut self, now: Now) {
        self.arrived_at = Some(now.monotonic);
    }

    /// The feed, or the session with it, is lost.
    pub(crate) fn feed_lost(&mut self, reason: String, now: Now) {
        if self.is_logged_in() {
            self.down(reason, now);
        }
    }

    /// Asks for a complete view that begins after this moment.
    pub(crate) fn want_relist(&mut self, reason: &str) {
        self.relist_wanted.get_or_insert_with(|| reason.into());
    }

    /// The view lacks something, unless one that is under way shows it.
    pub(crate) fn miss(&mut self, reason: &str) {
        if self.relisting.is_none() {
            self.want_relist(reason);
        }
    }

    /// Ends the session; it stays down until `credentials_changed` or the end
    /// of its backoff.
    pub(crate) fn reset(&mut self, now: Now) {
        let before = std::mem::take(self);
        self.credentials = before.credentials;
        self.tried = before.tried;
        self.login = before.login;
        self.seen_refused = before.seen_refused;
        self.refused_until = before.refused_until;
        self.relists_regularly = before.relists_regularly;
        // What is missing is told once.
        self.problem = before.problem.filter(|_| self.credentials.is_none());
        self.state = State::Down(now.monotonic);
    }

    /// Another replica may have acted meanwhile: everything begins anew, with
    /// what is known of refused credentials.
    pub(crate) fn take_over(&mut self, refused: Option<&RefusedCredentials>, now: Now) {
        self.reset(now);
        if let Some(version) = self.credentials.take() {
            self.credentials_changed(version, refused, now);
        }
    }

    /// Lets time pass; returns what to do. `started` is told its request's id.
    pub(crate) fn drive(&mut self, now: Now) -> Option<Wish> {
        match &self.state {
            State::Down(at) if self.credentials.is_some() && now.monotonic >= *at => {
                let (_, reason) = self.problem();
                Some(Wish::Login(reason))
            }
            State::Refused(at) if now.monotonic >= *at => Some(Wish::Login(
                "refused credentials are tried once more".into(),
            )),
            State::LoggingIn { asked_at, .. } | State::Starting { asked_at, .. }
                if now.monotonic >= self.starts_by(*asked_at) =>
            {
                self.down("the login was never answered".into(), now);
                None
            }
            State::Live if now.monotonic >= self.silent_at() => {
                self.down("the feed gave no sign of life".into(), now);
                None
            }
            State::Live if self.relist_at().is_some_and(|at| now.monotonic >= at) => {
                let reason = self.relist_wanted.take();
                Some(Wish::Relist(reason.unwrap_or("it is time again".into())))
            }
            _ => None,
        }
    }

    /// The wish is being carried out under this id.
    pub(crate) fn started(&mut self, wish: &Wish, id: RequestId, now: Now) {
        let asked_at = now.monotonic;
        match wish {
            Wish::Login(_) => {
                self.tried.clone_from(&self.credentials);
                // Which one it is, the answer says; until then nothing is judged.
                self.vcenter = None;
                self.state = State::LoggingIn { id, asked_at };
                self.login = Some(id);
            }
            Wish::Relist(_) => self.relisting = Some((id, asked_at)),
        }
    }

    /// When `drive` has something to do.
    pub(crate) fn deadline(&self) -> Option<Monotonic> {
        match &self.state {
            State::Down(at) => self.credentials.as_ref().map(|_| *at),
            State::Refused(at) => Some(*at),
            State::LoggingIn { asked_at, .. } | State::Starting { asked_at, .. } => {
                Some(self.starts_by(*asked_at))
            }
            State::Live => self.relist_at().into_iter().chain([self.silent_at()]).min(),
        }
    }

    /// While a complete view is made the feed says nothing, for as long as a login may take.
    fn silent_at(&self) -> Monotonic {
        let fresh_at = self.fresh_at.monotonic;
        let heard_at = self.arrived_at.map_or(fresh_at, |at| at.max(fresh_at));
        let silent = heard_at.plus(FEED_SILENCE_MS);
        let relists = self.relisting.map(|(_, asked_at)| self.starts_by(asked_at));
        relists.map_or(silent, |by| by.max(silent))
    }

    /// A login, or a complete view, of which nothing has arrived by then never will.
    fn starts_by(&self, asked_at: Monotonic) -> Monotonic {
        let heard_at = self.arrived_at.map_or(asked_at, |at| at.max(asked_at));
        heard_at.plus(LOGIN_MS_MAX)
    }

    /// Soon if somebody asked for it, and now and then in any case: updates of
    /// a feed get lost. Never while one is under way.
    fn relist_at(&self) -> Option<Monotonic> {
        let gap = match self.relist_wanted {
            _ if self.relisting.is_some() => return None,
            Some(_) => RELIST_GAP_MS,
            None if self.relists_regularly => RELIST_EVERY_MS,
            None => return None,
        };
        Some(self.listed_at.unwrap_or_default().plus(gap))
    }

    fn down(&mut self, message: String, now: Now) {
        let wait = self.backoff.fail(&self.credentials);
        self.out_of_sight();
        self.state = self.login_at(now.monotonic.plus(wait), now);
        self.problem = Some(match self.state {
            State::Refused(_) => refused_problem(&format!("{message}; they were refused before")),
            _ => ("VCenterUnavailable", message),
        });
    }

    fn out_of_sight(&mut self) {
        self.relisting = None;
        self.relist_wanted = None;
        self.listed_at = None;
        self.arrived_at = None;
    }
}

impl Default for Session {
    fn default() -> Self {
        Session::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Now {
        Now {
            monotonic: Monotonic(ms),
            utc: Timestamp(1_000_000 + ms),
        }
    }

    fn login(session: &mut Session, id: u64, now: Now) {
        let wish = session.drive(now).expect("a login");
        assert!(matches!(wish, Wish::Login(_)));
        session.started(&wish, RequestId(id), now);
    }

    fn refused(version: &str) -> LoginResult {
        LoginResult::Refused {
            version: version.into(),
            message: "no".into(),
        }
    }

    fn live() -> Session {
        let mut session = Session::new();
        session.credentials_changed("v1".into(), None, at(0));
        login(&mut session, 1, at(0));
        let inside = LoginResult::In {
            vcenter: "vc".into(),
        };
        session.login_answered(RequestId(1), inside, at(1));
        assert!(!session.is_live(), "the feed has shown nothing yet");
        assert!(session.feed_reset(RequestId(1), at(2)));
        session
    }

    #[test]
    fn nothing_is_tried_without_credentials() {
        assert_eq!(Session::new().drive(at(1_000_000)), None);
    }

    #[test]
    fn what_is_missing_is_told_until_there_is_something_to_try() {
        let mut session = Session::new();
        assert!(session.credentials_missing("found no VC_PASS".into()));
        assert_eq!(session.problem().0, "CredentialsMissing");
        // It was told before this replica had its turn.
        session.reset(at(10));
        assert_eq!(session.problem().0, "CredentialsMissing");
        assert!(!live().credentials_missing("found no VC_PASS".into()));
    }

    #[test]
    fn a_session_ends_when_the_secret_changes_unless_that_was_refused_before() {
        let mut session = live();
        session.credentials_changed("v2".into(), None, at(50));
        assert!(!session.is_live());
        login(&mut session, 2, at(50));
        let mut session = live();
        let refused = RefusedCredentials {
            version: "v2".into(),
            at: at(0).utc,
        };
        session.credentials_changed("v2".into(), Some(&refused), at(50));
        assert!(session.is_live());
    }

    #[test]
    fn a_session_that_ends_is_not_followed_by_a_login_with_refused_credentials() {
        let mut session = live();
        let refused = RefusedCredentials {
            version: "v2".into(),
            at: at(0).utc,
        };
        session.credentials_changed("v2".into(), Some(&refused), at(50));
        session.feed_lost("the session has ended".into(), at(60));
        assert_eq!(session.problem().0, "CredentialsRefused");
        assert_eq!(session.drive(at(REFUSED_LOGIN_RETRY_MS - 1)), None);
        // Back to those that worked.
        session.credentials_changed("v1".into(), Some(&refused), at(70));
        login(&mut session, 2, at(70));
    }

    #[test]
    fn refused_credentials_that_come_back_during_a_login_wait_and_count_once_they_work() {
        let was_refused = RefusedCredentials {
            version: "v1".into(),
            at: at(0).utc,
        };
        for answer in [
            refused("v2"),
            LoginResult::In {
                vcenter: "vc".into(),
            },
        ] {
            let mut session = Session::new();
            session.credentials_changed("v2".into(), None, at(5));
            login(&mut session, 1, at(5));
            session.credentials_changed("v1".into(), Some(&was_refused), at(6));
            session.login_answered(RequestId(1), answer.clone(), at(10));
            assert_eq!(session.drive(at(10)), None, "{answer:?}");
        }
        // Once they are accepted, they were not refused.
        let mut session = Session::new();
        session.credentials_changed("v1".into(), Some(&was_refused), at(10));
        login(&mut session, 1, at(REFUSED_LOGIN_RETRY_MS));
        let inside = LoginResult::In {
            vcenter: "vc".into(),
        };
        session.login_answered(RequestId(1), inside, at(REFUSED_LOGIN_RETRY_MS + 1));
        assert_eq!(session.refused_until, None);
    }

    #[test]
    fn refused_credentials_are_tried_again_after_15_minutes_and_new_ones_at_once() {
        let mut session = Session::new();
        session.credentials_changed("v1".into(), None, at(0));
        login(&mut session, 1, at(0));
        let refused = refused("v1");
        let version = session.login_answered(RequestId(1), refused.clone(), at(10));
        assert_eq!(version.as_deref(), Some("v1"));
        assert_eq!(session.drive(at(REFUSED_LOGIN_RETRY_MS)), None);
        login(&mut session, 2, at(REFUSED_LOGIN_RETRY_MS + 10));
        session.login_answered(RequestId(2), refused, at(REFUSED_LOGIN_RETRY_MS + 20));
        session.credentials_changed("v2".into(), None, at(REFUSED_LOGIN_RETRY_MS + 30));
        login(&mut session, 3, at(REFUSED_LOGIN_RETRY_MS + 30));
    }

    #[test]
    fn a_secret_that_changes_during_a_login_that_succeeds_is_tried_at_once() {
        let mut session = Session::new();
        session.credentials_changed("v1".into(), None, at(0));
        login(&mut session, 1, at(0));
        session.credentials_changed("v2".into(), None, at(5));
        let inside = LoginResult::In {
            vcenter: "vc".into(),
        };
        session.login_answered(RequestId(1), inside, at(10));
        assert!(!session.is_logged_in());
        login(&mut session, 2, at(10));
    }

    #[test]
    fn a_secret_that_changes_during_a_refused_login_is_tried_at_once() {
        let mut session = Session::new();
        session.credentials_changed("v1".into(), None, at(0));
        login(&mut session, 1, at(0));
        session.credentials_changed("v2".into(), None, at(5));
        let refused = refused("v1");
        let version = session.login_answered(RequestId(1), refused, at(10));
        assert_eq!(version.as_deref(), Some("v1"), "v2 was not refused");
        login(&mut session, 2, at(10));
    }

    /// The secret is read at the login, and told of in its own time: the refusal
    /// was booked on the version before.
    #[test]
    fn a_version_that_is_refused_before_it_is_told_is_not_tried_when_it_is_told() {
        let mut session = Session::new();
        session.credentials_changed("v1".into(), None, at(0));
        login(&mut session, 1, at(0));
        let version = session.login_answered(RequestId(1), refused("v2"), at(10));
        assert_eq!(version.as_deref(), Some("v2"));
        session.credentials_changed("v2".into(), None, at(20));
        assert_eq!(session.drive(at(20)), None);
        session.credentials_changed("v3".into(), None, at(30));
        login(&mut session, 2, at(30));
    }

    #[test]
    fn a_version_that_is_told_while_it_is_refused_waits() {
        let mut session = Session::new();
        session.credentials_changed("v1".into(), None, at(0));
        login(&mut session, 1, at(0));
        session.credentials_changed("v2".into(), None, at(5));
        session.login_answered(RequestId(1), refused("v2"), at(10));
        assert_eq!(session.drive(at(10)), None);
    }

    #[test]
    fn credentials_that_another_replica_saw_refused_wait_too() {
        let mut session = Session::new();
        let refused = RefusedCredentials {
            version: "v1".into(),
            at: at(0).utc,
        };
        session.credentials_changed("v1".into(), Some(&refused), at(60_000));
        assert_eq!(session.drive(at(60_000)), None);
        assert!(session.drive(at(REFUSED_LOGIN_RETRY_MS)).is_some());
    }

    #[test]
    fn a_refusal_that_is_heard_after_the_lease_was_lost_is_remembered() {
        let mut session = Session::new();
        session.credentials_changed("v1".into(), None, at(0));
        login(&mut session, 1, at(0));
        session.reset(at(5));
        let refused = refused("v1");
        let version = session.login_answered(RequestId(1), refused, at(10));
        assert_eq!(version.as_deref(), Some("v1"));
        let refused = RefusedCredentials {
            version: "v1".into(),
            at: at(10).utc,
        };
        session.take_over(Some(&refused), at(20));
        assert_eq!(session.drive(at(20)), None);
        assert!(session.drive(at(REFUSED_LOGIN_RETRY_MS + 10)).is_some());
    }

    /// Found by the scope one-slot-two-faults-loose: a login that had been given up
    /// went through late, and took the feed over.
    #[test]
    fn a_feed_that_begins_anew_unasked_is_followed_by_a_complete_view() {
        let mut session = live();
        assert!(!session.feed_reset(RequestId(9), at(5_000)));
        let wish = session.drive(at(5_000));
        assert!(matches!(wish, Some(Wish::Relist(_))), "{wish:?}");
    }

    #[test]
    fn a_wall_clock_that_jumps_does_not_make_a_refusal_old_for_who_saw_it() {
        let mut session = Session::new();
        session.credentials_changed("v1".into(), None, at(0));
        login(&mut session, 1, at(0));
        session.login_answered(RequestId(1), refused("v1"), at(10));
        session.reset(at(20));
        let hour_later = Now {
            monotonic: Monotonic(30),
            utc: Timestamp(1_000_000 + 3_600_000),
        };
        let refused = RefusedCredentials {
            version: "v1".into(),
            at: at(10).utc,
        };
        session.take_over(Some(&refused), hour_later);
        assert_eq!(session.drive(hour_later), None);
        assert!(session.drive(at(REFUSED_LOGIN_RETRY_MS + 10)).is_some());
    }

    #[test]
    fn an_outage_is_over_at_most_20_seconds_after_it_ended() {
        let mut session = Session::new();
        session.credentials_changed("v1".into(), None, at(0));
        let mut now = 0;
        for id in 1..50 {
            login(&mut session, id, at(now));
            let failed = LoginResult::Failed {
                message: "refused".into(),
            };
            session.login_answered(RequestId(id), failed, at(now));
            let next = session.deadline().expect("a retry").0;
            assert!(next > now && next - now <= LOGIN_RETRY_MOST_MS);
            now = next;
        }
    }

    #[test]
    fn a_silent_feed_is_taken_for_lost() {
        let mut session = live();
        session.feed_alive(at(1_000));
        assert_eq!(session.drive(at(FEED_SILENCE_MS)), None);
        assert!(session.is_live());
        session.drive(at(FEED_SILENCE_MS + 1_000));
        assert!(!session.is_live());
    }

    /// Thousands of VMs that change at once take longer than a silence may.
    #[test]
    fn a_feed_of_which_parts_arrive_is_not_lost_and_makes_no_view_fresh() {
        let mut session = live();
        let fresh_at = session.fresh_at();
        session.feed_progresses(at(FEED_SILENCE_MS));
        assert_eq!(session.drive(at(2 * FEED_SILENCE_MS - 1)), None);
        assert!(session.is_live());
        assert_eq!(session.fresh_at(), fresh_at);
        session.drive(at(2 * FEED_SILENCE_MS));
        assert!(!session.is_live());
    }

    #[test]
    fn a_first_view_of_which_parts_arrive_is_waited_for() {
        let mut session = Session::new();
        session.credentials_changed("v1".into(), None, at(0));
        login(&mut session, 1, at(0));
        session.feed_progresses(at(LOGIN_MS_MAX - 1));
        assert_eq!(session.drive(at(2 * LOGIN_MS_MAX - 2)), None);
        assert!(session.feed_reset(RequestId(1), at(2 * LOGIN_MS_MAX - 2)));
    }

    #[test]
    fn a_view_is_listed_anew_now_and_then_without_being_asked() {
        let mut session = live();
        session.feed_alive(at(RELIST_EVERY_MS - 1));
        assert_eq!(session.drive(at(RELIST_EVERY_MS - 1)), None);
        let wish = session.drive(at(RELIST_EVERY_MS));
        assert!(matches!(wish, Some(Wish::Relist(_))), "{wish:?}");
    }

    #[test]
    fn a_view_can_be_listed_anew_only_where_something_needs_it() {
        let mut session = live();
        session.relist_only_if_wanted();
        session.feed_alive(at(2 * RELIST_EVERY_MS));
        assert_eq!(session.drive(at(2 * RELIST_EVERY_MS)), None);
        session.want_relist("an answer was lost");
        let wish = session.drive(at(2 * RELIST_EVERY_MS));
        assert!(matches!(wish, Some(Wish::Relist(_))), "{wish:?}");
    }

    #[test]
    fn a_reset_counts_from_the_moment_it_was_asked_for() {
        let mut session = live();
        session.want_relist("an answer was lost");
        let wish = session.drive(at(5_000)).expect("a relist");
        session.started(&wish, RequestId(7), at(5_000));
        assert!(
            !session.feed_reset(RequestId(6), at(6_000)),
            "not the one asked for"
        );
        assert!(session.feed_reset(RequestId(7), at(6_000)));
        assert_eq!(session.listed_at(), Some(Monotonic(5_000)));
    }

    #[test]
    fn while_there_is_no_view_it_is_said_why() {
        let mut session = Session::new();
        assert_eq!(session.problem().0, "VCenterConnecting");
        session.credentials_changed("v1".into(), None, at(0));
        login(&mut session, 1, at(0));
        let failed = LoginResult::Failed {
            message: "no route".into(),
        };
        session.login_answered(RequestId(1), failed, at(10));
        let away = ("VCenterUnavailable", "no route".to_owned());
        assert_eq!(session.problem(), away);
        session.credentials_changed("v2".into(), None, at(20));
        login(&mut session, 2, at(20));
        session.login_answered(RequestId(2), refused("v2"), at(30));
        let (reason, message) = session.problem();
        assert_eq!(reason, "CredentialsRefused");
        assert!(
            message.contains("refused the credentials (no)"),
            "{message}"
        );
    }

    #[test]
    fn only_what_is_waited_for_counts() {
        let inside = |vcenter: &str| LoginResult::In {
            vcenter: vcenter.into(),
        };
        let mut session = Session::new();
        session.credentials_changed("v1".into(), None, at(0));
        login(&mut session, 2, at(0));
        // Answers and feeds of a login that was given up.
        session.login_answered(RequestId(1), inside("former"), at(1));
        session.login_answered(RequestId(1), refused("v1"), at(1));
        assert!(!session.feed_reset(RequestId(1), at(1)));
        assert_eq!(session.drive(at(1)), None);
        assert!(session.vcenter().is_empty() && !session.is_logged_in());
        session.login_answered(RequestId(2), inside("vc"), at(2));
        assert!(!session.feed_reset(RequestId(1), at(3)));
        assert!(session.feed_reset(RequestId(2), at(3)) && session.is_live());
        assert_eq!(session.vcenter(), "vc");
    }

    #[test]
    fn a_feed_that_is_lost_before_there_is_a_session_changes_nothing() {
        let mut session = Session::new();
        session.credentials_changed("v1".into(), None, at(0));
        session.feed_lost("cut".into(), at(0));
        assert_eq!(session.deadline(), Some(Monotonic(0)), "no time is lost");
        let mut session = live();
        session.feed_lost("cut".into(), at(10));
        assert!(session.deadline() > Some(Monotonic(10)));
    }

    #[test]
    fn a_login_that_is_never_answered_is_given_up() {
        let mut session = Session::new();
        session.credentials_changed("v1".into(), None, at(0));
        login(&mut session, 1, at(0));
        assert_eq!(session.drive(at(LOGIN_MS_MAX - 1)), None);
        assert_eq!(session.problem().0, "VCenterConnecting");
        assert_eq!(session.drive(at(LOGIN_MS_MAX)), None);
        assert_eq!(session.problem().1, "the login was never answered");
    }

    #[test]
    fn one_view_is_asked_for_at_a_time() {
        let mut session = live();
        session.want_relist("an answer was lost");
        let wish = session.drive(at(5_000)).expect("a relist");
        session.started(&wish, RequestId(7), at(5_000));
        session.want_relist("another one");
        session.feed_alive(at(60_000));
        assert_eq!(session.drive(at(60_000)), None);
        assert!(session.feed_reset(RequestId(7), at(61_000)));
        assert!(session.drive(at(61_000)).is_some());
    }

    #[test]
    fn whoever_steps_down_keeps_nothing_of_the_view() {
        let mut session = live();
        session.want_relist("an answer was lost");
        session.reset(at(5_000));
        assert!(!session.is_live() && session.listed_at().is_none());
        login(&mut session, 2, at(5_000));
    }
}
