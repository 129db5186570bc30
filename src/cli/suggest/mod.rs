//! `weir suggest`: rules that would catch what a rule set misses.

mod summary;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, bail};
use clap::ValueEnum;
use weir::backtest::suggest::result::{SuggestAskedFor, SuggestReport, Suggested, Weighs};
use weir::backtest::suggest::{Asked, CONDITIONS_MAX, RULES_MAX, rules_file, suggest};
use weir::backtest::sweep::Tried;
use weir::engine::{Limits, VERSION};
use weir::io::path_between;
use weir::money::Currency;

use super::costs::CostFlags;
use super::history::{History, by_kind, command, described, is_measured, share, write};
use super::progress::Progress;
use super::{Verdict, rule_file};

/// The file of rules.
const RULES: &str = "suggested.rules.toml";
/// The file of figures.
const FIGURES: &str = "suggest.json";

/// Suggest rules that would catch the frauds that a rule set lets through, found in months of history
///
/// Searches conditions over the features and fields that the rule set knows, on the first part of the time, and holds what it finds against
/// the rest. Writes into a folder the suggestions as rules in shadow (suggested.rules.toml, which extends the rule file) and all figures
/// (suggest.json). What does not hold on the rest of the time is told so. Nothing of the rule file changes.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  weir suggest --rules rules/retail.toml --data datasets/generated.toml --out suggested\n  weir suggest --rules new.toml --data history.toml --mature 30d --precision-min 0.3 --conditions 2 --out suggested\n  weir suggest --rules new.toml --data history.toml --objective value --cost-per-step-up 5_000 --out suggested\n  weir backtest --rules suggested/suggested.rules.toml --against new.toml --data history.toml --out tried\n\nThe method is subgroup discovery with weighted covering (CN2-SD, Lavrač and others, JMLR 5, 2004). It can find nothing in what\nno feature says: where little is found, write features first."
)]
pub(crate) struct Args {
    /// The rule file that lets frauds through
    #[arg(long, short, value_name = "FILE")]
    rules: PathBuf,
    #[command(flatten)]
    history: History,
    /// Rules at most
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = up_to(RULES_MAX))]
    rules_max: u8,
    /// Conditions of a rule at most
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = up_to(CONDITIONS_MAX))]
    conditions: u8,
    /// The share of frauds that there must be among the known payments that a rule flags
    #[arg(long, value_name = "SHARE", default_value_t = 0.1, value_parser = share)]
    precision_min: f64,
    /// Accounts of which a rule must catch frauds that none before it catches: one case alone is no pattern
    #[arg(long, value_name = "N", default_value_t = 5)]
    accounts_min: usize,
    /// What a missed fraud weighs
    #[arg(long, value_enum, default_value_t = Objective::Frauds)]
    objective: Objective,
    #[command(flatten)]
    costs: CostFlags,
    /// The share of the measured time that is searched; the rest is held out
    #[arg(long, value_name = "SHARE", default_value_t = 0.7, value_parser = share)]
    split: f64,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Objective {
    /// As much as any other
    Frauds,
    /// Its money
    Value,
}

fn up_to(most: usize) -> clap::builder::RangedI64ValueParser<u8> {
    clap::value_parser!(u8).range(1..=most as i64)
}

