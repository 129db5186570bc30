//! The journal as a user runs it: scoring with one, replaying, showing, proving, and what is said where it fails.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    reason = "a test fails loudly, and documents nothing"
)]

#[path = "support/commands.rs"]
mod commands;

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use commands::{Done, Folder, RULES, payment};

fn payments(from: usize, count: usize) -> String {
    (from..from + count).map(|n| payment(&format!("t{n}"), n as i64 * 60_000_000, 500_000)).collect()
}

fn good(folder: &Folder, line: &str) -> Done {
    let done = folder.run(line);
    assert_eq!(done.code, Some(0), "`{line}`: {}", done.err);
    done
}

/// A folder with a journal of 200 payments.
fn scored() -> Folder {
    let folder = Folder::new();
    folder.put("events.ndjson", payments(0, 200));
    good(
        &folder,
        "score --rules rules.toml --input events.ndjson --journal j --output d.ndjson --snapshot-every 50",
    );
    folder
}

#[test]
fn a_journal_changes_no_answer_and_a_stream_begun_again_is_answered_as_it_was() {
    let folder = scored();
    good(&folder, "score --rules rules.toml --input events.ndjson --output plain.ndjson");
    assert_eq!(folder.read("d.ndjson"), folder.read("plain.ndjson"));
    for mode in ["sync", "group", "async:50ms"] {
        let line = format!(
            "score --rules rules.toml --input events.ndjson --journal j --durability {mode} --output again.ndjson"
        );
        let done = good(&folder, &line);
        assert!(done.err.contains("200 came again"), "{}", done.err);
        assert!(done.err.contains("goes on after record"), "{}", done.err);
        assert_eq!(folder.read("again.ndjson"), folder.read("plain.ndjson"));
    }
    let done = good(&folder, "replay --journal j");
    assert_eq!(done.out, "reproduced 800 of 800\n");
    assert!(done.err.contains("800 events with engine"), "{}", done.err);
    let done = good(&folder, "replay --journal j --from-snapshot");
    assert!(done.out.contains(" from the snapshot after record "), "{}", done.out);
}

#[test]
fn it_says_what_is_in_it_and_that_nothing_was_changed() {
    let folder = scored();
    let shown = good(&folder, "journal show j").out;
    for part in [
        "segment 00000000000000000001.journal",
        "event: 200 records",
        "answer, decided: 200 records",
        "control, started: 1",
        "control, snapshot:",
        "last signed head: ",
        "snapshot after record ",
        "rule set ",
    ] {
        assert!(shown.contains(part), "{part} is not in {shown}");
    }
    let last = shown.lines().find_map(|line| line.strip_prefix("last record: ")).unwrap().to_owned();
    let verified = good(&folder, &format!("audit verify --journal j --head {last}"));
    assert!(
        verified.out.contains("are what was written") && verified.out.contains("signed by the key"),
        "{}",
        verified.out
    );
    assert!(verified.out.contains("1 rule sets are what was kept"), "{}", verified.out);
    folder.put("other.pub", folder.read("j/signing.pub"));
    good(&folder, "audit verify --journal j --public-key other.pub");
    assert_eq!(folder.run("audit verify --journal j --head 7:00").code, Some(2));
    let wrong = format!("audit verify --journal j --head 9{last}");
    assert_eq!(folder.run(&wrong).code, Some(1));
    // One letter of one answer.
    let mut bytes = folder.read("j/00000000000000000001.journal");
    let at = bytes.windows(5).position(|window| window == b"allow").unwrap();
    bytes[at] = b'A';
    folder.put("j/00000000000000000001.journal", bytes);
    let verified = folder.run("audit verify --journal j");
    assert_eq!(verified.code, Some(1));
    assert!(verified.out.starts_with("CHANGED at record "), "{}", verified.out);
    assert_eq!(folder.run("journal show j").code, Some(1));
    assert_eq!(folder.run("replay --journal j").code, Some(3));
    assert_eq!(folder.run("score --rules rules.toml --input events.ndjson --journal j").code, Some(3));
    let done = good(&folder, "score --rules rules.toml --journal j --on-damage go-on");
    assert!(done.err.contains("warning: 00000000000000000001.journal is damaged from byte"), "{}", done.err);
    let nothing = folder.run("replay --journal nowhere");
    assert_eq!(nothing.code, Some(3), "{}", nothing.err);
}

