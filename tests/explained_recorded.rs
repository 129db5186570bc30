//! A decision read back from its line is the decision, and explained from its record it is explained as the engine would: the
//! slow twin is the engine itself, at the moment when it decides.
#![allow(clippy::unwrap_used, reason = "a test fails loudly")]

use std::path::Path;
use std::sync::Arc;

use weir::decision::Decision;
use weir::engine::{Answer, Engine, Limits, Recording, VERSION};
use weir::event::Kind;
use weir::explain::Explainer;
use weir::io::{DecisionWriter, EventReader, Format, LineReader, read_decision};
use weir::rules::Sources;

#[test]
fn what_was_recorded_says_and_explains_what_was_decided() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("rules/retail.toml")).unwrap();
    let explainer = Explainer::of(&Sources::alone("retail.toml", &text)).unwrap();
    let rules = explainer.rules().clone();
    let writer = DecisionWriter::new(&rules, VERSION).unwrap();
    let path = root.join("datasets/golden.ndjson.gz");
    let mut reader = EventReader::open(&path, &Format::Ndjson, rules.schema.clone()).unwrap();
    let mut engine = Engine::new(rules.clone(), Limits::default(), Recording::Fired);
    let (mut decided, mut fired) = (0, 0);
    while let Some(next) = reader.next_event() {
        let (_, event) = next.unwrap();
        let decision = match engine.step(event) {
            Answer::Decided(decision) if event.kind() == Kind::Transaction => decision.clone(),
            _ => continue,
        };
        let mut line = Vec::new();
        writer.write(event, &decision, &mut line).unwrap();
        let read = read_decision(&rules, &line).unwrap();
        assert_eq!(read, Decision { rule_set: 0, ..decision.clone() });
        let mut again = Vec::new();
        writer.write(event, &read, &mut again).unwrap();
        assert_eq!(again, line);
        decided += 1;
        if !decision.fired.is_empty() {
            fired += 1;
            let of_engine = explainer.explain(&engine.facts(event), &decision, false);
            assert_eq!(explainer.explain_recorded(event, &read), of_engine);
        }
    }
    assert!(decided > 1_000 && fired > 50, "{decided} {fired}");
}

const RULES: &str = r#"
[ruleset]
name = "t"
currency = "VND"
[rates]
[lists]
suspected = { key = "payee" }
[features]
many = { count = "*", by = "account", over = "1h" }
[tables.class]
rows = [{ when = "amount > 500 and many > 0", is = "large" }, { when = "amount > 100", is = "middle" }]
else = "small"
on_unknown = "next"
[[rule]]
id = "tabled"
when = "class = 'large'"
score = 5
[[rule]]
id = "listed"
when = "amount > 5 and payee in suspected"
then = "block"
[[rule]]
id = "either"
when = "many >= 1 or payee in suspected"
then = "alert"
"#;

/// What no record holds is unknown, with what it decides; what is decided without it is not.
#[test]
fn what_is_not_recorded_is_not_made_up() {
    let explainer = Explainer::of(&Sources::alone("t.toml", RULES)).unwrap();
    let rules = explainer.rules().clone();
    let mut engine = Engine::new(rules.clone(), Limits::default(), Recording::Fired);
    let mut lines = LineReader::new(Arc::clone(&rules.schema));
    let put = br#"{"kind":"list","id":"l1","time_us":1,"list":"suspected","entry":"p1","action":"put"}"#;
    assert!(matches!(engine.step(lines.read(put).unwrap()), Answer::Taken));
    let paid = br#"{"kind":"transaction","id":"t1","time_us":2,"amount_minor":700,"currency":"USD","rate":"25000","payee":"p1","account":"a"}"#;
    let event = lines.read(paid).unwrap().clone();
    let decision = match engine.step(&event) {
        Answer::Decided(decision) => decision.clone(),
        other => unreachable!("{other:?}"),
    };
    let mut line = Vec::new();
    DecisionWriter::new(&rules, VERSION).unwrap().write(&event, &decision, &mut line).unwrap();
    let explained = explainer.explain_recorded(&event, &read_decision(&rules, &line).unwrap());
    assert_eq!(explained.not_recorded, ["list suspected"]);
    let engines = explainer.explain(&engine.facts(&event), &decision, false);
    assert_eq!((explained.amount, explained.converted), (engines.amount, engines.converted));
    assert_eq!((&explained.tables, explained.tables.len()), (&engines.tables, 1));
    assert_eq!(explained.rules[0], engines.rules[0]);
    let [_, listed, either] = &explained.rules[..] else { unreachable!("{explained:?}") };
    // It fired, so it held.
    assert_eq!((listed.condition.truth(), listed.condition.parts[0].truth()), (Some(true), Some(true)));
    assert_eq!(listed.condition.parts[1].truth(), None);
    assert_eq!((either.condition.truth(), either.condition.parts[1].truth()), (Some(true), None));
}
