//! What an event's own fields require is never more than an engine decides, and all of it where rules read nothing else.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a helper of a test may stop it, and it says how much it saw"
)]

use std::sync::Arc;

use proptest::prelude::*;
use weir::decision::{Decision, Demand, Outcome};
use weir::engine::{Answer, Engine, Floor, Limits, Recording};
use weir::event::{Draft, Event, ExtraValue, Kind, TextField};
use weir::generate::{Generator, Settings};
use weir::io::load_rules;
use weir::money::Currency;
use weir::rules::RuleSet;

fn compiled(text: &str) -> RuleSet {
    weir::rules::compile("rules.toml", text).into_result().unwrap_or_else(|refused| panic!("{refused}"))
}

/// Whether a decision asks for all that a demand does.
fn asks_for(decision: &Decision, demand: &Demand) -> bool {
    decision.outcome > demand.outcome
        || decision.outcome == demand.outcome && decision.requirement.implies(&demand.requirement)
        || decision.outcome == demand.outcome && demand.outcome == Outcome::Allow
}

/// Takes in a generated stream; gives how many payments required something by themselves, by outcome.
fn stream(path: &str, start_us: i64, events: u64) -> [u64; 3] {
    let rules = load_rules(path.as_ref()).unwrap().compile().into_result().unwrap();
    let settings = Settings {
        events,
        accounts: 400,
        days: 10,
        start_us,
        rarities: 0.3,
        foreign: 0.1,
        tenants: 2,
        executions: 0.8,
        reversals: 0.02,
        authentications: 0.3,
        ..Settings::default()
    };
    let mut generator = Generator::with_schema(settings, Arc::clone(&rules.schema)).unwrap();
    let mut floor = Floor::new(Arc::new(rules.clone()));
    let mut engine = Engine::new(rules, Limits::default(), Recording::Fired);
    let mut seen = [0; 3];
    while let Some(event) = generator.next() {
        let demand = floor.of(event);
        if event.kind() != Kind::Transaction {
            assert_eq!(demand, Demand::default());
        }
        match engine.step(event) {
            Answer::Decided(decision) if event.kind() == Kind::Transaction => {
                assert!(asks_for(decision, &demand), "{event:?}\n{decision:?}\n{demand:?}");
                seen[demand.outcome as usize] += 1;
            }
            _ => {}
        }
    }
    seen
}

#[test]
fn the_law_is_never_asked_for_more_than_an_engine_asks() {
    for (path, start_us) in [
        ("rules/vn/circular-50.toml", 1_766_336_400_000_000),
        ("rules/vn/with-retail.toml", 1_766_336_400_000_000),
        ("rules/vn/circular-50-wallet.toml", 1_766_336_400_000_000),
        ("rules/vn/decision-2345.toml", 1_725_000_000_000_000),
    ] {
        let seen = stream(path, start_us, 6_000);
        println!("{path}: allow, step up, block by own fields: {seen:?}");
        assert!(seen[0] > 0 && seen[1] > 100, "{path}: {seen:?}");
    }
}

