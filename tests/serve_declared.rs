//! Deadlines, a journal that stalls or fails, and the time before an engine is ready: what is declared is answered, it says
//! so, the event enters the state all the same, and no id ever has two answers that differ.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a helper of a test may stop it, and times are what it looks at"
)]

#[path = "support/served.rs"]
mod served;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use served::{Client, Moody, Served, now_us, payment, payment_at, start};
use weir::io::Bundle;
use weir::server::{Bounds, Declaration, Declared, Listen, Opening, ServeError, Settings, serve};

const RULES: &str = r#"
[ruleset]
name = "served"
time_zone = "UTC"
currency = "VND"
[auth.strong]
all = [["fido"]]
[policy]
auth = "strong"
[features]
many = { count = "*", by = "account", over = "1h" }
[[rule]]
id = "large"
when = "amount > 900"
then = "step_up"
auth = "strong"
tier = "mandatory"
[[rule]]
id = "huge"
when = "amount > 950"
then = "block"
tier = "mandatory"
[[rule]]
id = "often"
when = "many > 1"
then = "block"
"#;

fn rules() -> Bundle {
    let files = BTreeMap::from([("rules.toml".to_owned(), Arc::from(RULES.as_bytes()))]);
    Bundle::new("rules.toml".to_owned(), files)
}

fn settings(declared: Declared, queue_events_max: usize) -> Settings {
    let bounds = Bounds { queue_events_max, drain: Duration::from_secs(1), ..Bounds::default() };
    Settings { bounds, declared, ..Settings::default() }
}

fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(test)
}

async fn ask(served: &Served, body: &str, ms: u64) -> (u16, Value, Option<u64>) {
    Client::new(served.address).await.post("/v1/decisions", body, ms).await
}

/// Lets so many answers wait for the disk that the engine takes no more.
async fn stall(served: &Served, answers: usize) {
    served.disk.0.sync_ms.store(1_500, SeqCst);
    for at in 0..answers + 1 {
        let (status, said, _) = ask(served, &payment(&format!("fill{at}"), 100 + at as i64), 30).await;
        assert_eq!((status, &said["durable"]), (200, &json!(false)), "{said}");
    }
}

#[test]
fn at_a_deadline_before_the_disk_the_engines_own_answer_goes_out_and_stays() {
    run(async {
        let served = start(rules(), settings(Declared::default(), 64), Moody::default()).await;
        served.ready().await;
        served.disk.0.sync_ms.store(1_500, SeqCst);
        let body = payment("slow", 990);
        let begun = Instant::now();
        let (status, first, _) = ask(&served, &body, 60).await;
        println!("answered after {:?}", begun.elapsed());
        assert!(begun.elapsed() < Duration::from_millis(1_400));
        assert_eq!((status, &first["outcome"], &first["durable"]), (200, &json!("block"), &json!(false)));
        served.disk.0.sync_ms.store(0, SeqCst);
        let (status, again, _) = ask(&served, &body, 5_000).await;
        assert_eq!((status, &again["outcome"], &again["durable"]), (200, &json!("block"), &Value::Null));
        assert_eq!(again["rules"], first["rules"]);
        let figures = served.stop().await.unwrap();
        assert_eq!((figures.not_durable, figures.events), (1, 2));
    });
}

#[test]
fn an_engine_that_ends_by_a_mistake_ends_what_serves() {
    run(async {
        let listen = Listen { tcp: Some("127.0.0.1:0".parse().unwrap()), ..Listen::default() };
        let settings = Settings { listen, ..Settings::default() };
        let open = Box::new(|_: &mut dyn FnMut(Opening)| panic!("a mistake"));
        let ends = serve(settings, open, |_| {}, std::future::pending());
        let ended = tokio::time::timeout(Duration::from_secs(20), ends).await;
        assert!(matches!(ended, Ok(Err(ServeError::Panicked))), "{ended:?}");
    });
}

