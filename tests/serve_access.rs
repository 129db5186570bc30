//! Who may ask the sidecar for what, and that nothing of what it is sent shows where it should not.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    reason = "a test fails loudly, documents nothing, and has a clock and threads"
)]

#[path = "support/commands.rs"]
mod commands;
#[path = "support/sidecar.rs"]
mod sidecar;

use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::process::{Child, Stdio};

use sha2::{Digest, Sha256};
use sidecar::{Answer, Sidecar, answer, connect, here, payment, request};
use weir::hex::hex;
use weir::server::{Access, Bounds, Listen, ServeError, Settings};

fn caller(name: &str, scopes: &str, more: &str) -> String {
    format!(
        "[[caller]]\nname = \"{name}\"\ntoken_sha256 = \"{}\"\nscopes = [{scopes}]\n{more}\n",
        hex(Sha256::digest(format!("token of {name}")))
    )
}

fn access(text: &str) -> Access {
    Access::from_toml(text).unwrap()
}

fn named() -> Access {
    access(
        &[
            caller("gateway", "\"score\"", ""),
            caller("events", "\"events\"", ""),
            caller("north", "\"score\", \"events\"", "tenant = \"north\""),
            caller("operator", "\"admin\", \"rules\"", ""),
        ]
        .concat(),
    )
}

fn bearer(name: &str) -> String {
    format!("authorization: Bearer token of {name}\r\n")
}

fn score(sidecar: &Sidecar, headers: &str, body: &str) -> Answer {
    sidecar.ask(&request("POST", "/v1/decisions", headers, body))
}

#[test]
fn a_token_opens_what_its_scopes_say() {
    let sidecar =
        Sidecar::start(Settings { listen: here(), admin: here(), access: named(), ..Settings::default() });
    assert_eq!(score(&sidecar, &bearer("gateway"), &payment("1", "")).status, 200);
    let nobody = score(&sidecar, "", &payment("2", ""));
    assert_eq!((nobody.status, nobody.problem().as_str()), (401, "unauthenticated"));
    assert!(nobody.header.contains("www-authenticate: Bearer realm=\"weir\""), "{nobody:?}");
    for wrong in ["Bearer token of gatewax", "Bearer ", "Basic dG9rZW46", "Bearer token of gateway2", "x"] {
        let refused = score(&sidecar, &format!("authorization: {wrong}\r\n"), &payment("3", ""));
        assert_eq!((refused.status, refused.problem().as_str()), (401, "unauthenticated"), "{wrong}");
        assert!(
            refused.header.contains("invalid_token") && !refused.body.contains("token of"),
            "{refused:?}"
        );
    }
    let lacks = score(&sidecar, &bearer("events"), &payment("4", ""));
    assert_eq!((lacks.status, lacks.problem().as_str()), (403, "scope"));
    assert!(lacks.body.contains("`score`") && lacks.header.contains("scope=\"score\""), "{lacks:?}");
    // What anybody may ask is no secret, and what is not there needs no token.
    assert_eq!(sidecar.ask(&request("GET", "/healthz", "", "")).status, 200);
    assert_eq!(sidecar.ask(&request("GET", "/v1/nothing", "", "")).status, 404);
    assert_eq!(sidecar.ask(&request("GET", "/v1/decisions", "", "")).status, 405);
    // The administrative routes are only on their listener, and need their scope there.
    assert_eq!(sidecar.ask(&request("GET", "/v1/access", &bearer("operator"), "")).status, 404);
    let admin = |headers: &str| answer(connect(sidecar.admin()), &request("GET", "/v1/access", headers, ""));
    assert_eq!(admin(&bearer("gateway")).status, 403);
    assert_eq!(admin("").status, 401);
    let listed = admin(&bearer("operator"));
    assert_eq!(listed.status, 200);
    assert!(listed.body.contains("\"name\":\"north\"") && listed.body.contains("\"tenant\":\"north\""));
    let hash = hex(Sha256::digest("token of north"));
    assert!(!listed.body.contains(&hash[..16]), "{listed:?}");
    let decide = request("POST", "/v1/decisions", &bearer("gateway"), &payment("5", ""));
    assert_eq!(answer(connect(sidecar.admin()), &decide).status, 404);
}

