//! The Vietnamese packs say of every payment what a plain reading of the texts says, to the letter and to the dong, and
//! take the same confirmations for enough.
//!
//! Some thousand payments here; of Circular 50 as many as `WEIR_LAW_PAYMENTS` says, a million of them in a release build.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    missing_docs,
    unreachable_pub,
    reason = "a test fails loudly, says how much it saw, and documents nothing"
)]

mod plain;
mod stream;

use std::collections::BTreeMap;
use std::sync::Arc;

use plain::{CONFIRM_US, Class, Group, Ledger, Outcome, classify, day, enough};
use stream::{Agenda, Chance, METHODS, Report, Sent, midnight_after, opened_event, report_event};
use weir::decision::{self, Decision, Value};
use weir::engine::{Answer, Engine, Limits, Recording};
use weir::event::Schema;
use weir::rules::{Quantity, RuleSet};

const ACCOUNTS: usize = 300;
const SECOND_US: i64 = 1_000_000;
const MINUTE_US: i64 = 60 * SECOND_US;

const TOTALS: [(&str, Group); 6] = [
    ("t_i2", Group::I2),
    ("t_i3", Group::I3),
    ("t_i4", Group::I4),
    ("t_ii2", Group::Ii2),
    ("t_ii3", Group::Ii3),
    ("t_card", Group::Card),
];

/// What the engine says, in the words of the plain reading.
struct Reader {
    rules: RuleSet,
    class: usize,
    card_class: usize,
    totals: Vec<(usize, Group)>,
    ksth: usize,
    ksth_least: usize,
}

impl Reader {
    fn new(rules: &RuleSet) -> Self {
        let table = |name| rules.tables.iter().position(|table| table.name == name).unwrap();
        let feature = |name| rules.features.iter().position(|feature| feature.name == name).unwrap();
        let totals = TOTALS.iter().map(|&(name, group)| (feature(name), group)).collect();
        let (class, card_class) = (table("class"), table("card_class"));
        let (ksth, ksth_least) = (feature("ksth"), feature("ksth_least"));
        Self { rules: rules.clone(), class, card_class, totals, ksth, ksth_least }
    }

    fn letter(&self, decision: &Decision, table: usize) -> char {
        let row = decision.tables.iter().find(|(held, _)| usize::from(*held) == table).unwrap().1.unwrap();
        match self.rules.tables[table].value(row.into()).unwrap() {
            Quantity::Text(text) if text == "none" => '-',
            Quantity::Text(text) => text.chars().next().unwrap(),
            other => panic!("the table says {other:?}"),
        }
    }

    fn class(&self, decision: &Decision) -> Class {
        let [letter, card] = [self.class, self.card_class].map(|table| self.letter(decision, table));
        Class { letter, card }
    }

    fn sum(&self, decision: &Decision, feature: usize) -> i64 {
        let reading = decision.features.iter().find(|(held, _)| usize::from(*held) == feature).unwrap().1;
        match reading.value {
            Value::Whole(value) => value,
            other => panic!("a sum is {other:?}"),
        }
    }

    /// Holds T of every group and Tksth to the ledger's, without the payment that is looked at again.
    fn compare(&self, decision: &Decision, ledger: &Ledger, now_us: i64, but: Option<usize>, what: &str) {
        for &(feature, group) in &self.totals {
            let total = ledger.total(group, now_us, but);
            assert_eq!(self.sum(decision, feature), total, "T of {group:?}, {what}\n{now_us}: {ledger:#?}");
        }
        let held = [self.ksth, self.ksth_least].map(|feature| self.sum(decision, feature));
        let expected = [ledger.small(now_us, but), ledger.small_at_least(now_us, but)];
        assert_eq!(held, expected, "Tksth, {what}\n{now_us}: {ledger:?}");
    }
}

fn outcome(decision: &Decision) -> Outcome {
    match decision.outcome {
        decision::Outcome::Allow => Outcome::Allow,
        decision::Outcome::StepUp => Outcome::StepUp,
        decision::Outcome::Block => Outcome::Block,
    }
}

