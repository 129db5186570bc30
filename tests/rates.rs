//! Amounts in other currencies are converted before anything reads them, exactly, or refused by name.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails loudly")]

use std::path::Path;
use std::sync::Arc;

use weir::cases;
use weir::decision::{Outcome, Value};
use weir::engine::{Answer, Engine, Limits, Recording, Refusal};
use weir::event::{Draft, Event, Kind, TextField};
use weir::io::load_rates;
use weir::lists::Lists;
use weir::money::{AMOUNT_MINOR_MAX, Currency};
use weir::rates::{Rate, RateFrom, Rates};
use weir::rules::{RuleSet, compile};
use weir::time::DAY_US;

const RULES: &str = r#"
[ruleset]
name     = "rates"
currency = "VND"

[rates]
otherwise = "step_up"

[features]
spent = { sum = "amount", by = "account", over = "30d", counts = "asked" }
dear  = { count = "*", by = "account", over = "30d", counts = "asked", where = "amount >= money(100, 'USD')" }

[[rule]]
id     = "dear"
when   = "amount >= money(100, 'USD') or dear > 5 or spent > 1_000_000_000_000"
then   = "step_up"
reason = "worth 100 dollars or more"

[[rule]]
id     = "foreign"
when   = "currency <> 'VND'"
then   = "alert"
reason = "in another currency"
"#;

fn rules() -> RuleSet {
    compile("rates.toml", RULES).into_result().unwrap()
}

fn rate(text: &str) -> Rate {
    Rate::parse(text).unwrap()
}

fn table(usd: &str) -> Rates {
    let mut rates = Rates::default();
    rates.put(Currency::USD, DAY_US, rate(usd)).unwrap();
    rates.put(Currency::USD, 3 * DAY_US, rate("26000")).unwrap();
    rates.put(Currency::JPY, DAY_US, rate("170.5")).unwrap();
    rates
}

struct Bank {
    engine: Engine,
    draft: Draft,
    made: usize,
}

impl Bank {
    fn new(rates: Rates) -> Self {
        let mut engine = Engine::new(rules(), Limits::default(), Recording::All);
        engine.load_rates(rates);
        let draft = Draft::new(Arc::clone(&engine.rules().schema));
        Self { engine, draft, made: 0 }
    }

    fn event(
        &mut self,
        kind: Kind,
        time_us: i64,
        about: Option<&str>,
        minor: Option<(i64, Currency)>,
    ) -> Event {
        self.rated(kind, time_us, about, minor, None)
    }

    fn rated(
        &mut self,
        kind: Kind,
        time_us: i64,
        about: Option<&str>,
        minor: Option<(i64, Currency)>,
        rate: Option<&str>,
    ) -> Event {
        self.draft.begin(kind, time_us).unwrap();
        self.draft.text(TextField::Id, &format!("e{}", self.made)).unwrap();
        self.draft.text(TextField::Account, "a").unwrap();
        self.made += 1;
        if let Some(about) = about {
            self.draft.text(TextField::Transaction, about).unwrap();
        }
        if kind == Kind::Execution {
            self.draft.text(TextField::Result, "succeeded").unwrap();
        }
        if let Some((minor, currency)) = minor {
            self.draft.amount(minor, currency).unwrap();
        }
        if let Some(rate) = rate {
            self.draft.rate(rate).unwrap();
        }
        self.draft.seal().unwrap().clone()
    }

    fn refused(&mut self, event: &Event) -> Refusal {
        match self.engine.step(event) {
            Answer::Refused(refusal) => refusal,
            other => panic!("{other:?}"),
        }
    }

    /// What the account spent and how often dearly, as of a payment of 0.
    fn spent(&mut self, time_us: i64) -> (i64, i64) {
        let event = self.event(Kind::Transaction, time_us, None, Some((0, Currency::VND)));
        assert!(matches!(self.engine.step(&event), Answer::Decided(_)));
        let [dear, spent] = [0, 1].map(|at| match self.engine.readings()[at].value {
            Value::Whole(value) => value,
            other => panic!("{other:?}"),
        });
        (spent, dear)
    }
}

