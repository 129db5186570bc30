//! The client against a real sidecar, and against servers that break, shed and stay silent.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    reason = "a test fails loudly, documents nothing, and has a clock and threads"
)]

#[path = "support/relay.rs"]
mod relay;
#[path = "support/served.rs"]
mod served;
#[path = "support/sidecar.rs"]
mod sidecar;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use relay::Relay;
use served::{Moody, start};
use sha2::{Digest, Sha256};
use sidecar::{Sidecar, here, payment};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use weir::client::{Answer, Client, ClientError, ClientSettings, ClientTls, Problem, Trouble};
use weir::decision::Outcome;
use weir::event::{Draft, Kind, TextField};
use weir::hex::hex;
use weir::io::Bundle;
use weir::money::currency;
use weir::server::{Access, Cause, Declaration, Declared, Listen, Settings, Tls};

const PATIENCE: Duration = Duration::from_secs(20);

fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(test)
}

fn within(deadline: Duration) -> ClientSettings {
    ClientSettings { deadline, ..ClientSettings::default() }
}

fn client(address: SocketAddr, deadline: Duration) -> Client {
    Client::new(&format!("http://{address}"), within(deadline)).unwrap()
}

fn refused(error: ClientError) -> Problem {
    match error {
        ClientError::Refused(problem) => problem,
        other => panic!("{other}"),
    }
}

#[test]
fn the_dialogue_is_the_same_over_tcp_and_a_unix_socket() {
    let folder = tempfile::tempdir().unwrap();
    let listen = Listen { unix: Some(folder.path().join("weir.sock")), ..here() };
    let sidecar = Sidecar::start(Settings { listen, ..Settings::default() });
    for address in &sidecar.addresses {
        let weir = Client::new(&address.to_string(), within(PATIENCE)).unwrap();
        let id = |name: &str| format!("{name} {}/é", address.to_string().len());
        run(async {
            let ready = weir.ready().await.unwrap();
            assert!(ready.ready && ready.status == "ready", "{ready:?}");
            let small = payment(&id("small"), "");
            let decided = weir.decide(&small).await.unwrap();
            assert_eq!((decided.outcome, decided.durable, decided.declared), (Outcome::Allow, true, None));
            assert_eq!(decided.id, id("small"));
            assert_eq!(weir.decide(&small).await.unwrap(), decided, "the same again");
            let other = refused(weir.decide(&payment(&id("small"), ",\"payee\":\"p\"")).await.unwrap_err());
            assert_eq!((other.status, other.word()), (409, "id-reused"));
            let large = small.replace("250000", "2500000").replace("small", "large");
            let (id_of_large, many) = (id("large"), [small.as_str(), "{}", large.as_str()]);
            let answers = weir.decide_batch(many).await.unwrap();
            assert_eq!(answers[0].as_ref(), Ok(&decided));
            assert_eq!(refused(answers[1].clone().unwrap_err()).status, 400);
            let blocked = answers[2].as_ref().unwrap();
            assert_eq!((blocked.outcome, &blocked.id), (Outcome::Block, &id_of_large));
            assert_eq!(weir.decide_batch(Vec::<&str>::new()).await, Ok(Vec::new()));
            let login = format!(
                "{{\"kind\":\"login\",\"id\":\"{}\",\"time_us\":1795341600000000,\"customer\":\"c\",\"result\":\"failed\"}}",
                id("login")
            );
            let Answer::Taken(taken) = weir.event(&login).await.unwrap() else {
                panic!("a login is no payment")
            };
            assert!(taken.durable && !taken.later && taken.id == id("login"), "{taken:?}");
            // The id of the path is the one of the body.
            let answer = format!(
                "{{\"id\":\"{}\",\"time_us\":1795341601000000,\"result\":\"succeeded\",\"methods\":[\"fido\"]}}",
                id("auth")
            );
            let answered = weir.authenticate(&id("small"), &answer).await;
            assert!(matches!(&answered, Ok(Answer::Taken(taken)) if taken.durable), "{answered:?}");
            let unknown = refused(weir.event("{\"kind\":\"nothing\"}").await.unwrap_err());
            assert_eq!((unknown.status, unknown.word()), (400, "bad-event"));
        });
    }
}

