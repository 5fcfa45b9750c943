//! Faults in answers, in failed tasks, and under odd prefixes.

use vmgroup_vim::{Certainty, Error, Fault, FaultKind, ManagedObjectRef, TaskInfo, TaskState};

use crate::server::{Reply, Server, envelope, returned};

/// A fault as a call's answer: the detail's element is named after it, its type is `xsi:type`.
fn fault_answer(name: &str, fields: &str) -> String {
    envelope(&format!(
        r#"<soapenv:Fault><faultcode>ServerFaultCode</faultcode><faultstring>The text.</faultstring>
<detail><{name}Fault xmlns="urn:vim25" xsi:type="{name}">{fields}</{name}Fault></detail></soapenv:Fault>"#
    ))
}

async fn error_for(body: String) -> Error {
    let server = Server::start(vec![Reply::status(500, body)]).await;
    let vm = ManagedObjectRef::virtual_machine("vm-42");
    server
        .client()
        .power_off_vm(&vm, None)
        .await
        .expect_err("the answer is a fault")
}

async fn fault_for(body: String) -> Fault {
    let error = error_for(body).await;
    error
        .fault()
        .unwrap_or_else(|| panic!("no fault: {error:?}"))
        .clone()
}

#[tokio::test]
#[allow(clippy::too_many_lines, reason = "one table of cases")]
async fn every_fault_that_callers_act_on_is_typed() {
    use Certainty::{NotExecuted, Unknown};
    let text = |text: &str| Some(text.to_owned());
    let vm = Some(ManagedObjectRef::virtual_machine("vm-7"));
    let power = FaultKind::InvalidPowerState {
        requested: text("poweredOff"),
        existing: text("poweredOff"),
    };
    let property = |name| FaultKind::InvalidArgument {
        property: text(name),
    };
    let table: Vec<(&str, &str, FaultKind, Certainty)> = vec![
        (
            "NotAuthenticated",
            "<privilegeId>System.View</privilegeId>",
            FaultKind::NotAuthenticated,
            NotExecuted,
        ),
        ("InvalidLogin", "", FaultKind::InvalidLogin, NotExecuted),
        ("PasswordExpired", "", FaultKind::InvalidLogin, NotExecuted),
        (
            "MemoryHotPlugNotSupported",
            "",
            FaultKind::NotSupported,
            NotExecuted,
        ),
        (
            "NoPermission",
            r#"<object type="VirtualMachine">vm-7</object><privilegeId>VirtualMachine.Inventory.Delete</privilegeId>"#,
            FaultKind::NoPermission {
                object: vm.clone(),
                privilege: text("VirtualMachine.Inventory.Delete"),
            },
            NotExecuted,
        ),
        (
            "ManagedObjectNotFound",
            r#"<obj type="VirtualMachine">vm-7</obj>"#,
            FaultKind::ManagedObjectNotFound { object: vm.clone() },
            NotExecuted,
        ),
        (
            "DuplicateName",
            r#"<name>web-replica-abc</name><object type="VirtualMachine">vm-7</object>"#,
            FaultKind::DuplicateName {
                name: "web-replica-abc".to_owned(),
                object: vm.clone(),
            },
            NotExecuted,
        ),
        (
            "InvalidPowerState",
            "<requestedState>poweredOff</requestedState><existingState>poweredOff</existingState>",
            power,
            NotExecuted,
        ),
        ("InvalidState", "", FaultKind::InvalidState, NotExecuted),
        (
            "QuestionPending",
            "<text>?</text>",
            FaultKind::InvalidState,
            NotExecuted,
        ),
        (
            "ConcurrentAccess",
            "",
            FaultKind::ConcurrentAccess,
            NotExecuted,
        ),
        (
            "TaskInProgress",
            r#"<task type="Task">task-1</task>"#,
            FaultKind::TaskInProgress {
                task: Some(ManagedObjectRef::task("task-1")),
            },
            NotExecuted,
        ),
        (
            "ResourceInUse",
            "<type>Datastore</type><name>d</name>",
            FaultKind::ResourceInUse {
                resource: text("Datastore"),
                name: text("d"),
            },
            NotExecuted,
        ),
        (
            "InsufficientResourcesFault",
            "",
            FaultKind::InsufficientResources,
            NotExecuted,
        ),
        (
            "InsufficientMemoryResourcesFault",
            "",
            FaultKind::InsufficientResources,
            NotExecuted,
        ),
        (
            "NoDiskSpace",
            "<datastore>d</datastore>",
            FaultKind::InsufficientResources,
            NotExecuted,
        ),
        ("NotFound", "", FaultKind::NotFound, NotExecuted),
        (
            "InvalidCollectorVersion",
            "",
            FaultKind::InvalidCollectorVersion,
            NotExecuted,
        ),
        ("RequestCanceled", "", FaultKind::RequestCanceled, Unknown),
        (
            "HostCommunication",
            "",
            FaultKind::HostCommunication,
            Unknown,
        ),
        (
            "HostNotConnected",
            "",
            FaultKind::HostCommunication,
            Unknown,
        ),
        (
            "FileAlreadyExists",
            "<file>[d] web</file>",
            FaultKind::FileAlreadyExists {
                file: text("[d] web"),
            },
            NotExecuted,
        ),
        (
            "InvalidName",
            "<name>a/b</name>",
            FaultKind::InvalidName { name: text("a/b") },
            NotExecuted,
        ),
        (
            "InvalidArgument",
            "<invalidProperty>spec.pool</invalidProperty>",
            property("spec.pool"),
            NotExecuted,
        ),
        (
            "InvalidProperty",
            "<name>no.such</name>",
            property("no.such"),
            NotExecuted,
        ),
        (
            "AlreadyExists",
            "<name>n</name>",
            FaultKind::AlreadyExists { name: text("n") },
            NotExecuted,
        ),
        ("NotSupported", "", FaultKind::NotSupported, NotExecuted),
        (
            "SystemError",
            "<reason>r</reason>",
            FaultKind::Runtime,
            Unknown,
        ),
        ("RuntimeFault", "", FaultKind::Runtime, Unknown),
        ("VimAcmeUnheardOf", "<x>1</x>", FaultKind::Other, Unknown),
    ];
    for (name, fields, kind, certainty) in table {
        let fault = fault_for(fault_answer(name, fields)).await;
        let expected = Fault {
            name: name.to_owned(),
            message: "The text.".to_owned(),
            kind,
        };
        assert_eq!(fault, expected, "{name}");
        assert_eq!(fault.certainty(), certainty, "{name}");
    }
}

