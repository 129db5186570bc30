//! The program, killed with SIGKILL under load and started again, while clients send until they are answered: no payment is
//! decided twice differently, none is lost, and a replay gives the same decisions.
//!
//! What the operating system holds survives a killed process, so this does not test power loss; the simulated disk does.
//! `WEIR_KILLS=100` kills it a hundred times.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    missing_docs,
    unreachable_pub,
    reason = "a test fails loudly, has a clock, and documents nothing"
)]

#[path = "support/commands.rs"]
mod commands;

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use commands::Folder;
use weir::client::{Answer, Client, ClientSettings, Decision};
use weir::decision::Outcome;
use weir::io::RealDisk;
use weir::journal::{AnswerForm, Reader, Record};

/// Outcomes that change with every payment before, so that whoever decides anew decides otherwise.
const RULES: &str = r#"
[ruleset]
name = "killed"
time_zone = "UTC"
currency = "VND"
[features]
before = { count = "*", by = "account", over = "2s" }
spent = { sum = "amount", by = "account", over = "1h" }
[[rule]]
id = "fast"
when = "before > 6"
then = "block"
[[rule]]
id = "quick"
when = "before > 3 or spent < 10000"
then = "step_up"
"#;

const ACCOUNTS: u64 = 24;
const CLIENTS: u64 = 8;
/// Long enough for any start.
const PATIENCE: Duration = Duration::from_secs(60);

/// A small generator of numbers: the moments differ from run to run anyway, since the machine's load does.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// The program, serving in a folder.
struct Run {
    child: Child,
    lines: Receiver<String>,
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Run {
    fn start(folder: &Folder, listen: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("WEIR_")) {
            command.env_remove(name);
        }
        command.args([
            "serve",
            "--rules",
            "rules.toml",
            "--journal",
            "j",
            "--unix",
            "weir.sock",
            "--listen",
            listen,
        ]);
        command.env("WEIR_JOURNAL_SNAPSHOT_EVERY_EVENTS", "1000");
        let mut child = command.current_dir(folder.path("")).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (tell, lines) = channel();
        std::thread::Builder::new()
            .spawn(move || stderr.lines().map_while(Result::ok).for_each(|line| drop(tell.send(line))))
            .unwrap();
        Self { child, lines }
    }

    /// Where it listens on TCP.
    fn address(&self) -> String {
        let line = loop {
            let line = self.lines.recv_timeout(PATIENCE).unwrap();
            if line.contains("listening on http://") {
                break line;
            }
        };
        let address = line.split_once("http://").unwrap().1;
        address[..address.find('"').unwrap_or(address.len())].trim().to_owned()
    }

    /// Told to end in order.
    fn end(mut self) {
        assert!(Command::new("kill").arg(self.child.id().to_string()).status().unwrap().success());
        let ended = self.child.wait().unwrap();
        assert!(ended.success(), "{ended}: {:?}", self.lines.iter().collect::<Vec<_>>());
    }
}

/// What one client saw: each payment with the first answer, and how many more came for it.
#[derive(Default)]
struct Seen {
    payments: Vec<(String, String, Decision)>,
    again: u64,
    executed: Vec<String>,
}

/// A payment that happens now.
fn payment(id: &str, random: &mut Random) -> String {
    let time_us = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros();
    let (amount, account) = (1 + random.below(9_999), random.below(ACCOUNTS));
    format!(
        "{{\"id\":\"{id}\",\"time_us\":{time_us},\"amount_minor\":{amount},\"currency\":\"VND\",\"account\":\"a{account}\"}}"
    )
}

fn agree(first: &Decision, again: &Decision) {
    let (first_line, again_line) =
        (String::from_utf8_lossy(&first.line), String::from_utf8_lossy(&again.line));
    assert_eq!(first.outcome, again.outcome, "told twice differently:\n{first_line}\n{again_line}");
    assert!(!first.durable || first.line == again.line, "{first_line}\n{again_line}");
}

/// Sends payments one after another, each until it is answered, and asks again for earlier ones.
async fn gateway(weir: Client, number: u64, stop: Arc<AtomicBool>, told: Arc<AtomicU64>) -> Seen {
    let (mut random, mut seen) = (Random(number), Seen::default());
    for round in 0.. {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        let id = |at: u64| format!("{number}-{round}-{at}");
        let some: Vec<(String, String)> = (0..if round % 16 == 0 { 5 } else { 1 })
            .map(|at| (id(at), payment(&id(at), &mut random)))
            .collect();
        let decided: Vec<Decision> = match &some[..] {
            [(_, one)] => vec![weir.decide(one).await.unwrap()],
            many => {
                let all = weir.decide_batch(many.iter().map(|(_, body)| body)).await.unwrap();
                all.into_iter().map(Result::unwrap).collect()
            }
        };
        told.fetch_add(decided.len() as u64, Ordering::SeqCst);
        for ((id, body), decision) in some.into_iter().zip(decided) {
            assert_eq!(decision.id, id);
            assert!(decision.declared.is_none(), "nothing is declared here");
            seen.payments.push((id, body, decision));
        }
        if round % 3 == 0 {
            let (_, body, first) = &seen.payments[random.below(seen.payments.len() as u64) as usize];
            agree(first, &weir.decide(body).await.unwrap());
            seen.again += 1;
        }
        if round % 8 == 0 {
            let (id, _, first) = seen.payments.last().unwrap();
            let time_us = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros();
            let executed = format!(
                "{{\"kind\":\"execution\",\"id\":\"x-{id}\",\"time_us\":{time_us},\"transaction\":\"{id}\",\"result\":\"succeeded\"}}"
            );
            let answer = weir.event(&executed).await.unwrap();
            let Answer::Taken(taken) = answer else { panic!("{answer:?}") };
            assert_eq!(taken.alert.is_some(), first.outcome == Outcome::Block, "{taken:?}");
            if taken.durable {
                seen.executed.push(format!("x-{id}"));
            }
        }
    }
    seen
}