#[test]
fn a_token_of_a_tenant_sends_its_events_only() {
    let sidecar = Sidecar::start(Settings { listen: here(), access: named(), ..Settings::default() });
    assert_eq!(score(&sidecar, &bearer("north"), &payment("1", "")).status, 200);
    assert_eq!(score(&sidecar, &bearer("north"), &payment("1", ",\"tenant\":\"north\"")).status, 200);
    let other = score(&sidecar, &bearer("north"), &payment("1", ",\"tenant\":\"south-7\""));
    assert_eq!((other.status, other.problem().as_str()), (403, "tenant"));
    assert!(!other.body.contains("south-7"), "{other:?}");
    // The same id of no tenant is another payment.
    assert_eq!(
        score(
            &sidecar,
            &bearer("gateway"),
            &payment("1", ",\"account\":\"b\"").replacen("\"account\":\"a\",", "", 1)
        )
        .status,
        200
    );
    let batch = format!("[{},{}]", payment("2", ""), payment("3", ",\"tenant\":\"south-7\""));
    let batch = sidecar.ask(&request("POST", "/v1/decisions:batch", &bearer("north"), &batch));
    assert_eq!(batch.status, 200);
    assert!(
        batch.body.contains("\"status\":403") && batch.body.contains("\"outcome\":\"allow\""),
        "{batch:?}"
    );
    let journal = String::from_utf8_lossy(&sidecar.end()).into_owned();
    assert!(journal.contains("north") && !journal.contains("south-7"));
}

#[test]
fn what_holds_for_all_tenants_is_not_said_by_one_of_them_nor_by_a_gateway() {
    let named = access(
        &[
            caller("events", "\"events\"", ""),
            caller("north", "\"events\", \"rules\"", "tenant = \"north\""),
            caller("head", "\"events\", \"rules\"", ""),
            caller("chief", "\"events\", \"admin\"", ""),
            caller("both", "\"score\", \"events\"", ""),
        ]
        .concat(),
    );
    let sidecar = Sidecar::start(Settings { listen: here(), access: named, ..Settings::default() });
    let tell = |name: &str, body: &str| sidecar.ask(&request("POST", "/v1/events", &bearer(name), body));
    let control = format!(
        "{{\"kind\":\"control\",\"id\":\"c\",\"time_us\":1795341600000000,\"control\":\"rule_set\",\"subject\":\"{}\"}}",
        "0".repeat(64)
    );
    for name in ["events", "north", "both"] {
        let refused = tell(name, &control);
        assert_eq!((refused.status, refused.problem().as_str()), (403, "scope"), "{name}: {refused:?}");
    }
    // Which nobody has staged.
    for name in ["head", "chief"] {
        let unknown = tell(name, &control);
        assert_eq!((unknown.status, unknown.problem().as_str()), (422, "unknown-rule-set"), "{name}");
    }
    let payment = payment("1", ",\"kind\":\"transaction\"");
    let authentication = "{\"kind\":\"authentication\",\"id\":\"a\",\"time_us\":1795341600000000,\"transaction\":\"1\",\"result\":\"failed\"}";
    for (body, path) in [(payment.as_str(), "/v1/decisions"), (authentication, "/authentication")] {
        for name in ["events", "both"] {
            let elsewhere = tell(name, body);
            assert_eq!((elsewhere.status, elsewhere.problem().as_str()), (400, "bad-event"), "{elsewhere:?}");
            assert!(elsewhere.body.contains(path), "{elsewhere:?}");
        }
    }
    let journal = String::from_utf8_lossy(&sidecar.end()).into_owned();
    assert!(!journal.contains("\"account\":\"a\""), "nothing of it was taken in");
}

#[test]
fn what_is_measured_of_all_tenants_is_shown_to_none_of_them() {
    let access = access(
        &[
            caller("watch", "\"read\"", ""),
            caller("north", "\"read\"", "tenant = \"north\""),
            caller("gateway", "\"score\"", ""),
        ]
        .concat(),
    );
    let sidecar = Sidecar::start(Settings { listen: here(), admin: here(), access, ..Settings::default() });
    let scrape = |name: &str| request("GET", "/metrics", &bearer(name), "");
    for listener in [sidecar.tcp(), sidecar.admin()] {
        let refused = answer(connect(listener), &scrape("north"));
        assert_eq!((refused.status, refused.problem().as_str()), (403, "scope"));
        assert!(refused.body.contains("tenant") && !refused.body.contains("weir_"), "{refused:?}");
        assert_eq!(answer(connect(listener), &scrape("gateway")).status, 403);
        let page = answer(connect(listener), &scrape("watch"));
        assert!(page.status == 200 && page.body.contains("weir_up_seconds"), "{page:?}");
    }
    // What is its own it may look at.
    let own = request("GET", "/v1/decisions/none", &bearer("north"), "");
    assert_ne!(sidecar.ask(&own).status, 403);
}

