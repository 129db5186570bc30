//! `[ruleset]`, `[fields]`, `[policy]` and `[step_up]`.

use std::ops::Range;

use super::auth::Requirements;
use super::document::{Table, Text, one_of, one_or_more, text};
use super::limits::{
    ATTEMPTS_DEFAULT, ATTEMPTS_MAX, FIELDS_MAX, OPEN_US_MAX, REMEMBER_US_MAX, REMEMBER_US_MIN,
};
use super::named::Named;
use super::names::{Meaning, Scope};
use super::problem::{Problem, Problems};
use super::ruleset::{Dialogue, Feedback, Policy};
use crate::event::ExtraType;
use crate::money::{self, Currency};
use crate::time::{Calendar, format_duration, parse_duration};

/// A name of the file with its place.
#[derive(Clone, Debug)]
pub(super) struct Name<'d> {
    pub(super) text: &'d str,
    pub(super) span: Range<usize>,
}

/// Declares a name; tells why where it cannot be one.
pub(super) fn declare(scope: &mut Scope, name: &Name<'_>, meaning: Meaning, problems: &mut Problems) -> bool {
    match scope.declare(name.text, meaning) {
        Ok(()) => true,
        Err((message, help)) => {
            problems.push(Problem::error(name.span.clone(), message, "this name").maybe_help(help));
            false
        }
    }
}

/// What `[ruleset]` says.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) name: Option<String>,
    pub(super) time_zone: String,
    pub(super) calendar: Option<Calendar>,
    pub(super) currency: Option<Currency>,
    /// For how long ids are remembered, and where the file says so.
    pub(super) remember: Option<(i64, Range<usize>)>,
    /// What the gateway reports after its answers.
    pub(super) feedback: Feedback,
    /// How long an answered payment is pending without a report, in microseconds, where the file says.
    pub(super) pending_us: Option<i64>,
}

/// The keys of `[ruleset]`.
pub(super) const HEAD_KEYS: [&str; 11] = [
    "name",
    "extends",
    "time_zone",
    "currency",
    "remember",
    "feedback",
    "pending_for",
    "languages",
    "valid_from",
    "valid_until",
    "tenants",
];

const FEEDBACKS: [(&str, Feedback); 3] = [
    ("none", Feedback::None),
    ("authentication", Feedback::Authentication),
    ("execution", Feedback::Execution),
];

/// Reads `[ruleset]`.
///
/// The zone of the files that it extends is its own where it says none.
pub(super) fn head<'d>(
    root: &Table<'d>,
    zone_extended: Option<&'d str>,
    problems: &mut Problems,
) -> Option<Head> {
    let item = root.required(problems, "ruleset")?;
    let table = Table::of(root.file, problems, item, "[ruleset]")?;
    table.check_keys(problems, &HEAD_KEYS, &[]);
    if let Some(item) = table.get("extends") {
        one_or_more(item).into_iter().for_each(|item| _ = text(root.file, problems, item));
    }
    // A name that is none is told with the files' own.
    let name = table.get("name").and_then(|name| name.get_ref().as_str()).map(str::to_owned);
    let zone = table.text(problems, "time_zone");
    let time_zone = zone.as_ref().map_or(zone_extended.unwrap_or("UTC"), |zone| zone.value).to_owned();
    let calendar = match Calendar::new(&time_zone) {
        Ok(calendar) => Some(calendar),
        Err(error) => {
            let span = zone.map_or(table.span(), |zone| zone.span);
            problems.push(Problem::error(span, error.to_string(), "not a time zone"));
            None
        }
    };
    let currency =
        table.required_text(problems, "currency").and_then(|code| match money::currency(code.value) {
            Ok(currency) => Some(currency),
            Err(error) => {
                problems.push(Problem::error(code.span, error.to_string(), "not a currency"));
                None
            }
        });
    let remember = remember(&table, problems);
    let feedback = table.word(problems, "feedback", &FEEDBACKS, &[]).unwrap_or_default();
    let pending_us = table.get("pending_for").and_then(|_| open_for(&table, "pending_for", problems));
    Some(Head { name, time_zone, calendar, currency, remember, feedback, pending_us })
}

/// The name that a file says.
pub(super) fn rule_set_name<'d>(table: &Table<'d>, problems: &mut Problems) -> Option<Text<'d>> {
    let name = table.required_text(problems, "name")?;
    if name.value.trim().is_empty() {
        problems.push(Problem::error(name.span, "the name of a rule set cannot be empty", "empty"));
        return None;
    }
    Some(name)
}

/// The languages in which each rule of a file is to have its reason, where it says.
pub(super) fn languages<'d>(table: &Table<'d>, problems: &mut Problems) -> Option<Vec<&'d str>> {
    let item = table.get("languages")?;
    let mut languages = Vec::new();
    for item in one_or_more(item) {
        let code = text(table.file, problems, item)?;
        if !is_language(code.value) {
            problems.push(no_language(code.value, code.span));
        } else if languages.contains(&code.value) {
            let message = format!("`{}` stands twice in `languages`", code.value);
            problems.push(Problem::error(code.span, message, "the second time"));
        } else {
            languages.push(code.value);
        }
    }
    if languages.is_empty() {
        problems.push(Problem::error(item.span(), "`languages` names no language", "empty"));
    }
    Some(languages)
}

/// Whether a text is a language code: two or three letters.
pub(super) fn is_language(code: &str) -> bool {
    (2..=3).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_lowercase())
}

