//! One run's world: a vCenter, a namespace, one or two operators behind proxies.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use vmgroup_faults::{Call, Plan, Trace};
use vmgroup_rig::{Control, Options, Rig, Vm};

use crate::binary::guest;
use crate::site::Site;
use crate::truth::{self, Members};

use super::ground::Ground;
use super::seat::{Making, Seat};

const BYSTANDERS: u32 = 2;
/// Milliseconds of slow tasks: a clone goes on while its operator is started again.
const SLOW_TASKS: [(&str, u32); 4] = [
    ("CloneVm", 2_000),
    ("Destroy", 1_000),
    ("PowerOff", 300),
    ("ReconfigVm", 300),
];
const POLL: Duration = Duration::from_millis(100);
/// Twice what is promised: a run that is only late says how late.
const PATIENCE: Duration = Duration::from_secs(120);
/// So long nothing is asked of a server in a world that stands still: longer than one list
/// waits for another, so that an endless row of them shows.
const SILENCE: Duration = Duration::from_millis(2_500);
/// Waits, watches and renewals in that time: two operators have a few of them under way, and
/// one that waits for nothing has hundreds.
const QUIET_CALLS_MAX: usize = 40;
/// Reports and events may come for so long after the world is as it should be.
const LAST_WORDS: Duration = Duration::from_secs(12);
/// Names of the operators.
pub(crate) const REPLICAS: [&str; 2] = ["first", "second"];

/// A stage. Its operators are tended while something is waited for.
pub(crate) struct Stage<'a> {
    // In the order of ending: operators before their servers.
    pub(crate) seats: Vec<Seat<'a>>,
    ground: &'a Ground,
    pub(crate) trace: Trace,
    pub(crate) namespace: String,
    pub(crate) strangers: BTreeMap<String, Vm>,
    /// Groups by their identity.
    pub(crate) groups: BTreeMap<String, String>,
    vcenter: Rig,
    folder: TempDir,
}

impl<'a> Stage<'a> {
    /// Sets it, with so many operators; the plan is the first one's.
    pub(crate) fn set(ground: &'a Ground, plan: Plan, replicas: usize) -> Self {
        let options = Options {
            bystanders: BYSTANDERS,
            ..Options::vcenter_only()
        };
        let vcenter = Rig::start(&options).unwrap_or_else(|error| panic!("no rig: {error:#}"));
        let control = vcenter.control();
        // One that is off would show that somebody powers it on.
        let strangers = truth::vms(control);
        let stranger = strangers.values().find(|vm| vm.power == "poweredOn");
        let stranger = stranger.expect("a bystander that is on");
        let off = control.set_power(&stranger.moid, "poweredOff");
        off.expect("the simulator answers");
        let folder = tempfile::tempdir().expect("a folder");
        let mut stage = Self {
            seats: Vec::new(),
            ground,
            trace: Trace::new(),
            namespace: ground.namespace(),
            strangers: truth::vms(vcenter.control()),
            groups: BTreeMap::new(),
            vcenter,
            folder,
        };
        stage.mount("default");
        let mut plans = vec![plan];
        plans.resize(replicas, Plan::default());
        for (plan, name) in plans.into_iter().zip(REPLICAS) {
            let module = stage.module();
            let making = Making {
                vcenter: &stage.vcenter,
                namespace: &stage.namespace,
                folder: stage.folder.path(),
                module: &module,
                trace: &stage.trace,
            };
            let seat = Seat::take(ground, &making, name, plan);
            stage.seats.push(seat);
            if replicas > 1 && name == REPLICAS[0] {
                stage.until_lease_is(name);
            }
        }
        stage
    }

    /// Tasks take their time from here on.
    pub(crate) fn slow_down_tasks(&self) {
        let slow = self.control().set_task_delays(&SLOW_TASKS);
        slow.expect("the simulator answers");
    }

    /// The API server that it shares with others.
    pub(crate) fn site(&self) -> &Site {
        self.ground.site()
    }

    /// The tests' hands and eyes in vCenter.
    pub(crate) fn control(&self) -> &Control {
        self.vcenter.control()
    }

    /// Puts another module where the operators look for theirs, at once.
    pub(crate) fn mount(&self, name: &str) {
        let partial = self.folder.path().join("module.partial");
        fs::copy(guest(name), &partial).expect("a module");
        fs::rename(&partial, self.module()).expect("a module");
    }

