//! Events: everything that comes in on the stream, validated once, read many times.
//!
//! An [`Event`] is sealed by a [`Draft`], so whoever holds one holds a valid one. It keeps its texts in one
//! buffer that is used again for the next event. Must never know a file format, a rule or a window.

use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::Arc;

use foldhash::quality::FixedState;
use thiserror::Error;

use crate::money::{Currency, Money, MoneyError};
use crate::time::{TimeError, check_time};

/// Longest text of a field, in bytes; longer is bad input.
pub const TEXT_BYTES_MAX: usize = 512;

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Asks for a decision.
    Transaction,
    /// How a step-up was answered.
    Authentication,
    /// The payment was executed, or failed.
    Execution,
    /// The payment was taken back, in full or in part.
    Reversal,
    /// Money that moved without asking: contributes, gets no decision.
    Observed,
    /// A login, succeeded or failed.
    Login,
    /// A change of password, phone, device, payee, limit or biometric.
    Change,
    /// Fraud, genuine or unknown, said of an earlier transaction.
    Label,
    /// An entry put on or taken off a list.
    List,
    /// Time passes.
    Clock,
    /// A journaled act of the machine itself.
    Control,
}

impl Kind {
    /// Every kind, in declaration order.
    pub const ALL: [Self; 11] = [
        Self::Transaction,
        Self::Authentication,
        Self::Execution,
        Self::Reversal,
        Self::Observed,
        Self::Login,
        Self::Change,
        Self::Label,
        Self::List,
        Self::Clock,
        Self::Control,
    ];

    /// The word for it in files and rule files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Transaction => "transaction",
            Self::Authentication => "authentication",
            Self::Execution => "execution",
            Self::Reversal => "reversal",
            Self::Observed => "observed",
            Self::Login => "login",
            Self::Change => "change",
            Self::Label => "label",
            Self::List => "list",
            Self::Clock => "clock",
            Self::Control => "control",
        }
    }

    /// The kind of a word.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    const fn required(self) -> (bool, &'static [TextField]) {
        match self {
            Self::Transaction | Self::Observed => (true, &[]),
            Self::Authentication | Self::Execution => (false, &[TextField::Transaction, TextField::Result]),
            Self::Reversal => (false, &[TextField::Transaction]),
            Self::Login => (false, &[TextField::Result]),
            Self::Change => (false, &[TextField::What]),
            Self::Label => (false, &[TextField::Transaction, TextField::Label]),
            Self::List => (false, &[TextField::List, TextField::Entry, TextField::Action]),
            Self::Clock => (false, &[]),
            Self::Control => (false, &[TextField::Control]),
        }
    }
}

/// What the text of a field may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Any text without control characters.
    Free,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// Words of `a-z0-9_`, kept joined by commas.
    Words,
    /// An IPv4 or IPv6 address.
    Ip,
}

