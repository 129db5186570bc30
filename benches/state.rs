//! The state under many keys: twelve features over three families and three window lengths, beside a hand-written
//! kernel that looks its keys up by hash and gives the same values (the floor).
//!
//! `cargo bench --bench state -- [KEYS ...]`: for each number of keys, uniform and by Zipf's law. The windows are first
//! filled, then every event is measured with something expiring from each of them; an idle hour ends the run. Both
//! take turns on the same stretches of the same events, and the run fails where their values differ.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stdout,
    missing_docs,
    reason = "a bench measures, prints and fails loudly"
)]

#[path = "support/kernel.rs"]
mod kernel;
#[path = "support/keyed.rs"]
mod keyed;
mod support;

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use kernel::Kernel;
use keyed::{Draw, Keyed, Scribe, Stream};
use support::busy;
use weir::decision::Value;
use weir::engine::{Answer, Engine, Limits, Recording};
use weir::event::Event;
use weir::io::write_snapshot;
use weir::rules::{RuleSet, compile};
use weir::state::Memory as State;
use weir::time::SECOND_US;

const HOUR_US: i64 = 3_600 * SECOND_US;
const LENGTHS_US: [i64; 3] = [HOUR_US / 6, HOUR_US, 2 * HOUR_US];
/// What is read of each family, in the order of the kernel's records.
const FEATURES: [(&str, &str); 4] =
    [("count = '*'", "10m"), ("sum = 'amount'", "10m"), ("sum = 'amount'", "1h"), ("sum = 'amount'", "2h")];
/// Events that one takes before it is the other's turn: enough to make the caches one's own.
const STRETCH: usize = 1 << 17;
const MEASURED: usize = 2_000_000;
/// Entries that one step takes out of the windows at most: what an idle hour leaves is passed in slices.
const EXPIRIES_A_STEP_MAX: u64 = 1_024;

