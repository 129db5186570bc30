//! What a sweep comes to: which engines are needed, and which rules have which conditions beside them.
//!
//! A parameter inside a feature, a lock or the dialogue changes what the engine keeps: each combination of the values of those needs an
//! engine of its own, with all others beside it. Any other parameter stands in conditions of rules and tables alone, and each
//! condition is compiled once for each combination of the parameters that it names, not for each of all.

use std::collections::BTreeMap;

use super::SweepError;
use super::grid::Grid;
use super::held::{Varied, Version};
use crate::event::Kind;
use crate::rules::{Condition, Mode, RuleSet, Sources, Table};

/// Most engines of one sweep, beside that of the rule file as it is.
pub const ENGINES_MAX: usize = 16;

/// Values of some axes, as positions: the same numbers as a combination has there.
type Assignment = Vec<usize>;

/// A part of a sweep that has an engine of its own.
#[derive(Debug)]
pub(super) struct Group {
    /// Its combinations, ascending.
    pub(super) combinations: Vec<usize>,
    /// One of them: the others have the same in all that the engine keeps.
    first: Vec<usize>,
}

/// All that is to be done.
pub(super) struct Plan<'a> {
    sources: &'a Sources,
    grid: &'a Grid,
    /// The rule file as it is.
    base: &'a RuleSet,
    /// Those that the engine keeps something for.
    kept: Vec<usize>,
    pub(super) groups: Vec<Group>,
    /// The rules that vary beside the engines, ascending.
    pub(super) varied: Vec<Varied>,
    pub(super) versions: Vec<Version>,
}

impl<'a> Plan<'a> {
    /// Each combination with an engine of its own, whatever varies.
    pub(super) fn afresh(
        sources: &'a Sources,
        grid: &'a Grid,
        base: &'a RuleSet,
        combinations: &[Vec<usize>],
    ) -> Self {
        let group =
            |(at, first): (usize, &Vec<usize>)| Group { combinations: vec![at], first: first.clone() };
        let groups = combinations.iter().enumerate().map(group).collect();
        let kept = (0..grid.axes.len()).collect();
        Self { sources, grid, base, kept, groups, varied: Vec::new(), versions: Vec::new() }
    }

    /// As few engines as there can be.
    pub(super) fn shared(
        sources: &'a Sources,
        grid: &'a Grid,
        base: &'a RuleSet,
        combinations: &[Vec<usize>],
    ) -> Result<Self, SweepError> {
        let kept: Vec<usize> = (0..grid.axes.len()).filter(|&at| is_kept(grid, at)).collect();
        let (assignments, group_of) = project(&kept, combinations);
        if assignments.len() > ENGINES_MAX + 1 {
            return Err(SweepError::Engines(inside(grid, &kept)));
        }
        let mut groups: Vec<Group> = Vec::with_capacity(assignments.len());
        for (at, &group) in group_of.iter().enumerate() {
            match groups.get_mut(group as usize) {
                Some(group) => group.combinations.push(at),
                None => groups.push(Group {
                    combinations: vec![at],
                    first: combinations.get(at).cloned().unwrap_or_default(),
                }),
            }
        }
        let mut plan = Self { sources, grid, base, kept, groups, varied: Vec::new(), versions: Vec::new() };
        plan.vary(combinations)?;
        Ok(plan)
    }

    /// The rule set of a group: what its engine decides by.
    pub(super) fn rules(&self, group: &Group) -> Result<RuleSet, SweepError> {
        self.compile(&self.kept, &group.first)
    }

    fn compile(&self, axes: &[usize], combination: &[usize]) -> Result<RuleSet, SweepError> {
        let values = self.grid.values(axes, combination);
        let refused = |why| {
            let write = |(parameter, value): &(&crate::rules::Parameter, &crate::rules::Quantity)| {
                format!("{} = {}", parameter.name, parameter.write(value))
            };
            let with = values.iter().map(write).collect::<Vec<_>>().join(", ");
            SweepError::Refused { with, why }
        };
        if values.iter().all(|(parameter, value)| parameter.value == **value) {
            return Ok(self.base.clone());
        }
        self.sources.with_values(&values).rule_set().map_err(refused)
    }

