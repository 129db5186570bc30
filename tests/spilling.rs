//! A log whose chunks leave memory all the time gives the same values: or, where a chunk is not back in time, says
//! `behind`, and never a wrong value.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    reason = "a test fails loudly, and documents nothing"
)]

#[path = "support/hostile.rs"]
mod hostile;
#[path = "support/shelf.rs"]
mod shelf;
#[path = "support/twin.rs"]
mod twin;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use hostile::{STARTS, Step, stream};
use proptest::prelude::*;
use shelf::Shelf;
use twin::{Said, Twin};
use weir::decision::{Decision, Quality, Value};
use weir::engine::{Answer, Engine, Limits, Recording};
use weir::event::{Draft, Event, Kind, TextField};
use weir::money::Currency;
use weir::rules::RuleSet;
use weir::state::CHUNK_ROWS;
use weir::time::{SECOND_US, parse_time};

const HEAD: &str = r#"
[ruleset]
name = "spilled"
time_zone = "Asia/Ho_Chi_Minh"
currency = "VND"
remember = "6h"

[fields]
balance = "money"
email = "text"

[features]
"#;

/// Rules that read no feature: whether a value is there in time must not change what is allowed later.
const RULES: &str = r#"
[[rule]]
id = "stopped"
when = "channel = 'stop'"
then = "block"
reason = "stopped"

[[rule]]
id = "asked"
when = "channel = 'ask'"
then = "step_up"
reason = "asked"
"#;

/// Every aggregate over every kind of window, asked and allowed.
fn rules() -> RuleSet {
    let mut text = HEAD.to_owned();
    let mut n = 0;
    for over in ["1h", "6h", "24h", "30d", "day", "month", "forever"] {
        for (aggregate, counts) in [
            ("count = '*'", "asked"),
            ("sum = 'amount'", "allowed"),
            ("mean = 'amount'", "asked"),
            ("min = 'amount'", "allowed"),
            ("max = 'balance'", "asked"),
            ("deviation = 'balance'", "allowed"),
            ("distinct = 'payee'", "asked"),
            ("since = 'last'", "allowed"),
            ("is_new = true", "asked"),
        ] {
            let by = [
                "by = 'account'",
                "by = ['account', 'device']",
                "by = 'payee', at = 'account'",
                "by = 'email'",
            ][n % 4];
            text += &format!("f{n} = {{ {aggregate}, {by}, over = '{over}', counts = '{counts}' }}\n");
            n += 1;
        }
    }
    let checked = weir::rules::compile("spilled.toml", &(text + RULES));
    checked.rule_set.unwrap_or_else(|| panic!("{:?}", checked.problems))
}

fn engine(rules: &RuleSet, chunk_rows: usize, shelf: Shelf) -> Engine {
    let limits = Limits { log_bytes_max: 0, log_chunk_rows: chunk_rows, ..Limits::default() };
    Engine::new(rules.clone(), limits, Recording::All).with_store(Box::new(shelf))
}

fn values(decision: &Decision) -> Vec<Value> {
    decision.features.iter().map(|(_, reading)| reading.value).collect()
}

