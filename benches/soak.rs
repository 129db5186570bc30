//! A soak: many payments over many accounts, with what is held told as it goes and a sample of accounts compared with
//! a twin. Small unless asked for more:
//!
//! `cargo bench --bench soak -- --payments 100000000 --accounts 10000000`
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
    /// Payments between two lines
    #[arg(long, default_value_t = 1_000_000)]
    told_every: u64,
    /// What cargo says to a bench
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    let Asked { payments, accounts, days, told_every, .. } = Asked::parse();
    let settings = Settings { payments, accounts, days, told_every, limits: Limits::default() };
    let start = Instant::now();
    let outcome = soak::run(settings, &mut std::io::stdout().lock()).unwrap();
    let taken_s = start.elapsed().as_secs_f64();
    println!(
        "{payments} payments of {accounts} accounts in {days} days, in {taken_s:.0} s, making them included; {outcome:?}"
    );
    assert!(outcome.compared > 0 && outcome.different == 0, "the engine and the twin differ");
}
