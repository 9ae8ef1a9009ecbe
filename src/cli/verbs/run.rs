//! `run`: experiments, from files to reports.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::Outcome;
use crate::base::{RunId, Seed};
use crate::cli::args::{Color, RunArgs, RuntimeChoice};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::progress::Display;
use crate::cli::{output, privilege, signals};
use crate::engine::{Cancel, RunOptions, RunOutcome};
use crate::experiment::Suite;
use crate::record::{Event, InputHash, Verdict};

/// Runs experiments and writes their reports.
pub fn run(args: &RunArgs, choice: RuntimeChoice, color: Color) -> Outcome {
    let mut suite = load(&args.files)?;
    select(&mut suite, &args.only)?;
    super::validate::check_suite(&suite, true, true, choice)?;
    privilege::to_make_labs(choice)?;
    let cancel = Cancel::default();
    signals::install(&cancel);
    let run = RunId::new(
        jiff::Zoned::now().strftime("%Y%m%d-%H%M%S").to_string() + &format!("-{}", std::process::id()),
    );
    let folder = args
        .out
        .clone()
        .unwrap_or_else(|| Path::new("runs").join(run.as_str()));
    std::fs::create_dir_all(&folder).map_err(|source| output::failed(&folder, source))?;
    let options = RunOptions {
        run: run.clone(),
        history: folder.join("run.jsonl"),
        labs: args.labs.map_or_else(side_by_side, usize::from),
        seed: args.seed.map(Seed),
        capabilities: crate::runtime::namespaces::probe::probe(),
        inputs: hashes(&suite),
    };
    let runtime = super::runtime(choice)?;
    let mut display = Display::new();
    let outcome = crate::engine::run(suite, runtime.as_ref(), &options, &cancel, &mut |progress| {
        display.show(progress);
    });
    display.finish();
    let outcome = outcome?;
    let exit = exit(&outcome);
    outcome.history.write(Event::RunEnded {
        exit_code: exit as u8,
    });
    outcome
        .history
        .finish()
        .map_err(crate::engine::EngineError::from)?;
    let written = output::reports(&outcome.history.snapshot(), &outcome.results, &run, exit, &folder);
    output::show(
        &outcome.history.snapshot(),
        &outcome.results,
        &run,
        exit,
        &folder,
        args.json,
        color,
    );
    // Told last: whoever cannot have the files should at least see the table.
    written?;
    Ok(exit)
}

/// A 26-node lab keeps a third of a core busy once it stands; two share two cores without disturbing each other's figures.
fn side_by_side() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get().min(2))
}

fn exit(outcome: &RunOutcome) -> Exit {
    let verdict = outcome
        .results
        .iter()
        .map(|result| result.verdict)
        .max()
        .unwrap_or(Verdict::Inconclusive);
    match Exit::from(verdict) {
        _ if outcome.interrupted => Exit::Interrupted,
        Exit::Passed if !outcome.left_behind.is_empty() => Exit::LeftBehind,
        exit => exit,
    }
}

fn load(files: &[PathBuf]) -> Result<Suite, Failure> {
    let mut merged = Suite::default();
    for file in files {
        let suite = crate::experiment::load(file)?;
        merged.title = suite.title;
        merged.files.extend(suite.files);
        merged.labs.extend(suite.labs);
        merged.not_applicable.extend(suite.not_applicable);
    }
    Ok(merged)
}

fn select(suite: &mut Suite, only: &[String]) -> Result<(), Failure> {
    if only.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = suite
        .experiments()
        .map(|experiment| experiment.name.to_string())
        .collect();
    for lab in &mut suite.labs {
        lab.experiments.retain(|experiment| {
            only.iter()
                .any(|part| experiment.name.as_str().contains(part.as_str()))
        });
    }
    suite.labs.retain(|lab| !lab.experiments.is_empty());
    suite.not_applicable.clear();
    if suite.labs.is_empty() {
        let hint = format!("there are: {}", names.join(", "));
        let text = format!("no experiment's name contains {}", only.join(" or "));
        return Err(Failure::text(Exit::InvalidInput, text).hint(Some(hint)));
    }
    Ok(())
}

fn hashes(suite: &Suite) -> Vec<InputHash> {
    let mut paths: BTreeSet<PathBuf> = suite.files.iter().cloned().collect();
    paths.extend(
        suite
            .experiments()
            .flat_map(crate::experiment::Experiment::inputs),
    );
    let here = std::env::current_dir().unwrap_or_default();
    let hash = |path: PathBuf| {
        // Unreadable files have been refused before; one that vanishes now is not an input any more.
        let text = std::fs::read(&path).ok()?;
        let absolute = path.canonicalize().unwrap_or(path);
        let shown = absolute
            .strip_prefix(&here)
            .unwrap_or(&absolute)
            .display()
            .to_string();
        let sha256 = Sha256::digest(text)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Some(InputHash { path: shown, sha256 })
    };
    paths.into_iter().filter_map(hash).collect()
}
