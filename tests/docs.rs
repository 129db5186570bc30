//! What the documents tell a reader to run runs, and what they link to is there.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    missing_docs,
    unreachable_pub,
    reason = "a test fails loudly"
)]

#[path = "support/docs.rs"]
mod docs;

use std::path::{Path, PathBuf};
use std::process::Command;

use docs::repository;

/// Enough to show every section of the demo.
const SMALL: &str = "weir demo --events 20000 --accounts 2000";

fn run_all(document: &str) {
    if !repository().join(document).exists() {
        return;
    }
    let commands = docs::commands(document);
    assert!(!commands.is_empty(), "{document} shows no command of weir");
    let folder = docs::copy_of_the_data();
    for command in commands {
        let line = if command.line.contains("--events") {
            command.line
        } else {
            command.line.replace("weir demo", SMALL)
        };
        let done = docs::run(&line, folder.path());
        let code = done.status.code();
        let said = String::from_utf8_lossy(&done.stderr);
        assert_eq!(code, Some(command.exits_with), "{}: `{line}`\n{said}", command.place);
    }
}

#[test]
fn the_commands_of_the_readme_run() {
    run_all("README.md");
}

#[test]
fn the_commands_of_the_architecture_run() {
    if docs_commands_exist("ARCHITECTURE.md") {
        run_all("ARCHITECTURE.md");
    }
}

#[test]
fn the_commands_of_the_data_sets_run() {
    run_all("datasets/README.md");
}

#[test]
fn the_commands_of_the_guides_run() {
    run_all("docs/sql.md");
    run_all("docs/journal.md");
    run_all("docs/serve.md");
}

/// A document that tells no command has none to run.
fn docs_commands_exist(document: &str) -> bool {
    repository().join(document).exists() && !docs::commands(document).is_empty()
}

#[test]
fn commands_are_found_where_they_stand() {
    let found = docs::commands_in(
        "guide.md",
        "weir none\n```toml\nweir none\n```\n```console\n$ weir check rules/a.toml # exits with 1\nan answer\n```\n\
         ```sh\ncargo run --release -- demo\nweir generate \\\n  --seed 2 | weir score --rules r\ncargo test\n\
         weir score --input /path/to/payments.csv\n```\nweir none\n",
    );
    let found: Vec<_> = found.iter().map(|c| (c.place.as_str(), c.line.as_str(), c.exits_with)).collect();
    assert_eq!(
        found,
        [
            ("guide.md:6", "weir check rules/a.toml", 1),
            ("guide.md:10", "weir demo", 0),
            ("guide.md:12", "weir generate   --seed 2 | weir score --rules r", 0),
        ]
    );
}

fn documents() -> Vec<PathBuf> {
    let folders =
        ["", "docs", "datasets", "rules", "benches", "notebooks"].map(|folder| repository().join(folder));
    let entries = folders.iter().flat_map(|folder| std::fs::read_dir(folder).into_iter().flatten());
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|ending| ending == "md")).collect()
}

fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|after| after.split([')', ' ']).next())
}

#[test]
fn relative_links_lead_somewhere() {
    let documents = documents();
    assert!(!documents.is_empty());
    for document in documents {
        let text = std::fs::read_to_string(&document).unwrap();
        let folder = document.parent().unwrap_or(Path::new(""));
        for link in links(&text) {
            let outside = link.contains("://") || link.starts_with("mailto:") || link.starts_with('#');
            let file = link.split('#').next().unwrap_or_default();
            assert!(outside || folder.join(file).exists(), "{}: no {link}", document.display());
        }
    }
}

/// What page.py says of the figures in a checkout; `None` after saying so where there is no Python.
fn told_of_figures(root: &Path) -> Option<Result<(), String>> {
    let python = std::env::var("WEIR_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = root.join("benches/support/page.py");
    let check = Command::new(&python).arg(script).arg("--check").env("PYTHONDONTWRITEBYTECODE", "1").output();
    let Ok(done) = check else {
        assert!(std::env::var_os("WEIR_PYTHON").is_none(), "WEIR_PYTHON is no Python");
        eprintln!("SKIPPED: there is no python3");
        return None;
    };
    Some(match done.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&done.stderr).into_owned()),
    })
}

#[test]
fn figures_of_latency_are_those_of_committed_runs() {
    if let Some(told) = told_of_figures(repository()) {
        assert_eq!(told, Ok(()));
    }
}

/// Copies what page.py reads and writes.
fn copy_of_the_figures(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name())).unwrap();
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        match path.is_dir() {
            true if name != "target" => copy_of_the_figures(&path, &to.join(name)),
            false if ["json", "md", "py", "txt"].contains(&ending) => {
                std::fs::copy(&path, to.join(name)).unwrap();
            }
            _ => {}
        }
    }
}

#[test]
fn a_figure_of_no_run_is_found_wherever_it_stands() {
    let copy = tempfile::tempdir().unwrap();
    let root = copy.path();
    for folder in ["benches", "docs"] {
        copy_of_the_figures(&repository().join(folder), &root.join(folder));
    }
    std::fs::copy(repository().join("README.md"), root.join("README.md")).unwrap();
    let Some(told) = told_of_figures(root) else { return };
    assert_eq!(told, Ok(()));
    let runs = std::fs::read_dir(root.join("benches/runs")).unwrap().map(|run| run.unwrap().path());
    let (sidecar, rivals): (Vec<_>, Vec<_>) = runs.partition(|run| run.join("summary.md").exists());
    let change = |path: PathBuf, from: &str, to: &str| {
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{} has no {from}", path.display());
        std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
        let told = told_of_figures(root).unwrap();
        assert!(told.is_err(), "{}: {to} in place of {from} is not found", path.display());
        std::fs::write(&path, text).unwrap();
    };
    // The same row in another table of the same page, and one in none.
    let page = || root.join("docs/latency.md");
    let text = std::fs::read_to_string(page()).unwrap();
    let row = text.lines().find(|line| line.starts_with("| 10 % |")).unwrap();
    let other = text.lines().rfind(|line| line.starts_with("| 10 % |")).unwrap();
    change(page(), row, other);
    change(page(), "## What was aimed at\n", &format!("{row}\n## What was aimed at\n"));
    change(root.join("README.md"), "200,000: **not reached**", "200,000");
    change(sidecar[0].join("summary.md"), "| 10 % | ", "| 10 % | 1");
    change(sidecar[0].join("http-tcp/run.json"), "\"max_ns\": ", "\"max_ns\": 1");
    change(rivals[0].join("redis/run.json"), "\"capacity\": ", "\"capacity\": 1");
    assert_eq!(told_of_figures(root), Some(Ok(())));
}
