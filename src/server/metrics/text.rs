//! The page of all that is measured, as OpenMetrics text.

use std::fmt::{self, Error};
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, MetricEncoder, NoLabelSet, text,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use super::super::clock::now;
use super::super::counts::Count;
use super::super::declared::Cause;
use super::super::queue::ShedWhy;
use super::super::service::{Service, Stage};
use super::Told;
use super::tally::{ANSWERS, Series, outcomes};
use crate::decision::{Outcome, Quality, Stopped};
use crate::engine::VERSION;
use crate::event::Kind;

/// Everything that is known now.
pub(in super::super) fn page(service: &Arc<Service>) -> String {
    let mut registry = Registry::with_prefix("weir");
    registry.register_collector(Box::new(Scrape(Arc::clone(service))));
    let mut page = String::with_capacity(32 << 10);
    // A text takes all that is written to it.
    let _ = text::encode(&mut page, &registry);
    page
}

struct Scrape(Arc<Service>);

impl fmt::Debug for Scrape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scrape")
    }
}

impl Collector for Scrape {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let mut out = Out(encoder);
        of_the_process(&mut out, &self.0)?;
        of_requests(&mut out, &self.0)?;
        of_reloads(&mut out, &self.0)?;
        let told = self.0.metrics.told();
        if let Some(told) = &told {
            of_decisions(&mut out, told)?;
            of_the_engine(&mut out, told)?;
        }
        let about = "Payments allowed since the start, and remembered, of which no execution or reversal was reported";
        out.gauge("allows_unreported", about, self.0.known.unreported())?;
        of_the_journal(&mut out, &self.0, told.as_deref())
    }
}

/// One label and its value.
type Label<'a> = [(&'a str, &'a str); 1];

/// The page being written.
struct Out<'a>(DescriptorEncoder<'a>);

impl Out<'_> {
    fn family<'s>(
        &'s mut self,
        name: &'s str,
        about: &str,
        kind: MetricType,
    ) -> Result<MetricEncoder<'s>, Error> {
        self.0.encode_descriptor(name, about, None, kind)
    }

    fn gauge(&mut self, name: &str, about: &str, value: impl EncodeGaugeValue) -> Result<(), Error> {
        self.family(name, about, MetricType::Gauge)?.encode_gauge(&value)
    }

    fn counter(&mut self, name: &str, about: &str, value: impl EncodeCounterValue) -> Result<(), Error> {
        self.family(name, about, MetricType::Counter)?.encode_counter::<NoLabelSet, _, u64>(&value, None)
    }

    fn gauges<'v, V: EncodeGaugeValue>(
        &mut self,
        (name, label): (&str, &str),
        about: &str,
        all: impl IntoIterator<Item = (&'v str, V)>,
    ) -> Result<(), Error> {
        let mut family = self.family(name, about, MetricType::Gauge)?;
        all.into_iter().try_for_each(|(word, value)| {
            let labels: Label<'_> = [(label, word)];
            family.encode_family(&labels)?.encode_gauge(&value)
        })
    }

    fn counters<'v, V: EncodeCounterValue>(
        &mut self,
        (name, label): (&str, &str),
        about: &str,
        all: impl IntoIterator<Item = (&'v str, V)>,
    ) -> Result<(), Error> {
        let mut family = self.family(name, about, MetricType::Counter)?;
        all.into_iter().try_for_each(|(word, value)| {
            let labels: Label<'_> = [(label, word)];
            family.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&value, None)
        })
    }

    /// Numbers by two labels; those that are nought are left out.
    fn pairs<'v>(
        &mut self,
        (name, labels): (&str, [&str; 2]),
        about: &str,
        all: impl IntoIterator<Item = ([&'v str; 2], u64)>,
    ) -> Result<(), Error> {
        let mut family = self.family(name, about, MetricType::Counter)?;
        all.into_iter().filter(|(_, many)| *many > 0).try_for_each(|(words, many)| {
            let labels = [(labels[0], words[0]), (labels[1], words[1])];
            family.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&many, None)
        })
    }
}

fn of_the_process(out: &mut Out<'_>, service: &Service) -> Result<(), Error> {
    let labels = [("version", env!("CARGO_PKG_VERSION")), ("engine", VERSION)];
    out.family("build", "The program, and the semantic version of its engine", MetricType::Info)?
        .encode_info(&labels)?;
    let metrics = &service.metrics;
    out.gauge("up_seconds", "Since the start", (now() - metrics.since).as_secs_f64())?;
    if let Some(after) = metrics.ready_after.get() {
        out.gauge("ready_after_seconds", "From the start until it decided", after.as_secs_f64())?;
    }
    let is = match service.stage() {
        Stage::Recovering(_) => "recovering",
        Stage::Ready => "ready",
        Stage::Alone(_) => "in_memory",
        Stage::JournalFailed(_) => "journal_failed",
        Stage::Draining => "draining",
    };
    let stages = ["recovering", "ready", "in_memory", "journal_failed", "draining"];
    let stages = stages.map(|stage| (stage, u64::from(stage == is)));
    out.gauges(("stage", "stage"), "How the engine is: 1 at one of them", stages)
}

