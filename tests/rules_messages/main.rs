//! What a bad rule file is told, and which part of it is underlined.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that fails stops")]

mod conditions;
mod features;

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

/// A file whose only rule has this condition.
fn with_condition(condition: &str) -> String {
    format!(
        "{HEAD}{FIELDS}{PARAMS}{FEATURES}[[rule]]\nid = \"a\"\nwhen = \"{condition}\"\nthen = \"block\"\n"
    )
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
