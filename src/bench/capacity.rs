//! How much is carried, and where it begins to hurt.

/// The shares of the capacity at which a sweep measures.
pub const SHARES: [f64; 6] = [0.10, 0.25, 0.50, 0.75, 0.90, 1.20];

/// Highest over lowest rate between which the capacity is left open.
const PRECISION: f64 = 1.05;
/// Below this nothing is carried.
const LEAST: f64 = 1.0;
/// A p99 so many times that of the lowest rate is past the knee.
const KNEE: f64 = 3.0;

/// The highest rate found that is carried, to within 5 %: doubled from `start` until one is not, then between the two. A rate that
/// is not carried is tried once more, since the machine has bad moments of its own. `None` where not even one a second is.
///
/// # Errors
///
/// Those of `carries`.
pub fn capacity<E>(
    start: f64,
    most: f64,
    mut carries: impl FnMut(f64) -> Result<bool, E>,
) -> Result<Option<f64>, E> {
    let mut carried = |rate| Ok(carries(rate)? || carries(rate)?);
    let (mut low, mut high) = (None, None);
    let mut rate = start;
    loop {
        if carried(rate)? {
            low = Some(rate);
        } else {
            high = Some(rate);
        }
        rate = match (low, high) {
            (Some(low), None) if low >= most => return Ok(Some(low)),
            (Some(low), None) => most.min(low * 2.0),
            (None, Some(high)) if high <= LEAST => return Ok(None),
            (None, Some(high)) => LEAST.max(high / 2.0),
            (Some(low), Some(high)) if high / low <= PRECISION => return Ok(Some(low)),
            (Some(low), Some(high)) => (low + high) / 2.0,
            (None, None) => return Ok(None),
        };
    }
}

/// The first of some rates, in ascending order with their p99, whose p99 is over three times that of the first.
pub fn knee(p99s: &[(f64, u64)]) -> Option<f64> {
    let (_, first) = *p99s.first()?;
    p99s.iter().find(|(_, p99)| *p99 as f64 > KNEE * first as f64).map(|(rate, _)| *rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(start: f64, real: f64) -> Option<f64> {
        capacity(start, 1e6, |rate| Ok::<_, ()>(rate <= real)).unwrap()
    }

    #[test]
    fn the_capacity_is_found_from_below_and_from_above() {
        for real in [3.0, 777.0, 12_345.0, 400_000.0] {
            for start in [1.0, 1_000.0, 900_000.0] {
                let found = found(start, real).unwrap();
                assert!(found <= real && found * 1.05 >= real, "{start} {real} {found}");
            }
        }
        assert_eq!(found(1_000.0, 1e9), Some(1e6));
        assert_eq!(found(1_000.0, 0.0), None);
    }

    #[test]
    fn one_bad_moment_does_not_end_the_search() {
        let mut tries = 0;
        let found = capacity(100.0, 1e6, |rate| {
            tries += 1;
            Ok::<_, ()>(rate <= 1_000.0 && tries != 2)
        });
        assert!((950.0..=1_000.0).contains(&found.unwrap().unwrap()));
    }

    #[test]
    fn the_knee_is_where_the_tail_leaves_the_floor() {
        assert_eq!(knee(&[(10.0, 100), (50.0, 290), (90.0, 310), (120.0, 9_000)]), Some(90.0));
        assert_eq!(knee(&[(10.0, 100), (50.0, 300)]), None);
        assert_eq!(knee(&[]), None);
    }
}
