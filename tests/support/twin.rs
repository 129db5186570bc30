//! The slow, obvious twin of the engine: it keeps every event and scans them all for every value.

use std::collections::HashMap;

use weir::decision::{Outcome, Reading, Value};
use weir::event::{Event, ExtraValue, Kind, TextField};
use weir::money::AMOUNT_MINOR_MAX;
use weir::rules::{
    Action, Aggregate, Counts, Facts, Feature, KeyField, NumberField, OnUnknown, RuleSet, Window,
};
use weir::time::Calendar;

/// What the twin says to an event.
#[derive(Debug, PartialEq)]
pub enum Said {
    Decided(Outcome, Vec<Value>),
    Repeated(Outcome, Vec<Value>),
    Taken,
    TakenBefore,
    Refused(&'static str),
}

#[derive(Clone, Default)]
struct Reports {
    authenticated: bool,
    failed: bool,
    reversed: i128,
    reversed_fully: bool,
}

struct Past {
    event: Event,
    arrived_us: i64,
    /// `None` for all but transactions.
    outcome: Option<Outcome>,
    values: Vec<Value>,
    reports: Reports,
}

pub struct Twin {
    rules: RuleSet,
    calendar: Calendar,
    now_us: i64,
    past: Vec<Past>,
    waiting: HashMap<(String, String), (Reports, i64)>,
    /// Of the last transaction, per feature: whether something late or corrected is part of its value.
    pub corrected: Vec<bool>,
    /// Whether anything at all came late or was reported of a payment.
    pub disturbed: bool,
}

fn tenant(event: &Event) -> String {
    event.text(TextField::Tenant).unwrap_or("").to_owned()
}

fn key_text(event: &Event, field: KeyField) -> Option<String> {
    match field {
        KeyField::Text(field) => event.text(field).map(str::to_owned),
        KeyField::Extra(position) => match event.extra(position) {
            Some(ExtraValue::Text(text)) => Some(text.to_owned()),
            _ => None,
        },
    }
}

fn key(event: &Event, fields: &[KeyField]) -> Option<Vec<String>> {
    let mut key = vec![tenant(event)];
    for &field in fields {
        key.push(key_text(event, field)?);
    }
    Some(key)
}

impl Past {
    fn payment(&self) -> bool {
        matches!(self.event.kind(), Kind::Transaction | Kind::Observed)
    }

    fn amount_left(&self) -> Option<i128> {
        let amount = i128::from(self.event.amount()?.minor);
        let left = (amount - self.reports.reversed).max(0);
        let gone = self.reports.reversed_fully || (left == 0 && self.reports.reversed > 0);
        (!gone).then_some(left)
    }

    fn counts(&self, counts: Counts) -> bool {
        if !self.payment() {
            return true;
        }
        let allowed = match self.outcome {
            None | Some(Outcome::Allow) => !self.reports.failed,
            Some(Outcome::StepUp) => self.reports.authenticated && !self.reports.failed,
            Some(Outcome::Block) => false,
        };
        self.amount_left().is_some() && (counts == Counts::Asked || allowed)
    }

    /// Whether what it contributes came late, or is not what its own row said.
    fn corrected(&self, counts: Counts) -> bool {
        let reported = counts == Counts::Allowed && self.outcome == Some(Outcome::StepUp);
        self.event.time_us() < self.arrived_us || self.reports.reversed > 0 || (self.payment() && reported)
    }

    fn number(&self, field: NumberField) -> Option<i128> {
        match field {
            NumberField::Amount if self.payment() => self.amount_left(),
            NumberField::Amount => self.event.amount().map(|amount| i128::from(amount.minor)),
            NumberField::Extra(position) => match self.event.extra(position) {
                Some(ExtraValue::Whole(value)) if value.unsigned_abs() <= AMOUNT_MINOR_MAX as u64 => {
                    Some(i128::from(value))
                }
                _ => None,
            },
        }
    }
}

impl Twin {
    pub fn new(rules: RuleSet) -> Self {
        let calendar = Calendar::new(&rules.time_zone).unwrap();
        Self {
            rules,
            calendar,
            now_us: -1,
            past: Vec::new(),
            waiting: HashMap::new(),
            corrected: Vec::new(),
            disturbed: false,
        }
    }

    fn remembered(&self, arrived_us: i64, now_us: i64) -> bool {
        arrived_us > now_us - self.rules.horizon_us
    }

