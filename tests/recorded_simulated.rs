//! Engine, journal, crash and recovery on the simulated disk, again and again: no answer that went out is lost, none is
//! another than without any crash, what is recovered was submitted and is there once, and once the faults stop the next
//! event succeeds.
//!
//! No thread is started ([`Options::threadless`]), so a seed says every moment: each runs twice, and the disk must have done
//! the same, byte for byte. What nobody waits for is written when the seed says, or when somebody waits or the journal is
//! closed; a snapshot is written between two events, where it is due. What threads do to each other is `tests/crash.rs`'s.
//!
//! `WEIR_RECORDED_SEEDS=N` runs as many seeds, `WEIR_RECORDED_SEED=N` begins with that one; a long run is
//! `WEIR_RECORDED_SEEDS=2000 cargo test --release --test recorded_simulated`.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    missing_docs,
    unreachable_pub,
    reason = "a test fails loudly, and documents nothing"
)]

#[path = "support/disk.rs"]
mod disk;
#[path = "support/recorded.rs"]
mod recorded;

use std::collections::BTreeMap;
use std::path::Path;

use disk::{FAULTS, Faults, SimDisk};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use recorded::{bundle, line, never_stopped, options, setup};
use weir::engine::Limits;
use weir::event::Event;
use weir::io::Bundle;
use weir::journal::{
    From, Mode, Mutant, OnDamage, OnFailure, Opened, Options, Reader, Record, Recorded, RecordedError,
    Replay, Setup, Signer, Verified, Whole, verify,
};

const FOLDER: &str = "/j";
const EVENTS: usize = 60;
const SEEDS: u64 = 60;
/// So many hit everything often.
const MANY: u64 = 1_000;
/// Lives after which no fault comes any more, so that every run ends.
const FAULTY: u64 = 12;

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

/// The stream, and what an engine that never stops makes of it.
struct World {
    rules: Bundle,
    staged: [Bundle; 1],
    events: Vec<Event>,
    lines: Vec<Vec<u8>>,
    expected: Vec<String>,
}

impl World {
    fn new() -> Self {
        let (rules, staged, events) = stream();
        let expected = never_stopped(&rules, &staged, &events);
        let lines = events.iter().map(line).collect();
        Self { rules, staged, events, lines, expected }
    }
}

/// Room for a short stream, so that a snapshot is small: most of a run is their reading and writing.
fn limits() -> Limits {
    let (few, many) = (1 << 6, 1 << 12);
    Limits {
        ids_max: many,
        side_entries_max: many,
        corrections_max: many,
        log_chunk_rows: few,
        step_ups_max: few,
        locks_max: few,
        pendings_max: many,
        ..Limits::default()
    }
}

/// What a run did.
#[derive(Debug, Default, PartialEq, Eq)]
struct Did {
    digest: u64,
    records: u64,
    openings: u64,
    failed: u64,
    poisoned: u64,
    unrecorded: u64,
    snapshots: u64,
    snapshots_failed: u64,
    from_snapshots: u64,
    torn: u64,
    closed: u64,
    answered_late: u64,
    hits: BTreeMap<&'static str, u64>,
}

impl Did {
    fn add(&mut self, other: &Self) {
        let pairs = [
            (&mut self.records, other.records),
            (&mut self.openings, other.openings),
            (&mut self.failed, other.failed),
            (&mut self.poisoned, other.poisoned),
            (&mut self.unrecorded, other.unrecorded),
            (&mut self.snapshots, other.snapshots),
            (&mut self.snapshots_failed, other.snapshots_failed),
            (&mut self.from_snapshots, other.from_snapshots),
            (&mut self.torn, other.torn),
            (&mut self.closed, other.closed),
            (&mut self.answered_late, other.answered_late),
        ];
        for (sum, more) in pairs {
            *sum += more;
        }
        for (what, times) in &other.hits {
            *self.hits.entry(what).or_default() += times;
        }
    }
}

/// One run of one seed.
struct Run<'a> {
    world: &'a World,
    chance: ChaCha8Rng,
    disk: SimDisk,
    options: Options,
    snapshot_every: Option<u64>,
    /// The last record that was said to be on disk.
    promised: u64,
    /// Events whose answers went out as being on disk.
    answered: usize,
    did: Did,
}

