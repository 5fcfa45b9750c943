//! Folders.

use crate::soap::{Request, Returned};
use crate::{Client, Error, ManagedObjectRef};

impl Client {
    /// `CreateFolder`: a folder in a folder. A name that is taken ends in `DuplicateName`, which
    /// names the object that has it.
    pub async fn create_folder(
        &self,
        parent: &ManagedObjectRef,
        name: &str,
        operation: Option<&str>,
    ) -> Result<ManagedObjectRef, Error> {
        let mut request = Request::new("CreateFolder", parent, operation);
        request.text("name", name);
        self.call(request, Returned::reference).await
    }

    /// `UnregisterAndDestroy_Task`: removes a folder. Virtual machines inside are taken out of the
    /// inventory, and their disks are kept. Gives the task.
    pub async fn unregister_and_destroy_folder(
        &self,
        folder: &ManagedObjectRef,
        operation: Option<&str>,
    ) -> Result<ManagedObjectRef, Error> {
        let request = Request::new("UnregisterAndDestroy_Task", folder, operation);
        if folder.kind != "Folder" {
            return Err(Error::WrongKind {
                call: request.call().clone(),
            });
        }
        self.call(request, Returned::reference).await
    }
}
