//! Journal, crash, recovery, again and again on the simulated disk, from thousands of seeds.
//!
//! `WEIR_JOURNAL_SEEDS=N` runs as many, `WEIR_JOURNAL_SEED=N` begins with that one.

use std::collections::BTreeMap;
use std::path::Path;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use weir::journal::{
    AnswerForm, EventForm, Journal, JournalError, Mode, Mutant, OnDamage, Options, Reader, Record, Recovered,
    Signer, Stepper, Verified, Whole, verify,
};

use crate::disk::{FAULTS, Faults, SimDisk};

const FOLDER: &str = "/j";
const SEEDS: u64 = 2_000;

/// What one run did.
#[derive(Debug, PartialEq, Eq)]
struct Run {
    digest: u64,
    records: u64,
    recoveries: u64,
    torn: u64,
    poisoned: u64,
    hits: BTreeMap<&'static str, u64>,
}

type Said = (u8, u8, Vec<u8>);

/// What must hold: everything that was appended since the last crash, and what was said to be durable of it.
#[derive(Default)]
struct Oracle {
    appended: BTreeMap<u64, Said>,
    /// The last number that anything was given.
    numbered: u64,
    promised: u64,
}

impl Oracle {
    /// Compares what is there with what was submitted, and forgets what was rightly lost.
    fn recovered(&mut self, disk: &SimDisk, recovered: &Recovered) -> Result<(), String> {
        let last = recovered.last;
        if last < self.promised {
            return Err(format!("record {} was durable, and {last} is the last one now", self.promised));
        }
        if last > self.numbered {
            return Err(format!(
                "{last} is the last record, and {} the last that was appended",
                self.numbered
            ));
        }
        if !recovered.damage.is_empty() {
            return Err(format!("damage that nobody did: {:?}", recovered.damage));
        }
        self.appended.split_off(&(last + 1));
        self.read(disk, last)?;
        (self.numbered, self.promised) = (last, last);
        Ok(())
    }

    fn read(&self, disk: &SimDisk, last: u64) -> Result<(), String> {
        let mut reader = Reader::open(disk.shared(), Path::new(FOLDER)).map_err(|error| error.to_string())?;
        let mut number = 0;
        while let Some(entry) = reader.next_entry().map_err(|error| error.to_string())? {
            number += 1;
            if entry.number != number {
                return Err(format!("record {} comes where {number} should", entry.number));
            }
            let own = entry.kind == 4 || entry.kind == 3;
            match self.appended.get(&number) {
                Some((kind, form, body))
                    if (*kind, *form, &body[..]) == (entry.kind, entry.form, entry.body) => {}
                None if own => {}
                said => return Err(format!("record {number} is {entry:?}, and {said:?} was appended")),
            }
        }
        if number != last {
            return Err(format!("{number} records can be read of {last}; torn: {:?}", reader.torn()));
        }
        Ok(())
    }
}

fn options(chance: &mut ChaCha8Rng, mutant: Option<Mutant>) -> Options {
    let mut options = Options::new(|| 1_700_000_000_000_000, [7; 16]);
    options.mode = match chance.random_range(0..3) {
        0 => Mode::Sync,
        1 => Mode::Group,
        _ => Mode::Async { within_ms: 50 },
    };
    options.segment_bytes = chance.random_range(300..6000);
    options.head_every = chance.random_range(1..20);
    options.signer = chance.random_bool(0.3).then(|| Signer::from_seed([9; 32]));
    options.mutant = mutant;
    options
}

fn faults(chance: &mut ChaCha8Rng) -> Faults {
    let mut often = |most: u32| if chance.random_bool(0.3) { chance.random_range(1..most) } else { 0 };
    let (write, full, sync, folder) = (often(60), often(60), often(100), often(60));
    let (create, rename, read, flip) = (often(100), often(300), often(30), often(100));
    let (vanished, read_only) = (chance.random_bool(0.03), chance.random_bool(0.03));
    Faults { write, full, sync, folder, create, rename, read, flip, vanished, read_only, ..Faults::default() }
}

