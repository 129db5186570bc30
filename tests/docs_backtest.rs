//! What the guide to backtests tells a reader to run runs.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, unreachable_pub, dead_code, reason = "a test fails loudly")]

#[path = "support/docs.rs"]
mod docs;

#[test]
fn the_commands_of_the_guide_to_backtests_run() {
    let commands = docs::commands("docs/backtest.md");
    assert!(commands.len() > 3, "the guide shows {} commands", commands.len());
    let folder = docs::copy_of_the_data();
    for command in commands {
        let done = docs::run(&command.line, folder.path());
        let said = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(command.exits_with), "{}: `{}`\n{said}", command.place, command.line);
    }
}
