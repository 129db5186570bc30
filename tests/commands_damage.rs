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
