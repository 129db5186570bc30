//! `weir suggest` finds the frauds that rules miss where there is a pattern, says so where there is none, and its figures are the engine's.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub,
    reason = "a test fails loudly"
)]

#[path = "support/commands.rs"]
mod commands;
#[path = "support/decisions.rs"]
mod decisions;
#[path = "suggest/history.rs"]
mod history;
#[path = "support/stream.rs"]
mod stream;
#[path = "suggest/twin.rs"]
mod twin;
#[path = "suggest/written.rs"]
mod written;

use history::{History, Payment, RULES, asked, games, rush, stream as drawn};
use weir::backtest::suggest::Asked;
use weir::backtest::suggest::result::{Proposal, Suggested, Weighs, WhyNot};

const PAYMENTS: usize = 6_000;

/// All of what is missed is one pattern.
fn one_pattern() -> History {
    History::new(&drawn(PAYMENTS, 1, |payment| Some(rush(payment))))
}

/// It is two that have nothing in common.
fn two_patterns() -> History {
    History::new(&drawn(PAYMENTS, 2, |payment| Some(rush(payment) || games(payment))))
}

fn values(proposal: &Proposal) -> Vec<(&str, &str)> {
    proposal.conditions.iter().map(|part| (part.name.as_str(), part.value.as_str())).collect()
}

#[test]
fn what_is_exactly_a_conjunction_is_found_exactly() {
    let suggested = one_pattern().suggest(RULES, &asked());
    let [only] = &suggested.proposals[..] else { panic!("{:#?}", suggested.proposals) };
    assert_eq!(only.when, "amount >= suggested_1_amount_least and count_1h >= suggested_1_count_1h_least");
    assert_eq!(values(only), [("amount", "5000000"), ("count_1h", "4")]);
    assert!(only.holds && only.why_not.is_none());
    for (figures, side) in [(&only.tuning, &suggested.tuning), (&only.held_out, &suggested.held_out)] {
        assert_eq!((figures.precision, figures.recall_missed), (Some(1.0), Some(1.0)));
        assert!(side.frauds >= 20.0 && figures.frauds == side.frauds, "{side:?}");
        assert!(side.known.frauds > side.frauds, "the rule set catches some itself");
        assert_eq!(figures.frauds_alone, figures.frauds);
    }
    assert_eq!((only.low, only.high), (None, None), "all replicates say the same");
    assert_eq!(suggested.searched.genuine_share, 1.0);
    assert!(suggested.extends.is_some() && suggested.suggested_hash.is_some());
}

#[test]
fn a_second_pattern_is_the_second_suggestion() {
    let suggested = two_patterns().suggest(RULES, &asked());
    let [first, second] = &suggested.proposals[..] else { panic!("{:#?}", suggested.proposals) };
    let by_name = |proposal: &Proposal| {
        let mut names: Vec<String> = proposal.conditions.iter().map(|part| part.name.clone()).collect();
        names.sort_unstable();
        names
    };
    let mut found = [by_name(first), by_name(second)];
    found.sort_unstable();
    assert_eq!(found, [vec!["age", "amount", "portal"], vec!["amount", "count_1h"]]);
    assert!(first.tuning.frauds >= second.tuning.frauds, "what catches more comes first");
    for proposal in [first, second] {
        assert!(proposal.holds, "{proposal:#?}");
        assert_eq!((proposal.tuning.precision, proposal.held_out.precision), (Some(1.0), Some(1.0)));
        assert_eq!(proposal.held_out.frauds_alone, proposal.held_out.frauds);
    }
    let of = |figures: &dyn Fn(&Proposal) -> f64| figures(first) + figures(second);
    assert_eq!(of(&|proposal| proposal.tuning.frauds), suggested.tuning.frauds);
    assert_eq!(of(&|proposal| proposal.held_out.frauds), suggested.held_out.frauds);
}

