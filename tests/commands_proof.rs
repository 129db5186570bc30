//! What `weir audit verify` proves, and what it must not say that it does.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    reason = "a test fails loudly, and documents nothing"
)]

#[path = "support/commands.rs"]
mod commands;

use std::path::Path;
use std::sync::Arc;

use commands::{Done, Folder, payment};
use weir::hex::{hex, unhex};
use weir::io::{Bundle, RealDisk};
use weir::journal::{Approval, Control, Journal, OnDamage, Options, Record, Signer, kept};

fn good(folder: &Folder, line: &str) -> Done {
    let done = folder.run(line);
    assert_eq!(done.code, Some(0), "`{line}`: {}{}", done.out, done.err);
    done
}

/// Verifying ends with this code, and says this.
fn verified(folder: &Folder, journal: &str, code: i32, says: &str) -> Done {
    let done = folder.run(&format!("audit verify --journal {journal}"));
    assert_eq!(done.code, Some(code), "{}{}", done.out, done.err);
    assert!(done.out.contains(says), "`{says}` is not in {}", done.out);
    done
}

/// Scores 60 payments of this amount, from a number on.
fn score(folder: &Folder, journal: &str, from: usize, minor: i64) {
    let events: String =
        (from..from + 60).map(|n| payment(&format!("t{n}"), n as i64 * 60_000_000, minor)).collect();
    folder.put("events.ndjson", events);
    let line =
        "score --rules rules.toml --input events.ndjson --output d.ndjson --snapshot-every 25 --journal";
    good(folder, &format!("{line} {journal}"));
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (path, to) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        if path.is_dir() { copy(&path, &to) } else { assert!(std::fs::copy(path, to).is_ok()) }
    }
}

#[test]
fn a_rule_set_that_records_name_must_be_there() {
    let folder = Folder::new();
    score(&folder, "j", 0, 5_000);
    verified(&folder, "j", 0, "1 rule sets are what was kept");
    std::fs::remove_dir_all(folder.path("j/kept")).unwrap();
    verified(&folder, "j", 1, "CHANGED: the rule set ");
    assert!(!folder.path("j/kept").exists(), "verifying makes nothing");
}

#[test]
fn nothing_is_proven_without_the_public_key_and_nothing_made_where_no_journal_is() {
    let folder = Folder::new();
    score(&folder, "j", 0, 5_000);
    std::fs::rename(folder.path("j/signing.pub"), folder.path("kept.pub")).unwrap();
    let done = verified(&folder, "j", 1, "NOT PROVEN: ");
    assert!(!done.out.contains("are what was written"), "{}", done.out);
    good(&folder, "audit verify --journal j --public-key kept.pub");
    let nowhere = folder.run("audit verify --journal nowhere");
    assert_eq!((nowhere.code, nowhere.out.as_str()), (Some(3), ""), "{}", nowhere.err);
    assert!(!folder.path("nowhere").exists());
}

#[test]
fn help_breaks_no_line_within_a_sentence() {
    let help = good(&Folder::new(), "audit verify --help").out;
    let end: Vec<&str> = help.trim_end().rsplit("\n\n").next().unwrap().lines().collect();
    for pair in end.windows(2) {
        let word = pair[1].split(' ').next().unwrap();
        assert!(pair[0].len() + 1 + word.len() > 100, "`{}` ends early", pair[0]);
    }
    assert!(end.len() > 2, "{help}");
}

