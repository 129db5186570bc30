//! Conditions, and parts of them, that are always or never true.
//!
//! Promises never to tell so of one that is not: what is told holds of every event and of every value of a
//! parameter within its bounds, or, where it says so, of the values that parameters have now.

use std::ops::Range;

use super::assume::Regions;
use super::reason::{Reasoner, Truths};
use super::region::{Region, Term};
use super::show;
use super::values::{Domain, Values};
use super::world::Tuning;
use crate::rules::expr::Comparison;
use crate::rules::names::BuiltIn;
use crate::rules::problem::{Problem, Problems};
use crate::rules::sql::Compiled;
use crate::rules::sql::tree::{Node, Tree};

/// Conditions joined of more parts than this are judged as a whole only.
const PARTS_MAX: usize = 12;

/// Whose condition it is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Subject<'a> {
    /// A rule, and whether it fires where its condition is unknown.
    Rule(&'a str, bool),
    /// A feature, by its `where`.
    Feature(&'a str),
    /// A feature, by the `where` of its `reset`.
    Reset(&'a str),
    /// A row of a table, counted from 1.
    Row(&'a str, usize),
}

/// Tells what is wrong with one condition.
pub(super) struct Judge<'a, 't> {
    pub(super) reasoner: Reasoner<'a, 't>,
    pub(super) subject: Subject<'a>,
    pub(super) condition: &'t Compiled<'t>,
    pub(super) problems: &'a mut Problems,
}

/// What makes a condition never true.
enum Culprit<'t> {
    One(&'t Tree),
    Pair(&'t Tree, &'t Tree),
}

impl<'t> Judge<'_, 't> {
    /// Judges the condition, and gives whether it is ever true; one that is a constant was told before.
    pub(super) fn judge(&mut self) -> bool {
        let tree = &self.condition.tree;
        if self.condition.condition.as_constant().is_some() && !self.reasoner.world.switches(tree) {
            return true;
        }
        self.reasoner.world.begin();
        if self.never(tree) {
            self.tell_never(tree);
            return false;
        }
        if self.tuned(tree) {
            let bounds = std::mem::replace(&mut self.reasoner.tuning, Tuning::Present);
            if self.never(tree) {
                self.tell_never(tree);
            }
            self.reasoner.tuning = bounds;
        }
        if self.always(tree) {
            let message = match self.subject {
                Subject::Rule(id, _) => format!("rule `{id}` fires on every payment"),
                Subject::Feature(name) => format!("the `where` of feature `{name}` leaves nothing out"),
                Subject::Reset(name) => format!("the `reset` of feature `{name}` leaves no such event out"),
                Subject::Row(table, at) => format!("row {at} of table `{table}` always holds"),
            };
            let problem = Problem::warning(self.at(tree), message, "always true");
            self.problems.push(problem.maybe_help(self.range_of(tree)));
            return true;
        }
        self.parts(tree, vec![Region::default()]);
        true
    }

    fn at(&self, tree: &Tree) -> Range<usize> {
        self.condition.text.locate(tree.span.clone())
    }

    fn text(&self, tree: &Tree) -> &'t str {
        self.condition.text.value.get(tree.span.clone()).unwrap_or_default()
    }

    fn never(&self, tree: &'t Tree) -> bool {
        self.reasoner.assume(tree, Some(true), vec![Region::default()]).is_empty()
    }

    fn always(&self, tree: &'t Tree) -> bool {
        let nowhere = |truth| self.reasoner.assume(tree, truth, vec![Region::default()]).is_empty();
        nowhere(Some(false)) && nowhere(None)
    }

    /// Whether it reads a parameter that could have another value within its bounds.
    fn tuned(&self, tree: &Tree) -> bool {
        !self.params(tree).is_empty()
    }

    /// The parameters with room to be tuned that an expression reads.
    fn params(&self, tree: &Tree) -> Vec<Term> {
        let mut params = Vec::new();
        tree.walk(&mut |part| {
            if let Some(term @ Term::Param(_)) = self.reasoner.term(part) {
                let world = self.reasoner.world;
                let of = |tuning| world.domain(term, self.reasoner.kinds, tuning);
                if of(Tuning::Bounds) != of(Tuning::Present) && !params.contains(&term) {
                    params.push(term);
                }
            }
        });
        params
    }

    fn tell_never(&mut self, tree: &'t Tree) {
        let culprit = self.culprit(tree);
        let (parts, params) = match &culprit {
            Culprit::One(part) => (vec![*part], self.params(part)),
            Culprit::Pair(one, other) => {
                (vec![*one, *other], [self.params(one), self.params(other)].concat())
            }
        };
        let unknown = !self.reasoner.assume(tree, None, vec![Region::default()]).is_empty();
        let what = match self.subject {
            Subject::Rule(id, true) if unknown => {
                format!("rule `{id}` fires only where its condition is unknown: it is never true")
            }
            Subject::Rule(id, _) => format!("rule `{id}` never fires: its condition is never true"),
            Subject::Feature(name) => {
                format!("no event contributes to feature `{name}`: its `where` is never true")
            }
            Subject::Reset(name) => {
                format!("nothing resets feature `{name}`: the `where` of its `reset` is never true")
            }
            Subject::Row(table, at) => {
                format!("row {at} of table `{table}` never holds: its condition is never true")
            }
        };
        let tuning = match self.reasoner.tuning {
            _ if params.is_empty() => "",
            Tuning::Bounds => ", whatever its parameters are within their bounds",
            Tuning::Present => ", as its parameters are now",
        };
        let message = format!("{what}{tuning}");
        let problem = match culprit {
            Culprit::One(part) => {
                let (label, help) = self.explain(part);
                Problem::warning(self.at(part), message, label).maybe_help(help)
            }
            Culprit::Pair(one, other) => {
                Problem::warning(self.at(other), message, "never true together with that")
                    .beside(self.at(one), "never true together with this")
            }
        };
        let values = if self.reasoner.tuning == Tuning::Present { self.values_of(&parts) } else { None };
        self.problems.push(problem.maybe_help(values));
    }

    /// What the parameters of these parts are now.
    fn values_of(&self, parts: &[&Tree]) -> Option<String> {
        let mut told: Vec<String> = Vec::new();
        for part in parts {
            part.walk(&mut |tree| {
                let Some(name) = &tree.param else { return };
                let Some(term) = self.reasoner.term(tree) else { return };
                let domain = self.reasoner.held(term, &Region::default());
                let said = show::value(&domain.values, tree.ty, self.reasoner.world.currency)
                    .map(|value| format!("`{name}` is {value}"));
                told.extend(said.filter(|said| !told.contains(said)));
            });
        }
        (!told.is_empty()).then(|| told.join(", "))
    }

    /// The smallest part, or pair of parts, that is never true.
    fn culprit(&self, tree: &'t Tree) -> Culprit<'t> {
        let Node::All(parts) = &tree.node else { return Culprit::One(tree) };
        if let Some(part) = parts.iter().find(|part| self.never(part)) {
            return self.culprit(part);
        }
        let parts = parts.get(..PARTS_MAX).unwrap_or(parts);
        for (at, one) in parts.iter().enumerate() {
            for other in parts.iter().skip(at + 1) {
                let both = [one, other].into_iter();
                if self.reasoner.assume_all(both, Some(true), vec![Region::default()]).is_empty() {
                    return Culprit::Pair(one, other);
                }
            }
        }
        Culprit::One(tree)
    }

    /// Why a part is never true, and what to write instead.
    fn explain(&self, tree: &'t Tree) -> (String, Option<String>) {
        if let Node::Between(parts, ty) = &tree.node {
            let of = |tree| self.reasoner.value(tree, *ty, &Region::default()).values;
            let crossed = !of(&parts.1).compare(Comparison::LessOrEqual, &of(&parts.2)).0;
            if crossed {
                let (value, low, high) = (self.text(&parts.0), self.text(&parts.1), self.text(&parts.2));
                let help = if self.reasoner.term(&parts.0) == Some(Term::BuiltIn(BuiltIn::Hour)) {
                    format!("write `{value} >= {low} or {value} <= {high}`")
                } else {
                    format!("write the smaller one first: `{value} between {high} and {low}`")
                };
                return (format!("{low} is above {high}"), Some(help));
            }
        }
        match self.range_of(tree) {
            Some(range) => (range, None),
            None => ("never true".to_owned(), None),
        }
    }

    /// What the term that is asked of can be: "`hour` is 0 to 23".
    fn range_of(&self, tree: &'t Tree) -> Option<String> {
        let asked = match &tree.node {
            Node::Compare(_, sides, _) => [&sides.0, &sides.1].into_iter().find(|side| !side.constant)?,
            Node::Between(parts, _) => &parts.0,
            Node::In(value, ..) => value,
            Node::Not(operand) => return self.range_of(operand),
            _ => return None,
        };
        let term = self.reasoner.term(asked)?;
        let Domain { values, .. } = self.reasoner.held(term, &Region::default());
        let name = self.reasoner.world.name(term);
        if values == Values::Other(vec![""]) {
            return Some(format!("`{name}` is never empty; where it is absent it is null"));
        }
        let shown = show::values(&values, asked.ty, self.reasoner.world.currency)?;
        Some(format!("`{name}` is {shown}"))
    }

    /// Tells parts of a condition that decide nothing, where the condition around them holds in these regions.
    fn parts(&mut self, tree: &'t Tree, around: Regions<'t>) {
        match &tree.node {
            Node::All(parts) if parts.len() <= PARTS_MAX => {
                let mut needless: Vec<usize> = Vec::new();
                for (at, part) in parts.iter().enumerate().filter(|(_, part)| !part.constant) {
                    let kept = |other: &usize| *other != at && !needless.contains(other);
                    let others =
                        parts.iter().enumerate().filter(|(other, _)| kept(other)).map(|(_, part)| part);
                    let beside = self.reasoner.assume_all(others, Some(true), around.clone());
                    if self.always(part) {
                        let problem = Problem::warning(
                            self.at(part),
                            "this part of the condition is always true",
                            "adds nothing",
                        );
                        self.problems.push(problem.maybe_help(self.range_of(part)));
                    } else if self.implied(part, &beside) {
                        needless.push(at);
                        let message =
                            "this part of the condition adds nothing: the other parts already say it";
                        self.problems.push(Problem::warning(
                            self.at(part),
                            message,
                            "true wherever the others are",
                        ));
                    } else {
                        self.parts(part, beside);
                    }
                }
            }
            Node::Any(parts) if parts.len() <= PARTS_MAX => self.alternatives(parts, around),
            _ => {}
        }
    }

    fn alternatives(&mut self, parts: &'t [Tree], around: Regions<'t>) {
        let mut needless: Vec<usize> = Vec::new();
        for (at, part) in parts.iter().enumerate() {
            if part.constant {
                continue;
            }
            if self.reasoner.assume(part, Some(true), around.clone()).is_empty() {
                let (message, (label, help)) = if self.never(part) {
                    ("this part of the condition is never true", self.explain(part))
                } else {
                    let label = "the parts around it rule it out".to_owned();
                    ("this part of the condition is never true here", (label, None))
                };
                self.problems.push(Problem::warning(self.at(part), message, label).maybe_help(help));
                needless.push(at);
                continue;
            }
            let wider = parts.iter().enumerate().find(|(other, wider)| {
                *other != at && !needless.contains(other) && self.within(part, wider, &around)
            });
            if let Some((_, wider)) = wider {
                let message = "this part of the condition adds nothing: another part holds wherever it does";
                let problem = Problem::warning(self.at(part), message, "needless")
                    .beside(self.at(wider), "holds there too");
                self.problems.push(problem);
                needless.push(at);
                continue;
            }
            self.parts(part, around.clone());
        }
    }

    /// Whether a part is told to add nothing at all: comparisons of what no parameter moves, since a guard against
    /// null and a threshold that is tuned later are meant as they stand.
    fn is_plain(&self, part: &Tree) -> bool {
        let mut tuned = false;
        part.walk(&mut |tree| tuned |= tree.param.is_some());
        !tuned && matches!(part.node, Node::Compare(..) | Node::Between(..) | Node::In(..))
    }

    fn silent(&self) -> bool {
        !matches!(self.subject, Subject::Rule(_, true) | Subject::Row(..))
    }

    /// Whether a part is true wherever the others are.
    fn implied(&self, part: &'t Tree, beside: &[Region<'t>]) -> bool {
        let only_true = Truths { holds: true, fails: false, unknown: false };
        self.silent() && self.is_plain(part) && self.reasoner.truths_in(part, beside) == only_true
    }

    /// Whether one part is true only where the other is.
    fn within(&self, part: &'t Tree, wider: &'t Tree, around: &[Region<'t>]) -> bool {
        let without = [Some(false), None].into_iter().all(|truth| {
            let outside = self.reasoner.assume(wider, truth, around.to_vec());
            self.reasoner.assume(part, Some(true), outside).is_empty()
        });
        self.silent() && self.is_plain(part) && self.is_plain(wider) && without
    }
}