impl<'a> Run<'a> {
    fn new(world: &'a World, seed: u64, mutant: Option<Mutant>) -> Self {
        let mut chance = ChaCha8Rng::seed_from_u64(seed);
        let options = Options {
            segment_bytes: chance.random_range(2_000..20_000),
            head_every: chance.random_range(2..20),
            mutant,
            threadless: true,
            ..options()
        };
        let snapshot_every = Some(chance.random_range(3..20));
        let disk = SimDisk::new(seed ^ 0x6469_736b);
        let did = Did::default();
        Self { world, chance, disk, options, snapshot_every, promised: 0, answered: 0, did }
    }

    /// What may go wrong from now on: in half of all cases nothing does.
    fn faults(&mut self) -> Faults {
        let chance = &mut self.chance;
        if self.did.openings > FAULTY || chance.random_bool(0.5) {
            return Faults::default();
        }
        let mut often = |most: u32| if chance.random_bool(0.3) { chance.random_range(1..most) } else { 0 };
        let (write, full, sync, folder) = (often(40), often(40), often(60), often(40));
        let (create, rename, read, flip) = (often(60), often(100), often(30), often(60));
        let (vanished, read_only) = (chance.random_bool(0.03), chance.random_bool(0.03));
        let ends_after = chance.random_bool(0.3).then(|| chance.random_range(1..300));
        Faults { write, full, sync, folder, create, rename, read, flip, vanished, read_only, ends_after }
    }

    fn open_once(&mut self) -> Result<(Recorded, Opened), RecordedError> {
        self.did.openings += 1;
        let setup = setup(&self.world.rules, &self.world.staged, self.snapshot_every);
        let setup = Setup { limits: Some(limits()), ..setup };
        let (disk, folder, options) = (self.disk.shared(), Path::new(FOLDER), self.options.clone());
        Recorded::open(disk, folder, options, OnDamage::Refuse, setup, |_| {})
    }

    fn crash_or_kill(&mut self, crash: f64) {
        if self.chance.random_bool(crash) { self.disk.crash() } else { self.disk.kill() }
    }

    /// Opens under faults; without them it must succeed.
    fn open(&mut self) -> Result<(Recorded, Opened), String> {
        for _ in 0..self.chance.random_range(0..3) {
            let faults = self.faults();
            self.disk.set(faults);
            let opened = self.open_once();
            self.disk.set(Faults::default());
            match opened {
                Ok(opened) => return Ok(opened),
                Err(_) => self.did.failed += 1,
            }
            self.crash_or_kill(0.5);
        }
        self.open_once().map_err(|error| format!("it does not open without faults: {error}"))
    }

    /// Compares what was found with what was promised; what is there now is on disk.
    fn opened(&mut self, opened: &Opened) -> Result<usize, String> {
        let recovered = &opened.recovered;
        self.did.from_snapshots += u64::from(opened.snapshot.is_some());
        self.did.answered_late += u64::from(opened.answered);
        self.did.torn += u64::from(recovered.torn.is_some());
        if recovered.last < self.promised {
            return Err(format!(
                "record {} was durable, and {} is the last one",
                self.promised, recovered.last
            ));
        }
        if !recovered.damage.is_empty() || opened.different > 0 {
            return Err(format!("damage that nobody did: {opened:?}"));
        }
        self.promised = recovered.last;
        let events = self.held(false)?;
        if events < self.answered {
            return Err(format!("{} events were answered, and {events} are there", self.answered));
        }
        self.answered = events;
        Ok(events)
    }

    /// Reads the journal: its events are the stream's first ones, each once, and its answers those of an engine that never
    /// stopped, all of them but for the last. Gives the number of events.
    fn held(&mut self, all: bool) -> Result<usize, String> {
        let mut reader =
            Reader::open(self.disk.shared(), Path::new(FOLDER)).map_err(|error| error.to_string())?;
        let (mut at, mut answers, mut number) = (BTreeMap::new(), BTreeMap::new(), 0);
        while let Some(entry) = reader.next_entry().map_err(|error| error.to_string())? {
            number += 1;
            if entry.number != number {
                return Err(format!("record {} comes where {number} should", entry.number));
            }
            match entry.record().map_err(|error| error.to_string())? {
                Record::Event { bytes, .. } => {
                    if self.world.lines.get(at.len()).is_none_or(|line| line != bytes) {
                        return Err(format!("event {} is another than the one that was submitted", at.len()));
                    }
                    at.insert(number, at.len());
                }
                Record::Answer { event, bytes, .. } => {
                    let event = at.get(&event).copied();
                    if answers.insert(event, bytes.to_vec()).is_some() {
                        return Err(format!("event {event:?} has two answers"));
                    }
                }
                _ => {}
            }
        }
        self.did.records = number;
        let expected = self.world.expected.iter().map(|line| line.trim_end().as_bytes().to_vec()).enumerate();
        let mut wanted: BTreeMap<_, _> = expected.map(|(at, line)| (Some(at), line)).take(at.len()).collect();
        wanted.retain(|_, line| !line.is_empty());
        // The last event's may have been lost without it: opening has given it, and has not written it yet.
        let last = at.len().checked_sub(1);
        if !all && !answers.contains_key(&last) {
            wanted.remove(&last);
        }
        if answers == wanted {
            Ok(at.len())
        } else {
            Err("the journal's answers are not those of an engine that never stopped".to_owned())
        }
    }

