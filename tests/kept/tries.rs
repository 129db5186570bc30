//! Tries of a rule file over a stream, each with and without what is kept.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use serde_json::Value;
use weir::backtest::data::{DataSet, Settings};
use weir::backtest::report::Mode;
use weir::backtest::run::{Asked, Candidate, Found, WhatIf, run};
use weir::backtest::sweep::result::{Costs, Objective};
use weir::backtest::sweep::{self, Tried};
use weir::backtest::{Cache, Kept, PassRates, evaluate};
use weir::engine::Limits;
use weir::explain::Explainer;
use weir::io::load_lists;
use weir::rates::Rates;
use weir::rules::Sources;

use crate::commands::Folder;
use crate::stream::MANIFEST;

const DAY_US: i64 = 86_400_000_000;

pub const RULES: &str = r#"
[ruleset]
name = "kept"
time_zone = "Asia/Ho_Chi_Minh"
currency = "VND"
remember = "40d"
[rates]
otherwise = "block"
[params]
big = { value = 8_000_000, unit = "VND", min = 1, max = 50_000_000 }
low = { value = 500_000, unit = "VND" }
near = { value = 2_000_000, unit = "VND" }
tier_at = { value = 6_000_000, unit = "VND" }
[lists]
watched = { key = "payee", file = "watched.txt" }
[features]
spent_24h  = { sum = "amount", by = "account", over = "24h", counts = "asked" }
usual      = { mean = "amount", by = "account", over = "30d", current = false, counts = "asked" }
new_device = { is_new = true, by = ["account", "device"], counts = "asked" }
count_1h   = { count = "*", by = "account", over = "1h" }
near_24h   = { count = "*", by = "customer", over = "24h", where = "amount >= near" }
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
when = "count_1h > 3 and amount > low"
then = "step_up"
[[rule]]
id = "spends"
when = "spent_24h > 9000000"
score = 40
[[rule]]
id = "risky"
when = "risk = 'high' or payee in watched"
then = "block"
[[rule]]
id = "unusual"
when = "amount > 2.5 * usual and near_24h > 1"
then = "alert"
on_unknown = "fires"
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
overrides = ["bursts", "risky"]
[[rule]]
id = "tried"
when = "amount > big and hour < 6"
then = "block"
mode = "shadow"
"#;

/// One try.
#[derive(Clone, Debug)]
pub struct Try {
    pub rules: String,
    pub watched: String,
    pub program: String,
    /// Payments at the end of the stream that are not there.
    pub left_out: usize,
    /// Whether every payment says what it was answered.
    pub answered: bool,
    /// Whose events they are.
    pub tenant: Option<&'static str>,
    /// Whether one payment is in another currency.
    pub foreign: bool,
    pub seed: u64,
    pub warm_days: i64,
    pub mature_days: i64,
    pub bytes_max: u64,
}

impl Default for Try {
    fn default() -> Self {
        Self {
            rules: RULES.to_owned(),
            watched: "a000001\na000002\n".to_owned(),
            program: "this".to_owned(),
            left_out: 0,
            answered: false,
            tenant: None,
            foreign: false,
            seed: 1,
            warm_days: 2,
            mature_days: 1,
            bytes_max: 1 << 30,
        }
    }
}

impl Try {
    /// With another text in the place of one.
    pub fn edited(&self, from: &str, to: &str) -> Self {
        assert!(self.rules.contains(from), "no {from}");
        Self { rules: self.rules.replace(from, to), ..self.clone() }
    }

    /// With another amount of a parameter.
    pub fn with(&self, parameter: &str, minor: u64) -> Self {
        let start = self.rules.find(&format!("\n{parameter} = ")).unwrap() + 1;
        let end = start + self.rules[start..].find('\n').unwrap();
        let line = format!("{parameter} = {{ value = {minor}, unit = \"VND\" }}");
        Self { rules: [&self.rules[..start], &line, &self.rules[end..]].concat(), ..self.clone() }
    }
}

/// A stream with a cache.
pub struct Bench {
    folder: Folder,
    stream: Vec<Value>,
}

