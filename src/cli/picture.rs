//! Small pictures for a terminal.

use std::fmt;
use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use hdrhistogram::Histogram;

const WIDTH: f64 = 40.0;

/// A horizontal bar for a share from 0 to 1; a share above 0 always shows.
pub(super) struct Bar {
    pub(super) share: f64,
    pub(super) color: AnsiColor,
}

impl fmt::Display for Bar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
        let style = Style::new().fg_color(Some(self.color.into()));
        let eighths = (self.share.clamp(0.0, 1.0) * WIDTH * 8.0).ceil() as usize;
        write!(f, "{style}{}{}{style:#}", "█".repeat(eighths / 8), EIGHTHS[eighths % 8])
    }
}

/// Percentiles, and how the nanoseconds are spread over powers of two.
pub(super) fn latency(histogram: &Histogram<u64>, out: &mut impl Write) -> io::Result<()> {
    for (name, percentile) in
        [("p50", 50.0), ("p90", 90.0), ("p99", 99.0), ("p99.9", 99.9), ("p99.99", 99.99), ("max", 100.0)]
    {
        let value = histogram.value_at_percentile(percentile);
        write!(out, "  {name} {:.2} µs", value as f64 / 1_000.0)?;
    }
    writeln!(out)?;
    let buckets: Vec<(u64, u64)> = (0..u64::BITS)
        .map(|power| {
            (1_u64 << power, histogram.count_between(1 << power, (2_u64 << power).saturating_sub(1).max(1)))
        })
        .collect();
    let most = buckets.iter().map(|(_, count)| *count).max().unwrap_or(0).max(1);
    let first = buckets.iter().position(|(_, count)| *count > 0).unwrap_or(0);
    let last = buckets.iter().rposition(|(_, count)| *count > 0).unwrap_or(0);
    for (from_ns, count) in &buckets[first..=last] {
        let share = *count as f64 / most as f64;
        let bar = Bar { share, color: AnsiColor::Blue };
        writeln!(out, "  from {:>9.3} µs {count:>10}  {bar}", *from_ns as f64 / 1_000.0)?;
    }
    Ok(())
}
