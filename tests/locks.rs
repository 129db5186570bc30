//! Locks against a plain model that keeps every key in a map, and one by one what the model can't show.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    reason = "a test fails loudly, and documents nothing"
)]

#[path = "support/asked.rs"]
mod asked;
#[path = "locks/model.rs"]
mod model;
#[path = "support/saved.rs"]
mod saved;

use std::sync::Arc;

use asked::asked;
use model::{Auth, METHODS, Model, Said, Tx};
use proptest::prelude::*;
use saved::Saved;
use weir::catalogue::Language;
use weir::decision::{Decision, Outcome, Stopped};
use weir::engine::{Answer, Engine, Limits, Recording, ShadowLimits};
use weir::event::{Draft, Event, Kind, TextField};
use weir::explain::{Explainer, Style, heading};
use weir::lists::Lists;
use weir::rules::{RuleSet, compile};

const MINUTE_US: i64 = 60_000_000;
const START_US: i64 = 1_700_000_000_000_000;

const RULES: &str = r#"
[auth.face]
all = [["bio", "chip"]]

[auth.any]
all = [["bio", "chip", "otp"]]

[auth.both]
all = [["bio"], ["otp"]]

[step_up]
expires  = "5m"
attempts = 4

[locks.biometric]
methods  = ["bio", "chip"]
by       = "customer"
failures = 3
opens    = { from = "change", where = "what = 'biometric'" }

[locks.token]
methods  = ["otp"]
by       = "account"
failures = 2
opens    = { from = ["login", "change"], where = "result = 'succeeded' or what = 'device'" }

[[rule]]
id   = "face"
when = "amount > 30 and amount <= 60"
then = "step_up"
auth = "face"

[[rule]]
id   = "any"
when = "amount > 60 and amount <= 80"
then = "step_up"
auth = "any"

[[rule]]
id   = "both"
when = "amount > 80"
then = "step_up"
auth = "both"

[[rule]]
id   = "seen"
when = "met(face)"
then = "alert"
"#;

const OTHER: &str = "\n[features]\ncounted = { count = \"*\", by = \"customer\", over = \"1h\" }\n[[rule]]\nid = \"many\"\nwhen = \"counted > 999\"\nthen = \"alert\"\n";

fn rules(name: &str, body: &str) -> RuleSet {
    let head = format!("[ruleset]\nname = \"{name}\"\ncurrency = \"VND\"\n");
    compile("locks.toml", &format!("{head}{body}")).into_result().unwrap()
}

/// What happens next.
#[derive(Clone, Debug)]
enum Act {
    Pay { tenant: u8, customer: u8, account: u8, amount: i64, methods: u8 },
    Answer { of: usize, attempt: u8, methods: u8, succeeded: bool, customer: u8, late_us: i64 },
    Change { tenant: u8, customer: u8, what: &'static str },
    Login { tenant: u8, account: u8, succeeded: bool },
    Again { of: usize },
    Restart,
    Reload,
}

fn act() -> impl Strategy<Value = Act> {
    let late = || prop_oneof![4 => Just(0), 1 => 1..20 * MINUTE_US];
    let methods = || prop_oneof![1 => 0..8u8, 2 => prop::sample::select(vec![1u8, 2, 4])];
    prop_oneof![
        6 => (0..2u8, prop_oneof![2 => 0..2u8, 1 => Just(2u8)], 0..2u8, 1..120i64, prop_oneof![2 => Just(0), 1 => methods()]).prop_map(
            |(tenant, customer, account, amount, methods)| Act::Pay { tenant, customer, account, amount, methods }),
        14 => (0..5usize, 0..6u8, methods(), prop::bool::weighted(0.3), 0..6u8, late()).prop_map(
            |(of, attempt, methods, succeeded, customer, late_us)| Act::Answer { of, attempt, methods, succeeded, customer, late_us }),
        2 => (0..2u8, 0..2u8, prop::sample::select(vec!["biometric", "device", "phone"])).prop_map(
            |(tenant, customer, what)| Act::Change { tenant, customer, what }),
        1 => (0..2u8, 0..2u8, any::<bool>()).prop_map(|(tenant, account, succeeded)| Act::Login { tenant, account, succeeded }),
        1 => (0..4usize).prop_map(|of| Act::Again { of }),
        1 => Just(Act::Restart),
        1 => Just(Act::Reload),
    ]
}

fn words(methods: u8) -> Vec<&'static str> {
    (0..3).filter(|bit| methods >> bit & 1 == 1).map(|bit| METHODS[bit]).collect()
}