    /// One life of a process from an event on.
    fn live(&mut self, writer: &mut Recorded, from: usize) -> Result<(), String> {
        let faults = self.faults();
        let calm = format!("{faults:?}") == format!("{:?}", Faults::default());
        self.disk.set(faults);
        if self.chance.random_bool(0.3) {
            writer.on_failure(OnFailure::Answer);
        }
        let until = (from + self.chance.random_range(1..30)).min(EVENTS);
        for at in from..until {
            let step = writer.step(&self.world.events[at], &self.world.lines[at]);
            let number = match step.map(|step| (step.number, step.line)).map_err(|error| error.to_string()) {
                Ok((_, line)) if line != self.world.expected[at].as_bytes() => {
                    return Err(format!(
                        "event {at} is answered otherwise: {}",
                        String::from_utf8_lossy(line)
                    ));
                }
                Ok((number, _)) => Ok(number),
                Err(error) => Err(error),
            };
            let number = match number {
                Ok(number) => number,
                Err(_) if writer.poisoned().is_some() => break,
                Err(error) => return Err(format!("event {at} is not taken: {error}")),
            };
            // Where the journal has failed it is decided without, and nothing is said of the disk.
            if writer.unrecorded() == 0 {
                let durable = self.hand_over(writer, number, at + 1 == until);
                self.promised = self.promised.max(writer.durable());
                if durable {
                    self.answered = at + 1;
                }
            }
        }
        self.did.unrecorded += writer.unrecorded();
        let figures = writer.snapshots();
        self.did.snapshots += figures.written;
        self.did.snapshots_failed += u64::from(figures.failed.is_some());
        match writer.poisoned() {
            None => Ok(()),
            Some(why) if calm => Err(format!("it stopped without any fault: {why}")),
            Some(_) => self.stopped(writer),
        }
    }

    /// Hands a step over, or not yet, in any of the ways that there are; whether its answer went out as being on disk.
    fn hand_over(&mut self, writer: &mut Recorded, number: u64, wait: bool) -> bool {
        let waits = writer.waits();
        match self.chance.random_range(0..10) {
            _ if wait => writer.submit().and_then(|()| writer.sync(number)).is_ok(),
            0..4 => writer.submit().and_then(|()| writer.wait(number)).is_ok() && waits,
            4 => writer.commit().is_ok() && waits,
            5 => writer.submit().and_then(|()| writer.sync(number)).is_ok(),
            // What nobody waits for is written at any moment, and in async mode synced at another.
            6 => {
                let due = self.chance.random_bool(0.4);
                let _ = writer.submit();
                writer.stepper().step(due);
                false
            }
            7 => {
                let _ = writer.submit();
                false
            }
            8 => writer.snapshot().is_ok(),
            _ => false,
        }
    }

    /// A journal that has stopped takes nothing, and nothing becomes durable in it.
    fn stopped(&mut self, writer: &mut Recorded) -> Result<(), String> {
        self.did.poisoned += 1;
        self.disk.set(Faults::default());
        let before = writer.durable();
        self.promised = self.promised.max(before);
        writer.stepper().step(true);
        if writer.submit().is_ok() || writer.sync(before + 1).is_ok() || writer.durable() != before {
            return Err("something was taken by a journal that had stopped".to_owned());
        }
        Ok(())
    }

    /// The process ends, one way or another; whether in order.
    fn end(&mut self, mut writer: Recorded) -> bool {
        match self.chance.random_range(0..4) {
            // The power fails, or the process is killed, while it is there.
            0 => {
                let ends_after = Some(self.chance.random_range(0..8));
                self.disk.set(Faults { ends_after, ..Faults::default() });
                let _ = writer.submit();
                drop(writer);
                self.disk.set(Faults::default());
                self.crash_or_kill(0.5);
                false
            }
            1 => {
                let _ = writer.submit();
                let closed = writer.close().is_ok();
                self.disk.set(Faults::default());
                self.crash_or_kill(0.5);
                closed
            }
            _ => {
                drop(writer);
                self.disk.set(Faults::default());
                self.crash_or_kill(0.7);
                false
            }
        }
    }

