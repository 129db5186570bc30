//! What would have happened: streams whose answer is known by construction, observed and simulated.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    reason = "a test fails loudly and documents nothing"
)]

#[path = "support/commands.rs"]
mod commands;
#[path = "support/decisions.rs"]
mod decisions;

use std::fmt::Write;

use commands::{Done, Folder};
use decisions::Decisions;
use serde_json::Value;

/// Above 1,000 is stepped up, above 10,000 blocked; `before` is what an account was let through within the hour.
const RULES: &str = r#"
[ruleset]
name = "chain"
time_zone = "UTC"
currency = "EUR"
feedback = "execution"
[features]
before   = { sum = "amount", by = "account", over = "1h", counts = "allowed", current = false }
executed = { sum = "amount", by = "account", over = "1h", counts = "executed", current = false }
frauds   = { count = "*", by = "account", over = "1h", label = "fraud" }
[[rule]]
id = "large"
when = "amount > 1000"
then = "step_up"
[[rule]]
id = "very_large"
when = "amount > 10000"
then = "block"
[[rule]]
id = "follows"
when = "before > 0 or frauds > 10"
then = "alert"
on_unknown = "silent"
"#;

const MANIFEST: &str = r#"
[dataset]
name = "chain"
about = "payments whose answer is known"
time_zone = "UTC"
currency = "EUR"
[tables.payments]
files = ["payments.csv"]
columns = { id = "varchar", account = "varchar", amount = "decimal(12,2)", kind = "varchar", about = "varchar", result = "varchar", label = "varchar", label_kind = "varchar", answered = "varchar", label_at_s = "bigint" }
[[events]]
select = """select kind, id, at_s * 1000000 as time_us, account, case when kind = 'transaction' then amount end as amount,
  about as transaction, result, label, label_kind, answered,
  label_at_s * 1000000 as label_time_us from payments"""
"#;

/// Rows of the stream.
struct Stream(String, i64);

impl Stream {
    fn new() -> Self {
        Self(
            "kind,id,at_s,account,amount,about,result,label,label_kind,answered,label_at_s\n".to_owned(),
            1_700_000_000,
        )
    }

    /// A payment of an account, in euros, and what history says of it; a second after the one before.
    fn pays(
        &mut self,
        id: &str,
        account: &str,
        amount: &str,
        label: &str,
        kind: &str,
        answered: &str,
    ) -> &mut Self {
        self.1 += 1;
        writeln!(self.0, "transaction,{id},{},{account},{amount},,,{label},{kind},{answered},", self.1)
            .unwrap();
        self
    }

    /// Its execution.
    fn executes(&mut self, id: &str) -> &mut Self {
        self.1 += 1;
        writeln!(self.0, "execution,x-{id},{},,,{id},succeeded,,,,", self.1).unwrap();
        self
    }

    /// What is said of the payment before, in its row, is known a second after it.
    fn known_soon(&mut self) -> &mut Self {
        self.0.truncate(self.0.trim_end().len());
        writeln!(self.0, "{}", self.1 + 1).unwrap();
        self.1 += 1;
        self
    }

    /// What an event says of a payment.
    fn says(&mut self, id: &str, label: &str) -> &mut Self {
        self.1 += 1;
        writeln!(self.0, "label,l-{id},{},,,{id},,{label},,,", self.1).unwrap();
        self
    }

    /// Runs a backtest of it, in a folder of its own.
    fn run(&self, more: &str) -> (Folder, Done) {
        let folder = Folder::new();
        folder.put("rules.toml", RULES);
        folder.put("chain.toml", MANIFEST);
        folder.put("payments.csv", &self.0);
        let line = format!(
            "backtest --rules rules.toml --data chain.toml --out out --warm 0s --replicates 0 --features {more}"
        );
        let done = folder.run(&line);
        (folder, done)
    }

