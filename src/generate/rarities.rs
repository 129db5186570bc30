//! What few pay: abroad, between accounts of their own, houses and cars, and firms' large sums.
//!
//! Promises honest payments of every kind, instrument and size that the country has, also several large ones on one
//! day. Customers present the methods that such sums are confirmed with here.

use super::amounts::{K, M};
use super::planner::{Planner, Visit};
use super::world::{Instrument, Target};
use crate::time::SECOND_US;

/// Accounts looked at for one that is wanted.
const TRIES: usize = 60;

/// Something that few pay.
#[derive(Clone, Copy, Debug)]
enum Rarity {
    /// From one account of one's own to another at the same bank.
    Own,
    /// Out of the country: fees of a university, a supplier.
    Abroad,
    /// A motorbike, a car, a hospital's bill.
    LargePurchase,
    /// By card in a shop on the web.
    CardPurchase,
    /// Into a wallet, and out of it.
    Wallet,
    /// Several transfers in a row, each of a size that takes no more than a code.
    Run,
    /// A house, and what is paid around it on the same day.
    House,
    /// A house and a run, so that all of a day's sums are large.
    HouseAndRun,
    /// A code that the customer shows, an auto-debit that is registered, a firm's own programs that pay.
    Odd,
}

const RARITIES: [(u32, Rarity); 9] = [
    (20, Rarity::Own),
    (20, Rarity::Abroad),
    (20, Rarity::LargePurchase),
    (15, Rarity::CardPurchase),
    (10, Rarity::Wallet),
    (10, Rarity::Run),
    (10, Rarity::House),
    (5, Rarity::HouseAndRun),
    (5, Rarity::Odd),
];

impl Planner {
    /// Plans one thing that few pay.
    pub(super) fn rarity(&mut self, at_us: i64) {
        let firm = self.chance.percent(30);
        match self.chance.weighted(&RARITIES) {
            Rarity::Own => self.own(at_us, firm),
            Rarity::Abroad => self.abroad(at_us, firm),
            Rarity::LargePurchase => self.large_purchase(at_us, firm),
            Rarity::CardPurchase => self.card_purchase(at_us),
            Rarity::Wallet => self.wallet(at_us),
            Rarity::Odd => self.odd(at_us, firm),
            _ if firm => self.firm_day(at_us),
            Rarity::Run => self.row(at_us, "transfer", &[(8 * M, 10 * M); 5]),
            Rarity::House => {
                self.row(at_us, "transfer", &[(400 * M, 500 * M), (200 * M, 500 * M), (501 * M, 900 * M)])
            }
            Rarity::HouseAndRun => self.row(
                at_us,
                "transfer",
                &[
                    (1_500 * M, 2_000 * M),
                    (9 * M, 10 * M),
                    (9 * M, 10 * M),
                    (5 * M, 10 * M),
                    (11 * M, 90 * M),
                ],
            ),
        }
    }

    /// An account of this kind, of a firm or of a person, as far as one is found.
    fn account_of(&mut self, at_us: i64, instrument: Instrument, firm: bool) -> u32 {
        let mut account = self.payer(at_us);
        for _ in 0..TRIES {
            let fits = self.world.owner(account).organisation == firm;
            if fits && self.world.account(account).instrument == instrument {
                break;
            }
            account = self.stranger();
        }
        account
    }

