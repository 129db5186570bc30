//! What the law demands, what risk adds, and which rules are needed, where the engine itself leads the dialogue with customers.

use serde_json::Value;

use super::commands::Folder;

const RULES: &str = r#"
[ruleset]
name = "reasons"
time_zone = "UTC"
currency = "EUR"
[auth]
pin  = { all = [["pin"]] }
fido = { all = [["fido"]] }
[step_up]
expires = "5m"
[policy]
step_up_at = 50
auth = "fido"
[[rule]]
id = "law"
tier = "mandatory"
when = "amount >= 100"
then = "step_up"
auth = "pin"
legal = "a law"
[[rule]]
id = "strong"
when = "amount >= 200"
then = "step_up"
auth = "fido"
[[rule]]
id = "blocker"
when = "amount >= 300"
then = "block"
[[rule]]
id = "half"
when = "amount between 10 and 20"
score = 30
[[rule]]
id = "other_half"
when = "amount = 20"
score = 30
[[rule]]
id = "shade"
when = "amount = 10"
score = 25
mode = "shadow"
[[rule]]
id = "looks"
when = "amount = 15"
then = "alert"
"#;

const MANIFEST: &str = r#"
[dataset]
name = "paid"
time_zone = "UTC"
currency = "EUR"
[tables.payments]
files = ["payments.csv"]
columns = { id = "varchar", methods = "varchar" }
[[events]]
select = "select id, at_s * 1000000 as time_us, sum as amount, id as account, methods, 'fraud' as label from payments"
"#;

/// Payments with what they present: each is of an account of its own.
const PAYMENTS: &str = "id,at_s,sum,methods
lawful,1,100,
lawful_met,2,100,pin
both,3,200,
both_pin,4,200,pin
both_met,5,200,\"pin,fido\"
blocked,6,300,
blocked_pin,7,300,pin
halves,8,20,
one_half,9,10,
looked,10,15,
";

#[test]
fn the_law_is_told_from_risk_and_each_rule_by_what_needs_it() {
    let folder = Folder::new();
    folder.put("rules.toml", RULES);
    folder.put("paid.toml", MANIFEST);
    folder.put("payments.csv", PAYMENTS);
    let done = folder.run(
        "backtest --rules rules.toml --data paid.toml --out tried --warm 0s --replicates 0 --fraud-pass 0.25",
    );
    assert_eq!(done.code, Some(0), "{}", done.err);
    let report: Value = serde_json::from_slice(&folder.read("tried/report.json")).unwrap();
    let result = &report["rules"]["result"];
    let reasons: Vec<(&str, u64, f64)> = result["reasons"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            let of = |key: &str| &row[key];
            (
                of("name").as_str().unwrap(),
                of("flagged").as_u64().unwrap(),
                of("value_caught_minor").as_f64().unwrap(),
            )
        })
        .collect();
    // A pin meets the law: what is asked for beyond it is risk's alone. Of a fraud that is stepped up three quarters are held back.
    let expected = [
        ("law_step_up", 3, 0.75 * (10_000.0 + 20_000.0 + 30_000.0)),
        ("law_block", 0, 0.0),
        ("risk_step_up", 2, 0.75 * (20_000.0 + 2_000.0)),
        ("risk_block", 2, 0.25 * 30_000.0 + 30_000.0),
    ];
    assert_eq!(reasons, expected);
    let alone: Vec<(&str, f64)> = result["rules"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| (rule["id"].as_str().unwrap(), rule["frauds_alone"].as_f64().unwrap()))
        .collect();
    // Without `strong` the payment with a pin goes through; the blocked ones are stepped up by it still. Each half needs the other.
    let expected = [
        ("law", 1.0),
        ("strong", 1.0),
        ("blocker", 0.0),
        ("half", 1.0),
        ("other_half", 1.0),
        ("shade", 1.0),
        ("looks", 1.0),
    ];
    assert_eq!(alone, expected);
}
