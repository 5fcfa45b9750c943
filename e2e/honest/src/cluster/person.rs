//! What people do with objects, by plain HTTP through `kubectl proxy`.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use vmgroup_core::group::{ADOPTION_ANNOTATION, Adoption, DEMO_FINALIZER};
use vmgroup_rig::Rig;

use super::operation::{Operation, What, Wish};
use super::spec::{EXPIRES, FOREIGN_FINALIZER, digest, written};
use crate::answer::Outcome;

const API: &str = "vm.codeconnect.vmworld.com/v1alpha1";
const ANSWER_LIMIT: Duration = Duration::from_secs(20);

/// An administrator with `kubectl proxy`.
#[derive(Debug)]
pub(super) struct Person {
    url: String,
    agent: ureq::Agent,
    proxy: Child,
}

impl Drop for Person {
    fn drop(&mut self) {
        // The steward ends the proxy when it loses its leash.
        drop(self.proxy.stdin.take());
        let _ = self.proxy.wait();
    }
}

/// What came of a deed.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) outcome: Outcome,
    /// The version of the group since then, if the API server says.
    pub(super) version: Option<u64>,
}

/// How the API server answered.
struct Said {
    code: u16,
    body: Value,
}

impl Person {
    pub(super) fn new(rig: &Rig) -> Result<Self> {
        let kubectl = rig.kubectl_command();
        let mut command = Command::new(rig.binaries().path("steward"));
        command.arg("run").arg(kubectl.get_program());
        command.args(["proxy", "--port=0", "--address=127.0.0.1"]);
        for (name, value) in kubectl.get_envs() {
            if let Some(value) = value {
                command.env(name, value);
            }
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        // It says how the proxy ended, which is how it is meant to end.
        command.stderr(Stdio::null());
        let mut proxy = command.spawn().context("failed to run kubectl proxy")?;
        let mut line = String::new();
        let said = proxy.stdout.take().context("kubectl proxy has no output")?;
        BufReader::new(said).read_line(&mut line)?;
        let address = line.trim().strip_prefix("Starting to serve on ");
        let url = format!("http://{}", address.context("kubectl proxy says no port")?);
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(ANSWER_LIMIT))
            .build();
        let agent = config.into();
        Ok(Person { url, agent, proxy })
    }

