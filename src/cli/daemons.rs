//! The daemons that run inside labs from this same binary, chosen by a first argument that starts with `__`.

use std::ffi::OsString;
use std::process::ExitCode;

use crate::runtime::docker;
use crate::runtime::drivers;
use crate::runtime::namespaces;
use crate::switch;
use crate::wire::panel;

/// Runs the daemon named by the first argument, if it names one.
///
/// This happens before anything else (no threads, no async runtime), because some of them fork.
pub(super) fn dispatch() -> Option<ExitCode> {
    // ssh asks for a node's password: this process is nothing but the answer.
    if let Some(answer) = std::env::var_os(drivers::ASKPASS_ANSWER) {
        println!("{}", answer.to_string_lossy());
        return Some(ExitCode::SUCCESS);
    }
    let mut args = std::env::args_os().skip(1);
    let name = args.next()?;
    let name = name.to_str().filter(|name| name.starts_with("__"))?;
    let rest: Vec<OsString> = args.collect();
    Some(match name {
        "__lab-init" => namespaces::lab_init::daemon_main(&rest),
        "__lab-exercise" => namespaces::exercise::daemon_main(&rest),
        "__docker-init" => docker::keeper::init_main(),
        "__docker-keeper" => docker::keeper::keeper_main(),
        "__docker-patch" => docker::keeper::patch_main(),
        "__dcd" => switch::dcd::daemon_main(rest),
        "__iccpd" => switch::iccpd::daemon_main(rest),
        "__l2ald" => switch::l2ald::daemon_main(rest),
        "__mgd" => switch::mgd::daemon_main(rest),
        "__cli" => switch::cli::cli_main(rest),
        crate::wire::PANEL_VERB => panel::daemon_main(&rest),
        _ => {
            eprintln!("faultlab: unknown internal daemon `{name}`");
            ExitCode::from(2)
        }
    })
}