/// Of a journal: the decided answers by id, as they were written, and how many events of each id were not repeats.
fn journaled(folder: &Folder) -> (HashMap<String, Vec<String>>, HashMap<String, u64>) {
    let mut reader = Reader::open(Arc::new(RealDisk), &folder.path("j")).unwrap();
    let (mut decided, mut events) = (HashMap::<_, Vec<_>>::new(), HashMap::new());
    let id = |bytes: &[u8]| {
        let line: serde_json::Value = serde_json::from_slice(bytes).unwrap();
        line["id"].as_str().unwrap().to_owned()
    };
    while let Some(entry) = reader.next_entry().unwrap() {
        match entry.record().unwrap() {
            Record::Event { bytes, .. } => *events.entry(id(bytes)).or_default() += 1,
            Record::Answer { form: AnswerForm::Decided, bytes, .. } => {
                decided.entry(id(bytes)).or_default().push(String::from_utf8(bytes.to_vec()).unwrap());
            }
            _ => {}
        }
    }
    (decided, events)
}

#[test]
fn no_payment_is_lost_or_decided_twice_differently() {
    let kills: u64 = std::env::var("WEIR_KILLS").map_or(10, |kills| kills.parse().unwrap());
    let folder = Folder::new();
    folder.put("rules.toml", RULES);
    let run = Run::start(&folder, "127.0.0.1:0");
    let address = run.address();
    let targets = [format!("http://{address}"), format!("unix:{}", folder.path("weir.sock").display())];
    let settings = ClientSettings { deadline: PATIENCE, ..ClientSettings::default() };
    let clients = targets.map(|target| Client::new(&target, settings.clone()).unwrap());
    let (stop, told) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let gateways: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let weir = clients[number as usize % 2].clone();
            runtime.spawn(gateway(weir, number, Arc::clone(&stop), Arc::clone(&told)))
        })
        .collect();
    let (mut random, mut run, mut in_a_start) = (Random(7), Some(run), 0);
    for _ in 0..kills {
        let before = told.load(Ordering::SeqCst);
        // Some whenever it may be, even before it has begun; most while it answers.
        let anywhere = random.below(4) == 0;
        let begun = Instant::now();
        while !anywhere && told.load(Ordering::SeqCst) == before {
            assert!(begun.elapsed() < PATIENCE, "nothing is answered any more");
            assert!(!gateways.iter().any(tokio::task::JoinHandle::is_finished), "a gateway has ended");
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(random.below(if anywhere { 150 } else { 400 })));
        in_a_start += u64::from(told.load(Ordering::SeqCst) == before);
        // Dropping kills it, and waits.
        drop(run.take());
        run = Some(Run::start(&folder, &address));
    }
    let before = told.load(Ordering::SeqCst);
    while told.load(Ordering::SeqCst) < before + 50 {
        std::thread::sleep(Duration::from_millis(5));
    }
    stop.store(true, Ordering::SeqCst);
    let seen: Vec<Seen> = gateways.into_iter().map(|gateway| runtime.block_on(gateway).unwrap()).collect();
    // All of them once more.
    let payments: Vec<&(String, String, Decision)> = seen.iter().flat_map(|seen| &seen.payments).collect();
    for part in payments.chunks(200) {
        let again = runtime.block_on(clients[0].decide_batch(part.iter().map(|(_, body, _)| body))).unwrap();
        part.iter().zip(again).for_each(|((.., first), again)| agree(first, &again.unwrap()));
    }
    run.unwrap().end();
    let (decided, events) = journaled(&folder);
    let (mut durable, mut sent_again) = (0, 0);
    for (id, _, first) in &payments {
        let answers = decided.get(id).map_or(&[][..], Vec::as_slice);
        let [answer] = answers else { panic!("{id} is decided {} times in the journal", answers.len()) };
        if first.durable {
            assert_eq!(*answer, String::from_utf8_lossy(&first.line), "{id}");
            durable += 1;
        }
        // Once at first, and once at the end.
        sent_again += u64::from(events[id] > 2);
    }
    let executed: Vec<&String> = seen.iter().flat_map(|seen| &seen.executed).collect();
    assert!(executed.iter().all(|id| events.contains_key(*id)));
    assert!(decided.values().all(|answers| answers.len() == 1));
    let outcomes =
        Outcome::ALL.map(|outcome| payments.iter().filter(|(.., first)| first.outcome == outcome).count());
    assert!(outcomes.iter().all(|&of| of > 0), "{outcomes:?}");
    for line in ["replay --journal j", "replay --journal j --from-snapshot", "audit verify --journal j"] {
        let done = folder.run(line);
        assert_eq!(done.code, Some(0), "{line}: {}{}", done.out, done.err);
    }
    println!(
        "killed {kills} times ({in_a_start} before it answered), {} payments answered ({durable} durable, {outcomes:?} allowed, stepped up, blocked), {} asked for again meanwhile, all once more at the end: none decided twice differently, none lost; {sent_again} in the journal more than twice, {} executions, {} decided in all",
        payments.len(),
        seen.iter().map(|seen| seen.again).sum::<u64>(),
        executed.len(),
        decided.len(),
    );
}
