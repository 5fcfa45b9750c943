//! An HTTPS server that counts what it is sent and answers from a function.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;
use vmgroup_faults::Target;

/// Status and body for the nth request, from 1.
pub(crate) type Answer = fn(usize) -> (u16, String);

pub(crate) struct Server {
    pub(crate) target: Target,
    requests: Arc<Mutex<Vec<String>>>,
    _runtime: Runtime,
}

impl Server {
    pub(crate) fn start(answer: Answer) -> Self {
        let names = vec!["127.0.0.1".to_owned()];
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names).unwrap();
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let requests = Arc::new(Mutex::new(Vec::new()));
        runtime.spawn(listen(
            listener,
            TlsAcceptor::from(Arc::new(config)),
            Arc::clone(&requests),
            answer,
        ));
        Self {
            target: Target {
                address,
                authority: cert.pem().into_bytes(),
            },
            requests,
            _runtime: runtime,
        }
    }

    /// Method and path of each request, with its body.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn listen(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    requests: Arc<Mutex<Vec<String>>>,
    answer: Answer,
) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (acceptor, requests) = (acceptor.clone(), Arc::clone(&requests));
        tokio::spawn(async move {
            let stream = acceptor.accept(stream).await.unwrap();
            let serve = service_fn(move |request: Request<Incoming>| {
                let requests = Arc::clone(&requests);
                async move {
                    let (parts, body) = request.into_parts();
                    let body = body.collect().await?.to_bytes();
                    let told = format!(
                        "{} {} {}",
                        parts.method,
                        parts.uri,
                        String::from_utf8_lossy(&body)
                    );
                    let number = {
                        let mut requests = requests.lock().unwrap();
                        requests.push(told);
                        requests.len()
                    };
                    let (status, text) = answer(number);
                    let mut response = Response::new(Full::new(Bytes::from(text)));
                    *response.status_mut() = status.try_into().unwrap();
                    Ok::<_, hyper::Error>(response)
                }
            });
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), serve)
                .await;
        });
    }
}
