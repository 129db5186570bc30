//! `weir sweep` on the command line, and what `--write` leaves of a rule file.

use std::io::Write;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::history::{History, RULES};

/// What a pipe holds on Linux.
const PIPE_BYTES: usize = 65_536;

/// Odd layout, and a parameter that another file opens.
const OWN: &str = r#"# Our own rules.
[ruleset]
name    =   "own"   # the name
time_zone = "Asia/Ho_Chi_Minh"
currency = "VND"
extends = ["base.toml"]

[params]   # thresholds
big = {value=8_000_000,unit="VND"  ,  max = 50_000_000}# the large ones
  'often'   =   3  # a count
[params.late]
# a comment of its own
value = "22h"    # hours
[set]
ceiling = 5_000_000     # theirs is too low


[[rule]]
id = "big"
when = "amount > big and since > late"   # 8_000_000
score = 30
[[rule]]
id = "often"
when = "count_1h > often"
then = "step_up"
"#;

const BASE: &str = r#"[ruleset]
name = "base"
time_zone = "Asia/Ho_Chi_Minh"
currency = "VND"
[params]
ceiling = { value = 4_000_000, unit = "VND", open = true }	# tabs	here
share = 0.50 # two decimals
[features]
since    = { since = "last", by = "account", counts = "asked" }
count_1h = { count = "*", by = "account", over = "1h" }
spent_1h = { sum = "amount", by = "account", over = "1h" }
[policy]
step_up_at = 20
[[rule]]
id = "limit"
when = "amount > ceiling"
then = "alert"
[[rule]]
id = "share"
when = "amount > share * spent_1h and amount > ceiling"
then = "block"
"#;

/// What costs least by far is to stop fewer payments, so every value but the files' own is chosen.
const LOOSER: &str = "--rules own.toml --vary big=12_345_678 --vary often=7 --vary late=90h --vary ceiling=6_000_000 --vary share=0.75 --objective cost --cost-per-step-up 1_000_000_000 --cost-per-alert 1_000_000_000 --cost-per-block 1_000_000_000 --write";

fn line(line: &str) -> String {
    format!("sweep --data stream.toml --out swept --warm 1d --replicates 20 {line}")
}

fn options(history: &History, asked: &str) -> crate::commands::Done {
    history.folder().run(&line(asked))
}

#[test]
fn writing_changes_the_values_and_nothing_else() {
    let history = History::new(1_200, 21);
    let folder = history.folder();
    // Line ends as some editors write them stay, too.
    let base = BASE.replace('\n', "\r\n");
    folder.put("own.toml", OWN);
    folder.put("base.toml", &base);
    let done = options(&history, LOOSER);
    assert_eq!(done.code, Some(0), "{}", done.err);
    let report: Value = serde_json::from_slice(&folder.read("swept/sweep.json")).unwrap();
    assert_eq!(report["chosen"]["combination"], 1, "{}", done.out);
    let text = |name: &str| String::from_utf8(folder.read(name)).unwrap();
    let own = OWN
        .replace("{value=8_000_000,", "{value=12_345_678,")
        .replace("'often'   =   3  #", "'often'   =   7  #")
        .replace("value = \"22h\"", "value = \"90h\"")
        .replace("ceiling = 5_000_000 ", "ceiling = 6_000_000 ");
    assert_eq!(text("own.toml"), own);
    assert_eq!(text("base.toml"), base.replace("share = 0.50 #", "share = 0.75 #"));
    assert!(done.err.contains("own.toml has the chosen values now"), "{}", done.err);
    assert!(done.err.contains("base.toml has the chosen values now"), "{}", done.err);
    // What was written is what is there now: nothing is left to change.
    let again = options(
        &history,
        "--rules own.toml --vary big=12_345_678 --objective budget --budget 100000 --write",
    );
    assert_eq!(again.code, Some(0), "{}", again.err);
    assert!(again.err.contains("has the chosen values already"), "{}", again.err);
    assert_eq!(text("own.toml"), own);
}

#[test]
fn the_command_tells_what_the_file_has() {
    let history = History::new(1_500, 23);
    history.folder().put("rules.toml", RULES);
    let done = options(
        &history,
        "--rules rules.toml --vary big=1_000_000..15_000_000/6 --vary near=1_000_000,3_000_000 --objective budget --budget 30 --fraud-pass takover=0.5 --fraud-pass mule=0.9",
    );
    assert_eq!(done.code, Some(0), "{}", done.err);
    let told = "no fraud of the kind `takover` was measured, so its --fraud-pass changed nothing; kinds are: card_testing, mule, takeover";
    assert!(done.err.contains(told) && !done.err.contains("`mule`"), "{}", done.err);
    let report: Value = serde_json::from_slice(&history.folder().read("swept/sweep.json")).unwrap();
    assert_eq!(report["combinations"].as_array().unwrap().len(), 13);
    assert_eq!(report["asked"]["budget"], 30.0);
    assert_eq!(report["state"], "event_fed");
    for said in ["13 combinations", "near is inside near_24h", "as it is", "held out", "chosen: big = "] {
        assert!(done.out.contains(said), "{said} is not in\n{}", done.out);
    }
    // As it is, it is what a backtest says of it.
    let warm = report["measured"]["warm_us"].as_i64().unwrap() / 86_400_000_000;
    let line = format!(
        "backtest --rules rules.toml --data stream.toml --out tried --warm {warm}d --fraud-pass mule=0.9 --replicates 0 --no-decisions"
    );
    let tried = history.folder().run(&line);
    assert_eq!(tried.code, Some(0), "{}", tried.err);
    let tried: Value = serde_json::from_slice(&history.folder().read("tried/report.json")).unwrap();
    let overall = &tried["rules"]["result"]["overall"];
    let own = &report["combinations"][0];
    for figure in ["flagged", "unknown", "frauds", "genuine", "value_caught_minor", "value_lost_minor"] {
        let [tuning, held_out] = ["tuning", "held_out"].map(|side| own[side][figure].as_f64().unwrap());
        let whole = overall[figure].as_f64().unwrap();
        assert!(
            (tuning + held_out - whole).abs() <= 1e-9 * whole.max(1.0),
            "{figure}: {tuning} and {held_out}, {whole}"
        );
    }
}

