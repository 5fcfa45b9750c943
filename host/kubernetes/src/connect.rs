//! The connection to the API server.

use std::path::Path;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

use crate::error::Error;
use crate::limits::CONNECT;

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
    let mut config = match kubeconfig {
        Some(path) => from_file(path).await?,
        None => Config::infer().await.map_err(|source| Error::NoCluster {
            source: Box::new(source),
        })?,
    };
    config.connect_timeout = Some(CONNECT);
    config.default_retry = false;
    let url = config.cluster_url.to_string();
    let namespace = config.default_namespace.clone();
    let client = Client::try_from(config).map_err(|source| Error::Client {
        url: url.clone(),
        source: Box::new(source),
    })?;
    Ok(Connection {
        client,
        namespace,
        url,
    })
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
