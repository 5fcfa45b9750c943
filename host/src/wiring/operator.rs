//! One operator: its modules, adapters and machine, from start to farewell.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use vmgroup_files::{Groups, Watch};
use vmgroup_modules::{FileWatch, watch_file};
use vmgroup_reconcile::Machine;
use vmgroup_reconcile::event::Event;
use vmgroup_reconcile::machine::Config;

use super::driver::{Clocks, Inbox, Vitals, drive};
use super::hands::{Adapter, Hands};
use super::loader::{self, Modules};
use super::objects::{Folder, schema};
use super::simulated::Simulated;
use super::trial::try_to_compile;
use crate::files::chain;
use crate::limits::{EVENTS_WAITING_MAX, MODULE_RETRY_FIRST, MODULE_RETRY_MOST};
use crate::voice::Problem;

/// What every operator is told at its start.
pub(crate) struct Start {
    /// For the machine.
    pub(crate) config: Config,
    /// The default module's file, if it is not the built-in one.
    pub(crate) module: Option<PathBuf>,
}

/// Where groups are, when there is no cluster.
pub(crate) struct Folders {
    /// What people write.
    pub(crate) groups: PathBuf,
    /// What an API server would hold.
    pub(crate) state: PathBuf,
}

/// The channels into the machine, and both clocks.
pub(crate) struct Ends {
    pub(crate) clocks: Clocks,
    pub(crate) events: mpsc::Sender<Event>,
    /// Past all others: what is heard of the lease.
    pub(crate) renewals: mpsc::Sender<Event>,
    inbox: Inbox,
}

impl Ends {
    /// Channels that nobody reads yet.
    pub(crate) fn new() -> Ends {
        let (events, heard) = mpsc::channel(EVENTS_WAITING_MAX);
        let (renewals, first) = mpsc::channel(EVENTS_WAITING_MAX);
        Ends {
            clocks: Clocks::start(),
            events,
            renewals,
            inbox: Inbox { first, heard },
        }
    }

    /// From a thread of its own: waits for a place.
    pub(crate) fn for_a_thread(&self) -> impl Fn(Event) + Send + Sync + 'static {
        let events = self.events.clone();
        move |event| {
            // Nobody hears it when the operator ends.
            let _ = events.blocking_send(event);
        }
    }
}

/// Groups in a folder; kept until the operator ends.
pub(crate) struct Watched {
    pub(crate) adapter: Arc<Folder>,
    _watch: Watch,
}

impl Folders {
    /// Takes the lock on the state and begins to watch the folder.
    pub(crate) fn open(&self, ends: &Ends) -> Result<Watched, Problem> {
        let groups = Groups::open(&self.groups, &self.state, schema())
            .map_err(|error| crate::files::state_problem(&error))?;
        let groups = Arc::new(groups);
        let watch = Watch::start(&groups, ends.for_a_thread())
            .map_err(|error| Problem::new("failed to watch the groups").because(error))?;
        Ok(Watched {
            adapter: Arc::new(Folder {
                groups,
                events: ends.events.clone(),
            }),
            _watch: watch,
        })
    }
}

/// Begins a simulated vCenter.
pub(crate) fn simulate(ends: &Ends, templates: &[String]) -> Arc<Simulated> {
    let simulated = Simulated::new(ends.clocks, templates, ends.events.clone());
    tokio::spawn(Arc::clone(&simulated).run());
    simulated
}

/// Runs until it is to stop.
pub(crate) async fn run(
    start: Start,
    ends: Ends,
    objects: Arc<dyn Adapter>,
    vcenter: Arc<dyn Adapter>,
    seen: tokio::sync::watch::Sender<Vitals>,
    stop: impl Future<Output = ()>,
) -> Result<(), Problem> {
    let engine = loader::engine();
    if !engine.is_pooled() {
        tracing::info!("too few addresses to keep memory for modules, decisions take longer");
    }
    let modules = loader::intake(engine, try_to_compile, ends.for_a_thread())?;
    let modules = Arc::new(modules);
    let _watch = begin_modules(&modules, start.module)?;
    let hands = Hands::new(objects, vcenter, modules.store(), ends.events);
    let machine = Machine::new(start.config, ends.clocks.now());
    drive(machine, ends.clocks, ends.inbox, hands, seen, stop).await;
    Ok(())
}

/// Modules are compiled off the path: the machine holds the groups meanwhile,
/// and takes in all else that happens.
fn begin_modules(
    modules: &Arc<Modules>,
    file: Option<PathBuf>,
) -> Result<Option<FileWatch>, Problem> {
    tokio::spawn(take_built_in(Arc::clone(modules), file.is_none()));
    file.map(|file| {
        watch_file(Arc::clone(modules), vec![None], file)
            .map_err(|error| Problem::new("failed to watch the module").because(error))
    })
    .transpose()
}

/// Takes the built-in module in, and again while only the wall clock is against it.
async fn take_built_in(modules: Arc<Modules>, is_default: bool) {
    let mut wait = MODULE_RETRY_FIRST;
    loop {
        let modules = Arc::clone(&modules);
        let taken = tokio::task::spawn_blocking(move || {
            let names: &[_] = if is_default { &[None] } else { &[] };
            loader::take_built_in(&modules, names)
        });
        match taken.await {
            Ok(Err(refusal)) if refusal.late => {
                let problem = chain(&refusal);
                tracing::warn!(problem, "no built-in module yet, it is tried again");
            }
            Ok(Err(refusal)) => {
                let problem = chain(&refusal);
                tracing::error!(problem, "there is no built-in module");
                return;
            }
            Ok(Ok(())) => return,
            // A panic has told of itself.
            Err(_) => {}
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(MODULE_RETRY_MOST);
    }
}

/// A name that no other process has.
pub(crate) fn made_up_name() -> String {
    let host = std::env::var("HOSTNAME").unwrap_or_else(|_| "vmgroup".into());
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    format!("{host}-{}-{:x}", std::process::id(), since.as_millis())
}

/// Ends when the process is asked to end.
pub(crate) fn signals() -> Result<impl Future<Output = ()>, Problem> {
    let on = |kind| -> Result<Signal, Problem> {
        signal(kind).map_err(|error| Problem::new("failed to listen for signals").because(error))
    };
    let (mut terminate, mut interrupt) =
        (on(SignalKind::terminate())?, on(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
