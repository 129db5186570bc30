//! `weir check`: what is wrong with a rule file.

use std::io::Write;
use std::path::PathBuf;

use weir::rules::Severity;

use super::{Verdict, rule_file};

/// Check rule files, and point at what is wrong
#[derive(clap::Args)]
#[command(after_help = "Exits with 1 if a file has an error, or with --deny-warnings a warning.")]
pub(super) struct Args {
    /// Rule files
    #[arg(required = true, value_name = "FILE")]
    rules: Vec<PathBuf>,
    /// Take warnings for errors
    #[arg(long)]
    deny_warnings: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Verdict> {
    let mut verdict = Verdict::Clean;
    for path in &args.rules {
        let checked = rule_file::check(path)?;
        let lists = checked.rule_set.as_ref().map(|rules| rule_file::lists(path, rules)).transpose();
        let count = |severity| checked.problems.iter().filter(|problem| problem.severity == severity).count();
        let (mut errors, warnings) = (count(Severity::Error), count(Severity::Warning));
        if let Err(error) = lists {
            writeln!(anstream::stderr(), "error: {error}")?;
            errors += 1;
        }
        if errors > 0 || (args.deny_warnings && warnings > 0) {
            verdict = Verdict::Found;
        }
        let mut out = anstream::stdout().lock();
        write!(out, "{}: {errors} errors, {warnings} warnings", path.display())?;
        if let Some(rules) = &checked.rule_set {
            let (hash, name) = (rule_file::hash(rules), &rules.name);
            write!(
                out,
                "; rule set `{name}`, {} rules over {} features, {hash}",
                rules.rules.len(),
                rules.features.len()
            )?;
        }
        writeln!(out)?;
    }
    Ok(verdict)
}
