//! A payment that had its answer before the engine saw it: the answer stands, whatever the engine came to.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails stops")]

use std::sync::Arc;

use weir::decision::{Decision, Outcome};
use weir::engine::{Answer, Engine, Limits, Recording};
use weir::event::{Draft, Event, Kind, TextField};
use weir::generate::{Generator, Settings};
use weir::io::{EventReader, Format, write_event};
use weir::money::Currency;
use weir::rules::{RuleSet, compile};

const RULES: &str = r#"
[ruleset]
name = "t"
currency = "VND"

[auth.strong]
all = [["fido"]]

[step_up]
expires = "5m"
attempts = 2

[features]
allowed_1h = { count = "*", by = "account", over = "1h", counts = "allowed", current = false }

[[rule]]
id = "large"
when = "amount >= 50"
then = "step_up"
auth = "strong"

[[rule]]
id = "huge"
when = "amount >= 90"
then = "block"
"#;

fn rules(text: &str) -> RuleSet {
    compile("t.toml", text).into_result().unwrap_or_else(|refused| panic!("{refused}"))
}

struct Stream {
    engine: Engine,
    time_us: i64,
}

impl Stream {
    fn new() -> Self {
        let engine = Engine::new(rules(RULES), Limits::default(), Recording::All);
        Self { engine, time_us: 1_000_000 }
    }

    fn event(&self, kind: Kind, id: &str, fields: &[(TextField, &str)], amount: Option<i64>) -> Event {
        let mut draft = Draft::new(Arc::clone(&self.engine.rules().schema));
        draft.begin(kind, self.time_us).unwrap();
        amount.map_or(Ok(()), |minor| draft.amount(minor, Currency::VND)).unwrap();
        draft.text(TextField::Id, id).unwrap();
        for (field, text) in fields {
            draft.text(*field, text).unwrap();
        }
        draft.seal().unwrap().clone()
    }

    fn step(&mut self, event: &Event) -> Decision {
        self.time_us += 1;
        match self.engine.step(event) {
            Answer::Decided(decision) | Answer::Repeated(decision) => decision.clone(),
            other => panic!("{other:?}"),
        }
    }

    fn pays(&mut self, id: &str, amount: i64, answered: Option<&str>) -> Decision {
        let fields = [(TextField::Account, "a")].into_iter();
        let fields: Vec<_> = fields.chain(answered.map(|word| (TextField::Answered, word))).collect();
        let event = self.event(Kind::Transaction, id, &fields, Some(amount));
        let decision = self.step(&event);
        assert_eq!(self.step(&event), decision, "a repeat is told what stands");
        decision
    }

    /// How many payments counted as allowed before this one.
    fn allowed(&mut self, id: &str) -> String {
        format!("{:?}", self.pays(id, 1, None).features[0].1.value)
    }
}

#[test]
fn what_was_answered_stands_and_counts_and_the_engine_s_own_is_beside_it() {
    let mut stream = Stream::new();
    let blocked = stream.pays("p1", 95, Some("allow"));
    assert_eq!((blocked.outcome, blocked.own), (Outcome::Allow, Some(Outcome::Block)));
    assert_eq!(blocked.fired, [0, 1], "the rules that fired are told");
    let stopped = stream.pays("p2", 1, Some("block"));
    assert_eq!((stopped.outcome, stopped.own), (Outcome::Block, Some(Outcome::Allow)));
    let same = stream.pays("p3", 95, Some("block"));
    assert_eq!((same.outcome, same.own), (Outcome::Block, Some(Outcome::Block)));
    assert_eq!(stream.allowed("p4"), "Whole(1)", "only what was answered `allow`");
}

#[test]
fn a_step_up_that_was_answered_opens_a_dialogue() {
    let mut stream = Stream::new();
    let asked = stream.pays("p1", 1, Some("step_up"));
    assert_eq!((asked.outcome, asked.own), (Outcome::StepUp, Some(Outcome::Allow)));
    assert!(asked.step_up.is_some());
    assert_eq!(stream.allowed("p2"), "Whole(0)", "it waits for its answer");
    let answer = [
        (TextField::Transaction, "p1"),
        (TextField::Attempt, "1"),
        (TextField::Methods, "fido"),
        (TextField::Result, "succeeded"),
    ];
    let answer = stream.event(Kind::Authentication, "x1", &answer, None);
    assert_eq!(stream.step(&answer).outcome, Outcome::Allow);
    assert_eq!(stream.allowed("p3"), "Whole(2)", "p1 and p2");
    let let_go = stream.pays("p4", 60, Some("allow"));
    assert_eq!((let_go.outcome, let_go.own, let_go.step_up), (Outcome::Allow, Some(Outcome::StepUp), None));
}

#[test]
fn whoever_asks_again_without_the_answer_is_told_what_stands() {
    let mut stream = Stream::new();
    let fields = [(TextField::Account, "a"), (TextField::Answered, "allow")];
    let told = stream.event(Kind::Transaction, "p1", &fields, Some(95));
    let plain = stream.event(Kind::Transaction, "p1", &fields[..1], Some(95));
    let first = stream.step(&told);
    assert_eq!((first.outcome, first.own), (Outcome::Allow, Some(Outcome::Block)));
    assert_eq!(stream.step(&plain), first);
}

/// A stream told what it was answered gives what it gave, and says so.
#[test]
fn a_stream_that_is_answered_as_the_engine_would_is_the_same_stream() {
    let rules = rules(include_str!("../rules/retail.toml"));
    let settings = Settings { events: 3_000, accounts: 60, ..Settings::default() };
    let (mut plain, mut told) = (Vec::new(), Vec::new());
    let engine = || Engine::new(rules.clone(), Limits::default(), Recording::All);
    let (mut first, mut second) = (engine(), engine());
    let mut lines = Vec::new();
    let mut generator = Generator::new(settings).unwrap();
    while let Some(event) = generator.next() {
        let mut line = Vec::new();
        write_event(event, &mut line).unwrap();
        let answer = first.step(event);
        if let Answer::Decided(decision) = answer
            && event.kind() == Kind::Transaction
        {
            plain.push(decision.clone());
            let answered = format!("{{\"answered\":\"{}\",", decision.outcome.name());
            line.splice(..1, answered.into_bytes());
        }
        lines.extend(line);
    }
    let source = std::io::Cursor::new(lines);
    let mut reader = EventReader::new(source, &Format::Ndjson, Arc::clone(&rules.schema)).unwrap();
    while let Some(event) = reader.next_event() {
        let (_, event) = event.unwrap();
        if let Answer::Decided(decision) = second.step(event)
            && event.kind() == Kind::Transaction
        {
            assert_eq!(decision.own, Some(decision.outcome));
            told.push(Decision { own: None, ..decision.clone() });
        }
    }
    assert!(plain.len() > 1_500 && plain == told, "{} and {}", plain.len(), told.len());
}