/// Opens under faults; without them it must succeed.
fn open(
    disk: &SimDisk,
    chance: &mut ChaCha8Rng,
    options: &Options,
) -> Result<(Journal, Stepper, Recovered), String> {
    let opened = |disk: &SimDisk| {
        Journal::open_stepped(disk.shared(), Path::new(FOLDER), options.clone(), OnDamage::Refuse)
    };
    for _ in 0..chance.random_range(0..4) {
        disk.set(faults(chance));
        match opened(disk) {
            Ok(opened) => return Ok(opened),
            Err(JournalError::Locked { .. }) => return Err("the lock outlived its holder".to_owned()),
            Err(_) => {}
        }
        match chance.random_range(0..3) {
            0 => disk.crash(),
            1 => disk.kill(),
            _ => {}
        }
    }
    disk.set(Faults::default());
    opened(disk).map_err(|error| format!("without faults: {error}"))
}

/// Appends a few records, and notes them.
fn append(journal: &mut Journal, oracle: &mut Oracle, chance: &mut ChaCha8Rng) -> Result<(), JournalError> {
    let bytes = if chance.random_bool(0.1) { 3000 } else { 200 };
    let body: Vec<u8> = (0..chance.random_range(1..bytes)).map(|_| chance.random()).collect();
    let event = journal.append(Record::Event { form: EventForm::Json, bytes: &body })?;
    oracle.appended.insert(event, (1, 1, body));
    oracle.numbered = journal.next_number() - 1;
    if chance.random_bool(0.7) {
        let answer: Vec<u8> = (0..chance.random_range(1..100)).map(|_| chance.random()).collect();
        let number = journal.append(Record::Answer { form: AnswerForm::Decided, event, bytes: &answer })?;
        oracle.appended.insert(number, (2, 1, [&event.to_le_bytes()[..], &answer].concat()));
    }
    oracle.numbered = journal.next_number() - 1;
    Ok(())
}

/// One life of a process; true where it was poisoned.
fn live(
    journal: &mut Journal,
    stepper: &mut Stepper,
    oracle: &mut Oracle,
    chance: &mut ChaCha8Rng,
) -> Result<bool, String> {
    for _ in 0..chance.random_range(1..30) {
        let appended = append(journal, oracle, chance);
        let submitted =
            appended.and_then(|()| if chance.random_bool(0.7) { Ok(journal.submit()?) } else { Ok(()) });
        match chance.random_range(0..10) {
            0..4 => drop(stepper.step(chance.random_bool(0.4))),
            // Whoever waits writes; in async mode only where a sync is asked for.
            4 | 5 => drop(journal.commit()),
            6 if submitted.is_ok() => drop(journal.submit().and_then(|()| journal.sync(oracle.numbered))),
            _ => {}
        }
        oracle.promised = oracle.promised.max(journal.durable());
        if submitted.is_err() || journal.poisoned().is_some() {
            let before = journal.durable();
            for _ in 0..3 {
                stepper.step(true);
                if journal.append(Record::Control(b"{}")).is_ok() || journal.submit().is_ok() {
                    return Err("something was taken by a journal that had stopped".to_owned());
                }
                if journal.wait(before + 1).is_ok() || journal.durable() != before {
                    return Err("something became durable in a journal that had stopped".to_owned());
                }
            }
            return Ok(true);
        }
    }
    Ok(false)
}

