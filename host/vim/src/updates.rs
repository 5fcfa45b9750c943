//! Waiting for changes.

use std::time::Duration;

use crate::retrieve::missing_properties;
use crate::soap::{Request, Returned};
use crate::{Client, Error, Fault, ManagedObjectRef, MissingProperty, Unreadable, Value};

/// How long to wait, and for how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitOptions {
    /// Seconds after which the server answers that nothing has changed; 0 asks for what is there.
    pub max_wait_seconds: u32,
    /// Objects in one answer; the server may have a lower limit of its own.
    pub max_object_updates: u32,
}

/// What has changed since a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateSet {
    /// The version to wait from next.
    pub version: String,
    /// The changes, per filter.
    pub filters: Vec<FilterUpdate>,
    /// Whether there is more right now: until a set is not truncated, the view is incomplete.
    pub truncated: bool,
}

/// The changes that one filter saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterUpdate {
    /// The filter.
    pub filter: ManagedObjectRef,
    /// The changed objects, in the server's order.
    pub objects: Vec<ObjectUpdate>,
    /// Objects of the filter's spec that cannot be read at all.
    pub missing: Vec<MissingObject>,
}

/// What happened to one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectUpdate {
    /// What happened.
    pub kind: UpdateKind,
    /// The object.
    pub object: ManagedObjectRef,
    /// The properties that changed; all that are set when the object entered.
    pub changes: Vec<PropertyChange>,
    /// The properties that cannot be read at the moment.
    pub missing: Vec<MissingProperty>,
}

/// How an object's place in a filter changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpdateKind {
    /// It came into the filter: what is sent replaces all that was known of it.
    Enter,
    /// It is as before, with other properties.
    Modify,
    /// It left the filter, which does not mean that it is gone.
    Leave,
    /// A kind that this client does not know.
    Unknown,
}

/// One property's change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PropertyChange {
    /// The property's path.
    pub path: String,
    /// What happened to it.
    pub kind: ChangeKind,
    /// The new value, or the item that was added.
    pub value: Option<Value>,
}

/// How a property changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// It has the value; without a value it is unset.
    Assign,
    /// An item was added to the list.
    Add,
    /// An item was removed from the list, or the property with all around it.
    Remove,
    /// Something around it was unset, and it with that.
    IndirectRemove,
    /// A kind that this client does not know.
    Unknown,
}

/// An object that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingObject {
    /// The object.
    pub object: ManagedObjectRef,
    /// Why.
    pub fault: Fault,
}

impl Client {
    /// `WaitForUpdatesEx`: what has changed since `version`, which is empty the first time.
    ///
    /// `None` when nothing changed within the waiting time. The call gets that time beyond the
    /// usual one. Only one wait per collector at a time. A wait whose answer was lost may have
    /// taken updates with it: ask again from the version that was last received.
    pub async fn wait_for_updates(
        &self,
        property_collector: &ManagedObjectRef,
        version: &str,
        options: WaitOptions,
        operation: Option<&str>,
    ) -> Result<Option<UpdateSet>, Error> {
        let mut request = Request::new("WaitForUpdatesEx", property_collector, operation);
        request.text("version", version);
        request.object("options", |request| {
            request.number("maxWaitSeconds", options.max_wait_seconds);
            request.number("maxObjectUpdates", options.max_object_updates);
        });
        request.server_waits(Duration::from_secs(options.max_wait_seconds.into()));
        self.call(request, changes).await
    }

    /// `CancelWaitForUpdates`: a waiting call on this collector ends with `RequestCanceled`.
    pub async fn cancel_wait_for_updates(
        &self,
        property_collector: &ManagedObjectRef,
        operation: Option<&str>,
    ) -> Result<(), Error> {
        let request = Request::new("CancelWaitForUpdates", property_collector, operation);
        self.call(request, |_| Ok(())).await
    }
}

/// Nothing at all is what servers answer when nothing has changed.
pub(crate) fn changes(returned: Returned) -> Result<Option<UpdateSet>, Unreadable> {
    returned.optional().as_ref().map(update_set).transpose()
}

fn update_set(value: &Value) -> Result<UpdateSet, Unreadable> {
    let missing = Unreadable::Missing {
        field: "version",
        within: "UpdateSet",
    };
    Ok(UpdateSet {
        version: value.text("version").ok_or(missing)?.to_owned(),
        filters: value
            .list("filterSet")
            .into_iter()
            .map(filter_update)
            .collect::<Result<_, _>>()?,
        truncated: value
            .get("truncated")
            .and_then(Value::as_bool)
            .unwrap_or(false),
    })
}

fn filter_update(value: &Value) -> Result<FilterUpdate, Unreadable> {
    let objects = value.list("objectSet").into_iter().map(object_update);
    let missing = value.list("missingSet").into_iter().map(|missing| {
        Ok(MissingObject {
            object: reference(missing, "obj", "MissingObject")?,
            fault: Fault::from_localized(missing.get("fault").unwrap_or(missing)),
        })
    });
    Ok(FilterUpdate {
        filter: reference(value, "filter", "PropertyFilterUpdate")?,
        objects: objects.collect::<Result<_, _>>()?,
        missing: missing.collect::<Result<_, _>>()?,
    })
}

fn object_update(value: &Value) -> Result<ObjectUpdate, Unreadable> {
    let kind = match value.text("kind") {
        Some("enter") => UpdateKind::Enter,
        Some("modify") => UpdateKind::Modify,
        Some("leave") => UpdateKind::Leave,
        _ => UpdateKind::Unknown,
    };
    Ok(ObjectUpdate {
        kind,
        object: reference(value, "obj", "ObjectUpdate")?,
        changes: value
            .list("changeSet")
            .into_iter()
            .map(property_change)
            .collect::<Result<_, _>>()?,
        missing: missing_properties(value)?,
    })
}

fn property_change(value: &Value) -> Result<PropertyChange, Unreadable> {
    let missing = Unreadable::Missing {
        field: "name",
        within: "PropertyChange",
    };
    let kind = match value.text("op") {
        Some("assign") => ChangeKind::Assign,
        Some("add") => ChangeKind::Add,
        Some("remove") => ChangeKind::Remove,
        Some("indirectRemove") => ChangeKind::IndirectRemove,
        _ => ChangeKind::Unknown,
    };
    Ok(PropertyChange {
        path: value.text("name").ok_or(missing)?.to_owned(),
        kind,
        value: value.get("val").cloned(),
    })
}

fn reference(
    value: &Value,
    field: &'static str,
    within: &'static str,
) -> Result<ManagedObjectRef, Unreadable> {
    value
        .reference(field)
        .cloned()
        .ok_or(Unreadable::Missing { field, within })
}