    /// The decisions, and what the report says of what was left out.
    fn tried(&self, more: &str) -> (Decisions, Value) {
        let (folder, done) = self.run(more);
        assert_eq!(done.code, Some(0), "{}", done.err);
        let report: Value = serde_json::from_slice(&folder.read("out/report.json")).unwrap();
        assert_eq!(report["data"]["bad_rows"], Value::Array(Vec::new()));
        (Decisions::read(&folder.path("out/decisions.parquet")), report)
    }
}

/// A very large fraud, executed in history, and a small payment after it.
fn blocked_then_small() -> Stream {
    let mut stream = Stream::new();
    stream.pays("big", "a", "20000.00", "fraud", "takeover", "allow").executes("big");
    stream.pays("small", "a", "5.00", "genuine", "", "allow");
    stream
}

#[test]
fn observed_the_state_is_as_it_happened() {
    let (decisions, report) = blocked_then_small().tried("--what-if observed");
    assert_eq!(decisions.row("big")["outcome"], "block", "what is measured is what the rules ask for");
    assert_eq!(decisions.row("small")["before"], 2_000_000);
    assert_eq!(decisions.row("small")["executed"], 2_000_000);
    assert_eq!(decisions.row("small")["alert"], true);
    assert_eq!(report["what_if"]["prevented"], 0);
}

#[test]
fn simulated_what_is_blocked_does_not_happen() {
    let (decisions, report) = blocked_then_small().tried("--what-if simulated");
    assert_eq!(decisions.row("big")["outcome"], "block");
    assert_eq!(decisions.row("small")["before"], 0);
    assert_eq!(decisions.row("small")["executed"], 0);
    assert_eq!(decisions.row("small")["alert"], false);
    assert_eq!(report["what_if"]["prevented"], 1);
    assert_eq!(report["what_if"]["left_out"], 1, "its execution");
}

#[test]
fn simulated_nobody_says_anything_of_what_did_not_happen() {
    let mut stream = Stream::new();
    stream.pays("big", "a", "20000.00", "fraud", "takeover", "allow").known_soon();
    stream.pays("small", "a", "5.00", "genuine", "", "allow");
    let (observed, _) = stream.tried("--what-if observed");
    assert_eq!(observed.row("small")["frauds"], 1);
    let (simulated, report) = stream.tried("--what-if simulated");
    assert_eq!(simulated.row("small")["frauds"], 0);
    assert_eq!(report["what_if"]["left_out"], 1, "its label");
}

#[test]
fn the_newest_label_stands_whether_a_row_or_an_event_says_it() {
    let mut stream = Stream::new();
    stream.pays("one", "a", "5.00", "fraud", "takeover", "allow").known_soon().says("one", "genuine");
    stream.pays("two", "b", "5.00", "genuine", "", "allow").says("two", "fraud");
    let (decisions, report) = stream.tried("--what-if observed");
    assert_eq!(decisions.row("one")["label"], "genuine");
    assert_eq!(decisions.row("two")["label"], "fraud", "a row that says no time is older than any event");
    let measured = &report["measured"];
    assert_eq!((&measured["frauds"], &measured["genuine"]), (&1.into(), &1.into()));
}

#[test]
fn simulated_a_payment_that_history_stopped_is_executed_where_the_rules_let_it() {
    let mut stream = Stream::new();
    stream
        .pays("was_blocked", "a", "500.00", "", "", "block")
        .pays("small", "a", "5.00", "genuine", "", "allow");
    let (observed, _) = stream.tried("--what-if observed");
    assert_eq!(
        (&observed.row("small")["before"], &observed.row("small")["executed"]),
        (&0.into(), &0.into())
    );
    let (simulated, _) = stream.tried("--what-if simulated");
    assert_eq!(simulated.row("small")["before"], 50_000);
    assert_eq!(simulated.row("small")["executed"], 50_000);
}

