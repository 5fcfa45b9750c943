//! vcsim, through the operator's adapter; people's deeds go to the rig's own
//! port.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use vmgroup_reconcile::event::{CallResult, Event};
use vmgroup_reconcile::request::{Call, Read, Request, RequestId};
use vmgroup_rig::{Control, Rig};
use vmgroup_vcenter::{Config, CredentialSource, Credentials, Vcenter};

use super::by_port;
use super::feed::{FEED, Feed};
use super::names::Names;
use super::operation::{Folder, Operation, Vm, What};
use super::requests::{self, TEMPLATE, group};
use super::words;
use crate::answer::{Answer, Outcome};

/// Longer than an answer takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(5);

/// For a view to become what it should be, where the answer was another one.
const LITTLE_PATIENCE: Duration = Duration::from_millis(500);

/// How a feed is called that only a relist brought up to date.
const LATE: &str = "live, after a relist";

const DATACENTER: &str = "/vcqaDC/vm";

/// The real side.
#[derive(Debug)]
pub(super) struct Real {
    // In the order of ending: the adapter before what runs it.
    vcenter: Vcenter,
    events: mpsc::Receiver<Event>,
    answers: Vec<Event>,
    feed: Feed,
    names: Names,
    pub(super) folders: by_port::Folders,
    credentials: Arc<Given>,
    control: Control,
    requests: u64,
    runtime: Runtime,
}

/// Credentials that can be made wrong.
#[derive(Debug)]
struct Given {
    right: Credentials,
    wrong: Mutex<bool>,
}

impl Given {
    fn set_wrong(&self, wrong: bool) {
        *self.wrong.lock().unwrap_or_else(PoisonError::into_inner) = wrong;
    }
}

impl CredentialSource for Given {
    fn read(&self) -> std::result::Result<Credentials, vmgroup_vcenter::Error> {
        let mut credentials = self.right.clone();
        if *self.wrong.lock().unwrap_or_else(PoisonError::into_inner) {
            credentials.password = String::from("wrong").into();
        }
        Ok(credentials)
    }
}

