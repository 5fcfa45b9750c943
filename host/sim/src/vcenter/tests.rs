use std::collections::BTreeSet;

use vmgroup_core::group::GroupKey;
use vmgroup_core::marker::{HOLD_KEY, MARKER_KEY, Marker};
use vmgroup_core::observation::{Connection, PowerState};
use vmgroup_core::time::{Monotonic, Now, Timestamp};
use vmgroup_reconcile::event::{CallResult, Event, LoginResult, ReadResult};
use vmgroup_reconcile::inventory::{Fault, TaskId, TaskState, VmId};
use vmgroup_reconcile::request::{Call, CloneCall, Read, RequestId};

use super::{Asked, SessionId, Spoil, VCenter};
use crate::history::Fact;
use crate::options::VCenterOptions;
use crate::random::{Latency, Random};

struct Bench {
    vcenter: VCenter,
    session: SessionId,
    folder: String,
    now: Now,
}

fn at(ms: u64) -> Now {
    Now {
        monotonic: Monotonic(ms),
        utc: Timestamp(1_000_000 + ms),
    }
}

fn asked() -> Asked {
    Asked {
        group: GroupKey::new("shop", "web"),
        operation_id: "id-1/0/1".into(),
        host: 0,
        held_up: false,
    }
}

fn clone_call(folder: &str, name: &str, uuid: &str) -> Call {
    Call::Clone(CloneCall {
        template: "base".into(),
        folder: folder.to_owned(),
        name: name.to_owned(),
        instance_uuid: uuid.to_owned(),
        marker: Marker {
            version: 1,
            install: "test".into(),
            vcenter: "vcenter".into(),
            namespace: "shop".into(),
            name: "web".into(),
            identity: "id-1".into(),
            slot: 0,
            instance_uuid: uuid.to_owned(),
            disks: Vec::new(),
        },
        spec_hash: "v1:abc".into(),
        cpus: 2,
        memory_mib: 2048,
    })
}

impl Bench {
    fn new() -> Bench {
        let options = VCenterOptions {
            clone: Latency::exactly(1000),
            power: Latency::exactly(100),
            feed_lag: Latency::between(1, 300),
            ..VCenterOptions::default()
        };
        let mut vcenter = VCenter::new(options, Random::new(1), "v1".into());
        vcenter.create_template(at(0), "base");
        let (_, session) = vcenter.login(at(0), "v1");
        let session = session.expect("the credentials are right");
        let mut bench = Bench {
            vcenter,
            session,
            folder: String::new(),
            now: at(0),
        };
        let made = bench.call(&Call::CreateFolder {
            name: "shop-web".into(),
        });
        let CallResult::Done { result: Some(id) } = made else {
            panic!("no folder: {made:?}");
        };
        bench.folder = id;
        bench
    }

    fn call(&mut self, call: &Call) -> CallResult {
        let (now, session) = (self.now, self.session);
        self.vcenter.call(now, session, &asked(), call, None)
    }

    fn start(&mut self, call: &Call) -> TaskId {
        match self.call(call) {
            CallResult::Started(task) => task,
            other => panic!("not started: {other:?}"),
        }
    }

    /// Lets `ms` milliseconds pass; returns what arrived by the feed.
    fn pass(&mut self, ms: u64) -> Vec<Event> {
        let end = self.now.monotonic.plus(ms);
        let mut events = Vec::new();
        while let Some(due) = self.vcenter.next_due().filter(|due| *due <= end) {
            self.now = at(due.0);
            events.extend(self.vcenter.happen(self.now).map(|(_, event)| event));
        }
        self.now = at(end.0);
        events
    }

    fn state(&self, task: &str) -> TaskState {
        self.vcenter.tasks[task].state.clone()
    }

    fn run(&mut self, call: &Call) -> TaskState {
        let task = self.start(call);
        self.pass(5_000);
        self.state(&task)
    }

    fn clone_vm(&mut self, name: &str, uuid: &str) -> VmId {
        let call = clone_call(&self.folder, name, uuid);
        match self.run(&call) {
            TaskState::Succeeded { result: Some(id) } => id,
            other => panic!("not cloned: {other:?}"),
        }
    }
}

