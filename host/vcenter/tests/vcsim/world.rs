//! An adapter, the vCenter that it talks to, and what it has said.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use vmgroup_core::group::GroupKey;
use vmgroup_core::marker::Marker;
use vmgroup_faults::{Plan, Proxy, Target};
use vmgroup_reconcile::event::{CallResult, Event, LoginResult, ReadResult};
use vmgroup_reconcile::inventory::{Task, TaskState, Vm};
use vmgroup_reconcile::request::{Call, CloneCall, Read, Request, RequestId};
use vmgroup_rig::{Control, Options, Rig};
use vmgroup_vcenter::{Config, CredentialSource, Credentials, Error, Vcenter};

/// Longer than anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) const ROOT: &str = "/vcqaDC/vm/vm-operator";
pub(crate) const TEMPLATE: &str = "vm-operator-template";

pub(crate) struct World {
    pub(crate) rig: Rig,
    pub(crate) vcenter: Vcenter,
    pub(crate) credentials: Arc<Given>,
    events: mpsc::Receiver<Event>,
    next_id: u64,
    /// The feed's VMs and tasks as a machine would have them.
    pub(crate) vms: BTreeMap<String, Vm>,
    pub(crate) tasks: BTreeMap<String, Task>,
    answers: Vec<Event>,
    pub(crate) losses: Vec<(String, bool)>,
    pub(crate) resets: Vec<RequestId>,
    /// How often a part of what comes was told.
    pub(crate) parts: usize,
}

/// Credentials that a test can change.
pub(crate) struct Given(pub(crate) Mutex<Credentials>);

impl CredentialSource for Given {
    fn read(&self) -> Result<Credentials, Error> {
        Ok(self.0.lock().unwrap().clone())
    }
}

impl World {
    /// A vCenter and an adapter that has no session.
    pub(crate) fn new() -> World {
        Self::with(Config::default())
    }

    pub(crate) fn with(config: Config) -> World {
        let rig = Rig::start(&Options::vcenter_only()).unwrap();
        let host = rig.vc_host().to_owned();
        let authority = std::fs::read(rig.vc_authority()).unwrap();
        World::reached(rig, host, authority, config)
    }

    /// With something on the way that does what the plan says.
    pub(crate) fn behind(plan: Plan) -> (World, Proxy) {
        let rig = Rig::start(&Options::vcenter_only()).unwrap();
        let target = Target {
            address: rig.vc_host().to_owned(),
            authority: std::fs::read(rig.vc_authority()).unwrap(),
        };
        let options = vmgroup_faults::Options {
            vcenter: Some(target),
            plan,
            ..vmgroup_faults::Options::default()
        };
        let proxy = tokio::task::block_in_place(|| Proxy::start(options)).unwrap();
        let host = proxy.vcenter().unwrap().to_string();
        let authority = proxy.authority().into();
        let world = World::reached(rig, host, authority, Config::default());
        (world, proxy)
    }

    fn reached(rig: Rig, host: String, authority: Vec<u8>, config: Config) -> World {
        let credentials = Arc::new(Given(Mutex::new(Credentials {
            host,
            user: rig.vc_user().to_owned(),
            password: rig.vc_pass().to_owned().into(),
        })));
        let config = Config {
            ca_pem: Some(authority),
            ..config
        };
        let (sender, events) = mpsc::channel(100);
        World {
            vcenter: Vcenter::new(config, credentials.clone(), sender),
            rig,
            credentials,
            events,
            next_id: 0,
            vms: BTreeMap::new(),
            tasks: BTreeMap::new(),
            answers: Vec::new(),
            losses: Vec::new(),
            parts: 0,
            resets: Vec::new(),
        }
    }

    /// A vCenter and an adapter whose feed has shown everything.
    pub(crate) async fn live() -> World {
        let mut world = World::new();
        let id = world.login().await.unwrap();
        world.until(|w| w.resets.contains(&id)).await;
        world
    }

    pub(crate) fn control(&self) -> &Control {
        self.rig.control()
    }

    pub(crate) async fn login(&mut self) -> Result<RequestId, LoginResult> {
        let id = self.begin_login();
        match self.logged_in(id).await {
            LoginResult::In { .. } => Ok(id),
            other => Err(other),
        }
    }

    pub(crate) fn begin_login(&mut self) -> RequestId {
        let id = self.id();
        let reason = "test".into();
        self.ask(Request::Login { id, reason });
        id
    }

    pub(crate) async fn logged_in(&mut self, id: RequestId) -> LoginResult {
        self.answer(|event| match event {
            Event::LoginAnswered { id: of, result } if *of == id => Some(result.clone()),
            _ => None,
        })
        .await
    }

    pub(crate) async fn relist(&mut self) {
        let id = self.id();
        let reason = "test".into();
        self.ask(Request::Relist { id, reason });
        self.until(|w| w.resets.contains(&id)).await;
    }

    pub(crate) async fn read(&mut self, read: Read) -> ReadResult {
        let id = self.id();
        self.ask(Request::Read { id, read });
        self.answer(|event| match event {
            Event::Read { id: of, result } if *of == id => Some(result.clone()),
            _ => None,
        })
        .await
    }

