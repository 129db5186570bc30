//! Reading a rule file for a command: problems are shown as a compiler would, warnings let it pass.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use weir::rules::{Checked, RuleSet, Severity, compile};

use super::problems;

/// A rule file that was read and checked.
pub(super) struct RuleFile {
    pub(super) name: String,
    pub(super) text: String,
    pub(super) checked: Checked,
}

impl RuleFile {
    /// Reads and checks a rule file.
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("can't read the rule file {}", path.display()))?;
        let name = path.display().to_string();
        let checked = compile(&name, &text);
        Ok(Self { name, text, checked })
    }

    /// How many problems there are of a severity.
    pub(super) fn count(&self, severity: Severity) -> usize {
        self.checked.problems.iter().filter(|problem| problem.severity == severity).count()
    }

    /// Shows what is wrong with it on standard error, and on request what it leaves open.
    pub(super) fn show(&self, with_notes: bool) -> anyhow::Result<()> {
        let color = std::io::stderr().is_terminal();
        let (problems, name, text) = (&self.checked.problems, &self.name, &self.text);
        let mut err = anstream::stderr().lock();
        write!(err, "{}", problems::render(problems, name, text, color))?;
        if with_notes {
            write!(err, "{}", problems::notes(problems, name, text, color))?;
        }
        Ok(())
    }
}

/// A rule set that can be used, or an error that says it can't.
pub(super) fn load(path: &Path) -> anyhow::Result<RuleSet> {
    let file = RuleFile::read(path)?;
    file.show(false)?;
    let errors = file.count(Severity::Error);
    let Some(rules) = file.checked.rule_set else {
        bail!("{} can't be used: {errors} {}", path.display(), if errors == 1 { "error" } else { "errors" });
    };
    Ok(rules)
}

/// `rules/retail.toml` has its cases in `rules/retail.cases.toml`.
pub(super) fn cases_beside(path: &Path) -> PathBuf {
    path.with_extension("cases.toml")
}

/// The hash of a rule set as text.
pub(super) fn hash(rules: &RuleSet) -> String {
    rules.hash.iter().map(|byte| format!("{byte:02x}")).collect()
}
