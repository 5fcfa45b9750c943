//! Every call as it goes over the wire, beside a file that holds what it should be.
//!
//! `BLESS=1` writes the files.

use std::fs;
use std::path::PathBuf;

use secrecy::SecretString;
use vmgroup_vim::*;

use crate::server::{Reply, Server, returned};

fn vm() -> ManagedObjectRef {
    ManagedObjectRef::virtual_machine("vm-42")
}

fn reference(kind: &str, id: &str) -> ManagedObjectRef {
    ManagedObjectRef::new(kind, id)
}

/// Makes the call that `method` names and checks what was sent.
macro_rules! golden {
    ($($name:ident: $method:literal, |$client:ident| $call:expr;)*) => {$(
        #[tokio::test]
        async fn $name() {
            let server = Server::start(vec![Reply::ok(returned($method, ""))]).await;
            let $client = server.client();
            // What the method returns is of no interest here.
            let _ = $call.await;
            check(stringify!($name), $method, &server);
        }
    )*};
}

golden! {
    retrieve_service_content: "RetrieveServiceContent", |c| c.retrieve_service_content(None);
    current_time: "CurrentTime", |c| c.current_time(Some("op-1"));
    login: "Login", |c| c.login(
        &reference("SessionManager", "SessionManager"),
        "operator@vsphere.local",
        &SecretString::from(" a<b&\"c'>\r"),
        None,
    );
    logout: "Logout", |c| c.logout(&reference("SessionManager", "SessionManager"), None);
    create_property_collector: "CreatePropertyCollector",
        |c| c.create_property_collector(&reference("PropertyCollector", "propertyCollector"), None);
    destroy_property_collector: "DestroyPropertyCollector",
        |c| c.destroy_property_collector(&reference("PropertyCollector", "pc-1"), None);
    create_filter_on_a_view: "CreateFilter", |c| c.create_filter(
        &reference("PropertyCollector", "pc-1"),
        &FilterSpec::view(
            &reference("ContainerView", "view-1"),
            "VirtualMachine",
            &["runtime.powerState", r#"config.extraConfig["vmgroup.marker"]"#],
        ),
        false,
        None,
    );
    create_filter_with_recursion: "CreateFilter", |c| c.create_filter(
        &reference("PropertyCollector", "pc-1"),
        &recursive_folders(),
        true,
        None,
    );
    destroy_filter: "DestroyPropertyFilter",
        |c| c.destroy_filter(&reference("PropertyFilter", "filter-1"), None);
    wait_for_updates: "WaitForUpdatesEx", |c| c.wait_for_updates(
        &reference("PropertyCollector", "pc-1"),
        "7",
        WaitOptions { max_wait_seconds: 60, max_object_updates: 100 },
        None,
    );
    cancel_wait_for_updates: "CancelWaitForUpdates",
        |c| c.cancel_wait_for_updates(&reference("PropertyCollector", "pc-1"), None);
    retrieve_properties: "RetrievePropertiesEx", |c| c.retrieve_properties(
        &reference("PropertyCollector", "pc-1"),
        &[FilterSpec::objects("VirtualMachine", &[vm()], &["name"])],
        Some(500),
        None,
    );
    continue_retrieve_properties: "ContinueRetrievePropertiesEx",
        |c| c.continue_retrieve_properties(&reference("PropertyCollector", "pc-1"), "7", None);
    create_container_view: "CreateContainerView", |c| c.create_container_view(
        &reference("ViewManager", "ViewManager"),
        &reference("Folder", "group-d1"),
        &["VirtualMachine", "Folder"],
        true,
        None,
    );
    create_list_view: "CreateListView",
        |c| c.create_list_view(&reference("ViewManager", "ViewManager"), &[vm()], None);
    modify_list_view: "ModifyListView", |c| c.modify_list_view(
        &reference("ListView", "view-2"),
        &[reference("Task", "task-1"), reference("Task", "task-2")],
        &[reference("Task", "task-0")],
        None,
    );
    destroy_view: "DestroyView", |c| c.destroy_view(&reference("ListView", "view-2"), None);
    find_all_by_uuid: "FindAllByUuid", |c| c.find_all_by_uuid(
        &reference("SearchIndex", "SearchIndex"),
        None,
        "5e3a1f9a-2d0b-5a53-9a0e-0d6f6a7b8c9d",
        true,
        None,
    );
    find_child: "FindChild", |c| c.find_child(
        &reference("SearchIndex", "SearchIndex"),
        &reference("Folder", "group-v4"),
        "a & b%2fc",
        None,
    );
    find_by_inventory_path: "FindByInventoryPath", |c| c.find_by_inventory_path(
        &reference("SearchIndex", "SearchIndex"),
        "DC0/vm/a & b%2fc",
        None,
    );
    create_collector_for_tasks: "CreateCollectorForTasks", |c| c.create_collector_for_tasks(
        &reference("TaskManager", "TaskManager"),
        &TaskFilter {
            entity: Some(vm()),
            users: vec!["VSPHERE.LOCAL\\operator".to_owned()],
            states: vec![TaskState::Queued, TaskState::Running, TaskState::Unknown],
        },
        None,
    );
    set_collector_page_size: "SetCollectorPageSize", |c| c.set_collector_page_size(
        &reference("TaskHistoryCollector", "collector-1"), 1000, None);
    latest_tasks: "RetrievePropertiesEx", |c| c.latest_tasks(
        &reference("PropertyCollector", "pc-1"),
        &reference("TaskHistoryCollector", "collector-1"),
        None,
    );
    destroy_collector: "DestroyCollector",
        |c| c.destroy_collector(&reference("TaskHistoryCollector", "collector-1"), None);
    cancel_task: "CancelTask", |c| c.cancel_task(&reference("Task", "task-1"), None);
    create_folder: "CreateFolder",
        |c| c.create_folder(&reference("Folder", "group-v3"), "default-web", Some("op-2"));
    unregister_and_destroy_folder: "UnregisterAndDestroy_Task",
        |c| c.unregister_and_destroy_folder(&reference("Folder", "group-v3"), None);
    clone_vm: "CloneVM_Task", |c| c.clone_vm(
        &vm(),
        &reference("Folder", "group-v3"),
        "web-replica-abcdefgh",
        &full_clone(),
        Some("identity/3/intent"),
    );
    clone_vm_with_nothing_changed: "CloneVM_Task", |c| c.clone_vm(
        &vm(), &reference("Folder", "group-v3"), "copy", &CloneSpec::default(), None);
    reconfigure_vm: "ReconfigVM_Task", |c| c.reconfigure_vm(&vm(), &full_config(), None);
    power_on_multi_vm: "PowerOnMultiVM_Task", |c| c.power_on_multi_vm(
        &reference("Datacenter", "datacenter-2"),
        &[vm(), ManagedObjectRef::virtual_machine("vm-43")],
        None,
    );
    power_off_vm: "PowerOffVM_Task", |c| c.power_off_vm(&vm(), None);
    shutdown_guest: "ShutdownGuest", |c| c.shutdown_guest(&vm(), None);
    suspend_vm: "SuspendVM_Task", |c| c.suspend_vm(&vm(), None);
    destroy_vm: "Destroy_Task", |c| c.destroy_vm(&vm(), None);
    fetch_user_privilege_on_entities: "FetchUserPrivilegeOnEntities",
        |c| c.fetch_user_privilege_on_entities(
            &reference("AuthorizationManager", "AuthorizationManager"),
            &[reference("Folder", "group-v3"), vm()],
            "VSPHERE.LOCAL\\operator",
            None,
        );
}

fn recursive_folders() -> FilterSpec {
    let folders = Traversal {
        name: Some("folders".to_owned()),
        kind: "Folder".to_owned(),
        path: "childEntity".to_owned(),
        skip: false,
        selections: vec![Selection::Named("folders".to_owned())],
    };
    FilterSpec {
        properties: vec![PropertySpec::new("Folder", &["name"])],
        objects: vec![ObjectSpec {
            object: reference("Folder", "group-d1"),
            skip: true,
            selections: vec![Selection::Traverse(folders)],
        }],
        report_missing_objects: false,
    }
}

fn full_config() -> ConfigSpec {
    ConfigSpec {
        change_version: Some("2026-05-01T10:00:00Z".to_owned()),
        name: Some("web-replica-abcdefgh".to_owned()),
        instance_uuid: Some("5e3a1f9a-2d0b-5a53-9a0e-0d6f6a7b8c9d".to_owned()),
        annotation: Some("made by <vmgroup>".to_owned()),
        num_cpus: Some(2),
        num_cores_per_socket: Some(1),
        memory_mb: Some(4096),
        memory_hot_add: Some(true),
        cpu_hot_add: Some(false),
        extra_config: vec![
            OptionValue::new("vmgroup.marker", r#"{"slot":3,"namespace":"default"}"#),
            OptionValue::new("vmgroup.hash", ""),
        ],
    }
}

fn full_clone() -> CloneSpec {
    CloneSpec {
        location: RelocateSpec {
            folder: Some(reference("Folder", "group-v3")),
            datastore: Some(reference("Datastore", "datastore-5")),
            disk_move_type: Some("createNewChildDiskBacking".to_owned()),
            pool: Some(reference("ResourcePool", "resgroup-8")),
            host: Some(reference("HostSystem", "host-9")),
        },
        template: false,
        config: Some(full_config()),
        power_on: false,
        snapshot: Some(reference("VirtualMachineSnapshot", "snapshot-1")),
    }
}

fn check(name: &str, method: &str, server: &Server) {
    let requests = server.requests();
    let [request] = &requests[..] else {
        panic!("{} requests were sent", requests.len())
    };
    assert!(
        request.head.starts_with("POST /sdk HTTP/1.1\r\n"),
        "{}",
        request.head
    );
    let head = request.head.to_lowercase();
    assert!(
        head.contains("\r\nsoapaction: urn:vim25/7.0.2.0\r\n"),
        "{}",
        request.head
    );
    assert!(
        head.contains("\r\ncontent-type: text/xml; charset=utf-8\r\n"),
        "{}",
        request.head
    );
    assert!(
        request
            .body
            .contains(&format!("<{method} xmlns=\"urn:vim25\">"))
    );

    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden/requests")
        .join(format!("{name}.xml"));
    let actual = indented(&request.body);
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, &actual).unwrap();
    }
    let expected = fs::read_to_string(&path).expect("no such file: run the test with BLESS=1");
    assert_eq!(actual, expected, "{name} differs; BLESS=1 accepts it");
}

/// One element a line, so that differences can be read; what is inside the tags stays as it is.
fn indented(xml: &str) -> String {
    let mut depth = 0_usize;
    let mut text = String::new();
    for line in xml.replace("><", ">\n<").lines() {
        let ends = line.matches("</").count();
        let begins = line.matches('<').count() - ends - line.matches("<?").count();
        let outdent = usize::from(line.starts_with("</"));
        text.push_str(&" ".repeat(depth - outdent));
        text.push_str(line);
        text.push('\n');
        depth = depth + begins - ends;
    }
    text
}
