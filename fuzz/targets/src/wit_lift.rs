//! The canonical ABI read a second time, by hand: what the memory of a module says, and what the
//! engine has to make of it (<https://component-model.bytecodealliance.org/advanced/canonical-abi.html>).

use vmgroup_core::plan::{
    Action, Answer, Effect, NextLook, Plan, PowerOff, PowerOffMode, Reason, Refusal,
};
use vmgroup_core::text::one_line;
use vmgroup_engine::{CallError, Limits};

use crate::wit_result::{CODE, IMAGE_BYTES, MEMORY_BYTES};

/// Why reading stopped.
enum Stop {
    /// What is there is nothing that the contract allows.
    Wrong(&'static str),
    /// It lies where the module keeps what is its own.
    Elsewhere,
}

type Read<T> = Result<T, Stop>;

/// The answer in a memory that begins with `image`; none if it reaches beyond what is known of it.
pub(crate) fn answer(image: &[u8]) -> Option<Result<Answer, &'static str>> {
    match (Memory { image }).answer() {
        Ok(answer) => Some(Ok(answer)),
        Err(Stop::Wrong(why)) => Some(Err(why)),
        Err(Stop::Elsewhere) => None,
    }
}

struct Memory<'a> {
    image: &'a [u8],
}

impl Memory<'_> {
    fn answer(&self) -> Read<Answer> {
        if self.flag(0)? {
            return Ok(Answer::Refusal(Refusal {
                reason: self.reason(8)?,
                next_look: self.next_look(24)?,
            }));
        }
        let memo = if self.flag(48)? {
            Some(self.string(52)?)
        } else {
            None
        };
        Ok(Answer::Plan(Plan {
            actions: self.list(8, 32, |at| self.action(at))?,
            next_look: self.next_look(16)?,
            memo,
            notes: self.list(60, 8, |at| self.string(at))?,
        }))
    }

    fn action(&self, at: usize) -> Read<Action> {
        let payload = at + 4;
        let effect = match self.byte(at)? {
            0 => Effect::Clone(self.word(payload)?),
            1 => Effect::PowerOn(self.string(payload)?),
            2 => Effect::PowerOff(PowerOff {
                member: self.string(payload)?,
                mode: match self.byte(payload + 8)? {
                    0 => PowerOffMode::Soft,
                    1 => PowerOffMode::Hard,
                    _ => return Err(Stop::Wrong("no mode")),
                },
            }),
            3 => Effect::Suspend(self.string(payload)?),
            4 => Effect::Reconfigure(self.string(payload)?),
            5 => Effect::Delete(self.string(payload)?),
            _ => return Err(Stop::Wrong("no effect")),
        };
        let reason = self.reason(at + 16)?;
        Ok(Action { effect, reason })
    }

    fn next_look(&self, at: usize) -> Read<Option<NextLook>> {
        if !self.flag(at)? {
            return Ok(None);
        }
        let (low, high) = (self.word(at + 8)?, self.word(at + 12)?);
        Ok(Some(NextLook {
            after_ms: u64::from(high) << 32 | u64::from(low),
            reason: self.reason(at + 16)?,
        }))
    }

    fn reason(&self, at: usize) -> Read<Reason> {
        let (code, message) = (self.string(at)?, self.string(at + 8)?);
        Ok(Reason { code, message })
    }

    fn list<T>(&self, at: usize, size: usize, item: impl Fn(usize) -> Read<T>) -> Read<Vec<T>> {
        let (from, count) = (self.word(at)? as usize, self.word(at + 4)? as usize);
        if from % 4 != 0 {
            return Err(Stop::Wrong("an unaligned list"));
        }
        within(from, count.saturating_mul(size))?;
        (0..count).map(|index| item(from + index * size)).collect()
    }

    fn string(&self, at: usize) -> Read<String> {
        let (from, count) = (self.word(at)? as usize, self.word(at + 4)? as usize);
        within(from, count)?;
        let bytes: Vec<u8> = (from..from + count)
            .map(|at| self.byte(at))
            .collect::<Read<_>>()?;
        String::from_utf8(bytes).map_err(|_| Stop::Wrong("no UTF-8"))
    }

    fn flag(&self, at: usize) -> Read<bool> {
        match self.byte(at)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Stop::Wrong("neither one nor the other")),
        }
    }

    fn word(&self, at: usize) -> Read<u32> {
        let bytes = [
            self.byte(at)?,
            self.byte(at + 1)?,
            self.byte(at + 2)?,
            self.byte(at + 3)?,
        ];
        Ok(u32::from_le_bytes(bytes))
    }

    fn byte(&self, at: usize) -> Read<u8> {
        if at >= IMAGE_BYTES {
            return Err(Stop::Elsewhere);
        }
        Ok(self.image.get(at).copied().unwrap_or(0))
    }
}

