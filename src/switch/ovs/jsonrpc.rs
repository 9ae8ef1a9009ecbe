//! A blocking JSON-RPC 1.0 client over a Unix socket.

use std::io::{BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use serde_json::{Value, json};

use crate::switch::SwitchError;

/// A connection. It is useless after an error; make a new one.
pub(super) struct Connection {
    peer: String,
    writer: UnixStream,
    reader: serde_json::StreamDeserializer<'static, serde_json::de::IoRead<BufReader<UnixStream>>, Value>,
    next_id: u64,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection")
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}

impl Connection {
    pub(super) fn open(path: &Path) -> Result<Self, SwitchError> {
        let peer = path.display().to_string();
        let failed = || SwitchError::io(format!("connect to {peer}"));
        let writer = UnixStream::connect(path).map_err(failed())?;
        writer.set_read_timeout(Some(super::DEADLINE)).map_err(failed())?;
        writer
            .set_write_timeout(Some(super::DEADLINE))
            .map_err(failed())?;
        let read_half = writer.try_clone().map_err(failed())?;
        Ok(Self {
            peer,
            writer,
            reader: serde_json::Deserializer::from_reader(BufReader::new(read_half)).into_iter(),
            next_id: 0,
        })
    }

    /// Sends a request and waits for its result; requests of the other side (echo) are answered meanwhile.
    pub(super) fn call(&mut self, method: &str, params: &Value) -> Result<Value, SwitchError> {
        let id = self.next_id;
        self.next_id += 1;
        self.send(&json!({"id": id, "method": method, "params": params}))?;
        loop {
            let message = self.receive()?;
            if message.get("method").and_then(Value::as_str) == Some("echo") {
                self.send(&json!({"id": message["id"], "result": message["params"], "error": null}))?;
                continue;
            }
            if message.get("id").and_then(Value::as_u64) != Some(id) {
                continue;
            }
            return match &message["error"] {
                Value::Null => Ok(message["result"].clone()),
                error => Err(SwitchError::Refused {
                    operation: format!("{method} at {}", self.peer),
                    reason: error
                        .as_str()
                        .map_or_else(|| error.to_string(), |text| text.trim().to_owned()),
                }),
            };
        }
    }

    fn send(&mut self, message: &Value) -> Result<(), SwitchError> {
        self.writer
            .write_all(message.to_string().as_bytes())
            .map_err(SwitchError::io(format!("write to {}", self.peer)))
    }

    fn receive(&mut self) -> Result<Value, SwitchError> {
        match self.reader.next() {
            Some(Ok(message)) => Ok(message),
            Some(Err(error)) if error.is_io() => {
                Err(SwitchError::io(format!("read from {}", self.peer))(error.into()))
            }
            Some(Err(error)) => Err(SwitchError::protocol(&self.peer, error)),
            None => Err(SwitchError::protocol(&self.peer, "it closed the connection")),
        }
    }
}
