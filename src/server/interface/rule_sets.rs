//! Operations that change rule sets, with what they take and answer.
//!
//! The examples are one story that `tests/interface.rs` plays: the hashes and the signature in them are real, and so is every
//! answer but for its times.

use serde_json::{Map, Value, json};

use super::answers::{object, of_list, text, texts, time, truth, whole};
use super::operations::{ADMINISTRATION, JSON, Operation, Parameter, TIME_US, example};
use super::reference;
use crate::decision::Outcome;

/// The rule file that is proposed.
const RULES: &str = r#"[ruleset]
name = "examples"
time_zone = "Asia/Ho_Chi_Minh"
currency = "VND"
[features]
paid_24h = { sum = "amount", by = "account", over = "24h" }
[[rule]]
id = "large"
when = "amount > 5_000_000 and paid_24h > 0"
then = "block"
reason = { en = "A large payment" }
"#;
/// What it is kept by.
const HASH: &str = "7392700279b630839642ae00a91b1312f9d83e916729488ec3d8c2a97d0bf55c";
/// What decisions name it by.
const RULE_SET: &str = "cd3a5bd119555a89d2648584eff3e361d2b5e165c8e45b5ad5943c53a338bd37";
/// The same of what decides before: without the feature, from 10,000,000 VND.
const HASH_BEFORE: &str = "80dfff9d3279f62040802a69f451c4280a8598f23261715c464ab9ea436becd4";
const RULE_SET_BEFORE: &str = "2448dad5a3d0c903103f19ad2ea0bf25680607294b78adce2bd57ff70fc91ae5";
/// The journal that it is approved for.
const JOURNAL: &str = "07070707070707070707070707070707";
/// By the key whose seed is 32 times 1.
const SIGNATURE: &str = "876e3ee95f971442157aa62f10e4fed8526f90d4aaad577b936e5be5c0205b2a141f9b650171cff0845ca39973048b0a0ffccea4e776559eadde59b43d346509";

/// What each of them can be answered.
const OF_ALL: &[&str] = &["not-ready"];
/// What those can be answered that read a body.
const OF_BODIES: &[&str] = &["bad-request", "slow-body", "body-too-large"];
/// What taking one up can be answered.
const OF_TAKING_UP: &[&str] = &[
    "bad-request",
    "slow-body",
    "body-too-large",
    "overload",
    "changed",
    "decides",
    "not-taken-up",
    "rules",
    "kept-rules",
    "draining",
];

fn hash() -> Parameter {
    Parameter {
        name: "hash",
        place: "path",
        about: "What the rule set is kept by, as it was answered when it was proposed.",
        schema: json!({"type": "string"}),
        example: HASH.into(),
    }
}

fn with(mut said: Value, more: Value) -> Value {
    if let (Some(held), Value::Object(more)) = (said.as_object_mut(), more) {
        held.extend(more);
    }
    said
}

fn proposed(approved_by: &[&str], approvals_lacking: usize) -> Value {
    json!({"hash": HASH, "rule_set": RULE_SET, "name": "examples", "proposed_us": TIME_US, "proposed_by": ["nam"],
        "approved_by": approved_by, "approvals_lacking": approvals_lacking})
}

/// What the proposal changes, or going back from it.
fn changes(back: bool) -> Value {
    let detail = |(key, old, new): (&str, Value, Value)| {
        let (old, new) = if back { (new, old) } else { (old, new) };
        json!({"key": key, "old": old, "new": new})
    };
    let feature = [
        ("value", "sum amount"),
        ("by", "account"),
        ("over", "1d"),
        ("counts", "asked"),
        ("current", "true"),
    ];
    let feature = feature.map(|(key, new)| detail((key, Value::Null, new.into())));
    let rule = detail(("when", "amount > 10_000_000".into(), "amount > 5_000_000 and paid_24h > 0".into()));
    let event = if back { "removed" } else { "added" };
    json!({"changes": [
        {"subject": "feature", "name": "paid_24h", "event": event, "details": feature, "rules": ["large"]},
        {"subject": "rule", "name": "large", "event": "changed", "details": [rule]},
    ], "lists": []})
}

/// What is told of the proposal besides.
fn note() -> Value {
    json!({"severity": "note", "file": "retail.toml", "line": 9, "column": 8, "label": "unknown there", "help": null,
        "message": "rule `large` may stay silent because `account` is null; say `on_unknown`"})
}

