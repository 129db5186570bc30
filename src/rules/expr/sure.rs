//! What is so whatever the state holds: conditions of which only the event is known, and perhaps the rows of some tables.
//!
//! Promises that what is sure is what evaluating gives for every reading of features, lists, rates and other tables; that
//! it is sure wherever none of these is read; and no more than that.

use super::{Case, Chooser, Common, DecimalExpr, Expression, Facts, TextExpr, TruthExpr, WholeExpr};
use super::{Condition, Test};
use crate::rules::table::{Table, UnknownRow};

/// What is known while nothing of the state is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Own<'a> {
    /// The event, and the rows of the tables that are known.
    pub(crate) facts: Facts<'a>,
    /// Which tables are, by position.
    pub(crate) tables: &'a [bool],
    /// Whether the amount is in the rule set's currency.
    pub(crate) amount: bool,
    /// Whether some of what is presented may be locked.
    pub(crate) locks: bool,
    /// What some numbers are taken to be that are not known.
    taken: &'a [Taken<'a>],
}

/// A number that is not known, with what it is taken to be.
type Taken<'a> = (&'a WholeExpr, Option<i64>);

/// Most ways in which numbers that are not known may lie to the bounds that a table compares them with; where there are
/// more, some are left open.
const WAYS_MAX: usize = 256;

/// A truth value that is sure, itself true, false or unknown; `None` where it depends on what is not known.
pub(crate) type Sure = Option<Option<bool>>;

impl Condition {
    /// What it is for sure.
    pub(crate) fn surely(&self, own: &Own<'_>) -> Sure {
        self.truth().surely(own)
    }
}

impl Table {
    /// Puts the rows that may hold into `rows`, which is cleared first: one where it is sure, `None` being an unknown value.
    pub(crate) fn may_hold(&self, own: &Own<'_>, rows: &mut Vec<Option<u16>>) {
        rows.clear();
        let mut open = Vec::new();
        self.rows.iter().for_each(|row| row.when.truth().open(own, &mut open));
        let ways: Vec<Vec<Option<i64>>> = open.iter().map(|(_, bounds)| ways(bounds)).collect();
        let mut known = open.len();
        let count = |known: usize| ways[..known].iter().map(Vec::len).try_fold(1_usize, usize::checked_mul);
        while count(known).is_none_or(|count| count > WAYS_MAX) {
            known -= 1;
        }
        let mut taken: Vec<Taken<'_>> = open[..known].iter().map(|(number, _)| (*number, None)).collect();
        for way in 0..count(known).unwrap_or(1) {
            let mut rest = way;
            for (taken, ways) in taken.iter_mut().zip(&ways) {
                taken.1 = ways[rest % ways.len()];
                rest /= ways.len();
            }
            self.put_rows(&Own { taken: &taken, ..*own }, rows);
        }
        rows.sort_unstable();
        rows.dedup();
    }

    /// Puts the rows that may hold beside those that are there.
    fn put_rows(&self, own: &Own<'_>, rows: &mut Vec<Option<u16>>) {
        // What is unknown for sure, of a table that then takes the strictest.
        let mut strictest: Option<u16> = None;
        let stricter = |at: u16, held: Option<u16>| {
            let strictness = |at: u16| self.strictness.get(usize::from(at));
            if held.is_none_or(|held| strictness(at) > strictness(held)) { Some(at) } else { held }
        };
        let otherwise = self.rows.len();
        let last = (self.values.len() > otherwise).then_some((otherwise as u16, Some(Some(true))));
        let all = (0_u16..).zip(self.rows.iter().map(|row| row.when.surely(own)));
        for (at, sure) in all.chain(last) {
            match (sure, self.on_unknown) {
                (Some(Some(false)), _) | (Some(None), UnknownRow::Next) => {}
                (Some(Some(true)), _) => return rows.push(stricter(at, strictest)),
                (Some(None), UnknownRow::Unknown) => return rows.push(None),
                (Some(None), UnknownRow::Strictest) => strictest = stricter(at, strictest),
                (None, on_unknown) => {
                    rows.push(stricter(at, strictest));
                    rows.extend((on_unknown == UnknownRow::Unknown).then_some(None));
                }
            }
        }
        rows.push(strictest);
    }
}

