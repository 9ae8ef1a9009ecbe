//! Running a command in a container through the engine, with captured streams or the caller's own terminal.

use std::io::{Read, Write};
use std::os::fd::AsFd;

use bollard::container::LogOutput;
use bollard::errors::Error;
use bollard::exec::{CreateExecOptions, ResizeExecOptions, StartExecOptions, StartExecResults};
use futures_util::StreamExt;
use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};
use tokio::io::AsyncWriteExt;

use super::engine::{Engine, failed};
use crate::nos::plan::NodePlan;
use crate::runtime::namespaces::kernel;
use crate::runtime::{ExecOutput, ExecRequest, RuntimeError};

/// Exit codes of a shell for what could not be run.
const NOT_FOUND: i64 = 127;
const NOT_EXECUTABLE: i64 = 126;

/// How the engine's own complaint begins that takes the place of a command's output.
const COMPLAINT: &[u8] = b"OCI runtime exec failed";

/// Starts a command that nobody listens to. Returns the engine's name for it.
pub(super) async fn detached(engine: &Engine, container: &str, argv: Vec<String>) -> Result<String, Error> {
    let options = CreateExecOptions {
        cmd: Some(argv),
        ..CreateExecOptions::default()
    };
    let id = engine.docker.create_exec(container, options).await?.id;
    let options = StartExecOptions {
        detach: true,
        ..StartExecOptions::default()
    };
    engine.docker.start_exec(&id, Some(options)).await?;
    Ok(id)
}

/// Runs a command and waits for it.
pub(super) fn run(
    engine: &Engine,
    container: &str,
    plan: &NodePlan,
    request: &ExecRequest,
) -> Result<ExecOutput, RuntimeError> {
    let what = format!("run `{}` on {}", request.argv.join(" "), plan.node);
    let terminal = if request.inherit {
        Terminal::of_caller()
    } else {
        None
    };
    let tty = terminal.is_some();
    let options = options(request, tty);
    let mut output = ExecOutput::default();
    let mut begun = None;
    let mut complaint = String::new();
    let talk = async {
        let id = engine.docker.create_exec(container, options).await?.id;
        begun = Some(id.clone());
        let start = StartExecOptions {
            tty,
            ..StartExecOptions::default()
        };
        let attached = engine.docker.start_exec(&id, Some(start)).await?;
        if let Some((height, width)) = terminal.as_ref().and_then(|_| Terminal::size()) {
            let _ = engine
                .docker
                .resize_exec(&id, ResizeExecOptions { height, width })
                .await;
        }
        converse(attached, request, &mut output, &mut complaint).await?;
        Ok::<i64, Error>(engine.docker.inspect_exec(&id).await?.exit_code.unwrap_or(0))
    };
    let code = match request.timeout {
        None => engine.wait(talk),
        Some(deadline) => {
            let in_time = engine.wait(async { tokio::time::timeout(deadline, talk).await });
            let Ok(code) = in_time else {
                kill(engine, begun.as_deref());
                return Err(RuntimeError::Deadline {
                    operation: what,
                    deadline,
                });
            };
            code
        }
    };
    drop(terminal);
    let mut code = code.map_err(failed(what))?;
    if !complaint.is_empty() {
        code = meaning(&complaint);
        output.stderr = explain(code, plan, request).into_bytes();
    }
    output.code = i32::try_from(code).unwrap_or(i32::MAX);
    if request.inherit && !output.stderr.is_empty() {
        let _ = std::io::stderr().write_all(&output.stderr);
    }
    Ok(output)
}

fn options(request: &ExecRequest, tty: bool) -> CreateExecOptions<String> {
    CreateExecOptions {
        attach_stdin: Some(request.inherit || !request.stdin.is_empty()),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        tty: Some(tty),
        env: std::env::var("TERM")
            .ok()
            .filter(|_| tty)
            .map(|term| vec![format!("TERM={term}")]),
        working_dir: Some("/root".to_owned()),
        cmd: Some(request.argv.clone()),
        ..CreateExecOptions::default()
    }
}

/// A shell's exit code for the engine's complaint: the engine says 126 for both.
fn meaning(complaint: &str) -> i64 {
    let nowhere = ["not found", "no such file"];
    if nowhere.iter().any(|words| complaint.contains(words)) {
        NOT_FOUND
    } else {
        NOT_EXECUTABLE
    }
}

