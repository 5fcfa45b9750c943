//! Calls that change vCenter.

use std::time::{Duration, Instant};

use vmgroup_core::marker::{HOLD_KEY, MARKER_KEY, SPEC_HASH_KEY};
use vmgroup_reconcile::event::CallResult;
use vmgroup_reconcile::limits::LOOK_MS_MAX;
use vmgroup_reconcile::request::{Call, CloneCall};
use vmgroup_vim::{
    Certainty, CloneSpec, ConfigSpec, Error, ManagedObjectRef, OptionValue, RelocateSpec,
};

use crate::error::chain;
use crate::fault::{missing_object, translate};
use crate::names::escape;
use crate::session::Session;
use crate::template::not_found;

impl Session {
    /// Makes one call, once, if the look before it is not too old: the call has
    /// waited for its turn since `asked`.
    pub(crate) async fn call(&self, call: Call, operation: &str, asked: Instant) -> CallResult {
        if let Some(result) = too_late(asked, "waiting for other calls") {
            return result;
        }
        let client = &self.client;
        let id = Some(operation);
        let vm = |id: &str| ManagedObjectRef::virtual_machine(id);
        match call {
            Call::CreateFolder { name } => self.create_folder(&name, operation).await,
            Call::Clone(clone) => self.clone_vm(clone, operation, asked).await,
            Call::PowerOn(target) => {
                let datacenter = &self.place.datacenter;
                let target = vm(&target);
                let vms = std::slice::from_ref(&target);
                let task = client.power_on_multi_vm(datacenter, vms, id).await;
                self.started(task, &target.id, operation).await
            }
            Call::PowerOff(target) => {
                let task = client.power_off_vm(&vm(&target), id).await;
                self.started(task, &target, operation).await
            }
            Call::ShutdownGuest(target) => match client.shutdown_guest(&vm(&target), id).await {
                Ok(()) => CallResult::Done { result: None },
                Err(error) => self.failed(&error, &target).await,
            },
            Call::Suspend(target) => {
                let task = client.suspend_vm(&vm(&target), id).await;
                self.started(task, &target, operation).await
            }
            Call::Reconfigure {
                vm: target,
                cpus,
                memory_mib,
                spec_hash,
            } => {
                let spec = hardware(cpus, memory_mib, spec_hash);
                let task = client.reconfigure_vm(&vm(&target), &spec, id).await;
                self.started(task, &target, operation).await
            }
            Call::Mark {
                vm: target,
                marker,
                spec_hash,
                instance_uuid,
            } => {
                let spec = marking(marker, spec_hash, instance_uuid);
                let task = client.reconfigure_vm(&vm(&target), &spec, id).await;
                self.started(task, &target, operation).await
            }
            Call::Destroy(target) => {
                let task = client.destroy_vm(&vm(&target), id).await;
                self.started(task, &target, operation).await
            }
            Call::DestroyFolder(target) => {
                let folder = ManagedObjectRef::folder(&target);
                let task = client.unregister_and_destroy_folder(&folder, id).await;
                self.started(task, &target, operation).await
            }
        }
    }

    async fn create_folder(&self, name: &str, operation: &str) -> CallResult {
        let root = match self.root(operation).await {
            Ok(root) => root,
            Err(error) => return self.failed(&error, &self.place.root_name()).await,
        };
        let name = escape(name);
        let created = self.client.create_folder(&root, &name, Some(operation));
        let result = match created.await {
            Ok(folder) => CallResult::Done {
                result: Some(folder.id),
            },
            Err(error) => self.failed(&error, &root.id).await,
        };
        self.look_inside().await;
        result
    }

