//! Honest errands that look like fraud: each trips a rule of the starter pack, and none is labelled a fraud.
//!
//! Promises that whoever tunes a rule on a generated stream meets the people whom it would bother.

use super::amounts::{self, K, M};
use super::plan::Origin;
use super::planner::{Planner, Visit};
use super::season::{HOUR_US, MINUTE_US, Season};
use super::world::Target;
use crate::time::{DAY_US, SECOND_US};

#[derive(Clone, Copy, Debug)]
enum Errand {
    /// A new phone, and soon a payment from it.
    NewPhone,
    /// A new password or phone number, and a payment days later.
    NewCredentials,
    /// A lost phone: new device, new password, and a large sum to a known payee.
    FreshStart,
    /// A motorbike, a deposit, a wedding.
    LargeSum,
    /// The same, deep in the night.
    LargeSumAtNight,
    /// A class fund or a landlord, who may pay it all out again.
    Collection,
    /// A large sum in parts that need less authentication each.
    UnderLimit,
    /// All of the month's bills in one sitting.
    BillEvening,
    /// An account unused for a month and more.
    Waking,
    /// A shopkeeper's phone that pays the neighbours' bills.
    Agent,
    /// A canteen's counter at noon.
    Kiosk,
    /// A forgotten password.
    Forgetful,
    /// Lucky money, or a small firm's wages.
    Round,
    /// A shop that pays its suppliers all day.
    BusyDay,
}

/// Of ten thousand journeys.
const ERRANDS: [(u32, Option<Errand>); 15] = [
    (40, Some(Errand::NewPhone)),
    (25, Some(Errand::NewCredentials)),
    (8, Some(Errand::FreshStart)),
    (110, Some(Errand::LargeSum)),
    (20, Some(Errand::LargeSumAtNight)),
    (8, Some(Errand::Collection)),
    (12, Some(Errand::UnderLimit)),
    (20, Some(Errand::BillEvening)),
    (25, Some(Errand::Waking)),
    (8, Some(Errand::Agent)),
    (1, Some(Errand::Kiosk)),
    (15, Some(Errand::Forgetful)),
    (6, Some(Errand::Round)),
    (2, Some(Errand::BusyDay)),
    (9_700, None),
];

impl Planner {
    /// Plans an errand now and then; says whether it did.
    pub(super) fn errand(&mut self, at_us: i64, season: &Season) -> bool {
        let Some(errand) = self.chance.weighted(&ERRANDS) else { return false };
        match errand {
            Errand::NewPhone => self.new_phone(at_us),
            Errand::NewCredentials => self.new_credentials(at_us),
            Errand::FreshStart => self.fresh_start(at_us),
            Errand::LargeSum => self.large_sum(at_us),
            Errand::LargeSumAtNight => {
                let night_us = self.next_night(at_us);
                self.large_sum(night_us);
            }
            Errand::Collection => self.collection(at_us),
            Errand::UnderLimit => self.keep_under_limit(at_us),
            Errand::BillEvening => self.bill_evening(at_us),
            Errand::Waking => self.waking(at_us),
            Errand::Agent => self.agent(at_us),
            Errand::Kiosk => self.kiosk(at_us),
            Errand::Forgetful => self.forgetful(at_us),
            Errand::Round => self.round(at_us, season.tet),
            Errand::BusyDay => self.busy_day(at_us),
        }
        true
    }

    fn new_phone(&mut self, at_us: i64) {
        let account = self.sender(at_us);
        let device = self.world.new_device();
        self.world.owner_mut(account).device = device;
        self.change(at_us, account, device, "device");
        let visit = self.visit_from(at_us + 2 * MINUTE_US, account, device);
        let amount = self.small_or_large(account, 30);
        let target = self.contact(account);
        self.pay(visit.ready_us, &visit, (target, "transfer"), amount, None);
    }

    fn new_credentials(&mut self, at_us: i64) {
        let account = self.sender(at_us);
        let device = self.world.owner(account).device;
        let what = self.chance.weighted(&[(70, "password"), (25, "phone"), (5, "biometric")]);
        self.change(at_us, account, device, what);
        let later_us = at_us + self.chance.between(10 * MINUTE_US, 3 * DAY_US);
        let visit = self.visit(later_us, account);
        let amount = self.small_or_large(account, 20);
        let target = self.contact(account);
        self.pay(visit.ready_us, &visit, (target, "transfer"), amount, None);
    }

    fn fresh_start(&mut self, at_us: i64) {
        let account = self.sender(at_us);
        let device = self.world.new_device();
        self.world.owner_mut(account).device = device;
        let what = self.chance.weighted(&[(60, "password"), (40, "phone")]);
        self.change(at_us, account, device, what);
        let visit_us = at_us + self.chance.between(5 * MINUTE_US, 10 * HOUR_US);
        let visit = self.visit_from(visit_us, account, device);
        let amount = self.small_or_large(account, 70);
        let target = self.contact(account);
        self.pay(visit.ready_us, &visit, (target, "transfer"), amount, None);
    }

    fn large_sum(&mut self, at_us: i64) {
        let account = self.sender(at_us);
        let visit = self.visit(at_us, account);
        let target = if self.chance.percent(40) { self.new_contact(account) } else { self.contact(account) };
        let amount = amounts::large(&mut self.chance);
        self.pay(visit.ready_us, &visit, (target, "transfer"), amount, None);
    }

