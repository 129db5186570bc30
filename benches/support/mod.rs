//! What the benches share: streams of events, and timing by blocks.
#![allow(dead_code, reason = "each bench uses a part")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rustix::time::{ClockId, clock_gettime};
use weir::event::{Draft, Event, Kind, Schema, TextField};
use weir::generate::{Generator, Settings};
use weir::io::{EventReader, Format, Mapping};
use weir::money::Currency;

/// Events that are made ready before a timed stretch: few enough to stay in the cache, as a reader's would.
pub(crate) const BLOCK: usize = 256;

/// 2018-04-01 UTC, when the payments begin.
pub(crate) const START_US: i64 = 1_522_540_800_000_000;

/// One card payment.
#[derive(Clone, Copy)]
pub(crate) struct Payment {
    pub(crate) time_us: i64,
    pub(crate) customer: u32,
    pub(crate) terminal: u32,
    pub(crate) amount_minor: i64,
}

/// Two months of the handbook's shape: 5,000 customers and 10,000 terminals, each customer at a handful of them.
pub(crate) fn handbook_shape(payments: usize) -> Vec<Payment> {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let span_us = 61 * weir::time::DAY_US;
    let mut times: Vec<i64> = (0..payments).map(|_| random.random_range(0..span_us)).collect();
    times.sort_unstable();
    times
        .into_iter()
        .map(|time_us| {
            let customer = random.random_range(0..5_000);
            Payment {
                time_us: START_US + time_us,
                customer,
                terminal: (customer * 7 + random.random_range(0..20) * 491) % 10_000,
                amount_minor: random.random_range(1..20_000),
            }
        })
        .collect()
}

/// The events of payments.
pub(crate) fn events(payments: &[Payment]) -> Vec<Event> {
    let mut draft = Draft::new(Arc::new(Schema::default()));
    let mut event = |(number, payment): (usize, &Payment)| {
        draft.begin(Kind::Transaction, payment.time_us).unwrap();
        draft.text(TextField::Id, &number.to_string()).unwrap();
        draft.text(TextField::Customer, &payment.customer.to_string()).unwrap();
        draft.text(TextField::Merchant, &payment.terminal.to_string()).unwrap();
        draft.amount(payment.amount_minor, Currency::EUR).unwrap();
        draft.seal().unwrap().clone()
    };
    payments.iter().enumerate().map(&mut event).collect()
}

/// April and May 2018 of the handbook, from `datasets/handbook` or the folder that `WEIR_HANDBOOK` names.
pub(crate) fn handbook() -> Option<Vec<Event>> {
    let datasets = Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets");
    let folder = std::env::var_os("WEIR_HANDBOOK").map_or_else(|| datasets.join("handbook"), PathBuf::from);
    let mapping = std::fs::read_to_string(datasets.join("handbook.mapping.toml")).unwrap();
    let format = Format::Csv(Box::new(Mapping::parse(&mapping).unwrap()));
    let mut events = Vec::new();
    for month in ["2018-04", "2018-05"] {
        let path = folder.join(format!("{month}.csv.gz"));
        if !path.exists() {
            return None;
        }
        let mut reader = EventReader::open(&path, &format, Arc::new(Schema::default())).unwrap();
        while let Some(next) = reader.next_event() {
            events.push(next.unwrap().1.clone());
        }
    }
    Some(events)
}

/// A generated stream.
pub(crate) fn generated(settings: Settings) -> Vec<Event> {
    generated_for(settings, Arc::default())
}

/// The same with what the generator knows of extra fields.
pub(crate) fn generated_for(settings: Settings, schema: Arc<Schema>) -> Vec<Event> {
    let mut generator = Generator::with_schema(settings, schema).unwrap();
    std::iter::from_fn(|| generator.next().cloned()).collect()
}

/// Time that `work` takes over all events, each block of them copied near before its time runs.
pub(crate) fn over_blocks(events: &[Event], mut work: impl FnMut(&[Event])) -> Duration {
    let mut taken = Duration::ZERO;
    for block in events.chunks(BLOCK) {
        let block = block.to_vec();
        let start = Instant::now();
        work(&block);
        taken += start.elapsed();
    }
    taken
}

/// How long this process has kept cores busy: unlike the time on the wall, neighbours do not lengthen it much.
pub(crate) fn busy() -> Duration {
    clock_gettime(ClockId::ProcessCPUTime).try_into().unwrap()
}

/// How long this thread has kept a core busy.
pub(crate) fn busy_here() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap()
}
