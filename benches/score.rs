//! `weir score` end to end: gzip CSV in, NDJSON decisions out, through the real binary, rows a second.
//!
//! 200,000 payments of the Fraud Detection Handbook's shape with the rule file and mapping of `datasets/`.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    missing_docs,
    reason = "a bench measures, prints and fails loudly"
)]

mod support;

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use criterion::{Criterion, Throughput};
use flate2::Compression;
use flate2::write::GzEncoder;

const PAYMENTS: usize = 200_000;

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("payments.csv.gz");
    let mut csv = GzEncoder::new(File::create(&input).unwrap(), Compression::default());
    writeln!(
        csv,
        "TRANSACTION_ID,TX_TIME_SECONDS,CUSTOMER_ID,TERMINAL_ID,TX_AMOUNT,TX_FRAUD,TX_FRAUD_SCENARIO"
    )
    .unwrap();
    for (id, payment) in support::handbook_shape(PAYMENTS).iter().enumerate() {
        let (seconds, cents) = ((payment.time_us - support::START_US) / 1_000_000, payment.amount_minor);
        let (customer, terminal) = (payment.customer, payment.terminal);
        writeln!(csv, "{id},{seconds},{customer},{terminal},{}.{:02},0,0", cents / 100, cents % 100).unwrap();
    }
    csv.finish().unwrap();

    let datasets = Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets");
    let output = folder.path().join("decisions.ndjson");
    let score = || {
        let done = Command::new(env!("CARGO_BIN_EXE_weir"))
            .arg("score")
            .arg("--rules")
            .arg(datasets.join("handbook.rules.toml"))
            .arg("--mapping")
            .arg(datasets.join("handbook.mapping.toml"))
            .arg("--input")
            .arg(&input)
            .arg("--output")
            .arg(&output)
            .stderr(Stdio::null())
            .status();
        assert!(done.unwrap().success());
    };
    score();
    let lines = std::fs::read(&output).unwrap().iter().filter(|&&byte| byte == b'\n').count();
    assert_eq!(lines, PAYMENTS, "not every payment got a decision");
    println!("{PAYMENTS} rows of gzip CSV, {lines} decisions of NDJSON");

    let mut criterion = Criterion::default().sample_size(10).configure_from_args();
    let mut group = criterion.benchmark_group("score");
    group.throughput(Throughput::Elements(PAYMENTS as u64));
    group.bench_function("gzip CSV to NDJSON", |bencher| bencher.iter(score));
    group.finish();
    criterion.final_summary();
}
