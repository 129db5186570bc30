//! Where a condition can be true, false or unknown, as regions that leave out no such place and may hold others.

use super::reason::{Reasoner, Truths, flipped, negated};
use super::region::Term;
use super::region::{Orders, Region};
use super::values::{Domain, Values};
use crate::rules::expr::Comparison;
use crate::rules::names::BuiltIn;
use crate::rules::sql::tree::{Node, Tree};
use crate::rules::types::Type;

/// Most regions that are kept apart; where there would be more, a part of the condition is not looked into.
const REGIONS_MAX: usize = 16;

/// Regions of which at least one holds; none of them: it cannot be.
pub(super) type Regions<'t> = Vec<Region<'t>>;

impl<'t> Reasoner<'_, 't> {
    /// Where in these regions the condition may have this truth value.
    pub(super) fn assume(&self, tree: &'t Tree, truth: Option<bool>, regions: Regions<'t>) -> Regions<'t> {
        let mut found = Regions::new();
        let count = regions.len();
        for (at, region) in regions.into_iter().enumerate() {
            let inside = self.assume_in(tree, truth, &region);
            if found.len() + inside.len() + (count - at) > REGIONS_MAX.max(count) {
                found.push(region);
            } else {
                found.extend(inside);
            }
        }
        found
    }

    /// Where all of these conditions may have this truth value.
    pub(super) fn assume_all<'a>(
        &self,
        trees: impl Iterator<Item = &'t Tree> + Clone,
        truth: Option<bool>,
        regions: Regions<'t>,
    ) -> Regions<'t> {
        let pass = |regions| trees.clone().fold(regions, |regions, tree| self.assume(tree, truth, regions));
        let regions = pass(regions);
        // What a later part says of one term may tell more of another that an earlier part compared with it.
        if regions.iter().any(Region::relates) { pass(regions) } else { regions }
    }

    fn assume_in(&self, tree: &'t Tree, truth: Option<bool>, region: &Region<'t>) -> Regions<'t> {
        let here = || vec![region.clone()];
        if !self.world.step() {
            return here();
        }
        if !self.truths(tree, region).may(truth) {
            return Regions::new();
        }
        let one = |region: Option<Region<'t>>| region.into_iter().collect();
        if let Some(term) = self.term(tree) {
            return one(self.assume_term(term, truth, region));
        }
        match (&tree.node, truth) {
            (Node::Not(operand), _) => self.assume(operand, truth.map(|truth| !truth), here()),
            (Node::All(parts), Some(true)) => self.assume_all(parts.iter(), truth, here()),
            (Node::Any(parts), Some(false)) => self.assume_all(parts.iter(), truth, here()),
            (Node::All(parts) | Node::Any(parts), _) => {
                let each = parts.iter().map(|part| self.assume(part, truth, here()));
                self.union(each, region)
            }
            (Node::Is(operand, asked), Some(holds)) => {
                let truths = [Some(true), Some(false), None].into_iter();
                let each = truths.filter(|truth| (truth == asked) == holds);
                self.union(each.map(|truth| self.assume(operand, truth, here())), region)
            }
            (Node::IsNull(operand), Some(holds)) => match self.term(operand) {
                Some(term) => {
                    let held = self.held(term, region);
                    let domain = if holds {
                        Domain { null: held.null, values: Values::None }
                    } else {
                        Domain { null: false, ..held }
                    };
                    one(with(region.clone(), term, domain))
                }
                None => here(),
            },
            (Node::Compare(comparison, sides, Type::Boolean), Some(holds)) => {
                let equal = (*comparison == Comparison::Equal) == holds;
                let each = [true, false].into_iter().map(|left| {
                    let regions = self.assume(&sides.0, Some(left), here());
                    self.assume(&sides.1, Some(left == equal), regions)
                });
                self.union(each, region)
            }
            (Node::Compare(comparison, sides, ty), Some(holds)) => {
                let comparison = if holds { *comparison } else { negated(*comparison) };
                one(self.assume_compared(comparison, (&sides.0, &sides.1), *ty, region.clone()))
            }
            (Node::Compare(_, sides, ty), None) => {
                self.assume_null([&sides.0, &sides.1].into_iter(), *ty, region)
            }
            (Node::Between(parts, ty), Some(holds)) => {
                let sides = [(&parts.1, Comparison::GreaterOrEqual), (&parts.2, Comparison::LessOrEqual)];
                if holds {
                    let both = sides.into_iter().try_fold(region.clone(), |region, (bound, comparison)| {
                        self.assume_compared(comparison, (&parts.0, bound), *ty, region)
                    });
                    return one(both);
                }
                let each = sides.into_iter().map(|(bound, comparison)| {
                    one(self.assume_compared(negated(comparison), (&parts.0, bound), *ty, region.clone()))
                });
                self.union(each, region)
            }
            (Node::Between(parts, ty), None) => {
                self.assume_null([&parts.0, &parts.1, &parts.2].into_iter(), *ty, region)
            }
            (Node::In(value, items, ty), Some(holds)) => {
                one(self.assume_among(value, items, *ty, holds, region))
            }
            (Node::In(value, items, ty), None) => {
                self.assume_null(std::iter::once(&**value).chain(items), *ty, region)
            }
            (Node::Like(text, pattern), Some(holds)) => match self.term(text) {
                Some(term) => {
                    let values = match self.held(term, region).values {
                        Values::Words(words) => Values::words(
                            words.into_iter().filter(|word| pattern.matches(word) == holds).collect(),
                        ),
                        values => values,
                    };
                    one(with(region.clone(), term, Domain::known(values)))
                }
                None => here(),
            },
            (Node::Listed(text, _), None) => self.assume_null(std::iter::once(&**text), Type::Text, region),
            (Node::Listed(text, _), Some(_)) => match self.term(text) {
                Some(term) => {
                    let known = Domain { null: false, ..self.held(term, region) };
                    one(with(region.clone(), term, known))
                }
                None => here(),
            },
            (Node::Word(_, field), Some(_)) => {
                let term = Term::BuiltIn(BuiltIn::Text(*field));
                let known = Domain { null: false, ..self.held(term, region) };
                one(with(region.clone(), term, known))
            }
            _ => here(),
        }
    }

    /// All of these, or the region itself where they are too many.
    fn union(&self, each: impl Iterator<Item = Regions<'t>>, region: &Region<'t>) -> Regions<'t> {
        let mut all = Regions::new();
        for regions in each {
            // What is nowhere narrower than the region makes the others needless.
            if regions.iter().any(|found| found == region) || all.len() + regions.len() > REGIONS_MAX {
                return vec![region.clone()];
            }
            all.extend(regions);
        }
        all
    }

    fn assume_term(&self, term: Term, truth: Option<bool>, region: &Region<'t>) -> Option<Region<'t>> {
        let held = self.held(term, region);
        let domain = match truth {
            None => Domain { null: held.null, values: Values::None },
            Some(truth) => Domain::known(held.values.meet(&Values::Truth(truth, !truth))),
        };
        with(region.clone(), term, domain)
    }

    /// Where one of these is null.
    fn assume_null(
        &self,
        operands: impl Iterator<Item = &'t Tree>,
        ty: Type,
        region: &Region<'t>,
    ) -> Regions<'t> {
        let each = operands.map(|operand| match self.term(operand) {
            Some(term) => {
                let held = self.held(term, region);
                let null = Domain { null: held.null, values: Values::None };
                with(region.clone(), term, null).into_iter().collect()
            }
            None if self.value(operand, ty, region).null => vec![region.clone()],
            None => Regions::new(),
        });
        self.union(each, region)
    }

    /// Where this comparison of known values holds.
    fn assume_compared(
        &self,
        comparison: Comparison,
        (left, right): (&'t Tree, &'t Tree),
        ty: Type,
        mut region: Region<'t>,
    ) -> Option<Region<'t>> {
        if let Some((a, b)) = self.ordered_pair(left, right, ty) {
            let orders = region.orders(a, b).meet(Orders::of(comparison));
            if orders.is_empty() {
                return None;
            }
            if a != b {
                region.set_orders(a, b, orders);
            }
        }
        for (one, comparison, other) in [(left, comparison, right), (right, flipped(comparison), left)] {
            let bound = self.value(other, ty, &region).values;
            let Some(term) = self.term(one) else {
                let possible = self.value(one, ty, &region).values.compare(comparison, &bound).0;
                if possible {
                    continue;
                }
                return None;
            };
            let values = self.held(term, &region).values.narrow(comparison, &bound);
            region = with(region, term, Domain::known(values))?;
        }
        Some(region)
    }

    fn assume_among(
        &self,
        value: &'t Tree,
        items: &'t [Tree],
        ty: Type,
        holds: bool,
        region: &Region<'t>,
    ) -> Option<Region<'t>> {
        let Some(term) = self.term(value) else { return Some(region.clone()) };
        let items = || items.iter().map(|item| self.value(item, ty, region));
        let mut values = self.held(term, region).values;
        if holds {
            let any = items().fold(Domain::known(Values::None), Domain::join).values;
            values = values.narrow(Comparison::Equal, &any);
        } else {
            for item in items().filter(|item| !item.null) {
                values = values.narrow(Comparison::Unequal, &item.values);
            }
        }
        with(region.clone(), term, Domain::known(values))
    }
}

/// The region with this said of a term; `None` where there is nothing that it can be.
fn with<'t>(mut region: Region<'t>, term: Term, domain: Domain<'t>) -> Option<Region<'t>> {
    if domain.is_empty() {
        return None;
    }
    region.set(term, domain);
    Some(region)
}

impl<'t> Reasoner<'_, 't> {
    /// Which truth values a condition may have somewhere in these regions.
    pub(super) fn truths_in(&self, tree: &'t Tree, regions: &[Region<'t>]) -> Truths {
        regions.iter().map(|region| self.truths(tree, region)).fold(Truths::default(), |all, truths| Truths {
            holds: all.holds || truths.holds,
            fails: all.fails || truths.fails,
            unknown: all.unknown || truths.unknown,
        })
    }
}
