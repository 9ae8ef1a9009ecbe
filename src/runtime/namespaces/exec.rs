//! Running a command in a node, as a child of the caller: its terminal works, and it dies with the caller and the node.
//!
//! The caller may have many threads, so between fork and exec only bare system calls run, on memory prepared before.
//! The first fork enters the namespaces; the second (a sibling, `CLONE_PARENT`) is in the node's pid namespace.

use std::ffi::CString;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::fcntl::OFlag;
use nix::libc;
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::pipe2;

use super::environment;
use super::kernel::{self, Forked};
use super::lab::system;
use crate::base::LabName;
use crate::nos::plan::NodePlan;
use crate::runtime::{ExecOutput, ExecRequest, NodeHandle, RuntimeError};

/// Exit codes of a shell, kept for what could not be run.
const NOT_FOUND: i32 = 127;
const NOT_EXECUTABLE: i32 = 126;

/// The intermediate process could not enter the node.
const NO_ENTRY: i32 = 125;

/// Everything the child needs, allocated before the fork.
struct Prepared {
    argv: Vec<CString>,
    environment: Vec<CString>,
    /// Where to look for the program, in order.
    candidates: Vec<CString>,
    /// What to say when it is nowhere.
    not_found: String,
    /// What to say when it is there but the kernel does not run it.
    not_executable: String,
}

/// Runs a command and waits for it.
pub(super) fn run(
    lab: &LabName,
    plan: &NodePlan,
    node: &NodeHandle,
    request: &ExecRequest,
) -> Result<ExecOutput, RuntimeError> {
    let what = || format!("run `{}` on {}", request.argv.join(" "), plan.node);
    let prepared = prepare(lab, plan, request).map_err(system(what()))?;
    let mut child = Child::start(&prepared, node, request).map_err(system(what()))?;
    if !kernel::wait_gone(node.pidfd(), Duration::ZERO).unwrap_or(true) {
        return child.finish(request, &what);
    }
    Err(RuntimeError::NodeOff(plan.node.clone()))
}

fn prepare(lab: &LabName, plan: &NodePlan, request: &ExecRequest) -> io::Result<Prepared> {
    let text = |text: &str| CString::new(text).map_err(io::Error::other);
    let program = request.argv.first().ok_or(io::ErrorKind::InvalidInput)?;
    let mut variables = environment::of(plan);
    variables.insert(environment::LAB_VARIABLE.into(), lab.to_string());
    if request.inherit
        && let Ok(terminal) = std::env::var("TERM")
    {
        variables.insert("TERM".into(), terminal);
    }
    let candidates = if program.contains('/') {
        vec![text(program)?]
    } else {
        let path = variables.get("PATH").map(String::as_str).unwrap_or_default();
        path.split(':')
            .map(|directory| text(&format!("{directory}/{program}")))
            .collect::<io::Result<_>>()?
    };
    Ok(Prepared {
        not_found: format!("faultlab: node `{}` has no program `{program}`\n", plan.node),
        not_executable: format!(
            "faultlab: program `{program}` of node `{}` cannot be executed\n",
            plan.node
        ),
        argv: request
            .argv
            .iter()
            .map(|arg| text(arg))
            .collect::<io::Result<_>>()?,
        environment: variables
            .iter()
            .map(|(name, value)| text(&format!("{name}={value}")))
            .collect::<io::Result<_>>()?,
        candidates,
    })
}

/// A command that runs, and the near ends of its streams.
struct Child {
    pid: i32,
    pidfd: OwnedFd,
    stdin: Option<std::fs::File>,
    stdout: Option<std::fs::File>,
    stderr: Option<std::fs::File>,
    reaped: bool,
}

