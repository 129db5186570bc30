//! Bad conditions, and bad lists that they ask.

use weir::rules::Severity;

use crate::{FEATURES, FIELDS, HEAD, PARAMS, all_as_expected, check, told, with_condition};

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
