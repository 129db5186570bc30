//! Lists: what conditions ask of them, what events change on them, and what their files say.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that fails stops")]

use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use weir::engine::{Answer, Engine, Limits, Recording};
use weir::event::{Draft, Event, Kind, TextField};
use weir::lists::{List, Listing, Lists};
use weir::money::Currency;
use weir::rules::{Facts, KeyField, RuleSet, compile};

const HEAD: &str = "[ruleset]\nname = \"t\"\ncurrency = \"VND\"\ntime_zone = \"Asia/Ho_Chi_Minh\"\n";
const LISTS: &str = "[lists]\nsuspected = { key = \"payee\" }\nexempt = { key = \"account\" }\n";

fn rules(more: &str) -> RuleSet {
    compile("t.toml", &format!("{HEAD}{LISTS}{more}")).into_result().unwrap()
}

fn rule(id: &str, when: &str) -> String {
    format!("[[rule]]\nid = \"{id}\"\nwhen = \"{when}\"\nthen = \"alert\"\n")
}

/// An event with these texts.
fn event(draft: &mut Draft, kind: Kind, time_us: i64, texts: &[(TextField, &str)]) -> Event {
    draft.begin(kind, time_us).unwrap();
    draft.amount(5, Currency::VND).unwrap();
    for &(field, text) in texts {
        draft.text(field, text).unwrap();
    }
    draft.seal().unwrap().clone()
}

/// What a condition says where `a` is suspected at level 7 until 100 and `c` without a level; `b` is exempt.
fn holds(condition: &str, now_us: i64, texts: &[(TextField, &str)]) -> Option<bool> {
    let set = rules(&rule("r", condition));
    let mut suspected = List::default();
    suspected.put(None, "a", Listing { expires_us: Some(100), level: Some(7), note: None });
    suspected.put(None, "c", Listing::default());
    suspected.put(Some("t"), "d", Listing::default());
    let mut exempt = List::default();
    exempt.put(None, "b", Listing::default());
    let lists = Lists::from_iter([exempt, suspected]);
    let mut draft = Draft::new(Arc::clone(&set.schema));
    let event = event(&mut draft, Kind::Transaction, 0, &[&[(TextField::Id, "e")], texts].concat());
    set.rules[0].when.holds(&Facts { lists: &lists, now_us, ..Facts::of(&event, (0, 1)) })
}

#[test]
fn conditions_ask_lists() {
    use TextField::{Account, Payee, Tenant};
    let (yes, no, unknown) = (Some(true), Some(false), None);
    for (condition, now_us, texts, expected) in [
        ("payee in suspected", 99, &[(Payee, "a")][..], yes),
        ("payee in suspected", 100, &[(Payee, "a")], no),
        ("payee in suspected", 0, &[(Payee, "b")], no),
        ("payee in suspected", 0, &[(Payee, "A")], no),
        ("payee in suspected", 0, &[(Payee, "d")], no),
        ("payee in suspected", 0, &[(Payee, "d"), (Tenant, "t")], yes),
        ("payee in suspected", 0, &[(Payee, "a"), (Tenant, "t")], yes),
        ("payee in suspected", 0, &[], unknown),
        ("payee not in suspected", 0, &[(Payee, "b")], yes),
        ("payee not in suspected", 0, &[(Payee, "a")], no),
        ("payee not in suspected", 0, &[], unknown),
        ("not payee in suspected", 0, &[(Payee, "a")], no),
        ("payee in (suspected)", 0, &[(Payee, "a")], yes),
        ("payee not in ( SUSPECTED )", 0, &[(Payee, "a")], no),
        ("payee in /* all of */ suspected and true", 0, &[(Payee, "a")], yes),
        ("(payee in suspected) is unknown", 0, &[], yes),
        ("account in suspected or account in exempt", 0, &[(Account, "b")], yes),
        ("coalesce(payee, account) in suspected", 0, &[(Account, "c")], yes),
        ("'a' in suspected", 0, &[], yes),
        ("null in suspected", 0, &[], unknown),
        (
            "case when payee in suspected then account in exempt else false end",
            0,
            &[(Payee, "a"), (Account, "b")],
            yes,
        ),
        ("level(payee, suspected) = 7", 99, &[(Payee, "a")], yes),
        ("level(payee, suspected) is null", 100, &[(Payee, "a")], yes),
        ("level(payee, suspected) is null", 0, &[(Payee, "c")], yes),
        ("level(payee, suspected) > 0", 0, &[(Payee, "c")], unknown),
        ("level(payee, suspected) > 0", 0, &[], unknown),
        ("coalesce(level(payee, suspected), 0) + 1 between 1 and 8", 0, &[(Payee, "a")], yes),
        ("level(payee, suspected) * 0.5 = 3.5", 0, &[(Payee, "a")], yes),
        ("account in ('x', 'b')", 0, &[(Account, "b")], yes),
    ] {
        assert_eq!(holds(condition, now_us, texts), expected, "{condition} at {now_us} with {texts:?}");
    }
}

