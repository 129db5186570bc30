//! A difference as blocks of words, before it is known whether they become text or Markdown.

use std::collections::BTreeMap;

use super::{Cell, Change, ChangedDecision, Decisions, Detail, Event, Subject};
use crate::catalogue::Language;
use crate::decision::Outcome;
use crate::explain::Style;
use crate::rules::RuleSet;

/// A piece of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// Words.
    Plain(String),
    /// A name or a condition, as a rule file writes it.
    Code(String),
}

/// A line, piece by piece.
pub type Line = Vec<Segment>;

fn plain(text: impl Into<String>) -> Segment {
    Segment::Plain(text.into())
}

fn code(text: impl Into<String>) -> Segment {
    Segment::Code(text.into())
}

/// A part of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    /// The title of what follows.
    Title(String),
    /// A sentence or two.
    Words(String),
    /// Items, each with what is to be said of it.
    Items(Vec<(Line, Vec<Line>)>),
    /// A table.
    Table {
        /// What it shows.
        caption: String,
        /// Whether a reader may want to fold it away.
        folded: bool,
        /// The columns.
        head: Vec<Column>,
        /// The rows.
        rows: Vec<Vec<Line>>,
    },
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Whether it holds numbers.
    pub number: bool,
}

fn words(name: &str) -> Column {
    Column { name: name.to_owned(), number: false }
}

fn number(name: &str) -> Column {
    Column { name: name.to_owned(), number: true }
}

/// A report, block by block.
pub type Report = Vec<Block>;

/// What changed, in words. The lists are those whose contents were not compared, the decisions those of events that
/// both rule sets were given.
pub fn report(
    rules: &RuleSet,
    changes: &[Change],
    lists: &[String],
    decisions: Option<&Decisions>,
) -> Report {
    let style = Style::new(Language::English, rules);
    let mut report = vec![Block::Title(match changes.len() {
        0 => format!("{}: the rule sets say the same", rules.name),
        1 => format!("{}: 1 change", rules.name),
        many => format!("{}: {many} changes", rules.name),
    })];
    if !changes.is_empty() {
        report.push(Block::Items(changes.iter().map(item).collect()));
    }
    if !lists.is_empty() {
        let of = format!("{} {}", if lists.len() == 1 { "list" } else { "lists" }, lists.join(", "));
        report.push(Block::Words(format!("The contents of list files are not compared ({of}).")));
    }
    if let Some(decisions) = decisions {
        about(decisions, &style, &mut report);
    }
    report
}

fn item(change: &Change) -> (Line, Vec<Line>) {
    let head = vec![plain(format!("{} ", change.subject.name())), code(&change.name)];
    let happened = format!(" {}", change.event.name());
    let single =
        matches!(change.subject, Subject::Setting | Subject::Policy | Subject::Field | Subject::Parameter);
    if let ([detail], true) = (change.details.as_slice(), single) {
        let said = match change.event {
            Event::Changed => then(": ", moved(detail)),
            _ => then(format!("{happened}: "), either(detail)),
        };
        return (joined(head, said), reaches(change));
    }
    let line = |detail: &Detail| {
        let key = |rest: &str| format!("{}: {rest}", detail.key);
        match (&detail.old, &detail.new, change.event) {
            (Some(_), Some(_), _) => then(key(""), moved(detail)),
            (None, Some(_), Event::Added) | (Some(_), None, Event::Removed) => then(key(""), either(detail)),
            (None, Some(_), _) => joined(then(key(""), either(detail)), vec![plain(" (was not there)")]),
            (Some(_), None, _) => {
                joined(then(key("is no longer there (was "), either(detail)), vec![plain(")")])
            }
            (None, None, _) => vec![plain(&detail.key)],
        }
    };
    let lines = change.details.iter().map(line).chain(reaches(change)).collect();
    (joined(head, vec![plain(happened)]), lines)
}

fn then(first: impl Into<String>, rest: Line) -> Line {
    joined(vec![plain(first)], rest)
}

fn joined(mut line: Line, more: Line) -> Line {
    line.extend(more);
    line
}

/// What one side of a detail says; a condition is code.
fn side(detail: &Detail, said: Option<&String>) -> Line {
    let condition = matches!(detail.key.as_str(), "when" | "where") || detail.key.starts_with("row ");
    said.map(|said| if condition { code(said) } else { plain(said) }).into_iter().collect()
}

/// What the only side that says something says.
fn either(detail: &Detail) -> Line {
    side(detail, detail.new.as_ref().or(detail.old.as_ref()))
}

fn moved(detail: &Detail) -> Line {
    let mut line = joined(side(detail, detail.old.as_ref()), then(" → ", side(detail, detail.new.as_ref())));
    line.extend(detail.by.as_ref().map(|by| plain(format!(" ({by})"))));
    line
}

fn reaches(change: &Change) -> Vec<Line> {
    let named = |what: &str, names: &[String]| {
        (!names.is_empty()).then(|| {
            let plural = if names.len() == 1 { "" } else { "s" };
            vec![plain(format!("reaches {what}{plural} {}", names.join(", ")))]
        })
    };
    let reached = [("feature", &change.features), ("table", &change.tables), ("rule", &change.rules)];
    reached.into_iter().filter_map(|(what, names)| named(what, names)).collect()
}

