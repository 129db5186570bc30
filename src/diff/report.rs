//! A difference as blocks of words, before it is known whether they become text or Markdown.

use super::{Cell, Change, ChangedDecision, Decisions, Detail, Event, Subject};
use crate::catalogue::Language;
use crate::decision::Outcome;
use crate::explain::Style;
use crate::rules::RuleSet;

/// A part of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    /// The title of what follows.
    Title(String),
    /// A sentence or two.
    Words(String),
    /// Items, each with what is to be said of it.
    Items(Vec<(String, Vec<String>)>),
    /// A table.
    Table {
        /// What it shows.
        caption: String,
        /// Whether a reader may want to fold it away.
        folded: bool,
        /// The columns.
        head: Vec<Column>,
        /// The rows.
        rows: Vec<Vec<String>>,
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

/// What changed, in words. The decisions are those of events that both rule sets were given.
pub fn report(rules: &RuleSet, changes: &[Change], decisions: Option<&Decisions>) -> Report {
    let style = Style::new(Language::English, rules);
    let mut report = vec![Block::Title(match changes.len() {
        0 => format!("{}: the rule sets say the same", rules.name),
        1 => format!("{}: 1 change", rules.name),
        many => format!("{}: {many} changes", rules.name),
    })];
    if !changes.is_empty() {
        report.push(Block::Items(changes.iter().map(item).collect()));
    }
    if let Some(decisions) = decisions {
        about(decisions, &style, &mut report);
    }
    report
}

fn item(change: &Change) -> (String, Vec<String>) {
    let (subject, name) = (change.subject.name(), &change.name);
    let single =
        matches!(change.subject, Subject::Setting | Subject::Policy | Subject::Field | Subject::Parameter);
    if let ([detail], true) = (change.details.as_slice(), single) {
        let head = match change.event {
            Event::Changed => format!("{subject} `{name}`: {}", moved(detail)),
            event => {
                let said = detail.new.as_ref().or(detail.old.as_ref()).map_or("", String::as_str);
                format!("{subject} `{name}` {}: {said}", event.name())
            }
        };
        return (head, reaches(change));
    }
    let line = |detail: &Detail| match (quoted(detail, &detail.old), quoted(detail, &detail.new)) {
        (Some(_), Some(_)) => format!("{}: {}", detail.key, moved(detail)),
        (None, Some(new)) if change.event == Event::Added => format!("{}: {new}", detail.key),
        (Some(old), None) if change.event == Event::Removed => format!("{}: {old}", detail.key),
        (None, Some(new)) => format!("{}: {new} (was not there)", detail.key),
        (Some(old), None) => format!("{}: is no longer there (was {old})", detail.key),
        (None, None) => detail.key.clone(),
    };
    let lines = change.details.iter().map(line).chain(reaches(change)).collect();
    (format!("{subject} `{name}` {}", change.event.name()), lines)
}

/// Conditions are quoted, so that their signs are not taken for Markdown's.
fn quoted(detail: &Detail, said: &Option<String>) -> Option<String> {
    let condition = matches!(detail.key.as_str(), "when" | "where") || detail.key.starts_with("row ");
    said.as_ref().map(|said| if condition { format!("`{said}`") } else { said.clone() })
}

fn moved(detail: &Detail) -> String {
    let side = |side: &Option<String>| quoted(detail, side).unwrap_or_default();
    let by = detail.by.as_ref().map(|by| format!(" ({by})")).unwrap_or_default();
    format!("{} → {}{by}", side(&detail.old), side(&detail.new))
}

fn reaches(change: &Change) -> Vec<String> {
    let named = |what: &str, names: &[String]| {
        (!names.is_empty()).then(|| {
            format!("reaches {what}{} {}", if names.len() == 1 { "" } else { "s" }, names.join(", "))
        })
    };
    let reached = [("feature", &change.features), ("table", &change.tables), ("rule", &change.rules)];
    reached.into_iter().filter_map(|(what, names)| named(what, names)).collect()
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
    if !decisions.any() {
        return;
    }
    let cell = |cell: &Cell| match cell.count {
        0 => "–".to_owned(),
        count => format!("{} / {}", whole(count), style.money(i64::try_from(cell.minor).unwrap_or(i64::MAX))),
    };
    let row = |(outcome, cells): (Outcome, &[Cell; 3])| {
        std::iter::once(format!("was {}", outcome.name())).chain(cells.iter().map(cell)).collect()
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
            std::iter::once(id.clone()).chain(counts).chain(shifts).collect()
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

fn changed_row(changed: &ChangedDecision, style: &Style) -> Vec<String> {
    let outcome = if changed.old == changed.new {
        changed.old.to_owned()
    } else {
        format!("{} → {}", changed.old, changed.new)
    };
    let outcomes = std::iter::once(&outcome).chain(&changed.beside).cloned().collect::<Vec<_>>().join("; ");
    let signed =
        |sign: &'static str, ids: &[String]| ids.iter().map(|id| format!("{sign}{id}")).collect::<Vec<_>>();
    let mut because = signed("+", &changed.gained);
    because.extend(signed("-", &changed.lost));
    because.extend(signed("~", &changed.altered));
    if because.is_empty() {
        because.push("the policy".to_owned());
    }
    vec![
        changed.id.clone(),
        style.time(changed.time_us),
        outcomes,
        style.money(changed.amount_minor),
        because.join(" "),
    ]
}
