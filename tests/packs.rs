//! Rule sets of several files: what extends what, what is set, dates, tenants.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails stops")]

use std::sync::Arc;

use proptest::prelude::*;
use weir::decision::{Decision, Outcome};
use weir::engine::{Answer, Engine, Limits, Recording, VERSION};
use weir::event::{Draft, Event, Kind, TextField};
use weir::explain::Explainer;
use weir::io::DecisionWriter;
use weir::rules::{Feedback, RuleSet, Severity, Sources, compile};
use weir::time::{DAY_US, parse_time};

const HEAD: &str = "[ruleset]\ncurrency = \"VND\"\ntime_zone = \"Asia/Ho_Chi_Minh\"\n";

/// The first file with those that it extends, by name.
fn sources(files: &[(&str, &str)]) -> Sources {
    let find = |path: &str| files.iter().find(|(name, _)| *name == path);
    let (name, text) = files[0];
    Sources::load(name, text, |_, path| {
        find(path).map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).ok_or("not there".to_owned())
    })
}

fn rules(files: &[(&str, &str)]) -> RuleSet {
    sources(files).compile().into_result().unwrap_or_else(|refused| panic!("{refused}"))
}

fn head(name: &str, more: &str) -> String {
    format!("{HEAD}name = \"{name}\"\n{more}\n")
}

fn law(dates: &str) -> String {
    head("law", dates)
        + r#"
[params]
role = { value = "provider", one_of = ["provider", "wallet"], open = true }
large_from = { value = 1_000, unit = "VND" }
[features]
sent = { count = "*", by = "account", over = "1h" }
[auth.strong]
all = [["fido"], ["biometric"]]
[[rule]]
id = "large"
when = "amount > large_from"
then = "step_up"
auth = "strong"
tier = "mandatory"
legal = "article 1"
[[rule]]
id = "wallet"
when = "role = 'wallet' and amount > 500"
then = "block"
[[rule]]
id = "many"
when = "sent > 3"
score = 20
"#
}

const OWN: &str = r#"
[policy]
step_up_at = 15
block_at = 50
auth = "any"
[auth.any]
all = [["fido", "sms_otp"]]
[[rule]]
id = "own"
when = "amount > 800 and sent > 1"
score = 35
"#;

fn top() -> String {
    head("top", "extends = [\"law\"]") + OWN
}

#[derive(Clone, Debug)]
struct Payment {
    tenant: Option<&'static str>,
    account: &'static str,
    amount: i64,
    time_us: i64,
}

fn event(rules: &RuleSet, number: usize, payment: &Payment) -> Event {
    let mut draft = Draft::new(Arc::clone(&rules.schema));
    draft.begin(Kind::Transaction, payment.time_us).unwrap();
    draft.amount(payment.amount, rules.currency).unwrap();
    draft.text(TextField::Id, &format!("p{number}")).unwrap();
    draft.text(TextField::Account, payment.account).unwrap();
    if let Some(tenant) = payment.tenant {
        draft.text(TextField::Tenant, tenant).unwrap();
    }
    draft.seal().unwrap().clone()
}

/// The decisions of a rule set, with their lines.
fn decided(rules: &RuleSet, payments: &[Payment]) -> Vec<(Decision, String)> {
    let writer = DecisionWriter::new(rules, VERSION).unwrap();
    let mut engine = Engine::new(rules.clone(), Limits::default(), Recording::Fired);
    let mut decided = Vec::new();
    for (number, payment) in payments.iter().enumerate() {
        let event = event(rules, number, payment);
        let Answer::Decided(decision) = engine.step(&event) else { panic!("no decision") };
        let decision = decision.clone();
        let mut line = Vec::new();
        writer.write(&event, &decision, &mut line).unwrap();
        decided.push((decision, String::from_utf8(line).unwrap()));
    }
    decided
}

fn one(tenant: Option<&'static str>, amount: i64, time: &str) -> [Payment; 1] {
    [Payment { tenant, account: "a", amount, time_us: parse_time(time).unwrap() }]
}

