//! Rules that a rule of a stronger tier makes needless, or contradicts.
//!
//! A rule lies within another where its regions, which leave out no place where it fires, are all inside the other's
//! condition. Promises never to tell so where there is a payment for which it is not; looks at a bounded number of pairs.

use std::collections::BTreeSet;

use super::assume::Regions;
use super::reason::Reasoner;
use super::region::{Region, Term};
use crate::decision::Outcome;
use crate::rules::problem::{Problem, Problems};
use crate::rules::rule::Declared;
use crate::rules::ruleset::{Action, Mode, OnUnknown, Policy, Rule, Tier};

/// Most pairs of rules of which one is looked for within the other; beyond them nothing is told.
const PAIRS_MAX: usize = 50_000;

/// A rule with what is read to find it quickly.
struct Known<'t> {
    declared: &'t Declared<'t>,
    terms: BTreeSet<Term>,
    /// A bit for each term, several terms to a bit.
    mask: u64,
}

/// Tells the rules that stronger ones leave nothing to.
pub(super) fn tell<'t>(
    reasoner: &Reasoner<'_, 't>,
    rules: &'t [Declared<'t>],
    policy: &Policy,
    problems: &mut Problems,
) {
    let live = |declared: &&'t Declared<'t>| declared.rule.mode == Mode::Live;
    let strong = |declared: &&'t Declared<'t>| {
        let rule = &declared.rule;
        rule.tier != Tier::Normal && rule.rollout.is_none() && rule.breaker.is_none()
    };
    let stronger: Vec<Known<'t>> =
        rules.iter().filter(live).filter(strong).map(|declared| Known::new(reasoner, declared)).collect();
    if stronger.is_empty() {
        return;
    }
    let mut pairs = 0;
    for weaker in rules.iter().filter(live).filter(|declared| declared.rule.tier != Tier::Mandatory) {
        let weaker = Known::new(reasoner, weaker);
        let mut regions: Option<Regions<'t>> = None;
        for strong in stronger.iter().filter(|strong| strong.mask & !weaker.mask == 0) {
            let (weak, rule) = (&weaker.declared.rule, &strong.declared.rule);
            let Some(consequence) = consequence(rule, weak, policy, rules) else { continue };
            let looks = rule.from == weak.from && covers_tenants(rule, weak) && covers_dates(rule, weak);
            if !strong.terms.is_subset(&weaker.terms) || !looks {
                continue;
            }
            pairs += 1;
            if pairs > PAIRS_MAX {
                return;
            }
            reasoner.world.begin();
            let regions = regions.get_or_insert_with(|| fires_in(reasoner, weaker.declared));
            // A condition that never holds was told as that.
            if !regions.is_empty() && holds_in(reasoner, strong.declared, regions) {
                let id = &rule.id;
                let label = format!("lies within the condition of `{id}`");
                let problem =
                    Problem::warning(weaker.declared.condition.text.span.clone(), consequence, label).beside(
                        strong.declared.condition.text.span.clone(),
                        format!("`{id}` holds there too"),
                    );
                problems.push(problem);
                break;
            }
        }
    }
}

impl<'t> Known<'t> {
    fn new(reasoner: &Reasoner<'_, 't>, declared: &'t Declared<'t>) -> Self {
        let mut terms = BTreeSet::new();
        declared.condition.tree.walk(&mut |part| {
            terms.extend(reasoner.term(part).filter(|term| !matches!(term, Term::Param(_))));
        });
        let bit = |term: &Term| match term {
            Term::BuiltIn(field) => field.name().bytes().fold(7_u64, |sum, b| sum * 31 % 61 + u64::from(b)),
            Term::Extra(at)
            | Term::Feature(at)
            | Term::FeatureAsItIs(at)
            | Term::Quality(at)
            | Term::Table(at)
            | Term::Param(at) => *at as u64,
        };
        let mask = terms.iter().fold(0, |mask, term| mask | 1 << (bit(term) % 64));
        Self { declared, terms, mask }
    }
}

