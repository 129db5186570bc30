//! A journal that is opened with something that does not fit it, as a user runs it: what is told, and that what is refused
//! leaves nothing behind.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    reason = "a test fails loudly, and documents nothing"
)]

#[path = "support/commands.rs"]
mod commands;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use commands::{Done, Folder, RULES, payment};
use weir::rules::compile;

const DAY_US: i64 = 86_400_000_000;

fn payments(from: usize, count: usize) -> String {
    (from..from + count).map(|n| payment(&format!("t{n}"), n as i64 * 60_000_000, 500_000)).collect()
}

fn good(folder: &Folder, line: &str) -> Done {
    let done = folder.run(line);
    assert_eq!(done.code, Some(0), "`{line}`: {}", done.err);
    done
}

/// Everything below a folder, with what is in it; nothing where it is not there.
fn all(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(all(&path));
            found.insert(path.display().to_string() + "/", Vec::new());
        } else {
            found.insert(path.display().to_string(), fs::read(&path).unwrap());
        }
    }
    found
}

/// A rule set with a list and rates beside it.
fn listed() -> String {
    RULES.replace(
        "[features]\n",
        "[lists]\nbad = { file = \"bad.txt\", key = \"account\" }\n\n[rates]\nfile = \"rates.csv\"\notherwise = \"block\"\n\n[features]\n",
    ) + "\n[[rule]]\nid = \"bad\"\nwhen = \"account in bad\"\nthen = \"block\"\nreason = \"listed\"\n"
}

#[test]
fn a_list_that_changed_is_told_until_it_is_taken_up() {
    let folder = Folder::new();
    let rules = listed();
    folder.put("rules.toml", &rules);
    folder.put("bad.txt", "# none yet\nz\n");
    folder.put("rates.csv", "valid_from,currency,rate\n1970-01-02,USD,26000\n");
    folder.put("one.ndjson", payments(0, 2));
    let line = "score --rules rules.toml --journal j --output d.ndjson --input";
    let began = good(&folder, &format!("{line} one.ndjson"));
    assert!(!began.err.contains("warning"), "{}", began.err);
    // A comment says nothing.
    folder.put("bad.txt", "# none yet, still\nz\n");
    assert!(!good(&folder, &format!("{line} one.ndjson")).err.contains("warning"));

    folder.put("bad.txt", "z\na\n");
    folder.put("rates.csv", "valid_from,currency,rate\n1970-01-02,USD,27000\n");
    folder.put("two.ndjson", payments(2, 1));
    let hash = compile("rules.toml", &rules).into_result().unwrap().hash_text();
    let told = good(&folder, &format!("{line} two.ndjson")).err;
    for part in ["warning: bad.txt of the list `bad` says", "warning: rates.csv of the rates says", &hash] {
        assert!(told.contains(part), "{part} is not in {told}");
    }
    let said = |folder: &Folder| String::from_utf8(folder.read("d.ndjson")).unwrap();
    assert!(
        !said(&folder).contains("\"outcome\":\"block\""),
        "the journal's entries hold: {}",
        said(&folder)
    );

    // What is told to be done does it.
    let control = format!(
        "{{\"kind\":\"control\",\"id\":\"c\",\"time_us\":180000000,\"control\":\"rule_set\",\"subject\":\"{hash}\"}}\n"
    );
    folder.put("three.ndjson", control + &payments(4, 1));
    good(&folder, &format!("{} three.ndjson", line.replace("--journal", "--reload rules.toml --journal")));
    assert!(said(&folder).contains("\"outcome\":\"block\""), "{}", said(&folder));
    folder.put("four.ndjson", payments(5, 1));
    let done = good(&folder, &format!("{line} four.ndjson"));
    assert!(!done.err.contains("warning"), "{}", done.err);
    assert!(said(&folder).contains("\"outcome\":\"block\""), "{}", said(&folder));
    assert_eq!(good(&folder, "replay --journal j").out, "reproduced 7 of 7\n");
}

