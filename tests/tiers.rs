//! Tiers, modes, dates, rollouts, overrides, breakers and the control group, held to a slow twin that follows the
//! text of the promise step by step.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails stops")]

use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::Arc;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use weir::decision::{Decision, Outcome};
use weir::engine::{Answer, Engine, Limits, Recording};
use weir::event::{Draft, Event, Kind, TextField};
use weir::money::Currency;
use weir::rules::{Action, Mode, OnUnknown, Rule, RuleSet, Tier, compile};

const DAY_US: i64 = 86_400_000_000;
const HEAD: &str = "[ruleset]\nname = \"t\"\ncurrency = \"VND\"\n[policy]\nstep_up_at = 30\nblock_at = 60\nauth = \"a\"\n\
    [auth.a]\nall = [[\"fido\"]]\n[auth.b]\nall = [[\"otp\", \"fido\"], [\"face\"]]\n\
    [control]\npercent = 30\nby = \"account\"\namount_max = 60\n";

fn file(rng: &mut ChaCha8Rng) -> String {
    let mut file = HEAD.to_owned();
    let rules = rng.random_range(1..12);
    let mut normal = Vec::new();
    for n in 0..rules {
        let tier = rng.random_range(0..4);
        let when =
            ["amount > 20", "amount > 50", "device = 'd1'", "device <> 'd1' and amount < 80", "level > 1"];
        write!(file, "[[rule]]\nid = \"r{n}\"\nwhen = \"{}\"\n", when[rng.random_range(0..when.len())])
            .unwrap();
        let then = ["step_up", "block", "alert"][rng.random_range(0..3)];
        let dates = rng.random_ratio(1, 4);
        if dates {
            writeln!(file, "valid_from = 1970-01-0{}", rng.random_range(2..9)).unwrap();
        }
        match tier {
            0 => writeln!(file, "tier = \"mandatory\"\nthen = \"{then}\"").unwrap(),
            1 if !normal.is_empty() => {
                let named: Vec<String> =
                    (0..2).map(|_| format!("\"{}\"", normal[rng.random_range(0..normal.len())])).collect();
                let names = named.join(", ");
                writeln!(
                    file,
                    "tier = \"override\"\nthen = \"allow\"\nvalid_until = 1970-01-09\noverrides = [{names}]"
                )
                .unwrap();
            }
            _ => {
                normal.push(format!("r{n}"));
                writeln!(file, "then = \"{then}\"\nscore = {}", rng.random_range(-20..40)).unwrap();
                if rng.random_ratio(1, 3) {
                    writeln!(file, "on_unknown = \"fires\"").unwrap();
                }
                if rng.random_ratio(1, 4) {
                    writeln!(file, "breaker = {{ percent = 20, over = \"1d\", least = 10 }}").unwrap();
                }
            }
        }
        if tier != 0 {
            writeln!(file, "mode = \"{}\"", ["live", "live", "shadow", "off"][rng.random_range(0..4)])
                .unwrap();
            if rng.random_ratio(1, 4) {
                writeln!(file, "rollout = {{ percent = 50, by = \"account\" }}").unwrap();
            }
        }
        if then == "step_up" && (tier == 0 || !file.ends_with("allow\"\n")) && rng.random_ratio(1, 2) {
            let at = file.rfind("then = \"step_up\"");
            let own = file.rfind("[[rule]]").unwrap();
            if at.is_some_and(|at| at > own) {
                writeln!(file, "auth = \"b\"").unwrap();
            }
        }
    }
    file
}

fn event(rng: &mut ChaCha8Rng, n: usize, time_us: i64) -> Event {
    let mut draft = Draft::new(Arc::default());
    draft.begin(Kind::Transaction, time_us).unwrap();
    draft.text(TextField::Id, &format!("t{n}")).unwrap();
    draft.amount(rng.random_range(1..100), Currency::VND).unwrap();
    if rng.random_ratio(4, 5) {
        draft.text(TextField::Account, &format!("a{}", rng.random_range(0..9))).unwrap();
    }
    if rng.random_ratio(2, 3) {
        draft.text(TextField::Device, &format!("d{}", rng.random_range(0..3))).unwrap();
    }
    draft.seal().unwrap().clone()
}

