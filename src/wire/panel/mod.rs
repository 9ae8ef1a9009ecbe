//! The wire panel: the daemon in a lab's patch namespace that owns all cables.
//!
//! One thread does everything; kernel requests block it for microseconds, so no state is ever seen half changed.

mod blocks;
mod capture;
mod inspect;
mod matches;
mod messages;
mod netlink;
mod node;
mod patch;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{self, IoSliceMut};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::path::Path;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Instant;

use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Notify;
use tokio::task::{LocalSet, spawn_local};

use crate::base::{ErrorChain, NodeName};

use super::error::Refusal;
use super::model::Lease;
use super::protocol::{Answer, MOST_FDS, Request};
use node::Watch;
use patch::Patch;

/// Runs the panel in the network namespace it was started in, until it is killed. The only argument is its socket.
#[must_use]
pub fn daemon_main(args: &[OsString]) -> ExitCode {
    let [socket] = args else {
        eprintln!("faultlab: the wire panel needs one argument, its socket");
        return ExitCode::from(2);
    };
    let run = || -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        LocalSet::new().block_on(&runtime, serve(Path::new(socket)))
    };
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!(
                "faultlab: failed to run the wire panel: {}",
                ErrorChain::new(&error)
            );
            ExitCode::from(5)
        }
    }
}

/// What all tasks share.
struct Panel {
    patch: RefCell<Patch>,
    /// Rung when leases changed.
    leases: Notify,
}

async fn serve(socket: &Path) -> io::Result<()> {
    if let Some(folder) = socket.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let panel = Rc::new(Panel {
        patch: RefCell::new(Patch::new()?),
        leases: Notify::new(),
    });
    let listener = UnixListener::bind(socket)?;
    spawn_local(expire_leases(Rc::clone(&panel)));
    loop {
        let (stream, _) = listener.accept().await?;
        let panel = Rc::clone(&panel);
        spawn_local(async move {
            if let Err(error) = talk(&panel, stream).await {
                tracing::debug!(%error, "a client of the wire panel left");
            }
        });
    }
}

async fn expire_leases(panel: Rc<Panel>) {
    loop {
        let next = panel.patch.borrow().next_expiry();
        match next {
            None => panel.leases.notified().await,
            Some(end) => {
                tokio::select! {
                    () = tokio::time::sleep_until(end.into()) => panel.patch.borrow_mut().expire(Instant::now()),
                    () = panel.leases.notified() => {}
                }
            }
        }
    }
}

async fn follow(panel: Rc<Panel>, node: NodeName, watch: Watch) {
    while let Ok(mut ready) = watch.readable().await {
        panel.patch.borrow_mut().node_changed(&node);
        ready.clear_ready();
    }
}

async fn talk(panel: &Rc<Panel>, mut stream: UnixStream) -> io::Result<()> {
    let mut text = Vec::new();
    let mut fds = VecDeque::new();
    loop {
        while let Some(end) = text.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = text.drain(..=end).collect();
            let mut answer = serde_json::to_vec(&panel.answer(&line, &mut fds))?;
            answer.push(b'\n');
            stream.write_all(&answer).await?;
        }
        stream.readable().await?;
        match stream.try_io(Interest::READABLE, || receive(&stream, &mut text, &mut fds)) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

/// Receives some bytes and the file descriptors that came beside them.
fn receive(stream: &UnixStream, text: &mut Vec<u8>, fds: &mut VecDeque<OwnedFd>) -> io::Result<usize> {
    let mut part = vec![0; 64 * 1024];
    let mut rights = nix::cmsg_space!([i32; MOST_FDS]);
    let mut slices = [IoSliceMut::new(&mut part)];
    let message = recvmsg::<()>(
        stream.as_raw_fd(),
        &mut slices,
        Some(&mut rights),
        MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_CMSG_CLOEXEC,
    )?;
    for control in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(received) = control {
            for fd in received {
                // SAFETY: the kernel just installed this descriptor for us, and nothing else knows its number.
                #[expect(unsafe_code, reason = "descriptors arrive as bare numbers")]
                fds.push_back(unsafe { OwnedFd::from_raw_fd(fd) });
            }
        }
    }
    let bytes = message.bytes;
    text.extend_from_slice(&part[..bytes]);
    Ok(bytes)
}

impl Panel {
    fn answer(self: &Rc<Self>, line: &[u8], fds: &mut VecDeque<OwnedFd>) -> Answer {
        let request = match serde_json::from_slice(line) {
            Ok(request) => request,
            Err(error) => return Answer::Refused(Refusal::Request(error.to_string())),
        };
        self.carry_out(request, fds).unwrap_or_else(Answer::Refused)
    }

    fn carry_out(self: &Rc<Self>, request: Request, fds: &mut VecDeque<OwnedFd>) -> Result<Answer, Refusal> {
        let mut patch = self.patch.borrow_mut();
        match request {
            Request::Attach { nodes } => {
                for (node, watch) in patch.attach(nodes, fds.drain(..).collect())? {
                    spawn_local(follow(Rc::clone(self), node, watch));
                }
            }
            Request::Connect { wires } => patch.connect(wires)?,
            Request::ConnectManagement { bridge, ports } => patch.connect_management(&bridge, ports)?,
            Request::Cut { wire, lease } => {
                patch.set_cut(&wire, true)?;
                patch.set_lease(Lease::Cut(wire), lease);
                self.leases.notify_one();
            }
            Request::Restore { wire } => {
                patch.set_cut(&wire, false)?;
                patch.set_lease(Lease::Cut(wire), None);
            }
            Request::Block {
                wire,
                direction,
                traffic,
                lease,
            } => {
                let block = patch.block(&wire, direction, traffic)?;
                patch.set_lease(Lease::Block(block), lease);
                self.leases.notify_one();
                return Ok(Answer::Block(block));
            }
            Request::Unblock { block } => {
                patch.unblock(block)?;
                patch.set_lease(Lease::Block(block), None);
            }
            Request::Renew { leases } => return Ok(Answer::Renewed(patch.renew(leases))),
            Request::Capture { wire } => {
                let file = fds.pop_front();
                let file = file.ok_or_else(|| Refusal::Request("no file to capture into".into()))?;
                return Ok(Answer::Capture(patch.capture(&wire, file)?));
            }
            Request::StopCapture { capture } => return Ok(Answer::Captured(patch.stop_capture(capture)?)),
            Request::State { wire } => return Ok(Answer::State(patch.state(&wire)?)),
            Request::Snapshot => return Ok(Answer::Snapshot(patch.snapshot()?)),
        }
        Ok(Answer::Done)
    }
}
