//! What people see while a run goes on: one line a lab on a terminal, plain lines elsewhere.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::say::say;
use crate::engine::Progress;
use crate::record::Verdict;

/// Shows progress on standard error.
pub struct Display {
    bars: Option<MultiProgress>,
    by_lab: BTreeMap<String, ProgressBar>,
}

impl Display {
    /// Chooses bars on a terminal, lines elsewhere.
    #[must_use]
    pub fn new() -> Self {
        let bars = std::io::stderr().is_terminal().then(MultiProgress::new);
        Self {
            bars,
            by_lab: BTreeMap::new(),
        }
    }

    /// Shows one step of progress.
    pub fn show(&mut self, progress: &Progress) {
        let lab = progress.lab().to_string();
        let line = line(progress);
        let stays = matches!(
            progress,
            Progress::Judged { .. } | Progress::NotUp { .. } | Progress::Down { .. }
        );
        match &self.bars {
            None => say(format_args!("{lab}: {line}")),
            Some(bars) => {
                let bar = self
                    .by_lab
                    .entry(lab.clone())
                    .or_insert_with(|| spinner(bars, &lab));
                if stays {
                    // A lost progress line is not worth failing a run for.
                    let _ = bars.println(format!("{lab}: {line}"));
                }
                bar.set_message(line);
                if matches!(progress, Progress::Down { .. }) {
                    bar.finish_and_clear();
                }
            }
        }
    }

    /// Removes what is not to stay on the screen.
    pub fn finish(&mut self) {
        for bar in self.by_lab.values() {
            bar.finish_and_clear();
        }
    }
}

fn spinner(bars: &MultiProgress, lab: &str) -> ProgressBar {
    let bar = bars.add(ProgressBar::new_spinner());
    let style = ProgressStyle::with_template("{spinner} {prefix} {elapsed:>4} {wide_msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    bar.set_prefix(lab.to_owned());
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

fn line(progress: &Progress) -> String {
    match progress {
        Progress::Coming { nodes, links, .. } => format!("bringing up {nodes} nodes and {links} links"),
        Progress::Up { took, .. } => format!("up after {}", crate::base::duration::human(*took)),
        Progress::NotUp { reason, .. } => format!("did not come up: {reason}"),
        Progress::Settling { title, .. } => format!("{title}: waiting for the steady state"),
        Progress::Step { title, step, .. } => format!("{title}: {step}"),
        Progress::Recovering { title, .. } => format!("{title}: waiting for the baseline"),
        Progress::Judged { result, .. } => {
            let verdict = match result.verdict {
                Verdict::Pass if result.expected_finding => "pass (expected finding)",
                Verdict::Pass => "pass",
                Verdict::Inconclusive => "INCONCLUSIVE",
                Verdict::Fail => "FAIL",
                Verdict::Error => "ERROR",
            };
            format!("{}: {verdict}", result.title)
        }
        Progress::Down { .. } => "down".to_owned(),
    }
}
