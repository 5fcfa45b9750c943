//! What came of a soak: a table for people, JSON for programs.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;

use serde::Serialize;

use super::flat::{Allowance, Judged, Verdict, judge};
use super::sample::{Host, Sample};

/// Rounds that a breach shows.
const ROUNDS_SHOWN: usize = 12;

/// Memory: an allocator that gives nothing back, and pools that follow the number of
/// groups, move a healthy operator by a few MiB.
const MEMORY: Allowance = Allowance {
    least: 6.0,
    percent: 10.0,
    burst_s: 0.0,
    reason: "an allocator keeps what it once had, and groups come and go",
};
/// Connections of two pools, which open in a burst and close when they were idle for so long.
const FILES: Allowance = Allowance {
    least: 5.0,
    percent: 0.0,
    burst_s: 50.0,
    reason: "two pools of connections, which close when they have been idle",
};
/// Threads that do what blocks come with work and go after ten idle seconds.
const THREADS: Allowance = Allowance {
    least: 3.0,
    percent: 0.0,
    burst_s: 10.0,
    reason: "threads for what blocks end after ten idle seconds",
};
/// One of a kind, or one of each operator: there is no reason to have more.
const NONE: Allowance = Allowance {
    least: 0.5,
    percent: 0.0,
    burst_s: 0.0,
    reason: "there is no reason to have more",
};

/// Why a soak failed.
#[derive(Debug, Clone, Serialize)]
pub struct Breach {
    /// In which round, or after which.
    pub round: u64,
    /// What does not hold, in one line.
    pub what: String,
    /// The ends of the proxies' trace and of the logs.
    #[serde(skip)]
    pub circumstances: String,
}

/// A figure over the time.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// Which.
    pub figure: &'static str,
    /// In the first sample.
    pub start: f64,
    /// In the one in the middle.
    pub middle: f64,
    /// In the last.
    pub end: f64,
    /// The largest.
    pub peak: f64,
    /// What may grow, for figures that have to be flat.
    pub allowance: Option<Allowance>,
    /// Whether it is flat.
    pub judged: Option<Judged>,
}

/// All that a soak has found.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Of which the rounds were drawn.
    pub seed: u64,
    /// How many there were.
    pub rounds: u64,
    /// How long it took, start and farewell included.
    pub took_ms: u64,
    /// How long the world took to settle, each time.
    pub settled: Vec<u64>,
    /// How often operators were killed.
    pub killed: u64,
    /// Plans that were held and approved.
    pub approvals: u64,
    /// How often each kind of edit was made.
    pub edits: BTreeMap<&'static str, u64>,
    /// How often each kind of fault was begun.
    pub faults: BTreeMap<&'static str, u64>,
    /// The process whose figures are judged.
    pub steady_pid: u32,
    /// What was seen each time the world had settled.
    pub samples: Vec<Sample>,
    /// What did not hold.
    pub breach: Option<Breach>,
    /// Somebody ended it.
    pub is_interrupted: bool,
    /// The last rounds, for a breach.
    #[serde(skip)]
    pub last_rounds: VecDeque<String>,
}

impl Report {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            rounds: 0,
            took_ms: 0,
            settled: Vec::new(),
            killed: 0,
            approvals: 0,
            edits: BTreeMap::new(),
            faults: BTreeMap::new(),
            steady_pid: 0,
            samples: Vec::new(),
            breach: None,
            is_interrupted: false,
            last_rounds: VecDeque::new(),
        }
    }

    pub(crate) fn forget_old_rounds(&mut self) {
        while self.last_rounds.len() > ROUNDS_SHOWN {
            self.last_rounds.pop_front();
        }
    }

    /// Each figure, and whether it is flat.
    pub fn rows(&self) -> Vec<Row> {
        let host = |figure: fn(&Host) -> f64| {
            move |sample: &Sample| sample.host(self.steady_pid).map(figure)
        };
        let rows = [
            self.row(
                "memory of one life, MiB",
                host(|it| it.rss_kib as f64 / 1_024.0),
                Some(MEMORY),
            ),
            self.row(
                "open files of one life",
                host(|it| it.files as f64),
                Some(FILES),
            ),
            self.row(
                "threads of one life",
                host(|it| it.threads as f64),
                Some(THREADS),
            ),
            self.row("sessions", |it| Some(it.sessions as f64), Some(NONE)),
            self.row(
                "running tasks",
                |it| Some(it.running_tasks as f64),
                Some(NONE),
            ),
            self.row("leases", |it| Some(it.leases as f64), Some(NONE)),
            self.row("events", |it| Some(it.events as f64), None),
            self.row("groups", |it| Some(it.groups as f64), None),
            self.row("VMs", |it| Some(it.vms as f64), None),
        ];
        rows.into_iter().flatten().collect()
    }

    /// Nothing broke, and no figure grows.
    pub fn is_good(&self) -> bool {
        let grows = |row: &Row| {
            row.judged
                .is_some_and(|judged| judged.verdict == Verdict::Grows)
        };
        self.breach.is_none() && !self.rows().iter().any(grows)
    }

    /// Figures that have to be flat, and of which too little was seen.
    pub fn unjudged(&self) -> Vec<&'static str> {
        let rows = self.rows().into_iter().filter(|row| {
            let verdict = row.judged.map(|judged| judged.verdict);
            verdict == Some(Verdict::Unknown)
        });
        rows.map(|row| row.figure).collect()
    }

    /// For people.
    pub fn table(&self) -> String {
        let mut text = format!(
            "{:<24} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8}  verdict\n",
            "figure", "start", "middle", "end", "peak", "growth", "allowed"
        );
        for row in self.rows() {
            let Row {
                figure,
                start,
                middle,
                end,
                peak,
                ..
            } = row;
            let _ = write!(
                text,
                "{figure:<24} {start:>8.1} {middle:>8.1} {end:>8.1} {peak:>8.1} "
            );
            let _ = match (row.judged, row.allowance) {
                (Some(judged), Some(allowance)) => {
                    writeln!(text, "{}", verdict(&judged, &allowance))
                }
                _ => writeln!(text, "{:>8} {:>8}  not judged", "", ""),
            };
        }
        let slowest = self.settled.iter().max().copied().unwrap_or(0);
        let _ = write!(
            text,
            "seed: {}\nrounds: {}\nsettled: {}\nkills: {}\napprovals: {}\nseconds: {}\n\
             slowest to settle, ms: {slowest}\nnext seed: {}\nsoaks that failed: {}",
            self.seed,
            self.rounds,
            self.settled.len(),
            self.killed,
            self.approvals,
            self.took_ms / 1_000,
            self.seed + 1,
            u32::from(!self.is_good())
        );
        text
    }

    fn row(
        &self,
        figure: &'static str,
        value: impl Fn(&Sample) -> Option<f64>,
        allowance: Option<Allowance>,
    ) -> Option<Row> {
        let points: Vec<(f64, f64)> = self
            .samples
            .iter()
            .filter_map(|sample| Some((sample.at_ms as f64 / 1_000.0, value(sample)?)))
            .collect();
        let at = |place: usize| points.get(place).map(|(_, value)| *value);
        Some(Row {
            figure,
            start: at(0)?,
            middle: at(points.len() / 2)?,
            end: at(points.len() - 1)?,
            peak: points.iter().map(|(_, value)| *value).fold(0.0, f64::max),
            allowance,
            judged: allowance.map(|allowance| judge(&points, &allowance)),
        })
    }
}