#[test]
fn an_execution_is_taken_whatever_its_own_amount_is() {
    let executed = RULES.replace("counts = \"asked\"", "counts = \"executed\"");
    let own = "own = { sum = \"amount\", by = \"account\", over = \"30d\", from = \"execution\" }\n[[rule]]\nid = \"own\"\nwhen = \"own > 0\"\nthen = \"alert\"\nreason = \"own\"\n";
    let bare = executed.replace("[rates]\notherwise = \"step_up\"\n", "").replace("money(100, 'USD')", "5");
    for text in [&executed, &bare] {
        let text = text.replacen("\n[[rule]]", &format!("{own}\n[[rule]]"), 1);
        let rules = compile("executed.toml", &text).into_result().unwrap_or_else(|e| panic!("{e}"));
        let mut bank = Bank::new(table("25400"));
        bank.engine = Engine::new(rules, Limits::default(), Recording::All);
        bank.engine.load_rates(table("25400"));
        let payment = bank.event(Kind::Transaction, 2 * DAY_US, None, Some((700, Currency::VND)));
        assert!(matches!(bank.engine.step(&payment), Answer::Decided(_)));
        let execution = |bank: &mut Bank, minor: i64, currency: Currency| {
            let event = bank.event(Kind::Execution, 2 * DAY_US, Some(payment.id()), Some((minor, currency)));
            assert_eq!(bank.engine.step(&event), Answer::Taken);
            assert_eq!(bank.engine.step(&event), Answer::TakenBefore);
        };
        execution(&mut bank, 3, Currency::EUR);
        execution(&mut bank, AMOUNT_MINOR_MAX, Currency::USD);
        let event = bank.event(Kind::Transaction, 2 * DAY_US, None, Some((0, Currency::VND)));
        let Answer::Decided(decision) = bank.engine.step(&event) else { panic!() };
        assert!(!decision.alert, "what can't be told is left out");
        let at = |name: &str| bank.engine.rules().features.iter().position(|f| f.name == name).unwrap();
        let (own, spent) = (bank.engine.readings()[at("own")], bank.engine.readings()[at("spent")]);
        assert_eq!((own.value, spent.value), (Value::Whole(0), Value::Whole(700)));
    }
}

#[test]
fn conditions_features_and_answers_see_the_rule_sets_currency() {
    let mut bank = Bank::new(table("25400.5"));
    let event = bank.event(Kind::Transaction, DAY_US, None, Some((10_001, Currency::USD)));
    let Answer::Decided(decision) = bank.engine.step(&event) else { panic!() };
    let converted = decision.converted.unwrap();
    // 100.01 dollars at 25,400.5 are 2,540,304.005 dong.
    assert_eq!(converted.minor, 2_540_305, "rounded up");
    assert_eq!((converted.paid.minor, converted.paid.currency), (10_001, Currency::USD));
    assert_eq!(converted.from, RateFrom::Table { valid_from_us: DAY_US });
    assert_eq!((decision.outcome, decision.alert), (Outcome::StepUp, true));
    let decided = decision.clone();
    let facts = bank.engine.facts(&event);
    assert_eq!(facts.event.amount().unwrap().minor, 2_540_305, "explained as decided");
    let Answer::Repeated(again) = bank.engine.step(&event) else { panic!() };
    assert_eq!(*again, decided, "a repeat also says what was converted");
    let event = bank.event(Kind::Transaction, DAY_US, None, Some((9_999, Currency::USD)));
    let Answer::Decided(decision) = bank.engine.step(&event) else { panic!() };
    assert_eq!((decision.outcome, decision.alert), (Outcome::Allow, true));
    assert_eq!(bank.spent(DAY_US), (2_540_305 + 2_539_796, 1));
    // At that day's rate 2,599,999 dong are less than 100 dollars.
    let event = bank.event(Kind::Transaction, 3 * DAY_US, None, Some((2_599_999, Currency::VND)));
    let Answer::Decided(decision) = bank.engine.step(&event) else { panic!() };
    assert_eq!((decision.outcome, decision.alert, decision.converted), (Outcome::Allow, false, None));
}

#[test]
fn an_events_own_rate_goes_before_the_tables() {
    let mut bank = Bank::new(table("25400"));
    let event = bank.rated(Kind::Transaction, 0, None, Some((10_000, Currency::USD)), Some("20000.00"));
    let Answer::Decided(decision) = bank.engine.step(&event) else { panic!() };
    let converted = decision.converted.unwrap();
    assert_eq!((converted.minor, converted.from), (2_000_000, RateFrom::Event));
    assert_eq!(decision.outcome, Outcome::StepUp, "money() goes by the same rate");
    assert_eq!(bank.spent(0), (2_000_000, 1));
}