/// What the twin reads of an event: the conditions of `file`, evaluated by hand.
fn truth(rule: &Rule, event: &Event) -> bool {
    let amount = event.amount().unwrap().minor;
    let device = event.text(TextField::Device);
    let holds = match rule.text.as_str() {
        "amount > 20" => Some(amount > 20),
        "amount > 50" => Some(amount > 50),
        "device = 'd1'" => device.map(|device| device == "d1"),
        "level > 1" => None,
        _ => match (device.map(|device| device != "d1"), amount < 80) {
            (_, false) | (Some(false), _) => Some(false),
            (known, true) => known,
        },
    };
    holds.unwrap_or(rule.on_unknown == OnUnknown::Fires)
}

#[derive(Default)]
struct Twin {
    /// Of every decision: when, and which rules' conditions held while live.
    past: Vec<(i64, BTreeSet<u16>)>,
    in_rollout: BTreeSet<(u16, String)>,
    out_of_rollout: BTreeSet<(u16, String)>,
}

impl Twin {
    /// Checks one decision by the promise's text.
    fn check(&mut self, rules: &RuleSet, event: &Event, decision: &Decision) {
        let account = event.text(TextField::Account).unwrap_or("").to_owned();
        let seen: BTreeSet<u16> =
            [&decision.fired, &decision.shadow, &decision.overridden, &decision.tripped]
                .into_iter()
                .flatten()
                .copied()
                .collect();
        let mut live = BTreeSet::new();
        for (at, rule) in rules.rules.iter().enumerate() {
            let at = at as u16;
            let dated = rule.valid_from_us.is_none_or(|from| event.time_us() >= from)
                && rule.valid_until_us.is_none_or(|until| event.time_us() < until);
            let mut fires = rule.mode != Mode::Off && dated && truth(rule, event);
            if fires && rule.rollout.is_some() {
                // The hash is the engine's; what it must keep is that a key is always in or always out.
                fires = seen.contains(&at);
                let (same, other) = if fires {
                    (&mut self.in_rollout, &self.out_of_rollout)
                } else {
                    (&mut self.out_of_rollout, &self.in_rollout)
                };
                assert!(!other.contains(&(at, account.clone())), "rule {at} changed its mind on {account}");
                assert!(!fires || !account.is_empty(), "no key, no rollout");
                same.insert((at, account.clone()));
            }
            assert_eq!(seen.contains(&at), fires, "rule {at}: {}", rule.text);
            assert_eq!(decision.shadow.contains(&at), fires && rule.mode == Mode::Shadow);
            if fires && rule.mode == Mode::Live {
                live.insert(at);
            }
        }
        let tripped: BTreeSet<u16> =
            live.iter().copied().filter(|at| self.tripped(rules, *at, event)).collect();
        assert_eq!(decision.tripped, tripped.iter().copied().collect::<Vec<_>>());
        let acting: BTreeSet<u16> = live.difference(&tripped).copied().collect();
        let overridden: BTreeSet<u16> = acting
            .iter()
            .flat_map(|at| &rules.rules[usize::from(*at)].overrides)
            .copied()
            .filter(|at| acting.contains(at))
            .collect();
        assert_eq!(decision.overridden, overridden.iter().copied().collect::<Vec<_>>());
        let fired: Vec<u16> = acting.difference(&overridden).copied().collect();
        assert_eq!(decision.fired, fired);
        self.past.push((event.time_us(), live));
        outcome(rules, event, decision);
    }

