//! The dialogue with the customer against a slow obvious twin, that keeps all and scans it for every answer.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    reason = "a test fails loudly, and documents nothing"
)]

#[path = "support/asked.rs"]
mod asked;
#[path = "support/saved.rs"]
mod saved;
#[path = "support/shelf.rs"]
mod shelf;
#[path = "dialogue/twin.rs"]
mod twin;

use std::collections::HashMap;
use std::sync::Arc;

use asked::asked;
use proptest::prelude::*;
use saved::Saved;
use shelf::Shelf;
use twin::{Auth, Mode, Said, Twin, Tx};
use weir::catalogue::Language;
use weir::decision::{Decision, Outcome, Stopped};
use weir::engine::{Answer, Engine, Limits, Recording, ReloadError};
use weir::event::{Draft, Event, Kind, TextField};
use weir::explain::{Explainer, Style, heading};
use weir::lists::Lists;
use weir::rules::{RuleSet, compile};

const MINUTE_US: i64 = 60_000_000;

/// Half an hour before a midnight.
const START_US: i64 = 1_700_000_000_000_000 / 86_400_000_000 * 86_400_000_000 - 30 * MINUTE_US;

const RULES: &str = r#"
[auth.weak]
all = [["pin", "sms"]]

[auth.strong]
all    = [["soft"], ["bio"]]
serves = ["weak"]

[auth.face]
all = [["bio", "fido"]]

[step_up]
expires  = "5m"
attempts = 3

[lists]
suspected = { key = "payee" }

[features]
asked_sum    = { sum = "amount", by = "account", over = "1h" }
asked_day    = { count = "*", by = "account", over = "day" }
asked_least  = { min = "amount", by = "account", over = "10m", counts = "asked", current = false }
asked_most   = { max = "amount", by = "account", over = "day", counts = "asked", current = false }
asked_first  = { first = "amount", by = "account", over = "forever", counts = "asked" }
asked_last   = { last = "amount", by = "account", over = "1h", counts = "asked" }
asked_before = { sum = "amount", by = "account", over = "10m", delay = "2m" }
asked_payees = { distinct = "payee", by = "account", over = "10m" }
asked_since  = { since = "last", by = "account", counts = "asked" }
asked_new    = { is_new = true, by = ["account", "device"], counts = "asked" }
known_device = { count = "*", by = ["account", "device"], over = "forever", counts = "allowed", current = false }
allowed_1h   = { count = "*", by = "account", over = "1h", counts = "allowed" }
executed_1h  = { sum = "amount", by = "account", over = "1h", counts = "executed", current = false }
pending_1h   = { sum = "amount", by = "account", over = "1h", counts = "executed", pending = true }
since_strong = { sum = "amount", by = "account", over = "1h", counts = "executed", pending = true, where = "amount <= 60", reset = { on = "executed", where = "met(strong) and safe = 'yes'" }, current = false }
strong_asked = { count = "*", by = "account", over = "day", counts = "asked", reset = { on = "executed", where = "met(strong) and safe = 'yes'" }, current = false }
pending_day  = { sum = "amount", by = "account", over = "day", counts = "executed", pending = true }
strong_day   = { sum = "amount", by = "account", over = "day", counts = "executed", pending = true, where = "amount <= 60", reset = { on = "executed", where = "met(strong) and safe = 'yes'" }, current = false }
pending_most = { max = "amount", by = "account", over = "1h", counts = "executed", pending = true, current = false }

[tables.safe]
rows = [{ when = "payee = 'p2' or payee in suspected", is = "no" }]
else       = "yes"
on_unknown = "next"

[[rule]]
id   = "listed"
when = "payee in suspected"
then = "block"

[[rule]]
id   = "burst"
when = "asked_day > 25"
then = "block"

[[rule]]
id   = "large"
when = "pending_1h > 200"
then = "step_up"
auth = "strong"

[[rule]]
id   = "device"
when = "known_device = 0"
then = "step_up"
auth = "weak"

[[rule]]
id   = "more"
when = "amount > pending_most"
then = "step_up"
auth = "face"

[[rule]]
id   = "sure"
when = "met(weak) and amount > 50"
then = "alert"
"#;

