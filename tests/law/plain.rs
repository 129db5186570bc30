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
    /// A word that is none of these; only of a payee.
    Other,
}

/// Where it was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Channel {
    Counter,
    Web,
    /// A word that nobody knows, so that it may be Mobile Banking.
    Strange,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Paid {
    Transfer,
    Abroad,
    Purchase,
    Bill,
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
#[derive(Clone, Debug, Default)]
pub(crate) struct Said {
    pub(crate) organisation: Option<bool>,
    pub(crate) instrument: Option<Instrument>,
    /// A word that is not known is not said either.
    pub(crate) paid: Option<Paid>,
    pub(crate) same_owner: Option<bool>,
    pub(crate) same_provider: Option<bool>,
    /// What receives it.
    pub(crate) payee: Option<Instrument>,
    /// The card that pays is a debit or an identified prepaid card.
    pub(crate) own_card: Option<bool>,
    /// So is the card that receives.
    pub(crate) own_payee_card: Option<bool>,
    /// The seller is the provider itself, or a merchant that it chose and watches over.
    pub(crate) approved: Option<bool>,
    /// Between a wallet and the account that it is linked to.
    pub(crate) linked: Option<bool>,
    pub(crate) by_customer: Option<bool>,
    pub(crate) channel: Option<Channel>,
    /// It is paid in another currency than dong.
    pub(crate) foreign: bool,
    /// There is no word for the kind of payment, so that it may be any.
    pub(crate) no_word: bool,
    /// 2024, 2025 or 2026: straight-through processing is a transfer in 2025, and no longer from 2026 on.
    pub(crate) year: i64,
}

/// One way to fill in what was not said.
#[derive(Clone, Copy, Debug)]
struct Filled {
    organisation: bool,
    instrument: Instrument,
    paid: Paid,
    same_owner: bool,
    same_provider: bool,
    payee: Instrument,
    own_card: bool,
    own_payee_card: bool,
    approved: bool,
    linked: bool,
    foreign: bool,
    by_customer: bool,
    at_counter: bool,
}

impl Said {
    fn ways(&self) -> Vec<Filled> {
        use {Instrument::*, Paid::*};
        // A wallet is topped up by something else, and a withdrawal is a wallet's, into something else.
        let paid = self.paid.filter(|paid| match paid {
            Topup => {
                self.instrument.is_some_and(|instrument| instrument != Wallet)
                    && matches!(self.payee, None | Some(Wallet))
            }
            Withdrawal => {
                self.instrument == Some(Wallet) && matches!(self.payee, None | Some(Account | Card))
            }
            _ => true,
        });
        let at_counter = self.channel.map(|channel| channel == Channel::Counter);
        // A transfer that leaves open what pays or what receives is not taken for a top-up or a withdrawal by its link.
        let ends = self.instrument.is_some() && self.payee.is_some();
        let linked = self.linked.filter(|linked| !linked || ends || paid != Some(Transfer));
        let mut ways = vec![Filled {
            organisation: false,
            instrument: Account,
            paid: Transfer,
            same_owner: false,
            same_provider: false,
            payee: Account,
            own_card: false,
            own_payee_card: false,
            approved: false,
            linked: false,
            foreign: self.foreign,
            by_customer: false,
            at_counter: false,
        }];
        let kinds = [Transfer, Abroad, Purchase, Bill, Topup, Withdrawal, NotOnline];
        fill(&mut ways, self.payee, &[Account, Card, Wallet], |way, value| way.payee = value);
        fill(&mut ways, self.instrument, &[Account, Card, Wallet], |way, value| way.instrument = value);
        fill(&mut ways, paid, &kinds, |way, value| way.paid = value);
        let both = [false, true];
        fill(&mut ways, self.organisation, &both, |way, value| way.organisation = value);
        fill(&mut ways, self.same_owner, &both, |way, value| way.same_owner = value);
        fill(&mut ways, self.same_provider, &both, |way, value| way.same_provider = value);
        fill(&mut ways, self.own_card, &both, |way, value| way.own_card = value);
        fill(&mut ways, self.own_payee_card, &both, |way, value| way.own_payee_card = value);
        fill(&mut ways, self.approved, &both, |way, value| way.approved = value);
        fill(&mut ways, linked, &both, |way, value| way.linked = value);
        fill(&mut ways, self.by_customer, &both, |way, value| way.by_customer = value);
        fill(&mut ways, at_counter, &both, |way, value| way.at_counter = value);
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
    let bank = |instrument, own_card| match instrument {
        Instrument::Account => true,
        Instrument::Card => own_card,
        Instrument::Wallet | Instrument::Other => false,
    };
    let banks = bank(way.instrument, way.own_card) && bank(way.payee, way.own_payee_card);
    let wallets = way.instrument == Instrument::Wallet && way.payee == Instrument::Wallet;
    let own = way.same_owner && way.same_provider && (banks || wallets);
    match (way.organisation, way.paid) {
        (_, Paid::NotOnline) => None,
        (_, Paid::Purchase | Paid::Bill) if way.instrument == Instrument::Card => Some(Group::Card),
        (false, Paid::Bill) => Some(Group::I2),
        (false, Paid::Purchase) if way.approved => Some(Group::I2),
        (false, Paid::Abroad) => Some(Group::I4),
        (false, Paid::Transfer) if own => Some(Group::I1),
        (false, _) => Some(Group::I3),
        (true, Paid::Abroad) => Some(Group::Ii3),
        (true, Paid::Transfer) if own => Some(Group::Ii1),
        (true, _) => Some(Group::Ii2),
    }
}

/// Own wallet <-> own linked account, in dong.
fn own_linked(way: &Filled) -> bool {
    let (account, wallet) = (Instrument::Account, Instrument::Wallet);
    let between = match way.paid {
        Paid::Topup => way.instrument == account,
        Paid::Withdrawal => way.payee == account,
        Paid::Transfer => [(account, wallet), (wallet, account)].contains(&(way.instrument, way.payee)),
        _ => false,
    };
    between && way.same_owner && way.linked && !way.foreign
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

/// Whether these methods are enough for a payment of this class, in a session opened with a password.
pub(crate) fn enough(said: &Said, class: Class, presented: &[&str]) -> bool {
    let any = |of: &[&str]| presented.iter().any(|method| of.contains(method));
    let otp = any(&["sms_otp", "voice_otp"]);
    let basic = any(&["soft_otp_basic", "token_otp_basic"]);
    let strong = any(&["soft_otp_advanced", "token_otp_advanced", "fido", "secure_e_signature"]);
    let signed = any(&["e_signature", "secure_e_signature"]);
    let matched = any(&["biometric_chip", "biometric_vneid", "biometric_database"]);
    let simple = any(&["email_otp", "matrix_card", "device_biometric"]);
    let channels = any(&["two_channel"]);
    let individual = match class.letter {
        'B' => otp || basic || strong || signed || simple || channels,
        'C' => (otp || basic || signed || strong) && matched,
        'D' => strong && matched,
        _ => true,
    };
    let organisation = match class.letter {
        'B' => otp || simple || basic || channels || signed || strong,
        'C' => basic || channels || signed || strong,
        'D' => strong,
        _ => true,
    };
    let second = strong || signed || any(&["emv_3ds"]);
    let card = match class.card {
        'E' => second || otp || basic || simple || channels || any(&["password", "pin"]),
        'F' => second || otp || basic || simple || channels,
        'G' => second,
        _ => true,
    };
    // What is not surely another channel may be the first by Mobile Banking, on a device that is not known yet.
    let mobile = !matches!(said.channel, Some(Channel::Counter | Channel::Web))
        && said.organisation != Some(true)
        && said.by_customer != Some(false);
    let chip = any(&["biometric_chip", "biometric_vneid"]);
    let device = chip || matched && (otp || basic || any(&["soft_otp_advanced", "token_otp_advanced"]));
    // Without a word it may register an auto-debit, or from 2026 on be straight-through.
    let through = signed || any(&["fido"]);
    let debit = otp || basic || strong || signed || matched || channels || any(&["email_otp", "matrix_card"]);
    (individual || said.organisation == Some(true))
        && (organisation || said.organisation == Some(false))
        && card
        && (device || !mobile)
        && (debit || !said.no_word)
        && (through || !said.no_word || said.year < 2026)
}

/// Whether these methods are such as type C or D takes.
pub(crate) fn is_strong(presented: &[&str]) -> bool {
    let individual = Said { organisation: Some(false), ..Said::default() };
    enough(&individual, Class { letter: 'C', card: '-' }, presented)
}

/// How the customer was answered last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// To be confirmed before this time.
    Open(i64),
    /// Allowed, and to be reported before this time.
    Allowed(i64),
    Refused,
}

/// The payments of an account.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    payments: Vec<Payment>,
    turn: usize,
    /// When Tksth surely became 0 last, and when it may have.
    reset: usize,
    maybe_reset: usize,
}

#[derive(Clone, Debug)]
struct Payment {
    id: usize,
    said: Said,
    amount: i64,
    time_us: i64,
    /// The groups that it may belong to.
    groups: Vec<Group>,
    surely_i3: bool,
    /// It may be of I.3 and of type A or B, whatever was not said and whatever Tksth was; and it can be nothing else.
    maybe_small: bool,
    surely_small: bool,
    /// Every class that it was found to be so far.
    classes: Vec<Class>,
    presented: Vec<&'static str>,
    attempts_left: usize,
    state: State,
    /// When it began to count where it counts now, among all.
    turn: usize,
    executed_us: Option<i64>,
    failed: bool,
    /// What reversals left of it.
    left: i64,
}

const MINUTE_US: i64 = 60_000_000;
/// How long a customer may take to confirm.
pub(crate) const CONFIRM_US: i64 = 5 * MINUTE_US;
/// How long an allowed payment counts without a report.
pub(crate) const REPORT_US: i64 = 15 * MINUTE_US;
/// Whether a strong confirmation makes Tksth 0.
const RESETS: bool = true;
/// How often the customer may try.
const ATTEMPTS: usize = 5;

/// The calendar day in Ho Chi Minh City, seven hours ahead of UTC all year.
pub(crate) fn day(time_us: i64) -> i64 {
    (time_us + 7 * 60 * MINUTE_US).div_euclid(24 * 60 * MINUTE_US)
}

/// What is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Allow,
    StepUp,
    Block,
}

