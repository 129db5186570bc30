//! Suggestions as rules: a file that extends the rule file or, where that can't be extended, a part to be put behind it.
//!
//! Promises that each is in shadow, that its thresholds are parameters of its own, and that a remark changes nothing of what is compiled. Must
//! never know how a rule was found.

use super::attributes::{Attribute, Attributes, Form};
use super::result::{Holds, Part, Proposal, ProposalFigures, SuggestReport, ValueKind, WhyNot};
use super::test::{Is, Test};
use crate::backtest::told::{self, NOTHING, Told, plural};
use crate::digits::grouped;
use crate::money::{Currency, Money, format_major};
use crate::rules::limits::NAME_BYTES_MAX;
use crate::rules::{RuleSet, Sources, Unit};
use crate::time::format_duration;

/// A suggestion with the names that it has in a rule file.
#[derive(Clone, Debug)]
pub(super) struct Named {
    pub(super) id: String,
    pub(super) when: String,
    pub(super) parts: Vec<Part>,
}

/// The word with which ids begin; one that the rule file does not have.
pub(super) fn prefix(sources: &Sources) -> String {
    let word = |number: u32| if number == 1 { "suggested".to_owned() } else { format!("suggested{number}") };
    // Of as many words as this the text has no room for all.
    let free = (1..=u32::MAX).map(word).find(|word| !sources.text().contains(word.as_str()));
    free.unwrap_or_default()
}

/// A conjunction with its names.
pub(super) fn named(id: String, tests: &[Test], attributes: &Attributes, currency: Currency) -> Named {
    let of = |test: &Test| Some(part(&id, test, attributes.get(test.attribute)?, currency));
    let parts: Vec<Part> = tests.iter().filter_map(of).collect();
    let when = parts.iter().map(condition).collect::<Vec<_>>().join(" and ");
    Named { id, when, parts }
}

fn part(id: &str, test: &Test, attribute: &Attribute, currency: Currency) -> Part {
    let (is, value) = match test.is {
        Is::AtLeast(value) => (Holds::AtLeast, value),
        Is::AtMost(value) => (Holds::AtMost, value),
        Is::Equal(value) => (Holds::Equal, value),
    };
    let (kind, value) = match attribute.form {
        Form::Number { unit: Unit::Money, .. } => {
            (ValueKind::Money, format_major(Money { minor: value as i64, currency }))
        }
        Form::Number { unit: Unit::Duration, .. } => (ValueKind::Duration, format_duration(value as i64)),
        Form::Number { whole: true, .. } => (ValueKind::Number, (value as i64).to_string()),
        // With a point, so that it is a decimal number.
        Form::Number { whole: false, .. } => (ValueKind::Number, format!("{value:?}")),
        Form::Text => (ValueKind::Text, attribute.text(value).to_owned()),
        Form::Truth => (ValueKind::Truth, (value == 1.0).to_string()),
    };
    let param = |bound: &str| {
        let name = format!("{id}_{}_{bound}", attribute.name);
        if name.len() <= NAME_BYTES_MAX { name } else { format!("{id}_{}_{bound}", test.attribute) }
    };
    let param = match is {
        Holds::AtLeast => Some(param("least")),
        Holds::AtMost => Some(param("most")),
        Holds::Equal => None,
    };
    Part { name: attribute.name.clone(), is, value, kind, param }
}

/// A part as a condition.
fn condition(part: &Part) -> String {
    compared(part, part.param.as_deref().unwrap_or(&part.value))
}

fn compared(Part { name, is, kind, value, .. }: &Part, to: &str) -> String {
    match (is, kind) {
        (Holds::AtLeast, _) => format!("{name} >= {to}"),
        (Holds::AtMost, _) => format!("{name} <= {to}"),
        (Holds::Equal, ValueKind::Truth) if value == "false" => format!("not {name}"),
        (Holds::Equal, ValueKind::Truth) => name.clone(),
        (Holds::Equal, _) => format!("{name} = '{}'", value.replace('\'', "''")),
    }
}

/// A condition with its values in the places of parameters, for people.
pub fn with_values(parts: &[Part], currency: &str) -> String {
    let of = |part: &Part| match part.kind {
        ValueKind::Money => compared(part, &format!("{} {currency}", grouped(&part.value, ','))),
        ValueKind::Number if !part.value.contains('e') => compared(part, &grouped(&part.value, ',')),
        _ => compared(part, &part.value),
    };
    parts.iter().map(of).collect::<Vec<_>>().join(" and ")
}

/// A rule with remarks above it.
struct Rule<'a> {
    id: &'a str,
    when: &'a str,
    parts: &'a [Part],
    remarks: Vec<String>,
}

/// What is compiled: the rules without a remark.
pub(super) fn bare(rules: &RuleSet, named: &[Named], extends: Option<&str>) -> String {
    let rules_of: Vec<Rule<'_>> = named
        .iter()
        .map(|named| Rule { id: &named.id, when: &named.when, parts: &named.parts, remarks: Vec::new() })
        .collect();
    text(rules, extends, &[], &rules_of)
}