fn verdict(judged: &Judged, allowance: &Allowance) -> String {
    let Judged {
        growth,
        allowed,
        seen_per_hour,
        ..
    } = judged;
    let word = match judged.verdict {
        Verdict::Flat => format!("flat: a leak of {seen_per_hour:.1} an hour would show"),
        Verdict::Grows => format!("GROWS: allowed because {}", allowance.reason),
        Verdict::Unknown => format!("too few samples ({}), or too short", judged.samples),
    };
    format!("{growth:>8.1} {allowed:>8.1}  {word}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PID: u32 = 7;

    /// Two operators, whose second one is another process in each sample.
    fn report(grow: impl Fn(u64, &mut Sample)) -> Report {
        let host = |pid| Host {
            name: "first".into(),
            pid,
            leads: true,
            rss_kib: 60 * 1_024,
            files: 30,
            threads: 6,
        };
        let mut report = Report::new(1);
        report.steady_pid = PID;
        for number in 0..20 {
            let mut sample = Sample {
                at_ms: number * 15_000,
                round: number * 4,
                hosts: vec![host(PID), host(100 + u32::try_from(number).expect("small"))],
                sessions: 2,
                running_tasks: 0,
                leases: 1,
                events: number * 9,
                groups: 4,
                vms: 10,
            };
            grow(number, &mut sample);
            report.samples.push(sample);
        }
        report
    }

    fn growing(report: &Report) -> Vec<&'static str> {
        let grows = |row: &Row| row.judged.is_some_and(|it| it.verdict == Verdict::Grows);
        let rows = report.rows().into_iter().filter(grows);
        rows.map(|row| row.figure).collect()
    }

    #[test]
    fn an_operator_that_costs_the_same_all_the_time_is_good() {
        let report = report(|_, _| {});
        assert_eq!(growing(&report), [""; 0]);
        assert!(report.is_good());
        assert!(report.table().contains("soaks that failed: 0"));
    }

    #[test]
    fn planted_leaks_of_memory_files_threads_sessions_and_leases_are_refused() {
        type Plant = fn(u64, &mut Sample);
        let plants: [(&str, Plant); 5] = [
            ("memory of one life, MiB", |number, sample| {
                sample.hosts[0].rss_kib += number * 1_024;
            }),
            ("open files of one life", |number, sample| {
                sample.hosts[0].files += number;
            }),
            ("threads of one life", |number, sample| {
                sample.hosts[0].threads += number / 2;
            }),
            ("sessions", |number, sample| sample.sessions += number / 5),
            ("leases", |number, sample| sample.leases += number / 5),
        ];
        for (figure, plant) in plants {
            let report = report(plant);
            assert_eq!(growing(&report), [figure]);
            assert!(!report.is_good(), "{figure}");
            assert!(report.table().contains("GROWS"), "{figure}");
        }
    }

    #[test]
    fn figures_of_another_process_are_not_compared() {
        let report = report(|number, sample| sample.hosts[1].rss_kib += number * 10_240);
        assert!(report.is_good());
    }

    #[test]
    fn a_breach_makes_it_bad_however_flat_it_is() {
        let mut report = report(|_, _| {});
        report.breach = Some(Breach {
            round: 3,
            what: "S2".into(),
            circumstances: String::new(),
        });
        assert!(!report.is_good());
    }
}