struct Maker {
    draft: Draft,
    made: usize,
}

impl Maker {
    fn of(rules: &RuleSet) -> Self {
        Self { draft: Draft::new(rules.schema.clone()), made: 0 }
    }

    fn event(
        &mut self,
        kind: Kind,
        time_us: i64,
        fields: &[(TextField, &str)],
        amount: Option<i64>,
    ) -> Event {
        self.draft.begin(kind, time_us).unwrap();
        self.draft.text(TextField::Id, &format!("e{}", self.made)).unwrap();
        self.made += 1;
        for (field, text) in fields.iter().filter(|(_, text)| !text.is_empty()) {
            self.draft.text(*field, text).unwrap();
        }
        if let Some(minor) = amount {
            self.draft.amount(minor, weir::money::Currency::VND).unwrap();
        }
        self.draft.seal().unwrap().clone()
    }

    fn pay(&mut self, time_us: i64, customer: &str, amount: i64, methods: &str) -> Event {
        let fields =
            [(TextField::Customer, customer), (TextField::Account, "a"), (TextField::Methods, methods)];
        self.event(Kind::Transaction, time_us, &fields, Some(amount))
    }

    fn answer(&mut self, time_us: i64, of: &str, methods: &str, result: &str) -> Event {
        let fields =
            [(TextField::Transaction, of), (TextField::Methods, methods), (TextField::Result, result)];
        self.event(Kind::Authentication, time_us, &fields, None)
    }
}

fn said(engine: &mut Engine, event: &Event) -> Said {
    let (said, locked) = match engine.step(event) {
        Answer::Refused(refusal) => (Said::Refused(refusal.code()), 0),
        Answer::Taken | Answer::Alert(_) => (Said::Taken, 0),
        Answer::TakenBefore | Answer::AlertedBefore(_) => (Said::TakenBefore, 0),
        Answer::Repeated(decision) => (Said::Repeated(decision.outcome, Vec::new()), decision.locked),
        Answer::Decided(decision) => {
            let (outcome, met, alert) = (decision.outcome, decision.met, decision.alert);
            (Said::Decided { outcome, met, alert, locked: Vec::new() }, decision.locked)
        }
    };
    let names: Vec<String> = engine.rules().lock_names(locked).map(str::to_owned).collect();
    match said {
        Said::Decided { outcome, met, alert, .. } => Said::Decided { outcome, met, alert, locked: names },
        Said::Repeated(outcome, _) => Said::Repeated(outcome, names),
        other => other,
    }
}

