//! A payment as `weir bench` sends it, and what is answered.

use std::borrow::Cow;

use anyhow::ensure;
use serde::{Deserialize, Serialize};

/// What the retail pack reads of a payment, and its id. An empty text is absent.
#[derive(Deserialize)]
pub(crate) struct Payment<'a> {
    #[serde(borrow)]
    pub(crate) id: Cow<'a, str>,
    /// Microseconds since 1970 UTC.
    pub(crate) time_us: i64,
    /// In dong, which has no smaller unit.
    pub(crate) amount_minor: i64,
    #[serde(borrow)]
    currency: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) account: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(crate) payee: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(crate) device: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(crate) customer: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(crate) instrument: Cow<'a, str>,
    #[serde(borrow, default)]
    tenant: Cow<'a, str>,
}

impl<'a> Payment<'a> {
    /// Reads one.
    ///
    /// # Errors
    ///
    /// Where it is none that a rival decides on: it needs an id, a time, an account and dong, and has no tenant.
    pub(crate) fn read(body: &'a [u8]) -> anyhow::Result<Self> {
        let payment: Self = serde_json::from_slice(body)?;
        ensure!(payment.currency == "VND", "`currency` is `{}`; only VND is taken", payment.currency);
        ensure!(payment.tenant.is_empty(), "`tenant` is there; tenants are not told apart");
        Ok(payment)
    }
}

/// What was decided.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Decided {
    /// `allow`, `step_up` or `block`.
    pub(crate) outcome: Cow<'static, str>,
    pub(crate) score: i64,
    pub(crate) alert: bool,
    /// The ids of the rules that fired, in the order of the pack.
    pub(crate) rules: Vec<String>,
}

#[derive(Serialize)]
struct Answer<'a> {
    id: &'a str,
    time_us: i64,
    outcome: &'a str,
    alert: bool,
    score: i64,
    rules: &'a [String],
    durable: bool,
}

impl Decided {
    /// The answer to a payment, as JSON.
    ///
    /// # Errors
    ///
    /// None: texts and numbers can be written.
    pub(crate) fn answer(&self, payment: &Payment<'_>) -> serde_json::Result<Vec<u8>> {
        let Self { outcome, score, alert, rules } = self;
        serde_json::to_vec(&Answer {
            id: &payment.id,
            time_us: payment.time_us,
            outcome,
            alert: *alert,
            score: *score,
            rules,
            durable: false,
        })
    }
}
