//! The bodies and the data that are written by hand.

use wasm_encoder::{Function, InstructionSink, MemArg, ValType};

/// What `reconcile` says before anything generated runs: the proof that it was entered.
pub(crate) const ENTERED: &str = "reconcile was entered";

/// What becomes of what the generated body returns. Left alone most of it is no answer at all, and
/// the reading of lists and strings would never be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Steering {
    /// It is the answer's address.
    Address,
    /// It is the answer's address, brought into the memory and aligned.
    NearAddress,
    /// It is thrown away; the answer lies at a fixed place, which generated code may write to.
    Place,
    /// It is called for each word of a plan.
    PlanWords,
    /// It is called for each word of a refusal.
    RefusalWords,
}

impl Steering {
    pub(crate) const ALL: [Steering; 5] = [
        Steering::Address,
        Steering::NearAddress,
        Steering::Place,
        Steering::PlanWords,
        Steering::RefusalWords,
    ];
}

const LOG: u32 = 0;
const TOP: i32 = 1_000;
const DESCRIPTION: i32 = 1_024;
const CODES: i32 = 1_100;
const SETTINGS_ARE_FINE: i32 = 2_048;
const ANSWER: i32 = 2_112;
const ACTIONS: i32 = 3_072;
const ACTIONS_MAX: i32 = 3;
const ACTION_BYTES: i32 = 32;
const STRINGS: i32 = 4_096;
const HEAP: i32 = 8_192;

const STRINGS_TEXT: &str = "generated1.0.0why{}reconcile was entered";
const NAME: [i32; 2] = [STRINGS, 9];
const VERSION: [i32; 2] = [STRINGS + 9, 5];
const CODE: [i32; 2] = [STRINGS + 14, 3];
const OBJECT: [i32; 2] = [STRINGS + 17, 2];
const SAID: [i32; 2] = [STRINGS + 19, ENTERED.len() as i32];

/// Where what lies from the beginning.
pub(crate) fn data() -> [(i32, Vec<u8>); 5] {
    let description = [NAME, VERSION, [CODES, 1], OBJECT, OBJECT];
    let mut actions = Vec::new();
    for _ in 0..ACTIONS_MAX {
        let no_message = [STRINGS, 0];
        actions.extend(words(&[[0, 0], [0, 0], CODE, no_message]));
    }
    [
        (TOP, HEAP.to_le_bytes().to_vec()),
        (DESCRIPTION, words(&description)),
        (CODES, words(&[CODE])),
        (ACTIONS, actions),
        (STRINGS, STRINGS_TEXT.as_bytes().to_vec()),
    ]
}

fn words(pairs: &[[i32; 2]]) -> Vec<u8> {
    let words = pairs.iter().flatten();
    words.flat_map(|word| word.to_le_bytes()).collect()
}

pub(crate) fn describe() -> Function {
    body(&[], |code| {
        code.i32_const(DESCRIPTION);
    })
}

pub(crate) fn validate() -> Function {
    body(&[], |code| {
        code.i32_const(SETTINGS_ARE_FINE);
    })
}

/// Says that it was entered, and hands over to the function `decide`.
pub(crate) fn reconcile(decide: u32, steering: Steering) -> Function {
    body(&[], |code| {
        code.i32_const(1).i32_const(SAID[0]).i32_const(SAID[1]);
        code.call(LOG);
        match steering {
            Steering::Address => {
                code.local_get(0).call(decide);
            }
            Steering::NearAddress => {
                code.local_get(0).call(decide);
                code.i32_const(0xfff8).i32_and();
            }
            Steering::Place => {
                code.local_get(0).call(decide).drop().i32_const(ANSWER);
            }
            Steering::PlanWords => answer_in_words(code, decide, &plan_words()),
            Steering::RefusalWords => answer_in_words(code, decide, &REFUSAL_WORDS),
        }
    })
}

/// One word of memory: where, which bits the generated body gives, and what is added to them.
struct Word(i32, i32, i32);

const OFTEN_IN_BOUNDS: i32 = 0xffff;

