//! A stream over many keys: payments with an account, a device and a merchant each, drawn uniformly or by Zipf's law.
#![allow(dead_code, reason = "each bench uses a part")]

use std::fmt::Write;
use std::sync::Arc;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use weir::event::{Draft, Event, Kind, Schema, TextField};
use weir::money::Currency;

/// 2026-01-01 UTC, when the payments begin.
const START_US: i64 = 1_767_225_600_000_000;

/// The fields that hold keys, with the first letter of theirs.
pub(crate) const FIELDS: [(TextField, char); 3] =
    [(TextField::Account, 'a'), (TextField::Device, 'd'), (TextField::Merchant, 'm')];

/// How keys are drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Draw {
    /// Each as often as another.
    Uniform,
    /// The k-th in proportion to `k^-s`, by this `s`.
    Zipf(f64),
}

/// Draws ranks from 0 on by Zipf's law, by rejection from the integral of `x^-s` (Hörmann and Derflinger, 1996).
struct Zipf {
    s: f64,
    least: f64,
    most: f64,
    /// Below it a draw is taken without a look at the density.
    sure: f64,
}

impl Zipf {
    fn new(count: u32, s: f64) -> Self {
        let mut zipf = Self { s, least: 0.0, most: 0.0, sure: 0.0 };
        zipf.least = zipf.integral(1.5) - 1.0;
        zipf.most = zipf.integral(f64::from(count) + 0.5);
        zipf.sure = 2.0 - zipf.inverse(zipf.integral(2.5) - 2_f64.powf(-s));
        zipf
    }

    fn integral(&self, x: f64) -> f64 {
        (x.powf(1.0 - self.s) - 1.0) / (1.0 - self.s)
    }

    fn inverse(&self, y: f64) -> f64 {
        (1.0 + y * (1.0 - self.s)).powf(1.0 / (1.0 - self.s))
    }

    fn rank(&self, random: &mut ChaCha8Rng) -> u32 {
        loop {
            let y = self.most + random.random::<f64>() * (self.least - self.most);
            let x = self.inverse(y);
            let k = x.round().max(1.0);
            if k - x <= self.sure || y >= self.integral(k + 0.5) - k.powf(-self.s) {
                return k as u32 - 1;
            }
        }
    }
}

/// One payment, small enough to keep many.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Keyed {
    pub(crate) id: u64,
    pub(crate) time_us: i64,
    pub(crate) keys: [u32; 3],
    pub(crate) minor: i64,
}

/// The stream, always the same for the same settings.
pub(crate) struct Stream {
    random: ChaCha8Rng,
    zipf: Option<Zipf>,
    keys: u32,
    step_us: i64,
    next: Keyed,
}

impl Stream {
    /// Payments over `keys` keys of each field, `step_us` apart.
    pub(crate) fn new(keys: u32, draw: Draw, step_us: i64) -> Self {
        let zipf = match draw {
            Draw::Uniform => None,
            Draw::Zipf(s) => Some(Zipf::new(keys, s)),
        };
        let next = Keyed { time_us: START_US, ..Keyed::default() };
        Self { random: ChaCha8Rng::seed_from_u64(4), zipf, keys, step_us, next }
    }

    /// Lets so much time pass before the next payment.
    pub(crate) fn pause(&mut self, us: i64) {
        self.next.time_us += us;
    }

    /// When the next payment comes.
    pub(crate) fn now_us(&self) -> i64 {
        self.next.time_us
    }

    fn key(&mut self) -> u32 {
        match &self.zipf {
            Some(zipf) => zipf.rank(&mut self.random),
            None => self.random.random_range(0..self.keys),
        }
    }

    /// The next payment, with these keys in place of drawn ones.
    pub(crate) fn payment_of(&mut self, keys: [u32; 3]) -> Keyed {
        let minor = self.random.random_range(1..1_000_000);
        let payment = Keyed { keys, minor, ..self.next };
        self.next.id += 1;
        self.next.time_us += self.step_us;
        payment
    }

    /// The next payment.
    pub(crate) fn payment(&mut self) -> Keyed {
        let keys = [self.key(), self.key(), self.key()];
        self.payment_of(keys)
    }
}

/// Turns payments into events.
pub(crate) struct Scribe {
    draft: Draft,
    text: String,
}

impl Scribe {
    pub(crate) fn new() -> Self {
        Self { draft: Draft::new(Arc::new(Schema::default())), text: String::new() }
    }

    /// The event of a payment.
    pub(crate) fn event(&mut self, payment: &Keyed) -> &Event {
        let Self { draft, text } = self;
        let mut spell = |letter: char, number: u64| {
            text.clear();
            write!(text, "{letter}{number}").unwrap();
            text.clone()
        };
        draft.begin(Kind::Transaction, payment.time_us).unwrap();
        draft.text(TextField::Id, &spell('p', payment.id)).unwrap();
        for ((field, letter), key) in FIELDS.into_iter().zip(payment.keys) {
            draft.text(field, &spell(letter, u64::from(key))).unwrap();
        }
        draft.amount(payment.minor, Currency::EUR).unwrap();
        draft.seal().unwrap()
    }

    /// An event that takes a payment back in full.
    pub(crate) fn reversal(&mut self, number: u64, payment: u64, time_us: i64) -> &Event {
        self.draft.begin(Kind::Reversal, time_us).unwrap();
        self.draft.text(TextField::Id, &format!("r{number}")).unwrap();
        self.draft.text(TextField::Transaction, &format!("p{payment}")).unwrap();
        self.draft.seal().unwrap()
    }

    /// A `clock` event.
    pub(crate) fn clock(&mut self, number: u64, time_us: i64) -> &Event {
        self.draft.begin(Kind::Clock, time_us).unwrap();
        self.draft.text(TextField::Id, &format!("clock-{number}")).unwrap();
        self.draft.seal().unwrap()
    }
}
