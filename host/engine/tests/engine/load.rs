//! What is refused before it runs, with the words that its author reads.

use std::sync::LazyLock;

use crate::forge::{self, Forge};
use vmgroup_engine::{CallError, Engine, Kind, Limits, LoadError, Stage, inspect};

static ENGINE: LazyLock<Engine> = LazyLock::new(|| Engine::new(Limits::default()));

fn refusal(bytes: &[u8]) -> LoadError {
    ENGINE.load(bytes).expect_err("the module is refused")
}

const CORE_MODULE_SECTION: u8 = 1;
const COMPONENT_SECTION: u8 = 4;

/// Puts an unused core module or component at the end of a component.
fn append_section(bytes: &mut Vec<u8>, id: u8, content: &[u8]) {
    bytes.push(id);
    let mut length = content.len();
    while length >= 0x80 {
        bytes.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    bytes.push(length as u8);
    bytes.extend(content);
}

#[test]
fn a_component_of_the_contract_is_accepted_and_says_who_it_is() {
    let bytes = Forge::default().component();
    let module = ENGINE.load(&bytes).unwrap();
    assert_eq!(module.description().name, "forged");
    assert_eq!(module.digest(), vmgroup_engine::digest(&bytes));
    assert!(module.digest().starts_with("sha256:"));
    assert_eq!(module.inspection().size, bytes.len());
}

#[test]
fn what_is_not_wasm_is_refused() {
    for bytes in [&b""[..], b"\0asm", b"#!/bin/sh", b"\x7fELF\x02\x01\x01\0"] {
        let error = refusal(bytes);
        assert!(matches!(error, LoadError::NotWasm { .. }), "{error}");
        assert_eq!(error.stage(), Stage::Inspect);
    }
    assert_eq!(refusal(b"").to_string(), "not a WebAssembly file (0 bytes)");
}

#[test]
fn a_core_module_is_refused_with_a_hint() {
    let error = refusal(&Forge::default().core_module());
    assert!(matches!(error, LoadError::CoreModule), "{error}");
    assert!(error.hint().unwrap().contains("wasm-tools component new"));
}

#[test]
fn every_truncation_is_refused() {
    let bytes = Forge::default().component();
    for length in (0..bytes.len()).step_by(37) {
        let error = refusal(&bytes[..length]);
        assert!(error.stage() <= Stage::Compile, "{length} bytes: {error}");
    }
    assert!(matches!(
        refusal(&bytes[..bytes.len() - 1]),
        LoadError::Invalid { .. }
    ));
}

#[test]
fn damaged_bytes_never_end_the_process() {
    let good = Forge::default().component();
    for at in (8..good.len()).step_by(11) {
        let mut bytes = good.clone();
        bytes[at] ^= 0x55;
        if let Ok(module) = ENGINE.load(&bytes) {
            let _ = module.attempt(&forge::observation(3));
        }
    }
    assert!(ENGINE.load(&good).is_ok());
}

#[test]
fn an_oversize_module_is_refused_with_its_size_and_the_limit() {
    let engine = Engine::new(Limits {
        module_bytes: 100,
        ..Limits::default()
    });
    let error = engine.load(&[0; 101]).unwrap_err();
    assert_eq!(error.to_string(), "module has 101 bytes, the limit is 100");
    assert_eq!(error.stage(), Stage::Size);
}

#[test]
fn a_module_with_too_many_functions_or_globals_is_refused_before_it_is_compiled() {
    let few = [
        Limits {
            functions: 3,
            ..Limits::default()
        },
        Limits {
            globals: 3,
            ..Limits::default()
        },
    ];
    let module = Forge {
        items: "(global i64 (i64.const 0))".repeat(4),
        ..Forge::default()
    };
    for (limits, wanted) in few.into_iter().zip(["functions", "globals"]) {
        let error = Engine::new(limits).load(&module.component()).unwrap_err();
        let LoadError::TooMany { what, limit, .. } = error else {
            panic!("{error}");
        };
        assert_eq!((what, limit), (wanted, 3));
    }
}

#[test]
fn nested_components_that_would_multiply_are_refused_before_they_are_compiled() {
    let mut items = String::new();
    for _ in 0..30 {
        items = format!(
            "(component $c {items}) (instance (instantiate $c)) (instance (instantiate $c))"
        );
    }
    let bomb = wat::parse_str(format!("(component {items})")).unwrap();
    assert_eq!(inspect(&bomb).nested_instances, 60);
    let mut bytes = Forge::default().component();
    append_section(&mut bytes, COMPONENT_SECTION, &bomb);
    let error = refusal(&bytes);
    assert_eq!(
        error.to_string(),
        "module has 61 instances of nested components, the limit is 20"
    );
}

#[test]
fn interfaces_nested_without_end_are_refused_on_an_ordinary_stack() {
    for depth in [20, 20_000] {
        let mut types = "(type $t0 (instance (export \"f\" (func))))".to_owned();
        for level in 1..=depth {
            types += &format!(
                "(type $t{level} (instance (alias outer 1 $t{} (type $t))
                    (export \"x\" (instance (type $t)))))",
                level - 1
            );
        }
        let text = format!("(component {types} (import \"deep\" (instance (type $t{depth}))))");
        let error = refusal(&wat::parse_str(text).unwrap());
        let refused = matches!(
            error,
            LoadError::ForbiddenImports { .. } | LoadError::Invalid { .. }
        );
        assert!(refused, "{depth}: {error}");
    }
}

#[test]
fn a_foreign_import_is_named() {
    let sockets = "package wasi:sockets@0.2.0 { interface tcp { connect: func(); } }";
    let forge = Forge::default();
    let forge = Forge {
        wit: forge
            .wit
            .replace("import log;", "import log; import wasi:sockets/tcp@0.2.0;")
            + sockets,
        imports: forge.imports + r#"(import "wasi:sockets/tcp@0.2.0" "connect" (func))"#,
        ..Forge::default()
    };
    let error = refusal(&forge.component());
    assert_eq!(
        error.to_string(),
        "imports what no module may have: wasi:sockets/tcp@0.2.0#connect"
    );
    assert_eq!(
        (error.stage(), error.class()),
        (Stage::Inspect, "forbidden-imports")
    );
}

#[test]
fn an_import_without_an_interface_is_named() {
    let forge = Forge::default();
    let forge = Forge {
        wit: forge
            .wit
            .replace("import log;", "import log; import now: func() -> u64;"),
        imports: forge.imports + r#"(import "$root" "now" (func (result i64)))"#,
        ..Forge::default()
    };
    assert_eq!(
        refusal(&forge.component()).to_string(),
        "imports what no module may have: now"
    );
}

#[test]
fn another_version_of_the_log_interface_is_foreign() {
    let text = r#"(component (import "vmgroup:operator/log@0.2.0"
        (instance (export "log" (func)) (export "shout" (func)))))"#;
    assert_eq!(
        refusal(&wat::parse_str(text).unwrap()).to_string(),
        "imports what no module may have: vmgroup:operator/log@0.2.0#log, \
         vmgroup:operator/log@0.2.0#shout"
    );
}

