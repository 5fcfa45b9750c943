//! Reads past the feed. They may be repeated: they change nothing.

use std::collections::BTreeSet;

use vmgroup_reconcile::event::ReadResult;
use vmgroup_reconcile::inventory::{Fault, TaskId, Vm};
use vmgroup_reconcile::request::Read;
use vmgroup_vim::{
    Call, Client, Error, FaultKind, FilterSpec, ManagedObjectRef, ObjectContent, ObjectSpec,
    PropertySpec, Selection, ServiceContent, Traversal, Value,
};

use crate::convert::{RECENT_TASKS, Record, VM, vm_paths};
use crate::fault::{missing_object, names_missing, of_read};
use crate::limits::READ_ATTEMPTS;
use crate::names::{escape, unescape};
use crate::session::Session;

const CHILDREN: &str = "childEntity";
const TASK_STATE: &str = "info.state";

impl Session {
    /// Performs a read.
    pub(crate) async fn read(&self, read: Read) -> ReadResult {
        match read {
            Read::Vm(id) => self.read_vm(&id).await,
            Read::Identity(uuid) => self.read_identity(&uuid).await,
            Read::Folder(id) => self.read_folder(&id, None).await,
            Read::FolderNamed(name) => self.read_folder_named(&name).await,
        }
    }

    async fn read_vm(&self, id: &str) -> ReadResult {
        let object = start(ManagedObjectRef::virtual_machine(id), follow_tasks());
        let contents = match self.contents(&[object], id).await {
            Ok(contents) => contents,
            Err(error) if names_missing(&error, id) => return ReadResult::Gone,
            Err(error) => return self.failed_read(&error, id).await,
        };
        match self.vms(&contents).pop() {
            Some(vm) => ReadResult::Vm(Box::new(vm)),
            None => silence_about(id),
        }
    }

    async fn read_identity(&self, uuid: &str) -> ReadResult {
        let index = &self.content.search_index;
        let mut attempt = 1;
        loop {
            let found = self
                .client
                .find_all_by_uuid(index, None, uuid, true, None)
                .await;
            let found = match found {
                Ok(found) if found.is_empty() => return ReadResult::Vms(Vec::new()),
                Ok(found) => found,
                Err(error) => return self.failed_read(&error, &index.id).await,
            };
            let (first, count) = (found[0].id.clone(), found.len());
            let objects: Vec<_> = found
                .into_iter()
                .map(|vm| start(vm, follow_tasks()))
                .collect();
            match self.contents(&objects, &first).await {
                // Silence about a VM that was found is no proof that there is none.
                Ok(contents) => match self.vms(&contents) {
                    vms if vms.len() == count => return ReadResult::Vms(vms),
                    _ => return silence_about(&first),
                },
                // One of them has gone meanwhile: the search tells anew.
                Err(error) if missing_object(&error).is_some() && attempt < READ_ATTEMPTS => {
                    attempt += 1;
                }
                Err(error) => return self.failed_read(&error, index.id.as_str()).await,
            }
        }
    }

    async fn read_folder_named(&self, name: &str) -> ReadResult {
        let root = match self.root_if_there().await {
            Ok(Some(root)) => root,
            Ok(None) => return ReadResult::NoFolder,
            Err(error) => return self.failed_read(&error, &self.place.root_name()).await,
        };
        let index = &self.content.search_index;
        let child = escape(name);
        let found = self.client.find_child(index, &root, &child, None);
        match found.await {
            Ok(Some(folder)) if folder.kind == "Folder" => {
                self.look_inside().await;
                match self.read_folder(&folder.id, Some(name)).await {
                    ReadResult::Gone => ReadResult::NoFolder,
                    result => result,
                }
            }
            Ok(_) => ReadResult::NoFolder,
            Err(error) => {
                self.notice_gone(&error).await;
                self.failed_read(&error, &root.id).await
            }
        }
    }

    /// A folder with what is directly in it; gone if it has another name than
    /// this one.
    async fn read_folder(&self, id: &str, name: Option<&str>) -> ReadResult {
        let children = Traversal {
            name: None,
            kind: "Folder".into(),
            path: CHILDREN.into(),
            skip: false,
            selections: vec![follow_tasks()],
        };
        let object = start(ManagedObjectRef::folder(id), Selection::Traverse(children));
        let contents = match self.contents(&[object], id).await {
            Ok(contents) => contents,
            Err(error) if names_missing(&error, id) => return ReadResult::Gone,
            Err(error) => return self.failed_read(&error, id).await,
        };
        let folder = contents.iter().find(|content| content.object.id == id);
        let found = folder.and_then(|folder| folder.text("name")).map(unescape);
        let (Some(folder), Some(found)) = (folder, found) else {
            let message = format!("the folder {id} cannot be read; grant Read on it");
            return ReadResult::Failed {
                fault: Fault::Unavailable { message },
            };
        };
        // A folder whose children are not shown is not an empty one.
        if folder.missing(CHILDREN).is_some() {
            let message = format!("what is in the folder {id} cannot be read; grant Read on it");
            return ReadResult::Failed {
                fault: Fault::Unavailable { message },
            };
        }
        // The search index does not tell upper from lower case.
        if name.is_some_and(|name| name != found) {
            return ReadResult::Gone;
        }
        let inside: BTreeSet<&str> = folder
            .get(CHILDREN)
            .map(Value::references)
            .into_iter()
            .flatten()
            .map(|child| child.id.as_str())
            .collect();
        let mut vms = self.vms(&contents);
        vms.retain(|vm| inside.contains(vm.id.as_str()));
        // A VM that may not be read counts among the others: the folder is not empty.
        let others = u32::try_from(inside.len() - vms.len()).unwrap_or(u32::MAX);
        ReadResult::Folder {
            id: id.to_owned(),
            vms,
            others,
        }
    }

