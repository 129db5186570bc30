//! What is kept of the past changes nothing but the time that a backtest takes, whatever is edited between two tries.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub,
    reason = "a test fails loudly"
)]

#[path = "support/commands.rs"]
mod commands;
#[path = "support/stream.rs"]
mod stream;
#[path = "kept/tries.rs"]
mod tries;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use tries::{Bench, Try};
use weir::backtest::Kept;

const LOOKED_AT_ALL: Kept = Kept::Reused { looked_at: 0, rules: 8 };

fn is_reused(kept: &Kept) -> bool {
    matches!(kept, Kept::Reused { .. })
}

fn is_computed(kept: &Kept) -> bool {
    matches!(kept, Kept::Computed { .. })
}

/// How many rules were looked at anew.
fn looked_at(kept: &Kept) -> usize {
    match kept {
        Kept::Reused { looked_at, .. } => *looked_at,
        other => panic!("not from the cache: {other:?}"),
    }
}

#[test]
fn an_edit_computes_again_what_it_reaches_and_nothing_else() {
    let bench = Bench::new(1_200, 7);
    let first = Try::default();
    let of_first = bench.holds(&first);
    assert!(matches!(of_first, Kept::Computed { new: 6, features: 6 }), "{of_first:?}");
    assert_eq!(bench.holds(&first), LOOKED_AT_ALL);
    // What is only rules: each edit costs the rules that it reaches.
    let edits: [(&str, &str, usize); 9] = [
        ("big = { value = 8_000_000", "big = { value = 6_000_000", 2),
        ("step_up_at = 40", "step_up_at = 45", 0),
        ("amount > tier_at and", "amount > 2 * tier_at and", 1),
        ("mode = \"shadow\"", "mode = \"live\"", 0),
        ("on_unknown = \"fires\"", "on_unknown = \"silent\"", 1),
        ("percent = 20", "percent = 60", 0),
        ("valid_until = 2027-01-01", "valid_until = 2026-01-10", 1),
        ("amount_max = 20_000_000", "amount_max = 1_000_000", 0),
        ("\"bursts\"\nwhen = \"count_1h", "\"bursts\"\nwhen = \"channel = 'mobile' and count_1h", 1),
    ];
    for (from, to, rules) in edits {
        let kept = bench.holds(&first.edited(from, to));
        assert_eq!(looked_at(&kept), rules, "{to}");
        assert_eq!(looked_at(&bench.holds(&first.edited(from, to))), 0, "{to}, again");
    }
    // What a rule reads that has no column of its own is read of whole events.
    assert_eq!(
        looked_at(&bench.holds(&first.edited("amount < low", "amount < low and same_owner is not true"))),
        1
    );
    // Figures alone.
    assert_eq!(bench.holds(&Try { seed: 9, ..first.clone() }), LOOKED_AT_ALL);
    assert_eq!(bench.holds(&Try { warm_days: 5, ..first.clone() }), LOOKED_AT_ALL);
    assert_eq!(bench.holds(&Try { mature_days: 3, ..first.clone() }), LOOKED_AT_ALL);
    // One feature alone.
    for (from, to) in [
        ("near = { value = 2_000_000", "near = { value = 3_000_000"),
        ("count = \"*\", by = \"account\", over = \"1h\"", "count = \"*\", by = \"account\", over = \"2h\""),
    ] {
        let kept = bench.holds(&first.edited(from, to));
        assert!(matches!(kept, Kept::Computed { new: 1, features: 6 }), "{to}: {kept:?}");
        assert_eq!(looked_at(&bench.holds(&first.edited(from, to))), 0, "{to}, again");
    }
    assert_eq!(bench.holds(&first), LOOKED_AT_ALL, "what was there before is there still");
    // All of it.
    for other in [
        Try { watched: "a000003\na000004\n".to_owned(), ..first.clone() },
        Try { program: "another".to_owned(), ..first.clone() },
        Try { left_out: 5, ..first.clone() },
        first.edited("time_zone = \"Asia/Ho_Chi_Minh\"", "time_zone = \"UTC\""),
        first.edited("remember = \"40d\"", "remember = \"50d\""),
    ] {
        let kept = bench.holds(&other);
        assert!(matches!(kept, Kept::Computed { new: 6, features: 6 }), "{other:?}: {kept:?}");
    }
    assert_eq!(bench.holds(&first), LOOKED_AT_ALL);
}

