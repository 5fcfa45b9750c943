//! TLS ends at the proxy and begins anew behind it.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use crate::error::Error;

/// Names of the proxy that clients may ask for.
const NAMES: [&str; 2] = ["127.0.0.1", "localhost"];

/// The proxy's own authority and what it signed.
pub(crate) struct Identity {
    /// In PEM, for clients.
    pub(crate) authority: String,
    /// For the servers of the proxy.
    pub(crate) config: Arc<ServerConfig>,
}

impl Identity {
    /// Makes one, good for loopback.
    pub(crate) fn new() -> Result<Self, Error> {
        let authority_key = KeyPair::generate().map_err(Error::Certificate)?;
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(DnType::CommonName, "fault proxy authority");
        let authority = params
            .self_signed(&authority_key)
            .map_err(Error::Certificate)?;
        let issuer = Issuer::new(params, authority_key);
        let key = KeyPair::generate().map_err(Error::Certificate)?;
        let mut own =
            CertificateParams::new(NAMES.map(String::from)).map_err(Error::Certificate)?;
        own.distinguished_name
            .push(DnType::CommonName, "fault proxy");
        let own = own.signed_by(&key, &issuer).map_err(Error::Certificate)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(Error::Tls)?
            .with_no_client_auth()
            .with_single_cert(vec![own.der().clone()], key)
            .map_err(Error::Tls)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            authority: authority.pem(),
            config: Arc::new(config),
        })
    }
}

/// What a client of a server must trust.
pub(crate) fn client(server: &str, authority_pem: &[u8]) -> Result<Arc<ClientConfig>, Error> {
    let mut roots = RootCertStore::empty();
    let certificates: Vec<CertificateDer<'_>> = CertificateDer::pem_slice_iter(authority_pem)
        .flatten()
        .collect();
    roots.add_parsable_certificates(certificates);
    if roots.is_empty() {
        return Err(Error::Authority {
            server: server.to_owned(),
        });
    }
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(Error::Tls)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
