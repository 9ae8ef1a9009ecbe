//! One file per verb, or per pair of verbs that are two sides of one thing.

pub mod analyze;
pub mod doctor;
pub mod exec;
pub mod faults;
pub mod graph;
pub mod image;
pub mod inspect;
pub mod kinds;
pub mod run;
pub mod schema;
pub mod up;
pub mod validate;

use super::args::RuntimeChoice;
use super::exit::Exit;
use super::failure::Failure;
use crate::runtime::Runtime;
use crate::runtime::docker::DockerEngine;

/// What a verb comes to.
pub type Outcome = Result<Exit, Failure>;

/// Prints a line of data on standard output. A closed pipe is no error: the reader has seen enough. Anything else is (a
/// full disk): a script must not take half of the data for all of it.
pub fn print(text: &str) {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    let end = if text.ends_with('\n') { "" } else { "\n" };
    let written = write!(out, "{text}{end}").and_then(|()| out.flush());
    if let Err(error) = written
        && error.kind() != std::io::ErrorKind::BrokenPipe
    {
        super::say::say(format_args!("faultlab: cannot write to standard output: {error}"));
        std::process::exit(Exit::CouldNotRun as i32);
    }
}

/// Prints a value as JSON on standard output.
pub fn print_json(value: &impl serde::Serialize) {
    print(&serde_json::to_string_pretty(value).unwrap_or_default());
}

/// Returns the runtime that was chosen.
pub fn runtime(choice: RuntimeChoice) -> Result<Box<dyn Runtime>, Failure> {
    Ok(match choice {
        RuntimeChoice::Namespaces => Box::new(namespaces()?),
        RuntimeChoice::Docker => Box::new(DockerEngine::connect()?),
    })
}

/// Returns the embedded runtime, whose daemons are this very binary.
fn namespaces() -> Result<crate::runtime::namespaces::Namespaces, Failure> {
    let binary = std::env::current_exe().map_err(|error| {
        Failure::text(
            Exit::CouldNotRun,
            format!("cannot find faultlab's own binary: {error}"),
        )
    })?;
    Ok(crate::runtime::namespaces::Namespaces::new(binary))
}