#[test]
fn an_event_is_sent_as_the_library_writes_it() {
    let sidecar = Sidecar::start(Settings { listen: here(), ..Settings::default() });
    let mut draft = Draft::new(Arc::default());
    draft.begin(Kind::Transaction, 1_795_341_600_000_000).unwrap();
    draft.text(TextField::Id, "drafted").unwrap();
    draft.text(TextField::Account, "a").unwrap();
    draft.amount(2_000_000, currency("VND").unwrap()).unwrap();
    let event = draft.seal().unwrap();
    let weir = client(sidecar.tcp(), PATIENCE);
    let decided = run(weir.decide(event)).unwrap();
    assert_eq!((decided.id.as_str(), decided.outcome), ("drafted", Outcome::Block));
}

#[test]
fn what_is_declared_and_what_is_not_on_disk_says_so() {
    run(async {
        let files = BTreeMap::from([("rules.toml".to_owned(), Arc::from(sidecar::RULES.as_bytes()))]);
        let rules = Bundle::new("rules.toml".to_owned(), files);
        let declared = Declared { warming: Declaration::Block, ..Declared::default() };
        let disk = Moody::default();
        disk.0.opening_ms.store(1_000, Ordering::SeqCst);
        let served = start(rules, Settings { declared, ..Settings::default() }, disk).await;
        let weir = client(served.address, PATIENCE);
        let readiness = weir.ready().await.unwrap();
        assert!(!readiness.ready && readiness.status == "recovering", "{readiness:?}");
        let early = served::payment("early", 1_000);
        let told = loop {
            // Until the rules are read there is nothing to declare by.
            match weir.within(Duration::from_millis(500)).decide(&early).await {
                Ok(told) => break told,
                Err(error) => assert!(matches!(error, ClientError::Unanswered { .. }), "{error}"),
            }
        };
        assert_eq!(
            (told.outcome, told.declared, told.durable),
            (Outcome::Block, Some(Cause::Warming), false)
        );
        served.ready().await;
        let again = weir.decide(&early).await.unwrap();
        assert_eq!((again.outcome, again.own, again.declared), (Outcome::Block, Some(Outcome::Allow), None));
        assert!(again.durable);
        // The engine is done and the disk is not: the answer comes before the deadline, not behind it.
        served.disk.0.sync_ms.store(900, Ordering::SeqCst);
        let (short, hurried) = (weir.within(Duration::from_millis(300)), served::payment("hurried", 1_000));
        let hurried = short.decide(&hurried).await.unwrap();
        assert_eq!((hurried.outcome, hurried.declared, hurried.durable), (Outcome::Allow, None, false));
        let login = "{\"kind\":\"login\",\"id\":\"l\",\"time_us\":1795341600000000,\"result\":\"failed\"}";
        let login = short.event(login).await.unwrap();
        assert!(!login.is_durable(), "{login:?}");
        served.disk.0.sync_ms.store(0, Ordering::SeqCst);
        drop((weir, short));
        served.stop().await.unwrap();
    });
}

#[test]
fn connections_are_kept_and_broken_ones_are_not_noticed() {
    let sidecar = Sidecar::start(Settings { listen: here(), ..Settings::default() });
    run(async {
        let relay = Relay::start(sidecar.tcp()).await;
        let weir = client(relay.address, PATIENCE);
        for at in 0..20 {
            weir.decide(&payment(&format!("k{at}"), "")).await.unwrap();
        }
        // A connection is kept a moment after its answer was read, so a quick next request may make another.
        assert!(relay.taken() <= 5, "{} connections for one request after another", relay.taken());
        let before = relay.taken();
        for at in 0..20 {
            // It breaks between two requests, and in the middle of some.
            if at % 2 == 0 {
                relay.cut();
            }
            let (cuts, payment) = (relay.clone(), payment(&format!("b{at}"), ""));
            let cutting = tokio::spawn(async move {
                tokio::time::sleep(Duration::from_micros(100 * at)).await;
                cuts.cut();
            });
            assert_eq!(weir.decide(&payment).await.unwrap().outcome, Outcome::Allow);
            cutting.await.unwrap();
        }
        assert!(relay.taken() > before + 9, "{} after {before}", relay.taken());
    });
}