#[test]
fn a_declaration_is_part_of_the_hash_and_what_is_on_the_list_is_not() {
    let hash = |lists: &str| {
        let text = format!("{HEAD}[lists]\n{lists}\n{}", rule("r", "payee in l"));
        compile("t.toml", &text).into_result().unwrap().hash
    };
    let plain = hash("l = { key = \"payee\" }");
    assert_eq!(plain, hash("# what we know\nl = { key = 'payee' }"));
    assert_ne!(plain, hash("l = { key = \"account\" }"));
    assert_ne!(plain, hash("l = { key = \"payee\", file = \"l.csv\" }"));
    assert_ne!(plain, hash("l = { key = \"payee\" }\nm = { key = \"payee\" }"));
    let set = rules(&rule("r", "payee in suspected"));
    let names: Vec<&str> = set.lists.iter().map(|list| list.name.as_str()).collect();
    assert_eq!(names, ["exempt", "suspected"]);
    assert_eq!((&set.lists[1].file, set.lists[1].key), (&None, KeyField::Text(TextField::Payee)));
}

#[test]
fn a_features_where_asks_lists_when_the_event_comes_in() {
    let set = rules(&format!(
        "[features]\nto_suspected = {{ count = \"*\", by = \"account\", over = \"1h\", where = \"payee in suspected\", current = false }}\n{}",
        rule("r", "to_suspected > 0")
    ));
    let mut draft = Draft::new(Arc::clone(&set.schema));
    let mut engine = Engine::new(set, Limits::default(), Recording::All);
    let mut pay = |engine: &mut Engine, id: &str| match engine.step(&event(
        &mut draft,
        Kind::Transaction,
        10,
        &[(TextField::Id, id), (TextField::Account, "x"), (TextField::Payee, "p")],
    )) {
        Answer::Decided(decision) => decision.alert,
        other => panic!("{other:?}"),
    };
    assert!(!pay(&mut engine, "1") && !pay(&mut engine, "2"));
    let mut lists = engine.lists().clone();
    lists.get_mut(1).unwrap().put(None, "p", Listing::default());
    engine.load_lists(lists);
    assert!(!pay(&mut engine, "3"), "what came before was not on the list");
    assert!(pay(&mut engine, "4"));
}

/// One thing that happens.
#[derive(Clone, Debug)]
struct Act {
    /// 0 is an event that asks, 1 puts on, 2 takes off, 3 repeats the last event, 4 names no list.
    what: u8,
    after_us: i64,
    key: u8,
    tenant: u8,
    level: Option<i64>,
    lasts_us: Option<i64>,
}

fn act() -> impl Strategy<Value = Act> {
    let lasts = prop::option::of(-2i64..6);
    (0u8..5, -3i64..4, 0u8..4, 0u8..3, prop::option::of(-1i64..2), lasts).prop_map(
        |(what, after_us, key, tenant, level, lasts_us)| Act { what, after_us, key, tenant, level, lasts_us },
    )
}

const TENANTS: [Option<&str>; 3] = [None, Some("t"), Some("u")];
const KEYS: [&str; 4] = ["a", "b", "c", "t"];

struct Held {
    tenant: Option<&'static str>,
    key: &'static str,
    expires_us: Option<i64>,
    level: Option<i64>,
}

/// The slow twin: every entry in a row.
#[derive(Default)]
struct Twin {
    entries: Vec<Held>,
    now_us: i64,
}

