//! What `weir diff` says of pairs of rule files: in each folder `old.toml` and `new.toml`, `events.ndjson` where both
//! are given events, and what must be said in `expected.txt`, `expected.md` and `expected.json`.
//!
//! `WEIR_BLESS=1 cargo test --test diff` writes down what is said now.

#![allow(clippy::unwrap_used, reason = "a helper of a test may stop it")]

use std::path::{Path, PathBuf};
use std::process::Command;

fn folders() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/diff")).unwrap();
    let mut folders: Vec<PathBuf> =
        entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

/// What is said, and the exit code.
fn diff(folder: &Path, format: &str) -> (String, Option<i32>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
    command.args(["diff", "old.toml", "new.toml", "--format", format]).current_dir(folder);
    if folder.join("events.ndjson").exists() {
        command.args(["--input", "events.ndjson", "--on-bad-line", "skip", "--most", "3"]);
    }
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(!said.is_empty(), "{}: {}", folder.display(), String::from_utf8_lossy(&output.stderr));
    (without_hashes(&said), output.status.code())
}

/// The hash of a rule set is not this test's business.
fn without_hashes(said: &str) -> String {
    let word = |part: &str| {
        let hash = part.len() == 64 && part.bytes().all(|b| b.is_ascii_hexdigit());
        if hash { "HASH".to_owned() } else { part.to_owned() }
    };
    said.split('"').map(word).collect::<Vec<_>>().join("\"")
}

#[test]
fn what_changed_is_said_as_it_was_written_down() {
    let bless = std::env::var_os("WEIR_BLESS").is_some();
    let folders = folders();
    assert!(folders.len() >= 8, "{folders:?}");
    let mut wrong = Vec::new();
    for folder in &folders {
        for (format, name) in
            [("text", "expected.txt"), ("markdown", "expected.md"), ("json", "expected.json")]
        {
            let path = folder.join(name);
            // Every folder has a text; Markdown and JSON only where there is a file for them.
            if format != "text" && !path.exists() {
                continue;
            }
            let (said, code) = diff(folder, format);
            let same = folder.file_name().unwrap().to_str().unwrap().starts_with("same");
            assert_eq!(code, Some(i32::from(!same)), "{}: {said}", folder.display());
            if bless {
                std::fs::write(&path, &said).unwrap();
            } else if std::fs::read_to_string(&path).ok().as_ref() != Some(&said) {
                wrong.push(format!("{}:\n{said}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_rule_file_is_the_same_as_itself() {
    for folder in folders() {
        for name in ["old.toml", "new.toml"] {
            let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
            let output = command.args(["diff", name, name]).current_dir(&folder).output().unwrap();
            assert_eq!(output.status.code(), Some(0), "{}/{name}: {output:?}", folder.display());
        }
    }
}
