//! The index leaves out no rule that fires: looking through it and looking at every rule give the same.
#![allow(clippy::unwrap_used, reason = "a test fails loudly")]

use std::fmt::Write;
use std::sync::Arc;

use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::select;
use weir::decision::{Quality, Reading, Value};
use weir::event::{Draft, Event, ExtraValue, Kind, TextField};
use weir::lists::{List, Listing, Lists};
use weir::money::{AMOUNT_MINOR_MAX, Currency};
use weir::rules::{Facts, Index, OnUnknown, Rule, RuleSet, compile};

const FILE: &str = r#"
[ruleset]
name = "indexed"
currency = "VND"

[fields]
x = "integer"
y = "integer"
d = "decimal"
f = "boolean"
s = "text"

[lists]
known     = { key = "payee" }
suspected = { key = "payee" }

[tables.tier]
rows = [{ when = "amount < 100", is = 1 }, { when = "x > 3", is = 2 }, { when = "s in ('a', 'b')", is = 3 }]
else = 4
on_unknown = "unknown"

[features]
count = { count = "*", by = "account", over = "1h" }
mean  = { mean = "amount", by = "account", over = "1h" }
new   = { is_new = true, by = "account" }
"#;

/// The order of their names.
const FEATURES: [&str; 3] = ["count", "mean", "new"];

const WHOLES: [i64; 12] = [0, 1, 2, 3, 4, 5, 10, 100, 1_000, 9_007_199_254_740_993, i64::MAX - 1, i64::MAX];
const DECIMALS: [&str; 8] = ["0.0", "0.5", "0.1", "2.0", "2.5", "100", "9007199254740992.0", "123456.789"];
const TEXTS: [&str; 7] = ["a", "ab", "b", "ba", "c", "d", "đ"];

fn joined(items: &[String]) -> String {
    items.join(", ")
}

/// Conditions on one attribute, on the edge of what events have.
fn comparison() -> BoxedStrategy<String> {
    let orders = || select(vec!["=", "<>", "<", "<=", ">", ">="]);
    let not = || select(vec!["", "not "]);
    let of = move |names: Vec<&'static str>, constants: Vec<String>| {
        let name = || select(names.clone());
        let constant = || select(constants.clone());
        prop_oneof![
            3 => (name(), constant()).prop_map(|(name, c)| format!("{name} = {c}")),
            3 => (name(), orders(), constant()).prop_map(|(name, op, c)| format!("{name} {op} {c}")),
            1 => (constant(), orders(), name()).prop_map(|(c, op, name)| format!("{c} {op} {name}")),
            2 => (name(), not(), constant(), constant())
                .prop_map(|(name, not, a, b)| format!("{name} {not}between {a} and {b}")),
            2 => (name(), not(), vec(constant(), 1..5))
                .prop_map(|(name, not, all)| format!("{name} {not}in ({})", joined(&all))),
            1 => (name(), not()).prop_map(|(name, not)| format!("{name} is {not}null")),
        ]
    };
    let wholes = WHOLES.iter().map(i64::to_string).chain(["-1".to_owned(), "-100".to_owned()]).collect();
    let decimals =
        DECIMALS.iter().map(|&d| d.to_owned()).chain(["-0.0".to_owned(), "-2.5".to_owned()]).collect();
    let texts = TEXTS.iter().map(|text| format!("'{text}'")).collect();
    let qualities = Quality::ALL.iter().map(|quality| format!("'{}'", quality.name())).collect();
    prop_oneof![
        4 => of(vec!["amount", "x", "y", "count", "hour", "x + y", "abs(x)"], wholes),
        2 => of(vec!["d", "mean", "d * 2", "amount / 2"], decimals),
        3 => of(vec!["s", "channel", "payee", "coalesce(s, channel)"], texts),
        1 => of(vec!["quality(count)", "quality(mean)", "quality(new)"], qualities),
        2 => select(vec![
            "payee in suspected",
            "payee not in suspected",
            "s in suspected",
            "payee in known",
            "tier = 2",
            "tier >= 3",
            "level(payee, suspected) > 2",
            "level(payee, suspected) between 1 and 2",
        ]).prop_map(str::to_owned),
        2 => select(vec!["f", "new", "same_owner", "x < y", "s = channel", "amount > 2 * mean", "payee like 'a%'"])
            .prop_map(str::to_owned),
    ]
    .boxed()
}

