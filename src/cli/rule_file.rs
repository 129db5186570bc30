//! Reading a rule file for a command: problems are shown as a compiler would, warnings let it pass.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use weir::explain::Explainer;
use weir::io::load_lists;
use weir::lists::Lists;
use weir::rules::{Checked, RuleSet, Severity, compile};

use super::problems;

/// Reads and checks a rule file, and shows what is wrong with it on standard error.
pub(super) fn check(path: &Path) -> anyhow::Result<Checked> {
    let text = read(path)?;
    let name = path.display().to_string();
    let checked = compile(&name, &text);
    if !checked.problems.is_empty() {
        let color = std::io::stderr().is_terminal();
        write!(anstream::stderr(), "{}", problems::render(&checked.problems, &name, &text, color))?;
    }
    Ok(checked)
}

/// A rule set that can be used, or an error that says it can't.
pub(super) fn load(path: &Path) -> anyhow::Result<RuleSet> {
    let checked = check(path)?;
    let errors = checked.problems.iter().filter(|problem| problem.severity == Severity::Error).count();
    let Some(rules) = checked.rule_set else {
        bail!("{} can't be used: {errors} {}", path.display(), if errors == 1 { "error" } else { "errors" });
    };
    Ok(rules)
}

/// What explains the decisions of a rule file that was checked.
pub(super) fn explainer(path: &Path) -> anyhow::Result<Explainer> {
    Ok(Explainer::new(&path.display().to_string(), &read(path)?)?)
}

/// The text of a rule file.
pub(super) fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("can't read the rule file {}", path.display()))
}

/// The lists of a rule set, from their files beside the rule file.
pub(super) fn lists(path: &Path, rules: &RuleSet) -> anyhow::Result<Lists> {
    Ok(load_lists(rules, path.parent().unwrap_or(Path::new("")))?)
}

/// `rules/retail.toml` has its cases in `rules/retail.cases.toml`.
pub(super) fn cases_beside(path: &Path) -> PathBuf {
    path.with_extension("cases.toml")
}

/// The hash of a rule set as text.
pub(super) fn hash(rules: &RuleSet) -> String {
    rules.hash_text()
}
