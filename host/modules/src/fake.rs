//! A loader whose modules are words: `good …` is a module that refuses to
//! decide, `reckless …` one that deletes what is not there, `careless …` one that does so
//! without settings, `slow 2` one that is late twice and good then, `long …` one that takes as
//! long as it is wanted, anything else is refused.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};

use vmgroup_core::observation::Observation;
use vmgroup_core::plan::{Action, Answer, Description, Effect, Plan, Reason, Refusal as No};
use vmgroup_reconcile::event::Event;

use crate::intake::Intake;
use crate::laws::LawCase;
use crate::loader::{Candidate, Loader, Refusal, Wanted, stage};

#[derive(Default)]
pub(crate) struct Words {
    late: AtomicU32,
}

impl Loader for Words {
    type Module = String;

    fn bytes_max(&self) -> usize {
        64
    }

    fn load(&self, bytes: &[u8], wanted: Wanted<'_>) -> Result<Candidate<String>, Refusal> {
        let text = String::from_utf8_lossy(bytes).into_owned();
        while text.starts_with("long") && wanted() {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        let known = ["good", "reckless", "careless", "slow"];
        if !known.iter().any(|word| text.starts_with(word)) {
            return Err(Refusal::new("inspect", "no such word"));
        }
        Ok(Candidate {
            description: Description {
                name: text.clone(),
                version: "1".into(),
                reason_codes: vec!["why".into()],
                settings_schema: "{}".into(),
                default_settings: "{\"own\":1}".into(),
            },
            module: text,
        })
    }

    fn decide(&self, module: &String, observation: &Observation) -> Result<Answer, Refusal> {
        let refusal = |message: &str| Refusal::new(stage::LAW_CASES, message);
        if !["{\"own\":1}", "{}"].contains(&observation.context.settings.as_str()) {
            return Err(refusal("these are not my settings"));
        }
        let slow = module.strip_prefix("slow ");
        if let Some(times) = slow.and_then(|times| times.parse::<u32>().ok()) {
            let before = self.late.fetch_add(1, Ordering::SeqCst);
            if before < times {
                let message = format!("module ran {before} ms too long");
                return Err(refusal(&message).if_late(true));
            }
        }
        let reason = Reason {
            code: "why".into(),
            message: "because".into(),
        };
        let is_bare = observation.context.settings == "{}";
        let deletes = module.starts_with("reckless") || (module.starts_with("careless") && is_bare);
        Ok(if !deletes {
            Answer::Refusal(No {
                reason,
                next_look: None,
            })
        } else {
            Answer::Plan(Plan {
                actions: vec![Action {
                    effect: Effect::Delete("vm-1".into()),
                    reason,
                }],
                ..Plan::default()
            })
        })
    }
}

/// One law that any modest module keeps.
pub(crate) fn law() -> LawCase {
    let case = serde_json::json!({
        "description": "Nothing is deleted where nothing is.",
        "input": {
            "context": {"now": 1000},
            "desired": {"replicas": 0},
            "members": [],
        },
        "expect": {"lawful": {"never": ["delete"]}},
    });
    LawCase {
        name: "nothing-there",
        case: vmgroup_core::case::Case::parse(&case.to_string()).expect("a case"),
    }
}

/// An intake of words, and what it tells.
pub(crate) fn intake() -> (Intake<Words>, Receiver<Event>) {
    let (sender, events) = channel();
    let tell = move |event| {
        let _ = sender.send(event);
    };
    (Intake::new(Words::default(), vec![law()], tell), events)
}

/// The event in a few words.
pub(crate) fn told(event: Event) -> String {
    let shown = |name: Option<String>| name.unwrap_or_else(|| "default".into());
    match event {
        Event::ModuleActive(module) => {
            format!("{} is {}", shown(module.name), module.description.name)
        }
        Event::ModuleMissing { name, message } => format!("{} missing: {message}", shown(name)),
        Event::ModuleRefused {
            name,
            stage,
            message,
        } => format!("{} refused at {stage}: {message}", shown(name)),
        other => format!("{other:?}"),
    }
}