/// Stepped-up payments of accounts of their own, each with a small one after it.
fn stepped_up(count: usize, label: &str, kind: &str) -> Stream {
    let mut stream = Stream::new();
    for at in 0..count {
        stream.pays(&format!("large-{at}"), &format!("a{at}"), "2000.00", label, kind, "allow");
        stream.pays(&format!("small-{at}"), &format!("a{at}"), "5.00", "genuine", "", "allow");
    }
    stream
}

/// How many of the stepped-up payments passed, seen by the payment after each.
fn passed(decisions: &Decisions, count: usize) -> Vec<usize> {
    let passed = |at: &usize| decisions.row(&format!("small-{at}"))["before"] == 200_000;
    (0..count).filter(passed).collect()
}

#[test]
fn simulated_step_ups_pass_by_the_rate_of_their_label_and_kind() {
    let rates = "--what-if simulated --genuine-pass 1 --fraud-pass 1e-18 --fraud-pass scam=1";
    for (label, kind, all) in
        [("genuine", "", true), ("", "", true), ("fraud", "takeover", false), ("fraud", "scam", true)]
    {
        let (decisions, report) = stepped_up(5, label, kind).tried(rates);
        let expected = if all { 5 } else { 0 };
        assert_eq!(passed(&decisions, 5).len(), expected, "{label} {kind}");
        assert_eq!(report["what_if"]["prevented"], 5 - expected, "{label} {kind}");
    }
}

#[test]
fn simulated_chances_are_those_asked_for_and_depend_on_the_seed_and_the_payment_alone() {
    const COUNT: usize = 2_000;
    let stream = stepped_up(COUNT, "genuine", "");
    let run = |seed: u64| {
        let (decisions, _) = stream.tried(&format!("--what-if simulated --genuine-pass 0.7 --seed {seed}"));
        passed(&decisions, COUNT)
    };
    let (one, again, other) = (run(1), run(1), run(2));
    assert_eq!(one, again);
    assert_ne!(one, other);
    // Five deviations of a binomial.
    let far = 5.0 * (COUNT as f64 * 0.7 * 0.3).sqrt();
    for passed in [one.len(), other.len()] {
        assert!((passed as f64 - 0.7 * COUNT as f64).abs() < far, "{passed} of {COUNT} passed");
    }
}

#[test]
fn shares_that_can_not_be_meant_are_refused() {
    let stream = stepped_up(2, "fraud", "takeover");
    for (rates, said) in [
        ("--fraud-pass 0", "above 0"),
        ("--fraud-pass scam=0", "above 0"),
        ("--fraud-pass =0.5", "which kind"),
        ("--fraud-pass 0.1 --fraud-pass 0.2", "given twice"),
        ("--fraud-pass scam=0.1 --fraud-pass scam=0.2", "of `scam` is given twice"),
        ("--k 0", "1.."),
    ] {
        let (_, done) = stream.run(rates);
        assert_ne!(done.code, Some(0), "{rates}");
        assert!(done.err.contains(said), "{rates}: {}", done.err);
    }
    let (_, done) = stream.run("--fraud-pass scan=0.9");
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert!(
        done.err.contains("no fraud of the kind `scan` was measured")
            && done.err.contains("kinds are: takeover")
    );
}

#[test]
fn a_stepped_up_fraud_is_never_caught_in_full() {
    for mode in ["observed", "simulated"] {
        let rates = format!("--what-if {mode} --fraud-pass 0.25 --fraud-pass scam=0.9");
        let mut stream = stepped_up(1, "fraud", "takeover");
        stream.pays("scam", "b", "3000.00", "fraud", "scam", "allow");
        stream.pays("blocked", "c", "20000.00", "fraud", "takeover", "allow");
        let (_, report) = stream.tried(&rates);
        let overall = &report["rules"]["result"]["overall"];
        assert_eq!(overall["value_flagged_minor"], 2_500_000.0);
        let caught = 200_000.0 * 0.75 + 300_000.0 * (1.0 - 0.9) + 2_000_000.0;
        assert!((overall["value_caught_minor"].as_f64().unwrap() - caught).abs() < 1e-6, "{mode}: {overall}");
    }
}
