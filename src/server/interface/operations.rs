//! Every operation of the sidecar: what it is for, what it takes and what it answers, with examples.
//!
//! **To add one**, add an entry to [`operations`]: who may ask is read from the guard's table, and tests fail until both have it.
//! Every example of a body is sent by `tests/interface.rs`, in the order of the document, and answered as it says.

use serde_json::{Value, json};

use super::rule_sets::rule_sets;
use super::{any_of, event_name, reference};
use crate::event::Kind;

/// Groups of operations, with what they are for.
pub(super) const GROUPS: [(&str, &str); 5] = [
    ("Decisions", "A payment is scored, stepped up and decided."),
    ("Events", "What else happens: it counts, and is asked nothing."),
    ("Reading", "What was decided, and why."),
    ("Rule sets", "What decides is changed without a restart: proposed, approved, taken up, rolled back."),
    ("Operating", "How the process is, and who may ask."),
];

const CLIENTS: &[&str] = &["clients"];
pub(super) const ADMINISTRATION: &[&str] = &["administration"];
const BOTH: &[&str] = &["clients", "administration"];

pub(super) const JSON: &str = "application/json";

/// What every body can be answered.
const OF_BODIES: &[&str] = &[
    "bad-event",
    "bad-query",
    "secret",
    "tenant",
    "unapproved",
    "slow-body",
    "body-too-large",
    "id-reused",
    "refused",
    "overload",
    "deadline",
    "journal-failure",
    "warming",
    "draining",
];
/// What looking into the journal can be answered.
const OF_LOOKING: &[&str] =
    &["bad-query", "no-decision", "unreadable", "unread", "deadline", "journal-failure", "warming"];

/// An operation.
pub(super) struct Operation {
    pub(super) method: &'static str,
    pub(super) path: String,
    pub(super) id: &'static str,
    pub(super) group: &'static str,
    pub(super) listeners: &'static [&'static str],
    pub(super) summary: &'static str,
    pub(super) about: &'static str,
    pub(super) parameters: Vec<Parameter>,
    pub(super) body: Option<Body>,
    pub(super) replies: Vec<Reply>,
    /// The words of problems beside those that the guard has.
    pub(super) problems: Vec<&'static str>,
}

/// What a request says beside its body.
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) place: &'static str,
    pub(super) about: &'static str,
    pub(super) schema: Value,
    pub(super) example: Value,
}

/// A request's body.
pub(super) struct Body {
    /// Whether there must be one.
    pub(super) required: bool,
    pub(super) schema: Value,
    pub(super) examples: Vec<Example>,
}

/// A body with the status that it is answered.
pub(super) struct Example {
    pub(super) name: &'static str,
    pub(super) summary: &'static str,
    pub(super) value: Value,
    pub(super) answered: u16,
}

/// An answer that is no problem.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) about: &'static str,
    pub(super) kind: &'static str,
    pub(super) schema: Value,
    pub(super) examples: Vec<(&'static str, Value)>,
}

impl Operation {
    pub(super) fn new(
        method: &'static str,
        path: &str,
        id: &'static str,
        group: usize,
        summary: &'static str,
    ) -> Self {
        Self {
            method,
            path: path.to_owned(),
            id,
            group: GROUPS.get(group).map_or("", |(name, _)| name),
            listeners: CLIENTS,
            summary,
            about: "",
            parameters: Vec::new(),
            body: None,
            replies: Vec::new(),
            problems: Vec::new(),
        }
    }

    pub(super) fn about(self, about: &'static str) -> Self {
        Self { about, ..self }
    }

