//! The file system a node sees: the host's, read-only, with private writable parts that cost nothing until written.
//!
//! Runs in the node's own mount namespace, a copy of its lab's. Everything writable lies on the lab's tmpfs, which is
//! reached through a descriptor because the node's own `/run` soon covers it.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Component, Path, PathBuf};

use nix::fcntl::{OFlag, open};
use nix::mount::{MsFlags, mount};
use nix::sys::stat::Mode;
use nix::unistd::{AccessFlags, access};

use super::{kernel, layers};
use crate::nos::plan::{Bind, NODE_BINARY, NODE_COMMANDS, NODE_LOGS, NODE_PERSISTENT, NodeFile, NodePlan};

/// Where a lab keeps everything, on its own tmpfs in its own mount namespace.
pub(super) const LAB_DIR: &str = "/run/faultlab";

/// Directories that every node may write, whatever its plan says. The host's content shows through.
const WRITABLE: [&str; 3] = ["etc", "var", "root"];

/// Directories that are not the host's in a node, or must not be covered.
const OWN: [&str; 5] = ["run", "tmp", "proc", "sys", "dev"];

/// A step that failed, and why.
pub(in crate::runtime) type Failed = (String, io::Error);

/// Names the step in which something failed.
pub(super) fn during<T>(
    step: impl Into<String>,
    result: Result<T, impl Into<io::Error>>,
) -> Result<T, Failed> {
    result.map_err(|error| (step.into(), error.into()))
}

/// The directory of a node on the lab's tmpfs, as the lab's init sees it.
pub(super) fn node_dir(node: &str) -> PathBuf {
    Path::new(LAB_DIR).join("nodes").join(node)
}

/// Prepares a lab's mount namespace: private, own `/proc` and `/sys`, a tmpfs, the sources of all binds, the binary.
pub(super) fn prepare_lab(nodes: &[NodePlan]) -> Result<(), Failed> {
    during(
        "make mounts private",
        mount(
            None::<&str>,
            "/",
            None::<&str>,
            MsFlags::MS_REC | MsFlags::MS_PRIVATE,
            None::<&str>,
        ),
    )?;
    mount_special("proc", "/proc")?;
    mount_special("sysfs", "/sys")?;
    // Opened before the tmpfs covers what may lie below /run.
    let binary = own_binary();
    let mut sources = Vec::new();
    for plan in nodes {
        for (number, bind) in plan.binds.iter().enumerate() {
            let source = during(
                format!("open {} to bind it into {}", bind.source.display(), plan.node),
                path_fd(&bind.source),
            )?;
            let staged = Path::new(LAB_DIR)
                .join("binds")
                .join(plan.node.as_str())
                .join(number.to_string());
            sources.push((source, staged));
        }
    }
    during(
        "mount the lab's tmpfs",
        mount(
            Some("faultlab"),
            "/run",
            Some("tmpfs"),
            MsFlags::MS_NOSUID,
            Some("mode=0755"),
        ),
    )?;
    let shown = Path::new(LAB_DIR).join("faultlab");
    match binary {
        Some(binary) => sources.push((binary, shown)),
        None => during(
            "copy the faultlab binary",
            fs::create_dir_all(LAB_DIR).and_then(|()| fs::copy("/proc/self/exe", shown).map(drop)),
        )?,
    }
    for (source, staged) in sources {
        stage(&source, &staged)?;
    }
    for plan in nodes {
        let node = node_dir(plan.node.as_str());
        for part in ["persistent", "logs", "volatile"] {
            during("make a node's directories", fs::create_dir_all(node.join(part)))?;
        }
    }
    Ok(())
}

/// The running program in this mount namespace, unless its file was replaced or lies where only its starter could see it.
fn own_binary() -> Option<OwnedFd> {
    use std::os::unix::fs::MetadataExt;
    let path = fs::read_link("/proc/self/exe").ok()?;
    let identity = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    let running = fs::metadata("/proc/self/exe").map(identity).ok()?;
    let found = fs::metadata(&path).map(identity).ok()?;
    (found == running).then(|| path_fd(&path).ok())?
}

fn stage(source: &OwnedFd, staged: &Path) -> Result<(), Failed> {
    let source = PathBuf::from(format!("/proc/self/fd/{}", source.as_raw_fd()));
    let what = format!("bind {}", staged.display());
    during(&what, make_target(staged, source.is_dir()))?;
    during(what, bind(&source, staged))
}

