//! All figures of a run, as `run.json` has them.

use serde::Serialize;
use weir::bench::{Counts, Ids, Latencies, PERCENTILES};

use super::runs::Run;
use super::stages::{self, Line};

/// A histogram in figures: nanoseconds, by the name of the percentile.
#[derive(Serialize)]
pub(super) struct Percentiles {
    count: u64,
    mean_ns: f64,
    p50_ns: u64,
    p90_ns: u64,
    p99_ns: u64,
    #[serde(rename = "p99.9_ns")]
    p999_ns: u64,
    #[serde(rename = "p99.99_ns")]
    p9999_ns: u64,
    max_ns: u64,
}

impl Percentiles {
    pub(super) fn of(times: &Latencies) -> Self {
        let [p50_ns, p90_ns, p99_ns, p999_ns, p9999_ns, max_ns] =
            PERCENTILES.map(|(_, quantile)| times.value_at_quantile(quantile));
        Self { count: times.len(), mean_ns: times.mean(), p50_ns, p90_ns, p99_ns, p999_ns, p9999_ns, max_ns }
    }
}

/// One of the slowest requests.
#[derive(Serialize)]
pub(super) struct Slowest {
    /// The payment's id: `GET /v1/decisions/ID` has it.
    id: String,
    intended_ns: u64,
    latency_ns: u64,
    service_ns: u64,
}

/// What one rate gave.
#[derive(Serialize)]
pub(super) struct Figures<'a> {
    rate: f64,
    share_of_capacity: Option<f64>,
    offered: f64,
    achieved: f64,
    seconds: f64,
    warm_up_requests: u64,
    counts: &'a Counts,
    /// From the intended send time.
    latency: Percentiles,
    /// From the sending.
    service: Percentiles,
    /// Of what was shed, until it was told so.
    shed: Percentiles,
    /// How late the generator sent what found a free connection.
    lateness: Percentiles,
    waited_for_a_connection: u64,
    slowest: Vec<Slowest>,
    /// Where the time went in the sidecar, warm-up included, where that was asked for.
    stages: Option<Vec<Line<'a>>>,
    /// An append and an fdatasync now and then meanwhile, where that was asked for.
    disk: Option<Percentiles>,
}

impl<'a> Figures<'a> {
    pub(super) fn of(run: &'a Run, ids: &Ids) -> Self {
        let tally = &run.tally;
        let slowest = tally.slowest().into_iter().map(|slow| Slowest {
            id: ids.of(slow.number),
            intended_ns: slow.intended_ns,
            latency_ns: slow.latency_ns,
            service_ns: slow.service_ns,
        });
        Self {
            rate: run.rate,
            share_of_capacity: run.share,
            offered: tally.offered(),
            achieved: tally.achieved(),
            seconds: tally.counted_ns as f64 / 1e9,
            warm_up_requests: tally.warm_up,
            counts: &tally.counts,
            latency: Percentiles::of(&tally.latency),
            service: Percentiles::of(&tally.service),
            shed: Percentiles::of(&tally.shed),
            lateness: Percentiles::of(&tally.lateness),
            waited_for_a_connection: tally.waited,
            slowest: slowest.collect(),
            stages: run.stages.as_deref().map(stages::lines),
            disk: run.disk.as_ref().map(Percentiles::of),
        }
    }
}
