//! Where the time of a run's requests went in the sidecar, on a terminal and in `run.json`.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use serde::Serialize;
use weir::bench::Stage;

use super::super::picture::Bar;
use super::table::time;

const HEAD: Style = Style::new().bold();
/// What requests took that is in no stage.
const REST: &str = "rest";

/// A line of the table.
#[derive(Debug, Serialize)]
pub(super) struct Line<'a> {
    stage: &'a str,
    count: u64,
    mean_ns: f64,
    /// The upper bound of the bucket that half of them are in; none behind the last.
    p50_within_ns: Option<f64>,
    p99_within_ns: Option<f64>,
    /// Of what all stages took together; none of the whole, and of what is in no stage.
    share: Option<f64>,
}

/// All stages, the whole, and what of it is in none of them, by request.
pub(super) fn lines(stages: &[Stage]) -> Vec<Line<'_>> {
    let all_ns: f64 = stages.iter().filter(|stage| !stage.is_whole()).map(|stage| stage.sum_ns).sum();
    let mut lines: Vec<_> = stages.iter().map(|stage| line(stage, all_ns)).collect();
    if let Some(whole) = stages.iter().find(|stage| stage.is_whole()) {
        let count = whole.count();
        let mean_ns = (whole.sum_ns - all_ns).max(0.0) / count.max(1) as f64;
        lines.push(Line {
            stage: REST,
            count,
            mean_ns,
            p50_within_ns: None,
            p99_within_ns: None,
            share: None,
        });
    }
    lines
}

fn line(stage: &Stage, all_ns: f64) -> Line<'_> {
    let within = |share| stage.within_ns(share).filter(|bound_ns| bound_ns.is_finite());
    let is_part = !stage.is_whole() && all_ns > 0.0;
    Line {
        stage: &stage.name,
        count: stage.count(),
        mean_ns: stage.mean_ns(),
        p50_within_ns: within(0.5),
        p99_within_ns: within(0.99),
        share: is_part.then(|| stage.sum_ns / all_ns),
    }
}

/// The table.
pub(super) fn show(stages: &[Stage], rate: f64, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "\nwhere the time goes in the sidecar at {rate:.0} a second, warm-up included:")?;
    let [count, mean, p50, p99, share] = ["count", "mean", "p50 within", "p99 within", "share"];
    writeln!(out, "{HEAD}{:<8}{count:>10}{mean:>10}{p50:>12}{p99:>12}{share:>8}{HEAD:#}", "stage")?;
    for line in lines(stages) {
        let within = |ns: Option<f64>| match ns {
            Some(ns) => time(ns.round() as u64),
            None if line.stage == REST || line.count == 0 => "-".to_owned(),
            None => "longer".to_owned(),
        };
        let (p50, p99) = (within(line.p50_within_ns), within(line.p99_within_ns));
        let Line { stage, count, .. } = line;
        write!(out, "{stage:<8}{count:>10}{:>10}{p50:>12}{p99:>12}", time(line.mean_ns.round() as u64))?;
        match line.share {
            Some(share) => {
                writeln!(out, "{:>6.1} %  {}", share * 100.0, Bar { share, color: AnsiColor::Blue })?
            }
            None => writeln!(out)?,
        }
    }
    writeln!(
        out,
        "By the sidecar's own clock. p50 and p99 are upper bounds of the histogram's buckets. Shares are of all stages together; \
         {REST} is what the whole of a request has beside them."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage(name: &str, count: u64, sum_ns: f64) -> Stage {
        Stage { name: name.to_owned(), sum_ns, buckets: vec![(1_000.0, 0), (f64::INFINITY, count)] }
    }

    #[test]
    fn shares_are_of_all_stages_and_the_rest_is_told() {
        let stages = [
            stage("read", 4, 1_000.0),
            stage("step", 2, 3_000.0),
            stage("disk", 0, 0.0),
            stage("whole", 4, 6_000.0),
        ];
        let lines = lines(&stages);
        let shares: Vec<_> = lines.iter().map(|line| (line.stage, line.mean_ns, line.share)).collect();
        let expected = [
            ("read", 250.0, Some(0.25)),
            ("step", 1_500.0, Some(0.75)),
            ("disk", 0.0, Some(0.0)),
            ("whole", 1_500.0, None),
            ("rest", 500.0, None),
        ];
        assert_eq!(shares, expected);
        let mut out = Vec::new();
        show(&stages, 300.0, &mut out).unwrap();
        let table = anstream::adapter::strip_str(std::str::from_utf8(&out).unwrap()).to_string();
        let of = |name: &str| {
            let line = table.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        assert!(of("step").starts_with("step 2 1.50us longer longer 75.0 % █"), "{table}");
        assert_eq!((of("disk"), of("rest")), ("disk 0 0ns - - 0.0 %".into(), "rest 4 500ns - -".into()));
    }
}
