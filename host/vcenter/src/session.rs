//! One session with vCenter: its views, its feed, and its one loss.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use vmgroup_reconcile::event::Event;
use vmgroup_reconcile::inventory::{TaskId, Vm, VmId};
use vmgroup_vim::{Client, Error, ManagedObjectRef, ServiceContent};

use crate::clock::Clock;
use crate::convert::{Record, VM};
use crate::error::chain;
use crate::fault::is_session_over;
use crate::goodbye::Goodbye;
use crate::labels::Names;
use crate::place::{Place, find_root, make_root};
use crate::tasks::Tasks;
use crate::template::Templates;

/// A live session.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) client: Client,
    pub(crate) content: ServiceContent,
    /// The user as vCenter names it on tasks.
    pub(crate) user: String,
    pub(crate) place: Place,
    pub(crate) clock: Clock,
    /// All VMs below the root folder, if that exists.
    pub(crate) inside: Option<ManagedObjectRef>,
    /// Our VMs that are elsewhere.
    pub(crate) strays: ManagedObjectRef,
    pub(crate) tasks: Tasks,
    pub(crate) templates: Templates,
    pub(crate) events: mpsc::Sender<Event>,
    /// The root folder, as soon as it exists.
    root: tokio::sync::Mutex<Option<ManagedObjectRef>>,
    names: Mutex<Names>,
    tracked: tokio::sync::Mutex<BTreeSet<VmId>>,
    /// Those that could not be tracked, until the feed has told it.
    unresolved: Mutex<BTreeSet<VmId>>,
    feed: Mutex<Option<Running>>,
    lost: AtomicBool,
    closed: AtomicBool,
}

/// A feed that runs.
#[derive(Debug)]
struct Running {
    task: JoinHandle<()>,
    collector: ManagedObjectRef,
}

impl Session {
    /// Makes the views of a session that has just been logged in.
    pub(crate) async fn open(
        client: Client,
        content: ServiceContent,
        user: String,
        place: Place,
        events: mpsc::Sender<Event>,
    ) -> Result<Self, Error> {
        let clock = Clock::compare(&client).await?;
        let views = &content.view_manager;
        let inside = match &place.root {
            Some(root) => {
                let view = client.create_container_view(views, root, &[VM], true, None);
                Some(view.await?)
            }
            None => None,
        };
        let strays = client.create_list_view(views, &[], None).await?;
        let tasks = client.create_list_view(views, &[], None).await?;
        Ok(Session {
            client,
            content,
            user,
            root: tokio::sync::Mutex::new(place.root.clone()),
            place,
            clock,
            inside,
            strays,
            tasks: Tasks::new(tasks),
            templates: Templates::default(),
            events,
            names: Mutex::default(),
            tracked: tokio::sync::Mutex::default(),
            unresolved: Mutex::default(),
            feed: Mutex::default(),
            lost: AtomicBool::new(false),
            closed: AtomicBool::new(false),
        })
    }

    /// A VM in the inventory's words, with those tasks running on it.
    pub(crate) fn vm(&self, id: &str, record: &Record, tasks: BTreeSet<TaskId>) -> Vm {
        let vm = record.vm(id, tasks);
        Vm {
            created_at: vm.created_at.map(|at| self.clock.ours(at)),
            labels: self.names().labels(record.attributes()),
            ..vm
        }
    }

    /// Learns what custom attributes are called.
    pub(crate) async fn read_names(&self) {
        let names = Names::read(&self.client, &self.content).await;
        *self.names() = names;
    }

    /// Tells the machine; whether it still listens does not matter here.
    pub(crate) async fn tell(&self, event: Event) {
        let _ = self.events.send(event).await;
    }

    /// The session or its feed cannot be used any more: said once.
    pub(crate) async fn lose(&self, reason: String, session_ended: bool) {
        if !self.lost.swap(true, Ordering::SeqCst) {
            let event = Event::FeedLost {
                reason,
                session_ended,
            };
            self.tell(event).await;
        }
    }

    /// It was put away before the answer came, which therefore says nothing of the present session.
    pub(crate) fn refused_as_closed(&self, error: &Error) -> bool {
        self.closed.load(Ordering::SeqCst) && is_session_over(error)
    }

    /// Notices when an error says that the session has ended.
    pub(crate) async fn notice(&self, error: &Error) {
        if is_session_over(error) {
            self.lose("the session with vCenter has ended".into(), true)
                .await;
        }
    }

