//! What can be asked of the sidecar, as an OpenAPI 3.1 document and as a page for people: both made from one list of operations,
//! from the fields that the reader takes, the table of who may ask and the list of problems.
//!
//! Promises to say nothing of a rule set, an access file or a configuration unless it is given one: everybody may read it.

/// What is answered.
mod answers;
/// Every operation.
mod operations;
/// The page.
mod page;
/// Those that change rule sets.
mod rule_sets;

pub(super) use page::{POLICY, page};

use serde_json::{Map, Value, json};

use super::access::Scope;
use super::http::{KINDS, Needs, needs_of};
use crate::engine::VERSION;
use crate::event::{Kind, Schema};
use crate::io::event_schema;
use operations::{Body, Example, GROUPS, Operation, Parameter, Reply, operations};

const ABOUT: &str = "Decisions on payments, from exact rolling windows and rule files. All times are microseconds since \
1970 UTC; all amounts are minor units. A body may leave out what the path says. Whoever is bound to a tenant leaves `tenant` out \
as well. A payment that is sent again with the same id and content is answered as it was the first time.";

/// The OpenAPI document; with extra fields that rule files declare, events have these.
pub fn openapi(extras: Option<&Schema>) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for operation in operations() {
        let path = paths.entry(operation.path.clone()).or_insert_with(|| json!({}));
        path[operation.method.to_ascii_lowercase()] = described(&operation);
    }
    let mut schemas = answers::schemas();
    schemas.extend(rule_sets::schemas());
    for kind in Kind::ALL {
        // The path says what these are.
        let says_kind = !matches!(kind, Kind::Transaction | Kind::Authentication);
        let mut schema = event_schema(kind, extras, says_kind);
        if kind == Kind::Authentication {
            leave_out(&mut schema, "transaction");
        }
        schemas.insert(event_name(kind), schema);
    }
    let kinds: Vec<Value> =
        KINDS.iter().map(|kind| format!("urn:weir:problem:{}", kind.word).into()).collect();
    schemas.insert("ProblemType".to_owned(), json!({"enum": kinds, "description": problem_kinds()}));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "weir",
            "version": VERSION,
            "description": ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "http://127.0.0.1:8420", "description": "As `weir serve` listens where nothing else is said."}],
        "tags": GROUPS.map(|(name, about)| json!({"name": name, "description": about})),
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "A token that the access file names. Where there is no access file, whoever is on this machine needs none."},
                "mutual_tls": {"type": "mutualTLS", "description": "A client's certificate that the access file names."},
            },
        },
    })
}

/// The body of a request leaves out what its path says.
fn leave_out(schema: &mut Value, field: &str) {
    if let Some(required) = schema["required"].as_array_mut() {
        required.retain(|name| name != field);
    }
}

fn event_name(kind: Kind) -> String {
    let name = kind.name();
    let (first, rest) = name.split_at(1);
    format!("{}{rest}", first.to_ascii_uppercase())
}

fn problem_kinds() -> String {
    let kinds = KINDS.iter().map(|kind| format!("- `{}` ({}): {}", kind.word, kind.status, kind.about));
    kinds.fold("What went wrong, for programs:\n".to_owned(), |all, kind| all + "\n" + &kind)
}

fn reference(schema: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{schema}")})
}

fn any_of(schemas: &[&str]) -> Value {
    match schemas {
        [one] => reference(one),
        many => json!({"anyOf": many.iter().map(|name| reference(name)).collect::<Vec<_>>()}),
    }
}

fn described(operation: &Operation) -> Value {
    let mut described = json!({
        "operationId": operation.id,
        "tags": [operation.group],
        "summary": operation.summary,
        "description": operation.about,
        "parameters": operation.parameters.iter().map(parameter).collect::<Vec<_>>(),
        "security": security(operation),
        "responses": responses(operation),
        "x-listeners": operation.listeners,
    });
    if let Some(body) = &operation.body {
        described["requestBody"] = request(body);
    }
    if !operation.listeners.contains(&"clients") {
        described["servers"] =
            json!([{"url": server(operation), "description": "Where `admin.listen` says, such as this."}]);
    }
    described
}

