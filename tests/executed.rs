//! What an executed payment empties: sums since the last payment that was confirmed strongly, as the law has them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    reason = "a test fails loudly, and documents nothing"
)]

#[path = "support/saved.rs"]
mod saved;

use std::sync::Arc;

use saved::Saved;
use weir::decision::{Outcome, Value};
use weir::engine::{Alert, Answer, Engine, Limits, NotAllowed, Recording};
use weir::event::{Draft, Event, Kind, TextField};
use weir::money::Currency;
use weir::rules::{RuleSet, compile};

const SECOND_US: i64 = 1_000_000;
const MILLION: i64 = 1_000_000;

/// Group and class of a payment, and what each class must be confirmed with; payments of up to 10M count in `small`
/// since the last one that was executed with a method for a large one.
const RULES: &str = r#"
[params]
scope = { value = "group", one_of = ["group", "all"] }

[auth.B]
all = [["sms", "soft"]]

[auth.C]
all    = [["soft"], ["bio"]]
serves = ["B"]

[step_up]
expires  = "5m"
attempts = 3

[tables.part]
rows = [{ when = "channel = 'shop'", is = "I.2" }]
else       = "I.3"
on_unknown = "next"

[features]
small = { sum = "amount", by = "account", over = "day", counts = "executed", pending = true, where = "part = 'I.3' and amount <= 10_000_000", reset = { on = "executed", where = "met(C) and (scope = 'all' or part = 'I.3')" } }
total = { sum = "amount", by = "account", over = "day", counts = "executed", pending = true, where = "part = 'I.3'" }

[[rule]]
id   = "large"
when = "part = 'I.3' and (amount > 10_000_000 or amount + small > 20_000_000)"
then = "step_up"
auth = "C"

[[rule]]
id   = "stopped"
when = "channel = 'stop'"
then = "block"

[[rule]]
id   = "any"
when = "amount > 0"
then = "step_up"
auth = "B"
"#;

fn rules(head: &str) -> RuleSet {
    let text = format!("[ruleset]\nname = \"since\"\ncurrency = \"VND\"\n{head}{RULES}");
    // Where it does not lead, it takes what is reported at its word.
    let text = if head.contains("# not led") { text.replace(LED, "") } else { text };
    compile("since.toml", &text).into_result().unwrap_or_else(|e| panic!("{e}"))
}

const LED: &str = "[step_up]\nexpires  = \"5m\"\nattempts = 3\n";

struct Bank {
    engine: Engine,
    rules: Vec<Arc<RuleSet>>,
    now_us: i64,
    events: usize,
    /// What was told of the last event, where a person should look.
    told: Option<&'static str>,
}

impl Bank {
    fn new(head: &str) -> Self {
        let rules = rules(head);
        let engine = Engine::new(rules.clone(), Limits::default(), Recording::All);
        Self {
            engine,
            rules: vec![Arc::new(rules)],
            now_us: 1_700_000_000 * SECOND_US,
            events: 0,
            told: None,
        }
    }

    fn step(&mut self, kind: Kind, fields: &[(TextField, &str)], amount: Option<i64>) -> Option<Outcome> {
        let mut draft = Draft::new(Arc::default());
        self.now_us += SECOND_US;
        self.events += 1;
        draft.begin(kind, self.now_us).unwrap();
        let id = format!("e{}", self.events);
        let own =
            fields.iter().all(|(field, _)| *field != TextField::Id).then_some((TextField::Id, id.as_str()));
        for (field, text) in fields.iter().copied().chain(own).filter(|(_, text)| !text.is_empty()) {
            draft.text(field, text).unwrap();
        }
        if let Some(amount) = amount {
            draft.amount(amount, Currency::VND).unwrap();
        }
        let event: Event = draft.seal().unwrap().clone();
        self.told = None;
        match self.engine.step(&event) {
            Answer::Decided(decision) => {
                self.told = decision.alert.then_some("a decision");
                Some(decision.outcome)
            }
            Answer::Alert(alert) => {
                self.told = Some(alert.answered());
                None
            }
            Answer::Taken => None,
            other => panic!("{other:?}"),
        }
    }

    fn pay(&mut self, id: &str, amount: i64, methods: &str) -> Outcome {
        self.pay_at(id, amount, methods, "app")
    }

    fn pay_at(&mut self, id: &str, amount: i64, methods: &str, channel: &str) -> Outcome {
        let fields = [
            (TextField::Id, id),
            (TextField::Account, "a"),
            (TextField::Methods, methods),
            (TextField::Channel, channel),
        ];
        self.step(Kind::Transaction, &fields, Some(amount)).unwrap()
    }

