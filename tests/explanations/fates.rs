//! What became of rules that fired and did not act, and of tables, as it is told.

use std::sync::Arc;

use weir::catalogue::Language;
use weir::engine::{Answer, Engine, Limits, Recording};
use weir::event::{Draft, Kind, TextField};
use weir::explain::{Explainer, Explanation, Fate, Style, heading, table_title, title};
use weir::money::Currency;

const FILE: &str = r#"
[ruleset]
name = "t"
time_zone = "Asia/Ho_Chi_Minh"
currency = "VND"
[policy]
step_up_at = 50
[tables.grade]
rows = [
  { when = "amount <= 5_000_000", is = "A" },
  { when = "same_owner", is = "B" },
]
else = "C"
on_unknown = "strictest"
order = ["A", "B", "C"]
[[rule]]
id = "law"
tier = "mandatory"
when = "grade = 'C' and device = 'd1'"
then = "alert"
[[rule]]
id = "large"
when = "amount > 1_000_000"
then = "block"
[[rule]]
id = "friends"
tier = "override"
when = "payee = 'p1'"
then = "allow"
overrides = ["large"]
valid_until = 2027-01-01
[[rule]]
id = "tried"
mode = "shadow"
when = "amount > 1_000_000"
then = "block"
[[rule]]
id = "asleep"
mode = "off"
when = "amount > 1_000_000"
then = "block"
[[rule]]
id = "spring"
valid_from = 2026-05-01
when = "amount > 1_000_000"
score = 5
[[rule]]
id = "few"
rollout = { percent = 0.0001, by = "account" }
when = "amount > 1_000_000"
score = 5
[[rule]]
id = "points"
when = "amount > 1_000_000"
score = 60
"#;

fn explain() -> (Explainer, Explanation) {
    let explainer = Explainer::new("t.toml", FILE).unwrap_or_else(|refused| panic!("{refused}"));
    let mut engine = Engine::new(explainer.rules().clone(), Limits::default(), Recording::All);
    let mut draft = Draft::new(Arc::clone(&explainer.rules().schema));
    draft.begin(Kind::Transaction, 1_767_225_600_000_000).unwrap();
    for (field, text) in [(TextField::Id, "e1"), (TextField::Account, "a1"), (TextField::Payee, "p1")] {
        draft.text(field, text).unwrap();
    }
    draft.amount(7_000_000, Currency::VND).unwrap();
    let event = draft.seal().unwrap().clone();
    let Answer::Decided(decision) = engine.step(&event) else { panic!("not decided") };
    let decision = decision.clone();
    let explanation = explainer.explain(&engine.facts(&event), &decision, true);
    (explainer, explanation)
}

#[test]
fn every_fate_is_told() {
    let (explainer, explanation) = explain();
    let fates: Vec<(&str, &Fate, bool)> =
        explanation.rules.iter().map(|rule| (rule.id.as_str(), &rule.fate, rule.by_unknown)).collect();
    assert_eq!(
        fates,
        [
            ("law", &Fate::Acted, true),
            ("large", &Fate::Overridden { by: vec!["friends".to_owned()] }, false),
            ("friends", &Fate::Acted, false),
            ("tried", &Fate::Shadow, false),
            ("asleep", &Fate::Off, false),
            ("spring", &Fate::NotYet, false),
            ("few", &Fate::Outside, false),
            ("points", &Fate::Acted, false),
        ]
    );
    let titles = Language::ALL.map(|language| {
        let style = Style::new(language, explainer.rules());
        explanation.rules.iter().map(|rule| title(rule, &style)).collect::<Vec<_>>()
    });
    assert_eq!(
        titles[0],
        [
            "law: alert, mandatory — fired; its condition is unknown, and then it fires",
            "large: block — fired, and was overridden by friends",
            "friends: allow, override — fired",
            "tried: block — in shadow: it would have fired, and changed nothing",
            "asleep: block — is off",
            "spring: +5 — is not valid yet",
            "few: +5 — the payment is outside its rollout",
            "points: +60 — fired",
        ]
    );
    assert!(
        titles[0].iter().zip(&titles[1]).all(|(english, vietnamese)| english != vietnamese),
        "{titles:?}"
    );
}

#[test]
fn the_head_says_what_the_score_is_made_of_and_the_table_which_row_gave_its_value() {
    let (explainer, explanation) = explain();
    let style = Style::new(Language::English, explainer.rules());
    let heading = heading(&explanation, &style);
    assert_eq!(heading.payment, "payment `e1` of 7,000,000 VND, 2026-01-01 07:00:00 +07:00");
    assert_eq!(heading.outcome, "step up, and a person should look");
    assert_eq!(
        heading.details,
        [
            "score 60 = points +60; step up from 50: reached",
            "customer: confirm_payment — Please confirm this payment to continue."
        ]
    );
    let [grade] = explanation.tables.as_slice() else { panic!("{:?}", explanation.tables) };
    assert_eq!(
        table_title(grade, &style),
        "table grade = 'C' — no row holds: else; the strictest of those still possible"
    );
    assert_eq!(grade.looked_at.len(), 2);
}
