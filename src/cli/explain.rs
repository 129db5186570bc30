//! `weir explain`: a decision in words, with the values put in.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::ValueEnum;
use weir::catalogue::Language;
use weir::decision::{Decision, Outcome};
use weir::engine::{Answer, Engine, Limits, Recording, Refusal};
use weir::event::{Event, Kind, TextField};
use weir::explain::{AnswerExplanation, Explainer, Explanation, Style};
use weir::io::explanation::{Show, write_advice, write_explanation, write_explanation_text};
use weir::rules::RuleSet;

use super::progress::Progress;
use super::stream::Source;
use super::{Verdict, rule_file};

/// Explain decisions: every rule as its own text with the values put in
///
/// Runs the stream up to the payments asked for, and shows what each was decided from: where the outcome and the score
/// came from, then every rule that fired, down to each part of its condition.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  weir explain --rules rules/retail.toml --input payments.ndjson --id t-1042\n  weir explain --rules rules/retail.toml --input payments.ndjson --id t-1042 --id t-1043 --all-rules --language vi\n  weir explain --rules rules/retail.toml --input payments.ndjson --id t-1042 --for customer\n  weir explain --rules rules/retail.toml --reload next.toml --input payments.ndjson --id t-1042\n\nA decision is explained by the rule set that made it: name every rule file that the stream takes up with --reload.\nOf a payment that is in a journal, `weir audit show ID --journal DIR` tells all of this from what is kept there.\nExits with 1 if one of the ids has no decision to explain."
)]
pub(super) struct Args {
    /// The rule file
    #[arg(long, short, value_name = "FILE")]
    rules: PathBuf,
    /// A rule file that a control event of the stream may take up by its hash; may be given several times
    #[arg(long, value_name = "FILE")]
    reload: Vec<PathBuf>,
    #[command(flatten)]
    source: Source,
    /// The id of a payment; may be given several times
    #[arg(long, required = true, value_name = "ID")]
    id: Vec<String>,
    /// Whose payments they are, where several tenants share the stream
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
    /// Show the rules that did not fire, too
    #[arg(long)]
    all_rules: bool,
    /// The language of the explanation, and how it writes numbers
    #[arg(long, value_enum, default_value_t = Tongue::En)]
    language: Tongue,
    /// Text for people, or one JSON document a line
    #[arg(long, value_enum, default_value_t = Form::Text)]
    format: Form,
    /// For whom: the operator sees everything, the auditor the legal references besides, the customer only what to do
    #[arg(long = "for", value_enum, default_value_t = Reader::Operator)]
    reader: Reader,
}

