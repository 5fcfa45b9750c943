//! The simulated world, and what of it is shown.

use std::collections::BTreeMap;
use std::rc::Rc;

use vmgroup_core::group::{GroupKey, Spec};
use vmgroup_modules::Taken;
use vmgroup_reconcile::event::CallResult;
use vmgroup_reconcile::inventory::Fault;
use vmgroup_reconcile::request::Call;
use vmgroup_sim::deed::{Deed, Place};
use vmgroup_sim::faults::FaultPlan;
use vmgroup_sim::history::{Effect, Fact};
use vmgroup_sim::host::Host;
use vmgroup_sim::kind::Kind;
use vmgroup_sim::options::Options;
use vmgroup_sim::trace::Detail;
use vmgroup_sim::world::World;

use super::Wishes;
use super::operator::{Operator, Overheard};
use super::sandbox::Sandbox;
use super::screen::{Actor, Line, Screen};
use crate::table;

/// Everything that the demo's groups are cloned from.
pub(crate) const TEMPLATE: &str = "vm-operator-template";
/// A VM of somebody else, which must not change.
pub(crate) const BYSTANDER: &str = "finance-db";
/// So long may an act take in virtual time.
const ACT_MS_MAX: u64 = 10 * 60 * 1_000;
/// Characters of a message in the table.
const MESSAGE_CHARS_MAX: usize = 70;

/// The world of the demo.
pub(crate) struct Stage {
    world: World<Sandbox>,
    overheard: Overheard,
    facts_seen: usize,
    /// Names of VMs, also of those that are gone.
    names: BTreeMap<String, String>,
    screen: Screen,
    act: u32,
}

impl Stage {
    /// A cluster without groups, a vCenter with a template and a bystander, and
    /// an operator that starts.
    pub(crate) fn new(wishes: &Wishes) -> anyhow::Result<Stage> {
        let sandbox = Sandbox::new()?;
        let options = Options {
            seed: wishes.seed,
            modules: sandbox.active(),
            trace: Detail::Nothing,
            ..Options::default()
        };
        let overheard = Overheard::default();
        let ears = Rc::clone(&overheard);
        let factory = Box::new(move |_, _, now| {
            Box::new(Operator::new(now, Rc::clone(&ears))) as Box<dyn Host>
        });
        let mut world = World::new(options, FaultPlan::default(), sandbox, factory);
        world.act(&Deed::AddTemplate(TEMPLATE.into()))?;
        world.act(&Deed::AddVm(BYSTANDER.into(), Place::Elsewhere))?;
        Ok(Stage {
            world,
            overheard,
            facts_seen: 0,
            names: BTreeMap::new(),
            screen: Screen::new(wishes.speed),
            act: 0,
        })
    }

    /// The world itself, for checks.
    pub(crate) fn world(&self) -> &World<Sandbox> {
        &self.world
    }

    /// Begins an act.
    pub(crate) fn title(&mut self, title: &str, remark: &str) {
        self.act += 1;
        self.screen.title(self.act, title, remark);
    }

    /// Text between acts.
    pub(crate) fn text(&self, text: &str) {
        self.screen.text(text);
    }

    /// The groups as a table.
    pub(crate) fn table(&self) {
        if self.world.cluster().groups().next().is_none() {
            return self.screen.text("No VmGroups are left.");
        }
        let objects = self.world.cluster().groups();
        let table = table::groups(objects, self.world.now().utc, MESSAGE_CHARS_MAX);
        self.screen.text(&table);
    }

    /// A person does something; `command` is how it is done on a real cluster.
    pub(crate) fn person(&mut self, command: &str, deeds: &[Deed]) -> bool {
        self.say(Actor::Person, command);
        for deed in deeds {
            if let Err(refused) = self.world.act(deed) {
                self.say(Actor::Person, &format!("(in vain: {refused})"));
                return false;
            }
        }
        true
    }

    /// Something is said at this moment.
    pub(crate) fn say(&mut self, actor: Actor, text: &str) {
        let line = Line {
            at: self.world.now().monotonic,
            actor,
            group: None,
            text: text.to_owned(),
        };
        self.screen.line(&line);
    }

    /// Changes the spec of a group.
    pub(crate) fn spec(&self, key: &GroupKey, change: impl FnOnce(&mut Spec)) -> Option<Spec> {
        let mut spec = self.world.cluster().group(key)?.spec.clone().ok()?;
        change(&mut spec);
        Some(spec)
    }

    /// Makes another module the default one while everything runs.
    pub(crate) fn swap(&mut self, take: impl FnOnce(&Sandbox) -> Taken) -> bool {
        let taken = take(self.world.decide_mut());
        for event in self.world.decide_mut().news() {
            self.world.tell_of_module(&event);
        }
        match taken {
            Taken::Refused(refusal) => {
                self.say(Actor::Operator, &format!("module {refusal}"));
                false
            }
            Taken::Active | Taken::Unchanged => {
                self.introduce();
                true
            }
        }
    }

