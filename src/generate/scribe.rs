//! From a planned event to an event: ids, tokens and fields.
//!
//! Promises the same text for the same plan, so that a duplicate is an exact one.

use std::sync::Arc;

use super::chance::scatter;
use super::details::Details;
use super::plan::{Asked, Body, Fraud, Payment, Planned};
use super::world::{
    CITIES, Customer, INSTITUTIONS, Instrument, PROVIDERS, PUBLIC_PORTALS, SHOP_PORTALS, Session, Target,
    UTILITIES, World,
};
use crate::event::{Draft, Event, EventError, Kind, Schema, TextField};
use crate::money::Currency;

/// Writes one event after the other into the same draft.
#[derive(Clone, Debug)]
pub(super) struct Scribe {
    draft: Draft,
    token: String,
    tenants: u32,
    details: Details,
}

impl Scribe {
    /// Writes events of this schema, for so many tenants.
    pub(super) fn new(tenants: u32, schema: Arc<Schema>) -> Self {
        let details = Details::new(&schema);
        Self { draft: Draft::new(schema), token: String::new(), tenants, details }
    }

    /// The event that was planned; it stays until the next one.
    pub(super) fn write(&mut self, world: &World, planned: &Planned) -> Result<&Event, EventError> {
        let kind = kind(&planned.body);
        self.draft.begin(kind, planned.time_us)?;
        self.number(TextField::Id, prefix(kind), planned.number, 8)?;
        match planned.body {
            Body::Payment(payment) => self.payment(world, &payment)?,
            Body::Income { account, amount, kind } => {
                self.tenant(world, account)?;
                let owner = world.owner(account);
                self.number(TextField::Payee, "a", account.into(), 6)?;
                self.institution(TextField::PayeeInstitution, owner.institution)?;
                let payer = (scatter(planned.number) % u64::from(INSTITUTIONS)) as u8;
                self.institution(TextField::PayerInstitution, payer)?;
                self.draft.text(TextField::PaymentKind, kind)?;
                self.draft.amount(amount, Currency::VND)?;
            }
            Body::Login { account, device, session, succeeded } => {
                self.customer(world, account)?;
                self.device(device)?;
                if succeeded {
                    self.session(session)?;
                }
                self.result(succeeded)?;
            }
            Body::Change { account, device, what } => {
                self.customer(world, account)?;
                self.device(device)?;
                self.draft.text(TextField::What, what)?;
            }
            Body::Execution { payment, succeeded } => {
                self.about(world, payment)?;
                self.result(succeeded)?;
            }
            Body::Reversal { payment, amount } => {
                self.about(world, payment)?;
                match payment.foreign {
                    Some(foreign) => self.draft.amount(foreign.minor(amount), foreign.currency)?,
                    None => self.draft.amount(amount, Currency::VND)?,
                }
            }
            Body::Authentication { payment, methods, succeeded } => {
                self.about(world, payment)?;
                self.number(TextField::Attempt, "at", planned.number, 8)?;
                self.draft.text(TextField::Methods, methods)?;
                self.result(succeeded)?;
            }
            Body::Label { payment, fraud, source } => {
                self.about(world, payment)?;
                self.draft.text(TextField::Label, fraud.map_or("genuine", |_| "fraud"))?;
                if let Some(kind) = fraud.map(Fraud::name) {
                    self.draft.text(TextField::LabelKind, kind)?;
                }
                self.draft.text(TextField::Source, source)?;
            }
            Body::Clock => {}
        }
        self.draft.seal()
    }

