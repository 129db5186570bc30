//! `weir replay`: a journal through the engine again.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{anyhow, bail};
use weir::diff::{DecisionDiff, changes, lists_not_compared, report, text};
use weir::engine::VERSION;
use weir::io::{Disk, Loaded, RealDisk, create, read_token_key};
use weir::journal::{
    Decided, From, JournalError, RecordedError, Replay, Replayed, Turn, Why, kept, snapshots,
};
use weir::rules::{Description, RuleSet};

use super::asks::Asks;
use super::door::{check_tokens, read_own};
use super::progress::Progress;
use super::retain::noted_removed;
use super::{Verdict, journaled};

/// Run a journal through the engine again, and compare every answer bit for bit
///
/// Prints `reproduced N of N`, or the first answer that is not what it was. With another rule file it says what that one
/// would have decided instead. Damage that somebody decided to go on over (`weir score --on-damage go-on`) is passed over
/// and told. Works beside the process that writes the journal. Who asks is put down beside it.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  weir replay --journal journal\n  weir replay --journal journal --from-snapshot\n  weir replay --journal journal --rules next.toml --output differences.ndjson\n\nExits with 0 if every answer is reproduced (or the other rule set decides alike), with 1 if not. Behind\ndamage that was passed over, answers that were given with what is missing count as not reproduced."
)]
pub(super) struct Args {
    /// The journal's folder
    #[arg(long, value_name = "DIR")]
    journal: PathBuf,
    /// Begin with the newest whole snapshot instead of the first record
    #[arg(long, conflicts_with = "rules")]
    from_snapshot: bool,
    /// Decide with this rule file beside, and compare: what it would have decided of the same events from the beginning
    #[arg(long, short, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// Where the decisions that differ go, also in score or rules alone, one JSON line each: a file, or `-` for standard output
    #[arg(long, short, value_name = "FILE", requires = "rules")]
    output: Option<PathBuf>,
    /// The key of the journal's tokens, for what is on the other rule file's lists; otherwise DIR/tokens.key
    #[arg(long, value_name = "FILE", requires = "rules")]
    token_key: Option<PathBuf>,
    #[command(flatten)]
    asks: Asks,
}

impl Args {
    /// What is asked.
    fn what(&self) -> String {
        let mut what = "replay".to_owned();
        if self.from_snapshot {
            what += " --from-snapshot";
        }
        for (option, path) in [("--rules", &self.rules), ("--output", &self.output)] {
            if let Some(path) = path {
                what += &format!(" {option} {}", path.display());
            }
        }
        what
    }
}

/// How many changed decisions are shown.
const SHOWN: usize = 20;

#[expect(clippy::disallowed_methods, reason = "the summary says how long it took")]
pub(super) fn run(args: &Args) -> anyhow::Result<Verdict> {
    let start = Instant::now();
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let from = if args.from_snapshot { From::Snapshot } else { From::Beginning };
    args.asks.put_down(&*disk, &args.journal, &args.what())?;
    let replay = Replay::open(Arc::clone(&disk), &args.journal, from, None)?;
    tell_begins(&replay)?;
    if let Some(removed) = replay.removed() {
        let mut err = anstream::stderr();
        writeln!(err, "{}", noted_removed(removed, replay.snapshot()))?;
        if args.rules.is_some() {
            let why = "the other rule set knows nothing of them, and may decide otherwise for that alone";
            writeln!(err, "warning: {why}")?;
        }
    }
    let (verdict, events) = match &args.rules {
        None => again(replay),
        Some(rules) => other(replay, rules, args),
    }
    .map_err(|error| advised(&*disk, args, error))?;
    let seconds = start.elapsed().as_secs_f64();
    let rate = events as f64 / seconds;
    writeln!(
        anstream::stderr(),
        "{events} events with engine {VERSION}; {seconds:.2} s, {rate:.0} events a second"
    )?;
    Ok(verdict)
}

/// What else can be done about damage on which nobody decided.
fn advised(disk: &dyn Disk, args: &Args, error: anyhow::Error) -> anyhow::Error {
    let Some(RecordedError::Journal(JournalError::Damaged(damage))) = error.downcast_ref() else {
        return error;
    };
    let newest = snapshots(disk, &args.journal).ok().and_then(|numbers| numbers.first().copied());
    if damage.why != Why::Snapshot
        && newest.is_some_and(|number| damage.is_before(number + 1))
        && args.rules.is_none()
    {
        return anyhow!("{error}; or begin behind it, with --from-snapshot");
    }
    error
}

/// Says which snapshots it could not begin with, and whether it begins later than it should for that.
pub(super) fn tell_begins(replay: &Replay) -> std::io::Result<()> {
    let mut err = anstream::stderr().lock();
    for why in replay.passed_over() {
        writeln!(err, "warning: {why}")?;
    }
    if let (true, Some(removed), Some(number)) = (replay.is_late(), replay.removed(), replay.snapshot()) {
        writeln!(
            err,
            "warning: it begins later than it should, behind record {number} instead of {}, so not all is replayed that is there",
            removed.base
        )?;
    }
    Ok(())
}

