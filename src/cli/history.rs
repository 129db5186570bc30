//! History, and what is assumed of it: what commands take that try rules on a data set.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use sha2::{Digest, Sha256};
use weir::backtest::data::{DataError, DataSet};
use weir::backtest::report::{Counted, Data, PassRate};
use weir::backtest::run::Events;
use weir::backtest::sweep::result::MeasuredTime;
use weir::backtest::{Cache, Kept, PassRates};
use weir::hex::hex;
use weir::io::RealDisk;
use weir::money::{Currency, decimals};
use weir::size::parse_size;
use weir::time::{format_duration, parse_duration};

use super::asks::Asks;
use super::reading::{Reading, is_same_file};

/// A data set, what is assumed of it, and where what comes of it goes.
#[derive(clap::Args)]
pub(super) struct History {
    /// The data set's manifest
    #[arg(long, short, value_name = "FILE")]
    data: PathBuf,
    /// The folder that the manifest's files are in; by default its own
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// The folder for what comes of it; what was left there before is replaced
    #[arg(long, short, value_name = "DIR")]
    pub(super) out: PathBuf,
    /// The share of genuine customers who pass a step-up
    #[arg(long, value_name = "SHARE", default_value_t = 0.95, value_parser = share)]
    genuine_pass: f64,
    /// The share of frauds that pass a step-up, above 0, or KIND=SHARE for a kind of fraud; may be given several times [default: 0.2]
    #[arg(long, value_name = "SHARE", value_parser = pass_rate)]
    fraud_pass: Vec<(Option<String>, f64)>,
    /// Nothing before this time has passed is measured; by default the longest window of the rules
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(super) warm: Option<i64>,
    /// Nothing of this time before the end is measured: its labels may still come
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "0s")]
    pub(super) mature: i64,
    /// Replicates of the bootstrap behind the intervals; 0 for none
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub(super) replicates: u32,
    /// What the bootstrap and who passes a step-up are drawn from
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(super) seed: u64,
    #[command(flatten)]
    reading: Reading,
    #[command(flatten)]
    asks: Asks,
}

/// Where the past is kept for the next try.
#[derive(clap::Args)]
pub(super) struct Keeping {
    /// Keep here what payments are decided from, and begin the next try from that: an edited threshold then costs seconds. What follows
    /// from decisions is run in full all the same, which is said; so is a backtest with --against, or without --no-decisions, and a sweep
    /// with --exact
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// How much may be there when a run begins: what was used longest ago goes
    #[arg(long, value_name = "SIZE", default_value = "16GiB", value_parser = size)]
    cache_max: u64,
}

impl Keeping {
    /// Where the past is kept, by this very program.
    pub(super) fn cache(&self) -> anyhow::Result<Option<Cache>> {
        let Some(folder) = &self.cache else { return Ok(None) };
        let program = std::env::current_exe().context("this program can't be found")?;
        let bytes =
            std::fs::read(&program).with_context(|| format!("{} can't be read", program.display()))?;
        let sum: [u8; 32] = Sha256::digest(bytes).into();
        Ok(Some(Cache { folder: folder.clone(), program: hex(sum), bytes_max: self.cache_max }))
    }
}

impl History {
    /// Opens the data set, and puts down who asks where it is a journal. Fails where one of the `outputs` is read: a file of the
    /// data set, its manifest, or one of the rule files.
    pub(super) fn open(&self, what: &str, rules: &[&Path], outputs: &[&str]) -> anyhow::Result<DataSet> {
        std::fs::create_dir_all(&self.out).with_context(|| format!("can't make {}", self.out.display()))?;
        let data = DataSet::open(&self.data, self.root.as_deref(), &self.reading.settings())?;
        for journal in data.journals() {
            self.asks.put_down(&RealDisk, journal, what)?;
        }
        let files = data.paths()?;
        let read = || files.iter().map(PathBuf::as_path).chain([&*self.data]).chain(rules.iter().copied());
        for output in outputs.iter().map(|name| self.out.join(name)) {
            if read().any(|read| is_same_file(read, &output)) {
                bail!(
                    "{} is read by the {what}, which would replace it; give another --out",
                    output.display()
                );
            }
        }
        Ok(data)
    }

    /// Threads that read.
    pub(super) fn threads(&self) -> usize {
        self.reading.settings().threads
    }

    /// Who passes a step-up.
    pub(super) fn pass_rates(&self) -> anyhow::Result<PassRates> {
        let mut pass = PassRates { genuine: self.genuine_pass, ..PassRates::default() };
        let mut plain = false;
        for (kind, share) in &self.fraud_pass {
            let again = match kind {
                Some(kind) => pass.by_kind.insert(kind.clone(), *share).is_some(),
                None => {
                    pass.fraud = *share;
                    std::mem::replace(&mut plain, true)
                }
            };
            if again {
                let of = kind.as_ref().map_or_else(String::new, |kind| format!(" of `{kind}`"));
                bail!("--fraud-pass{of} is given twice; give it once");
            }
        }
        Ok(pass)
    }
}

/// A share from 0 to 1.
pub(super) fn share(text: &str) -> Result<f64, String> {
    let share = text.parse::<f64>().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "give a share from 0 to 1, such as 0.2".to_owned())
}

fn size(text: &str) -> Result<u64, String> {
    parse_size(text).ok_or_else(|| "give a size, such as 16GiB".to_owned())
}

