//! The floor: the same network made by `floor.sh`.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use super::Round;
use super::measure::{self, Routes};
use super::ours::{COMMANDS, Details};
use super::shape::Net;

struct Script {
    child: Child,
    /// Taken when it ends: the script ends with its input.
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Script {
    fn start(folder: &Path) -> io::Result<Self> {
        let mut child = Command::new("unshare")
            .args([
                "--mount",
                "--propagation",
                "private",
                "unshare",
                "--pid",
                "--fork",
                "--kill-child",
            ])
            .args(["bash", "-c", include_str!("floor.sh"), "floor"])
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let output = output.ok_or_else(|| io::Error::other("no output"))?;
        let mut script = Self {
            child,
            input,
            output: BufReader::new(output),
        };
        script.hear("prepared")?;
        Ok(script)
    }

    fn go(&mut self, until: &str) -> io::Result<()> {
        if let Some(input) = &mut self.input {
            input.write_all(b"go\n")?;
        }
        self.hear(until)
    }

    fn hear(&mut self, wanted: &str) -> io::Result<()> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        if line.trim() == wanted {
            return Ok(());
        }
        Err(io::Error::other(format!(
            "the floor's script said `{}` instead of `{wanted}`",
            line.trim()
        )))
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        self.input = None;
        let _ = self.child.wait();
    }
}

/// Brings the network up by hand, waits for its routes, takes it down.
pub fn round(net: Net, folder: &Path, details: &mut Details) -> io::Result<Round> {
    let mut script = Script::start(folder)?;
    let begun = Instant::now();
    script.go("up")?;
    let up = begun.elapsed();
    let spaces = format!("/proc/{}/root/run/netns", script.child.id());
    let mut routers = Vec::new();
    let mut numbers = BTreeSet::new();
    for router in 0..net.count() {
        let netns = File::open(format!("{spaces}/{}", Net::name(router)))?.into();
        numbers.insert(measure::inode_of(&netns)?);
        routers.push((netns, net.routes_of(router)));
    }
    let mut routes = Routes::open(&routers)?;
    routes.wait()?;
    let converged = begun.elapsed();
    drop((routes, routers));
    let processes = measure::processes(&numbers);
    let memory = processes
        .iter()
        .map(|(pid, _)| measure::memory(pid, "Pss:"))
        .sum();
    for router in (0..COMMANDS).map(|command| Net::name(command % net.count())) {
        let begun = Instant::now();
        Command::new("nsenter")
            .args([&format!("--net={spaces}/{router}"), "true"])
            .status()?;
        details.exec_floor.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    let begun = Instant::now();
    script.go("down")?;
    while !measure::processes(&numbers).is_empty() {}
    let down = begun.elapsed();
    Ok(Round {
        up,
        converged,
        down,
        memory,
    })
}