#[test]
fn what_is_refused_leaves_nothing_behind() {
    let folder = Folder::new();
    folder.put("events.ndjson", payments(0, 3));
    folder.put("broken.toml", "[ruleset]\nname = ");
    folder.put("text.toml", RULES.replace("amount > 1_000_000", "payee = 'x'"));
    folder.put("euro.toml", RULES.replace("\"VND\"", "\"EUR\""));
    folder.put("held.ndjson", payments(0, 1));
    folder.put("open.pem", "no key\n");
    fs::create_dir(folder.path("other")).unwrap();
    folder.put("other/notes.txt", "mine");
    for rest in [
        "--rules broken.toml --input events.ndjson",
        "--rules nowhere.toml --input events.ndjson",
        "--rules text.toml --input events.ndjson",
        "--rules rules.toml --reload euro.toml --input events.ndjson",
        "--rules rules.toml --reload broken.toml --input events.ndjson",
        "--rules rules.toml --warm broken.toml --input events.ndjson",
        "--rules rules.toml --input nowhere.ndjson",
        "--rules rules.toml --input events.csv",
        "--rules rules.toml --input events.ndjson --output events.ndjson",
        "--rules rules.toml --input events.ndjson --by nothing",
        "--rules rules.toml --input events.ndjson --signing-key open.pem",
        "--rules rules.toml --input events.ndjson --token-key open.pem",
        "--rules rules.toml --input events.ndjson --on-journal-failure answer --resend held.ndjson",
        "--rules rules.toml --input events.ndjson --on-journal-failure answer --resend rs.nd",
        "--rules rules.toml --input events.ndjson --on-journal-failure answer --resend again.ndjson.gz",
    ] {
        for journal in ["j", "other"] {
            let before = all(&folder.path(""));
            let done = folder.run(&format!("score {rest} --journal {journal}"));
            assert_ne!(done.code, Some(0), "{rest}");
            let after = all(&folder.path(""));
            assert!(after == before, "{rest}: {:?}, {}", after.keys(), done.err);
        }
    }
    // And a journal that is there stays as it is.
    good(&folder, "score --rules rules.toml --input events.ndjson --journal j --output d.ndjson");
    good(&folder, "score --rules rules.toml --input events.ndjson --journal k --output d.ndjson");
    folder.put("third.toml", RULES.replace("count > 2", "count > 7"));
    for file in fs::read_dir(folder.path("j")).unwrap().map(|entry| entry.unwrap().path()) {
        // As though only its segments had been copied.
        let name = file.file_name().unwrap().to_str().unwrap().to_owned();
        if name.ends_with(".journal") {
            fs::copy(file, folder.path("other").join(name)).unwrap();
        }
    }
    for (journal, rest, said) in [
        ("j", "--rules third.toml", "does not know the rule set"),
        ("j", "--rules rules.toml --features", "recorded features"),
        ("j", "--rules rules.toml --tokens off", "are tokens of the key"),
        ("j", "--rules rules.toml --token-key k/tokens.key", "are tokens of the key"),
        ("j", "--rules rules.toml --signing-key k/signing.key", "key"),
        ("other", "--rules rules.toml", "signing.key"),
    ] {
        let before = all(&folder.path(""));
        let done = folder.run(&format!("score {rest} --input events.ndjson --journal {journal}"));
        assert_eq!(done.code, Some(3), "{rest}");
        assert!(done.err.contains(said), "{rest}: {}", done.err);
        assert!(all(&folder.path("")) == before, "{rest}");
    }
}

#[test]
fn rule_sets_that_are_missing_are_told() {
    let folder = Folder::new();
    folder.put("events.ndjson", payments(0, 3));
    let line = "score --rules rules.toml --input events.ndjson --journal j --output d.ndjson";
    good(&folder, line);
    fs::remove_dir_all(folder.path("j/kept")).unwrap();
    let done = folder.run(line);
    assert_eq!(done.code, Some(3), "{}", done.err);
    let told = "nor any other: `kept` in its folder is missing, where rule sets are; restore it from a copy";
    assert!(done.err.contains(told), "{}", done.err);
}

/// What the report counts is what the file says.
#[test]
fn decisions_that_differ_in_score_or_rules_alone_go_to_the_output_too() {
    let folder = Folder::new();
    folder.put("events.ndjson", payments(0, 5));
    good(&folder, "score --rules rules.toml --input events.ndjson --journal j --output d.ndjson");
    let more = "\n[[rule]]\nid = \"also\"\nwhen = \"count > 3\"\nthen = \"alert\"\nreason = \"also\"\n";
    folder.put("next.toml", RULES.to_owned() + more);
    let done = folder.run("replay --journal j --rules next.toml --output differ.ndjson");
    assert_eq!(done.code, Some(1), "{}", done.err);
    assert!(
        done.out.contains("0 changed (0.00 %); 2 more differ only in score or in the rules"),
        "{}",
        done.out
    );
    let lines = String::from_utf8(folder.read("differ.ndjson")).unwrap();
    assert_eq!(lines.lines().count(), 2, "{lines}");
    for line in lines.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["old"], line["new"]);
        assert_eq!(line["gained"][0], "also");
    }
}

