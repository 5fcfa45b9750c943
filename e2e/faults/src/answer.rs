//! Answers on their way to the operator: whole, cut, garbled, in small parts.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::Response;
use hyper::body::{Body, Frame, SizeHint};
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, RETRY_AFTER, TRANSFER_ENCODING};
use hyper::http::response::Parts;
use tokio::sync::mpsc;
use tokio::time::sleep;

use crate::call::{Call, Server};
use crate::limits::{FLUSHED, PARTS_WAITING_MAX};
use crate::{kubernetes, soap};

/// The body of an answer: what somebody sends into it. An error ends its
/// connection at once.
pub(crate) struct Piped(mpsc::Receiver<io::Result<Bytes>>);

/// The other end.
pub(crate) type Pipe = mpsc::Sender<io::Result<Bytes>>;

impl Piped {
    pub(crate) fn new() -> (Pipe, Self) {
        let (pipe, piped) = mpsc::channel(PARTS_WAITING_MAX);
        (pipe, Self(piped))
    }

    /// A body that is there already.
    pub(crate) fn whole(bytes: Bytes) -> Self {
        let (pipe, piped) = Self::new();
        // There is room for one part.
        let _ = pipe.try_send(Ok(bytes));
        piped
    }
}

impl Body for Piped {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let next = self.0.poll_recv(context);
        next.map(|part| part.map(|part| part.map(Frame::data)))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

/// The end of a connection within an answer.
pub(crate) fn cut() -> io::Error {
    io::Error::from(io::ErrorKind::ConnectionAborted)
}

/// An answer of that body; its length is told.
pub(crate) fn respond(mut parts: Parts, length: usize, body: Piped) -> Response<Piped> {
    parts.headers.remove(TRANSFER_ENCODING);
    parts.headers.insert(CONTENT_LENGTH, length.into());
    Response::from_parts(parts, body)
}

/// An error of the API server, or of whatever stands before vCenter.
pub(crate) fn error(call: &Call, status: u16, retry_after_s: Option<u32>) -> Response<Piped> {
    let (kind, text) = match call.server {
        Server::Kubernetes => (
            "application/json",
            kubernetes::status(status, retry_after_s).to_string(),
        ),
        Server::Vcenter => ("text/plain", format!("the fault proxy answers {status}")),
    };
    let mut answer = of_text(status, kind, text);
    if let Some(seconds) = retry_after_s {
        answer.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    answer
}

/// A SOAP fault.
pub(crate) fn fault(call: &Call, kind: &str) -> Response<Piped> {
    of_text(500, "text/xml; charset=utf-8", soap::fault(kind, call))
}

fn of_text(status: u16, kind: &'static str, text: String) -> Response<Piped> {
    let length = text.len();
    let (mut parts, ()) = Response::new(()).into_parts();
    parts.status = status.try_into().unwrap_or_default();
    parts
        .headers
        .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    respond(parts, length, Piped::whole(text.into()))
}

/// The first bytes alone; then the connection ends.
pub(crate) fn truncated(bytes: &Bytes, length: usize) -> Piped {
    let (pipe, piped) = Piped::new();
    let first = bytes.slice(..length.min(bytes.len()));
    tokio::spawn(async move { end_after(first, &pipe).await });
    piped
}

/// Lets these bytes arrive, and ends the connection within the answer.
pub(crate) async fn end_after(bytes: Bytes, pipe: &Pipe) {
    if pipe.send(Ok(bytes)).await.is_ok() {
        taken(pipe).await;
        let _ = pipe.send(Err(cut())).await;
    }
}

/// Waits until all parts have been taken and sent, or nobody takes them any more.
async fn taken(pipe: &Pipe) {
    // Once they are taken there is room for all again.
    if pipe.reserve_many(PARTS_WAITING_MAX).await.is_ok() {
        sleep(FLUSHED).await;
    }
}

/// Some bytes become others, the same ones for the same chance.
pub(crate) fn garbled(bytes: &Bytes, count: usize, chance: u64) -> Bytes {
    let mut garbled = bytes.to_vec();
    let mut place = chance;
    for _ in 0..count {
        let length = garbled.len() as u64;
        let Some(index) = place.checked_rem(length) else {
            break;
        };
        if let Some(byte) = usize::try_from(index)
            .ok()
            .and_then(|at| garbled.get_mut(at))
        {
            *byte ^= 0x15;
        }
        // Knuth's multiplier: the places are spread over the whole.
        place = place
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
    }
    garbled.into()
}

/// Parts of that size, one after another.
pub(crate) fn dripped(bytes: Bytes, size: usize, every: Duration) -> Piped {
    let (pipe, piped) = Piped::new();
    tokio::spawn(async move {
        let mut rest = bytes;
        while !rest.is_empty() {
            let part = rest.split_to(size.min(rest.len()));
            if pipe.send(Ok(part)).await.is_err() {
                return;
            }
            sleep(every).await;
        }
    });
    piped
}

/// Does something when all of a body has been sent, or nobody reads it any more.
pub(crate) fn then(bytes: Bytes, done: impl Future<Output = ()> + Send + 'static) -> Piped {
    let (pipe, piped) = Piped::new();
    tokio::spawn(async move {
        if pipe.send(Ok(bytes)).await.is_ok() {
            taken(&pipe).await;
        }
        done.await;
    });
    piped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn garbling_changes_bytes_and_keeps_the_length() {
        let text = Bytes::from_static(b"all is well in here");
        let once = garbled(&text, 3, 7);
        assert_eq!(once.len(), text.len());
        assert_ne!(once, text);
        assert_eq!(once, garbled(&text, 3, 7));
        assert_eq!(garbled(&Bytes::new(), 3, 7), Bytes::new());
    }
}