    fn answer(&mut self, of: &str, methods: &str) -> Outcome {
        let fields =
            [(TextField::Transaction, of), (TextField::Methods, methods), (TextField::Result, "succeeded")];
        self.step(Kind::Authentication, &fields, None).unwrap()
    }

    fn execute(&mut self, of: &str, succeeded: bool) {
        let result = if succeeded { "succeeded" } else { "failed" };
        let fields = [(TextField::Transaction, of), (TextField::Result, result)];
        assert_eq!(self.step(Kind::Execution, &fields, None), None);
    }

    fn pass(&mut self) {
        assert_eq!(self.step(Kind::Clock, &[], None), None);
    }

    fn reverse(&mut self, of: &str) {
        assert_eq!(self.step(Kind::Reversal, &[(TextField::Transaction, of)], None), None);
    }

    /// What is in `small` and in `total`, in millions, asked of an engine that is thrown away.
    fn sums(&mut self) -> (i64, i64) {
        let mut probed = Saved::of(&self.engine.freeze()).restored(&self.rules, None);
        let mut draft = Draft::new(Arc::default());
        draft.begin(Kind::Transaction, self.now_us).unwrap();
        draft.text(TextField::Id, "probe").unwrap();
        draft.text(TextField::Account, "a").unwrap();
        draft.amount(0, Currency::VND).unwrap();
        probed.step(draft.seal().unwrap());
        let [small, total] = [0, 1].map(|at| match probed.readings()[at].value {
            Value::Whole(sum) => sum / MILLION,
            other => panic!("{other:?}"),
        });
        (small, total)
    }

    /// Goes on from a snapshot, and then with a rule set of another name and as many features.
    fn restart(&mut self, head: &str) {
        self.engine = Saved::of(&self.engine.freeze()).restored(&self.rules, None);
        let next = rules(head);
        let hash = self.engine.stage(next.clone()).unwrap();
        self.rules.push(Arc::new(next));
        let subject = weir::hex::hex(hash);
        let fields = [(TextField::Control, "rule_set"), (TextField::Subject, subject.as_str())];
        assert_eq!(self.step(Kind::Control, &fields, None), None);
    }
}

const HEAD: &str = "feedback = \"execution\"\npending_for = \"1h\"\n";

#[test]
fn a_strongly_confirmed_payment_empties_what_was_there_before_it_was_executed() {
    let mut bank = Bank::new(HEAD);
    assert_eq!(bank.pay("b1", 9 * MILLION, "sms"), Outcome::Allow);
    bank.execute("b1", true);
    assert_eq!(bank.pay("b2", 9 * MILLION, ""), Outcome::StepUp);
    assert_eq!(bank.answer("b2", "soft"), Outcome::Allow);
    bank.execute("b2", true);
    assert_eq!(bank.sums(), (18, 18), "a weak method empties nothing");

    // One that fails does not, nor before it is executed.
    assert_eq!(bank.pay("c0", 30 * MILLION, ""), Outcome::StepUp);
    assert_eq!(bank.answer("c0", "soft"), Outcome::StepUp);
    assert_eq!(bank.answer("c0", "bio"), Outcome::Allow);
    assert_eq!(bank.sums(), (18, 48));
    bank.execute("c0", false);
    assert_eq!(bank.sums(), (18, 18));

    // Of another group does not.
    assert_eq!(bank.pay_at("shop", 30 * MILLION, "soft,bio", "shop"), Outcome::Allow);
    bank.execute("shop", true);
    assert_eq!(bank.sums(), (18, 18));

    // Five at once, one of which needs a strong method, is small itself, and does not count itself.
    for id in ["p1", "p2", "p3"] {
        let asked = bank.pay(id, 9 * MILLION, "");
        assert_eq!(asked, Outcome::StepUp);
        assert_eq!(bank.answer(id, "soft,bio"), Outcome::Allow);
    }
    assert_eq!(bank.sums(), (45, 45));
    bank.restart(&format!("{HEAD}remember = \"90d\"\n"));
    bank.execute("p1", true);
    assert_eq!(bank.sums(), (0, 45));
    bank.reverse("p1");
    assert_eq!(bank.sums(), (0, 36), "a reversal undoes nothing");
    bank.execute("p1", true);
    assert_eq!(bank.sums(), (0, 36));
}

