//! Question and answer with a daemon over its Unix socket: FRR's VTY, OVS's control socket, JSON lines.
//!
//! A daemon that is frozen still lets clients connect, until its queue is full and nobody else can. So an unanswered
//! question stays open on its connection: the answer comes when the daemon goes on, and no second connection is made.

use std::io;
use std::path::Path;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

/// Longest answer accepted, in bytes.
const LONGEST_ANSWER: usize = 16 << 20;

/// How a daemon wants to be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    /// FRR: command and NUL; answer ends with three NULs and a status byte (0: done).
    Vty,
    /// OVS `unixctl`: a JSON-RPC request without arguments; answer is one JSON object.
    Unixctl,
    /// One line of JSON each way.
    JsonLine,
}

/// An open connection.
#[derive(Debug)]
pub(super) struct Dialogue {
    stream: UnixStream,
    protocol: Protocol,
}

impl Dialogue {
    /// Connects to a socket. Like [`Self::ask`] this may wait for ever.
    pub(super) async fn open(path: &Path, protocol: Protocol) -> io::Result<Self> {
        let stream = UnixStream::connect(path).await?;
        let mut dialogue = Self { stream, protocol };
        if protocol == Protocol::Vty {
            // bfdd knows its `show` commands in enabled mode only.
            dialogue.ask("enable").await?;
        }
        Ok(dialogue)
    }

    /// Asks and waits for the answer, for ever: callers set deadlines. After an error the connection is of no use.
    pub(super) async fn ask(&mut self, question: &str) -> io::Result<String> {
        let request = match self.protocol {
            Protocol::Vty => format!("{question}\0"),
            Protocol::JsonLine => format!("{question}\n"),
            Protocol::Unixctl => serde_json::json!({"id": 0, "method": question, "params": []}).to_string(),
        };
        self.stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::with_capacity(8192);
        loop {
            if self.stream.read_buf(&mut answer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some(text) = complete(self.protocol, &answer)? {
                return Ok(text);
            }
            if answer.len() > LONGEST_ANSWER {
                return Err(io::Error::other("the answer does not end"));
            }
        }
    }
}

/// Returns the text of an answer once it is complete.
fn complete(protocol: Protocol, answer: &[u8]) -> io::Result<Option<String>> {
    match protocol {
        Protocol::Vty => match answer {
            [text @ .., 0, 0, 0, 0] => Ok(Some(String::from_utf8_lossy(text).into_owned())),
            [text @ .., 0, 0, 0, _] => {
                let text = String::from_utf8_lossy(text);
                Err(io::Error::other(text.trim_matches(['\0', '\n']).to_owned()))
            }
            _ => Ok(None),
        },
        Protocol::JsonLine => Ok(answer
            .strip_suffix(b"\n")
            .map(|line| String::from_utf8_lossy(line).into_owned())),
        Protocol::Unixctl => match serde_json::from_slice::<Value>(answer) {
            Ok(reply) => match (reply.get("result"), reply.get("error")) {
                (Some(Value::String(text)), _) => Ok(Some(text.clone())),
                (_, Some(Value::String(error))) => Err(io::Error::other(error.trim().to_owned())),
                _ => Err(io::Error::other("neither result nor error in the answer")),
            },
            Err(error) if error.is_eof() => Ok(None),
            Err(error) => Err(error.into()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vty_answer_ends_with_three_nuls_and_a_good_status() {
        assert_eq!(complete(Protocol::Vty, b"{\n}\n\0\0\0").unwrap(), None);
        assert_eq!(
            complete(Protocol::Vty, b"{\n}\n\0\0\0\0").unwrap(),
            Some("{\n}\n".into())
        );
        let refused = complete(Protocol::Vty, b"% [BGP] Unknown command: x\n\0\0\0\0\x02").unwrap_err();
        assert_eq!(refused.to_string(), "% [BGP] Unknown command: x");
    }

    #[test]
    fn a_control_answer_ends_with_its_object() {
        let reply = br#"{"id":0,"result":"---- q1 ----\n","error":null}"#;
        assert_eq!(complete(Protocol::Unixctl, &reply[..20]).unwrap(), None);
        assert_eq!(
            complete(Protocol::Unixctl, reply).unwrap(),
            Some("---- q1 ----\n".into())
        );
        let refused = complete(
            Protocol::Unixctl,
            br#"{"id":0,"result":null,"error":"\"x\" is not a valid command\n"}"#,
        );
        assert_eq!(refused.unwrap_err().to_string(), "\"x\" is not a valid command");
    }

    #[test]
    fn a_line_answer_ends_with_its_line() {
        assert_eq!(complete(Protocol::JsonLine, b"{\"result\":").unwrap(), None);
        assert_eq!(complete(Protocol::JsonLine, b"[]\n").unwrap(), Some("[]".into()));
    }
}
