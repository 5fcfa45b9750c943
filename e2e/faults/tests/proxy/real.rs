//! The proxy before a kube-apiserver and a vCenter simulator.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use vmgroup_faults::{Action, Delivery, Fate, Options, Pattern, Plan, Proxy, Rule, Server, Target};
use vmgroup_rig::Rig;

use crate::client::{Client, ask, body, status};

fn address(url: &str) -> String {
    url.trim_start_matches("https://").to_owned()
}

/// The administrator's kubeconfig, but through the proxy.
fn kubectl(rig: &Rig, proxy: &Proxy, arguments: &[&str]) -> (String, bool) {
    let folder = tempfile::tempdir().unwrap();
    let authority = folder.path().join("authority.pem");
    fs::write(&authority, proxy.authority()).unwrap();
    let mut command: Command = rig.kubectl_command();
    let server = format!("https://{}", proxy.kubernetes().unwrap());
    command.args(["--server", &server, "--certificate-authority"]);
    command.arg(&authority).args(arguments);
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (
        String::from_utf8_lossy(&said).into_owned(),
        output.status.success(),
    )
}

#[test]
fn kubectl_and_a_soap_client_work_through_it_and_are_hit_as_planned() {
    let rig = Rig::start(&vmgroup_rig::Options::default()).unwrap();
    let kubeconfig: serde_json::Value =
        serde_json::from_slice(&fs::read(rig.kubeconfig()).unwrap()).unwrap();
    let authority = &kubeconfig["clusters"][0]["cluster"]["certificate-authority"];
    let options = Options {
        name: "proxy".into(),
        kubernetes: Some(Target {
            address: address(rig.api_server_url()),
            authority: fs::read(authority.as_str().unwrap()).unwrap(),
        }),
        vcenter: Some(Target {
            address: rig.vc_host().to_owned(),
            authority: fs::read(rig.vc_authority()).unwrap(),
        }),
        ..Options::default()
    };
    let proxy = Proxy::start(options).unwrap();

    let (said, ok) = kubectl(&rig, &proxy, &["create", "configmap", "one"]);
    assert!(ok, "{said}");
    let create = Pattern {
        server: Some(Server::Kubernetes),
        resource: Some("configmaps".into()),
        ..Pattern::verb("create")
    };
    let answer = Action::Answer {
        status: 503,
        retry_after_s: None,
        forwarded: true,
    };
    proxy.add(Rule::once(create.clone(), answer)).unwrap();
    let (said, ok) = kubectl(&rig, &proxy, &["create", "configmap", "two"]);
    assert!(!ok && said.contains("fault proxy answers 503"), "{said}");
    // It was carried out all the same.
    rig.kubectl(&["get", "configmap", "two"]).unwrap();
    let creates = proxy.trace().of(&create);
    assert_eq!(creates.len(), 2);
    assert_eq!(
        (creates[1].status, creates[1].delivery),
        (Some(201), Delivery::Changed)
    );

    let watches = Pattern::verb("watch");
    let cut = Action::Watch {
        after: 1,
        fate: Fate::Cut,
        events: 0,
    };
    proxy.add(Rule::once(watches, cut)).unwrap();
    // Without a version it begins with what is there, and would last for its time.
    let path = "/api/v1/namespaces/default/configmaps?watch=true&timeoutSeconds=20";
    let began = Instant::now();
    let (said, _) = kubectl(&rig, &proxy, &["get", "--raw", path]);
    assert_eq!(said.matches(r#""type":"ADDED""#).count(), 1, "{said}");
    assert!(began.elapsed() < Duration::from_secs(15));

    let call = r#"<?xml version="1.0"?><e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><RetrieveServiceContent xmlns="urn:vim25"><_this type="ServiceInstance">ServiceInstance</_this></RetrieveServiceContent></e:Body></e:Envelope>"#;
    let ask_content = || ask(Client::vcenter(&proxy), "POST", "/sdk", call).0;
    assert_eq!(status(&ask_content()), "200");
    let fault = Plan::parse(
        r#"{"rules":[{"on":{"verb":"RetrieveServiceContent"},"act":{"fault":{"type":"NotAuthenticated"}}}]}"#,
    );
    proxy.add(fault.unwrap().rules.remove(0)).unwrap();
    let answer = ask_content();
    assert!(body(&answer).contains("NotAuthenticated"), "{answer}");
}