macro_rules! text_fields {
    ($($(#[$doc:meta])* $variant:ident $name:literal $form:expr;)*) => {
        /// The fields of an event that hold text.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum TextField { $($(#[$doc])* $variant,)* }

        impl TextField {
            /// Every text field, in declaration order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Its name in files and rule files.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What its text may be.
            pub const fn form(self) -> Form {
                match self { $(Self::$variant => $form,)* }
            }
        }
    };
}

text_fields! {
    /// The event's own id, unique in its tenant.
    Id "id" Form::Free;
    /// Whose event it is, where several share one engine.
    Tenant "tenant" Form::Free;
    /// The customer's token.
    Customer "customer" Form::Free;
    /// Individual or organisation.
    CustomerKind "customer_kind" Form::OneOf(&["individual", "organisation"]);
    /// The paying account, card or wallet.
    Account "account" Form::Free;
    /// What the paying account is.
    Instrument "instrument" Form::OneOf(&["account", "card", "wallet"]);
    /// The device's token.
    Device "device" Form::Free;
    /// The session's token.
    Session "session" Form::Free;
    /// How the session was opened.
    LoginMethods "login_methods" Form::Words;
    /// Authentication methods already presented with this event.
    Methods "methods" Form::Words;
    /// Who receives.
    Payee "payee" Form::Free;
    /// The institution that pays.
    PayerInstitution "payer_institution" Form::Free;
    /// The institution that receives.
    PayeeInstitution "payee_institution" Form::Free;
    /// The account that a wallet is linked to.
    LinkedAccount "linked_account" Form::Free;
    /// The merchant.
    Merchant "merchant" Form::Free;
    /// The kind of payment, in the gateway's words.
    PaymentKind "payment_kind" Form::Free;
    /// Where it was started: mobile, web, counter.
    Channel "channel" Form::Free;
    /// The intermediary that executes it.
    Provider "provider" Form::Free;
    /// The service that the payment is for.
    Portal "portal" Form::Free;
    /// Who started it.
    InitiatedBy "initiated_by" Form::OneOf(&["customer", "provider"]);
    /// The network address it came from.
    Ip "ip" Form::Ip;
    /// The id of the transaction that this event is about.
    Transaction "transaction" Form::Free;
    /// The id of one attempt to authenticate.
    Attempt "attempt" Form::Free;
    /// How an authentication, an execution or a login went.
    Result "result" Form::OneOf(&["succeeded", "failed"]);
    /// What was changed.
    What "what" Form::OneOf(&["password", "phone", "device", "payee", "limit", "biometric"]);
    /// What a transaction turned out to be.
    Label "label" Form::OneOf(&["fraud", "genuine", "unknown"]);
    /// The kind of fraud, in the labeller's words.
    LabelKind "label_kind" Form::Free;
    /// Who says so.
    Source "source" Form::Free;
    /// The name of a list.
    List "list" Form::Free;
    /// The entry put on or taken off it.
    Entry "entry" Form::Free;
    /// Whether the entry is put on or taken off.
    Action "action" Form::OneOf(&["put", "take"]);
    /// A remark for people.
    Note "note" Form::Free;
    /// What a control record records.
    Control "control" Form::OneOf(&["rule_set", "list_version", "rate_version", "feature_exact", "declared_answer"]);
    /// The version, feature or answer that a control record names.
    Subject "subject" Form::Free;
}

const TEXT_FIELDS: usize = TextField::ALL.len();

impl TextField {
    /// The field of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|field| field.name() == name)
    }
}

/// The type of a free extra field, as a rule file declares it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExtraType {
    /// Text.
    Text,
    /// A whole number.
    Integer,
    /// A decimal number (IEEE 754 double).
    Decimal,
    /// True or false.
    Boolean,
    /// Minor units of the rule set's currency.
    Money,
    /// Microseconds since 1970 UTC.
    Time,
    /// Microseconds.
    Duration,
}

impl ExtraType {
    /// Every type, in declaration order.
    pub const ALL: [Self; 7] =
        [Self::Text, Self::Integer, Self::Decimal, Self::Boolean, Self::Money, Self::Time, Self::Duration];

    /// The word for it in a rule file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "integer",
            Self::Decimal => "decimal",
            Self::Boolean => "boolean",
            Self::Money => "money",
            Self::Time => "time",
            Self::Duration => "duration",
        }
    }

    /// The type of a word.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|ty| ty.name() == name)
    }
}

/// The extra fields that a rule file declares, in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schema {
    fields: Vec<(String, ExtraType)>,
}

impl Schema {
    /// A schema of these fields; names are taken as distinct.
    pub fn new(fields: Vec<(String, ExtraType)>) -> Self {
        Self { fields }
    }

    /// Position and type of a declared field.
    pub fn find(&self, name: &str) -> Option<(usize, ExtraType)> {
        self.fields.iter().position(|(n, _)| n == name).map(|at| (at, self.fields[at].1))
    }

    /// Names and types, in order.
    pub fn fields(&self) -> &[(String, ExtraType)] {
        &self.fields
    }
}