#[test]
fn a_path_that_is_no_text_is_a_problem_too() {
    let sidecar = Sidecar::start(Settings { listen: here(), ..Settings::default() });
    for path in ["/v1/decisions/%ff", "/v1/decisions/%ff/explanation"] {
        let strange = sidecar.ask(&request("GET", path, "", ""));
        assert_eq!((strange.status, strange.problem().as_str()), (400, "bad-query"), "{strange:?}");
    }
    assert_ne!(sidecar.ask(&request("GET", "/v1/decisions/%C3%A9", "", "")).status, 400);
}

#[test]
fn where_nobody_is_named_only_this_machine_may_ask() {
    let far = |address: &str| Listen { tcp: Some(address.parse().unwrap()), ..Listen::default() };
    let refused = |settings: Settings| Sidecar::try_start(settings).err().unwrap();
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let error = refused(Settings { listen: far(address), ..Settings::default() });
        assert!(matches!(error, ServeError::Exposed { .. }), "{error}");
        assert!(error.to_string().contains("weir access new"), "{error}");
    }
    let error = refused(Settings { listen: here(), admin: far("0.0.0.0:0"), ..Settings::default() });
    assert!(matches!(error, ServeError::Exposed { .. }), "{error}");
    // Nobody is named who may administrate.
    let gateway = access(&caller("gateway", "\"score\"", ""));
    let settings =
        Settings { listen: here(), admin: far("0.0.0.0:0"), access: gateway, ..Settings::default() };
    assert!(matches!(refused(settings), ServeError::Exposed { .. }));
    let settings =
        Settings { listen: here(), admin: far("0.0.0.0:0"), access: named(), ..Settings::default() };
    assert!(matches!(refused(settings), ServeError::Plain(_)));
    let sidecar =
        Sidecar::start(Settings { listen: far("0.0.0.0:0"), access: named(), ..Settings::default() });
    let there = connect(([127, 0, 0, 1], sidecar.tcp().port()).into());
    assert_eq!(answer(there, &request("POST", "/v1/decisions", "", "{}")).status, 401);
    let open = Sidecar::start(Settings { listen: here(), admin: here(), ..Settings::default() });
    assert_eq!(score(&open, "", &payment("1", "")).status, 200);
    assert_eq!(answer(connect(open.admin()), &request("GET", "/v1/access", "", "")).status, 200);
    let page = score(&open, "origin: https://example.org\r\n", &payment("2", ""));
    assert_eq!((page.status, page.problem().as_str()), (403, "web-page"));
}

#[test]
fn a_unix_socket_knows_its_users() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weir.sock");
    let listen = Listen { unix: Some(path.clone()), ..Listen::default() };
    let decide = |headers: &str| {
        answer(
            UnixStream::connect(&path).unwrap(),
            &request("POST", "/v1/decisions", headers, &payment("1", "")),
        )
    };
    let sidecar = Sidecar::start(Settings { listen: listen.clone(), ..Settings::default() });
    let mode = || std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(), 0o660);
    assert_eq!(decide("").status, 200);
    sidecar.end();
    // With others named, whoever runs it is nobody, and a token still opens.
    let other = format!(
        "[[caller]]\nname = \"other\"\nuid = 4000000\nscopes = [\"score\"]\n{}",
        caller("gateway", "\"score\"", "")
    );
    let closed = Listen { unix_mode: 0o600, ..listen.clone() };
    let sidecar = Sidecar::start(Settings { listen: closed, access: access(&other), ..Settings::default() });
    assert_eq!(mode(), 0o600);
    assert_eq!(decide("").status, 401);
    assert_eq!(decide(&bearer("gateway")).status, 200);
    sidecar.end();
    let uid = {
        use std::os::unix::fs::MetadataExt;
        std::fs::metadata(folder.path()).unwrap().uid()
    };
    let reads = access(&format!("[[caller]]\nname = \"me\"\nuid = {uid}\nscopes = [\"read\"]\n"));
    let sidecar = Sidecar::start(Settings { listen, access: reads, ..Settings::default() });
    assert_eq!(decide("").status, 403);
    sidecar.end();
}

