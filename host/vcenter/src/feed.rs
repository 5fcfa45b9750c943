//! The feed: one property collector of our own with two filters, so that the
//! order of a VM's and a task's changes is known.
//!
//! ```text
//!   begin ──first set, all pages──▶ FeedReset ──▶ wait ──changes──▶ FeedChanged ─┐
//!                                                 ▲ └──nothing────▶ FeedIdle ────┤
//!                                                 └──────────────────────────────┘
//!   a part of either has arrived ──▶ FeedProgress      any failure ──▶ FeedLost
//! ```

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt as _;
use vmgroup_reconcile::event::Event;
use vmgroup_reconcile::request::RequestId;
use vmgroup_vim::{
    Error, FaultKind, FilterSpec, ManagedObjectRef, TaskInfo, UpdateSet, WaitOptions,
};

use crate::convert::{VM, feed_paths};
use crate::error::chain;
use crate::limits::{UPDATES_PER_PAGE, WAIT_S};
use crate::replica::Replica;
use crate::session::Session;
use crate::tasks;

/// A feed that has been set up in vCenter, but does not run yet.
#[derive(Debug)]
pub(crate) struct Feed {
    session: Arc<Session>,
    collector: ManagedObjectRef,
    version: String,
    replica: Replica,
}

impl Feed {
    /// Sets a feed up; the earlier one of the session ends. What had happened in
    /// vCenter when this began is in its first set.
    pub(crate) async fn begin(session: &Arc<Session>) -> Result<Feed, Error> {
        session.stop_feed().await;
        session.read_names().await;
        let client = &session.client;
        let mut replica = Replica::default();
        // Before the filters: a task that begins later is followed by its call.
        let known = tasks::list(client, &session.content, &session.user).await?;
        for task in known {
            if !task.state.is_ended() {
                session.tasks.follow(&task.task.id);
            }
            replica.put_task(session, task);
        }
        session.tasks.flush(client).await?;
        replica.forget_missing_tasks(session);
        let default = &session.content.property_collector;
        let collector = client.create_property_collector(default, None).await?;
        let paths = feed_paths();
        let mut vms = FilterSpec::view(&session.strays, VM, &paths);
        if let Some(inside) = &session.inside {
            let inside = FilterSpec::view(inside, VM, &paths);
            vms.objects.extend(inside.objects);
        }
        let tasks = FilterSpec::view(session.tasks.view(), "Task", &["info"]);
        for spec in [vms, tasks] {
            client.create_filter(&collector, &spec, false, None).await?;
        }
        Ok(Feed {
            session: Arc::clone(session),
            collector,
            version: String::new(),
            replica,
        })
    }

    /// Runs until it fails or the session stops it.
    pub(crate) fn run(self, id: RequestId) {
        let session = Arc::clone(&self.session);
        let collector = self.collector.clone();
        let task = tokio::spawn(async move {
            let session = Arc::clone(&self.session);
            let follow = AssertUnwindSafe(self.follow(id)).catch_unwind();
            let (reason, ended) = match follow.await {
                Ok(Ok(never)) => match never {},
                Ok(Err(error)) => (chain(&error), is_over(&error)),
                Err(_) => ("it came to an unexpected end".into(), false),
            };
            session
                .lose(format!("the feed broke: {reason}"), ended)
                .await;
        });
        session.feed_runs(task, collector);
    }

    async fn follow(mut self, id: RequestId) -> Result<Infallible, Error> {
        // Zero seconds: an empty folder has nothing to wait for.
        while let Some(set) = self.wait(0).await? {
            if !self.take(set).await {
                break;
            }
        }
        self.replica.complete(&self.session).await?;
        let event = self.replica.reset(&self.session, id);
        self.session.tell(event).await;
        loop {
            let mut next = self.wait(WAIT_S).await?;
            while let Some(set) = next {
                next = match self.take(set).await {
                    true => self.wait(0).await?,
                    false => None,
                };
            }
            self.replica.complete(&self.session).await?;
            let event = self.replica.changes(&self.session);
            self.session.tell(event.unwrap_or(Event::FeedIdle)).await;
        }
    }

    async fn wait(&self, max_wait_seconds: u32) -> Result<Option<UpdateSet>, Error> {
        let options = WaitOptions {
            max_wait_seconds,
            max_object_updates: UPDATES_PER_PAGE,
        };
        self.session
            .client
            .wait_for_updates(&self.collector, &self.version, options, None)
            .await
    }

    /// True if there is more of it.
    async fn take(&mut self, set: UpdateSet) -> bool {
        self.version = set.version;
        for object in set.filters.into_iter().flat_map(|filter| filter.objects) {
            match object.object.kind.as_str() {
                VM => self.replica.update_vm(&object),
                "Task" => {
                    let info = object.changes.iter().find(|change| change.path == "info");
                    let info = info.and_then(|change| change.value.as_ref());
                    match info.map(TaskInfo::from_value) {
                        Some(Ok(info)) => self.replica.put_task(&self.session, info),
                        Some(Err(error)) => {
                            let task = object.object.id;
                            tracing::warn!(task, error = chain(&error), "task is unreadable");
                        }
                        // It left the list because it ended.
                        None => {}
                    }
                }
                _ => {}
            }
        }
        if set.truncated {
            self.session.tell(Event::FeedProgress).await;
        }
        set.truncated
    }
}

/// The session has ended, and the collector with it.
fn is_over(error: &Error) -> bool {
    error.fault().is_some_and(|fault| {
        matches!(
            fault.kind,
            FaultKind::NotAuthenticated | FaultKind::ManagedObjectNotFound { .. }
        )
    })
}
