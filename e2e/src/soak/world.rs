//! What is wished, and whether the world is so.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use vmgroup_rig::Vm;

use crate::kill_points::{REPLICAS, Stage, bout_is_sound, changes};
use crate::truth;

use super::edit::{Edit, Wish};

/// Groups that there may be. Names come again, their objects have new UIDs then.
pub(crate) const GROUPS: [&str; 6] = ["web", "db", "cache", "queue", "mail", "batch"];
/// An approval is used once; the same effects may be held again.
const APPROVED_AGAIN: Duration = Duration::from_secs(10);
const API: &str = "/apis/vm.codeconnect.vmworld.com/v1alpha1/namespaces";

/// What people want.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wishes {
    groups: BTreeMap<&'static str, Wish>,
    /// Deleted since the world settled last.
    leaving: BTreeSet<&'static str>,
    /// Another module than the usual one decides.
    is_swapped: bool,
    /// How many VMs people have asked for since the world settled last, by new groups, larger
    /// ones, and members that they destroyed.
    asked_for: u64,
    /// VMs that people destroyed since then.
    pub(crate) destroyed: Vec<String>,
}

impl Wishes {
    pub(crate) fn of(&self, group: &str) -> Option<Wish> {
        self.groups.get(group).copied()
    }

    pub(crate) fn is_leaving(&self, group: &str) -> bool {
        self.leaving.contains(group)
    }

    pub(crate) fn names(&self) -> Vec<&'static str> {
        self.groups.keys().copied().collect()
    }

    /// The world is as wished: what was deleted is gone.
    pub(crate) fn settled(&mut self) {
        self.leaving.clear();
        self.asked_for = 0;
        self.destroyed.clear();
    }

    pub(crate) fn note(&mut self, edit: Edit) {
        match edit {
            Edit::Create { group, wish } => {
                self.asked_for += wish.replicas;
                self.groups.insert(group, wish);
            }
            Edit::Scale { group, replicas } => {
                if let Some(wish) = self.groups.get_mut(group) {
                    self.asked_for += replicas.saturating_sub(wish.replicas);
                    wish.replicas = replicas;
                }
            }
            Edit::Resize { group, cpus } => {
                if let Some(wish) = self.groups.get_mut(group) {
                    wish.cpus = cpus;
                }
            }
            Edit::Delete { group } => {
                self.groups.remove(group);
                self.leaving.insert(group);
            }
            Edit::Swap => self.is_swapped = true,
            Edit::Destroy { .. } => self.asked_for += 1,
            Edit::Nothing | Edit::PowerOff { .. } | Edit::Move { .. } => {}
        }
    }
}

/// A stage with what is wished of it, and a person who approves what is held.
pub(crate) struct World<'a> {
    pub(crate) stage: Stage<'a>,
    pub(crate) wishes: Wishes,
    pub(crate) approvals: u64,
    approved: BTreeMap<(String, String), Instant>,
    /// Sessions of killed operators, as of the kills before.
    orphans: u64,
    left_before: u64,
    /// The last call of vCenter's record that was looked at.
    seen: u64,
    /// The last one of the bout before.
    judged: u64,
    /// The VMs that there were then, by identity.
    living: BTreeMap<String, String>,
}

impl<'a> World<'a> {
    pub(crate) fn new(stage: Stage<'a>) -> Self {
        Self {
            stage,
            wishes: Wishes::default(),
            approvals: 0,
            approved: BTreeMap::new(),
            orphans: 0,
            left_before: 0,
            seen: 0,
            judged: 0,
            living: BTreeMap::new(),
        }
    }

    /// Lets the usual module decide again.
    pub(crate) fn swap_back(&mut self) {
        if std::mem::take(&mut self.wishes.is_swapped) {
            self.stage.mount("default");
        }
    }

    /// How often operators were killed.
    pub(crate) fn killed(&self) -> u64 {
        self.stage.seats.iter().map(|seat| seat.killed).sum()
    }

    fn left_sessions(&self) -> u64 {
        self.stage.seats.iter().map(|seat| seat.left_sessions).sum()
    }

    /// Sessions that only time ends, at most: those of the killed.
    pub(crate) fn orphaned_sessions(&self) -> u64 {
        self.orphans + self.left_sessions() - self.left_before
    }

    /// vCenter has forgotten all sessions.
    pub(crate) fn sessions_expired(&mut self) {
        for seat in &mut self.stage.seats {
            seat.sessions_expired();
        }
        self.left_before = self.left_sessions();
        self.orphans = 0;
    }

