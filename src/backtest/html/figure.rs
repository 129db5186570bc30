//! Figures in the page.
//!
//! Promises that every figure says where in `report.json` it stands and what it is in full, whatever it is rounded to: `data-at` of
//! the elements around it and its own, put together, lead there, and `value` is what stands there. Must never know a section.

use std::fmt::Display;

use maud::{Markup, html};

use crate::backtest::report::Estimate;
use crate::backtest::told::{self, NOTHING, Told};

/// A figure, at a place of the report, as it is read.
pub(super) fn figure(at: &str, value: impl Display, text: &str) -> Markup {
    html! { data data-at=(at) value=(maud::display(value)) { (text) } }
}

/// What can't be said.
fn nothing(at: &str) -> Markup {
    html! { data.none data-at=(at) value="null" title="nothing to measure it on" { (NOTHING) } }
}

pub(super) fn count(at: &str, count: u64) -> Markup {
    figure(at, count, &told::count(count))
}

pub(super) fn weighted(at: &str, count: f64) -> Markup {
    figure(at, count, &told::weighted(count))
}

pub(super) fn share(at: &str, share: Option<f64>) -> Markup {
    share.map_or_else(|| nothing(at), |share| figure(at, share, &told::share(share)))
}

pub(super) fn money(told: &Told, at: &str, minor: f64) -> Markup {
    figure(at, minor, &told.money(minor))
}

/// Without the currency's code.
pub(super) fn amount(told: &Told, at: &str, minor: f64) -> Markup {
    figure(at, minor, &told.amount(minor))
}

pub(super) fn time(told: &Told, at: &str, time_us: Option<i64>) -> Markup {
    time_us.map_or_else(|| nothing(at), |time_us| figure(at, time_us, &told.time(time_us)))
}

pub(super) fn duration(at: &str, duration_us: Option<i64>) -> Markup {
    duration_us
        .map_or_else(|| nothing(at), |duration_us| figure(at, duration_us, &told::duration(duration_us)))
}

/// How a share is read.
#[derive(Clone, Copy)]
pub(super) enum As {
    Percent,
    Per10000,
    /// As statisticians write areas.
    Decimals,
}

impl As {
    pub(super) fn told(self, share: f64) -> String {
        match self {
            Self::Percent => told::share(share),
            Self::Per10000 => told::per_10_000(share),
            Self::Decimals => format!("{share:.3}"),
        }
    }
}

/// A share as measured.
pub(super) fn measured(at: &str, estimate: Option<Estimate>, read: As) -> Markup {
    match estimate {
        None => nothing(at),
        Some(Estimate { value, .. }) => figure(&format!("{at}/value"), value, &read.told(value)),
    }
}

/// Between what and what it lies, where a bootstrap says so.
pub(super) fn interval(at: &str, estimate: Option<Estimate>, read: As) -> Markup {
    let end = |name: &str, end: f64| figure(&format!("{at}/{name}"), end, &read.told(end));
    match estimate {
        Some(Estimate { low: Some(low), high: Some(high), .. }) => {
            html! { span.interval title="95 % interval" { (end("low", low)) " to " (end("high", high)) } }
        }
        _ => html! {},
    }
}

/// A share as a bar with its interval; only a picture, beside the figure.
pub(super) fn bar(estimate: Option<Estimate>) -> Markup {
    let Some(Estimate { value, low, high }) = estimate else { return html! { span.bar {} } };
    let percent = |share: f64| (share.clamp(0.0, 1.0) * 1_000.0).round() / 10.0;
    let ends = low.zip(high).map_or_else(String::new, |(low, high)| {
        format!(";--low:{}%;--high:{}%", percent(low), percent(high))
    });
    html! { span.bar.ends[low.is_some()] style=(format!("--share:{}%{ends}", percent(value))) {} }
}

/// A name or an id from outside: on its own, whatever way it is written.
pub(super) fn name(text: &str) -> Markup {
    html! { bdi { (told::clean(text)) } }
}

/// Names as code, in a row.
pub(super) fn names(names: &[String]) -> Markup {
    html! {
        @for (at, one) in names.iter().enumerate() {
            @if at > 0 { " " }
            code { (name(one)) }
        }
        @if names.is_empty() { span.soft { "none" } }
    }
}

/// A table that may be wider than the page, and scrolls then.
pub(super) fn wide(label: &str, table: &Markup) -> Markup {
    html! { div.scroll tabindex="0" role="group" aria-label=(label) { (table) } }
}
