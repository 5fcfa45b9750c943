//! The client: one vCenter, one session, one call at a time or many.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use reqwest::cookie::{CookieStore, Jar};
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Response, StatusCode, Url};

use crate::limits::IDLE_CONNECTION;
use crate::soap::{Request, Returned, SOAP_ACTION, read_answer, read_fault};
use crate::{Address, Call, Error, Limits, Unreadable};

/// Where a vCenter is and how it is talked to. It holds no credentials.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// The web service's address.
    pub address: Address,
    /// PEM certificates of the authorities that may vouch for the server; the system's where `None`.
    pub ca_pem: Option<Vec<u8>>,
    /// Accept any certificate. Whoever is on the way can then read the password.
    pub insecure: bool,
    /// Times and sizes.
    pub limits: Limits,
}

impl ClientConfig {
    /// The system's authorities and the usual limits.
    pub fn new(address: Address) -> Self {
        Self {
            address,
            ca_pem: None,
            insecure: false,
            limits: Limits::default(),
        }
    }
}

/// A connection pool with at most one vCenter session.
///
/// Clones share the session. A call is made once: nothing is repeated, redirected or logged in
/// again. Dropping a call's future gives the answer up, not the effect.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    session: Arc<SessionCookies>,
    address: Address,
    limits: Limits,
}

impl Client {
    /// Makes a client. Nothing is sent.
    pub fn new(config: &ClientConfig) -> Result<Self, Error> {
        // Every use of TLS in the process shares this provider; an earlier installation is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let limits = config.limits;
        let session = Arc::new(SessionCookies::default());
        let mut builder = reqwest::Client::builder()
            .no_proxy()
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .cookie_provider(Arc::clone(&session))
            .connect_timeout(limits.connect_timeout)
            .pool_idle_timeout(IDLE_CONNECTION)
            .user_agent(concat!("vmgroup/", env!("CARGO_PKG_VERSION")));
        if config.insecure {
            builder = builder.tls_danger_accept_invalid_certs(true);
        } else if let Some(pem) = &config.ca_pem {
            builder = builder.tls_certs_only(authorities(pem, &config.address)?);
        }
        let http = builder.build().map_err(|source| Error::Setup {
            address: config.address.to_string(),
            source: source.without_url(),
        })?;
        Ok(Self {
            http,
            session,
            address: config.address.clone(),
            limits,
        })
    }

    /// The address that the client was made for.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Forgets the session's cookie. The session itself lives on in vCenter until it is logged out
    /// or times out.
    pub fn forget_session(&self) {
        self.session.clear();
    }

    /// Makes a call and reads what it returned.
    pub(crate) async fn call<T>(
        &self,
        request: Request,
        read: impl FnOnce(Returned) -> Result<T, Unreadable>,
    ) -> Result<T, Error> {
        let time = match request.server_wait() {
            Duration::ZERO => self.limits.request_timeout,
            wait => wait + self.limits.wait_slack,
        };
        let (call, body) = request.finish()?;
        let broken = |source: reqwest::Error| broken(&call, time, source.without_url());
        let response = self
            .http
            .post(self.address.url().clone())
            .header(CONTENT_TYPE, "text/xml; charset=utf-8")
            .header("SOAPAction", SOAP_ACTION)
            .timeout(time)
            .body(body)
            .send()
            .await
            .map_err(broken)?;
        let status = response.status();
        let refused = || Error::Status {
            call: call.clone(),
            status: status.as_u16(),
        };
        // SOAP 1.1 sends faults with status 500 and everything else with 200.
        if status != StatusCode::OK && status != StatusCode::INTERNAL_SERVER_ERROR {
            return Err(refused());
        }
        let body = self.read_body(&call, response, time).await?;
        if status == StatusCode::OK {
            let returned = read_answer(&call, &body, &self.limits)?;
            return read(returned).map_err(|source| Error::Malformed { call, source });
        }
        match read_fault(&body, &self.limits) {
            Some(fault) => Err(Error::Fault {
                call,
                fault: Box::new(fault),
            }),
            None => Err(refused()),
        }
    }

    async fn read_body(
        &self,
        call: &Call,
        mut response: Response,
        time: Duration,
    ) -> Result<Vec<u8>, Error> {
        let limit_bytes = self.limits.body_bytes_max;
        let mut body = Vec::new();
        // Chunks arrive decompressed, so that a small body that unpacks to a huge one is cut too.
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|source| broken(call, time, source.without_url()))?
        {
            if chunk.len() > limit_bytes - body.len() {
                return Err(Error::TooLarge {
                    call: call.clone(),
                    limit_bytes,
                });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The session's cookie is as good as the password.
        f.debug_struct("Client")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// Says what became of a call whose connection failed.
fn broken(call: &Call, time: Duration, source: reqwest::Error) -> Error {
    let call = call.clone();
    if source.is_connect() || source.is_builder() {
        Error::NotSent { call, source }
    } else if source.is_timeout() {
        let after_ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Error::TimedOut {
            call,
            after_ms,
            source,
        }
    } else {
        Error::AnswerLost { call, source }
    }
}

fn authorities(pem: &[u8], address: &Address) -> Result<Vec<Certificate>, Error> {
    let refused = |source| Error::Authorities {
        address: address.to_string(),
        source,
    };
    let certificates =
        Certificate::from_pem_bundle(pem).map_err(|source| refused(Some(source.without_url())))?;
    // An empty bundle would trust nobody, and say so only at the first call.
    if certificates.is_empty() {
        Err(refused(None))
    } else {
        Ok(certificates)
    }
}

/// A cookie store that can be emptied.
#[derive(Default)]
struct SessionCookies(RwLock<Jar>);

impl SessionCookies {
    fn clear(&self) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Jar::default();
    }
}

impl CookieStore for SessionCookies {
    fn set_cookies(&self, headers: &mut dyn Iterator<Item = &HeaderValue>, url: &Url) {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .set_cookies(headers, url);
    }

    fn cookies(&self, url: &Url) -> Option<HeaderValue> {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .cookies(url)
    }
}
