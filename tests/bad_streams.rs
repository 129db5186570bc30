//! Bad input is data, the engine's half: whatever valid events come in whatever order, each has a defined answer, no
//! bound is passed, and nothing panics. The reader's half is in bad_lines.rs.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails loudly")]

use std::collections::BTreeMap;
use std::sync::Arc;

use weir::decision::{Outcome, Quality, Value};
use weir::engine::{Answer, Engine, Limits, Recording};
use weir::event::{Draft, Event, Kind, TextField};
use weir::money::{AMOUNT_MINOR_MAX, Currency};
use weir::rules::{RuleSet, compile};
use weir::time::{DAY_US, SECOND_US, TIME_US_MAX, TIME_US_MIN};

const HOUR_US: i64 = 3_600 * SECOND_US;
const START_US: i64 = 20_000 * DAY_US;

const HEAD: &str =
    "[ruleset]\nname = 'bad'\ntime_zone = 'Asia/Ho_Chi_Minh'\ncurrency = 'VND'\nremember = '1d'\n";

/// Features of an account: how many and how much within the hour, what is usual, and all days that there are.
const FEATURES: &str = "\
[features]
count = { count = '*', by = 'account', over = '1h' }
sum = { sum = 'amount', by = 'account', over = '1h' }
deviation = { deviation = 'amount', by = 'account', over = '1h', counts = 'asked' }
today = { count = '*', by = 'account', over = 'day' }
month = { count = '*', by = 'account', over = 'month' }
lowest = { min = 'amount', by = 'account', over = 'forever' }
";

const RULE: &str = "[[rule]]\nid = 'stop'\nwhen = \"channel = 'stop'\"\nthen = 'block'\nreason = 'stop'\n";

fn rule_set(text: &str) -> RuleSet {
    compile("bad.toml", text).into_result().unwrap_or_else(|refused| panic!("{refused}"))
}

/// What was answered: an outcome, `repeated`, `taken`, `taken_before`, or the code of a refusal; and every feature.
type Answered = (&'static str, BTreeMap<String, (Value, Quality)>);

struct Stream {
    engine: Engine,
    draft: Draft,
    /// Events without an id of their own are numbered.
    number: usize,
}

impl Stream {
    fn new(text: &str, limits: Limits) -> Self {
        let rules = rule_set(text);
        let draft = Draft::new(Arc::clone(&rules.schema));
        Self { draft, engine: Engine::new(rules, limits, Recording::All), number: 0 }
    }

    fn plain() -> Self {
        Self::new(&[HEAD, FEATURES, RULE].concat(), Limits::default())
    }

    fn bounded(limits: Limits) -> Self {
        Self::new(&[HEAD, FEATURES, RULE].concat(), limits)
    }

    /// Makes an event of the account `a` and what `more` adds.
    fn event(&mut self, kind: Kind, time_us: i64, more: impl FnOnce(&mut Draft)) -> Event {
        self.number += 1;
        self.draft.begin(kind, time_us).unwrap();
        self.draft.text(TextField::Id, &format!("e{}", self.number)).unwrap();
        self.draft.text(TextField::Account, "a").unwrap();
        more(&mut self.draft);
        self.draft.seal().unwrap().clone()
    }

    fn step(&mut self, event: &Event) -> Answered {
        let (word, features) = match self.engine.step(event) {
            Answer::Decided(decision) => (decision.outcome.name(), decision.features.clone()),
            Answer::Repeated(decision) => ("repeated", decision.features.clone()),
            Answer::Taken => ("taken", Vec::new()),
            Answer::TakenBefore => ("taken_before", Vec::new()),
            Answer::Alert(alert) | Answer::AlertedBefore(alert) => (alert.code(), Vec::new()),
            Answer::Refused(refusal) => {
                assert!(refusal.to_string().len() > 20, "{refusal:?} says too little");
                (refusal.code(), Vec::new())
            }
        };
        let names = &self.engine.rules().features;
        let named = features
            .into_iter()
            .map(|(at, reading)| (names[usize::from(at)].name.clone(), (reading.value, reading.quality)));
        (word, named.collect())
    }

    /// A payment of the account `a`.
    fn pay(&mut self, time_us: i64, minor: i64) -> Answered {
        let event =
            self.event(Kind::Transaction, time_us, |draft| draft.amount(minor, Currency::VND).unwrap());
        self.step(&event)
    }

    /// A payment from an account to a payee.
    fn pay_from(&mut self, account: &str, payee: &str, time_us: i64) -> Answered {
        let event = self.event(Kind::Transaction, time_us, |draft| {
            draft.text(TextField::Account, account).unwrap();
            draft.text(TextField::Payee, payee).unwrap();
            draft.amount(1, Currency::VND).unwrap();
        });
        self.step(&event)
    }

    /// A payment with an id.
    fn pay_as(&mut self, id: &str, time_us: i64, minor: i64) -> Answered {
        let event = self.event(Kind::Transaction, time_us, |draft| {
            draft.text(TextField::Id, id).unwrap();
            draft.amount(minor, Currency::VND).unwrap();
        });
        self.step(&event)
    }

    /// A report about an event, as one of these kinds.
    fn tell(&mut self, kind: Kind, about: &str, time_us: i64) -> &'static str {
        let event = self.event(kind, time_us, |draft| {
            draft.text(TextField::Transaction, about).unwrap();
            draft.text(TextField::Result, "succeeded").unwrap();
        });
        self.step(&event).0
    }
}

