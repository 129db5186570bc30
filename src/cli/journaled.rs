//! The options of a journal, what opening one says, and what it did.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use clap::ValueEnum;
use weir::engine::{Limits, Recording};
use weir::event::Schema;
use weir::io::{Bundle, ChunkFiles, Disk, RealDisk, TokenedError, key_open_to_others};
use weir::journal::{
    Figures, Lock, Mode, OnDamage, OnFailure, Opened, Options, Progress, Recorded, Resend, Setup, Signer,
    SnapshotFigures, Stage, Stop, kept, known_signer, signer, wrong_public,
};
use weir::rules::RuleSet;
use weir::server::config::JournalOptions;
use weir::tokens::Tokens;

use super::door::{JournalTokens, Tokened};
use super::progress::Share;
use super::{retain, rule_file};

/// How steps are kept.
#[derive(clap::Args)]
pub(super) struct Journaled {
    /// Keep every event and every answer in this folder, so that nothing answered is lost; go on with what is there
    ///
    /// Answers go out once they are on disk. After a crash the state is what it was; a stream that is begun again is
    /// answered as it was.
    #[arg(long, value_name = "DIR", group = "state_goes", conflicts_with = "restore")]
    pub(super) journal: Option<PathBuf>,
    /// When an answer goes out: `sync` after a sync of its own, `group` after that of its group, `async:50ms` at once,
    /// with the disk at most so far behind
    #[arg(long, value_name = "MODE", default_value = "group", value_parser = mode, requires = "journal")]
    durability: Mode,
    /// What to do where the journal is damaged in its middle: stop, or go on without what is missing, and put that down
    #[arg(long, value_enum, default_value_t = Damaged::Refuse, requires = "journal")]
    on_damage: Damaged,
    /// Don't read closed segments that the newest snapshot holds when opening: faster, and damage in them is not seen
    #[arg(long, requires = "journal")]
    trust_closed: bool,
    /// What to do where the journal can't be written any more: stop, or go on answering in memory
    ///
    /// Answers then say `"durable":false`, their events go to --resend FILE with what was answered, and the exit code is 3
    /// at the end.
    #[arg(long, value_enum, default_value_t = Failing::Stop, requires = "journal", requires_if("answer", "resend"))]
    on_journal_failure: Failing,
    /// Where the events go that are answered without the journal, as lines for `weir score`; best on another disk
    #[arg(long, value_name = "FILE", requires = "on_journal_failure")]
    pub(super) resend: Option<PathBuf>,
    /// The input is such a file: what it says was answered stands, and its identifiers are tokens already
    #[arg(long, requires = "journal")]
    pub(super) resent: bool,
    /// The Ed25519 key (PEM) that signs the journal's heads; otherwise DIR/signing.key, which is made if it is not there
    #[arg(long, value_name = "FILE", requires = "journal")]
    signing_key: Option<PathBuf>,
    #[command(flatten)]
    pub(super) tokened: Tokened,
    /// Archive and remove first what `weir journal retain` would, with its defaults
    #[arg(long, requires = "journal")]
    retain: bool,
    /// A rule file that takes over by itself once its features are filled from the journal, beside scoring
    ///
    /// At the end of the stream what is left of that is done. From then on it decides, also when the journal is opened
    /// again.
    #[arg(long, value_name = "FILE", requires = "journal")]
    pub(super) warm: Option<PathBuf>,
}

/// What to do with damage.
#[derive(Clone, Copy, ValueEnum)]
pub(super) enum Damaged {
    /// Stop
    Refuse,
    /// Go on
    GoOn,
}

impl From<Damaged> for OnDamage {
    fn from(damaged: Damaged) -> Self {
        match damaged {
            Damaged::Refuse => Self::Refuse,
            Damaged::GoOn => Self::GoOn,
        }
    }
}

/// What to do where the journal fails.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Failing {
    /// Stop
    Stop,
    /// Answer in memory alone
    Answer,
}

/// After how many events a snapshot is written where nothing else is said.
const SNAPSHOT_EVERY: u64 = 1_000_000;

fn mode(text: &str) -> Result<Mode, String> {
    let why = "give sync, group, or async with a bound from 1ms to 60000ms, such as async:50ms";
    Mode::from_text(text).ok_or_else(|| why.to_owned())
}