/// The file of suggestions of a rule set, with what was found of them as remarks.
pub fn rules_file(report: &SuggestReport, rules: &RuleSet) -> String {
    let (suggested, told) = (&report.suggested, Told::of(&report.data));
    let day = |time_us: Option<i64>| time_us.map_or_else(|| NOTHING.to_owned(), |time_us| told.date(time_us));
    let plain = |text: &str| told::clean(text).replace(['\n', '\t'], " ");
    let mut head = vec![
        format!("Rules that would catch what `{}` lets through, to be judged: all are in shadow and change no decision.", plain(&report.name)),
        format!("Searched for in `{}` up to {}, and held against {} to {}.", plain(&report.data.name), day(suggested.measured.split_us), day(suggested.measured.split_us), day(suggested.measured.until_us)),
        format!("Found by {}", suggested.method),
        "Figures are of payments that nothing else stops. Who likes a rule takes `mode` out, tries it with `weir backtest`, and".to_owned(),
        "tunes its parameters with `weir sweep`.".to_owned(),
    ];
    if suggested.extends.is_none() {
        head.push("This is no rule file by itself: put it behind the rule file.".to_owned());
    }
    let rule = |proposal| {
        let remarks = remarks(proposal, &told);
        let Proposal { id, when, conditions, .. } = proposal;
        Rule { id, when, parts: conditions, remarks }
    };
    let all: Vec<Rule<'_>> = suggested.proposals.iter().map(rule).collect();
    text(rules, suggested.extends.as_deref(), &head, &all)
}

/// What is said of a suggestion above it.
fn remarks(proposal: &Proposal, told: &Told) -> Vec<String> {
    let share = |share: Option<f64>| share.map_or_else(|| NOTHING.to_owned(), told::share);
    let side = |what: &str, figures: &ProposalFigures| {
        format!(
            "{what}: {} of the missed frauds, precision {}, {} {} flagged ({} unknown), {} customers bothered, {} {} caught",
            share(figures.recall_missed),
            share(figures.precision),
            told::count(figures.flagged),
            plural(figures.flagged, "payment"),
            told::count(figures.unknown),
            told::count(figures.customers_bothered),
            told.money_about(figures.value_caught_minor),
            told.currency(),
        )
    };
    let mut all = Vec::new();
    if let Some(why_not) = proposal.why_not {
        all.push(format!("Does not hold: {}.", why_not.told()));
    }
    all.push(side("Held out", &proposal.held_out));
    all.push(side("Searched", &proposal.tuning));
    all
}

impl WhyNot {
    /// In words.
    pub const fn told(self) -> &'static str {
        match self {
            Self::NothingKnown => "held out, it flags nothing that is known",
            Self::Imprecise => "held out, it is less precise than was asked for",
            Self::Chance => "held out, it may be as good as chance",
            Self::OneAccount => "held out, all that it catches is of one account",
        }
    }
}

fn text(set: &RuleSet, extends: Option<&str>, head: &[String], rules: &[Rule<'_>]) -> String {
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let mut lines: Vec<String> = head.iter().map(|line| format!("# {line}")).collect();
    lines.push(String::new());
    let params: Vec<&Part> =
        rules.iter().flat_map(|rule| rule.parts).filter(|part| part.param.is_some()).collect();
    if let Some(extends) = extends {
        lines.push("[ruleset]".to_owned());
        lines.push(format!("name      = {}", quoted(&format!("{}_suggested", set.name))));
        lines.push(format!("time_zone = {}", quoted(&set.time_zone)));
        lines.push(format!("currency  = {}", quoted(set.currency.code())));
        lines.push(format!("extends   = [{}]", quoted(extends)));
        lines.push(String::new());
        if !params.is_empty() {
            lines.push("[params]".to_owned());
            let width =
                params.iter().filter_map(|part| part.param.as_ref()).map(String::len).max().unwrap_or(0);
            let param = |part: &&Part| {
                let name = part.param.as_deref().unwrap_or_default();
                format!("{name:<width$} = {{ {} }}", value(part, set.currency).join(", "))
            };
            lines.extend(params.iter().map(param));
        }
    } else {
        // `[params]` may stand in the rule file already.
        for part in params {
            lines.push(format!("[params.{}]", part.param.as_deref().unwrap_or_default()));
            lines.extend(value(part, set.currency));
            lines.push(String::new());
        }
    }
    for rule in rules {
        lines.push(String::new());
        lines.extend(rule.remarks.iter().map(|remark| format!("# {remark}")));
        let reason = format!("Suggested: {}", with_values(rule.parts, set.currency.code()));
        lines.push("[[rule]]".to_owned());
        lines.push(format!("id         = {}", quoted(rule.id)));
        lines.push(format!("when       = {}", quoted(rule.when)));
        lines.push("on_unknown = \"silent\"".to_owned());
        lines.push("then       = \"step_up\"".to_owned());
        lines.push("mode       = \"shadow\"".to_owned());
        lines.push(format!("reason     = {{ en = {} }}", quoted(&reason)));
    }
    lines.push(String::new());
    lines.join("\n")
}

/// What is said of a parameter.
fn value(part: &Part, currency: Currency) -> Vec<String> {
    let number = || if part.value.contains('e') { part.value.clone() } else { grouped(&part.value, '_') };
    match part.kind {
        ValueKind::Money => {
            vec![format!("value = {}", number()), format!("unit = {:?}", currency.code())]
        }
        ValueKind::Duration => vec![format!("value = {:?}", part.value)],
        ValueKind::Number | ValueKind::Text | ValueKind::Truth => vec![format!("value = {}", number())],
    }
}
