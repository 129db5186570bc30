//! How many cases of a property are tried: as many as `PROPTEST_CASES` says, or what the test itself thinks enough.

use proptest::test_runner::Config;

/// So many cases where nothing else is asked for, each made smaller in at most so many steps once it fails.
pub fn asked(cases: u32, shrinks_max: u32) -> Config {
    let default = Config::default();
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { default.cases } else { cases };
    Config { cases, max_shrink_iters: shrinks_max, ..default }
}
