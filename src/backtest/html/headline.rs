//! The headline figures: as cards, beside each what the old rules did, and as a picture of both.

use maud::{Markup, html};

use super::compared::{self, Better, Pair};
use super::figure::{As, count, interval, measured, money, share, weighted};
use super::tables::{self, FLAGGED, Row};
use crate::backtest::report::{Estimate, Figures, Report};
use crate::backtest::told::{self, Told};

/// One headline figure.
struct Card<'a> {
    name: &'a str,
    better: Better,
    /// The figure of a rule set.
    main: &'a dyn Fn(&Figures) -> Markup,
    /// What is to be said of it.
    more: &'a dyn Fn(&Figures) -> Markup,
    /// What is compared, and how a difference is read.
    compared: &'a dyn Fn(&Figures) -> Option<Estimate>,
    difference: &'a dyn Fn(f64) -> String,
}

const NEW: &str = "rules/result/overall";
const OLD: &str = "against/result/overall";

pub(super) fn section(report: &Report, told: &Told) -> Markup {
    let new = &report.rules.result.overall;
    let old = report.against.as_ref().map(|old| &old.result.overall);
    let whole = |at: &str, name: &str, figures| Row {
        at: at.to_owned(),
        name: name.to_owned(),
        payments: None,
        figures,
    };
    let rows: Vec<Row<'_>> =
        [Some(whole(NEW, "new", new)), old.map(|old| whole(OLD, "old", old))].into_iter().flatten().collect();
    html! {
        div.cards {
            (with_cards(report, told, |cards| html! { @for card in cards { (card.show(new, old)) } }))
        }
        p.soft {
            "Flagged is stopped, stepped up or alerted. Intervals hold 95 % of what a bootstrap over accounts gives."
        }
        (tables::all(told, FLAGGED, "Every figure of all that is flagged", &rows))
    }
}

/// The same figures under the old rules and under the new, as a picture; nothing where there are no old ones.
pub(super) fn before_and_after(report: &Report, told: &Told) -> Markup {
    let new = &report.rules.result.overall;
    let Some(old) = report.against.as_ref().map(|old| &old.result.overall) else { return html! {} };
    with_cards(report, told, |cards| {
        let pairs: Vec<Pair<'_>> = cards.iter().map(|card| card.pair(old, new)).collect();
        compared::table("Headline figures under the old rules and the new", ["old", "new"], &pairs)
    })
}

/// Gives all cards to who shows them.
fn with_cards(report: &Report, told: &Told, show: impl FnOnce(&[Card<'_>]) -> Markup) -> Markup {
    let plain = |value: f64| Some(Estimate { value, low: None, high: None });
    let whole = |by: f64| told::weighted(by.abs());
    let total = &report.measured;
    show(&[
        Card {
            name: "Frauds flagged",
            better: Better::More,
            main: &|new| measured("recall", new.recall, As::Percent),
            more: &|new| {
                html! {
                    p { (interval("recall", new.recall, As::Percent)) }
                    p { (weighted("frauds", new.frauds)) " of " (weighted("/measured/frauds_weighted", total.frauds_weighted)) " known frauds" }
                }
            },
            compared: &|figures| figures.recall,
            difference: &compared::points,
        },
        Card {
            name: "Fraud value caught",
            better: Better::More,
            main: &|new| measured("value_caught_share", new.value_caught_share, As::Percent),
            more: &|new| {
                html! {
                    p { (interval("value_caught_share", new.value_caught_share, As::Percent)) }
                    p {
                        (money(told, "value_caught_minor", new.value_caught_minor)) " of "
                        (money(told, "/measured/fraud_value_minor", total.fraud_value_minor))
                    }
                }
            },
            compared: &|figures| figures.value_caught_share,
            difference: &compared::points,
        },
        Card {
            name: "Precision",
            better: Better::More,
            main: &|new| measured("precision", new.precision, As::Percent),
            more: &|new| {
                html! {
                    p { (interval("precision", new.precision, As::Percent)) }
                    p { "known labels: " (share("coverage", new.coverage)) " of the flagged" }
                }
            },
            compared: &|figures| figures.precision,
            difference: &compared::points,
        },
        Card {
            name: "Genuine customers bothered",
            better: Better::Less,
            main: &|new| count("customers_bothered", new.customers_bothered),
            more: &|new| {
                html! {
                    p { (weighted("genuine", new.genuine)) " genuine payments flagged" }
                    p { (money(told, "value_bothered_minor", new.value_bothered_minor)) " of theirs held up" }
                }
            },
            compared: &|figures| plain(figures.customers_bothered as f64),
            difference: &whole,
        },
        Card {
            name: "False positives per 10,000",
            better: Better::Less,
            main: &|new| measured("false_positive_rate", new.false_positive_rate, As::Per10000),
            more: &|new| {
                html! {
                    p { (interval("false_positive_rate", new.false_positive_rate, As::Per10000)) }
                    p { "genuine payments" }
                }
            },
            compared: &|figures| figures.false_positive_rate,
            difference: &|by| told::per_10_000(by.abs()),
        },
        Card {
            name: "Payments flagged",
            better: Better::Neither,
            main: &|new| count("flagged", new.flagged),
            more: &|new| {
                html! {
                    p { (told::share(new.flagged as f64 / total.payments.max(1) as f64)) " of all measured" }
                    p { (count("unknown", new.unknown)) " of them with unknown labels" }
                }
            },
            compared: &|figures| plain(figures.flagged as f64),
            difference: &whole,
        },
    ])
}

impl Card<'_> {
    fn show(&self, new: &Figures, old: Option<&Figures>) -> Markup {
        html! {
            article.card {
                h3 { (self.name) }
                div data-at=(NEW) {
                    p.big { ((self.main)(new)) }
                    div.more { ((self.more)(new)) }
                }
                @if let Some(old) = old {
                    p.versus {
                        span data-at=(OLD) { "old " ((self.main)(old)) }
                        (compared::moved(self.better, [old, new].map(self.compared), self.difference))
                    }
                }
            }
        }
    }

    fn pair(&self, old: &Figures, new: &Figures) -> Pair<'_> {
        let figure = |at: &str, figures| html! { span data-at=(at) { ((self.main)(figures)) } };
        Pair {
            name: self.name,
            better: self.better,
            figures: [figure(OLD, old), figure(NEW, new)],
            ends: [old, new].map(self.compared),
            difference: self.difference,
        }
    }
}
