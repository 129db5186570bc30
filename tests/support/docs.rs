//! The commands that the documents tell a reader to run.

use std::path::Path;
use std::process::{Command, Output};

/// A command of a document.
pub struct DocumentedCommand {
    /// Where it stands.
    pub place: String,
    /// As a shell takes it, with the program called `weir`.
    pub line: String,
    /// What it must exit with; `# exits with N` says so where it is not 0.
    pub exits_with: i32,
}

/// What stands in the root of the repository.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The commands of this program in a document's `console` and `sh` blocks. A line that ends in `\` goes on.
/// Those that read a file which is not committed, `/path/to/...`, are left out.
pub fn commands(document: &str) -> Vec<DocumentedCommand> {
    commands_in(document, &std::fs::read_to_string(repository().join(document)).unwrap())
}

/// The same of a document's text.
pub fn commands_in(document: &str, text: &str) -> Vec<DocumentedCommand> {
    let (mut found, mut inside, mut open) = (Vec::new(), false, String::new());
    for (at, line) in text.lines().enumerate() {
        if let Some(language) = line.trim().strip_prefix("```") {
            inside = !inside && ["console", "sh"].contains(&language);
            continue;
        }
        let goes_on = line.strip_suffix('\\');
        open.push_str(goes_on.unwrap_or(line));
        if goes_on.is_none() {
            let whole = std::mem::take(&mut open);
            let command = if inside { command(&whole) } else { None };
            found.extend(command.map(|(line, exits_with)| DocumentedCommand {
                place: format!("{document}:{}", at + 1),
                line,
                exits_with,
            }));
        }
    }
    found
}

fn command(line: &str) -> Option<(String, i32)> {
    let line = line.trim().trim_start_matches("$ ");
    let line = line.replace("cargo run --release -- ", "weir ");
    let ours = line.split(['|', ';', '&']).any(|part| part.trim().starts_with("weir "));
    if !ours || line.contains("/path/to/") {
        return None;
    }
    match line.split_once("# exits with ") {
        Some((line, code)) => Some((line.trim().to_owned(), code.trim().parse().unwrap())),
        None => Some((line, 0)),
    }
}

/// Runs a line in a shell that finds the program as `weir`.
pub fn run(line: &str, folder: &Path) -> Output {
    let program = Path::new(env!("CARGO_BIN_EXE_weir"));
    let mut path = program.parent().unwrap().as_os_str().to_owned();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap());
    Command::new("sh").args(["-c", line]).current_dir(folder).env("PATH", path).output().unwrap()
}

/// A temporary folder with the repository's rule packs and data sets in it, as a reader of the documents has them.
pub fn copy_of_the_data() -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for folder in ["rules", "rules/vn", "datasets"] {
        std::fs::create_dir(copy.path().join(folder)).unwrap();
        for entry in std::fs::read_dir(repository().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                std::fs::copy(&path, copy.path().join(folder).join(path.file_name().unwrap())).unwrap();
            }
        }
    }
    copy
}
