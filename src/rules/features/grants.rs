//! `[policy] across`: the features whose keys are those of all tenants, granted by name.
//!
//! Promises that no file counts over other tenants' events unless the file that is compiled lets it.

use super::Declared;
use crate::rules::document::{Table, one_or_more, text};
use crate::rules::names::{did_you_mean, near};
use crate::rules::problem::{Problem, Problems};

/// Tells features across tenants that are not granted, and grants that say nothing.
pub(in crate::rules) fn check(root: &Table<'_>, features: &[Declared<'_>], problems: &mut Problems) {
    let policy = root.get("policy").and_then(|_| root.table(&mut Problems::default(), "policy", "[policy]"));
    let granted = policy.and_then(|policy| policy.get("across")).map(one_or_more).unwrap_or_default();
    let mut names: Vec<&str> = Vec::new();
    for item in granted {
        let Some(name) = text(root.file, problems, item) else { continue };
        let feature = features.iter().find(|declared| declared.name.text == name.value);
        let problem = match feature {
            _ if names.contains(&name.value) => {
                let message = format!("`{}` is granted twice", name.value);
                Problem::error(name.span.clone(), message, "the second time")
            }
            Some(declared) if declared.across.is_none() => {
                let message = format!("feature `{}` is not across tenants", name.value);
                Problem::error(name.span.clone(), message, "needs no grant")
                    .beside(declared.name.span.clone(), "this feature")
            }
            Some(_) => {
                names.push(name.value);
                continue;
            }
            None => {
                let known = features.iter().filter(|declared| declared.across.is_some());
                let near = did_you_mean(near(name.value, known.map(|declared| declared.name.text)));
                let message = format!("no feature is named `{}`", name.value.escape_debug());
                Problem::error(name.span.clone(), message, "not a feature").maybe_help(near)
            }
        };
        problems.push(problem);
    }
    for declared in features.iter().filter(|declared| !names.contains(&declared.name.text)) {
        if let Some(span) = &declared.across {
            let name = declared.name.text;
            let message = format!("feature `{name}` reads all tenants' events, and nobody grants it that");
            let problem = Problem::error(span.clone(), message, "not granted");
            problems.push(
                problem.help(format!("[policy] of the file that is compiled says: across = [\"{name}\"]")),
            );
        }
    }
}