#[test]
fn without_a_rate_it_is_refused_and_leaves_no_trace() {
    let mut bank = Bank::new(table("25400"));
    let early = bank.event(Kind::Transaction, DAY_US - 1, None, Some((1, Currency::USD)));
    let unknown = bank.event(Kind::Transaction, DAY_US, None, Some((1, Currency::EUR)));
    for (event, currency) in [(early, "USD"), (unknown, "EUR")] {
        let refusal = bank.refused(&event);
        assert_eq!(refusal, Refusal::NoRate { currency, declared: Outcome::StepUp });
        assert_eq!((refusal.code(), refusal.declared()), ("no_rate", Some(Outcome::StepUp)));
    }
    let large = bank.event(Kind::Transaction, DAY_US, None, Some((AMOUNT_MINOR_MAX, Currency::USD)));
    assert_eq!(bank.refused(&large).code(), "too_large");
    let event = bank.rated(
        Kind::Transaction,
        DAY_US,
        None,
        Some((AMOUNT_MINOR_MAX, Currency::USD)),
        Some("0.000000000000000001"),
    );
    let Answer::Decided(decision) = bank.engine.step(&event) else { panic!() };
    assert_eq!(decision.converted.unwrap().minor, 1);
    assert_eq!(bank.spent(DAY_US), (1, 1), "only what was taken counts");
    let bare = RULES.replace("[rates]\notherwise = \"step_up\"\n", "").replace("money(100, 'USD')", "5");
    let mut engine =
        Engine::new(compile("bare.toml", &bare).into_result().unwrap(), Limits::default(), Recording::Fired);
    let event = bank.rated(Kind::Transaction, DAY_US, None, Some((1, Currency::USD)), Some("25400"));
    assert!(matches!(engine.step(&event), Answer::Refused(Refusal::Currency { expected: "VND" })));
}

#[test]
fn what_is_taken_back_converts_at_the_payments_rate() {
    let mut bank = Bank::new(table("25400.5"));
    let payment =
        bank.rated(Kind::Transaction, DAY_US, None, Some((1_000, Currency::USD)), Some("25333.3333"));
    assert!(matches!(bank.engine.step(&payment), Answer::Decided(_)));
    assert_eq!(bank.spent(DAY_US).0, 253334);
    let mut left = 1_000;
    for taken in [333, 333, 333] {
        left -= taken;
        let reversal = bank.event(Kind::Reversal, 4 * DAY_US, Some("e0"), Some((taken, Currency::USD)));
        assert_eq!(bank.engine.step(&reversal), Answer::Taken);
        let worth = rate("25333.3333").convert(left, Currency::USD, Currency::VND).unwrap();
        assert_eq!(bank.spent(4 * DAY_US).0, worth, "what is left is worth what it is worth, rounded up");
    }
    let rest = bank.event(Kind::Reversal, 4 * DAY_US, Some("e0"), Some((1, Currency::USD)));
    assert_eq!(bank.engine.step(&rest), Answer::Taken);
    assert_eq!(bank.spent(4 * DAY_US).0, 0);
    // In another currency than the payment's: by the table at the payment's time.
    let yen = bank.event(Kind::Transaction, 4 * DAY_US, None, Some((1_000, Currency::VND)));
    let id = yen.id().to_owned();
    assert!(matches!(bank.engine.step(&yen), Answer::Decided(_)));
    let reversal = bank.event(Kind::Reversal, 5 * DAY_US, Some(&id), Some((1, Currency::JPY)));
    assert_eq!(bank.engine.step(&reversal), Answer::Taken);
    assert_eq!(bank.spent(5 * DAY_US).0, 1_000 - 171);
}

fn control(bank: &mut Bank, time_us: i64, version: &str) -> Event {
    bank.draft.begin(Kind::Control, time_us).unwrap();
    bank.draft.text(TextField::Id, &format!("c{}", bank.made)).unwrap();
    bank.draft.text(TextField::Control, "rate_version").unwrap();
    bank.draft.text(TextField::Subject, version).unwrap();
    bank.made += 1;
    bank.draft.seal().unwrap().clone()
}

