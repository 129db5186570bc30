//! The acts that every journey is made of: logging in, changing something, paying.
//!
//! Promises that no more events are planned than were asked for, and that every fraudulent payment which is
//! planned has its label. Must never know a rule or a decision.

use super::chance::{Chance, Share, WHOLE};
use super::plan::{Asked, Body, Foreign, Fraud, Origin, Payment, Planned, Queue};
use super::season::{HOUR_US, MINUTE_US, OFFSET_US, local_day};
use super::settings::Settings;
use super::world::{OpenSession, Session, Target, World};
use crate::money::Currency;
use crate::time::{DAY_US, SECOND_US};

/// More events than one payment can bring with it, each of them twice.
pub(super) const ROOM: u64 = 16;

/// How long after its last use a session can be used again.
const SESSION_US: i64 = 10 * MINUTE_US;

#[derive(Clone, Debug)]
struct Odds {
    genuine: Share,
    executions: Share,
    failures: Share,
    reversals: Share,
    methods: Share,
    authentications: Share,
    rarities: Share,
    foreign: Share,
    late: Share,
    duplicates: Share,
}

/// How much of one kind of fraud is owed to the stream, in parts of 2^32 of a payment.
#[derive(Clone, Debug)]
struct Debt {
    share: Share,
    owed: i64,
    due: i64,
}

/// Someone at a device, about to pay.
#[derive(Clone, Copy, Debug)]
pub(super) struct Visit {
    /// The paying account.
    pub(super) account: u32,
    /// Where it is paid from.
    pub(super) origin: Origin,
    /// The session.
    pub(super) session: Option<Session>,
    /// From when on payments can be made.
    pub(super) ready_us: i64,
}

/// Plans events and keeps the account of how many.
#[derive(Clone, Debug)]
pub(super) struct Planner {
    pub(super) world: World,
    pub(super) chance: Chance,
    pub(super) queue: Queue,
    odds: Odds,
    debts: [Debt; 5],
    events: u64,
    numbers: u64,
    sessions: u64,
    pub(super) start_us: i64,
    end_us: i64,
    delay_us_max: i64,
    /// The next customer to look at on a payday, and which day that is.
    pub(super) payroll: (usize, i64),
}

impl Planner {
    pub(super) fn new(settings: &Settings) -> Self {
        let mut chance = Chance::new(settings.seed);
        let world = World::new(settings.accounts, &mut chance);
        let debts = settings.frauds.in_order().map(|share| {
            let mut debt = Debt { share: Share::of(share), owed: 0, due: 0 };
            debt.postpone(&mut chance);
            debt
        });
        Self {
            world,
            chance,
            queue: Queue::default(),
            odds: Odds {
                genuine: Share::of(settings.genuine_labels),
                executions: Share::of(settings.executions),
                failures: Share::of(settings.failures),
                reversals: Share::of(settings.reversals),
                methods: Share::of(settings.methods),
                authentications: Share::of(settings.authentications),
                rarities: Share::of(settings.rarities),
                foreign: Share::of(settings.foreign),
                late: Share::of(settings.late),
                duplicates: Share::of(settings.duplicates),
            },
            debts,
            events: settings.events,
            numbers: 0,
            sessions: 0,
            start_us: settings.start_us,
            end_us: settings.start_us + i64::from(settings.days) * DAY_US,
            delay_us_max: settings.delay_us_max,
            payroll: (0, 0),
        }
    }

    /// How many events may still be planned.
    pub(super) fn room(&self) -> u64 {
        self.events - self.queue.planned().min(self.events)
    }

    /// Whether the next journey is one that few make. A stream without any draws nothing for it.
    pub(super) fn is_rare(&mut self) -> bool {
        self.odds.rarities.0 > 0 && self.chance.happens(self.odds.rarities)
    }

    /// A kind of fraud that is due, if there is one; it is then put off until payments of it are owed again.
    pub(super) fn due_fraud(&mut self) -> Option<Fraud> {
        let (debt, fraud) = self.debts.iter_mut().zip(Fraud::ALL).find(|(debt, _)| debt.is_due())?;
        debt.postpone(&mut self.chance);
        Some(fraud)
    }

    /// Says what time it is.
    pub(super) fn strike(&mut self, time_us: i64) {
        if self.room() > ROOM {
            self.push_once(time_us, 0, Body::Clock);
        }
    }

    /// Money comes in.
    pub(super) fn receive(&mut self, at_us: i64, account: u32, amount: i64, kind: &'static str) {
        let delay_us = self.delay();
        self.push(at_us, delay_us, Body::Income { account, amount, kind });
    }

    /// Something of the owner's is changed.
    pub(super) fn change(&mut self, at_us: i64, account: u32, device: u32, what: &'static str) {
        if self.room() > 2 * ROOM {
            let delay_us = self.delay();
            self.push(at_us, delay_us, Body::Change { account, device, what });
        }
    }