    pub(super) fn create_namespace(&self, name: &str) -> Result<()> {
        let body = json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name},
        });
        let said = self.post("/api/v1/namespaces", &body)?;
        if said.code != 201 {
            bail!("the namespace {name} was not created: {}", said.body);
        }
        Ok(())
    }

    /// Does what the operation says; gives the version of the group that came of it.
    pub(super) fn does(&self, namespace: &str, operation: &Operation) -> Result<Done> {
        let name = operation.group;
        let groups = format!("/apis/{API}/namespaces/{namespace}/vmgroups");
        let group = format!("{groups}/{name}");
        let approvals = format!("/apis/{API}/namespaces/{namespace}/planapprovals");
        let said = match &operation.what {
            What::Create(wish) => self.post(&groups, &object(name, *wish, &[]))?,
            What::CreateOfDemo(wish) => {
                self.post(&groups, &object(name, *wish, &[DEMO_FINALIZER]))?
            }
            What::Apply(wish) => {
                let path = format!("{group}?fieldManager=person&force=true");
                self.patch(&path, "apply-patch+yaml", &object(name, *wish, &[]))?
            }
            What::Edit(wish) => self.edit(&group, *wish)?,
            What::Scale(replicas) => self.scale(&group, *replicas)?,
            What::Flurry(all) => {
                let mut said = None;
                for replicas in all {
                    let next = self.scale(&group, *replicas)?;
                    let done = next.code < 300;
                    said = Some(next);
                    if !done {
                        break;
                    }
                }
                said.context("a flurry of nothing")?
            }
            What::Delete => self.delete(&group)?,
            What::Adopt(adoption) => {
                let word = adoption.map(Adoption::as_str);
                let body = json!({"metadata": {"annotations": {ADOPTION_ANNOTATION: word}}});
                self.patch(&group, "merge-patch+json", &body)?
            }
            What::Finalizer(present) => self.set_finalizer(&group, *present)?,
            What::Strip => {
                let body = json!({"metadata": {"finalizers": null}});
                self.patch(&group, "merge-patch+json", &body)?
            }
            What::Approve(number) => self.post(&approvals, &approval(*number, name))?,
            What::Withdraw(number) => self.delete(&format!("{approvals}/approval-{number}"))?,
            other => bail!("{} is no deed of a person", other.kind()),
        };
        Ok(said.done())
    }

    fn edit(&self, group: &str, wish: Wish) -> Result<Said> {
        match written(wish) {
            Some(spec) => {
                let body = json!([{"op": "add", "path": "/spec", "value": spec}]);
                self.patch(group, "json-patch+json", &body)
            }
            None => self.patch(group, "merge-patch+json", &json!({"spec": null})),
        }
    }

    fn scale(&self, group: &str, replicas: u32) -> Result<Said> {
        let body = json!({"spec": {"replicas": replicas}});
        self.patch(&format!("{group}/scale"), "merge-patch+json", &body)
    }

    fn set_finalizer(&self, group: &str, present: bool) -> Result<Said> {
        let now = self.said(self.agent.get(format!("{}{group}", self.url)).call())?;
        if now.code != 200 {
            return Ok(now);
        }
        let mut finalizers = now.body["metadata"]["finalizers"].clone();
        if finalizers.is_null() {
            finalizers = json!([]);
        }
        let all = finalizers.as_array_mut().context("finalizers are a list")?;
        all.retain(|name| name != FOREIGN_FINALIZER);
        if present {
            all.push(json!(FOREIGN_FINALIZER));
        }
        let body = json!({"metadata": {"finalizers": all}});
        self.patch(group, "merge-patch+json", &body)
    }

    fn post(&self, path: &str, body: &Value) -> Result<Said> {
        let request = self.agent.post(format!("{}{path}", self.url));
        let request = request.header("Content-Type", "application/json");
        self.said(request.send(body.to_string()))
    }

    fn patch(&self, path: &str, kind: &str, body: &Value) -> Result<Said> {
        let request = self.agent.patch(format!("{}{path}", self.url));
        let request = request.header("Content-Type", format!("application/{kind}"));
        self.said(request.send(body.to_string()))
    }

    fn delete(&self, path: &str) -> Result<Said> {
        self.said(self.agent.delete(format!("{}{path}", self.url)).call())
    }

    fn said(&self, answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<Said> {
        let mut answer = answer.context("the API server did not answer a person")?;
        let text = answer.body_mut().read_to_string()?;
        Ok(Said {
            code: answer.status().as_u16(),
            body: serde_json::from_str(&text).unwrap_or(Value::String(text)),
        })
    }
}

impl Said {
    fn done(&self) -> Done {
        let outcome = self.outcome();
        let is_group = matches!(self.body["kind"].as_str(), Some("VmGroup" | "Scale"));
        let version = self.body["metadata"]["resourceVersion"].as_str();
        Done {
            version: version
                .filter(|_| is_group)
                .and_then(|version| version.parse().ok()),
            outcome,
        }
    }

    fn outcome(&self) -> Outcome {
        match self.code {
            200..300 => Outcome::Fine("done by a person".into()),
            404 => Outcome::Fault("missing".into()),
            409 if self.body["reason"] == "AlreadyExists" => Outcome::Fault("exists".into()),
            409 => Outcome::Fault("conflict".into()),
            _ => Outcome::Fault("impossible".into()),
        }
    }
}

fn object(name: &str, wish: Wish, finalizers: &[&str]) -> Value {
    let mut object = json!({
        "apiVersion": API, "kind": "VmGroup", "metadata": {"name": name},
    });
    if !finalizers.is_empty() {
        object["metadata"]["finalizers"] = json!(finalizers);
    }
    if let Some(spec) = written(wish) {
        object["spec"] = spec;
    }
    object
}

fn approval(number: u32, group: &str) -> Value {
    json!({
        "apiVersion": API,
        "kind": "PlanApproval",
        "metadata": {"name": format!("approval-{number}")},
        "spec": {
            "group": group,
            "effectsDigest": digest(),
            "expiresAt": EXPIRES.to_rfc3339(),
        },
    })
}