impl Twin {
    fn take(&mut self, tenant: Option<&str>, key: &str) {
        self.entries.retain(|held| (held.tenant, held.key) != (tenant, key));
    }

    /// The level of an entry that is there: what is said to all goes before what a tenant says for itself.
    fn find(&self, tenant: Option<&str>, key: &str) -> Option<Option<i64>> {
        let of = |tenant: Option<&str>| {
            let there = |held: &&Held| {
                let over = held.expires_us.is_some_and(|expires_us| expires_us <= self.now_us);
                (held.tenant, held.key) == (tenant, key) && !over
            };
            self.entries.iter().find(there).map(|held| held.level)
        };
        of(None).or_else(|| of(tenant))
    }
}

fn fired(answer: Answer<'_>) -> Vec<u16> {
    match answer {
        Answer::Decided(decision) | Answer::Repeated(decision) => decision.fired.clone(),
        other => panic!("{other:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_engine_agrees_with_a_twin_that_keeps_every_entry(acts in vec(act(), 1..120)) {
        let conditions = ["payee in suspected", "payee not in suspected", "level(payee, suspected) > 0", "level(payee, suspected) is null"];
        let set = rules(&conditions.iter().enumerate().map(|(at, when)| rule(&format!("r{at}"), when)).collect::<String>());
        let mut draft = Draft::new(Arc::clone(&set.schema));
        let mut engine = Engine::new(set.clone(), Limits::default(), Recording::Fired);
        let mut again = Engine::new(set, Limits::default(), Recording::Fired);
        let mut twin = Twin::default();
        // One entry is there from the start, as from a file.
        let mut lists = Lists::new(2);
        lists.get_mut(1).unwrap().put(None, "c", Listing { expires_us: Some(1_010), level: Some(1), note: Some("first") });
        twin.entries.push(Held { tenant: None, key: "c", expires_us: Some(1_010), level: Some(1) });
        engine.load_lists(lists.clone());
        again.load_lists(lists);
        let mut last: Option<(Event, Option<Vec<u16>>)> = None;
        let mut time_us = 1_000;
        for (number, act) in acts.into_iter().enumerate() {
            time_us += act.after_us;
            let (tenant, key) = (TENANTS[usize::from(act.tenant)], KEYS[usize::from(act.key)]);
            let id = format!("e{number}");
            let mut texts = vec![(TextField::Id, id.as_str())];
            texts.extend(tenant.map(|tenant| (TextField::Tenant, tenant)));
            if act.what == 3 {
                let Some((event, decided)) = &last else { continue };
                let answer = engine.step(event);
                prop_assert_eq!(answer == Answer::TakenBefore, decided.is_none());
                if let Some(decided) = decided {
                    prop_assert_eq!(&fired(answer), decided);
                }
                again.step(event);
                continue;
            }
            if act.what == 0 {
                texts.push((TextField::Payee, key));
                let event = event(&mut draft, Kind::Transaction, time_us, &texts);
                twin.now_us = twin.now_us.max(time_us);
                let entry = twin.find(tenant, key);
                let level = entry.flatten();
                let expected = [entry.is_some(), entry.is_none(), level.is_some_and(|level| level > 0), level.is_none()];
                let expected: Vec<u16> = (0..4).filter(|&at| expected[usize::from(at)]).collect();
                prop_assert_eq!(&fired(engine.step(&event)), &expected, "event {} at {}", number, time_us);
                prop_assert_eq!(&fired(again.step(&event)), &expected);
                last = Some((event, Some(expected)));
                continue;
            }
            let action = if act.what == 2 { "take" } else { "put" };
            let list = if act.what == 4 { "suspecte" } else { "suspected" };
            texts.extend([(TextField::List, list), (TextField::Entry, key), (TextField::Action, action)]);
            draft.begin(Kind::List, time_us).unwrap();
            for (field, text) in texts {
                draft.text(field, text).unwrap();
            }
            let expires_us = act.lasts_us.map(|lasts_us| time_us + lasts_us);
            if let Some(expires_us) = expires_us {
                draft.expires_us(expires_us).unwrap();
            }
            if let Some(level) = act.level {
                draft.level(level);
            }
            let event = draft.seal().unwrap().clone();
            let answer = engine.step(&event);
            again.step(&event);
            if act.what == 4 {
                prop_assert!(matches!(answer, Answer::Refused(refusal) if refusal.code() == "unknown_list"));
                continue;
            }
            prop_assert_eq!(answer, Answer::Taken);
            twin.now_us = twin.now_us.max(time_us);
            twin.take(tenant, key);
            if act.what == 1 {
                twin.entries.push(Held { tenant, key, expires_us, level: act.level });
            }
            last = Some((event, None));
        }
    }
}

#[test]
fn a_full_list_refuses_what_is_new_until_there_is_room() {
    let set = rules(&rule("r", "payee in suspected"));
    let mut draft = Draft::new(Arc::clone(&set.schema));
    let limits = Limits { list_entries_max: 4, ..Limits::default() };
    let mut engine = Engine::new(set, limits, Recording::Fired);
    let mut number = 0;
    let mut said = |engine: &mut Engine, time_us: i64, entry: &str, action: &str, expires_us: Option<i64>| {
        number += 1;
        draft.begin(Kind::List, time_us).unwrap();
        let id = format!("e{number}");
        for (field, text) in [
            (TextField::Id, id.as_str()),
            (TextField::List, "suspected"),
            (TextField::Entry, entry),
            (TextField::Action, action),
        ] {
            draft.text(field, text).unwrap();
        }
        if let Some(expires_us) = expires_us {
            draft.expires_us(expires_us).unwrap();
        }
        match engine.step(draft.seal().unwrap()) {
            Answer::Taken => "taken",
            Answer::Refused(refusal) => refusal.code(),
            other => panic!("{other:?}"),
        }
    };
    for (entry, expires_us) in [("a", None), ("b", Some(50)), ("c", Some(50)), ("d", Some(50))] {
        assert_eq!(said(&mut engine, 10, entry, "put", expires_us), "taken");
    }
    assert_eq!(said(&mut engine, 11, "e", "put", None), "list_full");
    assert_eq!(said(&mut engine, 11, "d", "put", Some(50)), "taken", "it is there already");
    assert_eq!(said(&mut engine, 11, "e", "take", None), "taken", "there is nothing to take off");
    assert_eq!(said(&mut engine, 12, "a", "take", None), "taken");
    assert_eq!(said(&mut engine, 13, "e", "put", None), "taken");
    assert_eq!(said(&mut engine, 14, "f", "put", None), "list_full");
    // A refused event leaves no trace, so the time is what others say; then what has expired makes room before long.
    assert_eq!(said(&mut engine, 60, "f", "put", None), "list_full");
    assert_eq!(said(&mut engine, 60, "g", "take", None), "taken");
    let tries = (0..100).find(|_| said(&mut engine, 60, "f", "put", None) == "taken");
    assert!(tries.is_some(), "all that has expired is still held");
    let list = engine.lists().get(1).unwrap();
    assert!(list.find(None, "e", 60).is_some() && list.find(None, "f", 60).is_some() && list.len() <= 4);
}

#[test]
fn a_refused_event_forgets_nothing_that_is_still_there() {
    let set = rules(&rule("r", "payee in suspected"));
    let mut draft = Draft::new(Arc::clone(&set.schema));
    let mut engine = Engine::new(set, Limits::default(), Recording::Fired);
    let mut lists = Lists::new(2);
    let until = Listing { expires_us: Some(1_000), ..Listing::default() };
    (0..1_000).for_each(|n| lists.get_mut(1).unwrap().put(None, &format!("k{n}"), until));
    engine.load_lists(lists);
    for n in 0..2_000 {
        draft.begin(Kind::List, 2_000_000_000).unwrap();
        draft.received_us(0).unwrap();
        let id = format!("e{n}");
        for (field, text) in [
            (TextField::Id, id.as_str()),
            (TextField::List, "suspected"),
            (TextField::Entry, "k"),
            (TextField::Action, "put"),
        ] {
            draft.text(field, text).unwrap();
        }
        let answer = engine.step(draft.seal().unwrap());
        assert!(matches!(answer, Answer::Refused(refusal) if refusal.code() == "future"));
    }
    assert_eq!(engine.lists().get(1).unwrap().len(), 1_000);
}