    /// Reads objects, and again while tasks on them vanish.
    async fn contents(
        &self,
        objects: &[ObjectSpec],
        target: &str,
    ) -> Result<Vec<ObjectContent>, Error> {
        let spec = FilterSpec {
            properties: vec![
                PropertySpec::new(VM, &vm_paths()),
                PropertySpec::new("Folder", &["name", CHILDREN]),
                PropertySpec::new("Task", &[TASK_STATE]),
            ],
            objects: objects.to_vec(),
            report_missing_objects: false,
        };
        let specs = [spec];
        let read = retrieve_patiently(&self.client, &self.content, &specs, Some(target));
        self.within_session(read.await?)
    }

    /// Servers answer some reads without a session by leaving properties out.
    pub(crate) fn within_session(
        &self,
        contents: Vec<ObjectContent>,
    ) -> Result<Vec<ObjectContent>, Error> {
        let missing = contents.iter().flat_map(|content| &content.missing);
        let fault = missing
            .map(|missing| &missing.fault)
            .find(|fault| fault.kind == FaultKind::NotAuthenticated);
        match fault {
            None => Ok(contents),
            Some(fault) => Err(Error::Fault {
                call: Call {
                    method: "RetrievePropertiesEx",
                    object: self.content.property_collector.clone(),
                },
                fault: Box::new(fault.clone()),
            }),
        }
    }

    fn vms(&self, contents: &[ObjectContent]) -> Vec<Vm> {
        let running = running(contents);
        contents
            .iter()
            .filter(|content| content.object.kind == VM)
            .map(|content| {
                let record = Record::read(content);
                let tasks = record.recent_tasks().iter();
                let tasks: BTreeSet<TaskId> = tasks
                    .filter(|task| running.contains(task.as_str()))
                    .map(|task| self.tasks.outermost(task).unwrap_or_else(|| task.clone()))
                    .collect();
                self.vm(&content.object.id, &record, tasks)
            })
            .collect()
    }

    async fn failed_read(&self, error: &Error, target: &str) -> ReadResult {
        self.notice(error).await;
        ReadResult::Failed {
            fault: of_read(error, target),
        }
    }
}

/// The tasks that run; one whose state cannot be read may.
fn running(contents: &[ObjectContent]) -> BTreeSet<&str> {
    let tasks = contents
        .iter()
        .filter(|content| content.object.kind == "Task");
    tasks
        .filter(|task| !matches!(task.text(TASK_STATE), Some("success" | "error")))
        .map(|task| task.object.id.as_str())
        .collect()
}

/// Reads objects, and again while others than the target vanish, such as tasks on it.
pub(crate) async fn retrieve_patiently(
    client: &Client,
    content: &ServiceContent,
    specs: &[FilterSpec],
    target: Option<&str>,
) -> Result<Vec<ObjectContent>, Error> {
    let mut attempt = 1;
    loop {
        let read = client.retrieve_all_properties(&content.property_collector, specs, None);
        match read.await {
            Err(error)
                if missing_object(&error).is_some_and(|missing| Some(missing) != target)
                    && attempt < READ_ATTEMPTS =>
            {
                attempt += 1;
            }
            result => return result,
        }
    }
}

fn silence_about(id: &str) -> ReadResult {
    ReadResult::Failed {
        fault: Fault::Unavailable {
            message: format!("vCenter said nothing about {id}"),
        },
    }
}

fn start(object: ManagedObjectRef, selection: Selection) -> ObjectSpec {
    ObjectSpec {
        object,
        skip: false,
        selections: vec![selection],
    }
}

/// From a VM to its recent tasks, of which only running ones matter.
fn follow_tasks() -> Selection {
    Selection::Traverse(Traversal {
        name: None,
        kind: VM.into(),
        path: RECENT_TASKS.into(),
        skip: false,
        selections: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_whose_state_cannot_be_read_may_run() {
        let task = |id: &str, state: Option<&str>| ObjectContent {
            object: ManagedObjectRef::task(id),
            properties: state
                .map(|state| (TASK_STATE.into(), Value::Text(state.into())))
                .into_iter()
                .collect(),
            missing: Vec::new(),
        };
        let contents = [
            task("queued", Some("queued")),
            task("running", Some("running")),
            task("unread", None),
            task("over", Some("success")),
            task("failed", Some("error")),
        ];
        let expected = ["queued", "running", "unread"];
        assert_eq!(running(&contents), BTreeSet::from(expected));
    }
}
