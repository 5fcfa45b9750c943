//! What may still be taken down. Where the contract leaves room, this module
//! takes the narrower reading: a plan that does too little is repeated, one
//! that does too much is refused.

use std::collections::BTreeSet;

use vmgroup_sdk::{Health, Hold, Member, Observation, OperationKind, PowerState};

/// Counts that shrink as the steps take members down. A member with an
/// operation in flight, and one that others may be unable to reach, counts
/// nowhere.
#[derive(Debug, Clone)]
pub(crate) struct Headroom {
    /// Slots with an operation that takes their member down, or may.
    busy: BTreeSet<u32>,
    wished_down: bool,
    replicas: u64,
    /// Fewer must not be up by this module's doing.
    up_min: u64,
    /// Others can be made before one goes.
    surges: bool,
    min_alive: u64,
    /// As the owner wants them. A VM whose health has no source is believed.
    serving: u64,
    /// Past their start, whatever has become of them, or past the time that one takes.
    settled: u64,
    /// Those that never got past it, too.
    present: u64,
    /// Powered on and not known to be broken.
    alive: u64,
    /// The group loses members in this plan: replacing others has to wait.
    shrinking: bool,
    deletes: u64,
    disruptions: u64,
    now: u64,
    heal_after_ms: u64,
    settles_in_ms: Option<u64>,
}

impl Headroom {
    /// What the observation leaves.
    pub(crate) fn new(seen: &Observation) -> Headroom {
        let desired = &seen.desired;
        let wished_down = matches!(desired.power.state, PowerState::Off | PowerState::Suspended);
        let up_min = desired.replicas.saturating_sub(desired.max_unavailable);
        // A change of hardware takes nobody down, and may be tried for ever.
        let operations = seen.operations.iter();
        let takes_down = operations.filter(|o| o.kind != OperationKind::Reconfigure);
        let mut headroom = Headroom {
            busy: takes_down.map(|o| o.slot).collect(),
            wished_down,
            replicas: desired.replicas.into(),
            up_min: up_min.into(),
            surges: desired.max_surge > 0,
            min_alive: desired.min_alive.into(),
            serving: 0,
            settled: 0,
            present: 0,
            alive: 0,
            shrinking: false,
            deletes: desired.budget.deletes.into(),
            disruptions: desired.budget.disruptions.into(),
            now: seen.context.now,
            heal_after_ms: desired.heal_after_ms,
            settles_in_ms: None,
        };
        let stands = |m: &&Member| m.is_there() && !m.holds.contains(&Hold::Question);
        for member in seen.members.iter().filter(stands) {
            if !headroom.busy.contains(&member.slot) {
                headroom.count(member, |count| *count += 1);
                let boots = headroom.boots_for_ms(member);
                let first = headroom.settles_in_ms.into_iter().chain(boots).min();
                headroom.settles_in_ms = first;
            }
        }
        headroom
    }

    /// How long the member is still given to come up; none if it has, or is given up.
    pub(crate) fn boots_for_ms(&self, member: &Member) -> Option<u64> {
        let took_ms = self.now.saturating_sub(member.health_since);
        let remaining_ms = self.heal_after_ms.saturating_sub(took_ms);
        (member.health == Health::Starting && remaining_ms > 0).then_some(remaining_ms)
    }

    /// When time alone may allow one that does not serve to go: the first of those that
    /// start counts as settled by then.
    pub(crate) fn settles_in_ms(&self) -> Option<u64> {
        self.settles_in_ms
    }

    /// Whether the budget leaves a deletion.
    pub(crate) fn has_deletes(&self) -> bool {
        self.deletes > 0
    }

    /// Whether the budget leaves a disruption.
    pub(crate) fn has_disruptions(&self) -> bool {
        self.disruptions > 0
    }

    /// Whether availability, not the budget, allows to take a member down that
    /// is wanted. One that is still starting may never get past that, and what
    /// would help it may be just this.
    pub(crate) fn allows(&self, member: &Member) -> bool {
        self.leaves_enough(member, self.surges)
    }

