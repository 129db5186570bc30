//! Figures before and after, side by side: as a table, and as a picture of how far each moved.
//!
//! Promises that a picture is only beside figures, and that before and after are told apart by shape and not by colour alone. Must never
//! know what was changed.

use maud::{Markup, html};

use super::figure::wide;
use crate::backtest::report::Estimate;

/// Which way is better.
#[derive(Clone, Copy)]
pub(super) enum Better {
    More,
    Less,
    Neither,
}

/// A figure before and after.
pub(super) struct Pair<'a> {
    pub(super) name: &'a str,
    pub(super) better: Better,
    /// Both as they are read.
    pub(super) figures: [Markup; 2],
    /// What the picture is drawn from.
    pub(super) ends: [Option<Estimate>; 2],
    /// How a difference is read.
    pub(super) difference: &'a dyn Fn(f64) -> String,
}

/// Figures in two columns under these words, with a picture of each row from 0 on.
pub(super) fn table(caption: &str, words: [&str; 2], pairs: &[Pair<'_>]) -> Markup {
    let table = html! {
        table.pairs {
            caption { (caption) }
            thead {
                tr {
                    td {}
                    @for word in words { th scope="col" { (word) } }
                    td {}
                    th.left scope="col" { "Change" }
                }
            }
            tbody {
                @for pair in pairs {
                    tr {
                        th.name scope="row" { (pair.name) }
                        @for figure in &pair.figures { td { (figure) } }
                        td.left { (dumbbell(pair.ends)) }
                        td.left { (moved(pair.better, pair.ends, pair.difference)) }
                    }
                }
            }
        }
    };
    html! {
        ul.legend {
            li { span.key.ring style="--of:var(--old)" {} (words[0]) }
            li { span.key.dot style="--of:var(--new)" {} (words[1]) }
            @if pairs.iter().any(|pair| pair.ends.iter().flatten().any(|end| end.low.is_some())) {
                li { span.key.line style="--of:var(--old)" {} span.key.line style="--of:var(--new)" {} "95 % intervals, above and below" }
            }
            li { "each row from 0 on" }
        }
        (wide(caption, &table))
    }
}

/// How far a figure moved, and whether that is better.
pub(super) fn moved(
    better: Better,
    ends: [Option<Estimate>; 2],
    difference: &dyn Fn(f64) -> String,
) -> Markup {
    let [Some(old), Some(new)] = ends else { return html! {} };
    let by = new.value - old.value;
    let (sign, more) = match by {
        _ if by > 0.0 => ("▲", true),
        _ if by < 0.0 => ("▼", false),
        _ => return html! { span.moved { "the same" } },
    };
    let (class, word) = match better {
        Better::Neither => ("", if more { "more" } else { "fewer" }),
        Better::More if more => ("good", "better"),
        Better::Less if !more => ("good", "better"),
        Better::More | Better::Less => ("bad", "worse"),
    };
    html! { span.moved.(class) { (sign) " " (difference(by)) " " (word) } }
}

/// How far apart two shares are, in points of a percentage.
pub(super) fn points(by: f64) -> String {
    match by.abs() * 100.0 {
        hardly if hardly < 0.05 => "< 0.1 points".to_owned(),
        points => format!("{points:.1} points"),
    }
}

/// A ring where it was, a dot where it is, what lies between, and how sure either is.
fn dumbbell(ends: [Option<Estimate>; 2]) -> Markup {
    let reach = |end: &Estimate| end.high.map_or(end.value, |high| high.max(end.value));
    let most = ends.iter().flatten().map(reach).fold(0.0, f64::max) * 1.02;
    if most <= 0.0 || !most.is_finite() {
        return html! { span.dumbbell {} };
    }
    let percent = |value: f64| (value / most).clamp(0.0, 1.0) * 100.0;
    let from_to = |low: f64, high: f64| {
        let (low, high) = (percent(low.min(high)), percent(low.max(high)));
        format!("--at:{low:.1}%;--wide:{:.1}%", high - low)
    };
    let whose = ["before", "after"];
    html! {
        span.dumbbell {
            @if let [Some(old), Some(new)] = ends { span.way style=(from_to(old.value, new.value)) {} }
            @for (end, whose) in ends.into_iter().zip(whose) {
                @if let Some(Estimate { low: Some(low), high: Some(high), .. }) = end {
                    span.range.(whose) style=(from_to(low, high)) {}
                }
            }
            @for (end, whose) in ends.into_iter().zip(whose) {
                @if let Some(end) = end { span.end.(whose) style=(format!("--at:{:.1}%", percent(end.value))) {} }
            }
        }
    }
}
