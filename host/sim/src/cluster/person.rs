//! What people do with objects.

use std::collections::BTreeSet;

use vmgroup_core::group::{Adoption, GroupKey, Spec};
use vmgroup_core::status::Status;
use vmgroup_core::time::{Now, Timestamp};
use vmgroup_reconcile::event::{Approval, Event, GroupObject};

use super::{Cluster, Stored};
use crate::Refused;
use crate::history::Fact;

fn missing(key: &GroupKey) -> Refused {
    Refused::Missing {
        what: "group",
        name: key.to_string(),
    }
}

impl Cluster {
    /// Creates a group; returns its UID.
    ///
    /// # Errors
    /// The name is taken.
    pub fn create(
        &mut self,
        now: Now,
        key: &GroupKey,
        spec: Result<Spec, String>,
    ) -> Result<String, Refused> {
        self.create_as(now, key, spec, |_| {})
    }

    /// Creates a group of which `shape` changes what a plain one has, such as
    /// an annotation that came with a copied object.
    ///
    /// # Errors
    /// The name is taken.
    pub fn create_as(
        &mut self,
        now: Now,
        key: &GroupKey,
        spec: Result<Spec, String>,
        shape: impl FnOnce(&mut GroupObject),
    ) -> Result<String, Refused> {
        if self.groups.contains_key(key) {
            return Err(Refused::Exists {
                what: "group",
                name: key.to_string(),
            });
        }
        self.uids += 1;
        let uid = format!("00000000-0000-4000-8000-{:012x}", self.uids);
        let mut object = GroupObject {
            key: key.clone(),
            uid: uid.clone(),
            generation: 1,
            resource_version: 0,
            created_at: now.utc,
            deleting: false,
            finalizer: false,
            demo_finalizer: false,
            identity: None,
            adoption: None,
            vcenter: None,
            spec,
            status: Status::default(),
        };
        shape(&mut object);
        self.put(
            now,
            Stored {
                object,
                foreign_finalizers: BTreeSet::new(),
            },
        );
        Ok(uid)
    }

    /// Writes a group's identity into another one's annotation.
    ///
    /// # Errors
    /// There is no such group, or it has none.
    pub fn copy_identity(
        &mut self,
        now: Now,
        from: &GroupKey,
        to: &GroupKey,
    ) -> Result<(), Refused> {
        let identity = self.group(from).and_then(|it| it.identity.clone());
        let identity = identity.ok_or_else(|| missing(from))?;
        self.name(now, to, &identity)
    }

    /// Copies a group's object, annotations and all; without its status and its
    /// finalizers, as whoever copies objects takes care to do.
    ///
    /// # Errors
    /// There is no such group, or the copy's name is taken.
    pub fn copy(&mut self, now: Now, from: &GroupKey, to: &GroupKey) -> Result<(), Refused> {
        let original = self.group(from).ok_or_else(|| missing(from))?.clone();
        let copied = self.create_as(now, to, original.spec, |copy| {
            copy.identity = original.identity;
            copy.adoption = original.adoption;
            copy.vcenter.clone_from(&original.vcenter);
        });
        copied.map(drop)
    }

    /// Replaces the spec. The generation grows if it is another one.
    ///
    /// # Errors
    /// There is no such group.
    pub fn edit(
        &mut self,
        now: Now,
        key: &GroupKey,
        spec: Result<Spec, String>,
    ) -> Result<(), Refused> {
        self.change(now, key, |stored| {
            if stored.object.spec != spec {
                stored.object.spec = spec;
                stored.object.generation += 1;
            }
        })
    }

    /// Sets the replicas, as `kubectl scale` does.
    ///
    /// # Errors
    /// There is no such group, or its spec cannot be understood.
    pub fn scale(&mut self, now: Now, key: &GroupKey, replicas: u32) -> Result<(), Refused> {
        let object = self.group(key).ok_or_else(|| missing(key))?;
        let Ok(spec) = object.spec.clone() else {
            return Err(Refused::Impossible {
                what: "group",
                name: key.to_string(),
                why: "has no replicas to change",
            });
        };
        // No API server takes it that more are to be alive than there are; and one may go, or
        // nothing that takes a power cycle would come to an end.
        let min_alive = spec.min_alive.min(replicas.saturating_sub(1));
        self.edit(
            now,
            key,
            Ok(Spec {
                replicas,
                min_alive,
                ..spec
            }),
        )
    }

    /// Asks for deletion: the object goes with its last finalizer.
    ///
    /// # Errors
    /// There is no such group.
    pub fn delete(&mut self, now: Now, key: &GroupKey) -> Result<(), Refused> {
        self.change(now, key, |stored| {
            if !stored.object.deleting {
                stored.object.deleting = true;
                // The API server counts this as a change of what is wanted.
                stored.object.generation += 1;
            }
        })
    }

    /// Says which vCenter the group belongs to from now on.
    ///
    /// # Errors
    /// There is no such group.
    pub fn annotate_vcenter(
        &mut self,
        now: Now,
        key: &GroupKey,
        vcenter: &str,
    ) -> Result<(), Refused> {
        let vcenter = Some(vcenter.to_owned());
        self.change(now, key, |stored| stored.object.vcenter = vcenter)
    }

    /// Says what becomes of left-overs.
    ///
    /// # Errors
    /// There is no such group.
    pub fn annotate_adoption(
        &mut self,
        now: Now,
        key: &GroupKey,
        adoption: Option<Adoption>,
    ) -> Result<(), Refused> {
        self.change(now, key, |stored| stored.object.adoption = adoption)
    }

