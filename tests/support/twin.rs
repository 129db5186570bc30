//! The slow, obvious twin of the engine: it keeps every event and scans them all for every value.

use std::collections::HashMap;

use weir::decision::{Outcome, Reading, Value};
use weir::event::{Event, ExtraValue, Kind, TextField};
use weir::money::AMOUNT_MINOR_MAX;
use weir::rules::{
    Action, Aggregate, Counts, DegreeField, Facts, Feature, Feedback, KeyField, Label, NumberField,
    OnUnknown, Operand, RuleSet, Window,
};
use weir::time::Calendar;

/// What the twin says to an event.
#[derive(Debug, PartialEq)]
pub enum Said {
    Decided(Outcome, Vec<Value>),
    Repeated(Outcome, Vec<Value>),
    Taken,
    /// It was taken, and a payment was executed that was not allowed.
    Alert,
    AlertedBefore,
    TakenBefore,
    Refused(&'static str),
}

#[derive(Clone, Default)]
struct Reports {
    /// When it was first authenticated, and when that was said.
    authenticated: Option<(i64, i64)>,
    executed_us: Option<i64>,
    failed: bool,
    reversed: i128,
    reversed_fully: bool,
    /// When the latest reversal of anything was said.
    reversed_said_us: i64,
    /// What it is labelled, and when that was said.
    label: Option<(Label, i64)>,
}

#[derive(Clone)]
struct Past {
    event: Event,
    arrived_us: i64,
    /// `None` for all but transactions.
    outcome: Option<Outcome>,
    values: Vec<Value>,
    /// Whether its own answer was an alert.
    alerted: bool,
    reports: Reports,
    /// By feature, whether it empties it when it comes, and whether it does once it is executed.
    empties: Vec<bool>,
    armed: Vec<bool>,
    /// Where it stands, and where what counts as executed does; events stand four apart, with room between them.
    at: usize,
    executed_at: usize,
    /// Whether it was executed before.
    executed: bool,
}

pub struct Twin {
    rules: RuleSet,
    calendar: Calendar,
    now_us: i64,
    past: Vec<Past>,
    waiting: HashMap<(String, String), (Reports, i64)>,
    /// What was emptied by executions: before where, which feature, and for which key.
    emptied: Vec<(usize, usize, Vec<String>)>,
    /// Of the last transaction, per feature: whether something late or corrected is part of its value.
    pub corrected: Vec<bool>,
    /// Whether anything at all came late or was reported of a payment.
    pub disturbed: bool,
    /// How far `clock` events move time, where that is not as far as they say.
    pub clock_us: Option<i64>,
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

    /// When it was allowed, if it was.
    fn allowed_us(&self) -> Option<i64> {
        let own_us = self.event.time_us();
        match self.outcome {
            _ if self.reports.failed => None,
            None | Some(Outcome::Allow) => Some(own_us),
            Some(Outcome::StepUp) => self.reports.authenticated.map(|(at_us, _)| at_us.max(own_us)),
            Some(Outcome::Block) => None,
        }
    }

    /// When it was executed, if it was.
    fn executed_us(&self, feedback: Feedback) -> Option<i64> {
        let observed = self.event.kind() == Kind::Observed;
        let assumed_us = self.allowed_us().filter(|_| observed || feedback != Feedback::Execution);
        let reported_us = self.reports.executed_us.filter(|_| !observed);
        reported_us.map(|at_us| at_us.max(self.event.time_us())).or(assumed_us)
    }

    /// Where what it contributes to a feature stands.
    fn stands_at(&self, feature: &Feature, feedback: Feedback) -> usize {
        let executed = feature.counts == Counts::Executed && feature.label.is_none() && self.payment();
        if executed && self.executed_us(feedback).is_some() { self.executed_at } else { self.at }
    }

    /// The time at which it counts for a feature, if it does.
    fn counts_at(&self, feature: &Feature, feedback: Feedback) -> Option<i64> {
        let own_us = self.event.time_us();
        if !self.payment() {
            return feature.label.is_none().then_some(own_us);
        }
        self.amount_left()?;
        if let Some(wanted) = feature.label {
            return self.reports.label.filter(|(label, _)| *label == wanted).map(|_| own_us);
        }
        if feature.counts == Counts::Asked {
            return Some(own_us);
        }
        let allowed_us = self.allowed_us().map(|_| own_us);
        if feature.counts == Counts::Allowed {
            return allowed_us;
        }
        // What was executed moved, whatever was answered.
        self.executed_us(feedback).or(allowed_us.filter(|_| feature.pending))
    }