    /// Payments one after the other from one account, each within its bounds.
    fn in_a_row(
        &mut self,
        at_us: i64,
        account: u32,
        (target, kind): (Option<Target>, &'static str),
        sizes: &[(i64, i64)],
    ) {
        let visit = self.visit(at_us, account);
        let mut paid_us = visit.ready_us;
        for &(least, most) in sizes {
            let target = target.unwrap_or_else(|| self.contact(account));
            let amount = self.chance.between(least / K, most / K) * K;
            self.confirmed(paid_us, &visit, (target, kind), amount);
            paid_us += self.chance.between(10, 50) * SECOND_US;
        }
    }

    fn row(&mut self, at_us: i64, kind: &'static str, sizes: &[(i64, i64)]) {
        let account = self.account_of(at_us, Instrument::Account, false);
        self.in_a_row(at_us, account, (None, kind), sizes);
    }

    fn own(&mut self, at_us: i64, firm: bool) {
        let mut account = self.account_of(at_us, Instrument::Account, firm);
        let sibling = |planner: &Self, account| {
            let of = [Instrument::Account, Instrument::Card];
            of.into_iter().find_map(|instrument| planner.world.sibling(account, instrument))
        };
        for _ in 0..TRIES {
            if sibling(self, account).is_some() {
                break;
            }
            account = self.account_of(at_us, Instrument::Account, firm);
        }
        let Some(target) = sibling(self, account) else { return };
        self.in_a_row(at_us, account, (Some(Target::Account(target)), "transfer"), &[(M, 2_000 * M)]);
    }

    fn abroad(&mut self, at_us: i64, firm: bool) {
        let account = self.account_of(at_us, Instrument::Account, firm);
        let target = Target::Outside(self.stranger());
        let one: (i64, i64) = match (firm, self.chance.percent(50)) {
            (false, true) => (5 * M, 200 * M),
            (false, false) => (201 * M, 500 * M),
            (true, true) => (20 * M, 500 * M),
            (true, false) => (501 * M, 3_000 * M),
        };
        let largest = if firm { 500 * M } else { 200 * M };
        let (times, size) =
            if self.chance.percent(25) { (12, (largest * 9 / 10, largest)) } else { (1, one) };
        self.in_a_row(at_us, account, (Some(target), "transfer_abroad"), &[size; 12][..times]);
    }

    fn large_purchase(&mut self, at_us: i64, firm: bool) {
        let account = self.account_of(at_us, Instrument::Account, firm);
        let target = self.shop();
        let size = self.chance.weighted(&[
            (30, (K, 5 * M)),
            (30, (5 * M, 90 * M)),
            (25, (100 * M, 1_400 * M)),
            (15, (1_500 * M, 3_000 * M)),
        ]);
        let kind = self.chance.weighted(&[(70, "purchase"), (30, "bill")]);
        self.in_a_row(at_us, account, (Some(target), kind), &[size]);
    }

    fn card_purchase(&mut self, at_us: i64) {
        let (account, target) = (self.card(), self.shop());
        let size = self.chance.weighted(&[(40, (K, 5 * M)), (40, (5 * M, 90 * M)), (20, (100 * M, 300 * M))]);
        self.in_a_row(at_us, account, (Some(target), "purchase"), &[size]);
    }

    fn wallet(&mut self, at_us: i64) {
        let mut wallet = self.account_of(at_us, Instrument::Wallet, false);
        for _ in 0..TRIES {
            if self.world.sibling(wallet, Instrument::Account).is_some() {
                break;
            }
            wallet = self.account_of(at_us, Instrument::Wallet, false);
        }
        let Some(account) = self.world.sibling(wallet, Instrument::Account) else { return };
        let size = self.chance.weighted(&[(60, (100 * K, 10 * M)), (40, (10 * M, 40 * M))]);
        if self.chance.percent(50) {
            self.in_a_row(at_us, account, (Some(Target::Account(wallet)), "topup"), &[size]);
        } else {
            self.in_a_row(at_us, wallet, (Some(Target::Account(account)), "withdrawal"), &[size]);
        }
    }

    fn odd(&mut self, at_us: i64, firm: bool) {
        let account = self.account_of(at_us, Instrument::Account, firm);
        let kind = if firm { "straight_through" } else { "customer_qr" };
        let kind = if self.chance.percent(30) { "autodebit_registration" } else { kind };
        let target = if firm { self.contact(account) } else { self.shop() };
        self.in_a_row(at_us, account, (Some(target), kind), &[(50 * K, 20 * M)]);
    }

    fn firm_day(&mut self, at_us: i64) {
        let account = self.account_of(at_us, Instrument::Account, true);
        let (times, size) = self.chance.weighted(&[
            (60, (2, (M, 1_000 * M))),
            (20, (1, (1_001 * M, 5_000 * M))),
            (20, (12, (900 * M, 1_000 * M))),
        ]);
        self.in_a_row(at_us, account, (None, "transfer"), &[size; 12][..times]);
    }

    /// Pays with the methods that such a sum is confirmed with.
    fn confirmed(&mut self, at_us: i64, visit: &Visit, to: (Target, &'static str), amount: i64) {
        let methods = if amount <= 10 * M {
            self.chance.weighted(&[(50, "sms_otp"), (30, "soft_otp_basic"), (20, "fido")])
        } else {
            self.chance.weighted(&[
                (10, "sms_otp,biometric_database"),
                (50, "soft_otp_advanced,biometric_chip"),
                (40, "fido,biometric_vneid"),
            ])
        };
        self.pay_with(at_us, visit, to, amount, Some(methods), None);
    }
}
