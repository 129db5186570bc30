//! What a rule's tier, mode, dates, rollout, overrides and breaker must and must not say.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails stops")]

use weir::rules::{Breaker, Mode, OnUnknown, Rule, Severity, Tier, compile};
use weir::time::{DAY_US, SECOND_US, parse_time};

const HEAD: &str = "[ruleset]\nname = \"t\"\ncurrency = \"VND\"\ntime_zone = \"Asia/Ho_Chi_Minh\"\n";
const OTHERS: &str = "[[rule]]\nid = \"law\"\nwhen = \"amount > 10\"\nthen = \"block\"\ntier = \"mandatory\"\n\
    [[rule]]\nid = \"night\"\nwhen = \"hour < 5\"\nthen = \"block\"\n\
    [[rule]]\nid = \"let\"\nwhen = \"hour < 4\"\nthen = \"allow\"\ntier = \"override\"\noverrides = \"night\"\nvalid_until = 2027-01-01\n";

fn file(rule: &str) -> String {
    format!("{HEAD}{OTHERS}[[rule]]\nid = \"r\"\nwhen = \"amount > 1\"\n{rule}\n")
}

fn rule(text: &str) -> Rule {
    compile("t.toml", &file(text))
        .into_result()
        .unwrap_or_else(|e| panic!("{e}\n{text}"))
        .rules
        .pop()
        .unwrap()
}

#[test]
fn what_is_said_is_kept() {
    let plain = rule("then = \"block\"");
    assert_eq!((plain.tier, plain.mode, plain.on_unknown), (Tier::Normal, Mode::Live, OnUnknown::Silent));
    let law = rule(
        "then = \"block\"\ntier = \"mandatory\"\nvalid_from = 2026-01-01\nvalid_until = 2027-01-01T00:00:00Z",
    );
    assert_eq!(law.on_unknown, OnUnknown::Fires, "what is not known never silences the law");
    assert_eq!(law.valid_from_us, Some(parse_time("2026-01-01T00:00:00+07:00").unwrap()));
    assert_eq!(law.valid_until_us, Some(parse_time("2027-01-01T00:00:00Z").unwrap()));
    let new = rule("score = 5\nmode = \"shadow\"\nrollout = { percent = 2.5, by = \"account\" }\n");
    assert_eq!((new.mode, new.rollout.unwrap().ppm), (Mode::Shadow, 25_000));
    let broken = rule("then = \"block\"\nbreaker = { percent = 0.5, over = \"1h\" }").breaker.unwrap();
    assert_eq!(broken, Breaker { ppm_max: 5_000, over_us: 3_600 * SECOND_US, decisions_min: 100 });
    let only =
        "then = \"allow\"\ntier = \"override\"\noverrides = [\"night\", \"night\"]\nvalid_until = 2027-01-01";
    assert_eq!(rule(only).overrides, [1]);
    assert!(DAY_US > broken.over_us);
}

