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
use support::{busy, busy_here};
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
const EXPIRIES_A_STEP_MAX: u64 = 512;

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

/// How long each event took.
struct Each {
    /// On the wall.
    ns: Histogram<u64>,
    /// The longest by the time of its thread's own: what others did with the core meanwhile is not in it.
    own_max: Duration,
}

/// What takes longer on the wall is looked at by the thread's own time too.
const LONG: Duration = Duration::from_micros(100);

impl Each {
    fn new() -> Self {
        Self { ns: Histogram::new(3).unwrap(), own_max: Duration::ZERO }
    }

    /// Times one event.
    fn time(&mut self, take: impl FnOnce()) -> Duration {
        let own = busy_here();
        let start = Instant::now();
        take();
        let took = start.elapsed();
        self.ns.record(took.as_nanos() as u64).unwrap();
        let own = if took > LONG { took.min(busy_here() - own) } else { took };
        self.own_max = self.own_max.max(own);
        took
    }

    fn tell(&self) -> String {
        let at = |percentile| self.ns.value_at_percentile(percentile);
        let (p50, p99, p9999, max) = (at(50.0), at(99.0), at(99.99), self.ns.max());
        format!(
            "p50 {p50} p99 {p99} p99.99 {p9999} max {max}, {} of the thread's own",
            self.own_max.as_nanos()
        )
    }
}

/// Time that `take` keeps a core busy over a stretch of payments, or with `each` what every event takes by itself.
fn over(
    payments: &[Keyed],
    scribe: &mut Scribe,
    mut each: Option<&mut Each>,
    mut take: impl FnMut(&Event),
) -> Duration {
    let mut taken = Duration::ZERO;
    for block in payments.chunks(support::BLOCK) {
        let block: Vec<Event> = block.iter().map(|payment| scribe.event(payment).clone()).collect();
        match &mut each {
            None => {
                let start = busy();
                block.iter().for_each(&mut take);
                taken += busy() - start;
            }
            Some(each) => taken += block.iter().map(|event| each.time(|| take(event))).sum::<Duration>(),
        }
    }
    taken
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
    fn take(&mut self, stream: &mut Stream, each: Option<&mut Each>) -> (Duration, Duration) {
        let payments: Vec<Keyed> = (0..STRETCH).map(|_| stream.payment()).collect();
        let Self { ours, kernel, scribe, sums: (a, b) } = self;
        let engine = over(&payments, scribe, each, |event| *a = ours.take(event, *a));
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
        let mut each = Each::new();
        while !writer.is_finished() || each.ns.is_empty() {
            self.take(stream, Some(&mut each));
        }
        let (bytes, took) = writer.join().unwrap();
        println!(
            "  snapshot: froze in {:.2} ms, {} MiB written in {:.1} s by another thread; step meanwhile, ns: {}",
            paused.as_secs_f64() * 1e3,
            bytes >> 20,
            took.as_secs_f64(),
            each.tell()
        );
    }

    /// An hour in which nothing but the clock comes, as often as it takes; then payments again.
    fn idle(&mut self, stream: &mut Stream) {
        let mut each = Each::new();
        stream.pause(HOUR_US);
        let (engine, until_us) = (&mut self.ours.engine, stream.now_us() - 1);
        let mut now_us = i64::MIN;
        while now_us < until_us {
            let clock = self.scribe.clock(each.ns.len(), until_us);
            each.time(|| assert_eq!(engine.step(clock), Answer::Taken));
            let reached_us = engine.facts(clock).now_us;
            assert!(reached_us > now_us, "a clock event got nowhere");
            now_us = reached_us;
        }
        println!("  {} clock events after an idle hour, ns: {}", each.ns.len(), each.tell());
        let mut after = Each::new();
        self.take(stream, Some(&mut after));
        println!("  step after it, ns: {}", after.tell());
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
    let mut growing = Each::new();
    while stream.now_us() < filled_us {
        pair.take(&mut stream, Some(&mut growing));
    }
    let (engine, floor, ratios) = pair.rates(&mut stream);
    let (least, median, most) = (ratios[0], ratios[ratios.len() / 2], ratios[ratios.len() - 1]);
    println!(
        "  events a CPU second: engine {engine:.0}, floor {floor:.0}, values equal; engine/floor: median {median:.2} ({least:.2} to {most:.2})"
    );
    let mut steady = Each::new();
    for _ in 0..MEASURED / STRETCH {
        pair.take(&mut stream, Some(&mut steady));
    }
    println!("  step, ns: {}", steady.tell());
    println!("  step while keys and windows grew, ns: {}", growing.tell());
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
