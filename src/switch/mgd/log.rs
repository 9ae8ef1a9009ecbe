//! Lines of the system log: `Oct 23 13:27:45.003 ca2 mgd[12]: UI_COMMIT: …`, in UTC.

use std::io::Write;
use std::sync::{Mutex, PoisonError};

/// Where lines go; safe to share between threads.
pub struct Log {
    inner: Mutex<Inner>,
}

struct Inner {
    host: String,
    out: Box<dyn Write + Send>,
}

impl Log {
    /// Writes to `out`; in a node that is standard output, which the supervisor keeps.
    #[must_use]
    pub fn new(out: Box<dyn Write + Send>) -> Self {
        let host = "switch".to_owned();
        Self {
            inner: Mutex::new(Inner { host, out }),
        }
    }

    /// Sets the name that lines carry.
    pub fn set_host(&self, host: &str) {
        if !host.is_empty() {
            host.clone_into(&mut self.lock().host);
        }
    }

    /// Writes one line. A log that cannot be written stops nothing.
    pub fn line(&self, process: &str, text: &str) {
        let now = jiff::Timestamp::now().strftime("%b %e %H:%M:%S%.3f");
        let pid = std::process::id();
        let mut inner = self.lock();
        let Inner { host, out } = &mut *inner;
        let text = text.replace('\n', " / ");
        let _ = writeln!(out, "{now} {host} {process}[{pid}]: {text}");
        let _ = out.flush();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
