//! What is wrong with a data set, and what is in it: counts with examples, found in one pass over its rows.
//!
//! Promises that whatever [`Reader`] would refuse is counted here with its reason, and that memory is bounded: ids beyond
//! [`IDS_MAX`] are not compared, and that is said. Must never know how it is shown.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use hdrhistogram::Histogram;
use serde::Serialize;

use super::error::DataError;
use super::labels::Labels;
use super::merge::Batch;
use super::places::Places;
use super::row::{BadRow, Reader, Row};
use super::set::DataSet;
use crate::backtest::Truth;
use crate::backtest::report::Counted;
use crate::event::{Event, Kind, Schema, TextField};
use crate::money::AMOUNT_MINOR_MAX;
use crate::rules::{KeyField, Label, RatesDeclaration, RuleSet};
use crate::time::{Calendar, Period, SECOND_US, TIME_US_MAX, format_time};

/// Ids that are compared with each other.
pub const IDS_MAX: usize = 1 << 23;
/// Digits that medians and deciles are exact to.
const DIGITS: u8 = 3;
/// Rows that are shown of each finding.
const EXAMPLES: usize = 3;
/// How often the amount that one payment in a thousand is above.
const EXTREME_TIMES: u64 = 100;
const EXTREME_QUANTILE: f64 = 0.999;

/// What was found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Findings {
    /// The data set's name.
    pub name: String,
    /// What it is.
    pub about: String,
    /// Rows of all streams.
    pub rows: u64,
    /// Events among them, by kind.
    pub kinds: Vec<Counted>,
    /// The first and the last event's time, RFC 3339.
    pub first: Option<String>,
    /// The last.
    pub last: Option<String>,
    /// Payments by month, each id once, in the data set's time zone.
    pub months: Vec<Counted>,
    /// Its streams.
    pub streams: Vec<Stream>,
    /// What the rule set reads and no column gives.
    pub lacks: Vec<String>,
    /// Rows that are no event, by reason.
    pub bad_rows: Vec<Finding>,
    /// Rows that came before the row before them.
    pub out_of_order: Finding,
    /// Ids that come again with the same content: told once, as a retry is.
    pub repeated: Finding,
    /// Ids that come again with other content.
    pub reused: Finding,
    /// Whether all ids were compared, and not only the first [`IDS_MAX`].
    pub ids_exact: bool,
    /// Events before or after the time that the manifest says.
    pub outside: Finding,
    /// Amounts.
    pub amounts: Amounts,
    /// What payments turned out to be.
    pub labels: Labelled,
}

/// One stream of events.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Stream {
    /// Its place among the manifest's, from 1.
    pub number: usize,
    /// Its rows.
    pub rows: u64,
    /// Columns that nothing takes.
    pub unmapped: Vec<String>,
    /// Columns with how many of their values are null, where any is.
    pub nulls: Vec<Counted>,
}

/// Something found, with some of the rows.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Finding {
    /// What it is.
    pub what: String,
    /// How often.
    pub count: u64,
    /// Some of them, with their places.
    pub examples: Vec<Example>,
}

/// A row that is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Example {
    /// The place of its stream among the manifest's, from 1.
    pub stream: usize,
    /// Its number among the stream's rows, from 1.
    pub row: u64,
    /// Its file, and its number among that one's rows, where the select leaves none out and joins none.
    pub file: Option<(String, u64)>,
    /// What is wrong with it, or whose row it is.
    pub what: String,
}

impl Finding {
    fn of(what: &str) -> Self {
        Self { what: what.to_owned(), ..Self::default() }
    }

    fn add(&mut self, (select, row): (usize, u64), what: impl FnOnce() -> String) {
        self.count += 1;
        if self.examples.len() < EXAMPLES {
            self.examples.push(Example { stream: select + 1, row, file: None, what: what() });
        }
    }
}

