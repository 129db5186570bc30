//! `weir audit`: whether a journal is what was written, and what a decision of the past was made of.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use weir::catalogue::Language;
use weir::decision::Decision;
use weir::engine::{Answer, Recording};
use weir::event::{Event, TextField};
use weir::explain::{Explainer, Style};
use weir::io::explanation::{Show, write_explanation_text};
use weir::io::{Bundle, Disk, Loaded, RealDisk};
use weir::journal::{From, Replay, kept};

use super::asks::Asks;
use super::contributions::{Contributions, Past};
use super::progress::Progress;
use super::replay::{tell_begins, tell_passed};
use super::retain::noted_removed;
use super::{Verdict, earlier, verify};

/// Prove that a journal is what was written, and show what a decision was made of
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    Verify(verify::Args),
    Show(ShowArgs),
}

/// Show a decision, its explanation, the rules' text at that time, and the events that its features counted
///
/// Who asks is put down beside the journal, and taken in by the process that writes it.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  weir audit show tx00000437 --journal journal\n  weir audit show tx00000437 --journal journal --as inspector --for \"complaint 17\"\n\nWho asks is put down in DIR/asked, and taken in when the journal is opened to be written, or closed.\nExits with 1 if the id has no decision."
)]
struct ShowArgs {
    /// The id of a payment
    #[arg(value_name = "ID")]
    id: String,
    /// The journal's folder
    #[arg(long, value_name = "DIR")]
    journal: PathBuf,
    /// Whose payment it is, where several tenants share the journal
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
    #[command(flatten)]
    asks: Asks,
    /// How many events to show of each feature, the newest
    #[arg(long, default_value_t = 20, value_name = "N")]
    most: usize,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Verdict> {
    match &args.what {
        What::Verify(args) => verify::run(args),
        What::Show(args) => show(args),
    }
}

/// What the engine decided of the event that was asked for.
struct Found {
    event: Event,
    decision: Decision,
    explainer: Explainer,
    kept: String,
}

fn show(args: &ShowArgs) -> anyhow::Result<Verdict> {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    args.asks.put_down(&*disk, &args.journal, &format!("audit show {}", args.id))?;
    let mut replay = Replay::open(Arc::clone(&disk), &args.journal, From::Beginning, Some(Recording::All))?;
    tell_begins(&replay)?;
    let mut progress = Progress::new("looking", None);
    let mut seen = None;
    while seen.is_none() {
        let turn = replay.turn(|event, answer| {
            progress.event();
            let of_tenant = args.tenant.is_none() || event.text(TextField::Tenant) == args.tenant.as_deref();
            if event.id() == args.id
                && of_tenant
                && let Answer::Decided(decision) = answer
            {
                seen = Some((event.clone(), decision.clone()));
            }
        })?;
        // It records more than the journal does, so its answers differ in their features.
        if turn.is_none() {
            break;
        }
    }
    progress.finish();
    tell_passed(replay.passed())?;
    let Some((event, decision)) = seen else {
        if let Some(base) = replay.snapshot()
            && let Some(past) = earlier::find(&disk, &args.journal, (&args.id, args.tenant.as_deref()), base)?
        {
            earlier::show(&*disk, &args.journal, &past, base, &mut anstream::stdout().lock())?;
            return Ok(Verdict::Clean);
        }
        if let Some(past) = earlier::find_answer(&disk, &args.journal, (&args.id, args.tenant.as_deref()))? {
            earlier::show_answer(&*disk, &args.journal, &past, &mut anstream::stdout().lock())?;
            return Ok(Verdict::Clean);
        }
        if let Some(removed) = replay.removed() {
            writeln!(anstream::stderr(), "{}", noted_removed(removed, replay.snapshot()))?;
        }
        writeln!(anstream::stderr(), "`{}` has no decision in this journal", args.id)?;
        return Ok(Verdict::Found);
    };
    let engine = replay.course().engine();
    let rules = engine.rule_set(decision.rule_set).context("the rule set that decided is unknown")?;
    let (kept, explainer) = explainer(&*disk, &args.journal, &rules.hash)?;
    let found = Found { event, decision, explainer, kept };
    let explanation = found.explainer.explain(&engine.facts(&found.event), &found.decision, false);
    let past = Past::find(&disk, &args.journal, &found.event)?;
    let mut out = anstream::stdout().lock();
    writeln!(out, "event, record {}:\n  {}", past.record, past.event)?;
    match &past.answer {
        Some((number, line)) => {
            writeln!(out, "answer, record {number}:\n  {line}")?;
            let was: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
            if was["outcome"] != explanation.outcome.name() || was["score"] != explanation.score {
                writeln!(out, "warning: the engine decides otherwise now; see `weir replay`")?;
            }
        }
        None if past.lacks => writeln!(out, "its answer is missing: records behind the event are damaged")?,
        None => writeln!(out, "its answer is not in the journal: it was never given")?,
    }
    let bundle = kept::read(&*disk, &args.journal, &found.kept)?;
    let fired = explanation.rules.iter().filter(|rule| rule.fate.fired());
    let fired: Vec<String> = fired.map(|rule| rule.id.clone()).collect();
    show_rules(&args.journal, &explanation.rule_set, &bundle, &fired, &mut out)?;
    let style = Style::new(Language::English, found.explainer.rules());
    write_explanation_text(&explanation, &style, Show { for_auditor: true, painted: true }, &mut out)?;
    let counted =
        Contributions::of(found.explainer.rules(), &found.event, &past, engine.now_us(), engine.readings());
    counted.show(&disk, &args.journal, past.record, args.most, &mut out)?;
    Ok(Verdict::Clean)
}

/// Says which rule set decided, and shows the text of these rules as it was kept.
pub(super) fn show_rules(
    folder: &Path,
    hash: &str,
    bundle: &Bundle,
    ids: &[String],
    out: &mut impl Write,
) -> std::io::Result<()> {
    let at = kept::folder(folder, &kept::hash(bundle)).join(bundle.rules());
    writeln!(out, "\nrule set {hash}, as it was then: {}", at.display())?;
    for id in ids {
        for (file, bytes) in bundle.files().filter(|(file, _)| file.ends_with(".toml")) {
            if let Some(text) = rule_text(&String::from_utf8_lossy(bytes), id) {
                let lines = text.lines().map(|line| format!("  {line}\n")).collect::<String>();
                write!(out, "\n{file}:\n{lines}")?;
            }
        }
    }
    writeln!(out)
}

/// What explains the decisions of a rule set that was kept, and the hash that it was kept by.
pub(super) fn explainer(
    disk: &dyn Disk,
    folder: &Path,
    hash: &[u8; 32],
) -> anyhow::Result<(String, Explainer)> {
    let Some((kept, Loaded { sources, .. })) = kept::named(disk, folder, hash)? else {
        bail!("the rule set that decided is not kept in {}", folder.join("kept").display())
    };
    Ok((kept, Explainer::of(&sources)?))
}

/// The text of a rule in a rule file, without remarks on the next one.
fn rule_text<'t>(text: &'t str, id: &str) -> Option<&'t str> {
    let mut text = table_text(text, id)?;
    let said = |line: &str| !line.trim().is_empty() && !line.trim().starts_with('#');
    while let Some((before, _)) = text.rsplit_once('\n').filter(|(_, last)| !said(last)) {
        text = before;
    }
    Some(text)
}

/// The text from the head of a rule to the next table.
fn table_text<'t>(text: &'t str, id: &str) -> Option<&'t str> {
    let (mut begun, mut held, mut at) = (None, false, 0);
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim();
        if trimmed.starts_with("[[")
            || trimmed.starts_with('[') && trimmed.ends_with(']') && !trimmed.contains('=')
        {
            if let (Some(start), true) = (begun, held) {
                return text.get(start..at).map(str::trim_end);
            }
            (begun, held) = ((trimmed == "[[rule]]").then_some(at), false);
        }
        let value = trimmed.strip_prefix("id").map(|rest| rest.trim_start().trim_start_matches('=').trim());
        held |= value.is_some_and(|value| {
            value.starts_with(&format!("\"{id}\"")) || value.starts_with(&format!("'{id}'"))
        });
        at += line.len();
    }
    match begun {
        Some(start) if held => text.get(start..).map(str::trim_end),
        _ => None,
    }
}