#[test]
fn what_is_executed_after_a_reset_counts_though_it_was_asked_before() {
    let mut bank = Bank::new(HEAD);
    assert_eq!(bank.pay("b1", 9 * MILLION, "sms"), Outcome::Allow);
    assert_eq!(bank.pay("b2", 9 * MILLION, "sms"), Outcome::Allow);
    assert_eq!(bank.pay("c1", 30 * MILLION, "soft,bio"), Outcome::Allow);
    assert_eq!(bank.sums(), (18, 48));
    bank.execute("c1", true);
    assert_eq!(bank.sums(), (0, 48), "what was pending is gone until it is executed");
    bank.restart(&format!("{HEAD}remember = \"90d\"\n"));
    bank.execute("b1", true);
    assert_eq!(bank.sums(), (9, 48));
    bank.execute("c1", true);
    assert_eq!(bank.sums(), (9, 48), "said twice it empties once");
    bank.execute("b2", true);
    assert_eq!(bank.sums(), (18, 48));
    bank.reverse("b1");
    assert_eq!(bank.sums(), (9, 39));
}

#[test]
fn where_nothing_is_reported_what_is_allowed_at_once_empties_and_what_is_stepped_up_does_not() {
    for (feedback, stepped_up) in [("none", 18), ("authentication", 0)] {
        let mut bank = Bank::new(&format!("feedback = \"{feedback}\"\n"));
        assert_eq!(bank.pay("b1", 9 * MILLION, "sms"), Outcome::Allow);
        assert_eq!(bank.pay("b2", 9 * MILLION, "sms"), Outcome::Allow);
        assert_eq!(bank.pay("c1", 30 * MILLION, ""), Outcome::StepUp);
        assert_eq!(bank.answer("c1", "soft,bio"), Outcome::Allow);
        assert_eq!(bank.sums(), (stepped_up, 48), "{feedback}");
        assert_eq!(bank.pay("c2", 30 * MILLION, "soft,bio"), Outcome::Allow);
        assert_eq!(bank.sums(), (0, 78), "{feedback}");
    }
}

const MIDNIGHT: &str = "feedback = \"execution\"\npending_for = \"15m\"\ntime_zone = \"Asia/Ho_Chi_Minh\"\n";

/// 23:59 in Ho Chi Minh City.
const LATE_US: i64 = (1_700_000_000 / 86_400 * 86_400 + 17 * 3_600 - 60) * SECOND_US;

#[test]
fn what_is_pending_at_midnight_counts_in_the_new_day_until_it_is_executed_in_one_of_them() {
    let mut bank = Bank::new(MIDNIGHT);
    bank.now_us = LATE_US + 30 * SECOND_US;
    for id in ["p1", "p2"] {
        assert_eq!(bank.pay(id, 10 * MILLION, "sms"), Outcome::Allow);
    }
    bank.now_us = LATE_US + 70 * SECOND_US;
    assert_eq!(bank.sums(), (20, 20), "yesterday's, and nothing was reported of them");
    assert_eq!(bank.pay("p3", 10 * MILLION, "sms"), Outcome::StepUp, "of class C, as it would be at noon");
    assert_eq!(bank.sums(), (30, 30));
    bank.restart(&format!("{MIDNIGHT}remember = \"90d\"\n"));
    assert_eq!(bank.sums(), (30, 30));
    // Executed today, executed yesterday, failed.
    bank.execute("p1", true);
    assert_eq!(bank.sums(), (30, 30));
    let now_us = std::mem::replace(&mut bank.now_us, LATE_US + 40 * SECOND_US);
    bank.execute("p2", true);
    bank.now_us = now_us;
    assert_eq!(bank.sums(), (20, 20));
    assert_eq!(bank.answer("p3", "soft,bio"), Outcome::Allow);
    assert_eq!(bank.sums(), (20, 20));
    bank.execute("p3", false);
    assert_eq!(bank.sums(), (10, 10));
}

#[test]
fn a_reset_empties_what_is_pending_since_yesterday_and_what_lapses_counts_no_more() {
    let mut bank = Bank::new(MIDNIGHT);
    bank.now_us = LATE_US;
    for id in ["p1", "p2"] {
        assert_eq!(bank.pay(id, 9 * MILLION, "sms"), Outcome::Allow);
    }
    bank.now_us = LATE_US + 61 * SECOND_US;
    assert_eq!(bank.pay("c1", 30 * MILLION, "soft,bio"), Outcome::Allow);
    assert_eq!(bank.sums(), (18, 48));
    bank.execute("c1", true);
    assert_eq!(bank.sums(), (0, 48));
    bank.execute("p1", true);
    assert_eq!(bank.sums(), (9, 48), "executed after the reset");
    bank.now_us = LATE_US + (15 * 60 + 5) * SECOND_US;
    bank.pass();
    assert_eq!(bank.sums(), (9, 39), "nothing was reported of the second");
    bank.now_us += 3 * 60 * SECOND_US;
    assert_eq!(bank.pay("p4", 9 * MILLION, "sms"), Outcome::Allow);
    assert_eq!(bank.sums(), (18, 48));
}