impl Real {
    pub(super) fn new(rig: &Rig, sequence: u64) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let control = rig.control().clone();
        control.set_hot_add(true)?;
        let root = format!("vm-operator/s{sequence}");
        let folders = by_port::Folders {
            root: format!("{DATACENTER}/{root}"),
            elsewhere: format!("{DATACENTER}/other-{sequence}"),
            made: BTreeMap::new(),
        };
        let mut names = Names::new(sequence);
        names.know_folder(Folder::Root, &control.create_folder(&folders.root)?);
        names.know_folder(
            Folder::Elsewhere,
            &control.create_folder(&folders.elsewhere)?,
        );
        let vms = control.vms()?.vms;
        let template = vms.iter().find(|vm| vm.name == TEMPLATE);
        names.know_vm(
            Vm::Template,
            &template.context("the rig has no template")?.moid,
        );
        let credentials = Arc::new(Given {
            right: Credentials {
                host: rig.vc_host().to_owned(),
                user: rig.vc_user().to_owned(),
                password: rig.vc_pass().to_owned().into(),
            },
            wrong: Mutex::new(false),
        });
        let config = Config {
            ca_pem: Some(std::fs::read(rig.vc_authority())?),
            root_folder: Some(root),
            ..Config::default()
        };
        let (sender, events) = mpsc::channel(100);
        Ok(Real {
            vcenter: Vcenter::new(config, credentials.clone(), sender),
            events,
            answers: Vec::new(),
            feed: Feed::default(),
            names,
            folders,
            credentials,
            control,
            requests: 0,
            runtime,
        })
    }

    pub(super) fn execute(&mut self, operation: &Operation, expected: &Answer) -> Result<Answer> {
        let paths = requests::Paths {
            template: format!("{DATACENTER}/{TEMPLATE}"),
            nothing: format!("{DATACENTER}/nothing"),
        };
        let outcome = match requests::call(&self.names, operation, &paths) {
            Some(call) => self.call(operation, call)?,
            None => match requests::read(&self.names, &operation.what) {
                Some(read) => self.read(read)?,
                None => self.other(operation)?,
            },
        };
        let patience = if outcome == expected.outcome {
            PATIENCE
        } else {
            LITTLE_PATIENCE
        };
        let as_expected = |it: &Self| it.feed.shown(&it.names) == expected.shown;
        let mut shown = None;
        if !self.until(patience, as_expected) && outcome == expected.outcome {
            // As the operator does when the feed does not show what it waits for.
            self.relist();
            if self.until(LITTLE_PATIENCE, as_expected) {
                let mut late = expected.shown.clone();
                late.insert(FEED.to_owned(), LATE.to_owned());
                shown = Some(late);
            }
        }
        Ok(Answer {
            outcome,
            shown: shown.unwrap_or_else(|| self.feed.shown(&self.names)),
        })
    }

    /// Everything as it truly is.
    pub(super) fn truth(&self) -> Result<Answer> {
        let (vms, folders) = by_port::truth(&self.control, &self.folders, &self.names)?;
        let mut shown = words::vms(&self.names, &vms);
        shown.extend(folders);
        Ok(Answer {
            outcome: Outcome::Fine("the truth".into()),
            shown,
        })
    }

    /// Leaves nothing behind that another sequence would find.
    pub(super) fn clear_away(&mut self) -> Result<()> {
        self.log_out();
        by_port::clear_away(&self.control, &self.folders)
    }

    fn request_id(&mut self) -> RequestId {
        self.requests += 1;
        RequestId(self.requests)
    }

    fn ask(&self, request: Request) {
        let _entered = self.runtime.enter();
        drop(self.vcenter.perform(request));
    }

    fn call(&mut self, operation: &Operation, call: Call) -> Result<Outcome> {
        let id = self.request_id();
        self.ask(Request::Call {
            id,
            group: group(),
            operation_id: requests::operation_id(operation),
            call,
        });
        let result = self.answer(|event| match event {
            Event::Called { id: of, result } if *of == id => Some(result.clone()),
            _ => None,
        })?;
        match &result {
            CallResult::Started(task) => {
                self.until(PATIENCE, |it| it.feed.is_over(task));
                let task = self.feed.task(task).cloned();
                let outcome = requests::ended(&mut self.names, operation, task.as_ref());
                return Ok(outcome);
            }
            CallResult::Done { result: Some(id) } => {
                let made = Folder::Of(operation.number);
                self.names.know_folder(made, id);
                if let What::CreateFolder(name) = operation.what {
                    self.folders.made.insert(made, name);
                }
            }
            _ => {}
        }
        Ok(requests::answered(&self.names, &result))
    }

    fn read(&mut self, read: Read) -> Result<Outcome> {
        let id = self.request_id();
        self.ask(Request::Read { id, read });
        let result = self.answer(|event| match event {
            Event::Read { id: of, result } if *of == id => Some(result.clone()),
            _ => None,
        })?;
        Ok(words::read(&self.names, &result))
    }

    fn other(&mut self, operation: &Operation) -> Result<Outcome> {
        Ok(match &operation.what {
            What::Login => self.login(false)?,
            What::LoginRefused => self.login(true)?,
            What::Logout => {
                self.log_out();
                Outcome::Fine("out".into())
            }
            What::Expire => {
                self.control.expire_sessions()?;
                Outcome::Fine("expired".into())
            }
            What::Relist => self.relist(),
            What::Track(vms) => {
                let vms: Vec<_> = vms.iter().map(|vm| self.names.vm(*vm)).collect();
                self.names.note_tracked(&vms);
                let work = self.perform(Request::Track { vms });
                self.runtime.block_on(work);
                Outcome::Fine("tracked".into())
            }
            _ => {
                let made = by_port::deed(&self.control, &self.names, &self.folders, operation)?;
                if let Some(made) = made.as_ref().ok().and_then(Option::as_ref) {
                    self.names.know_vm(Vm::Of(operation.number), made);
                }
                match &operation.what {
                    What::HotAdd(_) => Outcome::Fine("set".into()),
                    _ => requests::done_by_hand(&made),
                }
            }
        })
    }

    fn perform(&self, request: Request) -> impl Future<Output = ()> + use<> {
        let _entered = self.runtime.enter();
        self.vcenter.perform(request)
    }

    fn login(&mut self, wrong: bool) -> Result<Outcome> {
        self.log_out();
        self.credentials.set_wrong(wrong);
        let id = self.request_id();
        let reason = "honesty".into();
        self.ask(Request::Login { id, reason });
        let result = self.answer(|event| match event {
            Event::LoginAnswered { id: of, result } if *of == id => Some(result.clone()),
            _ => None,
        })?;
        let outcome = words::login(&result);
        if matches!(outcome, Outcome::Fine(_)) {
            self.until(PATIENCE, |it| it.feed.is_of(id) || it.feed.is_lost());
        }
        Ok(outcome)
    }

    fn log_out(&mut self) {
        let work = self.perform(Request::Logout);
        self.runtime.block_on(work);
        // Nothing of that session comes after its end.
        while let Ok(event) = self.events.try_recv() {
            self.answers.extend(self.feed.take(event));
        }
        self.feed = Feed::default();
    }

    fn relist(&mut self) -> Outcome {
        let id = self.request_id();
        let reason = "honesty".into();
        let work = self.perform(Request::Relist { id, reason });
        self.runtime.block_on(work);
        self.until(PATIENCE, |it| it.feed.is_of(id) || it.feed.is_lost());
        if self.feed.is_of(id) {
            Outcome::Fine("listed".into())
        } else {
            requests::not_listed()
        }
    }

    /// Takes events until that is so; whether it came to be so in time.
    fn until(&mut self, patience: Duration, mut is_so: impl FnMut(&Self) -> bool) -> bool {
        let deadline = Instant::now() + patience;
        while !is_so(self) {
            let left = deadline.saturating_duration_since(Instant::now());
            let next = async { tokio::time::timeout(left, self.events.recv()).await };
            match self.runtime.block_on(next) {
                Ok(Some(event)) => self.answers.extend(self.feed.take(event)),
                Ok(None) | Err(_) => return is_so(self),
            }
        }
        true
    }

    fn answer<T>(&mut self, of: impl Fn(&Event) -> Option<T>) -> Result<T> {
        let is_it = |it: &Self| it.answers.iter().any(|event| of(event).is_some());
        if !self.until(PATIENCE * 3, is_it) {
            bail!("the adapter did not answer");
        }
        let found = self.answers.iter().find_map(&of);
        self.answers.clear();
        found.context("an answer was lost")
    }
}
