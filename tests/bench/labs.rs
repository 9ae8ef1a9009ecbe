//! Time and memory of labs of FRR routers, beside the same network made by hand on the same machine in the same minutes.
//!
//! Prints figures and whether they meet the goals; never fails because of them. Machines differ and have other work, so
//! the ratio to the floor says more than a time.

mod floor;
mod measure;
mod ours;
mod shape;

use std::error::Error;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use nix::sys::signal::{SigSet, Signal};
use serde_json::{Value, json};

use measure::spread;
use ours::Details;
use shape::{Net, Shape};

const USAGE: &str =
    "options: --sizes 10,20,50   --shapes line,ring   --rounds 3   --minutes 10   --json FILE";

/// One time up and down.
pub struct Round {
    /// Until all daemons run.
    pub up: Duration,
    /// Until every kernel has all routes, from the same beginning.
    pub converged: Duration,
    /// Until no process is left.
    pub down: Duration,
    /// Proportional set size of all processes, MiB.
    pub memory: f64,
}

struct Options {
    sizes: Vec<u8>,
    shapes: Vec<Shape>,
    rounds: usize,
    budget: Duration,
    json: Option<PathBuf>,
}

/// The temporary folder, gone with this and when interrupted.
struct Folder(PathBuf);

impl Folder {
    fn make() -> std::io::Result<Self> {
        let path = std::env::temp_dir().join(format!("faultlab-bench-{}", std::process::id()));
        std::fs::create_dir(&path)?;
        let mut ends = SigSet::empty();
        for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
            ends.add(signal);
        }
        ends.thread_block()?;
        let doomed = path.clone();
        std::thread::spawn(move || {
            let signal = ends.wait().map_or(0, |signal| signal as i32);
            let _ = std::fs::remove_dir_all(doomed);
            // The labs of both sides end with this process: their lifelines close.
            std::process::exit(128 + signal);
        });
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let Some(options) = options()? else {
        println!("{USAGE}");
        return Ok(());
    };
    if !nix::unistd::geteuid().is_root() || !std::path::Path::new("/usr/lib/frr/zebra").exists() {
        println!("skipped: needs root and FRR");
        return Ok(());
    }
    let folder = Folder::make()?;
    let begun = Instant::now();
    println!(
        "{:22}{:>20}{:>20}{:>20}{:>20}",
        "", "all running", "converged", "destroyed", "memory per node"
    );
    let heads = ["ours", "floor", "ratio"]
        .map(|head| format!("{head:>7}"))
        .concat();
    println!("{:15}{:>7}{}", "network", "rounds", heads[1..].repeat(4));
    let mut rows = Vec::new();
    let mut details = Details::default();
    for shape in options.shapes.iter().copied() {
        for routers in options.sizes.iter().copied() {
            let net = Net { shape, routers };
            let own = folder.0.join(format!("{shape}-{routers}"));
            std::fs::create_dir(&own)?;
            net.write(&own)?;
            let (mut ours, mut floor) = (Vec::new(), Vec::new());
            while ours.is_empty() || ours.len() < options.rounds && begun.elapsed() < options.budget {
                ours.push(ours::round(net, &own, &mut details)?);
                floor.push(floor::round(net, &own, &mut details)?);
            }
            rows.push(print_row(net, &ours, &floor));
        }
    }
    let goals = print_goals(&rows, &details);
    if let Some(path) = &options.json {
        std::fs::write(
            path,
            serde_json::to_vec_pretty(&json!({ "networks": rows, "goals": goals }))?,
        )?;
    }
    Ok(())
}

fn options() -> Result<Option<Options>, Box<dyn Error>> {
    let mut options = Options {
        sizes: vec![10, 20, 50],
        shapes: vec![Shape::Line, Shape::Ring],
        rounds: 3,
        budget: Duration::from_secs(600),
        json: None,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || {
            words
                .next()
                .ok_or_else(|| format!("{word} needs a value; {USAGE}"))
        };
        match word.as_str() {
            // What cargo adds.
            "--bench" => {}
            "--sizes" => options.sizes = value()?.split(',').map(str::parse).collect::<Result<_, _>>()?,
            "--shapes" => {
                let shape = |name| match name {
                    "line" => Ok(Shape::Line),
                    "ring" => Ok(Shape::Ring),
                    other => Err(format!("`{other}` is neither line nor ring")),
                };
                options.shapes = value()?.split(',').map(shape).collect::<Result<_, _>>()?;
            }
            "--rounds" => options.rounds = value()?.parse()?,
            "--minutes" => options.budget = Duration::from_secs(60 * value()?.parse::<u64>()?),
            "--json" => options.json = Some(value()?.into()),
            "--help" | "-h" => return Ok(None),
            _ => return Err(format!("unknown option `{word}`; {USAGE}").into()),
        }
    }
    // 10.255.0.N and link numbers are one byte.
    if options.sizes.iter().any(|size| !(3..=250).contains(size)) {
        return Err("a network has 3 to 250 routers".into());
    }
    Ok(Some(options))
}

