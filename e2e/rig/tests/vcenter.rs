//! The rig with vCenter alone: what its control port says is what happened.
#![allow(clippy::unwrap_used)]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use vmgroup_rig::{Control, FaultAt, FaultRule, Options, Rig, Signal, Trigger, When};

#[test]
fn the_trace_records_a_call_with_its_session_and_operation() {
    let rig = Rig::start(&Options::vcenter_only()).unwrap();
    rig.control().health().unwrap();
    let cookie = log_in(&rig, rig.vc_pass()).unwrap();
    assert_eq!(rig.control().sessions().unwrap(), 1);

    let answer = soap(
        &rig,
        &cookie,
        &create_folder(&folder_moid(&rig), "default-web"),
    );
    assert!(answer.contains("CreateFolderResponse"), "{answer}");

    let trace = rig.control().trace(0).unwrap();
    let methods: Vec<&str> = trace
        .calls
        .iter()
        .map(|call| call.method.as_str())
        .collect();
    assert_eq!(methods, ["Login", "CreateFolder"]);
    let call = trace.of("CreateFolder").next().unwrap();
    assert_eq!((call.seq, trace.last), (2, 2));
    assert_eq!(call.user, rig.vc_user());
    assert_eq!(call.operation_id, "op-1");
    assert_eq!(call.outcome, "ok");
    assert_eq!(call.arguments["name"], "default-web");
    assert_eq!(rig.control().trace(1).unwrap().calls, trace.calls[1..]);
    let folders = rig.control().folders().unwrap();
    assert!(
        folders
            .iter()
            .any(|f| f.path == "/vcqaDC/vm/vm-operator/default-web")
    );
}

#[test]
fn wrong_and_changed_passwords_and_expired_sessions_are_refused() {
    let rig = Rig::start(&Options::vcenter_only()).unwrap();
    assert_eq!(log_in(&rig, "wrong"), None);
    rig.control().set_password("another").unwrap();
    assert_eq!(log_in(&rig, rig.vc_pass()), None);
    let cookie = log_in(&rig, "another").unwrap();
    let read = r#"<RetrievePropertiesEx xmlns="urn:vim25"><_this type="PropertyCollector">propertyCollector</_this><options/></RetrievePropertiesEx>"#;
    assert!(!soap(&rig, &cookie, read).contains("NotAuthenticated"));
    assert_eq!(rig.control().expire_sessions().unwrap(), 1);
    assert!(soap(&rig, &cookie, read).contains("NotAuthenticated"));
    assert!(soap(&rig, "", read).contains("NotAuthenticated"));
    let trace = rig.control().trace(0).unwrap();
    assert_eq!(trace.calls[0].fault, "InvalidLogin");
    assert_eq!(trace.calls.last().unwrap().fault, "NotAuthenticated");
}

#[test]
fn rules_refuse_lose_and_drop_exactly_the_calls_they_name() {
    let rig = Rig::start(&Options::vcenter_only()).unwrap();
    let control = rig.control();
    let cookie = log_in(&rig, rig.vc_pass()).unwrap();
    let parent = folder_moid(&rig);
    let rule = FaultRule {
        skip: 1,
        ..FaultRule::once("CreateFolder", "NoPermission", FaultAt::Call)
    };
    control.add_fault(&rule).unwrap();
    control
        .add_trigger(&Trigger::lose_answer("CreateFolder", 3))
        .unwrap();
    let dropped = Trigger {
        when: When::Before,
        ..Trigger::lose_answer("CreateFolder", 4)
    };
    control.add_trigger(&dropped).unwrap();
    let answers: Vec<String> = ["a", "b", "c", "d"]
        .iter()
        .map(|name| soap(&rig, &cookie, &create_folder(&parent, name)))
        .collect();
    assert!(
        answers[0].contains("CreateFolderResponse"),
        "{}",
        answers[0]
    );
    assert!(answers[1].contains("NoPermission"), "{}", answers[1]);
    assert_eq!(answers[2..], ["", ""]);
    let trace = control.trace(0).unwrap();
    let outcomes: Vec<&str> = trace
        .of("CreateFolder")
        .map(|call| call.outcome.as_str())
        .collect();
    assert_eq!(outcomes, ["ok", "fault", "lost", "dropped"]);
    let made: Vec<String> = control
        .folders()
        .unwrap()
        .into_iter()
        .map(|f| f.path)
        .collect();
    for (name, exists) in [("a", true), ("b", false), ("c", true), ("d", false)] {
        let path = format!("/vcqaDC/vm/vm-operator/{name}");
        assert_eq!(made.contains(&path), exists, "{path}");
    }
    let unknown = FaultRule::once("CreateFolder", "NoSuchFault", FaultAt::Call);
    assert!(control.add_fault(&unknown).is_err());
}