#[test]
fn a_deadline_counts_from_the_head_on_and_what_comes_behind_it_is_answered_at_once() {
    run(async {
        for declaration in [Declaration::Refuse, Declaration::StepUp] {
            let declared = Declared { deadline: declaration, ..Declared::default() };
            let served = start(rules(), settings(declared, 64), Moody::default()).await;
            served.ready().await;
            let mut client = Client::new(served.address).await;
            // The disk would keep it waiting for longer.
            served.disk.0.sync_ms.store(1_500, SeqCst);
            let (body, late) = (payment("late", 30), Duration::from_millis(400));
            let begun = Instant::now();
            let (status, said) = client.post_late("/v1/decisions", &body, 300, late).await;
            assert!(begun.elapsed() < late + Duration::from_millis(800), "{:?}", begun.elapsed());
            if declaration == Declaration::StepUp {
                assert_eq!((status, &said["declared"]), (200, &json!("deadline")), "{said}");
                assert_eq!(said["outcome"], json!("step_up"));
            } else if status == 503 {
                assert_eq!(said["type"], json!("urn:weir:problem:deadline"));
            } else {
                // The engine was there first.
                assert_eq!((status, &said["durable"]), (200, &json!(false)), "{said}");
            }
            served.disk.0.sync_ms.store(0, SeqCst);
            // It is in the state: it is answered as before, and the next one of its account is the second.
            let (status, again, _) = client.post("/v1/decisions", &body, 10_000).await;
            let told = if declaration == Declaration::StepUp { "step_up" } else { "allow" };
            assert_eq!((status, &again["outcome"]), (200, &json!(told)), "{again}");
            let (status, next, _) = client.post("/v1/decisions", &payment("next", 30), 10_000).await;
            assert_eq!((status, &next["features"]["many"]["value"]), (200, &json!(2)), "{next}");
            served.stop().await.unwrap();
        }
    });
}

#[test]
fn at_a_deadline_before_the_engine_what_is_declared_is_the_answer_for_good() {
    run(async {
        let declared = Declared { deadline: Declaration::OwnFields, ..Declared::default() };
        let served = start(rules(), settings(declared, 9), Moody::default()).await;
        served.ready().await;
        let clock = format!("{{\"id\":\"clock\",\"kind\":\"clock\",\"time_us\":{}}}", now_us());
        assert_eq!(Client::new(served.address).await.post("/v1/events", &clock, 5_000).await.0, 200);
        stall(&served, 9).await;
        let mut told = Vec::new();
        for (id, amount, outcome) in
            [("small", 30, "allow"), ("large", 920, "step_up"), ("huge", 990, "block")]
        {
            let body = payment(id, amount);
            let (status, said, _) = ask(&served, &body, 40).await;
            assert_eq!((status, &said["outcome"]), (200, &json!(outcome)), "{said}");
            assert_eq!((&said["declared"], &said["durable"]), (&json!("deadline"), &json!(false)));
            if outcome == "step_up" {
                assert_eq!(said["auth"], json!([["fido"]]));
            }
            // It is on its way, and answered with the first.
            assert_eq!(ask(&served, &body, 5_000).await.1, said);
            told.push((body, said));
        }
        let other = payment("small", 11);
        assert_eq!(ask(&served, &other, 40).await.0, 409);
        // What the engine would refuse counts as nothing, and an id is another event's too.
        let ahead = payment_at("ahead", 10, now_us() + 600_000_000);
        for body in [ahead, payment("foreign", 10).replace("VND", "KRW")] {
            let (status, said, _) = ask(&served, &body, 40).await;
            assert_eq!((status, &said["type"]), (503, &json!("urn:weir:problem:deadline")), "{said}");
        }
        assert_eq!(ask(&served, &payment("clock", 10), 40).await.0, 409);
        // A payment of before the sidecar began may have been told something before.
        let (status, said, _) = ask(&served, &payment_at("old", 10, 1_795_341_600_000_000), 250).await;
        assert_eq!((status, &said["type"]), (503, &json!("urn:weir:problem:deadline")), "{said}");
        served.disk.0.sync_ms.store(0, SeqCst);
        for (body, said) in &told {
            let again = loop {
                let (status, again, _) = ask(&served, body, 5_000).await;
                assert_eq!((status, &again["outcome"]), (200, &said["outcome"]), "{again}");
                // Until then it is on its way.
                if again["declared"].is_null() {
                    break again;
                }
                assert_eq!(again, *said);
                tokio::time::sleep(Duration::from_millis(20)).await;
            };
            assert_eq!(again["own"], said["outcome"], "the engine's own stands beside: {again}");
        }
        let figures = served.stop().await.unwrap();
        assert!(figures.joined >= 3, "{figures:?}");
        println!("{figures:?}");
    });
}

