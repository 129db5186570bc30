//! A generated stream has payments in every cell of every table of the Vietnamese pack, on both sides of the law.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a helper of a test may stop it, and it says how much it saw"
)]

use std::collections::BTreeMap;

use weir::decision::Outcome;
use weir::engine::{Answer, Engine, Limits, Recording};
use weir::event::Kind;
use weir::generate::{Generator, Settings};
use weir::rules::compile;

#[test]
fn every_cell_of_every_table_has_payments() {
    let text = std::fs::read_to_string("rules/vn/circular-50.toml").unwrap();
    let rules = compile("circular-50.toml", &text).into_result().unwrap();
    let mut engine = Engine::new(rules.clone(), Limits::default(), Recording::All);
    let settings = Settings {
        events: 60_000,
        accounts: 3_000,
        days: 20,
        rarities: 0.3,
        executions: 0.8,
        reversals: 0.02,
        authentications: 0.3,
        ..Settings::default()
    };
    let mut generator = Generator::new(settings).unwrap();
    let mut cells: BTreeMap<(&str, usize), u64> = BTreeMap::new();
    let mut outcomes = [0_u64; 3];
    let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
    let (mut confirmed, mut refused) = (0_u64, 0_u64);
    while let Some(event) = generator.next() {
        *kinds.entry(event.kind().name()).or_default() += 1;
        match engine.step(event) {
            Answer::Decided(decision) if event.kind() == Kind::Transaction => {
                outcomes[decision.outcome as usize] += 1;
                for &(table, row) in &decision.tables {
                    let name = rules.tables[usize::from(table)].name.as_str();
                    if let Some(row) = row {
                        *cells.entry((name, usize::from(row))).or_default() += 1;
                    }
                }
            }
            Answer::Decided(decision) => confirmed += u64::from(decision.outcome == Outcome::Allow),
            Answer::Refused(_) => refused += 1,
            _ => {}
        }
    }
    for name in ["class", "card_class"] {
        let table = rules.tables.iter().find(|table| table.name == name).unwrap();
        for (at, row) in table.rows.iter().enumerate() {
            let count = cells.get(&(name, at)).copied().unwrap_or(0);
            println!("{name} {:>7}  {}", count, row.text);
            assert!(count > 0, "no generated payment is in: {}", row.text);
        }
    }
    println!(
        "{outcomes:?} allowed, stepped up, stopped; {confirmed} confirmed later; {refused} refused; {kinds:?}"
    );
    assert!(outcomes[0] > 0 && outcomes[1] > 0);
    assert!(["execution", "reversal", "authentication"].iter().all(|kind| kinds[kind] > 100), "{kinds:?}");
}
