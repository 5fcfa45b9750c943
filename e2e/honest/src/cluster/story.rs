//! What a watch has told since the last operation, in its order.

use std::collections::BTreeMap;

use vmgroup_reconcile::event::{Event, WriteResult};

use super::versions::Versions;
use super::words;

/// How the version of an answer is called.
const VERSION: &str = "version of the answer";

/// The news of one operation.
#[derive(Debug, Clone, Default)]
pub(super) struct Story {
    groups: Vec<String>,
    approvals: Vec<String>,
    answer: Option<String>,
}

impl Story {
    /// Takes what is news of the watch.
    pub(super) fn take(&mut self, versions: &mut Versions, event: &Event) {
        let Some(news) = words::news(versions, event) else {
            return;
        };
        match event {
            // Each kind has a watch of its own: only within one there is an order.
            Event::ApprovalChanged(_) | Event::ApprovalGone { .. } | Event::ApprovalsListed(_) => {
                self.approvals.push(news);
            }
            _ => self.groups.push(news),
        }
    }

    /// Notes the version of an object that was answered.
    pub(super) fn answered(&mut self, versions: &mut Versions, result: &WriteResult) {
        if let WriteResult::Done(object) = result {
            self.answer = Some(versions.note(object));
        }
    }

    /// The news by number.
    pub(super) fn shown(&self) -> BTreeMap<String, String> {
        let number = |kind: &'static str, news: &[String]| {
            let news: Vec<(String, String)> = news
                .iter()
                .enumerate()
                .map(|(at, news)| (format!("{kind} {}", at + 1), news.clone()))
                .collect();
            news
        };
        let groups = number("news of groups", &self.groups);
        let approvals = number("news of approvals", &self.approvals);
        let answer = self.answer.iter();
        let answer = answer.map(|version| (VERSION.to_owned(), version.clone()));
        groups.into_iter().chain(approvals).chain(answer).collect()
    }
}
