//! A generated stream has payments in every cell of every table of the Vietnamese pack, on both sides of the law.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a helper of a test may stop it, and it says how much it saw"
)]

use std::collections::BTreeMap;
use std::sync::Arc;

use weir::decision::Outcome;
use weir::engine::{Answer, Engine, Limits, Recording};
use weir::event::{Draft, Kind, TextField};
use weir::generate::{Generator, Settings};
use weir::io::load_rules;

#[test]
fn every_cell_of_every_table_has_payments() {
    let rules = load_rules("rules/vn/circular-50.toml".as_ref()).unwrap().compile().into_result().unwrap();
    let mut engine = Engine::new(rules.clone(), Limits::default(), Recording::All);
    let settings = Settings {
        events: 60_000,
        accounts: 3_000,
        days: 20,
        // Ten days before 2026, from which on straight-through processing is not classified any more.
        start_us: 1_766_336_400_000_000,
        rarities: 0.3,
        foreign: 0.05,
        tenants: 3,
        executions: 0.8,
        reversals: 0.02,
        authentications: 0.3,
        ..Settings::default()
    };
    let mut generator = Generator::with_schema(settings, Arc::clone(&rules.schema)).unwrap();
    let mut cells: BTreeMap<(&str, usize), u64> = BTreeMap::new();
    let mut outcomes = [0_u64; 3];
    let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
    let (mut confirmed, mut refused, mut foreign) = (0_u64, 0_u64, 0_u64);
    let mut tenants: BTreeMap<String, u64> = BTreeMap::new();
    let mut listed = 0_i64;
    while let Some(event) = generator.next() {
        *kinds.entry(event.kind().name()).or_default() += 1;
        if let Some(tenant) = event.text(TextField::Tenant) {
            *tenants.entry(tenant.to_owned()).or_default() += 1;
        }
        // One payee in sixty is on the list before it is paid, at each level and at none.
        let payee = event.text(TextField::Payee).filter(|_| event.kind() == Kind::Transaction);
        if let Some(payee) = payee.filter(|payee| payee.bytes().map(usize::from).sum::<usize>() % 60 == 0) {
            listed += 1;
            let mut draft = Draft::new(Arc::clone(&rules.schema));
            draft.begin(Kind::List, event.time_us()).unwrap();
            let id = format!("l{listed}");
            for (field, text) in [
                (TextField::Id, id.as_str()),
                (TextField::List, "simo"),
                (TextField::Action, "put"),
                (TextField::Entry, payee),
            ] {
                draft.text(field, text).unwrap();
            }
            if listed % 4 > 0 {
                draft.level(listed % 4);
            }
            assert_eq!(engine.step(draft.seal().unwrap()), Answer::Taken);
        }
        match engine.step(event) {
            Answer::Decided(decision) if event.kind() == Kind::Transaction => {
                outcomes[decision.outcome as usize] += 1;
                foreign += u64::from(event.rate().is_some());
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
    let mut empty = Vec::new();
    for table in &rules.tables {
        for (at, row) in table.rows.iter().enumerate() {
            let count = cells.get(&(table.name.as_str(), at)).copied().unwrap_or(0);
            println!("{} {count:>7}  {}", table.name, row.text);
            // One row stands for what is not known.
            if count == 0 && !row.text.starts_with("nullif") {
                empty.push((&table.name, &row.text));
            }
        }
    }
    assert!(empty.is_empty(), "no generated payment is in {empty:#?}");
    println!(
        "{outcomes:?} allowed, stepped up, stopped; {confirmed} confirmed later; {refused} refused; {kinds:?}"
    );
    println!("{foreign} in other currencies; of tenants: {tenants:?}");
    assert!(outcomes[0] > 0 && outcomes[1] > 0 && refused < 100);
    assert!(foreign > 100 && tenants.len() == 3, "{foreign}, {tenants:?}");
    assert!(["execution", "reversal", "authentication"].iter().all(|kind| kinds[kind] > 100), "{kinds:?}");
}
