//! What a generated stream is to be like, checked before anything is planned from it.
//!
//! Promises that settings which pass the check can be generated from without an error.

use thiserror::Error;

use crate::time::{DAY_US, SECOND_US, TIME_US_MAX};

/// Longest stream in days; ten years.
pub const DAYS_MAX: u32 = 3_653;
/// Most accounts of one stream; their state stays in memory.
pub const ACCOUNTS_MAX: u32 = 100_000_000;
/// Fewest accounts that still make a world with strangers in it.
pub const ACCOUNTS_MIN: u32 = 10;
/// Most tenants.
pub const TENANTS_MAX: u32 = 1_000;
/// Longest delay of a late event or a duplicate: one day.
pub const DELAY_US_MAX: i64 = DAY_US;

/// What a generated stream is to be like. A share is a fraction, 0 to 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Another seed gives another stream of the same likeness.
    pub seed: u64,
    /// How many events, of all kinds together; kept exactly.
    pub events: u64,
    /// How many accounts, cards and wallets.
    pub accounts: u32,
    /// Where the stream begins, microseconds since 1970 UTC.
    pub start_us: i64,
    /// How many days it covers; payments begun on the last day may end a little later.
    pub days: u32,
    /// How much of it is fraud.
    pub frauds: FraudShares,
    /// Share of honest transactions that someone confirms as genuine; each fraudulent one gets its label anyway.
    pub genuine_labels: f64,
    /// Share of transactions whose execution is reported as succeeded.
    pub executions: f64,
    /// Share of transactions whose execution is reported as failed.
    pub failures: f64,
    /// Share of transactions that are reversed later, half of them in part.
    pub reversals: f64,
    /// Share of payments by app or web at which the customer presents methods beforehand.
    pub methods: f64,
    /// Share of honest transactions followed by an `authentication` event, whatever was decided: the generator sees no decisions.
    pub authentications: f64,
    /// Share of journeys that few make: payments abroad, between own accounts, for houses and cars, and firms' large sums.
    pub rarities: f64,
    /// Share of customers' payments, but for bills and public services, in dollars or euros; the rate comes with the event.
    pub foreign: f64,
    /// How many tenants the customers are spread over; where it is 1 no event names one.
    pub tenants: u32,
    /// Share of payments, salaries, logins and changes that arrive late.
    pub late: f64,
    /// Share of events that arrive a second time, unchanged.
    pub duplicates: f64,
    /// How late the latest of them arrives, in microseconds.
    pub delay_us_max: i64,
}

/// Each kind of fraud as a share of all transactions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FraudShares {
    /// Large transfers from a new device after a password or phone change.
    pub takeover: f64,
    /// Money from many payers within an hour, and out again at once.
    pub mule: f64,
    /// Many small purchases with many stolen cards on one device.
    pub card_testing: f64,
    /// One device that moves the money of many accounts.
    pub shared_device: f64,
    /// Sums kept just below ten million dong, one after the other.
    pub splitting: f64,
}

impl FraudShares {
    /// No fraud at all.
    pub const NONE: Self =
        Self { takeover: 0.0, mule: 0.0, card_testing: 0.0, shared_device: 0.0, splitting: 0.0 };

    /// The shares in the order of [`super::Fraud::ALL`].
    pub fn in_order(&self) -> [f64; 5] {
        [self.takeover, self.mule, self.card_testing, self.shared_device, self.splitting]
    }
}

impl Default for FraudShares {
    fn default() -> Self {
        Self { takeover: 0.0008, mule: 0.001, card_testing: 0.001, shared_device: 0.0006, splitting: 0.0006 }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            seed: 1,
            events: 1_000_000,
            accounts: 100_000,
            // 2026-01-10T00:00:00+07:00, so that 60 days hold the Tết of 2026 and two paydays on each side of it.
            start_us: 1_767_978_000 * SECOND_US,
            days: 60,
            frauds: FraudShares::default(),
            genuine_labels: 0.002,
            executions: 0.02,
            failures: 0.005,
            reversals: 0.003,
            methods: 0.5,
            authentications: 0.0,
            rarities: 0.0,
            foreign: 0.0,
            tenants: 1,
            late: 0.001,
            duplicates: 0.001,
            delay_us_max: 300 * SECOND_US,
        }
    }
}

/// Why settings are refused.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum SettingsError {
    /// A share that is no fraction.
    #[error("`{name}` is {value}; a share is a fraction from 0 to {most}")]
    Share {
        /// The setting's name.
        name: &'static str,
        /// What it was.
        value: f64,
        /// The largest share taken.
        most: f64,
    },
    /// A whole number outside its range.
    #[error("`{name}` is {value}; it must be from {least} to {most}")]
    Range {
        /// The setting's name.
        name: &'static str,
        /// What it was.
        value: i128,
        /// The least that is taken.
        least: i128,
        /// The most that is taken.
        most: i128,
    },
}

impl Settings {
    pub(super) fn check(&self) -> Result<(), SettingsError> {
        let range = |name, value: i128, least: i128, most: i128| {
            if (least..=most).contains(&value) {
                Ok(())
            } else {
                Err(SettingsError::Range { name, value, least, most })
            }
        };
        range("events", self.events.into(), 1, 1_000_000_000_000)?;
        range("accounts", self.accounts.into(), ACCOUNTS_MIN.into(), ACCOUNTS_MAX.into())?;
        range("tenants", self.tenants.into(), 1, TENANTS_MAX.into())?;
        range("days", self.days.into(), 1, DAYS_MAX.into())?;
        range("delay_us_max", self.delay_us_max.into(), 1, DELAY_US_MAX.into())?;
        let latest_start_us = TIME_US_MAX - i64::from(2 * DAYS_MAX) * DAY_US;
        range("start_us", self.start_us.into(), 0, latest_start_us.into())?;

        let share = |name, value: f64, most: f64| {
            if (0.0..=most).contains(&value) {
                Ok(())
            } else {
                Err(SettingsError::Share { name, value, most })
            }
        };
        let frauds = &self.frauds;
        // Above a tenth each, frauds would crowd out the honest customers that they hide among.
        share("frauds.takeover", frauds.takeover, 0.1)?;
        share("frauds.mule", frauds.mule, 0.1)?;
        share("frauds.card_testing", frauds.card_testing, 0.1)?;
        share("frauds.shared_device", frauds.shared_device, 0.1)?;
        share("frauds.splitting", frauds.splitting, 0.1)?;
        share("genuine_labels", self.genuine_labels, 1.0)?;
        share("executions", self.executions, 1.0)?;
        share("failures", self.failures, 1.0)?;
        share("reversals", self.reversals, 1.0)?;
        share("methods", self.methods, 1.0)?;
        share("authentications", self.authentications, 1.0)?;
        share("rarities", self.rarities, 1.0)?;
        share("foreign", self.foreign, 1.0)?;
        share("late", self.late, 1.0)?;
        share("duplicates", self.duplicates, 1.0)
    }
}
