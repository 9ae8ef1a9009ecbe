//! Follows daemons' logs and records the lines that somebody may want to see.
//!
//! Logs outlive power cuts: after a reboot the same file goes on where it was, and only a shorter file starts anew.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::ProbeError;
use crate::base::{MonoTime, NodeName, ServiceName};
use crate::nos::plan::NODE_LOGS;
use crate::record::{Event, HistoryWriter};
use crate::runtime::Lab;

/// How often files are read.
const EVERY: Duration = Duration::from_millis(200);
/// How often directories are searched for new files and nodes for new boots.
const SEARCH_EVERY: Duration = Duration::from_secs(1);
/// Longest line kept, in bytes.
const LONGEST_LINE: usize = 8 << 10;
/// Most bytes read of one file at a time, so that a daemon that floods its log does not stop all others.
const MOST_AT_ONCE: u64 = 1 << 20;

/// Lines to record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogPattern {
    /// Only of this node; none means of all.
    pub node: Option<NodeName>,
    /// Only of this daemon; none means of all.
    pub daemon: Option<ServiceName>,
    /// Texts the line must contain, in this order. None at all matches every line.
    pub contains: Vec<String>,
}

impl LogPattern {
    fn concerns(&self, node: &NodeName, daemon: &ServiceName) -> bool {
        self.node.as_ref().is_none_or(|wanted| wanted == node)
            && self.daemon.as_ref().is_none_or(|wanted| wanted == daemon)
    }

    fn matches(&self, line: &str) -> bool {
        let mut rest = line;
        self.contains.iter().all(|text| match rest.find(text.as_str()) {
            Some(at) => {
                rest = &rest[at + text.len()..];
                true
            }
            None => false,
        })
    }
}

/// Follows logs in the background.
#[derive(Debug)]
pub struct LogFollower {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl LogFollower {
    /// Follows the logs of these nodes from now on; lines that match any of the patterns are recorded.
    pub fn start(
        lab: Arc<dyn Lab>,
        nodes: Vec<NodeName>,
        patterns: Vec<LogPattern>,
        history: HistoryWriter,
    ) -> Result<Self, ProbeError> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new()
            .name("follow-logs".into())
            .spawn(move || {
                let mut logs = Logs {
                    patterns,
                    history,
                    files: BTreeMap::new(),
                };
                logs.follow(lab.as_ref(), &nodes, &stopped);
            })
            .map_err(ProbeError::system("start the follow-logs thread"))?;
        Ok(Self {
            stop,
            thread: Some(thread),
        })
    }

    /// Stops, after a last look.
    pub fn stop(mut self) -> Result<(), ProbeError> {
        self.join()
    }

    fn join(&mut self) -> Result<(), ProbeError> {
        self.stop.store(true, Ordering::Relaxed);
        match self.thread.take().map(JoinHandle::join) {
            Some(Err(_)) => Err(ProbeError::Panicked("follow-logs")),
            _ => Ok(()),
        }
    }
}

impl Drop for LogFollower {
    fn drop(&mut self) {
        let _ = self.join();
    }
}

struct Logs {
    patterns: Vec<LogPattern>,
    history: HistoryWriter,
    files: BTreeMap<(NodeName, ServiceName), Followed>,
}

struct Followed {
    path: PathBuf,
    file: Option<File>,
    inode: u64,
    offset: u64,
    lines: LineBuffer,
}

impl Logs {
    fn follow(&mut self, lab: &dyn Lab, nodes: &[NodeName], stop: &AtomicBool) {
        let mut searched: Option<MonoTime> = None;
        loop {
            let last = stop.load(Ordering::Relaxed);
            if searched.is_none_or(|at| MonoTime::now().since(at) >= SEARCH_EVERY) {
                for node in nodes {
                    if let Ok(handle) = lab.node(node) {
                        let folder = handle.root().join(NODE_LOGS.trim_start_matches('/'));
                        self.search(node, &folder, searched.is_none());
                    }
                }
                searched = Some(MonoTime::now());
            }
            self.read_all();
            if last {
                return;
            }
            std::thread::sleep(EVERY);
        }
    }

    /// Opens what is new in a folder. What is there at the very first look is history and is skipped.
    fn search(&mut self, node: &NodeName, folder: &Path, first: bool) {
        let Ok(entries) = std::fs::read_dir(folder) else {
            return;
        };
        for path in entries.flatten().map(|entry| entry.path()) {
            let Some(daemon) = path
                .file_name()
                .and_then(|name| name.to_str())
                .and_then(|name| name.strip_suffix(".log"))
                .map(ServiceName::new)
            else {
                continue;
            };
            if self
                .patterns
                .iter()
                .any(|pattern| pattern.concerns(node, &daemon))
            {
                self.open(node, daemon, path, first);
            }
        }
    }

