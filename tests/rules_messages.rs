//! What a bad rule file is told, and which part of it is underlined.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that fails stops")]

use weir::rules::{Severity, compile};

const HEAD: &str = "[ruleset]\nname = \"t\"\ncurrency = \"VND\"\n";
const FIELDS: &str = "[fields]\nbalance = \"money\"\nopened_at = \"time\"\nitems = \"integer\"\nshop = \"text\"\nratio = \"decimal\"\n";
const PARAMS: &str =
    "[params]\nbig = { value = 10_000_000, unit = \"VND\" }\nnear = 9\nfresh = \"24h\"\nword = \"abc\"\n";
const FEATURES: &str = "[features]\nspent_24h = { sum = \"amount\", by = \"account\", over = \"24h\" }\n\
    count_10m = { count = \"*\", by = \"account\", over = \"10m\" }\n\
    usual = { mean = \"amount\", by = \"account\", over = \"30d\" }\n\
    new_device = { is_new = true, by = [\"account\", \"device\"] }\n\
    since_reset = { since = \"last\", from = \"change\", by = \"customer\" }\n";

/// The problems of `severity` in a file: what is told, and the text that is underlined.
fn told(file: &str, severity: Severity) -> Vec<(String, String)> {
    let checked = compile("t.toml", file);
    let error = checked.problems.iter().any(|problem| problem.severity == Severity::Error);
    assert_eq!(checked.rule_set.is_none(), error, "a rule set comes out exactly where there is no error");
    let chosen = checked.problems.iter().filter(|problem| problem.severity == severity);
    chosen
        .map(|problem| {
            let underlined = file.get(problem.span.clone()).expect("a problem points into the file");
            let help = problem.help.clone().unwrap_or_default();
            (format!("{} | {} | {help}", problem.message, problem.label), underlined.to_owned())
        })
        .collect()
}

/// Whether one of the problems says `message` and underlines `underlined`; otherwise what there is instead.
fn check(file: &str, severity: Severity, message: &str, underlined: &str) -> Option<String> {
    let problems = told(file, severity);
    let found = problems.iter().any(|(told, place)| told.contains(message) && place == underlined);
    (!found).then(|| format!("expected `{message}` under `{underlined}`, told {problems:#?}\n{file}\n"))
}