fn whole(answered: &Answered, feature: &str) -> i64 {
    match answered.1[feature].0 {
        Value::Whole(value) => value,
        other => panic!("feature {feature} is {other:?} in {answered:?}"),
    }
}

#[test]
fn an_id_used_again_is_refused_and_changes_nothing() {
    let mut stream = Stream::plain();
    let first = stream.pay_as("t", START_US, 5);
    assert_eq!(first.0, "allow");
    assert_eq!(stream.pay_as("t", START_US, 6).0, "id_reused", "another amount");
    assert_eq!(stream.pay_as("t", START_US + HOUR_US, 5).0, "id_reused", "another time");
    assert_eq!(stream.tell(Kind::Authentication, "t", START_US), "taken");
    let login = stream.event(Kind::Login, START_US, |draft| {
        draft.text(TextField::Id, "t").unwrap();
        draft.text(TextField::Result, "failed").unwrap();
    });
    assert_eq!(stream.step(&login).0, "id_reused", "another kind");
    assert_eq!(stream.pay_as("t", START_US, 5), ("repeated", first.1), "and the first answer stays");
    let next = stream.pay(START_US + 1, 7);
    assert_eq!((whole(&next, "count"), whole(&next, "sum")), (2, 12));
    assert_eq!(next.1["sum"].1, Quality::Exact, "the clock was not moved by what was refused");
    stream.pay(START_US + DAY_US, 1);
    assert_eq!(stream.pay_as("t", START_US + DAY_US, 6).0, "allow", "past `remember` an id is free again");
}

#[test]
fn another_currency_is_refused() {
    let mut stream = Stream::plain();
    for kind in [Kind::Transaction, Kind::Observed, Kind::Reversal] {
        let event = stream.event(kind, START_US + HOUR_US, |draft| {
            draft.text(TextField::Transaction, "t").unwrap();
            draft.amount(5, Currency::USD).unwrap();
        });
        assert_eq!(stream.step(&event).0, "currency", "{kind:?}");
    }
    let next = stream.pay(START_US, 7);
    assert_eq!((next.0, whole(&next, "sum"), next.1["sum"].1), ("allow", 7, Quality::Exact));
}

#[test]
fn the_future_begins_one_microsecond_after_the_bound() {
    let mut stream = Stream::plain();
    let bound_us = Limits::default().future_us_max;
    for (ahead_us, expected) in [
        (bound_us + 1, "future"),
        (10 * DAY_US, "future"),
        (0, "allow"),
        (bound_us, "allow"),
        (-DAY_US, "allow"),
    ] {
        let event = stream.event(Kind::Transaction, START_US + ahead_us, |draft| {
            draft.amount(1, Currency::VND).unwrap();
            draft.received_us(START_US).unwrap();
        });
        let answered = stream.step(&event);
        assert_eq!(answered.0, expected, "{ahead_us} microseconds ahead");
        if ahead_us == 0 {
            assert_eq!(answered.1["sum"].1, Quality::Exact, "what was refused did not move the clock");
        }
    }
}

