//! A journal in a folder of its own, and an engine that writes it.
#![allow(dead_code, reason = "each test uses a part")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use weir::engine::{Engine, Limits, Recording};
use weir::event::Event;
use weir::io::{Bundle, Disk, RealDisk, write_event};
use weir::journal::{
    AnswerWriter, OnDamage, Opened, Options, Reader, Record, Recorded, RecordedError, Setup, Signer,
    snapshots,
};

/// A rule set of one rule: the third payment within an hour is blocked.
pub const RULES: &str = r#"
[ruleset]
name = "small"
time_zone = "UTC"
currency = "VND"

[features]
count = { count = "*", by = "account", over = "1h" }

[[rule]]
id = "often"
when = "count > 2"
then = "block"
reason = "often"
"#;

/// A rule file by itself.
pub fn bundle(text: &str) -> Bundle {
    let files = BTreeMap::from([("rules.toml".to_owned(), Arc::from(text.as_bytes()))]);
    Bundle::new("rules.toml".to_owned(), files)
}

pub fn disk() -> Arc<dyn Disk> {
    Arc::new(RealDisk)
}

pub fn options() -> Options {
    Options { signer: Some(Signer::from_seed([1; 32])), head_every: 16, ..Options::new(|| 1, [7; 16]) }
}

pub fn setup(rules: &Bundle, staged: &[Bundle], snapshot_every: Option<u64>) -> Setup {
    let (rules, staged) = (rules.clone(), staged.to_vec());
    Setup { rules, staged, limits: None, recording: None, store: None, snapshot_every }
}

pub fn open(folder: &Path, setup: Setup) -> Result<(Recorded, Opened), RecordedError> {
    Recorded::open(disk(), folder, options(), OnDamage::Refuse, setup, |_| {})
}

/// The JSON line of an event, without its end.
pub fn line(event: &Event) -> Vec<u8> {
    let mut line = Vec::new();
    write_event(event, &mut line).unwrap();
    line.pop();
    line
}

/// Steps over events, each of which is on disk before the next one; gives the answers.
pub fn take(recorded: &mut Recorded, events: &[Event]) -> Vec<String> {
    let answer = |event: &Event| {
        let step = recorded.step(event, &line(event)).unwrap();
        let (answer, number) = (String::from_utf8(step.line.to_vec()).unwrap(), step.number);
        recorded.submit().unwrap();
        recorded.wait(number).unwrap();
        assert!(recorded.durable() >= number);
        answer
    };
    events.iter().map(answer).collect()
}

/// What an engine that never stops answers, without any journal.
pub fn never_stopped(rules: &Bundle, staged: &[Bundle], events: &[Event]) -> Vec<String> {
    let loaded = rules.load().unwrap();
    let mut engine = Engine::new(loaded.rules, Limits::default(), Recording::default());
    engine.load_lists(loaded.lists);
    engine.load_rates(loaded.rates);
    if !staged.is_empty() {
        for bundle in staged.iter().chain([rules]) {
            let loaded = bundle.load().unwrap();
            engine.stage_with_rates(loaded.rules, loaded.lists, loaded.rates).unwrap();
        }
    }
    let mut writer = AnswerWriter::new(&engine).unwrap();
    let mut answers = Vec::new();
    for event in events {
        writer.follow(&engine).unwrap();
        let mut line = Vec::new();
        let answer = engine.step(event);
        writer.write(event, &answer, &mut line).unwrap();
        answers.push(String::from_utf8(line).unwrap());
    }
    answers
}

/// How many events a journal holds.
pub fn events_in(folder: &Path) -> usize {
    events_on(&disk(), folder)
}

/// The same on any disk.
pub fn events_on(disk: &Arc<dyn Disk>, folder: &Path) -> usize {
    let mut reader = Reader::open(Arc::clone(disk), folder).unwrap();
    let mut events = 0;
    while let Some(entry) = reader.next_entry().unwrap() {
        events += usize::from(matches!(entry.record().unwrap(), Record::Event { .. }));
    }
    events
}

/// A copy of a journal as it is now, in which nobody writes.
pub fn copied(folder: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().unwrap();
    copy(folder, to.path());
    to
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let to = to.join(path.file_name().unwrap());
        if path.is_dir() {
            std::fs::create_dir(&to).unwrap();
            copy(&path, &to);
        } else {
            match std::fs::copy(&path, &to) {
                // A snapshot that got its name, or was taken away, meanwhile.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                copied => _ = copied.unwrap(),
            }
        }
    }
}

/// The newest segment of a journal.
pub fn newest_segment(folder: &Path) -> PathBuf {
    let names = RealDisk.list(folder).unwrap();
    folder.join(names.iter().rfind(|name| name.ends_with(".journal")).unwrap())
}

/// Cuts the last bytes of a journal off, and takes away the snapshots that there would not be yet.
pub fn cut(folder: &Path, bytes: u64) {
    cut_alone(folder, bytes);
    let mut reader = Reader::open(disk(), folder).unwrap();
    let mut last = 0;
    while let Some(entry) = reader.next_entry().unwrap() {
        last = entry.number;
    }
    for number in snapshots(&RealDisk, folder).unwrap().into_iter().filter(|number| *number > last) {
        std::fs::remove_file(folder.join(format!("snapshots/{number:020}.snapshot"))).unwrap();
    }
}

/// Cuts the last bytes of a journal off, and leaves all else.
pub fn cut_alone(folder: &Path, bytes: u64) {
    let path = newest_segment(folder);
    let length = RealDisk.length(&path).unwrap();
    RealDisk.cut(&path, length.saturating_sub(bytes)).unwrap();
}