#[test]
fn any_edits_in_any_order_change_nothing_but_the_time() {
    for seed in 0..2 {
        let bench = Bench::new(900, 20 + seed as u32);
        let mut chance = ChaCha8Rng::seed_from_u64(seed);
        let mut now = Try::default();
        let mut before = vec![now.clone()];
        let (mut reused, mut computed) = (0, 0);
        for _ in 0..14 {
            let mut draw = |most: u64| chance.next_u64() % most;
            now = match draw(9) {
                0 => before[draw(before.len() as u64) as usize].clone(),
                1 => now.with("big", 1_000_000 * (1 + draw(12))),
                2 => now.with("low", 100_000 * (1 + draw(9))),
                3 => now.with("near", 1_000_000 * (1 + draw(3))),
                4 => now.with("tier_at", 2_000_000 * (1 + draw(6))),
                5 => Try { left_out: draw(3) as usize, ..now },
                6 => Try { watched: format!("a00000{}\n", draw(3)), ..now },
                7 => Try { program: format!("program {}", draw(2)), ..now },
                _ => Try { seed: draw(3), mature_days: draw(4) as i64, ..now },
            };
            let kept = bench.holds(&now);
            reused += u32::from(is_reused(&kept));
            computed += u32::from(is_computed(&kept));
            assert!(is_reused(&kept) || is_computed(&kept), "{kept:?}");
            before.push(now.clone());
        }
        assert!(reused > 3 && computed > 3, "{reused} were reused and {computed} computed");
    }
}

#[test]
fn what_is_damaged_is_computed_again() {
    let bench = Bench::new(800, 3);
    let one = Try::default();
    assert!(is_computed(&bench.holds(&one)));
    assert!(is_reused(&bench.holds(&one)));
    let ways: [fn(&std::path::Path); 3] = [tries::flip, tries::cut, tries::remove];
    let (mut computed, files) = (0, bench.kept_files());
    for (at, file) in files.iter().enumerate() {
        ways[at % ways.len()](file);
        // A rule that is looked at reads its columns; what only those rules read that are as they were is found by them.
        for tried in [&one.with("low", 1 + at as u64), &one] {
            let kept = bench.holds(tried);
            computed += u32::from(is_computed(&kept));
            assert!(is_computed(&kept) || is_reused(&kept), "{kept:?}");
        }
        assert!(is_reused(&bench.holds(&one)), "{}", file.display());
    }
    assert!(files.len() > 15 && computed > 3, "{computed} of {} were missed", files.len());
}

#[test]
fn what_can_not_be_read_is_left_where_it_is() {
    let bench = Bench::new(800, 4);
    let one = Try::default();
    assert!(is_computed(&bench.holds(&one)));
    let files = bench.kept_files();
    let feature = files.iter().find(|file| file.to_string_lossy().contains("feature-")).unwrap();
    let bytes = std::fs::read(feature).unwrap();
    std::fs::remove_file(feature).unwrap();
    std::fs::create_dir(feature).unwrap();
    assert!(is_computed(&bench.holds(&one.with("low", 1))), "a folder is no file of columns");
    let there = bench.kept_files();
    assert!(
        files.iter().all(|file| there.contains(file)),
        "a disk that fails once costs nothing that is kept"
    );
    std::fs::remove_dir(feature).unwrap();
    std::fs::write(feature, bytes).unwrap();
    assert!(is_reused(&bench.holds(&one)));
}

#[test]
fn several_processes_may_share_what_is_kept() {
    let bench = Bench::new(1_200, 8);
    let tries = [
        Try::default(),
        Try::default().with("low", 300_000),
        Try::default().with("big", 6_000_000),
        Try::default().edited("over = \"24h\", counts = \"asked\"", "over = \"36h\", counts = \"asked\""),
    ];
    let first = bench.at_once(&tries);
    assert!(first.iter().any(|said| said.contains("computed anew")), "{first:?}");
    bench.at_once(&tries);
    // What one process lists another may have overwritten: that is computed again, and then it is there.
    for one in &tries {
        bench.at_once(std::slice::from_ref(one));
        let said = bench.at_once(std::slice::from_ref(one));
        assert!(said[0].contains("from the cache: all 8 rules"), "{said:?}");
    }
}