#[test]
fn money_goes_first_where_it_is_what_weighs() {
    let history = two_patterns();
    let frauds = history.suggest(RULES, &Asked { rules_max: 1, ..asked() });
    let value = history.suggest(RULES, &Asked { rules_max: 1, objective: Weighs::Value, ..asked() });
    let (frauds, value) = (&frauds.proposals[0], &value.proposals[0]);
    assert!(value.conditions.iter().any(|part| part.name == "count_1h"), "{value:#?}");
    assert!(value.tuning.value_flagged_minor >= frauds.tuning.value_flagged_minor);
}

/// Each figure of a file held to a backtest of what was written of it.
fn holds(history: &History, suggested: &Suggested, asked: &Asked, decisions: &decisions::Decisions) {
    assert!(suggested.proposals.len() >= 2, "{:#?}", suggested.proposals);
    let [tuning, held_out] = twin::let_through(decisions, suggested);
    twin::alike(&tuning, &suggested.tuning, "let through, tuning");
    twin::alike(&held_out, &suggested.held_out, "let through, held out");
    let rules: Vec<String> =
        weir::rules::Sources::alone("rules", &String::from_utf8(history.folder.read("rules.toml")).unwrap())
            .rule_set()
            .unwrap()
            .rules
            .iter()
            .map(|rule| rule.id.clone())
            .collect();
    let ids: Vec<&String> = suggested.proposals.iter().map(|proposal| &proposal.id).collect();
    for proposal in &suggested.proposals {
        let [tuning, held_out] = twin::figures(decisions, suggested, proposal, asked);
        twin::alike(&tuning, &proposal.tuning, &format!("{}, tuning", proposal.id));
        twin::alike(&held_out, &proposal.held_out, &format!("{}, held out", proposal.id));
        for other in rules.iter().chain(ids.iter().copied()).filter(|other| **other != proposal.id) {
            let told = proposal.overlap.iter().find(|together| together.rule == *other);
            let told = told.map_or([0, 0], |together| [together.payments, together.frauds]);
            assert_eq!(told, twin::together(decisions, suggested, &proposal.id, other), "{other}");
        }
    }
}

/// Frauds mostly where the patterns are, some anywhere, and payments of which nobody knows.
fn blurred(payment: &Payment<'_>) -> Option<bool> {
    match payment.lot {
        0..150 => None,
        150..160 => Some(true),
        160..400 => Some(false),
        _ => Some(rush(payment) || games(payment)),
    }
}

#[test]
fn every_figure_is_that_of_a_backtest() {
    let history = History::new(&drawn(PAYMENTS, 3, blurred));
    let (suggested, decisions) = written::suggested(&history, RULES);
    assert!(suggested.extends.is_some());
    holds(&history, &suggested, &asked(), &decisions);
    assert!(suggested.proposals.iter().any(|proposal| proposal.held_out.genuine > 0.0));
    assert!(suggested.proposals.iter().any(|proposal| proposal.held_out.unknown > 0));
}

#[test]
fn a_rule_file_that_can_t_be_extended_gets_a_part() {
    let history = History::new(&drawn(PAYMENTS, 3, blurred));
    let controlled = format!("{RULES}[control]\npercent = 30\nby = \"account\"\namount_max = 100_000_000\n");
    let (suggested, decisions) = written::suggested(&history, &controlled);
    assert!(suggested.extends.is_none() && suggested.why_a_part.is_some());
    holds(&history, &suggested, &asked(), &decisions);
}