/// The amounts of payments, in minor units of their own currencies.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Amounts {
    /// Of nothing.
    pub zero: u64,
    /// The least.
    pub min_minor: Option<u64>,
    /// Half of them are at most this, to three digits.
    pub median_minor: Option<u64>,
    /// The greatest.
    pub max_minor: Option<u64>,
    /// Above [`extreme_minor`](Self::extreme_minor).
    pub extreme: u64,
    /// A hundred times what 999 in 1,000 are at most.
    pub extreme_minor: Option<u64>,
}

/// What payments turned out to be.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Labelled {
    /// Payments, each id once.
    pub payments: u64,
    /// By label, and by kind of fraud where it says one.
    pub by_label: Vec<Counted>,
    /// Payments of which nothing is known.
    pub unknown: u64,
    /// Label events whose payment is not there.
    pub without_payment: u64,
    /// Labels from before their payment.
    pub early: u64,
    /// From a payment to its label, seconds: the median.
    pub delay_s_p50: Option<u64>,
    /// The ninth decile.
    pub delay_s_p90: Option<u64>,
    /// The longest.
    pub delay_s_max: Option<u64>,
}

impl Findings {
    /// Whether anything is wrong, and not only worth knowing.
    pub fn is_wrong(&self) -> bool {
        !self.bad_rows.is_empty()
            || !self.lacks.is_empty()
            || self.reused.count > 0
            || self.outside.count > 0
            || self.labels.without_payment > 0
            || self.labels.early > 0
            || self.rows == 0
    }
}

impl Findings {
    /// Says of the rows that are shown in which file they are.
    fn place(&mut self, places: &mut Places<'_>) -> Result<(), DataError> {
        let others = [&mut self.out_of_order, &mut self.repeated, &mut self.reused, &mut self.outside];
        for finding in self.bad_rows.iter_mut().chain(others) {
            for example in &mut finding.examples {
                example.file = places.of(example.stream, example.row)?;
            }
        }
        Ok(())
    }
}

/// Goes over a data set once, and a second time over the labels; `progress` is told of every row.
pub fn check(
    data: &DataSet,
    rules: Option<&RuleSet>,
    mut progress: impl FnMut(),
) -> Result<Findings, DataError> {
    let schema = rules.map(|rules| Arc::clone(&rules.schema)).unwrap_or_default();
    let labels = data.labels()?;
    let mut pass = Pass::new(data, &labels, &schema)?;
    let mut reader = Reader::new(Arc::clone(&schema));
    for batch in data.events(&schema)? {
        let batch = batch?;
        pass.columns(&batch);
        for row in 0..batch.rows() {
            progress();
            let (part, at) = batch.place(row);
            let (select, number) = (part.layout.select, part.first_row + at as u64 + 1);
            match reader.read(&batch, row) {
                Ok(read) => pass.row(&read, (select, number)),
                Err(bad) => pass.bad(&bad),
            }
        }
    }
    let lacks = rules.map_or(Ok(Vec::new()), |rules| pass.lacks(rules))?;
    let mut found = pass.end();
    found.place(&mut Places::new(data)?)?;
    Ok(Findings { lacks, ..found })
}

/// A column's name, with the field's that it was probably to have.
fn with_near(name: &str, schema: &Schema) -> String {
    let fields = TextField::ALL.iter().map(|field| field.name());
    let others = ["kind", "time", "time_us", "received", "amount", "amount_minor", "currency", "weight"];
    let declared = schema.fields().iter().map(|(name, _)| name.as_str());
    let distance = |field: &str| strsim::damerau_levenshtein(&name.to_lowercase(), field);
    let reach = 1 + name.len() / 4;
    let near = fields.chain(others).chain(declared).min_by_key(|field| distance(field));
    match near.filter(|field| distance(field) <= reach) {
        Some(field) => format!("{name} (did you mean `{field}`?)"),
        None => name.to_owned(),
    }
}

