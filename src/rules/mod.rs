//! Rule files: from text to a checked and compiled `RuleSet`.
//!
//! Promises that a rule set which compiles can be evaluated on any event without an error, a panic or an
//! allocation. Must never know windows' state, a transport or a file: text comes in, a rule set or problems go out.

/// Amounts of money, as people write them.
mod amounts;
/// `[auth]`.
mod auth;
/// The canonical form that a rule set's hash is taken of.
mod canonical;
/// What a rule file says, in words that can be compared.
pub mod description;
/// The rule file as TOML with the place of everything in it.
mod document;
/// `tags`, `oblige` and `legal` of a rule.
mod duties;
/// Conditions and values, typed and ready to evaluate.
pub mod expr;
/// `[features]`.
mod features;
/// What tokens would make meaningless.
mod identifiers;
/// Which rules may fire, found without looking at each.
mod index;
/// Patterns of `like`.
mod like;
/// The bounds of a rule file.
pub mod limits;
/// `[lists]`.
mod lists;
/// `[locks]`.
mod locks;
/// Several files' documents as one.
mod merge;
/// Names and what they stand for.
mod named;
mod names;
/// The files of a rule set.
mod packs;
/// `[params]`.
mod params;
/// What is wrong with a rule file.
pub mod problem;
/// A rule set as one SQL query.
pub mod query;
/// Where rates of other currencies come from.
mod rates;
/// What reads what through what.
mod reach;
/// `[[rule]]`.
mod rule;
/// What a rule file compiles to.
pub mod ruleset;
/// `[ruleset]`, `[fields]`, `[policy]`.
mod sections;
/// What can be found out about conditions by reasoning.
mod sense;
/// The text of a rule file with those that it extends.
mod sources;
/// Conditions: from SQL to expressions.
mod sql;
/// Decision tables.
pub mod table;
/// `[tables]`.
mod tables;
/// `tier`, `mode`, dates, `rollout`, `overrides`, `breaker` and `[control]`.
mod tier;
/// Parameters for whoever tunes them.
mod tuning;
/// The types that conditions are checked with.
mod types;
/// Which kinds of event have which fields.
mod vocabulary;

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub use description::Description;
pub(crate) use expr::Own;
pub use expr::{Condition, Facts, presented};
pub use index::{Index, Scratch};
pub(crate) use names::{did_you_mean, listed, near};
pub use problem::{Beside, Problem, Refused, Severity};
#[cfg(feature = "backtest")]
pub use ruleset::Firing;
pub use ruleset::{
    Action, Aggregate, Breaker, ControlGroup, Counts, DegreeField, Dialogue, Feature, Feedback, KeyField,
    Kinds, Label, ListDeclaration, Lock, Mode, NumberField, OnUnknown, Operand, Pack, Policy,
    RatesDeclaration, Reset, Rule, RuleSet, Share, Stratum, Tier, Window,
};
pub use sources::{Found, Place, SourceFile, Sources};
pub use sql::outline::{Finding, Form, Outline, Quantity};
pub use table::{Row, Table, UnknownRow, Values};
pub use tuning::Parameter;
pub use types::Unit;

use crate::event::{Schema, TextField};
use crate::time::format_duration;
use auth::Requirements;
use document::Table as Section;
use named::Named;
use names::Scope;
use problem::Problems;
use sections::Head;

const SECTIONS: [&str; 14] = [
    "ruleset", "fields", "params", "set", "lists", "rates", "features", "tables", "policy", "auth",
    "step_up", "locks", "control", "rule",
];

/// A rule file that was checked.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The rule set, unless there is an error among the problems.
    pub rule_set: Option<RuleSet>,
    /// All that is wrong, in the order of the file.
    pub problems: Vec<Problem>,
    refused: Refused,
}

impl Checked {
    /// The rule set, or one line per error.
    pub fn into_result(self) -> Result<RuleSet, Refused> {
        self.rule_set.ok_or(self.refused)
    }
}

/// Checks and compiles a rule file that extends no other; `source_name` is what its errors call it.
pub fn compile(source_name: &str, text: &str) -> Checked {
    Sources::alone(source_name, text).compile()
}

impl Sources {
    /// Checks and compiles the file with all that it extends.
    pub fn compile(&self) -> Checked {
        let mut problems = Problems::default();
        let rule_set = check(self, &mut problems).filter(|_| !problems.any_error());
        let problems = problems.into_sorted();
        let refused = Refused::new(self, &problems);
        Checked { rule_set, problems, refused }
    }
}

/// A rule set with the outlines of its conditions.
#[derive(Debug)]
pub struct Outlined {
    /// The rule set.
    pub rules: RuleSet,
    /// The condition of each rule.
    pub conditions: Vec<Outline>,
    /// The conditions of each table's rows.
    pub tables: Vec<Vec<Outline>>,
}

