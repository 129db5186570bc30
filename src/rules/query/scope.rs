//! What a query can say, and by name what it cannot.

use std::collections::BTreeMap;
use std::fmt;

use thiserror::Error;

use crate::event::Kind;

use crate::rules::Parts;
use crate::rules::names::listed;
use crate::rules::ruleset::{Aggregate, Counts, Feature, Mode, RuleSet, Stratum};
use crate::rules::table::UnknownRow;

/// A feature or rule that a query cannot say, and why.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{subject}: {reason}")]
pub struct OutOfScope {
    /// Which.
    pub subject: Subject,
    /// Why.
    pub reason: Reason,
}

/// A part of a rule set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The feature of this name.
    Feature(String),
    /// The rule of this id.
    Rule(String),
    /// The decision table of this name.
    Table(String),
    /// The extra field of this name.
    Field(String),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Feature(name) => write!(f, "feature `{name}`"),
            Self::Rule(id) => write!(f, "rule `{id}`"),
            Self::Table(name) => write!(f, "table `{name}`"),
            Self::Field(name) => write!(f, "field `{name}`"),
        }
    }
}

/// Why a query cannot say it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Reason {
    /// What was allowed depends on decisions, and those on features.
    #[error(
        "it counts what was allowed, which depends on decisions; write `counts = \"asked\"` if all that asked should count"
    )]
    CountsAllowed,
    /// What was executed depends on decisions too.
    #[error(
        "it counts what was executed, which depends on decisions; write `counts = \"asked\"` if all that asked should count"
    )]
    CountsExecuted,
    /// It has an aggregate or an option that queries do not say, by its key.
    #[error("a query does not say `{0}`")]
    Key(&'static str),
    /// It carries what a table decided.
    #[error("its `where` reads a table, so it is fed by decisions")]
    ReadsTable,
    /// An unknown row means the strictest row that may still hold.
    #[error("its unknown rows mean the strictest; a query can say `next` and `unknown`")]
    Strictest,
    /// It reads what is out of scope itself.
    #[error("it reads {}, which the query cannot say", listed(&.0.iter().map(String::as_str).collect::<Vec<_>>(), "and"))]
    Reads(Vec<String>),
    /// Its name is that of a column which the query makes.
    #[error("the query makes a column `{0}` of its own; choose another name")]
    NameTaken(String),
    /// DuckDB takes names that differ in capitals only for one.
    #[error("rule `{0}` has the same id but for capitals, and columns would have one name")]
    SameBesidesCase(String),
    /// It asks a list, which events change.
    #[error("it asks the list `{0}`, which changes from event to event")]
    AsksList(String),
    /// It asks what methods were presented, which the rule set reads and no query.
    #[error("it asks `met({0})`; a query does not know which methods were presented so far")]
    AsksMethods(String),
    /// It asks for the worth of money in another currency.
    #[error("it asks for rates (`money`), which the query does not have")]
    AsksRates,
    /// It has a form that queries do not know.
    #[error("it has a form that queries do not say")]
    Unsaid,
    /// Its guarded expressions are too deep in each other.
    #[error(
        "its arithmetic on decimal numbers is too deep to be guarded against overflow in a query of sane length"
    )]
    TooLong,
}

