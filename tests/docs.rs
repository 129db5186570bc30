//! What the documents tell a reader to run runs, and what they link to is there.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, unreachable_pub, reason = "a test fails loudly")]

#[path = "support/docs.rs"]
mod docs;

use std::path::{Path, PathBuf};

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

/// The lines of a text that are rows of tables.
fn rows(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| line.starts_with('|'))
}

#[test]
fn figures_of_latency_are_those_of_committed_runs() {
    let runs = std::fs::read_dir(repository().join("benches/runs")).into_iter().flatten();
    let tables =
        runs.flat_map(|run| ["summary.md", "rivals.md"].map(|name| run.as_ref().unwrap().path().join(name)));
    let measured: String = tables.filter_map(|table| std::fs::read_to_string(table).ok()).collect();
    let measured: std::collections::HashSet<&str> = rows(&measured).collect();
    let told = std::fs::read_to_string(repository().join("docs/latency.md")).unwrap();
    for row in rows(&told) {
        assert!(measured.contains(row), "docs/latency.md tells what no committed run has: {row}");
    }
}