#[test]
fn a_suggestion_that_becomes_live_does_what_was_told() {
    let history = History::new(&drawn(PAYMENTS, 4, blurred));
    let (suggested, _) = written::suggested(&history, RULES);
    for proposal in &suggested.proposals {
        let added = written::added_by(&history, &proposal.id);
        let of = |figure: fn(&weir::backtest::suggest::result::ProposalFigures) -> f64| {
            figure(&proposal.tuning) + figure(&proposal.held_out)
        };
        let told = [
            of(|figures| figures.flagged as f64),
            of(|figures| figures.frauds),
            of(|figures| figures.genuine),
            of(|figures| figures.value_caught_minor),
            of(|figures| figures.value_lost_minor),
        ];
        for (told, added) in told.into_iter().zip(added) {
            assert!((told - added).abs() < 1e-6 * told.abs().max(1.0), "{}: {told} and {added}", proposal.id);
        }
    }
}

#[test]
fn labels_by_chance_teach_nothing() {
    let mut told = 0;
    // Of a thousand payments so many are fraud: fewer than must be, and more.
    for (seed, frauds) in (0..8).map(|seed| (seed, if seed % 2 == 0 { 30 } else { 200 })) {
        let chance = |payment: &Payment<'_>| Some(payment.lot < frauds);
        let suggested = History::new(&drawn(4_000, 100 + seed, chance)).suggest(RULES, &asked());
        assert!(suggested.tuning.frauds > 30.0);
        for proposal in &suggested.proposals {
            assert!(!proposal.holds, "seed {seed}: {proposal:#?}");
        }
        told += suggested.proposals.len();
    }
    assert!(told > 5, "{told} were looked at");
}

#[test]
fn what_does_not_hold_is_told_last() {
    // The second pattern ends where what is held out begins.
    let ends = |payment: &Payment<'_>| Some(rush(payment) || (games(payment) && payment.at < PAYMENTS / 2));
    let suggested = History::new(&drawn(PAYMENTS, 5, ends)).suggest(RULES, &asked());
    let [first, second, ..] = &suggested.proposals[..] else { panic!("{:#?}", suggested.proposals) };
    assert!(first.holds && first.conditions.iter().any(|part| part.name == "count_1h"));
    assert_eq!((second.holds, second.why_not), (false, Some(WhyNot::Imprecise)));
    assert!(suggested.proposals.is_sorted_by_key(|proposal| !proposal.holds));
}

#[test]
fn the_same_is_suggested_again_on_any_number_of_threads_and_in_any_order_of_rules() {
    let history = History::new(&drawn(4_000, 6, blurred));
    let one = history.suggest_on(RULES, &asked(), 1).unwrap();
    assert!(!one.proposals.is_empty());
    assert_eq!(one, history.suggest_on(RULES, &asked(), 1).unwrap());
    assert_eq!(one, history.suggest_on(RULES, &asked(), 8).unwrap());
    let (head, rules) = RULES.split_once("[[rule]]").unwrap();
    let mut rules: Vec<&str> = rules.split("[[rule]]").collect();
    rules.reverse();
    let turned = format!("{head}[[rule]]{}", rules.join("[[rule]]"));
    let mut other = history.suggest_on(&turned, &asked(), 2).unwrap();
    let mut one = one;
    for suggested in [&mut one, &mut other] {
        // How they stand there is the file's.
        suggested.suggested_hash = None;
        let overlaps = suggested.proposals.iter_mut().map(|proposal| &mut proposal.overlap);
        overlaps.for_each(|overlap| overlap.sort_by(|one, other| one.rule.cmp(&other.rule)));
    }
    assert_eq!(one, other);
}

#[test]
fn what_is_asked_for_is_kept_to() {
    let history = History::new(&drawn(4_000, 7, blurred));
    let narrow = Asked { rules_max: 2, conditions_max: 1, precision_min: 0.25, ..asked() };
    let suggested = history.suggest(RULES, &narrow);
    assert!(suggested.proposals.len() <= 2);
    for proposal in &suggested.proposals {
        assert_eq!(proposal.conditions.len(), 1);
        assert!(proposal.tuning.precision >= Some(0.25), "{proposal:#?}");
    }
    let many = history.suggest(RULES, &Asked { accounts_min: 10_000, ..asked() });
    assert!(many.proposals.is_empty());
}
