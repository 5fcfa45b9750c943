//! Every limit and waiting time of the state machine, each with its reason.

use vmgroup_core::check::Spending;

/// A lease lapses after this: client-go's default.
pub const LEASE_DURATION_S: u32 = 15;
/// The same in milliseconds.
pub const LEASE_DURATION_MS: u64 = seconds(LEASE_DURATION_S);
/// A holder that could not renew for so long stops acting. It is shorter than
/// the lease, so that the old holder stops before a new one starts.
pub const LEASE_RENEW_DEADLINE_MS: u64 = 10_000;
/// Between two renewals, and between two looks of a waiting replica.
pub const LEASE_RETRY_MS: u64 = 2_000;

/// Without a lease, a host that hears of another's commit leaves the group to it for
/// so long after its last sign of life.
pub const RIVAL_MS: u64 = LEASE_DURATION_MS;

/// First wait after a failed login; doubles.
pub const LOGIN_RETRY_FIRST_MS: u64 = 1_000;
/// Work resumes within 30 s of the end of an outage, so the longest wait is shorter.
pub const LOGIN_RETRY_MOST_MS: u64 = 20_000;
/// A login, and the first complete view after it, take at most so long, and after each part of
/// the view that arrives; the adapter's own time-outs are shorter.
pub const LOGIN_MS_MAX: u64 = minutes(5);
/// Refused credentials are tried again so seldom that no account is locked.
pub const REFUSED_LOGIN_RETRY_MS: u64 = minutes(15);
/// A feed without any sign of life for so long is begun anew. The adapter's
/// wait for updates returns every minute, and the rules call a view of two
/// minutes stale.
pub const FEED_SILENCE_MS: u64 = 110_000;
/// A look right before a call is believed for so long: a vCenter in health answers
/// at once, and a host that stood still meanwhile has news to hear first.
pub const LOOK_MS_MAX: u64 = 5_000;
/// The feed shows an operation's effect right after its end; a full relist
/// settles it if an update was lost.
pub const SETTLE_MS: u64 = 10_000;
/// A guest operating system has so long to shut down; then the operation has
/// failed, and the module decides whether to cut the power.
pub const SHUTDOWN_MS: u64 = minutes(3);
/// A full relist in any case: heals a view from which an update got lost. One
/// bulk read in a quarter of an hour, whatever the number of groups.
pub const RELIST_EVERY_MS: u64 = minutes(15);
/// Between two full relists that look for lost answers: bounds their cost.
pub const RELIST_GAP_MS: u64 = 2_000;

/// First wait of a group whose decision or write failed; doubles.
pub const GROUP_RETRY_FIRST_MS: u64 = 1_000;
/// Longest wait of such a group: the demo's resync.
pub const GROUP_RETRY_MOST_MS: u64 = minutes(5);
/// First wait after a read or write of an object failed; doubles.
pub const OBJECT_RETRY_FIRST_MS: u64 = 500;
/// Work resumes within 30 s of the end of an outage, so the longest wait is shorter.
pub const OBJECT_RETRY_MOST_MS: u64 = 20_000;
/// First wait of a slot whose operation failed; doubles.
pub const SLOT_RETRY_FIRST_MS: u64 = 5_000;
/// Longest wait of such a slot.
pub const SLOT_RETRY_MOST_MS: u64 = minutes(5);
/// First wait of a slot whose VM could be neither found nor proven gone: the search asks
/// the whole vCenter, and nobody waits for an empty slot. Doubles.
pub const PROOF_RETRY_MS: u64 = 10_000;
/// Longest wait of such a slot.
pub const PROOF_RETRY_MOST_MS: u64 = minutes(1);
/// Slots of one group in which a member that nothing tells of is searched at a time.
pub const SEARCHES_AT_A_TIME: usize = 8;
/// First wait before the VM of a clone without an answer is searched again; doubles.
pub const SEARCH_RETRY_MS: u64 = 1_000;
/// Longest such wait.
pub const SEARCH_RETRY_MOST_MS: u64 = minutes(5);
/// Task MoIDs and counts of one group are written at most so often.
pub const REPORT_GAP_MS: u64 = 300;
/// A memo alone is written at most so often.
pub const MEMO_GAP_MS: u64 = 60_000;
/// All groups of a swapped module look anew within this time.
pub const MODULE_SWAP_SPREAD_MS: u64 = 2_000;
/// While a group is deleted, so many bad decisions in a row make the built-in
/// module decide.
pub const BAD_DECISIONS_WHILE_DELETING: u32 = 3;