/// Where an operation is asked for; of the administrative listener only an example.
fn server(operation: &Operation) -> &'static str {
    if operation.listeners.contains(&"clients") { "http://127.0.0.1:8420" } else { "http://127.0.0.1:8421" }
}

fn parameter(parameter: &Parameter) -> Value {
    let Parameter { name, place, about, schema, example } = parameter;
    let mut described = json!({"name": name, "in": place, "required": *place == "path", "description": about, "schema": schema});
    if !example.is_null() {
        described["example"] = example.clone();
    }
    described
}

fn request(body: &Body) -> Value {
    let examples: Map<String, Value> = body
        .examples
        .iter()
        .map(|example| {
            let Example { name, summary, value, answered } = example;
            ((*name).to_owned(), json!({"summary": summary, "value": value, "x-answered": answered}))
        })
        .collect();
    json!({"required": body.required, "content": {"application/json": {"schema": body.schema, "examples": examples}}})
}

/// None where everybody may.
fn security(operation: &Operation) -> Value {
    match needs_of(operation.method, &operation.path) {
        Some(Needs::Scope(scope) | Needs::OfAll(scope)) => {
            json!([{"bearer": [scope.name()]}, {"mutual_tls": [scope.name()]}])
        }
        Some(Needs::Nobody) | None => json!([]),
    }
}

/// The scope that an operation needs.
fn scope(operation: &Operation) -> Option<Scope> {
    match needs_of(operation.method, &operation.path) {
        Some(Needs::Scope(scope) | Needs::OfAll(scope)) => Some(scope),
        Some(Needs::Nobody) | None => None,
    }
}

fn responses(operation: &Operation) -> Value {
    let mut responses: Map<String, Value> = Map::new();
    for Reply { status, about, kind, schema, examples } in &operation.replies {
        let examples: Map<String, Value> =
            examples.iter().map(|(name, value)| ((*name).to_owned(), json!({"value": value}))).collect();
        let response = responses
            .entry(status.to_string())
            .or_insert_with(|| json!({"description": about, "content": {}}));
        response["content"][*kind] = json!({"schema": schema, "examples": examples});
    }
    let guarded: &[&str] = if scope(operation).is_some() { &["unauthenticated", "scope"] } else { &[] };
    let mut of_status: std::collections::BTreeMap<u16, Vec<&str>> = std::collections::BTreeMap::new();
    let strange = operation.path.contains('{') && !operation.problems.contains(&"bad-query");
    let strange: &[&str] = if strange { &["bad-query"] } else { &[] };
    for word in operation.problems.iter().chain(guarded).chain(strange) {
        if let Some(kind) = KINDS.iter().find(|kind| kind.word == *word) {
            of_status.entry(kind.status).or_default().push(kind.word);
        }
    }
    for (status, words) in of_status {
        let about: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
        let mut response = json!({
            "description": format!("A problem: {}.", about.join(", ")),
            "content": {"application/problem+json": {"schema": reference("Problem")}},
        });
        if status == 503 {
            let about = "Seconds until it is worth trying again.";
            response["headers"] =
                json!({"retry-after": {"description": about, "schema": {"type": "integer", "minimum": 1}}});
        }
        responses.entry(status.to_string()).or_insert(response);
    }
    Value::Object(responses)
}

#[cfg(test)]
mod tests {
    use super::super::http::ROUTES;
    use super::*;

    #[test]
    fn every_route_is_in_it_and_nothing_else() {
        let mut routes: Vec<(&str, String)> =
            ROUTES.iter().map(|(method, path, _)| (*method, (*path).to_owned())).collect();
        let mut described: Vec<(&str, String)> =
            operations().into_iter().map(|operation| (operation.method, operation.path)).collect();
        routes.sort();
        described.sort();
        assert_eq!(described, routes, "add an operation to src/server/interface/operations.rs");
    }

    #[test]
    fn every_problem_that_an_operation_names_is_known() {
        for operation in operations() {
            for word in operation.problems {
                assert!(KINDS.iter().any(|kind| kind.word == word), "{}: {word}", operation.id);
            }
            let ids = operations().iter().filter(|other| other.id == operation.id).count();
            assert_eq!(ids, 1, "{}", operation.id);
        }
    }
}