/// One line each.
pub(super) fn lines(found: &[OutOfScope]) -> String {
    found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// The column that says whether a rule fires.
pub(super) fn rule_column(id: &str) -> String {
    format!("rule_{id}")
}

/// All that is out of scope.
pub(super) fn check(set: &RuleSet, parts: &Parts<'_>) -> Vec<OutOfScope> {
    let mut found = Vec::new();
    let mut columns: BTreeMap<String, &str> = BTreeMap::new();
    let on = || parts.rules.iter().map(|declared| &declared.rule).filter(|rule| rule.mode != Mode::Off);
    for rule in on() {
        if let Some(first) = columns.insert(rule_column(&rule.id).to_lowercase(), &rule.id) {
            let reason = Reason::SameBesidesCase(first.to_owned());
            found.push(OutOfScope { subject: Subject::Rule(rule.id.clone()), reason });
        }
    }
    let taken = |name: &str| {
        let ours = ["arrival", "fired", "score"].contains(&name) || columns.contains_key(name);
        ours.then(|| Reason::NameTaken(name.to_owned()))
    };
    for (name, _) in set.schema.fields() {
        found.extend(taken(name).map(|reason| OutOfScope { subject: Subject::Field(name.clone()), reason }));
    }
    for feature in parts.features.iter().map(|declared| &declared.feature) {
        let decided = feature.stratum() == Stratum::DecisionFed;
        let counted = match feature.counts {
            Counts::Allowed if decided => Some(Reason::CountsAllowed),
            Counts::Executed if decided => Some(Reason::CountsExecuted),
            _ => None,
        };
        let carried = (!feature.tables.is_empty()).then_some(Reason::ReadsTable);
        let reason = unsaid(feature).map(Reason::Key).or(counted).or(carried);
        if let Some(reason) = reason.or_else(|| taken(&feature.name)) {
            found.push(OutOfScope { subject: Subject::Feature(feature.name.clone()), reason });
        }
    }
    for rule in on() {
        let tenants = (!rule.tenants.is_empty()).then_some("tenants");
        let key = tenants.or((rule.from != Kind::Transaction).then_some("from"));
        let of = |key| OutOfScope { subject: Subject::Rule(rule.id.clone()), reason: Reason::Key(key) };
        found.extend(key.map(of));
    }
    for table in &set.tables {
        let strictest = (table.on_unknown == UnknownRow::Strictest).then_some(Reason::Strictest);
        if let Some(reason) = strictest.or_else(|| taken(&table.name)) {
            found.push(OutOfScope { subject: Subject::Table(table.name.clone()), reason });
        }
    }
    found
}

/// The key of what a feature has and a query does not say.
fn unsaid(feature: &Feature) -> Option<&'static str> {
    let aggregate = match feature.aggregate {
        Aggregate::First(_) => Some("first"),
        Aggregate::Last(_) => Some("last"),
        Aggregate::Previous(_) => Some("previous"),
        Aggregate::Quantile(..) => Some("quantile"),
        Aggregate::ZScore(_) => Some("z_score"),
        Aggregate::Speed { .. } => Some("speed"),
        Aggregate::Changed(_) => Some("changed"),
        Aggregate::Ratio { .. } => Some("ratio"),
        Aggregate::Count
        | Aggregate::Sum(_)
        | Aggregate::Mean(_)
        | Aggregate::Min(_)
        | Aggregate::Max(_)
        | Aggregate::Deviation(_)
        | Aggregate::Distinct(_)
        | Aggregate::IsNew
        | Aggregate::Since => None,
    };
    let option = |has: bool, key: &'static str| has.then_some(key);
    aggregate
        .or(option(feature.reset.is_some(), "reset"))
        .or(option(feature.label.is_some(), "label"))
        .or(option(feature.delay_us > 0, "delay"))
        .or(option(feature.across, "across"))
}

/// Says that something is out of scope because of what it reads.
pub(super) fn reads(
    subject: Subject,
    (features, tables): (&[u16], &[u16]),
    set: &RuleSet,
    found: &[OutOfScope],
) -> Option<OutOfScope> {
    let features = features.iter().filter_map(|&at| set.features.get(usize::from(at)));
    let tables = tables.iter().filter_map(|&at| set.tables.get(usize::from(at)));
    let subjects = features
        .map(|feature| (feature.name.clone(), Subject::Feature(feature.name.clone())))
        .chain(tables.map(|table| (table.name.clone(), Subject::Table(table.name.clone()))));
    let apart = subjects.filter(|(_, read)| found.iter().any(|out| out.subject == *read));
    let reads: Vec<String> = apart.map(|(name, _)| name).collect();
    (!reads.is_empty()).then_some(OutOfScope { subject, reason: Reason::Reads(reads) })
}
