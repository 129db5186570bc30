//! The windows are exact: the engine and its slow twin agree on every value and every answer, on hostile streams.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    reason = "a test fails loudly, and documents nothing"
)]

#[path = "support/twin.rs"]
mod twin;

use std::sync::Arc;

use proptest::prelude::*;
use twin::{Said, Twin};
use weir::decision::{Decision, Outcome, Quality, Value};
use weir::engine::{Answer, Engine, Limits, Recording};
use weir::event::{Draft, Event, ExtraType, ExtraValue, Kind, TextField};
use weir::money::{AMOUNT_MINOR_MAX, Currency};
use weir::rules::{Aggregate, Condition, Counts, Feature, KeyField, Kinds, NumberField, RuleSet, Window};
use weir::time::{DAY_US, SECOND_US, parse_time};

const HOUR_US: i64 = 3_600 * SECOND_US;
const LENGTHS_US: [i64; 5] = [10, HOUR_US, 6 * HOUR_US, DAY_US, 30 * DAY_US];

/// Rules that block and step up, by what the event says and by what a window says.
const BASE: &str = r#"
[ruleset]
name = "twin"
time_zone = "Asia/Ho_Chi_Minh"
currency = "VND"
remember = "6h"

[fields]
balance = "money"
email = "text"

[features]
busy  = { count = "*", by = "account", over = "1h" }
known = { is_new = true, by = ["account", "device"] }
large = { count = "*", by = "account", over = "1h", where = "amount > 1000" }
web   = { count = "*", by = "account", over = "1h", where = "channel = 'web' and not (payee = 'b')" }
late  = { count = "*", by = "account", over = "1h", where = "hour >= 22 or hour < 6 or weekday > 5" }

[[rule]]
id = "stopped"
when = "channel = 'stop' or busy > 6"
then = "block"
reason = "stopped"

[[rule]]
id = "asked"
when = "channel = 'ask' or (known and large > 2 and web + late > 3)"
then = "step_up"
reason = "asked"
"#;

fn base() -> RuleSet {
    let checked = weir::rules::compile("twin.toml", BASE);
    checked.rule_set.unwrap_or_else(|| panic!("{:?}", checked.problems))
}

fn aggregates() -> impl Strategy<Value = Aggregate> {
    let number = prop_oneof![3 => Just(NumberField::Amount), 1 => Just(NumberField::Extra(0))];
    let text = prop_oneof![
        Just(KeyField::Text(TextField::Device)),
        Just(KeyField::Text(TextField::Payee)),
        Just(KeyField::Extra(1))
    ];
    prop_oneof![
        1 => Just(Aggregate::Count),
        1 => Just(Aggregate::IsNew),
        2 => Just(Aggregate::Since),
        1 => number.clone().prop_map(Aggregate::Sum),
        1 => number.clone().prop_map(Aggregate::Mean),
        2 => number.clone().prop_map(Aggregate::Min),
        2 => number.clone().prop_map(Aggregate::Max),
        1 => number.prop_map(Aggregate::Deviation),
        3 => text.prop_map(Aggregate::Distinct),
    ]
}

fn windows() -> impl Strategy<Value = Window> {
    prop_oneof![
        4 => prop::sample::select(&LENGTHS_US[..]).prop_map(|length_us| Window::Sliding { length_us }),
        1 => Just(Window::Day),
        1 => Just(Window::Month),
        2 => Just(Window::Forever),
    ]
}

fn features(conditions: Vec<Condition>) -> impl Strategy<Value = Feature> {
    let account = KeyField::Text(TextField::Account);
    let keys = prop::sample::select(vec![
        (vec![account], vec![account]),
        (vec![KeyField::Text(TextField::Payee)], vec![account]),
        (vec![KeyField::Extra(1)], vec![KeyField::Extra(1)]),
        (vec![account, KeyField::Text(TextField::Device)], vec![account, KeyField::Text(TextField::Device)]),
        (vec![account, KeyField::Text(TextField::Payee)], vec![KeyField::Text(TextField::Payee), account]),
    ]);
    let from = prop::sample::select(vec![
        Kinds::PAYMENTS,
        Kinds::default().with(Kind::Transaction),
        Kinds::default().with(Kind::Change),
        Kinds::default().with(Kind::Login).with(Kind::Reversal),
        Kinds::PAYMENTS.with(Kind::Reversal).with(Kind::Execution),
    ]);
    let condition = prop::option::weighted(0.3, prop::sample::select(conditions));
    let counts = prop_oneof![Just(Counts::Asked), Just(Counts::Allowed)];
    (aggregates(), keys, from, condition, windows(), counts, any::<bool>()).prop_map(
        |(aggregate, (by, at), from, condition, window, counts, current)| Feature {
            name: "generated".to_owned(),
            aggregate,
            by,
            at,
            from,
            condition,
            window,
            counts,
            current: current && !matches!(aggregate, Aggregate::IsNew | Aggregate::Since),
            ty: ExtraType::Integer,
            tables: Vec::new(),
            used: true,
        },
    )
}

