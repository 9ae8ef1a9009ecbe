//! Short notation for services of plans.

use std::path::PathBuf;
use std::time::Duration;

use super::plan::{Ready, Restart, Service};
use crate::base::ServiceName;

/// A service being described.
pub(super) struct Draft(Service);

/// Starts the description of a service that is restarted shortly after each death, as a process watcher does.
pub(super) fn service(name: &str, argv: Vec<String>) -> Draft {
    Draft(Service {
        name: ServiceName::new(name),
        argv,
        after: Vec::new(),
        ready: Ready::Started,
        restart: Restart::Always {
            delay: Duration::from_millis(200),
            burst: 5,
            window: Duration::from_secs(10),
        },
        restart_with: Vec::new(),
        alarm: false,
        description: name.to_owned(),
    })
}

/// Owns the words of a command.
pub(super) fn argv<const N: usize>(words: [&str; N]) -> Vec<String> {
    words.map(str::to_owned).to_vec()
}

impl Draft {
    pub(super) fn after(mut self, names: &[&str]) -> Self {
        self.0.after = names.iter().map(|name| ServiceName::new(*name)).collect();
        self
    }

    pub(super) fn ready_at(mut self, socket: impl Into<PathBuf>) -> Self {
        self.0.ready = Ready::Socket(socket.into());
        self
    }

    pub(super) fn ready_path(mut self, path: impl Into<PathBuf>) -> Self {
        self.0.ready = Ready::Path(path.into());
        self
    }

    pub(super) fn restart(mut self, delay: Duration, burst: u32, window: Duration) -> Self {
        self.0.restart = Restart::Always { delay, burst, window };
        self
    }

    pub(super) fn restart_with(mut self, names: impl IntoIterator<Item = ServiceName>) -> Self {
        self.0.restart_with = names.into_iter().collect();
        self
    }

    pub(super) fn alarm(mut self) -> Self {
        self.0.alarm = true;
        self
    }

    pub(super) fn describe(mut self, text: &str) -> Self {
        text.clone_into(&mut self.0.description);
        self
    }

    pub(super) fn done(self) -> Service {
        self.0
    }
}