    /// Creates a group.
    pub(crate) fn create(&mut self, name: &str, spec: &Value) {
        let object = json!({
            "apiVersion": "vm.codeconnect.vmworld.com/v1alpha1",
            "kind": "VmGroup",
            "metadata": { "name": name },
            "spec": spec,
        });
        let path = self.path("");
        let made = self.ground.site().send("POST", &path, &object);
        let uid = made["metadata"]["uid"].as_str().expect("a UID");
        self.groups.insert(uid.to_owned(), name.to_owned());
    }

    /// Changes the spec of a group.
    pub(crate) fn patch(&self, name: &str, spec: &Value) {
        let path = self.path(name);
        let site = self.ground.site();
        site.send("PATCH", &path, &json!({ "spec": spec }));
    }

    /// Asks for the deletion of a group.
    pub(crate) fn delete(&self, name: &str) {
        let path = self.path(name);
        self.ground.site().send("DELETE", &path, &json!({}));
    }

    /// A group's object, if it exists.
    pub(crate) fn object(&self, name: &str) -> Option<Value> {
        self.ground.site().object(&self.path(name))
    }

    /// The VMs that truly are of a group.
    pub(crate) fn members(&self, name: &str) -> Members {
        truth::members(self.control(), &self.namespace, name)
    }

    /// Who has the lease.
    pub(crate) fn holder(&self) -> Option<String> {
        let namespace = &self.namespace;
        let path = format!("/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/vmgroup");
        let lease = self.ground.site().object(&path)?;
        lease["spec"]["holderIdentity"].as_str().map(str::to_owned)
    }

    /// Waits until `look` is content, while operators are tended.
    ///
    /// # Panics
    /// When it is not in time, with what it saw last.
    pub(crate) fn until(&mut self, what: &str, look: impl Fn(&Self) -> Result<(), String>) {
        let began = Instant::now();
        loop {
            self.tend();
            let Err(seen) = look(self) else { return };
            assert!(
                began.elapsed() < PATIENCE,
                "{what}: not within {} s; last seen: {seen}",
                PATIENCE.as_secs()
            );
            sleep(POLL);
        }
    }

    /// Waits until that replica has the lease.
    pub(crate) fn until_lease_is(&mut self, name: &str) {
        let what = format!("{name} has the lease");
        self.until(&what, |stage| match stage.holder() {
            Some(holder) if holder == name => Ok(()),
            other => Err(format!("{other:?}")),
        });
    }

    /// S15: nothing is asked of anybody any more, leases, watches and waits aside.
    ///
    /// # Panics
    /// When something is, again and again.
    pub(crate) fn falls_silent(&mut self) {
        let began = Instant::now();
        while let Err(loud) = self.is_silent() {
            assert!(began.elapsed() < LAST_WORDS, "S15: {loud}");
        }
    }

    /// Whether nothing is asked of anybody for a while.
    pub(crate) fn is_silent(&mut self) -> Result<(), String> {
        let since = self.trace.now_ms();
        let killed = |stage: &Self| stage.seats.iter().map(|seat| seat.killed).sum::<u64>();
        let killed_before = killed(self);
        sleep(SILENCE);
        self.tend();
        let mut asked = self.trace.records();
        asked.retain(|record| record.began_ms >= since);
        let loud = asked.iter().find(|record| !is_quiet(&record.call));
        match loud {
            Some(loud) => Err(format!("it does not fall silent: {loud}")),
            None if asked.len() > QUIET_CALLS_MAX => {
                Err(format!("{} calls that wait for nothing", asked.len()))
            }
            // The dead are silent, too.
            None if killed(self) != killed_before => Err("an operator has been killed".to_owned()),
            None => Ok(()),
        }
    }

    /// Whether whoever leads has a session.
    pub(crate) fn has_session(&self) -> bool {
        self.seats.iter().any(Seat::has_session)
    }

    /// Forgets the trace, and nothing that counts.
    pub(crate) fn forget_trace(&mut self) {
        for seat in &mut self.seats {
            seat.remember_session();
        }
        self.trace.forget();
    }

    /// Starts again what was killed.
    pub(crate) fn tend(&mut self) {
        for seat in &mut self.seats {
            seat.tend();
        }
    }

    fn module(&self) -> PathBuf {
        self.folder.path().join("module.wasm")
    }

    fn path(&self, name: &str) -> String {
        let namespace = &self.namespace;
        let groups =
            format!("/apis/vm.codeconnect.vmworld.com/v1alpha1/namespaces/{namespace}/vmgroups");
        match name {
            "" => groups,
            name => format!("{groups}/{name}"),
        }
    }
}

/// What an operator does though nothing happens.
fn is_quiet(call: &Call) -> bool {
    call.resource == "leases" || call.is_watch() || call.verb == "WaitForUpdatesEx"
}
