//! Runs at one rate or many, with the machine's jitter before, and beside them where a core is free for that.

use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::ScopedJoinHandle;
use std::time::Duration;

use anyhow::{Context, anyhow};
use serde::Serialize;
use weir::bench::{
    Arrivals, BenchError, Endpoint, Jitter, Latencies, Load, Metrics, Payments, SHARES, Stage, Tally, Wire,
    capacity, drive, knee, pin, schedule, unpin,
};

use super::super::told;
use super::{Args, disk};

/// How long an answer is waited for where the sidecar was not told how long it has; its own most is 10 minutes, its default
/// 200 ms.
const PATIENCE: Duration = Duration::from_secs(10);
/// How much longer than the sidecar was told.
const WAY_BACK: Duration = Duration::from_secs(1);
/// How long what is late may take once the schedule is over, at least.
const DRAIN: Duration = Duration::from_secs(10);
/// What was just answered is counted this much later at most.
const COUNTED: Duration = Duration::from_millis(100);
const JITTER: &str = "the loop that measures jitter";
/// No rate above is tried.
const RATE_MAX: f64 = 2_000_000.0;

/// What is measured how.
pub(super) struct Setting<'a> {
    pub(super) args: &'a Args,
    pub(super) endpoint: &'a Endpoint,
    pub(super) wire: &'a dyn Wire,
    pub(super) payments: &'a Payments,
    pub(super) arrivals: &'a Arrivals,
    /// Who tells where the time goes, where that is asked for.
    pub(super) metrics: Option<&'a Metrics>,
}

/// What came of one rate.
pub(super) struct Run {
    /// What was asked for, payments a second.
    pub(super) rate: f64,
    /// The share of the capacity that it is, in a sweep.
    pub(super) share: Option<f64>,
    pub(super) tally: Tally,
    /// Where the time went in the sidecar, from the first request of the warm-up on.
    pub(super) stages: Option<Vec<Stage>>,
    /// What an append and an fdatasync took meanwhile, where that was asked for.
    pub(super) disk: Option<Latencies>,
    /// What of these could not be measured.
    faults: Vec<String>,
}

/// What came of a rate that was tried while the capacity was sought.
#[derive(Serialize)]
pub(super) struct Probe {
    rate: f64,
    achieved: f64,
    p99_ns: u64,
    /// How late the generator itself was.
    lateness_p99_ns: u64,
    /// Why it was not carried; nothing where it was.
    not_carried: Option<&'static str>,
}

impl Probe {
    fn of(run: &Run, p99_max_ns: u64) -> Self {
        let p99_ns = |times: &Latencies| times.value_at_quantile(0.99);
        Self {
            rate: run.rate,
            achieved: run.tally.achieved(),
            p99_ns: p99_ns(&run.tally.latency),
            lateness_p99_ns: p99_ns(&run.tally.lateness),
            not_carried: run.tally.not_carried(p99_max_ns),
        }
    }
}

/// All that was measured.
pub(super) struct Runs {
    pub(super) jitter: Jitter,
    /// On the sidecar's core, at the same time.
    pub(super) jitter_server: Option<Jitter>,
    /// On another core, during the runs.
    pub(super) jitter_beside: Option<Jitter>,
    pub(super) probes: Vec<Probe>,
    pub(super) capacity: Option<f64>,
    pub(super) runs: Vec<Run>,
    /// What was wrong with the probes of the capacity, and what ended it all.
    probe_faults: Vec<String>,
}

impl Runs {
    pub(super) fn measure(setting: &Setting<'_>) -> anyhow::Result<Self> {
        let (jitter, jitter_server) = jitter_before(setting.args)?;
        let mut all = Self {
            jitter,
            jitter_server,
            jitter_beside: None,
            probes: Vec::new(),
            capacity: None,
            runs: Vec::new(),
            probe_faults: Vec::new(),
        };
        let over = AtomicBool::new(false);
        let beside = std::thread::scope(|scope| {
            let (over, cpu) = (&over, setting.args.jitter_cpu);
            let idle = move || jitter_on(cpu, Duration::MAX, || over.load(Ordering::Relaxed));
            let idle = std::thread::Builder::new().spawn_scoped(scope, idle)?;
            let driven = all.drive(setting).or_else(|error| all.keep(error));
            over.store(true, Ordering::Relaxed);
            let beside = joined(idle, JITTER);
            driven?;
            beside
        })?;
        all.jitter_beside = beside;
        Ok(all)
    }

    fn drive(&mut self, setting: &Setting<'_>) -> anyhow::Result<()> {
        let args = setting.args;
        let mut next_number = 0;
        if !args.capacity {
            self.runs.push(one(setting, args.rate, None, args.duration, &mut next_number)?);
            return Ok(());
        }
        let p99_max_ns = args.p99_max.as_nanos() as u64;
        let (faults, probes) = (&mut self.probe_faults, &mut self.probes);
        let found = capacity(args.rate, RATE_MAX, |rate| {
            let run = one(setting, rate, None, args.probe, &mut next_number)?;
            let probe = Probe::of(&run, p99_max_ns);
            let Probe { achieved, not_carried, .. } = probe;
            let word = not_carried.map_or("carried".to_owned(), |why| format!("not carried ({why})"));
            let (p99_us, late_us) = (probe.p99_ns / 1_000, probe.lateness_p99_ns / 1_000);
            writeln!(
                anstream::stderr(),
                "{rate:.0} a second: {word}, {achieved:.0} achieved, p99 {p99_us} us; the generator itself late by {late_us} us (p99)"
            )?;
            probes.push(probe);
            let found = run.tally.faults().into_iter().chain(run.tally.broke_off());
            faults.extend(found.map(|fault| format!("at {rate:.0} a second: {fault}")));
            anyhow::Ok(not_carried.is_none())
        })?;
        self.capacity = Some(found.context("not even one payment a second is carried")?);
        for share in SHARES {
            let rate = share * found.unwrap_or_default();
            writeln!(anstream::stderr(), "{:.0} % of the capacity: {rate:.0} a second", share * 100.0)?;
            self.runs.push(one(setting, rate, Some(share), args.duration, &mut next_number)?);
        }
        Ok(())
    }

