//! Randomness that a seed fixes, and the latencies drawn from it.

/// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number
/// generators", 2014): tiny, cloneable, the same on every machine.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// The stream that belongs to `seed`.
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// A stream of its own: draws from it do not shift this one's.
    #[must_use]
    pub fn fork(&mut self) -> Random {
        Random(self.draw())
    }

    /// The next 64 bits.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, zero if `end` is zero.
    pub fn below(&mut self, end: u64) -> u64 {
        if end == 0 { 0 } else { self.draw() % end }
    }

    /// True in so many of a thousand cases.
    pub fn per_mille(&mut self, cases: u64) -> bool {
        self.below(1000) < cases
    }
}

/// How long something takes: anything from `min_ms` to `max_ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Latency {
    /// Shortest, in milliseconds.
    pub min_ms: u64,
    /// Longest, in milliseconds.
    pub max_ms: u64,
}

impl Latency {
    /// Always `ms` milliseconds.
    pub const fn exactly(ms: u64) -> Latency {
        Latency {
            min_ms: ms,
            max_ms: ms,
        }
    }

    /// Between `min_ms` and `max_ms`, both included.
    pub const fn between(min_ms: u64, max_ms: u64) -> Latency {
        Latency { min_ms, max_ms }
    }

    /// One such time. A fixed latency leaves the stream where it was.
    pub fn draw(self, random: &mut Random) -> u64 {
        let width = self.max_ms.saturating_sub(self.min_ms);
        if width == 0 {
            return self.min_ms;
        }
        self.min_ms + random.below(width + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_the_published_one() {
        let mut random = Random::new(1_234_567);
        assert_eq!(
            [random.draw(), random.draw(), random.draw()],
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423
            ]
        );
    }

    #[test]
    fn a_latency_stays_within_its_bounds_and_reaches_both() {
        let mut random = Random::new(7);
        let drawn: std::collections::BTreeSet<u64> = (0..200)
            .map(|_| Latency::between(3, 6).draw(&mut random))
            .collect();
        assert_eq!(drawn.into_iter().collect::<Vec<_>>(), vec![3, 4, 5, 6]);
    }
}
