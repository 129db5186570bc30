//! `weir journal retain` as a user runs it: what it would do, what it did, and everything else behind it.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    unreachable_pub,
    reason = "a test fails loudly, and documents nothing"
)]

#[path = "support/commands.rs"]
mod commands;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use commands::{Done, Folder, payment};

const HOUR_US: i64 = 3_600_000_000;
/// All but the newest is archived, and what can be removed is.
const AT_ONCE: &str = "--online 0d --archived 0d --snapshots 0d";

fn run(folder: &Folder, line: &str, code: i32) -> Done {
    let done = folder.run(line);
    assert_eq!(done.code, Some(code), "`{line}`: {}{}", done.out, done.err);
    done
}

/// An hour from one payment to the next.
fn score(folder: &Folder, from: usize, more: &str) -> Done {
    score_every(folder, from, 40, more)
}

/// With a snapshot after so many of them.
fn score_every(folder: &Folder, from: usize, every: usize, more: &str) -> Done {
    let payments: String =
        (from..from + 100).map(|n| payment(&format!("t{n}"), n as i64 * HOUR_US, 500_000)).collect();
    folder.put("events.ndjson", payments);
    let line = "score --rules rules.toml --input events.ndjson --journal j --output d.ndjson";
    run(folder, &format!("{line} --snapshot-every {every} {more}"), 0)
}

fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.insert(path.clone(), std::fs::read(path).unwrap());
        }
    }
    found
}

fn part(done: &Done, part: &str) {
    assert!(done.out.contains(part) || done.err.contains(part), "no `{part}` in {}{}", done.out, done.err);
}

/// Four hundred payments over sixteen days; the windows of the rules, and what can be corrected, reach seven.
fn retained() -> Folder {
    let folder = Folder::new();
    score(&folder, 0, "");
    score(&folder, 100, "");
    run(&folder, "journal columns j", 0);
    run(&folder, "journal retain j --online 0d --snapshots 0d", 0);
    score(&folder, 200, "");
    score(&folder, 300, "--retain");
    folder
}

#[test]
fn a_dry_run_says_what_would_be_done_and_does_nothing() {
    let folder = retained();
    let before = files(&folder.path("j"));
    let done = run(&folder, &format!("journal retain j {AT_ONCE} --dry-run"), 0);
    for said in
        ["records 1 to ", ": removed", "to the archive", "a window may still need", "online, the newest"]
    {
        part(&done, said);
    }
    part(&done, "nothing was changed (--dry-run)");
    assert!(files(&folder.path("j")) == before);
    // By default nothing is old enough.
    part(&run(&folder, "journal retain j", 0), "nothing was due");
}

#[test]
fn what_is_archived_is_read_as_before() {
    let folder = Folder::new();
    score(&folder, 0, "");
    score(&folder, 100, "");
    let before = run(&folder, "replay --journal j", 0).out;
    let head = run(&folder, "journal show j", 0).out;
    let head = head.lines().find_map(|line| line.strip_prefix("last record: ")).unwrap().to_owned();
    let done = run(&folder, "journal retain j --online 0d --as keeper", 0);
    part(&done, "to the archive");
    part(&done, "1 segments archived: ");
    assert!(folder.path("j/archive/00000000000000000001.journal.zst").exists());
    assert!(!folder.path("j/00000000000000000001.journal").exists());
    assert_eq!(run(&folder, "replay --journal j", 0).out, before);
    let shown = run(&folder, "journal show j", 0);
    part(&shown, "segment archive/00000000000000000001.journal.zst: records 1 to ");
    assert!(!shown.out.contains("control, retained"), "{}", shown.out);
    part(&run(&folder, &format!("audit verify --journal j --head {head}"), 0), "are what was written");
    part(&run(&folder, "audit show t3 --journal j", 0), "answer, record ");
    part(&run(&folder, "journal columns j", 0), "columns/00000000000000000001.parquet: ");
    score(&folder, 200, "");
    part(&run(&folder, "journal show j", 0), "control, retained: 1 records");
    // A bit of it is changed.
    let path = "j/archive/00000000000000000001.journal.zst";
    let mut bytes = folder.read(path);
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    folder.put(path, bytes);
    let done = run(&folder, "audit verify --journal j", 1);
    part(&done, "CHANGED at record ");
    part(&done, "(archive/00000000000000000001.journal.zst, byte ");
    part(
        &run(&folder, "journal show j", 1),
        "damage: archive/00000000000000000001.journal.zst is damaged from byte ",
    );
    run(&folder, "replay --journal j", 3);
}