    fn find(&self, tenant: &str, id: &str, now_us: i64) -> Option<usize> {
        let same = |past: &Past| self::tenant(&past.event) == tenant && past.event.id() == id;
        self.past.iter().rposition(|past| same(past) && self.remembered(past.arrived_us, now_us))
    }

    pub fn step(&mut self, event: &Event) -> Said {
        let now_us = self.now_us.max(event.time_us());
        if let Some(at) = self.find(&tenant(event), event.id(), now_us) {
            let past = &self.past[at];
            return if past.event.fingerprint() != event.fingerprint() {
                Said::Refused("id_reused")
            } else if let Some(outcome) = past.outcome {
                Said::Repeated(outcome, past.values.clone())
            } else {
                Said::TakenBefore
            };
        }
        if let Some(of) = event.text(TextField::Transaction)
            && matches!(event.kind(), Kind::Authentication | Kind::Execution | Kind::Reversal)
            && let Some(refused) = self.report(event, of, now_us)
        {
            return Said::Refused(refused);
        }
        self.disturbed |= event.time_us() < self.now_us || event.text(TextField::Transaction).is_some();
        self.now_us = now_us;
        let (hour, weekday) = self.calendar.hour_and_weekday(event.time_us());
        let mut past = Past {
            event: event.clone(),
            arrived_us: now_us,
            outcome: None,
            values: Vec::new(),
            reports: Reports::default(),
        };
        if event.kind() == Kind::Transaction {
            // The event itself, seen as the last of the past, is counted as though it were allowed.
            past.outcome = Some(Outcome::Allow);
            self.past.push(past);
            self.corrected.clear();
            let readings: Vec<Reading> = self
                .rules
                .features
                .clone()
                .iter()
                .map(|feature| Reading { value: self.value(feature, event), ..Reading::default() })
                .collect();
            past = self.past.pop().unwrap();
            let facts = Facts { features: &readings, ..Facts::of(event, (hour, weekday)) };
            past.outcome = Some(self.outcome(&facts));
            past.values = readings.iter().map(|reading| reading.value).collect();
        }
        let mut said = Said::Taken;
        if let Some(outcome) = past.outcome {
            said = Said::Decided(outcome, past.values.clone());
        }
        let waited = (tenant(event), event.id().to_owned());
        if past.payment()
            && let Some((reports, arrived_us)) = self.waiting.remove(&waited)
            && self.remembered(arrived_us, now_us)
        {
            past.reports = reports;
        }
        self.past.push(past);
        said
    }

    fn report(&mut self, event: &Event, of: &str, now_us: i64) -> Option<&'static str> {
        let target = self.find(&tenant(event), of, now_us);
        let mut waiting = Reports::default();
        let reports = match target {
            Some(at) if !self.past[at].payment() => return Some("not_a_payment"),
            Some(at) if self.past[at].event.time_us() <= now_us - self.rules.horizon_us => {
                return Some("too_old");
            }
            Some(at) => &mut self.past[at].reports,
            None => {
                let held = self.waiting.get(&(tenant(event), of.to_owned()));
                if let Some((reports, arrived_us)) = held
                    && self.remembered(*arrived_us, now_us)
                {
                    waiting = reports.clone();
                }
                &mut waiting
            }
        };
        let succeeded = event.text(TextField::Result) == Some("succeeded");
        match event.kind() {
            Kind::Authentication => reports.authenticated |= succeeded,
            Kind::Execution => {
                reports.failed = !succeeded;
                reports.authenticated |= succeeded;
            }
            _ => match event.amount() {
                Some(amount) => reports.reversed += i128::from(amount.minor),
                None => reports.reversed_fully = true,
            },
        }
        if target.is_none() {
            self.waiting.insert((tenant(event), of.to_owned()), (waiting, now_us));
        }
        None
    }

    fn outcome(&self, facts: &Facts<'_>) -> Outcome {
        let fired =
            |rule: &&weir::rules::Rule| rule.when.holds(facts).unwrap_or(rule.on_unknown == OnUnknown::Fires);
        let asked = self.rules.rules.iter().filter(fired).map(|rule| match rule.then {
            Some(Action::Outcome(outcome)) => outcome,
            _ => Outcome::Allow,
        });
        asked.max().unwrap_or_default()
    }