#[test]
fn an_interface_of_types_alone_may_be_imported() {
    let text = r#"(component (import "wasi:clocks/types@0.2.0" (instance (type $u u8) (export "t" (type (eq $u))))))"#;
    let error = refusal(&wat::parse_str(text).unwrap());
    assert!(matches!(error, LoadError::NoLogic { .. }), "{error}");
}

#[test]
fn a_wrong_version_is_named_with_the_right_one() {
    let forge = Forge {
        wit: forge::contract().replace("@0.1.0", "@9.9.9"),
        version: "9.9.9",
        imports: String::new(),
        ..Forge::default()
    };
    assert_eq!(
        refusal(&forge.component()).to_string(),
        "wrong version: exports vmgroup:operator/logic@9.9.9, this operator speaks 0.1.0"
    );
}

#[test]
fn a_component_of_another_world_is_refused_with_what_it_exports() {
    let error = refusal(&wat::parse_str("(component)").unwrap());
    assert_eq!(
        error.to_string(),
        "does not export vmgroup:operator/logic@0.1.0; it exports nothing"
    );
}

#[test]
fn the_right_name_with_the_wrong_types_does_not_link() {
    let text = r#"(component (instance $i) (export "vmgroup:operator/logic@0.1.0" (instance $i)))"#;
    let error = refusal(&wat::parse_str(text).unwrap());
    assert_eq!(error.stage(), Stage::Link, "{error}");
}

