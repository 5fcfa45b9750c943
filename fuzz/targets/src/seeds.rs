//! Inputs to begin with: the cases, samples and recorded answers of this repository as they stand in
//! it, and a few by hand where nothing stands there.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde_json::{Value, json};
use vmgroup_core::group::Spec;
use vmgroup_core::observation::Observation;
use vmgroup_files::Document;

use crate::rewrite::RECIPE;
use crate::wit_result::CODE;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// The spec that hashes are compared with.
pub(crate) fn spec() -> &'static Spec {
    static SPEC: LazyLock<Spec> = LazyLock::new(|| {
        let spec = json!({"cpu": 1, "memory": 1, "replicas": 3, "template": "base"});
        vmgroup_api::spec_from_json(Some(&spec)).expect("a spec")
    });
    &SPEC
}

/// An observation of a group with one member.
pub(crate) fn observation() -> Observation {
    static OBSERVATION: LazyLock<Observation> = LazyLock::new(|| {
        let seen = json!({
            "context": {"now": 1_000_000},
            "desired": {"replicas": 1},
            "members": [{"id": "vm-1", "slot": 0}],
            "asOf": 1_000_000,
        });
        serde_json::from_value(seen).expect("an observation")
    });
    OBSERVATION.clone()
}

pub(crate) fn cases() -> Vec<Vec<u8>> {
    let with_an_answer = |case: &Value| {
        let mut case = case.clone();
        let actions = json!([{"effect": {"clone": 0}, "reason": {"code": CODE, "message": "m"}}]);
        case["actual"] = json!({"module": "sha256:ab", "answer": {"plan": {"actions": actions}}});
        case
    };
    let cases = case_files();
    let answered: Vec<Value> = cases.iter().take(8).map(with_an_answer).collect();
    cases
        .iter()
        .chain(&answered)
        .map(|case| case.to_string().into_bytes())
        .collect()
}

pub(crate) fn observations() -> Vec<Vec<u8>> {
    let cases = case_files();
    cases
        .iter()
        .map(|case| case["input"].to_string().into_bytes())
        .collect()
}

fn case_files() -> Vec<Value> {
    let texts = files("guest/cases/default", "json").into_iter();
    let texts = texts.chain(files("guest/cases/laws", "json"));
    texts
        .map(|text| serde_json::from_slice(&text).expect("a case is JSON"))
        .collect()
}

pub(crate) fn specs() -> Vec<Vec<u8>> {
    let approval = json!({
        "group": "web", "effectsDigest": "sha256:ab", "expiresAt": "2026-12-01T00:00:00Z"
    });
    let groups = documents().into_iter().flat_map(|text| {
        let text = String::from_utf8(text).expect("a sample is text");
        let read =
            vmgroup_files::documents_in(Path::new("sample"), &text, &crate::document::schema());
        read.into_iter().filter_map(|document| match document {
            Ok(Document::Group(group)) => Some(group.written),
            _ => None,
        })
    });
    let all = groups.chain([approval]);
    all.map(|spec| spec.to_string().into_bytes()).collect()
}

pub(crate) fn documents() -> Vec<Vec<u8>> {
    let samples = ["crds/samples/valid", "crds/samples/invalid", "crds/samples"];
    samples
        .iter()
        .flat_map(|folder| files(folder, "yaml"))
        .collect()
}

pub(crate) fn settings() -> Vec<Vec<u8>> {
    let by_hand = [
        json!({}),
        json!({"timeZone": "Europe/Berlin", "quiet": {"from": "22:00", "to": "06:00"}}),
        json!({"b": 1.5, "a": [1, -1, 0.25, null, true], "é": {"\u{20ac}": "x", "1": 9_007_199_254_740_991_u64}}),
        json!({"n": 1e21, "m": 1e-7, "deep": [[[[{"a": {"b": {}}}]]]], "s": "\u{7f}\u{1}\"\\"}),
    ];
    by_hand
        .iter()
        .map(|settings| settings.to_string().into_bytes())
        .collect()
}

