//! `weir suggest` on the command line, and what can be done with the files that it writes.

use serde_json::Value;
use weir::backtest::suggest::result::{SuggestReport, Suggested};

use crate::commands::Done;
use crate::decisions::Decisions;
use crate::history::{History, RULES, games, rush, stream};

const ASKED: &str = "--out out --warm 1d --split 0.6 --replicates 100 --seed 5 --genuine-pass 0.9 --fraud-pass 0.25 --cost-per-step-up 1_000 --cost-per-alert 2_000 --cost-per-block 30_000";

fn run(history: &History, line: &str) -> Done {
    let done = history.folder.run(line);
    assert_eq!(done.code, Some(0), "{line}\n{}{}", done.err, done.out);
    done
}

fn file(history: &History) -> String {
    String::from_utf8(history.folder.read("out/suggested.rules.toml")).unwrap()
}

/// What was suggested on the command line for these rules, and what a backtest of the file that was written decides. Of a part, with
/// the rules before it.
pub fn suggested(history: &History, rules: &str) -> (Suggested, Decisions) {
    history.folder.put("rules.toml", rules);
    run(history, &format!("suggest --rules rules.toml --data stream.toml {ASKED}"));
    let report: SuggestReport = serde_json::from_slice(&history.folder.read("out/suggest.json")).unwrap();
    if report.suggested.extends.is_none() {
        history.folder.put("out/suggested.rules.toml", format!("{rules}\n{}", file(history)));
    }
    run(history, "check out/suggested.rules.toml");
    run(
        history,
        "backtest --rules out/suggested.rules.toml --data stream.toml --out tried --warm 1d --replicates 0",
    );
    (report.suggested, Decisions::read(&history.folder.path("tried/decisions.parquet")))
}

fn overall(history: &History, rules: &str) -> [f64; 5] {
    run(
        history,
        &format!(
            "backtest --rules {rules} --data stream.toml --out alone --warm 1d --replicates 0 --genuine-pass 0.9 --fraud-pass 0.25"
        ),
    );
    let report: Value = serde_json::from_slice(&history.folder.read("alone/report.json")).unwrap();
    let of = |row: &str| {
        let outcomes = report["rules"]["result"]["outcomes"].as_array().unwrap();
        outcomes.iter().find(|outcome| outcome["name"] == row).unwrap().clone()
    };
    let (steps, blocks) = (of("step_up"), of("block"));
    ["flagged", "frauds", "genuine", "value_caught_minor", "value_lost_minor"].map(|figure| {
        let number = |row: &Value| {
            let figure = &row[figure];
            figure.as_f64().unwrap_or_else(|| figure["value"].as_f64().unwrap_or_default())
        };
        number(&steps) + number(&blocks)
    })
}

/// What a suggestion adds to what is stopped once it is live.
pub fn added_by(history: &History, id: &str) -> [f64; 5] {
    let text = file(history);
    let (before, rule) = text.split_once(&format!("id         = \"{id}\"")).unwrap();
    let live = rule.replacen("mode       = \"shadow\"", "mode       = \"live\"", 1);
    history.folder.put("out/live.toml", format!("{before}id         = \"{id}\"{live}"));
    let (with, without) = (overall(history, "out/live.toml"), overall(history, "rules.toml"));
    let mut pairs = with.iter().zip(without);
    std::array::from_fn(|_| pairs.next().map(|(with, without)| with - without).unwrap())
}

fn both() -> History {
    History::new(&stream(5_000, 11, |payment| Some(rush(payment) || games(payment))))
}