/// A clock that moves by so much more or less than the time that has passed was set. Slewing
/// moves it by far less between two steps.
pub const CLOCK_JUMP_MS: u64 = 1_000;

/// A source host does so many full clones of its own at a time; a template
/// sits on one host.
pub const CLONES_PER_TEMPLATE: usize = 4;
/// Clones in flight in one vCenter.
pub const CLONES_PER_VCENTER: usize = 8;
/// Operations of all kinds in flight in one vCenter; about 640 are possible,
/// and others work there too.
pub const OPERATIONS_PER_VCENTER: usize = 32;

/// Window in which deletes and disruptions are counted.
pub const BUDGET_WINDOW_MS: u64 = minutes(60);
/// Of one group in that window, scale-down and deletion of the group apart: what
/// a person notices and can make good in an afternoon.
pub const BUDGET_OF_GROUP: Spending = Spending {
    deletes: 10,
    disruptions: 20,
    scaled_down: 0,
};
/// Of one module in all its groups: an update that rolls through ten groups at
/// once goes on, one that goes wrong everywhere stops.
pub const BUDGET_OF_MODULE: Spending = Spending {
    deletes: 10 * BUDGET_OF_GROUP.deletes,
    disruptions: 10 * BUDGET_OF_GROUP.disruptions,
    ..BUDGET_OF_GROUP
};
/// Of a module that took over from another one a short while ago: as much in all
/// its groups as one group may.
pub const BUDGET_OF_SWAPPED_MODULE: Spending = BUDGET_OF_GROUP;
/// For so long a module has taken over a short while ago.
pub const SWAP_IS_NEW_MS: u64 = BUDGET_WINDOW_MS;
/// A VM that was powered off to be destroyed, and on which Destroy is disabled then, is not
/// powered off for that again so soon: a backup that protects it is over by then, and what
/// protects it for good costs it a moment a day at most.
pub const SPARED_MS: u64 = 24 * 60 * 60 * 1_000;
/// Hardware that vCenter refuses is not asked for again so soon: where that takes a power
/// cycle, it costs the group two a day.
pub const REFUSED_MS: u64 = 24 * 60 * 60 * 1_000;
/// Between two looks for left-overs whose owner has not said what is to be done with them.
pub const LEFT_OVERS_AGAIN_MS: u64 = minutes(1);
/// Window in which members that become unknown or vanish are counted.
pub const MASS_LOSS_WINDOW_MS: u64 = minutes(10);
/// More than the larger of this many and 5 % of all members is a mass loss.
pub const MASS_LOSS_LEAST: usize = 5;
/// Percent of all members whose loss is a mass loss.
pub const MASS_LOSS_PERCENT: usize = 5;
/// Actions in one plan.
pub const ACTIONS_PER_PLAN: u32 = 50;
/// Characters of a label's value that a module sees: an attribute of vCenter may
/// hold an essay.
pub const LABEL_VALUE_CHARS_MAX: usize = 200;

const fn minutes(count: u32) -> u64 {
    seconds(60 * count)
}

const fn seconds(count: u32) -> u64 {
    count as u64 * 1_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_in_milliseconds() {
        assert_eq!((seconds(15), minutes(15)), (15_000, 900_000));
    }

    #[test]
    fn a_module_may_spend_what_ten_groups_may() {
        let Spending {
            deletes,
            disruptions,
            ..
        } = BUDGET_OF_MODULE;
        assert_eq!((deletes, disruptions), (100, 200));
    }
}