#[test]
fn what_follows_from_decisions_is_not_kept_unless_history_says_those() {
    let fed = Try::default().edited(
        "by = \"account\", over = \"24h\", counts = \"asked\"",
        "by = \"account\", over = \"24h\", counts = \"allowed\"",
    );
    let bench = Bench::new(800, 5);
    let why = |kept: Kept| if let Kept::Not(why) = kept { why } else { panic!("{kept:?}") };
    let kept = why(bench.holds(&fed));
    assert!(kept.contains("`spent_24h` counts by what was decided"), "{kept}");
    let answered = Try { answered: true, ..fed };
    assert!(is_computed(&bench.holds(&answered)));
    assert_eq!(bench.holds(&answered), LOOKED_AT_ALL);
    assert_eq!(looked_at(&bench.holds(&answered.with("big", 5_000_000))), 2);
    let breaker = Try::default()
        .edited("id = \"spends\"", "id = \"spends\"\nbreaker = { percent = 50, over = \"1d\" }");
    let kept = why(bench.holds(&breaker));
    assert!(kept.contains("rule `spends` has a breaker"), "{kept}");
    let foreign = Try { foreign: true, ..Try::default() };
    let kept = why(bench.holds(&foreign));
    assert!(kept.contains("other currencies"), "{kept}");
}

#[test]
fn shares_are_drawn_for_whom_they_were_drawn() {
    let bench = Bench::new(1_200, 9);
    let one = Try { tenant: Some("north"), ..Try::default() }
        .edited(" or payee in watched", "")
        .edited("[lists]\nwatched = { key = \"payee\", file = \"watched.txt\" }\n", "")
        .edited("[control]\npercent = 20\nby = \"account\"\namount_max = 20_000_000\n", "")
        .edited("id = \"spends\"", "id = \"spends\"\nrollout = { percent = 50, by = \"account\" }")
        .edited("id = \"bursts\"", "id = \"bursts\"\nrollout = { percent = 50, by = \"channel\" }");
    assert!(is_computed(&bench.holds(&one)));
    assert_eq!(looked_at(&bench.holds(&one.edited("spent_24h > 9000000", "spent_24h > 7000000"))), 1);
    assert_eq!(looked_at(&bench.holds(&one.with("low", 300_000))), 2);
    assert_eq!(
        looked_at(
            &bench.holds(&one.edited("percent = 50, by = \"account\"", "percent = 30, by = \"device\""))
        ),
        1
    );
    let kept = bench.holds(&one.edited("id = \"tried\"", "id = \"tried\"\ntenants = [\"north\"]"));
    assert!(matches!(kept, Kept::Reused { .. }) || is_computed(&kept), "{kept:?}");
}

#[test]
fn what_was_used_longest_ago_makes_room() {
    let bench = Bench::new(800, 6);
    let first = Try::default();
    let second = Try { program: "another".to_owned(), ..first.clone() };
    assert!(is_computed(&bench.holds(&first)));
    assert!(is_computed(&bench.holds(&second)));
    assert!(is_reused(&bench.holds(&first)));
    // Room for one: that in use stays.
    let bytes_max = bench.kept_bytes() * 2 / 3;
    assert!(is_reused(&bench.holds(&Try { bytes_max, ..first.clone() })));
    assert!(is_reused(&bench.holds(&first)));
    assert!(is_computed(&bench.holds(&second)), "it made room");
    // Room for none.
    assert!(is_computed(&bench.holds(&Try { bytes_max: 1, ..first.clone() })));
    assert!(is_computed(&bench.holds(&second)));
}

#[test]
fn a_sweep_from_what_is_kept_finds_what_one_of_the_data_finds() {
    let bench = Bench::new(1_500, 8);
    let one = Try::default();
    let vary = ["big=1000000..12000000/4", "low=100000,500000", "tier_at=2000000,6000000"];
    assert!(is_computed(&bench.sweep_holds(&one, &vary)[0]));
    assert_eq!(bench.sweep_holds(&one, &vary), [LOOKED_AT_ALL]);
    // What a backtest kept is a sweep's, too, and the other way round.
    assert_eq!(bench.holds(&one), LOOKED_AT_ALL);
    assert_eq!(looked_at(&bench.holds(&one.with("big", 5_000_000))), 2);
    assert_eq!(bench.sweep_holds(&one.with("big", 5_000_000), &vary), [LOOKED_AT_ALL]);
    // A parameter inside a feature: each of its values has an engine, and is kept.
    let inside = ["near=1000000,2000000,3000000", "low=100000,500000"];
    let kept = bench.sweep_holds(&one, &inside);
    assert!(is_reused(&kept[0]) && kept[1..].iter().all(is_computed), "{kept:?}");
    let kept = bench.sweep_holds(&one, &inside);
    assert!(kept.len() == 3 && kept.iter().all(is_reused), "{kept:?}");
}