#[test]
fn the_file_changes_no_decision_and_can_be_tuned() {
    let history = both();
    let (suggested, with) = suggested(&history, RULES);
    assert_eq!(suggested.proposals.len(), 2);
    let text = file(&history);
    assert_eq!(text.matches("mode       = \"shadow\"").count(), 2);
    assert_eq!(text.matches("[[rule]]").count(), 2);
    assert!(text.contains("extends   = [\"../rules.toml\"]"), "{text}");
    assert!(
        text.contains("# Held out: 100 % of the missed frauds") || text.contains("precision 100 %"),
        "{text}"
    );
    run(&history, "backtest --rules rules.toml --data stream.toml --out asis --warm 1d --replicates 0");
    let without = Decisions::read(&history.folder.path("asis/decisions.parquet"));
    assert_eq!(with.len(), without.len());
    for row in without.rows() {
        let other = with.row(row["id"].as_str().unwrap());
        for field in ["outcome", "alert", "score", "rules", "label", "measured"] {
            assert_eq!(row[field], other[field], "{field}");
        }
    }
    // Once a rule is live, its parameters are varied as any others.
    history.folder.put("out/live.toml", text.replace("mode       = \"shadow\"", "mode       = \"live\""));
    run(
        &history,
        "sweep --rules out/live.toml --data stream.toml --out swept --warm 1d --replicates 0 --vary suggested_1_amount_least=1_000_000,5_000_000,9_000_000",
    );
    let swept: Value = serde_json::from_slice(&history.folder.read("swept/sweep.json")).unwrap();
    let flagged: Vec<u64> = swept["combinations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|combination| combination["tuning"]["flagged"].as_u64().unwrap())
        .collect();
    assert_eq!(flagged.len(), 3);
    assert!(flagged.iter().any(|count| *count != flagged[0]), "{flagged:?}");
}

#[test]
fn what_was_accepted_before_keeps_its_names() {
    let history = both();
    let asked = "--data stream.toml --warm 1d --replicates 0 --rules-max 1";
    run(&history, &format!("suggest --rules rules.toml --out out {asked}"));
    let live = file(&history).replace("mode       = \"shadow\"", "mode       = \"live\"");
    history.folder.put("out/accepted.toml", live);
    run(&history, &format!("suggest --rules out/accepted.toml --out more {asked}"));
    let more = String::from_utf8(history.folder.read("more/suggested.rules.toml")).unwrap();
    assert!(more.contains("id         = \"suggested2_1\""), "{more}");
    assert!(more.contains("extends   = [\"../out/accepted.toml\"]"), "{more}");
    run(&history, "check more/suggested.rules.toml");
}

#[test]
fn where_nothing_is_missed_nothing_is_suggested() {
    let history = History::new(&stream(1_000, 12, |payment| Some(payment.amount > 15_000_000)));
    let done = run(&history, "suggest --rules rules.toml --data stream.toml --out out --warm 1d");
    assert!(done.out.contains("nothing is missed"), "{}", done.out);
    run(&history, "check out/suggested.rules.toml");
    let report: Value = serde_json::from_slice(&history.folder.read("out/suggest.json")).unwrap();
    assert_eq!(report["proposals"].as_array().unwrap().len(), 0);
    assert_eq!((report["hash"].as_str().unwrap().len(), report["suggested_hash"].is_null()), (64, true));
}

#[test]
fn what_is_found_is_told_on_both_sides() {
    let history = both();
    let done = run(&history, "suggest --rules rules.toml --data stream.toml --out out --warm 1d");
    for told in [
        "what tried lets through of stream",
        "held out",
        "searched",
        "suggested_1",
        "suggested_2",
        "5,000,000 VND",
    ] {
        assert!(done.out.contains(told), "`{told}` is not in:\n{}", done.out);
    }
}

#[test]
fn what_can_t_be_done_is_said() {
    let nobody_knows = History::new(&stream(500, 13, |_| None));
    let refused = |history: &History, line: &str, code: i32, said: &str| {
        let done = history.folder.run(line);
        assert_eq!(done.code, Some(code), "{line}: {}", done.err);
        assert!(done.err.contains(said), "{line}: {}", done.err);
    };
    let line = "suggest --rules rules.toml --data stream.toml --out out --warm 1d";
    refused(&nobody_knows, line, 3, "no measured payment has a label");
    let frauds_alone = History::new(&stream(500, 14, |payment| (payment.amount > 5_000_000).then_some(true)));
    refused(&frauds_alone, line, 3, "known to be genuine");
    refused(
        &frauds_alone,
        "suggest --rules rules.toml --data stream.toml --out out",
        3,
        "nothing is measured",
    );
    refused(&frauds_alone, &format!("{line} --conditions 4"), 2, "4 is not in 1..=3");
    refused(&frauds_alone, &format!("{line} --precision-min 2"), 2, "share from 0 to 1");
    refused(&frauds_alone, "suggest --rules rules.toml --data none.toml --out out", 3, "none.toml");
}
