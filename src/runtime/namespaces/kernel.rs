//! The few system calls that no crate wraps: processes as file descriptors, namespaced forks, detached mounts.
//!
//! [`fork`] is a bare `clone`: what runs in the child before it execs or exits must not depend on other threads.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::path::Path;
use std::time::{Duration, Instant};

use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// The result of [`fork`].
pub(super) enum Forked {
    /// In the new process.
    Child,
    /// In the old one.
    Parent {
        /// The child as the caller's pid namespace numbers it.
        pid: i32,
        /// The child, safe against reuse of its number.
        pidfd: OwnedFd,
    },
}

/// Forks with extra clone flags (`CLONE_NEW…`, `CLONE_PARENT`).
#[expect(unsafe_code, reason = "no crate wraps clone as a fork with namespace flags")]
pub(super) fn fork(flags: i32) -> io::Result<Forked> {
    let mut pidfd: RawFd = -1;
    let flags = flags | libc::SIGCHLD | libc::CLONE_PIDFD;
    // SAFETY: without CLONE_VM and with a null stack, clone behaves as fork; the third argument is where the kernel writes
    // the pidfd, which lives on this stack frame.
    let pid = unsafe {
        libc::syscall(
            libc::SYS_clone,
            libc::c_long::from(flags),
            0,
            &raw mut pidfd,
            0,
            0,
        )
    };
    match pid {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Forked::Child),
        pid => Ok(Forked::Parent {
            pid: i32::try_from(pid).map_err(io::Error::other)?,
            // SAFETY: the kernel has just made this descriptor for us.
            pidfd: unsafe { OwnedFd::from_raw_fd(pidfd) },
        }),
    }
}

/// Ends this process at once, without running anything registered for exit by the program it was forked from.
#[expect(
    unsafe_code,
    reason = "exit handlers of the parent program must not run in its forks"
)]
pub(in crate::runtime) fn exit_now(code: i32) -> ! {
    // SAFETY: _exit has no preconditions.
    unsafe { libc::_exit(code) }
}

/// Opens a process as a descriptor.
#[expect(unsafe_code, reason = "no crate wraps pidfd_open")]
pub(in crate::runtime) fn pidfd_open(pid: i32) -> io::Result<OwnedFd> {
    // SAFETY: plain integers in, a new descriptor out.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    owned(fd)
}

/// Sends a signal to the process behind a pidfd.
#[expect(unsafe_code, reason = "no crate wraps pidfd_send_signal")]
pub(in crate::runtime) fn pidfd_signal(pidfd: BorrowedFd<'_>, signal: i32) -> io::Result<()> {
    // SAFETY: a null siginfo is allowed and means the same as kill.
    check(unsafe { libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), signal, 0, 0) })
}

/// The process id of a pidfd as this process numbers it, or none when that process is gone.
pub(super) fn pidfd_pid(pidfd: BorrowedFd<'_>) -> io::Result<Option<i32>> {
    let text = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", pidfd.as_raw_fd()))?;
    let pid = text
        .lines()
        .find_map(|line| line.strip_prefix("Pid:"))
        .and_then(|pid| pid.trim().parse().ok());
    Ok(pid.filter(|pid| *pid > 0))
}

/// Waits until the process behind a pidfd has ended. Returns false when the deadline passed first.
pub(in crate::runtime) fn wait_gone(pidfd: BorrowedFd<'_>, deadline: Duration) -> io::Result<bool> {
    let end = Instant::now() + deadline;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let mut fds = [PollFd::new(pidfd, PollFlags::POLLIN)];
        match poll(&mut fds, timeout_of(left)) {
            Ok(0) if left.is_zero() => return Ok(false),
            Ok(0) | Err(nix::errno::Errno::EINTR) => {}
            Ok(_) => return Ok(true),
            Err(error) => return Err(error.into()),
        }
    }
}

/// A poll timeout of at least one millisecond unless zero, so that a loop never spins before its time.
pub(super) fn timeout_of(left: Duration) -> PollTimeout {
    if left.is_zero() {
        return PollTimeout::ZERO;
    }
    let millis = left.as_millis().max(1);
    PollTimeout::try_from(i32::try_from(millis).unwrap_or(i32::MAX)).unwrap_or(PollTimeout::MAX)
}

