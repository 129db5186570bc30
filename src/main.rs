//! The command line of weir: parses arguments and dispatches.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
