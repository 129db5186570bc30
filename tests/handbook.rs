//! An oracle that nobody here wrote: the Fraud Detection Handbook's own window features, row by row.
//!
//! The data is not part of the repository (datasets/README.md says how to get it). The test reads it from
//! `datasets/handbook`, or from the folder that `WEIR_HANDBOOK` names, and says so where it is not there.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "a test fails loudly")]

use std::fs::File;
use std::path::{Path, PathBuf};

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::RowAccessor;
use weir::decision::{Decision, Value};
use weir::engine::{Answer, Engine, Limits, Recording};
use weir::event::Event;
use weir::io::{EventReader, Format, Mapping};
use weir::rules::RuleSet;

const DAYS: [u32; 3] = [1, 7, 30];
const MONTHS: [&str; 2] = ["2018-04", "2018-05"];

/// The book's features of one payment: its id, and a count with a mean or a share over each window.
type Row = (i64, [(i64, f64); 3]);

/// Ten pairs of one customer in one second stand in the other order in the source: at most so many rows differ in
/// all six months.
const KNOWN_TO_DIFFER: usize = 20;

/// The folder of the data, or `None` after saying so.
fn folder() -> Option<PathBuf> {
    let named = std::env::var_os("WEIR_HANDBOOK").map(PathBuf::from);
    let folder = named.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets/handbook"));
    let there = folder.join("features-2018-04.parquet").exists();
    if !there {
        eprintln!(
            "skipped: the handbook's data is not in datasets/handbook, and WEIR_HANDBOOK names no folder that has it"
        );
    }
    there.then_some(folder)
}

fn dataset(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets").join(name)).unwrap()
}

fn rules(name: &str) -> RuleSet {
    weir::rules::compile(name, &dataset(name)).into_result().unwrap()
}

/// Where the features of these names stand, for each window.
fn places(rules: &RuleSet, names: [&str; 2]) -> [[usize; 2]; 3] {
    let place = |name: String| rules.features.iter().position(|feature| feature.name == name).unwrap();
    DAYS.map(|days| names.map(|name| place(format!("{name}_{days}d"))))
}

/// The book's columns, for each window, of one month; names with `{}` in place of the days.
fn book(folder: &Path, month: &str, columns: [&str; 2]) -> Vec<Row> {
    let file = File::open(folder.join(format!("features-{month}.parquet"))).unwrap();
    let reader = SerializedFileReader::new(file).unwrap();
    let schema = reader.metadata().file_metadata().schema();
    let at = |name: &str| schema.get_fields().iter().position(|field| field.name() == name).unwrap();
    let id = at("TRANSACTION_ID");
    let columns = DAYS.map(|days| columns.map(|name| at(&name.replace("{}", &days.to_string()))));
    let row = |row: parquet::record::Row| {
        let windows = columns
            .map(|[count, value]| (i64::from(row.get_int(count).unwrap()), row.get_double(value).unwrap()));
        (row.get_long(id).unwrap(), windows)
    };
    reader.get_row_iter(None).unwrap().map(|read| row(read.unwrap())).collect()
}

/// All rows of both months through a mapping, one at a time.
struct Months<'a> {
    folder: &'a Path,
    format: Format,
    rules: &'a RuleSet,
    month: usize,
    reader: EventReader,
    /// The next event, if it is read already.
    next: Option<Event>,
}

impl<'a> Months<'a> {
    fn new(folder: &'a Path, mapping: &str, rules: &'a RuleSet) -> Self {
        let format = Format::Csv(Box::new(Mapping::parse(&dataset(mapping)).unwrap()));
        let reader = Self::open(folder, &format, rules, 0);
        let mut months = Self { folder, format, rules, month: 0, reader, next: None };
        months.next = months.read();
        months
    }

    fn open(folder: &Path, format: &Format, rules: &RuleSet, month: usize) -> EventReader {
        let path = folder.join(format!("{}.csv.gz", MONTHS[month]));
        EventReader::open(&path, format, rules.schema.clone()).unwrap()
    }

    fn read(&mut self) -> Option<Event> {
        loop {
            if let Some(read) = self.reader.next_event() {
                return Some(read.unwrap().1.clone());
            }
            if self.month + 1 == MONTHS.len() {
                return None;
            }
            self.month += 1;
            self.reader = Self::open(self.folder, &self.format, self.rules, self.month);
        }
    }

    fn take(&mut self) -> Option<Event> {
        let read = self.read();
        std::mem::replace(&mut self.next, read)
    }

