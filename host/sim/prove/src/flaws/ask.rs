//! What bugs make of what the operator asks for.

use vmgroup_core::status::Status;
use vmgroup_reconcile::event::Event;
use vmgroup_reconcile::request::{Call, CloneCall, Request};

use super::Sent;
use super::memory::Memory;
use super::table::Bug;

impl Memory {
    /// What becomes of a request of the operator.
    pub(super) fn ask(&mut self, bug: Bug, mut request: Request) -> Vec<Sent> {
        self.remember_request(&request);
        if self.is_dropped(bug, &request) {
            return Vec::new();
        }
        match &mut request {
            Request::WriteStatus { status, .. } => self.bend_status(bug, status),
            Request::Call { call, group, .. } => {
                let others = self.folders.iter().find(|(key, _)| *key != group);
                let other = others.map(|(_, folder)| folder.clone());
                match call {
                    Call::Clone(clone) => self.bend_clone(bug, clone, other),
                    Call::PowerOn(vm) if bug == Bug::WrongPower => {
                        *call = Call::PowerOff(vm.clone());
                    }
                    _ => {}
                }
            }
            _ => {}
        }
        let second = match &request {
            Request::Call {
                group,
                operation_id,
                call,
                ..
            } if bug == Bug::CallsTwice => Some(Request::Call {
                id: self.id(),
                group: group.clone(),
                operation_id: operation_id.clone(),
                call: call.clone(),
            }),
            _ => None,
        };
        let answer = match (bug, &request) {
            (Bug::StaleRelist, Request::Relist { id, .. }) => Some(Event::FeedReset {
                id: *id,
                vms: self.vms.values().cloned().collect(),
                tasks: Vec::new(),
            }),
            _ => None,
        };
        if let Some(event) = answer {
            return vec![Sent::Answered(Box::new(event))];
        }
        [request].into_iter().chain(second).map(Sent::Out).collect()
    }

    fn is_dropped(&mut self, bug: Bug, request: &Request) -> bool {
        match (bug, request) {
            (Bug::KeepsSession, Request::Logout) => true,
            (Bug::NeverLogsInAgain, Request::Login { .. }) => {
                self.logins += 1;
                self.logins > 1
            }
            (Bug::IgnoresOthers, Request::Decide { group, .. }) => self
                .objects
                .keys()
                .next()
                .is_some_and(|first| first != group),
            _ => false,
        }
    }

    fn bend_clone(&mut self, bug: Bug, clone: &mut CloneCall, others_folder: Option<String>) {
        match bug {
            Bug::MarkerlessClones => clone.marker.identity = "nobody".into(),
            Bug::InheritedMarker => clone.marker.instance_uuid = "the template's".into(),
            Bug::WrongSlot => clone.marker.slot = clone.marker.slot.saturating_sub(1),
            Bug::FoldersOfOthers => {
                if let Some(folder) = others_folder {
                    clone.folder = folder;
                }
            }
            _ => {}
        }
    }

    fn bend_status(&mut self, bug: Bug, status: &mut Status) {
        let unknown = status
            .conditions
            .iter()
            .any(|condition| condition.kind == "Ready" && condition.status == "Unknown");
        match bug {
            Bug::CountsUnknownAsZero if unknown => status.current_replicas = Some(0),
            Bug::GenerationAhead => {
                status.observed_generation = status.observed_generation.map(|it| it + 1);
            }
            Bug::AlwaysReady => {
                status.phase = Some("RUNNING".into());
                status.ready_replicas = status.desired_replicas;
                for condition in &mut status.conditions {
                    condition.status = if condition.kind == "Ready" {
                        "True"
                    } else {
                        "False"
                    }
                    .into();
                }
            }
            Bug::SaysSecrets => {
                status.last_message = Some("logged in with credentials-1".into());
            }
            _ => {}
        }
    }
}