/// What the stronger rule leaves of the weaker one where both fire; `None` where it leaves something.
fn consequence(strong: &Rule, weak: &Rule, policy: &Policy, rules: &[Declared<'_>]) -> Option<String> {
    let (id, by) = (&weak.id, &strong.id);
    match (strong.tier, weak.tier) {
        (Tier::Mandatory, Tier::Override) => {
            (strong.then == Some(Action::Outcome(Outcome::Block))).then(|| {
                format!(
                    "override `{id}` lets nothing through: mandatory rule `{by}` blocks wherever it holds"
                )
            })
        }
        (Tier::Mandatory, Tier::Normal) => already_done(strong, weak, policy).then(|| {
            format!("rule `{id}` changes no outcome: mandatory rule `{by}` does as much wherever it fires")
        }),
        (Tier::Override, Tier::Normal) => {
            let named = strong.overrides.iter().filter_map(|at| rules.get(usize::from(*at)));
            named
                .into_iter()
                .any(|declared| declared.rule.id == *id)
                .then(|| format!("rule `{id}` never acts: `{by}` overrides it wherever it fires"))
        }
        _ => None,
    }
}

/// Whether all that the weaker rule asks for has been asked for by the stronger one.
fn already_done(strong: &Rule, weak: &Rule, policy: &Policy) -> bool {
    // What the customer is told is part of what it does.
    if weak.customer.is_some() && weak.customer != strong.customer {
        return false;
    }
    // Nor does a stronger rule put a mark on a payment that it does not have itself.
    if weak.tags & !strong.tags != 0 || weak.oblige & !strong.oblige != 0 {
        return false;
    }
    match strong.then {
        // No score, and no requirement, can change a block.
        Some(Action::Outcome(Outcome::Block)) => weak.then != Some(Action::Alert),
        Some(Action::Outcome(Outcome::StepUp)) => {
            let asked =
                |rule: &Rule| if rule.auth.is_empty() { policy.auth.clone() } else { rule.auth.clone() };
            let (held, wanted) = (asked(strong), asked(weak));
            let met = wanted.iter().all(|any| held.iter().any(|narrower| narrower & !any == 0));
            weak.then == strong.then && weak.score == 0 && met
        }
        Some(Action::Alert) => weak.then == strong.then && weak.score == 0,
        _ => false,
    }
}

/// Whether the stronger rule looks at all tenants' payments that the weaker one looks at.
fn covers_tenants(strong: &Rule, weak: &Rule) -> bool {
    let all = strong.tenants.is_empty();
    all || (!weak.tenants.is_empty() && weak.tenants.iter().all(|tenant| strong.tenants.contains(tenant)))
}

/// Whether the stronger rule looks at payments whenever the weaker one does.
fn covers_dates(strong: &Rule, weak: &Rule) -> bool {
    let from = strong.valid_from_us.is_none_or(|from| weak.valid_from_us.is_some_and(|weak| from <= weak));
    let until =
        strong.valid_until_us.is_none_or(|until| weak.valid_until_us.is_some_and(|weak| weak <= until));
    from && until
}

/// Where a rule fires.
fn fires_in<'t>(reasoner: &Reasoner<'_, 't>, declared: &'t Declared<'t>) -> Regions<'t> {
    let tree = &declared.condition.tree;
    let mut regions = reasoner.assume(tree, Some(true), vec![Region::default()]);
    if declared.rule.on_unknown == OnUnknown::Fires {
        regions.extend(reasoner.assume(tree, None, vec![Region::default()]));
    }
    regions
}

/// Whether a rule fires all over these regions.
fn holds_in<'t>(reasoner: &Reasoner<'_, 't>, declared: &'t Declared<'t>, regions: &[Region<'t>]) -> bool {
    let tree = &declared.condition.tree;
    let nowhere = |truth| reasoner.assume(tree, truth, regions.to_vec()).is_empty();
    nowhere(Some(false)) && (declared.rule.on_unknown == OnUnknown::Fires || nowhere(None))
}
