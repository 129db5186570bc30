//! The sections of the configuration but for the engine's: their keys, defaults and bounds, and what does not go together.
//!
//! Must never know where a value comes from.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::reader::{Entry, Reader, Section, Wrong};
use super::{
    Config, EngineOptions, JournalOptions, LogFormat, LogLevel, LogOptions, RuleFiles, SecurityFiles,
    TokenOptions, engine, measure, security,
};
use crate::journal::{Mode, OnDamage};
use crate::server::declared::{Cause, Declaration, Declared};
use crate::server::listen::Listen;
use crate::server::reading::UnknownFields;
use crate::server::settings::{Bounds, Settings};

/// What an address takes, in words; no two of these may be the same.
const ADDRESS: &str = "an IP address and a port, or off";
/// What a Unix socket takes; no two of these may be the same.
const SOCKET: &str = "a path of at most 100 bytes";
/// Bytes of the path of a Unix socket at most: systems have room for 104 or 108 with an end.
const SOCKET_BYTES_MAX: usize = 100;

/// Reads all sections; none where one that must be said is not.
pub(super) fn read(reader: &mut Reader) -> Option<Config> {
    let rules = rules(reader);
    let journal = journal(reader);
    let tokens = tokens(reader);
    let engine = engine::read(reader);
    let (listen, binary) = server(reader);
    let (security, admin) = security::read(reader);
    follow_alone(reader, rules.as_ref(), &security);
    let bounds = bounds(reader);
    let (declared, resend) = declared(reader);
    let unknown_fields = events(&mut reader.section("events"));
    let (log, slow) = log(&mut reader.section("log"));
    let without = measure::read(reader);
    places(reader, &journal, &engine);
    let snapshot_on_exit = journal.snapshot_on_exit;
    let folder = journal.folder.clone();
    let follow = rules.as_ref().filter(|rules| rules.follow).map(|rules| rules.file.clone());
    let settings = Settings {
        follow,
        listen,
        binary,
        admin,
        bounds,
        declared,
        unknown_fields,
        slow,
        snapshot_on_exit,
        journal: folder,
        resend,
        without,
        ..Settings::default()
    };
    Some(Config { rules: rules?, journal, tokens, engine, security, log, settings })
}

fn rules(reader: &mut Reader) -> Option<RuleFiles> {
    let mut section = reader.section("rules");
    let file =
        section.path("file", None, "The rule file that decides where the journal is new. Must be said");
    let staged = section.paths("staged", "Rule files that a control event may take up by their hash");
    let follow = section.truth(
        "follow",
        false,
        "For development: look at the rule file, and at what it needs, every second, and take up what was changed and has no errors",
    );
    // One that was said, and is wrong, was told.
    if file.is_none() && !reader.given.items.contains_key("rules.file") {
        let help = "give --rules FILE, WEIR_RULES_FILE=FILE, or `file` in `[rules]` of a file for --config";
        reader.conflict(&[], "`rules.file` is missing: nothing decides".to_owned(), help);
    }
    Some(RuleFiles { file: file?, staged, follow })
}

/// Tells that nobody approves what a file says that is followed.
fn follow_alone(reader: &mut Reader, rules: Option<&RuleFiles>, security: &SecurityFiles) {
    if security.approvals_required > 0 && rules.is_some_and(|rules| rules.follow) {
        let message = "a file that is followed is taken up without any approval".to_owned();
        let help = "leave out `rules.follow`, or set `approvals.required` to 0 where rules are developed";
        reader.conflict(&["rules.follow", "approvals.required"], message, help);
    }
}

