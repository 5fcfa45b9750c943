//! How long a login or a relist is worth waiting for: until a logout is asked for.

use tokio::sync::watch;

use crate::Error;
use crate::limits::GIVEN_UP_LIMIT;

/// What a logout ends: it tells everybody who waits.
#[derive(Debug, Default)]
pub(crate) struct Logouts(watch::Sender<u64>);

impl Logouts {
    /// One is asked for.
    pub(crate) fn asked_for(&self) {
        self.0.send_modify(|count| *count += 1);
    }

    /// Patience until the next one.
    pub(crate) fn patience(&self) -> Patience {
        let logouts = self.0.subscribe();
        let begun = *logouts.borrow();
        Patience { logouts, begun }
    }
}

/// Lasts until a logout is asked for.
#[derive(Debug)]
pub(crate) struct Patience {
    logouts: watch::Receiver<u64>,
    /// Those that had been asked for when it began.
    begun: u64,
}

impl Patience {
    /// What comes of the work; it is dropped when patience is over.
    pub(crate) async fn wait<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Error> {
        tokio::select! {
            biased;
            // Without whoever asks for them there is none any more.
            Ok(_) = self.logouts.wait_for(|count| *count > self.begun) => Err(Error::GivenUp),
            done = work => Ok(done),
        }
    }

    /// The same, but the work is not dropped without having got a little more time.
    pub(crate) async fn wait_a_little<T>(
        &mut self,
        work: impl Future<Output = T>,
    ) -> Result<T, Error> {
        let mut work = std::pin::pin!(work);
        match self.wait(work.as_mut()).await {
            Err(_) => tokio::time::timeout(GIVEN_UP_LIMIT, work)
                .await
                .map_err(|_| Error::GivenUp),
            done => done,
        }
    }
}
