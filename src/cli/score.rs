//! `weir score`: a stream in, decisions out.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, bail};
use weir::engine::{Answer, Engine, Recording, ShadowLimits, VERSION};
use weir::event::{Event, Kind};
use weir::io::{DecisionWriter, Output, create, decision::write_refusal};

use super::breakers::Breakers;
use super::cut::Cut;
use super::memory::{self, Memory};
use super::progress::Progress;
use super::snapshots::{self, Snapshots};
use super::stream::Source;
use super::tally::Tally;
use super::writers::Writers;
use super::{Verdict, rule_file};

/// Score a stream of events with a rule file
///
/// Writes one JSON line per transaction, in the order of the stream; a repeat gets its first answer again, and an
/// event that is refused a line that says why. A summary goes to standard error.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  weir generate --events 10000 | weir score --rules rules/retail.toml\n  weir score --rules rules/retail.toml --input payments.csv.gz --mapping payments.mapping.toml --output decisions.ndjson.gz\n  weir score --rules rules/retail.toml --shadow next.toml --shadow-output would.ndjson --input payments.ndjson\n\nReload: a control event swaps the rule set between two events, e.g.\n  {\"id\":\"c1\",\"kind\":\"control\",\"time_us\":1795341600000000,\"control\":\"rule_set\",\"subject\":\"<hash that `weir check` shows>\"}"
)]
pub(super) struct Args {
    /// The rule file
    #[arg(long, short, value_name = "FILE")]
    rules: PathBuf,
    /// A rule file that a control event of the stream may take up by its hash; may be given several times
    #[arg(long, value_name = "FILE")]
    reload: Vec<PathBuf>,
    /// A rule file that decides beside, and changes nothing; its features begin with the stream
    #[arg(long, value_name = "FILE", requires = "shadow_output")]
    shadow: Option<PathBuf>,
    /// Where the shadow's decisions go: one line per transaction decided, in the form of the others
    #[arg(long, value_name = "FILE", requires = "shadow")]
    shadow_output: Option<PathBuf>,
    #[command(flatten)]
    source: Source,
    /// Where decisions go: a file (packed if it ends in .gz), or `-` for standard output
    #[arg(long, short, default_value = "-", value_name = "FILE")]
    output: PathBuf,
    /// Write every decision at once, for whoever waits at the end of a pipe
    #[arg(long)]
    line_buffered: bool,
    /// Record every feature, not only those that the fired rules read
    #[arg(long, conflicts_with = "restore")]
    features: bool,
    /// Count what was answered by the values of a field, such as tenant, portal, provider or payment_kind; shows the
    /// 50 with the most transactions, and the rest together
    #[arg(long, value_name = "FIELD")]
    by: Option<String>,
    #[command(flatten)]
    memory: Memory,
    #[command(flatten)]
    snapshots: snapshots::Asked,
}

/// Bytes of decisions gathered before they are written.
const BUFFER_BYTES: usize = 1 << 16;

/// Where lines go, some of them at a time.
struct Lines {
    out: Output,
    buffer: Vec<u8>,
    at_once: bool,
}

impl Lines {
    fn create(path: &Path, at_once: bool) -> anyhow::Result<Self> {
        Ok(Self { out: create(path)?, buffer: Vec::with_capacity(2 * BUFFER_BYTES), at_once })
    }

    /// Writes what was gathered, if it is enough or nothing may wait.
    fn settle(&mut self) -> anyhow::Result<()> {
        if self.at_once || self.buffer.len() >= BUFFER_BYTES {
            self.out.write_all(&self.buffer).context(CANT)?;
            self.buffer.clear();
        }
        if self.at_once {
            self.out.flush().context(CANT)?;
        }
        Ok(())
    }

    fn finish(mut self) -> anyhow::Result<()> {
        self.out.write_all(&self.buffer).context(CANT)?;
        self.out.finish().context(CANT)
    }
}

const CANT: &str = "can't write decisions";

/// A rule set that decides beside, and where that goes.
struct Shadow {
    writer: DecisionWriter,
    lines: Lines,
    stopped: bool,
}