#[derive(Clone, Copy, ValueEnum)]
enum Tongue {
    /// English
    En,
    /// Vietnamese
    Vi,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// An indented tree
    Text,
    /// JSON
    Json,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Reader {
    /// Who looks into a case
    Operator,
    /// Whose payment it is
    Customer,
    /// Who asks by what law: as the operator, with legal references and every text
    Auditor,
}

/// The engine, with every rule set staged that the stream may ask for, and what explains each of them.
fn engine(args: &Args) -> anyhow::Result<(Engine, Vec<Explainer>)> {
    let rules = rule_file::load(&args.rules)?;
    let lists = rule_file::lists(&args.rules, &rules)?;
    let mut explainers = vec![rule_file::explainer(&args.rules)?];
    let mut engine = Engine::new(rules.clone(), Limits::default(), Recording::All);
    engine.load_lists(lists.clone());
    let rates = rule_file::rates(&args.rules, &rules)?;
    engine.load_rates(rates.clone());
    for path in &args.reload {
        let next = rule_file::load(path)?;
        let lists = rule_file::lists(path, &next)?;
        explainers.push(rule_file::explainer(path)?);
        let rates = rule_file::rates(path, &next)?;
        let staged = engine.stage_with_rates(next, lists, rates);
        staged
            .with_context(|| format!("{} can't take over from {}", path.display(), args.rules.display()))?;
    }
    if !args.reload.is_empty() {
        // So that the stream may also go back to it.
        engine.stage_with_rates(rules, lists, rates)?;
    }
    Ok((engine, explainers))
}

/// All that follows would be explained by another rule set than the one that decided.
fn not_given(event: &Event) -> anyhow::Error {
    anyhow::anyhow!(
        "control event `{}` asks for the rule set `{}`, and no rule file given has this hash; name its file with --reload",
        event.id(),
        event.text(TextField::Subject).unwrap_or_default()
    )
}

pub(super) fn run(args: &Args) -> anyhow::Result<Verdict> {
    let (mut engine, explainers) = engine(args)?;
    let mut reader = args.source.open(engine.rules().schema.clone())?;
    let language = match args.language {
        Tongue::En => Language::English,
        Tongue::Vi => Language::Vietnamese,
    };
    // Rule sets that take over from each other share their currency and time zone.
    let style = Style::new(language, engine.rules());
    let mut progress = Progress::new("looking", None);
    let policy = args.source.on_bad_line.policy();
    let mut reached_us = i64::MIN;
    let mut asked: BTreeMap<&str, Found> = args.id.iter().map(|id| (id.as_str(), Found::Nothing)).collect();
    while asked.values().any(|found| found.goes_on(reached_us)) {
        let Some(next) = reader.next_event() else { break };
        let event = match next {
            Ok((_, event)) => event,
            Err(error) if policy.goes_on(&error) => {
                writeln!(anstream::stderr(), "skipped: {error}")?;
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        progress.event();
        let of_tenant = args.tenant.is_none() || event.text(TextField::Tenant) == args.tenant.as_deref();
        match asked.get_mut(event.id()).filter(|found| of_tenant && !matches!(found, Found::Decision(_))) {
            Some(found) => *found = find(&mut engine, &explainers, event, args.all_rules)?,
            None => {
                let decision = match engine.step(event) {
                    Answer::Refused(Refusal::UnknownRuleSet) => return Err(not_given(event)),
                    Answer::Decided(decision) if event.kind() == Kind::Authentication => {
                        Some(decision.clone())
                    }
                    _ => None,
                };
                if let Some(decision) = decision {
                    note_answer(&mut asked, event, &decision, engine.rules());
                }
            }
        }
        reached_us = reached_us.max(event.time_us());
    }
    progress.finish();
    let mut verdict = Verdict::Clean;
    let mut out = anstream::stdout().lock();
    // In the order in which they were asked for.
    for id in &args.id {
        match asked.remove(id.as_str()) {
            Some(Found::Decision(explanation)) => show(args, &explanation, &style, &mut out)?,
            Some(Found::Other(why)) => {
                verdict = Verdict::Found;
                writeln!(anstream::stderr(), "`{id}` has no decision to explain: {why}")?;
            }
            Some(Found::Nothing) => {
                verdict = Verdict::Found;
                writeln!(anstream::stderr(), "`{id}` has no decision to explain: no event has this id")?;
            }
            None => {}
        }
    }
    Ok(verdict)
}

/// What was found under an id.
enum Found {
    Nothing,
    /// No decision, for this reason.
    Other(String),
    Decision(Box<Explanation>),
}

impl Found {
    /// Whether more of it may come: the event itself, or an answer to its step-up.
    fn goes_on(&self, now_us: i64) -> bool {
        let Self::Decision(explanation) = self else { return true };
        let over = explanation.answers.iter().any(|answer| answer.outcome != Outcome::StepUp);
        !over && explanation.step_up.is_some_and(|step_up| now_us < step_up.expires_us)
    }
}

/// Notes how the customer answered, by the live rule set, where the event is about a payment that was asked for.
fn note_answer(asked: &mut BTreeMap<&str, Found>, event: &Event, decision: &Decision, rules: &RuleSet) {
    let of = event.text(TextField::Transaction);
    if let Some(Found::Decision(explanation)) = of.and_then(|id| asked.get_mut(id)) {
        explanation.answers.push(AnswerExplanation {
            id: event.id().to_owned(),
            time_us: event.time_us(),
            outcome: decision.outcome,
            attempts_left: decision.step_up.map_or(0, |step_up| step_up.attempts_left),
            stopped: decision.stopped,
            locked: rules.lock_names(decision.locked).map(str::to_owned).collect(),
        });
    }
}

fn find(engine: &mut Engine, explainers: &[Explainer], event: &Event, all: bool) -> anyhow::Result<Found> {
    let decision = match engine.step(event) {
        Answer::Decided(decision) => decision.clone(),
        Answer::Repeated(_) => return Ok(Found::Other("it came again after its decision".to_owned())),
        Answer::Refused(Refusal::UnknownRuleSet) => return Err(not_given(event)),
        Answer::Refused(refusal) => {
            return Ok(Found::Other(format!("it was refused ({}): {refusal}", refusal.code())));
        }
        Answer::Alert(alert) | Answer::AlertedBefore(alert) => {
            return Ok(Found::Other(format!("it was taken in, and a person should look: {alert}")));
        }
        Answer::Taken | Answer::TakenBefore => {
            return Ok(Found::Other(format!(
                "it is of kind {}, and only transactions are decided",
                event.kind().name()
            )));
        }
    };
    let decided_by = |explainer: &&Explainer| {
        engine.rule_set(decision.rule_set).is_some_and(|rules| rules.hash == explainer.rules().hash)
    };
    let Some(explainer) = explainers.iter().find(decided_by) else {
        bail!("the rule set that decided `{}` is unknown; name its file with --reload", event.id());
    };
    Ok(Found::Decision(Box::new(explainer.explain(&engine.facts(event), &decision, all))))
}

fn show(args: &Args, explanation: &Explanation, style: &Style, out: &mut impl Write) -> anyhow::Result<()> {
    let text = |for_auditor| Show { for_auditor, painted: true };
    match (args.reader, args.format) {
        (Reader::Operator, Form::Text) => write_explanation_text(explanation, style, text(false), out)?,
        (Reader::Auditor, Form::Text) => write_explanation_text(explanation, style, text(true), out)?,
        (Reader::Operator, Form::Json) => write_explanation(explanation, style, false, out)?,
        (Reader::Auditor, Form::Json) => write_explanation(explanation, style, true, out)?,
        (Reader::Customer, Form::Text) => writeln!(out, "{}", explanation.advice.text(style.language()))?,
        (Reader::Customer, Form::Json) => write_advice(&explanation.id, explanation.advice, style, out)?,
    }
    Ok(())
}
