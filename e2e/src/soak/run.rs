//! The soak from the first group to the farewell.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::kill_points::{Ground, Seat, Stage, nothing_is_left, said, with_circumstances};

use super::draw::{Part, draw};
use super::edit::{Edit, Wish};
use super::fault::Fault;
use super::report::{Breach, Report};
use super::sample::Sample;
use super::world::{GROUPS, World};

/// What is promised (L1): so long after the last fault the world is as wished.
const SETTLES_WITHIN: Duration = Duration::from_secs(60);
/// Each look reads everything, which costs the machine that the operators run on.
const LOOK: Duration = Duration::from_millis(250);
/// Of the time, so many percent are the steady part.
const STEADY_PERCENT: u32 = 80;
/// Groups at the beginning.
const FIRST: usize = 4;

/// What is to be run.
#[derive(Debug)]
pub struct Soak<'a> {
    /// Of which the rounds are drawn.
    pub seed: u64,
    /// How long, without start and farewell.
    pub length: Duration,
    /// Rounds between two times at which the world has to settle.
    pub rounds_of_a_bout: u64,
    /// True once somebody wants it to end.
    pub is_stopped: &'a AtomicBool,
}

/// Runs it. What is said on the way goes to `tell`.
pub fn run(ground: &Ground, soak: &Soak<'_>, tell: &mut dyn FnMut(&str)) -> Report {
    let mut report = Report::new(soak.seed);
    let mut kept = None;
    let began = Instant::now();
    let ran = catch_unwind(AssertUnwindSafe(|| {
        let stage = Stage::set(ground, vmgroup_faults::Plan::default(), 2);
        let world = kept.insert(World::new(stage));
        let mut course = Course {
            soak,
            began: Instant::now(),
            world,
            report: &mut report,
            tell,
        };
        course.run()
    }));
    let why = match ran {
        Ok(Ok(())) => None,
        Ok(Err(why)) => Some(why),
        Err(panic) => Some(said(&*panic)),
    };
    report.took_ms = ms(began.elapsed());
    report.is_interrupted = soak.is_stopped.load(Ordering::Relaxed);
    if let Some(why) = why.filter(|_| !report.is_interrupted) {
        let stage = kept.as_ref().map(|world| &world.stage);
        report.breach = Some(Breach {
            round: report.rounds,
            what: why.lines().next().unwrap_or_default().to_owned(),
            circumstances: with_circumstances(why, stage),
        });
    }
    if let Some(world) = &kept {
        report.killed = world.killed();
        report.approvals = world.approvals;
    }
    // An operator that still runs is checked when it goes, and it has failed already.
    let _ = catch_unwind(AssertUnwindSafe(move || drop(kept)));
    report
}

/// A run under way.
struct Course<'a, 'b> {
    soak: &'a Soak<'a>,
    began: Instant,
    world: &'a mut World<'b>,
    report: &'a mut Report,
    tell: &'a mut dyn FnMut(&str),
}

impl Course<'_, '_> {
    fn run(&mut self) -> Result<(), String> {
        for group in &GROUPS[..FIRST] {
            let wish = Wish {
                replicas: 2,
                cpus: 1,
            };
            let create = Edit::Create { group, wish };
            create.make(&mut self.world.stage, &mut self.world.wishes);
        }
        self.settle()?;
        let steady = self.world.stage.seats.first().and_then(Seat::pid);
        self.report.steady_pid = steady.unwrap_or_default();
        let steady = self.soak.length * STEADY_PERCENT / 100;
        self.until(steady, Part::Steady)?;
        (self.tell)("now whoever leads may be killed");
        self.until(self.soak.length, Part::Kills)?;
        self.farewell()
    }

    /// Bout after bout until then.
    fn until(&mut self, end: Duration, part: Part) -> Result<(), String> {
        while self.began.elapsed() < end && !self.is_stopped() {
            for place in 0..self.soak.rounds_of_a_bout {
                self.round(place == 0, part);
            }
            self.settle()?;
        }
        Ok(())
    }