/// Every way in which a number may lie to bounds, and none.
fn ways(bounds: &[i64]) -> Vec<Option<i64>> {
    let around = |bound: &i64| [bound.saturating_sub(1), *bound, bound.saturating_add(1)];
    let mut values: Vec<Option<i64>> = bounds.iter().flat_map(around).map(Some).collect();
    values.push(None);
    values.sort_unstable();
    values.dedup();
    values
}

impl TruthExpr {
    fn surely(&self, own: &Own<'_>) -> Sure {
        match self {
            Self::Not(operand) => operand.surely(own).map(|truth| truth.map(|truth| !truth)),
            Self::All(parts) => unless(parts, own, false),
            Self::Any(parts) => unless(parts, own, true),
            Self::Is(operand, truth) => operand.surely(own).map(|found| Some(found == *truth)),
            // What is locked is presented no more.
            Self::Met(needs) if own.locks && needs.are_met(own.facts.presented) => None,
            Self::WholeTo(comparison, number, bound) if !number.is_own(own) => {
                let taken = own.taken.iter().find(|(taken, _)| *taken == number);
                taken.map(|(_, value)| value.map(|value| comparison.holds(value, *bound)))
            }
            Self::Listed(key, _) => (key.is_own(own) && key.value(&own.facts).is_none()).then_some(None),
            _ => self.is_own(own).then(|| self.value(&own.facts)),
        }
    }
}

impl TruthExpr {
    /// Puts the numbers that what it is depends on, with the bounds that they are compared with.
    fn open<'t>(&'t self, own: &Own<'_>, open: &mut Vec<(&'t WholeExpr, Vec<i64>)>) {
        match self {
            _ if self.surely(own).is_some() => {}
            Self::Not(operand) | Self::Is(operand, _) => operand.open(own, open),
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.open(own, open)),
            Self::WholeTo(_, number, bound) => match open.iter_mut().find(|(held, _)| *held == number) {
                Some((_, bounds)) => bounds.push(*bound),
                None => open.push((number, vec![*bound])),
            },
            _ => {}
        }
    }
}

/// See [`super::truth`]: what decides does so beside what is not known.
fn unless(parts: &[TruthExpr], own: &Own<'_>, decider: bool) -> Sure {
    let mut answer = Some(Some(!decider));
    for part in parts {
        match part.surely(own) {
            Some(Some(truth)) if truth == decider => return Some(Some(decider)),
            Some(Some(_)) => {}
            Some(None) => answer = answer.and(Some(None)),
            None => answer = None,
        }
    }
    answer
}