/// A stream under way, in the engine and in the ledgers.
struct Run {
    engine: Engine,
    reader: Reader,
    schema: Arc<Schema>,
    ledgers: Vec<Ledger>,
    accounts: Vec<Option<usize>>,
    chance: Chance,
    agenda: Agenda,
    reports: usize,
    /// Executions of what was not allowed.
    unallowed: usize,
    letters: BTreeMap<char, usize>,
    confirmed: BTreeMap<&'static str, usize>,
    /// Whether it is the decision, whose group I.3 has no type A, and which asks nothing of auto-debits.
    decision_2345: bool,
}

impl Run {
    fn new(rules: RuleSet, decision_2345: bool) -> Self {
        Self {
            decision_2345,
            reader: Reader::new(&rules),
            schema: Arc::clone(&rules.schema),
            engine: Engine::new(rules, Limits::default(), Recording::All),
            ledgers: vec![Ledger::default(); ACCOUNTS],
            accounts: Vec::new(),
            chance: Chance::new(50),
            agenda: Agenda::default(),
            reports: 0,
            unallowed: 0,
            letters: BTreeMap::new(),
            confirmed: BTreeMap::new(),
        }
    }

    fn ask(&mut self, id: usize, now_us: i64) {
        let foreign = !self.decision_2345;
        let mut sent = Sent::draw(id, ACCOUNTS, &self.ledgers, now_us, foreign, &mut self.chance);
        self.accounts.push(sent.account);
        let event = sent.event(&self.schema, now_us);
        if self.decision_2345 {
            (sent.said.linked, sent.said.no_word) = (Some(false), false);
        }
        let Answer::Decided(decision) = self.engine.step(&event) else { panic!("{sent:?} got no decision") };
        let found = (self.reader.class(decision), outcome(decision));
        let what = format!("{sent:?}");
        let expected = match sent.account {
            Some(account) => {
                let ledger = &mut self.ledgers[account];
                self.reader.compare(decision, ledger, now_us, None, &what);
                ledger.ask(id, &sent.said, sent.amount, &sent.presented(), now_us)
            }
            None => {
                let class = classify(&sent.said, sent.amount, None);
                let met = enough(&sent.said, class, &sent.presented());
                (class, if met { Outcome::Allow } else { Outcome::StepUp })
            }
        };
        assert_eq!(found, expected, "{what}");
        for letter in [found.0.letter, found.0.card] {
            *self.letters.entry(letter).or_default() += 1;
        }
        let open = found.1 == Outcome::StepUp;
        self.follow(id, sent.amount, open, now_us);
    }

    /// Plans what becomes of it.
    fn follow(&mut self, id: usize, amount: i64, open: bool, now_us: i64) {
        let chance = &mut self.chance;
        let mut later_us = now_us;
        if open {
            let within_us = chance.one_of(&[CONFIRM_US / 10, CONFIRM_US * 3 / 4]);
            for _ in 0..chance.below(8) {
                later_us += chance.below(within_us as u64) as i64 + 1;
                let (methods, succeeded) = (chance.one_of(&METHODS[1..]), chance.percent(80));
                self.agenda.put(later_us, id, Report::Authenticated { methods, succeeded });
            }
        }
        // Executed, or failed; now and then the one is put right by the other.
        if chance.percent(10) {
            later_us = now_us;
        }
        let mut succeeded = chance.percent(88);
        for _ in 0..2 {
            later_us += chance.below(10 * MINUTE_US as u64) as i64 + 1;
            if chance.percent(80) {
                self.agenda.put(later_us, id, Report::Executed { succeeded });
                succeeded = !succeeded;
            }
            if chance.percent(70) {
                break;
            }
        }
        if chance.percent(5) {
            let minor = chance.percent(70).then(|| 1 + chance.below(amount as u64) as i64);
            let reversed_us = later_us + chance.below(30 * 60 * MINUTE_US as u64) as i64 + 1;
            self.agenda.put(reversed_us, id, Report::Reversed { minor });
        }
    }