#[test]
fn a_large_transfer_is_stepped_up_whatever_the_day_was() {
    let rules = load_rules("rules/vn/circular-50.toml".as_ref()).unwrap().compile().into_result().unwrap();
    let methods = rules.methods.clone();
    let schema = Arc::clone(&rules.schema);
    let mut floor = Floor::new(Arc::new(rules));
    let mut asked = |minor: i64, presented: &str| {
        let mut line = format!(
            "{{\"id\":\"t\",\"time_us\":1766400000000000,\"amount_minor\":{minor},\"currency\":\"VND\",\"account\":\"a\",\"payee\":\"b\",\
             \"customer\":\"c\",\"customer_kind\":\"individual\",\"payment_kind\":\"transfer\",\"instrument\":\"account\",\
             \"extra\":{{\"payee_instrument\":\"account\"}},\"payer_institution\":\"x\",\"payee_institution\":\"y\",\"same_owner\":false,\
             \"initiated_by\":\"customer\",\"channel\":\"web\",\"device\":\"d\",\"login_methods\":[\"password\"]"
        );
        if !presented.is_empty() {
            line.push_str(&format!(",\"methods\":{:?}", presented.split(',').collect::<Vec<_>>()));
        }
        line.push('}');
        let mut lines = weir::io::LineReader::new(Arc::clone(&schema));
        let event = lines.read_as(Kind::Transaction, line.as_bytes()).unwrap().seal().unwrap();
        floor.of(event)
    };
    let names = |demand: &Demand| -> Vec<Vec<String>> {
        let words = |set: &u64| {
            let named = methods.iter().enumerate().filter(|(bit, _)| set >> bit & 1 == 1);
            named.map(|(_, name)| name.clone()).collect()
        };
        demand.requirement.any_of().iter().map(words).collect()
    };
    // Of type C or D, which only the day's total says: what either takes.
    let fifty = asked(50_000_000, "");
    assert_eq!(fifty.outcome, Outcome::StepUp);
    assert!(
        names(&fifty).iter().any(|set| set.contains(&"biometric_chip".to_owned())),
        "{:?}",
        names(&fifty)
    );
    let large = asked(500_000_001, "");
    assert!(large.requirement.implies(&fifty.requirement) && large != fifty);
    assert_eq!(asked(500_000_001, "fido,biometric_chip").outcome, Outcome::Allow);
    assert_eq!(asked(500_000_001, "sms_otp,biometric_chip").outcome, Outcome::StepUp);
    assert_eq!(asked(50_000_000, "sms_otp,biometric_chip").outcome, Outcome::Allow);
}

const HEAD: &str = r#"
[ruleset]
name = "floor"
time_zone = "Asia/Ho_Chi_Minh"
currency = "VND"
[step_up]
expires = "5m"
[lists]
bad = { key = "payee" }
[fields]
risk = "integer"
word = "text"
[auth.one]
all = [["fido"]]
[auth.two]
all = [["fido", "sms_otp"]]
[policy]
auth = "two"
[features]
many = { count = "*", by = "account", over = "1h" }
usual = { mean = "amount", by = "payee", over = "1d", current = false }
"#;

/// Conditions that read the state in every way, and those that do not.
const OPEN: [&str; 14] = [
    "many > 2",
    "not (many > 2)",
    "usual is null",
    "usual is not null and risk > 3",
    "coalesce(usual, 0) < 50 or risk > 8",
    "payee in bad or amount > 90",
    "case when many > 2 then risk > 1 else risk > 7 end",
    "(many > 3) is unknown or risk is null",
    "quality(usual) = 'exact' and amount > 30",
    "size = 'large'",
    "size in ('large', 'middle') and risk < 5",
    "size = 'small' or many >= 3",
    "nullif(many, 2) is null",
    "amount > 60 and (many > 1 or many <= 1)",
];

const TABLES: &str = r#"
[tables.size]
on_unknown = "strictest"
order = ["small", "middle", "large"]
rows = [
  { when = "risk + many * 2 > 12 or amount > 100", is = "large" },
  { when = "amount > 60", is = "middle" },
  { when = "risk > 4 and many > 1", is = "middle" },
  { when = "risk > 4 and many <= 1 and amount > 20", is = "middle" },
]
else = "small"
"#;

const OWN: [&str; 7] = [
    "amount > 50",
    "risk > 3",
    "risk is null or word = 'x'",
    "word in ('x', 'y') and not (risk > 5)",
    "coalesce(risk, 9) > 8",
    "case when word = 'x' then amount > 10 else risk > 2 end",
    "bracket = 'high' or word like 'y%'",
];

const OWN_TABLE: &str = r#"
[tables.bracket]
on_unknown = "unknown"
rows = [{ when = "risk > 6", is = "high" }, { when = "amount > 40 and word = 'x'", is = "high" }]
else = "low"
"#;

