//! An evaluation by its definitions: all payments are kept, and each figure looks at all of them again.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use weir::backtest::evaluate::Settings;
use weir::backtest::report::{
    CardPrecision, Day, Detection, Estimate, Evaluation, Figures, Group, Named, Overlap, RuleFigures,
    ScorePoint, Scores,
};
use weir::decision::Outcome;
use weir::rules::{Action, Label, Mode, RuleSet};

use super::payments::Payment;

/// What becomes of a payment where it is flagged, and what would have without the reason.
type Flags<'a> = &'a dyn Fn(&Payment) -> Option<[Outcome; 2]>;

/// The value of a field.
type Field<'a> = &'a dyn Fn(&Payment) -> Option<String>;

/// How often an account counts: once, or as often as a replicate drew it.
type Times<'a> = &'a dyn Fn(&Payment) -> f64;

pub fn evaluate(payments: &[Payment], rules: &RuleSet, settings: &Settings, zone: &str) -> Evaluation {
    let twin = Twin { payments, rules, settings, zone: TimeZone::get(zone).unwrap() };
    let named = |name: &str, flags: Flags<'_>| Named {
        name: name.to_owned(),
        payments: None,
        figures: twin.figures(flags),
    };
    let by_law = |p: &Payment, outcome| (twin.law(p) == outcome).then_some([outcome, Outcome::Allow]);
    let by_risk = |p: &Payment, outcome| {
        (p.outcome == outcome && twin.law(p) < outcome).then_some([outcome, twin.law(p)])
    };
    Evaluation {
        overall: twin.figures(&|p| flagged(p).then_some(own(p))),
        outcomes: vec![
            named("step_up", &|p| (p.outcome == Outcome::StepUp).then_some(own(p))),
            named("block", &|p| (p.outcome == Outcome::Block).then_some(own(p))),
            named("alert", &|p| p.alert.then_some(own(p))),
        ],
        reasons: vec![
            named("law_step_up", &|p| by_law(p, Outcome::StepUp)),
            named("law_block", &|p| by_law(p, Outcome::Block)),
            named("risk_step_up", &|p| by_risk(p, Outcome::StepUp)),
            named("risk_block", &|p| by_risk(p, Outcome::Block)),
        ],
        rules: (0..rules.rules.len() as u16).map(|at| twin.rule(at)).collect(),
        overlap: twin.overlap(),
        groups: twin.groups(),
        scores: twin.scores(),
        detection: twin.detection(),
        timeline: twin.timeline(),
        examples: Vec::new(),
    }
}

struct Twin<'a> {
    payments: &'a [Payment],
    rules: &'a RuleSet,
    settings: &'a Settings,
    zone: TimeZone,
}

fn stopped(payment: &Payment) -> bool {
    payment.outcome != Outcome::Allow
}

fn flagged(payment: &Payment) -> bool {
    stopped(payment) || payment.alert
}

fn own(payment: &Payment) -> [Outcome; 2] {
    [payment.outcome, Outcome::Allow]
}

/// An account is its tenant's own.
type Account<'a> = (Option<&'a str>, &'a str);

fn account(payment: &Payment) -> Account<'_> {
    (payment.tenant.as_deref(), &payment.account)
}

fn is_fraud(payment: &&Payment) -> bool {
    payment.label == Some(Label::Fraud)
}

fn is_genuine(payment: &&Payment) -> bool {
    payment.label == Some(Label::Genuine)
}

fn weight(payment: &Payment) -> f64 {
    if payment.weight > 0.0 && payment.weight < f64::INFINITY { payment.weight } else { 1.0 }
}

fn value(payment: &Payment) -> f64 {
    payment.amount_minor as f64 * weight(payment)
}

fn ratio(of: f64, all: f64) -> Option<f64> {
    if all == 0.0 { None } else { Some(of / all) }
}

/// The smallest value that so many in a thousand don't exceed.
fn nearest_rank<T: Copy>(sorted: &[T], per_mille: usize) -> Option<T> {
    (1..=sorted.len()).find(|rank| rank * 1_000 >= sorted.len() * per_mille).map(|rank| sorted[rank - 1])
}

