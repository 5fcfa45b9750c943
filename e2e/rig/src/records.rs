//! What the control port tells and takes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A VM as it truly is, also while vCenter hides its configuration.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Vm {
    /// Its managed object id.
    pub moid: String,
    /// Its name.
    pub name: String,
    /// The inventory path of its folder.
    pub folder: String,
    /// Its instanceUuid.
    pub instance_uuid: String,
    /// `poweredOn`, `poweredOff` or `suspended`.
    pub power: String,
    /// `connected`, `disconnected`, `inaccessible`, `invalid` or `orphaned`.
    pub connection: String,
    /// Whether it is a template.
    pub template: bool,
    /// The number of its processors.
    pub cpus: u32,
    /// Its memory in MiB.
    pub memory_mb: u32,
    /// The keys of its disks.
    pub disk_keys: Vec<i32>,
    /// Its extraConfig keys that start with `vmgroup`.
    pub markers: BTreeMap<String, String>,
}

/// All VMs of the vCenter.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Vms {
    /// The VMs, templates and bystanders included.
    pub vms: Vec<Vm>,
    /// The MoIDs of VMs that share an instanceUuid, by that.
    pub duplicates: BTreeMap<String, Vec<String>>,
}

/// A folder of the inventory.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Folder {
    /// Its managed object id.
    pub moid: String,
    /// Its inventory path.
    pub path: String,
}

/// A call to the vSphere API.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Call {
    /// Its place in the order of arrival, from 1.
    pub seq: u64,
    /// The method, as `CloneVM_Task`.
    pub method: String,
    /// The MoID of the object it was called on.
    pub object: String,
    /// The operationID header.
    pub operation_id: String,
    /// The session's cookie.
    pub session: String,
    /// The user of the session, empty without a live one.
    pub user: String,
    /// `pending`, `ok`, `fault`, `lost` (executed, not answered) or `dropped`
    /// (neither).
    pub outcome: String,
    /// The type of the fault.
    #[serde(default)]
    pub fault: String,
    /// The MoID of the task it started.
    #[serde(default)]
    pub task: String,
    /// When it arrived, in Unix milliseconds.
    pub started_ms: i64,
    /// When it was answered; 0 while pending.
    pub ended_ms: i64,
    /// Some of its arguments, as the `name` of a clone.
    pub arguments: BTreeMap<String, String>,
}

/// A part of the record of calls.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Trace {
    /// The calls, in the order of arrival.
    pub calls: Vec<Call>,
    /// The highest sequence number so far.
    pub last: u64,
}

impl Trace {
    /// The calls of a method.
    pub fn of<'a>(&'a self, method: &'a str) -> impl Iterator<Item = &'a Call> {
        self.calls.iter().filter(move |call| call.method == method)
    }
}

/// A task that a call started.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Task {
    /// Its managed object id.
    pub moid: String,
    /// Its name, as `CloneVm`.
    pub name: String,
    /// The MoID of the object it works on; for a clone the source.
    pub entity: String,
    /// `queued`, `running`, `success` or `error`.
    pub state: String,
    /// The type of the fault it ended with.
    #[serde(default)]
    pub fault: String,
    /// The MoID it resulted in.
    #[serde(default)]
    pub result: String,
    /// The operationID of the call.
    pub operation_id: String,
    /// The user of the call.
    pub user: String,
    /// When it ended, in milliseconds since 1970; 0 while it runs.
    pub ended_ms: i64,
}

/// Where a fault appears.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FaultAt {
    /// As the answer to the call, which is not executed.
    Call,
    /// As the end of the task, which does nothing else.
    Task,
}

/// Calls of a method that fail.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FaultRule {
    /// The method, as `CloneVM_Task`.
    pub method: String,
    /// The MoID of the object; empty means any.
    pub object: String,
    /// The vSphere type of the fault, as `InsufficientResourcesFault`.
    pub fault: String,
    /// The fault's fields in vSphere's JSON, or null.
    pub fields: Value,
    /// How many calls pass first.
    pub skip: u32,
    /// How many calls fail then; 0 means all.
    pub max: u32,
    /// Where the fault appears.
    pub at: FaultAt,
}

impl FaultRule {
    /// The next call of the method fails.
    pub fn once(method: &str, fault: &str, at: FaultAt) -> Self {
        Self {
            method: method.to_owned(),
            object: String::new(),
            fault: fault.to_owned(),
            fields: Value::Null,
            skip: 0,
            max: 1,
            at,
        }
    }
}

/// Whether a trigger acts before or after the call is executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum When {
    /// The call is then not executed, and gets no answer.
    Before,
    /// The call has been executed; the caller does not know yet.
    After,
}

/// A signal that a trigger sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Signal {
    /// Ends the process without its doing.
    Kill,
    /// Freezes the process.
    Stop,
    /// Lets a frozen process go on.
    Cont,
    /// Asks the process to end.
    Term,
}

/// What happens at the nth call of a method from now on, once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trigger {
    /// The method, as `CloneVM_Task`.
    pub method: String,
    /// Which call of it, from 1.
    pub nth: u32,
    /// Before or after the execution.
    pub when: When,
    /// The process that gets the signal; 0 for none.
    pub pid: u32,
    /// The signal.
    pub signal: Signal,
    /// End the connection after the execution, without an answer.
    pub lose_answer: bool,
}

impl Trigger {
    /// Kills a process right after the nth call was executed, before its answer.
    pub fn kill_after(method: &str, nth: u32, pid: u32) -> Self {
        Self {
            method: method.to_owned(),
            nth,
            when: When::After,
            pid,
            signal: Signal::Kill,
            lose_answer: true,
        }
    }

    /// Executes the nth call and loses its answer.
    pub fn lose_answer(method: &str, nth: u32) -> Self {
        Self {
            pid: 0,
            ..Self::kill_after(method, nth, 0)
        }
    }
}
