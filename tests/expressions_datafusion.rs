//! The expression language against a reference: DataFusion evaluates the same expressions on the same rows.
//!
//! Printed as `weir sql` prints them, all agree, null for null. The analyst's own text, as it stands in the rule
//! file, agrees too but for these:
//!
//! | in a condition | the same text in DataFusion | why it is so here |
//! | --- | --- | --- |
//! | whole `/` whole is a decimal number | is cut off to a whole one | `1 / 2 > 0` should not be false |
//! | a whole result beyond 64 bits is null | wraps around | a sum that turns negative is no sum |
//! | by zero, `/` and `%` are null | an error, or an infinite number | one payment must not stop a stream |
//! | a decimal result that is not finite is null | stays, and is compared | nothing is larger than every amount |
//! | `in` with an unknown item, none equal, is unknown | false, where an item is computed | SQL says unknown |
//! | there is one zero | `-0.0 < 0.0`, as by IEEE 754's total order | an amount has no second zero |
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "a test fails loudly"
)]

#[path = "support/datafusion.rs"]
mod engine;
#[path = "rules_reference/expr.rs"]
mod expr;
#[path = "rules_reference/generate.rs"]
mod generate;
#[path = "support/query.rs"]
mod support;

use std::sync::Arc;

use engine::Session;
use expr::{Fields, Value};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use support::Cell;
use weir::event::{Draft, Event, ExtraValue, Kind, TextField};
use weir::money::Currency;
use weir::rules::query::{Dialect, Unsupported, query};
use weir::rules::{Facts, RuleSet, compile};

const HEAD: &str = "[ruleset]\nname = \"t\"\ntime_zone = \"Europe/Berlin\"\ncurrency = \"VND\"\n[fields]\nx = \"integer\"\n\
    y = \"integer\"\nd = \"decimal\"\ne = \"decimal\"\nf = \"boolean\"\ng = \"boolean\"\ns = \"text\"\nt = \"text\"\n\
    m = \"money\"\nspan = \"duration\"\nwhen_opened = \"time\"\n\
    [params]\nbig = { value = 1000, unit = \"VND\" }\nhalf = 0.5\nfew = 3\nfresh = \"24h\"\nword = \"fido\"\n";

/// What generated expressions do not say.
const WRITTEN: &[&str] = &[
    "s ilike 'A%' or t ilike '%Đ%'",
    "s like 'b!%' escape '!' or s like '!_%' escape '!'",
    "s like '%\\%'",
    "s not like '' and t like '%'",
    "'fido' = any(methods) or 's' = any(login_methods)",
    "s = any(methods)",
    "coalesce(s, 'sms_otp,fido') = any(methods)",
    "word = any(methods) is unknown",
    "methods is null and login_methods is not null",
    "amount > big * half",
    "amount * 2 - m between -big and 1_000.00",
    "m * x > big or m / x < 12.5",
    "m % 7 = 3 or -m > 10 or abs(m) < 5",
    "m / amount > 0.25 or m / m = 1",
    "span * few > fresh or span / fresh > 1.5 or span % interval '1 hour' = interval '30 minutes'",
    "time - when_opened > interval '30 days' or when_opened + span > time",
    "time > timestamp '2026-03-29T01:00:00+00:00' and received is null",
    "hour >= 22 or hour < few",
    "weekday in (6, 7) or extract(isodow from time) = extract(hour from time)",
    "kind = 'transaction' and currency = 'VND'",
    "same_owner is not false and latitude > 10.5 and longitude < 106.7",
    "case channel when 'web' then m when null then amount else -big end > 0",
    "coalesce(m, amount, big) = greatest(m, null, amount)",
    "nullif(amount, m) is null or nullif(d, 0.0) > e",
    "x between 1 and null or x not in (1, 2, null)",
    "level is null",
    "(d / e) / (e / d) > 0.5",
    "coalesce(1 / d, 1 / e, 0.5) >= least(d * d, e * e, 1.0)",
    "1 / (d - e) between -2 and 1e3",
    "d * 1e30 > e or -d = e or abs(d) = 0.0",
    "(case when f then 2000000000 else 3 end) * 2000000000 > x",
    "x % -1 = 0 and y % x = 0",
    "abs(x) > 0 and -y > 0",
    "few * 2000000000 > 1 and x + 1 > y - 1",
    "s < t and t >= 'Đ' and s in ('a', t, 'b%')",
];

