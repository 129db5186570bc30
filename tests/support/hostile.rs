//! Hostile streams: late, repeated, corrected, colliding, on the edges of windows.
#![allow(dead_code, reason = "each test uses a part")]

use std::sync::Arc;

use proptest::prelude::*;
use weir::event::{Draft, Event, ExtraValue, Kind, TextField};
use weir::money::{AMOUNT_MINOR_MAX, Currency};
use weir::rules::{Kinds, RuleSet};
use weir::time::{DAY_US, SECOND_US, parse_time};

pub const HOUR_US: i64 = 3_600 * SECOND_US;
/// Lengths of windows on whose edges events come.
pub const LENGTHS_US: [i64; 5] = [10, HOUR_US, 6 * HOUR_US, DAY_US, 30 * DAY_US];
/// The shortest `remember` of the rule sets that are given such streams.
const REMEMBERED_US: i64 = 6 * HOUR_US;
/// Latitudes and longitudes; some are not on the earth.
pub const PLACES: [(f64, f64); 6] = [
    (21.0278, 105.8342),
    (10.8231, 106.6297),
    (10.82310049, 106.6297),
    (-90.0, 180.0),
    (90.0000006, 0.0),
    (0.0, -250.5),
];
/// When a stream begins.
pub const STARTS: [&str; 3] =
    ["2026-02-28T23:59:59.999999+07:00", "2026-11-22T10:00:00Z", "1970-01-01T00:00:00Z"];

/// What one event of a stream is, in small numbers.
#[derive(Clone, Debug)]
pub struct Step {
    pub kind: Kind,
    /// Added to the newest time so far; negative is late.
    pub ahead_us: i64,
    pub amount: i64,
    pub account: usize,
    pub payee: usize,
    pub device: usize,
    pub channel: usize,
    pub email: usize,
    pub balance: Option<i64>,
    /// Which of [`PLACES`], or none.
    pub place: usize,
    pub tenant: bool,
    /// Which event a report is about, or which is sent again.
    pub about: usize,
    pub succeeded: bool,
    /// 0: sent again as it was; 1: its id used for other content; 2: that of a payment which something was reported of is used
    /// for another once it is forgotten, and something is reported of that one at once.
    pub again: u8,
}

impl Step {
    /// A payment with nothing odd about it.
    pub fn payment(ahead_us: i64, amount: i64, account: usize, payee: usize) -> Self {
        Self {
            kind: Kind::Transaction,
            ahead_us,
            amount,
            account,
            payee,
            device: 0,
            channel: 0,
            email: 0,
            balance: None,
            place: 9,
            tenant: false,
            about: 0,
            succeeded: true,
            again: 9,
        }
    }
}

pub fn steps() -> impl Strategy<Value = Vec<Step>> {
    let kind = prop_oneof![
        10 => Just(Kind::Transaction),
        2 => Just(Kind::Observed),
        2 => Just(Kind::Change),
        1 => Just(Kind::Login),
        3 => Just(Kind::Authentication),
        4 => Just(Kind::Execution),
        3 => Just(Kind::Label),
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
    let fields = (
        0..4_usize,
        0..4_usize,
        0..3_usize,
        0..8_usize,
        0..3_usize,
        balance,
        prop::bool::weighted(0.1),
        0..8_usize,
    );
    let step = (kind, ahead, amount, fields, 0..12_usize, prop::bool::weighted(0.7), 0..20_u8).prop_map(
        |(kind, ahead_us, amount, fields, about, succeeded, again)| {
            let (account, payee, device, channel, email, balance, tenant, place) = fields;
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
                place,
                tenant,
                about,
                succeeded,
                again,
            }
        },
    );
    prop::collection::vec(step, 1..120)
}

