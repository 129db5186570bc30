//! The features of a rule set, a row each: what they compute, by what, over what, and in which stratum.

use serde::Serialize;
use weir::rules::{Aggregate, Feature, KeyField, NumberField, Operand, RuleSet, Window};
use weir::time::format_duration;

/// A feature in words.
#[derive(Serialize)]
pub(super) struct Row<'a> {
    name: &'a str,
    computes: String,
    by: Vec<&'a str>,
    at: Vec<&'a str>,
    over: String,
    stratum: &'static str,
}

/// A row for each feature, in the order of the names.
pub(super) fn rows(rules: &RuleSet) -> Vec<Row<'_>> {
    rules.features.iter().map(|feature| row(rules, feature)).collect()
}

fn row<'a>(rules: &'a RuleSet, feature: &'a Feature) -> Row<'a> {
    let key = |fields: &[KeyField]| fields.iter().map(|field| field.name(&rules.schema)).collect();
    Row {
        name: &feature.name,
        computes: computes(rules, feature.aggregate),
        by: key(&feature.by),
        at: key(&feature.at),
        over: over(feature),
        stratum: feature.stratum().name(),
    }
}

/// Its window, with what moves and empties it; nothing for a ratio, which has none.
fn over(feature: &Feature) -> String {
    if feature.is_ratio() {
        return String::new();
    }
    let mut over = match feature.window {
        Window::Sliding { length_us } => format_duration(length_us),
        Window::Day => "day".to_owned(),
        Window::Month => "month".to_owned(),
        Window::Forever => "forever".to_owned(),
    };
    if feature.delay_us > 0 {
        over.push_str(&format!(", {} ago", format_duration(feature.delay_us)));
    }
    if feature.reset.is_some() {
        over.push_str(", reset");
    }
    over
}

fn computes(rules: &RuleSet, aggregate: Aggregate) -> String {
    let of = |word: &str, field: NumberField| format!("{word} {}", field.name(&rules.schema));
    let feature = |at: usize| rules.features.get(at).map_or("", |feature| &feature.name);
    match aggregate {
        Aggregate::Count => "count".to_owned(),
        Aggregate::Sum(field) => of("sum", field),
        Aggregate::Mean(field) => of("mean", field),
        Aggregate::Min(field) => of("min", field),
        Aggregate::Max(field) => of("max", field),
        Aggregate::Deviation(field) => of("deviation", field),
        Aggregate::Distinct(field) => format!("distinct {}", field.name(&rules.schema)),
        Aggregate::Changed(field) => format!("changed {}", field.name(&rules.schema)),
        Aggregate::IsNew => "is_new".to_owned(),
        Aggregate::Since => "since last".to_owned(),
        Aggregate::First(field) => of("first", field),
        Aggregate::Last(field) => of("last", field),
        Aggregate::Previous(field) => of("previous", field),
        Aggregate::Quantile(field, ppm) => of(&format!("quantile {} of", f64::from(ppm) / 1e6), field),
        Aggregate::ZScore(field) => of("z_score", field),
        Aggregate::Speed { latitude, longitude } => {
            format!("speed {}, {}", latitude.name(&rules.schema), longitude.name(&rules.schema))
        }
        Aggregate::Ratio { of: Operand::Field(field), to } => {
            format!("ratio {} to {}", field.name(&rules.schema), feature(to))
        }
        Aggregate::Ratio { of: Operand::Feature(of), to } => {
            format!("ratio {} to {}", feature(of), feature(to))
        }
    }
}

/// The rows as lines, their columns under each other; nothing where there are no features.
pub(super) fn text(rules: &RuleSet) -> String {
    let lines: Vec<[String; 5]> = rows(rules)
        .into_iter()
        .map(|row| {
            let by = row.by.join(", ");
            let key = if row.by == row.at { by } else { format!("{by} at {}", row.at.join(", ")) };
            [row.name.to_owned(), row.computes, key, row.over, row.stratum.to_owned()]
        })
        .collect();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 5] = std::array::from_fn(width);
    let mut text = String::new();
    for line in &lines {
        let cells: Vec<String> =
            line.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        text.push_str(&format!("  {}\n", cells.join("  ").trim_end()));
    }
    text
}