#[test]
fn later_than_every_window_is_decided_now_and_counts_nowhere() {
    let mut stream = Stream::plain();
    stream.pay(START_US, 100);
    let late = stream.pay(START_US - 60 * DAY_US, 5);
    assert_eq!(
        (late.0, whole(&late, "count"), whole(&late, "sum"), whole(&late, "month")),
        ("allow", 1, 100, 1)
    );
    let next = stream.pay(START_US, 1);
    assert_eq!((whole(&next, "count"), whole(&next, "sum"), whole(&next, "month")), (2, 101, 2));
    assert_eq!(whole(&next, "lowest"), 1);
    assert_eq!(next.1["lowest"].1, Quality::Corrected, "only `forever` holds it");
    assert_eq!(next.1["sum"].1, Quality::Exact);
}

#[test]
fn reports_about_nothing_known_wait_and_reports_about_the_wrong_thing_are_refused() {
    for kind in [Kind::Authentication, Kind::Execution, Kind::Reversal] {
        let mut stream = Stream::plain();
        assert_eq!(stream.tell(kind, "never", START_US), "taken", "{kind:?} waits");
        let login = stream.event(Kind::Login, START_US, |draft| {
            draft.text(TextField::Id, "login").unwrap();
            draft.text(TextField::Result, "failed").unwrap();
        });
        stream.step(&login);
        assert_eq!(stream.tell(kind, "login", START_US + 2 * HOUR_US), "not_a_payment", "{kind:?}");
        assert_eq!(
            stream.tell(kind, "e1", START_US + 2 * HOUR_US),
            "not_a_payment",
            "{kind:?} about its like"
        );
        // Arrived late, so that it is remembered for longer than it can be corrected.
        let next = stream.pay_as("new", START_US + HOUR_US, 1);
        assert_eq!(next.1["sum"].1, Quality::Exact, "what was refused did not move the clock");
        stream.pay_as("old", START_US - 22 * HOUR_US, 5);
        assert_eq!(stream.tell(kind, "old", START_US + 2 * HOUR_US - 1), "taken", "{kind:?} just in time");
        assert_eq!(stream.tell(kind, "old", START_US + 2 * HOUR_US), "too_old", "{kind:?}");
        assert_eq!(
            stream.tell(kind, "new", START_US + 25 * HOUR_US),
            "taken",
            "{kind:?} about what is forgotten"
        );
    }
}

#[test]
fn what_is_refused_as_forgotten_leaves_the_clock_alone() {
    let mut stream = Stream::bounded(Limits { corrections_max: 1, ..Limits::default() });
    for n in 0..2_000 {
        stream.pay_as(&format!("t{n}"), START_US, 1);
    }
    let part = |stream: &mut Stream, about: &str, time_us| {
        let event = stream.event(Kind::Reversal, time_us, |draft| {
            draft.text(TextField::Transaction, about).unwrap();
            draft.amount(1, Currency::VND).unwrap();
        });
        stream.step(&event).0
    };
    let said: Vec<&str> = (0..2_000).map(|n| part(&mut stream, &format!("t{n}"), START_US)).collect();
    assert!(said.iter().all(|said| *said == "taken"));
    assert_eq!(part(&mut stream, "t0", START_US + 2 * HOUR_US), "too_old", "its correction was forgotten");
    let next = stream.pay(START_US + HOUR_US - 1, 7);
    assert_eq!((whole(&next, "count"), whole(&next, "sum")), (1, 7), "all others were taken back");
    let after = stream.event(Kind::Transaction, START_US + HOUR_US, |draft| {
        draft.amount(1, Currency::VND).unwrap();
    });
    assert_eq!(whole(&stream.step(&after), "count"), 2, "within the hour of it");
}

