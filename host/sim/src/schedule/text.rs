//! A schedule for people: every item on a line of its own.

use std::fmt;

use super::{Item, Schedule};
use crate::faults::{Fault, LossRates};
use crate::world::words_of_deed;

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "schedule {} of profile {}, {} host{}",
            self.seed,
            self.profile.name,
            self.hosts,
            if self.hosts == 1 { "" } else { "s" }
        )?;
        let mut items: Vec<&Item> = self.items.iter().collect();
        items.sort_by_key(|item| match item {
            Item::Deed(at, _) | Item::Fault(Fault::At { at, .. }) => Some(*at),
            Item::Fault(_) => None,
        });
        for item in items {
            writeln!(f, "  {item}")?;
        }
        if self.losses != LossRates::default() {
            writeln!(f, "  {:?}", self.losses)?;
        }
        let ways = [
            (
                self.ways.refuses_at_call,
                "what needs no work is refused at the call",
            ),
            (
                self.ways.nameless_tasks,
                "tasks do not tell which call began them",
            ),
            (
                self.ways.hot_add,
                "members take processors and memory while they run",
            ),
            (
                self.ways.refuses_hot,
                "vCenter refuses new hardware while a VM runs, whatever the VM is said to take",
            ),
            (self.ways.no_tools, "members have no VMware Tools"),
        ];
        for (_, words) in ways.iter().filter(|(is_so, _)| *is_so) {
            writeln!(f, "  {words}")?;
        }
        if self.deletes_all {
            writeln!(f, "  at the end every group is deleted")?;
        }
        Ok(())
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Item::Deed(at, deed) => write!(f, "{:>8} ms  person  {}", at.0, words_of_deed(deed)),
            Item::Fault(Fault::At { at, what }) => write!(f, "{:>8} ms  fault   {what:?}", at.0),
            Item::Fault(Fault::Request {
                host,
                kind,
                nth,
                what,
            }) => {
                let whose = host.map_or_else(String::new, |host| format!(" of host {host}"));
                write!(
                    f,
                    "   any time  fault   {kind} number {nth}{whose}: {what:?}"
                )
            }
            Item::Fault(Fault::Crash {
                host,
                after_step,
                unsent,
            }) => write!(
                f,
                "   any time  fault   host {host} crashes after its step {after_step}, unsent \
                 requests are {unsent:?}"
            ),
        }
    }
}