/// Something that may read the state.
trait MayRead {
    /// Whether it reads nothing but what is known.
    fn is_own(&self, own: &Own<'_>) -> bool;
}

impl MayRead for TruthExpr {
    fn is_own(&self, own: &Own<'_>) -> bool {
        match self {
            Self::Constant(_) | Self::SameOwner | Self::Extra(_) => true,
            Self::Feature(_) | Self::FeatureAsItIs(_) | Self::Listed(..) => false,
            Self::Table(at, _) => own.knows(*at),
            Self::Not(operand) | Self::Is(operand, _) => operand.is_own(own),
            Self::All(parts) | Self::Any(parts) => all(parts, own),
            Self::WholeTo(_, whole, _) | Self::WholeAmong(whole, _) => whole.is_own(own),
            Self::TextTo(_, text, _)
            | Self::TextAmong(text, _)
            | Self::Like(text, _)
            | Self::Word(text, _) => text.is_own(own),
            Self::Whole(test) => test.is_own(own),
            Self::Decimal(test) => test.is_own(own),
            Self::Text(test) => test.is_own(own),
            Self::Truth(test) => test.is_own(own),
            Self::Met(needs) => !own.locks || !needs.are_met(own.facts.presented),
            Self::Common(common) => common.is_own(own),
        }
    }
}

impl MayRead for WholeExpr {
    fn is_own(&self, own: &Own<'_>) -> bool {
        match self {
            Self::Constant(_) | Self::Time | Self::Received | Self::Level => true,
            Self::Hour | Self::Weekday | Self::Extra(_) => true,
            Self::Amount => own.amount,
            Self::Feature(_) | Self::FeatureAsItIs(_) | Self::ListLevel(..) | Self::Money(..) => false,
            Self::Table(at, _) => own.knows(*at),
            Self::Arithmetic(_, sides) => sides.0.is_own(own) && sides.1.is_own(own),
            Self::Negate(operand) | Self::Absolute(operand) => operand.is_own(own),
            Self::Common(common) => common.is_own(own),
        }
    }
}

impl MayRead for DecimalExpr {
    fn is_own(&self, own: &Own<'_>) -> bool {
        match self {
            Self::Constant(_) | Self::Latitude | Self::Longitude | Self::Extra(_) => true,
            Self::Whole(whole) => whole.is_own(own),
            Self::Feature(_) | Self::FeatureAsItIs(_) => false,
            Self::Table(at, _) => own.knows(*at),
            Self::Arithmetic(_, sides) => sides.0.is_own(own) && sides.1.is_own(own),
            Self::Negate(operand) | Self::Absolute(operand) => operand.is_own(own),
            Self::Common(common) => common.is_own(own),
        }
    }
}

impl MayRead for TextExpr {
    fn is_own(&self, own: &Own<'_>) -> bool {
        match self {
            Self::Constant(_) | Self::Field(_) | Self::Extra(_) | Self::Currency | Self::Kind => true,
            Self::Quality(_) => false,
            Self::Table(at, _) => own.knows(*at),
            Self::Common(common) => common.is_own(own),
        }
    }
}

impl<E: MayRead> MayRead for Test<E> {
    fn is_own(&self, own: &Own<'_>) -> bool {
        match self {
            Self::Compare(_, sides) => sides.0.is_own(own) && sides.1.is_own(own),
            Self::Between(parts) => parts.0.is_own(own) && parts.1.is_own(own) && parts.2.is_own(own),
            Self::In(parts) => parts.0.is_own(own) && all(&parts.1, own),
            Self::Null(operand) => operand.is_own(own),
        }
    }
}

impl<E: MayRead> MayRead for Common<E> {
    fn is_own(&self, own: &Own<'_>) -> bool {
        match self {
            Self::Coalesce(parts) | Self::Least(parts) | Self::Greatest(parts) => all(parts, own),
            Self::Nullif(parts) => parts.0.is_own(own) && parts.1.is_own(own),
            Self::Case(case) => {
                let Case { chooser, results, otherwise } = &**case;
                chooser.is_own(own) && all(results, own) && otherwise.is_own(own)
            }
        }
    }
}

impl MayRead for Chooser {
    fn is_own(&self, own: &Own<'_>) -> bool {
        match self {
            Self::Searched(conditions) => all(conditions, own),
            Self::Truth(operand, values) => operand.is_own(own) && all(values, own),
            Self::Whole(operand, values) => operand.is_own(own) && all(values, own),
            Self::Decimal(operand, values) => operand.is_own(own) && all(values, own),
            Self::Text(operand, values) => operand.is_own(own) && all(values, own),
        }
    }
}

fn all<E: MayRead>(parts: &[E], own: &Own<'_>) -> bool {
    parts.iter().all(|part| part.is_own(own))
}

impl<'a> Own<'a> {
    /// Of these facts, with the tables that are known.
    pub(crate) fn new(facts: Facts<'a>, tables: &'a [bool], amount: bool, locks: bool) -> Self {
        Self { facts, tables, amount, locks, taken: &[] }
    }

    fn knows(&self, table: usize) -> bool {
        self.tables.get(table).copied().unwrap_or(false)
    }
}