#[test]
fn other_rates_take_over_between_two_events_and_a_snapshot_keeps_them() {
    let mut bank = Bank::new(table("25400"));
    let next = table("25500");
    let version = next.version_text();
    let asked = control(&mut bank, DAY_US, &version);
    assert_eq!(bank.refused(&asked), Refusal::UnknownRates);
    bank.engine.stage_rates(next).unwrap();
    let payment = bank.event(Kind::Transaction, DAY_US, None, Some((1_000, Currency::USD)));
    assert!(matches!(bank.engine.step(&payment), Answer::Decided(_)));
    let asked = control(&mut bank, DAY_US, &version);
    assert_eq!(bank.engine.step(&asked), Answer::Taken);
    assert_eq!(bank.engine.rates().version_text(), version);
    let saved = bank.engine.freeze();
    let rules = Arc::new(bank.engine.rules().clone());
    bank.engine = Engine::restore(saved, &[rules], None).unwrap();
    assert_eq!(bank.engine.rates().version_text(), version);
    let reversal = bank.event(Kind::Reversal, DAY_US, Some("e1"), Some((400, Currency::USD)));
    assert_eq!(bank.engine.step(&reversal), Answer::Taken);
    assert_eq!(bank.spent(DAY_US).0, 152_400, "the payment keeps its rate");
    let payment = bank.event(Kind::Transaction, DAY_US, None, Some((1_000, Currency::USD)));
    let Answer::Decided(decision) = bank.engine.step(&payment) else { panic!() };
    assert_eq!(decision.converted.unwrap().minor, 255_000);
}

fn told(csv: &str) -> Result<usize, String> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("rates.csv"), csv).unwrap();
    let text = RULES.replace("otherwise =", "file = \"rates.csv\"\notherwise =");
    let rules = compile("rates.toml", &text).into_result().unwrap();
    let loaded = load_rates(&rules, folder.path());
    let shown = |text: String| text.split_once("rates.csv").unwrap().1.to_owned();
    loaded.map(|rates| rates.len()).map_err(|error| shown(error.to_string()))
}

#[test]
fn a_file_of_rates_is_read_or_told_by_line() {
    let head = "valid_from,currency,rate\n";
    let good = "# the bank's\nrate, valid_from ,currency\n25400.5,2026-01-01,USD\n\n# more\n0.5,2026-01-01T12:00:00Z,JPY\n";
    assert_eq!(told(good), Ok(2));
    for (csv, message) in [
        ("", " is empty"),
        ("valid_from,currency\n", ":1: the header needs the column `rate`"),
        (
            "valid_from,curency,rate\n",
            ":1: the column `curency` is none of `valid_from`, `currency`, `rate`; did you mean `currency`?",
        ),
        ("x2026-01-01,USD,1\n", ":2: `valid_from`"),
        ("2026-01-01,USX,1\n", ":2: `currency`: `USX` is not"),
        ("2026-01-01,VND,1\n", ":2: VND is the rule set's own currency"),
        ("2026-01-01,USD,1e4\n", ":2: `1e4` is not a rate"),
        ("2026-01-01,USD,0.0\n", ":2: a rate is above 0"),
        ("2026-01-01,USD,\n", ":2: `rate` is empty"),
        (
            "2026-01-01,USD,1\n# twice\n2026-01-01,USD,2\n",
            ":4: there is a rate of USD from that time on before",
        ),
    ] {
        let whole = if csv.starts_with("valid_from") || csv.is_empty() {
            csv.to_owned()
        } else {
            format!("{head}{csv}")
        };
        let found = told(&whole).unwrap_err();
        assert!(found.contains(message), "{csv:?}: {found}");
    }
    assert!(load_rates(&rules(), Path::new("nowhere")).unwrap().is_empty(), "no file is named");
}

#[test]
fn cases_say_their_own_rates() {
    let text = r#"
[[case]]
name   = "dollars"
rates  = [{ currency = "USD", rate = "25000" }, { valid_from = "2026-02-01", currency = "USD", rate = "10" }]
events = [
  { at = "2026-01-31T10:00:00Z", amount = 100, currency = "USD", account = "a", expect = { outcome = "step_up", fired = ["foreign"] } },
  { at = "2026-02-01T10:00:00Z", amount = 99.81, currency = "USD", account = "a", expect = { outcome = "allow", features = { spent = 2_500_999 } } },
  { amount = 1, currency = "EUR", expect = { refused = "no_rate" } },
  { amount = 1, currency = "EUR", rate = "2", expect = { outcome = "allow" } },
]
"#;
    let rules = rules();
    let cases = cases::parse(text, &rules).unwrap();
    let report = cases::run(&rules, &Lists::new(0), &Rates::default(), &cases[0]);
    assert_eq!(report.failures, Vec::<String>::new());
}
