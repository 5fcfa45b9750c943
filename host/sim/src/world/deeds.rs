//! Carries out what people do.

use vmgroup_core::marker::MARKER_KEY;
use vmgroup_core::observation::{Connection, PowerState};
use vmgroup_core::time::{Monotonic, Now};
use vmgroup_reconcile::event::{Event, GroupObject};
use vmgroup_reconcile::inventory::{FolderId, Heartbeat, VmId};

use super::{World, words};
use crate::Refused;
use crate::deed::{Deed, Place, Which};
use crate::host::Decide;
use crate::trace::Detail;
use crate::vcenter::VmTruth;

impl<D: Decide> World<D> {
    /// Does what a person does, right away.
    ///
    /// # Errors
    /// It cannot be done as things stand.
    pub fn act(&mut self, deed: &Deed) -> Result<(), Refused> {
        let now = self.now();
        self.say("person", Detail::Story, || words::of_deed(deed));
        let done = self.act_in_cluster(now, deed);
        let done = match done {
            Some(result) => result,
            None => self.act_in_vcenter(now, deed),
        };
        if done.is_ok() {
            self.count(deed);
        }
        self.collect();
        done
    }

    /// Does what was planned, except what would leave a member out of view of which no
    /// status tells: an operator that begins with that does not look for it
    /// (docs/testing.md, what is open).
    pub(super) fn act_as_planned(&mut self, deed: &Deed) -> Result<(), Refused> {
        match self.hidden_by(deed) {
            None => self.act(deed),
            Some(vm) => Err(Refused::Impossible {
                what: "VM",
                name: vm.id.clone(),
                why: "would be out of view, and no status would tell of it",
            }),
        }
    }

    fn hidden_by(&self, deed: &Deed) -> Option<&VmTruth> {
        match deed {
            Deed::WipeStatus(key) => {
                let elsewhere = self.vcenter.elsewhere();
                let mut moved = self.vcenter.vms().filter(|vm| vm.folder == *elsewhere);
                moved.find(|vm| vm.agreed().is_some_and(|it| it.group() == *key))
            }
            Deed::Move(which, Place::Elsewhere) => {
                let vm = self.vcenter.vm(&self.find(which).ok()?)?;
                is_untold(vm, self.cluster.groups()).then_some(vm)
            }
            _ => None,
        }
    }

    fn act_in_cluster(&mut self, now: Now, deed: &Deed) -> Option<Result<(), Refused>> {
        let cluster = &mut self.cluster;
        Some(match deed {
            Deed::Create(key, spec) => cluster.create(now, key, (**spec).clone()).map(drop),
            Deed::Edit(key, spec) => cluster.edit(now, key, (**spec).clone()),
            Deed::Scale(key, replicas) => cluster.scale(now, key, *replicas),
            Deed::Delete(key) => cluster.delete(now, key),
            Deed::Adopt(key, adoption) => cluster.annotate_adoption(now, key, *adoption),
            Deed::BelongsTo(key, vcenter) => cluster.annotate_vcenter(now, key, vcenter),
            Deed::StripFinalizers(key) => cluster.strip_finalizers(now, key),
            Deed::Finalizer(key, present) => {
                cluster.set_foreign_finalizer(now, key, "example.com/other", *present)
            }
            Deed::WipeStatus(key) => cluster.wipe_status(now, key),
            Deed::Unclaim(key) => cluster.unclaim(now, key),
            Deed::Identify(key, identity) => cluster.name(now, key, identity),
            Deed::CopyIdentity(from, to) => cluster.copy_identity(now, from, to),
            Deed::CopyObject(from, to) => cluster.copy(now, from, to),
            Deed::Swap(name, logic) => match self.decide.swap(name.as_deref(), logic) {
                Some(module) => {
                    self.tell_of_module(&Event::ModuleActive(module));
                    Ok(())
                }
                None => Err(Refused::Missing {
                    what: "logic",
                    name: logic.clone(),
                }),
            },
            Deed::Approve(approval, group) => {
                let held = cluster
                    .group(group)
                    .and_then(|object| object.status.held.as_ref())
                    .map(|held| held.effects_digest.clone());
                match held {
                    Some(digest) => cluster.approve(now, approval, &group.name, &digest, None),
                    None => Err(Refused::Impossible {
                        what: "group",
                        name: group.to_string(),
                        why: "holds nothing that waits for approval",
                    }),
                }
            }
            Deed::Rotate(version, accepted) => {
                self.vcenter.accept(version, *accepted);
                if !accepted {
                    self.disturbances.push((now.monotonic, Monotonic(u64::MAX)));
                }
                cluster.rotate_credentials(now, version);
                Ok(())
            }
            _ => return None,
        })
    }

