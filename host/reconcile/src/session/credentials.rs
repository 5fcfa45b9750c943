//! Which credentials are tried, and when again: an account must not be locked.

use super::{Monotonic, Now, REFUSED_LOGIN_RETRY_MS, RefusedCredentials, Session, State};

impl Session {
    /// The secret has this version.
    pub(crate) fn credentials_changed(
        &mut self,
        version: String,
        refused: Option<&RefusedCredentials>,
        now: Now,
    ) {
        if self.credentials.as_ref() == Some(&version) {
            return;
        }
        let recorded = refused
            .filter(|refused| refused.version == version)
            .map(|refused| now.utc.since(refused.at));
        // What this replica saw itself, a clock measures that never jumps.
        let seen = self.seen_refused.as_ref();
        let seen = seen
            .filter(|(refused, _)| *refused == version)
            .map(|(_, at)| now.monotonic.since(*at));
        let passed = recorded.into_iter().chain(seen).min();
        let wait = passed.map(|passed| REFUSED_LOGIN_RETRY_MS.saturating_sub(passed));
        self.refused_until = wait
            .filter(|wait| *wait > 0)
            .map(|wait| now.monotonic.plus(wait));
        self.credentials = Some(version);
        match (&self.state, self.refused_until) {
            (State::Down(_) | State::Refused(_), Some(until)) => {
                self.problem = Some(refused_problem("they were refused before"));
                self.state = State::Refused(until);
            }
            (State::LoggingIn { .. }, _) | (State::Starting { .. } | State::Live, Some(_)) => {}
            _ => self.log_in_anew(now),
        }
    }

    /// The login that was answered was made with others than the secret has by now.
    pub(super) fn has_others_to_try(&self, now: Now) -> bool {
        self.tried != self.credentials && self.refused_for_now(now).is_none()
    }

    /// The credentials of the secret were refused before, and are not tried earlier.
    fn refused_for_now(&self, now: Now) -> Option<Monotonic> {
        self.refused_until.filter(|until| *until > now.monotonic)
    }

    /// The next login is due then; later if the credentials were refused before.
    pub(super) fn login_at(&self, at: Monotonic, now: Now) -> State {
        self.refused_for_now(now)
            .map_or(State::Down(at), State::Refused)
    }

    /// The secret has others than those of the session. They may be for another vCenter; and
    /// that they are wrong shows while somebody still knows what was changed.
    pub(super) fn log_in_anew(&mut self, now: Now) {
        self.out_of_sight();
        let message = "logging in with the credentials that the secret has now";
        self.problem = Some(("VCenterConnecting", message.into()));
        self.state = State::Down(now.monotonic);
    }

    /// Nothing can be tried. True if that is news for the groups.
    pub(crate) fn credentials_missing(&mut self, message: String) -> bool {
        let is_news = self.credentials.is_none();
        if is_news {
            self.problem = Some(("CredentialsMissing", message));
        }
        is_news
    }
}

pub(super) fn refused_problem(message: &str) -> (&'static str, String) {
    (
        "CredentialsRefused",
        format!(
            "vCenter refused the credentials ({message}); put working ones into the secret, \
             they are tried at once, the same ones only every 15 minutes"
        ),
    )
}
