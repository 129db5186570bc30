//! What was measured, on a terminal.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use weir::bench::{Decided, Ids, Jitter, Latencies, PERCENTILES, Tally};

use super::super::picture::Bar;
use super::runs::Runs;
use super::stages;

const HEAD: Style = Style::new().bold();
/// What a bar is as long as.
const LONGEST_NS: f64 = 1e10;

/// Everything.
pub(super) fn show(runs: &Runs, ids: &Ids, out: &mut impl Write) -> io::Result<()> {
    let floor = Some(&runs.jitter);
    if let [run] = runs.runs.as_slice() {
        percentiles(&run.tally, floor, out)?;
        writeln!(out)?;
    }
    write!(out, "{HEAD}{:>9} {:>9}", "offered/s", "served/s")?;
    for (name, _) in PERCENTILES {
        write!(out, " {name:>9}")?;
    }
    writeln!(
        out,
        " {:>9} {:>8} {:>8} {:>8} {:>8} {:>8}{HEAD:#}",
        "count", "shed", "declared", "undecid.", "refused", "failed"
    )?;
    for run in &runs.runs {
        row(&run.tally, floor, out)?;
    }
    writeln!(
        out,
        "Latencies run from the intended send time, and are of what was decided or declared alone: see the columns behind them for the \
         rest. *: below what this machine does to an idle thread."
    )?;
    if let Some(capacity) = runs.capacity {
        let shares = runs.runs.iter().filter_map(|run| run.share);
        let shares: Vec<String> = shares.map(|share| format!("{:.0} %", share * 100.0)).collect();
        writeln!(out, "capacity: {capacity:.0} a second; the rows are {} of it", shares.join(", "))?;
        match runs.knee() {
            Some(rate) => writeln!(
                out,
                "knee: at {rate:.0} a second p99 is over 3 times that of the first row, or not all was served"
            )?,
            None => writeln!(out, "knee: none; no p99 is over 3 times that of the first row")?,
        }
    }
    for run in &runs.runs {
        generator(&run.tally, ids, out)?;
        if let Some(times) = &run.disk {
            writeln!(out, "  an append and an fdatasync meanwhile: {}", line(times))?;
        }
        if let Some(stages) = &run.stages {
            stages::show(stages, run.tally.offered(), out)?;
        }
    }
    writeln!(out, "\njitter of this machine, before: {}", line(&runs.jitter.gaps))?;
    if let Some(jitter) = &runs.jitter_server {
        writeln!(out, "the same of the sidecar's core: {}", line(&jitter.gaps))?;
    }
    if let Some(jitter) = &runs.jitter_beside {
        writeln!(out, "jitter on another core meanwhile: {}", line(&jitter.gaps))?;
    }
    Ok(())
}

/// The percentiles of one run, with those of the sending and of the machine, as a picture.
pub(super) fn percentiles(tally: &Tally, floor: Option<&Jitter>, out: &mut impl Write) -> io::Result<()> {
    let head = ["from intended", "from sending", "jitter"];
    writeln!(out, "{HEAD}{:<8}{:>14}{:>14}{:>14}{HEAD:#}", "", head[0], head[1], head[2])?;
    for (name, quantile) in PERCENTILES {
        let jitter = floor.map_or_else(|| "-".to_owned(), |jitter| told(&jitter.gaps, quantile));
        let ns = tally.latency.value_at_quantile(quantile);
        let bar = Bar { share: (ns.max(1) as f64).ln() / LONGEST_NS.ln(), color: AnsiColor::Blue };
        let (latency, service) = (told(&tally.latency, quantile), told(&tally.service, quantile));
        writeln!(out, "{name:<8}{latency:>14}{service:>14}{jitter:>14}  {bar}")?;
    }
    Ok(())
}

fn row(tally: &Tally, floor: Option<&Jitter>, out: &mut impl Write) -> io::Result<()> {
    write!(out, "{:>9.0} {:>9.0}", tally.offered(), tally.achieved())?;
    for (_, quantile) in PERCENTILES {
        let ns = tally.latency.value_at_quantile(quantile);
        let below = floor.is_some_and(|jitter| ns < jitter.gaps.value_at_quantile(quantile));
        let told = told(&tally.latency, quantile);
        let told = if below && told != "-" { told + "*" } else { told };
        write!(out, " {told:>9}")?;
    }
    let counts = &tally.counts;
    let sum = |counts: &mut dyn Iterator<Item = &u64>| counts.sum::<u64>();
    let (undecided, refused) = (sum(&mut counts.undecided.values()), sum(&mut counts.refused.values()));
    let (shed, declared, failed) = (counts.shed, counts.declared(), counts.failed.all());
    let count = tally.latency.len();
    writeln!(out, " {count:>9} {shed:>8} {declared:>8} {undecided:>8} {refused:>8} {failed:>8}")
}