/// Kills a command, which the engine itself has no call for.
fn kill(engine: &Engine, id: Option<&str>) {
    let Some(found) = id.and_then(|id| engine.wait(engine.docker.inspect_exec(id)).ok()) else {
        return;
    };
    let pid = found.pid.filter(|pid| *pid > 0 && found.running == Some(true));
    if let Some(pidfd) = pid.and_then(|pid| kernel::pidfd_open(i32::try_from(pid).ok()?).ok()) {
        let _ = kernel::pidfd_signal(pidfd.as_fd(), nix::libc::SIGKILL);
    }
}

fn explain(code: i64, plan: &NodePlan, request: &ExecRequest) -> String {
    let program = request.argv.first().map(String::as_str).unwrap_or_default();
    if code == NOT_FOUND {
        format!("faultlab: node `{}` has no program `{program}`\n", plan.node)
    } else {
        format!(
            "faultlab: program `{program}` of node `{}` cannot be executed\n",
            plan.node
        )
    }
}

/// Moves bytes both ways until the command has ended.
async fn converse(
    attached: StartExecResults,
    request: &ExecRequest,
    captured: &mut ExecOutput,
    complaint: &mut String,
) -> Result<(), Error> {
    let StartExecResults::Attached {
        mut output,
        mut input,
    } = attached
    else {
        return Ok(());
    };
    if request.inherit {
        let mut typed = typed();
        tokio::spawn(async move {
            while let Some(bytes) = typed.recv().await {
                if input.write_all(&bytes).await.is_err() || input.flush().await.is_err() {
                    return;
                }
            }
            let _ = input.shutdown().await;
        });
    } else {
        input.write_all(&request.stdin).await?;
        input.shutdown().await?;
    }
    while let Some(part) = output.next().await {
        let (message, error) = match part? {
            LogOutput::StdErr { message } => (message, true),
            LogOutput::StdOut { message } | LogOutput::Console { message } | LogOutput::StdIn { message } => {
                (message, false)
            }
        };
        match (request.inherit, error) {
            // Told in faultlab's own words instead.
            _ if message.starts_with(COMPLAINT) => complaint.push_str(&String::from_utf8_lossy(&message)),
            (true, true) => std::io::stderr().write_all(&message)?,
            (true, false) => {
                let mut out = std::io::stdout().lock();
                out.write_all(&message).and_then(|()| out.flush())?;
            }
            (false, true) => captured.stderr.extend_from_slice(&message),
            (false, false) => captured.stdout.extend_from_slice(&message),
        }
    }
    Ok(())
}

/// What the caller types, read by a thread that may wait for ever.
fn typed() -> tokio::sync::mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = tokio::sync::mpsc::channel(16);
    std::thread::spawn(move || {
        let mut buffer = [0u8; 4096];
        while let Ok(count) = std::io::stdin().read(&mut buffer) {
            let bytes = buffer.get(..count).unwrap_or_default().to_vec();
            if count == 0 || sender.blocking_send(bytes).is_err() {
                return;
            }
        }
    });
    receiver
}

/// The caller's terminal in raw mode; dropped, it is as it was.
struct Terminal(Termios);

impl Terminal {
    fn of_caller() -> Option<Self> {
        let before = tcgetattr(std::io::stdin()).ok()?;
        tcgetattr(std::io::stdout()).ok()?;
        let mut raw = before.clone();
        cfmakeraw(&mut raw);
        tcsetattr(std::io::stdin(), SetArg::TCSANOW, &raw).ok()?;
        Some(Self(before))
    }

    /// Rows and columns.
    fn size() -> Option<(u16, u16)> {
        nix::ioctl_read_bad!(window_size, nix::libc::TIOCGWINSZ, nix::libc::winsize);
        let mut size = nix::libc::winsize {
            ws_row: 0,
            ws_col: 0,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        #[expect(unsafe_code, reason = "asks the terminal for its size")]
        // SAFETY: the call writes a winsize, which is what it is given.
        unsafe { window_size(0, &raw mut size) }.ok()?;
        Some((size.ws_row, size.ws_col))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = tcsetattr(std::io::stdin(), SetArg::TCSANOW, &self.0);
    }
}