impl Twin<'_> {
    /// What the law alone makes of a payment: no more than what became of it.
    fn law(&self, payment: &Payment) -> Outcome {
        payment.law.min(payment.outcome)
    }

    fn pass(&self, payment: &Payment) -> f64 {
        if is_genuine(&payment) {
            return self.settings.pass.genuine;
        }
        let of_kind = payment.kind.as_ref().and_then(|kind| self.settings.pass.by_kind.get(kind));
        *of_kind.unwrap_or(&self.settings.pass.fraud)
    }

    fn held_back(&self, payment: &Payment, [outcome, without]: [Outcome; 2]) -> f64 {
        let under = |outcome| match outcome {
            Outcome::Allow => 0.0,
            Outcome::StepUp => value(payment) * (1.0 - self.pass(payment)),
            Outcome::Block => value(payment),
        };
        under(outcome) - under(without)
    }

    fn sum(&self, which: impl Fn(&&Payment) -> bool, of: impl Fn(&Payment) -> f64) -> f64 {
        self.payments.iter().filter(which).map(of).sum()
    }

    fn shares(
        &self,
        flags: Flags<'_>,
        among: &dyn Fn(&Payment) -> bool,
        times: Times<'_>,
    ) -> [Option<f64>; 4] {
        let weighed = |p: &Payment| weight(p) * times(p);
        let within = |p: &&Payment| among(p);
        let here = |p: &&Payment| among(p) && flags(p).is_some();
        let frauds = self.sum(|p| is_fraud(p) && here(p), weighed);
        let genuine = self.sum(|p| is_genuine(p) && here(p), weighed);
        let caught =
            self.sum(|p| is_fraud(p) && here(p), |p| self.held_back(p, flags(p).unwrap()) * times(p));
        [
            ratio(frauds, frauds + genuine),
            ratio(frauds, self.sum(|p| is_fraud(p) && within(p), weighed)),
            ratio(genuine, self.sum(|p| is_genuine(p) && within(p), weighed)),
            ratio(caught, self.sum(|p| is_fraud(p) && within(p), |p| value(p) * times(p))),
        ]
    }

    fn figures(&self, flags: Flags<'_>) -> Figures {
        let all: &dyn Fn(&Payment) -> bool = &|_| true;
        let shares = self.estimates(&|times| self.shares(flags, all, times).to_vec());
        self.figures_among(flags, all, shares.try_into().unwrap())
    }

    fn figures_among(
        &self,
        flags: Flags<'_>,
        among: &dyn Fn(&Payment) -> bool,
        shares: [Option<Estimate>; 4],
    ) -> Figures {
        let here: Vec<&Payment> = self.payments.iter().filter(|p| among(p) && flags(p).is_some()).collect();
        let is_bothered = |p: &&Payment| is_genuine(p) && flags(p).unwrap()[0] != Outcome::Allow;
        let bothered: Vec<&Payment> = here.iter().copied().filter(is_bothered).collect();
        let unknown = here.iter().filter(|p| p.label.is_none()).count();
        let count = here.len();
        let sum = |which: fn(&&Payment) -> bool, of: &dyn Fn(&Payment) -> f64| -> f64 {
            here.iter().copied().filter(which).map(of).sum()
        };
        let [precision, recall, false_positive_rate, value_caught_share] = shares;
        Figures {
            flagged: count as u64,
            frauds: sum(is_fraud, &weight),
            genuine: sum(is_genuine, &weight),
            unknown: unknown as u64,
            coverage: ratio((count - unknown) as f64, count as f64),
            precision,
            recall,
            false_positive_rate,
            value_flagged_minor: sum(is_fraud, &value),
            value_caught_minor: sum(is_fraud, &|p| self.held_back(p, flags(p).unwrap())),
            value_caught_share,
            value_flagged_genuine_minor: sum(is_genuine, &value),
            value_bothered_minor: bothered.iter().map(|p| value(p)).sum(),
            value_lost_minor: bothered.iter().map(|p| self.held_back(p, flags(p).unwrap())).sum(),
            customers_bothered: bothered
                .iter()
                .map(|p| (&p.tenant, &p.customer))
                .collect::<BTreeSet<_>>()
                .len() as u64,
        }
    }

    /// Shares as measured, with the middle 95 % of the replicates that can say.
    fn estimates(&self, shares: &dyn Fn(Times<'_>) -> Vec<Option<f64>>) -> Vec<Option<Estimate>> {
        let measured = shares(&|_| 1.0);
        let mut accounts: Vec<Account<'_>> = Vec::new();
        for payment in self.payments {
            if !accounts.contains(&account(payment)) {
                accounts.push(account(payment));
            }
        }
        let mut replicates: Vec<Vec<f64>> = vec![Vec::new(); measured.len()];
        for replicate in 0..self.settings.replicates {
            let mut seed = [0_u8; 32];
            seed[..8].copy_from_slice(&self.settings.seed.to_le_bytes());
            seed[8..12].copy_from_slice(&replicate.to_le_bytes());
            let mut chance = ChaCha8Rng::from_seed(seed);
            let mut drawn: BTreeMap<Account<'_>, f64> = BTreeMap::new();
            for _ in &accounts {
                let place = (u128::from(chance.next_u64()) * accounts.len() as u128) >> 64;
                *drawn.entry(accounts[place as usize]).or_default() += 1.0;
            }
            let found = shares(&|p| drawn.get(&account(p)).copied().unwrap_or(0.0));
            for (values, share) in replicates.iter_mut().zip(found) {
                values.extend(share);
            }
        }
        let estimates = measured.into_iter().zip(replicates).map(|(value, mut replicates)| {
            replicates.sort_by(f64::total_cmp);
            let differ =
                replicates.first().zip(replicates.last()).is_some_and(|(first, last)| last - first >= 1e-12);
            let rank = |per_mille| nearest_rank(&replicates, per_mille).filter(|_| differ);
            value.map(|value| Estimate { value, low: rank(25), high: rank(975) })
        });
        estimates.collect()
    }

    /// Whether a rule counts as one that fired on a payment.
    fn fired(&self, payment: &Payment, at: u16) -> bool {
        match self.rules.rules[usize::from(at)].mode {
            Mode::Live => payment.fired.contains(&at),
            Mode::Shadow => payment.shadow.contains(&at),
            Mode::Off => false,
        }
    }

    fn rule(&self, at: u16) -> RuleFigures {
        let rule = &self.rules.rules[usize::from(at)];
        let demand = match rule.then {
            Some(Action::Outcome(outcome)) if rule.mode == Mode::Shadow => outcome,
            _ => Outcome::Allow,
        };
        let alone = |p: &&Payment| self.fired(p, at) && p.alone.contains(&at);
        RuleFigures {
            id: rule.id.clone(),
            tier: format!("{:?}", rule.tier).to_lowercase(),
            mode: format!("{:?}", rule.mode).to_lowercase(),
            then: match rule.then {
                None => String::new(),
                Some(Action::Alert) => "alert".to_owned(),
                Some(Action::Outcome(outcome)) => outcome.name().to_owned(),
            },
            score: rule.score,
            frauds_alone: self.sum(|p| is_fraud(p) && alone(p), weight),
            genuine_alone: self.sum(|p| is_genuine(p) && alone(p), weight),
            figures: self.figures(&|p| self.fired(p, at).then_some([p.outcome.max(demand), Outcome::Allow])),
        }
    }

    fn overlap(&self) -> Overlap {
        let rules = 0..self.rules.rules.len() as u16;
        let both = |one: u16, other: u16| {
            self.payments.iter().filter(move |p| self.fired(p, one) && self.fired(p, other))
        };
        let matrix = |count: &dyn Fn(u16, u16) -> usize| -> Vec<Vec<u64>> {
            rules.clone().map(|one| rules.clone().map(|other| count(one, other) as u64).collect()).collect()
        };
        Overlap {
            rules: self.rules.rules.iter().map(|rule| rule.id.clone()).collect(),
            payments: matrix(&|one, other| both(one, other).count()),
            frauds: matrix(&|one, other| both(one, other).filter(is_fraud).count()),
        }
    }

    fn groups(&self) -> Vec<Group> {
        let month = |p: &Payment| Some(self.local(p.time_us, "%Y-%m"));
        let of: [(&str, Field<'_>); 4] = [
            ("month", &month),
            ("portal", &|p| p.portal.clone()),
            ("provider", &|p| p.provider.clone()),
            ("payment_kind", &|p| p.payment_kind.clone()),
        ];
        of.into_iter().filter_map(|(by, of)| self.group(by, of)).collect()
    }

    fn group(&self, by: &str, of: Field<'_>) -> Option<Group> {
        let name_of = |p: &Payment| of(p).unwrap_or("(none)".to_owned());
        let mut names: Vec<String> = self.payments.iter().map(name_of).collect();
        let said = self.payments.iter().any(|p| of(p).is_some());
        names.sort();
        let mut counted: Vec<(usize, String)> = Vec::new();
        for name in names.chunk_by(|one, other| one == other) {
            counted.push((name.len(), name[0].clone()));
        }
        counted.sort_by(|(one, name), (other, next)| other.cmp(one).then(name.cmp(next)));
        let mut shown: Vec<String> = counted.iter().take(50).map(|(_, name)| name.clone()).collect();
        if by == "month" {
            shown.sort();
        }
        let among = |name: &str, is: &dyn Fn(&Payment) -> bool| {
            let flags: Flags<'_> = &|p| flagged(p).then_some(own(p));
            let bare = |value: Option<f64>| value.map(|value| Estimate { value, low: None, high: None });
            Named {
                name: name.to_owned(),
                payments: Some(self.payments.iter().filter(|p| is(p)).count() as u64),
                figures: self.figures_among(flags, is, self.shares(flags, is, &|_| 1.0).map(bare)),
            }
        };
        let mut values: Vec<Named> = shown.iter().map(|name| among(name, &|p| name_of(p) == *name)).collect();
        if counted.len() > 50 {
            values.push(among("(others)", &|p| !shown.contains(&name_of(p))));
        }
        said.then(|| Group { by: by.to_owned(), values })
    }

    fn local(&self, time_us: i64, pattern: &str) -> String {
        let time = Timestamp::from_microsecond(time_us).unwrap();
        time.to_zoned(self.zone.clone()).strftime(pattern).to_string()
    }

    fn scores(&self) -> Scores {
        let known: Vec<&Payment> = self.payments.iter().filter(|p| p.label.is_some()).collect();
        let mut thresholds: Vec<i64> = known.iter().map(|p| p.score).collect();
        thresholds.sort();
        thresholds.dedup();
        thresholds.reverse();
        let mut points: Vec<ScorePoint> = thresholds.iter().map(|&score| self.point(score)).collect();
        if points.len() > 1_000 {
            points = (0..1_000).map(|at| points[at * (points.len() - 1) / 999]).collect();
        }
        let areas =
            self.estimates(&|times| vec![self.roc_area(times), self.average_precision(&thresholds, times)]);
        Scores {
            points,
            roc_area: areas[0],
            average_precision: areas[1],
            card_precision: self.card_precision(&known),
        }
    }

    fn point(&self, score: i64) -> ScorePoint {
        let above = |p: &&Payment| p.score >= score;
        ScorePoint {
            score,
            frauds: self.sum(|p| is_fraud(p) && above(p), weight),
            genuine: self.sum(|p| is_genuine(p) && above(p), weight),
            fraud_value_minor: self.sum(|p| is_fraud(p) && above(p), value),
            genuine_value_minor: self.sum(|p| is_genuine(p) && above(p), value),
        }
    }

    /// The chance that a fraud has a higher score than a genuine payment, equal ones counting half: the same area.
    fn roc_area(&self, times: Times<'_>) -> Option<f64> {
        let mut higher = 0.0;
        let mut pairs = 0.0;
        for fraud in self.payments.iter().filter(is_fraud) {
            for genuine in self.payments.iter().filter(is_genuine) {
                let pair = weight(fraud) * times(fraud) * weight(genuine) * times(genuine);
                pairs += pair;
                higher += pair
                    * match fraud.score.cmp(&genuine.score) {
                        std::cmp::Ordering::Greater => 1.0,
                        std::cmp::Ordering::Equal => 0.5,
                        std::cmp::Ordering::Less => 0.0,
                    };
            }
        }
        ratio(higher, pairs)
    }

    /// Over thresholds from the highest: precision there, times what recall grows by.
    fn average_precision(&self, thresholds: &[i64], times: Times<'_>) -> Option<f64> {
        let weighed = |p: &Payment| weight(p) * times(p);
        let frauds = self.sum(is_fraud, weighed);
        let (mut sum, mut recall_before) = (0.0, 0.0);
        for &threshold in thresholds {
            let caught = self.sum(|p| is_fraud(p) && p.score >= threshold, weighed);
            let wrong = self.sum(|p| is_genuine(p) && p.score >= threshold, weighed);
            let recall = ratio(caught, frauds)?;
            sum += ratio(caught, caught + wrong).unwrap_or(0.0) * (recall - recall_before);
            recall_before = recall;
        }
        (frauds > 0.0).then_some(sum)
    }

    fn card_precision(&self, known: &[&Payment]) -> Option<CardPrecision> {
        let k = f64::from(self.settings.k);
        let day = |p: &Payment| self.local(p.time_us, "%Y-%m-%d");
        let late = |at: usize| {
            let before: BTreeSet<String> = known[..at].iter().map(|p| day(p)).collect();
            before.iter().filter(|other| **other > day(known[at])).count() >= 8
        };
        let in_time: Vec<&Payment> = (0..known.len()).filter(|&at| !late(at)).map(|at| known[at]).collect();
        let mut accounts: BTreeMap<(String, Account<'_>), (i64, bool)> = BTreeMap::new();
        for payment in &in_time {
            let account = accounts.entry((day(payment), account(payment))).or_insert((i64::MIN, false));
            *account = (account.0.max(payment.score), account.1 || is_fraud(payment));
        }
        let days: BTreeSet<String> = accounts.keys().map(|(day, _)| day.clone()).collect();
        // What of an account has not been found yet.
        let mut left: BTreeMap<Account<'_>, f64> = BTreeMap::new();
        let mut precisions = Vec::new();
        for day in &days {
            let of_day: Vec<(Account<'_>, i64, bool)> = accounts
                .iter()
                .filter(|((other, _), _)| other == day)
                .map(|((_, account), (score, compromised))| (*account, *score, *compromised))
                .collect();
            let before = left.clone();
            let left_of = |account: Account<'_>| before.get(&account).copied().unwrap_or(1.0);
            let mut found = 0.0;
            for &(account, score, compromised) in of_day.iter().filter(|account| account.2) {
                let all = |is: &dyn Fn(i64) -> bool| -> f64 {
                    of_day.iter().filter(|other| is(other.1)).map(|other| left_of(other.0)).sum()
                };
                let (higher, equal) = (all(&|other| other > score), all(&|other| other == score));
                let looked_at = if equal == 0.0 { 0.0 } else { ((k - higher) / equal).clamp(0.0, 1.0) };
                assert!(compromised);
                found += left_of(account) * looked_at;
                left.insert(account, left_of(account) * (1.0 - looked_at));
            }
            precisions.push(found / k);
        }
        let mean = ratio(precisions.iter().sum(), precisions.len() as f64)?;
        let late = (known.len() - in_time.len()) as u64;
        Some(CardPrecision { k: self.settings.k, days: days.len() as u32, mean, late })
    }

    fn detection(&self) -> Detection {
        let mut cases: BTreeMap<(bool, Account<'_>), Vec<&Payment>> = BTreeMap::new();
        for payment in self.payments.iter().filter(is_fraud) {
            let case = payment
                .case
                .as_deref()
                .map_or((false, account(payment)), |case| (true, (payment.tenant.as_deref(), case)));
            cases.entry(case).or_default().push(payment);
        }
        let mut delays_us = Vec::new();
        let (mut before, mut value_before) = (Vec::new(), Vec::new());
        for case in cases.values() {
            if let Some(seen) = case.iter().position(|p| flagged(p)) {
                delays_us.push((case[seen].time_us - case[0].time_us).max(0));
                before.push(seen as f64);
                value_before.push(case[..seen].iter().map(|p| p.amount_minor as f64).sum::<f64>());
            }
        }
        delays_us.sort();
        let mean = |values: &[f64]| ratio(values.iter().sum(), values.len() as f64);
        Detection {
            cases: cases.len() as u64,
            detected: delays_us.len() as u64,
            at_once: before.iter().filter(|before| **before == 0.0).count() as u64,
            delay_us_p50: nearest_rank(&delays_us, 500),
            delay_us_p90: nearest_rank(&delays_us, 900),
            payments_before_mean: mean(&before),
            value_before_minor_mean: mean(&value_before),
        }
    }

    fn timeline(&self) -> Vec<Day> {
        let dates: BTreeSet<String> =
            self.payments.iter().map(|p| self.local(p.time_us, "%Y-%m-%d")).collect();
        let day = |date: String| {
            let here: Vec<&Payment> =
                self.payments.iter().filter(|p| self.local(p.time_us, "%Y-%m-%d") == date).collect();
            let count = |is: &dyn Fn(&Payment) -> bool| here.iter().filter(|p| is(p)).count() as u64;
            Day {
                payments: count(&|_| true),
                step_ups: count(&|p| p.outcome == Outcome::StepUp),
                blocks: count(&|p| p.outcome == Outcome::Block),
                alerts: count(&|p| p.alert),
                frauds: count(&|p| is_fraud(&p)),
                frauds_flagged: count(&|p| is_fraud(&p) && flagged(p)),
                date,
            }
        };
        dates.into_iter().map(day).collect()
    }
}
