//! The rounds of a seed.

use vmgroup_faults::{At, Server};

use super::dice::Dice;
use super::edit::{Edit, Wish};
use super::fault::Fault;
use super::world::{GROUPS, Wishes};

/// VMs of one group: enough for waves, and few enough that a group settles in time
/// even one VM after another.
const REPLICAS_MAX: u64 = 4;
/// As many as the simulator's hosts give to a VM that runs.
const CPUS_MAX: u64 = 8;

/// Calls that may go missing on their way. A login whose answer is lost, and a logout that
/// does not arrive, leave a session behind that no operator can know of.
const MISSING: [&str; 9] = [
    "CloneVM_Task",
    "Destroy_Task",
    "PowerOnMultiVM_Task",
    "PowerOffVM_Task",
    "ReconfigVM_Task",
    "CreateFolder",
    "WaitForUpdatesEx",
    "RetrievePropertiesEx",
    "patch",
];
const REFUSED: [&str; 5] = [
    "CloneVM_Task",
    "Destroy_Task",
    "PowerOffVM_Task",
    "ReconfigVM_Task",
    "UnregisterAndDestroy_Task",
];
const REFUSALS: [&str; 3] = ["ConcurrentAccess", "TaskInProgress", "ResourceInUse"];
const FAILING: [&str; 3] = ["CloneVM_Task", "PowerOffVM_Task", "ReconfigVM_Task"];

/// Who may be killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The second operator alone, so that the first one's figures can be compared.
    Steady,
    /// Either.
    Kills,
}

/// An edit and a fault at the same time, and how long the world gets then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Round {
    pub(crate) edit: Edit,
    pub(crate) fault: Fault,
    pub(crate) pause_ms: u64,
}

/// The round of that number, on top of what is wished already. `first`: the world has
/// settled right before.
pub(crate) fn draw(seed: u64, number: u64, wishes: &Wishes, first: bool, part: Part) -> Round {
    let dice = &mut Dice::new(seed, number);
    let edit = edit(dice, wishes, first);
    // The simulator forgets to tell that a VM has gone when another one comes in the same
    // moment, and nothing else may be under way then.
    let fault = match edit {
        Edit::Destroy { .. } => Fault::Nothing,
        _ => fault(dice, part),
    };
    let pause_ms = match edit {
        Edit::Destroy { .. } => 1_500,
        _ => dice.from(300, 2_000),
    };
    Round {
        edit,
        fault,
        pause_ms,
    }
}

fn edit(dice: &mut Dice, wishes: &Wishes, first: bool) -> Edit {
    let group = dice.one(&GROUPS);
    let pick = dice.any();
    let Some(wish) = wishes.of(group) else {
        let wish = Wish {
            replicas: dice.from(1, REPLICAS_MAX),
            cpus: dice.from(1, 2),
        };
        return if wishes.is_leaving(group) {
            Edit::Nothing
        } else {
            Edit::Create { group, wish }
        };
    };
    let replicas = (wish.replicas + dice.from(0, REPLICAS_MAX - 2)) % REPLICAS_MAX + 1;
    // Fewer would take a power cycle, which a group whose update strategy is `InPlace`
    // only reports.
    let cpus = (wish.cpus + 1).min(CPUS_MAX);
    let destroying = if first { 14 } else { 0 };
    dice.weighed(&[
        (30, Edit::Scale { group, replicas }),
        (15, Edit::Resize { group, cpus }),
        (12, Edit::Delete { group }),
        (15, Edit::PowerOff { group, pick }),
        (8, Edit::Move { group, pick }),
        (destroying, Edit::Destroy { group, pick }),
        (3, Edit::Swap),
        (5, Edit::Nothing),
    ])
}

fn fault(dice: &mut Dice, part: Part) -> Fault {
    let times = u32::try_from(dice.from(1, 2)).unwrap_or(1);
    let delay = Fault::Delay {
        server: dice.one(&[Server::Kubernetes, Server::Vcenter]),
        percent: u8::try_from(dice.from(20, 60)).unwrap_or(20),
        most_ms: dice.from(100, 800),
    };
    let verb = dice.one(&MISSING);
    let status = dice.one(&[429, 500, 503]);
    let busy = Fault::Busy {
        verb: dice.one(&["update", "patch", "get", "create", "watch"]),
        status,
        // A server that turns somebody away has done nothing.
        executed: status == 500 && dice.below(2) == 0,
        times: times * 2,
    };
    let refuse = Fault::Refuse {
        method: dice.one(&REFUSED),
        fault: dice.one(&REFUSALS),
    };
    let fail = Fault::FailTask {
        method: dice.one(&FAILING),
        fault: "ResourceInUse",
    };
    let kill = Fault::Kill {
        replica: match part {
            Part::Steady => 1,
            Part::Kills => usize::from(dice.below(2) == 1),
        },
        at: dice.one(&[At::Before, At::After, At::Answered]),
    };
    let killing = match part {
        Part::Steady => 8,
        Part::Kills => 40,
    };
    dice.weighed(&[
        (15, delay),
        (12, Fault::Reset { verb, times }),
        (12, Fault::LoseAnswer { verb, times }),
        (15, busy),
        (10, refuse),
        (6, fail),
        (12, Fault::SlowTasks),
        (10, Fault::CutWatches),
        (8, Fault::ExpireSessions),
        (killing, kill),
        (10, Fault::Nothing),
    ])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn rounds(seed: u64, count: u64, part: Part) -> Vec<Round> {
        let mut wishes = Wishes::default();
        let mut rounds = Vec::new();
        for number in 0..count {
            let first = number % 4 == 0;
            if first {
                wishes.settled();
            }
            let round = draw(seed, number, &wishes, first, part);
            wishes.note(round.edit);
            rounds.push(round);
        }
        rounds
    }

    #[test]
    fn the_rounds_are_the_seeds_alone() {
        let rounds_of = |seed| rounds(seed, 200, Part::Steady);
        assert_eq!(rounds_of(7), rounds_of(7));
        assert_ne!(rounds_of(7), rounds_of(8));
    }

    #[test]
    fn every_edit_and_every_fault_is_drawn_and_the_first_operator_lives_through_the_steady_part() {
        let name = |text: String| text.split([' ', '{']).next().map(str::to_owned);
        let mut edits = BTreeSet::new();
        let mut faults = BTreeSet::new();
        for round in rounds(1, 2_000, Part::Steady) {
            edits.insert(name(format!("{:?}", round.edit)));
            faults.insert(name(format!("{:?}", round.fault)));
            if let Fault::Kill { replica, .. } = round.fault {
                assert_eq!(replica, 1);
            }
            if let Edit::Scale { replicas, .. } = round.edit {
                assert!((1..=REPLICAS_MAX).contains(&replicas));
            }
        }
        assert_eq!((edits.len(), faults.len()), (9, 11));
        let kills = rounds(1, 200, Part::Kills);
        let first_dies = |round: &Round| matches!(round.fault, Fault::Kill { replica: 0, .. });
        assert!(kills.iter().any(first_dies));
    }
}
