//! QEMU's human monitor on TCP, as vrnetlab opens it for each virtual machine.
//!
//! It echoes each command through its line editor, escape sequences and all; the answer is what stands between that line
//! and the next prompt. Commands that change something say nothing when they succeed.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::super::error::DriverError;
use super::Driver;
use crate::nos::kinds::Step;

const PROMPT: &str = "(qemu) ";

/// Longest answer accepted, in bytes.
const LONGEST: usize = 4 << 20;

/// A session with a monitor. QEMU serves one at a time: a second one waits until this is dropped.
#[derive(Debug)]
pub struct Monitor {
    address: SocketAddr,
    stream: TcpStream,
    patience: Duration,
}

impl Monitor {
    /// Connects and waits for the prompt. `patience` is the deadline of this and of each command.
    pub fn connect(address: SocketAddr, patience: Duration) -> Result<Self, DriverError> {
        let lost = |source| DriverError::System {
            operation: format!("connect to the QEMU monitor at {address}"),
            source,
        };
        let stream = TcpStream::connect_timeout(&address, patience).map_err(lost)?;
        let mut monitor = Self {
            address,
            stream,
            patience,
        };
        monitor.until_prompt(0).map_err(lost)?;
        Ok(monitor)
    }

    /// Runs a command and returns its answer, e.g. `info status`.
    pub fn ask(&mut self, command: &str) -> Result<String, DriverError> {
        let address = self.address;
        if command.chars().any(char::is_control) {
            return Err(self.refused(command, "a command is one line of text"));
        }
        self.exchange(command).map_err(|source| DriverError::System {
            operation: format!("ask the QEMU monitor at {address} for `{command}`"),
            source,
        })
    }

    /// Runs a command that changes something.
    ///
    /// # Errors
    /// Also when the monitor says anything at all: then it did not do it.
    pub fn act(&mut self, command: &str) -> Result<(), DriverError> {
        let answer = self.ask(command)?;
        if answer.is_empty() {
            return Ok(());
        }
        Err(self.refused(command, &answer))
    }

    fn refused(&self, command: &str, answer: &str) -> DriverError {
        DriverError::Refused {
            peer: format!("the QEMU monitor at {}", self.address),
            command: command.to_owned(),
            answer: answer.to_owned(),
        }
    }

    fn exchange(&mut self, command: &str) -> io::Result<String> {
        self.stream.write_all(format!("{command}\n").as_bytes())?;
        // The echo's line comes first, so a prompt counts only after one end of line.
        let said = self.until_prompt(1)?;
        let answer = said.split_once('\n').map_or("", |(_, answer)| answer);
        Ok(answer.trim().to_owned())
    }

    /// Reads until a prompt that stands after so many lines, and returns what came before it without escape sequences.
    fn until_prompt(&mut self, lines: usize) -> io::Result<String> {
        let deadline = Instant::now() + self.patience;
        let mut bytes = Vec::new();
        let mut chunk = [0; 4096];
        loop {
            let said = plain(&bytes);
            if let Some(before) = said.strip_suffix(PROMPT)
                && before.matches('\n').count() >= lines
                && (before.is_empty() || before.ends_with('\n'))
            {
                return Ok(before.to_owned());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            self.stream.set_read_timeout(Some(left))?;
            match self.stream.read(&mut chunk) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => bytes.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Err(io::ErrorKind::TimedOut.into());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            if bytes.len() > LONGEST {
                return Err(io::Error::other("the answer does not end"));
            }
        }
    }
}

impl Driver for Monitor {
    fn carry_out(&mut self, step: &Step) -> Result<String, DriverError> {
        match step {
            Step::Monitor(command) => self.act(command).map(|()| String::new()),
            other => Err(super::foreign("a QEMU monitor", other)),
        }
    }
}

/// Text without carriage returns and terminal control sequences (ECMA-48 `CSI … final`).
fn plain(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' if chars.as_str().starts_with('[') => {
                chars.next();
                chars.by_ref().find(|c| ('@'..='~').contains(c));
            }
            '\r' => {}
            other => plain.push(other),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_line_editor_draws_is_no_part_of_the_text() {
        assert_eq!(
            plain(b"s\x1b[K\x1b[Dstop\x1b[K\r\nok\r\n(qemu) "),
            "sstop\nok\n(qemu) "
        );
        assert_eq!(plain(b"cut \x1b[1"), "cut ");
    }
}
