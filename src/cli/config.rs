//! `weir config`: what a sidecar is started with; and the layers of it, for whoever starts one.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Subcommand;
use weir::rules::Severity;
use weir::server::check;
use weir::server::config::{
    CONFIG_BYTES_MAX, Checked, Config, FILE_VARIABLE, Flag, Layers, keys, read, variable,
};

use super::rule_file::RuleFile;
use super::{Verdict, access, problems};

/// Check and show with what `weir serve` would start
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  weir config check weir.toml\n  weir config show --rules rules/retail.toml\n  WEIR_BOUNDS_DEADLINE=100ms weir config show --config weir.toml\n\nExits with 1 where the configuration can't be used."
)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Say what is wrong with a configuration, and with the rule files that it names
    Check {
        /// The configuration file, as --config
        #[arg(value_name = "FILE", conflicts_with = "config")]
        file: Option<PathBuf>,
        #[command(flatten)]
        flags: Box<Flags>,
    },
    /// Show every value with where it comes from, as a file that says the same
    Show {
        #[command(flatten)]
        flags: Box<Flags>,
    },
    /// Show every key with its variable, its default and what it takes
    Keys,
}

/// The flags that say values of the configuration; what they take is read where files and variables are.
#[derive(clap::Args)]
pub(super) struct Flags {
    /// The configuration file (TOML); without it WEIR_CONFIG names one. None is read otherwise
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The rule file
    #[arg(long, short, value_name = "FILE")]
    rules: Option<OsString>,
    /// A rule file that a control event may take up by its hash; may be given several times
    #[arg(long, value_name = "FILE")]
    staged: Vec<OsString>,
    /// Take up the rule file whenever it is changed, for development
    #[arg(long)]
    follow: bool,
    /// Where to listen on TCP, or `off` [default: 127.0.0.1:8420]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<OsString>,
    /// Listen on a Unix socket as well
    #[arg(long, value_name = "PATH")]
    unix: Option<OsString>,
    /// Where to listen on TCP for frames, or `off` [default: off]
    #[arg(long, value_name = "ADDRESS")]
    listen_binary: Option<OsString>,
    /// Listen for frames on a Unix socket
    #[arg(long, value_name = "PATH")]
    unix_binary: Option<OsString>,
    /// Who may ask for what; without it everybody on this machine may ask for all on the loopback address, and on a Unix socket
    /// whoever runs weir and root
    #[arg(long, value_name = "FILE")]
    access: Option<OsString>,
    /// The certificate for TLS, with those up to an authority that clients know, in PEM
    #[arg(long, value_name = "FILE")]
    tls_cert: Option<OsString>,
    /// Its private key, in PEM
    #[arg(long, value_name = "FILE")]
    tls_key: Option<OsString>,
    /// The authorities that sign the certificates which clients must have, in PEM
    #[arg(long, value_name = "FILE")]
    client_ca: Option<OsString>,
    /// Where those listen who administrate, or `off` [default: off]
    #[arg(long, value_name = "ADDRESS")]
    admin: Option<OsString>,
    /// The journal's folder, which is made if it is not there [default: weir-journal]
    #[arg(long, value_name = "DIR")]
    journal: Option<OsString>,
    /// When an answer goes out: sync, group, or async:50ms [default: group]
    #[arg(long, value_name = "MODE")]
    durability: Option<OsString>,
    /// What to do where the journal is damaged in its middle: refuse, or go_on [default: refuse]
    #[arg(long, value_name = "WHAT")]
    on_damage: Option<OsString>,
    /// Don't read closed segments that the newest snapshot holds at the start
    #[arg(long)]
    trust_closed: bool,
    /// The Ed25519 key (PEM) that signs the journal's heads
    #[arg(long, value_name = "FILE")]
    signing_key: Option<OsString>,
    /// The file of the key for tokens
    #[arg(long, value_name = "FILE")]
    token_key: Option<OsString>,
    /// Whether tokens stand for identifiers: on, off, or as_begun [default: as_begun]
    #[arg(long, value_name = "WHETHER")]
    tokens: Option<OsString>,
    /// A snapshot after so many events [default: 1000000]
    #[arg(long, value_name = "N")]
    snapshot_every: Option<OsString>,
    /// Archive and remove first what `weir journal retain` would, with its defaults
    #[arg(long)]
    retain: bool,
    /// How long a request waits for its answer where it says nothing [default: 200ms]
    #[arg(long, value_name = "TIME")]
    deadline: Option<OsString>,
    /// What becomes of fields that events don't have: refuse, or keep [default: refuse]
    #[arg(long, value_name = "WHAT")]
    unknown_fields: Option<OsString>,
}

