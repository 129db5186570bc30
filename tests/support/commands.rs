//! A fresh folder with a small rule file, and the program run in it as a script would.
#![allow(dead_code, reason = "each test uses a part")]

use std::io::{Read, Write};
use std::process::{Command, Stdio};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

pub const RULES: &str = r#"
[ruleset]
name = "small"
time_zone = "Asia/Ho_Chi_Minh"
currency = "VND"

[features]
count = { count = "*", by = "account", over = "1h" }
total = { sum = "amount", by = "account", over = "1h" }

[[rule]]
id = "large"
when = "amount > 1_000_000"
then = "block"
reason = "large"

[[rule]]
id = "often"
when = "count > 2 and total > 0"
then = "alert"
reason = "often"
"#;

pub const CASE: &str = r#"
[[case]]
name = "a large payment is blocked"
rule = "large"
events = [{ kind = "transaction", at = "2026-01-10T08:00:00+07:00", amount = 2_000_000, expect = { outcome = "block", only = ["large"] } }]
"#;

/// A payment of the account `a`.
pub fn payment(id: &str, time_us: i64, minor: i64) -> String {
    format!(
        "{{\"kind\":\"transaction\",\"id\":\"{id}\",\"time_us\":{time_us},\"amount_minor\":{minor},\"currency\":\"VND\",\"account\":\"a\"}}\n"
    )
}

/// A fresh folder with `rules.toml`, and how the program is run in it.
pub struct Folder(tempfile::TempDir);

#[derive(Debug)]
pub struct Done {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Folder {
    pub fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.put("rules.toml", RULES);
        folder
    }

    pub fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    pub fn put(&self, name: &str, text: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    pub fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
        command.args(line.split_whitespace()).current_dir(&self.0);
        command
    }

    pub fn run(&self, line: &str) -> Done {
        self.run_with(line, b"")
    }

    /// Runs with these bytes as standard input; no stream is a terminal.
    pub fn run_with(&self, line: &str, input: &[u8]) -> Done {
        let mut command = self.command(line);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // A program that refuses its command line reads nothing.
        let _ = child.stdin.take().unwrap().write_all(input);
        let output = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let done = Done { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) };
        for stream in [&done.out, &done.err] {
            assert!(!stream.contains('\u{1b}'), "`{line}` colours what is no terminal: {stream}");
        }
        done
    }
}

/// Each line of decisions as its id and outcome, or its id and why it was refused.
pub fn outcomes(lines: &str) -> Vec<(String, String)> {
    let line = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let said = line.get("outcome").unwrap_or(&line["refused"]);
        (line["id"].as_str().unwrap().to_owned(), said.as_str().unwrap().to_owned())
    };
    lines.lines().map(line).collect()
}

pub fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(id, said)| ((*id).to_owned(), (*said).to_owned())).collect()
}

pub fn packed(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

pub fn unpacked(bytes: &[u8]) -> String {
    let mut text = String::new();
    GzDecoder::new(bytes).read_to_string(&mut text).unwrap();
    text
}
