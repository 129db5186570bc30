//! A soak: many payments over many accounts, with what is held told as it goes and a sample of accounts compared with
//! a twin. Small unless asked for more:
//!
//! `cargo bench --bench soak -- --payments 100000000 --accounts 10000000 --log-mib 2048`
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    missing_docs,
    reason = "a bench measures, prints and fails loudly"
)]

#[path = "support/keyed.rs"]
mod keyed;
#[path = "support/soak.rs"]
mod soak;

use std::time::Instant;

use clap::Parser;
use soak::Settings;
use weir::engine::Limits;
use weir::io::{ChunkFiles, Reading};
use weir::state::ChunkStore;

#[derive(Parser)]
struct Asked {
    /// Payments; repeats and reversals come besides
    #[arg(long, default_value_t = 200_000)]
    payments: u64,
    /// Accounts that they are drawn from; one has a tenth of all payments
    #[arg(long, default_value_t = 20_000)]
    accounts: u32,
    /// Days from the first payment to the last; the longest window has 30
    #[arg(long, default_value_t = 90)]
    days: u32,
    /// Most MiB of the tail log in memory; the rest goes to files
    #[arg(long)]
    log_mib: Option<usize>,
    /// Payments between two lines
    #[arg(long, default_value_t = 1_000_000)]
    told_every: u64,
    /// What cargo says to a bench
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    let Asked { payments, accounts, days, told_every, log_mib, .. } = Asked::parse();
    let folder = tempfile::tempdir().unwrap();
    let log_bytes_max = log_mib.map_or(usize::MAX, |mib| mib << 20);
    let files = log_mib.map(|_| ChunkFiles::create(folder.path(), Reading::Blocking).unwrap());
    let store = files.map(|files| Box::new(files) as Box<dyn ChunkStore>);
    let limits = Limits { log_bytes_max, ..Limits::default() };
    let settings = Settings { payments, accounts, days, told_every, limits };
    let start = Instant::now();
    let outcome = soak::run(settings, store, &mut std::io::stdout().lock()).unwrap();
    let taken_s = start.elapsed().as_secs_f64();
    println!(
        "{payments} payments of {accounts} accounts in {days} days, in {taken_s:.0} s, making them included; {outcome:?}"
    );
    assert!(outcome.compared > 0 && outcome.different == 0, "the engine and the twin differ");
}
