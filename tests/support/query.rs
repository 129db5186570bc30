//! What a query must answer, and the table that it is asked over: the engine's own answers on the same events.

use std::fmt::Write;
use std::path::Path;

use weir::decision::Value;
use weir::engine::{Answer, Engine, Limits, Recording};
use weir::event::{Event, ExtraValue, TextField};
use weir::io::{EventReader, Format};
use weir::rules::RuleSet;
use weir::rules::query::{Dialect, Unsupported, query};

/// A cell of the table of events, or of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    Null,
    Whole(i64),
    Decimal(f64),
    Text(String),
    Boolean(bool),
}

/// A query with what it must answer.
pub struct Case {
    pub sql: String,
    /// The columns of the table of events, with their types.
    pub columns: Vec<(String, String)>,
    pub events: Vec<Vec<Cell>>,
    /// Names of the columns of the answer.
    pub names: Vec<String>,
    pub expected: Vec<Vec<Cell>>,
}

/// The columns that a query's head says it reads.
pub fn columns(sql: &str) -> Vec<(String, String)> {
    let line = |line: &str| {
        let (name, ty) = line.strip_prefix("--     ")?.split_once(' ')?;
        let ty = ty.split(':').next()?.to_owned();
        ["BIGINT", "DOUBLE", "VARCHAR", "BOOLEAN"].contains(&ty.as_str()).then(|| (name.to_owned(), ty))
    };
    let columns: Vec<_> = sql.lines().map_while(|l| l.starts_with("--").then(|| line(l))).flatten().collect();
    assert!(columns.iter().any(|(name, _)| name == "arrival"), "no columns in the head of\n{sql}");
    columns
}

/// A column of an event.
pub fn cell(event: &Event, name: &str, arrival: i64) -> Cell {
    let whole = |value: Option<i64>| value.map_or(Cell::Null, Cell::Whole);
    match name {
        "arrival" => Cell::Whole(arrival),
        "kind" => Cell::Text(event.kind().name().to_owned()),
        "time_us" => Cell::Whole(event.time_us()),
        "received_us" => whole(event.received_us()),
        "amount_minor" => whole(event.amount().map(|money| money.minor)),
        "currency" => event.amount().map_or(Cell::Null, |money| Cell::Text(money.currency.code().to_owned())),
        "same_owner" => event.same_owner().map_or(Cell::Null, Cell::Boolean),
        "latitude" => event.latitude_longitude().map_or(Cell::Null, |(latitude, _)| Cell::Decimal(latitude)),
        "longitude" => {
            event.latitude_longitude().map_or(Cell::Null, |(_, longitude)| Cell::Decimal(longitude))
        }
        "level" => whole(event.level()),
        name => match TextField::from_name(name) {
            Some(field) => event.text(field).map_or(Cell::Null, |text| Cell::Text(text.to_owned())),
            None => {
                let (position, _) = event.schema().find(name).unwrap();
                match event.extra(position) {
                    None => Cell::Null,
                    Some(ExtraValue::Text(text)) => Cell::Text(text.to_owned()),
                    Some(ExtraValue::Whole(value)) => Cell::Whole(value),
                    Some(ExtraValue::Decimal(value)) => Cell::Decimal(value),
                    Some(ExtraValue::Boolean(value)) => Cell::Boolean(value),
                }
            }
        },
    }
}

/// What the engine answers to a stream, laid beside the query that must answer the same.
pub fn case(file: &str, dialect: Dialect, mut events: EventReader, take: impl Fn(&Event) -> bool) -> Case {
    let rules = weir::rules::compile("query.toml", file).into_result().unwrap();
    let sql = query("query.toml", file, dialect, Unsupported::Refuse).unwrap().text;
    let columns = columns(&sql);
    let features = rules.features.iter().map(|feature| feature.name.clone());
    let mut names: Vec<String> = std::iter::once("arrival".to_owned()).chain(features).collect();
    names.extend(rules.rules.iter().map(|rule| format!("rule_{}", rule.id)));
    names.extend(["score".to_owned(), "fired".to_owned()]);
    let mut engine = Engine::new(rules.clone(), Limits::default(), Recording::All);
    let (mut table, mut expected) = (Vec::new(), Vec::new());
    while let Some(next) = events.next_event() {
        let (_, event) = next.unwrap();
        if !take(event) {
            continue;
        }
        let arrival = table.len() as i64;
        table.push(columns.iter().map(|(name, _)| cell(event, name, arrival)).collect());
        match engine.step(event) {
            Answer::Decided(decision) => {
                let mut row = vec![Cell::Whole(arrival)];
                row.extend(decision.features.iter().map(|(_, reading)| match reading.value {
                    Value::Null => Cell::Null,
                    Value::Boolean(value) => Cell::Boolean(value),
                    Value::Whole(value) => Cell::Whole(value),
                    Value::Decimal(value) => Cell::Decimal(value),
                }));
                let fired = |at: usize| decision.fired.contains(&(at as u16));
                row.extend((0..rules.rules.len()).map(|at| Cell::Boolean(fired(at))));
                let ids: Vec<&str> =
                    decision.fired.iter().map(|&at| rules.rules[usize::from(at)].id.as_str()).collect();
                row.extend([Cell::Whole(decision.score), Cell::Text(ids.join(","))]);
                expected.push(row);
            }
            Answer::Taken => {}
            other => panic!("{} is out of the query's scope: {other:?}", event.id()),
        }
    }
    Case { sql, columns, events: table, names, expected }
}