fn run(acts: &[(Act, i64)], most: usize) {
    let sets = [Arc::new(rules("one", RULES)), Arc::new(rules("two", &format!("{RULES}{OTHER}")))];
    let limits = Limits { locks_max: most, ..Limits::default() };
    let mut engine = Engine::new((*sets[0]).clone(), limits, Recording::Fired);
    let (mut model, mut maker) = (Model::new(most), Maker::of(&sets[0]));
    let mut events: Vec<Event> = Vec::new();
    let (mut live, mut now_us) = (0, START_US);
    let named = |word: &str, n: u8| format!("{word}{n}");
    for (at, (act, passed_us)) in acts.iter().enumerate() {
        now_us += passed_us;
        let (event, expected) = match *act {
            Act::Pay { tenant, customer, account, amount, methods } => {
                // Now and then it does not say whose it is.
                let customer = if customer < 2 { named("c", customer) } else { String::new() };
                let (tenant, account) = (named("t", tenant), named("a", account));
                let fields = [
                    (TextField::Tenant, tenant.as_str()),
                    (TextField::Customer, &customer),
                    (TextField::Account, &account),
                    (TextField::Methods, &words(methods).join(",")),
                ];
                let event = maker.event(Kind::Transaction, now_us, &fields, Some(amount));
                let id = event.id().to_owned();
                let customer = (!customer.is_empty()).then_some(customer);
                let tx = Tx { id, tenant, customer, account, amount, presented: words(methods) };
                (event, model.pay(tx, now_us))
            }
            Act::Answer { of, attempt, methods, succeeded, customer, late_us } => {
                let Some((of, tenant)) = model.newest(of) else { continue };
                // Mostly it does not say whose it is.
                let customer = if customer < 2 { named("c", customer) } else { String::new() };
                let attempt = if attempt == 0 { String::new() } else { named("", attempt) };
                let fields = [
                    (TextField::Tenant, tenant.as_str()),
                    (TextField::Transaction, &of),
                    (TextField::Customer, &customer),
                    (TextField::Attempt, &attempt),
                    (TextField::Methods, &words(methods).join(",")),
                    (TextField::Result, if succeeded { "succeeded" } else { "failed" }),
                ];
                let event = maker.event(Kind::Authentication, now_us - late_us, &fields, None);
                let auth = Auth {
                    of,
                    customer: (!customer.is_empty()).then_some(customer),
                    attempt: (!attempt.is_empty()).then_some(attempt),
                    methods: words(methods),
                    succeeded,
                };
                (event, model.answer(&auth, now_us - late_us))
            }
            Act::Change { tenant, customer, what } => {
                let (tenant, customer) = (named("t", tenant), named("c", customer));
                let fields = [
                    (TextField::Tenant, tenant.as_str()),
                    (TextField::Customer, &customer),
                    (TextField::What, what),
                ];
                let event = maker.event(Kind::Change, now_us, &fields, None);
                if what == "biometric" {
                    model.open("biometric", &tenant, &customer);
                }
                (event, model.pass(now_us))
            }
            Act::Login { tenant, account, succeeded } => {
                let (tenant, account) = (named("t", tenant), named("a", account));
                let fields = [
                    (TextField::Tenant, tenant.as_str()),
                    (TextField::Account, &account),
                    (TextField::Result, if succeeded { "succeeded" } else { "failed" }),
                ];
                let event = maker.event(Kind::Login, now_us, &fields, None);
                if succeeded {
                    model.open("token", &tenant, &account);
                }
                (event, model.pass(now_us))
            }
            Act::Again { of } => {
                let Some(event) = events.iter().rev().nth(of) else { continue };
                let event = event.clone();
                let expected = model.again(event.id());
                (event, expected)
            }
            Act::Restart => {
                engine = Saved::of(&engine.freeze()).restored(&sets, None);
                continue;
            }
            Act::Reload => {
                live = 1 - live;
                let hash = engine.stage((*sets[live]).clone()).unwrap();
                let subject = weir::hex::hex(hash);
                let fields = [(TextField::Control, "rule_set"), (TextField::Subject, subject.as_str())];
                (maker.event(Kind::Control, now_us, &fields, None), model.pass(now_us))
            }
        };
        let found = said(&mut engine, &event);
        assert_eq!(found, expected, "act {at}: {act:?} at {now_us}");
        if matches!(found, Said::Decided { .. } | Said::Taken) {
            model.note(event.id(), &found);
            events.push(event);
        }
    }
}

proptest! {
    #![proptest_config(asked(300, 2_000))]

    #[test]
    fn locks_go_as_a_model_says_that_keeps_every_key_in_a_map(
        acts in prop::collection::vec((act(), prop_oneof![2 => Just(0), 2 => 0..MINUTE_US, 1 => 0..6 * MINUTE_US]), 1..80),
        most in prop_oneof![2 => Just(1_000), 1 => 1..4usize],
    ) {
        run(&acts, most);
    }
}