/// A server that gives each request of a script its answer: bytes, or nothing where there are none (`hang` keeps the
/// connection open). Gives its address and what it was sent.
async fn scripted(script: Vec<&'static str>) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let sent = Arc::new(Mutex::new(Vec::new()));
    let all = Arc::clone(&sent);
    tokio::spawn(async move {
        for answer in script {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            let mut part = [0; 4096];
            // The bodies here end with a bracket, and no header does.
            let is_whole = |request: &[u8]| match request.starts_with(b"GET") {
                true => request.ends_with(b"\r\n\r\n"),
                false => request.ends_with(b"}") || request.ends_with(b"]"),
            };
            while !is_whole(&request) {
                let read = stream.read(&mut part).await.unwrap();
                request.extend_from_slice(&part[..read]);
            }
            all.lock().unwrap().push(String::from_utf8(request).unwrap());
            if answer == "hang" {
                tokio::spawn(async move {
                    tokio::time::sleep(PATIENCE).await;
                    drop(stream);
                });
                continue;
            }
            stream.write_all(answer.as_bytes()).await.unwrap();
            let _ = stream.shutdown().await;
        }
    });
    (address, sent)
}

const ALLOWED: &str =
    "HTTP/1.1 200 OK\r\ncontent-length: 29\r\nconnection: close\r\n\r\n{\"id\":\"t\",\"outcome\":\"allow\"} ";

/// How long the server may take, as each request said.
fn timeouts(sent: &Mutex<Vec<String>>) -> Vec<u64> {
    let timeout = |request: &String| {
        let line = request.lines().find_map(|line| line.strip_prefix("weir-timeout-ms: "));
        line.unwrap().parse().unwrap()
    };
    sent.lock().unwrap().iter().map(timeout).collect()
}

#[test]
fn what_breaks_or_is_shed_is_sent_again_with_less_time() {
    run(async {
        let script = vec![
            "",
            "HTTP/1.1 502 Bad Gateway\r\ncontent-length: 6\r\nconnection: close\r\n\r\n<html>",
            // An answer that ends too soon.
            "HTTP/1.1 200 OK\r\ncontent-length: 999\r\nconnection: close\r\n\r\n{\"id\":\"t\",",
            "HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            ALLOWED,
        ];
        let tries = script.len();
        let (address, sent) = scripted(script).await;
        let begun = Instant::now();
        let decided = client(address, PATIENCE).decide("{\"id\":\"t\"}").await.unwrap();
        assert_eq!(decided.outcome, Outcome::Allow);
        assert!(begun.elapsed() >= Duration::from_secs(1), "Retry-After is respected");
        let timeouts = timeouts(&sent);
        assert_eq!(timeouts.len(), tries);
        assert!(timeouts.is_sorted_by(|first, second| first >= second), "{timeouts:?}");
        assert!(timeouts[0] <= 20_000 && timeouts[tries - 1] <= timeouts[0] - 1_000, "{timeouts:?}");
    });
}

#[test]
fn what_is_refused_is_sent_once() {
    run(async {
        for status in
            ["400 Bad Request", "401 Unauthorized", "409 Conflict", "413 Too Large", "422 No", "500 No"]
        {
            let answer = format!(
                "HTTP/1.1 {status}\r\nretry-after: 0\r\ncontent-length: 32\r\nconnection: close\r\n\r\n{{\"type\":\"urn:weir:problem:some\"}}"
            );
            let (address, sent) = scripted(vec![answer.leak(), ALLOWED]).await;
            let error = client(address, PATIENCE).decide("{\"id\":\"t\"}").await.unwrap_err();
            let problem = refused(error);
            assert_eq!((problem.status.to_string(), problem.word()), (status[..3].to_owned(), "some"));
            assert_eq!(sent.lock().unwrap().len(), 1, "{status}");
        }
    });
}

