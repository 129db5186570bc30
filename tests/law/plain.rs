//! The classification a second time, straight from the tables of the circular, with a ledger that is a list.
//!
//! Knows no rule file and no engine. What an event leaves out is filled in with all that it can be, and the strictest
//! of what comes out is taken.

/// Million dong.
pub(crate) const M: i64 = 1_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Instrument {
    Account,
    Card,
    Wallet,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Paid {
    Transfer,
    Abroad,
    Goods,
    Topup,
    Withdrawal,
    NotOnline,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    I1,
    I2,
    I3,
    I4,
    Ii1,
    Ii2,
    Ii3,
    Card,
}

/// What an event says of a payment; `None` is not said.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(crate) organisation: Option<bool>,
    pub(crate) instrument: Option<Instrument>,
    /// A word that is not known is not said either.
    pub(crate) paid: Option<Paid>,
    pub(crate) same_owner: Option<bool>,
    pub(crate) same_provider: Option<bool>,
    /// The card is a debit or an identified prepaid card.
    pub(crate) own_card: Option<bool>,
    /// Between a wallet and the account that it is linked to.
    pub(crate) linked: Option<bool>,
    pub(crate) by_customer: Option<bool>,
    pub(crate) at_counter: Option<bool>,
}

/// One way to fill in what was not said.
#[derive(Clone, Copy, Debug)]
struct Filled {
    organisation: bool,
    instrument: Instrument,
    paid: Paid,
    same_owner: bool,
    same_provider: bool,
    own_card: bool,
    linked: bool,
    by_customer: bool,
    at_counter: bool,
}

impl Said {
    fn ways(&self) -> Vec<Filled> {
        use {Instrument::*, Paid::*};
        // A wallet is topped up by something else, and a withdrawal is a wallet's.
        let paid = self.paid.filter(|paid| match paid {
            Topup => self.instrument.is_some_and(|instrument| instrument != Wallet),
            Withdrawal => self.instrument == Some(Wallet),
            _ => true,
        });
        let mut ways = vec![Filled {
            organisation: false,
            instrument: Account,
            paid: Transfer,
            same_owner: false,
            same_provider: false,
            own_card: false,
            linked: false,
            by_customer: false,
            at_counter: false,
        }];
        let kinds = [Transfer, Abroad, Goods, Topup, Withdrawal, NotOnline];
        fill(&mut ways, self.instrument, &[Account, Card, Wallet], |way, value| way.instrument = value);
        fill(&mut ways, paid, &kinds, |way, value| way.paid = value);
        let both = [false, true];
        fill(&mut ways, self.organisation, &both, |way, value| way.organisation = value);
        fill(&mut ways, self.same_owner, &both, |way, value| way.same_owner = value);
        fill(&mut ways, self.same_provider, &both, |way, value| way.same_provider = value);
        fill(&mut ways, self.own_card, &both, |way, value| way.own_card = value);
        fill(&mut ways, self.linked, &both, |way, value| way.linked = value);
        fill(&mut ways, self.by_customer, &both, |way, value| way.by_customer = value);
        fill(&mut ways, self.at_counter, &both, |way, value| way.at_counter = value);
        ways
    }
}

/// Every way so far, with each of the values that a field can have.
fn fill<T: Copy>(ways: &mut Vec<Filled>, said: Option<T>, all: &[T], set: fn(&mut Filled, T)) {
    let values = said.map_or(all.to_vec(), |said| vec![said]);
    *ways = ways
        .iter()
        .flat_map(|&way| values.iter().map(move |&value| (way, value)))
        .map(|(mut way, value)| {
            set(&mut way, value);
            way
        })
        .collect();
}

fn group(way: &Filled) -> Option<Group> {
    if !way.by_customer || way.at_counter {
        return None;
    }
    let own = way.same_owner && way.same_provider && (way.instrument != Instrument::Card || way.own_card);
    match (way.organisation, way.paid) {
        (_, Paid::NotOnline) => None,
        (_, Paid::Goods) if way.instrument == Instrument::Card => Some(Group::Card),
        (false, Paid::Goods) => Some(Group::I2),
        (false, Paid::Abroad) => Some(Group::I4),
        (false, Paid::Transfer) if own => Some(Group::I1),
        (false, _) => Some(Group::I3),
        (true, Paid::Abroad) => Some(Group::Ii3),
        (true, Paid::Transfer) if own => Some(Group::Ii1),
        (true, _) => Some(Group::Ii2),
    }
}

/// Own wallet <-> own linked account.
fn own_linked(way: &Filled) -> bool {
    matches!(way.paid, Paid::Topup | Paid::Withdrawal) && way.same_owner && way.linked
}

/// The letter of a payment: its group, whether it is own wallet <-> own linked account, G, T and Tksth.
fn letter(group: Group, linked: bool, g: i64, t: i64, ksth: i64) -> char {
    match group {
        Group::I1 => 'A',
        Group::I2 if g + t <= 5 * M => 'A',
        Group::I2 if g + t <= 100 * M => 'B',
        Group::I2 if g + t <= 1_500 * M => 'C',
        Group::I2 => 'D',
        Group::I3 if g <= 10 * M && g + ksth <= 20 * M => {
            if linked {
                'A'
            } else {
                'B'
            }
        }
        Group::I3 if g <= 500 * M && g + t <= 1_500 * M => 'C',
        Group::I3 => 'D',
        Group::I4 if g <= 200 * M && g + t <= 1_000 * M => 'C',
        Group::I4 => 'D',
        Group::Ii1 => 'B',
        Group::Ii2 if g <= 1_000 * M && g + t <= 10_000 * M => 'C',
        Group::Ii2 => 'D',
        Group::Ii3 if g <= 500 * M && g + t <= 5_000 * M => 'C',
        Group::Ii3 => 'D',
        Group::Card if g + t <= 5 * M => 'E',
        Group::Card if g + t <= 100 * M => 'F',
        Group::Card => 'G',
    }
}

