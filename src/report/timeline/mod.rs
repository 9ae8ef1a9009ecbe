//! The time-line drawing: one axis, faults and steps above, traffic of each pair and state of each node below.

mod lanes;

use std::fmt::Write as _;

use crate::base::MonoTime;
use crate::base::duration::human;
use crate::record::{Epoch, Event, StepPhase};

use super::facts::Experiment;
use super::traffic::Pair;
use super::wording::{count, some_of};

use lanes::Lane;

const WIDTH: f64 = 1080.0;
const LEFT: f64 = 196.0;
const RIGHT: f64 = 18.0;
const ROW: f64 = 19.0;
const BAR: f64 = 11.0;
const HEADING: f64 = 25.0;
/// Pairs with losses drawn one by one in each group; the rest is counted.
const MOST_PAIRS: usize = 18;
/// Width of a character of a label, about.
const CHARACTER: f64 = 6.1;

/// Draws an experiment's time line as SVG.
pub(super) fn draw(experiment: &Experiment<'_>) -> String {
    let mut drawing = Drawing::new(experiment);
    drawing.faults();
    drawing.steps();
    drawing.epochs();
    drawing.traffic();
    drawing.states();
    drawing.finish()
}

struct Drawing<'e, 'a> {
    experiment: &'e Experiment<'a>,
    body: String,
    /// Where the next row begins.
    y: f64,
    from: f64,
    until: f64,
}

impl<'e, 'a> Drawing<'e, 'a> {
    fn new(experiment: &'e Experiment<'a>) -> Self {
        let until = experiment.clock.seconds(experiment.span.1).max(0.001);
        Self {
            experiment,
            body: String::new(),
            y: if experiment.clock.incident(experiment.span.0).is_some() {
                46.0
            } else {
                30.0
            },
            from: -0.02 * until,
            until: until * 1.01,
        }
    }

    fn x(&self, at: MonoTime) -> f64 {
        self.place(self.experiment.clock.seconds(at))
    }