    /// Finds the rules that vary beside the engines, with their conditions.
    fn vary(&mut self, combinations: &[Vec<usize>]) -> Result<(), SweepError> {
        let mut by_axes: BTreeMap<Vec<usize>, Vec<u16>> = BTreeMap::new();
        for (at, rule) in (0..).zip(&self.base.rules) {
            let axes: Vec<usize> =
                (0..self.grid.axes.len()).filter(|&axis| self.names(axis, at, &rule.tables)).collect();
            let decides = rule.from == Kind::Transaction && rule.mode == Mode::Live;
            if decides && axes.iter().any(|axis| !self.kept.contains(axis)) {
                by_axes.entry(axes).or_default().push(at);
            }
        }
        let mut versions = Versions::default();
        for (axes, rules) in by_axes {
            let (assignments, variant_of) = project(&axes, combinations);
            let mut variants: Vec<Vec<(Condition, Option<usize>)>> = vec![Vec::new(); rules.len()];
            for assignment in &assignments {
                let mut combination = vec![0; self.grid.axes.len()];
                for (&axis, &value) in axes.iter().zip(assignment) {
                    if let Some(held) = combination.get_mut(axis) {
                        *held = value;
                    }
                }
                let set = self.compile(&axes, &combination)?;
                for (&at, variants) in rules.iter().zip(&mut variants) {
                    let Some(rule) = set.rules.get(usize::from(at)) else { continue };
                    let version = self.version(&rule.tables, &combination, &set, &mut versions);
                    variants.push((rule.when.clone(), version));
                }
            }
            for (&at, variants) in rules.iter().zip(&variants) {
                let Some(rule) = self.base.rules.get(usize::from(at)) else { continue };
                self.varied.push(Varied::new(at, rule.clone(), variants, variant_of.clone()));
            }
        }
        self.varied.sort_by_key(|varied| varied.at);
        self.versions = versions.all;
        Ok(())
    }

    /// Whether a rule that reads these tables names an axis, itself or through them.
    fn names(&self, axis: usize, rule: u16, tables: &[u16]) -> bool {
        self.grid.axes.get(axis).is_some_and(|axis| {
            let parameter = &axis.parameter;
            parameter.rules.contains(&rule) || tables.iter().any(|table| parameter.tables.contains(table))
        })
    }

    /// The version of the tables of a rule in a combination; `None` where none of them varies.
    fn version(
        &self,
        tables: &[u16],
        combination: &[usize],
        set: &RuleSet,
        versions: &mut Versions,
    ) -> Option<usize> {
        let of = |axis: &usize| self.grid.axes.get(*axis).map(|axis| &axis.parameter.tables);
        let axes: Vec<usize> = (0..self.grid.axes.len())
            .filter(|axis| of(axis).is_some_and(|named| tables.iter().any(|table| named.contains(table))))
            .collect();
        let varies =
            |table: &&u16| axes.iter().any(|axis| of(axis).is_some_and(|named| named.contains(table)));
        let mut varying: Vec<u16> = tables.iter().filter(varies).copied().collect();
        if varying.is_empty() {
            return None;
        }
        let table = |at: u16| set.tables.get(usize::from(at));
        // A table reaches more tables than any that it reads.
        varying.sort_by_key(|&at| table(at).map_or(0, |table| table.tables.len()));
        let assigned = axes.iter().map(|&axis| (axis, combination.get(axis).copied().unwrap_or(0))).collect();
        let named = |at: &u16| Some((*at, table(*at)?.clone()));
        let tables = varying.iter().filter_map(named).collect();
        Some(versions.number((varying, assigned), tables))
    }
}

/// Tables by position, with the axes that they name and the value of each.
type Assigned = (Vec<u16>, Vec<(usize, usize)>);

/// The versions of tables so far, by which they are and what is assigned in them.
#[derive(Default)]
struct Versions {
    numbers: BTreeMap<Assigned, usize>,
    all: Vec<Version>,
}

impl Versions {
    fn number(&mut self, key: Assigned, tables: Vec<(u16, Table)>) -> usize {
        let next = self.all.len();
        let number = *self.numbers.entry(key).or_insert(next);
        if number == next {
            self.all.push(Version { tables });
        }
        number
    }
}

/// Whether what the engine keeps depends on an axis.
pub(super) fn is_kept(grid: &Grid, axis: usize) -> bool {
    grid.axes.get(axis).is_some_and(|axis| !axis.parameter.features.is_empty() || axis.parameter.in_dialogue)
}

/// What the axes are inside of that the engine keeps, in words.
fn inside(grid: &Grid, kept: &[usize]) -> String {
    let of = |&axis: &usize| {
        let parameter = &grid.axes.get(axis)?.parameter;
        let features = parameter.features.join("`, `");
        Some(match features.is_empty() {
            true => format!("`{}` is inside a lock or the dialogue", parameter.name),
            false => format!("`{}` is inside `{features}`", parameter.name),
        })
    };
    kept.iter().filter_map(of).collect::<Vec<_>>().join("; ")
}

/// The distinct assignments of some axes among combinations, in the order in which they first come, and by combination which it has.
fn project(axes: &[usize], combinations: &[Vec<usize>]) -> (Vec<Assignment>, Vec<u32>) {
    let mut numbers: BTreeMap<Assignment, u32> = BTreeMap::new();
    let mut all = Vec::new();
    let numbered = combinations.iter().map(|combination| {
        let assignment: Assignment =
            axes.iter().map(|&axis| combination.get(axis).copied().unwrap_or(0)).collect();
        let next = all.len() as u32;
        *numbers.entry(assignment.clone()).or_insert_with(|| {
            all.push(assignment);
            next
        })
    });
    let numbered = numbered.collect();
    (all, numbered)
}