fn journal(reader: &mut Reader) -> JournalOptions {
    let mut section = reader.section("journal");
    let folder = "The journal's folder, which is made if it is not there";
    let durability = |text: &str| {
        let help = "write sync, group, or async with a bound from 1ms to 60000ms, such as async:50ms";
        Mode::from_text(text).ok_or_else(|| Wrong::new("expected a mode", "not a mode").help(help))
    };
    JournalOptions {
        folder: section.path("folder", Some("weir-journal"), folder).unwrap_or_default(),
        durability: section
            .parsed(
                "durability",
                "sync, group, async:1ms to async:60000ms",
                Some(Mode::Group),
                "When an answer goes out: after a sync of its own, after that of its group, or at once with the disk at most \
                 so far behind",
                durability,
            )
            .unwrap_or(Mode::Group),
        on_damage: section.word(
            "on_damage",
            &[("refuse", OnDamage::Refuse), ("go_on", OnDamage::GoOn)],
            OnDamage::Refuse,
            "What to do where the journal is damaged in its middle: stop, or go on without what is missing, and put that \
             down",
        ),
        trust_closed: section.truth(
            "trust_closed",
            false,
            "Whether closed segments that the newest snapshot holds are not read at the start: faster, and damage in them \
             is not seen",
        ),
        signing_key: section.path(
            "signing_key",
            None,
            "The Ed25519 key (PEM) that signs the journal's heads; otherwise `signing.key` in the folder, which is made if \
             it is not there",
        ),
        snapshot_every: section.whole(
            "snapshot_every_events",
            1_000_000,
            1_000..=1_000_000_000_000,
            "A snapshot of all that is known after so many events; the fewer, the faster the next start",
        ),
        snapshot_on_exit: section.truth(
            "snapshot_on_exit",
            true,
            "Whether a snapshot is written when the process is told to end, so that the next start is fast",
        ),
        retain: section.truth(
            "retain",
            false,
            "Whether old segments are archived and removed at the start, as `weir journal retain` does with its defaults",
        ),
    }
}

fn tokens(reader: &mut Reader) -> TokenOptions {
    let mut section = reader.section("tokens");
    let on = section.word(
        "use",
        &[("as_begun", None), ("on", Some(true)), ("off", Some(false))],
        None,
        "Whether tokens stand for accounts, payees, customers, devices and sessions; `as_begun`: as the journal was begun, \
         and with tokens where it is new; `off` where the gateway sends tokens already",
    );
    let key = section.path(
        "key",
        None,
        "The file of their key, 64 hexadecimal digits that only its owner may read; otherwise `tokens.key` in the \
         journal's folder, which is made with a new journal",
    );
    if on == Some(false) && key.is_some() {
        let help = "leave one of them out";
        reader.conflict(
            &["tokens.key", "tokens.use"],
            "there is a key for tokens that are off".to_owned(),
            help,
        );
    }
    TokenOptions { on, key }
}

/// Where to listen for HTTP, and where for frames.
fn server(reader: &mut Reader) -> (Listen, Listen) {
    let mut section = reader.section("server");
    let listen = "Where to listen on TCP; port 0 takes one that is free";
    let tcp = section.address("listen", SocketAddr::from(([127, 0, 0, 1], 8420)), listen);
    let unix = section.socket("unix", "A Unix socket to listen on as well");
    let unix_mode = section.mode("unix_mode", 0o660, "Who may connect to these Unix sockets");
    let binary =
        "Where to listen on TCP for frames, as docs/binary.md has them; port 0 takes one that is free";
    let binary = Listen {
        tcp: section.address("binary", None, binary),
        unix: section.socket("binary_unix", "The same on a Unix socket"),
        unix_mode,
    };
    let nowhere = |listen: &Listen| listen.tcp.is_none() && listen.unix.is_none();
    let listen = Listen { tcp, unix, unix_mode };
    if nowhere(&listen) && nowhere(&binary) {
        let help = "give an address for `server.listen`, or a path for `server.unix`";
        reader.conflict(&["server.listen"], "there is nothing to listen on".to_owned(), help);
    }
    (listen, binary)
}

