//! Rows of decision tables that the rows before them leave nothing to.

use super::reason::Reasoner;
use super::region::Region;
use crate::rules::problem::{Problem, Problems};
use crate::rules::table::UnknownRow;
use crate::rules::tables::Declared;

/// Rows beyond this many are not looked at.
const ROWS_MAX: usize = 100;
/// Most places that are kept apart of what the rows so far leave over, since each row can double them; where there are
/// more, the rows that follow are not looked at.
const OPEN_MAX: usize = 128;

/// Tells the rows that give the table's value for no payment.
pub(super) fn tell<'t>(reasoner: &Reasoner<'_, 't>, declared: &'t Declared<'t>, problems: &mut Problems) {
    reasoner.world.begin();
    let strictest = declared.table.on_unknown == UnknownRow::Strictest;
    let mut open = vec![Region::default()];
    for (at, condition) in declared.conditions.iter().enumerate().take(ROWS_MAX) {
        let may_hold = |regions: &[Region<'t>]| {
            let may = |truth| !reasoner.assume(&condition.tree, truth, regions.to_vec()).is_empty();
            may(Some(true)) || (strictest && may(None))
        };
        // A row that never holds by itself, or that only a constant keeps from being reached, was told as that.
        if open.is_empty() {
            return;
        }
        if at > 0 && !may_hold(&open) && may_hold(&[Region::default()]) {
            let message = format!("row {} of table `{}` is never reached", at + 1, declared.name.text);
            let label = "a row before it holds wherever this one does";
            problems.push(Problem::warning(condition.text.span.clone(), message, label));
            continue;
        }
        let mut rest = reasoner.assume(&condition.tree, Some(false), open.clone());
        rest.extend(reasoner.assume(&condition.tree, None, open));
        if rest.len() > OPEN_MAX {
            return;
        }
        open = rest;
    }
}