    fn place(&self, seconds: f64) -> f64 {
        let share = (seconds - self.from) / (self.until - self.from);
        LEFT + share.clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT)
    }

    fn label(&mut self, text: &str, class: &str) {
        let shown = shortened(text, 31.0);
        let _ = writeln!(
            self.body,
            "<text class=\"l-label {class}\" x=\"{:.1}\" y=\"{:.1}\">{}<title>{}</title></text>",
            LEFT - 10.0,
            self.y + 13.0,
            escape(&shown),
            escape(text)
        );
    }

    fn heading(&mut self, text: &str) {
        let _ = writeln!(
            self.body,
            "<text class=\"l-heading\" x=\"4\" y=\"{:.1}\">{}</text>\
             <line class=\"l-rule\" x1=\"4\" x2=\"{:.1}\" y1=\"{:.1}\" y2=\"{:.1}\"/>",
            self.y + 16.0,
            escape(text),
            WIDTH - RIGHT,
            self.y + 21.0,
            self.y + 21.0
        );
        self.y += HEADING;
    }

    fn bar(&mut self, from: MonoTime, until: MonoTime, class: &str, title: &str) {
        let (x, end) = (self.x(from), self.x(until));
        // What lasted is visible, however short.
        let width = (end - x).max(1.5);
        let _ = writeln!(
            self.body,
            "<rect class=\"l-bar {class}\" x=\"{x:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{BAR}\" rx=\"2\">\
             <title>{}</title></rect>",
            self.y + (ROW - BAR) / 2.0,
            escape(title)
        );
    }

    fn baseline(&mut self) {
        let y = self.y + ROW / 2.0;
        let (x1, x2) = (self.x(self.experiment.span.0), self.x(self.experiment.span.1));
        let _ = writeln!(
            self.body,
            "<line class=\"l-service\" x1=\"{x1:.1}\" x2=\"{x2:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>"
        );
    }

    fn when(&self, from: MonoTime, until: MonoTime) -> String {
        let clock = &self.experiment.clock;
        let lasted = human(until.since(from));
        format!("{} to {} ({lasted})", clock.both(from), clock.both(until))
    }

    fn faults(&mut self) {
        let bands = self.experiment.faults.clone();
        for band in &bands {
            let until = band.until.unwrap_or(self.experiment.span.1);
            let what = format!("{} on {}", band.fault, some_of(band.targets, 3));
            let title = format!("{what}: {}", self.when(band.from, until));
            self.label(band.fault, "");
            let class = if band.landed { "fault" } else { "doubt" };
            self.bar(band.from, until, class, &title);
            let x = self.x(band.from) + 6.0;
            let text = some_of(band.targets, 3);
            if self.x(until) - x > CHARACTER * 2.0 * 4.0 {
                self.text(x, "l-inside", &text);
            }
            self.y += ROW;
        }
    }

    fn text(&mut self, x: f64, class: &str, text: &str) {
        let _ = writeln!(
            self.body,
            "<text class=\"{class}\" x=\"{x:.1}\" y=\"{:.1}\">{}</text>",
            self.y + 13.0,
            escape(text)
        );
    }

    fn steps(&mut self) {
        let mut marks = Vec::new();
        for entry in &self.experiment.entries {
            if let Event::Step {
                title,
                phase: phase @ (StepPhase::Started | StepPhase::Failed),
                ..
            } = &entry.event
            {
                let class = if *phase == StepPhase::Failed {
                    "bad"
                } else {
                    "step"
                };
                marks.push((entry.at, title.clone(), class));
            }
        }
        self.marks("method", &marks);
    }

    fn epochs(&mut self) {
        let mut marks = Vec::new();
        for entry in &self.experiment.entries {
            if let Event::Epoch { epoch, subject } = &entry.event {
                let name = epoch_name(*epoch);
                let text = subject
                    .as_ref()
                    .map_or_else(|| name.to_owned(), |s| format!("{name} ({s})"));
                marks.push((entry.at, text, "epoch"));
            }
        }
        self.marks("epochs", &marks);
    }

    /// Draws a row of marks; one gets its text beside it when that fits before the next.
    fn marks(&mut self, label: &str, marks: &[(MonoTime, String, &str)]) {
        if marks.is_empty() {
            return;
        }
        self.label(label, "");
        let mut occupied = LEFT;
        for (index, (at, text, class)) in marks.iter().enumerate() {
            let x = self.x(*at);
            let y = self.y + ROW / 2.0;
            let title = format!("{} {text}", self.experiment.clock.both(*at));
            let _ = writeln!(
                self.body,
                "<circle class=\"l-mark {class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4.5\"><title>{}</title></circle>",
                escape(&title)
            );
            let next = marks.get(index + 1).map_or(WIDTH, |(at, ..)| self.x(*at));
            let characters = units(text.chars().count());
            let fits = ((next - x - 16.0) / CHARACTER).min(characters);
            let after = x + 1.0 > occupied;
            if after && fits >= characters {
                self.text(x + 8.0, "l-note", text);
                occupied = x + 8.0 + characters * CHARACTER;
            } else if x - 8.0 - characters * CHARACTER > occupied {
                self.text(x - 8.0, "l-note l-before", text);
            } else if after && fits >= 12.0 {
                self.text(x + 8.0, "l-note", &shortened(text, fits));
                occupied = x + 8.0 + fits * CHARACTER;
            }
            occupied = occupied.max(x + 6.0);
        }
        self.y += ROW;
    }

    fn traffic(&mut self) {
        let groups = self.experiment.traffic.groups();
        for (group, mut pairs) in groups {
            let hit = pairs.iter().filter(|pair| !pair.segments.is_empty()).count();
            self.heading(&format!(
                "Traffic {group}: {hit} of {} lost packets",
                count(pairs.len(), "pair")
            ));
            pairs.sort_by_key(|pair| std::cmp::Reverse(pair.longest()));
            let all = pairs.len();
            let shown = hit.min(MOST_PAIRS);
            pairs.truncate(shown);
            for pair in pairs {
                self.pair(pair);
            }
            if all > shown {
                let rest = if hit > shown { "more" } else { "without loss" };
                self.label(&format!("{} {rest}", count(all - shown, "pair")), "");
                self.baseline();
                self.y += ROW;
            }
        }
    }

    fn pair(&mut self, pair: &Pair<'_>) {
        let name = format!("{} → {}", pair.from, pair.to);
        self.label(&name, "");
        self.baseline();
        for segment in &pair.segments {
            let class = if segment.flows >= pair.flows {
                "bad"
            } else {
                "partial"
            };
            let title = format!(
                "{name}: {} of {} lost packets, {}",
                segment.flows,
                count(pair.flows, "flow"),
                self.when(segment.from, segment.until)
            );
            self.bar(segment.from, segment.until, class, &title);
        }
        self.y += ROW;
    }

    fn states(&mut self) {
        let lanes = lanes::lanes(self.experiment);
        if lanes.is_empty() {
            return;
        }
        self.heading("State of nodes that changed");
        for lane in &lanes {
            self.lane(lane);
        }
    }

    fn lane(&mut self, lane: &Lane) {
        self.label(&format!("{} {}", lane.node, lane.name), "");
        for stretch in &lane.stretches {
            let title = format!(
                "{} {}: {}\n{}",
                lane.node,
                lane.name,
                stretch.words,
                self.when(stretch.from, stretch.until)
            );
            self.bar(stretch.from, stretch.until, stretch.health.class(), &title);
        }
        self.y += ROW;
    }

    fn finish(self) -> String {
        let height = self.y + 8.0;
        let mut out = format!(
            "<svg class=\"timeline\" viewBox=\"0 0 {WIDTH:.0} {height:.0}\" width=\"{WIDTH:.0}\" height=\"{height:.0}\" \
             role=\"img\" aria-label=\"time line of {}\">\n",
            escape(self.experiment.title)
        );
        self.axis(&mut out, height);
        for band in &self.experiment.faults {
            let (x, end) = (
                self.x(band.from),
                self.x(band.until.unwrap_or(self.experiment.span.1)),
            );
            let _ = writeln!(
                out,
                "<rect class=\"l-band\" x=\"{x:.1}\" y=\"30\" width=\"{:.1}\" height=\"{:.1}\"/>",
                (end - x).max(1.0),
                height - 30.0
            );
        }
        out.push_str(&self.body);
        out.push_str("</svg>\n");
        out
    }

    fn axis(&self, out: &mut String, height: f64) {
        let step = nice_step(self.until / 9.0);
        let clock = &self.experiment.clock;
        let top = if clock.incident(clock.zero).is_some() {
            36.0
        } else {
            22.0
        };
        let mut tick = 0.0;
        while tick <= self.until {
            let x = self.place(tick);
            let seconds = if step < 1.0 {
                format!("{tick:.1} s")
            } else {
                format!("{tick:.0} s")
            };
            let _ = writeln!(
                out,
                "<line class=\"l-grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{top:.0}\" y2=\"{height:.0}\"/>\
                 <text class=\"l-tick\" x=\"{x:.1}\" y=\"14\">{seconds}</text>"
            );
            let at = clock.zero + std::time::Duration::try_from_secs_f64(tick).unwrap_or_default();
            if let Some(incident) = clock.incident(at) {
                let _ = writeln!(
                    out,
                    "<text class=\"l-tick l-incident\" x=\"{x:.1}\" y=\"29\">{incident}</text>"
                );
            }
            tick += step;
        }
        let _ = writeln!(
            out,
            "<text class=\"l-label\" x=\"{:.1}\" y=\"14\">lab time</text>",
            LEFT - 30.0
        );
        if top > 30.0 {
            let _ = writeln!(
                out,
                "<text class=\"l-label l-incident\" x=\"{:.1}\" y=\"29\">incident time</text>",
                LEFT - 30.0
            );
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "numbers of characters in a label")]
fn units(count: usize) -> f64 {
    count as f64
}

