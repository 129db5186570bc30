//! What is kept of runs: `run.json` with all figures, a histogram for each rate, and pictures.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context;
use serde::Serialize;
use weir::bench::{Ids, Latencies};
use weir::time::format_time;

use super::super::journaled::now_us;
use super::Args;
use super::figures::{Figures, Percentiles};
use super::machine::{Machine, commit};
use super::plot;
use super::runs::{Probe, Runs};

/// Steps of a histogram's file in each half of what is left to 100 %.
const STEPS_A_HALF: u32 = 5;

#[derive(Serialize)]
struct Kept<'a> {
    /// The arguments as they were given.
    command: Vec<String>,
    version: &'a str,
    commit: Option<String>,
    date: String,
    target: &'a str,
    seed: u64,
    connections: u16,
    machine: Machine,
    /// Gaps between looks at the clock, counted by the nanosecond.
    jitter: Percentiles,
    jitter_server: Option<Percentiles>,
    jitter_beside: Option<Percentiles>,
    /// Rates that were tried while the capacity was sought, in their order.
    probes: &'a [Probe],
    capacity: Option<f64>,
    knee: Option<f64>,
    /// Why these are not the figures of a sidecar; nothing in a run that counts.
    faults: Vec<String>,
    runs: Vec<Figures<'a>>,
}

/// Writes all of it to a folder, which is made if it is not there.
pub(super) fn write(folder: &Path, args: &Args, runs: &Runs, ids: &Ids) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("can't make {}", folder.display()))?;
    let put = |name: &str, text: String| {
        let path = folder.join(name);
        std::fs::write(&path, text).with_context(|| format!("can't write {}", path.display()))
    };
    let kept = Kept {
        command: std::env::args().collect(),
        version: env!("CARGO_PKG_VERSION"),
        commit: commit(),
        date: format_time(now_us()),
        target: &args.target,
        seed: args.seed,
        connections: args.connections,
        machine: Machine::of(folder, args.disk.as_deref()),
        jitter: Percentiles::of(&runs.jitter.gaps),
        jitter_server: runs.jitter_server.as_ref().map(|jitter| Percentiles::of(&jitter.gaps)),
        jitter_beside: runs.jitter_beside.as_ref().map(|jitter| Percentiles::of(&jitter.gaps)),
        probes: &runs.probes,
        capacity: runs.capacity,
        knee: runs.knee(),
        faults: runs.faults(),
        runs: runs.runs.iter().map(|run| Figures::of(run, ids)).collect(),
    };
    put("run.json", serde_json::to_string_pretty(&kept)? + "\n")?;
    put(
        "jitter.hgrm",
        hgrm(&runs.jitter.gaps, "gaps between looks at the clock, counted by the nanosecond"),
    )?;
    let mut series = vec![("jitter".to_owned(), &runs.jitter.gaps)];
    for run in &runs.runs {
        let (rate, tally) = (format!("{:.0}", run.rate), &run.tally);
        let what = |of| format!("{of}, at {rate} a second");
        put(&format!("latency-{rate}.hgrm"), hgrm(&tally.latency, &what("from the intended send time")))?;
        put(&format!("service-{rate}.hgrm"), hgrm(&tally.service, &what("from the actual sending")))?;
        series.push((format!("{rate} a second"), &tally.latency));
    }
    put("percentiles.svg", plot::percentiles(&series)?)?;
    if runs.runs.len() > 1 {
        put("sweep.svg", plot::sweep(&runs.runs)?)?;
    }
    Ok(())
}

/// A histogram in HdrHistogram's text form, which its plotters read: values in milliseconds.
fn hgrm(times: &Latencies, what: &str) -> String {
    let ms = |ns: f64| ns / 1e6;
    let mut text = format!("# {what}; in milliseconds\n");
    // A buffer takes all that is written to it.
    let _ = write!(
        text,
        "{:>12} {:>14} {:>10} {:>14}\n\n",
        "Value", "Percentile", "TotalCount", "1/(1-Percentile)"
    );
    let mut total = 0;
    for step in times.iter_quantiles(STEPS_A_HALF) {
        total += step.count_since_last_iteration();
        let (value, quantile) = (ms(step.value_iterated_to() as f64), step.quantile_iterated_to());
        let _ = match quantile < 1.0 {
            true => {
                writeln!(text, "{value:12.6} {quantile:14.12} {total:10} {:14.2}", 1.0 / (1.0 - quantile))
            }
            false => writeln!(text, "{value:12.6} {quantile:14.12} {total:10}"),
        };
    }
    let (mean, deviation) = (ms(times.mean()), ms(times.stdev()));
    let _ = writeln!(text, "#[Mean    = {mean:12.6}, StdDeviation   = {deviation:12.6}]");
    let (max, count) = (ms(times.max() as f64), times.len());
    let _ = writeln!(text, "#[Max     = {max:12.6}, Total count    = {count:12}]");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir::bench::new_latencies;

    #[test]
    fn a_histogram_s_file_ends_with_all_and_its_maximum() {
        let mut times = new_latencies();
        (1..=1_000).for_each(|us| times.saturating_record(us * 1_000));
        let text = hgrm(&times, "test");
        let rows: Vec<Vec<f64>> = text
            .lines()
            .filter(|line| !line.starts_with('#') && !line.contains("Value") && !line.is_empty())
            .map(|line| line.split_whitespace().map(|part| part.parse().unwrap()).collect())
            .collect();
        assert!(rows.windows(2).all(|pair| pair[0][..3] <= pair[1][..3]), "{text}");
        let last = rows.last().unwrap();
        assert_eq!((last.len(), last[1], last[2]), (3, 1.0, 1_000.0), "{text}");
        assert!((last[0] - 1.0).abs() < 0.002, "{text}");
        assert!(text.ends_with("Total count    =         1000]\n"), "{text}");
    }
}
