//! The analysts' guide is what happens: each of its commands is run, in its order, and prints what stands below it.
//! `WEIR_BLESS=1` writes what they print into the guide.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub,
    reason = "a test fails loudly"
)]

#[path = "support/docs.rs"]
mod docs;

use std::path::Path;

const GUIDE: &str = "docs/analysts.md";

/// What a command prints, but for how long that took.
fn printed(line: &str, folder: &Path) -> String {
    let (line, code) =
        line.split_once("# exits with ").map_or((line, 0), |(line, code)| (line, code.parse().unwrap()));
    let done = docs::run(&format!("{line} 2>&1"), folder);
    let told = String::from_utf8_lossy(&done.stdout).into_owned();
    assert_eq!(done.status.code(), Some(code), "`{line}`:\n{told}");
    // "60000 events, 3.09 s", and what a journal says of the disk.
    let is_timed = |line: &str| {
        line.contains("events, ") && line.contains(" s")
            || line.contains("events a second")
            || line.contains("a sync took")
    };
    told.lines().filter(|line| !is_timed(line)).map(|line| line.trim_end().to_owned() + "\n").collect()
}

#[test]
fn every_command_of_the_guide_prints_what_stands_below_it() {
    let path = docs::repository().join(GUIDE);
    let guide = std::fs::read_to_string(&path).unwrap();
    let folder = docs::copy_of_the_data();
    let (mut is, mut commands, mut files) = (String::new(), 0, 0);
    let mut lines = guide.lines().peekable();
    while let Some(line) = lines.next() {
        is += &format!("{line}\n");
        let Some(language) = line.strip_prefix("```") else { continue };
        let mut block = String::new();
        while let Some(line) = lines.next_if(|line| *line != "```") {
            block += &format!("{line}\n");
        }
        match language.split_once(' ') {
            // A file, by its name.
            Some((_, name)) => {
                std::fs::write(folder.path().join(name), &block).unwrap();
                files += 1;
                is += &block;
            }
            None if language == "sh" => {
                let done = docs::run(&block, folder.path());
                assert!(done.status.success(), "{block}");
                is += &block;
            }
            None => {
                for line in block.lines().filter_map(|line| line.strip_prefix("$ ")) {
                    is += &format!("$ {line}\n{}", printed(line, folder.path()));
                    commands += 1;
                }
            }
        }
        is += &format!("{}\n", lines.next().unwrap());
    }
    let said: Vec<String> = docs::commands(GUIDE)
        .into_iter()
        .map(|command| format!("{}: {} {}", command.place, command.line, command.exits_with))
        .collect();
    assert!(
        commands == said.len() && commands >= 10 && files == 1,
        "{commands} commands, {files} files, {said:#?}"
    );
    if std::env::var_os("WEIR_BLESS").is_some() {
        std::fs::write(&path, is).unwrap();
        return;
    }
    for (at, (is, says)) in is.lines().zip(guide.lines()).enumerate() {
        assert_eq!(is, says, "{GUIDE}:{}", at + 1);
    }
    assert_eq!(is.len(), guide.len(), "{GUIDE}");
}
