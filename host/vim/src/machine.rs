//! Virtual machines: cloning, changing, power, removing.

use crate::soap::{Request, Returned};
use crate::{Client, Error, Fault, ManagedObjectRef, Unreadable, Value};

/// How a clone is made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CloneSpec {
    /// Where the new machine goes.
    pub location: RelocateSpec,
    /// Whether it becomes a template.
    pub template: bool,
    /// What is different from the machine that is copied, true from the first instant.
    pub config: Option<ConfigSpec>,
    /// Whether it is powered on at once.
    pub power_on: bool,
    /// The snapshot to copy; the present state where `None`.
    pub snapshot: Option<ManagedObjectRef>,
}

/// Where a machine goes. What is `None` stays where the machine that is copied has it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RelocateSpec {
    /// The folder; [`Client::clone_vm`] names one too.
    pub folder: Option<ManagedObjectRef>,
    /// The datastore.
    pub datastore: Option<ManagedObjectRef>,
    /// How disks are copied, such as `createNewChildDiskBacking` for a linked clone.
    pub disk_move_type: Option<String>,
    /// The resource pool; required when a template is copied.
    pub pool: Option<ManagedObjectRef>,
    /// The host.
    pub host: Option<ManagedObjectRef>,
}

/// What to set on a machine. What is `None` stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConfigSpec {
    /// Refuse with `ConcurrentAccess` unless the machine's `config.changeVersion` is this one.
    pub change_version: Option<String>,
    /// The name.
    pub name: Option<String>,
    /// vCenter's own id of the machine.
    pub instance_uuid: Option<String>,
    /// The notes.
    pub annotation: Option<String>,
    /// Virtual processors.
    pub num_cpus: Option<u32>,
    /// Cores per socket.
    pub num_cores_per_socket: Option<u32>,
    /// Memory in MiB.
    pub memory_mb: Option<u64>,
    /// Whether memory can be added while it runs.
    pub memory_hot_add: Option<bool>,
    /// Whether processors can be added while it runs.
    pub cpu_hot_add: Option<bool>,
    /// Keys and values; an empty value removes the key, other keys stay.
    pub extra_config: Vec<OptionValue>,
}

/// A key with a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionValue {
    /// The key.
    pub key: String,
    /// The text.
    pub value: String,
}

/// The result of a [`Client::power_on_multi_vm`] task: one machine's power-on is a task of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PowerOnResult {
    /// Machines that are being powered on, each with its task; one that DRS places has none.
    pub attempted: Vec<(ManagedObjectRef, Option<ManagedObjectRef>)>,
    /// Machines that were not, and why.
    pub not_attempted: Vec<(ManagedObjectRef, Fault)>,
    /// What DRS recommends to act on: a machine among these stays off until somebody applies that.
    pub recommended: Vec<ManagedObjectRef>,
}

impl OptionValue {
    /// Makes a pair.
    pub fn new(key: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            value: value.into(),
        }
    }

    /// Reads the value of a property such as `config.extraConfig["key"]`.
    pub fn from_value(value: &Value) -> Result<Self, Unreadable> {
        let text = |field| {
            let missing = Unreadable::Missing {
                field,
                within: "OptionValue",
            };
            value.text(field).map(str::to_owned).ok_or(missing)
        };
        Ok(Self {
            key: text("key")?,
            value: text("value")?,
        })
    }
}

impl PowerOnResult {
    /// Reads the task's result.
    pub fn from_value(value: &Value) -> Result<Self, Unreadable> {
        let machine = |item: &Value| {
            let missing = Unreadable::Missing {
                field: "vm",
                within: "ClusterPowerOnVmResult",
            };
            item.reference("vm").cloned().ok_or(missing)
        };
        let attempted = value.list("attempted").into_iter();
        let not_attempted = value.list("notAttempted").into_iter();
        let recommended = value.list("recommendations").into_iter();
        Ok(Self {
            attempted: attempted
                .map(|item| Ok((machine(item)?, item.reference("task").cloned())))
                .collect::<Result<_, _>>()?,
            not_attempted: not_attempted
                .map(|item| {
                    let fault = Fault::from_localized(item.get("fault").unwrap_or(item));
                    Ok((machine(item)?, fault))
                })
                .collect::<Result<_, _>>()?,
            recommended: recommended
                .flat_map(|item| item.list("action"))
                .filter_map(|action| action.reference("target").cloned())
                .collect(),
        })
    }
}

impl Client {
    /// `CloneVM_Task`: copies a machine or template. Gives the task, whose entity is the machine
    /// that is copied and whose result is the new one.
    pub async fn clone_vm(
        &self,
        source: &ManagedObjectRef,
        folder: &ManagedObjectRef,
        name: &str,
        spec: &CloneSpec,
        operation: Option<&str>,
    ) -> Result<ManagedObjectRef, Error> {
        let mut request = Request::new("CloneVM_Task", source, operation);
        request.reference("folder", folder);
        request.text("name", name);
        request.object("spec", |request| spec.write(request));
        self.call(request, Returned::reference).await
    }