    fn next_us(&self) -> Option<i64> {
        self.next.as_ref().map(Event::time_us)
    }
}

/// Compares decisions with the book's rows, in order.
struct Comparison {
    expected: std::vec::IntoIter<Row>,
    rows: usize,
    differ: Vec<i64>,
}

impl Comparison {
    fn new(folder: &Path, columns: [&str; 2]) -> Self {
        let rows: Vec<Row> = MONTHS.iter().flat_map(|month| book(folder, month, columns)).collect();
        Self { expected: rows.into_iter(), rows: 0, differ: Vec::new() }
    }

    fn compare(
        &mut self,
        event: &Event,
        answer: Answer<'_>,
        same: impl Fn(&Decision, &[(i64, f64); 3]) -> bool,
    ) {
        let (id, windows) = self.expected.next().unwrap();
        assert_eq!(event.id(), id.to_string(), "the two files are not in the same order");
        let Answer::Decided(decision) = answer else { panic!("no decision for {id}") };
        self.rows += 1;
        if !same(decision, &windows) {
            self.differ.push(id);
        }
    }

    fn done(mut self, what: &str, known_to_differ: usize) {
        assert_eq!(self.expected.next(), None, "the book has more rows");
        let Self { rows, differ, .. } = self;
        eprintln!("handbook, {what}: {rows} rows compared, {} differ: {differ:?}", differ.len());
        assert!(rows > 500_000 && differ.len() <= known_to_differ);
    }
}

#[test]
fn the_books_customer_features_come_out_row_by_row() {
    let Some(folder) = folder() else { return };
    let rules = rules("handbook.rules.toml");
    let places = places(&rules, ["customer_count", "customer_mean"]);
    let mut payments = Months::new(&folder, "handbook.mapping.toml", &rules);
    let mut engine = Engine::new(rules.clone(), Limits::default(), Recording::All);
    let columns = ["CUSTOMER_ID_NB_TX_{}DAY_WINDOW", "CUSTOMER_ID_AVG_AMOUNT_{}DAY_WINDOW"];
    let mut comparison = Comparison::new(&folder, columns);
    while let Some(event) = payments.take() {
        comparison.compare(&event, engine.step(&event), |decision, windows| {
            windows.iter().zip(places).all(|(&(count, mean), at)| {
                let [Value::Whole(our_count), Value::Decimal(our_mean_cents)] =
                    at.map(|at| decision.features[at].1.value)
                else {
                    return false;
                };
                // The book's amounts carry float noise, far below a thousandth of a cent.
                our_count == count && (our_mean_cents - mean * 100.0).abs() < 1e-5
            })
        });
    }
    comparison.done("customers", KNOWN_TO_DIFFER);
}

#[test]
fn the_books_terminal_features_come_out_row_by_row_from_labels_that_come_six_days_late() {
    let Some(folder) = folder() else { return };
    let rules = rules("handbook.terminals.rules.toml");
    let places = places(&rules, ["terminal_count", "terminal_risk"]);
    let mut payments = Months::new(&folder, "handbook.mapping.toml", &rules);
    let mut labels = Months::new(&folder, "handbook.labels.mapping.toml", &rules);
    let mut engine = Engine::new(rules.clone(), Limits::default(), Recording::All);
    let columns = ["TERMINAL_ID_NB_TX_{}DAY_WINDOW", "TERMINAL_ID_RISK_{}DAY_WINDOW"];
    let mut comparison = Comparison::new(&folder, columns);
    let mut labelled = 0_usize;
    while let Some(event) = payments.take() {
        while labels.next_us().is_some_and(|at_us| at_us <= event.time_us()) {
            let label = labels.take().unwrap();
            assert_eq!(engine.step(&label), Answer::Taken, "{}", label.id());
            labelled += 1;
        }
        comparison.compare(&event, engine.step(&event), |decision, windows| {
            windows.iter().zip(places).all(|(&(count, risk), at)| {
                match at.map(|at| decision.features[at].1.value) {
                    [Value::Whole(our_count), Value::Decimal(our_risk)] => {
                        our_count == count && count > 0 && (our_risk - risk).abs() < 1e-12
                    }
                    // The book says 0 where there is nothing to take a share of.
                    [Value::Whole(0), Value::Null] => count == 0 && risk == 0.0,
                    _ => false,
                }
            })
        });
    }
    assert!(labelled > 500_000, "only {labelled} labels came in time");
    comparison.done("terminals", 0);
}
