//! What journaling costs an event in each mode, at 1,000, 10,000 and 100,000 events a second, open loop: send times are drawn
//! before the run, and a latency runs from the intended one until event and answer are on disk (in async mode, until they
//! are handed over). Somebody else waits and answers, or whoever appends does so itself. The machine's own append and fdatasync of as many bytes is measured in turns with it, on the same file
//! system: what is quoted is the ratio at the same percentile. Then how fast a journal is opened again and replayed, and
//! how long events stand still for a snapshot of 10^6 and 10^7 keys (which takes some 3 GB of memory).
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    missing_docs,
    reason = "a bench measures, prints and fails loudly"
)]

#[path = "support/recovery.rs"]
mod recovery;

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread::{sleep, spawn, yield_now};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rustix::time::{ClockId, clock_gettime};
use weir::io::{Disk, RealDisk};
use weir::journal::{AnswerForm, EventForm, Journal, Mode, OnDamage, Options, Reader, Record, Signer, Watch};

/// Bytes of an event, and of an answer with a few reasons.
const EVENT_BYTES: usize = 250;
const ANSWER_BYTES: usize = 300;
/// Turns of the journal and of the floor, and how long each is.
const TURNS: usize = 6;
const TURN: Duration = Duration::from_millis(700);
/// A sync for each event can't keep up with much: its turns end after as many events.
const SYNC_EVENTS_MAX: usize = 150;

fn options(mode: Mode) -> Options {
    Options { mode, signer: Some(Signer::from_seed([1; 32])), ..Options::new(|| 0, [1; 16]) }
}

fn main() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("journal-{}", std::process::id()));
    RealDisk.create_folder(&folder).unwrap();
    println!(
        "{:<12} {:>7} {:>9}   latency us: p50 p99 max | append+fdatasync us: p50 p99 max | ratio p50 p99 | handing over ns p50 p99",
        "mode", "offered", "achieved"
    );
    let modes = [
        (Mode::Group, false),
        (Mode::Group, true),
        (Mode::Async { within_ms: 50 }, false),
        (Mode::Sync, false),
    ];
    for (mode, alone) in modes {
        for rate in [1_000_u64, 10_000, 100_000] {
            measure(&folder, mode, alone, rate);
        }
    }
    read(&folder);
    recovery::recovery(&folder);
    for keys in [1_000_000, 10_000_000] {
        recovery::pause(&folder, keys);
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap()
}

/// What a machine can do: append as many bytes and sync them, one after the other.
fn floor(file: &mut File, times: &mut Histogram<u64>) {
    let bytes = vec![b'x'; EVENT_BYTES + ANSWER_BYTES + 128];
    let end = Instant::now() + TURN / 2;
    while Instant::now() < end {
        let start = Instant::now();
        file.write_all(&bytes).unwrap();
        file.sync_data().unwrap();
        times.record(nanoseconds(start.elapsed())).unwrap();
    }
}

/// Waits until it is time.
fn until(intended: Instant) {
    loop {
        let left = intended.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        if left > Duration::from_micros(150) { sleep(left - Duration::from_micros(100)) } else { yield_now() }
    }
}

/// Puts an event and its answer into the open group; gives the last record.
fn append(journal: &mut Journal) -> u64 {
    let (event, answer) = ([b'e'; EVENT_BYTES], [b'a'; ANSWER_BYTES]);
    let event = journal.append(Record::Event { form: EventForm::Json, bytes: &event }).unwrap();
    journal.append(Record::Answer { form: AnswerForm::Decided, event, bytes: &answer }).unwrap()
}

/// One thread that takes in what is due, puts it on disk, and answers.
fn one_thread(journal: &mut Journal, sends: &[Duration], latency_ns: &mut Histogram<u64>) {
    let start = Instant::now();
    let mut at = 0;
    while at < sends.len() {
        until(start + sends[at]);
        let first = at;
        while at < sends.len() && sends[at] <= start.elapsed() {
            append(journal);
            at += 1;
        }
        journal.commit().unwrap();
        for send in &sends[first..at] {
            latency_ns.record(nanoseconds((start + *send).elapsed())).unwrap();
        }
    }
}

/// Answers what is on disk, until so many answers are given: says how long each took.
fn answers(watch: &Watch, arrived: &Receiver<(u64, Instant)>, count: usize) -> Histogram<u64> {
    let mut times = Histogram::<u64>::new(3).unwrap();
    let (mut durable, mut next) = (watch.durable(), None);
    while times.len() < count as u64 {
        watch.wait(durable + 1).unwrap();
        durable = watch.durable();
        while let Some((number, intended)) = next.take().or_else(|| arrived.try_recv().ok()) {
            if number > durable {
                next = Some((number, intended));
                break;
            }
            times.record(nanoseconds(Instant::elapsed(&intended))).unwrap();
        }
    }
    times
}

