//! `ratio` and `to`: a feature that is made of other values of the same event, and keeps nothing itself.

use std::collections::BTreeMap;

use super::aggregate::is_number_field;
use super::{Declared, Reader};
use crate::event::ExtraType;
use crate::rules::document::{Item, Table, Text, text};
use crate::rules::names::{Meaning, did_you_mean, listed};
use crate::rules::problem::Problem;
use crate::rules::ruleset::{Aggregate, Counts, Feature, Kinds, Operand, Stratum, Window};
use crate::rules::sections::Name;

const KEYS: [&str; 2] = ["ratio", "to"];

/// What is known of features by their positions: each with whether it is a ratio itself, as far as it is read.
pub(super) struct Named<'k, 'd> {
    pub(super) read: &'k BTreeMap<usize, Declared<'d>>,
    /// The positions of those that are ratios.
    pub(super) ratios: &'k [usize],
}

/// Whether a declared feature is a ratio.
pub(super) fn is_ratio(item: Item<'_>) -> bool {
    item.get_ref().get("ratio").is_some()
}

impl<'d> Reader<'_, 'd> {
    pub(super) fn ratio(
        mut self,
        name: &Name<'d>,
        item: Item<'d>,
        features: &Named<'_, 'd>,
    ) -> Option<Feature> {
        let table = Table::of(self.file, self.problems, item, "a feature")?;
        let (_, of) = self.computed(&table, name)?;
        table.check_keys(
            self.problems,
            &[&KEYS[..], &super::OPTIONS, &super::AGGREGATES].concat(),
            &super::LATER,
        );
        self.check_ratio_keys(&table)?;
        let of = text(self.file, self.problems, of).and_then(|of| self.operand(&of, name, features));
        let to = table.required_text(self.problems, "to");
        let to = to.and_then(|to| self.part(&to, name, features, "a feature"));
        let (of, to) = (of?, to?);
        if of == Operand::Feature(to) {
            let span = table.get("to").map_or(table.span(), |item| item.span());
            return self.fail(Problem::error(span, "a ratio of a feature to itself is always 1", "the same"));
        }
        let part = |position: &usize| features.read.get(position).map(|declared| &declared.feature);
        let own = if let Operand::Feature(of) = of { Some(of) } else { None };
        let parts = own.iter().chain([&to]).filter_map(part);
        // It is of the stratum that its parts are of.
        let decided = parts.into_iter().any(|part| part.stratum() == Stratum::DecisionFed);
        let counts = if decided { Counts::Allowed } else { Counts::Asked };
        Some(Feature {
            name: name.text.to_owned(),
            hash: [0; 32],
            aggregate: Aggregate::Ratio { of, to },
            by: Vec::new(),
            at: Vec::new(),
            from: Kinds::TRANSACTIONS,
            condition: None,
            window: Window::Forever,
            counts,
            pending: false,
            in_flight_us: None,
            label: None,
            delay_us: 0,
            reset: None,
            current: false,
            ty: ExtraType::Decimal,
            tables: Vec::new(),
            lists: Vec::new(),
            across: false,
            used: false,
        })
    }

    /// Tells what belongs to the parts of a ratio.
    fn check_ratio_keys(&mut self, table: &Table<'d>) -> Option<()> {
        let Some((key, span, _)) = table.entries().find(|(key, ..)| super::OPTIONS.contains(key)) else {
            return Some(());
        };
        if KEYS.contains(&key) {
            return Some(());
        }
        let message = format!("a ratio takes {} alone, not `{key}`", listed(&KEYS, "and"));
        let problem = Problem::error(span, message, "not of a ratio");
        self.fail(problem.help("what it is by, and over which window, its parts say themselves"))
    }

    /// What is divided.
    fn operand(&mut self, text: &Text<'d>, name: &Name<'d>, features: &Named<'_, 'd>) -> Option<Operand> {
        if self.scope.find(text.value).is_some_and(|meaning| is_number_field(&meaning)) {
            let (field, ty) = self.number_field(text)?;
            self.check_type(text, ty)?;
            return Some(Operand::Field(field));
        }
        self.part(text, name, features, "a feature, `amount` or an extra field with a whole number")
            .map(Operand::Feature)
    }

    /// A feature that a ratio is made of.
    fn part(
        &mut self,
        text: &Text<'d>,
        name: &Name<'d>,
        features: &Named<'_, 'd>,
        expected: &str,
    ) -> Option<usize> {
        let is_feature = |meaning: &Meaning| matches!(meaning, Meaning::Feature(..));
        let shown = text.value.escape_debug();
        let problem = match self.scope.find(text.value) {
            Some(Meaning::Feature(..)) if text.value == name.text => {
                let message = format!("cycle: feature `{shown}` reads itself");
                Problem::error(text.span.clone(), message, "this is the feature itself")
            }
            Some(Meaning::Feature(position, _)) if features.ratios.contains(&position) => {
                let message = format!("`{shown}` is a ratio; a ratio of a ratio is not kept");
                Problem::error(text.span.clone(), message, "a ratio itself").help("divide in a rule's `when`")
            }
            Some(Meaning::Feature(position, _)) => {
                // Where it was refused itself, that was told.
                let ty = features.read.get(&position)?.feature.ty;
                self.check_type(text, ty)?;
                return Some(position);
            }
            Some(Meaning::Wrong) => return None,
            Some(other) => {
                let message = format!("expected {expected}, found `{shown}`");
                Problem::error(text.span.clone(), message, format!("this is {}", other.describe()))
            }
            None => Problem::error(text.span.clone(), format!("unknown feature `{shown}`"), "not a feature")
                .maybe_help(did_you_mean(self.scope.near(text.value, is_feature))),
        };
        self.fail(problem)
    }

    fn check_type(&mut self, text: &Text<'d>, ty: ExtraType) -> Option<()> {
        let found = match ty {
            ExtraType::Boolean => "true or false",
            ExtraType::Time => "a time",
            _ => return Some(()),
        };
        let message = format!("a ratio is of numbers, and `{}` is {found}", text.value.escape_debug());
        self.fail(Problem::error(text.span.clone(), message, format!("this is {found}")))
    }
}
