//! What is said of events that were answered without the journal.

use std::io::{self, Write};
use std::path::Path;

use weir::journal::{Poisoned, Unkept};

/// Says that the journal has failed, and where events go.
pub(super) fn warn(poisoned: &Poisoned, path: &Path) -> io::Result<()> {
    writeln!(
        anstream::stderr(),
        "warning: {poisoned}; answers go on without it and say that they are not durable, and their events go to {}",
        path.display()
    )
}

/// Says what went out so.
pub(super) fn summary(unkept: &Unkept, out: &mut impl Write) -> io::Result<()> {
    let Unkept { events, answers, before, poisoned, .. } = unkept;
    let path = unkept.path.display();
    write!(out, "not durable: {answers} answers, behind record {}", poisoned.durable)?;
    if *before > 0 {
        write!(out, " ({before} of them went out before it was known, and don't say so)")?;
    }
    writeln!(
        out,
        "; {events} events are in {path}: once the journal is well, score them with it (--resent --input {path})"
    )
}
