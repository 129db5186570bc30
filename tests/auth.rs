//! Requirements that serve for others, and what `met` says of the methods presented.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that fails stops")]

use std::sync::Arc;

use weir::event::{Draft, Kind, TextField};
use weir::rules::{Facts, RuleSet, compile};

const METHODS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

fn rules(auth: &str, when: &str) -> RuleSet {
    let head = "[ruleset]\nname = \"x\"\ncurrency = \"VND\"\n";
    let rule = format!("[[rule]]\nid = \"r\"\nwhen = \"{when}\"\nthen = \"block\"\n");
    compile("x.toml", &format!("{head}{auth}{rule}")).into_result().unwrap()
}

/// Whether the rule holds on an event of this kind and result that presents these methods, as a bit mask.
fn holds(rules: &RuleSet, kind: Kind, result: Option<&str>, methods: usize) -> Option<bool> {
    let mut draft = Draft::new(Arc::default());
    draft.begin(kind, 1).unwrap();
    draft.text(TextField::Id, "t").unwrap();
    if kind == Kind::Transaction {
        draft.amount(1, rules.currency).unwrap();
    } else {
        draft.text(TextField::Transaction, "other").unwrap();
    }
    let presented: Vec<&str> = METHODS
        .iter()
        .enumerate()
        .filter(|(bit, _)| methods >> bit & 1 == 1)
        .map(|(_, word)| *word)
        .collect();
    if !presented.is_empty() {
        draft.text(TextField::Methods, &presented.join(",")).unwrap();
    }
    if let Some(result) = result {
        draft.text(TextField::Result, result).unwrap();
    }
    rules.rules[0].when.holds(&Facts::of(draft.seal().unwrap(), (0, 1)))
}

#[test]
fn whoever_meets_what_serves_for_a_requirement_meets_it() {
    let auth = "[auth.low]\nall = [['a']]\n\
                [auth.middle]\nall = [['b'], ['c', 'd']]\nserves = 'low'\n\
                [auth.high]\nall = [['d', 'e'], ['f']]\nserves = ['middle']\n";
    let any = |methods: usize, of: &str| of.bytes().any(|word| methods >> (word - b'a') & 1 == 1);
    let high = |methods| any(methods, "de") && any(methods, "f");
    let middle = |methods| any(methods, "b") && any(methods, "cd") || high(methods);
    let low = |methods| any(methods, "a") || middle(methods);
    let asked: [(&str, &dyn Fn(usize) -> bool); 3] = [("low", &low), ("middle", &middle), ("high", &high)];
    for (name, expected) in asked {
        let rules = rules(auth, &format!("met({name})"));
        for methods in 0..1 << METHODS.len() {
            let found = holds(&rules, Kind::Transaction, None, methods);
            assert_eq!(found, Some(expected(methods)), "{name} {methods:06b}");
            let found = holds(&rules, Kind::Authentication, Some("succeeded"), methods);
            assert_eq!(found, Some(expected(methods)), "{name} {methods:06b}");
            assert_eq!(holds(&rules, Kind::Authentication, Some("failed"), methods), Some(false));
        }
    }
}

#[test]
fn what_a_requirement_means_is_part_of_the_hash_of_what_asks_it() {
    let of = |all: &str, other: &str| {
        let auth = format!(
            "[auth.low]\nall = {all}\n[auth.other]\nall = {other}\n\
             [features]\nn = {{ count = '*', by = 'account', over = '1h', where = 'met(low)' }}\n"
        );
        let rules = rules(&auth, "n > 3 and not met(other)");
        (rules.hash, rules.features[0].hash)
    };
    let first = of("[['a']]", "[['b']]");
    assert_eq!(first, of("[[ 'a' ]]", "[['b']]"));
    let (narrow, wide) = (of("[['a', 'c']]", "[['b']]"), of("[['a']]", "[['b', 'c']]"));
    assert!(narrow.0 != first.0 && narrow.1 != first.1);
    assert!(wide.0 != first.0);
    assert_eq!(wide.1, first.1, "a feature keeps what it knows where its own requirement is the same");
}
