//! What a part of an explanation must be, from what its own parts are: written apart from the engine's evaluation.

use std::cmp::Ordering;

use weir::rules::{Finding, Form, Quantity};

type Truth = Option<bool>;

fn and(parts: impl Iterator<Item = Truth>) -> Truth {
    let all: Vec<Truth> = parts.collect();
    if all.contains(&Some(false)) {
        Some(false)
    } else if all.contains(&None) {
        None
    } else {
        Some(true)
    }
}

fn not(truth: Truth) -> Truth {
    truth.map(|truth| !truth)
}

fn order(a: &Finding, b: &Finding) -> Option<Ordering> {
    match (a.value.as_ref()?, b.value.as_ref()?) {
        (Quantity::Whole(a, u), Quantity::Whole(b, v)) if u == v => Some(a.cmp(b)),
        (Quantity::Decimal(a, u), Quantity::Decimal(b, v)) if u == v => a.partial_cmp(b),
        (Quantity::Text(a), Quantity::Text(b)) => Some(a.cmp(b)),
        (Quantity::Truth(a), Quantity::Truth(b)) => Some(a.cmp(b)),
        (a, b) => panic!("{a:?} and {b:?} are compared"),
    }
}

fn compare(sign: &str, a: &Finding, b: &Finding) -> Truth {
    order(a, b).map(|order| match sign {
        "=" => order.is_eq(),
        "<>" => order.is_ne(),
        "<" => order.is_lt(),
        "<=" => order.is_le(),
        ">" => order.is_gt(),
        ">=" => order.is_ge(),
        other => panic!("no comparison: {other}"),
    })
}

/// The truth of a form from its parts; `None` where the form is no truth value or its parts do not say.
fn expected(finding: &Finding) -> Option<Truth> {
    let parts = &finding.parts;
    let truth = match &finding.form {
        Form::All => and(parts.iter().map(Finding::truth)),
        Form::Any => not(and(parts.iter().map(|part| not(part.truth())))),
        Form::Not => not(parts[0].truth()),
        Form::Is(truth) => Some(parts[0].truth() == *truth),
        Form::IsNull => Some(parts[0].value.is_none()),
        Form::Compare(sign) => compare(sign, &parts[0], &parts[1]),
        Form::Between => {
            and([compare("<=", &parts[1], &parts[0]), compare("<=", &parts[0], &parts[2])].into_iter())
        }
        Form::In => not(and(parts[1..].iter().map(|item| not(compare("=", &parts[0], item))))),
        _ => return None,
    };
    Some(if finding.negated { not(truth) } else { truth })
}

/// The part whose value a choice takes: inner `None` for null.
fn chosen(finding: &Finding) -> Option<Option<&Finding>> {
    let parts = &finding.parts;
    match finding.form {
        Form::Function("coalesce") => Some(parts.iter().find(|part| part.value.is_some())),
        Form::Function("nullif") => {
            Some((compare("=", &parts[0], &parts[1]) != Some(true)).then_some(&parts[0]))
        }
        Form::Case { operand, branches, otherwise } => {
            let asked = &parts[usize::from(operand)..][..branches];
            let results = &parts[usize::from(operand) + branches..];
            let holds = |asked: &Finding| match operand {
                true => compare("=", &parts[0], asked) == Some(true),
                false => asked.truth() == Some(true),
            };
            let at = asked.iter().position(holds);
            Some(at.or(otherwise.then_some(branches)).map(|at| &results[at]))
        }
        _ => None,
    }
}

/// The same value, be it held exactly or as a double.
fn same(a: Option<&Quantity>, b: Option<&Quantity>) -> bool {
    match (a, b) {
        (Some(Quantity::Decimal(a, u)), Some(Quantity::Whole(b, v))) => u == v && *a == *b as f64,
        (a, b) => a == b,
    }
}

/// Checks a part and all that it is made of.
pub(crate) fn check(finding: &Finding) -> Result<(), String> {
    if let Some(truth) = expected(finding)
        && truth != finding.truth()
    {
        return Err(format!(
            "`{}` is {:?}, its parts say {truth:?}: {finding:?}",
            finding.text,
            finding.truth()
        ));
    }
    if let Some(chosen) = chosen(finding)
        && !same(finding.value.as_ref(), chosen.and_then(|part| part.value.as_ref()))
    {
        return Err(format!("`{}` is not the value chosen: {finding:?}", finding.text));
    }
    finding.parts.iter().try_for_each(check)
}
