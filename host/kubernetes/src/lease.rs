//! The lease: looked at every two seconds, written if it still has the version
//! that the machine has seen. Who holds it is the machine's to decide.

use std::collections::BTreeMap;

use jiff::Timestamp as Instant;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::ResourceExt;
use kube::api::{ObjectMeta, PostParams};
use serde::{Deserialize, Serialize};
use tracing::{debug, info, warn};
use vmgroup_core::time::Timestamp;
use vmgroup_reconcile::event::{Event, LeaseRecord, RefusedCredentials};
use vmgroup_reconcile::request::RequestId;

use crate::adapter::{Adapter, within};
use crate::error::Failure;
use crate::limits::{LEASE_POLL, LEASE_REQUEST};
use crate::patch::FIELD_MANAGER;

/// Annotation of the lease that remembers refused credentials.
const REFUSED_ANNOTATION: &str = "vm.codeconnect.vmworld.com/refused-credentials";

/// What the adapter knows of the lease.
#[derive(Default)]
pub(crate) struct LeaseMemory {
    /// Counts beginnings and ends of writes: a look that one of them fell into
    /// may show the lease as it was before, and is thrown away.
    writes: u64,
    /// The object as it was seen last; none before the first look, and inside
    /// none if there was no object.
    seen: Option<Option<Lease>>,
}

impl Adapter {
    /// Looks at the lease until the machine has ended.
    pub(crate) async fn poll_lease(&self) {
        let mut failing = false;
        while !self.is_over() {
            let writes = self.lease.lock().await.writes;
            match self.read_lease().await {
                Ok(lease) => {
                    if std::mem::take(&mut failing) {
                        info!("the lease can be read again");
                    }
                    self.lease_was_seen(lease, writes).await;
                }
                Err(failure) => {
                    let reason = failure.message();
                    if std::mem::replace(&mut failing, true) {
                        debug!(reason, "still cannot read the lease");
                    } else {
                        warn!(
                            reason,
                            "cannot read the lease; it is tried again until it works"
                        );
                    }
                }
            }
            tokio::time::sleep(LEASE_POLL).await;
        }
    }

    /// Creates or replaces the lease, and says what came of it.
    pub(crate) async fn write_lease(&self, id: RequestId, record: LeaseRecord) {
        let before = {
            let mut memory = self.lease.lock().await;
            memory.writes += 1;
            memory.seen.clone().flatten()
        };
        let answer = self.put_lease(&record, before).await;
        // Who came first is seen by a look of its own, before the bad news.
        let instead = match &answer {
            Err(Failure::Conflict | Failure::Gone) => self.read_lease().await.ok(),
            _ => None,
        };
        let mut memory = self.lease.lock().await;
        memory.writes += 1;
        match answer {
            Ok(lease) => {
                let seen = Some(record_of(&lease));
                memory.seen = Some(Some(lease));
                self.send_renewal(Event::LeaseSeen {
                    lease: seen,
                    id: Some(id),
                })
                .await;
            }
            Err(failure) => {
                if let Some(lease) = instead {
                    let seen = lease.as_ref().map(record_of);
                    memory.seen = Some(lease);
                    self.send_renewal(Event::LeaseSeen {
                        lease: seen,
                        id: None,
                    })
                    .await;
                }
                let message = failure.message();
                self.send_renewal(Event::LeaseFailed { id, message }).await;
            }
        }
    }

    async fn lease_was_seen(&self, lease: Option<Lease>, writes_before: u64) {
        let mut memory = self.lease.lock().await;
        let version = |lease: &Option<Lease>| lease.as_ref().and_then(Lease::resource_version);
        let news = match &memory.seen {
            None => true,
            Some(seen) => version(seen) != version(&lease),
        };
        if memory.writes == writes_before && news {
            let seen = lease.as_ref().map(record_of);
            memory.seen = Some(lease);
            self.send_renewal(Event::LeaseSeen {
                lease: seen,
                id: None,
            })
            .await;
        }
    }

