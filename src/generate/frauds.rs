//! The frauds, payment by payment; each payment is planned with its label.
//!
//! Promises shapes that are found in reports of real cases, told with invented people.

use super::amounts::{self, K, M};
use super::plan::{Fraud, Origin};
use super::planner::{Planner, Visit};
use super::season::{HOUR_US, MINUTE_US};
use super::world::Target;
use crate::time::SECOND_US;

impl Planner {
    /// Plans one fraud of this kind.
    pub(super) fn commit(&mut self, at_us: i64, fraud: Fraud) {
        match fraud {
            Fraud::Takeover => self.take_over(at_us),
            Fraud::Mule => self.mule(at_us),
            Fraud::CardTesting => self.test_cards(at_us),
            Fraud::SharedDevice => self.share_device(at_us),
            Fraud::Splitting => self.split(at_us),
        }
    }

    /// The thief resets the password or moves the number, logs in from a device of his own, and empties the account.
    fn take_over(&mut self, at_us: i64) {
        let begin_us = if self.chance.percent(40) { self.next_night(at_us) } else { at_us };
        let victim = self.sender(begin_us);
        let device = self.world.new_device();
        let mut now_us = begin_us;
        if self.chance.percent(50) {
            for _ in 0..self.chance.between(1, 4) {
                self.fail_login(now_us, victim, device);
                now_us += self.chance.between(10, 60) * SECOND_US;
            }
        }
        let what = self.chance.weighted(&[(65, "password"), (35, "phone")]);
        self.change(now_us, victim, device, what);
        now_us += self.chance.between(MINUTE_US, 15 * MINUTE_US);
        let visit = self.visit_from(now_us, victim, device);
        // A few are patient and stay below the sums that are looked at.
        let patient = self.chance.percent(15);
        now_us = visit.ready_us;
        for _ in 0..self.chance.between(1, 4) {
            let amount = if patient {
                amounts::rounded(self.chance.between(4 * M, 9 * M))
            } else {
                amounts::rounded(self.chance.between(12 * M, 150 * M))
            };
            let target = self.accomplice();
            self.pay(now_us, &visit, (target, "transfer"), amount, Some(Fraud::Takeover));
            now_us += self.chance.between(MINUTE_US, 12 * MINUTE_US);
        }
    }

    /// Deceived people pay into a rented account; most of it is gone within the hour.
    fn mule(&mut self, at_us: i64) {
        let mule = self.stranger();
        let mut received = 0;
        for _ in 0..self.chance.between(6, 16) {
            let paid_us = at_us + self.chance.between(0, 30 * MINUTE_US);
            let payer = self.sender(paid_us);
            let visit = self.visit(paid_us, payer);
            let amount = amounts::rounded(self.chance.between(500 * K, 8 * M));
            received += amount;
            let target = Target::Account(mule);
            self.pay(visit.ready_us, &visit, (target, "transfer"), amount, Some(Fraud::Mule));
        }
        let out_us = at_us + self.chance.between(32 * MINUTE_US, 42 * MINUTE_US);
        let visit = if self.chance.percent(30) {
            let device = self.world.new_device();
            self.visit_from(out_us, mule, device)
        } else {
            self.visit(out_us, mule)
        };
        let parts = self.chance.between(1, 3);
        let each = received * self.chance.between(85, 98) / 100 / parts;
        let mut now_us = visit.ready_us;
        for _ in 0..parts {
            let goes = if self.chance.percent(70) {
                (self.accomplice(), "transfer")
            } else {
                (Target::Cash, "cash")
            };
            self.pay(now_us, &visit, goes, each, Some(Fraud::Mule));
            now_us += self.chance.between(MINUTE_US, 5 * MINUTE_US);
        }
    }

    /// Stolen card numbers are tried one after the other with sums that nobody notices.
    fn test_cards(&mut self, at_us: i64) {
        let device = self.world.new_device();
        let shop = self.shop();
        let city = self.chance.below(12) as u8;
        let mut now_us = at_us;
        for _ in 0..self.chance.between(10, 30) {
            let account = self.card();
            let origin = Origin { device, city, channel: "web" };
            let visit = Visit { account, origin, session: None, ready_us: now_us };
            let amount = self.chance.between(10, 49) * K;
            self.pay(now_us, &visit, (shop, "purchase"), amount, Some(Fraud::CardTesting));
            now_us += self.chance.between(2, 25) * SECOND_US;
        }
    }

    /// One phone moves the money of accounts bought from students.
    fn share_device(&mut self, at_us: i64) {
        let device = self.world.new_device();
        let collectors = [self.accomplice(), self.accomplice()];
        for _ in 0..self.chance.between(6, 12) {
            let account = self.stranger();
            let mut now_us = at_us + self.chance.between(0, 10 * HOUR_US);
            for _ in 0..self.chance.between(1, 2) {
                let visit = self.visit_from(now_us, account, device);
                let amount = amounts::rounded(self.chance.between(M, 8 * M));
                let target = self.chance.one_of(&collectors);
                self.pay(visit.ready_us, &visit, (target, "transfer"), amount, Some(Fraud::SharedDevice));
                now_us = visit.ready_us + self.chance.between(2 * MINUTE_US, 40 * MINUTE_US);
            }
        }
    }

    /// A large sum leaves in parts that each need only the weaker authentication.
    fn split(&mut self, at_us: i64) {
        let account = self.sender(at_us);
        let target = self.accomplice();
        let mut now_us = at_us;
        for _ in 0..self.chance.between(4, 9) {
            let visit = self.visit(now_us, account);
            let amount = self.chance.between(9_000, 9_990) * K;
            self.pay(visit.ready_us, &visit, (target, "transfer"), amount, Some(Fraud::Splitting));
            now_us = visit.ready_us + self.chance.between(2 * MINUTE_US, 70 * MINUTE_US);
        }
    }
}
