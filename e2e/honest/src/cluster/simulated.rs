//! The simulated API server.

use vmgroup_core::group::GroupKey;
use vmgroup_core::time::{Monotonic, Now, Timestamp};
use vmgroup_reconcile::event::{LeaseRecord, WriteResult};
use vmgroup_reconcile::request::MetaChange;
use vmgroup_sim::Refused;
use vmgroup_sim::cluster::{Cluster, WatchId};
use vmgroup_sim::options::ClusterOptions;
use vmgroup_sim::random::Random;

use super::draw::GROUPS;
use super::operation::{Operation, Replica, What};
use super::spec::{EXPIRES, FOREIGN_FINALIZER, digest, spec, status};
use super::story::Story;
use super::versions::Versions;
use super::words;
use crate::answer::{Answer, Outcome};

/// Longer than any news is on its way.
const SETTLED_AFTER_MS: u64 = 1_000;

/// The simulated side.
#[derive(Debug)]
pub(super) struct Simulated {
    cluster: Cluster,
    now: Now,
    watch: WatchId,
    versions: Versions,
    story: Story,
    namespace: String,
}

impl Simulated {
    pub(super) fn new(namespace: &str, seed: u64) -> Self {
        let now = Now {
            monotonic: Monotonic(0),
            utc: Timestamp(1_767_225_600_000),
        };
        let options = ClusterOptions::default();
        let mut cluster = Cluster::new(options, Random::new(seed), "right".into());
        let watch = cluster.open_watch(now);
        let mut simulated = Simulated {
            cluster,
            now,
            watch,
            versions: Versions::default(),
            story: Story::default(),
            namespace: namespace.to_owned(),
        };
        simulated.settle();
        simulated
    }

    pub(super) fn execute(&mut self, operation: &Operation) -> Answer {
        self.story = Story::default();
        let outcome = self.outcome(operation);
        self.settle();
        Answer {
            outcome,
            shown: self.story.shown(),
        }
    }

    /// Every object as a read gives it.
    pub(super) fn truth(&mut self) -> Answer {
        let mut shown = std::collections::BTreeMap::new();
        for group in GROUPS {
            let result = self.cluster.read_group(&self.key(group));
            let words = words::written(&result).to_string();
            shown.insert((*group).to_owned(), words);
        }
        Answer {
            outcome: Outcome::Fine("the truth".into()),
            shown,
        }
    }

    fn key(&self, name: &str) -> GroupKey {
        GroupKey::new(&self.namespace, name)
    }

    fn outcome(&mut self, operation: &Operation) -> Outcome {
        let key = self.key(operation.group);
        let now = self.now;
        let result = match &operation.what {
            What::Read => self.cluster.read_group(&key),
            What::WriteStatus(version, number) => {
                let target = self.versions.target(&key, *version);
                self.cluster.write_status(now, &target, &status(*number))
            }
            What::Claim(version, identity, replace_demo) => {
                let change = MetaChange::Claim {
                    identity: format!("identity-{identity}"),
                    replace_demo: *replace_demo,
                };
                let target = self.versions.target(&key, *version);
                self.cluster.write_meta(now, &target, &change)
            }
            What::Release(version) => {
                let target = self.versions.target(&key, *version);
                self.cluster.write_meta(now, &target, &MetaChange::Release)
            }
            What::WriteLease(replica, version) => {
                let version = self.versions.lease(*version);
                return self.write_lease(operation, *replica, version);
            }
            What::CreateLease(replica) => {
                return self.write_lease(operation, *replica, String::new());
            }
            What::Rewatch => {
                self.cluster.reconnect(now, self.watch);
                return Outcome::Fine("watched anew".into());
            }
            _ => return by_person(&self.person(operation, &key)),
        };
        self.written(&result)
    }

    fn written(&mut self, result: &WriteResult) -> Outcome {
        self.story.answered(&mut self.versions, result);
        words::written(result)
    }

    fn write_lease(&mut self, operation: &Operation, replica: Replica, version: String) -> Outcome {
        let lease = lease(operation, replica, version);
        let written = self.cluster.write_lease(self.now, &lease).ok();
        words::lease(&mut self.versions, written.as_ref())
    }

    fn person(&mut self, operation: &Operation, key: &GroupKey) -> Result<(), Refused> {
        let (cluster, now) = (&mut self.cluster, self.now);
        match &operation.what {
            What::Create(wish) => cluster.create(now, key, spec(*wish)).map(drop),
            What::CreateOfDemo(wish) => {
                let demo = |object: &mut vmgroup_reconcile::event::GroupObject| {
                    object.demo_finalizer = true;
                };
                cluster.create_as(now, key, spec(*wish), demo).map(drop)
            }
            What::Apply(wish) if cluster.group(key).is_none() => {
                cluster.create(now, key, spec(*wish)).map(drop)
            }
            What::Apply(wish) | What::Edit(wish) => cluster.edit(now, key, spec(*wish)),
            What::Scale(replicas) => cluster.scale(now, key, *replicas),
            What::Flurry(all) => all
                .iter()
                .try_for_each(|replicas| cluster.scale(now, key, *replicas)),
            What::Delete => cluster.delete(now, key),
            What::Adopt(adoption) => cluster.annotate_adoption(now, key, *adoption),
            What::Finalizer(present) => {
                cluster.set_foreign_finalizer(now, key, FOREIGN_FINALIZER, *present)
            }
            What::Strip => cluster.strip_finalizers(now, key),
            What::Approve(number) => {
                let approval = GroupKey::new(&key.namespace, format!("approval-{number}"));
                cluster.approve(now, &approval, &key.name, &digest(), Some(EXPIRES))
            }
            What::Withdraw(number) => {
                let approval = GroupKey::new(&key.namespace, format!("approval-{number}"));
                cluster.withdraw(now, &approval)
            }
            _ => Ok(()),
        }
    }

    fn settle(&mut self) {
        let passed = SETTLED_AFTER_MS;
        self.now = Now {
            monotonic: self.now.monotonic.plus(passed),
            utc: self.now.utc.plus(passed),
        };
        while let Some((_, event)) = self.cluster.arrive(self.now.monotonic) {
            self.story.take(&mut self.versions, &event);
        }
    }
}

/// A person's deed, as it came out.
fn by_person(done: &Result<(), Refused>) -> Outcome {
    match done {
        Ok(()) => Outcome::Fine("done by a person".into()),
        Err(Refused::Exists { .. }) => Outcome::Fault("exists".into()),
        Err(Refused::Missing { .. }) => Outcome::Fault("missing".into()),
        Err(Refused::Impossible { .. }) => Outcome::Fault("impossible".into()),
    }
}

/// The lease that an operation writes.
pub(super) fn lease(operation: &Operation, replica: Replica, version: String) -> LeaseRecord {
    LeaseRecord {
        holder: format!("{replica:?}"),
        duration_s: 15,
        transitions: operation.number,
        resource_version: version,
        refused: None,
    }
}
