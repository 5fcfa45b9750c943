//! What a decision sees of a member: the VM as the feed shows it, and since when it is so.

use std::collections::BTreeSet;

use vmgroup_core::group::Spec;
use vmgroup_core::observation::{Connection, Drift, Health, Hold, Member, PowerState, Slot};
use vmgroup_core::time::{Monotonic, Now, Timestamp};

use crate::drift::{Refused, drift};
use crate::group::Group;
use crate::health::{Past, answers, health};
use crate::inventory::{Inventory, Known, Vm, VmId};
use crate::limits::LABEL_VALUE_CHARS_MAX;
use crate::membership::Membership;
use crate::operation::Operation;

/// Since when a member is as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Since {
    /// Power state, and since when.
    pub(crate) power: (PowerState, Timestamp),
    /// Health, and since when; a broken member is so however it changes between failed and unready.
    pub(crate) health: (Health, Timestamp),
    /// It was powered off to be destroyed, and could not be: it is not powered off for that
    /// again before then.
    pub(crate) spared_until: Monotonic,
}

impl Since {
    /// It is broken, and neither is nor was that because of its power state.
    fn is_broken_by_itself(&self, wished: Option<Timestamp>) -> bool {
        let (health, from) = self.health;
        is_broken(health) && self.power.1 <= from && wished.is_some_and(|wished| wished <= from)
    }
}

fn is_broken(health: Health) -> bool {
    matches!(health, Health::Failed | Health::Unready)
}

/// Every member that the group has, or may have, by slot.
pub(crate) fn members(
    group: &mut Group,
    spec: &Spec,
    sorted: &Membership,
    inventory: &Inventory,
    now: Now,
) -> Vec<Member> {
    group.refused.take_if(|refused| refused.is_over(spec, now));
    let mut members = Vec::new();
    let mut present = BTreeSet::new();
    let slots: BTreeSet<Slot> = sorted
        .members
        .keys()
        .chain(group.slots.keys())
        .copied()
        .collect();
    for slot in slots {
        let agreeing = sorted.members.get(&slot).cloned().unwrap_or_default();
        let recorded = group.slots.get(&slot).map(|record| record.vm.clone());
        let all: BTreeSet<VmId> = agreeing.iter().cloned().chain(recorded).collect();
        for id in &all {
            let mut member = match inventory.vm(id) {
                Some(known) if agreeing.contains(id) => read(group, slot, spec, known, now),
                Some(known) => unknown(slot, id, Some(known), now.utc),
                None => unknown(slot, id, None, now.utc),
            };
            if all.len() > 1 {
                member.holds.push(Hold::Duplicate);
            }
            present.insert(id.clone());
            members.push(member);
        }
    }
    group.since.retain(|id, _| present.contains(id));
    group.refused.take_if(|it| it.forget_settled(&members));
    members
}

fn read(group: &mut Group, slot: Slot, spec: &Spec, known: &Known, at: Now) -> Member {
    let (vm, now) = (&known.vm, at.utc);
    let operation = group.operations.get(&slot);
    let goes_down = operation.is_some_and(|it| it.is_started() && it.takes_down().is_some());
    let record = group
        .slots
        .get_mut(&slot)
        .filter(|record| record.vm == vm.id);
    let up = vm.power == PowerState::On && vm.connection == Connection::Connected;
    let (started, answered) = record.map_or((false, false), |record| {
        record.started |= vm.power == spec.power_state && !goes_down;
        record.answered = up && (record.answered || answers(vm));
        (record.started, record.answered)
    });
    let past = Past {
        wished: spec.power_state,
        started,
        answered,
    };
    let health = health(vm, past);
    let since = group.since.entry(vm.id.clone()).or_insert(Since {
        power: (vm.power, now),
        health: (health, now),
        spared_until: Monotonic::default(),
    });
    since.power.1 = not_ahead(since.power.1, now);
    since.health.1 = not_ahead(since.health.1, now);
    if since.power.0 != vm.power {
        since.power = (vm.power, now);
    }
    if since.health.0 != health {
        if health == Health::Ready {
            // Whatever failed on the way there, nothing is left of it; and what was to take it
            // down because of its health, and waits, has no reason any more.
            group.failures.remove(&slot);
            let waits =
                |operation: &Operation| !operation.is_started() && operation.takes_down().is_some();
            let is_as_specified = drift(known, spec, None) == Drift::None;
            if is_as_specified && group.operations.get(&slot).is_some_and(waits) {
                group.operations.remove(&slot);
            }
        }
        let wished = group.power_wish.as_ref().map(|wish| wish.since);
        let stays_broken = since.is_broken_by_itself(wished) && is_broken(health);
        let from = if stays_broken { since.health.1 } else { now };
        since.health = (health, from);
    }
    Member {
        id: vm.id.clone(),
        slot,
        power: vm.power,
        power_since: since.power.1,
        connection: vm.connection,
        health,
        health_since: since.health.1,
        drift: drift(known, spec, group.refused.as_ref()),
        cpus: vm.cpus,
        memory_mib: vm.memory_mib,
        created_at: vm.created_at,
        labels: allowed_labels(vm, spec),
        holds: member_holds(group, slot, known, at.monotonic),
    }
}