/// The problem of a text that is not a language code.
pub(super) fn no_language(code: &str, span: Range<usize>) -> Problem {
    let message = format!("`{}` is not a language code", code.escape_debug());
    Problem::error(span, message, "not a language").help("write two letters such as en or vi")
}

fn remember(table: &Table<'_>, problems: &mut Problems) -> Option<(i64, Range<usize>)> {
    let text = table.text(problems, "remember")?;
    match parse_duration(text.value) {
        Ok(us) if (REMEMBER_US_MIN..=REMEMBER_US_MAX).contains(&us) => Some((us, text.span)),
        Ok(_) => {
            let (least, most) = (format_duration(REMEMBER_US_MIN), format_duration(REMEMBER_US_MAX));
            let message = format!("ids are remembered for {least} to {most}");
            problems.push(Problem::error(text.span, message, "outside that"));
            None
        }
        Err(error) => {
            problems.push(Problem::error(text.span, error.to_string(), "not a duration"));
            None
        }
    }
}

/// Reads `[fields]` and declares what it names; a field's position is its place in the list.
pub(super) fn fields(
    root: &Table<'_>,
    scope: &mut Scope,
    problems: &mut Problems,
) -> Vec<(String, ExtraType)> {
    let Some(section) = root.table(problems, "fields", "[fields]") else { return Vec::new() };
    if section.len() > FIELDS_MAX {
        let message = format!("a rule file has at most {FIELDS_MAX} extra fields");
        problems.push(Problem::error(section.span(), message, format!("this has {}", section.len())));
        return Vec::new();
    }
    let words = ExtraType::ALL.map(|ty| (ty.name(), ty));
    let mut fields = Vec::new();
    for (name, span, item) in section.entries() {
        let word = text(root.file, problems, item);
        let ty = word.and_then(|word| one_of(problems, &word, "a field's type", &words, &[]));
        let meaning = ty.map_or(Meaning::Wrong, |ty| Meaning::Extra(fields.len(), ty));
        if declare(scope, &Name { text: name, span }, meaning, problems)
            && let Some(ty) = ty
        {
            fields.push((name.to_owned(), ty));
        }
    }
    fields
}

/// Reads `[policy]`.
pub(super) fn policy(
    root: &Table<'_>,
    requirements: &mut Requirements<'_>,
    problems: &mut Problems,
) -> Policy {
    let Some(table) = root.table(problems, "policy", "[policy]") else { return Policy::default() };
    table.check_keys(problems, &["step_up_at", "block_at", "auth", "across"], &["feedback", "mandatory"]);
    let step_up = threshold(&table, "step_up_at", problems);
    let block = threshold(&table, "block_at", problems);
    if let (Some((step_up_at, span)), Some((block_at, _))) = (&step_up, &block)
        && step_up_at >= block_at
    {
        let message = "`step_up_at` is not below `block_at`: the score never asks for a step-up";
        problems.push(Problem::warning(span.clone(), message, "never alone"));
    }
    Policy {
        step_up_at: step_up.map(|(at, _)| at),
        block_at: block.map(|(at, _)| at),
        auth: requirements.named(&table, problems).unwrap_or_default(),
    }
}

/// Reads `[step_up]`.
pub(super) fn step_up(root: &Table<'_>, mut named: Named<'_>) -> Option<Dialogue> {
    let table = root.table(named.problems, "step_up", "[step_up]")?;
    table.check_keys(named.problems, &["expires", "attempts"], &[]);
    table.required(named.problems, "expires");
    let expires_us = table.text(named.problems, "expires").and_then(|text| {
        let help = "write a duration such as 5m, or the name of a duration parameter";
        let us = named.duration(&text, "a duration", help)?;
        open_within(us, "expires", text.span, named.problems)
    });
    let attempts = match table.get("attempts") {
        None => ATTEMPTS_DEFAULT,
        Some(_) => {
            let (attempts, span) = named.whole(&table, "attempts")?;
            if !(1..=ATTEMPTS_MAX).contains(&attempts) {
                let message = format!("a customer has 1 to {ATTEMPTS_MAX} attempts");
                named.problems.push(Problem::error(span, message, "outside that"));
                return None;
            }
            attempts as u32
        }
    };
    Some(Dialogue { expires_us: expires_us?, attempts })
}

/// How long something may be open.
fn open_for(table: &Table<'_>, key: &str, problems: &mut Problems) -> Option<i64> {
    let text = table.text(problems, key)?;
    match parse_duration(text.value) {
        Ok(us) => open_within(us, key, text.span, problems),
        Err(error) => {
            problems.push(Problem::error(text.span, error.to_string(), "not a duration"));
            None
        }
    }
}

fn open_within(us: i64, key: &str, span: Range<usize>, problems: &mut Problems) -> Option<i64> {
    if (1..=OPEN_US_MAX).contains(&us) {
        return Some(us);
    }
    let message = format!("`{key}` is more than nothing and at most {}", format_duration(OPEN_US_MAX));
    problems.push(Problem::error(span, message, "outside that"));
    None
}

fn threshold(table: &Table<'_>, key: &str, problems: &mut Problems) -> Option<(i64, Range<usize>)> {
    let (value, span) = table.integer(problems, key)?;
    if value < 1 {
        let message = format!("`{key}` must be at least 1, since a payment on which no rule fires scores 0");
        problems.push(Problem::error(span, message, "below 1"));
        return None;
    }
    Some((value, span))
}
