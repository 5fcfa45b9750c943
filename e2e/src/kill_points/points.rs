//! From the calls of a run without faults to plans.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{DefaultHasher, Hasher as _};

use vmgroup_faults::{Action, At, HostSignal, Pattern, Record, Rule, Server};

/// Renewals of the lease that are points: they are all alike.
const RENEWALS: u32 = 3;

/// A call that changes something, as it can be found again in another run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Point {
    /// Whom it is for.
    pub server: Server,
    /// Verb or method.
    pub verb: String,
    /// Resource or type of the object.
    pub resource: String,
    /// The name of the group.
    pub group: Option<String>,
    /// The slot.
    pub slot: Option<u32>,
    /// Which of its kind, from 1.
    pub nth: u32,
}

/// What happens at a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum How {
    /// The operator is killed before the call arrives.
    KillBefore,
    /// It is killed when the call has been executed.
    KillAfter,
    /// It is killed when it has its answer.
    KillAnswered,
    /// It does not learn what came of the call.
    LoseAnswer,
    /// It freezes before the call arrives, and another one takes over.
    FreezeBefore,
    /// It freezes when the call has been executed, likewise.
    FreezeAfter,
}

impl How {
    const ALL: [Self; 6] = [
        Self::KillBefore,
        Self::KillAfter,
        Self::KillAnswered,
        Self::LoseAnswer,
        Self::FreezeBefore,
        Self::FreezeAfter,
    ];

    /// Whether it takes a second operator.
    pub fn is_freeze(self) -> bool {
        matches!(self, Self::FreezeBefore | Self::FreezeAfter)
    }

    fn action(self) -> Action {
        match self {
            Self::KillBefore => Action::signal(HostSignal::Kill, At::Before),
            Self::KillAfter => Action::signal(HostSignal::Kill, At::After),
            Self::KillAnswered => Action::signal(HostSignal::Kill, At::Answered),
            Self::LoseAnswer => Action::LoseAnswer,
            Self::FreezeBefore => Action::signal(HostSignal::Stop, At::Before),
            Self::FreezeAfter => Action::signal(HostSignal::Stop, At::After),
        }
    }
}

/// Something that happens at a point.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fault {
    /// Where.
    pub at: Point,
    /// What.
    pub how: How,
}

impl Fault {
    fn rule(&self) -> Rule {
        let on = Pattern {
            server: Some(self.at.server),
            verb: Some(self.at.verb.clone()),
            resource: Some(self.at.resource.clone()),
            group: self.at.group.clone(),
            slot: self.at.slot,
            object: None,
        };
        Rule {
            nth: self.at.nth,
            ..Rule::once(on, self.how.action())
        }
    }
}

/// One run: its number and what happens in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Its place in the order of the seed, from 0.
    pub number: usize,
    /// One fault, or two in the rounds after the first.
    pub faults: Vec<Fault>,
}

impl Plan {
    /// For the proxy.
    pub(crate) fn for_proxy(&self) -> vmgroup_faults::Plan {
        vmgroup_faults::Plan {
            seed: self.number as u64,
            rules: self.faults.iter().map(Fault::rule).collect(),
        }
    }

    /// Tasks of vCenter take their time, so that one may run when its operator is gone.
    pub(crate) fn has_slow_tasks(&self) -> bool {
        self.number.is_multiple_of(2)
    }

    /// How many operators it takes.
    pub(crate) fn replicas(&self) -> usize {
        1 + usize::from(self.faults.iter().any(|fault| fault.how.is_freeze()))
    }
}

/// The points of a run.
pub(crate) fn points(records: &[Record], namespace: &str) -> Vec<Point> {
    let mut counts: BTreeMap<Point, u32> = BTreeMap::new();
    let mut points = Vec::new();
    for call in records.iter().map(|record| &record.call) {
        if !call.changes {
            continue;
        }
        let group = call.group.as_ref().map(|group| {
            let name = group.strip_prefix(namespace).unwrap_or(group);
            name.trim_start_matches('/').to_owned()
        });
        let kind = Point {
            server: call.server,
            verb: call.verb.clone(),
            resource: call.resource.clone(),
            group,
            slot: call.slot,
            nth: 0,
        };
        let count = counts.entry(kind.clone()).or_default();
        *count += 1;
        if call.resource != "leases" || *count <= RENEWALS {
            points.push(Point {
                nth: *count,
                ..kind
            });
        }
    }
    points
}

