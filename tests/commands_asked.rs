//! Who asks to see what is in a journal: put down by every command that reads one, and nothing else is changed for it.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    unreachable_pub,
    reason = "a test fails loudly, and documents nothing"
)]

#[path = "support/commands.rs"]
mod commands;

use std::sync::Arc;

use commands::{Done, Folder, payment};
use weir::io::RealDisk;
use weir::journal::{Control, Reader, Record};

fn good(folder: &Folder, line: &str) -> Done {
    let done = folder.run(line);
    assert_eq!(done.code, Some(0), "`{line}`: {}", done.err);
    done
}

/// A folder with a journal of a hundred payments.
fn scored() -> Folder {
    let folder = Folder::new();
    let payments = (0..100).map(|n| payment(&format!("t{n}"), n * 60_000_000, 500_000));
    folder.put("events.ndjson", payments.collect::<String>());
    good(&folder, "score --rules rules.toml --input events.ndjson --journal j --output d.ndjson");
    folder
}

/// What was asked, by the journal's records of it.
fn asked(folder: &Folder) -> Vec<String> {
    let mut reader = Reader::open(Arc::new(RealDisk), &folder.path("j")).unwrap();
    let mut asked = Vec::new();
    while let Some(entry) = reader.next_entry().unwrap() {
        if let Ok(Record::Control(bytes)) = entry.record()
            && let Some(Control::Asked { who, what, .. }) = Control::read(bytes)
        {
            asked.push(format!("{who}: {what}"));
        }
    }
    asked
}

#[test]
fn every_question_is_put_down_with_who_asks_and_what_for() {
    let folder = scored();
    let by = "--as mai --for audit-7";
    let before = std::fs::read_dir(folder.path("j")).unwrap().count();
    good(&folder, &format!("replay --journal j {by}"));
    good(&folder, &format!("replay --journal j --rules rules.toml --output differences.ndjson {by}"));
    good(&folder, &format!("audit verify --journal j {by}"));
    good(&folder, &format!("audit show t1 --journal j {by}"));
    good(&folder, &format!("journal show j {by}"));
    let token = good(&folder, &format!("token --journal j 0123456789 {by}")).out;
    assert_eq!(good(&folder, &format!("token --journal j --key j/tokens.key 0123456789 {by}")).out, token);
    let done = folder.run_with(&format!("token --journal j {by}"), b"0123456789\n");
    assert_eq!(done.out, token);
    good(&folder, &format!("journal columns j {by}"));
    let after = std::fs::read_dir(folder.path("j")).unwrap().count();
    assert_eq!(after, before + 2, "only `asked` and `columns`: nobody opens it to ask");
    let put_down = std::fs::read_dir(folder.path("j/asked")).unwrap().map(|entry| entry.unwrap().path());
    for path in put_down {
        assert!(!std::fs::read_to_string(path).unwrap().contains("0123456789"), "no identifier is on disk");
    }
    good(&folder, "score --rules rules.toml --journal j");
    let token = token.trim();
    let whats = [
        "replay".to_owned(),
        "replay --rules rules.toml --output differences.ndjson".to_owned(),
        "audit verify".to_owned(),
        "audit show t1".to_owned(),
        "journal show".to_owned(),
        format!("the texts of {token}"),
        format!("the texts of {token}"),
        "the tokens of standard input".to_owned(),
        "journal columns, to j/columns".to_owned(),
    ];
    assert_eq!(asked(&folder), whats.map(|what| format!("mai: {what}, for: audit-7")));
    assert_eq!(std::fs::read_dir(folder.path("j/asked")).unwrap().count(), 0);
    good(&folder, "audit verify --journal j");
}

/// Also where who asks may do anything, as in a container: the name is taken by a file.
#[test]
fn where_nothing_can_be_put_down_it_is_said_and_what_is_asked_is_answered() {
    let folder = scored();
    folder.put("j/asked", "");
    let token = "token --journal j a";
    for line in [
        "replay --journal j",
        "audit verify --journal j",
        "audit show t1 --journal j",
        "journal show j",
        token,
        "journal columns j --out elsewhere",
    ] {
        let done = good(&folder, line);
        assert!(done.err.contains("warning: who asks could not be put down"), "`{line}`: {}", done.err);
        assert!(done.err.contains("j/asked"), "`{line}`: {}", done.err);
        assert!(!done.out.is_empty(), "`{line}`");
    }
    for line in ["replay --journal none", "audit verify --journal none", "journal show none"] {
        let done = folder.run(line);
        assert_eq!((done.code, done.out.as_str()), (Some(3), ""), "`{line}`");
        assert!(done.err.contains("there is no journal in none"), "`{line}`: {}", done.err);
        assert!(!folder.path("none").exists(), "`{line}`");
    }
}

/// Nobody but `score` cuts what a process left torn.
#[test]
fn a_question_leaves_a_torn_tail_as_it_is() {
    let folder = scored();
    let last = std::fs::read_dir(folder.path("j")).unwrap().map(|entry| entry.unwrap().path());
    let last = last.filter(|path| path.extension().is_some_and(|end| end == "journal")).max().unwrap();
    let bytes = std::fs::read(&last).unwrap();
    let torn = &bytes[..bytes.len() - 190];
    std::fs::write(&last, torn).unwrap();
    for line in ["replay --journal j", "audit show t1 --journal j", "journal show j", "journal columns j"] {
        good(&folder, line);
        assert!(std::fs::read(&last).unwrap() == torn, "`{line}`");
    }
    let done = good(&folder, "score --rules rules.toml --journal j");
    assert!(done.err.contains("cut: "), "{}", done.err);
}

/// Whoever may put something into `asked/` keeps nobody from opening the journal.
#[cfg(unix)]
#[test]
fn a_pipe_among_the_questions_keeps_nobody_waiting_and_what_was_never_named_goes() {
    let folder = scored();
    good(&folder, "audit show t1 --journal j");
    let asked = folder.path("j/asked");
    let pipe = asked.join("00000000000000000001-00.json");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    std::fs::create_dir(asked.join("folder.json")).unwrap();
    let now_us = std::fs::read_dir(&asked).unwrap().find_map(|entry| {
        let name = entry.unwrap().file_name().into_string().unwrap();
        name.split_once('-')?.0.parse::<i64>().ok().filter(|at_us| *at_us > 1)
    });
    let fresh = format!("{:020}-01.json.partial", now_us.unwrap());
    for name in ["00000000000000000002-01.json.partial", fresh.as_str(), "notes.partial"] {
        std::fs::write(asked.join(name), "{").unwrap();
    }
    let done = good(&folder, "score --rules rules.toml --journal j");
    for name in ["00000000000000000001-00.json", "folder.json"] {
        assert!(done.err.contains(&format!("{name} is no file")), "{}", done.err);
    }
    let mut left: Vec<String> = std::fs::read_dir(&asked)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort_unstable();
    // What may be named yet stays, and what is not ours.
    assert_eq!(left, ["00000000000000000001-00.json", fresh.as_str(), "folder.json", "notes.partial"]);
}