/// A row that a condition can meet, drawn and with edges.
fn fill(draft: &mut Draft, fields: &Fields, at: usize) {
    let cycle = |values: &[i64]| values[at % values.len()];
    let time_us = 1_774_742_400_000_000 + at as i64 * 3_571_000_007;
    draft.begin(Kind::Transaction, time_us).unwrap();
    draft.text(TextField::Id, &format!("t{at}")).unwrap();
    draft.amount(cycle(&[0, 1, 999, 1_000, 1_001, 1_000_000_000_000_000]), Currency::VND).unwrap();
    for (field, texts) in [
        (TextField::Methods, &["", "fido", "sms_otp,fido", "a", "fido_2,ab"][..]),
        (TextField::LoginMethods, &["", "s", "sms_otp,s", "ss"]),
        (TextField::Channel, &["web", "", "mobile"]),
    ] {
        let text = texts[at % texts.len()];
        if !text.is_empty() {
            draft.text(field, text).unwrap();
        }
    }
    if !at.is_multiple_of(3) {
        draft.same_owner(at % 3 == 1);
        draft.location(cycle(&[10, 11, 0, -90]) as f64, 106.7).unwrap();
    }
    for name in ["x", "y", "d", "e", "f", "g", "s", "t"] {
        match fields.get(name) {
            Value::Null => {}
            Value::Whole(value) => draft.extra(name, ExtraValue::Whole(value)).unwrap(),
            Value::Decimal(value) => draft.extra(name, ExtraValue::Decimal(value)).unwrap(),
            Value::Text(text) => draft.extra(name, ExtraValue::Text(&text)).unwrap(),
            Value::Boolean(value) => draft.extra(name, ExtraValue::Boolean(value)).unwrap(),
        }
    }
    for (every, name, value) in [
        (4, "m", cycle(&[0, 1, -1, 7, 500, -1_000, i64::MAX, i64::MIN])),
        (5, "span", cycle(&[0, 1, 3_600_000_000, 86_400_000_000, -1_800_000_000, i64::MAX])),
        (6, "when_opened", cycle(&[0, time_us, time_us - 40 * 86_400_000_000])),
    ] {
        if !at.is_multiple_of(every) {
            draft.extra(name, ExtraValue::Whole(value)).unwrap();
        }
    }
}

fn rows(runner: &mut TestRunner, count: usize) -> Vec<Fields> {
    (0..count).map(|_| generate::fields().new_tree(runner).unwrap().current()).collect()
}

/// Conditions without end; making the strategy takes longer than drawing from it.
fn generated(runner: &mut TestRunner) -> impl Iterator<Item = String> + '_ {
    let strategy = generate::boolean(4);
    let draw = move || strategy.new_tree(runner).unwrap().current().to_string();
    std::iter::repeat_with(draw).filter(|condition| condition.len() < 3_000)
}

/// Each condition as a rule that is silent where it is unknown, and as one that fires there.
fn file(conditions: &[String]) -> String {
    let mut text = HEAD.to_owned();
    for (at, condition) in conditions.iter().enumerate() {
        for on_unknown in ["silent", "fires"] {
            text += &format!(
                "[[rule]]\nid = \"{on_unknown}{at}\"\nthen = \"alert\"\non_unknown = \"{on_unknown}\"\nwhen = '''{condition}'''\n"
            );
        }
    }
    text
}

