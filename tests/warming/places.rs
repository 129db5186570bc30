//! Where a warm-up begins, and with what: behind what retention removed, and with tokens in place of identifiers. What it fills
//! is what an engine knows that had the rule set all along, as far as windows don't reach back behind the place.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;
use serde_json::Value;
use weir::engine::{Engine, Limits, Recording};
use weir::event::Event;
use weir::io::{Bundle, Door};
use weir::journal::retention::Retention;
use weir::journal::{AnswerWriter, By, From, OnDamage, Options, Recorded, Setup, retain, snapshots};
use weir::tokens::Tokens;

use crate::recorded::{disk, options, setup, take};
use crate::{cases, finish, replayed};

const MINUTE_US: i64 = 60_000_000;
const HEAD: &str = "[ruleset]\nname = \"NAME\"\ntime_zone = \"UTC\"\ncurrency = \"VND\"\nremember = \"1h\"\n\n\
    [lists]\nbad = { file = \"bad.txt\", key = \"payee\" }\n\n[features]\n\
    count = { count = \"*\", by = \"account\", over = \"1h\" }\n";
/// The features of the rule set that is warmed, with the minutes that they reach back.
const NEW: [(&str, &str, i64); 4] = [
    ("short", "{ count = \"*\", by = \"account\", over = \"30m\" }", 30),
    ("long", "{ sum = \"amount\", by = \"account\", over = \"6h\" }", 360),
    ("payees", "{ distinct = \"payee\", by = \"account\", over = \"3h\" }", 180),
    ("ever", "{ count = \"*\", by = \"payee\", over = \"forever\" }", i64::MAX),
];
const RULE: &str =
    "\n[[rule]]\nid = \"bad\"\nwhen = \"payee in bad\"\nthen = \"block\"\nreason = \"listed\"\n";

fn pack(name: &str, features: &str) -> Bundle {
    let text = format!("{}{features}{RULE}", HEAD.replace("NAME", name));
    let files = [("bad.txt", "p1\np-of-a-name-that-is-long\n"), ("rules.toml", text.as_str())];
    let files = files.map(|(path, text)| (path.to_owned(), Arc::from(text.as_bytes())));
    Bundle::new("rules.toml".to_owned(), BTreeMap::from(files))
}

/// What an engine says that has a rule set all along, of every event.
fn all_along(rules: &Bundle, events: &[Event]) -> Vec<Value> {
    let loaded = rules.load().unwrap();
    let mut engine = Engine::new(loaded.rules, Limits::default(), Recording::All);
    engine.load_lists(loaded.lists);
    let writer = AnswerWriter::new(&engine).unwrap();
    let said = |event: &Event| {
        let (mut line, answer) = (Vec::new(), engine.step(event));
        writer.write(event, &answer, &mut line).unwrap();
        serde_json::from_slice(&line).unwrap()
    };
    events.iter().map(said).collect()
}

static ASKED: AtomicU64 = AtomicU64::new(0);

