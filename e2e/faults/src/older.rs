//! Lists as they were answered before: an API server that lags behind its peers
//! answers with one.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

use crate::limits::LISTS_KEPT;

/// The last answers to each list, the newest last.
#[derive(Debug, Default)]
pub(crate) struct OlderLists(Mutex<BTreeMap<String, VecDeque<Bytes>>>);

impl OlderLists {
    /// Keeps an answer, unless it is the one that was kept last.
    pub(crate) fn keep(&self, path: &str, answer: &Bytes) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = all.entry(path.to_owned()).or_default();
        if kept.back() == Some(answer) {
            return;
        }
        if kept.len() == LISTS_KEPT {
            kept.pop_front();
        }
        kept.push_back(answer.clone());
    }

    /// The answer so many before the last one, or the oldest; none if none was kept.
    pub(crate) fn get(&self, path: &str, back: usize) -> Option<Bytes> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = all.get(path)?;
        let place = kept.len().checked_sub(1)?.saturating_sub(back);
        kept.get(place).cloned()
    }
}
