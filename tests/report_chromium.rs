//! The report's page in a browser: it opens without a word on the console, and its figures are those of `report.json`.
//!
//! Needs Chromium; says that it is skipped where there is none.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    missing_docs,
    unreachable_pub,
    reason = "a test fails loudly, and says what it skipped"
)]

#[path = "support/browser.rs"]
mod browser;
#[path = "support/report_odd.rs"]
mod odd;
#[path = "support/report_page.rs"]
mod page;
#[path = "support/report_sample.rs"]
mod sample;
#[path = "support/report_swept.rs"]
mod swept;

use browser::{Browser, keep};
use page::Element;
use swept::Wanted;
use weir::backtest::report::Report;
use weir::backtest::sweep::result::{Objective, SweepReport};
use weir::backtest::{html, sweep_html};

const ABSENT: [&str; 3] = ["/against/result/overlap", "/against/result/examples", "/measured/weighted"];

fn with(name: &str, report: &Report) -> Option<Browser> {
    Browser::opens(name, &html(report))
}

#[test]
fn a_browser_shows_the_numbers_of_the_json() {
    let report = sample::sample();
    let Some(browser) = with("report", &report) else { return };
    let dom = browser.run(&["--dump-dom"]);
    let elements = page::read(&dom);
    let compared = page::compare(&elements, &report, &ABSENT);
    println!("compared: {compared} numbers of the browser's page with the JSON's");
    // Its script has run: buttons are there that need it.
    let buttons = elements.iter().filter(|element| element.name == "button");
    assert!(buttons.clone().count() > 2, "{elements:?}");
    for button in buttons {
        assert!(!button.attributes.contains_key("hidden"), "{button:?}");
    }
    let sorts = elements
        .iter()
        .filter(|element| element.name == "button" && element.within.contains(&"th".to_owned()));
    assert!(sorts.count() > 10);
}

#[test]
fn a_browser_runs_nothing_that_came_as_text() {
    let report = odd::hostile(sample::sample());
    let Some(browser) = with("hostile", &report) else { return };
    let elements = page::read(&browser.run(&["--dump-dom"]));
    assert_eq!(elements.iter().filter(|element| element.name == "script").count(), 1);
    page::compare(&elements, &report, &[""]);
}

#[test]
fn odd_reports_open_without_a_word() {
    let large = odd::large(sample::sample(), 200, 3_000);
    for (name, report) in [("empty", odd::empty()), ("single", odd::single()), ("large", large)] {
        let Some(browser) = with(name, &report) else { return };
        page::compare(&page::read(&browser.run(&["--dump-dom"])), &report, &[""]);
    }
}

/// What somebody does who sorts, switches the theme and prints; and how wide the page is.
const USE: &str = "
document.querySelector('.rules th[data-sort] button').click();
document.getElementById('theme').click();
dispatchEvent(new Event('beforeprint'));
document.body.dataset.wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
";

#[test]
fn what_the_script_offers_works() {
    let mut report = sample::sample();
    report.sweep = Some(swept::two(16, 9));
    let html = html(&report);
    let policy = html.find("<meta http-equiv").unwrap();
    let policy = &html[policy..policy + html[policy..].find('>').unwrap() + 1];
    // The page's policy would not run what is added here.
    let used = html.replace(policy, "").replace("</script>", &format!("{USE}</script>"));
    let Some(browser) = Browser::opens("used", &used) else { return };
    let elements = page::read(&browser.run(&["--dump-dom", "--window-size=500,900"]));
    let rules = elements
        .iter()
        .find(|element| element.attributes.get("class").is_some_and(|class| class == "sortable rules"));
    let order: Vec<u64> = elements
        .iter()
        .filter(|element| element.at.starts_with("/rules/result/rules/") && element.at.ends_with("/flagged"))
        .take(sample::RULES.len())
        .map(|element| element.attributes["value"].parse().unwrap())
        .collect();
    assert!(rules.is_some() && order.len() == 25 && order.is_sorted_by(|one, next| one >= next), "{order:?}");
    let page = elements.last().unwrap();
    assert!(page.attributes.contains_key("data-theme"), "{:?}", page.attributes);
    let (open, closed): (Vec<&Element>, Vec<&Element>) = elements
        .iter()
        .filter(|element| element.name == "details")
        .partition(|element| element.attributes.contains_key("open"));
    let explains =
        |element: &&Element| element.attributes.get("class").is_some_and(|class| class == "example");
    assert!(!open.is_empty() && open.iter().all(explains), "{open:?}");
    assert!(!closed.iter().any(explains), "{closed:?}");
    let body = elements.iter().find(|element| element.name == "body").unwrap();
    assert_eq!(body.attributes["data-wide"], "0", "the page is wider than the window");
}

#[test]
fn day_and_night_and_paper_differ() {
    let mut report = sample::sample();
    report.sweep = Some(swept::two(16, 9));
    for (name, html, height) in
        [("report", html(&report), 12_000), ("sweep", sweep_html(&swept::two(40, 25)), 4_000)]
    {
        let Some(browser) = Browser::opens(name, &html) else { return };
        let wide = format!("--window-size=1400,{height}");
        let picture =
            |kind: &str, arguments: &[&str]| browser.picture(&format!("{name}-{kind}.png"), arguments);
        let day = picture("day", &[&wide, "--blink-settings=preferredColorScheme=1"]);
        let night = picture("night", &[&wide, "--blink-settings=preferredColorScheme=0"]);
        let narrow = picture("narrow", &[&format!("--window-size=500,{height}")]);
        for picture in [&day, &night, &narrow] {
            assert!(picture.starts_with(b"\x89PNG") && picture.len() > 50_000, "{} bytes", picture.len());
        }
        assert_ne!(day, night);
        let paper = browser.path(&format!("{name}.pdf"));
        browser.run(&[&format!("--print-to-pdf={}", paper.display()), "--no-pdf-header-footer"]);
        keep(&paper);
        assert!(std::fs::read(paper).unwrap().starts_with(b"%PDF"));
    }
}

/// Of one parameter, of three, of so many that they are thinned, and without a fraud.
fn sweeps() -> [(&'static str, SweepReport); 4] {
    let of = |params: &[(&str, usize, usize)], objective, frauds| {
        swept::sweep(&Wanted { params, objective, frauds })
    };
    [
        ("one", of(&[("reach", 12, 3)], Objective::Cost, 200.0)),
        ("three", of(&[("many", 4, 1), ("near", 6, 2), ("big", 9, 3)], Objective::Cost, 300.0)),
        ("many", of(&[("big", 250, 70), ("near", 60, 12)], Objective::Budget, 500.0)),
        ("unknown", of(&[("big", 5, 1), ("near", 3, 0)], Objective::Front, 0.0)),
    ]
}

#[test]
fn sweeps_open_without_a_word() {
    const ABSENT: [&str; 6] =
        ["/params", "/combinations", "/front", "/best_by_cost", "/best_under_budget", "/chosen/combination"];
    for (name, report) in sweeps() {
        let Some(browser) = Browser::opens(name, &sweep_html(&report)) else { return };
        let elements = page::read(&browser.run(&["--dump-dom"]));
        let compared = page::compare_json(&elements, &serde_json::to_value(&report).unwrap(), &ABSENT);
        println!("{name}: compared {compared} numbers of the browser's page with the JSON's");
        let picture = browser.picture(&format!("{name}.png"), &["--window-size=1400,4000"]);
        assert!(picture.starts_with(b"\x89PNG") && picture.len() > 50_000, "{} bytes", picture.len());
    }
}
