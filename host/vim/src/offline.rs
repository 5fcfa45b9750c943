//! Answers without a connection: what a client makes of bytes, for those who test how it reads them.

use crate::soap::{Returned, read_answer, read_fault};
use crate::{Call, Error, Fault, Limits, ManagedObjectRef, RetrievedPage, Unreadable, UpdateSet};
use crate::{retrieve, updates};

/// What [`crate::Client::wait_for_updates`] makes of an answer.
///
/// # Errors
/// As that call, the connection aside.
pub fn updates(body: &[u8], limits: &Limits) -> Result<Option<UpdateSet>, Error> {
    read("WaitForUpdatesEx", body, limits, updates::changes)
}

/// What [`crate::Client::retrieve_properties`] makes of an answer.
///
/// # Errors
/// As that call, the connection aside.
pub fn properties(body: &[u8], limits: &Limits) -> Result<RetrievedPage, Error> {
    let page = |returned: Returned| retrieve::page(returned.optional());
    read("RetrievePropertiesEx", body, limits, page)
}

/// What any call makes of the body of an answer with status 500; none if that is no fault.
pub fn fault(body: &[u8], limits: &Limits) -> Option<Fault> {
    read_fault(body, limits)
}

fn read<T>(
    method: &'static str,
    body: &[u8],
    limits: &Limits,
    from: impl FnOnce(Returned) -> Result<T, Unreadable>,
) -> Result<T, Error> {
    let object = ManagedObjectRef::new("PropertyCollector", "offline");
    let call = Call { method, object };
    let returned = read_answer(&call, body, limits)?;
    from(returned).map_err(|source| Error::Malformed { call, source })
}