/// A generated stream in the query's scope, with extra fields put in and many events at the same time.
pub fn generated(schema_of: &RuleSet, events: u64) -> EventReader {
    use weir::generate::{FraudShares, Generator, Settings};
    let frauds =
        FraudShares { takeover: 0.02, mule: 0.03, card_testing: 0.02, shared_device: 0.02, splitting: 0.02 };
    let start_us = weir::time::parse_time("2026-03-27T00:00:00+01:00").unwrap();
    let (reversals, late, duplicates) = (0.0, 0.0, 0.0);
    let settings = Settings {
        seed: 7,
        events,
        accounts: (events / 20) as u32,
        days: 6,
        start_us,
        frauds,
        reversals,
        late,
        duplicates,
        ..Settings::default()
    };
    let mut generator = Generator::new(settings).unwrap();
    let (mut lines, mut line, mut number) = (String::new(), Vec::new(), 0u64);
    while let Some(event) = generator.next() {
        line.clear();
        weir::io::write_event(event, &mut line).unwrap();
        let mut event: serde_json::Value = serde_json::from_slice(&line).unwrap();
        number += 1;
        // Two minutes hold many events, so that there are many ties.
        let time_us = event["time_us"].as_i64().unwrap();
        event["time_us"] = (time_us - time_us % 120_000_000).into();
        let mut extra = serde_json::Map::new();
        let mut put = |every: u64, name: &str, value: serde_json::Value| {
            if !number.is_multiple_of(every) {
                extra.insert(name.to_owned(), value);
            }
        };
        let spread = number.wrapping_mul(2_654_435_761) % 1_000_003;
        put(5, "balance", (spread as i64 * 100 - 30_000_000).into());
        put(
            7,
            "points",
            if number % 97 == 3 { i64::MIN.into() } else { (spread as i64 % 2_001 - 1_000).into() },
        );
        put(4, "factor", (spread as f64 / 1_000_003.0).into());
        put(6, "branch", format!("b{}", spread % 23).into());
        put(3, "trusted", (spread % 2 == 0).into());
        put(8, "opened", (time_us - spread as i64 * 2_000_000).into());
        event["extra"] = extra.into();
        writeln!(lines, "{event}").unwrap();
    }
    reader(lines, schema_of)
}

fn reader(lines: String, rules: &RuleSet) -> EventReader {
    EventReader::new(std::io::Cursor::new(lines), &Format::Ndjson, rules.schema.clone()).unwrap()
}

/// The rule file with every form that a query can say.
pub fn every_form() -> String {
    read("tests/data/query.toml")
}

/// A file of the repository.
pub fn read(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// The case of the generated stream.
pub fn generated_case(dialect: Dialect, events: u64) -> Case {
    let file = every_form();
    let rules = weir::rules::compile("query.toml", &file).into_result().unwrap();
    case(&file, dialect, generated(&rules, events), |_| true)
}

/// The case of two months of the Fraud Detection Handbook, of every tenth customer; `None` without the data.
pub fn handbook_case(dialect: Dialect) -> Option<Case> {
    let named = std::env::var_os("WEIR_HANDBOOK").map(std::path::PathBuf::from);
    let folder = named.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets/handbook"));
    let months = ["2018-04", "2018-05"].map(|month| folder.join(format!("{month}.csv.gz")));
    if !months.iter().all(|month| month.exists()) {
        return None;
    }
    let file = read("datasets/handbook.rules.toml");
    let rules = weir::rules::compile("handbook.rules.toml", &file).into_result().unwrap();
    let format = weir::io::Mapping::parse(&read("datasets/handbook.mapping.toml")).unwrap();
    let format = Format::Csv(Box::new(format));
    let mut lines = Vec::new();
    for month in &months {
        let mut events = EventReader::open(month, &format, rules.schema.clone()).unwrap();
        while let Some(next) = events.next_event() {
            let (_, event) = next.unwrap();
            if event.text(TextField::Customer).is_some_and(|customer| customer.ends_with('7')) {
                weir::io::write_event(event, &mut lines).unwrap();
            }
        }
    }
    Some(case(&file, dialect, reader(String::from_utf8(lines).unwrap(), &rules), |_| true))
}

impl Case {
    /// Fails at the first row that differs. Every feature must have varied, and every rule have fired and been silent.
    pub fn check(&self, answer: &[Vec<Cell>]) {
        assert_eq!(answer.len(), self.expected.len(), "rows");
        for (found, expected) in answer.iter().zip(&self.expected) {
            assert_eq!(found.len(), self.names.len(), "columns");
            let arrival = &expected[0];
            for ((name, found), expected) in self.names.iter().zip(found).zip(expected) {
                let told = || format!("{name} at {arrival:?} is {found:?}, the engine says {expected:?}");
                assert!(same(found, expected), "{}", told());
            }
        }
        for (at, name) in self.names.iter().enumerate() {
            let first = &self.expected[0][at];
            assert!(self.expected.iter().any(|row| row[at] != *first), "{name} is always {first:?}");
        }
    }
}

/// Equal to the last bit.
fn same(a: &Cell, b: &Cell) -> bool {
    match (a, b) {
        (Cell::Decimal(a), Cell::Decimal(b)) => a.to_bits() == b.to_bits(),
        (a, b) => a == b,
    }
}
