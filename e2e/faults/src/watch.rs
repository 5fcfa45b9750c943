//! Watches on their way to the operator, event by event.

use bytes::{Buf as _, Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde_json::{Value, json};

use crate::action::Fate;
use crate::answer::{Pipe, cut, end_after};
use crate::kubernetes;

/// What happens to a watch, and after how many of its events.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Course {
    pub(crate) after: u32,
    pub(crate) fate: Fate,
    pub(crate) events: u32,
}

/// Passes events on until the watch ends, by itself or as planned.
pub(crate) async fn pass(mut from: Incoming, to: Pipe, course: Option<Course>) {
    let mut waiting = BytesMut::new();
    let mut events = 0;
    if let Some(course) = course.filter(|course| course.after == 0)
        && ends(course, &Bytes::new(), &to).await
    {
        return;
    }
    loop {
        let frame = tokio::select! {
            frame = from.frame() => frame,
            () = to.closed() => return,
        };
        let data = match frame {
            None => return,
            Some(Err(_)) => {
                let _ = to.send(Err(cut())).await;
                return;
            }
            Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
        };
        waiting.extend_from_slice(&data);
        while let Some(line) = next_line(&mut waiting) {
            if !is_bookmark(&line) {
                events += 1;
            }
            let Some(course) = course.filter(|course| events >= course.after) else {
                if to.send(Ok(line)).await.is_err() {
                    return;
                }
                continue;
            };
            let is_swallowed = course.fate == Fate::Swallow
                && events > course.after
                && (course.events == 0 || events <= course.after + course.events);
            if !is_swallowed && to.send(Ok(line.clone())).await.is_err() {
                return;
            }
            if events == course.after && ends(course, &line, &to).await {
                return;
            }
        }
    }
}

/// Ends the watch, if that is its fate.
async fn ends(course: Course, event: &Bytes, to: &Pipe) -> bool {
    match course.fate {
        Fate::Swallow => return false,
        Fate::Cut => {}
        Fate::CutWithin => {
            let half = if event.is_empty() {
                Bytes::from_static(b"{\"type\":\"MODI")
            } else {
                event.slice(..event.len() / 2)
            };
            end_after(half, to).await;
        }
        Fate::Stall => to.closed().await,
        Fate::Expire => {
            let event = json!({ "type": "ERROR", "object": kubernetes::status(410, None) });
            let _ = to.send(Ok(format!("{event}\n").into())).await;
        }
    }
    true
}

fn next_line(waiting: &mut BytesMut) -> Option<Bytes> {
    let end = waiting.iter().position(|byte| *byte == b'\n')?;
    let line = Bytes::copy_from_slice(&waiting[..=end]);
    waiting.advance(end + 1);
    Some(line)
}

/// Bookmarks come when the API server likes.
fn is_bookmark(line: &[u8]) -> bool {
    serde_json::from_slice::<Value>(line).is_ok_and(|event| event["type"] == "BOOKMARK")
}
