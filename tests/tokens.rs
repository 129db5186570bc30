//! Tokens in place of identifiers, as a user runs it: nothing of an account, a payee, a customer, a device or a phone is in
//! any file of a journal, in what goes out or in what is said, and decisions are what they are without.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    reason = "a test fails loudly, and documents nothing"
)]

#[path = "support/commands.rs"]
mod commands;

use std::collections::HashSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use commands::{Done, Folder};
use parquet::file::reader::{FileReader, SerializedFileReader};
use serde_json::Value;
use weir::io::{RealDisk, load_rules, read_token_key};
use weir::journal::{Reader, Record};
use weir::rules::RuleSet;
use weir::tokens::Tokens;

/// What every identifier of the stream holds, and nothing else: no token can, since `~` is not a digit of theirs.
const MARK: &str = "Z~Q~X";

const RULES: &str = r#"
[ruleset]
name = "lists"
time_zone = "Asia/Ho_Chi_Minh"
currency = "VND"

[fields]
colour = "text"
phone = "identifier"

[lists]
bad = { file = "bad.csv", key = "payee" }
phones = { file = "phones.txt", key = "phone" }
shops = { file = "shops.txt", key = "merchant" }
watched = { key = "account" }

[features]
count = { count = "*", by = "account", over = "1h" }
payees = { distinct = "payee", by = "account", over = "1h" }
taken = { count = "*", by = "payee", at = "account", over = "1h" }
sessions = { distinct = "session", by = ["customer", "device"], over = "10m" }

[[rule]]
id = "bad"
when = "payee in bad and level(payee, bad) > 1"
then = "block"
reason = "bad"

[[rule]]
id = "phones"
when = "phone in phones"
then = "alert"
score = 7
reason = "phones"

[[rule]]
id = "shops"
when = "merchant in shops or colour = 'red'"
then = "alert"
score = 2
reason = "shops"

[[rule]]
id = "watched"
when = "account in watched"
then = "block"
reason = "watched"

[[rule]]
id = "own"
when = "payee = linked_account"
then = "alert"
score = 3
reason = "own"

[[rule]]
id = "taken"
when = "taken > 2 or payees > 3 or count > 9 or sessions > 1"
then = "alert"
reason = "taken"
"#;

/// A folder with the rule set and what is on its lists.
fn folder() -> Folder {
    let folder = Folder::new();
    folder.put("rules.toml", RULES);
    folder.put(
        "bad.csv",
        "# known from Z~Q~X-note\nkey,level,note\nacc-Z~Q~X-3,2,seen\nacc-Z~Q~X-4-of-a-long-name,1,\n",
    );
    folder.put("phones.txt", "# Z~Q~X\n090-Z~Q~X-5\n");
    folder.put("shops.txt", "shop2\n");
    folder
}

fn account(n: usize) -> String {
    // Some that lie in a number's row of the dictionary, some beside it.
    if n.is_multiple_of(2) { format!("acc-Z~Q~X-{n}-of-a-long-name") } else { format!("acc-Z~Q~X-{n}") }
}

/// Payments, with a `list` event now and then.
fn events(from: usize, count: usize) -> String {
    let line = |n: usize| {
        let time_us = 1_790_000_000_000_000_i64 + n as i64 * 20_000_000;
        if n % 50 == 20 {
            let (action, account) = (if n % 100 == 20 { "put" } else { "take" }, account(5));
            return format!(
                "{{\"kind\":\"list\",\"id\":\"l{n}\",\"time_us\":{time_us},\"list\":\"watched\",\"entry\":\"{account}\",\"action\":\"{action}\"}}\n"
            );
        }
        let (payer, payee, linked) = (account(n % 7), account(n * 5 % 11), account(n % 5));
        format!(
            "{{\"kind\":\"transaction\",\"id\":\"t{n}\",\"time_us\":{time_us},\"amount_minor\":{},\"currency\":\"VND\",\"account\":\"{payer}\",\"payee\":\"{payee}\",\"linked_account\":\"{linked}\",\"customer\":\"Z~Q~X{}\",\"device\":\"dev-Z~Q~X-{}\",\"session\":\"ses-Z~Q~X-{n}\",\"merchant\":\"shop{}\",\"extra\":{{\"phone\":\"090-Z~Q~X-{}\",\"colour\":\"{}\",\"nobody\":\"Z~Q~X {n}\"}}}}\n",
            1000 + n,
            n % 7,
            n % 3,
            n % 4,
            n % 9,
            if n.is_multiple_of(6) { "red" } else { "blue" },
        )
    };
    (from..from + count).map(line).collect()
}