#[test]
fn what_is_removed_is_said_and_the_rest_is_reproduced() {
    let folder = retained();
    let done = run(&folder, &format!("journal retain j {AT_ONCE} --as keeper"), 0);
    part(&done, "1 segments removed, up to record ");
    part(&done, "files of columns removed");
    let verified = run(&folder, "audit verify --journal j", 0);
    part(&verified, "were removed by retention on 20");
    part(&verified, "; a note says so that is signed by the same key; it is in no signed record yet");
    let replayed = run(&folder, "replay --journal j", 0);
    part(&replayed, "; replay begins from the snapshot after record ");
    let reproduced = replayed.out.strip_prefix("reproduced ").unwrap().split(' ').next().unwrap();
    assert!((200..400).contains(&reproduced.parse::<u32>().unwrap()), "{reproduced}");
    part(&run(&folder, "journal show j", 0), "records 1 to ");
    part(&run(&folder, "audit show t390 --journal j", 0), "answer, record ");
    part(&run(&folder, "audit show t3 --journal j", 1), "were removed by retention on ");
    part(&run(&folder, "replay --journal j --rules rules.toml", 0), "knows nothing of them");
    score(&folder, 400, "");
    let verified = run(&folder, "audit verify --journal j", 0);
    part(&verified, "; record ");
    part(&verified, " says so");
    run(&folder, "replay --journal j --from-snapshot", 0);
    // Without the note the record in the chain is enough, and what it was begun with is said again there too.
    std::fs::remove_file(folder.path("j/removed.json")).unwrap();
    part(&run(&folder, "replay --journal j", 0), ", from the snapshot after record ");
    run(&folder, "audit show t390 --journal j", 0);
    score(&folder, 500, "");
    let other = "score --rules rules.toml --journal j --output d.ndjson --tokens off";
    part(&run(&folder, other, 3), "tokens of the key");
    run(&folder, "audit verify --journal j", 0);
    // What somebody else takes away is seen.
    let oldest = files(&folder.path("j")).into_keys().find(|path| path.to_string_lossy().ends_with(".zst"));
    let oldest = oldest.unwrap();
    let first: u64 = oldest.file_name().unwrap().to_str().unwrap()[..20].parse().unwrap();
    std::fs::remove_file(oldest).unwrap();
    part(&run(&folder, "audit verify --journal j", 1), &format!("CHANGED: records {first} to "));
}

#[test]
fn beside_a_writer_it_is_put_down_in_the_journal_when_that_ends() {
    let folder = Folder::new();
    score(&folder, 0, "");
    let line = "score --rules rules.toml --input - --journal j --output w.ndjson --line-buffered";
    let mut writer = folder.command(line).stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut input = writer.stdin.take().unwrap();
    input.write_all(payment("t900", 900 * HOUR_US, 5).as_bytes()).unwrap();
    let answered = || folder.path("w.ndjson").exists() && folder.read("w.ndjson").ends_with(b"\n");
    while !answered() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let done = run(&folder, "journal retain j --online 0d", 0);
    part(&done, "1 segments archived: ");
    input.write_all(payment("t901", 901 * HOUR_US, 5).as_bytes()).unwrap();
    drop(input);
    assert!(writer.wait().unwrap().success());
    part(&run(&folder, "journal show j", 0), "control, retained: 1 records");
    part(&run(&folder, "replay --journal j", 0), "reproduced 102 of 102");
}

