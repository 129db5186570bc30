//! A sweep's page is whole, loads nothing, and its figures are those of `sweep.json`; as a part of a backtest's page, of `report.json`.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub,
    reason = "a test fails loudly, and says how much it compared"
)]

#[path = "support/report_page.rs"]
mod page;
#[path = "support/report_sample.rs"]
mod sample;
#[path = "support/report_swept.rs"]
mod swept;
#[path = "support/report_whole.rs"]
mod whole;

use page::Element;
use serde_json::{Value, json};
use swept::{Wanted, sweep};
use weir::backtest::sweep::result::{Objective, SweepReport};
use weir::backtest::{html, sweep_html};

/// What a page names otherwise than as a figure: positions, and what no picture of combinations has room for.
const ABSENT: [&str; 6] =
    ["/params", "/combinations", "/front", "/best_by_cost", "/best_under_budget", "/chosen/combination"];

fn checked(report: &SweepReport) -> Vec<Element> {
    let elements = whole::checked(&sweep_html(report));
    let body = &elements.iter().find(|element| element.name == "body").unwrap().text;
    assert!(!body.contains("NaN") && !body.contains("inf "), "{body}");
    elements
}

fn compared(report: &SweepReport, absent: &[&str]) -> usize {
    page::compare_json(&checked(report), &serde_json::to_value(report).unwrap(), &[&ABSENT, absent].concat())
}

fn body(elements: &[Element]) -> &str {
    &elements.iter().find(|element| element.name == "body").unwrap().text
}

/// An amount as a rule file would write it.
fn in_groups(digits: &str) -> String {
    let groups: Vec<&[u8]> = digits.as_bytes().rchunks(3).rev().collect();
    String::from_utf8(groups.join(&b'_')).unwrap()
}

/// Hints over the cells of a picture.
fn tips(elements: &[Element], picture: &str) -> usize {
    let inside = |element: &&Element| element.attributes.get("class").is_some_and(|class| class == "tip");
    let drawn = elements.split(|element| element.name == "svg");
    let of = drawn.into_iter().find(|part| {
        part.iter()
            .any(|element| element.attributes.get("id").is_some_and(|id| id == &format!("{picture}-title")))
    });
    of.unwrap().iter().filter(inside).count()
}

#[test]
fn a_thousand_combinations_are_a_map_with_every_figure() {
    let report = swept::two(40, 25);
    let elements = checked(&report);
    let compared = compared(&report, &[]);
    for picture in ["sweep-map-caught", "sweep-map-bothered", "sweep-map-cost"] {
        assert_eq!(tips(&elements, picture), 1_000, "{picture}");
    }
    // Every combination in the table of the map, with ten figures, and its share of replicates.
    println!("compared: {compared} numbers of the page with the JSON's");
    assert!(compared > 11_000, "{compared}");
    let bytes = sweep_html(&report).len();
    println!("the page has {bytes} bytes");
    assert!(bytes < 5 << 20, "{bytes}");
}

#[test]
fn one_parameter_is_a_line_on_both_sides() {
    let report = sweep(&Wanted { params: &[("reach", 12, 3)], objective: Objective::Cost, frauds: 200.0 });
    compared(&report, &[]);
    let elements = checked(&report);
    for picture in ["sweep-line-caught", "sweep-line-bothered", "sweep-line-cost"] {
        assert_eq!(tips(&elements, picture), 12, "{picture}");
    }
    let html = sweep_html(&report);
    assert!(
        html.find("sweep-line-cost").unwrap() < html.find("sweep-line-caught").unwrap(),
        "that of the objective first"
    );
    let held_out =
        |element: &&Element| element.name == "polyline" && element.attributes["stroke"] == "var(--held-out)";
    assert_eq!(elements.iter().filter(held_out).count(), 4, "one for each figure, and the front");
}

#[test]
fn of_three_parameters_the_two_that_matter_are_drawn() {
    let params = [("many", 4, 1), ("near", 6, 2), ("big", 9, 3)];
    let report = sweep(&Wanted { params: &params, objective: Objective::Budget, frauds: 300.0 });
    compared(&report, &[]);
    let elements = checked(&report);
    assert_eq!(tips(&elements, "sweep-map-caught"), 4 * 6);
    let chosen = &report.swept.combinations[report.swept.chosen.as_ref().unwrap().combination];
    let big = in_groups(&report.swept.params[2].values[chosen.values[2]]);
    let said = format!("The others are as in the chosen combination: big {big}.");
    assert!(body(&elements).contains(&said), "{said}");
}

#[test]
fn so_many_combinations_that_no_picture_has_room_are_thinned_but_for_the_front() {
    let report = sweep(&Wanted {
        params: &[("big", 250, 70), ("near", 100, 12)],
        objective: Objective::Budget,
        frauds: 500.0,
    });
    compared(&report, &[]);
    let elements = checked(&report);
    let shown = tips(&elements, "sweep-front-tuning");
    let front = report.swept.front.len();
    assert!(shown >= front && shown < 2_100 + front, "{shown} dots, {front} on the front");
    let html = sweep_html(&report);
    for at in &report.swept.front {
        let values = &report.swept.combinations[*at].values;
        let value = |param: usize| in_groups(&report.swept.params[param].values[values[param]]);
        assert!(html.contains(&format!("big {}, near {}:", value(0), value(1))), "{at} is on the front");
    }
    assert!(body(&elements).contains("combinations are not drawn, evenly; the front is whole"));
    assert!(html.len() < 6 << 20, "{}", html.len());
}