fn bounds(reader: &mut Reader) -> Bounds {
    let default = Bounds::default();
    let (ms, s) = (Duration::from_millis, Duration::from_secs);
    let mut section = reader.section("bounds");
    let bounds = Bounds {
        queue_events_max: section.whole(
            "queue_events_max",
            default.queue_events_max,
            1..=1 << 24,
            "Events that wait for the engine; more are shed",
        ),
        requests_max: section.whole(
            "requests_max",
            default.requests_max,
            1..=1_000_000,
            "Requests with events that are on their way, from their heads to their answers; more are answered 503 before their bodies are read, and a caller with some gets another only where it then has at most three times what is left free: alone it has three quarters",
        ),
        body_bytes_max: section.bytes(
            "body_bytes_max",
            default.body_bytes_max,
            1 << 10..=1 << 30,
            "Bytes of a body; a longer one is refused",
        ),
        rules_bytes_max: section.bytes(
            "rules_bytes_max",
            default.rules_bytes_max,
            1 << 10..=1 << 30,
            "Bytes of a body that proposes a rule set, with the files of its lists; a longer one is refused",
        ),
        batch_events_max: section.whole(
            "batch_events_max",
            default.batch_events_max,
            1..=100_000,
            "Events in a batch; more are refused",
        ),
        connections_max: section.whole(
            "connections_max",
            default.connections_max,
            1..=1_000_000,
            "Connections; more wait to be taken",
        ),
        connections_per_peer_max: section.whole(
            "connections_per_peer_max",
            default.connections_per_peer_max,
            1..=1_000_000,
            "Connections of one IPv4 address, of 64 bits of an IPv6 address, or of one user on a Unix socket; more are \
             closed at once",
        ),
        admin_connections_max: section.whole(
            "admin_connections_max",
            default.admin_connections_max,
            1..=10_000,
            "Connections of those who administrate, which no others keep them from; more wait to be taken",
        ),
        handshake_timeout: section.duration(
            "handshake_timeout",
            default.handshake_timeout,
            ms(100)..=s(600),
            "How long a TLS handshake may take; then the connection is closed",
        ),
        deadline: section.duration(
            "deadline",
            default.deadline,
            ms(1)..=s(600),
            "How long a request waits for its answer where it says nothing",
        ),
        deadline_max: section.duration(
            "deadline_max",
            default.deadline_max,
            ms(1)..=s(600),
            "How long a request may ask to wait; more is taken as this",
        ),
        header_timeout: section.duration(
            "header_timeout",
            default.header_timeout,
            ms(100)..=s(600),
            "How long a client may take to send a header, and until its first; then the connection is closed, at most half \
             as much later",
        ),
        header_bytes_max: section.bytes(
            "header_bytes_max",
            default.header_bytes_max,
            8 << 10..=1 << 20,
            "Bytes of a header with its first line; a longer one is answered 431",
        ),
        headers_max: section.whole(
            "headers_max",
            default.headers_max,
            16..=1_000,
            "Fields of a header; more are answered 431",
        ),
        url_bytes_max: section.bytes(
            "url_bytes_max",
            default.url_bytes_max,
            256..=64 << 10,
            "Bytes of a URL; a longer one is answered 414",
        ),
        body_timeout: section.duration(
            "body_timeout",
            default.body_timeout,
            ms(100)..=s(600),
            "How long a body may take to come, whatever its length; then it is answered 408",
        ),
        body_bytes_per_s_min: section.bytes(
            "body_bytes_per_s_min",
            default.body_bytes_per_s_min,
            1..=1 << 30,
            "Bytes a second that a body must come with after its first two seconds; a slower one is answered 408",
        ),
        bodies_bytes_max: section.bytes(
            "bodies_bytes_max",
            default.bodies_bytes_max,
            1 << 20..=1 << 40,
            "Bytes of all bodies that are read or decided at one time; what comes beside them is answered 503",
        ),
        idle_timeout: section.duration(
            "idle_timeout",
            default.idle_timeout,
            ms(100)..=s(86_400),
            "How long a connection may be without a request, or not take its answer; then it is closed",
        ),
        streams_max: section.whole(
            "streams_max",
            default.streams_max,
            1..=10_000,
            "Requests at one time on an HTTP/2 connection; more are refused by the protocol",
        ),
        frames_max: section.whole(
            "frames_max",
            default.frames_max,
            1..=1 << 20,
            "Requests at one time on a connection of the binary door; more are not read before some are answered",
        ),
        resets_max: section.whole(
            "resets_max",
            default.resets_max,
            1..=10_000,
            "Streams that an HTTP/2 client took back and that are not done with; with more the connection is closed",
        ),
        drain: section.duration(
            "drain",
            default.drain,
            ms(0)..=s(600),
            "How long open requests have to end when the process is told to",
        ),
        readers_max: section.whole(
            "readers_max",
            default.readers_max,
            1..=64,
            "Requests for what was decided that read the journal at one time; more wait, until their deadlines",
        ),
        look_bytes_max: section.bytes(
            "look_bytes_max",
            default.look_bytes_max,
            1 << 20..=1 << 50,
            "Bytes of the journal, from its end on, that one of them looks through where memory does not say where a payment is",
        ),
    };
    if bounds.deadline > bounds.deadline_max {
        let message = "a request that says nothing would wait longer than one may ask to".to_owned();
        let help = "make `bounds.deadline` at most as long as `bounds.deadline_max`";
        reader.conflict(&["bounds.deadline", "bounds.deadline_max"], message, help);
    }
    if bounds.batch_events_max > bounds.queue_events_max {
        let message = "a whole batch would never find room in the queue".to_owned();
        let help = "make `bounds.queue_events_max` at least as large as `bounds.batch_events_max`";
        reader.conflict(&["bounds.queue_events_max", "bounds.batch_events_max"], message, help);
    }
    if bounds.body_bytes_max > bounds.bodies_bytes_max {
        let message = "a whole body would never find room".to_owned();
        let help = "make `bounds.bodies_bytes_max` at least as large as `bounds.body_bytes_max`";
        reader.conflict(&["bounds.bodies_bytes_max", "bounds.body_bytes_max"], message, help);
    }
    bounds
}

