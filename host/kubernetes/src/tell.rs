//! Writes: an event on a group's object, for people. What cannot be told is
//! logged and forgotten: the status says the same.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Resource};
use tracing::warn;
use vmgroup_api::VmGroup;
use vmgroup_reconcile::request::ObjectTarget;

use crate::adapter::{Adapter, within};
use crate::limits::{EVENT_NAME_BYTES_MAX, NOTE_BYTES_MAX, REQUEST, WORD_BYTES_MAX};

/// Who says so.
const CONTROLLER: &str = "vm.codeconnect.vmworld.com/vmgroup";

impl Adapter {
    pub(crate) async fn tell(
        &self,
        target: &ObjectTarget,
        warning: bool,
        reason: &str,
        message: &str,
    ) {
        let event = event(
            target,
            warning,
            reason,
            message,
            &self.place.replica,
            Timestamp::now(),
        );
        let events: Api<Event> = Api::namespaced(self.client.clone(), &target.key.namespace);
        let name = &target.key.name;
        if let Err(failure) =
            within(REQUEST, name, events.create(&PostParams::default(), &event)).await
        {
            let cause = failure.message();
            warn!(group = %target.key, reason, cause, "an event could not be written");
        }
    }
}

fn event(
    target: &ObjectTarget,
    warning: bool,
    reason: &str,
    message: &str,
    replica: &str,
    now: Timestamp,
) -> Event {
    let key = &target.key;
    Event {
        metadata: ObjectMeta {
            generate_name: Some(format!("{}-", name_start(&key.name))),
            namespace: Some(key.namespace.clone()),
            ..ObjectMeta::default()
        },
        action: Some("Reconcile".to_owned()),
        event_time: Some(MicroTime(now)),
        note: Some(cut(message, NOTE_BYTES_MAX).to_owned()),
        reason: Some(cut(reason, WORD_BYTES_MAX).to_owned()),
        regarding: Some(ObjectReference {
            api_version: Some(VmGroup::api_version(&()).into_owned()),
            kind: Some(VmGroup::kind(&()).into_owned()),
            name: Some(key.name.clone()),
            namespace: Some(key.namespace.clone()),
            resource_version: Some(target.resource_version.to_string()),
            uid: Some(target.uid.clone()),
            ..ObjectReference::default()
        }),
        reporting_controller: Some(CONTROLLER.to_owned()),
        reporting_instance: Some(cut(replica, WORD_BYTES_MAX).to_owned()),
        type_: Some(if warning { "Warning" } else { "Normal" }.to_owned()),
        ..Event::default()
    }
}

/// The beginning of a name that may go on with a hyphen.
fn name_start(name: &str) -> &str {
    cut(name, EVENT_NAME_BYTES_MAX).trim_end_matches(['.', '-'])
}

/// At most that many bytes of the text, whole characters only.
fn cut(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

#[cfg(test)]
mod tests {
    use vmgroup_core::group::GroupKey;

    use super::*;

    #[test]
    fn an_event_is_never_longer_than_the_api_server_takes() {
        let target = ObjectTarget {
            key: GroupKey::new("shop", "n".repeat(253)),
            uid: "u-1".into(),
            resource_version: 4,
        };
        let long = "é".repeat(2_000);
        let event = event(&target, true, &long, &long, &long, Timestamp::UNIX_EPOCH);
        let bytes = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        assert_eq!(bytes(&event.note), NOTE_BYTES_MAX);
        assert_eq!(
            (bytes(&event.reason), bytes(&event.reporting_instance)),
            (128, 128)
        );
        assert_eq!(bytes(&event.metadata.generate_name), 241);
        assert_eq!(
            name_start(&format!("{}.b", "n".repeat(239))),
            "n".repeat(239)
        );
        assert_eq!(event.type_.as_deref(), Some("Warning"));
        assert_eq!(
            event.regarding.and_then(|object| object.uid).as_deref(),
            Some("u-1")
        );
    }
}
