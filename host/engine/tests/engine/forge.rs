//! Forges components: a core module written by hand around bodies that a test
//! gives, encoded against the real contract or a variation of it.

use vmgroup_core::observation::Observation;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};

/// Where the answer of `reconcile` lies: 72 zero bytes, which are an empty plan.
pub(crate) const ANSWER: usize = 2112;

/// A well-behaved component, but for what a test changes.
pub(crate) struct Forge {
    /// The contract's text.
    pub(crate) wit: String,
    /// Version in the names of the exports.
    pub(crate) version: &'static str,
    /// Imports in the text format.
    pub(crate) imports: String,
    /// Memory in the text format.
    pub(crate) memory: &'static str,
    /// Anything else: tables, globals, functions, `start`.
    pub(crate) items: String,
    /// What `describe` says.
    pub(crate) reason_codes: Vec<&'static str>,
    /// What `describe` says.
    pub(crate) settings_schema: String,
    /// Body of `validate-settings`.
    pub(crate) validate: &'static str,
    /// Body of `reconcile`.
    pub(crate) reconcile: String,
}

impl Default for Forge {
    fn default() -> Self {
        Forge {
            wit: contract(),
            version: "0.1.0",
            imports:
                r#"(import "vmgroup:operator/log@0.1.0" "log" (func $log (param i32 i32 i32)))"#
                    .into(),
            memory: "1",
            items: String::new(),
            reason_codes: vec!["why"],
            settings_schema: "{}".into(),
            validate: "i32.const 2048",
            reconcile: format!("i32.const {ANSWER}"),
        }
    }
}

impl Forge {
    /// A component whose `reconcile` has this body. The observation is local 0.
    pub(crate) fn reconciling(body: &str) -> Vec<u8> {
        Forge {
            reconcile: body.into(),
            ..Forge::default()
        }
        .component()
    }

    /// A component with further items in its core module.
    pub(crate) fn with_items(items: &str) -> Vec<u8> {
        Forge {
            items: items.into(),
            ..Forge::default()
        }
        .component()
    }

    /// The core module alone.
    pub(crate) fn core_module(&self) -> Vec<u8> {
        wat::parse_str(self.text()).expect("the forged text is well formed")
    }

    /// The component.
    pub(crate) fn component(&self) -> Vec<u8> {
        let mut resolve = wit_parser::Resolve::default();
        let package = resolve
            .push_str("contract.wit", &self.wit)
            .expect("the contract parses");
        let world = resolve
            .select_world(&[package], Some("reconciler"))
            .expect("the world");
        let mut module = self.core_module();
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
            .expect("metadata can be embedded");
        ComponentEncoder::default()
            .validate(false)
            .module(&module)
            .and_then(|mut encoder| encoder.encode())
            .expect("the component can be encoded")
    }

    fn text(&self) -> String {
        let Forge {
            version,
            imports,
            memory,
            items,
            validate,
            reconcile,
            ..
        } = self;
        let data = self.description();
        format!(
            r#"(module
                {imports}
                (memory (export "memory") {memory})
                (global $top (mut i32) (i32.const 8192))
                {items}
                (func (export "vmgroup:operator/logic@{version}#describe") (result i32) i32.const 1024)
                (func (export "vmgroup:operator/logic@{version}#validate-settings")
                    (param i32 i32) (result i32) {validate})
                (func $reconcile (export "vmgroup:operator/logic@{version}#reconcile")
                    (param i32) (result i32) {reconcile})
                (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
                    (local.set $at (i32.and
                        (i32.add (global.get $top) (i32.sub (local.get 2) (i32.const 1)))
                        (i32.sub (i32.const 0) (local.get 2))))
                    (global.set $top (i32.add (local.get $at) (local.get 3)))
                    (if (i32.gt_u (global.get $top) (i32.shl (memory.size) (i32.const 16)))
                        (then (drop (memory.grow (i32.add (i32.const 1) (i32.shr_u
                            (i32.sub (global.get $top) (i32.shl (memory.size) (i32.const 16)))
                            (i32.const 16)))))))
                    (local.get $at))
                {data})"#
        )
    }

    /// The record that `describe` returns, at 1024, and its strings, from 4096.
    fn description(&self) -> String {
        let mut strings = String::new();
        let mut place = |text: &str| {
            let at = 4096 + strings.len();
            strings.push_str(text);
            [at, text.len()]
        };
        let codes: Vec<[usize; 2]> = self.reason_codes.iter().map(|code| place(code)).collect();
        let record = [
            place("forged"),
            place("1.0.0"),
            [1100, codes.len()],
            place(&self.settings_schema),
            place("{}"),
        ];
        format!(
            "(data (i32.const 1024) \"{}\") (data (i32.const 1100) \"{}\") (data (i32.const 4096) \"{}\")",
            words(&record),
            words(&codes),
            strings
                .bytes()
                .map(|byte| format!("\\{byte:02x}"))
                .collect::<String>(),
        )
    }
}

/// Pairs of numbers as memory holds them, escaped.
pub(crate) fn words(pairs: &[[usize; 2]]) -> String {
    let bytes = pairs
        .iter()
        .flatten()
        .flat_map(|word| (*word as u32).to_le_bytes());
    bytes.map(|byte| format!("\\{byte:02x}")).collect()
}

/// The text of the contract.
pub(crate) fn contract() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit/reconciler.wit");
    std::fs::read_to_string(path).expect("the contract")
}

/// A group of ready members that wants as many.
pub(crate) fn observation(members: u32) -> Observation {
    let member = |slot: u32| {
        serde_json::json!({
            "id": format!("vm-{slot}"), "slot": slot, "power": "on", "powerSince": 1,
            "connection": "connected", "health": "ready", "healthSince": 1, "drift": "none",
            "cpus": 1, "memoryMib": 1024, "createdAt": 1, "labels": [["app", "web"]],
        })
    };
    serde_json::from_value(serde_json::json!({
        "context": { "phase": "normal", "now": 1_000_000, "woken": "time-came", "settings": "{}" },
        "desired": {
            "replicas": members, "maxUnavailable": 1, "maxSurge": 1, "minAlive": 0, "spares": 0,
            "power": { "state": "on", "drift": "enforce", "graceMs": 300_000, "since": 0 },
            "removal": "newest", "update": "in-place", "heal": "never", "healAfterMs": 600_000,
            "parking": "forbidden",
            "budget": { "deletes": 10, "disruptions": 10, "windowEnds": 3_600_000 },
            "maxActions": 50,
        },
        "members": (0..members).map(member).collect::<Vec<_>>(),
        "complete": true, "asOf": 1_000_000,
    }))
    .expect("an observation")
}
