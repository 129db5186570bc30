//! `weir token`: the tokens of texts.

use std::io::{BufRead, Write};
use std::path::PathBuf;
use std::sync::Arc;

use weir::io::{Disk, RealDisk, read_token_key};
use weir::journal::{Begun, begun};
use weir::tokens::Tokens;

use super::Verdict;
use super::asks::Asks;
use super::door::{check_tokens, read_own};

/// Print the tokens that stand for texts
///
/// With them whoever holds the key finds an account, a payee or a device in a journal, its columns or what was decided,
/// where identifiers are tokens. Who asks is put down beside the journal, with the tokens and never the texts.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  weir token --journal journal 0123456789\n  weir token --journal journal --key tokens.key --as inspector --for \"complaint 17\" 0123456789\n  weir token --key tokens.key < accounts.txt\n\nWithout --journal nothing is put down. The token of a text is `t_` and the first 14 digits in base64url of\nHMAC-SHA256 over its bytes."
)]
pub(super) struct Args {
    /// The key's file: 64 hexadecimal digits
    #[arg(long, value_name = "FILE", required_unless_present = "journal")]
    key: Option<PathBuf>,
    /// The journal of which it is asked; without --key its own key, DIR/tokens.key
    #[arg(long, value_name = "DIR")]
    journal: Option<PathBuf>,
    /// The texts; without any, the lines of standard input
    #[arg(value_name = "TEXT")]
    texts: Vec<String>,
    #[command(flatten)]
    asks: Asks,
}

/// How many tokens are named where it is put down who asks for them.
const NAMED: usize = 100;

pub(super) fn run(args: &Args) -> anyhow::Result<Verdict> {
    let tokens = match (&args.key, &args.journal) {
        (Some(key), _) => read_token_key(key)?,
        (None, journal) => read_own(journal.as_deref().unwrap_or(".".as_ref()))?,
    };
    if let Some(journal) = &args.journal {
        // What another key makes is in no record. Where nobody can tell any more, the key in the folder is all there is.
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        if let Ok(Begun::With(start)) = begun(&disk, journal)
            && let Some(id) = &start.tokens
        {
            check_tokens(&tokens, id)?;
        }
        args.asks.put_down(&RealDisk, journal, &what(&tokens, &args.texts))?;
    }
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

/// What is asked: by the tokens, since no identifier is on disk.
fn what(tokens: &Tokens, texts: &[String]) -> String {
    if texts.is_empty() {
        return "the tokens of standard input".to_owned();
    }
    let mut what = "the texts of".to_owned();
    for text in texts.iter().take(NAMED) {
        what += &format!(" {}", tokens.token(text));
    }
    match texts.len().saturating_sub(NAMED) {
        0 => what,
        more => format!("{what} and {more} more"),
    }
}