fn beside() -> Value {
    let none = json!({"allow": 0, "step_up": 0, "block": 0});
    json!({"hash": HASH, "rule_set": RULE_SET, "name": "examples", "since_us": TIME_US, "by": "nam", "stopped": null,
        "decisions": {"allow": none, "step_up": none, "block": none}})
}

fn all() -> Value {
    let mut beside = beside();
    beside["decisions"]["allow"]["allow"] = 1.into();
    json!({
        "journal": JOURNAL,
        "live": {"hash": HASH_BEFORE, "rule_set": RULE_SET_BEFORE, "name": "examples", "rules": 1, "lists": [], "rates": null,
            "since_us": TIME_US, "by": null},
        "before": null,
        "shadow": beside,
        "warming": null,
        "not_warmed": null,
        "approvals": {"required": 1, "approvers": ["mai"]},
        "proposed": [proposed(&["mai"], 0)],
    })
}

fn decides(said: Value, diff: Value, begins: &[&str]) -> Value {
    with(
        said,
        json!({"name": "examples", "decides": true, "warming": false, "diff": diff, "since_us": TIME_US, "begins": begins,
        "pause_us": 900}),
    )
}

fn warms(said: Value, diff: Value) -> Value {
    with(said, json!({"name": "examples", "decides": false, "warming": true, "diff": diff}))
}

/// All of them, in the order in which they are asked for.
pub(super) fn rule_sets() -> Vec<Operation> {
    let new = |method, path, id, summary| {
        Operation::new(method, path, id, 3, summary).on(ADMINISTRATION).or(OF_ALL)
    };
    let files = |text: String| json!({"file": "retail.toml", "files": {"retail.toml": text}});
    let proposals = vec![
        example("lower_limit", "It is checked and compared", 201, files(RULES.to_owned())),
        example("misspelt", "It can't be used", 422, files(RULES.replace("amount >", "amuont >"))),
        example("without_files", "Something is missing", 400, json!({"file": "retail.toml"})),
    ];
    let approvals = vec![
        example("approved", "The approval counts", 200, json!({"approver": "mai", "signature": SIGNATURE})),
        example(
            "not_signed",
            "Another key signed it, or something else",
            403,
            json!({"approver": "mai", "signature": "0".repeat(128)}),
        ),
    ];
    let how = |at_once: Value| {
        vec![
            example("at_once", "Between two events", 200, at_once),
            example("warmed", "Its features are filled from the journal first", 202, json!({"warm": true})),
        ]
    };
    let back = || {
        let other = json!({"from": HASH_BEFORE});
        let other = example("changed", "Something else decides than is thought", 409, other);
        let mut all = how(json!({"from": HASH}));
        all.push(other);
        all
    };
    let (this, before) = (
        json!({"hash": HASH, "rule_set": RULE_SET}),
        json!({"hash": HASH_BEFORE, "rule_set": RULE_SET_BEFORE}),
    );
    let warming = "It is being warmed, and takes over by itself.";
    vec![
        new("POST", "/v1/rules", "proposeRules", "Propose a rule set")
            .about("Takes all files that it needs, by their paths from the folder that holds them. It is checked, kept with the journal and compared with what decides; nothing else changes.")
            .takes(reference("RuleFiles"), proposals)
            .replies(201, "It is proposed.", JSON, reference("Proposed"), vec![(
                "lower_limit",
                with(proposed(&[], 1), json!({"diff": changes(false), "problems": [note()]})),
            )])
            .or(OF_BODIES)
            .or(&["rules", "unfit", "proposals", "kept-rules"]),
        new("GET", "/v1/rules/{hash}", "ruleSet", "What is proposed")
            .about("Its files and what they change, for whoever approves.")
            .with(hash())
            .gives("The proposal.", &["ProposedFiles"], vec![(
                "lower_limit",
                with(proposed(&["mai"], 0), json!({"file": "retail.toml", "files": {"retail.toml": RULES}, "diff": changes(false)})),
            )])
            .or(&["unknown-rules", "rules", "kept-rules"]),
        new("POST", "/v1/rules/{hash}/approvals", "approveRules", "Approve a rule set")
            .about("The signature is Ed25519 over the bytes of `weir rules approval 1`, of the journal's id and of the hash: `weir rules sign` prints this body. Whoever proposes a rule set does not approve it.")
            .with(hash())
            .takes(reference("SignedApproval"), approvals)
            .gives("The proposal, with the approvals that count.", &["Proposal"], vec![("approved", proposed(&["mai"], 0))])
            .or(OF_BODIES)
            .or(&["overload", "approval", "unknown-rules", "unfit"]),
        new("POST", "/v1/rules/{hash}/shadow", "shadowRules", "Let a rule set decide beside")
            .about("It sees the same events from now on, and acts on nothing.")
            .with(hash())
            .gives("What it would decide, counted.", &["ShadowRules"], vec![("begun", beside())])
            .or(&["unknown-rules", "unfit", "kept-rules"]),
        new("GET", "/v1/rules", "ruleSets", "All that is known of rule sets")
            .about("What decides and what did before, what decides beside, what is being warmed, and the last 64 proposals.")
            .gives("All of it.", &["RuleSets"], vec![("with_a_shadow", all())]),
        new("DELETE", "/v1/rules/shadow", "dropShadow", "Let none decide beside")
            .gives("Whether there was one.", &["Dropped"], vec![("dropped", json!({"dropped": true}))]),
        new("POST", "/v1/rules/{hash}/activate", "activateRules", "Take a rule set up")
            .about("Where it has its approvals, it decides from the next event on. A body may be left out.")
            .with(hash())
            .may_take(reference("TakingUp"), how(json!({})))
            .gives("It decides.", &["TakenUp"], vec![("at_once", decides(this.clone(), changes(false), &["paid_24h"]))])
            .replies(202, warming, JSON, reference("TakenUp"), vec![("warmed", warms(this, changes(false)))])
            .or(OF_TAKING_UP)
            .or(&["unknown-rules", "approvals"]),
        new("DELETE", "/v1/rules/warming", "cancelWarming", "Cancel a warm-up")
            .about("What decides goes on. What was being warmed stays proposed.")
            .gives("Whether there was one.", &["Cancelled"], vec![("none", json!({"cancelled": false}))])
            .or(&["draining"]),
        new("POST", "/v1/rules/rollback", "rollBackRules", "Go back")
            .about("What decided before decides again, without new approvals; a warm-up that is on is cancelled. Twice is back again. A body may be left out.")
            .may_take(reference("TakingUp"), back())
            .gives("It decides.", &["TakenUp"], vec![("at_once", decides(before.clone(), changes(true), &[]))])
            .replies(202, warming, JSON, reference("TakenUp"), vec![("warmed", warms(before, changes(true)))])
            .or(OF_TAKING_UP)
            .or(&["rollback"]),
    ]
}

