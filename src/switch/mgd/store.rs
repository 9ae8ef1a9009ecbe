//! Committed configurations on disk: `committed.0` is the active one, up to `committed.49`.
//!
//! Whenever the process or the power dies, `committed.0` is the whole old or the whole new configuration: it is only ever
//! replaced by a rename. A death in between may leave a gap or a twin among the older ones, which opening repairs.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::super::SwitchError;

/// How many are kept, as on the real box: the active one and 49 older ones.
pub const KEPT: u32 = 50;

/// A committed configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Counts commits from 1; never goes back, also not by a rollback.
    pub revision: u64,
    /// When, RFC 3339.
    pub at: String,
    /// Who.
    pub user: String,
    /// Why; may be empty.
    pub comment: String,
    /// `set` lines.
    pub text: String,
}

/// The directory of committed configurations.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
}

impl Store {
    /// Opens the directory, making it if needed, and repairs what an interrupted commit left.
    pub fn open(folder: &Path) -> Result<Self, SwitchError> {
        fs::create_dir_all(folder).map_err(SwitchError::io(format!("create {}", folder.display())))?;
        let store = Self {
            folder: folder.to_owned(),
        };
        store
            .repair()
            .map_err(SwitchError::io(format!("repair {}", folder.display())))?;
        Ok(store)
    }

    /// Returns the file of a rollback number.
    #[must_use]
    pub fn file(&self, number: u32) -> PathBuf {
        self.folder.join(format!("committed.{number}"))
    }

    /// Reads a rollback, or none if there is no such one.
    pub fn read(&self, number: u32) -> Result<Option<Commit>, SwitchError> {
        let file = self.file(number);
        match fs::read_to_string(&file) {
            Ok(text) => Ok(Some(Commit::from_file(&text))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(SwitchError::Io {
                operation: format!("read {}", file.display()),
                source,
            }),
        }
    }

    /// Returns how many there are.
    #[must_use]
    pub fn count(&self) -> u32 {
        (0..KEPT)
            .take_while(|number| self.file(*number).exists())
            .fold(0, |count, _| count + 1)
    }

    /// Makes a configuration the active one and moves the others up by one.
    pub fn push(&self, commit: &Commit) -> Result<(), SwitchError> {
        let result = self.try_push(commit);
        result.map_err(SwitchError::io(format!("write {}", self.file(0).display())))
    }

    fn try_push(&self, commit: &Commit) -> io::Result<()> {
        // An earlier commit of this same process may have failed half way, e.g. on a full disk.
        self.repair()?;
        let new = self.folder.join("committed.new");
        let mut file = fs::File::create(&new)?;
        file.write_all(commit.to_file().as_bytes())?;
        file.sync_all()?;
        // The oldest goes one beyond the last, and away when there is a newest: a death in between must not cost it.
        for number in (1..self.count()).rev() {
            fs::rename(self.file(number), self.file(number + 1))?;
        }
        if self.file(0).exists() {
            // A second name instead of a rename: `committed.0` must not be missing, not even for an instant.
            fs::hard_link(self.file(0), self.file(1))?;
        }
        fs::rename(&new, self.file(0))?;
        remove(&self.file(KEPT))?;
        fs::File::open(&self.folder)?.sync_all()
    }

    fn repair(&self) -> io::Result<()> {
        remove(&self.folder.join("committed.new"))?;
        let mut next = 0;
        let mut last = None;
        for number in 0..=KEPT {
            let file = self.file(number);
            let Ok(text) = fs::read_to_string(&file) else {
                continue;
            };
            let revision = Commit::from_file(&text).revision;
            if last == Some(revision) || next == KEPT {
                fs::remove_file(&file)?;
                continue;
            }
            last = Some(revision);
            if number != next {
                fs::rename(&file, self.file(next))?;
            }
            next += 1;
        }
        Ok(())
    }
}

impl Commit {
    fn to_file(&self) -> String {
        let line = |text: &str| text.replace(['\n', '\r'], " ");
        format!(
            "# revision {}\n# committed {} by {}\n# comment {}\n{}",
            self.revision,
            line(&self.at),
            line(&self.user),
            line(&self.comment),
            self.text
        )
    }

