//! Freezing an engine whose log is away reads nothing of it: whoever writes what was frozen does, when it likes.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    missing_docs,
    unreachable_pub,
    reason = "a test fails loudly"
)]

#[path = "support/saved.rs"]
mod saved;
#[path = "support/shelf.rs"]
mod shelf;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use saved::Saved;
use shelf::Shelf;
use weir::decision::Decision;
use weir::engine::{Answer, Engine, Limits, Recording};
use weir::event::{Draft, Event, Kind, TextField};
use weir::io::{ChunkFiles, Reading, read_snapshot, write_snapshot};
use weir::rules::RuleSet;
use weir::state::ChunkStore;

const RULES: &str = r#"
[ruleset]
name = "frozen"
time_zone = "UTC"
currency = "VND"

[features]
hourly = { sum = "amount", by = "account", over = "1h" }
daily = { max = "amount", by = "account", over = "24h" }
many = { distinct = "device", by = "payee", over = "12h", counts = "allowed" }

[[rule]]
id = "all"
when = "hourly > 5_000 or many > 3"
then = "block"
reason = "all"
"#;

const START_US: i64 = 1_767_225_600_000_000;
const MINUTE_US: i64 = 60_000_000;

fn rules() -> Arc<RuleSet> {
    Arc::new(weir::rules::compile("frozen.toml", RULES).into_result().unwrap())
}

fn events(rules: &RuleSet, count: i64) -> Vec<Event> {
    let event = |n: i64| {
        let mut draft = Draft::new(Arc::clone(&rules.schema));
        draft.begin(Kind::Transaction, START_US + n * MINUTE_US).unwrap();
        draft.text(TextField::Id, &format!("e{n}")).unwrap();
        draft.text(TextField::Account, ["a", "b", "c"][n as usize % 3]).unwrap();
        draft.text(TextField::Payee, ["p", "q"][n as usize % 2]).unwrap();
        draft.text(TextField::Device, ["d", "e", "f", "g", "h"][n as usize * 7 % 5]).unwrap();
        draft.amount(1 + n * n % 97, rules.currency).unwrap();
        draft.seal().unwrap().clone()
    };
    (0..count).map(event).collect()
}

/// All but what is not far behind now is away, where there is a store.
fn engine(rules: &RuleSet, store: Option<Box<dyn ChunkStore>>) -> Engine {
    let limits = Limits { log_bytes_max: 0, log_chunk_rows: 4, ..Limits::default() };
    let engine = Engine::new(rules.clone(), limits, Recording::All);
    match store {
        Some(store) => engine.with_store(store),
        None => engine,
    }
}

fn step(engine: &mut Engine, events: &[Event]) -> Vec<Decision> {
    let decided = events.iter().map(|event| match engine.step(event) {
        Answer::Decided(decision) => decision.clone(),
        other => panic!("{other:?}"),
    });
    decided.collect()
}

#[test]
fn freezing_asks_the_store_for_nothing_and_what_is_restored_decides_the_same() {
    let rules = rules();
    let events = events(&rules, 2_000);
    let (before, after) = events.split_at(1_500);
    let mut plain = engine(&rules, None);
    step(&mut plain, before);
    let expected = step(&mut plain, after);
    // One that answers at once, and one that never has anything: what it would be needed for is behind.
    for not_yet in [0, u64::MAX] {
        let shelf = Shelf::new(not_yet);
        let asked = Arc::clone(&shelf.log);
        let mut engine = engine(&rules, Some(Box::new(shelf)));
        step(&mut engine, before);
        let counts = || [&asked.gets, &asked.kept_reads].map(|count| count.load(Ordering::Relaxed));
        let gets = counts();
        let frozen = engine.freeze();
        assert_eq!(counts(), gets, "freezing reads nothing");
        let held = asked.alive.load(Ordering::Relaxed);
        let said = step(&mut engine, after);
        assert!((said == expected) == (not_yet == 0), "a store that never answers leaves values behind");
        drop(engine);
        // What came back and is in memory too is not kept.
        let away = asked.alive.load(Ordering::Relaxed);
        assert!(away > 100 && away <= held, "{away} chunks are away, and {held} were in the store");
        let saved = Saved::of(&frozen);
        assert_eq!(counts()[1], gets[1] + away, "each is read once");
        drop(frozen);
        assert_eq!(asked.alive.load(Ordering::Relaxed), 0);
        let shelf = Shelf::new(not_yet);
        let asked = Arc::clone(&shelf.log);
        let mut restored = saved.restored(&[Arc::clone(&rules)], Some(Box::new(shelf)));
        assert_eq!(asked.puts.load(Ordering::Relaxed), away, "what was away is away again");
        assert!(step(&mut restored, after) == said, "the decisions differ");
    }
}

