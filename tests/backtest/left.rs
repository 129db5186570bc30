//! What a backtest leaves behind, and in which money: it replaces nothing that it reads, and nothing where it fails.

use serde_json::Value;

use super::commands::Folder;
use super::decisions::Decisions;

const RULES: &str = r#"
[ruleset]
name = "plain"
time_zone = "UTC"
currency = "VND"
[rates]
[features]
score         = { count = "*", by = "account", over = "1h" }
feature_score = { sum = "amount", by = "account", over = "1h" }
[[rule]]
id = "large"
when = "amount > 2_000_000 and score > 0 and feature_score > 0"
then = "block"
"#;

const MANIFEST: &str = r#"
[dataset]
name = "paid"
time_zone = "UTC"
currency = "USD"
[tables.payments]
files = ["payments.csv"]
columns = { id = "varchar", sum = "decimal(12,2)" }
[[events]]
select = "select id, at_s * 1000000 as time_us, sum as amount, 25000 as rate, who as account, label from payments"
"#;

fn folder() -> Folder {
    let folder = Folder::new();
    folder.put("rules.toml", RULES);
    folder.put("paid.toml", MANIFEST);
    folder.put(
        "payments.csv",
        "id,at_s,sum,who,label\n1,100,10.00,a,genuine\n2,200,100.00,a,fraud\n3,300,4.00,b,genuine\n",
    );
    folder
}

fn run(folder: &Folder, more: &str) -> (Option<i32>, String) {
    let done = folder.run(&format!("backtest --rules rules.toml --replicates 0 {more}"));
    (done.code, done.err)
}

#[test]
fn money_is_in_the_rule_sets_currency() {
    let folder = folder();
    assert_eq!(run(&folder, "--data paid.toml --out tried --warm 0s").0, Some(0));
    let report: Value = serde_json::from_slice(&folder.read("tried/report.json")).unwrap();
    assert_eq!((&report["data"]["currency"], &report["data"]["decimals"]), (&"VND".into(), &0.into()));
    assert_eq!(report["rules"]["result"]["overall"]["value_caught_minor"], 2_500_000.0);
    folder.put("dollars.toml", RULES.replace("VND", "USD"));
    let (code, said) = run(&folder, "--against dollars.toml --data paid.toml --out other --warm 0s");
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("rules.toml is in VND and dollars.toml in USD"), "{said}");
}

#[test]
fn columns_have_names_of_their_own() {
    let folder = folder();
    assert_eq!(run(&folder, "--data paid.toml --out tried --warm 0s").0, Some(0));
    let decisions = Decisions::read(&folder.path("tried/decisions.parquet"));
    let row = decisions.row("2");
    assert_eq!(
        (&row["score"], &row["feature_feature_score"], &row["feature_score"]),
        (&0.into(), &2.into(), &2_750_000.into())
    );
}

#[test]
fn what_is_read_is_not_replaced_and_what_fails_replaces_nothing() {
    let folder = folder();
    assert_eq!(run(&folder, "--data paid.toml --out tried --warm 0s").0, Some(0));
    let files = ["tried/decisions.parquet", "tried/report.json", "tried/report.html"];
    let left = files.map(|file| folder.read(file));
    folder.put(
        "again.toml",
        "[dataset]\nname = \"again\"\ntime_zone = \"UTC\"\ncurrency = \"VND\"\n[tables.d]\nfiles = [\"tried/decisions.parquet\"]\n[[events]]\nselect = \"select id, time, amount_minor, account, label from d\"\n",
    );
    let (code, said) = run(&folder, "--data again.toml --out tried --warm 0s");
    assert!(code == Some(3) && said.contains("is read by the backtest, which would replace it"), "{said}");
    let (code, said) = run(&folder, "--data paid.toml --out tried --warm 30d");
    assert!(code == Some(3) && said.contains("nothing is measured"), "{said}");
    assert_eq!(files.map(|file| folder.read(file)), left);
    assert_eq!(run(&folder, "--data again.toml --out other --warm 0s").0, Some(0));
    assert_eq!(run(&folder, "--data paid.toml --out tried --warm 0s --no-decisions").0, Some(0));
    assert!(
        !folder.path("tried/decisions.parquet").exists(),
        "those of another run would be taken for this one's"
    );
}
