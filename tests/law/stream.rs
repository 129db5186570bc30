//! Payments at random, most of them where a letter changes to the dong, with what is reported of them afterwards.

use std::collections::BTreeMap;
use std::sync::Arc;

use weir::event::{Draft, Event, ExtraValue, Kind, Schema, TextField};
use weir::money::Currency;

use super::SECOND_US;
use super::plain::{Channel, Group, Instrument, Ledger, M, Paid, Said, day};

/// SplitMix64: the same numbers everywhere.
#[derive(Debug)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub(crate) fn percent(&mut self, share: u64) -> bool {
        self.below(100) < share
    }

    pub(crate) fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize]
    }
}

/// A payment as it is sent.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) id: usize,
    pub(crate) account: Option<usize>,
    pub(crate) said: Said,
    pub(crate) amount: i64,
    pub(crate) methods: &'static str,
}

/// What customers present, from nothing to what type D takes.
pub(crate) const METHODS: [&str; 14] = [
    "",
    "pin",
    "sms_otp",
    "email_otp",
    "device_biometric",
    "two_channel",
    "emv_3ds",
    "biometric_vneid",
    "e_signature",
    "fido",
    "sms_otp,biometric_database",
    "token_otp_basic,biometric_chip",
    "fido,biometric_chip",
    "soft_otp_advanced,biometric_vneid",
];

impl Sent {
    pub(crate) fn draw(
        id: usize,
        accounts: usize,
        ledgers: &[Ledger],
        now_us: i64,
        foreign: bool,
        chance: &mut Chance,
    ) -> Self {
        let account = chance.below(accounts as u64) as usize;
        let account = (!chance.percent(1)).then_some(account);
        let instrument =
            chance.one_of(&[Instrument::Account, Instrument::Account, Instrument::Card, Instrument::Wallet]);
        let paid = match chance.below(100) {
            0..45 => Paid::Transfer,
            45..60 => Paid::Purchase,
            60..70 => Paid::Bill,
            70..80 => Paid::Abroad,
            80..97 if instrument == Instrument::Wallet => Paid::Withdrawal,
            80..97 => Paid::Topup,
            _ => Paid::NotOnline,
        };
        // What fits the kind, most of the time.
        let payee = match (paid, chance.below(20)) {
            (_, 0) => Instrument::Other,
            (_, 1..4) | (Paid::Transfer, _) => {
                chance.one_of(&[Instrument::Account, Instrument::Card, Instrument::Wallet])
            }
            (Paid::Topup, _) => Instrument::Wallet,
            _ => Instrument::Account,
        };
        let channel = match chance.below(100) {
            0..2 => Channel::Counter,
            2..4 => Channel::Strange,
            _ => Channel::Web,
        };
        let foreign = foreign && chance.percent(10);
        // One in ten leaves out much, so that what is unknown comes in all combinations.
        let silence = if chance.percent(10) { 25 } else { 1 };
        let mut maybe = || !chance.percent(silence);
        let (instrument_said, paid_said, channel_said, payee_said) = (maybe(), maybe(), maybe(), maybe());
        let said = [(); 9].map(|()| maybe());
        let mut truth = |percent| chance.percent(percent);
        let said = Said {
            organisation: said[0].then_some(truth(25)),
            instrument: instrument_said.then_some(instrument),
            paid: paid_said.then_some(paid),
            same_owner: said[1].then_some(truth(50)),
            same_provider: said[2].then_some(truth(50)),
            payee: payee_said.then_some(payee),
            own_card: said[3].then_some(truth(50)),
            own_payee_card: said[6].then_some(truth(50)),
            approved: said[7].then_some(truth(70)),
            linked: (said[4] && account.is_some()).then_some(truth(60)),
            by_customer: said[5].then_some(truth(98)),
            channel: channel_said.then_some(channel),
            foreign,
            no_word: !paid_said && id % 2 == 1,
            year: [1_735_664_400, 1_767_200_400]
                .iter()
                .fold(2024, |year, &s| year + i64::from(now_us >= s * SECOND_US)),
        };
        let methods = chance.one_of(&METHODS);
        let amount = amount(account.map(|account| &ledgers[account]), &said, now_us, chance);
        Self { id, account, said, amount, methods }
    }

