//! Conditions and values, typed and ready to evaluate.
//!
//! Promises that evaluating allocates nothing, cannot fail and takes a time bounded by the text of the condition.
//! `None` is SQL's null or unknown throughout; what overflows, divides by zero or is no number is `None` too.

mod common;
mod decimal;
mod needs;
mod sure;
mod text;
mod truth;
mod whole;

pub(super) use common::{Case, Chooser, Common};
pub(super) use decimal::{DecimalExpr, DecimalOp};
pub(super) use needs::Needs;
pub(crate) use sure::Own;
pub(super) use text::TextExpr;
pub(super) use truth::{Comparison, Test, TruthExpr};
pub(super) use whole::{WholeExpr, WholeOp};

use crate::decision::Reading;
use crate::event::{Event, Kind, TextField};
use crate::lists::{Listing, Lists};
use crate::money::Currency;
use crate::rates::{Rate, Rates};

/// All that an expression may read while one event is decided.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The event itself.
    pub event: &'a Event,
    /// The features of the rule set, by position; empty where only fields may be read (`where`).
    pub features: &'a [Reading],
    /// Which row of each table holds, by position (see [`super::Table::row`]); empty where no table may be read yet.
    pub tables: &'a [Option<u16>],
    /// Hour of the event in the rule set's time zone, 0 to 23.
    pub hour: i64,
    /// Weekday of the event in the rule set's time zone, 1 (Monday) to 7 (Sunday).
    pub weekday: i64,
    /// The lists of the rule set, by position.
    pub lists: &'a Lists,
    /// The authentication methods presented so far, joined by commas: see [`presented`].
    pub presented: &'a str,
    /// The rates of other currencies.
    pub rates: &'a Rates,
    /// The time at which the lists are asked, microseconds since 1970 UTC.
    pub now_us: i64,
}

impl<'a> Facts<'a> {
    /// What an event says by itself, at this hour (0 to 23) and weekday (1 to 7) of the rule set's time zone: now is
    /// when it happened, nothing is on a list, and there are no rates.
    pub fn of(event: &'a Event, (hour, weekday): (i64, i64)) -> Self {
        let (tables, lists, now_us) = (&[][..], Lists::NONE, event.time_us());
        let presented = presented(event);
        Self { event, features: &[], tables, hour, weekday, lists, presented, rates: Rates::NONE, now_us }
    }

    /// The rate of a currency: that by which the event itself was converted, or the table's at its time.
    fn rate(&self, currency: Currency) -> Option<Rate> {
        match self.event.converted() {
            Some(converted) if converted.paid.currency == currency => Some(converted.rate),
            _ => self.rates.at(currency, self.event.time_us()).map(|(_, rate)| rate),
        }
    }

    /// What a list says of a key to the event's tenant.
    fn listed(&self, list: usize, key: &str) -> Option<Listing<'a>> {
        self.lists.find(list, self.event.text(TextField::Tenant), key, self.now_us)
    }

    /// The row of a table that holds; `None` where its value is unknown.
    fn row(&self, table: usize) -> Option<usize> {
        self.tables.get(table).copied().flatten().map(usize::from)
    }
}

/// The authentication methods that an event presents: of an authentication only where it succeeded.
pub fn presented(event: &Event) -> &str {
    let failed = event.kind() == Kind::Authentication && event.text(TextField::Result) != Some("succeeded");
    event.text(TextField::Methods).filter(|_| !failed).unwrap_or_default()
}

/// A three-valued condition.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition(TruthExpr);

impl Condition {
    /// A condition that is the same for every event.
    pub fn constant(truth: Option<bool>) -> Self {
        Self(TruthExpr::Constant(truth))
    }

    pub(super) fn new(truth: TruthExpr) -> Self {
        Self(truth)
    }

    /// The expression that it is, for whoever takes it apart.
    pub(super) fn truth(&self) -> &TruthExpr {
        &self.0
    }

    /// What it is for every event, if it does not depend on the event.
    pub(super) fn as_constant(&self) -> Option<Option<bool>> {
        match self.0 {
            TruthExpr::Constant(truth) => Some(truth),
            _ => None,
        }
    }

    /// Whether it is false for every event, as parameters are now.
    pub fn never_holds(&self) -> bool {
        self.as_constant() == Some(Some(false))
    }

    /// True, false, or `None` for unknown.
    #[inline]
    pub fn holds(&self, facts: &Facts<'_>) -> Option<bool> {
        self.0.value(facts)
    }
}

/// Something that has a value for every set of facts.
pub(super) trait Expression {
    /// What it evaluates to.
    type Value<'f>: PartialOrd + Copy
    where
        Self: 'f;

    /// Its value, `None` for null.
    fn value<'f>(&'f self, facts: &'f Facts<'_>) -> Option<Self::Value<'f>>;
}
