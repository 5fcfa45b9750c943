//! Versions and UIDs of one side, by the order in which they were told.

use std::collections::{BTreeMap, BTreeSet};

use vmgroup_core::group::GroupKey;
use vmgroup_reconcile::event::{GroupObject, LeaseRecord};
use vmgroup_reconcile::request::ObjectTarget;

use super::operation::Version;

/// No server has come so far.
const INVENTED: u64 = 9_999_999_999;

/// What one side has told so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Versions {
    /// UID and version of each group, oldest first.
    groups: BTreeMap<GroupKey, Vec<(String, u64)>>,
    /// What was told of each group last, and of which UID.
    contents: BTreeMap<GroupKey, (String, String)>,
    /// Versions that a watch has told.
    watched: BTreeSet<u64>,
    lease: Vec<String>,
    uids: Vec<String>,
}

impl Versions {
    /// Notes an object; gives it in common words.
    pub(super) fn note(&mut self, object: &GroupObject) -> String {
        let told = self.groups.entry(object.key.clone()).or_default();
        let version = (object.uid.clone(), object.resource_version);
        if !told.contains(&version) {
            told.push(version.clone());
        }
        let at = told.iter().position(|it| *it == version);
        let uid = self.uid(&object.uid);
        format!("version {} of object {uid}", at.map_or(0, |at| at + 1))
    }

    /// A watch has told that version.
    pub(super) fn is_watched(&self, version: u64) -> bool {
        self.watched.contains(&version)
    }

    /// Whether that is something else than what a watch told of it last.
    pub(super) fn is_news(&mut self, object: &GroupObject, content: &str) -> bool {
        self.watched.insert(object.resource_version);
        let told = (object.uid.clone(), content.to_owned());
        let before = self.contents.insert(object.key.clone(), told.clone());
        before != Some(told)
    }

    /// The number of a UID.
    pub(super) fn uid(&mut self, uid: &str) -> usize {
        if !self.uids.iter().any(|it| it == uid) {
            self.uids.push(uid.to_owned());
        }
        let at = self.uids.iter().position(|it| it == uid);
        at.map_or(0, |at| at + 1)
    }

    /// What a write names.
    pub(super) fn target(&self, key: &GroupKey, version: Version) -> ObjectTarget {
        let told = self.groups.get(key).map_or(&[][..], Vec::as_slice);
        let back = match version {
            Version::Older(back) => back + 1,
            Version::Current | Version::OtherUid | Version::Invented => 0,
        };
        let at = told.len().checked_sub(back + 1);
        let meant = at.and_then(|at| told.get(at)).cloned();
        let (mut uid, mut resource_version) =
            meant.unwrap_or_else(|| ("11111111-0000-4000-8000-000000000000".into(), INVENTED));
        match version {
            Version::OtherUid => uid = "22222222-0000-4000-8000-000000000000".into(),
            Version::Invented => resource_version = INVENTED,
            Version::Current | Version::Older(_) => {}
        }
        ObjectTarget {
            key: key.clone(),
            uid,
            resource_version,
        }
    }

    /// Notes a lease; gives its version in common words.
    pub(super) fn note_lease(&mut self, lease: &LeaseRecord) -> usize {
        let version = &lease.resource_version;
        if !self.lease.contains(version) {
            self.lease.push(version.clone());
        }
        let at = self.lease.iter().position(|it| it == version);
        at.map_or(0, |at| at + 1)
    }

    /// The version of the lease that a write names.
    pub(super) fn lease(&self, version: Version) -> String {
        let back = match version {
            Version::Older(back) => back + 1,
            Version::Current | Version::OtherUid => 0,
            Version::Invented => return INVENTED.to_string(),
        };
        let at = self.lease.len().checked_sub(back + 1);
        let meant = at.and_then(|at| self.lease.get(at)).cloned();
        meant.unwrap_or_else(|| INVENTED.to_string())
    }
}