#[test]
fn of_a_batch_only_what_was_shed_is_sent_again() {
    let answered = |body: &str| {
        let length = body.len();
        format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
    };
    let (allowed, shed) = (
        |id: &str| format!("{{\"id\":\"{id}\",\"outcome\":\"allow\"}}"),
        "{\"type\":\"urn:weir:problem:overload\",\"status\":503}",
    );
    run(async {
        let refuses = "{\"type\":\"urn:weir:problem:bad-event\",\"status\":400}";
        let first: &'static str =
            answered(&format!("{{\"answers\":[{},{shed},{refuses},{shed}]}}", allowed("a"))).leak();
        let second: &'static str = answered(&format!("{{\"answers\":[{},{shed}]}}", allowed("b"))).leak();
        let script = vec![first, "", second, answered("{\"answers\":[]}").leak()];
        let (address, sent) = scripted(script).await;
        let batch = ["{\"id\":\"a\"}", "{\"id\":\"b\"}", "{\"id\":\"c\"}", "{\"id\":\"d\"}"];
        let answers = client(address, PATIENCE).decide_batch(batch).await.unwrap_err();
        assert!(matches!(answers, ClientError::Unreadable(_)), "an answer to another batch: {answers}");
        let sent: Vec<String> =
            sent.lock().unwrap().iter().map(|sent| sent[sent.find('[').unwrap()..].to_owned()).collect();
        let again = "[{\"id\":\"b\"},{\"id\":\"d\"}]";
        assert_eq!(sent, [&format!("[{}]", batch.join(",")), again, again, "[{\"id\":\"d\"}]"]);
        // What is shed until the end is unanswered; the others keep their answers.
        let always: &'static str = answered(&format!("{{\"answers\":[{shed}]}}")).leak();
        let script = [first, second].into_iter().chain(std::iter::repeat_n(always, 99));
        let (address, _) = scripted(script.collect()).await;
        let answers = client(address, Duration::from_millis(400)).decide_batch(batch).await.unwrap();
        assert!(answers[0].is_ok() && answers[1].is_ok());
        assert_eq!(refused(answers[2].clone().unwrap_err()).status, 400);
        let Err(ClientError::Unanswered { tries, last: Trouble::Problem(problem) }) = &answers[3] else {
            panic!("{answers:?}")
        };
        assert!(*tries > 2 && problem.word() == "overload", "{tries} {problem}");
    });
}

#[test]
fn what_was_decided_is_asked_for_by_the_path() {
    run(async {
        let (address, sent) = scripted(vec![ALLOWED, "", ALLOWED]).await;
        let weir = client(address, PATIENCE);
        let line = weir.decision("a/b", None).await.unwrap();
        assert!(line.starts_with(b"{\"id\":\"t\""));
        weir.explanation("a", Some("north")).await.unwrap();
        let sent = sent.lock().unwrap();
        let asked: Vec<&str> = sent.iter().map(|request| request.lines().next().unwrap()).collect();
        let explanation = "GET /v1/decisions/a/explanation?tenant=north HTTP/1.1";
        assert_eq!(asked, ["GET /v1/decisions/a%2Fb HTTP/1.1", explanation, explanation]);
    });
}

#[test]
fn a_call_ends_by_its_deadline() {
    run(async {
        let most = Duration::from_millis(300);
        let soon = |begun: Instant| assert!(begun.elapsed() < 10 * most, "{:?}", begun.elapsed());
        // Nobody answers.
        let (address, sent) = scripted(vec!["hang"; 4]).await;
        let begun = Instant::now();
        let error = client(address, most).decide("{\"id\":\"t\"}").await.unwrap_err();
        assert_eq!(error, ClientError::Unanswered { tries: 1, last: Trouble::Late });
        assert!(begun.elapsed() >= most);
        soon(begun);
        let told = timeouts(&sent)[0];
        assert!((1..300).contains(&told), "the answer has a way back: {told} ms");
        // Nobody answers at first.
        let (address, _) = scripted(vec!["hang", ALLOWED]).await;
        let hurried = ClientSettings { try_timeout: Some(Duration::from_millis(60)), ..within(PATIENCE) };
        let hurried = Client::new(&format!("http://{address}"), hurried).unwrap();
        let begun = Instant::now();
        assert!(hurried.decide("{\"id\":\"t\"}").await.is_ok());
        soon(begun);
        // Whoever wants to be left alone for longer than there is time is not asked again.
        let shed = "HTTP/1.1 503 No\r\nretry-after: 7\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        let (address, sent) = scripted(vec![shed; 9]).await;
        let begun = Instant::now();
        let error = client(address, 10 * most).decide("{\"id\":\"t\"}").await.unwrap_err();
        let ClientError::Unanswered { tries: 1, last: Trouble::Problem(problem) } = error else {
            panic!("{error}")
        };
        assert_eq!((problem.status, sent.lock().unwrap().len()), (503, 1));
        assert!(begun.elapsed() < 10 * most, "it is known at once: {:?}", begun.elapsed());
        // Nobody is there.
        let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let begun = Instant::now();
        let error = client(nobody, most).decide("{\"id\":\"t\"}").await.unwrap_err();
        let ClientError::Unanswered { tries, last: Trouble::Connect(_) } = error else { panic!("{error}") };
        assert!((2..100).contains(&tries), "{tries} tries");
        soon(begun);
        let unanswered = client(nobody, most).ready().await.unwrap_err();
        assert!(matches!(unanswered, ClientError::Unanswered { tries: 1, .. }), "{unanswered}");
    });
}

