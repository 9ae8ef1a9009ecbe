//! Steps of a method, and the two clocks they may be timed by.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::model::{Action, Hold, Injection, SelectorText, ServiceAction, Step, Target, When};
use super::parts::beside;
use super::predicate::predicate;
use super::reader::{Fields, Reader};
use crate::base::{Node, Position, ServiceName, duration};

/// Keys that say what a step does.
pub(super) const ACTIONS: [&str; 11] = [
    "commit",
    "rollback",
    "reboot",
    "power-off",
    "power-on",
    "exec",
    "service",
    "inject",
    "heal",
    "wait",
    "wait-until",
];

pub(super) const KEYS: [&str; 15] = [
    "id",
    "title",
    "at",
    "within",
    "commit",
    "rollback",
    "reboot",
    "power-off",
    "power-on",
    "exec",
    "service",
    "inject",
    "heal",
    "wait",
    "wait-until",
];

/// How incident time becomes lab time.
#[derive(Clone, Debug)]
pub(super) struct Clock {
    pub(super) scale: f64,
    /// Seconds since midnight at the method's start.
    pub(super) zero: Option<u64>,
}

impl Clock {
    /// Returns incident time since the method's start, from a clock time.
    pub(super) fn incident(&self, text: &str) -> Result<Duration, String> {
        let seconds =
            clock_time(text).ok_or_else(|| format!("`{text}` is no clock time (expected e.g. 13:26:05)"))?;
        let zero = self
            .zero
            .ok_or("a clock time needs `time: {incident-clock: …}`")?;
        let since = seconds.checked_sub(zero);
        since
            .map(Duration::from_secs)
            .ok_or_else(|| format!("`{text}` lies before the incident clock's start"))
    }

    pub(super) fn to_lab(&self, incident: Duration) -> Duration {
        incident.div_f64(self.scale)
    }

    fn when(&self, text: &str) -> Result<When, String> {
        let lab = if text.contains(':') {
            self.to_lab(self.incident(text)?)
        } else {
            duration::parse(text)?
        };
        Ok(When::At {
            lab,
            written: text.to_owned(),
        })
    }
}

/// Reads `13:26:05` or `13:26` as seconds since midnight.
pub(super) fn clock_time(text: &str) -> Option<u64> {
    let parts: Vec<&str> = text.split(':').collect();
    let numbers: Vec<u64> = parts.iter().filter_map(|part| part.parse().ok()).collect();
    match (parts.len(), numbers.as_slice()) {
        (2, [hours, minutes]) if *hours < 24 && *minutes < 60 => Some(hours * 3600 + minutes * 60),
        (3, [hours, minutes, seconds]) if *hours < 24 && *minutes < 60 && *seconds < 60 => {
            Some(hours * 3600 + minutes * 60 + seconds)
        }
        _ => None,
    }
}

/// Reads the list under `method`.
pub(super) fn steps(reader: &mut Reader, fields: &Fields<'_>, clock: &Clock, folder: &Path) -> Vec<Step> {
    let nodes = fields.list("method");
    let mut steps: Vec<(Position, Step)> = Vec::new();
    for node in nodes {
        let Some(step) = step(reader, node, clock, folder) else {
            continue;
        };
        if let Some(id) = &step.id
            && steps.iter().any(|(_, known)| known.id.as_ref() == Some(id))
        {
            reader.problem(
                node.position,
                format!("two steps have the id `{id}`"),
                "change one of them",
            );
        }
        steps.push((node.position, step));
    }
    check_order(reader, &steps);
    check_heals(reader, &steps);
    steps.into_iter().map(|(_, step)| step).collect()
}

fn check_order(reader: &mut Reader, steps: &[(Position, Step)]) {
    let mut latest = Duration::ZERO;
    for (position, step) in steps {
        if let When::At { lab, written } = &step.when {
            if *lab < latest {
                let message = format!(
                    "step `{}` at {written} comes after a step with a later time",
                    step.title
                );
                reader.problem(
                    *position,
                    message,
                    "steps are done in the order of the file: sort them by `at`",
                );
            }
            latest = latest.max(*lab);
        }
    }
}