/// What a pass has seen.
struct Pass<'d> {
    data: &'d DataSet,
    labels: &'d Labels,
    calendar: Calendar,
    found: Findings,
    kinds: BTreeMap<Kind, u64>,
    first_us: i64,
    last_us: i64,
    month: Period,
    months: BTreeMap<i64, u64>,
    /// The fingerprint of each id.
    ids: HashMap<u128, u64, FixedState>,
    /// When the last row of each stream arrived.
    arrivals: Vec<i64>,
    nulls: Vec<Vec<u64>>,
    amounts: Option<Histogram<u64>>,
    delays: Option<Histogram<u64>>,
    by_label: BTreeMap<String, u64>,
    matched: u64,
    /// Payments by the code of their currency, and how many of them say no rate.
    currencies: BTreeMap<&'static str, (u64, u64)>,
    /// Labels that stand in payments' rows without a time.
    untimed: u64,
}

impl<'d> Pass<'d> {
    fn new(data: &'d DataSet, labels: &'d Labels, schema: &Schema) -> Result<Self, DataError> {
        let manifest = data.manifest();
        let selects = data.selects();
        let mut streams = Vec::new();
        for at in 0..selects.len() {
            let unmapped =
                data.layout(at, schema)?.unused.iter().map(|name| with_near(name, schema)).collect();
            streams.push(Stream { number: at + 1, unmapped, ..Stream::default() });
        }
        let found = Findings {
            name: manifest.name.clone(),
            about: manifest.about.clone(),
            streams,
            out_of_order: Finding::of("rows arrived before the row before them"),
            repeated: Finding::of("ids come again with the same content"),
            reused: Finding::of("ids come again with other content"),
            outside: Finding::of("events are outside the time that the manifest says"),
            ids_exact: true,
            ..Findings::default()
        };
        Ok(Self {
            data,
            labels,
            calendar: data.calendar().clone(),
            found,
            kinds: BTreeMap::new(),
            first_us: i64::MAX,
            last_us: i64::MIN,
            month: Period::EMPTY,
            months: BTreeMap::new(),
            ids: HashMap::with_hasher(FixedState::default()),
            arrivals: vec![i64::MIN; selects.len()],
            nulls: selects.iter().map(|select| vec![0; select.schema().fields().len()]).collect(),
            amounts: Histogram::new_with_max(AMOUNT_MINOR_MAX.unsigned_abs(), DIGITS).ok(),
            delays: Histogram::new_with_max((TIME_US_MAX / SECOND_US).unsigned_abs(), DIGITS).ok(),
            by_label: BTreeMap::new(),
            matched: 0,
            currencies: BTreeMap::new(),
            untimed: 0,
        })
    }

    /// Counts the nulls of a batch's parts; a part goes on in the next batch, and is counted once.
    fn columns(&mut self, batch: &Batch) {
        for part in batch.parts() {
            let select = part.layout.select;
            let stream = &mut self.found.streams[select];
            if part.first_row < stream.rows {
                continue;
            }
            stream.rows = part.first_row + part.columns.rows as u64;
            for (sum, nulls) in self.nulls[select].iter_mut().zip(&part.columns.nulls) {
                *sum += *nulls as u64;
            }
        }
    }

    fn bad(&mut self, bad: &BadRow) {
        let what = bad.reason.kind();
        let known = self.found.bad_rows.iter().position(|finding| finding.what == what);
        let at = known.unwrap_or_else(|| {
            self.found.bad_rows.push(Finding::of(&what));
            self.found.bad_rows.len() - 1
        });
        self.found.bad_rows[at].add((bad.select, bad.row), || bad.reason.to_string());
    }

