//! A generated stream with labels, late, repeated and corrected events, and rules over it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use weir::backtest::PassRates;
use weir::backtest::data::{DataSet, Settings};
use weir::backtest::evaluate;
use weir::backtest::report::Mode;
use weir::backtest::run::{self, Candidate, WhatIf};
use weir::backtest::sweep::result::{Costs, Objective, Swept};
use weir::backtest::sweep::{Asked, SweepError, Tried, sweep};
use weir::engine::Limits;
use weir::explain::Explainer;
use weir::lists::Lists;
use weir::rates::Rates;
use weir::rules::Sources;

use crate::commands::Folder;
use crate::decisions::Decisions;
use crate::stream::MANIFEST;
use crate::twin::Twin;

pub const RULES: &str = r#"
[ruleset]
name = "swept"
time_zone = "Asia/Ho_Chi_Minh"
currency = "VND"
[params]
big      = { value = 8_000_000, unit = "VND", min = 100_000, max = 50_000_000 }
low      = { value = 500_000, unit = "VND" }
near     = { value = 2_000_000, unit = "VND" }
tier_at  = { value = 6_000_000, unit = "VND" }
spending = { value = 9_000_000, unit = "VND" }
many     = 3
ratio    = 2.5
strict   = false
reach    = "24h"
[features]
spent_24h  = { sum = "amount", by = "account", over = "24h", counts = "asked" }
usual      = { mean = "amount", by = "account", over = "30d", current = false, counts = "asked" }
new_device = { is_new = true, by = ["account", "device"], counts = "asked" }
count_1h   = { count = "*", by = "account", over = "1h" }
near_24h   = { count = "*", by = "customer", over = "reach", where = "amount >= near" }
frauds_30d = { count = "*", by = "payee", over = "30d", label = "fraud" }
[auth.otp]
all = [["otp", "fido"]]
[control]
percent = 20
by = "account"
amount_max = 20_000_000
[tables.risk]
on_unknown = "next"
else = "none"
rows = [
  { when = "amount > tier_at and new_device", is = "high" },
  { when = "amount > tier_at", is = "raised" },
]
[policy]
step_up_at = 40
block_at = 80
auth = "otp"
[[rule]]
id = "new_and_big"
when = "new_device and amount > big"
score = 45
[[rule]]
id = "bursts"
when = "count_1h > many and amount > low"
then = "step_up"
[[rule]]
id = "spends"
when = "spent_24h > spending"
score = 40
[[rule]]
id = "risky"
when = "risk = 'high' or (strict and risk = 'raised')"
then = "block"
[[rule]]
id = "unusual"
when = "amount > ratio * usual"
then = "alert"
on_unknown = "fires"
[[rule]]
id = "often_near"
when = "near_24h > 2 and amount > low"
score = 40
[[rule]]
id = "known"
when = "frauds_30d > 0"
then = "block"
tier = "mandatory"
[[rule]]
id = "small_is_fine"
when = "amount < low"
then = "allow"
tier = "override"
valid_until = 2027-01-01
overrides = ["bursts", "often_near", "risky"]
[[rule]]
id = "tried"
when = "amount > big"
then = "block"
mode = "shadow"
[[rule]]
id = "rolled_out"
when = "amount > spending"
then = "step_up"
rollout = { percent = 50, by = "account" }
"#;

/// The rules with other values in `[params]`, put in as an editor would.
pub fn with_values(rules: &str, values: &[(&str, &str)]) -> String {
    let value = |name: &str| values.iter().find(|(of, _)| *of == name).map(|(_, value)| *value);
    let line = |line: &str| {
        let (name, said) = line.split_once('=')?;
        let value = value(name.trim())?;
        let plain = match value.ends_with(|c: char| c.is_ascii_alphabetic())
            && value.starts_with(|c: char| c.is_ascii_digit())
        {
            true => format!("\"{value}\""),
            false => value.to_owned(),
        };
        Some(match said.contains("value =") {
            true => format!("{name} = {{ value = {plain}, unit = \"VND\" }}"),
            false => format!("{name} = {plain}"),
        })
    };
    let (head, rest) = rules.split_once("[params]\n").unwrap();
    let (params, rest) = rest.split_once("[features]\n").unwrap();
    let params: String =
        params.lines().map(|text| line(text).unwrap_or_else(|| text.to_owned()) + "\n").collect();
    format!("{head}[params]\n{params}[features]\n{rest}")
}

/// The stream with a word of many of its honest payments, which the generator says nothing of: they are genuine, known at the end.
fn labelled(stream: &str) -> String {
    let lines: Vec<Value> = stream.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let text = |line: &Value, key: &str| line[key].as_str().unwrap_or_default().to_owned();
    let of_kind = |kind: &'static str| lines.iter().filter(move |line| line["kind"] == kind);
    let known: BTreeSet<String> = of_kind("label").map(|line| text(line, "transaction")).collect();
    let last_us = lines.iter().filter_map(|line| line["time_us"].as_i64()).max().unwrap();
    let mut all = stream.to_owned();
    let payments: BTreeSet<String> = of_kind("transaction").map(|line| text(line, "id")).collect();
    for (at, payment) in payments.difference(&known).enumerate().filter(|(at, _)| at % 4 != 0) {
        let (id, transaction) = (format!("genuine{at}"), payment);
        let line = json!({ "kind": "label", "time_us": last_us, "id": id, "transaction": transaction, "label": "genuine" });
        all += &format!("{line}\n");
    }
    all
}