    /// The root folder. One that is missing is made now, by the first that needs it; the feed
    /// of this session does not show what is below it, so that another session has to.
    pub(crate) async fn root(&self, operation: &str) -> Result<ManagedObjectRef, Error> {
        let mut root = self.root.lock().await;
        if let Some(root) = &*root {
            return Ok(root.clone());
        }
        let made = make_root(&self.client, &self.content, &self.place, Some(operation)).await?;
        Ok(root.insert(made).clone())
    }

    /// The root folder, if somebody has made it.
    pub(crate) async fn root_if_there(&self) -> Result<Option<ManagedObjectRef>, Error> {
        let mut root = self.root.lock().await;
        if root.is_none() {
            *root = find_root(&self.client, &self.content, &self.place).await?;
        }
        Ok(root.clone())
    }

    /// The root folder, as far as it is known.
    pub(crate) async fn root_if_known(&self) -> Option<ManagedObjectRef> {
        self.root.lock().await.clone()
    }

    /// There is a folder below the root folder: the feed has to show what is in it.
    pub(crate) async fn look_inside(&self) {
        if self.inside.is_none() {
            let reason = "the root folder has just been made, log in anew to see it";
            self.lose(reason.into(), true).await;
        }
    }

    /// The feed shows exactly these VMs beyond those below the root folder.
    pub(crate) async fn track(&self, vms: BTreeSet<VmId>) {
        match self.try_track(vms).await {
            // They went, or may not be seen any more, since they were found.
            Ok(unresolved) => self.unresolved().extend(unresolved),
            Err(error) => {
                let ended = is_session_over(&error);
                let reason = format!("VMs elsewhere cannot be followed: {}", chain(&error));
                self.lose(reason, ended).await;
            }
        }
    }

    /// The same; gives those that cannot be shown. Whoever asks says what follows if it fails.
    pub(crate) async fn try_track(&self, vms: BTreeSet<VmId>) -> Result<Vec<VmId>, Error> {
        let mut tracked = self.tracked.lock().await;
        let refs = |ids: Vec<&VmId>| -> Vec<ManagedObjectRef> {
            ids.into_iter()
                .map(ManagedObjectRef::virtual_machine)
                .collect()
        };
        let add = refs(vms.difference(&tracked).collect());
        let remove = refs(tracked.difference(&vms).collect());
        if add.is_empty() && remove.is_empty() {
            return Ok(Vec::new());
        }
        let modified = self
            .client
            .modify_list_view(&self.strays, &add, &remove, None);
        let unresolved: BTreeSet<VmId> = modified.await?.into_iter().map(|vm| vm.id).collect();
        *tracked = vms.difference(&unresolved).cloned().collect();
        Ok(unresolved.into_iter().collect())
    }

    /// Notes the feed that runs from here on.
    pub(crate) fn feed_runs(&self, task: JoinHandle<()>, collector: ManagedObjectRef) {
        let running = Running { task, collector };
        if let Some(earlier) = self.feed().replace(running) {
            earlier.task.abort();
        }
    }

    /// Ends the feed; none of its events comes afterwards.
    pub(crate) async fn stop_feed(&self) {
        let Some(collector) = self.abort_feed().await else {
            return;
        };
        let ended = self.client.destroy_property_collector(&collector, None);
        if let Err(error) = ended.await {
            tracing::debug!(
                error = chain(&error),
                "collector stays until the session ends"
            );
        }
    }

    /// The same, without a call: the collector stays.
    async fn abort_feed(&self) -> Option<ManagedObjectRef> {
        let Running { task, collector } = self.feed().take()?;
        task.abort();
        // An aborted task is over when it has been waited for.
        let _ = task.await;
        Some(collector)
    }

    /// Ends feed and session, and with it collector and views: a vCenter that is
    /// slow is asked for the one thing that matters. Nothing is said about it.
    pub(crate) async fn close(&self, goodbye: &Goodbye) {
        self.closed.store(true, Ordering::SeqCst);
        // Calls that are still under way find it closed; that is no loss.
        self.lost.store(true, Ordering::SeqCst);
        self.abort_feed().await;
        let manager = &self.content.session_manager;
        goodbye.say(&self.client, manager).await;
    }

    /// VMs that the feed was to show and that are not there: they have left.
    pub(crate) fn unresolved(&self) -> std::sync::MutexGuard<'_, BTreeSet<VmId>> {
        self.unresolved
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn names(&self) -> std::sync::MutexGuard<'_, Names> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn feed(&self) -> std::sync::MutexGuard<'_, Option<Running>> {
        self.feed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