    /// Reads what [`Self::to_file`] wrote; a file without that head is revision 0 of somebody's own making.
    fn from_file(text: &str) -> Self {
        let field = |name: &str| {
            let found = text
                .lines()
                .find_map(|line| line.strip_prefix("# ")?.strip_prefix(name));
            found.unwrap_or_default().trim().to_owned()
        };
        let committed = field("committed ");
        let (at, user) = committed.split_once(" by ").unwrap_or_default();
        Self {
            revision: field("revision ").parse().unwrap_or_default(),
            at: at.to_owned(),
            user: user.to_owned(),
            comment: field("comment "),
            text: text
                .lines()
                .filter(|line| !line.starts_with('#'))
                .fold(String::new(), |all, line| all + line + "\n"),
        }
    }
}

/// Removes a file that may not be there.
fn remove(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Replaces a file in one step: readers see the old or the new content, never a part.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(&new, bytes)?;
    fs::rename(&new, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commit(revision: u64) -> Commit {
        Commit {
            revision,
            at: "2025-10-23T11:26:05Z".into(),
            user: "root".into(),
            comment: format!("change {revision}"),
            text: format!("set system host-name ca{revision}\n"),
        }
    }

    fn revisions(store: &Store) -> Vec<u64> {
        (0..KEPT)
            .filter_map(|n| store.read(n).unwrap())
            .map(|c| c.revision)
            .collect()
    }

    #[test]
    fn the_newest_is_zero_and_the_oldest_are_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        (1..=53).for_each(|revision| store.push(&commit(revision)).unwrap());
        assert_eq!(revisions(&store), (4..=53).rev().collect::<Vec<_>>());
        assert_eq!(store.read(0).unwrap(), Some(commit(53)));
    }

    #[test]
    fn the_active_configuration_is_whole_at_every_instant_of_a_commit() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        store.push(&commit(1)).unwrap();
        let done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                (2..200).for_each(|revision| store.push(&commit(revision)).unwrap());
                done.store(true, std::sync::atomic::Ordering::SeqCst);
            });
            while !done.load(std::sync::atomic::Ordering::SeqCst) {
                let found = store.read(0).unwrap().expect("committed.0 is never missing");
                assert_eq!(found, commit(found.revision));
            }
        });
    }

    #[test]
    fn an_interrupted_commit_does_not_cost_the_oldest_of_a_full_history() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        (1..=50).for_each(|revision| store.push(&commit(revision)).unwrap());
        for number in (1..50).rev() {
            fs::rename(store.file(number), store.file(number + 1)).unwrap();
        }
        let store = Store::open(folder.path()).unwrap();
        assert_eq!(revisions(&store), (1..=50).rev().collect::<Vec<_>>());
        // Done, but the one that is too many is still there.
        fs::write(store.file(KEPT), commit(0).to_file()).unwrap();
        let store = Store::open(folder.path()).unwrap();
        assert_eq!(revisions(&store), (1..=50).rev().collect::<Vec<_>>());
        assert!(!store.file(KEPT).exists());
    }

    /// Every state of the directory that a death inside `push` can leave.
    #[test]
    fn an_interrupted_commit_leaves_the_old_or_the_new_and_a_history_without_gaps() {
        for (present, head, expected) in [
            // committed.new written, nothing moved
            (vec![(0, 3), (1, 2), (2, 1)], 3, vec![3, 2, 1]),
            // half of the older ones moved
            (vec![(0, 3), (1, 2), (3, 1)], 3, vec![3, 2, 1]),
            (vec![(0, 3), (2, 2), (3, 1)], 3, vec![3, 2, 1]),
            // the second name exists, the rename did not happen
            (vec![(0, 3), (1, 3), (2, 2), (3, 1)], 3, vec![3, 2, 1]),
            // done
            (vec![(0, 4), (1, 3), (2, 2), (3, 1)], 4, vec![4, 3, 2, 1]),
        ] {
            let folder = tempfile::tempdir().unwrap();
            fs::write(folder.path().join("committed.new"), "half a li").unwrap();
            for (number, revision) in present {
                let file = folder.path().join(format!("committed.{number}"));
                fs::write(file, commit(revision).to_file()).unwrap();
            }
            let store = Store::open(folder.path()).unwrap();
            assert_eq!(store.read(0).unwrap(), Some(commit(head)));
            assert_eq!(revisions(&store), expected);
            assert!(!folder.path().join("committed.new").exists());
            store.push(&commit(9)).unwrap();
            assert_eq!(revisions(&store)[..2], [9, head]);
        }
    }
}