fn of_requests(out: &mut Out<'_>, service: &Service) -> Result<(), Error> {
    let (metrics, counts) = (&service.metrics, &service.counts);
    let about = "How long requests were read and written, each event took to be parsed, waited for the engine, was journaled, \
                 stepped and waited for its batch and the disk; and the whole of each request";
    let mut family = out.family("stage_duration_seconds", about, MetricType::Histogram)?;
    for (stage, durations) in metrics.stages.all() {
        let (sum, many, buckets) = durations.read();
        let labels: Label<'_> = [("stage", stage)];
        family.encode_family(&labels)?.encode_histogram::<NoLabelSet>(sum, many, &buckets, None)?;
    }
    let by_status = |counts: &[Count; 5]| {
        let statuses = ["1xx", "2xx", "3xx", "4xx", "5xx"].into_iter();
        statuses.zip(counts.each_ref().map(Count::get))
    };
    let responses = by_status(&metrics.responses);
    out.counters(("http_responses", "status"), "Responses under /v1 by status", responses)?;
    let answers = by_status(&metrics.binary_answers);
    out.counters(("binary_answers", "status"), "Answers on the binary door by status", answers)?;
    out.counter("events", "Events that came in, whatever became of them", counts.events.get())?;
    out.counter("bad_bodies", "Bodies that are no event", counts.bad_bodies.get())?;
    out.counter("engine_answers", "Answers of the engine that went out", counts.answered.get())?;
    let about = "Of those, what was not known to be on disk";
    out.counter("not_durable", about, counts.not_durable.get())?;
    let by_cause = |counts: &[Count; 4]| Cause::ALL.map(|cause| (cause.name(), counts[cause as usize].get()));
    let declared = by_cause(&counts.declared);
    out.counters(("declared", "cause"), "Answers as declared, not decided", declared)?;
    let refused = by_cause(&counts.refused);
    out.counters(("unanswered", "cause"), "Events with status 503, since nothing is declared", refused)?;
    let shed = ShedWhy::ALL.map(|why| (shed_name(why), counts.shed[why as usize].get()));
    out.counters(("shed", "why"), "Events that the queue did not let in", shed)?;
    let turned_away = "Requests that were turned away unread, since too many were on their way";
    out.counter("requests_turned_away", turned_away, counts.turned_away.get())?;
    let in_flight = "Requests with events, from their heads to their answers";
    out.gauge("requests_in_flight", in_flight, service.flights.now())?;
    out.gauge("requests_max", "How many there may be", service.settings.bounds.requests_max)?;
    let joined = "Requests for a payment that was on its way already";
    out.counter("joined", joined, counts.joined.get())?;
    out.counter("late_events", "Events let in after they were answered as declared", counts.late.get())?;
    let unrecorded = "Events taken in since the journal failed, to be sent again";
    out.counter("unrecorded", unrecorded, counts.unrecorded.get())?;
    let ([on_time, late], _) = service.queue.waiting();
    out.gauge("queue_events", "Events that wait for the engine", on_time)?;
    out.gauge("queue_events_late", "Events that wait for it and are answered", late)?;
    let most = service.settings.bounds.queue_events_max;
    out.gauge("queue_events_max", "How many may wait", most)
}

const fn shed_name(why: ShedWhy) -> &'static str {
    match why {
        ShedWhy::Late => "late",
        ShedWhy::Full => "full",
        ShedWhy::Share => "share",
        ShedWhy::Closed => "closed",
    }
}

