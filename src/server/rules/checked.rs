//! A rule set that somebody sends: checked as `weir check` does, and compared with the one that decides.
//!
//! Promises that what is found wrong is told with its place. Runs beside the engine, as slowly as it must.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};

use super::super::declared::Declared;
use super::super::http::Problem;
use crate::diff::{Change, changes, report, text};
use crate::io::{Bundle, Loaded};
use crate::journal::{Keeper, Prepared};
use crate::lists::Lists;
use crate::rules::{self, RuleSet, Sources};
use crate::tokens::Tokens;

/// The status of what can't be taken as it is.
const UNFIT: StatusCode = StatusCode::UNPROCESSABLE_ENTITY;

/// What is wrong with a rule file, as JSON.
fn told(problems: &[rules::Problem], sources: &Sources) -> Vec<Value> {
    let told = |problem: &rules::Problem| {
        let place = sources.place(problem.span.start);
        json!({
            "severity": problem.severity.name(),
            "file": place.file,
            "line": place.line,
            "column": place.column,
            "message": problem.message,
            "label": problem.label,
            "help": problem.help,
        })
    };
    problems.iter().map(told).collect()
}

fn refused(why: impl ToString) -> Problem {
    let problems = json!([{"severity": "error", "message": why.to_string()}]);
    Problem::new(UNFIT, "rules", "The rule set can't be used", why).with("problems", problems)
}

/// What texts that are sent say, where it can be used, with what is warned of.
pub(super) fn sent(file: String, texts: BTreeMap<String, String>) -> Result<(Bundle, Vec<Value>), Problem> {
    let bundle = Bundle::of_texts(file, texts).map_err(refused)?;
    let sources = bundle.sources().map_err(refused)?;
    let checked = sources.compile();
    let problems = told(&checked.problems, &sources);
    if checked.rule_set.is_none() {
        let detail = format!("{} can't be used: it has errors", sources.name());
        return Err(Problem::new(UNFIT, "rules", "The rule set can't be used", detail)
            .with("problems", problems.into()));
    }
    let (_, needed) = bundle.load_needed().map_err(refused)?;
    Ok((needed, problems))
}

/// A rule set that can be used, loaded, with tokens where there is a key; it is not kept yet.
pub(super) fn ready(
    bundle: Bundle,
    keeper: &Keeper,
    tokens: Option<&Tokens>,
    declared: &Declared,
) -> Result<Prepared, Problem> {
    let bundle = match tokens {
        Some(tokens) => bundle.tokenised(tokens).map_err(refused)?,
        None => bundle,
    };
    let loaded = bundle.load().map_err(refused)?;
    answers(declared, &loaded)?;
    let rules = keeper.hash(&bundle).map_err(refused)?;
    Ok(Prepared { rules, bundle, loaded })
}

/// Keeps it.
pub(super) fn keep(keeper: &Keeper, prepared: Prepared) -> Result<Prepared, Problem> {
    keeper.keep(&prepared).map_err(|error| failed(&error))?;
    Ok(prepared)
}

/// Fails where what is declared would be weaker than the rule set's law.
pub(super) fn answers(declared: &Declared, loaded: &Loaded) -> Result<(), Problem> {
    declared.check(&loaded.rules).map_err(|error| {
        Problem::new(UNFIT, "rules", "The rule set does not go with what is declared", error)
    })
}

/// A rule set that was kept.
pub(super) fn prepared(keeper: &Keeper, rules: &str) -> Result<Prepared, Problem> {
    keeper.prepare(rules).map_err(|error| failed(&error))
}

fn failed(error: &crate::journal::RecordedError) -> Problem {
    let status = StatusCode::INTERNAL_SERVER_ERROR;
    Problem::new(status, "kept-rules", "The rule set can't be kept with the journal, or read there", error)
}

/// Lines as one, for a log.
pub(super) fn in_a_line(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines.join("; ")
}

/// What is on a list, or in the rates, otherwise than it was.
#[derive(Clone, Debug, Serialize)]
struct Contents {
    #[serde(skip_serializing_if = "Option::is_none")]
    list: Option<String>,
    /// Entries that its file had, if it was there.
    was: Option<usize>,
    /// Entries that its file has, if it is there.
    is: Option<usize>,
}

/// What is on a list by events and would be on none.
#[derive(Clone, Debug, Serialize)]
struct Lost {
    list: String,
    entries: usize,
}

/// What is otherwise in one rule set than in another.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Diff {
    changes: Vec<Change>,
    /// Lists whose files say something else.
    lists: Vec<Contents>,
    /// The rates, where their files say something else.
    #[serde(skip_serializing_if = "Option::is_none")]
    rates: Option<Contents>,
    /// Entries that events put on lists that it has not, or declares otherwise: no way leads back to them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    lost: Vec<Lost>,
    #[serde(skip)]
    text: String,
}

impl Diff {
    /// What is otherwise in `new`, and what is on the lists that decide now and would be on none.
    pub(super) fn between(
        old: &Prepared,
        new: &Prepared,
        (rules, lists): (&RuleSet, &Lists),
        now_us: i64,
    ) -> Result<Self, Problem> {
        let declared = rules.lists.iter().enumerate();
        let gone = declared.filter(|(_, declared)| !new.loaded.rules.lists.contains(declared));
        let lost = gone.map(|(at, declared)| Lost {
            list: declared.name.clone(),
            entries: lists.get(at).map_or(0, |list| list.by_events(now_us)),
        });
        let lost: Vec<Lost> = lost.filter(|lost| lost.entries > 0).collect();
        let described = |prepared: &Prepared| {
            let sources = prepared.bundle.sources().map_err(refused)?;
            sources.describe().map_err(refused)
        };
        let ((old_rules, old_said), (new_rules, new_said)) = (described(old)?, described(new)?);
        let changes = changes((&old_rules, &old_said), (&new_rules, &new_said));
        let file = |loaded: &Loaded, name: &str| {
            let at = loaded.rules.lists.iter().position(|list| list.name == name)?;
            loaded.lists.get(at).cloned()
        };
        let names = old.loaded.rules.lists.iter().chain(&new.loaded.rules.lists).map(|list| &list.name);
        let mut lists: Vec<Contents> = Vec::new();
        for name in names {
            let (was, is) = (file(&old.loaded, name), file(&new.loaded, name));
            let same = matches!((&was, &is), (Some(was), Some(is)) if was.is_loaded_as(is));
            if !same && lists.iter().all(|held| held.list.as_ref() != Some(name)) {
                let (was, is) = (was.map(|list| list.len()), is.map(|list| list.len()));
                lists.push(Contents { list: Some(name.clone()), was, is });
            }
        }
        let rates = (old.loaded.rates.version() != new.loaded.rates.version()).then(|| Contents {
            list: None,
            was: Some(old.loaded.rates.len()),
            is: Some(new.loaded.rates.len()),
        });
        let mut said = text(&report(&new_rules, &changes, &[], None));
        let entries = |many: Option<usize>| many.map_or("not there".to_owned(), |many| many.to_string());
        for Contents { list, was, is } in lists.iter().chain(&rates) {
            let what = list.as_ref().map_or("rates".to_owned(), |list| format!("entries of list {list}"));
            said += &format!("  {what}: {} → {}\n", entries(*was), entries(*is));
        }
        for Lost { list, entries } in &lost {
            said += &format!("  {entries} entries of list {list} that events put on are lost\n");
        }
        Ok(Self { changes, lists, rates, lost, text: said })
    }

    /// It for a log.
    pub(super) fn in_a_line(&self) -> String {
        in_a_line(&self.text)
    }
}
