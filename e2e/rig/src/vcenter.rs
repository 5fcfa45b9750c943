//! The simulated vCenter.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::components::Binaries;
use crate::control::Control;
use crate::kubernetes::random_token;
use crate::process::{Lifetime, Process, Program};

const READY_LIMIT: Duration = Duration::from_secs(30);
const USER: &str = "operator@vsphere.local";

/// A running vCenter simulator.
#[derive(Debug)]
pub(crate) struct Vcenter {
    pub(crate) process: Process,
    pub(crate) host: String,
    pub(crate) user: String,
    pub(crate) password: String,
    pub(crate) certificate: PathBuf,
    pub(crate) control: Control,
}

#[derive(Deserialize)]
struct Ready {
    api: String,
    control: String,
}

impl Vcenter {
    pub(crate) fn start(
        binaries: &Binaries,
        directory: &Path,
        bystanders: u32,
        lifetime: Lifetime,
    ) -> Result<Self> {
        // The simulator keeps its datastores among temporary files; here they go
        // with the rig.
        let temporary = directory.join("datastores");
        fs::create_dir_all(&temporary)?;
        let ready = directory.join("ready.json");
        // A given folder may hold what an earlier run announced.
        let _ = fs::remove_file(&ready);
        let certificate = directory.join("authority.pem");
        let password = random_token()?;
        let program = Program {
            name: "vcsim",
            arguments: vec![
                "-user".into(),
                USER.into(),
                "-vms".into(),
                bystanders.to_string().into(),
                "-ready-file".into(),
                ready.clone().into(),
                "-cert-file".into(),
                certificate.clone().into(),
            ],
            environment: vec![
                ("TMPDIR", temporary.into()),
                // Not an argument, which every user of the machine can read.
                ("VCSIM_PASSWORD", password.clone().into()),
            ],
        };
        let mut process =
            Process::start(binaries, program, &directory.join("vcsim.log"), lifetime)?;
        process.wait_until(READY_LIMIT, || Ok(ready.exists()))?;
        let ready: Ready = serde_json::from_slice(&fs::read(&ready)?)
            .context("failed to read what the vCenter simulator announced")?;
        Ok(Self {
            process,
            host: ready.api,
            user: USER.to_owned(),
            password,
            certificate,
            control: Control::new(&format!("http://{}", ready.control)),
        })
    }
}
