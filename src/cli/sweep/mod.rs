//! `weir sweep`: what a rule set would have done with other values, by the thousand.

mod summary;

use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, bail};
use clap::ValueEnum;
use weir::backtest::sweep::result::{AskedFor, Combination, Objective, SweepReport, Swept};
use weir::backtest::sweep::{Asked, Tried, Vary, rewritten, sweep};
use weir::backtest::sweep_html;
use weir::engine::{Limits, VERSION};
use weir::money::Currency;
use weir::rules::Sources;

use super::costs::CostFlags;
use super::history::{
    History, Keeping, by_kind, command, described, is_measured, share, tell_kept, tell_strange_kinds, write,
};
use super::progress::Progress;
use super::{Verdict, rule_file};

const JSON: &str = "sweep.json";
const HTML: &str = "sweep.html";

/// Try a rule set with a thousand values of its parameters, in one pass over months of history
///
/// Writes into a folder what every combination of the values would have done (sweep.json), on the part of the time by which values are
/// chosen and on a part that is held out, and the same to look at (sweep.html); shows those that catch most without bothering more
/// customers. A parameter that stands in conditions of rules costs next to nothing; one inside a feature has that computed again for each
/// of its values.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  weir sweep --rules rules/retail.toml --data datasets/generated.toml --vary big=2_000_000..20_000_000/19 --out swept\n  weir sweep --rules new.toml --data history.toml --vary near=8_000_000,9_000_000 --vary bursts=3..12/10 --out swept\n  weir sweep --rules new.toml --data history.toml --vary fresh=6h,12h,24h --objective budget --budget 50 --out swept --write\n  weir sweep --rules new.toml --data history.toml --vary big=1_000_000..50_000_000/50 --objective cost --cost-per-alert 20_000 --cost-per-block 100_000 --out swept\n\nA range has both ends and as many values as it says: 0..100/11 is 0, 10, 20 and so on. Values are written as in the rule file."
)]
pub(crate) struct Args {
    /// The rule file whose parameters are varied
    #[arg(long, short, value_name = "FILE")]
    rules: PathBuf,
    #[command(flatten)]
    history: History,
    #[command(flatten)]
    keeping: Keeping,
    /// A parameter with its values, NAME=LOW..HIGH/STEPS or NAME=A,B,C; may be given several times, and all combinations are tried
    #[arg(long, value_name = "NAME=VALUES", required = true)]
    vary: Vec<Vary>,
    /// What makes a combination the one that is chosen
    #[arg(long, value_enum, default_value_t = Choose::Front)]
    objective: Choose,
    /// How many payments a day may be flagged
    #[arg(long, value_name = "N", value_parser = positive, required_if_eq("objective", "budget"))]
    budget: Option<f64>,
    #[command(flatten)]
    costs: CostFlags,
    /// The share of the measured time that values are chosen by; the rest is held out
    #[arg(long, value_name = "SHARE", default_value_t = 0.7, value_parser = share)]
    split: f64,
    /// Run each combination through an engine of its own: slow, and right where what is kept depends on what was decided
    #[arg(long)]
    exact: bool,
    /// Put the chosen values into the rule file, or the file that it extends where they stand; nothing else in it changes
    #[arg(long)]
    write: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Choose {
    /// None: those that nothing else beats are shown
    Front,
    /// The least cost: fraud that goes through, genuine value that does not, and what bothering people costs
    Cost,
    /// The most value caught with at most --budget payments flagged a day
    Budget,
}

impl Choose {
    const fn objective(self) -> Objective {
        match self {
            Self::Front => Objective::Front,
            Self::Cost => Objective::Cost,
            Self::Budget => Objective::Budget,
        }
    }
}

fn positive(text: &str) -> Result<f64, String> {
    let number = text.replace('_', "").parse::<f64>().ok();
    let number = number.filter(|number| number.is_finite() && *number >= 0.0);
    number.ok_or_else(|| "give a number, such as 50".to_owned())
}

#[expect(clippy::disallowed_methods, reason = "the summary says how long it took")]
pub(crate) fn run(args: &Args) -> anyhow::Result<Verdict> {
    let start = Instant::now();
    if args.write && args.objective == Choose::Front {
        bail!(
            "--write puts in what is chosen, and nothing is: give --objective cost, or --objective budget with a --budget"
        );
    }
    let rules = rule_file::load(&args.rules)?;
    let sources = rule_file::read(&args.rules)?;
    let asked = asked(args, rules.currency)?;
    let tried = Tried {
        lists: rule_file::lists(&args.rules, &rules)?,
        rates: rule_file::rates(&args.rules, &rules)?,
        sources,
    };
    let data = args.history.open("sweep", &[&args.rules], &[JSON, HTML])?;
    let mut progress = Progress::new("sweeping", None);
    let found = sweep(&data, &tried, &asked, |rows| progress.reached(rows))?;
    progress.finish();
    let swept = found.swept;
    is_measured(&swept.measured, swept.tuning.payments + swept.held_out.payments, &found.events)?;
    // Of several engines, what is said of the first holds for what all have in common.
    found.kept.first().map_or(Ok(()), |kept| tell_kept(kept, &mut anstream::stderr()))?;
    let alike = |one: &Combination, other: &Combination| {
        (&one.tuning, &one.held_out) == (&other.tuning, &other.held_out)
    };
    if swept.combinations.windows(2).all(|pair| matches!(pair, [one, other] if alike(one, other))) {
        writeln!(
            anstream::stderr(),
            "every combination does the same: what these parameters reach decides nothing here (rules in shadow don't)"
        )?;
    }
    let rows = found.events.read;
    tell_strange_kinds(&asked.pass, &swept.fraud_kinds, &mut anstream::stderr())?;
    let report = SweepReport {
        weir: env!("CARGO_PKG_VERSION").to_owned(),
        engine: VERSION.to_owned(),
        command: command(),
        data: described(&data, rules.currency, found.events)?,
        hash: rule_file::hash(&rules),
        name: rules.name,
        file: args.rules.display().to_string(),
        asked: AskedFor {
            genuine_pass: asked.pass.genuine,
            fraud_pass: asked.pass.fraud,
            fraud_pass_by_kind: by_kind(&asked.pass),
            objective: asked.objective,
            budget: asked.budget,
            costs: asked.costs,
            split: asked.split,
            replicates: asked.replicates,
            seed: asked.seed,
        },
        swept,
    };
    write(&args.history.out.join(JSON), &serde_json::to_vec(&report)?)?;
    let page = args.history.out.join(HTML);
    write(&page, sweep_html(&report).as_bytes())?;
    summary::summary(&report, &mut anstream::stdout().lock())?;
    let mut err = anstream::stderr();
    let seconds = start.elapsed().as_secs_f64();
    let combinations = report.swept.combinations.len();
    writeln!(
        err,
        "{combinations} combinations of {rows} events, {seconds:.2} s; {} has the report",
        page.display()
    )?;
    if args.write {
        put(&tried.sources, &report.swept, &mut err)?;
    }
    Ok(Verdict::Clean)
}

fn asked(args: &Args, currency: Currency) -> anyhow::Result<Asked> {
    Ok(Asked {
        vary: args.vary.clone(),
        exact: args.exact,
        pass: args.history.pass_rates()?,
        objective: args.objective.objective(),
        budget: args.budget,
        costs: args.costs.read(currency)?,
        split: args.split,
        replicates: args.history.replicates,
        seed: args.history.seed,
        warm_us: args.history.warm,
        mature_us: args.history.mature,
        limits: Limits::default(),
        cache: args.keeping.cache()?,
        threads: args.history.threads(),
    })
}

/// The names of the parameters with a combination's values.
fn values<'s>(swept: &'s Swept, combination: &Combination) -> Vec<(&'s str, &'s str)> {
    let named = swept.params.iter().zip(&combination.values);
    named.filter_map(|(param, &at)| Some((param.name.as_str(), param.values.get(at)?.as_str()))).collect()
}

/// Puts the chosen values into the files in which they stand.
fn put(sources: &Sources, swept: &Swept, out: &mut impl Write) -> anyhow::Result<()> {
    let chosen = swept.chosen.as_ref().and_then(|chosen| swept.combinations.get(chosen.combination));
    let Some(chosen) = chosen else {
        bail!(
            "nothing keeps to the budget, so nothing was written; give more with --budget, or other values"
        );
    };
    let changed = rewritten(sources, &values(swept, chosen))?;
    if changed.is_empty() {
        writeln!(out, "the rule file has the chosen values already")?;
    }
    for (file, _) in &changed {
        let read = sources.files().find(|source| source.name == *file).map(|source| source.text.as_bytes());
        let now = std::fs::read(file).with_context(|| format!("can't read {file}"))?;
        if read != Some(&*now) {
            bail!("{file} was edited since it was read, so nothing was written; sweep it again");
        }
    }
    for (file, text) in changed {
        // A link stays one: what it leads to is written.
        let path = std::fs::canonicalize(&file).with_context(|| format!("can't find {file}"))?;
        write(&path, text.as_bytes())?;
        writeln!(out, "{file} has the chosen values now")?;
    }
    Ok(())
}