fn rules_of(mode: Mode, name: &str) -> RuleSet {
    let pending =
        mode.pending_us.map_or(String::new(), |us| format!("pending_for = \"{}m\"\n", us / MINUTE_US));
    let feedback = mode.feedback;
    let head =
        format!("[ruleset]\nname = \"{name}\"\ncurrency = \"VND\"\nfeedback = \"{feedback}\"\n{pending}");
    compile("dialogue.toml", &format!("{head}{RULES}")).into_result().unwrap()
}

/// What happens next.
#[derive(Clone, Debug)]
enum Act {
    Pay { account: u8, device: u8, payee: u8, amount: i64, methods: u8, late_us: i64 },
    Answer { of: usize, attempt: u8, methods: u8, succeeded: bool, device: u8, wrong: u8, late_us: i64 },
    Execute { of: usize, succeeded: bool, late_us: i64 },
    List { payee: u8, put: bool },
    Pass,
    Again { of: usize },
    Restart,
    Reload,
}

fn act() -> impl Strategy<Value = Act> {
    let late = || prop_oneof![4 => Just(0), 1 => 1..20 * MINUTE_US];
    prop_oneof![
        6 => (0..2u8, 0..2u8, 0..3u8, 1..120i64, prop_oneof![3 => Just(0), 1 => 0..32u8], late()).prop_map(
            |(account, device, payee, amount, methods, late_us)| Act::Pay { account, device, payee, amount, methods, late_us }),
        9 => (0..4usize, 0..4u8, 0..32u8, prop::bool::weighted(0.8), 0..6u8, prop_oneof![8 => Just(0), 2 => 1..7u8], late())
            .prop_map(|(of, attempt, methods, succeeded, device, wrong, late_us)| Act::Answer { of, attempt, methods, succeeded, device, wrong, late_us }),
        4 => (0..5usize, prop::bool::weighted(0.8), late()).prop_map(|(of, succeeded, late_us)| Act::Execute { of, succeeded, late_us }),
        1 => (0..3u8, any::<bool>()).prop_map(|(payee, put)| Act::List { payee, put }),
        1 => Just(Act::Pass),
        1 => (0..6usize).prop_map(|of| Act::Again { of }),
        1 => Just(Act::Restart),
        1 => Just(Act::Reload),
    ]
}

fn mode() -> impl Strategy<Value = Mode> {
    let feedback = prop::sample::select(vec!["none", "authentication", "execution"]);
    let pending = prop_oneof![1 => Just(None), 1 => Just(Some(8 * MINUTE_US))];
    (feedback, pending).prop_map(|(feedback, pending_us)| Mode { feedback, pending_us })
}

const WORDS: [&str; 5] = ["bio", "fido", "pin", "sms", "soft"];

fn words(methods: u8) -> Vec<&'static str> {
    (0..5).filter(|bit| methods >> bit & 1 == 1).map(|bit| WORDS[bit]).collect()
}

struct Maker {
    draft: Draft,
    made: usize,
}

impl Maker {
    fn event(
        &mut self,
        kind: Kind,
        time_us: i64,
        fields: &[(TextField, &str)],
        amount: Option<i64>,
    ) -> Event {
        self.draft.begin(kind, time_us).unwrap();
        let id = format!("e{}", self.made);
        self.made += 1;
        self.draft.text(TextField::Id, &id).unwrap();
        for (field, text) in fields.iter().filter(|(_, text)| !text.is_empty()) {
            self.draft.text(*field, text).unwrap();
        }
        if let Some(minor) = amount {
            self.draft.amount(minor, weir::money::Currency::VND).unwrap();
        }
        self.draft.seal().unwrap().clone()
    }
}