#[test]
fn files_compile_as_one() {
    let (top, law) = (top(), law(""));
    let set = rules(&[("top", &top), ("law", &law)]);
    let ids: Vec<&str> = set.rules.iter().map(|rule| rule.id.as_str()).collect();
    assert_eq!(ids, ["large", "wallet", "many", "own"], "what is extended comes first");
    assert_eq!(set.packs.iter().map(|pack| pack.name.as_str()).collect::<Vec<_>>(), ["law", "top"]);
    assert_eq!((set.rules[2].pack, set.rules[3].pack), (0, 1));
    // The same in one file is the same rule set.
    let sections = law.split_once("[params]").unwrap().1;
    let (before, own) = OWN.split_once("[[rule]]").unwrap();
    let whole = head("top", "") + before + "[params]" + sections + "[[rule]]" + own;
    assert_eq!(compile("whole", &whole).into_result().unwrap().hash, set.hash);
}

#[test]
fn a_problem_is_told_in_its_file() {
    let (top, law) = (top(), law("").replace("sent > 3", "snet > 3"));
    let sources = sources(&[("top", &top), ("law", &law)]);
    let checked = sources.compile();
    let problem = checked.problems.iter().find(|p| p.severity == Severity::Error).unwrap();
    let place = sources.place(problem.span.start);
    let line = law.lines().position(|line| line.contains("snet")).unwrap() + 1;
    assert_eq!((place.file, place.line, place.column), ("law", line, 9));
    assert_eq!(&law[place.byte..place.byte + 4], "snet");
    let refused = checked.into_result().unwrap_err();
    assert_eq!(refused.lines.len(), 1);
    assert!(refused.lines[0].starts_with(&format!("law:{line}:9: unknown name `snet`")), "{refused}");
    assert!(compile("top", &top).rule_set.is_none(), "by itself it lacks a file");
}

#[test]
fn what_is_open_can_be_set_and_nothing_else() {
    let law = law("");
    let with = |set: &str| top() + "[set]\n" + set;
    let hash = |text: &str, law: &str| rules(&[("top", text), ("law", law)]).hash;
    let set = with("role = \"wallet\"");
    let payments = one(None, 600, "2026-01-01T00:00:00Z");
    assert_eq!(decided(&rules(&[("top", &top()), ("law", &law)]), &payments)[0].0.outcome, Outcome::Allow);
    assert_eq!(decided(&rules(&[("top", &set), ("law", &law)]), &payments)[0].0.outcome, Outcome::Block);
    assert_eq!(hash(&set, &law), hash(&top(), &law.replace("value = \"provider\"", "value = \"wallet\"")));
    let closed = with("large_from = 2_000");
    let refused = sources(&[("top", &closed), ("law", &law)]).compile().into_result().unwrap_err();
    assert!(refused.lines.iter().any(|line| line.contains("`large_from` is not open")), "{refused}");
}

#[test]
fn a_file_outside_its_dates_is_out_of_force() {
    let law = law("valid_from = 2026-07-01\nvalid_until = 2027-01-01");
    let set = rules(&[("top", &top()), ("law", &law)]);
    for (time, outcome, out) in [
        ("2026-06-30T23:59:59.999999+07:00", Outcome::Allow, true),
        ("2026-07-01T00:00:00+07:00", Outcome::StepUp, false),
        ("2026-12-31T23:59:59.999999+07:00", Outcome::StepUp, false),
        ("2027-01-01T00:00:00+07:00", Outcome::Allow, true),
    ] {
        let [(decision, line)] = &decided(&set, &one(None, 2_000, time))[..] else { panic!("one") };
        assert_eq!((decision.outcome, decision.out_of_force), (outcome, u16::from(out)), "{time}");
        assert_eq!(line.contains(",\"out_of_force\":[\"law\"]"), out, "{line}");
    }
    // A repeat gets its first answer, with that.
    let event = event(&set, 0, &one(None, 5, "2026-01-01T00:00:00Z")[0]);
    let mut engine = Engine::new(set, Limits::default(), Recording::Fired);
    assert!(matches!(engine.step(&event), Answer::Decided(decision) if decision.out_of_force == 1));
    assert!(matches!(engine.step(&event), Answer::Repeated(decision) if decision.out_of_force == 1));
}

const TENANTS: [&str; 3] = ["bank-a", "bank-b", "bank-c"];

