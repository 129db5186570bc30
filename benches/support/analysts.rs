//! Rules of the form that analysts write, and what they are asked of: the same for weir and for its alternatives.
//!
//! Two or three conditions each, three rules in ten without any equality, thresholds where the values that the stream
//! has are rare. A rule that would be the twenty-first to fire at one payment of the sample is not taken.
#![allow(dead_code, reason = "each bench uses a part")]

use std::fmt::Write;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use weir::decision::{Reading, Value};
use weir::engine::{Answer, Engine, Limits, Recording};
use weir::event::{Event, TextField};
use weir::rules::{Facts, RuleSet, compile};

pub(crate) const RULES: usize = 10_000;
/// Most rules that fire at one payment of the sample.
const FIRING_MAX: u8 = 20;
/// Payments that rules are tried on before they are taken.
const SAMPLE: usize = 4_000;

const HEAD: &str = r#"
[ruleset]
name      = "analysts"
time_zone = "Asia/Ho_Chi_Minh"
currency  = "VND"

[features]
account_count_10m = { count = "*", by = "account", over = "10m" }
account_count_1h  = { count = "*", by = "account", over = "1h" }
account_count_24h = { count = "*", by = "account", over = "24h" }
account_count_7d  = { count = "*", by = "account", over = "7d" }
device_count_1h   = { count = "*", by = "device", over = "1h" }
device_count_24h  = { count = "*", by = "device", over = "24h" }
payee_count_24h   = { count = "*", by = "payee", over = "24h" }
merchant_count_1h = { count = "*", by = "merchant", over = "1h" }
account_sum_1h    = { sum = "amount", by = "account", over = "1h" }
account_sum_24h   = { sum = "amount", by = "account", over = "24h" }
account_sum_7d    = { sum = "amount", by = "account", over = "7d" }
device_sum_24h    = { sum = "amount", by = "device", over = "24h" }
merchant_sum_24h  = { sum = "amount", by = "merchant", over = "24h" }
received_24h      = { sum = "amount", by = "payee", at = "account", over = "24h", current = false }
account_most_7d   = { max = "amount", by = "account", over = "7d" }
usual_amount      = { mean = "amount", by = "account", over = "30d" }
payees_24h        = { distinct = "payee", by = "account", over = "24h" }
device_accounts_7d = { distinct = "account", by = "device", over = "7d" }
new_device        = { is_new = true, by = ["account", "device"] }
new_payee         = { is_new = true, by = ["account", "payee"] }
"#;

/// What has a threshold.
const NUMBERS: [&str; 18] = [
    "account_count_10m",
    "account_count_1h",
    "account_count_24h",
    "account_count_7d",
    "account_most_7d",
    "account_sum_1h",
    "account_sum_24h",
    "account_sum_7d",
    "amount",
    "device_accounts_7d",
    "device_count_1h",
    "device_count_24h",
    "device_sum_24h",
    "hour",
    "merchant_count_1h",
    "merchant_sum_24h",
    "payees_24h",
    "received_24h",
];

pub(crate) const TEXTS: [(&str, TextField); 9] = [
    ("channel", TextField::Channel),
    ("customer_kind", TextField::CustomerKind),
    ("instrument", TextField::Instrument),
    ("merchant", TextField::Merchant),
    ("payee", TextField::Payee),
    ("payee_institution", TextField::PayeeInstitution),
    ("payer_institution", TextField::PayerInstitution),
    ("payment_kind", TextField::PaymentKind),
    ("provider", TextField::Provider),
];

pub(crate) const TRUTHS: [&str; 2] = ["new_device", "new_payee"];