    async fn clone_vm(&self, clone: CloneCall, operation: &str, asked: Instant) -> CallResult {
        let template = match self.template(&clone.template).await {
            Ok(template) => template,
            Err(result) => return result,
        };
        let host = match self.host_for(operation).await {
            Ok(host) => host,
            Err(result) => return result,
        };
        // The template is found at once the next time.
        if let Some(result) = too_late(asked, "finding template and host") {
            return result;
        }
        let folder = ManagedObjectRef::folder(&clone.folder);
        let mut marker = clone.marker;
        marker.disks = template.disks;
        let config = ConfigSpec {
            instance_uuid: Some(clone.instance_uuid),
            num_cpus: Some(clone.cpus),
            memory_mb: Some(clone.memory_mib),
            extra_config: vec![
                OptionValue::new(MARKER_KEY, marker.to_text()),
                OptionValue::new(SPEC_HASH_KEY, clone.spec_hash),
                // A hold on the template is no hold on its clones.
                OptionValue::new(HOLD_KEY, ""),
            ],
            ..ConfigSpec::default()
        };
        let spec = CloneSpec {
            location: RelocateSpec {
                folder: Some(folder.clone()),
                pool: Some(self.place.pool.clone()),
                host,
                ..RelocateSpec::default()
            },
            config: Some(config),
            ..CloneSpec::default()
        };
        let name = escape(&clone.name);
        let source = &template.vm;
        let task = self
            .client
            .clone_vm(source, &folder, &name, &spec, Some(operation))
            .await;
        let template_gone = task
            .as_ref()
            .err()
            .and_then(missing_object)
            .is_some_and(|missing| missing == source.id);
        if template_gone {
            return not_found(&clone.template);
        }
        self.started(task, &folder.id, operation).await
    }

    /// A call that starts a task: the feed follows it from here on.
    async fn started(
        &self,
        task: Result<ManagedObjectRef, Error>,
        target: &str,
        operation: &str,
    ) -> CallResult {
        let task = match task {
            Ok(task) => task,
            Err(error) => return self.failed(&error, target).await,
        };
        self.tasks.started(&task.id, operation);
        if let Err(error) = self.tasks.flush(&self.client).await {
            let ended = crate::fault::is_session_over(&error);
            let reason = format!("{task} cannot be followed: {}", chain(&error));
            self.lose(reason, ended).await;
        }
        CallResult::Started(task.id)
    }

    /// Root folder, resource pool and cluster are looked up when the session begins.
    pub(crate) async fn notice_gone(&self, error: &Error) {
        let Some(gone) = missing_object(error) else {
            return;
        };
        let root = self.root_if_known().await;
        let cluster = self.place.cluster.as_ref();
        let what = if gone == self.place.pool.id {
            "resource pool"
        } else if cluster.is_some_and(|cluster| gone == cluster.id) {
            "cluster"
        } else if root.is_some_and(|root| gone == root.id) {
            "root folder"
        } else {
            return;
        };
        let reason = format!("the {what} is not there any more, log in anew to find it");
        self.lose(reason, true).await;
    }

    async fn failed(&self, error: &Error, target: &str) -> CallResult {
        self.notice(error).await;
        self.notice_gone(error).await;
        match (error.certainty(), error.fault()) {
            (Certainty::NotExecuted, Some(fault)) if !self.refused_as_closed(error) => {
                CallResult::Refused(translate(fault, target))
            }
            (Certainty::NotExecuted, _) => CallResult::NotSent {
                message: chain(error),
            },
            (Certainty::Unknown, _) => CallResult::Lost {
                message: chain(error),
            },
        }
    }
}

/// The answer to a call whose look is too old by now.
fn too_late(asked: Instant, what: &str) -> Option<CallResult> {
    let is_late = asked.elapsed() > Duration::from_millis(LOOK_MS_MAX);
    is_late.then(|| CallResult::NotSent {
        message: format!("{what} took so long that the look before is too old"),
    })
}

/// The hardware of a member, and the spec that it follows from then on.
fn hardware(cpus: u32, memory_mib: u64, spec_hash: String) -> ConfigSpec {
    ConfigSpec {
        num_cpus: Some(cpus),
        memory_mb: Some(memory_mib),
        extra_config: vec![OptionValue::new(SPEC_HASH_KEY, spec_hash)],
        ..ConfigSpec::default()
    }
}

/// What makes a VM a member, or blanks that.
fn marking(marker: String, spec_hash: String, instance_uuid: Option<String>) -> ConfigSpec {
    ConfigSpec {
        instance_uuid,
        extra_config: vec![
            OptionValue::new(MARKER_KEY, marker),
            OptionValue::new(SPEC_HASH_KEY, spec_hash),
        ],
        ..ConfigSpec::default()
    }
}
