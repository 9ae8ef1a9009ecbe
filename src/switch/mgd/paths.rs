//! Where the management plane keeps things, below a root that is `/` in a node and a scratch directory in tests.

use std::path::{Path, PathBuf};

use crate::nos::plan::{NODE_PERSISTENT, SUPERVISOR_SOCKET};

/// What the daemons read: `{"revision": n, "config": SwitchConfig}`, replaced atomically.
pub const ACTIVE_FILE: &str = "/run/faultlab/active.json";

/// Where `mgd` answers.
pub const MGD_SOCKET: &str = "/run/faultlab/mgd.sock";

/// The configuration of a switch that was never configured, from the lab.
pub const FACTORY_FILE: &str = "/etc/faultlab/switch.conf";

/// The paths below one root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    root: PathBuf,
}

impl Paths {
    /// Puts everything below `root`, e.g. `/` or `/proc/<pid>/root`.
    #[must_use]
    pub fn below(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    /// [`ACTIVE_FILE`].
    #[must_use]
    pub fn active(&self) -> PathBuf {
        self.at(ACTIVE_FILE)
    }

    /// [`MGD_SOCKET`].
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.at(MGD_SOCKET)
    }

    /// [`FACTORY_FILE`].
    #[must_use]
    pub fn factory(&self) -> PathBuf {
        self.at(FACTORY_FILE)
    }

    /// The supervisor's socket.
    #[must_use]
    pub fn supervisor(&self) -> PathBuf {
        self.at(SUPERVISOR_SOCKET)
    }

    /// The directory of committed configurations; it survives power cuts.
    #[must_use]
    pub fn commits(&self) -> PathBuf {
        self.at(NODE_PERSISTENT).join("config")
    }

    fn at(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }
}