#[test]
fn the_first_and_the_last_microsecond_have_windows() {
    let mut stream = Stream::plain();
    for (time_us, count) in
        [(TIME_US_MIN, 1), (TIME_US_MIN, 2), (TIME_US_MAX, 1), (TIME_US_MAX, 2), (TIME_US_MIN, 2)]
    {
        let paid = stream.pay(time_us, 3);
        assert_eq!(paid.0, "allow");
        let values = ["count", "today", "month"].map(|feature| whole(&paid, feature));
        assert_eq!(
            (values, whole(&paid, "sum"), whole(&paid, "lowest")),
            ([count; 3], 3 * count, 3),
            "at {time_us}"
        );
    }
    for time_us in [TIME_US_MIN - 1, TIME_US_MAX + 1, i64::MIN, i64::MAX] {
        assert!(stream.draft.begin(Kind::Transaction, time_us).is_err(), "{time_us} was taken");
    }
}

#[test]
fn nothing_and_the_most_are_amounts() {
    let mut stream = Stream::plain();
    for (minor, sum) in [(0, 0), (AMOUNT_MINOR_MAX, AMOUNT_MINOR_MAX), (1, AMOUNT_MINOR_MAX + 1)] {
        let paid = stream.pay(START_US, minor);
        assert_eq!((paid.0, whole(&paid, "sum"), whole(&paid, "lowest")), ("allow", sum, 0));
    }
    for minor in [-1, AMOUNT_MINOR_MAX + 1, i64::MIN, i64::MAX] {
        assert!(stream.draft.amount(minor, Currency::VND).is_err(), "{minor} was taken");
    }
}

#[test]
fn sums_are_exact_to_the_last_unit_or_null_and_come_back_when_the_window_passes() {
    let mut stream = Stream::plain();
    // 9,223 of the largest amounts fit in a sum of 64 bits; 13,043 of them in the 128 bits of a deviation.
    for n in 1..=13_100 {
        let paid = stream.pay(START_US + n, AMOUNT_MINOR_MAX);
        let sum =
            if n <= i64::MAX / AMOUNT_MINOR_MAX { Value::Whole(n * AMOUNT_MINOR_MAX) } else { Value::Null };
        let deviation = if (2..=13_043).contains(&n) { Value::Decimal(0.0) } else { Value::Null };
        assert_eq!((paid.1["sum"].0, paid.1["deviation"].0), (sum, deviation), "after {n}");
    }
    let paid = stream.pay(START_US + HOUR_US + 13_099, 2);
    assert_eq!(
        (whole(&paid, "count"), whole(&paid, "sum")),
        (2, AMOUNT_MINOR_MAX + 2),
        "all but the last have left"
    );
    let paid = stream.pay(START_US + HOUR_US + 13_100, 4);
    assert_eq!((whole(&paid, "sum"), paid.1["deviation"].0), (6, Value::Decimal(libm::sqrt(2.0))));
}

#[test]
fn two_thousand_features_are_computed_and_one_more_is_told() {
    let text = |features: i64| {
        let lines = (1..=features)
            .map(|n| format!("f{n} = {{ sum = 'amount', by = 'account', over = '{n}s' }}\n"))
            .collect::<String>();
        format!("{HEAD}[features]\n{lines}{RULE}")
    };
    let mut stream = Stream::new(&text(2_000), Limits::default());
    stream.pay(START_US, 1);
    let paid = stream.pay(START_US + 1_000 * SECOND_US, 1);
    assert_eq!(paid.1.len(), 2_000);
    for n in 1..=2_000 {
        // A window of 1,000 seconds is open at its old end.
        assert_eq!(whole(&paid, &format!("f{n}")), if n <= 1_000 { 1 } else { 2 }, "f{n}");
    }
    let refused = compile("bad.toml", &text(2_001)).into_result();
    assert!(refused.unwrap_err().to_string().contains("2000"));
}

#[test]
fn ten_thousand_rules_decide() {
    let rules: String = (0..10_000)
        .map(|n| {
            format!("[[rule]]\nid = 'r{n}'\nwhen = 'amount = {n}'\nthen = 'block'\nscore = 1\nreason = 'r'\n")
        })
        .collect();
    let rules = rule_set(&[HEAD, &rules].concat());
    let mut draft = Draft::new(Arc::clone(&rules.schema));
    let mut engine = Engine::new(rules, Limits::default(), Recording::Fired);
    for (minor, outcome, fired) in
        [(0, Outcome::Block, vec![0]), (9_999, Outcome::Block, vec![9_999]), (10_000, Outcome::Allow, vec![])]
    {
        draft.begin(Kind::Transaction, START_US).unwrap();
        draft.text(TextField::Id, &format!("t{minor}")).unwrap();
        draft.amount(minor, Currency::VND).unwrap();
        let Answer::Decided(decision) = engine.step(draft.seal().unwrap()) else { panic!("not decided") };
        assert_eq!((decision.outcome, &decision.fired), (outcome, &fired), "{minor}");
    }
}

