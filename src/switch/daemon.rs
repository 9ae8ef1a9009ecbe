//! What the three forwarding daemons have in common: where they meet, and noticing that a file was replaced.

use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::SwitchError;
use super::config::model::SwitchConfig;
use crate::base::{ErrorChain, MonoTime};

/// Active configuration, written by mgd.
pub const ACTIVE: &str = "/run/faultlab/active.json";
/// What iccpd decided, read by dcd and l2ald.
pub const ICCP_STATE: &str = "/run/faultlab/iccp.json";
/// Where l2ald answers.
pub const L2ALD_SOCKET: &str = "/run/faultlab/l2ald.sock";
/// Where iccpd answers.
pub const ICCPD_SOCKET: &str = "/run/faultlab/iccpd.sock";
/// How often the daemons look at what they watch.
pub const TICK: Duration = Duration::from_millis(100);

/// The content of [`ACTIVE`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Active {
    /// Number of the commit.
    pub revision: u64,
    /// What was committed.
    pub config: SwitchConfig,
}

/// A JSON file that another daemon replaces atomically.
#[derive(Debug)]
pub struct Watched<T> {
    path: PathBuf,
    seen: Option<(u64, i64, i64)>,
    /// The last content that could be read.
    pub value: Option<T>,
}

impl<T: DeserializeOwned + PartialEq> Watched<T> {
    /// Watches a file that need not exist yet.
    #[must_use]
    pub fn new(path: &str) -> Self {
        Self {
            path: PathBuf::from(path),
            seen: None,
            value: None,
        }
    }

    /// Looks again and says whether the content changed. A file that cannot be understood is reported and skipped.
    pub fn poll(&mut self) -> bool {
        // A replaced file has a new inode, so that two writes within the clock's granularity are told apart.
        let seen = std::fs::metadata(&self.path)
            .ok()
            .map(|meta| (meta.ino(), meta.mtime(), meta.mtime_nsec()));
        if seen == self.seen || seen.is_none() {
            return false;
        }
        self.seen = seen;
        match read_json(&self.path) {
            Ok(value) => {
                let changed = self.value.as_ref() != Some(&value);
                self.value = Some(value);
                changed
            }
            Err(error) => {
                log("faultlab", &ErrorChain::new(&error).to_string());
                false
            }
        }
    }
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, SwitchError> {
    let text = std::fs::read_to_string(path).map_err(SwitchError::io(format!("read {}", path.display())))?;
    serde_json::from_str(&text).map_err(|error| SwitchError::protocol(path.display().to_string(), error))
}

/// Replaces a file so that a reader sees the old or the new content, never a part.
pub fn replace_file(path: &str, content: &str) -> Result<(), SwitchError> {
    let failed = || SwitchError::io(format!("write {path}"));
    let draft = format!("{path}.new");
    if let Some(folder) = Path::new(path).parent() {
        std::fs::create_dir_all(folder).map_err(failed())?;
    }
    std::fs::write(&draft, content).map_err(failed())?;
    std::fs::rename(&draft, path).map_err(failed())
}

/// Writes one line to the daemon's log, its standard output.
pub fn log(daemon: &str, message: &str) {
    let mut out = std::io::stdout().lock();
    // A full or closed log must not stop a switch from forwarding.
    let _ = writeln!(out, "{daemon}[{}]: {message}", std::process::id());
    let _ = out.flush();
}

/// How long a failure must have been absent to be reported again.
const FORGIVEN: Duration = Duration::from_secs(10);

/// Reports failures once while they last, so that a lasting condition does not fill the log.
#[derive(Debug, Default)]
pub struct Complaints {
    seen: BTreeMap<String, MonoTime>,
}

impl Complaints {
    /// Takes the outcome of an attempt; logs it when it is a new failure. Returns whether it succeeded.
    pub fn settle(&mut self, daemon: &str, outcome: Result<(), SwitchError>) -> bool {
        let Err(error) = outcome else { return true };
        let now = MonoTime::now();
        self.seen.retain(|_, last| now.since(*last) < FORGIVEN);
        let text = format!("failed to {}", ErrorChain::new(&error));
        if self.seen.insert(text.clone(), now).is_none() {
            log(daemon, &text);
        }
        false
    }
}