#[test]
fn what_was_blocked_and_executed_counts_and_empties_nothing() {
    for feedback in ["none", "authentication", "execution"] {
        for led in ["", "# not led\n"] {
            let head = format!("feedback = \"{feedback}\"\n{led}");
            let mut bank = Bank::new(&head);
            assert_eq!(
                bank.pay("b1", 9 * MILLION, "sms"),
                if led.is_empty() { Outcome::Allow } else { Outcome::StepUp }
            );
            bank.execute("b1", true);
            assert_eq!((bank.sums(), bank.told), ((9, 9), None), "{head}");
            assert_eq!(bank.pay_at("x", 8 * MILLION, "soft,bio", "stop"), Outcome::Block);
            assert_eq!(bank.pay_at("y", 30 * MILLION, "soft,bio", "stop"), Outcome::Block);
            assert_eq!(bank.sums(), (9, 9), "{head}");
            bank.execute("x", true);
            assert_eq!((bank.sums(), bank.told), ((17, 17), Some("blocked")), "{head}");
            bank.restart(&format!("{head}remember = \"90d\"\n"));
            bank.execute("y", true);
            assert_eq!((bank.sums(), bank.told), ((17, 47), Some("blocked")), "{head}");
            bank.execute("x", true);
            assert_eq!(
                (bank.sums(), bank.told),
                ((17, 47), Some("blocked")),
                "said anew it counts once: {head}"
            );
            bank.execute("x", false);
            assert_eq!((bank.sums(), bank.told), ((9, 39), None), "{head}");
            bank.execute("x", true);
            assert_eq!((bank.sums(), bank.told), ((17, 47), Some("blocked")), "{head}");
            bank.reverse("x");
            bank.execute("y", false);
            assert_eq!((bank.sums(), bank.told), ((9, 9), None), "{head}");
        }
    }
}

#[test]
fn what_is_executed_before_it_is_confirmed_counts_and_says_whether_it_still_waits() {
    let mut bank = Bank::new(HEAD);
    assert_eq!(bank.pay("b1", 9 * MILLION, "sms"), Outcome::Allow);
    bank.execute("b1", true);
    for id in ["open", "late", "spent"] {
        assert_eq!(bank.pay(id, 30 * MILLION, ""), Outcome::StepUp);
    }
    assert_eq!(bank.sums(), (9, 99), "each waits");
    assert_eq!(bank.answer("spent", "sms"), Outcome::StepUp);
    assert_eq!(bank.answer("spent", "sms"), Outcome::StepUp);
    assert_eq!(bank.answer("spent", "sms"), Outcome::Block);
    assert_eq!(bank.sums(), (9, 69));
    bank.execute("spent", true);
    assert_eq!((bank.sums(), bank.told), ((9, 99), Some("refused")));
    bank.execute("open", true);
    assert_eq!((bank.sums(), bank.told), ((9, 99), Some("waiting")));
    bank.now_us += 300 * SECOND_US;
    bank.pass();
    assert_eq!(bank.sums(), (9, 69), "one has lapsed, and what was executed stays");
    bank.execute("late", true);
    assert_eq!((bank.sums(), bank.told), ((9, 99), Some("refused")));

    // Confirmed after it was executed, it is both, and empties what it should.
    assert_eq!(bank.pay("c1", 8 * MILLION, ""), Outcome::StepUp);
    bank.execute("c1", true);
    assert_eq!((bank.sums(), bank.told), ((17, 107), Some("waiting")));
    assert_eq!(bank.answer("c1", "soft,bio"), Outcome::Allow);
    assert_eq!(bank.sums(), (0, 107));
    bank.execute("c1", true);
    assert_eq!(bank.told, None, "by now it is allowed");
}

