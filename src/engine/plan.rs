//! From features to cells: what each event has to contribute, and where each feature is read.

use super::ledger::Bound;
use super::payments::{self, Conduct, Standing};
use crate::event::Kind;
use crate::rules::limits::KEY_FIELDS_MAX;
use crate::rules::{
    Aggregate, Condition, Counts, DegreeField, Feature, Feedback, KeyField, Kinds, Label, NumberField, Reset,
    Window,
};
use crate::state::{CellSpec, FamilySpec, KEY_TEXTS_MAX, Measure, Scope, Scopes, Span, Spec};

/// What a value column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    /// A field's number.
    Number(NumberField),
    /// The dictionary number of a key field, by position in [`Plan::key_fields`].
    Text(usize),
    /// A place, in one number; see [`super::places`].
    Place(DegreeField, DegreeField),
}

/// One way of contributing: a bit of a family's mask.
#[derive(Clone, Debug)]
pub(crate) struct Contribution {
    pub(crate) family: usize,
    pub(crate) bit: u32,
    pub(crate) from: Kinds,
    /// The scope in which it counts; `None` where it empties instead.
    scope: Option<Scope>,
    /// Whether it empties once the event, a transaction, is executed.
    later: bool,
    pub(crate) condition: Option<Condition>,
    /// Whether the condition reads tables, and so is looked at after deciding.
    pub(crate) carries: bool,
    /// Whether the condition reads what only its own rule set knows.
    bound: bool,
    /// The column that must have a value.
    pub(crate) needs: Option<usize>,
}

impl Contribution {
    /// Whether both contribute alike, to the same family.
    fn same(&self, other: &Self) -> bool {
        self.family == other.family
            && self.from == other.from
            && self.scope == other.scope
            && self.later == other.later
            && self.needs == other.needs
            && self.condition == other.condition
    }
}

/// Where keys are looked up for reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lookup {
    pub(crate) family: usize,
    /// Positions in [`Plan::key_fields`].
    pub(crate) at: Vec<usize>,
}

/// A field whose texts are numbered, for each tenant by itself or for all tenants alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyPart {
    pub(crate) field: KeyField,
    pub(crate) across: bool,
}

/// How a feature is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Read {
    pub(crate) aggregate: Aggregate,
    /// Position of its cell in the lookup's family.
    pub(crate) cell: usize,
    pub(crate) lookup: usize,
    pub(crate) bit: u32,
    /// Where what is pending is in a cell of its own, which adds to the other.
    pub(crate) waiting: Option<Waiting>,
    /// The bit that empties it.
    reset: Option<u32>,
    pub(crate) current: bool,
    /// Whether a payment may count at a later time than its own, or empty it.
    pub(crate) later: bool,
    /// The column that it aggregates.
    pub(crate) column: Option<usize>,
}

/// What is pending of a feature over a calendar period: midnight takes nothing out of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waiting {
    /// Position of its cell, in the same family.
    pub(crate) cell: usize,
    bit: u32,
    /// Whether the event being scored counts there.
    pub(crate) current: bool,
}

/// What events of one kind may contribute.
#[derive(Clone, Debug, Default)]
pub(crate) struct KindPlan {
    /// Per family, the bits that need no look at the event.
    pub(crate) masks: Vec<u64>,
    /// The contributions that do, as positions.
    pub(crate) conditional: Vec<usize>,
    /// Those that do once the event is decided, as positions.
    pub(crate) carrying: Vec<usize>,
    /// Those that empty once the event is executed, as positions.
    pub(crate) arming: Vec<usize>,
    /// The key fields that they, or a reading, need.
    pub(crate) key_fields: Vec<usize>,
}