fn decided(answer: Answer<'_>) -> Decision {
    match answer {
        Answer::Decided(decision) => decision.clone(),
        other => panic!("{other:?}"),
    }
}

/// An engine in which customer `c` has failed so often, with the maker of its events.
fn failed(times: i64, limits: Limits) -> (Engine, Maker) {
    let rules = rules("one", RULES);
    let mut maker = Maker::of(&rules);
    let mut engine = Engine::new(rules, limits, Recording::Fired);
    let pay = maker.pay(START_US, "c", 50, "");
    decided(engine.step(&pay));
    for n in 1..=times {
        decided(engine.step(&maker.answer(START_US + n, pay.id(), "bio", "failed")));
    }
    (engine, maker)
}

#[test]
fn the_failure_that_locks_is_answered_block_and_a_success_does_not_open() {
    let (mut engine, mut maker) = failed(2, Limits::default());
    let last = decided(engine.step(&maker.answer(START_US + 3, "e0", "chip", "failed")));
    assert_eq!((last.outcome, last.locked, last.stopped), (Outcome::Block, 1, None));
    let pay = decided(engine.step(&maker.pay(START_US + 4, "c", 50, "bio")));
    assert_eq!((pay.outcome, pay.locked, pay.met, pay.alert), (Outcome::Block, 1, false, false));
    let report = maker.answer(START_US + 5, "e0", "bio", "succeeded");
    assert_eq!(engine.step(&report), Answer::Taken);
    let other = decided(engine.step(&maker.pay(START_US + 6, "c", 70, "bio")));
    assert_eq!((other.outcome, other.locked), (Outcome::StepUp, 0), "otp meets it too");
    let change = [(TextField::Customer, "c"), (TextField::What, "biometric")];
    assert_eq!(engine.step(&maker.event(Kind::Change, START_US + 7, &change, None)), Answer::Taken);
    let pay = decided(engine.step(&maker.pay(START_US + 8, "c", 50, "bio")));
    assert_eq!((pay.outcome, pay.met, pay.alert), (Outcome::Allow, true, true));
}

#[test]
fn a_failure_that_does_not_say_of_what_counts_for_every_lock_and_such_a_success_for_none() {
    let (mut engine, mut maker) = failed(0, Limits::default());
    for n in 1..=2 {
        let answer = decided(engine.step(&maker.answer(START_US + n, "e0", "", "failed")));
        assert_eq!((answer.outcome, answer.locked), (Outcome::StepUp, 0), "`face` asks for no token");
    }
    let token = decided(engine.step(&maker.pay(START_US + 3, "c", 90, "bio,otp")));
    assert_eq!((token.outcome, token.locked), (Outcome::Block, 2), "two failures lock a token");
    let untold = decided(engine.step(&maker.answer(START_US + 4, "e0", "", "succeeded")));
    assert_eq!((untold.outcome, untold.locked), (Outcome::StepUp, 0));
    let last = decided(engine.step(&maker.answer(START_US + 5, "e0", "", "failed")));
    assert_eq!((last.outcome, last.locked), (Outcome::Block, 1), "the third, for nothing was set back");
}

#[test]
fn with_as_many_keys_counted_as_may_be_a_failure_of_another_is_answered_as_locked() {
    let (mut engine, mut maker) = failed(1, Limits { locks_max: 1, ..Limits::default() });
    let pay = maker.pay(START_US + 10, "d", 50, "");
    assert_eq!(decided(engine.step(&pay)).outcome, Outcome::StepUp);
    let full = decided(engine.step(&maker.answer(START_US + 11, pay.id(), "bio", "failed")));
    assert_eq!((full.outcome, full.locked), (Outcome::Block, 1));
    let next = decided(engine.step(&maker.pay(START_US + 12, "d", 50, "bio")));
    assert_eq!((next.outcome, next.met), (Outcome::Allow, true), "nothing was counted of it");
}

