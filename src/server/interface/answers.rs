//! The JSON Schemas of what is answered.
//!
//! Nothing that is not written here is in an answer: `tests/interface.rs` holds real answers of all kinds to it.

use serde_json::{Map, Value, json};

use super::reference;
use crate::decision::{Outcome, Quality, Stopped};
use crate::explain::Fate;
use crate::server::declared::Cause;

/// All of them, by name.
pub(super) fn schemas() -> Map<String, Value> {
    let named: [(&str, Value); 16] = [
        (
            "Outcome",
            json!({"enum": Outcome::ALL.map(Outcome::name), "description": "What is to happen with the payment: let it through, ask the customer for a stronger authentication, stop it."}),
        ),
        ("Decision", decision()),
        ("FiredRule", fired_rule()),
        ("Declared", declared()),
        ("Taken", taken()),
        (
            "TakenLater",
            object(
                "It is taken in, and that is not known to be on disk yet.",
                json!({"id": text("The event's id."), "taken": {"const": "later"}}),
                &["id", "taken"],
            ),
        ),
        ("Alert", alert()),
        (
            "Answers",
            object(
                "One answer each, in the order of the request.",
                json!({"answers": {"type": "array", "items": {"anyOf": [reference("Decision"), reference("Declared"), reference("Problem")]}}}),
                &["answers"],
            ),
        ),
        ("DecisionRecord", record()),
        ("Explanation", explanation()),
        ("Part", part()),
        (
            "Advice",
            object(
                "What the customer is told.",
                json!({"id": text("The payment's id."), "code": text("The code that stands for it."), "text": text("What the customer reads.")}),
                &["code", "text"],
            ),
        ),
        ("Ready", ready()),
        ("Health", object("It runs.", json!({"status": {"const": "ok"}}), &["status"])),
        ("Access", access()),
        ("Problem", problem()),
    ];
    named.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect()
}

/// An object of these keys and no others.
pub(super) fn object(about: &str, properties: Value, required: &[&str]) -> Value {
    json!({"type": "object", "description": about, "properties": properties, "required": required, "additionalProperties": false})
}

pub(super) fn text(about: &str) -> Value {
    json!({"type": "string", "description": about})
}

pub(super) fn whole(about: &str) -> Value {
    json!({"type": "integer", "description": about})
}

pub(super) fn texts(about: &str) -> Value {
    json!({"type": "array", "items": {"type": "string"}, "description": about})
}

fn sets(about: &str) -> Value {
    json!({"type": "array", "items": {"type": "array", "items": {"type": "string"}, "minItems": 1}, "description": about})
}

pub(super) fn truth(about: &str) -> Value {
    json!({"type": "boolean", "description": about})
}

pub(super) fn of_list(about: &str, schema: &str) -> Value {
    json!({"type": "array", "items": reference(schema), "description": about})
}

pub(super) fn outcome(about: &str) -> Value {
    json!({"$ref": "#/components/schemas/Outcome", "description": about})
}

pub(super) fn time(about: &str) -> Value {
    whole(&format!("{about}, microseconds since 1970 UTC."))
}

fn durable() -> Value {
    json!({"const": false, "description": "It is not on disk yet; left out where it is."})
}

fn stopped() -> Value {
    json!({"enum": Stopped::ALL.map(Stopped::name), "description": "Why it is blocked, where no rule wanted that."})
}

fn step_up(about: &str) -> Value {
    object(
        about,
        json!({
            "id": text("Its id, which an authentication may name as `step_up`."),
            "expires_us": time("From when on an answer comes too late"),
            "attempts_left": whole("How many answers are left."),
        }),
        &["id", "expires_us", "attempts_left"],
    )
}

fn converted() -> Value {
    object(
        "What was made of an amount in another currency.",
        json!({
            "amount_minor": whole("The amount in the rule set's currency, minor units."),
            "paid_minor": whole("The amount as it came, minor units."),
            "paid_currency": text("Its currency."),
            "rate": text("Units of the rule set's currency for a whole unit."),
            "from": {"enum": ["event", "payment", "table"], "description": "Where the rate comes from."},
            "valid_from_us": time("From when on it holds in the table"),
        }),
        &["paid_minor", "paid_currency", "rate", "from"],
    )
}