/// A refusal, as the canonical ABI lays it out.
const REFUSAL_WORDS: [Word; 10] = [
    Word(ANSWER, 0, 1),
    Word(ANSWER + 8, 0, CODE[0]),
    Word(ANSWER + 12, 0, CODE[1]),
    Word(ANSWER + 16, OFTEN_IN_BOUNDS, 0),
    Word(ANSWER + 20, 0x3ff, 0),
    Word(ANSWER + 24, 1, 0),
    Word(ANSWER + 32, -1, 0),
    Word(ANSWER + 36, 0x3f_ffff, 0),
    Word(ANSWER + 40, 0, CODE[0]),
    Word(ANSWER + 44, 0, CODE[1]),
];

/// A plan, with its actions, as the canonical ABI lays it out.
fn plan_words() -> Vec<Word> {
    let mut words = vec![
        Word(ANSWER, 0, 0),
        Word(ANSWER + 8, 0, ACTIONS),
        Word(ANSWER + 12, ACTIONS_MAX, 0),
        Word(ANSWER + 16, 1, 0),
        Word(ANSWER + 24, -1, 0),
        Word(ANSWER + 28, 0x3f_ffff, 0),
        Word(ANSWER + 32, 0, CODE[0]),
        Word(ANSWER + 36, 0, CODE[1]),
        Word(ANSWER + 40, OFTEN_IN_BOUNDS, 0),
        Word(ANSWER + 44, 0xff, 0),
        Word(ANSWER + 48, 1, 0),
        Word(ANSWER + 52, OFTEN_IN_BOUNDS, 0),
        // Up to twice what a memo may have.
        Word(ANSWER + 56, 0x1fff, 0),
        Word(ANSWER + 60, 0xfffc, 0),
        Word(ANSWER + 64, 1, 0),
    ];
    for action in 0..ACTIONS_MAX {
        let at = ACTIONS + action * ACTION_BYTES;
        words.extend([
            Word(at, 7, 0),
            Word(at + 4, OFTEN_IN_BOUNDS, 0),
            Word(at + 8, 0x1ff, 0),
            Word(at + 12, 1, 0),
        ]);
    }
    words
}

fn answer_in_words(code: &mut InstructionSink<'_>, decide: u32, words: &[Word]) {
    for (count, Word(at, bits, added)) in (0..).zip(words) {
        code.i32_const(*at);
        if *bits == 0 {
            code.i32_const(*added);
        } else {
            // Another argument each time, so that a body that looks at it gives another word.
            code.local_get(0).i32_const(count).i32_add();
            code.call(decide).i32_const(*bits).i32_and();
            code.i32_const(*added).i32_or();
        }
        code.i32_store(word_at(0));
    }
    code.i32_const(ANSWER);
}

/// Takes the next aligned piece of memory and grows it if need be; nothing is ever given back.
pub(crate) fn realloc() -> Function {
    let [alignment, size, at, end] = [2, 3, 4, 5];
    body(&[(2, ValType::I32)], |code| {
        code.i32_const(0).i32_load(word_at(TOP as u64));
        code.local_get(alignment).i32_const(1).i32_sub().i32_add();
        code.i32_const(0).local_get(alignment).i32_sub().i32_and();
        code.local_tee(at).local_get(size).i32_add().local_set(end);
        code.i32_const(0).local_get(end);
        code.i32_store(word_at(TOP as u64));
        code.local_get(end).memory_size(0).i32_const(16).i32_shl();
        code.i32_gt_u().if_(wasm_encoder::BlockType::Empty);
        code.local_get(end).memory_size(0).i32_const(16).i32_shl();
        code.i32_sub().i32_const(16).i32_shr_u();
        code.i32_const(1).i32_add().memory_grow(0).drop().end();
        code.local_get(at);
    })
}

fn body(locals: &[(u32, ValType)], write: impl FnOnce(&mut InstructionSink<'_>)) -> Function {
    let mut function = Function::new(locals.iter().copied());
    let mut code = function.instructions();
    write(&mut code);
    code.end();
    function
}

fn word_at(offset: u64) -> MemArg {
    MemArg {
        offset,
        align: 2,
        memory_index: 0,
    }
}