    fn payment(&mut self, world: &World, payment: &Payment) -> Result<(), EventError> {
        let account = payment.account;
        let owner = self.customer(world, account)?;
        self.number(TextField::Account, "a", account.into(), 6)?;
        let instrument = match world.account(account).instrument {
            Instrument::Account => "account",
            Instrument::Card => "card",
            Instrument::Wallet => "wallet",
        };
        self.draft.text(TextField::Instrument, instrument)?;
        // What a wallet is linked to: this account, where it tops a wallet of its owner's up.
        let linked = match payment.target {
            _ if instrument == "wallet" => world.sibling(account, Instrument::Account),
            Target::Account(_) if payment.kind == "topup" => Some(account),
            _ => None,
        };
        if let Some(linked) = linked {
            self.number(TextField::LinkedAccount, "a", linked.into(), 6)?;
        }
        self.institution(TextField::PayerInstitution, owner.institution)?;
        self.number(TextField::Provider, "pv", u64::from(owner.provider % PROVIDERS) + 1, 1)?;
        self.target(world, account, payment.target)?;
        self.draft.text(TextField::PaymentKind, payment.kind)?;
        self.amount(payment)?;
        self.details.write(&mut self.draft, world, payment)?;
        match payment.origin {
            None => self.draft.text(TextField::InitiatedBy, "provider")?,
            Some(origin) => {
                self.draft.text(TextField::InitiatedBy, "customer")?;
                self.draft.text(TextField::Channel, origin.channel)?;
                self.device(origin.device)?;
                self.place(origin.device, origin.city)?;
            }
        }
        if let Some(session) = payment.session {
            self.session(session)?;
        }
        payment.methods.map_or(Ok(()), |methods| self.draft.text(TextField::Methods, methods))
    }

    fn amount(&mut self, payment: &Payment) -> Result<(), EventError> {
        let Some(foreign) = payment.foreign else { return self.draft.amount(payment.amount, Currency::VND) };
        self.token.clear();
        push_digits(&mut self.token, (foreign.rate / 100).into(), 1);
        self.token.push('.');
        push_digits(&mut self.token, (foreign.rate % 100).into(), 2);
        self.draft.rate(&self.token)?;
        self.draft.amount(foreign.minor(payment.amount), foreign.currency)
    }

    fn target(&mut self, world: &World, account: u32, target: Target) -> Result<(), EventError> {
        match target {
            Target::Cash => {}
            Target::Account(payee) => {
                self.number(TextField::Payee, "a", payee.into(), 6)?;
                self.institution(TextField::PayeeInstitution, world.owner(payee).institution)?;
                self.draft.same_owner(world.account(payee).customer == world.account(account).customer);
            }
            Target::Outside(payee) => {
                self.number(TextField::Payee, "p", payee.into(), 6)?;
                let institution = (scatter(payee.into()) % u64::from(INSTITUTIONS)) as u8;
                self.institution(TextField::PayeeInstitution, institution)?;
                self.draft.same_owner(false);
            }
            Target::Merchant(merchant) => {
                self.number(TextField::Merchant, "m", merchant.into(), 5)?;
                // One merchant in four sells by a portal.
                if let Some(portal) = SHOP_PORTALS.get(merchant as usize % (4 * SHOP_PORTALS.len())) {
                    self.draft.text(TextField::Portal, portal)?;
                }
            }
            Target::Utility(utility) => {
                self.draft.text(TextField::Merchant, UTILITIES[usize::from(utility) % UTILITIES.len()])?;
            }
            Target::Public(portal) => {
                let portal = PUBLIC_PORTALS[usize::from(portal) % PUBLIC_PORTALS.len()];
                self.draft.text(TextField::Portal, portal)?;
            }
        }
        Ok(())
    }

