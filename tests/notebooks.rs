//! The notebooks run from a clean environment, show their plots, and print what `weir` measured.
//!
//! The environment has what `notebooks/requirements.txt` names and nothing else; it lies beside the build, and is made again where that
//! file has changed. Says that it is skipped where Python can't make one; anything else that is missing fails.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub,
    reason = "a test fails loudly"
)]

#[path = "support/python.rs"]
mod python;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use python::python;
use serde_json::Value;

const NAMES: [&str; 3] = ["first_look", "tuning", "week_in_review"];
/// The most seconds that a cell may take, on a slow machine and with a debug build.
const CELL_SECONDS_MAX: u32 = 1_200;
/// What a PNG begins with, in base64.
const PNG: &str = "iVBORw0KGgo";

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn said(done: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr))
}

fn succeeds(command: &mut Command) -> Output {
    let done = command.output().unwrap();
    assert!(done.status.success(), "{command:?}\n{}", said(&done));
    done
}

/// The folder of an environment with the requirements; `None` after saying so where Python can't make one.
fn environment() -> Option<&'static Path> {
    static MADE: OnceLock<Option<PathBuf>> = OnceLock::new();
    MADE.get_or_init(make).as_deref()
}

fn make() -> Option<PathBuf> {
    let python = python("venv, ensurepip")?;
    let wanted = std::fs::read_to_string(repository().join("notebooks/requirements.txt")).unwrap();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("notebooks-env");
    let installed = folder.join("requirements.txt");
    if std::fs::read_to_string(&installed).is_ok_and(|installed| installed == wanted) {
        return Some(folder);
    }
    succeeds(Command::new(python).args(["-m", "venv", "--clear"]).arg(&folder));
    // They are written last, so that what was installed in part is made again.
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"];
    succeeds(
        Command::new(folder.join("bin/python"))
            .args(pip)
            .arg(repository().join("notebooks/requirements.txt")),
    );
    std::fs::write(installed, wanted).unwrap();
    Some(folder)
}

/// A program of the environment, which sees no settings of whoever runs this.
fn program(environment: &Path, name: &str) -> Command {
    let home = environment.join("home");
    std::fs::create_dir_all(&home).unwrap();
    let mut command = Command::new(environment.join("bin").join(name));
    command.env_clear().env("HOME", home).env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("WEIR", env!("CARGO_BIN_EXE_weir"));
    command
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name())).unwrap();
        match path.is_dir() {
            // What somebody's own run left, which is none of the repository's.
            true if ["work", ".ipynb_checkpoints", "__pycache__"].iter().any(|own| name == *own) => {}
            true => copy(&path, &to.join(name)),
            false => {
                std::fs::copy(&path, to.join(name)).unwrap();
            }
        }
    }
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn code(notebook: &Value) -> impl Iterator<Item = &Value> {
    notebook["cells"].as_array().unwrap().iter().filter(|cell| cell["cell_type"] == "code")
}

fn outputs(notebook: &Value) -> impl Iterator<Item = &Value> {
    code(notebook).flat_map(|cell| cell["outputs"].as_array().unwrap())
}

/// A notebook that was executed in a copy of what it needs.
struct Executed {
    name: &'static str,
    folder: tempfile::TempDir,
    pictures: usize,
    /// What its cells printed.
    printed: String,
}

impl Executed {
    /// `None` where there is no environment, which is told.
    fn run(name: &'static str) -> Option<Self> {
        let environment = environment()?;
        let folder = tempfile::tempdir().unwrap();
        for part in ["notebooks", "rules"] {
            copy(&repository().join(part), &folder.path().join(part));
        }
        let mut command = program(environment, "jupyter-execute");
        command.arg(format!("{name}.ipynb")).arg("--inplace").arg(format!("--timeout={CELL_SECONDS_MAX}"));
        succeeds(command.current_dir(folder.path().join("notebooks")));
        let done = json(&folder.path().join(format!("notebooks/{name}.ipynb")));
        for cell in code(&done) {
            assert!(cell["execution_count"].is_u64(), "{name}: {} was not executed", cell["id"]);
        }
        let mut executed = Self { name, folder, pictures: 0, printed: String::new() };
        for output in outputs(&done) {
            assert_ne!(output["output_type"], "error", "{name}: {output}");
            if output["name"] == "stdout" {
                let text = &output["text"];
                let lines = text.as_array().map(|lines| lines.iter().filter_map(Value::as_str).collect());
                executed.printed += &lines.unwrap_or_else(|| text.as_str().unwrap().to_owned());
            }
            let picture = output["data"]["image/png"].as_str();
            executed.pictures += usize::from(picture.is_some_and(|picture| picture.starts_with(PNG)));
        }
        Some(executed)
    }