    /// Says which module decides.
    pub(crate) fn introduce(&mut self) {
        if let Some(module) = self.world.decide_mut().default() {
            let (name, version) = (&module.description.name, &module.description.version);
            let digest: String = module.digest.chars().take(19).collect();
            let text = format!("{name} {version} ({digest}…) decides from here on");
            self.say(Actor::Operator, &text);
        }
    }

    /// How often modules have decided.
    pub(crate) fn decisions(&mut self) -> u64 {
        self.world.decide_mut().decisions()
    }

    /// Lets time pass and shows what happens until `done`. False if that takes
    /// too long.
    pub(crate) fn until(&mut self, done: impl Fn(&World<Sandbox>) -> bool) -> bool {
        let end = self.world.now().monotonic.plus(ACT_MS_MAX);
        loop {
            self.show();
            if done(&self.world) {
                return true;
            }
            if self.world.next_at().is_none_or(|next| next > end) {
                return false;
            }
            self.world.step();
        }
    }

    /// Lets so many milliseconds pass.
    pub(crate) fn pass(&mut self, ms: u64) {
        let end = self.world.now().monotonic.plus(ms);
        while self.world.next_at().is_some_and(|next| next <= end) {
            self.world.step();
            self.show();
        }
        self.world.run_until(end);
    }

    /// The operator's process is asked to end.
    pub(crate) fn stop(&mut self) {
        self.world.ask_to_stop(0);
    }

    fn show(&mut self) {
        let facts: Vec<Fact> = self.world.facts()[self.facts_seen..].to_vec();
        self.facts_seen += facts.len();
        for vm in self.world.vcenter().vms() {
            if !self.names.contains_key(&vm.id) {
                self.names.insert(vm.id.clone(), vm.name.clone());
            }
        }
        for fact in facts {
            if let Some(line) = self.line(&fact) {
                self.screen.line(&line);
            }
        }
        let overheard = std::mem::take(&mut *self.overheard.borrow_mut());
        for line in overheard {
            self.screen.line(&line);
        }
    }

    fn line(&self, fact: &Fact) -> Option<Line> {
        let (actor, group, text) = match fact {
            Fact::Called(called) => match (&called.call, &called.result) {
                (Call::CreateFolder { name }, CallResult::Done { .. }) => (
                    Actor::VCenter,
                    Some(called.group.name.clone()),
                    format!("folder `{name}` created"),
                ),
                (call, CallResult::Refused(fault)) => (
                    Actor::VCenter,
                    Some(called.group.name.clone()),
                    format!("{} refused: {}", Kind::of_call(call), words(fault)),
                ),
                _ => return None,
            },
            Fact::Effect(effect) if effect.kind != Kind::CreateFolder => (
                Actor::VCenter,
                Some(effect.group.name.clone()),
                self.effect(effect),
            ),
            Fact::Vanished { object, .. } => (
                Actor::Operator,
                Some(object.key.name.clone()),
                "the object is gone".into(),
            ),
            Fact::LoggedIn { accepted: true, .. } => {
                (Actor::VCenter, None, "session begins".into())
            }
            Fact::LoggedIn { .. } => (Actor::VCenter, None, "credentials refused".into()),
            Fact::Misdeed { text, .. } => (Actor::VCenter, None, format!("MISDEED: {text}")),
            _ => return None,
        };
        Some(Line {
            at: fact.at(),
            actor,
            group,
            text,
        })
    }

    fn effect(&self, effect: &Effect) -> String {
        let done = match effect.kind {
            Kind::Clone => "cloned",
            Kind::PowerOn => "powered on",
            Kind::PowerOff => "powered off",
            Kind::ShutdownGuest => "asked to shut down",
            Kind::Suspend => "suspended",
            Kind::Reconfigure => "reconfigured",
            Kind::Mark => "marked",
            Kind::Destroy => "destroyed",
            Kind::DestroyFolder => return "folder removed".into(),
            other => other.as_str(),
        };
        let vm = effect.vm.as_deref().unwrap_or("");
        let name = self.names.get(vm).map_or(vm, String::as_str);
        let slot = effect
            .marker
            .as_ref()
            .map_or_else(String::new, |marker| format!(", slot {}", marker.slot));
        format!("{name} ({vm}{slot}) {done}")
    }
}

fn words(fault: &Fault) -> String {
    match fault {
        Fault::Gone => "it does not exist any more".into(),
        Fault::NotFound { what } => format!("{what} does not exist"),
        Fault::Busy { message } => message.clone(),
        other => format!("{other:?}"),
    }
}
