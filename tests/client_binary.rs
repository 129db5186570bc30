//! The client of the binary door against a real sidecar: what it says, many calls at a time, connections that break, and TLS.
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
#[path = "support/sidecar.rs"]
mod sidecar;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use relay::Relay;
use sha2::{Digest, Sha256};
use sidecar::{Sidecar, here, payment};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use weir::client::{Answer, Binary, Client, ClientError, ClientSettings, ClientTls, Trouble};
use weir::decision::Outcome;
use weir::frames::{self, HELLO_BYTES, Header, Type, Welcome};
use weir::hex::hex;
use weir::server::{Access, Address, Bounds, Settings, Tls};

const PATIENCE: Duration = Duration::from_secs(20);

fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(test)
}

fn within(deadline: Duration) -> ClientSettings {
    ClientSettings { deadline, ..ClientSettings::default() }
}

fn with_door(settings: Settings) -> Sidecar {
    Sidecar::start(Settings { listen: here(), binary: here(), ..settings })
}

/// What the sidecar says of its door.
fn door(sidecar: &Sidecar) -> String {
    let is_door = |address: &&Address| matches!(address, Address::Binary(_));
    sidecar.addresses.iter().find(is_door).unwrap().to_string()
}

fn refused(error: ClientError) -> (u16, String) {
    match error {
        ClientError::Refused(problem) => (problem.status, problem.word().to_owned()),
        other => panic!("{other}"),
    }
}

#[test]
fn it_says_what_the_client_over_http_says() {
    let bounds = Bounds { body_bytes_max: 4 << 10, ..Bounds::default() };
    let sidecar = with_door(Settings { bounds, ..Settings::default() });
    run(async {
        let weir = Binary::new(&door(&sidecar), within(PATIENCE)).unwrap();
        let http = Client::new(&format!("http://{}", sidecar.tcp()), within(PATIENCE)).unwrap();
        let large = payment("large", "").replace("250000", "2500000");
        let decided = weir.decide(&large).await.unwrap();
        assert_eq!((decided.outcome, decided.durable, decided.declared), (Outcome::Block, true, None));
        assert_eq!(http.decide(&large).await.unwrap(), decided);
        let brief = weir.decide_briefly(&large).await.unwrap();
        assert_eq!(
            (brief.outcome, brief.durable, brief.declared, brief.alert),
            (Outcome::Block, true, None, false)
        );
        let login = "{\"kind\":\"login\",\"id\":\"l\",\"time_us\":1795341600000000,\"customer\":\"c\",\"result\":\"failed\"}";
        assert_eq!(weir.event(login).await, http.event(login).await);
        let answer = "{\"id\":\"a\",\"time_us\":1795341601000000,\"transaction\":\"large\",\"result\":\"succeeded\",\"methods\":[\"fido\"]}";
        let answered = weir.authenticate(answer).await;
        assert!(matches!(&answered, Ok(Answer::Taken(taken)) if taken.durable), "{answered:?}");
        let other = weir.decide(&payment("large", "")).await.unwrap_err();
        assert_eq!(Err(other.clone()), http.decide(&payment("large", "")).await);
        assert_eq!(refused(other), (409, "id-reused".to_owned()));
        // One that would take the connection along is refused before it is sent.
        let long = payment("long", &format!(",\"remark\":\"{}\"", "r".repeat(5 << 10)));
        let too_large = weir.decide(&long).await.unwrap_err();
        assert_eq!(Err(too_large.clone()), http.decide(&long).await);
        assert_eq!(weir.decide(&large).await.unwrap(), decided);
    });
}