/// The value of an extra field, as a way in hands it over.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ExtraValue<'a> {
    /// Text.
    Text(&'a str),
    /// Integer, money, time or duration.
    Whole(i64),
    /// Decimal.
    Decimal(f64),
    /// Boolean.
    Boolean(bool),
}

/// Why something is not an event.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EventError {
    /// A field that its kind needs is not there.
    #[error("`{field}` is missing; a {kind} needs it")]
    Missing {
        /// The kind's word.
        kind: &'static str,
        /// The field's name.
        field: &'static str,
    },
    /// A text that its field does not take.
    #[error("`{field}` is {found}; {expected}")]
    BadText {
        /// The field's name.
        field: String,
        /// What was found, shortened.
        found: String,
        /// What it should be.
        expected: String,
    },
    /// A value of another type than declared.
    #[error("`{field}` is declared as {expected} and is not one")]
    BadExtra {
        /// The field's name.
        field: String,
        /// The declared type's word.
        expected: &'static str,
    },
    /// A latitude outside ±90 or a longitude outside ±180 degrees, or one without the other.
    #[error("`latitude` and `longitude` come together, within ±90 and ±180 degrees")]
    BadLocation,
    /// Bad amount or currency.
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// Bad time.
    #[error("`{field}`: {source}")]
    Time {
        /// The field's name.
        field: &'static str,
        /// What is wrong with it.
        source: TimeError,
    },
}

#[derive(Clone, Copy, Debug, Default)]
struct Span {
    start: u32,
    end: u32,
}

#[derive(Clone, Copy, Debug)]
enum Extra {
    Null,
    Text(Span),
    Whole(i64),
    Decimal(f64),
    Boolean(bool),
}

/// A valid event. Made by [`Draft::seal`].
#[derive(Clone, Debug)]
pub struct Event {
    kind: Kind,
    time_us: i64,
    received_us: Option<i64>,
    amount: Option<Money>,
    latitude_longitude: Option<(f64, f64)>,
    same_owner: Option<bool>,
    level: Option<i64>,
    expires_us: Option<i64>,
    buffer: String,
    /// Spans into `buffer`; an empty span is an absent field.
    texts: [Span; TEXT_FIELDS],
    extras: Vec<Extra>,
    schema: Arc<Schema>,
    /// Hash of extra fields that no rule file declares: not read, but part of what the event says.
    undeclared: u64,
    identity: u128,
    fingerprint: u64,
}

impl Event {
    /// What it is about.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// When it happened, microseconds since 1970 UTC.
    pub fn time_us(&self) -> i64 {
        self.time_us
    }

    /// When the way in received it, or `None` in history.
    pub fn received_us(&self) -> Option<i64> {
        self.received_us
    }

    /// Its amount; always there on a transaction and on observed money.
    pub fn amount(&self) -> Option<Money> {
        self.amount
    }

    /// Its id.
    pub fn id(&self) -> &str {
        self.text(TextField::Id).unwrap_or_default()
    }

    /// A text field, `None` where absent; never empty.
    #[inline]
    pub fn text(&self, field: TextField) -> Option<&str> {
        let span = self.texts[field as usize];
        if span.start == span.end { None } else { self.slice(span) }
    }

    /// Latitude and longitude in degrees.
    pub fn latitude_longitude(&self) -> Option<(f64, f64)> {
        self.latitude_longitude
    }

    /// Whether payer and payee are the same owner.
    pub fn same_owner(&self) -> Option<bool> {
        self.same_owner
    }

    /// The level of a list entry.
    pub fn level(&self) -> Option<i64> {
        self.level
    }

    /// When a list entry ends, microseconds since 1970 UTC.
    pub fn expires_us(&self) -> Option<i64> {
        self.expires_us
    }

