//! Branch and commit of the repository that a topology lies in, for `__gitBranch__` and `__gitHash__` in a lab's name.

use std::fs::read_to_string;
use std::path::{Path, PathBuf};

/// What containerlab says where there is no repository.
const NONE: &str = "none";

/// Replaces the magic words in a lab's name.
pub(super) fn named(name: &str, folder: &Path) -> String {
    if !name.contains("__gitBranch__") && !name.contains("__gitHash__") {
        return name.to_owned();
    }
    let (branch, hash) = head(folder).unwrap_or_else(|| (NONE.to_owned(), NONE.to_owned()));
    name.replace("__gitBranch__", &branch.replace('/', "-"))
        .replace("__gitHash__", &hash)
}

/// Returns the branch and the short hash of the repository whose top is `folder`.
fn head(folder: &Path) -> Option<(String, String)> {
    let git = folder.join(".git");
    let git: PathBuf = match read_to_string(&git) {
        // A worktree has a file that names its folder.
        Ok(text) => folder.join(text.trim().strip_prefix("gitdir: ")?),
        Err(_) => git,
    };
    let head = read_to_string(git.join("HEAD")).ok()?;
    let Some(reference) = head.trim().strip_prefix("ref: ") else {
        return Some(("HEAD".to_owned(), short(head.trim())));
    };
    let common =
        read_to_string(git.join("commondir")).map_or_else(|_| git.clone(), |path| git.join(path.trim()));
    let loose = read_to_string(common.join(reference))
        .ok()
        .map(|hash| short(hash.trim()));
    let packed = || {
        let refs = read_to_string(common.join("packed-refs")).ok()?;
        let mut lines = refs.lines().filter_map(|line| line.split_once(' '));
        lines
            .find(|(_, name)| *name == reference)
            .map(|(hash, _)| short(hash))
    };
    let hash = loose.or_else(packed).unwrap_or_else(|| NONE.to_owned());
    let branch = reference.strip_prefix("refs/heads/").unwrap_or(reference);
    Some((branch.to_owned(), hash))
}

fn short(hash: &str) -> String {
    hash.chars().take(7).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_takes_branch_and_hash_from_the_repository_or_none() {
        let folder = tempfile::tempdir().unwrap();
        let name = |name| named(name, folder.path());
        assert_eq!(name("lab-__gitBranch__-__gitHash__"), "lab-none-none");
        let git = folder.path().join(".git");
        std::fs::create_dir_all(git.join("refs/heads/feature")).unwrap();
        std::fs::write(git.join("HEAD"), "ref: refs/heads/feature/x\n").unwrap();
        std::fs::write(git.join("packed-refs"), "0123456789abcdef refs/heads/feature/x\n").unwrap();
        assert_eq!(name("lab-__gitBranch__-__gitHash__"), "lab-feature-x-0123456");
        std::fs::write(git.join("refs/heads/feature/x"), "fedcba9876543210\n").unwrap();
        assert_eq!(name("__gitHash__"), "fedcba9");
    }
}
