//! `weir test`: runs the cases beside a rule file.

use std::io::Write;
use std::path::PathBuf;

use anstyle::{AnsiColor, Style};
use anyhow::Context;
use weir::cases;

use super::{Verdict, rule_file};

/// Run the cases beside a rule file
///
/// The cases of rules/retail.toml are in rules/retail.cases.toml: short streams of events, with what must be
/// answered to them.
#[derive(clap::Args)]
#[command(after_help = "Exits with 1 if a case does not hold.")]
pub(super) struct Args {
    /// The rule file
    #[arg(value_name = "FILE")]
    rules: PathBuf,
    /// The cases, if they are not beside it
    #[arg(long, value_name = "FILE")]
    cases: Option<PathBuf>,
    /// Name every case, not only those that fail
    #[arg(long, short)]
    verbose: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Verdict> {
    let rules = rule_file::load(&args.rules)?;
    let lists = rule_file::lists(&args.rules, &rules)?;
    let path = args.cases.clone().unwrap_or_else(|| rule_file::cases_beside(&args.rules));
    let text =
        std::fs::read_to_string(&path).with_context(|| format!("can't read the cases {}", path.display()))?;
    let cases = cases::parse(&text, &rules).with_context(|| format!("in the cases {}", path.display()))?;
    let reports: Vec<cases::CaseReport> = cases.iter().map(|case| cases::run(&rules, &lists, case)).collect();

    let (green, red, yellow) = (color(AnsiColor::Green), color(AnsiColor::Red), color(AnsiColor::Yellow));
    let mut out = anstream::stdout().lock();
    for report in &reports {
        if report.failures.is_empty() {
            if args.verbose {
                writeln!(out, "{green}holds{green:#}  {}", report.name)?;
            }
            continue;
        }
        writeln!(out, "{red}fails{red:#}  {}", report.name)?;
        for failure in &report.failures {
            writeln!(out, "       {failure}")?;
        }
    }
    for covered in cases::coverage(&rules, &cases, &reports) {
        let missing = match (covered.fires, covered.silent) {
            (true, true) => continue,
            (false, true) => "fires it",
            (true, false) => "keeps it silent",
            (false, false) => "is about it",
        };
        writeln!(out, "{yellow}uncovered{yellow:#}  rule `{}`: no case {missing}", covered.rule)?;
    }
    let failed = reports.iter().filter(|report| !report.failures.is_empty()).count();
    writeln!(out, "{} cases, {} hold, {failed} fail", reports.len(), reports.len() - failed)?;
    Ok(if failed == 0 { Verdict::Clean } else { Verdict::Found })
}

fn color(color: AnsiColor) -> Style {
    Style::new().bold().fg_color(Some(color.into()))
}
