//! Watches become events.
//!
//! ```text
//!   Init ── InitApply … ── InitDone ──▶ Listed     Apply ──▶ Changed     Delete ──▶ Gone
//! ```
//!
//! A list counts only when it is complete. Lists and watches that fail are
//! tried again, with a growing wait, for ever.

use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt;
use kube::Api;
use kube::ResourceExt;
use kube::runtime::watcher::{self, watcher};
use tokio::time::{Instant, sleep, timeout};
use tracing::{debug, info, warn};
use vmgroup_reconcile::event::{Approval, Event, GroupObject};

use crate::adapter::Adapter;
use crate::convert::{approval, group_object, key_of};
use crate::error::chain;
use crate::limits::{LIST, RELIST, WATCH_RETRY_FIRST, WATCH_RETRY_MOST, WATCH_S};
use crate::object::Object;

/// A kind of object that is watched.
pub(crate) trait Watched {
    /// In the plural, for people.
    const NAME: &'static str;
    /// What the machine gets to see of one.
    type Item: Send;
    /// Reads one; none if it says nothing that could be used.
    fn read(object: &Object) -> Option<Self::Item>;
    /// All of them.
    fn listed(items: Vec<Self::Item>) -> Event;
    /// One that was created or changed.
    fn changed(item: Self::Item) -> Event;
    /// One that is gone.
    fn gone(object: &Object) -> Event;
}

/// VmGroups.
pub(crate) struct Groups;

impl Watched for Groups {
    const NAME: &'static str = "vmgroups";
    type Item = GroupObject;

    fn read(object: &Object) -> Option<GroupObject> {
        Some(group_object(object))
    }

    fn listed(items: Vec<GroupObject>) -> Event {
        Event::GroupsListed(items)
    }

    fn changed(item: GroupObject) -> Event {
        Event::GroupChanged(Box::new(item))
    }

    fn gone(object: &Object) -> Event {
        Event::GroupGone {
            key: key_of(object),
            uid: object.uid().unwrap_or_default(),
        }
    }
}

/// PlanApprovals.
pub(crate) struct Approvals;

impl Watched for Approvals {
    const NAME: &'static str = "planapprovals";
    type Item = Approval;

    fn read(object: &Object) -> Option<Approval> {
        approval(object)
    }

    fn listed(items: Vec<Approval>) -> Event {
        Event::ApprovalsListed(items)
    }

    fn changed(item: Approval) -> Event {
        Event::ApprovalChanged(item)
    }

    fn gone(object: &Object) -> Event {
        Event::ApprovalGone {
            key: key_of(object),
        }
    }
}

/// Sends what happens to the objects until the machine has ended.
pub(crate) async fn follow<W: Watched>(adapter: &Adapter, objects: Api<Object>) {
    let mut trouble = Trouble::<W>::none();
    while !adapter.is_over() {
        follow_once::<W>(adapter, objects.clone(), &mut trouble).await;
    }
}

/// One list and the watch from there on, until it is time for another list.
async fn follow_once<W: Watched>(
    adapter: &Adapter,
    objects: Api<Object>,
    trouble: &mut Trouble<W>,
) {
    let mut stream = pin!(watcher(
        objects,
        watcher::Config::default().timeout(WATCH_S)
    ));
    let mut listing: Option<Vec<W::Item>> = Some(Vec::new());
    let begun = Instant::now();
    while listing.is_some() || begun.elapsed() < RELIST {
        let patience = if listing.is_some() {
            LIST
        } else {
            RELIST.saturating_sub(begun.elapsed())
        };
        let Ok(next) = timeout(patience, stream.next()).await else {
            if listing.is_some() {
                trouble.met("the list did not come in time").await;
            }
            return;
        };
        let event = match next {
            None => return,
            Some(Err(error)) => {
                if adapter.is_over() {
                    return;
                }
                trouble.met(&chain(&error)).await;
                continue;
            }
            Some(Ok(event)) => event,
        };
        let event = match event {
            watcher::Event::Init => {
                listing = Some(Vec::new());
                None
            }
            watcher::Event::InitApply(object) => {
                listing.get_or_insert_default().extend(W::read(&object));
                None
            }
            watcher::Event::InitDone => {
                trouble.over();
                Some(W::listed(listing.take().unwrap_or_default()))
            }
            watcher::Event::Apply(object) => {
                trouble.over();
                W::read(&object).map(W::changed)
            }
            watcher::Event::Delete(object) => {
                trouble.over();
                Some(W::gone(&object))
            }
        };
        if let Some(event) = event
            && !adapter.send(event).await
        {
            return;
        }
    }
}

/// An outage: said once when it begins and once when it ends.
struct Trouble<W> {
    wait: Option<Duration>,
    kind: std::marker::PhantomData<W>,
}

impl<W: Watched> Trouble<W> {
    fn none() -> Self {
        Trouble {
            wait: None,
            kind: std::marker::PhantomData,
        }
    }

    /// Says what happened and waits.
    async fn met(&mut self, reason: &str) {
        let wait = match self.wait {
            None => {
                warn!(
                    objects = W::NAME,
                    reason, "cannot watch; it is tried again until it works"
                );
                WATCH_RETRY_FIRST
            }
            Some(wait) => {
                debug!(objects = W::NAME, reason, "still cannot watch");
                (wait * 2).min(WATCH_RETRY_MOST)
            }
        };
        self.wait = Some(wait);
        sleep(wait).await;
    }

    fn over(&mut self) {
        if self.wait.take().is_some() {
            info!(objects = W::NAME, "watching again");
        }
    }
}
