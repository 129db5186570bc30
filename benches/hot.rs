//! One account with a tenth of all payments: what a step of it costs, beside one of the other 100,000 accounts.
//!
//! `cargo bench --bench hot`: each aggregate alone, over a window of 1,024,000 payments in which 102,400 are the hot
//! account's, first filled and then measured with something leaving it at every payment. Payments come in turns of 25 of
//! the hot account and 225 of others, and the window is a whole number of turns, so that what leaves it in a turn is the
//! same account's. Fails where the hot account's last value is not what a scan of the window gives.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stdout,
    missing_docs,
    reason = "a bench measures, prints and fails loudly"
)]

#[path = "support/keyed.rs"]
mod keyed;
mod support;

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use keyed::{Draw, Keyed, Scribe, Stream};
use support::busy;
use weir::decision::Value;
use weir::engine::{Answer, Engine, Limits, Recording};
use weir::event::Event;
use weir::rules::compile;
use weir::time::SECOND_US;

const ACCOUNTS: u32 = 100_000;
const HOT: u32 = 0;
/// Payments of one turn, those of the hot account first.
const TURN: usize = 250;
const HOT_OF_TURN: usize = TURN / 10;
const TURNS_OF_WINDOW: usize = 4_096;
const TURNS_MEASURED: usize = 2_048;
const STEP_US: i64 = SECOND_US / 100;

/// What the hot account's payments in the window come to.
type Scan = fn(&[&Keyed]) -> Value;

/// Aggregates, and what a scan says of them; a quantile is off by its buckets, and is not held to one.
const AGGREGATES: [(&str, Option<Scan>); 8] = [
    ("count = '*'", Some(|all| whole(all.len()))),
    ("sum = 'amount'", Some(|all| Value::Whole(all.iter().map(|payment| payment.minor).sum()))),
    ("min = 'amount'", Some(|all| Value::Whole(all.iter().map(|payment| payment.minor).min().unwrap()))),
    (
        "distinct = 'device'",
        Some(|all| whole(all.iter().map(|payment| payment.keys[1]).collect::<BTreeSet<_>>().len())),
    ),
    ("quantile = 'amount', q = 0.95", None),
    ("previous = 'amount'", Some(|all| Value::Whole(all[all.len() - 2].minor))),
    ("deviation = 'amount'", None),
    ("since = 'last'", None),
];

fn whole(count: usize) -> Value {
    Value::Whole(count as i64)
}

/// An engine with one feature, and the payments of its window.
struct Bench {
    engine: Engine,
    scribe: Scribe,
    stream: Stream,
    window: VecDeque<Keyed>,
}

impl Bench {
    fn new(aggregate: &str) -> Self {
        let over_us = (TURNS_OF_WINDOW * TURN) as i64 * STEP_US;
        let current = if aggregate.starts_with("since") { "" } else { ", current = true" };
        // Ids are remembered as briefly as may be: they are another figure.
        let text = format!(
            "[ruleset]\nname = \"hot\"\ntime_zone = \"UTC\"\ncurrency = \"EUR\"\nremember = \"1m\"\n[features]\n\
             f = {{ {aggregate}, by = 'account', over = '{over_us}us', counts = 'asked'{current} }}\n"
        );
        let rules = compile("hot.toml", &text).into_result().unwrap();
        let engine = Engine::new(rules, Limits::default(), Recording::All);
        let stream = Stream::new(ACCOUNTS, Draw::Uniform, STEP_US);
        Self { engine, scribe: Scribe::new(), stream, window: VecDeque::new() }
    }

    /// Time on the processor for these events.
    fn steps(&mut self, events: &[Event]) -> Duration {
        let start = busy();
        for event in events {
            assert!(matches!(self.engine.step(event), Answer::Decided(_)), "a payment was not decided");
        }
        busy() - start
    }

    /// A turn: time for the hot account's payments, and for the others'.
    fn turn(&mut self) -> (Duration, Duration) {
        let mut events = Vec::new();
        for n in 0..TURN {
            let mut payment = self.stream.payment();
            payment.keys[0] = if n < HOT_OF_TURN { HOT } else { 1 + payment.keys[0] };
            self.window.push_back(payment);
            events.push(self.scribe.event(&payment).clone());
        }
        let more = self.window.len().saturating_sub(TURNS_OF_WINDOW * TURN);
        self.window.drain(..more);
        let (hot, others) = events.split_at(HOT_OF_TURN);
        (self.steps(hot), self.steps(others))
    }

    /// Fails where one more payment of the hot account does not find what a scan finds.
    fn check(&mut self, scan: Scan) {
        let mut payment = self.stream.payment();
        payment.keys[0] = HOT;
        self.window.pop_front();
        self.window.push_back(payment);
        let event = self.scribe.event(&payment).clone();
        self.steps(&[event]);
        let hot: Vec<&Keyed> = self.window.iter().filter(|payment| payment.keys[0] == HOT).collect();
        assert_eq!(self.engine.readings()[0].value, scan(&hot));
    }
}

fn main() {
    println!(
        "aggregate, ns a payment of the hot account, of the others (medians of {TURNS_MEASURED} turns), ratio"
    );
    for (aggregate, scan) in AGGREGATES {
        let mut bench = Bench::new(aggregate);
        (0..TURNS_OF_WINDOW).for_each(|_| _ = bench.turn());
        let turns: Vec<_> = (0..TURNS_MEASURED).map(|_| bench.turn()).collect();
        let median = |of: fn(&(Duration, Duration)) -> Duration, payments: usize| {
            let mut all: Vec<Duration> = turns.iter().map(of).collect();
            all.sort_unstable();
            all[all.len() / 2].as_nanos() as f64 / payments as f64
        };
        let (hot, others) = (median(|turn| turn.0, HOT_OF_TURN), median(|turn| turn.1, TURN - HOT_OF_TURN));
        if let Some(scan) = scan {
            bench.check(scan);
        }
        println!("{aggregate:>30} {hot:6.0} {others:6.0} {:5.2}", hot / others);
    }
}
