//! A node's namespaces, as handed to the rest of the house.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

use nix::sched::{CloneFlags, setns};

use super::RuntimeError;

/// A node's first process and network namespace, held open: they cannot be confused with another's when pids are reused.
#[derive(Debug)]
pub struct NodeHandle {
    name: String,
    pid: i32,
    pidfd: OwnedFd,
    netns: OwnedFd,
}

impl NodeHandle {
    /// Wraps what a runtime found. `pid` is the node's init as seen from here and must be what `pidfd` refers to.
    #[must_use]
    pub fn new(name: String, pid: i32, pidfd: OwnedFd, netns: OwnedFd) -> Self {
        Self {
            name,
            pid,
            pidfd,
            netns,
        }
    }

    /// The process id of the node's init on this machine.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// A pidfd of the node's init.
    #[must_use]
    pub fn pidfd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }

    /// The node's network namespace.
    #[must_use]
    pub fn netns(&self) -> BorrowedFd<'_> {
        self.netns.as_fd()
    }

    /// The node's root directory, reachable from here: sockets and files inside the node lie below it.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root", self.pid))
    }

    /// Runs a closure on a throw-away thread inside the node's network namespace, e.g. to open sockets there.
    ///
    /// The thread ends with the closure, so that no other code ever runs in the wrong namespace.
    pub fn in_netns<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, RuntimeError> {
        let failed = |source: std::io::Error| RuntimeError::System {
            operation: format!("enter the network namespace of {}", self.name),
            source,
        };
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new()
                .name("in-netns".into())
                .spawn_scoped(scope, || {
                    setns(&self.netns, CloneFlags::CLONE_NEWNET).map_err(std::io::Error::from)?;
                    Ok(work())
                });
            match thread.map_err(failed)?.join() {
                Ok(result) => result.map_err(failed),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }
}