fn withheld() -> Value {
    object(
        "What the control group let through.",
        json!({"outcome": outcome("What would have happened."), "ppm": whole("The chance of being in the group, in millionths.")}),
        &["outcome", "ppm"],
    )
}

fn decision() -> Value {
    let reading = object(
        "A feature that the rules which fired read.",
        json!({
            "value": {"type": ["null", "boolean", "integer", "number"]},
            "quality": {"enum": Quality::ALL.map(Quality::name), "description": "How far it can be trusted."},
        }),
        &["value", "quality"],
    );
    let table = object(
        "A decision table that the rules which fired read.",
        json!({"row": {"anyOf": [{"type": "integer", "minimum": 1}, {"const": "else"}, {"type": "null"}]}, "value": {"type": ["null", "boolean", "integer", "number", "string"]}}),
        &["row", "value"],
    );
    object(
        "What the engine decided.",
        json!({
            "id": text("The event's id."),
            "tenant": text("Whose it is."),
            "time_us": time("When it happened, as it said"),
            "kind": {"enum": ["authentication", "login"], "description": "What was decided on, where that is no payment."},
            "transaction": text("The payment that an authentication is about."),
            "outcome": outcome("What is to happen."),
            "own": outcome("What the engine itself came to, where the payment had been answered before it saw it."),
            "alert": truth("A person should look; the outcome is untouched."),
            "score": whole("The sum of the scores of the rules that fired."),
            "auth": sets("The authentication required: one method of each set."),
            "met": truth("The methods presented meet it."),
            "missing": sets("The sets that are not met yet, where another one is."),
            "step_up": step_up("The dialogue that this opens or goes on with."),
            "stopped": stopped(),
            "locked": texts("The locks that keep the requirement from being met."),
            "rules": of_list("The rules that fired and acted.", "FiredRule"),
            "shadow": of_list("The rules in shadow that would have fired.", "FiredRule"),
            "overridden": of_list("The rules that fired and were overridden.", "FiredRule"),
            "tripped": of_list("The rules that fired and whose breaker kept them from acting.", "FiredRule"),
            "withheld": withheld(),
            "converted": converted(),
            "out_of_force": texts("The rule files whose dates the payment is outside of."),
            "tags": texts("What the rules that acted mark the payment with."),
            "obligations": texts("What they oblige somebody to do."),
            "tables": {"type": "object", "additionalProperties": table},
            "features": {"type": "object", "additionalProperties": reading},
            "rule_set": {"type": "string", "pattern": "^[0-9a-f]{64}$", "description": "The hash of the rule set that decided."},
            "engine": text("The engine's version."),
            "durable": durable(),
        }),
        &["id", "time_us", "outcome", "alert", "score", "rules", "features", "rule_set", "engine"],
    )
}

fn fired_rule() -> Value {
    object(
        "A rule that fired.",
        json!({
            "id": text("Its id."),
            "then": {"enum": ["allow", "step_up", "block", "alert"], "description": "What it asks for outright."},
            "score": whole("What it adds to the score."),
            "reason": {"type": "object", "additionalProperties": {"type": "string"}, "description": "The reason for the operator, by language."},
            "customer": text("The code of what the customer is told."),
            "legal": text("Where the law says so."),
        }),
        &["id"],
    )
}

fn declared() -> Value {
    object(
        "What is answered without a decision, as the configuration declares it; the payment stands as this.",
        json!({
            "id": text("The event's id."),
            "tenant": text("Whose it is."),
            "time_us": time("When it happened, as it said"),
            "outcome": outcome("What is to happen."),
            "declared": {"enum": Cause::ALL.map(Cause::name), "description": "Why there was no decision in time."},
            "auth": sets("The authentication required: one method of each set."),
            "durable": durable(),
            "engine": text("The engine's version."),
        }),
        &["id", "time_us", "outcome", "declared", "durable", "engine"],
    )
}

