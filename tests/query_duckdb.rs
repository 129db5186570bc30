//! `weir sql` in DuckDB, from its Python package, gives the engine's features and fired rules, row by row.
//!
//! Runs where a Python with the package is: the one that `WEIR_PYTHON` names, or `python3`. It says so where not.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    missing_docs,
    unreachable_pub,
    reason = "a test fails loudly"
)]

#[path = "support/python.rs"]
mod python;
#[path = "support/query.rs"]
mod support;

use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use python::python;
use support::{Case, Cell};
use weir::rules::query::Dialect;

fn csv(rows: &[Vec<Cell>], names: &[String]) -> String {
    let mut text = names.join(",") + "\n";
    for row in rows {
        for (at, cell) in row.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            let _ = match cell {
                Cell::Null => write!(text, "{comma}"),
                Cell::Whole(value) => write!(text, "{comma}{value}"),
                Cell::Decimal(value) => write!(text, "{comma}{value:e}"),
                Cell::Boolean(value) => write!(text, "{comma}{value}"),
                Cell::Text(value) => write!(text, "{comma}\"{}\"", value.replace('"', "\"\"")),
            };
        }
        text.push('\n');
    }
    text
}

/// The cell of an answer, of the type that is expected beside it.
fn cell(text: &serde_json::Value) -> Cell {
    match text {
        serde_json::Value::Null => Cell::Null,
        serde_json::Value::Bool(value) => Cell::Boolean(*value),
        serde_json::Value::Number(value) if value.is_i64() => Cell::Whole(value.as_i64().unwrap()),
        serde_json::Value::Number(value) => Cell::Decimal(value.as_f64().unwrap()),
        serde_json::Value::String(value) => Cell::Text(value.clone()),
        other => panic!("{other} is no cell"),
    }
}

fn run(python: &str, case: &Case) -> Vec<Vec<Cell>> {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let names: Vec<String> = case.columns.iter().map(|(name, _)| name.clone()).collect();
    std::fs::write(at("query.sql"), &case.sql).unwrap();
    std::fs::write(at("events.csv"), csv(&case.events, &names)).unwrap();
    std::fs::write(at("columns.json"), serde_json::to_string(&case.columns).unwrap()).unwrap();
    std::fs::write(at("answer.json"), serde_json::to_string(&case.names).unwrap()).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/query_duckdb.py");
    let done = Command::new(python).arg(script).arg(folder.path()).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let answer = std::fs::read_to_string(at("answer.ndjson")).unwrap();
    let row = |line: &str| {
        let cells: Vec<serde_json::Value> = serde_json::from_str(line).unwrap();
        cells.iter().map(cell).collect()
    };
    answer.lines().map(row).collect()
}

#[test]
fn the_generated_stream_gives_the_engines_features_and_rules() {
    let Some(python) = python("duckdb") else { return };
    let case = support::generated_case(Dialect::DuckDb, 12_000);
    case.check(&run(&python, &case));
    eprintln!(
        "DuckDB: {} transactions, {} columns each, equal to the last bit",
        case.expected.len(),
        case.names.len()
    );
}

#[test]
fn the_handbooks_months_give_the_engines_features_and_rules() {
    let Some(python) = python("duckdb") else { return };
    let Some(case) = support::handbook_case(Dialect::DuckDb) else {
        eprintln!("SKIPPED: WEIR_HANDBOOK names no folder with the handbook's months");
        return;
    };
    case.check(&run(&python, &case));
    eprintln!("DuckDB: {} of the handbook's payments, equal to the last bit", case.expected.len());
}