    fn customer<'w>(&mut self, world: &'w World, account: u32) -> Result<&'w Customer, EventError> {
        self.tenant(world, account)?;
        let owner = world.owner(account);
        self.number(TextField::Customer, "c", world.account(account).customer.into(), 6)?;
        let kind = if owner.organisation { "organisation" } else { "individual" };
        self.draft.text(TextField::CustomerKind, kind)?;
        Ok(owner)
    }

    /// A device and its address, out of the range that carriers share (RFC 6598), where no real customer is found.
    fn device(&mut self, device: u32) -> Result<(), EventError> {
        self.number(TextField::Device, "d", device.into(), 7)?;
        let facts = scatter(device.into()).to_le_bytes();
        self.token.clear();
        self.token.push_str("100.");
        push_digits(&mut self.token, u64::from(64 + facts[0] % 64), 1);
        for &byte in &facts[1..3] {
            self.token.push('.');
            push_digits(&mut self.token, byte.into(), 1);
        }
        self.draft.text(TextField::Ip, &self.token)
    }

    /// Where a device is: within a few kilometres of the city's middle.
    fn place(&mut self, device: u32, city: u8) -> Result<(), EventError> {
        let facts = scatter(u64::from(device) ^ 0x706c_6163_6500_0000);
        // Three phones in ten do not say where they are.
        if facts % 10 < 3 {
            return Ok(());
        }
        let city = CITIES[usize::from(city) % CITIES.len()];
        let latitude = city.latitude + ((facts >> 16) % 80_000) as i32 - 40_000;
        let longitude = city.longitude + ((facts >> 40) % 80_000) as i32 - 40_000;
        self.draft.location(f64::from(latitude) / 1e6, f64::from(longitude) / 1e6)
    }

    fn session(&mut self, session: Session) -> Result<(), EventError> {
        self.number(TextField::Session, "s", session.number, 8)?;
        self.draft.text(TextField::LoginMethods, session.methods)
    }

    fn about(&mut self, world: &World, payment: Asked) -> Result<(), EventError> {
        self.tenant(world, payment.account)?;
        self.number(TextField::Transaction, "tx", payment.number, 8)
    }

    /// Whose customer the account's owner is, where there are several tenants.
    fn tenant(&mut self, world: &World, account: u32) -> Result<(), EventError> {
        if self.tenants < 2 {
            return Ok(());
        }
        let tenant = scatter(world.account(account).customer.into()) % u64::from(self.tenants);
        self.number(TextField::Tenant, "tenant-", tenant + 1, 2)
    }

    fn result(&mut self, succeeded: bool) -> Result<(), EventError> {
        self.draft.text(TextField::Result, if succeeded { "succeeded" } else { "failed" })
    }

    fn institution(&mut self, field: TextField, institution: u8) -> Result<(), EventError> {
        self.number(field, "bank-", u64::from(institution) + 1, 2)
    }

    fn number(
        &mut self,
        field: TextField,
        prefix: &str,
        number: u64,
        digits: usize,
    ) -> Result<(), EventError> {
        self.token.clear();
        self.token.push_str(prefix);
        push_digits(&mut self.token, number, digits);
        self.draft.text(field, &self.token)
    }
}

fn kind(body: &Body) -> Kind {
    match body {
        Body::Payment(_) => Kind::Transaction,
        Body::Income { .. } => Kind::Observed,
        Body::Login { .. } => Kind::Login,
        Body::Change { .. } => Kind::Change,
        Body::Execution { .. } => Kind::Execution,
        Body::Reversal { .. } => Kind::Reversal,
        Body::Authentication { .. } => Kind::Authentication,
        Body::Label { .. } => Kind::Label,
        Body::Clock => Kind::Clock,
    }
}

fn prefix(kind: Kind) -> &'static str {
    match kind {
        Kind::Transaction => "tx",
        Kind::Observed => "in",
        Kind::Login => "lg",
        Kind::Change => "ch",
        Kind::Execution => "ex",
        Kind::Reversal => "rv",
        Kind::Authentication => "au",
        Kind::Label => "lb",
        _ => "ck",
    }
}

/// Writes a number with at least this many digits.
fn push_digits(text: &mut String, mut number: u64, digits: usize) {
    let mut reversed = [0_u8; 20];
    let mut written = 0;
    for place in &mut reversed {
        if number == 0 && written >= digits {
            break;
        }
        *place = (number % 10) as u8;
        number /= 10;
        written += 1;
    }
    for &digit in reversed[..written].iter().rev() {
        text.push(char::from(b'0' + digit));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_padded_and_never_cut() {
        let digits = |number, width| {
            let mut text = String::new();
            push_digits(&mut text, number, width);
            text
        };
        assert_eq!(digits(42, 6), "000042");
        assert_eq!(digits(0, 1), "0");
        assert_eq!(digits(1_234_567, 6), "1234567");
        assert_eq!(digits(u64::MAX, 1), u64::MAX.to_string());
    }
}
