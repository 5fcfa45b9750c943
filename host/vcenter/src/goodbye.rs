//! Ends sessions. One whose end vCenter did not confirm, as in an outage, is
//! ended after the next login: it would stand for half an hour, and vCenter has
//! room for a limited number.

use std::sync::{Mutex, MutexGuard, PoisonError};

use vmgroup_vim::{Client, Error, ManagedObjectRef};

use crate::error::chain;
use crate::fault::is_session_over;
use crate::limits::{CLOSE_LIMIT, SESSIONS_LEFT_MAX};

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
}

impl Goodbye {
    /// Ends a session, or keeps it in mind. Nothing is said about it.
    pub(crate) async fn say(&self, client: &Client, session_manager: &ManagedObjectRef) {
        let ended = tokio::time::timeout(CLOSE_LIMIT, log_out(client, session_manager)).await;
        match ended {
            Ok(Ok(())) => return tracing::info!("logged out of vCenter"),
            Ok(Err(error)) if is_session_over(&error) => return,
            Ok(Err(error)) => {
                tracing::warn!(error = chain(&error), "session stays until the next login");
            }
            Err(_) => tracing::warn!("session stays until the next login"),
        }
        let left = Left {
            client: client.clone(),
            session_manager: session_manager.clone(),
        };
        let mut all = self.left();
        all.push(left);
        if all.len() > SESSIONS_LEFT_MAX {
            all.remove(0);
        }
    }

    /// Ends those that stayed, now that vCenter can be reached.
    pub(crate) async fn say_again(&self) {
        let all = std::mem::take(&mut *self.left());
        for left in all {
            self.say(&left.client, &left.session_manager).await;
        }
    }

    fn left(&self) -> MutexGuard<'_, Vec<Left>> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn log_out(client: &Client, session_manager: &ManagedObjectRef) -> Result<(), Error> {
    match client.logout(session_manager, None).await {
        // Its connection may have been dead for long. Once more does no harm.
        Err(Error::AnswerLost { .. }) => client.logout(session_manager, None).await,
        ended => ended,
    }
}
