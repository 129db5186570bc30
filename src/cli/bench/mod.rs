//! `weir bench`: what a running sidecar takes, measured open-loop.

mod disk;
mod figures;
mod files;
mod machine;
mod plot;
mod runs;
mod stages;
mod table;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::ValueEnum;
use weir::bench::{
    Arrivals, Bursts, DELAYED, Endpoint, Frames, Http, Ids, Metrics, Payments, Wire, pin, stall_test,
};
use weir::client::Target;
use weir::event::Kind;
use weir::hex::hex;
use weir::time::parse_duration;

use super::Verdict;
use super::journaled::random;
use super::rule_file;
use super::stream::{BadLine, Source};
use runs::{Runs, Setting};

const EXAMPLES: &str = "Examples:
  weir bench --rate 5000 --duration 30s
  weir bench --target unix:weir.sock --rate 5000 --cpu 1 --spin
  weir bench --arrivals bursts --burst-factor 8 --rate 2000
  weir bench --input payments.ndjson.gz --arrivals own --rate 2000
  weir bench --capacity --duration 30s --cpu 1 --server-cpu 0 --out mine
  weir bench --frames --target unix:frames.sock --stages unix:weir.sock --rate 5000
  weir bench --self-test

Times are drawn before the run and never moved: a latency runs from when its request should have been sent, so a stall counts
for all that it held up. On as many cores as there are, keep the sidecar and the generator apart: taskset -c 0 weir serve ...,
and --cpu 1. Exit code 1: counts don't add up, an answer was wrong, the sidecar broke off, or nothing was decided.";

/// Measure a running sidecar, open-loop
///
/// Sends payments that nobody sent before, at times that are drawn before the run (by chance, in bursts, or as a data set's own), and
/// checks every answer. Tells percentiles from the intended send times, with the machine's own jitter beside them, and
/// names the slowest requests.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The sidecar: http://HOST:PORT or unix:PATH; with --frames its binary door, tcp://HOST:PORT or unix:PATH
    #[arg(long, default_value = "http://127.0.0.1:8420", value_name = "ADDRESS")]
    target: String,
    /// Speak the frames of the binary door instead of HTTP
    #[arg(long)]
    frames: bool,
    /// With --frames: payments on their way on one connection at most
    #[arg(long, default_value_t = 64, value_name = "N", value_parser = clap::value_parser!(u16).range(1..), requires = "frames")]
    in_flight: u16,
    /// With --frames: ask for decisions without their lines
    #[arg(long, requires = "frames")]
    brief: bool,
    /// Ask the bare handler of a sidecar that is started with `measure.without = "engine"`
    #[arg(long, conflicts_with = "frames")]
    bare: bool,
    /// Payments a second; with --capacity where the search begins
    #[arg(long, default_value_t = 1_000.0, value_name = "RATE")]
    rate: f64,
    /// How long to measure, at each rate
    #[arg(long, default_value = "10s", value_parser = duration, value_name = "TIME")]
    duration: Duration,
    /// How long to send before that, uncounted
    #[arg(long, default_value = "1s", value_parser = duration, value_name = "TIME")]
    warm_up: Duration,
    /// How intended send times are spread
    #[arg(long, value_enum, default_value_t = Spread::Poisson)]
    arrivals: Spread,
    /// With --arrivals bursts: the rate in a burst over the mean rate [default: 5]
    #[arg(long, value_name = "TIMES")]
    burst_factor: Option<f64>,
    /// With --arrivals bursts: from the beginning of a burst to that of the next [default: 1s]
    #[arg(long, value_parser = duration, value_name = "TIME")]
    burst_every: Option<Duration>,
    /// With --arrivals bursts: the share of that time that a burst takes [default: 0.1]
    #[arg(long, value_name = "SHARE")]
    burst_share: Option<f64>,
    /// Take the payments of this file (NDJSON as `weir generate` writes it, or CSV with --mapping) instead of generated ones
    #[arg(long, short, value_name = "FILE")]
    input: Option<PathBuf>,
    /// For CSV: which column is which field
    #[arg(long, value_name = "FILE", requires = "input")]
    mapping: Option<PathBuf>,
    /// The rule file whose extra fields the payments of --input have
    #[arg(long, short, value_name = "FILE", requires = "input")]
    rules: Option<PathBuf>,
    /// Accounts of the generated payments, some three payments each; after those the same come from as many others
    #[arg(long, default_value_t = 5_000, value_name = "N")]
    accounts: u32,
    /// Another seed gives other times and other payments: generators that run at once need one each, or they send at the same times
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Connections, open before the first request
    #[arg(long, default_value_t = 64, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    connections: u16,
    /// How long the sidecar may take for an answer (`weir-timeout-ms`); otherwise it says itself
    #[arg(long, value_parser = duration, value_name = "TIME")]
    timeout: Option<Duration>,
    /// A file with the token that says who asks
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Keep the generator on this core
    #[arg(long, value_name = "N")]
    cpu: Option<usize>,
    /// Look at the clock all the time instead of sleeping until shortly before the next request
    #[arg(long)]
    spin: bool,
    /// How long to measure the machine's own jitter before the run, on the generator's core
    #[arg(long, default_value = "1s", value_parser = duration, value_name = "TIME")]
    jitter: Duration,
    /// The core that the sidecar is kept on: jitter is measured there too before the run, at the same time
    #[arg(long, value_name = "N")]
    server_cpu: Option<usize>,
    /// Measure jitter on this core, which must be free, during the runs as well
    #[arg(long, value_name = "N")]
    jitter_cpu: Option<usize>,
    /// Append to a file in this folder and sync it, 50 times a second during the runs: what the disk takes by itself, for one that
    /// the journal is on
    #[arg(long, value_name = "DIR")]
    disk: Option<PathBuf>,
    /// Find the most that is carried, then measure at 10, 25, 50, 75, 90 and 120 % of it
    #[arg(long)]
    capacity: bool,
    /// With --capacity: a rate with a p99 above this is not carried
    #[arg(long, default_value = "20ms", value_parser = duration, value_name = "TIME", requires = "capacity")]
    p99_max: Duration,
    /// With --capacity: how long each rate is tried
    #[arg(long, default_value = "3s", value_parser = duration, value_name = "TIME", requires = "capacity")]
    probe: Duration,
    /// Write run.json, .hgrm histograms and pictures (SVG) to this folder; it is made if it is not there
    #[arg(long, short, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Tell where the time goes in the sidecar, stage by stage, by its /metrics before and after each rate; with --frames its
    /// http://HOST:PORT or unix:PATH must be given
    #[arg(long, value_name = "ADDRESS", num_args = 0..=1)]
    stages: Option<Option<String>>,
    /// Test the generator itself: a responder of its own that stalls for 100 ms must show in p99.9
    #[arg(long)]
    self_test: bool,
}

