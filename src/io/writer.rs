//! Events to JSON lines, in one order of keys, so that equal events are equal bytes.
//!
//! What it writes, the reader takes back as the same event; only extra fields that no rule file declares are
//! not kept by an event, and so not written.

use std::io::{self, Write};

use crate::event::{Event, ExtraValue, Form, TextField};

/// Writes one event and a line end.
pub fn write_event(event: &Event, out: &mut impl Write) -> io::Result<()> {
    out.write_all(b"{\"kind\":\"")?;
    out.write_all(event.kind().name().as_bytes())?;
    out.write_all(b"\",\"time_us\":")?;
    whole(out, event.time_us())?;
    if let Some(received_us) = event.received_us() {
        out.write_all(b",\"received_us\":")?;
        whole(out, received_us)?;
    }
    if let Some(amount) = event.paid() {
        out.write_all(b",\"amount_minor\":")?;
        whole(out, amount.minor)?;
        out.write_all(b",\"currency\":\"")?;
        out.write_all(amount.currency.code().as_bytes())?;
        out.write_all(b"\"")?;
    }
    if let Some(rate) = event.rate() {
        key(out, "rate")?;
        text(out, &rate.to_string())?;
    }
    for &field in TextField::ALL {
        if let Some(value) = event.text(field) {
            key(out, field.name())?;
            match field.form() {
                Form::Words => words(out, value)?,
                Form::Free | Form::Identifier | Form::OneOf(_) | Form::Ip => text(out, value)?,
            }
        }
    }
    if let Some(same) = event.same_owner() {
        out.write_all(b",\"same_owner\":")?;
        boolean(out, same)?;
    }
    if let Some((latitude, longitude)) = event.latitude_longitude() {
        out.write_all(b",\"latitude\":")?;
        decimal(out, latitude)?;
        out.write_all(b",\"longitude\":")?;
        decimal(out, longitude)?;
    }
    if let Some(level) = event.level() {
        out.write_all(b",\"level\":")?;
        whole(out, level)?;
    }
    if let Some(expires_us) = event.expires_us() {
        out.write_all(b",\"expires_us\":")?;
        whole(out, expires_us)?;
    }
    extras(event, out)?;
    out.write_all(b"}\n")
}

fn extras(event: &Event, out: &mut impl Write) -> io::Result<()> {
    let mut before: &[u8] = b",\"extra\":{";
    for (position, (name, _)) in event.schema().fields().iter().enumerate() {
        let Some(value) = event.extra(position) else { continue };
        out.write_all(before)?;
        before = b",";
        text(out, name)?;
        out.write_all(b":")?;
        match value {
            ExtraValue::Text(value) => text(out, value)?,
            ExtraValue::Whole(value) => whole(out, value)?,
            ExtraValue::Decimal(value) => decimal(out, value)?,
            ExtraValue::Boolean(value) => boolean(out, value)?,
        }
    }
    if before == b"," { out.write_all(b"}") } else { Ok(()) }
}

fn key(out: &mut impl Write, name: &str) -> io::Result<()> {
    out.write_all(b",\"")?;
    out.write_all(name.as_bytes())?;
    out.write_all(b"\":")
}

fn words(out: &mut impl Write, joined: &str) -> io::Result<()> {
    let mut before: &[u8] = b"[";
    for word in joined.split(',') {
        out.write_all(before)?;
        before = b",";
        text(out, word)?;
    }
    out.write_all(b"]")
}

/// A text in quotes, escaped as JSON asks and no more.
pub(super) fn text(out: &mut impl Write, value: &str) -> io::Result<()> {
    Ok(serde_json::to_writer(out, value)?)
}

/// A whole number.
pub(super) fn whole(out: &mut impl Write, value: i64) -> io::Result<()> {
    Ok(serde_json::to_writer(out, &value)?)
}

/// A decimal number with the fewest digits that read back as the same; null where it is not finite.
pub(super) fn decimal(out: &mut impl Write, value: f64) -> io::Result<()> {
    Ok(serde_json::to_writer(out, &value)?)
}

