//! What goes wrong, for as long as a bout lasts.

use std::fmt;

use vmgroup_faults::{Action, At, HostSignal, Pattern, Rule, Server};
use vmgroup_rig::{FaultAt, FaultRule};

use crate::kill_points::Stage;

/// One fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Nothing,
    /// Some calls take longer.
    Delay {
        server: Server,
        percent: u8,
        most_ms: u64,
    },
    /// Calls do not arrive.
    Reset {
        verb: &'static str,
        times: u32,
    },
    /// Calls are executed, and their answers lost.
    LoseAnswer {
        verb: &'static str,
        times: u32,
    },
    /// The API server answers that it cannot.
    Busy {
        verb: &'static str,
        status: u16,
        executed: bool,
        times: u32,
    },
    /// vCenter refuses a call.
    Refuse {
        method: &'static str,
        fault: &'static str,
    },
    /// A task of vCenter fails.
    FailTask {
        method: &'static str,
        fault: &'static str,
    },
    /// Tasks of vCenter take their time.
    SlowTasks,
    /// Open watches end in the middle.
    CutWatches,
    /// vCenter forgets all sessions.
    ExpireSessions,
    /// An operator dies at its next call, and is started again.
    Kill {
        replica: usize,
        at: At,
    },
}

impl Fault {
    /// In a few words, for counting.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Delay { .. } => "delay",
            Self::Reset { .. } => "reset",
            Self::LoseAnswer { .. } => "lost answer",
            Self::Busy { .. } => "429, 500 or 503",
            Self::Refuse { .. } => "SOAP fault",
            Self::FailTask { .. } => "failed task",
            Self::SlowTasks => "slow tasks",
            Self::CutWatches => "cut watches",
            Self::ExpireSessions => "expired sessions",
            Self::Kill { .. } => "kill",
        }
    }

    /// Lets it happen to both operators, if it is not about one of them.
    ///
    /// # Panics
    /// When the simulator does not answer.
    pub(crate) fn begin(self, stage: &Stage<'_>) {
        match self {
            Self::Nothing => {}
            Self::SlowTasks => stage.slow_down_tasks(),
            Self::CutWatches => stage.seats.iter().for_each(|seat| seat.proxy.cut_watches()),
            Self::ExpireSessions => {
                let ended = stage.control().expire_sessions();
                ended.expect("the simulator answers");
            }
            Self::FailTask { method, fault } => {
                let rule = FaultRule::once(method, fault, FaultAt::Task);
                stage
                    .control()
                    .add_fault(&rule)
                    .expect("the simulator answers");
            }
            Self::Kill { replica, at } => {
                let act = Action::signal(HostSignal::Kill, at);
                let proxy = stage.seats.get(replica).map(|seat| &seat.proxy);
                let added = proxy.map(|proxy| proxy.add(Rule::once(Pattern::default(), act)));
                added
                    .transpose()
                    .unwrap_or_else(|error| panic!("no rule: {error}"));
            }
            Self::Delay { .. }
            | Self::Reset { .. }
            | Self::LoseAnswer { .. }
            | Self::Busy { .. }
            | Self::Refuse { .. } => {
                let rule = self.rule();
                for seat in &stage.seats {
                    let added = seat.proxy.add(rule.clone());
                    added.unwrap_or_else(|error| panic!("no rule: {error}"));
                }
            }
        }
    }

    /// Ends all faults that go on.
    ///
    /// # Panics
    /// When the simulator does not answer.
    pub(crate) fn end_all(stage: &Stage<'_>) {
        stage.seats.iter().for_each(|seat| seat.proxy.clear());
        let cleared = stage.control().clear_rules();
        cleared.expect("the simulator answers");
        let at_once = stage.control().set_task_delays(&[]);
        at_once.expect("the simulator answers");
    }

    fn rule(self) -> Rule {
        let (on, times, act) = match self {
            Self::Delay {
                server, most_ms, ..
            } => {
                let on = Pattern {
                    server: Some(server),
                    ..Pattern::default()
                };
                let delay = Action::Delay {
                    ms: 20,
                    up_to_ms: Some(most_ms.max(20)),
                };
                (on, 0, delay)
            }
            Self::Reset { verb, times } => (Pattern::verb(verb), times, Action::Reset),
            Self::LoseAnswer { verb, times } => (Pattern::verb(verb), times, Action::LoseAnswer),
            Self::Busy {
                verb,
                status,
                executed,
                times,
            } => {
                let on = Pattern {
                    server: Some(Server::Kubernetes),
                    ..Pattern::verb(verb)
                };
                let answer = Action::Answer {
                    status,
                    retry_after_s: (status == 429).then_some(1),
                    forwarded: executed,
                };
                (on, times, answer)
            }
            Self::Refuse { method, fault } => {
                let fault = Action::Fault {
                    kind: fault.to_owned(),
                    forwarded: false,
                };
                (Pattern::verb(method), 1, fault)
            }
            other => unreachable!("{other:?} is no rule of a proxy"),
        };
        let percent = match self {
            Self::Delay { percent, .. } => percent,
            _ => 100,
        };
        Rule {
            times,
            percent,
            ..Rule::once(on, act)
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("no fault"),
            Self::Delay {
                server,
                percent,
                most_ms,
            } => write!(
                f,
                "{percent} % of calls to {server} up to {most_ms} ms late"
            ),
            Self::Reset { verb, times } => write!(f, "{verb} reset {times} times"),
            Self::LoseAnswer { verb, times } => write!(f, "{verb} not answered {times} times"),
            Self::Busy {
                verb,
                status,
                executed,
                times,
            } => {
                let how = if *executed { ", executed" } else { "" };
                write!(f, "{verb} answered {status} {times} times{how}")
            }
            Self::Refuse { method, fault } => write!(f, "{method} refused with {fault}"),
            Self::FailTask { method, fault } => write!(f, "task of {method} failed with {fault}"),
            Self::SlowTasks => f.write_str("tasks slowed down"),
            Self::CutWatches => f.write_str("watches cut"),
            Self::ExpireSessions => f.write_str("sessions expired"),
            Self::Kill { replica, at } => {
                let name = crate::kill_points::REPLICAS.get(*replica).unwrap_or(&"?");
                write!(f, "{name} killed at a call ({at:?})")
            }
        }
    }
}