#[test]
fn over_tls_one_connection_carries_many_requests_of_a_caller_that_is_known() {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_pem = params.self_signed(&key).unwrap().pem();
    let issuer = Issuer::new(params, key);
    let certified = |name: &str| {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        (params.signed_by(&key, &issuer).unwrap().pem().into_bytes(), key.serialize_pem().into_bytes())
    };
    let (chain_pem, key_pem) = certified("localhost");
    let callers = format!(
        "[[caller]]\nname = \"gateway\"\ncertificate = \"gateway.example\"\nscopes = [\"score\"]\n\
         [[caller]]\nname = \"reporter\"\ntoken_sha256 = \"{}\"\nscopes = [\"events\"]\n",
        hex(Sha256::digest("a token"))
    );
    let access = Access::from_toml(&callers).unwrap();
    let tls = Tls { chain_pem, key_pem, client_ca_pem: Some(authority_pem.clone().into()) };
    let sidecar = Sidecar::start(Settings { listen: here(), tls: Some(tls), access, ..Settings::default() });
    run(async {
        let relay = Relay::start(sidecar.tcp()).await;
        let target = format!("https://localhost:{}", relay.address.port());
        let own = |own_pem| ClientTls { roots_pem: authority_pem.clone().into(), own_pem };
        let gateway = own(Some(certified("gateway.example")));
        let weir =
            Client::new(&target, ClientSettings { tls: Some(gateway.clone()), ..within(PATIENCE) }).unwrap();
        weir.decide(&payment("first", "")).await.unwrap();
        let many: Vec<_> = (0..60)
            .map(|at| {
                let weir = weir.clone();
                tokio::spawn(async move { weir.decide(&payment(&format!("m{at}"), "")).await })
            })
            .collect();
        for one in many {
            assert_eq!(one.await.unwrap().unwrap().outcome, Outcome::Allow);
        }
        assert_eq!(relay.taken(), 1, "HTTP/2 was agreed on");
        relay.cut();
        weir.decide(&payment("after", "")).await.unwrap();
        assert_eq!(relay.taken(), 2);
        // It goes silent: calls are late until it does not answer a ping either, and the next ones have another.
        relay.silence();
        let (soon, begun) = (weir.within(Duration::from_millis(300)), Instant::now());
        while soon.decide(&payment("silent", "")).await.is_err() {
            assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
        }
        assert_eq!(relay.taken(), 3);
        // The certificate has no scope for other events; the token has no other.
        let login = "{\"kind\":\"login\",\"id\":\"l\",\"time_us\":1795341600000000,\"customer\":\"c\",\"result\":\"failed\"}";
        assert_eq!(refused(weir.event(login).await.unwrap_err()).word(), "scope");
        let token = Some("a token".to_owned());
        let both = ClientSettings { tls: Some(gateway), token, ..within(PATIENCE) };
        let both = Client::new(&target, both).unwrap();
        assert!(both.event(login).await.is_ok());
        assert_eq!(refused(both.decide(&payment("t", "")).await.unwrap_err()).word(), "scope");
        // Nobody comes in without a certificate, and nobody is asked whom another authority signed.
        let none = ClientSettings { tls: Some(own(None)), ..within(Duration::from_millis(300)) };
        let none = Client::new(&target, none).unwrap().decide(&payment("n", "")).await.unwrap_err();
        assert!(matches!(none, ClientError::Unanswered { .. }), "{none}");
        let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap().cert.pem();
        let stranger = ClientTls { roots_pem: other.into(), own_pem: None };
        let stranger = ClientSettings { tls: Some(stranger), ..within(Duration::from_millis(300)) };
        let stranger = Client::new(&target, stranger).unwrap().decide(&payment("s", "")).await.unwrap_err();
        let ClientError::Unanswered { last: Trouble::Connect(why), .. } = stranger else {
            panic!("{stranger}")
        };
        assert!(why.contains("certificate"), "{why}");
    });
}
