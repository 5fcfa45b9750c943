//! Typed calls to the control port of the simulated vCenter (`e2e/components/vcsim`).

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::records::{FaultRule, Folder, Task, Trace, Trigger, Vms};

/// Longer than any task that a test slows down by hand.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);

/// A client of the control port.
#[derive(Debug, Clone)]
pub struct Control {
    url: String,
    agent: ureq::Agent,
}

impl Control {
    /// A client of the port at a URL like `http://127.0.0.1:1234`.
    pub fn new(url: &str) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(ANSWER_LIMIT))
            .build();
        Self {
            url: url.to_owned(),
            agent: config.into(),
        }
    }

    /// The URL of the port.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Whether the simulator answers.
    pub fn health(&self) -> Result<()> {
        self.get::<Value>("/health").map(|_| ())
    }

    /// All VMs.
    pub fn vms(&self) -> Result<Vms> {
        self.get("/vms")
    }

    /// All folders.
    pub fn folders(&self) -> Result<Vec<Folder>> {
        #[derive(Deserialize)]
        struct Answer {
            folders: Vec<Folder>,
        }
        self.get::<Answer>("/folders").map(|answer| answer.folders)
    }

    /// The tasks that calls started.
    pub fn tasks(&self) -> Result<Vec<Task>> {
        #[derive(Deserialize)]
        struct Answer {
            tasks: Vec<Task>,
        }
        self.get::<Answer>("/tasks").map(|answer| answer.tasks)
    }

    /// The calls after a sequence number; 0 gives all.
    pub fn trace(&self, since: u64) -> Result<Trace> {
        self.get(&format!("/trace?since={since}"))
    }

    /// The number of live sessions.
    pub fn sessions(&self) -> Result<u64> {
        self.get::<Count>("/sessions").map(|answer| answer.count)
    }

    /// Ends all sessions and gives their number.
    pub fn expire_sessions(&self) -> Result<u64> {
        self.post_for::<Count>("/sessions/expire", &json!({}))
            .map(|answer| answer.count)
    }

    /// Sets how long tasks take, in milliseconds by task name, as `CloneVm`;
    /// replaces what was set before.
    pub fn set_task_delays(&self, ms: &[(&str, u32)]) -> Result<()> {
        self.post("/task-delays", &delays(ms))
    }

    /// Sets how long calls take, in milliseconds by method name, `*` for all;
    /// replaces what was set before.
    pub fn set_call_delays(&self, ms: &[(&str, u32)]) -> Result<()> {
        self.post("/call-delays", &delays(ms))
    }

    /// Lets calls fail.
    pub fn add_fault(&self, rule: &FaultRule) -> Result<()> {
        self.post("/faults", &serde_json::to_value(rule)?)
    }

    /// Acts on a call to come.
    pub fn add_trigger(&self, trigger: &Trigger) -> Result<()> {
        self.post("/triggers", &serde_json::to_value(trigger)?)
    }

    /// Forgets all fault rules and triggers.
    pub fn clear_rules(&self) -> Result<()> {
        self.post("/rules/clear", &json!({}))
    }

    /// While on, every connection to the vSphere API ends without an answer.
    pub fn set_outage(&self, on: bool) -> Result<()> {
        self.post("/outage", &json!({ "on": on }))
    }

    /// Changes the user's password; live sessions stay.
    pub fn set_password(&self, password: &str) -> Result<()> {
        self.post("/password", &json!({ "password": password }))
    }

    /// Whether VMs that are created from now on can be given processors and
    /// memory while they run (they can at first).
    pub fn set_hot_add(&self, on: bool) -> Result<()> {
        self.post("/hot-add", &json!({ "on": on }))
    }

    /// Whether the history of tasks lacks those that run (it does not at first).
    pub fn set_history_lags(&self, lags: bool) -> Result<()> {
        self.post("/tasks/history", &json!({ "lags": lags }))
    }

    /// Creates a folder and gives its MoID.
    pub fn create_folder(&self, path: &str) -> Result<String> {
        self.post_for::<Moid>("/folders/create", &json!({ "path": path }))
            .map(|a| a.moid)
    }

    /// Creates a VM without a marker, powered off, and gives its MoID.
    pub fn create_vm(&self, name: &str, folder: &str) -> Result<String> {
        let request = json!({ "name": name, "folder": folder });
        self.post_for::<Moid>("/vms/create", &request)
            .map(|a| a.moid)
    }

    /// Clones a VM with its extraConfig into a folder and gives the copy's MoID.
    pub fn copy_vm(
        &self,
        moid: &str,
        name: &str,
        folder: &str,
        same_instance_uuid: bool,
    ) -> Result<String> {
        let request = json!({
            "moid": moid,
            "name": name,
            "folder": folder,
            "same_instance_uuid": same_instance_uuid,
        });
        self.post_for::<Moid>("/vms/copy", &request).map(|a| a.moid)
    }

    /// Powers a VM off and deletes it.
    pub fn delete_vm(&self, moid: &str) -> Result<()> {
        self.post("/vms/delete", &json!({ "moid": moid }))
    }

    /// Detaches a VM's first disk, and attaches another VM's in its place.
    pub fn replace_disk(&self, moid: &str, from: &str) -> Result<()> {
        self.post("/vms/disk", &json!({ "moid": moid, "from": from }))
    }

    /// Renames a VM.
    pub fn rename_vm(&self, moid: &str, name: &str) -> Result<()> {
        self.post("/vms/rename", &json!({ "moid": moid, "name": name }))
    }

    /// The history has a task that seems to run, and that does not exist.
    pub fn ghost_task(&self, name: &str) -> Result<()> {
        self.post("/tasks/ghost", &json!({ "name": name }))
    }

    /// Turns DRS of all clusters on or off.
    pub fn set_drs(&self, on: bool) -> Result<()> {
        self.post("/drs", &json!({ "on": on }))
    }

    /// Renames the folder at a path.
    pub fn rename_folder(&self, path: &str, name: &str) -> Result<()> {
        self.post("/folders/rename", &json!({ "path": path, "name": name }))
    }

    /// Moves a VM to the folder at a path.
    pub fn move_vm(&self, moid: &str, folder: &str) -> Result<()> {
        self.post("/vms/move", &json!({ "moid": moid, "folder": folder }))
    }

    /// Sets `poweredOn`, `poweredOff` or `suspended`.
    pub fn set_power(&self, moid: &str, state: &str) -> Result<()> {
        self.post("/vms/power", &json!({ "moid": moid, "state": state }))
    }

    /// Sets `connected`, `disconnected`, `inaccessible`, `invalid` or `orphaned`.
    pub fn set_connection(&self, moid: &str, state: &str) -> Result<()> {
        self.post("/vms/connection", &json!({ "moid": moid, "state": state }))
    }

    /// Sets a key of a VM's extraConfig; an empty value removes it.
    pub fn set_extra_config(&self, moid: &str, key: &str, value: &str) -> Result<()> {
        self.post(
            "/vms/extra-config",
            &json!({ "moid": moid, "key": key, "value": value }),
        )
    }

    fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        read(path, self.agent.get(format!("{}{path}", self.url)).call())
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Result<()> {
        self.post_for::<Value>(path, body).map(|_| ())
    }

    fn post_for<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T> {
        read(
            path,
            self.agent
                .post(format!("{}{path}", self.url))
                .send(body.to_string()),
        )
    }
}

#[derive(Deserialize)]
struct Moid {
    moid: String,
}

#[derive(Deserialize)]
struct Count {
    count: u64,
}

fn delays(ms: &[(&str, u32)]) -> Value {
    ms.iter()
        .map(|(name, ms)| ((*name).to_owned(), Value::from(*ms)))
        .collect()
}

type Answer = Result<ureq::http::Response<ureq::Body>, ureq::Error>;

fn read<T: DeserializeOwned>(path: &str, answer: Answer) -> Result<T> {
    let mut answer = answer.with_context(|| format!("failed to call the control port {path}"))?;
    let text = answer
        .body_mut()
        .with_config()
        .limit(256 << 20)
        .read_to_string()
        .with_context(|| format!("failed to read the answer of the control port {path}"))?;
    if !answer.status().is_success() {
        bail!("the control port refused {path}: {}", text.trim_end());
    }
    serde_json::from_str(&text)
        .with_context(|| format!("failed to parse the answer of the control port {path}"))
}
