//! A long run over many accounts, with late, repeated and reversed payments: what is computed is compared with a twin
//! that keeps every payment of a sample of accounts, and what is held is told as it goes.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use weir::decision::Value;
use weir::engine::{Answer, Engine, EngineMemory, Limits, Recording};
use weir::rules::{RuleSet, compile};
use weir::state::ChunkStore;
use weir::time::{DAY_US, SECOND_US};

use super::keyed::{Draw, Keyed, Scribe, Stream};

const RULES: &str = r#"
[ruleset]
name      = "soak"
time_zone = "UTC"
currency  = "EUR"
remember  = "1d"

[features]
count_24h     = { count = "*", by = "account", over = "24h" }
count_30d     = { count = "*", by = "account", over = "30d" }
spent_24h     = { sum = "amount", by = "account", over = "24h" }
spent_30d     = { sum = "amount", by = "account", over = "30d" }
most_30d      = { max = "amount", by = "account", over = "30d", counts = "asked" }
merchants_30d = { distinct = "merchant", by = "account", over = "30d" }
device_7d     = { count = "*", by = "device", over = "7d" }
"#;

/// What is compared, in the order of the twin's values.
const COMPARED: [&str; 6] = ["count_24h", "count_30d", "merchants_30d", "most_30d", "spent_24h", "spent_30d"];
const MERCHANTS: u32 = 5_000;
/// Accounts whose payments the twin keeps.
const SAMPLED: u32 = 1_000;
/// Most of the latest payments that may be reversed or sent again, and how old they may be: ids are remembered for a day.
const RECENT_MAX: i64 = 4_096;
const RECENT_US: i64 = DAY_US / 2;
const LATE_US_MAX: i64 = 3_600 * SECOND_US;

/// How long a run is to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    /// Payments; repeats and reversals come besides.
    pub(crate) payments: u64,
    /// Accounts that they are drawn from; one has a tenth of all payments.
    pub(crate) accounts: u32,
    /// Days from the first to the last.
    pub(crate) days: u32,
    /// Payments between two lines of what is held.
    pub(crate) told_every: u64,
    /// The engine's bounds.
    pub(crate) limits: Limits,
}

/// What came out.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Outcome {
    /// Values compared with the twin's.
    pub(crate) compared: u64,
    /// Those that were not equal.
    pub(crate) different: u64,
    /// Most bytes held at any line in the third quarter, and in the last.
    pub(crate) most_bytes: [usize; 2],
}

/// A payment of a sampled account.
struct Past {
    id: u64,
    time_us: i64,
    minor: i64,
    merchant: u32,
}

/// Every payment of the sampled accounts that a window may still cover.
struct Twin {
    every: u32,
    accounts: BTreeMap<u32, Vec<Past>>,
}

impl Twin {
    fn samples(&self, account: u32) -> bool {
        // Never the account with a tenth of all payments: a scan of those would be the whole run.
        account % self.every == self.every - 1 && account != HOT
    }

    fn take(&mut self, payment: &Keyed) {
        let [account, _, merchant] = payment.keys;
        let Keyed { id, time_us, minor, .. } = *payment;
        self.accounts.entry(account).or_default().push(Past { id, time_us, minor, merchant });
    }

    fn reverse(&mut self, payment: &Keyed) {
        if let Some(pasts) = self.accounts.get_mut(&payment.keys[0]) {
            pasts.retain(|past| past.id != payment.id);
        }
    }

    /// The values at now, in the order of `COMPARED`; forgets what is older than every window.
    fn values(&mut self, account: u32, now_us: i64) -> [i64; 6] {
        let pasts = self.accounts.entry(account).or_default();
        pasts.retain(|past| past.time_us > now_us - 30 * DAY_US);
        let day = || pasts.iter().filter(|past| past.time_us > now_us - DAY_US);
        let merchants: BTreeSet<u32> = pasts.iter().map(|past| past.merchant).collect();
        [
            day().count() as i64,
            pasts.len() as i64,
            merchants.len() as i64,
            pasts.iter().map(|past| past.minor).max().unwrap_or(0),
            day().map(|past| past.minor).sum(),
            pasts.iter().map(|past| past.minor).sum(),
        ]
    }
}

/// The account with a tenth of all payments.
const HOT: u32 = 0;

/// A stream with its engine and its twin.
struct Run {
    settings: Settings,
    random: ChaCha8Rng,
    stream: Stream,
    scribe: Scribe,
    engine: Engine,
    places: [usize; 6],
    twin: Twin,
    recent: Vec<Keyed>,
    recent_max: usize,
    now_us: i64,
    outcome: Outcome,
}

fn bytes(memory: &EngineMemory) -> usize {
    let state = memory.state;
    let held = state.dictionary + state.families() + state.log + state.side;
    held + memory.ids + memory.answers + memory.corrections
}