/// Holds an engine to the twin, and counts the values that were behind.
fn agree(engine: &mut Engine, rules: &RuleSet, events: &[Event]) -> Result<usize, TestCaseError> {
    let mut twin = Twin::new(rules.clone());
    let mut behind = 0;
    for (at, event) in events.iter().enumerate() {
        let (answer, expected) = (engine.step(event), twin.step(event));
        match (answer, expected) {
            (Answer::Decided(decision), Said::Decided(outcome, expected)) => {
                prop_assert_eq!(decision.outcome, outcome);
                for (((position, reading), expected), corrected) in
                    decision.features.iter().zip(expected).zip(&twin.corrected)
                {
                    let told = || format!("event {at}, {:#?}", rules.features[usize::from(*position)]);
                    match reading.quality {
                        Quality::Behind => behind += 1,
                        quality => {
                            prop_assert_eq!(reading.value, expected, "{}", told());
                            prop_assert!(quality != Quality::Exact || !corrected, "{}", told());
                        }
                    }
                }
            }
            (Answer::Repeated(decision), Said::Repeated(outcome, expected)) => {
                prop_assert_eq!(decision.outcome, outcome);
                prop_assert!(behind > 0 || values(decision) == expected);
            }
            (Answer::Refused(refusal), Said::Refused(code)) => prop_assert_eq!(refusal.code(), code),
            (Answer::Alert(_), Said::Alert)
            | (Answer::AlertedBefore(_), Said::AlertedBefore)
            | (Answer::Taken, Said::Taken)
            | (Answer::TakenBefore, Said::TakenBefore) => {}
            (answer, expected) => prop_assert!(false, "event {at}: {answer:?}, and not {expected:?}"),
        }
    }
    Ok(behind)
}

fn plain(kind: Kind, ahead_us: i64, n: usize) -> Step {
    Step {
        kind,
        ahead_us,
        amount: n as i64,
        account: n % 2,
        payee: 0,
        device: n % 2,
        channel: 0,
        email: 0,
        balance: Some(1),
        tenant: false,
        place: 0,
        about: 6,
        succeeded: false,
        again: 9,
    }
}

#[test]
fn what_leaves_memory_is_behind_until_it_is_back_and_memory_stays_small() {
    let rules = rules();
    let steps: Vec<Step> = (0..300)
        .map(|n| {
            plain(if n > 250 && n % 10 == 9 { Kind::Reversal } else { Kind::Transaction }, 12_000_000_000, n)
        })
        .collect();
    let events = stream(&rules, &steps, STARTS[1]);
    for (not_yet, lags) in [(0, false), (0x7777_7777_7777_7777, true)] {
        let shelf = Shelf::new(not_yet);
        let asked = Arc::clone(&shelf.log);
        let mut engine = engine(&rules, 8, shelf);
        let behind = agree(&mut engine, &rules, &events).unwrap();
        assert_eq!(behind > 0, lags, "{behind}");
        let [puts, gets, held_most] =
            [&asked.puts, &asked.gets, &asked.held_most].map(|count| count.load(Ordering::Relaxed));
        assert!(puts > 25 && gets > 5, "{puts} put, {gets} asked for");
        // Three weeks are within the longest window, so nothing of them is dropped.
        assert!(held_most > 15, "{held_most}");
        let mut unspilled =
            Engine::new(rules.clone(), Limits { log_chunk_rows: 8, ..Limits::default() }, Recording::All);
        events.iter().for_each(|event| _ = unspilled.step(event));
        let (spilled, all) = (engine.memory().state, unspilled.memory().state);
        let rows_away = (all.log - spilled.log) / all.log_row;
        assert!(rows_away > 100, "{rows_away} rows of {} are away", events.len());
    }
}

/// Payments of one account, each executed a second later, counted and summed by three keys.
const EXECUTED: &str = r#"
[ruleset]
name = "executed"
time_zone = "Asia/Ho_Chi_Minh"
currency = "VND"
feedback = "execution"

[features]
paid = { count = "*", by = "account", over = "30d", counts = "executed" }
sum = { sum = "amount", by = "account", over = "30d", counts = "executed" }
seen = { count = "*", by = "device", over = "7d", counts = "executed" }
late = { count = "*", by = "payee", over = "7d", counts = "executed", delay = "1h" }

[[rule]]
id = "large"
when = "amount > 1000000 and paid + seen + late > 0 and sum > 0"
then = "step_up"
reason = "large"
"#;

struct Gateway {
    engine: Engine,
    draft: Draft,
    now_us: i64,
    told: usize,
}

