//! weir's side of the comparison that `benches/peers/run` makes: the same payments, the same answer, on one core.
//!
//! `peers FOLDER ANSWER` reads the handbook's months from FOLDER and lays ANSWER down as payments.py says. The time
//! told is that of `step` alone, over blocks of payments that were read before.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stdout,
    missing_docs,
    reason = "a bench measures, prints and fails loudly"
)]

#[path = "../support/mod.rs"]
mod support;

use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use support::busy;
use weir::decision::Value;
use weir::engine::{Answer, Engine, Limits, Recording};
use weir::event::{Event, Schema};
use weir::io::{EventReader, Format, Mapping};

const DAYS: [u32; 3] = [1, 7, 30];
const MONTHS: [&str; 2] = ["2018-04", "2018-05"];
/// Payments that are read before the time runs over them.
const BLOCK: usize = 256;

/// Counts and means over each window, a column each.
#[derive(Default)]
struct Found {
    counts: [Vec<i64>; 3],
    means: [Vec<f64>; 3],
}

struct Asked {
    engine: Engine,
    /// Where the features of each window stand in the rule set: count and mean.
    places: [(usize, usize); 3],
    found: Found,
    taken: Duration,
    busy: Duration,
}

impl Asked {
    fn new() -> Self {
        let rules =
            weir::rules::compile("features.toml", include_str!("features.toml")).into_result().unwrap();
        let place = |name: String| rules.features.iter().position(|feature| feature.name == name).unwrap();
        let places = DAYS.map(|days| (place(format!("count_{days}d")), place(format!("mean_{days}d"))));
        let engine = Engine::new(rules, Limits::default(), Recording::All);
        Self { engine, places, found: Found::default(), taken: Duration::ZERO, busy: Duration::ZERO }
    }

    fn take(&mut self, block: &[Event]) {
        let (start, busy) = (Instant::now(), busy());
        for event in block {
            assert!(matches!(self.engine.step(event), Answer::Decided(_)), "a payment was not decided");
            let readings = self.engine.readings();
            for (window, (count, mean)) in self.places.into_iter().enumerate() {
                let (Value::Whole(count), Value::Decimal(mean)) =
                    (readings[count].value, readings[mean].value)
                else {
                    panic!("a window that holds this payment is empty");
                };
                self.found.counts[window].push(count);
                self.found.means[window].push(mean);
            }
        }
        self.taken += start.elapsed();
        self.busy += support::busy() - busy;
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let [folder, answer] = arguments.as_slice() else {
        println!("compares nothing by itself: benches/peers/run does");
        return;
    };
    let mapping = Mapping::parse(include_str!("../../datasets/handbook.mapping.toml")).unwrap();
    let format = Format::Csv(Box::new(mapping));
    let mut asked = Asked::new();
    let mut block = Vec::with_capacity(BLOCK);
    for month in MONTHS {
        let path = Path::new(folder).join(format!("{month}.csv.gz"));
        let mut reader = EventReader::open(&path, &format, Arc::new(Schema::default())).unwrap();
        while let Some(next) = reader.next_event() {
            block.push(next.unwrap().1.clone());
            if block.len() == BLOCK {
                asked.take(&block);
                block.clear();
            }
        }
    }
    asked.take(&block);
    let mut out = BufWriter::new(std::fs::File::create(answer).unwrap());
    for count in asked.found.counts.iter().flatten() {
        out.write_all(&count.to_le_bytes()).unwrap();
    }
    for mean in asked.found.means.iter().flatten() {
        out.write_all(&mean.to_le_bytes()).unwrap();
    }
    out.flush().unwrap();
    println!(
        r#"{{"version": "{}", "rows": {}, "work_s": {}, "work_busy_s": {}}}"#,
        weir::engine::VERSION,
        asked.found.counts[0].len(),
        asked.taken.as_secs_f64(),
        asked.busy.as_secs_f64()
    );
}