fn of_decisions(out: &mut Out<'_>, told: &Told) -> Result<(), Error> {
    let tally = &told.tally;
    out.counters(
        ("decisions", "outcome"),
        "First decisions, and final ones after a step-up",
        outcomes(&tally.outcomes),
    )?;
    let by = |series: &Series<[u64; 3]>| -> Vec<_> {
        let all = series.all().flat_map(|(word, many)| {
            outcomes(many).map(move |(outcome, many)| ([word.to_owned(), outcome.to_owned()], many))
        });
        all.collect()
    };
    for (name, label, series) in [
        ("decisions_by_portal", "portal", &tally.portals),
        ("decisions_by_provider", "provider", &tally.providers),
    ] {
        let all = by(series);
        let all = all.iter().map(|([word, outcome], many)| ([word.as_str(), outcome.as_str()], *many));
        out.pairs(
            (name, [label, "outcome"]),
            "The same by what the event says, where it is a short word",
            all,
        )?;
    }
    let rules = tally.rules.all().map(|(rule, many)| (rule, *many));
    out.counters(("rules_fired", "rule"), "Rules that fired and acted", rules)?;
    let stopped = Stopped::ALL.map(|why| (why.name(), tally.stopped[why as usize]));
    out.counters(("stopped", "why"), "Blocked, though rules only wanted a step-up", stopped)?;
    let pairs = Outcome::ALL.into_iter().flat_map(|live| {
        let beside = Outcome::ALL.into_iter();
        beside.map(move |shadow| ([live.name(), shadow.name()], tally.shadow[live as usize][shadow as usize]))
    });
    let about = "Decisions by outcome and by what the shadow would have decided, since it was loaded";
    out.pairs(("shadow_decisions", ["outcome", "shadow"]), about, pairs)?;
    let refused = tally.refused.all().map(|(code, many)| (code, *many));
    out.counters(("refusals", "code"), "Events that the engine refused", refused)?;
    let answers = Kind::ALL.into_iter().flat_map(|kind| {
        let of = tally.answers[kind as usize];
        ANSWERS.into_iter().zip(of).map(move |(answer, many)| ([kind.name(), answer], many))
    });
    out.pairs(("answers", ["kind", "answer"]), "Events that the engine took in, by what it answered", answers)
}

fn of_reloads(out: &mut Out<'_>, service: &Service) -> Result<(), Error> {
    let about = "How long events waited while a rule set was taken up";
    let (sum, many, buckets) = service.metrics.reload.read();
    out.family("reload_pause_seconds", about, MetricType::Histogram)?
        .encode_histogram::<NoLabelSet>(sum, many, &buckets, None)
}

fn of_the_engine(out: &mut Out<'_>, told: &Told) -> Result<(), Error> {
    let labels = [("name", told.rule_set.as_str()), ("hash", told.rule_set_hash.as_str())];
    out.family("rule_set", "The rule set that decides", MetricType::Info)?.encode_info(&labels)?;
    let memory = &told.memory;
    let parts = [
        ("dictionary", memory.state.dictionary),
        ("keys", memory.state.keys),
        ("records", memory.state.records),
        ("arenas", memory.state.arenas),
        ("marks", memory.state.marks),
        ("log", memory.state.log),
        ("side", memory.state.side),
        ("shadow", memory.shadow.families() + memory.shadow.log + memory.shadow.side),
        ("ids", memory.ids),
        ("answers", memory.answers),
        ("corrections", memory.corrections),
        ("lists", memory.lists),
    ];
    out.gauges(("memory_bytes", "part"), "Bytes that the engine holds", parts)?;
    let qualities = Quality::ALL.map(|quality| (quality.name(), told.qualities[quality as usize]));
    out.counters(("features_read", "quality"), "Values of features that were read", qualities)?;
    out.gauge("keys", "Keys that features are kept for", told.keys)?;
    out.gauge("step_ups_open", "Step-ups that wait for a customer's answer", told.step_ups_open)
}

fn of_the_journal(out: &mut Out<'_>, service: &Service, told: Option<&Told>) -> Result<(), Error> {
    let Some(watch) = service.metrics.watch.get() else { return Ok(()) };
    let figures = watch.figures();
    out.counter("journal_records", "Records written", figures.records)?;
    out.counter("journal_bytes", "Bytes written", figures.bytes)?;
    out.counter("journal_groups", "Groups written", figures.groups)?;
    out.counter("journal_syncs", "Syncs", figures.syncs())?;
    out.counter("journal_sync_seconds", "Seconds that all syncs took", figures.syncs_ns() / 1e9)?;
    let quantiles = [("0.5", 0.5), ("0.99", 0.99), ("1", 1.0)];
    let quantiles = quantiles.map(|(word, quantile)| (word, figures.sync_ns(quantile) as f64 / 1e9));
    let about = "Seconds that a sync took at most, for this share of all since the start";
    out.gauges(("journal_sync_quantile_seconds", "quantile"), about, quantiles)?;
    out.gauge("journal_failed", "1 once it can't be written", u64::from(watch.poisoned().is_some()))?;
    let Some(told) = told else { return Ok(()) };
    let behind = told.record.saturating_sub(watch.durable());
    out.gauge("journal_behind_records", "Records that were handed over and are not on disk", behind)?;
    let snapshots = &told.snapshots;
    out.counter("snapshots", "Snapshots that are whole on disk", snapshots.written)?;
    out.counter("snapshots_skipped", "Due while the one before was being written", snapshots.skipped)?;
    out.gauge("snapshot_failed", "1 where the last one is not there", u64::from(snapshots.failed.is_some()))?;
    let pause = snapshots.pause_max.as_secs_f64();
    out.gauge("snapshot_pause_max_seconds", "The longest that events waited for one", pause)
}