/// What the engine says, as the twin would, and the number of the step-up.
fn said(engine: &mut Engine, event: &Event) -> (Said, Option<u64>) {
    let mut id = None;
    let number = |reading: &weir::decision::Reading| reading.value;
    let said = match engine.step(event) {
        Answer::Refused(refusal) => Said::Refused(refusal.code()),
        Answer::Taken => Said::Taken,
        Answer::Alert(alert) => Said::Alert(alert.answered()),
        Answer::AlertedBefore(alert) => Said::AlertedBefore(alert.answered()),
        Answer::TakenBefore => Said::TakenBefore,
        Answer::Repeated(decision) => Said::Repeated(decision.outcome),
        Answer::Decided(decision) => {
            let (outcome, met, alert) = (decision.outcome, decision.met, decision.alert);
            let values = decision.features.iter().map(|(_, reading)| number(reading)).collect();
            assert_eq!(decision.step_up.is_some(), outcome == Outcome::StepUp);
            assert!(outcome != Outcome::StepUp || !decision.requirement.any_of().is_empty());
            assert!(!met || outcome == Outcome::Allow);
            let missing = decision.missing.any_of();
            assert!(missing.iter().all(|set| decision.requirement.any_of().contains(set)));
            let left = decision.step_up.map(|step_up| (step_up.expires_us, step_up.attempts_left));
            let used_up = decision.stopped == Some(Stopped::Attempts);
            id = decision.step_up.map(|step_up| step_up.id);
            Said::Decided { outcome, met, alert, left, used_up, values }
        }
    };
    (said, id)
}

fn run(mode: Mode, acts: &[(Act, i64)], limits: Limits, spills: bool) {
    let rules = [Arc::new(rules_of(mode, "one")), Arc::new(rules_of(mode, "two"))];
    let mut engine = Engine::new((*rules[0]).clone(), limits, Recording::All);
    let store = || spills.then(|| Box::new(Shelf::new(0)) as _);
    if let Some(store) = store() {
        engine = engine.with_store(store);
    }
    let mut twin = Twin::new(mode);
    let mut maker = Maker { draft: Draft::new(rules[0].schema.clone()), made: 0 };
    let mut events: Vec<Event> = Vec::new();
    let mut step_ups: HashMap<String, u64> = HashMap::new();
    let mut live = 0;
    let mut now_us = START_US;
    for (at, (act, passed_us)) in acts.iter().enumerate() {
        now_us += passed_us;
        let (event, expected) = match act {
            Act::Pay { account, device, payee, amount, methods, late_us } => {
                let (account, device, payee) =
                    (format!("a{account}"), format!("d{device}"), format!("p{payee}"));
                let time_us = now_us - late_us;
                let presented = words(*methods);
                let fields = [
                    (TextField::Account, account.as_str()),
                    (TextField::Device, &device),
                    (TextField::Payee, &payee),
                    (TextField::Methods, &presented.join(",")),
                ];
                let event = maker.event(Kind::Transaction, time_us, &fields, Some(*amount));
                let tx = Tx {
                    id: event.id().to_owned(),
                    account,
                    device,
                    payee,
                    amount: *amount,
                    time_us,
                    presented,
                };
                (event, twin.pay(tx))
            }
            Act::Answer { of, attempt, methods, succeeded, device, wrong, late_us } => {
                // Mostly it does not say where it comes from.
                let device = if *device < 3 { format!("d{device}") } else { String::new() };
                let of = twin.newest(*of).unwrap_or_else(|| "nobody".to_owned());
                let (transaction, step_up) = match (wrong, step_ups.get(&of)) {
                    (1, _) => ("unknown".to_owned(), String::new()),
                    (2, _) => (of.clone(), "0123456789abcdef".to_owned()),
                    (3, Some(id)) => (of.clone(), format!("{id:016x}")),
                    _ => (of.clone(), String::new()),
                };
                let payee = if *wrong == 4 { "another" } else { "" };
                let amount = (*wrong == 5).then_some(1_000);
                let attempt = if *wrong == 6 { String::new() } else { format!("{attempt}") };
                let presented = words(*methods);
                let fields = [
                    (TextField::Transaction, transaction.as_str()),
                    (TextField::Attempt, &attempt),
                    (TextField::StepUp, &step_up),
                    (TextField::Payee, payee),
                    (TextField::Device, &device),
                    (TextField::Methods, &presented.join(",")),
                    (TextField::Result, if *succeeded { "succeeded" } else { "failed" }),
                ];
                let event = maker.event(Kind::Authentication, now_us - late_us, &fields, amount);
                let auth = Auth {
                    of: transaction,
                    attempt: (!attempt.is_empty()).then_some(attempt),
                    other: matches!(wrong, 2 | 4 | 5),
                    said: format!("{methods} {succeeded} {step_up} {device} {amount:?}"),
                    device: (!device.is_empty()).then_some(device),
                    presented: if *succeeded { presented } else { Vec::new() },
                    time_us: now_us - late_us,
                };
                (event, twin.answer(&auth))
            }
            Act::Execute { of, succeeded, late_us } => {
                let Some(of) = twin.newest(*of) else { continue };
                let result = if *succeeded { "succeeded" } else { "failed" };
                let fields = [(TextField::Transaction, of.as_str()), (TextField::Result, result)];
                let event = maker.event(Kind::Execution, now_us - late_us, &fields, None);
                (event, twin.execute(&of, *succeeded, now_us - late_us))
            }
            Act::List { payee, put } => {
                let payee = format!("p{payee}");
                let action = if *put { "put" } else { "take" };
                let fields =
                    [(TextField::List, "suspected"), (TextField::Entry, &payee), (TextField::Action, action)];
                let event = maker.event(Kind::List, now_us, &fields, None);
                (event, twin.list(&payee, *put, now_us))
            }
            Act::Pass => (maker.event(Kind::Clock, now_us, &[], None), twin.pass(now_us)),
            Act::Again { of } => {
                let Some(event) = events.iter().rev().nth(*of) else { continue };
                let first = event.clone();
                let expected = twin.again(first.id());
                (first, expected)
            }
            Act::Restart => {
                engine = Saved::of(&engine.freeze()).restored(&rules, store());
                continue;
            }
            Act::Reload => {
                live = 1 - live;
                let hash = engine.stage((*rules[live]).clone()).unwrap();
                let subject = weir::hex::hex(hash);
                let fields = [(TextField::Control, "rule_set"), (TextField::Subject, subject.as_str())];
                let event = maker.event(Kind::Control, now_us, &fields, None);
                (event, twin.pass(now_us))
            }
        };
        let (found, step_up) = said(&mut engine, &event);
        assert_eq!(found, expected, "act {at}: {act:?} at {now_us}");
        if let Some(id) = step_up {
            let of = event.text(TextField::Transaction).unwrap_or(event.id());
            let held = step_ups.insert(of.to_owned(), id);
            assert!(held.is_none_or(|held| held == id), "a dialogue keeps its number");
        }
        if matches!(found, Said::Decided { .. } | Said::Taken | Said::Alert(_)) {
            twin.note(event.id(), &found);
            events.push(event);
        }
    }
}

