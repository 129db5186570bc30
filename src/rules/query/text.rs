//! The query as a whole: its head, and the steps from events to fired rules.

use std::fmt::Write;

use super::dialect::{column, literal};
use super::features::{Legs, TIES, Windowed, leg_key};
use super::scope::{OutOfScope, rule_column};
use super::tables::PrintedTable;
use super::values::{Clock, Printer};

/// A feature, ready to be written.
pub(super) struct PrintedFeature {
    pub(super) name: String,
    pub(super) windowed: Windowed,
}

/// A rule, ready to be written.
pub(super) struct PrintedRule {
    pub(super) id: String,
    /// Whether it fires, never null.
    pub(super) fires: String,
    pub(super) score: i64,
    /// Whether it counts among those that fired; in shadow it does not.
    pub(super) acts: bool,
}

/// All that a query is written from.
pub(super) struct Script<'s, 'a> {
    pub(super) printer: &'s Printer<'a>,
    pub(super) legs: &'s [Legs],
    pub(super) features: &'s [PrintedFeature],
    pub(super) tables: &'s [PrintedTable],
    pub(super) rules: &'s [PrintedRule],
    pub(super) left_out: &'s [OutOfScope],
}

/// Most parts of one sum, so that a sum over all rules is not as deep as it is long.
const SUM_PARTS: usize = 50;

impl Script<'_, '_> {
    /// The text.
    pub(super) fn write(&self) -> String {
        let steps: Vec<String> = std::iter::once(self.events())
            .chain(std::iter::once(self.windows(None)))
            .chain(
                self.legs
                    .iter()
                    .enumerate()
                    .flat_map(|(at, legs)| [self.legs_step(at, legs), self.windows(Some(at))]),
            )
            .chain(std::iter::once(self.feature_step()))
            .chain(self.table_steps())
            .chain(std::iter::once(self.rule_step()))
            .collect();
        format!("{}WITH\n{}\n{}", self.head(), steps.join(",\n"), self.answer())
    }

    fn head(&self) -> String {
        let set = self.printer.set;
        let hash = set.hash_text();
        let mut head =
            format!("-- Rule set `{}` as one query for {}.\n", set.name, self.printer.dialect.title());
        let mut say = |line: &str| {
            head.push_str("--");
            if !line.is_empty() {
                head.push(' ');
            }
            head.push_str(line);
            head.push('\n');
        };
        say(&format!("Written by `weir sql` from the rule set {hash}."));
        say("");
        say(
            "It reads a table `events` with a row per event: in the order of time, each event once, no reversals.",
        );
        say("    arrival BIGINT: the event's position in the stream, the order of events with equal times");
        for (name, ty) in &self.printer.columns {
            let what = match name.as_str() {
                "amount_minor" => ": minor units of the currency",
                "time_us" | "received_us" => ": microseconds since 1970 UTC",
                "kind" => ": the word for what the event is about",
                "methods" | "login_methods" => ": words joined by commas",
                _ => "",
            };
            say(&format!("    {name} {ty}{what}"));
        }
        say("An absent field is NULL, a text is never empty, a DOUBLE is finite.");
        say("");
        say(
            "It gives a row per transaction: the features; for each rule whether its condition holds, with what it says",
        );
        say(
            "of an unknown one; the sum of the scores; and the ids of those that fired, joined by commas. That is before",
        );
        say(
            "tiers, dates, rollouts and breakers, which the engine applies. Rules in shadow have a column only.",
        );
        if !self.left_out.is_empty() {
            say("");
            say("Left out, because a query cannot say it:");
            self.left_out.iter().for_each(|left| say(&format!("    {left}")));
        }
        head.push('\n');
        head
    }

    fn events(&self) -> String {
        let mut columns: Vec<String> = vec![column("arrival")];
        columns.extend(self.printer.columns.keys().map(|name| column(name)));
        let local = self.printer.dialect.local_time(&self.printer.set.time_zone);
        for (name, clock) in &self.printer.clocks {
            let value = match clock {
                Clock::Hour => format!("CAST(date_part('hour', {local}) AS BIGINT)"),
                // Both count from Sunday as 0.
                Clock::Weekday => format!("(CAST(date_part('dow', {local}) AS BIGINT) + 6) % 7 + 1"),
                Clock::Day => format!("date_trunc('day', {local})"),
                Clock::Month => format!("date_trunc('month', {local})"),
            };
            columns.push(format!("{value} AS {}", column(name)));
        }
        let tie = "CAST(row_number() OVER (PARTITION BY \"time_us\" ORDER BY \"arrival\") - 1 AS BIGINT)";
        columns.push(format!("CAST(\"time_us\" AS DECIMAL(38, 0)) * {} + 2 * {tie} AS \"_order\"", 2 * TIES));
        step("_events", &columns, "\"events\"")
    }