#[test]
fn many_calls_share_one_connection_and_each_has_its_own_answer() {
    let bounds = Bounds { frames_max: 50, ..Bounds::default() };
    let sidecar = with_door(Settings { bounds, ..Settings::default() });
    run(async {
        let to: SocketAddr = door(&sidecar).strip_prefix("tcp://").unwrap().parse().unwrap();
        let relay = Relay::start(to).await;
        let weir = Binary::new(&format!("tcp://{}", relay.address), within(PATIENCE)).unwrap();
        let calls: Vec<_> = (0..400)
            .map(|at| {
                let weir = weir.clone();
                tokio::spawn(async move {
                    let body = payment(&format!("p{at}"), "");
                    let body = if at % 3 == 0 { body.replace("250000", "2500000") } else { body };
                    let decided = weir.decide(&body).await.unwrap();
                    assert_eq!(decided.id, format!("p{at}"));
                    assert_eq!(decided.outcome == Outcome::Block, at % 3 == 0);
                })
            })
            .collect();
        for call in calls {
            call.await.unwrap();
        }
        assert_eq!(relay.taken(), 1);
        relay.cut();
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(weir.decide(&payment("p1", "")).await.unwrap().id, "p1", "over another connection");
        assert_eq!(relay.taken(), 2);
    });
}

#[test]
fn a_connection_that_went_silent_gives_way_to_another() {
    let sidecar = with_door(Settings::default());
    run(async {
        let to: SocketAddr = door(&sidecar).strip_prefix("tcp://").unwrap().parse().unwrap();
        let relay = Relay::start(to).await;
        let soon = within(Duration::from_millis(500));
        let soon = Binary::new(&format!("tcp://{}", relay.address), soon).unwrap();
        let weir = soon.within(PATIENCE);
        assert_eq!(weir.decide(&payment("before", "")).await.unwrap().id, "before");
        relay.silence();
        let (late, other) = (payment("late", ""), payment("other", ""));
        let (late, other) = tokio::join!(soon.decide(&late), weir.decide(&other));
        assert_eq!(late, Err(ClientError::Unanswered { tries: 1, last: Trouble::Late }));
        assert_eq!(other.unwrap().id, "other", "it was under way there, and is sent again");
        assert_eq!(soon.decide(&payment("next", "")).await.unwrap().id, "next", "over another connection");
        assert_eq!(relay.taken(), 2);
        // Whoever calls may give up before the deadline.
        relay.silence();
        let gone = payment("gone", "");
        assert!(tokio::time::timeout(Duration::from_millis(300), weir.decide(&gone)).await.is_err());
        assert_eq!(soon.decide(&payment("last", "")).await.unwrap().id, "last");
        assert_eq!(relay.taken(), 3);
    });
}

/// Somebody who takes one connection and no other, is slow for as long as a body says, and never answers a late one.
async fn answer_one_connection(listener: TcpListener) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut said = [0; HELLO_BYTES];
    stream.read_exact(&mut said).await.unwrap();
    let (mut out, mut held) = (Vec::new(), Vec::new());
    Welcome { payload_bytes_max: 1 << 10, in_flight_max: 9 }.write(&mut out);
    loop {
        stream.write_all(&out).await.unwrap();
        out.clear();
        if stream.read_buf(&mut held).await.unwrap() == 0 {
            return;
        }
        while let Some((request, body)) = frames::read(&held, 1 << 10).unwrap() {
            if body == b"stall" {
                tokio::time::sleep(Duration::from_millis(600)).await;
            }
            if body != b"late" {
                let kind = Type::Decision as u8;
                Header { kind, outcome: 1, id: request.id, ..Header::default() }.write(b"", &mut out);
            }
            held.drain(..frames::bytes_of(&held).unwrap());
        }
    }
}

#[test]
fn a_connection_on_which_answers_come_is_kept_though_one_is_late() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let soon = within(Duration::from_millis(300));
        let soon = Binary::new(&format!("tcp://{}", listener.local_addr().unwrap()), soon).unwrap();
        let weir = soon.within(PATIENCE);
        let serving = tokio::spawn(answer_one_connection(listener));
        assert_eq!(weir.decide_briefly("first").await.unwrap().outcome, Outcome::Allow);
        let (late, other) = tokio::join!(soon.decide_briefly("late"), weir.decide_briefly("other"));
        assert_eq!(late, Err(ClientError::Unanswered { tries: 1, last: Trouble::Late }));
        assert_eq!(other.unwrap().outcome, Outcome::Allow);
        assert_eq!(soon.decide_briefly("next").await.unwrap().outcome, Outcome::Allow);
        assert!(!serving.is_finished(), "over the same connection");
    });
}

