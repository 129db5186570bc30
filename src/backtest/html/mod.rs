//! The report as a page: one file, nothing from elsewhere, for the screen by day and by night and for paper.
//!
//! Promises that a browser loads nothing for it and runs no script but its own; that it reads without a script, without colours and
//! aloud; and that every figure in it names its place in `report.json` (`sweep.json`) and has its full value. Must never know how a figure came to be.

mod asked;
mod changes;
mod chart;
mod compared;
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
mod sweep;
mod tables;
mod timeline;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::report::Report;
use super::sweep::result::SweepReport;
use super::told::{self, Told};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// What a browser may do for the page: show it in its style and run its script.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-VkNKB5/5z++p4VU+LeOzaW9DfF0nggmVCJAa2LQT9vM='; base-uri 'none'; form-action 'none'";

/// A part of the page: where a link finds it, its title, and what fills it.
struct Section {
    id: &'static str,
    title: &'static str,
    filled: Markup,
}

impl Section {
    const fn new(id: &'static str, title: &'static str, filled: Markup) -> Self {
        Self { id, title, filled }
    }
}

/// A backtest as one HTML file, with the sweep that belongs to it.
pub fn html(report: &Report) -> String {
    let told = &Told::of(&report.data);
    // In the order in which an analyst reads.
    let mut sections = vec![
        Section::new("headline", "Headline figures", headline::section(report, told)),
        Section::new("timeline", "Over time", timeline::section(report, told)),
        Section::new("rules", "Rules", rules::section(report, told)),
        Section::new("outcomes", "Outcomes, law and risk", outcomes::section(report, told)),
        Section::new("overlap", "Overlap of rules", overlap::section(report, told)),
        Section::new("score", "Score", curves::section(report, told)),
        Section::new("groups", "Groups", groups::section(report, told)),
        Section::new("detection", "How soon fraud is seen", detection::section(report, told)),
        Section::new("examples", "Payments to look at", examples::section(report, told)),
        Section::new("changes", "Against the old rules", changes::section(report, told)),
    ];
    sections.extend(report.sweep.iter().flat_map(sweep::within));
    sections.push(Section::new("origin", "Where it comes from", origin::section(report, told)));
    page(
        &format!("{} on {}: backtest", told::clean(&report.rules.name), told::clean(&report.data.name)),
        &asked::header(report, told),
        &sections,
        &html! { "weir " (figure::name(&report.weir)) ". Every figure here is in " code { "report.json" } },
    )
}

/// A sweep as one HTML file.
pub fn sweep_html(report: &SweepReport) -> String {
    page(
        &format!("{} on {}: sweep", told::clean(&report.name), told::clean(&report.data.name)),
        &sweep::header(report),
        &sweep::sections(report),
        &html! { "weir " (figure::name(&report.weir)) ". Every figure here is in " code { "sweep.json" } },
    )
}

/// A page of its own, which loads nothing.
fn page(title: &str, header: &Markup, sections: &[Section], source: &Markup) -> String {
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
                (header)
                div.columns {
                    nav aria-label="Sections" {
                        ol { @for Section { id, title, .. } in sections { li { a href=(format!("#{id}")) { (title) } } } }
                    }
                    main #figures {
                        @for Section { id, title, filled } in sections {
                            section #(id) aria-labelledby=(format!("{id}-head")) {
                                h2 id=(format!("{id}-head")) { (title) }
                                (filled)
                            }
                        }
                    }
                }
                footer { p { (source) ", and says by " code { "data-at" } " where." } }
                p #said role="status" {}
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string()
}