/// The wall clock, for what people read in a journal.
#[expect(clippy::disallowed_methods, reason = "a journal says when things happened")]
pub(super) fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// How a journal is written that nobody signs.
pub(super) fn unsigned() -> anyhow::Result<Options> {
    Ok(Options::new(now_us, random()?))
}

pub(super) fn random<const BYTES: usize>() -> anyhow::Result<[u8; BYTES]> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).context("the system gives no random numbers")?;
    Ok(bytes)
}

/// Fails where the key that signs a journal is for others to read.
pub(super) fn for_its_owner_alone(folder: &Path, key: Option<&Path>) -> anyhow::Result<()> {
    let own = folder.join("signing.key");
    let path = key.unwrap_or(&own);
    if let Some(mode) = key_open_to_others(path) {
        let path = path.display();
        bail!(
            "{path} signs the journal, and others may read or write it ({mode:03o}); run `chmod 600 {path}`"
        );
    }
    Ok(())
}

impl Journaled {
    /// Fails where events can't go where they are to be sent again from.
    pub(super) fn check_resend(&self) -> anyhow::Result<()> {
        self.resend.as_deref().map_or(Ok(()), |path| Ok(Resend::check(&RealDisk, path).map(drop)?))
    }

    /// Where events go that are answered without the journal, if they are to be answered.
    pub(super) fn resend(&self, tokens: Option<&Tokens>) -> anyhow::Result<Option<Resend>> {
        let answers = self.on_journal_failure == Failing::Answer;
        let tokens = || tokens.map(|tokens| tokens.id().to_owned());
        let create = |path| Ok(Resend::create(Arc::new(RealDisk), path, tokens())?);
        self.resend.as_deref().filter(|_| answers).map(create).transpose()
    }

    /// Looks at the journal, or where one is to begin. What is refused here leaves nothing behind.
    pub(super) fn look(
        &self,
        folder: &Path,
        rules: &Path,
        reload: &[PathBuf],
        (limits, files): (Option<Limits>, Option<ChunkFiles>),
        recording: Option<Recording>,
        snapshot_every: Option<u64>,
    ) -> anyhow::Result<Ready> {
        let how = JournalOptions {
            folder: folder.to_owned(),
            durability: self.durability,
            on_damage: self.on_damage.into(),
            trust_closed: self.trust_closed,
            signing_key: self.signing_key.clone(),
            snapshot_every: snapshot_every.unwrap_or(SNAPSHOT_EVERY),
            snapshot_on_exit: false,
            retain: self.retain,
        };
        let held = (limits, files, recording);
        let files = Rules { file: rules, staged: reload, follow: false };
        let mut ready = look(how, &self.tokened, files, held)?;
        ready.answers = self.on_journal_failure == Failing::Answer;
        if let Some(path) = &self.warm {
            ready.warm = Some(tokened(bundle(path)?, ready.key.tokens.as_ref())?);
        }
        Ok(ready)
    }
}

/// The rule files that a journal is opened with.
#[derive(Clone, Copy)]
pub(super) struct Rules<'a> {
    pub(super) file: &'a Path,
    pub(super) staged: &'a [PathBuf],
    /// Whether the first may say what the journal does not know yet.
    pub(super) follow: bool,
}

/// Looks at a journal, or where one is to begin. What is refused here leaves nothing behind.
pub(super) fn look(
    how: JournalOptions,
    tokens: &Tokened,
    Rules { file: rules, staged, follow }: Rules<'_>,
    (limits, files, recording): (Option<Limits>, Option<ChunkFiles>, Option<Recording>),
) -> anyhow::Result<Ready> {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let folder = how.folder.as_path();
    let ((schema, rules), staged) = (checked(rules)?, staged.iter().map(|path| bundle(path)));
    let staged = staged.collect::<anyhow::Result<Vec<_>>>()?;
    for_its_owner_alone(folder, how.signing_key.as_deref())?;
    known_signer(&disk, folder, how.signing_key.as_deref())?;
    let key = tokens.of_journal(&disk, folder)?;
    let with_tokens = |bundle| tokened(bundle, key.tokens.as_ref());
    let setup = Setup {
        rules: with_tokens(rules)?,
        staged: staged.into_iter().map(with_tokens).collect::<Result<_, _>>()?,
        limits,
        recording,
        store: files.map(|files| Box::new(files) as _),
        snapshot_every: Some(how.snapshot_every),
    };
    if follow && !kept::all(&*disk, folder)?.is_empty() {
        // Whatever it says by now, it is to be taken up, and what decided goes on until then.
        kept::keep(&*disk, folder, &setup.rules)?;
    }
    let fits = setup.check(&disk, folder);
    key.still_new(folder)?;
    fits?;
    Ok(Ready { how, answers: false, disk, schema, key, setup, warm: None, stop: Stop::default() })
}

