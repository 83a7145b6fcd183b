//! The `xoff` command line.
//!
//! One file per verb: [`run`], [`check`], [`trace`], [`conform`], [`explain`], [`headroom`],
//! [`lab`], [`schema`]. Data goes to standard output, everything
//! else to standard error. Exit status: 0 all is well, 1 an expectation failed
//! or a capture or configuration shows errors, 2 error.

mod agent;
mod args;
mod check;
mod conform;
mod explain;
mod headroom;
mod input;
mod lab;
mod memory;
mod output;
mod pcap;
mod progress;
mod replay;
mod report;
mod run;
mod schema;
mod shell;
mod trace;

use clap::Parser;
use output::Error;
use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = match args::Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) if e.use_stderr() => {
            // Nobody is left to tell if this fails.
            let _ = e.print();
            return ExitCode::from(2);
        }
        Err(asked) => {
            let shown = asked.print().and_then(|()| std::io::stdout().flush());
            let shown = shown.or_else(|e| match e.kind() {
                std::io::ErrorKind::BrokenPipe => Ok(()),
                _ => Err(e),
            });
            return ended(shown.map(|()| true).map_err(Error::from));
        }
    };
    let outcome = match &cli.verb {
        args::Verb::Run(args) => run::run(args),
        args::Verb::Check(args) => check::run(args),
        args::Verb::Trace(args) => trace::run(args),
        args::Verb::Explain(args) => explain::run(args).map(|()| true),
        args::Verb::Headroom(args) => headroom::run(args).map(|()| true),
        args::Verb::Conform(args) if args.matrix => conform::matrix(),
        args::Verb::Conform(args) => conform::run(args),
        args::Verb::Lab(args) => lab::run(args),
        args::Verb::Agent => agent::run().map(|()| true),
        args::Verb::Schema(args) => schema::run(args).map(|()| true),
    };
    ended(outcome)
}

fn ended(outcome: Result<bool, Error>) -> ExitCode {
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            output::complain(&error);
            ExitCode::from(2)
        }
    }
}

impl From<std::io::Error> for Error {
    fn from(e: std::io::Error) -> Error {
        Error::Message(format!("cannot write: {e}"))
    }
}
