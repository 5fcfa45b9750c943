//! The connection behind a connection: one to one, made when it is needed.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio_rustls::TlsConnector;

/// A server, and whom to trust for it.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    /// Address and port.
    pub(crate) address: String,
    pub(crate) name: ServerName<'static>,
    pub(crate) config: Arc<ClientConfig>,
}

/// Why a server did not answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unanswered {
    #[error("failed to connect")]
    Connect(#[source] std::io::Error),
    #[error("failed to talk")]
    Talk(#[source] hyper::Error),
}

pub(crate) struct Upstream {
    origin: Origin,
    sender: Mutex<Option<SendRequest<Full<Bytes>>>>,
}

impl Upstream {
    pub(crate) fn new(origin: Origin) -> Self {
        Self {
            origin,
            sender: Mutex::new(None),
        }
    }

    /// Sends a request, once. Only one that never left is sent anew: the server
    /// may have closed a connection that was idle.
    pub(crate) async fn send(
        &self,
        request: &Request<Bytes>,
    ) -> Result<Response<Incoming>, Unanswered> {
        let mut place = self.sender.lock().await;
        if let Some(mut sender) = place.take()
            && sender.ready().await.is_ok()
        {
            match sender.try_send_request(whole(request)).await {
                Ok(answer) => {
                    *place = Some(sender);
                    return Ok(answer);
                }
                Err(mut error) => {
                    if error.take_message().is_none() {
                        return Err(Unanswered::Talk(error.into_error()));
                    }
                }
            }
        }
        let mut sender = self.connect().await?;
        let answer = sender.send_request(whole(request)).await;
        let answer = answer.map_err(Unanswered::Talk)?;
        *place = Some(sender);
        Ok(answer)
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, Unanswered> {
        let Origin {
            address,
            name,
            config,
        } = &self.origin;
        let stream = TcpStream::connect(address).await;
        let stream = stream.map_err(Unanswered::Connect)?;
        stream.set_nodelay(true).map_err(Unanswered::Connect)?;
        let connector = TlsConnector::from(Arc::clone(config));
        let stream = connector.connect(name.clone(), stream).await;
        let stream = TokioIo::new(stream.map_err(Unanswered::Connect)?);
        let (sender, connection) = handshake(stream).await.map_err(Unanswered::Talk)?;
        // It ends with its sender, or with the server.
        tokio::spawn(connection);
        Ok(sender)
    }
}

fn whole(request: &Request<Bytes>) -> Request<Full<Bytes>> {
    request.clone().map(Full::new)
}
