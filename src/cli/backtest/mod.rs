//! `weir backtest`: what a rule set would have done on history.

mod summary;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, bail};
use clap::ValueEnum;
use weir::backtest::data::DataSet;
use weir::backtest::report::{Counted, Data, Evaluation, Measured, Mode, PassRate, Report, RulesRun};
use weir::backtest::run::{Asked, Candidate, Found, WhatIf, run as backtest};
use weir::backtest::{PassRates, evaluate, html};
use weir::diff::{changes, lists_not_compared, report, text};
use weir::engine::{Limits, VERSION};
use weir::explain::Explainer;
use weir::io::RealDisk;
use weir::money::decimals;
use weir::rules::{Description, RuleSet};
use weir::time::{format_duration, parse_duration};

use super::asks::Asks;
use super::progress::Progress;
use super::reading::{Reading, is_same_file};
use super::{Verdict, rule_file};

const DECISIONS: &str = "decisions.parquet";
const JSON: &str = "report.json";
const HTML: &str = "report.html";
const OUTPUTS: [&str; 3] = [DECISIONS, JSON, HTML];

/// Try a rule set on months of history
///
/// Runs every event of a data set through the engine, as it would have been served, and writes into a folder what was decided
/// (decisions.parquet, with the features that rules read), what that is worth (report.json) and the same to look at (report.html).
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  weir backtest --rules rules/retail.toml --data datasets/generated.toml --out tried\n  weir backtest --rules new.toml --against rules/retail.toml --data datasets/generated.toml --out tried\n  weir backtest --rules new.toml --data datasets/handbook.toml --root ~/handbook --mature 7d --out tried\n  weir backtest --rules new.toml --data journal.toml --what-if simulated --fraud-pass 0.1 --fraud-pass scam=0.9 --out tried\n  weir query \"select outcome, label, count(*) from decisions group by all\" --backtest tried"
)]
pub(crate) struct Args {
    /// The rule file that is tried
    #[arg(long, short, value_name = "FILE")]
    rules: PathBuf,
    /// The rule file that it is held against
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// The data set's manifest
    #[arg(long, short, value_name = "FILE")]
    data: PathBuf,
    /// The folder that the manifest's files are in; by default its own
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// The folder for what comes of it; what an earlier backtest left there is replaced
    #[arg(long, short, value_name = "DIR")]
    out: PathBuf,
    /// What becomes of payments that the rules stop
    #[arg(long, value_enum, default_value_t = Happens::Observed)]
    what_if: Happens,
    /// The share of genuine customers who pass a step-up
    #[arg(long, value_name = "SHARE", default_value_t = 0.95, value_parser = share)]
    genuine_pass: f64,
    /// The share of frauds that pass a step-up, above 0, or KIND=SHARE for a kind of fraud; may be given several times [default: 0.2]
    #[arg(long, value_name = "SHARE", value_parser = pass_rate)]
    fraud_pass: Vec<(Option<String>, f64)>,
    /// Nothing before this time has passed is measured; by default the longest window of the rules
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    warm: Option<i64>,
    /// Nothing of this time before the end is measured: its labels may still come
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "0s")]
    mature: i64,
    /// How many accounts are looked at a day, for the card precision
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    k: u32,
    /// Replicates of the bootstrap behind the intervals; 0 for none
    #[arg(long, value_name = "N", default_value_t = 200)]
    replicates: u32,
    /// What the bootstrap and who passes a step-up are drawn from
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Write every feature, not only those that rules read
    #[arg(long)]
    features: bool,
    /// Leave decisions.parquet out
    #[arg(long, conflicts_with = "features")]
    no_decisions: bool,
    #[command(flatten)]
    reading: Reading,
    #[command(flatten)]
    asks: Asks,
}

#[derive(Clone, Copy, ValueEnum)]
enum Happens {
    /// They went on as in history: the state is as it happened
    Observed,
    /// They did not happen, and of those stepped up only the share that passes
    Simulated,
}

impl Happens {
    const fn mode(self) -> Mode {
        match self {
            Self::Observed => Mode::Observed,
            Self::Simulated => Mode::Simulated,
        }
    }
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse::<f64>().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "give a share from 0 to 1, such as 0.2".to_owned())
}

fn pass_rate(text: &str) -> Result<(Option<String>, f64), String> {
    let (kind, text) = text.split_once('=').map_or((None, text), |(kind, text)| (Some(kind), text));
    if kind.is_some_and(str::is_empty) {
        return Err("say which kind of fraud, as in scam=0.9".to_owned());
    }
    let share = share(text)?;
    if share == 0.0 {
        return Err("give a share above 0: no step-up holds back every fraud".to_owned());
    }
    Ok((kind.map(str::to_owned), share))
}

