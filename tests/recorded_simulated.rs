//! Engine, journal, crash and recovery on the simulated disk, again and again: no answer that went out is lost, none is
//! another than without any crash, and once the faults stop the next event succeeds.
//!
//! `WEIR_RECORDED_SEEDS=N` runs as many seeds, `WEIR_RECORDED_SEED=N` begins with that one. The journal writes in a thread
//! of its own here, so a seed says which faults may come and not the moment; `tests/journal.rs` replays its seeds exactly.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    missing_docs,
    unreachable_pub,
    reason = "a test fails loudly, and documents nothing"
)]

#[path = "support/disk.rs"]
mod disk;
#[path = "support/recorded.rs"]
mod recorded;

use std::path::Path;

use disk::{Faults, SimDisk};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use recorded::{bundle, events_on, line, never_stopped, options, setup};
use weir::event::Event;
use weir::io::Bundle;
use weir::journal::{From, Mutant, OnDamage, Options, Reader, Record, Recorded, Replay};

const FOLDER: &str = "/j";
const EVENTS: usize = 60;

const RULES: &str = r#"
[ruleset]
name = "small"
time_zone = "UTC"
currency = "VND"

[features]
count = { count = "*", by = "account", over = "1m" }
new   = { is_new = true, by = ["account", "device"] }

[[rule]]
id = "often"
when = "count > 2 or new"
then = "block"
reason = "often"
"#;

/// Two rule sets that take over from each other, and the events of a stream with repeats.
fn stream() -> (Bundle, [Bundle; 1], Vec<Event>) {
    let (rules, next) = (bundle(RULES), bundle(&RULES.replace("count > 2", "count > 3")));
    let loaded = rules.load().unwrap().rules;
    let hashes = [next.load().unwrap().rules.hash_text(), loaded.hash_text()];
    let mut lines = weir::io::LineReader::new(loaded.schema);
    let event = |n: usize| {
        let (id, time_us) = (if n % 11 == 10 { n - 3 } else { n }, n as i64 * 7_000_000);
        let text = match n % 17 {
            16 => format!(
                r#"{{"kind":"control","id":"c{n}","time_us":{time_us},"control":"rule_set","subject":"{}"}}"#,
                hashes[n / 17 % 2]
            ),
            _ => format!(
                r#"{{"kind":"transaction","id":"t{id}","time_us":{},"amount_minor":5,"currency":"VND","account":"a{}","device":"d{}"}}"#,
                id as i64 * 7_000_000,
                id % 3,
                id % 5
            ),
        };
        lines.read(text.as_bytes()).unwrap().clone()
    };
    let events = (0..EVENTS).map(event).collect();
    (rules, [next], events)
}

fn faults(chance: &mut ChaCha8Rng) -> Faults {
    let mut often = |most: u32| if chance.random_bool(0.3) { chance.random_range(1..most) } else { 0 };
    let (write, full, sync, folder) = (often(40), often(40), often(60), often(40));
    let (create, rename, read, flip) = (often(60), often(100), often(30), often(60));
    Faults { write, full, sync, folder, create, rename, read, flip, ..Faults::default() }
}

/// What a run did.
#[derive(Default)]
struct Did {
    openings: u64,
    failed: u64,
    poisoned: u64,
    from_snapshots: u64,
    answered_late: u64,
}