    /// The methods that it brings along.
    pub(crate) fn presented(&self) -> Vec<&'static str> {
        self.methods.split(',').collect()
    }

    /// The event of it.
    pub(crate) fn event(&self, schema: &Arc<Schema>, time_us: i64) -> Event {
        let mut draft = Draft::new(Arc::clone(schema));
        draft.begin(Kind::Transaction, time_us).unwrap();
        let mut text = |field, text: &str| draft.text(field, text).unwrap();
        text(TextField::Id, &format!("t{}", self.id));
        text(TextField::PayerInstitution, "bank-1");
        text(TextField::LoginMethods, "password");
        text(TextField::Customer, "c1");
        text(TextField::Device, "d1");
        let account = self.account.map(|account| format!("a{account}"));
        if let Some(account) = &account {
            text(TextField::Account, account);
        }
        if let Some(organisation) = self.said.organisation {
            text(TextField::CustomerKind, if organisation { "organisation" } else { "individual" });
        }
        if let Some(instrument) = self.said.instrument {
            text(TextField::Instrument, of_instrument(instrument));
        }
        // What is not said of the kind is left out, or a word that nobody knows.
        let word = match self.said.paid {
            Some(Paid::Transfer) if self.id % 9 == 4 && self.said.year == 2025 => Some("straight_through"),
            Some(Paid::Transfer) => Some("transfer"),
            Some(Paid::Abroad) => Some("transfer_abroad"),
            Some(Paid::Purchase) => Some("purchase"),
            Some(Paid::Bill) => Some(["bill", "public_service"][self.id % 2]),
            Some(Paid::Topup) => Some("topup"),
            Some(Paid::Withdrawal) => Some("withdrawal"),
            Some(Paid::NotOnline) => Some(["cash", "customer_qr"][self.id % 2]),
            None => self.id.is_multiple_of(2).then_some("barter"),
        };
        if let Some(word) = word {
            text(TextField::PaymentKind, word);
        }
        if let Some(same) = self.said.same_provider {
            text(TextField::PayeeInstitution, if same { "bank-1" } else { "bank-2" });
        }
        // The other end of a link is the account where it goes into a wallet, and the payee where it comes out of one.
        if let Some(linked) = self.said.linked {
            let topup = self.said.instrument.is_some_and(|instrument| instrument != Instrument::Wallet);
            let account = account.as_deref().unwrap_or_default();
            text(TextField::Payee, if topup { "w1" } else { "l1" });
            text(
                TextField::LinkedAccount,
                match (topup, linked) {
                    (true, true) => account,
                    (false, true) => "l1",
                    (_, false) => "l2",
                },
            );
        }
        if let Some(by_customer) = self.said.by_customer {
            text(TextField::InitiatedBy, if by_customer { "customer" } else { "provider" });
        }
        if let Some(channel) = self.said.channel {
            text(
                TextField::Channel,
                match channel {
                    Channel::Counter => "counter",
                    Channel::Web => ["web", "atm", "telephone"][self.id % 3],
                    Channel::Strange => ["app", "Mobile"][self.id % 2],
                },
            );
        }
        if !self.methods.is_empty() {
            text(TextField::Methods, self.methods);
        }
        if let Some(same) = self.said.same_owner {
            draft.same_owner(same);
        }
        for (name, own) in [("card_kind", self.said.own_card), ("payee_card_kind", self.said.own_payee_card)]
        {
            if let Some(own) = own {
                let kind = if own { ["debit", "prepaid_identified"] } else { ["credit", "prepaid"] };
                draft.extra(name, ExtraValue::Text(kind[self.id % 2])).unwrap();
            }
        }
        if let Some(payee) = self.said.payee {
            draft.extra("payee_instrument", ExtraValue::Text(of_instrument(payee))).unwrap();
        }
        if let Some(approved) = self.said.approved {
            draft.extra("approved_merchant", ExtraValue::Boolean(approved)).unwrap();
        }
        if self.said.foreign {
            // A hundred dong for a dollar, so that a cent is a dong.
            draft.rate("100").unwrap();
            draft.amount(self.amount, Currency::USD).unwrap();
        } else {
            draft.amount(self.amount, Currency::VND).unwrap();
        }
        draft.seal().unwrap().clone()
    }
}

fn of_instrument(instrument: Instrument) -> &'static str {
    match instrument {
        Instrument::Account => "account",
        Instrument::Card => "card",
        Instrument::Wallet => "wallet",
        Instrument::Other => "safe",
    }
}