fn good(folder: &Folder, line: &str) -> Done {
    let done = folder.run(line);
    assert_eq!(done.code, Some(0), "`{line}`: {}", done.err);
    done
}

fn refused(folder: &Folder, line: &str, said: &str) {
    let done = folder.run(line);
    assert_eq!(done.code, Some(3), "`{line}`: {}", done.err);
    assert!(done.err.contains(said), "`{line}`: {}", done.err);
}

/// What a line becomes at the door: the slow way, by what JSON says.
fn twin(line: &str, rules: &RuleSet, tokens: &Tokens) -> Value {
    let mut event: Value = serde_json::from_str(line).unwrap();
    let fields = event.as_object_mut().unwrap();
    let of_people = fields.get("list").is_none_or(|list| list != "shops");
    let always = ["account", "payee", "linked_account", "customer", "device", "session"];
    for name in always.into_iter().chain(of_people.then_some("entry")) {
        if let Some(Value::String(text)) = fields.get_mut(name) {
            *text = tokens.token(text);
        }
    }
    if let Some(Value::Object(extra)) = fields.get_mut("extra") {
        extra.retain(|name, _| rules.schema.find(name).is_some());
        if let Some(Value::String(text)) = extra.get_mut("phone") {
            *text = tokens.token(text);
        }
        if extra.is_empty() {
            fields.remove("extra");
        }
    }
    event
}