/// Archives and removes beside whoever writes.
fn retained(folder: &std::path::Path, archived_us: i64) -> usize {
    let keep = Retention { online_us: 0, archived_us, columns_us: 0, snapshots_us: 0 };
    // What is put down has a name of its own each time.
    let unique = u128::from(ASKED.fetch_add(1, Ordering::SeqCst)).to_le_bytes();
    let (who, why) = ("keeper".to_owned(), "policy".to_owned());
    let by = By { who, why, signer: options().signer, unique };
    retain(&disk(), folder, &keep, 1_000, &by).unwrap().removed.len()
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn what_is_filled_is_what_was_known_all_along(
        steps in prop::collection::vec((5..40_i64, 0..3_usize, 0..4_usize), 90..150),
        with_tokens: bool,
        removes: bool,
    ) {
        let features: String = NEW.iter().map(|(name, says, _)| format!("{name} = {says}\n")).collect();
        let (rules, next) = (pack("running", ""), pack("next", &features));
        let mut lines = weir::io::LineReader::new(rules.load().unwrap().rules.schema);
        let mut at_us = 20_000 * 86_400_000_000;
        let events: Vec<Event> = steps.iter().enumerate().map(|(n, (minutes, account, payee))| {
            at_us += minutes * MINUTE_US;
            let payee = ["p0", "p1", "p2", "p-of-a-name-that-is-long"][*payee];
            let line = format!(
                r#"{{"kind":"transaction","id":"t{n}","time_us":{at_us},"amount_minor":{minutes},"currency":"VND","account":"a{account}","payee":"{payee}"}}"#
            );
            lines.read(line.as_bytes()).unwrap().clone()
        }).collect();
        let expected = all_along(&next, &events);

        // With tokens nothing else is different.
        let tokens = Tokens::new(&[9; 32]);
        let told = |bundle: &Bundle| if with_tokens { bundle.tokenised(&tokens).unwrap() } else { bundle.clone() };
        let loaded = rules.load().unwrap().rules;
        let mut door = Door::new(tokens.clone(), &loaded);
        let sent: Vec<Event> = events.iter().map(|event| {
            if with_tokens { door.take(event, &loaded).unwrap().0.clone() } else { event.clone() }
        }).collect();

        let folder = tempfile::tempdir().unwrap();
        let all = Setup { recording: Some(Recording::All), ..setup(&told(&rules), &[], None) };
        let small = Options { segment_bytes: 4_000, ..options() };
        let (mut writer, _) =
            Recorded::open(disk(), folder.path(), small, OnDamage::Refuse, all, |_| {}).unwrap();
        let (mut places, mut removed) = (BTreeMap::from([(0, 0)]), 0);
        let begun = events.len() / 2;
        for at in 0..begun {
            take(&mut writer, &sent[at..=at]);
            if at % 10 == 9 {
                writer.snapshot().unwrap();
                places.insert(snapshots(&*disk(), folder.path()).unwrap()[0], at + 1);
                if removes {
                    // Into the archive first, and then what the windows no longer reach.
                    retained(folder.path(), i64::MAX);
                    removed += retained(folder.path(), 0);
                }
            }
        }
        prop_assert_eq!(removed > 0, removes);
        if with_tokens {
            prop_assert!(writer.warm(&next).is_err(), "with the identifiers themselves it would find nothing");
        }
        writer.warm(&told(&next)).unwrap();
        take(&mut writer, &sent[begun..begun + 3]);
        let from = finish(&mut writer).from;
        prop_assert_eq!(from > 0, removes);
        let place_us = places[&from].checked_sub(1).map_or(i64::MIN, |at| events[at].time_us());
        let answers = take(&mut writer, &sent[begun + 3..]);
        let mut exact = 0;
        for (at, line) in answers.iter().enumerate() {
            let (is, was) = (serde_json::from_str::<Value>(line).unwrap(), &expected[begun + 3 + at]);
            let since_us = events[begun + 3 + at].time_us().saturating_sub(place_us);
            prop_assert_eq!((&is["outcome"], &is["rules"]), (&was["outcome"], &was["rules"]));
            for (name, _, minutes) in NEW {
                let (is, was) = (&is["features"][name], &was["features"][name]);
                prop_assert!(was["quality"] == "exact", "{}: {}", name, was);
                let reach_us = minutes.saturating_mul(MINUTE_US);
                if removes && since_us < reach_us {
                    prop_assert_eq!(&is["quality"], "warming", "{} at {}", name, at);
                } else if since_us > reach_us || !removes {
                    prop_assert_eq!(is, was, "{} at {}", name, at);
                    exact += 1;
                }
            }
        }
        prop_assert!(exact > 0);
        writer.close().unwrap();
        replayed(folder.path(), From::Beginning);
        replayed(folder.path(), From::Snapshot);
        // What a later removal leaves can be gone on from, also behind the takeover.
        retained(folder.path(), 0);
        replayed(folder.path(), From::Beginning);
    }
}
