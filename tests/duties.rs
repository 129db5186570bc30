//! Parameters that switch rules on and off, and what rules say beside the outcome: tags, obligations, the law.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails stops")]

use std::sync::Arc;

use serde_json::{Value, json};
use weir::engine::{Answer, Engine, Limits, Recording, VERSION};
use weir::event::{Draft, Kind, TextField};
use weir::explain::{Explainer, Style};
use weir::io::DecisionWriter;
use weir::io::explanation::write_explanation;
use weir::rules::{Checked, RuleSet, Severity, compile, describe};

const HEAD: &str = "[ruleset]\nname = \"t\"\ncurrency = \"VND\"\n";

const RULES: &str = r#"
[params]
role = { value = "wallet", one_of = ["provider", "wallet", "1d"] }
strict = true

[auth.strong]
all = [["fido"]]

[[rule]]
id = "provider"
when = "role = 'provider' and amount > 5"
then = "block"

[[rule]]
id = "wallet"
when = "role = 'wallet' and amount > 5"
then = "step_up"
auth = "strong"
tier = "mandatory"
tags = ["V2", "I.3"]
legal = "Circular 50/2024, appendix 01, I.3"
reason = { en = "By law", vi = "Theo luật" }

[[rule]]
id = "tell"
when = "strict and amount > 7"
oblige = ["report", "notify_customer"]
tags = "V2"
reason = { en = "To be told", vi = "Phải báo" }

[[rule]]
id = "shadow"
when = "amount > 6"
mode = "shadow"
tags = "shadowy"
reason = { en = "Looked at", vi = "Xem xét" }
"#;

fn checked(text: &str) -> Checked {
    compile("t.toml", &format!("{HEAD}{text}"))
}

fn rules(text: &str) -> RuleSet {
    checked(text).into_result().unwrap_or_else(|refused| panic!("{refused}"))
}

/// The decision's line on a payment of this amount, and what an auditor reads of it.
fn decided(text: &str, amount_minor: i64) -> (Value, Value) {
    let rules = rules(text);
    let writer = DecisionWriter::new(&rules, VERSION).unwrap();
    let mut draft = Draft::new(Arc::clone(&rules.schema));
    draft.begin(Kind::Transaction, 1_000_000).unwrap();
    draft.amount(amount_minor, rules.currency).unwrap();
    draft.text(TextField::Id, "p1").unwrap();
    let event = draft.seal().unwrap();
    let style = Style::new(weir::catalogue::Language::English, &rules);
    let mut engine = Engine::new(rules, Limits::default(), Recording::All);
    let Answer::Decided(decision) = engine.step(event) else { panic!("no decision") };
    let (mut line, mut told) = (Vec::new(), Vec::new());
    writer.write(event, decision, &mut line).unwrap();
    let decision = decision.clone();
    let explainer = Explainer::new("t.toml", &format!("{HEAD}{text}")).unwrap();
    let explanation = explainer.explain(&engine.facts(event), &decision, true);
    write_explanation(&explanation, &style, true, &mut told).unwrap();
    (serde_json::from_slice(&line).unwrap(), serde_json::from_slice(&told).unwrap())
}

#[test]
fn a_switch_silences_without_a_warning_and_a_word_that_it_never_has_is_told() {
    let quiet = checked(RULES);
    let told: Vec<_> = quiet.problems.iter().filter(|p| p.severity < Severity::Note).collect();
    let ours: Vec<_> = told.iter().filter(|p| !p.message.contains("has no reason")).collect();
    assert!(ours.is_empty(), "{ours:#?}");
    assert_eq!(decided(RULES, 6).0["outcome"], "step_up");
    assert_eq!(
        decided(&RULES.replace("value = \"wallet\"", "value = \"provider\""), 6).0["outcome"],
        "block"
    );
    let never = checked(&RULES.replace("role = 'provider'", "role = 'bank'"));
    assert!(never.problems.iter().any(|p| p.message == "the parameter is never 'bank'"), "{never:?}");
}

#[test]
fn tags_and_obligations_are_those_of_the_rules_that_acted() {
    let (line, _) = decided(RULES, 5);
    assert_eq!((line.get("tags"), line.get("obligations")), (None, None));
    let (line, _) = decided(RULES, 6);
    assert_eq!((&line["tags"], line.get("obligations")), (&json!(["I.3", "V2"]), None));
    let (line, told) = decided(RULES, 8);
    assert_eq!(line["tags"], json!(["I.3", "V2"]), "what is in shadow marks nothing");
    assert_eq!(line["obligations"], json!(["notify_customer", "report"]));
    assert_eq!(line["rules"][0]["legal"], "Circular 50/2024, appendix 01, I.3");
    assert_eq!(told["obligations"], json!(["notify_customer", "report"]));
    let record = &told["rules"][1]["record"];
    assert_eq!(record["legal"], "Circular 50/2024, appendix 01, I.3");
    assert_eq!(record["reasons"], json!({ "en": "By law", "vi": "Theo luật" }));
}

#[test]
fn every_duty_is_part_of_the_hash_and_of_the_description() {
    let hash = |text: &str| rules(text).hash;
    let changes = [
        ("tags = [\"V2\", \"I.3\"]", "tags = [\"V2\"]"),
        ("\"report\", ", ""),
        ("I.3\"\nreason", "I.4\"\nreason"),
        ("strict = true", "strict = false"),
    ];
    for (old, new) in changes {
        let other = RULES.replace(old, new);
        assert_ne!(other, RULES, "{old} is not there");
        assert_ne!(hash(RULES), hash(&other), "{old}");
        let described = |text: &str| describe("t.toml", &format!("{HEAD}{text}")).unwrap().1;
        assert!(described(RULES) != described(&other), "{old}");
    }
    let turned = RULES.replace("[\"V2\", \"I.3\"]", "[\"I.3\", \"V2\"]");
    assert_eq!(hash(RULES), hash(&turned), "the order of words says nothing");
}

#[test]
fn a_rule_that_marks_is_not_made_needless_by_one_that_does_not() {
    let text = "[[rule]]\nid = \"law\"\nwhen = \"amount > 5\"\nthen = \"block\"\ntier = \"mandatory\"\n\
        [[rule]]\nid = \"own\"\nwhen = \"amount > 9\"\nthen = \"block\"\n";
    let needless = |more: &str| {
        checked(&format!("{text}{more}")).problems.iter().any(|p| p.message.contains("changes no outcome"))
    };
    assert!(needless(""));
    assert!(!needless("tags = \"V2\"\n"));
    assert!(!needless("oblige = \"report\"\n"));
}

#[test]
fn there_are_bounds() {
    let tags = |count: usize| {
        let words: Vec<String> = (0..count).map(|at| format!("\"t{at}\"")).collect();
        checked(&format!("[[rule]]\nid = \"a\"\nwhen = \"amount > 5\"\ntags = [{}]\n", words.join(", ")))
    };
    assert!(tags(64).rule_set.is_some());
    assert!(tags(65).rule_set.is_none());
}
