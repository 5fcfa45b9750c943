//! Answers as servers write them, and what the client makes of them.

use vmgroup_vim::*;

use crate::server::{Reply, Server, returned};

fn collector() -> ManagedObjectRef {
    ManagedObjectRef::new("PropertyCollector", "pc-1")
}

fn wait() -> WaitOptions {
    WaitOptions {
        max_wait_seconds: 1,
        max_object_updates: 100,
    }
}

#[tokio::test]
async fn the_service_content_names_the_managers_and_the_server() {
    let answer = include_str!("../golden/answers/service_content.xml");
    let server = Server::start(vec![Reply::ok(answer)]).await;
    let content = server
        .client()
        .retrieve_service_content(None)
        .await
        .unwrap();
    assert_eq!(content.root_folder, ManagedObjectRef::folder("group-d1"));
    assert_eq!(
        content.task_manager,
        ManagedObjectRef::new("TaskManager", "TaskManager")
    );
    assert_eq!(content.about.api_version, "8.0.2.0");
    let uuid = content.about.instance_uuid.as_deref();
    assert_eq!(uuid, Some("dbed6e0c-bd88-4ef6-b594-21283e1c677f"));
}

#[tokio::test]
async fn a_service_without_a_manager_is_malformed_and_named() {
    let answer = include_str!("../golden/answers/service_content.xml").replace("searchIndex", "x");
    let server = Server::start(vec![Reply::ok(answer)]).await;
    let error = server
        .client()
        .retrieve_service_content(None)
        .await
        .expect_err("malformed");
    let Error::Malformed { source, .. } = &error else {
        panic!("{error:?}")
    };
    assert_eq!(source.to_string(), "`ServiceContent` has no `searchIndex`");
}

