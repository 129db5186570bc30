//! Who acts next: payers, payees, sleepers, strangers.
//!
//! Promises accounts of this world; low numbers act most.

use super::planner::Planner;
use super::world::{Instrument, Target};
use crate::time::DAY_US;

/// One account in this many sleeps.
const SLEEPERS: u32 = 40;
/// Ordinary payments of sleepers end this long after the start.
const SLEEP_AFTER_US: i64 = 10 * DAY_US;

impl Planner {
    /// An account that pays; popular ones more often.
    pub(super) fn payer(&mut self, at_us: i64) -> u32 {
        let accounts = self.world.accounts.len() as u32;
        let payer = self.chance.skewed(accounts);
        let asleep = payer.is_multiple_of(SLEEPERS) && at_us > self.start_us + SLEEP_AFTER_US;
        if asleep { (payer + 1) % accounts } else { payer }
    }

    /// A bank account or wallet that pays; popular ones more often.
    pub(super) fn sender(&mut self, at_us: i64) -> u32 {
        let mut account = self.payer(at_us);
        for _ in 0..8 {
            if self.world.account(account).instrument != Instrument::Card {
                break;
            }
            account = self.payer(at_us);
        }
        account
    }

    /// An account that has been asleep for a month, once the stream is old enough to have one.
    pub(super) fn sleeper(&mut self, at_us: i64) -> Option<u32> {
        if at_us < self.start_us + SLEEP_AFTER_US + 31 * DAY_US {
            return None;
        }
        let accounts = self.world.accounts.len() as u32;
        let near = self.chance.skewed(accounts);
        Some(near / SLEEPERS * SLEEPERS)
    }

    /// Any account, evenly.
    pub(super) fn stranger(&mut self) -> u32 {
        let accounts = self.world.accounts.len() as u32;
        self.chance.below(accounts)
    }

    /// One of an account's payees, now and then one never paid before.
    pub(super) fn contact(&mut self, account: u32) -> Target {
        if self.chance.percent(5) {
            return self.new_contact(account);
        }
        let contacts = self.world.account(account).contacts;
        let contact = self.chance.skewed(contacts.into()) as u16;
        self.world.contact(account, contact)
    }

    /// A payee that this account never paid before.
    pub(super) fn new_contact(&mut self, account: u32) -> Target {
        let at = account as usize % self.world.accounts.len();
        let contacts = self.world.accounts[at].contacts;
        self.world.accounts[at].contacts = contacts.saturating_add(1);
        self.world.contact(account, contacts)
    }

    /// A card of anyone's.
    pub(super) fn card(&mut self) -> u32 {
        let at = self.chance.below(self.world.cards.len() as u32);
        self.world.cards.get(at as usize).copied().unwrap_or_default()
    }

    /// Where stolen money goes first.
    pub(super) fn accomplice(&mut self) -> Target {
        let accounts = self.world.accounts.len() as u32;
        if self.chance.percent(50) {
            Target::Account(self.stranger())
        } else {
            Target::Outside(self.chance.below(accounts.saturating_mul(4)))
        }
    }
}