    /// Adds or removes somebody else's finalizer.
    ///
    /// # Errors
    /// There is no such group, or it is being deleted and takes no new one.
    pub fn set_foreign_finalizer(
        &mut self,
        now: Now,
        key: &GroupKey,
        name: &str,
        present: bool,
    ) -> Result<(), Refused> {
        let stored = self.groups.get(key).ok_or_else(|| missing(key))?;
        if present && stored.object.deleting && !stored.foreign_finalizers.contains(name) {
            return Err(Refused::Impossible {
                what: "group",
                name: key.to_string(),
                why: "is being deleted and takes no new finalizer",
            });
        }
        self.change(now, key, |stored| {
            if present {
                stored.foreign_finalizers.insert(name.to_owned());
            } else {
                stored.foreign_finalizers.remove(name);
            }
        })
    }

    /// Takes every finalizer away by force.
    ///
    /// # Errors
    /// There is no such group.
    pub fn strip_finalizers(&mut self, now: Now, key: &GroupKey) -> Result<(), Refused> {
        let deleting = self.group(key).ok_or_else(|| missing(key))?.deleting;
        let before = self.log.len();
        self.change(now, key, |stored| {
            stored.object.finalizer = false;
            stored.object.demo_finalizer = false;
            stored.foreign_finalizers.clear();
        })?;
        if deleting {
            for fact in &mut self.log[before..] {
                if let Fact::Vanished { by_hand, .. } = fact {
                    *by_hand = true;
                }
            }
        }
        Ok(())
    }

    /// Empties the status.
    ///
    /// # Errors
    /// There is no such group.
    pub fn wipe_status(&mut self, now: Now, key: &GroupKey) -> Result<(), Refused> {
        self.change(now, key, |stored| stored.object.status = Status::default())
    }

    /// Takes the identity annotation away.
    ///
    /// # Errors
    /// There is no such group.
    pub fn unclaim(&mut self, now: Now, key: &GroupKey) -> Result<(), Refused> {
        self.change(now, key, |stored| stored.object.identity = None)
    }

    /// Writes the identity annotation.
    ///
    /// # Errors
    /// There is no such group.
    pub fn name(&mut self, now: Now, key: &GroupKey, identity: &str) -> Result<(), Refused> {
        let identity = identity.to_owned();
        self.change(now, key, |stored| stored.object.identity = Some(identity))
    }

    /// All groups are these from here on, as after a restore of etcd: versions
    /// count anew from theirs, and every watch lists anew.
    pub(crate) fn restore(&mut self, now: Now, objects: Vec<GroupObject>, bumps_versions: bool) {
        self.recent.clear();
        let newest = objects.iter().map(|object| object.resource_version).max();
        if !bumps_versions {
            self.version = newest.unwrap_or(0);
        }
        self.groups = objects
            .into_iter()
            .map(|object| {
                let version = (object.uid.clone(), object.resource_version);
                let others = self.past_finalizers.get(&version);
                let foreign_finalizers = others.cloned().unwrap_or_default();
                let stored = Stored {
                    object,
                    foreign_finalizers,
                };
                (stored.object.key.clone(), stored)
            })
            .collect();
        let at = now.monotonic;
        let objects = self.groups().cloned().collect();
        self.log.push(Fact::Restored { at, objects });
        for id in self.watches.keys().copied().collect::<Vec<_>>() {
            self.reconnect(now, id);
        }
    }

    /// Approves held effects.
    ///
    /// # Errors
    /// An approval of that name exists.
    pub fn approve(
        &mut self,
        now: Now,
        key: &GroupKey,
        group: &str,
        effects_digest: &str,
        expires_at: Option<Timestamp>,
    ) -> Result<(), Refused> {
        if self.approvals.contains_key(key) {
            return Err(Refused::Exists {
                what: "approval",
                name: key.to_string(),
            });
        }
        self.uids += 1;
        self.version += 1;
        let approval = Approval {
            key: key.clone(),
            uid: format!("00000000-0000-4000-9000-{:012x}", self.uids),
            group: group.to_owned(),
            effects_digest: effects_digest.to_owned(),
            expires_at,
        };
        self.approvals.insert(key.clone(), approval.clone());
        self.announce(now, &Event::ApprovalChanged(approval));
        Ok(())
    }

    /// Takes an approval back.
    ///
    /// # Errors
    /// There is no such approval.
    pub fn withdraw(&mut self, now: Now, key: &GroupKey) -> Result<(), Refused> {
        if self.approvals.remove(key).is_none() {
            return Err(Refused::Missing {
                what: "approval",
                name: key.to_string(),
            });
        }
        self.version += 1;
        self.announce(now, &Event::ApprovalGone { key: key.clone() });
        Ok(())
    }

    /// Changes the secret.
    pub fn rotate_credentials(&mut self, now: Now, version: &str) {
        self.version += 1;
        version.clone_into(&mut self.credentials);
        self.announce(
            now,
            &Event::CredentialsChanged {
                version: version.to_owned(),
            },
        );
    }

    fn change(
        &mut self,
        now: Now,
        key: &GroupKey,
        change: impl FnOnce(&mut Stored),
    ) -> Result<(), Refused> {
        let mut stored = self.groups.get(key).ok_or_else(|| missing(key))?.clone();
        change(&mut stored);
        self.put(now, stored);
        Ok(())
    }
}