impl Run {
    fn new(settings: Settings, store: Option<Box<dyn ChunkStore>>) -> Self {
        let rules: RuleSet = compile("soak.toml", RULES).into_result().unwrap();
        let places =
            COMPARED.map(|name| rules.features.iter().position(|feature| feature.name == name).unwrap());
        let step_us = i64::from(settings.days) * DAY_US / settings.payments as i64;
        let engine = Engine::new(rules, settings.limits, Recording::All);
        Self {
            settings,
            random: ChaCha8Rng::seed_from_u64(100),
            stream: Stream::new(settings.accounts, Draw::Uniform, step_us),
            scribe: Scribe::new(),
            engine: match store {
                None => engine,
                Some(store) => engine.with_store(store),
            },
            places,
            twin: Twin { every: (settings.accounts / SAMPLED).max(2), accounts: BTreeMap::new() },
            recent: Vec::new(),
            recent_max: (RECENT_US / step_us).clamp(1, RECENT_MAX) as usize,
            now_us: 0,
            outcome: Outcome::default(),
        }
    }

    fn payment(&mut self) {
        let random = &mut self.random;
        let account =
            if random.random_bool(0.1) { HOT } else { random.random_range(0..self.settings.accounts) };
        let device = account * 2 + u32::from(random.random_bool(0.2));
        let mut payment = self.stream.payment_of([account, device, random.random_range(0..MERCHANTS)]);
        if random.random_bool(0.01) {
            payment.time_us -= random.random_range(0..LATE_US_MAX);
        }
        self.now_us = self.now_us.max(payment.time_us);
        let answer = self.engine.step(self.scribe.event(&payment));
        assert!(matches!(answer, Answer::Decided(_)), "payment {} got {answer:?}", payment.id);
        if self.twin.samples(account) {
            self.twin.take(&payment);
            self.compare(account);
        }
        let place = payment.id as usize % self.recent_max;
        match self.recent.get_mut(place) {
            Some(held) => *held = payment,
            None => self.recent.push(payment),
        }
    }

    fn compare(&mut self, account: u32) {
        let expected = self.twin.values(account, self.now_us);
        let readings = self.engine.readings();
        for (place, expected) in self.places.into_iter().zip(expected) {
            self.outcome.compared += 1;
            self.outcome.different += u64::from(readings[place].value != Value::Whole(expected));
        }
    }

    /// Sends one of the latest payments again.
    fn repeat(&mut self) {
        let payment = self.recent[self.random.random_range(0..self.recent.len())];
        let answer = self.engine.step(self.scribe.event(&payment));
        assert!(matches!(answer, Answer::Repeated(_)), "the repeat of {} got {answer:?}", payment.id);
    }

    /// Takes one of the latest payments back; a second time changes nothing more.
    fn reverse(&mut self, number: u64) {
        let payment = self.recent[self.random.random_range(0..self.recent.len())];
        let answer = self.engine.step(self.scribe.reversal(number, payment.id, self.now_us));
        assert_eq!(answer, Answer::Taken, "the reversal of {}", payment.id);
        self.twin.reverse(&payment);
    }

    fn tell(&mut self, at: u64, out: &mut impl Write) -> io::Result<()> {
        let memory = self.engine.memory();
        let quarter = at * 4 / self.settings.payments.max(1);
        if let Some(most) =
            (quarter as usize).checked_sub(2).and_then(|at| self.outcome.most_bytes.get_mut(at.min(1)))
        {
            *most = (*most).max(bytes(&memory));
        }
        let mib = |bytes: usize| bytes >> 20;
        let state = memory.state;
        writeln!(
            out,
            "{at} payments, MiB: {} in all; log {}, families {}, dictionary {}, side {}, ids {}, answers {}, corrections {}; {} values compared, {} different",
            mib(bytes(&memory)),
            mib(state.log),
            mib(state.families()),
            mib(state.dictionary),
            mib(state.side),
            mib(memory.ids),
            mib(memory.answers),
            mib(memory.corrections),
            self.outcome.compared,
            self.outcome.different,
        )
    }
}

/// Runs it, telling what is held as it goes.
pub(crate) fn run(
    settings: Settings,
    store: Option<Box<dyn ChunkStore>>,
    out: &mut impl Write,
) -> io::Result<Outcome> {
    let mut run = Run::new(settings, store);
    for at in 1..=settings.payments {
        run.payment();
        if run.random.random_bool(0.005) {
            run.repeat();
        }
        if run.random.random_bool(0.005) {
            run.reverse(at);
        }
        if at % settings.told_every == 0 || at == settings.payments {
            run.tell(at, out)?;
        }
    }
    Ok(run.outcome)
}
