//! Writes: finalizer and annotations of a group, by a JSON patch that tests
//! what it builds on.

use kube::ResourceExt;
use serde_json::{Value, json};
use vmgroup_core::group::{DEMO_FINALIZER, FINALIZER, IDENTITY_ANNOTATION};
use vmgroup_reconcile::event::WriteResult;
use vmgroup_reconcile::request::{MetaChange, ObjectTarget};

use crate::adapter::Adapter;
use crate::convert::group_object;
use crate::object::Object;
use crate::patch::Part;

impl Adapter {
    /// Changes the metadata. The object is read first: a patch must know
    /// whether there are annotations and finalizers to add to.
    pub(crate) async fn write_meta(
        &self,
        target: &ObjectTarget,
        change: &MetaChange,
    ) -> WriteResult {
        let object = match self.expected(target).await {
            Ok(object) => object,
            Err(result) => return result,
        };
        match operations(&object, change) {
            Some(operations) => self.patch(target, Part::Meta, operations).await,
            None => WriteResult::Done(Box::new(group_object(&object))),
        }
    }
}

/// What makes that change; none if the object is as it should be.
fn operations(object: &Object, change: &MetaChange) -> Option<Vec<Value>> {
    let before = object.finalizers();
    let mut finalizers = before.to_vec();
    let mut identity = None;
    match change {
        MetaChange::Claim {
            identity: wanted,
            replace_demo,
        } => {
            if !finalizers.iter().any(|name| name == FINALIZER) {
                finalizers.push(FINALIZER.to_owned());
            }
            if *replace_demo {
                finalizers.retain(|name| name != DEMO_FINALIZER);
            }
            if object.annotations().get(IDENTITY_ANNOTATION) != Some(wanted) {
                identity = Some(wanted);
            }
        }
        // The demo's finalizer goes too: nobody else would ever remove it.
        MetaChange::Release => {
            finalizers.retain(|name| name != FINALIZER && name != DEMO_FINALIZER);
        }
    }
    if finalizers == before && identity.is_none() {
        return None;
    }
    let mut operations = Vec::new();
    if finalizers != before {
        if !before.is_empty() {
            operations.push(json!({"op": "test", "path": "/metadata/finalizers", "value": before}));
        }
        operations.push(json!({"op": "add", "path": "/metadata/finalizers", "value": finalizers}));
    }
    if let Some(identity) = identity {
        if object.metadata.annotations.is_none() {
            operations.push(json!({"op": "add", "path": "/metadata/annotations", "value": {}}));
        }
        let path = format!(
            "/metadata/annotations/{}",
            IDENTITY_ANNOTATION.replace('/', "~1")
        );
        operations.push(json!({"op": "add", "path": path, "value": identity}));
    }
    Some(operations)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(finalizers: &[&str], identity: Option<&str>) -> Object {
        let mut metadata = json!({
            "name": "web", "namespace": "shop", "uid": "u-1", "resourceVersion": "7",
        });
        if !finalizers.is_empty() {
            metadata["finalizers"] = json!(finalizers);
        }
        if let Some(identity) = identity {
            metadata["annotations"] = json!({ IDENTITY_ANNOTATION: identity });
        }
        serde_json::from_value(json!({"metadata": metadata})).expect("an object")
    }

    fn claim(replace_demo: bool) -> MetaChange {
        MetaChange::Claim {
            identity: "i-1".into(),
            replace_demo,
        }
    }

    fn values(operations: &[Value], op: &str, path: &str) -> Vec<Value> {
        let hits = operations
            .iter()
            .filter(|one| one["op"] == op && one["path"] == path);
        hits.map(|one| one["value"].clone()).collect()
    }

    #[test]
    fn a_claim_writes_finalizer_and_identity() {
        let patch = operations(&object(&[], None), &claim(false)).expect("a patch");
        assert_eq!(
            values(&patch, "add", "/metadata/finalizers"),
            [json!([FINALIZER])]
        );
        assert_eq!(values(&patch, "add", "/metadata/annotations"), [json!({})]);
        let identity = "/metadata/annotations/vm.codeconnect.vmworld.com~1identity";
        assert_eq!(values(&patch, "add", identity), [json!("i-1")]);
    }

    #[test]
    fn the_demos_finalizer_stays_unless_its_left_overs_were_adopted() {
        let demo = object(&["other", DEMO_FINALIZER], None);
        let kept = operations(&demo, &claim(false)).expect("a patch");
        assert_eq!(
            values(&kept, "add", "/metadata/finalizers"),
            [json!(["other", DEMO_FINALIZER, FINALIZER])]
        );
        let replaced = operations(&demo, &claim(true)).expect("a patch");
        assert_eq!(
            values(&replaced, "add", "/metadata/finalizers"),
            [json!(["other", FINALIZER])]
        );
    }

    #[test]
    fn a_release_leaves_the_finalizers_of_others() {
        let patch = operations(
            &object(&[FINALIZER, "other", DEMO_FINALIZER], Some("i-1")),
            &MetaChange::Release,
        )
        .expect("a patch");
        assert_eq!(
            values(&patch, "add", "/metadata/finalizers"),
            [json!(["other"])]
        );
        assert_eq!(
            values(&patch, "test", "/metadata/finalizers"),
            [json!([FINALIZER, "other", DEMO_FINALIZER])]
        );
    }

    #[test]
    fn an_object_that_is_as_it_should_be_is_not_written() {
        assert_eq!(
            operations(&object(&[FINALIZER], Some("i-1")), &claim(true)),
            None
        );
        assert_eq!(
            operations(&object(&["other"], None), &MetaChange::Release),
            None
        );
    }
}