#[test]
fn an_execution_that_comes_before_its_payment_is_told_with_the_decision() {
    let mut bank = Bank::new(HEAD);
    for id in ["x", "y", "z", "f"] {
        bank.execute(id, true);
        assert_eq!(bank.told, None, "nobody knows yet");
    }
    bank.execute("f", false);
    assert_eq!(bank.pay_at("x", 9 * MILLION, "soft,bio", "stop"), Outcome::Block);
    assert_eq!((bank.told, bank.sums()), (Some("a decision"), (9, 9)));
    assert_eq!(bank.pay("y", 9 * MILLION, ""), Outcome::StepUp);
    assert_eq!((bank.told, bank.sums()), (Some("a decision"), (18, 18)));
    assert_eq!(bank.pay_at("f", 9 * MILLION, "", "stop"), Outcome::Block);
    assert_eq!((bank.told, bank.sums()), (None, (18, 18)), "it failed");
    assert_eq!(bank.pay("z", 30 * MILLION, "soft,bio"), Outcome::Allow);
    assert_eq!((bank.told, bank.sums()), (None, (0, 48)), "it was allowed, and empties");
}

#[test]
fn an_execution_that_comes_again_is_answered_as_before_and_changes_nothing() {
    let mut bank = Bank::new(HEAD);
    assert_eq!(bank.pay_at("x", 9 * MILLION, "soft,bio", "stop"), Outcome::Block);
    for id in ["y", "z"] {
        assert_eq!(bank.pay(id, 30 * MILLION, ""), Outcome::StepUp);
    }
    for _ in 0..3 {
        bank.answer("z", "");
    }
    let mut draft = Draft::new(Arc::default());
    let now_us = bank.now_us;
    let mut execution = |of: &str, result: &str| {
        draft.begin(Kind::Execution, now_us).unwrap();
        for (field, text) in
            [(TextField::Id, &*format!("x-{of}")), (TextField::Transaction, of), (TextField::Result, result)]
        {
            draft.text(field, text).unwrap();
        }
        draft.seal().unwrap().clone()
    };
    let of = [("x", NotAllowed::Blocked), ("y", NotAllowed::Waiting), ("z", NotAllowed::Refused)]
        .map(|(of, answered)| (execution(of, "succeeded"), Alert::ExecutedNotAllowed(answered)));
    for (event, alert) in &of {
        assert_eq!(bank.engine.step(event), Answer::Alert(*alert));
    }
    let sums = bank.sums();
    assert_eq!(sums, (9, 69));
    bank.restart(&format!("{HEAD}remember = \"90d\"\n"));
    for (event, alert) in of.iter().chain(&of) {
        assert_eq!(bank.engine.step(event), Answer::AlertedBefore(*alert));
        assert_eq!(bank.sums(), sums);
    }
    // By now it is allowed, and the first answer stays what it was.
    assert_eq!(bank.answer("y", "soft,bio"), Outcome::Allow);
    assert_eq!(bank.engine.step(&of[1].0), Answer::AlertedBefore(of[1].1));
    let other = execution("x", "failed");
    assert!(matches!(bank.engine.step(&other), Answer::Refused(refusal) if refusal.code() == "id_reused"));
}

#[test]
fn a_confirmed_payment_is_no_alert_though_nothing_counts_it_or_it_is_forgotten() {
    let asked = RULES.replace("counts = \"executed\", pending = true", "counts = \"asked\"");
    let asked = asked.replace(
        ", reset = { on = \"executed\", where = \"met(C) and (scope = 'all' or part = 'I.3')\" }",
        "",
    );
    let text = format!("[ruleset]\nname = \"asked\"\ncurrency = \"VND\"\n{HEAD}{asked}");
    let rules = compile("asked.toml", &text).into_result().unwrap_or_else(|e| panic!("{e}"));
    for corrections_max in [Limits::default().corrections_max, 1] {
        let limits = Limits { corrections_max, ..Limits::default() };
        let mut bank = Bank::new(HEAD);
        bank.engine = Engine::new(rules.clone(), limits, Recording::All);
        for id in ["p", "q", "r"] {
            assert_eq!(bank.pay(id, 30 * MILLION, ""), Outcome::StepUp);
        }
        assert_eq!(bank.answer("p", "soft,bio"), Outcome::Allow);
        for outcome in [Outcome::StepUp, Outcome::StepUp, Outcome::Block] {
            assert_eq!(bank.answer("q", "sms"), outcome);
        }
        for n in 0..40 {
            let id = format!("n{n}");
            assert_eq!(bank.pay(&id, 30 * MILLION, ""), Outcome::StepUp);
            assert_eq!(bank.answer(&id, "soft,bio"), Outcome::Allow);
        }
        bank.execute("p", true);
        assert_eq!(bank.told, None, "it was allowed");
        bank.execute("r", true);
        assert_eq!(bank.told, Some("waiting"));
        bank.execute("q", true);
        let known = corrections_max > 1;
        assert_eq!(bank.told, known.then_some("refused"), "nothing is said where nobody knows");
    }
}