/// Holds the events of a journal to what their lines should have become.
fn holds_to_the_twin(folder: &Folder, rules: &str, stream: &str) {
    let rules = load_rules(&folder.path(rules)).unwrap().compile().into_result().unwrap();
    let tokens = read_token_key(&folder.path("j/tokens.key")).unwrap();
    let mut reader = Reader::open(Arc::new(RealDisk), &folder.path("j")).unwrap();
    let mut lines = stream.lines();
    while let Some(entry) = reader.next_entry().unwrap() {
        if let Record::Event { bytes, .. } = entry.record().unwrap() {
            let is: Value = serde_json::from_slice(bytes).unwrap();
            assert_eq!(is, twin(lines.next().unwrap(), &rules, &tokens));
        }
    }
    assert_eq!(lines.next(), None);
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// The kinds of file, by their endings, in which the mark is; columns are unpacked.
fn marked(folder: &Path) -> HashSet<String> {
    let is_marked = |path: &PathBuf| {
        let bytes = fs::read(path).unwrap();
        let plain = bytes.windows(MARK.len()).any(|window| window == MARK.as_bytes());
        let columns = path.extension().is_some_and(|ending| ending == "parquet")
            && SerializedFileReader::new(fs::File::open(path).unwrap())
                .unwrap()
                .get_row_iter(None)
                .unwrap()
                .any(|row| row.unwrap().to_string().contains(MARK));
        plain || columns
    };
    let ending = |path: PathBuf| path.extension().unwrap_or_default().to_string_lossy().into_owned();
    files(folder).into_iter().filter(is_marked).map(ending).collect()
}

#[test]
fn nothing_of_an_identifier_is_left_and_decisions_are_what_they_are_without() {
    let folder = folder();
    folder.put("events.ndjson", events(0, 400));
    let plain = good(&folder, "score --rules rules.toml --input events.ndjson");
    for part in ["\"bad\"", "\"phones\"", "\"shops\"", "\"watched\"", "\"own\"", "\"taken\""] {
        assert!(plain.out.contains(part), "no rule {part} fired");
    }
    let line = "score --rules rules.toml --input events.ndjson --by account --snapshot-every 100 --journal";
    let mut said = vec![good(&folder, &format!("{line} j"))];
    assert!(said[0].out == plain.out, "other decisions with tokens");
    assert!(said[0].err.contains("\nt_"), "counted by token: {}", said[0].err);
    // Begun again, and gone on with.
    said.push(good(&folder, &format!("{line} j")));
    assert!(said[1].out == plain.out && said[1].err.contains("came again"), "{}", said[1].err);
    folder.put("more.ndjson", events(400, 50));
    said.push(good(&folder, "score --rules rules.toml --journal j --input more.ndjson"));
    folder.put("all.ndjson", events(0, 450));
    let all = good(&folder, "score --rules rules.toml --input all.ndjson").out;
    assert!(format!("{}{}", plain.out, said[2].out) == all, "other decisions after going on");
    let twice = [events(0, 400), events(0, 400), events(400, 50)].concat();
    holds_to_the_twin(&folder, "rules.toml", &twice);
    for line in [
        "replay --journal j",
        "replay --journal j --from-snapshot",
        "replay --journal j --rules rules.toml",
        "audit show t300 --journal j --as me",
        "audit verify --journal j",
        "journal show j",
        "journal columns j",
    ] {
        said.push(good(&folder, line));
    }
    for done in &said {
        assert!(!done.out.contains(MARK) && !done.err.contains(MARK), "{}{}", done.out, done.err);
    }
    assert_eq!(marked(&folder.path("j")), HashSet::new());
    let shown = good(&folder, "journal show j").out;
    assert!(shown.contains("identifiers are tokens of the key "), "{shown}");
    // Somebody with the key finds an account.
    let token = good(&folder, &format!("token --journal j {}", account(3))).out;
    let journal = String::from_utf8_lossy(&folder.read("j/00000000000000000001.journal")).into_owned();
    assert!(journal.contains(&format!("\"account\":\"{}\"", token.trim())), "{token}");
    assert!(journal.contains("\"merchant\":\"shop1\"") && !journal.contains("nobody"));
    // Without tokens it is all there, so that what is looked at is where it would be.
    good(&folder, &format!("{line} off --tokens off"));
    good(&folder, "journal columns off");
    let expected = ["journal", "snapshot", "parquet", "csv", "txt"].map(str::to_owned);
    assert_eq!(marked(&folder.path("off")), HashSet::from(expected));
}

#[test]
fn the_packs_decide_alike_with_tokens() {
    let folder = Folder::new();
    fs::copy("rules/retail.toml", folder.path("retail.toml")).unwrap();
    good(&folder, "generate --events 4000 --accounts 200 --output events.ndjson");
    let plain = good(&folder, "score --rules retail.toml --input events.ndjson").out;
    let line = "score --rules retail.toml --input events.ndjson --journal j --log-memory 64KiB --spill s";
    assert!(good(&folder, line).out == plain);
    holds_to_the_twin(&folder, "retail.toml", &String::from_utf8(folder.read("events.ndjson")).unwrap());
    let named = "score --rules retail.toml --input events.ndjson --token-key j/tokens.key";
    assert!(good(&folder, named).out == plain);
}

#[test]
fn what_leaves_memory_holds_no_identifier() {
    let folder = folder();
    let line = "score --rules rules.toml --journal j --line-buffered --spill s --limits limits.toml";
    folder.put("limits.toml", "log_bytes_max = 1\nlog_chunk_rows = 64\n");
    let mut command = folder.command(line);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut answers = BufReader::new(child.stdout.take().unwrap()).lines();
    let stream = events(0, 1_000);
    for line in stream.split_inclusive('\n') {
        input.write_all(line.as_bytes()).unwrap();
        if line.contains("transaction") {
            assert!(!answers.next().unwrap().unwrap().contains(MARK));
        }
    }
    let spilled = files(&folder.path("s"));
    assert!(spilled.iter().filter(|path| path.metadata().unwrap().len() > 0).count() > 2, "{spilled:?}");
    assert_eq!(marked(&folder.path("s")), HashSet::new());
    assert_eq!(marked(&folder.path("j")), HashSet::new());
    drop(input);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_bad_line_is_told_without_what_it_says() {
    let folder = folder();
    let good_line = events(0, 1);
    let bad = [
        good_line.replace("transaction", "Z~Q~X"),
        good_line.replace("\"VND\"", "\"Z~Q~X\""),
        good_line.replace("1000", "\"Z~Q~X\""),
        good_line.replace("\"ses-Z~Q~X-0\"", "\"Z~Q~X\\u0001\""),
        good_line.replace("shop0", "Z~Q~X\\u0001"),
        good_line.replace("\"session\"", "\"instrument\""),
        good_line.replace("\"session\"", "\"ip\""),
        good_line.replace("\"session\"", "\"rate\""),
        good_line.replace("1790000000000000", "\"Z~Q~X\""),
        good_line.replace("\"blue\"", "\"Z~Q~X\"").replace("\"red\"", "[\"Z~Q~X\"]"),
        good_line.replace("\"session\":", "\"methods\":"),
    ];
    folder.put("bad.ndjson", bad.concat());
    let line = "score --rules rules.toml --input bad.ndjson --on-bad-line skip";
    let shown = good(&folder, line).err;
    assert_eq!(shown.matches("skipped: line ").count(), bad.len(), "{shown}");
    assert!(shown.contains(MARK), "the file says something to show");
    let hidden = good(&folder, &format!("{line} --journal j")).err;
    assert_eq!(hidden.matches("skipped: line ").count(), bad.len(), "{hidden}");
    assert!(!hidden.contains(MARK) && hidden.contains("not shown"), "{hidden}");
    let stopped = folder.run("score --rules rules.toml --input bad.ndjson --journal j");
    assert!(stopped.code == Some(3) && !stopped.err.contains(MARK), "{}", stopped.err);
    folder.put("bad.csv", "key,level\nacc-Z~Q~X-3,2\nacc-Z~Q~X-3,3\n");
    let stopped = folder.run("score --rules rules.toml --journal k");
    assert!(
        stopped.code == Some(3) && stopped.err.contains("bad.csv:3: the key of this line"),
        "{}",
        stopped.err
    );
    assert!(!stopped.err.contains(MARK), "{}", stopped.err);
}

#[test]
fn a_journal_goes_on_with_the_key_it_was_begun_with() {
    let folder = folder();
    folder.put("events.ndjson", events(0, 60));
    let score = "score --rules rules.toml --input events.ndjson --journal";
    good(&folder, &format!("{score} j"));
    let key = folder.path("j/tokens.key");
    let held = fs::read(&key).unwrap();
    assert_eq!(held.len(), 65);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
        refused(&folder, &format!("{score} j"), "others than its owner may read it (mode 644)");
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    }
    let started = String::from_utf8_lossy(&folder.read("j/00000000000000000001.journal")).into_owned();
    assert!(!started.contains(String::from_utf8_lossy(&held).trim()), "the key is in no record");
    // Another key, none, and none there.
    good(&folder, &format!("{score} other"));
    refused(&folder, &format!("{score} j --token-key other/tokens.key"), "tokens of two keys never meet");
    refused(&folder, &format!("{score} j --tokens off"), "and none is given");
    refused(
        &folder,
        "replay --journal j --rules rules.toml --token-key other/tokens.key",
        "tokens of the key",
    );
    fs::rename(&key, folder.path("elsewhere")).unwrap();
    refused(&folder, &format!("{score} j"), "restore their key from a copy");
    refused(&folder, "replay --journal j --rules rules.toml", "restore their key from a copy");
    good(&folder, &format!("{score} j --token-key elsewhere"));
    // Nobody but who writes needs it.
    good(&folder, "replay --journal j");
    good(&folder, "audit show t30 --journal j");
    good(&folder, "replay --journal j --rules rules.toml --token-key elsewhere");
    fs::write(folder.path("elsewhere"), "no key").unwrap();
    refused(&folder, &format!("{score} j --token-key elsewhere"), "64 hexadecimal digits");
}

#[test]
fn a_journal_without_tokens_goes_on_without_and_holds_lines_as_they_came() {
    let folder = folder();
    let stream = events(0, 60);
    folder.put("events.ndjson", &stream);
    let score = "score --rules rules.toml --input events.ndjson --journal j";
    let off = good(&folder, &format!("{score} --tokens off")).out;
    assert!(!folder.path("j/tokens.key").exists());
    let journal = String::from_utf8_lossy(&folder.read("j/00000000000000000001.journal")).into_owned();
    assert!(stream.lines().all(|line| journal.contains(line)), "byte for byte");
    assert!(!journal.contains("tokens"), "it says nothing of them, as journals did before");
    assert_eq!(good(&folder, score).out, off);
    assert!(!folder.path("j/tokens.key").exists());
    for how in ["--tokens on", "--token-key key"] {
        folder.put("key", "00".repeat(32));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(folder.path("key"), fs::Permissions::from_mode(0o600)).unwrap();
        }
        let done = folder.run(&format!("{score} {how}"));
        assert_eq!(done.code, Some(3), "{}", done.err);
    }
    refused(&folder, &format!("{score} --token-key key"), "as they came, and tokens would never meet them");
    for line in [
        "score --rules rules.toml --tokens off",
        "score --rules rules.toml --journal j --tokens off --token-key k",
    ] {
        assert_eq!(folder.run(line).code, Some(2), "{line}");
    }
}

