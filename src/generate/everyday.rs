//! Ordinary days: wages, bills, shops, friends.
//!
//! Promises honest payments, one or two at a time.

use super::amounts::{self, K, M};
use super::planner::{Planner, ROOM};
use super::season::{Season, local_day};
use super::world::{Instrument, Target, UTILITIES};

impl Planner {
    /// Plans whatever happens next, beginning at this time.
    pub(super) fn journey(&mut self, at_us: i64, season: &Season) {
        if self.room() <= ROOM {
            self.everyday(at_us);
        } else if let Some(fraud) = self.due_fraud() {
            self.commit(at_us, fraud);
        } else if self.is_rare() {
            self.rarity(at_us);
        } else if !self.wage(at_us, season) && !self.errand(at_us, season) {
            self.everyday(at_us);
        }
    }

    /// Pays the next customer's wage, if this is a payday and someone still waits for one.
    fn wage(&mut self, at_us: i64, season: &Season) -> bool {
        if season.payday.is_none() || !(6..20).contains(&season.hour) || !self.chance.percent(45) {
            return false;
        }
        let day = local_day(at_us);
        if self.payroll.1 != day {
            self.payroll = (0, day);
        }
        let waiting = self.world.customers.iter().skip(self.payroll.0);
        let Some((passed, customer)) = waiting.enumerate().find(|(_, c)| c.payday == season.payday) else {
            self.payroll.0 = self.world.customers.len();
            return false;
        };
        let (account, income) = (customer.first_account, customer.income.into());
        self.payroll.0 += passed + 1;
        let amount = amounts::salary(&mut self.chance, income);
        self.receive(at_us, account, amount, "salary");
        true
    }

    /// One ordinary payment, or money that comes in.
    pub(super) fn everyday(&mut self, at_us: i64) {
        let account = self.payer(at_us);
        let income = i64::from(self.world.owner(account).income);
        if self.chance.percent(2) {
            let amount = amounts::transfer(&mut self.chance, income);
            return self.receive(at_us, account, amount, "transfer");
        }
        let kind = match self.world.account(account).instrument {
            Instrument::Account => self.chance.weighted(&[
                (50, "transfer"),
                (18, "bill"),
                (14, "purchase"),
                (10, "topup"),
                (3, "public_service"),
                (5, "cash"),
            ]),
            Instrument::Card => {
                self.chance.weighted(&[(84, "purchase"), (9, "bill"), (4, "public_service"), (3, "topup")])
            }
            Instrument::Wallet => self.chance.weighted(&[
                (45, "purchase"),
                (24, "transfer"),
                (20, "bill"),
                (7, "withdrawal"),
                (4, "public_service"),
            ]),
        };
        if kind == "bill" && self.chance.percent(8) {
            let (target, amount) = self.bill(income);
            return self.collect(at_us, account, target, amount);
        }
        let visit = self.visit(at_us, account);
        let (target, kind, amount) = self.ordinary(account, kind, income);
        self.pay(visit.ready_us, &visit, (target, kind), amount, None);
    }

    fn ordinary(&mut self, account: u32, kind: &'static str, income: i64) -> (Target, &'static str, i64) {
        match kind {
            "bill" => {
                let (target, amount) = self.bill(income);
                (target, kind, amount)
            }
            "purchase" => (self.shop(), kind, amounts::purchase(&mut self.chance, income)),
            "public_service" => {
                let portal = self.chance.below(3) as u8;
                (Target::Public(portal), kind, amounts::public_service(&mut self.chance))
            }
            "topup" => match self.world.sibling(account, Instrument::Wallet) {
                Some(wallet) => (Target::Account(wallet), kind, amounts::topup(&mut self.chance)),
                // Nothing to top up but the phone.
                None => (self.telecom(), "bill", self.chance.one_of(&[20, 50, 100, 200]) * K),
            },
            "cash" => (Target::Cash, kind, self.chance.one_of(&[200 * K, 500 * K, M, 2 * M, 3 * M, 5 * M])),
            "withdrawal" => {
                let amount = self.chance.one_of(&[200 * K, 500 * K, M, 2 * M, 3 * M, 5 * M]);
                let linked = self.world.sibling(account, Instrument::Account);
                (linked.map_or(Target::Cash, Target::Account), kind, amount)
            }
            _ => (self.contact(account), "transfer", amounts::transfer(&mut self.chance, income)),
        }
    }

    /// A bill of electricity, water or telecoms.
    pub(super) fn bill(&mut self, income: i64) -> (Target, i64) {
        let utility = self.chance.below(UTILITIES.len() as u32) as u8;
        (Target::Utility(utility), amounts::bill(&mut self.chance, income))
    }

    /// A shop; popular ones more often.
    pub(super) fn shop(&mut self) -> Target {
        let merchants = self.world.merchants;
        Target::Merchant(self.chance.skewed(merchants))
    }

    fn telecom(&mut self) -> Target {
        Target::Utility(5 + self.chance.below(3) as u8)
    }
}
