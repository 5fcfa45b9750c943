//! L1 and L2 over a closed graph: each world has one next world if nothing goes
//! wrong any more and nobody interferes. Following these leads into a circle,
//! always; in every circle the world must be settled and nothing may be written.
//! So L1 is checked from *every* world that can be reached, not from a sample.

use crate::oracles;
use crate::world::World;

/// A world, as far as it has to be remembered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Node {
    /// The world from which it was first reached, and by which of its steps.
    pub(crate) parent: u32,
    pub(crate) ordinal: u16,
    /// The next world if nothing goes wrong; itself if nothing happens any more.
    pub(crate) fair: u32,
    /// Something is written on the way there.
    pub(crate) writes: bool,
    /// Time passes on the way there.
    pub(crate) passes: bool,
    pub(crate) settled: bool,
}

impl Node {
    pub(crate) fn new(parent: u32, ordinal: u16, number: u32, world: &World) -> Node {
        Node {
            parent,
            ordinal,
            fair: number,
            writes: false,
            passes: false,
            settled: oracles::unsettled(world).is_none(),
        }
    }

    pub(crate) fn first(world: &World) -> Node {
        Node::new(0, 0, 0, world)
    }
}

#[derive(Debug, Default)]
pub(crate) struct Graph {
    pub(crate) nodes: Vec<Node>,
}

const UNKNOWN: u32 = u32::MAX;

impl Graph {
    /// The steps from the first world.
    pub(crate) fn way_to(&self, number: u32) -> Vec<u16> {
        let mut way = Vec::new();
        let mut at = number;
        while at != 0 {
            let node = &self.nodes[at as usize];
            way.push(node.ordinal);
            at = node.parent;
        }
        way.reverse();
        way
    }

    /// The most steps that any world needs to settle for good.
    ///
    /// # Errors
    /// The first world that never does.
    pub(crate) fn settle(&self) -> Result<u32, u32> {
        let mut distance = vec![UNKNOWN; self.nodes.len()];
        let mut most = 0;
        for start in 0..self.nodes.len() {
            let mut way = Vec::new();
            let mut at = start;
            // Worlds of this walk are marked with their place in it, from the top.
            let mut on_way = std::collections::HashMap::new();
            while distance[at] == UNKNOWN && !on_way.contains_key(&at) {
                on_way.insert(at, way.len());
                way.push(at);
                at = self.nodes[at].fair as usize;
            }
            let mut rest = if distance[at] == UNKNOWN {
                let circle = &way[on_way[&at]..];
                if !self.is_rest(circle) {
                    return Err(u32::try_from(start).unwrap_or(UNKNOWN));
                }
                for at in circle {
                    distance[*at] = 0;
                }
                0
            } else {
                distance[at]
            };
            for at in way.iter().rev() {
                if distance[*at] == UNKNOWN {
                    rest += 1;
                    distance[*at] = rest;
                }
            }
            most = most.max(rest);
        }
        Ok(most)
    }

    /// Nothing is left to do and nothing is done; time passes, or nothing
    /// happens at all.
    fn is_rest(&self, circle: &[usize]) -> bool {
        let nodes = || circle.iter().map(|at| &self.nodes[*at]);
        let stands = circle.len() == 1 && self.nodes[circle[0]].fair as usize == circle[0];
        nodes().all(|node| node.settled && !node.writes)
            && (stands || nodes().any(|node| node.passes))
    }

    /// The way from there into the circle and once around it, and what is wrong.
    pub(crate) fn restless_way(&self, number: u32) -> (Vec<u32>, String) {
        let mut way = Vec::new();
        let mut at = number;
        while !way.contains(&at) {
            way.push(at);
            at = self.nodes[at as usize].fair;
        }
        let writes = way.iter().any(|at| self.nodes[*at as usize].writes);
        let text = if self.nodes[at as usize].settled && writes {
            "the world is settled and something is written for ever"
        } else {
            "the world never settles"
        };
        (way, text.into())
    }
}