/// What a payment is: the strictest letter of appendix 01 and of appendix 03, `-` where it is none of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Class {
    pub(crate) letter: char,
    pub(crate) card: char,
}

/// The payments of an account's day.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    payments: Vec<Payment>,
    clock: usize,
    reset: usize,
}

#[derive(Clone, Debug)]
struct Payment {
    id: usize,
    /// The groups that it may belong to.
    groups: Vec<Group>,
    /// It is of I.3 however it is filled in.
    surely_i3: bool,
    small: bool,
    left: i64,
    strong: bool,
    /// When it counts, and its turn among all that was counted; `None` while it doesn't.
    counts: Option<(i64, usize)>,
    executed: bool,
    until_us: i64,
}

const MINUTE_US: i64 = 60_000_000;

/// The calendar day in Ho Chi Minh City, seven hours ahead of UTC all year.
pub(crate) fn day(time_us: i64) -> i64 {
    (time_us + 7 * 60 * MINUTE_US).div_euclid(24 * 60 * MINUTE_US)
}

impl Ledger {
    /// T of a group: executed and pending payments of today.
    pub(crate) fn total(&self, group: Group, now_us: i64) -> i64 {
        let of_group = |payment: &&Payment| payment.groups.contains(&group);
        self.today(now_us).filter(of_group).map(|payment| payment.left).sum()
    }

    /// Tksth of I.3: those of type A and B since the last strong confirmation.
    pub(crate) fn small(&self, now_us: i64) -> i64 {
        let since =
            |payment: &&Payment| payment.small && payment.counts.is_some_and(|(_, turn)| turn > self.reset);
        self.today(now_us).filter(since).map(|payment| payment.left).sum()
    }

    fn today(&self, now_us: i64) -> impl Iterator<Item = &Payment> {
        let counts = move |payment: &&Payment| {
            let in_time = payment.executed || now_us < payment.until_us;
            in_time && payment.counts.is_some_and(|(time_us, _)| day(time_us) == day(now_us))
        };
        self.payments.iter().filter(counts)
    }

    /// A payment that was answered, and counts as pending until then.
    pub(crate) fn answered(
        &mut self,
        id: usize,
        said: &Said,
        class: Class,
        amount: i64,
        now_us: i64,
        until_us: i64,
    ) {
        let groups: Vec<Group> = said.ways().iter().filter_map(group).collect();
        let surely_i3 = said.ways().iter().all(|way| group(way) == Some(Group::I3));
        let small = groups.contains(&Group::I3) && matches!(class.letter, 'A' | 'B');
        self.clock += 1;
        let counts = Some((now_us, self.clock));
        self.payments.retain(|payment| now_us - payment.until_us < 5 * 24 * 60 * MINUTE_US);
        self.payments.push(Payment {
            id,
            groups,
            surely_i3,
            small,
            left: amount,
            strong: false,
            counts,
            executed: false,
            until_us,
        });
    }

    fn find(&mut self, id: usize) -> Option<&mut Payment> {
        self.payments.iter_mut().find(|payment| payment.id == id)
    }

    /// Whether what was presented met type C or D, and until when it counts as pending from here on.
    pub(crate) fn confirmed(&mut self, id: usize, strong: bool, until_us: i64) {
        if let Some(payment) = self.find(id) {
            payment.strong = strong;
            payment.until_us = until_us;
        }
    }

    /// It was refused, or nobody confirmed it.
    pub(crate) fn refused(&mut self, id: usize) {
        self.payments.retain(|payment| payment.id != id);
    }

    pub(crate) fn executed(&mut self, id: usize, succeeded: bool, now_us: i64) {
        self.clock += 1;
        let turn = self.clock;
        let Some(payment) = self.find(id) else { return };
        payment.executed = succeeded;
        payment.counts = succeeded.then_some((now_us, turn));
        let resets = succeeded && payment.strong && payment.surely_i3;
        if resets {
            self.reset = turn;
        }
    }

    pub(crate) fn reversed(&mut self, id: usize, minor: Option<i64>) {
        if let Some(payment) = self.find(id) {
            payment.left = minor.map_or(0, |minor| (payment.left - minor).max(0));
        }
    }
}

/// Classifies a payment of an account with this day behind it; without an account nothing is known of the day.
pub(crate) fn classify(said: &Said, amount: i64, day: Option<(&Ledger, i64)>) -> Class {
    const MUCH: i64 = 100_000 * M;
    let mut class = Class { letter: '-', card: '-' };
    for way in said.ways() {
        let Some(group) = group(&way) else { continue };
        let days = match day {
            Some((ledger, now_us)) => vec![(ledger.total(group, now_us), ledger.small(now_us))],
            None => vec![(0, 0), (MUCH, 0), (0, MUCH), (MUCH, MUCH)],
        };
        for (t, ksth) in days {
            let letter = letter(group, own_linked(&way), amount, t, ksth);
            let held = if group == Group::Card { &mut class.card } else { &mut class.letter };
            *held = letter.max(*held);
        }
    }
    class
}
