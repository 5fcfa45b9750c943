//! Calls to the API server, told from method and path.

use hyper::http::request::Parts;
use serde_json::{Value, json};

use crate::call::{Call, Server};

const GROUPS: &str = "vmgroups";

/// What a request asks the API server for.
pub(crate) fn read(parts: &Parts, body: &[u8]) -> Call {
    let place = Place::of(parts.uri.path());
    let written: Option<Value> = serde_json::from_slice(body).ok();
    let mut name = place.name.clone();
    if name.is_empty() {
        let metadata = written.as_ref().map(|written| &written["metadata"]);
        let given = metadata.and_then(|it| it["name"].as_str().or(it["generateName"].as_str()));
        name = given.unwrap_or_default().to_owned();
    }
    let object = match (place.namespace.as_str(), name.as_str()) {
        ("", name) => name.to_owned(),
        (namespace, "") => namespace.to_owned(),
        (namespace, name) => format!("{namespace}/{name}"),
    };
    let verb = verb(parts, !place.name.is_empty());
    let is_group = place.resource.split('/').next() == Some(GROUPS) && !name.is_empty();
    Call {
        server: Server::Kubernetes,
        changes: !matches!(verb, "get" | "list" | "watch"),
        verb: verb.to_owned(),
        group: is_group.then(|| object.clone()),
        resource: place.resource,
        object,
        written,
        ..Call::default()
    }
}

/// The object that the API server answers an error with.
pub(crate) fn status(code: u16, retry_after_s: Option<u32>) -> Value {
    let reason = match code {
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "NotFound",
        409 => "Conflict",
        410 => "Expired",
        422 => "Invalid",
        429 => "TooManyRequests",
        500 => "InternalError",
        503 => "ServiceUnavailable",
        504 => "Timeout",
        _ => "",
    };
    let mut status = json!({
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": format!("the fault proxy answers {code}"),
        "reason": reason,
        "code": code,
    });
    if let Some(seconds) = retry_after_s {
        status["details"] = json!({ "retryAfterSeconds": seconds });
    }
    status
}

fn verb(parts: &Parts, named: bool) -> &'static str {
    let watches = parts
        .uri
        .query()
        .unwrap_or_default()
        .split('&')
        .any(|part| matches!(part, "watch=true" | "watch=1"));
    match (parts.method.as_str(), named) {
        ("GET" | "HEAD", _) if watches => "watch",
        ("GET" | "HEAD", true) => "get",
        ("GET" | "HEAD", false) => "list",
        ("POST", _) => "create",
        ("PUT", _) => "update",
        ("PATCH", _) => "patch",
        ("DELETE", true) => "delete",
        ("DELETE", false) => "deletecollection",
        _ => "other",
    }
}

#[derive(Default)]
struct Place {
    namespace: String,
    resource: String,
    name: String,
}

impl Place {
    /// `/api/v1/…` or `/apis/group/version/…`, then `namespaces/NAMESPACE` if there
    /// is one, resource, name, subresource. Anything else is a name of itself.
    fn of(path: &str) -> Self {
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let rest = match parts.as_slice() {
            ["api", _, rest @ ..] | ["apis", _, _, rest @ ..] if !rest.is_empty() => rest,
            _ => {
                return Self {
                    name: path.to_owned(),
                    ..Self::default()
                };
            }
        };
        let (namespace, rest) = match rest {
            ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (*namespace, rest),
            rest => ("", rest),
        };
        let (resource, name) = match rest {
            [resource, name, sub @ ..] if !sub.is_empty() => {
                (format!("{resource}/{}", sub.join("/")), *name)
            }
            [resource, name] => ((*resource).to_owned(), *name),
            [resource] => ((*resource).to_owned(), ""),
            _ => (String::new(), ""),
        };
        Self {
            namespace: namespace.to_owned(),
            resource,
            name: name.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::Request;

    fn told(method: &str, uri: &str, body: &str) -> String {
        let request = Request::builder().method(method).uri(uri).body(());
        let (parts, ()) = request.expect("a request").into_parts();
        read(&parts, body.as_bytes()).to_string()
    }

    #[test]
    fn calls_are_told_from_method_and_path() {
        let groups = "/apis/vm.codeconnect.vmworld.com/v1alpha1/namespaces/shop/vmgroups";
        let table = [
            ("GET", groups.to_owned(), "list vmgroups shop"),
            (
                "GET",
                format!("{groups}?watch=true&timeoutSeconds=9"),
                "watch vmgroups shop",
            ),
            (
                "PUT",
                format!("{groups}/web/status"),
                "update vmgroups/status shop/web",
            ),
            (
                "PATCH",
                format!("{groups}/web?fieldManager=x"),
                "patch vmgroups shop/web",
            ),
            (
                "DELETE",
                "/api/v1/namespaces/shop".into(),
                "delete namespaces shop",
            ),
            ("GET", "/version".into(), "get  /version"),
        ];
        for (method, uri, wanted) in table {
            assert_eq!(told(method, &uri, ""), wanted);
        }
        let leases = "/apis/coordination.k8s.io/v1/namespaces/shop/leases";
        let body = r#"{"metadata":{"name":"vmgroup"}}"#;
        assert_eq!(told("POST", leases, body), "create leases shop/vmgroup");
    }

    #[test]
    fn only_calls_about_one_group_are_of_a_group() {
        let call = |uri: &str| {
            let request = Request::builder().uri(uri).body(()).expect("a request");
            read(&request.into_parts().0, b"").group
        };
        let groups = "/apis/vm.codeconnect.vmworld.com/v1alpha1/namespaces/shop/vmgroups";
        assert_eq!(call(groups), None);
        assert_eq!(call(&format!("{groups}/web")), Some("shop/web".into()));
        assert_eq!(call("/api/v1/namespaces/shop/secrets/web"), None);
    }
}
