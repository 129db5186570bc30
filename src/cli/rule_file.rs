//! Reading a rule file for a command: problems are shown as a compiler would, warnings let it pass.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use weir::explain::Explainer;
use weir::io::{Bundle, load_lists, load_rates, load_rules};
use weir::lists::Lists;
use weir::rates::Rates;
use weir::rules::{Checked, RuleSet, Severity, Sources};
use weir::tokens::Tokens;

use super::problems;

/// A rule file that was read and checked.
pub(super) struct RuleFile {
    /// As it was given.
    pub(super) name: String,
    pub(super) sources: Sources,
    pub(super) checked: Checked,
    /// What is wrong with the files of its lists, or of its rates.
    pub(super) lists_error: Option<String>,
}

impl RuleFile {
    /// Reads and checks a rule file.
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let (sources, checked) = checked(path)?;
        let name = path.display().to_string();
        let beside = |rules: &RuleSet| lists(path, rules).err().or_else(|| rates(path, rules).err());
        let lists_error = checked.rule_set.as_ref().and_then(beside);
        Ok(Self { name, sources, checked, lists_error: lists_error.map(|error| error.to_string()) })
    }

    /// How many problems there are of a severity, in it and in the files beside it.
    pub(super) fn count(&self, severity: Severity) -> usize {
        let in_lists = usize::from(severity == Severity::Error && self.lists_error.is_some());
        in_lists + self.checked.problems.iter().filter(|problem| problem.severity == severity).count()
    }

    /// Shows all of it on standard error.
    pub(super) fn show(&self) -> anyhow::Result<()> {
        show_problems(&self.sources, &self.checked)?;
        let notes = problems::notes(&self.checked.problems, &self.sources, is_colored());
        let lists = self.lists_error.iter().map(|error| format!("error: {error}\n")).collect::<String>();
        write!(anstream::stderr(), "{notes}{lists}")?;
        Ok(())
    }
}

fn is_colored() -> bool {
    std::io::stderr().is_terminal()
}

/// Shows errors and warnings on standard error.
fn show_problems(sources: &Sources, checked: &Checked) -> anyhow::Result<()> {
    write!(anstream::stderr(), "{}", problems::render(&checked.problems, sources, is_colored()))?;
    Ok(())
}

fn checked(path: &Path) -> anyhow::Result<(Sources, Checked)> {
    let sources = read(path)?;
    let checked = sources.compile();
    Ok((sources, checked))
}

/// A rule set that can be used, or an error that says it can't.
pub(super) fn load(path: &Path) -> anyhow::Result<RuleSet> {
    let (sources, checked) = checked(path)?;
    show_problems(&sources, &checked)?;
    let errors = checked.problems.iter().filter(|problem| problem.severity == Severity::Error).count();
    let Some(rules) = checked.rule_set else {
        bail!("{} can't be used: {errors} {}", path.display(), if errors == 1 { "error" } else { "errors" });
    };
    Ok(rules)
}

/// What explains the decisions of a rule file that was checked.
pub(super) fn explainer(path: &Path) -> anyhow::Result<Explainer> {
    Ok(Explainer::of(&read(path)?)?)
}

/// The text of a rule file with those that it extends.
pub(super) fn read(path: &Path) -> anyhow::Result<Sources> {
    load_rules(path).with_context(|| format!("can't read the rule file {}", path.display()))
}

/// The lists of a rule set, from their files beside the rule file.
pub(super) fn lists(path: &Path, rules: &RuleSet) -> anyhow::Result<Lists> {
    Ok(load_lists(rules, path.parent().unwrap_or(Path::new("")))?)
}

/// The same with tokens for what is on lists about identifiers, where there is a key; the rule set must bear that.
pub(super) fn lists_with(path: &Path, rules: &RuleSet, tokens: Option<&Tokens>) -> anyhow::Result<Lists> {
    match tokens {
        Some(tokens) => Ok(Bundle::read(path)?.tokenised(tokens)?.load()?.lists),
        None => lists(path, rules),
    }
}

/// The rates of a rule set, from their file beside the rule file.
pub(super) fn rates(path: &Path, rules: &RuleSet) -> anyhow::Result<Rates> {
    Ok(load_rates(rules, path.parent().unwrap_or(Path::new("")))?)
}

/// Those that are no files of cases, so that a folder's `*.toml` can be named.
pub(super) fn without_cases(paths: &[PathBuf]) -> Vec<&PathBuf> {
    paths.iter().filter(|path| !path.to_string_lossy().ends_with(".cases.toml")).collect()
}

/// `rules/retail.toml` has its cases in `rules/retail.cases.toml`.
pub(super) fn cases_beside(path: &Path) -> PathBuf {
    path.with_extension("cases.toml")
}

/// The hash of a rule set as text.
pub(super) fn hash(rules: &RuleSet) -> String {
    rules.hash_text()
}