/// `3 events (2 future, 1 id_reused)`.
fn by_code(refused: &BTreeMap<&'static str, u64>, style: &Style) -> String {
    let whole = |value: u64| style.whole(i64::try_from(value).unwrap_or(i64::MAX));
    let codes: Vec<String> =
        refused.iter().map(|(code, count)| format!("{} {code}", whole(*count))).collect();
    let all: u64 = refused.values().sum();
    let events = if all == 1 { "event" } else { "events" };
    format!("{} {events} ({})", whole(all), codes.join(", "))
}

fn about(decisions: &Decisions, style: &Style, report: &mut Report) {
    let whole = |value: u64| style.whole(i64::try_from(value).unwrap_or(i64::MAX));
    let share = match decisions.decided {
        0 => String::new(),
        decided => format!(" ({:.2} %)", decisions.changed as f64 / decided as f64 * 100.0),
    };
    report.push(Block::Title("Decisions".to_owned()));
    let mut said =
        format!("{} compared, {} changed{share}", whole(decisions.decided), whole(decisions.changed));
    said += &format!("; {} more differ only in score or in the rules that fired", whole(decisions.otherwise));
    if decisions.one_sided > 0 {
        said += &format!(
            "; {} were decided by one rule set and refused by the other",
            whole(decisions.one_sided)
        );
    }
    report.push(Block::Words(format!("{said}.")));
    for (side, refused) in [("old", &decisions.refused.old), ("new", &decisions.refused.new)] {
        if !refused.is_empty() {
            report
                .push(Block::Words(format!("Refused by the {side} rule set: {}.", by_code(refused, style))));
        }
    }
    if !decisions.any() {
        return;
    }
    let cell = |cell: &Cell| {
        let money = || style.money(i64::try_from(cell.minor).unwrap_or(i64::MAX));
        vec![match cell.count {
            0 => plain("–"),
            count => plain(format!("{} / {}", whole(count), money())),
        }]
    };
    let row = |(outcome, cells): (Outcome, &[Cell; 3])| {
        std::iter::once(vec![plain(format!("was {}", outcome.name()))])
            .chain(cells.iter().map(cell))
            .collect()
    };
    report.push(Block::Table {
        caption: "Outcomes, payments and money".to_owned(),
        folded: false,
        head: std::iter::once(words(""))
            .chain(Outcome::ALL.map(|o| number(&format!("is {}", o.name()))))
            .collect(),
        rows: Outcome::ALL.into_iter().zip(&decisions.matrix).map(row).collect(),
    });
    if !decisions.rules.is_empty() {
        let mut shifts: Vec<_> = decisions.rules.iter().collect();
        shifts.sort_by_key(|(_, shift)| std::cmp::Reverse(shift.gained + shift.lost));
        let row = |(id, shift): (&String, &super::RuleShift)| {
            let counts = [shift.old, shift.new].map(whole);
            let shifts = [format!("+{}", whole(shift.gained)), format!("-{}", whole(shift.lost))];
            let numbers = counts.into_iter().chain(shifts).map(|number| vec![plain(number)]);
            std::iter::once(vec![code(id)]).chain(numbers).collect()
        };
        report.push(Block::Table {
            caption: "Rules that fire otherwise".to_owned(),
            folded: false,
            head: std::iter::once(words("rule"))
                .chain(["fired", "fires", "more on", "less on"].map(number))
                .collect(),
            rows: shifts.into_iter().map(row).collect(),
        });
    }
    if !decisions.first.is_empty() {
        report.push(Block::Table {
            caption: match decisions.first.len() as u64 {
                all if all == decisions.changed => "Decisions that changed".to_owned(),
                some => format!("The first {} decisions that changed", whole(some)),
            },
            folded: true,
            head: vec![
                words("payment"),
                words("time"),
                words("was → is"),
                number("amount"),
                words("because"),
            ],
            rows: decisions.first.iter().map(|changed| changed_row(changed, style)).collect(),
        });
    }
}

fn changed_row(changed: &ChangedDecision, style: &Style) -> Vec<Line> {
    let outcome = if changed.old == changed.new {
        changed.old.to_owned()
    } else {
        format!("{} → {}", changed.old, changed.new)
    };
    let outcomes = std::iter::once(&outcome).chain(&changed.beside).cloned().collect::<Vec<_>>().join("; ");
    let mut because = Line::new();
    for (sign, ids) in [("+", &changed.gained), ("-", &changed.lost), ("~", &changed.altered)] {
        for id in ids {
            let space = if because.is_empty() { "" } else { " " };
            because.extend([plain(format!("{space}{sign}")), code(id)]);
        }
    }
    if because.is_empty() {
        because.push(plain("the policy"));
    }
    vec![
        vec![code(&changed.id)],
        vec![plain(style.time(changed.time_us))],
        vec![plain(outcomes)],
        vec![plain(style.money(changed.amount_minor))],
        because,
    ]
}
