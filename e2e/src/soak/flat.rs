//! Whether a figure stays flat.
//!
//! A process warms up: pools fill, an allocator keeps what it once had. So the first
//! quarter of the samples does not count. Over the rest, the growth is the Theil–Sen
//! slope (the median of the slopes between all pairs of samples, which up to three
//! tenths of outliers do not move) times the time that they span. A figure grows if
//! that is more than its allowance, and the medians of the last and the first third
//! differ by more than half of it, as those of a steady leak do by two thirds: a
//! single step near an end does not count as a leak. Nothing is said of samples that
//! span less than two bursts of what they measure.

use serde::Serialize;

/// Samples of which judging makes sense, after warm-up.
const SAMPLES_MIN: usize = 4;
/// More are thinned out: pairs grow with the square.
const SAMPLES_MAX: usize = 600;
const WARM_UP: usize = 4;
/// Bursts that samples have to span.
const BURSTS: f64 = 2.0;

/// How much a figure may grow over the samples that count.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Allowance {
    /// So much.
    pub least: f64,
    /// Or so many percent of the median, if that is more.
    pub percent: f64,
    /// A burst is over after so many seconds.
    pub burst_s: f64,
    /// Why.
    pub reason: &'static str,
}

/// The judgement of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Judged {
    /// How many samples counted.
    pub samples: usize,
    /// How much it has grown over them.
    pub growth: f64,
    /// How much it may have grown.
    pub allowed: f64,
    /// A steady leak of so much an hour would have been seen.
    pub seen_per_hour: f64,
    /// Whether that is too much.
    pub verdict: Verdict,
}

/// Whether it is flat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It is.
    Flat,
    /// It is not.
    Grows,
    /// There are too few samples, or they span too little.
    Unknown,
}

/// Judges samples: seconds and values, in order.
pub fn judge(samples: &[(f64, f64)], allowance: &Allowance) -> Judged {
    let warm = samples.get(samples.len() / WARM_UP..).unwrap_or_default();
    let stride = warm.len().div_ceil(SAMPLES_MAX).max(1);
    let warm: Vec<(f64, f64)> = warm.iter().step_by(stride).copied().collect();
    let middle = median(warm.iter().map(|(_, value)| *value));
    let allowed = allowance.least.max(middle * allowance.percent / 100.0);
    let span = match (warm.first(), warm.last()) {
        (Some(first), Some(last)) => last.0 - first.0,
        _ => 0.0,
    };
    if warm.len() < SAMPLES_MIN || span <= allowance.burst_s * BURSTS {
        return Judged {
            samples: warm.len(),
            growth: 0.0,
            allowed,
            seen_per_hour: f64::INFINITY,
            verdict: Verdict::Unknown,
        };
    }
    let growth = slope(&warm) * span;
    let third = warm.len().div_ceil(3);
    let of = |part: &[(f64, f64)]| median(part.iter().map(|(_, value)| *value));
    let risen = of(&warm[warm.len() - third..]) - of(&warm[..third]);
    let grows = growth > allowed && risen > allowed / 2.0;
    Judged {
        samples: warm.len(),
        growth,
        allowed,
        seen_per_hour: allowed / span * 3_600.0,
        verdict: if grows { Verdict::Grows } else { Verdict::Flat },
    }
}

/// The median of the slopes between all pairs.
fn slope(samples: &[(f64, f64)]) -> f64 {
    let pairs = samples.iter().enumerate().flat_map(|(place, first)| {
        let later = samples[place + 1..].iter();
        later.filter_map(move |second| {
            let time = second.0 - first.0;
            (time > 0.0).then(|| (second.1 - first.1) / time)
        })
    });
    median(pairs)
}

/// Zero of nothing.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => values[odd / 2],
        even => f64::midpoint(values[even / 2 - 1], values[even / 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: Allowance = Allowance {
        least: 8.0,
        percent: 5.0,
        burst_s: 0.0,
        reason: "a test",
    };
    const ONE: Allowance = Allowance {
        least: 0.5,
        percent: 0.0,
        burst_s: 0.0,
        reason: "a test",
    };

    fn series(count: u32, value: impl Fn(f64) -> f64) -> Vec<(f64, f64)> {
        let at = |number: u32| f64::from(number) * 15.0;
        (0..count)
            .map(|it| (at(it), value(f64::from(it))))
            .collect()
    }

    /// Up and down, as an allocator does, by up to that much.
    fn noise(number: f64, most: f64) -> f64 {
        (number * 2.399).sin() * most
    }

    #[test]
    fn what_only_goes_up_and_down_is_flat() {
        let judged = judge(&series(40, |it| 60.0 + noise(it, 4.0)), &MIB);
        assert_eq!((judged.samples, judged.verdict), (30, Verdict::Flat));
        assert!(judged.growth.abs() < 2.0, "{judged:?}");
    }

    #[test]
    fn a_leak_of_memory_is_seen_through_the_noise() {
        let judged = judge(&series(40, |it| 60.0 + it * 0.5 + noise(it, 4.0)), &MIB);
        assert_eq!(judged.verdict, Verdict::Grows, "{judged:?}");
        assert!((10.0..20.0).contains(&judged.growth), "{judged:?}");
    }

    #[test]
    fn a_leaked_session_now_and_then_is_seen() {
        let judged = judge(&series(30, |it| 2.0 + (it / 6.0).floor()), &ONE);
        assert_eq!(judged.verdict, Verdict::Grows, "{judged:?}");
    }

    #[test]
    fn warm_up_and_outliers_are_no_leak() {
        let warms = |it: f64| 60.0 - 30.0 * (-it / 3.0).exp();
        assert_eq!(judge(&series(40, warms), &MIB).verdict, Verdict::Flat);
        let late = |it: f64| if it > 36.0 { 90.0 } else { 60.0 };
        assert_eq!(judge(&series(40, late), &MIB).verdict, Verdict::Flat);
    }

    #[test]
    fn a_leak_that_the_allowance_hides_is_said_to_be_hidden() {
        let judged = judge(&series(40, |it| 60.0 + it * 0.1), &MIB);
        assert_eq!(judged.verdict, Verdict::Flat);
        // Of 29 spaces of 15 s, 8 MiB are 66 MiB an hour; the leak has 24.
        assert!((60.0..70.0).contains(&judged.seen_per_hour), "{judged:?}");
    }

    #[test]
    fn samples_that_span_a_burst_and_a_half_prove_nothing() {
        let slow = Allowance {
            burst_s: 90.0,
            ..ONE
        };
        let rises = |count| judge(&series(count, |it| it), &slow).verdict;
        assert_eq!(rises(12), Verdict::Unknown);
        assert_eq!(rises(20), Verdict::Grows);
    }

    #[test]
    fn a_few_samples_prove_nothing() {
        for count in [0, 1, 4] {
            let judged = judge(&series(count, |_| 1.0), &ONE);
            assert_eq!(judged.verdict, Verdict::Unknown);
        }
    }
}