/// Why nothing may be done to the member, as things stand with its group.
fn member_holds(group: &Group, slot: Slot, known: &Known, now: Monotonic) -> Vec<Hold> {
    let vm = &known.vm;
    let mut holds = holds(known);
    let operation = group.operations.get(&slot);
    if operation.is_some_and(Operation::is_started) {
        // The task may show on the VM before the answer to the call that began it.
        holds.retain(|hold| *hold != Hold::ForeignTask);
    }
    // While it runs vCenter does not tell: Destroy is disabled on every VM that does.
    let since = group.since.get(&vm.id);
    let is_spared = since.is_some_and(|since| now < since.spared_until);
    if is_spared && vm.power != PowerState::Off && !group.object.deleting {
        holds.push(Hold::DestroyDisabled);
        holds.sort();
    }
    holds
}

/// How long until the first of the members that could not be destroyed is spared no more, or
/// refused hardware is asked for again.
pub(crate) fn spared_for(group: &Group, now: Monotonic) -> Option<u64> {
    let spared = group.since.values().map(|since| since.spared_until);
    let spared = spared.filter(|until| *until > now);
    let refused = group.refused.as_ref().map(Refused::until);
    spared.chain(refused).min().map(|until| until.since(now))
}

/// A clock that was set back leaves nothing in the future, where it would have to
/// be waited for; and what stood before this look is older than what is new in it.
pub(crate) fn not_ahead(time: Timestamp, now: Timestamp) -> Timestamp {
    if time > now {
        Timestamp(now.0.saturating_sub(1))
    } else {
        time
    }
}

/// The labels that the group's owner lets the module see, sorted.
fn allowed_labels(vm: &Vm, spec: &Spec) -> Vec<(String, String)> {
    let allowed = spec.allow.iter().filter_map(|name| {
        let value = vm.labels.get(name)?;
        let value = value.chars().take(LABEL_VALUE_CHARS_MAX).collect();
        Some((name.clone(), value))
    });
    allowed.collect()
}

fn unknown(slot: Slot, id: &str, known: Option<&Known>, now: Timestamp) -> Member {
    let vm = known.map(|known| &known.vm);
    let connection = vm.map_or(Connection::Unknown, |vm| vm.connection);
    let hold = if connection == Connection::Connected {
        Hold::Unknown
    } else {
        Hold::Unreachable
    };
    Member {
        id: id.into(),
        slot,
        power: vm.map_or(PowerState::Unknown, |vm| vm.power),
        power_since: now,
        connection,
        health: Health::Unknown,
        health_since: now,
        drift: Drift::Unknown,
        cpus: vm.map_or(0, |vm| vm.cpus),
        memory_mib: vm.map_or(0, |vm| vm.memory_mib),
        created_at: None,
        labels: Vec::new(),
        holds: vec![hold],
    }
}

/// Why nothing may be done to a VM, every task on it taken for somebody else's.
pub(crate) fn holds(known: &Known) -> Vec<Hold> {
    let vm = &known.vm;
    let born_with: BTreeSet<i32> = known
        .marker
        .iter()
        .flat_map(|marker| marker.disks.iter().copied())
        .collect();
    let table = [
        (vm.hold.is_some(), Hold::Administrator),
        (vm.connection != Connection::Connected, Hold::Unreachable),
        (vm.failover, Hold::Failover),
        (vm.question, Hold::Question),
        (!vm.tasks.is_empty(), Hold::ForeignTask),
        (
            !vm.disks.iter().all(|key| born_with.contains(key)),
            Hold::ForeignDisk,
        ),
        (vm.snapshot, Hold::ForeignSnapshot),
        (vm.destroy_disabled, Hold::DestroyDisabled),
    ];
    let mut holds: Vec<Hold> = table
        .into_iter()
        .filter_map(|(applies, hold)| applies.then_some(hold))
        .collect();
    holds.sort();
    holds
}

#[cfg(test)]
mod tests {
    use vmgroup_core::observation::FailureClass;
    use vmgroup_core::status::{PowerWishRecord, SlotRecord};

    use super::*;
    use crate::group::SlotFailure;
    use crate::inventory::Heartbeat;
    use crate::inventory::tests::{marked, vm};
    use crate::machine::tests::object;
    use crate::operation::{Stage, Work};

