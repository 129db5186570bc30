//! An id that is used again once it is forgotten is another event's: nothing that is still known of the former one is its own.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    reason = "a test fails loudly, and documents nothing"
)]

use std::sync::Arc;

use weir::decision::{Outcome, Value};
use weir::engine::{Answer, Engine, Limits, Recording};
use weir::event::{Draft, Kind, TextField};
use weir::money::Currency;
use weir::rates::{Rate, Rates};
use weir::rules::compile;
use weir::time::DAY_US;

const MINUTE_US: i64 = 60_000_000;
const START_US: i64 = 20_000 * DAY_US;

const RULES: &str = r#"
[ruleset]
name = "reused"
time_zone = "Asia/Ho_Chi_Minh"
currency = "VND"
remember = "1h"

[features]
spent   = { sum = "amount", by = "account", over = "6h" }
frauds  = { count = "*", by = "account", over = "6h", label = "fraud" }
waiting = { count = "*", by = "account", over = "6h", counts = "executed", pending = true, current = false }
"#;

struct Bank {
    engine: Engine,
    draft: Draft,
    made: usize,
}

impl Bank {
    fn new(more: &str, limits: Limits) -> Self {
        let rules = compile("reused.toml", &format!("{RULES}{more}")).into_result().unwrap();
        let draft = Draft::new(Arc::clone(&rules.schema));
        Self { engine: Engine::new(rules, limits, Recording::All), draft, made: 0 }
    }

    fn begin(&mut self, kind: Kind, id: &str, minute: i64) {
        self.draft.begin(kind, START_US + minute * MINUTE_US).unwrap();
        self.draft.text(TextField::Id, id).unwrap();
    }

    fn pay(&mut self, id: &str, minute: i64, account: &str, minor: i64, currency: Currency) -> Outcome {
        self.begin(Kind::Transaction, id, minute);
        self.draft.text(TextField::Account, account).unwrap();
        self.draft.amount(minor, currency).unwrap();
        let event = self.draft.seal().unwrap();
        match self.engine.step(event) {
            Answer::Decided(decision) | Answer::Repeated(decision) => decision.outcome,
            other => panic!("{other:?}"),
        }
    }

    fn report(&mut self, kind: Kind, minute: i64, fields: &[(TextField, &str)]) -> Answer<'_> {
        self.made += 1;
        self.begin(kind, &format!("r{}", self.made), minute);
        self.draft.text(TextField::Transaction, "t1").unwrap();
        for &(field, text) in fields {
            self.draft.text(field, text).unwrap();
        }
        self.engine.step(self.draft.seal().unwrap())
    }

    fn label(&mut self, minute: i64) {
        assert_eq!(self.report(Kind::Label, minute, &[(TextField::Label, "fraud")]), Answer::Taken);
    }

    fn reverse(&mut self, minute: i64) {
        assert_eq!(self.report(Kind::Reversal, minute, &[]), Answer::Taken);
    }

    /// What is known of the account at a payment of 7.
    fn look(&mut self, minute: i64) -> Vec<Value> {
        self.pay(&format!("look{minute}"), minute, "a", 7, Currency::VND);
        self.engine.readings().iter().map(|reading| reading.value).collect()
    }
}

/// Frauds, spent, waiting: in the order of their names.
fn values(frauds: i64, spent: i64, waiting: i64) -> Vec<Value> {
    [frauds, spent, waiting].map(Value::Whole).to_vec()
}

#[test]
fn a_report_is_about_the_payment_that_has_the_id_now() {
    for first_report in [None, Some(30)] {
        let mut bank = Bank::new("", Limits::default());
        bank.pay("t1", 0, "a", 100, Currency::VND);
        first_report.into_iter().for_each(|minute| bank.label(minute));
        // Out of `remember`, while what was reported of the former one is within it.
        bank.pay("t1", 70, "a", 1_000, Currency::VND);
        bank.reverse(80);
        let frauds = i64::from(first_report.is_some());
        assert_eq!(bank.look(85), values(frauds, 107, 1), "the second is taken back, the first stays");
    }
}

#[test]
fn the_same_where_an_id_is_forgotten_early_for_want_of_room() {
    let limits = Limits { ids_max: 1_024, ..Limits::default() };
    let mut bank = Bank::new("", limits);
    bank.pay("t1", 0, "a", 100, Currency::VND);
    bank.label(1);
    for n in 0..3_000 {
        bank.pay(&format!("f{n}"), 2, "z", 1, Currency::VND);
    }
    bank.pay("t1", 3, "a", 1_000, Currency::VND);
    bank.reverse(4);
    assert_eq!(bank.look(5), values(1, 107, 1));
    bank.label(6);
    assert_eq!(bank.look(7), values(1, 114, 2), "what is taken back is no fraud");
}

