//! From an object of the API server to what the machine knows of it. Nothing
//! here fails: what cannot be understood is said in the object itself.

use kube::ResourceExt;
use serde_json::{Map, Value};
use tracing::warn;
use vmgroup_api::{approval_from_json, spec_from_json};
use vmgroup_core::group::{
    ADOPTION_ANNOTATION, Adoption, DEMO_FINALIZER, FINALIZER, GroupKey, IDENTITY_ANNOTATION,
    VCENTER_ANNOTATION,
};
use vmgroup_core::status::Status;
use vmgroup_core::time::Timestamp;
use vmgroup_reconcile::event::{Approval, GroupObject};

use crate::object::Object;

/// A group, whatever is in it.
pub fn group_object(object: &Object) -> GroupObject {
    let key = key_of(object);
    let finalizer = |name: &str| object.finalizers().iter().any(|other| other == name);
    GroupObject {
        uid: object.uid().unwrap_or_default(),
        generation: object.metadata.generation.unwrap_or_default(),
        resource_version: version_of(object),
        created_at: created_at(object),
        deleting: object.metadata.deletion_timestamp.is_some(),
        finalizer: finalizer(FINALIZER),
        demo_finalizer: finalizer(DEMO_FINALIZER),
        identity: object.annotations().get(IDENTITY_ANNOTATION).cloned(),
        adoption: object
            .annotations()
            .get(ADOPTION_ANNOTATION)
            .and_then(|word| adoption(word)),
        vcenter: object.annotations().get(VCENTER_ANNOTATION).cloned(),
        spec: object
            .spec()
            .and_then(|spec| spec_from_json(spec.as_ref()).map_err(|error| error.to_string())),
        status: status_of(object, &key),
        key,
    }
}

/// An approval; none if it says nothing that could be used.
pub fn approval(object: &Object) -> Option<Approval> {
    let key = key_of(object);
    let approved = object
        .spec()
        .and_then(|spec| approval_from_json(spec.as_ref()).map_err(|error| error.to_string()));
    match approved {
        Ok(approved) => Some(Approval {
            key,
            uid: object.uid().unwrap_or_default(),
            group: approved.group,
            effects_digest: approved.effects_digest,
            expires_at: Some(approved.expires_at),
        }),
        Err(error) => {
            warn!(approval = %key, %error, "an approval cannot be understood and counts for nothing");
            None
        }
    }
}

/// Namespace and name.
pub(crate) fn key_of(object: &Object) -> GroupKey {
    GroupKey::new(object.namespace().unwrap_or_default(), object.name_any())
}

/// Version of the object. The API server promises that it is a number (since
/// 1.35, and it always was one); zero, which no object has, cannot be written to.
pub(crate) fn version_of(object: &Object) -> u64 {
    object
        .resource_version()
        .and_then(|version| version.parse().ok())
        .unwrap_or_default()
}

fn created_at(object: &Object) -> Timestamp {
    let created = object
        .creation_timestamp()
        .map(|time| time.0.as_millisecond());
    Timestamp(
        created
            .and_then(|ms| u64::try_from(ms).ok())
            .unwrap_or_default(),
    )
}

fn adoption(word: &str) -> Option<Adoption> {
    Adoption::ALL
        .iter()
        .copied()
        .find(|adoption| adoption.as_str() == word.trim())
}

/// The status, as far as it can be understood: each part of it may be lost
/// (`docs/architecture.md` says how it is found again), so one that somebody
/// broke is left out, and the others stay.
fn status_of(object: &Object, key: &GroupKey) -> Status {
    let fields = match object.status() {
        Ok(Some(Value::Object(fields))) => fields,
        Ok(_) => return Status::default(),
        Err(error) => {
            warn!(group = %key, %error, "a status cannot be understood");
            return Status::default();
        }
    };
    if let Ok(status) = parsed(fields.clone()) {
        return status;
    }
    let mut kept = Map::new();
    for (field, value) in fields {
        match parsed(Map::from_iter([(field.clone(), value.clone())])) {
            Ok(_) => {
                kept.insert(field, value);
            }
            Err(error) => {
                warn!(group = %key, field, %error, "a part of a status cannot be understood");
            }
        }
    }
    parsed(kept).unwrap_or_default()
}

