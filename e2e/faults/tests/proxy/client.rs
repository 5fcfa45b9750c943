//! A client that shows exactly what arrives.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use vmgroup_faults::{Options, Plan, Proxy};

use crate::server::Server;

/// A SOAP call of a method on a VM.
pub(crate) fn soap(method: &str) -> String {
    format!(
        r#"<?xml version="1.0"?><e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Header><operationID>u-1/0/1</operationID></e:Header><e:Body><{method} xmlns="urn:vim25"><_this type="VirtualMachine">vm-1</_this></{method}></e:Body></e:Envelope>"#
    )
}

/// A proxy before a server, which stands for both.
pub(crate) fn before(server: &Server, plan: &str) -> Proxy {
    let options = Options {
        name: "proxy".into(),
        kubernetes: Some(server.target.clone()),
        vcenter: Some(server.target.clone()),
        plan: Plan::parse(plan).unwrap(),
        ..Options::default()
    };
    Proxy::start(options).unwrap()
}

/// One connection.
pub(crate) struct Client(StreamOwned<ClientConnection, TcpStream>);

impl Client {
    pub(crate) fn connect(proxy: &Proxy, address: SocketAddr) -> Self {
        let mut roots = RootCertStore::empty();
        let authority = CertificateDer::from_pem_slice(proxy.authority().as_bytes()).unwrap();
        roots.add(authority).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let connection = ClientConnection::new(Arc::new(config), name).unwrap();
        let stream = TcpStream::connect(address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        Self(StreamOwned::new(connection, stream))
    }

    pub(crate) fn kubernetes(proxy: &Proxy) -> Self {
        Self::connect(proxy, proxy.kubernetes().unwrap())
    }

    pub(crate) fn vcenter(proxy: &Proxy) -> Self {
        Self::connect(proxy, proxy.vcenter().unwrap())
    }

    pub(crate) fn send(&mut self, method: &str, path: &str, body: &str) {
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: h\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        self.0.write_all(request.as_bytes()).unwrap();
    }

    /// Reads wait so long.
    pub(crate) fn patience(&self, limit: Duration) {
        self.0.sock.set_read_timeout(Some(limit)).unwrap();
    }

    /// What arrives until the connection ends, and how it ended.
    pub(crate) fn rest(&mut self) -> (String, io::Result<()>) {
        let mut got = Vec::new();
        let end = self.0.read_to_end(&mut got).map(|_| ());
        (String::from_utf8_lossy(&got).into_owned(), end)
    }

    /// Reads until that text has arrived.
    pub(crate) fn until(&mut self, text: &str) -> String {
        let mut got = String::new();
        let mut part = [0; 4096];
        while !got.contains(text) {
            let count = self.0.read(&mut part).unwrap();
            assert!(count > 0, "the connection ended after {got}");
            got.push_str(&String::from_utf8_lossy(&part[..count]));
        }
        got
    }
}

/// Sends one request on a connection of its own.
pub(crate) fn ask(
    mut client: Client,
    method: &str,
    path: &str,
    body: &str,
) -> (String, io::Result<()>) {
    client.send(method, path, body);
    client.rest()
}

/// The status of an answer.
pub(crate) fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

/// The body of an answer.
pub(crate) fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}
