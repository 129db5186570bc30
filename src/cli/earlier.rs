//! A decision that can't be computed again, as the journal holds it: from before what can be replayed, or on an event whose
//! record is damaged.
//!
//! Retention removes whole segments, and replay begins from a snapshot behind them. What is between the two is there as bytes,
//! event and answer, but no engine can be brought there: nothing is computed here, and the answer says what it was made of. The
//! same is shown of an answer whose event is missing.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use serde::Deserialize;
use serde_json::Value;
use weir::hex::unhex;
use weir::io::Disk;
use weir::journal::{AnswerForm, JournalError, Reader, Record, kept};

use super::audit::{explainer, show_rules};
use super::contributions::Past;

/// What an event, or its answer, says that tells it from others.
#[derive(Deserialize)]
struct Named {
    id: String,
    tenant: Option<String>,
}

impl Named {
    fn is(bytes: &[u8], (id, tenant): (&str, Option<&str>)) -> bool {
        let named: Option<Self> = serde_json::from_slice(bytes).ok();
        named.is_some_and(|named| named.id == id && (tenant.is_none() || named.tenant.as_deref() == tenant))
    }
}

/// A decision whose event is in no whole record.
pub(super) struct Answered {
    event: u64,
    record: u64,
    line: String,
}

/// Finds the decision on an event up to a record.
pub(super) fn find(
    disk: &Arc<dyn Disk>,
    folder: &Path,
    of: (&str, Option<&str>),
    up_to: u64,
) -> anyhow::Result<Option<Past>> {
    let mut reader = Reader::open(Arc::clone(disk), folder)?;
    let mut past: Option<Past> = None;
    loop {
        let entry = match reader.next_entry() {
            Ok(Some(entry)) if entry.number <= up_to || past.is_some() => entry,
            Ok(_) => return Ok(past.filter(|past| past.lacks)),
            Err(JournalError::Damaged(damage)) => {
                writeln!(anstream::stderr(), "warning: {damage}")?;
                past.iter_mut().for_each(|past| past.lacks = true);
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        match entry.record()? {
            Record::Event { bytes, .. } => {
                let is_it = Named::is(bytes, of);
                let event = || String::from_utf8_lossy(bytes).into_owned();
                if past.as_ref().is_some_and(|past| past.lacks) {
                    return Ok(past);
                }
                past =
                    is_it.then(|| Past { record: entry.number, event: event(), answer: None, lacks: false });
            }
            Record::Answer { form: AnswerForm::Decided | AnswerForm::Declared, event, bytes } => {
                if let Some(past) = past.take_if(|past| past.record == event) {
                    let answer = Some((entry.number, String::from_utf8_lossy(bytes).into_owned()));
                    return Ok(Some(Past { answer, ..past }));
                }
            }
            _ => {}
        }
    }
}

/// Finds the first decision on an event that is in no whole record.
pub(super) fn find_answer(
    disk: &Arc<dyn Disk>,
    folder: &Path,
    of: (&str, Option<&str>),
) -> anyhow::Result<Option<Answered>> {
    let mut reader = Reader::open(Arc::clone(disk), folder)?;
    // Where records are missing.
    let (mut before, mut gaps) = (0, Vec::new());
    while let Some(entry) = reader.next_whole()? {
        if entry.number > before + 1 {
            gaps.push(before + 1..entry.number);
        }
        before = entry.number;
        if let Record::Answer { form: AnswerForm::Decided | AnswerForm::Declared, event, bytes } =
            entry.record()?
            && gaps.iter().any(|gap| gap.contains(&event))
            && Named::is(bytes, of)
        {
            let line = String::from_utf8_lossy(bytes).into_owned();
            return Ok(Some(Answered { event, record: entry.number, line }));
        }
    }
    Ok(None)
}

/// Shows a decision on an event that is damaged or removed, as it was answered.
pub(super) fn show_answer(
    disk: &dyn Disk,
    folder: &Path,
    answered: &Answered,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let Answered { event, record, line } = answered;
    writeln!(
        out,
        "event, record {event}:\n  it is not there any more: its record is damaged, or was removed"
    )?;
    show_line(disk, folder, (*record, line), out)?;
    writeln!(
        out,
        "\nThis is what was answered. Without the event it can't be decided again, so the conditions are not evaluated, and the\n\
         events that the features counted are not listed."
    )?;
    Ok(())
}

/// Shows a decision as it was answered, with the rules' text of then; `base` is the record behind which replay begins.
pub(super) fn show(
    disk: &dyn Disk,
    folder: &Path,
    past: &Past,
    base: u64,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let Some((number, line)) = &past.answer else {
        writeln!(out, "event, record {}:\n  {}", past.record, past.event)?;
        writeln!(out, "its answer is missing: records behind the event are damaged")?;
        return Ok(());
    };
    writeln!(out, "event, record {}:\n  {}", past.record, past.event)?;
    show_line(disk, folder, (*number, line), out)?;
    writeln!(
        out,
        "\nThis is what was answered. Replay begins behind record {base}, since retention removed what was before, so the\n\
         conditions are not evaluated again, and the events that the features counted can't be listed: they begin before."
    )?;
    Ok(())
}

/// Shows an answer, the rules' text of then, and what it says that it was made of.
fn show_line(
    disk: &dyn Disk,
    folder: &Path,
    (number, line): (u64, &str),
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let answer: Value = serde_json::from_str(line).context("the answer is no JSON")?;
    writeln!(out, "answer, record {number}:\n  {line}")?;
    let hash = answer["rule_set"].as_str().unwrap_or_default();
    let known = unhex(hash.as_bytes()).context("the answer names no rule set")?;
    let bundle = kept::read(disk, folder, &explainer(disk, folder, &known)?.0)?;
    let of = |key: &str| answer[key].as_array().cloned().unwrap_or_default();
    let fates = ["rules", "shadow", "overridden", "tripped"].map(|fate| (fate, of(fate)));
    let id = |rule: &Value| rule["id"].as_str().unwrap_or_default().to_owned();
    let ids: Vec<String> = fates.iter().flat_map(|(_, rules)| rules.iter().map(id)).collect();
    show_rules(folder, hash, &bundle, &ids, out)?;
    writeln!(out, "{}: {}, score {}", text(&answer["id"]), text(&answer["outcome"]), answer["score"])?;
    for (fate, rules) in &fates {
        let word = if *fate == "rules" { String::new() } else { format!(" ({fate})") };
        for rule in rules {
            let reasons = rule["reason"].as_object();
            let reason = reasons.and_then(|held| held.get("en").or_else(|| held.values().next()));
            writeln!(out, "  {}{word}: {}", id(rule), reason.map_or("", |reason| text(reason)))?;
        }
    }
    for (name, reading) in answer["features"].as_object().into_iter().flatten() {
        writeln!(out, "  {name} = {} ({})", reading["value"], text(&reading["quality"]))?;
    }
    Ok(())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("unknown")
}