#[test]
fn an_event_with_a_secret_is_refused() {
    let sidecar = Sidecar::start(Settings { listen: here(), ..Settings::default() });
    for (at, more) in [
        ",\"otp\":\"483920\"",
        ",\"PIN\":483920",
        ",\"card_number\":\"4111483920111111\"",
        ",\"extra\":{\"sms_otp\":\"483920\"}",
        ",\"extra\":{\"remark\":\"x\",\"Pin Code\":\"483920\"}",
        // Which the rule file declares.
        ",\"extra\":{\"pin_code\":\"483920\"}",
        ",\"extra\":{\"faceTemplate\":\"483920\"}",
        ",\"extra\":{\"mã pin\":\"483920\"}",
        ",\"extra\":{\"ｏｔｐ\":\"483920\"}",
    ]
    .into_iter()
    .enumerate()
    {
        let refused = score(&sidecar, "", &payment(&format!("s{at}"), more));
        assert_eq!((refused.status, refused.problem().as_str()), (400, "secret"), "{more}");
        assert!(!refused.body.contains("483920"), "{refused:?}");
        let batch = format!("[{}]", payment(&format!("s{at}"), more));
        let batch = sidecar.ask(&request("POST", "/v1/decisions:batch", "", &batch));
        assert!(batch.body.contains("problem:secret") && !batch.body.contains("483920"), "{batch:?}");
    }
    assert_eq!(
        score(&sidecar, "", &payment("ok", ",\"extra\":{\"remark\":\"pin\",\"otp_sent\":true}")).status,
        200
    );
    assert!(!String::from_utf8_lossy(&sidecar.end()).contains("483920"));
}

/// Text that stands in every place where a body can be wrong, and nowhere else.
const MARK: &str = "4929mark7781";

/// Requests that are refused, with the mark in them.
fn refused_requests() -> Vec<(u16, &'static str, String)> {
    let m = MARK;
    let mut all = vec![
        (400, "/v1/decisions", format!("{{\"account\":\"{m}")),
        (400, "/v1/decisions", format!("\"{m}\"")),
        (400, "/v1/decisions", format!("[\"{m}\"]")),
        (400, "/v1/decisions", m.to_owned()),
        (400, "/v1/decisions:batch", format!("\"{m}\"")),
        (400, "/v1/decisions:batch", format!("{{\"a\":\"{m}\"}}")),
        (400, "/v1/decisions", format!("{{\"{m}\":1}}")),
        (400, "/v1/decisions", payment("x", &format!(",\"extra\":{{\"{m}\":1,\"{m}\":2}}"))),
        (400, "/v1/decisions", payment("x", &format!(",\"extra\":{{\"{m}\":[\"{m}\"]}}"))),
        (400, "/v1/decisions", payment("x", &format!(",\"extra\":\"{m}\""))),
        (400, "/v1/decisions", payment("x", &format!(",\"answered\":\"{m}\""))),
        (400, "/v1/decisions", payment("x", &format!(",\"kind\":\"{m}\""))),
        (
            400,
            "/v1/decisions/other/authentication",
            format!("{{\"id\":\"x\",\"time_us\":1,\"result\":\"failed\",\"transaction\":\"{m}\"}}"),
        ),
        (403, "/v1/decisions", payment("x", &format!(",\"tenant\":\"{m}\""))),
        (413, "/v1/decisions", payment("x", &format!(",\"device\":\"{}\"", m.repeat(20_000)))),
        (409, "/v1/decisions", payment("1", &format!(",\"device\":\"{m}\""))),
        (
            400,
            "/v1/events",
            format!(
                "{{\"kind\":\"list\",\"id\":\"l\",\"time_us\":1795341600000000,\"list\":\"{m}\",\"entry\":\"{m}\",\"action\":\"add\"}}"
            ),
        ),
    ];
    let keys = [
        "amount_minor",
        "currency",
        "received_us",
        "rate",
        "same_owner",
        "latitude",
        "level",
        "expires_us",
        "methods",
        "ip",
        "instrument",
        "customer_kind",
        "initiated_by",
    ];
    for key in keys {
        let body = format!("{{\"id\":\"x\",\"time_us\":1795341600000000,\"{key}\":\"{m}\"}}");
        all.push((400, "/v1/decisions", body));
    }
    for key in ["account", "device", "payee", "customer", "session", "id", "tenant"] {
        all.push((400, "/v1/decisions", format!("{{\"id2\":\"x\",\"{key}\":\"{m}\\n\"}}")));
        all.push((400, "/v1/decisions", format!("{{\"id\":\"x\",\"time_us\":1,\"{key}\":[\"{m}\"]}}")));
    }
    all
}

