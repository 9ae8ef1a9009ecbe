//! Asks the node's supervisor how its daemons are.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::super::SwitchError;
use crate::nos::plan::ServiceStatus;

/// The question, one JSON value on a line. The answer is a line of JSON that holds a list of [`ServiceStatus`].
pub const STATUS_REQUEST: &str = r#"{"method":"status"}"#;

/// Returns the state of every daemon of the node.
pub fn status(socket: &Path, deadline: Duration) -> Result<Vec<ServiceStatus>, SwitchError> {
    let failed = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::WouldBlock => SwitchError::Deadline {
            operation: "hear from the supervisor".to_owned(),
            deadline,
        },
        _ => SwitchError::Io {
            operation: format!("ask the supervisor at {}", socket.display()),
            source,
        },
    };
    let mut stream = UnixStream::connect(socket).map_err(failed)?;
    stream.set_read_timeout(Some(deadline)).map_err(failed)?;
    stream.set_write_timeout(Some(deadline)).map_err(failed)?;
    writeln!(stream, "{STATUS_REQUEST}").map_err(failed)?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).map_err(failed)?;
    let answer: Value = serde_json::from_str(&line)
        .map_err(|error| SwitchError::protocol("the supervisor", format!("`{}`: {error}", line.trim())))?;
    find(&answer)
        .ok_or_else(|| SwitchError::protocol("the supervisor", format!("no services in `{}`", line.trim())))
}

/// The list of services, wherever the answer wraps it: what stands around it is not this daemon's business.
fn find(answer: &Value) -> Option<Vec<ServiceStatus>> {
    match answer {
        Value::Array(_) => serde_json::from_value(answer.clone()).ok(),
        Value::Object(fields) => fields.values().find_map(find),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn services_are_found_bare_and_wrapped() {
        let service = json!({"name": "l2ald", "state": "failed", "pid": null, "restarts": 3, "last_exit": "status=6/ABRT", "since": 5});
        for answer in [
            json!([service]),
            json!({"status": {"state": "running", "error": null, "services": [service]}}),
        ] {
            assert_eq!(find(&answer).unwrap()[0].name.as_str(), "l2ald");
        }
        assert_eq!(find(&json!({"refused": "busy"})), None);
    }
}
