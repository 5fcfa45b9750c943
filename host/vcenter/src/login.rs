//! Logging in: from credentials to a session with its views.

use std::sync::Arc;

use tokio::sync::mpsc;
use vmgroup_reconcile::event::Event;
use vmgroup_vim::{Address, Client, ClientConfig, FaultKind, ServiceContent};

use crate::goodbye::Goodbye;
use crate::limits::OPEN_LIMIT;
use crate::patience::Patience;
use crate::session::Session;
use crate::{Config, Credentials, Error, place};

/// Logs in. Either there is a session with its views afterwards, or none.
pub(crate) async fn log_in(
    config: &Config,
    credentials: &Credentials,
    events: mpsc::Sender<Event>,
    patience: &mut Patience,
    goodbye: &Goodbye,
) -> Result<(String, Arc<Session>), Error> {
    let client = connect(config, credentials)?;
    let content = patience.wait(client.retrieve_service_content(None)).await?;
    let content = content.map_err(|source| Error::Vcenter {
        doing: format!("reach vCenter at {}", client.address()),
        hint: hint(&source),
        source: Box::new(source),
    })?;
    let about = &content.about;
    let Some(vcenter) = about.instance_uuid.clone() else {
        return Err(Error::NotVcenter {
            address: client.address().to_string(),
            product: about.full_name.clone(),
        });
    };
    tracing::info!(product = about.full_name, id = vcenter, "vCenter reached");
    let session_manager = &content.session_manager;
    let (user, password) = (&credentials.user, &credentials.password);
    let session = client.login(session_manager, user, password, None);
    let session = patience.wait_a_little(session).await?;
    let session = session.map_err(refused)?;
    let opened = open(config, &client, &content, session.user_name, events);
    let opened = patience.wait(tokio::time::timeout(OPEN_LIMIT, opened));
    let opened = match opened.await {
        Ok(Ok(opened)) => opened,
        Ok(Err(_)) => Err(Error::TooSlow {
            limit_s: OPEN_LIMIT.as_secs(),
        }),
        Err(given_up) => Err(given_up),
    };
    if opened.is_err() {
        goodbye.say(&client, session_manager).await;
    }
    opened.map(|session| (vcenter, Arc::new(session)))
}

async fn open(
    config: &Config,
    client: &Client,
    content: &ServiceContent,
    user: String,
    events: mpsc::Sender<Event>,
) -> Result<Session, Error> {
    let place = place::resolve(client, content, config).await?;
    Session::open(client.clone(), content.clone(), user, place, events)
        .await
        .map_err(|source| Error::Vcenter {
            doing: "make views of the inventory".into(),
            hint: "",
            source: Box::new(source),
        })
}

/// Each session has a client of its own, so that a call of an earlier one can
/// never travel in it.
fn connect(config: &Config, credentials: &Credentials) -> Result<Client, Error> {
    let failed = |source| Error::Vcenter {
        doing: "prepare the connection to vCenter".into(),
        hint: "; check VC_HOST and the certificate authorities",
        source: Box::new(source),
    };
    let config = ClientConfig {
        address: Address::parse(&credentials.host).map_err(failed)?,
        ca_pem: config.ca_pem.clone(),
        insecure: config.insecure,
        limits: config.limits,
    };
    Client::new(&config).map_err(failed)
}

fn refused(error: vmgroup_vim::Error) -> Error {
    match error.fault() {
        Some(fault) if fault.kind == FaultKind::InvalidLogin => Error::Refused {
            message: fault.to_string(),
        },
        _ => Error::Vcenter {
            doing: "log in to vCenter".into(),
            hint: "",
            source: Box::new(error),
        },
    }
}

fn hint(error: &vmgroup_vim::Error) -> &'static str {
    let is_certificate = || {
        let text = crate::error::chain(error).to_lowercase();
        text.contains("certificate") || text.contains("issuer")
    };
    match error {
        vmgroup_vim::Error::NotSent { .. } if is_certificate() => {
            "; give the authority that signed its certificate, or accept any with --insecure"
        }
        vmgroup_vim::Error::NotSent { .. } => "; check VC_HOST, DNS and the network",
        vmgroup_vim::Error::TimedOut { .. } | vmgroup_vim::Error::AnswerLost { .. } => {
            "; check that vCenter's services are up"
        }
        _ => "; check that VC_HOST is a vCenter",
    }
}
