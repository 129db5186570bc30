//! The rule sets that the twin is given hold every pair of what the language lets one feature say.
//!
//! What is allowed is not listed here: each pair is written as a feature, and the compiler says whether it may stand.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    missing_docs,
    unreachable_pub,
    reason = "a test fails loudly, and says what it looked at"
)]

#[path = "support/drawn.rs"]
mod drawn;
#[path = "support/hostile.rs"]
mod hostile;

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use weir::rules::{Aggregate, Counts, Feature, Kinds, Label, Window};

/// What a feature can say: how it is written, and how it is seen in a feature that says it.
struct Said {
    name: &'static str,
    /// Several, where not each of them goes with all others.
    texts: &'static [&'static str],
    seen: fn(&Feature) -> bool,
}

const fn said(name: &'static str, texts: &'static [&'static str], seen: fn(&Feature) -> bool) -> Said {
    Said { name, texts, seen }
}

/// In groups of which a feature says one thing at a time, each with what stands there where no pair needs it.
fn groups() -> Vec<(Vec<Said>, &'static str)> {
    let aggregates = vec![
        said("count", &["count = '*'"], |f| f.aggregate == Aggregate::Count),
        said("sum", &["sum = 'amount'"], |f| matches!(f.aggregate, Aggregate::Sum(_))),
        said("mean", &["mean = 'amount'"], |f| matches!(f.aggregate, Aggregate::Mean(_))),
        said("min", &["min = 'amount'"], |f| matches!(f.aggregate, Aggregate::Min(_))),
        said("max", &["max = 'amount'"], |f| matches!(f.aggregate, Aggregate::Max(_))),
        said("deviation", &["deviation = 'amount'"], |f| matches!(f.aggregate, Aggregate::Deviation(_))),
        said("distinct", &["distinct = 'payee'"], |f| matches!(f.aggregate, Aggregate::Distinct(_))),
        said("is_new", &["is_new = true"], |f| f.aggregate == Aggregate::IsNew),
        said("since", &["since = 'last'"], |f| f.aggregate == Aggregate::Since),
        said("first", &["first = 'amount'"], |f| matches!(f.aggregate, Aggregate::First(_))),
        said("last", &["last = 'amount'"], |f| matches!(f.aggregate, Aggregate::Last(_))),
        said("previous", &["previous = 'amount'"], |f| matches!(f.aggregate, Aggregate::Previous(_))),
        said("quantile", &["quantile = 'amount', q = 0.5"], |f| {
            matches!(f.aggregate, Aggregate::Quantile(..))
        }),
        said("z_score", &["z_score = 'amount'"], |f| matches!(f.aggregate, Aggregate::ZScore(_))),
        said("speed", &["speed = ['latitude', 'longitude']"], |f| {
            matches!(f.aggregate, Aggregate::Speed { .. })
        }),
    ];
    let keys = vec![
        said("several keys", &["by = ['account', 'device']"], |f| f.by.len() > 1),
        said("at", &["by = 'payee', at = 'account'"], |f| f.by != f.at),
        said("several keys at others", &["by = ['account', 'payee'], at = ['payee', 'account']"], |f| {
            f.by.len() > 1 && f.by != f.at
        }),
    ];
    let windows = vec![
        said("sliding", &["over = '1h'"], |f| matches!(f.window, Window::Sliding { .. })),
        said("day", &["over = 'day'"], |f| f.window == Window::Day),
        said("month", &["over = 'month'"], |f| f.window == Window::Month),
        said("forever", &["over = 'forever'"], |f| f.window == Window::Forever),
    ];
    let from =
        vec![said("from", &["from = 'transaction'", "from = 'change'"], |f| f.from != Kinds::PAYMENTS)];
    let condition = vec![said("where", &["where = \"channel = 'web'\""], |f| f.condition.is_some())];
    let delay = vec![said("delay", &["delay = '6h'"], |f| f.delay_us > 0)];
    let reset = vec![
        said("reset", &["reset = { from = 'change' }"], |f| {
            f.reset.as_ref().is_some_and(|r| r.condition.is_none())
        }),
        said("reset on", &["reset = { on = 'executed', where = 'amount > 5' }"], |f| {
            f.reset.as_ref().is_some_and(|reset| reset.on_execution)
        }),
        said("reset where", &["reset = { from = 'login', where = \"channel = 'web'\" }"], |f| {
            f.reset.as_ref().is_some_and(|reset| reset.condition.is_some())
        }),
    ];
    let current = vec![
        said("current", &["current = true"], |f| f.current),
        said("not current", &["current = false"], |f| !f.current),
    ];
    let counts = vec![
        said("asked", &["counts = 'asked'"], |f| f.counts == Counts::Asked && f.label.is_none()),
        said("allowed", &["counts = 'allowed'"], |f| f.counts == Counts::Allowed),
        said("executed", &["counts = 'executed'"], |f| f.counts == Counts::Executed && !f.pending),
        said("pending", &["counts = 'executed', pending = true"], |f| {
            f.counts == Counts::Executed && f.pending
        }),
        said("fraud", &["label = 'fraud'"], |f| f.label == Some(Label::Fraud)),
        said("genuine", &["label = 'genuine'"], |f| f.label == Some(Label::Genuine)),
    ];
    vec![
        (aggregates, "count = '*'"),
        (keys, "by = 'account'"),
        (windows, "over = '24h'"),
        (from, ""),
        (condition, ""),
        (delay, ""),
        (reset, ""),
        (current, ""),
        (counts, ""),
    ]
}

/// Whether a feature can say both, by the compiler's word.
fn allowed(groups: &[(Vec<Said>, &'static str)], one: (usize, &Said), other: (usize, &Said)) -> bool {
    one.1.texts.iter().flat_map(|a| other.1.texts.iter().map(move |b| (a, b))).any(|(a, b)| {
        let text = |group: usize, silent: &'static str| match group {
            _ if group == one.0 => *a,
            _ if group == other.0 => *b,
            _ => silent,
        };
        let parts = groups.iter().enumerate().map(|(group, (_, silent))| text(group, silent));
        let parts: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
        let file = drawn::BASE.replace("[features]", &format!("[features]\nx = {{ {} }}", parts.join(", ")));
        let Some(rules) = weir::rules::compile("pairs.toml", &file).rule_set else { return false };
        let x = rules.features.iter().find(|feature| feature.name == "x").unwrap();
        assert!((one.1.seen)(x) && (other.1.seen)(x), "{} and {}: {x:?}", one.1.name, other.1.name);
        true
    })
}

#[test]
fn every_pair_that_the_language_allows_is_drawn() {
    let groups = groups();
    let all: Vec<(usize, &Said)> = groups
        .iter()
        .enumerate()
        .flat_map(|(at, (group, _))| group.iter().map(move |said| (at, said)))
        .collect();
    let mut drawn = BTreeSet::new();
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let rule_sets = drawn::generated(6);
    for _ in 0..2_000 {
        for feature in rule_sets.new_tree(&mut runner).unwrap().current() {
            let seen: Vec<usize> = (0..all.len()).filter(|&at| (all[at].1.seen)(&feature)).collect();
            drawn.extend(seen.iter().flat_map(|&a| seen.iter().map(move |&b| (a, b))));
        }
    }
    let (mut pairs, mut refused, mut missing) = (0, 0, Vec::new());
    for (a, one) in all.iter().enumerate() {
        for (b, other) in all.iter().enumerate().skip(a + 1).filter(|(_, other)| other.0 != one.0) {
            if !allowed(&groups, *one, *other) {
                refused += 1;
                continue;
            }
            pairs += 1;
            if !drawn.contains(&(a, b)) {
                missing.push((one.1.name, other.1.name));
            }
        }
    }
    println!("{pairs} pairs, and {refused} that the language refuses");
    assert!(pairs > 300, "{pairs}");
    assert_eq!(missing, [], "never drawn");
}