/// What the generator says of itself: how late it was, what waited for it, and who was slowest.
fn generator(tally: &Tally, ids: &Ids, out: &mut impl Write) -> io::Result<()> {
    let Decided { allow, step_up, block } = tally.counts.decided;
    writeln!(out, "\nat {:.0} a second: {allow} allow, {step_up} step up, {block} block", tally.offered())?;
    for (word, count) in tally.counts.declared.iter().chain(&tally.counts.undecided) {
        writeln!(out, "  {word}: {count}")?;
    }
    for (status, count) in &tally.counts.refused {
        writeln!(out, "  refused with {status}: {count}")?;
    }
    if tally.counts.not_durable > 0 {
        writeln!(out, "  answered before it was on disk: {}", tally.counts.not_durable)?;
    }
    let failed = &tally.counts.failed;
    if failed.all() > 0 {
        let (broken, timeout, unsent, wrong) =
            (failed.broken, failed.timeout, failed.unsent, failed.unreadable);
        writeln!(
            out,
            "  failed: {broken} broken off, {timeout} not answered, {unsent} never sent, {wrong} not right"
        )?;
    }
    writeln!(out, "  sent late by the generator itself: {}", line(&tally.lateness))?;
    writeln!(out, "  waited for a free connection: {} of {}", tally.waited, tally.counts.sent)?;
    if !tally.shed.is_empty() {
        writeln!(out, "  told that they are shed after: {}", line(&tally.shed))?;
    }
    if let Some(slowest) = tally.slowest().first() {
        let (id, at_s) = (ids.of(slowest.number), slowest.intended_ns as f64 / 1e9);
        let latency = time(slowest.latency_ns);
        writeln!(out, "  slowest: {id}, {latency}, to be sent {at_s:.6} s after the beginning")?;
    }
    Ok(())
}

fn line(times: &Latencies) -> String {
    let told = |(name, quantile): (&str, f64)| format!("{name} {}", told(times, quantile));
    PERCENTILES.map(told).join(", ")
}

/// A percentile, or `-`.
fn told(times: &Latencies, quantile: f64) -> String {
    if is_told(times, quantile) { time(times.value_at_quantile(quantile)) } else { "-".to_owned() }
}

/// Whether there are enough for a percentile to be another than the maximum.
pub(super) fn is_told(times: &Latencies, quantile: f64) -> bool {
    let beyond = times.len() as f64 * (1.0 - quantile);
    !times.is_empty() && (quantile >= 1.0 || beyond >= 1.0)
}

/// Nanoseconds in a unit that suits them.
pub(super) fn time(ns: u64) -> String {
    let ns = ns as f64;
    match ns {
        _ if ns < 1e3 => format!("{ns:.0}ns"),
        _ if ns < 1e4 => format!("{:.2}us", ns / 1e3),
        _ if ns < 1e6 => format!("{:.0}us", ns / 1e3),
        _ if ns < 1e7 => format!("{:.2}ms", ns / 1e6),
        _ if ns < 1e9 => format!("{:.0}ms", ns / 1e6),
        _ => format!("{:.2}s", ns / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir::bench::new_latencies;

    #[test]
    fn times_have_three_digits_and_a_unit() {
        for (ns, text) in [
            (999, "999ns"),
            (9_870, "9.87us"),
            (98_700, "99us"),
            (987_000, "987us"),
            (9_870_000, "9.87ms"),
            (98_700_000, "99ms"),
            (1_234_000_000, "1.23s"),
        ] {
            assert_eq!(time(ns), text);
        }
    }

    #[test]
    fn no_percentile_is_told_of_too_few() {
        let mut times = new_latencies();
        assert_eq!(told(&times, 1.0), "-");
        times.saturating_record_n(100, 999);
        assert_eq!(
            (told(&times, 0.99), told(&times, 0.999), told(&times, 1.0)),
            ("100ns".into(), "-".into(), "100ns".into())
        );
    }
}