#[test]
fn a_payment_in_another_currency_leaves_no_rate_to_the_next_one() {
    let mut bank = Bank::new("\n[rates]\notherwise = 'step_up'\n", Limits::default());
    let mut rates = Rates::default();
    rates.put(Currency::USD, DAY_US, Rate::parse("25000").unwrap()).unwrap();
    rates.put(Currency::USD, START_US + 60 * MINUTE_US, Rate::parse("26000").unwrap()).unwrap();
    bank.engine.load_rates(rates);
    let part_back = |bank: &mut Bank, minute, minor| {
        bank.made += 1;
        bank.begin(Kind::Reversal, &format!("b{}", bank.made), minute);
        bank.draft.text(TextField::Transaction, "t1").unwrap();
        bank.draft.amount(minor, Currency::USD).unwrap();
        assert_eq!(bank.engine.step(bank.draft.seal().unwrap()), Answer::Taken);
    };
    bank.pay("t1", 0, "a", 1_000, Currency::USD);
    part_back(&mut bank, 50, 100);
    assert_eq!(bank.look(51)[1], Value::Whole(225_007));
    // In the rule set's own currency now, so that a dollar of it is worth what the table says of its time.
    bank.pay("t1", 70, "b", 100_000, Currency::VND);
    part_back(&mut bank, 75, 100);
    bank.pay("t2", 80, "b", 1, Currency::VND);
    assert_eq!(bank.engine.readings()[1].value, Value::Whole(74_001));
    bank.begin(Kind::Transaction, "t1", 70);
    bank.draft.text(TextField::Account, "b").unwrap();
    bank.draft.amount(100_000, Currency::VND).unwrap();
    match bank.engine.step(bank.draft.seal().unwrap()) {
        Answer::Repeated(decision) => assert_eq!(decision.converted, None),
        other => panic!("{other:?}"),
    }
}

const LED: &str = r#"
[auth.strong]
all = [["pin"]]

[step_up]
expires  = "30m"
attempts = 3

[[rule]]
id = "large"
when = "amount > 500"
then = "step_up"
auth = "strong"
reason = "large"
"#;

#[test]
fn a_dialogue_about_a_former_payment_is_not_the_next_ones() {
    let limits = Limits { ids_max: 1_024, ..Limits::default() };
    for lapsed in [false, true] {
        let mut bank = Bank::new(LED, limits);
        assert_eq!(bank.pay("t1", 0, "a", 1_000, Currency::VND), Outcome::StepUp);
        let minute = if lapsed { 31 } else { 2 };
        for n in 0..3_000 {
            bank.pay(&format!("f{n}"), minute, "z", 1, Currency::VND);
        }
        assert_eq!(bank.pay("t1", minute + 1, "a", 100, Currency::VND), Outcome::Allow);
        let said = [(TextField::Result, "succeeded"), (TextField::Methods, "pin")];
        let answer = bank.report(Kind::Authentication, minute + 2, &said);
        assert_eq!(answer, Answer::Taken, "it waits for no answer");
    }
}

#[test]
fn a_payment_is_pending_for_as_long_as_its_own_time_says() {
    let limits = Limits { ids_max: 1_024, ..Limits::default() };
    let more = "[[rule]]\nid = 'r'\nwhen = 'spent > 9000000'\nthen = 'alert'\nreason = 'r'\n";
    let mut bank = Bank::new(more, limits);
    let text =
        format!("{RULES}{more}").replace("remember = \"1h\"", "remember = \"1h\"\npending_for = \"20m\"");
    bank.engine = Engine::new(compile("reused.toml", &text).into_result().unwrap(), limits, Recording::All);
    bank.pay("t1", 0, "a", 100, Currency::VND);
    for n in 0..3_000 {
        bank.pay(&format!("f{n}"), 2, "z", 1, Currency::VND);
    }
    bank.pay("t1", 15, "a", 1_000, Currency::VND);
    assert_eq!(
        bank.look(21)[2],
        Value::Whole(2),
        "the first can no longer be corrected, the second still waits"
    );
    // Those of the others come first, some at each step.
    for n in 0..100 {
        bank.pay(&format!("g{n}"), 36, "z", 1, Currency::VND);
    }
    assert_eq!(bank.look(36)[2], Value::Whole(2), "the first, and what was looked at");
}