#[test]
fn a_clone_appears_when_its_task_ends_and_not_before() {
    let mut bench = Bench::new();
    let task = bench.start(&clone_call(&bench.folder.clone(), "web-1", "uuid-1"));
    bench.pass(999);
    assert_eq!(bench.state(&task), TaskState::Running);
    assert_eq!(bench.vcenter.members("id-1"), Vec::<VmId>::new());
    assert_eq!(
        bench.vcenter.clones(&GroupKey::new("shop", "web"), "id-1"),
        vec![task.clone()]
    );
    bench.pass(1);
    let id = bench.vcenter.members("id-1").remove(0);
    assert_eq!(
        bench.state(&task),
        TaskState::Succeeded {
            result: Some(id.clone())
        }
    );
    let vm = bench.vcenter.vm(&id).expect("it was just made");
    assert_eq!(vm.power, PowerState::Off);
    assert_eq!(vm.instance_uuid, "uuid-1");
    let marker = vm.agreed().expect("it agrees with its marker");
    assert_eq!(marker.disks, vec![2000], "the template's disks");
}

#[test]
fn a_clone_inherits_what_its_spec_does_not_overwrite() {
    let mut bench = Bench::new();
    let template = bench
        .vcenter
        .vms()
        .find(|vm| vm.name == "base")
        .map(|vm| vm.id.clone())
        .expect("the template exists");
    bench
        .vcenter
        .by_hand(at(0), &template, |vm| {
            vm.set_key("guestinfo.site", "north");
            vm.set_key(MARKER_KEY, "a marker from before");
        })
        .expect("the template exists");
    let id = bench.clone_vm("web-1", "uuid-1");
    let vm = bench.vcenter.vm(&id).expect("it was just made");
    assert_eq!(vm.extra_config["guestinfo.site"], "north");
    assert!(vm.agreed().is_some());
}

#[test]
fn a_name_is_taken_once_in_a_folder_also_while_the_first_clone_runs() {
    let mut bench = Bench::new();
    let folder = bench.folder.clone();
    let first = bench.start(&clone_call(&folder, "web-1", "uuid-1"));
    let second = bench.start(&clone_call(&folder, "web-1", "uuid-1"));
    bench.pass(5_000);
    assert!(matches!(bench.state(&first), TaskState::Succeeded { .. }));
    assert_eq!(
        bench.state(&second),
        TaskState::Failed(Fault::DuplicateName { existing: None })
    );
    let third = bench.run(&clone_call(&folder, "web-1", "uuid-1"));
    let existing = bench.vcenter.members("id-1").pop();
    assert_eq!(third, TaskState::Failed(Fault::DuplicateName { existing }));
    let root = bench.vcenter.root().clone();
    let elsewhere = bench.run(&clone_call(&root, "web-1", "uuid-9"));
    assert!(matches!(elsewhere, TaskState::Succeeded { .. }));
}

#[test]
fn an_instance_uuid_that_is_taken_is_changed_so_that_the_clone_is_a_copy() {
    let mut bench = Bench::new();
    bench.clone_vm("web-1", "uuid-1");
    let second = bench.clone_vm("web-2", "uuid-1");
    let vm = bench.vcenter.vm(&second).expect("it was just made");
    assert_ne!(vm.instance_uuid, "uuid-1");
    assert!(vm.marker().is_some() && vm.agreed().is_none());
}

#[test]
fn a_template_that_is_missing_is_refused_at_the_call() {
    let mut bench = Bench::new();
    let Call::Clone(call) = clone_call(&bench.folder.clone(), "web-1", "uuid-1") else {
        unreachable!("it is a clone");
    };
    let result = bench.call(&Call::Clone(CloneCall {
        template: "doesNotExist".into(),
        ..call
    }));
    let what = "template \"doesNotExist\"".to_owned();
    assert_eq!(result, CallResult::Refused(Fault::NotFound { what }));
}

#[test]
fn a_template_whose_disks_cannot_be_read_is_refused_at_the_call() {
    let mut bench = Bench::new();
    let template = bench.vcenter.vms().find(|vm| vm.template);
    let template = template.expect("the bench has one").id.clone();
    bench
        .vcenter
        .by_hand(at(0), &template, |vm| {
            vm.connection = Connection::Inaccessible;
        })
        .expect("it exists");
    // It is read before the folder is asked for anything.
    let result = bench.call(&clone_call("group-v999", "web-1", "uuid-1"));
    assert!(matches!(
        result,
        CallResult::Refused(Fault::Unavailable { .. })
    ));
}

