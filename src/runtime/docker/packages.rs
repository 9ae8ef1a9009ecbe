//! What the reference image is made of: files of packages installed on this machine, and the libraries they load.
//!
//! Pure lists and look-ups; nothing is downloaded and nothing is run but `dpkg-query` and `ldd`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

/// Packages without which a node, or faultlab itself in it (libgcc-s1), cannot be what it is.
pub(super) const NEEDED: [&str; 13] = [
    "bash",
    "coreutils",
    "dash",
    "frr",
    "grep",
    "iproute2",
    "iputils-ping",
    "libc-bin",
    "libgcc-s1",
    "openvswitch-common",
    "openvswitch-switch",
    "procps",
    "sed",
];

/// Packages that people like to find in a node; taken when installed.
const WELCOME: [&str; 22] = [
    "curl",
    "debianutils",
    "dnsutils",
    "ethtool",
    "findutils",
    "hostname",
    "iperf3",
    "iptables",
    "iputils-arping",
    "iputils-tracepath",
    "less",
    "libpam-modules",
    "libpam-runtime",
    "mawk",
    "mtr-tiny",
    "ncurses-base",
    "netbase",
    "netcat-openbsd",
    "nftables",
    "tcpdump",
    "traceroute",
    "util-linux",
];

/// Directories whose content no daemon reads.
const USELESS: [&str; 12] = [
    "/usr/share/doc",
    "/usr/share/man",
    "/usr/share/locale",
    "/usr/share/info",
    "/usr/share/lintian",
    "/usr/share/bug",
    "/usr/share/bash-completion",
    "/usr/share/zsh",
    "/usr/include",
    "/usr/lib/python3",
    "/etc/init.d",
    "/etc/systemd",
];

/// Directories that must be there though no package brings them: path and mode.
const EMPTY: [(&str, u32); 8] = [
    ("/dev", 0o755),
    ("/proc", 0o555),
    ("/root", 0o700),
    ("/run", 0o755),
    ("/sys", 0o555),
    ("/tmp", 0o1777),
    ("/var/log", 0o755),
    ("/var/tmp", 0o1777),
];

/// Files that installation scripts make, taken as they are on this machine.
const MADE: [&str; 2] = ["/etc/nsswitch.conf", "/etc/pam.d"];

/// What stands at a path of the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// A directory: mode, owner, group.
    Directory(u32, u64, u64),
    /// A file with this machine's content: mode, owner, group.
    File(u32, u64, u64),
    /// A file with content made here.
    Text(String),
    /// A symbolic link.
    Link(PathBuf),
}

/// The image's files by absolute path; a directory comes before what it holds.
pub(super) type Tree = BTreeMap<PathBuf, Entry>;

/// Versions of the packages that an image would be made of, and what is missing for one.
pub(super) fn versions() -> io::Result<Result<BTreeMap<String, String>, Vec<&'static str>>> {
    let wanted: Vec<&str> = NEEDED.iter().chain(&WELCOME).copied().collect();
    let mut command = Command::new("dpkg-query");
    command
        .args(["-W", "-f", "${Package} ${db:Status-Status} ${Version}\n"])
        .args(&wanted);
    // It fails when one is unknown and still tells of the others.
    let text = String::from_utf8_lossy(&command.output()?.stdout).into_owned();
    let installed: BTreeMap<String, String> = text
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ');
            let (name, status, version) = (words.next()?, words.next()?, words.next()?);
            (status == "installed").then(|| (name.to_owned(), version.to_owned()))
        })
        .collect();
    let missing: Vec<_> = NEEDED
        .into_iter()
        .filter(|name| !installed.contains_key(*name))
        .collect();
    Ok(if missing.is_empty() {
        Ok(installed)
    } else {
        Err(missing)
    })
}

/// All files of these packages with everything they need to run.
pub(super) fn tree<'a>(packages: impl Iterator<Item = &'a str>) -> io::Result<Tree> {
    let mut tree = Tree::new();
    for (path, mode) in EMPTY {
        add_parents(&mut tree, Path::new(path))?;
        tree.insert(path.into(), Entry::Directory(mode, 0, 0));
    }
    let listed = Command::new("dpkg-query").arg("-L").args(packages).output()?;
    for line in String::from_utf8_lossy(&listed.stdout).lines() {
        let path = Path::new(line);
        if path.is_absolute() && !USELESS.iter().any(|useless| path.starts_with(useless)) {
            add(&mut tree, path)?;
        }
    }
    for made in MADE {
        add_all(&mut tree, Path::new(made))?;
    }
    add_alternatives(&mut tree)?;
    add_libraries(&mut tree)?;
    // The host's own router is not the lab's.
    tree.retain(|path, _| !(path.parent() == Some(Path::new("/etc/frr")) && path.extension().is_some()));
    for table in ["passwd", "group"] {
        let path = Path::new("/etc").join(table);
        let text = of_the_system(&fs::read_to_string(&path)?);
        tree.insert(path, Entry::Text(text));
    }
    tree.insert("/etc/frr/vtysh.conf".into(), Entry::Text(String::new()));
    // PAM lets nobody in whom this file does not name.
    tree.insert(
        "/etc/shadow".into(),
        Entry::Text("root:*:19000:0:99999:7:::\n".into()),
    );
    tree.insert("/var/run".into(), Entry::Link("/run".into()));
    Ok(tree)
}

/// Users or groups that packages make, not people.
fn of_the_system(table: &str) -> String {
    let is_system = |line: &&str| {
        let number = line.split(':').nth(2).and_then(|number| number.parse().ok());
        number.is_some_and(|number: u32| number < 1000 || number == 65534)
    };
    // Members of groups are people, and root, which FRR's setup adds itself.
    table
        .lines()
        .filter(is_system)
        .map(|line| format!("{line}\n"))
        .collect()
}