/// A file of tenant bank-a that may ask for more in every way there is.
fn tenants() -> String {
    head("of bank-a", "tenants = [\"bank-a\"]\nextends = \"law\"\nvalid_from = 2026-01-01")
        + r#"
[features]
spent = { sum = "amount", by = "account", over = "30m" }
[auth.own]
all = [["biometric"], ["face"]]
[[rule]]
id = "a-more"
when = "spent > 900"
then = "step_up"
auth = "own"
[[rule]]
id = "a-scores"
when = "amount > 700"
score = 30
[[rule]]
id = "a-blocks"
when = "sent > 4"
then = "block"
[[rule]]
id = "a-by-law"
when = "amount > 1_500"
then = "block"
tier = "mandatory"
[[rule]]
id = "a-lets"
when = "hour < 12"
then = "allow"
tier = "override"
overrides = "a-blocks"
valid_until = 2027-01-01
"#
}

fn platform(more: &str) -> String {
    head("top", &format!("extends = [\"law\"{more}]"))
        + OWN
        + "[control]\npercent = 50\nby = \"account\"\namount_max = 1_400\n"
        + "[[rule]]\nid = \"asks\"\nwhen = \"sent > 2\"\nthen = \"step_up\"\nauth = \"any\"\n"
}

/// Whether a decision asks for no less than another: methods that meet what it requires meet the other's too.
fn stricter((with, in_with): (&Decision, &RuleSet), (without, in_without): (&Decision, &RuleSet)) -> bool {
    let sets = |decision: &Decision, rules: &RuleSet| -> Vec<Vec<String>> {
        decision.requirement.any_of().iter().map(|&set| rules.methods_of(set)).collect()
    };
    let (held, asked) = (sets(with, in_with), sets(without, in_without));
    let implied = |any: &Vec<String>| held.iter().any(|own| own.iter().all(|method| any.contains(method)));
    let meets = with.outcome != Outcome::StepUp || asked.iter().all(implied);
    with.outcome >= without.outcome && with.alert >= without.alert && meets
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn a_tenants_file_tightens_for_its_tenant_and_is_nothing_to_others(
        raw in prop::collection::vec((0..4_usize, 0..3_usize, 0..2_000_i64, 0..20_i64), 1..60)
    ) {
        let start_us = parse_time("2026-03-01T00:00:00Z").unwrap();
        let mut time_us = start_us;
        let payments: Vec<Payment> = raw.into_iter().map(|(tenant, account, amount, minutes)| {
            time_us += minutes * 60_000_000;
            let tenant = TENANTS.get(tenant).copied();
            Payment { tenant, account: ["x", "y", "z"][account], amount, time_us }
        }).collect();
        let (law, tenants) = (law(""), tenants());
        let (plain, more) = (platform(""), platform(", \"a\""));
        let without = rules(&[("top", &plain), ("law", &law)]);
        let with = rules(&[("top", &more), ("law", &law), ("a", &tenants)]);
        let both = decided(&with, &payments).into_iter().zip(decided(&without, &payments));
        for (payment, ((more, line), (less, _))) in payments.iter().zip(both) {
            prop_assert!(stricter((&more, &with), (&less, &without)), "{payment:?}: {more:?}, without it {less:?}");
            if payment.tenant != Some("bank-a") {
                prop_assert_eq!(more.outcome, less.outcome);
                prop_assert_eq!(more.score, less.score);
                prop_assert_eq!(more.fired.len(), less.fired.len());
                prop_assert!(!line.contains("\"a-"), "{line}");
            }
        }
    }
}

#[test]
fn an_explanation_names_no_rule_of_another_tenant() {
    let (law, tenants, top) = (law(""), tenants(), platform(", \"a\""));
    let top =
        top + "[[rule]]\nid = \"for-b\"\nwhen = \"amount > 1\"\nthen = \"alert\"\ntenants = [\"bank-b\"]\n";
    let files = [("top", top.as_str()), ("law", &law), ("a", &tenants)];
    let explainer = Explainer::of(&sources(&files)).unwrap();
    let set = rules(&files);
    for (tenant, own, others) in
        [("bank-a", "a-more", "for-b"), ("bank-b", "for-b", "a-"), ("bank-c", "large", "-")]
    {
        let payment = &one(Some(tenant), 1_600, "2025-01-01T00:00:00Z")[0];
        let event = event(&set, 1, payment);
        let mut engine = Engine::new(set.clone(), Limits::default(), Recording::All);
        let Answer::Decided(decision) = engine.step(&event) else { panic!("no decision") };
        let decision = decision.clone();
        let told = explainer.explain(&engine.facts(&event), &decision, true);
        let ids: Vec<&str> = told.rules.iter().map(|rule| rule.id.as_str()).collect();
        assert!(ids.contains(&own), "{tenant}: {ids:?}");
        assert!(!ids.iter().any(|id| id.contains(others)), "{tenant}: {ids:?}");
        assert_eq!(told.out_of_force.is_empty(), tenant != "bank-a", "a file is named to its tenant alone");
    }
}