    /// Someone tries to log in and fails.
    pub(super) fn fail_login(&mut self, at_us: i64, account: u32, device: u32) {
        if self.room() > 2 * ROOM {
            let session = Session { number: 0, methods: "password" };
            self.push(at_us, 0, Body::Login { account, device, session, succeeded: false });
        }
    }

    /// The owner comes with a device of their own.
    pub(super) fn visit(&mut self, at_us: i64, account: u32) -> Visit {
        let owner = self.world.owner(account);
        let device = match owner.second_device {
            Some(second) if self.chance.percent(15) => second,
            _ => owner.device,
        };
        self.visit_from(at_us, account, device)
    }

    /// Someone comes for this account with this device.
    pub(super) fn visit_from(&mut self, at_us: i64, account: u32, device: u32) -> Visit {
        let owner = self.world.owner(account);
        let home = owner.city;
        let at_desk = if owner.organisation { 70 } else { 12 };
        let city = if self.chance.percent(3) { self.chance.below(12) as u8 } else { home };
        let channel = if self.chance.percent(at_desk) { "web" } else { "mobile" };
        let (session, ready_us) = self.session(at_us, account, device);
        Visit { account, origin: Origin { device, city, channel }, session: Some(session), ready_us }
    }

    fn session(&mut self, at_us: i64, account: u32, device: u32) -> (Session, i64) {
        if let Some(open) = &mut self.world.owner_mut(account).session
            && open.device == device
            && (open.from_us..=open.until_us).contains(&at_us)
        {
            open.until_us = at_us + SESSION_US;
            return (open.session, at_us);
        }
        let methods =
            self.chance.weighted(&[(50, "password"), (40, "device_biometric"), (10, "password,sms_otp")]);
        self.sessions += 1;
        let session = Session { number: self.sessions, methods };
        // Not every provider passes its logins on.
        if self.room() > 2 * ROOM && self.chance.percent(45) {
            let delay_us = self.delay();
            self.push(at_us, delay_us, Body::Login { account, device, session, succeeded: true });
        }
        let ready_us = at_us + self.chance.between(5, 90) * SECOND_US;
        let open = OpenSession { session, device, from_us: ready_us, until_us: ready_us + SESSION_US };
        self.world.owner_mut(account).session = Some(open);
        (session, ready_us)
    }