    /// The same, if nothing were being done to the member.
    pub(crate) fn allows_idle(&self, member: &Member) -> bool {
        if !self.busy.contains(&member.slot) {
            return self.allows(member);
        }
        let mut idle = self.clone();
        idle.count(member, |count| *count += 1);
        idle.allows(member)
    }

    /// Where none can be made before it, one that does not serve goes while no other is down.
    fn leaves_enough(&self, member: &Member, surges: bool) -> bool {
        let beside = if surges {
            self.up_min
        } else {
            self.up_min.min(self.replicas.saturating_sub(1))
        };
        let (up, up_min) = if self.serves(member) {
            (self.serving, self.up_min)
        } else if member.health == Health::Starting {
            (self.present, beside)
        } else {
            (self.settled, beside)
        };
        !self.shrinking && up > up_min && self.enough_stay_alive_without(member)
    }

    /// Takes a member out of the group that is wanted, for another to fill its
    /// slot. False if it has to stay.
    pub(crate) fn replace(&mut self, member: &Member) -> bool {
        let allowed = self.has_deletes() && self.allows(member);
        if allowed {
            self.deletes -= 1;
            self.take(member);
        }
        allowed
    }

    /// Takes a member down that is wanted, and comes back. False if it has to stay up.
    pub(crate) fn interrupt(&mut self, member: &Member) -> bool {
        let allowed = self.has_disruptions() && self.leaves_enough(member, false);
        if allowed {
            self.disruptions -= 1;
            self.take(member);
        }
        allowed
    }

    /// Takes a member down whose owner wants it down: only `min-alive` speaks
    /// against it.
    pub(crate) fn lower(&mut self, member: &Member) -> bool {
        let allowed = self.enough_stay_alive_without(member);
        if allowed {
            self.take(member);
        }
        allowed
    }

    /// Takes a member out of the group that is one too many; `free` if the
    /// owner's scale-down pays for it, not the budget. While others are broken,
    /// a good one is not one too many.
    pub(crate) fn remove(&mut self, member: &Member, free: bool) -> bool {
        let enough_serve = !self.serves(member) || self.serving > self.replicas;
        let paid = free || self.has_deletes();
        let allowed = paid && enough_serve && self.enough_stay_alive_without(member);
        if allowed {
            self.deletes -= u64::from(!free);
            self.shrinking = true;
            self.take(member);
        }
        allowed
    }

    /// Whether users of the group may be using the member.
    pub(crate) fn serves(&self, member: &Member) -> bool {
        let sound = matches!(member.health, Health::Ready | Health::Unknown);
        sound && (self.wished_down || member.power == PowerState::On)
    }

    fn is_alive(&self, member: &Member) -> bool {
        let sound = match member.health {
            Health::Ready | Health::Unknown => true,
            Health::Starting | Health::Unready => self.wished_down,
            Health::Failed => false,
        };
        sound && member.power == PowerState::On
    }

    fn enough_stay_alive_without(&self, member: &Member) -> bool {
        !self.is_alive(member) || self.min_alive == 0 || self.alive > self.min_alive
    }

    fn take(&mut self, member: &Member) {
        self.count(member, |count| *count = count.saturating_sub(1));
    }

    fn count(&mut self, member: &Member, change: impl Fn(&mut u64)) {
        change(&mut self.present);
        if self.boots_for_ms(member).is_none() {
            change(&mut self.settled);
        }
        if self.serves(member) {
            change(&mut self.serving);
        }
        if self.is_alive(member) {
            change(&mut self.alive);
        }
    }
}

#[cfg(test)]
mod tests {
    use vmgroup_sdk::testing::{NOW, member, observation, operation};

    use super::*;

    fn three_members() -> Observation {
        let mut seen = observation(3);
        seen.members = vec![member(0), member(1), member(2)];
        seen
    }

    #[test]
    fn one_of_three_may_be_replaced_at_a_time() {
        let seen = three_members();
        let mut headroom = Headroom::new(&seen);
        assert!(headroom.replace(&seen.members[0]));
        assert!(!headroom.replace(&seen.members[1]));
    }

