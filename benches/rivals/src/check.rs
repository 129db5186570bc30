//! Compares what a rival decides with what `weir score --features` decided on the same events: Redis with features of its own, the
//! table with those of weir, since it has none.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, ensure};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::Rival;
use crate::payment::{Decided, Payment};

/// Most differences that are shown.
const SHOWN_MAX: usize = 10;

/// What every event has.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    time_us: i64,
}

/// What weir decided, and the features that it recorded.
struct Expected {
    decided: Decided,
    features: Map<String, Value>,
}

/// A line of `weir score`.
#[derive(Deserialize)]
struct Line {
    id: String,
    outcome: String,
    score: i64,
    alert: bool,
    rules: Vec<Fired>,
    features: HashMap<String, Reading>,
}

#[derive(Deserialize)]
struct Reading {
    value: Value,
}

#[derive(Deserialize)]
struct Fired {
    id: String,
}

/// Tells how many payments were decided the same; exit code 1 where not all.
///
/// # Errors
///
/// Where a file can't be read, there is no payment in it, an event is none that the rival takes, or comes before the one before it.
pub(crate) async fn run(rival: &Rival, events: &Path, decisions: &Path) -> anyhow::Result<ExitCode> {
    if let Rival::Redis(redis) = rival {
        ensure!(redis.is_empty().await?, "this Redis holds something; a check needs one that is empty");
    }
    let expected = expected(decisions)?;
    let (mut payments, mut equal, mut newest_us) = (0_usize, 0_usize, i64::MIN);
    let mut fired: BTreeMap<String, usize> = BTreeMap::new();
    for (number, line) in lines(events)?.enumerate() {
        let line = line?;
        let place = || format!("{}, line {}", events.display(), number + 1);
        let head: Head<'_> = serde_json::from_str(&line).with_context(place)?;
        ensure!(head.time_us >= newest_us, "{}: it is late, and late events are not compared", place());
        newest_us = head.time_us;
        if head.kind != "transaction" {
            // The table keeps nothing.
            if let Rival::Redis(redis) = rival {
                let told = serde_json::from_str(&line).with_context(place)?;
                redis.tell(&told).await.with_context(place)?;
            }
            continue;
        }
        let payment = Payment::read(line.as_bytes()).with_context(place)?;
        let Expected { decided: wanted, features } =
            expected.get(&*payment.id).with_context(|| format!("{}: weir did not decide on it", place()))?;
        let found = match rival {
            Rival::Redis(redis) => redis.decide(&payment).await,
            Rival::Zen(zen) => zen.decide_knowing(&payment, features),
        };
        let found = found.with_context(place)?;
        payments += 1;
        if *wanted == found {
            equal += 1;
        } else if payments - equal <= SHOWN_MAX {
            println!("{}: weir {wanted:?}, here {found:?}", payment.id);
        }
        for rule in found.rules {
            *fired.entry(rule).or_default() += 1;
        }
    }
    ensure!(payments > 0, "{} has no transaction", events.display());
    let fired: Vec<String> = fired.iter().map(|(rule, times)| format!("{rule} {times}")).collect();
    println!("{equal} of {payments} payments were decided as weir decides them; fired: {}", fired.join(", "));
    Ok(if equal == payments { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// By the payment's id.
fn expected(decisions: &Path) -> anyhow::Result<HashMap<String, Expected>> {
    lines(decisions)?
        .map(|line| {
            let Line { id, outcome, score, alert, rules, features } = serde_json::from_str(&line?)
                .with_context(|| format!("{}: no decision", decisions.display()))?;
            let rules = rules.into_iter().map(|rule| rule.id).collect();
            let features = features.into_iter().map(|(name, reading)| (name, reading.value)).collect();
            let decided = Decided { outcome: outcome.into(), score, alert, rules };
            Ok((id, Expected { decided, features }))
        })
        .collect()
}

fn lines(path: &Path) -> anyhow::Result<std::io::Lines<BufReader<File>>> {
    let file = File::open(path).with_context(|| format!("can't open {}", path.display()))?;
    Ok(BufReader::new(file).lines())
}