proptest! {
    #![proptest_config(asked(300, 2_000))]

    #[test]
    fn dialogues_go_as_a_twin_says_that_keeps_all_and_scans_it(
        mode in mode(),
        acts in prop::collection::vec((act(), prop_oneof![Just(0), 0..2 * MINUTE_US, 0..8 * MINUTE_US]), 1..60),
        spills in any::<bool>(),
    ) {
        run(mode, &acts, Limits { log_chunk_rows: 4, log_bytes_max: 0, ..Limits::default() }, spills);
    }
}

/// With rows that are away: whatever the engine can't read then, it allows nothing that was not asked for and met.
fn run_with_slow_store(mode: Mode, acts: &[(Act, i64)], not_yet: u64) {
    let rules = rules_of(mode, "one");
    let mut maker = Maker { draft: Draft::new(rules.schema.clone()), made: 0 };
    let limits = Limits { log_chunk_rows: 1, log_bytes_max: 0, ..Limits::default() };
    let mut engine =
        Engine::new(rules.clone(), limits, Recording::All).with_store(Box::new(Shelf::new(not_yet)));
    // By payment, all sets of methods that were ever required of it, and those presented.
    let mut asked: Vec<(String, Vec<u64>, u64, Outcome)> = Vec::new();
    let mask = |methods: u8| -> u64 {
        let bit = |word: &&str| rules.methods.iter().position(|method| method == word).unwrap();
        words(methods).iter().map(bit).fold(0, |mask, bit| mask | 1 << bit)
    };
    let mut now_us = START_US;
    for (act, passed_us) in acts {
        now_us += passed_us;
        match act {
            Act::Pay { device, methods, .. } => {
                let (device, methods_text) = (format!("d{device}"), words(*methods).join(","));
                let (id, answer) = pay(&mut maker, &mut engine, now_us, (&device, &methods_text));
                let decision = decided(answer);
                let sets = decision.requirement.any_of().to_vec();
                asked.push((id, sets, mask(*methods), decision.outcome));
            }
            Act::Answer { of, methods, succeeded, .. } if asked.len() > *of => {
                let at = asked.len() - 1 - of;
                let (id, sets, presented, before) = &mut asked[at];
                let result = if *succeeded { "succeeded" } else { "failed" };
                let methods_text = words(*methods).join(",");
                let fields = [
                    (TextField::Transaction, id.as_str()),
                    (TextField::Methods, methods_text.as_str()),
                    (TextField::Result, result),
                ];
                let event = maker.event(Kind::Authentication, now_us, &fields, None);
                let Answer::Decided(decision) = engine.step(&event) else { continue };
                assert_eq!(*before, Outcome::StepUp, "only what is open is answered");
                if *succeeded {
                    *presented |= mask(*methods);
                }
                if decision.outcome == Outcome::Allow {
                    assert!(sets.iter().all(|set| set & *presented != 0), "{id} {sets:?} {presented:b}");
                    assert!(decision.met);
                }
                sets.extend(decision.requirement.any_of());
                *before = decision.outcome;
            }
            _ => {
                let event = maker.event(Kind::Clock, now_us, &[], None);
                engine.step(&event);
            }
        }
    }
}

