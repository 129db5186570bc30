//! A reload changes what is decided from then on, and nothing else: what is kept stays, what is new says so until it is
//! exact, what is unfit never gets in.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    reason = "a test fails loudly, and documents nothing"
)]

#[path = "support/asked.rs"]
mod asked;
#[path = "support/hostile.rs"]
mod hostile;
#[path = "support/packs.rs"]
mod packs;

use std::collections::BTreeMap;

use asked::asked;
use hostile::{STARTS, Step, newest_us, steps, stream};
use packs::{compiled, control, definitions, options, pack, text, varied};
use proptest::prelude::*;
use weir::decision::{Decision, Outcome, Quality, Reading, Value};
use weir::engine::{Answer, Engine, LEDGERS_MAX, Limits, Recording, ReloadError, STAGED_MAX, ShadowLimits};
use weir::event::{Draft, Event, Kind, TextField};
use weir::lists::{List, Listing, Lists};
use weir::rules::{Counts, Feature, Feedback, Reset, RuleSet, Window};
use weir::time::Calendar;

/// What an engine answered, to be compared.
#[derive(Clone, Debug, PartialEq)]
enum Said {
    Decided(Decision),
    Repeated(Decision),
    Taken,
    Alert,
    AlertedBefore,
    TakenBefore,
    Refused(&'static str),
}

fn said(answer: Answer<'_>) -> Said {
    match answer {
        Answer::Decided(decision) => Said::Decided(decision.clone()),
        Answer::Repeated(decision) => Said::Repeated(decision.clone()),
        Answer::Taken => Said::Taken,
        Answer::Alert(_) => Said::Alert,
        Answer::AlertedBefore(_) => Said::AlertedBefore,
        Answer::TakenBefore => Said::TakenBefore,
        Answer::Refused(refusal) => Said::Refused(refusal.code()),
    }
}

/// The same of whichever rule set: what happened, without features and numbers.
fn plain(said: &Said) -> Said {
    let bare = |decision: &Decision| Decision { rule_set: 0, features: Vec::new(), ..decision.clone() };
    match said {
        Said::Decided(decision) => Said::Decided(bare(decision)),
        Said::Repeated(decision) => Said::Repeated(bare(decision)),
        other => other.clone(),
    }
}

fn engine(rules: &RuleSet) -> Engine {
    Engine::new(rules.clone(), Limits::default(), Recording::All)
}

/// The value and quality of the feature of this name.
fn reading(engine: &Engine, name: &str) -> Reading {
    let at = engine.rules().features.iter().position(|feature| feature.name == name).unwrap();
    engine.readings()[at]
}

/// Whether a window can hold something that came in before `since_us`, told without the engine.
fn misses(feature: &Feature, since_us: i64, now_us: i64, calendar: &mut Calendar) -> bool {
    // What came in before may have been executed, and emptied it, for as long after as it is remembered.
    let emptied = feature.reset.as_ref().is_some_and(|reset| reset.on_execution);
    let later = emptied || feature.counts == Counts::Executed;
    let later_us = if later { 6 * 60 * MINUTE_US } else { 0 };
    let (since_us, now_us) = (since_us + later_us, now_us - feature.delay_us);
    match feature.window {
        Window::Sliding { length_us } => since_us > now_us - length_us,
        Window::Day => calendar.day(now_us).start_us <= since_us,
        Window::Month => calendar.month(now_us).start_us <= since_us,
        Window::Forever => true,
    }
}

proptest! {
    #![proptest_config(asked(500, 5_000))]

    #[test]
    fn what_is_kept_stays_and_what_is_new_is_warming_until_it_is_exact(
        kept in prop::collection::vec(definitions(), 1..4),
        old in prop::collection::vec(definitions(), 0..3),
        new in prop::collection::vec(definitions(), 1..4),
        options in options(),
        steps in steps(),
        start in prop::sample::select(&STARTS[..]),
        at in 0..60_usize,
    ) {
        // The same definitions under other names, and beside one that is in all of them.
        let before = varied(pack("before", &[("kept", &kept), ("old", &old)]), &options);
        let after = varied(pack("after", &[("stays", &kept), ("new", &new)]), &options);
        let whole = varied(pack("whole", &[("kept", &kept), ("old", &old), ("new", &new)]), &options);
        let events = stream(&before, &steps, start);
        let at = at.min(events.len());
        let since_us = newest_us(&events[..at], start);
        let swap = control(&before, "c", since_us, "rule_set", &after.hash_text());
        let nothing = control(&before, "c", since_us, "rate_version", "1");

        let (mut reloaded, mut never, mut always) = (engine(&before), engine(&before), engine(&whole));
        let mut again = engine(&before);
        prop_assert_eq!(reloaded.stage(after.clone()), Ok(after.hash));
        again.stage(after.clone()).unwrap();
        let mut calendar = Calendar::new(&before.time_zone).unwrap();
        let mut firsts: BTreeMap<u128, Decision> = BTreeMap::new();
        let mut now_us = i64::MIN;
        for step in 0..=events.len() {
            let swapped = step >= at;
            if step == at {
                prop_assert_eq!(reloaded.step(&swap), Answer::Taken);
                prop_assert_eq!(again.step(&swap), Answer::Taken);
                prop_assert_eq!(reloaded.step(&swap), Answer::TakenBefore);
                prop_assert_eq!(never.step(&nothing), Answer::Taken);
                prop_assert_eq!(always.step(&nothing), Answer::Taken);
                prop_assert_eq!(reloaded.rules().hash, after.hash);
            }
            let Some(event) = events.get(step) else { continue };
            let answer = said(reloaded.step(event));
            prop_assert_eq!(&said(again.step(event)), &answer, "a replay gives another answer");
            prop_assert_eq!(plain(&answer), plain(&said(never.step(event))), "event {} of {:#?}", step, events);
            prop_assert_eq!(plain(&answer), plain(&said(always.step(event))), "event {} of {:#?}", step, events);
            if !matches!(answer, Said::Refused(_)) {
                now_us = now_us.max(event.time_us());
            }
            match &answer {
                Said::Decided(decision) => {
                    prop_assert_eq!(decision.rule_set, u32::from(swapped));
                    firsts.insert(event.identity(), decision.clone());
                }
                Said::Repeated(decision) => {
                    prop_assert_eq!(Some(decision), firsts.get(&event.identity()));
                    let of = reloaded.rule_set(decision.rule_set).unwrap();
                    prop_assert_eq!(of.hash, if decision.rule_set == 0 { before.hash } else { after.hash });
                }
                _ => {}
            }
            let Said::Decided(_) = answer else { continue };
            for n in 0..kept.len() {
                let name = format!("{}{n}", if swapped { "stays" } else { "kept" });
                prop_assert_eq!(
                    reading(&reloaded, &name), reading(&never, &format!("kept{n}")),
                    "{} at event {} of {:#?}\n{:#?}", name, step, events, kept
                );
            }
            for n in (0..new.len()).filter(|_| swapped) {
                let name = format!("new{n}");
                let (found, expected) = (reading(&reloaded, &name), reading(&always, &name));
                let feature = after.features.iter().find(|feature| feature.name == name).unwrap();
                // One that is kept, or in the base, under another name is not new.
                let is_new = before.features.iter().all(|held| held.hash != feature.hash);
                let keyless = found.value == Value::Null && expected.value == Value::Null;
                let warming = is_new && misses(feature, since_us, now_us, &mut calendar);
                if warming && !(keyless && found.quality == Quality::Exact) {
                    prop_assert_eq!(found.quality, Quality::Warming);
                    prop_assert_eq!(found.known(), Value::Null);
                    continue;
                }
                prop_assert_eq!(
                    found.value, expected.value,
                    "{} at event {} of {:#?}\n{:#?}", name, step, events, new
                );
                // Said per key, so that a neighbour that is not in the new ledger can only add it.
                prop_assert!(found.quality != Quality::Warming);
                prop_assert!(found.quality == Quality::Exact || expected.quality == Quality::Corrected);
            }
        }
    }

    #[test]
    fn the_same_rule_set_again_changes_nothing_but_its_number(
        features in prop::collection::vec(definitions(), 1..5),
        steps in steps(),
        start in prop::sample::select(&STARTS[..]),
        swaps in prop::collection::btree_set(0..80_usize, 1..6),
    ) {
        let rules = pack("same", &[("f", &features)]);
        let events = stream(&rules, &steps, start);
        let (mut reloaded, mut never) = (engine(&rules), engine(&rules));
        reloaded.stage(rules.clone()).unwrap();
        let mut number = 0;
        let mut numbers: BTreeMap<u128, u32> = BTreeMap::new();
        for (step, event) in events.iter().enumerate() {
            if swaps.contains(&step) {
                let (id, time_us) = (format!("c{step}"), newest_us(&events[..step], start));
                let swap = control(&rules, &id, time_us, "rule_set", &rules.hash_text());
                prop_assert_eq!(reloaded.step(&swap), Answer::Taken);
                never.step(&control(&rules, &id, time_us, "rate_version", "1"));
                number += 1;
            }
            let answer = match said(reloaded.step(event)) {
                Said::Decided(decision) => {
                    prop_assert_eq!(decision.rule_set, number);
                    numbers.insert(event.identity(), number);
                    Said::Decided(Decision { rule_set: 0, ..decision })
                }
                Said::Repeated(decision) => {
                    prop_assert_eq!(Some(&decision.rule_set), numbers.get(&event.identity()));
                    Said::Repeated(Decision { rule_set: 0, ..decision })
                }
                other => other,
            };
            prop_assert_eq!(answer, said(never.step(event)), "event {} of {:#?}", step, events);
        }
        prop_assert_eq!(reloaded.memory().state, never.memory().state, "a ledger was begun for nothing");
    }

    #[test]
    fn a_rule_set_that_is_refused_leaves_no_trace(
        features in prop::collection::vec(definitions(), 1..4),
        steps in steps(),
        start in prop::sample::select(&STARTS[..]),
        at in 0..60_usize,
    ) {
        let file = text("running", "", &[("f", &features)]);
        let rules = compiled(&file);
        let events = stream(&rules, &steps, start);
        let (mut tried, mut left_alone) = (engine(&rules), engine(&rules));
        for (step, event) in events.iter().enumerate() {
            if step == at {
                let unfit = |from, to| compiled(&file.replace(from, to));
                let refused = tried.stage(unfit("\"VND\"", "\"USD\""));
                prop_assert_eq!(refused, Err(ReloadError::Currency { running: "VND", found: "USD" }));
                let refused = tried.stage(unfit("Asia/Ho_Chi_Minh", "UTC")).unwrap_err().to_string();
                prop_assert!(refused.contains("`UTC`") && refused.contains("`Asia/Ho_Chi_Minh`"), "{}", refused);
                let silent = RuleSet { feedback: Feedback::None, ..rules.clone() };
                let refused = tried.stage(silent);
                prop_assert_eq!(refused, Err(ReloadError::Feedback { running: "execution", found: "none" }));
                for (to, found) in [("email = \"text\"\nage = \"integer\"", "age"), ("email = \"text\"", "balance")] {
                    let from = if found == "age" { "email = \"text\"" } else { "balance = \"money\"\nemail = \"text\"" };
                    let text = file.replace(from, to).replace("'balance'", "'amount'");
                    let refused = tried.stage(compiled(&text));
                    let Err(ReloadError::Field { name, .. }) = refused else { panic!("{refused:?}") };
                    prop_assert_eq!(name, found);
                }
                let ahead_us = event.time_us() + 40 * weir::time::DAY_US;
                for subject in ["0".repeat(64), rules.hash_text(), "retail".to_owned()] {
                    let unknown = control(&rules, "c", ahead_us, "rule_set", &subject);
                    let Answer::Refused(refusal) = tried.step(&unknown) else { panic!("{subject} was taken") };
                    prop_assert_eq!(refusal.code(), "unknown_rule_set");
                }
            }
            prop_assert_eq!(said(tried.step(event)), said(left_alone.step(event)));
        }
    }
}

fn payment(n: usize, ahead_us: i64) -> Step {
    Step::payment(ahead_us, 100 + n as i64, 0, 0)
}

const MINUTE_US: i64 = 60_000_000;

#[test]
fn a_condition_does_not_know_a_feature_that_is_warming() {
    let rule = |id: &str, on_unknown: &str| {
        format!(
            "[[rule]]\nid = \"{id}\"\nwhen = \"n > 0\"\nthen = \"alert\"\nreason = \"r\"\non_unknown = \"{on_unknown}\"\n"
        )
    };
    let before = pack("before", &[]);
    let rules = rule("silent", "silent") + &rule("fires", "fires");
    let after = text("after", &rules, &[]) + "n = { count = '*', by = 'account', over = '30m' }\n";
    let after = compiled(&after);
    let steps: Vec<Step> = (0..12).map(|n| payment(n, 5 * MINUTE_US)).collect();
    let events = stream(&before, &steps, STARTS[1]);
    let mut engine = Engine::new(before, Limits::default(), Recording::Fired);
    engine.stage(after.clone()).unwrap();
    let ids = |decision: &Decision| -> Vec<&str> {
        let fired = decision.fired.iter().map(|&at| after.rules[usize::from(at)].id.as_str());
        fired.filter(|id| *id != "stopped").collect()
    };
    for (n, event) in events.iter().enumerate() {
        if n == 2 {
            let swap = control(&after, "c", events[1].time_us(), "rule_set", &after.hash_text());
            assert_eq!(engine.step(&swap), Answer::Taken);
        }
        let Answer::Decided(decision) = engine.step(event) else { panic!("{event:?}") };
        // Half an hour after the swap all that it missed has left the window.
        let expected: &[&str] = match n {
            0 | 1 => &[],
            2..7 => &["fires"],
            _ => &["silent", "fires"],
        };
        assert_eq!(ids(decision), expected, "payment {n}");
        if (2..7).contains(&n) {
            let reading = Reading { value: Value::Whole(n as i64 - 1), quality: Quality::Warming };
            let recorded = |name: &str| {
                let at = after.features.iter().position(|feature| feature.name == name).unwrap();
                decision
                    .features
                    .iter()
                    .find(|(feature, _)| usize::from(*feature) == at)
                    .map(|(_, found)| *found)
            };
            assert_eq!(recorded("n"), Some(reading), "what it has is recorded");
        }
    }
}

#[test]
fn a_longer_remember_brings_nothing_back_and_a_shorter_one_holds_at_once() {
    let file = text("first", "", &[]);
    let [first, longer, shorter] = ["6h", "30d", "1h"]
        .map(|remember| compiled(&file.replace("remember = \"6h\"", &format!("remember = \"{remember}\""))));
    let hour_us = 60 * MINUTE_US;
    let steps: Vec<Step> = (0..4).map(|n| payment(n, 4 * hour_us)).collect();
    let events = stream(&first, &steps, STARTS[1]);
    let mut engine = Engine::new(first.clone(), Limits::default(), Recording::Fired);
    engine.stage(longer.clone()).unwrap();
    engine.stage(shorter.clone()).unwrap();
    for event in &events {
        assert!(matches!(engine.step(event), Answer::Decided(_)));
    }
    let now_us = events[3].time_us();
    assert_eq!(engine.step(&control(&first, "c1", now_us, "rule_set", &longer.hash_text())), Answer::Taken);
    assert!(matches!(engine.step(&events[1]), Answer::Decided(_)), "it was forgotten before");
    assert!(matches!(engine.step(&events[2]), Answer::Repeated(_)));
    assert_eq!(engine.step(&control(&first, "c2", now_us, "rule_set", &shorter.hash_text())), Answer::Taken);
    assert!(matches!(engine.step(&events[3]), Answer::Repeated(_)));
    assert!(matches!(engine.step(&events[2]), Answer::Decided(_)), "it came in more than an hour ago");
}

#[test]
fn ledgers_and_staged_rule_sets_are_bounded() {
    let window = |n: usize| vec![format!("count = '*', by = 'account', over = '{}m'", n + 1)];
    let packs: Vec<RuleSet> = (0..=LEDGERS_MAX)
        .map(|n| pack("pack", &[("f", &(0..=n).flat_map(window).collect::<Vec<_>>())]))
        .collect();
    let mut engine = Engine::new(packs[0].clone(), Limits::default(), Recording::All);
    let swap = |engine: &mut Engine, n: usize, rules: &RuleSet| {
        let event = control(rules, &format!("c{n}"), 1_000_000 + n as i64, "rule_set", &rules.hash_text());
        said(engine.step(&event))
    };
    for (n, rules) in packs.iter().enumerate().skip(1) {
        let staged = engine.stage(rules.clone());
        if n == LEDGERS_MAX {
            assert_eq!(staged, Err(ReloadError::LedgersFull { ledgers_max: LEDGERS_MAX }));
            assert_eq!(swap(&mut engine, n, rules), Said::Refused("unknown_rule_set"));
        } else {
            assert_eq!(swap(&mut engine, n, rules), Said::Taken);
        }
    }
    // One that has room when it is staged, and none when it is asked for.
    let all: Vec<String> = (0..LEDGERS_MAX).flat_map(window).chain(window(100)).collect();
    let late = pack("late", &[("f", &all)]);
    let mut engine = Engine::new(packs[0].clone(), Limits::default(), Recording::All);
    engine.stage(late.clone()).unwrap();
    for (n, rules) in packs.iter().enumerate().take(LEDGERS_MAX).skip(1) {
        engine.stage(rules.clone()).unwrap();
        assert_eq!(swap(&mut engine, n, rules), Said::Taken);
    }
    assert_eq!(swap(&mut engine, 90, &late), Said::Refused("ledgers_full"));
    assert_eq!(engine.rules().hash, packs[LEDGERS_MAX - 1].hash);
    // Going back leaves ledgers behind, so there is room again.
    engine.stage(packs[0].clone()).unwrap();
    assert_eq!(swap(&mut engine, 91, &packs[0]), Said::Taken);
    assert_eq!(swap(&mut engine, 92, &late), Said::Taken);
    let mut refused = None;
    for n in 0..=STAGED_MAX {
        let window = vec![format!("count = '*', by = 'account', over = '{}h'", n + 1)];
        refused = refused.or(engine.stage(pack("more", &[("f", &window)])).err());
    }
    assert_eq!(refused, Some(ReloadError::StagedFull { staged_max: STAGED_MAX }));
}

#[test]
fn a_former_rule_set_is_kept_for_as_long_as_its_decisions() {
    let (before, after) = (pack("before", &[]), pack("after", &[]));
    let events =
        stream(&before, &[payment(0, 0), payment(1, 6 * 60 * MINUTE_US - 1), payment(2, 1)], STARTS[1]);
    let mut engine = Engine::new(before.clone(), Limits::default(), Recording::Fired);
    engine.stage(after.clone()).unwrap();
    assert!(matches!(engine.step(&events[0]), Answer::Decided(d) if d.outcome == Outcome::Allow));
    let swap = control(&after, "c", events[0].time_us(), "rule_set", &after.hash_text());
    assert_eq!(engine.step(&swap), Answer::Taken);
    assert!(matches!(engine.step(&events[1]), Answer::Decided(d) if d.rule_set == 1));
    assert!(matches!(engine.step(&events[0]), Answer::Repeated(d) if d.rule_set == 0));
    assert_eq!(engine.rule_set(0).unwrap().hash, before.hash);
    assert_eq!(engine.rule_set(1).unwrap().hash, after.hash);
    engine.stage(after.clone()).unwrap();
    assert!(engine.rule_set(0).is_some(), "a repeat of its decision can still come");
    assert!(matches!(engine.step(&events[2]), Answer::Decided(_)));
    engine.stage(after.clone()).unwrap();
    assert!(engine.rule_set(0).is_none());
    assert!(engine.unstage(&after.hash) && !engine.unstage(&after.hash));
    let swap = control(&after, "d", events[2].time_us(), "rule_set", &after.hash_text());
    assert_eq!(said(engine.step(&swap)), Said::Refused("unknown_rule_set"));
}

/// A pack whose feature `carried` reads a table, among other tables before and after it.
fn carrying(name: &str, edge: &str, others: &str) -> RuleSet {
    let table = format!(
        "carried = {{ sum = 'amount', by = 'account', over = '6h', where = \"band = 'high'\" }}\n{others}\
         [tables.band]\nrows = [{{ when = \"amount > {edge} and busy < 5\", is = \"high\" }}]\nelse = \"low\"\non_unknown = \"next\"\n"
    );
    compiled(&(text(name, "", &[]) + &table))
}

const OTHERS: &str =
    "[tables.aside]\nrows = [{ when = \"channel = 'web'\", is = 1 }]\nelse = 2\non_unknown = \"next\"\n";

proptest! {
    #![proptest_config(asked(200, 5_000))]

    #[test]
    fn what_carries_a_table_goes_on_where_the_same_table_stands_elsewhere(
        steps in steps(),
        start in prop::sample::select(&STARTS[..]),
        at in 0..40_usize,
    ) {
        let (before, after) = (carrying("before", "2000", ""), carrying("after", "2000", OTHERS));
        let events = stream(&before, &steps, start);
        let (mut reloaded, mut never) = (engine(&before), engine(&before));
        reloaded.stage(after.clone()).unwrap();
        for (step, event) in events.iter().enumerate() {
            if step == at {
                let time_us = newest_us(&events[..at], start);
                reloaded.step(&control(&before, "c", time_us, "rule_set", &after.hash_text()));
                never.step(&control(&before, "c", time_us, "rate_version", "1"));
            }
            let decided = matches!(reloaded.step(event), Answer::Decided(_));
            never.step(event);
            if decided {
                prop_assert_eq!(reading(&reloaded, "carried"), reading(&never, "carried"));
            }
        }
    }
}

#[test]
fn what_carries_another_table_or_lost_its_table_for_a_while_begins_anew() {
    let packs = [carrying("before", "100", ""), carrying("changed", "101", ""), pack("without", &[])];
    let events =
        stream(&packs[0], &(0..6).map(|n| payment(1_000 + n, MINUTE_US)).collect::<Vec<_>>(), STARTS[1]);
    let mut engine = engine(&packs[0]);
    packs.iter().for_each(|rules| assert!(engine.stage(rules.clone()).is_ok()));
    let mut qualities = Vec::new();
    for (at, event) in events.iter().enumerate() {
        if let Some(next) = [None, Some(1), None, Some(2), Some(0), None][at].map(|next: usize| &packs[next])
        {
            let swap =
                control(next, &format!("c{at}"), events[at - 1].time_us(), "rule_set", &next.hash_text());
            assert_eq!(engine.step(&swap), Answer::Taken);
        }
        assert!(matches!(engine.step(event), Answer::Decided(_)));
        let has = engine.rules().features.iter().any(|feature| feature.name == "carried");
        qualities.push(has.then(|| reading(&engine, "carried").quality));
    }
    let (exact, warming) = (Some(Quality::Exact), Some(Quality::Warming));
    assert_eq!(qualities, [exact, warming, warming, None, warming, warming]);
}

#[test]
fn a_feature_is_known_by_all_that_it_means_and_by_nothing_else() {
    let hash = |text: &str, name: &str| {
        let rules = compiled(text);
        rules.features.iter().find(|feature| feature.name == name).unwrap().hash
    };
    let definition = "sum = 'balance', by = 'account', over = '1h', where = \"amount > edge\"".to_owned();
    let file = text("pack", "", &[("f", &[definition])]);
    let same = [
        file.replace("f0 =", "g0 =").replace("\"pack\"", "\"other\""),
        file.replace("amount > edge", "  AMOUNT   >edge -- a remark"),
        file.replace("over = '1h'", "over = '60m', current = true, counts = 'asked', at = 'account'"),
        file.replace("busy > 6", "busy > 7"),
        file.replace("[params]", "[params]\nfree = 7"),
    ];
    for text in &same {
        let name = if text.contains("g0 =") { "g0" } else { "f0" };
        assert_eq!(hash(text, name), hash(&file, "f0"), "{text}");
    }
    let other = [
        file.replace("value = 1_000,", "value = 1_001,"),
        file.replace("over = '1h'", "over = '61m'"),
        file.replace("over = '1h'", "over = '1h', counts = 'allowed'"),
        file.replace("over = '1h'", "over = '1h', current = false"),
        file.replace("over = '1h'", "over = '1h', from = 'observed'"),
        file.replace("over = '1h'", "over = '1h', at = 'payee'"),
        file.replace("'balance', by = 'account'", "'balance', by = 'payee'"),
        file.replace("sum = 'balance'", "sum = 'amount'"),
        file.replace("sum = 'balance'", "mean = 'balance'"),
        file.replace("amount > edge", "amount >= edge"),
    ];
    for text in &other {
        assert_ne!(text, &file);
        assert_ne!(hash(text, "f0"), hash(&file, "f0"), "{text}");
    }
    let carried = |rules: RuleSet| rules.features.iter().find(|f| f.name == "carried").unwrap().hash;
    let table = carrying("a", "2000", "");
    assert_eq!(carried(carrying("b", "2000", OTHERS)), carried(table.clone()));
    assert_ne!(carried(carrying("a", "2001", "")), carried(table), "its table says otherwise");
    // What the table reads is part of it.
    let busier = |over: &str| {
        let table = "t0 = { count = '*', by = 'account', over = '1h', where = \"band\" }\n\
             [tables.band]\nrows = [{ when = \"busy > 1\", is = true }]\nelse = false\non_unknown = \"next\"\n";
        hash(
            &(text("a", "", &[]).replacen("over = \"1h\" }", &format!("over = \"{over}\" }}"), 1) + table),
            "t0",
        )
    };
    assert_eq!(busier("1h"), busier("60m"));
    assert_ne!(busier("1h"), busier("2h"), "its table reads another feature");
}

/// A pack with a list that a feature and a rule ask, after other lists or none.
fn listing(name: &str, others: &str) -> RuleSet {
    let rule = "[[rule]]\nid = \"listed\"\nwhen = \"payee in watched\"\nthen = \"alert\"\nreason = \"r\"\n";
    let lists = format!(
        "asked = {{ count = '*', by = 'account', over = '6h', where = \"payee in watched\" }}\n\
         [lists]\n{others}watched = {{ key = \"payee\" }}\n"
    );
    compiled(&(text(name, rule, &[]) + &lists))
}

#[test]
fn what_asks_a_list_to_empty_a_feature_goes_on_where_that_list_stands() {
    // The condition of what counts becomes that of what empties.
    let emptied = |mut rules: RuleSet| {
        for feature in rules.features.iter_mut().filter(|feature| feature.name == "asked") {
            let (condition, lists) = (feature.condition.take(), std::mem::take(&mut feature.lists));
            let from = feature.from;
            feature.reset = Some(Reset { from, on_execution: false, condition, tables: Vec::new(), lists });
            assert!(feature.is_bound());
        }
        rules
    };
    let before = emptied(listing("before", ""));
    let after = emptied(listing("after", "aside = { key = \"device\" }\n"));
    let mut engine = engine(&before);
    engine.stage(after.clone()).unwrap();
    let events = stream(&before, &(0..6).map(|n| payment(n, MINUTE_US)).collect::<Vec<_>>(), STARTS[1]);
    let mut counted = Vec::new();
    for (at, event) in events.iter().enumerate() {
        let time_us = events[at.max(1) - 1].time_us();
        if at == 2 {
            assert_eq!(engine.step(&put(&before, "l", time_us, "watched", "a")), Answer::Taken);
        }
        if at == 4 {
            let swap = control(&after, "c", time_us, "rule_set", &after.hash_text());
            assert_eq!(engine.step(&swap), Answer::Taken);
        }
        assert!(matches!(engine.step(event), Answer::Decided(_)));
        assert_eq!(reading(&engine, "asked").quality, Quality::Exact);
        counted.push(reading(&engine, "asked").value);
    }
    assert_eq!(counted, [1, 2, 3, 1, 1, 1].map(Value::Whole));
}

fn put(rules: &RuleSet, id: &str, time_us: i64, list: &str, entry: &str) -> Event {
    let mut draft = Draft::new(rules.schema.clone());
    draft.begin(Kind::List, time_us).unwrap();
    for (field, text) in
        [(TextField::Id, id), (TextField::List, list), (TextField::Entry, entry), (TextField::Action, "put")]
    {
        draft.text(field, text).unwrap();
    }
    draft.seal().unwrap().clone()
}

#[test]
fn lists_go_on_where_they_stand_elsewhere_and_so_does_what_asks_them() {
    let before = listing("before", "");
    let after = listing("after", "aside = { key = \"device\" }\n");
    let mut own = List::default();
    own.put(None, "d", Listing::default());
    let staged: Lists = [own, List::default()].into_iter().collect();
    let mut engine = engine(&before);
    engine.stage_with_lists(after.clone(), staged).unwrap();
    let shadow = listing("shadow", "aside = { key = \"device\" }\n");
    engine.load_shadow(shadow, Lists::default(), ShadowLimits::default()).unwrap();
    let events = stream(&before, &(0..4).map(|n| payment(n, MINUTE_US)).collect::<Vec<_>>(), STARTS[1]);
    let asked = |engine: &Engine| reading(engine, "asked");
    let exact = |n| Reading { value: Value::Whole(n), quality: Quality::Exact };
    let alerts = |engine: &mut Engine, event: &Event| {
        let Answer::Decided(decision) = engine.step(event) else { panic!("{event:?}") };
        let alert = decision.alert;
        assert_eq!(engine.shadow_decision().unwrap().alert, alert, "the shadow asks the same list");
        alert
    };
    assert!(!alerts(&mut engine, &events[0]));
    assert_eq!(engine.step(&put(&before, "l", events[0].time_us(), "watched", "a")), Answer::Taken);
    assert!(alerts(&mut engine, &events[1]));
    assert_eq!(asked(&engine), exact(1));
    let swap = control(&after, "c", events[1].time_us(), "rule_set", &after.hash_text());
    assert_eq!(engine.step(&swap), Answer::Taken);
    assert!(alerts(&mut engine, &events[2]), "what events put on the list stays on it");
    assert_eq!(asked(&engine), exact(2));
    assert_eq!([0, 1].map(|at| engine.lists().get(at).unwrap().len()), [1, 1]);
    assert!(matches!(engine.step(&put(&after, "m", events[2].time_us(), "aside", "e")), Answer::Taken));
    assert!(alerts(&mut engine, &events[3]));
    assert_eq!(asked(&engine), exact(3));
}
