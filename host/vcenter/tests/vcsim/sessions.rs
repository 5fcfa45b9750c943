use std::time::{Duration, Instant};

use vmgroup_faults::{Action, Pattern, Plan, Rule};
use vmgroup_reconcile::event::{CallResult, LoginResult, ReadResult};
use vmgroup_reconcile::inventory::Fault;
use vmgroup_reconcile::request::{Call, Read, Request};
use vmgroup_vcenter::Config;

use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_login_begins_a_feed_and_a_logout_leaves_nothing() {
    let mut world = World::live().await;
    assert_eq!(world.vms.len(), 0, "the template is not below the root");
    assert_eq!(world.control().sessions().unwrap(), 1);
    let again = world.login().await.unwrap();
    world.until(|w| w.resets.contains(&again)).await;
    assert_eq!(world.control().sessions().unwrap(), 1);
    world.vcenter.close().await;
    assert_eq!(world.control().sessions().unwrap(), 0);
    assert_eq!(world.losses, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_asks_a_slow_vcenter_for_nothing_else() {
    let world = World::live().await;
    let slow = [
        ("DestroyPropertyCollector", 10_000),
        ("DestroyView", 10_000),
    ];
    world.control().set_call_delays(&slow).unwrap();
    world.vcenter.close().await;
    assert_eq!(world.control().sessions().unwrap(), 0);
}

/// As on a connection that has been dead since its process was stopped for long.
#[tokio::test(flavor = "multi_thread")]
async fn a_logout_that_is_reset_is_asked_for_once_more() {
    for (times, left) in [(1, 0), (2, 1)] {
        let reset = Rule {
            times,
            ..Rule::once(Pattern::verb("Logout"), Action::Reset)
        };
        let (mut world, proxy) = World::behind(Plan::of(reset));
        world.login().await.unwrap();
        world.vcenter.close().await;
        assert_eq!(world.control().sessions().unwrap(), left);
        assert_eq!(proxy.trace().of(&Pattern::verb("Logout")).len(), 2);
        drop(proxy);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_credentials_are_refused_and_right_ones_work_afterwards() {
    let mut world = World::new();
    world.credentials.0.lock().unwrap().password = "wrong".to_owned().into();
    let refused = world.login().await.unwrap_err();
    let LoginResult::Refused { version, message } = refused else {
        panic!("{refused:?}");
    };
    assert!(!message.contains("wrong"), "{message}");
    let used = world.credentials.0.lock().unwrap().version();
    assert_eq!(version, used);
    let password = world.rig.vc_pass().to_owned();
    world.credentials.0.lock().unwrap().password = password.into();
    world.login().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vcenter_that_is_not_there_is_a_failure_with_a_hint() {
    let mut world = World::new();
    world.credentials.0.lock().unwrap().host = "127.0.0.1:1".into();
    let failed = world.login().await.unwrap_err();
    let LoginResult::Failed { message } = failed else {
        panic!("{failed:?}");
    };
    assert!(message.contains("check VC_HOST"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_nobody_vouches_for_is_a_failure_with_a_hint() {
    let mut world = World::new();
    let other = World::new();
    let host = other.rig.vc_host().to_owned();
    world.credentials.0.lock().unwrap().host = host;
    let failed = world.login().await.unwrap_err();
    let LoginResult::Failed { message } = failed else {
        panic!("{failed:?}");
    };
    assert!(message.contains("--insecure"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_does_not_exist_is_named_and_no_session_stays() {
    let mut world = World::with(Config {
        datacenter: Some("elsewhere".into()),
        ..Config::default()
    });
    let failed = world.login().await.unwrap_err();
    let LoginResult::Failed { message } = failed else {
        panic!("{failed:?}");
    };
    let wanted = "found no datacenter `elsewhere`, only vcqaDC; correct --datacenter";
    assert_eq!(message, wanted);
    assert_eq!(world.control().sessions().unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_root_folder_that_is_missing_is_made_for_the_first_group_that_needs_a_folder() {
    let mut world = World::with(Config {
        datacenter: Some("vcqaDC".into()),
        root_folder: Some("/vcqaDC/vm/a/b".into()),
        resource_pool: Some("DC0_C0".into()),
        ..Config::default()
    });
    let id = world.login().await.unwrap();
    world.until(|w| w.resets.contains(&id)).await;
    let is_there = |world: &World, path: &str| {
        let folders = world.control().folders().unwrap();
        folders.iter().any(|folder| folder.path == path)
    };
    let name = || String::from("n-g");
    let read = world.read(Read::FolderNamed(name())).await;
    assert_eq!(read, ReadResult::NoFolder);
    assert!(!is_there(&world, "/vcqaDC/vm/a"), "a login writes nothing");

    let folder = world.folder("n-g").await;
    assert!(is_there(&world, "/vcqaDC/vm/a/b/n-g"));
    // This session's feed cannot see what is below it.
    world.until(|w| !w.losses.is_empty()).await;
    let ended: Vec<bool> = world.losses.iter().map(|(_, ended)| *ended).collect();
    assert_eq!(ended, [true]);
    let id = world.login().await.unwrap();
    world.until(|w| w.resets.contains(&id)).await;
    world.cloned(&folder, "one").await;
    assert_eq!(world.vms.len(), 1);
    assert_eq!(world.losses.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_root_folder_that_somebody_else_makes_is_noticed() {
    let mut world = World::with(Config {
        root_folder: Some("a".into()),
        ..Config::default()
    });
    let id = world.login().await.unwrap();
    world.until(|w| w.resets.contains(&id)).await;
    world.control().create_folder("/vcqaDC/vm/a").unwrap();
    world.control().create_folder("/vcqaDC/vm/a/n-g").unwrap();
    let read = world.read(Read::FolderNamed("n-g".into())).await;
    assert!(matches!(read, ReadResult::Folder { .. }), "{read:?}");
    world.until(|w| !w.losses.is_empty()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_ends_is_reported_once_and_a_login_shows_everything_anew() {
    let mut world = World::live().await;
    let folder = world.folder("n-g").await;
    let vm = world.cloned(&folder, "one").await;
    assert_eq!(world.control().expire_sessions().unwrap(), 1);
    world.until(|w| !w.losses.is_empty()).await;
    let read = world.read(Read::Vm(vm.id.clone())).await;
    let fault = Fault::NotAuthenticated;
    assert_eq!(read, ReadResult::Failed { fault });
    let name = "x".into();
    let call = world.call(Call::CreateFolder { name }).await;
    assert_eq!(call, CallResult::Refused(Fault::NotAuthenticated));
    let ended: Vec<bool> = world.losses.iter().map(|(_, ended)| *ended).collect();
    assert_eq!(ended, [true]);
    let id = world.login().await.unwrap();
    world.until(|w| w.resets.contains(&id)).await;
    assert_eq!(world.vms[&vm.id], vm);
    assert_eq!(world.control().sessions().unwrap(), 1);
    assert_eq!(world.losses.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_its_session_does_not_outlive_says_nothing_of_the_next_one() {
    let mut world = World::live().await;
    let slow = [("CreateFolder", 1_500)];
    world.control().set_call_delays(&slow).unwrap();
    let name = "n-g".into();
    let call = world.begin(Call::CreateFolder { name });
    tokio::time::sleep(Duration::from_millis(500)).await;
    let next = world.login().await.unwrap();
    let result = world.called(call).await;
    assert!(matches!(result, CallResult::NotSent { .. }), "{result:?}");
    world.until(|w| w.resets.contains(&next)).await;
    assert_eq!(world.losses, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_loses_the_feed_but_says_nothing_of_the_session() {
    let mut world = World::live().await;
    world.control().set_outage(true).unwrap();
    let name = "x".into();
    let call = world.call(Call::CreateFolder { name }).await;
    assert!(
        matches!(call, CallResult::Lost { .. } | CallResult::NotSent { .. }),
        "{call:?}"
    );
    let failed = world.login().await.unwrap_err();
    assert!(matches!(failed, LoginResult::Failed { .. }), "{failed:?}");
    world.control().set_outage(false).unwrap();
    let id = world.login().await.unwrap();
    world.until(|w| w.resets.contains(&id)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_session_everything_is_answered() {
    let mut world = World::new();
    let read = world.read(Read::Vm("vm-1".into())).await;
    let fault = Fault::NotAuthenticated;
    assert_eq!(read, ReadResult::Failed { fault });
    let call = world.call(Call::Destroy("vm-1".into())).await;
    assert!(matches!(call, CallResult::NotSent { .. }), "{call:?}");
    let id = world.id();
    let reason = "test".into();
    world.ask(Request::Relist { id, reason });
    world.until(|w| w.losses.len() == 1).await;
    assert!(world.losses[0].1, "a login is needed");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_concerns_the_session_is_done_in_the_order_asked_for() {
    let mut world = World::live().await;
    let mut last = world.id();
    for _ in 0..5 {
        world.ask(Request::Logout);
        last = world.id();
        let reason = "test".into();
        world.ask(Request::Login { id: last, reason });
    }
    world.until(|w| w.resets.contains(&last)).await;
    assert_eq!(world.control().sessions().unwrap(), 1);
    world.vcenter.close().await;
    assert_eq!(world.control().sessions().unwrap(), 0);
}

/// Whoever is told to end has ten seconds.
#[tokio::test(flavor = "multi_thread")]
async fn a_logout_ends_a_login_that_takes_its_time_and_leaves_no_session() {
    for slow in ["Login", "CreateContainerView", "CreateCollectorForTasks"] {
        let mut world = World::new();
        world.control().set_call_delays(&[(slow, 2_000)]).unwrap();
        let id = world.begin_login();
        while world.control().trace(0).unwrap().of(slow).count() == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let asked = Instant::now();
        world.vcenter.close().await;
        let took = asked.elapsed();
        assert!(took < Duration::from_secs(8), "{slow}: {took:?}");
        assert_eq!(world.control().sessions().unwrap(), 0, "{slow}");
        let LoginResult::Failed { message } = world.logged_in(id).await else {
            panic!("{slow}: it came to an end");
        };
        assert!(message.contains("given up"), "{slow}: {message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_an_outage_left_is_ended_after_the_next_login() {
    let lost = Rule {
        times: 2,
        ..Rule::once(Pattern::verb("Logout"), Action::Reset)
    };
    let (mut world, proxy) = World::behind(Plan::of(lost));
    world.login().await.unwrap();
    world.login().await.unwrap();
    let end = Instant::now() + Duration::from_secs(20);
    while world.control().sessions().unwrap() != 1 {
        assert!(Instant::now() < end, "the first session is still there");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    world.vcenter.close().await;
    assert_eq!(world.control().sessions().unwrap(), 0);
    drop(proxy);
}
