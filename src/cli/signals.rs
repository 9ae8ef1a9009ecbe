//! Ctrl-C and its relatives: first heals and tears down, second skips graces, third stops now.

use super::say::say;
use crate::engine::Cancel;

/// Makes SIGINT, SIGTERM and SIGHUP raise the stop lever. The third stops the process: labs of a run die with it.
pub fn install(cancel: &Cancel) {
    let cancel = cancel.clone();
    let mask = mask();
    // Blocked before any other thread exists, so that only the thread below ever takes them.
    if mask.thread_block().is_err() {
        return;
    }
    let listener = move || {
        while let Ok(signal) = mask.wait() {
            cancel.raise();
            match cancel.level() {
                1 => say(format_args!(
                    "\nfaultlab: {signal}: healing and taking labs down; again to skip waiting"
                )),
                2 => say(format_args!(
                    "\nfaultlab: {signal}: skipping what can be skipped; again to stop at once"
                )),
                _ => {
                    say(format_args!(
                        "\nfaultlab: {signal}: stopped; `faultlab list` shows labs that stay"
                    ));
                    std::process::exit(130);
                }
            }
        }
    };
    // Without the thread the signals would be lost: undo the block.
    if std::thread::Builder::new()
        .name("signals".into())
        .spawn(listener)
        .is_err()
    {
        let _ = self::mask().thread_unblock();
    }
}

fn mask() -> nix::sys::signal::SigSet {
    use nix::sys::signal::Signal;
    [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP]
        .into_iter()
        .collect()
}
