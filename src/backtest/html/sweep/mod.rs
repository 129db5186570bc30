//! A sweep: what parameters change, which combinations are worth a look, and what was chosen.
//!
//! Promises that it reads the same as a page of its own and as a part of a backtest's; that what is too much to be drawn is thinned out
//! evenly, and says so; and that no combination of the front is ever left out of its picture. Must never know how a figure came to be.

mod asked;
mod change;
mod front;
mod grid;
mod heat;
mod line;
mod marks;
mod measure;
mod origin;
mod slice;
mod table;
mod thin;

use maud::{Markup, html};

use super::Section;
use super::origin as whole;
use crate::backtest::sweep::result::SweepReport;
use crate::backtest::told::Told;

pub(super) use asked::header;

/// Titles of the parts, on a page of their own and within a backtest's.
const ALONE: [&str; 4] =
    ["Before and after", "What nothing beats", "What values change", "Where it comes from"];
const WITHIN: [&str; 4] = [
    "Sweep: before and after",
    "Sweep: what nothing beats",
    "Sweep: what values change",
    "Sweep: where it comes from",
];

/// All parts of a page of its own.
pub(super) fn sections(report: &SweepReport) -> [Section; 4] {
    let told = &Told::of(&report.data);
    let origin = html! {
        (whole::again(&report.command, &report.weir, &report.engine))
        (origin::section(report))
        h3 { "Data set" }
        div data-at="data" { (whole::data(&report.data, told)) }
    };
    parts(report, told, ALONE, origin)
}

/// The same as parts of a backtest's page, whose data set is the same.
pub(super) fn within(report: &SweepReport) -> [Section; 4] {
    let told = &Told::of(&report.data);
    let origin = html! {
        (asked::asked(report, told))
        (origin::section(report))
        (whole::again(&report.command, &report.weir, &report.engine))
    };
    parts(report, told, WITHIN, origin)
        .map(|part| Section { filled: html! { div data-at="sweep" { (part.filled) } }, ..part })
}

fn parts(report: &SweepReport, told: &Told, titles: [&'static str; 4], origin: Markup) -> [Section; 4] {
    let [change, front, values, made] = titles;
    [
        Section::new("sweep-change", change, change::section(report, told)),
        Section::new("sweep-front", front, front::section(report, told)),
        Section::new("sweep-values", values, grid::section(report, told)),
        Section::new("sweep-origin", made, origin),
    ]
}