/// A fault without an end would outlive its experiment.
fn check_heals(reader: &mut Reader, steps: &[(Position, Step)]) {
    for (index, (position, step)) in steps.iter().enumerate() {
        match &step.action {
            Action::Heal { step: id } => {
                let mut before = steps[..index].iter().map(|(_, step)| step);
                let found = before.find(|step| step.id.as_ref() == Some(id));
                if !found.is_some_and(|step| matches!(step.action, Action::Inject(_))) {
                    let message = format!("no `inject` step before this one has the id `{id}`");
                    reader.problem(*position, message, format!("give that step `id: {id}`"));
                }
            }
            Action::Inject(Injection {
                hold: Hold::UntilHealed,
                ..
            }) => {
                let healed = steps[index..].iter().any(|(_, later)| {
                    matches!(&later.action, Action::Heal { step: id } if Some(id) == step.id.as_ref())
                });
                if !healed {
                    let hint = "add `for: 10s`, `until: method-end`, or an `id` and a later `heal: ID`";
                    reader.problem(*position, "this fault has no end", hint);
                }
            }
            _ => {}
        }
    }
}

fn step(reader: &mut Reader, node: &Node, clock: &Clock, folder: &Path) -> Option<Step> {
    let fields = reader.fields(node, "a step", &KEYS)?;
    let when = reader.parsed(&fields, "at", |text| clock.when(text));
    let kind = reader.one_of(&fields, &ACTIONS)?;
    if fields.get("within").is_some() && kind != "wait-until" {
        let message = format!("`within` means nothing with `{kind}`");
        reader.problem(fields.position_of("within"), message, "it goes with: wait-until");
    }
    let action = action(reader, &fields, kind, folder)?;
    Some(Step {
        id: reader.text(&fields, "id"),
        title: reader.text(&fields, "title").unwrap_or_else(|| action.title()),
        when: when.unwrap_or(When::AfterPrevious),
        action,
        line: node.position.line,
    })
}

fn on(reader: &mut Reader, fields: &Fields<'_>) -> SelectorText {
    SelectorText(reader.needed_selector(fields, "on"))
}

/// Reads `reboot: ca1` or `reboot: {on: [ca1, ca2]}`.
fn plain_target(reader: &mut Reader, outer: &Fields<'_>, kind: &str) -> Option<SelectorText> {
    let node = outer.get(kind)?;
    if node.as_mapping().is_some() {
        let fields = reader.fields(node, "this action", &["on"])?;
        return Some(on(reader, &fields));
    }
    reader.selector(outer, kind).map(SelectorText)
}

fn action(reader: &mut Reader, outer: &Fields<'_>, kind: &str, folder: &Path) -> Option<Action> {
    let node = outer.get(kind)?;
    Some(match kind {
        "reboot" => Action::Reboot {
            on: plain_target(reader, outer, kind)?,
        },
        "power-off" => Action::PowerOff {
            on: plain_target(reader, outer, kind)?,
        },
        "power-on" => Action::PowerOn {
            on: plain_target(reader, outer, kind)?,
        },
        "heal" => Action::Heal {
            step: reader.text(outer, kind)?,
        },
        "wait" => Action::Wait {
            time: reader.duration(outer, kind)?,
        },
        "wait-until" => {
            reader.needs(outer, "within");
            let predicate = predicate(reader, node, None);
            let within = reader.duration(outer, "within");
            Action::WaitUntil {
                predicate: predicate?,
                within: within?,
            }
        }
        "rollback" => {
            let fields = reader.fields(node, "a rollback", &["on", "n"])?;
            let on = on(reader, &fields);
            Action::Rollback {
                on,
                n: reader.number(&fields, "n", 0).unwrap_or(1),
            }
        }
        "exec" => {
            let fields = reader.fields(node, "a command", &["on", "argv"])?;
            reader.needs(&fields, "argv");
            let on = on(reader, &fields);
            let items = fields.list("argv");
            let argv = items
                .iter()
                .filter_map(|item| reader.scalar(item, "an argument"))
                .collect();
            Action::Exec { on, argv }
        }
        "service" => service(reader, node)?,
        "inject" => Action::Inject(injection(reader, node)?),
        _ => commit(reader, node, folder)?,
    })
}

fn service(reader: &mut Reader, node: &Node) -> Option<Action> {
    const ACTIONS: [(&str, ServiceAction); 3] = [
        ("start", ServiceAction::Start),
        ("stop", ServiceAction::Stop),
        ("restart", ServiceAction::Restart),
    ];
    let fields = reader.fields(node, "an action on a service", &["on", "name", "action"])?;
    reader.needs(&fields, "action");
    let on = on(reader, &fields);
    let name = ServiceName::new(reader.required(&fields, "name"));
    let action = fields
        .get("action")
        .and_then(|node| reader.word(node, "action", &ACTIONS))?;
    Some(Action::Service { on, name, action })
}

pub(super) const COMMIT_KEYS: [&str; 4] = ["on", "patch", "set", "comment"];