    /// Since when it is known to be pending, where a feature counts that apart.
    fn waits_since(&self, feature: &Feature, feedback: Feedback) -> Option<i64> {
        let counts = feature.in_flight_us.is_some() && self.payment() && self.amount_left().is_some();
        if !counts || self.allowed_us().is_none() || self.executed_us(feedback).is_some() {
            return None;
        }
        let answered_us = self.reports.authenticated.filter(|_| self.outcome == Some(Outcome::StepUp));
        Some(answered_us.map_or(self.arrived_us, |(_, said_us)| said_us.max(self.arrived_us)))
    }

    /// Whether what it contributes surely came late, or is not what its own row said.
    fn corrected(&self, feature: &Feature, at_us: i64) -> bool {
        let own_us = self.event.time_us();
        if at_us != own_us || (feature.counts == Counts::Executed && self.reports.executed_us.is_some()) {
            return false;
        }
        let Reports { authenticated, label, reversed_said_us, .. } = self.reports;
        let said_later = |said_us: Option<i64>| said_us.is_some_and(|said_us| said_us > own_us);
        let by_label = feature.label.is_some() && said_later(label.map(|(_, said_us)| said_us));
        let stepped_up = feature.counts == Counts::Allowed && self.outcome == Some(Outcome::StepUp);
        own_us < self.arrived_us
            || by_label
            || stepped_up && said_later(authenticated.map(|(_, said_us)| said_us))
            || self.reports.reversed > 0 && reversed_said_us > own_us.max(self.arrived_us)
    }

