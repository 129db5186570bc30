//! `weir score`: a stream in, decisions out.

use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, bail};
use weir::engine::{Answer, Engine, Limits, Recording, VERSION};
use weir::io::{DecisionWriter, create, decision::write_refusal};

use super::progress::Progress;
use super::stream::Source;
use super::tally::Tally;
use super::{Verdict, rule_file};

/// Score a stream of events with a rule file
///
/// Writes one JSON line per transaction, in the order of the stream; a repeat gets its first answer again, and an
/// event that is refused a line that says why. A summary goes to standard error.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  weir generate --events 10000 | weir score --rules rules/retail.toml\n  weir score --rules rules/retail.toml --input payments.csv.gz --mapping payments.mapping.toml --output decisions.ndjson.gz"
)]
pub(super) struct Args {
    /// The rule file
    #[arg(long, short, value_name = "FILE")]
    rules: PathBuf,
    #[command(flatten)]
    source: Source,
    /// Where decisions go: a file (packed if it ends in .gz), or `-` for standard output
    #[arg(long, short, default_value = "-", value_name = "FILE")]
    output: PathBuf,
    /// Write every decision at once, for whoever waits at the end of a pipe
    #[arg(long)]
    line_buffered: bool,
    /// Record every feature, not only those that the fired rules read
    #[arg(long)]
    features: bool,
}

/// Bytes of decisions gathered before they are written.
const BUFFER_BYTES: usize = 1 << 16;

#[expect(clippy::disallowed_methods, reason = "the summary says how long it took")]
pub(super) fn run(args: &Args) -> anyhow::Result<Verdict> {
    let start = Instant::now();
    let rules = rule_file::load(&args.rules)?;
    let lists = rule_file::lists(&args.rules, &rules)?;
    let mut reader = args.source.open(rules.schema.clone())?;
    let writer = DecisionWriter::new(&rules, VERSION)?;
    if args.source.is(&args.output) {
        bail!("{} is the input: decisions can't be written over the events", args.output.display());
    }
    let mut out = create(&args.output)?;
    let mut tally = Tally::new(&rules);
    let recording = if args.features { Recording::All } else { Recording::Fired };
    let mut engine = Engine::new(rules, Limits::default(), recording);
    engine.load_lists(lists);
    let mut progress = Progress::new("scoring", None);
    let mut buffer = Vec::with_capacity(2 * BUFFER_BYTES);
    let policy = args.source.on_bad_line.policy();
    while let Some(next) = reader.next_event() {
        let event = match next {
            Ok((_, event)) => event,
            Err(error) if policy.goes_on(&error) => {
                writeln!(anstream::stderr(), "skipped: {error}")?;
                continue;
            }
            Err(error) => {
                // What was decided before the bad line is decided: it goes out.
                out.write_all(&buffer)?;
                out.finish()?;
                progress.finish();
                tally.summary(&mut anstream::stderr().lock())?;
                return Err(error.into());
            }
        };
        let answer = engine.step(event);
        tally.count(answer);
        match answer {
            Answer::Decided(decision) | Answer::Repeated(decision) => {
                writer.write(event, decision, &mut buffer)?
            }
            Answer::Refused(refusal) => {
                write_refusal(event, refusal.code(), &refusal.to_string(), &mut buffer)?;
            }
            Answer::Taken | Answer::TakenBefore => {}
        }
        if args.line_buffered || buffer.len() >= BUFFER_BYTES {
            out.write_all(&buffer).context("can't write decisions")?;
            buffer.clear();
        }
        if args.line_buffered {
            out.flush().context("can't write decisions")?;
        }
        progress.event();
    }
    out.write_all(&buffer).context("can't write decisions")?;
    out.finish().context("can't write decisions")?;
    progress.finish();
    let (seconds, counts) = (start.elapsed().as_secs_f64(), reader.counts());
    let mut report = anstream::stderr().lock();
    tally.summary(&mut report)?;
    let rate = counts.taken as f64 / seconds;
    writeln!(
        report,
        "{} events read, {} bad lines; {seconds:.2} s, {rate:.0} events a second",
        counts.taken, counts.bad
    )?;
    Ok(Verdict::Clean)
}