/// All plans of one fault in an order of the seed, then pairs of faults without end.
pub fn plans(points: &[Point], seed: u64) -> impl Iterator<Item = Plan> {
    let mut singles: Vec<Fault> = Vec::new();
    for at in points {
        // Losing or writing the lease is what a freeze is about; it needs none there.
        let may_freeze = at.resource != "leases" && at.resource != "events";
        for how in How::ALL {
            if may_freeze || !how.is_freeze() {
                let at = at.clone();
                singles.push(Fault { at, how });
            }
        }
    }
    singles.sort_by_cached_key(|fault| (hash(&(seed, fault)), fault.clone()));
    let pairs_of = singles.clone();
    let pick = move |number: usize, which: u32| {
        let length = pairs_of.len() as u64;
        let place = hash(&(seed, number, which)).checked_rem(length)?;
        pairs_of.get(usize::try_from(place).ok()?).cloned()
    };
    let first_pair = singles.len() + 1;
    let singles = (1..).zip(singles).map(|(number, fault)| Plan {
        number,
        faults: vec![fault],
    });
    let pairs = (first_pair..).map_while(move |number| {
        let mut faults = vec![pick(number, 0)?, pick(number, 1)?];
        faults.dedup();
        Some(Plan { number, faults })
    });
    singles.chain(pairs)
}

fn hash(value: &impl std::hash::Hash) -> u64 {
    let mut hash = DefaultHasher::new();
    value.hash(&mut hash);
    hash.finish()
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, fault) in self.faults.iter().enumerate() {
            if place > 0 {
                f.write_str("; then ")?;
            }
            write!(f, "{fault}")?;
        }
        match self.has_slow_tasks() {
            true => f.write_str(", slow tasks"),
            false => Ok(()),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = match self.how {
            How::KillBefore => "killed before",
            How::KillAfter => "killed after",
            How::KillAnswered => "killed with the answer of",
            How::LoseAnswer => "no answer to",
            How::FreezeBefore => "frozen before",
            How::FreezeAfter => "frozen after",
        };
        write!(f, "{how} {}", self.at)
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} #{}", self.verb, self.resource, self.nth)?;
        match (&self.group, self.slot) {
            (Some(group), Some(slot)) => write!(f, " of {group}/{slot}"),
            (Some(group), None) => write!(f, " of {group}"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(verb: &str, resource: &str) -> Point {
        Point {
            server: Server::Kubernetes,
            verb: verb.into(),
            resource: resource.into(),
            group: None,
            slot: None,
            nth: 1,
        }
    }

    #[test]
    fn every_point_has_every_fault_once_before_there_are_pairs() {
        let points = [point("patch", "vmgroups/status"), point("update", "leases")];
        let all: Vec<Plan> = plans(&points, 7).take(20).collect();
        let (singles, pairs) = all.split_at(10);
        let mut faults: Vec<_> = singles.iter().flat_map(|plan| &plan.faults).collect();
        faults.sort();
        faults.dedup();
        assert_eq!(faults.len(), 10, "six at the status, four at the lease");
        assert!(pairs.iter().any(|plan| plan.faults.len() == 2));
        assert!(all.iter().map(|plan| plan.number).eq(1..21));
    }

    #[test]
    fn the_order_is_the_seeds() {
        let points = [
            point("patch", "vmgroups/status"),
            point("patch", "vmgroups"),
        ];
        let names = |seed| -> Vec<String> {
            plans(&points, seed)
                .take(12)
                .map(|plan| plan.to_string())
                .collect()
        };
        assert_eq!(names(1), names(1));
        assert_ne!(names(1), names(2));
        assert_eq!(plans(&[], 1).count(), 0);
    }
}