/// What they take and answer, by name.
pub(super) fn schemas() -> Map<String, Value> {
    let named: [(&str, Value); 15] = [
        ("RuleFiles", files()),
        ("SignedApproval", signed()),
        (
            "TakingUp",
            object(
                "How it is to be taken up.",
                json!({
                    "warm": {"type": "boolean", "default": false, "description": "Whether its features are filled from the journal first."},
                    "from": hash_text("What is thought to decide. Where something else does, nothing is changed (409)."),
                }),
                &[],
            ),
        ),
        ("Proposal", proposal("A rule set that is proposed.", json!({}), &[])),
        (
            "Proposed",
            proposal(
                "A rule set that is proposed, with what was found.",
                json!({"diff": reference("RuleDiff"), "problems": of_list("What is warned of.", "RuleProblem")}),
                &["diff", "problems"],
            ),
        ),
        (
            "ProposedFiles",
            proposal(
                "A rule set that is proposed, with its files.",
                json!({"file": text("The path of the rule file."), "files": texts_by_path(), "diff": reference("RuleDiff")}),
                &["file", "files", "diff"],
            ),
        ),
        ("RuleSets", known()),
        ("ShadowRules", shadow()),
        ("TakenUp", taken_up()),
        (
            "Dropped",
            object(
                "What came of it.",
                json!({"dropped": truth("Whether one decided beside.")}),
                &["dropped"],
            ),
        ),
        (
            "Cancelled",
            object(
                "What came of it.",
                json!({"cancelled": truth("Whether one was being warmed.")}),
                &["cancelled"],
            ),
        ),
        ("RuleDiff", diff()),
        ("RuleChange", change()),
        ("RuleFileChange", contents()),
        ("RuleProblem", problem()),
    ];
    named.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect()
}