    fn tripped(&self, rules: &RuleSet, at: u16, event: &Event) -> bool {
        let Some(breaker) = rules.rules[usize::from(at)].breaker else { return false };
        let slice_us = breaker.over_us / 60;
        let oldest = event.time_us().div_euclid(slice_us) - 60;
        let within = || self.past.iter().filter(|(time_us, _)| time_us.div_euclid(slice_us) > oldest);
        let (decisions, fired) =
            (within().count() as u64, within().filter(|(_, live)| live.contains(&at)).count() as u64);
        decisions >= u64::from(breaker.decisions_min)
            && fired * 1_000_000 > u64::from(breaker.ppm_max) * decisions
    }
}

fn outcome(rules: &RuleSet, event: &Event, decision: &Decision) {
    let of = |tier: fn(Tier) -> bool| {
        let acting =
            decision.fired.iter().map(|at| &rules.rules[usize::from(*at)]).filter(|rule| tier(rule.tier));
        let outcomes =
            acting.filter_map(|rule| if let Some(Action::Outcome(o)) = rule.then { Some(o) } else { None });
        outcomes.max().unwrap_or_default()
    };
    let law = of(|tier| tier == Tier::Mandatory);
    let score: i64 = decision.fired.iter().map(|at| rules.rules[usize::from(*at)].score).sum();
    assert_eq!(decision.score, score);
    let by_score = match score {
        60.. => Outcome::Block,
        30.. => Outcome::StepUp,
        _ => Outcome::Allow,
    };
    let house = of(|tier| tier != Tier::Mandatory).max(by_score);
    match decision.withheld {
        None => assert_eq!(decision.outcome, law.max(house)),
        Some(withheld) => {
            assert!(event.amount().unwrap().minor <= 60 && event.text(TextField::Account).is_some());
            assert_eq!((withheld.outcome, withheld.ppm), (house, 300_000));
            let both_ask = house == Outcome::StepUp && law == Outcome::StepUp;
            assert!(house > law || both_ask, "there was something to withhold");
            assert_eq!(decision.outcome, law, "the law stands");
        }
    }
    let asks = |rule: &&Rule| {
        rule.then == Some(Action::Outcome(Outcome::StepUp))
            && (rule.tier == Tier::Mandatory || decision.withheld.is_none())
    };
    let mut required: BTreeSet<u64> = BTreeSet::new();
    let mut policy = score >= 30 && decision.withheld.is_none();
    for rule in decision.fired.iter().map(|at| &rules.rules[usize::from(*at)]).filter(asks) {
        required.extend(&rule.auth);
        policy |= rule.auth.is_empty();
    }
    if policy {
        required.extend(&rules.policy.auth);
    }
    let least = required
        .iter()
        .copied()
        .filter(|set| !required.iter().any(|other| other != set && other & !set == 0));
    let required: Vec<u64> = if decision.outcome == Outcome::StepUp { least.collect() } else { Vec::new() };
    assert_eq!(decision.requirement.any_of(), required);
}

#[test]
fn decisions_follow_the_promise() {
    let (mut decided, mut overridden, mut tripped, mut withheld, mut shadow) = (0, 0, 0, 0, 0);
    for seed in 0..150 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let text = file(&mut rng);
        let rules = compile("t.toml", &text).into_result().unwrap_or_else(|e| panic!("{e}\n{text}"));
        let mut engine = Engine::new(rules.clone(), Limits::default(), Recording::Fired);
        let (mut twin, mut time_us) = (Twin::default(), 0);
        for n in 0..400 {
            time_us += rng.random_range(0..DAY_US / 40);
            let event = event(&mut rng, n, time_us);
            let Answer::Decided(decision) = engine.step(&event) else { panic!("not decided") };
            twin.check(&rules, &event, decision);
            decided += 1;
            overridden += usize::from(!decision.overridden.is_empty());
            tripped += usize::from(!decision.tripped.is_empty());
            withheld += usize::from(decision.withheld.is_some());
            shadow += usize::from(!decision.shadow.is_empty());
        }
    }
    let all = [overridden, tripped, withheld, shadow];
    assert!(all.iter().all(|seen| *seen > 1_000), "too few to mean anything: {all:?} of {decided}");
}