fn pass_rate(text: &str) -> Result<(Option<String>, f64), String> {
    let (kind, text) = text.split_once('=').map_or((None, text), |(kind, text)| (Some(kind), text));
    if kind.is_some_and(str::is_empty) {
        return Err("say which kind of fraud, as in scam=0.9".to_owned());
    }
    let share = share(text)?;
    if share == 0.0 {
        return Err("give a share above 0: no step-up holds back every fraud".to_owned());
    }
    Ok((kind.map(str::to_owned), share))
}

fn duration(text: &str) -> Result<i64, String> {
    // Nothing is no duration of a rule file, and one here.
    if text.trim_start_matches('0').len() <= 1 && text.starts_with('0') {
        return Ok(0);
    }
    parse_duration(text).map_err(|error| error.to_string())
}

/// The shares by kind, as reports have them.
pub(super) fn by_kind(pass: &PassRates) -> Vec<PassRate> {
    pass.by_kind.iter().map(|(kind, share)| PassRate { kind: kind.clone(), share: *share }).collect()
}

/// Says which shares were given for kinds of fraud that nobody was measured with.
pub(super) fn tell_strange_kinds(
    pass: &PassRates,
    measured: &[Counted],
    out: &mut impl Write,
) -> std::io::Result<()> {
    let known: Vec<&str> = measured.iter().map(|kind| kind.name.as_str()).collect();
    for kind in pass.by_kind.keys().filter(|kind| !known.contains(&kind.as_str())) {
        let kinds = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        writeln!(
            out,
            "no fraud of the kind `{kind}` was measured, so its --fraud-pass changed nothing; kinds are: {kinds}"
        )?;
    }
    Ok(())
}

/// Says what became of what is kept of the past.
pub(super) fn tell_kept(kept: &Kept, out: &mut impl Write) -> std::io::Result<()> {
    match kept {
        Kept::Off => Ok(()),
        Kept::Reused { looked_at: 0, rules } => {
            writeln!(out, "from the cache: all {rules} rules fire as they did")
        }
        Kept::Reused { looked_at, rules } => {
            writeln!(out, "from the cache: {looked_at} of {rules} rules looked at anew")
        }
        Kept::Computed { new: 0, .. } => writeln!(
            out,
            "the cache has all of it: without decisions.parquet (--no-decisions) and --against the next backtest begins there"
        ),
        Kept::Computed { new, features } => {
            writeln!(out, "kept in the cache: {new} of {features} features computed anew")
        }
        Kept::Not(why) => writeln!(out, "nothing is kept in the cache: {why}"),
    }
}

/// What a report says of its data, and of the currency in which money is told.
pub(super) fn described(data: &DataSet, currency: Currency, events: Events) -> Result<Data, DataError> {
    let manifest = data.manifest();
    let (first_us, last_us) = events.times_us.unzip();
    Ok(Data {
        name: manifest.name.clone(),
        about: manifest.about.clone(),
        sha256: data.sha256()?,
        files: data.files()?,
        time_zone: manifest.time_zone.clone(),
        currency: currency.code().to_owned(),
        decimals: u8::try_from(decimals(currency)).unwrap_or(0),
        events: events.read,
        kinds: events.kinds,
        bad_rows: events.bad_rows,
        refused: events.refused,
        repeated: events.repeated,
        first_us,
        last_us,
    })
}

/// Why nothing was decided, by the most frequent reasons.
pub(super) fn why_nothing(events: u64, bad_rows: &[Counted], refused: &[Counted]) -> String {
    let mut why: Vec<&Counted> = bad_rows.iter().chain(refused).collect();
    why.sort_by_key(|counted| std::cmp::Reverse(counted.count));
    let why = why.iter().take(3).map(|counted| format!("; {} times: {}", counted.count, counted.name));
    format!(
        "no payment was decided: {events} events were read{}; `weir data check` says more of the data",
        why.collect::<String>()
    )
}

/// Fails where nothing was measured, and says why.
pub(super) fn is_measured(time: &MeasuredTime, payments: u64, events: &Events) -> anyhow::Result<()> {
    let MeasuredTime { warming, immature, warm_us, mature_us, .. } = *time;
    if payments > 0 {
        return Ok(());
    }
    if warming + immature == 0 {
        bail!("{}", why_nothing(events.read, &events.bad_rows, &events.refused));
    }
    bail!(
        "nothing is measured: {warming} payments came before windows were warm ({}), {immature} are too young for their labels ({}); give less with --warm and --mature",
        format_duration(warm_us),
        format_duration(mature_us)
    )
}

/// The command as it was given, for a shell.
pub(super) fn command() -> String {
    let quoted = |word: String| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
        if !word.is_empty() && word.chars().all(plain) {
            word
        } else {
            format!("'{}'", word.replace('\'', "'\\''"))
        }
    };
    let words = std::env::args_os().skip(1).map(|word| quoted(word.to_string_lossy().into_owned()));
    std::iter::once("weir".to_owned()).chain(words).collect::<Vec<_>>().join(" ")
}

/// Writes a file whole, or leaves it as it was; who may read it stays.
pub(super) fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let part = path.with_extension("part");
    let whole = || {
        std::fs::write(&part, bytes)?;
        if let Ok(held) = std::fs::metadata(path) {
            std::fs::set_permissions(&part, held.permissions())?;
        }
        std::fs::rename(&part, path)
    };
    whole().with_context(|| format!("can't write {}", path.display()))
}
