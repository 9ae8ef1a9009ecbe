//! Files that a topology names: binds, startup configurations, templates and their variables.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::definition::Text;
use super::load::LoadOptions;
use super::model::{Bind, labels};
use super::shape::Problems;

/// Resolves paths relative to the topology file and looks whether they exist.
pub(super) struct Files {
    folder: PathBuf,
    lab_folder: PathBuf,
    home: Option<String>,
    check: bool,
}

impl Files {
    pub(super) fn new(folder: PathBuf, lab: &str, options: &LoadOptions) -> Self {
        Self {
            lab_folder: folder.join(format!("clab-{lab}")),
            folder,
            home: options.environment.get("HOME").cloned(),
            check: options.check_files,
        }
    }

    /// Reads a node's binds; of two with the same target the more specific one, which comes later, wins.
    pub(super) fn binds<'a>(
        &self,
        node: &str,
        texts: impl Iterator<Item = &'a Text>,
        problems: &mut Problems,
    ) -> Vec<Bind> {
        let mut by_target: BTreeMap<PathBuf, (Bind, &Text)> = BTreeMap::new();
        for text in texts {
            if let Some(bind) = self.bind(node, text, problems) {
                by_target.insert(bind.target.clone(), (bind, text));
            }
        }
        for (bind, text) in by_target.values() {
            // What containerlab itself generates in the lab's folder is not there before the lab is.
            if !text.value.contains("__clab") {
                self.must_exist(&bind.source, "bind source", text, problems);
            }
        }
        by_target.into_values().map(|(bind, _)| bind).collect()
    }

    fn bind(&self, node: &str, text: &Text, problems: &mut Problems) -> Option<Bind> {
        let mut parts = text.value.splitn(3, ':');
        let source = parts.next().unwrap_or_default();
        let target = parts.next().unwrap_or_default();
        let mode = parts.next().unwrap_or_default();
        if source.is_empty() || target.is_empty() {
            let message = format!(
                "bind `{}` needs a source and a target (expected source:target[:mode])",
                text.value
            );
            let hint = "a path that exists only in the node belongs under `volumes`".to_owned();
            problems.add(text.at, message, hint);
            return None;
        }
        if !target.starts_with('/') {
            let message = format!(
                "target `{target}` of bind `{}` must be an absolute path",
                text.value
            );
            problems.add(text.at, message, None);
            return None;
        }
        Some(Bind {
            source: self.path(&self.without_magic(node, source)),
            target: PathBuf::from(target),
            mode: mode.to_owned(),
        })
    }

    fn without_magic(&self, node: &str, source: &str) -> String {
        let lab_folder = self.lab_folder.to_string_lossy();
        let lab = self.lab_folder.file_name().unwrap_or_default().to_string_lossy();
        source
            .replace("__clabNodeDir__", &format!("{lab_folder}/{node}"))
            .replace("__clabDir__", &lab_folder)
            .replace("__clabLabName__", &lab)
            .replace("__clabNodeName__", node)
    }

    /// Makes a path absolute: relative to the topology file, `~` from the environment.
    fn path(&self, text: &str) -> PathBuf {
        match (&self.home, text.strip_prefix('~')) {
            (Some(home), Some(rest)) if rest.is_empty() || rest.starts_with('/') => {
                PathBuf::from(format!("{home}{rest}"))
            }
            _ => plain(&self.folder.join(text)),
        }
    }

    /// A startup configuration is a path unless it has several lines or is fetched from elsewhere.
    pub(super) fn check_startup_config(&self, text: &Text, problems: &mut Problems) {
        let value = &text.value;
        if !value.contains('\n') && !value.contains("://") && !value.contains("__clab") {
            self.must_exist(&self.path(value), "startup-config", text, problems);
        }
    }

    /// Templates and variables files must be there.
    pub(super) fn check_labels(&self, all: &BTreeMap<String, Text>, problems: &mut Problems) {
        for (name, text) in all {
            if text.value.trim().is_empty() {
                continue;
            }
            if name.starts_with(labels::TEMPLATE) {
                self.must_exist(&self.path(&text.value), "template", text, problems);
            } else if name == labels::VARIABLES {
                self.must_exist(&self.path(&text.value), "variables file", text, problems);
            }
        }
    }

    fn must_exist(&self, path: &Path, what: &str, text: &Text, problems: &mut Problems) {
        if self.check && !path.exists() {
            let message = format!("{what} `{}` does not exist", self.shown(path).display());
            let hint = "relative paths start at the folder of the topology file".to_owned();
            problems.add(text.at, message, hint);
        }
    }

    fn shown<'a>(&self, path: &'a Path) -> &'a Path {
        path.strip_prefix(&self.folder).unwrap_or(path)
    }
}

/// Removes `.` components; `..` stays, since it may follow a symbolic link.
fn plain(path: &Path) -> PathBuf {
    path.components().collect()
}
