//! The command line of a node over SSH, by the machine's own `ssh`: a client as users know it, with their agent and keys.
//!
//! Host keys of lab nodes are new at each start, so they are not checked; nothing of the user's configuration is read.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::super::error::DriverError;
use super::Driver;
use crate::nos::kinds::Step;

/// Environment variable of `ssh`'s askpass program: what it prints. faultlab's own binary is that program.
pub const ASKPASS_ANSWER: &str = "FAULTLAB_ASKPASS_ANSWER";

/// `ssh` ends with this code when it did not get as far as the command.
const NEVER_RAN: i32 = 255;

/// Where to log in, and as whom.
#[derive(Clone, Debug)]
pub struct Login {
    /// Address or name.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// User.
    pub user: String,
    /// A key file, besides those of the user's agent.
    pub identity: Option<PathBuf>,
    /// A password or a passphrase.
    pub secret: Option<Secret>,
    /// Deadline of connecting and of each answer.
    pub patience: Duration,
}

/// A password or passphrase, and the program that hands it to `ssh`.
#[derive(Clone)]
pub struct Secret {
    /// faultlab's binary, which prints [`ASKPASS_ANSWER`] when that is set.
    pub askpass: PathBuf,
    /// The secret.
    pub answer: String,
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

impl Login {
    /// Names the peer in messages.
    pub(super) fn peer(&self) -> String {
        format!("{}@{}:{}", self.user, self.host, self.port)
    }

    fn command(&self, options: &[&str], remote: &str) -> Command {
        let mut ssh = Command::new("ssh");
        let seconds = self.patience.as_secs().max(1);
        ssh.args(["-F", "none", "-T", "-p", &self.port.to_string(), "-l", &self.user])
            .args([
                "-o",
                "StrictHostKeyChecking=no",
                "-o",
                "UserKnownHostsFile=/dev/null",
            ])
            .args(["-o", "LogLevel=ERROR", "-o", "NumberOfPasswordPrompts=1"])
            .args(["-o", &format!("ConnectTimeout={seconds}")]);
        if let Some(identity) = &self.identity {
            ssh.arg("-i").arg(identity);
        }
        match &self.secret {
            Some(secret) => {
                ssh.env("SSH_ASKPASS", &secret.askpass)
                    .env("SSH_ASKPASS_REQUIRE", "force")
                    .env(ASKPASS_ANSWER, &secret.answer);
            }
            None => {
                ssh.args(["-o", "BatchMode=yes"]);
            }
        }
        ssh.args(options).args(["--", &self.host, remote]);
        ssh
    }

    /// Starts `ssh` for a command, or for a subsystem.
    pub(super) fn start(&self, options: &[&str], remote: &str) -> Result<Process, DriverError> {
        let failed = |source| DriverError::System {
            operation: format!("start ssh to {}", self.peer()),
            source,
        };
        let mut child = self
            .command(options, remote)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        Ok(Process {
            peer: self.peer(),
            input: child.stdin.take(),
            output: pump(child.stdout.take()),
            errors: pump(child.stderr.take()),
            child,
            patience: self.patience,
        })
    }
}

/// Reads a stream on a thread of its own, which ends with the stream.
fn pump(stream: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    if let Some(mut stream) = stream {
        std::thread::spawn(move || {
            let mut chunk = [0; 16_384];
            while let Ok(count @ 1..) = stream.read(&mut chunk) {
                if sender.send(chunk[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
    }
    receiver
}

/// A running `ssh`; dropping it ends it.
#[derive(Debug)]
pub(super) struct Process {
    peer: String,
    child: Child,
    input: Option<ChildStdin>,
    output: Receiver<Vec<u8>>,
    errors: Receiver<Vec<u8>>,
    patience: Duration,
}

impl Process {
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), DriverError> {
        let written = self
            .input
            .as_mut()
            .map(|input| input.write_all(bytes).and_then(|()| input.flush()));
        match written {
            Some(Ok(())) => Ok(()),
            _ => Err(self.lost()),
        }
    }

    /// Returns the next bytes, or none at the end.
    pub(super) fn read(&mut self, deadline: Instant, what: &str) -> Result<Option<Vec<u8>>, DriverError> {
        match self
            .output
            .recv_timeout(deadline.saturating_duration_since(Instant::now()))
        {
            Ok(bytes) => Ok(Some(bytes)),
            Err(RecvTimeoutError::Disconnected) => Ok(None),
            Err(RecvTimeoutError::Timeout) => Err(DriverError::Late {
                peer: self.peer.clone(),
                command: what.to_owned(),
                patience: self.patience,
            }),
        }
    }

    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + self.patience
    }

    /// The connection is gone: says what `ssh` said about it.
    pub(super) fn lost(&mut self) -> DriverError {
        DriverError::Lost {
            peer: self.peer.clone(),
            said: self.complaints(),
        }
    }

    fn complaints(&mut self) -> String {
        let _ = self.child.kill();
        let bytes: Vec<u8> = self.errors.iter().flatten().collect();
        String::from_utf8_lossy(&bytes).trim().to_owned()
    }

    fn finish(mut self, command: &str) -> Result<String, DriverError> {
        self.input = None;
        let deadline = self.deadline();
        let mut output = Vec::new();
        while let Some(bytes) = self.read(deadline, command)? {
            output.extend_from_slice(&bytes);
        }
        let code = self.child.wait().ok().and_then(|status| status.code());
        let complaints = self.complaints();
        let output = String::from_utf8_lossy(&output).into_owned();
        match code {
            Some(NEVER_RAN) => Err(DriverError::Lost {
                peer: self.peer.clone(),
                said: complaints,
            }),
            Some(0) if !complains(&output) => Ok(output),
            _ => Err(DriverError::Refused {
                peer: self.peer.clone(),
                command: command.to_owned(),
                answer: format!("{output}\n{complaints}").trim().to_owned(),
            }),
        }
    }
}

/// Junos ends with 0 also when it did not understand.
fn complains(output: &str) -> bool {
    let first = output.trim_start();
    ["error:", "syntax error", "unknown command"]
        .iter()
        .any(|word| first.starts_with(word))
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A node's command line, one connection for each command.
#[derive(Clone, Debug)]
pub struct CommandLine(pub Login);

impl CommandLine {
    /// Runs a command and returns what it printed.
    pub fn ask(&self, command: &str) -> Result<String, DriverError> {
        self.0.start(&[], command)?.finish(command)
    }
}

impl Driver for CommandLine {
    fn carry_out(&mut self, step: &Step) -> Result<String, DriverError> {
        match step {
            Step::Cli(command) => self.ask(command),
            other => Err(super::foreign("a command line", other)),
        }
    }
}
