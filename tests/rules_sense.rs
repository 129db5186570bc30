//! What the checker finds out by reasoning is so: held to every combination of small values, one by one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that fails stops")]

use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::select;
use weir::event::{Draft, ExtraValue, Kind, TextField};
use weir::money::Currency;
use weir::rules::{Condition, Facts, Problem, RuleSet, Severity, compile};

const HEAD: &str = "[ruleset]\nname = \"t\"\ncurrency = \"VND\"\n\
    [fields]\nx = \"integer\"\ny = \"integer\"\nd = \"decimal\"\nf = \"boolean\"\ns = \"text\"\n\
    [params]\np = { value = 2, min = 1, max = 3 }\nq = 2\n";

fn file(rules: &[(&str, &str)]) -> String {
    let rule = |(at, (condition, more)): (usize, &(&str, &str))| {
        format!("[[rule]]\nid = \"r{at}\"\n{more}\nwhen = '''{condition} '''\n")
    };
    HEAD.to_owned() + &rules.iter().enumerate().map(rule).collect::<String>()
}

/// The values of one event; `None` is an absent field.
type Fields = (Option<i64>, Option<i64>, Option<f64>, Option<bool>, Option<&'static str>);

/// Every event of small values.
fn events() -> Vec<Fields> {
    let wholes = [None, Some(-1), Some(0), Some(1), Some(2), Some(3), Some(4)];
    let decimals = [None, Some(0.5), Some(2.0), Some(2.5)];
    let mut events = Vec::new();
    for x in wholes {
        for y in wholes {
            for d in decimals {
                for f in [None, Some(true), Some(false)] {
                    events.extend([None, Some("a"), Some("b")].map(|s| (x, y, d, f, s)));
                }
            }
        }
    }
    events
}

#[test]
fn a_value_taken_as_it_is_is_not_the_value_that_is_known() {
    let features = "[features]\nbusy = { count = \"*\", by = \"account\", over = \"1h\" }\n";
    let told = |stronger: &str, weaker: &str| {
        let rule = |id: &str, when: &str, more: &str| {
            format!("[[rule]]\nid = \"{id}\"\nthen = \"block\"\n{more}when = '''{when}'''\n")
        };
        let stronger = rule("s", stronger, "tier = \"mandatory\"\n");
        let head = HEAD.split("[fields]").next().unwrap();
        let text = head.to_owned() + features + &stronger + &rule("w", weaker, "on_unknown = \"silent\"\n");
        let problems = compile("t.toml", &text).problems;
        problems.into_iter().map(|problem| problem.message).collect::<Vec<_>>()
    };
    let none = Vec::<String>::new();
    let warming = "quality(busy) = 'warming' and busy > 7";
    assert_eq!(told("quality(busy) = 'exact' and busy > 5", "busy > 7"), none);
    assert_eq!(told("busy > 5 and amount > 1", warming), none);
    assert_ne!(told("busy > 5", "busy > 7"), none);
    assert_ne!(told("quality(busy) <> 'exact'", warming), none);
    assert_ne!(told("amount > 5", "quality(busy) = 'exact' and quality(busy) = 'behind'"), none);
}

fn draft(set: &RuleSet, (x, y, d, f, s): Fields) -> Draft {
    let mut draft = Draft::new(Arc::clone(&set.schema));
    draft.begin(Kind::Transaction, 0).unwrap();
    draft.text(TextField::Id, "e").unwrap();
    draft.amount(5, Currency::VND).unwrap();
    let values = [
        ("x", x.map(ExtraValue::Whole)),
        ("y", y.map(ExtraValue::Whole)),
        ("d", d.map(ExtraValue::Decimal)),
        ("f", f.map(ExtraValue::Boolean)),
        ("s", s.map(ExtraValue::Text)),
    ];
    for (name, value) in values {
        if let Some(value) = value {
            draft.extra(name, value).unwrap();
        }
    }
    draft
}

/// What a condition comes to on each event.
fn truths(set: &RuleSet, when: &Condition) -> Vec<Option<bool>> {
    let of = |fields| {
        let mut draft = draft(set, fields);
        when.holds(&Facts::of(draft.seal().unwrap(), (0, 1)))
    };
    events().into_iter().map(of).collect()
}

/// The truths of a condition in a file of its own, with the parameter `p` at this value.
fn truths_of(condition: &str, p: i64) -> Vec<Option<bool>> {
    let text = file(&[(condition, "then = \"block\"")]).replace("value = 2", &format!("value = {p}"));
    let set = compile("t.toml", &text).into_result().unwrap();
    truths(&set, &set.rules[0].when)
}

fn atom() -> BoxedStrategy<String> {
    let number = || {
        select(vec![
            "x",
            "y",
            "d",
            "p",
            "q",
            "0",
            "1",
            "2",
            "2.5",
            "x + 1",
            "y - x",
            "coalesce(x, y)",
            "-y",
            "abs(x)",
            "x * 2",
            "x % 2",
        ])
    };
    let compare = || select(vec!["=", "<>", "<", "<=", ">", ">="]);
    prop_oneof![
        6 => (select(vec!["x", "y", "d"]), compare(), number()).prop_map(|(l, op, r)| format!("{l} {op} {r}")),
        3 => (number(), compare(), number()).prop_map(|(l, op, r)| format!("{l} {op} {r}")),
        2 => (select(vec!["x", "y"]), number(), number()).prop_map(|(v, l, h)| format!("{v} between {l} and {h}")),
        2 => (select(vec!["x", "y"]), number(), number()).prop_map(|(v, l, h)| format!("{v} in ({l}, {h}, 1)")),
        1 => select(vec!["x", "d", "f", "s"]).prop_map(|v| format!("{v} is null")),
        1 => Just("f".to_owned()),
        1 => select(vec!["f = true", "f is true", "f is unknown", "f <> (x > 1)", "(x > y) is not true"]).prop_map(str::to_owned),
        1 => select(vec!["s = 'a'", "s <> 'a'", "s in ('a', 'c')", "s like 'b%'", "s = ''"]).prop_map(str::to_owned),
    ]
    .boxed()
}

fn condition() -> BoxedStrategy<String> {
    atom()
        .prop_recursive(2, 8, 3, |inner| {
            let joined = |word: &'static str, inner: BoxedStrategy<String>| {
                proptest::collection::vec(inner, 2..4)
                    .prop_map(move |parts| format!("({})", parts.join(word)))
            };
            prop_oneof![
                4 => joined(" and ", inner.clone().boxed()),
                3 => joined(" or ", inner.clone().boxed()),
                1 => inner.clone().prop_map(|part| format!("not ({part})")),
                1 => inner.prop_map(|part| format!("case when {part} then x > 1 else y > 1 end")),
            ]
        })
        .boxed()
}