/// A journal that can be opened.
pub(super) struct Ready {
    how: JournalOptions,
    /// Whether events are answered where it fails.
    answers: bool,
    disk: Arc<dyn Disk>,
    /// The extra fields of its events.
    pub(super) schema: Arc<Schema>,
    key: JournalTokens,
    setup: Setup,
    /// The rule set that is to be warmed.
    warm: Option<Bundle>,
    /// What ends opening before it is done.
    pub(super) stop: Stop,
}

impl Ready {
    /// Opens the journal, or begins it, and says on standard error how far that is and what was found; with its tokens, and
    /// the rule set that is to be warmed.
    pub(super) fn open(self) -> anyhow::Result<(Recorded, Option<Tokens>, Option<Bundle>)> {
        let mut share = Share::new();
        let opened = self.open_with(&mut |done| {
            let stage = match done.stage {
                Stage::Checking => "recovering, 1 of 2: checking segments",
                Stage::Taking => "recovering, 2 of 2: taking events in again",
            };
            share.at(stage, done.bytes, done.of_bytes);
        });
        share.finish();
        let found = opened?;
        found.tell()?;
        Ok((found.recorded, found.tokens, found.warm))
    }

    /// The rule set that it is given, and its tokens: enough to read events before it is open. None where the journal may have
    /// taken up another one, which nobody knows before it is read.
    pub(super) fn early(&self) -> anyhow::Result<Option<(RuleSet, Option<Tokens>)>> {
        let own = kept::hash(&self.setup.rules);
        if !kept::none_but(&*self.disk, &self.how.folder, &own)? {
            return Ok(None);
        }
        Ok(Some((self.setup.rules.load()?.rules, self.key.tokens.clone())))
    }

    /// The rule sets that it is given: the rule file's, then the staged ones.
    pub(super) fn rule_sets(&self) -> impl Iterator<Item = anyhow::Result<RuleSet>> {
        let bundles = [&self.setup.rules].into_iter().chain(&self.setup.staged);
        bundles.map(|bundle| {
            let checked = bundle.sources()?.compile();
            checked.rule_set.with_context(|| format!("{} has errors", bundle.rules()))
        })
    }

    /// Opens the journal, or begins it.
    pub(super) fn open_with(self, progress: &mut dyn FnMut(Progress)) -> anyhow::Result<Found> {
        let Self { how, answers, disk, key, setup, warm, stop, .. } = self;
        let folder = how.folder.as_path();
        // Before any key is made, so that of those who begin at once one does.
        let lock = Lock::take(Arc::clone(&disk), folder)?;
        let signer = signer(&lock, how.signing_key.as_deref(), random()?)?;
        key.keep(&lock)?;
        let (mode, trust_closed) = (how.durability, how.trust_closed);
        let options = Options { mode, trust_closed, signer: Some(signer.clone()), stop, ..unsigned()? };
        let (mut recorded, opened) = Recorded::open_locked(lock, options, how.on_damage, setup, progress)?;
        if answers {
            recorded.on_failure(OnFailure::Answer);
        }
        Ok(Found { how, disk, signer, recorded, opened, tokens: key.tokens, warm })
    }
}

/// A journal that is open.
pub(super) struct Found {
    how: JournalOptions,
    disk: Arc<dyn Disk>,
    signer: Signer,
    pub(super) recorded: Recorded,
    opened: Opened,
    /// Whose tokens are in it.
    pub(super) tokens: Option<Tokens>,
    warm: Option<Bundle>,
}

impl Found {
    /// Says on standard error what was found, and archives where that is asked for.
    pub(super) fn tell(&self) -> anyhow::Result<()> {
        anstream::stderr().lock().write_all(self.lines()?.as_bytes())?;
        self.retain()
    }