fn taken() -> Value {
    object(
        "It is taken in.",
        json!({"id": text("The event's id."), "taken": {"const": true}, "durable": durable()}),
        &["id", "taken"],
    )
}

fn alert() -> Value {
    object(
        "It is taken in, and a person should look.",
        json!({
            "id": text("The event's id."),
            "tenant": text("Whose it is."),
            "time_us": time("When it happened, as it said"),
            "kind": text("What it is about."),
            "transaction": text("The payment that it is about."),
            "alert": text("Why a person should look."),
            "answered": text("What the payment was answered."),
            "message": text("The same in words."),
            "durable": durable(),
        }),
        &["id", "time_us", "kind", "alert", "answered", "message"],
    )
}

fn record() -> Value {
    object(
        "What a payment was answered, as it is in the journal.",
        json!({
            "id": text("The payment's id."),
            "tenant": text("Whose it is."),
            "outcome": outcome("What the last of the answers says."),
            "decision": reference("Decision"),
            "authentications": of_list("What its authentications were answered, in order.", "Decision"),
        }),
        &["id", "outcome", "decision"],
    )
}

fn part() -> Value {
    object(
        "A part of a condition with its value.",
        json!({
            "text": text("It, as it stands in the rule file."),
            "place": {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2, "description": "Its first byte in the condition, and the byte after its last."},
            "form": text("What it is: a field, a feature, a comparison."),
            "negated": truth("Whether the text says the opposite of the form."),
            "type": text("What its value is."),
            "value": {"type": ["null", "boolean", "integer", "number", "string"], "description": "Null where it is unknown or there is none."},
            "shown": text("The value as the language writes it."),
            "quality": {"enum": Quality::ALL.map(Quality::name), "description": "How far it can be trusted, of a feature."},
            "parts": of_list("What it is made of.", "Part"),
        }),
        &["text", "place", "form", "type", "value", "shown"],
    )
}

fn explained_rule() -> Value {
    let fates = [Fate::Acted, Fate::Shadow, Fate::Overridden { by: Vec::new() }, Fate::Tripped];
    let record = object(
        "What an auditor needs besides.",
        json!({
            "legal": {"type": ["string", "null"], "description": "Where the law says so."},
            "reasons": {"type": "object", "additionalProperties": {"type": "string"}, "description": "The reason, by language."},
            "tags": texts("What it marks a payment with."),
            "oblige": texts("What it obliges somebody to do."),
        }),
        &["legal", "reasons", "tags", "oblige"],
    );
    object(
        "A rule that fired.",
        json!({
            "id": text("Its id."),
            "fate": {"enum": fates.map(|fate| fate.name()), "description": "What became of it."},
            "overridden_by": texts("The rules that overrode it."),
            "fired": truth("Whether it fired."),
            "by_unknown": truth("Whether it fired because its condition was unknown."),
            "then": text("What it asks for outright."),
            "score": whole("What it adds to the score where it acts."),
            "tier": {"enum": ["mandatory", "override", "normal"], "description": "Whose word it is."},
            "mode": {"enum": ["live", "shadow", "off"], "description": "What it does when it fires."},
            "reason": text("Why, in the language asked for."),
            "record": record,
            "condition": reference("Part"),
        }),
        &["id", "fate", "fired", "by_unknown", "score", "tier", "mode", "condition"],
    )
}

