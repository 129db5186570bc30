//! `[rates]`: where rates of other currencies come from, and what is declared of a payment that has none.

use std::ops::Range;

use super::document::Table;
use super::lists::file_name;
use super::problem::Problems;
use super::ruleset::RatesDeclaration;
use crate::decision::Outcome;

const KEYS: [&str; 2] = ["file", "otherwise"];

/// What may be declared: never to let a payment pass whose worth nobody knows.
const OUTCOMES: [(&str, Outcome); 2] = [("block", Outcome::Block), ("step_up", Outcome::StepUp)];

/// Reads the section, with its place; `None` where there is none, so that other currencies are refused.
pub(super) fn read(root: &Table<'_>, problems: &mut Problems) -> Option<(RatesDeclaration, Range<usize>)> {
    let table = root.table(problems, "rates", "[rates]")?;
    table.check_keys(problems, &KEYS, &[]);
    let help = "leave `file` out where events alone bring their rates";
    let file = table.get("file").and_then(|_| file_name(&table, help, problems));
    let otherwise = table.word(problems, "otherwise", &OUTCOMES, &[]).unwrap_or(Outcome::Block);
    Some((RatesDeclaration { file, otherwise, pack: 0 }, table.span()))
}