#[test]
fn whoever_asks_at_once_about_one_id_is_told_one_thing() {
    run(async {
        let declared = Declared { deadline: Declaration::OwnFields, ..Declared::default() };
        let served = Arc::new(start(rules(), settings(declared, 256), Moody::default()).await);
        served.ready().await;
        served.disk.0.sync_ms.store(15, SeqCst);
        let mut ids = Vec::new();
        for round in 0..40_u64 {
            // The engine's own is a block wherever an account pays again; its own fields let it through.
            let body = payment(&format!("id{round}"), 10);
            let asked: Vec<_> = (0..8_u64)
                .map(|at| {
                    let (served, body) = (Arc::clone(&served), body.clone());
                    tokio::spawn(async move {
                        tokio::time::sleep(Duration::from_micros(at * round * 20)).await;
                        ask(&served, &body, at * round % 7).await
                    })
                })
                .collect();
            let mut outcomes: Vec<String> = Vec::new();
            for asked in asked {
                let (status, said, _) = asked.await.unwrap();
                match status {
                    200 => outcomes.push(said["outcome"].as_str().unwrap().to_owned()),
                    503 => {}
                    _ => panic!("{status} {said}"),
                }
            }
            ids.push((body, outcomes));
        }
        served.disk.0.sync_ms.store(0, SeqCst);
        let mut kinds = [0, 0];
        for (body, outcomes) in ids {
            let last = ask(&served, &body, 5_000).await.1["outcome"].as_str().unwrap().to_owned();
            assert!(outcomes.iter().all(|outcome| *outcome == last), "{outcomes:?}, then {last}");
            kinds[usize::from(last == "block")] += 1;
        }
        println!("allowed as declared and blocked by the engine: {kinds:?}");
        let figures = Arc::into_inner(served).unwrap().stop().await.unwrap();
        println!("{figures:?}");
    });
}

