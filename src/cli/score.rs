//! `weir score`: a stream in, decisions out.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, bail};
use weir::engine::{Answer, Engine, Recording, ShadowLimits, VERSION};
use weir::event::{Event, Schema};
use weir::io::{Bundle, DecisionWriter, SpillWatch};
use weir::tokens::Tokens;

use super::breakers::Breakers;
use super::cut::Cut;
use super::door::Entrance;
use super::forgotten::Forgotten;
use super::journaled::{self, Journaled};
use super::lines::Lines;
use super::memory::{self, Memory};
use super::progress::Progress;
use super::resend;
use super::snapshots::{self, Snapshots};
use super::stream::Source;
use super::tally::Tally;
use super::warming::Warm;
use super::way::Way;
use super::{Verdict, rule_file};

/// Score a stream of events with a rule file
///
/// Writes one JSON line per transaction, in the order of the stream; a repeat gets its first answer again, an event that
/// is refused a line that says why, and one at which a person should look a line that says so. A summary goes to standard error.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  weir generate --events 10000 | weir score --rules rules/retail.toml\n  weir score --rules rules/retail.toml --input payments.csv.gz --mapping payments.mapping.toml --output decisions.ndjson.gz\n  weir score --rules rules/retail.toml --shadow next.toml --shadow-output would.ndjson --input payments.ndjson\n  weir score --rules rules/retail.toml --input payments.ndjson --journal journal --output decisions.ndjson\n  weir score --rules rules/retail.toml --input payments.ndjson --journal journal --warm next.toml\n\nWith a journal nothing that was answered is lost; a stream that is begun again after a crash is answered as before.\n\nReload: a control event swaps the rule set between two events, e.g.\n  {\"id\":\"c1\",\"kind\":\"control\",\"time_us\":1795341600000000,\"control\":\"rule_set\",\"subject\":\"<hash that `weir check` shows>\"}"
)]
pub(super) struct Args {
    /// The rule file
    #[arg(long, short, value_name = "FILE")]
    rules: PathBuf,
    /// A rule file that a control event of the stream may take up by its hash; may be given several times
    #[arg(long, value_name = "FILE")]
    reload: Vec<PathBuf>,
    /// A rule file that decides beside, and changes nothing; its features begin with the stream
    #[arg(long, value_name = "FILE", requires = "shadow_output", conflicts_with = "journal")]
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
    #[command(flatten)]
    journaled: Journaled,
}

/// A rule set that decides beside, and where that goes.
struct Shadow {
    writer: DecisionWriter,
    lines: Lines,
    stopped: bool,
}

impl Shadow {
    /// Loads the shadow, if one is asked for.
    fn load(args: &Args, engine: &mut Engine, tokens: Option<&Tokens>) -> anyhow::Result<Option<Self>> {
        let (Some(path), Some(output)) = (&args.shadow, &args.shadow_output) else { return Ok(None) };
        if args.source.is(output) || output == &args.output {
            bail!("{} is in use: the shadow's decisions need a file of their own", output.display());
        }
        let rules = rule_file::load(path)?;
        let writer = DecisionWriter::new(&rules, VERSION)?;
        let lists = rule_file::lists_with(path, &rules, tokens)?;
        let loaded = engine.load_shadow(rules, lists, ShadowLimits::default());
        loaded.with_context(|| format!("{} can't be the shadow", path.display()))?;
        Ok(Some(Self { writer, lines: Lines::create(output, args.line_buffered)?, stopped: false }))
    }

    /// Writes what the shadow decided, if it did.
    fn event(&mut self, event: &Event, engine: &Engine) -> anyhow::Result<()> {
        if let Some(decision) = engine.shadow_decision() {
            self.writer.write(event, decision, &mut self.lines.buffer())?;
        }
        if let Some(stopped) = engine.shadow_stopped().filter(|_| !self.stopped) {
            self.stopped = true;
            writeln!(anstream::stderr(), "warning: {stopped} (at event `{}`)", event.id())?;
        }
        self.lines.settle_plain()
    }
}

