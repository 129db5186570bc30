//! A seeded source of events: a Vietnamese payment stream with honest customers and labelled frauds.
//!
//! Promises equal events for equal settings on every machine, in the order of their arrival, with memory in
//! the number of accounts and of what is scheduled, not in the number of events. Everyone in it is invented. Must
//! never know a rule or a decision: what customers do does not depend on what they are answered.

mod amounts;
mod cast;
mod chance;
mod details;
mod errands;
mod everyday;
mod frauds;
mod plan;
mod planner;
mod rarities;
mod scribe;
mod season;
mod settings;
mod world;

pub use plan::Fraud;
pub use settings::{
    ACCOUNTS_MAX, ACCOUNTS_MIN, DAYS_MAX, DELAY_US_MAX, FraudShares, Settings, SettingsError, TENANTS_MAX,
};

use std::sync::Arc;

use crate::event::{Event, Schema};
use plan::Planned;
use planner::Planner;
use scribe::Scribe;
use season::{HOUR_US, Season};

/// A generated stream.
#[derive(Clone, Debug)]
pub struct Generator {
    planner: Planner,
    scribe: Scribe,
    start_us: i64,
    /// How many events are planned by the end of each hour.
    quotas: Vec<u64>,
    /// The next hour to be planned.
    hour: usize,
    /// A `clock` event begins each of so many hours.
    clock_hours: usize,
}

impl Generator {
    /// A stream that is to be like this, without extra fields.
    pub fn new(settings: Settings) -> Result<Self, SettingsError> {
        Self::with_schema(settings, Arc::new(Schema::default()))
    }

    /// The same, with those of the schema's extra fields that the generator knows, by their names: `card_kind`,
    /// `payee_instrument`, `payee_card_kind`, `purpose` (texts) and `approved_merchant` (boolean).
    pub fn with_schema(settings: Settings, schema: Arc<Schema>) -> Result<Self, SettingsError> {
        settings.check()?;
        let quotas = quotas(&settings);
        // At most one event in twenty tells the time, however short the stream is.
        let clock_hours = (quotas.len() as u64 * 20).div_ceil(settings.events) as usize;
        Ok(Self {
            planner: Planner::new(&settings),
            scribe: Scribe::new(settings.tenants, schema),
            start_us: settings.start_us,
            quotas,
            hour: 0,
            clock_hours,
        })
    }

    /// The next event, or `None` at the end; it stays valid until the next call.
    #[expect(clippy::should_implement_trait, reason = "an iterator cannot lend what it keeps")]
    pub fn next(&mut self) -> Option<&Event> {
        let planned = self.upcoming()?;
        self.scribe.write(&self.planner.world, &planned).ok()
    }

    fn upcoming(&mut self) -> Option<Planned> {
        loop {
            let planned_until_us =
                if self.hour < self.quotas.len() { self.hour_start(self.hour) } else { i64::MAX };
            if let Some(planned) = self.planner.queue.pop_before(planned_until_us) {
                return Some(planned);
            }
            let quota = *self.quotas.get(self.hour)?;
            self.plan_hour(quota);
            self.hour += 1;
        }
    }

    fn plan_hour(&mut self, quota: u64) {
        let start_us = self.hour_start(self.hour);
        let season = Season::at(start_us);
        if self.hour.is_multiple_of(self.clock_hours) {
            self.planner.strike(start_us);
        }
        while self.planner.queue.planned() < quota {
            let at_us = self.planner.chance.between(start_us, start_us + HOUR_US - 1);
            self.planner.journey(at_us, &season);
        }
    }

    fn hour_start(&self, hour: usize) -> i64 {
        self.start_us + hour as i64 * HOUR_US
    }
}

/// Spreads the events over the hours by how busy each is.
fn quotas(settings: &Settings) -> Vec<u64> {
    let hours = i64::from(settings.days) * 24;
    let mut total = 0_u64;
    let mut sums: Vec<u64> = (0..hours)
        .map(|hour| {
            total += Season::at(settings.start_us + hour * HOUR_US).weight;
            total
        })
        .collect();
    for sum in &mut sums {
        *sum = (u128::from(settings.events) * u128::from(*sum) / u128::from(total.max(1))) as u64;
    }
    sums
}