    /// The folder in which it worked.
    fn work(&self) -> PathBuf {
        self.folder.path().join("notebooks/work").join(self.name)
    }

    fn json(&self, name: &str) -> Value {
        json(&self.work().join(name))
    }

    /// A line was printed that is these words, however far apart they stand.
    fn prints(&self, line: &str) {
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        let found = self.printed.lines().any(|printed| words(printed) == line);
        assert!(found, "{}: no line `{line}` in\n{}", self.name, self.printed);
    }
}

/// A count with commas, as the notebooks print them.
fn count(value: &Value) -> String {
    let digits = value.as_u64().unwrap().to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap()).collect();
    groups.join(",")
}

fn percent(share: &Value) -> String {
    format!("{:.1} %", 100.0 * share.as_f64().unwrap())
}

/// A share with its range.
fn told(estimate: &Value) -> String {
    let [value, low, high] = ["value", "low", "high"].map(|name| percent(&estimate[name]));
    format!("{value} ({low} to {high})")
}

#[test]
fn the_first_look_prints_what_the_check_finds() {
    let Some(executed) = Executed::run("first_look") else { return };
    assert_eq!(executed.pictures, 8);
    let mut check = Command::new(env!("CARGO_BIN_EXE_weir"));
    check.args(["data", "check", "data.toml", "--json"]).current_dir(executed.work());
    let check: Value = serde_json::from_slice(&succeeds(&mut check).stdout).unwrap();
    let labels = &check["labels"];
    let (payments, unknown) = (count(&labels["payments"]), count(&labels["unknown"]));
    executed.prints(&format!("{payments} payments, of which {unknown} have no label"));
    let [p50, p90, max] =
        ["p50", "p90", "max"].map(|name| labels[format!("delay_s_{name}")].as_f64().unwrap() / 86_400.0);
    executed.prints(&format!(
        "labels take {p50:.1} days at the median, {p90:.1} days at the ninth decile, {max:.1} days at most"
    ));
    // The notebook's own table of payments has as many frauds as the check.
    let frauds = labels["by_label"].as_array().unwrap().iter();
    let frauds = frauds.filter(|label| label["name"].as_str().unwrap().starts_with("fraud"));
    let frauds: u64 = frauds.map(|label| label["count"].as_u64().unwrap()).sum();
    assert!(frauds > 100, "{frauds}");
    executed.prints(&format!("{payments} payments, {} known frauds", count(&frauds.into())));
}

#[test]
fn tuning_prints_the_figures_of_its_backtests_and_its_sweep() {
    let Some(executed) = Executed::run("tuning") else { return };
    assert_eq!(executed.pictures, 9);
    let report = executed.json("asis/report.json");
    let overall = &report["rules"]["result"]["overall"];
    executed.prints(&format!("payments measured {}", count(&report["measured"]["payments"])));
    executed.prints(&format!("frauds among them {}", count(&report["measured"]["frauds"])));
    executed.prints(&format!("payments flagged {}", count(&overall["flagged"])));
    executed.prints(&format!("precision {}", told(&overall["precision"])));
    executed.prints(&format!("frauds flagged {}", told(&overall["recall"])));
    executed.prints(&format!("fraud value caught {}", told(&overall["value_caught_share"])));

    let tried = executed.json("tried/report.json");
    let [old, new] = ["against", "rules"].map(|run| &tried[run]["result"]["overall"]);
    assert_eq!(old, overall, "the old rules on the same history");
    assert_ne!(old["flagged"], new["flagged"], "the change changes nothing");
    executed.prints(&format!("flagged {} → {}", count(&old["flagged"]), count(&new["flagged"])));

    let swept = executed.json("swept/sweep.json");
    let [combinations, front] = ["combinations", "front"].map(|name| swept[name].as_array().unwrap());
    executed.prints(&format!("{} combinations, {} on the front", combinations.len(), front.len()));
    let chosen = swept["chosen"]["combination"].as_u64().unwrap();
    let [tuning, held_out] = ["tuning", "held_out"]
        .map(|side| percent(&combinations[chosen as usize][side]["value_caught_share"]));
    executed.prints(&format!("fraud value caught {tuning}, held out {held_out}"));
}

