//! A private, writable copy of a host directory that costs nothing until written: overlayfs on the lab's tmpfs.
//!
//! The kernel refuses to lay an overlay over a directory that has other mounts below it when an ordinary user's
//! namespace inherited them, because that could uncover what they hide. Then the copy is put together entry by entry,
//! with an overlay where that works.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use nix::mount::{MsFlags, mount};

use super::rootfs::{Failed, bind, during, make_target};
use super::{address, kernel};

/// Largest file that is copied when a directory is put together; larger ones are shown read-only.
const COPIED: u64 = 1 << 20;

/// Makes `target` a private copy of itself. `volatile` is where its changes go, `name` what they are called there.
pub(super) fn cover(volatile: &Path, name: &str, target: &Path) -> Result<(), Failed> {
    match overlay(volatile, name, target, target) {
        Err((_, error)) if error.raw_os_error() == Some(nix::libc::EINVAL) => {
            let whole = volatile.join(format!("{name}.whole"));
            assemble(volatile, name, target, &whole)?;
            let what = format!("put together a private copy of {}", target.display());
            during(what, bind(&whole, target))
        }
        other => other,
    }
}

/// Gives the calling process a root directory that is a private copy of the host's, so that new places can be made in it.
///
/// What is mounted below the root is shown as it is; `/run`, a writable clone, takes the lab's place in the new root.
pub(super) fn renew_root(volatile: &Path) -> Result<(), Failed> {
    let what = "put together a private root directory";
    let new = volatile.join("root.merged");
    during(what, fs::create_dir_all(&new))?;
    let run = during(what, kernel::clone_mount(Path::new("/run")))?;
    let below = during(what, mounts_below_root())?;
    overlay(volatile, "root.whole", Path::new("/"), &new)?;
    for path in below {
        let target = new.join(path.strip_prefix("/").unwrap_or(&path));
        during(format!("{what}: show {}", path.display()), bind(&path, &target))?;
    }
    during(what, kernel::attach_mount(run.as_fd(), &new.join("run")))?;
    during(what, nix::unistd::chdir(&new))?;
    during(what, nix::unistd::pivot_root(".", "."))?;
    during(what, nix::mount::umount2(".", nix::mount::MntFlags::MNT_DETACH))?;
    during(what, nix::unistd::chdir("/"))
}

/// Mount points directly below the root mount, those excluded that a node does not share with the host.
fn mounts_below_root() -> io::Result<BTreeSet<PathBuf>> {
    let table = fs::read_to_string("/proc/self/mountinfo")?;
    let points = table.lines().filter_map(|line| line.split(' ').nth(4));
    let mut found: BTreeSet<PathBuf> = BTreeSet::new();
    // Sorted, a mount comes before those below it, which it brings along.
    for point in points.collect::<BTreeSet<_>>() {
        let path = PathBuf::from(unescape(point));
        let own = [Path::new("/run"), Path::new("/tmp")];
        let covered =
            found.iter().any(|above| path.starts_with(above)) || own.iter().any(|own| path.starts_with(own));
        if path != Path::new("/") && !covered && path.exists() {
            found.insert(path);
        }
    }
    Ok(found)
}

/// Undoes the octal escapes of proc(5) mountinfo.
fn unescape(text: &str) -> String {
    text.replace("\\040", " ")
        .replace("\\011", "\t")
        .replace("\\134", "\\")
}

/// Lays an overlay over `lower` and shows it at `target`.
fn overlay(volatile: &Path, name: &str, lower: &Path, target: &Path) -> Result<(), Failed> {
    let upper = volatile.join(format!("{name}.upper"));
    let work = volatile.join(format!("{name}.work"));
    let what = format!("lay a private copy over {} (overlayfs)", lower.display());
    for directory in [&upper, &work] {
        during(&what, fs::create_dir_all(directory))?;
    }
    if let Ok(metadata) = fs::metadata(lower) {
        during(&what, fs::set_permissions(&upper, metadata.permissions()))?;
    }
    let options = format!(
        "lowerdir={},upperdir={},workdir={}",
        lower.display(),
        upper.display(),
        work.display()
    );
    let try_with = |extra: &str| {
        let options = format!("{options}{extra}");
        let kind = Some("overlay");
        mount(
            Some("faultlab"),
            target,
            kind,
            MsFlags::empty(),
            Some(options.as_str()),
        )
    };
    // In an ordinary user's namespace overlayfs may keep its marks only in `user.` attributes, not in `trusted.` ones.
    let rootless = address::owner() != 0;
    let (first, second) = if rootless {
        (",userxattr", "")
    } else {
        ("", ",userxattr")
    };
    during(what, try_with(first).or_else(|_| try_with(second)))
}

/// Builds `whole` from the entries of `source`.
fn assemble(volatile: &Path, name: &str, source: &Path, whole: &Path) -> Result<(), Failed> {
    let what = format!("put together a private copy of {}", source.display());
    during(&what, fs::create_dir_all(whole))?;
    if let Ok(metadata) = fs::metadata(source) {
        during(&what, fs::set_permissions(whole, metadata.permissions()))?;
    }
    for entry in during(&what, fs::read_dir(source))?.flatten() {
        let (from, to) = (entry.path(), whole.join(entry.file_name()));
        let kind = during(&what, entry.file_type())?;
        if kind.is_symlink() {
            let link = during(&what, fs::read_link(&from))?;
            during(&what, std::os::unix::fs::symlink(link, &to))?;
        } else if kind.is_dir() {
            during(&what, make_target(&to, true))?;
            let name = format!("{name}.{}", entry.file_name().to_string_lossy());
            cover_entry(volatile, &name, &from, &to)?;
        } else if kind.is_file() && !copy(&from, &to).map_err(|error| (what.clone(), error))? {
            during(&what, make_target(&to, false))?;
            during(&what, bind(&from, &to))?;
        }
    }
    Ok(())
}

fn cover_entry(volatile: &Path, name: &str, from: &Path, to: &Path) -> Result<(), Failed> {
    match overlay(volatile, name, from, to) {
        Ok(()) => Ok(()),
        // What an ordinary user may not look into stays an empty directory.
        Err(_) if fs::read_dir(from).is_err() => Ok(()),
        Err(_) => assemble(volatile, name, from, to),
    }
}

/// Copies a small file. Returns whether it did; one that may not be read is left out, which counts as done.
fn copy(from: &Path, to: &Path) -> io::Result<bool> {
    if fs::metadata(from)?.len() > COPIED {
        return Ok(false);
    }
    match fs::copy(from, to) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(true),
        other => other.map(|_| true),
    }
}
