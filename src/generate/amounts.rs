//! Amounts in dong as people here pay them: round ones, lucky ones, and odd ones on bills.
//!
//! Promises positive whole dong.

use super::chance::Chance;

/// A thousand dong.
pub(super) const K: i64 = 1_000;
/// A million dong.
pub(super) const M: i64 = 1_000_000;

/// Amounts of sixes and eights, in thousands.
const LUCKY: [i64; 22] = [
    66, 68, 86, 88, 166, 168, 186, 188, 268, 368, 666, 668, 686, 868, 888, 1_688, 1_868, 2_668, 3_686, 6_868,
    8_688, 8_888,
];

/// One between two bounds, by weight.
fn ranged<const N: usize>(chance: &mut Chance, table: &[(u32, (i64, i64)); N], income: i64) -> i64 {
    let (low, high) = chance.weighted(table);
    chance.between(low, high) * income / 100
}

/// To a friend, a landlord, a family. `income` is in percent of the usual.
pub(super) fn transfer(chance: &mut Chance, income: i64) -> i64 {
    const TABLE: [(u32, (i64, i64)); 5] = [
        (22, (50 * K, 200 * K)),
        (34, (200 * K, M)),
        (28, (M, 3 * M)),
        (13, (3 * M, 8 * M)),
        (3, (8 * M, 15 * M)),
    ];
    let amount = ranged(chance, &TABLE, income);
    match chance.below(100) {
        0..12 => lucky_near(amount),
        12..20 => amount.max(K),
        _ => rounded(amount),
    }
}

/// In a shop.
pub(super) fn purchase(chance: &mut Chance, income: i64) -> i64 {
    const TABLE: [(u32, (i64, i64)); 4] =
        [(42, (20 * K, 100 * K)), (40, (100 * K, 500 * K)), (14, (500 * K, 2 * M)), (4, (2 * M, 9 * M))];
    let amount = ranged(chance, &TABLE, income);
    // Price tags end in nine.
    if chance.percent(35) { (amount / (10 * K) * 10 * K + 9 * K).max(9 * K) } else { rounded(amount) }
}

/// Of a meter: to the dong.
pub(super) fn bill(chance: &mut Chance, income: i64) -> i64 {
    const TABLE: [(u32, (i64, i64)); 3] =
        [(30, (60 * K, 200 * K)), (50, (200 * K, 900 * K)), (20, (900 * K, 2_500 * K))];
    ranged(chance, &TABLE, income).max(K)
}

/// Into one's own wallet.
pub(super) fn topup(chance: &mut Chance) -> i64 {
    chance.weighted(&[
        (15, 50 * K),
        (25, 100 * K),
        (25, 200 * K),
        (20, 500 * K),
        (10, M),
        (4, 2 * M),
        (1, 5 * M),
    ])
}

/// For a paper, a fee or a fine.
pub(super) fn public_service(chance: &mut Chance) -> i64 {
    chance.between(2, 200) * 10 * K
}

/// A month's wage.
pub(super) fn salary(chance: &mut Chance, income: i64) -> i64 {
    rounded(chance.between(7 * M, 14 * M) * income / 100)
}

/// For a motorbike, a deposit, a wedding: always above ten million.
pub(super) fn large(chance: &mut Chance) -> i64 {
    let (low, high) = chance.weighted(&[(60, (11, 40)), (30, (40, 120)), (8, (120, 400)), (2, (400, 900))]);
    chance.between(low, high) * M
}

/// Just below the sum from which more is asked of the customer.
pub(super) fn under_limit(chance: &mut Chance) -> i64 {
    chance.weighted(&[(4, 9_500 * K), (3, 9_900 * K), (2, 9_000 * K), (1, 9_999 * K)])
}

/// Out of sixes and eights, for luck.
pub(super) fn lucky(chance: &mut Chance) -> i64 {
    chance.one_of(&LUCKY) * K
}

/// Rounded as people round: the larger the coarser.
pub(super) fn rounded(amount: i64) -> i64 {
    let step = match amount {
        ..100_000 => K,
        100_000..1_000_000 => 10 * K,
        1_000_000..10_000_000 => 100 * K,
        _ => M,
    };
    (amount / step * step).max(step)
}

fn lucky_near(amount: i64) -> i64 {
    LUCKY.iter().map(|thousands| thousands * K).find(|&lucky| lucky >= amount).unwrap_or(rounded(amount))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_positive_even_for_the_poorest() {
        let mut chance = Chance::new(3);
        for _ in 0..10_000 {
            assert!(transfer(&mut chance, 1) > 0 && purchase(&mut chance, 1) > 0 && bill(&mut chance, 1) > 0);
            assert!(large(&mut chance) > 10 * M);
            assert!((9 * M..10 * M).contains(&under_limit(&mut chance)));
        }
    }

    #[test]
    fn luck_is_made_of_sixes_and_eights() {
        assert_eq!(lucky_near(150 * K), 166 * K);
        assert_eq!(lucky_near(50 * M), 50 * M);
        assert_eq!(rounded(1_234_567), 1_200_000);
    }
}
