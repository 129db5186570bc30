//! The configuration: what lies over what, what is told of bad ones, what is shown, and a sidecar started with all layers.
//!
//! With `WEIR_BLESS=1` in the environment what is printed is taken as what is expected, and the table of the guide is
//! written: read the difference then.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    unreachable_pub,
    reason = "a test that fails stops"
)]

#[path = "support/commands.rs"]
mod commands;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use commands::Folder;
use weir::server::config::{Checked, Flag, Layers, Origin, keys, read, variable};

/// A configuration of a file, variables and flags.
fn of(file: &str, variables: &[(&str, &str)], flags: &[(&'static str, &str)]) -> Checked {
    let variables = variables.iter().map(|(key, value)| (variable(key), (*value).to_owned())).collect();
    let flag =
        |(key, value): &(&'static str, &str)| Flag { key, name: "--flag", values: vec![(*value).to_owned()] };
    let flags = flags.iter().map(flag).collect();
    read(&Layers {
        file: Some(("f.toml".to_owned(), file.to_owned())),
        variables,
        flags,
        command: "weir test",
    })
}

/// A key's value as it is shown, and where it comes from.
fn said(checked: &Checked, key: &str) -> (String, String) {
    let entry = checked.entries.iter().find(|entry| entry.key == key).unwrap_or_else(|| panic!("no {key}"));
    (entry.value.clone(), entry.origin.to_string())
}

/// A key with how it is said in the file, in a variable and by a flag, and how each is shown.
type Layered = (&'static str, [(&'static str, &'static str); 3]);

const LAYERED: [Layered; 11] = [
    ("rules.file", [("'a'", "\"a\""), ("b", "\"b\""), ("c", "\"c\"")]),
    ("rules.staged", [("['a', 'b,c']", "[\"a\", \"b,c\"]"), ("d, e", "[\"d\", \"e\"]"), ("f", "[\"f\"]")]),
    ("journal.durability", [("'sync'", "\"sync\""), ("async:5ms", "\"async:5ms\""), ("group", "\"group\"")]),
    ("journal.retain", [("true", "true"), ("false", "false"), ("true", "true")]),
    ("journal.snapshot_every_events", [("0x1000", "4096"), ("5000", "5000"), ("6000", "6000")]),
    ("engine.filter_bytes", [("2048", "\"2KiB\""), ("3 MiB", "\"3MiB\""), ("100", "\"100B\"")]),
    (
        "server.listen",
        [
            ("'[::1]:1'", "\"[::1]:1\""),
            ("127.0.0.1:2", "\"127.0.0.1:2\""),
            ("127.0.0.1:0", "\"127.0.0.1:0\""),
        ],
    ),
    ("server.unix", [("'a'", "\"a\""), ("b", "\"b\""), ("c", "\"c\"")]),
    ("server.unix_mode", [("'600'", "\"0600\""), ("0666", "\"0666\""), ("640", "\"0640\"")]),
    ("bounds.deadline", [("'1s'", "\"1s\""), ("1500ms", "\"1500ms\""), ("2000us", "\"2ms\"")]),
    ("declared.overload", [("'block'", "\"block\""), ("step_up", "\"step_up\""), ("allow", "\"allow\"")]),
];

#[test]
fn a_flag_lies_over_a_variable_over_the_file_over_the_default() {
    let defaults = keys();
    for (key, [(file, in_file), (variable_says, in_variable), (flag, in_flag)]) in LAYERED {
        let text = format!("{key} = {file}\n");
        let variables = [(key, variable_says)];
        let default = &defaults.iter().find(|entry| entry.key == key).unwrap().default;
        let told = |checked: Checked| {
            let wrong = |m: &&weir::rules::Problem| !m.message.contains("`rules.file` is missing");
            assert_eq!(checked.problems.iter().filter(wrong).count(), 0, "{key}: {:?}", checked.problems);
            said(&checked, key)
        };
        let is = |value: &str, origin: &str| (value.to_owned(), origin.to_owned());
        assert_eq!(told(of("", &[], &[])), is(default, "default"));
        assert_eq!(told(of(&text, &[], &[])), is(in_file, "f.toml:1"));
        assert_eq!(
            told(of(&text, &[(key, "")], &[])),
            is(in_file, "f.toml:1"),
            "an empty variable says nothing"
        );
        assert_eq!(told(of(&text, &variables, &[])), is(in_variable, &variable(key)));
        assert_eq!(told(of("", &variables, &[])), is(in_variable, &variable(key)));
        assert_eq!(told(of(&text, &variables, &[(key, flag)])), is(in_flag, "--flag"));
        assert_eq!(told(of("", &[], &[(key, flag)])), is(in_flag, "--flag"));
    }
}

#[test]
fn what_is_said_reaches_the_settings() {
    let file = "rules.file = 'r'\n[bounds]\ndeadline = '5ms'\nbody_bytes_max = '2KiB'\n[server]\nunix = 's'\nunix_mode = '600'\n\
                [engine]\nkeys_max = 77\n[declared]\nwarming = 'block'\n";
    let config = of(file, &[("journal.folder", "j")], &[("server.listen", "off")]).config.unwrap();
    let settings = &config.settings;
    assert_eq!(settings.bounds.deadline, Duration::from_millis(5));
    assert_eq!(settings.bounds.body_bytes_max, 2_048);
    assert_eq!(settings.listen.tcp, None);
    assert_eq!((settings.listen.unix.as_deref(), settings.listen.unix_mode), (Some(Path::new("s")), 0o600));
    assert_eq!(settings.declared.warming, weir::server::Declaration::Block);
    assert_eq!((settings.journal.clone(), config.journal.folder), (PathBuf::from("j"), PathBuf::from("j")));
    assert_eq!(config.engine.limits.unwrap().keys_max, 77);
    assert_eq!(
        of("rules.file = 'r'", &[], &[]).config.unwrap().engine.limits,
        None,
        "the journal's own bounds"
    );
}

#[test]
fn every_key_has_a_name_a_variable_and_a_default_of_its_own() {
    let keys = keys();
    let variables: BTreeSet<String> = keys.iter().map(|entry| variable(&entry.key)).collect();
    assert_eq!(variables.len(), keys.len());
    let mut file = String::from("rules.file = 'r'\n");
    for entry in &keys {
        assert_eq!(entry.origin, Origin::Default);
        assert!(
            entry.key.contains('.') && !entry.about.is_empty() && !entry.takes.is_empty(),
            "{}",
            entry.key
        );
        if !entry.default.is_empty() {
            file.push_str(&format!("{} = {}\n", entry.key, entry.default));
        }
    }
    let all = of(&file, &[], &[]);
    assert!(all.problems.is_empty() && all.config.is_some(), "{:?}", all.problems);
    for (entry, default) in all.entries.iter().zip(&keys).filter(|(entry, _)| entry.key != "rules.file") {
        assert_eq!(entry.value, default.default, "{}", entry.key);
        assert_eq!(entry.origin == Origin::Default, default.default.is_empty(), "{}", entry.key);
    }
}

#[test]
fn a_variable_that_nothing_reads_is_told_without_its_value() {
    let variables = BTreeMap::from([
        ("WEIR_SERVER_LISTN".to_owned(), "s3cret".to_owned()),
        ("WEIR_CONFG".to_owned(), "s3cret".to_owned()),
        ("WEIR_CONFIG".to_owned(), "weir.toml".to_owned()),
        ("WEIR_SERVICE_HOST".to_owned(), "10.0.0.1".to_owned()),
        ("WEIR_RULES_FILE".to_owned(), "r".to_owned()),
    ]);
    let checked = read(&Layers { variables, command: "weir test", ..Layers::default() });
    assert!(checked.config.is_some(), "others may have variables of their own");
    let messages: Vec<_> =
        checked.problems.iter().map(|problem| (&*problem.message, problem.help.as_deref())).collect();
    let expected = [
        ("`WEIR_CONFG` is no value of the configuration", Some("did you mean `WEIR_CONFIG`?")),
        ("`WEIR_SERVER_LISTN` is no value of the configuration", Some("did you mean `WEIR_SERVER_LISTEN`?")),
    ];
    assert_eq!(messages, expected);
    assert!(!checked.sources.text().contains("s3cret"));
}

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn is_blessed() -> bool {
    std::env::var_os("WEIR_BLESS").is_some()
}

/// What a text should be that a file holds.
fn expect(file: &Path, printed: &str) {
    if is_blessed() {
        std::fs::write(file, printed).unwrap();
    }
    let expected = std::fs::read_to_string(file).unwrap_or_default();
    assert!(
        expected == printed,
        "{}\n--- expected\n{expected}\n--- printed\n{printed}\nif it is meant so: WEIR_BLESS=1 cargo test --test configuration",
        file.display()
    );
}

/// The program in a folder, with no variable of ours but these.
fn weir(folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("WEIR_") {
            command.env_remove(name);
        }
    }
    command.args(arguments).envs(variables.iter().copied()).current_dir(folder);
    command
}

#[test]
fn each_bad_file_is_told_what_stands_beside_it() {
    let folder = repository("tests/configurations");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "toml"));
    assert!(files.len() > 5);
    for file in files {
        let name = file.file_name().unwrap().to_str().unwrap();
        let done = weir(&folder, &["config", "check", name], &[]).output().unwrap();
        assert_eq!(done.status.code(), Some(1), "{name}");
        assert!(done.stdout.is_empty(), "{name}");
        expect(&file.with_extension("expected"), &String::from_utf8(done.stderr).unwrap());
    }
}

#[test]
fn what_is_shown_says_where_it_comes_from_and_is_a_file_that_says_the_same() {
    let folder = Folder::new();
    folder.put("weir.toml", "[rules]\nfile = \"rules.toml\"\n\n[bounds]\ndeadline = \"100ms\"\n");
    let variables =
        [("WEIR_CONFIG", "weir.toml"), ("WEIR_BOUNDS_DRAIN", "1s"), ("WEIR_TOKENS_KEY", "tokens.key")];
    let show = |arguments: &[&str]| {
        let done = weir(&folder.path(""), arguments, &variables).output().unwrap();
        assert_eq!((done.status.code(), String::from_utf8(done.stderr).unwrap()), (Some(0), String::new()));
        String::from_utf8(done.stdout).unwrap()
    };
    let shown = show(&["config", "show", "--listen", "127.0.0.1:9000", "--staged", "a", "--staged", "b"]);
    expect(&repository("tests/configurations/shown.expected"), &shown);
    folder.put("again.toml", &shown);
    let again = weir(&folder.path(""), &["config", "show", "--config", "again.toml"], &[]).output().unwrap();
    let values = |shown: &str| -> Vec<String> {
        shown
            .lines()
            .map(|line| line.rsplit_once('#').map_or(line, |(value, _)| value).trim().to_owned())
            .collect()
    };
    assert_eq!(values(&String::from_utf8(again.stdout).unwrap()), values(&shown));
}

const LAW: &str = "
[ruleset]
name = 'law'
currency = 'VND'

[[rule]]
id = 'large'
when = 'amount > 100'
then = 'block'
tier = 'mandatory'
reason = 'large'
";

#[test]
fn a_check_looks_at_the_rule_files_too() {
    let folder = Folder::new();
    folder.put("weir.toml", "rules.file = 'rules.toml'\n");
    let check = |file: &str| {
        let done = weir(&folder.path(""), &["config", "check", file], &[]).output().unwrap();
        (done.status.code(), String::from_utf8(done.stdout).unwrap(), String::from_utf8(done.stderr).unwrap())
    };
    let (code, out, err) = check("weir.toml");
    assert_eq!((code, out.as_str()), (Some(0), "this configuration can be used\n"), "{err}");
    folder.put("bad.toml", "[ruleset]\n");
    folder.put("weir.toml", "rules = { file = 'rules.toml', staged = ['bad.toml'] }\n");
    let (code, _, err) = check("weir.toml");
    assert!(code == Some(1) && err.contains("bad.toml:1"), "{err}");
    folder.put("law.toml", LAW.replace('\'', "\""));
    folder.put(
        "weir.toml",
        "rules = { file = 'rules.toml', staged = ['law.toml'] }\ndeclared.overload = 'allow'\n",
    );
    let (code, _, err) = check("weir.toml");
    assert!(code == Some(1) && err.contains("law.toml") && err.contains("`large`"), "{err}");
    folder.put("weir.toml", "rules.file = 'rules.toml'\naccess.file = 'nobody.toml'\n");
    let (code, _, err) = check("weir.toml");
    assert!(code == Some(1) && err.contains("nobody.toml"), "{err}");
    let (code, _, err) = check("gone.toml");
    assert!(code == Some(3) && err.contains("can't read the configuration gone.toml"), "{err}");
}

/// A sidecar that is ended with the test.
struct Sidecar(Child);

impl Drop for Sidecar {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A request and its status and body.
fn ask(mut stream: impl Read + Write, method: &str, path: &str, body: &str) -> (u16, String) {
    let bytes = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: weir\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {bytes}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
}

#[test]
fn a_sidecar_is_started_with_a_file_variables_and_flags() {
    let folder = Folder::new();
    folder.put(
        "weir.toml",
        "[rules]\nfile = 'rules.toml'\n[server]\nlisten = '127.0.0.1:0'\nunix_mode = '0600'\n[journal]\nfolder = 'of-the-file'\n\
         [bounds]\nbody_bytes_max = '1KiB'\ndeadline = '20s'\n",
    );
    let arguments = ["serve", "--config", "weir.toml", "--journal", "of-the-flag", "--unix", "weir.sock"];
    let variables = [
        ("WEIR_EVENTS_UNKNOWN_FIELDS", "keep"),
        ("WEIR_JOURNAL_FOLDER", "of-the-variable"),
        ("WEIR_TOKENS_USE", "off"),
    ];
    let mut command = weir(&folder.path(""), &arguments, &variables);
    let mut sidecar = Sidecar(command.stderr(Stdio::piped()).spawn().unwrap());
    let mut lines = BufReader::new(sidecar.0.stderr.take().unwrap()).lines().map(Result::unwrap);
    let address = lines.find_map(|line| Some(line.split_once("http://")?.1.trim().to_owned())).unwrap();
    // What it says is taken, so that it never waits for a reader.
    std::thread::Builder::new().spawn(move || lines.for_each(drop)).unwrap();
    let tcp = || TcpStream::connect(&address).unwrap();
    for _ in 0..200 {
        if ask(tcp(), "GET", "/readyz", "").0 == 200 {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let payment = |id: &str, more: &str| {
        commands::payment(id, 1_795_341_600_000_000, 5).replace("}\n", &format!("{more}}}"))
    };
    let decide = |body: &str| ask(tcp(), "POST", "/v1/decisions", body);
    let (status, body) = decide(&payment("a", ",\"theirs\":{\"of\":[1]}"));
    assert!(status == 200 && body.contains("\"allow\""), "{status} {body}");
    let (status, body) = decide(&payment("a", ",\"theirs\":{\"of\":[2]}"));
    assert_eq!(status, 200, "what is left out tells no two apart: {body}");
    let (status, body) = decide(&payment("b", &format!(",\"note\":\"{}\"", "x".repeat(2_000))));
    assert_eq!(status, 413, "the file's bound: {body}");
    let unix = UnixStream::connect(folder.path("weir.sock")).unwrap();
    assert_eq!(ask(unix, "POST", "/v1/decisions", &payment("c", "")).0, 200);
    let mode = std::fs::metadata(folder.path("weir.sock")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(folder.path("of-the-flag").is_dir());
    assert!(!folder.path("of-the-file").exists() && !folder.path("of-the-variable").exists());
    let told = Command::new("kill").arg(sidecar.0.id().to_string()).status().unwrap();
    assert!(told.success());
    assert!(sidecar.0.wait().unwrap().success());
}

#[test]
fn a_sidecar_is_not_started_with_nonsense() {
    let folder = Folder::new();
    let done =
        weir(&folder.path(""), &["serve", "--rules", "rules.toml", "--listen", "off"], &[]).output().unwrap();
    let err = String::from_utf8(done.stderr).unwrap();
    assert!(done.status.code() == Some(3) && err.contains("there is nothing to listen on"), "{err}");
    assert!(!folder.path("weir-journal").exists(), "nothing was begun");
    folder.put("weir.toml", "nonsense");
    let done = weir(&folder.path(""), &["config", "show", "--rules", "rules.toml"], &[]).output().unwrap();
    assert_eq!(done.status.code(), Some(0), "no file is read that nobody names");
}

const BEGIN: &str = "<!-- Written by WEIR_BLESS=1 cargo test --test configuration. -->\n";
const END: &str = "<!-- The end of what is written. -->\n";

#[test]
fn the_guide_has_every_key() {
    let mut table = String::from("| key | default | takes | what it is |\n| --- | --- | --- | --- |\n");
    for entry in keys() {
        let default = if entry.default.is_empty() { String::new() } else { format!("`{}`", entry.default) };
        table.push_str(&format!("| `{}` | {default} | {} | {} |\n", entry.key, entry.takes, entry.about));
    }
    let path = repository("docs/serve.md");
    let guide = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = guide.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    expect(&path, &format!("{before}{BEGIN}{table}{END}{after}"));
}

#[test]
fn what_would_not_be_served_is_no_configuration() {
    let folder = Folder::new();
    folder.put("measured.toml", "[measure]\nwithout = \"journal\"\n[server]\nbinary = \"0.0.0.0:0\"\n");
    folder.put("cert.pem", "none");
    folder.put("key.pem", "none");
    std::fs::set_permissions(folder.path("key.pem"), PermissionsExt::from_mode(0o600)).unwrap();
    for (flags, says) in [
        ("--listen 0.0.0.0:0", "nobody is named who may ask for anything there"),
        ("--listen-binary 0.0.0.0:0", "nobody is named who may ask for a decision there"),
        ("--admin 0.0.0.0:0", "nobody is named who may ask for `rules` or `admin` there"),
        ("--config measured.toml", "`measure.without` leaves out"),
        ("--tls-cert cert.pem --tls-key key.pem", "TLS: "),
    ] {
        let line = format!("--rules rules.toml --journal j {flags}");
        let checked = folder.run(&format!("config check {line}"));
        assert!(checked.code == Some(1) && checked.err.contains(says), "{flags}: {checked:?}");
        let served = folder.run(&format!("serve {line}"));
        assert!(served.code == Some(3) && served.err.contains(says), "{flags}: {served:?}");
    }
    assert_eq!(folder.run("config check --rules rules.toml --admin 127.0.0.1:0").code, Some(0));
}
