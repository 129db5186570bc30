//! Who there is: customers with their accounts, devices and contacts.
//!
//! Promises memory in the number of accounts alone; what need not change is read off a number instead of kept.
//! Every name is invented.

use super::chance::{Chance, scatter};
use super::season::Payday;

/// A city that customers live in.
#[derive(Clone, Copy, Debug)]
pub(super) struct City {
    /// Latitude in millionths of a degree.
    pub(super) latitude: i32,
    /// Longitude in millionths of a degree.
    pub(super) longitude: i32,
}

const fn city(latitude: i32, longitude: i32) -> City {
    City { latitude: latitude * 100, longitude: longitude * 100 }
}

/// Hà Nội, Hồ Chí Minh City, Hải Phòng, Đà Nẵng, Cần Thơ, Huế, Nha Trang, Đà Lạt, Vinh, Biên Hòa, Quy Nhơn, Buôn Ma Thuột.
pub(super) const CITIES: [City; 12] = [
    city(210_285, 1_058_542),
    city(107_769, 1_067_009),
    city(208_449, 1_066_881),
    city(160_544, 1_082_022),
    city(100_452, 1_057_469),
    city(164_637, 1_075_909),
    city(122_388, 1_091_967),
    city(119_404, 1_084_583),
    city(186_796, 1_056_813),
    city(109_574, 1_068_426),
    city(137_830, 1_092_197),
    city(126_667, 1_080_383),
];

/// How many of a hundred customers live in which city.
const HOMES: [(u32, u8); 12] =
    [(27, 0), (32, 1), (7, 2), (7, 3), (6, 4), (3, 5), (3, 6), (2, 7), (4, 8), (5, 9), (2, 10), (2, 11)];

/// Providers of payment services behind the gateway.
pub(super) const PROVIDERS: u8 = 9;
/// Institutions that pay and receive.
pub(super) const INSTITUTIONS: u8 = 30;
/// The public-service portal, and two more.
pub(super) const PUBLIC_PORTALS: [&str; 3] = ["public-services", "tax-counter", "traffic-fines"];
/// Shops on the web.
pub(super) const SHOP_PORTALS: [&str; 4] = ["shop-lotus", "shop-river", "shop-market", "shop-books"];
/// Electricity, water and telecoms.
pub(super) const UTILITIES: [&str; 8] = [
    "power-north",
    "power-central",
    "power-south",
    "water-red-river",
    "water-saigon",
    "telecom-lotus",
    "telecom-star",
    "internet-lightning",
];

/// What a paying account is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Instrument {
    /// A bank account.
    Account,
    /// A card.
    Card,
    /// A wallet.
    Wallet,
}

/// What a login opens.
#[derive(Clone, Copy, Debug)]
pub(super) struct Session {
    /// Its number.
    pub(super) number: u64,
    /// How it was opened.
    pub(super) methods: &'static str,
}

/// Where and when a session is open.
#[derive(Clone, Copy, Debug)]
pub(super) struct OpenSession {
    /// The session.
    pub(super) session: Session,
    /// Its device.
    pub(super) device: u32,
    /// When it was opened.
    pub(super) from_us: i64,
    /// When it ends, unless it is used before.
    pub(super) until_us: i64,
}

/// Someone who pays.
#[derive(Clone, Debug)]
pub(super) struct Customer {
    /// A business, not a person.
    pub(super) organisation: bool,
    /// Index of the home city.
    pub(super) city: u8,
    /// The provider used.
    pub(super) provider: u8,
    /// The bank.
    pub(super) institution: u8,
    /// What is earned and spent, in percent of the usual.
    pub(super) income: u16,
    /// When the salary comes; nothing where it comes by other ways.
    pub(super) payday: Option<Payday>,
    /// The phone.
    pub(super) device: u32,
    /// A second device, perhaps someone else's in the family.
    pub(super) second_device: Option<u32>,
    /// The first of the accounts.
    pub(super) first_account: u32,
    /// How many there are.
    pub(super) accounts: u8,
    /// The latest session.
    pub(super) session: Option<OpenSession>,
}

/// An account, card or wallet.
#[derive(Clone, Debug)]
pub(super) struct Account {
    /// Whose it is.
    pub(super) customer: u32,
    /// What it is.
    pub(super) instrument: Instrument,
    /// How many payees were ever paid.
    pub(super) contacts: u16,
}

/// Who or what a payment goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// Cash at a counter or a machine.
    Cash,
    /// An account of this world.
    Account(u32),
    /// An account that never pays here.
    Outside(u32),
    /// A shop, perhaps by a portal.
    Merchant(u32),
    /// Electricity, water or telecoms.
    Utility(u8),
    /// A public service.
    Public(u8),
}