#[test]
fn a_template_is_found_by_its_path_and_two_of_a_name_are_ambiguous() {
    let mut bench = Bench::new();
    let root = bench.vcenter.root().clone();
    bench.vcenter.create_vm(at(0), "base", &root, |_| {});
    let Call::Clone(call) = clone_call(&bench.folder.clone(), "web-1", "uuid-1") else {
        unreachable!("it is a clone");
    };
    let by_name = bench.call(&Call::Clone(call.clone()));
    assert!(matches!(
        by_name,
        CallResult::Refused(Fault::Invalid { .. })
    ));
    let by_path = bench.call(&Call::Clone(CloneCall {
        template: "/other/base".into(),
        ..call
    }));
    assert!(matches!(by_path, CallResult::Started(_)), "{by_path:?}");
}

#[test]
fn power_calls_in_the_wrong_state_say_which_state_it_is() {
    let mut bench = Bench::new();
    let id = bench.clone_vm("web-1", "uuid-1");
    let invalid = |existing| TaskState::Failed(Fault::InvalidPowerState { existing });
    assert_eq!(
        bench.run(&Call::PowerOff(id.clone())),
        invalid(PowerState::Off)
    );
    assert_eq!(
        bench.run(&Call::PowerOn(id.clone())),
        TaskState::Succeeded { result: None }
    );
    assert_eq!(
        bench.run(&Call::PowerOn(id.clone())),
        invalid(PowerState::On)
    );
    assert_eq!(
        bench.run(&Call::Destroy(id.clone())),
        invalid(PowerState::On)
    );
    assert!(bench.vcenter.vm(&id).is_some());
    bench.run(&Call::PowerOff(id.clone()));
    bench.run(&Call::Destroy(id.clone()));
    assert_eq!(
        bench.call(&Call::Destroy(id)),
        CallResult::Refused(Fault::Gone)
    );
}

#[test]
fn a_running_vm_has_tools_and_an_address_after_a_while_and_shuts_down_when_asked() {
    let mut bench = Bench::new();
    let id = bench.clone_vm("web-1", "uuid-1");
    let task = bench.start(&Call::PowerOn(id.clone()));
    bench.pass(100);
    assert!(matches!(bench.state(&task), TaskState::Succeeded { .. }));
    let early = bench.call(&Call::ShutdownGuest(id.clone()));
    assert!(matches!(early, CallResult::Refused(Fault::Other { .. })));
    bench.pass(5_000);
    assert!(bench.vcenter.vm(&id).is_some_and(|vm| vm.ip.is_some()));
    let asked = bench.call(&Call::ShutdownGuest(id.clone()));
    assert_eq!(asked, CallResult::Done { result: None });
    bench.pass(5_000);
    let vm = bench.vcenter.vm(&id).expect("it still exists");
    assert_eq!((vm.power, &vm.ip), (PowerState::Off, &None));
}

#[test]
fn a_second_task_on_a_busy_vm_is_refused() {
    let mut bench = Bench::new();
    let id = bench.clone_vm("web-1", "uuid-1");
    let now = bench.now;
    bench.vcenter.occupy(now, &id, 500).expect("it exists");
    let result = bench.call(&Call::PowerOn(id.clone()));
    assert!(matches!(result, CallResult::Refused(Fault::Busy { .. })));
    let ReadResult::Vm(vm) = bench.vcenter.read(bench.session, &Read::Vm(id.clone())) else {
        panic!("it exists");
    };
    assert_eq!(vm.tasks.len(), 1, "the foreign task is seen");
    bench.pass(500);
    bench.start(&Call::PowerOn(id));
}

