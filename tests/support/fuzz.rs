//! What must hold of any text, as a rule file and as a condition: shared by the fuzz targets and by the bounded run in
//! the tests, so that the two cannot drift apart.

#![allow(dead_code, reason = "each fuzz target uses one of the two")]
#![allow(unreachable_pub, clippy::unwrap_used, reason = "a failure stops")]

use std::sync::Arc;

use weir::decision::{Reading, Value};
use weir::event::{Draft, Event, ExtraType, ExtraValue, Kind, Schema, TextField};
use weir::lists::{List, Listing, Lists};
use weir::money::{AMOUNT_MINOR_MAX, Currency};
use weir::rules::limits::CONDITION_BYTES_MAX;
use weir::rules::{Checked, Facts, RuleSet, Severity, compile};
use weir::time::TIME_US_MAX;

/// A rule file with something of every type to read, up to the condition.
const FILE: &str = "[ruleset]\nname = \"f\"\ntime_zone = \"Asia/Ho_Chi_Minh\"\ncurrency = \"VND\"\n\
    [fields]\nbalance = \"money\"\nitems = \"integer\"\nratio = \"decimal\"\nshop = \"text\"\nflag = \"boolean\"\n\
    gap = \"duration\"\nopened_at = \"time\"\n\
    [params]\nbig = { value = 10_000_000, unit = \"VND\" }\nfresh = \"24h\"\nbursts = 3\nfactor = 1.5\nweb = \"web\"\narmed = true\n\
    [lists]\nsuspected = { key = \"payee\" }\nexempt = { key = \"account\" }\n\
    [features]\ncount_10m = { count = \"*\", by = \"account\", over = \"10m\" }\n\
    new_device = { is_new = true, by = [\"account\", \"device\"] }\n\
    since_reset = { since = \"last\", from = \"change\", by = \"customer\" }\n\
    spent_24h = { sum = \"amount\", by = \"account\", over = \"24h\" }\n\
    usual = { mean = \"amount\", by = \"account\", over = \"30d\", current = false }\n\
    [tables.risk]\nrows = [{ when = \"amount > big\", is = 3 }, { when = \"payee in suspected\", is = 2 }]\n\
    else = 1\non_unknown = \"strictest\"\norder = [1, 2, 3]\n\
    [tables.word]\nrows = [{ when = \"risk > 1 and count_10m > bursts\", is = \"a\" }]\nelse = \"web\"\non_unknown = \"unknown\"\n\
    [[rule]]\nid = \"r\"\nthen = \"block\"\nwhen = ";

/// Any text as a rule file: it is refused with problems that point into it, or it is a rule set; the same again.
/// Gives whether it is one.
pub fn rules(text: &str) -> bool {
    let checked = checked(text);
    let again = compile("f.toml", text);
    assert_eq!(checked.problems, again.problems, "other problems the second time");
    let hash = |checked: &Checked| checked.rule_set.as_ref().map(|rules| rules.hash);
    assert_eq!(hash(&checked), hash(&again), "another hash the second time");
    if let Some(rules) = &checked.rule_set {
        let schema = Arc::clone(&rules.schema);
        for event in hostile(&schema) {
            evaluate(rules, &event);
        }
    }
    checked.rule_set.is_some()
}

/// Any text as a condition: it is refused, or it can be asked of any event, and means the same however it is laid out.
/// Gives whether it is one.
pub fn condition(text: &str) -> bool {
    let Some(rules) = checked(&file(text)).rule_set else { return false };
    let events = hostile(&rules.schema);
    let found: Vec<Option<bool>> = events.iter().map(|event| evaluate(&rules, event)).collect();
    // A remark before the text is in the way of nothing; one behind it begins on a line of its own.
    if let Some(again) = compiled(&format!("/* first */ {text}\n-- last")) {
        assert_eq!(rules.hash, again.hash, "layout changes the hash");
    }
    if let Some(negated) = compiled(&format!("not ({text}\n)")) {
        for (event, found) in events.iter().zip(found) {
            assert_eq!(
                evaluate(&negated, event),
                found.map(|truth| !truth),
                "`not` of it is not its opposite"
            );
        }
    }
    true
}

/// A condition that is made from one that compiles, unless it is beyond a bound now.
fn compiled(text: &str) -> Option<RuleSet> {
    let checked = checked(&file(text));
    let bound = |message: &str| {
        message.contains("levels deep") || message.contains(&format!("at most {CONDITION_BYTES_MAX} bytes"))
    };
    let errors = checked.problems.iter().filter(|problem| problem.severity == Severity::Error);
    let other: Vec<_> = errors.filter(|problem| !bound(&problem.message)).collect();
    assert!(other.is_empty(), "{other:?} in `{text}`");
    checked.rule_set
}

/// The file with a condition: as it is where TOML takes it so, otherwise with escapes.
fn file(condition: &str) -> String {
    let plain = |c: char| c == '\n' || c == '\t' || !c.is_control();
    if !condition.contains('\'') && !condition.starts_with('\n') && condition.chars().all(plain) {
        return format!("{FILE}'''{condition}'''\n");
    }
    let mut escaped = String::with_capacity(condition.len());
    for c in condition.chars() {
        match c {
            '"' | '\\' => escaped.extend(['\\', c]),
            c if c.is_control() => escaped.push_str(&format!("\\U{:08X}", u32::from(c))),
            c => escaped.push(c),
        }
    }
    format!("{FILE}\"{escaped}\"\n")
}