    fn act_in_vcenter(&mut self, now: Now, deed: &Deed) -> Result<(), Refused> {
        match deed {
            Deed::AddTemplate(name) => {
                self.vcenter.create_template(now, name);
                Ok(())
            }
            Deed::AddVm(name, place) => {
                let folder = self.find_place(place)?;
                self.vcenter.create_vm(now, name, &folder, |_| {});
                Ok(())
            }
            Deed::Power(which, power) => {
                let id = self.find(which)?;
                self.vcenter.power_by_hand(now, &id, *power)
            }
            Deed::Destroy(which) => {
                let id = self.find(which)?;
                self.vcenter.delete_by_hand(now, &id)
            }
            Deed::Copy(which, name, place) | Deed::Twin(which, name, place) => {
                let (id, folder) = (self.find(which)?, self.find_place(place)?);
                let twin = matches!(deed, Deed::Twin(..));
                self.vcenter
                    .copy_by_hand(now, &id, name, &folder, twin)
                    .map(drop)
            }
            Deed::Occupy(which, for_ms) => {
                let id = self.find(which)?;
                self.vcenter.occupy(now, &id, *for_ms)
            }
            Deed::Unmark(which) => {
                let id = self.find(which)?;
                self.vcenter.by_hand(now, &id, |vm| {
                    vm.extra_config.remove(MARKER_KEY);
                })
            }
            Deed::Hold(which, on) => {
                let id = self.find(which)?;
                self.vcenter.hold(now, &id, on.then_some("by a person"))
            }
            Deed::Move(which, place) => {
                let (id, folder) = (self.find(which)?, self.find_place(place)?);
                self.vcenter.by_hand(now, &id, |vm| vm.folder = folder)
            }
            Deed::Rename(which, _)
            | Deed::Connect(which, _)
            | Deed::Guest(which, _)
            | Deed::Label(which, _, _)
            | Deed::Template(which, _)
            | Deed::AddDisk(which)
            | Deed::Snapshot(which, _)
            | Deed::Protect(which, _)
            | Deed::Question(which, _)
            | Deed::Failover(which, _) => {
                let id = self.find(which)?;
                self.vcenter.by_hand(now, &id, |vm| shape(vm, deed))
            }
            _ => Ok(()),
        }
    }

    /// The VM that is meant.
    ///
    /// # Errors
    /// There is none.
    pub fn find(&self, which: &Which) -> Result<VmId, Refused> {
        let found = match which {
            Which::Id(id) => self.vcenter.vm(id),
            Which::Named(name) => self.vcenter.vms().find(|vm| vm.name == *name),
            Which::Member(group, slot) => self.vcenter.vms().find(|vm| {
                vm.agreed()
                    .is_some_and(|it| it.group() == *group && it.slot == *slot)
            }),
            Which::Nth(group, nth) => {
                let mut members: Vec<(u32, &VmTruth)> = self
                    .vcenter
                    .vms()
                    .filter_map(|vm| Some((vm.agreed()?, vm)))
                    .filter(|(marker, _)| marker.group() == *group)
                    .map(|(marker, vm)| (marker.slot, vm))
                    .collect();
                members.sort_by_key(|(slot, _)| *slot);
                members.get(*nth).map(|(_, vm)| *vm)
            }
        };
        found
            .map(|vm| vm.id.clone())
            .ok_or_else(|| Refused::Missing {
                what: "VM",
                name: format!("{which:?}"),
            })
    }

    fn find_place(&self, place: &Place) -> Result<FolderId, Refused> {
        match place {
            Place::Elsewhere => Ok(self.vcenter.elsewhere().clone()),
            Place::Root => Ok(self.vcenter.root().clone()),
            Place::Folder(name) => self
                .vcenter
                .folder_named(self.vcenter.root(), name)
                .map(|folder| folder.id.clone())
                .ok_or_else(|| Refused::Missing {
                    what: "folder",
                    name: name.clone(),
                }),
        }
    }
}

/// The VM's group is among these, and its status does not tell of the VM.
pub(super) fn is_untold<'a>(
    vm: &VmTruth,
    groups: impl IntoIterator<Item = &'a GroupObject>,
) -> bool {
    let Some(marker) = vm.agreed() else {
        return false;
    };
    // Its identity may be another one for a while.
    let group = groups.into_iter().find(|group| group.key == marker.group());
    group.is_some_and(|group| group.status.slots.values().all(|slot| slot.vm != vm.id))
}

fn shape(vm: &mut VmTruth, deed: &Deed) {
    match deed {
        Deed::Rename(_, name) => name.clone_into(&mut vm.name),
        Deed::Connect(_, connection) => {
            vm.connection = *connection;
            if *connection != Connection::Connected {
                vm.tools_running = false;
                vm.heartbeat = Heartbeat::Gray;
                vm.ip = None;
            } else if vm.power == PowerState::On && vm.tools {
                vm.tools_running = true;
                vm.heartbeat = Heartbeat::Green;
            }
        }
        Deed::Guest(_, heartbeat) if vm.tools && vm.power == PowerState::On => {
            vm.heartbeat = *heartbeat;
            vm.tools_running = *heartbeat != Heartbeat::Gray;
        }
        Deed::Label(_, name, value) => {
            vm.labels.insert(name.clone(), value.clone());
        }
        Deed::Template(_, template) => vm.template = *template,
        Deed::AddDisk(_) => vm
            .disks
            .push(vm.disks.iter().max().map_or(2000, |key| key + 1)),
        Deed::Snapshot(_, present) => vm.snapshot = *present,
        Deed::Protect(_, on) => vm.destroy_disabled = *on,
        Deed::Question(_, present) => vm.question = *present,
        Deed::Failover(_, present) => vm.failover = *present,
        _ => {}
    }
}
