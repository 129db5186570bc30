//! Promise: bad input is data. Every bad line is told with its number and reason, the next good one is still taken,
//! and nothing panics, whatever the bytes.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::io::{Cursor, Read, Write};
use std::sync::Arc;

use proptest::prelude::*;
use weir::event::{ExtraType, Schema};
use weir::io::{EventReader, Format, LINE_BYTES_MAX, Mapping, ReadError};

const GOOD: &str = r#"{"kind":"transaction","id":"t1","time_us":1000000,"amount_minor":5,"currency":"VND"}"#;

fn schema() -> Arc<Schema> {
    let field = |name: &str, ty| (name.to_owned(), ty);
    Arc::new(Schema::new(vec![
        field("balance", ExtraType::Money),
        field("opened_at", ExtraType::Time),
        field("ratio", ExtraType::Decimal),
        field("tier", ExtraType::Text),
        field("vip", ExtraType::Boolean),
    ]))
}

fn ndjson(bytes: impl Into<Vec<u8>>) -> EventReader {
    EventReader::new(Cursor::new(bytes.into()), &Format::Ndjson, schema()).unwrap()
}

fn csv(mapping: &str, bytes: impl Into<Vec<u8>>) -> Result<EventReader, ReadError> {
    let format = Format::Csv(Box::new(Mapping::parse(mapping).unwrap()));
    EventReader::new(Cursor::new(bytes.into()), &format, schema())
}

/// Each line read: its number with the event's id, or what is wrong.
fn read(mut reader: EventReader) -> Vec<Result<(u64, String), ReadError>> {
    let mut all = Vec::new();
    while let Some(next) = reader.next_event() {
        all.push(next.map(|(line, event)| (line, event.id().to_owned())));
    }
    let count = |taken| all.iter().filter(|read| read.is_ok() == taken).count() as u64;
    assert_eq!(reader.counts().taken, count(true));
    assert!(reader.counts().bad <= count(false));
    all
}

/// The bad line stands on line 2, between two good ones.
fn assert_bad(name: &str, reads: &[Result<(u64, String), ReadError>], fragment: &str, after: u64) {
    let [Ok((1 | 2, _)), Err(ReadError::Line { line, reason }), Ok((next, _))] = reads else {
        panic!("{name}: not good, bad, good, but {reads:?}");
    };
    assert_eq!(*next, after, "{name}");
    assert_eq!(*line, after - 1, "{name}");
    assert!(reason.to_string().contains(fragment), "{name}: `{fragment}` is not in `{reason}`");
    assert!(reason.to_string().len() < 1000, "{name}: the reason is too long to read");
}

