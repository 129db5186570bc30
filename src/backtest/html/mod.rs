//! The report as a page: one file, nothing from elsewhere, for the screen by day and by night and for paper.
//!
//! Promises that a browser loads nothing for it and runs no script but its own; that it reads without a script, without colours and
//! aloud; and that every figure in it names its place in `report.json` and has its full value. Must never know how a figure came to be.

mod asked;
mod changes;
mod chart;
mod curves;
mod detection;
mod examples;
mod figure;
mod groups;
mod headline;
mod origin;
mod outcomes;
mod overlap;
mod periods;
mod rules;
mod tables;
mod timeline;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::report::Report;
use super::told::{self, Told};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// What a browser may do for the page: show it in its style and run its script.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-WGS8+uIRUKxWmHbINWPIBxNJUxd3KPPKqkUK9zcE1Wc='; base-uri 'none'; form-action 'none'";

/// A part of the page: where a link finds it, its title, and what fills it.
type Section = (&'static str, &'static str, fn(&Report, &Told) -> Markup);

/// In the order in which an analyst reads.
const SECTIONS: [Section; 11] = [
    ("headline", "Headline figures", headline::section),
    ("timeline", "Over time", timeline::section),
    ("rules", "Rules", rules::section),
    ("outcomes", "Outcomes, law and risk", outcomes::section),
    ("overlap", "Overlap of rules", overlap::section),
    ("score", "Score", curves::section),
    ("groups", "Groups", groups::section),
    ("detection", "How soon fraud is seen", detection::section),
    ("examples", "Payments to look at", examples::section),
    ("changes", "Against the old rules", changes::section),
    ("origin", "Where it comes from", origin::section),
];

/// The report as one HTML file.
pub fn html(report: &Report) -> String {
    let told = Told::of(&report.data);
    let title =
        format!("{} on {}: backtest", told::clean(&report.rules.name), told::clean(&report.data.name));
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#figures" { "Skip to the figures" }
                button #theme type="button" hidden { "Dark" }
                (asked::header(report, &told))
                div.columns {
                    nav aria-label="Sections" {
                        ol { @for (id, title, _) in SECTIONS { li { a href=(format!("#{id}")) { (title) } } } }
                    }
                    main #figures {
                        @for (id, title, fill) in SECTIONS {
                            section #(id) aria-labelledby=(format!("{id}-head")) {
                                h2 id=(format!("{id}-head")) { (title) }
                                (fill(report, &told))
                            }
                        }
                    }
                }
                footer {
                    p { "weir " (figure::name(&report.weir)) ". Every figure here is in " code { "report.json" } ", and says by " code { "data-at" } " where." }
                }
                p #said role="status" {}
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string()
}