/// What one event of a stream is, in small numbers.
#[derive(Clone, Debug)]
struct Step {
    kind: Kind,
    /// Added to the newest time so far; negative is late.
    ahead_us: i64,
    amount: i64,
    account: usize,
    payee: usize,
    device: usize,
    channel: usize,
    email: usize,
    balance: Option<i64>,
    tenant: bool,
    /// Which event a report is about, or which is sent again.
    about: usize,
    succeeded: bool,
    /// 0: sent again as it was; 1: its id used for other content.
    again: u8,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let kind = prop_oneof![
        10 => Just(Kind::Transaction),
        2 => Just(Kind::Observed),
        2 => Just(Kind::Change),
        1 => Just(Kind::Login),
        3 => Just(Kind::Authentication),
        2 => Just(Kind::Execution),
        3 => Just(Kind::Reversal),
        1 => Just(Kind::Clock),
    ];
    let ahead = prop_oneof![
        3 => Just(0),
        2 => Just(1),
        6 => 0..(30 * 60 * SECOND_US),
        2 => (prop::sample::select(&LENGTHS_US[..]), -1_i64..=1).prop_map(|(length, edge)| length + edge),
        1 => 0..(40 * DAY_US),
        2 => -(2 * HOUR_US)..0,
        1 => (prop::sample::select(&LENGTHS_US[..]), -1_i64..=1).prop_map(|(length, edge)| -length + edge),
        1 => -(40 * DAY_US)..0,
    ];
    let amount = prop_oneof![4 => 0..5_000_i64, 1 => Just(0), 1 => Just(AMOUNT_MINOR_MAX), 1 => Just(1_000), 1 => Just(1_001)];
    let balance = prop::option::of(prop_oneof![
        -100..100_i64,
        Just(AMOUNT_MINOR_MAX),
        Just(-AMOUNT_MINOR_MAX),
        Just(AMOUNT_MINOR_MAX + 1),
        Just(i64::MIN)
    ]);
    let fields =
        (0..4_usize, 0..4_usize, 0..3_usize, 0..8_usize, 0..3_usize, balance, prop::bool::weighted(0.1));
    let step = (kind, ahead, amount, fields, 0..12_usize, prop::bool::weighted(0.7), 0..20_u8).prop_map(
        |(kind, ahead_us, amount, fields, about, succeeded, again)| {
            let (account, payee, device, channel, email, balance, tenant) = fields;
            Step {
                kind,
                ahead_us,
                amount,
                account,
                payee,
                device,
                channel,
                email,
                balance,
                tenant,
                about,
                succeeded,
                again,
            }
        },
    );
    prop::collection::vec(step, 1..120)
}

fn stream(rules: &RuleSet, steps: &[Step], start: &str) -> Vec<Event> {
    let mut draft = Draft::new(Arc::clone(&rules.schema));
    let mut events: Vec<Event> = Vec::new();
    let mut newest_us = parse_time(start).unwrap();
    for (at, step) in steps.iter().enumerate() {
        if step.again == 0 && !events.is_empty() {
            events.push(events[events.len() - 1 - step.about.min(events.len() - 1)].clone());
            continue;
        }
        let time_us = (newest_us + step.ahead_us).max(0);
        newest_us = newest_us.max(time_us);
        draft.begin(step.kind, time_us).unwrap();
        // A report may be about an event that has not come yet.
        let about = (at + 3).saturating_sub(step.about);
        let id = if step.again == 1 { at.saturating_sub(1 + step.about) } else { at };
        draft.text(TextField::Id, &format!("e{id}")).unwrap();
        if step.tenant {
            draft.text(TextField::Tenant, "other").unwrap();
        }
        let mut optional = |field, names: &[&str], pick: usize| {
            if let Some(name) = names.get(pick) {
                draft.text(field, name).unwrap();
            }
        };
        optional(TextField::Account, &["a", "b", "an-account-with-a-long-name"], step.account);
        optional(TextField::Payee, &["a", "b", "an-account-with-a-long-name"], step.payee);
        optional(TextField::Device, &["d", "e"], step.device);
        optional(
            TextField::Channel,
            &["web", "web", "mobile", "mobile", "mobile", "stop", "ask"],
            step.channel,
        );
        match step.kind {
            Kind::Transaction | Kind::Observed => draft.amount(step.amount, Currency::VND).unwrap(),
            Kind::Reversal if step.succeeded => draft.amount(step.amount, Currency::VND).unwrap(),
            Kind::Change => draft.text(TextField::What, "phone").unwrap(),
            _ => {}
        }
        if matches!(step.kind, Kind::Authentication | Kind::Execution | Kind::Reversal) {
            draft.text(TextField::Transaction, &format!("e{about}")).unwrap();
        }
        if matches!(step.kind, Kind::Authentication | Kind::Execution | Kind::Login) {
            draft.text(TextField::Result, if step.succeeded { "succeeded" } else { "failed" }).unwrap();
        }
        if let Some(balance) = step.balance {
            draft.extra("balance", ExtraValue::Whole(balance)).unwrap();
        }
        if step.email < 2 {
            draft.extra("email", ExtraValue::Text(["x@y", "z@y"][step.email])).unwrap();
        }
        events.push(draft.seal().unwrap().clone());
    }
    events
}

