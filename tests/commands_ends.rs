//! What is told of a journal that lacks an end, holds a stranger's segment, or has a wrong bit where it says whose it is: every
//! command judges alike, and none advises what would spoil it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    reason = "a test fails loudly, and documents nothing"
)]

#[path = "support/commands.rs"]
mod commands;

use std::path::PathBuf;

use commands::{Done, Folder, payment};

const SEGMENT: &str = "j/00000000000000000001.journal";
const SCORE: &str = "score --rules rules.toml --journal j --output d.ndjson";

fn ends(folder: &Folder, line: &str, code: i32) -> Done {
    let done = folder.run(line);
    assert_eq!(done.code, Some(code), "`{line}`: {}{}", done.out, done.err);
    done
}

fn says(done: &Done, part: &str) {
    assert!(done.out.contains(part) || done.err.contains(part), "no `{part}` in {}{}", done.out, done.err);
}

fn says_not(done: &Done, part: &str) {
    assert!(!done.out.contains(part) && !done.err.contains(part), "`{part}` in {}{}", done.out, done.err);
}

/// Runs of 20 payments, each with a segment of its own and a snapshot behind its 15th.
fn runs(folder: &Folder, journal: &str, runs: usize) {
    for run in 0..runs {
        let of_run = run * 20..run * 20 + 20;
        let events: String =
            of_run.map(|n| payment(&format!("t{n}"), n as i64 * 60_000_000, 5_000)).collect();
        folder.put("events.ndjson", events);
        let line = "score --rules rules.toml --input events.ndjson --output d.ndjson --snapshot-every 15";
        ends(folder, &format!("{line} --journal {journal}"), 0);
    }
}

fn segments(folder: &Folder, journal: &str) -> Vec<PathBuf> {
    let all = std::fs::read_dir(folder.path(journal)).unwrap().map(|entry| entry.unwrap().path());
    let mut all: Vec<_> = all.filter(|path| path.extension().is_some_and(|end| end == "journal")).collect();
    all.sort();
    all
}

#[test]
fn an_end_that_was_cut_off_is_no_torn_one_for_anybody() {
    for whole_segment in [false, true] {
        let folder = Folder::new();
        runs(&folder, "j", 3);
        let last = segments(&folder, "j").pop().unwrap();
        if whole_segment {
            std::fs::remove_file(last).unwrap();
        } else {
            let bytes = std::fs::read(&last).unwrap();
            std::fs::write(last, &bytes[..1500]).unwrap();
        }
        for (line, code) in [
            (SCORE, 3),
            ("replay --journal j", 3),
            ("replay --journal j --rules rules.toml", 3),
            ("replay --journal j --from-snapshot", 3),
            ("audit show t59 --journal j", 3),
            ("journal show j", 1),
        ] {
            let done = ends(&folder, line, code);
            says(&done, ": a snapshot says that more was on disk; records ");
            for never in ["ends within a record", "has no decision", "the end: ", "or begin behind it"] {
                says_not(&done, never);
            }
            if line.ends_with("--from-snapshot") {
                says(&done, "warning: the snapshot after record ");
                says(&done, "no record of the journal says it");
            }
        }
        ends(&folder, "audit verify --journal j", 1);
        says(&ends(&folder, "audit show t3 --journal j", 0), "\"id\":\"t3\"");
        ends(&folder, &format!("{SCORE} --on-damage go-on"), 0);
        says(&ends(&folder, "replay --journal j", 0), "passed over");
        says(&ends(&folder, "journal show j", 1), "passed over");
    }
}

/// A journal `j` of so many runs with a stranger's segment in place of one of its own.
fn with_a_stranger(count: usize, at: usize) -> (Folder, PathBuf, Vec<u8>) {
    let folder = Folder::new();
    runs(&folder, "j", count);
    runs(&folder, "k", count);
    let (own, others) = (segments(&folder, "j").remove(at), segments(&folder, "k").remove(at));
    let held = std::fs::read(&own).unwrap();
    std::fs::copy(others, &own).unwrap();
    (folder, own, held)
}

