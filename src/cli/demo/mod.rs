//! `weir demo`: generates a stream, scores it, and shows what happened.

mod confusion;

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anstyle::{AnsiColor, Style};
use anyhow::Context;
use hdrhistogram::Histogram;
use weir::decision::Outcome;
use weir::engine::{Answer, Engine, EngineMemory, Limits, Recording};
use weir::event::{Event, Kind};
use weir::generate::Generator;
use weir::lists::Lists;
use weir::rates::Rates;
use weir::rules::{RuleSet, compile};

use super::cut::Cut;
use super::generate::Stream;
use super::picture::{Bar, latency};
use super::progress::Progress;
use super::tally::Tally;
use super::{Verdict, rule_file};
use confusion::Confusion;

/// The starter pack, so that the demo runs wherever the program does.
const RETAIL: &str = include_str!("../../../rules/retail.toml");

/// Events made ready before each timed stretch.
const BLOCK: usize = 256;

/// Generate a payment stream, score it with the starter pack, and show what happened
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    stream: Stream,
    /// Another rule file than the starter pack
    #[arg(long, short, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// Count what was answered by the values of a field, such as tenant, portal, provider or payment_kind
    #[arg(long, value_name = "FIELD")]
    by: Option<String>,
}

const HEAD: Style = Style::new().bold();

pub(super) fn run(args: &Args) -> anyhow::Result<Verdict> {
    let (rules, lists, rates) = match &args.rules {
        Some(path) => {
            let rules = rule_file::load(path)?;
            let lists = rule_file::lists(path, &rules)?;
            let rates = rule_file::rates(path, &rules)?;
            (rules, lists, rates)
        }
        None => {
            let rules = compile("rules/retail.toml", RETAIL).into_result()?;
            let lists = Lists::new(rules.lists.len());
            (rules, lists, Rates::default())
        }
    };
    let settings = args.stream.settings()?;
    let mut progress = Progress::new("generating and scoring", Some(settings.events));
    let accounts = settings.accounts;
    let cut = args.by.as_deref().map(|by| Cut::new(by, &rules.schema)).transpose()?;
    let schema = Arc::clone(&rules.schema);
    let mut run = Run::new(rules, lists, rates, cut)?;
    let mut generator = Generator::with_schema(settings, schema)?;
    let mut block: Vec<Event> = Vec::with_capacity(BLOCK);
    let mut more = true;
    while more {
        block.clear();
        while block.len() < BLOCK {
            let Some(event) = generator.next() else { break };
            block.push(event.clone());
        }
        more = block.len() == BLOCK;
        for event in &block {
            run.event(event)?;
            progress.event();
        }
    }
    progress.finish();
    run.show(accounts).context("can't show the result")?;
    Ok(Verdict::Clean)
}

/// A run under way.
struct Run {
    engine: Engine,
    tally: Tally,
    cut: Option<Cut>,
    confusion: Confusion,
    /// Nanoseconds of each `step`.
    latency_ns: Histogram<u64>,
    stepping: Duration,
    memory: Option<EngineMemory>,
}

impl Run {
    fn new(rules: RuleSet, lists: Lists, rates: Rates, cut: Option<Cut>) -> anyhow::Result<Self> {
        let mut engine = Engine::new(rules, Limits::default(), Recording::Fired);
        engine.load_lists(lists);
        engine.load_rates(rates);
        Ok(Self {
            tally: Tally::new(&engine),
            cut,
            engine,
            confusion: Confusion::default(),
            latency_ns: Histogram::new(3)?,
            stepping: Duration::ZERO,
            memory: None,
        })
    }

    #[expect(clippy::disallowed_methods, reason = "the demo measures `step`")]
    fn event(&mut self, event: &Event) -> anyhow::Result<()> {
        let start = Instant::now();
        let answer = self.engine.step(event);
        let taken = start.elapsed();
        self.stepping += taken;
        self.latency_ns.record(taken.as_nanos() as u64)?;
        self.tally.count(event, answer);
        self.cut.iter_mut().for_each(|cut| cut.count(event, answer));
        match answer {
            Answer::Decided(_) if event.kind() != Kind::Transaction => {}
            Answer::Decided(decision) => self.confusion.decided(event, decision.outcome),
            Answer::Taken => self.confusion.told(event),
            Answer::Repeated(_) | Answer::TakenBefore | Answer::Refused(_) => {}
            Answer::Alert(_) | Answer::AlertedBefore(_) => {}
        }
        Ok(())
    }

    fn show(&mut self, accounts: u32) -> std::io::Result<()> {
        self.memory = Some(self.engine.memory());
        let mut out = anstream::stdout().lock();
        let rules = self.engine.rules();
        writeln!(out, "{HEAD}weir demo{HEAD:#}: rule set `{}`, {accounts} accounts", rules.name)?;
        self.tally.summary(&self.engine, &mut out)?;
        self.show_outcomes(&mut out)?;
        if let Some(cut) = &self.cut {
            writeln!(out)?;
            cut.show(&mut out)?;
        }
        self.show_rules(&mut out)?;
        self.confusion.show(&mut out)?;
        self.show_latency(&mut out)
    }

    fn show_outcomes(&self, out: &mut impl Write) -> std::io::Result<()> {
        writeln!(out, "\n{HEAD}Decisions{HEAD:#}")?;
        let decisions = self.tally.decisions().max(1);
        for (outcome, color) in
            Outcome::ALL.into_iter().zip([AnsiColor::Green, AnsiColor::Yellow, AnsiColor::Red])
        {
            let count = self.tally.outcomes[outcome as usize];
            let share = count as f64 / decisions as f64;
            writeln!(
                out,
                "  {:<9}{count:>10}  {:>8.3} %  {}",
                outcome.name(),
                share * 100.0,
                Bar { share, color }
            )?;
        }
        Ok(())
    }

    fn show_rules(&self, out: &mut impl Write) -> std::io::Result<()> {
        writeln!(out, "\n{HEAD}Rules that fired{HEAD:#}")?;
        let rules = &self.engine.rules().rules;
        let mut order: Vec<usize> = (0..rules.len()).collect();
        order.sort_by_key(|&at| (std::cmp::Reverse(self.tally.fired[at]), at));
        let most = order.first().map_or(1, |&at| self.tally.fired[at].max(1));
        for at in order.into_iter().take(20) {
            let (count, id) = (self.tally.fired[at], &rules[at].id);
            let share = count as f64 / most as f64;
            writeln!(out, "  {id:<20}{count:>10}  {}", Bar { share, color: AnsiColor::Cyan })?;
        }
        if rules.len() > 20 {
            writeln!(out, "  and {} more", rules.len() - 20)?;
        }
        Ok(())
    }

    fn show_latency(&self, out: &mut impl Write) -> std::io::Result<()> {
        let count = self.latency_ns.len();
        let rate = count as f64 / self.stepping.as_secs_f64();
        writeln!(out, "\n{HEAD}`step` alone{HEAD:#}: {rate:.0} events a second on one core, {count} events")?;
        latency(&self.latency_ns, out)?;
        let Some(memory) = self.memory else { return Ok(()) };
        let mib = |bytes: usize| bytes as f64 / f64::from(1 << 20);
        writeln!(
            out,
            "  memory: {:.0} MiB keys and aggregates, {:.0} MiB tail log ({} bytes an event), {:.0} MiB ids and first answers",
            mib(memory.state.dictionary + memory.state.families()),
            mib(memory.state.log + memory.state.side),
            memory.state.log_row,
            mib(memory.ids + memory.answers + memory.corrections)
        )
    }
}