    /// Events twice: as filed under one key, and as read at another.
    fn legs_step(&self, at: usize, legs: &Legs) -> String {
        let leg = |key: &[String], filed: bool| {
            let mut columns: Vec<String> = vec![column("arrival")];
            columns.extend(self.printer.columns.keys().map(|name| column(name)));
            columns.extend(self.printer.clocks.keys().map(|name| column(name)));
            columns
                .extend(key.iter().zip(leg_key(key.len())).map(|(field, name)| format!("{field} AS {name}")));
            let word = if filed { "TRUE" } else { "FALSE" };
            let order = if filed == legs.current { "" } else { " + 1" };
            columns.push(format!("{word} AS \"_filed\""));
            columns.push(format!("\"_order\"{order} AS \"_order\""));
            select(&columns, "\"_events\"")
        };
        let read = format!("{}\n  WHERE \"kind\" = 'transaction'", leg(&legs.at, false));
        format!("\"_legs_{}\" AS (\n{}\n  UNION ALL\n{read}\n)", at + 1, leg(&legs.by, true))
    }

    /// The window aggregates over events, or over legs.
    fn windows(&self, legs: Option<usize>) -> String {
        let of_these = self.features.iter().filter(|feature| feature.windowed.legs == legs);
        let aggregates = of_these.flat_map(|feature| &feature.windowed.aggregates);
        let aggregates = aggregates.map(|(name, aggregate)| format!("{aggregate} AS {}", column(name)));
        match legs {
            None => {
                let columns: Vec<String> = std::iter::once("*".to_owned()).chain(aggregates).collect();
                step("_windows", &columns, "\"_events\"")
            }
            Some(at) => {
                let first = [column("arrival"), column("_filed")];
                let columns: Vec<String> = first.into_iter().chain(aggregates).collect();
                step(&format!("_windows_{}", at + 1), &columns, &format!("\"_legs_{}\"", at + 1))
            }
        }
    }

    fn feature_step(&self) -> String {
        let mut columns: Vec<String> = vec!["\"_windows\".*".to_owned()];
        columns.extend(
            self.features
                .iter()
                .map(|feature| format!("{} AS {}", feature.windowed.value, column(&feature.name))),
        );
        let mut from = "\"_windows\"".to_owned();
        for at in 1..=self.legs.len() {
            let windows = column(&format!("_windows_{at}"));
            let read =
                format!("{windows}.\"arrival\" = \"_windows\".\"arrival\" AND NOT {windows}.\"_filed\"");
            let _ = write!(from, "\n  LEFT JOIN {windows} ON {read}");
        }
        step("_features", &columns, &format!("{from}\n  WHERE \"kind\" = 'transaction'"))
    }

    /// A step for each table, since one may read another.
    fn table_steps(&self) -> impl Iterator<Item = String> {
        self.tables.iter().enumerate().map(|(at, table)| {
            let columns = ["*".to_owned(), format!("{} AS {}", table.value, column(&table.name))];
            step(&format!("_tables_{}", at + 1), &columns, &column(&self.facts(at)))
        })
    }

    /// The step that has the features and the first tables.
    fn facts(&self, tables: usize) -> String {
        if tables == 0 { "_features".to_owned() } else { format!("_tables_{tables}") }
    }

    fn rule_step(&self) -> String {
        let mut columns: Vec<String> = vec![column("arrival"), column("id")];
        columns.extend(self.features.iter().map(|feature| column(&feature.name)));
        let rule = |rule: &PrintedRule| format!("{} AS {}", rule.fires, column(&rule_column(&rule.id)));
        columns.extend(self.rules.iter().map(rule));
        step("_rules", &columns, &column(&self.facts(self.tables.len())))
    }

    fn answer(&self) -> String {
        let live = || self.rules.iter().filter(|rule| rule.acts);
        let scores = live().filter(|rule| rule.score != 0).map(|rule| {
            format!("CASE WHEN {} THEN {} ELSE 0 END", column(&rule_column(&rule.id)), rule.score)
        });
        let fired = live().map(|rule| {
            format!("CASE WHEN {} THEN {} END", column(&rule_column(&rule.id)), literal(&rule.id))
        });
        let fired: Vec<String> = std::iter::once("','".to_owned()).chain(fired).collect();
        let fired =
            if fired.len() == 1 { "''".to_owned() } else { format!("concat_ws({})", fired.join(", ")) };
        let columns = [
            "*".to_owned(),
            format!("CAST({} AS BIGINT) AS \"score\"", sum(scores.collect())),
            format!("{fired} AS \"fired\""),
        ];
        format!("{}\n  ORDER BY \"arrival\";\n", select(&columns, "\"_rules\""))
    }
}

fn sum(mut parts: Vec<String>) -> String {
    while parts.len() > SUM_PARTS {
        parts = parts.chunks(SUM_PARTS).map(|chunk| format!("({})", chunk.join(" + "))).collect();
    }
    if parts.is_empty() { "0".to_owned() } else { parts.join(" + ") }
}

fn select(columns: &[String], from: &str) -> String {
    format!("  SELECT\n    {}\n  FROM {from}", columns.join(",\n    "))
}

fn step(name: &str, columns: &[String], from: &str) -> String {
    format!("{} AS (\n{}\n)", column(name), select(columns, from))
}
