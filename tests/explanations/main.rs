//! Explanations evaluate to what the decision said, and every part of them to what its own parts say.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that fails stops")]

mod customer;
#[path = "../rules_reference/expr.rs"]
mod expr;
mod fates;
#[path = "../rules_reference/generate.rs"]
mod generate;
mod logic;
mod words;

use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use weir::catalogue::Language;
use weir::engine::{Answer, Engine, Limits, Recording};
use weir::event::Draft;
use weir::explain::{Explainer, Fate, Style, lines};
use weir::generate::{Generator, Settings};
use weir::rules::{Facts, OnUnknown};

const FILE: &str = "[ruleset]\nname = \"t\"\ncurrency = \"VND\"\n[fields]\nx = \"integer\"\ny = \"integer\"\n\
    d = \"decimal\"\ne = \"decimal\"\nf = \"boolean\"\ng = \"boolean\"\ns = \"text\"\nt = \"text\"\n";

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_condition_is_explained_as_it_is_evaluated(expr in generate::boolean(4), all in vec(generate::fields(), 4)) {
        let condition = expr.to_string();
        prop_assume!(condition.len() < 9_000);
        let file = format!("{FILE}[[rule]]\nid = \"a\"\nthen = \"block\"\nwhen = '''{condition}'''\n");
        let explainer = Explainer::new("t.toml", &file).map_err(|refused| TestCaseError::fail(refused.to_string()))?;
        let rule = &explainer.rules().rules[0];
        for fields in all {
            let mut draft = Draft::new(Arc::clone(&explainer.rules().schema));
            fields.fill(&mut draft);
            let facts = Facts::of(draft.seal().unwrap(), (0, 1));
            let explanation = explainer.explain(&facts, &weir::decision::Decision::default(), true);
            let finding = &explanation.rules[0].condition;
            prop_assert_eq!(finding.truth(), rule.when.holds(&facts), "{} with {:?}", &condition, &fields);
            prop_assert_eq!(finding.truth(), expr.truth(&fields), "{} with {:?}", &condition, &fields);
            logic::check(finding).map_err(|why| TestCaseError::fail(format!("{condition} with {fields:?}: {why}")))?;
            for language in Language::ALL {
                prop_assert!(!lines(finding, &Style::new(language, explainer.rules())).is_empty());
            }
        }
    }
}

#[test]
fn every_rule_of_the_retail_pack_is_explained_as_it_was_decided() {
    let text = std::fs::read_to_string("rules/retail.toml").unwrap();
    let explainer = Explainer::new("retail.toml", &text).unwrap();
    let rules = explainer.rules();
    let mut engine = Engine::new(rules.clone(), Limits::default(), Recording::All);
    let settings = Settings { events: 20_000, accounts: 500, seed: 5, ..Settings::default() };
    let mut generator = Generator::new(settings).unwrap();
    let (mut decided, mut fired, mut unknown) = (0, 0, 0);
    while let Some(event) = generator.next() {
        let Answer::Decided(decision) = engine.step(event) else { continue };
        let decision = decision.clone();
        let explanation = explainer.explain(&engine.facts(event), &decision, true);
        decided += 1;
        for (at, (rule, explained)) in rules.rules.iter().zip(&explanation.rules).enumerate() {
            let truth = explained.condition.truth();
            let did = decision.fired.contains(&(at as u16));
            assert_eq!(
                truth.unwrap_or(rule.on_unknown == OnUnknown::Fires),
                did,
                "{}: {explained:?}",
                rule.id
            );
            assert_eq!(explained.fate == Fate::Acted, did);
            logic::check(&explained.condition).unwrap_or_else(|why| panic!("{}: {why}", rule.id));
            fired += usize::from(did);
            unknown += usize::from(truth.is_none());
        }
        let score: i64 = explanation.rules.iter().filter(|r| r.fate == Fate::Acted).map(|r| r.score).sum();
        assert_eq!(score, explanation.score);
    }
    assert!(decided > 5_000 && fired > 500 && unknown > 100, "{decided} {fired} {unknown}");
}
