//! Explanations as JSON documents, with the same keys in the same order for every language, and as text for people.
//!
//! Promises of a document that every value is there as data, and beside it as the language writes it.

mod text;

pub use text::{Show, write_explanation_text};

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;

use crate::catalogue::Advice;
use crate::decision::{Outcome, StepUp, Stopped};
use crate::explain::{AnswerExplanation, Explanation, Fate, RuleExplanation, Style, TableExplanation};
use crate::rates::{Conversion, RateFrom};
use crate::rules::{Action, Finding, Form, Quantity, Unit};

#[derive(Serialize)]
struct Document<'a> {
    id: &'a str,
    time_us: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    amount_minor: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    converted: Option<Converted>,
    language: &'static str,
    rule_set: &'a str,
    outcome: &'static str,
    alert: bool,
    score: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    step_up_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    block_at: Option<i64>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    auth: &'a [Vec<String>],
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    met: bool,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    missing: &'a [Vec<String>],
    #[serde(skip_serializing_if = "Option::is_none")]
    step_up: Option<StepUpDocument>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    own: Option<&'static str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    locked: &'a [String],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    answers: Vec<AnswerDocument<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    withheld: Option<Withheld>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    out_of_force: &'a [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    tags: &'a [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    obligations: &'a [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    not_recorded: &'a [String],
    customer: Customer<'a>,
    rules: Vec<RuleDocument<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tables: Vec<TableDocument<'a>>,
}

#[derive(Serialize)]
struct TableDocument<'a> {
    name: &'a str,
    value: serde_json::Value,
    shown: String,
    /// From 1; the one after the last is `else`.
    row: Option<usize>,
    looked_at: Vec<Part<'a>>,
}

/// What was paid in another currency.
#[derive(Serialize)]
struct Converted {
    paid_minor: i64,
    paid_currency: &'static str,
    rate: String,
    from: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_from_us: Option<i64>,
}

impl Converted {
    fn of(Conversion { paid, rate, from, .. }: Conversion) -> Self {
        let valid_from_us = match from {
            RateFrom::Table { valid_from_us } => Some(valid_from_us),
            RateFrom::Event | RateFrom::Payment => None,
        };
        let (paid_minor, paid_currency) = (paid.minor, paid.currency.code());
        Self { paid_minor, paid_currency, rate: rate.to_string(), from: from.name(), valid_from_us }
    }
}

#[derive(Serialize)]
struct StepUpDocument {
    id: String,
    expires_us: i64,
    attempts_left: u32,
}

#[derive(Serialize)]
struct AnswerDocument<'a> {
    id: &'a str,
    time_us: i64,
    outcome: &'static str,
    attempts_left: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped: Option<&'static str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    locked: &'a [String],
}

impl<'a> AnswerDocument<'a> {
    fn of(answer: &'a AnswerExplanation) -> Self {
        let AnswerExplanation { id, time_us, outcome, attempts_left, stopped, locked } = answer;
        let stopped = stopped.map(Stopped::name);
        Self {
            id,
            time_us: *time_us,
            outcome: outcome.name(),
            attempts_left: *attempts_left,
            stopped,
            locked,
        }
    }
}

#[derive(Serialize)]
struct Withheld {
    outcome: &'static str,
    ppm: u32,
}

#[derive(Serialize)]
struct Customer<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    code: &'static str,
    text: &'static str,
}

#[derive(Serialize)]
struct RuleDocument<'a> {
    id: &'a str,
    fate: &'static str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    overridden_by: &'a [String],
    fired: bool,
    by_unknown: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    then: Option<&'static str>,
    score: i64,
    tier: &'static str,
    mode: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<Record<'a>>,
    condition: Part<'a>,
}

/// What an auditor needs of a rule besides.
#[derive(Serialize)]
struct Record<'a> {
    legal: Option<&'a str>,
    reasons: BTreeMap<&'a str, &'a str>,
    tags: &'a [String],
    oblige: &'a [String],
}

#[derive(Serialize)]
struct Part<'a> {
    text: &'a str,
    /// First byte and the byte after the last, in the condition's text.
    place: [usize; 2],
    form: &'static str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    negated: bool,
    #[serde(rename = "type")]
    ty: &'static str,
    value: serde_json::Value,
    shown: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    quality: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    parts: Vec<Part<'a>>,
}

/// Writes an explanation as one JSON document, and a line end; for an auditor with what each rule's record needs.
pub fn write_explanation(
    explanation: &Explanation,
    style: &Style,
    for_auditor: bool,
    out: &mut impl Write,
) -> io::Result<()> {
    let document = Document {
        id: &explanation.id,
        time_us: explanation.time_us,
        amount_minor: explanation.amount.map(|amount| amount.minor),
        currency: explanation.amount.map(|amount| amount.currency.code()),
        converted: explanation.converted.map(Converted::of),
        language: style.language().code(),
        rule_set: &explanation.rule_set,
        outcome: explanation.outcome.name(),
        alert: explanation.alert,
        score: explanation.score,
        step_up_at: explanation.step_up_at,
        block_at: explanation.block_at,
        auth: &explanation.requirement,
        met: explanation.met,
        missing: &explanation.missing,
        step_up: explanation.step_up.map(|StepUp { id, expires_us, attempts_left }| StepUpDocument {
            id: format!("{id:016x}"),
            expires_us,
            attempts_left,
        }),
        stopped: explanation.stopped.map(Stopped::name),
        own: explanation.own.map(Outcome::name),
        locked: &explanation.locked,
        answers: explanation.answers.iter().map(AnswerDocument::of).collect(),
        withheld: explanation.withheld.map(|held| Withheld { outcome: held.outcome.name(), ppm: held.ppm }),
        out_of_force: &explanation.out_of_force,
        tags: &explanation.tags,
        obligations: &explanation.obligations,
        not_recorded: &explanation.not_recorded,
        customer: customer(None, explanation.advice, style),
        rules: explanation.rules.iter().map(|rule| of_rule(rule, style, for_auditor)).collect(),
        tables: explanation.tables.iter().map(|table| of_table(table, style)).collect(),
    };
    line(&document, out)
}

