//! Bad features.

use weir::rules::Severity;

use crate::{FEATURES, FIELDS, HEAD, PARAMS, all_as_expected, check};

#[test]
fn bad_features() {
    let sum = "sum = \"amount\", by = \"account\"";
    let cases = [
        ("x = 3".to_owned(), "expected a table, found an integer", "3"),
        ("x = { by = \"account\", over = \"1h\" }".to_owned(), "feature `x` computes nothing", "x"),
        (format!("x = {{ {sum}, count = \"*\", over = \"1h\" }}"), "second aggregate, `count`", "count"),
        (
            format!("x = {{ {sum} }}"),
            "`over` is missing from a feature",
            "{ sum = \"amount\", by = \"account\" }",
        ),
        (
            "x = { count = \"*\", over = \"1h\" }".to_owned(),
            "`by` is missing",
            "{ count = \"*\", over = \"1h\" }",
        ),
        (format!("x = {{ {sum}, over = \"0h\" }}"), "longer than 0 and at most 400d", "\"0h\""),
        (format!("x = {{ {sum}, over = \"401d\" }}"), "longer than 0 and at most 400d", "\"401d\""),
        (format!("x = {{ {sum}, over = \"fresch\" }}"), "did you mean `fresh`?", "\"fresch\""),
        (format!("x = {{ {sum}, over = \"near\" }}"), "`near` is not a duration", "\"near\""),
        (format!("x = {{ {sum}, over = \"1h\", form = \"login\" }}"), "did you mean `from`?", "form"),
        (format!("x = {{ {sum}, over = \"1h\", from = \"logn\" }}"), "did you mean `login`?", "\"logn\""),
        (format!("x = {{ {sum}, over = \"1h\", from = [] }}"), "names no kind of event", "[]"),
        (
            format!("x = {{ {sum}, over = \"1h\", across = \"all\" }}"),
            "reads all tenants' events, and nobody grants it that",
            "\"all\"",
        ),
        (
            format!("x = {{ {sum}, over = \"1h\", counts = \"all\" }}"),
            "write `asked`, `allowed` or `executed`",
            "\"all\"",
        ),
        (format!("x = {{ {sum}, over = \"1h\", delay = \"0h\" }}"), "a delay is longer than 0", "\"0h\""),
        (format!("x = {{ {sum}, over = \"1h\", delay = \"-1h\" }}"), "`-1h` is not a delay", "\"-1h\""),
        (
            format!("x = {{ {sum}, over = \"1h\", delay = \"fresch\" }}"),
            "did you mean `fresh`?",
            "\"fresch\"",
        ),
        (
            format!("x = {{ {sum}, over = \"399d\", delay = \"2d\" }}"),
            "reaches back at most 400d, with its delay",
            "\"2d\"",
        ),
        (
            format!("x = {{ {sum}, over = \"1h\", delay = \"1h\", current = true }}"),
            "never holds the event being scored",
            "true",
        ),
        (format!("x = {{ {sum}, over = \"1h\", pending = true }}"), "`pending` goes with `counts", "true"),
        (format!("x = {{ {sum}, over = \"1h\", label = \"froud\" }}"), "did you mean `fraud`?", "\"froud\""),
        (
            format!("x = {{ {sum}, over = \"1h\", label = \"fraud\", counts = \"allowed\" }}"),
            "a label goes with all that asked",
            "\"fraud\"",
        ),
        (
            format!("x = {{ {sum}, over = \"1h\", label = \"fraud\", from = \"observed\" }}"),
            "only transactions are labelled",
            "\"fraud\"",
        ),
        (
            format!("x = {{ {sum}, over = \"1h\", label = \"fraud\", current = true }}"),
            "has no label yet",
            "true",
        ),
        (format!("x = {{ {sum}, over = \"1h\", q = 0.5 }}"), "`q` goes with `quantile` only", "q"),
        (format!("x = {{ {sum}, over = \"1h\", to = \"usual\" }}"), "`to` goes with `ratio` only", "to"),
        (format!("x = {{ {sum}, over = \"1h\", reset = 3 }}"), "a reset is a condition, or a table", "3"),
        (format!("x = {{ {sum}, over = \"1h\", reset = {{}} }}"), "a reset says when", "{}"),
        (
            format!("x = {{ {sum}, over = \"1h\", reset = {{ on = \"executed\", from = \"login\" }} }}"),
            "has no `from`",
            "\"login\"",
        ),
        (
            format!("x = {{ {sum}, over = \"1h\", reset = {{ on = \"execution\" }} }}"),
            "did you mean `executed`?",
            "\"execution\"",
        ),
        (
            format!("x = {{ {sum}, over = \"1h\", reset = {{ form = \"login\" }} }}"),
            "did you mean `from`?",
            "form",
        ),
        (
            format!("x = {{ {sum}, over = \"1h\", reset = \"chanel = 'web'\" }}"),
            "unknown name `chanel`",
            "chanel",
        ),
        (
            format!("x = {{ {sum}, over = \"1h\", reset = \"spent_24h > 5\" }}"),
            "`spent_24h` is a feature",
            "spent_24h",
        ),
        (
            "x = { quantile = \"amount\", by = \"account\", over = \"1h\" }".to_owned(),
            "`q` is missing",
            "{ quantile = \"amount\", by = \"account\", over = \"1h\" }",
        ),
        (
            "x = { quantile = \"amount\", q = 1, by = \"account\", over = \"1h\" }".to_owned(),
            "`q` is above 0 and below 1",
            "1",
        ),
        (
            "x = { quantile = \"amount\", q = 0.1234567, by = \"account\", over = \"1h\" }".to_owned(),
            "at most six decimals",
            "0.1234567",
        ),
        (
            "x = { quantile = \"opened_at\", q = 0.5, by = \"account\", over = \"1h\" }".to_owned(),
            "a quantile of times is not kept",
            "\"opened_at\"",
        ),
        (
            "x = { z_score = \"amount\", by = \"account\", over = \"1h\", current = true }".to_owned(),
            "against those before it",
            "true",
        ),
        (
            "x = { speed = [\"latitude\"], by = \"account\", over = \"1h\" }".to_owned(),
            "write a latitude and a longitude",
            "[\"latitude\"]",
        ),
        (
            "x = { speed = [\"longitude\", \"latitude\"], by = \"account\", over = \"1h\" }".to_owned(),
            "`longitude` stands in the other's place",
            "\"longitude\"",
        ),
        (
            "x = { speed = [\"latitude\", \"items\"], by = \"account\", over = \"1h\" }".to_owned(),
            "expected degrees",
            "\"items\"",
        ),
        (
            "x = { speed = [\"ratio\", \"ratio\"], by = \"account\", over = \"1h\" }".to_owned(),
            "one field is both",
            "[\"ratio\", \"ratio\"]",
        ),
        ("x = { ratio = \"amount\" }".to_owned(), "`to` is missing", "{ ratio = \"amount\" }"),
        ("x = { ratio = \"amount\", to = \"usal\" }".to_owned(), "did you mean `usual`?", "\"usal\""),
        (
            "x = { ratio = \"amount\", to = \"amount\" }".to_owned(),
            "expected a feature, found `amount`",
            "\"amount\"",
        ),
        (
            "x = { ratio = \"amount\", to = \"new_device\" }".to_owned(),
            "`new_device` is true or false",
            "\"new_device\"",
        ),
        (
            "x = { ratio = \"opened_at\", to = \"usual\" }".to_owned(),
            "`opened_at` is a time",
            "\"opened_at\"",
        ),
        ("x = { ratio = \"usual\", to = \"usual\" }".to_owned(), "always 1", "\"usual\""),
        ("x = { ratio = \"x\", to = \"usual\" }".to_owned(), "reads itself", "\"x\""),
        (
            "x = { ratio = \"y\", to = \"usual\" }\ny = { ratio = \"amount\", to = \"usual\" }".to_owned(),
            "`y` is a ratio; a ratio of a ratio is not kept",
            "\"y\"",
        ),
        (
            "x = { ratio = \"amount\", to = \"usual\", by = \"account\" }".to_owned(),
            "a ratio takes `ratio` and `to` alone, not `by`",
            "by",
        ),
        (
            "x = { ratio = \"amount\", to = \"usual\", sum = \"amount\" }".to_owned(),
            "second aggregate, `sum`",
            "sum",
        ),
        ("x = { ratio = \"amount\", to = \"usual\", tu = \"usual\" }".to_owned(), "did you mean `to`?", "tu"),
        (
            format!("x = {{ {sum}, over = \"1h\", at = [\"account\", \"payee\"] }}"),
            "`at` has 2 fields, `by` has 1",
            "[\"account\", \"payee\"]",
        ),
        (
            format!("x = {{ {sum}, over = \"1h\", at = \"amount\" }}"),
            "expected a field with text",
            "\"amount\"",
        ),
        ("x = { count = \"all\", by = \"account\", over = \"1h\" }".to_owned(), "write `*`", "\"all\""),
        (
            "x = { count = \"*\", by = \"acount\", over = \"1h\" }".to_owned(),
            "did you mean `account`?",
            "\"acount\"",
        ),
        (
            "x = { count = \"*\", by = [\"payee\", \"payee\"], over = \"1h\" }".to_owned(),
            "stands twice",
            "\"payee\"",
        ),
        ("x = { count = \"*\", by = [], over = \"1h\" }".to_owned(), "a key has 1 to 4 fields", "[]"),
        (
            "x = { count = \"*\", by = \"items\", over = \"1h\" }".to_owned(),
            "this is an integer",
            "\"items\"",
        ),
        (
            "x = { sum = \"amuont\", by = \"account\", over = \"1h\" }".to_owned(),
            "did you mean `amount`?",
            "\"amuont\"",
        ),
        ("x = { sum = \"shop\", by = \"account\", over = \"1h\" }".to_owned(), "this is text", "\"shop\""),
        (
            "x = { sum = \"ratio\", by = \"account\", over = \"1h\" }".to_owned(),
            "this is a decimal number",
            "\"ratio\"",
        ),
        (
            "x = { sum = \"opened_at\", by = \"account\", over = \"1h\" }".to_owned(),
            "a sum of times is not kept",
            "\"opened_at\"",
        ),
        ("x = { is_new = false, by = \"account\" }".to_owned(), "`is_new` can only be true", "false"),
        (
            "x = { is_new = true, by = \"account\", current = true }".to_owned(),
            "never count the event being scored",
            "true",
        ),
        (
            format!("x = {{ {sum}, over = \"1h\", where = \"quality(spent_24h) = 'exact'\" }}"),
            "it can ask for no quality",
            "quality",
        ),
        ("x = { since = \"first\", by = \"account\" }".to_owned(), "write `last`", "\"first\""),
        (
            format!("x = {{ {sum}, over = \"1h\", where = \"spent_24h > 5\" }}"),
            "`spent_24h` is a feature",
            "spent_24h",
        ),
        (
            format!("x = {{ {sum}, over = \"1h\", where = \"amount > 5 and x > 5\" }}"),
            "cycle: feature `x` reads itself",
            "x",
        ),
        (
            format!("x = {{ {sum}, over = \"1h\", where = \"amount\" }}"),
            "expected a condition, found money in VND",
            "amount",
        ),
        (
            "big = { count = \"*\", by = \"account\", over = \"1h\" }".to_owned(),
            "`big` is already a parameter",
            "big",
        ),
    ];
    all_as_expected(cases.iter().map(|(feature, message, place)| {
        check(&format!("{HEAD}{FIELDS}{PARAMS}{FEATURES}{feature}\n"), Severity::Error, message, place)
    }));
}