    fn report(&mut self, time_us: i64, payment: usize, report: Report) {
        let Some(account) = self.accounts[payment] else { return };
        let ledger = &mut self.ledgers[account];
        // Mostly a gateway forwards what was allowed, and nothing else.
        let honest = self.chance.percent(70);
        if matches!(report, Report::Executed { .. }) && ledger.is_open(payment) && honest {
            return;
        }
        self.reports += 1;
        let event = report_event(&self.schema, self.reports, time_us, payment, report);
        let answer = self.engine.step(&event);
        let what = format!("{report:?} of {payment}");
        match report {
            Report::Authenticated { methods, succeeded } => {
                let waited = ledger.is_open(payment);
                let methods: Vec<&'static str> = methods.split(',').collect();
                let before = ledger.clone();
                let expected = ledger.confirm(payment, &methods, succeeded, time_us);
                let how = match (expected, answer) {
                    (Some(expected), Answer::Decided(decision)) => {
                        let found = (self.reader.class(decision), outcome(decision));
                        assert_eq!(found, expected, "{what}");
                        self.reader.compare(decision, &before, time_us, Some(payment), &what);
                        ["allowed", "asked again", "stopped"][expected.1 as usize]
                    }
                    (None, Answer::Refused(refusal)) if waited => {
                        assert_eq!(refusal.code(), "step_up_expired", "{what}");
                        "late"
                    }
                    (None, Answer::Taken) if !waited => "over",
                    (expected, answer) => panic!("{what}: {answer:?}, expected {expected:?}"),
                };
                *self.confirmed.entry(how).or_default() += 1;
                // Locks are another promise: all customers are one here, so the function is never left locked.
                if !succeeded {
                    let opened = opened_event(&self.schema, self.reports, time_us);
                    assert!(matches!(self.engine.step(&opened), Answer::Taken), "{what}");
                }
            }
            Report::Executed { succeeded } => {
                let alert = ledger.executed(payment, succeeded, time_us);
                assert_eq!(matches!(answer, Answer::Alert(_)), alert, "{what}: {answer:?}");
                assert!(alert || matches!(answer, Answer::Taken), "{what}: {answer:?}");
                self.unallowed += usize::from(alert);
            }
            Report::Reversed { minor } => {
                assert!(matches!(answer, Answer::Taken), "{what}: {answer:?}");
                ledger.reversed(payment, minor);
            }
        }
    }
}

/// Holds a pack to the plain reading over so many payments from a time on.
fn hold(name: &str, start_us: i64, wanted: usize, decision_2345: bool) {
    let path = format!("rules/vn/{name}.toml");
    let sources = weir::io::load_rules(path.as_ref()).unwrap();
    let rules = sources.compile().into_result().unwrap();
    let mut run = Run::new(rules, decision_2345);
    let mut now_us = start_us;
    for id in 0..wanted {
        // Now and then just before midnight, or at its stroke.
        now_us = match run.chance.below(4_000) {
            0 => midnight_after(now_us) - run.chance.below(2) as i64,
            _ => now_us + run.chance.below(40 * SECOND_US as u64) as i64,
        };
        while let Some((time_us, payment, report)) = run.agenda.due(now_us) {
            run.report(time_us, payment, report);
        }
        run.ask(id, now_us);
    }
    let Run { reports, unallowed, letters, confirmed, .. } = run;
    let days = day(now_us) - day(start_us);
    println!(
        "{name}: {wanted} payments in {days} days, {reports} reports, {unallowed} of them of executions that were not allowed: {letters:?}, {confirmed:?}"
    );
    assert!(unallowed > 100, "{unallowed}");
    assert!("ABCDEFG".chars().all(|letter| letters.contains_key(&letter)), "{letters:?}");
    for how in ["allowed", "asked again", "stopped", "late", "over"] {
        assert!(confirmed.contains_key(how), "no confirmation was {how}");
    }
}

#[test]
fn circular_50_and_a_plain_reading_agree() {
    let wanted = std::env::var("WEIR_LAW_PAYMENTS").map_or(15_000, |text| text.parse().unwrap());
    hold("circular-50", 1_735_750_800 * SECOND_US, wanted, false);
}

#[test]
fn decision_2345_and_a_plain_reading_agree() {
    hold("decision-2345", 1_719_853_200 * SECOND_US, 5_000, true);
}
