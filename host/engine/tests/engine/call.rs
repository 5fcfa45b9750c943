//! Every limit on a call: the error names the figure and the limit, the process
//! lives, and the next decision of a good module works.

use std::sync::LazyLock;

use crate::forge::{self, ANSWER, Forge};
use vmgroup_core::plan::{Answer, Plan};
use vmgroup_engine::{Attempt, CallError, Engine, Limits, TrapKind};

static ENGINE: LazyLock<Engine> = LazyLock::new(|| Engine::new(Limits::default()));

fn attempt_on(engine: &Engine, bytes: &[u8]) -> Attempt {
    let bad = engine
        .load(bytes)
        .expect("accepted: only `reconcile` misbehaves");
    let good = engine.load(&Forge::default().component()).unwrap();
    let attempt = bad.attempt(&forge::observation(3));
    let next = good
        .reconcile(&forge::observation(3))
        .expect("the next decision");
    assert_eq!(next.answer, Answer::Plan(Plan::default()));
    attempt
}

fn error_of(body: &str) -> CallError {
    attempt_on(&ENGINE, &Forge::reconciling(body))
        .result
        .expect_err("the call is discarded")
}

fn limits() -> Limits {
    Limits::default()
}

#[test]
fn an_endless_loop_uses_up_its_fuel() {
    let attempt = attempt_on(&ENGINE, &Forge::reconciling("(loop br 0) unreachable"));
    assert_eq!(
        attempt.result,
        Err(CallError::Fuel {
            limit: limits().fuel
        })
    );
    assert_eq!(attempt.usage.fuel, limits().fuel);
}

#[test]
fn an_endless_loop_with_endless_fuel_meets_the_deadline() {
    let engine = Engine::new(Limits {
        fuel: u64::MAX,
        deadline_ms: 100,
        ..limits()
    });
    let attempt = attempt_on(&engine, &Forge::reconciling("(loop br 0) unreachable"));
    let Err(CallError::Deadline {
        figure_ms,
        limit_ms: 100,
    }) = attempt.result
    else {
        panic!("{:?}", attempt.result)
    };
    assert!(figure_ms >= 90, "{figure_ms} ms");
}

#[test]
fn growing_memory_beyond_the_limit_ends_the_call() {
    let pages = 100 * 16;
    let error = error_of(&format!(
        "(drop (memory.grow (i32.const {pages}))) i32.const {ANSWER}"
    ));
    let CallError::Memory { asked, limit } = error else {
        panic!("{error}")
    };
    assert!(asked > 100 << 20);
    assert_eq!(limit, limits().memory_bytes);
}

#[test]
fn growing_memory_bit_by_bit_ends_the_call_at_the_limit() {
    let error = error_of("(loop (drop (memory.grow (i32.const 1))) br 0) unreachable");
    let limit = limits().memory_bytes;
    assert_eq!(
        error,
        CallError::Memory {
            asked: limit + 65_536,
            limit
        }
    );
}

#[test]
fn a_growth_that_the_module_itself_forbids_is_no_breach() {
    let body = format!("(drop (memory.grow (i32.const 60000))) i32.const {ANSWER}");
    let forge = Forge {
        memory: "1 2",
        reconcile: body,
        ..Forge::default()
    };
    assert!(attempt_on(&ENGINE, &forge.component()).result.is_ok());
}

#[test]
fn growing_a_table_beyond_the_limit_ends_the_call() {
    let forge = Forge {
        items: "(table $t 1 funcref)".into(),
        reconcile: format!(
            "(drop (table.grow $t (ref.null func) (i32.const 1000000))) i32.const {ANSWER}"
        ),
        ..Forge::default()
    };
    let attempt = attempt_on(&ENGINE, &forge.component());
    let Err(CallError::Table { asked, limit }) = attempt.result else {
        panic!()
    };
    assert!(asked > 1_000_000);
    assert_eq!(limit, limits().table_elements);
}

