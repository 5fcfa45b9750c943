//! What is known of a task.

use jiff::Timestamp;

use crate::{Fault, ManagedObjectRef, Unreadable, Value};

/// A task as its property `info` has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskInfo {
    /// The task's key.
    pub key: String,
    /// The task.
    pub task: ManagedObjectRef,
    /// The method, such as `CloneVM_Task`; internal tasks have none.
    pub name: Option<String>,
    /// What it does, such as `VirtualMachine.clone`.
    pub description_id: String,
    /// The object it works on. A clone's is the machine that is copied, not the new one.
    pub entity: Option<ManagedObjectRef>,
    /// That object's name.
    pub entity_name: Option<String>,
    /// How far it is.
    pub state: TaskState,
    /// Whether somebody asked for it to be cancelled.
    pub cancelled: bool,
    /// Whether it can be cancelled.
    pub cancelable: bool,
    /// Why it failed; vCenter has records of failed tasks without a fault.
    pub error: Option<Fault>,
    /// What it gives, such as the new machine of a clone.
    pub result: Option<Value>,
    /// Per cent done.
    pub progress: Option<i64>,
    /// Who or what began it.
    pub reason: TaskReason,
    /// When it was created, by vCenter's clock.
    pub queue_time: Option<Timestamp>,
    /// When it began to run.
    pub start_time: Option<Timestamp>,
    /// When it ended.
    pub complete_time: Option<Timestamp>,
    /// The token that vCenter keeps to link the task with the call that began it; where vCenter
    /// fills it, this is the call's operation id. Simulators leave it out.
    pub activation_id: Option<String>,
}

/// How far a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TaskState {
    /// It waits.
    Queued,
    /// It runs.
    Running,
    /// It ended and did what it should.
    Success,
    /// It ended with a fault; part of its effect may be there.
    Error,
    /// A state that this client does not know.
    Unknown,
}

/// Who or what began a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskReason {
    /// A user.
    User {
        /// The user's name as vCenter has it.
        name: String,
    },
    /// Something else, by its type's name, such as `TaskReasonSchedule`.
    Other {
        /// The type's name.
        type_name: String,
    },
}

impl TaskState {
    /// Whether the task has ended.
    pub fn is_ended(self) -> bool {
        match self {
            Self::Success | Self::Error => true,
            Self::Queued | Self::Running | Self::Unknown => false,
        }
    }

    /// The state's name on the wire.
    pub(crate) fn name(self) -> Option<&'static str> {
        match self {
            Self::Queued => Some("queued"),
            Self::Running => Some("running"),
            Self::Success => Some("success"),
            Self::Error => Some("error"),
            Self::Unknown => None,
        }
    }

    fn from_name(name: &str) -> Self {
        let known = [Self::Queued, Self::Running, Self::Success, Self::Error];
        known
            .into_iter()
            .find(|state| state.name() == Some(name))
            .unwrap_or(Self::Unknown)
    }
}

impl TaskInfo {
    /// Reads the value of a task's property `info`, or an item of a task collector's page.
    pub fn from_value(value: &Value) -> Result<Self, Unreadable> {
        const WITHIN: &str = "TaskInfo";
        let text = |field| value.text(field).map(str::to_owned);
        let missing = |field| Unreadable::Missing {
            field,
            within: WITHIN,
        };
        let flag = |field| value.get(field).and_then(Value::as_bool).unwrap_or(false);
        let time = |field| value.get(field).and_then(Value::as_timestamp);
        let state = TaskState::from_name(value.text("state").ok_or_else(|| missing("state"))?);
        Ok(Self {
            key: text("key").ok_or_else(|| missing("key"))?,
            task: value
                .reference("task")
                .cloned()
                .ok_or_else(|| missing("task"))?,
            name: text("name"),
            description_id: text("descriptionId").unwrap_or_default(),
            entity: value.reference("entity").cloned(),
            entity_name: text("entityName"),
            state,
            cancelled: flag("cancelled"),
            cancelable: flag("cancelable"),
            error: value.get("error").map(Fault::from_localized).or_else(|| {
                // What failed has a fault, whatever the server says of it.
                let silent = state == TaskState::Error;
                silent.then(|| Fault::new("", "the task does not say why it failed", value))
            }),
            result: value.get("result").cloned(),
            progress: value.get("progress").and_then(Value::as_i64),
            reason: reason(value.get("reason")),
            queue_time: time("queueTime"),
            start_time: time("startTime"),
            complete_time: time("completeTime"),
            activation_id: text("activationId"),
        })
    }
}

fn reason(value: Option<&Value>) -> TaskReason {
    match value.and_then(|value| value.text("userName")) {
        Some(name) => TaskReason::User {
            name: name.to_owned(),
        },
        None => {
            let type_name = value.map(Value::type_name).unwrap_or_default().to_owned();
            TaskReason::Other { type_name }
        }
    }
}