pub(crate) fn markers() -> Vec<Vec<u8>> {
    let marker = |version: u32, slot: u32| {
        json!({
            "version": version, "install": "prod", "namespace": "default", "name": "web",
            "identity": "0a1b2c3d-0000-4000-8000-000000000001", "slot": slot,
            "instanceUuid": "ee9f8f0f-4dc4-5aa4-8079-01f5de55ea4b", "disks": [2_000, 2_001],
        })
    };
    let hash = vmgroup_core::hash::spec_hash(spec());
    let texts = [
        format!("{}\n{hash}", marker(1, 0)),
        format!("{}\nv1:48cb545c8ce6ee96-18f8100da67bb9a1", marker(2, 999)),
        format!("{}", marker(1, 4_294_967_295)),
    ];
    texts.into_iter().map(String::into_bytes).collect()
}

pub(crate) fn names() -> Vec<Vec<u8>> {
    let long = "x".repeat(120);
    let texts = [
        "default\nvg-1\ndefault\nvg-2\n0a1b2c3d-0000-4000-8000-000000000001\n0".to_owned(),
        "a-b\nc\na\nb-c\nidentity\n999".to_owned(),
        format!("n\n{long}\nn\n{long}y\ni\n4294967295"),
        "ü\n\u{202e}name\u{7}\n\nß\n\n7".to_owned(),
    ];
    texts.into_iter().map(String::into_bytes).collect()
}

pub(crate) fn answers() -> Vec<Vec<u8>> {
    let mut all = files("host/vim/tests/golden/answers", "xml");
    all.push(FAULT.as_bytes().to_vec());
    all
}

const FAULT: &str = r#"<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body><soapenv:Fault><faultcode>ServerFaultCode</faultcode><faultstring>The name 'web' already exists.</faultstring><detail><DuplicateNameFault xmlns="urn:vim25" xsi:type="DuplicateName"><name>web</name><object type="VirtualMachine">vm-42</object></DuplicateNameFault></detail></soapenv:Fault></soapenv:Body></soapenv:Envelope>"#;

pub(crate) fn components() -> Vec<Vec<u8>> {
    let texts = [
        "(component)",
        "(module)",
        "(component (import \"a:b/c@0.1.0\" (instance)))",
    ];
    let small = texts
        .iter()
        .map(|text| wat::parse_str(text).expect("well formed"));
    let recipes = (0..12).map(|steps: u16| {
        let places =
            (0..steps).flat_map(|step| (step * 97 + steps).to_le_bytes().into_iter().chain([7]));
        RECIPE.iter().copied().chain(places).collect()
    });
    let whole = [crate::wit_result::component()];
    small.chain(whole).chain(recipes).collect()
}

pub(crate) fn memories() -> Vec<Vec<u8>> {
    let image = |words: &[(usize, u32)]| {
        let mut image = vec![0; 320];
        image[256..262].copy_from_slice(b"whyvm1");
        for (at, word) in words {
            image[*at..at + 4].copy_from_slice(&word.to_le_bytes());
        }
        image
    };
    let code = |at: usize| [(at, 256), (at + 4, 3)];
    let member = |at: usize| [(at, 259), (at + 4, 3)];
    let empty = image(&[]);
    let refusal = image(&[&[(0, 1), (24, 1), (32, 60_000)][..], &code(8), &code(40)].concat());
    let plan = image(
        &[
            &[
                (8, 80),
                (12, 3),
                (16, 1),
                (24, 1_000),
                (48, 1),
                (60, 176),
                (64, 2),
            ][..],
            &code(32),
            &code(52),
            &code(96),
            &[(112, 1)],
            &member(116),
            &code(128),
            &[(144, 2), (156, 1)],
            &member(148),
            &code(160),
            &code(176),
            &member(184),
        ]
        .concat(),
    );
    vec![empty, refusal, plan]
}

/// The files of a folder with that ending, in the order of their names.
fn files(folder: &str, ending: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(ROOT).join(folder);
    let entries = fs::read_dir(&folder);
    let entries = entries.unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = entries.map(|entry| entry.expect("an entry of the folder").path());
    let mut paths: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|it| it == ending))
        .collect();
    paths.sort();
    paths
        .iter()
        .map(|path| fs::read(path).expect("a file of this repository"))
        .collect()
}