impl Bench {
    pub fn new(events: u32, seed: u32) -> Self {
        let folder = Folder::new();
        folder.put("stream.toml", MANIFEST);
        let done = folder.run(&format!(
            "generate --seed {seed} --events {events} --accounts 60 --days 12 --takeover 0.04 --mule 0.04 --card-testing 0.02 --executions 0.4 --reversals 0.03 --late 0.05 --duplicates 0.03 --output all.ndjson"
        ));
        assert_eq!(done.code, Some(0), "{}", done.err);
        let stream = String::from_utf8(folder.read("all.ndjson")).unwrap();
        let stream = stream.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        Self { folder, stream }
    }

    /// Tries with and without what is kept: nothing may differ but what became of that.
    pub fn holds(&self, one: &Try) -> Kept {
        let with = self.found(one, true);
        let without = self.found(one, false);
        assert_eq!(without.kept, Kept::Off);
        assert!(without.measured.payments > 0 && !without.result.examples.is_empty());
        let all = |found: &Found| {
            let Found { result, measured, events, prevented, .. } = found;
            format!("{result:#?}{measured:#?}{events:#?}{prevented:?}")
        };
        let (with_all, without_all) = (all(&with), all(&without));
        for (at, (is, should)) in with_all.lines().zip(without_all.lines()).enumerate() {
            assert_eq!(is, should, "line {at}, {:?}", with.kept);
        }
        assert_eq!(with_all.len(), without_all.len());
        with.kept
    }

