//! Amounts in other currencies: converted before anything reads them, and back again for what is reversed of them.
//!
//! Promises that the same payment is worth the same for good: what is reported of it converts at its own rate, and what
//! is left of it after a partial reversal is the worth of what is left, rounded up. Must never guess a rate.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::limits::STAGED_MAX;
use super::recent::Recent;
use super::reload::ReloadError;
use super::reports::report;
use super::{Engine, Refusal};
use crate::event::{Event, Kind, TextField};
use crate::money::{Currency, Money};
use crate::rates::{Conversion, Rate, RateFrom, Rates};
use crate::rules::Kinds;

/// What is remembered of a payment in another currency.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Foreign {
    /// ISO 4217's number of its currency.
    number: u16,
    paid_minor: i64,
    /// How much of that was taken back.
    reversed_minor: i64,
    rate: Rate,
    from: RateFrom,
    /// What it is worth, in minor units of the rule set's currency.
    minor: i64,
}

/// What converting needs beside the rates.
#[derive(Debug)]
pub(super) struct Exchange {
    /// Rates that a control event may ask for.
    staged: Vec<(String, Arc<Rates>)>,
    payments: Recent<Foreign>,
    /// The event converted last; its buffers are used again.
    last: Option<Arc<Event>>,
}

/// What is saved of it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SavedExchange {
    rates: Arc<Rates>,
    staged: Vec<Arc<Rates>>,
    payments: Recent<Foreign>,
}

impl Exchange {
    /// Knows no payment yet; remembers for a horizon of time, and at most so many.
    pub(super) fn new(horizon_us: i64, most: usize) -> Self {
        Self { staged: Vec::new(), payments: Recent::new(horizon_us, most), last: None }
    }

    /// What is saved of it, with the rates at work.
    pub(super) fn freeze(&mut self, rates: &Arc<Rates>) -> SavedExchange {
        let staged = self.staged.iter().map(|(_, rates)| Arc::clone(rates)).collect();
        SavedExchange { rates: Arc::clone(rates), staged, payments: self.payments.freeze() }
    }

    /// Remembers for another horizon from now on.
    pub(super) fn set_horizon(&mut self, now_us: i64, horizon_us: i64) {
        self.payments.set_horizon(now_us, horizon_us);
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        self.payments.bytes()
    }

    /// What became of the amount of a payment, if it was converted.
    pub(super) fn conversion(&self, identity: u128, now_us: i64) -> Option<Conversion> {
        let &Foreign { number, paid_minor, rate, from, minor, .. } = self.payments.get(identity, now_us)?;
        let paid = Money { minor: paid_minor, currency: Currency::from_numeric(number)? };
        Some(Conversion { paid, rate, from, minor })
    }

    /// The event as it was decided on, where it is the one that was converted last.
    pub(super) fn last(&self, event: &Event) -> Option<&Event> {
        let same =
            |last: &&Event| (last.identity(), last.fingerprint()) == (event.identity(), event.fingerprint());
        self.last.as_deref().filter(same)
    }

    /// Remembers what was converted of an event that was taken in.
    pub(super) fn note(&mut self, event: &Event, now_us: i64) {
        let payment = Kinds::PAYMENTS.contains(event.kind());
        let converted = event.converted();
        // A former payment with the same id may still be known.
        if !(payment && converted.is_some()) && self.payments.get(event.identity(), now_us).is_some() {
            self.payments.remove(event.identity());
        }
        let Some(Conversion { paid, rate, from, minor }) = converted else { return };
        let number = paid.currency.numeric();
        if payment {
            let foreign = Foreign { number, paid_minor: paid.minor, reversed_minor: 0, rate, from, minor };
            self.payments.insert(event.identity(), now_us, foreign);
        } else if event.kind() == Kind::Reversal && from == RateFrom::Payment {
            let Some(about) = event.transaction_identity() else { return };
            let Some(&foreign) = self.payments.get(about, now_us) else { return };
            let reversed_minor = foreign.reversed_minor.saturating_add(paid.minor).min(foreign.paid_minor);
            self.payments.insert(about, now_us, Foreign { reversed_minor, ..foreign });
        }
    }
}

impl Engine {
    /// The rates that it converts by.
    pub fn rates(&self) -> &Rates {
        &self.live.rates
    }

    /// Puts these rates in place of those held; between two events. What was converted before stays as it is.
    pub fn load_rates(&mut self, rates: Rates) {
        self.set_rates(Arc::new(rates));
    }

    pub(super) fn set_rates(&mut self, rates: Arc<Rates>) {
        if let Some(shadow) = &mut self.shadow {
            shadow.judge.rates = Arc::clone(&rates);
        }
        self.live.rates = rates;
    }

