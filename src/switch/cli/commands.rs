//! Words → a command, with the abbreviations and suggestions that people expect on a switch.

use serde_json::Value;

use super::super::SwitchError;
use super::super::client::MgdClient;
use super::super::config::{self, statement};
use super::super::mgd::protocol::{Format, What};
use super::tables;
use crate::base::suggest;

/// A command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Shows state.
    Show(What),
    /// Shows a committed configuration.
    Configuration(Format, u32),
    /// Shows what the candidate changes against a rollback.
    Compare(u32),
    /// Changes the candidate.
    Edit(Vec<String>),
    /// Makes the candidate active.
    Commit(String),
    /// Checks the candidate only.
    Check,
    /// Loads an older configuration into the candidate.
    Rollback(u32),
    /// Forgets the candidate's changes.
    Discard,
    /// Does nothing: `configure`, `exit`.
    Nothing,
}

/// The commands there are, for help and suggestions. Words in `<>` stand for values.
pub const KNOWN: [&str; 22] = [
    "show lacp interfaces",
    "show iccp",
    "show bfd session",
    "show ethernet-switching table",
    "show chassis alarms",
    "show system processes",
    "show system commit",
    "show interfaces terse",
    "show version",
    "show configuration",
    "show configuration | display set",
    "show configuration | display json",
    "show system rollback <number>",
    "show system rollback compare <number>",
    "set <statement>",
    "delete <statement>",
    "edit <line> …",
    "commit <comment>",
    "commit check",
    "rollback <number>",
    "discard",
    "configure",
];

/// Lists the commands.
pub(super) fn help() -> String {
    format!(
        "usage: cli [--json] [--root DIR] COMMAND | -c \"COMMAND; COMMAND\" | < LINES\n\n\
         commands (words may be abbreviated to three letters):\n  {}\n\nstatements for `set` (`*`: several):\n  {}\n",
        KNOWN.join("\n  "),
        config::statements().collect::<Vec<_>>().join("\n  ")
    )
}

/// Parses commands separated by `;` (outside quotes). Comments begin with `#`.
pub(super) fn parse_line(line: &str) -> Result<Vec<Command>, String> {
    let mut commands = Vec::new();
    for part in split_commands(line) {
        let words = shlex::split(&part).ok_or_else(|| format!("a quoted text that does not end: {part}"))?;
        if !words.is_empty() {
            commands.push(parse(&words)?);
        }
    }
    Ok(commands)
}

fn split_commands(line: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let (mut quoted, mut escaped) = (false, false);
    for c in line.chars() {
        if c == ';' && !quoted {
            parts.push(String::new());
            continue;
        }
        quoted ^= c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        if let Some(last) = parts.last_mut() {
            last.push(c);
        }
    }
    parts
}

/// Parses one command given as words.
pub(super) fn parse(words: &[String]) -> Result<Command, String> {
    let texts: Vec<&str> = words.iter().map(String::as_str).collect();
    match texts.as_slice() {
        ["set" | "delete", _, ..] => {
            let quoted: Vec<_> = texts.iter().map(|word| unless_bracket(word)).collect();
            Ok(Command::Edit(vec![quoted.join(" ")]))
        }
        ["edit", lines @ ..] if !lines.is_empty() => Ok(Command::Edit(
            lines.iter().map(|line| (*line).to_owned()).collect(),
        )),
        ["commit", "check"] => Ok(Command::Check),
        ["commit", "and-quit"] => Ok(Command::Commit(String::new())),
        // Taken for a comment it would commit for good, the opposite of what was asked for.
        ["commit", "confirmed", ..] => Err(
            "`commit confirmed` is not supported: `commit`, and `rollback 1` and `commit` to undo".to_owned(),
        ),
        ["commit", "comment", comment @ ..] | ["commit", comment @ ..] => {
            Ok(Command::Commit(comment.join(" ")))
        }
        ["rollback"] => Ok(Command::Rollback(0)),
        ["rollback", number] => Ok(Command::Rollback(rollback_number(number)?)),
        ["discard"] => Ok(Command::Discard),
        ["configure" | "exit" | "quit", ..] => Ok(Command::Nothing),
        ["show", rest @ ..] => show(rest).ok_or_else(|| unknown(&texts)),
        _ => Err(unknown(&texts)),
    }
}

fn rollback_number(text: &str) -> Result<u32, String> {
    text.parse()
        .map_err(|_| format!("`{text}` is not a rollback number (expected 0 to 49, 0 is active)"))
}

fn unless_bracket(word: &str) -> String {
    if matches!(word, "[" | "]") {
        word.to_owned()
    } else {
        statement::quote(word)
    }
}

fn show(words: &[&str]) -> Option<Command> {
    const STATE: [(&[&str], What); 10] = [
        (&["lacp", "interfaces"], What::Lacp),
        (&["iccp"], What::Iccp),
        (&["bfd", "session"], What::Bfd),
        (&["bfd", "sessions"], What::Bfd),
        (&["ethernet-switching", "table"], What::MacTable),
        (&["chassis", "alarms"], What::Alarms),
        (&["system", "processes"], What::Processes),
        (&["system", "commit"], What::Commits),
        (&["interfaces", "terse"], What::Interfaces),
        (&["version"], What::Version),
    ];
    if let Some((_, what)) = STATE.iter().find(|(full, _)| abbreviates(words, full)) {
        return Some(Command::Show(*what));
    }
    match words {
        ["|", "compare"] | ["configuration", "|", "compare"] | ["system", "rollback", "compare"] => {
            Some(Command::Compare(0))
        }
        ["system", "rollback", "compare", number, ..] => Some(Command::Compare(number.parse().ok()?)),
        ["system", "rollback", number, pipe @ ..] => {
            Some(Command::Configuration(display(pipe)?, number.parse().ok()?))
        }
        [word, pipe @ ..] if abbreviates(&[word], &["configuration"]) => {
            Some(Command::Configuration(display(pipe)?, 0))
        }
        _ => None,
    }
}