#[expect(clippy::disallowed_methods, reason = "the summary says how long it took")]
pub(crate) fn run(args: &Args) -> anyhow::Result<Verdict> {
    let start = Instant::now();
    let rules = rule_file::load(&args.rules)?;
    let asked = asked(args, rules.currency)?;
    let tried = Tried {
        lists: rule_file::lists(&args.rules, &rules)?,
        rates: rule_file::rates(&args.rules, &rules)?,
        sources: rule_file::read(&args.rules)?,
    };
    let data = args.history.open("search", &[&args.rules], &[FIGURES, RULES])?;
    if tried
        .sources
        .files()
        .any(|file| super::reading::is_same_file(Path::new(file.name), &args.history.out.join(RULES)))
    {
        bail!(
            "{RULES} in {} is part of the rule file, and would be replaced; give another --out",
            args.history.out.display()
        );
    }
    let mut progress = Progress::new("searching", None);
    let found = suggest(&data, &tried, &asked, |rows| progress.reached(rows))?;
    progress.finish();
    let suggested = found.suggested;
    let (tuning, held_out) = (&suggested.tuning.known, &suggested.held_out.known);
    is_measured(&suggested.measured, tuning.payments + held_out.payments, &found.events)?;
    is_labelled(&suggested)?;
    let rows = found.events.read;
    let report = SuggestReport {
        weir: env!("CARGO_PKG_VERSION").to_owned(),
        engine: VERSION.to_owned(),
        command: command(),
        data: described(&data, rules.currency, found.events)?,
        hash: rule_file::hash(&rules),
        name: rules.name.clone(),
        file: args.rules.display().to_string(),
        asked: SuggestAskedFor {
            objective: asked.objective,
            rules_max: asked.rules_max,
            conditions_max: asked.conditions_max,
            precision_min: asked.precision_min,
            accounts_min: asked.accounts_min,
            split: asked.split,
            genuine_pass: asked.pass.genuine,
            fraud_pass: asked.pass.fraud,
            fraud_pass_by_kind: by_kind(&asked.pass),
            costs: asked.costs,
            replicates: asked.replicates,
            seed: asked.seed,
        },
        suggested,
    };
    let [figures, file] = [FIGURES, RULES].map(|name| args.history.out.join(name));
    write(&file, rules_file(&report, &rules).as_bytes())?;
    if report.suggested.extends.is_some() {
        check(&file, &report)?;
    }
    write(&figures, &serde_json::to_vec(&report)?)?;
    summary::summary(&report, &mut anstream::stdout().lock())?;
    writeln!(
        anstream::stderr(),
        "searched {rows} events, {:.2} s; {} has the rules, {} the figures",
        start.elapsed().as_secs_f64(),
        file.display(),
        figures.display()
    )?;
    Ok(Verdict::Clean)
}

fn asked(args: &Args, currency: Currency) -> anyhow::Result<Asked> {
    let absolute = |path: &Path| {
        std::path::absolute(path).with_context(|| format!("can't find where {} is", path.display()))
    };
    let extends = path_between(&absolute(&args.history.out)?, &absolute(&args.rules)?);
    Ok(Asked {
        rules_max: usize::from(args.rules_max),
        conditions_max: usize::from(args.conditions),
        precision_min: args.precision_min,
        accounts_min: args.accounts_min,
        objective: match args.objective {
            Objective::Frauds => Weighs::Frauds,
            Objective::Value => Weighs::Value,
        },
        pass: args.history.pass_rates()?,
        costs: args.costs.read(currency)?,
        split: args.split,
        replicates: args.history.replicates,
        seed: args.history.seed,
        warm_us: args.history.warm,
        mature_us: args.history.mature,
        limits: Limits::default(),
        extends: extends.to_str().map(str::to_owned).with_context(|| {
            format!("{} has a name that no rule file can name; give it another", args.rules.display())
        })?,
    })
}

/// Fails where nobody knows what payments were: nothing can be learned of that.
fn is_labelled(suggested: &Suggested) -> anyhow::Result<()> {
    let all = [&suggested.tuning.known, &suggested.held_out.known];
    let (frauds, genuine) = all
        .iter()
        .fold((0.0, 0.0), |(frauds, genuine), known| (frauds + known.frauds, genuine + known.genuine));
    if frauds == 0.0 && genuine == 0.0 {
        bail!("no measured payment has a label, so that nobody knows what is missed; give the data labels");
    }
    if genuine == 0.0 {
        bail!(
            "no measured payment is known to be genuine, so that nobody knows whom a rule would bother; label some as genuine"
        );
    }
    Ok(())
}

/// Holds the file that was written to what was tried.
fn check(file: &Path, report: &SuggestReport) -> anyhow::Result<()> {
    let written = rule_file::read(file)?.rule_set()?;
    if report.suggested.suggested_hash.as_ref().is_some_and(|hash| *hash != written.hash_text()) {
        bail!("{} is not what was tried; this is a fault of weir", file.display());
    }
    Ok(())
}
