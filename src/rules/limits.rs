//! The bounds of a rule file, all in one place; a file beyond one of them is refused with a message that states it.

use crate::time::{DAY_US, SECOND_US};

/// Most files of a rule set.
pub const FILES_MAX: usize = 16;
/// Most files in a chain of which each extends the next.
pub const CHAIN_MAX: usize = 4;
/// Most tenants that a file or a rule names.
pub const TENANTS_MAX: usize = 100;
/// Most bytes of a rule file, with those that it extends.
pub const FILE_BYTES_MAX: usize = 4 << 20;
/// Most rules.
pub const RULES_MAX: usize = 20_000;
/// Most features.
pub const FEATURES_MAX: usize = 2_000;
/// Most parameters.
pub const PARAMS_MAX: usize = 1_000;
/// Most lists.
pub const LISTS_MAX: usize = 200;
/// Most bytes of the name of a list's file.
pub const FILE_NAME_BYTES_MAX: usize = 500;
/// Most extra fields.
pub const FIELDS_MAX: usize = 200;
/// Most bytes of one condition.
pub const CONDITION_BYTES_MAX: usize = 10_000;
/// Deepest nesting of one condition; a chain of `and` or of `or` is one level.
pub const NESTING_MAX: usize = 100;
/// Most authentication methods, since a set of them is one 64-bit mask.
pub const METHODS_MAX: usize = 64;
/// Most sets of methods of a requirement, once what serves for it is put in.
pub const AUTH_SETS_MAX: usize = 64;
/// Longest time for which a dialogue with a customer, or a payment without a report, may be open: 1 day.
pub const OPEN_US_MAX: i64 = crate::time::DAY_US;
/// Most answers that a dialogue may take.
pub const ATTEMPTS_MAX: i64 = 20;
/// Most locks, since a set of them is one 16-bit mask.
pub const LOCKS_MAX: usize = 16;
/// Most failures in a row that a lock takes.
pub const LOCK_FAILURES_MAX: u8 = 100;
/// Answers that it takes unless the file says.
pub const ATTEMPTS_DEFAULT: u32 = 3;
/// Most tags, and most obligations, since a set of them is one 64-bit mask.
pub const DUTIES_MAX: usize = 64;
/// Most bytes of a legal reference.
pub const LEGAL_BYTES_MAX: usize = 300;
/// Most words of a parameter's `one_of`.
pub const CHOICES_MAX: usize = 64;
/// Most fields in a key.
pub const KEY_FIELDS_MAX: usize = 4;
/// Most bytes of a name or an id.
pub const NAME_BYTES_MAX: usize = 64;
/// Most bytes of a reason.
pub const REASON_BYTES_MAX: usize = 1_000;
/// A rule's score is within plus and minus this.
pub const SCORE_MAX: i64 = 1_000_000;
/// Longest sliding window.
pub const WINDOW_US_MAX: i64 = 400 * DAY_US;
/// Shortest time for which ids are remembered.
pub const REMEMBER_US_MIN: i64 = 60 * SECOND_US;
/// Longest time for which ids are remembered.
pub const REMEMBER_US_MAX: i64 = 400 * DAY_US;
/// For how long ids are remembered at least, unless the file says otherwise; a longer window lengthens it.
pub const REMEMBER_US_DEFAULT: i64 = 7 * DAY_US;
/// Most tables.
pub const TABLES_MAX: usize = 200;
/// Most rows of a table.
pub const ROWS_MAX: usize = 1_000;
/// Shortest window of a breaker.
pub const BREAKER_US_MIN: i64 = 60 * SECOND_US;
/// Longest window of a breaker.
pub const BREAKER_US_MAX: i64 = 31 * DAY_US;
/// Most errors, and most warnings, that one run reports.
pub const PROBLEMS_MAX: usize = 100;
