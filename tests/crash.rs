//! A real process, killed at random moments under load: no answer that it gave is lost, and every decision is reproduced.
//!
//! What the operating system holds survives a killed process, so this does not test power loss; the simulated disk does.
//! `WEIR_KILLS=100` kills it a hundred times.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    missing_docs,
    unreachable_pub,
    reason = "a test fails loudly, and documents nothing"
)]

#[path = "support/commands.rs"]
mod commands;

use std::collections::HashMap;
use std::io::Write;
use std::process::Stdio;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use commands::Folder;
use weir::io::RealDisk;
use weir::journal::{Reader, Record};

/// Most events that a process is given before it is killed.
const PIECE: usize = 4_000;

/// A small generator of numbers: the moments differ from run to run anyway, since the machine's load does.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// The answers of a journal by the id of their event, in order, and how many events it holds.
fn journaled(folder: &Folder) -> (Vec<String>, usize) {
    let mut reader = Reader::open(Arc::new(RealDisk), &folder.path("j")).unwrap();
    let (mut answers, mut events) = (Vec::new(), 0);
    while let Some(entry) = reader.next_entry().unwrap() {
        match entry.record().unwrap() {
            Record::Event { .. } => events += 1,
            Record::Answer { bytes, .. } => answers.push(String::from_utf8(bytes.to_vec()).unwrap()),
            _ => {}
        }
    }
    (answers, events)
}

#[test]
fn a_process_killed_at_any_moment_loses_no_answer_that_it_gave() {
    let kills: u64 = std::env::var("WEIR_KILLS").map_or(10, |kills| kills.parse().unwrap());
    let folder = Folder::new();
    std::fs::copy("rules/retail.toml", folder.path("rules.toml")).unwrap();
    let events = PIECE as u64 * (kills + 1);
    let done = folder.run(&format!("generate --events {events} --accounts 300 --output events.ndjson"));
    assert_eq!(done.code, Some(0), "{}", done.err);
    let text = String::from_utf8(folder.read("events.ndjson")).unwrap();
    let lines: Arc<Vec<String>> = Arc::new(text.lines().map(|line| format!("{line}\n")).collect());
    let mut random = Random(1);
    let (mut given, mut killed, mut run) = (0, 0, 0);
    let mut held: HashMap<String, usize> = HashMap::new();
    loop {
        let at = if run == 0 { 0 } else { journaled(&folder).1 };
        if at == lines.len() || killed == kills {
            break;
        }
        let mode = ["group", "sync", "group --line-buffered"][run % 3];
        let line = format!("score --rules rules.toml --journal j --snapshot-every 700 --durability {mode}");
        let output = std::fs::File::create(folder.path("given.ndjson")).unwrap();
        let mut child =
            folder.command(&line).stdin(Stdio::piped()).stdout(output).stderr(Stdio::null()).spawn().unwrap();
        let (mut input, left) = (child.stdin.take().unwrap(), Arc::clone(&lines));
        let until = lines.len().min(at + random.below(PIECE as u64) as usize);
        // The way in stays open, so that it does not end by itself.
        let feeding = thread::spawn(move || {
            let fed = left[at..until].iter().try_for_each(|line| input.write_all(line.as_bytes()));
            (input, fed)
        });
        // Some whenever it may be, even before it has begun; most in the middle of what they were given.
        let anywhere = random.below(3) == 0;
        thread::sleep(Duration::from_millis(if anywhere { random.below(300) } else { 0 }));
        while !anywhere && !feeding.is_finished() {
            thread::sleep(Duration::from_millis(1));
        }
        killed += u64::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
        let _ = feeding.join().unwrap();
        run += 1;
        if !folder.path("j").is_dir()
            || std::fs::read_dir(folder.path("j"))
                .unwrap()
                .all(|entry| entry.unwrap().path().extension().is_none_or(|ending| ending != "journal"))
        {
            run = 0;
            continue;
        }
        let answers = journaled(&folder).0;
        held.clear();
        answers.iter().for_each(|answer| *held.entry(answer.clone()).or_default() += 1);
        let output = String::from_utf8(folder.read("given.ndjson")).unwrap();
        for line in output.split_inclusive('\n') {
            match line.strip_suffix('\n') {
                Some(line) => assert!(held.contains_key(line), "kill {killed}: given and lost: {line}"),
                // Killed while it wrote: the beginning of one.
                None => assert!(answers.iter().any(|answer| answer.starts_with(line)), "{line}"),
            }
            given += 1;
        }
    }
    assert!(killed == kills, "the stream was too short: {killed} kills");
    // A last run takes in what is left of a bounded piece.
    let at = journaled(&folder).1;
    let until = (at + 1_000).min(lines.len());
    folder.put("rest.ndjson", lines[at..until].concat());
    folder.put("all.ndjson", lines[..until].concat());
    let done = folder.run("score --rules rules.toml --journal j --input rest.ndjson --output rest.out");
    assert_eq!(done.code, Some(0), "{}", done.err);
    let plain = folder.run("score --rules rules.toml --input all.ndjson");
    let (answers, events) = journaled(&folder);
    assert_eq!(events, until);
    assert_eq!(answers.join("\n") + "\n", plain.out, "as though it had never been killed");
    for line in ["replay --journal j", "replay --journal j --from-snapshot", "audit verify --journal j"] {
        let done = folder.run(line);
        assert_eq!(done.code, Some(0), "{line}: {}{}", done.out, done.err);
    }
    assert!(given > 0, "no answer was given before a kill");
    println!("killed {killed} times, {given} answers given before, {} events in all", until);
}
