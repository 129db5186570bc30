//! The events that a decision's features counted, found by looking at every event before it.
//!
//! An event is shown where its kind, key, condition and time are those that a feature counts. What was taken back later, was
//! emptied by a reset, or did not count for want of an approval or an execution is shown too, with how it was answered: the
//! journal holds that, and the value itself comes from the engine. Of another tenant's events nothing is shown but how many.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use weir::decision::{Reading, Value};
use weir::event::{Event, ExtraValue, TextField};
use weir::io::{Disk, LineReader};
use weir::journal::{Reader, Record};
use weir::rules::{Counts, Facts, Feature, KeyField, RuleSet, Window};
use weir::time::format_time;

/// An event of the past as the journal holds it.
pub(super) struct Past {
    /// The number of its record.
    pub(super) record: u64,
    pub(super) event: String,
    /// The number of its answer's record, and the answer.
    pub(super) answer: Option<(u64, String)>,
    /// Whether records are missing behind it, so that its answer may be one of them.
    pub(super) lacks: bool,
}

impl Past {
    /// Finds the first record that says this event.
    pub(super) fn find(disk: &Arc<dyn Disk>, folder: &Path, event: &Event) -> anyhow::Result<Self> {
        let mut reader = Reader::open(Arc::clone(disk), folder)?;
        let mut lines = LineReader::new(Arc::new(event.schema().clone()));
        let mut past: Option<Self> = None;
        let mut before = 0;
        while let Some(entry) = reader.next_whole()? {
            if let Some(past) = &mut past {
                past.lacks |= entry.number > before + 1;
            }
            before = entry.number;
            match (entry.record()?, &mut past) {
                (Record::Event { bytes, .. }, None) => {
                    let same = lines.read(bytes).is_ok_and(|held| {
                        (held.identity(), held.fingerprint()) == (event.identity(), event.fingerprint())
                    });
                    if same {
                        let event = String::from_utf8_lossy(bytes).into_owned();
                        past = Some(Self { record: entry.number, event, answer: None, lacks: false });
                    }
                }
                (Record::Answer { event, bytes, .. }, Some(past)) if event == past.record => {
                    past.answer = Some((entry.number, String::from_utf8_lossy(bytes).into_owned()));
                    break;
                }
                _ => {}
            }
        }
        past.ok_or_else(|| anyhow::anyhow!("the event is not in the journal any more"))
    }
}

/// A feature of the decision, and what it looks for.
struct Wanted<'r> {
    feature: &'r Feature,
    reading: Reading,
    key: Vec<String>,
    /// Later than this, and not later than that.
    after_us: i64,
    until_us: i64,
    count: u64,
    /// How many of them are other tenants'.
    others: u64,
    newest: VecDeque<(u64, String)>,
}

/// What a decision's features look for.
pub(super) struct Contributions<'r> {
    rules: &'r RuleSet,
    tenant: Option<String>,
    wanted: Vec<Wanted<'r>>,
    /// What counts already: an event that comes again counts once.
    counted: BTreeSet<(u128, u64)>,
}

fn text(event: &Event, field: &KeyField) -> Option<String> {
    match *field {
        KeyField::Text(field) => event.text(field).map(str::to_owned),
        KeyField::Extra(at) => event.extra(at).map(|value| match value {
            ExtraValue::Text(text) => text.to_owned(),
            ExtraValue::Whole(whole) => whole.to_string(),
            ExtraValue::Decimal(decimal) => decimal.to_string(),
            ExtraValue::Boolean(boolean) => boolean.to_string(),
        }),
    }
}

impl<'r> Contributions<'r> {
    /// Of the features that the answer of an event names, as they were read at `now_us`.
    pub(super) fn of(
        rules: &'r RuleSet,
        event: &Event,
        past: &Past,
        now_us: i64,
        readings: &[Reading],
    ) -> Self {
        let answer = past.answer.as_ref().map(|(_, line)| line.as_str()).unwrap_or_default();
        let answer: serde_json::Value = serde_json::from_str(answer).unwrap_or_default();
        let named = |feature: &Feature| answer["features"].get(&feature.name).is_some();
        let mut calendar = rules.calendar.clone();
        let features = rules.features.iter().zip(readings).filter(|(feature, _)| named(feature));
        let wanted = features.filter_map(|(feature, &reading)| {
            let key = feature.at.iter().map(|field| text(event, field)).collect::<Option<_>>()?;
            let until_us = now_us - feature.delay_us;
            let after_us = match feature.window {
                Window::Sliding { length_us } => until_us - length_us,
                Window::Day => calendar.day(until_us).start_us - 1,
                Window::Month => calendar.month(until_us).start_us - 1,
                Window::Forever => i64::MIN,
            };
            let newest = VecDeque::new();
            Some(Wanted { feature, reading, key, after_us, until_us, count: 0, others: 0, newest })
        });
        let wanted = wanted.collect();
        let tenant = event.text(TextField::Tenant).map(str::to_owned);
        Self { rules, tenant, wanted, counted: BTreeSet::new() }
    }

