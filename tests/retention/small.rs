//! A small journal of fifteen days, with an archive already, and what is asked of it after anything.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};

use weir::event::Event;
use weir::io::{Bundle, Disk};
use weir::journal::retention::Retention;
use weir::journal::{
    By, From, OnDamage, Options, Reader, Record, Recorded, RecordedError, Replay, Retained, Signer, Verified,
    Whole, retain, verify,
};
use weir::time::DAY_US;

use crate::disk::SimDisk;
use crate::recorded::{bundle, never_stopped, options, setup, take};

pub(crate) const FOLDER: &str = "/j";
pub(crate) const EVENTS: usize = 60;
const EVERY_US: i64 = DAY_US / 4;
const START_US: i64 = 20_000 * DAY_US;

pub(crate) const RULES: &str = r#"
[ruleset]
name = "small"
time_zone = "UTC"
currency = "VND"

[features]
count = { count = "*", by = "account", over = "2d" }
new   = { is_new = true, by = ["account", "device"] }

[[rule]]
id = "often"
when = "count > 2 or new"
then = "block"
reason = "often"
"#;

/// The wall clock of the one who writes.
static NOW_US: AtomicI64 = AtomicI64::new(START_US);

fn clock() -> i64 {
    NOW_US.load(Ordering::SeqCst)
}

/// What is kept of it: windows reach two days and corrections seven more, so nine of fifteen.
pub(crate) const KEEP: Retention = Retention {
    online_us: 2 * DAY_US,
    archived_us: 5 * DAY_US,
    columns_us: 5 * DAY_US,
    snapshots_us: DAY_US,
};

pub(crate) struct Small {
    pub(crate) files: BTreeMap<PathBuf, Vec<u8>>,
    /// Kind and body of every record.
    pub(crate) records: BTreeMap<u64, (u8, Vec<u8>)>,
    /// What an engine that never stops answers, the next event's among it.
    pub(crate) answers: Vec<String>,
    pub(crate) next: Event,
    pub(crate) rules: Bundle,
    pub(crate) now_us: i64,
}

pub(crate) fn journal_options() -> Options {
    Options { segment_bytes: 5_000, clock, ..options() }
}

pub(crate) fn open(disk: &Arc<dyn Disk>, rules: &Bundle) -> Result<Recorded, RecordedError> {
    let setup = setup(rules, &[], None);
    Recorded::open(Arc::clone(disk), Path::new(FOLDER), journal_options(), OnDamage::Refuse, setup, |_| {})
        .map(|(recorded, _)| recorded)
}

/// Archives and removes, as of the time at which the journal ends.
pub(crate) fn retained(
    disk: &Arc<dyn Disk>,
    keep: &Retention,
    now_us: i64,
) -> Result<Retained, RecordedError> {
    let signer = Some(Signer::from_seed([1; 32]));
    let by = By { who: "keeper".to_owned(), why: "policy".to_owned(), signer, unique: [7; 16] };
    retain(disk, Path::new(FOLDER), keep, now_us, &by)
}

pub(crate) fn event(rules: &Bundle, n: usize) -> Event {
    let mut lines = weir::io::LineReader::new(rules.load().unwrap().rules.schema);
    let (time_us, account, device) = (START_US + n as i64 * EVERY_US, n % 3, n % 5);
    let line = format!(
        r#"{{"kind":"transaction","id":"t{n}","time_us":{time_us},"amount_minor":5,"currency":"VND","account":"a{account}","device":"d{device}"}}"#,
    );
    lines.read(line.as_bytes()).unwrap().clone()
}

/// The journal: a snapshot every two days, and now and then retention beside the writer that takes nothing away.
pub(crate) fn small() -> &'static Small {
    static SMALL: OnceLock<Small> = OnceLock::new();
    SMALL.get_or_init(|| {
        let disk = SimDisk::new(1);
        let (shared, rules) = (disk.shared(), bundle(RULES));
        let mut events: Vec<Event> = (0..=EVENTS).map(|n| event(&rules, n)).collect();
        let answers = never_stopped(&rules, &[], &events);
        let next = events.pop().unwrap();
        let mut writer = open(&shared, &rules).unwrap();
        let only_snapshots = Retention { online_us: 9 * DAY_US, archived_us: 99 * DAY_US, ..KEEP };
        for (n, event) in events.iter().enumerate() {
            NOW_US.store(START_US + n as i64 * EVERY_US, Ordering::SeqCst);
            let said = take(&mut writer, std::slice::from_ref(event));
            assert_eq!(said[0], answers[n]);
            if n % 8 == 7 {
                writer.snapshot().unwrap();
                retained(&shared, &only_snapshots, clock()).unwrap();
            }
        }
        writer.close().unwrap();
        let now_us = START_US + EVENTS as i64 * EVERY_US;
        NOW_US.store(now_us, Ordering::SeqCst);
        let (files, records) = (disk.files(), records(&shared));
        assert!(files.keys().any(|path| path.ends_with("archive/00000000000000000001.journal.zst")));
        Small { files, records, answers, next, rules, now_us }
    })
}

/// Kind and body of every record that is there; each is there once.
pub(crate) fn records(disk: &Arc<dyn Disk>) -> BTreeMap<u64, (u8, Vec<u8>)> {
    let mut reader = Reader::open(Arc::clone(disk), Path::new(FOLDER)).unwrap();
    let mut records = BTreeMap::new();
    while let Some(entry) = reader.next_entry().unwrap() {
        assert!(records.insert(entry.number, (entry.kind, entry.body.to_vec())).is_none());
    }
    records
}

/// All that must hold of the journal, wherever its segments are: gives the first record that is there.
pub(crate) fn holds(disk: &Arc<dyn Disk>, small: &Small) -> u64 {
    let folder = Path::new(FOLDER);
    let there = records(disk);
    let first = *there.keys().next().unwrap();
    for (number, was) in small.records.range(first..) {
        assert_eq!(there.get(number), Some(was), "record {number}");
    }
    let key = Signer::from_seed([1; 32]).public();
    match verify(disk, folder, Some(&key), None, |_| {}).unwrap() {
        Verified::Whole(Whole { first: from, last, .. }) => {
            assert!(from == first && last >= there.len() as u64)
        }
        changed => panic!("{changed:?}"),
    }
    let replay = Replay::open(Arc::clone(disk), folder, From::Beginning, None).unwrap();
    let from = replay.snapshot().unwrap_or(0);
    assert_eq!(replay.removed().is_some(), first > 1);
    assert!(from + 1 >= first && (first > 1 || from == 0));
    let answers = there.range(from + 1..).filter(|(_, (kind, _))| *kind == 2).count() as u64;
    let replayed = replay.run(|_| {}).unwrap();
    assert_eq!((replayed.difference, replayed.reproduced), (None, answers), "from {from}");
    // What is answered next is what an engine says that never stopped.
    let mut writer = open(disk, &small.rules).unwrap();
    let said = take(&mut writer, std::slice::from_ref(&small.next));
    assert_eq!(said[0], small.answers[EVENTS]);
    drop(writer);
    first
}

/// The events that are there, by the number in their id.
pub(crate) fn events_there(disk: &Arc<dyn Disk>) -> Vec<usize> {
    let mut reader = Reader::open(Arc::clone(disk), Path::new(FOLDER)).unwrap();
    let mut events = Vec::new();
    while let Some(entry) = reader.next_entry().unwrap() {
        if let Record::Event { bytes, .. } = entry.record().unwrap() {
            let said: serde_json::Value = serde_json::from_slice(bytes).unwrap();
            events.push(said["id"].as_str().unwrap()[1..].parse().unwrap());
        }
    }
    events
}