    fn row(&mut self, row: &Row<'_>, place: (usize, u64)) {
        let event = row.event;
        let time_us = event.time_us();
        let whose = || format!("`{}` at {}", event.id(), format_time(time_us));
        *self.kinds.entry(event.kind()).or_default() += 1;
        (self.first_us, self.last_us) = (self.first_us.min(time_us), self.last_us.max(time_us));
        let arrival = event.received_us().unwrap_or(time_us);
        let before = std::mem::replace(&mut self.arrivals[place.0], arrival);
        if arrival < before {
            self.found.out_of_order.add(place, whose);
        }
        let manifest = self.data.manifest();
        if manifest.from_us.is_some_and(|from_us| time_us < from_us)
            || manifest.until_us.is_some_and(|until_us| time_us >= until_us)
        {
            self.found.outside.add(place, whose);
        }
        let first = self.id(event, place, whose);
        if event.kind() == Kind::Transaction {
            self.payment(row, first);
        }
    }

    /// Whether an id comes for the first time.
    fn id(&mut self, event: &Event, place: (usize, u64), whose: impl FnOnce() -> String) -> bool {
        let (identity, fingerprint) = (event.identity(), event.fingerprint());
        match self.ids.get(&identity) {
            Some(known) if *known == fingerprint => self.found.repeated.add(place, whose),
            Some(_) => self.found.reused.add(place, whose),
            None => {
                if self.ids.len() < IDS_MAX {
                    self.ids.insert(identity, fingerprint);
                } else {
                    self.found.ids_exact = false;
                }
                return true;
            }
        }
        false
    }

    fn payment(&mut self, row: &Row<'_>, first: bool) {
        let event = row.event;
        let time_us = event.time_us();
        if let Some(amount) = event.amount() {
            let (payments, unrated) = self.currencies.entry(amount.currency.code()).or_default();
            *payments += 1;
            *unrated += u64::from(event.rate().is_none());
            let (minor, found) = (amount.minor.unsigned_abs(), &mut self.found.amounts);
            found.zero += u64::from(minor == 0);
            found.min_minor = Some(found.min_minor.map_or(minor, |least| least.min(minor)));
            found.max_minor = Some(found.max_minor.map_or(minor, |most| most.max(minor)));
            if let Some(amounts) = &mut self.amounts {
                amounts.saturating_record(minor);
            }
        }
        if !first {
            return;
        }
        if !self.month.contains(time_us) {
            self.month = self.calendar.month(time_us);
        }
        *self.months.entry(self.month.start_us).or_default() += 1;
        self.found.labels.payments += 1;
        self.matched += u64::from(self.labels.get(event.identity()).is_some());
        self.untimed += u64::from(row.truth.label.is_some() && row.label_time_us.is_none());
        let (Truth { label, kind, .. }, said_us) = self.labels.newest(row);
        let name = match (label, kind) {
            (None, _) => "unknown".to_owned(),
            (Some(Label::Fraud), Some(kind)) => format!("fraud: {kind}"),
            (Some(label), _) => label.name().to_owned(),
        };
        self.found.labels.unknown += u64::from(label.is_none());
        *self.by_label.entry(name).or_default() += 1;
        match said_us.filter(|_| label.is_some()).map(|said_us| said_us - time_us) {
            None => {}
            Some(delay_us) if delay_us < 0 => self.found.labels.early += 1,
            Some(delay_us) => {
                if let Some(delays) = &mut self.delays {
                    delays.saturating_record(delay_us.unsigned_abs() / SECOND_US.unsigned_abs());
                }
            }
        }
    }