    async fn read_lease(&self) -> Result<Option<Lease>, Failure> {
        let name = &self.place.lease;
        match within(LEASE_REQUEST, name, self.leases().get(name)).await {
            Ok(lease) => Ok(Some(lease)),
            Err(Failure::Gone) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    async fn put_lease(
        &self,
        record: &LeaseRecord,
        before: Option<Lease>,
    ) -> Result<Lease, Failure> {
        let name = &self.place.lease;
        let lease = lease_of(record, before, name, Instant::now());
        let params = PostParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PostParams::default()
        };
        let leases = self.leases();
        if record.resource_version.is_empty() {
            within(LEASE_REQUEST, name, leases.create(&params, &lease)).await
        } else {
            within(LEASE_REQUEST, name, leases.replace(name, &params, &lease)).await
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Refused {
    version: String,
    at: Instant,
}

/// What the machine knows of a lease.
fn record_of(lease: &Lease) -> LeaseRecord {
    let spec = lease.spec.clone().unwrap_or_default();
    let number = |value: Option<i32>| {
        value
            .and_then(|value| u32::try_from(value).ok())
            .unwrap_or_default()
    };
    LeaseRecord {
        holder: spec.holder_identity.unwrap_or_default(),
        duration_s: number(spec.lease_duration_seconds),
        transitions: number(spec.lease_transitions),
        resource_version: lease.resource_version().unwrap_or_default(),
        refused: lease
            .annotations()
            .get(REFUSED_ANNOTATION)
            .and_then(|text| refused_of(text)),
    }
}

fn refused_of(text: &str) -> Option<RefusedCredentials> {
    let refused: Refused = serde_json::from_str(text).ok()?;
    Some(RefusedCredentials {
        version: refused.version,
        at: Timestamp(u64::try_from(refused.at.as_millisecond()).unwrap_or_default()),
    })
}

/// The lease that says what `record` says; labels and annotations of others
/// stay as they were `before`.
fn lease_of(record: &LeaseRecord, before: Option<Lease>, name: &str, now: Instant) -> Lease {
    let before = before.unwrap_or_default();
    let known = before.spec.clone().unwrap_or_default();
    let whole = |value: u32| i32::try_from(value).unwrap_or(i32::MAX);
    let same_holder = known.holder_identity.as_deref() == Some(&record.holder)
        && known.lease_transitions == Some(whole(record.transitions));
    let mut annotations: BTreeMap<String, String> = before.metadata.annotations.unwrap_or_default();
    annotations.remove(REFUSED_ANNOTATION);
    annotations.extend(record.refused.as_ref().and_then(|refused| {
        let text = serde_json::to_string(&Refused {
            version: refused.version.clone(),
            at: Instant::from_millisecond(i64::try_from(refused.at.0).ok()?).ok()?,
        });
        Some((REFUSED_ANNOTATION.to_owned(), text.ok()?))
    }));
    Lease {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            labels: before.metadata.labels,
            annotations: Some(annotations),
            resource_version: Some(record.resource_version.clone())
                .filter(|version| !version.is_empty()),
            ..ObjectMeta::default()
        },
        spec: Some(LeaseSpec {
            holder_identity: Some(record.holder.clone()).filter(|holder| !holder.is_empty()),
            lease_duration_seconds: Some(whole(record.duration_s.max(1))),
            lease_transitions: Some(whole(record.transitions)),
            acquire_time: known
                .acquire_time
                .filter(|_| same_holder)
                .or(Some(MicroTime(now))),
            renew_time: Some(MicroTime(now)),
            ..LeaseSpec::default()
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(holder: &str, transitions: u32) -> LeaseRecord {
        LeaseRecord {
            holder: holder.into(),
            duration_s: 15,
            transitions,
            resource_version: "9".into(),
            refused: Some(RefusedCredentials {
                version: "v1".into(),
                at: Timestamp(1_600_286_400_000),
            }),
        }
    }

    fn at(second: i64) -> Instant {
        Instant::from_second(second).expect("a time")
    }

    #[test]
    fn a_lease_reads_as_it_was_written() {
        for wish in [
            record("me", 3),
            record("", 3),
            LeaseRecord {
                refused: None,
                ..record("me", 0)
            },
        ] {
            assert_eq!(record_of(&lease_of(&wish, None, "lease", at(1))), wish);
        }
    }

    #[test]
    fn a_renewal_keeps_the_time_of_taking_over_and_a_take_over_does_not() {
        let first = lease_of(&record("me", 1), None, "lease", at(1));
        let acquired = |lease: &Lease| {
            lease
                .spec
                .as_ref()
                .and_then(|spec| spec.acquire_time.clone())
        };
        let renewed = lease_of(&record("me", 1), Some(first.clone()), "lease", at(5));
        assert_eq!(acquired(&renewed), acquired(&first));
        let taken = lease_of(&record("you", 2), Some(renewed), "lease", at(9));
        assert_eq!(acquired(&taken), Some(MicroTime(at(9))));
    }

    #[test]
    fn annotations_of_others_stay() {
        let mut before = lease_of(&record("me", 1), None, "lease", at(1));
        before
            .metadata
            .annotations
            .get_or_insert_default()
            .insert("theirs".into(), "1".into());
        let wish = LeaseRecord {
            refused: None,
            ..record("me", 1)
        };
        let after = lease_of(&wish, Some(before), "lease", at(2));
        assert_eq!(
            after.annotations().get("theirs").map(String::as_str),
            Some("1")
        );
        assert_eq!(record_of(&after).refused, None);
    }

    #[test]
    fn an_annotation_that_is_none_counts_for_nothing() {
        for text in ["", "{}", "[]", r#"{"version":"v","at":"soon"}"#] {
            assert_eq!(refused_of(text), None, "{text}");
        }
    }
}
