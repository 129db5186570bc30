//! One file per command. The only part that prints, colours and measures with a clock.

mod access;
mod asks;
mod audit;
#[cfg(feature = "backtest")]
mod backtest;
mod bench;
mod breakers;
mod check;
mod check_json;
mod columns;
mod config;
mod contributions;
#[cfg(feature = "backtest")]
mod costs;
mod cut;
#[cfg(feature = "backtest")]
mod data;
mod demo;
mod descriptors;
mod diff;
mod door;
mod earlier;
mod explain;
mod feature_table;
#[cfg(feature = "backtest")]
mod figures;
mod forgotten;
mod generate;
#[cfg(feature = "backtest")]
mod history;
mod journal;
mod journaled;
#[cfg(not(feature = "backtest"))]
mod lean;
mod lines;
mod memory;
mod openapi;
mod picture;
mod problems;
mod progress;
#[cfg(feature = "backtest")]
mod query;
#[cfg(feature = "backtest")]
mod reading;
mod replay;
mod resend;
mod retain;
mod rule_file;
mod rules;
mod schema;
mod score;
mod serve;
mod snapshots;
mod sql;
mod state;
mod stream;
#[cfg(feature = "backtest")]
mod suggest;
#[cfg(feature = "backtest")]
mod sweep;
mod tally;
mod test;
mod token;
mod verify;
mod warming;
mod way;

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Exit codes that scripts can use, beside 0; clap exits with 2 for a wrong command line.
mod exit {
    /// Something was found: a problem in a rule file, a case that does not hold.
    pub(super) const FOUND: u8 = 1;
    /// The command could not do its work.
    pub(super) const FAILED: u8 = 3;
}

const EXIT_CODES: &str =
    "Exit codes: 0 done; 1 a check found something; 2 wrong command line; 3 the work could not be done.";

/// Scores payments inline: allow, step up or block, from exact rolling windows and rule files.
#[derive(Parser)]
#[command(name = "weir", version, about, after_help = EXIT_CODES, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Score(Box<score::Args>),
    #[cfg(feature = "backtest")]
    Backtest(Box<backtest::Args>),
    #[cfg(not(feature = "backtest"))]
    Backtest(lean::Args),
    Serve(Box<serve::Args>),
    Config(Box<config::Args>),
    Check(check::Args),
    Schema(schema::Args),
    Openapi(openapi::Args),
    Test(test::Args),
    Diff(diff::Args),
    Explain(explain::Args),
    Generate(generate::Args),
    Sql(sql::Args),
    State(state::Args),
    Demo(demo::Args),
    Bench(Box<bench::Args>),
    Journal(journal::Args),
    Replay(replay::Args),
    Audit(audit::Args),
    Token(token::Args),
    Access(access::Args),
    Rules(rules::Args),
    #[cfg(feature = "backtest")]
    Data(data::Args),
    #[cfg(not(feature = "backtest"))]
    Data(lean::Args),
    #[cfg(feature = "backtest")]
    Query(Box<query::Args>),
    #[cfg(not(feature = "backtest"))]
    Query(lean::Args),
    #[cfg(feature = "backtest")]
    Sweep(Box<sweep::Args>),
    #[cfg(not(feature = "backtest"))]
    Sweep(lean::Args),
    #[cfg(feature = "backtest")]
    Suggest(Box<suggest::Args>),
    #[cfg(not(feature = "backtest"))]
    Suggest(lean::Args),
}

/// Whether a command found what it looks for (a problem, a failing case).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Clean,
    Found,
    /// The work could not be done, and that was told.
    Failed,
}

/// Runs the command line.
pub(crate) fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Score(args) => score::run(&args),
        #[cfg(feature = "backtest")]
        Command::Backtest(args) => backtest::run(&args),
        #[cfg(not(feature = "backtest"))]
        Command::Backtest(args) => lean::run("backtest", &args),
        Command::Serve(args) => serve::run(&args),
        Command::Config(args) => config::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Schema(schema::Args {}) => schema::run(),
        Command::Openapi(args) => openapi::run(&args),
        Command::Test(args) => test::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Diff(args) => diff::run(&args),
        Command::Generate(args) => generate::run(&args),
        Command::Sql(args) => sql::run(&args),
        Command::State(args) => state::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Journal(args) => journal::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Audit(args) => audit::run(&args),
        Command::Token(args) => token::run(&args),
        Command::Access(args) => access::run(&args),
        Command::Rules(args) => rules::run(&args),
        #[cfg(feature = "backtest")]
        Command::Data(args) => data::run(&args),
        #[cfg(not(feature = "backtest"))]
        Command::Data(args) => lean::run("data", &args),
        #[cfg(feature = "backtest")]
        Command::Query(args) => query::run(&args),
        #[cfg(not(feature = "backtest"))]
        Command::Query(args) => lean::run("query", &args),
        #[cfg(feature = "backtest")]
        Command::Sweep(args) => sweep::run(&args),
        #[cfg(not(feature = "backtest"))]
        Command::Sweep(args) => lean::run("sweep", &args),
        #[cfg(feature = "backtest")]
        Command::Suggest(args) => suggest::run(&args),
        #[cfg(not(feature = "backtest"))]
        Command::Suggest(args) => lean::run("suggest", &args),
    };
    match done {
        Ok(Verdict::Clean) => ExitCode::SUCCESS,
        Ok(Verdict::Found) => ExitCode::from(exit::FOUND),
        Ok(Verdict::Failed) => ExitCode::from(exit::FAILED),
        // Whoever reads has gone (`weir score | head`): nothing is wrong.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let paint = anstyle::Style::new().bold().fg_color(Some(anstyle::AnsiColor::Red.into()));
            // Nothing is left to be done where even the error can't be written.
            let _ = writeln!(anstream::stderr(), "{paint}error{paint:#}: {}", told(&error));
            ExitCode::from(exit::FAILED)
        }
    }
}

/// An error with its causes, but for those that it tells itself.
fn told(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |told, cause| {
        if told.is_empty() {
            cause
        } else if told.contains(&cause) {
            told
        } else {
            format!("{told}: {cause}")
        }
    })
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe)
    })
}
