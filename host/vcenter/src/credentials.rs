//! Address, user and password: read anew at each login, so that they can change
//! while the process runs.
//!
//! The version tells that they changed. It is written into objects that many can
//! read, and all replicas must find the same one, so there is no secret salt.
//! It keeps so few bits of the hash that a guesser learns next to nothing: of a
//! billion candidate passwords a thousand fit, and trying them locks the
//! account. Two credentials are taken for the same once in a million times,
//! which costs one wait before the next login.

use std::fmt::{self, Write as _};
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;
use vmgroup_reconcile::event::Event;

use crate::Error;
use crate::limits::{CREDENTIAL_BYTES_MAX, CREDENTIALS_LOOK, VERSION_DIGITS};

const HOST: &str = "VC_HOST";
const USER: &str = "VC_USER";
const PASS: &str = "VC_PASS";

/// Where vCenter is and who logs in.
#[derive(Clone)]
pub struct Credentials {
    /// Name, name and port, or URL of the vCenter.
    pub host: String,
    /// The user.
    pub user: String,
    /// The password.
    pub password: SecretString,
}

impl Credentials {
    /// Another version means other credentials. Useless to whoever reads it.
    pub fn version(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(b"vmgroup credentials v1");
        for part in [&*self.host, &*self.user, self.password.expose_secret()] {
            hash.update(part.len().to_be_bytes());
            hash.update(part);
        }
        let mut text = String::new();
        for byte in hash.finalize().iter().take(VERSION_DIGITS.div_ceil(2)) {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        text.truncate(VERSION_DIGITS);
        text
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("host", &self.host)
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// Where credentials come from.
pub trait CredentialSource: Send + Sync + 'static {
    /// The credentials as they are at this moment.
    fn read(&self) -> Result<Credentials, Error>;
}

/// The environment variables `VC_HOST`, `VC_USER` and `VC_PASS`.
#[derive(Debug, Clone, Copy, Default)]
pub struct EnvironmentCredentials;

impl CredentialSource for EnvironmentCredentials {
    fn read(&self) -> Result<Credentials, Error> {
        let variable = |name: &'static str| {
            let value = std::env::var(name).unwrap_or_default();
            present(name, value, || "the environment".into())
        };
        Ok(Credentials {
            host: variable(HOST)?,
            user: variable(USER)?,
            password: variable(PASS)?.into(),
        })
    }
}

/// The files `VC_HOST`, `VC_USER` and `VC_PASS` in a folder, such as a mounted
/// secret.
#[derive(Debug, Clone)]
pub struct FileCredentials {
    directory: PathBuf,
}

impl FileCredentials {
    /// The files in this folder.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
        }
    }
}

impl CredentialSource for FileCredentials {
    fn read(&self) -> Result<Credentials, Error> {
        // Kubelet replaces a secret by turning the link `..data`: resolving it
        // once keeps an old user from meeting a new password.
        let linked = self.directory.join("..data");
        let directory = linked.canonicalize().unwrap_or(self.directory.clone());
        let file = |name: &'static str| {
            let value = read_file(&directory.join(name))?;
            present(name, value, || self.directory.display().to_string())
        };
        Ok(Credentials {
            host: file(HOST)?,
            user: file(USER)?,
            password: file(PASS)?.into(),
        })
    }
}

fn read_file(path: &Path) -> Result<String, Error> {
    let unreadable = |source| Error::UnreadableCredential {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(unreadable)?;
    let mut text = String::new();
    file.take(CREDENTIAL_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(unreadable)?;
    // Editors end a file with a line break; no credential does.
    text.truncate(text.trim_end_matches(['\n', '\r']).len());
    Ok(text)
}

fn present(
    name: &'static str,
    value: String,
    place: impl FnOnce() -> String,
) -> Result<String, Error> {
    if value.is_empty() {
        let place = place();
        return Err(Error::MissingCredential { name, place });
    }
    Ok(value)
}

/// Tells the machine the version of the credentials, at first and whenever it
/// changes. Ends when nobody listens.
pub async fn follow_credentials(source: Arc<dyn CredentialSource>, events: mpsc::Sender<Event>) {
    let mut last = None;
    let mut complaint = String::new();
    let mut looks = tokio::time::interval(CREDENTIALS_LOOK);
    loop {
        tokio::select! {
            _ = looks.tick() => {}
            () = events.closed() => return,
        }
        match source.read() {
            Ok(credentials) => {
                complaint.clear();
                let version = credentials.version();
                if last.as_ref() != Some(&version) {
                    last = Some(version.clone());
                    if events
                        .send(Event::CredentialsChanged { version })
                        .await
                        .is_err()
                    {
                        return;
                    }
                }
            }
            Err(error) => {
                let message = error.in_full();
                if message == complaint {
                    continue;
                }
                tracing::warn!(error = message, "credentials cannot be read");
                complaint.clone_from(&message);
                let missing = Event::CredentialsMissing { message };
                if events.send(missing).await.is_err() {
                    return;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(password: &str) -> Credentials {
        Credentials {
            host: "vc".into(),
            user: "u".into(),
            password: password.to_owned().into(),
        }
    }

    #[test]
    fn the_version_follows_the_credentials_and_says_little() {
        let version = credentials("a").version();
        assert_eq!(version, credentials("a").version());
        assert_ne!(version, credentials("b").version());
        assert_eq!(version.len(), VERSION_DIGITS);
        assert!(!format!("{:?}", credentials("s3cret")).contains("s3cret"));
    }

    #[test]
    fn files_are_read_anew_without_their_line_break() {
        let folder = tempfile::tempdir().expect("a folder");
        let source = FileCredentials::new(folder.path());
        let write = |name: &str, text: &str| {
            std::fs::write(folder.path().join(name), text).expect("a file");
        };
        assert!(matches!(
            source.read(),
            Err(Error::UnreadableCredential { .. })
        ));
        write("VC_HOST", "vc\n");
        write("VC_USER", "u");
        write("VC_PASS", " p \n");
        let read = source.read().expect("credentials");
        assert_eq!((&*read.host, &*read.user), ("vc", "u"));
        assert_eq!(read.password.expose_secret(), " p ");
        write("VC_PASS", "q");
        assert_ne!(
            read.version(),
            source.read().expect("credentials").version()
        );
        write("VC_PASS", "\n");
        assert!(matches!(
            source.read(),
            Err(Error::MissingCredential {
                name: "VC_PASS",
                ..
            })
        ));
    }

    #[tokio::test]
    async fn what_is_missing_is_told_and_then_what_is_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let source = Arc::new(FileCredentials::new(folder.path()));
        let (sender, mut events) = mpsc::channel(4);
        let follower = tokio::spawn(follow_credentials(source, sender));
        let event = events.recv().await;
        let Some(Event::CredentialsMissing { message }) = event else {
            panic!("{event:?}");
        };
        assert!(message.contains("VC_HOST"), "{message}");
        let write = |name: &str| std::fs::write(folder.path().join(name), "it").expect("a file");
        write("VC_HOST");
        let event = events.recv().await;
        let Some(Event::CredentialsMissing { message }) = event else {
            panic!("{event:?}");
        };
        assert!(message.contains("VC_USER"), "{message}");
        for name in ["VC_USER", "VC_PASS"] {
            write(name);
        }
        let event = events.recv().await;
        assert!(matches!(event, Some(Event::CredentialsChanged { .. })));
        follower.abort();
    }
}
