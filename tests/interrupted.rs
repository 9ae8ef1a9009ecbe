//! Ctrl-C on a run of the square: first time orderly, second time without waiting, third time at once. Never anything left.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot start its victim has failed"
)]

mod lab_remains;
mod quick_lab;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStderr, Stdio};
use std::time::{Duration, Instant};

use lab_remains::{allowed, remains_with};
use nix::sys::signal::{Signal, kill};
use quick_lab::faultlab;
use tempfile::TempDir;

/// A run of the square suite whose cable has just been cut.
struct Run {
    child: Child,
    stderr: BufReader<ChildStderr>,
    lab: String,
    folder: TempDir,
}

impl Run {
    fn up_to(moment: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let suite = Path::new(env!("CARGO_MANIFEST_DIR")).join("ci/suites/square");
        let mut child = faultlab(
            folder.path(),
            &[
                "run",
                suite.to_str().unwrap(),
                "--out",
                "run",
                "--only",
                "fibre-cut",
            ],
        )
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains(moment) {
            line.clear();
            assert_ne!(
                stderr.read_line(&mut line).unwrap(),
                0,
                "it ended before `{moment}`"
            );
        }
        let lab = line.split(':').next().unwrap().to_owned();
        Self {
            child,
            stderr,
            lab,
            folder,
        }
    }

    fn interrupt(&self) {
        let pid = i32::try_from(self.child.id()).unwrap();
        kill(nix::unistd::Pid::from_raw(pid), Signal::SIGINT).unwrap();
    }

    /// Waits for its end; returns its exit code, what else it said on standard error, and how long that took.
    fn end(&mut self) -> (Option<i32>, String, Duration) {
        let begun = Instant::now();
        let said = std::io::read_to_string(&mut self.stderr).unwrap();
        let code = self.child.wait().unwrap().code();
        let took = begun.elapsed();
        // Of a run that stops at once the kernel takes the lab, which it does when the run is gone.
        let deadline = Instant::now() + Duration::from_secs(5);
        while !remains_with(&self.lab).is_empty() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(remains_with(&self.lab), Vec::<String>::new());
        (code, said, took)
    }
}

#[test]
fn the_first_interrupt_heals_tears_down_and_reports() {
    if !allowed() {
        return;
    }
    let mut run = Run::up_to("wait 3 s");
    run.interrupt();
    let (code, said, took) = run.end();
    assert_eq!(code, Some(130), "{said}");
    assert!(said.contains("healing and taking labs down"), "{said}");
    assert!(said.contains(": down"), "{said}");
    assert!(took < Duration::from_secs(10), "took {took:?}");
    let folder = run.folder.path().join("run");
    let history = std::fs::read_to_string(folder.join("run.jsonl")).unwrap();
    assert!(
        history.contains("\"phase\":\"healed\""),
        "the cable was not healed:\n{history}"
    );
    assert!(history.contains("\"exit_code\":130"));
    for file in ["junit.xml", "report.html", "summary.json"] {
        assert!(folder.join(file).exists(), "{file} is missing");
    }
    eprintln!("one interrupt: {took:?}");
}

#[test]
fn an_interrupt_while_the_lab_comes_up_takes_it_down() {
    if !allowed() {
        return;
    }
    let mut run = Run::up_to("bringing up");
    run.interrupt();
    let (code, said, took) = run.end();
    assert_eq!(code, Some(130), "{said}");
    assert!(took < Duration::from_secs(10), "took {took:?}");
}

#[test]
fn three_interrupts_stop_at_once() {
    if !allowed() {
        return;
    }
    let mut run = Run::up_to("wait 3 s");
    run.interrupt();
    // Two of one signal that come at the same time are one to the kernel.
    for words in ["healing and taking labs down", "skipping what can be skipped"] {
        let mut line = String::new();
        while !line.contains(words) {
            line.clear();
            assert_ne!(
                run.stderr.read_line(&mut line).unwrap(),
                0,
                "never said `{words}`"
            );
        }
        run.interrupt();
    }
    let (code, said, took) = run.end();
    assert_eq!(code, Some(130), "{said}");
    assert!(took < Duration::from_secs(2), "took {took:?}");
    eprintln!("three interrupts: {took:?}");
}
