//! What the engine does not know of a day never makes a payment weaker: an account whose past was given up, and totals
//! that began after the day did, are taken as the strictest type that is still possible, and the decision shows why.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    missing_docs,
    unreachable_pub,
    reason = "a test fails loudly, says how much it saw, and documents nothing"
)]

#[path = "support/packs.rs"]
mod packs;

use std::sync::Arc;

use packs::control;
use weir::decision::{Decision, Outcome, Quality};
use weir::engine::{Answer, Engine, Limits, Recording};
use weir::event::{Draft, Event, Kind, TextField};
use weir::io::load_rules;
use weir::money::Currency;
use weir::rules::{Quantity, RuleSet, compile};

const MINUTE_US: i64 = 60_000_000;
const DAY_US: i64 = 24 * 60 * MINUTE_US;
/// 2025-06-02T09:00:00+07:00.
const START_US: i64 = 1_748_829_600_000_000;

fn pack() -> RuleSet {
    load_rules("rules/vn/circular-50.toml".as_ref()).unwrap().compile().into_result().unwrap()
}

/// A small transfer to somebody else, of an account.
fn transfer(rules: &RuleSet, id: &str, account: &str, time_us: i64) -> Event {
    let mut draft = Draft::new(Arc::clone(&rules.schema));
    draft.begin(Kind::Transaction, time_us).unwrap();
    for (field, text) in [
        (TextField::Id, id),
        (TextField::Account, account),
        (TextField::Customer, account),
        (TextField::CustomerKind, "individual"),
        (TextField::Instrument, "account"),
        (TextField::PaymentKind, "transfer"),
        (TextField::PayerInstitution, "bank-1"),
        (TextField::PayeeInstitution, "bank-2"),
        (TextField::InitiatedBy, "customer"),
        (TextField::Channel, "web"),
        (TextField::Device, "d1"),
        (TextField::LoginMethods, "password"),
        (TextField::Methods, "sms_otp"),
    ] {
        draft.text(field, text).unwrap();
    }
    draft.same_owner(false);
    draft.amount(1_000, Currency::VND).unwrap();
    draft.seal().unwrap().clone()
}

fn decide<'e>(engine: &'e mut Engine, event: &Event) -> &'e Decision {
    match engine.step(event) {
        Answer::Decided(decision) => decision,
        other => panic!("{other:?}"),
    }
}

fn class(rules: &RuleSet, decision: &Decision) -> String {
    let at = rules.tables.iter().position(|table| table.name == "class").unwrap();
    let row = decision.tables.iter().find(|(table, _)| usize::from(*table) == at).unwrap().1.unwrap();
    match rules.tables[at].value(row.into()).unwrap() {
        Quantity::Text(text) => text,
        other => panic!("{other:?}"),
    }
}

fn quality(rules: &RuleSet, decision: &Decision, name: &str) -> Quality {
    let at = rules.features.iter().position(|feature| feature.name == name).unwrap();
    decision.features.iter().find(|(feature, _)| usize::from(*feature) == at).unwrap().1.quality
}

#[test]
fn an_account_whose_past_was_given_up_may_be_past_every_limit() {
    let rules = pack();
    let limits = Limits { keys_max: 3, ..Limits::default() };
    let mut engine = Engine::new(rules.clone(), limits, Recording::All);
    let decision = decide(&mut engine, &transfer(&rules, "t0", "a0", START_US));
    assert_eq!((class(&rules, decision).as_str(), decision.outcome), ("B", Outcome::Allow));
    for account in 1..20 {
        let event =
            transfer(&rules, &format!("t{account}"), &format!("a{account}"), START_US + account * MINUTE_US);
        decide(&mut engine, &event);
    }
    let decision = decide(&mut engine, &transfer(&rules, "again", "a0", START_US + 30 * MINUTE_US));
    assert_eq!(quality(&rules, decision, "t_i3"), Quality::Evicted);
    assert_eq!((class(&rules, decision).as_str(), decision.outcome), ("D", Outcome::StepUp));
}

#[test]
fn totals_that_began_after_the_day_did_may_be_past_every_limit() {
    let rules = pack();
    // The same events and the same dialogue, and nothing of the law.
    let before = r#"
[ruleset]
name = "before"
time_zone = "Asia/Ho_Chi_Minh"
currency = "VND"

[fields]
card_kind = "text"
payee_instrument = "text"
payee_card_kind = "text"
approved_merchant = "boolean"
wallet_kind = "text"
purpose = "text"
new_organisation = "boolean"

[step_up]
expires = "5m"

[[rule]]
id = "any"
when = "amount > 1"
then = "alert"
reason = "any"
"#;
    let before = compile("before.toml", before).into_result().unwrap();
    let mut engine = Engine::new(before.clone(), Limits::default(), Recording::All);
    decide(&mut engine, &transfer(&before, "t0", "a0", START_US));
    engine.stage(rules.clone()).unwrap();
    let swap = control(&before, "swap", START_US + MINUTE_US, "rule_set", &rules.hash_text());
    assert!(matches!(engine.step(&swap), Answer::Taken));
    let decision = decide(&mut engine, &transfer(&rules, "t1", "a0", START_US + 2 * MINUTE_US));
    assert_eq!(quality(&rules, decision, "t_i3"), Quality::Warming);
    assert_eq!((class(&rules, decision).as_str(), decision.outcome), ("D", Outcome::StepUp));
    // What was answered before can be executed for as long as payments are remembered: a month and a day.
    let warm_us = START_US + rules.horizon_us + 2 * DAY_US;
    let decision = decide(&mut engine, &transfer(&rules, "t2", "a0", warm_us));
    assert_eq!(quality(&rules, decision, "t_i3"), Quality::Exact);
    assert_eq!((class(&rules, decision).as_str(), decision.outcome), ("B", Outcome::Allow));
}