/// Who passes a step-up.
fn pass_rates(args: &Args) -> anyhow::Result<PassRates> {
    let mut pass = PassRates { genuine: args.genuine_pass, ..PassRates::default() };
    let mut plain = false;
    for (kind, share) in &args.fraud_pass {
        let again = match kind {
            Some(kind) => pass.by_kind.insert(kind.clone(), *share).is_some(),
            None => {
                pass.fraud = *share;
                std::mem::replace(&mut plain, true)
            }
        };
        if again {
            let of = kind.as_ref().map_or_else(String::new, |kind| format!(" of `{kind}`"));
            bail!("--fraud-pass{of} is given twice; give it once");
        }
    }
    Ok(pass)
}

/// Says which shares were given for kinds of fraud that nobody was measured with.
fn tell_strange_kinds(pass: &PassRates, measured: &Measured, out: &mut impl Write) -> std::io::Result<()> {
    let known: Vec<&str> = measured.fraud_kinds.iter().map(|kind| kind.name.as_str()).collect();
    for kind in pass.by_kind.keys().filter(|kind| !known.contains(&kind.as_str())) {
        let kinds = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        writeln!(
            out,
            "no fraud of the kind `{kind}` was measured, so its --fraud-pass changed nothing; kinds are: {kinds}"
        )?;
    }
    Ok(())
}

fn duration(text: &str) -> Result<i64, String> {
    // Nothing is no duration of a rule file, and one here.
    if text.trim_start_matches('0').len() <= 1 && text.starts_with('0') {
        return Ok(0);
    }
    parse_duration(text).map_err(|error| error.to_string())
}

/// A rule file that is tried.
struct Tried {
    file: String,
    rules: RuleSet,
    description: Description,
}

impl Tried {
    /// The file, and what runs it.
    fn load(path: &Path) -> anyhow::Result<(Self, Candidate)> {
        let rules = rule_file::load(path)?;
        let sources = rule_file::read(path)?;
        let (_, description) = sources.describe()?;
        let candidate = Candidate {
            rules: rules.clone(),
            lists: rule_file::lists(path, &rules)?,
            rates: rule_file::rates(path, &rules)?,
            explainer: Explainer::of(&sources)?,
        };
        Ok((Self { file: path.display().to_string(), rules, description }, candidate))
    }

    fn ran(&self, result: Evaluation) -> RulesRun {
        let (name, hash) = (self.rules.name.clone(), rule_file::hash(&self.rules));
        RulesRun { name, file: self.file.clone(), hash, result }
    }
}

#[expect(clippy::disallowed_methods, reason = "the summary says how long it took")]
pub(crate) fn run(args: &Args) -> anyhow::Result<Verdict> {
    let start = Instant::now();
    let (new, candidate) = Tried::load(&args.rules)?;
    let (old, against) = args.against.as_deref().map(Tried::load).transpose()?.unzip();
    if let Some(old) = old.as_ref().filter(|old| old.rules.currency != new.rules.currency) {
        bail!(
            "{} is in {} and {} in {}: money of the two can't be compared",
            new.file,
            new.rules.currency.code(),
            old.file,
            old.rules.currency.code()
        );
    }
    let asked = asked(args)?;
    std::fs::create_dir_all(&args.out).with_context(|| format!("can't make {}", args.out.display()))?;
    let data = DataSet::open(&args.data, args.root.as_deref(), &args.reading.settings())?;
    for journal in data.journals() {
        args.asks.put_down(&RealDisk, journal, "backtest")?;
    }
    let inputs =
        data.paths()?.into_iter().chain([args.data.clone(), args.rules.clone()]).chain(args.against.clone());
    for input in inputs {
        if let Some(output) =
            OUTPUTS.map(|name| args.out.join(name)).iter().find(|output| is_same_file(&input, output))
        {
            bail!("{} is read by the backtest, which would replace it; give another --out", output.display());
        }
    }
    let mut progress = Progress::new("trying", None);
    let found = backtest(&data, candidate, against, &asked, |rows| progress.reached(rows))?;
    progress.finish();
    if found.measured.payments == 0 {
        bail!("{}", nothing_measured(&found));
    }
    let rows = found.events.read;
    tell_strange_kinds(&asked.evaluate.pass, &found.measured, &mut anstream::stderr())?;
    let report = told(&data, (&new, old.as_ref()), &asked, found)?;
    write(&args.out.join(JSON), &serde_json::to_vec_pretty(&report)?)?;
    write(&args.out.join(HTML), html(&report).as_bytes())?;
    if args.no_decisions {
        // Those of an earlier backtest would not be this one's; what is not there need not go.
        let _ = std::fs::remove_file(args.out.join(DECISIONS));
    }
    let mut out = anstream::stdout().lock();
    summary::summary(&report, &mut out)?;
    let seconds = start.elapsed().as_secs_f64();
    writeln!(
        anstream::stderr(),
        "{rows} events, {seconds:.2} s, {:.0} events a second; {} has the report",
        rows as f64 / seconds,
        args.out.join(HTML).display()
    )?;
    Ok(Verdict::Clean)
}

