//! What an expression may come to in a region: values for values, truths for conditions.
//!
//! Mirrors how expressions are evaluated, and errs only by holding more possible than is.

use super::region::{Orders, Region, Term};
use super::values::{Domain, Outcomes, Values};
use super::world::{Tuning, World};
use crate::money::AMOUNT_MINOR_MAX;
use crate::rules::expr::Comparison;
use crate::rules::ruleset::Kinds;
use crate::rules::sql::tree::{Branches, Node, Operator, Tree, Trust};
use crate::rules::types::{Form, Type, Unit};

/// Which of true, false and unknown something may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Truths {
    pub(super) holds: bool,
    pub(super) fails: bool,
    pub(super) unknown: bool,
}

impl Truths {
    pub(super) const ALL: Self = Self { holds: true, fails: true, unknown: true };

    fn of(truth: Option<bool>) -> Self {
        Self { holds: truth == Some(true), fails: truth == Some(false), unknown: truth.is_none() }
    }

    /// Whether it may be this.
    pub(super) fn may(self, truth: Option<bool>) -> bool {
        match truth {
            Some(true) => self.holds,
            Some(false) => self.fails,
            None => self.unknown,
        }
    }

    fn turned(self) -> Self {
        Self { holds: self.fails, fails: self.holds, unknown: self.unknown }
    }
}

impl From<Domain<'_>> for Truths {
    fn from(domain: Domain<'_>) -> Self {
        let (holds, fails) = match domain.values {
            Values::None => (false, false),
            Values::Truth(holds, fails) => (holds, fails),
            _ => (true, true),
        };
        Self { holds, fails, unknown: domain.null }
    }
}

/// Reasons about conditions on events of some kinds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reasoner<'w, 't> {
    pub(super) world: &'w World<'t>,
    /// The kinds of event that the condition is about.
    pub(super) kinds: Kinds,
    pub(super) tuning: Tuning,
    /// Whether what is computed of known values may be null: arithmetic that overflows or divides by zero, the level
    /// of what is not on a list, money of which there is no rate.
    pub(super) overflows: bool,
}

/// An expression of one type may be this.
type Of<'r, 't> = &'r dyn Fn(&'t Tree) -> Domain<'t>;

