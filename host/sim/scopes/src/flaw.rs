//! Flaws to be planted around the machine, each a bug that some operator once
//! had: the search has to find them.

use vmgroup_core::group::GroupKey;
use vmgroup_reconcile::Machine;
use vmgroup_reconcile::event::{CallResult, Event};
use vmgroup_reconcile::request::{Call, MetaChange, Request};

use crate::cluster::UNCONDITIONAL;

/// What is wrong with the hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Flaw {
    /// Nothing.
    None,
    /// A lost answer to a call counts as "never sent".
    LostIsNotSent,
    /// The finalizer goes as soon as the object is being deleted.
    EarlyFinalizer,
    /// Each clone has a name and an identity of its own, and is repeated when its
    /// answer was lost.
    FreshNames,
    /// The status is written whatever version the object has.
    Unconditional,
}

/// Each flaw, and a scope in which it shows.
pub const FLAWS: &[(Flaw, &str)] = &[
    (Flaw::LostIsNotSent, "delete-lost-answer"),
    (Flaw::EarlyFinalizer, "delete-crash"),
    (Flaw::FreshNames, "one-slot-lost-answer"),
    (Flaw::Unconditional, "takeover"),
];

impl Flaw {
    /// What the machine hears.
    pub(crate) fn heard(self, event: Event) -> Event {
        match (self, event) {
            (
                Flaw::LostIsNotSent | Flaw::FreshNames,
                Event::Called {
                    id,
                    result: CallResult::Lost { message },
                },
            ) => Event::Called {
                id,
                result: CallResult::NotSent { message },
            },
            (_, event) => event,
        }
    }

    /// What the machine asks for.
    pub(crate) fn sent(self, machine: &Machine, request: Request) -> Request {
        match (self, request) {
            (Flaw::EarlyFinalizer, Request::WriteStatus { id, target, status }) => {
                let deleting =
                    |key: &GroupKey| machine.objects().any(|it| it.key == *key && it.deleting);
                if !deleting(&target.key) {
                    return Request::WriteStatus { id, target, status };
                }
                Request::WriteMeta {
                    id,
                    target,
                    change: MetaChange::Release,
                }
            }
            (
                Flaw::FreshNames,
                Request::Call {
                    id,
                    group,
                    operation_id,
                    call: Call::Clone(mut clone),
                },
            ) => {
                clone.name = format!("{}-{}", clone.name, id.0);
                clone.instance_uuid = format!("{}-{}", clone.instance_uuid, id.0);
                clone.marker.instance_uuid.clone_from(&clone.instance_uuid);
                Request::Call {
                    id,
                    group,
                    operation_id,
                    call: Call::Clone(clone),
                }
            }
            (
                Flaw::Unconditional,
                Request::WriteStatus {
                    id,
                    mut target,
                    status,
                },
            ) => {
                target.resource_version = UNCONDITIONAL;
                Request::WriteStatus { id, target, status }
            }
            (_, request) => request,
        }
    }
}