#[test]
fn what_is_behind_the_last_head_is_only_chained_and_behind_a_closing_one_put_in() {
    let folder = Folder::new();
    score(&folder, "j", 0, 5_000);
    let whole = verified(&folder, "j", 0, "are what was written");
    assert!(!whole.out.contains("only chained"), "{}", whole.out);
    // Somebody without the key goes on.
    copy(&folder.path("j"), &folder.path("k"));
    let (mut journal, _) =
        Journal::open(Arc::new(RealDisk), &folder.path("k"), Options::new(|| 0, [0; 16]), OnDamage::Refuse)
            .unwrap();
    journal.append(Record::Control(b"{}")).unwrap();
    journal.close().unwrap();
    verified(&folder, "k", 1, "the journal was closed in order, and goes on without the signed head");
    // A process that ended before its next head: the closing one is the last thing that is written.
    score(&folder, "j", 60, 5_000);
    let last = std::fs::read_dir(folder.path("j")).unwrap().map(|entry| entry.unwrap().path());
    let last = last.filter(|path| path.extension().is_some_and(|ending| ending == "journal")).max().unwrap();
    let bytes = std::fs::read(&last).unwrap();
    std::fs::write(&last, &bytes[..bytes.len() - 180]).unwrap();
    let done = verified(&folder, "j", 0, "are only chained");
    assert!(done.out.contains("signed up to record "), "{}", done.out);
}

#[test]
fn an_approval_that_its_key_did_not_sign_is_named() {
    let folder = Folder::new();
    let (id, signer) = ([5; 16], Signer::from_seed([1; 32]));
    let (rules, other) = ([2; 32], [3; 32]);
    let approved = |by: &str, signed: &[u8; 32]| {
        let approval = Approval {
            by: by.to_owned(),
            caller: by.to_owned(),
            public_key: hex(signer.public().to_bytes()),
            signature: hex(signer.approve(&id, signed)),
        };
        Control::Approved { at_us: 1, rules: hex(rules), approval }.to_bytes()
    };
    let (mut journal, _) =
        Journal::open(Arc::new(RealDisk), &folder.path("k"), Options::new(|| 0, id), OnDamage::Refuse)
            .unwrap();
    journal.append(Record::Control(&approved("mai", &rules))).unwrap();
    journal.submit().unwrap();
    journal.wait(1).unwrap();
    let done = verified(&folder, "k", 0, "1 approvals are signed by the keys in their records");
    assert!(!done.out.contains("NOT PROVEN"), "{}", done.out);
    journal.append(Record::Control(&approved("nam", &other))).unwrap();
    journal.close().unwrap();
    verified(&folder, "k", 1, "NOT PROVEN: record 2 says that nam approved a rule set");
}

#[test]
fn an_approval_of_what_its_approver_had_proposed_is_named_where_it_counts() {
    let folder = Folder::new();
    let (id, text) = ([5; 16], str::to_owned);
    let files = [(text("rules.toml"), std::fs::read(folder.path("rules.toml")).unwrap().into())];
    let bundle = Bundle::new(text("rules.toml"), files.into());
    let hash = kept::keep(&RealDisk, &folder.path("k"), &bundle).unwrap();
    let rules = unhex(hash.as_bytes()).unwrap();
    let proposed = |by: &str| Control::Proposed {
        at_us: 1,
        rules: hash.clone(),
        rule_set: text("x"),
        name: text("n"),
        by: text(by),
    };
    let approved = |by: &str, seed| {
        let signer = Signer::from_seed([seed; 32]);
        let approval = Approval {
            by: text(by),
            caller: format!("{by}-desk"),
            public_key: hex(signer.public().to_bytes()),
            signature: hex(signer.approve(&id, &rules)),
        };
        Control::Approved { at_us: 1, rules: hash.clone(), approval }
    };
    let activated = || Control::Activated {
        at_us: 2,
        rules: hash.clone(),
        rule_set: text("x"),
        by: text("eve"),
        approved_by: vec![text("mai"), text("nam")],
        warm: false,
        back: false,
    };
    let (mut journal, _) =
        Journal::open(Arc::new(RealDisk), &folder.path("k"), Options::new(|| 0, id), OnDamage::Refuse)
            .unwrap();
    let mut put = |said: &[Control], last| {
        for said in said {
            journal.append(Record::Control(&said.to_bytes())).unwrap();
        }
        journal.submit().unwrap();
        journal.wait(last).unwrap();
    };
    // What is proposed behind it takes nothing back.
    put(&[proposed("eve"), approved("mai", 1), approved("nam", 2), activated(), proposed("nam-desk")], 5);
    verified(&folder, "k", 0, "2 approvals are signed by the keys in their records");
    put(&[activated()], 6);
    let done = verified(&folder, "k", 1, "NOT APPROVED: record 6 counts that nam approved a rule set");
    assert!(!done.out.contains("that mai"), "{}", done.out);
}

