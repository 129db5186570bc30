//! Decisions from the lines that [`DecisionWriter`](super::DecisionWriter) writes.
//!
//! Promises that what is read says what was written: the same rule set writes the same line of it again.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value as Json;
use thiserror::Error;

use crate::decision::{Decision, Outcome, Quality, Reading, Requirement, StepUp, Stopped, Value, Withheld};
use crate::money::{Money, currency};
use crate::rates::{Conversion, Rate, RateFrom};
use crate::rules::RuleSet;

/// Why a line is no decision of a rule set.
#[derive(Debug, Error)]
pub enum NoDecision {
    /// It is no line that says a decision.
    #[error("it is no decision (byte {})", .0.column())]
    Json(#[from] serde_json::Error),
    /// It names something that the rule set does not have, or no such value.
    #[error("its `{0}` is none of this rule set's")]
    Strange(&'static str),
}

#[derive(Deserialize)]
struct Line {
    outcome: String,
    own: Option<String>,
    alert: bool,
    score: i64,
    #[serde(default)]
    auth: Vec<Vec<String>>,
    #[serde(default)]
    met: bool,
    #[serde(default)]
    missing: Vec<Vec<String>>,
    step_up: Option<StepUpLine>,
    stopped: Option<String>,
    #[serde(default)]
    locked: Vec<String>,
    rules: Vec<RuleLine>,
    #[serde(default)]
    shadow: Vec<RuleLine>,
    #[serde(default)]
    overridden: Vec<RuleLine>,
    #[serde(default)]
    tripped: Vec<RuleLine>,
    withheld: Option<WithheldLine>,
    converted: Option<ConvertedLine>,
    #[serde(default)]
    out_of_force: Vec<String>,
    #[serde(default)]
    tables: BTreeMap<String, TableLine>,
    features: BTreeMap<String, FeatureLine>,
    rule_set: String,
}

#[derive(Deserialize)]
struct StepUpLine {
    id: String,
    expires_us: i64,
    attempts_left: u32,
}

#[derive(Deserialize)]
struct RuleLine {
    id: String,
}

#[derive(Deserialize)]
struct WithheldLine {
    outcome: String,
    ppm: u32,
}

#[derive(Deserialize)]
struct ConvertedLine {
    amount_minor: i64,
    paid_minor: i64,
    paid_currency: String,
    rate: String,
    from: String,
    valid_from_us: Option<i64>,
}

#[derive(Deserialize)]
struct TableLine {
    row: Json,
}

#[derive(Deserialize)]
struct FeatureLine {
    value: Json,
    quality: String,
}

/// The decision that a line says, of the rule set that made it. Its number of the rule set is left 0.
pub fn read_decision(rules: &RuleSet, line: &[u8]) -> Result<Decision, NoDecision> {
    let line: Line = serde_json::from_slice(line)?;
    if line.rule_set != rules.hash_text() {
        return Err(NoDecision::Strange("rule_set"));
    }
    let fates = |lines: &[RuleLine], key| -> Result<Vec<u16>, NoDecision> {
        lines.iter().map(|line| place(rules.rules.iter().map(|rule| &*rule.id), &line.id, key)).collect()
    };
    let bits = |words: &[String], key| -> Result<u16, NoDecision> {
        let locks = rules.locks.iter().map(|lock| &*lock.name);
        let packs = rules.packs.iter().map(|pack| &*pack.name);
        words.iter().try_fold(0, |mask, word| {
            let at = match key {
                "locked" => place(locks.clone(), word, key),
                _ => place(packs.clone(), word, key),
            }?;
            Ok(mask | 1 << at)
        })
    };
    let mut features = Vec::with_capacity(line.features.len());
    for (name, FeatureLine { value, quality }) in &line.features {
        let at = place(rules.features.iter().map(|feature| &*feature.name), name, "features")?;
        let quality = Quality::ALL.into_iter().find(|known| known.name() == quality);
        let quality = quality.ok_or(NoDecision::Strange("quality"))?;
        features.push((at, Reading { value: reading(value)?, quality }));
    }
    features.sort_unstable_by_key(|(at, _)| *at);
    let mut tables = Vec::with_capacity(line.tables.len());
    for (name, TableLine { row }) in &line.tables {
        let at = place(rules.tables.iter().map(|table| &*table.name), name, "tables")?;
        let rows = rules.tables.get(usize::from(at)).map_or(0, |table| table.rows.len()) as u64;
        let row = match row {
            Json::Null => None,
            Json::String(word) if word == "else" => Some(rows as u16),
            row => {
                let row = row.as_u64().filter(|row| (1..=rows).contains(row));
                Some(row.ok_or(NoDecision::Strange("tables"))? as u16 - 1)
            }
        };
        tables.push((at, row));
    }
    tables.sort_unstable_by_key(|(at, _)| *at);
    Ok(Decision {
        outcome: outcome(&line.outcome)?,
        alert: line.alert,
        score: line.score,
        requirement: requirement(rules, &line.auth)?,
        met: line.met,
        missing: requirement(rules, &line.missing)?,
        step_up: line.step_up.map(step_up).transpose()?,
        stopped: line.stopped.map(stopped).transpose()?,
        own: line.own.as_deref().map(outcome).transpose()?,
        locked: bits(&line.locked, "locked")?,
        fired: fates(&line.rules, "rules")?,
        shadow: fates(&line.shadow, "shadow")?,
        overridden: fates(&line.overridden, "overridden")?,
        tripped: fates(&line.tripped, "tripped")?,
        withheld: line
            .withheld
            .map(|held| Ok::<_, NoDecision>(Withheld { outcome: outcome(&held.outcome)?, ppm: held.ppm }))
            .transpose()?,
        out_of_force: bits(&line.out_of_force, "out_of_force")?,
        converted: line.converted.map(conversion).transpose()?,
        tables,
        rule_set: 0,
        features,
    })
}

/// The position of a name among others.
fn place<'n>(
    mut names: impl Iterator<Item = &'n str>,
    name: &str,
    key: &'static str,
) -> Result<u16, NoDecision> {
    let at = names.position(|held| held == name).and_then(|at| u16::try_from(at).ok());
    at.ok_or(NoDecision::Strange(key))
}

fn outcome(word: &str) -> Result<Outcome, NoDecision> {
    Outcome::from_name(word).ok_or(NoDecision::Strange("outcome"))
}

fn requirement(rules: &RuleSet, sets: &[Vec<String>]) -> Result<Requirement, NoDecision> {
    let mut requirement = Requirement::none();
    for set in sets {
        let methods = set.iter().try_fold(0_u64, |mask, method| {
            Ok::<_, NoDecision>(mask | 1 << place(rules.methods.iter().map(|held| &**held), method, "auth")?)
        })?;
        requirement.join(methods);
    }
    Ok(requirement)
}

fn step_up(line: StepUpLine) -> Result<StepUp, NoDecision> {
    let id = u64::from_str_radix(&line.id, 16).map_err(|_| NoDecision::Strange("step_up"))?;
    Ok(StepUp { id, expires_us: line.expires_us, attempts_left: line.attempts_left })
}

fn stopped(word: String) -> Result<Stopped, NoDecision> {
    Stopped::ALL.into_iter().find(|known| known.name() == word).ok_or(NoDecision::Strange("stopped"))
}

fn reading(value: &Json) -> Result<Value, NoDecision> {
    Ok(match value {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Boolean(*value),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(value), _) => Value::Whole(value),
            (None, Some(value)) => Value::Decimal(value),
            (None, None) => return Err(NoDecision::Strange("value")),
        },
        _ => return Err(NoDecision::Strange("value")),
    })
}

fn conversion(line: ConvertedLine) -> Result<Conversion, NoDecision> {
    let strange = || NoDecision::Strange("converted");
    let from = match (line.from.as_str(), line.valid_from_us) {
        ("event", _) => RateFrom::Event,
        ("payment", _) => RateFrom::Payment,
        ("table", Some(valid_from_us)) => RateFrom::Table { valid_from_us },
        _ => return Err(strange()),
    };
    let paid = currency(&line.paid_currency).and_then(|currency| Money::new(line.paid_minor, currency));
    Ok(Conversion {
        paid: paid.map_err(|_| strange())?,
        rate: Rate::parse(&line.rate).map_err(|_| strange())?,
        from,
        minor: line.amount_minor,
    })
}