#[test]
fn what_makes_no_sense_is_refused() {
    let folder = retained();
    part(
        &run(&folder, "journal retain j --online 30d --archived 7d", 3),
        "--online 30d is longer than --archived 7d",
    );
    part(&run(&folder, "journal retain j --online soon", 2), "give a time as 12h, 30d or 5y");
    std::fs::create_dir(folder.path("empty")).unwrap();
    part(&run(&folder, "journal retain empty", 3), "there is no journal in empty");
    assert_eq!(files(&folder.path("empty")).len(), 0);
}

fn copy(from: &Path, to: &Path) {
    for path in files(from).into_keys() {
        let to = to.join(path.strip_prefix(from).unwrap());
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(path, to).unwrap();
    }
}

/// Everything but the private key, as an auditor has it; the last head is proven by a public key kept elsewhere.
const VERIFY: &str = "audit verify --journal j --public-key kept.pub";

#[test]
fn nobody_claims_a_removal_without_the_key() {
    let folder = retained();
    folder.put("kept.pub", folder.read("j/signing.pub"));
    copy(&folder.path("j"), &folder.path("genuine"));
    run(&folder, &format!("journal retain genuine {AT_ONCE} --as keeper"), 0);
    let note = folder.read("genuine/removed.json");
    let said = files(&folder.path("genuine/asked")).into_values().next().unwrap();
    // Somebody deletes the same, who has no key.
    let segment = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.contains(".journal").then(|| name.split('.').next().unwrap().to_owned())
    };
    let left: Vec<_> = files(&folder.path("genuine")).into_keys().filter_map(|path| segment(&path)).collect();
    let mut gone = 0;
    for path in files(&folder.path("j")).into_keys() {
        if segment(&path).is_some_and(|first| !left.contains(&first)) {
            std::fs::remove_file(&path).unwrap();
            gone += 1;
        }
    }
    assert!(gone > 0);
    part(&run(&folder, VERIFY, 1), "are gone, and nothing says that retention removed them");
    let unsigned = |bytes: &[u8]| bytes.split(|byte| *byte == b'\n').next().unwrap().to_vec();
    let mut other = note.clone();
    // Another digit of the signature.
    let digit = other.iter_mut().rev().nth(7).unwrap();
    *digit = if *digit == b'0' { b'1' } else { b'0' };
    for forged in [unsigned(&note), other] {
        folder.put("j/removed.json", forged);
        part(&run(&folder, VERIFY, 1), "the note in removed.json that says so is not signed by this key");
    }
    // Nor by what lies beside, however often the journal is opened and signed.
    std::fs::create_dir_all(folder.path("j/asked")).unwrap();
    folder.put("j/asked/0.json", unsigned(&said));
    let refused = folder.run("score --rules rules.toml --input events.ndjson --journal j --output d.ndjson");
    assert_eq!(refused.code, Some(3), "who opens it believes no more: {}", refused.err);
    part(&refused, "records before it are in no segment");
    part(&score(&folder, 400, "--on-damage go-on"), "0.json is not taken into the journal");
    part(&run(&folder, VERIFY, 1), "is not signed by this key");
    part(&run(&folder, "journal show j", 1), "control, retained: 1 records");
    assert_eq!(folder.read("j/asked/0.json"), unsigned(&said));
    // The journal's own note is believed, and so is what was signed beside, once it is in the chain.
    folder.put("j/removed.json", &note);
    part(&run(&folder, VERIFY, 0), "a note says so that is signed by the same key");
    folder.put("j/asked/0.json", &said);
    let before = files(&folder.path("j"));
    score(&folder, 500, "");
    std::fs::remove_file(folder.path("j/removed.json")).unwrap();
    part(&run(&folder, VERIFY, 0), " says so");
    // Where the end of the chain is cut off, the record that said so is gone as well.
    for path in files(&folder.path("j")).into_keys() {
        if !before.contains_key(&path) {
            std::fs::remove_file(path).unwrap();
        }
    }
    part(&run(&folder, VERIFY, 1), "nothing says that retention removed them");
    folder.put("j/removed.json", &note);
    part(&run(&folder, VERIFY, 0), "a note says so that is signed by the same key");
    // Without a public key nothing is proven.
    std::fs::remove_file(folder.path("j/signing.pub")).unwrap();
    part(&run(&folder, "audit verify --journal j", 1), "NOT PROVEN: records 1 to ");
}