    #[test]
    fn a_module_sees_the_labels_that_the_owner_allows_and_no_more_of_them_than_fits() {
        let spec = Spec {
            allow: ["tier", "essay", "absent"].map(str::to_owned).into(),
            ..Spec::nothing()
        };
        let labels = [
            ("tier", "web"),
            ("secret", "x"),
            ("essay", &"é".repeat(900)),
        ];
        let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let vm = Vm {
            labels: labels.into(),
            ..vm("vm-1")
        };
        let essay = "é".repeat(LABEL_VALUE_CHARS_MAX);
        let expected = [("essay".into(), essay), ("tier".into(), "web".into())];
        assert_eq!(allowed_labels(&vm, &spec), expected);
    }

    #[test]
    fn every_reason_to_leave_a_vm_alone_is_a_hold() {
        let changed = |change: fn(&mut Vm)| {
            let mut vm = marked("vm-1", |marker| marker.disks = vec![2_000]);
            change(&mut vm);
            holds(&Known::new(vm))
        };
        for (change, expected) in [
            ((|_| {}) as fn(&mut Vm), None),
            (|vm| vm.disks = Vec::new(), None),
            (
                |vm| vm.hold = Some("by ann".into()),
                Some(Hold::Administrator),
            ),
            (
                |vm| vm.connection = Connection::Disconnected,
                Some(Hold::Unreachable),
            ),
            (|vm| vm.failover = true, Some(Hold::Failover)),
            (|vm| vm.question = true, Some(Hold::Question)),
            (
                |vm| vm.tasks = vec!["task-1".into()],
                Some(Hold::ForeignTask),
            ),
            (|vm| vm.disks = vec![2_000, 2_001], Some(Hold::ForeignDisk)),
            // Without a marker nobody knows which disks it was born with.
            (|vm| vm.marker = None, Some(Hold::ForeignDisk)),
            (|vm| vm.snapshot = true, Some(Hold::ForeignSnapshot)),
            (|vm| vm.destroy_disabled = true, Some(Hold::DestroyDisabled)),
        ] {
            assert_eq!(changed(change), Vec::from_iter(expected), "{expected:?}");
        }
    }

    #[test]
    fn a_member_that_is_not_in_view_is_unreachable_and_one_that_is_may_be_anything() {
        let now = Timestamp(7);
        let absent = unknown(3, "vm-1", None, now);
        let there = unknown(3, "vm-1", Some(&Known::new(vm("vm-1"))), now);
        assert_eq!(absent.holds, [Hold::Unreachable]);
        assert_eq!(there.holds, [Hold::Unknown]);
        assert_eq!(
            (absent.power, there.power),
            (PowerState::Unknown, PowerState::Off)
        );
        assert_eq!((absent.cpus, there.cpus), (0, 1));
        assert_eq!((absent.memory_mib, there.memory_mib), (0, 1_024));
        assert_eq!(absent.connection, Connection::Unknown);
    }

    #[test]
    fn nothing_stands_in_the_future() {
        let now = Timestamp(10);
        let of = |ms| not_ahead(Timestamp(ms), now).0;
        assert_eq!([of(9), of(10), of(11), of(1_000)], [9, 10, 9, 9]);
    }

    /// What is seen of a group's only member, look by look.
    struct Looks {
        group: Group,
        vm: Vm,
    }

    impl Looks {
        fn at(&mut self, ms: u64, change: impl FnOnce(&mut Vm)) -> Member {
            change(&mut self.vm);
            let (spec, known) = (Spec::nothing(), Known::new(self.vm.clone()));
            let now = Now {
                monotonic: Monotonic(ms),
                utc: Timestamp(ms),
            };
            read(&mut self.group, 0, &spec, &known, now)
        }
    }

    /// A member that has never been powered on.
    fn looks() -> Looks {
        let mut group = Group::restore(object("web"), None, Timestamp(0));
        group.slots.insert(0, SlotRecord::new("vm-1".into()));
        Looks {
            group,
            vm: vm("vm-1"),
        }
    }

    #[test]
    fn a_member_is_as_it_is_since_it_was_first_seen_so() {
        let mut looks = looks();
        let since = |member: Member| {
            let (power, health) = (member.power_since.0, member.health_since.0);
            (power, health, member.health)
        };
        assert_eq!(since(looks.at(10, |_| {})), (10, 10, Health::Starting));
        assert_eq!(since(looks.at(20, |_| {})), (10, 10, Health::Starting));
        let on = |vm: &mut Vm| vm.power = PowerState::On;
        assert_eq!(since(looks.at(30, on)), (30, 30, Health::Ready));
        assert_eq!(since(looks.at(40, |_| {})), (30, 30, Health::Ready));
        let hangs = |vm: &mut Vm| vm.heartbeat = Heartbeat::Red;
        assert_eq!(since(looks.at(50, hangs)), (30, 50, Health::Failed));
        // The clock was set back.
        assert_eq!(since(looks.at(5, |_| {})), (4, 4, Health::Failed));
    }

