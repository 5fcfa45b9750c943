//! What `reconcile` returns: the input is the memory in which the answer lies, byte for byte. A small
//! module copies it there, so that no input has to be compiled.

use std::sync::LazyLock;

use vmgroup_core::plan::{Answer, NextLook, Reason};
use vmgroup_engine::{CallError, Engine, Limits, Module};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};

use crate::rewrite::rewrite;
use crate::{Target, Verdict, seeds, wit_lift};

/// The target.
pub const TARGET: Target = Target {
    name: "wit-result",
    about: "what the engine makes of the memory of a module that returned",
    run,
    seeds: seeds::memories,
    words: &[
        "why",
        "\u{1}\0\0\0",
        "\0\0\0\0",
        "\u{40}\0\0\0",
        "\u{3}\0\0\0",
        "\u{80}\0\0\0",
        "é",
    ],
    bytes_max: 640,
    bounded: 20_000,
};

/// Bytes of the memory that the input fills from its beginning; the rest of them is zero.
pub(crate) const IMAGE_BYTES: usize = 8_192;
/// Bytes of the whole memory, which the engine may be led to read.
pub(crate) const MEMORY_BYTES: usize = 4 * 65_536;
/// The one reason code that the module describes.
pub(crate) const CODE: &str = "why";

static MODULE: LazyLock<Module> = LazyLock::new(|| {
    let engine = Engine::new(Limits::default());
    engine.load(&component()).expect("a good module")
});

fn run(image: &[u8]) -> Verdict {
    let image = &image[..image.len().min(IMAGE_BYTES)];
    let mut observation = seeds::observation();
    // A string is UTF-8: each byte becomes the character of that number.
    observation.context.settings = image.iter().map(|byte| char::from(*byte)).collect();
    let attempt = MODULE.attempt(&observation);
    let limits = Limits::default();
    match wit_lift::answer(image) {
        Some(Ok(expected)) => match &attempt.result {
            Ok(answer) => assert_eq!(*answer, wit_lift::made_fit(expected, &limits)),
            Err(error) => wit_lift::may_be_refused(&expected, error, &limits),
        },
        Some(Err(why)) => {
            let error = attempt.result.as_ref().expect_err(why);
            assert_eq!(error.class(), "malformed", "{why}: {error}");
        }
        // It reads what the module itself keeps there.
        None => {}
    }
    match &attempt.result {
        Ok(answer) => {
            within_limits(answer, &limits);
            Verdict::Accepted
        }
        Err(
            CallError::Malformed { .. } | CallError::Output { .. } | CallError::HostCall { .. },
        ) => Verdict::Refused,
        Err(error) => panic!("the module itself is fine: {error:?}"),
    }
}

fn within_limits(answer: &Answer, limits: &Limits) {
    let fits = |reason: &Reason| {
        assert_eq!(reason.code, CODE);
        crate::assert_one_line(&reason.message, limits.message_chars);
    };
    let looks = |look: &NextLook| {
        assert!(look.after_ms < 1 << 53);
        fits(&look.reason);
    };
    match answer {
        Answer::Plan(plan) => {
            assert!(plan.actions.len() <= limits.actions && plan.notes.len() <= limits.notes);
            plan.actions.iter().for_each(|action| fits(&action.reason));
            plan.next_look.iter().for_each(looks);
            plan.notes
                .iter()
                .for_each(|note| crate::assert_one_line(note, limits.message_chars));
            assert!(plan.memo.as_ref().map_or(0, String::len) <= limits.memo_bytes);
        }
        Answer::Refusal(refusal) => {
            fits(&refusal.reason);
            refusal.next_look.iter().for_each(looks);
        }
    }
}

const CONTRACT: &str = include_str!("../../../wit/reconciler.wit");

pub(crate) fn component() -> Vec<u8> {
    encode(MODULE_TEXT).expect("the module is well formed")
}

/// The module as a recipe rewrites it, unless that is no module of the world.
pub(crate) fn rewritten(recipe: &[u8]) -> Option<Vec<u8>> {
    encode(&rewrite(MODULE_TEXT, recipe)).ok()
}

fn encode(text: &str) -> Result<Vec<u8>, String> {
    let mut resolve = wit_parser::Resolve::default();
    let package = resolve
        .push_str("contract.wit", CONTRACT)
        .expect("the contract parses");
    let world = resolve
        .select_world(&[package], Some("reconciler"))
        .expect("the world");
    let mut module = wat::parse_str(text).map_err(|error| error.to_string())?;
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
        .map_err(|error| error.to_string())?;
    ComponentEncoder::default()
        .module(&module)
        .and_then(|mut encoder| encoder.encode())
        .map_err(|error| error.to_string())
}

/// `reconcile` turns the characters of the settings into bytes from address 0, and returns that.
const MODULE_TEXT: &str = r#"(module
  (memory (export "memory") 4 4)
  (global $top (mut i32) (i32.const 16384))
  (data (i32.const 8192) "\00\21\00\00\06\00\00\00\10\21\00\00\05\00\00\00\40\20\00\00\01\00\00\00\18\21\00\00\02\00\00\00\18\21\00\00\02\00\00\00")
  (data (i32.const 8256) "\20\21\00\00\03\00\00\00")
  (data (i32.const 8448) "answer") (data (i32.const 8464) "1.0.0") (data (i32.const 8472) "{}")
  (data (i32.const 8480) "why")
  (func (export "vmgroup:operator/logic@0.1.0#describe") (result i32) i32.const 8192)
  (func (export "vmgroup:operator/logic@0.1.0#validate-settings") (param i32 i32) (result i32)
    i32.const 8704)
  (func (export "vmgroup:operator/logic@0.1.0#reconcile") (param $seen i32) (result i32)
    (local $from i32) (local $end i32) (local $to i32) (local $byte i32)
    (local.set $from (i32.load offset=52 (local.get $seen)))
    (local.set $end (i32.add (local.get $from) (i32.load offset=56 (local.get $seen))))
    (block $done (loop $next
      (br_if $done (i32.ge_u (local.get $from) (local.get $end)))
      (local.set $byte (i32.load8_u (local.get $from)))
      (local.set $from (i32.add (local.get $from) (i32.const 1)))
      (if (i32.ge_u (local.get $byte) (i32.const 128)) (then
        (local.set $byte (i32.or
          (i32.shl (i32.and (local.get $byte) (i32.const 3)) (i32.const 6))
          (i32.and (i32.load8_u (local.get $from)) (i32.const 63))))
        (local.set $from (i32.add (local.get $from) (i32.const 1)))))
      (i32.store8 (local.get $to) (local.get $byte))
      (local.set $to (i32.add (local.get $to) (i32.const 1)))
      (br $next)))
    i32.const 0)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
    (local.set $at (i32.and
      (i32.add (global.get $top) (i32.sub (local.get 2) (i32.const 1)))
      (i32.sub (i32.const 0) (local.get 2))))
    (global.set $top (i32.add (local.get $at) (local.get 3)))
    (local.get $at)))"#;
