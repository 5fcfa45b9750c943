//! The search index: objects by identity or path, wherever they are.

use crate::soap::{Request, Returned};
use crate::{Client, Error, ManagedObjectRef};

impl Client {
    /// `FindAllByUuid` over virtual machines, in one datacenter or the whole vCenter.
    ///
    /// `instance_uuid` chooses between vCenter's own instance UUID and the BIOS UUID. Only objects
    /// that the user may see are found.
    pub async fn find_all_by_uuid(
        &self,
        search_index: &ManagedObjectRef,
        datacenter: Option<&ManagedObjectRef>,
        uuid: &str,
        instance_uuid: bool,
        operation: Option<&str>,
    ) -> Result<Vec<ManagedObjectRef>, Error> {
        let mut request = Request::new("FindAllByUuid", search_index, operation);
        request.optional_reference("datacenter", datacenter);
        request.text("uuid", uuid);
        request.flag("vmSearch", true);
        request.flag("instanceUuid", instance_uuid);
        self.call(request, Returned::references).await
    }

    /// `FindChild`: what has this name directly in a folder; `None` when nothing has.
    ///
    /// In a name `/`, `\` and `%` are written `%2f`, `%5c` and `%25`.
    pub async fn find_child(
        &self,
        search_index: &ManagedObjectRef,
        parent: &ManagedObjectRef,
        name: &str,
        operation: Option<&str>,
    ) -> Result<Option<ManagedObjectRef>, Error> {
        let mut request = Request::new("FindChild", search_index, operation);
        request.reference("entity", parent);
        request.text("name", name);
        self.call(request, |returned| {
            Ok(returned.references()?.into_iter().next())
        })
        .await
    }

    /// `FindByInventoryPath`, such as `datacenter/vm/folder/name`; `None` when nothing is there.
    ///
    /// In a name `/`, `\` and `%` are written `%2f`, `%5c` and `%25`.
    pub async fn find_by_inventory_path(
        &self,
        search_index: &ManagedObjectRef,
        path: &str,
        operation: Option<&str>,
    ) -> Result<Option<ManagedObjectRef>, Error> {
        let mut request = Request::new("FindByInventoryPath", search_index, operation);
        request.text("inventoryPath", path);
        self.call(request, |returned| {
            Ok(returned.references()?.into_iter().next())
        })
        .await
    }
}