/// True or false.
pub(super) fn boolean(out: &mut impl Write, value: bool) -> io::Result<()> {
    out.write_all(if value { b"true" } else { b"false" })
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::sync::Arc;

    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::*;

    use super::*;
    use crate::event::{Draft, ExtraType, Kind, Schema};
    use crate::io::{EventReader, Format};
    use crate::money::{AMOUNT_MINOR_MAX, Currency};
    use crate::time::TIME_US_MAX;

    fn schema() -> Arc<Schema> {
        let types = ExtraType::ALL.map(|ty| (format!("\"{}\\é", ty.name()), ty));
        Arc::new(Schema::new(types.to_vec()))
    }

    /// Texts that a careless writer gets wrong.
    fn hostile() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            Just("\"".to_owned()),
            Just("\\".to_owned()),
            Just("\\u0041".to_owned()),
            Just("\u{2028}\u{feff}\u{85}".to_owned()),
            Just("😀é".to_owned()),
            Just("</script>,{}[]:".to_owned()),
            "[ -~]{1,6}",
            any::<char>()
                .prop_filter("no control character is taken", |c| !c.is_ascii_control())
                .prop_map(String::from),
        ];
        vec(piece, 1..8).prop_map(|pieces| pieces.concat())
    }

    fn text_of(form: Form) -> BoxedStrategy<String> {
        match form {
            Form::Free | Form::Identifier => hostile().boxed(),
            Form::OneOf(words) => proptest::sample::select(words).prop_map(str::to_owned).boxed(),
            Form::Words => vec("[a-z0-9_]{1,9}", 1..5).prop_map(|words| words.join(",")).boxed(),
            Form::Ip => prop_oneof![
                any::<std::net::Ipv4Addr>().prop_map(|ip| ip.to_string()),
                any::<std::net::Ipv6Addr>().prop_map(|ip| ip.to_string()),
            ]
            .boxed(),
        }
    }

    fn finite() -> impl Strategy<Value = f64> {
        prop_oneof![any::<f64>(), (-1000_i32..1000).prop_map(f64::from), Just(-0.0), Just(0.1 + 0.2)]
            .prop_filter("finite", |value| value.is_finite())
    }

    /// Events of every kind, with every field there or not.
    fn events() -> impl Strategy<Value = Event> {
        let texts: Vec<_> = TextField::ALL.iter().map(|field| text_of(field.form())).collect();
        let texts = (texts, vec(any::<bool>(), TextField::ALL.len()), 0..Kind::ALL.len());
        let time = || 0..=TIME_US_MAX;
        let currencies = vec![Currency::VND, Currency::EUR, Currency::KWD, Currency::XAU];
        let amount = (0..=AMOUNT_MINOR_MAX, proptest::sample::select(currencies));
        let place = option::of((-90.0..=90.0, -180.0..=180.0));
        let plain = (time(), option::of(time()), amount, place, any::<Option<bool>>(), any::<Option<i64>>());
        let extras =
            (option::of(hostile()), any::<Option<i64>>(), option::of(finite()), any::<Option<bool>>());
        (texts, plain, option::of(time()), extras).prop_map(|(texts, plain, expires, extras)| {
            let (texts, there, kind) = texts;
            let (time, received, (minor, currency), place, same, level) = plain;
            let (text, whole, decimal, boolean) = extras;
            let (schema, kind) = (schema(), Kind::ALL[kind]);
            let mut draft = Draft::new(Arc::clone(&schema));
            draft.begin(kind, time).unwrap();
            for (position, &field) in TextField::ALL.iter().enumerate() {
                // What a kind needs is there always; what it does not need, now and then.
                if there[position] || draft_needs(kind, field) {
                    draft.text(field, &texts[position]).unwrap();
                }
            }
            if let Some(time) = received {
                draft.received_us(time).unwrap();
            }
            if let Some(time) = expires {
                draft.expires_us(time).unwrap();
            }
            if let Some(same) = same {
                draft.same_owner(same);
            }
            if let Some(level) = level {
                draft.level(level);
            }
            if let Some((latitude, longitude)) = place {
                draft.location(latitude, longitude).unwrap();
            }
            if there[0] || matches!(kind, Kind::Transaction | Kind::Observed) {
                draft.amount(minor, currency).unwrap();
            }
            for (name, ty) in schema.fields() {
                let value = match ty {
                    ExtraType::Text | ExtraType::Identifier => text.as_deref().map(ExtraValue::Text),
                    ExtraType::Boolean => boolean.map(ExtraValue::Boolean),
                    ExtraType::Decimal => decimal.map(ExtraValue::Decimal),
                    ExtraType::Time => {
                        whole.filter(|value| (0..=TIME_US_MAX).contains(value)).map(ExtraValue::Whole)
                    }
                    ExtraType::Integer | ExtraType::Money | ExtraType::Duration => {
                        whole.map(ExtraValue::Whole)
                    }
                };
                if let Some(value) = value {
                    draft.extra(name, value).unwrap();
                }
            }
            draft.seal().unwrap().clone()
        })
    }

    fn draft_needs(kind: Kind, field: TextField) -> bool {
        let mut draft = Draft::new(Arc::default());
        draft.begin(kind, 0).unwrap();
        draft.amount(0, Currency::VND).unwrap();
        for &other in TextField::ALL {
            if other != field {
                let text = match other.form() {
                    Form::OneOf(words) => words[0],
                    Form::Free | Form::Identifier | Form::Words => "a",
                    Form::Ip => "::1",
                };
                draft.text(other, text).unwrap();
            }
        }
        draft.seal().is_err()
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back_as_the_same(event in events()) {
            let mut line = Vec::new();
            write_event(&event, &mut line).unwrap();
            prop_assert_eq!(line.iter().filter(|&&byte| byte == b'\n').count(), 1);
            let mut reader = EventReader::new(Cursor::new(line.clone()), &Format::Ndjson, schema()).unwrap();
            let (_, back) = reader.next_event().unwrap().unwrap();
            prop_assert_eq!((back.identity(), back.fingerprint()), (event.identity(), event.fingerprint()));
            prop_assert_eq!(back.received_us(), event.received_us());
            for &field in TextField::ALL {
                prop_assert_eq!(back.text(field), event.text(field));
            }
            let mut again = Vec::new();
            write_event(back, &mut again).unwrap();
            prop_assert_eq!(again, line);
        }
    }

    #[test]
    fn the_keys_have_one_order() {
        let line = concat!(
            r#"{"kind":"transaction","time_us":7,"received_us":8,"amount_minor":5,"currency":"VND","id":"t1","#,
            r#""account":"a","methods":["fido","sms"],"note":"\"é\\","same_owner":false,"latitude":10.5,"longitude":-0.0,"#,
            r#""level":-1,"expires_us":9,"extra":{"b":1,"a":0.1}}"#,
            "\n"
        );
        let fields = [("b", ExtraType::Integer), ("a", ExtraType::Decimal), ("c", ExtraType::Text)];
        let schema = Arc::new(Schema::new(fields.map(|(name, ty)| (name.to_owned(), ty)).to_vec()));
        let mut reader = EventReader::new(line.as_bytes(), &Format::Ndjson, schema).unwrap();
        let mut written = Vec::new();
        write_event(reader.next_event().unwrap().unwrap().1, &mut written).unwrap();
        assert_eq!(std::str::from_utf8(&written).unwrap(), line);
    }
}
