//! Decision tables: what their rows mean, what is told of wrong ones, and features that carry their values.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails stops")]

use std::sync::Arc;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use weir::decision::{Outcome, Value};
use weir::engine::{Answer, Engine, Limits, Recording};
use weir::event::{Draft, Event, Kind, TextField};
use weir::money::Currency;
use weir::rules::{Kinds, Reset, RuleSet, Severity, Stratum, Values, compile};

const HEAD: &str = "[ruleset]\nname = \"t\"\ncurrency = \"VND\"\n";
const RULE: &str = "[[rule]]\nid = \"r\"\nwhen = \"class = 'B'\"\nthen = \"block\"\n";

fn rules(text: &str) -> RuleSet {
    compile("t.toml", text).into_result().unwrap_or_else(|e| panic!("{e}\n{text}"))
}

fn payment(n: usize, time_us: i64, amount: i64, account: &str, channel: Option<&str>) -> Event {
    let mut draft = Draft::new(Arc::default());
    draft.begin(Kind::Transaction, time_us).unwrap();
    draft.text(TextField::Id, &format!("t{n}")).unwrap();
    draft.text(TextField::Account, account).unwrap();
    draft.amount(amount, Currency::VND).unwrap();
    if let Some(channel) = channel {
        draft.text(TextField::Channel, channel).unwrap();
    }
    draft.seal().unwrap().clone()
}

/// What a row's condition is: true, false, or unknown, told by the channel of the event.
const CONDITIONS: [(&str, [Option<bool>; 3]); 5] = [
    ("channel = 'x'", [Some(true), Some(false), None]),
    ("channel = 'y'", [Some(false), Some(true), None]),
    ("channel <> 'x'", [Some(false), Some(true), None]),
    ("amount > 0", [Some(true), Some(true), Some(true)]),
    ("amount < 0", [Some(false), Some(false), Some(false)]),
];

/// The promise, read row by row.
fn twin(
    rows: &[usize],
    channel: usize,
    mode: &str,
    order: &[&str],
    values: &[&str],
    other: &str,
) -> Option<String> {
    let mut possible = Vec::new();
    for (row, value) in rows.iter().zip(values) {
        match CONDITIONS[*row].1[channel] {
            Some(true) => {
                possible.push(*value);
                return strictest(&possible, order);
            }
            Some(false) => {}
            None if mode == "unknown" => return None,
            None if mode == "strictest" => possible.push(*value),
            None => {}
        }
    }
    possible.push(other);
    strictest(&possible, order)
}

fn strictest(possible: &[&str], order: &[&str]) -> Option<String> {
    possible
        .iter()
        .max_by_key(|value| order.iter().position(|o| o == *value))
        .map(|value| (*value).to_owned())
}

#[test]
fn rows_mean_what_the_file_says() {
    let mut unknown = 0;
    for seed in 0..400 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mode = ["next", "unknown", "strictest"][rng.random_range(0..3)];
        let rows: Vec<usize> =
            (0..rng.random_range(1..5)).map(|_| rng.random_range(0..CONDITIONS.len())).collect();
        let value = |rng: &mut ChaCha8Rng| ["A", "B", "C"][rng.random_range(0..3)];
        let values: Vec<&str> = rows.iter().map(|_| value(&mut rng)).collect();
        let other = value(&mut rng);
        let order: Vec<&str> =
            ["C", "A", "B"].into_iter().filter(|word| values.contains(word) || *word == other).collect();
        let mut text = format!("{HEAD}[tables.class]\non_unknown = \"{mode}\"\nelse = \"{other}\"\n");
        if mode == "strictest" {
            text += &format!("order = {order:?}\n");
        }
        text += "rows = [\n";
        for (row, value) in rows.iter().zip(&values) {
            text += &format!("  {{ when = \"{}\", is = \"{value}\" }},\n", CONDITIONS[*row].0);
        }
        text += "]\n";
        for word in ["A", "B", "C"] {
            text += &format!("[[rule]]\nid = \"is_{word}\"\nwhen = \"class = '{word}'\"\nscore = 1\n");
        }
        let rules = rules(&text);
        let mut engine = Engine::new(rules, Limits::default(), Recording::Fired);
        for (channel, name) in [Some("x"), Some("y"), None].into_iter().enumerate() {
            let event = payment(channel, 1, 5, "a", name);
            let Answer::Decided(decision) = engine.step(&event) else { panic!("not decided") };
            let fired: Vec<u16> = decision.fired.clone();
            let expected = twin(&rows, channel, mode, &order, &values, other);
            let at =
                expected.as_ref().map(|word| ["A", "B", "C"].iter().position(|w| w == word).unwrap() as u16);
            assert_eq!(fired, at.into_iter().collect::<Vec<_>>(), "{text}\nchannel {name:?}");
            unknown += usize::from(expected.is_none());
        }
    }
    assert!(unknown > 20, "{unknown}");
}