#[test]
fn a_trigger_kills_a_process_after_the_call_was_executed() {
    let rig = Rig::start(&Options::vcenter_only()).unwrap();
    let mut victim = Command::new("sleep").arg("600").spawn().unwrap();
    let mut trigger = Trigger::kill_after("CreateFolder", 1, victim.id());
    trigger.signal = Signal::Kill;
    rig.control().add_trigger(&trigger).unwrap();
    let cookie = log_in(&rig, rig.vc_pass()).unwrap();
    soap(&rig, &cookie, &create_folder(&folder_moid(&rig), "made"));
    assert!(!victim.wait().unwrap().success());
    let folders = rig.control().folders().unwrap();
    assert!(folders.iter().any(|f| f.path.ends_with("/made")));
}

const HELD: &str = "VMGROUP_RIG_TEST_HOLDS";

#[test]
fn everything_ends_when_the_process_that_started_it_is_killed() {
    if let Some(directory) = std::env::var_os(HELD) {
        let options = Options {
            directory: Some(directory.into()),
            ..Options::vcenter_only()
        };
        let rig = Rig::start(&options).unwrap();
        let partial = rig.directory().join("held.partial");
        std::fs::write(&partial, rig.control_url()).unwrap();
        std::fs::rename(partial, rig.directory().join("held")).unwrap();
        std::thread::sleep(Duration::from_secs(60));
        drop(rig);
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let mut holder = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "everything_ends_when_the_process_that_started_it_is_killed",
        ])
        .env(HELD, directory.path())
        .spawn()
        .unwrap();
    let url = wait_for(|| std::fs::read_to_string(directory.path().join("held")).ok());
    let control = Control::new(&url);
    control.health().unwrap();
    holder.kill().unwrap();
    holder.wait().unwrap();
    wait_for(|| control.health().err());
}