fn run(seed: u64, mutant: Option<Mutant>, did: &mut Did) -> Result<(), String> {
    let mut chance = ChaCha8Rng::seed_from_u64(seed);
    let disk = SimDisk::new(seed);
    let (rules, staged, events) = stream();
    let expected = never_stopped(&rules, &staged, &events);
    let options = Options {
        segment_bytes: chance.random_range(2_000..20_000),
        head_every: chance.random_range(2..20),
        mutant,
        ..options()
    };
    let every = Some(chance.random_range(3..20));
    let open = || {
        let setup = setup(&rules, &staged, every);
        Recorded::open(disk.shared(), Path::new(FOLDER), options.clone(), OnDamage::Refuse, setup, |_| {})
    };
    // Events whose answers went out.
    let mut promised = 0;
    loop {
        did.openings += 1;
        disk.set(if chance.random_bool(0.5) { faults(&mut chance) } else { Faults::default() });
        let (mut writer, opened) = match open() {
            Ok(opened) => opened,
            Err(_) => {
                did.failed += 1;
                disk.set(Faults::default());
                if chance.random_bool(0.5) {
                    disk.crash();
                } else {
                    disk.kill();
                }
                open().map_err(|error| format!("it does not open without faults: {error}"))?
            }
        };
        did.from_snapshots += u64::from(opened.snapshot.is_some());
        did.answered_late += u64::from(opened.answered);
        disk.set(Faults::default());
        let held = events_on(&disk.shared(), Path::new(FOLDER));
        if held < promised {
            return Err(format!("{promised} events were answered, and {held} are there"));
        }
        if held == EVENTS {
            writer.close().map_err(|error| error.to_string())?;
            break;
        }
        disk.set(if chance.random_bool(0.5) { faults(&mut chance) } else { Faults::default() });
        let until = (held + chance.random_range(1..30)).min(EVENTS);
        for at in held..until {
            let Ok(step) = writer.step(&events[at], &line(&events[at])) else { break };
            let (answer, number) = (step.line.to_vec(), step.number);
            if answer != expected[at].as_bytes() {
                return Err(format!(
                    "event {at} is answered otherwise: {}",
                    String::from_utf8_lossy(&answer)
                ));
            }
            // Some wait for each, some for a group.
            if chance.random_bool(0.6) || at + 1 == until {
                if writer.submit().and_then(|()| writer.wait(number)).is_err() {
                    break;
                }
                promised = at + 1;
                // The stream is too short for those in the background to get their record in time.
                if chance.random_bool(0.1) && writer.snapshot().is_err() {
                    break;
                }
            }
        }
        did.poisoned += u64::from(writer.poisoned().is_some());
        match chance.random_range(0..3) {
            // The power fails while the process is there.
            0 => {
                disk.crash();
                disk.set(Faults { vanished: true, ..Faults::default() });
                drop(writer);
                disk.set(Faults::default());
            }
            1 => {
                drop(writer);
                disk.crash();
            }
            _ => {
                drop(writer);
                disk.kill();
            }
        }
    }
    let mut reader = Reader::open(disk.shared(), Path::new(FOLDER)).map_err(|error| error.to_string())?;
    let (mut at, mut answers) = (std::collections::BTreeMap::new(), Vec::new());
    while let Some(entry) = reader.next_entry().map_err(|error| error.to_string())? {
        match entry.record().map_err(|error| error.to_string())? {
            Record::Event { .. } => drop(at.insert(entry.number, at.len())),
            Record::Answer { event, bytes, .. } => answers.push((at.get(&event).copied(), bytes.to_vec())),
            _ => {}
        }
    }
    let wanted = expected.iter().enumerate().filter(|(_, line)| !line.is_empty());
    let wanted: Vec<_> = wanted.map(|(at, line)| (Some(at), line.trim_end().as_bytes().to_vec())).collect();
    if answers != wanted {
        return Err("the journal's answers are not those of an engine that never stopped".to_owned());
    }
    let replay = Replay::open(disk.shared(), Path::new(FOLDER), From::Beginning, None);
    let replayed = replay.and_then(|replay| replay.run(|_| {})).map_err(|error| error.to_string())?;
    match replayed.difference {
        None => Ok(()),
        Some(difference) => Err(difference.to_string()),
    }
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |number| number.parse().unwrap())
}

#[test]
fn no_crash_and_no_fault_changes_an_answer() {
    let mut did = Did::default();
    let first = number("WEIR_RECORDED_SEED", 0);
    for seed in first..first + number("WEIR_RECORDED_SEEDS", 25) {
        if let Err(why) = run(seed, None, &mut did) {
            assert!(why.is_empty(), "seed {seed}: {why}");
        }
    }
    let Did { openings, failed, poisoned, from_snapshots, answered_late } = did;
    println!(
        "{openings} openings, {failed} failed under faults, {from_snapshots} from snapshots; {poisoned} journals stopped; {answered_late} last events answered at opening"
    );
    assert!(failed > 0 && poisoned > 0 && from_snapshots > 0, "some faults never came");
}

#[test]
fn mistakes_of_the_journal_are_found() {
    for mutant in [Mutant::SkipSync, Mutant::AnswerEarly] {
        let found = (0..60).any(|seed| run(seed, Some(mutant), &mut Did::default()).is_err());
        assert!(found, "{mutant:?} is not found");
    }
}
