//! `weir test`: runs the cases beside rule files.

mod junit;

use std::io::Write;
use std::path::{Path, PathBuf};

use anstyle::{AnsiColor, Style};
use anyhow::Context;
use clap::ValueEnum;
use weir::cases::{self, CaseReport, Coverage};
use weir::rules::{Pack, RuleSet};

use super::{Verdict, rule_file, told};

/// Run the cases beside rule files
///
/// The cases of rules/retail.toml are in rules/retail.cases.toml: short streams of events, with what must be
/// answered to them.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  weir test rules/retail.toml\n  weir test rules/*.toml --deny-uncovered --format junit > report.xml\n\nFiles of cases (*.cases.toml) among the rule files are left out, so that rules/*.toml can be named.\nExits with 1 if a case does not hold, or with --deny-uncovered if a rule lacks a case; with 3 if the\ncases of a rule file could not be run, after those of the others."
)]
pub(super) struct Args {
    /// Rule files
    #[arg(required = true, value_name = "FILE")]
    rules: Vec<PathBuf>,
    /// The cases, if they are not beside it; with one rule file only
    #[arg(long, value_name = "FILE")]
    cases: Option<PathBuf>,
    /// Name every case, not only those that fail
    #[arg(long, short)]
    verbose: bool,
    /// Fail where a rule has no case that fires it, or none that keeps it silent
    #[arg(long)]
    deny_uncovered: bool,
    /// Text for people, or JUnit XML for a build server
    #[arg(long, value_enum, default_value_t = Form::Text)]
    format: Form,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// Plain text
    Text,
    /// JUnit XML
    Junit,
}

/// What the cases of one rule file came to.
struct Suite {
    /// The rule file.
    name: String,
    reports: Vec<CaseReport>,
    /// The rules that lack a case.
    uncovered: Vec<Uncovered>,
    /// What is to be known of cases that hold.
    warnings: Vec<String>,
    /// Why its cases could not be run.
    error: Option<String>,
}

/// A rule that lacks a case.
struct Uncovered {
    rule: String,
    /// What no case does: `fires it`.
    missing: &'static str,
}

impl Suite {
    fn not_run(path: &Path, error: &anyhow::Error) -> Self {
        Self {
            name: path.display().to_string(),
            reports: Vec::new(),
            uncovered: Vec::new(),
            warnings: Vec::new(),
            error: Some(told(error)),
        }
    }

    /// That its cases could not be run, and why.
    fn complaint(&self) -> Option<String> {
        self.error.as_ref().map(|why| format!("the cases of {} could not be run: {why}", self.name))
    }

    fn failed(&self) -> usize {
        self.reports.iter().filter(|report| !report.failures.is_empty()).count()
    }
}

pub(super) fn run(args: &Args) -> anyhow::Result<Verdict> {
    let paths = rule_file::without_cases(&args.rules);
    if args.cases.is_some() && paths.len() != 1 {
        anyhow::bail!("--cases names the cases of one rule file; {} are given", paths.len());
    }
    let suites: Vec<Suite> = paths
        .into_iter()
        .map(|path| suite(path, args.cases.as_deref()).unwrap_or_else(|error| Suite::not_run(path, &error)))
        .collect();
    let mut out = anstream::stdout().lock();
    match args.format {
        Form::Junit => out.write_all(junit::write(&suites, args.deny_uncovered)?.as_bytes())?,
        Form::Text => {
            for suite in &suites {
                if suites.len() > 1 {
                    writeln!(out, "{}", suite.name)?;
                }
                show(suite, args.verbose, &mut out)?;
            }
        }
    }
    let not_run: Vec<String> = suites.iter().filter_map(Suite::complaint).collect();
    if !not_run.is_empty() {
        anyhow::bail!("{}", not_run.join("\n"));
    }
    let found = suites.iter().any(|s| s.failed() > 0 || args.deny_uncovered && !s.uncovered.is_empty());
    Ok(if found { Verdict::Found } else { Verdict::Clean })
}

fn suite(path: &Path, cases: Option<&Path>) -> anyhow::Result<Suite> {
    let rules = rule_file::load(path)?;
    let beside = cases.map_or_else(|| rule_file::cases_beside(path), Path::to_owned);
    let text = std::fs::read_to_string(&beside)
        .with_context(|| format!("can't read the cases {}", beside.display()))?;
    let cases = cases::parse(&text, &rules).with_context(|| format!("in the cases {}", beside.display()))?;
    let (lists, rates) = (rule_file::lists(path, &rules)?, rule_file::rates(path, &rules)?);
    let reports: Vec<CaseReport> =
        cases.iter().map(|case| cases::run(&rules, &lists, &rates, case)).collect();
    let uncovered = cases::coverage(&rules, &cases, &reports).into_iter().filter_map(uncovered).collect();
    let warnings = out_of_force(&rules, &reports);
    Ok(Suite { name: path.display().to_string(), reports, uncovered, warnings, error: None })
}

/// Warns of cases with payments outside the dates of a file, where no case says so.
fn out_of_force(rules: &RuleSet, reports: &[CaseReport]) -> Vec<String> {
    let of = |(at, pack): (usize, &Pack)| {
        let cases = reports.iter().filter(|report| report.out_of_force >> at & 1 == 1).count();
        (cases > 0).then(|| format!("{cases} cases have payments outside the dates of `{}`", pack.name))
    };
    rules.packs.iter().enumerate().filter_map(of).collect()
}

fn uncovered(covered: Coverage) -> Option<Uncovered> {
    let missing = match (covered.fires, covered.silent) {
        (true, true) => return None,
        (false, true) => "fires it",
        (true, false) => "keeps it silent",
        (false, false) => "is about it",
    };
    Some(Uncovered { rule: covered.rule, missing })
}

fn show(suite: &Suite, verbose: bool, out: &mut impl Write) -> std::io::Result<()> {
    let (green, red, yellow) = (color(AnsiColor::Green), color(AnsiColor::Red), color(AnsiColor::Yellow));
    if let Some(why) = &suite.error {
        return writeln!(out, "{red}error{red:#}  {why}");
    }
    for report in &suite.reports {
        if report.failures.is_empty() {
            if verbose {
                writeln!(out, "{green}holds{green:#}  {}", report.name)?;
            }
            continue;
        }
        writeln!(out, "{red}fails{red:#}  {}", report.name)?;
        for failure in &report.failures {
            writeln!(out, "       {failure}")?;
        }
    }
    for Uncovered { rule, missing } in &suite.uncovered {
        writeln!(out, "{yellow}uncovered{yellow:#}  rule `{rule}`: no case {missing}")?;
    }
    for warning in &suite.warnings {
        writeln!(out, "{yellow}warning{yellow:#}  {warning}")?;
    }
    let (all, failed) = (suite.reports.len(), suite.failed());
    writeln!(out, "{all} cases, {} hold, {failed} fail", all - failed)
}

fn color(color: AnsiColor) -> Style {
    Style::new().bold().fg_color(Some(color.into()))
}