proptest! {
    #![proptest_config(asked(300, 2_000))]

    #[test]
    fn where_rows_are_away_nothing_is_allowed_that_was_not_met(
        mode in mode(),
        acts in prop::collection::vec((act(), prop_oneof![Just(0), 0..2 * MINUTE_US]), 1..60),
        not_yet in any::<u64>(),
    ) {
        run_with_slow_store(mode, &acts, not_yet);
    }
}

fn pay<'e>(
    maker: &mut Maker,
    engine: &'e mut Engine,
    time_us: i64,
    (device, methods): (&str, &str),
) -> (String, Answer<'e>) {
    let fields = [
        (TextField::Account, "a"),
        (TextField::Device, device),
        (TextField::Payee, "p"),
        (TextField::Methods, methods),
    ];
    let event = maker.event(Kind::Transaction, time_us, &fields, Some(40));
    (event.id().to_owned(), engine.step(&event))
}

fn decided(answer: Answer<'_>) -> &Decision {
    match answer {
        Answer::Decided(decision) => decision,
        other => panic!("{other:?}"),
    }
}

fn execution() -> Mode {
    Mode { feedback: "execution", pending_us: None }
}

fn engine(limits: Limits) -> (Engine, Maker) {
    let rules = rules_of(execution(), "one");
    let maker = Maker { draft: Draft::new(rules.schema.clone()), made: 0 };
    (Engine::new(rules, limits, Recording::Fired), maker)
}

fn answer(maker: &mut Maker, of: &str, time_us: i64, methods: &str) -> Event {
    let fields =
        [(TextField::Transaction, of), (TextField::Methods, methods), (TextField::Result, "succeeded")];
    maker.event(Kind::Authentication, time_us, &fields, None)
}

#[test]
fn with_as_many_dialogues_open_as_may_be_a_step_up_is_blocked_and_says_so() {
    let (mut engine, mut maker) = engine(Limits { step_ups_max: 1, ..Limits::default() });
    assert_eq!(decided(pay(&mut maker, &mut engine, START_US, ("d", "")).1).outcome, Outcome::StepUp);
    let second = decided(pay(&mut maker, &mut engine, START_US + 1, ("d", "")).1).clone();
    assert_eq!((second.outcome, second.stopped), (Outcome::Block, Some(Stopped::Full)));
    let enough = decided(pay(&mut maker, &mut engine, START_US + 2, ("d", "pin")).1).clone();
    assert_eq!((enough.outcome, enough.met), (Outcome::Allow, true));
    let (_, other) = pay(&mut maker, &mut engine, START_US + 5 * MINUTE_US, ("new", ""));
    assert_eq!(decided(other).outcome, Outcome::StepUp, "the first one has lapsed");
}

