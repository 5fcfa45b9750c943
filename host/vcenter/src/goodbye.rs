//! Ends sessions. One whose end vCenter did not confirm, as in an outage, is
//! ended after the next login: it would stand for half an hour, and vCenter has
//! room for a limited number.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use vmgroup_vim::{Client, Error, ManagedObjectRef};

use crate::error::chain;
use crate::fault::is_session_over;
use crate::limits::{CLOSE_LIMIT, SESSION_LASTS, SESSIONS_LEFT_MAX};

/// The sessions that may still stand, though nobody uses them.
#[derive(Debug, Default)]
pub(crate) struct Goodbye {
    left: Mutex<Vec<Left>>,
}

/// One of them: its client holds its cookie.
#[derive(Debug)]
struct Left {
    client: Client,
    session_manager: ManagedObjectRef,
    since: Instant,
}

impl Goodbye {
    /// Ends a session, or keeps it in mind. Nothing is said about it.
    pub(crate) async fn say(&self, client: &Client, session_manager: &ManagedObjectRef) {
        let session = Left {
            client: client.clone(),
            session_manager: session_manager.clone(),
            since: Instant::now(),
        };
        self.end(session).await;
    }

    async fn end(&self, session: Left) {
        let ended = tokio::time::timeout(CLOSE_LIMIT, session.log_out()).await;
        match ended {
            Ok(Ok(())) => return tracing::info!("logged out of vCenter"),
            Ok(Err(error)) if is_session_over(&error) => return,
            Ok(Err(error)) => {
                tracing::warn!(error = chain(&error), "session stays until the next login");
            }
            Err(_) => tracing::warn!("session stays until the next login"),
        }
        let mut all = self.left();
        all.push(session);
        if all.len() > SESSIONS_LEFT_MAX {
            all.remove(0);
        }
    }

    /// Ends those that stayed, now that vCenter can be reached.
    pub(crate) async fn say_again(&self) {
        let all = std::mem::take(&mut *self.left());
        for session in all {
            if session.since.elapsed() < SESSION_LASTS {
                self.end(session).await;
            }
        }
    }

    fn left(&self) -> MutexGuard<'_, Vec<Left>> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Left {
    async fn log_out(&self) -> Result<(), Error> {
        let logout = || self.client.logout(&self.session_manager, None);
        match logout().await {
            // Its connection may have been dead for long. Once more does no harm.
            Err(Error::AnswerLost { .. }) => logout().await,
            ended => ended,
        }
    }
}