    /// Counts them in a world that has settled: not everybody who was killed had a
    /// session, and whoever leads has one. So a session that is lost later is seen.
    pub(crate) fn count_orphaned_sessions(&mut self) -> Result<(), String> {
        let sessions = self.stage.control().sessions();
        let sessions = sessions.map_err(|error| format!("{error:#}"))?;
        let in_use = u64::from(self.stage.has_session());
        self.orphans = self
            .orphaned_sessions()
            .min(sessions.saturating_sub(in_use));
        self.left_before = self.left_sessions();
        Ok(())
    }

    /// Starts again what was killed, approves what is held, and tells what is not as it
    /// should be.
    ///
    /// # Panics
    /// When something is as it may never be.
    pub(crate) fn look(&mut self) -> Result<(), String> {
        self.stage.tend();
        let vms = truth::vms(self.stage.control());
        truth::assert_no_slot_twice(&vms);
        let list = self.get(&self.groups_path(""))?;
        let objects: BTreeMap<&str, &Value> = items(&list)
            .filter_map(|object| Some((object["metadata"]["name"].as_str()?, object)))
            .collect();
        self.approve(&objects);
        for group in GROUPS {
            let members = truth::members_among(&vms, &self.stage.namespace, group);
            let object = objects.get(group).copied();
            match self.wishes.of(group) {
                Some(wish) => is_as_wished(group, wish, object, &members)?,
                None if object.is_some() || !members.is_empty() => {
                    return Err(format!("{group} is not gone: {object:?} with {members:?}"));
                }
                None => {}
            }
        }
        self.folders_are_the_groups()?;
        self.costs_are_bounded()
    }

    /// Judges all that was done in vCenter since the world settled the last time (S1 to S3).
    ///
    /// # Panics
    /// When something was done that may never be, or that nobody asked for.
    pub(crate) fn judge(&mut self) -> Result<(), String> {
        let trace = self.stage.control().trace(self.judged);
        let trace = trace.map_err(|error| format!("{error:#}"))?;
        self.judged = trace.last;
        let tasks = self.stage.control().tasks();
        let tasks = tasks.map_err(|error| format!("{error:#}"))?;
        let destroyed = &self.wishes.destroyed;
        self.living.retain(|_, vm| !destroyed.contains(vm));
        let made = bout_is_sound(&self.stage, &trace.calls, &tasks, &self.living);
        let vms = truth::vms(self.stage.control());
        let strangers = &self.stage.strangers;
        let ours = vms
            .into_values()
            .filter(|vm| !strangers.contains_key(&vm.moid));
        self.living = ours.map(|vm| (vm.instance_uuid, vm.moid)).collect();
        // What has gone with nobody's wish was made anew: destroys need no bound of their own.
        let asked_for = self.wishes.asked_for;
        if made > asked_for {
            return Err(format!(
                "S1: {made} VMs were made, {asked_for} were asked for"
            ));
        }
        Ok(())
    }

    /// Whether nothing was done in vCenter since this was asked the last time.
    pub(crate) fn stands_still(&mut self) -> Result<(), String> {
        let trace = self.stage.control().trace(self.seen);
        let trace = trace.map_err(|error| format!("{error:#}"))?;
        self.seen = trace.last;
        match changes(&trace.calls).last() {
            None => Ok(()),
            Some(call) => Err(format!("it does not stand still: {call:?}")),
        }
    }

    /// Forgets what was approved, as whoever approved it would.
    ///
    /// # Panics
    /// When the API server does not answer.
    pub(crate) fn tidy_up(&mut self) {
        if self.approved.is_empty() {
            return;
        }
        self.approved.clear();
        let path = format!("{API}/{}/planapprovals", self.stage.namespace);
        self.stage.site().send("DELETE", &path, &json!({}));
    }

    /// How many objects a collection has.
    pub(crate) fn count(&self, api: &str, resource: &str) -> Result<u64, String> {
        let namespace = &self.stage.namespace;
        let list = self.get(&format!("{api}/namespaces/{namespace}/{resource}?limit=1"))?;
        let rest = list["metadata"]["remainingItemCount"].as_u64().unwrap_or(0);
        Ok(items(&list).count() as u64 + rest)
    }