/// What one column of the table shows.
struct Column {
    name: &'static str,
    digits: usize,
    value: fn(&Round) -> f64,
}

const COLUMNS: [Column; 4] = [
    Column {
        name: "up",
        digits: 2,
        value: |round| round.up.as_secs_f64(),
    },
    Column {
        name: "converged",
        digits: 2,
        value: |round| round.converged.as_secs_f64(),
    },
    Column {
        name: "destroyed",
        digits: 2,
        value: |round| round.down.as_secs_f64(),
    },
    Column {
        name: "memory",
        digits: 1,
        value: |round| round.memory,
    },
];

/// Prints a row, and returns it for the JSON file.
fn print_row(net: Net, ours: &[Round], floor: &[Round]) -> Value {
    let mut row = json!({ "shape": net.shape.to_string(), "routers": net.routers, "rounds": ours.len() });
    print!(
        "{:15}{:>7}",
        format!("{} of {}", net.shape, net.routers),
        ours.len()
    );
    for Column { name, digits, value } in COLUMNS {
        let per = if name == "memory" {
            f64::from(net.routers)
        } else {
            1.0
        };
        let median = |rounds: &[Round]| spread(rounds.iter().map(value).collect()).0 / per;
        let (ours, floor) = (median(ours), median(floor));
        print!("{ours:>6.digits$}{floor:>7.digits$}{:>7.2}", ours / floor);
        row[name] = json!({ "ours": ours, "floor": floor, "ratio": ours / floor });
    }
    println!();
    row
}

/// What has a goal and what explains it: words, values, at most how much.
fn goals(rows: &[Value], details: &Details) -> Vec<(String, Vec<f64>, Option<f64>)> {
    let largest = rows.iter().filter_map(|row| row["routers"].as_u64()).max();
    let of_largest = |column: &str, side: &str| {
        let rows = rows.iter().filter(|row| row["routers"].as_u64() == largest);
        rows.filter_map(|row| row[column][side].as_f64())
            .collect::<Vec<_>>()
    };
    let size = largest.unwrap_or_default();
    let all = |what: &str| format!("all of {size} {what}, × floor");
    vec![
        (all("running"), of_largest("up", "ratio"), Some(1.3)),
        (all("converged"), of_largest("converged", "ratio"), Some(1.3)),
        (
            format!("destroying {size}, s"),
            of_largest("destroyed", "ours"),
            Some(0.3),
        ),
        (
            "one link operation (cut or restore), ms".to_owned(),
            details.link.clone(),
            Some(5.0),
        ),
        (
            "`true` in a node, by the library, ms".to_owned(),
            details.exec.clone(),
            Some(5.0),
        ),
        (
            "`faultlab exec` of `true`, ms".to_owned(),
            details.exec_command.clone(),
            None,
        ),
        (
            "beside it: `nsenter --net=… true`, ms".to_owned(),
            details.exec_floor.clone(),
            None,
        ),
        (
            "private memory of a node's init, MiB".to_owned(),
            details.node_init.clone(),
            Some(3.0),
        ),
        (
            "private memory of a lab's init, MiB".to_owned(),
            details.lab_init.clone(),
            None,
        ),
        (
            "private memory of a lab's wire panel, MiB".to_owned(),
            details.panel.clone(),
            None,
        ),
    ]
}

/// Prints the goals, and returns them for the JSON file.
fn print_goals(rows: &[Value], details: &Details) -> Value {
    println!("\n{:46}{:>9}{:>9}{:>9}", "", "median", "worst", "goal");
    let mut printed = Vec::new();
    for (what, values, goal) in goals(rows, details) {
        let (median, worst) = spread(values);
        print!("{what:46}{median:>9.2}{worst:>9.2}");
        match goal {
            Some(most) => println!("{most:>9}  {}", if median <= most { "ok" } else { "over" }),
            None => println!(),
        }
        printed.push(json!({ "what": what, "median": median, "worst": worst, "goal": goal }));
    }
    printed.into()
}