/// The plan of a ledger.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) spec: Spec,
    /// Fields that are keys, parts of keys, or counted as distinct.
    pub(crate) key_fields: Vec<KeyPart>,
    /// For each family, the positions of its key's fields.
    pub(crate) keys: Vec<Vec<usize>>,
    /// The first is the amount, as [`AMOUNT_COLUMN`](crate::state::AMOUNT_COLUMN) says.
    pub(crate) columns: Vec<Column>,
    pub(crate) contributions: Vec<Contribution>,
    pub(crate) lookups: Vec<Lookup>,
    /// The scopes in which an allowed payment counts at once.
    at_once: Scopes,
    /// One per feature.
    pub(crate) reads: Vec<Read>,
    /// One per kind.
    pub(crate) kinds: Vec<KindPlan>,
}

const BITS: u32 = u64::BITS;

const _: () = assert!(KEY_FIELDS_MAX <= KEY_TEXTS_MAX, "a key that the rules allow must fit the state");

impl Plan {
    /// Plans what these features need; what they are fed can be corrected for `horizon_us`.
    pub(crate) fn new(features: &[&Feature], horizon_us: i64, feedback: Feedback) -> Self {
        let mut plan = Self { columns: vec![Column::Number(NumberField::Amount)], ..Self::default() };
        // An allowed payment counts alike however a stepped-up one is led.
        plan.at_once = payments::counted(Standing::Allowed, Conduct { feedback, led: false, holds: false });
        plan.spec.horizon_us = horizon_us;
        // Cells that hold more come first, so that a plain count is read from a sum's cell where it can.
        let mut order: Vec<usize> = (0..features.len()).collect();
        order.sort_by_key(|&at| match features[at].aggregate {
            Aggregate::Deviation(_) | Aggregate::ZScore(_) => 0,
            Aggregate::Sum(_) | Aggregate::Mean(_) => 1,
            _ => 2,
        });
        let mut reads: Vec<(usize, Read)> =
            order.into_iter().map(|at| (at, plan.feature(features[at]))).collect();
        reads.sort_by_key(|&(at, _)| at);
        plan.reads = reads.into_iter().map(|(_, read)| read).collect();
        plan.spec.columns = plan.columns.len();
        plan.kinds = Kind::ALL.iter().map(|&kind| plan.kind(kind)).collect();
        plan
    }

    /// Lets no condition hold that reads what only its rule set knew: that rule set is gone.
    pub(crate) fn unbind(&mut self) {
        for contribution in self.contributions.iter_mut().filter(|contribution| contribution.bound) {
            contribution.condition = Some(Condition::constant(None));
        }
    }

    /// Gives a feature's contribution, and what empties it, their conditions as another rule set has them.
    pub(crate) fn bind(&mut self, bound: &Bound) {
        let Read { lookup, bit, reset, waiting, .. } = self.reads[bound.feature];
        let family = self.lookups[lookup].family;
        let waiting = waiting.map(|waiting| waiting.bit);
        let conditions = [(Some(bit), &bound.condition), (waiting, &bound.condition), (reset, &bound.reset)];
        for (bit, condition) in conditions {
            let fed = |held: &&mut Contribution| held.family == family && Some(held.bit) == bit && held.bound;
            if let Some(contribution) = self.contributions.iter_mut().find(fed) {
                contribution.condition.clone_from(condition);
            }
        }
    }

