//! `weir generate`: a seeded payment stream.

use std::path::PathBuf;

use anyhow::Context;
use weir::generate::{FraudShares, Generator, Settings};
use weir::io::{create, write_event};
use weir::time::parse_time;

use super::Verdict;
use super::progress::Progress;
use super::rule_file;

/// Generate a Vietnamese payment stream with labelled frauds, as NDJSON
///
/// Equal options give equal bytes. Everyone in it is invented. Honest customers change phones, pay at night, send
/// large sums and wake old accounts, so that every rule of rules/retail.toml is tripped by honest payments too.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    stream: Stream,
    /// Where events go: a file (packed if it ends in .gz), or `-` for standard output
    #[arg(long, short, default_value = "-", value_name = "FILE")]
    output: PathBuf,
    /// Also write the extra fields of this rule file that the generator knows, such as card_kind and approved_merchant
    #[arg(long, short, value_name = "FILE")]
    rules: Option<PathBuf>,
}

/// What the stream is to be like. A share is a fraction of its transactions.
#[derive(clap::Args)]
pub(super) struct Stream {
    /// Another seed gives another stream of the same likeness
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Events of all kinds together
    #[arg(long, default_value_t = 1_000_000)]
    events: u64,
    /// Accounts, cards and wallets
    #[arg(long, default_value_t = 100_000)]
    accounts: u32,
    /// Days that it covers
    #[arg(long, default_value_t = 60)]
    days: u32,
    /// Where it begins, as 2026-01-10T00:00:00+07:00 [default: that, with Tết inside]
    #[arg(long, value_name = "TIME")]
    start: Option<String>,
    /// Share of account take-overs
    #[arg(long, default_value_t = FraudShares::default().takeover, value_name = "SHARE")]
    takeover: f64,
    /// Share of mule fan-in and cash-out
    #[arg(long, default_value_t = FraudShares::default().mule, value_name = "SHARE")]
    mule: f64,
    /// Share of card testing
    #[arg(long, default_value_t = FraudShares::default().card_testing, value_name = "SHARE")]
    card_testing: f64,
    /// Share of many accounts on one device
    #[arg(long, default_value_t = FraudShares::default().shared_device, value_name = "SHARE")]
    shared_device: f64,
    /// Share of sums split below ten million dong
    #[arg(long, default_value_t = FraudShares::default().splitting, value_name = "SHARE")]
    splitting: f64,
    /// Share of honest transactions followed by a step-up's answer, whatever was decided
    #[arg(long, default_value_t = Settings::default().authentications, value_name = "SHARE")]
    authentications: f64,
    /// Share of journeys that few make: payments abroad, between own accounts, for houses, firms' large sums
    #[arg(long, default_value_t = Settings::default().rarities, value_name = "SHARE")]
    rarities: f64,
    /// Share of customers' payments in dollars or euros, with the rate in the event
    #[arg(long, default_value_t = Settings::default().foreign, value_name = "SHARE")]
    foreign: f64,
    /// Tenants that the customers are spread over; with 1 no event names one
    #[arg(long, default_value_t = Settings::default().tenants, value_name = "N")]
    tenants: u32,
    /// Share of transactions whose execution is reported
    #[arg(long, default_value_t = Settings::default().executions, value_name = "SHARE")]
    executions: f64,
    /// Share of transactions reversed later
    #[arg(long, default_value_t = Settings::default().reversals, value_name = "SHARE")]
    reversals: f64,
    /// Share of events that arrive late
    #[arg(long, default_value_t = Settings::default().late, value_name = "SHARE")]
    late: f64,
    /// Share of events that arrive twice
    #[arg(long, default_value_t = Settings::default().duplicates, value_name = "SHARE")]
    duplicates: f64,
}

impl Stream {
    pub(super) fn settings(&self) -> anyhow::Result<Settings> {
        let defaults = Settings::default();
        let start_us = self.start.as_deref().map_or(Ok(defaults.start_us), parse_time)?;
        Ok(Settings {
            seed: self.seed,
            events: self.events,
            accounts: self.accounts,
            days: self.days,
            start_us,
            frauds: FraudShares {
                takeover: self.takeover,
                mule: self.mule,
                card_testing: self.card_testing,
                shared_device: self.shared_device,
                splitting: self.splitting,
            },
            authentications: self.authentications,
            rarities: self.rarities,
            foreign: self.foreign,
            tenants: self.tenants,
            executions: self.executions,
            reversals: self.reversals,
            late: self.late,
            duplicates: self.duplicates,
            ..defaults
        })
    }
}

pub(super) fn run(args: &Args) -> anyhow::Result<Verdict> {
    let settings = args.stream.settings()?;
    let mut progress = Progress::new("generating", Some(settings.events));
    let schema =
        args.rules.as_deref().map(|path| rule_file::load(path).map(|rules| rules.schema)).transpose()?;
    let mut generator = Generator::with_schema(settings, schema.unwrap_or_default())?;
    let mut out = create(&args.output)?;
    while let Some(event) = generator.next() {
        write_event(event, &mut out).context("can't write events")?;
        progress.event();
    }
    out.finish().context("can't write events")?;
    progress.finish();
    Ok(Verdict::Clean)
}
