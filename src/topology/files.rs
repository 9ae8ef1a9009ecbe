//! Files that a topology names: binds, startup configurations, templates and their variables.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::definition::{Levels, Text};
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
    pub(super) fn binds(&self, node: &str, texts: &[Text], problems: &mut Problems) -> Vec<Bind> {
        let mut by_target: BTreeMap<PathBuf, (Bind, &Text)> = BTreeMap::new();
        for text in texts {
            if let Some(bind) = self.bind(node, text, problems) {
                by_target.insert(bind.target.clone(), (bind, text));
            }
        }
        for (bind, text) in by_target.values() {
            self.must_exist(&bind.source, "bind source", text, problems);
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

    /// Replaces containerlab's magic words where it does.
    pub(super) fn without_magic_words(&self, node: &str, properties: &mut Map<String, Value>) {
        for key in ["startup-config", "exec", "binds", "volumes", "stages", "extras"] {
            if let Some(value) = properties.get_mut(key) {
                self.replace(node, value);
            }
        }
    }

    fn replace(&self, node: &str, value: &mut Value) {
        match value {
            Value::String(text) if text.contains("__clab") => *text = self.without_magic(node, text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.replace(node, item)),
            Value::Object(map) => map.values_mut().for_each(|item| self.replace(node, item)),
            _ => {}
        }
    }

    /// Files that properties name must be there. A startup configuration or licence is a path unless it has several lines
    /// or is fetched from elsewhere.
    pub(super) fn check_named(&self, levels: &Levels<'_>, problems: &mut Problems) {
        for key in ["startup-config", "license"] {
            if let Some(text) = levels.first(key)
                && !text.value.contains('\n')
                && !text.value.contains("://")
            {
                self.must_exist(&self.path(&text.value), key, &text, problems);
            }
        }
        for text in levels.stacked("env-files") {
            self.must_exist(&self.path(&text.value), "env file", &text, problems);
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
        // What containerlab itself generates in the lab's folder is not there before the lab is.
        let generated = text.value.contains("__clab") || path.starts_with(&self.lab_folder);
        if self.check && !generated && !path.exists() {
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
