//! A world with the real operator in it, and what its stories ask of it.

use vmgroup_core::group::{GroupKey, Spec};
use vmgroup_core::marker::{MARKER_KEY, Marker};
use vmgroup_core::observation::{Observation, PowerState};
use vmgroup_core::plan::Answer;
use vmgroup_core::status::Status;
use vmgroup_native::decide;
use vmgroup_reconcile::Machine;
use vmgroup_reconcile::event::{ActiveModule, DecideResult, Event, GroupObject};
use vmgroup_reconcile::machine::{Caps, Config};
use vmgroup_sim::deed::{Deed, Which};
use vmgroup_sim::faults::{Fault, FaultPlan, RequestFault};
use vmgroup_sim::history::Fact;
use vmgroup_sim::host::{Decide, Host, no_module};
use vmgroup_sim::kind::Kind;
use vmgroup_sim::options::{Options, VCenterOptions};
use vmgroup_sim::oracles::{l2_deletion, safety};
use vmgroup_sim::samples::small_spec;
use vmgroup_sim::vcenter::VmTruth;
use vmgroup_sim::world::World;

/// A module's logic that a story makes up.
pub(crate) type Planner = Box<dyn FnMut(&Observation) -> Answer>;

/// The default logic without its sandbox.
pub(crate) struct Native {
    pub(crate) digest: &'static str,
    /// What the operator's default module answers instead.
    pub(crate) instead: Option<DecideResult>,
    /// Who plans in its place.
    pub(crate) planner: Option<Planner>,
    /// How often that was answered.
    pub(crate) answered_instead: usize,
    /// The memo that each decision saw.
    pub(crate) memos: Vec<Option<String>>,
}

impl Native {
    fn sound() -> Self {
        Native {
            digest: "native",
            instead: None,
            planner: None,
            answered_instead: 0,
            memos: Vec::new(),
        }
    }
}

impl Decide for Native {
    fn decide(&mut self, name: Option<&str>, seen: &Observation) -> (String, DecideResult) {
        self.memos.push(seen.context.memo.clone());
        if let (None, Some(plan)) = (name, &mut self.planner) {
            return (self.digest.into(), DecideResult::Answered(plan(seen)));
        }
        let answered = match (name, &self.instead) {
            (None, Some(instead)) => {
                self.answered_instead += 1;
                instead.clone()
            }
            (None | Some("built-in"), _) => DecideResult::Answered(decide(seen)),
            (Some(_), _) => return no_module(),
        };
        (self.digest.into(), answered)
    }
}

pub(crate) struct Stage {
    pub(crate) world: World<Native>,
}

impl Stage {
    /// One host without a lease.
    pub(crate) fn new(faults: Vec<Fault>) -> Stage {
        Stage::with(Options::default(), faults)
    }

    /// One host, which has brought the group web to its spec.
    pub(crate) fn settled(web: Spec) -> Stage {
        let mut stage = Stage::new(Vec::new());
        stage.settle(web);
        stage
    }

    /// One host, and such a vCenter.
    pub(crate) fn on(vcenter: VCenterOptions, faults: Vec<Fault>) -> Stage {
        let options = Options {
            vcenter,
            ..Options::default()
        };
        Stage::with(options, faults)
    }

    /// As many hosts as the options say; more than one use a lease.
    pub(crate) fn with(options: Options, faults: Vec<Fault>) -> Stage {
        let leased = options.hosts > 1;
        Stage::new_with(options, faults, leased, Caps::default())
    }

    /// One host, which carries out one operation at a time.
    pub(crate) fn narrow(faults: Vec<Fault>) -> Stage {
        let caps = Caps {
            operations: 1,
            ..Caps::default()
        };
        Stage::new_with(Options::default(), faults, false, caps)
    }

    /// Two hosts that both act.
    pub(crate) fn rivals(faults: Vec<Fault>) -> Stage {
        let options = Options {
            hosts: 2,
            ..Options::default()
        };
        Stage::new_with(options, faults, false, Caps::default())
    }

    fn new_with(mut options: Options, faults: Vec<Fault>, leased: bool, caps: Caps) -> Stage {
        if options.modules.is_empty() {
            options.modules = modules();
        }
        let factory = Box::new(move |host, life, now| {
            let config = Config {
                install: "test".into(),
                run: format!("host-{host}-{life}"),
                replica: leased.then(|| format!("host-{host}")),
                caps,
            };
            Box::new(Machine::new(config, now)) as Box<dyn Host>
        });
        let mut world = World::new(options, FaultPlan::new(faults), Native::sound(), factory);
        world.act(&Deed::AddTemplate("base".into())).unwrap();
        Stage { world }
    }