#[test]
fn threads_and_relaxed_simd_do_not_compile() {
    for body in [
        "(func (result v128) (i8x16.relaxed_swizzle (v128.const i64x2 0 0) (v128.const i64x2 0 0)))",
        "(func (result i32) (i32.atomic.load (i32.const 0)))",
        "(memory 1)",
        "(tag)",
    ] {
        let text = format!("(module (memory 1) {body})");
        let module = wat::parse_str(&text).unwrap();
        let mut bytes = Forge::default().component();
        append_section(&mut bytes, CORE_MODULE_SECTION, &module);
        let error = refusal(&bytes);
        assert_eq!(error.stage(), Stage::Compile, "{body}: {error}");
    }
}

#[test]
fn a_start_function_that_traps_is_found_when_the_module_is_asked_who_it_is() {
    let error = refusal(&Forge::with_items("(func $boom unreachable) (start $boom)"));
    let LoadError::Describe { source } = error else {
        panic!("{error}")
    };
    assert_eq!(source.class(), "trap");
}

#[test]
fn a_memory_bomb_at_instantiation_is_refused_with_what_it_asked_for() {
    let error = refusal(
        &Forge {
            memory: "20000",
            ..Forge::default()
        }
        .component(),
    );
    let LoadError::Describe { source } = error else {
        panic!("{error}")
    };
    assert_eq!(
        source,
        CallError::Memory {
            asked: 20_000 * 65_536,
            limit: Limits::default().memory_bytes
        }
    );
}

#[test]
fn a_table_bomb_is_refused_with_what_it_asked_for() {
    let error = refusal(&Forge::with_items(
        "(table 9000 funcref) (table 9000 funcref)",
    ));
    let LoadError::Describe { source } = error else {
        panic!("{error}")
    };
    assert_eq!(
        source,
        CallError::Table {
            asked: 18_001,
            limit: 10_000
        }
    );
}

#[test]
fn a_description_that_breaks_the_contract_is_refused() {
    let forge = Forge {
        reason_codes: vec!["Why Not"],
        ..Forge::default()
    };
    let error = refusal(&forge.component());
    assert!(
        error
            .to_string()
            .starts_with("description not accepted: reason code"),
        "{error}"
    );
    let schema = r#"{"$ref": "https://example.com/schema.json"}"#;
    let forge = Forge {
        settings_schema: schema.into(),
        ..Forge::default()
    };
    assert_eq!(refusal(&forge.component()).class(), "description");
}

#[test]
fn a_module_that_refuses_its_own_defaults_is_refused() {
    // An error case with one error, whose strings are empty.
    let validate = "(i32.store8 (i32.const 2048) (i32.const 1)) \
        (i32.store (i32.const 2052) (i32.const 2200)) (i32.store (i32.const 2056) (i32.const 1)) \
        i32.const 2048";
    let error = refusal(
        &Forge {
            validate,
            ..Forge::default()
        }
        .component(),
    );
    assert!(
        matches!(error, LoadError::DefaultSettings { .. }),
        "{error}"
    );
    assert_eq!(error.stage(), Stage::ValidateSettings);
}

#[test]
fn a_refused_module_can_be_inspected_all_the_same() {
    let core = inspect(&Forge::default().core_module());
    assert_eq!((core.kind, core.core_modules), (Kind::CoreModule, 1));
    assert_eq!(inspect(b"").kind, Kind::NotWasm);
    let good = Forge::default().component();
    let cut = inspect(&good[..good.len() - 1]);
    assert_eq!(cut.kind, Kind::Component);
    assert!(cut.problem.is_some());
    let whole = inspect(&good);
    assert_eq!(whole.problem, None);
    assert_eq!(
        whole.exports[0].functions,
        ["describe", "reconcile", "validate-settings"]
    );
    assert_eq!(whole.memories, 1);
}
