//! Planned events, and the queue that they wait in until their time.
//!
//! Promises to release them in the order of their arrival, equal ones in the order of planning.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::world::{Session, Target};
use crate::money::Currency;

/// The kinds of fraud that are generated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fraud {
    /// See [`super::FraudShares::takeover`].
    Takeover,
    /// See [`super::FraudShares::mule`].
    Mule,
    /// See [`super::FraudShares::card_testing`].
    CardTesting,
    /// See [`super::FraudShares::shared_device`].
    SharedDevice,
    /// See [`super::FraudShares::splitting`].
    Splitting,
}

impl Fraud {
    /// Every kind, in declaration order.
    pub const ALL: [Self; 5] =
        [Self::Takeover, Self::Mule, Self::CardTesting, Self::SharedDevice, Self::Splitting];

    /// The word for it in a label's `label_kind`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Takeover => "takeover",
            Self::Mule => "mule",
            Self::CardTesting => "card_testing",
            Self::SharedDevice => "shared_device",
            Self::Splitting => "splitting",
        }
    }
}

/// Where a payment is started.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    /// The device.
    pub(super) device: u32,
    /// Index of the city that it is in.
    pub(super) city: u8,
    /// Mobile, web or counter.
    pub(super) channel: &'static str,
}

/// Another currency than dong that a payment is in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Foreign {
    /// The currency; it has cents.
    pub(super) currency: Currency,
    /// How many hundredths of a dong one of it is worth.
    pub(super) rate: u32,
}

impl Foreign {
    /// What this much dong is in its cents; at least one.
    pub(super) fn minor(self, dong: i64) -> i64 {
        (dong * 10_000 / i64::from(self.rate).max(1)).max(1)
    }
}

/// A payment to be asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Payment {
    /// Who pays.
    pub(super) account: u32,
    /// Where it goes.
    pub(super) target: Target,
    /// The kind of payment.
    pub(super) kind: &'static str,
    /// In dong, whatever it is paid in.
    pub(super) amount: i64,
    /// What it is paid in, where that is not dong.
    pub(super) foreign: Option<Foreign>,
    /// Where it is started; nowhere if the provider collects it.
    pub(super) origin: Option<Origin>,
    /// The open session.
    pub(super) session: Option<Session>,
    /// Methods presented beforehand.
    pub(super) methods: Option<&'static str>,
}

/// A payment that was asked for, as later events speak of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    /// Its number.
    pub(super) number: u64,
    /// Who paid.
    pub(super) account: u32,
    /// In dong, whatever it is paid in.
    pub(super) amount: i64,
    /// What it is paid in, where that is not dong.
    pub(super) foreign: Option<Foreign>,
}

/// What a planned event says.
#[derive(Clone, Copy, Debug)]
pub(super) enum Body {
    /// A transaction.
    Payment(Payment),
    /// Money that comes in: to whom, how much, of what kind.
    Income { account: u32, amount: i64, kind: &'static str },
    /// A login: of the owner of an account.
    Login { account: u32, device: u32, session: Session, succeeded: bool },
    /// A change of something of an account's owner, made on a device.
    Change { account: u32, device: u32, what: &'static str },
    /// How a payment went.
    Execution { payment: Asked, succeeded: bool },
    /// A payment, or this much of it, taken back.
    Reversal { payment: Asked, amount: i64 },
    /// How a step-up was answered.
    Authentication { payment: Asked, methods: &'static str, succeeded: bool },
    /// What a payment turned out to be.
    Label { payment: Asked, fraud: Option<Fraud>, source: &'static str },
    /// Time passes.
    Clock,
}

/// An event to come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Planned {
    /// Its number, which makes its id.
    pub(super) number: u64,
    /// When it happens.
    pub(super) time_us: i64,
    /// What it says.
    pub(super) body: Body,
}

#[derive(Clone, Debug)]
struct Waiting {
    /// When it arrives, and the how-manieth it was to be planned.
    order: (i64, u64),
    planned: Planned,
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}

impl Eq for Waiting {}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.order.cmp(&other.order)
    }
}

/// Planned events until they arrive.
#[derive(Clone, Debug, Default)]
pub(super) struct Queue {
    waiting: BinaryHeap<Reverse<Waiting>>,
    planned: u64,
}

impl Queue {
    /// How many were ever planned.
    pub(super) fn planned(&self) -> u64 {
        self.planned
    }

    /// Plans an event that arrives at this time.
    pub(super) fn push(&mut self, arrives_us: i64, planned: Planned) {
        self.waiting.push(Reverse(Waiting { order: (arrives_us, self.planned), planned }));
        self.planned += 1;
    }

    /// The next event that arrives before this time.
    pub(super) fn pop_before(&mut self, end_us: i64) -> Option<Planned> {
        let next = self.waiting.peek_mut()?;
        if next.0.order.0 >= end_us {
            return None;
        }
        Some(std::collections::binary_heap::PeekMut::pop(next).0.planned)
    }
}
