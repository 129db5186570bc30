//! `weir score --log-memory`: the same decisions with next to no memory for the log, and nothing left on the disk.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails loudly")]

use std::fs;
use std::process::{Command, Output};

fn weir(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_weir")).args(args).output().unwrap()
}

#[test]
fn decisions_are_the_same_when_the_log_is_on_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (events, all, few, spill) = (path("events.ndjson"), path("all"), path("few"), path("spill"));
    let made = weir(&["generate", "--events", "30000", "--output", &events]);
    assert!(made.status.success(), "{made:?}");
    let score = |output: &str, more: &[&str]| {
        let rules = "rules/retail.toml";
        let args = ["score", "--rules", rules, "--features", "--input", &events, "--output", output];
        weir(&[&args[..], more].concat())
    };
    assert!(score(&all, &[]).status.success());
    let spilled = score(&few, &["--log-memory", "0", "--spill", &spill]);
    assert!(spilled.status.success(), "{spilled:?}");
    assert!(fs::read(&all).unwrap() == fs::read(&few).unwrap(), "the decisions differ");
    assert_eq!(fs::read_dir(&spill).unwrap().count(), 0, "nothing is left behind");
    let alone = score(&few, &["--log-memory", "1GiB"]);
    assert_eq!(alone.status.code(), Some(2), "the folder has no default");
    let blocked = score(&few, &["--log-memory", "0", "--spill", &events]);
    assert_eq!(blocked.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&blocked.stderr).contains("spilled chunks"), "{blocked:?}");
}
