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

#[path = "support/report_odd.rs"]
mod odd;
#[path = "support/report_page.rs"]
mod page;
#[path = "support/report_sample.rs"]
mod sample;

use std::path::{Path, PathBuf};
use std::process::Command;

use page::Element;
use weir::backtest::html;
use weir::backtest::report::Report;

const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];
const ABSENT: [&str; 3] = ["/against/result/overlap", "/against/result/examples", "/measured/weighted"];

/// A browser with a report's page before it.
struct Browser {
    program: &'static str,
    folder: tempfile::TempDir,
    page: PathBuf,
}

impl Browser {
    /// `None` where there is no browser, which is told.
    fn with(name: &str, report: &Report) -> Option<Self> {
        Self::opens(name, &html(report))
    }

    fn opens(name: &str, html: &str) -> Option<Self> {
        let runs = |name: &&str| {
            Command::new(name).arg("--version").output().is_ok_and(|done| done.status.success())
        };
        let Some(program) = NAMES.into_iter().find(runs) else {
            println!("SKIPPED: none of {NAMES:?} is here");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let page = folder.path().join(format!("{name}.html"));
        std::fs::write(&page, html).unwrap();
        keep(&page);
        Some(Self { program, folder, page })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What it answers, and not a word on the console but about itself.
    fn run(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(self.program);
        command.args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
        ]);
        command.args(["--enable-logging=stderr", "--virtual-time-budget=4000", "--timeout=120000"]);
        command.arg(format!("--user-data-dir={}", self.path("profile").display()));
        command.args(arguments).arg(format!("file://{}", self.page.display()));
        let done = command.output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{said}");
        let console: Vec<&str> = said.lines().filter(|line| line.contains("CONSOLE")).collect();
        assert!(console.is_empty(), "{}", console.join("\n"));
        String::from_utf8(done.stdout).unwrap()
    }

    /// A picture of the page.
    fn picture(&self, name: &str, arguments: &[&str]) -> Vec<u8> {
        let path = self.path(name);
        let to = format!("--screenshot={}", path.display());
        self.run(&[&[to.as_str()], arguments].concat());
        keep(&path);
        std::fs::read(path).unwrap()
    }
}

/// Puts what was made where somebody can look at it.
fn keep(path: &Path) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("report");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::copy(path, folder.join(path.file_name().unwrap())).unwrap();
}

#[test]
fn a_browser_shows_the_numbers_of_the_json() {
    let report = sample::sample();
    let Some(browser) = Browser::with("report", &report) else { return };
    let dom = browser.run(&["--dump-dom"]);
    let elements = page::read(&dom);
    let compared = page::compare(&elements, &report, &ABSENT);
    println!("compared: {compared} numbers of the browser's page with the JSON's");
    // Its script has run: buttons are there that need it.
    let button = |id: &str| {
        elements.iter().find(|element| element.attributes.get("id").is_some_and(|of| of == id)).unwrap()
    };
    for id in ["theme", "copy"] {
        assert!(!button(id).attributes.contains_key("hidden"), "{id}");
    }
    let sorts = elements
        .iter()
        .filter(|element| element.name == "button" && element.within.contains(&"th".to_owned()));
    assert!(sorts.count() > 10);
}

#[test]
fn a_browser_runs_nothing_that_came_as_text() {
    let report = odd::hostile(sample::sample());
    let Some(browser) = Browser::with("hostile", &report) else { return };
    let elements = page::read(&browser.run(&["--dump-dom"]));
    assert_eq!(elements.iter().filter(|element| element.name == "script").count(), 1);
    page::compare(&elements, &report, &[""]);
}

#[test]
fn odd_reports_open_without_a_word() {
    let large = odd::large(sample::sample(), 200, 3_000);
    for (name, report) in [("empty", odd::empty()), ("single", odd::single()), ("large", large)] {
        let Some(browser) = Browser::with(name, &report) else { return };
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
    let html = html(&sample::sample());
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
    let report = sample::sample();
    let Some(browser) = Browser::with("report", &report) else { return };
    let wide = "--window-size=1400,9000";
    let day = browser.picture("day.png", &[wide, "--blink-settings=preferredColorScheme=1"]);
    let night = browser.picture("night.png", &[wide, "--blink-settings=preferredColorScheme=0"]);
    let narrow = browser.picture("narrow.png", &["--window-size=500,9000"]);
    for picture in [&day, &night, &narrow] {
        assert!(picture.starts_with(b"\x89PNG") && picture.len() > 50_000, "{} bytes", picture.len());
    }
    assert_ne!(day, night);
    let paper = browser.path("report.pdf");
    browser.run(&[&format!("--print-to-pdf={}", paper.display()), "--no-pdf-header-footer"]);
    keep(&paper);
    assert!(std::fs::read(paper).unwrap().starts_with(b"%PDF"));
}