    fn approve(&mut self, objects: &BTreeMap<&str, &Value>) {
        for (group, object) in objects {
            let Some(digest) = object["status"]["held"]["effectsDigest"].as_str() else {
                continue;
            };
            let what = ((*group).to_owned(), digest.to_owned());
            let before = self.approved.get(&what);
            if before.is_some_and(|at| at.elapsed() < APPROVED_AGAIN) {
                continue;
            }
            self.approved.insert(what, Instant::now());
            self.approvals += 1;
            let approval = json!({
                "apiVersion": "vm.codeconnect.vmworld.com/v1alpha1",
                "kind": "PlanApproval",
                "metadata": { "generateName": "soak-" },
                "spec": {
                    "group": group,
                    "effectsDigest": digest,
                    "expiresAt": "2100-01-01T00:00:00Z",
                },
            });
            let path = format!("{API}/{}/planapprovals", self.stage.namespace);
            self.stage.site().send("POST", &path, &approval);
        }
    }

    fn folders_are_the_groups(&self) -> Result<(), String> {
        let folders = self.stage.control().folders();
        let folders = folders.map_err(|error| format!("{error:#}"))?;
        let paths = folders.into_iter().map(|folder| folder.path);
        let mut found: Vec<String> = paths
            .filter_map(|path| {
                let name = path.strip_prefix("/vcqaDC/vm/vm-operator/")?;
                // Namespace and name, and a part that tells apart what reads the same.
                let (name, _) = name.rsplit_once('_').unwrap_or((name, ""));
                Some(name.to_owned())
            })
            .collect();
        found.sort();
        let namespace = &self.stage.namespace;
        let names = self.wishes.names().into_iter();
        let wanted: Vec<String> = names.map(|name| format!("{namespace}-{name}")).collect();
        if found == wanted {
            Ok(())
        } else {
            Err(format!("folders {found:?} for {wanted:?}"))
        }
    }

    /// No session but that of whoever leads and those of the killed, no task that runs, one
    /// lease which one of them holds.
    fn costs_are_bounded(&self) -> Result<(), String> {
        let sessions = self.stage.control().sessions();
        let sessions = sessions.map_err(|error| format!("{error:#}"))?;
        let orphans = self.orphaned_sessions();
        if sessions > 1 + orphans {
            return Err(format!("S14: {sessions} sessions, {orphans} of them left"));
        }
        let running = self.running_tasks()?;
        if running > 0 {
            return Err(format!("{running} tasks run"));
        }
        let leases = self.count("/apis/coordination.k8s.io/v1", "leases")?;
        let holder = self.stage.holder().unwrap_or_default();
        if leases != 1 || !REPLICAS.contains(&holder.as_str()) {
            return Err(format!("S6: {leases} leases, held by {holder:?}"));
        }
        Ok(())
    }

    pub(crate) fn running_tasks(&self) -> Result<u64, String> {
        let tasks = self.stage.control().tasks();
        let tasks = tasks.map_err(|error| format!("{error:#}"))?;
        let runs = |state: &str| matches!(state, "running" | "queued");
        Ok(tasks.iter().filter(|task| runs(&task.state)).count() as u64)
    }

    fn get(&self, path: &str) -> Result<Value, String> {
        let found = self.stage.site().object(path);
        found.ok_or_else(|| format!("there is no {path}"))
    }

    fn groups_path(&self, name: &str) -> String {
        format!("{API}/{}/vmgroups{name}", self.stage.namespace)
    }
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list["items"].as_array().into_iter().flatten()
}

/// The group says that it is RUNNING, and vCenter has exactly its VMs, all on.
fn is_as_wished(
    group: &str,
    wish: Wish,
    object: Option<&Value>,
    members: &BTreeMap<u64, Vm>,
) -> Result<(), String> {
    let object = object.ok_or_else(|| format!("{group} has no object"))?;
    let status = &object["status"];
    let says = status["observedGeneration"] == object["metadata"]["generation"]
        && status["phase"] == "RUNNING"
        && ["currentReplicas", "readyReplicas", "updatedReplicas"]
            .iter()
            .all(|field| status[*field] == wish.replicas);
    let is = members.len() as u64 == wish.replicas
        && members
            .values()
            .all(|vm| vm.power == "poweredOn" && u64::from(vm.cpus) == wish.cpus);
    if says && is {
        Ok(())
    } else {
        Err(format!(
            "{group} is to be {wish:?}: {status} with {members:?}"
        ))
    }
}