#[test]
fn what_must_not_be_said_is_told() {
    let law = "then = \"block\"\ntier = \"mandatory\"\n";
    let exception =
        "then = \"allow\"\ntier = \"override\"\noverrides = \"night\"\nvalid_until = 2027-01-01\n";
    let cases = [
        (format!("{law}mode = \"shadow\""), "a mandatory rule is live", "\"shadow\""),
        (format!("{law}mode = \"off\""), "a mandatory rule is live", "\"off\""),
        (
            format!("{law}rollout = {{ percent = 1, by = \"account\" }}"),
            "no rollout",
            "{ percent = 1, by = \"account\" }",
        ),
        (
            format!("{law}breaker = {{ percent = 1, over = \"1h\" }}"),
            "no breaker",
            "{ percent = 1, over = \"1h\" }",
        ),
        (format!("{law}on_unknown = \"silent\""), "never silences a mandatory rule", "\"silent\""),
        ("tier = \"mandatory\"\nscore = 5".into(), "demands something outright", "\"amount > 1\""),
        ("then = \"allow\"".into(), "only an override allows", "\"allow\""),
        ("then = \"block\"\noverrides = \"night\"".into(), "only an override overrides", "\"night\""),
        (exception.replace("\"allow\"", "\"block\""), "an override allows", "\"block\""),
        (exception.replace("overrides = \"night\"\n", ""), "names what it overrides", "\"override\""),
        (exception.replace("valid_until = 2027-01-01", ""), "ends on a date", "\"override\""),
        (format!("{exception}score = 3"), "an override has no score", "3"),
        (format!("{exception}on_unknown = \"fires\""), "lets nothing through", "\"fires\""),
        (exception.replace("night", "nigth"), "no rule has the id `nigth`", "\"nigth\""),
        (exception.replace("night", "law"), "rule `law` is mandatory", "\"law\""),
        (exception.replace("\"night\"", "\"let\""), "rule `let` is an override itself", "\"let\""),
        (exception.replace("\"night\"", "[]"), "`overrides` names no rule", "[]"),
        ("then = \"block\"\nvalid_from = \"2026-01-01\"".into(), "expected a date", "\"2026-01-01\""),
        ("then = \"block\"\nvalid_from = 08:00:00".into(), "not a time of day", "08:00:00"),
        ("then = \"block\"\nvalid_from = 1969-01-01".into(), "outside the times", "1969-01-01"),
        (
            "then = \"block\"\nvalid_from = 2026-02-01\nvalid_until = 2026-02-01".into(),
            "not after",
            "2026-02-01",
        ),
        ("then = \"block\"\nrollout = 5".into(), "expected a table", "5"),
        (
            "then = \"block\"\nrollout = { percent = 0, by = \"account\" }".into(),
            "a percentage is above 0",
            "0",
        ),
        (
            "then = \"block\"\nrollout = { percent = 5, by = \"acount\" }".into(),
            "unknown field `acount`",
            "\"acount\"",
        ),
        (
            "then = \"block\"\nrollout = { percent = 5 }".into(),
            "`by` is missing from a rollout",
            "{ percent = 5 }",
        ),
        (
            "then = \"block\"\nbreaker = { percent = 5, over = \"1s\" }".into(),
            "looks back 1m to 31d",
            "\"1s\"",
        ),
        (
            "then = \"block\"\nbreaker = { percent = 5, over = \"1h\", least = 0 }".into(),
            "a number of decisions",
            "0",
        ),
        ("then = \"block\"\ntier = \"law\"".into(), "`tier` cannot be `law`", "\"law\""),
        ("then = \"block\"\nmode = \"shadwo\"".into(), "`mode` cannot be `shadwo`", "\"shadwo\""),
        (
            "then = \"block\"\n[control]\npercent = 1\nby = \"account\"".into(),
            "`amount_max` is missing",
            "[control]",
        ),
        (
            "then = \"block\"\n[control]\npercent = 1\nby = \"amount\"\namount_max = 5".into(),
            "a field with text",
            "\"amount\"",
        ),
        (
            "then = \"block\"\n[control]\npercent = 1\nby = \"account\"\namount_max = 0.5".into(),
            "decimals",
            "0.5",
        ),
    ];
    for (text, message, underlined) in cases {
        let file = file(&text);
        let checked = compile("t.toml", &file);
        assert!(checked.rule_set.is_none(), "{text} was taken");
        let told: Vec<(String, &str)> = checked
            .problems
            .iter()
            .filter(|problem| problem.severity == Severity::Error)
            .map(|problem| (problem.message.clone(), &file[problem.span.clone()]))
            .collect();
        let found = told.iter().any(|(told, place)| told.contains(message) && *place == underlined);
        assert!(found, "expected `{message}` under `{underlined}`, told {told:?}\n{text}");
    }
}

#[test]
fn defaults_do_not_change_the_hash_and_all_else_does() {
    let hash =
        |text: &str| compile("t.toml", &file(text)).into_result().unwrap_or_else(|e| panic!("{e}")).hash;
    let plain = hash("then = \"block\"");
    assert_eq!(plain, hash("then = \"block\"\ntier = \"normal\"\nmode = \"live\""));
    let others = [
        "mode = \"shadow\"",
        "mode = \"off\"",
        "tier = \"mandatory\"",
        "valid_from = 2026-01-01",
        "valid_until = 2026-01-01",
        "rollout = { percent = 5, by = \"account\" }",
        "breaker = { percent = 5, over = \"1h\" }",
        "breaker = { percent = 5, over = \"1h\", least = 7 }",
        "[control]\npercent = 1\nby = \"account\"\namount_max = 5",
    ];
    let mut hashes: Vec<_> = others.iter().map(|text| hash(&format!("then = \"block\"\n{text}"))).collect();
    hashes.push(plain);
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), others.len() + 1);
}

#[test]
fn no_table_silences_the_law() {
    let file = |on_unknown: &str| {
        format!(
            "{HEAD}[fields]\nrisk = \"integer\"\n[tables.inner]\nrows = [{{ when = \"risk > 3\", is = true }}]\nelse = false\n{on_unknown}\n\
             [tables.outer]\nrows = [{{ when = \"inner\", is = \"C\" }}]\nelse = \"A\"\non_unknown = \"strictest\"\norder = [\"A\", \"C\"]\n\
             [[rule]]\nid = \"law\"\nwhen = \"outer = 'C'\"\nthen = \"block\"\ntier = \"mandatory\"\n"
        )
    };
    let checked = compile("t.toml", &file("on_unknown = \"next\""));
    let told = checked
        .problems
        .iter()
        .any(|problem| problem.message.contains("reads table `inner`, which passes over"));
    assert!(told && checked.rule_set.is_none(), "{:?}", checked.problems);
    for on_unknown in ["on_unknown = \"unknown\"", "on_unknown = \"strictest\"\norder = [false, true]"] {
        let checked = compile("t.toml", &file(on_unknown));
        assert!(checked.rule_set.is_some(), "{:?}", checked.problems);
    }
}