#[test]
fn what_has_no_result_is_unknown_and_each_rule_says_what_that_means() {
    let mut rules = String::new();
    for (n, when) in [
        "amount / (amount - amount) > 1",
        "amount % (count - count) = 0",
        "sum / (count - 1) > 5",
        "amount * 9223372036854775807 > amount",
        "sum + 9223372036854775807 > sum",
        "deviation > 0",
        "-(count - 9223372036854775807 - 10) > 0",
    ]
    .into_iter()
    .enumerate()
    {
        for on_unknown in ["silent", "fires"] {
            rules += &format!(
                "[[rule]]\nid = '{on_unknown}_{n}'\nwhen = '{when}'\nscore = 1\non_unknown = '{on_unknown}'\nreason = 'r'\n"
            );
        }
    }
    let rules = rules.replace("amount % (count - count)", "count % (count - count)");
    let mut stream = Stream::new(&[HEAD, FEATURES, &rules].concat(), Limits::default());
    let event = stream.event(Kind::Transaction, START_US, |draft| draft.amount(5, Currency::VND).unwrap());
    let Answer::Decided(decision) = stream.engine.step(&event) else { panic!("not decided") };
    let fired = decision.fired.clone();
    let ids = fired.iter().map(|&at| stream.engine.rules().rules[usize::from(at)].id.as_str());
    assert_eq!(ids.collect::<Vec<_>>(), (0..7).map(|n| format!("fires_{n}")).collect::<Vec<_>>());
}

/// Enough side entries for a few late payments.
const SIDE: Limits = Limits {
    future_us_max: 0,
    ids_max: 1 << 20,
    side_entries_max: 20,
    corrections_max: 1 << 20,
    texts_max: 1 << 20,
    keys_max: 1 << 20,
    forever_keys_max: 1 << 20,
    arena_bytes_max: 1 << 30,
    filter_bytes: 1 << 20,
    expiries_a_step_max: u64::MAX,
    log_bytes_max: usize::MAX,
    log_chunk_rows: 4096,
    list_entries_max: 1 << 20,
    step_ups_max: 1 << 16,
    locks_max: 1 << 20,
    pendings_max: 1 << 24,
};

#[test]
fn a_full_side_buffer_refuses_what_is_late_until_windows_pass() {
    let mut stream = Stream::bounded(SIDE);
    stream.pay_as("t", START_US, 1);
    let late: Vec<&str> = (0..50).map(|_| stream.pay(START_US - 1, 1).0).collect();
    let taken = late.iter().take_while(|said| **said == "allow").count();
    assert!((4..=SIDE.side_entries_max).contains(&taken), "{taken} were taken");
    assert!(late[taken..].iter().all(|said| *said == "side_buffer_full"), "{late:?}");
    assert_eq!(stream.tell(Kind::Reversal, "t", START_US), "side_buffer_full");
    let on_time = stream.pay(START_US, 1);
    assert_eq!((on_time.0, whole(&on_time, "count")), ("allow", taken as i64 + 2), "it still runs");
    assert_eq!(stream.pay_as("t", START_US, 1).0, "repeated");
    // The longest window of a feature and `remember` are over.
    stream.pay(START_US + DAY_US, 1);
    let late = stream.pay(START_US + DAY_US - 1, 1);
    assert_eq!((late.0, whole(&late, "count")), ("allow", 2), "and late events are taken again");
}