    /// A declared extra field by its position in the schema; `None` where absent.
    pub fn extra(&self, position: usize) -> Option<ExtraValue<'_>> {
        match *self.extras.get(position)? {
            Extra::Null => None,
            Extra::Text(span) => self.slice(span).map(ExtraValue::Text),
            Extra::Whole(value) => Some(ExtraValue::Whole(value)),
            Extra::Decimal(value) => Some(ExtraValue::Decimal(value)),
            Extra::Boolean(value) => Some(ExtraValue::Boolean(value)),
        }
    }

    /// The extra fields that it may have.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Tenant and id as a 128-bit hash: the same for the same id, different otherwise but with negligible chance.
    pub fn identity(&self) -> u128 {
        self.identity
    }

    /// The identity of the transaction that this event is about.
    pub fn transaction_identity(&self) -> Option<u128> {
        self.text(TextField::Transaction).map(|id| identity(self.text(TextField::Tenant), id))
    }

    /// A hash of all that the event says but for when it was received: a retry has the same, other content another.
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    #[inline]
    fn slice(&self, span: Span) -> Option<&str> {
        self.buffer.get(span.start as usize..span.end as usize)
    }

    fn hash_content(&self, state: &mut impl Hasher) {
        (self.kind, self.time_us, self.amount, self.same_owner, self.level, self.expires_us).hash(state);
        self.latitude_longitude.map(|(lat, lon)| (lat.to_bits(), lon.to_bits())).hash(state);
        for &field in TextField::ALL {
            if let Some(text) = self.text(field) {
                (field, text).hash(state);
            }
        }
        for (position, _) in self.extras.iter().enumerate() {
            match self.extra(position) {
                None => {}
                Some(ExtraValue::Text(text)) => (position, text).hash(state),
                Some(ExtraValue::Whole(value)) => (position, value).hash(state),
                Some(ExtraValue::Decimal(value)) => (position, value.to_bits()).hash(state),
                Some(ExtraValue::Boolean(value)) => (position, value).hash(state),
            }
        }
        self.undeclared.hash(state);
    }
}

/// The identity of an id within a tenant; see [`Event::identity`].
pub fn identity(tenant: Option<&str>, id: &str) -> u128 {
    let half = |seed| u128::from(FixedState::with_seed(seed).hash_one((tenant, id)));
    half(1) << 64 | half(2)
}

/// An event being put together; its buffers are used again after [`Draft::begin`].
#[derive(Clone, Debug)]
pub struct Draft(Event);

impl Draft {
    /// An empty draft for events with these extra fields.
    pub fn new(schema: Arc<Schema>) -> Self {
        Self(Event {
            kind: Kind::Clock,
            time_us: 0,
            received_us: None,
            amount: None,
            latitude_longitude: None,
            same_owner: None,
            level: None,
            expires_us: None,
            buffer: String::new(),
            texts: [Span::default(); TEXT_FIELDS],
            extras: vec![Extra::Null; schema.fields.len()],
            schema,
            undeclared: 0,
            identity: 0,
            fingerprint: 0,
        })
    }

    /// Forgets everything and starts an event of this kind at this time.
    pub fn begin(&mut self, kind: Kind, time_us: i64) -> Result<(), EventError> {
        self.clear();
        self.stamp(kind, time_us)
    }

    /// Forgets everything. For a way in that meets the kind and the time after other fields; see [`Draft::stamp`].
    pub fn clear(&mut self) {
        let event = &mut self.0;
        event.kind = Kind::Clock;
        event.time_us = 0;
        event.received_us = None;
        event.amount = None;
        event.latitude_longitude = None;
        event.same_owner = None;
        event.level = None;
        event.expires_us = None;
        event.buffer.clear();
        event.texts = [Span::default(); TEXT_FIELDS];
        event.extras.fill(Extra::Null);
        event.undeclared = 0;
    }

    /// Sets kind and time, and keeps what was set before.
    pub fn stamp(&mut self, kind: Kind, time_us: i64) -> Result<(), EventError> {
        self.0.kind = kind;
        self.0.time_us = timed("time_us", time_us)?;
        Ok(())
    }

    /// Sets a text field, checked against its form; empty text is bad input. Lists of words are joined by commas.
    pub fn text(&mut self, field: TextField, text: &str) -> Result<(), EventError> {
        check_text(field.name(), field.form(), text)?;
        self.0.texts[field as usize] = self.push(text);
        Ok(())
    }

