//! The operator's process, as the proxy sees it: something to be killed or frozen.

use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::watch;
use tokio::time::sleep;

use crate::action::HostSignal;

/// Whom the signals of a plan are for. Clones are the same one.
#[derive(Debug, Clone, Default)]
pub struct Host(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    pid: watch::Sender<Option<u32>>,
    frozen: watch::Sender<bool>,
}

impl Host {
    /// The process runs under this id from now on.
    pub fn set(&self, pid: u32) {
        self.0.frozen.send_replace(false);
        self.0.pid.send_replace(Some(pid));
    }

    /// Its id, unless the plan has killed it.
    pub fn pid(&self) -> Option<u32> {
        *self.0.pid.borrow()
    }

    /// Whether a plan has frozen it and nobody has let it go on.
    pub fn is_frozen(&self) -> bool {
        *self.0.frozen.borrow()
    }

    /// Lets a frozen process go on, and the call that it was frozen at.
    pub fn thaw(&self) {
        if let Some(pid) = *self.0.pid.borrow() {
            send(pid, Signal::CONT);
        }
        self.0.frozen.send_replace(false);
    }

    /// Sends a signal, as soon as there is a process: its first call may arrive
    /// before it is known whose it is.
    pub(crate) async fn signal(&self, signal: HostSignal, cont_after: Option<Duration>) {
        let mut pids = self.0.pid.subscribe();
        let Ok(pid) = pids.wait_for(Option::is_some).await.map(|pid| *pid) else {
            return;
        };
        let Some(pid) = pid else { return };
        match signal {
            HostSignal::Kill => {
                // The id may soon be another process's.
                self.0.pid.send_replace(None);
                send(pid, Signal::KILL);
            }
            HostSignal::Stop => {
                self.0.frozen.send_replace(true);
                send(pid, Signal::STOP);
                if let Some(after) = cont_after {
                    let host = self.clone();
                    tokio::spawn(async move {
                        sleep(after).await;
                        host.thaw();
                    });
                }
            }
        }
    }

    /// Waits until it is not frozen.
    pub(crate) async fn until_thawed(&self) {
        let mut frozen = self.0.frozen.subscribe();
        let _ = frozen.wait_for(|frozen| !frozen).await;
    }
}

fn send(pid: u32, signal: Signal) {
    // A process that has ended by itself needs no signal.
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}
