//! `weir diff`: what changed between two rule files, and which decisions that changes.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::ValueEnum;
use serde::Serialize;
use weir::diff::{Change, DecisionDiff, Decisions, changes, lists_not_compared, markdown, report, text};
use weir::event::Event;
use weir::io::ReadError;
use weir::rules::{Description, RuleSet};

use super::progress::Progress;
use super::stream::Source;
use super::{Verdict, rule_file};

/// Show what changed between two rule files, and which decisions that changes
///
/// Rules, thresholds and features that were added, removed or changed, with what they reach. Given events, both rule
/// files decide them, and what differs is shown: outcomes, rules, and the first payments.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  weir diff rules/retail.toml new.toml\n  weir diff rules/retail.toml new.toml --input payments.ndjson.gz\n  weir diff rules/retail.toml new.toml --input payments.ndjson.gz --format markdown --most 50 > comment.md\n\nExits with 0 if nothing changed, with 1 if something did."
)]
pub(super) struct Args {
    /// The rule file that was
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// The rule file that is
    #[arg(value_name = "NEW")]
    new: PathBuf,
    /// Decide these events with both: .ndjson or .csv, plain or .gz; `-` is standard input
    #[arg(long, short, value_name = "FILE")]
    input: Option<PathBuf>,
    /// For CSV: which column is which field, in which unit
    #[arg(long, value_name = "FILE", requires = "input")]
    mapping: Option<PathBuf>,
    /// What to do about a line that is no event: report and go on, or stop
    #[arg(long, value_enum, default_value_t = super::stream::BadLine::Fail)]
    on_bad_line: super::stream::BadLine,
    /// How many changed decisions to show
    #[arg(long, default_value_t = 20, value_name = "N")]
    most: usize,
    /// Text for people, Markdown for a pull request, or one JSON document
    #[arg(long, value_enum, default_value_t = Form::Text)]
    format: Form,
}

#[derive(Clone, Copy, ValueEnum)]
enum Form {
    /// Plain text
    Text,
    /// GitHub's Markdown
    Markdown,
    /// JSON
    Json,
}

#[derive(Serialize)]
struct Document<'a> {
    old: String,
    new: String,
    changes: &'a [Change],
    /// The lists that are declared: the contents of their files are not compared.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    list_contents_not_compared: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    decisions: Option<&'a Decisions>,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Verdict> {
    let (old, new) = (read(&args.old)?, read(&args.new)?);
    let changes = changes((&old.0, &old.1), (&new.0, &new.1));
    let lists = lists_not_compared(&old.1, &new.1);
    let hashes = (rule_file::hash(&old.0), rule_file::hash(&new.0));
    let rules = new.0.clone();
    let decisions = match &args.input {
        Some(input) => Some(decide(args, input, old.0, new.0)?),
        None => None,
    };
    let found = report(&rules, &changes, &lists, decisions.as_ref());
    let mut out = anstream::stdout().lock();
    match args.format {
        Form::Text => write!(out, "{}", text(&found))?,
        Form::Markdown => write!(out, "{}", markdown(&found))?,
        Form::Json => {
            let (old, new) = hashes;
            let document = Document {
                old,
                new,
                changes: &changes,
                list_contents_not_compared: &lists,
                decisions: decisions.as_ref(),
            };
            serde_json::to_writer(&mut out, &document)?;
            writeln!(out)?;
        }
    }
    let same = changes.is_empty() && decisions.is_none_or(|decisions| !decisions.any());
    Ok(if same { Verdict::Clean } else { Verdict::Found })
}

fn read(path: &Path) -> anyhow::Result<(RuleSet, Description)> {
    Ok(rule_file::read(path)?.describe()?)
}

fn decide(args: &Args, input: &Path, old: RuleSet, new: RuleSet) -> anyhow::Result<Decisions> {
    let source = Source::new(input.to_owned(), args.mapping.clone(), args.on_bad_line);
    let mut reader = source.open(old.schema.clone())?;
    let mut other = match old.schema == new.schema {
        true => None,
        false if input.as_os_str() == "-" => {
            bail!(
                "the rule files declare other [fields], and standard input can be read only once: name a file"
            )
        }
        false => Some(source.open(new.schema.clone())?),
    };
    let (old_lists, new_lists) = (rule_file::lists(&args.old, &old)?, rule_file::lists(&args.new, &new)?);
    let (old_rates, new_rates) = (rule_file::rates(&args.old, &old)?, rule_file::rates(&args.new, &new)?);
    let diff = DecisionDiff::new((old, old_lists), (new, new_lists), args.most);
    let mut diff = diff.with_rates(old_rates, new_rates);
    let mut progress = Progress::new("deciding twice", None);
    // Both readers give every line, good or bad, so that they stay side by side.
    while let Some(next) = reader.next_event() {
        let old = event(args, next)?;
        let new = match &mut other {
            None => old,
            Some(other) => match other.next_event() {
                Some(next) => event(args, next)?,
                None => break,
            },
        };
        if let (Some(old), Some(new)) = (old, new) {
            diff.step(old, new);
        }
        progress.event();
    }
    progress.finish();
    Ok(diff.into_found())
}

/// The event of a line, `None` where the line is bad and left out.
fn event<'e>(args: &Args, next: Result<(u64, &'e Event), ReadError>) -> anyhow::Result<Option<&'e Event>> {
    match next {
        Ok((_, event)) => Ok(Some(event)),
        Err(error) if args.on_bad_line.policy().goes_on(&error) => {
            writeln!(anstream::stderr(), "skipped: {error}")?;
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}
