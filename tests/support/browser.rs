//! A browser with a page before it, where there is one.
#![allow(dead_code, unreachable_pub, reason = "each test uses a part")]

use std::path::{Path, PathBuf};
use std::process::Command;

const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// A browser with a report's page before it.
pub struct Browser {
    program: &'static str,
    folder: tempfile::TempDir,
    page: PathBuf,
}

impl Browser {
    /// `None` where there is no browser, which is told.
    pub fn opens(name: &str, html: &str) -> Option<Self> {
        let runs = |name: &&str| {
            Command::new(name).arg("--version").output().is_ok_and(|done| done.status.success())
        };
        let Some(program) = NAMES.into_iter().find(runs) else {
            println!("SKIPPED: none of {NAMES:?} is here");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let page = folder.path().join(format!("{name}.html"));
        std::fs::write(&page, html).unwrap();
        keep(&page);
        Some(Self { program, folder, page })
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What it answers, and not a word on the console but about itself.
    pub fn run(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(self.program);
        command.args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
        ]);
        command.args(["--enable-logging=stderr", "--virtual-time-budget=4000", "--timeout=120000"]);
        command.arg(format!("--user-data-dir={}", self.path("profile").display()));
        command.args(arguments).arg(format!("file://{}", self.page.display()));
        let done = command.output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{said}");
        let console: Vec<&str> = said.lines().filter(|line| line.contains("CONSOLE")).collect();
        assert!(console.is_empty(), "{}", console.join("\n"));
        String::from_utf8(done.stdout).unwrap()
    }

    /// A picture of the page.
    pub fn picture(&self, name: &str, arguments: &[&str]) -> Vec<u8> {
        let path = self.path(name);
        let to = format!("--screenshot={}", path.display());
        self.run(&[&[to.as_str()], arguments].concat());
        keep(&path);
        std::fs::read(path).unwrap()
    }
}

/// Puts what was made where somebody can look at it.
pub fn keep(path: &Path) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("report");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::copy(path, folder.join(path.file_name().unwrap())).unwrap();
}
