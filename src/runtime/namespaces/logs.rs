//! Reading the logs of a node's daemons from outside, also when the node is off.

use std::collections::{BTreeSet, VecDeque};
use std::fs;
use std::io::{self, BufRead};
use std::path::Path;

use super::lab::system;
use crate::base::ServiceName;
use crate::nos::plan::NodePlan;
use crate::runtime::{LogLine, RuntimeError};

/// Logs that every node has beside those of its services.
const OWN: [&str; 3] = ["supervisor", "setup", "exec"];

/// The last lines of one log, or of each log of the node one after the other. `directory` is where its logs lie.
pub(in crate::runtime) fn read(
    directory: &Path,
    plan: &NodePlan,
    service: Option<&ServiceName>,
    lines: usize,
) -> Result<Vec<LogLine>, RuntimeError> {
    let own = OWN.iter().map(|name| ServiceName::from(*name));
    let mut known: Vec<ServiceName> = own
        .chain(plan.services.iter().map(|service| service.name.clone()))
        .collect();
    for other in written(directory) {
        if !known.contains(&other) {
            known.push(other);
        }
    }
    let wanted = match service {
        None => known,
        Some(service) if known.contains(service) => vec![service.clone()],
        Some(service) => {
            return Err(RuntimeError::NoSuchService {
                node: plan.node.clone(),
                service: service.clone(),
                known,
            });
        }
    };
    let mut found = Vec::new();
    for service in wanted {
        let last = tail(&directory.join(format!("{service}.log")), lines)
            .map_err(system(format!("read the log of {service} on {}", plan.node)))?;
        found.extend(last.into_iter().map(|line| LogLine {
            service: service.clone(),
            line,
        }));
    }
    Ok(found)
}

/// Logs that daemons opened themselves through their supervisor, sorted.
fn written(directory: &Path) -> BTreeSet<ServiceName> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| {
        Some(ServiceName::from(
            entry.file_name().to_str()?.strip_suffix(".log")?,
        ))
    });
    names.collect()
}

fn tail(path: &Path, lines: usize) -> io::Result<VecDeque<String>> {
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(VecDeque::new()),
        Err(error) => return Err(error),
    };
    let mut last = VecDeque::new();
    for line in io::BufReader::new(file).split(b'\n') {
        if last.len() == lines {
            last.pop_front();
        }
        last.push_back(String::from_utf8_lossy(&line?).into_owned());
    }
    last.truncate(lines);
    Ok(last)
}
