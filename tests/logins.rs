//! Rules that watch logins.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails stops")]

use std::sync::Arc;

use serde_json::{Value, json};
use weir::engine::{Answer, Engine, Limits, Recording, ShadowLimits, VERSION};
use weir::event::{Draft, Event, Kind, TextField};
use weir::explain::Explainer;
use weir::io::DecisionWriter;
use weir::lists::Lists;
use weir::rules::{RuleSet, compile};

const RULES: &str = r#"
[ruleset]
name = "t"
currency = "VND"

[policy]
step_up_at = 5
auth = "any"

[auth.any]
all = [["fido"]]

[features]
new_device = { is_new = true, by = ["customer", "device"], from = "login" }
logins = { count = "*", by = "customer", from = "login", over = "1h" }

[[rule]]
id = "new_device"
from = "login"
when = "new_device"
oblige = "notify_customer"

[[rule]]
id = "many"
from = "login"
when = "logins > 2"
then = "alert"
tags = "V"

[[rule]]
id = "all"
when = "amount > 5 or logins > 2"
score = 10
"#;

fn rules(text: &str) -> RuleSet {
    compile("t.toml", text).into_result().unwrap_or_else(|refused| panic!("{refused}"))
}

fn event(rules: &RuleSet, kind: Kind, id: &str, time_us: i64, device: &str) -> Event {
    let mut draft = Draft::new(Arc::clone(&rules.schema));
    draft.begin(kind, time_us).unwrap();
    draft.text(TextField::Id, id).unwrap();
    draft.text(TextField::Customer, "c").unwrap();
    draft.text(TextField::Device, device).unwrap();
    if kind == Kind::Login {
        draft.text(TextField::Result, "succeeded").unwrap();
    } else {
        draft.amount(9, rules.currency).unwrap();
    }
    draft.seal().unwrap().clone()
}

fn line(rules: &RuleSet, event: &Event, answer: Answer<'_>) -> Value {
    let Answer::Decided(decision) = answer else { panic!("{} got {answer:?}", event.id()) };
    let mut line = Vec::new();
    DecisionWriter::new(rules, VERSION).unwrap().write(event, decision, &mut line).unwrap();
    serde_json::from_slice(&line).unwrap()
}

#[test]
fn a_login_is_watched_and_never_stopped() {
    let rules = rules(RULES);
    let mut engine = Engine::new(rules.clone(), Limits::default(), Recording::Fired);
    let ids = |line: &Value| -> Vec<String> {
        line["rules"].as_array().unwrap().iter().map(|rule| rule["id"].as_str().unwrap().to_owned()).collect()
    };
    for (at, (device, fired, alert)) in
        [("x", vec!["new_device"], false), ("x", vec![], false), ("y", vec!["new_device", "many"], true)]
            .into_iter()
            .enumerate()
    {
        let login = event(&rules, Kind::Login, &format!("l{at}"), 1_000 + at as i64, device);
        let line = line(&rules, &login, engine.step(&login));
        assert_eq!(ids(&line), fired, "{at}");
        assert_eq!((&line["outcome"], &line["kind"]), (&json!("allow"), &json!("login")));
        assert_eq!((&line["alert"], &line["score"]), (&json!(alert), &json!(0)));
        assert_eq!(line.get("tags").is_some(), alert);
    }
    let last = event(&rules, Kind::Login, "l2", 1_002, "y");
    assert!(matches!(engine.step(&last), Answer::Repeated(decision) if decision.alert));
    let payment = event(&rules, Kind::Transaction, "p", 2_000, "z");
    let line = line(&rules, &payment, engine.step(&payment));
    assert_eq!((ids(&line), &line["outcome"]), (vec!["all".to_owned()], &json!("step_up")));
    assert_eq!(line.get("kind"), None);
}

#[test]
fn without_such_a_rule_a_login_is_taken() {
    let text = RULES.replace("from = \"login\"\nwhen", "mode = \"off\"\nwhen");
    let rules = rules(&text);
    let mut engine = Engine::new(rules.clone(), Limits::default(), Recording::Fired);
    let login = event(&rules, Kind::Login, "l", 1_000, "x");
    assert!(matches!(engine.step(&login), Answer::Taken));
}

#[test]
fn a_rule_set_that_comes_later_may_watch_and_so_may_a_shadow() {
    let quiet = rules(&RULES.replace("from = \"login\"\nwhen", "when"));
    let mut engine = Engine::new(quiet.clone(), Limits::default(), Recording::Fired);
    let next = rules(RULES);
    engine.load_shadow(next.clone(), Lists::new(0), ShadowLimits::default()).unwrap();
    for (id, time_us) in [("a", 1_000), ("b", 2_000)] {
        assert!(matches!(engine.step(&event(&quiet, Kind::Login, id, time_us, "x")), Answer::Taken));
    }
    engine.stage(next.clone()).unwrap();
    let mut draft = Draft::new(Arc::clone(&next.schema));
    draft.begin(Kind::Control, 3_000).unwrap();
    draft.text(TextField::Id, "swap").unwrap();
    draft.text(TextField::Control, "rule_set").unwrap();
    draft.text(TextField::Subject, &next.hash_text()).unwrap();
    assert!(matches!(engine.step(draft.seal().unwrap()), Answer::Taken));
    let login = event(&next, Kind::Login, "c", 4_000, "x");
    let line = line(&next, &login, engine.step(&login));
    assert_eq!(line["rules"][0]["id"], "many", "what was known before the reload is read: {line}");
    assert_eq!(line["rules"].as_array().unwrap().len(), 1, "the device is not new");
    assert!(engine.shadow_rules().is_none(), "it was taken up, and watches no more");
}

#[test]
fn an_explanation_of_a_login_has_the_rules_that_look_at_logins() {
    let (set, explainer) = (rules(RULES), Explainer::new("t.toml", RULES).unwrap());
    let mut engine = Engine::new(set.clone(), Limits::default(), Recording::All);
    for (kind, expected) in [(Kind::Login, vec!["new_device", "many"]), (Kind::Transaction, vec!["all"])] {
        let event = event(&set, kind, kind.name(), 1_000, "x");
        let Answer::Decided(decision) = engine.step(&event) else { panic!("no decision") };
        let decision = decision.clone();
        let told = explainer.explain(&engine.facts(&event), &decision, true);
        assert_eq!(told.rules.iter().map(|rule| rule.id.as_str()).collect::<Vec<_>>(), expected);
    }
}