/// Says what was passed over.
pub(super) fn tell_passed(passed: &[Decided]) -> std::io::Result<()> {
    let mut err = anstream::stderr().lock();
    passed.iter().try_for_each(|decided| writeln!(err, "{decided}"))
}

fn again(replay: Replay) -> anyhow::Result<(Verdict, u64)> {
    let mut progress = Progress::new("replaying", None);
    let replayed = replay.run(|_| progress.event());
    progress.finish();
    let replayed = replayed?;
    let missing = match replayed.missing() {
        0 => String::new(),
        1 => ", 1 record missing".to_owned(),
        missing => format!(", {missing} records missing"),
    };
    let Replayed {
        events,
        reproduced,
        different,
        difference,
        snapshot,
        late,
        passed,
        resumed,
        unanswered,
        torn,
    } = replayed;
    tell_passed(&passed)?;
    let mut out = anstream::stdout().lock();
    let from =
        snapshot.map_or_else(String::new, |number| format!(", from the snapshot after record {number} on"));
    let verdict = match difference {
        None => {
            writeln!(out, "reproduced {reproduced} of {}{missing}{from}", reproduced + different)?;
            if different > 0 || late { Verdict::Found } else { Verdict::Clean }
        }
        Some(difference) => {
            writeln!(out, "reproduced {reproduced}{missing}{from}, and then not: {difference}")?;
            Verdict::Found
        }
    };
    if different > 0 {
        writeln!(out, "{different} answers are others: they were given with what is missing now")?;
    }
    for number in resumed {
        writeln!(out, "went on from the snapshot after record {number}, which holds what is missing")?;
    }
    if unanswered {
        writeln!(out, "the last event has no answer yet: none was given")?;
    }
    if torn {
        writeln!(
            out,
            "the journal ends within a record: it is being written, or was when its process ended"
        )?;
    }
    Ok((verdict, events))
}

/// A rule set as it was kept, and what it says.
fn described(journal: &Path, rules: &RuleSet) -> anyhow::Result<(RuleSet, Description)> {
    for hash in kept::all(&RealDisk, journal)? {
        let Loaded { sources, rules: held, .. } = kept::read(&RealDisk, journal, &hash)?.load()?;
        if held.hash == rules.hash {
            return Ok(sources.describe()?);
        }
    }
    bail!("the rule set {} is not kept in {}; restore it from a copy", rules.hash_text(), journal.display())
}

/// What another rule set would have decided.
fn other(mut replay: Replay, path: &Path, args: &Args) -> anyhow::Result<(Verdict, u64)> {
    let output = args.output.as_deref();
    let mut bundle = journaled::bundle(path)?;
    let Some(start) = replay.start() else {
        bail!(
            "the journal's beginning is gone, so nobody knows with what it was begun; restore its first segments from a copy"
        );
    };
    if let Some(id) = &start.tokens {
        let tokens = match &args.token_key {
            Some(path) => read_token_key(path)?,
            None => read_own(&args.journal)?,
        };
        check_tokens(&tokens, id)?;
        bundle = bundle.tokenised(&tokens)?;
    }
    let Loaded { sources, rules, lists, rates } = bundle.load()?;
    let live = replay.course().engine().rules();
    if live.schema != rules.schema {
        bail!(
            "{} declares other [fields] than the journal's rule set, so it reads other events; give both the same",
            path.display()
        );
    }
    let limits = start.limits;
    let mut diff = DecisionDiff::beside(Arc::new(live.clone()), (rules, lists, rates), limits, SHOWN);
    let mut differences = output.map(create).transpose()?;
    let mut progress = Progress::new("deciding beside", None);
    let mut reloads = 0;
    loop {
        let mut changed = None;
        let turn = replay.turn(|event, answer| {
            changed = diff.beside_step(event, answer);
            progress.event();
        })?;
        match turn {
            None => break,
            Some(Turn::Fine) => {}
            Some(Turn::Differs(difference)) => {
                bail!("the journal's own answers are not reproduced: {difference}")
            }
        }
        let live = replay.course().engine().rules();
        if live.hash != diff.old_rules().hash {
            diff.reloaded(Arc::new(live.clone()));
            reloads += 1;
        }
        if let (Some(changed), Some(out)) = (changed, &mut differences) {
            serde_json::to_writer(&mut *out, &changed)?;
            out.write_all(b"\n")?;
        }
    }
    progress.finish();
    tell_passed(replay.passed())?;
    differences.map_or(Ok(()), |out| out.finish())?;
    let found = diff.into_found();
    if output.is_none_or(|path| path.as_os_str() != "-") {
        let (old, new) = (described(&args.journal, replay.course().engine().rules())?, sources.describe()?);
        let changes = changes((&old.0, &old.1), (&new.0, &new.1));
        let lists = lists_not_compared(&old.1, &new.1);
        let mut out = anstream::stdout().lock();
        write!(out, "{}", text(&report(&new.0, &changes, &lists, Some(&found))))?;
        if reloads > 0 {
            writeln!(
                out,
                "The changes are from the rule set that decides at the journal's end; the decisions are those of each that decided."
            )?;
        }
    }
    let verdict = if found.any() { Verdict::Found } else { Verdict::Clean };
    Ok((verdict, replay.course().events()))
}
