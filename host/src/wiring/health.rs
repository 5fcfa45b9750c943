//! Probes for Kubernetes: `/healthz` says that the operator's loop turns,
//! `/readyz` that it has seen all groups. A replica that waits for the lease, or
//! for vCenter, is healthy and ready: a restart would not help it.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::driver::{Clocks, Vitals};
use crate::limits::HANGS_MS;
use crate::voice::Problem;

/// Answers probes until the process ends.
pub(crate) async fn serve(
    at: SocketAddr,
    clocks: Clocks,
    vitals: watch::Receiver<Vitals>,
) -> Result<(), Problem> {
    let listener = TcpListener::bind(at).await.map_err(|error| {
        Problem::new(format!("failed to listen for probes at {at}"))
            .because(error)
            .hint("name another address with --health-addr")
    })?;
    let vitals = Arc::new(vitals);
    let ready = Arc::clone(&vitals);
    let router = Router::new()
        .route(
            "/healthz",
            get(async move || health(clocks, *vitals.borrow())),
        )
        .route(
            "/readyz",
            get(async move || readiness(clocks, *ready.borrow())),
        );
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::warn!(error = %error, "probes are answered no more");
        }
    });
    Ok(())
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
