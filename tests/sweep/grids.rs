//! What can be varied, and what is told where it can't.

use weir::backtest::sweep::{GridError, SweepError, Vary};

use crate::history::{History, RULES, asked};

fn refused(history: &History, vary: &[&str]) -> GridError {
    match history.sweep(RULES, &asked(vary)) {
        Err(SweepError::Grid(error)) => error,
        other => panic!("{vary:?} gives {other:?}"),
    }
}

#[test]
fn what_can_not_be_varied_is_told() {
    let history = History::new(200, 1);
    for (vary, said) in [
        (&["bgi=1,2"][..], "there is no parameter `bgi`; did you mean `big`?"),
        (&["big=1_000_000", "big=2_000_000"], "`big` is varied twice"),
        (&["big=12.5"], "`12.5` is no value of `big`, which is an amount in VND such as 8000000"),
        (&["many=2.5"], "which is a whole number such as 3"),
        (&["strict=1..2/2"], "`1` is no value of `strict`, which is true or false"),
        (&["reach=tomorrow"], "which is a duration such as 1d"),
        (&["big=1_000..2_000_000/3"], "`big` can't be 1000: its `min` in the rule file is 100000"),
        (&["big=60_000_000"], "`big` can't be 60000000: its `max` in the rule file is 50000000"),
        (&["many=9..3/3"], "the range of `many` ends below its beginning"),
        (&["strict=true..false/2"], "`strict` has no order"),
        (&["many=0..4_000/4_001", "ratio=1..2/100"], "these are more than 100000 combinations"),
        (&[], "nothing is varied"),
    ] {
        let error = refused(&history, vary).to_string();
        assert!(error.contains(said), "{vary:?}: {error}");
    }
    for (written, said) in [
        ("big", "write NAME=LOW..HIGH/STEPS"),
        ("big=", "says no values"),
        ("=3", "says no values"),
        ("big=1..2", "says no values"),
        ("big=1..2/1", "a range has 2 to 10000"),
        ("big=1..2/many", "`many` is no number of values"),
    ] {
        let error = written.parse::<Vary>().unwrap_err().to_string();
        assert!(error.contains(said), "{written}: {error}");
    }
}

#[test]
fn ranges_have_both_ends_and_the_rule_files_own_comes_first() {
    let history = History::new(400, 2);
    let values = |vary: &str| {
        let swept = history.sweep(RULES, &asked(&[vary])).unwrap();
        let of = |at: usize| swept.params[0].values[at].clone();
        swept.combinations.iter().map(|combination| of(combination.values[0])).collect::<Vec<_>>()
    };
    assert_eq!(values("many=1..4/4"), ["3", "1", "2", "4"]);
    assert_eq!(values("many=1..3/9"), ["3", "1", "2"], "each whole number once");
    assert_eq!(values("ratio=0.1..0.3/3"), ["2.5", "0.1", "0.2", "0.3"]);
    assert_eq!(values("reach=1h..2h/4"), ["1d", "1h", "80m", "100m", "2h"]);
    assert_eq!(values("big=1_000_000..1_000_010/3"), ["8000000", "1000000", "1000005", "1000010"]);
    let swept = history.sweep(RULES, &asked(&["many=1,2", "strict=true,false"])).unwrap();
    let at: Vec<Vec<usize>> =
        swept.combinations.iter().map(|combination| combination.values.clone()).collect();
    assert_eq!(at, [[2, 1], [0, 0], [0, 1], [1, 0], [1, 1]], "the last one fastest");
    assert_eq!((swept.params[0].own, swept.params[1].own), (2, 1));
}
