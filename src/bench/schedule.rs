//! When each request is to be sent, drawn before the run.
//!
//! Promises equal times for an equal seed on every machine, in order. Must never know what is sent, or what comes of it.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use thiserror::Error;

const SECOND_NS: f64 = 1e9;

/// How the times are spread.
#[derive(Clone, Debug, PartialEq)]
pub enum Arrivals {
    /// Each by chance and for itself, as those of many customers are.
    Poisson,
    /// By chance as well, but more of them now and then.
    Bursts(Bursts),
    /// As events of a data set came: their times in microseconds, scaled to the rate, and again from the first after the last.
    Like(Vec<i64>),
}

/// Bursts that come regularly; what they have more the time between them has less, so that the mean rate stays.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bursts {
    /// From the beginning of one to that of the next.
    pub every_ns: u64,
    /// The share of that time that one takes.
    pub share: f64,
    /// The rate in it over the mean rate.
    pub factor: f64,
}

/// Why no times can be drawn.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum ScheduleError {
    /// It is no rate.
    #[error("the rate is {0} a second; it must be above 0 and at most 10,000,000")]
    Rate(f64),
    /// They would hold more than all.
    #[error(
        "bursts of {factor} times the rate in a share of {share} of the time; the share must be between 0 and 1, and both \
         multiplied at most 1"
    )]
    Bursts {
        /// The rate in a burst over the mean rate.
        factor: f64,
        /// The share of the time.
        share: f64,
    },
    /// There is nothing to take after.
    #[error("the data set has no two payments at different times to take the times after")]
    NoTimes,
}

/// The intended send times within `duration_ns`, in nanoseconds from the beginning, in order.
///
/// # Errors
///
/// Where none can be drawn.
pub fn schedule(
    arrivals: &Arrivals,
    rate_per_s: f64,
    duration_ns: u64,
    seed: u64,
) -> Result<Vec<u64>, ScheduleError> {
    if !(rate_per_s > 0.0 && rate_per_s <= 1e7) {
        return Err(ScheduleError::Rate(rate_per_s));
    }
    match arrivals {
        Arrivals::Poisson => Ok(drawn(duration_ns, seed, |mass| mass / rate_per_s * SECOND_NS)),
        Arrivals::Bursts(bursts) => {
            let Bursts { every_ns, share, factor } = *bursts;
            if !(share > 0.0 && share < 1.0 && factor > 0.0 && factor * share <= 1.0 && every_ns > 0) {
                return Err(ScheduleError::Bursts { factor, share });
            }
            let every = every_ns as f64;
            let mass_of_all = rate_per_s * every / SECOND_NS;
            let mass_of_burst = mass_of_all * factor * share;
            Ok(drawn(duration_ns, seed, |mass| {
                let turn = libm::floor(mass / mass_of_all);
                let within = mass - turn * mass_of_all;
                let part = if within < mass_of_burst {
                    share * within / mass_of_burst
                } else {
                    let after = (within - mass_of_burst) / (mass_of_all - mass_of_burst);
                    share + (1.0 - share) * after
                };
                (turn + part) * every
            }))
        }
        Arrivals::Like(times_us) => like(times_us, rate_per_s, duration_ns),
    }
}

/// A Poisson process of one a unit of mass, as times; `time_ns` says when so much mass is reached.
fn drawn(duration_ns: u64, seed: u64, time_ns: impl Fn(f64) -> f64) -> Vec<u64> {
    let mut chance = ChaCha8Rng::seed_from_u64(seed);
    let mut times = Vec::new();
    let mut mass = 0.0;
    loop {
        mass -= libm::log(1.0 - chance.random::<f64>());
        let at_ns = time_ns(mass) as u64;
        if at_ns >= duration_ns {
            return times;
        }
        times.push(at_ns);
    }
}

fn like(times_us: &[i64], rate_per_s: f64, duration_ns: u64) -> Result<Vec<u64>, ScheduleError> {
    let mut sorted = times_us.to_vec();
    sorted.sort_unstable();
    let (Some(&first), Some(&last)) = (sorted.first(), sorted.last()) else {
        return Err(ScheduleError::NoTimes);
    };
    if first == last {
        return Err(ScheduleError::NoTimes);
    }
    let count = sorted.len() as f64;
    // Behind the last comes the first again, a mean gap later.
    let span_us = (last - first) as f64 * count / (count - 1.0);
    let span_ns = count / rate_per_s * SECOND_NS;
    let mut times = Vec::new();
    for turn in 0_u32.. {
        for &time_us in &sorted {
            let at_ns = ((f64::from(turn) + (time_us - first) as f64 / span_us) * span_ns) as u64;
            if at_ns >= duration_ns {
                return Ok(times);
            }
            times.push(at_ns);
        }
    }
    Ok(times)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEN_S: u64 = 10_000_000_000;

    fn in_order(times: &[u64]) -> bool {
        times.windows(2).all(|pair| pair[0] <= pair[1])
    }

    #[test]
    fn a_seed_gives_the_same_times_and_another_seed_others() {
        let draw = |seed| schedule(&Arrivals::Poisson, 1_000.0, TEN_S, seed).unwrap();
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        assert!(in_order(&draw(1)));
        assert!((9_500..10_500).contains(&draw(1).len()), "{}", draw(1).len());
        // Gaps of a Poisson process deviate as much as they are long.
        let gaps: Vec<f64> = draw(1).windows(2).map(|pair| (pair[1] - pair[0]) as f64).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        assert!((0.9..1.1).contains(&(variance.sqrt() / mean)), "{}", variance.sqrt() / mean);
    }

    #[test]
    fn bursts_hold_their_part_and_keep_the_rate() {
        let bursts = Bursts { every_ns: 1_000_000_000, share: 0.1, factor: 5.0 };
        let times = schedule(&Arrivals::Bursts(bursts), 1_000.0, TEN_S, 1).unwrap();
        assert!(in_order(&times) && (9_500..10_500).contains(&times.len()), "{}", times.len());
        let inside = times.iter().filter(|&&at_ns| at_ns % 1_000_000_000 < 100_000_000).count();
        let share = inside as f64 / times.len() as f64;
        assert!((0.47..0.53).contains(&share), "{share}");
        let more = Bursts { factor: 11.0, ..bursts };
        let refused = schedule(&Arrivals::Bursts(more), 1_000.0, TEN_S, 1);
        assert_eq!(refused, Err(ScheduleError::Bursts { factor: 11.0, share: 0.1 }));
    }

    #[test]
    fn a_data_set_keeps_its_shape_and_begins_again() {
        let times = schedule(&Arrivals::Like(vec![50, 10, 30]), 3.0, 2_000_000_000, 1).unwrap();
        let ms: Vec<u64> = times.iter().map(|at_ns| at_ns / 1_000_000).collect();
        assert_eq!(ms, [0, 333, 666, 1_000, 1_333, 1_666]);
        assert_eq!(schedule(&Arrivals::Like(vec![7, 7]), 3.0, TEN_S, 1), Err(ScheduleError::NoTimes));
        assert_eq!(schedule(&Arrivals::Like(vec![]), 3.0, TEN_S, 1), Err(ScheduleError::NoTimes));
    }

    #[test]
    fn no_rate_gives_no_times() {
        for rate in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(schedule(&Arrivals::Poisson, rate, TEN_S, 1).is_err(), "{rate}");
        }
    }
}
