//! Extra fields of payments that some rule files declare: what receives, of what kind a card is, what is paid for.
//!
//! Promises the same details for the same accounts and sellers, all read off their numbers, and none that the schema
//! does not declare with the type that is written.

use super::chance::scatter;
use super::plan::Payment;
use super::world::{Instrument, Target, UTILITIES, World};
use crate::event::{Draft, EventError, ExtraType, ExtraValue, Schema};

/// Which of them are declared.
#[derive(Clone, Copy, Debug)]
pub(super) struct Details {
    card_kind: bool,
    payee_instrument: bool,
    payee_card_kind: bool,
    approved_merchant: bool,
    purpose: bool,
    new_organisation: bool,
}

impl Details {
    pub(super) fn new(schema: &Schema) -> Self {
        let declared = |name: &str, ty| schema.fields().iter().any(|field| field.0 == name && field.1 == ty);
        Self {
            card_kind: declared("card_kind", ExtraType::Text),
            payee_instrument: declared("payee_instrument", ExtraType::Text),
            payee_card_kind: declared("payee_card_kind", ExtraType::Text),
            approved_merchant: declared("approved_merchant", ExtraType::Boolean),
            purpose: declared("purpose", ExtraType::Text),
            new_organisation: declared("new_organisation", ExtraType::Boolean),
        }
    }

    /// Writes what is declared and known of a payment.
    pub(super) fn write(self, draft: &mut Draft, world: &World, payment: &Payment) -> Result<(), EventError> {
        if self.new_organisation && world.owner(payment.account).organisation {
            // One firm in five was founded lately.
            let new = scatter(u64::from(payment.account) ^ 0x6e65_7700).is_multiple_of(5);
            draft.extra("new_organisation", ExtraValue::Boolean(new))?;
        }
        let card = world.account(payment.account).instrument == Instrument::Card;
        let mut text = |declared: bool, name: &str, text: Option<&str>| match text {
            Some(text) if declared => draft.extra(name, ExtraValue::Text(text)),
            _ => Ok(()),
        };
        text(self.card_kind, "card_kind", card.then(|| card_kind(payment.account)))?;
        let payee = payee(world, payment);
        text(self.payee_instrument, "payee_instrument", payee.map(|(instrument, _)| word(instrument)))?;
        let kind = payee.filter(|&(instrument, _)| instrument == Instrument::Card);
        text(self.payee_card_kind, "payee_card_kind", kind.map(|(_, number)| card_kind(number)))?;
        text(self.purpose, "purpose", purpose(payment.target))?;
        match approved(payment.target) {
            Some(approved) if self.approved_merchant => {
                draft.extra("approved_merchant", ExtraValue::Boolean(approved))
            }
            _ => Ok(()),
        }
    }
}

/// What receives, with its number.
fn payee(world: &World, payment: &Payment) -> Option<(Instrument, u32)> {
    match payment.target {
        Target::Account(payee) => Some((world.account(payee).instrument, payee)),
        // One in ten of those outside is a wallet.
        Target::Outside(payee) if scatter(payee.into()).is_multiple_of(10) && payment.kind == "transfer" => {
            Some((Instrument::Wallet, payee))
        }
        Target::Outside(payee) => Some((Instrument::Account, payee)),
        Target::Cash | Target::Merchant(_) | Target::Utility(_) | Target::Public(_) => None,
    }
}

fn word(instrument: Instrument) -> &'static str {
    match instrument {
        Instrument::Account => "account",
        Instrument::Card => "card",
        Instrument::Wallet => "wallet",
    }
}

fn card_kind(card: u32) -> &'static str {
    match scatter(u64::from(card) ^ 0x6361_7264) % 20 {
        0..14 => "debit",
        14..16 => "prepaid_identified",
        16 => "prepaid",
        _ => "credit",
    }
}

/// Whether the provider chose the seller and watches over it: four shops in five.
fn approved(target: Target) -> Option<bool> {
    match target {
        Target::Merchant(merchant) => Some(!scatter(merchant.into()).is_multiple_of(5)),
        Target::Utility(_) | Target::Public(_) => Some(true),
        Target::Cash | Target::Account(_) | Target::Outside(_) => None,
    }
}

fn purpose(target: Target) -> Option<&'static str> {
    let Target::Utility(utility) = target else { return None };
    match UTILITIES[usize::from(utility) % UTILITIES.len()].split_once('-')?.0 {
        "power" => Some("electricity"),
        "water" => Some("water"),
        _ => Some("telecoms"),
    }
}