fn condition() -> BoxedStrategy<String> {
    let part = comparison().prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            2 => vec(inner.clone(), 2..4).prop_map(|all| format!("({})", all.join(" or "))),
            1 => vec(inner.clone(), 2..3).prop_map(|all| format!("({})", all.join(" and "))),
            1 => inner.clone().prop_map(|part| format!("not ({part})")),
            1 => (inner, select(vec!["true", "false", "unknown", "not unknown", "not true"]))
                .prop_map(|(part, truth)| format!("({part}) is {truth}")),
        ]
    });
    vec(part, 1..4).prop_map(|parts| parts.join(" and ")).boxed()
}

fn file(rules: &[(String, bool)]) -> String {
    let mut file = FILE.to_owned();
    for (at, (condition, fires)) in rules.iter().enumerate() {
        let on_unknown = if *fires { "fires" } else { "silent" };
        writeln!(
            file,
            "[[rule]]\nid = \"{at}\"\nthen = \"alert\"\non_unknown = \"{on_unknown}\"\nwhen = \"{condition}\""
        )
        .unwrap();
    }
    file
}

fn compiled(rules: &[(String, bool)]) -> RuleSet {
    compile("indexed.toml", &file(rules)).into_result().unwrap()
}

/// An event with the features that it meets.
#[derive(Clone, Debug, PartialEq)]
struct Met {
    amount: i64,
    wholes: [Option<i64>; 2],
    decimal: Option<f64>,
    truths: [Option<bool>; 2],
    texts: [Option<&'static str>; 3],
    features: [Value; 3],
    qualities: [Quality; 3],
    hour: i64,
}

fn met() -> impl Strategy<Value = Met> {
    let whole = || prop_oneof![8 => select(WHOLES.to_vec()), 2 => -3..12_i64, 1 => any::<i64>()];
    let decimal = || {
        prop_oneof![
            4 => select(DECIMALS.to_vec()).prop_map(|text| text.parse::<f64>().unwrap()),
            1 => select(vec![-0.0, -2.5, f64::MAX, f64::MIN_POSITIVE, 1e15]),
            1 => -3.0..3.0_f64,
        ]
    };
    let text = || weighted(0.9, select([&TEXTS[..], &["aa", "zz"]].concat()));
    let or_null = |value: Option<Value>| value.unwrap_or_default();
    let features = (
        weighted(0.9, whole().prop_map(Value::Whole)).prop_map(or_null),
        weighted(0.9, decimal().prop_map(Value::Decimal)).prop_map(or_null),
        weighted(0.9, any::<bool>().prop_map(Value::Boolean)).prop_map(or_null),
    );
    let quality = || prop_oneof![3 => Just(Quality::Exact), 2 => select(Quality::ALL.to_vec())];
    (
        prop_oneof![select(WHOLES[..9].to_vec()), 0..AMOUNT_MINOR_MAX],
        [weighted(0.9, whole()), weighted(0.9, whole())],
        weighted(0.9, decimal()),
        [weighted(0.9, any::<bool>()), weighted(0.9, any::<bool>())],
        [text(), text(), text()],
        features,
        [quality(), quality(), quality()],
        0..24_i64,
    )
        .prop_map(|(amount, wholes, decimal, truths, texts, (count, mean, new), qualities, hour)| Met {
            amount,
            wholes,
            decimal,
            truths,
            texts,
            features: [count, mean, new],
            qualities,
            hour,
        })
}

fn event<'d>(draft: &'d mut Draft, met: &Met) -> &'d Event {
    draft.begin(Kind::Transaction, 0).unwrap();
    draft.text(TextField::Id, "1").unwrap();
    draft.amount(met.amount, Currency::VND).unwrap();
    for (name, value) in ["x", "y"].into_iter().zip(met.wholes) {
        value.into_iter().for_each(|value| draft.extra(name, ExtraValue::Whole(value)).unwrap());
    }
    met.decimal.into_iter().for_each(|value| draft.extra("d", ExtraValue::Decimal(value)).unwrap());
    met.truths[0].into_iter().for_each(|truth| draft.extra("f", ExtraValue::Boolean(truth)).unwrap());
    met.truths[1].into_iter().for_each(|truth| draft.same_owner(truth));
    met.texts[0].into_iter().for_each(|text| draft.extra("s", ExtraValue::Text(text)).unwrap());
    for (field, text) in [TextField::Channel, TextField::Payee].into_iter().zip(&met.texts[1..]) {
        text.iter().for_each(|text| draft.text(field, text).unwrap());
    }
    draft.seal().unwrap()
}

