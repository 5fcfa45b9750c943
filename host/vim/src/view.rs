//! Views: sets of objects that a property collector can follow.

use crate::soap::{Request, Returned};
use crate::{Client, Error, ManagedObjectRef};

impl Client {
    /// `CreateContainerView`: the objects of some types under a container, kept up to date.
    pub async fn create_container_view(
        &self,
        view_manager: &ManagedObjectRef,
        container: &ManagedObjectRef,
        kinds: &[&str],
        recursive: bool,
        operation: Option<&str>,
    ) -> Result<ManagedObjectRef, Error> {
        let mut request = Request::new("CreateContainerView", view_manager, operation);
        request.reference("container", container);
        for kind in kinds {
            request.text("type", kind);
        }
        request.flag("recursive", recursive);
        self.call(request, Returned::reference).await
    }

    /// `CreateListView`: just the objects that are named.
    pub async fn create_list_view(
        &self,
        view_manager: &ManagedObjectRef,
        objects: &[ManagedObjectRef],
        operation: Option<&str>,
    ) -> Result<ManagedObjectRef, Error> {
        let mut request = Request::new("CreateListView", view_manager, operation);
        request.references("obj", objects);
        self.call(request, Returned::reference).await
    }

    /// `ModifyListView`: adds and removes; gives the objects that the server could not resolve.
    pub async fn modify_list_view(
        &self,
        view: &ManagedObjectRef,
        add: &[ManagedObjectRef],
        remove: &[ManagedObjectRef],
        operation: Option<&str>,
    ) -> Result<Vec<ManagedObjectRef>, Error> {
        let mut request = Request::new("ModifyListView", view, operation);
        request.references("add", add);
        request.references("remove", remove);
        self.call(request, Returned::references).await
    }

    /// `DestroyView`: ends a view; it would end with the session too.
    pub async fn destroy_view(
        &self,
        view: &ManagedObjectRef,
        operation: Option<&str>,
    ) -> Result<(), Error> {
        let request = Request::new("DestroyView", view, operation);
        self.call(request, |_| Ok(())).await
    }
}