#[test]
fn no_number_of_a_refused_event_shows() {
    let sidecar = Sidecar::start(Settings { listen: here(), ..Settings::default() });
    let number = "6011000990139424123";
    let keys =
        ["time_us", "received_us", "expires_us", "amount_minor", "latitude", "rate", "same_owner", "id"];
    for (key, sign) in keys.into_iter().flat_map(|key| [(key, ""), (key, "-")]) {
        let rest =
            [("id", "\"n\""), ("time_us", "1795341600000000"), ("currency", "\"VND\""), ("longitude", "1")];
        let rest: String = rest
            .into_iter()
            .filter(|(name, _)| *name != key)
            .map(|(name, value)| format!(",\"{name}\":{value}"))
            .collect();
        let said = score(&sidecar, "", &format!("{{\"{key}\":{sign}{number}{rest}}}"));
        assert!(said.status == 400 && !said.body.contains("60110"), "{key}: {said:?}");
    }
}

#[test]
fn nothing_of_a_refused_event_shows_anywhere() {
    let sidecar = Sidecar::start(Settings {
        listen: here(),
        access: named(),
        bounds: Bounds { body_bytes_max: 100_000, ..Bounds::default() },
        ..Settings::default()
    });
    assert_eq!(score(&sidecar, &bearer("north"), &payment("1", "")).status, 200);
    for (status, path, body) in refused_requests() {
        let short: String = body.chars().take(200).collect();
        let said = sidecar.ask(&request("POST", path, &bearer("north"), &body));
        assert!(said.status == status, "{path} {short}: {said:?}");
        assert!(!said.body.contains("mark") && !said.header.contains("mark"), "{path} {short}: {said:?}");
    }
    for path in [format!("/{MARK}"), format!("/v1/decisions?{MARK}"), format!("/v1/decisions/{MARK}/none")] {
        for method in ["GET", "PUT"] {
            let said = sidecar.ask(&request(method, &path, &format!("authorization: Bearer {MARK}\r\n"), ""));
            assert!(said.status >= 400 && !said.body.contains("mark"), "{said:?}");
        }
    }
    let journal = String::from_utf8_lossy(&sidecar.end()).into_owned();
    // What was refused before it reached the engine is in no record; the one whose id was used before is put down, once.
    assert_eq!(journal.matches(MARK).count(), 1);
    assert!(journal.contains("id_reused"));
}

/// A process that ends with the test, however that ends.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[test]
fn nothing_of_an_event_shows_in_the_log_nor_in_a_journal_with_tokens() {
    let folder = commands::Folder::new();
    let serve = "serve --rules rules.toml --listen 127.0.0.1:0 --journal j";
    let mut child = Ended(folder.command(serve).stderr(Stdio::piped()).spawn().unwrap());
    let mut log = BufReader::new(child.0.stderr.take().unwrap());
    let mut line = String::new();
    let address = loop {
        line.clear();
        assert!(log.read_line(&mut line).unwrap() > 0);
        if let Some((_, address)) = line.trim().split_once("http://") {
            break address.parse().unwrap();
        }
    };
    let ready = |_: &usize| answer(connect(address), &request("GET", "/readyz", "", "")).status == 200;
    (0..1_000).find(|at| ready(at)).unwrap();
    let marks = ["account", "device", "payee", "customer", "session"]
        .map(|key| format!(",\"{key}\":\"{MARK}\""))
        .concat();
    let body = payment("1", &marks).replacen("\"account\":\"a\",", "", 1);
    let said = answer(connect(address), &request("POST", "/v1/decisions", "", &body));
    assert_eq!(said.status, 200, "{said:?}");
    // Whoever is of no tenant may send events of any, and a tenant's name is no identifier.
    for (_, path, body) in refused_requests().into_iter().filter(|(status, ..)| *status != 403) {
        let said = answer(connect(address), &request("POST", path, "", &body));
        assert!(!said.body.contains(MARK), "{said:?}");
    }
    drop(child);
    log.read_to_string(&mut line).unwrap();
    assert!(!line.contains(MARK), "{line}");
    for entry in std::fs::read_dir(folder.path("j")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            assert!(!String::from_utf8_lossy(&std::fs::read(&path).unwrap()).contains(MARK), "{path:?}");
        }
    }
}
