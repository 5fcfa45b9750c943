//! What goes wrong with the world as a whole.

use super::{Occurrence, World};
use crate::faults::WorldFault;
use crate::host::Decide;
use crate::trace::Detail;

impl<D: Decide> World<D> {
    /// Lets something go wrong.
    pub fn suffer(&mut self, what: &WorldFault) {
        let now = self.now();
        self.say("fault", Detail::Story, || format!("{what:?}"));
        match what {
            WorldFault::Crash(host, unsent) => self.crash(*host, *unsent),
            WorldFault::Freeze(host, for_ms) => {
                self.freeze(*host);
                self.plan(self.now.plus(*for_ms), Occurrence::Thaw(*host));
            }
            WorldFault::ExpireSession(host) => {
                if let Some(session) = self.seats.get(*host).and_then(|it| it.session) {
                    self.vcenter
                        .end_session(now, session, "the session expired");
                }
            }
            WorldFault::DropFeed(host) => {
                if let Some(session) = self.seats.get(*host).and_then(|it| it.session) {
                    self.vcenter.drop_feed(now, session, "the feed broke");
                }
            }
            WorldFault::RestartVCenter(for_ms) => self.vcenter.restart(now, *for_ms),
            WorldFault::CutVCenter(for_ms) => self.vcenter.cut_off(now, *for_ms),
            WorldFault::CutCluster(for_ms) => {
                self.cluster_down_until = self.cluster_down_until.max(self.now.plus(*for_ms));
            }
            WorldFault::ReconnectWatch(host) => {
                if let Some(watch) = self.seats.get(*host).and_then(|it| it.watch) {
                    self.cluster.reconnect(now, watch);
                }
            }
            WorldFault::ClockJump(ms) => self.jumped_ms = self.jumped_ms.saturating_add(*ms),
        }
    }
}
