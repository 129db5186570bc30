//! Bad rule files with what `weir check` prints for each: `tests/diagnostics/NAME.toml` and `NAME.expected`.
//!
//! With `WEIR_BLESS=1` in the environment what is printed is taken as what is expected: read the difference then.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that fails stops")]

use std::path::{Path, PathBuf};
use std::process::Command;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/diagnostics")
}

fn files(ending: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|e| e == ending)).collect();
    files.sort();
    files
}

/// What is printed of a file's problems, without colours.
fn printed(file: &Path) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
    let output = command.arg("check").arg(file.file_name().unwrap()).current_dir(folder()).output().unwrap();
    String::from_utf8(output.stderr).unwrap()
}

/// The lines that differ, those expected under `-` and those printed under `+`.
fn difference(expected: &str, printed: &str) -> String {
    let (expected, printed): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), printed.lines().collect());
    let same = expected.iter().zip(&printed).take_while(|(a, b)| a == b).count();
    let (rest, new) = (&expected[same..], &printed[same..]);
    let tail = rest.iter().rev().zip(new.iter().rev()).take_while(|(a, b)| a == b).count();
    let line = |sign: char| move |line: &&str| format!("{sign} {line}\n");
    let kept = expected[same.saturating_sub(2)..same].iter().map(line(' '));
    let gone = rest[..rest.len() - tail].iter().map(line('-'));
    kept.chain(gone).chain(new[..new.len() - tail].iter().map(line('+'))).collect()
}

#[test]
fn each_bad_file_is_told_what_stands_beside_it() {
    let bless = std::env::var_os("WEIR_BLESS").is_some();
    let mut differences = String::new();
    for file in files("toml") {
        let (beside, printed) = (file.with_extension("expected"), printed(&file));
        if bless {
            std::fs::write(&beside, &printed).unwrap();
            continue;
        }
        let expected = std::fs::read_to_string(&beside).unwrap_or_default();
        if expected != printed {
            differences.push_str(&format!("{}\n{}\n", file.display(), difference(&expected, &printed)));
        }
    }
    assert!(
        differences.is_empty(),
        "{differences}if it is meant so: WEIR_BLESS=1 cargo test --test diagnostics"
    );
}

/// What is told first: its title, what stands at the place, and the help.
fn first_told(text: &str) -> String {
    let first = || text.lines().take_while(|line| !line.is_empty());
    let label = first().find_map(|line| line.rsplit_once('^')).map_or("", |(_, label)| label);
    let help = first().find_map(|line| line.split_once("= help:")).map_or("", |(_, help)| help);
    format!("{}, {}, {}", text.lines().next().unwrap_or_default(), label.trim(), help.trim())
}

#[test]
fn every_file_shows_a_message_of_its_own() {
    let mut titles = std::collections::BTreeMap::new();
    for file in files("expected") {
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(!text.is_empty(), "nothing is told of {}", file.display());
        let title = first_told(&text);
        if let Some(other) = titles.insert(title.clone(), file.clone()) {
            panic!("{} and {} show the same: {title}", other.display(), file.display());
        }
    }
    assert!(titles.len() >= 60, "{} messages are shown", titles.len());
    assert_eq!(
        files("toml").len(),
        titles.len(),
        "an .expected stands beside each file, and beside nothing else"
    );
}

#[test]
fn a_difference_shows_what_changed() {
    assert_eq!(difference("a\nb\nc\nd", "a\nb\nx\nd"), "  a\n  b\n- c\n+ x\n");
    assert_eq!(difference("", "a"), "+ a\n");
}