fn hash_text(about: &str) -> Value {
    json!({"type": "string", "pattern": "^[0-9a-f]{64}$", "description": about})
}

fn kept_by() -> Value {
    hash_text("The hash over all its files, which it is kept by.")
}

fn rule_set() -> Value {
    hash_text("The hash of its rules, which decisions name.")
}

fn name() -> Value {
    text("Its name, as the rule file says.")
}

/// Null or this.
fn or_null(about: &str, mut schema: Value) -> Value {
    if let Some(schema) = schema.as_object_mut() {
        schema.remove("description");
    }
    json!({"anyOf": [schema, {"type": "null"}], "description": about})
}

fn texts_by_path() -> Value {
    json!({"type": "object", "additionalProperties": {"type": "string"}, "description": "All its files as texts, by their paths."})
}

fn files() -> Value {
    object(
        "A rule set: its rule file, with what it extends, its lists and its rates.",
        json!({"file": text("The path of the rule file."), "files": texts_by_path()}),
        &["file", "files"],
    )
}

fn signed() -> Value {
    object(
        "An approval.",
        json!({
            "approver": text("The name of whoever approves, as the file of approvers has it."),
            "signature": {"type": "string", "description": "The signature, 128 hexadecimal digits."},
        }),
        &["approver", "signature"],
    )
}

fn proposal(about: &str, more: Value, required: &[&str]) -> Value {
    let properties = json!({
        "hash": kept_by(),
        "rule_set": rule_set(),
        "name": name(),
        "proposed_us": time("When it was proposed first"),
        "proposed_by": texts("Who proposed it."),
        "approved_by": texts("Whose approvals count."),
        "approvals_lacking": whole("How many more it needs."),
    });
    let own = ["hash", "rule_set", "name", "proposed_us", "proposed_by", "approved_by", "approvals_lacking"];
    object(about, with(properties, more), &[&own, required].concat())
}

fn known() -> Value {
    let list = object(
        "A list.",
        json!({
            "name": text("Its name."),
            "file": {"type": ["string", "null"], "description": "Its file, where it has one."},
            "entries": whole("How many entries are on it."),
        }),
        &["name", "file", "entries"],
    );
    let rates = object(
        "Its rates.",
        json!({"version": text("Their version."), "rates": whole("How many there are.")}),
        &["version", "rates"],
    );
    let live = object(
        "What decides.",
        json!({
            "hash": text("The hash over all its files, which it is kept by; empty where it is not kept."),
            "rule_set": rule_set(),
            "name": name(),
            "rules": whole("How many rules it has."),
            "lists": {"type": "array", "items": list, "description": "Its lists, with what is on them now."},
            "rates": or_null("Its rates, where it has some.", rates),
            "since_us": time("Since when it decides"),
            "by": {"type": ["string", "null"], "description": "Who had it taken up, where somebody did by request."},
        }),
        &["rule_set", "name", "rules", "lists", "rates"],
    );
    let before = object(
        "What decided before.",
        json!({
            "hash": text("The hash over all its files, which it is kept by; empty where it is not kept."),
            "rule_set": rule_set(),
            "since_us": time("Since when it decided"),
        }),
        &["hash", "rule_set", "since_us"],
    );
    let warming = object(
        "What is being warmed.",
        json!({
            "hash": kept_by(),
            "from_record": {"type": ["integer", "null"], "description": "The first record that is read; null until that is known."},
            "record": whole("The record that it has come to."),
            "of_records": whole("The last record."),
            "events": whole("Events taken in so far."),
        }),
        &["hash", "from_record", "record", "of_records", "events"],
    );
    let approvals = object(
        "What must be approved, and by whom.",
        json!({
            "required": whole("How many must approve a rule set, beside whoever proposes it."),
            "approvers": texts("The names of those who may."),
        }),
        &["required", "approvers"],
    );
    object(
        "All that is known of rule sets.",
        json!({
            "journal": {"type": "string", "description": "The journal's id, 32 hexadecimal digits: approvals are for it alone."},
            "live": live,
            "before": or_null("What decided before, and what a rollback goes back to.", before),
            "shadow": or_null("What decides beside.", reference("ShadowRules")),
            "warming": or_null("What is being warmed, and takes over by itself.", warming),
            "not_warmed": {"type": ["string", "null"], "description": "Why the last warm-up came to nothing."},
            "approvals": approvals,
            "proposed": of_list("The last proposals, oldest first.", "Proposal"),
        }),
        &["journal", "live", "before", "shadow", "warming", "not_warmed", "approvals", "proposed"],
    )
}