#[tokio::test]
async fn a_machines_properties_are_read_by_path() {
    let answer = include_str!("../golden/answers/machine.xml");
    let server = Server::start(vec![Reply::ok(answer)]).await;
    let page = server
        .client()
        .retrieve_properties(&collector(), &[], None, None)
        .await
        .unwrap();
    assert_eq!(page.token.as_deref(), Some("1"));
    let [vm] = &page.objects[..] else {
        panic!("{:?}", page.objects)
    };
    assert_eq!(vm.object, ManagedObjectRef::virtual_machine("vm-42"));
    assert_eq!(vm.text("runtime.powerState"), Some("poweredOn"));
    assert_eq!(
        vm.get("config.template").and_then(Value::as_bool),
        Some(false)
    );
    let marker = vm.get(r#"config.extraConfig["vmgroup.marker"]"#).unwrap();
    let option = OptionValue::from_value(marker).unwrap();
    assert_eq!(
        option,
        OptionValue::new("vmgroup.marker", r#"{"slot":3} & more"#)
    );
    assert_eq!(
        vm.get("config.hardware.memoryMB").and_then(Value::as_i64),
        Some(4096)
    );
    let methods = vm.get("disabledMethod").unwrap().items();
    let methods: Vec<_> = methods.iter().filter_map(Value::as_str).collect();
    assert_eq!(methods, ["PowerOnVM_Task", "Destroy_Task"]);
    let tasks: Vec<_> = vm.get("recentTask").unwrap().references().collect();
    assert_eq!(tasks, [&ManagedObjectRef::task("task-1")]);
    assert_eq!(
        vm.get("declaredAlarmState"),
        Some(&Value::Array(Vec::new()))
    );
    assert_eq!(
        vm.text("guest.ipAddress"),
        Some(""),
        "an empty text is a text"
    );
    assert_eq!(vm.get("snapshot"), None);
    let fault = vm
        .missing("config.instanceUuid")
        .expect("the property cannot be read");
    assert_eq!(fault.name, "NoPermission");
}

#[tokio::test]
async fn a_character_that_xml_forbids_in_one_property_hides_no_other() {
    let answer = include_str!("../golden/answers/machine.xml");
    let (before, after) = answer.split_once(" &amp; more").unwrap();
    for odd in [&b"\x1b"[..], b"&#x1b;", b"\xff"] {
        let body = [before.as_bytes(), odd, after.as_bytes()].concat();
        let server = Server::start(vec![Reply::ok(body)]).await;
        let page = server
            .client()
            .retrieve_properties(&collector(), &[], None, None)
            .await
            .unwrap();
        let vm = &page.objects[0];
        let marker = vm.get(r#"config.extraConfig["vmgroup.marker"]"#).unwrap();
        assert_eq!(marker.text("value"), Some("{\"slot\":3}?"));
        assert_eq!(vm.text("runtime.powerState"), Some("poweredOn"));
    }
}

#[tokio::test]
async fn a_machines_disks_are_told_from_its_other_devices() {
    let answer = include_str!("../golden/answers/machine.xml");
    let server = Server::start(vec![Reply::ok(answer)]).await;
    let page = server
        .client()
        .retrieve_properties(&collector(), &[], None, None)
        .await
        .unwrap();
    let hardware = page.objects[0].get("config.hardware").unwrap();
    let devices = hardware.list("device").into_iter();
    let disks: Vec<_> = devices
        .filter(|device| device.type_name() == "VirtualDisk")
        .collect();
    let keys: Vec<_> = disks
        .iter()
        .filter_map(|disk| disk.get("key")?.as_i64())
        .collect();
    assert_eq!(keys, [2000, 2001]);
    assert_eq!(disks[0].text("backing.fileName"), Some("[d] web/web.vmdk"));
    let datastore = disks[0].reference("backing.datastore");
    assert_eq!(
        datastore,
        Some(&ManagedObjectRef::new("Datastore", "datastore-5"))
    );
}

#[tokio::test]
async fn updates_keep_their_kinds_their_order_and_what_cannot_be_read() {
    let answer = include_str!("../golden/answers/updates.xml");
    let server = Server::start(vec![Reply::ok(answer)]).await;
    let updates = server
        .client()
        .wait_for_updates(&collector(), "", wait(), None)
        .await
        .unwrap();
    let updates = updates.expect("there are updates");
    assert_eq!((updates.version.as_str(), updates.truncated), ("12", true));
    let [machines, other] = &updates.filters[..] else {
        panic!("{:?}", updates.filters)
    };
    assert_eq!(
        other.filter,
        ManagedObjectRef::new("PropertyFilter", "filter-2")
    );
    assert!(other.objects.is_empty());
    let kinds: Vec<_> = machines.objects.iter().map(|update| update.kind).collect();
    use UpdateKind::{Enter, Leave, Modify};
    assert_eq!(kinds, [Enter, Modify, Leave, UpdateKind::Unknown]);
    let entered = &machines.objects[0].changes;
    assert_eq!(entered[0].value, Some(Value::Text("web".to_owned())));
    let unset = PropertyChange {
        path: "guest.ipAddress".to_owned(),
        kind: ChangeKind::Assign,
        value: None,
    };
    assert_eq!(entered[1], unset);
    let modified = &machines.objects[1];
    let kinds: Vec<_> = modified.changes.iter().map(|change| change.kind).collect();
    use ChangeKind::{Add, Assign, IndirectRemove, Remove};
    assert_eq!(
        kinds,
        [Assign, Remove, IndirectRemove, Add, ChangeKind::Unknown]
    );
    let added = Value::Ref(ManagedObjectRef::task("task-2"));
    assert_eq!(modified.changes[3].value, Some(added));
    assert_eq!(modified.missing[0].fault.kind, FaultKind::NotAuthenticated);
    assert_eq!(
        machines.missing[0].object,
        ManagedObjectRef::virtual_machine("vm-9")
    );
}

#[tokio::test]
async fn a_wait_in_which_nothing_changed_gives_nothing() {
    let server = Server::start(vec![Reply::ok(returned("WaitForUpdatesEx", ""))]).await;
    let updates = server
        .client()
        .wait_for_updates(&collector(), "3", wait(), None)
        .await
        .unwrap();
    assert_eq!(updates, None);
}

#[tokio::test]
async fn tasks_are_read_with_who_began_them_and_what_they_gave() {
    let answer = include_str!("../golden/answers/tasks.xml");
    let server = Server::start(vec![Reply::ok(answer)]).await;
    let page = ManagedObjectRef::new("TaskHistoryCollector", "collector-1");
    let tasks = server
        .client()
        .latest_tasks(&collector(), &page, None)
        .await
        .unwrap();
    let [on, paused] = &tasks[..] else {
        panic!("{tasks:?}")
    };
    assert_eq!(
        (on.state, on.cancelled, on.progress),
        (TaskState::Success, true, Some(100))
    );
    assert_eq!(
        on.reason,
        TaskReason::User {
            name: "operator".to_owned()
        }
    );
    assert_eq!(on.activation_id.as_deref(), Some("identity/3/intent"));
    assert_eq!(
        on.complete_time.map(|time| time.to_string()).as_deref(),
        Some("2026-05-01T10:00:01Z")
    );
    let result = PowerOnResult::from_value(on.result.as_ref().unwrap()).unwrap();
    let vm = ManagedObjectRef::virtual_machine;
    let attempted = [
        (vm("vm-1"), Some(ManagedObjectRef::task("task-3"))),
        (vm("vm-2"), None),
    ];
    assert_eq!(result.attempted, attempted);
    assert_eq!(result.not_attempted[0].0, vm("vm-3"));
    assert_eq!(result.not_attempted[0].1.name, "InvalidPowerState");
    assert_eq!(result.recommended, [vm("vm-4")]);
    assert_eq!(
        (paused.state, paused.state.is_ended()),
        (TaskState::Unknown, false)
    );
    let reason = TaskReason::Other {
        type_name: "TaskReasonSchedule".to_owned(),
    };
    assert_eq!(paused.reason, reason);
}

#[tokio::test]
async fn a_task_of_the_past_that_cannot_be_read_hides_no_other() {
    let page = ManagedObjectRef::new("TaskHistoryCollector", "collector-1");
    let read = async |key: &str, state: &str| {
        let tasks = include_str!("../golden/answers/tasks.xml");
        let answer = tasks
            .replace("paused", state)
            .replace("<key>task-1</key>", key);
        let server = Server::start(vec![Reply::ok(answer)]).await;
        let tasks = server
            .client()
            .latest_tasks(&collector(), &page, None)
            .await;
        tasks.map(|tasks| tasks.len())
    };
    // Of one that failed, no fault may be known any more.
    assert_eq!(read("<key>task-1</key>", "error").await.ok(), Some(2));
    assert_eq!(read("", "error").await.ok(), Some(1));
    // One that runs may be a clone.
    let error = read("", "running").await;
    assert!(matches!(error, Err(Error::Malformed { .. })), "{error:?}");
}

#[tokio::test]
async fn a_task_list_that_cannot_be_read_is_not_an_empty_one() {
    let missing = r#"<returnval><objects><obj type="TaskHistoryCollector">collector-1</obj><missingSet>
<path>latestPage</path><fault><fault><x/></fault></fault></missingSet></objects></returnval>"#;
    let page = ManagedObjectRef::new("TaskHistoryCollector", "collector-1");
    for values in ["", "<returnval/>", missing] {
        let answer = Reply::ok(returned("RetrievePropertiesEx", values));
        let server = Server::start(vec![answer]).await;
        let error = server
            .client()
            .latest_tasks(&collector(), &page, None)
            .await;
        assert!(
            matches!(error, Err(Error::Malformed { .. })),
            "{values}: {error:?}"
        );
    }
}

#[tokio::test]
async fn all_pages_are_read_or_none() {
    let first = include_str!("../golden/answers/machine.xml");
    let last =
        r#"<returnval><objects><obj type="VirtualMachine">vm-43</obj></objects></returnval>"#;
    let last = Reply::ok(returned("ContinueRetrievePropertiesEx", last));
    let own = r#"<returnval type="PropertyCollector">own</returnval>"#;
    let own = Reply::ok(returned("CreatePropertyCollector", own));
    let ended = Reply::ok(returned("DestroyPropertyCollector", ""));
    let replies = vec![
        Reply::ok(first),
        own.clone(),
        Reply::ok(first),
        last,
        ended.clone(),
    ];
    let server = Server::start(replies).await;
    let objects = server
        .client()
        .retrieve_all_properties(&collector(), &[], None)
        .await
        .unwrap();
    assert_eq!(objects.len(), 2);
    let requests = server.requests();
    assert!(requests[3].body.contains("<token>1</token>"));
    // Nobody else reads on that collector.
    let on_own = |n: usize| requests[n].body.contains(">own</_this>");
    assert_eq!([0, 2, 3, 4].map(on_own), [false, true, true, true]);

    let replies = vec![Reply::ok(first), own, Reply::ok(first), Reply::Close, ended];
    let server = Server::start(replies).await;
    let error = server
        .client()
        .retrieve_all_properties(&collector(), &[], None)
        .await;
    assert!(matches!(error, Err(Error::AnswerLost { .. })), "{error:?}");
}

#[tokio::test]
async fn a_search_finds_none_one_or_several() {
    let index = ManagedObjectRef::new("SearchIndex", "SearchIndex");
    for (values, count) in [
        ("", 0),
        (r#"<returnval type="VirtualMachine">vm-1</returnval>"#, 1),
        (
            r#"<returnval type="VirtualMachine">vm-1</returnval><returnval type="VirtualMachine">vm-2</returnval>"#,
            2,
        ),
    ] {
        let server = Server::start(vec![Reply::ok(returned("FindAllByUuid", values))]).await;
        let found = server
            .client()
            .find_all_by_uuid(&index, None, "u", true, None)
            .await
            .unwrap();
        assert_eq!(found.len(), count);
    }
    let server = Server::start(vec![Reply::ok(returned("FindByInventoryPath", ""))]).await;
    let found = server
        .client()
        .find_by_inventory_path(&index, "DC0/vm/x", None)
        .await
        .unwrap();
    assert_eq!(found, None);
}

#[tokio::test]
async fn privileges_are_read_per_object_and_sorted() {
    let values = r#"<returnval><entity type="Folder">group-v3</entity><privileges>b</privileges>
<privileges>a</privileges></returnval><returnval><entity type="Folder">group-v4</entity></returnval>"#;
    let answer = Reply::ok(returned("FetchUserPrivilegeOnEntities", values));
    let server = Server::start(vec![answer]).await;
    let manager = ManagedObjectRef::new("AuthorizationManager", "AuthorizationManager");
    let client = server.client();
    let found = client
        .fetch_user_privilege_on_entities(&manager, &[], "u", None)
        .await
        .unwrap();
    assert_eq!(found[0].privileges, ["a", "b"]);
    assert!(found[1].privileges.is_empty());
}
