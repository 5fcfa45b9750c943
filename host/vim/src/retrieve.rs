//! Reading properties once.

use crate::soap::Request;
use crate::{Client, Error, Fault, FilterSpec, ManagedObjectRef, Unreadable, Value};

/// An object with the properties that were asked for and are set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectContent {
    /// The object.
    pub object: ManagedObjectRef,
    /// Path and value, as asked for.
    pub properties: Vec<(String, Value)>,
    /// The properties that cannot be read at the moment.
    pub missing: Vec<MissingProperty>,
}

/// A property that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingProperty {
    /// The property's path.
    pub path: String,
    /// Why.
    pub fault: Fault,
}

/// One page of objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetrievedPage {
    /// The objects.
    pub objects: Vec<ObjectContent>,
    /// With what to ask for the next page: while there is one, the list is incomplete.
    pub token: Option<String>,
}

impl ObjectContent {
    /// The value at a path: of the property asked for by exactly this path, otherwise inside a
    /// property that was asked for by the beginning of it.
    pub fn get(&self, path: &str) -> Option<&Value> {
        let exact = self.properties.iter().find(|(name, _)| name == path);
        exact.map(|(_, value)| value).or_else(|| {
            self.properties.iter().find_map(|(name, value)| {
                value.get(path.strip_prefix(name.as_str())?.strip_prefix('.')?)
            })
        })
    }

    /// The text at a path.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.get(path)?.as_str()
    }

    /// The reference at a path.
    pub fn reference(&self, path: &str) -> Option<&ManagedObjectRef> {
        self.get(path)?.as_reference()
    }

    /// Why a property cannot be read, if it was asked for and cannot.
    pub fn missing(&self, path: &str) -> Option<&Fault> {
        self.missing
            .iter()
            .find(|missing| missing.path == path)
            .map(|missing| &missing.fault)
    }
}

impl Client {
    /// `RetrievePropertiesEx`: the first page.
    pub async fn retrieve_properties(
        &self,
        property_collector: &ManagedObjectRef,
        specs: &[FilterSpec],
        max_objects: Option<u32>,
        operation: Option<&str>,
    ) -> Result<RetrievedPage, Error> {
        let mut request = Request::new("RetrievePropertiesEx", property_collector, operation);
        for spec in specs {
            spec.write("specSet", &mut request);
        }
        request.object("options", |request| {
            request.optional_number("maxObjects", max_objects);
        });
        self.call(request, |returned| page(returned.optional()))
            .await
    }

    /// `ContinueRetrievePropertiesEx`: the next page.
    pub async fn continue_retrieve_properties(
        &self,
        property_collector: &ManagedObjectRef,
        token: &str,
        operation: Option<&str>,
    ) -> Result<RetrievedPage, Error> {
        let method = "ContinueRetrievePropertiesEx";
        let mut request = Request::new(method, property_collector, operation);
        request.text("token", token);
        self.call(request, |returned| page(returned.optional()))
            .await
    }

    /// All pages of `RetrievePropertiesEx`; all or nothing, so that a page that is lost never looks
    /// like objects that are gone. A collector has one token at a time, which another read on it
    /// makes invalid: where pages follow, they are read on a collector of their own.
    pub async fn retrieve_all_properties(
        &self,
        property_collector: &ManagedObjectRef,
        specs: &[FilterSpec],
        operation: Option<&str>,
    ) -> Result<Vec<ObjectContent>, Error> {
        let page = self
            .retrieve_properties(property_collector, specs, None, operation)
            .await?;
        if page.token.is_none() {
            return Ok(page.objects);
        }
        let own = self
            .create_property_collector(property_collector, operation)
            .await?;
        let objects = self.retrieve_pages(&own, specs, operation).await;
        // One that stays ends with the session.
        let _ = self.destroy_property_collector(&own, operation).await;
        objects
    }

    async fn retrieve_pages(
        &self,
        property_collector: &ManagedObjectRef,
        specs: &[FilterSpec],
        operation: Option<&str>,
    ) -> Result<Vec<ObjectContent>, Error> {
        let mut page = self
            .retrieve_properties(property_collector, specs, None, operation)
            .await?;
        let mut objects = page.objects;
        while let Some(token) = page.token {
            page = self
                .continue_retrieve_properties(property_collector, &token, operation)
                .await?;
            objects.append(&mut page.objects);
        }
        Ok(objects)
    }
}

/// No result at all is what servers answer when no object matches.
pub(crate) fn page(value: Option<Value>) -> Result<RetrievedPage, Unreadable> {
    let Some(value) = value else {
        return Ok(RetrievedPage {
            objects: Vec::new(),
            token: None,
        });
    };
    let objects = value.list("objects").into_iter().map(object_content);
    Ok(RetrievedPage {
        objects: objects.collect::<Result<_, _>>()?,
        token: value
            .text("token")
            .filter(|token| !token.is_empty())
            .map(str::to_owned),
    })
}

fn object_content(value: &Value) -> Result<ObjectContent, Unreadable> {
    const WITHIN: &str = "ObjectContent";
    let object = value.reference("obj").ok_or(Unreadable::Missing {
        field: "obj",
        within: WITHIN,
    });
    let properties = value.list("propSet").into_iter().map(|property| {
        let path = property.text("name");
        let path = path.ok_or(Unreadable::Missing {
            field: "propSet.name",
            within: WITHIN,
        })?;
        let value = property.get("val");
        let value = value.ok_or(Unreadable::Missing {
            field: "propSet.val",
            within: WITHIN,
        })?;
        Ok((path.to_owned(), value.clone()))
    });
    Ok(ObjectContent {
        object: object?.clone(),
        properties: properties.collect::<Result<_, _>>()?,
        missing: missing_properties(value)?,
    })
}

/// The `missingSet` of an object's content or update.
pub(crate) fn missing_properties(value: &Value) -> Result<Vec<MissingProperty>, Unreadable> {
    let missing = value.list("missingSet").into_iter().map(|missing| {
        let path = missing.text("path");
        Ok(MissingProperty {
            path: path
                .ok_or(Unreadable::Missing {
                    field: "path",
                    within: "MissingProperty",
                })?
                .to_owned(),
            fault: Fault::from_localized(missing.get("fault").unwrap_or(missing)),
        })
    });
    missing.collect()
}