impl<'t> Reasoner<'_, 't> {
    /// The term that an expression is, where it is one.
    pub(super) fn term(&self, tree: &Tree) -> Option<Term> {
        if let Some(name) = &tree.param {
            return self.world.param(name).map(Term::Param);
        }
        match tree.node {
            Node::BuiltIn(field) => Some(Term::BuiltIn(field)),
            Node::Extra(position, _) => Some(Term::Extra(position)),
            Node::Feature(position, Trust::Known) => Some(Term::Feature(position)),
            Node::Feature(position, Trust::AsItIs) => Some(Term::FeatureAsItIs(position)),
            Node::Quality(position) => Some(Term::Quality(position)),
            Node::Table(position, _) => Some(Term::Table(position)),
            _ => None,
        }
    }

    /// What a term may be.
    pub(super) fn held(&self, term: Term, region: &Region<'t>) -> Domain<'t> {
        region.get(term).cloned().unwrap_or_else(|| self.world.domain(term, self.kinds, self.tuning))
    }

    /// What an expression may be, taken as a value of this type.
    pub(super) fn value(&self, tree: &'t Tree, ty: Type, region: &Region<'t>) -> Domain<'t> {
        if !self.world.step() {
            return Domain::nullable(Values::Any);
        }
        match ty {
            Type::Boolean => {
                let truths = self.truths(tree, region);
                Domain { null: truths.unknown, values: Values::truth(truths.holds, truths.fails) }
            }
            Type::Text | Type::Words => self.text(tree, region),
            ty => match ty.as_number() {
                Some((unit, false)) => self.decimal(tree, unit, region),
                other => self.whole(tree, other.map_or(Unit::Plain, |(unit, _)| unit), region),
            },
        }
    }

    fn text(&self, tree: &'t Tree, region: &Region<'t>) -> Domain<'t> {
        if let Some(term) = self.term(tree) {
            return self.held(term, region);
        }
        match &tree.node {
            Node::Text(text) => Domain::known(Values::Words(vec![text])),
            _ => self.choice(tree, region, Values::Any, &|part| self.text(part, region)),
        }
    }

    fn whole(&self, tree: &'t Tree, unit: Unit, region: &Region<'t>) -> Domain<'t> {
        if let Some(term) = self.term(tree) {
            return self.held(term, region);
        }
        let of = |part: &'t Tree| self.whole(part, unit, region);
        let point = |value: Option<i64>| match value {
            Some(value) => Domain::known(Values::Whole(value, value)),
            None => Domain::nullable(Values::None),
        };
        match &tree.node {
            Node::Whole(value) => point(Some(*value)),
            Node::Literal(literal) => point(literal.whole(self.world.places(unit))),
            Node::ListLevel(text, _) => {
                let null = self.overflows || self.text(text, region).null;
                Domain { null, values: Values::Whole(i64::MIN, i64::MAX) }
            }
            // There may be no rate, and what it is worth is an amount.
            Node::Money(..) => Domain { null: self.overflows, values: Values::Whole(0, AMOUNT_MINOR_MAX) },
            Node::Negate(operand) => self.in_i64(of(operand), |low, high| (-high, -low)),
            Node::Absolute(operand) => self.in_i64(of(operand), |low, high| {
                let least = if low > 0 { low } else { (-high).max(0) };
                (least, high.max(-low))
            }),
            Node::Arithmetic(operator, sides, units) => {
                let (left, right) = operand_units(*operator, *units, unit);
                let sides = (self.whole(&sides.0, left, region), self.whole(&sides.1, right, region));
                self.arithmetic(*operator, sides.0, sides.1)
            }
            _ => self.choice(tree, region, Values::Whole(i64::MIN, i64::MAX), &of),
        }
    }

    fn decimal(&self, tree: &'t Tree, unit: Unit, region: &Region<'t>) -> Domain<'t> {
        let whole = matches!(tree.ty, Type::Number { whole: true, .. } | Type::Open(Form::Whole));
        if whole && !matches!(tree.node, Node::Literal(_)) {
            let domain = self.whole(tree, unit, region);
            return Domain { null: domain.null, values: domain.values.to_decimal() };
        }
        if let Some(term) = self.term(tree) {
            let domain = self.held(term, region);
            return Domain { null: domain.null, values: domain.values.to_decimal() };
        }
        let of = |part: &'t Tree| self.decimal(part, unit, region);
        match &tree.node {
            Node::Literal(literal) => match literal.decimal(self.world.places(unit)) {
                Some(value) => Domain::known(Values::Decimal(value, value)),
                None => Domain::nullable(Values::None),
            },
            Node::Negate(operand) => {
                let domain = of(operand);
                match domain.values {
                    Values::Decimal(low, high) => Domain { values: Values::Decimal(-high, -low), ..domain },
                    _ => domain,
                }
            }
            Node::Absolute(operand) => {
                let domain = of(operand);
                match domain.values {
                    Values::Decimal(low, high) => {
                        let least = if low > 0.0 { low } else { (-high).max(0.0) };
                        Domain { values: Values::Decimal(least, high.max(-low)), ..domain }
                    }
                    _ => domain,
                }
            }
            Node::Arithmetic(operator, sides, units) => {
                let (left, right) = operand_units(*operator, *units, unit);
                let sides = (self.decimal(&sides.0, left, region), self.decimal(&sides.1, right, region));
                self.decimal_arithmetic(*operator, sides.0, sides.1)
            }
            _ => self.choice(tree, region, Values::Decimal(f64::MIN, f64::MAX), &of),
        }
    }

    /// A computed range, which is null where it leaves 64 bits.
    fn in_i64(&self, domain: Domain<'t>, compute: impl Fn(i128, i128) -> (i128, i128)) -> Domain<'t> {
        let Values::Whole(low, high) = domain.values else { return domain };
        let (low, high) = compute(i128::from(low), i128::from(high));
        self.clamped(low, high, domain.null)
    }

    fn clamped(&self, low: i128, high: i128, null: bool) -> Domain<'t> {
        let (least, most) = (i128::from(i64::MIN), i128::from(i64::MAX));
        let leaves = low < least || high > most;
        let values = match (i64::try_from(low.max(least)), i64::try_from(high.min(most))) {
            (Ok(low), Ok(high)) => Values::whole(low, high),
            _ => Values::None,
        };
        // What certainly overflows is null, whoever asks.
        let certain = values == Values::None;
        Domain { null: null || certain || (leaves && self.overflows), values }
    }

    fn arithmetic(&self, operator: Operator, left: Domain<'t>, right: Domain<'t>) -> Domain<'t> {
        let null = left.null || right.null;
        let (a, b, c, d) = match (left.values, right.values) {
            (Values::None, _) | (_, Values::None) => return Domain { null, values: Values::None },
            (Values::Whole(a, b), Values::Whole(c, d)) => {
                (i128::from(a), i128::from(b), i128::from(c), i128::from(d))
            }
            _ => return Domain { null: null || self.overflows, values: Values::Whole(i64::MIN, i64::MAX) },
        };
        match operator {
            Operator::Add => self.clamped(a + c, b + d, null),
            Operator::Subtract => self.clamped(a - d, b - c, null),
            Operator::Multiply => {
                let corners = [a * c, a * d, b * c, b * d];
                let low = corners.into_iter().fold(i128::MAX, i128::min);
                let high = corners.into_iter().fold(i128::MIN, i128::max);
                self.clamped(low, high, null)
            }
            Operator::Remainder => {
                let zero = c <= 0 && d >= 0;
                let most = (c.abs().max(d.abs()) - 1).max(0);
                let low = if a < 0 { -most } else { 0 };
                let high = if b > 0 { most } else { 0 };
                self.clamped(low, high, null || (zero && self.overflows) || (c == 0 && d == 0))
            }
            // A quotient is never whole.
            Operator::Divide => Domain::nullable(Values::None),
        }
    }

    fn decimal_arithmetic(&self, operator: Operator, left: Domain<'t>, right: Domain<'t>) -> Domain<'t> {
        let null = left.null || right.null;
        let anything = Domain { null: null || self.overflows, values: Values::Decimal(f64::MIN, f64::MAX) };
        let (a, b, c, d) = match (left.values, right.values) {
            (Values::None, _) | (_, Values::None) => return Domain { null, values: Values::None },
            (Values::Decimal(a, b), Values::Decimal(c, d)) => (a, b, c, d),
            _ => return anything,
        };
        let corners = match operator {
            Operator::Add => [a + c, b + d, a + c, b + d],
            Operator::Subtract => [a - d, b - c, a - d, b - c],
            Operator::Multiply => [a * c, a * d, b * c, b * d],
            Operator::Divide if c > 0.0 || d < 0.0 => [a / c, a / d, b / c, b / d],
            Operator::Divide => return anything,
            // A remainder is always whole.
            Operator::Remainder => return Domain::nullable(Values::None),
        };
        let low = corners.into_iter().fold(f64::INFINITY, f64::min);
        let high = corners.into_iter().fold(f64::NEG_INFINITY, f64::max);
        let leaves = !low.is_finite() || !high.is_finite();
        if low > f64::MAX || high < f64::MIN {
            return Domain::nullable(Values::None);
        }
        Domain {
            null: null || (leaves && self.overflows),
            values: Values::decimal(low.max(f64::MIN), high.min(f64::MAX)),
        }
    }

    /// What picks one of several values; `top` is what anything else may be.
    fn choice(&self, tree: &'t Tree, region: &Region<'t>, top: Values<'t>, of: Of<'_, 't>) -> Domain<'t> {
        match &tree.node {
            Node::Null => Domain::nullable(Values::None),
            Node::Coalesce(parts) => {
                let mut all = Domain::known(Values::None);
                for part in parts {
                    let part = of(part);
                    let ends = !part.null;
                    all = all.join(part);
                    if ends {
                        return Domain { null: false, ..all };
                    }
                }
                all
            }
            Node::Least(parts) | Node::Greatest(parts) => {
                let mut known = false;
                let all = parts.iter().map(of).fold(Domain::known(Values::None), |all, part| {
                    known |= !part.null;
                    all.join(part)
                });
                Domain { null: !known, ..all }
            }
            Node::Nullif(parts) => Domain { null: true, ..of(&parts.0) },
            Node::Case(branches, results, otherwise) => {
                let mut all = Domain::known(Values::None);
                for (at, result) in results.iter().enumerate() {
                    let Branches::Searched(conditions) = branches else {
                        all = all.join(of(result));
                        continue;
                    };
                    let truths = conditions.get(at).map_or(Truths::ALL, |when| self.truths(when, region));
                    if truths.holds {
                        all = all.join(of(result));
                    }
                    if truths == Truths::of(Some(true)) {
                        return all;
                    }
                }
                all.join(otherwise.as_ref().map_or(Domain::nullable(Values::None), |tree| of(tree)))
            }
            _ => Domain::nullable(top),
        }
    }

    /// Which truth values a condition may have.
    pub(super) fn truths(&self, tree: &'t Tree, region: &Region<'t>) -> Truths {
        if !self.world.step() {
            return Truths::ALL;
        }
        if let Some(term) = self.term(tree) {
            return self.held(term, region).into();
        }
        match &tree.node {
            Node::Null => Truths::of(None),
            Node::Boolean(truth) => Truths::of(Some(*truth)),
            Node::Not(operand) => self.truths(operand, region).turned(),
            Node::All(parts) => self.every(parts, region),
            Node::Any(parts) => self.any(parts, region),
            Node::Is(operand, truth) => {
                let truths = self.truths(operand, region);
                let others = [Some(true), Some(false), None].into_iter().filter(|other| other != truth);
                let fails = others.into_iter().any(|other| truths.may(other));
                Truths { holds: truths.may(*truth), fails, unknown: false }
            }
            Node::IsNull(operand) => {
                let domain = self.value(operand, operand.ty, region);
                Truths { holds: domain.null, fails: domain.values != Values::None, unknown: false }
            }
            Node::Compare(comparison, sides, ty) => {
                let values = (self.value(&sides.0, *ty, region), self.value(&sides.1, *ty, region));
                let (holds, fails) = self.compared(*comparison, sides, *ty, region, (&values.0, &values.1));
                Truths { holds, fails, unknown: values.0.null || values.1.null }
            }
            Node::Between(parts, ty) => self.between(parts, *ty, region),
            Node::In(value, items, ty) => self.among(value, items, *ty, region),
            Node::Like(text, pattern) => {
                let domain = self.text(text, region);
                let (holds, fails) = match &domain.values {
                    Values::None => (false, false),
                    Values::Words(words) => (
                        words.iter().any(|word| pattern.matches(word)),
                        words.iter().any(|word| !pattern.matches(word)),
                    ),
                    _ => (true, true),
                };
                Truths { holds, fails, unknown: domain.null }
            }
            Node::Listed(text, _) => {
                let text = self.text(text, region);
                let known = text.values != Values::None;
                Truths { holds: known, fails: known, unknown: text.null }
            }
            Node::Met(..) => Truths { holds: true, fails: true, unknown: false },
            Node::Word(word, field) => {
                let term = Term::BuiltIn(crate::rules::names::BuiltIn::Text(*field));
                let (word, list) = (self.text(word, region), self.held(term, region));
                let known = word.values != Values::None && list.values != Values::None;
                Truths { holds: known, fails: known, unknown: word.null || list.null }
            }
            Node::Coalesce(_) | Node::Nullif(_) | Node::Case(..) => {
                let of = |part: &'t Tree| self.value(part, Type::Boolean, region);
                self.choice(tree, region, Values::Any, &of).into()
            }
            _ => Truths::ALL,
        }
    }

    fn every(&self, parts: &'t [Tree], region: &Region<'t>) -> Truths {
        let mut all = Truths::of(Some(true));
        for part in parts {
            let part = self.truths(part, region);
            all = Truths {
                holds: all.holds && part.holds,
                fails: all.fails || part.fails,
                unknown: (all.unknown && (part.unknown || part.holds))
                    || (part.unknown && (all.holds || all.unknown)),
            };
        }
        all
    }

    fn any(&self, parts: &'t [Tree], region: &Region<'t>) -> Truths {
        let mut any = Truths::of(Some(false));
        for part in parts {
            let part = self.truths(part, region).turned();
            let held = any.turned();
            any = Truths {
                holds: held.fails || part.fails,
                fails: held.holds && part.holds,
                unknown: (held.unknown && (part.unknown || part.holds))
                    || (part.unknown && (held.holds || held.unknown)),
            };
        }
        any
    }

    /// How two values of a comparison may compare; what the region says of their order is kept to.
    fn compared(
        &self,
        comparison: Comparison,
        sides: &'t (Tree, Tree),
        ty: Type,
        region: &Region<'t>,
        values: (&Domain<'t>, &Domain<'t>),
    ) -> Outcomes {
        let (holds, fails) = values.0.values.compare(comparison, &values.1.values);
        match self.ordered(sides, ty) {
            None => (holds, fails),
            Some((left, right)) => {
                let orders = region.orders(left, right);
                let may = |comparison| !orders.meet(Orders::of(comparison)).is_empty();
                (holds && may(comparison), fails && may(negated(comparison)))
            }
        }
    }

    /// The terms of a comparison whose order can be kept: both are terms, and rounding makes no two of them equal.
    pub(super) fn ordered(&self, sides: &(Tree, Tree), ty: Type) -> Option<(Term, Term)> {
        self.ordered_pair(&sides.0, &sides.1, ty)
    }

    /// The same of two expressions.
    pub(super) fn ordered_pair(&self, left: &Tree, right: &Tree, ty: Type) -> Option<(Term, Term)> {
        let whole = |ty: Type| matches!(ty, Type::Number { whole: true, .. });
        let rounded = whole(left.ty) && whole(right.ty) && !whole(ty);
        if rounded { None } else { self.term(left).zip(self.term(right)) }
    }

    fn between(&self, parts: &'t (Tree, Tree, Tree), ty: Type, region: &Region<'t>) -> Truths {
        let of = |tree: &'t Tree| self.value(tree, ty, region);
        let (value, low, high) = (of(&parts.0), of(&parts.1), of(&parts.2));
        let side = |bound: &'t Tree, domain: &Domain<'t>, comparison| {
            let (holds, fails) = value.values.compare(comparison, &domain.values);
            match self.ordered_pair(&parts.0, bound, ty) {
                None => (holds, fails),
                Some((left, right)) => {
                    let orders = region.orders(left, right);
                    let may = |comparison| !orders.meet(Orders::of(comparison)).is_empty();
                    (holds && may(comparison), fails && may(negated(comparison)))
                }
            }
        };
        let above = side(&parts.1, &low, Comparison::GreaterOrEqual);
        let below = side(&parts.2, &high, Comparison::LessOrEqual);
        let crossed = !low.values.compare(Comparison::LessOrEqual, &high.values).0;
        Truths {
            holds: above.0 && below.0 && !crossed,
            fails: above.1 || below.1,
            unknown: value.null || low.null || high.null,
        }
    }

    fn among(&self, value: &'t Tree, items: &'t [Tree], ty: Type, region: &Region<'t>) -> Truths {
        let domain = self.value(value, ty, region);
        let items: Vec<Domain<'t>> = items.iter().map(|item| self.value(item, ty, region)).collect();
        let equal = |item: &Domain<'t>| domain.values.compare(Comparison::Equal, &item.values);
        let covered = covers(&items, &domain.values);
        let known = domain.values != Values::None;
        Truths {
            holds: items.iter().any(|item| equal(item).0),
            fails: known && !covered && items.iter().all(|item| item.values == Values::None || equal(item).1),
            unknown: domain.null || items.iter().any(|item| item.null),
        }
    }
}