/// How intended send times are spread.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Spread {
    /// Each by chance and for itself
    Poisson,
    /// More of them now and then
    Bursts,
    /// As the payments of --input came, scaled to --rate
    Own,
}

fn duration(text: &str) -> Result<Duration, String> {
    let time_us = parse_duration(text).map_err(|error| error.to_string())?;
    u64::try_from(time_us).map(Duration::from_micros).map_err(|error| error.to_string())
}

pub(super) fn run(args: &Args) -> anyhow::Result<Verdict> {
    if args.self_test {
        return self_test(args);
    }
    if let Some(cpu) = args.cpu {
        pin(cpu).with_context(|| format!("can't stay on core {cpu}"))?;
    }
    let ids = Ids::new(&hex(random::<6>()?));
    let (payments, times_us) = payments(args, ids.clone())?;
    let arrivals = match args.arrivals {
        Spread::Bursts => Arrivals::Bursts(Bursts {
            every_ns: args.burst_every.unwrap_or(Duration::from_secs(1)).as_nanos() as u64,
            share: args.burst_share.unwrap_or(0.1),
            factor: args.burst_factor.unwrap_or(5.0),
        }),
        _ if args.burst_every.is_some() || args.burst_share.or(args.burst_factor).is_some() => {
            bail!(
                "--burst-factor, --burst-every and --burst-share say how bursts are: they need --arrivals bursts"
            )
        }
        Spread::Poisson => Arrivals::Poisson,
        Spread::Own if args.input.is_none() => bail!("--arrivals own needs --input, whose times they are"),
        Spread::Own => Arrivals::Like(times_us),
    };
    let target = if args.frames { Target::parse_binary(&args.target)? } else { Target::parse(&args.target)? };
    let endpoint = Endpoint::of(&target).with_context(|| format!("can't measure {}", args.target))?;
    let token = args.token_file.as_deref().map(read_token).transpose()?;
    let wire = wire(args, &target, ids, token.as_deref());
    let metrics = metrics(args, &target, token.clone())?;
    let setting = Setting {
        args,
        endpoint: &endpoint,
        wire: &*wire,
        payments: &payments,
        arrivals: &arrivals,
        metrics: metrics.as_ref(),
    };
    let runs = Runs::measure(&setting)?;
    let mut out = anstream::stdout().lock();
    table::show(&runs, payments.ids(), &mut out)?;
    if let Some(folder) = &args.out {
        files::write(folder, args, &runs, payments.ids())?;
    }
    let mut verdict = Verdict::Clean;
    for fault in runs.faults() {
        writeln!(anstream::stderr(), "wrong: {fault}")?;
        verdict = Verdict::Found;
    }
    Ok(verdict)
}