#[test]
fn hardware_without_hot_add_changes_only_while_powered_off() {
    let mut bench = Bench::new();
    let id = bench.clone_vm("web-1", "uuid-1");
    let grow = Call::Reconfigure {
        vm: id.clone(),
        cpus: 4,
        memory_mib: 2048,
        spec_hash: "v1:def".into(),
    };
    bench.run(&Call::PowerOn(id.clone()));
    let TaskState::Failed(Fault::Invalid { message }) = bench.run(&grow) else {
        panic!("it has no hot-add");
    };
    assert!(message.starts_with("CpuHotPlugNotSupported"), "{message}");
    bench
        .vcenter
        .by_hand(at(0), &id, |vm| vm.cpu_hot_add = true)
        .expect("it exists");
    assert!(matches!(bench.run(&grow), TaskState::Succeeded { .. }));
    assert_eq!(bench.vcenter.vm(&id).map(|vm| vm.cpus), Some(4));
}

#[test]
fn a_folder_destroyed_with_vms_in_it_unregisters_them_and_is_a_misdeed() {
    let mut bench = Bench::new();
    bench.clone_vm("web-1", "uuid-1");
    bench.vcenter.take_log();
    bench.run(&Call::DestroyFolder(bench.folder.clone()));
    assert_eq!(bench.vcenter.members("id-1"), Vec::<VmId>::new());
    let log = bench.vcenter.take_log();
    assert!(log.iter().any(|fact| matches!(fact, Fact::Misdeed { .. })));
}

#[test]
fn what_people_put_into_a_folder_after_the_look_nobody_has_to_see() {
    for (ago, is_misdeed) in [(1_000, false), (60_000, true)] {
        let mut bench = Bench::new();
        let folder = bench.folder.clone();
        bench
            .vcenter
            .create_vm(bench.now, "theirs", &folder, |_| {});
        bench.pass(ago);
        bench.run(&Call::DestroyFolder(folder));
        let log = bench.vcenter.take_log();
        let misdeeds = log.iter().filter(|it| matches!(it, Fact::Misdeed { .. }));
        assert_eq!(misdeeds.count() > 0, is_misdeed, "{ago} ms before");
    }
}

#[test]
fn a_folder_with_a_running_vm_in_it_is_not_destroyed_and_that_is_a_misdeed_too() {
    let mut bench = Bench::new();
    let id = bench.clone_vm("web-1", "uuid-1");
    bench.run(&Call::PowerOn(id));
    bench.vcenter.take_log();
    let refused = bench.run(&Call::DestroyFolder(bench.folder.clone()));
    let existing = PowerState::On;
    let fault = Fault::InvalidPowerState { existing };
    assert_eq!(refused, TaskState::Failed(fault));
    assert_eq!(bench.vcenter.members("id-1").len(), 1);
    let log = bench.vcenter.take_log();
    assert!(log.iter().any(|fact| matches!(fact, Fact::Misdeed { .. })));
}

/// Found by profile calm, seed 7073.
#[test]
fn a_drawn_fault_of_an_empty_folder_is_no_misdeed() {
    let mut bench = Bench::new();
    let (now, session) = (bench.now, bench.session);
    let existing = PowerState::Off;
    let spoil = Some(Spoil::Fails(Fault::InvalidPowerState { existing }));
    let call = Call::DestroyFolder(bench.folder.clone());
    bench.vcenter.call(now, session, &asked(), &call, spoil);
    bench.pass(10_000);
    let log = bench.vcenter.take_log();
    assert!(log.iter().any(|fact| matches!(fact, Fact::Failed { .. })));
    assert!(!log.iter().any(|fact| matches!(fact, Fact::Misdeed { .. })));
}

#[test]
fn a_clone_into_a_folder_that_is_gone_is_refused_as_a_call_on_it() {
    let mut bench = Bench::new();
    let result = bench.call(&clone_call("group-v999", "web-1", "uuid-1"));
    assert_eq!(result, CallResult::Refused(Fault::Gone));
}

#[test]
fn a_hold_on_the_template_is_none_on_its_clones() {
    let mut bench = Bench::new();
    let template = bench.vcenter.vms().find(|vm| vm.template);
    let template = template.expect("the bench has one").id.clone();
    let now = bench.now;
    let held = bench.vcenter.hold(now, &template, Some("keep"));
    held.expect("it exists");
    let id = bench.clone_vm("web-1", "uuid-1");
    let clone = bench.vcenter.vm(&id).expect("it was just made");
    assert!(!clone.extra_config.contains_key(HOLD_KEY));
}

