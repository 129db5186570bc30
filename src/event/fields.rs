//! The vocabulary of events: kinds, fields, and what a field may hold.

use crate::money::AMOUNT_MINOR_MAX;
use crate::time::TIME_US_MAX;

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

    /// What it is about, for people.
    pub const fn about(self) -> &'static str {
        match self {
            Self::Transaction => "A payment that asks for a decision.",
            Self::Authentication => "How a step-up was answered.",
            Self::Execution => "A payment was executed, or failed.",
            Self::Reversal => "A payment was taken back, in full or in part.",
            Self::Observed => "Money that moved without asking: it counts, and gets no decision.",
            Self::Login => "A login, succeeded or failed.",
            Self::Change => "A change of password, phone, device, payee, limit or biometric.",
            Self::Label => "What an earlier payment turned out to be: fraud, genuine or unknown.",
            Self::List => "An entry put on or taken off a list.",
            Self::Clock => "Time passes.",
            Self::Control => "An act of the machine itself: above all a rule set that was staged takes over.",
        }
    }

    /// The kind of a word.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether it can be about an amount of money.
    pub const fn has_amount(self) -> bool {
        match self {
            Self::Transaction | Self::Observed | Self::Reversal | Self::Authentication | Self::Execution => {
                true
            }
            Self::Login | Self::Change | Self::Label | Self::List | Self::Clock | Self::Control => false,
        }
    }

    /// Whether it can have a text field; some are about one kind of event only.
    pub const fn has(self, field: TextField) -> bool {
        match field {
            TextField::StepUp => matches!(self, Self::Authentication),
            TextField::Answered => matches!(self, Self::Transaction),
            TextField::What => matches!(self, Self::Change),
            TextField::Result => matches!(self, Self::Authentication | Self::Execution | Self::Login),
            TextField::List | TextField::Entry | TextField::Action => matches!(self, Self::List),
            TextField::Control | TextField::Subject => matches!(self, Self::Control),
            _ => true,
        }
    }

    /// Whether it needs an amount, and the text fields that it needs beside its id.
    pub(crate) const fn required(self) -> (bool, &'static [TextField]) {
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
    /// The same, and it stands for somebody or for what is theirs: with a key it becomes a token (`tokens`), and no message
    /// shows it.
    Identifier,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// Words of `a-z0-9_`, kept joined by commas.
    Words,
    /// An IPv4 or IPv6 address.
    Ip,
}

macro_rules! text_fields {
    ($($(#[doc = $about:literal])* $variant:ident $name:literal $form:expr;)*) => {
        /// The fields of an event that hold text.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum TextField { $($(#[doc = $about])* $variant,)* }

        impl TextField {
            /// Every text field, in declaration order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Its name in files and rule files.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What it says, for people.
            pub fn about(self) -> &'static str {
                match self { $(Self::$variant => concat!($($about),*).trim_start(),)* }
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
    /// The customer.
    Customer "customer" Form::Identifier;
    /// Individual or organisation.
    CustomerKind "customer_kind" Form::OneOf(&["individual", "organisation"]);
    /// The paying account, card or wallet.
    Account "account" Form::Identifier;
    /// What the paying account is.
    Instrument "instrument" Form::OneOf(&["account", "card", "wallet"]);
    /// The device.
    Device "device" Form::Identifier;
    /// The session.
    Session "session" Form::Identifier;
    /// How the session was opened.
    LoginMethods "login_methods" Form::Words;
    /// Authentication methods already presented with this event.
    Methods "methods" Form::Words;
    /// Who receives.
    Payee "payee" Form::Identifier;
    /// The institution that pays.
    PayerInstitution "payer_institution" Form::Free;
    /// The institution that receives.
    PayeeInstitution "payee_institution" Form::Free;
    /// The account that a wallet is linked to.
    LinkedAccount "linked_account" Form::Identifier;
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
    /// The entry put on or taken off it; no identifier only where its list is about a field that is none.
    Entry "entry" Form::Identifier;
    /// Whether the entry is put on or taken off.
    Action "action" Form::OneOf(&["put", "take"]);
    /// A remark for people.
    Note "note" Form::Free;
    /// What a control record records.
    Control "control" Form::OneOf(&["rule_set", "list_version", "rate_version", "feature_exact", "declared_answer"]);
    /// The version, feature or answer that a control record names.
    Subject "subject" Form::Free;
    /// The step-up that an authentication answers, by its id.
    StepUp "step_up" Form::Free;
    /// What a transaction was answered already, where that was not the engine's doing: it stands.
    Answered "answered" Form::OneOf(&["allow", "step_up", "block"]);
}

impl TextField {
    /// The field of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|field| field.name() == name)
    }

    /// Whether its text stands for somebody or for what is theirs.
    pub const fn is_identifier(self) -> bool {
        matches!(self.form(), Form::Identifier)
    }
}

/// The type of a free extra field, as a rule file declares it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExtraType {
    /// Text.
    Text,
    /// Text that stands for somebody or for what is theirs, such as a phone number; see [`Form::Identifier`].
    Identifier,
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
    pub const ALL: [Self; 8] = [
        Self::Text,
        Self::Identifier,
        Self::Integer,
        Self::Decimal,
        Self::Boolean,
        Self::Money,
        Self::Time,
        Self::Duration,
    ];

    /// The word for it in a rule file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Identifier => "identifier",
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

    /// What its texts may be; `None` of what is no text.
    pub const fn form(self) -> Option<Form> {
        match self {
            Self::Text => Some(Form::Free),
            Self::Identifier => Some(Form::Identifier),
            _ => None,
        }
    }

    /// The greatest magnitude of a whole number of this type that windows take in; past it a value counts as absent,
    /// so that sums and squares stay within 128 bits.
    pub const fn magnitude_max(self) -> i64 {
        match self {
            Self::Time => TIME_US_MAX,
            _ => AMOUNT_MINOR_MAX,
        }
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

    /// Whether the field at a position is an identifier.
    pub fn is_identifier(&self, position: usize) -> bool {
        self.fields.get(position).is_some_and(|(_, ty)| *ty == ExtraType::Identifier)
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