    /// Where it happened, to a millionth of a degree.
    fn place(&self, latitude: DegreeField, longitude: DegreeField) -> Option<(f64, f64)> {
        let degrees = |field, most: f64| {
            let degrees = match field {
                DegreeField::Latitude => self.event.latitude_longitude()?.0,
                DegreeField::Longitude => self.event.latitude_longitude()?.1,
                DegreeField::Extra(position) => match self.event.extra(position)? {
                    ExtraValue::Decimal(degrees) => degrees,
                    _ => return None,
                },
            };
            let rounded = libm::round(degrees * 1e6) / 1e6;
            (rounded.abs() <= most).then_some(rounded)
        };
        Some((degrees(latitude, 90.0)?, degrees(longitude, 180.0)?))
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
            emptied: Vec::new(),
            corrected: Vec::new(),
            disturbed: false,
            clock_us: None,
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
            } else if past.alerted {
                Said::AlertedBefore
            } else {
                Said::TakenBefore
            };
        }
        if let Some(of) = event.text(TextField::Transaction)
            && matches!(event.kind(), Kind::Authentication | Kind::Execution | Kind::Reversal | Kind::Label)
            && let Some(refused) = self.report(event, of, now_us)
        {
            return Said::Refused(refused);
        }
        let told = event.text(TextField::Transaction).filter(|_| event.kind() == Kind::Execution);
        let told = told.and_then(|of| self.find(&tenant(event), of, now_us)).map(|at| &self.past[at]);
        let alert = told.is_some_and(|past| {
            let moved = past.payment() && past.executed_us(self.rules.feedback).is_some();
            moved && past.allowed_us().is_none()
        });
        self.disturbed |= event.time_us() < self.now_us || event.text(TextField::Transaction).is_some();
        let clock_us = self.clock_us.filter(|_| event.kind() == Kind::Clock);
        let now_us = clock_us.unwrap_or(now_us);
        let late = event.time_us() < self.now_us.min(now_us);
        self.now_us = now_us;
        let (hour, weekday) = self.calendar.hour_and_weekday(event.time_us());
        let mut past = Past {
            event: event.clone(),
            arrived_us: now_us,
            outcome: None,
            values: Vec::new(),
            alerted: alert,
            reports: Reports::default(),
            empties: Vec::new(),
            armed: Vec::new(),
            at: 4 * self.past.len(),
            executed_at: 4 * self.past.len(),
            executed: false,
        };
        let facts = Facts::of(event, (hour, weekday));
        let empties = |feature: &Feature, on_execution: bool| {
            feature.reset.as_ref().filter(|reset| reset.on_execution == on_execution).is_some_and(|reset| {
                let holds = reset.condition.as_ref().is_none_or(|when| when.holds(&facts) == Some(true));
                reset.from.contains(event.kind()) && holds
            })
        };
        past.empties = self.rules.features.iter().map(|feature| empties(feature, false)).collect();
        past.armed = self.rules.features.iter().map(|feature| empties(feature, true)).collect();
        if event.kind() == Kind::Transaction {
            // The event itself, seen as the last of the past, is counted as though it were allowed.
            past.outcome = Some(Outcome::Allow);
            self.past.push(past);
            self.corrected.clear();
            let mut readings: Vec<Reading> = self
                .rules
                .features
                .clone()
                .iter()
                .enumerate()
                .map(|(at, feature)| Reading { value: self.value(at, feature, event), ..Reading::default() })
                .collect();
            for (at, feature) in self.rules.features.iter().enumerate() {
                let Aggregate::Ratio { of, to } = feature.aggregate else { continue };
                let of = match of {
                    Operand::Field(field) => self.past.last().unwrap().number(field).map(|n| n as f64),
                    Operand::Feature(of) => {
                        self.corrected[at] |= self.corrected[of];
                        as_number(readings[of].value)
                    }
                };
                self.corrected[at] |= self.corrected[to];
                readings[at].value = match (of, as_number(readings[to].value)) {
                    (Some(of), Some(to)) if to != 0.0 => Value::Decimal(of / to),
                    _ => Value::Null,
                };
            }
            past = self.past.pop().unwrap();
            let facts = Facts { features: &readings, ..Facts::of(event, (hour, weekday)) };
            past.outcome = Some(self.outcome(&facts));
            past.values = readings.iter().map(|reading| reading.value).collect();
        }
        let mut said = if alert { Said::Alert } else { Said::Taken };
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
        let feedback = self.rules.feedback;
        let before = Past { reports: Reports::default(), ..past.clone() };
        let before_us = before.executed_us(feedback).filter(|_| !late);
        let at = past.at;
        self.past.push(past);
        self.execute(self.past.len() - 1, before_us, (at + 1, at + 2));
        said
    }

    fn report(&mut self, event: &Event, of: &str, now_us: i64) -> Option<&'static str> {
        let target = self.find(&tenant(event), of, now_us);
        let before_us = target.and_then(|at| self.past[at].executed_us(self.rules.feedback));
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
            Kind::Label => {
                let label = match event.text(TextField::Label) {
                    Some("fraud") => Some(Label::Fraud),
                    Some("genuine") => Some(Label::Genuine),
                    _ => None,
                };
                // What is said again changes nothing.
                if label != reports.label.map(|(label, _)| label) {
                    reports.label = label.map(|label| (label, now_us));
                }
            }
            Kind::Reversal => {
                reports.reversed_said_us = now_us;
                match event.amount() {
                    Some(amount) => reports.reversed += i128::from(amount.minor),
                    None => reports.reversed_fully = true,
                }
            }
            _ => {
                let executed = event.kind() == Kind::Execution;
                if executed {
                    reports.failed = !succeeded;
                    reports.executed_us = succeeded.then_some(event.time_us());
                }
                if succeeded && reports.authenticated.is_none() {
                    reports.authenticated = Some((event.time_us(), now_us));
                }
            }
        }
        if let Some(target) = target {
            let at = 4 * self.past.len();
            self.execute(target, before_us, (at - 2, at - 1));
        } else {
            self.waiting.insert((tenant(event), of.to_owned()), (waiting, now_us));
        }
        None
    }

    /// A payment may be executed since, by what is known of it now: what it contributes stands here then, and it empties
    /// what it should.
    fn execute(&mut self, at: usize, before_us: Option<i64>, (stands_at, empties_at): (usize, usize)) {
        let (feedback, past) = (self.rules.feedback, &mut self.past[at]);
        let Some(executed_us) = past.executed_us(feedback).filter(|_| past.payment()) else { return };
        let stepped_up = past.outcome == Some(Outcome::StepUp);
        let since = stepped_up || past.outcome.is_some() && past.reports.executed_us.is_some();
        if since && before_us != Some(executed_us) {
            past.executed_at = stands_at;
        }
        if past.executed || past.allowed_us().is_none() || stepped_up && feedback == Feedback::None {
            return;
        }
        past.executed = true;
        for (position, feature) in self.rules.features.iter().enumerate().filter(|(at, _)| past.armed[*at]) {
            if let Some(key) = key(&past.event, &feature.by) {
                self.emptied.push((empties_at, position, key));
            }
        }
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

    fn covers(&mut self, feature: &Feature, time_us: i64) -> bool {
        let end_us = self.now_us - feature.delay_us;
        time_us <= end_us
            && match feature.window {
                Window::Sliding { length_us } => time_us > end_us - length_us,
                Window::Day => self.calendar.day(end_us).contains(time_us),
                Window::Month => self.calendar.month(end_us).contains(time_us),
                Window::Forever => true,
            }
    }

    /// The value of a feature for the newest event of the past.
    fn value(&mut self, position: usize, feature: &Feature, event: &Event) -> Value {
        let read_at =
            key(event, &feature.at).filter(|_| !matches!(feature.aggregate, Aggregate::Ratio { .. }));
        let Some(read_at) = read_at else {
            self.corrected.push(false);
            return Value::Null;
        };
        let newest = self.past.len() - 1;
        let mut taken: Vec<(i64, usize)> = Vec::new();
        let mut corrected = false;
        let empties =
            |past: &Past| past.empties[position] && key(&past.event, &feature.by).as_ref() == Some(&read_at);
        let emptied = self.past[..newest].iter().rposition(empties).map_or(0, |at| self.past[at].at + 1);
        let by_executions = self.emptied.iter().filter(|(_, of, key)| *of == position && *key == read_at);
        let emptied = by_executions.map(|(before, ..)| *before).fold(emptied, usize::max);
        for at in 0..self.past.len() {
            if self.past[at].stands_at(feature, self.rules.feedback) < emptied {
                continue;
            }
            let Some(at_us) = self.past[at].counts_at(feature, self.rules.feedback) else { continue };
            let waits_us = self.past[at].waits_since(feature, self.rules.feedback);
            let (at_us, window) = match waits_us.zip(feature.in_flight_us) {
                Some((since_us, longest_us)) => {
                    let end_us = self.now_us - feature.delay_us;
                    (since_us, since_us <= end_us && since_us > end_us - longest_us)
                }
                None => (at_us, self.covers(feature, at_us)),
            };
            let past = &self.past[at];
            let (hour, weekday) = self.calendar.hour_and_weekday(past.event.time_us());
            let facts = Facts::of(&past.event, (hour, weekday));
            let meant = feature.from.contains(past.event.kind())
                && (at != newest || feature.current)
                && key(&past.event, &feature.by).as_ref() == Some(&read_at)
                && feature.condition.as_ref().is_none_or(|condition| condition.holds(&facts) == Some(true));
            if !meant || !window {
                continue;
            }
            // The event being scored is not filed yet: it corrects nothing.
            corrected |=
                at != newest && past.corrected(feature, at_us) && contributes(past, feature.aggregate);
            if contributes(past, feature.aggregate) {
                taken.push((at_us, at));
            }
        }
        self.corrected.push(corrected);
        // A stable sort: within one time it stays the order of arrival.
        taken.sort_by_key(|&(at_us, _)| at_us);
        let taken: Vec<(i64, &Past)> = taken.into_iter().map(|(at_us, at)| (at_us, &self.past[at])).collect();
        aggregate(feature.aggregate, self.now_us, &taken, &self.past[newest])
    }
}

