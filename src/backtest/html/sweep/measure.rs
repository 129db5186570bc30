//! The figures by which combinations are held to each other.

use maud::Markup;

use crate::backtest::html::chart::Paint;
use crate::backtest::html::compared::Better;
use crate::backtest::html::figure::{amount, count, share};
use crate::backtest::sweep::result::{Objective, SweepFigures};
use crate::backtest::told::{self, Told};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Measure {
    Caught,
    Bothered,
    Cost,
}

impl Measure {
    /// All, that of the objective first.
    pub(super) const fn all(objective: Objective) -> [Self; 3] {
        match objective {
            Objective::Front | Objective::Budget => [Self::Caught, Self::Bothered, Self::Cost],
            Objective::Cost => [Self::Cost, Self::Caught, Self::Bothered],
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Caught => "Fraud value caught",
            Self::Bothered => "Customers bothered",
            Self::Cost => "Cost",
        }
    }

    /// A word for ids.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Caught => "caught",
            Self::Bothered => "bothered",
            Self::Cost => "cost",
        }
    }

    pub(super) const fn better(self) -> Better {
        match self {
            Self::Caught => Better::More,
            Self::Bothered | Self::Cost => Better::Less,
        }
    }

    /// Of what is better the more there is, and of what is better the less.
    pub(super) const fn paint(self) -> (Paint, &'static str) {
        match self.better() {
            Better::Less => (Paint::Old, "--of:var(--old)"),
            Better::More | Better::Neither => (Paint::New, "--of:var(--new)"),
        }
    }

    pub(super) fn of(self, figures: &SweepFigures) -> Option<f64> {
        match self {
            Self::Caught => figures.value_caught_share,
            Self::Bothered => Some(figures.customers_bothered as f64),
            Self::Cost => Some(figures.cost_minor),
        }
    }

    /// As axes and hints have it.
    pub(super) fn about(self, told: &Told, value: f64) -> String {
        match self {
            Self::Caught => told::share(value),
            Self::Bothered => told::weighted(value),
            Self::Cost => told.money_about(value),
        }
    }

    /// The figure, at its place among others.
    pub(super) fn figure(self, told: &Told, figures: &SweepFigures) -> Markup {
        match self {
            Self::Caught => share("value_caught_share", figures.value_caught_share),
            Self::Bothered => count("customers_bothered", figures.customers_bothered),
            Self::Cost => amount(told, "cost_minor", figures.cost_minor),
        }
    }
}