    /// What a rule set reads that the data does not give.
    fn lacks(&self, rules: &RuleSet) -> Result<Vec<String>, DataError> {
        let layouts = (0..self.data.selects().len()).map(|at| self.data.layout(at, &rules.schema));
        let layouts = layouts.collect::<Result<Vec<_>, _>>()?;
        let gives = |field| layouts.iter().any(|layout| layout.gives_text(field));
        let mut lacks = Vec::new();
        for (position, (name, _)) in rules.schema.fields().iter().enumerate() {
            if !layouts.iter().any(|layout| layout.gives(position)) {
                lacks.push(format!("a column for `{name}`, which the rule set declares in [fields]"));
            }
        }
        let mut keys = BTreeSet::new();
        let labelled = !self.labels.is_empty() || self.by_label.keys().any(|label| label != "unknown");
        for feature in rules.features.iter().filter(|feature| feature.used) {
            for key in feature.by.iter().chain(&feature.at) {
                let KeyField::Text(field) = key else { continue };
                if !gives(*field) && keys.insert(*field) {
                    lacks.push(format!(
                        "a column for `{}`, by which feature `{}` is kept",
                        field.name(),
                        feature.name
                    ));
                }
            }
            if feature.label.is_some() && !labelled {
                lacks.push(format!("labels, which feature `{}` counts", feature.name));
            } else if feature.label.is_some() && self.untimed > 0 {
                lacks.push(format!(
                    "`label_time` of {} labels, without which feature `{}` never sees them",
                    self.untimed, feature.name
                ));
            }
        }
        for field in rules.fields_named.iter().filter(|field| !gives(**field) && !keys.contains(*field)) {
            lacks.push(format!("a column for `{}`, which conditions name", field.name()));
        }
        for (&code, &(payments, unrated)) in &self.currencies {
            if code == rules.currency.code() {
                continue;
            }
            match &rules.rates {
                None => lacks.push(format!(
                    "amounts in {}, the rule set's currency, of {payments} payments in {code}: it has no [rates], and refuses them",
                    rules.currency.code()
                )),
                Some(RatesDeclaration { file: None, .. }) if unrated > 0 => {
                    lacks.push(format!("`rate` of {unrated} payments in {code}: the rule set's [rates] have no file"));
                }
                Some(_) => {}
            }
        }
        Ok(lacks)
    }

    fn end(self) -> Findings {
        let mut found = self.found;
        let counted = |(name, count): (String, u64)| Counted { name, count };
        found.rows = found.streams.iter().map(|stream| stream.rows).sum();
        found.kinds =
            self.kinds.iter().map(|(kind, count)| counted((kind.name().to_owned(), *count))).collect();
        if self.first_us <= self.last_us {
            (found.first, found.last) = (Some(format_time(self.first_us)), Some(format_time(self.last_us)));
        }
        let month = |(start_us, count): (i64, u64)| counted((self.calendar.write(start_us, "%Y-%m"), count));
        found.months = self.months.into_iter().map(month).collect();
        for ((stream, nulls), select) in found.streams.iter_mut().zip(self.nulls).zip(self.data.selects()) {
            let names = select.schema().fields().iter().map(|field| field.name().clone());
            stream.nulls = names.zip(nulls).filter(|(_, count)| *count > 0).map(counted).collect();
        }
        found.bad_rows.sort_by_key(|finding| std::cmp::Reverse(finding.count));
        if let Some(amounts) = self.amounts.filter(|amounts| !amounts.is_empty()) {
            let extreme_minor = amounts.value_at_quantile(EXTREME_QUANTILE).saturating_mul(EXTREME_TIMES);
            found.amounts = Amounts {
                // A class of the histogram may begin below the least amount or end above the greatest.
                median_minor: found
                    .amounts
                    .min_minor
                    .zip(found.amounts.max_minor)
                    .map(|(least, most)| amounts.value_at_quantile(0.5).clamp(least, most)),
                extreme: match amounts.max() > extreme_minor {
                    true => amounts.count_between(extreme_minor.saturating_add(1), amounts.max()),
                    false => 0,
                },
                extreme_minor: Some(extreme_minor),
                ..found.amounts
            };
        }
        found.labels.by_label = self.by_label.into_iter().map(counted).collect();
        found.labels.without_payment = self.labels.len() as u64 - self.matched.min(self.labels.len() as u64);
        if let Some(delays) = self.delays.filter(|delays| !delays.is_empty()) {
            found.labels.delay_s_p50 = Some(delays.value_at_quantile(0.5));
            found.labels.delay_s_p90 = Some(delays.value_at_quantile(0.9));
            found.labels.delay_s_max = Some(delays.max());
        }
        found
    }
}