    fn run(mut self) -> Result<Did, String> {
        let mut closed = false;
        loop {
            self.options.mode = match self.chance.random_range(0..4) {
                0 => Mode::Sync,
                1 => Mode::Async { within_ms: 50 },
                _ => Mode::Group,
            };
            let failed = self.did.failed;
            let (mut writer, opened) = self.open()?;
            if closed && failed == self.did.failed && !opened.recovered.closed {
                return Err(format!("it was closed in order, and found {:?}", opened.recovered));
            }
            let held = self.opened(&opened)?;
            if held == EVENTS {
                writer.close().map_err(|error| error.to_string())?;
                break;
            }
            self.live(&mut writer, held)?;
            closed = self.end(writer);
            self.did.closed += u64::from(closed);
        }
        self.whole()?;
        Ok(Did { digest: self.disk.digest(), hits: self.disk.hits(), ..self.did })
    }

    /// The whole journal proves itself.
    fn whole(&mut self) -> Result<(), String> {
        let events = self.held(true)?;
        let (disk, folder) = (self.disk.shared(), Path::new(FOLDER));
        let public = self.options.signer.as_ref().map(Signer::public);
        match verify(&disk, folder, public.as_ref(), None, |_| {}) {
            Ok(Verified::Whole(Whole { last, torn: None, .. })) if last == self.did.records => {}
            other => return Err(format!("{other:?}")),
        }
        let replay = Replay::open(disk, folder, From::Beginning, None);
        let replayed = replay.and_then(|replay| replay.run(|_| {})).map_err(|error| error.to_string())?;
        match replayed.difference {
            Some(difference) => Err(difference.to_string()),
            None if events != EVENTS => Err(format!("{events} events are there of {EVENTS}")),
            None => Ok(()),
        }
    }
}

fn run(world: &World, seed: u64, mutant: Option<Mutant>) -> Result<Did, String> {
    Run::new(world, seed, mutant).run()
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |number| number.parse().unwrap())
}

#[test]
fn no_crash_and_no_fault_changes_an_answer() {
    let (world, mut all) = (World::new(), Did::default());
    let first = number("WEIR_RECORDED_SEED", 0);
    let seeds = number("WEIR_RECORDED_SEEDS", SEEDS);
    for seed in first..first + seeds {
        let again = format!("WEIR_RECORDED_SEED={seed} WEIR_RECORDED_SEEDS=1");
        let once = std::panic::catch_unwind(|| run(&world, seed, None));
        let once = once.unwrap_or_else(|_| panic!("it panics: {again}"));
        let once = once.unwrap_or_else(|why| panic!("{why}: {again}"));
        let twice =
            run(&world, seed, None).unwrap_or_else(|why| panic!("only the second time, {why}: {again}"));
        assert_eq!(once, twice, "it is another run the second time: {again}");
        all.add(&once);
    }
    println!("{seeds} seeds, each twice: {all:?}");
    if seeds < SEEDS {
        return;
    }
    let least = if seeds < MANY { 0 } else { 20 };
    for what in FAULTS {
        assert!(
            all.hits.get(what).is_some_and(|times| *times > least),
            "{what} is hardly hit: {:?}",
            all.hits
        );
    }
    let Did {
        failed,
        poisoned,
        unrecorded,
        snapshots_failed,
        from_snapshots,
        torn,
        closed,
        answered_late,
        ..
    } = all;
    let did = [failed, poisoned, unrecorded, snapshots_failed, from_snapshots, torn, closed, answered_late];
    assert!(did.iter().all(|times| *times > least), "something hardly came: {did:?}");
}

#[test]
fn each_mistake_is_found() {
    let world = World::new();
    let mutants =
        [Mutant::SkipSync, Mutant::AnswerEarly, Mutant::ForgetRecord, Mutant::KeepTorn, Mutant::TrustPages];
    for mutant in mutants {
        let found = (0..500).find_map(|seed| Some((seed, run(&world, seed, Some(mutant)).err()?)));
        let (seed, why) = found.unwrap_or_else(|| panic!("{mutant:?} is not found"));
        println!("{mutant:?} is found by seed {seed}: {why}");
    }
}