/// Turns a fresh copy of the lab's mount namespace into the node's, and writes the plan's files.
pub(super) fn enter(plan: &NodePlan) -> Result<(), Failed> {
    let lab_run = during(
        "copy the lab's tmpfs mount",
        kernel::clone_mount(Path::new("/run")),
    )?;
    during(
        "make the host's files read-only",
        kernel::set_read_only(Path::new("/"), true),
    )?;
    during(
        "attach the lab's tmpfs",
        kernel::attach_mount(std::os::fd::AsFd::as_fd(&lab_run), Path::new("/run")),
    )?;
    let renewed = needs_new_root(plan);
    if renewed {
        layers::renew_root(&node_dir(plan.node.as_str()).join("volatile"))?;
    }
    let lab = during("open the lab's directory", path_fd(Path::new(LAB_DIR)))?;
    let lab = PathBuf::from(format!("/proc/self/fd/{}", lab.as_raw_fd()));
    let node = lab.join("nodes").join(plan.node.as_str());
    let volatile = node.join("volatile");

    let parts = if renewed {
        BTreeSet::new()
    } else {
        writable_parts(plan)
    };
    for top in parts {
        layers::cover(&volatile, &top, &Path::new("/").join(&top))?;
    }
    private_dir(&volatile.join("tmp"), Path::new("/tmp"), 0o1777)?;
    if Path::new("/dev/shm").is_dir() {
        private_dir(&volatile.join("shm"), Path::new("/dev/shm"), 0o1777)?;
    }
    for (part, target) in [("persistent", NODE_PERSISTENT), ("logs", NODE_LOGS)] {
        let what = format!("bind {target}");
        during(&what, make_target(Path::new(target), true))?;
        during(what, bind(&node.join(part), Path::new(target)))?;
    }
    mount_special("proc", "/proc")?;
    mount_special("sysfs", "/sys")?;
    private_dir(&volatile.join("run"), Path::new("/run"), 0o755)?;
    during("make /run", fs::create_dir_all(NODE_COMMANDS))?;
    let _ = fs::create_dir("/run/lock");
    during(
        "make the faultlab binary",
        make_target(Path::new(NODE_BINARY), false),
    )?;
    during(
        "bind the faultlab binary",
        bind(&lab.join("faultlab"), Path::new(NODE_BINARY)),
    )?;
    furnish(plan, &lab)
}

/// Brings in what the plan asks for.
fn furnish(plan: &NodePlan, lab: &Path) -> Result<(), Failed> {
    let volatile = lab.join("nodes").join(plan.node.as_str()).join("volatile");
    replace_closed(plan, &volatile)?;
    for (number, bound) in plan.binds.iter().enumerate() {
        let staged = lab
            .join("binds")
            .join(plan.node.as_str())
            .join(number.to_string());
        bind_into(&staged, bound)?;
    }
    write_files(plan)
}

/// Writes the plan's files into the caller's root directory.
pub(super) fn write_files(plan: &NodePlan) -> Result<(), Failed> {
    plan.files.iter().try_for_each(write_file)
}

/// Puts empty directories in the place of those that the plan has files for and this user may not enter.
///
/// In an ordinary user's namespace nobody has power over what belongs to the host's daemons, such as `/etc/frr`.
fn replace_closed(plan: &NodePlan, volatile: &Path) -> Result<(), Failed> {
    let targets = plan.binds.iter().map(|bind| &bind.target);
    let paths = plan.files.iter().map(|file| &file.path).chain(targets);
    let mut count = 0;
    for path in paths {
        let mut parents: Vec<&Path> = path.ancestors().skip(1).collect();
        parents.reverse();
        for parent in parents {
            if access(parent, AccessFlags::X_OK) == Err(nix::errno::Errno::EACCES) {
                private_dir(&volatile.join(format!("instead-{count}")), parent, 0o755)?;
                count += 1;
            }
        }
    }
    Ok(())
}

/// Forgets what a power cut takes. The node's processes must be gone.
pub(super) fn forget_volatile(node: &str) -> io::Result<()> {
    let volatile = node_dir(node).join("volatile");
    match fs::remove_dir_all(&volatile) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    fs::create_dir_all(volatile)
}

/// Whether the plan puts something where the host's root directory has nothing.
fn needs_new_root(plan: &NodePlan) -> bool {
    let targets = plan.binds.iter().map(|bind| &bind.target);
    let mut tops = plan
        .files
        .iter()
        .map(|file| &file.path)
        .chain(targets)
        .map(|path| top_of(path));
    tops.any(|top| top.is_some_and(|top| !Path::new("/").join(top).is_dir()))
}