#[test]
fn a_sweep_without_known_frauds_says_so() {
    for objective in [Objective::Front, Objective::Cost, Objective::Budget] {
        let report = sweep(&Wanted { params: &[("big", 5, 1), ("near", 3, 0)], objective, frauds: 0.0 });
        compared(&report, &[]);
        let elements = checked(&report);
        assert!(body(&elements).contains("No fraud is known."), "{}", body(&elements));
        assert!(body(&elements).contains("what is caught can't be said"));
        assert_eq!(tips(&elements, "sweep-map-bothered"), 15, "who is bothered is known all the same");
    }
}

#[test]
fn what_was_chosen_is_held_against_what_there_is() {
    let mut report = swept::two(8, 6);
    let said = |report: &SweepReport| body(&checked(report)).to_owned();
    assert!(said(&report).contains("Gains less on what was held out than chance explains."));
    assert!(said(&report).contains("chosen in 41.5 % of the replicates"));
    report.swept.chosen.as_mut().unwrap().overfitted = false;
    assert!(!said(&report).contains("Gains less on what was held out"));
    report.swept.chosen = None;
    assert!(said(&report).contains("Nothing keeps to the budget"));
    report.asked.objective = Objective::Front;
    assert!(said(&report).contains("Nothing was chosen: --objective cost or --objective budget"));
}

#[test]
fn values_that_nobody_asked_for_are_there_too() {
    // The rule file's own value stands behind the others, and has one combination.
    let mut report = swept::two(4, 3);
    let swept = &mut report.swept;
    for (param, own) in [(0, "90000"), (1, "100")] {
        swept.params[param].own = swept.params[param].values.len();
        swept.params[param].values.push(own.to_owned());
    }
    let mut own = swept.combinations[0].clone();
    own.values = vec![4, 3];
    swept.combinations.insert(0, own);
    let elements = checked(&report);
    assert_eq!(tips(&elements, "sweep-map-cost"), 13);
}

/// A script, a text that turns what stands around it, and positions that are nowhere.
#[test]
fn text_from_outside_stays_text() {
    const SCRIPT: &str = "<script>alert('x')</script>\"'&<!-- ]]>";
    const TURNED: &str = "acc\u{202e}txt\u{1b}[2J\u{0}đồng 🦊";
    let mut report = swept::two(5, 4);
    for text in [
        &mut report.name,
        &mut report.file,
        &mut report.command,
        &mut report.hash,
        &mut report.data.name,
        &mut report.data.currency,
    ] {
        *text = format!("{SCRIPT}{TURNED}");
    }
    for swing in &mut report.swept.params {
        swing.name = format!("{SCRIPT}{TURNED}");
        swing.features = vec![SCRIPT.to_owned(), TURNED.to_owned()];
        swing.values.iter_mut().for_each(|value| *value = format!("{SCRIPT}{value}{TURNED}"));
        swing.values.pop();
    }
    report.swept.decision_fed = vec![format!("{SCRIPT}{TURNED}")];
    report.data.decimals = u8::MAX;
    let swept = &mut report.swept;
    swept.front.push(usize::MAX);
    swept.best_by_cost = usize::MAX;
    swept.combinations[3].values = vec![usize::MAX, 7, 7, 7];
    swept.combinations[4].values.clear();
    swept.combinations[5].tuning.cost_minor = 1e300;
    swept.combinations[6].tuning.cost_minor = -1e300;
    swept.params[0].own = usize::MAX;
    let elements = checked(&report);
    let body = body(&elements);
    assert!(body.contains(SCRIPT), "what is text is shown as it is");
    let steers = |c: char| c.is_control() && c != '\n' && c != '\t' || c == '\u{202e}';
    let at = body.find(steers);
    assert_eq!(at, None, "{:?}", at.map(|at| &body[at.saturating_sub(60)..at]));
    for nothing in [
        |swept: &mut SweepReport| swept.swept.combinations.clear(),
        |swept: &mut SweepReport| swept.swept.params.clear(),
    ] {
        nothing(&mut report);
        checked(&report);
    }
}

#[test]
fn a_backtest_shows_its_sweep_at_its_place() {
    let mut report = sample::sample();
    report.sweep = Some(swept::two(12, 9));
    let elements = whole::checked(&html(&report));
    let absent: Vec<String> = ABSENT.iter().chain(&["/data"]).map(|place| format!("/sweep{place}")).collect();
    let mut absent: Vec<&str> = absent.iter().map(String::as_str).collect();
    absent.extend(["/against/result/overlap", "/against/result/examples", "/measured/weighted"]);
    page::compare(&elements, &report, &absent);
    let inside =
        elements.iter().filter(|element| element.name == "data" && element.at.starts_with("/sweep/"));
    assert!(inside.count() > 1_000);
    let alone = serde_json::to_value(sample::sample()).unwrap();
    assert_eq!(alone.get("sweep"), None::<&Value>, "a backtest by itself says nothing of sweeps");
    assert_eq!(json!(report)["sweep"], json!(report.sweep));
}

#[test]
fn a_backtest_shows_what_it_is_held_against() {
    let report = sample::sample();
    let html = html(&report);
    let elements = whole::checked(&html);
    let of = |class: &str| {
        elements
            .iter()
            .filter(|element| element.attributes.get("class").is_some_and(|of| of == class))
            .count()
    };
    assert_eq!((of("dumbbell"), of("end before"), of("end after")), (6, 6, 6), "the headline figures");
    assert_eq!((of("range before"), of("range after")), (4, 4), "those that the bootstrap has a range of");
}