    /// Sets when the way in received it.
    pub fn received_us(&mut self, received_us: i64) -> Result<(), EventError> {
        self.0.received_us = Some(timed("received_us", received_us)?);
        Ok(())
    }

    /// Sets the amount in minor units.
    pub fn amount(&mut self, minor: i64, currency: Currency) -> Result<(), EventError> {
        self.0.amount = Some(Money::new(minor, currency)?);
        Ok(())
    }

    /// Sets where it happened, in degrees.
    pub fn location(&mut self, latitude: f64, longitude: f64) -> Result<(), EventError> {
        if !((-90.0..=90.0).contains(&latitude) && (-180.0..=180.0).contains(&longitude)) {
            return Err(EventError::BadLocation);
        }
        self.0.latitude_longitude = Some((latitude, longitude));
        Ok(())
    }

    /// Sets whether payer and payee are the same owner.
    pub fn same_owner(&mut self, same: bool) {
        self.0.same_owner = Some(same);
    }

    /// Sets the level of a list entry.
    pub fn level(&mut self, level: i64) {
        self.0.level = Some(level);
    }

    /// Sets when a list entry ends.
    pub fn expires_us(&mut self, expires_us: i64) -> Result<(), EventError> {
        self.0.expires_us = Some(timed("expires_us", expires_us)?);
        Ok(())
    }

    /// Sets an extra field. One that no rule file declares is not kept, but tells this event from another of its id.
    pub fn extra(&mut self, name: &str, value: ExtraValue<'_>) -> Result<(), EventError> {
        let Some((position, ty)) = self.0.schema.find(name) else {
            let bits = match value {
                ExtraValue::Text(text) => FixedState::with_seed(3).hash_one((name, text)),
                ExtraValue::Whole(value) => FixedState::with_seed(4).hash_one((name, value)),
                ExtraValue::Decimal(value) => FixedState::with_seed(5).hash_one((name, value.to_bits())),
                ExtraValue::Boolean(value) => FixedState::with_seed(6).hash_one((name, value)),
            };
            // Addition, so that the order of the fields in the line does not matter.
            self.0.undeclared = self.0.undeclared.wrapping_add(bits);
            return Ok(());
        };
        self.0.extras[position] = match (ty, value) {
            (ExtraType::Text, ExtraValue::Text(text)) => {
                check_text(name, Form::Free, text)?;
                Extra::Text(self.push(text))
            }
            (ExtraType::Boolean, ExtraValue::Boolean(value)) => Extra::Boolean(value),
            (ExtraType::Decimal, ExtraValue::Decimal(value)) if value.is_finite() => Extra::Decimal(value),
            (ExtraType::Decimal, ExtraValue::Whole(value)) => Extra::Decimal(value as f64),
            (ExtraType::Time, ExtraValue::Whole(value)) if check_time(value).is_ok() => Extra::Whole(value),
            (ExtraType::Integer | ExtraType::Money | ExtraType::Duration, ExtraValue::Whole(value)) => {
                Extra::Whole(value)
            }
            _ => return Err(EventError::BadExtra { field: name.to_owned(), expected: ty.name() }),
        };
        Ok(())
    }

    /// Checks that the event is whole and gives it. It stays valid until the next [`Draft::begin`] or [`Draft::clear`].
    pub fn seal(&mut self) -> Result<&Event, EventError> {
        let event = &mut self.0;
        let kind = event.kind;
        let missing = |field| EventError::Missing { kind: kind.name(), field };
        let (needs_amount, needed) = kind.required();
        if needs_amount && event.amount.is_none() {
            return Err(missing("amount_minor"));
        }
        for &field in [TextField::Id].iter().chain(needed) {
            if event.text(field).is_none() {
                return Err(missing(field.name()));
            }
        }
        event.identity = identity(event.text(TextField::Tenant), event.id());
        let mut hasher = FixedState::with_seed(7).build_hasher();
        event.hash_content(&mut hasher);
        event.fingerprint = hasher.finish();
        Ok(event)
    }

