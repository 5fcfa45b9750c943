//! Space between two beginnings of one watch. kube begins one anew at once when
//! it ends well, which is right after half a minute; something on the way that
//! ends each at once would be asked without end.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::Request;
use kube::client::{Body, ClientBuilder};
use kube::{Client, Config};
use tokio::time::{Instant, sleep_until};
use tower::BoxError;
use tower::buffer::BufferLayer;
use tower::filter::{AsyncFilterLayer, AsyncPredicate};

use crate::limits::{REQUESTS_WAITING_MAX, WATCH_SPACING};

/// A client that begins no watch twice in a moment.
pub(crate) fn client(config: Config) -> Result<Client, kube::Error> {
    let builder = ClientBuilder::try_from(config)?;
    // Requests pass one another while a watch waits: the filter wants clones of the rest.
    let builder = builder.with_layer(&BufferLayer::new(REQUESTS_WAITING_MAX));
    let spacing = AsyncFilterLayer::new(Spacing::default());
    Ok(builder.with_layer(&spacing).build())
}

/// When each watch may begin again, by its path: there are as many as kinds are
/// watched.
#[derive(Debug, Clone, Default)]
struct Spacing {
    earliest: Arc<Mutex<BTreeMap<String, Instant>>>,
}

impl Spacing {
    fn begin(&self, path: &str) -> Instant {
        let mut earliest = self.earliest.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let begins = earliest.get(path).map_or(now, |at| now.max(*at));
        earliest.insert(path.to_owned(), begins + WATCH_SPACING);
        begins
    }
}

impl AsyncPredicate<Request<Body>> for Spacing {
    type Request = Request<Body>;
    type Future = BoxFuture<'static, Result<Request<Body>, BoxError>>;

    fn check(&mut self, request: Request<Body>) -> Self::Future {
        let uri = request.uri();
        let is_watch = uri
            .query()
            .is_some_and(|query| query.contains("watch=true"));
        let begins = is_watch.then(|| self.begin(uri.path()));
        async move {
            if let Some(at) = begins {
                sleep_until(at).await;
            }
            Ok(request)
        }
        .boxed()
    }
}