fn wait_for<T>(mut check: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(30);
    while Instant::now() < deadline {
        if let Some(found) = check() {
            return found;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("nothing came in 30 s");
}

#[test]
fn people_change_vms_by_hand_and_bystanders_stay() {
    let options = Options {
        bystanders: 2,
        ..Options::vcenter_only()
    };
    let rig = Rig::start(&options).unwrap();
    let control = rig.control();
    let vms = control.vms().unwrap().vms;
    let template = vms
        .iter()
        .find(|vm| vm.name == "vm-operator-template")
        .unwrap();
    assert!(
        template.template && template.disk_keys.len() == 1,
        "{template:?}"
    );
    assert_eq!(template.power, "poweredOff");
    let bystanders: Vec<_> = vms
        .iter()
        .filter(|vm| vm.name.starts_with("bystander"))
        .collect();
    assert_eq!(bystanders.len(), 2);

    let moid = control
        .create_vm("stranger", "/vcqaDC/vm/vm-operator")
        .unwrap();
    let find = |moid: &str| {
        control
            .vms()
            .unwrap()
            .vms
            .into_iter()
            .find(|vm| vm.moid == moid)
            .unwrap()
    };
    control
        .set_extra_config(&moid, "vmgroup.marker", "m")
        .unwrap();
    control.set_power(&moid, "poweredOn").unwrap();
    control.set_connection(&moid, "inaccessible").unwrap();
    let hidden = find(&moid);
    assert_eq!(
        (hidden.power.as_str(), hidden.connection.as_str()),
        ("poweredOn", "inaccessible")
    );
    assert_eq!(hidden.markers["vmgroup.marker"], "m");
    control.set_connection(&moid, "connected").unwrap();
    control.rename_vm(&moid, "renamed").unwrap();
    control.move_vm(&moid, "/vcqaDC/vm").unwrap();
    let moved = find(&moid);
    assert_eq!(
        (moved.name.as_str(), moved.folder.as_str()),
        ("renamed", "/vcqaDC/vm")
    );

    let copy = control
        .copy_vm(&moid, "copy", "/vcqaDC/vm/vm-operator", true)
        .unwrap();
    assert_eq!(find(&copy).markers["vmgroup.marker"], "m");
    let duplicates = control.vms().unwrap().duplicates;
    assert_eq!(
        duplicates.into_values().collect::<Vec<_>>(),
        [[moid.clone(), copy.clone()]]
    );
    control.delete_vm(&copy).unwrap();
    control.delete_vm(&moid).unwrap();
    assert_eq!(control.vms().unwrap().vms, vms);
    assert_eq!(control.trace(0).unwrap().calls, []);
}

#[test]
fn limits_privileges_clock_and_retention_are_as_they_were_set() {
    let rig = Rig::start(&Options::vcenter_only()).unwrap();
    let control = rig.control();
    control.set_session_limits(1, Duration::ZERO).unwrap();
    let cookie = log_in(&rig, rig.vc_pass()).unwrap();
    assert_eq!(log_in(&rig, rig.vc_pass()), None);

    let parent = folder_moid(&rig);
    control.set_missing_privileges(&["Folder.Create"]).unwrap();
    let refused = soap(&rig, &cookie, &create_folder(&parent, "a"));
    assert!(refused.contains("NoPermission"), "{refused}");
    control.set_missing_privileges(&[]).unwrap();
    soap(&rig, &cookie, &create_folder(&parent, "a"));

    let century = Duration::from_secs(100 * 365 * 24 * 60 * 60);
    control
        .set_clock_skew(century.as_millis().try_into().unwrap())
        .unwrap();
    let clock = r#"<CurrentTime xmlns="urn:vim25"><_this type="ServiceInstance">ServiceInstance</_this></CurrentTime>"#;
    let time = soap(&rig, &cookie, clock);
    assert!(time.contains(">21"), "{time}");

    control.set_unique_instance_uuids(true).unwrap();
    let folder = "/vcqaDC/vm/vm-operator";
    let moid = control.create_vm("stranger", folder).unwrap();
    control.copy_vm(&moid, "copy", folder, true).unwrap();
    assert!(control.vms().unwrap().duplicates.is_empty());

    control
        .set_task_retention(Duration::from_millis(1))
        .unwrap();
    let destroy = format!(
        r#"<Destroy_Task xmlns="urn:vim25"><_this type="VirtualMachine">{moid}</_this></Destroy_Task>"#
    );
    soap(&rig, &cookie, &destroy);
    let task = control.trace(0).unwrap().calls.pop().unwrap().task;
    let read =
        format!(r#"<CancelTask xmlns="urn:vim25"><_this type="Task">{task}</_this></CancelTask>"#);
    wait_for(|| {
        let answer = soap(&rig, &cookie, &read);
        answer.contains("ManagedObjectNotFound").then_some(())
    });
    let tasks = control.tasks().unwrap();
    assert_eq!(tasks.len(), 1, "{tasks:?}");
    assert_eq!(
        (tasks[0].moid.as_str(), tasks[0].state.as_str()),
        (task.as_str(), "success")
    );
}

#[test]
fn the_corrections_of_the_simulator_hold_for_another_client() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../components/vcsim");
    let output = Command::new("go")
        .args(["test", "-mod=readonly", "-count=1", "./..."])
        .env("GOWORK", "off")
        .env("CGO_ENABLED", "0")
        .current_dir(sources)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn folder_moid(rig: &Rig) -> String {
    let folders = rig.control().folders().unwrap();
    folders
        .into_iter()
        .find(|f| f.path == "/vcqaDC/vm/vm-operator")
        .unwrap()
        .moid
}

fn create_folder(parent: &str, name: &str) -> String {
    format!(
        r#"<CreateFolder xmlns="urn:vim25"><_this type="Folder">{parent}</_this><name>{name}</name></CreateFolder>"#
    )
}

/// The cookie of a new session, if the password is right.
fn log_in(rig: &Rig, password: &str) -> Option<String> {
    let user = rig.vc_user();
    let body = format!(
        r#"<Login xmlns="urn:vim25"><_this type="SessionManager">SessionManager</_this><userName>{user}</userName><password>{password}</password></Login>"#
    );
    let answer = soap(rig, "", &body);
    let (_, rest) = answer.split_once("vmware_soap_session=")?;
    let value = rest.split([';', '\r']).next()?;
    Some(format!("vmware_soap_session={value}"))
}

/// The whole answer to a SOAP call, empty when there was none.
fn soap(rig: &Rig, cookie: &str, body: &str) -> String {
    let envelope = format!(
        r#"<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Header><operationID>op-1</operationID></Header><Body>{body}</Body></Envelope>"#
    );
    let host = rig.vc_host();
    let request = format!(
        "POST /sdk HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{envelope}",
        envelope.len()
    );
    let authority = CertificateDer::from_pem_file(rig.vc_authority()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(authority).unwrap();
    let config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = StreamOwned::new(connection, TcpStream::connect(host).unwrap());
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    // A connection that ends without an answer is what some tests ask for.
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8(answer).unwrap()
}
