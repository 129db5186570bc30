//! The retail pack as one decision table of zen-engine (compiled, hit policy "collect") in a service that keeps nothing.
//!
//! What is not weir's, all in its favour: nobody works out features, so every payment is one of an account, a device and a payee
//! without a past, and there is no state to look up or to write; the table is given only what its rules read, the hour already
//! worked out, and scores are added up outside of it.

use std::borrow::Cow;

use anyhow::Context;
use serde_json::{Map, Value, json};
use zen_engine::Decision;
use zen_engine::model::GraphContent;
use zen_types::symbol::Symbol;
use zen_types::variable::{Variable, VariableMap};

use crate::payment::{Decided, Payment};

const HOUR_US: i64 = 3_600_000_000;
/// Of what local time in Vietnam is ahead of UTC.
const AHEAD_US: i64 = 7 * HOUR_US;
const TEST_MOST: i64 = 100_000;
const STEP_UP_AT: i64 = 50;
const BLOCK_AT: i64 = 100;

/// What a rule does beside its score.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    Score,
    StepUp,
    Alert,
}

struct Rule {
    id: &'static str,
    score: i64,
    then: Then,
    /// Tests of one field each.
    tests: &'static [(&'static str, &'static str)],
    /// What takes more than one field; may be empty.
    when: &'static str,
}

const fn rule(
    (id, score, then): (&'static str, i64, Then),
    tests: &'static [(&'static str, &'static str)],
    when: &'static str,
) -> Rule {
    Rule { id, score, then, tests, when }
}

/// In the order of the pack.
const RULES: [Rule; 17] = [
    rule(
        ("new_device_large", 40, Then::StepUp),
        &[("new_device", "true"), ("first_payment", "false"), ("amount", "> 10000000")],
        "",
    ),
    rule(
        ("takeover", 50, Then::StepUp),
        &[
            ("new_device", "true"),
            ("first_payment", "false"),
            ("since_credentials", "< 86400000000"),
            ("amount", "> 5000000"),
        ],
        "",
    ),
    rule(("failed_logins", 20, Then::Score), &[("failed_logins_1h", ">= 3"), ("amount", "> 2000000")], ""),
    rule(("account_burst", 20, Then::Score), &[("account_count_10m", "> 5")], ""),
    rule(("account_busy_day", 15, Then::Score), &[("account_count_24h", "> 30")], ""),
    rule(("device_burst", 20, Then::Score), &[("device_count_10m", "> 8")], ""),
    rule(("device_busy_day", 10, Then::Score), &[("device_count_24h", "> 40")], ""),
    rule(("shared_device", 15, Then::Alert), &[("device_accounts_7d", ">= 5")], ""),
    rule(
        ("mule_cash_out", 60, Then::StepUp),
        &[("payers_1h", ">= 5"), ("received_1h", ">= 2000000")],
        "spent_1h * 100 >= received_1h * 70",
    ),
    rule(
        ("card_testing", 40, Then::StepUp),
        &[("instrument", "\"card\""), ("amount", "< 100000"), ("device_cards_10m", ">= 5")],
        "",
    ),
    rule(("many_payees", 15, Then::Score), &[("account_payees_24h", "> 8")], ""),
    rule(
        ("unusual_amount", 20, Then::Score),
        &[("amount", "> 5000000")],
        "amount > (usual_amount == null or usual_deviation == null ? 50000000 : usual_amount + 4 * usual_deviation)",
    ),
    rule(("below_limit", 35, Then::StepUp), &[("amount", "[9000000..10000000]"), ("near_24h", ">= 3")], ""),
    rule(
        ("dormant_waking", 30, Then::StepUp),
        &[("since_payment", "> 2592000000000"), ("amount", "> 5000000")],
        "",
    ),
    rule(("night", 15, Then::Score), &[("amount", "> 5000000")], "hour >= 23 or hour < 5"),
    rule(
        ("new_payee", 10, Then::Score),
        &[("new_payee", "true"), ("first_payment", "false"), ("amount", "> 5000000")],
        "",
    ),
    rule(("large_day", 5, Then::Alert), &[("spent_today", "> 100000000")], ""),
];

/// The table, which every request evaluates.
pub(crate) struct Zen(Decision);

impl Zen {
    /// Compiles the table.
    ///
    /// # Errors
    ///
    /// Where zen-engine does not take it.
    pub(crate) fn compiled() -> anyhow::Result<Self> {
        let mut fields: Vec<&str> =
            RULES.iter().flat_map(|rule| rule.tests).map(|(field, _)| *field).collect();
        fields.sort_unstable();
        fields.dedup();
        let inputs: Vec<Value> = fields
            .iter()
            .map(|field| json!({"id": field, "name": field, "field": field}))
            .chain([json!({"id": "when", "name": "when"})])
            .collect();
        let rows: Vec<Value> = RULES.iter().enumerate().map(|(at, rule)| row(at, rule)).collect();
        let content: GraphContent = serde_json::from_value(json!({
            "nodes": [
                {"id": "in", "name": "in", "type": "inputNode", "content": {}},
                {"id": "table", "name": "table", "type": "decisionTableNode", "content": {
                    "hitPolicy": "collect",
                    "inputs": inputs,
                    "outputs": [{"id": "fired", "name": "fired", "field": "fired"}],
                    "rules": rows,
                }},
                {"id": "out", "name": "out", "type": "outputNode", "content": {}},
            ],
            "edges": [
                {"id": "a", "sourceId": "in", "targetId": "table"},
                {"id": "b", "sourceId": "table", "targetId": "out"},
            ],
        }))?;
        let mut decision = Decision::from(content);
        decision.validate()?;
        decision.compile();
        Ok(Self(decision))
    }

    /// Decides as a service that keeps nothing.
    pub(crate) fn decide(&self, payment: &Payment<'_>) -> anyhow::Result<Decided> {
        self.evaluate(without_past(payment))
    }

    /// Decides as one that is told the features, to see whether the table is the pack.
    pub(crate) fn decide_knowing(
        &self,
        payment: &Payment<'_>,
        features: &Map<String, Value>,
    ) -> anyhow::Result<Decided> {
        let mut facts = without_past(payment);
        for (name, value) in features {
            if value.is_null() {
                facts.remove_str(name);
            } else {
                facts.insert_str(name, value.into());
            }
        }
        self.evaluate(facts)
    }

    /// Evaluates the table, and adds up.
    fn evaluate(&self, facts: VariableMap) -> anyhow::Result<Decided> {
        // It waits for nothing: the table is in memory.
        let found = futures_executor::block_on(self.0.evaluate(Variable::from_object(facts)))
            .map_err(|error| anyhow::anyhow!("zen-engine: {error}"))?
            .result;
        let fired = rules_of(&found).context("zen-engine: the table named no rules")?;
        let score = fired.iter().map(|rule| rule.score).sum();
        let has = |then| fired.iter().any(|rule| rule.then == then);
        let outcome = match score {
            BLOCK_AT.. => "block",
            STEP_UP_AT.. => "step_up",
            _ if has(Then::StepUp) => "step_up",
            _ => "allow",
        };
        Ok(Decided {
            outcome: Cow::Borrowed(outcome),
            score,
            alert: has(Then::Alert),
            rules: fired.iter().map(|rule| rule.id.to_owned()).collect(),
        })
    }
}

fn row(at: usize, rule: &Rule) -> Value {
    let tests =
        rule.tests.iter().copied().chain(Some(("when", rule.when)).filter(|(_, when)| !when.is_empty()));
    let mut row: Map<String, Value> = tests.map(|(field, test)| (field.to_owned(), json!(test))).collect();
    row.insert("_id".to_owned(), json!(rule.id));
    row.insert("fired".to_owned(), json!(at.to_string()));
    row.into()
}

/// The rules that the table's answer names; none where it is no such answer.
fn rules_of(found: &Variable) -> Option<Vec<&'static Rule>> {
    let rows = found.as_array()?;
    let rows = rows.borrow();
    rows.iter().map(|row| RULES.get(usize::try_from(row.dot("fired")?.as_number()?).ok()?)).collect()
}

