//! A rig that outlives the command that started it.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::process::{Identity, Lifetime, Process};
use crate::rig::{Options, Rig};

const STATE: &str = "rig.json";
const FILES: &str = "files";

/// A rig that stands until [`down`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    processes: Vec<Identity>,
    /// The kubeconfig of the administrator.
    pub kubeconfig: PathBuf,
    /// The built kubectl.
    pub kubectl: PathBuf,
    /// vCenter's address and port.
    pub vc_host: String,
    /// The user that may log in to vCenter.
    pub vc_user: String,
    /// The user's password.
    pub vc_pass: String,
    /// The file with the authority (PEM) that signed vCenter's certificate.
    pub vc_authority: PathBuf,
    /// The URL of vCenter's control port.
    pub control_url: String,
}

impl Standing {
    /// Lines for a shell to evaluate.
    pub fn exports(&self) -> Vec<String> {
        vec![
            format!(
                "export KUBECONFIG={}",
                quoted(&self.kubeconfig.to_string_lossy())
            ),
            format!(
                "export VC_HOST={} VC_USER={} VC_PASS={}",
                quoted(&self.vc_host),
                quoted(&self.vc_user),
                quoted(&self.vc_pass)
            ),
        ]
    }

    fn is_alive(&self) -> bool {
        self.processes.iter().all(Identity::is_alive)
    }
}

/// Starts a rig that keeps running, or gives the one that stands already.
/// `progress` gets a line for each step.
pub fn up(state_directory: &Path, progress: &mut dyn FnMut(&str)) -> Result<Standing> {
    if let Some(standing) = read(state_directory)? {
        if standing.is_alive() {
            return Ok(standing);
        }
        progress("ending what is left of an earlier rig");
        down(state_directory)?;
    }
    let files = state_directory.join(FILES);
    remove_folder(&files)?;
    let options = Options {
        directory: Some(files),
        ..Options::default()
    };
    let rig = Rig::start_as(&options, Lifetime::Detached, progress)?;
    let standing = Standing {
        processes: rig
            .processes()
            .into_iter()
            .map(Process::identity)
            .collect::<Result<_>>()?,
        kubeconfig: rig.kubeconfig(),
        kubectl: rig.binaries().path("kubectl"),
        vc_host: rig.vc_host().to_owned(),
        vc_user: rig.vc_user().to_owned(),
        vc_pass: rig.vc_pass().to_owned(),
        vc_authority: rig.vc_authority().to_owned(),
        control_url: rig.control_url().to_owned(),
    };
    let path = state_directory.join(STATE);
    fs::write(&path, serde_json::to_string_pretty(&standing)?)
        .with_context(|| format!("failed to write {}", path.display()))?;
    rig.release();
    Ok(standing)
}

/// Ends exactly the processes that [`up`] started and removes their files. Gives
/// the names of those that still ran.
pub fn down(state_directory: &Path) -> Result<Vec<String>> {
    let Some(standing) = read(state_directory)? else {
        return Ok(Vec::new());
    };
    let mut ended = Vec::new();
    for process in &standing.processes {
        if process.end()? {
            ended.push(process.name.clone());
        }
    }
    remove_folder(&state_directory.join(FILES))?;
    fs::remove_file(state_directory.join(STATE))?;
    Ok(ended)
}

fn read(state_directory: &Path) -> Result<Option<Standing>> {
    let path = state_directory.join(STATE);
    match fs::read(&path) {
        Ok(text) => {
            Ok(Some(serde_json::from_slice(&text).with_context(|| {
                format!("failed to read {}", path.display())
            })?))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("failed to read {}", path.display())),
    }
}

fn remove_folder(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("failed to remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
