//! `weir token`: the tokens of texts.

use std::io::{BufRead, Write};
use std::path::PathBuf;

use weir::io::read_token_key;

use super::Verdict;
use super::door::read_own;

/// Print the tokens that stand for texts
///
/// With them whoever holds the key finds an account, a payee or a device in a journal, its columns or what was decided,
/// where identifiers are tokens.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  weir token --journal journal 0123456789\n  weir token --key tokens.key < accounts.txt\n\nThe token of a text is `t_` and the first 14 digits in base64url of HMAC-SHA256 over its bytes."
)]
pub(super) struct Args {
    /// The key's file: 64 hexadecimal digits
    #[arg(long, value_name = "FILE", required_unless_present = "journal", conflicts_with = "journal")]
    key: Option<PathBuf>,
    /// The journal whose key it is: DIR/tokens.key
    #[arg(long, value_name = "DIR")]
    journal: Option<PathBuf>,
    /// The texts; without any, the lines of standard input
    #[arg(value_name = "TEXT")]
    texts: Vec<String>,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Verdict> {
    let tokens = match (&args.key, &args.journal) {
        (Some(key), _) => read_token_key(key)?,
        (None, journal) => read_own(journal.as_deref().unwrap_or(".".as_ref()))?,
    };
    let mut out = anstream::stdout().lock();
    for text in &args.texts {
        writeln!(out, "{}", tokens.token(text))?;
    }
    if args.texts.is_empty() {
        for line in std::io::stdin().lock().lines() {
            writeln!(out, "{}", tokens.token(line?.trim_end_matches('\r')))?;
        }
    }
    Ok(Verdict::Clean)
}
