//! What a decision depends on besides the group and its VMs: who decides, what
//! was approved, whether many members were lost.

use vmgroup_core::check::Circumstances;
use vmgroup_core::group::{GroupKey, Mode, Spec};
use vmgroup_core::hash;
use vmgroup_core::limits::USED_APPROVALS_MAX;

use crate::event::Approval;
use crate::group::Group;
use crate::inventory::VmId;
use crate::limits::MASS_LOSS_WINDOW_MS;
use crate::machine::Machine;
use crate::modules::{Absent, BUILT_IN};

impl Machine {
    /// Of a plan that the module of that digest made.
    pub(crate) fn circumstances(&mut self, key: &GroupKey, digest: &str) -> Circumstances {
        let group = self.groups.get(key);
        let waits = group.is_some_and(|group| {
            // Nobody can approve anything in a namespace that is being deleted.
            group.waits_after_mass_loss() && !group.object.deleting
        });
        let spec = group.and_then(|group| group.object.spec.as_ref().ok());
        let hash = spec.map(hash::spec_hash).unwrap_or_default();
        let identity = group.map(Group::identity).unwrap_or_default();
        let wanted = format!("{hash} for {identity}");
        let mass_loss = self.has_lost_many() || waits;
        let module = self.module_of(key).ok().flatten();
        let approvals = self.approvals_of(key);
        let approved = approvals.map(|approval| approval.effects_digest.clone());
        Circumstances {
            mass_loss,
            wanted,
            approved: approved.collect(),
            reason_codes: self.modules.reason_codes(module.as_ref(), digest),
        }
    }

    /// A member of the group vanished, not by our doing.
    pub(crate) fn has_lost(&mut self, key: &GroupKey, vm: &VmId) {
        let now = self.now.monotonic;
        self.mass_loss.gone(vm, now);
        if let Some(group) = self.groups.get_mut(key) {
            group.lost_at = Some(now);
        }
    }

    /// A mass loss is no sooner forgotten because nobody decides on the group meanwhile: it may
    /// be suspended, or its module fail. Those that lost theirs before it was one hear of it.
    pub(crate) fn heed_mass_loss(&mut self, key: &GroupKey, spec: &Spec) {
        let now = self.now.monotonic;
        let is_on = self.has_lost_many();
        if self.mass_loss.has_begun(is_on) {
            self.view_changed();
        }
        let group = self.groups.get_mut(key).filter(|_| is_on);
        let lost_some = |group: &&mut Group| {
            let lost_at = group.lost_at;
            lost_at.is_some_and(|at| now.since(at) < MASS_LOSS_WINDOW_MS)
        };
        if let Some(group) = group.filter(lost_some) {
            group.hold_what_is_missing(spec.replicas);
        }
    }

    /// Approvals of the group that count at this moment.
    fn approvals_of(&self, key: &GroupKey) -> impl Iterator<Item = &Approval> {
        let group = self.groups.get(key);
        let used = group.map_or(&[][..], |group| &group.used_approvals);
        self.approvals.values().filter(move |approval| {
            approval.key.namespace == key.namespace
                && approval.group == key.name
                && !used.contains(&approval.uid)
                && approval.expires_at.is_none_or(|at| self.now.utc < at)
        })
    }

    /// UID of the approval of these effects.
    pub(crate) fn approval_of(&self, key: &GroupKey, digest: &str) -> Option<String> {
        let mut approvals = self.approvals_of(key);
        let named = approvals.find(|approval| approval.effects_digest == digest);
        named.map(|approval| approval.uid.clone())
    }

    /// The approvals that are used once `approval` is. One that does not exist any
    /// more cannot be used again, and need not be remembered.
    pub(crate) fn used_approvals(&self, group: &Group, approval: Option<String>) -> Vec<String> {
        let Some(approval) = approval else {
            return group.used_approvals.clone();
        };
        let exists = |uid: &&String| self.approvals.values().any(|known| known.uid == **uid);
        let before = group.used_approvals.iter().filter(exists).cloned();
        let mut used: Vec<String> = before.chain([approval]).collect();
        used.drain(..used.len().saturating_sub(USED_APPROVALS_MAX));
        used
    }

    /// The module that decides for the group at this moment. While a group is
    /// being deleted, the built-in one stands in for one that is missing or bad.
    pub(crate) fn module_of(&self, key: &GroupKey) -> Result<Option<String>, Absent> {
        let Some(group) = self.groups.get(key) else {
            return Err(Absent::Loading);
        };
        let deleting = group.object.deleting;
        match self.modules.get(group.module()) {
            Ok(_) if !group.is_stood_in_for() => Ok(group.module().cloned()),
            Err(absent) if !deleting => Err(absent),
            _ => {
                let built_in = Some(BUILT_IN.to_owned());
                self.modules.get(built_in.as_ref()).map(|_| built_in)
            }
        }
    }

    pub(crate) fn mode(&self, key: &GroupKey) -> Mode {
        let spec = self
            .groups
            .get(key)
            .and_then(|group| group.object.spec.as_ref().ok());
        spec.map_or(Mode::Apply, |spec| spec.mode)
    }
}
