//! Probes for Kubernetes: `/healthz` says that the operator's loop turns,
//! `/readyz` that it has seen all groups. A replica that waits for the lease, or
//! for vCenter, is healthy and ready: a restart would not help it.
//!
//! Whoever reaches the port may open what he likes: each connection has little memory and
//! little time, and the newest ones displace the oldest, so that nobody keeps the kubelet out.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, yield_now};
use tokio::time::{sleep, timeout};

use super::driver::{Clocks, Vitals};
use crate::limits::{ACCEPT_PAUSE, HANGS_MS, PROBE_BYTES, PROBE_TIME, PROBES_MAX};
use crate::voice::Problem;

/// Answers probes until the process ends, at the first of these addresses that there is.
pub(crate) async fn serve(
    at: &[SocketAddr],
    clocks: Clocks,
    vitals: watch::Receiver<Vitals>,
) -> Result<(), Problem> {
    let listener = listen(at).await?;
    tokio::spawn(answer(listener, router(clocks, vitals)));
    Ok(())
}

async fn listen(at: &[SocketAddr]) -> Result<TcpListener, Problem> {
    TcpListener::bind(at).await.map_err(|error| {
        let at: Vec<String> = at.iter().map(SocketAddr::to_string).collect();
        Problem::new(format!(
            "failed to listen for probes at {}",
            at.join(" or ")
        ))
        .because(error)
        .hint("name another address with --health-addr")
    })
}

fn router(clocks: Clocks, vitals: watch::Receiver<Vitals>) -> Router {
    let vitals = Arc::new(vitals);
    let ready = Arc::clone(&vitals);
    Router::new()
        .route(
            "/healthz",
            get(async move || health(clocks, *vitals.borrow())),
        )
        .route(
            "/readyz",
            get(async move || readiness(clocks, *ready.borrow())),
        )
}

async fn answer(listener: TcpListener, router: Router) {
    let mut open: VecDeque<AbortHandle> = VecDeque::new();
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // The process has no file to spare, or the peer has gone already.
                tracing::warn!(error = %error, "a probe could not be taken");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        open.retain(|connection| !connection.is_finished());
        while open.len() >= PROBES_MAX {
            open.pop_front().as_ref().map(AbortHandle::abort);
        }
        let connection = tokio::spawn(converse(stream, router.clone()));
        open.push_back(connection.abort_handle());
        // Who has asked already is answered before the next one can displace him.
        yield_now().await;
    }
}

/// One request, one answer.
async fn converse(stream: TcpStream, router: Router) {
    let connection = http1::Builder::new()
        .max_buf_size(PROBE_BYTES)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    // Who hangs up, or takes too long, has no use for an answer.
    let _ = timeout(PROBE_TIME, connection).await;
}

fn health(clocks: Clocks, vitals: Vitals) -> (StatusCode, &'static str) {
    if clocks.now().monotonic.since(vitals.alive_at) < HANGS_MS {
        (StatusCode::OK, "ok\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the loop hangs\n")
    }
}

fn readiness(clocks: Clocks, vitals: Vitals) -> (StatusCode, &'static str) {
    match health(clocks, vitals) {
        (StatusCode::OK, _) if !vitals.listed => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the groups have not been seen yet\n",
        ),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
    use std::time::{Duration, Instant};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// A port where everything is as it should be.
    async fn serving() -> SocketAddr {
        let clocks = Clocks::start();
        let (alive_at, listed) = (clocks.now().monotonic, true);
        let vitals = watch::Sender::new(Vitals { alive_at, listed });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let at = listener.local_addr().expect("its address");
        tokio::spawn(answer(listener, router(clocks, vitals.subscribe())));
        at
    }

    async fn say(at: SocketAddr, text: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(at).await.expect("connected");
        stream.write_all(text).await.expect("written");
        stream
    }

    async fn heard(mut stream: TcpStream) -> String {
        let mut text = Vec::new();
        // A connection that is reset has said what it had to.
        let _ = stream.read_to_end(&mut text).await;
        String::from_utf8_lossy(&text).into_owned()
    }

    #[tokio::test]
    async fn the_first_address_that_is_free_is_taken() {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let others = listen(&[any]).await.expect("a port");
        let used = others.local_addr().expect("its address");
        let taken = listen(&[used, any]).await.expect("another port");
        let at = taken.local_addr().expect("its address");
        assert_ne!(at, used);
        let Err(problem) = listen(&[used, at]).await else {
            panic!("it listens where others do");
        };
        let text = format!("{problem:?}");
        assert!(text.contains(&format!("{used} or {at}")), "{text}");
    }

    #[tokio::test]
    async fn probes_of_both_families_come_to_what_a_pod_listens_on() {
        let any = |ip: IpAddr| SocketAddr::new(ip, 0);
        let (v6, v4) = (
            any(Ipv6Addr::UNSPECIFIED.into()),
            any(Ipv4Addr::UNSPECIFIED.into()),
        );
        let listener = listen(&[v6, v4]).await.expect("a port");
        let at = listener.local_addr().expect("its address");
        let mut probes = vec![IpAddr::from(Ipv4Addr::LOCALHOST)];
        if at.is_ipv6() {
            probes.push(Ipv6Addr::LOCALHOST.into());
        }
        for probe in probes {
            let probe = TcpStream::connect(SocketAddr::new(probe, at.port())).await;
            probe.expect("connected");
        }
    }

    const PROBE: &[u8] = b"GET /readyz HTTP/1.1\r\nHost: operator\r\n\r\n";

    #[tokio::test]
    async fn a_crowd_that_says_nothing_keeps_no_probe_out() {
        let at = serving().await;
        let mut crowd = Vec::new();
        for _ in 0..4 * PROBES_MAX {
            crowd.push(say(at, b"").await);
        }
        let answer = heard(say(at, PROBE).await).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
        assert!(answer.ends_with("ok\n"), "{answer}");
        // The first ones have been displaced, long before their time was over.
        let first = crowd.swap_remove(0);
        let ended = timeout(PROBE_TIME / 2, heard(first)).await;
        assert_eq!(ended.expect("it has ended"), "");
    }

    #[tokio::test]
    async fn a_header_without_end_is_given_up() {
        let at = serving().await;
        let begun = Instant::now();
        let mut stream = say(at, b"GET /healthz HTTP/1.1\r\n").await;
        // A line now and then does not buy more time.
        while begun.elapsed() < 10 * PROBE_TIME {
            tokio::time::sleep(Duration::from_millis(100)).await;
            if stream.write_all(b"X-More: of the same\r\n").await.is_err() {
                break;
            }
        }
        let took = begun.elapsed();
        assert!(took < 10 * PROBE_TIME, "it is still open after {took:?}");
    }

    #[tokio::test]
    async fn a_header_that_is_too_large_is_refused() {
        let at = serving().await;
        let large = "x".repeat(2 * PROBE_BYTES);
        let text = format!("GET /healthz HTTP/1.1\r\nX-Large: {large}\r\n\r\n");
        let answer = heard(say(at, text.as_bytes()).await).await;
        assert!(!answer.contains("200"), "{answer}");
    }
}