fn parsed(fields: Map<String, Value>) -> Result<Status, serde_json::Error> {
    serde_json::from_value(Value::Object(fields))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(extra: &Value) -> Object {
        serde_json::from_value(written(extra)).expect("an object of the API server")
    }

    fn written(extra: &Value) -> Value {
        let mut object = json!({
            "apiVersion": "vm.codeconnect.vmworld.com/v1alpha1",
            "kind": "VmGroup",
            "metadata": {
                "name": "web", "namespace": "shop", "uid": "u-1", "resourceVersion": "42",
                "generation": 3, "creationTimestamp": "2020-09-16T20:00:00Z",
            },
            "spec": {"cpu": 1, "memory": 1, "replicas": 2, "template": "base"},
        });
        for (key, value) in extra.as_object().expect("an object") {
            match (value, object.get_mut(key)) {
                (Value::Object(new), Some(Value::Object(old))) => old.extend(new.clone()),
                _ => object[key] = value.clone(),
            }
        }
        object
    }

    #[test]
    fn the_metadata_is_what_the_machine_needs() {
        let group = group_object(&object(&json!({"metadata": {
            "finalizers": ["vm-operator", "vm.codeconnect.vmworld.com/vmgroup", "other"],
            "annotations": {
                "vm.codeconnect.vmworld.com/identity": "i-1",
                "vm.codeconnect.vmworld.com/adoption": "adopt",
                "vm.codeconnect.vmworld.com/vcenter": "v-1",
            },
            "deletionTimestamp": "2020-09-16T21:00:00Z",
        }})));
        assert_eq!(group.key, GroupKey::new("shop", "web"));
        assert_eq!(
            (group.uid.as_str(), group.generation, group.resource_version),
            ("u-1", 3, 42)
        );
        assert_eq!(group.created_at, Timestamp(1_600_286_400_000));
        assert!(group.deleting && group.finalizer && group.demo_finalizer);
        assert_eq!(group.identity.as_deref(), Some("i-1"));
        assert_eq!(group.adoption, Some(Adoption::Adopt));
        assert_eq!(group.vcenter.as_deref(), Some("v-1"));
        assert_eq!(group.spec.expect("a spec").replicas, 2);
    }

    #[test]
    fn an_object_without_spec_is_a_group_that_says_so() {
        let mut bare = written(&json!({}));
        bare.as_object_mut().and_then(|bare| bare.remove("spec"));
        let bare = serde_json::from_value(bare).expect("an object of the API server");
        let group = group_object(&bare);
        assert!(group.spec.expect_err("no spec").contains("has no spec"));
        assert_eq!(group.status, Status::default());
    }

    #[test]
    fn a_spec_of_wrong_types_keeps_the_rest_of_the_object() {
        let group = group_object(&object(&json!({"spec": {"cpu": "many"}})));
        let error = group.spec.expect_err("refused");
        assert!(error.starts_with("spec.cpu: invalid type"), "{error}");
        assert_eq!(group.resource_version, 42);
    }

    #[test]
    fn the_demos_status_is_understood() {
        let group = group_object(&object(&json!({"status": {
            "phase": "RUNNING", "currentReplicas": 3, "desiredReplicas": 3, "lastMessage": "done",
        }})));
        assert_eq!(group.status.phase.as_deref(), Some("RUNNING"));
        assert_eq!(group.status.current_replicas, Some(3));
    }

    #[test]
    fn one_broken_part_of_a_status_does_not_take_the_others_with_it() {
        let group = group_object(&object(&json!({"status": {
            "phase": "RUNNING",
            "currentReplicas": "three",
            "slots": {"0": {"vm": "vm-1", "started": true}},
        }})));
        assert_eq!(group.status.current_replicas, None);
        assert_eq!(group.status.phase.as_deref(), Some("RUNNING"));
        assert_eq!(group.status.slots[&0].vm, "vm-1");
    }

    #[test]
    fn a_status_is_read_as_it_was_written() {
        let status = Status {
            phase: Some("PENDING".into()),
            slots: [(7, vmgroup_core::status::SlotRecord::new("vm-9".into()))].into(),
            ..Status::default()
        };
        let written = serde_json::to_value(&status).expect("JSON");
        let object = object(&json!({ "status": written }));
        assert_eq!(status_of(&object, &GroupKey::new("a", "b")), status);
        assert!(
            written.get("memo").is_none(),
            "what is absent is not written"
        );
    }

    #[test]
    fn a_word_about_adoption_that_is_none_counts_for_nothing() {
        let group = group_object(&object(&json!({"metadata": {
            "annotations": {"vm.codeconnect.vmworld.com/adoption": "maybe"}}})));
        assert_eq!(group.adoption, None);
    }

    #[test]
    fn an_approval_is_read_and_a_broken_one_counts_for_nothing() {
        let object = |spec: Value| {
            let mut approval = written(&json!({}));
            approval["spec"] = spec;
            serde_json::from_value(approval).expect("an object of the API server")
        };
        let spec = json!({"group": "web", "effectsDigest": "sha256:ab", "expiresAt": "2100-01-01T00:00:00Z"});
        let read = approval(&object(spec)).expect("an approval");
        assert_eq!((read.group.as_str(), read.uid.as_str()), ("web", "u-1"));
        assert!(read.expires_at.is_some());
        assert_eq!(approval(&object(json!({"group": "web"}))), None);
    }
}