    pub(crate) async fn call(&mut self, call: Call) -> CallResult {
        let id = self.begin(call);
        self.called(id).await
    }

    /// Makes a call whose answer comes later.
    pub(crate) fn begin(&mut self, call: Call) -> RequestId {
        let id = self.id();
        self.ask(Request::Call {
            id,
            group: GroupKey::new("n", "g"),
            operation_id: format!("uid/0/{}", id.0),
            call,
        });
        id
    }

    pub(crate) async fn called(&mut self, id: RequestId) -> CallResult {
        self.answer(|event| match event {
            Event::Called { id: of, result } if *of == id => Some(result.clone()),
            _ => None,
        })
        .await
    }

    /// Makes a call and waits for the end of its task.
    pub(crate) async fn done(&mut self, call: Call) -> TaskState {
        let result = self.call(call).await;
        let CallResult::Started(task) = result else {
            panic!("no task was started: {result:?}");
        };
        self.ended(&task).await
    }

    /// Waits for the end of a task.
    pub(crate) async fn ended(&mut self, task: &str) -> TaskState {
        self.until(|w| matches!(w.tasks.get(task), Some(t) if t.state != TaskState::Running))
            .await;
        self.tasks[task].state.clone()
    }

    /// Creates a folder below the root.
    pub(crate) async fn folder(&mut self, name: &str) -> String {
        let name = name.to_owned();
        match self.call(Call::CreateFolder { name }).await {
            CallResult::Done { result: Some(id) } => id,
            other => panic!("no folder was made: {other:?}"),
        }
    }

    /// A clone, and its place in the feed.
    pub(crate) async fn cloned(&mut self, folder: &str, name: &str) -> Vm {
        let state = self.done(clone_call(folder, name)).await;
        let TaskState::Succeeded { result: Some(id) } = state else {
            panic!("the clone failed: {state:?}");
        };
        self.until(|w| w.vms.get(&id).is_some_and(|vm| vm.marker.is_some()))
            .await;
        self.vms[&id].clone()
    }

    pub(crate) fn ask(&self, request: Request) {
        drop(self.vcenter.perform(request));
    }

    /// Takes events until that is so.
    pub(crate) async fn until(&mut self, mut is_so: impl FnMut(&World) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_so(self) {
            let (vms, tasks) = (&self.vms, &self.tasks);
            let in_time = Instant::now() < deadline;
            assert!(in_time, "it did not come: {vms:#?} {tasks:#?}");
            self.take().await;
        }
    }

    async fn answer<T>(&mut self, of: impl Fn(&Event) -> Option<T>) -> T {
        loop {
            if let Some(at) = self.answers.iter().position(|event| of(event).is_some()) {
                return of(&self.answers.remove(at)).unwrap();
            }
            self.take().await;
        }
    }

    async fn take(&mut self) {
        let event = tokio::time::timeout(PATIENCE, self.events.recv()).await;
        let event = event.expect("nothing came in time").unwrap();
        match event {
            Event::FeedReset { id, vms, tasks } => {
                self.resets.push(id);
                self.vms = vms.into_iter().map(|vm| (vm.id.clone(), vm)).collect();
                self.tasks = tasks.into_iter().map(|t| (t.id.clone(), t)).collect();
            }
            Event::FeedChanged { vms, left, tasks } => {
                self.vms
                    .extend(vms.into_iter().map(|vm| (vm.id.clone(), vm)));
                self.tasks
                    .extend(tasks.into_iter().map(|t| (t.id.clone(), t)));
                for id in left {
                    assert!(self.vms.remove(&id).is_some(), "{id} left twice");
                }
            }
            Event::FeedIdle => {}
            Event::FeedProgress => self.parts += 1,
            Event::FeedLost {
                reason,
                session_ended,
            } => self.losses.push((reason, session_ended)),
            answer => self.answers.push(answer),
        }
    }

    pub(crate) fn id(&mut self) -> RequestId {
        self.next_id += 1;
        RequestId(self.next_id)
    }
}

pub(crate) fn uuid_of(name: &str) -> String {
    let hash = name.bytes().fold(7_u64, |hash, byte| {
        hash.wrapping_mul(31).wrapping_add(u64::from(byte))
    });
    format!("aaaaaaaa-bbbb-5ccc-8ddd-{:012x}", hash & 0xffff_ffff_ffff)
}

pub(crate) fn clone_call(folder: &str, name: &str) -> Call {
    Call::Clone(CloneCall {
        template: TEMPLATE.into(),
        folder: folder.into(),
        name: name.into(),
        instance_uuid: uuid_of(name),
        marker: Marker {
            version: Marker::VERSION,
            install: "test".into(),
            vcenter: "vcenter".into(),
            namespace: "n".into(),
            name: "g".into(),
            identity: "i".into(),
            slot: 3,
            instance_uuid: uuid_of(name),
            disks: Vec::new(),
        },
        spec_hash: "v1:abc".into(),
        cpus: 2,
        memory_mib: 2048,
    })
}