#[test]
fn where_the_public_key_is_gone_or_spoilt_all_who_read_say_so() {
    let folder = retained();
    run(&folder, &format!("journal retain j {AT_ONCE} --as keeper"), 0);
    score(&folder, 400, "");
    let key = folder.read("j/signing.pub");
    let readers = ["replay --journal j", "audit show t390 --journal j", "journal show j"];
    std::fs::remove_file(folder.path("j/signing.pub")).unwrap();
    for (line, code) in readers.into_iter().zip([3, 3, 1]) {
        let done = run(&folder, line, code);
        part(&done, "whether retention removed them only the journal's public key shows: ");
        part(&done, "j/signing.pub is gone; put it back from a copy");
        assert!(!done.out.contains("were removed by retention"), "{}", done.out);
    }
    folder.put("j/signing.pub", &key[..50]);
    for (line, code) in readers.into_iter().zip([3, 3, 1]) {
        part(&run(&folder, line, code), "j/signing.pub is spoilt, and no Ed25519 public key in PEM: ");
    }
    let spoilt = run(&folder, "audit verify --journal j", 3);
    part(&spoilt, "; put it back from a copy");
    assert!(!spoilt.err.contains("genpkey"), "{}", spoilt.err);
    folder.put("j/signing.pub", key);
    for line in readers {
        run(&folder, line, 0);
    }
}

#[test]
fn where_the_public_key_is_another_all_who_read_say_so() {
    let folder = retained();
    run(&folder, &format!("journal retain j {AT_ONCE}"), 0);
    let other = weir::journal::Signer::from_seed([9; 32]).public();
    folder.put("j/signing.pub", other.to_pem().unwrap());
    let says = format!(
        "signing.pub is the key {}, and not the one that signed the journal, ",
        weir::hex::hex(other.id())
    );
    for (line, code) in [("replay --journal j", 3), ("audit show t390 --journal j", 3), ("journal show j", 1)]
    {
        part(&run(&folder, line, code), &says);
    }
    part(&score(&folder, 400, ""), "warning: j/signing.pub is the key ");
}

#[test]
fn what_retention_removed_is_not_told_as_missing() {
    let folder = retained();
    run(&folder, &format!("journal retain j {AT_ONCE}"), 0);
    let note: serde_json::Value =
        serde_json::from_slice(folder.read("j/removed.json").split(|byte| *byte == b'\n').next().unwrap())
            .unwrap();
    let removed_to = note["last"].as_u64().unwrap();
    let archived = files(&folder.path("j/archive")).into_keys();
    let oldest = archived.filter(|path| path.to_string_lossy().ends_with(".journal.zst")).min().unwrap();
    std::fs::remove_file(oldest).unwrap();
    let missing = format!("ecords {} to ", removed_to + 1);
    let go_on = "score --rules rules.toml --input events.ndjson --journal j --output d.ndjson";
    for (line, code) in [
        ("audit verify --journal j", 1),
        ("replay --journal j", 3),
        ("audit show t390 --journal j", 3),
        ("journal show j", 1),
        (go_on, 3),
    ] {
        let done = run(&folder, line, code);
        part(&done, &missing);
        let all = [done.out, done.err].concat();
        assert!(!all.contains("records 1 to ") || all.contains("were removed by retention"), "{all}");
        assert!(!all.contains("gone or not whole"), "{all}");
    }
    part(&run(&folder, &format!("{go_on} --on-damage go-on"), 0), &missing);
}