    /// What was measured before something went wrong is kept, with what that was.
    fn keep(&mut self, error: anyhow::Error) -> anyhow::Result<()> {
        if self.probes.is_empty() && self.runs.is_empty() {
            return Err(error);
        }
        self.probe_faults.push(format!("not measured to the end: {}", told(&error)));
        Ok(())
    }

    /// Why these are not the figures of a sidecar: what is wrong with the measuring itself, and what was not measured.
    pub(super) fn faults(&self) -> Vec<String> {
        let mut faults = self.probe_faults.clone();
        for Run { rate, tally, faults: beside, .. } in &self.runs {
            let found = tally.faults().into_iter().chain(tally.broke_off()).chain(tally.decided_nothing());
            faults.extend(found.chain(beside.clone()).map(|fault| format!("at {rate:.0} a second: {fault}")));
        }
        faults
    }

    /// The rate of a sweep from which on the tail leaves the floor.
    pub(super) fn knee(&self) -> Option<f64> {
        // Percentiles of those that were served say nothing of those that were not.
        let p99 = |tally: &Tally| match tally.served_all() {
            true => tally.latency.value_at_quantile(0.99),
            false => u64::MAX,
        };
        let p99s = self.runs.iter().map(|run| (run.rate, p99(&run.tally)));
        knee(&p99s.collect::<Vec<_>>())
    }
}

/// The jitter of the generator's core, and at the same time that of the sidecar's, where that is told.
fn jitter_before(args: &Args) -> anyhow::Result<(Jitter, Option<Jitter>)> {
    std::thread::scope(|scope| {
        let (cpu, jitter) = (args.server_cpu, args.jitter);
        let server = move || jitter_on(cpu, jitter, || false);
        let server = std::thread::Builder::new().spawn_scoped(scope, server)?;
        let own = Jitter::measure(args.jitter, || false);
        Ok((own, joined(server, JITTER)?))
    })
}

/// The jitter of a core, if there is one to be measured.
fn jitter_on(
    cpu: Option<usize>,
    duration: Duration,
    over: impl Fn() -> bool,
) -> anyhow::Result<Option<Jitter>> {
    let Some(cpu) = cpu else { return Ok(None) };
    pin(cpu).with_context(|| format!("can't measure jitter on core {cpu}"))?;
    Ok(Some(Jitter::measure(duration, over)))
}

fn one(
    setting: &Setting<'_>,
    rate: f64,
    share: Option<f64>,
    duration: Duration,
    next_number: &mut u64,
) -> anyhow::Result<Run> {
    let args = setting.args;
    let end = args.warm_up + duration;
    let schedule = schedule(setting.arrivals, rate, end.as_nanos() as u64, args.seed)?;
    let load = Load {
        schedule: &schedule,
        warm_up_ns: args.warm_up.as_nanos() as u64,
        end_ns: end.as_nanos() as u64,
        first_number: *next_number,
        connections: args.connections.into(),
        patience: args.timeout.map_or(PATIENCE, |timeout| timeout + WAY_BACK),
        drain: DRAIN.max(duration),
        spin: args.spin,
    };
    *next_number += schedule.len() as u64;
    let before = setting.metrics.map(Metrics::read).transpose()?;
    let (tally, disk) = beside_the_disk(args.disk.as_deref(), || {
        drive(setting.endpoint, setting.wire, setting.payments, &load)
    })?;
    let stages = setting.metrics.zip(before).map(|(metrics, before)| {
        std::thread::sleep(COUNTED);
        Ok(metrics.read()?.since(&before)?)
    });
    // What was measured is kept whatever became of the rest.
    let mut faults = Vec::new();
    let (disk, stages) = (known(disk, &mut faults), known(stages, &mut faults));
    Ok(Run { rate, share, tally, stages, disk, faults })
}

/// What was found, or nothing and why.
fn known<T>(found: Option<anyhow::Result<T>>, faults: &mut Vec<String>) -> Option<T> {
    found?.map_err(|error| faults.push(told(&error))).ok()
}

/// Drives, and syncs a file in the folder now and then until that is over.
fn beside_the_disk(
    folder: Option<&Path>,
    drive: impl FnOnce() -> Result<Tally, BenchError>,
) -> anyhow::Result<(Tally, Option<anyhow::Result<Latencies>>)> {
    let Some(folder) = folder else { return Ok((drive()?, None)) };
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let syncs = std::thread::Builder::new().spawn_scoped(scope, || {
            // Not on the generator's core, which has no time for it.
            unpin()?;
            disk::measure(folder, &over)
        })?;
        let driven = drive();
        over.store(true, Ordering::Relaxed);
        let times = joined(syncs, "the loop that syncs");
        Ok((driven?, Some(times)))
    })
}

fn joined<T>(thread: ScopedJoinHandle<'_, anyhow::Result<T>>, what: &str) -> anyhow::Result<T> {
    thread.join().map_err(|_| anyhow!("{what} broke off"))?
}