    pub(crate) fn act(&mut self, deed: Deed) {
        if let Err(error) = self.world.act(&deed) {
            panic!("{deed:?}: {error}\n{}", self.story());
        }
    }

    pub(crate) fn create(&mut self, name: &str, spec: Spec) {
        self.act(Deed::Create(key(name), Box::new(Ok(spec))));
    }

    /// An object that is not quite as a person makes one.
    pub(crate) fn create_as(
        &mut self,
        name: &str,
        spec: Spec,
        shape: impl FnOnce(&mut GroupObject),
    ) {
        let now = self.world.now();
        let cluster = self.world.cluster_mut();
        cluster.create_as(now, &key(name), Ok(spec), shape).unwrap();
    }

    /// Creates the group web and waits until it is as its spec says.
    pub(crate) fn settle(&mut self, web: Spec) {
        self.create("web", web);
        self.until_phase("web", "RUNNING", 60);
    }

    /// Gives a group another spec.
    pub(crate) fn edit(&mut self, name: &str, spec: Spec) {
        self.act(Deed::Edit(key(name), Box::new(Ok(spec))));
    }

    /// Writes a group's identity by hand.
    pub(crate) fn identify(&mut self, name: &str, identity: &str) {
        self.act(Deed::Identify(key(name), identity.into()));
    }

    pub(crate) fn identity(&self, name: &str) -> Option<String> {
        let object = self.world.cluster().group(&key(name));
        object.and_then(|object| object.identity.clone())
    }

    pub(crate) fn has_finalizer(&self, name: &str) -> bool {
        let object = self.world.cluster().group(&key(name));
        object.is_some_and(|object| object.finalizer)
    }

    /// The group's object exists.
    pub(crate) fn is_there(&self, name: &str) -> bool {
        self.world.cluster().group(&key(name)).is_some()
    }

    /// How often a module was asked.
    pub(crate) fn decisions(&self) -> usize {
        let decided = |fact: &&Fact| matches!(fact, Fact::Decided(_));
        self.world.facts().iter().filter(decided).count()
    }

    /// Changes a VM by hand.
    pub(crate) fn shape(&mut self, id: &str, change: impl FnOnce(&mut VmTruth)) {
        let now = self.world.now();
        self.world.vcenter_mut().by_hand(now, id, change).unwrap();
    }

    /// Changes what the marker of a VM says.
    pub(crate) fn remark(&mut self, id: &str, change: impl FnOnce(&mut Marker)) {
        self.shape(id, |vm| {
            let mut marker = vm.marker().unwrap();
            change(&mut marker);
            vm.extra_config.insert(MARKER_KEY.into(), marker.to_text());
        });
    }

    /// The owner wants the members to be off.
    pub(crate) fn ask_for_power_off(&mut self, name: &str) {
        let object = self.world.cluster().group(&key(name)).unwrap();
        let off = Spec {
            power_state: PowerState::Off,
            ..object.spec.clone().unwrap()
        };
        self.edit(name, off);
    }

    /// Waits until the group's phase is that one, at most so many seconds.
    pub(crate) fn until_phase(&mut self, name: &str, phase: &str, seconds: u64) {
        let wanted = Some(phase.to_owned());
        let of = key(name);
        let generation = self
            .world
            .cluster()
            .group(&of)
            .map(|object| object.generation);
        let reached = self.world.run_to(seconds * 1_000, |world| {
            world.cluster().group(&of).is_some_and(|object| {
                object.status.phase == wanted && object.status.observed_generation == generation
            })
        });
        assert!(
            reached,
            "{name} is not {phase}: {:#?}\n{}",
            self.status(name),
            self.story()
        );
    }

    /// Waits until no object is left.
    pub(crate) fn until_empty(&mut self, seconds: u64) {
        let done = self.world.run_to(seconds * 1_000, |world| {
            world.cluster().groups().next().is_none()
        });
        assert!(done, "objects are left\n{}", self.story());
    }

    pub(crate) fn status(&self, name: &str) -> Status {
        let object = self.world.cluster().group(&key(name));
        object
            .map(|object| object.status.clone())
            .unwrap_or_default()
    }

    /// VMs that a group's name begins.
    fn vms_of(&self, name: &str) -> impl Iterator<Item = &VmTruth> {
        let start = format!("{name}-replica-");
        let vms = self.world.vcenter().vms();
        vms.filter(move |vm| vm.name.starts_with(&start))
    }