    fn feature(&mut self, feature: &Feature) -> Read {
        let number = feature.aggregate.number();
        let column = match feature.aggregate {
            Aggregate::Distinct(field) | Aggregate::Changed(field) => {
                // Texts of two tenants are two values, whoever counts them.
                Some(Column::Text(place(&mut self.key_fields, KeyPart { field, across: false })))
            }
            Aggregate::Speed { latitude, longitude } => Some(Column::Place(latitude, longitude)),
            _ => number.map(Column::Number),
        };
        let column = column.map(|column| place(&mut self.columns, column));
        // Payments always have an amount, so summing it asks for nothing more than counting does.
        let always = number == Some(NumberField::Amount) && feature.from.within(Kinds::PAYMENTS);
        let needs = if always { None } else { column };
        let by = self.positions(&feature.by, feature.across);
        let (family, [bit, waiting, reset]) = self.place(by, feature, needs);
        let bit = bit.unwrap_or_default();
        let measure = match (feature.aggregate, column) {
            (Aggregate::Sum(_) | Aggregate::Mean(_), Some(column)) => {
                Measure::Moments { column, squares: false }
            }
            (Aggregate::Deviation(_) | Aggregate::ZScore(_), Some(column)) => {
                Measure::Moments { column, squares: true }
            }
            (
                Aggregate::First(_) | Aggregate::Last(_) | Aggregate::Previous(_) | Aggregate::Speed { .. },
                Some(column),
            ) => Measure::Sequence { column, texts: false },
            (Aggregate::Changed(_), Some(column)) => Measure::Sequence { column, texts: true },
            (Aggregate::Quantile(..), Some(column)) => Measure::Buckets { column },
            (Aggregate::Min(_) | Aggregate::Max(_), Some(column)) => Measure::Ordered { column },
            (Aggregate::Distinct(_), Some(column)) => Measure::Distinct { column },
            (Aggregate::Since, _) => Measure::Times,
            _ => Measure::Count,
        };
        let delay_us = feature.delay_us;
        let span = match feature.window {
            Window::Sliding { length_us } => Span::Sliding { length_us, delay_us },
            Window::Day => Span::Day { delay_us },
            Window::Month => Span::Month { delay_us },
            Window::Forever => Span::Forever { delay_us },
        };
        let cell = self.spec.cell(family, CellSpec { span, bit, reset, measure });
        let waiting = waiting.zip(feature.in_flight_us).map(|(bit, length_us)| {
            let span = Span::Sliding { length_us, delay_us };
            let cell = self.spec.cell(family, CellSpec { span, bit, reset, measure });
            Waiting { cell, bit, current: self.at_once.contains(Scope::Waiting) }
        });
        let at = self.positions(&feature.at, feature.across);
        let lookup = place(&mut self.lookups, Lookup { family, at });
        // The event being scored counts as though it were allowed, which may not be enough.
        let counted = self.at_once.contains(scope(feature)) || waiting.is_some_and(|waiting| waiting.current);
        let current = feature.current && counted;
        let emptied_later = feature.reset.as_ref().is_some_and(|reset| reset.on_execution);
        let later = emptied_later || matches!(scope(feature), Scope::Executed | Scope::Pending);
        Read { aggregate: feature.aggregate, cell, lookup, bit, waiting, reset, current, later, column }
    }

    fn positions(&mut self, fields: &[KeyField], across: bool) -> Vec<usize> {
        fields.iter().map(|&field| place(&mut self.key_fields, KeyPart { field, across })).collect()
    }

    /// The family of a feature, the bits of its contribution, of what is pending where that is apart, and of what empties
    /// it; a key with more than 64 bits has several families.
    fn place(
        &mut self,
        by: Vec<usize>,
        feature: &Feature,
        needs: Option<usize>,
    ) -> (usize, [Option<u32>; 3]) {
        let feeding = |family: usize| Contribution {
            family,
            bit: 0,
            from: feature.from,
            scope: Some(scope(feature)),
            later: false,
            condition: feature.condition.clone(),
            carries: !feature.tables.is_empty(),
            bound: !feature.tables.is_empty() || !feature.lists.is_empty(),
            needs,
        };
        let emptying = |family: usize, reset: &Reset| Contribution {
            from: reset.from,
            scope: None,
            later: reset.on_execution,
            condition: reset.condition.clone(),
            carries: !reset.tables.is_empty(),
            bound: !reset.tables.is_empty() || !reset.lists.is_empty(),
            needs: None,
            ..feeding(family)
        };
        let wanted = |family: usize| {
            let waiting = Contribution { scope: Some(Scope::Waiting), ..feeding(family) };
            let reset = feature.reset.as_ref().map(|reset| emptying(family, reset));
            [Some(feeding(family)), feature.in_flight_us.map(|_| waiting), reset]
        };
        let fits = |family: &usize| {
            let new = wanted(*family).into_iter().flatten().filter(|wanted| self.bit(wanted).is_none());
            self.keys[*family] == by && self.bits(*family) + new.count() as u32 <= BITS
        };
        // One that has its contribution already goes before one that has room for it.
        let mut open: Vec<usize> = (0..self.keys.len()).filter(fits).collect();
        open.sort_by_key(|&family| self.bit(&feeding(family)).is_none());
        let family = open.first().copied().unwrap_or_else(|| {
            self.spec.families.push(FamilySpec { key_texts: by.len(), ..FamilySpec::default() });
            self.keys.push(by.clone());
            self.keys.len() - 1
        });
        let bits = wanted(family)
            .map(|wanted| wanted.map(|wanted| self.bit(&wanted).unwrap_or_else(|| self.add(wanted))));
        (family, bits)
    }