#[test]
fn a_lock_goes_on_in_a_rule_set_that_asks_for_other_failures_and_not_in_one_that_locks_something_else() {
    let take_up = |engine: &mut Engine, maker: &mut Maker, text: &str| {
        let hash = engine.stage(rules("other", text)).unwrap();
        let subject = weir::hex::hex(hash);
        let fields = [(TextField::Control, "rule_set"), (TextField::Subject, subject.as_str())];
        let event = maker.event(Kind::Control, START_US + 10, &fields, None);
        assert_eq!(engine.step(&event), Answer::Taken);
    };
    for (from, to, locked) in [
        ("failures = 3", "failures = 9", true),
        ("what = 'biometric'", "what = 'phone'", true),
        ("[\"bio\", \"chip\"]\nby", "[\"bio\"]\nby", false),
        ("\"customer\"", "\"account\"", false),
        ("locks.biometric", "locks.another", false),
    ] {
        let (mut engine, mut maker) = failed(3, Limits::default());
        take_up(&mut engine, &mut maker, &RULES.replace(from, to));
        let pay = decided(engine.step(&maker.pay(START_US + 11, "c", 50, "bio")));
        assert_eq!(pay.outcome == Outcome::Block, locked, "{from} -> {to}");
    }
}

#[test]
fn a_shadow_reads_the_locks_of_the_live_rule_set_by_name() {
    let (mut engine, mut maker) = failed(3, Limits::default());
    let text = RULES.replace("failures = 3", "failures = 50").replace("locks.token", "locks.aaa");
    engine.load_shadow(rules("next", &text), Lists::new(0), ShadowLimits::default()).unwrap();
    decided(engine.step(&maker.pay(START_US + 10, "c", 50, "bio")));
    let (shadow, set) = (engine.shadow_decision().unwrap(), engine.shadow_rules().unwrap());
    assert_eq!(shadow.outcome, Outcome::Block);
    assert_eq!(set.lock_names(shadow.locked).collect::<Vec<_>>(), ["biometric"]);
    decided(engine.step(&maker.pay(START_US + 11, "d", 50, "bio")));
    assert_eq!(engine.shadow_decision().unwrap().outcome, Outcome::Allow);
}

#[test]
fn an_explanation_says_what_is_locked() {
    let head = "[ruleset]\nname = \"one\"\ncurrency = \"VND\"\n";
    let explainer = Explainer::new("locks.toml", &format!("{head}{RULES}")).unwrap();
    let (mut engine, mut maker) = failed(3, Limits::default());
    let pay = maker.pay(START_US + 10, "c", 50, "bio");
    let decision = decided(engine.step(&pay));
    let told = explainer.explain(&engine.facts(&pay), &decision, true);
    let details = |language| heading(&told, &Style::new(language, explainer.rules())).details.join("\n");
    let english = details(Language::English);
    assert!(english.contains("it can't be met while locked: biometric"), "{english}");
    let vietnamese = details(Language::Vietnamese);
    assert!(vietnamese.contains("không thể đáp ứng khi đang bị khóa: biometric"), "{vietnamese}");
    assert!(told.rules.iter().all(|rule| rule.id != "seen" || rule.condition.truth() == Some(false)));
}

#[test]
fn everything_that_a_lock_says_is_part_of_the_rule_sets_hash() {
    let first = rules("one", RULES).hash;
    for (from, to) in [
        ("failures = 3", "failures = 4"),
        ("[\"bio\", \"chip\"]\nby", "[\"bio\"]\nby"),
        ("by       = \"customer\"", "by       = \"account\""),
        ("what = 'biometric'", "what = 'phone'"),
        ("from = \"change\"", "from = [\"change\", \"login\"]"),
        ("locks.token", "locks.tokens"),
    ] {
        assert!(RULES.contains(from), "{from}");
        assert_ne!(rules("one", &RULES.replacen(from, to, 1)).hash, first, "{from}");
    }
    let layout = RULES.replace("where = \"what = 'biometric'\"", "where = \"what='biometric' -- asked for\"");
    assert_eq!(rules("one", &layout).hash, first);
}