/// What is sent, and when it happened, where a file says so.
fn payments(args: &Args, ids: Ids) -> anyhow::Result<(Payments, Vec<i64>)> {
    let Some(input) = &args.input else {
        return Ok((Payments::generated(ids, args.seed, args.accounts)?, Vec::new()));
    };
    let schema = match &args.rules {
        Some(path) => rule_file::load(path)?.schema,
        None => Default::default(),
    };
    let mut reader = Source::new(input.clone(), args.mapping.clone(), BadLine::Fail).open(schema)?;
    let (mut payments, mut times_us) = (Payments::new(ids), Vec::new());
    while let Some(next) = reader.next_event() {
        let (_, event) = next?;
        if event.kind() == Kind::Transaction && payments.push(event) {
            times_us.push(event.time_us());
        }
    }
    if payments.is_empty() {
        bail!("{} has no payment", input.display());
    }
    Ok((payments, times_us))
}

fn read_token(path: &Path) -> anyhow::Result<String> {
    let token = std::fs::read_to_string(path).with_context(|| format!("can't read {}", path.display()))?;
    let token = token.trim().to_owned();
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        bail!("{} holds no token", path.display());
    }
    Ok(token)
}

/// What is spoken.
fn wire(args: &Args, target: &Target, ids: Ids, token: Option<&str>) -> Box<dyn Wire> {
    if args.bare {
        return Box::new(Http::bare(&host(target)));
    }
    if args.frames {
        let timeout_us =
            args.timeout.map_or(0, |timeout| timeout.as_micros().clamp(1, u32::MAX.into()) as u32);
        return Box::new(Frames::new(ids, token, timeout_us, args.in_flight.into(), args.brief));
    }
    let timeout_ms = args.timeout.map(|timeout| (timeout.as_millis() as u64).max(1));
    Box::new(Http::new(&host(target), ids, token, timeout_ms))
}

/// Who tells where the time goes, where that is asked for.
fn metrics(args: &Args, target: &Target, token: Option<String>) -> anyhow::Result<Option<Metrics>> {
    let of = match &args.stages {
        None => return Ok(None),
        Some(Some(address)) => &Target::parse(address)?,
        Some(None) if args.frames => {
            bail!("a binary door tells no metrics: give `--stages` the address where the sidecar speaks HTTP")
        }
        Some(None) => target,
    };
    let endpoint = Endpoint::of(of).context("can't read the sidecar's metrics")?;
    Ok(Some(Metrics { endpoint, host: host(of), token }))
}

fn host(target: &Target) -> String {
    match target {
        Target::Tcp { host, port, .. } if host.contains(':') => format!("[{host}]:{port}"),
        Target::Tcp { host, port, .. } => format!("{host}:{port}"),
        Target::Unix(_) => "localhost".to_owned(),
    }
}

fn self_test(args: &Args) -> anyhow::Result<Verdict> {
    let test = stall_test(args.seed)?;
    let mut out = anstream::stdout().lock();
    writeln!(
        out,
        "a responder that stalls once for 100 ms, at 2,000 requests a second for 3 s over 4 connections"
    )?;
    table::percentiles(&test.tally, None, &mut out)?;
    writeln!(
        out,
        "slower than {} ms: {} of {} from their intended times, {} from their sending, which is all that a closed loop tells",
        DELAYED.as_millis(),
        test.delayed,
        test.tally.counts.sent,
        test.delayed_service
    )?;
    let faults = test.faults();
    for fault in &faults {
        writeln!(anstream::stderr(), "wrong: {fault}")?;
    }
    Ok(if faults.is_empty() { Verdict::Clean } else { Verdict::Found })
}
