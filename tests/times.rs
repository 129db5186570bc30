//! Windows over fields that hold times: microseconds since 1970 are larger than any amount.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails stops")]

use weir::decision::Value;
use weir::engine::{Answer, Engine, Limits, Recording};
use weir::event::{Draft, ExtraValue, Kind, TextField};
use weir::money::Currency;
use weir::rules::compile;
use weir::time::{TIME_US_MAX, parse_time};

const RULES: &str = "[ruleset]\nname = \"t\"\ncurrency = \"VND\"\n[fields]\nopened_at = \"time\"\n[features]\n\
    first = { min = \"opened_at\", by = \"account\", over = \"1h\", counts = \"asked\" }\n\
    last = { max = \"opened_at\", by = \"account\", over = \"1h\", counts = \"asked\" }\n\
    middle = { mean = \"opened_at\", by = \"account\", over = \"1h\", counts = \"asked\" }\n\
    [[rule]]\nid = \"r\"\nwhen = \"first < last and middle <= last\"\nthen = \"alert\"\n";

#[test]
fn times_are_taken_in_whole() {
    let rules = compile("t.toml", RULES).into_result().unwrap_or_else(|e| panic!("{e}"));
    let mut draft = Draft::new(rules.schema.clone());
    let mut engine = Engine::new(rules, Limits::default(), Recording::All);
    let today = parse_time("2026-11-22T08:00:00+07:00").unwrap();
    let mut read = Vec::new();
    for (n, opened_us) in [today, today - 7, TIME_US_MAX].into_iter().enumerate() {
        draft.begin(Kind::Transaction, today + n as i64).unwrap();
        draft.text(TextField::Id, &format!("t{n}")).unwrap();
        draft.text(TextField::Account, "a").unwrap();
        draft.amount(1, Currency::VND).unwrap();
        draft.extra("opened_at", ExtraValue::Whole(opened_us)).unwrap();
        let Answer::Decided(decision) = engine.step(draft.seal().unwrap()) else { panic!("not decided") };
        read.push([0, 1].map(|at| decision.features[at].1.value));
    }
    let expected = [(today, today), (today - 7, today), (today - 7, TIME_US_MAX)];
    assert_eq!(read, expected.map(|(first, last)| [Value::Whole(first), Value::Whole(last)]));
}