fn asked(args: &Args) -> anyhow::Result<Asked> {
    Ok(Asked {
        evaluate: evaluate::Settings {
            pass: pass_rates(args)?,
            k: args.k,
            replicates: args.replicates,
            seed: args.seed,
            ..evaluate::Settings::default()
        },
        what_if: WhatIf { mode: args.what_if.mode(), seed: args.seed },
        warm_us: args.warm,
        mature_us: args.mature,
        limits: Limits::default(),
        all_features: args.features,
        decisions: (!args.no_decisions).then(|| args.out.join(DECISIONS)),
    })
}

fn nothing_measured(found: &Found) -> String {
    let Measured { warming, immature, warm_us, mature_us, .. } = found.measured;
    if warming + immature == 0 {
        let mut why: Vec<&Counted> = found.events.bad_rows.iter().chain(&found.events.refused).collect();
        why.sort_by_key(|counted| std::cmp::Reverse(counted.count));
        let why = why.iter().take(3).map(|counted| format!("; {} times: {}", counted.count, counted.name));
        return format!(
            "no payment was decided: {} events were read{}; `weir data check` says more of the data",
            found.events.read,
            why.collect::<String>()
        );
    }
    format!(
        "nothing is measured: {warming} payments came before windows were warm ({}), {immature} are too young for their labels ({}); give less with --warm and --mature",
        format_duration(warm_us),
        format_duration(mature_us)
    )
}

/// All of it, for the files and the terminal.
fn told(
    data: &DataSet,
    (new, old): (&Tried, Option<&Tried>),
    asked: &Asked,
    found: Found,
) -> anyhow::Result<Report> {
    let Found { result, against, comparison, measured, events, prevented } = found;
    let manifest = data.manifest();
    let currency = new.rules.currency;
    let (first_us, last_us) = events.times_us.unzip();
    let pass = &asked.evaluate.pass;
    let changes = old.zip(comparison).map(|(old, comparison)| {
        let found = changes((&old.rules, &old.description), (&new.rules, &new.description));
        let lists = lists_not_compared(&old.description, &new.description);
        comparison.finish(text(&report(&new.rules, &found, &lists, None)))
    });
    Ok(Report {
        weir: env!("CARGO_PKG_VERSION").to_owned(),
        engine: VERSION.to_owned(),
        command: command(),
        data: Data {
            name: manifest.name.clone(),
            about: manifest.about.clone(),
            sha256: data.sha256()?,
            files: data.files()?,
            time_zone: manifest.time_zone.clone(),
            currency: currency.code().to_owned(),
            decimals: u8::try_from(decimals(currency)).unwrap_or(0),
            events: events.read,
            kinds: events.kinds,
            bad_rows: events.bad_rows,
            refused: events.refused,
            repeated: events.repeated,
            first_us,
            last_us,
        },
        what_if: weir::backtest::report::WhatIf {
            mode: asked.what_if.mode,
            genuine_pass: pass.genuine,
            fraud_pass: pass.fraud,
            fraud_pass_by_kind: pass
                .by_kind
                .iter()
                .map(|(kind, share)| PassRate { kind: kind.clone(), share: *share })
                .collect(),
            seed: asked.what_if.seed,
            prevented: prevented.0,
            left_out: prevented.1,
        },
        measured,
        rules: new.ran(result),
        against: old.zip(against).map(|(old, result)| old.ran(result)),
        changes,
    })
}

/// The command as it was given, for a shell.
fn command() -> String {
    let quoted = |word: String| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
        if !word.is_empty() && word.chars().all(plain) {
            word
        } else {
            format!("'{}'", word.replace('\'', "'\\''"))
        }
    };
    let words = std::env::args_os().skip(1).map(|word| quoted(word.to_string_lossy().into_owned()));
    std::iter::once("weir".to_owned()).chain(words).collect::<Vec<_>>().join(" ")
}

fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let part = path.with_extension("part");
    let written = std::fs::write(&part, bytes).and_then(|()| std::fs::rename(&part, path));
    written.with_context(|| format!("can't write {}", path.display()))
}