    /// `ReconfigVM_Task`: changes a machine. Gives the task.
    pub async fn reconfigure_vm(
        &self,
        vm: &ManagedObjectRef,
        spec: &ConfigSpec,
        operation: Option<&str>,
    ) -> Result<ManagedObjectRef, Error> {
        let mut request = Request::new("ReconfigVM_Task", vm, operation);
        request.object("spec", |request| spec.write(request));
        self.call(request, Returned::reference).await
    }

    /// `PowerOnMultiVM_Task`: powers machines on where the cluster finds best. Gives the task, whose
    /// result [`PowerOnResult::from_value`] reads: the task's success does not mean that a machine
    /// is on.
    pub async fn power_on_multi_vm(
        &self,
        datacenter: &ManagedObjectRef,
        vms: &[ManagedObjectRef],
        operation: Option<&str>,
    ) -> Result<ManagedObjectRef, Error> {
        let mut request = Request::new("PowerOnMultiVM_Task", datacenter, operation);
        request.references("vm", vms);
        self.call(request, Returned::reference).await
    }

    /// `PowerOffVM_Task`: takes the power away. Gives the task.
    pub async fn power_off_vm(
        &self,
        vm: &ManagedObjectRef,
        operation: Option<&str>,
    ) -> Result<ManagedObjectRef, Error> {
        self.start_task("PowerOffVM_Task", vm, operation).await
    }

    /// `ShutdownGuest`: asks the guest to shut down. There is no task: the power state tells.
    pub async fn shutdown_guest(
        &self,
        vm: &ManagedObjectRef,
        operation: Option<&str>,
    ) -> Result<(), Error> {
        let request = Request::new("ShutdownGuest", vm, operation);
        self.call(request, |_| Ok(())).await
    }

    /// `SuspendVM_Task`: suspends a machine. Gives the task.
    pub async fn suspend_vm(
        &self,
        vm: &ManagedObjectRef,
        operation: Option<&str>,
    ) -> Result<ManagedObjectRef, Error> {
        self.start_task("SuspendVM_Task", vm, operation).await
    }

    /// `Destroy_Task` on a machine: removes it with every disk that is attached. Gives the task.
    pub async fn destroy_vm(
        &self,
        vm: &ManagedObjectRef,
        operation: Option<&str>,
    ) -> Result<ManagedObjectRef, Error> {
        let request = Request::new("Destroy_Task", vm, operation);
        // On a folder the same method destroys everything inside.
        if vm.kind != "VirtualMachine" {
            return Err(Error::WrongKind {
                call: request.call().clone(),
            });
        }
        self.call(request, Returned::reference).await
    }

    async fn start_task(
        &self,
        method: &'static str,
        object: &ManagedObjectRef,
        operation: Option<&str>,
    ) -> Result<ManagedObjectRef, Error> {
        let request = Request::new(method, object, operation);
        self.call(request, Returned::reference).await
    }
}

impl CloneSpec {
    fn write(&self, request: &mut Request) {
        let location = &self.location;
        request.object("location", |request| {
            request.optional_reference("folder", location.folder.as_ref());
            request.optional_reference("datastore", location.datastore.as_ref());
            request.optional_text("diskMoveType", location.disk_move_type.as_deref());
            request.optional_reference("pool", location.pool.as_ref());
            request.optional_reference("host", location.host.as_ref());
        });
        request.flag("template", self.template);
        if let Some(config) = &self.config {
            request.object("config", |request| config.write(request));
        }
        request.flag("powerOn", self.power_on);
        request.optional_reference("snapshot", self.snapshot.as_ref());
    }
}

impl ConfigSpec {
    /// The schema is a sequence: this order is the interface's.
    fn write(&self, request: &mut Request) {
        request.optional_text("changeVersion", self.change_version.as_deref());
        request.optional_text("name", self.name.as_deref());
        request.optional_text("instanceUuid", self.instance_uuid.as_deref());
        request.optional_text("annotation", self.annotation.as_deref());
        request.optional_number("numCPUs", self.num_cpus);
        request.optional_number("numCoresPerSocket", self.num_cores_per_socket);
        request.optional_number("memoryMB", self.memory_mb);
        request.optional_flag("memoryHotAddEnabled", self.memory_hot_add);
        request.optional_flag("cpuHotAddEnabled", self.cpu_hot_add);
        for option in &self.extra_config {
            request.object("extraConfig", |request| {
                request.text("key", &option.key);
                request.any_text("value", &option.value);
            });
        }
    }
}
