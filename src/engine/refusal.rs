//! Why an event is refused, with what to do about it. A refusal leaves no trace in the state.

use thiserror::Error;

use crate::decision::Outcome;
use crate::time::format_duration;
/// Why an event was refused. Never an allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// Same id, other content.
    #[error("its id was used before with other content; give every event an id of its own")]
    IdReused,
    /// Its time is too far after the time it was received.
    #[error(
        "it happened more than {} after it was received; check the sender's clock",
        format_duration(*future_us_max)
    )]
    Future {
        /// The bound.
        future_us_max: i64,
    },
    /// Its amount is in another currency than the rule set's.
    #[error(
        "its amount is not in {expected}, the rule set's currency, and the rule file has no [rates] to convert it by"
    )]
    Currency {
        /// The rule set's currency.
        expected: &'static str,
    },
    /// There is no rate of its currency.
    #[error(
        "there is no rate of {currency} at its time; give it a `rate`, or load rates that cover that time"
    )]
    NoRate {
        /// Its currency.
        currency: &'static str,
        /// What the rule set declares of it.
        declared: Outcome,
    },
    /// It is worth more than an amount can be.
    #[error("its amount in {currency} is worth more than any amount can be; check it, and the rate")]
    TooLarge {
        /// Its currency.
        currency: &'static str,
        /// What the rule set declares of it.
        declared: Outcome,
    },
    /// It asks for rates that nobody staged.
    #[error("no rates with the version in its `subject` are loaded or staged; stage their file first")]
    UnknownRates,
    /// The transaction that it corrects is older than the rule set remembers, or what was corrected of it was forgotten
    /// before, for want of room ([`Limits::corrections_max`](super::Limits::corrections_max)).
    #[error(
        "the transaction that it is about is older than the rule set's `remember`, or was corrected and then forgotten among more than `corrections_max` others: it can no longer be corrected"
    )]
    TooOld,
    /// The id that it is about is not a payment's.
    #[error("the event that it is about is not a payment")]
    NotAPayment,
    /// The side buffer is full.
    #[error(
        "the buffer for late events and corrections is full ({side_entries_max}); late events, and reports of earlier payments, are refused until windows pass"
    )]
    SideBufferFull {
        /// The bound.
        side_entries_max: usize,
    },
    /// There is no room for new keys.
    #[error("there is no room for new keys ({texts_max} texts are held, and evicting keys made no room)")]
    KeysFull {
        /// The bound.
        texts_max: u32,
    },
    /// It asks for a rule set that nobody staged.
    #[error("no rule set with the hash in its `subject` is staged; stage the rule file first")]
    UnknownRuleSet,
    /// The new features of the rule set that it asks for have no room.
    #[error(
        "the new features of that rule set need a ledger beside the {ledgers_max} that are kept; take the features of an earlier reload out first"
    )]
    LedgersFull {
        /// The bound.
        ledgers_max: usize,
    },
    /// Too many rule sets made decisions that are still remembered.
    #[error(
        "decisions of {rule_sets_max} former rule sets are still remembered; reload again once some are forgotten"
    )]
    RuleSetsFull {
        /// The bound.
        rule_sets_max: usize,
    },
    /// The rule set has no list of that name.
    #[error("the rule set has no such list; name one of its [lists]")]
    UnknownList,
    /// The transaction that it answers for is not known, where the engine leads the dialogue.
    #[error("the transaction that it is about is not known; send the transaction first")]
    UnknownTransaction,
    /// It answers a step-up too late.
    #[error(
        "the step-up that it answers has expired, and the payment counts as refused; start another payment"
    )]
    StepUpExpired,
    /// It answers another step-up, or is about another amount, account or payee.
    #[error("it is about another step-up, amount, account or payee than the transaction that it names")]
    OtherTransaction,
    /// Same attempt, other content.
    #[error("its attempt was answered before with other content; give every attempt an id of its own")]
    AttemptReused,
    /// The list is full.
    #[error("its list is full ({list_entries_max} entries); take some off first")]
    ListFull {
        /// The bound.
        list_entries_max: usize,
    },
}

impl Refusal {
    /// The word for it in files.
    pub const fn code(self) -> &'static str {
        match self {
            Self::IdReused => "id_reused",
            Self::Future { .. } => "future",
            Self::Currency { .. } => "currency",
            Self::NoRate { .. } => "no_rate",
            Self::TooLarge { .. } => "too_large",
            Self::UnknownRates => "unknown_rates",
            Self::TooOld => "too_old",
            Self::NotAPayment => "not_a_payment",
            Self::SideBufferFull { .. } => "side_buffer_full",
            Self::KeysFull { .. } => "keys_full",
            Self::UnknownRuleSet => "unknown_rule_set",
            Self::LedgersFull { .. } => "ledgers_full",
            Self::RuleSetsFull { .. } => "rule_sets_full",
            Self::UnknownList => "unknown_list",
            Self::UnknownTransaction => "unknown_transaction",
            Self::StepUpExpired => "step_up_expired",
            Self::OtherTransaction => "other_transaction",
            Self::AttemptReused => "attempt_reused",
            Self::ListFull { .. } => "list_full",
        }
    }
}

impl Refusal {
    /// What the rule set declares of a payment that is refused so; `None` where it declares nothing.
    pub const fn declared(self) -> Option<Outcome> {
        match self {
            Self::NoRate { declared, .. } | Self::TooLarge { declared, .. } => Some(declared),
            _ => None,
        }
    }
}