    /// Puts rates aside, to be taken up by a `control` event that names the version that is given back
    /// (`control = "rate_version"`, `subject` = the version in hexadecimal). They stay staged when they were taken up.
    pub fn stage_rates(&mut self, rates: Rates) -> Result<[u8; 32], ReloadError> {
        let (version, text) = (rates.version(), rates.version_text());
        if self.exchange.staged.iter().all(|(held, _)| *held != text) {
            if self.exchange.staged.len() >= STAGED_MAX {
                return Err(ReloadError::StagedFull { staged_max: STAGED_MAX });
            }
            self.exchange.staged.push((text, Arc::new(rates)));
        }
        Ok(version)
    }

    /// The rates that an event asks for; `None` where it asks for none, or for those held. A rule set without `[rates]`
    /// only takes note.
    pub(super) fn rates_asked(&self, event: &Event) -> Result<Option<Arc<Rates>>, Refusal> {
        let asks = event.kind() == Kind::Control && event.text(TextField::Control) == Some("rate_version");
        if !asks || self.live.rules.rates.is_none() {
            return Ok(None);
        }
        let version = event.text(TextField::Subject).unwrap_or_default();
        if let Some((_, rates)) = self.exchange.staged.iter().find(|(held, _)| held == version) {
            return Ok(Some(Arc::clone(rates)));
        }
        if self.live.rates.version_text() == version { Ok(None) } else { Err(Refusal::UnknownRates) }
    }

    /// The event with its amount in the rule set's currency; `None` where there is nothing to convert.
    pub(super) fn converted(&mut self, event: &Event) -> Result<Option<Arc<Event>>, Refusal> {
        let to = self.live.rules.currency;
        let Some(paid) = event.amount().filter(|paid| paid.currency != to) else { return Ok(None) };
        let conversion = match self.worth(event, paid) {
            Ok(conversion) => Some(conversion),
            // What was executed is its payment's amount: that the money moved is never refused for its own.
            Err(_) if event.kind() == Kind::Execution => None,
            Err(refusal) => return Err(refusal),
        };
        let last = self.exchange.last.get_or_insert_with(|| Arc::new(event.clone()));
        // Nobody else holds it between two events.
        if Arc::get_mut(last).is_none() {
            *last = Arc::new(event.clone());
        }
        if let Some(last) = Arc::get_mut(last) {
            match conversion {
                Some(conversion) => last.convert(event, conversion, to),
                None => last.leave_amount_out(event),
            }
        }
        Ok(Some(Arc::clone(last)))
    }

    /// What becomes of the amount of an event in another currency.
    fn worth(&self, event: &Event, paid: Money) -> Result<Conversion, Refusal> {
        let to = self.live.rules.currency;
        let Some(declaration) = &self.live.rules.rates else {
            return Err(Refusal::Currency { expected: to.code() });
        };
        let (declared, currency) = (declaration.otherwise, paid.currency.code());
        let now_us = self.now_us.max(event.time_us());
        // One that is forgotten may be known here for longer, and is not the one that comes next.
        let about = event.transaction_identity().filter(|_| report(event).is_some());
        let about = about.filter(|&about| self.seen.get(about, now_us).is_some());
        let payment = about.and_then(|about| self.exchange.payments.get(about, now_us).copied());
        let too_large = || Refusal::TooLarge { currency, declared };
        let worth = |rate: Rate, minor| rate.convert(minor, paid.currency, to).ok_or_else(too_large);
        let (rate, from, minor) = match payment.filter(|held| held.number == paid.currency.numeric()) {
            Some(Foreign { rate, paid_minor, reversed_minor, .. }) if event.kind() == Kind::Reversal => {
                let left = paid_minor - reversed_minor;
                let minor = worth(rate, left)? - worth(rate, (left - paid.minor).max(0))?;
                (rate, RateFrom::Payment, minor)
            }
            Some(Foreign { rate, .. }) => (rate, RateFrom::Payment, worth(rate, paid.minor)?),
            None => {
                // What is about a payment that is known converts at that one's time.
                let of = about.and_then(|about| self.seen.get(about, now_us)).map(|seen| seen.time_us);
                let table = || {
                    let (valid_from_us, rate) =
                        self.live.rates.at(paid.currency, of.unwrap_or(event.time_us()))?;
                    Some((rate, RateFrom::Table { valid_from_us }))
                };
                let found = event.rate().map(|rate| (rate, RateFrom::Event)).or_else(table);
                let (rate, from) = found.ok_or(Refusal::NoRate { currency, declared })?;
                (rate, from, worth(rate, paid.minor)?)
            }
        };
        Ok(Conversion { paid, rate, from, minor })
    }

    /// Goes on with what was saved.
    pub(super) fn restore_exchange(&mut self, saved: SavedExchange) {
        self.set_rates(saved.rates);
        self.exchange.payments = saved.payments;
        let named = |rates: Arc<Rates>| (rates.version_text(), rates);
        self.exchange.staged = saved.staged.into_iter().map(named).collect();
    }
}