fn said(answer: Answer<'_>) -> Said {
    let values = |decision: &Decision| -> (Outcome, Vec<Value>) {
        (decision.outcome, decision.features.iter().map(|(_, reading)| reading.value).collect())
    };
    match answer {
        Answer::Decided(decision) => {
            let (outcome, values) = values(decision);
            Said::Decided(outcome, values)
        }
        Answer::Repeated(decision) => {
            let (outcome, values) = values(decision);
            Said::Repeated(outcome, values)
        }
        Answer::Taken => Said::Taken,
        Answer::TakenBefore => Said::TakenBefore,
        Answer::Refused(refusal) => Said::Refused(refusal.code()),
    }
}

fn agree(rules: &RuleSet, events: &[Event]) -> Result<(), TestCaseError> {
    let mut engine = Engine::new(rules.clone(), Limits::default(), Recording::All);
    let mut twin = Twin::new(rules.clone());
    for (at, event) in events.iter().enumerate() {
        let answer = engine.step(event);
        let expected = twin.step(event);
        if let Answer::Decided(decision) = answer {
            for ((_, reading), corrected) in decision.features.iter().zip(&twin.corrected) {
                // It is kept per key: it may be said for a neighbour's sake, but is never left out or invented.
                let wrong = match reading.quality {
                    Quality::Exact => *corrected,
                    Quality::Corrected => !twin.disturbed,
                };
                prop_assert!(
                    !wrong,
                    "quality at event {} of {:#?}\nfeatures {:#?}",
                    at,
                    events,
                    rules.features
                );
            }
        }
        prop_assert_eq!(
            said(answer),
            expected,
            "event {} of {:#?}\nfeatures {:#?}",
            at,
            events,
            rules.features
        );
    }
    Ok(())
}

fn cases() -> ProptestConfig {
    ProptestConfig { cases: 2_000, max_shrink_iters: 20_000, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn the_engine_agrees_with_its_slow_twin(
        generated in prop::collection::vec(features(base().features.into_iter().filter_map(|f| f.condition).collect()), 1..6),
        steps in steps(),
        start in prop::sample::select(vec!["2026-02-28T23:59:59.999999+07:00", "2026-11-22T10:00:00Z", "1970-01-01T00:00:00Z"]),
    ) {
        let mut rules = base();
        rules.features.extend(generated);
        agree(&rules, &stream(&rules, &steps, start))?;
    }
}

#[test]
fn more_than_64_contributions_of_one_key_are_kept_apart() {
    let mut rules = base();
    let condition = rules.features[2].condition.clone();
    for length in 1..=200_i64 {
        let mut feature = rules.features[0].clone();
        feature.window = Window::Sliding { length_us: length * SECOND_US };
        feature.from = Kinds::default().with(Kind::ALL[length as usize % 3]).with(Kind::Transaction);
        feature.counts = if length % 2 == 0 { Counts::Asked } else { Counts::Allowed };
        feature.condition = condition.clone().filter(|_| length % 5 == 0);
        feature.aggregate =
            if length % 7 == 0 { Aggregate::Sum(NumberField::Extra(0)) } else { Aggregate::Count };
        rules.features.push(feature);
    }
    let step = |n: i64| Step {
        kind: Kind::Transaction,
        ahead_us: n % 3 * SECOND_US,
        amount: n * 100,
        account: n as usize % 2,
        payee: 0,
        device: 0,
        channel: n as usize % 7,
        email: 0,
        balance: Some(n),
        tenant: false,
        about: 0,
        succeeded: true,
        again: 9,
    };
    let steps: Vec<Step> = (0..200).map(step).collect();
    agree(&rules, &stream(&rules, &steps, "2026-11-22T10:00:00Z")).unwrap();
}