    fn push(&mut self, text: &str) -> Span {
        let start = self.0.buffer.len() as u32;
        self.0.buffer.push_str(text);
        Span { start, end: self.0.buffer.len() as u32 }
    }
}

fn timed(field: &'static str, time_us: i64) -> Result<i64, EventError> {
    check_time(time_us).map_err(|source| EventError::Time { field, source })
}

fn check_text(field: &str, form: Form, text: &str) -> Result<(), EventError> {
    let bad = |found: String, expected: String| {
        Err(EventError::BadText { field: field.to_owned(), found, expected })
    };
    if text.is_empty() {
        return bad("empty".to_owned(), "leave it out where there is none".to_owned());
    }
    if text.len() > TEXT_BYTES_MAX {
        return bad(format!("{} bytes long", text.len()), format!("at most {TEXT_BYTES_MAX} are taken"));
    }
    let shown = || format!("`{}`", text.escape_debug());
    if text.bytes().any(|b| b.is_ascii_control()) {
        return bad(shown(), "control characters are not taken".to_owned());
    }
    match form {
        Form::Free => Ok(()),
        Form::OneOf(words) if words.contains(&text) => Ok(()),
        Form::OneOf(words) => bad(shown(), format!("it must be one of {}", words.join(", "))),
        Form::Words => {
            let word = |w: &str| {
                !w.is_empty() && w.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
            };
            if text.split(',').all(word) {
                Ok(())
            } else {
                bad(shown(), "it must be words of a-z, 0-9 and _".to_owned())
            }
        }
        Form::Ip if text.parse::<std::net::IpAddr>().is_ok() => Ok(()),
        Form::Ip => bad(shown(), "it must be an IPv4 or IPv6 address".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft() -> Draft {
        Draft::new(Arc::new(Schema::new(vec![("balance".to_owned(), ExtraType::Money)])))
    }

    #[test]
    fn a_transaction_needs_an_id_and_an_amount() {
        let mut draft = draft();
        draft.begin(Kind::Transaction, 1).unwrap();
        draft.text(TextField::Id, "t1").unwrap();
        assert_eq!(
            draft.seal().unwrap_err(),
            EventError::Missing { kind: "transaction", field: "amount_minor" }
        );
        draft.amount(5, Currency::VND).unwrap();
        let event = draft.seal().unwrap();
        assert_eq!((event.id(), event.text(TextField::Account)), ("t1", None));
    }

    #[test]
    fn a_retry_has_the_same_fingerprint_and_other_content_another() {
        let make = |amount, received, extra| {
            let mut draft = draft();
            draft.begin(Kind::Transaction, 1).unwrap();
            draft.text(TextField::Id, "t1").unwrap();
            draft.amount(amount, Currency::VND).unwrap();
            draft.received_us(received).unwrap();
            draft.extra("colour", ExtraValue::Text(extra)).unwrap();
            let event = draft.seal().unwrap();
            (event.identity(), event.fingerprint())
        };
        assert_eq!(make(5, 1, "red"), make(5, 2, "red"));
        assert_eq!(make(5, 1, "red").0, make(6, 1, "red").0);
        assert_ne!(make(5, 1, "red").1, make(6, 1, "red").1);
        assert_ne!(make(5, 1, "red").1, make(5, 1, "blue").1);
    }

    #[test]
    fn texts_are_checked_against_their_form() {
        let mut draft = draft();
        draft.begin(Kind::Change, 1).unwrap();
        assert!(draft.text(TextField::What, "shoe").is_err());
        assert!(draft.text(TextField::Ip, "10.0.0").is_err());
        assert!(draft.text(TextField::Methods, "fido,").is_err());
        assert!(draft.text(TextField::Methods, "fido,sms_otp").is_ok());
        assert!(draft.text(TextField::Id, "a\u{0}b").is_err());
        assert!(draft.text(TextField::Id, &"x".repeat(TEXT_BYTES_MAX + 1)).is_err());
        assert!(draft.extra("balance", ExtraValue::Decimal(1.5)).is_err());
    }
}