    #[test]
    fn a_member_that_fails_and_falters_in_turn_is_broken_since_it_first_did() {
        let mut looks = looks();
        looks.group.power_wish = Some(PowerWishRecord {
            state: PowerState::On,
            since: Timestamp(0),
        });
        let mut since = |ms, power, heartbeat| {
            let member = looks.at(ms, |vm| (vm.power, vm.heartbeat) = (power, heartbeat));
            (member.health, member.health_since.0)
        };
        let on = PowerState::On;
        assert_eq!(since(10, on, Heartbeat::Green), (Health::Ready, 10));
        assert_eq!(since(20, on, Heartbeat::Yellow), (Health::Unready, 20));
        assert_eq!(since(30, on, Heartbeat::Red), (Health::Failed, 20));
        assert_eq!(since(40, on, Heartbeat::Yellow), (Health::Unready, 20));
        // What it was while it was off says nothing of its guest.
        let off = PowerState::Off;
        assert_eq!(since(50, off, Heartbeat::Gray), (Health::Unready, 20));
        assert_eq!(since(60, on, Heartbeat::Red), (Health::Failed, 60));
        assert_eq!(since(70, on, Heartbeat::Green), (Health::Ready, 70));
        assert_eq!(since(80, on, Heartbeat::Red), (Health::Failed, 80));
    }

    #[test]
    fn a_guest_that_fell_silent_is_no_guest_that_is_starting() {
        let mut looks = looks();
        let mut health = |power, tools| {
            let member = looks.at(0, |vm| {
                (vm.power, vm.tools_running) = (power, Some(tools));
            });
            member.health
        };
        let on = PowerState::On;
        assert_eq!(health(on, false), Health::Starting);
        assert_eq!(health(on, true), Health::Ready);
        assert_eq!(health(on, false), Health::Unready);
        assert_eq!(health(PowerState::Off, false), Health::Unready);
        assert_eq!(health(on, false), Health::Starting, "it boots once more");
        looks.at(0, |vm| vm.tools_running = Some(true));
        looks.at(0, |vm| vm.connection = Connection::Disconnected);
        let back = looks.at(0, |vm| {
            vm.connection = Connection::Connected;
            vm.tools_running = Some(false);
        });
        assert_eq!(
            back.health,
            Health::Starting,
            "nobody saw what it did meanwhile"
        );
    }

    #[test]
    fn a_guest_that_answered_before_a_restart_is_not_starting_after_it() {
        let mut looks = looks();
        looks.at(0, |vm| {
            (vm.power, vm.tools_running) = (PowerState::On, Some(true));
        });
        let recorded = std::mem::take(&mut looks.group.slots);
        looks.group = Group::restore(object("web"), None, Timestamp(0));
        looks.group.slots = recorded;
        let silent = looks.at(5, |vm| vm.tools_running = Some(false));
        assert_eq!((silent.health, silent.health_since.0), (Health::Unready, 5));
    }

    #[test]
    fn a_member_that_is_ready_has_nothing_left_of_what_failed() {
        let mut looks = looks();
        let failure = SlotFailure {
            class: FailureClass::Transient,
            of_delete: false,
            message: "no host".into(),
            count: 1,
            last: Timestamp(0),
            retry_at: Monotonic(0),
        };
        looks.group.failures.insert(0, failure.clone());
        looks.at(0, |_| {});
        assert_eq!(looks.group.failures.len(), 1);
        looks.at(0, |vm| vm.power = PowerState::On);
        assert_eq!(looks.group.failures.len(), 0);
        // What fails while it stays ready is kept.
        looks.group.failures.insert(0, failure);
        looks.at(0, |_| {});
        assert_eq!(looks.group.failures.len(), 1);
    }

    #[test]
    fn a_task_is_ours_while_an_operation_is_under_way() {
        let mut looks = looks();
        let commit = ("of-web", 1, None);
        let queued = Operation::queued(Work::PowerOn, Some("vm-1".into()), commit, Timestamp(0));
        looks.vm.disks = Vec::new();
        let mut holds = |operation: Option<Operation>| {
            looks.group.operations = operation
                .map(|operation| (0, operation))
                .into_iter()
                .collect();
            looks.at(0, |vm| vm.tasks = vec!["task-1".into()]).holds
        };
        let running = Operation {
            stage: Stage::Running("task-1".into()),
            ..queued.clone()
        };
        assert_eq!(holds(None), [Hold::ForeignTask]);
        assert_eq!(holds(Some(queued)), [Hold::ForeignTask]);
        assert_eq!(holds(Some(running)), []);
    }
}
