//! `weir check`: what is wrong with a rule file, for people and for programs.

use std::io::Write;
use std::path::PathBuf;

use clap::ValueEnum;
use weir::rules::Severity;

use super::rule_file::RuleFile;
use super::{Verdict, check_json, feature_table, rule_file};

const HELP: &str = "\
Files of cases (*.cases.toml) among the rule files are left out, so that rules/*.toml can be named.
Exits with 1 if a file has an error, or with --deny-warnings a warning. Notes never count.

With --format json one document goes to standard output, and nothing else:
  files[].file                 as it was given
  files[].errors, .warnings, .notes   how many
  files[].lists                what is wrong with the files of its lists (an error), or null
  files[].problems[]           in the order of the file:
    severity                   error, warning or note
    file                       the file that it is in, where that is one which the file extends
    message, label, help       what is wrong; what to write at the place; what to do, or null
    start, end                 line and column from 1, columns in characters, and byte from 0; end is behind the place
    beside                     the other place of a problem between two: label, start, end; or null; with its file where that is another
  files[].rule_set             null where there is an error; else name, hash, rules (how many), and
    features[]                 name, computes, by, at, over, stratum (event-fed or decision-fed)";

/// Check rule files, and point at what is wrong
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub(super) struct Args {
    /// Rule files
    #[arg(required = true, value_name = "FILE")]
    rules: Vec<PathBuf>,
    /// Take warnings for errors
    #[arg(long)]
    deny_warnings: bool,
    /// Whom the output is for
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// People
    Text,
    /// Editors and scripts
    Json,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Verdict> {
    let paths = rule_file::without_cases(&args.rules);
    if paths.is_empty() {
        anyhow::bail!(
            "these are files of cases; `weir test` reads them, with the rule file that they are beside"
        );
    }
    let files = paths.into_iter().map(|path| RuleFile::read(path)).collect::<anyhow::Result<Vec<_>>>()?;
    let mut out = anstream::stdout().lock();
    if args.format == Format::Json {
        writeln!(out, "{}", check_json::document(&files)?)?;
    } else {
        for file in &files {
            file.show()?;
            writeln!(out, "{}", summary(file))?;
        }
        for file in &files {
            if let Some(rules) = &file.checked.rule_set {
                write!(out, "{}", feature_table::text(rules))?;
            }
        }
    }
    let denied = |file: &RuleFile| {
        file.count(Severity::Error) > 0 || (args.deny_warnings && file.count(Severity::Warning) > 0)
    };
    Ok(if files.iter().any(denied) { Verdict::Found } else { Verdict::Clean })
}

fn summary(file: &RuleFile) -> String {
    let (errors, warnings) = (file.count(Severity::Error), file.count(Severity::Warning));
    let summary = format!("{}: {errors} errors, {warnings} warnings", file.name);
    match &file.checked.rule_set {
        None => summary,
        Some(rules) => format!(
            "{summary}; rule set `{}`, {} rules over {} features, {}",
            rules.name,
            rules.rules.len(),
            rules.features.len(),
            rule_file::hash(rules)
        ),
    }
}