/// Writes only what the customer is told of a payment, and a line end.
pub fn write_advice(id: &str, advice: &Advice, style: &Style, out: &mut impl Write) -> io::Result<()> {
    line(&customer(Some(id), advice, style), out)
}

fn line(document: &impl Serialize, out: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, document)?;
    out.write_all(b"\n")
}

fn customer<'a>(id: Option<&'a str>, advice: &Advice, style: &Style) -> Customer<'a> {
    Customer { id, code: advice.code, text: advice.text(style.language()) }
}

fn of_rule<'a>(rule: &'a RuleExplanation, style: &Style, for_auditor: bool) -> RuleDocument<'a> {
    let language = style.language().code();
    let reason = rule.reason.iter().find(|(held, _)| held == language).or(rule.reason.first());
    RuleDocument {
        id: &rule.id,
        fate: rule.fate.name(),
        overridden_by: match &rule.fate {
            Fate::Overridden { by } => by,
            _ => &[],
        },
        fired: rule.fate.fired(),
        by_unknown: rule.by_unknown,
        then: rule.then.map(Action::name),
        score: rule.score,
        tier: rule.tier.name(),
        mode: rule.mode.name(),
        reason: reason.map(|(_, text)| text.as_str()),
        record: for_auditor.then(|| Record {
            legal: rule.legal.as_deref(),
            reasons: rule.reason.iter().map(|(code, text)| (code.as_str(), text.as_str())).collect(),
            tags: &rule.tags,
            oblige: &rule.oblige,
        }),
        condition: part(&rule.condition, style),
    }
}

fn of_table<'a>(table: &'a TableExplanation, style: &Style) -> TableDocument<'a> {
    TableDocument {
        name: &table.name,
        value: table.value.as_ref().map_or(serde_json::Value::Null, |value| typed(value).1),
        shown: table
            .value
            .as_ref()
            .map_or_else(|| style.truth(None).to_owned(), |value| style.quantity(value)),
        row: table.row.map(|row| row + 1),
        looked_at: table.looked_at.iter().map(|finding| part(finding, style)).collect(),
    }
}

/// The word for a value's type, and the value.
fn typed(quantity: &Quantity) -> (&'static str, serde_json::Value) {
    match quantity {
        Quantity::Truth(truth) => ("boolean", (*truth).into()),
        Quantity::Text(text) => ("text", text.as_str().into()),
        Quantity::Whole(value, unit) => (unit_name(*unit, "integer"), (*value).into()),
        Quantity::Decimal(value, unit) => (unit_name(*unit, "decimal"), (*value).into()),
    }
}

fn part<'a>(finding: &'a Finding, style: &Style) -> Part<'a> {
    let (ty, value) = match &finding.value {
        None if finding.truth => ("boolean", serde_json::Value::Null),
        None => ("null", serde_json::Value::Null),
        Some(value) => typed(value),
    };
    let feature = matches!(finding.form, Form::Feature(_));
    Part {
        text: &finding.text,
        place: [finding.place.start, finding.place.end],
        form: form_name(&finding.form),
        negated: finding.negated,
        ty,
        value,
        shown: match &finding.value {
            Some(value) => style.quantity(value),
            None if finding.truth => style.truth(None).to_owned(),
            None => "null".to_owned(),
        },
        quality: feature.then(|| finding.quality.name()),
        parts: finding.parts.iter().map(|finding| part(finding, style)).collect(),
    }
}

fn unit_name(unit: Unit, plain: &'static str) -> &'static str {
    match unit {
        Unit::Plain => plain,
        Unit::Money => "money",
        Unit::Duration => "duration",
        Unit::Time => "time",
    }
}

fn form_name(form: &Form) -> &'static str {
    match form {
        Form::Field => "field",
        Form::Feature(_) => "feature",
        Form::Quality(_) => "quality",
        Form::Table(_) => "table",
        Form::Parameter => "parameter",
        Form::Literal => "literal",
        Form::All => "and",
        Form::Any => "or",
        Form::Not => "not",
        Form::Is(_) => "is",
        Form::IsNull => "is_null",
        Form::Compare(sign) | Form::Arithmetic(sign) => sign,
        Form::Between => "between",
        Form::In => "in",
        Form::Like(_) => "like",
        Form::Word => "any",
        Form::Listed(_) => "in_list",
        Form::ListLevel(_) => "level",
        Form::Met(_) => "met",
        Form::Money(_) => "money",
        Form::Negate => "minus",
        Form::Function(name) => name,
        Form::Case { .. } => "case",
    }
}