/// The first part of an absolute path.
fn top_of(path: &Path) -> Option<String> {
    match path.components().nth(1) {
        Some(Component::Normal(top)) => Some(top.to_string_lossy().into_owned()),
        _ => None,
    }
}

/// Top-level directories that must be writable for this plan.
fn writable_parts(plan: &NodePlan) -> BTreeSet<String> {
    let targets = plan.binds.iter().map(|bind| &bind.target);
    let paths = plan
        .files
        .iter()
        .map(|file| &file.path)
        .chain(targets.filter(|target| !target.exists()));
    let tops = paths.filter_map(|path| top_of(path));
    WRITABLE
        .iter()
        .map(|top| (*top).to_owned())
        .chain(tops)
        .filter(|top| !OWN.contains(&top.as_str()) && Path::new("/").join(top).is_dir())
        .collect()
}

fn private_dir(source: &Path, target: &Path, mode: u32) -> Result<(), Failed> {
    let what = format!("make a private {}", target.display());
    during(&what, fs::create_dir_all(source))?;
    during(
        &what,
        fs::set_permissions(source, fs::Permissions::from_mode(mode)),
    )?;
    during(what, bind(source, target))
}

fn bind_into(staged: &Path, bound: &Bind) -> Result<(), Failed> {
    let what = format!("bind {} to {}", bound.source.display(), bound.target.display());
    during(&what, make_target(&bound.target, staged.is_dir()))?;
    during(&what, bind(staged, &bound.target))?;
    if bound.read_only {
        during(what, kernel::set_read_only(&bound.target, true))?;
    }
    Ok(())
}

/// Shows one place of the file system at another, with everything mounted below it.
pub(super) fn bind(source: &Path, target: &Path) -> nix::Result<()> {
    mount(
        Some(source),
        target,
        None::<&str>,
        MsFlags::MS_BIND | MsFlags::MS_REC,
        None::<&str>,
    )
}

fn mount_special(kind: &str, target: &str) -> Result<(), Failed> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    during(
        format!("mount {target}"),
        mount(Some(kind), target, Some(kind), flags, None::<&str>),
    )
}

/// Makes something to mount on.
pub(super) fn make_target(path: &Path, directory: bool) -> io::Result<()> {
    if path.exists() {
        return Ok(());
    }
    if directory {
        return fs::create_dir_all(path);
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .map(drop)
}

fn write_file(file: &NodeFile) -> Result<(), Failed> {
    // Flash keeps what was there before the power went.
    if file.path.starts_with(NODE_PERSISTENT) && file.path.exists() {
        return Ok(());
    }
    let what = format!("write {}", file.path.display());
    if let Some(parent) = file.path.parent() {
        during(&what, fs::create_dir_all(parent))?;
    }
    // A link to elsewhere (/etc/resolv.conf into /run) is replaced, not followed.
    if file.path.is_symlink() {
        during(&what, fs::remove_file(&file.path))?;
    }
    during(&what, fs::write(&file.path, &file.content))?;
    during(
        &what,
        fs::set_permissions(&file.path, fs::Permissions::from_mode(file.mode)),
    )?;
    if let Some(owner) = &file.owner {
        let (user, group) = owner.split_once(':').unwrap_or((owner, owner));
        let user = during(format!("{what}: find user {user}"), id_of("/etc/passwd", user))?;
        let group = during(format!("{what}: find group {group}"), id_of("/etc/group", group))?;
        match chown(&file.path, Some(user), Some(group)) {
            // An ordinary user's namespace has root and nobody else; everything in the node then belongs to root.
            Err(error) if error.raw_os_error() == Some(nix::libc::EINVAL) => {}
            other => during(what, other)?,
        }
    }
    Ok(())
}

/// The number of a user or group by name, from the node's own tables.
fn id_of(table: &str, name: &str) -> io::Result<u32> {
    let text = fs::read_to_string(table)?;
    text.lines()
        .find_map(|line| {
            let mut fields = line.split(':');
            (fields.next() == Some(name)).then(|| fields.nth(1)?.parse().ok())?
        })
        .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("not in {table}")))
}

fn path_fd(path: &Path) -> io::Result<OwnedFd> {
    Ok(open(path, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty())?)
}