/// A property for each outcome.
fn by_outcome(about: &str, schema: &Value) -> Value {
    let properties: Map<String, Value> =
        Outcome::ALL.map(|outcome| (outcome.name().to_owned(), schema.clone())).into_iter().collect();
    object(about, Value::Object(properties), &Outcome::ALL.map(Outcome::name))
}

fn shadow() -> Value {
    let would = by_outcome("What the shadow would have decided.", &whole("How many."));
    object(
        "A rule set that decides beside.",
        json!({
            "hash": kept_by(),
            "rule_set": rule_set(),
            "name": name(),
            "since_us": time("Since when"),
            "by": text("Who had it loaded."),
            "stopped": {"type": ["string", "null"], "description": "Why it has stopped, if it has."},
            "decisions": by_outcome("Decisions since then, by what was decided.", &would),
        }),
        &["hash", "rule_set", "name", "since_us", "by", "stopped", "decisions"],
    )
}

fn taken_up() -> Value {
    object(
        "What came of it.",
        json!({
            "hash": kept_by(),
            "rule_set": rule_set(),
            "name": name(),
            "decides": truth("Whether it decides."),
            "warming": truth("Whether it is being warmed first."),
            "diff": reference("RuleDiff"),
            "since_us": time("Since when it decides"),
            "begins": texts("The features that begin anew, and are warming until their windows have passed."),
            "pause_us": whole("How long the engine stood still, microseconds."),
        }),
        &["hash", "rule_set", "name", "decides", "warming", "diff"],
    )
}

fn diff() -> Value {
    let lost = object(
        "What `list` events put on a list, and no way leads back to.",
        json!({"list": text("The list."), "entries": whole("How many entries.")}),
        &["list", "entries"],
    );
    let mut diff = object(
        "What is otherwise than in what decides; null where that is not kept.",
        json!({
            "changes": of_list("What the rules say otherwise.", "RuleChange"),
            "lists": of_list("Lists whose files say something else.", "RuleFileChange"),
            "rates": reference("RuleFileChange"),
            "lost": {"type": "array", "items": lost, "description": "Lists that it has not, or declares otherwise, and what would be lost with them."},
        }),
        &["changes", "lists"],
    );
    diff["type"] = json!(["object", "null"]);
    diff
}

fn change() -> Value {
    let detail = object(
        "A key that says something else.",
        json!({
            "key": text("The key in the rule file."),
            "old": {"type": ["string", "null"], "description": "What was said, if anything."},
            "new": {"type": ["string", "null"], "description": "What is said now, if anything."},
            "by": text("By how much, where that can be said."),
        }),
        &["key", "old", "new"],
    );
    object(
        "A change.",
        json!({
            "subject": {"enum": ["setting", "policy", "field", "parameter", "feature", "list", "table", "rule"], "description": "What it is about."},
            "name": text("Its name or id."),
            "event": {"enum": ["added", "removed", "changed"], "description": "What happened to it."},
            "details": {"type": "array", "items": detail, "description": "What is said otherwise."},
            "features": texts("The features that this reaches."),
            "tables": texts("The tables that this reaches."),
            "rules": texts("The rules that this reaches."),
        }),
        &["subject", "name", "event", "details"],
    )
}

fn contents() -> Value {
    object(
        "A file that says something else.",
        json!({
            "list": text("The list, of a list."),
            "was": {"type": ["integer", "null"], "description": "How many entries it had, those aside that events put on; null where it was not there."},
            "is": {"type": ["integer", "null"], "description": "How many entries it has, those aside that events put on; null where it is gone."},
        }),
        &["was", "is"],
    )
}

fn problem() -> Value {
    object(
        "What is wrong with a rule set, or what to look at.",
        json!({
            "severity": {"enum": ["error", "warning", "note"], "description": "With an error it can't be used."},
            "file": text("The file."),
            "line": whole("The line, from 1."),
            "column": whole("The column, from 1."),
            "message": text("What is wrong."),
            "label": text("The same, in a word at its place."),
            "help": {"type": ["string", "null"], "description": "What to do."},
        }),
        &["severity", "message"],
    )
}
