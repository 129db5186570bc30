//! Streams in which it is known where the frauds are, and rules that miss them.

use std::collections::VecDeque;
use std::fmt::Write;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use weir::backtest::PassRates;
use weir::backtest::data::{DataSet, Settings};
use weir::backtest::suggest::result::{Suggested, Weighs};
use weir::backtest::suggest::{Asked, SuggestError, suggest};
use weir::backtest::sweep::Tried;
use weir::backtest::sweep::result::Costs;
use weir::engine::Limits;
use weir::lists::Lists;
use weir::rates::Rates;
use weir::rules::Sources;

use crate::commands::Folder;
use crate::stream::MANIFEST;

pub const RULES: &str = r#"[ruleset]
name = "tried"
time_zone = "Asia/Ho_Chi_Minh"
currency = "VND"
[fields]
age = "integer"
[params]
huge = { value = 15_000_000, unit = "VND" }
[features]
count_1h   = { count = "*", by = "account", over = "1h" }
spent_1d   = { sum = "amount", by = "account", over = "1d" }
usual      = { mean = "amount", by = "account", over = "30d", current = false, counts = "asked" }
new_device = { is_new = true, by = ["account", "device"], counts = "asked" }
since      = { since = "last", by = "account", counts = "asked" }
[policy]
step_up_at = 50
[[rule]]
id = "huge"
when = "amount > huge"
then = "block"
[[rule]]
id = "rests"
when = "count_1h > 6"
then = "alert"
[[rule]]
id = "young"
when = "age < 1"
score = 5
"#;

const HOUR_US: i64 = 3_600_000_000;
/// 2026-01-10 in Vietnam.
pub const START_US: i64 = 1_767_978_000_000_000;
const DAYS: i64 = 20;

/// A payment as whoever labels it sees it.
pub struct Payment<'p> {
    pub at: usize,
    pub amount: i64,
    pub portal: &'p str,
    pub age: i64,
    /// Payments of its account in the hour that ends with it.
    pub count_1h: usize,
    /// A draw of its own, below 1,000.
    pub lot: u64,
}

/// Many payments of many accounts, each with what is said of it: `Some(true)` is fraud.
pub fn stream(payments: usize, seed: u64, label: impl Fn(&Payment<'_>) -> Option<bool>) -> String {
    let mut chance = ChaCha8Rng::seed_from_u64(seed);
    let mut drawn = move |below: u64| chance.next_u64() % below;
    let mut recent: Vec<VecDeque<i64>> = vec![VecDeque::new(); 150];
    let (mut lines, mut labels) = (String::new(), String::new());
    let end_us = START_US + DAYS * 24 * HOUR_US;
    let mut account = 0;
    for at in 0..payments {
        let time_us = START_US + (end_us - START_US) / payments as i64 * at as i64;
        // Accounts pay in rows.
        if drawn(4) == 0 {
            account = drawn(150) as usize;
        }
        let amount =
            [50, 100, 300, 800, 1_000, 3_000, 5_000, 7_000, 9_000, 20_000][drawn(10) as usize] * 1_000;
        let portal = ["shop", "games", "bills", "travel"][drawn(4) as usize];
        let (age, device) = (drawn(40) as i64, drawn(3));
        let recent = &mut recent[account];
        recent.retain(|&before_us| before_us > time_us - HOUR_US);
        recent.push_back(time_us);
        writeln!(
            lines,
            r#"{{"kind":"transaction","id":"p{at}","time_us":{time_us},"amount_minor":{amount},"currency":"VND","account":"a{account}","customer":"c{}","device":"d{device}","portal":"{portal}","extra":{{"age":{age}}}}}"#,
            account / 2
        )
        .unwrap();
        let payment = Payment { at, amount, portal, age, count_1h: recent.len(), lot: drawn(1_000) };
        if let Some(fraud) = label(&payment) {
            let label = if fraud { "fraud" } else { "genuine" };
            writeln!(labels, r#"{{"kind":"label","id":"l{at}","time_us":{end_us},"transaction":"p{at}","label":"{label}"}}"#).unwrap();
        }
    }
    lines + &labels
}

/// What the first rule that is to be found says.
pub fn rush(payment: &Payment<'_>) -> bool {
    payment.amount >= 5_000_000 && payment.count_1h >= 4
}

/// What the second one says; the two have nothing in common.
pub fn games(payment: &Payment<'_>) -> bool {
    payment.amount < 5_000_000 && payment.portal == "games" && payment.age <= 2
}

pub fn asked() -> Asked {
    Asked {
        rules_max: 5,
        conditions_max: 3,
        precision_min: 0.1,
        accounts_min: 5,
        objective: Weighs::Frauds,
        pass: PassRates { genuine: 0.9, fraud: 0.25, ..PassRates::default() },
        costs: Costs { step_up_minor: 1_000.0, alert_minor: 2_000.0, block_minor: 30_000.0 },
        split: 0.6,
        replicates: 100,
        seed: 5,
        warm_us: Some(24 * HOUR_US),
        mature_us: 0,
        limits: Limits::default(),
        extends: "../rules.toml".to_owned(),
    }
}

/// A stream on disk, with the rules beside it.
pub struct History {
    pub folder: Folder,
}

impl History {
    pub fn new(stream: &str) -> Self {
        let folder = Folder::new();
        folder.put("stream.toml", MANIFEST);
        folder.put("stream.ndjson", stream);
        folder.put("rules.toml", RULES);
        Self { folder }
    }

    pub fn data(&self, threads: usize) -> DataSet {
        let settings = Settings { threads, batch_rows: 700, ..Settings::default() };
        DataSet::open(&self.folder.path("stream.toml"), None, &settings).unwrap()
    }

    pub fn suggest(&self, rules: &str, asked: &Asked) -> Suggested {
        self.suggest_on(rules, asked, 2).unwrap()
    }

    pub fn suggest_on(&self, rules: &str, asked: &Asked, threads: usize) -> Result<Suggested, SuggestError> {
        let tried = Tried {
            sources: Sources::alone("rules.toml", rules),
            lists: Lists::new(0),
            rates: Rates::default(),
        };
        suggest(&self.data(threads), &tried, asked, |_| {}).map(|found| found.suggested)
    }
}