    fn round(&mut self, first: bool, part: Part) {
        self.report.rounds += 1;
        let number = self.report.rounds;
        let round = draw(self.soak.seed, number, &self.world.wishes, first, part);
        let at = self.began.elapsed().as_secs_f32();
        let line = format!(
            "{at:>7.1} s round {number}: {}, {}",
            round.edit, round.fault
        );
        self.report.last_rounds.push_back(line);
        self.report.forget_old_rounds();
        round.fault.begin(&self.world.stage);
        if round.fault == Fault::ExpireSessions {
            self.world.sessions_expired();
        }
        *self.report.faults.entry(round.fault.kind()).or_default() += 1;
        let edit = round.edit;
        if edit.make(&mut self.world.stage, &mut self.world.wishes) {
            *self.report.edits.entry(edit.kind()).or_default() += 1;
        }
        let pause = Instant::now();
        while pause.elapsed() < Duration::from_millis(round.pause_ms) {
            self.world.stage.tend();
            sleep(LOOK.min(Duration::from_millis(round.pause_ms)));
        }
    }

    /// Ends the faults, waits until the world is as wished and stands still, and takes a
    /// sample.
    fn settle(&mut self) -> Result<(), String> {
        Fault::end_all(&self.world.stage);
        self.world.swap_back();
        let began = Instant::now();
        loop {
            let seen = match self.look() {
                Ok(()) => break,
                Err(seen) => seen,
            };
            if self.is_stopped() {
                return Err("it was interrupted".to_owned());
            }
            if began.elapsed() > SETTLES_WITHIN {
                let limit = SETTLES_WITHIN.as_secs();
                return Err(format!("L1: it has not settled after {limit} s: {seen}"));
            }
            sleep(LOOK);
        }
        let took = ms(began.elapsed());
        self.report.settled.push(took);
        self.world.judge()?;
        self.world.wishes.settled();
        self.world.tidy_up();
        self.world.count_orphaned_sessions()?;
        let at = ms(self.began.elapsed());
        let sample = Sample::take(self.world, at, self.report.rounds)?;
        (self.tell)(&line(&sample, took));
        self.report.samples.push(sample);
        self.world.stage.forget_trace();
        Ok(())
    }

    fn look(&mut self) -> Result<(), String> {
        self.world.look()?;
        // What was done so far was needed to get here.
        let _ = self.world.stands_still();
        self.world.stage.is_silent()?;
        self.world.look()?;
        self.world.stands_still()
    }

    /// All groups go, then the operators.
    fn farewell(&mut self) -> Result<(), String> {
        for group in self.world.wishes.names() {
            let delete = Edit::Delete { group };
            delete.make(&mut self.world.stage, &mut self.world.wishes);
        }
        self.settle()?;
        for seat in &mut self.world.stage.seats {
            seat.leave();
        }
        nothing_is_left(&self.world.stage);
        let left = self.world.stage.control().sessions();
        let left = left.map_err(|error| format!("{error:#}"))?;
        let orphans = self.world.orphaned_sessions();
        if left > orphans {
            return Err(format!(
                "S14: {left} sessions are left of {orphans} killed operators"
            ));
        }
        Ok(())
    }

    fn is_stopped(&self) -> bool {
        self.soak.is_stopped.load(Ordering::Relaxed)
    }
}

fn line(sample: &Sample, settled_ms: u64) -> String {
    let hosts: Vec<String> = sample
        .hosts
        .iter()
        .map(|host| {
            let rss = host.rss_kib as f64 / 1_024.0;
            let leads = if host.leads { ", leads" } else { "" };
            format!(
                "{} {rss:.1} MiB, {} files, {} threads{leads}",
                host.name, host.files, host.threads
            )
        })
        .collect();
    format!(
        "{:>7.1} s round {}: settled in {:.1} s; {}; {} sessions, {} VMs in {} groups",
        sample.at_ms as f64 / 1_000.0,
        sample.round,
        settled_ms as f64 / 1_000.0,
        hosts.join("; "),
        sample.sessions,
        sample.vms,
        sample.groups
    )
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