impl Payment {
    /// The time at which it counts, now: when it was executed, or today where it waits to be.
    fn counts_at(&self, now_us: i64) -> Option<i64> {
        if self.failed || self.left == 0 {
            return None;
        }
        match (self.state, self.executed_us) {
            // What moved counts, whatever was answered.
            (_, Some(executed_us)) => Some(executed_us),
            (State::Allowed(until_us) | State::Open(until_us), None) if now_us < until_us => Some(now_us),
            _ => None,
        }
    }
}

impl Payment {
    /// Whether it may make Tksth 0 once it is both allowed and executed; where it surely is of I.3 it does.
    fn may_reset(&self) -> bool {
        RESETS && self.groups.contains(&Group::I3) && is_strong(&self.presented)
    }
}

impl Ledger {
    /// T of a group: executed and pending payments of today, but for one that is looked at again.
    pub(crate) fn total(&self, group: Group, now_us: i64, but: Option<usize>) -> i64 {
        let of_group = |payment: &&Payment| payment.groups.contains(&group);
        self.today(now_us, but).filter(of_group).map(|payment| payment.left).sum()
    }

    /// Tksth of I.3, those of type A and B since the last strong confirmation: the most that it can be.
    pub(crate) fn small(&self, now_us: i64, but: Option<usize>) -> i64 {
        let since = |payment: &&Payment| payment.maybe_small && payment.turn > self.reset;
        self.today(now_us, but).filter(since).map(|payment| payment.left).sum()
    }

