//! Privileges.

use crate::soap::Request;
use crate::{Client, Error, ManagedObjectRef, Unreadable};

/// The privileges that a user has on an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntityPrivileges {
    /// The object.
    pub entity: ManagedObjectRef,
    /// Ids of privileges, such as `VirtualMachine.Inventory.Delete`, sorted.
    pub privileges: Vec<String>,
}

impl Client {
    /// `FetchUserPrivilegeOnEntities`: what a user may do with each object.
    pub async fn fetch_user_privilege_on_entities(
        &self,
        authorization_manager: &ManagedObjectRef,
        entities: &[ManagedObjectRef],
        user: &str,
        operation: Option<&str>,
    ) -> Result<Vec<EntityPrivileges>, Error> {
        let method = "FetchUserPrivilegeOnEntities";
        let mut request = Request::new(method, authorization_manager, operation);
        request.references("entities", entities);
        request.text("userName", user);
        self.call(request, |returned| {
            let results = returned.values().into_iter().map(|result| {
                let missing = Unreadable::Missing {
                    field: "entity",
                    within: "UserPrivilegeResult",
                };
                let ids = result
                    .list("privileges")
                    .into_iter()
                    .filter_map(|id| id.as_str());
                let mut privileges: Vec<String> = ids.map(str::to_owned).collect();
                privileges.sort();
                let entity = result.reference("entity").cloned().ok_or(missing)?;
                Ok(EntityPrivileges { entity, privileges })
            });
            results.collect()
        })
        .await
    }
}