fn declared(reader: &mut Reader) -> (Declared, Option<PathBuf>) {
    let mut section = reader.section("declared");
    let words = Declaration::ALL.map(|said| (said.name(), said));
    let mut of = |cause: Cause, about| {
        // Only where the journal has failed is there an engine that can decide.
        let words = if cause == Cause::JournalFailure { &words[..] } else { &words[..words.len() - 1] };
        section.word(cause.name(), words, Declaration::Refuse, about)
    };
    let declared = Declared {
        deadline: of(
            Cause::Deadline,
            "What is answered at the deadline; `refuse` is status 503, `own_fields` what the payment's own fields require of mandatory rules, and otherwise allow",
        ),
        overload: of(Cause::Overload, "What is answered where more comes than is decided in time"),
        journal_failure: of(Cause::JournalFailure, "What is answered where the journal can't be written"),
        warming: of(Cause::Warming, "What is answered while the engine recovers or fills its features"),
    };
    let resend = section.path(
        "resend",
        None,
        "Where events go that are answered though the journal has failed, to be sent again: on another disk than the \
         journal's. Must be said where `journal_failure` is not `refuse`",
    );
    if declared.journal_failure != Declaration::Refuse && resend.is_none() {
        let message = "what is answered though the journal has failed has nowhere to go".to_owned();
        let help = "give `declared.resend` a file on another disk than the journal's, or say `refuse`";
        reader.conflict(&["declared.journal_failure"], message, help);
    }
    (declared, resend)
}

fn events(section: &mut Section<'_>) -> UnknownFields {
    section.word(
        "unknown_fields",
        &[("refuse", UnknownFields::Refuse), ("keep", UnknownFields::Keep)],
        UnknownFields::Refuse,
        "What becomes of a body with fields that events don't have: refused with status 400, or left out",
    )
}

/// What is told, and from when on a request is slow.
fn log(section: &mut Section<'_>) -> (LogOptions, Duration) {
    let formats = [("text", LogFormat::Text), ("json", LogFormat::Json), ("auto", LogFormat::Auto)];
    let levels = [
        ("error", LogLevel::Error),
        ("warn", LogLevel::Warn),
        ("info", LogLevel::Info),
        ("debug", LogLevel::Debug),
    ];
    let log = LogOptions {
        format: section.word(
            "format",
            &formats,
            LogFormat::Text,
            "How lines on standard error are written; `auto` is text on a terminal and JSON elsewhere",
        ),
        level: section.word(
            "level",
            &levels,
            LogLevel::Info,
            "What is told; `debug` has a line for every request",
        ),
    };
    let (least, most) = (Duration::ZERO, Duration::from_secs(600));
    let about = "From when on a request is told as slow; 0us tells none";
    (log, section.duration("slow", Duration::from_millis(100), least..=most, about))
}

/// An address, or none.
#[derive(Clone, Copy)]
struct Address(Option<SocketAddr>);

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(address) => address.fmt(f),
            None => f.write_str("off"),
        }
    }
}