/// A transaction with `more` in it.
fn with(more: &str) -> String {
    format!(r#"{{"kind":"transaction","id":"x","time_us":1,{more}}}"#)
}

/// A whole transaction with `more` in it.
fn also(more: &str) -> String {
    with(&format!(r#""amount_minor":1,"currency":"VND",{more}"#))
}

fn bad_json() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let text = |name, line: &str, fragment| (name, line.as_bytes().to_vec(), fragment);
    let money = |name, amount: &str, fragment| {
        text(name, &with(&format!(r#""amount_minor":{amount},"currency":"VND""#)), fragment)
    };
    let time = |name, time: &str, fragment| {
        text(name, &format!(r#"{{"kind":"clock","id":"c","time_us":{time}}}"#), fragment)
    };
    vec![
        text("not JSON", "hello", "not an event: expected value (byte 1)"),
        text("cut short", r#"{"kind":"transaction""#, "EOF while parsing"),
        text("a list", "[1]", "a line holds one JSON object"),
        text("a number", "5", "a line holds one JSON object"),
        text("a text", r#""transaction""#, "a line holds one JSON object"),
        text("null", "null", "a line holds one JSON object"),
        text("empty object", "{}", "`kind` is missing"),
        text("trailing garbage", &format!("{GOOD} x"), "trailing characters"),
        text("two events on a line", &format!("{GOOD}{GOOD}"), "trailing characters"),
        text("trailing comma", r#"{"kind":"clock",}"#, "trailing comma"),
        text("single quotes", "{'kind':'clock'}", "key must be a string"),
        text("comment", "{/*no*/}", "key must be a string"),
        text("NUL byte between", "{\"kind\":\0\"clock\"}", "expected value"),
        text("NUL byte in a text", &also("\"account\":\"a\0b\""), "control character"),
        text(
            "escaped NUL",
            &also(r#""account":"a\u0000b""#),
            "`account` is a text of 3 bytes that is not shown; control characters",
        ),
        text("lone surrogate", &also(r#""account":"\ud800""#), "not an event"),
        text("reversed surrogates", &also(r#""account":"\udc00\ud800""#), "not an event"),
        text("bad escape", &also(r#""account":"\x41""#), "invalid escape"),
        ("broken UTF-8", [also(r#""account":""#).as_bytes(), b"\xff\"}"].concat(), "is not UTF-8"),
        ("overlong UTF-8", b"{\"kind\":\"\xc0\x80\"}".to_vec(), "byte 10 is not UTF-8"),
        ("UTF-16", b"\xff\xfe{\0}\0".to_vec(), "byte 1 is not UTF-8"),
        text(
            "unknown key",
            &also(r#""acount":"a""#),
            "`acount` is not a key of an event; did you mean `account`?",
        ),
        text("far key", &also(r#""zzzzzzzz":1"#), "`zzzzzzzz` is not a key of an event"),
        text("extra outside", &also(r#""balance":1"#), "put it inside `extra`"),
        text("key in capitals", &also(r#""Account":"a""#), "did you mean `account`?"),
        text("duplicate key", &also(r#""id":"y""#), "`id` is there twice"),
        text("duplicate key, escaped", &also(r#""i\u0064":"y""#), "`id` is there twice"),
        text("duplicate amount", &also(r#""amount_minor":2"#), "`amount_minor` is there twice"),
        text("duplicate extra", &also(r#""extra":{"a":1,"a":1}"#), "`extra.a` is there twice"),
        text("two extras", &also(r#""extra":{},"extra":{}"#), "`extra` is there twice"),
        text("no kind", r#"{"id":"x","time_us":1}"#, "`kind` is missing"),
        text("null kind", r#"{"kind":null,"id":"x","time_us":1}"#, "`kind` is missing"),
        text("unknown kind", r#"{"kind":"transactoin"}"#, "did you mean `transaction`?"),
        text("kind as number", r#"{"kind":1}"#, "`kind` is 1; it must be a text"),
        text("no time", r#"{"kind":"clock","id":"x"}"#, "`time_us` is missing"),
        text("no id", r#"{"kind":"clock","time_us":1}"#, "`id` is missing; a clock needs it"),
        text("empty id", r#"{"kind":"clock","time_us":1,"id":""}"#, "`id` is empty"),
        text("id as number", r#"{"kind":"clock","time_us":1,"id":7}"#, "`id` is 7; it must be a text"),
        text("no amount", r#"{"kind":"transaction","id":"x","time_us":1}"#, "`amount_minor` is missing"),
        text("no result", r#"{"kind":"login","id":"x","time_us":1}"#, "`result` is missing; a login"),
        time("before 1970", "-1", "`time_us`: -1 is outside"),
        time("after 9999", "253402300800000000", "`time_us`: 253402300800000000 is outside"),
        time(
            "time as text",
            "\"2026-01-01\"",
            "`time_us` is the text \"2026-01-01\"; it must be a whole number",
        ),
        time("time as decimal", "1.5", "`time_us` is the decimal number 1.5"),
        time("time beyond 64 bits", "99999999999999999999", "`time_us` is the decimal number 1e20"),
        time("time as list", "[1]", "`time_us` is a list"),
        time("time is true", "true", "`time_us` is true"),
        money("negative amount", "-1", "`amount_minor`: -1 is outside"),
        money("huge amount", "1000000000000001", "`amount_minor`: 1000000000000001 is outside"),
        money("largest i64", "9223372036854775807", "is outside an amount's range"),
        money(
            "u64 amount",
            "9223372036854775808",
            "`amount_minor` is 9223372036854775808; it must be a whole",
        ),
        money("beyond u64", "18446744073709551616", "`amount_minor` is the decimal number"),
        money("1.0 amount", "1.0", "`amount_minor` is the decimal number 1.0"),
        money("fractional amount", "10.5", "`amount_minor` is the decimal number 10.5"),
        money("exponent amount", "1e3", "`amount_minor` is the decimal number 1000.0"),
        money("overflowing amount", "1e999", "number out of range"),
        money("minus zero", "-0", "`amount_minor` is the decimal number -0.0"),
        money("amount as text", "\"5\"", "`amount_minor` is the text \"5\""),
        money("NaN amount", "NaN", "not an event: expected value"),
        money("infinite amount", "Infinity", "not an event: expected value"),
        money("leading zero", "007", "invalid number"),
        money("plus sign", "+7", "expected value"),
        money("hexadecimal", "0x7", "expected `,` or `}`"),
        text("no currency", &with(r#""amount_minor":1"#), "`amount_minor` is there without `currency`"),
        text("currency alone", &with(r#""currency":"VND""#), "`currency` is there without `amount_minor`"),
        text(
            "unknown currency",
            &with(r#""amount_minor":1,"currency":"VNX""#),
            "`currency`: `VNX` is not an ISO",
        ),
        text(
            "small currency",
            &with(r#""amount_minor":1,"currency":"vnd""#),
            "`currency`: `vnd` is not an ISO",
        ),
        text("mixed currency", &with(r#""amount_minor":1,"currency":"VND/USD""#), "`VND/USD` is not an ISO"),
        text("currency as list", &with(r#""amount_minor":1,"currency":["VND"]"#), "`currency` is a list"),
        text("latitude alone", &also(r#""latitude":1"#), "`latitude` is there without `longitude`"),
        text("longitude alone", &also(r#""longitude":1"#), "`longitude` is there without `latitude`"),
        text("off the globe", &also(r#""latitude":91,"longitude":0"#), "within ±90 and ±180"),
        text("latitude as text", &also(r#""latitude":"1","longitude":0"#), "`latitude` is the text \"1\""),
        text(
            "same owner as number",
            &also(r#""same_owner":1"#),
            "`same_owner` is 1; it must be true or false",
        ),
        text("level as decimal", &also(r#""level":1.5"#), "`level` is the decimal number 1.5"),
        text("received too early", &also(r#""received_us":-5"#), "`received_us`: -5 is outside"),
        text("expires as text", &also(r#""expires_us":"soon""#), "`expires_us` is the text \"soon\""),
        text("word not known", &also(r#""instrument":"cash""#), "it must be one of account, card, wallet"),
        text("bad address", &also(r#""ip":"10.0.0""#), "it must be an IPv4 or IPv6 address"),
        text(
            "methods as text",
            &also(r#""methods":"fido""#),
            "`methods` is the text \"fido\"; it must be a list of words",
        ),
        text(
            "comma in a word",
            &also(r#""methods":["a,b"]"#),
            "`methods` is the text \"a,b\"; it must be a list",
        ),
        text("empty word", &also(r#""methods":["a",""]"#), "`methods` is the text \"\""),
        text(
            "list in a list",
            &also(r#""methods":[["a"]]"#),
            "`methods` is a list; it must be a list of words",
        ),
        text("number among words", &also(r#""login_methods":[1]"#), "`login_methods` is 1"),
        text("capital word", &also(r#""methods":["FIDO"]"#), "`methods` is `FIDO`; it must be words of a-z"),
        text("control in a text", &also(r#""note":"a\nb""#), "control characters are not taken"),
        text("extra as list", &also(r#""extra":[1]"#), "`extra` is a list; it must be an object"),
        text("object in extra", &also(r#""extra":{"a":{}}"#), "`extra.a` is an object; it must be a text"),
        text("list in extra", &also(r#""extra":{"a":[]}"#), "`extra.a` is a list"),
        text("extra money as text", &also(r#""extra":{"balance":"1"}"#), "`balance` is declared as money"),
        text("extra money as decimal", &also(r#""extra":{"balance":1.0}"#), "`balance` is declared as money"),
        text(
            "extra time before 1970",
            &also(r#""extra":{"opened_at":-1}"#),
            "`opened_at` is declared as time",
        ),
        text("extra boolean as number", &also(r#""extra":{"vip":1}"#), "`vip` is declared as boolean"),
        text("extra decimal as text", &also(r#""extra":{"ratio":"x"}"#), "`ratio` is declared as decimal"),
        text("extra text empty", &also(r#""extra":{"tier":""}"#), "`tier` is empty"),
        text(
            "extra beyond 63 bits",
            &also(r#""extra":{"zz":9223372036854775808}"#),
            "`extra.zz` is 92233720368",
        ),
        text("text too long", &also(&format!(r#""note":"{}""#, "x".repeat(513))), "`note` is 513 bytes long"),
        text("long unknown key", &also(&format!(r#""{}":1"#, "k".repeat(100_000))), "kkk…` is not a key"),
        text(
            "long unknown currency",
            &with(&format!(r#""currency":"{}""#, "€".repeat(90_000))),
            "€…` is not an ISO",
        ),
        text(
            "deep nesting",
            &also(&format!(r#""extra":{{"a":{}"#, "[".repeat(200_000))),
            "`extra.a` is a list",
        ),
        text("deep nesting at the top", &"[".repeat(500_000), "a line holds one JSON object"),
        text("many extras", &also(&many_extras(257)), "`extra` has more than 256 fields"),
        text("too long by one", &"x".repeat(LINE_BYTES_MAX + 1), "longer than 1048576 bytes"),
        text("10 MB", &also(&format!(r#""note":"{}""#, "x".repeat(10_000_000))), "longer than 1048576 bytes"),
    ]
}

fn many_extras(count: usize) -> String {
    let fields: Vec<String> = (0..count).map(|n| format!(r#""f{n}":{n}"#)).collect();
    format!(r#""extra":{{{}}}"#, fields.join(","))
}

#[test]
fn every_bad_json_line_is_told_and_the_next_is_taken() {
    let cases = bad_json();
    assert!(cases.len() >= 40);
    for (name, line, fragment) in &cases {
        let bytes = [GOOD.as_bytes(), b"\n", line.as_slice(), b"\n", GOOD.as_bytes(), b"\n"].concat();
        assert_bad(name, &read(ndjson(bytes)), fragment, 3);
    }
}

#[test]
fn all_bad_lines_of_one_stream_are_counted() {
    let cases = bad_json();
    let mut bytes = Vec::new();
    for (_, line, _) in &cases {
        bytes.extend_from_slice(&[line.as_slice(), b"\n", GOOD.as_bytes(), b"\r\n\n  \n"].concat());
    }
    let mut reader = ndjson(bytes);
    let (mut taken, mut bad) = (Vec::new(), Vec::new());
    while let Some(next) = reader.next_event() {
        match next {
            Ok((line, _)) => taken.push(line),
            Err(ReadError::Line { line, .. }) => bad.push(line),
            Err(other) => panic!("{other}"),
        }
    }
    let expected: Vec<u64> = (0..cases.len() as u64).map(|n| 4 * n).collect();
    assert_eq!(bad, expected.iter().map(|n| n + 1).collect::<Vec<_>>());
    assert_eq!(taken, expected.iter().map(|n| n + 2).collect::<Vec<_>>());
    assert_eq!((reader.counts().taken, reader.counts().bad), (taken.len() as u64, bad.len() as u64));
}

#[test]
fn good_lines_at_the_edges_are_taken() {
    for line in [
        GOOD.to_owned(),
        format!("\u{feff}{GOOD}"),
        format!("  {GOOD}\r\n"),
        with(r#""amount_minor":1000000000000000,"currency":"VND""#),
        with(r#""currency":"USD","amount_minor":0"#),
        also(r#""account":null,"extra":null,"methods":null,"latitude":null,"level":null"#),
        also(r#""methods":["fido","sms_otp"],"login_methods":[]"#),
        also(r#""extra":{"balance":-5,"ratio":1,"vip":true,"tier":"gold","opened_at":0,"colour":"red"}"#),
        also(r#""extra":{"ratio":18446744073709551615}"#),
        also(r#""note":"\ud83d\ude00 \"quoted\" \\ caf\u00e9""#),
        also(&many_extras(256)),
        r#"{"time_us":253370764799999999,"id":"c","kind":"clock"}"#.to_owned(),
        format!("{GOOD}{}", " ".repeat(LINE_BYTES_MAX - GOOD.len())),
    ] {
        let reads = read(ndjson(line.clone()));
        assert!(matches!(reads[..], [Ok((1, _))]), "{reads:?} of {}", &line[..line.len().min(200)]);
    }
}

#[test]
fn nothing_in_is_nothing_out() {
    for bytes in ["", "\n", "\n\r\n  \n", "\u{feff}"] {
        assert!(read(ndjson(bytes)).is_empty(), "{bytes:?}");
    }
}

const MAPPING: &str = r#"
kind = { column = "KIND", values = { PAY = "transaction", IN = "login" } }
id = { column = "ID", prefix = "tx-" }
time = { column = "AT", unit = "s", since = "2018-04-01T00:00:00Z" }
amount = { column = "AMOUNT", unit = "major", currency = { column = "CUR" } }
same_owner = { column = "SELF" }
latitude = { column = "LAT" }
longitude = { column = "LON" }
[text]
result = { column = "RESULT" }
note = { column = "NOTE" }
[extra]
balance = { column = "BAL", unit = "major", currency = "EUR" }
"#;
const HEADER: &str = "KIND,ID,AT,AMOUNT,CUR,SELF,LAT,LON,RESULT,NOTE,BAL";
const ROW: &str = "PAY,1,31,57.16,EUR,,,,,,";

#[test]
fn every_bad_row_is_told_and_the_next_is_taken() {
    let long = format!("PAY,1,1,1,EUR,,,,,{},", "x".repeat(10_000_000));
    let long_quoted = format!("PAY,1,1,1,EUR,,,,,\"{}\",", "\"\"".repeat(3_000_000));
    let cases: &[(&str, &[u8], &str)] = &[
        ("too few fields", b"PAY,1,31", "the row has 3 fields and the header 11"),
        ("too many fields", b"PAY,1,31,57.16,EUR,,,,,,,", "the row has 12 fields and the header 11"),
        ("very many fields", &[b','; 9000], "the row has 9001 fields"),
        ("one space", b" ", "the row has 1 fields"),
        (
            "unknown kind",
            b"PAID,1,31,57.16,EUR,,,,,,",
            "`kind (KIND)` is `PAID`, which is not among the values",
        ),
        ("no kind", b",1,31,57.16,EUR,,,,,,", "`kind` is missing"),
        ("no id", b"PAY,,31,57.16,EUR,,,,,,", "`id` is missing"),
        ("no time", b"PAY,1,,57.16,EUR,,,,,,", "`time` is missing"),
        ("no amount", b"PAY,1,31,,EUR,,,,,,", "`amount_minor` is missing"),
        ("no currency", b"PAY,1,31,57.16,,,,,,,", "`amount` is there without `currency`"),
        ("unknown currency", b"PAY,1,31,57.16,EUX,,,,,,", "`amount.currency (CUR)`: `EUX` is not an ISO"),
        ("too many decimals", b"PAY,1,31,57.161,EUR,,,,,,", "`amount (AMOUNT)`: `57.161` has more decimals"),
        ("decimals of VND", b"PAY,1,31,57.16,VND,,,,,,", "more decimals than VND has (0)"),
        ("negative amount", b"PAY,1,31,-57.16,EUR,,,,,,", "`amount (AMOUNT)`: -5716 is outside"),
        ("huge amount", b"PAY,1,31,99999999999999999999,EUR,,,,,,", "is outside an amount's range"),
        ("exponent amount", b"PAY,1,31,1e3,EUR,,,,,,", "`1e3` is not an amount"),
        ("thousands", b"PAY,1,31,\"1,000\",EUR,,,,,,", "`1,000` is not an amount"),
        ("NaN amount", b"PAY,1,31,NaN,EUR,,,,,,", "`NaN` is not an amount"),
        ("space in amount", b"PAY,1,31, 1,EUR,,,,,,", "` 1` is not an amount"),
        ("digits of another script", "PAY,1,31,١,EUR,,,,,,".as_bytes(), "is not an amount"),
        (
            "long amount",
            &[&b"PAY,1,31,"[..], &[b'9'; 5000], b",EUR,,,,,,"].concat(),
            "9…`; it must be an amount",
        ),
        ("time as text", b"PAY,1,noon,57.16,EUR,,,,,,", "`time (AT)` is `noon`"),
        ("time before 1970", b"PAY,1,-1522540801,57.16,EUR,,,,,,", "`time (AT)`: -1000000 is outside"),
        (
            "time after 9999",
            b"PAY,1,259000000000,57.16,EUR,,,,,,",
            "is outside the times that an event may have",
        ),
        (
            "time overflows",
            b"PAY,1,9223372036854,57.16,EUR,,,,,,",
            "is outside the times that an event may have",
        ),
        ("time beyond", b"PAY,1,92233720368540,57.16,EUR,,,,,,", "`time (AT)` is `92233720368540`"),
        ("time too fine", b"PAY,1,1.0000001,57.16,EUR,,,,,,", "no more decimals than a microsecond"),
        ("owner", b"PAY,1,31,57.16,EUR,yes,,,,,", "`same_owner (SELF)` is `yes`; it must be true, false"),
        ("half a place", b"PAY,1,31,57.16,EUR,,1.5,,,,", "`latitude` is there without `longitude`"),
        ("off the globe", b"PAY,1,31,57.16,EUR,,1.5,181,,,", "within"),
        ("infinite place", b"PAY,1,31,57.16,EUR,,inf,1,,,", "`latitude (LAT)` is `inf`; it must be a finite"),
        ("bad word", b"IN,1,31,,,,,,maybe,,", "`result` is `maybe`; it must be one of succeeded, failed"),
        ("missing word", b"IN,1,31,,,,,,,,", "`result` is missing; a login needs it"),
        ("line end in a text", b"PAY,1,31,57.16,EUR,,,,,\"a\nb\",", "control characters are not taken"),
        ("NUL", b"PAY,1,31,57.16,EUR,,,,,a\0b,", "control characters are not taken"),
        ("balance", b"PAY,1,31,57.16,EUR,,,,,,1.001", "`extra.balance (BAL)`: `1.001` has more decimals"),
        ("broken UTF-8", b"PAY,1,31,57.16,EUR,,,,,\xff,", "field 10 is not UTF-8"),
        ("UTF-8 torn between cells", b"PAY,1,31,57.16,EUR,,,,,\xc3,\xa9", "field 10 is not UTF-8"),
        ("broken UTF-8 in a number", b"PAY,1,31,\x80,EUR,,,,,,", "field 4 is not UTF-8"),
        ("10 MB", long.as_bytes(), "longer than 1048576 bytes"),
        ("6 MB quoted", long_quoted.as_bytes(), "longer than 1048576 bytes"),
        ("a JSON line", GOOD.as_bytes(), "the row has 5 fields"),
    ];
    for (name, row, fragment) in cases {
        let bytes = [HEADER.as_bytes(), b"\n", ROW.as_bytes(), b"\n", row, b"\n", ROW.as_bytes()].concat();
        let lines = row.iter().filter(|&&byte| byte == b'\n').count() as u64;
        let reads = read(csv(MAPPING, bytes).unwrap());
        let [Ok((2, _)), Err(ReadError::Line { line: 3, reason }), Ok((next, id))] = &reads[..] else {
            panic!("{name}: not good, bad, good, but {reads:?}");
        };
        assert_eq!((*next, id.as_str()), (4 + lines, "tx-1"), "{name}");
        assert!(reason.to_string().contains(fragment), "{name}: `{fragment}` is not in `{reason}`");
        assert!(reason.to_string().len() < 1000, "{name}: the reason is too long to read");
    }
}

#[test]
fn a_quote_left_open_takes_the_rest_with_it_and_says_so() {
    let reads = read(csv(MAPPING, format!("{HEADER}\n{ROW}\nPAY,\"1,31\n{ROW}\n{ROW}\n")).unwrap());
    let [Ok((2, _)), Err(ReadError::Line { line: 3, reason })] = &reads[..] else { panic!("{reads:?}") };
    assert!(reason.to_string().contains("not closed until the end of the file, line 5"), "{reason}");
    let reads = read(csv(MAPPING, format!("{HEADER}\nPAY,\"1,31\n{ROW}\nPAY,\"1,31\n{ROW}\n")).unwrap());
    let [Err(ReadError::Line { line: 2, reason }), Ok((5, _))] = &reads[..] else { panic!("{reads:?}") };
    assert!(reason.to_string().contains("it goes on to line 4: is a quote left open?"), "{reason}");
}

#[test]
fn a_cell_cannot_pass_for_a_row() {
    let forged = format!("PAY,1,31,57.16,EUR,,,,,\"x\n{ROW}\n\",\n");
    let reads = read(csv(MAPPING, format!("{HEADER}\n{forged}")).unwrap());
    assert!(matches!(reads[..], [Err(ReadError::Line { line: 2, .. })]), "{reads:?}");
}

#[test]
fn a_bad_header_is_fatal() {
    let open = |header: &str| csv(MAPPING, header).err().map(|e| e.to_string()).unwrap_or_default();
    assert_eq!(open(""), "line 1: the file is empty; a CSV needs a header");
    assert_eq!(open("\n\n"), "line 1: the file is empty; a CSV needs a header");
    assert_eq!(open(&format!("{HEADER},CUR\n")), "line 1: the header has the column `CUR` twice");
    assert_eq!(
        open(&HEADER.replace("AMOUNT", "AMOUNTS")),
        "mapping: `amount` names the column `AMOUNT`, which the header does not have; did you mean `AMOUNTS`?"
    );
    assert!(open("a,\"b\nc").contains("a quote is opened and not closed"));
    assert!(open(&"x".repeat(2_000_000)).contains("longer than 1048576 bytes"));
    assert!(open(&",".repeat(5_000)).contains("more than 4096 columns"));
    assert!(csv(MAPPING, b"\xff\n".to_vec()).err().unwrap().to_string().contains("field 1 is not UTF-8"));
    assert!(csv(MAPPING, format!("\u{feff}{HEADER}\r\n\r\n{ROW}\r\n")).is_ok());
}

#[test]
fn gzip_that_is_cut_short_or_damaged_is_an_error() {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    for _ in 0..10_000 {
        packer.write_all(GOOD.as_bytes()).unwrap();
        packer.write_all(b"\n").unwrap();
    }
    let packed = packer.finish().unwrap();
    assert_eq!(read(ndjson(packed.clone())).len(), 10_000);
    assert_eq!(read(ndjson([packed.clone(), packed.clone()].concat())).len(), 20_000, "two members");

    for cut in [500_000, packed.len() - 1, packed.len() - 8] {
        let reads = read(ndjson(&packed[..cut]));
        let (last, whole) = reads.split_last().unwrap();
        assert!(whole.iter().all(Result::is_ok), "no half line is taken");
        let Err(error @ ReadError::CutShort { line }) = last else { panic!("{last:?}") };
        assert_eq!(*line, whole.len() as u64);
        assert!(error.to_string().contains("ends too early"), "{error}");
    }
    for cut in [2, 5, 11] {
        let opened = EventReader::new(Cursor::new(packed[..cut].to_vec()), &Format::Ndjson, schema());
        assert!(matches!(opened.err(), Some(ReadError::CutShort { line: 0 })), "cut at {cut}");
    }
    let mut damaged = packed.clone();
    damaged[600_000] ^= 1;
    let reads = read(ndjson(damaged));
    assert!(matches!(reads.last(), Some(Err(ReadError::Damaged { .. }))), "{:?}", reads.last());
    let reads = read(ndjson([packed, b"garbage".to_vec()].concat()));
    assert!(matches!(reads.last(), Some(Err(ReadError::Damaged { .. } | ReadError::CutShort { .. }))));
}

/// Gives its bytes, then fails; in pieces of three bytes, with interruptions.
struct Failing(Cursor<Vec<u8>>, bool);

impl Read for Failing {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        self.1 = !self.1;
        if self.1 {
            return Err(std::io::ErrorKind::Interrupted.into());
        }
        let room = into.len().min(3);
        match self.0.read(&mut into[..room])? {
            0 => Err(std::io::Error::other("the cable is out")),
            read => Ok(read),
        }
    }
}

#[test]
fn a_failing_source_is_fatal_once() {
    let source = Failing(Cursor::new(format!("{GOOD}\n{GOOD}\n{{\"kind\"").into_bytes()), false);
    let reads = read(EventReader::new(source, &Format::Ndjson, schema()).unwrap());
    let [Ok((1, _)), Ok((2, _)), Err(error)] = &reads[..] else { panic!("{reads:?}") };
    assert_eq!(error.to_string(), "reading failed after line 2: the cable is out");

    let source = Failing(Cursor::new(format!("{HEADER}\n{ROW}\n{ROW}\nPAY,\"").into_bytes()), false);
    let format = Format::Csv(Box::new(Mapping::parse(MAPPING).unwrap()));
    let reads = read(EventReader::new(source, &format, schema()).unwrap());
    let [Ok((2, _)), Ok((3, _)), Err(error)] = &reads[..] else { panic!("{reads:?}") };
    assert!(error.to_string().ends_with("the cable is out"), "{error}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let opened = EventReader::open("no/such.ndjson".as_ref(), &Format::Ndjson, schema());
    assert!(opened.err().unwrap().to_string().starts_with("no/such.ndjson: "));
}

/// A line with some bytes replaced, put in or taken out.
fn mutated(line: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![any::<u8>(), proptest::sample::select(b"{}[]\",:\\u0e-.\n\r\xc3 tfn".to_vec())];
    let change = (any::<proptest::sample::Index>(), 0..3_u8, byte);
    proptest::collection::vec(change, 1..8).prop_map(move |changes| {
        let mut bytes = line.as_bytes().to_vec();
        for (at, what, byte) in changes {
            let at = at.index(bytes.len().max(1));
            match what {
                0 => bytes.insert(at.min(bytes.len()), byte),
                1 if at < bytes.len() => drop(bytes.remove(at)),
                _ if at < bytes.len() => bytes[at] = byte,
                _ => {}
            }
        }
        bytes
    })
}

const RICH: &str = r#"{"kind":"transaction","id":"t1","time_us":1000000,"amount_minor":5,"currency":"VND","methods":["fido","sms"],"same_owner":true,"latitude":10.5,"longitude":-106.7,"note":"\u00e9\"","extra":{"balance":7,"ratio":0.25,"vip":false,"x":null}}"#;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_json_line_makes_it_panic_or_lose_the_next(line in mutated(RICH)) {
        let bytes = [&line, b"\n".as_slice(), GOOD.as_bytes()].concat();
        let reads = read(ndjson(bytes));
        let last = 2 + line.iter().filter(|&&byte| byte == b'\n').count() as u64;
        prop_assert!(matches!(reads.last(), Some(Ok((line, _))) if *line == last), "{reads:?}");
    }

    #[test]
    fn no_row_makes_it_panic(row in mutated("PAY,1,31,57.16,EUR,true,1.5,2.5,succeeded,\"a \"\"b\"\"\",3.5")) {
        let bytes = [HEADER.as_bytes(), b"\n", &row, b"\n", ROW.as_bytes(), b"\n"].concat();
        let reads = read(csv(MAPPING, bytes).unwrap());
        let lines = reads.iter().map(|read| match read {
            Ok((line, _)) | Err(ReadError::Line { line, .. }) => *line,
            Err(other) => panic!("{other}"),
        });
        prop_assert!(lines.is_sorted());
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(reader) = EventReader::new(Cursor::new(bytes), &Format::Ndjson, schema()) {
            read(reader);
        }
    }

    #[test]
    fn no_mapping_makes_it_panic(changed in mutated(MAPPING)) {
        if let Ok(Ok(mapping)) = std::str::from_utf8(&changed).map(Mapping::parse) {
            let source = Cursor::new(format!("{HEADER}\n{ROW}\n"));
            if let Ok(reader) = EventReader::new(source, &Format::Csv(Box::new(mapping)), schema()) {
                read(reader);
            }
        }
    }
}