pub fn asked(vary: &[&str]) -> Asked {
    Asked {
        vary: vary.iter().map(|vary| vary.parse().unwrap()).collect(),
        exact: false,
        pass: PassRates {
            genuine: 0.9,
            fraud: 0.25,
            by_kind: BTreeMap::from([("takeover".to_owned(), 0.5), ("mule".to_owned(), 1.0)]),
        },
        objective: Objective::Front,
        budget: None,
        costs: Costs { step_up_minor: 1_000.0, alert_minor: 2_000.0, block_minor: 30_000.0 },
        split: 0.6,
        replicates: 20,
        seed: 5,
        warm_us: Some(2 * 86_400_000_000),
        mature_us: 86_400_000_000,
        limits: Limits::default(),
        cache: None,
        threads: 2,
    }
}

/// The same stream of two tenants with equal names and of none, whose payments present methods that the rules know, and of which some
/// stand for others.
fn mixed(stream: &str) -> String {
    let mut lines: Vec<Map<String, Value>> =
        stream.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let number = |line: &Map<String, Value>, key: &str| {
        line.get(key).and_then(Value::as_str).and_then(|name| name.get(1..)?.parse::<u32>().ok())
    };
    let tenant = |person: u32| ["north", "south", ""][person as usize % 3];
    let of_payment: BTreeMap<String, &str> = lines
        .iter()
        .filter(|line| line["kind"] == "transaction")
        .map(|line| (line["id"].as_str().unwrap().to_owned(), number(line, "customer").map_or("", tenant)))
        .collect();
    for line in &mut lines {
        let own = number(line, "customer").or(number(line, "payee")).map(tenant);
        let tenant = own.or(line.get("transaction").and_then(|id| of_payment.get(id.as_str()?).copied()));
        if let Some(tenant) = tenant.filter(|tenant| !tenant.is_empty()) {
            line.insert("tenant".to_owned(), tenant.into());
        }
        for key in ["customer", "account", "payee"] {
            // Three people have one name, each at a tenant of their own.
            if let Some(person) = number(line, key) {
                line.insert(key.to_owned(), format!("{}{}", &key[..1], person / 3).into());
            }
        }
        if line["kind"] == "transaction" {
            let methods: &[&str] = match line["time_us"].as_i64().unwrap() % 5 {
                0 => &["otp"],
                1 => &["pin", "fido"],
                2 => &["pin"],
                3 => &["pin", "otp"],
                _ => &[],
            };
            line.insert("methods".to_owned(), json!(methods));
        }
    }
    lines.into_iter().map(|line| format!("{}\n", Value::Object(line))).collect()
}

/// Some payments stand for five or for two and a half, and some for none, since others stand for them.
const WEIGHTS: &str = "select = \"\"\"select * exclude (weight), case when kind <> 'transaction' then null when id like '%3' then 5.0 when id like '%6' then 2.5 when id like '%8' then 0.0 end as weight from stream\"\"\"";

pub struct History {
    folder: Folder,
    data: DataSet,
}

impl History {
    pub fn new(events: u32, seed: u32) -> Self {
        Self::of(events, seed, MANIFEST, str::to_owned)
    }

    /// One of tenants, of a control group, and of payments that present methods.
    pub fn mixed(events: u32, seed: u32) -> Self {
        let manifest = MANIFEST.replace("from = \"stream\"", WEIGHTS);
        assert_ne!(manifest, MANIFEST);
        Self::of(events, seed, &manifest, mixed)
    }

    fn of(events: u32, seed: u32, manifest: &str, change: fn(&str) -> String) -> Self {
        let folder = Folder::new();
        folder.put("stream.toml", manifest);
        let done = folder.run(&format!(
            "generate --seed {seed} --events {events} --accounts 120 --days 20 --takeover 0.04 --mule 0.04 --card-testing 0.02 --authentications 0.1 --executions 0.5 --reversals 0.03 --late 0.05 --duplicates 0.03 --output stream.ndjson"
        ));
        assert_eq!(done.code, Some(0), "{}", done.err);
        let stream = labelled(&String::from_utf8(folder.read("stream.ndjson")).unwrap());
        folder.put("stream.ndjson", change(&stream));
        let data = DataSet::open(&folder.path("stream.toml"), None, &Settings::default()).unwrap();
        Self { folder, data }
    }

    pub fn sweep(&self, rules: &str, asked: &Asked) -> Result<Swept, SweepError> {
        let tried = Tried {
            sources: Sources::alone("rules.toml", rules),
            lists: Lists::new(0),
            rates: Rates::default(),
        };
        sweep(&self.data, &tried, asked, |_| {}).map(|found| found.swept)
    }

    /// A backtest of a rule file by itself, measured as a sweep was.
    pub fn backtest(&self, rules: &str, swept: &Swept, asked: &Asked) -> Twin {
        let sources = Sources::alone("rules.toml", rules);
        let path: PathBuf = self.folder.path("decisions.parquet");
        let candidate = Candidate {
            rules: sources.compile().into_result().unwrap(),
            lists: Lists::new(0),
            rates: Rates::default(),
            explainer: Arc::new(Explainer::of(&sources).unwrap()),
        };
        let asked = run::Asked {
            what_if: WhatIf { mode: Mode::Observed, seed: 1 },
            evaluate: evaluate::Settings {
                pass: asked.pass.clone(),
                replicates: 0,
                ..evaluate::Settings::default()
            },
            warm_us: Some(swept.measured.warm_us),
            mature_us: asked.mature_us,
            limits: Limits::default(),
            all_features: false,
            decisions: Some(path.clone()),
            cache: None,
            threads: 1,
        };
        let found = run::run(&self.data, candidate, None, &asked, |_| {}).unwrap();
        Twin::new(found, Decisions::read(&path))
    }

    pub fn folder(&self) -> &Folder {
        &self.folder
    }
}
