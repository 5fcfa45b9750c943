//! What can go wrong with the proxy itself.

/// Why a proxy cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text of a plan is none.
    #[error("the plan is wrong at `{at}`")]
    Plan {
        /// The path to the field.
        at: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A rule of a plan can never do what it says.
    #[error("rule {rule} of the plan is wrong: {why}")]
    Rule {
        /// Its place in the plan, from 0.
        rule: usize,
        /// What is wrong with it.
        why: String,
    },
    /// No port on loopback, or no thread.
    #[error("failed to listen on loopback")]
    Listen(#[source] std::io::Error),
    /// The proxy's own certificate could not be made.
    #[error("failed to make a certificate")]
    Certificate(#[source] rcgen::Error),
    /// Certificates or names that TLS cannot use.
    #[error("failed to set up TLS")]
    Tls(#[source] rustls::Error),
    /// The authorities of a server are no certificates in PEM.
    #[error("{server} has no authority in PEM that could vouch for it")]
    Authority {
        /// The server's address.
        server: String,
    },
}
