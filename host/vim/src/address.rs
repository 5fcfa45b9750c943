//! Where a vCenter's web service is.

use std::fmt;
use std::net::Ipv6Addr;

use reqwest::Url;

use crate::Error;

/// The address of a vCenter's web service, a URL without credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address(Url);

impl Address {
    /// Reads what a person writes as `VC_HOST`: a host, `host:port` or a full URL.
    ///
    /// `https://` and `/sdk` are added where they are missing. Plain `http` is accepted for loopback
    /// addresses only, because the password would travel in clear text. A user or password in the
    /// URL is refused, because a URL is shown in logs and errors.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        let refused = |reason| Error::Address {
            address: without_credentials(text),
            reason,
        };
        if text.is_empty() {
            return Err(refused("it is empty"));
        }
        let full = if text.contains("://") {
            text.to_owned()
        } else if text.parse::<Ipv6Addr>().is_ok() {
            format!("https://[{text}]")
        } else {
            format!("https://{text}")
        };
        let mut url = Url::parse(&full).map_err(|_| refused("it is neither a host nor a URL"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refused("a user or password does not belong into it"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(refused("it has a query or a fragment"));
        }
        match (url.scheme(), url.host_str()) {
            (_, None | Some("")) => return Err(refused("it names no host")),
            ("https", Some(_)) => {}
            ("http", Some("localhost" | "127.0.0.1" | "[::1]")) => {}
            ("http", Some(_)) => return Err(refused("http would send the password in clear text")),
            (_, Some(_)) => return Err(refused("its scheme is not https")),
        }
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(if path.is_empty() { "/sdk" } else { &path });
        Ok(Self(url))
    }

    pub(crate) fn url(&self) -> &Url {
        &self.0
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

fn without_credentials(text: &str) -> String {
    match text.rsplit_once('@') {
        Some((_, host)) => format!("…@{host}"),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_a_port_and_a_url_all_become_the_service_address() {
        for (text, expected) in [
            ("vc.example.com", "https://vc.example.com/sdk"),
            (" vc.example.com ", "https://vc.example.com/sdk"),
            ("vc.example.com:8443", "https://vc.example.com:8443/sdk"),
            ("https://vc.example.com", "https://vc.example.com/sdk"),
            ("https://vc.example.com/", "https://vc.example.com/sdk"),
            ("https://vc.example.com/sdk/", "https://vc.example.com/sdk"),
            (
                "https://vc.example.com/proxy/sdk",
                "https://vc.example.com/proxy/sdk",
            ),
            ("10.0.0.1", "https://10.0.0.1/sdk"),
            ("fd00::1", "https://[fd00::1]/sdk"),
            ("[fd00::1]:443", "https://[fd00::1]/sdk"),
            ("http://127.0.0.1:8989", "http://127.0.0.1:8989/sdk"),
        ] {
            assert_eq!(
                Address::parse(text).expect(text).to_string(),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn an_address_that_cannot_be_meant_is_refused() {
        for text in [
            "",
            "   ",
            "https://",
            "ftp://vc",
            "http://vc.example.com",
            "https://vc/sdk?x=1",
            "https://vc/#a",
            "a b",
            "vc:port",
        ] {
            assert!(
                matches!(Address::parse(text), Err(Error::Address { .. })),
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_password_in_an_address_is_refused_and_not_repeated() {
        let error = Address::parse("https://root:hunter2@vc.example.com").expect_err("refused");
        assert!(!format!("{error} {error:?}").contains("hunter2"));
        assert!(error.to_string().contains("vc.example.com"));
    }
}