fn all_as_expected(differences: impl Iterator<Item = Option<String>>) {
    let differences: Vec<String> = differences.flatten().collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn bad_files() {
    let cases = [
        ("", "`ruleset` is missing from a rule file", ""),
        ("x = ", "", ""),
        ("[ruleset]\nname = \"a\"\nname = \"b\"\n", "duplicate key", "name"),
        ("[ruleset]\ncurrency = \"VND\"\n", "`name` is missing from [ruleset]", "[ruleset]"),
        ("[ruleset]\nname = \" \"\ncurrency = \"VND\"\n", "cannot be empty", "\" \""),
        ("[ruleset]\nname = 3\ncurrency = \"VND\"\n", "expected text, found an integer", "3"),
        ("[ruleset]\nname = \"t\"\ncurrency = \"VNX\"\n", "`VNX` is not an ISO 4217", "\"VNX\""),
        (
            "[ruleset]\nname = \"t\"\ncurrency = \"VND\"\ntime_zone = \"Asia/Hanoi2\"\n",
            "not a time zone",
            "\"Asia/Hanoi2\"",
        ),
        ("[ruleset]\nname = \"t\"\ncurrency = \"VND\"\nremember = \"30s\"\n", "1m to 400d", "\"30s\""),
        (
            "[ruleset]\nname = \"t\"\ncurrency = \"VND\"\nremember = \"1 hour\"\n",
            "not a duration",
            "\"1 hour\"",
        ),
        (
            "[ruleset]\nname = \"t\"\ncurrency = \"VND\"\ntimezone = \"UTC\"\n",
            "did you mean `time_zone`?",
            "timezone",
        ),
        ("ruleset = 3\n", "expected a table, found an integer", "3"),
    ];
    all_as_expected(cases.iter().map(|(file, message, place)| check(file, Severity::Error, message, place)));
}

#[test]
fn bad_sections() {
    let cases = [
        ("[featurs]\n", "did you mean `features`?", "featurs"),
        ("[fields]\nbalance = \"mony\"\n", "did you mean `money`?", "\"mony\""),
        ("[fields]\naccount = \"text\"\n", "`account` is a field of every event", "account"),
        ("[fields]\nBalance = \"money\"\n", "`Balance` is not a name", "Balance"),
        ("[fields]\nselect = \"money\"\n", "word of SQL", "select"),
        ("[fields]\ntime_us = \"time\"\n", "field of every event", "time_us"),
        ("[fields]\na = \"text\"\n[params]\na = 3\n", "`a` is already an extra field", "a"),
        ("[params]\nbig = [1]\n", "found a list", "[1]"),
        ("[params]\nbig = nan\n", "expected a finite number", "nan"),
        ("[params]\nbig = { valu = 3 }\n", "did you mean `value`?", "valu"),
        ("[params]\nbig = { unit = \"VND\" }\n", "`value` is missing from a parameter", "{ unit = \"VND\" }"),
        ("[params]\nbig = { value = 1.5, unit = \"VND\" }\n", "more decimals than VND has", "1.5"),
        ("[params]\nbig = { value = 1e6, unit = \"VND\" }\n", "is not an amount", "1e6"),
        ("[params]\nbig = { value = \"9\", unit = \"VND\" }\n", "expected an amount, found text", "\"9\""),
        (
            "[params]\nbig = { value = 9, unit = \"USD\" }\n",
            "in USD, the rule set's amounts are in VND",
            "\"USD\"",
        ),
        ("[params]\nbig = { value = 9, unit = \"dong\" }\n", "other units have none", "\"dong\""),
        ("[params]\nbig = { value = 9, unit = \"VND\", min = 10 }\n", "below its `min`", "9"),
        ("[params]\nbig = { value = \"2h\", max = \"1h\" }\n", "above its `max`", "\"2h\""),
        ("[params]\nbig = { value = 2, max = \"1h\" }\n", "must be of the type of `value`", "\"1h\""),
        ("[params]\nbig = 99999999999999999999\n", "does not fit in 64 bits", "99999999999999999999"),
        ("[policy]\nstep_up_at = 0\n", "must be at least 1", "0"),
        ("[policy]\nstep_up = 5\n", "did you mean `step_up_at`?", "step_up"),
        ("[policy]\nblock_at = \"5\"\n", "expected an integer, found text", "\"5\""),
        ("[policy]\nauth = \"strong\"\n", "no requirement is named `strong`", "\"strong\""),
        ("[auth.strong]\nall = []\n", "found an empty list", "[]"),
        ("[auth.strong]\nall = [\"fido\"]\n", "expected a list of methods", "\"fido\""),
        ("[auth.strong]\nall = [[\"Fido\"]]\n", "`Fido` is not a method", "\"Fido\""),
        ("[auth.strong]\nany = [[\"fido\"]]\n", "unknown key `any`", "any"),
        ("[rule]\nid = \"a\"\n", "found a table", "[rule]"),
    ];
    all_as_expected(cases.iter().map(|(section, message, place)| {
        check(&format!("{HEAD}{section}"), Severity::Error, message, place)
    }));
}

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

#[test]
fn bad_rules() {
    let cases = [
        ("when = \"true\"\nscore = 1", "`id` is missing from a rule", "[[rule]]"),
        ("id = \"a\"\nscore = 1", "`when` is missing from a rule", "[[rule]]"),
        ("id = \"a b\"\nwhen = \"amount > 1\"\nscore = 1", "is not an id", "\"a b\""),
        ("id = \"a\"\nwhen = \"amount > 1\"", "this rule does nothing", "[[rule]]"),
        ("id = \"a\"\nwhen = \"amount > 1\"\nscore = 0", "this rule does nothing", "[[rule]]"),
        ("id = \"a\"\nwhen = \"amount > 1\"\nscore = 1000001", "plus and minus 1000000", "1000001"),
        ("id = \"a\"\nwhen = \"amount > 1\"\nscore = 1.5", "expected an integer, found a decimal", "1.5"),
        ("id = \"a\"\nwhen = \"amount > 1\"\nthen = \"allow\"", "only an override allows", "\"allow\""),
        ("id = \"a\"\nwhen = \"amount > 1\"\nthen = \"blok\"", "did you mean `block`?", "\"blok\""),
        (
            "id = \"a\"\nwhen = \"amount > 1\"\nthen = \"block\"\nauth = \"strong\"",
            "no requirement is named `strong`",
            "\"strong\"",
        ),
        ("id = \"a\"\nwen = \"amount > 1\"\nthen = \"block\"", "`when` is missing", "[[rule]]"),
        (
            "id = \"a\"\nwhen = \"amount > 1\"\nthen = \"block\"\non_unknown = \"fire\"",
            "did you mean `fires`?",
            "\"fire\"",
        ),
        (
            "id = \"a\"\nwhen = \"amount > 1\"\nthen = \"block\"\nreason = { english = \"x\" }",
            "not a language code",
            "english",
        ),
        (
            "id = \"a\"\nwhen = \"amount > 1\"\nthen = \"block\"\nreason = \"\"",
            "a reason cannot be empty",
            "\"\"",
        ),
        (
            "id = \"a\"\nwhen = \"amount > 1\"\nthen = \"block\"\ncustomer = \"Call us\"",
            "`Call us` is not a name",
            "\"Call us\"",
        ),
        ("id = \"a\"\nwhen = 5\nthen = \"block\"", "expected text, found an integer", "5"),
        (
            "id = \"a\"\nwhen = \"amount > 1\"\nscore = 1\n[[rule]]\nid = \"a\"\nwhen = \"amount > 2\"\nscore = 1",
            "another rule has the id",
            "\"a\"",
        ),
    ];
    all_as_expected(cases.iter().map(|(rule, message, place)| {
        check(&format!("{HEAD}[[rule]]\n{rule}\n"), Severity::Error, message, place)
    }));
}

/// A file whose only rule has this condition.
fn with_condition(condition: &str) -> String {
    format!(
        "{HEAD}{FIELDS}{PARAMS}{FEATURES}[[rule]]\nid = \"a\"\nwhen = \"{condition}\"\nthen = \"block\"\n"
    )
}

#[test]
fn bad_conditions() {
    let cases = [
        ("", "a condition is missing", "\"\""),
        ("amount >", "found the end of the condition", ">"),
        ("amount > 5 6", "unexpected `6` after the condition", "6"),
        ("amount > 5)", "unexpected `)` after the condition", ")"),
        ("amount > 5 channel = 'web'", "join two conditions with `and` or `or`", "channel"),
        ("(amount > 5", "expected )", "5"),
        ("channel = 'web", "unterminated string literal", "'web"),
        ("amount == 5", "write `=`", "=="),
        ("amount > 5 && channel = 'web'", "write `and`", "&&"),
        ("amount::text = 'a'", "has no place in a condition", "::"),
        ("cast(amount as int) = 5", "a cast is not supported", "cast(amount as int)"),
        ("exists (select 1)", "a subquery is not supported", "select 1"),
        ("e.amount > 5", "`.` has no place in a condition", "."),
        ("amuont > 5", "did you mean `amount`?", "amuont"),
        ("spent_24 > 5 and new_devce", "did you mean `spent_24h`?", "spent_24"),
        ("new_devce or amount > 5", "did you mean `new_device`?", "new_devce"),
        ("amount > 5 and channel = web", "unknown name `web`", "web"),
        ("upper(channel) = 'WEB'", "unknown function `upper`", "upper"),
        ("coalesc(amount, 0) > 5", "did you mean `coalesce`?", "coalesc"),
        ("abs(amount, 5) > 5", "`abs` takes one argument", "abs(amount, 5)"),
        ("nullif(amount) > 5", "`nullif` takes two arguments", "nullif(amount)"),
        ("coalesce() > 5", "takes at least one argument", "coalesce()"),
        ("coalesce(distinct amount) > 5", "more than plain arguments", "coalesce"),
        ("amount", "expected a condition, found money in VND", "amount"),
        ("channel and amount > 5", "expected a condition, found text", "channel"),
        ("not amount", "expected a condition, found money in VND", "amount"),
        ("amount > count_10m", "cannot compare money in VND with an integer", "count_10m"),
        ("amount > near", "give the parameter a unit: near = { value = 9, unit = \"VND\" }", "near"),
        ("amount > '5'", "write a number without quotes: 5", "'5'"),
        ("channel = 5", "cannot compare text with a number", "5"),
        ("since_reset < 5", "write a duration as interval '24 hours'", "5"),
        ("since_reset < '24h'", "write a duration as interval '24 hours'", "'24h'"),
        ("since_reset < amount", "cannot compare a duration with money in VND", "amount"),
        ("time > '2026-01-01'", "write a time as timestamp", "'2026-01-01'"),
        ("opened_at > fresh", "cannot compare a time with a duration", "fresh"),
        ("new_device > false", "booleans have no order", "new_device > false"),
        ("new_device = 1", "cannot compare a boolean with a number", "1"),
        ("new_device between false and true", "booleans have no order", "new_device"),
        ("amount + count_10m > 5", "cannot add money in VND with an integer", "count_10m"),
        ("amount * amount > 5", "cannot multiply money in VND with money in VND", "amount"),
        ("count_10m / amount > 5", "no quotient of an integer with money in VND", "amount"),
        ("amount % 2.5 = 0", "more decimals than VND has", "2.5"),
        ("ratio % 2 = 0", "`%` is for whole numbers only", "ratio % 2"),
        ("time + time > time", "cannot add a time with a time", "time"),
        ("time * 2 > time", "cannot multiply a time with a number", "2"),
        ("-channel = 'a'", "expected a number, found text", "channel"),
        ("-time < time", "expected a number, found a time", "time"),
        ("1 / 0 > 2", "has no usable result", "1 / 0"),
        ("amount > 5.5", "more decimals than VND has (0)", "5.5"),
        ("amount > 99999999999999999999", "this number is too large", "99999999999999999999"),
        (
            "count_10m > 9999999999999999999999999999999999999999999999",
            "too long a number",
            "9999999999999999999999999999999999999999999999",
        ),
        ("amount in (5, 'a')", "cannot compare money in VND with text", "'a'"),
        ("channel in ('a', 5)", "cannot compare text with a number", "5"),
        ("amount between 5 and fresh", "cannot compare money in VND with a duration", "fresh"),
        ("customer_kind = 'individul'", "did you mean `individual`?", "'individul'"),
        ("initiated_by in ('customer', 'robot')", "it is one of `customer` or `provider`", "'robot'"),
        ("kind = 'transfer'", "the field is never 'transfer'", "'transfer'"),
        ("quality(usual) = 'warmin'", "did you mean `warming`?", "'warmin'"),
        ("quality(usual) in ('exact', 'fine')", "a quality is never 'fine'", "'fine'"),
        ("quality(usal) = 'exact'", "did you mean `usual`?", "usal"),
        ("quality(amount) = 'exact'", "`quality` takes a feature, and `amount` is a field", "amount"),
        ("quality(usual, usual) = 'exact'", "`quality` takes a feature", "quality"),
        ("quality(usual + 1) = 'exact'", "not the name of a feature", "quality"),
        ("quality(usual) > 5", "cannot compare text with a number", "5"),
        ("case customer_kind when 'x' then true end", "the field is never 'x'", "'x'"),
        ("case when amount > 5 then 1 else 'a' end = 1", "expected a number, found text", "'a'"),
        ("case when amount then true end", "expected a condition, found money in VND", "amount"),
        ("coalesce(amount, channel) = 5", "expected money in VND, found text", "channel"),
        ("least(new_device, false)", "booleans have no order", "least(new_device, false)"),
        ("methods = 'fido'", "write 'fido' = any(methods)", "'fido'"),
        ("methods like '%fido%'", "expected text, found a list of words", "methods"),
        ("'fido' = any(channel)", "expected a list of words, found text", "channel"),
        ("'fido' > any(methods)", "`any` goes with `=` only", "'fido' > any(methods)"),
        ("'Fido' = any(methods)", "no list has the word 'Fido'", "'Fido'"),
        ("channel like account", "a pattern must be a text literal", "account"),
        ("channel like 'a' escape 'bb'", "the escape must be one character", "'a' escape 'bb'"),
        ("channel like 'a!b' escape '!'", "must stand before `%`, `_` or itself", "'a!b'"),
        ("amount like 'a'", "expected text, found money in VND", "amount"),
        ("since_reset < interval '1 month'", "a month has no fixed length", "interval '1 month'"),
        ("since_reset < interval '5' fortnight", "unexpected `fortnight`", "fortnight"),
        ("since_reset < interval '1.5 hours'", "not a duration", "interval '1.5 hours'"),
        ("time > timestamp '2026-01-01 00:00:00'", "is not a time", "timestamp '2026-01-01 00:00:00'"),
        ("time > date '2026-01-01'", "write a time as timestamp", "date '2026-01-01'"),
        ("extract(minute from time) = 5", "write extract(hour from time)", "extract(minute from time)"),
        ("extract(hour from received) = 5", "only the hour and the weekday", "extract(hour from received)"),
        (
            "account is distinct from payee",
            "`is distinct from` is not supported",
            "account is distinct from payee",
        ),
        ("(account, payee) = 'a'", "a list in parentheses is not supported", "account, payee"),
    ];
    all_as_expected(cases.iter().map(|(condition, message, place)| {
        check(&with_condition(condition), Severity::Error, message, place)
    }));
}

#[test]
fn bad_lists() {
    let cases = [
        ("[lists]\nl = 3\n", "expected a table, found an integer", "3"),
        ("[lists]\nl = {}\n", "`key` is missing from a list", "{}"),
        ("[lists]\nl = { key = \"paye\" }\n", "did you mean `payee`?", "\"paye\""),
        ("[lists]\nl = { key = \"amount\" }\n", "`amount` is not a field with text", "\"amount\""),
        ("[lists]\nl = { key = \"methods\" }\n", "`methods` is not a field with text", "\"methods\""),
        ("[lists]\nl = { key = 3 }\n", "expected text, found an integer", "3"),
        ("[lists]\nl = { key = \"payee\", fiel = \"x.csv\" }\n", "did you mean `file`?", "fiel"),
        ("[lists]\nl = { key = \"payee\", file = \" \" }\n", "the name of a file cannot be empty", "\" \""),
        ("[lists]\nL = { key = \"payee\" }\n", "`L` is not a name", "L"),
        ("[lists]\nin = { key = \"payee\" }\n", "word of SQL", "in"),
        ("[lists]\npayee = { key = \"payee\" }\n", "field of every event", "payee"),
        ("[params]\nl = 3\n[lists]\nl = { key = \"payee\" }\n", "`l` is already a parameter", "l"),
    ];
    all_as_expected(cases.iter().map(|(section, message, place)| {
        check(&format!("{HEAD}{section}"), Severity::Error, message, place)
    }));
    let many: String = (0..201).map(|i| format!("l{i} = {{ key = \"payee\" }}\n")).collect();
    let told = told(&format!("{HEAD}[lists]\n{many}"), Severity::Error);
    assert!(told[0].0.contains("at most 200 lists"), "{told:?}");
}

#[test]
fn bad_conditions_on_lists() {
    let lists = "[lists]\nsuspected = { key = \"payee\" }\nexempt = { key = \"account\" }\n";
    let file = |condition: &str| {
        format!(
            "{HEAD}{FIELDS}{lists}{PARAMS}{FEATURES}[[rule]]\nid = \"a\"\nwhen = \"{condition}\"\nthen = \"block\"\n"
        )
    };
    let cases = [
        (
            "payee in suspcted",
            "unknown list `suspcted` | not in [lists] | did you mean `suspected`?",
            "suspcted",
        ),
        ("payee not in Suspcted", "did you mean `suspected`?", "Suspcted"),
        ("payee in (suspcted)", "did you mean `suspected`?", "suspcted"),
        ("payee in elsewhere", "values are written in parentheses: x in ('a', 'b')", "elsewhere"),
        ("payee in word", "`word` is a parameter, not a list", "word"),
        ("payee in account", "`account` is a field of every event, not a list", "account"),
        ("'fido' in methods", "`methods` is a field of every event, not a list", "methods"),
        (
            "suspected",
            "`suspected` is a list | a list, not a value | write `payee in suspected`",
            "suspected",
        ),
        ("payee = suspected", "write `payee in suspected` or `level(payee, suspected)`", "suspected"),
        ("account = exempt", "write `account in exempt`", "exempt"),
        ("payee in ((suspected))", "`suspected` is a list", "suspected"),
        ("payee in (suspected, 'x')", "ask twice: x in suspected or x in (...)", "suspected"),
        ("payee in ('x', exempt)", "`exempt` is a list, and stands among values", "exempt"),
        (
            "amount in suspected",
            "expected text, found money in VND | this is money in VND | a list holds texts",
            "amount",
        ),
        ("methods in suspected", "expected text, found a list of words", "methods"),
        ("level(payee, suspcted) > 3", "did you mean `suspected`?", "suspcted"),
        ("level(payee, 'suspected') > 3", "`level` takes a text and a list", "'suspected'"),
        ("level(payee) > 3", "`level` takes a text and a list | 1 given", "level"),
        ("level(amount, suspected) > 3", "expected text, found money in VND", "amount"),
        ("level(payee, suspected)", "expected a condition, found an integer", "level(payee, suspected)"),
        ("level(payee, suspected) > amount", "cannot compare an integer with money in VND", "amount"),
        ("levl(payee, suspected) > 3", "did you mean `level`?", "levl"),
        ("payee in suspected exempt", "unexpected `exempt` after the condition", "exempt"),
        ("payee in", "found the end of the condition", "in"),
        ("payee in suspected(1)", "expected (", "suspected"),
        ("payee in 'x'", "expected (", "'x'"),
    ];
    all_as_expected(
        cases
            .iter()
            .map(|(condition, message, place)| check(&file(condition), Severity::Error, message, place)),
    );
}

#[test]
fn warnings() {
    let cases = [
        ("[params]\nbig = 3\n", "parameter `big` is never used", "big"),
        (
            "[features]\nx = { count = \"*\", by = \"account\", over = \"1h\" }\n",
            "feature `x` is never used",
            "x",
        ),
        ("[lists]\nl = { key = \"payee\" }\n", "list `l` is never used", "l"),
        ("[auth.strong]\nall = [[\"fido\"]]\n", "requirement `strong` is never used", "strong"),
        ("[policy]\nstep_up_at = 90\nblock_at = 50\n", "never asks for a step-up", "90"),
        ("[[rule]]\nid = \"a\"\nwhen = \"1 < 2\"\nthen = \"block\"\n", "always true", "\"1 < 2\""),
        (
            "[[rule]]\nid = \"a\"\nwhen = \"amount > 5 and 2 < 1\"\nthen = \"block\"\n",
            "always false",
            "\"amount > 5 and 2 < 1\"",
        ),
        ("[[rule]]\nid = \"a\"\nwhen = \"null = 1\"\nthen = \"block\"\n", "always unknown", "\"null = 1\""),
        (
            "[[rule]]\nid = \"a\"\nwhen = \"amount > 5\"\nscore = 5\n",
            "sets nothing that the score leads to",
            "5",
        ),
        (
            "[[rule]]\nid = \"a\"\nwhen = \"amount > 5\"\nthen = \"block\"\nreason = { en = \"x\", vi = \"y\" }\n\
             [[rule]]\nid = \"b\"\nwhen = \"amount > 6\"\nthen = \"block\"\nreason = \"x\"\n",
            "rule `b` has no reason in Vietnamese",
            "\"x\"",
        ),
    ];
    all_as_expected(
        cases
            .iter()
            .map(|(text, message, place)| check(&format!("{HEAD}{text}"), Severity::Warning, message, place)),
    );
}

#[test]
fn where_other_currencies_are_taken_a_payment_may_be_in_any() {
    let rule = "[[rule]]\nid = \"a\"\nwhen = \"amount > 5 and currency = 'VND'\"\nthen = \"block\"\n";
    let told_of = |more: &str| told(&format!("{HEAD}{more}{rule}"), Severity::Warning);
    assert_eq!(told_of("").len(), 1);
    assert_eq!(told_of("[rates]\notherwise = \"block\"\n"), []);
}

#[test]
fn a_place_is_found_in_every_kind_of_string() {
    for (when, underlined) in [
        ("\"đ = 1 and amuont > 5\"", "đ"),
        ("'amuont > 5'", "amuont"),
        ("\"\"\"\n  channel = 'đ'\n  and amuont > 5\"\"\"", "amuont"),
        ("'''\n  channel = 'đ' -- tiếng Việt\n  and amuont > 5'''", "amuont"),
        ("\"\\tamuont > 5\"", "\"\\tamuont > 5\""),
    ] {
        let file = format!("{HEAD}[[rule]]\nid = \"a\"\nthen = \"block\"\nwhen = {when}\n");
        assert_eq!(told(&file, Severity::Error)[0].1, underlined, "{file}");
    }
}

#[test]
fn several_problems_come_in_one_run_and_in_order() {
    let file = format!(
        "{HEAD}[params]\nbig = [1]\n[[rule]]\nid = \"a\"\nwhen = \"amuont > big or pay = 'x'\"\nthen = \"blok\"\n"
    );
    let problems = compile("t.toml", &file).problems;
    let places: Vec<&str> = problems.iter().map(|problem| &file[problem.span.clone()]).collect();
    assert_eq!(places, ["[1]", "amuont", "pay", "\"blok\""]);
}

#[test]
fn a_wrong_declaration_is_told_once() {
    let file = format!(
        "{HEAD}[fields]\nbalance = \"mony\"\n[params]\nbig = [1]\n[features]\n\
         spent = {{ sum = \"balance\", by = \"account\", over = \"big\" }}\n\
         [[rule]]\nid = \"a\"\nwhen = \"spent > big and balance > 5 and shop = 'x'\"\nthen = \"block\"\n"
    );
    let places: Vec<String> = told(&file, Severity::Error).into_iter().map(|(_, place)| place).collect();
    assert_eq!(places, ["\"mony\"", "[1]", "shop"]);
}

#[test]
fn bounds_are_stated() {
    let rules: String = (0..20_001)
        .map(|i| format!("[[rule]]\nid = \"r{i}\"\nwhen = \"amount > {i}\"\nscore = 1\n"))
        .collect();
    let params: String = (0..1_001).map(|i| format!("p{i} = 1\n")).collect();
    let features: String = (0..2_001)
        .map(|i| format!("f{i} = {{ count = \"*\", by = \"account\", over = \"1h\" }}\n"))
        .collect();
    let fields: String = (0..201).map(|i| format!("x{i} = \"text\"\n")).collect();
    let methods: String = (0..65).map(|i| format!("\"m{i}\",")).collect();
    for (text, message) in [
        (rules, "at most 20000 rules"),
        (format!("[params]\n{params}"), "at most 1000 parameters"),
        (format!("[features]\n{features}"), "at most 2000 features"),
        (format!("[fields]\n{fields}"), "at most 200 extra fields"),
        (format!("[auth.a]\nall = [[{methods}]]\n"), "at most 64 authentication methods"),
        ("#".repeat(5 << 20), "at most 4 MiB"),
    ] {
        let told = told(&format!("{HEAD}{text}"), Severity::Error);
        assert!(told[0].0.contains(message), "{told:?}");
    }
    let long = format!("amount > {}1", "1 + ".repeat(3_000));
    assert!(told(&with_condition(&long), Severity::Error)[0].0.contains("at most 10000 bytes"));
}

#[test]
fn deep_conditions_are_refused_and_long_ones_are_not() {
    let deep = |text: String| {
        let told = told(&with_condition(&text), Severity::Error);
        assert!(told[0].0.contains("more than 100 levels deep"), "{told:?}");
    };
    deep(format!("{}amount > 1{}", "(".repeat(3_000), ")".repeat(3_000)));
    deep(format!("amount > {}1", "-".repeat(1_000).replace('-', "- ")));
    deep(format!("{}amount > 1", "not ".repeat(2_000)));
    deep(format!("amount > {}amount", "amount + ".repeat(1_000)));
    deep(format!("amount > 1{}", " is null".repeat(1_200)));
    deep(format!("{}amount > 1", "case when ".repeat(900)));
    deep(format!("{}amount{} > 1", "abs(".repeat(1_500), ")".repeat(1_500)));
    let terms = vec!["amount = 1"; 700].join(" or ");
    assert!(compile("t.toml", &with_condition(&terms)).rule_set.is_some());
}

#[test]
fn problems_are_bounded() {
    let rules: String = (0..5_000)
        .map(|i| format!("[[rule]]\nid = \"r{i}\"\nwhen = \"amuont > {i}\"\nthen = \"block\"\n"))
        .collect();
    let problems = compile("t.toml", &format!("{HEAD}{rules}")).problems;
    assert_eq!(problems.len(), 100);
    assert!(problems.last().unwrap().help.as_ref().unwrap().contains("the others are not shown"));
}

#[test]
fn refused_files_say_line_and_column() {
    let refused = compile("t.toml", &with_condition("amuont > 5")).into_result().unwrap_err();
    assert_eq!(refused.to_string(), "t.toml:23:9: unknown name `amuont` (did you mean `amount`?)");
}