/// Compiles a rule file, and keeps an outline of each condition that decides.
pub fn outline(sources: &Sources) -> Result<Outlined, Refused> {
    read_whole(sources, |rules, parts| {
        let outline =
            |compiled: &sql::Compiled<'_>| Outline::of(compiled, &parts.params, Some(rules.currency));
        let conditions = parts.rules.iter().map(|rule| outline(&rule.condition)).collect();
        let rows = |table: &tables::Declared<'_>| table.conditions.iter().map(outline).collect();
        let tables = parts.tables.iter().map(rows).collect();
        Outlined { rules, conditions, tables }
    })
}

/// Compiles a rule file that extends no other, and says what it says.
pub fn describe(source_name: &str, text: &str) -> Result<(RuleSet, Description), Refused> {
    Sources::alone(source_name, text).describe()
}

impl Sources {
    /// Compiles the file with all that it extends, and says what they say together.
    pub fn describe(&self) -> Result<(RuleSet, Description), Refused> {
        read_whole(self, |set, parts| {
            let description = Description::of(&set, parts);
            (set, description)
        })
    }
}

/// Reads a rule file of which all is needed, or says why it can't be used.
fn read_whole<T>(sources: &Sources, then: impl FnOnce(RuleSet, &Parts<'_>) -> T) -> Result<T, Refused> {
    let mut problems = Problems::default();
    let whole = read(sources, &mut problems, |set, parts, _| then(set, parts));
    let any_error = problems.any_error();
    let refused = || Refused::new(sources, &problems.into_sorted());
    whole.filter(|_| !any_error).ok_or_else(refused)
}

/// How long ids are remembered: as the file says, or so long that a window never outlives a payment's correction. Files that
/// stand on others say nothing shorter, or what is executed later would count in nothing that the others ask for.
fn horizon(
    said: Option<(i64, Range<usize>)>,
    features: impl Iterator<Item = (Window, i64)>,
    extends: bool,
    problems: &mut Problems,
) -> i64 {
    let longest_us = features.map(|(window, delay_us)| window.span_us() + delay_us).max().unwrap_or(0);
    let unsaid_us = limits::REMEMBER_US_DEFAULT.max(longest_us);
    let Some((us, span)) = said else { return unsaid_us };
    let help = |us| format!("leave `remember` out, or write \"{}\"", format_duration(us));
    if extends && us < unsaid_us {
        let (us, needed) = (format_duration(us), format_duration(unsaid_us));
        let message =
            format!("payments would be known for {us}, and files that are extended count on {needed}");
        let label = "what is executed later would not count";
        problems.push(Problem::error(span, message, label).help(help(unsaid_us)));
    } else if us < longest_us {
        let (us, longest) = (format_duration(us), format_duration(longest_us));
        let message = format!("payments can be corrected for {us}, and a window covers {longest}");
        let label = "a later reversal stays in that window";
        problems.push(Problem::warning(span, message, label).help(help(longest_us)));
    }
    us
}

/// What a rule file declares, with what a rule set does not keep of it: for whoever reasons about its conditions.
struct Parts<'d> {
    params: Vec<params::Param<'d>>,
    features: Vec<features::Declared<'d>>,
    tables: Vec<tables::Declared<'d>>,
    locks: Vec<locks::Declared<'d>>,
    rules: Vec<rule::Declared<'d>>,
    /// The parameters that locks and the dialogue name, and the fields.
    in_dialogue: sql::Used,
}