fn told(text: &str, severity: Severity) -> Vec<Problem> {
    let problems = compile("t.toml", text).problems;
    problems.into_iter().filter(|problem| problem.severity == severity).collect()
}

/// Holds one thing that was told of a condition to its truths.
fn hold(problem: &Problem, text: &str, condition: &str) -> Result<(), TestCaseError> {
    let part = text.get(problem.span.clone()).unwrap();
    let place = text.find(condition).unwrap();
    let instead = |word: &str| {
        let (from, to) = (problem.span.start - place, problem.span.end - place);
        format!("{}{word}{}", &condition[..from], &condition[to..])
    };
    let never = |condition: &str, p| truths_of(condition, p).iter().all(|truth| *truth != Some(true));
    let same = |other: &str, p| {
        let (held, other) = (truths_of(condition, p), truths_of(other, p));
        held.iter().zip(&other).all(|(a, b)| (*a == Some(true)) == (*b == Some(true)))
    };
    let message = problem.message.as_str();
    let tunings: &[i64] = if message.contains("as its parameters are now") { &[2] } else { &[1, 2, 3] };
    for &p in tunings {
        let so = if message.contains("never fires") {
            never(condition, p)
        } else if message.contains("fires on every payment") {
            truths_of(condition, p).iter().all(|truth| *truth == Some(true))
        } else if message.ends_with("never true here") {
            same(&instead("false"), p)
        } else if message.ends_with("part of the condition is never true") {
            never(part, p)
        } else if message.ends_with("part of the condition is always true") {
            truths_of(part, p).iter().all(|truth| *truth == Some(true))
        } else if message.contains("the other parts already say it") {
            same(&instead("true"), p)
        } else if message.contains("another part holds") {
            same(&instead("false"), p)
        } else {
            // Told of constants, and of what nothing uses.
            true
        };
        prop_assert!(so, "{message}: `{part}` in `{condition}` with p = {p}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_told_of_a_condition_holds(condition in condition()) {
        let text = file(&[(&condition, "then = \"block\"")]);
        for problem in told(&text, Severity::Warning) {
            hold(&problem, &text, &condition)?;
        }
    }

    #[test]
    fn what_is_told_to_be_unknown_can_be_and_nothing_is_left_out(condition in condition()) {
        let text = file(&[(&condition, "then = \"block\"")]);
        // Of a rule that never fires nothing more is told.
        prop_assume!(!told(&text, Severity::Warning).iter().any(|problem| problem.message.contains("never fires")));
        let notes = told(&text, Severity::Note);
        let noted = notes.first().map_or("", |note| note.message.as_str());
        let all = truths_of(&condition, 2);
        for (at, name) in ["x", "y", "d", "f", "s"].into_iter().enumerate() {
            let null = |(x, y, d, f, s): Fields| [x.is_none(), y.is_none(), d.is_none(), f.is_none(), s.is_none()];
            let alone = |fields: Fields| null(fields).into_iter().enumerate().all(|(other, null)| null == (other == at));
            let unknown = events().into_iter().zip(&all).any(|(fields, truth)| alone(fields) && truth.is_none());
            // Arithmetic that divides by zero is null too, and is not told of.
            let read = condition.contains(name);
            prop_assert!(!unknown || !read || noted.contains(&format!("`{name}`")), "{condition}: {name} in {noted:?}");
        }
    }

}

proptest! {
    // Each compares two rules under three values of the parameter, event by event.
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_rule_told_to_be_needless_is(strong in condition(), extra in condition(), weak_fires in any::<bool>()) {
        let weak = format!("{strong} and {extra}");
        let unknown = if weak_fires { "fires" } else { "silent" };
        let text = file(&[
            (&strong, "tier = \"mandatory\"\nthen = \"block\""),
            (&weak, &format!("then = \"block\"\non_unknown = \"{unknown}\"")),
        ]);
        let needless = told(&text, Severity::Warning).iter().any(|problem| problem.message.contains("changes nothing"));
        for p in [1, 2, 3] {
            let (strong, weak) = (truths_of(&strong, p), truths_of(&weak, p));
            let outside = strong.iter().zip(&weak).any(|(strong, weak)| {
                weak.unwrap_or(weak_fires) && *strong == Some(false)
            });
            prop_assert!(!(needless && outside), "{text}");
        }
    }
}

#[test]
fn the_reasoning_is_not_idle() {
    let cases = [
        ("x > 2 and x < 2", "never fires"),
        ("x > y and y > x", "never fires"),
        ("x > y and y > 5 and x < 3", "never fires"),
        ("x > p and x < 2", "whatever its parameters are within their bounds"),
        ("x < p and x > 1", "as its parameters are now"),
        ("p > 3 or x in (1, 2) and x > 2", "never fires"),
        ("coalesce(x, 1) is not null", "fires on every payment"),
        ("x > 2 or s = ''", "part of the condition is never true"),
        ("x > 2 and (x < 1 or f)", "never true here"),
        ("x > 2 and x > 1 and f", "the other parts already say it"),
        ("x > 2 or x > 1", "another part holds"),
        ("f and amount >= 0", "part of the condition is always true"),
    ];
    for (condition, expected) in cases {
        let told = told(&file(&[(condition, "then = \"block\"")]), Severity::Warning);
        assert!(told.iter().any(|problem| problem.message.contains(expected)), "{condition}: {told:#?}");
    }
}