#[test]
fn what_was_blocked_and_executed_is_told_counted_and_replayed() {
    let folder = Folder::new();
    let execution = |id: &str, of: &str, minute: i64| {
        let time_us = minute * 60_000_000;
        format!(
            r#"{{"kind":"execution","id":"{id}","time_us":{time_us},"transaction":"{of}","result":"succeeded"}}"#
        ) + "\n"
    };
    let big = payment("big", 60_000_000, 2_000_000);
    let small = payment("small", 120_000_000, 5_000);
    let reports = [
        execution("x1", "big", 3),
        execution("x1", "big", 3),
        execution("x2", "small", 4),
        execution("x3", "big", 5),
    ];
    folder.put("events.ndjson", [big, small].concat() + &reports.concat());
    let done = good(&folder, "score --rules rules.toml --input events.ndjson --journal j --output d.ndjson");
    assert!(done.err.contains("; 2 reported as executed though not allowed"), "{}", done.err);
    assert!(done.err.contains("; 1 came again"), "{}", done.err);
    let told = String::from_utf8(folder.read("d.ndjson")).unwrap();
    let told: Vec<&str> = told.lines().collect();
    assert_eq!(told.len(), 5, "two decisions, two alerts, and one of them again: {told:?}");
    let start = concat!(
        r#"{"id":"x1","time_us":180000000,"kind":"execution","transaction":"big","#,
        r#""alert":"executed_not_allowed","answered":"blocked","message":"its transaction was executed though it was blocked; "#
    );
    assert!(told[2].starts_with(start), "{}", told[2]);
    assert_eq!(told[3], told[2], "it is told again");
    assert!(told[4].starts_with(r#"{"id":"x3","#), "{}", told[4]);
    // Whoever died before the output was written begins again, and misses nothing.
    let done =
        good(&folder, "score --rules rules.toml --input events.ndjson --journal j --output again.ndjson");
    assert!(!done.err.contains("though not allowed") && done.err.contains("; 6 came again"), "{}", done.err);
    assert_eq!(folder.read("again.ndjson"), folder.read("d.ndjson"));
    assert_eq!(good(&folder, "replay --journal j").out, "reproduced 10 of 10\n");
    let shown = good(&folder, "journal show j").out;
    assert!(shown.contains("answer, alert: 2 records"), "{shown}");
    assert!(shown.contains("answer, repeated: 6 records"), "{shown}");
}

#[test]
fn another_rule_set_is_compared_with_what_was_decided() {
    let folder = scored();
    folder.put("other.toml", RULES.replace("count > 2", "count > 5").replace("1_000_000", "100_000"));
    let done = folder.run("replay --journal j --rules other.toml --output differences.ndjson");
    assert_eq!(done.code, Some(1), "{}", done.err);
    assert!(done.out.contains("200 compared, 200 changed"), "{}", done.out);
    let differences = String::from_utf8(folder.read("differences.ndjson")).unwrap();
    assert_eq!(differences.lines().count(), 200);
    let first: serde_json::Value = serde_json::from_str(differences.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&first["id"], &first["old"], &first["new"]),
        (&"t0".into(), &"allow".into(), &"block".into())
    );
    let same = folder.run("replay --journal j --rules rules.toml");
    assert_eq!(same.code, Some(0));
    assert!(same.out.contains("the rule sets say the same"), "{}", same.out);
}

#[test]
fn parameters_that_differ_are_named_beside_what_they_decide() {
    let folder = Folder::new();
    let rules = RULES.replace("[features]", "[params]\nmost = { value = 2, min = 0, max = 9 }\n\n[features]");
    let rules = rules.replace("count > 2", "count > most");
    folder.put("rules.toml", &rules);
    folder.put("other.toml", rules.replace("value = 2", "value = 5"));
    folder.put("events.ndjson", payments(0, 20));
    good(&folder, "score --rules rules.toml --input events.ndjson --journal j --output d.ndjson");
    let done = folder.run("replay --journal j --rules other.toml");
    assert_eq!(done.code, Some(1), "{}", done.err);
    assert!(!done.out.contains("say the same"), "{}", done.out);
    let told = folder.run("diff rules.toml other.toml").out;
    assert!(told.contains("parameter most: 2 → 5"), "{told}");
    assert!(done.out.starts_with(&told), "what `weir diff` says: {}", done.out);
}

#[test]
fn a_rule_file_is_warmed_beside_and_takes_over() {
    let folder = scored();
    let ever =
        RULES.replace("[features]", "[features]\never = { count = '*', by = 'account', over = 'forever' }");
    folder.put("next.toml", ever.replace("count > 2", "ever > 200 and count > 2"));
    folder.put("more.ndjson", payments(200, 60));
    let done = good(
        &folder,
        "score --rules rules.toml --input more.ndjson --journal j --output m.ndjson --warm next.toml",
    );
    for part in [
        "warming next.toml from the journal's beginning",
        "next.toml took over at record ",
        "of the journal, and decides as ",
    ] {
        assert!(done.err.contains(part), "{part} is not in {}", done.err);
    }
    assert_eq!(good(&folder, "replay --journal j").out, "reproduced 260 of 260\n");
    good(&folder, "replay --journal j --from-snapshot");
    // At the end of a stream what is left is done, and either file is known when it is opened again.
    folder.put("third.toml", ever.replace("count > 2", "ever > 300"));
    folder.put("one.ndjson", payments(260, 1));
    let done = good(
        &folder,
        "score --rules next.toml --input one.ndjson --journal j --output o.ndjson --warm third.toml",
    );
    assert!(done.err.contains("third.toml took over at record "), "{}", done.err);
    let last: serde_json::Value = serde_json::from_slice(&folder.read("o.ndjson")).unwrap();
    assert_eq!(last["features"]["ever"]["quality"], "exact", "{last}");
    let shown = good(&folder, "audit show t260 --journal j --as inspector --for warmed").out;
    assert!(shown.contains("ever > 200"), "{shown}");
    let done = good(
        &folder,
        "score --rules rules.toml --input one.ndjson --journal j --output o.ndjson --warm third.toml",
    );
    assert!(done.err.contains("third.toml decides already"), "{}", done.err);
    // One that does not fit is refused before anything is scored.
    folder.put("other.toml", ever.replace("\"VND\"", "\"EUR\""));
    let done = folder.run("score --rules rules.toml --input one.ndjson --journal j --warm other.toml");
    assert_ne!(done.code, Some(0));
    assert!(done.err.contains("other.toml can't be warmed"), "{}", done.err);
    assert_eq!(good(&folder, "replay --journal j").code, Some(0));
}

#[test]
fn a_decision_of_the_past_is_shown_with_what_it_was_made_of_and_who_asked() {
    let folder = scored();
    // The rule file of today is another one.
    folder.put("rules.toml", RULES.replace("count > 2", "count > 9"));
    let done = good(&folder, "audit show t100 --journal j --as inspector --for complaint-17 --most 3");
    let account = good(&folder, "token --journal j a").out;
    let counted = format!("count = 60 (exact) of {}: 60 events after ", account.trim());
    for part in [
        counted.as_str(),
        "event, record ",
        r#"answer, record "#,
        "as it was then: j/kept/",
        r#"when = "count > 2 and total > 0""#,
        "`t100`",
        "count > 2",
        "60 events after 1970-01-01T00:40:00Z up to 1970-01-01T01:40:00Z",
        "transaction `t99` 500000 VND, allow",
    ] {
        assert!(done.out.contains(part), "{part} is not in {}", done.out);
    }
    assert!(!done.out.contains("`t97`"), "only three are shown: {}", done.out);
    let before = folder.read("j/00000000000000000001.journal");
    folder.put("rules.toml", RULES);
    good(&folder, "score --rules rules.toml --journal j");
    let shown = good(&folder, "journal show j").out;
    // Also that the token was asked for.
    assert!(shown.contains("control, asked: 2 records"), "{shown}");
    assert!(folder.read("j/00000000000000000001.journal") == before, "a closed segment never changes");
    let journal = String::from_utf8_lossy(&folder.read("j/00000000000000000001.journal")).into_owned();
    assert!(!journal.contains("complaint-17"), "{journal}");
    assert_eq!(folder.run("audit show nobody --journal j").code, Some(1));
    good(&folder, "audit verify --journal j");
    assert_eq!(good(&folder, "replay --journal j").out, "reproduced 200 of 200\n");
}

#[test]
fn an_audit_shows_nothing_of_another_tenant_and_nothing_twice() {
    let folder = Folder::new();
    let rules = RULES.replace("[features]\n", "[policy]\nacross = [\"count\"]\n\n[features]\n");
    folder.put(
        "across.toml",
        rules.replace("over = \"1h\" }\ntotal", "over = \"1h\", across = \"all\" }\ntotal"),
    );
    let of = |tenant: &str, id: &str, at: i64| {
        payment(id, at * 1_000_000, 7).replace("\"id\"", &format!("\"tenant\":\"{tenant}\",\"id\""))
    };
    let all = [of("x", "x1", 0), of("y", "y1", 1), of("y", "y1", 1), of("x", "x2", 2), of("y", "y2", 3)];
    folder.put("events.ndjson", all.concat());
    good(&folder, "score --rules across.toml --input events.ndjson --journal j --output d.ndjson");
    let shown = good(&folder, "audit show y2 --tenant y --journal j").out;
    assert!(shown.contains(": 4 events after "), "{shown}");
    assert!(shown.contains("; 2 of them are other tenants', and not shown"), "{shown}");
    assert!(!shown.contains("`x1`") && !shown.contains("`x2`"), "{shown}");
    let of_y1 = shown.lines().filter(|line| line.starts_with("  record ") && line.contains("`y1`")).count();
    assert_eq!(of_y1, 2, "once of each feature: {shown}");
}

#[test]
fn a_reload_is_replayed_and_the_same_command_line_goes_on() {
    let folder = Folder::new();
    let next = RULES.replace("\"small\"", "\"next\"").replace("count > 2", "count > 1");
    folder.put("next.toml", &next);
    let hash = weir::rules::compile("next.toml", &next).into_result().unwrap().hash_text();
    let swap = format!(
        "{{\"kind\":\"control\",\"id\":\"c\",\"time_us\":3600000000,\"control\":\"rule_set\",\"subject\":\"{hash}\"}}\n"
    );
    folder.put("events.ndjson", format!("{}{swap}{}", payments(0, 60), payments(60, 40)));
    folder.put("more.ndjson", payments(100, 40));
    let line = "score --rules rules.toml --reload next.toml --journal j --snapshot-every 30 --input";
    let one = good(&folder, &format!("{line} events.ndjson")).out;
    let two = good(&folder, &format!("{line} more.ndjson")).out;
    assert!(two.lines().all(|line| line.contains(&hash)), "{two}");
    folder.put("all.ndjson", format!("{}{swap}{}", payments(0, 60), payments(60, 80)));
    let all = good(&folder, "score --rules rules.toml --reload next.toml --input all.ndjson").out;
    assert_eq!(format!("{one}{two}"), all);
    assert_eq!(good(&folder, "replay --journal j").out, "reproduced 140 of 140\n");
    folder.put("third.toml", RULES.replace("count > 2", "count > 7"));
    let done = folder.run("score --rules third.toml --journal j");
    assert_eq!(done.code, Some(3));
    assert!(done.err.contains("the journal does not know the rule set"), "{}", done.err);
}

#[test]
fn rows_are_kept_as_lines_and_bad_lines_are_not() {
    let folder = Folder::new();
    folder.put("map.toml", "kind = \"transaction\"\nid = { column = \"i\" }\ntime = { column = \"t\", unit = \"s\" }\namount = { column = \"a\", unit = \"major\", currency = \"VND\" }\n[text]\naccount = { column = \"b\" }\n");
    folder.put("events.csv", "i,t,a,b\n1,60,5,x\n2,61,6,x\n");
    good(&folder, "score --rules rules.toml --input events.csv --mapping map.toml --journal j");
    let journal = String::from_utf8_lossy(&folder.read("j/00000000000000000001.journal")).into_owned();
    assert!(journal.contains(r#"{"kind":"transaction","time_us":60000000,"amount_minor":5,"#), "{journal}");
    assert_eq!(good(&folder, "replay --journal j").out, "reproduced 2 of 2\n");
    let done = folder
        .run_with("score --rules rules.toml --journal j", format!("{}nonsense\n", payments(5, 3)).as_bytes());
    assert_eq!((done.code, done.out.lines().count()), (Some(3), 3), "{}", done.err);
    assert_eq!(good(&folder, "replay --journal j").out, "reproduced 5 of 5\n");
}

#[test]
fn one_process_writes_and_others_read_beside_it() {
    let folder = Folder::new();
    let mut command = folder.command("score --rules rules.toml --journal j --line-buffered");
    let mut writer =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut events = writer.stdin.take().unwrap();
    events.write_all(payments(0, 5).as_bytes()).unwrap();
    let mut answers = BufReader::new(writer.stdout.take().unwrap()).lines();
    for _ in 0..5 {
        answers.next().unwrap().unwrap();
    }
    let second = folder.run("score --rules rules.toml --journal j");
    assert_eq!(second.code, Some(3));
    assert!(second.err.contains("another process writes the journal"), "{}", second.err);
    assert_eq!(good(&folder, "replay --journal j").out, "reproduced 5 of 5\n");
    good(&folder, "journal show j");
    good(&folder, "audit verify --journal j");
    good(&folder, "audit show t1 --journal j");
    drop(events);
    assert!(writer.wait().unwrap().success());
    assert!(good(&folder, "journal show j").out.contains("control, asked: 4 records"));
}

#[test]
fn command_lines_that_make_no_sense_are_refused() {
    let folder = Folder::new();
    for (line, said) in [
        ("score --rules rules.toml --journal j --durability async", "async:50ms"),
        ("score --rules rules.toml --journal j --durability async:0ms", "async:50ms"),
        ("score --rules rules.toml --durability sync", "--journal"),
        ("score --rules rules.toml --journal j --shadow rules.toml --shadow-output s", "--journal"),
        ("score --rules rules.toml --journal j --snapshot s", "--snapshot"),
        ("score --rules rules.toml --journal j --restore s", "--restore"),
        ("score --rules rules.toml --snapshot-every 5", "--snapshot"),
        ("score --rules rules.toml --journal j --on-journal-failure answer", "--resend"),
        ("score --rules rules.toml --journal j --resend r", "--on-journal-failure"),
        ("score --rules rules.toml --on-journal-failure answer --resend r", "--journal"),
        ("replay", "--journal"),
        ("audit show t1", "--journal"),
    ] {
        let done = folder.run(line);
        assert_eq!(done.code, Some(2), "`{line}`: {}", done.err);
        assert!(done.err.contains(said), "`{line}`: {}", done.err);
    }
}

/// A disk that takes no more: the shell forbids files beyond a size.
#[cfg(unix)]
#[test]
fn nothing_is_answered_without_its_journal() {
    let folder = Folder::new();
    folder.put("events.ndjson", payments(0, 20_000));
    let weir = env!("CARGO_BIN_EXE_weir");
    let line = format!(
        "trap '' XFSZ; ulimit -f 1000; {weir} score --rules rules.toml --input events.ndjson --journal j | cat > d.ndjson; exit ${{PIPESTATUS[0]}}"
    );
    let mut command = std::process::Command::new("bash");
    let done = command.args(["-c", &line]).current_dir(folder.path("")).output().unwrap();
    let said = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(3), "{said}");
    let answers = String::from_utf8(folder.read("d.ndjson")).unwrap();
    assert!(
        said.contains(&format!(
            "error: {} answers were given; the journal was known to be on disk up to record",
            answers.lines().count()
        )),
        "{said}"
    );
    assert!(said.contains("nothing more is answered"), "{said}");
    // All that was answered is there, and what was not is asked again.
    let replayed = folder.run("replay --journal j").out;
    let reproduced: usize = replayed.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(reproduced >= answers.lines().count() && reproduced < 20_000, "{replayed}");
    let again =
        good(&folder, "score --rules rules.toml --input events.ndjson --journal j --output again.ndjson");
    assert!(again.err.contains("journal j: goes on after record"), "{}", again.err);
    assert!(folder.read("again.ndjson").starts_with(answers.as_bytes()));
}

/// A folder that is removed, moved away or replaced while it is written.
#[cfg(unix)]
#[test]
fn nothing_is_answered_into_a_folder_that_is_gone() {
    use std::fs::{remove_dir_all, remove_file, rename};
    type Lose = fn(&Folder);
    fn remove_all(path: &std::path::Path) {
        // A snapshot may come in between.
        while let Err(error) = remove_dir_all(path) {
            assert_eq!(error.kind(), std::io::ErrorKind::DirectoryNotEmpty);
        }
    }
    let lost: [(Lose, &str); 3] = [
        (|folder| remove_all(&folder.path("j")), "j/00000000000000000001.journal"),
        (|folder| rename(folder.path("j"), folder.path("j2")).unwrap(), "j/00000000000000000001.journal"),
        (|folder| remove_file(folder.path("j/lock")).unwrap(), "j/lock"),
    ];
    for (lose, name) in lost {
        let folder = Folder::new();
        let mut command =
            folder.command("score --rules rules.toml --journal j --line-buffered --snapshot-every 2");
        let mut writer =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut events = writer.stdin.take().unwrap();
        events.write_all(payments(0, 5).as_bytes()).unwrap();
        let mut answers = BufReader::new(writer.stdout.take().unwrap()).lines();
        for _ in 0..5 {
            answers.next().unwrap().unwrap();
        }
        let there = folder.path("j/lock").exists();
        lose(&folder);
        assert!(there);
        // It may end before it has read them all.
        _ = events.write_all(payments(5, 5).as_bytes());
        drop(events);
        assert_eq!(answers.count(), 0, "{name}: what is in no journal is not answered");
        let done = writer.wait_with_output().unwrap();
        let said = String::from_utf8(done.stderr).unwrap();
        assert_eq!(done.status.code(), Some(3), "{said}");
        assert!(
            said.contains(&format!("{name} is gone or was replaced while the journal was written")),
            "{said}"
        );
        assert_eq!(folder.path("j").exists(), name == "j/lock", "nothing makes it again: {said}");
    }
}

/// The same, told to go on: what is not on disk says so, and stands once it was sent again.
#[cfg(unix)]
#[test]
fn without_its_journal_it_answers_where_it_is_told_to_and_what_it_answered_stands() {
    for mode in ["group", "sync", "async:50ms"] {
        let folder = Folder::new();
        folder.put("events.ndjson", payments(0, 4_000));
        folder.put("more.ndjson", payments(4_000, 300));
        good(&folder, "score --rules rules.toml --input events.ndjson --output plain.ndjson");
        let weir = env!("CARGO_BIN_EXE_weir");
        let line = format!(
            "(trap '' XFSZ; ulimit -f {}; {weir} score --rules rules.toml --input events.ndjson --journal j --durability {mode} --on-journal-failure answer --resend again.ndjson) | cat > d.ndjson; exit ${{PIPESTATUS[0]}}",
            if mode == "sync" { 700 } else { 1000 }
        );
        let mut command = std::process::Command::new("bash");
        let done = command.args(["-c", &line]).current_dir(folder.path("")).output().unwrap();
        let said = String::from_utf8(done.stderr).unwrap();
        assert_eq!(done.status.code(), Some(3), "{said}");
        // Every event has its answer, the same as without a journal but for what it says of itself.
        let answers = String::from_utf8(folder.read("d.ndjson")).unwrap();
        let unmarked = answers.replace(",\"durable\":false}\n", "}\n");
        assert!(unmarked.as_bytes() == folder.read("plain.ndjson"), "{mode}: {said}");
        let marked = answers.matches("\"durable\":false").count();
        let again = String::from_utf8(folder.read("again.ndjson")).unwrap();
        let lost = again.lines().count();
        assert!(marked > 0 && (marked == lost || mode.starts_with("async")), "{marked} of {lost}: {said}");
        assert!(said.contains(&format!("not durable: {lost} answers, behind record ")), "{said}");
        assert!(said.contains("error: the journal has stopped: can't write j/"), "{said}");
        assert!(said.contains("4000 decisions: "), "{said}");
        // The last ones, in their order, with what they were answered.
        let events = String::from_utf8(folder.read("events.ndjson")).unwrap();
        for ((event, again), answer) in
            events.lines().skip(4_000 - lost).zip(again.lines()).zip(answers.lines().skip(4_000 - lost))
        {
            let answer: serde_json::Value = serde_json::from_str(answer).unwrap();
            let outcome = answer["outcome"].as_str().unwrap();
            let id = serde_json::from_str::<serde_json::Value>(event).unwrap()["id"].clone();
            let again: serde_json::Value = serde_json::from_str(again).unwrap();
            assert_eq!((&again["answered"], &again["id"]), (&outcome.into(), &id));
            assert!(
                again["account"].as_str().unwrap().starts_with("t_"),
                "no identifier is on disk: {again}"
            );
        }
        // The file is not written over before it was sent.
        let refused = folder.run(
            "score --rules rules.toml --input more.ndjson --journal j --on-journal-failure answer --resend again.ndjson",
        );
        assert_eq!(refused.code, Some(3));
        assert!(refused.err.contains("holds events that were to be sent again"), "{}", refused.err);
        let sent = good(&folder, "score --rules rules.toml --resent --input again.ndjson --journal j");
        for (again, was) in sent.out.lines().zip(unmarked.lines().skip(4_000 - lost)) {
            let again = again.replace("\"own\":\"allow\",", "").replace("\"own\":\"block\",", "");
            assert_eq!(again, was);
        }
        // All that follows is as though nothing had happened.
        let more = good(
            &folder,
            "score --rules rules.toml --input more.ndjson --journal j --on-journal-failure answer --resend next.ndjson",
        );
        folder.put("all.ndjson", payments(0, 4_300));
        let all = good(&folder, "score --rules rules.toml --input all.ndjson").out;
        assert_eq!(more.out, all.lines().skip(4_000).map(|line| format!("{line}\n")).collect::<String>());
        assert!(!folder.path("next.ndjson").exists(), "nothing is to be sent");
        let replayed = good(&folder, "replay --journal j").out;
        let total: usize = replayed.split_whitespace().nth(1).unwrap().parse().unwrap();
        // Of what was sent again more may have been on disk than was known: it is answered as repeated.
        assert!((4_300..=8_300).contains(&total), "{replayed}");
        let shown = good(&folder, "journal show j").out;
        assert!(shown.contains("answer, declared: "), "{shown}");
    }
}