#[test]
fn a_rule_that_reads_an_identifier_is_refused_with_what_to_do() {
    let folder = Folder::new();
    folder.put("rules.toml", commands::RULES.replace("count > 2 and", "account = 'a' and"));
    good(&folder, "score --rules rules.toml");
    good(&folder, "score --rules rules.toml --journal off --tokens off");
    for line in ["--journal j", "--journal j --reload rules.toml"] {
        let done = folder.run(&format!("score --rules rules.toml {line}"));
        assert_eq!(done.code, Some(3), "{}", done.err);
        for part in [
            "rules.toml",
            "rule `often`: `account` is compared with a text",
            "put what is looked for on a list",
        ] {
            assert!(done.err.contains(part), "{}", done.err);
        }
    }
}

#[test]
fn tokens_of_texts_are_those_of_anybody_with_the_key() {
    let folder = Folder::new();
    let key: String = (0..32).map(|byte| format!("{byte:02x}")).collect();
    folder.put("key", format!("{}\n", key.to_uppercase()));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(folder.path("key"), fs::Permissions::from_mode(0o600)).unwrap();
    }
    // As in `src/tokens.rs`: what Python and OpenSSL say.
    assert_eq!(good(&folder, "token --key key 0123456789").out, "t_zShq0Pmm_U94r8\n");
    let done = folder.run_with("token --key key", "Nguyễn Văn A\r\n0123456789\n".as_bytes());
    assert_eq!((done.code, done.out.as_str()), (Some(0), "t_OEVBHNm8WVlLKp\nt_zShq0Pmm_U94r8\n"));
    assert_eq!(folder.run("token x").code, Some(2));
    assert_eq!(folder.run("token --journal nowhere x").code, Some(3));
}