/// Up to so many whole numbers are looked at one by one.
const COUNTED_MAX: i128 = 64;

/// Whether each of these values is certainly one of the items.
fn covers(items: &[Domain<'_>], values: &Values<'_>) -> bool {
    let single = |values: &Values<'_>| items.iter().any(|item| !item.null && item.values == *values);
    match values {
        Values::Words(words) => words.iter().all(|word| single(&Values::Words(vec![word]))),
        Values::Whole(low, high) if i128::from(*high) - i128::from(*low) < COUNTED_MAX => {
            (*low..=*high).all(|value| single(&Values::Whole(value, value)))
        }
        _ => false,
    }
}

/// The units of the operands; literals take that of the result, but only one factor of a product does.
fn operand_units(operator: Operator, units: Option<(Unit, Unit)>, result: Unit) -> (Unit, Unit) {
    units.unwrap_or(match operator {
        Operator::Multiply | Operator::Divide => (result, Unit::Plain),
        Operator::Add | Operator::Subtract | Operator::Remainder => (result, result),
    })
}

/// What holds where `comparison` of known values does not.
pub(super) fn negated(comparison: Comparison) -> Comparison {
    match comparison {
        Comparison::Equal => Comparison::Unequal,
        Comparison::Unequal => Comparison::Equal,
        Comparison::Less => Comparison::GreaterOrEqual,
        Comparison::LessOrEqual => Comparison::Greater,
        Comparison::Greater => Comparison::LessOrEqual,
        Comparison::GreaterOrEqual => Comparison::Less,
    }
}

/// The same with its sides changed over.
pub(super) fn flipped(comparison: Comparison) -> Comparison {
    match comparison {
        Comparison::Equal | Comparison::Unequal => comparison,
        Comparison::Less => Comparison::Greater,
        Comparison::LessOrEqual => Comparison::GreaterOrEqual,
        Comparison::Greater => Comparison::Less,
        Comparison::GreaterOrEqual => Comparison::LessOrEqual,
    }
}