/// What the rules read of a payment whose account, device and payee have no past. What is null is absent.
fn without_past(payment: &Payment<'_>) -> VariableMap {
    let amount = payment.amount_minor;
    let mut facts = VariableMap::with_capacity(24);
    let mut number = |name: &'static str, value: i64| {
        facts.insert(Symbol::from_static(name), Variable::Number(value.into()));
    };
    number("amount", amount);
    number("hour", payment.time_us.saturating_add(AHEAD_US).rem_euclid(24 * HOUR_US) / HOUR_US);
    for once in ["account_count_10m", "account_count_24h"] {
        number(once, 1);
    }
    number("account_payees_24h", i64::from(!payment.payee.is_empty()));
    number("spent_1h", amount);
    number("spent_today", amount);
    number("near_24h", i64::from((9_000_000..=10_000_000).contains(&amount)));
    for none in ["payers_1h", "received_1h", "failed_logins_1h"] {
        number(none, 0);
    }
    let has_device = !payment.device.is_empty();
    if has_device {
        for once in ["device_count_10m", "device_count_24h", "device_accounts_7d"] {
            number(once, 1);
        }
        number("device_cards_10m", i64::from(payment.instrument == "card" && amount < TEST_MOST));
    }
    let mut truth = |name: &'static str| {
        facts.insert(Symbol::from_static(name), Variable::Bool(true));
    };
    truth("first_payment");
    if has_device {
        truth("new_device");
    }
    if !payment.payee.is_empty() {
        truth("new_payee");
    }
    if !payment.instrument.is_empty() {
        let instrument = Symbol::from(&*payment.instrument);
        facts.insert(Symbol::from_static("instrument"), Variable::String(instrument));
    }
    facts
}
