//! The house's invariants, read from the sources: who may name what, what may be printed, how long a file may be.
#![allow(clippy::unwrap_used, reason = "a test fails loudly")]

use std::path::{Path, PathBuf};

const LINES_MAX: usize = 800;

/// Every `.rs` file under a folder, or none where it is not there.
fn sources(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

/// The file as the repository names it.
fn name(path: &Path) -> String {
    path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().display().to_string()
}

/// The code of a file in words and signs, without comments, texts and what only tests see.
fn code(path: &Path) -> Vec<String> {
    let text = read(path);
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    words(text)
}

fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut rest = text;
    let in_word = |c: char| c.is_alphanumeric() || c == '_';
    while let Some(first) = rest.chars().next() {
        let raw = ["r\"", "r#\"", "br\"", "br#\""].into_iter().find(|start| rest.starts_with(start));
        let taken = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if let Some(start) = raw {
            let end = if start.ends_with("#\"") { "\"#" } else { "\"" };
            rest[start.len()..].find(end).map_or(rest.len(), |at| start.len() + at + end.len())
        } else if first == '"' {
            quoted(rest, '"')
        } else if first == '\'' && (rest[1..].starts_with('\\') || rest.chars().nth(2) == Some('\'')) {
            quoted(rest, '\'')
        } else if in_word(first) {
            rest.find(|c| !in_word(c)).unwrap_or(rest.len())
        } else if rest.starts_with("::") {
            2
        } else {
            first.len_utf8()
        };
        let (part, after) = rest.split_at(taken);
        if in_word(first) && raw.is_none() || taken == 2 || "{}*!(),;".contains(first) {
            words.push(part.to_owned());
        }
        rest = after;
    }
    words
}

/// Bytes of a quoted text or character at the start of `text`.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        if c == quote && !escaped {
            return at + 1;
        }
        escaped = c == '\\' && !escaped;
    }
    text.len()
}

/// The modules that a file reaches from the crate's root or through its parents.
fn modules_named(words: &[String]) -> Vec<&str> {
    let mut named = Vec::new();
    for (at, word) in words.iter().enumerate() {
        if !["crate", "super", "weir"].contains(&word.as_str()) || words.get(at + 1).is_none_or(|w| w != "::")
        {
            continue;
        }
        let after = &words[at + 2..];
        if after[0] != "{" {
            named.push(after[0].as_str());
            continue;
        }
        let mut depth = 0;
        for word in after {
            depth += i32::from(word == "{") - i32::from(word == "}");
            if depth == 0 {
                break;
            }
            named.push(word.as_str());
        }
    }
    named
}

