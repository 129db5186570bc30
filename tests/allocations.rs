//! No allocation per event in steady state: once every window has turned over, `step` asks the allocator for nothing.
//!
//! The stream repeats itself every three hours, ids included, so that what a longer stream would still find room for
//! by chance has been found before the count begins.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails loudly, and says what held"
)]

use std::alloc::System;
use std::collections::BTreeMap;
use std::sync::Arc;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, Stats, StatsAlloc};
use weir::engine::{Answer, Engine, Limits, Recording};
use weir::event::{Draft, Event, Kind, TextField};
use weir::money::Currency;
use weir::rules::{Counts, Feature, Kinds, Label, Reset, RuleSet, compile};
use weir::time::{DAY_US, SECOND_US, parse_time};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const STEP_US: i64 = 10 * SECOND_US;
/// Events before the stream repeats itself: three hours, and ids are remembered for one.
const PERIOD: usize = 1_080;
/// Five weeks: longer than every sliding window, over the end of a month, into a shorter stretch of the next.
const WARM_UP: usize = 35 * 24 * 360;
const COUNTED: usize = 50_000;

/// The starter pack with every aggregate over every kind of window and many rules besides.
fn rules() -> RuleSet {
    let mut text = std::fs::read_to_string("rules/retail.toml").unwrap();
    let mut more = String::new();
    for (name, over) in
        [("hours", "2h"), ("week", "7d"), ("today", "day"), ("month", "month"), ("ever", "forever")]
    {
        for aggregate in [
            "count = '*'",
            "is_new = true",
            "since = 'last'",
            "distinct = 'payee'",
            "sum = 'amount'",
            "mean = 'amount'",
        ]
        .into_iter()
        .chain(["min = 'amount'", "max = 'amount'", "deviation = 'amount'", "first = 'amount'"])
        .chain(["previous = 'amount'", "quantile = 'amount', q = 0.9", "z_score = 'amount'"])
        .chain(["speed = ['latitude', 'longitude']", "changed = 'device'"])
        {
            let word = aggregate.split(' ').next().unwrap_or_default();
            if word == "sum" {
                more += &format!("{word}_{name}_ratio = {{ ratio = 'amount', to = '{word}_{name}' }}\n");
            }
            more +=
                &format!("{word}_{name} = {{ {aggregate}, by = ['account', 'device'], over = '{over}' }}\n");
            more += &format!(
                "{word}_{name}_allowed = {{ {aggregate}, by = 'payee', at = 'account', over = '{over}', counts = 'allowed' }}\n"
            );
        }
    }
    for (from, to) in [
        ("currency  = \"VND\"\n", "currency  = \"VND\"\nremember = \"1h\"\n".to_owned()),
        ("over = \"30d\"", "over = \"14d\"".to_owned()),
        ("\n[features]\n", format!("\n[features]\n{more}")),
        ("\n[[rule]]\n", "\n[[rule]]\nid = \"asked\"\nwhen = \"channel = 'ask'\"\nthen = \"step_up\"\nauth = \"strong\"\nreason = \"asked\"\n\n[[rule]]\n".to_owned()),
    ] {
        assert!(text.contains(from), "the pack has no {from:?} any more");
        text = text.replacen(from, &to, if from.starts_with("over") { usize::MAX } else { 1 });
    }
    // Enough rules for an index: some filed under their payee, some sieved by their ranges.
    for at in 0..60 {
        let when = match at % 2 {
            0 => format!("payee = 'account-{}' and amount > {}", at % 30, at * 100_000),
            _ => format!("sum_hours between {} and {} and count_week > {at}", at * 100_000, at * 300_000),
        };
        text += &format!(
            "\n[[rule]]\nid = \"more-{at}\"\nwhen = \"{when}\"\nthen = \"alert\"\nreason = \"more\"\n"
        );
    }
    let mut rules = compile("retail and more", &text).into_result().unwrap();
    // The same once more: executed or pending, labelled, ending some time before now, emptied now and then.
    let allowed = rules.features.iter().filter(|feature| feature.name.ends_with("_allowed"));
    let more: Vec<Feature> =
        allowed.cloned().enumerate().map(|(at, feature)| otherwise(at, feature)).collect();
    rules.features.extend(more);
    rules
}

fn otherwise(at: usize, feature: Feature) -> Feature {
    let from = Kinds::default().with(Kind::Change);
    let reset = Reset { from, on_execution: false, condition: None, tables: Vec::new(), lists: Vec::new() };
    let label = [None, None, Some(Label::Fraud)][at % 3];
    let delay_us = [0, 3_600 * SECOND_US, 0, DAY_US][at % 4];
    Feature {
        counts: if label.is_some() { Counts::Asked } else { Counts::Executed },
        pending: at.is_multiple_of(2),
        label,
        delay_us,
        reset: at.is_multiple_of(5).then_some(reset),
        current: feature.current && delay_us == 0 && label.is_none(),
        ..feature
    }
}