/// One condition of a rule.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    Equals(&'static str, String),
    Among(&'static str, [String; 2]),
    Above(&'static str, i64),
    Between(&'static str, i64, i64),
    Holds(&'static str),
}

/// The rules as data, each a conjunction.
pub(crate) type Rules = Vec<Vec<Part>>;

/// A payment with what its rules read.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) event: Event,
    pub(crate) readings: Vec<Reading>,
    pub(crate) hour: i64,
    pub(crate) weekday: i64,
}

impl Asked {
    pub(crate) fn facts(&self) -> Facts<'_> {
        Facts { features: &self.readings, ..Facts::of(&self.event, (self.hour, self.weekday)) }
    }

    pub(crate) fn number(&self, features: &[&str], name: &str) -> Option<i64> {
        match name {
            "amount" => self.event.amount().map(|amount| amount.minor),
            "hour" => Some(self.hour),
            feature => match self.readings[features.binary_search(&feature).unwrap()].value {
                Value::Whole(value) => Some(value),
                _ => None,
            },
        }
    }

    pub(crate) fn truth(&self, features: &[&str], name: &str) -> Option<bool> {
        match self.readings[features.binary_search(&name).unwrap()].value {
            Value::Boolean(truth) => Some(truth),
            _ => None,
        }
    }
}

/// Every payment of a stream with the features' values.
pub(crate) fn asked(events: &[Event]) -> Vec<Asked> {
    let rules = compiled(&[]);
    let mut calendar = rules.calendar.clone();
    let mut engine = Engine::new(rules, Limits::default(), Recording::All);
    let mut asked = Vec::new();
    for event in events {
        if let Answer::Decided(_) = engine.step(event) {
            let (hour, weekday) = calendar.hour_and_weekday(event.time_us());
            asked.push(Asked { event: event.clone(), readings: engine.readings().to_vec(), hour, weekday });
        }
    }
    asked
}

/// The names of the features, in their order.
pub(crate) fn features(rules: &RuleSet) -> Vec<&str> {
    rules.features.iter().map(|feature| feature.name.as_str()).collect()
}

/// The rule file of rules.
pub(crate) fn file(rules: &[Vec<Part>]) -> String {
    let mut file = HEAD.to_owned();
    for (at, parts) in rules.iter().enumerate() {
        let parts: Vec<String> = parts.iter().map(Part::sql).collect();
        let (outcome, score) = [("step_up", 10), ("alert", 5), ("block", 20)][at % 3];
        write!(
            file,
            "\n[[rule]]\nid = \"rule-{at}\"\nwhen = \"{}\"\nthen = \"{outcome}\"\nscore = {score}\nreason = \"pattern {at}\"\n",
            parts.join(" and ")
        )
        .unwrap();
    }
    file
}

pub(crate) fn compiled(rules: &[Vec<Part>]) -> RuleSet {
    compile("analysts.toml", &file(rules)).into_result().unwrap()
}

impl Part {
    pub(crate) fn sql(&self) -> String {
        match self {
            Self::Equals(name, text) => format!("{name} = '{text}'"),
            Self::Among(name, [a, b]) => format!("{name} in ('{a}', '{b}')"),
            Self::Above(name, least) => format!("{name} > {least}"),
            Self::Between(name, low, high) => format!("{name} between {low} and {high}"),
            Self::Holds(name) => (*name).to_owned(),
        }
    }
}

/// The values that payments of the stream have, from which conditions are made.
struct Values {
    numbers: Vec<(&'static str, Vec<i64>)>,
    /// As often as payments have them.
    texts: Vec<(&'static str, Vec<String>)>,
}

impl Values {
    fn of(sample: &[Asked], features: &[&str]) -> Self {
        let numbers = NUMBERS.iter().map(|&name| {
            let mut values: Vec<i64> =
                sample.iter().filter_map(|asked| asked.number(features, name)).collect();
            values.sort_unstable();
            (name, values)
        });
        let texts = TEXTS.iter().map(|&(name, field)| {
            let values = sample.iter().filter_map(|asked| asked.event.text(field)).map(str::to_owned);
            (name, values.collect())
        });
        Self { numbers: numbers.collect(), texts: texts.collect() }
    }

    /// A condition on a number that about this share of payments meets, on none of the names in `parts`.
    fn range(&self, random: &mut ChaCha8Rng, share: f64, parts: &[Part]) -> Part {
        let (name, values) = loop {
            let (name, values) = &self.numbers[random.random_range(0..self.numbers.len())];
            if parts.iter().all(|part| part.name() != *name) {
                break (*name, values);
            }
        };
        let at = |rank: f64| values[((values.len() - 1) as f64 * rank.clamp(0.0, 1.0)) as usize];
        // Nobody asks for an amount to the dong.
        let round = |value: i64| if value > 100_000 { value / 1_000 * 1_000 } else { value };
        let jitter = share * random.random_range(0.3..1.0);
        if random.random_bool(0.6) && name != "hour" {
            Part::Above(name, round(at(1.0 - jitter)))
        } else {
            let low = random.random_range(0.3..1.0 - share);
            Part::Between(name, round(at(low)), round(at(low + jitter)))
        }
    }

    fn equality(&self, random: &mut ChaCha8Rng) -> Part {
        let (name, values) = &self.texts[random.random_range(0..self.texts.len())];
        let value = |random: &mut ChaCha8Rng| values[random.random_range(0..values.len())].clone();
        let first = value(random);
        let second = value(random);
        if random.random_bool(0.15) && first != second {
            Part::Among(name, [first, second])
        } else {
            Part::Equals(name, first)
        }
    }
}

impl Part {
    fn name(&self) -> &'static str {
        match self {
            Self::Equals(name, _)
            | Self::Among(name, _)
            | Self::Above(name, _)
            | Self::Between(name, ..)
            | Self::Holds(name) => name,
        }
    }
}

fn candidate(random: &mut ChaCha8Rng, values: &Values, ranges_only: bool) -> Vec<Part> {
    let count = random.random_range(2..=3);
    let mut parts = Vec::new();
    if !ranges_only {
        parts.push(values.equality(random));
    }
    if random.random_bool(0.15) {
        parts.push(Part::Holds(TRUTHS[random.random_range(0..TRUTHS.len())]));
    }
    while parts.len() < count {
        let left = (count - parts.len()) as f64;
        // Together the ranges leave a few payments in ten thousand.
        let part = values.range(random, 0.004_f64.powf(1.0 / left).min(0.2), &parts);
        parts.push(part);
    }
    parts
}

/// 10,000 rules, always the same for the same payments; the first 10, 100 and 1,000 of them are of the same kind.
pub(crate) fn rules(asked: &[Asked]) -> Rules {
    let mut random = ChaCha8Rng::seed_from_u64(10);
    let sample: Vec<Asked> = asked.iter().step_by(asked.len() / SAMPLE).cloned().collect();
    let none = compiled(&[]);
    let values = Values::of(&sample, &features(&none));
    let mut firing = vec![0_u8; sample.len()];
    let mut taken: Rules = Vec::new();
    while taken.len() < RULES {
        let batch: Rules = (0..RULES / 2).map(|at| candidate(&mut random, &values, at % 10 >= 7)).collect();
        let tried = compiled(&batch);
        // Three in ten stay three in ten, whichever are left out.
        let (mut equal, mut ranged) = (Vec::new(), Vec::new());
        for (at, (parts, rule)) in batch.into_iter().zip(&tried.rules).enumerate() {
            let fires: Vec<usize> = (0..sample.len())
                .filter(|&payment| rule.when.holds(&sample[payment].facts()) == Some(true))
                .collect();
            if fires.len() * 500 > sample.len() || fires.iter().any(|&payment| firing[payment] >= FIRING_MAX)
            {
                continue;
            }
            fires.iter().for_each(|&payment| firing[payment] += 1);
            if at % 10 >= 7 { ranged.push(parts) } else { equal.push(parts) }
        }
        let tens = (equal.len() / 7).min(ranged.len() / 3).min((RULES - taken.len()) / 10);
        let (mut equal, mut ranged) = (equal.into_iter(), ranged.into_iter());
        for _ in 0..tens {
            taken.extend(equal.by_ref().take(7));
            taken.extend(ranged.by_ref().take(3));
        }
    }
    taken
}

/// The rules that fire, looking at each.
pub(crate) fn fired_slowly(set: &RuleSet, asked: &Asked) -> Vec<u16> {
    let facts = asked.facts();
    let fires = (0..).zip(&set.rules).filter(|(_, rule)| rule.when.holds(&facts) == Some(true));
    fires.map(|(at, _)| at).collect()
}