/// Adds a path as it is on this machine, links resolved on the way: `/bin/ip` stands in `/usr/bin`.
fn add(tree: &mut Tree, path: &Path) -> io::Result<()> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Ok(());
    };
    add_parents(tree, path)?;
    // A package may list what was diverted or removed since.
    let Ok(parent) = parent.canonicalize() else {
        return Ok(());
    };
    let path = parent.join(name);
    let Ok(facts) = fs::symlink_metadata(&path) else {
        return Ok(());
    };
    if tree.contains_key(&path) {
        return Ok(());
    }
    let (mode, owner, group) = (
        facts.mode() & 0o7777,
        u64::from(facts.uid()),
        u64::from(facts.gid()),
    );
    if facts.is_symlink() {
        let target = fs::read_link(&path)?;
        let resolved = parent.join(&target);
        tree.insert(path, Entry::Link(target));
        if resolved.exists() {
            add(tree, &plain(&resolved))?;
        }
    } else if facts.is_dir() {
        tree.insert(path, Entry::Directory(mode, owner, group));
    } else if facts.is_file() {
        tree.insert(path, Entry::File(mode, owner, group));
    }
    Ok(())
}

/// Adds the directories above a path, and the links among them.
fn add_parents(tree: &mut Tree, path: &Path) -> io::Result<()> {
    let mut above: Vec<&Path> = path
        .ancestors()
        .skip(1)
        .filter(|path| path.parent().is_some())
        .collect();
    above.reverse();
    above.into_iter().try_for_each(|directory| {
        if tree.contains_key(directory) {
            return Ok(());
        }
        add(tree, directory)
    })
}

fn add_all(tree: &mut Tree, path: &Path) -> io::Result<()> {
    add(tree, path)?;
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            add_all(tree, &entry?.path())?;
        }
    }
    Ok(())
}

/// Removes `.` and `..` from a path by name.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain
}

/// Adds links such as `/usr/sbin/ovs-vswitchd` that point to a file of the image by way of `/etc/alternatives`.
fn add_alternatives(tree: &mut Tree) -> io::Result<()> {
    let Ok(entries) = fs::read_dir("/var/lib/dpkg/alternatives") else {
        return Ok(());
    };
    for entry in entries {
        let entry = entry?;
        let chosen = Path::new("/etc/alternatives").join(entry.file_name());
        let Ok(target) = chosen.canonicalize() else {
            continue;
        };
        if !tree.contains_key(&target) {
            continue;
        }
        // Its second line is the link that people use.
        let text = fs::read_to_string(entry.path())?;
        if let Some(link) = text.lines().nth(1) {
            add(tree, Path::new(link))?;
        }
    }
    Ok(())
}

/// Adds the shared libraries of all programs and libraries.
fn add_libraries(tree: &mut Tree) -> io::Result<()> {
    let mut binaries = BTreeSet::new();
    for (path, entry) in tree.iter() {
        if matches!(entry, Entry::File(..)) && is_elf(path) {
            binaries.insert(path.clone());
        }
    }
    let binaries: Vec<_> = binaries.into_iter().collect();
    for some in binaries.chunks(200) {
        let output = Command::new("ldd")
            .args(some)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .output()?;
        for library in libraries(&String::from_utf8_lossy(&output.stdout)) {
            add(tree, library)?;
        }
    }
    Ok(())
}

fn is_elf(path: &Path) -> bool {
    let mut magic = [0u8; 4];
    fs::File::open(path)
        .and_then(|mut file| file.read_exact(&mut magic))
        .is_ok()
        && magic == *b"\x7fELF"
}

/// Paths in the output of ldd(1): `libc.so.6 => /lib/libc.so.6 (0x…)` and `/lib64/ld-linux.so.2 (0x…)`.
fn libraries(text: &str) -> impl Iterator<Item = &Path> {
    text.lines().filter_map(|line| {
        let (found, _) = line.trim().rsplit_once(" (0x")?;
        let path = found.rsplit(" => ").next()?.trim();
        path.starts_with('/').then(|| Path::new(path))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_found_where_the_loader_found_them() {
        let text = "/usr/bin/a:\n\tlinux-vdso.so.1 (0x00007ffd)\n\tlibc.so.6 => /lib/libc.so.6 (0x00007f)\n\
            \t/lib64/ld-linux-x86-64.so.2 (0x00007f)\n\tlibgone.so => not found\n\tstatically linked\n";
        let found: Vec<_> = libraries(text).collect();
        assert_eq!(
            found,
            [
                Path::new("/lib/libc.so.6"),
                Path::new("/lib64/ld-linux-x86-64.so.2")
            ]
        );
    }

    #[test]
    fn people_are_not_part_of_an_image() {
        let table = "root:x:0:0::/root:/bin/bash\nfrr:x:104:106::/:/sbin/nologin\nana:x:1000:1000::/home/ana:/bin/sh\n\
            nobody:x:65534:65534::/:/sbin/nologin\n";
        let kept: Vec<_> = of_the_system(table)
            .lines()
            .map(|line| line.split(':').next().unwrap().to_owned())
            .collect();
        assert_eq!(kept, ["root", "frr", "nobody"]);
    }

    #[test]
    fn dots_are_taken_out_by_name() {
        assert_eq!(plain(Path::new("/usr/lib/../bin/./x")), Path::new("/usr/bin/x"));
    }
}
