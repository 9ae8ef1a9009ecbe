//! The switch's own command line (`cli` inside a node): for people on a game day and for scripts.
//!
//! It knows nothing itself; everything is asked of `mgd`. There is no configuration mode to enter: `set`, `delete`,
//! `commit` and `rollback` work right away, and `configure` and `exit` are accepted so that habits do no harm.

mod commands;
mod tables;

use std::ffi::OsString;
use std::io::{BufRead, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use super::SwitchError;
use super::client::MgdClient;
use crate::base::ErrorChain;

pub use commands::{Command, KNOWN};

/// What went wrong, as an exit code: the same as faultlab's own.
const REFUSED: u8 = 1;
const USAGE: u8 = 2;
const UNREACHABLE: u8 = 4;

/// Runs `cli`: a command as arguments, several with `-c "…; …"`, or lines from standard input.
///
/// Options before the command: `--json`, `--root DIR` (default `/`), `-c LINE`.
#[must_use]
pub fn cli_main(args: Vec<OsString>) -> ExitCode {
    if args
        .first()
        .is_some_and(|arg| arg == "--help" || arg == "-h" || arg == "help")
    {
        say(&commands::help());
        return ExitCode::SUCCESS;
    }
    match arguments(args) {
        Ok(call) => call.run(),
        Err(problem) => {
            eprintln!("cli: {problem}");
            ExitCode::from(USAGE)
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Call {
    root: PathBuf,
    json: bool,
    /// Commands to run; none means standard input.
    commands: Option<Vec<Command>>,
}

fn arguments(args: Vec<OsString>) -> Result<Call, String> {
    let mut call = Call {
        root: PathBuf::from("/"),
        json: false,
        commands: None,
    };
    let mut words = Vec::new();
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        let text = arg
            .to_str()
            .ok_or_else(|| format!("{} is not UTF-8", arg.display()))?;
        match text {
            "--json" => call.json = true,
            "--root" => call.root = args.next().ok_or("--root needs a directory")?.into(),
            "-c" => {
                let line = args
                    .next()
                    .ok_or("-c needs commands, e.g. -c \"set …; commit\"")?;
                call.commands = Some(commands::parse_line(&line.to_string_lossy())?);
            }
            _ => words.push(text.to_owned()),
        }
    }
    match (words.as_slice(), &call.commands) {
        ([], _) => {}
        (_, Some(_)) => return Err("give a command either as words or with -c".to_owned()),
        // `cli "show configuration | display set"`: one quoted line.
        ([line], None) if line.contains(char::is_whitespace) => {
            call.commands = Some(commands::parse_line(line)?);
        }
        (words, None) => call.commands = Some(vec![commands::parse(words)?]),
    }
    Ok(call)
}

impl Call {
    fn run(self) -> ExitCode {
        let mut client = match MgdClient::open(&self.root) {
            Ok(client) => client,
            Err(error) => return complain(&error, UNREACHABLE),
        };
        let Some(commands) = &self.commands else {
            return self.read_lines(&mut client);
        };
        self.each(&mut client, commands)
    }

    /// Goes on after an error on a terminal, stops at the first one in a script.
    fn read_lines(&self, client: &mut MgdClient) -> ExitCode {
        let terminal = std::io::stdin().is_terminal();
        let prompt = || {
            if terminal {
                say("root> ");
            }
        };
        prompt();
        for line in std::io::stdin().lock().lines() {
            let Ok(line) = line else { break };
            if matches!(line.trim(), "exit" | "quit") && terminal {
                break;
            }
            let code = self.one_line(client, &line);
            if code != ExitCode::SUCCESS && !terminal {
                return code;
            }
            prompt();
        }
        ExitCode::SUCCESS
    }

    fn one_line(&self, client: &mut MgdClient, line: &str) -> ExitCode {
        match commands::parse_line(line) {
            Ok(commands) => self.each(client, &commands),
            Err(problem) => {
                eprintln!("{problem}");
                ExitCode::from(USAGE)
            }
        }
    }

    /// Runs commands up to the first that fails.
    fn each(&self, client: &mut MgdClient, commands: &[Command]) -> ExitCode {
        for command in commands {
            match command.run(client, self.json) {
                Ok(output) => say(&output),
                Err(error) => return complain(&error, code_of(&error)),
            }
        }
        ExitCode::SUCCESS
    }
}

/// Prints; whoever closes the pipe early (`cli show … | head`) has read enough.
fn say(text: &str) {
    let mut out = std::io::stdout();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn code_of(error: &SwitchError) -> u8 {
    match error {
        SwitchError::Config(_) | SwitchError::Refused { .. } => REFUSED,
        SwitchError::Io { .. } | SwitchError::Protocol { .. } | SwitchError::Deadline { .. } => UNREACHABLE,
    }
}

fn complain(error: &SwitchError, code: u8) -> ExitCode {
    match error {
        SwitchError::Config(problems) => eprintln!("{problems}"),
        other => eprintln!("failed to {}", ErrorChain::new(other)),
    }
    ExitCode::from(code)
}