fn for_each_event(set: &RuleSet, rows: &[Fields], mut see: impl FnMut(usize, &Event, Facts<'_>)) {
    let mut draft = Draft::new(Arc::clone(&set.schema));
    let mut calendar = set.calendar.clone();
    for (at, fields) in rows.iter().enumerate() {
        fill(&mut draft, fields, at);
        let event = draft.seal().unwrap();
        see(at, event, Facts::of(event, calendar.hour_and_weekday(event.time_us())));
    }
}

fn table(set: &RuleSet, rows: &[Fields], columns: &[(String, String)]) -> Vec<Vec<Cell>> {
    let mut table = Vec::new();
    for_each_event(set, rows, |at, event, _| {
        table.push(columns.iter().map(|(name, _)| support::cell(event, name, at as i64)).collect());
    });
    table
}

/// What each condition is on each row, as the engine has it.
fn truths(set: &RuleSet, rows: &[Fields]) -> Vec<Vec<Option<bool>>> {
    let mut all = Vec::new();
    for_each_event(set, rows, |_, _, facts| {
        all.push(set.rules.iter().step_by(2).map(|rule| rule.when.holds(&facts)).collect());
    });
    all
}

/// Compares what `weir sql` prints; gives how many pairs were compared.
fn printed_agrees(conditions: &[String], rows: &[Fields]) -> usize {
    let file = file(conditions);
    let set = compile("t.toml", &file).into_result().unwrap_or_else(|refused| panic!("{refused}"));
    let sql = query("t.toml", &file, Dialect::DataFusion, Unsupported::Refuse).unwrap().text;
    let columns = support::columns(&sql);
    let session = Session::new(&columns, &table(&set, rows, &columns));
    let names: Vec<String> = set.rules.iter().map(|rule| format!("rule_{}", rule.id)).collect();
    let answer = session.run(&sql, Some(&names)).unwrap_or_else(|error| panic!("{error}\n{sql}"));
    let expected = truths(&set, rows);
    assert_eq!(answer.len(), expected.len());
    for ((found, expected), fields) in answer.iter().zip(&expected).zip(rows) {
        for ((pair, expected), condition) in found.chunks(2).zip(expected).zip(conditions) {
            let found = match pair {
                [Cell::Boolean(false), Cell::Boolean(true)] => None,
                [Cell::Boolean(a), Cell::Boolean(b)] if a == b => Some(*a),
                other => panic!("{other:?}"),
            };
            assert_eq!(found, *expected, "{condition}\nwith {fields:?}");
        }
    }
    rows.len() * conditions.len()
}

#[test]
fn printed_conditions_are_what_the_engine_says() {
    let mut runner = TestRunner::deterministic();
    let rows = rows(&mut runner, 60);
    let written: Vec<String> = WRITTEN.iter().map(|&condition| condition.to_owned()).collect();
    let mut pairs = printed_agrees(&written, &rows);
    let conditions: Vec<String> = generated(&mut runner).take(240).collect();
    for conditions in conditions.chunks(20) {
        pairs += printed_agrees(conditions, &rows);
    }
    eprintln!("{pairs} pairs of a printed condition and a row agree");
    assert!(pairs > 10_000);
}

/// Whether a text divides, has numbers that overflow, or items that may be unknown; the head of this file says what becomes of those.
fn differs_by_design(condition: &str) -> bool {
    ["/", " % ", " in (", "92233720368547758", "9007199254740993"].iter().any(|part| condition.contains(part))
}

#[test]
fn the_analysts_own_text_means_the_same() {
    let mut runner = TestRunner::deterministic();
    let mild = |fields: Fields| Fields {
        x: fields.x.map(|x| x % 100),
        y: fields.y.map(|y| y % 100),
        d: fields.d.filter(|d| d.abs() < 1e6 && !(*d == 0.0 && d.is_sign_negative())),
        e: fields.e.filter(|e| e.abs() < 1e6 && !(*e == 0.0 && e.is_sign_negative())),
        ..fields
    };
    let rows: Vec<Fields> = rows(&mut runner, 60).into_iter().map(mild).collect();
    let columns =
        ["x:BIGINT", "y:BIGINT", "d:DOUBLE", "e:DOUBLE", "f:BOOLEAN", "g:BOOLEAN", "s:VARCHAR", "t:VARCHAR"];
    let columns: Vec<(String, String)> =
        columns.iter().filter_map(|c| c.split_once(':')).map(|(n, t)| (n.to_owned(), t.to_owned())).collect();
    let (mut pairs, mut left_out) = (0, 0);
    let mut session = None;
    for condition in generated(&mut runner).take(800) {
        if differs_by_design(&condition) {
            left_out += 1;
            continue;
        }
        let set = compile("t.toml", &file(std::slice::from_ref(&condition))).into_result().unwrap();
        let session = session.get_or_insert_with(|| Session::new(&columns, &table(&set, &rows, &columns)));
        let answer = session.run(&format!("SELECT ({condition}) FROM events"), None);
        let answer = answer.unwrap_or_else(|error| panic!("{error}\n{condition}"));
        for ((found, expected), fields) in answer.iter().zip(truths(&set, &rows)).zip(&rows) {
            let expected = expected[0].map_or(Cell::Null, Cell::Boolean);
            assert_eq!(found[0], expected, "{condition}\nwith {fields:?}");
            pairs += 1;
        }
    }
    eprintln!(
        "{pairs} pairs of a text and a row agree; {left_out} texts mean something else there by design"
    );
    assert!(pairs > 10_000);
}
