//! The catalogue: all definitions, embedded in the binary.

use std::path::Path;

use indexmap::IndexMap;

use super::{Definition, FaultError};
use crate::base::FaultId;

macro_rules! embedded {
    ($($id:literal),* $(,)?) => {
        [$(($id, include_str!(concat!("../../faults/", $id, ".yaml")))),*]
    };
}

const FILES: [(&str, &str); 7] = embedded![
    "link.cut",
    "link.silent-drop",
    "node.power-off",
    "site.power-off",
    "switch.iccp.sever",
    "switch.l2ald.kill",
    "switch.l2ald.stop",
];

/// All known faults, by id.
#[derive(Clone, Debug)]
pub struct Catalogue {
    faults: IndexMap<FaultId, Definition>,
}

impl Catalogue {
    /// Reads the embedded catalogue.
    pub fn embedded() -> Result<Self, FaultError> {
        let mut faults = IndexMap::new();
        for (id, text) in FILES {
            let path = format!("faults/{id}.yaml");
            let definition = Definition::decode(Path::new(&path), text).map_err(FaultError::Definition)?;
            faults.insert(definition.fault.clone(), definition);
        }
        Ok(Self { faults })
    }

    /// Returns a fault.
    pub fn get(&self, fault: &FaultId) -> Result<&Definition, FaultError> {
        self.faults.get(fault).ok_or_else(|| FaultError::Unknown {
            fault: fault.clone(),
            known: self.faults.keys().map(ToString::to_string).collect(),
        })
    }

    /// Returns all faults in order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = &Definition> {
        self.faults.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_catalogue_is_embedded_and_named_after_its_fault() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("faults");
        let mut files: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| {
                entry
                    .unwrap()
                    .path()
                    .file_stem()
                    .unwrap()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        files.sort();
        let catalogue = Catalogue::embedded().unwrap();
        let ids: Vec<_> = catalogue
            .iter()
            .map(|definition| definition.fault.to_string())
            .collect();
        assert_eq!(files, ids);
    }

    #[test]
    fn an_unknown_fault_suggests_the_nearest() {
        let error = Catalogue::embedded()
            .unwrap()
            .get(&"switch.l2ald.kil".into())
            .unwrap_err();
        assert_eq!(error.hint().unwrap(), "did you mean `switch.l2ald.kill`?");
    }

    #[test]
    fn a_wrong_definition_names_every_problem_with_its_place() {
        let text = "fault: x\ntitel: y\nacts-on: cable\nmechanism: {kind: explode}\n";
        insta::assert_snapshot!(Definition::decode(Path::new("faults/x.yaml"), text).unwrap_err());
    }
}