/// Everyone and everything that the stream speaks of.
#[derive(Clone, Debug)]
pub(super) struct World {
    /// The customers; low numbers pay most.
    pub(super) customers: Vec<Customer>,
    /// The accounts, those of a customer side by side.
    pub(super) accounts: Vec<Account>,
    /// Which of the accounts are cards; never empty.
    pub(super) cards: Vec<u32>,
    /// How many merchants there are.
    pub(super) merchants: u32,
    /// How many self-service counters there are; theirs are the first devices.
    pub(super) kiosks: u32,
    devices: u32,
}

impl World {
    /// A world with this many accounts.
    pub(super) fn new(accounts: u32, chance: &mut Chance) -> Self {
        let kiosks = accounts / 10_000 + 1;
        let mut world = Self {
            customers: Vec::new(),
            accounts: Vec::new(),
            cards: Vec::new(),
            merchants: accounts / 50 + 20,
            kiosks,
            devices: kiosks,
        };
        while (world.accounts.len() as u32) < accounts {
            world.settle(accounts, chance);
        }
        if world.cards.is_empty() {
            world.cards.push(0);
        }
        world
    }

    fn settle(&mut self, accounts: u32, chance: &mut Chance) {
        let first_account = self.accounts.len() as u32;
        let customer = self.customers.len() as u32;
        let wanted = if chance.percent(40) { 2 } else { 1 };
        let held = wanted.min(accounts - first_account) as u8;
        let organisation = chance.percent(5);
        let family_device = self.customers.last().map(|neighbour| neighbour.device);
        let device = self.new_device();
        let second_device = match chance.below(100) {
            0..8 => family_device,
            8..20 => Some(self.new_device()),
            _ => None,
        };
        self.customers.push(Customer {
            organisation,
            city: chance.weighted(&HOMES),
            provider: chance.skewed(PROVIDERS.into()) as u8,
            institution: chance.skewed(INSTITUTIONS.into()) as u8,
            income: chance.one_of(&[40, 60, 80, 100, 100, 130, 180, 300]) * if organisation { 3 } else { 1 },
            payday: match chance.below(100) {
                _ if organisation => None,
                0..30 => Some(Payday::Fifth),
                30..55 => Some(Payday::Tenth),
                55..75 => Some(Payday::LastWorkingDay),
                _ => None,
            },
            device,
            second_device,
            first_account,
            accounts: held,
            session: None,
        });
        for nth in 0..held {
            let instrument = match (nth, chance.below(100)) {
                (0, 0..70) | (1, 0..10) => Instrument::Account,
                (0, 70..85) | (1, 10..55) => Instrument::Card,
                _ => Instrument::Wallet,
            };
            if instrument == Instrument::Card {
                self.cards.push(self.accounts.len() as u32);
            }
            let contacts = 2 + chance.below(8) as u16;
            self.accounts.push(Account { customer, instrument, contacts });
        }
    }

    /// The number of a device that nobody has used yet.
    pub(super) fn new_device(&mut self) -> u32 {
        self.devices += 1;
        self.devices
    }

    /// An account; a number beyond the last comes round again.
    pub(super) fn account(&self, account: u32) -> &Account {
        &self.accounts[account as usize % self.accounts.len()]
    }

    /// The customer of an account.
    pub(super) fn owner(&self, account: u32) -> &Customer {
        &self.customers[self.account(account).customer as usize]
    }

    /// The customer of an account, to change.
    pub(super) fn owner_mut(&mut self, account: u32) -> &mut Customer {
        let customer = self.account(account).customer;
        &mut self.customers[customer as usize]
    }

    /// Another account of the same customer.
    pub(super) fn sibling(&self, account: u32, instrument: Instrument) -> Option<u32> {
        let owner = self.owner(account);
        let held = owner.first_account..owner.first_account + u32::from(owner.accounts);
        held.into_iter().find(|&other| other != account && self.account(other).instrument == instrument)
    }

    /// The payee behind one of an account's contacts: two in three are of this world.
    pub(super) fn contact(&self, account: u32, contact: u16) -> Target {
        let facts = scatter(u64::from(account) << 16 | u64::from(contact));
        let number = (facts >> 32) as u32;
        let accounts = self.accounts.len() as u32;
        if facts.is_multiple_of(3) {
            return Target::Outside(number % (accounts * 4).max(1));
        }
        let payee = number % accounts;
        Target::Account(if payee == account { (payee + 1) % accounts } else { payee })
    }
}