/// Cuts a text to a number of characters.
fn shortened(text: &str, most: f64) -> String {
    if units(text.chars().count()) <= most {
        return text.to_owned();
    }
    let head = text
        .chars()
        .enumerate()
        .take_while(|(index, _)| units(*index) < most - 1.0);
    let head: String = head.map(|(_, c)| c).collect();
    format!("{}…", head.trim_end())
}

/// The next of 1, 2, 5, 10, 20, … at or above `least` seconds.
fn nice_step(least: f64) -> f64 {
    let magnitude = 10_f64.powf(least.max(0.1).log10().floor());
    let factors = [1.0, 2.0, 5.0, 10.0];
    let factor = factors.into_iter().find(|factor| factor * magnitude >= least);
    factor.unwrap_or(10.0) * magnitude
}

fn epoch_name(epoch: Epoch) -> &'static str {
    match epoch {
        Epoch::Injected => "injected",
        Epoch::Visible => "visible",
        Epoch::Detected => "detected",
        Epoch::DataPlaneRestored => "data plane restored",
        Epoch::ControlPlaneConverged => "converged",
        Epoch::Healed => "healed",
        Epoch::Settled => "settled",
        Epoch::Alarm => "alarm",
        Epoch::Acknowledged => "acknowledged",
    }
}

fn escape(text: &str) -> String {
    tera::escape_html(text)
}