fn files(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { files(&path) } else { 1 }).sum()
}

#[test]
fn a_snapshot_of_what_is_in_files_is_written_after_they_were_dropped() {
    let rules = rules();
    let events = events(&rules, 4_000);
    let (before, after) = events.split_at(1_500);
    let mut plain = engine(&rules, None);
    step(&mut plain, before);
    let expected = step(&mut plain, after);
    for reading in [Reading::Blocking, Reading::Ahead] {
        let folder = tempfile::tempdir().unwrap();
        let [spilled, again] = ["spilled", "again"].map(|name| folder.path().join(name));
        let path = folder.path().join("state.snapshot");
        let store = ChunkFiles::create(&spilled, reading).unwrap();
        let mut engine = engine(&rules, Some(Box::new(store)));
        step(&mut engine, before);
        let frozen = engine.freeze();
        // All windows pass what was frozen, so that its chunks are dropped.
        step(&mut engine, after);
        drop(engine);
        assert!(files(&spilled) > 100, "{}", files(&spilled));
        write_snapshot(&path, "frozen", &frozen).unwrap();
        drop(frozen);
        assert_eq!(files(&spilled), 0);
        assert_eq!(fs::read_dir(&spilled).unwrap().count(), 0, "nothing is left behind");
        for spills in [true, false] {
            let saved = read_snapshot(&path).unwrap();
            let store = spills.then(|| ChunkFiles::create(&again, Reading::Blocking).unwrap());
            let store = store.map(|store| Box::new(store) as Box<dyn ChunkStore>);
            let mut restored = Engine::restore(saved, std::slice::from_ref(&rules), store).unwrap();
            assert_eq!(files(&again) > 100, spills);
            // What waits to be read ahead depends on the disk, so it may be behind when it is frozen.
            let same = step(&mut restored, after) == expected;
            assert!(same || reading == Reading::Ahead, "the decisions differ");
        }
        assert_eq!(files(&again), 0);
    }
}

#[test]
fn a_chunk_that_is_lost_is_told_by_who_writes_and_by_who_restores() {
    let rules = rules();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.snapshot");
    let store = ChunkFiles::create(folder.path(), Reading::Blocking).unwrap();
    let mut engine = engine(&rules, Some(Box::new(store)));
    step(&mut engine, &events(&rules, 1_000));
    let frozen = engine.freeze();
    write_snapshot(&path, "frozen", &frozen).unwrap();
    let saved = read_snapshot(&path).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let end = bytes.len() - 2_000;
    (end - 4_000..end).for_each(|at| bytes[at] ^= 1);
    fs::write(&path, bytes).unwrap();
    let error = Engine::restore(saved, std::slice::from_ref(&rules), None).unwrap_err();
    assert!(error.to_string().contains("a part of its log can't be read"), "{error}");
    let spilled = folder.path().join("weir-spill-0");
    let chunk = fs::read_dir(&spilled).unwrap().map(|entry| entry.unwrap().path());
    fs::remove_file(chunk.max().unwrap()).unwrap();
    let error = write_snapshot(&path, "frozen", &frozen).unwrap_err();
    assert!(error.to_string().contains("a part of the log can't be had: can't read"), "{error}");
}

/// The shortest of some times that it takes.
#[expect(clippy::disallowed_methods, reason = "a measure")]
fn shortest(engine: &mut Engine) -> Duration {
    let once = |_| {
        let start = Instant::now();
        let frozen = engine.freeze();
        let took = start.elapsed();
        drop(frozen);
        took
    };
    (0..20).map(once).min().unwrap_or_default()
}

#[test]
fn the_pause_is_as_short_with_a_log_in_files_as_in_memory() {
    let rules = rules();
    let before = events(&rules, 1_500);
    let folder = tempfile::tempdir().unwrap();
    let store = ChunkFiles::create(folder.path(), Reading::Ahead).unwrap();
    let mut away = engine(&rules, Some(Box::new(store)));
    step(&mut away, &before);
    let mut here = engine(&rules, None);
    step(&mut here, &before);
    let (away_took, here_took) = (shortest(&mut away), shortest(&mut here));
    eprintln!(
        "froze in {away_took:?} with {} chunks away, {here_took:?} with none",
        files(folder.path()) - 1
    );
    // To read a file takes 30 us and more; there are hundreds.
    assert!(away_took < here_took + Duration::from_millis(1), "{away_took:?}, and {here_took:?} with none");
}
