//! Reads routes and memory of a lab's namespaces from the kernel, the same way for both sides.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, setns};

/// How often all routers are looked at: reading fifty tables takes about 2 ms.
const POLL: Duration = Duration::from_millis(20);

/// How long routing may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// The routing tables of a lab's routers. Each open file keeps its namespace, so it must go before the lab does.
pub struct Routes(Vec<(File, usize)>);

impl Routes {
    /// Opens the tables in these namespaces, each with the number of routes that OSPF owes it.
    pub fn open(routers: &[(OwnedFd, usize)]) -> io::Result<Self> {
        // A thread that enters other namespaces is of no use afterwards.
        let opened = std::thread::scope(|scope| {
            let open = || -> io::Result<Vec<_>> {
                let one = |(netns, owed): &(OwnedFd, usize)| {
                    setns(netns.as_fd(), CloneFlags::CLONE_NEWNET)?;
                    Ok((File::open("/proc/thread-self/net/route")?, *owed))
                };
                routers.iter().map(one).collect()
            };
            scope.spawn(open).join()
        });
        opened
            .map_err(|_| io::Error::other("a thread panicked"))?
            .map(Self)
    }

    /// Waits until every kernel has all its routes.
    pub fn wait(&mut self) -> io::Result<()> {
        let end = Instant::now() + PATIENCE;
        loop {
            let mut missing = 0;
            for (table, owed) in &mut self.0 {
                missing += usize::from(gateways(table)? < *owed);
            }
            if missing == 0 {
                return Ok(());
            }
            if Instant::now() > end {
                return Err(io::Error::other(format!(
                    "{missing} routers lack routes after {PATIENCE:?}"
                )));
            }
            std::thread::sleep(POLL);
        }
    }
}

/// Counts routes through another router (`RTF_GATEWAY`), those of the management network aside.
fn gateways(table: &mut File) -> io::Result<usize> {
    let mut text = String::new();
    table.seek(SeekFrom::Start(0))?;
    table.read_to_string(&mut text)?;
    let through = |line: &&str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        fields.first() != Some(&"eth0")
            && fields
                .get(3)
                .and_then(|flags| u32::from_str_radix(flags, 16).ok())
                .is_some_and(|flags| flags & 2 != 0)
    };
    Ok(text.lines().skip(1).filter(through).count())
}

/// The processes in these network namespaces, as (pid, command line).
pub fn processes(spaces: &BTreeSet<u64>) -> Vec<(String, String)> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let pids = names.filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
    pids.filter(|pid| inode(&format!("/proc/{pid}/ns/net")).is_some_and(|space| spaces.contains(&space)))
        .map(|pid| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            (pid, String::from_utf8_lossy(&line).replace('\0', " "))
        })
        .collect()
}

/// The number of the namespace behind a path.
pub fn inode(path: &str) -> Option<u64> {
    fs::metadata(path).ok().map(|metadata| metadata.ino())
}

/// The number of the namespace behind a descriptor.
pub fn inode_of(netns: &OwnedFd) -> io::Result<u64> {
    Ok(File::from(netns.try_clone()?).metadata()?.ino())
}

/// A process's fields of smaps_rollup whose names begin so, in MiB.
pub fn memory(pid: &str, field: &str) -> f64 {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let lines = text.lines().filter(|line| line.starts_with(field));
    let kib: f64 = lines
        .filter_map(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok())
        .sum();
    kib / 1024.0
}

/// Median and worst.
pub fn spread(mut values: Vec<f64>) -> (f64, f64) {
    values.sort_by(f64::total_cmp);
    let median = values.get(values.len() / 2).copied().unwrap_or(f64::NAN);
    (median, values.last().copied().unwrap_or(f64::NAN))
}
