//! Answers on the socket and looks after the alarms.
//!
//! State that other daemons own is read outside the configuration's lock, so a `show` that has to wait for one of them
//! does not hold up a commit.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::super::SwitchError;
use super::super::alarms::{self, Alarms, Now};
use super::log::Log;
use super::paths::Paths;
use super::protocol::{Failure, Reply, Request, What};
use super::session::Session;
use super::source::StateSource;
use super::supervisor;
use crate::base::{ErrorChain, ServiceName};

/// How often the supervisor is asked, and how long it may take to answer.
pub const ALARM_POLL: Duration = Duration::from_millis(150);

/// What a management plane is made of.
pub struct Options {
    /// Where its files are.
    pub paths: Paths,
    /// Where the state of the other daemons comes from.
    pub source: Arc<dyn StateSource>,
    /// Daemons whose failure is an alarm.
    pub alarmed: Vec<ServiceName>,
    /// Where log lines go.
    pub log: Log,
}

/// A running management plane; it stops when dropped.
pub struct Server {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    paths: Paths,
    source: Arc<dyn StateSource>,
    alarmed: Vec<ServiceName>,
    log: Log,
    session: Mutex<Session>,
    alarms: Mutex<Alarms>,
    stopping: AtomicBool,
}

impl Server {
    /// Loads the configuration, publishes it and begins to answer. The socket exists when this returns.
    pub fn start(options: Options) -> Result<Self, SwitchError> {
        let Options {
            paths,
            source,
            alarmed,
            log,
        } = options;
        let session = Mutex::new(Session::open(paths.clone(), &log)?);
        let socket = paths.socket();
        // A socket left by a predecessor that was killed; the supervisor runs one of us at a time.
        let _ = std::fs::remove_file(&socket);
        let listener = UnixListener::bind(&socket)
            .map_err(SwitchError::io(format!("listen on {}", socket.display())))?;
        let shared = Arc::new(Shared {
            paths,
            source,
            alarmed,
            log,
            session,
            alarms: Mutex::default(),
            stopping: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        let watching = Arc::clone(&shared);
        let threads = vec![
            thread::spawn(move || accept(&listener, &accepting)),
            thread::spawn(move || watch_alarms(&watching)),
        ];
        Ok(Self { shared, threads })
    }

    /// Serves until the process is killed.
    pub fn wait(mut self) {
        for thread in std::mem::take(&mut self.threads) {
            let _ = thread.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        // Both threads wait for something: the one for a client, the other for its next look.
        let _ = UnixStream::connect(self.shared.paths.socket());
        for thread in std::mem::take(&mut self.threads) {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

fn accept(listener: &UnixListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.stopping.load(Ordering::SeqCst) {
            return;
        }
        match stream {
            Ok(stream) => {
                let shared = Arc::clone(shared);
                thread::spawn(move || serve(&stream, &shared));
            }
            // Out of descriptors, most likely: give clients time to go away.
            Err(_) => thread::park_timeout(ALARM_POLL),
        }
    }
}

fn serve(stream: &UnixStream, shared: &Shared) {
    for line in BufReader::new(stream).lines() {
        let Ok(line) = line else { return };
        let reply = answer(&line, shared);
        let Ok(mut text) = serde_json::to_string(&reply) else {
            return;
        };
        text.push('\n');
        let mut out = stream;
        if out.write_all(text.as_bytes()).is_err() {
            return;
        }
    }
}

fn answer(line: &str, shared: &Shared) -> Reply {
    let request = match serde_json::from_str::<Request>(line) {
        Ok(request) => request,
        Err(error) => {
            return Reply::Error(Failure::Refused {
                operation: "understand the request".to_owned(),
                reason: error.to_string(),
            });
        }
    };
    let operation = match &request {
        Request::Edit { .. } => "edit",
        Request::Commit { .. } => "commit",
        Request::Check => "commit check",
        Request::Rollback { .. } => "rollback",
        Request::Compare { .. } => "compare",
        Request::Discard => "discard",
        Request::ShowConfig { .. } => "show-config",
        Request::Show { what } => what.name(),
    };
    match shared.carry_out(request) {
        Ok(value) => Reply::Ok(value),
        Err(error) => Reply::Error(Failure::pack(&error, operation)),
    }
}

impl Shared {
    fn session(&self) -> MutexGuard<'_, Session> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn alarms(&self) -> MutexGuard<'_, Alarms> {
        self.alarms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn carry_out(&self, request: Request) -> Result<Value, SwitchError> {
        match request {
            Request::Edit { lines, user } => self.session().edit(&lines, &user, &self.log),
            Request::Commit { comment, user } => self.session().commit(&comment, &user, &self.log),
            Request::Check => self.session().check(),
            Request::Rollback { n, user } => self.session().rollback(n, &user, &self.log),
            Request::Compare { n } => self.session().compare(n),
            Request::Discard => Ok(self.session().discard()),
            Request::ShowConfig { format, rollback } => self.session().show(format, rollback),
            Request::Show { what: What::All } => Ok(self.all()),
            Request::Show { what } => self.show(what),
        }
    }

    fn show(&self, what: What) -> Result<Value, SwitchError> {
        match what {
            What::Lacp => self.source.lacp(),
            What::Iccp => self.source.iccp(),
            What::Bfd => self.source.bfd(),
            What::MacTable => self.source.mac_table(),
            What::Interfaces => self.source.interfaces(),
            What::Alarms => Ok(json!(self.alarms().values().collect::<Vec<_>>())),
            What::Processes => {
                let services = supervisor::status(&self.paths.supervisor(), ALARM_POLL * 4)?;
                Ok(json!(services))
            }
            What::Commits => self.session().commits(),
            What::Version => {
                let session = self.session();
                Ok(json!({
                    "host_name": session.host_name(),
                    "model": "faultlab reference switch",
                    "version": env!("CARGO_PKG_VERSION"),
                    "revision": session.revision(),
                }))
            }
            What::All => Ok(self.all()),
        }
    }

    fn all(&self) -> Value {
        let mut all = Map::new();
        for what in What::EACH {
            let value = self
                .show(what)
                .unwrap_or_else(|error| json!({"error": format!("failed to {}", ErrorChain::new(&error))}));
            all.insert(what.name().to_owned(), value);
        }
        Value::Object(all)
    }
}

fn watch_alarms(shared: &Shared) {
    while !shared.stopping.load(Ordering::SeqCst) {
        // A supervisor that does not answer changes no alarm: no news is not good news.
        if let Ok(services) = supervisor::status(&shared.paths.supervisor(), ALARM_POLL) {
            let mut alarms = shared.alarms();
            let (next, lines) = alarms::derive(&alarms, &services, &shared.alarmed, Now::read());
            // Logged before it can be asked for: who sees the alarm finds its line.
            for line in lines {
                shared.log.line(line.process, &line.text);
            }
            *alarms = next;
        }
        thread::park_timeout(ALARM_POLL);
    }
}