/// Event `n` of the stream.
fn event(draft: &mut Draft, start_us: i64, n: usize) -> &Event {
    // A repeat is the event of six turns before, unchanged.
    let n = if n % 20 == 16 { n - 6 } else { n };
    let (turn, at) = (n % 20, n % PERIOD);
    let kind = match turn {
        12 | 19 => Kind::Authentication,
        13 => Kind::Execution,
        14 | 15 => Kind::Reversal,
        18 => [Kind::Login, Kind::Change, Kind::Observed, Kind::Clock, Kind::Label][at / 20 % 5],
        _ => Kind::Transaction,
    };
    let late_us = if turn == 17 { 1_200 * SECOND_US } else { 0 };
    draft.begin(kind, start_us + n as i64 * STEP_US - late_us).unwrap();
    let text = |draft: &mut Draft, field, text: &str| draft.text(field, text).unwrap();
    text(draft, TextField::Id, &format!("event-{at:06}-with-a-long-id"));
    // The step-up of ten turns in is answered; a report before its payment waits for it.
    let about = match turn {
        12 => Some(at - 2),
        13 => Some(at - 5),
        14 => Some(at - 8),
        15 => Some(at - 11),
        18 if kind == Kind::Label => Some(at - 9),
        19 => Some((at + 1) % PERIOD),
        _ => None,
    };
    if let Some(about) = about {
        text(draft, TextField::Transaction, &format!("event-{about:06}-with-a-long-id"));
    }
    if matches!(kind, Kind::Authentication | Kind::Execution | Kind::Login) {
        text(draft, TextField::Result, if turn == 13 && at % 40 < 20 { "failed" } else { "succeeded" });
    }
    let account = at * 7 % 90;
    let amount = [20_000, 55_000, 90_000, 1_200_000, 9_500_000, 30_000_000][at % 6] + at as i64 % 11 * 1_000;
    match kind {
        Kind::Transaction | Kind::Observed => draft.amount(amount, Currency::VND).unwrap(),
        Kind::Reversal if turn == 14 => draft.amount(15_000, Currency::VND).unwrap(),
        Kind::Change => text(draft, TextField::What, "password"),
        Kind::Label => text(draft, TextField::Label, ["fraud", "genuine"][at / 40 % 2]),
        _ => {}
    }
    text(draft, TextField::Customer, &format!("customer-{}", account / 2));
    text(draft, TextField::Account, &format!("account-{account}"));
    text(draft, TextField::Payee, &format!("account-{}", (account + at % 5 * 3) % 90));
    text(draft, TextField::Device, &format!("the-device-of-customer-{}", account / (2 + at % 3)));
    text(draft, TextField::Instrument, ["account", "card", "wallet"][at % 3]);
    draft.location(at as f64 % 90.0, at as f64 % 180.0).unwrap();
    text(draft, TextField::Channel, if turn == 10 { "ask" } else { "mobile" });
    draft.seal().unwrap()
}

fn word(answer: Answer<'_>) -> &'static str {
    match answer {
        Answer::Decided(decision) => decision.outcome.name(),
        Answer::Repeated(_) => "repeated",
        Answer::Taken => "taken",
        Answer::TakenBefore => "taken before",
        Answer::Alert(alert) | Answer::AlertedBefore(alert) => alert.code(),
        Answer::Refused(refusal) => refusal.code(),
    }
}

// Without the runner of tests, whose word after a minute is an allocation too.
fn main() {
    let start_us = parse_time("2026-01-05T00:00:00+07:00").unwrap();
    for recording in [Recording::Fired, Recording::All] {
        let rules = rules();
        let mut draft = Draft::new(Arc::clone(&rules.schema));
        let mut engine = Engine::new(rules, Limits::default(), recording);
        for n in 20..WARM_UP {
            engine.step(event(&mut draft, start_us, n));
        }
        let events: Vec<Event> =
            (WARM_UP..WARM_UP + COUNTED).map(|n| event(&mut draft, start_us, n).clone()).collect();
        let mut answers: BTreeMap<&str, usize> =
            ["allow", "step_up", "block", "repeated", "taken"].map(|answer| (answer, 0)).into();
        let mut first = None;
        let region = Region::new(ALLOCATOR);
        for (at, event) in events.iter().enumerate() {
            let answer = word(engine.step(event));
            match answers.get_mut(answer) {
                Some(count) => *count += 1,
                None => panic!("event {at} was answered {answer}: {event:?}"),
            }
            if first.is_none() && region.change() != Stats::default() {
                first = Some((at, answer));
            }
        }
        assert_eq!(region.change(), Stats::default(), "{recording:?}, first at {first:?}");
        assert!(answers.values().all(|&count| count >= COUNTED / 200), "{answers:?}");
    }
    println!("step allocates nothing once every window has turned over: {COUNTED} events, twice");
}
