//! An oracle that nobody here wrote: the Fraud Detection Handbook's own window features, row by row.
//!
//! The data is not part of the repository (datasets/README.md says how to get it). The test reads it from
//! `datasets/handbook`, or from the folder that `WEIR_HANDBOOK` names, and says so where it is not there.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test fails loudly")]

use std::fs::File;
use std::path::{Path, PathBuf};

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::RowAccessor;
use weir::decision::Value;
use weir::engine::{Answer, Engine, Limits, Recording};
use weir::io::{EventReader, Format, Mapping};

/// The book's features of one payment: its id, and count and mean over 1, 7 and 30 days.
type Row = (i64, [(i64, f64); 3]);

/// Ten pairs of one customer in one second stand in the other order in the source: at most so many rows differ in
/// all six months.
const KNOWN_TO_DIFFER: usize = 20;

fn folder() -> Option<PathBuf> {
    let named = std::env::var_os("WEIR_HANDBOOK").map(PathBuf::from);
    let folder = named.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets/handbook"));
    folder.join("features-2018-04.parquet").exists().then_some(folder)
}

fn book(folder: &Path, month: &str) -> Vec<Row> {
    let file = File::open(folder.join(format!("features-{month}.parquet"))).unwrap();
    let reader = SerializedFileReader::new(file).unwrap();
    let schema = reader.metadata().file_metadata().schema();
    let at = |name: &str| schema.get_fields().iter().position(|field| field.name() == name).unwrap();
    let id = at("TRANSACTION_ID");
    let columns = [1, 7, 30].map(|days| {
        (
            at(&format!("CUSTOMER_ID_NB_TX_{days}DAY_WINDOW")),
            at(&format!("CUSTOMER_ID_AVG_AMOUNT_{days}DAY_WINDOW")),
        )
    });
    let row = |row: parquet::record::Row| {
        let windows = columns
            .map(|(count, mean)| (i64::from(row.get_int(count).unwrap()), row.get_double(mean).unwrap()));
        (row.get_long(id).unwrap(), windows)
    };
    reader.get_row_iter(None).unwrap().map(|read| row(read.unwrap())).collect()
}

#[test]
fn the_books_customer_features_come_out_row_by_row() {
    let Some(folder) = folder() else {
        eprintln!(
            "skipped: the handbook's data is not in datasets/handbook, and WEIR_HANDBOOK names no folder that has it"
        );
        return;
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets");
    let read = |name: &str| std::fs::read_to_string(root.join(name)).unwrap();
    let rules = weir::rules::compile("handbook.toml", &read("handbook.toml")).into_result().unwrap();
    let format = Format::Csv(Box::new(Mapping::parse(&read("handbook.mapping.toml")).unwrap()));
    let schema = rules.schema.clone();
    let feature = |name: &str| rules.features.iter().position(|feature| feature.name == name).unwrap();
    let places = [1, 7, 30].map(|days| {
        (feature(&format!("customer_count_{days}d")), feature(&format!("customer_mean_{days}d")))
    });
    let mut engine = Engine::new(rules, Limits::default(), Recording::All);
    let (mut rows, mut differ) = (0, Vec::new());
    for month in ["2018-04", "2018-05"] {
        let mut expected = book(&folder, month).into_iter();
        let path = folder.join(format!("{month}.csv.gz"));
        let mut events = EventReader::open(&path, &format, schema.clone()).unwrap();
        while let Some(next) = events.next_event() {
            let (_, event) = next.unwrap();
            let (id, windows) = expected.next().unwrap();
            assert_eq!(event.id(), id.to_string(), "the two files are not in the same order");
            let Answer::Decided(decision) = engine.step(event) else { panic!("no decision for {id}") };
            let same = windows.iter().zip(places).all(|((count, mean), (count_at, mean_at))| {
                let (Value::Whole(our_count), Value::Decimal(our_mean_cents)) =
                    (decision.features[count_at].1.value, decision.features[mean_at].1.value)
                else {
                    return false;
                };
                // The book's amounts carry float noise, far below a thousandth of a cent.
                our_count == *count && (our_mean_cents - mean * 100.0).abs() < 1e-5
            });
            rows += 1;
            if !same {
                differ.push(id);
            }
        }
        assert_eq!(expected.next(), None, "the book has more rows for {month}");
    }
    eprintln!("handbook: {rows} rows compared, {} differ: {differ:?}", differ.len());
    assert!(rows > 500_000 && differ.len() <= KNOWN_TO_DIFFER);
}