#[test]
fn a_rule_set_takes_over_only_from_one_that_leads_the_dialogue_as_it_does() {
    let (mut engine, _) = engine(Limits::default());
    let text = RULES.replace("[step_up]\nexpires  = \"5m\"\nattempts = 3\n", "");
    let head = "[ruleset]\nname = \"x\"\ncurrency = \"VND\"\n";
    let silent = compile("x.toml", &format!("{head}{text}")).into_result().unwrap();
    let refused = engine.stage(silent).unwrap_err();
    assert!(matches!(refused, ReloadError::StepUp { .. }), "{refused}");
}

#[test]
fn a_method_that_a_new_rule_set_does_not_name_meets_nothing_any_more() {
    let (mut engine, mut maker) = engine(Limits::default());
    let (id, first) = pay(&mut maker, &mut engine, START_US, ("d", ""));
    assert_eq!(decided(first).requirement.any_of().len(), 2);
    let text = RULES.replace("\"pin\"", "\"password\"").replace("\"sms\"", "\"token\"");
    let head = "[ruleset]\nname = \"x\"\ncurrency = \"VND\"\n";
    let next = compile("x.toml", &format!("{head}{text}")).into_result().unwrap();
    let subject = weir::hex::hex(engine.stage(next).unwrap());
    let fields = [(TextField::Control, "rule_set"), (TextField::Subject, subject.as_str())];
    let swap = maker.event(Kind::Control, START_US + 1, &fields, None);
    assert_eq!(engine.step(&swap), Answer::Taken);
    let old = answer(&mut maker, &id, START_US + 2, "pin,sms");
    assert_eq!(decided(engine.step(&old)).outcome, Outcome::StepUp);
    let new = answer(&mut maker, &id, START_US + 3, "password");
    assert_eq!(decided(engine.step(&new)).outcome, Outcome::StepUp, "the first requirement stands");
    let both = answer(&mut maker, &id, START_US + 4, "soft,bio");
    assert_eq!(decided(engine.step(&both)).outcome, Outcome::Allow, "they met it then, and do now");
}

const CASES: &str = r#"
[defaults]
account = "a"
device  = "d"
payee   = "p"

[[case]]
name   = "asked, half answered, answered"
events = [
  { id = "t1", amount = 40, expect = { outcome = "step_up", auth = [["pin", "soft", "sms"], ["bio", "pin", "sms"]], attempts_left = 3, met = false } },
  { after = "1m", kind = "authentication", id = "x1", transaction = "t1", attempt = "1", methods = ["bio"], result = "succeeded", expect = { outcome = "step_up", missing = [["pin", "soft", "sms"]], attempts_left = 2 } },
  { after = "1m", kind = "authentication", id = "x2", transaction = "t1", attempt = "1", methods = ["pin"], result = "succeeded", expect = { refused = "attempt_reused" } },
  { after = "1m", kind = "authentication", id = "x3", transaction = "t1", attempt = "2", methods = ["pin"], result = "failed", expect = { outcome = "step_up", attempts_left = 1 } },
  { after = "1m", kind = "authentication", id = "x4", transaction = "t1", attempt = "3", methods = ["soft"], result = "succeeded", expect = { outcome = "allow", met = true, attempts_left = 0 } },
]

[[case]]
name   = "used up, and too late"
events = [
  { id = "t1", amount = 40, expect = { outcome = "step_up" } },
  { id = "t2", amount = 40, expect = { outcome = "step_up" } },
  { kind = "authentication", id = "x1", transaction = "t1", attempt = "1", result = "failed" },
  { kind = "authentication", id = "x2", transaction = "t1", attempt = "2", result = "failed" },
  { kind = "authentication", id = "x3", transaction = "t1", attempt = "3", result = "failed", expect = { outcome = "block", stopped = "attempts" } },
  { after = "5m", kind = "authentication", id = "x4", transaction = "t2", attempt = "1", methods = ["pin"], result = "succeeded", expect = { refused = "step_up_expired" } },
  { kind = "authentication", id = "x5", transaction = "t3", attempt = "1", result = "failed", expect = { refused = "unknown_transaction" } },
]
"#;

