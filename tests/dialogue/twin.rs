//! The twin: payments as they were told, and every value by a scan over all of them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use weir::decision::{Outcome, Value};

const MINUTE_US: i64 = 60_000_000;
const HOUR_US: i64 = 60 * MINUTE_US;
const EXPIRES_US: i64 = 5 * MINUTE_US;

#[derive(Clone, Copy, Debug)]
pub struct Mode {
    pub feedback: &'static str,
    pub pending_us: Option<i64>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    Decided {
        outcome: Outcome,
        met: bool,
        alert: bool,
        /// When the dialogue expires, and how many attempts are left.
        left: Option<(i64, u32)>,
        used_up: bool,
        /// In the order of the features' names.
        values: Vec<Value>,
    },
    Repeated(Outcome),
    Taken,
    /// It was taken, and a payment was executed that was answered so.
    Alert(&'static str),
    AlertedBefore(&'static str),
    TakenBefore,
    Refused(&'static str),
}

#[derive(Clone, Debug)]
pub struct Tx {
    pub id: String,
    pub account: String,
    pub device: String,
    pub payee: String,
    pub amount: i64,
    pub time_us: i64,
    pub presented: Vec<&'static str>,
}

pub struct Auth {
    pub of: String,
    pub attempt: Option<String>,
    /// It names another step-up, payee or amount.
    pub other: bool,
    /// All that an attempt says.
    pub said: String,
    pub presented: Vec<&'static str>,
    pub device: Option<String>,
    pub time_us: i64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Allowed,
    Blocked,
    Open,
    /// Allowed by an answer, at this time.
    Answered(i64),
    Lapsed,
}

struct Payment {
    tx: Tx,
    state: State,
    presented: BTreeSet<&'static str>,
    required: BTreeSet<&'static str>,
    expires_us: i64,
    attempts_left: u32,
    attempts: HashMap<String, (String, Outcome)>,
    executed_us: Option<i64>,
    failed: bool,
    /// When it is pending no more, for want of a report.
    await_us: Option<i64>,
    lapsed: bool,
    /// Where it stands, and where it does as executed.
    at: u64,
    executed_at: u64,
    /// Whether it was executed before, and whether that empties what counts since a strong answer.
    executed: bool,
    strong: bool,
    /// Whether the customer was asked.
    stepped_up: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Counts {
    Asked,
    Allowed,
    Executed,
    Pending,
}

impl Payment {
    fn counts_at(&self, counts: Counts, feedback: &str) -> Option<i64> {
        let own_us = self.tx.time_us;
        let allowed_us = match self.state {
            _ if self.failed => None,
            State::Allowed => Some(own_us),
            State::Answered(at_us) => Some(at_us.max(own_us)),
            State::Blocked | State::Open | State::Lapsed => None,
        };
        let reported_us = self.executed_us.map(|at_us| at_us.max(own_us));
        let assumed_us = if feedback == "execution" { None } else { allowed_us };
        // What was executed moved, whatever was answered.
        let executed_us = reported_us.or(assumed_us);
        // Who reports nothing may have let through what nobody answered.
        let waits = match self.state {
            State::Open => true,
            State::Lapsed => feedback == "none",
            _ => allowed_us.is_some(),
        };
        match counts {
            Counts::Asked => Some(own_us),
            Counts::Allowed => allowed_us.map(|_| own_us),
            Counts::Executed => executed_us,
            Counts::Pending => executed_us.or((waits && !self.failed && !self.lapsed).then_some(own_us)),
        }
    }
}

pub struct Twin {
    mode: Mode,
    now_us: i64,
    payments: Vec<Payment>,
    listed: HashSet<String>,
    said: HashMap<String, Said>,
    /// How many things happened; between two there is room.
    moments: u64,
    /// Until where an account was emptied.
    emptied: HashMap<String, u64>,
}

fn met(name: &str, presented: &BTreeSet<&'static str>) -> bool {
    let has = |word| presented.contains(word);
    match name {
        "strong" => has("soft") && has("bio"),
        "weak" => has("pin") || has("sms") || met("strong", presented),
        _ => has("bio") || has("fido"),
    }
}

fn whole(value: Option<i64>) -> Value {
    value.map_or(Value::Null, Value::Whole)
}

struct Looked {
    outcome: Outcome,
    alert: bool,
    required: BTreeSet<&'static str>,
    values: Vec<Value>,
}

impl Twin {
    pub fn new(mode: Mode) -> Self {
        Self {
            mode,
            now_us: i64::MIN,
            payments: Vec::new(),
            listed: HashSet::new(),
            said: HashMap::new(),
            moments: 0,
            emptied: HashMap::new(),
        }
    }

    /// The payment so many before the newest.
    pub fn newest(&self, of: usize) -> Option<String> {
        self.payments.iter().rev().nth(of).map(|payment| payment.tx.id.clone())
    }

    fn find(&self, id: &str) -> Option<usize> {
        self.payments.iter().position(|payment| payment.tx.id == id)
    }

    fn advance(&mut self, time_us: i64) {
        self.now_us = self.now_us.max(time_us);
        self.moments += 10;
    }

    /// Whether what a payment presented, and what it is, empties its account once it is executed.
    fn empties(&self, tx: &Tx, presented: &BTreeSet<&'static str>) -> bool {
        met("strong", presented) && tx.payee != "p2" && !self.listed.contains(&tx.payee)
    }

    /// A payment may be executed since: it stands here as that, and empties just behind.
    fn execute_since(&mut self, at: usize, before_us: Option<i64>, here: u64) {
        let (mode, payment) = (self.mode, &mut self.payments[at]);
        let Some(executed_us) = payment.counts_at(Counts::Executed, mode.feedback) else { return };
        let answered = matches!(payment.state, State::Answered(_));
        if (answered || payment.executed_us.is_some()) && before_us != Some(executed_us) {
            payment.executed_at = here;
        }
        let allowed = payment.counts_at(Counts::Allowed, mode.feedback).is_some();
        if allowed && !(payment.executed || answered && mode.feedback == "none") {
            payment.executed = true;
            if payment.strong {
                self.emptied.insert(payment.tx.account.clone(), here + 1);
            }
        }
    }

    fn lapse(&mut self) {
        for payment in &mut self.payments {
            if payment.state == State::Open && payment.expires_us <= self.now_us {
                payment.state = State::Lapsed;
            }
            if payment.await_us.is_some_and(|await_us| await_us <= self.now_us) {
                payment.await_us = None;
                payment.lapsed = payment.executed_us.is_none() && !payment.failed;
            }
        }
    }

    pub fn note(&mut self, id: &str, said: &Said) {
        self.said.insert(id.to_owned(), said.clone());
    }

    pub fn again(&self, id: &str) -> Said {
        match &self.said[id] {
            Said::Decided { outcome, .. } => Said::Repeated(*outcome),
            Said::Alert(answered) => Said::AlertedBefore(answered),
            _ => Said::TakenBefore,
        }
    }

    pub fn pass(&mut self, time_us: i64) -> Said {
        self.advance(time_us);
        self.lapse();
        Said::Taken
    }

    pub fn list(&mut self, payee: &str, put: bool, time_us: i64) -> Said {
        self.pass(time_us);
        if put {
            self.listed.insert(payee.to_owned());
        } else {
            self.listed.remove(payee);
        }
        Said::Taken
    }

    pub fn execute(&mut self, of: &str, succeeded: bool, time_us: i64) -> Said {
        self.advance(time_us);
        let at = self.find(of).unwrap();
        let before_us = self.payments[at].counts_at(Counts::Executed, self.mode.feedback);
        self.payments[at].failed = !succeeded;
        self.payments[at].executed_us = succeeded.then_some(time_us);
        self.execute_since(at, before_us, self.moments);
        self.lapse();
        match self.payments[at].state {
            State::Open if succeeded => Said::Alert("waiting"),
            State::Blocked if succeeded && !self.payments[at].stepped_up => Said::Alert("blocked"),
            State::Blocked | State::Lapsed if succeeded => Said::Alert("refused"),
            _ => Said::Taken,
        }
    }

    fn await_report(&self) -> Option<i64> {
        (self.mode.feedback == "execution").then_some(self.now_us + self.mode.pending_us?)
    }

    pub fn pay(&mut self, tx: Tx) -> Said {
        self.pass(tx.time_us);
        let presented: BTreeSet<&'static str> = tx.presented.iter().copied().collect();
        let looked = self.look(&tx, None, &presented, tx.time_us);
        let is_met =
            looked.outcome == Outcome::StepUp && looked.required.iter().all(|name| met(name, &presented));
        let outcome = if is_met { Outcome::Allow } else { looked.outcome };
        let state = match outcome {
            Outcome::Allow => State::Allowed,
            Outcome::StepUp => State::Open,
            Outcome::Block => State::Blocked,
        };
        let expires_us = self.now_us + EXPIRES_US;
        let strong = self.empties(&tx, &presented);
        let left = (state == State::Open).then_some((expires_us, 3));
        self.payments.push(Payment {
            tx,
            state,
            presented,
            required: looked.required,
            expires_us,
            attempts_left: 3,
            attempts: HashMap::new(),
            executed_us: None,
            failed: false,
            await_us: self.await_report().filter(|_| state == State::Allowed),
            lapsed: false,
            at: self.moments + 5,
            executed_at: self.moments + 5,
            executed: false,
            strong,
            stepped_up: state == State::Open,
        });
        self.execute_since(self.payments.len() - 1, None, self.moments + 5);
        Said::Decided {
            outcome,
            met: is_met,
            alert: looked.alert,
            left,
            used_up: false,
            values: looked.values,
        }
    }

    pub fn answer(&mut self, auth: &Auth) -> Said {
        let now_us = self.now_us.max(auth.time_us);
        let Some(at) = self.find(&auth.of) else { return Said::Refused("unknown_transaction") };
        let payment = &self.payments[at];
        if let Some((said, outcome)) = auth.attempt.as_ref().and_then(|made| payment.attempts.get(made)) {
            return if *said == auth.said {
                Said::Repeated(*outcome)
            } else {
                Said::Refused("attempt_reused")
            };
        }
        let open = payment.state == State::Open;
        if payment.state == State::Lapsed || open && payment.expires_us <= now_us {
            return Said::Refused("step_up_expired");
        }
        if open && auth.other {
            return Said::Refused("other_transaction");
        }
        self.pass(auth.time_us);
        if !open {
            return Said::Taken;
        }
        let payment = &mut self.payments[at];
        payment.attempts_left -= 1;
        payment.presented.extend(&auth.presented);
        let (tx, presented) = (payment.tx.clone(), payment.presented.clone());
        let mut looked = self.look(&tx, Some(at), &presented, self.now_us);
        // Answered from elsewhere, it must do as it came and as it would have come from there.
        let elsewhere = auth.device.clone().filter(|device| *device != tx.device);
        if let Some(device) = elsewhere.filter(|_| looked.outcome != Outcome::Block) {
            let from_there = self.look(&Tx { device, ..tx.clone() }, Some(at), &presented, self.now_us);
            let required = from_there.required.union(&looked.required).copied().collect();
            looked = Looked { required, alert: looked.alert || from_there.alert, ..from_there };
        }
        let await_us = self.await_report();
        let payment = &mut self.payments[at];
        let mut outcome = looked.outcome;
        let (mut is_met, mut left, mut used_up) = (false, None, false);
        if outcome != Outcome::Block {
            payment.required.extend(looked.required);
            is_met = payment.required.iter().all(|name| met(name, &presented));
            used_up = !is_met && payment.attempts_left == 0;
            outcome = match (is_met, used_up) {
                (true, _) => Outcome::Allow,
                (_, true) => Outcome::Block,
                _ => Outcome::StepUp,
            };
        }
        let strong = self.empties(&tx, &presented);
        let before_us = self.payments[at].counts_at(Counts::Executed, self.mode.feedback);
        let payment = &mut self.payments[at];
        payment.strong = strong;
        match outcome {
            Outcome::Allow => {
                payment.state = State::Answered(auth.time_us);
                payment.await_us = await_us;
            }
            Outcome::Block => payment.state = State::Blocked,
            Outcome::StepUp => left = Some((payment.expires_us, payment.attempts_left)),
        }
        if let Some(made) = &auth.attempt {
            payment.attempts.insert(made.clone(), (auth.said.clone(), outcome));
        }
        self.execute_since(at, before_us, self.moments + 5);
        Said::Decided { outcome, met: is_met, alert: looked.alert, left, used_up, values: looked.values }
    }

    /// What the rules say of a payment that asks at `at_us`, all others being as they are now.
    fn look(&self, tx: &Tx, own: Option<usize>, presented: &BTreeSet<&'static str>, at_us: i64) -> Looked {
        let now_us = self.now_us;
        let day_us = now_us.div_euclid(24 * HOUR_US) * 24 * HOUR_US;
        let others = || self.payments.iter().enumerate().filter(|(at, _)| Some(*at) != own);
        // Time at which it counts, order of arrival, amount, payee.
        type Row<'a> = (i64, usize, i64, &'a str);
        let rows = |counts: Counts, device: bool, from_us: i64, to_us: i64| -> Vec<Row<'_>> {
            let mut rows: Vec<Row<'_>> = others()
                .filter(|(_, payment)| payment.tx.account == tx.account)
                .filter(|(_, payment)| !device || payment.tx.device == tx.device)
                .filter_map(|(at, payment)| {
                    let time_us = payment.counts_at(counts, self.mode.feedback)?;
                    Some((time_us, at, payment.tx.amount, payment.tx.payee.as_str()))
                })
                .filter(|&(time_us, ..)| time_us > from_us && time_us <= to_us)
                .collect();
            rows.sort();
            rows
        };
        let sum = |rows: &[Row<'_>]| rows.iter().map(|row| row.2).sum::<i64>();
        let counted = |from_us: i64| if at_us > from_us { 1 } else { 0 };
        let (hour_us, minutes_us, always_us) = (now_us - HOUR_US, now_us - 10 * MINUTE_US, i64::MIN);
        let asked = |from_us: i64| rows(Counts::Asked, false, from_us, now_us);
        let mut values: BTreeMap<&str, Value> = BTreeMap::new();
        let mut put = |name, value| values.insert(name, value);
        put("asked_sum", Value::Whole(sum(&asked(hour_us)) + counted(hour_us) * tx.amount));
        let asked_day = asked(day_us - 1).len() as i64 + counted(day_us - 1);
        put("asked_day", Value::Whole(asked_day));
        put("asked_least", whole(asked(minutes_us).iter().map(|row| row.2).min()));
        put("asked_most", whole(asked(day_us - 1).iter().map(|row| row.2).max()));
        put("asked_first", whole(asked(always_us).first().map(|row| row.2)));
        put("asked_last", whole(asked(hour_us).last().map(|row| row.2)));
        let before = rows(Counts::Asked, false, minutes_us - 2 * MINUTE_US, now_us - 2 * MINUTE_US);
        put("asked_before", Value::Whole(sum(&before)));
        let mut payees: BTreeSet<&str> = asked(minutes_us).iter().map(|row| row.3).collect();
        if counted(minutes_us) == 1 {
            payees.insert(&tx.payee);
        }
        put("asked_payees", Value::Whole(payees.len() as i64));
        put("asked_since", whole(asked(always_us).last().map(|row| now_us - row.0)));
        put("asked_new", Value::Boolean(rows(Counts::Asked, true, always_us, now_us).is_empty()));
        let known = rows(Counts::Allowed, true, always_us, now_us).len() as i64;
        put("known_device", Value::Whole(known));
        let allowed = rows(Counts::Allowed, false, hour_us, now_us).len() as i64;
        put("allowed_1h", Value::Whole(allowed + counted(hour_us)));
        put("executed_1h", Value::Whole(sum(&rows(Counts::Executed, false, hour_us, now_us))));
        let pending = rows(Counts::Pending, false, hour_us, now_us);
        let pending_sum = sum(&pending) + counted(hour_us) * tx.amount;
        put("pending_1h", Value::Whole(pending_sum));
        let most = pending.iter().map(|row| row.2).max();
        put("pending_most", whole(most));
        // A gateway that reports nothing, or may do so at any time, leaves a payment pending in the day that it is of.
        let ends = match self.mode.feedback {
            "none" => false,
            "authentication" => true,
            _ => self.mode.pending_us.is_some(),
        };
        let today = |payment: &Payment| -> Option<i64> {
            let time_us = payment.counts_at(Counts::Pending, self.mode.feedback)?;
            let executed = payment.counts_at(Counts::Executed, self.mode.feedback).is_some();
            let today = (day_us..=now_us).contains(&time_us) || ends && !executed;
            today.then_some(payment.tx.amount)
        };
        let of_account = || others().map(|(_, payment)| payment).filter(|p| p.tx.account == tx.account);
        let own_day = at_us >= day_us || ends && self.mode.feedback == "execution";
        let own_day = if own_day { tx.amount } else { 0 };
        put("pending_day", Value::Whole(of_account().filter_map(today).sum::<i64>() + own_day));
        let emptied = self.emptied.get(&tx.account).copied().unwrap_or(0);
        let since = |counts: Counts, from_us: i64| -> Vec<i64> {
            let since = others().filter(|(_, payment)| payment.tx.account == tx.account);
            since
                .filter_map(|(_, payment)| {
                    let time_us = payment.counts_at(counts, self.mode.feedback)?;
                    let executed = payment.counts_at(Counts::Executed, self.mode.feedback).is_some();
                    let as_executed = counts == Counts::Pending && executed;
                    let at = if as_executed { payment.executed_at } else { payment.at };
                    let within = time_us > from_us && time_us <= now_us && at >= emptied;
                    within.then_some(payment.tx.amount)
                })
                .collect()
        };
        let small = since(Counts::Pending, hour_us).into_iter().filter(|amount| *amount <= 60).sum();
        put("since_strong", Value::Whole(small));
        let stands_at = |payment: &Payment| {
            let executed = payment.counts_at(Counts::Executed, self.mode.feedback).is_some();
            if executed { payment.executed_at } else { payment.at }
        };
        let since_strong = of_account().filter(|payment| stands_at(payment) >= emptied);
        let small = since_strong.filter_map(today).filter(|amount| *amount <= 60).sum();
        put("strong_day", Value::Whole(small));
        put("strong_asked", Value::Whole(since(Counts::Asked, day_us - 1).len() as i64));
        let mut required = BTreeSet::new();
        if pending_sum > 200 {
            required.insert("strong");
        }
        if known == 0 {
            required.insert("weak");
        }
        if most.is_some_and(|most| tx.amount > most) {
            required.insert("face");
        }
        let outcome = match () {
            () if self.listed.contains(&tx.payee) || asked_day > 25 => Outcome::Block,
            () if required.is_empty() => Outcome::Allow,
            () => Outcome::StepUp,
        };
        let alert = met("weak", presented) && tx.amount > 50;
        Looked { outcome, alert, required, values: values.into_values().collect() }
    }
}
