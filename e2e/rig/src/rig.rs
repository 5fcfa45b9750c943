//! A rig for one test.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use crate::components::{Binaries, build};
use crate::control::Control;
use crate::kubernetes::Kubernetes;
use crate::process::{Lifetime, Process};
use crate::vcenter::Vcenter;

/// Another process may take a port between its choice and its use.
const ATTEMPTS: usize = 3;

/// What a rig consists of.
#[derive(Debug, Clone)]
pub struct Options {
    /// Start etcd and kube-apiserver.
    pub kubernetes: bool,
    /// The number of running VMs that belong to nobody.
    pub bystanders: u32,
    /// Where files go; none means a temporary folder that goes with the rig.
    pub directory: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            kubernetes: true,
            bystanders: 0,
            directory: None,
        }
    }
}

impl Options {
    /// A vCenter alone, which starts in half a second.
    pub fn vcenter_only() -> Self {
        Self {
            kubernetes: false,
            ..Self::default()
        }
    }
}

/// Running components, which end when this is dropped or its process ends.
#[derive(Debug)]
pub struct Rig {
    kubernetes: Option<Kubernetes>,
    vcenter: Vcenter,
    binaries: Binaries,
    directory: PathBuf,
    _temporary: Option<TempDir>,
}

impl Rig {
    /// Builds the components if need be, starts them on free ports and waits until
    /// they answer.
    pub fn start(options: &Options) -> Result<Self> {
        Self::start_as(options, Lifetime::WithParent, &mut |_| {})
    }

    pub(crate) fn start_as(
        options: &Options,
        lifetime: Lifetime,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Self> {
        let binaries = build(progress)?;
        let (directory, temporary) = match &options.directory {
            Some(given) => {
                std::fs::create_dir_all(given)
                    .with_context(|| format!("failed to create {}", given.display()))?;
                (given.canonicalize()?, None)
            }
            None => {
                let temporary = tempfile::Builder::new().prefix("vmgroup-rig-").tempdir()?;
                (temporary.path().to_owned(), Some(temporary))
            }
        };
        let kubernetes = if options.kubernetes {
            progress("starting etcd and kube-apiserver");
            Some(start_kubernetes(&binaries, &directory, lifetime)?)
        } else {
            None
        };
        progress("starting the vCenter simulator");
        let vcenter = Vcenter::start(&binaries, &directory, options.bystanders, lifetime)?;
        Ok(Self {
            kubernetes,
            vcenter,
            binaries,
            directory,
            _temporary: temporary,
        })
    }

    /// The folder of logs, keys and data.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The built components.
    pub fn binaries(&self) -> &Binaries {
        &self.binaries
    }

    /// The kubeconfig of the administrator.
    ///
    /// # Panics
    /// When the rig was started without Kubernetes, as do the other methods that
    /// need it.
    pub fn kubeconfig(&self) -> PathBuf {
        self.kubernetes().access.admin_kubeconfig()
    }

    /// The URL of the API server.
    pub fn api_server_url(&self) -> &str {
        self.kubernetes().access.url()
    }

    /// Runs kubectl as administrator and gives its output; an error holds what it
    /// wrote about the failure.
    pub fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        self.kubernetes().access.run(arguments, None)
    }

    /// The same with an input, for `apply -f -`.
    pub fn kubectl_with_input(&self, arguments: &[&str], input: &str) -> Result<String> {
        self.kubernetes().access.run(arguments, Some(input))
    }

    /// A kubectl to run in another way.
    pub fn kubectl_command(&self) -> Command {
        self.kubernetes().access.command()
    }

    /// Writes a kubeconfig with a token of a ServiceAccount, good for a day.
    pub fn service_account_kubeconfig(&self, namespace: &str, account: &str) -> Result<PathBuf> {
        self.kubernetes()
            .access
            .service_account_kubeconfig(namespace, account)
    }

    /// vCenter as `VC_HOST` wants it: address and port.
    pub fn vc_host(&self) -> &str {
        &self.vcenter.host
    }

    /// The URL of vCenter's SOAP endpoint.
    pub fn vc_url(&self) -> String {
        format!("https://{}/sdk", self.vcenter.host)
    }

    /// The user that may log in to vCenter.
    pub fn vc_user(&self) -> &str {
        &self.vcenter.user
    }

    /// The password at the start; a test may change it by [`Control::set_password`].
    pub fn vc_pass(&self) -> &str {
        &self.vcenter.password
    }

    /// The file with the authority (PEM) that signed vCenter's certificate.
    pub fn vc_authority(&self) -> &Path {
        &self.vcenter.certificate
    }

    /// The tests' hands and eyes in vCenter.
    pub fn control(&self) -> &Control {
        &self.vcenter.control
    }

    /// The URL of vCenter's control port.
    pub fn control_url(&self) -> &str {
        self.vcenter.control.url()
    }

    /// The ids of the processes that this rig started.
    pub fn pids(&self) -> Result<Vec<i32>> {
        self.processes()
            .into_iter()
            .map(|process| Ok(process.identity()?.pid))
            .collect()
    }

    pub(crate) fn processes(&self) -> Vec<&Process> {
        let kubernetes = self.kubernetes.iter().flat_map(|k| [&k.server, &k.store]);
        kubernetes.chain([&self.vcenter.process]).collect()
    }

    /// Lets the detached processes run on.
    pub(crate) fn release(self) {
        if let Some(kubernetes) = self.kubernetes {
            kubernetes.server.release();
            kubernetes.store.release();
        }
        self.vcenter.process.release();
    }

    fn kubernetes(&self) -> &Kubernetes {
        match &self.kubernetes {
            Some(kubernetes) => kubernetes,
            None => panic!("this rig was started without Kubernetes"),
        }
    }
}

fn start_kubernetes(
    binaries: &Binaries,
    directory: &Path,
    lifetime: Lifetime,
) -> Result<Kubernetes> {
    let mut attempt = 1;
    loop {
        let own = directory.join(format!("kubernetes-{attempt}"));
        match Kubernetes::start(binaries, &own, lifetime) {
            Err(error)
                if attempt < ATTEMPTS && error.to_string().contains("address already in use") =>
            {
                attempt += 1;
            }
            result => return result,
        }
    }
}