fn display(pipe: &[&str]) -> Option<Format> {
    match pipe {
        [] => Some(Format::Text),
        ["|", "display", "set"] => Some(Format::Set),
        ["|", "display", "json"] => Some(Format::Json),
        _ => None,
    }
}

/// `eth tab` and `ethernet-switching` stand for `ethernet-switching table`. A word needs three letters to count.
fn abbreviates(words: &[&str], full: &[&str]) -> bool {
    !words.is_empty()
        && words.len() <= full.len()
        && words
            .iter()
            .zip(full)
            .all(|(word, full)| word == full || (word.len() >= 3 && full.starts_with(word)))
        // `show system` alone could be three things.
        && (words.len() == full.len() || full[0] != "system")
}

fn unknown(words: &[&str]) -> String {
    let line = words.join(" ");
    // Compared over as many words as were written, because commands may be abbreviated.
    let shortened = |known: &str| known.split(' ').take(words.len()).collect::<Vec<_>>().join(" ");
    let stems: Vec<_> = KNOWN.iter().map(|known| shortened(known)).collect();
    let guess = suggest::did_you_mean(&line, stems.iter().map(String::as_str));
    let full = KNOWN
        .iter()
        .find(|known| guess == Some(shortened(known).as_str()));
    match full {
        Some(full) => format!("unknown command `{line}`: did you mean `{full}`?"),
        None => format!("unknown command `{line}`; commands:\n  {}", KNOWN.join("\n  ")),
    }
}

impl Command {
    /// Carries it out and returns what a person (or, with `json`, a program) reads.
    pub fn run(&self, client: &mut MgdClient, json: bool) -> Result<String, SwitchError> {
        let pretty = |value: &Value| format!("{value:#}\n");
        Ok(match self {
            Self::Show(what) => {
                let value = client.show(*what)?;
                if json {
                    pretty(&value)
                } else {
                    tables::render(*what, &value)
                }
            }
            Self::Configuration(format, number) => {
                let format = if json { Format::Json } else { *format };
                match client.show_config(format, *number)? {
                    Value::String(text) => text,
                    config => pretty(&config),
                }
            }
            Self::Compare(number) => client.compare(*number)?,
            Self::Edit(lines) => {
                let warnings = client.edit(lines, "root")?;
                said(json, &serde_json::json!({"warnings": warnings}), &warnings, "")
            }
            Self::Commit(comment) => {
                let done = client.commit(comment, "root")?;
                let value = serde_json::json!({"revision": done.revision, "warnings": done.warnings});
                said(
                    json,
                    &value,
                    &done.warnings,
                    &format!("commit complete (revision {})\n", done.revision),
                )
            }
            Self::Check => {
                let warnings = client.check()?;
                let value = serde_json::json!({"warnings": warnings});
                said(json, &value, &warnings, "configuration check succeeds\n")
            }
            Self::Rollback(number) => {
                client.rollback(*number, "root")?;
                said(json, &serde_json::json!({}), &[], "load complete\n")
            }
            Self::Discard => {
                client.discard()?;
                said(json, &serde_json::json!({}), &[], "")
            }
            Self::Nothing => String::new(),
        })
    }
}

fn said(json: bool, value: &Value, warnings: &[String], text: &str) -> String {
    if json {
        return format!("{value:#}\n");
    }
    let warnings: Vec<_> = warnings
        .iter()
        .map(|warning| format!("warning: {warning}\n"))
        .collect();
    warnings.concat() + text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(line: &str) -> Command {
        parse_line(line).unwrap().remove(0)
    }

    #[test]
    fn commands_may_be_abbreviated_like_on_the_real_box() {
        assert_eq!(one("show lacp interfaces"), Command::Show(What::Lacp));
        assert_eq!(one("show lacp"), Command::Show(What::Lacp));
        assert_eq!(one("show eth tab"), Command::Show(What::MacTable));
        assert_eq!(one("show bfd sessions"), Command::Show(What::Bfd));
        assert_eq!(
            one("show conf | display set"),
            Command::Configuration(Format::Set, 0)
        );
        assert_eq!(one("show system rollback compare 3"), Command::Compare(3));
    }

    #[test]
    fn a_line_of_commands_keeps_what_is_quoted() {
        let commands = parse_line(
            "configure; set interfaces eth1 description \"a; b\"; set x y [ a b ]; commit comment fix it",
        )
        .unwrap();
        assert_eq!(
            commands,
            [
                Command::Nothing,
                Command::Edit(vec!["set interfaces eth1 description \"a; b\"".into()]),
                Command::Edit(vec!["set x y [ a b ]".into()]),
                Command::Commit("fix it".into()),
            ]
        );
    }

    #[test]
    fn a_slip_is_met_with_a_suggestion() {
        let message = parse_line("show lcap interfaces").unwrap_err();
        assert_eq!(
            message,
            "unknown command `show lcap interfaces`: did you mean `show lacp interfaces`?"
        );
        assert!(parse_line("show system").is_err());
        assert!(
            parse_line("commit confirmed 5")
                .unwrap_err()
                .contains("not supported")
        );
        assert!(parse_line("rollback one").unwrap_err().contains("0 to 49"));
    }

    #[test]
    fn everything_that_help_lists_is_understood() {
        for known in KNOWN {
            let line = known
                .replace("<number>", "1")
                .replace("<statement>", "x")
                .replace("<line> …", "x")
                .replace("<comment>", "x");
            assert!(parse_line(&line).is_ok(), "{line}");
        }
    }
}
