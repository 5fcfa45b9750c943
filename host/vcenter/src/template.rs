//! What is cloned: a template or an ordinary VM, by name or inventory path.

use std::collections::BTreeMap;
use std::time::Instant;

use tokio::sync::Mutex;
use vmgroup_reconcile::event::CallResult;
use vmgroup_reconcile::inventory::Fault;
use vmgroup_vim::{Error, FilterSpec, ManagedObjectRef};

use crate::convert::{DEVICES, VM};
use crate::disks::disks;
use crate::error::chain;
use crate::fault::{names_missing, of_read};
use crate::limits::TEMPLATE_NAME_TTL;
use crate::names::{listed, unescape};
use crate::session::Session;

/// The VM to clone, as it is right before the clone.
#[derive(Debug, Clone)]
pub(crate) struct Template {
    pub(crate) vm: ManagedObjectRef,
    /// Device keys of its disks, with which its clones are born.
    pub(crate) disks: Vec<i32>,
}

/// What names were found to mean.
#[derive(Debug, Default)]
pub(crate) struct Templates {
    // Held during a search, so that clones that begin together search once.
    names: Mutex<BTreeMap<String, (ManagedObjectRef, Instant)>>,
}

impl Session {
    /// The VM of that name or inventory path. Nothing has happened if there is
    /// none: the result of the call says so.
    pub(crate) async fn template(&self, name: &str) -> Result<Template, CallResult> {
        if name.contains('/') {
            let vm = self.template_at(name).await?;
            return match self.read_template(&vm, None).await? {
                Some(template) => Ok(template),
                None => Err(not_found(name)),
            };
        }
        let name = unescape(name);
        for may_be_cached in [true, false] {
            let vm = self.template_named(&name, may_be_cached).await?;
            if let Some(template) = self.read_template(&vm, Some(&name)).await? {
                return Ok(template);
            }
        }
        Err(not_found(&name))
    }

    async fn template_at(&self, path: &str) -> Result<ManagedObjectRef, CallResult> {
        let index = &self.content.search_index;
        let plain = path.trim_start_matches('/');
        let found = self.client.find_by_inventory_path(index, plain, None);
        match self
            .asked(found.await, &self.content.search_index.id)
            .await?
        {
            Some(found) if found.kind == VM => Ok(found),
            Some(_) | None => Err(not_found(path)),
        }
    }

    async fn template_named(
        &self,
        name: &str,
        may_be_cached: bool,
    ) -> Result<ManagedObjectRef, CallResult> {
        let mut names = self.templates.names.lock().await;
        if may_be_cached
            && let Some((vm, at)) = names.get(name)
            && at.elapsed() < TEMPLATE_NAME_TTL
        {
            return Ok(vm.clone());
        }
        names.remove(name);
        let mut found = self.all_named(name).await?;
        match found.len() {
            0 => Err(not_found(name)),
            1 => {
                let vm = found.remove(0);
                names.insert(name.to_owned(), (vm.clone(), Instant::now()));
                Ok(vm)
            }
            count => {
                let ids: Vec<String> = found.into_iter().map(|vm| vm.id).collect();
                let message = format!(
                    "{count} VMs are named `{name}` ({}): rename the others, or give the \
                     inventory path in spec.template",
                    listed(&ids)
                );
                Err(CallResult::Refused(Fault::Invalid { message }))
            }
        }
    }

    /// All VMs and templates of that name in the whole vCenter.
    async fn all_named(&self, name: &str) -> Result<Vec<ManagedObjectRef>, CallResult> {
        let root = &self.content.root_folder;
        let manager = &self.content.view_manager;
        let view = self
            .client
            .create_container_view(manager, root, &[VM], true, None);
        let view = self.asked(view.await, &root.id).await?;
        let spec = FilterSpec::view(&view, VM, &["name"]);
        let collector = &self.content.property_collector;
        let all = self
            .client
            .retrieve_all_properties(collector, &[spec], None)
            .await;
        // A view that stays ends with the session.
        let _ = self.client.destroy_view(&view, None).await;
        let all = self.asked(all, &root.id).await?;
        Ok(all
            .into_iter()
            .filter(|vm| vm.text("name").is_some_and(|found| unescape(found) == name))
            .map(|vm| vm.object)
            .collect())
    }

    /// None if the VM is gone, or has another name by now.
    async fn read_template(
        &self,
        vm: &ManagedObjectRef,
        name: Option<&str>,
    ) -> Result<Option<Template>, CallResult> {
        let spec = FilterSpec::objects(VM, std::slice::from_ref(vm), &["name", DEVICES]);
        let collector = &self.content.property_collector;
        let read = self
            .client
            .retrieve_all_properties(collector, &[spec], None)
            .await;
        if read
            .as_ref()
            .is_err_and(|error| names_missing(error, &vm.id))
        {
            return Ok(None);
        }
        let read = self.asked(read, &vm.id).await?;
        let Some(content) = read.into_iter().next() else {
            return Ok(None);
        };
        let is_meant = match (name, content.text("name")) {
            (Some(name), Some(found)) => unescape(found) == name,
            (Some(_), None) => false,
            (None, _) => true,
        };
        let Some(devices) = content.get(DEVICES).filter(|_| is_meant) else {
            // Without its devices the clone's own disks could not be told later.
            return if is_meant {
                let message = format!(
                    "the devices of {vm} cannot be read: reconnect its host or its datastore, \
                     or grant Read on it"
                );
                Err(CallResult::Refused(Fault::Unavailable { message }))
            } else {
                Ok(None)
            };
        };
        let mut disks: Vec<i32> = disks(Some(devices)).iter().map(|it| it.key).collect();
        disks.sort_unstable();
        Ok(Some(Template {
            vm: vm.clone(),
            disks,
        }))
    }

    /// What a read before a call means for the call if it fails.
    pub(crate) async fn asked<T>(
        &self,
        result: Result<T, Error>,
        target: &str,
    ) -> Result<T, CallResult> {
        match result {
            Ok(value) => Ok(value),
            Err(error) => {
                self.notice(&error).await;
                Err(match error.fault() {
                    Some(_) if !self.refused_as_closed(&error) => {
                        CallResult::Refused(of_read(&error, target))
                    }
                    _ => CallResult::NotSent {
                        message: chain(&error),
                    },
                })
            }
        }
    }
}

pub(crate) fn not_found(name: &str) -> CallResult {
    CallResult::Refused(missing(name))
}

/// The words around `what` are the machine's.
pub(crate) fn missing(name: &str) -> Fault {
    Fault::NotFound {
        what: format!("template \"{name}\""),
    }
}