fn run(seed: u64, mutant: Option<Mutant>) -> Result<Run, String> {
    let mut chance = ChaCha8Rng::seed_from_u64(seed);
    let disk = SimDisk::new(seed ^ 0x6469_736b);
    let mut oracle = Oracle::default();
    let (mut recoveries, mut torn, mut poisoned) = (0, 0, 0);
    let signed = options(&mut chance, mutant).signer;
    for _ in 0..chance.random_range(2..7) {
        let mut options = options(&mut chance, mutant);
        options.signer.clone_from(&signed);
        let (mut journal, mut stepper, recovered) = open(&disk, &mut chance, &options)?;
        recoveries += 1;
        torn += u64::from(recovered.torn.is_some());
        let faults_now = if chance.random_bool(0.5) { faults(&mut chance) } else { Faults::default() };
        disk.set(Faults::default());
        oracle.recovered(&disk, &recovered)?;
        disk.set(faults_now);
        let stopped = live(&mut journal, &mut stepper, &mut oracle, &mut chance)?;
        poisoned += u64::from(stopped);
        if !stopped && chance.random_bool(0.2) {
            let closed = journal.submit().is_ok() && {
                stepper.step(true);
                let said = journal.say_closed();
                oracle.numbered = journal.next_number() - 1;
                said.is_ok() && stepper.step(true)
            };
            oracle.promised = oracle.promised.max(journal.durable());
            drop((journal, stepper));
            disk.set(Faults::default());
            disk.crash();
            if closed {
                let (journal, stepper, recovered) = open(&disk, &mut chance, &options)?;
                disk.set(Faults::default());
                if !recovered.closed || recovered.torn.is_some() {
                    return Err(format!("closed in order, and found {recovered:?}"));
                }
                oracle.numbered = journal.next_number() - 1;
                oracle.recovered(&disk, &recovered)?;
                drop((journal, stepper));
            }
            continue;
        }
        drop((journal, stepper));
        disk.set(Faults::default());
        if chance.random_bool(0.7) { disk.crash() } else { disk.kill() }
    }
    // The faults are over: everything goes on.
    let mut options = options(&mut chance, mutant);
    options.signer.clone_from(&signed);
    let (mut journal, mut stepper, recovered) =
        Journal::open_stepped(disk.shared(), Path::new(FOLDER), options, OnDamage::Refuse)
            .map_err(|error| format!("without faults: {error}"))?;
    oracle.recovered(&disk, &recovered)?;
    append(&mut journal, &mut oracle, &mut chance).map_err(|error| error.to_string())?;
    journal.submit().map_err(|error| error.to_string())?;
    stepper.step(true);
    if journal.durable() != oracle.numbered {
        return Err(format!("{} is durable of {}", journal.durable(), oracle.numbered));
    }
    oracle.read(&disk, oracle.numbered)?;
    let public = signed.as_ref().map(Signer::public);
    match verify(&disk.shared(), Path::new(FOLDER), public.as_ref(), None, |_| {}) {
        Ok(Verified::Whole(Whole { last, torn: None, .. })) if last == oracle.numbered => {}
        other => return Err(format!("{other:?}")),
    }
    Ok(Run { digest: disk.digest(), records: oracle.numbered, recoveries, torn, poisoned, hits: disk.hits() })
}

fn from_env(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().expect("a number"))
}

#[test]
fn what_was_durable_is_there_after_any_crash_and_all_that_is_there_was_submitted() {
    let first = from_env("WEIR_JOURNAL_SEED", 0);
    let seeds = from_env("WEIR_JOURNAL_SEEDS", SEEDS);
    let mut hits: BTreeMap<&'static str, u64> = BTreeMap::new();
    let (mut records, mut recoveries, mut torn, mut poisoned) = (0, 0, 0, 0);
    for seed in first..first + seeds {
        let once = std::panic::catch_unwind(|| run(seed, None))
            .unwrap_or_else(|_| panic!("it panics: WEIR_JOURNAL_SEED={seed} WEIR_JOURNAL_SEEDS=1"));
        let once = once.unwrap_or_else(|why| panic!("{why}: WEIR_JOURNAL_SEED={seed} WEIR_JOURNAL_SEEDS=1"));
        let again = run(seed, None).unwrap();
        assert_eq!(once, again, "seed {seed} is another run the second time");
        records += once.records;
        recoveries += once.recoveries;
        torn += once.torn;
        poisoned += once.poisoned;
        for (what, times) in once.hits {
            *hits.entry(what).or_default() += times;
        }
    }
    eprintln!(
        "{seeds} seeds: {records} records, {recoveries} recoveries, {torn} torn tails, {poisoned} poisoned; {hits:?}"
    );
    if seeds >= 1000 {
        for what in FAULTS {
            assert!(hits.get(what).is_some_and(|times| *times > 20), "{what} is hardly hit: {hits:?}");
        }
        assert!(torn > 100 && poisoned > 100, "{torn} torn, {poisoned} poisoned");
    }
}

#[test]
fn each_mistake_is_found() {
    let mutants =
        [Mutant::SkipSync, Mutant::AnswerEarly, Mutant::ForgetRecord, Mutant::KeepTorn, Mutant::TrustPages];
    for mutant in mutants {
        let found = (0..500).find_map(|seed| Some((seed, run(seed, Some(mutant)).err()?)));
        let (seed, why) = found.unwrap_or_else(|| panic!("{mutant:?} is not found"));
        eprintln!("{mutant:?} is found by seed {seed}: {why}");
    }
}
