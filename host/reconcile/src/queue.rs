//! Which queued operation begins next. Places are limited by caps; groups take
//! turns, so a large one never keeps a small one waiting.

use std::collections::{BTreeMap, BTreeSet};

use vmgroup_core::group::GroupKey;
use vmgroup_core::observation::Slot;

use crate::machine::Caps;

/// A queued operation that could begin, if there is a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// Its group.
    pub(crate) group: GroupKey,
    /// Its slot.
    pub(crate) slot: Slot,
    /// The template, if it is a clone.
    pub(crate) template: Option<String>,
}

/// The places taken, and whose turn it is.
#[derive(Debug, Clone)]
pub(crate) struct Queue {
    caps: Caps,
    taken: BTreeMap<(GroupKey, Slot), Option<String>>,
    last: Option<GroupKey>,
}

impl Queue {
    /// One with all places free.
    pub(crate) fn new(caps: Caps) -> Self {
        Queue {
            caps,
            taken: BTreeMap::new(),
            last: None,
        }
    }

    /// Gives free places to candidates: one for each group in turn, the groups
    /// after the last one served first. `candidates` are those of each group in
    /// the order in which the group wants them.
    pub(crate) fn grant(
        &mut self,
        mut candidates: BTreeMap<GroupKey, Vec<Candidate>>,
    ) -> Vec<(GroupKey, Slot)> {
        let mut granted = Vec::new();
        let mut order: Vec<GroupKey> = candidates.keys().cloned().collect();
        if let Some(last) = &self.last {
            let split = order.partition_point(|key| key <= last);
            order.rotate_left(split);
        }
        for waiting in candidates.values_mut() {
            waiting.reverse();
        }
        let mut served = true;
        while served {
            served = false;
            for key in &order {
                let Some(waiting) = candidates.get_mut(key) else {
                    continue;
                };
                let Some(next) = self.first_with_place(waiting) else {
                    continue;
                };
                let place = (next.group, next.slot);
                self.take(place.clone(), next.template);
                self.last = Some(key.clone());
                granted.push(place);
                served = true;
            }
        }
        granted
    }

    /// The group that was served last.
    pub(crate) fn last_served(&self) -> Option<GroupKey> {
        self.last.clone()
    }

    /// Serves the groups after this one first, as if it had been the last.
    pub(crate) fn serve_after(&mut self, last: Option<GroupKey>) {
        self.last = last;
    }

    /// An operation holds a place: one that was granted, or was found in flight
    /// after a restart.
    pub(crate) fn take(&mut self, place: (GroupKey, Slot), template: Option<String>) {
        self.taken.insert(place, template);
    }

    /// The operation is over.
    pub(crate) fn free(&mut self, group: &GroupKey, slot: Slot) {
        self.taken.remove(&(group.clone(), slot));
    }

    /// The group is gone, and its operations with it.
    pub(crate) fn free_group(&mut self, group: &GroupKey) {
        let slots: BTreeSet<Slot> = self
            .taken
            .keys()
            .filter(|(key, _)| key == group)
            .map(|(_, slot)| *slot)
            .collect();
        for slot in slots {
            self.free(group, slot);
        }
    }

    /// Takes candidates off the end until one has a place.
    fn first_with_place(&self, waiting: &mut Vec<Candidate>) -> Option<Candidate> {
        while let Some(next) = waiting.pop() {
            if self.has_place(next.template.as_deref()) {
                return Some(next);
            }
        }
        None
    }