impl Shadow {
    /// Loads the shadow, if one is asked for.
    fn load(args: &Args, engine: &mut Engine) -> anyhow::Result<Option<Self>> {
        let (Some(path), Some(output)) = (&args.shadow, &args.shadow_output) else { return Ok(None) };
        if args.source.is(output) || output == &args.output {
            bail!("{} is in use: the shadow's decisions need a file of their own", output.display());
        }
        let rules = rule_file::load(path)?;
        let writer = DecisionWriter::new(&rules, VERSION)?;
        let lists = rule_file::lists(path, &rules)?;
        let loaded = engine.load_shadow(rules, lists, ShadowLimits::default());
        loaded.with_context(|| format!("{} can't be the shadow", path.display()))?;
        Ok(Some(Self { writer, lines: Lines::create(output, args.line_buffered)?, stopped: false }))
    }

    /// Writes what the shadow decided, if it did.
    fn event(&mut self, event: &Event, engine: &Engine) -> anyhow::Result<()> {
        if let Some(decision) = engine.shadow_decision() {
            self.writer.write(event, decision, &mut self.lines.buffer)?;
        }
        if let Some(stopped) = engine.shadow_stopped().filter(|_| !self.stopped) {
            self.stopped = true;
            writeln!(anstream::stderr(), "warning: {stopped} (at event `{}`)", event.id())?;
        }
        self.lines.settle()
    }
}

#[expect(clippy::disallowed_methods, reason = "the summary says how long it took")]
pub(super) fn run(args: &Args) -> anyhow::Result<Verdict> {
    let start = Instant::now();
    let recording = if args.features { Recording::All } else { Recording::Fired };
    let (mut engine, watch) = args.memory.engine(&args.rules, &args.reload, recording)?;
    let mut reader = args.source.open(engine.rules().schema.clone())?;
    let mut writers = Writers::new(&engine)?;
    if args.source.is(&args.output) {
        bail!("{} is the input: decisions can't be written over the events", args.output.display());
    }
    let mut shadow = Shadow::load(args, &mut engine)?;
    let mut lines = Lines::create(&args.output, args.line_buffered)?;
    let mut tally = Tally::new(&engine);
    let mut cut = args.by.as_deref().map(|by| Cut::new(by, &engine.rules().schema)).transpose()?;
    let mut breakers = Breakers::default();
    let mut snapshots = Snapshots::new(&args.snapshots);
    let mut progress = Progress::new("scoring", None);
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
                lines.finish()?;
                shadow.map_or(Ok(()), |shadow| shadow.lines.finish())?;
                progress.finish();
                tally.summary(&engine, &mut anstream::stderr().lock())?;
                return Err(error.into());
            }
        };
        let answer = engine.step(event);
        memory::check(&watch)?;
        tally.count(event, answer);
        cut.iter_mut().for_each(|cut| cut.count(event, answer));
        if let Answer::Decided(decision) = answer {
            breakers.note(decision);
        }
        match answer {
            Answer::Decided(decision) | Answer::Repeated(decision) => {
                writers.write(event, decision, &mut lines.buffer)?
            }
            Answer::Refused(refusal) => {
                let (code, declared) = (refusal.code(), refusal.declared());
                write_refusal(event, code, declared, &refusal.to_string(), &mut lines.buffer)?;
            }
            Answer::Taken if event.kind() == Kind::Control => writers.follow(&engine)?,
            Answer::Taken | Answer::TakenBefore => {}
        }
        lines.settle()?;
        breakers.tell(event, &engine)?;
        if let Some(shadow) = &mut shadow {
            shadow.event(event, &engine)?;
        }
        snapshots.event(&mut engine, reader.counts().taken)?;
        progress.event();
    }
    lines.finish()?;
    shadow.map_or(Ok(()), |shadow| shadow.lines.finish())?;
    progress.finish();
    let counts = reader.counts();
    snapshots.finish(&mut engine, counts.taken)?;
    let seconds = start.elapsed().as_secs_f64();
    let mut report = anstream::stderr().lock();
    tally.summary(&engine, &mut report)?;
    cut.iter().try_for_each(|cut| cut.show(&mut report))?;
    snapshots.summary(&mut report)?;
    let rate = counts.taken as f64 / seconds;
    writeln!(
        report,
        "{} events read, {} bad lines; {seconds:.2} s, {rate:.0} events a second",
        counts.taken, counts.bad
    )?;
    Ok(Verdict::Clean)
}