#[test]
fn a_call_with_little_time_ends_no_connection_that_only_stands_still_for_a_moment() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let weir =
            Binary::new(&format!("tcp://{}", listener.local_addr().unwrap()), within(PATIENCE)).unwrap();
        let soon = weir.within(Duration::from_millis(300));
        let serving = tokio::spawn(answer_one_connection(listener));
        let (stalled, late) = tokio::join!(weir.decide_briefly("stall"), soon.decide_briefly("behind it"));
        assert_eq!(late, Err(ClientError::Unanswered { tries: 1, last: Trouble::Late }));
        assert_eq!(stalled.unwrap().outcome, Outcome::Allow, "nothing was sent again");
        assert_eq!(soon.decide_briefly("next").await.unwrap().outcome, Outcome::Allow);
        assert!(!serving.is_finished(), "over the same connection");
    });
}

#[test]
fn a_call_ends_by_its_deadline_and_says_what_came_of_it() {
    run(async {
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = silent.local_addr().unwrap();
        let settings = ClientSettings { connect_timeout: PATIENCE, ..within(Duration::from_millis(300)) };
        let weir = Binary::new(&format!("tcp://{address}"), settings).unwrap();
        let began = Instant::now();
        let error = weir.decide(&payment("1", "")).await.unwrap_err();
        assert_eq!(error, ClientError::Unanswered { tries: 1, last: Trouble::Late });
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
        drop(silent);
        let error = weir.decide(&payment("1", "")).await.unwrap_err();
        assert!(
            matches!(&error, ClientError::Unanswered { last: Trouble::Connect(_), tries: 2.. }),
            "{error}"
        );
    });
}

#[test]
fn over_tls_it_trusts_whom_it_is_told_to_and_shows_its_token() {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let (key, own) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let authority = params.self_signed(&key).unwrap().pem();
    let issuer = Issuer::new(params, key);
    let chain =
        CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&own, &issuer).unwrap();
    let tls = Tls { chain_pem: chain.pem().into(), key_pem: own.serialize_pem().into(), client_ca_pem: None };
    let hash = hex(Sha256::digest("secret of the gateway"));
    let access = format!("[[caller]]\nname = \"g\"\ntoken_sha256 = \"{hash}\"\nscopes = [\"score\"]\n");
    let access = Access::from_toml(&access).unwrap();
    let sidecar = with_door(Settings { tls: Some(tls), access, ..Settings::default() });
    let address = door(&sidecar);
    assert!(address.starts_with("tls://127.0.0.1:"), "{address}");
    let address = address.replace("127.0.0.1", "localhost");
    run(async {
        let settings = |token: &str| ClientSettings {
            token: Some(token.to_owned()),
            tls: Some(ClientTls { roots_pem: authority.clone().into(), own_pem: None }),
            ..within(PATIENCE)
        };
        let weir = Binary::new(&address, settings("secret of the gateway")).unwrap();
        assert_eq!(weir.decide(&payment("1", "")).await.unwrap().outcome, Outcome::Allow);
        assert_eq!(refused(weir.event("{}").await.unwrap_err()), (403, "scope".to_owned()));
        let nobody = Binary::new(&address, settings("secret of nobody")).unwrap();
        let error = nobody.decide(&payment("1", "")).await.unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
        assert_eq!(refused(error), (401, "unauthenticated".to_owned()));
        let plain = address.replace("tls://", "tcp://");
        let plain = Binary::new(&plain, within(Duration::from_millis(500))).unwrap();
        assert!(plain.decide(&payment("1", "")).await.is_err());
    });
}