/// What was answered beside one journal is not sent to another.
#[cfg(unix)]
#[test]
fn what_is_sent_again_says_which_key_its_tokens_are_of() {
    let folder = Folder::new();
    folder.put("events.ndjson", payments(0, 4_000));
    folder.put("none.ndjson", "");
    good(&folder, "score --rules rules.toml --input none.ndjson --journal other");
    good(&folder, "score --rules rules.toml --input none.ndjson --journal plain --tokens off");
    let weir = env!("CARGO_BIN_EXE_weir");
    let line = format!(
        "(trap '' XFSZ; ulimit -f 1000; {weir} score --rules rules.toml --input events.ndjson --journal j --on-journal-failure answer --resend again.ndjson) | cat > d.ndjson; exit ${{PIPESTATUS[0]}}"
    );
    let mut command = std::process::Command::new("bash");
    let done = command.args(["-c", &line]).current_dir(folder.path("")).output().unwrap();
    assert_eq!(done.status.code(), Some(3), "{}", String::from_utf8_lossy(&done.stderr));
    let again = String::from_utf8(folder.read("again.ndjson")).unwrap();
    assert!(!again.is_empty());
    let shown = good(&folder, "journal show j").out;
    let key = shown.lines().find_map(|line| line.strip_prefix("identifiers are tokens of the key ")).unwrap();
    for line in again.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["extra"]["weir.tokens"], key);
    }
    for journal in ["other", "plain"] {
        let done = folder
            .run(&format!("score --rules rules.toml --resent --input again.ndjson --journal {journal}"));
        assert_eq!((done.code, done.out.as_str()), (Some(3), ""), "{}", done.err);
        assert!(
            done.err.contains(&format!("tokens of the key {key}, and those in the journal of")),
            "{}",
            done.err
        );
        assert!(
            !good(&folder, &format!("journal show {journal}")).out.contains("event: "),
            "nothing is taken in"
        );
    }
    // Nor what does not say it, not even behind lines that do.
    let silent =
        again.lines().next().unwrap().replace(&format!(",\"extra\":{{\"weir.tokens\":\"{key}\"}}"), "");
    folder.put("silent.ndjson", format!("{again}{}\n", silent.replace("\"id\":\"t", "\"id\":\"s")));
    let done =
        folder.run("score --rules rules.toml --resent --input silent.ndjson --journal j --output o.ndjson");
    assert_eq!(done.code, Some(3));
    assert!(done.err.contains("tokens of none, and those in the journal of the key"), "{}", done.err);
    // Put together line by line it is taken, and leaves nothing of that in the journal.
    folder.put("twice.ndjson", format!("{again}{again}"));
    good(&folder, "score --rules rules.toml --resent --input twice.ndjson --journal j --output o.ndjson");
    for (name, bytes) in all(&folder.path("j")) {
        assert!(!String::from_utf8_lossy(&bytes).contains("weir.tokens"), "{name}");
    }
    assert!(good(&folder, "replay --journal j").out.starts_with("reproduced "));
}

#[test]
fn a_stream_that_is_begun_again_too_late_is_told() {
    let folder = Folder::new();
    let of_day = |day: i64| payment(&format!("d{day}"), day * DAY_US, 5);
    folder.put("events.ndjson", (1..40).map(of_day).collect::<String>());
    let line = "score --rules rules.toml --input events.ndjson --journal j --output d.ndjson";
    let done = good(&folder, line);
    assert!(!done.err.contains("warning"), "{}", done.err);
    let done = good(&folder, line);
    let told = "warning: event `d1` is 7d (`remember`) or more older than the journal's end";
    assert!(done.err.contains(told), "{}", done.err);
    let (before, _) = done.err.split_once(" events were 7d or more older than the journal's end").unwrap();
    let forgotten: usize = before.rsplit(' ').next().unwrap().parse().unwrap();
    let (came, _) = done.err.split_once(" came again").unwrap();
    let came: usize = came.rsplit(' ').next().unwrap().parse().unwrap();
    assert!(came >= 7 && forgotten > 7, "{}", done.err);
    assert_eq!(came + forgotten, 39, "each came again, or is told: {}", done.err);
    // From where it ends nothing is told.
    folder.put("events.ndjson", (40..50).map(of_day).collect::<String>());
    assert!(!good(&folder, line).err.contains("warning"));
}

