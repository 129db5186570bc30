//! Streams in which much happens at one time, as in daily batches or stamps in whole seconds: what windows no longer need
//! is forgotten all the same.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails loudly")]

use std::sync::Arc;

use weir::decision::Value;
use weir::engine::{Answer, Engine, Limits, Recording};
use weir::event::{Draft, Event, Kind, TextField};
use weir::money::Currency;
use weir::rules::compile;
use weir::time::SECOND_US;

const RULES: &str = r#"
[ruleset]
name = "bursts"
time_zone = "UTC"
currency = "EUR"
remember = "1m"

[features]
count  = { count = "*", by = "account", over = "1m" }
frauds = { count = "*", by = "account", over = "2m", label = "fraud" }
"#;
const START_US: i64 = 20_000 * 86_400 * SECOND_US;

fn bank(limits: Limits) -> (Engine, Draft) {
    let rules = compile("bursts.toml", RULES).into_result().unwrap();
    let draft = Draft::new(Arc::clone(&rules.schema));
    (Engine::new(rules, limits, Recording::All), draft)
}

fn payment<'a>(draft: &'a mut Draft, id: &str, time_us: i64, account: usize) -> &'a Event {
    draft.begin(Kind::Transaction, time_us).unwrap();
    draft.text(TextField::Id, id).unwrap();
    draft.text(TextField::Account, &format!("a{account}")).unwrap();
    draft.amount(5, Currency::EUR).unwrap();
    draft.seal().unwrap()
}

#[test]
fn labels_that_come_all_at_one_time_find_room_for_ever() {
    let (mut engine, mut draft) = bank(Limits { side_entries_max: 1_024, ..Limits::default() });
    for minute in 0..60 {
        let time_us = START_US + minute * 60 * SECOND_US;
        for n in 0..100 {
            let event = payment(&mut draft, &format!("t{minute}-{n}"), time_us, n);
            let Answer::Decided(decision) = engine.step(event) else { panic!("minute {minute}") };
            let values: Vec<Value> = decision.features.iter().map(|(_, reading)| reading.value).collect();
            // That of two minutes ago is out of the window.
            assert_eq!(values, [Value::Whole(1), Value::Whole(i64::from(minute > 0))], "minute {minute}");
        }
        for n in 0..100 {
            // A microsecond before it can no longer be corrected.
            draft.begin(Kind::Label, time_us + 60 * SECOND_US - 1).unwrap();
            draft.text(TextField::Id, &format!("l{minute}-{n}")).unwrap();
            draft.text(TextField::Transaction, &format!("t{minute}-{n}")).unwrap();
            draft.text(TextField::Label, "fraud").unwrap();
            assert_eq!(engine.step(draft.seal().unwrap()), Answer::Taken, "minute {minute}");
        }
    }
}

#[test]
fn the_log_holds_what_windows_need_however_few_times_there_are() {
    const A_TIME: usize = 2_000;
    let (mut engine, mut draft) = bank(Limits { log_chunk_rows: 64, ..Limits::default() });
    for batch in 0..30 {
        let time_us = START_US + batch * 30 * SECOND_US;
        for n in 0..A_TIME {
            let event = payment(&mut draft, &format!("t{batch}-{n}"), time_us, n);
            assert!(matches!(engine.step(event), Answer::Decided(_)));
        }
        let memory = engine.memory().state;
        let rows = memory.log / memory.log_row;
        assert!(
            rows <= 5 * A_TIME,
            "{rows} rows are held after batch {batch}, and four batches are in a window"
        );
    }
}
