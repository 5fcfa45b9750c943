//! Mutations without feedback, for the bounded test: what libFuzzer does, but for its memory of what
//! was new.

use crate::Target;

/// Makes inputs of a target's seeds, the same ones from the same seed number.
pub struct Mutator {
    state: u64,
    seeds: Vec<Vec<u8>>,
    words: &'static [&'static str],
    bytes_max: usize,
}

const STEPS_MAX: usize = 6;
const RUN_MAX: usize = 32;

impl Mutator {
    /// The inputs of a target that belong to a number.
    pub fn new(target: &Target, number: u64) -> Self {
        Self {
            state: number,
            seeds: (target.seeds)(),
            words: target.words,
            bytes_max: target.bytes_max,
        }
    }

    /// The next input.
    pub fn next_input(&mut self) -> Vec<u8> {
        let chosen = self.below(self.seeds.len().max(1));
        let mut input = self.seeds.get(chosen).cloned().unwrap_or_default();
        for _ in 0..=self.below(STEPS_MAX) {
            self.step(&mut input);
        }
        input.truncate(self.bytes_max);
        input
    }

    fn step(&mut self, input: &mut Vec<u8>) {
        let at = self.below(input.len() + 1);
        let end = (at + self.below(RUN_MAX)).min(input.len());
        match self.below(9) {
            0 if at < input.len() => input[at] ^= 1 << self.below(8),
            1 if at < input.len() => input[at] = self.draw().to_le_bytes()[0],
            2 => drop(input.drain(at..end)),
            3 => {
                let copy = input[at..end].to_vec();
                let to = self.below(input.len() + 1);
                input.splice(to..to, copy);
            }
            4 => input.truncate(at),
            5 => {
                let word = self.words[self.below(self.words.len())].as_bytes();
                input.splice(at..at, word.iter().copied());
            }
            6 => {
                let other = self.below(self.seeds.len().max(1));
                let other = self.seeds.get(other).cloned().unwrap_or_default();
                let from = self.below(other.len() + 1);
                input.splice(at..end, other[from..].iter().copied().take(RUN_MAX));
            }
            7 => {
                let edges = [
                    "0",
                    "-1",
                    "4294967296",
                    "18446744073709551616",
                    "1e400",
                    "\"\"",
                ];
                let edge = edges[self.below(edges.len())].as_bytes();
                input.splice(at..end, edge.iter().copied());
            }
            _ => input[at..end].reverse(),
        }
    }

    fn below(&mut self, end: usize) -> usize {
        (self.draw() % end.max(1) as u64) as usize
    }

    /// SplitMix64.
    fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
