//! What `weir sql` cannot say it refuses by name, and leaves out by name where it is asked to.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails loudly")]

use weir::rules::query::{Dialect, OutOfScope, QueryError, Reason, Subject, Unsupported, query};

const HEAD: &str = "[ruleset]\nname = \"t\"\ncurrency = \"VND\"\n[fields]\nd = \"decimal\"\n";

fn refused(text: &str) -> Vec<OutOfScope> {
    match query("t.toml", text, Dialect::DuckDb, Unsupported::Refuse) {
        Err(QueryError::OutOfScope(found)) => found,
        other => panic!("{other:?}"),
    }
}

fn rule(id: &str, when: &str) -> String {
    format!("[[rule]]\nid = \"{id}\"\nthen = \"alert\"\nwhen = '''{when}'''\n")
}

fn feature(name: &str) -> Subject {
    Subject::Feature(name.to_owned())
}

#[test]
fn what_depends_on_decisions_is_refused_with_all_that_reads_it() {
    let text = HEAD.to_owned()
        + "[tables.size]\non_unknown = \"next\"\nrows = [{ when = \"amount > 5 and not fresh\", is = \"large\" }]\nelse = \"small\"\n\
           [features]\nfresh = { is_new = true, by = \"account\" }\nlarge_24h = { count = \"*\", by = \"account\", over = \"24h\", where = \"size = 'large'\" }\n\
           all_24h = { count = \"*\", by = \"account\", over = \"24h\" }\n"
        + &rule("a", "size = 'large' and large_24h > 2")
        + &rule("b", "all_24h > 2");
    let found = refused(&text);
    let reasons: Vec<(&Subject, &Reason)> = found.iter().map(|out| (&out.subject, &out.reason)).collect();
    let reads = |names: &[&str]| Reason::Reads(names.iter().map(|&name| name.to_owned()).collect());
    assert_eq!(
        reasons,
        [
            (&feature("fresh"), &Reason::CountsAllowed),
            (&feature("large_24h"), &Reason::ReadsTable),
            (&Subject::Table("size".to_owned()), &reads(&["fresh"])),
            (&Subject::Rule("a".to_owned()), &reads(&["fresh", "large_24h", "size"])),
        ]
    );
    let left = query("t.toml", &text, Dialect::DuckDb, Unsupported::LeaveOut).unwrap();
    assert_eq!(left.left_out, found);
    assert!(left.text.contains("\"rule_b\"") && !left.text.contains("\"rule_a\""), "{}", left.text);
    for out in found {
        assert!(left.text.contains(&format!("--     {out}\n")), "{}", left.text);
    }
}

#[test]
fn names_that_the_query_needs_are_refused() {
    let text = HEAD.to_owned()
        + "arrival = \"time\"\n[features]\nscore = { count = \"*\", by = \"account\", over = \"24h\" }\n"
        + &rule("a", "score > 2 and arrival < time")
        + &rule("A", "amount > 2");
    let subjects: Vec<Subject> = refused(&text).into_iter().map(|out| out.subject).collect();
    let rule = |id: &str| Subject::Rule(id.to_owned());
    assert_eq!(subjects, [rule("A"), Subject::Field("arrival".to_owned()), feature("score"), rule("a")]);
}

#[test]
fn guards_that_double_the_text_again_and_again_are_refused() {
    let deep = (0..18).fold("d".to_owned(), |inner, _| format!("coalesce(1 / ({inner} - d), 0.5)"));
    let found = refused(&(HEAD.to_owned() + &rule("a", &format!("{deep} > 1"))));
    assert_eq!(found.first().map(|out| &out.reason), Some(&Reason::TooLong));
}

#[test]
fn a_list_is_refused_wherever_it_is_asked() {
    let text = HEAD.to_owned()
        + "[lists]\nbad = { file = \"bad.csv\", key = \"payee\" }\n[features]\n\
           to_bad = { count = \"*\", by = \"account\", over = \"1d\", where = \"payee in bad\" }\n"
        + &rule("a", "to_bad > 1")
        + &rule("b", "level(payee, bad) > 2 or amount > 5");
    let asks = Reason::AsksList("bad".to_owned());
    let reasons: Vec<Reason> = refused(&text).into_iter().map(|out| out.reason).collect();
    assert_eq!(reasons, [asks.clone(), Reason::Reads(vec!["to_bad".to_owned()]), asks]);
}

#[test]
fn what_queries_do_not_say_is_refused_by_its_key() {
    let count = "count = \"*\", by = \"account\", over = \"7d\"";
    let of = |key: &str| format!("{key} = \"amount\", by = \"account\", over = \"7d\", counts = \"asked\"");
    let place = "speed = [\"latitude\", \"longitude\"], by = \"account\", over = \"7d\", counts = \"asked\"";
    let cases = [
        (of("first"), "first"),
        (of("last"), "last"),
        (of("previous"), "previous"),
        (of("z_score"), "z_score"),
        (of("quantile") + ", q = 0.5", "quantile"),
        (place.to_owned(), "speed"),
        (of("changed").replace("amount", "device"), "changed"),
        ("ratio = \"amount\", to = \"spent\"".to_owned(), "ratio"),
        (format!("{count}, delay = \"1d\""), "delay"),
        (format!("{count}, label = \"fraud\""), "label"),
        (format!("{count}, reset = \"amount > 5\""), "reset"),
        (format!("{count}, reset = {{ on = \"executed\", where = \"amount > 5\" }}"), "reset"),
    ];
    for (feature, key) in cases {
        let text = HEAD.to_owned()
            + "[features]\nspent = { sum = \"amount\", by = \"account\", over = \"1d\" }\n"
            + &format!("x = {{ {feature} }}\n")
            + &rule("a", if key == "changed" { "x and spent > 1" } else { "x > 1 and spent > 1" });
        let reasons: Vec<Reason> = refused(&text).into_iter().map(|out| out.reason).collect();
        assert_eq!(reasons, [Reason::Key(key), Reason::Reads(vec!["x".to_owned()])], "{feature}");
    }
    let executed = format!("[features]\nx = {{ {count}, counts = \"executed\", pending = true }}\n");
    let reasons = refused(&(HEAD.to_owned() + &executed + &rule("a", "x > 1")));
    assert_eq!(reasons.first().map(|out| &out.reason), Some(&Reason::CountsExecuted));
    let quality = format!("[features]\nx = {{ {count} }}\n");
    let reasons = refused(&(HEAD.to_owned() + &quality + &rule("a", "quality(x) = 'warming'")));
    assert_eq!(reasons.first().map(|out| &out.reason), Some(&Reason::Key("quality")));
}

#[test]
fn a_rule_that_is_off_is_left_out_and_one_in_shadow_only_looks() {
    let shadow = rule("s", "amount > 1").replace("then", "mode = \"shadow\"\nthen");
    let off = rule("o", "amount > 2").replace("then", "mode = \"off\"\nthen");
    let text = HEAD.to_owned() + &shadow + &off + &rule("live", "amount > 3");
    let written = query("t.toml", &text, Dialect::DataFusion, Unsupported::Refuse).unwrap().text;
    assert!(written.contains("AS \"rule_s\"") && !written.contains("rule_o"), "{written}");
    assert!(written.contains("THEN 'live' END") && !written.contains("THEN 's' END"), "{written}");
}

#[test]
fn a_file_with_errors_has_no_query() {
    let found = query(
        "t.toml",
        &(HEAD.to_owned() + &rule("a", "amuont > 1")),
        Dialect::DuckDb,
        Unsupported::LeaveOut,
    );
    assert!(matches!(found, Err(QueryError::Refused(_))), "{found:?}");
}
