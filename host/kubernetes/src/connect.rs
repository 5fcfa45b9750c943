//! The connection to the API server.

use std::path::Path;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

use crate::error::Error;
use crate::limits::{CONNECT, READ};
use crate::spacing;

/// A client, and where it stands.
#[derive(Clone)]
pub struct Connection {
    /// The client.
    pub client: Client,
    /// Namespace of the kubeconfig's context or of the ServiceAccount.
    pub namespace: String,
    /// Address of the API server.
    pub url: String,
}

/// Makes a client from that kubeconfig; without one from `KUBECONFIG`, from
/// `~/.kube/config` or from the Pod's ServiceAccount, the first that is there.
/// Nothing is sent yet. The client repeats nothing by itself: kube would repeat
/// writes that the API server answered with 503.
pub async fn connect(kubeconfig: Option<&Path>) -> Result<Connection, Error> {
    let config = match kubeconfig {
        Some(path) => from_file(path).await?,
        None => Config::infer().await.map_err(|source| Error::NoCluster {
            source: Box::new(source),
        })?,
    };
    let config = within_limits(config);
    let url = config.cluster_url.to_string();
    let namespace = config.default_namespace.clone();
    let client = spacing::client(config).map_err(|source| Error::Client {
        url: url.clone(),
        source: Box::new(source),
    })?;
    Ok(Connection {
        client,
        namespace,
        url,
    })
}

fn within_limits(mut config: Config) -> Config {
    config.connect_timeout = Some(CONNECT);
    config.read_timeout = Some(READ);
    // The time in which a pooled connection was idle is no time without an answer.
    config.reset_reader_on_write = true;
    config.default_retry = false;
    config
}

async fn from_file(path: &Path) -> Result<Config, Error> {
    let failed = |source| Error::Kubeconfig {
        path: path.to_owned(),
        source,
    };
    let file = Kubeconfig::read_from(path).map_err(failed)?;
    Config::from_custom_kubeconfig(file, &KubeConfigOptions::default())
        .await
        .map_err(failed)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::limits::WATCH_S;

    #[test]
    fn a_dead_connection_is_given_up_but_not_one_whose_watch_is_quiet() {
        let url = "http://127.0.0.1:1".parse().expect("an address");
        let config = within_limits(Config::new(url));
        let silence = config.read_timeout.expect("a limit");
        assert!(silence > Duration::from_secs(WATCH_S.into()), "{silence:?}");
        assert!(config.reset_reader_on_write, "else idle time counts too");
    }
}
