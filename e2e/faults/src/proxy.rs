//! The proxy: its ports and connections.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::net::sockopt::set_socket_linger;
use rustls::pki_types::ServerName;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use crate::call::Server;
use crate::error::Error;
use crate::exchange::{Closed, Shared, serve};
use crate::host::Host;
use crate::older::OlderLists;
use crate::plan::{Plan, Rule};
use crate::rules::Rules;
use crate::tls::{self, Identity};
use crate::trace::Trace;
use crate::upstream::{Origin, Upstream};

/// A server behind the proxy.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its address and port, as `127.0.0.1:6443`.
    pub address: String,
    /// The authorities that may vouch for it, in PEM.
    pub authority: Vec<u8>,
}

/// What a proxy is told.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Its name in the trace.
    pub name: String,
    /// The API server, if calls to it go through here.
    pub kubernetes: Option<Target>,
    /// vCenter, likewise.
    pub vcenter: Option<Target>,
    /// What goes wrong.
    pub plan: Plan,
    /// A trace that several proxies share.
    pub trace: Trace,
}

/// A running proxy, which ends when this is dropped.
pub struct Proxy {
    shared: Arc<Shared>,
    authority: String,
    kubernetes: Option<SocketAddr>,
    vcenter: Option<SocketAddr>,
    runtime: Option<Runtime>,
}

impl std::fmt::Debug for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Proxy")
            .field("name", &self.shared.name)
            .field("kubernetes", &self.kubernetes)
            .field("vcenter", &self.vcenter)
            .finish_non_exhaustive()
    }
}

impl Proxy {
    /// Listens on loopback, and forwards from there.
    pub fn start(options: Options) -> Result<Self, Error> {
        options.plan.check()?;
        let identity = Identity::new()?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("fault-proxy")
            .enable_all()
            .build()
            .map_err(Error::Listen)?;
        let shared = Arc::new(Shared {
            name: options.name,
            trace: options.trace,
            rules: Rules::new(options.plan),
            host: Host::default(),
            older: OlderLists::default(),
            cuts: watch::Sender::default(),
        });
        let listen = |server, target: Option<Target>| {
            let Some(target) = target else {
                return Ok(None);
            };
            let door = Door {
                shared: Arc::clone(&shared),
                server,
                origin: origin(target)?,
                acceptor: TlsAcceptor::from(Arc::clone(&identity.config)),
            };
            runtime.block_on(door.open()).map(Some)
        };
        let kubernetes = listen(Server::Kubernetes, options.kubernetes)?;
        let vcenter = listen(Server::Vcenter, options.vcenter)?;
        Ok(Self {
            shared,
            authority: identity.authority,
            kubernetes,
            vcenter,
            runtime: Some(runtime),
        })
    }

    /// The authority that vouches for the proxy, in PEM.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Where it stands in for the API server.
    pub fn kubernetes(&self) -> Option<SocketAddr> {
        self.kubernetes
    }

    /// Where it stands in for vCenter.
    pub fn vcenter(&self) -> Option<SocketAddr> {
        self.vcenter
    }

    /// All calls so far.
    pub fn trace(&self) -> &Trace {
        &self.shared.trace
    }

    /// The process that signals are for.
    pub fn host(&self) -> &Host {
        &self.shared.host
    }

    /// Adds a rule to the plan, which counts from now on; gives its place.
    pub fn add(&self, rule: Rule) -> Result<usize, Error> {
        Plan::of(rule.clone()).check()?;
        Ok(self.shared.rules.add(rule))
    }

    /// Forgets the plan: what is under way goes on, and nothing more goes wrong.
    pub fn clear(&self) {
        self.shared.rules.clear();
    }

    /// Resets the connections of all watches that are open.
    pub fn cut_watches(&self) {
        self.shared.cuts.send_modify(|cuts| *cuts += 1);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn origin(target: Target) -> Result<Origin, Error> {
    let config = tls::client(&target.address, &target.authority)?;
    let name = target.address.rsplit_once(':');
    let name = name.map_or(target.address.as_str(), |(name, _)| name);
    let name = ServerName::try_from(name.to_owned());
    let name = name.map_err(|error| Error::Tls(rustls::Error::General(error.to_string())))?;
    Ok(Origin {
        address: target.address,
        name,
        config,
    })
}

/// One port.
struct Door {
    shared: Arc<Shared>,
    server: Server,
    origin: Origin,
    acceptor: TlsAcceptor,
}

impl Door {
    async fn open(self) -> Result<SocketAddr, Error> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.map_err(Error::Listen)?;
        let address = listener.local_addr().map_err(Error::Listen)?;
        let door = Arc::new(self);
        tokio::spawn(async move {
            loop {
                match listener.accept().await {
                    Ok((stream, _)) => {
                        tokio::spawn(Arc::clone(&door).connection(stream));
                    }
                    // Too many open files, most likely.
                    Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                }
            }
        });
        Ok(address)
    }

    async fn connection(self: Arc<Self>, stream: TcpStream) {
        let Ok((stream, socket)) = with_handle(stream) else {
            return;
        };
        let Ok(stream) = self.acceptor.accept(stream).await else {
            return;
        };
        let upstream = Arc::new(Upstream::new(self.origin.clone()));
        let answer = service_fn(|request| {
            let (shared, upstream) = (Arc::clone(&self.shared), Arc::clone(&upstream));
            serve(shared, self.server, upstream, request)
        });
        let served = http1::Builder::new()
            .timer(TokioTimer::new())
            .serve_connection(TokioIo::new(stream), answer);
        let mut served = std::pin::pin!(served);
        let end = served.as_mut().await;
        let is_reset = end.is_err_and(|error| !is_quiet(&error));
        if is_reset {
            // Nothing more is sent, and the other side learns it at once.
            let _ = set_socket_linger(socket.as_fd(), Some(Duration::ZERO));
        }
    }
}

/// The stream, and another handle to its socket.
fn with_handle(stream: TcpStream) -> io::Result<(TcpStream, std::net::TcpStream)> {
    stream.set_nodelay(true)?;
    let stream = stream.into_std()?;
    let socket = stream.try_clone()?;
    Ok((TcpStream::from_std(stream)?, socket))
}

fn is_quiet(error: &hyper::Error) -> bool {
    let source = std::error::Error::source(error);
    let closed = source.and_then(|source| source.downcast_ref::<Closed>());
    closed == Some(&Closed::Quietly)
}