    /// Their names.
    pub(crate) fn vms(&self, name: &str) -> Vec<String> {
        self.vms_of(name).map(|vm| vm.name.clone()).collect()
    }

    /// Their MoIDs.
    pub(crate) fn ids(&self, name: &str) -> Vec<String> {
        self.vms_of(name).map(|vm| vm.id.clone()).collect()
    }

    /// How many of them are on.
    pub(crate) fn running(&self, name: &str) -> usize {
        let on = |vm: &&VmTruth| vm.power == PowerState::On;
        self.vms_of(name).filter(on).count()
    }

    /// Calls that change vCenter, of all groups.
    pub(crate) fn calls(&self) -> usize {
        let called = |fact: &&Fact| matches!(fact, Fact::Called(_));
        self.world.facts().iter().filter(called).count()
    }

    /// Those of a kind.
    pub(crate) fn called(&self, kind: Kind) -> usize {
        let called =
            |fact: &&Fact| matches!(fact, Fact::Called(it) if Kind::of_call(&it.call) == kind);
        self.world.facts().iter().filter(called).count()
    }

    /// Effects of a kind, of all groups.
    pub(crate) fn effects(&self, kind: Kind) -> usize {
        let had = |fact: &&Fact| matches!(fact, Fact::Effect(it) if it.kind == kind);
        self.world.facts().iter().filter(had).count()
    }

    /// Requests of a kind, to vCenter and API server.
    pub(crate) fn asked(&self, kind: Kind) -> usize {
        let arrivals = self.world.arrivals().iter();
        arrivals.filter(|arrival| arrival.kind == kind).count()
    }

    /// The group's status says so.
    pub(crate) fn says(&self, name: &str, what: &str) {
        let message = self.status(name).last_message.unwrap_or_default();
        assert!(message.contains(what), "{message}\n{}", self.story());
    }

    /// The default logic takes over from itself under another digest.
    pub(crate) fn swap(&mut self, digest: &'static str) {
        self.world.decide_mut().digest = digest;
        let module = ActiveModule {
            name: None,
            digest: digest.into(),
            description: vmgroup_native::built_in_description(),
        };
        self.world.tell_of_module(&Event::ModuleActive(module));
    }

    /// Everything that must hold at every moment did.
    pub(crate) fn assert_safe(&self) {
        let breaches = safety(&self.world);
        assert!(breaches.is_empty(), "{breaches:#?}\n{}", self.story());
        let hot = self.world.hot_wakeups();
        assert!(hot < 10, "woken without end, {hot} times\n{}", self.story());
    }

    /// What was deleted is gone, and so is the folder that was made for it if it had to go.
    pub(crate) fn assert_gone_with_its_folder(&self) {
        let world = &self.world;
        let now = world.now().monotonic;
        let left = l2_deletion(world.cluster(), world.vcenter(), world.facts(), now, 0);
        assert!(left.is_empty(), "{left:#?}\n{}", self.story());
    }

    /// The end of the trace, without what repeats for ever.
    pub(crate) fn story(&self) -> String {
        let told = |line: &String| {
            !line.ends_with("FeedIdle") && !line.contains("LeaseSeen") && !line.contains(" lease ")
        };
        let lines = self.world.trace().lines().iter().map(ToString::to_string);
        let lines: Vec<String> = lines.filter(told).collect();
        let skipped = lines.len().saturating_sub(3000);
        lines[skipped..].join("\n")
    }
}

/// The built-in module, by default and by name.
pub(crate) fn modules() -> Vec<ActiveModule> {
    let description = vmgroup_native::built_in_description();
    [None, Some("built-in".to_owned())]
        .map(|name| ActiveModule {
            name,
            digest: "native".into(),
            description: description.clone(),
        })
        .to_vec()
}

pub(crate) fn key(name: &str) -> GroupKey {
    GroupKey::new("default", name)
}

/// Something goes wrong with the n-th request of a kind.
pub(crate) fn spoiled(kind: Kind, nth: u32, what: RequestFault) -> Fault {
    Fault::Request {
        host: None,
        kind,
        nth,
        what,
    }
}

/// What is in that slot of the group web.
pub(crate) fn member(slot: u32) -> Which {
    Which::Member(key("web"), slot)
}

pub(crate) fn spec(replicas: u32) -> Spec {
    small_spec(replicas, "base")
}