/// Permissions, as `chmod` takes them.
struct Permissions(u32);

impl fmt::Display for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04o}", self.0)
    }
}

impl Section<'_> {
    /// An address to listen on, or none where it is `off`.
    pub(super) fn address(
        &mut self,
        key: &str,
        default: impl Into<Option<SocketAddr>>,
        about: &'static str,
    ) -> Option<SocketAddr> {
        let parse = |text: &str| match text {
            "off" => Ok(Address(None)),
            _ => text.parse().map(|address| Address(Some(address))).map_err(|_| {
                Wrong::new("expected an address", "not an address")
                    .help("write an IP address and a port, such as 127.0.0.1:8420 or [::1]:8420, or off")
            }),
        };
        self.parsed(key, ADDRESS, Some(Address(default.into())), about, parse).and_then(|address| address.0)
    }

    /// The path of a Unix socket, if there is to be one.
    pub(super) fn socket(&mut self, key: &str, about: &'static str) -> Option<PathBuf> {
        let parse = |text: &str| match text.len() {
            0 => Err(Wrong::new("expected a path", "empty")),
            _ if text.contains('\0') => Err(Wrong::new("a path holds no zero byte", "not a path")),
            1..=SOCKET_BYTES_MAX => Ok(text.to_owned()),
            bytes => {
                let message = format!("a path of {bytes} bytes is too long for a Unix socket");
                let label = format!("give at most {SOCKET_BYTES_MAX} bytes");
                Err(Wrong::new(message, label))
            }
        };
        self.parsed(key, SOCKET, None, about, parse).map(PathBuf::from)
    }

    /// Permissions as `chmod` takes them, such as `0660`.
    pub(super) fn mode(&mut self, key: &str, default: u32, about: &'static str) -> u32 {
        let parse = |text: &str| {
            let mode = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o777);
            mode.map(Permissions).ok_or_else(|| {
                Wrong::new("expected permissions", "not permissions")
                    .help("write three digits of 0 to 7, such as \"0660\"")
            })
        };
        let mode =
            self.parsed(key, "permissions as chmod takes them", Some(Permissions(default)), about, parse);
        mode.map_or(default, |mode| mode.0)
    }
}

/// Tells places that are given to two.
fn places(reader: &mut Reader, journal: &JournalOptions, engine: &EngineOptions) {
    let mut held: BTreeMap<String, String> = BTreeMap::new();
    let mut twice = Vec::new();
    for Entry { key, takes, value, .. } in &reader.entries {
        // Port 0 is another one each time.
        let is_place = [ADDRESS, SOCKET].contains(&takes.as_str());
        if !is_place || value.is_empty() || value == "\"off\"" || value.ends_with(":0\"") {
            continue;
        }
        if let Some(first) = held.insert(value.clone(), key.clone()) {
            twice.push((first, key.clone()));
        }
    }
    for (first, second) in twice {
        let message = format!("`{first}` and `{second}` are the same");
        reader.conflict(&[&second, &first], message, "give each a place of its own");
    }
    if engine.spill.as_ref() == Some(&journal.folder) {
        let help = "give `engine.spill` a folder of its own: what is in it is removed at the end";
        let message = "the journal's folder is no place for what leaves memory".to_owned();
        reader.conflict(&["engine.spill", "journal.folder"], message, help);
    }
}

#[cfg(test)]
mod tests {
    use super::super::given::{Given, Origin};
    use super::*;

    #[test]
    fn no_two_sections_listen_on_the_same_place() {
        let mut reader = Reader { given: Given::default(), entries: Vec::new() };
        let one = reader.section("one").address("listen", SocketAddr::from(([127, 0, 0, 1], 1)), "");
        reader.section("two").address("listen", SocketAddr::from(([127, 0, 0, 1], 1)), "");
        assert_eq!(one.map(|one| one.port()), Some(1));
        let config = read(&mut reader);
        assert!(config.is_none(), "no rule file is said");
        let problems = reader.given.problems.iter().map(|problem| problem.message.as_str());
        assert!(problems.into_iter().any(|message| message == "`one.listen` and `two.listen` are the same"));
        assert!(reader.entries.iter().all(|entry| entry.origin == Origin::Default));
    }
}