/// Some texts are on both lists, with levels, some on one, some on none.
fn lists() -> Lists {
    let (mut known, mut suspected) = (List::default(), List::default());
    for (at, text) in TEXTS.iter().enumerate() {
        let listing = Listing { level: (at % 2 == 0).then_some(at as i64), ..Listing::default() };
        if at % 3 > 0 {
            known.put(None, text, listing);
        }
        if at < 5 {
            suspected.put(None, text, listing);
        }
    }
    Lists::from_iter([known, suspected])
}

fn fires(rule: &Rule, facts: &Facts<'_>) -> bool {
    rule.when.holds(facts).unwrap_or(rule.on_unknown == OnUnknown::Fires)
}

/// What fires, looking at every rule, and what may fire, by the index.
fn both(set: &RuleSet, index: &Index, all: &[Met], mut then: impl FnMut(&Met, Vec<u16>, &[u16])) {
    let mut scratch = index.scratch();
    let mut draft = Draft::new(Arc::clone(&set.schema));
    let lists = lists();
    for met in all {
        let reading = |at: usize| Reading { value: met.features[at], quality: met.qualities[at] };
        let features = [0, 1, 2].map(reading);
        let facts =
            Facts { features: &features, lists: &lists, ..Facts::of(event(&mut draft, met), (met.hour, 1)) };
        let rows: Vec<Option<u16>> = set.tables.iter().map(|table| table.row(&facts)).collect();
        let facts = Facts { tables: &rows, ..facts };
        let fired = (0..).zip(&set.rules).filter(|(_, rule)| fires(rule, &facts)).map(|(at, _)| at).collect();
        then(met, fired, index.candidates(&facts, &mut scratch));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_fires_is_among_the_candidates(
        rules in vec((condition(), any::<bool>()), 1..160),
        all in vec(met(), 64),
    ) {
        let set = compiled(&rules);
        prop_assert!(set.features.iter().map(|feature| feature.name.as_str()).eq(FEATURES));
        let index = Index::new(&set.rules);
        let mut left_out = None;
        both(&set, &index, &all, |met, fired, candidates| {
            assert!(candidates.is_sorted_by(|a, b| a < b), "{candidates:?}");
            let missed = fired.iter().find(|at| candidates.binary_search(at).is_err());
            left_out = left_out.take().or(missed.map(|&at| (rules[usize::from(at)].clone(), met.clone())));
        });
        prop_assert_eq!(left_out, None);
    }
}

/// Rules of several shapes, of which an event meets one in hundreds.
#[test]
fn few_of_many_rules_are_candidates() {
    let mut rules: Vec<(String, bool)> = Vec::new();
    for at in 0..1_000 {
        rules.push((format!("payee = 'p{}' and amount > {}", at / 3, at % 7 * 100), at % 5 == 0));
        rules.push((format!("x between {at} and {} and count > {}", at + 2, at % 10), false));
        rules.push((format!("s in ('s{at}', 's{}') and not f", at + 1), false));
        rules.push((format!("channel = 'web' and d >= {at}.5 and d < {at}.75"), false));
        rules.push((format!("amount = {at} or amount = {}", at + 1_000), false));
    }
    let set = compiled(&rules);
    let index = Index::new(&set.rules);
    let met = Met {
        amount: 1_500,
        wholes: [Some(500), None],
        decimal: Some(20.6),
        truths: [Some(false), None],
        texts: [Some("s7"), Some("web"), Some("p10")],
        qualities: [Quality::Exact; 3],
        features: [Value::Whole(1_000), Value::Null, Value::Boolean(true)],
        hour: 12,
    };
    let unknown = Met { wholes: [None; 2], decimal: None, texts: [None; 3], ..met.clone() };
    both(&set, &index, &[met, unknown], |met, fired, candidates| {
        // Where the payee is unknown, the 200 rules that fire then do.
        let expected = if met.texts[2].is_some() { 10 } else { 201 };
        assert!(fired.len() >= expected.min(9), "{fired:?}");
        assert!(candidates.len() <= fired.len() + 40, "{} for {}", candidates.len(), fired.len());
    });
}