fn checked(text: &str) -> Checked {
    let checked = compile("f.toml", text);
    for problem in &checked.problems {
        assert!(
            text.get(problem.span.clone()).is_some(),
            "{problem:?} is outside the text, or between its characters"
        );
        assert!(!problem.message.is_empty(), "{problem:?} says nothing");
    }
    let error = checked.problems.iter().any(|problem| problem.severity == Severity::Error);
    assert_eq!(checked.rule_set.is_none(), error, "a rule set comes out exactly where there is no error");
    let refused = checked.clone().into_result().err();
    assert_eq!(refused.is_some_and(|refused| !refused.lines.is_empty()), error, "a refusal says why");
    checked
}

/// What every condition of a rule set says to an event, with values of features at their edges; that of the first rule.
fn evaluate(rules: &RuleSet, event: &Event) -> Option<bool> {
    let edges = [
        Value::Null,
        Value::Whole(i64::MIN),
        Value::Whole(i64::MAX),
        Value::Decimal(f64::MAX),
        Value::Boolean(true),
    ];
    let readings: Vec<Reading> = rules
        .features
        .iter()
        .enumerate()
        .map(|(at, feature)| {
            let value = match (feature.ty, edges[(at + event.id().len()) % edges.len()]) {
                (ExtraType::Boolean, Value::Boolean(truth)) => Value::Boolean(truth),
                (ExtraType::Boolean, Value::Null) => Value::Null,
                (ExtraType::Boolean, _) => Value::Boolean(false),
                (_, Value::Boolean(_)) => Value::Whole(0),
                (_, value) => value,
            };
            Reading { value, ..Reading::default() }
        })
        .collect();
    let mut list = List::default();
    for (key, level) in [("a", Some(i64::MIN)), ("đ", Some(7)), ("web", None)] {
        list.put(None, key, Listing { level, expires_us: Some(1), note: None });
    }
    let lists: Lists = rules.lists.iter().map(|_| list.clone()).collect();
    for feature in &rules.features {
        let facts = Facts { lists: &lists, now_us: 0, ..Facts::of(event, (23, 7)) };
        let _ = feature.condition.as_ref().and_then(|condition| condition.holds(&facts));
    }
    let facts = Facts { features: &readings, lists: &lists, now_us: 0, ..Facts::of(event, (0, 1)) };
    let mut order: Vec<usize> = (0..rules.tables.len()).collect();
    order.sort_by_key(|&at| rules.tables[at].tables.len());
    let mut rows = vec![None; rules.tables.len()];
    for at in order {
        rows[at] = rules.tables[at].row(&Facts { tables: &rows, ..facts });
    }
    let facts = Facts { tables: &rows, ..facts };
    let all: Vec<Option<bool>> = rules.rules.iter().map(|rule| rule.when.holds(&facts)).collect();
    let again: Vec<Option<bool>> = rules.rules.iter().map(|rule| rule.when.holds(&facts)).collect();
    assert_eq!(all, again, "another truth the second time");
    all.first().copied().flatten()
}

/// An event with nothing in it, one with everything at its least, one with everything at its most.
fn hostile(schema: &Arc<Schema>) -> Vec<Event> {
    let mut draft = Draft::new(Arc::clone(schema));
    draft.begin(Kind::Clock, 0).unwrap();
    draft.text(TextField::Id, "x").unwrap();
    let mut events = vec![draft.seal().unwrap().clone()];
    for (kind, time_us, minor, whole, decimal, text) in [
        (Kind::Transaction, 0, 0, i64::MIN, -f64::MAX, "a"),
        (Kind::Observed, TIME_US_MAX, AMOUNT_MINOR_MAX, i64::MAX, 5e-324, "đ%_'\\"),
    ] {
        draft.begin(kind, time_us).unwrap();
        draft.received_us(TIME_US_MAX - time_us).unwrap();
        draft.amount(minor, Currency::VND).unwrap();
        draft.same_owner(minor == 0);
        draft.level(whole);
        draft.location(-90.0, 180.0).unwrap();
        for &field in TextField::ALL {
            let free = draft.text(field, text).is_ok();
            if !free {
                let _ = draft.text(field, "fido");
            }
        }
        draft.text(TextField::Id, if minor == 0 { "least" } else { "the most" }).unwrap();
        for (name, ty) in schema.fields() {
            let value = match ty {
                ExtraType::Text | ExtraType::Identifier => ExtraValue::Text(text),
                ExtraType::Decimal => ExtraValue::Decimal(decimal),
                ExtraType::Boolean => ExtraValue::Boolean(minor == 0),
                ExtraType::Time => ExtraValue::Whole(time_us),
                ExtraType::Integer | ExtraType::Money | ExtraType::Duration => ExtraValue::Whole(whole),
            };
            draft.extra(name, value).unwrap();
        }
        events.push(draft.seal().unwrap().clone());
    }
    events
}