#[test]
fn deep_recursion_is_a_trap() {
    let error = error_of("(i32.add (i32.const 1) (call $reconcile (local.get 0)))");
    assert!(
        matches!(
            error,
            CallError::Trap {
                kind: TrapKind::StackOverflow,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn traps_are_told_apart() {
    for (body, kind) in [
        ("unreachable", TrapKind::Unreachable),
        ("(i32.load (i32.const -4))", TrapKind::MemoryOutOfBounds),
        (
            "(i32.div_u (i32.const 1) (i32.const 0))",
            TrapKind::Arithmetic,
        ),
    ] {
        let error = error_of(body);
        assert!(
            matches!(error, CallError::Trap { kind: k, .. } if k == kind),
            "{body}: {error}"
        );
    }
}

/// A body that writes words into the answer, then returns it.
fn answering(stores: &[(usize, usize)]) -> String {
    let stores = stores.iter().map(|(offset, word)| {
        format!(
            "(i32.store (i32.const {}) (i32.const {}))",
            ANSWER + offset,
            *word as u32 as i32
        )
    });
    format!("{} i32.const {ANSWER}", stores.collect::<String>())
}

const OK_OR_ERR: usize = 0;
const ACTIONS: (usize, usize) = (8, 12);
const NEXT_LOOK: usize = 16;
const MEMO: (usize, usize, usize) = (48, 52, 56);
const NOTES: (usize, usize) = (60, 64);

#[test]
fn results_that_are_no_results_are_malformed() {
    for (what, stores) in [
        ("discriminant of the result", vec![(OK_OR_ERR, 7)]),
        ("discriminant of an option", vec![(NEXT_LOOK, 7)]),
        (
            "list outside memory",
            vec![(NOTES.0, 65_000), (NOTES.1, 1_000)],
        ),
        ("unaligned list", vec![(NOTES.0, 65_001), (NOTES.1, 1)]),
        (
            "string outside memory",
            vec![(MEMO.0, 1), (MEMO.1, 65_000), (MEMO.2, 1_000)],
        ),
        ("a reason code that is none", vec![(OK_OR_ERR, 1)]),
    ] {
        let error = error_of(&answering(&stores));
        assert_eq!(error.class(), "malformed", "{what}: {error}");
    }
    assert_eq!(error_of("i32.const -8").class(), "malformed");
    assert_eq!(error_of("i32.const 3").class(), "malformed");
}

#[test]
fn text_that_is_not_utf_8_is_malformed() {
    let forge = Forge {
        items: r#"(data (i32.const 3000) "\ff\fe")"#.into(),
        reconcile: answering(&[(MEMO.0, 1), (MEMO.1, 3000), (MEMO.2, 2)]),
        ..Forge::default()
    };
    let error = attempt_on(&ENGINE, &forge.component()).result.unwrap_err();
    assert_eq!(error.class(), "malformed", "{error}");
}

#[test]
fn more_actions_than_the_limit_are_refused_with_their_number() {
    // 1,001 actions of zero bytes each: clones of slot 0 with empty reasons.
    let body = answering(&[(ACTIONS.0, 10_000), (ACTIONS.1, 1_001)]);
    assert_eq!(
        error_of(&body),
        CallError::Output {
            what: "actions",
            figure: 1_001,
            limit: 1_000
        }
    );
}

#[test]
fn a_memo_above_the_limit_is_refused_with_its_length() {
    let body = answering(&[(MEMO.0, 1), (MEMO.1, 10_000), (MEMO.2, 4_097)]);
    let expected = CallError::Output {
        what: "bytes of memo",
        figure: 4_097,
        limit: 4_096,
    };
    assert_eq!(error_of(&body), expected);
}

#[test]
fn handing_over_more_bytes_than_the_limit_ends_the_call() {
    // Notes that all point to the same 60,000 bytes: little memory, much text.
    let forge = Forge {
        items: "(func $note (param $at i32)
                (i32.store (local.get $at) (i32.const 65536))
                (i32.store (i32.add (local.get $at) (i32.const 4)) (i32.const 60000)))"
            .into(),
        memory: "3",
        reconcile: format!(
            "(local $i i32) (loop
                (call $note (i32.add (i32.const 140000) (i32.mul (local.get $i) (i32.const 8))))
                (br_if 0 (i32.lt_u
                    (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 100)))) {}",
            answering(&[(NOTES.0, 140_000), (NOTES.1, 100)])
        ),
        ..Forge::default()
    };
    let attempt = attempt_on(&ENGINE, &forge.component());
    assert_eq!(
        attempt.result,
        Err(CallError::HostCall {
            limit: limits().hostcall_bytes
        })
    );
}

#[test]
fn notes_beyond_the_eighth_are_dropped_and_long_ones_cut() {
    let forge = Forge {
        items: format!(
            "(data (i32.const 3000) \"{}\") (data (i32.const 20000) \"{}\")",
            forge::words(&[[20_000, 300]; 10]),
            "n".repeat(300)
        ),
        reconcile: answering(&[(NOTES.0, 3_000), (NOTES.1, 10)]),
        ..Forge::default()
    };
    let Ok(Answer::Plan(plan)) = attempt_on(&ENGINE, &forge.component()).result else {
        panic!()
    };
    assert_eq!(plan.notes, vec![format!("{}…", "n".repeat(199)); 8]);
}

#[test]
fn a_log_is_bounded_and_outlives_a_trap() {
    let forge = Forge {
        items: format!("(data (i32.const 20000) \"\\1b[31m{}\")", "x".repeat(5_000)),
        reconcile: "(local $i i32) (loop
                (call $log (i32.const 2) (i32.const 20000) (i32.const 5000))
                (br_if 0 (i32.lt_u
                    (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 500))))
            unreachable"
            .into(),
        ..Forge::default()
    };
    let attempt = attempt_on(&ENGINE, &forge.component());
    assert_eq!(attempt.result.unwrap_err().class(), "trap");
    assert_eq!(attempt.log.len(), 64);
    assert!(
        attempt
            .log
            .iter()
            .all(|line| (1_000..=1_024).contains(&line.message.len()))
    );
    assert!(attempt.log[0].message.starts_with("[31mx"));
}

#[test]
fn nothing_survives_from_one_call_to_the_next() {
    let forge = Forge {
        items: "(global $calls (mut i32) (i32.const 0))".into(),
        reconcile: format!(
            "(global.set $calls (i32.add (global.get $calls) (i32.const 1)))
             (if (i32.gt_u (global.get $calls) (i32.const 1)) (then unreachable))
             i32.const {ANSWER}"
        ),
        ..Forge::default()
    };
    let module = ENGINE.load(&forge.component()).unwrap();
    for _ in 0..3 {
        assert!(module.reconcile(&forge::observation(3)).is_ok());
    }
}

/// More than the engine keeps for the next call, of what the module begins with
/// and of what it grows.
#[test]
fn memory_and_tables_are_as_new_for_every_call() {
    let forge = Forge {
        memory: "12",
        items: "(table $t 8 funcref) (elem declare func $mark) (func $mark)".into(),
        reconcile: format!(
            "(local $at i32)
             (drop (memory.grow (i32.const 12)))
             (local.set $at (i32.const 65536))
             (loop $pages
                (if (i32.load (local.get $at)) (then unreachable))
                (i32.store (local.get $at) (i32.const -1))
                (local.set $at (i32.add (local.get $at) (i32.const 4096)))
                (br_if $pages (i32.lt_u (local.get $at) (i32.const {}))))
             (if (i32.eqz (ref.is_null (table.get $t (i32.const 7)))) (then unreachable))
             (table.set $t (i32.const 7) (ref.func $mark))
             i32.const {ANSWER}",
            24 * 65_536
        ),
        ..Forge::default()
    };
    let module = ENGINE.load(&forge.component()).unwrap();
    for _ in 0..8 {
        let attempt = module.attempt(&forge::observation(3));
        assert_eq!(attempt.result, Ok(Answer::Plan(Plan::default())));
    }
}

#[test]
fn not_a_number_has_one_bit_pattern() {
    // A NaN made from two different NaNs: its payload differs between machines.
    let forge = Forge {
        reconcile: format!(
            "(if (i32.ne (i32.const 0x7fc00000) (i32.reinterpret_f32
                (f32.add (f32.const nan:0x200001) (f32.const nan:0x212345)))) (then unreachable))
             i32.const {ANSWER}"
        ),
        ..Forge::default()
    };
    assert!(attempt_on(&ENGINE, &forge.component()).result.is_ok());
}

#[test]
fn an_observation_that_breaks_the_contract_is_nobodys_fault_in_the_module() {
    let module = ENGINE.load(&Forge::default().component()).unwrap();
    let mut observation = forge::observation(3);
    observation.members[1].memory_mib = 1 << 53;
    let error = module.reconcile(&observation).unwrap_err();
    assert_eq!(
        error.to_string(),
        "observation breaks the contract: members.memoryMib is above 2^53 - 1"
    );
    assert_eq!(error.class(), "observation");
}

#[test]
fn the_clock_outlives_the_engine_as_long_as_a_module_needs_it() {
    let engine = Engine::new(Limits {
        fuel: u64::MAX,
        deadline_ms: 50,
        ..limits()
    });
    let module = engine
        .load(&Forge::reconciling("(loop br 0) unreachable"))
        .unwrap();
    drop(engine);
    let error = module.reconcile(&forge::observation(1)).unwrap_err();
    assert_eq!(error.class(), "deadline");
}
