//! What is sent: payments made before the run.
//!
//! Promises that no id of a run was in another run, so that no payment is a repeat, that each says the time at which it is
//! meant to be sent, and that generated ones come again as those of others, so that nobody pays more often than was generated.
//! Writing one allocates nothing.

use serde_json::{Map, Value};

use crate::event::{Event, Kind};
use crate::generate::{FraudShares, Generator, Settings, SettingsError};
use crate::io::write_event;

/// Digits of a payment's number in its id.
const NUMBER_DIGITS: usize = 10;
/// Digits of microseconds since 1970, until the year 2286.
const TIME_DIGITS: usize = 16;
/// Digits that say whose turn it is.
const ROUND_DIGITS: usize = 4;
/// The fields that say who pays whom from where: others in each round. Merchants and institutions are the same for all.
const WHO: [&str; 6] = ["account", "customer", "device", "linked_account", "payee", "session"];

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
    rests: Vec<Rest>,
    /// Whether they are those of others when they come again.
    of_others: bool,
}

/// What follows an id and a time, as JSON.
#[derive(Clone, Debug)]
struct Rest {
    text: Box<[u8]>,
    /// Where the texts that say who it is end.
    who_ends: Box<[usize]>,
}

impl Payments {
    /// None yet; those that are added come again as they are.
    pub fn new(ids: Ids) -> Self {
        Self { ids, rests: Vec::new(), of_others: false }
    }

    /// Those of a generated stream, four events for each of so many accounts; then the same of as many others.
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
        let mut payments = Self { of_others: true, ..Self::new(ids) };
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
        let (mut text, mut who_ends) = (String::new(), Vec::new());
        for (name, value) in fields {
            text.push_str(&format!(",\"{name}\":{value}"));
            if value.is_string() && WHO.contains(&name.as_str()) {
                who_ends.push(text.len() - 1);
            }
        }
        text.push('}');
        self.rests.push(Rest { text: text.into_bytes().into(), who_ends: who_ends.into() });
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
        let many = self.rests.len().max(1) as u64;
        let (round, turn) = (number / many, number % many);
        let Some(Rest { text, who_ends }) = self.rests.get(turn as usize) else { return out.push(b'}') };
        let mut from = 0;
        if self.of_others && round > 0 {
            for &end in who_ends {
                out.extend_from_slice(&text[from..end]);
                out.push(b'-');
                digits::<ROUND_DIGITS>(round, out);
                from = end;
            }
        }
        out.extend_from_slice(&text[from..]);
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
    fn generated_payments_come_again_as_those_of_others() {
        let generated = Payments::generated(Ids::new("a1"), 1, 100).unwrap();
        let fields = |number: u64| -> Map<String, Value> {
            let mut line = Vec::new();
            generated.write(number, 1_795_341_600_000_000, &mut line);
            serde_json::from_slice(&line).unwrap()
        };
        let many = generated.len() as u64;
        for turn in 0..many {
            let (first, second, third) = (fields(turn), fields(many + turn), fields(2 * many + turn));
            for (name, value) in &first {
                match WHO.contains(&name.as_str()) {
                    true => {
                        let of = |round| Value::from(format!("{}-000{round}", value.as_str().unwrap()));
                        assert_eq!((&second[name], &third[name]), (&of(1), &of(2)));
                    }
                    false => assert!(name == "id" || second[name] == *value, "{name}"),
                }
            }
            assert!(first.contains_key("account") && first.len() == second.len());
        }
        // A file's are its own.
        let mut given = Payments::new(Ids::new("a1"));
        given.rests.extend(generated.rests.first().cloned());
        let written = |number| {
            let mut line = Vec::new();
            given.write(number, 1_795_341_600_000_000, &mut line);
            String::from_utf8(line).unwrap()
        };
        assert_eq!(written(1).replace("0000000001", "0000000000"), written(0));
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
