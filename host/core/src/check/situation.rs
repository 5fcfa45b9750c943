//! What the rules ask of an observation and a plan. Whatever cannot be told
//! counts as the worse.

use std::collections::{BTreeMap, BTreeSet};

use crate::limits::IDS_NAMED_MAX;
use crate::observation::{
    Connection, Drift, HealPolicy, Health, Hold, Member, Observation, Operation, OperationKind,
    Phase, PowerState, Slot, UpdatePolicy,
};
use crate::plan::{Action, Effect, Plan};

/// An observation and a plan for it.
pub(super) struct Situation<'a> {
    pub(super) observation: &'a Observation,
    pub(super) plan: &'a Plan,
    members: BTreeMap<&'a str, &'a Member>,
    operations_by_slot: BTreeMap<Slot, &'a Operation>,
    operations_by_member: BTreeMap<&'a str, &'a Operation>,
    scaled_down: BTreeSet<&'a str>,
}

impl<'a> Situation<'a> {
    pub(super) fn new(observation: &'a Observation, plan: &'a Plan) -> Self {
        let members = observation
            .members
            .iter()
            .map(|member| (member.id.as_str(), member));
        let operations = observation.operations.iter();
        let by_member = operations.clone().filter_map(|operation| {
            operation
                .member
                .as_deref()
                .map(|member| (member, operation))
        });
        let mut situation = Situation {
            observation,
            plan,
            members: members.collect(),
            operations_by_slot: operations
                .map(|operation| (operation.slot, operation))
                .collect(),
            operations_by_member: by_member.collect(),
            scaled_down: BTreeSet::new(),
        };
        situation.scaled_down = situation.scale_down();
        situation
    }

    /// The slot that an effect concerns; none if its member is not one.
    pub(super) fn slot(&self, effect: &Effect) -> Option<Slot> {
        match effect {
            Effect::Clone(slot) => Some(*slot),
            other => self.member(other).map(|member| member.slot),
        }
    }

