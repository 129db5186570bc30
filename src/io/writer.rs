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
    if let Some(amount) = event.amount() {
        out.write_all(b",\"amount_minor\":")?;
        whole(out, amount.minor)?;
        out.write_all(b",\"currency\":\"")?;
        out.write_all(amount.currency.code().as_bytes())?;
        out.write_all(b"\"")?;
    }
    for &field in TextField::ALL {
        if let Some(value) = event.text(field) {
            key(out, field.name())?;
            match field.form() {
                Form::Words => words(out, value)?,
                Form::Free | Form::OneOf(_) | Form::Ip => text(out, value)?,
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