#[test]
fn an_empty_folder_is_destroyed_without_ado() {
    let mut bench = Bench::new();
    let folder = bench.folder.clone();
    bench.vcenter.take_log();
    bench.run(&Call::DestroyFolder(folder.clone()));
    let read = bench.vcenter.read(bench.session, &Read::Folder(folder));
    assert_eq!(read, ReadResult::Gone);
    let log = bench.vcenter.take_log();
    assert!(!log.iter().any(|fact| matches!(fact, Fact::Misdeed { .. })));
}

#[test]
fn a_copy_inherits_the_marker_but_does_not_agree_with_it() {
    let mut bench = Bench::new();
    let id = bench.clone_vm("web-1", "uuid-1");
    let elsewhere = bench.vcenter.elsewhere().clone();
    let now = bench.now;
    let copy = bench
        .vcenter
        .copy_by_hand(now, &id, "copy", &elsewhere, false)
        .expect("the original exists");
    let copy = bench.vcenter.vm(&copy).expect("it was just made");
    assert!(copy.marker().is_some() && copy.agreed().is_none());
    assert_eq!(bench.vcenter.members("id-1"), vec![id]);
}

#[test]
fn an_inaccessible_vm_still_exists_but_its_config_cannot_be_read() {
    let mut bench = Bench::new();
    let id = bench.clone_vm("web-1", "uuid-1");
    bench
        .vcenter
        .by_hand(at(0), &id, |vm| vm.connection = Connection::Inaccessible)
        .expect("it exists");
    let ReadResult::Vm(vm) = bench.vcenter.read(bench.session, &Read::Vm(id.clone())) else {
        panic!("it exists");
    };
    assert_eq!((vm.instance_uuid, vm.marker), (None, None));
    let failed = bench.run(&Call::PowerOn(id));
    assert!(matches!(
        failed,
        TaskState::Failed(Fault::Unavailable { .. })
    ));
}

#[test]
fn the_feed_begins_with_everything_and_then_tells_changes_in_order() {
    let mut bench = Bench::new();
    let (now, session) = (bench.now, bench.session);
    assert!(
        bench
            .vcenter
            .begin_feed(now, session, RequestId(7), Monotonic(400))
    );
    let events = bench.pass(1_000);
    assert_eq!(
        events,
        vec![Event::FeedReset {
            id: RequestId(7),
            vms: Vec::new(),
            tasks: Vec::new()
        }]
    );
    let call = clone_call(&bench.folder.clone(), "web-1", "uuid-1");
    bench.start(&call);
    let mut story = Vec::new();
    for event in bench.pass(3_000) {
        if let Event::FeedChanged { vms, tasks, .. } = event {
            story.extend(tasks.into_iter().map(|task| task.state));
            story.extend(vms.into_iter().map(|vm| TaskState::Succeeded {
                result: Some(format!("shown {}", vm.id)),
            }));
        }
    }
    let id = bench.vcenter.members("id-1").remove(0);
    let done = |result: String| TaskState::Succeeded {
        result: Some(result),
    };
    assert_eq!(
        story,
        vec![
            TaskState::Running,
            done(id.clone()),
            done(format!("shown {id}"))
        ]
    );
}

#[test]
fn the_feed_says_so_when_nothing_changes() {
    let mut bench = Bench::new();
    let (now, session) = (bench.now, bench.session);
    bench
        .vcenter
        .begin_feed(now, session, RequestId(7), Monotonic(0));
    let events = bench.pass(35_000);
    let idle = events.iter().filter(|it| **it == Event::FeedIdle).count();
    assert_eq!(idle, 3, "{events:?}");
}

#[test]
fn a_vm_that_moves_away_leaves_the_view_unless_it_is_tracked() {
    let mut bench = Bench::new();
    let id = bench.clone_vm("web-1", "uuid-1");
    let (now, session) = (bench.now, bench.session);
    let elsewhere = bench.vcenter.elsewhere().clone();
    bench
        .vcenter
        .begin_feed(now, session, RequestId(7), Monotonic(0));
    bench.pass(1_000);
    let now = bench.now;
    bench
        .vcenter
        .by_hand(now, &id, |vm| vm.folder = elsewhere)
        .expect("it exists");
    let left = |events: &[Event]| {
        events
            .iter()
            .any(|it| matches!(it, Event::FeedChanged { left, .. } if left.contains(&id)))
    };
    let events = bench.pass(1_000);
    assert!(left(&events), "{events:?}");
    let now = bench.now;
    bench.vcenter.track(now, session, std::slice::from_ref(&id));
    let events = bench.pass(1_000);
    assert!(
        events.iter().any(
            |it| matches!(it, Event::FeedChanged { vms, .. } if vms.iter().any(|vm| vm.id == id))
        ),
        "{events:?}"
    );
    let now = bench.now;
    bench.vcenter.track(now, session, &[]);
    assert!(left(&bench.pass(1_000)));
}