const CASES: &str = r#"
[defaults]
customer = "c"
account  = "a"

[[case]]
name   = "locked, reported, opened"
events = [
  { id = "t1", amount = 50, expect = { outcome = "step_up", locked = [] } },
  { kind = "authentication", transaction = "t1", methods = ["bio"], result = "failed", expect = { outcome = "step_up" } },
  { kind = "authentication", transaction = "t1", methods = ["chip", "otp"], result = "failed", expect = { outcome = "step_up" } },
  { kind = "authentication", transaction = "t1", methods = ["otp"], result = "failed", expect = { outcome = "step_up" } },
  { id = "t2", amount = 90, expect = { outcome = "block", locked = ["token"] } },
  { kind = "authentication", transaction = "t2", methods = ["bio"], result = "failed" },
  { id = "t3", amount = 90, expect = { outcome = "block", locked = ["token", "biometric"] } },
  { kind = "change", what = "biometric" },
  { id = "t4", amount = 50, methods = ["bio"], expect = { outcome = "allow", met = true, locked = [] } },
]
"#;

#[test]
fn cases_expect_what_is_locked_and_name_only_locks_that_there_are() {
    let rules = rules("one", RULES);
    for case in weir::cases::parse(CASES, &rules).unwrap() {
        let report = weir::cases::run(&rules, &Lists::new(0), &weir::rates::Rates::default(), &case);
        assert_eq!(report.failures, Vec::<String>::new());
        let other = weir::cases::parse(&CASES.replace("\"token\", \"biometric\"", "\"token\""), &rules);
        let report =
            weir::cases::run(&rules, &Lists::new(0), &weir::rates::Rates::default(), &other.unwrap()[0]);
        assert_eq!(report.failures.len(), 1, "{:?}", report.failures);
    }
    let wrong = weir::cases::parse(&CASES.replace("[\"token\"]", "[\"tokens\"]"), &rules).unwrap_err();
    assert!(wrong.to_string().contains("there is no lock `tokens`"), "{wrong}");
}