/// Half of them on one side or the other of where a letter changes, given what was paid today.
fn amount(ledger: Option<&Ledger>, said: &Said, now_us: i64, chance: &mut Chance) -> i64 {
    let (groups, edges): (&[Group], &[i64]) = match (said.paid, said.organisation, said.instrument) {
        (Some(Paid::Purchase | Paid::Bill), _, Some(Instrument::Card)) => (&[Group::Card], &[5 * M, 100 * M]),
        (Some(Paid::Bill), Some(false), _) => (&[Group::I2], &[5 * M, 100 * M, 1_500 * M]),
        (Some(Paid::Purchase), Some(false), _) if said.approved != Some(false) => {
            (&[Group::I2], &[5 * M, 100 * M, 1_500 * M])
        }
        (Some(Paid::Abroad), Some(false), _) => (&[Group::I4], &[200 * M, 1_000 * M]),
        (Some(Paid::Abroad), _, _) => (&[Group::Ii3], &[500 * M, 5_000 * M]),
        (_, Some(true), _) => (&[Group::Ii2], &[1_000 * M, 10_000 * M]),
        _ => (&[Group::I3], &[10 * M, 20 * M, 500 * M, 1_500 * M]),
    };
    let edge = chance.one_of(edges);
    let so_far = ledger.map_or(0, |ledger| match chance.below(3) {
        0 => 0,
        1 => ledger.total(groups[0], now_us, None),
        _ => ledger.small(now_us, None),
    });
    let aimed = edge - so_far + chance.below(2) as i64;
    let most = 10_i64.pow(chance.below(6) as u32 + 5);
    if chance.percent(50) && aimed > 0 { aimed } else { chance.below(most as u64) as i64 + 1 }
}

/// What is reported of a payment.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Report {
    Authenticated { methods: &'static str, succeeded: bool },
    Executed { succeeded: bool },
    Reversed { minor: Option<i64> },
}

/// Reports that are still to come, by when.
#[derive(Debug, Default)]
pub(crate) struct Agenda(BTreeMap<(i64, usize), (usize, Report)>, usize);

impl Agenda {
    pub(crate) fn put(&mut self, time_us: i64, payment: usize, report: Report) {
        self.1 += 1;
        self.0.insert((time_us, self.1), (payment, report));
    }

    pub(crate) fn due(&mut self, now_us: i64) -> Option<(i64, usize, Report)> {
        let entry = self.0.first_entry().filter(|entry| entry.key().0 <= now_us)?;
        let (time_us, _) = *entry.key();
        let (payment, report) = entry.remove();
        Some((time_us, payment, report))
    }
}

pub(crate) fn report_event(
    schema: &Arc<Schema>,
    id: usize,
    time_us: i64,
    payment: usize,
    report: Report,
) -> Event {
    let mut draft = Draft::new(Arc::clone(schema));
    let (kind, result) = match report {
        Report::Authenticated { succeeded, .. } => (Kind::Authentication, Some(succeeded)),
        Report::Executed { succeeded } => (Kind::Execution, Some(succeeded)),
        Report::Reversed { .. } => (Kind::Reversal, None),
    };
    draft.begin(kind, time_us).unwrap();
    draft.text(TextField::Id, &format!("r{id}")).unwrap();
    draft.text(TextField::Transaction, &format!("t{payment}")).unwrap();
    if let Some(succeeded) = result {
        draft.text(TextField::Result, if succeeded { "succeeded" } else { "failed" }).unwrap();
    }
    if let Report::Authenticated { methods, .. } = report {
        draft.text(TextField::Attempt, &format!("at{id}")).unwrap();
        draft.text(TextField::Methods, methods).unwrap();
    }
    if let Report::Reversed { minor: Some(minor) } = report {
        draft.amount(minor, Currency::VND).unwrap();
    }
    draft.seal().unwrap().clone()
}

/// The customer has the biometric function opened again.
pub(crate) fn opened_event(schema: &Arc<Schema>, id: usize, time_us: i64) -> Event {
    let mut draft = Draft::new(Arc::clone(schema));
    draft.begin(Kind::Change, time_us).unwrap();
    draft.text(TextField::Id, &format!("o{id}")).unwrap();
    draft.text(TextField::Customer, "c1").unwrap();
    draft.text(TextField::What, "biometric").unwrap();
    draft.seal().unwrap().clone()
}

/// Midnight in Ho Chi Minh City after this.
pub(crate) fn midnight_after(time_us: i64) -> i64 {
    const HOUR_US: i64 = 3_600_000_000;
    (day(time_us) + 1) * 24 * HOUR_US - 7 * HOUR_US
}