#[test]
fn an_ended_session_loses_its_feed_and_may_do_nothing_until_the_next_login() {
    let mut bench = Bench::new();
    let (now, session) = (bench.now, bench.session);
    bench
        .vcenter
        .begin_feed(now, session, RequestId(7), Monotonic(0));
    bench.pass(1_000);
    let now = bench.now;
    bench.vcenter.end_session(now, session, "it expired");
    let events = bench.pass(60_000);
    assert_eq!(
        events,
        vec![Event::FeedLost {
            reason: "it expired".into(),
            session_ended: true
        }]
    );
    let call = clone_call(&bench.folder.clone(), "web-1", "uuid-1");
    assert_eq!(
        bench.call(&call),
        CallResult::Refused(Fault::NotAuthenticated)
    );
    let (result, again) = bench.vcenter.login(bench.now, "v1");
    assert!(matches!(result, LoginResult::In { .. }));
    bench.session = again.expect("the credentials are right");
    let (now, session) = (bench.now, bench.session);
    bench
        .vcenter
        .begin_feed(now, session, RequestId(8), Monotonic(0));
    let events = bench.pass(1_000);
    assert!(matches!(events[0], Event::FeedReset { id, .. } if id == RequestId(8)));
    bench.start(&call);
}

#[test]
fn wrong_credentials_are_refused_and_counted() {
    let mut bench = Bench::new();
    let (result, session) = bench.vcenter.login(at(5), "v2");
    assert!(matches!(result, LoginResult::Refused { .. }));
    assert!(session.is_none());
    bench.vcenter.accept("v2", true);
    assert!(bench.vcenter.login(at(6), "v2").1.is_some());
    let accepted: Vec<bool> = bench
        .vcenter
        .take_log()
        .iter()
        .filter_map(|fact| match fact {
            Fact::LoggedIn { accepted, .. } => Some(*accepted),
            _ => None,
        })
        .collect();
    assert_eq!(accepted, vec![true, false, true]);
}

#[test]
fn ended_tasks_are_forgotten_and_a_restart_forgets_all() {
    let mut bench = Bench::new();
    let id = bench.clone_vm("web-1", "uuid-1");
    assert_eq!(bench.vcenter.tasks().count(), 1);
    bench.pass(700_000);
    assert_eq!(bench.vcenter.tasks().count(), 0);
    bench.start(&Call::PowerOn(id.clone()));
    let now = bench.now;
    bench.vcenter.restart(now, 1_000);
    assert!(!bench.vcenter.reachable(now));
    bench.pass(5_000);
    assert!(bench.vcenter.reachable(bench.now));
    assert_eq!(
        bench.vcenter.vm(&id).map(|vm| vm.power),
        Some(PowerState::Off)
    );
    assert_eq!(
        bench.vcenter.sessions().collect::<BTreeSet<_>>(),
        BTreeSet::new()
    );
}

#[test]
fn a_task_may_fail_at_its_end_without_an_effect() {
    let mut bench = Bench::new();
    let (now, session) = (bench.now, bench.session);
    let call = clone_call(&bench.folder.clone(), "web-1", "uuid-1");
    let fault = Fault::InsufficientResources {
        message: "no space".into(),
    };
    let spoil = Some(Spoil::Fails(fault.clone()));
    let result = bench.vcenter.call(now, session, &asked(), &call, spoil);
    let CallResult::Started(task) = result else {
        panic!("not started: {result:?}");
    };
    bench.pass(999);
    assert_eq!(bench.state(&task), TaskState::Running);
    bench.pass(1);
    assert_eq!(bench.state(&task), TaskState::Failed(fault));
    assert_eq!(bench.vcenter.members("id-1"), Vec::<VmId>::new());
}