    fn collection(&mut self, at_us: i64) {
        let collector = self.stranger();
        let each = self.chance.one_of(&[200 * K, 300 * K, 500 * K, 2_500 * K, 4 * M]);
        let payers = self.chance.between(8, 20);
        for _ in 0..payers {
            let paid_us = at_us + self.chance.between(0, 40 * MINUTE_US);
            let payer = self.sender(paid_us);
            let visit = self.visit(paid_us, payer);
            self.pay(visit.ready_us, &visit, (Target::Account(collector), "transfer"), each, None);
        }
        if self.chance.percent(50) {
            let out_us = at_us + self.chance.between(45 * MINUTE_US, 55 * MINUTE_US);
            let visit = self.visit(out_us, collector);
            let target = self.contact(collector);
            let amount = each * payers * self.chance.between(70, 100) / 100;
            self.pay(visit.ready_us, &visit, (target, "transfer"), amount, None);
        }
    }

    fn keep_under_limit(&mut self, at_us: i64) {
        let account = self.sender(at_us);
        let target = self.contact(account);
        let mut part_us = at_us;
        for _ in 0..self.chance.between(2, 5) {
            let visit = self.visit(part_us, account);
            let amount = amounts::under_limit(&mut self.chance);
            self.pay(visit.ready_us, &visit, (target, "transfer"), amount, None);
            part_us = visit.ready_us + self.chance.between(MINUTE_US, 2 * HOUR_US);
        }
    }

    fn bill_evening(&mut self, at_us: i64) {
        let account = self.payer(at_us);
        let income = self.world.owner(account).income.into();
        let visit = self.visit(at_us, account);
        let mut bill_us = visit.ready_us;
        for _ in 0..self.chance.between(6, 10) {
            let (target, amount) = self.bill(income);
            self.pay(bill_us, &visit, (target, "bill"), amount, None);
            bill_us += self.chance.between(20, 70) * SECOND_US;
        }
    }

    fn waking(&mut self, at_us: i64) {
        let Some(account) = self.sleeper(at_us) else { return self.large_sum(at_us) };
        let visit = self.visit(at_us, account);
        let target = self.contact(account);
        let amount = self.chance.between(2, 40) * M;
        self.pay(visit.ready_us, &visit, (target, "transfer"), amount, None);
    }

    fn agent(&mut self, at_us: i64) {
        let shopkeeper = self.payer(at_us);
        let device = self.world.owner(shopkeeper).device;
        for _ in 0..self.chance.between(5, 9) {
            let paid_us = at_us + self.chance.between(0, 6 * HOUR_US);
            let neighbour = self.payer(paid_us);
            let income = self.world.owner(neighbour).income.into();
            let visit = self.visit_from(paid_us, neighbour, device);
            let (target, amount) = self.bill(income);
            self.pay(visit.ready_us, &visit, (target, "bill"), amount, None);
        }
    }

    fn kiosk(&mut self, at_us: i64) {
        let kiosks = self.world.kiosks;
        let kiosk = self.chance.below(kiosks);
        let city = self.chance.below(12) as u8;
        for _ in 0..self.chance.between(45, 60) {
            let paid_us = at_us + self.chance.between(0, 50 * MINUTE_US);
            let account = self.card();
            let origin = Origin { device: kiosk + 1, city, channel: "counter" };
            let visit = Visit { account, origin, session: None, ready_us: paid_us };
            let amount = self.chance.between(20, 60) * K;
            self.pay(paid_us, &visit, (Target::Merchant(kiosk), "purchase"), amount, None);
        }
    }

    fn forgetful(&mut self, at_us: i64) {
        let account = self.sender(at_us);
        let device = self.world.owner(account).device;
        let mut try_us = at_us;
        for _ in 0..self.chance.between(3, 5) {
            self.fail_login(try_us, account, device);
            try_us += self.chance.between(10, 90) * SECOND_US;
        }
        let visit = self.visit_from(try_us, account, device);
        let target = self.contact(account);
        let amount = self.small_or_large(account, 25);
        self.pay(visit.ready_us, &visit, (target, "transfer"), amount, None);
    }

    fn round(&mut self, at_us: i64, tet: bool) {
        let account = self.sender(at_us);
        let visit = self.visit(at_us, account);
        let mut paid_us = visit.ready_us;
        for _ in 0..self.chance.between(11, 16) {
            let target = self.new_contact(account);
            let amount =
                if tet { amounts::lucky(&mut self.chance) } else { amounts::salary(&mut self.chance, 60) };
            self.pay(paid_us, &visit, (target, "transfer"), amount, None);
            paid_us += self.chance.between(30, 100) * SECOND_US;
        }
    }

    fn busy_day(&mut self, at_us: i64) {
        let account = self.sender(at_us);
        let income = self.world.owner(account).income.into();
        let mut paid_us = at_us;
        for _ in 0..self.chance.between(32, 42) {
            let visit = self.visit(paid_us, account);
            let target = self.contact(account);
            let amount = amounts::transfer(&mut self.chance, income);
            self.pay(visit.ready_us, &visit, (target, "transfer"), amount, None);
            paid_us = visit.ready_us + self.chance.between(8 * MINUTE_US, 25 * MINUTE_US);
        }
    }

    fn small_or_large(&mut self, account: u32, percent_large: u32) -> i64 {
        if self.chance.percent(percent_large) {
            amounts::large(&mut self.chance)
        } else {
            let income = self.world.owner(account).income.into();
            amounts::transfer(&mut self.chance, income)
        }
    }
}