#[test]
fn payments_that_reports_have_waited_for_pass_no_bound() {
    let mut stream = Stream::bounded(SIDE);
    let many = 2_000;
    for n in 0..many {
        assert_eq!(stream.tell(Kind::Reversal, &format!("t{n}"), START_US), "taken");
    }
    let before = stream.engine.memory().state.side;
    let said: Vec<&str> = (0..many).map(|n| stream.pay_as(&format!("t{n}"), START_US, 1).0).collect();
    let taken = said.iter().take_while(|said| **said == "allow").count();
    assert!((4..=SIDE.side_entries_max).contains(&taken), "{taken} were taken");
    assert!(said[taken..].iter().all(|said| *said == "side_buffer_full"));
    assert_eq!(stream.engine.memory().state.side, before);
    assert_eq!(whole(&stream.pay(START_US, 1), "count"), 1, "those that were taken are reversed");
}

#[test]
fn without_room_for_texts_the_coldest_keys_are_evicted() {
    let mut stream = Stream::bounded(Limits { texts_max: 10, ..Limits::default() });
    let first = stream.pay_as("t", START_US, 1);
    for n in 0..100 {
        assert_eq!(stream.pay_from(&format!("a{n}"), "p", START_US).0, "allow", "payment {n}");
    }
    assert_eq!(stream.pay_as("t", START_US, 1), ("repeated", first.1));
    let again = stream.pay(START_US, 1);
    assert!(again.1.values().all(|&(_, quality)| quality == Quality::Evicted), "{again:?}");
    assert_eq!(stream.pay_from("nobody", "p", START_US).1["count"].1, Quality::Exact);
}

#[test]
fn where_eviction_makes_no_room_for_texts_events_are_refused_and_repeats_answered() {
    let payees = "payees = { distinct = 'payee', by = 'account', over = 'forever' }\n";
    let limits = Limits { texts_max: 10, ..Limits::default() };
    let mut stream = Stream::new(&[HEAD, FEATURES, payees, RULE].concat(), limits);
    let first = stream.pay_as("t", START_US, 1);
    let said: Vec<&str> = (0..100).map(|n| stream.pay_from("a", &format!("payee-{n}"), START_US).0).collect();
    let taken = said.iter().take_while(|said| **said == "allow").count();
    assert!((5..=10).contains(&taken), "{taken} were taken");
    assert!(said[taken..].iter().all(|said| *said == "keys_full"), "{said:?}");
    assert_eq!(stream.pay_as("t", START_US, 1), ("repeated", first.1));
}

#[test]
fn beyond_the_most_ids_the_oldest_are_forgotten_early() {
    let mut stream = Stream::bounded(Limits { ids_max: 2_048, ..Limits::default() });
    for n in 0..20_000 {
        stream.pay_as(&format!("t{n}"), START_US + n, 1);
    }
    let bytes = stream.engine.memory().ids;
    assert!(bytes < 2_048 * 256, "{bytes} bytes for at most 2,048 ids");
    assert_eq!(stream.pay_as("t19999", START_US + 19_999, 1).0, "repeated");
    assert_eq!(stream.pay_as("t0", START_US, 1).0, "allow", "a forgotten id is a new one");
}

#[test]
fn a_key_is_told_from_another_by_each_of_its_fields() {
    let fields = [
        TextField::Account,
        TextField::Device,
        TextField::Payee,
        TextField::Merchant,
        TextField::Channel,
        TextField::Provider,
        TextField::Portal,
        TextField::Session,
    ];
    for many in 1..=fields.len() {
        let names: Vec<&str> = fields[..many].iter().map(|field| field.name()).collect();
        let text =
            format!("{HEAD}[features]\ncount = {{ count = '*', by = {names:?}, over = '1h' }}\n{RULE}");
        let checked = compile("bad.toml", &text);
        let Some(rules) = checked.rule_set else {
            assert!(many > 4 && checked.problems[0].message.contains("a key has"), "{:?}", checked.problems);
            continue;
        };
        for (differs, name) in names.iter().enumerate() {
            let mut stream = Stream::new(&text, Limits::default());
            let counts = [0, 1].map(|turn| {
                let event = stream.event(Kind::Transaction, START_US, |draft| {
                    for (at, field) in fields[..many].iter().enumerate() {
                        draft.text(*field, if at == differs && turn == 1 { "other" } else { "x" }).unwrap();
                    }
                    draft.amount(1, Currency::VND).unwrap();
                });
                whole(&stream.step(&event), "count")
            });
            assert_eq!(counts, [1, 1], "{:?} differ in {name}", rules.features[0].by);
        }
    }
}