fn explanation() -> Value {
    let answer = object(
        "How the customer answered.",
        json!({
            "id": text("The authentication's id."),
            "time_us": time("When it happened"),
            "outcome": outcome("What the payment came to with it."),
            "attempts_left": whole("How many answers are left."),
            "stopped": stopped(),
            "locked": texts("The locks that keep the requirement from being met."),
        }),
        &["id", "time_us", "outcome", "attempts_left"],
    );
    let table = object(
        "A decision table that these rules read.",
        json!({
            "name": text("Its name."),
            "value": {"type": ["null", "boolean", "integer", "number", "string"]},
            "shown": text("The value as the language writes it."),
            "row": {"type": ["integer", "null"], "description": "The row that gave it, from 1; the one after the last is `else`."},
            "looked_at": of_list("The rows that were looked at.", "Part"),
        }),
        &["name", "value", "shown", "row", "looked_at"],
    );
    object(
        "A decision, explained from its record: every rule that fired as its own text with the values put in.",
        json!({
            "id": text("The payment's id."),
            "time_us": time("When it happened"),
            "amount_minor": whole("Its amount, minor units."),
            "currency": text("Its currency."),
            "converted": converted(),
            "language": text("The language of what is shown."),
            "rule_set": text("The hash of the rule set that decided."),
            "outcome": outcome("What was decided."),
            "alert": truth("Whether a person should look."),
            "score": whole("The sum of scores."),
            "step_up_at": whole("The score from which a payment is stepped up."),
            "block_at": whole("The score from which it is blocked."),
            "auth": sets("The authentication required: one method of each set."),
            "met": truth("The methods presented met it."),
            "missing": sets("The sets that were not met yet, where another one was."),
            "step_up": step_up("The dialogue that was opened."),
            "stopped": stopped(),
            "own": outcome("What the engine itself came to, where the payment had been answered before."),
            "locked": texts("The locks that kept the requirement from being met."),
            "answers": {"type": "array", "items": answer, "description": "How the customer answered."},
            "withheld": withheld(),
            "out_of_force": texts("The rule files whose dates the payment is outside of."),
            "tags": texts("What the rules that acted mark the payment with."),
            "obligations": texts("What they oblige somebody to do."),
            "not_recorded": texts("What conditions asked that no record holds: parts that depend on it are unknown here. `weir audit show` replays it."),
            "customer": reference("Advice"),
            "rules": {"type": "array", "items": explained_rule(), "description": "The rules that fired."},
            "tables": {"type": "array", "items": table, "description": "The tables that these rules read."},
        }),
        &["id", "time_us", "language", "rule_set", "outcome", "alert", "score", "customer", "rules"],
    )
}

fn ready() -> Value {
    object(
        "Whether it decides, and if not why.",
        json!({
            "status": {"enum": ["ready", "recovering", "journal_failed", "draining"]},
            "stage": {"enum": ["checking", "taking"], "description": "What recovery does."},
            "events": whole("Events taken in again so far."),
            "bytes": whole("Bytes read so far, in this stage."),
            "of_bytes": whole("Bytes to be read."),
            "why": text("Why the journal has failed."),
            "answers": truth("Whether it answers all the same."),
        }),
        &["status"],
    )
}

fn access() -> Value {
    let caller = object(
        "Somebody who may ask.",
        json!({
            "name": text("What people call it."),
            "by": text("How it shows who it is."),
            "scopes": texts("What it may ask for."),
            "tenant": {"type": ["string", "null"], "description": "Whose events it may send and see; of everybody where there is none."},
        }),
        &["name", "by", "scopes", "tenant"],
    );
    object(
        "Who may ask for what, without what they show.",
        json!({"open_to_this_machine": truth("Whether nobody is named."), "callers": {"type": "array", "items": caller}}),
        &["open_to_this_machine", "callers"],
    )
}

fn problem() -> Value {
    object(
        "What went wrong, as RFC 9457 writes it.",
        json!({
            "type": reference("ProblemType"),
            "title": text("The same in a few words."),
            "status": whole("The status, again."),
            "detail": text("What was wrong here, and what to do. It shows no value of a body."),
            "event": text("The event's id, where it has one."),
            "declared": outcome("What the rule set says is to happen where the event is refused for this, as `[rates] otherwise` does."),
            "problems": of_list("What is wrong with a rule set, each with its place.", "RuleProblem"),
            "proposal": reference("Proposal"),
            "live": {"type": ["string", "null"], "description": "The hash of what decides, where it is not what was thought; null where that is not known."},
        }),
        &["type", "title", "status"],
    )
}