#[test]
fn the_week_prints_what_the_backtest_over_the_journal_finds() {
    let Some(executed) = Executed::run("week_in_review") else { return };
    assert_eq!(executed.pictures, 6);
    let report = executed.json("reviewed/report.json");
    let result = &report["rules"]["result"];
    executed.prints(&format!("payments measured {}", count(&report["measured"]["payments"])));
    executed.prints(&format!("known frauds {}", count(&report["measured"]["frauds"])));
    executed.prints(&format!("frauds flagged {}", told(&result["overall"]["recall"])));
    executed.prints(&format!("known of flagged {}", percent(&result["overall"]["coverage"])));
    // What is counted from the journal's columns is what the backtest over it decides.
    let week = |name: &str, from: &str, to: &str| -> Value {
        let days = result["timeline"].as_array().unwrap().iter();
        let days = days.filter(|day| (from..to).contains(&day["date"].as_str().unwrap()));
        days.map(|day| day[name].as_u64().unwrap()).sum::<u64>().into()
    };
    for (name, line) in
        [("payments", "payments"), ("step_ups", "stepped up"), ("blocks", "blocked"), ("alerts", "alerted")]
    {
        let (before, now) = (week(name, "2026-02-16", "2026-02-23"), week(name, "2026-02-23", "2026-03-02"));
        let [before_n, now_n] = [&before, &now].map(|n| n.as_f64().unwrap());
        let moved = 100.0 * (now_n / before_n - 1.0);
        executed.prints(&format!("{line} {} → {} {moved:+.0}%", count(&before), count(&now)));
    }
}

#[test]
fn what_weir_refuses_is_told() {
    let Some(environment) = environment() else { return };
    let folder = tempfile::tempdir().unwrap();
    let told = |script: &str, weir: &str| {
        let mut command = program(environment, "python");
        command.args(["-B", "-c", script]).current_dir(folder.path());
        let done =
            command.env("PYTHONPATH", repository().join("notebooks")).env("WEIR", weir).output().unwrap();
        assert!(!done.status.success());
        said(&done)
    };
    let refused =
        told("from weir import Weir; Weir('work')('check \"no such.toml\"')", env!("CARGO_BIN_EXE_weir"));
    for part in ["WeirError: weir check \"no such.toml\"", "exit code", "no such.toml: "] {
        assert!(refused.contains(part), "no `{part}` in\n{refused}");
    }
    let absent = told("from weir import Weir; Weir('work')('check rules.toml')", "/no/such/weir");
    assert!(absent.contains("there is no program '/no/such/weir': put weir into PATH"), "{absent}");
}

#[test]
fn they_are_kept_without_outputs() {
    let mut files = 0;
    for entry in std::fs::read_dir(repository().join("notebooks")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "ipynb") {
            continue;
        }
        files += 1;
        let at = path.display();
        let kept = json(&path);
        assert!(NAMES.iter().any(|name| path.file_stem().unwrap() == *name), "{at} is executed by no test");
        assert_eq!((kept["nbformat"].as_u64(), kept["nbformat_minor"].as_u64()), (Some(4), Some(5)), "{at}");
        assert_eq!(outputs(&kept).count(), 0, "{at} has outputs: clear them");
        assert!(
            code(&kept).all(|cell| cell["execution_count"].is_null()),
            "{at} has counts: clear its outputs"
        );
        let cells = kept["cells"].as_array().unwrap();
        let ids: HashSet<&str> = cells.iter().map(|cell| cell["id"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), cells.len(), "{at}: ids of cells");
    }
    assert_eq!(files, NAMES.len());
}