    pub(super) fn on(self, listeners: &'static [&'static str]) -> Self {
        Self { listeners, ..self }
    }

    pub(super) fn with(mut self, parameter: Parameter) -> Self {
        self.parameters.push(parameter);
        self
    }

    pub(super) fn takes(self, schema: Value, examples: Vec<Example>) -> Self {
        Self { body: Some(Body { required: true, schema, examples }), ..self }
    }

    /// Which may also say nothing.
    pub(super) fn may_take(self, schema: Value, examples: Vec<Example>) -> Self {
        Self { body: Some(Body { required: false, schema, examples }), ..self }
    }

    pub(super) fn gives(
        self,
        about: &'static str,
        schemas: &[&str],
        examples: Vec<(&'static str, Value)>,
    ) -> Self {
        self.replies(200, about, JSON, any_of(schemas), examples)
    }

    pub(super) fn replies(
        mut self,
        status: u16,
        about: &'static str,
        kind: &'static str,
        schema: Value,
        examples: Vec<(&'static str, Value)>,
    ) -> Self {
        self.replies.push(Reply { status, about, kind, schema, examples });
        self
    }

    pub(super) fn or(mut self, problems: &[&'static str]) -> Self {
        self.problems.extend(problems);
        self
    }
}

pub(super) fn example(name: &'static str, summary: &'static str, answered: u16, value: Value) -> Example {
    Example { name, summary, value, answered }
}

fn id() -> Parameter {
    let about = "The payment's id.";
    Parameter {
        name: "id",
        place: "path",
        about,
        schema: json!({"type": "string"}),
        example: "t-1001".into(),
    }
}

fn timeout() -> Parameter {
    Parameter {
        name: "weir-timeout-ms",
        place: "header",
        about: "How long the answer is waited for; otherwise as the configuration says. Where `x-envoy-expected-rq-timeout-ms` says less, that holds.",
        schema: json!({"type": "integer", "minimum": 0}),
        example: 5_000.into(),
    }
}

fn query(name: &'static str, about: &'static str, schema: Value, example: Value) -> Parameter {
    Parameter { name, place: "query", about, schema, example }
}

fn payment(id: &str, amount_minor: i64, payee: &str) -> Value {
    json!({"id": id, "time_us": TIME_US, "amount_minor": amount_minor, "currency": "VND", "account": "0123456789",
        "payee": payee, "device": "d-7f3a", "channel": "mobile"})
}

/// When the examples happen: 2025-12-01 10:00:00 UTC.
pub(super) const TIME_US: i64 = 1_764_583_200_000_000;
const RULE_SET: &str = "5f0c0b6f9c2f3d7a1e8b4d6c9a0e1f2b3c4d5e6f708192a3b4c5d6e7f8091a2b";

fn decided(outcome: &str, more: Value) -> Value {
    let mut decision = json!({"id": "t-1001", "time_us": TIME_US, "outcome": outcome, "alert": false, "score": 0, "rules": [],
        "features": {}, "rule_set": RULE_SET, "engine": crate::engine::VERSION});
    if let (Some(held), Value::Object(more)) = (decision.as_object_mut(), more) {
        held.extend(more);
    }
    decision
}

fn stepped_up() -> Value {
    decided(
        "step_up",
        json!({
            "auth": [["fido", "soft_otp"]],
            "step_up": {"id": "0000000000000001", "expires_us": TIME_US + 300_000_000, "attempts_left": 3},
            "rules": [{"id": "large", "then": "step_up", "reason": {"en": "A large payment"}}],
            "features": {"paid_24h": {"value": 25_000_000, "quality": "exact"}},
        }),
    )
}

fn authenticated() -> Value {
    let more = json!({"id": "a-1001", "time_us": TIME_US + 40_000_000, "kind": "authentication", "transaction": "t-1001", "met": true,
        "auth": [["fido", "soft_otp"]]});
    decided("allow", more)
}

/// Every operation, in the order of the page.
pub(super) fn operations() -> Vec<Operation> {
    [decisions(), vec![events()], reading(), rule_sets(), operating()].into_iter().flatten().collect()
}

fn decisions() -> Vec<Operation> {
    let mut other = payment("t-1001", 26_000_000, "9876543210");
    other["time_us"] = (TIME_US + 1).into();
    let examples = vec![
        example(
            "large_payment",
            "It asks for a stronger authentication",
            200,
            payment("t-1001", 25_000_000, "9876543210"),
        ),
        example("large_payment_again_with_other_content", "An id is used for one payment", 409, other),
        example("payment", "It is let through", 200, payment("t-1002", 250_000, "9876543210")),
        example(
            "payment_without_amount",
            "It is no payment",
            400,
            json!({"id": "t-1003", "time_us": TIME_US}),
        ),
    ];
    let declared = json!({"id": "t-1004", "time_us": TIME_US, "outcome": "step_up", "declared": "deadline", "auth": [["fido"]],
        "durable": false, "engine": crate::engine::VERSION});
    let answers =
        vec![("allowed", decided("allow", json!({}))), ("stepped_up", stepped_up()), ("declared", declared)];
    let transaction = reference(&event_name(Kind::Transaction));
    let batch = example(
        "two_payments",
        "One answer each, in their order",
        200,
        json!([payment("t-1005", 50_000, "9876543210"), payment("t-1006", 70_000, "1111111111")]),
    );
    let answered = json!({"answers": [decided("allow", json!({"id": "t-1005"})), decided("allow", json!({"id": "t-1006"}))]});
    let authentications = vec![
        example(
            "failed",
            "The customer may try again",
            200,
            json!({"id": "a-1000", "time_us": TIME_US + 20_000_000, "result": "failed", "methods": ["soft_otp"]}),
        ),
        example(
            "succeeded",
            "It is let through",
            200,
            json!({"id": "a-1001", "time_us": TIME_US + 40_000_000, "result": "succeeded", "methods": ["fido"]}),
        ),
    ];
    vec![
        Operation::new("POST", "/v1/decisions", "decide", 0, "Score a payment")
            .about("Decides on one payment. The same id with the same content is answered as it was the first time.")
            .with(timeout())
            .takes(transaction.clone(), examples)
            .gives("What is to happen with it.", &["Decision", "Declared"], answers)
            .or(OF_BODIES),
        Operation::new("POST", "/v1/decisions:batch", "decideMany", 0, "Score many payments")
            .about("Each has an answer of its own, which may be a problem. Where the queue has no room, none of them is taken.")
            .with(timeout())
            .takes(json!({"type": "array", "items": transaction}), vec![batch])
            .gives("Their answers.", &["Answers"], vec![("allowed", answered)])
            .or(&["bad-event", "bad-query", "slow-body", "body-too-large", "batch-too-large", "overload"]),
        Operation::new("POST", "/v1/decisions/{id}/authentication", "authenticate", 0, "Answer a step-up")
            .about("Says how the customer's authentication went, and gives what the payment comes to with it. Where the rule set has no [step_up], it is only taken in.")
            .with(id())
            .with(timeout())
            .takes(reference(&event_name(Kind::Authentication)), authentications)
            .gives("What the payment comes to.", &["Decision", "Taken"], vec![("allowed", authenticated())])
            .replies(202, "It is taken in later.", JSON, reference("TakenLater"), vec![])
            .or(OF_BODIES),
    ]
}

fn events() -> Operation {
    let at = |kind: &str, id: &str, more: Value| {
        let mut event = json!({"kind": kind, "id": id, "time_us": TIME_US + 60_000_000});
        if let (Some(held), Value::Object(more)) = (event.as_object_mut(), more) {
            held.extend(more);
        }
        event
    };
    let examples = vec![
        example(
            "change",
            "The customer has a new phone",
            200,
            at("change", "c-1", json!({"customer": "k-17", "what": "phone"})),
        ),
        example("clock", "Time passes", 200, at("clock", "k-1", json!({}))),
        example(
            "execution",
            "The payment was executed",
            200,
            at("execution", "x-1", json!({"transaction": "t-1001", "result": "succeeded"})),
        ),
        example(
            "label",
            "It turned out to be fraud",
            200,
            at("label", "f-1", json!({"transaction": "t-1001", "label": "fraud", "source": "customer"})),
        ),
        example(
            "list",
            "A payee is put on a list",
            200,
            at("list", "l-1", json!({"list": "suspected", "entry": "1111111111", "action": "put"})),
        ),
        example(
            "login",
            "A login failed",
            200,
            at("login", "n-1", json!({"customer": "k-17", "device": "d-7f3a", "result": "failed"})),
        ),
        example(
            "observed",
            "Money that came in",
            200,
            at(
                "observed",
                "o-1",
                json!({"amount_minor": 90_000, "currency": "VND", "account": "0123456789"}),
            ),
        ),
        example(
            "reversal",
            "The payment was taken back",
            200,
            at("reversal", "r-1", json!({"transaction": "t-1002"})),
        ),
        example(
            "unknown_list",
            "The rule set has no such list",
            422,
            at("list", "l-2", json!({"list": "no_such_list", "entry": "1", "action": "put"})),
        ),
    ];
    let kinds: Vec<Value> = Kind::ALL
        .into_iter()
        .filter(|kind| !matches!(kind, Kind::Transaction | Kind::Authentication))
        .map(|kind| reference(&event_name(kind)))
        .collect();
    Operation::new("POST", "/v1/events", "take", 1, "Tell what else happened")
        .about("Takes in any other event. A login is decided on where the rule set has rules for logins. A payment or an answer to a step-up is refused here (400): it has a path of its own. A control event holds for all tenants, so it needs a caller that has the scope `rules` or `admin` besides, and is bound to no tenant. One that would take up a rule set that what is declared would be weaker than is refused (`rules`).")
        .with(timeout())
        .takes(json!({"oneOf": kinds}), examples)
        .gives(
            "It is taken in.",
            &["Taken", "Alert", "Decision"],
            vec![("taken", json!({"id": "x-1", "taken": true}))],
        )
        .replies(
            202,
            "It is taken in later.",
            JSON,
            reference("TakenLater"),
            vec![("later", json!({"id": "x-1", "taken": "later"}))],
        )
        .or(OF_BODIES)
        .or(&["rules"])
}

fn reading() -> Vec<Operation> {
    let tenant = || {
        let about =
            "Whose payment it is, for callers that are bound to no tenant; without it, one of no tenant.";
        query("tenant", about, json!({"type": "string"}), Value::Null)
    };
    let record = json!({"id": "t-1001", "outcome": "allow", "decision": stepped_up(), "authentications": [authenticated()]});
    let feature = json!({"text": "amount", "place": [0, 6], "form": "field", "type": "money", "value": 25_000_000, "shown": "25,000,000 VND"});
    let limit = json!({"text": "10_000_000", "place": [9, 19], "form": "literal", "type": "money", "value": 10_000_000, "shown": "10,000,000 VND"});
    let explained = json!({
        "id": "t-1001", "time_us": TIME_US, "amount_minor": 25_000_000, "currency": "VND", "language": "en", "rule_set": RULE_SET,
        "outcome": "step_up", "alert": false, "score": 0, "auth": [["fido", "soft_otp"]],
        "customer": {"code": "confirm_payment", "text": "Please confirm this payment."},
        "rules": [{
            "id": "large", "fate": "acted", "fired": true, "by_unknown": false, "then": "step_up", "score": 0, "tier": "normal",
            "mode": "live", "reason": "A large payment",
            "condition": {"text": "amount > 10_000_000", "place": [0, 19], "form": ">", "type": "boolean", "value": true, "shown": "true",
                "parts": [feature, limit]},
        }],
    });
    let text = "payment `t-1001` of 25,000,000 VND, 2025-12-01 17:00:00: step up\n";
    vec![
        Operation::new("GET", "/v1/decisions/{id}", "decision", 2, "What a payment was answered")
            .about("The answers as they are in the journal, once they are on disk there. That it was asked, and by whom, is in the journal before it is shown. Where an id was used again after it was forgotten, it is the newest.")
            .with(id())
            .with(tenant())
            .with(timeout())
            .gives("What was answered.", &["DecisionRecord"], vec![("allowed", record)])
            .or(OF_LOOKING),
        Operation::new("GET", "/v1/decisions/{id}/explanation", "explanation", 2, "Why a payment was answered so")
            .about("Made from the record of the decision. `Accept: text/plain` gives text for people.")
            .with(id())
            .with(tenant())
            .with(query("for", "For whom: the auditor sees legal references besides, the customer only what to do.",
                json!({"enum": ["operator", "auditor", "customer"], "default": "operator"}), "operator".into()))
            .with(query("language", "The language, and how it writes numbers.",
                json!({"enum": ["en", "vi"], "default": "en"}), "en".into()))
            .with(timeout())
            .gives("The explanation.", &["Explanation", "Advice"], vec![("stepped_up", explained)])
            .replies(200, "The same as text.", "text/plain", json!({"type": "string"}), vec![("stepped_up", text.into())])
            .or(OF_LOOKING),
    ]
}

fn operating() -> Vec<Operation> {
    let html = json!({"type": "string"});
    vec![
        Operation::new("GET", "/healthz", "health", 4, "Whether the process runs")
            .on(BOTH)
            .gives("It does.", &["Health"], vec![("ok", json!({"status": "ok"}))]),
        Operation::new("GET", "/readyz", "ready", 4, "Whether it decides")
            .on(BOTH)
            .gives("It does.", &["Ready"], vec![("ready", json!({"status": "ready"}))])
            .replies(503, "It does not, and why.", JSON, reference("Ready"), vec![(
                "recovering",
                json!({"status": "recovering", "stage": "taking", "events": 120_000, "bytes": 80_000_000, "of_bytes": 96_000_000}),
            )]),
        Operation::new("GET", "/metrics", "metrics", 4, "All that is measured, of all tenants: for callers that are bound to none")
            .on(BOTH)
            .replies(200, "OpenMetrics text.", "application/openmetrics-text", json!({"type": "string"}), vec![]),
        Operation::new("GET", "/openapi.json", "interface", 4, "This document")
            .on(BOTH)
            .replies(200, "OpenAPI 3.1.", JSON, json!({"type": "object"}), vec![]),
        Operation::new("GET", "/docs", "page", 4, "It as a page for people")
            .on(BOTH)
            .replies(200, "HTML.", "text/html", html, vec![]),
        Operation::new("GET", "/v1/access", "access", 4, "Who may ask for what")
            .on(ADMINISTRATION)
            .gives("Callers, without what they show.", &["Access"], vec![(
                "one",
                json!({"open_to_this_machine": false, "callers": [{"name": "gateway", "by": "token", "scopes": ["score", "events"], "tenant": null}]}),
            )]),
    ]
}
