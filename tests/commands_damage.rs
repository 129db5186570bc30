//! After a decision to go on over damage every command does, and says so; before it none does, and each advises what there is.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    reason = "a test fails loudly, and documents nothing"
)]

#[path = "support/commands.rs"]
mod commands;

use commands::{Done, Folder, payment};

const SEGMENT: &str = "j/00000000000000000001.journal";
const SCORE: &str = "score --rules rules.toml --journal j --output d.ndjson";

fn ends(folder: &Folder, line: &str, code: i32) -> Done {
    let done = folder.run(line);
    assert_eq!(done.code, Some(code), "`{line}`: {}{}", done.out, done.err);
    done
}

fn put_payments(folder: &Folder, from: usize, count: usize) {
    let events: String =
        (from..from + count).map(|n| payment(&format!("t{n}"), n as i64 * 60_000_000, 5_000)).collect();
    folder.put("events.ndjson", events);
}

/// A journal of 60 payments whose 31st answer is damaged.
fn damaged(options: &str) -> Folder {
    damaged_in(b"{\"id\":\"t30\"", 7, options)
}

/// A journal of 60 payments with a wrong byte so far into the last place where this is.
fn damaged_in(what: &[u8], byte: usize, options: &str) -> Folder {
    let folder = Folder::new();
    put_payments(&folder, 0, 60);
    ends(&folder, &format!("{SCORE} --input events.ndjson {options}"), 0);
    let mut bytes = folder.read(SEGMENT);
    let at = bytes.windows(what.len()).rposition(|window| window == what).unwrap();
    bytes[at + byte] = b'X';
    folder.put(SEGMENT, bytes);
    folder
}

#[test]
fn nobody_goes_on_before_it_is_decided() {
    let folder = damaged("--snapshot-every 40");
    for line in ["replay --journal j", "audit show t40 --journal j", "score --rules rules.toml --journal j"] {
        let done = ends(&folder, line, 3);
        let advice = "`weir score --journal DIR --on-damage go-on` puts that down";
        assert!(done.err.contains(advice), "{}", done.err);
        let begins_behind = done.err.contains("or begin behind it, with --from-snapshot");
        assert_eq!(begins_behind, line.starts_with("replay"), "{}", done.err);
    }
    ends(&folder, "replay --journal j --from-snapshot", 0);
    let folder = damaged("");
    let done = ends(&folder, "replay --journal j", 3);
    assert!(!done.err.contains("--from-snapshot"), "there is none: {}", done.err);
}

#[test]
fn every_command_goes_on_once_it_is_decided() {
    let folder = damaged("");
    ends(&folder, &format!("{SCORE} --on-damage go-on"), 0);
    put_payments(&folder, 60, 20);
    ends(&folder, &format!("{SCORE} --input events.ndjson"), 0);

    let replayed = ends(&folder, "replay --journal j", 0);
    assert_eq!(replayed.out, "reproduced 79 of 79, 1 record missing\n");
    let passed = "that somebody decided to go on over it: passed over";
    assert!(
        replayed.err.contains("is missing; record ") && replayed.err.contains(passed),
        "{}",
        replayed.err
    );
    let beside = ends(&folder, "replay --journal j --rules rules.toml", 0);
    assert!(beside.err.contains(passed), "{}", beside.err);

    let shown = ends(&folder, "audit show t70 --journal j", 0);
    assert!(shown.err.contains(passed) && shown.out.contains("\"id\":\"t70\""), "{}{}", shown.out, shown.err);
    let shown = ends(&folder, "audit show t30 --journal j", 0);
    assert!(
        shown.out.contains("its answer is missing: records behind the event are damaged"),
        "{}",
        shown.out
    );

    let verified = ends(&folder, "audit verify --journal j", 1);
    let lines: Vec<&str> = verified.out.lines().collect();
    assert!(lines[0].starts_with("CHANGED at record "), "{}", verified.out);
    assert!(lines[1].ends_with(" says that somebody decided to go on over it"), "{}", verified.out);
    assert!(
        lines[2].starts_with("records 1 to ")
            && lines[3].contains("are whole among themselves, signed up to")
    );
    assert_eq!(lines.len(), 4, "{}", verified.out);

    let text = String::from_utf8(folder.read("rules.toml")).unwrap();
    folder.put("next.toml", text.replacen("name = \"", "name = \"next_", 1));
    let warmed = ends(&folder, "score --rules rules.toml --journal j --warm next.toml", 0);
    assert!(warmed.err.contains("next.toml took over at record "), "{}", warmed.err);
    ends(&folder, "replay --journal j", 0);
}

