//! The VTY protocol of FRR's daemons: a command ends with NUL; an answer with three NUL bytes and a status byte.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;

use super::super::{NosError, frr};

/// Status bytes of lib/command.h that mean success: CMD_SUCCESS and CMD_SUCCESS_DAEMON.
const SUCCESS: [u8; 2] = [0, 8];

/// A session with one daemon.
#[derive(Debug)]
pub struct Vty {
    socket: PathBuf,
    stream: UnixStream,
    patience: Duration,
}

impl Vty {
    /// Connects to a daemon of the node whose root is at `root`, e.g. `/proc/4711/root`, and enables privileged commands.
    pub fn connect(root: &Path, daemon: &str, patience: Duration) -> Result<Self, NosError> {
        let inside = Path::new(frr::RUN).join(format!("{daemon}.vty"));
        let socket = root.join(inside.strip_prefix("/").unwrap_or(&inside));
        let connect = || -> io::Result<UnixStream> {
            let stream = UnixStream::connect(&socket)?;
            stream.set_read_timeout(Some(patience))?;
            stream.set_write_timeout(Some(patience))?;
            Ok(stream)
        };
        let stream = connect().map_err(|source| NosError::Query {
            socket: socket.clone(),
            command: "enable".to_owned(),
            source,
        })?;
        let mut vty = Self {
            socket,
            stream,
            patience,
        };
        vty.ask("enable")?;
        Ok(vty)
    }

    /// Runs a command and returns what the daemon printed.
    pub fn ask(&mut self, command: &str) -> Result<String, NosError> {
        let (answer, status) = self.exchange(command).map_err(|source| NosError::Query {
            socket: self.socket.clone(),
            command: command.to_owned(),
            source,
        })?;
        if SUCCESS.contains(&status) {
            return Ok(answer);
        }
        Err(NosError::Refused {
            socket: self.socket.clone(),
            command: command.to_owned(),
            answer: answer.trim().to_owned(),
        })
    }

    /// Runs a `show … json` command. A daemon that has nothing to tell prints nothing: then the answer is `null`.
    pub fn ask_json<T: DeserializeOwned>(&mut self, command: &str) -> Result<T, NosError> {
        let answer = self.ask(command)?;
        let text = if answer.trim().is_empty() { "null" } else { &answer };
        serde_json::from_str(text).map_err(|source| NosError::Answer {
            socket: self.socket.clone(),
            command: command.to_owned(),
            source,
        })
    }

    fn exchange(&mut self, command: &str) -> io::Result<(String, u8)> {
        self.stream.write_all(command.as_bytes())?;
        self.stream.write_all(&[0])?;
        let deadline = Instant::now() + self.patience;
        let mut answer = Vec::new();
        let mut chunk = [0; 16_384];
        loop {
            let count = self.stream.read(&mut chunk)?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            answer.extend_from_slice(&chunk[..count]);
            if let [text @ .., 0, 0, 0, status] = answer.as_slice() {
                return Ok((String::from_utf8_lossy(text).into_owned(), *status));
            }
            if Instant::now() >= deadline {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    /// A daemon that answers each command with the next of its replies.
    fn daemon(replies: Vec<Vec<u8>>) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("run/frr")).unwrap();
        let listener = UnixListener::bind(root.path().join("run/frr/bgpd.vty")).unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            for reply in replies {
                let mut byte = [1];
                while stream.read_exact(&mut byte).is_ok() && byte != [0] {}
                for part in reply.chunks(3) {
                    stream.write_all(part).unwrap();
                }
            }
        });
        root
    }

    #[test]
    fn an_answer_ends_at_three_nul_bytes_and_its_status_wherever_reads_cut_it() {
        let root = daemon(vec![b"\0\0\0\0".to_vec(), b"{\"a\": 1}\n\0\0\0\0".to_vec()]);
        let mut vty = Vty::connect(root.path(), "bgpd", Duration::from_secs(5)).unwrap();
        let answer: serde_json::Value = vty.ask_json("show bgp json").unwrap();
        assert_eq!(answer["a"], 1);
    }

    #[test]
    fn a_refused_command_carries_what_the_daemon_said() {
        let root = daemon(vec![
            b"\0\0\0\0".to_vec(),
            b"% Unknown command\n\0\0\0\x02".to_vec(),
        ]);
        let mut vty = Vty::connect(root.path(), "bgpd", Duration::from_secs(5)).unwrap();
        let error = vty.ask("shwo").unwrap_err();
        assert!(matches!(error, NosError::Refused { answer, .. } if answer == "% Unknown command"));
    }

    #[test]
    fn a_daemon_that_died_is_an_error_and_no_empty_answer() {
        let root = daemon(vec![b"\0\0\0\0".to_vec()]);
        let mut vty = Vty::connect(root.path(), "bgpd", Duration::from_secs(5)).unwrap();
        assert!(matches!(vty.ask("show version"), Err(NosError::Query { .. })));
    }
}