    /// How many bits of a family's mask are in use.
    fn bits(&self, family: usize) -> u32 {
        self.contributions.iter().filter(|held| held.family == family).count() as u32
    }

    /// The bit of the same contribution, if it is there.
    fn bit(&self, wanted: &Contribution) -> Option<u32> {
        self.contributions.iter().find(|held| held.same(wanted)).map(|held| held.bit)
    }

    fn add(&mut self, contribution: Contribution) -> u32 {
        let bit = self.bits(contribution.family);
        if let Some(scope) = contribution.scope {
            self.spec.families[contribution.family].scopes[scope as usize] |= 1 << bit;
        }
        if contribution.later {
            self.spec.families[contribution.family].later |= 1 << bit;
        }
        self.contributions.push(Contribution { bit, ..contribution });
        bit
    }

    /// The families of which something is emptied once a payment is executed.
    pub(crate) fn emptied_later(&self) -> impl Iterator<Item = usize> {
        (0..).zip(&self.spec.families).filter(|(_, family)| family.later != 0).map(|(at, _)| at)
    }

    fn kind(&self, kind: Kind) -> KindPlan {
        let mut plan = KindPlan { masks: vec![0; self.keys.len()], ..KindPlan::default() };
        for (at, contribution) in self.contributions.iter().enumerate() {
            if !contribution.from.contains(kind) {
                continue;
            }
            if contribution.later {
                plan.arming.push(at);
            } else if contribution.carries {
                // Only a transaction is decided, so only it has what tables say.
                if kind != Kind::Transaction {
                    continue;
                }
                plan.carrying.push(at);
            } else if contribution.condition.is_none() && contribution.needs.is_none() {
                plan.masks[contribution.family] |= 1 << contribution.bit;
            } else {
                plan.conditional.push(at);
            }
            plan.key_fields.extend(&self.keys[contribution.family]);
            if let Some(Column::Text(field)) = contribution.needs.map(|column| self.columns[column]) {
                plan.key_fields.push(field);
            }
        }
        // A login may be decided by a rule set that comes later.
        if matches!(kind, Kind::Transaction | Kind::Login) {
            plan.key_fields.extend(self.lookups.iter().flat_map(|lookup| &lookup.at));
            // What its own text is held against may be fed by others alone.
            let held_against =
                self.reads.iter().filter(|read| matches!(read.aggregate, Aggregate::Changed(_)));
            plan.key_fields.extend(held_against.filter_map(|read| match self.columns[read.column?] {
                Column::Text(field) => Some(field),
                _ => None,
            }));
        }
        plan.key_fields.sort_unstable();
        plan.key_fields.dedup();
        plan
    }
}

/// The scope in which a feature counts payments.
fn scope(feature: &Feature) -> Scope {
    match (feature.label, feature.counts) {
        (Some(Label::Fraud), _) => Scope::Fraud,
        (Some(Label::Genuine), _) => Scope::Genuine,
        (None, Counts::Asked) => Scope::Asked,
        (None, Counts::Allowed) => Scope::Allowed,
        (None, Counts::Executed) if feature.pending && feature.in_flight_us.is_none() => Scope::Pending,
        (None, Counts::Executed) => Scope::Executed,
    }
}

fn place<T: PartialEq>(list: &mut Vec<T>, wanted: T) -> usize {
    list.iter().position(|held| *held == wanted).unwrap_or_else(|| {
        list.push(wanted);
        list.len() - 1
    })
}