#[test]
fn a_decisions_line_names_what_is_locked_and_so_does_its_repeat() {
    let (mut engine, mut maker) = failed(3, Limits::default());
    let pay = maker.pay(START_US + 10, "c", 50, "bio");
    let first = decided(engine.step(&pay));
    let Answer::Repeated(again) = engine.step(&pay) else { panic!("it came again") };
    assert_eq!(again, &first);
    let mut line = Vec::new();
    let writer = weir::io::decision::DecisionWriter::new(engine.rules(), "0").unwrap();
    writer.write(&pay, &first, &mut line).unwrap();
    let line = String::from_utf8(line).unwrap();
    assert!(line.contains(r#""outcome":"block""#) && line.contains(r#""locked":["biometric"]"#), "{line}");
}

#[test]
fn a_lock_may_be_by_a_field_that_the_file_declares() {
    let text = format!("[fields]\nwallet = \"text\"\n{}", RULES.replace("\"customer\"", "\"wallet\""));
    let rules = rules("one", &text);
    let mut draft = Draft::new(rules.schema.clone());
    let mut engine = Engine::new(rules, Limits::default(), Recording::Fired);
    let mut pay = |id: &str, wallet: &str| {
        draft.begin(Kind::Transaction, START_US).unwrap();
        draft.text(TextField::Id, id).unwrap();
        draft.amount(50, weir::money::Currency::VND).unwrap();
        draft.extra("wallet", weir::event::ExtraValue::Text(wallet)).unwrap();
        draft.seal().unwrap().clone()
    };
    let mut maker = Maker { draft: Draft::new(engine.rules().schema.clone()), made: 0 };
    decided(engine.step(&pay("t1", "w1")));
    decided(engine.step(&pay("t2", "w2")));
    // The first two while it is open, and once it is over as a report.
    for (n, result) in ["failed", "failed", "failed"].into_iter().enumerate() {
        let answer = maker.answer(START_US + n as i64, "t1", "bio", result);
        let locked = decided(engine.step(&answer)).locked;
        assert_eq!(locked, u16::from(n == 2));
    }
    let answer = maker.answer(START_US + 5, "t2", "bio", "succeeded");
    assert_eq!(decided(engine.step(&answer)).outcome, Outcome::Allow, "that is another wallet");
    for n in 6..9 {
        let report = maker.answer(START_US + n, "t2", "bio", "failed");
        assert_eq!(engine.step(&report), Answer::Taken);
    }
    assert_eq!(decided(engine.step(&pay("t3", "w2"))).locked, 1, "reports count for the payment's wallet");
    assert_eq!(decided(engine.step(&pay("t4", "w3"))).locked, 0);
}

#[test]
fn what_a_lock_says_can_be_compared() {
    let head = "[ruleset]\nname = \"one\"\ncurrency = \"VND\"\n";
    let describe =
        |body: &str| weir::rules::describe("locks.toml", &format!("{head}{body}")).unwrap().1.policy;
    let first = describe(RULES);
    let said: Vec<String> = first.iter().map(|aspect| format!("{}: {}", aspect.key, aspect.text)).collect();
    let expected = "locks.biometric: bio, chip by customer after 3 failures, opened by change";
    assert!(said.iter().any(|line| line == expected), "{said:?}");
    assert!(said.iter().any(|line| line == "locks.biometric.opens where: what = 'biometric'"), "{said:?}");
    assert_ne!(describe(&RULES.replace("what = 'biometric'", "what = 'phone'")), first);
    assert_eq!(describe(&RULES.replace("what = 'biometric'", "what   = 'biometric'")), first);
}

#[test]
fn nobody_gets_round_a_lock_by_naming_somebody_else_or_nobody() {
    let (mut engine, mut maker) = failed(2, Limits::default());
    let named = |maker: &mut Maker, of: &str, customer: &str| {
        let fields = [
            (TextField::Transaction, of),
            (TextField::Methods, "bio"),
            (TextField::Result, "failed"),
            (TextField::Customer, customer),
        ];
        maker.event(Kind::Authentication, START_US + 3, &fields, None)
    };
    let another = named(&mut maker, "e0", "d");
    assert_eq!(engine.step(&another), Answer::Refused(weir::engine::Refusal::OtherTransaction));
    let last = decided(engine.step(&named(&mut maker, "e0", "c")));
    assert_eq!((last.outcome, last.locked, last.stopped), (Outcome::Block, 1, None));
    // A report of what is over counts for whoever paid.
    for _ in 0..3 {
        assert_eq!(engine.step(&named(&mut maker, "e0", "d")), Answer::Taken);
    }
    let pay = maker.pay(START_US + 4, "d", 50, "bio");
    assert_eq!(decided(engine.step(&pay)).outcome, Outcome::Allow);

    let nobody = decided(engine.step(&maker.pay(START_US + 5, "", 50, "bio")));
    assert_eq!((nobody.outcome, nobody.locked, nobody.stopped), (Outcome::Block, 1, Some(Stopped::Keyless)));
    let other = maker.pay(START_US + 6, "", 70, "bio");
    let asked = decided(engine.step(&other));
    assert_eq!((asked.outcome, asked.locked), (Outcome::StepUp, 0), "otp meets it too");
    assert_eq!(decided(engine.step(&named(&mut maker, other.id(), "d"))).outcome, Outcome::StepUp);
    let otp = maker.answer(START_US + 7, other.id(), "otp", "succeeded");
    assert_eq!(decided(engine.step(&otp)).outcome, Outcome::Allow);
}
