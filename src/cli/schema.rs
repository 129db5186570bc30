//! `weir schema`: a JSON Schema of the rule file, by which an editor completes keys and shows what they mean.
//!
//! It knows the form of a rule file; what a condition says, only the checker can tell.

use std::io::Write;

use serde_json::{Value, json};
use weir::event::{ExtraType, Kind};
use weir::money::currency;

use super::Verdict;

const HELP: &str = "\
Write it beside the rules and name it in their first line; editors that know TOML (taplo, Even Better TOML) then
complete keys and show what they mean:
  weir schema > weir.schema.json
  #:schema ./weir.schema.json";

/// Print a JSON Schema of the rule file, for editors
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub(super) struct Args {}

pub(super) fn run() -> anyhow::Result<Verdict> {
    writeln!(anstream::stdout().lock(), "{}", serde_json::to_string_pretty(&schema())?)?;
    Ok(Verdict::Clean)
}

fn schema() -> Value {
    let mut root = section(
        "A weir rule file.",
        &["ruleset"],
        json!({
            "ruleset": ruleset(),
            "fields": each("Extra fields of events, with their types.", json!({ "enum": ExtraType::ALL.map(ExtraType::name) })),
            "params": each("Named thresholds: what an analyst tunes.", param()),
            "set": each("Other values for parameters that the files which this one extends leave open.", scalar("Its value.")),
            "features": each("Named values of the past, known when a payment is scored.", feature()),
            "lists": each("Lists of keys, from files.", list()),
            "rates": rates(),
            "tables": each("Decision tables: the first row that holds gives the value.", table()),
            "policy": policy(),
            "auth": each("Which authentication methods must be met.", requirement()),
            "step_up": step_up(),
            "locks": each("Methods that meet nothing for a key after too many failures in a row.", lock()),
            "control": control(),
            "rule": { "type": "array", "items": rule(), "description": "Conditions with what follows from them." },
        }),
    );
    if let Some(root) = root.as_object_mut() {
        root.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        root.insert("title".to_owned(), json!("weir rule file"));
    }
    root
}

