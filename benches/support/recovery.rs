//! What a recorded engine takes to be opened again and to be replayed, and how long events stand still for a snapshot.

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rustix::time::{ClockId, clock_gettime};
use weir::engine::{Engine, Limits, Recording};
use weir::event::{Draft, Kind, TextField};
use weir::generate::{Generator, Settings};
use weir::io::{Bundle, RealDisk, write_event, write_snapshot};
use weir::journal::{From, Mode, OnDamage, Options, Recorded, Replay, Setup};
use weir::money::Currency;
use weir::rules::compile;

/// Events of the journal that is opened again.
const EVENTS: u64 = 300_000;
/// Steps taken by their thread's own time too where they take longer on the wall.
const LONG: Duration = Duration::from_micros(100);

/// What this thread has kept a core busy.
fn busy() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap()
}

/// Writes a journal of generated events under `rules/retail.toml` without a snapshot, opens it again and replays it.
pub(crate) fn recovery(folder: &Path) {
    let within = folder.join("recorded");
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules/retail.toml");
    let open = || {
        let rules = Bundle::read(&rules).unwrap();
        let staged = Vec::new();
        let setup = Setup { rules, staged, limits: None, recording: None, store: None, snapshot_every: None };
        let options = Options { mode: Mode::Async { within_ms: 50 }, ..Options::new(|| 0, [1; 16]) };
        Recorded::open(Arc::new(RealDisk), &within, options, OnDamage::Refuse, setup, |_| {}).unwrap()
    };
    let (mut recorded, _) = open();
    let mut generator = Generator::new(Settings { events: EVENTS, ..Settings::default() }).unwrap();
    let (mut line, mut events) = (Vec::new(), 0_u64);
    while let Some(event) = generator.next() {
        line.clear();
        write_event(event, &mut line).unwrap();
        line.pop();
        recorded.step(event, &line).unwrap();
        events += 1;
        if events.is_multiple_of(512) {
            recorded.submit().unwrap();
        }
    }
    recorded.close().unwrap();
    let rate = |events: u64, start: Instant, began: Duration| {
        let (took, own) = (start.elapsed().as_secs_f64(), (busy() - began).as_secs_f64());
        format!("{took:.2} s, {:.0} a second, {:.0} a CPU second", events as f64 / took, events as f64 / own)
    };
    let (start, began) = (Instant::now(), busy());
    let (recorded, opened) = open();
    println!(
        "recovery without a snapshot: {} events, {} answers compared, in {}",
        opened.events,
        opened.reproduced,
        rate(opened.events, start, began)
    );
    drop(recorded);
    let (start, began) = (Instant::now(), busy());
    let replayed =
        Replay::open(Arc::new(RealDisk), &within, From::Beginning, None).unwrap().run(|_| {}).unwrap();
    assert_eq!((replayed.events, replayed.difference), (events, None));
    println!("replay: {events} events in {}", rate(events, start, began));
}

/// Freezes an engine that knows so many keys, and steps on while another thread writes the snapshot.
pub(crate) fn pause(folder: &Path, keys: u64) {
    let text = "[ruleset]\nname = \"pause\"\ntime_zone = \"UTC\"\ncurrency = \"VND\"\nremember = \"10m\"\n[features]\ncount = { count = '*', by = 'account', over = '1d' }\ntotal = { sum = 'amount', by = 'account', over = '1d' }\n";
    let mut engine =
        Engine::new(compile("pause.toml", text).into_result().unwrap(), Limits::default(), Recording::Fired);
    let mut draft = Draft::new(Arc::clone(&engine.rules().schema));
    let (mut id, mut account) = (String::new(), String::new());
    let step_us = i64::try_from(86_400_000_000 / keys).unwrap();
    let mut step = |engine: &mut Engine, n: u64, of: u64| {
        id.clear();
        account.clear();
        write!(id, "t{n:012}").unwrap();
        write!(account, "a{of:010}").unwrap();
        draft.begin(Kind::Transaction, i64::try_from(n).unwrap() * step_us).unwrap();
        draft.amount(5_000, Currency::VND).unwrap();
        draft.text(TextField::Id, &id).unwrap();
        draft.text(TextField::Account, &account).unwrap();
        let event = draft.seal().unwrap();
        let (start, began) = (Instant::now(), busy());
        engine.step(event);
        let took = start.elapsed();
        (took, if took > LONG { took.min(busy() - began) } else { took })
    };
    for n in 0..keys {
        step(&mut engine, n, n);
    }
    // Spread over all chunks, as hostile to copying on write as accounts can be.
    let mut n = keys;
    let mut some = |engine: &mut Engine, until: &dyn Fn(u64) -> bool| {
        let mut times = Histogram::<u64>::new(3).unwrap();
        let mut own_max = Duration::ZERO;
        while !until(times.len()) {
            let of = n.wrapping_mul(0x9E37_79B9_7F4A_7C15) % keys;
            let (took, own) = step(engine, n, of);
            times.record(u64::try_from(took.as_nanos()).unwrap()).unwrap();
            own_max = own_max.max(own);
            n += 1;
        }
        let at = |percentile| times.value_at_percentile(percentile) as f64 / 1000.0;
        format!(
            "{} steps, us: p50 {:.1} p99.9 {:.1} p99.99 {:.1} max {:.0}, {:.0} of the thread's own",
            times.len(),
            at(50.0),
            at(99.9),
            at(99.99),
            times.max() as f64 / 1000.0,
            own_max.as_secs_f64() * 1e6
        )
    };
    let before = some(&mut engine, &|steps| steps == 500_000);
    let (start, began) = (Instant::now(), busy());
    let frozen = engine.freeze();
    let (paused, own) = (start.elapsed(), busy() - began);
    let path = folder.join("pause.snapshot");
    let writer = {
        let path = path.clone();
        std::thread::spawn(move || write_snapshot(&path, "pause", &frozen).unwrap().bytes)
    };
    let during = some(&mut engine, &|steps| steps >= 500_000 && writer.is_finished());
    let bytes = writer.join().unwrap();
    std::fs::remove_file(path).unwrap();
    println!(
        "snapshot of {keys} keys, {} MiB: events stood still for {:.3} ms, {:.3} of the thread's own\n  before: {before}\n  while it was written: {during}",
        bytes >> 20,
        paused.as_secs_f64() * 1e3,
        own.as_secs_f64() * 1e3
    );
}