    /// Tries by the program, all at once with one cache and each alone without: the reports are the same. What each said.
    pub fn at_once(&self, tries: &[Try]) -> Vec<String> {
        let report = |out: &str| {
            let mut report: Value =
                serde_json::from_slice(&self.folder.read(&format!("{out}/report.json"))).unwrap();
            report.as_object_mut().unwrap().remove("command").unwrap();
            report
        };
        let line = |at: usize, out: &str| {
            format!(
                "backtest --rules {at}.toml --data stream.toml --out {out} --warm 2d --replicates 20 --no-decisions"
            )
        };
        self.data(&tries[0]);
        for (at, one) in tries.iter().enumerate() {
            self.folder.put(&format!("{at}.toml"), &one.rules);
            let plain = self.folder.run(&line(at, &format!("plain{at}")));
            assert_eq!(plain.code, Some(0), "{}", plain.err);
        }
        let spawn = |at: usize| {
            let line = format!("{} --cache shared", line(at, &format!("kept{at}")));
            self.folder.command(&line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        };
        let running: Vec<_> = (0..tries.len()).map(spawn).collect();
        let done = running.into_iter().enumerate().map(|(at, child)| {
            let done = child.wait_with_output().unwrap();
            let said = [done.stdout, done.stderr].map(|said| String::from_utf8(said).unwrap()).concat();
            assert_eq!(done.status.code(), Some(0), "{said}");
            assert_eq!(report(&format!("kept{at}")), report(&format!("plain{at}")), "{said}");
            said
        });
        done.collect()
    }

    fn data(&self, one: &Try) -> DataSet {
        self.folder.put("rules.toml", &one.rules);
        self.folder.put("watched.txt", &one.watched);
        self.folder.put("stream.ndjson", self.text(one));
        DataSet::open(&self.folder.path("stream.toml"), None, &Settings::default()).unwrap()
    }

    fn cache(&self, one: &Try, cached: bool) -> Option<Cache> {
        cached.then(|| Cache {
            folder: self.folder.path("cache"),
            program: one.program.clone(),
            bytes_max: one.bytes_max,
        })
    }

    /// Sweeps with and without what is kept: nothing may differ but what became of that, which is told by engine.
    pub fn sweep_holds(&self, one: &Try, vary: &[&str]) -> Vec<Kept> {
        let swept = |cached| {
            let data = self.data(one);
            let sources = Sources::alone("rules.toml", &one.rules);
            let rules = sources.compile().into_result().unwrap();
            let lists = load_lists(&rules, &self.folder.path("")).unwrap();
            let asked = sweep::Asked {
                vary: vary.iter().map(|vary| vary.parse().unwrap()).collect(),
                exact: false,
                pass: PassRates::default(),
                objective: Objective::Cost,
                budget: Some(20.0),
                costs: Costs { step_up_minor: 1_000.0, alert_minor: 2_000.0, block_minor: 30_000.0 },
                split: 0.6,
                replicates: 10,
                seed: one.seed,
                warm_us: Some(one.warm_days * DAY_US),
                mature_us: one.mature_days * DAY_US,
                limits: Limits::default(),
                cache: self.cache(one, cached),
                threads: 2,
            };
            sweep::sweep(&data, &Tried { sources, lists, rates: Rates::default() }, &asked, |_| {}).unwrap()
        };
        let (with, without) = (swept(true), swept(false));
        assert!(without.kept.iter().all(|kept| *kept == Kept::Off));
        let flagged = |at: usize| with.swept.combinations[at].tuning.flagged;
        assert!((0..with.swept.combinations.len()).any(|at| flagged(at) != flagged(0)), "all do the same");
        assert_eq!(format!("{:#?}", with.swept), format!("{:#?}", without.swept));
        assert_eq!(with.events, without.events);
        with.kept
    }

    fn found(&self, one: &Try, cached: bool) -> Found {
        let data = self.data(one);
        let sources = Sources::alone("rules.toml", &one.rules);
        let rules = sources.compile().into_result().unwrap();
        let candidate = Candidate {
            lists: load_lists(&rules, &self.folder.path("")).unwrap(),
            rules,
            rates: Rates::default(),
            explainer: Arc::new(Explainer::of(&sources).unwrap()),
        };
        let asked = Asked {
            what_if: WhatIf { mode: Mode::Observed, seed: 1 },
            evaluate: evaluate::Settings {
                replicates: 20,
                seed: one.seed,
                threads: if cached { 3 } else { 1 },
                ..evaluate::Settings::default()
            },
            warm_us: Some(one.warm_days * DAY_US),
            mature_us: one.mature_days * DAY_US,
            limits: Limits::default(),
            all_features: false,
            decisions: None,
            cache: self.cache(one, cached),
            threads: 2,
        };
        run(&data, candidate, None, &asked, |_| {}).unwrap()
    }

    fn text(&self, one: &Try) -> String {
        let mut lines = self.stream.clone();
        lines.truncate(lines.len() - one.left_out);
        for line in lines.iter_mut().filter(|line| line["kind"] != "clock") {
            one.tenant.iter().for_each(|&tenant| line["tenant"] = tenant.into());
        }
        let payments = lines.iter_mut().filter(|line| line["kind"] == "transaction");
        for (at, line) in payments.enumerate() {
            if one.answered {
                line["answered"] = ["allow", "allow", "step_up", "allow", "block"][at % 5].into();
            }
            if one.foreign && at == 40 {
                line["currency"] = "USD".into();
                line["rate"] = "25000".into();
                line["amount_minor"] = 1_000.into();
            }
        }
        lines.iter().map(|line| format!("{line}\n")).collect()
    }

    /// How much is kept.
    pub fn kept_bytes(&self) -> u64 {
        self.kept_files().iter().map(|file| file.metadata().unwrap().len()).sum()
    }

    /// All files that are kept.
    pub fn kept_files(&self) -> Vec<PathBuf> {
        let folders = fs::read_dir(self.folder.path("cache")).unwrap().map(|entry| entry.unwrap().path());
        let files =
            folders.flat_map(|folder| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()));
        let mut files: Vec<PathBuf> = files.collect();
        files.sort();
        files
    }
}

pub fn flip(path: &Path) {
    let Ok(mut bytes) = fs::read(path) else { return };
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x40;
    fs::write(path, bytes).unwrap();
}

pub fn cut(path: &Path) {
    let Ok(bytes) = fs::read(path) else { return };
    fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
}

pub fn remove(path: &Path) {
    let _ = fs::remove_file(path);
}
