//! `weir backtest`: what a rule set would have done on history.

mod summary;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, bail};
use clap::ValueEnum;
use weir::backtest::data::DataSet;
use weir::backtest::report::{Evaluation, Measured, Mode, Report, RulesRun};
use weir::backtest::run::{Asked, Candidate, Found, WhatIf, run as backtest};
use weir::backtest::sweep::result::SweepReport;
use weir::backtest::{evaluate, html};
use weir::diff::{changes, lists_not_compared, report, text};
use weir::engine::{Limits, VERSION};
use weir::explain::Explainer;
use weir::rules::{Description, RuleSet};
use weir::time::format_duration;

use super::history::{
    History, Keeping, by_kind, command, described, tell_kept, tell_strange_kinds, why_nothing, write,
};
use super::progress::Progress;
use super::{Verdict, rule_file};

const DECISIONS: &str = "decisions.parquet";
const JSON: &str = "report.json";
const HTML: &str = "report.html";

/// Try a rule set on months of history
///
/// Runs every event of a data set through the engine, as it would have been served, and writes into a folder what was decided
/// (decisions.parquet, with the features that rules read), what that is worth (report.json) and the same to look at (report.html).
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  weir backtest --rules rules/retail.toml --data datasets/generated.toml --out tried\n  weir backtest --rules new.toml --against rules/retail.toml --data datasets/generated.toml --out tried\n  weir backtest --rules new.toml --data datasets/handbook.toml --root ~/handbook --mature 7d --out tried\n  weir backtest --rules new.toml --data journal.toml --what-if simulated --fraud-pass 0.1 --fraud-pass scam=0.9 --out tried\n  weir backtest --rules new.toml --against rules/retail.toml --sweep swept/sweep.json --data datasets/generated.toml --out tried\n  weir query \"select outcome, label, count(*) from decisions group by all\" --backtest tried"
)]
pub(crate) struct Args {
    /// The rule file that is tried
    #[arg(long, short, value_name = "FILE")]
    rules: PathBuf,
    /// The rule file that it is held against
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// The sweep.json of a sweep of either rule file on the same data, to be shown in the report
    #[arg(long, value_name = "FILE")]
    sweep: Option<PathBuf>,
    #[command(flatten)]
    history: History,
    #[command(flatten)]
    keeping: Keeping,
    /// What becomes of payments that the rules stop
    #[arg(long, value_enum, default_value_t = Happens::Observed)]
    what_if: Happens,
    /// How many accounts are looked at a day, for the card precision
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    k: u32,
    /// Write every feature, not only those that rules read
    #[arg(long)]
    features: bool,
    /// Leave decisions.parquet out
    #[arg(long, conflicts_with = "features")]
    no_decisions: bool,
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
            explainer: Arc::new(Explainer::of(&sources)?),
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
    let swept = args.sweep.as_deref().map(|path| read_sweep(path, &new, old.as_ref())).transpose()?;
    let inputs: Vec<&Path> =
        std::iter::once(&args.rules).chain(&args.against).chain(&args.sweep).map(PathBuf::as_path).collect();
    let data = args.history.open("backtest", &inputs, &[DECISIONS, JSON, HTML])?;
    if let Some(swept) = &swept {
        swept.is_of_data(&data.manifest().name, &data.sha256()?)?;
    }
    let mut progress = Progress::new("trying", None);
    let found = backtest(&data, candidate, against, &asked, |rows| progress.reached(rows))?;
    progress.finish();
    if found.measured.payments == 0 {
        bail!("{}", nothing_measured(&found));
    }
    let rows = found.events.read;
    tell_strange_kinds(&asked.evaluate.pass, &found.measured.fraud_kinds, &mut anstream::stderr())?;
    tell_kept(&found.kept, &mut anstream::stderr())?;
    let report = Report { sweep: swept, ..told(&data, (&new, old.as_ref()), &asked, found)? };
    write(&args.history.out.join(JSON), &serde_json::to_vec_pretty(&report)?)?;
    write(&args.history.out.join(HTML), html(&report).as_bytes())?;
    if args.no_decisions {
        // Those of an earlier backtest would not be this one's; what is not there need not go.
        let _ = std::fs::remove_file(args.history.out.join(DECISIONS));
    }
    let mut out = anstream::stdout().lock();
    summary::summary(&report, &mut out)?;
    let seconds = start.elapsed().as_secs_f64();
    writeln!(
        anstream::stderr(),
        "{rows} events, {seconds:.2} s, {:.0} events a second; {} has the report",
        rows as f64 / seconds,
        args.history.out.join(HTML).display()
    )?;
    Ok(Verdict::Clean)
}

/// A sweep of one of the rule sets that are tried.
fn read_sweep(path: &Path, new: &Tried, old: Option<&Tried>) -> anyhow::Result<SweepReport> {
    let bytes = std::fs::read(path).with_context(|| format!("can't read {}", path.display()))?;
    let swept: SweepReport = serde_json::from_slice(&bytes).with_context(|| {
        format!("{} is no sweep.json of this program; write it again with `weir sweep`", path.display())
    })?;
    let hashes: Vec<(&str, String)> = [Some(new), old]
        .into_iter()
        .flatten()
        .map(|tried| (&*tried.file, rule_file::hash(&tried.rules)))
        .collect();
    swept.is_of_rules(&hashes.iter().map(|(file, hash)| (*file, &**hash)).collect::<Vec<_>>())?;
    Ok(swept)
}

fn asked(args: &Args) -> anyhow::Result<Asked> {
    Ok(Asked {
        evaluate: evaluate::Settings {
            pass: args.history.pass_rates()?,
            k: args.k,
            replicates: args.history.replicates,
            seed: args.history.seed,
            threads: args.history.threads(),
            ..evaluate::Settings::default()
        },
        what_if: WhatIf { mode: args.what_if.mode(), seed: args.history.seed },
        warm_us: args.history.warm,
        mature_us: args.history.mature,
        limits: Limits::default(),
        all_features: args.features,
        decisions: (!args.no_decisions).then(|| args.history.out.join(DECISIONS)),
        cache: args.keeping.cache()?,
        threads: args.history.threads(),
    })
}

fn nothing_measured(found: &Found) -> String {
    let Measured { warming, immature, warm_us, mature_us, .. } = found.measured;
    if warming + immature == 0 {
        return why_nothing(found.events.read, &found.events.bad_rows, &found.events.refused);
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
    let Found { result, against, comparison, measured, events, prevented, .. } = found;
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
        data: described(data, new.rules.currency, events)?,
        what_if: weir::backtest::report::WhatIf {
            mode: asked.what_if.mode,
            genuine_pass: pass.genuine,
            fraud_pass: pass.fraud,
            fraud_pass_by_kind: by_kind(pass),
            seed: asked.what_if.seed,
            prevented: prevented.0,
            left_out: prevented.1,
        },
        measured,
        rules: new.ran(result),
        against: old.zip(against).map(|(old, result)| old.ran(result)),
        changes,
        sweep: None,
    })
}
