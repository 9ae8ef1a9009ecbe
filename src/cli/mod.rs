//! The command line: the only room that prints, reads the environment or picks a runtime.

pub mod args;
mod daemons;
pub mod exit;
mod failure;
mod output;
mod privilege;
mod progress;
mod say;
mod signals;
mod verbs;

use std::process::ExitCode;

use args::{Cli, Verb};
use clap::Parser;
use verbs::Outcome;

/// Runs faultlab with the process's arguments.
#[must_use]
pub fn main() -> ExitCode {
    // A daemon inside a lab comes first: some of them fork, and none may have threads by then.
    if let Some(code) = daemons::dispatch() {
        return code;
    }
    let cli = Cli::parse();
    log(cli.verbose);
    match obey(&cli) {
        Ok(exit) => exit.into(),
        Err(failure) => failure.report().into(),
    }
}

fn obey(cli: &Cli) -> Outcome {
    match &cli.verb {
        Verb::Run(args) => verbs::run::run(args, cli.runtime, cli.color),
        Verb::Up(args) => verbs::up::up(args, cli.runtime),
        Verb::Down(args) => verbs::up::down(args, cli.runtime),
        Verb::List(args) => verbs::inspect::list(args, cli.runtime),
        Verb::Inspect(args) => verbs::inspect::inspect(args, cli.runtime),
        Verb::Exec(args) => verbs::exec::exec(args, cli.runtime),
        Verb::Console(args) => verbs::exec::console(args, cli.runtime),
        Verb::Logs(args) => verbs::exec::logs(args, cli.runtime),
        Verb::Graph(args) => verbs::graph::graph(args),
        Verb::Validate(args) => verbs::validate::validate(args, cli.runtime),
        Verb::Render(args) => verbs::validate::render(args),
        Verb::Faults(args) => verbs::faults::faults(args),
        Verb::Kinds(args) => verbs::kinds::kinds(args),
        Verb::Analyze(args) => verbs::analyze::analyze(args, cli.color),
        Verb::Image(args) => verbs::image::image(args),
        Verb::Recover(args) => verbs::image::recover(args),
        Verb::Doctor(args) => verbs::doctor::doctor(args),
        Verb::Schema(args) => verbs::schema::schema(args),
        Verb::Completions(args) => verbs::schema::completions(args),
    }
}

fn log(verbose: u8) {
    let default = match verbose {
        0 => "warn,netlink_proto=off",
        1 => "info,netlink_proto=off",
        _ => "debug",
    };
    let filter = tracing_subscriber::EnvFilter::try_from_env("FAULTLAB_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(default));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
        // Reporting that standard error is broken on standard error panics.
        .log_internal_errors(false)
        .init();
}