#[test]
fn a_command_that_can_not_be_is_refused_before_anything_is_read() {
    let history = History::new(200, 25);
    history.folder().put("rules.toml", RULES);
    for (line, code, said) in [
        ("--rules rules.toml --vary big=1_000_000 --write", 3, "give --objective cost"),
        ("--rules rules.toml --vary big=1_000_000 --objective budget", 2, "--budget"),
        ("--rules rules.toml --vary big", 2, "NAME=LOW..HIGH/STEPS"),
        ("--rules rules.toml --vary bgi=1", 3, "did you mean `big`?"),
        (
            "--rules rules.toml --vary big=1_000_000 --cost-per-alert 1.5",
            3,
            "--cost-per-alert is no amount in VND",
        ),
        ("--rules rules.toml", 2, "--vary"),
    ] {
        let done = options(&history, line);
        assert_eq!(done.code, Some(code), "{line}: {}", done.err);
        assert!(done.err.contains(said), "{line}: {}", done.err);
    }
}

#[test]
fn a_backtest_takes_the_sweep_of_its_own_rules_and_data() {
    let history = History::new(1_200, 29);
    let folder = history.folder();
    folder.put("rules.toml", RULES);
    let done = options(&history, "--rules rules.toml --vary big=1_000_000..15_000_000/6 --objective cost");
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert!(done.err.contains("swept/sweep.html has the report"), "{}", done.err);
    let text = |name: &str| String::from_utf8(folder.read(name)).unwrap();
    let page = text("swept/sweep.html");
    assert!(page.contains("Before and after") && page.ends_with("</html>"));
    folder.put("new.toml", RULES.replace("value = 8_000_000", "value = 7_000_000"));
    folder.put("other.toml", RULES.replace("value = 8_000_000", "value = 6_000_000"));
    let tried = |line: &str| {
        folder.run(&format!("backtest {line} --out tried --warm 2d --replicates 20 --no-decisions"))
    };
    let swept: Value = serde_json::from_str(&text("swept/sweep.json")).unwrap();
    // Of either rule set: that which is tried, or that which it is held against.
    for rules in ["--rules rules.toml", "--rules new.toml --against rules.toml"] {
        let done = tried(&format!("{rules} --data stream.toml --sweep swept/sweep.json"));
        assert_eq!(done.code, Some(0), "{}", done.err);
        let report: Value = serde_json::from_str(&text("tried/report.json")).unwrap();
        assert_eq!(report["sweep"], swept);
        let page = text("tried/report.html");
        assert!(page.contains("Sweep: before and after") && page.contains("data-at=\"sweep\""));
    }
    let (hash, sha256) = (swept["hash"].as_str().unwrap(), swept["data"]["sha256"].as_str().unwrap());
    folder.put("less.ndjson", text("stream.ndjson").lines().next().unwrap());
    folder.put("less.toml", text("stream.toml").replace("stream.ndjson", "less.ndjson"));
    folder.put("none.json", "{}");
    let (mine, rules) =
        ("--data stream.toml --sweep swept/sweep.json", "--rules rules.toml --data stream.toml");
    for (line, said) in [
        (
            format!("--rules other.toml --against new.toml {mine}"),
            format!(
                "the sweep is of rules.toml as it was then ({hash}), and this backtest tries other.toml ("
            ),
        ),
        (
            "--rules rules.toml --data less.toml --sweep swept/sweep.json".to_owned(),
            format!("the sweep is of the data set stream ({sha256})"),
        ),
        (format!("{rules} --sweep none.json"), "none.json is no sweep.json of this program".to_owned()),
        (format!("{rules} --sweep swept/nothing.json"), "can't read swept/nothing.json".to_owned()),
    ] {
        let done = tried(&line);
        assert_eq!(done.code, Some(3), "{line}: {}", done.err);
        assert!(done.err.contains(&said), "{line}: {}", done.err);
    }
}

#[test]
fn a_file_that_was_edited_meanwhile_is_not_written() {
    let history = History::new(1_200, 21);
    let folder = history.folder();
    folder.put("own.toml", OWN);
    folder.put("base.toml", BASE);
    // A full pipe takes nothing of the summary, which comes before the file is written, until it is read.
    let (mut out, mut full) = std::io::pipe().unwrap();
    full.write_all(&[b' '; PIPE_BYTES]).unwrap();
    let mut command = folder.command(&line(LOOSER));
    let child = command.stdout(full).stderr(Stdio::piped()).spawn().unwrap();
    drop(command);
    let begun = Instant::now();
    while !folder.path("swept/sweep.html").exists() {
        assert!(begun.elapsed() < Duration::from_secs(60), "no report is written");
        std::thread::sleep(Duration::from_millis(5));
    }
    let edited = format!("# edited\n{BASE}");
    folder.put("base.toml", &edited);
    std::io::copy(&mut out, &mut std::io::sink()).unwrap();
    let done = child.wait_with_output().unwrap();
    let err = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(3), "{err}");
    assert!(err.contains("base.toml was edited since it was read, so nothing was written"), "{err}");
    assert_eq!(folder.read("own.toml"), OWN.as_bytes());
    assert_eq!(folder.read("base.toml"), edited.as_bytes());
}
