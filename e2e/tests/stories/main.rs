//! The operator against a real API server and a simulated vCenter.
#![allow(clippy::unwrap_used)]

mod samples;

mod deploy;

mod walk;

mod changes;

mod strangers;

mod crashes;

mod losses;

mod vcenter;

mod sites;

use std::process::ExitCode;

use vmgroup_e2e::{Story, run};

macro_rules! stories {
    ($($module:ident :: $name:ident),+ $(,)?) => {
        &[$(Story { name: concat!(stringify!($module), "::", stringify!($name)), tell: $module::$name }),+]
    };
}

/// The longest first, so that they do not wait for the end alone.
const STORIES: &[Story] = stories![
    crashes::a_second_operator_takes_over_from_a_frozen_one_which_then_does_no_harm,
    vcenter::an_operator_outlives_a_vcenter_that_is_away_and_a_session_that_expires,
    vcenter::refused_credentials_are_tried_once_and_new_ones_at_once,
    losses::lost_vms_are_cloned_again_but_many_at_once_wait_for_an_approval,
    walk::the_demos_walk_gives_what_it_promises,
    deploy::a_module_is_replaced_live_as_a_kubelet_replaces_it,
    crashes::an_operator_killed_at_any_call_goes_on_where_it_was,
    crashes::an_operator_killed_after_its_clone_was_accepted_makes_no_second_vm,
    crashes::a_clone_whose_answer_was_lost_is_not_repeated,
    crashes::a_group_deleted_while_the_operator_is_away_goes_when_it_is_back,
    strangers::the_demos_left_overs_wait_for_their_owner_and_become_members,
    strangers::left_overs_that_their_owner_ignores_stay_as_they_are,
    strangers::an_object_with_the_demos_finalizer_waits_for_its_owner,
    strangers::a_copied_object_is_stalled_and_takes_nothing_from_the_first,
    strangers::a_copy_that_inherited_the_marker_is_reported_and_survives,
    strangers::a_vm_that_was_moved_away_stays_a_member,
    strangers::a_vm_that_cannot_be_reached_is_not_cloned_again,
    changes::a_foreign_power_off_is_undone_after_the_grace_period_unless_it_is_only_reported,
    changes::a_suspended_group_waits_until_it_is_not,
    changes::scaling_adds_and_removes_vms_and_leaves_the_others_alone,
    changes::an_edit_of_the_spec_reaches_running_vms_in_place,
    changes::a_group_that_is_only_observed_writes_nothing_to_vcenter,
    changes::a_group_that_is_observed_from_now_on_is_left_as_it_is,
    changes::settings_that_are_nested_too_deeply_stall_their_group_alone,
    changes::an_object_without_spec_is_stalled_alone_and_can_be_deleted,
    changes::two_groups_whose_names_join_alike_have_folders_of_their_own,
    changes::orphaned_vms_go_on_without_a_marker,
    deploy::the_operator_may_do_what_it_does_and_nothing_else,
    deploy::whoever_may_edit_groups_may_not_approve_their_plans,
    deploy::the_pod_is_taken_where_restricted_is_enforced,
    deploy::the_probes_of_the_pod_are_answered,
    deploy::every_overlay_is_taken,
    samples::every_valid_sample_is_taken,
    samples::every_invalid_sample_is_refused_with_the_message_it_names,
    samples::the_columns_are_the_demos,
    samples::scaling_reads_and_writes_what_the_subresource_names,
    samples::every_field_is_explained,
];

fn main() -> ExitCode {
    run(STORIES, sites::close)
}