/// A table with these keys and no others.
fn section(description: &str, required: &[&str], properties: Value) -> Value {
    json!({
        "type": "object",
        "description": description,
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

/// A table of any names, each with this.
fn each(description: &str, value: Value) -> Value {
    json!({
        "type": "object",
        "description": description,
        "propertyNames": { "pattern": NAME },
        "additionalProperties": value,
    })
}

const NAME: &str = "^[a-z][a-z0-9_]{0,63}$";
const DURATION: &str = "^[0-9]+(us|ms|s|m|h|d|w)$";

fn text(description: &str) -> Value {
    json!({ "type": "string", "description": description })
}

fn condition(description: &str) -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": 10_000, "description": description })
}

fn words(description: &str, words: &[&str]) -> Value {
    json!({ "enum": words, "description": description })
}

fn one_or_more(description: &str, item: Value) -> Value {
    json!({
        "anyOf": [item, { "type": "array", "items": item, "minItems": 1 }],
        "description": description,
    })
}

/// A whole number from 1, or the name of a parameter that is one.
fn whole(most: u32, description: &str) -> Value {
    json!({
        "anyOf": [{ "type": "integer", "minimum": 1, "maximum": most }, { "type": "string", "pattern": "^[a-z][a-z0-9_]*$" }],
        "description": description,
    })
}

fn duration(description: &str) -> Value {
    json!({ "type": "string", "pattern": DURATION, "description": description })
}

fn tenants(description: &str) -> Value {
    one_or_more(description, json!({ "type": "string", "minLength": 1 }))
}

fn percent(description: &str) -> Value {
    json!({ "type": "number", "exclusiveMinimum": 0, "maximum": 100, "description": description })
}

/// Every code of ISO 4217.
fn currencies() -> Vec<String> {
    let letters = || (b'A'..=b'Z').map(char::from);
    let codes = letters()
        .flat_map(|a| letters().flat_map(move |b| letters().map(move |c| [a, b, c].iter().collect())));
    codes.filter(|code: &String| currency(code).is_ok()).collect()
}

fn ruleset() -> Value {
    section(
        "What the rule set is called, and how it counts.",
        &["name", "currency"],
        json!({
            "name": { "type": "string", "minLength": 1, "description": "Its name." },
            "time_zone": text("The IANA name of the zone of its days, hours and dates, such as Asia/Ho_Chi_Minh; UTC unless said."),
            "currency": { "enum": currencies(), "description": "The ISO 4217 code of its amounts." },
            "remember": duration("How long ids are remembered, 1m to 400d; by default as long as the longest window, at least 7d."),
            "feedback": words("What the gateway reports of a payment after its answer; `execution` unless said.", &["none", "authentication", "execution"]),
            "pending_for": duration("How long an answered payment counts as pending without a report, at most 1d; as long as a window covers it unless said."),
            "extends": one_or_more("The rule files that this one stands on, as paths from it.", json!({ "type": "string", "minLength": 1 })),
            "valid_from": text("The file's rules look only at payments from this date on."),
            "valid_until": text("The file's rules look only at payments before this date."),
            "tenants": tenants("The file's rules look only at these tenants' payments, and can't loosen what others ask for."),
            "languages": one_or_more("The languages in which each rule is to have its reason.", json!({ "type": "string", "pattern": "^[a-z]{2,3}$" })),
        }),
    )
}

fn scalar(description: &str) -> Value {
    json!({ "type": ["number", "string", "boolean"], "description": description })
}

fn param() -> Value {
    let table = section(
        "A parameter with a unit or bounds.",
        &["value"],
        json!({
            "value": scalar("Its value: a number, a boolean, a duration such as 24h, or text."),
            "unit": { "enum": currencies(), "description": "The currency of an amount." },
            "min": scalar("What it must not go below."),
            "max": scalar("What it must not go above."),
            "one_of": { "type": "array", "items": { "type": "string" }, "minItems": 1, "description": "The texts that it may be." },
            "open": { "type": "boolean", "description": "Whether [set] of a file that extends this one may give it another value." },
        }),
    );
    json!({ "anyOf": [scalar("Its value."), table] })
}

fn feature() -> Value {
    let number = |what: &str| text(&format!("{what} of `amount`, or of an extra field with whole numbers."));
    let fields = |description: &str| one_or_more(description, json!({ "type": "string" }));
    let kinds = json!({ "enum": Kind::ALL.map(Kind::name) });
    let reset = section(
        "What resets it: kinds of event, or the execution of a transaction; and a condition on the fields of that.",
        &[],
        json!({
            "from": one_or_more("The kinds of event that reset it; those that contribute unless said.", kinds.clone()),
            "on": { "const": "executed", "description": "It acts when a transaction is executed, once that has contributed itself." },
            "where": condition("Which of them reset it."),
        }),
    );
    let reset = json!({
        "anyOf": [condition("Which of the events that contribute reset it."), reset],
        "description": "What empties it for a key, once its own event has contributed.",
    });
    let mut feature = section(
        "One aggregate over a window, or a ratio.",
        &[],
        json!({
            "count": { "const": "*", "description": "How many." },
            "sum": number("The sum"),
            "mean": number("The mean"),
            "min": number("The least value"),
            "max": number("The greatest value"),
            "deviation": number("The sample standard deviation"),
            "distinct": text("How many distinct values of a field with text."),
            "is_new": { "const": true, "description": "Whether none came before." },
            "since": { "const": "last", "description": "The time since the latest one before this event; null where there is none." },
            "first": number("The oldest value"),
            "last": number("The newest value"),
            "previous": number("The second newest value"),
            "quantile": number("The value that a share `q` of values is at or below, off by at most 1/256 of itself,"),
            "q": { "type": "number", "exclusiveMinimum": 0, "maximum": 0.999_999, "description": "The share of a quantile, above 0 and below 1: 0.5 is the median." },
            "z_score": number("How many sample deviations the payment is above the mean of those before it,"),
            "speed": { "type": "array", "items": { "type": "string" }, "minItems": 2, "description": "Kilometres per hour from the newest place to the payment's own: the fields of latitude and longitude." },
            "changed": text("Whether the payment's own value of a field with text differs from that of the newest one before it; null without either."),
            "ratio": text("What is divided: a feature, `amount`, or an extra field with whole numbers."),
            "to": text("The feature that a ratio divides by."),
            "by": fields("The fields under which contributions are filed."),
            "at": fields("The fields of the payment by which it is read; those of `by` unless said."),
            "over": text("Its window: a duration such as 24h, `day`, `month`, `forever`, or a duration parameter."),
            "delay": text("How long before now its window ends: a duration such as 7d, or a duration parameter."),
            "from": one_or_more("The kinds of event that contribute; payments unless said.", kinds),
            "where": condition("Which events contribute: a condition on their own fields."),
            "counts": words("Which payments contribute: all that asked, those let through, or those executed, at the time of their execution.", &["asked", "allowed", "executed"]),
            "pending": { "type": "boolean", "description": "With `counts = \"executed\"`: whether a payment counts from its answer on, until it is executed." },
            "label": words("It counts only transactions that are labelled so.", &["fraud", "genuine"]),
            "reset": reset,
            "across": { "const": "all", "description": "Its keys are those of all tenants; [policy] of the file that is compiled must grant it." },
            "current": { "type": "boolean", "description": "Whether the payment being scored is part of it." },
        }),
    );
    if let Some(feature) = feature.as_object_mut() {
        feature.insert("anyOf".to_owned(), json!([{ "required": ["by"] }, { "required": ["ratio"] }]));
    }
    feature
}

fn list() -> Value {
    section(
        "A list of keys.",
        &["key"],
        json!({
            "file": text("Where its first entries are, beside the rule file: .csv with a header, or .txt with one a line; without it events alone feed it."),
            "key": text("The field whose values it holds."),
        }),
    )
}

fn rates() -> Value {
    section(
        "Rates by which amounts in other currencies are converted; without it they are refused.",
        &[],
        json!({
            "file": text("Where they are, beside the rule file: a .csv with valid_from, currency, rate; without it events bring their own."),
            "otherwise": { "enum": ["block", "step_up"], "description": "What is declared of a payment that is refused for want of a rate; block unless said." },
        }),
    )
}

fn table() -> Value {
    let row = section(
        "A row.",
        &["when", "is"],
        json!({ "when": condition("When it holds."), "is": scalar("The value that it gives.") }),
    );
    section(
        "A decision table.",
        &["rows", "on_unknown"],
        json!({
            "rows": { "type": "array", "items": row, "minItems": 1, "description": "Its rows; the first that holds gives the value." },
            "else": scalar("The value where no row holds."),
            "on_unknown": words("What a row means whose condition is unknown: look at the next, an unknown value, or the strictest still possible.", &["next", "unknown", "strictest"]),
            "order": { "type": "array", "items": scalar("A value."), "description": "Its values from the weakest to the strictest." },
            "unit": { "enum": currencies(), "description": "The currency of its amounts." },
        }),
    )
}

fn policy() -> Value {
    let threshold =
        |description: &str| json!({ "type": "integer", "minimum": 1, "description": description });
    section(
        "What the sum of scores means.",
        &[],
        json!({
            "step_up_at": threshold("The score from which the customer is asked."),
            "block_at": threshold("The score from which a payment is stopped."),
            "across": one_or_more("The features that may read all tenants' events, by name.", json!({ "type": "string", "pattern": NAME })),
            "auth": text("The requirement, of [auth], where the score alone asks, or a rule names none."),
        }),
    )
}

fn requirement() -> Value {
    let method = json!({ "type": "string", "pattern": "^[a-z0-9_]+$" });
    let any = json!({ "type": "array", "items": method, "minItems": 1 });
    section(
        "A requirement.",
        &["all"],
        json!({
            "all": { "type": "array", "items": any, "minItems": 1, "description": "Each of these must be met by one of its methods." },
            "serves": one_or_more("The requirements, of [auth], that whoever meets this one meets too.", json!({ "type": "string" })),
        }),
    )
}

fn step_up() -> Value {
    section(
        "How the customer is asked: with this section the engine leads the dialogue, and answers each authentication.",
        &["expires"],
        json!({
            "expires": text("A duration such as 5m, or a duration parameter: how long the customer may take to answer; after that the payment counts as refused."),
            "attempts": whole(20, "How often the customer may answer; 3 unless said."),
        }),
    )
}

fn lock() -> Value {
    let opens = section(
        "The events that open it again for their key.",
        &["from"],
        json!({
            "from": one_or_more("The kinds of event.", json!({ "enum": Kind::ALL.map(Kind::name) })),
            "where": condition("Which of them, by their fields; all unless said."),
        }),
    );
    section(
        "A lock; it needs [step_up].",
        &["methods", "by", "failures", "opens"],
        json!({
            "methods": one_or_more("The methods that it locks, of those that [auth] names.", json!({ "type": "string", "pattern": "^[a-z0-9_]+$" })),
            "by": text("The field whose values are locked; per tenant."),
            "failures": whole(100, "How many failed authentications in a row that presented one of them lock."),
            "opens": opens,
        }),
    )
}

fn control() -> Value {
    section(
        "Payments that normal rules don't stop, so that their effect stays measurable.",
        &["percent", "by", "amount_max"],
        json!({
            "percent": percent("The share of keys in the group."),
            "by": text("The field whose values are in or out."),
            "amount_max": { "type": "number", "minimum": 0, "description": "Payments of more than this are never let through by it." },
        }),
    )
}

fn rule() -> Value {
    let id = "^[A-Za-z0-9_.-]{1,64}$";
    let rollout = section(
        "It looks only at this share of payments.",
        &["percent", "by"],
        json!({ "percent": percent("The share of keys."), "by": text("The field whose values are in or out.") }),
    );
    let breaker = section(
        "A ceiling on its share of decisions; past it the rule acts as though in shadow.",
        &["percent", "over"],
        json!({
            "percent": percent("The ceiling."),
            "over": duration("The window over which the share is taken."),
            "least": { "type": "integer", "minimum": 1, "description": "With fewer decisions in the window it never trips; 100 unless said." },
        }),
    );
    let reason = json!({
        "anyOf": [
            { "type": "string", "minLength": 1 },
            { "type": "object", "propertyNames": { "pattern": "^[a-z]{2,3}$" }, "additionalProperties": { "type": "string", "minLength": 1 } },
        ],
        "description": "Why, for the operator: a text, or one for each language.",
    });
    // A date of TOML is told to a schema as text.
    section(
        "A condition with what follows from it.",
        &["id", "when"],
        json!({
            "id": { "type": "string", "pattern": id, "description": "Its id, which decisions name." },
            "from": words("What it looks at: transactions, unless it watches logins.", &["transaction", "login"]),
            "when": condition("When it fires: a condition in SQL."),
            "then": words("What it asks for outright; left out where only its score counts.", &["allow", "step_up", "block", "alert"]),
            "auth": text("The requirement, of [auth], of its step-up."),
            "score": { "type": "integer", "minimum": -1_000_000, "maximum": 1_000_000, "description": "What it adds to the score." },
            "on_unknown": words("What an unknown condition means; `silent` unless said, `fires` for a mandatory rule.", &["silent", "fires"]),
            "reason": reason,
            "customer": { "type": "string", "pattern": NAME, "description": "A code of the neutral catalogue that tells the customer what to do." },
            "tier": words("Whose word it is: the law's, an exception, or the house's own.", &["mandatory", "override", "normal"]),
            "mode": words("Whether it acts, is only recorded, or is not looked at.", &["live", "shadow", "off"]),
            "valid_from": text("It looks only at payments from this date on."),
            "valid_until": text("It looks only at payments before this date."),
            "rollout": rollout,
            "overrides": one_or_more("The rules that it lets through, by id; only of an override.", json!({ "type": "string", "pattern": id })),
            "breaker": breaker,
            "tags": one_or_more("What it marks a payment with.", json!({ "type": "string", "pattern": id })),
            "oblige": one_or_more("What it obliges the gateway to do.", json!({ "type": "string", "pattern": NAME })),
            "tenants": tenants("It looks only at these tenants' payments."),
            "legal": text("Where the law says so, for the auditor."),
        }),
    )
}
