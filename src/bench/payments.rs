//! What is sent: payments made before the run.
//!
//! Promises that no id of a run was in another run, so that no payment is a repeat, and that each says the time at which it is
//! meant to be sent. Writing one allocates nothing.

use serde_json::{Map, Value};

use crate::event::{Event, Kind};
use crate::generate::{FraudShares, Generator, Settings, SettingsError};
use crate::io::write_event;

/// Digits of a payment's number in its id.
const NUMBER_DIGITS: usize = 10;
/// Digits of microseconds since 1970, until the year 2286.
const TIME_DIGITS: usize = 16;

/// The ids of one run: its name and a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ids {
    prefix: String,
}

impl Ids {
    /// Of the run with this name, which must be its own: letters, digits and `-`.
    pub fn new(run: &str) -> Self {
        Self { prefix: format!("bench-{run}-") }
    }

    /// The id of a payment.
    pub fn of(&self, number: u64) -> String {
        format!("{}{number:0NUMBER_DIGITS$}", self.prefix)
    }

    /// Which payment of this run an id is of, if it is of one.
    pub fn number(&self, id: &str) -> Option<u64> {
        let digits = id.strip_prefix(&self.prefix)?;
        let plain = digits.len() == NUMBER_DIGITS && digits.bytes().all(|digit| digit.is_ascii_digit());
        digits.parse().ok().filter(|_| plain)
    }
}

/// Payments that are sent in turn, each time with another id and time.
#[derive(Clone, Debug)]
pub struct Payments {
    ids: Ids,
    /// What follows an id and a time, as JSON.
    rests: Vec<Box<[u8]>>,
}

impl Payments {
    /// None yet.
    pub fn new(ids: Ids) -> Self {
        Self { ids, rests: Vec::new() }
    }

    /// Those of a generated stream, four events for each of so many accounts.
    ///
    /// # Errors
    ///
    /// Where that is too few or too many accounts.
    pub fn generated(ids: Ids, seed: u64, accounts: u32) -> Result<Self, SettingsError> {
        let settings = Settings {
            seed,
            accounts,
            events: u64::from(accounts) * 4,
            days: 1,
            frauds: FraudShares::default(),
            late: 0.0,
            duplicates: 0.0,
            ..Settings::default()
        };
        let mut generator = Generator::new(settings)?;
        let mut payments = Self::new(ids);
        while let Some(event) = generator.next() {
            payments.push(event);
        }
        Ok(payments)
    }

    /// One more, if it is a payment that somebody asks for; whether it is.
    pub fn push(&mut self, event: &Event) -> bool {
        if event.kind() != Kind::Transaction {
            return false;
        }
        let mut line = Vec::with_capacity(512);
        // A buffer takes all that is written to it, and what is written is an object.
        let _ = write_event(event, &mut line);
        let Ok(mut fields) = serde_json::from_slice::<Map<String, Value>>(&line) else { return false };
        for given in ["id", "kind", "time_us"] {
            fields.remove(given);
        }
        let object = Value::Object(fields).to_string();
        let rest = if object == "{}" { object[1..].to_owned() } else { format!(",{}", &object[1..]) };
        self.rests.push(rest.into_bytes().into());
        true
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rests.is_empty()
    }

    /// How many there are before they come again.
    pub fn len(&self) -> usize {
        self.rests.len()
    }

    /// Their ids.
    pub fn ids(&self) -> &Ids {
        &self.ids
    }

    /// Puts payment `number`, which happens at `time_us`, behind what is in `out`, as JSON.
    pub fn write(&self, number: u64, time_us: i64, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"id\":\"");
        out.extend_from_slice(self.ids.prefix.as_bytes());
        digits::<NUMBER_DIGITS>(number, out);
        out.extend_from_slice(b"\",\"time_us\":");
        digits::<TIME_DIGITS>(time_us.unsigned_abs(), out);
        let turn = number % self.rests.len().max(1) as u64;
        out.extend_from_slice(self.rests.get(turn as usize).map_or(b"}", |rest| rest));
    }
}

/// The last `N` digits of a number.
fn digits<const N: usize>(mut number: u64, out: &mut Vec<u8>) {
    let mut text = [b'0'; N];
    for digit in text.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
    out.extend_from_slice(&text);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Schema;
    use crate::io::LineReader;
    use std::sync::Arc;

    #[test]
    fn every_payment_is_an_event_with_its_own_id_and_time() {
        let payments = Payments::generated(Ids::new("a1"), 1, 100).unwrap();
        assert!(payments.len() > 50, "{}", payments.len());
        let mut reader = LineReader::new(Arc::new(Schema::default()));
        for number in 0..2 * payments.len() as u64 {
            let mut line = Vec::new();
            payments.write(number, 1_795_341_600_000_000 + number as i64, &mut line);
            let draft = reader.read_as(Kind::Transaction, &line).unwrap();
            let event = draft.seal().unwrap();
            assert_eq!(event.time_us(), 1_795_341_600_000_000 + number as i64);
            assert_eq!(payments.ids().number(event.id()), Some(number));
        }
    }

    #[test]
    fn an_id_of_another_run_is_none_of_this() {
        let ids = Ids::new("a1");
        assert_eq!(ids.number(&ids.of(42)), Some(42));
        for id in ["bench-a2-0000000042", "bench-a1-42", "bench-a1-+000000042", "0000000042", ""] {
            assert_eq!(ids.number(id), None, "{id}");
        }
    }
}