fn as_number(value: Value) -> Option<f64> {
    match value {
        Value::Whole(value) => Some(value as f64),
        Value::Decimal(value) => Some(value),
        Value::Null | Value::Boolean(_) => None,
    }
}

/// Whether an event has the value that an aggregate takes.
fn contributes(past: &Past, aggregate: Aggregate) -> bool {
    match aggregate {
        Aggregate::Distinct(field) | Aggregate::Changed(field) => key_text(&past.event, field).is_some(),
        Aggregate::Speed { latitude, longitude } => past.place(latitude, longitude).is_some(),
        _ => aggregate.number().is_none_or(|field| past.number(field).is_some()),
    }
}

/// An aggregate over what was taken, in the order of its times, for the newest event.
fn aggregate(aggregate: Aggregate, now_us: i64, taken: &[(i64, &Past)], newest: &Past) -> Value {
    let whole = |value: Option<i128>| {
        value.and_then(|value| i64::try_from(value).ok()).map_or(Value::Null, Value::Whole)
    };
    let number = |past: &Past| aggregate.number().and_then(|field| past.number(field));
    let mut numbers: Vec<i128> = taken.iter().filter_map(|(_, past)| number(past)).collect();
    let (count, sum) = (numbers.len() as i128, numbers.iter().sum::<i128>());
    let deviation = || {
        let squares: i128 = numbers.iter().map(|n| n * n).sum();
        let spread = (count * squares - sum * sum) as f64 / (count * (count - 1)) as f64;
        (count > 1).then(|| libm::sqrt(spread))
    };
    match aggregate {
        Aggregate::Count => Value::Whole(taken.len() as i64),
        Aggregate::IsNew => Value::Boolean(taken.is_empty()),
        Aggregate::Since => taken.last().map_or(Value::Null, |(last_us, _)| Value::Whole(now_us - last_us)),
        Aggregate::Sum(_) => whole(Some(sum)),
        Aggregate::Min(_) => whole(numbers.iter().min().copied()),
        Aggregate::Max(_) => whole(numbers.iter().max().copied()),
        Aggregate::Distinct(field) => {
            let mut texts: Vec<String> =
                taken.iter().filter_map(|(_, past)| key_text(&past.event, field)).collect();
            texts.sort();
            texts.dedup();
            Value::Whole(texts.len() as i64)
        }
        Aggregate::Mean(_) if count == 0 => Value::Null,
        Aggregate::Mean(_) => Value::Decimal(sum as f64 / count as f64),
        Aggregate::Deviation(_) => deviation().map_or(Value::Null, Value::Decimal),
        Aggregate::First(_) => whole(numbers.first().copied()),
        Aggregate::Last(_) => whole(numbers.last().copied()),
        Aggregate::Previous(_) => whole(numbers.len().checked_sub(2).map(|at| numbers[at])),
        Aggregate::Quantile(_, ppm) => {
            numbers.sort();
            let rank = (u128::from(ppm) * numbers.len() as u128).div_ceil(1_000_000) as usize;
            whole(rank.checked_sub(1).map(|at| bucketed(numbers[at])))
        }
        Aggregate::ZScore(_) => match (deviation(), number(newest)) {
            (Some(deviation), Some(own)) if deviation != 0.0 => {
                Value::Decimal((own * count - sum) as f64 / count as f64 / deviation)
            }
            _ => Value::Null,
        },
        Aggregate::Speed { latitude, longitude } => {
            let last =
                taken.last().and_then(|(last_us, last)| Some((*last_us, last.place(latitude, longitude)?)));
            match (last, newest.place(latitude, longitude)) {
                (Some((last_us, from)), Some(to)) if last_us < newest.event.time_us() => {
                    let passed_us = newest.event.time_us() - last_us;
                    Value::Decimal(kilometres(from, to) / (passed_us as f64 / 3.6e9))
                }
                _ => Value::Null,
            }
        }
        Aggregate::Changed(field) => {
            let last = taken.last().and_then(|(_, last)| key_text(&last.event, field));
            let own = key_text(&newest.event, field);
            last.zip(own).map_or(Value::Null, |(last, own)| Value::Boolean(last != own))
        }
        Aggregate::Ratio { .. } => Value::Null,
    }
}

/// What a quantile reads for a value: the middle of the 128 equal parts of its power of two.
fn bucketed(value: i128) -> i128 {
    let size = value.abs();
    let mut width = 1;
    while size >= width * 256 {
        width *= 2;
    }
    let middle = size - size % width + (width - 1) / 2;
    if value < 0 { -middle } else { middle }
}

fn kilometres(from: (f64, f64), to: (f64, f64)) -> f64 {
    let (north, east) = (from.0.to_radians(), from.1.to_radians());
    let (to_north, to_east) = (to.0.to_radians(), to.1.to_radians());
    let up = libm::sin((to_north - north) / 2.0);
    let across = libm::sin((to_east - east) / 2.0);
    let haversine = up * up + libm::cos(north) * libm::cos(to_north) * across * across;
    2.0 * 6371.0088 * libm::asin(libm::sqrt(haversine.min(1.0)))
}
