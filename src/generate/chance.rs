//! Chance from a seed: the same draws on every machine.
//!
//! Promises whole-number draws only, each from a fixed number of generator words.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A probability as a fraction of 2^32, so that no draw compares floats.
#[derive(Clone, Copy, Debug)]
pub(super) struct Share(pub(super) u64);

/// A share of one.
pub(super) const WHOLE: u64 = 1 << 32;

impl Share {
    /// The nearest one to a fraction from 0 to 1.
    pub(super) fn of(fraction: f64) -> Self {
        // One multiplication by a power of two and one truncation: exact, so equal everywhere.
        Self((fraction * WHOLE as f64) as u64)
    }
}

/// A seeded source of draws.
#[derive(Clone, Debug)]
pub(super) struct Chance(ChaCha8Rng);

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        // The seed is laid out here, not by a library's helper that another version may change.
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        Self(ChaCha8Rng::from_seed(bytes))
    }

    /// One of `0..n`; 0 where `n` is 0.
    pub(super) fn below(&mut self, n: u32) -> u32 {
        ((u64::from(self.0.next_u32()) * u64::from(n)) >> 32) as u32
    }

    /// One of `low..=high`; `low` where there is none.
    pub(super) fn between(&mut self, low: i64, high: i64) -> i64 {
        let span = high.abs_diff(low.min(high)) as u128 + 1;
        low + ((u128::from(self.0.next_u64()) * span) >> 64) as i64
    }

    /// True this often.
    pub(super) fn happens(&mut self, share: Share) -> bool {
        u64::from(self.0.next_u32()) < share.0
    }

    /// True in this many of a hundred.
    pub(super) fn percent(&mut self, of_hundred: u32) -> bool {
        self.below(100) < of_hundred
    }

    /// One of `0..n`, low ones far more often: the product of two even draws has a density of -ln x.
    pub(super) fn skewed(&mut self, n: u32) -> u32 {
        let product = (u64::from(self.0.next_u32()) * u64::from(self.0.next_u32())) >> 32;
        ((product * u64::from(n)) >> 32) as u32
    }

    /// One of these, evenly.
    pub(super) fn one_of<T: Copy, const N: usize>(&mut self, choices: &[T; N]) -> T {
        choices[self.below(N as u32) as usize]
    }

    /// One of these, by its weight.
    pub(super) fn weighted<T: Copy, const N: usize>(&mut self, choices: &[(u32, T); N]) -> T {
        let total = choices.iter().map(|&(weight, _)| weight).sum();
        let mut left = self.below(total);
        for &(weight, choice) in choices {
            if left < weight {
                return choice;
            }
            left -= weight;
        }
        choices[N - 1].1
    }
}

/// Spreads a number over all 64 bits (SplitMix64): facts that need not be remembered are read off their number.
pub(super) fn scatter(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_stay_in_range_and_reach_its_ends() {
        let mut chance = Chance::new(7);
        let mut seen = [0_u32; 5];
        for _ in 0..10_000 {
            seen[chance.below(5) as usize] += 1;
            assert!((-2..=2).contains(&chance.between(-2, 2)));
            assert!(chance.skewed(5) < 5);
        }
        assert!(seen.iter().all(|&n| (1_800..2_200).contains(&n)), "{seen:?}");
        assert_eq!((chance.below(0), chance.between(9, 9)), (0, 9));
    }

    #[test]
    fn a_share_happens_as_often_as_it_says() {
        let mut chance = Chance::new(7);
        let share = Share::of(0.1);
        let often = (0..100_000).filter(|_| chance.happens(share)).count();
        assert!((9_600..10_400).contains(&often), "{often}");
        assert!((0..1_000).all(|_| chance.happens(Share::of(1.0)) && !chance.happens(Share::of(0.0))));
    }
}
