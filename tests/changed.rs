//! `changed`: first payment on another device than the last one used.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails loudly")]

use std::sync::Arc;

use weir::decision::{Quality, Reading, Value};
use weir::engine::{Answer, Engine, Limits, Recording};
use weir::event::{Draft, Kind, TextField};
use weir::money::Currency;
use weir::rules::compile;
use weir::time::SECOND_US;

const RULES: &str = r#"
[ruleset]
name     = "changed"
currency = "VND"

[features]
other = { changed = "device", by = "account", over = "1h" }
login = { changed = "device", by = "account", over = "1h", from = "login", where = "result = 'succeeded'" }

[[rule]]
id     = "other"
when   = "other or login"
then   = "alert"
reason = "another device"

[[rule]]
id     = "large"
when   = "amount > 100"
then   = "block"
reason = "large"
"#;

struct Bank {
    engine: Engine,
    draft: Draft,
    made: usize,
}

impl Bank {
    fn new() -> Self {
        let rules = compile("changed.toml", RULES).into_result().unwrap();
        let draft = Draft::new(Arc::clone(&rules.schema));
        Self { engine: Engine::new(rules, Limits::default(), Recording::All), draft, made: 0 }
    }

    fn begin(&mut self, kind: Kind, minute: i64, device: Option<&str>) {
        self.draft.begin(kind, minute * 60 * SECOND_US).unwrap();
        self.draft.text(TextField::Id, &format!("{}", self.made)).unwrap();
        self.draft.text(TextField::Account, "a").unwrap();
        if let Some(device) = device {
            self.draft.text(TextField::Device, device).unwrap();
        }
        self.made += 1;
    }

    fn login(&mut self, minute: i64, device: &str, result: &str) {
        self.begin(Kind::Login, minute, Some(device));
        self.draft.text(TextField::Result, result).unwrap();
        assert!(matches!(self.engine.step(self.draft.seal().unwrap()), Answer::Taken));
    }

    /// `login` and `other` at a payment.
    fn pay(&mut self, minute: i64, device: Option<&str>, minor: i64) -> [Option<bool>; 2] {
        self.begin(Kind::Transaction, minute, device);
        self.draft.amount(minor, Currency::VND).unwrap();
        assert!(matches!(self.engine.step(self.draft.seal().unwrap()), Answer::Decided(_)));
        [0, 1].map(|at| match self.engine.readings()[at] {
            Reading { value: Value::Boolean(value), .. } => Some(value),
            Reading { value: Value::Null, quality: Quality::Exact } => None,
            other => panic!("{other:?}"),
        })
    }
}

#[test]
fn a_payment_is_held_against_the_newest_one_before_it() {
    let mut bank = Bank::new();
    let other = |[_, other]: [Option<bool>; 2]| other;
    assert_eq!(other(bank.pay(0, Some("x"), 1)), None, "nothing before it");
    assert_eq!(other(bank.pay(1, Some("x"), 1)), Some(false));
    assert_eq!(other(bank.pay(2, Some("y"), 1)), Some(true));
    assert_eq!(other(bank.pay(3, Some("y"), 1)), Some(false), "the last one used is the new one");
    assert_eq!(other(bank.pay(4, None, 1)), None, "no device of its own");
    assert_eq!(other(bank.pay(5, Some("z"), 101)), Some(true), "blocked");
    assert_eq!(
        other(bank.pay(6, Some("z"), 1)),
        Some(true),
        "a blocked payment does not make its device known"
    );
    assert_eq!(other(bank.pay(66, Some("z"), 1)), None, "what left the window is not known any more");
}

#[test]
fn others_may_feed_what_a_payment_is_held_against() {
    let mut bank = Bank::new();
    let login = |[login, _]: [Option<bool>; 2]| login;
    bank.login(0, "x", "succeeded");
    bank.login(1, "y", "failed");
    assert_eq!(login(bank.pay(2, Some("x"), 1)), Some(false));
    assert_eq!(login(bank.pay(3, Some("y"), 1)), Some(true), "payments don't feed it");
    assert_eq!(login(bank.pay(4, Some("y"), 1)), Some(true));
    bank.login(3, "z", "succeeded");
    assert_eq!(login(bank.pay(5, Some("z"), 1)), Some(false), "a late login is newer than the one before");
}
