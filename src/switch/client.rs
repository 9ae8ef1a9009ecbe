//! Talks to a switch's `mgd`, from inside the node or from outside through its root.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::SwitchError;
use super::mgd::Paths;
use super::mgd::protocol::{Format, Reply, Request, What};

/// How long `mgd` may take to answer, unless set otherwise.
pub const DEADLINE: Duration = Duration::from_secs(5);

/// A connection to `mgd`. Every call blocks until the answer or the deadline; after a deadline, open a new one.
#[derive(Debug)]
pub struct MgdClient {
    stream: BufReader<UnixStream>,
    deadline: Duration,
}

/// What a commit did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The configuration's number; `active.json` carries it too.
    pub revision: u64,
    /// What is allowed but probably not meant.
    pub warnings: Vec<String>,
}

impl MgdClient {
    /// Connects to the `mgd` of the node whose root directory this is: `/`, or `NodeHandle::root()` from outside.
    pub fn open(node_root: &Path) -> Result<Self, SwitchError> {
        Self::open_within(node_root, DEADLINE)
    }

    /// Connects, with a deadline for each later call.
    pub fn open_within(node_root: &Path, deadline: Duration) -> Result<Self, SwitchError> {
        let socket = Paths::below(node_root).socket();
        let operation = || format!("connect to mgd at {}", socket.display());
        let stream = UnixStream::connect(&socket).map_err(SwitchError::io(operation()))?;
        stream
            .set_write_timeout(Some(deadline))
            .map_err(SwitchError::io(operation()))?;
        Ok(Self {
            stream: BufReader::new(stream),
            deadline,
        })
    }

    /// Applies `set` and `delete` lines to the candidate, all or none. Returns warnings.
    pub fn edit(&mut self, lines: &[String], user: &str) -> Result<Vec<String>, SwitchError> {
        let (lines, user) = (lines.to_vec(), user.to_owned());
        Ok(warnings(&self.call(&Request::Edit { lines, user })?))
    }

    /// Makes the candidate active.
    pub fn commit(&mut self, comment: &str, user: &str) -> Result<Committed, SwitchError> {
        let (comment, user) = (comment.to_owned(), user.to_owned());
        let reply = self.call(&Request::Commit { comment, user })?;
        let revision = reply.get("revision").and_then(Value::as_u64);
        Ok(Committed {
            revision: revision
                .ok_or_else(|| SwitchError::protocol("mgd", format!("no revision in {reply}")))?,
            warnings: warnings(&reply),
        })
    }

    /// Checks the candidate as a commit would, and changes nothing. Returns warnings.
    pub fn check(&mut self) -> Result<Vec<String>, SwitchError> {
        Ok(warnings(&self.call(&Request::Check)?))
    }

    /// Loads rollback `n` into the candidate; [`Self::commit`] makes it active.
    pub fn rollback(&mut self, n: u32, user: &str) -> Result<(), SwitchError> {
        let user = user.to_owned();
        self.call(&Request::Rollback { n, user }).map(drop)
    }

    /// What the candidate changes against rollback `n`, as +/- lines; empty when nothing.
    pub fn compare(&mut self, n: u32) -> Result<String, SwitchError> {
        let reply = self.call(&Request::Compare { n })?;
        text(&reply)
    }

    /// Forgets the candidate's changes.
    pub fn discard(&mut self) -> Result<(), SwitchError> {
        self.call(&Request::Discard).map(drop)
    }

    /// A committed configuration: text for [`Format::Set`] and [`Format::Text`], else the model as JSON.
    pub fn show_config(&mut self, format: Format, rollback: u32) -> Result<Value, SwitchError> {
        let mut reply = self.call(&Request::ShowConfig { format, rollback })?;
        let field = if format == Format::Json { "config" } else { "text" };
        Ok(reply.get_mut(field).map(Value::take).unwrap_or_default())
    }

    /// State of the switch; shapes: see [`What`].
    pub fn show(&mut self, what: What) -> Result<Value, SwitchError> {
        self.call(&Request::Show { what })
    }

    /// Asks anything.
    pub fn call(&mut self, request: &Request) -> Result<Value, SwitchError> {
        let until = Instant::now() + self.deadline;
        let mut line = serde_json::to_vec(request).map_err(|error| SwitchError::protocol("mgd", error))?;
        line.push(b'\n');
        self.stream
            .get_mut()
            .write_all(&line)
            .map_err(|source| self.failed(source))?;
        let line = self.read_line(until).map_err(|source| self.failed(source))?;
        let text = String::from_utf8_lossy(&line);
        let reply: Reply = serde_json::from_slice(&line)
            .map_err(|error| SwitchError::protocol("mgd", format!("`{}`: {error}", text.trim())))?;
        match reply {
            Reply::Ok(value) => Ok(value),
            Reply::Error(failure) => Err(failure.unpack()),
        }
    }

    fn read_line(&mut self, until: Instant) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        loop {
            // A timeout on the socket is per read; a peer that drips bytes must not stretch the deadline.
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            self.stream.get_ref().set_read_timeout(Some(left))?;
            let bytes = self.stream.fill_buf()?;
            if bytes.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let end = bytes.iter().position(|byte| *byte == b'\n');
            let taken = end.map_or(bytes.len(), |end| end + 1);
            line.extend_from_slice(&bytes[..taken]);
            self.stream.consume(taken);
            if end.is_some() {
                return Ok(line);
            }
        }
    }

    fn failed(&self, source: io::Error) -> SwitchError {
        match source.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => SwitchError::Deadline {
                operation: "hear from mgd".to_owned(),
                deadline: self.deadline,
            },
            _ => SwitchError::Io {
                operation: "talk to mgd".to_owned(),
                source,
            },
        }
    }
}

fn warnings(reply: &Value) -> Vec<String> {
    let list = reply.get("warnings").and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

fn text(reply: &Value) -> Result<String, SwitchError> {
    let text = reply.get("text").and_then(Value::as_str);
    text.map(str::to_owned)
        .ok_or_else(|| SwitchError::protocol("mgd", format!("no text in {reply}")))
}
