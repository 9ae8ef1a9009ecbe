//! Stopping every process of a pid namespace, and letting go exactly those that were stopped here.
//!
//! A fault may have stopped a daemon before: that one stays stopped when the node thaws.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Processes stopped by [`Frozen::freeze`]: process id in the caller's pid namespace → start time, which tells a reused id.
#[derive(Debug)]
pub(super) struct Frozen(BTreeMap<i32, u64>);

impl Frozen {
    /// Stops all processes in the pid namespace of the process `init`, that one first, until no new one appears.
    pub(super) fn freeze(init: i32) -> io::Result<Self> {
        let space = pid_namespace(init)?;
        let mut stopped = BTreeMap::new();
        stop(init, &mut stopped);
        loop {
            let before = stopped.len();
            for pid in processes()? {
                if !stopped.contains_key(&pid) && pid_namespace(pid).is_ok_and(|other| other == space) {
                    stop(pid, &mut stopped);
                }
            }
            if stopped.len() == before {
                return Ok(Self(stopped));
            }
        }
    }

    /// Lets them go on, the first process last: it finds its children as they were.
    pub(super) fn thaw(self) {
        for (pid, started) in self.0.into_iter().rev() {
            if look(pid).is_some_and(|(_, now)| now == started) {
                let _ = kill(Pid::from_raw(pid), Signal::SIGCONT);
            }
        }
    }
}

fn stop(pid: i32, stopped: &mut BTreeMap<i32, u64>) {
    // Asked before the state: a signal that is no longer pending then shows in the state.
    if !is_about_to_stop(pid)
        && let Some((state, started)) = look(pid)
        && !matches!(state, 'T' | 't' | 'Z' | 'X')
        && kill(Pid::from_raw(pid), Signal::SIGSTOP).is_ok()
    {
        stopped.insert(pid, started);
    }
}

/// Whether somebody else's SIGSTOP is on its way to the process.
fn is_about_to_stop(pid: i32) -> bool {
    const BIT: u64 = 1 << (Signal::SIGSTOP as u64 - 1);
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let pending = text
        .lines()
        .filter_map(|line| line.strip_prefix("SigPnd:").or(line.strip_prefix("ShdPnd:")));
    pending
        .filter_map(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .any(|mask| mask & BIT != 0)
}

fn pid_namespace(pid: i32) -> io::Result<u64> {
    Ok(fs::metadata(format!("/proc/{pid}/ns/pid"))?.ino())
}

fn processes() -> io::Result<Vec<i32>> {
    Ok(fs::read_dir("/proc")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect())
}

/// State and start time of a process, fields 3 and 22 of proc(5) stat.
fn look(pid: i32) -> Option<(char, u64)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in brackets may itself hold brackets and spaces.
    let mut fields = text.get(text.rfind(')')? + 1..)?.split_whitespace();
    let state = fields.next()?.chars().next()?;
    Some((state, fields.nth(18)?.parse().ok()?))
}