#[test]
fn cases_may_expect_what_an_authentication_is_answered() {
    let rules = rules_of(execution(), "one");
    let lists = Lists::new(rules.lists.len());
    for case in weir::cases::parse(CASES, &rules).unwrap() {
        let report = weir::cases::run(&rules, &lists, &weir::rates::Rates::default(), &case);
        assert_eq!(report.failures, Vec::<String>::new(), "{}", report.name);
    }
}

#[test]
fn a_dialogue_is_told_in_words() {
    let head = "[ruleset]\nname = \"x\"\ncurrency = \"VND\"\n";
    let explainer = Explainer::new("x.toml", &format!("{head}{RULES}")).unwrap();
    let mut maker = Maker { draft: Draft::new(explainer.rules().schema.clone()), made: 0 };
    let mut engine = Engine::new(explainer.rules().clone(), Limits::default(), Recording::All);
    let (id, first) = pay(&mut maker, &mut engine, START_US, ("d", ""));
    assert_eq!(decided(first).outcome, Outcome::StepUp);
    let half = answer(&mut maker, &id, START_US + 1, "bio");
    let decision = decided(engine.step(&half)).clone();
    let told = explainer.explain(&engine.facts(&half), &decision, false);
    assert_eq!(told.id, id, "an answer is explained by its payment");
    let details = |language| heading(&told, &Style::new(language, explainer.rules())).details.join("\n");
    let english = details(Language::English);
    assert!(english.contains("still missing: any of (pin, sms, soft)"), "{english}");
    assert!(english.contains("attempts left: 2"), "{english}");
    let vietnamese = details(Language::Vietnamese);
    assert!(vietnamese.contains("còn thiếu") && vietnamese.contains("còn 2 lần"), "{vietnamese}");
    let rest = answer(&mut maker, &id, START_US + 2, "pin");
    let decision = decided(engine.step(&rest)).clone();
    let told = explainer.explain(&engine.facts(&rest), &decision, false);
    let english = heading(&told, &Style::new(Language::English, explainer.rules())).details.join("\n");
    assert!(english.contains("the methods presented meet it"), "{english}");
}

#[test]
fn what_is_answered_from_another_device_must_do_as_if_it_were_paid_from_there() {
    let (mut engine, mut maker) = engine(Limits::default());
    // A first payment makes `d0` known, a larger one after it needs `face`, and from another device `weak` too.
    let (_, first) = pay(&mut maker, &mut engine, START_US, ("d0", "pin,bio"));
    assert_eq!(decided(first).outcome, Outcome::Allow);
    let fields = [(TextField::Account, "a"), (TextField::Device, "d0"), (TextField::Payee, "p")];
    let event = maker.event(Kind::Transaction, START_US + 1, &fields, Some(90));
    let open = event.id().to_owned();
    assert_eq!(decided(engine.step(&event)).requirement.any_of().len(), 1);
    let fields = [
        (TextField::Transaction, open.as_str()),
        (TextField::Methods, "fido"),
        (TextField::Result, "succeeded"),
        (TextField::Device, "stolen"),
    ];
    let event = maker.event(Kind::Authentication, START_US + 2, &fields, None);
    let stolen = decided(engine.step(&event)).clone();
    // One of `pin` and `sms`, or else both of `soft` and `bio`.
    assert_eq!((stolen.outcome, stolen.missing.any_of().len()), (Outcome::StepUp, 2));
    // From its own device the same does not do any more: what was required stays.
    let event = answer(&mut maker, &open, START_US + 3, "fido");
    assert_eq!(decided(engine.step(&event)).outcome, Outcome::StepUp);
    let event = answer(&mut maker, &open, START_US + 4, "pin");
    assert_eq!(decided(engine.step(&event)).outcome, Outcome::Allow);
}