impl Child {
    fn start(prepared: &Prepared, node: &NodeHandle, request: &ExecRequest) -> io::Result<Self> {
        let pipe = || pipe2(OFlag::O_CLOEXEC);
        let (report, report_to) = pipe()?;
        let (hold, hold_to) = pipe()?;
        let streams = if request.inherit {
            None
        } else {
            Some((pipe()?, pipe()?, pipe()?))
        };
        let ends = streams
            .as_ref()
            .map(|(stdin, stdout, stderr)| [stdin.0.as_raw_fd(), stdout.1.as_raw_fd(), stderr.1.as_raw_fd()]);
        let pointers = Pointers::to(prepared);
        let (first, first_fd) = match kernel::fork(0)? {
            Forked::Child => enter(&pointers, node, ends, &report_to, &hold, &hold_to),
            Forked::Parent { pid, pidfd } => (pid, pidfd),
        };
        drop((report_to, hold));
        let _ = first;
        let mut told = [0u8; 4];
        let read = std::fs::File::from(report).read_exact(&mut told);
        let _ = waitid(Id::PIDFd(first_fd.as_fd()), WaitPidFlag::WEXITED);
        read.map_err(|_| io::Error::other("could not enter the node's namespaces"))?;
        let pid = i32::from_ne_bytes(told);
        if pid < 0 {
            return Err(io::Error::from_raw_os_error(-pid));
        }
        // It is our child and nobody reaps it but us: the number is still its own.
        let pidfd = kernel::pidfd_open(pid)?;
        std::fs::File::from(hold_to).write_all(&[1])?;
        let mut child = Self {
            pid,
            pidfd,
            stdin: None,
            stdout: None,
            stderr: None,
            reaped: false,
        };
        if let Some((stdin, stdout, stderr)) = streams {
            child.stdin = Some(stdin.1.into());
            child.stdout = Some(stdout.0.into());
            child.stderr = Some(stderr.0.into());
        }
        Ok(child)
    }

    fn finish(
        &mut self,
        request: &ExecRequest,
        what: &dyn Fn() -> String,
    ) -> Result<ExecOutput, RuntimeError> {
        let end = request.timeout.map(|timeout| Instant::now() + timeout);
        let mut output = ExecOutput::default();
        let done = self.pump(request, end, &mut output).map_err(system(what()))?;
        if !done {
            self.kill();
            let deadline = request.timeout.unwrap_or_default();
            return Err(RuntimeError::Deadline {
                operation: what(),
                deadline,
            });
        }
        output.code = self.reap().map_err(system(what()))?;
        Ok(output)
    }