#[test]
fn a_journal_that_fails_leaves_what_was_declared() {
    for said in Declaration::ALL {
        if said == Declaration::Allow {
            continue;
        }
        run(async {
            let declared = Declared { journal_failure: said, ..Declared::default() };
            let served = start(rules(), settings(declared, 64), Moody::default()).await;
            let folder = Arc::clone(&served.folder);
            served.ready().await;
            let before = payment("before", 10);
            assert_eq!(ask(&served, &before, 5_000).await.0, 200);
            served.disk.0.fails.store(true, SeqCst);
            let found = payment("found", 11);
            let (status, answer, _) = ask(&served, &found, 5_000).await;
            println!("{}: found by {status} {answer}", said.name());
            if said == Declaration::Refuse {
                assert_eq!((status, &answer["type"]), (503, &json!("urn:weir:problem:journal-failure")));
                assert_eq!(ask(&served, &payment("next", 10), 5_000).await.0, 503);
                assert!(matches!(served.stop().await, Err(ServeError::Journal(_))));
                return;
            }
            assert_eq!(
                (status, &answer["outcome"], &answer["durable"]),
                (200, &json!("allow"), &json!(false))
            );
            // Of an account that pays again: blocked by the engine, and by no field of its own.
            let next = payment("next", 10);
            let (status, answer, _) = ask(&served, &next, 5_000).await;
            println!("{}: then {status} {answer}", said.name());
            let expected = match said {
                Declaration::OwnFields => "allow",
                Declaration::StepUp => "step_up",
                _ => "block",
            };
            assert_eq!(
                (status, &answer["outcome"], &answer["durable"]),
                (200, &json!(expected), &json!(false))
            );
            let by_engine = said == Declaration::Decide;
            assert_eq!(answer["declared"].is_null(), by_engine);
            if said == Declaration::StepUp {
                assert_eq!(answer["auth"], json!([["fido"]]));
            }
            let (_, again, _) = ask(&served, &next, 5_000).await;
            assert_eq!(again["outcome"], answer["outcome"]);
            let mut client = Client::new(served.address).await;
            let clock = format!("{{\"id\":\"c\",\"kind\":\"clock\",\"time_us\":{}}}", served::now_us());
            let (status, taken, _) = client.post("/v1/events", &clock, 5_000).await;
            assert_eq!((status, &taken["durable"]), (200, &json!(false)), "{taken}");
            let (status, ready, _) = client.get("/readyz").await;
            assert_eq!((status, &ready["status"]), (200, &json!("journal_failed")));
            let (_, page) = client.ask("GET", "/metrics", "", "").await;
            assert!(page.contains("weir_stage{stage=\"in_memory\"} 1\n"), "{page}");
            assert!(page.contains("weir_stage{stage=\"ready\"} 0\n"), "{page}");
            drop(client);
            let resend = served.resend();
            let Err(ServeError::Unkept(unkept)) = served.stop().await else { panic!("it failed") };
            let kept = std::fs::read_to_string(resend).unwrap();
            drop(folder);
            let kept: Vec<Value> = kept.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            assert_eq!(kept.len() as u64, unkept.events);
            let of = |id: &str| kept.iter().find(|line| line["id"] == id).unwrap()["answered"].clone();
            assert_eq!((of("found"), of("next")), (json!("allow"), json!(expected)));
            assert!(kept.iter().all(|line| line["id"] != "before"));
        });
    }
}

#[test]
fn before_it_is_ready_what_is_declared_is_answered_and_taken_in_later() {
    run(async {
        let declared = Declared { warming: Declaration::OwnFields, ..Declared::default() };
        let disk = Moody::default();
        disk.0.opening_ms.store(2_500, SeqCst);
        let served = start(rules(), settings(declared, 8), disk).await;
        let mut client = Client::new(served.address).await;
        // As soon as the rule set is known.
        let (body, said) = loop {
            let body = payment("early", 990);
            let (status, said, _) = client.post("/v1/decisions", &body, 40).await;
            if status == 200 {
                break (body, said);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        assert_eq!(client.get("/readyz").await.0, 503);
        assert_eq!((&said["outcome"], &said["declared"]), (&json!("block"), &json!("warming")));
        assert_eq!(client.post("/v1/decisions", &body, 40).await.1, said);
        let mut full = 0;
        for at in 0..12 {
            let (status, ..) = client.post("/v1/decisions", &payment(&format!("w{at}"), 10), 40).await;
            full += usize::from(status == 503);
        }
        assert_eq!(full, 5, "what has no room is refused");
        served.ready().await;
        let again = loop {
            let (_, again, _) = client.post("/v1/decisions", &body, 5_000).await;
            assert_eq!(again["outcome"], "block", "{again}");
            // Until the engine has it, what was declared is told.
            if again["declared"].is_null() {
                break again;
            }
        };
        assert_eq!(again["own"], "block", "{again}");
        drop(client);
        served.stop().await.unwrap();
    });
}

#[test]
fn what_would_be_weaker_than_the_law_does_not_start() {
    run(async {
        let declared = Declared { deadline: Declaration::Allow, ..Declared::default() };
        let served = start(rules(), settings(declared, 8), Moody::default()).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        let Err(ServeError::Declared(refused)) = served.stop().await else { panic!("it is weaker") };
        let refused = refused.to_string();
        assert!(refused.contains("declared.deadline") && refused.contains("`large`"), "{refused}");
    });
}
