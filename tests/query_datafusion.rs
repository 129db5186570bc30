//! `weir sql` in DataFusion gives the engine's features and fired rules, row by row.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    missing_docs,
    unreachable_pub,
    reason = "a test fails loudly"
)]

#[path = "support/datafusion.rs"]
mod engine;
#[path = "support/query.rs"]
mod support;

use engine::Session;
use support::Case;
use weir::rules::query::Dialect;

fn check(case: &Case) {
    let session = Session::new(&case.columns, &case.events);
    let answer =
        session.run(&case.sql, Some(&case.names)).unwrap_or_else(|error| panic!("{error}\n{}", case.sql));
    case.check(&answer);
}

#[test]
fn the_generated_stream_gives_the_engines_features_and_rules() {
    let case = support::generated_case(Dialect::DataFusion, 12_000);
    check(&case);
    eprintln!(
        "DataFusion: {} transactions, {} columns each, equal to the last bit",
        case.expected.len(),
        case.names.len()
    );
}

#[test]
fn the_handbooks_months_give_the_engines_features_and_rules() {
    let Some(case) = support::handbook_case(Dialect::DataFusion) else {
        eprintln!("SKIPPED: WEIR_HANDBOOK names no folder with the handbook's months");
        return;
    };
    check(&case);
    eprintln!("DataFusion: {} of the handbook's payments, equal to the last bit", case.expected.len());
}
