//! What must hold of any text as the body of a request: shared by the fuzz target and by the bounded run in the tests.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::panic, reason = "a failure stops")]

use std::sync::{Arc, LazyLock};

use weir::event::{Event, Kind, Schema, TextField};
use weir::io::LineReader;
use weir::rules::{RuleSet, compile};
use weir::server::{Bodies, UnknownFields};
use weir::tokens::Tokens;

/// Fields of every type.
const FILE: &str = "[ruleset]\nname = \"f\"\ntime_zone = \"UTC\"\ncurrency = \"VND\"\n[fields]\nbalance = \"money\"\n\
    items = \"integer\"\nratio = \"decimal\"\nshop = \"text\"\nflag = \"boolean\"\ngap = \"duration\"\nopened_at = \"time\"\n\
    phone = \"identifier\"\n[[rule]]\nid = \"r\"\nwhen = \"amount > 5\"\nthen = \"block\"\n";
/// What stands for a value that nobody may see.
pub const MARK: &str = "4929mark7781";
const RECEIVED_US: i64 = 1_795_341_600_000_000;
const IDENTIFIERS: [TextField; 5] =
    [TextField::Account, TextField::Payee, TextField::Customer, TextField::Device, TextField::Session];

struct Ways {
    schema: Arc<Schema>,
    plain: [Bodies; 2],
    tokened: Bodies,
}

static WAYS: LazyLock<Ways> = LazyLock::new(|| {
    let rules: Arc<RuleSet> = Arc::new(compile("f.toml", FILE).rule_set.unwrap());
    let plain = [UnknownFields::Refuse, UnknownFields::Keep];
    let bodies = |unknown| Bodies::new(Arc::clone(&rules), None, unknown);
    let tokens = Tokens::new(&[7; 32]);
    Ways {
        schema: Arc::clone(&rules.schema),
        plain: plain.map(bodies),
        tokened: Bodies::new(Arc::clone(&rules), Some(tokens), UnknownFields::Refuse),
    }
});

/// Any body is refused without a word of what is in it, or it is an event: the one that its line says, and the same again.
/// Gives whether it is one.
pub fn body(text: &str) -> bool {
    let ways = &*WAYS;
    let kind = (!text.contains("\"kind\"")).then_some(Kind::Transaction);
    let [refuse, keep] = &ways.plain;
    let (read, kept) = (of(refuse, text, kind), of(keep, text, kind));
    if let Ok((event, line)) = &read {
        let (again, line_again) = kept.as_ref().unwrap();
        assert_eq!((event.fingerprint(), line), (again.fingerprint(), line_again), "kept otherwise");
    }
    for (event, line) in [&read, &kept].into_iter().flatten() {
        assert!(!line.contains(&b'\n'), "a line is one line");
        let mut lines = LineReader::new(Arc::clone(&ways.schema));
        let said = lines.read(line).unwrap();
        same(event, said);
        let (again, line_again) = of(refuse, std::str::from_utf8(line).unwrap(), None).unwrap();
        same(event, &again);
        assert_eq!(*line, line_again, "its line says itself");
    }
    let tokened = of(&ways.tokened, text, kind);
    // Longer identifiers fit, and their tokens do not, never the other way.
    assert!(read.is_ok() || tokened.is_err(), "a key lets in what is refused without");
    if let (Ok((event, _)), Ok((hidden, _))) = (&read, &tokened) {
        for field in IDENTIFIERS {
            let shown = event.text(field).is_some_and(|said| hidden.text(field) == Some(said));
            assert!(!shown, "{field:?} is no token");
        }
    }
    read.is_ok() || kept.is_ok()
}

fn same(event: &Event, other: &Event) {
    let of = |event: &Event| (event.kind(), event.identity(), event.fingerprint(), event.received_us());
    assert_eq!(of(event), of(other), "another event");
}

fn of(bodies: &Bodies, text: &str, kind: Option<Kind>) -> Result<(Event, Vec<u8>), String> {
    let read = bodies.read(text.as_bytes(), kind, RECEIVED_US);
    let again = bodies.read(text.as_bytes(), kind, RECEIVED_US);
    match (&read, &again) {
        (Ok((event, line)), Ok((other, again))) => {
            same(event, other);
            assert_eq!(line, again, "another line the second time");
        }
        (Err(said), Err(again)) => {
            assert_eq!(said, again, "another word the second time");
            assert!(!said.contains(MARK), "{said}");
        }
        _ => panic!("taken once and refused once: {text}"),
    }
    read
}
