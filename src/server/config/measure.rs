//! `[measure]`: what a sidecar leaves out to be measured against.

use super::reader::Reader;
use crate::server::measure::Without;

/// What is left out.
pub(super) fn read(reader: &mut Reader) -> Without {
    let words = [("nothing", Without::Nothing), ("journal", Without::Journal), ("engine", Without::Engine)];
    reader.section("measure").word(
        "without",
        &words,
        Without::Nothing,
        "For measuring alone, and reached from this machine alone: `journal` records nothing, changes no rule set and starts \
         on no journal that holds events, `engine` also answers every payment with the same, and POST /measure/bare without a \
         look at it",
    )
}