#[test]
fn tables_have_types_and_read_each_other() {
    let text = format!(
        "{HEAD}[params]\nbig = {{ value = 50, unit = \"VND\" }}\n[features]\ntotal = {{ sum = \"amount\", by = \"account\", over = \"1d\" }}\n\
        [tables]\nclass = {{ rows = [{{ when = \"limit_of > 60 and risky\", is = \"B\" }}], else = \"A\", on_unknown = \"next\" }}\n\
        limit_of = {{ unit = \"VND\", rows = [{{ when = \"total > big\", is = 100 }}], else = 10, on_unknown = \"next\" }}\n\
        risky = {{ rows = [{{ when = \"amount > 5\", is = true }}], else = false, on_unknown = \"next\" }}\n\
        factor = {{ rows = [{{ when = \"risky\", is = 1.5 }}], else = 1.0, on_unknown = \"next\" }}\n\
        [[rule]]\nid = \"r\"\nwhen = \"class = 'B' and factor > 1.2\"\nthen = \"block\"\n"
    );
    let rules = rules(&text);
    let names: Vec<&str> = rules.tables.iter().map(|table| table.name.as_str()).collect();
    assert_eq!(names, ["class", "factor", "limit_of", "risky"]);
    assert_eq!(rules.tables[2].values, Values::Whole([100, 10].into()));
    assert_eq!(rules.rules[0].tables, [0, 1, 2, 3], "through tables");
    assert_eq!(rules.rules[0].reads, [0], "the total, through class and limit_of");
    let mut engine = Engine::new(rules, Limits::default(), Recording::Fired);
    let outcomes: Vec<Outcome> = [30, 30, 4, 30]
        .into_iter()
        .enumerate()
        .map(|(n, amount)| match engine.step(&payment(n, n as i64, amount, "a", None)) {
            Answer::Decided(decision) => decision.outcome,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(outcomes, [Outcome::Allow, Outcome::Block, Outcome::Allow, Outcome::Block]);
    let event = payment(9, 9, 30, "a", None);
    let Answer::Decided(decision) = engine.step(&event) else { panic!("not decided") };
    assert_eq!(decision.tables, [(0, Some(0)), (1, Some(0)), (2, Some(0)), (3, Some(0))], "recorded");
    assert_eq!(decision.features.len(), 1);
}

#[test]
fn wrong_tables_are_told() {
    let table = |text: &str| format!("{HEAD}{text}\n{RULE}");
    let row = "rows = [{ when = \"amount > 5\", is = \"B\" }]";
    let cases = [
        (
            table(&format!("[tables.class]\n{row}\non_unknown = \"next\"")),
            Severity::Error,
            "has no value where none",
            "class",
        ),
        (
            table(&format!("[tables.class]\n{row}\nelse = \"A\"")),
            Severity::Error,
            "`on_unknown` is missing",
            "[tables.class]",
        ),
        (
            table(&format!("[tables.class]\n{row}\nelse = 5\non_unknown = \"next\"")),
            Severity::Error,
            "are of one type",
            "5",
        ),
        (
            table(&format!("[tables.class]\n{row}\nelse = \"A\"\non_unknown = \"strictest\"")),
            Severity::Error,
            "the strictest is not said",
            "\"strictest\"",
        ),
        (
            table(&format!(
                "[tables.class]\n{row}\nelse = \"A\"\non_unknown = \"strictest\"\norder = [\"A\"]"
            )),
            Severity::Error,
            "`order` does not have this value",
            "\"B\"",
        ),
        (
            table(&format!(
                "[tables.class]\n{row}\nelse = \"A\"\non_unknown = \"strictest\"\norder = [\"A\", \"B\", \"C\"]"
            )),
            Severity::Error,
            "never has this value",
            "\"C\"",
        ),
        (
            table(&format!(
                "[tables.class]\n{row}\nelse = \"A\"\non_unknown = \"next\"\norder = [\"A\", \"B\"]"
            )),
            Severity::Error,
            "`order` goes with",
            "[\"A\", \"B\"]",
        ),
        (
            table("[tables.class]\nrows = []\nelse = \"A\"\non_unknown = \"next\""),
            Severity::Error,
            "1 to 1000 rows",
            "[]",
        ),
        (
            table(
                "[tables.class]\nrows = [{ wen = \"amount > 5\", is = \"B\" }]\nelse = \"A\"\non_unknown = \"next\"",
            ),
            Severity::Error,
            "unknown key `wen` in a row",
            "wen",
        ),
        (
            table(
                "[tables.class]\nrows = [{ when = \"amuont > 5\", is = \"B\" }]\nelse = \"A\"\non_unknown = \"next\"",
            ),
            Severity::Error,
            "unknown name `amuont`",
            "amuont",
        ),
        (
            table(
                "[tables.class]\nrows = [{ when = \"class = 'A'\", is = \"B\" }]\nelse = \"A\"\non_unknown = \"next\"",
            ),
            Severity::Error,
            "cycle: table `class` reads itself",
            "class",
        ),
        (
            table(&format!(
                "[tables.class]\n{row}\nelse = \"A\"\non_unknown = \"next\"\n[tables.spare]\n{row}\nelse = \"A\"\non_unknown = \"next\""
            )),
            Severity::Warning,
            "table `spare` is never used",
            "spare",
        ),
        (
            table(
                "[tables.class]\nrows = [{ when = \"true\", is = \"B\" }, { when = \"amount > 5\", is = \"A\" }]\non_unknown = \"next\"",
            ),
            Severity::Warning,
            "row 1 of table `class` always holds",
            "{ when = \"amount > 5\", is = \"A\" }",
        ),
        (
            table(&format!(
                "[tables.class]\n{row}\nelse = \"A\"\non_unknown = \"next\"\n[features]\nf = {{ count = \"*\", by = \"account\", over = \"1d\", where = \"class = 'A'\", current = true }}"
            )),
            Severity::Error,
            "fed after deciding",
            "true",
        ),
        (
            table(
                "[tables.class]\nunit = \"USD\"\nrows = [{ when = \"amount > 5\", is = 5 }]\nelse = 6\non_unknown = \"next\"",
            ),
            Severity::Error,
            "this is in USD",
            "\"USD\"",
        ),
        (
            table(
                "[tables.class]\nrows = [{ when = \"amount > 5\", is = 5 }]\nelse = 6\non_unknown = \"next\"",
            ),
            Severity::Error,
            "cannot compare an integer with text",
            "'B'",
        ),
    ];
    for (file, severity, message, underlined) in cases {
        let checked = compile("t.toml", &file);
        let told: Vec<(String, &str)> = checked
            .problems
            .iter()
            .filter(|problem| problem.severity == severity)
            .map(|problem| (problem.message.clone(), &file[problem.span.clone()]))
            .collect();
        let found = told.iter().any(|(told, place)| told.contains(message) && *place == underlined);
        assert!(found, "expected `{message}` under `{underlined}`, told {told:?}\n{file}");
    }
}

#[test]
fn a_feature_may_carry_what_was_decided() {
    let text = format!(
        "{HEAD}[features]\nspent = {{ sum = \"amount\", by = \"account\", over = \"1h\" }}\n\
        small = {{ sum = \"amount\", by = \"account\", over = \"10m\", where = \"class in ('A', 'B')\" }}\n\
        first_c = {{ is_new = true, by = \"account\", over = \"1h\", counts = \"asked\", where = \"class = 'C'\" }}\n\
        [tables.class]\nrows = [{{ when = \"amount + small > 120\", is = \"C\" }}, {{ when = \"spent > 100\", is = \"B\" }}]\n\
        else = \"A\"\non_unknown = \"next\"\n\
        [[rule]]\nid = \"r\"\nwhen = \"class = 'C' and first_c\"\nthen = \"step_up\"\n"
    );
    let rules = rules(&text);
    let minute_us = 60_000_000;
    for seed in 0..40 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut engine = Engine::new(rules.clone(), Limits::default(), Recording::All);
        let (mut past, mut now_us): (Vec<(i64, String, i64, u16)>, i64) = (Vec::new(), 100 * minute_us);
        for n in 0..500 {
            // Some on the edge of a window, some late.
            let time_us = match rng.random_range(0..10) {
                0 => now_us - rng.random_range(0..20) * minute_us,
                1 => now_us + 10 * minute_us,
                _ => now_us + rng.random_range(0..3) * minute_us,
            };
            now_us = now_us.max(time_us);
            let account = format!("a{}", rng.random_range(0..3));
            let amount = rng.random_range(1..60);
            let event = payment(n, time_us, amount, &account, None);
            let Answer::Decided(decision) = engine.step(&event) else { panic!("not decided") };
            let carried = |length_us: i64, classes: &[u16]| -> Vec<i64> {
                let within = |time_us: i64| time_us > now_us - length_us && time_us <= now_us;
                let of = |(time_us, of, _, class): &&(i64, String, i64, u16)| {
                    within(*time_us) && *of == account && classes.contains(class)
                };
                past.iter().filter(of).map(|(_, _, amount, _)| *amount).collect()
            };
            // Features stand in the order of their names: first_c, small, spent. Rows: C, B, else A.
            let first = Value::Boolean(carried(60 * minute_us, &[0]).is_empty());
            assert_eq!(decision.features[0].1.value, first, "event {n} of seed {seed}");
            let small: i64 = carried(10 * minute_us, &[1, 2]).iter().sum();
            assert_eq!(decision.features[1].1.value, Value::Whole(small), "event {n} of seed {seed}");
            let (_, row) = decision.tables[0];
            past.push((time_us, account.clone(), amount, row.unwrap()));
        }
        let classes = |class| past.iter().filter(|(.., held)| *held == class).count();
        assert!((0..3).all(|class| classes(class) > 5), "{} {} {}", classes(0), classes(1), classes(2));
    }
}

#[test]
fn a_table_empties_a_feature_after_deciding() {
    let text = format!(
        "{HEAD}[features]\nsince_b = {{ count = \"*\", by = \"account\", over = \"1h\" }}\n\
         given = {{ count = \"*\", by = \"account\", over = \"1h\", where = \"class = 'B'\" }}\n\
         [tables.class]\nrows = [{{ when = \"amount > 10 and since_b > 2\", is = \"B\" }}]\nelse = \"A\"\non_unknown = \"next\"\n{RULE}"
    );
    let mut rules = rules(&text);
    let given = rules.features.iter().find(|feature| feature.name == "given").unwrap().clone();
    let emptied = rules.features.iter_mut().find(|feature| feature.name == "since_b").unwrap();
    let (condition, tables) = (given.condition, given.tables);
    emptied.reset =
        Some(Reset { from: Kinds::TRANSACTIONS, on_execution: false, condition, tables, lists: Vec::new() });
    assert_eq!(emptied.stratum(), Stratum::DecisionFed);
    let at = rules.features.iter().position(|feature| feature.name == "since_b").unwrap();
    let mut engine = Engine::new(rules, Limits::default(), Recording::All);
    let mut read = |n: usize, amount: i64, account: &str| {
        let decided = matches!(
            engine.step(&payment(n, n as i64, amount, account, None)),
            Answer::Decided(decision) if decision.outcome == Outcome::Allow
        );
        (decided, engine.readings()[at].value)
    };
    assert_eq!(read(1, 50, "a"), (true, Value::Whole(1)));
    assert_eq!(read(2, 50, "a"), (true, Value::Whole(2)));
    assert_eq!(read(3, 5, "a"), (true, Value::Whole(3)), "another row of the table");
    assert_eq!(read(4, 50, "b"), (true, Value::Whole(1)), "another key");
    assert_eq!(read(5, 50, "a"), (false, Value::Whole(4)), "what empties it is still part of it");
    assert_eq!(read(6, 50, "a"), (true, Value::Whole(1)));
    assert_eq!(read(7, 50, "b"), (true, Value::Whole(2)));
}
