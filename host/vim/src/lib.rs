//! A small typed client for the vSphere Web Services API: the calls that vmgroup makes, over SOAP.
//!
//! The crate knows nothing of groups. It never retries, never logs in by itself and never logs:
//! a caller learns from [`Error::certainty`] whether a call may have had its effect, and decides.
//!
//! Reading order: [`Address`] and [`ClientConfig`] make a [`Client`]; the client's methods are the
//! calls, one file per managed object family; [`Value`] is what a property holds; [`Fault`] and
//! [`Error`] are what can go wrong.

mod address;
mod client;
mod error;
mod fault;
mod folder;
mod limits;
mod machine;
mod object;
#[cfg(feature = "offline")]
pub mod offline;
mod privilege;
mod property;
mod retrieve;
mod search;
mod service;
mod session;
mod soap;
mod task;
mod task_info;
mod updates;
mod value;
mod view;

pub use address::Address;
pub use client::{Client, ClientConfig};
pub use error::{Call, Certainty, Error, Unreadable};
pub use fault::{Fault, FaultKind};
pub use limits::Limits;
pub use machine::{CloneSpec, ConfigSpec, OptionValue, PowerOnResult, RelocateSpec};
pub use object::ManagedObjectRef;
pub use privilege::EntityPrivileges;
pub use property::{FilterSpec, ObjectSpec, PropertySpec, Selection, Traversal};
pub use retrieve::{MissingProperty, ObjectContent, RetrievedPage};
pub use service::{About, ServiceContent};
pub use session::UserSession;
pub use task::TaskFilter;
pub use task_info::{TaskInfo, TaskReason, TaskState};
pub use updates::{
    ChangeKind, FilterUpdate, MissingObject, ObjectUpdate, PropertyChange, UpdateKind, UpdateSet,
    WaitOptions,
};
pub use value::Value;