#[test]
fn a_snapshot_of_other_events_is_named_and_passed_over() {
    // Where a snapshot is put down goes by when it is written, so two journals seldom differ in that.
    let twins = || {
        let folder = Folder::new();
        score(&folder, "j", 0, 5_000);
        copy(&folder.path("j"), &folder.path("k"));
        for from in [60, 120] {
            score(&folder, "j", from, 5_000);
            score(&folder, "k", from, 7_000);
        }
        let [j, k] = ["j/snapshots", "k/snapshots"].map(|path| {
            let names = std::fs::read_dir(folder.path(path)).unwrap();
            names.map(|entry| entry.unwrap().file_name()).collect::<std::collections::BTreeSet<_>>()
        });
        (j == k).then_some(folder)
    };
    let folder = (0..10).find_map(|_| twins()).unwrap();
    let same = verified(&folder, "j", 0, "2 snapshots are what their records say");
    assert!(!same.out.contains("in no record"), "{}", same.out);
    for entry in std::fs::read_dir(folder.path("k/snapshots")).unwrap() {
        let entry = entry.unwrap();
        // The same journal and record, made of other events.
        std::fs::copy(entry.path(), folder.path("j/snapshots").join(entry.file_name())).unwrap();
    }
    verified(&folder, "j", 1, "is another snapshot than its record says");
    good(&folder, "replay --journal j --from-snapshot");
    let done = good(&folder, "score --rules rules.toml --journal j");
    assert!(done.err.contains("is another than the journal's record of it says"), "{}", done.err);
    assert!(done.err.contains("answers are what they were"), "{}", done.err);
}

#[cfg(unix)]
#[test]
fn only_the_key_that_signed_goes_on_and_none_is_made_in_its_place() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    score(&folder, "j", 0, 5_000);
    score(&folder, "other", 0, 5_000);
    let records = || good(&folder, "audit verify --journal j").out;
    let before = records();
    for line in [
        "score --rules rules.toml --journal j --signing-key other/signing.key",
        "journal retain j --signing-key other/signing.key",
    ] {
        let done = folder.run(line);
        assert_eq!(done.code, Some(3), "{}", done.err);
        let says = "and the journal was signed with the key ";
        assert!(done.err.contains(says) && done.err.contains("--signing-key"), "{}", done.err);
    }
    let key = folder.path("j/signing.key");
    std::fs::set_permissions(&key, PermissionsExt::from_mode(0o640)).unwrap();
    let done = folder.run("score --rules rules.toml --journal j");
    assert!(done.code == Some(3) && done.err.contains("chmod 600"), "{}", done.err);
    std::fs::set_permissions(&key, PermissionsExt::from_mode(0o600)).unwrap();
    std::fs::rename(&key, folder.path("away.key")).unwrap();
    for public in [true, false] {
        if !public {
            std::fs::rename(folder.path("j/signing.pub"), folder.path("away.pub")).unwrap();
        }
        let done = folder.run("score --rules rules.toml --journal j");
        assert!(done.code == Some(3) && done.err.contains("signing.key is gone"), "{}", done.err);
        assert!(!key.exists(), "none is made");
    }
    std::fs::rename(folder.path("away.pub"), folder.path("j/signing.pub")).unwrap();
    assert_eq!(records(), before, "nothing was written");
    good(&folder, "score --rules rules.toml --journal j --signing-key away.key");
    good(&folder, "audit verify --journal j");
}