fn commit(reader: &mut Reader, node: &Node, folder: &Path) -> Option<Action> {
    let fields = reader.fields(node, "a commit", &COMMIT_KEYS)?;
    let on = on(reader, &fields);
    let comment = reader.text(&fields, "comment");
    let (patch, file) = if reader.one_of(&fields, &["patch", "set"])? == "set" {
        let items = fields.list("set");
        let mut lines = items.iter().filter_map(|item| reader.scalar(item, "a statement"));
        let patch = lines
            .by_ref()
            .fold(String::new(), |text, line| text + &line + "\n");
        (patch, None)
    } else {
        let path = beside(folder, &reader.text(&fields, "patch")?);
        match std::fs::read_to_string(&path) {
            Ok(text) => (text, Some(path)),
            Err(error) => {
                let message = format!("patch: cannot read {}: {error}", path.display());
                let hint =
                    "the path is relative to this file; short patches may stand here: `set: [\"set …\"]`";
                reader.problem(fields.position_of("patch"), message, hint);
                return None;
            }
        }
    };
    Some(Action::Commit {
        on,
        patch,
        file,
        comment,
    })
}

pub(super) const INJECT_KEYS: [&str; 6] = ["fault", "on", "between", "params", "for", "until"];

fn injection(reader: &mut Reader, node: &Node) -> Option<Injection> {
    let fields = reader.fields(node, "an injection", &INJECT_KEYS)?;
    let hold = match (
        reader.duration(&fields, "for"),
        reader.text(&fields, "until").as_deref(),
    ) {
        (Some(time), None) => Hold::For(time),
        (None, None) => Hold::UntilHealed,
        (None, Some("method-end")) => Hold::UntilMethodEnd,
        (_, Some(_)) => {
            let hint = "give `for: 10s` or `until: method-end`, or neither and a `heal` step";
            reader.problem(fields.position_of("until"), "unclear end of this fault", hint);
            Hold::UntilMethodEnd
        }
    };
    let (fault, target, params) = fault(reader, &fields)?;
    Some(Injection {
        fault: fault.as_str().into(),
        target,
        params,
        hold,
    })
}

/// Reads `fault`, `on` or `between`, and `params`.
pub(super) fn fault(
    reader: &mut Reader,
    fields: &Fields<'_>,
) -> Option<(String, Target, BTreeMap<String, String>)> {
    let fault = reader.required(fields, "fault");
    let target = if reader.one_of(fields, &["on", "between"])? == "on" {
        Target::from_text(&on(reader, fields).0)
    } else {
        let ends = fields.list("between");
        let ends: Vec<_> = ends
            .iter()
            .filter_map(|end| reader.scalar(end, "a selector"))
            .collect();
        let [a, b] = ends.as_slice() else {
            let hint = "write `between: [ca1, ca2]`";
            reader.problem(
                fields.position_of("between"),
                "links lie between two selectors",
                hint,
            );
            return None;
        };
        Target::Links(SelectorText(a.clone()), SelectorText(b.clone()))
    };
    let mut params = BTreeMap::new();
    if let Some(node) = fields.get("params") {
        match node.as_mapping() {
            Some(pairs) => {
                for (key, value) in pairs {
                    let text = reader.scalar(value, "a parameter").unwrap_or_default();
                    params.insert(key.as_text().unwrap_or_default().to_owned(), text);
                }
            }
            None => reader.problem(
                node.position,
                "expected a mapping for `params`",
                "write `params: {name: value}`",
            ),
        }
    }
    Some((fault, target, params))
}

impl Action {
    /// Returns what people read when the file gives no title.
    #[must_use]
    pub fn title(&self) -> String {
        match self {
            Self::Commit { on, comment, .. } => match comment {
                Some(comment) => format!("commit on {on}: {comment}"),
                None => format!("commit on {on}"),
            },
            Self::Rollback { on, n } => format!("rollback {n} on {on}"),
            Self::Reboot { on } => format!("reboot {on}"),
            Self::PowerOff { on } => format!("power off {on}"),
            Self::PowerOn { on } => format!("power on {on}"),
            Self::Exec { on, argv } => format!("run `{}` on {on}", argv.join(" ")),
            Self::Service { on, name, action } => {
                let verb = match action {
                    ServiceAction::Start => "start",
                    ServiceAction::Stop => "stop",
                    ServiceAction::Restart => "restart",
                };
                format!("{verb} {name} on {on}")
            }
            Self::Inject(injection) => format!("{} on {}", injection.fault, injection.target),
            Self::Heal { step } => format!("heal {step}"),
            Self::Wait { time } => format!("wait {}", duration::human(*time)),
            Self::WaitUntil { predicate, .. } => format!("wait until {predicate}"),
        }
    }
}