/// Three runs of 20 payments, each with segments of its own, and a snapshot in each of the last two.
fn three_runs() -> Folder {
    let folder = Folder::new();
    for from in [0, 20, 40] {
        put_payments(&folder, from, 20);
        ends(&folder, &format!("{SCORE} --input events.ndjson --snapshot-every 15"), 0);
    }
    folder
}

fn segments(folder: &Folder) -> Vec<std::path::PathBuf> {
    let all = std::fs::read_dir(folder.path("j")).unwrap().map(|entry| entry.unwrap().path());
    let mut all: Vec<_> = all.filter(|path| path.extension().is_some_and(|end| end == "journal")).collect();
    all.sort();
    all
}

fn files(folder: &Folder) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    segments(folder).into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

#[test]
fn a_beginning_that_nobody_removed_is_damage() {
    let folder = three_runs();
    for path in &segments(&folder)[..2] {
        std::fs::remove_file(path).unwrap();
    }
    let before = files(&folder);
    for options in ["", "--trust-closed"] {
        let done = ends(&folder, &format!("{SCORE} {options}"), 3);
        assert!(done.err.contains(": records before it are in no segment; records 1 to "), "{}", done.err);
    }
    ends(&folder, "replay --journal j", 3);
    assert!(files(&folder) == before, "nothing is written before somebody decides");
    // What the journal was begun with is said again by who opened it.
    for (options, said) in [("--tokens off", "tokens of the key"), ("--features", "recorded features")] {
        let done = ends(&folder, &format!("{SCORE} {options} --on-damage go-on"), 3);
        assert!(done.err.contains(said), "{}", done.err);
    }
    assert!(files(&folder) == before);
    ends(&folder, &format!("{SCORE} --on-damage go-on"), 0);
    put_payments(&folder, 60, 20);
    let done = ends(&folder, &format!("{SCORE} --input events.ndjson"), 0);
    assert!(done.err.contains("warning: "), "it is told whenever it is opened: {}", done.err);
    let replayed = ends(&folder, "replay --journal j", 0);
    assert!(replayed.out.contains(" records missing, from the snapshot after record "), "{}", replayed.out);
    assert!(replayed.err.contains("somebody decided to go on over it"), "{}", replayed.err);
    ends(&folder, "audit show t75 --journal j", 0);
    let verified = ends(&folder, "audit verify --journal j", 1);
    assert!(verified.out.contains("nothing says that retention removed them"), "{}", verified.out);
    assert!(verified.out.contains("somebody decided to go on without records 1 to "), "{}", verified.out);
    // Somebody takes more away: on that nobody decided.
    std::fs::remove_file(&segments(&folder)[0]).unwrap();
    ends(&folder, SCORE, 3);
}

/// A journal of 60 payments whose first record has a wrong bit.
fn without_started(options: &str) -> Folder {
    let folder = Folder::new();
    put_payments(&folder, 0, 60);
    ends(&folder, &format!("{SCORE} --input events.ndjson {options}"), 0);
    let mut bytes = folder.read(SEGMENT);
    let at = bytes.windows(9).position(|window| window == b"\"started\"").unwrap();
    bytes[at + 1] ^= 1;
    folder.put(SEGMENT, bytes);
    folder
}