    /// The member that an effect concerns.
    pub(super) fn member(&self, effect: &Effect) -> Option<&'a Member> {
        effect.member().and_then(|id| self.members.get(id).copied())
    }

    /// The actions that concern members of the group.
    pub(super) fn on_members(&self) -> impl Iterator<Item = (&'a Action, &'a Member)> {
        let actions = self.plan.actions.iter();
        actions.filter_map(|action| Some((action, self.member(&action.effect)?)))
    }

    /// The slots to be cloned, each once.
    pub(super) fn clones(&self) -> BTreeSet<Slot> {
        let actions = self.plan.actions.iter();
        actions
            .filter_map(|action| match action.effect {
                Effect::Clone(slot) => Some(slot),
                _ => None,
            })
            .collect()
    }

    /// The members to be deleted, each once, by slot.
    pub(super) fn deletes(&self) -> Vec<&'a Member> {
        let deletes = self
            .on_members()
            .filter(|(action, _)| is_delete(&action.effect));
        let by_place: BTreeMap<_, _> = deletes
            .map(|(_, member)| ((member.slot, member.id.as_str()), member))
            .collect();
        by_place.into_values().collect()
    }

    /// The operation in flight in a slot.
    pub(super) fn operation_in(&self, slot: Slot) -> Option<&'a Operation> {
        self.operations_by_slot.get(&slot).copied()
    }

    /// The operation in flight on a member or in its slot.
    pub(super) fn operation_on(&self, member: &Member) -> Option<&'a Operation> {
        let by_member = || self.operations_by_member.get(member.id.as_str()).copied();
        self.operation_in(member.slot).or_else(by_member)
    }

    /// Every member has to go.
    pub(super) fn is_deleting(&self) -> bool {
        self.observation.context.phase == Phase::Deleting
    }

    /// The VM answers, and nobody else may be filling its slot: it counts when
    /// members are counted to find a surplus.
    pub(super) fn is_live(&self, member: &Member) -> bool {
        let doubtful = [
            Hold::Unknown,
            Hold::Unreachable,
            Hold::Failover,
            Hold::Duplicate,
        ];
        member.connection == Connection::Connected
            && member.power != PowerState::Unknown
            && !member.holds.iter().any(|hold| doubtful.contains(hold))
            && !self.operation_on(member).is_some_and(|operation| {
                matches!(
                    operation.kind,
                    OperationKind::Delete | OperationKind::Unknown
                )
            })
    }

    /// How many members are live.
    pub(super) fn live(&self) -> usize {
        self.observation
            .members
            .iter()
            .filter(|member| self.is_live(member))
            .count()
    }

    /// The member does what the group wants of it: `max-unavailable` counts
    /// those that do not. A VM without a source of health is believed.
    pub(super) fn serves(&self, member: &Member) -> bool {
        self.is_live(member)
            && matches!(member.health, Health::Ready | Health::Unknown)
            && (self.wants_down() || self.stays_on(member))
    }

    /// The member is up: `min-alive` counts those. In a group that is wanted
    /// down a running VM is not as it should be, and is up all the same.
    pub(super) fn is_alive(&self, member: &Member) -> bool {
        let sound = match member.health {
            Health::Ready | Health::Unknown => true,
            Health::Starting | Health::Unready => self.wants_down(),
            Health::Failed => false,
        };
        sound && self.is_live(member) && self.stays_on(member)
    }

    /// The owner wants the members off or suspended.
    pub(super) fn wants_down(&self) -> bool {
        matches!(
            self.observation.desired.power.state,
            PowerState::Off | PowerState::Suspended
        )
    }

    fn stays_on(&self, member: &Member) -> bool {
        let goes_down = self.operation_on(member).is_some_and(|operation| {
            matches!(
                operation.kind,
                OperationKind::PowerOff | OperationKind::Suspend
            )
        });
        member.power == PowerState::On && !goes_down && !member.holds.contains(&Hold::Question)
    }

    /// The member differs in what only a new VM brings, and may be replaced. Where none may
    /// be down, that is all for which it has to be off.
    pub(super) fn is_outdated(&self, member: &Member) -> bool {
        let desired = &self.observation.desired;
        let takes_a_new_vm = member.drift == Drift::Replace
            || (member.drift == Drift::PowerCycle && desired.max_unavailable == 0);
        desired.update == UpdatePolicy::RollingReplace && takes_a_new_vm
    }

    /// The member has been broken for long enough to be replaced.
    pub(super) fn is_broken(&self, member: &Member) -> bool {
        let desired = &self.observation.desired;
        desired.heal == HealPolicy::Replace
            && matches!(member.health, Health::Failed | Health::Unready)
            && self.observation.context.now.since(member.health_since) >= desired.heal_after_ms
    }

    /// The owner's policies allow to replace the member.
    pub(super) fn may_be_replaced(&self, member: &Member) -> bool {
        self.is_outdated(member) || self.is_broken(member)
    }

    /// Members above `replicas` that the owner allows at this moment: spares,
    /// and the surge while there is something to replace.
    pub(super) fn allowed_above(&self) -> u64 {
        let desired = &self.observation.desired;
        let replacing = self
            .observation
            .members
            .iter()
            .any(|member| self.may_be_replaced(member));
        u64::from(desired.spares)
            + if replacing {
                u64::from(desired.max_surge)
            } else {
                0
            }
    }

    /// The delete follows from the owner's scale-down, which pays for it.
    pub(super) fn is_scaled_down(&self, member: &Member) -> bool {
        self.scaled_down.contains(member.id.as_str())
    }

    /// As many of the planned deletes as there are members too many, and as the owner's
    /// scale-down pays for, those first that nothing else justifies. A module can make
    /// members too many itself, by way of a surge: those are none of the owner's.
    fn scale_down(&self) -> BTreeSet<&'a str> {
        let desired = &self.observation.desired;
        let allowed = u64::from(desired.replicas) + u64::from(desired.spares);
        let too_many = (self.live() as u64).saturating_sub(allowed);
        let too_many = too_many.min(desired.budget.scaled_down.into());
        let (else_justified, surplus): (Vec<_>, Vec<_>) = self
            .deletes()
            .into_iter()
            .filter(|member| self.is_live(member))
            .partition(|member| self.may_be_replaced(member));
        let in_order = surplus.into_iter().chain(else_justified);
        let too_many = usize::try_from(too_many).unwrap_or(usize::MAX);
        in_order
            .take(too_many)
            .map(|member| member.id.as_str())
            .collect()
    }
}

/// Destroys a VM.
pub(super) fn is_delete(effect: &Effect) -> bool {
    matches!(effect, Effect::Delete(_))
}

/// Takes the member from what it does, the delete apart: off, suspended, or a
/// change of hardware for which it has to be off.
pub(super) fn interrupts(effect: &Effect, member: &Member) -> bool {
    match effect {
        Effect::PowerOff(_) | Effect::Suspend(_) => true,
        Effect::Reconfigure(_) => {
            member.drift == Drift::PowerCycle && member.power != PowerState::Off
        }
        Effect::Clone(_) | Effect::PowerOn(_) | Effect::Delete(_) => false,
    }
}

/// Ids as a text: some by name, the rest by number.
pub(super) fn named<'m>(members: impl IntoIterator<Item = &'m Member>) -> String {
    listed(members.into_iter().map(|member| member.id.clone()))
}

/// Things as a text: some by name, the rest by number.
pub(super) fn listed(things: impl IntoIterator<Item = String>) -> String {
    let things: Vec<_> = things.into_iter().collect();
    let text = things[..things.len().min(IDS_NAMED_MAX)].join(", ");
    match things.len().saturating_sub(IDS_NAMED_MAX) {
        0 => text,
        more => format!("{text} and {more} more"),
    }
}
