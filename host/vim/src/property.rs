//! Property collectors and their filters.

use crate::soap::{Request, Returned};
use crate::{Client, Error, ManagedObjectRef};

/// Which properties of which objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterSpec {
    /// The properties, per type of object.
    pub properties: Vec<PropertySpec>,
    /// Where the objects are found.
    pub objects: Vec<ObjectSpec>,
    /// Where objects do not exist, name them in updates and leave them out of what is retrieved;
    /// otherwise the call fails with `ManagedObjectNotFound`.
    pub report_missing_objects: bool,
}

/// The properties wanted of one type of object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PropertySpec {
    /// The managed object type; its subtypes are meant too.
    pub kind: String,
    /// Property paths, such as `runtime.powerState` or `config.extraConfig["key"]`.
    ///
    /// None means that only the objects themselves are listed.
    pub paths: Vec<String>,
}

/// An object, and what to reach from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectSpec {
    /// The object to begin at.
    pub object: ManagedObjectRef,
    /// Whether the object itself is left out.
    pub skip: bool,
    /// Where to go from it.
    pub selections: Vec<Selection>,
}

/// A step from an object to others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// Follow a property.
    Traverse(Traversal),
    /// Repeat the traversal of that name, which makes recursion possible.
    Named(String),
}

/// Following one property of one type of object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traversal {
    /// The name by which [`Selection::Named`] refers to it.
    pub name: Option<String>,
    /// The type of the objects that have the property.
    pub kind: String,
    /// The property, which holds references.
    pub path: String,
    /// Whether the objects reached are left out themselves.
    pub skip: bool,
    /// Where to go from there.
    pub selections: Vec<Selection>,
}

impl FilterSpec {
    /// The objects of one type in a container or list view.
    pub fn view(view: &ManagedObjectRef, kind: &str, paths: &[&str]) -> Self {
        Self::through(view, "view", kind, paths)
    }

    /// The objects of one type that a property of an object names.
    pub fn through(object: &ManagedObjectRef, property: &str, kind: &str, paths: &[&str]) -> Self {
        let traversal = Traversal {
            name: None,
            kind: object.kind.clone(),
            path: property.to_owned(),
            skip: false,
            selections: Vec::new(),
        };
        Self {
            properties: vec![PropertySpec::new(kind, paths)],
            objects: vec![ObjectSpec {
                object: object.clone(),
                skip: true,
                selections: vec![Selection::Traverse(traversal)],
            }],
            report_missing_objects: false,
        }
    }

    /// Named objects of one type. One that does not exist fails the call with
    /// `ManagedObjectNotFound`, which names it.
    ///
    /// With `report_missing_objects` such an object is left out of what is retrieved, without a
    /// word: a missing answer then says nothing about the object.
    pub fn objects(kind: &str, objects: &[ManagedObjectRef], paths: &[&str]) -> Self {
        let objects = objects.iter().map(|object| ObjectSpec {
            object: object.clone(),
            skip: false,
            selections: Vec::new(),
        });
        Self {
            properties: vec![PropertySpec::new(kind, paths)],
            objects: objects.collect(),
            report_missing_objects: false,
        }
    }

    pub(crate) fn write(&self, name: &str, request: &mut Request) {
        request.object(name, |request| {
            for properties in &self.properties {
                request.object("propSet", |request| {
                    request.text("type", &properties.kind);
                    request.flag("all", false);
                    request.texts("pathSet", &properties.paths);
                });
            }
            for object in &self.objects {
                request.object("objectSet", |request| {
                    request.reference("obj", &object.object);
                    request.flag("skip", object.skip);
                    object
                        .selections
                        .iter()
                        .for_each(|selection| selection.write(request));
                });
            }
            if self.report_missing_objects {
                request.flag("reportMissingObjectsInResults", true);
            }
        });
    }
}

impl PropertySpec {
    /// The properties at these paths of objects of this type.
    pub fn new(kind: &str, paths: &[&str]) -> Self {
        Self {
            kind: kind.to_owned(),
            paths: paths.iter().map(|&path| path.to_owned()).collect(),
        }
    }
}

impl Selection {
    fn write(&self, request: &mut Request) {
        match self {
            Self::Named(name) => request.object("selectSet", |request| request.text("name", name)),
            Self::Traverse(traversal) => {
                request.typed_object("selectSet", "TraversalSpec", |request| {
                    request.optional_text("name", traversal.name.as_deref());
                    request.text("type", &traversal.kind);
                    request.text("path", &traversal.path);
                    request.flag("skip", traversal.skip);
                    traversal
                        .selections
                        .iter()
                        .for_each(|selection| selection.write(request));
                });
            }
        }
    }
}

impl Client {
    /// `CreatePropertyCollector`: a collector of one's own, whose updates nobody else takes.
    ///
    /// It lives as long as the session.
    pub async fn create_property_collector(
        &self,
        property_collector: &ManagedObjectRef,
        operation: Option<&str>,
    ) -> Result<ManagedObjectRef, Error> {
        let request = Request::new("CreatePropertyCollector", property_collector, operation);
        self.call(request, Returned::reference).await
    }

    /// `DestroyPropertyCollector`: ends the collector with its filters.
    pub async fn destroy_property_collector(
        &self,
        property_collector: &ManagedObjectRef,
        operation: Option<&str>,
    ) -> Result<(), Error> {
        let request = Request::new("DestroyPropertyCollector", property_collector, operation);
        self.call(request, |_| Ok(())).await
    }

    /// `CreateFilter`: adds what [`Client::wait_for_updates`] on this collector reports.
    ///
    /// With `partial_updates` a change inside a property is reported as the nested path that
    /// changed; without, as the whole property that was asked for.
    pub async fn create_filter(
        &self,
        property_collector: &ManagedObjectRef,
        spec: &FilterSpec,
        partial_updates: bool,
        operation: Option<&str>,
    ) -> Result<ManagedObjectRef, Error> {
        let mut request = Request::new("CreateFilter", property_collector, operation);
        spec.write("spec", &mut request);
        request.flag("partialUpdates", partial_updates);
        self.call(request, Returned::reference).await
    }

    /// `DestroyPropertyFilter`: ends a filter.
    pub async fn destroy_filter(
        &self,
        filter: &ManagedObjectRef,
        operation: Option<&str>,
    ) -> Result<(), Error> {
        let request = Request::new("DestroyPropertyFilter", filter, operation);
        self.call(request, |_| Ok(())).await
    }
}
