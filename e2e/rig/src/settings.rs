//! What tests set up about the simulated vCenter itself.

use std::time::Duration;

use anyhow::Result;
use serde_json::json;

use crate::control::Control;

impl Control {
    /// How many sessions there may be (a login beyond that is answered with 503) and how
    /// long one may be idle; zero restores what holds at first: 100 and 30 minutes.
    pub fn set_session_limits(&self, max: u32, idle: Duration) -> Result<()> {
        let request = json!({ "max": max, "idle_ms": milliseconds(idle) });
        self.post("/sessions/limits", &request)
    }

    /// How long a task that ends from now on stays; ten minutes at first.
    pub fn set_task_retention(&self, retention: Duration) -> Result<()> {
        self.post(
            "/tasks/retention",
            &json!({ "ms": milliseconds(retention) }),
        )
    }

    /// Whether a VM that is made with a UUID that another has gets one of its own; not at first.
    pub fn set_unique_instance_uuids(&self, unique: bool) -> Result<()> {
        self.post("/instance-uuids", &json!({ "unique": unique }))
    }

    /// The privileges that the user lacks, everywhere; replaces what was set before.
    pub fn set_missing_privileges(&self, privileges: &[&str]) -> Result<()> {
        self.post("/privileges/missing", &json!({ "privileges": privileges }))
    }

    /// How far vCenter's clock is ahead, or behind, in milliseconds.
    pub fn set_clock_skew(&self, ms: i64) -> Result<()> {
        self.post("/clock", &json!({ "skew_ms": ms }))
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