/// Copies the mount tree at a path into a detached mount.
#[expect(unsafe_code, reason = "no crate wraps open_tree")]
pub(super) fn clone_mount(path: &Path) -> io::Result<OwnedFd> {
    let path = c_path(path)?;
    let flags =
        libc::OPEN_TREE_CLONE | libc::OPEN_TREE_CLOEXEC | u32::try_from(libc::AT_RECURSIVE).unwrap_or(0);
    // SAFETY: the path is a C string that outlives the call.
    let fd = unsafe { libc::syscall(libc::SYS_open_tree, libc::AT_FDCWD, path.as_ptr(), flags) };
    owned(fd)
}

/// Attaches a detached mount at a path.
#[expect(unsafe_code, reason = "no crate wraps move_mount")]
pub(super) fn attach_mount(mount: BorrowedFd<'_>, path: &Path) -> io::Result<()> {
    let path = c_path(path)?;
    // SAFETY: both strings are C strings that outlive the call.
    check(unsafe {
        libc::syscall(
            libc::SYS_move_mount,
            mount.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_FDCWD,
            path.as_ptr(),
            libc::MOVE_MOUNT_F_EMPTY_PATH,
        )
    })
}

/// Makes every mount at and below a path read-only, or writable again.
#[expect(unsafe_code, reason = "no crate wraps mount_setattr")]
pub(super) fn set_read_only(path: &Path, read_only: bool) -> io::Result<()> {
    let path = c_path(path)?;
    let mut attr = [0u64; 4];
    attr[usize::from(!read_only)] = libc::MOUNT_ATTR_RDONLY;
    // SAFETY: `struct mount_attr` is four u64: set, clear, propagation, user namespace.
    check(unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            libc::AT_FDCWD,
            path.as_ptr(),
            libc::AT_RECURSIVE,
            attr.as_mut_ptr(),
            size_of_val(&attr),
        )
    })
}

/// Reaps a child if it is one of ours and has ended.
pub(super) fn reap(pidfd: BorrowedFd<'_>) {
    use nix::sys::wait::{Id, WaitPidFlag, waitid};
    let _ = waitid(Id::PIDFd(pidfd), WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG);
}

/// Closes a descriptor across exec, or keeps it open. Async-signal-safe.
pub(super) fn keep_across_exec(fd: RawFd) -> io::Result<()> {
    // SAFETY: the caller owns the descriptor for the duration of the call.
    #[expect(
        unsafe_code,
        reason = "runs between fork and exec, where only the number is at hand"
    )]
    let fd = unsafe { BorrowedFd::borrow_raw(fd) };
    nix::fcntl::fcntl(
        fd.as_fd(),
        nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::empty()),
    )?;
    Ok(())
}

/// The wall clock in the machine's own zone as a log writes it, `Oct 23 13:26:07`.
#[expect(unsafe_code, reason = "only libc knows the machine's time zone")]
pub(super) fn local_time_stamp() -> String {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    // SAFETY: both calls write to memory of the right type owned by this frame; single-threaded callers.
    let now = unsafe {
        let seconds = libc::time(std::ptr::null_mut());
        let mut parts: libc::tm = std::mem::zeroed();
        libc::localtime_r(&raw const seconds, &raw mut parts);
        parts
    };
    let month = usize::try_from(now.tm_mon)
        .ok()
        .and_then(|month| MONTHS.get(month))
        .unwrap_or(&"???");
    format!(
        "{month} {:2} {:02}:{:02}:{:02}",
        now.tm_mday, now.tm_hour, now.tm_min, now.tm_sec
    )
}

fn c_path(path: &Path) -> io::Result<std::ffi::CString> {
    use std::os::unix::ffi::OsStrExt;
    std::ffi::CString::new(path.as_os_str().as_bytes()).map_err(io::Error::other)
}

fn check(result: libc::c_long) -> io::Result<()> {
    if result == -1 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

#[expect(
    unsafe_code,
    reason = "takes ownership of a descriptor a bare system call returned"
)]
fn owned(fd: libc::c_long) -> io::Result<OwnedFd> {
    check(fd)?;
    let fd = RawFd::try_from(fd).map_err(io::Error::other)?;
    // SAFETY: the system call that returned it has just made it for us.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Lets a child start with no signal blocked or ignored. Inits here block SIGCHLD, and a daemon that inherits that never
/// learns that its own children have ended (`ovsdb-server --run` waits for ever).
pub(super) fn clean_signals(command: &mut std::process::Command) {
    use std::os::unix::process::CommandExt;
    #[expect(unsafe_code, reason = "a closure between fork and exec")]
    // SAFETY: the closure makes bare system calls only.
    unsafe {
        command.pre_exec(|| {
            let mut none: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&raw mut none);
            libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
            libc::signal(libc::SIGPIPE, libc::SIG_DFL);
            Ok(())
        });
    }
}