    fn covers(&mut self, window: Window, time_us: i64) -> bool {
        let now_us = self.now_us;
        match window {
            Window::Sliding { length_us } => time_us > now_us - length_us,
            Window::Day => self.calendar.day(now_us).contains(time_us),
            Window::Month => self.calendar.month(now_us).contains(time_us),
            Window::Forever => true,
        }
    }

    /// The value of a feature for the newest event of the past.
    fn value(&mut self, feature: &Feature, event: &Event) -> Value {
        let Some(read_at) = key(event, &feature.at) else {
            self.corrected.push(false);
            return Value::Null;
        };
        let newest = self.past.len() - 1;
        let mut numbers: Vec<i128> = Vec::new();
        let mut texts: Vec<String> = Vec::new();
        let mut times: Vec<i64> = Vec::new();
        let mut corrected = false;
        for at in 0..self.past.len() {
            let window = self.covers(feature.window, self.past[at].event.time_us());
            let past = &self.past[at];
            let (hour, weekday) = self.calendar.hour_and_weekday(past.event.time_us());
            let facts = Facts::of(&past.event, (hour, weekday));
            let meant = feature.from.contains(past.event.kind())
                && (at != newest || feature.current)
                && past.counts(feature.counts)
                && key(&past.event, &feature.by).as_ref() == Some(&read_at)
                && feature.condition.as_ref().is_none_or(|condition| condition.holds(&facts) == Some(true));
            if !meant || !window {
                continue;
            }
            // The event being scored is not filed yet: it corrects nothing.
            corrected |=
                at != newest && past.corrected(feature.counts) && contributes(past, feature.aggregate);
            match feature.aggregate {
                Aggregate::Count | Aggregate::IsNew | Aggregate::Since => times.push(past.event.time_us()),
                Aggregate::Sum(field)
                | Aggregate::Mean(field)
                | Aggregate::Min(field)
                | Aggregate::Max(field)
                | Aggregate::Deviation(field) => numbers.extend(past.number(field)),
                Aggregate::Distinct(field) => texts.extend(key_text(&past.event, field)),
            }
        }
        self.corrected.push(corrected);
        aggregate(feature.aggregate, self.now_us, numbers, texts, times)
    }
}

/// Whether an event has the value that an aggregate takes.
fn contributes(past: &Past, aggregate: Aggregate) -> bool {
    match aggregate {
        Aggregate::Count | Aggregate::IsNew | Aggregate::Since => true,
        Aggregate::Sum(field)
        | Aggregate::Mean(field)
        | Aggregate::Min(field)
        | Aggregate::Max(field)
        | Aggregate::Deviation(field) => past.number(field).is_some(),
        Aggregate::Distinct(field) => key_text(&past.event, field).is_some(),
    }
}

fn aggregate(
    aggregate: Aggregate,
    now_us: i64,
    numbers: Vec<i128>,
    mut texts: Vec<String>,
    times: Vec<i64>,
) -> Value {
    let whole = |value: Option<i128>| {
        value.and_then(|value| i64::try_from(value).ok()).map_or(Value::Null, Value::Whole)
    };
    let (count, sum) = (numbers.len() as i128, numbers.iter().sum::<i128>());
    match aggregate {
        Aggregate::Count => Value::Whole(times.len() as i64),
        Aggregate::IsNew => Value::Boolean(times.is_empty()),
        Aggregate::Since => times.iter().max().map_or(Value::Null, |last| Value::Whole(now_us - last)),
        Aggregate::Sum(_) => whole(Some(sum)),
        Aggregate::Min(_) => whole(numbers.iter().min().copied()),
        Aggregate::Max(_) => whole(numbers.iter().max().copied()),
        Aggregate::Distinct(_) => {
            texts.sort();
            texts.dedup();
            Value::Whole(texts.len() as i64)
        }
        Aggregate::Mean(_) if count == 0 => Value::Null,
        Aggregate::Mean(_) => Value::Decimal(sum as f64 / count as f64),
        Aggregate::Deviation(_) if count < 2 => Value::Null,
        Aggregate::Deviation(_) => {
            let squares: i128 = numbers.iter().map(|n| n * n).sum();
            let spread = (count * squares - sum * sum) as f64 / (count * (count - 1)) as f64;
            Value::Decimal(libm::sqrt(spread))
        }
    }
}