    /// Looks at every event up to a record, and shows of each feature how many count, and the newest of them.
    pub(super) fn show(
        mut self,
        disk: &Arc<dyn Disk>,
        folder: &Path,
        record: u64,
        most: usize,
        out: &mut impl Write,
    ) -> anyhow::Result<()> {
        let mut reader = Reader::open(Arc::clone(disk), folder)?;
        let mut lines = LineReader::new(Arc::clone(&self.rules.schema));
        let mut outcomes: BTreeMap<u64, String> = BTreeMap::new();
        while let Some(entry) = reader.next_whole()? {
            if entry.number > record {
                break;
            }
            match entry.record()? {
                Record::Event { bytes, .. } => {
                    if let Ok(event) = lines.read(bytes) {
                        self.event(entry.number, entry.number == record, event, most);
                    }
                }
                Record::Answer { event, bytes, .. } => {
                    // Only of what is shown.
                    if self
                        .wanted
                        .iter()
                        .any(|wanted| wanted.newest.iter().any(|(number, _)| *number == event))
                    {
                        outcomes.insert(event, outcome(bytes));
                    }
                }
                Record::Control(_) | Record::Head(_) => {}
            }
        }
        for wanted in &self.wanted {
            let Wanted { feature, reading, key, after_us, until_us, count, others, newest } = wanted;
            let value = match reading.value {
                Value::Null => "null".to_owned(),
                Value::Boolean(value) => value.to_string(),
                Value::Whole(value) => value.to_string(),
                Value::Decimal(value) => value.to_string(),
            };
            let since =
                if *after_us == i64::MIN { "the beginning".to_owned() } else { format_time(*after_us) };
            writeln!(
                out,
                "{} = {value} ({}) of {}: {count} events after {since} up to {} have its kind, key and condition{}{}",
                feature.name,
                reading.quality.name(),
                key.join(", "),
                format_time(*until_us),
                match feature.counts {
                    Counts::Asked => "",
                    Counts::Allowed => "; it counts those that were allowed",
                    Counts::Executed => "; it counts those that were executed",
                },
                match others {
                    0 => String::new(),
                    others => format!("; {others} of them are other tenants', and not shown"),
                }
            )?;
            for (number, line) in newest {
                let outcome = outcomes.get(number).map_or("", String::as_str);
                writeln!(out, "  record {number}: {line}{outcome}")?;
            }
        }
        Ok(())
    }

    fn event(&mut self, number: u64, itself: bool, event: &Event, most: usize) {
        let when = self.rules.calendar.clone().hour_and_weekday(event.time_us());
        let own = event.text(TextField::Tenant) == self.tenant.as_deref();
        let content = (event.identity(), event.fingerprint());
        if self.counted.contains(&content) {
            return;
        }
        for wanted in &mut self.wanted {
            let feature = wanted.feature;
            let time_us = event.time_us();
            let counts = feature.from.contains(event.kind())
                && (feature.current || !itself)
                && (wanted.after_us < time_us && time_us <= wanted.until_us)
                && (feature.across || own)
                && feature.by.iter().zip(&wanted.key).all(|(by, key)| text(event, by).as_ref() == Some(key))
                // What asks tables and lists can't be told from the event alone, so it is shown.
                && feature.condition.as_ref().is_none_or(|condition| {
                    let asks = !feature.tables.is_empty() || !feature.lists.is_empty();
                    asks || condition.holds(&Facts::of(event, when)) == Some(true)
                });
            if !counts {
                continue;
            }
            self.counted.insert(content);
            wanted.count += 1;
            if !own {
                wanted.others += 1;
                continue;
            }
            let paid = event
                .paid()
                .map_or_else(String::new, |paid| format!(" {} {}", paid.minor, paid.currency.code()));
            let line = format!("{} {} `{}`{paid}", format_time(time_us), event.kind().name(), event.id());
            wanted.newest.push_back((number, line));
            if wanted.newest.len() > most {
                wanted.newest.pop_front();
            }
        }
    }
}

/// What an answer came to, in a word.
fn outcome(bytes: &[u8]) -> String {
    let answer: serde_json::Value = serde_json::from_slice(bytes).unwrap_or_default();
    let said = answer["outcome"].as_str().or_else(|| answer["refused"].as_str());
    said.map_or_else(String::new, |said| format!(", {said}"))
}