#[test]
fn keys_are_a_tenants_own_unless_the_whole_grants_them_to_all() {
    let file = |across: &str, policy: &str| {
        head("top", "")
            + &format!(
                "[features]\npayers = {{ distinct = \"account\", by = \"payee\", over = \"1d\"{across} }}\n"
            )
            + "own = { count = \"*\", by = \"payee\", over = \"1d\" }\n"
            + policy
            + "[[rule]]\nid = \"many\"\nwhen = \"payers > 3 or own > 30\"\nthen = \"alert\"\n"
    };
    let grant = "[policy]\nacross = \"payers\"\n";
    let refused = |text: &str| compile("t.toml", text).into_result().unwrap_err().to_string();
    assert!(refused(&file(", across = \"all\"", "")).contains("nobody grants it that"));
    assert!(refused(&file("", grant)).contains("is not across tenants"));
    let pack = file(", across = \"all\"", "").replace("name = \"top\"", "name = \"pack\"");
    let own = "[[rule]]\nid = \"x\"\nwhen = \"amount > 5\"\nthen = \"block\"\n";
    let whole = |more: &str| head("top", "extends = \"pack\"") + more + own;
    assert!(sources(&[("top", &whole("")), ("pack", &pack)]).compile().rule_set.is_none());
    assert!(sources(&[("top", &whole(grant)), ("pack", &pack)]).compile().rule_set.is_some());

    let (all, apart) = (file(", across = \"all\"", grant), file("", ""));
    let [all, apart] = [all, apart].map(|text| compile("t.toml", &text).into_result().unwrap());
    assert_ne!(all.hash, apart.hash);
    let mut engines = [all, apart].map(|rules| Engine::new(rules, Limits::default(), Recording::All));
    let mut seen: Vec<(Option<&str>, &str)> = Vec::new();
    for (number, (tenant, account)) in [
        (Some("bank-a"), "x"),
        (Some("bank-b"), "x"),
        (Some("bank-b"), "y"),
        (None, "x"),
        (Some("bank-a"), "x"),
        (Some("bank-c"), "z"),
    ]
    .into_iter()
    .enumerate()
    {
        if !seen.contains(&(tenant, account)) {
            seen.push((tenant, account));
        }
        let of_tenant = seen.iter().filter(|(held, _)| *held == tenant).count();
        for (engine, payers) in engines.iter_mut().zip([seen.len(), of_tenant]) {
            let mut draft = Draft::new(Arc::clone(&engine.rules().schema));
            draft.begin(Kind::Transaction, 1_000_000 + number as i64).unwrap();
            draft.amount(5, engine.rules().currency).unwrap();
            draft.text(TextField::Id, &format!("p{number}")).unwrap();
            draft.text(TextField::Account, account).unwrap();
            draft.text(TextField::Payee, "shop").unwrap();
            tenant.into_iter().for_each(|tenant| draft.text(TextField::Tenant, tenant).unwrap());
            let event = draft.seal().unwrap();
            let Answer::Decided(_) = engine.step(event) else { panic!("no decision") };
            assert_eq!(engine.readings()[1].value, weir::decision::Value::Whole(payers as i64), "{number}");
        }
    }
    let tables = engines[0].key_tables();
    assert_eq!(tables.len(), 2, "keys of all and keys of each are apart");
    let rows = |across: bool| -> Vec<_> {
        engines[0].key_rows(tables.iter().find(|table| table.across == across).unwrap()).collect()
    };
    assert_eq!((rows(true).len(), rows(false).len()), (1, 4));
    assert_eq!(rows(true)[0].tenant, None);
}