    /// Pays during a visit.
    pub(super) fn pay(
        &mut self,
        at_us: i64,
        visit: &Visit,
        (target, kind): (Target, &'static str),
        amount: i64,
        fraud: Option<Fraud>,
    ) {
        let methods = self.chance.happens(self.odds.methods).then(|| self.methods(amount, fraud));
        self.pay_with(at_us, visit, (target, kind), amount, methods, fraud);
    }

    /// Pays during a visit, with these methods presented.
    pub(super) fn pay_with(
        &mut self,
        at_us: i64,
        visit: &Visit,
        (target, kind): (Target, &'static str),
        amount: i64,
        methods: Option<&'static str>,
        fraud: Option<Fraud>,
    ) {
        let foreign = self.foreign(kind);
        let payment = Payment {
            account: visit.account,
            target,
            kind,
            amount,
            foreign,
            origin: Some(visit.origin),
            session: visit.session,
            methods,
        };
        self.plan(at_us, payment, fraud);
    }

    /// The provider collects a bill without anyone at a device.
    pub(super) fn collect(&mut self, at_us: i64, account: u32, target: Target, amount: i64) {
        let payment = Payment {
            account,
            target,
            kind: "bill",
            amount,
            foreign: None,
            origin: None,
            session: None,
            methods: None,
        };
        self.plan(at_us, payment, None);
    }

    /// Now and then dollars or euros, at about what a bank asks for them. A stream without any draws nothing for it.
    fn foreign(&mut self, kind: &str) -> Option<Foreign> {
        let domestic = ["bill", "public_service", "cash"].contains(&kind);
        if self.odds.foreign.0 == 0 || domestic || !self.chance.happens(self.odds.foreign) {
            return None;
        }
        let (currency, least) =
            self.chance.weighted(&[(80, (Currency::USD, 2_520_000)), (20, (Currency::EUR, 2_740_000))]);
        Some(Foreign { currency, rate: least + self.chance.below(40_000) })
    }

    fn plan(&mut self, at_us: i64, payment: Payment, fraud: Option<Fraud>) {
        let room = self.room();
        if room <= ROOM {
            // The last few are payments and nothing else, so that the count comes out exactly.
            if room > 0 && fraud.is_none() {
                self.push_once(at_us, 0, Body::Payment(payment));
            }
            return;
        }
        for debt in &mut self.debts {
            debt.owed += debt.share.0 as i64;
        }
        if let Some(fraud) = fraud {
            self.debts[fraud as usize].owed -= WHOLE as i64;
        }
        let delay_us = self.delay();
        let number = self.push(at_us, delay_us, Body::Payment(payment));
        let asked =
            Asked { number, account: payment.account, amount: payment.amount, foreign: payment.foreign };
        self.follow_up(at_us, delay_us, asked, fraud);
        self.label(at_us, asked, fraud);
    }

    fn follow_up(&mut self, at_us: i64, delay_us: i64, payment: Asked, fraud: Option<Fraud>) {
        let amount = payment.amount;
        let mut after_us = at_us;
        if fraud.is_none() && self.chance.happens(self.odds.authentications) {
            after_us += self.chance.between(5, 60) * SECOND_US;
            let succeeded = self.chance.percent(95);
            let methods = self.answer(amount);
            self.push(after_us, delay_us, Body::Authentication { payment, methods, succeeded });
        }
        let failed = self.chance.happens(self.odds.failures);
        if failed || self.chance.happens(self.odds.executions) {
            after_us += self.chance.between(1, 20) * SECOND_US;
            self.push(after_us, delay_us, Body::Execution { payment, succeeded: !failed });
        }
        if !failed && self.chance.happens(self.odds.reversals) {
            let back_us = after_us + self.chance.between(10 * MINUTE_US, 5 * DAY_US);
            let back = if self.chance.percent(50) { amount } else { self.chance.between(1, amount) };
            let time_us = self.by_end(back_us, after_us);
            self.push(time_us, delay_us, Body::Reversal { payment, amount: back });
        }
    }

    fn label(&mut self, at_us: i64, payment: Asked, fraud: Option<Fraud>) {
        let source = match fraud {
            Some(_) => self.chance.weighted(&[(70, "customer_report"), (25, "bank"), (5, "police")]),
            None if self.chance.happens(self.odds.genuine) => "customer_confirmed",
            None => return,
        };
        let found_us = at_us + self.chance.between(3 * DAY_US, 30 * DAY_US);
        let time_us = self.by_end(found_us, at_us + self.delay_us_max);
        self.push(time_us, 0, Body::Label { payment, fraud, source });
    }

    /// The methods that a customer presents for an amount; thieves get hold of the weaker ones.
    fn methods(&mut self, amount: i64, fraud: Option<Fraud>) -> &'static str {
        match amount {
            ..2_000_000 => self.chance.weighted(&[(60, "pin"), (40, "device_biometric")]),
            2_000_000..=10_000_000 => self.chance.weighted(&[(50, "sms_otp"), (50, "soft_otp")]),
            _ if fraud.is_some() => self.chance.weighted(&[(70, "sms_otp"), (30, "soft_otp")]),
            _ => self.chance.weighted(&[(80, "soft_otp,biometric"), (20, "soft_otp_advanced,biometric")]),
        }
    }

    /// The methods that a step-up is answered with; where rare payments are made, mostly such as they are confirmed with.
    fn answer(&mut self, amount: i64) -> &'static str {
        if self.odds.rarities.0 == 0 {
            return self.methods(amount, None);
        }
        self.chance.weighted(&[
            (20, "sms_otp"),
            (40, "sms_otp,biometric_chip"),
            (40, "soft_otp_advanced,biometric_vneid"),
        ])
    }

    fn push(&mut self, time_us: i64, delay_us: i64, body: Body) -> u64 {
        let planned = self.push_once(time_us, delay_us, body);
        if self.room() > ROOM && self.chance.happens(self.odds.duplicates) {
            let again_us = time_us + delay_us + self.chance.between(1, self.delay_us_max);
            self.queue.push(again_us, planned);
        }
        planned.number
    }

    fn push_once(&mut self, time_us: i64, delay_us: i64, body: Body) -> Planned {
        self.numbers += 1;
        let planned = Planned { number: self.numbers, time_us, body };
        self.queue.push(time_us + delay_us, planned);
        planned
    }

    fn delay(&mut self) -> i64 {
        if self.chance.happens(self.odds.late) { self.chance.between(1, self.delay_us_max) } else { 0 }
    }

    /// A later time, drawn back to the end of the stream where it lies beyond, yet after what it follows.
    fn by_end(&self, time_us: i64, after_us: i64) -> i64 {
        time_us.min(self.end_us).max(after_us + SECOND_US)
    }

    /// A time in the next small hours, midnight to four.
    pub(super) fn next_night(&mut self, at_us: i64) -> i64 {
        let midnight_us = (local_day(at_us) + 1) * DAY_US - OFFSET_US;
        midnight_us + self.chance.between(0, 4 * HOUR_US - 1)
    }
}

impl Debt {
    fn is_due(&self) -> bool {
        self.share.0 > 0 && self.owed >= self.due
    }

    /// The next one comes when a few payments are owed again, so that frauds keep no beat.
    fn postpone(&mut self, chance: &mut Chance) {
        self.due = chance.between(0, 6 * WHOLE as i64);
    }
}
