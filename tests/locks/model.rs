//! The model: payments as they were told, and a map of what each key of each lock has failed.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use weir::decision::Outcome;

pub const METHODS: [&str; 3] = ["bio", "chip", "otp"];
const EXPIRES_US: i64 = 300_000_000;

#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    Decided { outcome: Outcome, met: bool, alert: bool, locked: Vec<String> },
    Repeated(Outcome, Vec<String>),
    Taken,
    TakenBefore,
    Refused(&'static str),
}

#[derive(Clone, Debug)]
pub struct Tx {
    pub id: String,
    pub tenant: String,
    /// It need not say.
    pub customer: Option<String>,
    pub account: String,
    pub amount: i64,
    pub presented: Vec<&'static str>,
}

pub struct Auth {
    pub of: String,
    pub customer: Option<String>,
    pub attempt: Option<String>,
    pub methods: Vec<&'static str>,
    pub succeeded: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Open,
    Over,
    Lapsed,
}

struct Payment {
    tx: Tx,
    state: State,
    expires_us: i64,
    left: u32,
    presented: BTreeSet<&'static str>,
    attempts: HashMap<String, (String, Said)>,
    reported: HashSet<String>,
}

/// Lock, tenant, text.
type Key = (&'static str, String, String);
type Methods = BTreeSet<&'static str>;

pub struct Model {
    most: usize,
    now_us: i64,
    payments: Vec<Payment>,
    failures: BTreeMap<Key, (u32, bool)>,
    said: HashMap<String, Said>,
}

fn locks() -> [(&'static str, Methods, u32); 2] {
    [("biometric", Methods::from(["bio", "chip"]), 3), ("token", Methods::from(["otp"]), 2)]
}

fn required(amount: i64) -> Vec<Methods> {
    match amount {
        31..=60 => vec![Methods::from(["bio", "chip"])],
        61..=80 => vec![Methods::from(METHODS)],
        81.. => vec![Methods::from(["bio"]), Methods::from(["otp"])],
        _ => Vec::new(),
    }
}

fn conclude(amount: i64, usable: &Methods, locked: &BTreeSet<&'static str>) -> Said {
    let away: Methods =
        locks().into_iter().filter(|lock| locked.contains(lock.0)).flat_map(|lock| lock.1).collect();
    let sets = required(amount);
    let alert = usable.contains("bio") || usable.contains("chip");
    let blocked: Methods = sets.iter().filter(|set| set.is_subset(&away)).flatten().copied().collect();
    let named = locks().into_iter().filter(|lock| locked.contains(lock.0) && !lock.1.is_disjoint(&blocked));
    let named: Vec<String> = named.map(|lock| lock.0.to_owned()).collect();
    let met = !sets.is_empty() && named.is_empty() && sets.iter().all(|set| !set.is_disjoint(usable));
    let outcome = match () {
        () if !named.is_empty() => Outcome::Block,
        () if met || sets.is_empty() => Outcome::Allow,
        () => Outcome::StepUp,
    };
    Said::Decided { outcome, met, alert, locked: named }
}

fn without(methods: &Methods, locked: &BTreeSet<&'static str>) -> Methods {
    let is_away = |word: &&str| locks().iter().any(|lock| locked.contains(lock.0) && lock.1.contains(word));
    methods.iter().filter(|word| !is_away(word)).copied().collect()
}

impl Model {
    pub fn new(most: usize) -> Self {
        let (payments, failures, said) = (Vec::new(), BTreeMap::new(), HashMap::new());
        Self { most, now_us: i64::MIN, payments, failures, said }
    }

    /// Id and tenant of the payment so many before the newest.
    pub fn newest(&self, of: usize) -> Option<(String, String)> {
        self.payments.iter().rev().nth(of).map(|payment| (payment.tx.id.clone(), payment.tx.tenant.clone()))
    }

    pub fn note(&mut self, id: &str, said: &Said) {
        self.said.insert(id.to_owned(), said.clone());
    }

    pub fn again(&self, id: &str) -> Said {
        match &self.said[id] {
            Said::Decided { outcome, locked, .. } => Said::Repeated(*outcome, locked.clone()),
            _ => Said::TakenBefore,
        }
    }

    pub fn pass(&mut self, time_us: i64) -> Said {
        self.now_us = self.now_us.max(time_us);
        for payment in &mut self.payments {
            if payment.state == State::Open && payment.expires_us <= self.now_us {
                payment.state = State::Lapsed;
            }
        }
        Said::Taken
    }

    pub fn open(&mut self, lock: &'static str, tenant: &str, text: &str) {
        self.failures.remove(&(lock, tenant.to_owned(), text.to_owned()));
    }

    fn is_locked(&self, key: &Key) -> bool {
        self.failures.get(key).is_some_and(|held| held.1)
    }

    pub fn pay(&mut self, tx: Tx, time_us: i64) -> Said {
        self.pass(time_us);
        let texts = [("biometric", tx.customer.clone()), ("token", Some(tx.account.clone()))];
        // Of whom nothing is known, everything is.
        let is_held = |lock, text: Option<String>| {
            text.is_none_or(|text| self.is_locked(&(lock, tx.tenant.clone(), text)))
        };
        let locked: BTreeSet<&'static str> = texts
            .into_iter()
            .filter(|(lock, text)| is_held(lock, text.clone()))
            .map(|(lock, _)| lock)
            .collect();
        let presented = without(&tx.presented.iter().copied().collect(), &locked);
        let said = conclude(tx.amount, &presented, &locked);
        let open = matches!(said, Said::Decided { outcome: Outcome::StepUp, .. });
        self.payments.push(Payment {
            tx,
            state: if open { State::Open } else { State::Over },
            expires_us: self.now_us + EXPIRES_US,
            left: 4,
            presented,
            attempts: HashMap::new(),
            reported: HashSet::new(),
        });
        said
    }

    pub fn answer(&mut self, auth: &Auth, time_us: i64) -> Said {
        let now_us = self.now_us.max(time_us);
        let at = self.payments.iter().position(|payment| payment.tx.id == auth.of).unwrap();
        let content = format!("{:?} {}", auth.methods, auth.succeeded);
        let payment = &self.payments[at];
        if let Some((held, said)) = auth.attempt.as_ref().and_then(|made| payment.attempts.get(made)) {
            let Said::Decided { outcome, locked, .. } = said else { panic!("{said:?}") };
            return match *held == content {
                true => Said::Repeated(*outcome, locked.clone()),
                false => Said::Refused("attempt_reused"),
            };
        }
        let open = payment.state == State::Open;
        if payment.state == State::Lapsed || open && payment.expires_us <= now_us {
            return Said::Refused("step_up_expired");
        }
        let another = payment.tx.customer.as_ref().zip(auth.customer.as_ref());
        if open && another.is_some_and(|(own, named)| own != named) {
            return Said::Refused("other_transaction");
        }
        self.pass(time_us);
        let payment = &mut self.payments[at];
        let (tenant, tx) = (payment.tx.tenant.clone(), payment.tx.clone());
        // A failure that does not say of what is one of everything.
        let unsaid = auth.methods.is_empty() && !auth.succeeded;
        let touches = unsaid || !auth.methods.is_empty();
        let counts = match &auth.attempt {
            Some(made) if !open && touches => payment.reported.insert(made.clone()),
            _ => true,
        };
        let mut locked = BTreeSet::new();
        for (lock, methods, most) in locks() {
            let of_payment = if lock == "biometric" { tx.customer.clone() } else { Some(tx.account.clone()) };
            let named = auth.customer.clone().filter(|_| lock == "biometric");
            if of_payment.is_none() {
                locked.insert(lock);
            }
            // A failure is the payer's, whoever is named.
            let Some(text) = of_payment.or(named.clone()) else { continue };
            let key = (lock, tenant.clone(), text);
            let presents = unsaid || auth.methods.iter().any(|word| methods.contains(word));
            if counts && presents && !self.is_locked(&key) {
                let held = self.failures.get(&key).map_or(0, |held| held.0);
                if auth.succeeded {
                    self.failures.remove(&key);
                } else if held > 0 || self.failures.len() < self.most {
                    self.failures.insert(key.clone(), (held + 1, held + 1 == most));
                } else {
                    locked.insert(lock);
                }
            }
            let named = named.map(|text| (lock, tenant.clone(), text));
            if self.is_locked(&key) || named.is_some_and(|named| self.is_locked(&named)) {
                locked.insert(lock);
            }
        }
        if !open {
            return Said::Taken;
        }
        let payment = &mut self.payments[at];
        payment.left -= 1;
        if auth.succeeded {
            payment.presented.extend(without(&auth.methods.iter().copied().collect(), &locked));
        }
        let mut said = conclude(tx.amount, &without(&payment.presented, &locked), &locked);
        if let Said::Decided { outcome, .. } = &mut said {
            if *outcome == Outcome::StepUp && payment.left == 0 {
                *outcome = Outcome::Block;
            }
            if *outcome != Outcome::StepUp {
                payment.state = State::Over;
            }
        }
        if let Some(made) = &auth.attempt {
            payment.attempts.insert(made.clone(), (content, said.clone()));
        }
        said
    }
}