    /// Moves bytes until the command has ended. Returns false when the time was up first.
    fn pump(
        &mut self,
        request: &ExecRequest,
        end: Option<Instant>,
        output: &mut ExecOutput,
    ) -> io::Result<bool> {
        for file in [&self.stdin, &self.stdout, &self.stderr].into_iter().flatten() {
            set_nonblocking(file.as_fd())?;
        }
        let mut to_write = request.stdin.as_slice();
        loop {
            if let Some(stdin) = &mut self.stdin {
                match stdin.write(to_write) {
                    Ok(count) => to_write = to_write.get(count..).unwrap_or_default(),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(_) => to_write = &[],
                }
                if to_write.is_empty() {
                    self.stdin = None;
                }
            }
            // Looked at before the streams are drained: what it wrote before its end is then all there.
            let ended = kernel::wait_gone(self.pidfd.as_fd(), Duration::ZERO)?;
            drain(&mut self.stdout, &mut output.stdout)?;
            drain(&mut self.stderr, &mut output.stderr)?;
            if ended {
                return Ok(true);
            }
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Ok(false);
            }
            let mut fds = vec![PollFd::new(self.pidfd.as_fd(), PollFlags::POLLIN)];
            fds.extend(
                self.stdin
                    .iter()
                    .map(|file| PollFd::new(file.as_fd(), PollFlags::POLLOUT)),
            );
            let outputs = [&self.stdout, &self.stderr].into_iter().flatten();
            fds.extend(outputs.map(|file| PollFd::new(file.as_fd(), PollFlags::POLLIN)));
            match poll(
                &mut fds,
                left.map_or(nix::poll::PollTimeout::NONE, kernel::timeout_of),
            ) {
                Ok(_) | Err(nix::errno::Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn reap(&mut self) -> io::Result<i32> {
        let status = loop {
            match waitid(Id::PIDFd(self.pidfd.as_fd()), WaitPidFlag::WEXITED) {
                Err(nix::errno::Errno::EINTR) => {}
                other => break other?,
            }
        };
        self.reaped = true;
        Ok(match status {
            WaitStatus::Exited(_, code) => code,
            WaitStatus::Signaled(_, signal, _) => 128 + signal as i32,
            _ => NO_ENTRY,
        })
    }

    /// Kills the command and, when it leads a session of its own, what it started.
    fn kill(&mut self) {
        let group = nix::unistd::Pid::from_raw(self.pid);
        if nix::unistd::getpgid(Some(group)) == Ok(group) {
            let _ = nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGKILL);
        }
        let _ = kernel::pidfd_signal(self.pidfd.as_fd(), libc::SIGKILL);
        let _ = self.reap();
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if !self.reaped {
            self.kill();
        }
    }
}

/// Reads what there is; forgets the stream at its end.
fn drain(file: &mut Option<std::fs::File>, into: &mut Vec<u8>) -> io::Result<()> {
    let Some(open) = file else { return Ok(()) };
    match open.read_to_end(into) {
        Ok(_) => *file = None,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
        Err(error) => return Err(error),
    }
    Ok(())
}

fn set_nonblocking(fd: BorrowedFd<'_>) -> io::Result<()> {
    nix::fcntl::fcntl(fd, nix::fcntl::FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    Ok(())
}

/// The null-terminated arrays that execve wants.
struct Pointers {
    argv: Vec<*const libc::c_char>,
    environment: Vec<*const libc::c_char>,
    candidates: Vec<*const libc::c_char>,
    not_found: (*const u8, usize),
    not_executable: (*const u8, usize),
}

impl Pointers {
    fn to(prepared: &Prepared) -> Self {
        let array = |strings: &[CString], end: bool| {
            let mut pointers: Vec<_> = strings.iter().map(|text| text.as_ptr()).collect();
            if end {
                pointers.push(std::ptr::null());
            }
            pointers
        };
        Self {
            argv: array(&prepared.argv, true),
            environment: array(&prepared.environment, true),
            candidates: array(&prepared.candidates, false),
            not_found: (prepared.not_found.as_ptr(), prepared.not_found.len()),
            not_executable: (prepared.not_executable.as_ptr(), prepared.not_executable.len()),
        }
    }
}

/// The first fork: enters the node, forks the second, tells its number and is gone. Allocates nothing.
#[expect(unsafe_code, reason = "only bare system calls are allowed here")]
fn enter(
    pointers: &Pointers,
    node: &NodeHandle,
    streams: Option<[i32; 3]>,
    report: &OwnedFd,
    hold: &OwnedFd,
    hold_to: &OwnedFd,
) -> ! {
    const SPACES: i32 =
        libc::CLONE_NEWPID | libc::CLONE_NEWNS | libc::CLONE_NEWNET | libc::CLONE_NEWUTS | libc::CLONE_NEWIPC;
    // SAFETY: all are bare system calls on descriptors and memory that this process owns a copy of.
    unsafe {
        libc::close(hold_to.as_raw_fd());
        let told = if libc::setns(node.pidfd().as_raw_fd(), SPACES) == -1 {
            -*libc::__errno_location()
        } else {
            match kernel::fork(libc::CLONE_PARENT) {
                Ok(Forked::Child) => become_command(pointers, streams, hold),
                Ok(Forked::Parent { pid, .. }) => pid,
                Err(error) => -error.raw_os_error().unwrap_or(libc::EIO),
            }
        };
        let bytes = told.to_ne_bytes();
        libc::write(report.as_raw_fd(), bytes.as_ptr().cast(), bytes.len());
    }
    kernel::exit_now(0)
}

/// The second fork: waits until the caller knows it, then becomes the command.
#[expect(unsafe_code, reason = "only bare system calls are allowed here")]
fn become_command(pointers: &Pointers, streams: Option<[i32; 3]>, hold: &OwnedFd) -> ! {
    // SAFETY: bare system calls; the arrays are null-terminated and point to strings alive in this copied memory.
    unsafe {
        // The caller's thread waits until the command has ended, so this fires only when the caller is killed.
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        let mut go = 0u8;
        if libc::read(hold.as_raw_fd(), (&raw mut go).cast(), 1) != 1 {
            kernel::exit_now(NO_ENTRY);
        }
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
        if let Some(streams) = streams {
            libc::setsid();
            for (target, source) in (0..).zip(streams) {
                libc::dup2(source, target);
            }
        }
        libc::umask(0o022);
        libc::chdir(c"/root".as_ptr());
        let mut code = NOT_FOUND;
        for candidate in &pointers.candidates {
            libc::execve(*candidate, pointers.argv.as_ptr(), pointers.environment.as_ptr());
            let reason = *libc::__errno_location();
            if reason != libc::ENOENT && reason != libc::ENOTDIR {
                code = NOT_EXECUTABLE;
            }
        }
        let (words, length) = if code == NOT_FOUND {
            pointers.not_found
        } else {
            pointers.not_executable
        };
        libc::write(2, words.cast(), length);
        kernel::exit_now(code)
    }
}