    fn open(&mut self, node: &NodeName, daemon: ServiceName, path: PathBuf, first: bool) {
        let Ok(file) = File::open(&path) else { return };
        let Ok(facts) = file.metadata() else { return };
        match self.files.get_mut(&(node.clone(), daemon.clone())) {
            Some(followed) if followed.path == path && followed.inode == facts.ino() => {}
            Some(followed) => {
                let same_boot = followed.path == path;
                if same_boot || facts.len() < followed.offset {
                    followed.offset = 0;
                    followed.lines = LineBuffer::default();
                }
                followed.path = path;
                followed.inode = facts.ino();
                followed.file = Some(file);
            }
            None => {
                let followed = Followed {
                    path,
                    file: Some(file),
                    inode: facts.ino(),
                    offset: if first { facts.len() } else { 0 },
                    lines: LineBuffer::default(),
                };
                self.files.insert((node.clone(), daemon), followed);
            }
        }
    }

    fn read_all(&mut self) {
        for ((node, daemon), followed) in &mut self.files {
            // A file that cannot be read any more belonged to a boot that is over; the next search opens its successor.
            let Ok(lines) = followed.new_lines() else {
                followed.file = None;
                continue;
            };
            for line in lines {
                let wanted = |pattern: &LogPattern| pattern.concerns(node, daemon) && pattern.matches(&line);
                if self.patterns.iter().any(wanted) {
                    self.history.write(Event::Log {
                        node: node.clone(),
                        daemon: daemon.to_string(),
                        line,
                    });
                }
            }
        }
    }
}

impl Followed {
    fn new_lines(&mut self) -> std::io::Result<Vec<String>> {
        let Some(file) = &mut self.file else {
            return Ok(Vec::new());
        };
        let length = file.metadata()?.len();
        if length < self.offset {
            self.offset = 0;
            self.lines = LineBuffer::default();
        }
        if length == self.offset {
            return Ok(Vec::new());
        }
        file.seek(SeekFrom::Start(self.offset))?;
        let mut bytes = Vec::new();
        self.offset += file.take(MOST_AT_ONCE).read_to_end(&mut bytes)? as u64;
        Ok(self.lines.feed(&bytes))
    }
}

/// Cuts bytes into lines; keeps what has no newline yet.
#[derive(Debug, Default)]
struct LineBuffer(Vec<u8>);

impl LineBuffer {
    fn feed(&mut self, bytes: &[u8]) -> Vec<String> {
        self.0.extend_from_slice(bytes);
        let mut lines = Vec::new();
        let mut start = 0;
        while let Some(length) = self.0[start..].iter().position(|byte| *byte == b'\n') {
            lines.push(text(&self.0[start..start + length]));
            start += length + 1;
        }
        self.0.drain(..start);
        if self.0.len() > LONGEST_LINE {
            lines.push(text(&self.0));
            self.0.clear();
        }
        lines
    }
}

fn text(line: &[u8]) -> String {
    let line = &line[..line.len().min(LONGEST_LINE)];
    String::from_utf8_lossy(line).trim_end_matches('\r').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_at_newlines_however_they_arrive() {
        let mut lines = LineBuffer::default();
        assert_eq!(lines.feed(b"one\ntw"), ["one"]);
        assert_eq!(lines.feed(b"o\r\n\nth"), ["two", ""]);
        assert_eq!(lines.feed(b""), Vec::<String>::new());
        assert_eq!(lines.feed(&[b'x'; LONGEST_LINE]).len(), 1);
    }

    #[test]
    fn a_pattern_matches_its_texts_in_order() {
        let pattern = |texts: &[&str]| LogPattern {
            contains: texts.iter().map(|text| (*text).to_owned()).collect(),
            ..LogPattern::default()
        };
        let line = "systemd[1]: l2ald.service: Start request repeated too quickly.";
        assert!(pattern(&["l2ald", "repeated too quickly"]).matches(line));
        assert!(!pattern(&["repeated", "l2ald"]).matches(line));
        assert!(pattern(&[]).matches(line));
    }

    #[test]
    fn a_log_is_followed_over_truncation_replacement_and_reboot() {
        let boot = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let history = HistoryWriter::create(&boot[0].path().join("run.jsonl"), true).unwrap();
        let mut logs = Logs {
            patterns: vec![LogPattern::default()],
            history: history.clone(),
            files: BTreeMap::new(),
        };
        let node = NodeName::from("ca1");
        let path = boot[0].path().join("l2ald.log");
        std::fs::write(&path, "old\n").unwrap();
        let mut look = |folder: &Path, first| {
            logs.search(&node, folder, first);
            logs.read_all();
        };
        look(boot[0].path(), true);
        std::fs::write(&path, "old\nnew\n").unwrap();
        look(boot[0].path(), false);
        std::fs::write(&path, "cut\n").unwrap();
        look(boot[0].path(), false);
        std::fs::write(boot[0].path().join("next"), "replaced\n").unwrap();
        std::fs::rename(boot[0].path().join("next"), &path).unwrap();
        look(boot[0].path(), false);
        // The same content at the root of the next boot, and one more line.
        std::fs::write(boot[1].path().join("l2ald.log"), "replaced\nrebooted\n").unwrap();
        look(boot[1].path(), false);
        let told: Vec<String> = history
            .snapshot()
            .entries()
            .iter()
            .map(|entry| match &entry.event {
                Event::Log { line, .. } => line.clone(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(told, ["new", "cut", "replaced", "rebooted"]);
    }
}