#[test]
fn without_any_snapshot_behind_a_removal_a_snapshot_is_asked_for() {
    let folder = retained();
    run(&folder, &format!("journal retain j {AT_ONCE}"), 0);
    for path in archived_snapshots(&folder) {
        std::fs::remove_file(path).unwrap();
    }
    std::fs::remove_dir_all(folder.path("j/snapshots")).unwrap();
    let replayed = run(&folder, "replay --journal j", 3);
    part(&replayed, "retention removed records 1 to ");
    part(&replayed, "; restore one from a copy");
    part(&run(&folder, "journal show j", 1), "; so replay can't begin anywhere until it is restored");
}

#[test]
fn a_dry_run_goes_by_the_key_of_the_real_run_which_puts_the_public_one_back() {
    let folder = retained();
    let public = folder.read("j/signing.pub");
    std::fs::remove_file(folder.path("j/signing.pub")).unwrap();
    let dry = run(&folder, &format!("journal retain j {AT_ONCE} --dry-run"), 0);
    assert!(!folder.path("j/signing.pub").exists());
    let done = run(&folder, &format!("journal retain j {AT_ONCE}"), 0);
    assert!(
        done.out.starts_with(
            dry.out.split("the snapshot after").next().unwrap().split("nothing was").next().unwrap()
        ),
        "{}{}",
        dry.out,
        done.out
    );
    assert_eq!(folder.read("j/signing.pub"), public);
    // Behind a removal it takes the key to believe that one.
    std::fs::remove_file(folder.path("j/signing.pub")).unwrap();
    run(&folder, &format!("journal retain j {AT_ONCE} --dry-run"), 0);
}

#[test]
fn only_who_has_the_key_removes() {
    let folder = retained();
    std::fs::rename(folder.path("j/signing.key"), folder.path("away.key")).unwrap();
    let before = files(&folder.path("j"));
    let refused = run(&folder, &format!("journal retain j {AT_ONCE}"), 3);
    part(&refused, "signing.key is gone, and the journal was signed with the key ");
    assert!(files(&folder.path("j")) == before);
    run(&folder, &format!("journal retain j {AT_ONCE} --signing-key away.key"), 0);
    part(&run(&folder, "audit verify --journal j", 0), "signed by the same key");
}

#[test]
fn a_decision_from_before_what_can_be_replayed_is_shown_as_it_was_answered() {
    let folder = Folder::new();
    // In the second hundred a snapshot comes after eighty, and the removed ones end before it.
    folder.put("rules.toml", commands::RULES.replace("count > 2 and total > 0", "count > 0 and total > 0"));
    score_every(&folder, 0, 90, "");
    score_every(&folder, 100, 90, "");
    run(&folder, "journal retain j --online 0d --snapshots 0d", 0);
    score_every(&folder, 200, 90, "");
    score_every(&folder, 300, 90, "");
    part(&run(&folder, &format!("journal retain j {AT_ONCE}"), 0), "1 segments removed, up to record ");
    part(&run(&folder, "audit show t99 --journal j", 1), "`t99` has no decision in this journal");
    for (id, base) in [("t100", true), ("t170", true), ("t390", false)] {
        let done = run(&folder, &format!("audit show {id} --journal j"), 0);
        for said in
            ["event, record ", "answer, record ", "as it was then: j/kept/", "id = \"often\"", "count > 0"]
        {
            part(&done, said);
        }
        assert_eq!(done.out.contains("Replay begins behind record "), base, "{}", done.out);
        if base {
            part(&done, &format!("{id}: allow, score 0\n  often: often\n  count = 1 (exact)\n"));
            part(&done, "the events that the features counted can't be listed");
        } else {
            part(&done, "count = 1 (exact) of ");
        }
    }
    run(&folder, "audit show t170 --tenant nobody --journal j", 1);
    run(&folder, "audit show nobody --journal j", 1);
}