#[test]
fn a_strangers_segment_is_told_and_changes_nobodys_mind_about_the_key() {
    for (count, at) in [(3, 1), (3, 2), (3, 0), (2, 0), (2, 1)] {
        let (folder, own, held) = with_a_stranger(count, at);
        let name = own.file_name().unwrap().to_str().unwrap();
        let refused = ends(&folder, SCORE, 3);
        says(&refused, &format!("{name} is damaged from byte 0 on"));
        says(&refused, "it is a segment of another journal, so move it out of the folder");
        says_not(&refused, "--signing-key");
        let verified = ends(&folder, "audit verify --journal j", 1);
        says(&verified, &format!("({name}, byte 0): it is a segment of another journal"));
        says_not(&verified, "not signed by this key");
        let went_on = ends(&folder, &format!("{SCORE} --on-damage go-on"), 0);
        says_not(&went_on, "--signing-key");
        ends(&folder, SCORE, 0);
        let replayed = folder.run("replay --journal j");
        assert!(matches!(replayed.code, Some(0 | 1)), "{count}, {at}: {}{}", replayed.out, replayed.err);
        says(&replayed, "reproduced ");
        says(&replayed, "that somebody decided to go on over it: passed over");
        says_not(&ends(&folder, "audit verify --journal j", 1), "not signed by this key");
        if at + 1 < count {
            // And whoever puts the own one back has the whole journal again.
            std::fs::write(own, held).unwrap();
            says(&ends(&folder, "audit verify --journal j", 0), "are what was written");
        }
    }
}

#[test]
fn a_wrong_bit_in_the_first_header_costs_no_record() {
    for (count, byte) in [(1, 3), (1, 20), (3, 3), (3, 20)] {
        let folder = Folder::new();
        runs(&folder, "j", count);
        let id = ends(&folder, "journal show j", 0).out.lines().next().unwrap().to_owned();
        let mut bytes = folder.read(SEGMENT);
        bytes[byte] ^= 4;
        folder.put(SEGMENT, bytes);
        ends(&folder, "replay --journal j", 3);
        for decided in [false, true] {
            if decided {
                ends(&folder, &format!("{SCORE} --on-damage go-on"), 0);
            }
            let verified = ends(&folder, "audit verify --journal j", 1);
            says(&verified, "the segment's header is not whole\n");
            says_not(&verified, "then CHANGED");
            says(&verified, "records 1 to ");
            says(&verified, "signed up to record ");
            assert_eq!(ends(&folder, "journal show j", 1).out.lines().next(), Some(&*id), "{count}, {byte}");
        }
        let n = count * 20;
        assert_eq!(ends(&folder, "replay --journal j", 0).out, format!("reproduced {n} of {n}\n"));
        ends(&folder, "audit show t1 --journal j", 0);
    }
}

#[test]
fn a_missing_beginning_is_shown_before_and_after_a_decision() {
    let folder = Folder::new();
    runs(&folder, "j", 3);
    std::fs::remove_file(folder.path(SEGMENT)).unwrap();
    let shown = ends(&folder, "journal show j", 1);
    says(&shown, "damage: ");
    says(&shown, "records before it are in no segment; records 1 to ");
    says_not(&shown, "somebody decided");
    ends(&folder, &format!("{SCORE} --on-damage go-on"), 0);
    let shown = ends(&folder, "journal show j", 1);
    says(&shown, "records before it are in no segment; records 1 to ");
    says(&shown, "says that somebody decided to go on over it");
}

#[test]
fn of_many_stretches_ten_are_told() {
    let folder = Folder::new();
    let events: String = (0..60).map(|n| payment(&format!("t{n}"), n * 60_000_000, 5_000)).collect();
    folder.put("events.ndjson", events);
    ends(&folder, &format!("{SCORE} --input events.ndjson"), 0);
    let mut bytes = folder.read(SEGMENT);
    for n in (3..57).step_by(4) {
        let what = format!("{{\"id\":\"t{n}\"");
        let at = bytes.windows(what.len()).rposition(|window| window == what.as_bytes()).unwrap();
        bytes[at + 2] = b'X';
    }
    folder.put(SEGMENT, bytes);
    let verified = ends(&folder, "audit verify --journal j", 1).out;
    assert_eq!(
        verified.lines().filter(|line| line.contains("whole among themselves")).count(),
        10,
        "{verified}"
    );
    assert!(
        verified.contains("\nand ") && verified.contains(" more such stretches, up to record "),
        "{verified}"
    );
}