impl Flags {
    /// Those that were given, with the keys that they say.
    fn given(&self) -> anyhow::Result<Vec<Flag>> {
        let truth = |given: bool| given.then(|| OsString::from("true"));
        let (trust_closed, retain) = (truth(self.trust_closed), truth(self.retain));
        let follow = truth(self.follow);
        let single = [
            ("rules.file", "--rules", &self.rules),
            ("rules.follow", "--follow", &follow),
            ("server.listen", "--listen", &self.listen),
            ("server.unix", "--unix", &self.unix),
            ("server.binary", "--listen-binary", &self.listen_binary),
            ("server.binary_unix", "--unix-binary", &self.unix_binary),
            ("access.file", "--access", &self.access),
            ("tls.certificate", "--tls-cert", &self.tls_cert),
            ("tls.key", "--tls-key", &self.tls_key),
            ("tls.client_ca", "--client-ca", &self.client_ca),
            ("admin.listen", "--admin", &self.admin),
            ("journal.folder", "--journal", &self.journal),
            ("journal.durability", "--durability", &self.durability),
            ("journal.on_damage", "--on-damage", &self.on_damage),
            ("journal.trust_closed", "--trust-closed", &trust_closed),
            ("journal.signing_key", "--signing-key", &self.signing_key),
            ("tokens.key", "--token-key", &self.token_key),
            ("tokens.use", "--tokens", &self.tokens),
            ("journal.snapshot_every_events", "--snapshot-every", &self.snapshot_every),
            ("journal.retain", "--retain", &retain),
            ("bounds.deadline", "--deadline", &self.deadline),
            ("events.unknown_fields", "--unknown-fields", &self.unknown_fields),
        ];
        let single = single.iter().map(|(key, name, value)| (*key, *name, value.as_slice()));
        let all = single.chain([("rules.staged", "--staged", self.staged.as_slice())]);
        let flag = |(key, name, values): (_, _, &[OsString])| {
            let values = values.iter().map(|value| utf8(value, name)).collect::<anyhow::Result<_>>()?;
            Ok(Flag { key, name, values })
        };
        all.filter(|(_, _, values)| !values.is_empty()).map(flag).collect()
    }

    /// Reads all layers for a command; `file` is the configuration file where the command names it otherwise.
    pub(super) fn read(&self, file: Option<&Path>, command: &str) -> anyhow::Result<Checked> {
        let mut variables = BTreeMap::new();
        for (name, value) in std::env::vars_os() {
            if let Some(name) = name.to_str().filter(|name| name.starts_with("WEIR_")) {
                variables.insert(name.to_owned(), utf8(&value, name)?);
            }
        }
        let named = variables.remove(FILE_VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from);
        let path = file.or(self.config.as_deref()).or(named.as_deref());
        let file = path.map(|path| Ok::<_, anyhow::Error>((path.display().to_string(), text(path)?)));
        Ok(read(&Layers { file: file.transpose()?, variables, flags: self.given()?, command }))
    }

    /// The configuration that a command is started with; what is wrong with it is shown.
    pub(super) fn load(&self, command: &str) -> anyhow::Result<Config> {
        let checked = self.read(None, command)?;
        show(&checked)?;
        checked.config.context("the configuration can't be used")
    }
}

fn utf8(text: &OsString, name: &str) -> anyhow::Result<String> {
    text.to_str().map(str::to_owned).with_context(|| format!("what {name} says is not UTF-8"))
}

/// The text of a configuration file.
fn text(path: &Path) -> anyhow::Result<String> {
    let told = || format!("can't read the configuration {}", path.display());
    let bytes = std::fs::metadata(path).with_context(told)?.len();
    if bytes > CONFIG_BYTES_MAX as u64 {
        bail!("{} has {bytes} bytes; a configuration has at most {CONFIG_BYTES_MAX}", path.display());
    }
    std::fs::read_to_string(path).with_context(told)
}

/// Shows what is wrong, on standard error.
fn show(checked: &Checked) -> anyhow::Result<()> {
    let shown = problems::render(&checked.problems, &checked.sources, std::io::stderr().is_terminal());
    write!(anstream::stderr(), "{shown}")?;
    Ok(())
}

/// Shows what is wrong in the files that a configuration names, and with what it declares under their rules; counts that.
fn errors_in_files(config: &Config) -> anyhow::Result<usize> {
    let mut errors = 0;
    for path in [&config.rules.file].into_iter().chain(&config.rules.staged) {
        let file = RuleFile::read(path)?;
        file.show()?;
        errors += file.count(Severity::Error);
        let rules = file.checked.rule_set.as_ref();
        if let Some(Err(error)) = rules.map(|rules| config.settings.declared.check(rules)) {
            writeln!(anstream::stderr(), "error: {}: {error}", path.display())?;
            errors += 1;
        }
    }
    let secured = access::secured(config.settings.clone(), &config.security);
    if let Err(error) = secured.and_then(|settings| Ok(check(&settings)?)) {
        writeln!(anstream::stderr(), "error: {error:#}")?;
        errors += 1;
    }
    Ok(errors)
}

pub(super) fn run(args: &Args) -> anyhow::Result<Verdict> {
    let mut out = anstream::stdout().lock();
    let checked = match &args.what {
        What::Keys => {
            for entry in keys() {
                let default = if entry.default.is_empty() { "-" } else { &entry.default };
                writeln!(out, "{}\n  {}, {default}; {}", entry.key, variable(&entry.key), entry.takes)?;
                writeln!(out, "  {}", entry.about)?;
            }
            return Ok(Verdict::Clean);
        }
        What::Check { file, flags } => {
            let checked = flags.read(file.as_deref(), "weir config check")?;
            show(&checked)?;
            if let Some(config) = &checked.config {
                if errors_in_files(config)? > 0 {
                    return Ok(Verdict::Found);
                }
                writeln!(out, "this configuration can be used")?;
            }
            checked
        }
        What::Show { flags } => {
            let checked = flags.read(None, "weir config show")?;
            write!(out, "{}", checked.shown())?;
            show(&checked)?;
            checked
        }
    };
    let is_error = checked.problems.iter().any(|problem| problem.severity == Severity::Error);
    Ok(if is_error { Verdict::Found } else { Verdict::Clean })
}