/// A number that depends on every value.
fn mix(sum: u64, value: i64) -> u64 {
    (sum ^ value as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(23)
}

fn rules() -> RuleSet {
    // Ids are remembered for the shortest window alone: they are another figure.
    let mut text = "[ruleset]\nname = \"state\"\ntime_zone = \"UTC\"\ncurrency = \"EUR\"\nremember = \"10m\"\n[features]\n".to_owned();
    for (field, letter) in keyed::FIELDS {
        for (at, (aggregate, over)) in FEATURES.into_iter().enumerate() {
            text += &format!("{letter}{at} = {{ {aggregate}, by = '{}', over = '{over}' }}\n", field.name());
        }
    }
    compile("state.toml", &text).into_result().unwrap()
}

/// The engine with the places of its features in the kernel's order.
struct Ours {
    engine: Engine,
    places: Vec<usize>,
}

impl Ours {
    fn new() -> Self {
        let rules = rules();
        let names =
            keyed::FIELDS.iter().flat_map(|(_, letter)| (0..4).map(move |at| format!("{letter}{at}")));
        let place = |name: String| rules.features.iter().position(|feature| feature.name == name).unwrap();
        let places = names.map(place).collect();
        let limits = Limits { expiries_a_step_max: EXPIRIES_A_STEP_MAX, ..Limits::default() };
        Self { engine: Engine::new(rules, limits, Recording::All), places }
    }

    fn take(&mut self, event: &Event, sum: u64) -> u64 {
        assert!(matches!(self.engine.step(event), Answer::Decided(_)), "a payment was not decided");
        let readings = self.engine.readings();
        self.places.iter().fold(sum, |sum, &place| {
            let Value::Whole(value) = readings[place].value else { panic!("a sum is missing") };
            mix(sum, value)
        })
    }
}

/// Time that `take` keeps a core busy over a stretch of payments; with a histogram every event is timed by itself, on
/// the wall.
fn over(
    payments: &[Keyed],
    scribe: &mut Scribe,
    mut each_ns: Option<&mut Histogram<u64>>,
    mut take: impl FnMut(&Event),
) -> Duration {
    let mut taken = Duration::ZERO;
    for block in payments.chunks(support::BLOCK) {
        let block: Vec<Event> = block.iter().map(|payment| scribe.event(payment).clone()).collect();
        match &mut each_ns {
            None => {
                let start = busy();
                block.iter().for_each(&mut take);
                taken += busy() - start;
            }
            Some(each_ns) => {
                for event in &block {
                    let start = Instant::now();
                    take(event);
                    let one = start.elapsed();
                    each_ns.record(one.as_nanos() as u64).unwrap();
                    taken += one;
                }
            }
        }
    }
    taken
}

fn histogram() -> Histogram<u64> {
    Histogram::new(3).unwrap()
}

fn latencies(each_ns: &Histogram<u64>) -> String {
    let at = |percentile| each_ns.value_at_percentile(percentile);
    format!("p50 {} p99 {} p99.99 {} max {}", at(50.0), at(99.0), at(99.99), each_ns.max())
}

/// The engine and the kernel, side by side.
struct Pair {
    ours: Ours,
    kernel: Kernel,
    scribe: Scribe,
    sums: (u64, u64),
}

impl Pair {
    /// Gives a stretch of payments to the one and to the other, and how long each took.
    fn take(&mut self, stream: &mut Stream, each_ns: Option<&mut Histogram<u64>>) -> (Duration, Duration) {
        let payments: Vec<Keyed> = (0..STRETCH).map(|_| stream.payment()).collect();
        let Self { ours, kernel, scribe, sums: (a, b) } = self;
        let engine = over(&payments, scribe, each_ns, |event| *a = ours.take(event, *a));
        let floor = over(&payments, scribe, None, |event| *b = kernel.take(event, *b));
        assert_eq!(a, b, "the engine and the kernel computed different values");
        (engine, floor)
    }

    /// Takes `MEASURED` payments and gives each one's rate, and the ratios of all stretches in order.
    fn rates(&mut self, stream: &mut Stream) -> (f64, f64, Vec<f64>) {
        let taken: Vec<_> = (0..MEASURED / STRETCH).map(|_| self.take(stream, None)).collect();
        let mut ratios: Vec<f64> = taken.iter().map(|(a, b)| a.as_secs_f64() / b.as_secs_f64()).collect();
        ratios.sort_by(f64::total_cmp);
        let rate = |of: fn(&(Duration, Duration)) -> Duration| {
            (taken.len() * STRETCH) as f64 / taken.iter().map(of).sum::<Duration>().as_secs_f64()
        };
        (rate(|taken| taken.0), rate(|taken| taken.1), ratios)
    }

    /// Bytes per key, beside its aggregates and with them, and per event of the log.
    fn tell_memory(&self) {
        let memory = self.ours.engine.memory();
        let held = self.kernel.held();
        let (keys, kernel_keys, kernel_records) = self.kernel.keys();
        let per_key = |bytes: usize| bytes as f64 / keys as f64;
        let State { dictionary, log, log_row, side, .. } = memory.state;
        let families = memory.state.families();
        println!(
            "  bytes: {:.1} a key ({:.1} dictionary, {:.1} families; {keys} keys were seen), {:.1} an event in the log ({log_row} a row), {side} in the side buffer",
            per_key(dictionary + families),
            per_key(dictionary),
            per_key(families),
            log as f64 / held as f64,
        );
        println!(
            "  bytes beside: {} of ids, {} of first answers; the kernel: {:.1} a key ({:.1} of them values), {} an event",
            memory.ids,
            memory.answers,
            per_key(kernel_keys + kernel_records),
            per_key(kernel_records),
            Kernel::ROW_BYTES,
        );
    }

    /// A snapshot, written by another thread while payments go on.
    fn snapshot(&mut self, stream: &mut Stream) {
        let folder = tempfile::tempdir().unwrap();
        let start = Instant::now();
        let frozen = self.ours.engine.freeze();
        let paused = start.elapsed();
        let writer = std::thread::spawn(move || {
            let start = Instant::now();
            let written = write_snapshot(&folder.path().join("state.snapshot"), "state", &frozen).unwrap();
            (written.bytes, start.elapsed())
        });
        let mut each_ns = histogram();
        while !writer.is_finished() || each_ns.is_empty() {
            self.take(stream, Some(&mut each_ns));
        }
        let (bytes, took) = writer.join().unwrap();
        println!(
            "  snapshot: froze in {:.2} ms, {} MiB written in {:.1} s by another thread; step meanwhile, ns: {}",
            paused.as_secs_f64() * 1e3,
            bytes >> 20,
            took.as_secs_f64(),
            latencies(&each_ns)
        );
    }

    /// An hour in which nothing but the clock comes, as often as it takes; then payments again.
    fn idle(&mut self, stream: &mut Stream) {
        let mut each_ns = histogram();
        stream.pause(HOUR_US);
        let (engine, until_us) = (&mut self.ours.engine, stream.now_us() - 1);
        let mut now_us = i64::MIN;
        while now_us < until_us {
            let clock = self.scribe.clock(each_ns.len(), until_us);
            let start = Instant::now();
            assert_eq!(engine.step(clock), Answer::Taken);
            each_ns.record(start.elapsed().as_nanos() as u64).unwrap();
            let reached_us = engine.facts(clock).now_us;
            assert!(reached_us > now_us, "a clock event got nowhere");
            now_us = reached_us;
        }
        println!("  {} clock events after an idle hour, ns: {}", each_ns.len(), latencies(&each_ns));
        let mut after_ns = histogram();
        self.take(stream, Some(&mut after_ns));
        println!("  step after it, ns: {}", latencies(&after_ns));
    }
}

fn measure(keys: u32, draw: Draw) {
    let held = (2 * i64::from(keys)).max(1 << 20);
    let step_us = (LENGTHS_US[2] / held).max(1);
    let mut stream = Stream::new(keys, draw, step_us);
    let kernel = Kernel::new((LENGTHS_US[2] / step_us) as usize + 1);
    let mut pair = Pair { ours: Ours::new(), kernel, scribe: Scribe::new(), sums: (0, 0) };
    println!("\n{keys} keys of each of 3 families, {draw:?}; {held} payments in the longest window");

    let filled_us = stream.now_us() + LENGTHS_US[2] + LENGTHS_US[0];
    let mut growing_ns = histogram();
    while stream.now_us() < filled_us {
        pair.take(&mut stream, Some(&mut growing_ns));
    }
    let (engine, floor, ratios) = pair.rates(&mut stream);
    let (least, median, most) = (ratios[0], ratios[ratios.len() / 2], ratios[ratios.len() - 1]);
    println!(
        "  events a CPU second: engine {engine:.0}, floor {floor:.0}, values equal; engine/floor: median {median:.2} ({least:.2} to {most:.2})"
    );
    let mut steady_ns = histogram();
    for _ in 0..MEASURED / STRETCH {
        pair.take(&mut stream, Some(&mut steady_ns));
    }
    println!("  step, ns: {}", latencies(&steady_ns));
    println!("  step while keys and windows grew, ns: {}", latencies(&growing_ns));
    pair.tell_memory();
    pair.snapshot(&mut stream);
    pair.idle(&mut stream);
}

fn main() {
    let asked: Vec<u32> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let sizes = if asked.is_empty() { vec![10_000, 1_000_000] } else { asked };
    for keys in sizes {
        for draw in [Draw::Uniform, Draw::Zipf(1.1)] {
            measure(keys, draw);
        }
    }
}