#[tokio::test]
async fn a_fault_says_which_call_failed_and_why() {
    let error = error_for(fault_answer("ConcurrentAccess", "")).await;
    let text = "PowerOffVM_Task on VirtualMachine:vm-42 failed: ConcurrentAccess: The text.";
    assert_eq!(error.to_string(), text);
}

#[tokio::test]
async fn the_prefixes_of_an_answer_do_not_matter() {
    let body = r#"<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault>
<faultcode>s:Server</faultcode><faultstring>t</faultstring><detail>
<v:anything xmlns:v="urn:vim25" xmlns:_XMLSchema-instance="http://www.w3.org/2001/XMLSchema-instance"
 _XMLSchema-instance:type="v:DuplicateName"><v:name>n</v:name><v:object type="Folder">f-1</v:object>
</v:anything></detail></s:Fault></s:Body></s:Envelope>"#;
    let fault = fault_for(body.to_owned()).await;
    let object = Some(ManagedObjectRef::folder("f-1"));
    assert_eq!(
        fault.kind,
        FaultKind::DuplicateName {
            name: "n".to_owned(),
            object
        }
    );
}

#[tokio::test]
async fn a_type_in_another_namespace_is_not_the_faults_type() {
    let body = envelope(
        r#"<soapenv:Fault><faultcode>c</faultcode><faultstring>t</faultstring><detail>
<NotFoundFault xmlns="urn:vim25" xmlns:e="urn:else" e:type="DuplicateName"/></detail></soapenv:Fault>"#,
    );
    assert_eq!(fault_for(body).await.name, "NotFound");
}

#[tokio::test]
async fn a_fault_without_detail_is_named_by_its_code() {
    let body = envelope(
        "<soapenv:Fault><faultcode>soapenv:VersionMismatch</faultcode><faultstring>no\nsuch\u{7f}version</faultstring></soapenv:Fault>",
    );
    let fault = fault_for(body).await;
    assert_eq!(
        (fault.name.as_str(), &fault.kind),
        ("VersionMismatch", &FaultKind::Other)
    );
    assert_eq!(
        fault.message, "no such version",
        "control characters are not kept"
    );
}

#[tokio::test]
async fn a_fault_sent_as_a_success_is_still_a_fault() {
    let server = Server::start(vec![Reply::ok(fault_answer("NotFound", ""))]).await;
    let vm = ManagedObjectRef::virtual_machine("vm-42");
    let error = server
        .client()
        .power_off_vm(&vm, None)
        .await
        .expect_err("a fault");
    assert_eq!(
        error.fault().map(|fault| &fault.kind),
        Some(&FaultKind::NotFound)
    );
}

#[tokio::test]
async fn a_long_text_is_cut() {
    let body = fault_answer("NotFound", "").replace("The text.", &"ä".repeat(5_000));
    assert_eq!(fault_for(body).await.message.chars().count(), 1_000);
}

#[tokio::test]
async fn a_failed_task_keeps_its_fault() {
    let page = include_str!("../golden/answers/failed_task.xml");
    let server = Server::start(vec![Reply::ok(page)]).await;
    let collector = ManagedObjectRef::new("PropertyCollector", "pc-1");
    let specs = [vmgroup_vim::FilterSpec::objects(
        "Task",
        &[ManagedObjectRef::task("task-9")],
        &["info"],
    )];
    let objects = server
        .client()
        .retrieve_all_properties(&collector, &specs, None)
        .await
        .unwrap();
    let task = TaskInfo::from_value(objects[0].get("info").unwrap()).unwrap();
    assert_eq!(task.state, TaskState::Error);
    let fault = task.error.expect("a failed task has a fault");
    assert_eq!(
        fault.to_string(),
        "DuplicateName: The name 'web' already exists."
    );
    let object = Some(ManagedObjectRef::virtual_machine("vm-60"));
    assert_eq!(
        fault.kind,
        FaultKind::DuplicateName {
            name: "web".to_owned(),
            object
        }
    );
}

#[tokio::test]
async fn a_method_that_would_destroy_more_than_it_says_is_not_sent() {
    let server = Server::start(vec![Reply::ok(returned("Destroy_Task", ""))]).await;
    let folder = ManagedObjectRef::folder("group-v3");
    let vm = ManagedObjectRef::virtual_machine("vm-42");
    let errors = [
        server.client().destroy_vm(&folder, None).await,
        server
            .client()
            .unregister_and_destroy_folder(&vm, None)
            .await,
    ];
    for error in errors {
        let error = error.expect_err("refused");
        assert!(matches!(error, Error::WrongKind { .. }), "{error:?}");
        assert_eq!(error.certainty(), Certainty::NotExecuted);
    }
    assert!(server.requests().is_empty());
}
