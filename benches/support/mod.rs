//! What the benches share: card payments of the Fraud Detection Handbook's shape, and timing by blocks.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use weir::event::{Draft, Event, Kind, Schema, TextField};
use weir::money::Currency;

/// Events that are made ready before a timed stretch: few enough to stay in the cache, as a reader's would.
pub const BLOCK: usize = 256;

/// One card payment.
#[derive(Clone, Copy)]
pub struct Payment {
    pub time_us: i64,
    pub customer: u32,
    pub terminal: u32,
    pub amount_minor: i64,
}

/// Two months of the handbook's shape: 5,000 customers and 10,000 terminals, each customer at a handful of them.
pub fn handbook_shape(payments: usize) -> Vec<Payment> {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let span_us = 61 * weir::time::DAY_US;
    let mut times: Vec<i64> = (0..payments).map(|_| random.random_range(0..span_us)).collect();
    times.sort_unstable();
    times
        .into_iter()
        .map(|time_us| {
            let customer = random.random_range(0..5_000);
            Payment {
                time_us: 1_522_540_800_000_000 + time_us,
                customer,
                terminal: (customer * 7 + random.random_range(0..20) * 491) % 10_000,
                amount_minor: random.random_range(1..20_000),
            }
        })
        .collect()
}

/// Fills events from payments.
pub struct Filler {
    draft: Draft,
}

impl Filler {
    pub fn new() -> Self {
        Self { draft: Draft::new(Arc::new(Schema::default())) }
    }

    pub fn event(&mut self, number: usize, payment: &Payment) -> Event {
        let draft = &mut self.draft;
        draft.begin(Kind::Transaction, payment.time_us).unwrap();
        draft.text(TextField::Id, &number.to_string()).unwrap();
        draft.text(TextField::Customer, &payment.customer.to_string()).unwrap();
        draft.text(TextField::Merchant, &payment.terminal.to_string()).unwrap();
        draft.amount(payment.amount_minor, Currency::EUR).unwrap();
        draft.seal().unwrap().clone()
    }
}

/// Time that `work` takes over all payments, leaving out the making of the events.
pub fn over_blocks(payments: &[Payment], mut work: impl FnMut(&Event)) -> Duration {
    let mut filler = Filler::new();
    let mut taken = Duration::ZERO;
    let mut block = Vec::with_capacity(BLOCK);
    for (at, chunk) in payments.chunks(BLOCK).enumerate() {
        block.clear();
        block.extend(chunk.iter().enumerate().map(|(n, payment)| filler.event(at * BLOCK + n, payment)));
        let start = Instant::now();
        block.iter().for_each(&mut work);
        taken += start.elapsed();
    }
    taken
}