#[test]
fn a_wrong_bit_in_the_first_record_leaves_a_journal_that_can_be_audited() {
    let folder = without_started("--snapshot-every 20");
    let before = files(&folder);
    ends(&folder, "replay --journal j", 3);
    ends(&folder, "replay --journal j --from-snapshot", 0);
    put_payments(&folder, 0, 1);
    ends(&folder, "score --rules rules.toml --input events.ndjson --journal k --output k.ndjson", 0);
    for (options, said) in [
        ("--tokens off", "a `tokens.key` is in its folder"),
        ("--token-key k/tokens.key", "another key is given than the one in its folder"),
        ("--features", "nobody knows with which recorded features"),
    ] {
        let done = ends(&folder, &format!("{SCORE} {options} --on-damage go-on"), 3);
        assert!(done.err.contains(said), "{}", done.err);
    }
    std::fs::rename(folder.path("j/tokens.key"), folder.path("tokens.key")).unwrap();
    for (options, said) in
        [("", "its events hold tokens"), ("--token-key tokens.key", "no `tokens.key` in its folder")]
    {
        let done = ends(&folder, &format!("{SCORE} {options} --on-damage go-on"), 3);
        assert!(done.err.contains(said), "{}", done.err);
    }
    std::fs::rename(folder.path("tokens.key"), folder.path("j/tokens.key")).unwrap();
    assert!(files(&folder) == before, "nothing was written");
    ends(&folder, &format!("{SCORE} --on-damage go-on"), 0);
    put_payments(&folder, 60, 20);
    ends(&folder, &format!("{SCORE} --input events.ndjson"), 0);
    let replayed = ends(&folder, "replay --journal j", 0);
    assert!(replayed.out.contains(", 1 record missing, from the snapshot after record "), "{}", replayed.out);
    assert!(replayed.err.contains("record 1 is missing; record "), "{}", replayed.err);
    ends(&folder, "replay --journal j --from-snapshot", 0);
    ends(&folder, "audit show t75 --journal j", 0);
}

#[test]
fn without_a_beginning_and_a_snapshot_nobody_decides() {
    let folder = without_started("");
    let before = files(&folder);
    let done = ends(&folder, &format!("{SCORE} --on-damage go-on"), 3);
    assert!(done.err.contains("no record `started`, and no whole snapshot"), "{}", done.err);
    assert!(files(&folder) == before);
}

#[test]
fn an_end_that_was_cut_off_stays_told() {
    let folder = Folder::new();
    put_payments(&folder, 0, 60);
    ends(&folder, &format!("{SCORE} --input events.ndjson --snapshot-every 40"), 0);
    let bytes = folder.read(SEGMENT);
    folder.put(SEGMENT, &bytes[..bytes.len() / 2]);
    ends(&folder, SCORE, 3);
    ends(&folder, &format!("{SCORE} --on-damage go-on"), 0);
    put_payments(&folder, 60, 20);
    ends(&folder, &format!("{SCORE} --input events.ndjson --snapshot-every 15"), 0);
    let verified = ends(&folder, "audit verify --journal j", 1);
    let said = "says that somebody decided to go on without records ";
    assert!(verified.out.starts_with("CHANGED: record ") && verified.out.contains(said), "{}", verified.out);
    assert!(verified.out.contains(", which were cut off the end\n"), "{}", verified.out);
    let replayed = ends(&folder, "replay --journal j", 0);
    assert!(replayed.out.contains(" records missing\n"), "{}", replayed.out);
    assert!(replayed.err.contains("a snapshot says that more was on disk"), "{}", replayed.err);
    let shown = ends(&folder, "audit show t75 --journal j", 0);
    assert!(shown.err.contains("passed over"), "{}", shown.err);
    let shown = ends(&folder, "journal show j", 1);
    assert!(shown.out.contains("damage: ") && shown.out.contains("passed over"), "{}", shown.out);
}

#[test]
fn a_decision_whose_event_is_damaged_is_shown_as_it_was_answered() {
    let folder = damaged_in(b"\"currency\":\"VND\",\"id\":\"t30\"", 3, "");
    ends(&folder, &format!("{SCORE} --on-damage go-on"), 0);
    let shown = ends(&folder, "audit show t30 --journal j", 0).out;
    for part in [
        "it is not there any more: its record is damaged, or was removed\nanswer, record ",
        "\"id\":\"t30\"",
        "\nt30: allow, score 0\n",
        "  often: often\n",
        "\n  count = 31 (exact)\n",
        "Without the event it can't be decided again",
        "id = \"often\"",
    ] {
        assert!(shown.contains(part), "{part} is not in {shown}");
    }
    // Its event is there, so nothing else is shown of its neighbour, and none is made up.
    assert!(!ends(&folder, "audit show t31 --journal j", 0).out.contains("not there any more"));
    let none = ends(&folder, "audit show t3 --journal j --tenant x", 1);
    assert!(none.err.contains("`t3` has no decision in this journal"), "{}", none.err);
}