/// The events of a stream, for a rule set that declares `balance` (money), `email` (text), and may declare `lat` and
/// `lon` (decimal).
pub fn stream(rules: &RuleSet, steps: &[Step], start: &str) -> Vec<Event> {
    let mut draft = Draft::new(Arc::clone(&rules.schema));
    let mut events: Vec<Event> = Vec::new();
    let mut newest_us = parse_time(start).unwrap();
    // The payments that something was reported of, and when.
    let mut told: Vec<(usize, i64)> = Vec::new();
    for (at, step) in steps.iter().enumerate() {
        if step.again == 0 && !events.is_empty() {
            events.push(events[events.len() - 1 - step.about.min(events.len() - 1)].clone());
            continue;
        }
        let mut time_us = (newest_us + step.ahead_us).max(0);
        // A report may be about an event that has not come yet.
        let about = (at + 3).saturating_sub(step.about);
        let mut id = if step.again == 1 { at.saturating_sub(1 + step.about) } else { at };
        let mut kind = step.kind;
        let used = told.iter().rev().nth(step.about % 3).copied().filter(|_| step.again == 2);
        if let Some((of, told_us)) = used {
            (id, kind) = (of, Kind::Transaction);
            // The payment is out of `remember` by then, and what was reported of it is not.
            time_us = newest_us.max(told_us + REMEMBERED_US - 1 - step.ahead_us.rem_euclid(HOUR_US / 4));
        }
        newest_us = newest_us.max(time_us);
        draft.begin(kind, time_us).unwrap();
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
        match kind {
            Kind::Transaction | Kind::Observed => draft.amount(step.amount, Currency::VND).unwrap(),
            Kind::Reversal if step.succeeded => draft.amount(step.amount, Currency::VND).unwrap(),
            Kind::Label => {
                draft.text(TextField::Label, ["fraud", "genuine", "unknown"][step.channel % 3]).unwrap();
            }
            Kind::Change => draft.text(TextField::What, "phone").unwrap(),
            _ => {}
        }
        if matches!(kind, Kind::Authentication | Kind::Execution | Kind::Reversal | Kind::Label) {
            draft.text(TextField::Transaction, &format!("e{about}")).unwrap();
            let name = format!("e{about}");
            let paid = |event: &Event| Kinds::PAYMENTS.contains(event.kind()) && event.id() == name;
            if events.iter().any(paid) {
                told.push((about, newest_us));
            }
        }
        if matches!(kind, Kind::Authentication | Kind::Execution | Kind::Login) {
            draft.text(TextField::Result, if step.succeeded { "succeeded" } else { "failed" }).unwrap();
        }
        if let Some(balance) = step.balance {
            draft.extra("balance", ExtraValue::Whole(balance)).unwrap();
        }
        if let Some(&(latitude, longitude)) = PLACES.get(step.place) {
            if rules.schema.find("lat").is_some() {
                draft.extra("lat", ExtraValue::Decimal(latitude)).unwrap();
                draft.extra("lon", ExtraValue::Decimal(longitude)).unwrap();
            }
            if step.place < 4 {
                draft.location(longitude / 2.0, latitude).unwrap();
            }
        }
        if step.email < 2 {
            draft.extra("email", ExtraValue::Text(["x@y", "z@y"][step.email])).unwrap();
        }
        events.push(draft.seal().unwrap().clone());
        if used.is_some() {
            let kind = [Kind::Reversal, Kind::Label, Kind::Execution][step.channel % 3];
            draft.begin(kind, time_us).unwrap();
            draft.text(TextField::Id, &format!("e{at}")).unwrap();
            draft.text(TextField::Transaction, &format!("e{id}")).unwrap();
            if step.tenant {
                draft.text(TextField::Tenant, "other").unwrap();
            }
            match kind {
                Kind::Label => draft.text(TextField::Label, "fraud").unwrap(),
                Kind::Execution => draft.text(TextField::Result, "failed").unwrap(),
                _ => {}
            }
            events.push(draft.seal().unwrap().clone());
        }
    }
    events
}

/// The newest time of some events, or when their stream begins.
pub fn newest_us(events: &[Event], start: &str) -> i64 {
    events.iter().map(Event::time_us).max().unwrap_or_else(|| parse_time(start).unwrap())
}