fn within(from: usize, bytes: usize) -> Read<()> {
    if from.saturating_add(bytes) > MEMORY_BYTES {
        return Err(Stop::Wrong("outside memory"));
    }
    Ok(())
}

/// The answer as it is handed on: text for people is cut and made harmless.
pub(crate) fn made_fit(answer: Answer, limits: &Limits) -> Answer {
    let fit = |text: &mut String| *text = one_line(text, limits.message_chars);
    let look = |next_look: &mut Option<NextLook>| {
        next_look
            .iter_mut()
            .for_each(|look| fit(&mut look.reason.message));
    };
    match answer {
        Answer::Plan(mut plan) => {
            plan.actions
                .iter_mut()
                .for_each(|action| fit(&mut action.reason.message));
            look(&mut plan.next_look);
            plan.notes.truncate(limits.notes);
            plan.notes.iter_mut().for_each(fit);
            Answer::Plan(plan)
        }
        Answer::Refusal(mut refusal) => {
            fit(&mut refusal.reason.message);
            look(&mut refusal.next_look);
            Answer::Refusal(refusal)
        }
    }
}

/// An answer that could be read is refused only for what it says, or for how much that is.
pub(crate) fn may_be_refused(answer: &Answer, error: &CallError, limits: &Limits) {
    let facts = Facts::of(answer);
    let fine = match error {
        CallError::Malformed { .. } => facts.other_code || facts.look_too_late,
        CallError::Output { .. } => {
            facts.actions > limits.actions
                || facts.longest_member > limits.member_id_bytes
                || facts.memo > limits.memo_bytes
                || facts.text > limits.answer_bytes
        }
        // What the host itself needs for each item is not known here, only that it is not more.
        CallError::HostCall { .. } => facts.text + 256 * facts.items > limits.hostcall_bytes,
        _ => false,
    };
    assert!(fine, "{error:?}, for {answer:?}");
}

/// What decides whether an answer is refused.
#[derive(Default)]
struct Facts {
    other_code: bool,
    look_too_late: bool,
    actions: usize,
    items: usize,
    longest_member: usize,
    memo: usize,
    text: usize,
}

impl Facts {
    fn of(answer: &Answer) -> Facts {
        let mut facts = Facts::default();
        let next_look = match answer {
            Answer::Plan(plan) => {
                facts.actions = plan.actions.len();
                facts.items = plan.actions.len() + plan.notes.len();
                facts.memo = plan.memo.as_ref().map_or(0, String::len);
                facts.text = plan.notes.iter().map(String::len).sum::<usize>() + facts.memo;
                for action in &plan.actions {
                    let member = action.effect.member().map_or(0, str::len);
                    facts.longest_member = facts.longest_member.max(member);
                    facts.text += member;
                    facts.reason(&action.reason);
                }
                &plan.next_look
            }
            Answer::Refusal(refusal) => {
                facts.reason(&refusal.reason);
                &refusal.next_look
            }
        };
        if let Some(look) = next_look {
            facts.look_too_late = look.after_ms >= 1 << 53;
            facts.reason(&look.reason);
        }
        facts
    }

    fn reason(&mut self, reason: &Reason) {
        self.other_code |= reason.code != CODE;
        self.text += reason.code.len() + reason.message.len();
    }
}