    fn has_place(&self, template: Option<&str>) -> bool {
        if self.taken.len() >= self.caps.operations {
            return false;
        }
        let Some(template) = template else {
            return true;
        };
        let clones: Vec<&str> = self.taken.values().filter_map(Option::as_deref).collect();
        let same = clones.iter().filter(|other| **other == template).count();
        clones.len() < self.caps.clones && same < self.caps.clones_per_template
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAPS: Caps = Caps {
        clones_per_template: 4,
        clones: 4,
        operations: 32,
    };

    /// Rounds until each group is served, when every clone takes one round.
    fn rounds(groups: &[(String, u32)]) -> BTreeMap<String, u32> {
        let mut queue = Queue::new(CAPS);
        let mut left: BTreeMap<GroupKey, Vec<Candidate>> = groups
            .iter()
            .map(|(name, clones)| {
                let group = GroupKey::new("a", name);
                let clone = |slot| Candidate {
                    group: group.clone(),
                    slot,
                    template: Some("base".into()),
                };
                (group.clone(), (0..*clones).map(clone).collect())
            })
            .collect();
        let mut done = BTreeMap::new();
        for round in 1.. {
            let granted = queue.grant(left.clone());
            assert!(
                granted.len() <= CAPS.clones,
                "{} clones at once",
                granted.len()
            );
            for (group, slot) in granted {
                queue.free(&group, slot);
                let waiting = left.get_mut(&group).expect("a known group");
                waiting.retain(|candidate| candidate.slot != slot);
                if waiting.is_empty() {
                    left.remove(&group);
                    done.insert(group.name, round);
                }
            }
            if left.is_empty() {
                break;
            }
        }
        done
    }

    #[test]
    fn twenty_small_groups_beside_a_huge_one_take_at_most_three_times_their_time_alone() {
        let small: Vec<(String, u32)> = (0..20).map(|n| (format!("small-{n:02}"), 3)).collect();
        let alone = rounds(&small);
        let mut with_huge = small.clone();
        with_huge.insert(0, ("huge".into(), 500));
        let beside = rounds(&with_huge);
        for (name, _) in &small {
            assert!(
                beside[name] <= 3 * alone[name],
                "{name}: {} rounds",
                beside[name]
            );
        }
        assert_eq!(
            beside["huge"], 140,
            "560 clones at 4 a round: no place stays empty"
        );
    }

    #[test]
    fn a_full_template_does_not_keep_other_operations_waiting() {
        let mut queue = Queue::new(CAPS);
        let key = GroupKey::new("a", "web");
        for slot in 0..4 {
            queue.take((key.clone(), slot), Some("base".into()));
        }
        let candidate = |slot, template: Option<&str>| Candidate {
            group: key.clone(),
            slot,
            template: template.map(Into::into),
        };
        let waiting = vec![candidate(4, Some("base")), candidate(5, None)];
        let granted = queue.grant(BTreeMap::from([(key.clone(), waiting)]));
        assert_eq!(granted, [(key, 5)]);
    }

    fn waiting(name: &str, slots: std::ops::Range<u32>, template: Option<&str>) -> Vec<Candidate> {
        let candidate = |slot| Candidate {
            group: GroupKey::new("a", name),
            slot,
            template: template.map(Into::into),
        };
        slots.map(candidate).collect()
    }

    fn granted(queue: &mut Queue, waiting: Vec<Candidate>) -> Vec<(GroupKey, Slot)> {
        let key = waiting.first().expect("a candidate").group.clone();
        queue.grant(BTreeMap::from([(key, waiting)]))
    }

    #[test]
    fn places_are_limited_by_template_by_clones_and_in_all() {
        let mut queue = Queue::new(Caps {
            clones_per_template: 4,
            clones: 8,
            operations: 10,
        });
        for (name, template, expected) in [
            ("a", Some("small"), 4),
            ("b", Some("small"), 0),
            ("c", Some("large"), 4),
            ("d", Some("other"), 0),
            ("e", None, 2),
            ("f", None, 0),
        ] {
            let granted = granted(&mut queue, waiting(name, 0..9, template));
            assert_eq!(granted.len(), expected, "{name}");
        }
    }

    #[test]
    fn groups_take_turns_also_from_one_grant_to_the_next() {
        let mut queue = Queue::new(Caps {
            clones_per_template: 1,
            clones: 1,
            operations: 1,
        });
        let mut order = Vec::new();
        for _ in 0..6 {
            let all = ["a", "b", "c"].map(|name| {
                let waiting = waiting(name, 0..9, None);
                (GroupKey::new("a", name), waiting)
            });
            for (group, slot) in queue.grant(BTreeMap::from(all)) {
                queue.free(&group, slot);
                order.push(group.name);
            }
        }
        assert_eq!(order, ["a", "b", "c", "a", "b", "c"]);
    }

    #[test]
    fn a_group_that_is_gone_leaves_its_places_and_no_others() {
        let mut queue = Queue::new(Caps {
            operations: 4,
            ..CAPS
        });
        granted(&mut queue, waiting("a", 0..3, None));
        granted(&mut queue, waiting("b", 0..1, None));
        queue.free_group(&GroupKey::new("a", "a"));
        assert_eq!(granted(&mut queue, waiting("c", 0..9, None)).len(), 3);
    }
}
