//! The service instance: what the server is, where its managers are, what time it has.

use jiff::Timestamp;

use crate::soap::Request;
use crate::{Client, Error, ManagedObjectRef, Unreadable, Value};

/// What the server is and the objects through which everything else is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceContent {
    /// The root of the inventory.
    pub root_folder: ManagedObjectRef,
    /// Makes other property collectors. Its own updates go to whoever asked last: do not wait on it.
    pub property_collector: ManagedObjectRef,
    /// Makes views.
    pub view_manager: ManagedObjectRef,
    /// Logs in and out.
    pub session_manager: ManagedObjectRef,
    /// Tells privileges.
    pub authorization_manager: ManagedObjectRef,
    /// Finds objects.
    pub search_index: ManagedObjectRef,
    /// Lists tasks.
    pub task_manager: ManagedObjectRef,
    /// Names custom attributes; an ESXi host has none.
    pub custom_fields_manager: Option<ManagedObjectRef>,
    /// What the server is.
    pub about: About,
}

/// What the server says about itself. Texts are as the server wrote them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// The product with its version and build.
    pub full_name: String,
    /// The product's version, such as `8.0.2`.
    pub version: String,
    /// The build number.
    pub build: String,
    /// The newest version of the interface that the server speaks.
    pub api_version: String,
    /// `VirtualCenter` or `HostAgent`.
    pub api_type: String,
    /// The vCenter's own id; an ESXi host has none.
    pub instance_uuid: Option<String>,
}

impl Client {
    /// `RetrieveServiceContent`: needs no session.
    pub async fn retrieve_service_content(
        &self,
        operation: Option<&str>,
    ) -> Result<ServiceContent, Error> {
        let request = Request::new("RetrieveServiceContent", &service_instance(), operation);
        self.call(request, |returned| service_content(&returned.value()?))
            .await
    }

    /// `CurrentTime`: the server's clock. Needs a session, so that it also tells whether one is live.
    pub async fn current_time(&self, operation: Option<&str>) -> Result<Timestamp, Error> {
        let request = Request::new("CurrentTime", &service_instance(), operation);
        self.call(request, |returned| {
            returned
                .value()?
                .as_timestamp()
                .ok_or(Unreadable::Unexpected {
                    field: "returnval",
                    within: "CurrentTime",
                })
        })
        .await
    }
}

/// The one object whose reference is known beforehand.
fn service_instance() -> ManagedObjectRef {
    ManagedObjectRef::new("ServiceInstance", "ServiceInstance")
}

fn service_content(value: &Value) -> Result<ServiceContent, Unreadable> {
    const WITHIN: &str = "ServiceContent";
    let reference = |field| {
        value.reference(field).cloned().ok_or(Unreadable::Missing {
            field,
            within: WITHIN,
        })
    };
    let about = value.get("about").ok_or(Unreadable::Missing {
        field: "about",
        within: WITHIN,
    })?;
    let text = |field| about.text(field).unwrap_or_default().to_owned();
    Ok(ServiceContent {
        root_folder: reference("rootFolder")?,
        property_collector: reference("propertyCollector")?,
        view_manager: reference("viewManager")?,
        session_manager: reference("sessionManager")?,
        authorization_manager: reference("authorizationManager")?,
        search_index: reference("searchIndex")?,
        task_manager: reference("taskManager")?,
        custom_fields_manager: value.reference("customFieldsManager").cloned(),
        about: About {
            full_name: text("fullName"),
            version: text("version"),
            build: text("build"),
            api_version: text("apiVersion"),
            api_type: text("apiType"),
            instance_uuid: about.text("instanceUuid").map(str::to_owned),
        },
    })
}