#[expect(clippy::disallowed_methods, reason = "the summary says how long it took")]
pub(super) fn run(args: &Args) -> anyhow::Result<Verdict> {
    let start = Instant::now();
    // All that may be refused is looked at first, so that no journal is begun for nothing.
    let (ready, watch) = ready(args)?;
    let schema = ready.schema();
    let reader = args.source.open(schema.clone())?;
    if args.source.is(&args.output) {
        bail!("{} is the input: decisions can't be written over the events", args.output.display());
    }
    if let Some(resend) = args.journaled.resend.as_ref()
        && (args.source.is(resend) || *resend == args.output)
    {
        bail!("{} is in use: events to be sent again need a file of their own", resend.display());
    }
    args.journaled.check_resend()?;
    let mut cut = args.by.as_deref().map(|by| Cut::new(by, &schema)).transpose()?;
    let (mut way, tokens, to_warm) = ready.open()?;
    let mut forgotten = Forgotten::new(way.engine(), matches!(way, Way::Recorded(_)));
    let mut shadow =
        way.plain().map_or(Ok(None), |plain| Shadow::load(args, &mut plain.engine, tokens.as_ref()))?;
    let mut warm = Warm::begin(args.journaled.warm.as_deref(), to_warm, &mut way)?;
    let resend = args.journaled.resend(tokens.as_ref())?;
    let mut reader = Entrance::new(reader, tokens, args.journaled.resent, way.engine().rules());
    let mut lines = Lines::create(&args.output, args.line_buffered)?.resending(resend);
    let mut tally = Tally::new(way.engine());
    let mut breakers = Breakers::default();
    let mut progress = Progress::new("scoring", None);
    let policy = args.source.on_bad_line.policy();
    let mut bad_line = None;
    while let Some(next) = reader.next_line(way.engine().rules()) {
        let (event, bytes) = match next {
            Ok(next) => next,
            Err(error) if policy.goes_on(&error) => {
                writeln!(anstream::stderr(), "skipped: {error}")?;
                continue;
            }
            // What was decided before the bad line is decided: it goes out.
            Err(error) => {
                bad_line = Some(error);
                break;
            }
        };
        let step = way.step(event, bytes).map_err(|error| lines.stopped(error))?;
        memory::check(&watch)?;
        tally.count(event, step.answer);
        if forgotten.count(event, step.answer) {
            forgotten.tell(event.id())?;
        }
        cut.iter_mut().for_each(|cut| cut.count(event, step.answer));
        if let Answer::Decided(decision) = step.answer {
            breakers.note(decision);
        }
        lines.push(event, bytes, &step);
        lines.settle(&mut way)?;
        breakers.tell(event, way.engine())?;
        if let Some(plain) = way.plain() {
            if let Some(shadow) = &mut shadow {
                shadow.event(event, &plain.engine)?;
            }
            plain.snapshots.event(&mut plain.engine, reader.counts().taken)?;
        }
        warm.event(&mut way)?;
        progress.event();
    }
    let unkept = lines.finish(&mut way)?;
    shadow.map_or(Ok(()), |shadow| shadow.lines.finish_plain())?;
    progress.finish();
    let counts = reader.counts();
    let mut report = anstream::stderr().lock();
    if let Some(error) = bad_line {
        tally.summary(way.engine(), &mut report)?;
        forgotten.summary(&mut report)?;
        way.close(unkept.is_some(), &mut report)?;
        unkept.map_or(Ok(()), |unkept| resend::summary(&unkept, &mut report))?;
        return Err(error.into());
    }
    warm.finish(&mut way)?;
    if let Some(plain) = way.plain() {
        plain.snapshots.finish(&mut plain.engine, counts.taken)?;
    }
    let seconds = start.elapsed().as_secs_f64();
    tally.summary(way.engine(), &mut report)?;
    forgotten.summary(&mut report)?;
    cut.iter().try_for_each(|cut| cut.show(&mut report))?;
    way.close(unkept.is_some(), &mut report)?;
    let rate = counts.taken as f64 / seconds;
    writeln!(
        report,
        "{} events read, {} bad lines; {seconds:.2} s, {rate:.0} events a second",
        counts.taken, counts.bad
    )?;
    let Some(unkept) = unkept else { return Ok(Verdict::Clean) };
    resend::summary(&unkept, &mut report)?;
    Err(unkept.poisoned.into())
}

/// What events go to, once nothing more can be refused.
enum Ready<'a> {
    Plain(Box<Way<'a>>, Option<Tokens>),
    Journal(Box<journaled::Ready>),
}

impl<'a> Ready<'a> {
    /// The extra fields of its events.
    fn schema(&self) -> Arc<Schema> {
        match self {
            Self::Plain(way, _) => way.engine().rules().schema.clone(),
            Self::Journal(ready) => ready.schema.clone(),
        }
    }

    /// With the tokens, and the rule set that is to be warmed.
    fn open(self) -> anyhow::Result<(Way<'a>, Option<Tokens>, Option<Bundle>)> {
        match self {
            Self::Plain(way, tokens) => Ok((*way, tokens, None)),
            Self::Journal(ready) => {
                let (recorded, tokens, warm) = ready.open()?;
                Ok((Way::Recorded(Box::new(recorded)), tokens, warm))
            }
        }
    }
}

/// The engine, new or of a snapshot, or a journal that can be opened.
fn ready(args: &Args) -> anyhow::Result<(Ready<'_>, Option<SpillWatch>)> {
    if let Some(folder) = &args.journaled.journal {
        let (limits, files, watch) = args.memory.parts()?;
        let recording = args.features.then_some(Recording::All);
        let every = args.snapshots.every();
        let ready =
            args.journaled.look(folder, &args.rules, &args.reload, (limits, files), recording, every)?;
        return Ok((Ready::Journal(Box::new(ready)), watch));
    }
    let recording = if args.features { Recording::All } else { Recording::Fired };
    let tokens = args.journaled.tokened.named()?;
    let (engine, watch) = args.memory.engine(&args.rules, &args.reload, recording, tokens.as_ref())?;
    let way = Way::in_memory(engine, Snapshots::new(&args.snapshots))?;
    Ok((Ready::Plain(Box::new(way), tokens), watch))
}
