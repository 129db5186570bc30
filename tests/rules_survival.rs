//! No text makes the checker panic, and each problem points into the text.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use weir::rules::compile;

const FILE: &str = "[ruleset]\nname = \"t\"\ncurrency = \"VND\"\n[fields]\nx = \"integer\"\ny = \"integer\"\n\
    d = \"decimal\"\ne = \"decimal\"\nf = \"boolean\"\ng = \"boolean\"\ns = \"text\"\nt = \"text\"\n\
    [lists]\nl = { key = \"s\" }\n";

fn with_condition(condition: &str) -> String {
    format!("{FILE}[[rule]]\nid = \"a\"\nthen = \"block\"\nwhen = '''{condition}'''\n")
}

/// A checker may refuse any text, but each problem must point into it.
fn check_survives(text: &str) {
    let checked = compile("t.toml", text);
    for problem in &checked.problems {
        assert!(text.get(problem.span.clone()).is_some(), "{problem:?} is outside the text");
    }
    drop(checked.into_result().map_err(|refused| refused.to_string()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_words_make_the_checker_panic(words in vec(select(WORDS.to_vec()), 0..30)) {
        check_survives(&with_condition(&words.join(" ")));
    }

    #[test]
    fn no_text_makes_the_checker_panic(condition in "\\PC{0,60}", file in "[\\[\\]={}a-z0-9'\" \n.,#đ]{0,200}") {
        check_survives(&format!("{FILE}[[rule]]\nid = \"a\"\nwhen = {condition:?}\nscore = 1\n"));
        check_survives(&file);
    }

    #[test]
    fn no_change_of_a_good_file_makes_the_checker_panic(
        changes in vec((any::<prop::sample::Index>(), 0..12usize, select(PIECES.to_vec())), 1..6)
    ) {
        let mut text: Vec<char> = GOOD.chars().collect();
        for (at, length, piece) in changes {
            let at = at.index(text.len());
            let end = (at + length).min(text.len());
            text.splice(at..end, piece.chars());
        }
        check_survives(&text.into_iter().collect::<String>());
    }
}

const WORDS: [&str; 61] = [
    "l",
    "in l",
    "level(",
    "amount",
    "x",
    "d",
    "f",
    "s",
    "time",
    "methods",
    "kind",
    "unknown_name",
    "1",
    "0",
    "2.5",
    "1e400",
    "'a'",
    "'b%'",
    "null",
    "true",
    "and",
    "or",
    "not",
    "in",
    "between",
    "like",
    "ilike",
    "escape",
    "is",
    "case",
    "when",
    "then",
    "else",
    "end",
    "interval",
    "'1 hour'",
    "hours",
    "timestamp",
    "'2026-01-01T00:00:00Z'",
    "extract",
    "hour",
    "from",
    "any",
    "abs",
    "coalesce",
    "least",
    "cast",
    "as",
    "select",
    "exists",
    "(",
    ")",
    ",",
    "+",
    "-",
    "*",
    "/",
    "%",
    "=",
    "<",
    ">=",
];

const PIECES: [&str; 16] = [
    "",
    "\"",
    "'",
    "\n",
    "[",
    "]",
    "{",
    "}",
    "=",
    "đ",
    "-1",
    "\\",
    "\"\"\"",
    "amount > ",
    "[[rule]]\n",
    "99999999999999999999",
];

const GOOD: &str = r#"
[ruleset]
name = "retail"
time_zone = "Asia/Ho_Chi_Minh"
currency = "VND"
remember = "7d"
[fields]
balance = "money"
shop = "text"
[params]
big = { value = 10_000_000, unit = "VND", min = 1_000_000, max = 50_000_000 }
fresh = "24h"
bursts = 5
[features]
spent_24h = { sum = "amount", by = "account", over = "fresh" }
shops = { distinct = "shop", by = ["account", "device"], over = "month", counts = "allowed", current = false }
received = { count = "*", by = "payee", at = "account", over = "1h", where = "amount between 5 and big" }
since_reset = { since = "last", from = ["change"], where = "what in ('password', 'phone')", by = "customer" }
[policy]
step_up_at = 50
block_at = 90
auth = "strong"
[auth.strong]
all = [["soft_otp", "fido"], ["biometric"]]
[[rule]]
id = "takeover"
when = """since_reset < fresh -- sớm
  and amount > big and 'fido' = any(methods)"""
then = "step_up"
auth = "strong"
score = 40
on_unknown = "fires"
reason = { en = "Large transfer", vi = "Chuyển khoản lớn" }
customer = "confirm_identity"
[[rule]]
id = "b"
when = 'received > bursts or shops * 1.5 > 3 or spent_24h / balance > 2 or shop ilike "Phở"'
score = -5
"#;