    /// What was found, a line each.
    pub(super) fn lines(&self) -> anyhow::Result<String> {
        let mut lines = Vec::new();
        if let Some(wrong) = wrong_public(&self.disk, &self.how.folder, &self.signer) {
            writeln!(lines, "warning: {wrong}")?;
        }
        told(&self.how.folder, &self.opened, self.recorded.engine().rules(), &mut lines)?;
        Ok(String::from_utf8_lossy(&lines).into_owned())
    }

    /// Archives and removes what is old, where that is asked for.
    pub(super) fn retain(&self) -> anyhow::Result<()> {
        if self.how.retain {
            retain::beside(&self.disk, &self.how.folder, Some(self.signer.clone()))?;
        }
        Ok(())
    }
}

/// A rule file with all that it needs, and the extra fields of its events; its problems are shown as those of any rule file.
fn checked(path: &Path) -> anyhow::Result<(Arc<Schema>, Bundle)> {
    let schema = rule_file::load(path)?.schema;
    Ok((schema, Bundle::read(path)?))
}

/// A rule file with all that it needs.
pub(super) fn bundle(path: &Path) -> anyhow::Result<Bundle> {
    checked(path).map(|(_, bundle)| bundle)
}

/// The same with tokens for what is on its lists, where there is a key.
fn tokened(bundle: Bundle, tokens: Option<&Tokens>) -> Result<Bundle, TokenedError> {
    match tokens {
        Some(tokens) => bundle.tokenised(tokens),
        None => Ok(bundle),
    }
}

/// What opening found; `live` is the rule set that decides.
fn told(folder: &Path, opened: &Opened, live: &RuleSet, out: &mut impl Write) -> std::io::Result<()> {
    let Opened { recovered, begun, snapshot, events, reproduced, different, answered, .. } = opened;
    if *begun {
        return writeln!(out, "journal {}: begun", folder.display());
    }
    for why in &opened.passed_over {
        writeln!(out, "warning: {why}")?;
    }
    if let Some(torn) = &recovered.torn {
        writeln!(
            out,
            "cut: {torn}; no later record says that it was on disk, so it was answered as durable only if the disk lost or changed what it had synced"
        )?;
    }
    for damage in &recovered.damage {
        writeln!(out, "warning: {damage}")?;
    }
    for why in &opened.left {
        writeln!(out, "warning: {why}")?;
    }
    write!(out, "journal {}: goes on after record {}; ", folder.display(), recovered.last)?;
    match snapshot {
        Some(number) => write!(out, "from the snapshot after record {number} ")?,
        None => write!(out, "from its beginning ")?,
    }
    write!(out, "{events} events were taken in again, {reproduced} answers are what they were")?;
    if *answered {
        write!(out, ", the last event is answered only now")?;
    }
    if *different > 0 {
        write!(out, ", {different} behind the damage are others")?;
    }
    writeln!(out)?;
    let (name, live) = (&live.name, live.hash_text());
    if let Some((asked, hash)) = &opened.asked {
        writeln!(
            out,
            "warning: `{name}` ({live}) decides, since the journal says so, and not `{asked}` ({hash}), which the rule file says; name that with --warm, or with --reload and a control event (`rule_set`), and it takes over"
        )?;
    }
    for file in &opened.unread {
        writeln!(
            out,
            "warning: {file} says otherwise than what the journal has taken up, which holds; name the rule file with --reload too, and a control event takes it up (`rule_set`, with the subject {live})"
        )?;
    }
    Ok(())
}

/// What a journal did.
pub(super) fn summary(
    figures: &Figures,
    snapshots: &SnapshotFigures,
    out: &mut impl Write,
) -> std::io::Result<()> {
    let ms = |ns: u64| ns as f64 / 1e6;
    writeln!(
        out,
        "journal: {} records, {} bytes, {} groups; a sync took {:.2} ms at the median, {:.2} ms at p99; on disk after at most {} ms",
        figures.records,
        figures.bytes,
        figures.groups,
        ms(figures.sync_ns(0.5)),
        ms(figures.sync_ns(0.99)),
        figures.loss_window_ms_max,
    )?;
    let SnapshotFigures { written, skipped, pause_max, failed } = snapshots;
    if written + skipped > 0 {
        let pause_ms = pause_max.as_secs_f64() * 1e3;
        writeln!(out, "snapshots: {written} written, {skipped} skipped; the longest pause {pause_ms:.2} ms")?;
    }
    if let Some(why) = failed {
        writeln!(out, "warning: the last snapshot is not there: {why}")?;
    }
    Ok(())
}