    #[test]
    fn an_operation_in_flight_uses_up_the_headroom() {
        let mut seen = three_members();
        seen.operations = vec![operation(OperationKind::Delete, 0)];
        assert!(!Headroom::new(&seen).replace(&seen.members[1]));
    }

    #[test]
    fn a_broken_member_may_go_although_it_lowers_nothing() {
        let mut seen = three_members();
        seen.members[0].health = Health::Failed;
        seen.members[1].health = Health::Failed;
        let mut headroom = Headroom::new(&seen);
        assert!(!headroom.replace(&seen.members[2]), "the only good one");
        assert!(headroom.replace(&seen.members[0]));
        assert!(!headroom.replace(&seen.members[1]), "one at a time");
    }

    #[test]
    fn one_that_does_not_serve_may_go_even_if_none_may_be_unavailable() {
        let mut seen = three_members();
        (seen.desired.max_unavailable, seen.desired.max_surge) = (0, 1);
        seen.members[0].health = Health::Failed;
        seen.members[1].health = Health::Failed;
        assert!(
            !Headroom::new(&seen).replace(&seen.members[0]),
            "one that serves can be made first"
        );
        assert!(
            Headroom::new(&seen).interrupt(&seen.members[0]),
            "it is the same one that comes back"
        );
        seen.desired.max_surge = 0;
        let mut headroom = Headroom::new(&seen);
        assert!(!headroom.replace(&seen.members[2]), "the only good one");
        assert!(headroom.replace(&seen.members[0]));
        assert!(!headroom.replace(&seen.members[1]), "one at a time");
    }

    #[test]
    fn min_alive_holds_for_a_wanted_power_off_too() {
        let mut seen = three_members();
        seen.desired.power.state = PowerState::Off;
        seen.desired.min_alive = 2;
        let mut headroom = Headroom::new(&seen);
        assert!(headroom.lower(&seen.members[0]));
        assert!(!headroom.lower(&seen.members[1]));
    }

    #[test]
    fn an_empty_budget_stops_replacement_but_not_the_owners_scale_down() {
        let mut seen = three_members();
        seen.desired.replicas = 2;
        seen.desired.budget.deletes = 0;
        let mut headroom = Headroom::new(&seen);
        assert!(!headroom.replace(&seen.members[0]));
        assert!(!headroom.remove(&seen.members[0], false));
        assert!(headroom.remove(&seen.members[0], true));
    }

    #[test]
    fn a_shrinking_group_replaces_nothing() {
        let mut seen = three_members();
        seen.desired.replicas = 2;
        seen.desired.max_unavailable = 2;
        let mut headroom = Headroom::new(&seen);
        assert!(headroom.remove(&seen.members[0], true));
        assert!(!headroom.replace(&seen.members[1]));
    }

    #[test]
    fn one_that_never_comes_up_keeps_no_broken_one_from_being_replaced() {
        let mut seen = three_members();
        seen.members[0].health = Health::Starting;
        seen.members[1].health = Health::Failed;
        let replaces = |since: u64| {
            let mut seen = seen.clone();
            seen.members[0].health_since = since;
            Headroom::new(&seen).replace(&seen.members[1])
        };
        let heal_after = seen.desired.heal_after_ms;
        assert!(!replaces(NOW - heal_after + 1));
        assert!(replaces(NOW - heal_after));
    }

    #[test]
    fn a_change_of_hardware_that_waits_takes_nobody_down() {
        let mut seen = three_members();
        seen.members[1].health = Health::Failed;
        seen.operations = vec![
            operation(OperationKind::Reconfigure, 0),
            operation(OperationKind::Reconfigure, 2),
        ];
        assert!(Headroom::new(&seen).replace(&seen.members[1]));
    }

    #[test]
    fn nobody_leans_on_a_member_that_waits_for_an_answer() {
        let mut seen = three_members();
        seen.members[0].holds = vec![Hold::Question];
        assert!(!Headroom::new(&seen).replace(&seen.members[1]));
    }
}
