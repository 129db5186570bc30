//! Pictures of runs: percentiles of each rate, and latency over the offered rate.

use anyhow::anyhow;
use plotters::prelude::*;
use weir::bench::{Latencies, PERCENTILES};

use super::runs::Run;
use super::table::is_told;

const SIZE: (u32, u32) = (960, 540);
/// Told apart by those who see colours otherwise too (Okabe and Ito).
const COLORS: [RGBColor; 8] = [
    RGBColor(110, 110, 110),
    RGBColor(0, 114, 178),
    RGBColor(230, 159, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(213, 94, 0),
    RGBColor(0, 0, 0),
];

struct Line {
    name: String,
    points: Vec<(f64, f64)>,
}

/// How latency grows towards the last of the requests, as HdrHistogram draws it: one in 10, in 100, in 1,000, ...
pub(super) fn percentiles(series: &[(String, &Latencies)]) -> anyhow::Result<String> {
    let lines = series.iter().map(|(name, times)| {
        let points = times.iter_quantiles(5).filter(|step| step.quantile_iterated_to() < 1.0);
        let points = points.map(|step| {
            let left = 1.0 / (1.0 - step.quantile_iterated_to());
            (left, us(step.value_iterated_to()))
        });
        let last = (times.len().max(1) as f64, us(times.max()));
        // A histogram weighted by nanoseconds goes further to the right than any count of requests.
        let most = if name == "jitter" { 1e6 } else { f64::INFINITY };
        let points = points.chain([last]).filter(|(left, _)| *left <= most).collect();
        Line { name: name.clone(), points }
    });
    let label = |left: &f64| format!("{} %", 100.0 - 100.0 / left);
    chart("percentile", &lines.collect::<Vec<_>>(), &label, SeriesLabelPosition::LowerRight)
}

/// Percentiles over the rate at which requests were offered.
pub(super) fn sweep(runs: &[Run]) -> anyhow::Result<String> {
    let lines = PERCENTILES.iter().map(|(name, quantile)| {
        let points = runs.iter().filter(|run| is_told(&run.tally.latency, *quantile));
        let points =
            points.map(|run| (run.tally.offered(), us(run.tally.latency.value_at_quantile(*quantile))));
        Line { name: (*name).to_owned(), points: points.collect() }
    });
    let label = |rate: &f64| format!("{rate}");
    chart("offered, requests a second", &lines.collect::<Vec<_>>(), &label, SeriesLabelPosition::UpperLeft)
}

fn us(ns: u64) -> f64 {
    ns.max(1) as f64 / 1e3
}

/// Lines over two logarithmic axes.
fn chart(
    x: &str,
    lines: &[Line],
    label: &dyn Fn(&f64) -> String,
    legend: SeriesLabelPosition,
) -> anyhow::Result<String> {
    let range = |part: fn(&(f64, f64)) -> f64| {
        let all = lines.iter().flat_map(|line| &line.points).map(part);
        let (least, most) = all.fold((f64::MAX, f64::MIN), |(least, most), at| (least.min(at), most.max(at)));
        if least < most { least..most * 1.2 } else { 1.0..10.0 }
    };
    let mut text = String::new();
    let failed = |error: &dyn std::fmt::Display| anyhow!("can't draw: {error}");
    {
        let root = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
        root.fill(&WHITE).map_err(|error| failed(&error))?;
        let mut chart = ChartBuilder::on(&root)
            .margin(16)
            .x_label_area_size(48)
            .y_label_area_size(80)
            .build_cartesian_2d(range(|point| point.0).log_scale(), range(|point| point.1).log_scale())
            .map_err(|error| failed(&error))?;
        let mut mesh = chart.configure_mesh();
        mesh.x_desc(x).y_desc("latency from the intended send time, us").x_label_formatter(label);
        mesh.y_label_formatter(&|us| format!("{us}"));
        mesh.light_line_style(RGBColor(240, 240, 240)).draw().map_err(|error| failed(&error))?;
        for (line, color) in lines.iter().zip(COLORS.iter().cycle()) {
            let series = LineSeries::new(line.points.iter().copied(), color.stroke_width(2));
            let drawn = chart.draw_series(series).map_err(|error| failed(&error))?;
            let mark = |(x, y)| PathElement::new(vec![(x, y), (x + 16, y)], color.stroke_width(2));
            drawn.label(&line.name).legend(mark);
        }
        let mut labels = chart.configure_series_labels();
        labels.position(legend).background_style(WHITE.mix(0.8));
        labels.draw().map_err(|error| failed(&error))?;
        root.present().map_err(|error| failed(&error))?;
    }
    Ok(text)
}