fn none(broken: Vec<String>) {
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn the_reader_of_sources_sees_code_and_nothing_else() {
    let text = "use std::{io, fs}; // net\nlet s = \"rand \\\" csv\"; let c = '\"'; let t: &'a str = r#\"serde\"#; crate::{a, b::c}; super::d;";
    let words = words(text);
    for word in ["io", "fs", "a", "str"] {
        assert!(words.iter().any(|w| w == word), "{word} is not in {words:?}");
    }
    for word in ["net", "rand", "csv", "serde"] {
        assert!(words.iter().all(|w| w != word), "{word} is in {words:?}");
    }
    let named = modules_named(&words);
    assert!(["a", "b", "d"].iter().all(|module| named.contains(module)), "{named:?}");
}

#[test]
fn rules_state_and_engine_do_no_io_read_no_clock_and_draw_no_random_number() {
    // `serde` alone names no format: it is how a state says what it is made of.
    let outside = "fs io net thread process env SystemTime Instant rand rand_chacha serde_json csv csv_core flate2 tokio";
    let outside: Vec<&str> = outside.split(' ').collect();
    let mut broken = Vec::new();
    for folder in ["src/rules", "src/state", "src/engine"] {
        let files = sources(folder);
        assert!(files.len() > 5, "{folder} has moved");
        for path in files {
            let words = code(&path);
            let found = words.iter().filter(|word| outside.contains(&word.as_str()));
            broken.extend(found.map(|word| format!("{} names `{word}`", name(&path))));
        }
    }
    none(broken);
}

#[test]
fn only_the_engine_knows_both_rules_and_state() {
    let mut broken = Vec::new();
    for (folder, strangers) in [
        ("src/state", &["rules", "engine", "journal", "io", "cases", "generate", "decision"][..]),
        ("src/rules", &["state", "engine", "journal", "io", "cases", "generate"][..]),
        ("src/engine", &["journal", "io", "cases", "generate"][..]),
        ("src/io", &["state", "engine", "journal", "cases", "generate"][..]),
        // Below the engine's records the journal knows bytes and a disk.
        ("src/journal", &["rules", "state", "engine", "cases", "generate", "decision", "event"]),
        ("src/explain", &["state", "engine", "io", "cases", "generate", "diff"]),
        ("src/diff", &["state", "io", "cases", "generate"]),
        ("src/generate", &["rules", "state", "engine", "io", "cases", "decision"][..]),
    ] {
        let files = sources(folder);
        assert!(!files.is_empty(), "{folder} has moved");
        for path in files {
            // Where chunks of the log leave memory, and where all that is known is saved or exported, it meets the disk.
            let meets: &[&str] = match name(&path).as_str() {
                "src/io/chunks.rs" | "src/io/chunk_file.rs" => &["state"],
                "src/io/snapshot_reader.rs" | "src/io/snapshot_writer.rs" => &["state"],
                "src/io/snapshot.rs" => &["state", "engine"],
                "src/io/keys.rs" => &["engine"],
                // An engine whose every step is in the journal.
                "src/journal/recorded.rs" | "src/journal/course.rs" => {
                    &["rules", "state", "engine", "decision", "event"]
                }
                "src/journal/failure.rs"
                | "src/journal/resend.rs"
                | "src/journal/replay.rs"
                | "src/journal/snapshots.rs"
                | "src/journal/answers.rs" => &["rules", "engine", "decision", "event"],
                "src/journal/warming.rs" | "src/journal/setup.rs" => &["state", "engine"],
                "src/journal/ruled.rs" => &["engine", "event"],
                "src/journal/kept.rs" => &["rules"],
                _ => &[],
            };
            let words = code(&path);
            let found = modules_named(&words)
                .into_iter()
                .filter(|module| strangers.contains(module) && !meets.contains(module));
            broken.extend(found.map(|module| format!("{} names `{module}`", name(&path))));
        }
    }
    none(broken);
}

#[test]
fn only_io_backtests_and_the_command_line_touch_files() {
    let mut broken = Vec::new();
    for path in sources("src") {
        let file = name(&path);
        let may = ["src/io/", "src/backtest/", "src/cli/"].iter().any(|folder| file.starts_with(folder));
        if !may && code(&path).iter().any(|word| word == "fs") {
            broken.push(format!("{file} names `fs`"));
        }
    }
    none(broken);
}

#[test]
fn the_lean_build_knows_no_query_engine() {
    let mut broken = Vec::new();
    for path in sources("src") {
        let file = name(&path);
        let may = file.starts_with("src/backtest/")
            || file.starts_with("src/server/")
            || file.starts_with("src/client/")
            || file == "src/cli/serve.rs";
        if !may && code(&path).iter().any(|word| ["datafusion", "tokio", "polars"].contains(&word.as_str())) {
            broken.push(format!("{file} names a query engine or a runtime"));
        }
    }
    none(broken);
}

#[test]
fn the_library_never_prints() {
    let mut broken = Vec::new();
    for path in sources("src") {
        let file = name(&path);
        if file.starts_with("src/cli/") || file == "src/main.rs" {
            continue;
        }
        let words = code(&path);
        for pair in words.windows(2) {
            let prints = ["print", "println", "eprint", "eprintln", "dbg"].contains(&pair[0].as_str())
                && pair[1] == "!";
            // A file called `-` is standard output: the one way out that is asked for.
            let streams = pair[0] == "stderr" || (pair[0] == "stdout" && file != "src/io/file.rs");
            if prints || streams {
                broken.push(format!("{file} names `{}`", pair[0]));
            }
        }
    }
    none(broken);
}

#[test]
fn files_are_short_and_say_what_they_promise() {
    let mut broken = Vec::new();
    for path in sources("src") {
        let text = read(&path);
        let lines = text.lines().count();
        if lines > LINES_MAX {
            broken.push(format!("{} has {lines} lines, more than {LINES_MAX}", name(&path)));
        }
        if !text.starts_with("//! ") {
            broken.push(format!("{} has no header that says what it promises", name(&path)));
        }
    }
    none(broken);
}

#[test]
fn nothing_is_left_for_later() {
    // Put together here, so that this file does not hold what it looks for.
    let later =
        [["TO", "DO"], ["FIX", "ME"], ["XX", "X"], ["todo", "!"], ["unimplemented", "!"], ["#[ign", "ore"]]
            .map(|parts| parts.concat());
    let mut broken = Vec::new();
    for folder in ["src", "tests", "benches"] {
        for path in sources(folder) {
            for (at, line) in read(&path).lines().enumerate() {
                if let Some(word) = later.iter().find(|word| line.contains(word.as_str())) {
                    broken.push(format!("{}:{}: {word}", name(&path), at + 1));
                }
            }
        }
    }
    none(broken);
}