impl Gateway {
    fn new(limits: Limits) -> Self {
        let rules = weir::rules::compile("executed.toml", EXECUTED).into_result().unwrap();
        let draft = Draft::new(Arc::clone(&rules.schema));
        let now_us = parse_time(STARTS[1]).unwrap();
        Self { engine: Engine::new(rules, limits, Recording::All), draft, now_us, told: 0 }
    }

    fn pay(&mut self, id: usize) -> Vec<Value> {
        self.now_us += SECOND_US;
        self.draft.begin(Kind::Transaction, self.now_us).unwrap();
        self.draft.text(TextField::Id, &format!("t{id}")).unwrap();
        for (field, text) in [(TextField::Account, "a"), (TextField::Device, "d"), (TextField::Payee, "p")] {
            self.draft.text(field, text).unwrap();
        }
        self.draft.amount(5, Currency::VND).unwrap();
        match self.engine.step(self.draft.seal().unwrap()) {
            Answer::Decided(decision) => values(decision),
            answer => panic!("{answer:?}"),
        }
    }

    fn tell(&mut self, kind: Kind, id: usize) {
        (self.now_us, self.told) = (self.now_us + SECOND_US, self.told + 1);
        self.draft.begin(kind, self.now_us).unwrap();
        self.draft.text(TextField::Id, &format!("r{}", self.told)).unwrap();
        self.draft.text(TextField::Transaction, &format!("t{id}")).unwrap();
        if kind == Kind::Execution {
            self.draft.text(TextField::Result, "succeeded").unwrap();
        }
        assert_eq!(self.engine.step(self.draft.seal().unwrap()), Answer::Taken, "{kind:?} {id}");
    }
}

#[test]
fn what_is_executed_at_once_leaves_memory_and_takes_no_room_among_what_is_late() {
    const PAYMENTS: usize = 5 * CHUNK_ROWS;
    let few = Limits { side_entries_max: 1_024, ..Limits::default() };
    let shelf = Shelf::new(0);
    let asked = Arc::clone(&shelf.log);
    let mut spilling = Gateway::new(Limits { log_bytes_max: 0, ..few });
    spilling.engine = spilling.engine.with_store(Box::new(shelf));
    let mut unspilled = Gateway::new(few);
    for gateway in [&mut spilling, &mut unspilled] {
        let side = gateway.engine.memory().state.side;
        for n in 0..PAYMENTS {
            let paid = n as i64;
            // Two seconds a payment: an hour ago those of all but the newest 1,800 payments were executed.
            let expected = [(paid - 1_800).max(0), paid, paid, paid * 5].map(Value::Whole);
            assert_eq!(gateway.pay(n), expected, "{n}");
            gateway.tell(Kind::Execution, n);
        }
        assert_eq!(gateway.engine.memory().state.side, side);
    }
    // All rows but those of the two chunks that each tail walks next have left.
    let held_most = asked.held_most.load(Ordering::Relaxed);
    assert!(held_most >= 6, "{held_most}");
    let memory = unspilled.engine.memory().state;
    assert_eq!(memory.log_row, 30);
    // A payment and its execution, each with 4 bytes for which row it is about and one for what was marked.
    assert!((70..=71).contains(&(memory.log / PAYMENTS)), "{} bytes a payment", memory.log / PAYMENTS);
    // What is taken back is found where it went.
    spilling.tell(Kind::Reversal, 0);
    spilling.tell(Kind::Reversal, PAYMENTS / 2);
    let paid = PAYMENTS as i64 - 2;
    assert_eq!(spilling.pay(PAYMENTS)[1..], [paid, paid, paid * 5].map(Value::Whole));
}

#[test]
fn an_engine_with_a_store_can_be_sent_to_another_thread() {
    fn sent<T: Send>(engine: T) -> T {
        engine
    }
    let mut engine = sent(engine(&rules(), 8, Shelf::new(0)));
    let events = stream(engine.rules(), &[plain(Kind::Transaction, 0, 0)], STARTS[1]);
    assert!(matches!(engine.step(&events[0]), Answer::Decided(_)));
}