#[test]
fn every_thing_said_of_a_file_is_part_of_the_hash() {
    let top = head("top", "extends = \"a\"")
        + OWN.replace(" and sent > 1", "").as_str()
        + "[features]\nsent = { count = \"*\", by = \"account\", over = \"1h\" }\n[[rule]]\nid=\"x\"\nwhen=\"sent > 9\"\nthen=\"block\"\n";
    let file =
        |more: &str| head("a", more) + "[[rule]]\nid = \"r\"\nwhen = \"amount > 9\"\nthen = \"block\"\n";
    let hash = |more: &str| rules(&[("top", &top), ("a", &file(more))]).hash;
    let said = [
        "",
        "valid_from = 2026-01-01",
        "valid_until = 2026-01-01",
        "tenants = \"a\"",
        "tenants = [\"a\", \"b\"]",
    ];
    let hashes: std::collections::BTreeSet<[u8; 32]> = said.into_iter().map(hash).collect();
    assert_eq!(hashes.len(), said.len());
}

#[test]
fn an_extended_file_may_say_what_the_one_above_leaves_out() {
    let says = head("says", "feedback = \"none\"\nremember = \"9d\"")
        + "[policy]\nblock_at = 9\n[[rule]]\nid = \"night\"\nwhen = \"hour < 5\"\nscore = 10\n";
    let own = "[[rule]]\nid = \"own\"\nwhen = \"amount > 7\"\nthen = \"block\"\n";
    let silent = head("top", "extends = \"says.toml\"") + own;
    let taken = rules(&[("top.toml", &silent), ("says.toml", &says)]);
    assert_eq!((taken.feedback, taken.horizon_us), (Feedback::None, 9 * DAY_US));
    assert_eq!((taken.policy.step_up_at, taken.policy.block_at), (None, Some(9)));
    let first = head("top", "extends = \"says.toml\"\nfeedback = \"authentication\"\nremember = \"10d\"")
        + "[policy]\nstep_up_at = 5\n"
        + own;
    let held = rules(&[("top.toml", &first), ("says.toml", &says)]);
    assert_eq!((held.feedback, held.horizon_us), (Feedback::Authentication, 10 * DAY_US));
    assert_eq!((held.policy.step_up_at, held.policy.block_at), (Some(5), None));
}

#[test]
fn a_file_that_stands_on_others_forgets_nothing_sooner_than_they_need() {
    let own = "[[rule]]\nid = \"own\"\nwhen = \"amount > 7\"\nthen = \"block\"\n";
    let top = |more: &str| head("top", &format!("extends = [\"law\", \"too\"]\n{more}")) + own;
    let law =
        |head_says: &str, over: &str| law(head_says).replace("over = \"1h\"", &format!("over = {over}"));
    let too =
        |more: &str| head("too", more) + "[[rule]]\nid = \"t\"\nwhen = \"amount > 8\"\nthen = \"alert\"\n";
    let told = |top: &str, law: &str, too: &str| {
        let checked = sources(&[("top", top), ("law", law), ("too", too)]).compile();
        checked.into_result().map(|rules| rules.horizon_us / DAY_US).map_err(|refused| refused.to_string())
    };
    let refused = |told: Result<i64, String>, says: &str| {
        let refused = told.unwrap_err();
        assert!(refused.contains(says), "{refused}");
    };
    // Shorter than where nobody says anything, shorter than a window, and so said by a file that is extended.
    let (week, month) = (law("", "\"day\""), law("", "\"month\""));
    refused(told(&top("remember = \"1h\""), &week, &too("")), "extended count on 7d");
    refused(told(&top("remember = \"30d\""), &month, &too("")), "extended count on 745h");
    refused(told(&top(""), &month, &too("remember = \"1h\"")), "extended count on 745h");
    // Shorter than one of them says.
    let says = law("remember = \"40d\"", "\"day\"");
    refused(told(&top("remember = \"39d\""), &says, &too("")), "`remember` is shorter than a file needs");
    assert_eq!(told(&top("remember = \"7d\""), &week, &too("")), Ok(7));
    assert_eq!(told(&top("remember = \"50d\""), &says, &too("")), Ok(50));
    assert_eq!(told(&top(""), &says, &too("")), Ok(40));
}
