//! The Vietnamese pack says of every payment what a plain reading of the circular says, to the letter and to the dong.
//!
//! Twelve thousand payments here, or as many as `WEIR_LAW_PAYMENTS` says.

#![allow(clippy::unwrap_used, reason = "a helper of a test may stop it")]

mod plain;
mod stream;

use std::collections::BTreeMap;
use std::sync::Arc;

use plain::{Class, Group, Ledger, classify};
use stream::{Agenda, Chance, METHODS, Report, Sent, midnight_after, report_event};
use weir::decision::{Decision, Value};
use weir::engine::{Answer, Engine, Limits, Recording};
use weir::rules::{Quantity, RuleSet};

const ACCOUNTS: usize = 300;
const SECOND_US: i64 = 1_000_000;
const MINUTE_US: i64 = 60 * SECOND_US;
/// How long a payment counts without a report.
const PENDING_US: i64 = 15 * MINUTE_US;
/// 2025-01-02T00:00:00+07:00.
const START_US: i64 = 1_735_750_800 * SECOND_US;

fn letter(rules: &RuleSet, decision: &Decision, table: &str) -> char {
    let at = rules.tables.iter().position(|held| held.name == table).unwrap();
    let row = decision.tables.iter().find(|(held, _)| usize::from(*held) == at).unwrap().1.unwrap();
    match rules.tables[at].value(row.into()).unwrap() {
        Quantity::Text(text) if text == "none" => '-',
        Quantity::Text(text) => text.chars().next().unwrap(),
        other => panic!("{table} is {other:?}"),
    }
}

fn feature(rules: &RuleSet, decision: &Decision, name: &str) -> Option<i64> {
    let at = rules.features.iter().position(|feature| feature.name == name).unwrap();
    let reading = decision.features.iter().find(|(held, _)| usize::from(*held) == at).unwrap().1;
    match reading.value {
        Value::Whole(value) => Some(value),
        _ => None,
    }
}

const TOTALS: [(&str, Group); 6] = [
    ("t_i2", Group::I2),
    ("t_i3", Group::I3),
    ("t_i4", Group::I4),
    ("t_ii2", Group::Ii2),
    ("t_ii3", Group::Ii3),
    ("t_card", Group::Card),
];

#[test]
fn the_pack_and_a_plain_reading_agree() {
    let wanted = std::env::var("WEIR_LAW_PAYMENTS").map_or(12_000, |text| text.parse().unwrap());
    let text = std::fs::read_to_string("rules/vn/circular-50.toml").unwrap();
    let rules = weir::rules::compile("circular-50.toml", &text).into_result().unwrap();
    let schema = Arc::clone(&rules.schema);
    let mut engine = Engine::new(rules.clone(), Limits::default(), Recording::All);
    let mut ledgers = vec![Ledger::default(); ACCOUNTS];
    let mut accounts: Vec<Option<usize>> = Vec::new();
    let mut chance = Chance::new(50);
    let mut agenda = Agenda::default();
    let mut now_us = START_US;
    let mut letters: BTreeMap<(char, char), usize> = BTreeMap::new();
    let mut reports = 0;
    for id in 0..wanted {
        // Now and then just before midnight, or at its stroke.
        now_us = match chance.below(1_000) {
            0 => midnight_after(now_us) - chance.below(2) as i64,
            _ => now_us + chance.below(90 * SECOND_US as u64) as i64,
        };
        while let Some((time_us, payment, report)) = agenda.due(now_us) {
            reports += 1;
            let event = report_event(&schema, reports, time_us, payment, report);
            let answer = engine.step(&event);
            assert!(matches!(answer, Answer::Taken), "{report:?} of {payment}: {answer:?}");
            let Some(ledger) = accounts[payment].map(|account| &mut ledgers[account]) else { continue };
            match report {
                Report::Authenticated { .. } => {}
                Report::Executed { succeeded } => ledger.executed(payment, succeeded, time_us),
                Report::Reversed { minor } => ledger.reversed(payment, minor),
            }
        }
        let sent = Sent::draw(id, ACCOUNTS, &ledgers, now_us, &mut chance);
        let event = sent.event(&schema, now_us);
        let Answer::Decided(decision) = engine.step(&event) else { panic!("{sent:?} got no decision") };
        let found =
            Class { letter: letter(&rules, decision, "class"), card: letter(&rules, decision, "card_class") };
        let ledger = sent.account.map(|account| (&ledgers[account], now_us));
        let expected = classify(&sent.said, sent.amount, ledger);
        if let Some((ledger, _)) = ledger {
            for (name, group) in TOTALS {
                let total = ledger.total(group, now_us);
                assert_eq!(feature(&rules, decision, name), Some(total), "{name} of {sent:?}");
            }
            assert_eq!(feature(&rules, decision, "ksth"), Some(ledger.small(now_us)), "Tksth of {sent:?}");
        }
        assert_eq!(found, expected, "{sent:?}\n{ledger:?}");
        *letters.entry((found.letter, found.card)).or_default() += 1;
        let stepped_up = decision.outcome != weir::decision::Outcome::Allow;
        if let Some(account) = sent.account {
            let until_us = if stepped_up { now_us } else { i64::MAX };
            ledgers[account].answered(id, &sent.said, found, sent.amount, now_us, until_us);
        }
        accounts.push(sent.account);
        let mut later_us = now_us + chance.below(PENDING_US as u64) as i64;
        for _ in 0..2 {
            match chance.below(10) {
                0..7 => agenda.put(later_us, id, Report::Executed { succeeded: true }),
                7 => agenda.put(later_us, id, Report::Executed { succeeded: false }),
                _ => {}
            }
            later_us += chance.below(10 * MINUTE_US as u64) as i64;
            if chance.percent(60) {
                break;
            }
        }
        if chance.percent(5) {
            let minor = chance.percent(70).then(|| 1 + chance.below(sent.amount as u64) as i64);
            agenda.put(
                later_us + chance.below(30 * 60 * MINUTE_US as u64) as i64,
                id,
                Report::Reversed { minor },
            );
        }
    }
    println!("{wanted} payments, {reports} reports: {letters:?}");
    for letter in "ABCD".chars() {
        assert!(letters.keys().any(|(found, _)| *found == letter), "no payment of type {letter}");
    }
    for card in "EFG".chars() {
        assert!(letters.keys().any(|(_, found)| *found == card), "no payment of type {card}");
    }
    let _ = METHODS;
}