    /// The least that Tksth can be.
    pub(crate) fn small_at_least(&self, now_us: i64, but: Option<usize>) -> i64 {
        let since = |payment: &&Payment| payment.surely_small && payment.turn > self.maybe_reset;
        self.today(now_us, but).filter(since).map(|payment| payment.left).sum()
    }

    fn today(&self, now_us: i64, but: Option<usize>) -> impl Iterator<Item = &Payment> {
        self.payments
            .iter()
            .filter(move |payment| but != Some(payment.id))
            .filter(move |payment| payment.counts_at(now_us).is_some_and(|at_us| day(at_us) == day(now_us)))
    }

    fn next_turn(&mut self) -> usize {
        self.turn += 1;
        self.turn
    }

    /// A payment is asked for, with these methods presented; what is answered.
    pub(crate) fn ask(
        &mut self,
        id: usize,
        said: &Said,
        amount: i64,
        presented: &[&'static str],
        now_us: i64,
    ) -> (Class, Outcome) {
        let class = classify(said, amount, Some((self, now_us, None)));
        let outcome = if enough(said, class, presented) { Outcome::Allow } else { Outcome::StepUp };
        let state = match outcome {
            Outcome::Allow => State::Allowed(now_us + REPORT_US),
            _ => State::Open(now_us + CONFIRM_US),
        };
        let groups: Vec<Group> = said.ways().iter().filter_map(group).collect();
        let surely_i3 = said.ways().iter().all(|way| group(way) == Some(Group::I3));
        let t = self.total(Group::I3, now_us, None);
        let is_small = |ksth| {
            move |way: &Filled| {
                let i3 = group(way) == Some(Group::I3);
                i3 && ['A', 'B'].contains(&letter(Group::I3, own_linked(way), amount, t, ksth))
            }
        };
        let maybe_small = said.ways().iter().any(is_small(self.small_at_least(now_us, None)));
        let surely_small = said.ways().iter().all(is_small(self.small(now_us, None)));
        let turn = self.next_turn();
        self.payments.retain(|payment| day(now_us) - day(payment.time_us) < 4);
        self.payments.push(Payment {
            id,
            said: said.clone(),
            amount,
            time_us: now_us,
            groups,
            surely_i3,
            maybe_small,
            surely_small,
            classes: vec![class],
            presented: presented.to_vec(),
            attempts_left: ATTEMPTS,
            state,
            turn,
            executed_us: None,
            failed: false,
            left: amount,
        });
        (class, outcome)
    }

    fn find(&mut self, id: usize) -> Option<&mut Payment> {
        self.payments.iter_mut().find(|payment| payment.id == id)
    }

    /// The customer answers a step-up: what is answered then, or nothing where it is too late or over.
    pub(crate) fn confirm(
        &mut self,
        id: usize,
        methods: &[&'static str],
        succeeded: bool,
        now_us: i64,
    ) -> Option<(Class, Outcome)> {
        let payment = self.payments.iter().find(|payment| payment.id == id)?;
        let State::Open(until_us) = payment.state else { return None };
        if now_us >= until_us {
            return None;
        }
        let class = classify(&payment.said, payment.amount, Some((self, now_us, Some(id))));
        let payment = self.find(id)?;
        payment.classes.push(class);
        payment.attempts_left -= 1;
        if succeeded {
            payment.presented.extend(methods);
        }
        let enough = payment.classes.iter().all(|&class| enough(&payment.said, class, &payment.presented));
        let outcome = match payment.attempts_left {
            _ if enough => Outcome::Allow,
            0 => Outcome::Block,
            _ => Outcome::StepUp,
        };
        let was_executed = payment.executed_us.is_some();
        match outcome {
            Outcome::Allow => payment.state = State::Allowed(now_us + REPORT_US),
            Outcome::Block => payment.state = State::Refused,
            Outcome::StepUp => {}
        }
        if was_executed && outcome == Outcome::Allow {
            let turn = self.next_turn();
            self.confirmed(id, turn);
        }
        Some((class, outcome))
    }

    /// Whether it waits, or waited in vain, for the customer.
    pub(crate) fn is_open(&mut self, id: usize) -> bool {
        self.find(id).is_some_and(|payment| matches!(payment.state, State::Open(_)))
    }

    /// It was executed, or failed; whether it was executed though it was not allowed.
    pub(crate) fn executed(&mut self, id: usize, succeeded: bool, now_us: i64) -> bool {
        let turn = self.next_turn();
        let Some(payment) = self.find(id) else { return false };
        payment.failed = !succeeded;
        payment.executed_us = succeeded.then_some(now_us);
        payment.turn = turn;
        let allowed = matches!(payment.state, State::Allowed(_));
        if allowed && succeeded {
            self.confirmed(id, turn);
        }
        succeeded && !allowed
    }

    /// It is allowed and executed: a strong confirmation makes Tksth 0, or may.
    fn confirmed(&mut self, id: usize, turn: usize) {
        let Some(payment) = self.find(id) else { return };
        let (may, surely) = (payment.may_reset(), payment.surely_i3);
        if may {
            self.maybe_reset = turn;
        }
        if may && surely {
            self.reset = turn;
        }
    }

    /// It was taken back, all or a part of it.
    pub(crate) fn reversed(&mut self, id: usize, minor: Option<i64>) {
        if let Some(payment) = self.find(id) {
            payment.left = minor.map_or(0, |minor| (payment.left - minor).max(0));
        }
    }
}

/// Classifies a payment of an account with this day behind it; without an account nothing is known of the day.
pub(crate) fn classify(said: &Said, amount: i64, day: Option<(&Ledger, i64, Option<usize>)>) -> Class {
    const MUCH: i64 = 100_000 * M;
    let mut class = Class { letter: '-', card: '-' };
    for way in said.ways() {
        let Some(group) = group(&way) else { continue };
        let days = match day {
            Some((ledger, now_us, but)) => {
                vec![(ledger.total(group, now_us, but), ledger.small(now_us, but))]
            }
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