#[test]
fn a_rule_file_that_does_not_decide_is_told() {
    let folder = Folder::new();
    folder.put("one.ndjson", payments(0, 2));
    folder.put("other.toml", RULES.replace("name = \"small\"", "name = \"other\""));
    let line = "score --journal j --input one.ndjson --output d.ndjson --rules";
    good(&folder, &format!("{line} rules.toml --reload other.toml"));
    assert!(!good(&folder, &format!("{line} rules.toml")).err.contains("decides"));
    let told = good(&folder, &format!("{line} other.toml")).err;
    assert!(
        told.contains("warning: `small` (")
            && told.contains(") decides, since the journal says so, and not `other` ("),
        "{told}"
    );
    good(&folder, &format!("{line} rules.toml --warm other.toml"));
    let told = good(&folder, &format!("{line} rules.toml")).err;
    assert!(told.contains("warning: `other` (") && told.contains("and not `small` ("), "{told}");
}

/// Whoever comes second is told so, and changes nothing; whoever began goes on with the keys that are there.
#[test]
fn of_those_who_begin_at_once_one_does() {
    for round in 0..6 {
        let folder = Folder::new();
        folder.put("more.ndjson", payments(1, 2));
        let start = |n: usize| {
            let line = format!("score --rules rules.toml --journal j --output {n}.ndjson --line-buffered");
            let mut command = folder.command(&line);
            let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            let mut input = child.stdin.take().unwrap();
            // Who was refused reads nothing.
            let _ = input.write_all(payments(0, 1).as_bytes());
            (child, input)
        };
        let mut running: Vec<_> = (0..5).map(start).collect();
        let mut waited_ms = 0;
        while running.len() > 1 {
            let (ended, left): (Vec<_>, Vec<_>) = running
                .into_iter()
                .map(|(mut child, input)| (child.try_wait().unwrap(), child, input))
                .partition(|(code, ..)| code.is_some());
            for (code, child, _) in ended {
                let said = String::from_utf8(child.wait_with_output().unwrap().stderr).unwrap();
                assert_eq!(code.unwrap().code(), Some(3), "{said}");
                let told = [
                    "another process writes the journal in j; ",
                    "another process began a journal in j meanwhile; ",
                ];
                assert!(told.iter().any(|told| said.contains(told)), "round {round}: {said}");
            }
            running = left.into_iter().map(|(_, child, input)| (child, input)).collect();
            assert!(waited_ms < 60_000, "{} go on at once", running.len());
            std::thread::sleep(Duration::from_millis(5));
            waited_ms += 5;
        }
        let (child, input) = running.pop().expect("one begins");
        drop(input);
        let done = child.wait_with_output().unwrap();
        assert!(done.status.success(), "round {round}: {}", String::from_utf8_lossy(&done.stderr));
        good(&folder, "score --rules rules.toml --journal j --output d.ndjson --input more.ndjson");
        assert_eq!(good(&folder, "replay --journal j").out, "reproduced 3 of 3\n");
        good(&folder, "audit verify --journal j");
    }
}

#[test]
fn another_key_than_the_journals_makes_no_tokens_of_it() {
    let folder = Folder::new();
    folder.put("events.ndjson", payments(0, 3));
    for journal in ["j", "k"] {
        good(
            &folder,
            &format!("score --rules rules.toml --input events.ndjson --output d.ndjson --journal {journal}"),
        );
    }
    let token = good(&folder, "token --journal j a").out;
    assert_ne!(token, good(&folder, "token --journal k a").out);
    for line in ["token --journal j --key k/tokens.key a", "token --journal j a"] {
        if !line.contains("--key") {
            fs::copy(folder.path("k/tokens.key"), folder.path("j/tokens.key")).unwrap();
        }
        let done = folder.run(line);
        assert_eq!((done.code, done.out.as_str()), (Some(3), ""), "{}", done.err);
        assert!(done.err.contains("identifiers in the journal are tokens of the key "), "{}", done.err);
    }
}