/// The snapshots of the archive, oldest first.
fn archived_snapshots(folder: &Folder) -> Vec<PathBuf> {
    let is_one = |path: &PathBuf| path.extension().is_some_and(|end| end == "snapshot");
    files(&folder.path("j/archive")).into_keys().filter(is_one).collect()
}

#[test]
fn the_snapshot_that_retention_left_to_begin_with_is_missed() {
    let folder = retained();
    run(&folder, &format!("journal retain j {AT_ONCE}"), 0);
    run(&folder, "audit verify --journal j", 0);
    let whole = run(&folder, "replay --journal j", 0);
    let oldest = archived_snapshots(&folder).swap_remove(0);
    std::fs::remove_file(oldest).unwrap();
    part(&run(&folder, "audit verify --journal j", 1), "CHANGED: the snapshot after record ");
    let replayed = run(&folder, "replay --journal j", 1);
    part(&replayed, "is passed over: retention left it to begin with, and it is gone");
    let base = whole.out.split("after record ").nth(1).unwrap().split(' ').next().unwrap();
    let shown = run(&folder, "journal show j", 1);
    part(
        &shown,
        &format!(
            "snapshot after record {base}, which retention left for that: it is gone; so replay begins later"
        ),
    );
    for done in [&shown, &replayed, &run(&folder, "audit verify --journal j", 1)] {
        let begins = format!("replay begins from the snapshot after record {base}");
        assert!(!done.out.contains(&begins) && !done.err.contains(&begins), "{}{}", done.out, done.err);
    }
    part(&replayed, "warning: it begins later than it should, behind record ");
    assert_ne!(replayed.out, whole.out);
    part(&run(&folder, "audit show t390 --journal j", 0), "it begins later than it should");
}

#[test]
fn what_others_took_is_not_removed_by_retention() {
    let folder = retained();
    let segments = |folder: &Folder| -> Vec<PathBuf> {
        let is_one = |path: &PathBuf| path.to_string_lossy().contains(".journal");
        files(&folder.path("j")).into_keys().filter(is_one).collect()
    };
    std::fs::remove_file(folder.path("j/archive/00000000000000000001.journal.zst")).unwrap();
    score_every(&folder, 400, 40, "--on-damage go-on");
    run(&folder, "journal retain j --online 0d --snapshots 0d", 0);
    score(&folder, 500, "");
    score(&folder, 600, "");
    // The next one is taken too, and nobody has decided on that.
    let next = segments(&folder).into_iter().min_by_key(|path| path.file_name().unwrap().to_owned()).unwrap();
    let taken = std::fs::read(&next).unwrap();
    std::fs::remove_file(&next).unwrap();
    let before = segments(&folder).len();
    for line in [format!("journal retain j {AT_ONCE} --dry-run"), format!("journal retain j {AT_ONCE}")] {
        let done = run(&folder, &line, 1);
        part(&done, "NOT REMOVED, since not all is there: ");
        part(&done, "records before it are in no segment; records 1 to ");
        part(&done, "not removed, since something is not all there");
    }
    assert_eq!((segments(&folder).len(), folder.path("j/removed.json").exists()), (before, false));
    std::fs::write(&next, taken).unwrap();
    // What somebody decided on is no hindrance, and stays told.
    part(&run(&folder, &format!("journal retain j {AT_ONCE}"), 0), " segments removed, up to record ");
    for again in [false, true] {
        let verified = run(&folder, "audit verify --journal j", 1);
        part(&verified, ", which were missing before; replay begins from ");
        part(
            &verified,
            " were gone before that: retention says that somebody had decided to go on without them",
        );
        part(&run(&folder, "replay --journal j", 0), ", but for 1 to ");
        if !again {
            score(&folder, 700, "");
        }
    }
}