fn measure(folder: &Path, mode: Mode, alone: bool, rate: u64) {
    let label = if alone { "one thread".to_owned() } else { format!("{mode:?}").chars().take(12).collect() };
    let name = format!("{label}-{rate}").replace(|c: char| !c.is_alphanumeric(), "-");
    let within = folder.join(name);
    let (mut journal, _) =
        Journal::open(Arc::new(RealDisk), &within, options(mode), OnDamage::Refuse).unwrap();
    let mut beside = File::create(folder.join("floor")).unwrap();
    let mut floor_ns = Histogram::<u64>::new(3).unwrap();
    let mut handing_ns = Histogram::<u64>::new(3).unwrap();
    let mut latency_ns = Histogram::<u64>::new(3).unwrap();
    let mut chance = ChaCha8Rng::seed_from_u64(rate);
    let (mut events, mut busy) = (0_u64, Duration::ZERO);
    for _ in 0..TURNS {
        floor(&mut beside, &mut floor_ns);
        let mut at = Duration::ZERO;
        let mut sends = Vec::new();
        while at < TURN && (mode != Mode::Sync || sends.len() < SYNC_EVENTS_MAX) {
            sends.push(at);
            let gap: f64 = -(1.0 - chance.random::<f64>()).ln() / rate as f64;
            at += Duration::from_secs_f64(gap);
        }
        let start = Instant::now();
        if alone {
            one_thread(&mut journal, &sends, &mut latency_ns);
        } else {
            let waits = !matches!(mode, Mode::Async { .. });
            let (sent, arrived) = channel();
            let (watch, count) = (journal.watch(), if waits { sends.len() } else { 0 });
            let answering = spawn(move || answers(&watch, &arrived, count));
            for send in &sends {
                let intended = start + *send;
                until(intended);
                let began = Instant::now();
                let number = append(&mut journal);
                if waits {
                    sent.send((number, intended)).unwrap();
                }
                journal.submit().unwrap();
                handing_ns.record(nanoseconds(began.elapsed())).unwrap();
                if !waits {
                    latency_ns.record(nanoseconds(intended.elapsed())).unwrap();
                }
            }
            latency_ns.add(answering.join().unwrap()).unwrap();
        }
        busy += start.elapsed();
        events += sends.len() as u64;
    }
    let figures = journal.figures();
    journal.close().unwrap();
    let us = |times: &Histogram<u64>, quantile: f64| times.value_at_quantile(quantile) as f64 / 1000.0;
    let (p50, p99) = (us(&latency_ns, 0.5), us(&latency_ns, 0.99));
    let (floor50, floor99) = (us(&floor_ns, 0.5), us(&floor_ns, 0.99));
    let ratios = if matches!(mode, Mode::Async { .. }) {
        "-".to_owned()
    } else {
        format!("{:.2} {:.2}", p50 / floor50, p99 / floor99)
    };
    println!(
        "{:<12} {rate:>7} {:>9.0}   {p50:.0} {p99:.0} {:.0} | {floor50:.0} {floor99:.0} {:.0} | {ratios} | {} {}",
        label,
        events as f64 / busy.as_secs_f64(),
        us(&latency_ns, 1.0),
        us(&floor_ns, 1.0),
        handing_ns.value_at_quantile(0.5),
        handing_ns.value_at_quantile(0.99),
    );
    println!(
        "             {events} events, {:.1} bytes each, {:.1} events a sync, longest from append to disk {} ms, sync us p50 {} p99 {}",
        figures.bytes as f64 / (figures.records / 2).max(1) as f64,
        events as f64 / figures.syncs().max(1) as f64,
        figures.loss_window_ms_max,
        figures.sync_ns(0.5) / 1000,
        figures.sync_ns(0.99) / 1000,
    );
}

/// How fast the largest of them is read, and opened again.
fn read(folder: &Path) {
    let busy = || Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap();
    let within = folder.join("Group-100000");
    let (start, began) = (Instant::now(), busy());
    let mut reader = Reader::open(Arc::new(RealDisk), &within).unwrap();
    let mut records = 0_u64;
    while reader.next_entry().unwrap().is_some() {
        records += 1;
    }
    let (took, cpu) = (start.elapsed().as_secs_f64(), (busy() - began).as_secs_f64());
    let mib = reader.bytes_read() as f64 / f64::from(1 << 20);
    println!(
        "read: {records} records, {mib:.0} MiB in {took:.2} s; a CPU second: {:.0} records, {:.0} MiB",
        records as f64 / cpu,
        mib / cpu
    );
    let (start, began) = (Instant::now(), busy());
    let (_, recovered) =
        Journal::open(Arc::new(RealDisk), &within, options(Mode::Group), OnDamage::Refuse).unwrap();
    let (took, cpu) = (start.elapsed().as_secs_f64(), (busy() - began).as_secs_f64());
    println!("opened again, all read: {} records in {took:.2} s, {cpu:.2} of them on a core", recovered.last);
}
