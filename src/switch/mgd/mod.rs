//! The management daemon: configuration database, chassis alarms, and the answers to every `show`.
//!
//! It owns no forwarding: when it dies the switch goes on, and nothing can be changed or asked until it is back.

mod live;
mod log;
pub mod paths;
pub mod protocol;
mod server;
mod session;
mod source;
pub mod store;
pub mod supervisor;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use super::alarms::ALARMED;
use crate::base::{ErrorChain, ServiceName};

pub use live::LiveSource;
pub use log::Log;
pub use paths::Paths;
pub use server::{ALARM_POLL, Options, Server};
pub use session::Session;
pub use source::{NullSource, StateSource, listed};

/// Runs `mgd` on a switch whose other daemons run beside it. Arguments: see [`run`].
#[must_use]
pub fn daemon_main(args: Vec<OsString>) -> ExitCode {
    run(args, Arc::new(LiveSource::at(PathBuf::from("/"))))
}

/// Runs `mgd` until it is killed.
///
/// Arguments: `--root DIR` puts all files below a directory (default `/`); `--alarm SERVICE`, repeatable, replaces the
/// list of daemons whose failure is an alarm (default [`ALARMED`]).
#[must_use]
pub fn run(args: Vec<OsString>, source: Arc<dyn StateSource>) -> ExitCode {
    let log = Log::new(Box::new(std::io::stdout()));
    let (root, alarmed) = match arguments(args) {
        Ok(parsed) => parsed,
        Err(problem) => {
            log.line("mgd", &format!("UI_DAEMON_USAGE: {problem}"));
            return ExitCode::from(2);
        }
    };
    let paths = Paths::below(&root);
    match Server::start(Options {
        paths,
        source,
        alarmed,
        log,
    }) {
        Ok(server) => {
            server.wait();
            ExitCode::SUCCESS
        }
        Err(error) => {
            let log = Log::new(Box::new(std::io::stdout()));
            for line in format!("failed to {}", ErrorChain::new(&error)).lines() {
                log.line("mgd", &format!("UI_DAEMON_START_FAILED: {line}"));
            }
            ExitCode::FAILURE
        }
    }
}

fn arguments(args: Vec<OsString>) -> Result<(PathBuf, Vec<ServiceName>), String> {
    let mut root = Path::new("/").to_owned();
    let mut alarmed = Vec::new();
    let mut args = args.into_iter();
    while let Some(option) = args.next() {
        let value = args
            .next()
            .ok_or_else(|| format!("{} needs a value", option.display()))?;
        match option.to_str() {
            Some("--root") => root = value.into(),
            Some("--alarm") => alarmed.push(ServiceName::new(value.to_string_lossy())),
            _ => {
                return Err(format!(
                    "unknown option {} (known: --root, --alarm)",
                    option.display()
                ));
            }
        }
    }
    if alarmed.is_empty() {
        alarmed = ALARMED.map(ServiceName::from).into();
    }
    Ok((root, alarmed))
}