/// The documents of all files; `None` where one is not TOML.
fn parse<'t>(padded: &'t [Cow<'_, str>], problems: &mut Problems) -> Option<Vec<Spanned<DeTable<'t>>>> {
    let mut documents = Vec::with_capacity(padded.len());
    for text in padded {
        let (document, errors) = DeTable::parse_recoverable(text);
        // What is left of a broken file would only lead to problems that are not there.
        for error in errors {
            let span = error.span().unwrap_or(0..0);
            problems.push(Problem::error(span, error.message().to_owned(), "not TOML from here"));
        }
        documents.push(document);
    }
    (!problems.any_error()).then_some(documents)
}

/// The time zone that a file says.
fn zone_said<'d>(document: &'d Spanned<DeTable<'_>>) -> Option<&'d str> {
    match document.get_ref().get("ruleset")?.get_ref() {
        DeValue::Table(head) => head.get("time_zone")?.get_ref().as_str(),
        _ => None,
    }
}

fn check(sources: &Sources, problems: &mut Problems) -> Option<RuleSet> {
    read(sources, problems, |rule_set, parts, problems| {
        sense::tell(&rule_set, parts, problems);
        rule_set
    })
}

/// Reads a rule file, and hands over what it says where it has no error.
fn read<T>(
    sources: &Sources,
    problems: &mut Problems,
    then: impl FnOnce(RuleSet, &Parts<'_>, &mut Problems) -> T,
) -> Option<T> {
    let text = sources.text();
    if text.len() > limits::FILE_BYTES_MAX {
        let message = format!("a rule file has at most {} MiB", limits::FILE_BYTES_MAX >> 20);
        problems.push(Problem::error(0..0, message, format!("this has {} bytes", text.len())));
        return None;
    }
    let padded = sources.padded();
    let documents = parse(&padded, problems)?;
    let merged = match &documents[..] {
        [_, _, ..] => Some(Spanned::new(0..text.len(), merge::merge(sources, &documents, problems))),
        _ => None,
    };
    let root = Section::root(text, merged.as_ref().or(documents.first())?);
    root.check_keys(problems, &SECTIONS, &[]);
    let zone = documents.get(1..).and_then(|extended| extended.iter().find_map(zone_said));
    let head = sections::head(&root, zone, problems);
    let packs = packs::Packs::read(sources, &documents, head.as_ref(), problems);
    let languages = packs.languages(&documents, problems);
    let mut scope = Scope::default();
    scope.currency = head.as_ref().and_then(|head| head.currency);
    let fields = sections::fields(&root, &mut scope, problems);
    let params = params::read(&root, sources, &mut scope, problems);
    let mut requirements = Requirements::read(&root, sources, problems);
    scope.requirements = requirements.needs();
    let lists = lists::read(&root, &mut scope, problems);
    let rates = rates::read(&root, problems);
    scope.rates = rates.is_some();
    let mut used = sql::Used::new();
    let named = tables::declare_all(&root, &mut scope, problems);
    let mut features = features::read(&root, &mut scope, &mut used, problems);
    features::grants::check(&root, &features, problems);
    let tables = tables::read(named, &scope, &mut used, problems);
    let policy = sections::policy(&root, &mut requirements, problems);
    let mut in_dialogue = sql::Used::new();
    let named = Named { scope: &scope, used: &mut in_dialogue, problems };
    let step_up = sections::step_up(&root, named);
    let reported = head.as_ref().map(|head| (head.feedback, head.pending_us)).unwrap_or_default();
    features::in_flight::settle(&mut features, reported, step_up, problems);
    let locks = locks::read(&root, &scope, &requirements, &mut in_dialogue, problems);
    used.extend(in_dialogue.iter().cloned());
    let calendar = head.as_ref().and_then(|head| head.calendar.as_ref());
    let control = tier::Reader { scope: &scope, calendar, problems }.control(&root);
    let mut reader = rule::Reader {
        scope: &scope,
        calendar,
        packs: &packs,
        languages: &languages,
        policy: &policy,
        requirements: &mut requirements,
        used: &mut used,
        problems,
    };
    let mut rules = reader.rules(&root);
    let (tags, obligations) = duties::number(&mut rules, problems);
    if problems.any_error() {
        return None;
    }
    let tables_used = reach::link(&mut features, &tables, &mut rules);
    tier::check_tables(&rules, &tables, problems);
    if problems.any_error() {
        return None;
    }
    let tables_named = tables.iter().map(|declared| &declared.name).zip(tables_used);
    features::check_used(tables_named, "table", problems);
    features::check_used(features.iter().map(|f| (&f.name, f.feature.used)), "feature", problems);
    features::check_used(params.iter().map(|p| (&p.name, used.contains(p.name.text))), "parameter", problems);
    features::check_used(lists.iter().map(|l| (&l.name, used.contains(l.name.text))), "list", problems);
    requirements.mark_asked(&used);
    requirements.check_used(problems);
    let Head { name, time_zone, calendar, currency, remember, feedback, pending_us, .. } = head?;
    let windows = features.iter().map(|declared| (declared.feature.window, declared.feature.delay_us));
    let horizon_us = horizon(remember, windows, packs.packs.len() > 1, problems);
    let mut set = RuleSet {
        name: name?,
        hash: [0; 32],
        time_zone,
        calendar: calendar?,
        currency: currency?,
        horizon_us,
        feedback,
        pending_us,
        step_up,
        locks: locks.iter().map(|declared| declared.lock.clone()).collect(),
        schema: Arc::new(Schema::new(fields)),
        fields_named: used.iter().filter_map(|name| TextField::from_name(name)).collect(),
        features: Vec::new(),
        tables: tables.iter().map(|declared| declared.table.clone()).collect(),
        rules: Vec::new(),
        lists: lists
            .into_iter()
            .map(|declared| ListDeclaration {
                pack: packs.place_of(&declared.name.span) as u8,
                ..declared.list
            })
            .collect(),
        rates: rates
            .map(|(declared, span)| RatesDeclaration { pack: packs.place_of(&span) as u8, ..declared }),
        policy,
        control,
        packs: packs.packs,
        methods: requirements.methods,
        tags,
        obligations,
    };
    for (at, hash) in canonical::definitions(&set, &params, &features, &tables).into_iter().enumerate() {
        features[at].feature.hash = hash;
    }
    #[cfg(feature = "backtest")]
    for (at, firing) in canonical::firings(&set, &params, &features, &tables, &rules).into_iter().enumerate()
    {
        rules[at].rule.firing = firing;
    }
    set.features = features.iter().map(|declared| declared.feature.clone()).collect();
    let parts = Parts { params, features, tables, locks, rules, in_dialogue };
    set.hash = canonical::hash(&set, &parts);
    set.rules = parts.rules.iter().map(|declared| declared.rule.clone()).collect();
    Some(then(set, &parts, problems))
}