fn rules(conditions: &[(usize, u8)], from: &[&str], tables: &str) -> RuleSet {
    let mut text = format!("{HEAD}{tables}");
    for (at, (condition, then)) in conditions.iter().enumerate() {
        let condition = from[condition % from.len()];
        let then = match then % 4 {
            0 => "then = \"block\"",
            1 => "then = \"step_up\"\nauth = \"one\"",
            2 => "then = \"step_up\"\nauth = \"two\"",
            _ => "then = \"step_up\"",
        };
        text.push_str(&format!(
            "[[rule]]\nid = \"r{at}\"\ntier = \"mandatory\"\nwhen = \"{condition}\"\n{then}\nlegal = \"the law\"\n"
        ));
    }
    compiled(&text)
}

type Said = (i64, Option<i64>, Option<&'static str>, u8, u8, Option<&'static str>);

fn said() -> impl Strategy<Value = Said> {
    (
        1..120_i64,
        proptest::option::of(0..10_i64),
        proptest::option::of(prop_oneof![Just("x"), Just("y"), Just("z")]),
        0..3_u8,
        0..3_u8,
        proptest::option::of(prop_oneof![Just("fido"), Just("sms_otp"), Just("pin")]),
    )
}

fn event(rules: &RuleSet, at: usize, (amount, risk, word, account, payee, methods): Said) -> Event {
    let mut draft = Draft::new(Arc::clone(&rules.schema));
    draft.begin(Kind::Transaction, 1_766_400_000_000_000 + at as i64 * 1_000_000).unwrap();
    draft.amount(amount, Currency::VND).unwrap();
    let (account, payee, id) = (format!("a{account}"), format!("p{payee}"), format!("t{at}"));
    for (field, text) in [(TextField::Id, &id), (TextField::Account, &account), (TextField::Payee, &payee)] {
        draft.text(field, text).unwrap();
    }
    methods.map_or(Ok(()), |methods| draft.text(TextField::Methods, methods)).unwrap();
    risk.map_or(Ok(()), |risk| draft.extra("risk", ExtraValue::Whole(risk))).unwrap();
    word.map_or(Ok(()), |word| draft.extra("word", ExtraValue::Text(word))).unwrap();
    draft.seal().unwrap().clone()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_past_was_an_engine_asks_for_as_much(
        conditions in proptest::collection::vec((0..OPEN.len(), 0..4_u8), 1..5),
        stream in proptest::collection::vec(said(), 1..40),
    ) {
        let rules = rules(&conditions, &OPEN, TABLES);
        let mut floor = Floor::new(Arc::new(rules.clone()));
        let mut engine = Engine::new(rules.clone(), Limits::default(), Recording::Fired);
        for (at, said) in stream.into_iter().enumerate() {
            let event = event(&rules, at, said);
            let demand = floor.of(&event);
            let Answer::Decided(decision) = engine.step(&event) else { panic!("not decided") };
            prop_assert!(asks_for(decision, &demand), "{decision:?}\n{demand:?}");
        }
    }

    #[test]
    fn where_rules_read_the_event_alone_all_is_asked_for(
        conditions in proptest::collection::vec((0..OWN.len(), 0..4_u8), 1..5),
        stream in proptest::collection::vec(said(), 1..40),
    ) {
        let rules = rules(&conditions, &OWN, OWN_TABLE);
        let mut floor = Floor::new(Arc::new(rules.clone()));
        let mut engine = Engine::new(rules.clone(), Limits::default(), Recording::Fired);
        for (at, said) in stream.into_iter().enumerate() {
            let event = event(&rules, at, said);
            let demand = floor.of(&event);
            let Answer::Decided(decision) = engine.step(&event) else { panic!("not decided") };
            prop_assert_eq!(decision.outcome, demand.outcome);
            if decision.outcome == Outcome::StepUp {
                prop_assert_eq!(&decision.requirement, &demand.requirement);
            }
        }
    }
}
