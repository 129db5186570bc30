//! What a reload changes beside features: what is on lists, and breakers.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    reason = "a test fails loudly, and documents nothing"
)]

#[path = "support/hostile.rs"]
mod hostile;
#[path = "support/packs.rs"]
mod packs;

use hostile::{STARTS, Step, stream};
use packs::{compiled, control};
use weir::decision::{Decision, Quality, Reading, Value};
use weir::engine::{Answer, Engine, Limits, Recording};
use weir::event::{Draft, Event, Kind, TextField};
use weir::lists::{List, Listing, Lists};
use weir::rules::RuleSet;
use weir::time::SECOND_US;

fn payments(rules: &RuleSet, count: usize) -> Vec<Event> {
    let step = |n| Step::payment(SECOND_US, 1_000 + n as i64, 0, n % 3);
    stream(rules, &(0..count).map(step).collect::<Vec<_>>(), STARTS[1])
}

fn decided(engine: &mut Engine, event: &Event) -> Decision {
    let Answer::Decided(decision) = engine.step(event) else { panic!("{event:?}") };
    decision.clone()
}

fn swap(engine: &mut Engine, to: &RuleSet, id: &str, after: &Event) {
    let event = control(to, id, after.time_us(), "rule_set", &to.hash_text());
    assert_eq!(engine.step(&event), Answer::Taken);
}

fn listed(payees: &[&str]) -> Lists {
    let mut list = List::default();
    for payee in payees {
        list.put(None, payee, Listing::default());
    }
    [list].into_iter().collect()
}

fn change(rules: &RuleSet, id: &str, after: &Event, payee: &str, action: &str) -> Event {
    let mut draft = Draft::new(rules.schema.clone());
    draft.begin(Kind::List, after.time_us()).unwrap();
    for (field, text) in [
        (TextField::Id, id),
        (TextField::List, "watched"),
        (TextField::Entry, payee),
        (TextField::Action, action),
    ] {
        draft.text(field, text).unwrap();
    }
    draft.seal().unwrap().clone()
}

const WATCHED: &str = r#"
[ruleset]
name = "watched"
time_zone = "Asia/Ho_Chi_Minh"
currency = "VND"

[fields]
balance = "money"
email = "text"

[lists]
watched = { file = "watched.txt", key = "payee" }

[[rule]]
id = "watched"
when = "payee in watched"
then = "alert"
reason = "watched"
"#;

#[test]
fn a_list_file_with_other_content_takes_over_and_keeps_what_events_put_on() {
    let rules = compiled(WATCHED);
    let events = payments(&rules, 9);
    let payee = |at: usize| events[at].text(TextField::Payee).unwrap().to_owned();
    let (a, b, c) = (payee(0), payee(1), payee(2));
    let alerts =
        |engine: &mut Engine, from: usize| [0, 1, 2].map(|n| decided(engine, &events[from + n]).alert);
    let mut engine = Engine::new(rules.clone(), Limits::default(), Recording::All);
    engine.load_lists(listed(&[&a]));
    assert_eq!(alerts(&mut engine, 0), [true, false, false]);
    assert_eq!(engine.step(&change(&rules, "l1", &events[2], &b, "put")), Answer::Taken);
    engine.stage_with_lists(rules.clone(), listed(&[&a])).unwrap();
    swap(&mut engine, &rules, "c1", &events[2]);
    assert_eq!(alerts(&mut engine, 3), [true, true, false], "the same content: all goes on");
    engine.stage_with_lists(rules.clone(), listed(&[&c])).unwrap();
    swap(&mut engine, &rules, "c2", &events[5]);
    assert_eq!(
        alerts(&mut engine, 6),
        [false, true, true],
        "the file's entries are others, the event's stays"
    );
}

fn broken(percent: u32) -> RuleSet {
    compiled(&format!(
        "[ruleset]\nname = \"broken\"\ntime_zone = \"Asia/Ho_Chi_Minh\"\ncurrency = \"VND\"\n\
         [fields]\nbalance = \"money\"\nemail = \"text\"\n\
         [[rule]]\nid = \"all\"\nwhen = \"amount > 0\"\nthen = \"block\"\nreason = \"all\"\n\
         breaker = {{ percent = {percent}, over = \"1h\", least = 3 }}\n"
    ))
}

#[test]
fn a_mended_rules_breaker_begins_anew() {
    let (before, after) = (broken(50), broken(60));
    let events = payments(&before, 8);
    let acted = |engine: &mut Engine, at: usize| !decided(engine, &events[at]).fired.is_empty();
    let mut engine = Engine::new(before.clone(), Limits::default(), Recording::All);
    let first: Vec<bool> = (0..4).map(|at| acted(&mut engine, at)).collect();
    assert!(first[0] && !first[3], "it fires at all payments, so it trips: {first:?}");
    engine.stage(after.clone()).unwrap();
    swap(&mut engine, &after, "c", &events[3]);
    let second: Vec<bool> = (4..8).map(|at| acted(&mut engine, at)).collect();
    assert_eq!(second, first, "what tripped the one that was mended is forgotten");
}

fn counting(features: &str) -> RuleSet {
    compiled(&format!(
        "[ruleset]\nname = \"counting\"\ntime_zone = \"Asia/Ho_Chi_Minh\"\ncurrency = \"VND\"\n\
         [fields]\nbalance = \"money\"\nemail = \"text\"\n\
         [features]\nbusy = {{ count = \"*\", by = \"account\", over = \"1h\" }}\n{features}\
         [[rule]]\nid = \"all\"\nwhen = \"busy > 1000\"\nthen = \"alert\"\nreason = \"all\"\n"
    ))
}

#[test]
fn a_ratio_goes_on_with_its_parts_and_is_as_good_as_the_worse_of_them() {
    let before = counting("");
    let after = counting(
        "newest = { last = \"amount\", by = \"account\", over = \"1h\" }\n\
         share = { ratio = \"amount\", to = \"busy\" }\nstep = { ratio = \"newest\", to = \"busy\" }\n",
    );
    let events = payments(&before, 8);
    let mut engine = Engine::new(before.clone(), Limits::default(), Recording::All);
    for event in &events[..4] {
        decided(&mut engine, event);
    }
    engine.stage(after.clone()).unwrap();
    swap(&mut engine, &after, "c", &events[3]);
    let names: Vec<&str> = after.features.iter().map(|feature| feature.name.as_str()).collect();
    assert_eq!(names, ["busy", "newest", "share", "step"]);
    let read = |engine: &mut Engine, at: usize| -> Vec<Reading> {
        decided(engine, &events[at]).features.into_iter().map(|(_, reading)| reading).collect()
    };
    let [busy, newest, share, step] = read(&mut engine, 4)[..] else { panic!("not four features") };
    let exact = |value| Reading { value, quality: Quality::Exact };
    let warming = |value| Reading { value, quality: Quality::Warming };
    assert_eq!((busy, share), (exact(Value::Whole(5)), exact(Value::Decimal(1_004.0 / 5.0))));
    assert_eq!((newest, step), (warming(Value::Null), warming(Value::Null)));
    let [busy, newest, share, step] = read(&mut engine, 5)[..] else { panic!("not four features") };
    assert_eq!((busy, share), (exact(Value::Whole(6)), exact(Value::Decimal(1_005.0 / 6.0))));
    assert_eq!((newest, step), (warming(Value::Whole(1_004)), warming(Value::Decimal(1_004.0 / 6.0))));
}
