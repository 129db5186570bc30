//! `weir score` with bounds: the same decisions with next to no memory for the log, and from a snapshot on.
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

#[test]
fn a_stream_in_two_runs_is_decided_as_in_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let score = |input: &str, output: &str, more: &[&str]| {
        let args =
            ["score", "--rules", "rules/retail.toml", "--input", &path(input), "--output", &path(output)];
        weir(&[&args[..], more].concat())
    };
    assert!(weir(&["generate", "--events", "20000", "--output", &path("events.ndjson")]).status.success());
    let events = fs::read_to_string(path("events.ndjson")).unwrap();
    let half = events.match_indices('\n').nth(9_999).unwrap().0 + 1;
    fs::write(path("first.ndjson"), &events[..half]).unwrap();
    fs::write(path("second.ndjson"), &events[half..]).unwrap();
    fs::write(path("limits.toml"), "keys_max = 100_000\nside_entries_max = 100_000\n").unwrap();
    assert!(score("events.ndjson", "whole", &["--limits", &path("limits.toml")]).status.success());
    let done =
        score("first.ndjson", "one", &["--limits", &path("limits.toml"), "--snapshot", &path("snapshot")]);
    assert!(String::from_utf8_lossy(&done.stderr).contains("snapshot of "), "{done:?}");
    let done = score("second.ndjson", "two", &["--restore", &path("snapshot")]);
    assert!(done.status.success(), "{done:?}");
    let joined = [fs::read(path("one")).unwrap(), fs::read(path("two")).unwrap()].concat();
    assert!(joined == fs::read(path("whole")).unwrap(), "the decisions differ");

    let mut damaged = fs::read(path("snapshot")).unwrap();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    fs::write(path("damaged"), damaged).unwrap();
    let done = score("second.ndjson", "three", &["--restore", &path("damaged")]);
    assert_eq!(done.status.code(), Some(3), "{done:?}");
    assert!(String::from_utf8_lossy(&done.stderr).contains("was cut short or changed"), "{done:?}");
    fs::write(path("limits.toml"), "keys = 3\n").unwrap();
    let done = score("first.ndjson", "four", &["--limits", &path("limits.toml")]);
    assert!(String::from_utf8_lossy(&done.stderr).contains("unknown field `keys`"), "{done:?}");
}
