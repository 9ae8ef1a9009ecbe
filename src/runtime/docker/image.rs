//! The reference image, made without a registry from what this machine has installed, in the form that `docker load` takes.
//!
//! The same packages give the same bytes and so the same image id: sorted entries, no times, no names of this machine.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use bollard::query_parameters::{ImportImageOptionsBuilder, ListImagesOptionsBuilder};
use futures_util::StreamExt;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::engine::{Engine, failed, system};
use super::packages::{self, Entry, Tree};
use super::{DockerEngine, reason};
use crate::runtime::RuntimeError;

/// The image's repository.
const REPOSITORY: &str = "faultlab/node";

/// Label that says what an image was made from; one with the same value is used again.
const RECIPE: &str = "faultlab.recipe";

/// Changes with what this file and `packages.rs` do.
const RECIPE_VERSION: u32 = 2;

/// The reference image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Its name and tag.
    pub reference: String,
    /// Bytes of its files; none when it was there already.
    pub made: Option<(u64, Duration)>,
}

impl DockerEngine {
    /// Makes the reference image unless one of the same content is there. `watch` is told what goes on.
    pub fn build_image(&self, watch: &mut dyn FnMut(&str)) -> Result<Image, RuntimeError> {
        ensure(&self.engine, watch)
    }
}

pub(super) fn ensure(engine: &Engine, watch: &mut dyn FnMut(&str)) -> Result<Image, RuntimeError> {
    let reading = |error| system("list the packages for the reference image", error);
    let packages = match packages::versions() {
        Ok(Ok(packages)) => packages,
        Ok(Err(missing)) => return ready_made(engine, &missing.join(" ")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return ready_made(engine, "dpkg"),
        Err(error) => return Err(reading(error)),
    };
    let recipe = hex(&Sha256::digest(format!("{RECIPE_VERSION} {packages:?}")));
    let reference = format!("{REPOSITORY}:{}", recipe.get(..12).unwrap_or_default());
    if is_there(engine, &recipe)? {
        return Ok(Image {
            reference,
            made: None,
        });
    }
    let started = Instant::now();
    watch("collecting the files of the reference image");
    let tree = packages::tree(packages.keys().map(String::as_str)).map_err(reading)?;
    let packing = |error| system("pack the reference image", error);
    let layer = pack(&tree).map_err(packing)?;
    let size = u64::try_from(layer.len()).unwrap_or_default();
    let archive = archive(&layer, &recipe, &reference).map_err(packing)?;
    drop(layer);
    watch("loading it into the engine");
    load(engine, archive)?;
    let made = Some((size, started.elapsed()));
    Ok(Image { reference, made })
}

/// The image that somebody made from the Dockerfile, where this machine cannot make its own.
fn ready_made(engine: &Engine, missing: &str) -> Result<Image, RuntimeError> {
    let reference = format!("{REPOSITORY}:latest");
    match engine.wait(engine.docker.inspect_image(&reference)) {
        Ok(_) => Ok(Image {
            reference,
            made: None,
        }),
        Err(_) => Err(lacks(missing)),
    }
}

fn lacks(missing: &str) -> RuntimeError {
    RuntimeError::Environment {
        missing: format!("what the reference image is made of ({missing})"),
        hint: format!(
            "apt install {missing}; where a registry is at hand, ci/node.Dockerfile makes the same image"
        ),
    }
}

fn is_there(engine: &Engine, recipe: &str) -> Result<bool, RuntimeError> {
    let filters = HashMap::from([("label", vec![format!("{RECIPE}={recipe}")])]);
    let options = ListImagesOptionsBuilder::new().filters(&filters).build();
    let found = engine.wait(engine.docker.list_images(Some(options)));
    let found = found.map_err(failed("look for the reference image"))?;
    Ok(found.iter().any(|image| !image.repo_tags.is_empty()))
}

/// The image's one layer.
fn pack(tree: &Tree) -> io::Result<Vec<u8>> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, entry) in tree {
        let inside = path.strip_prefix("/").unwrap_or(path);
        let mut header = tar::Header::new_gnu();
        header.set_mtime(0);
        header.set_uid(0);
        header.set_gid(0);
        header.set_size(0);
        header.set_mode(0o644);
        let mut own = |mode: u32, owner: u64, group: u64| {
            header.set_mode(mode);
            header.set_uid(owner);
            header.set_gid(group);
        };
        match entry {
            Entry::Directory(mode, owner, group) => {
                own(*mode, *owner, *group);
                header.set_entry_type(tar::EntryType::Directory);
                builder.append_data(&mut header, inside, io::empty())?;
            }
            Entry::File(mode, owner, group) => {
                own(*mode, *owner, *group);
                let content = fs::read(path)?;
                header.set_size(content.len().try_into().map_err(io::Error::other)?);
                builder.append_data(&mut header, inside, content.as_slice())?;
            }
            Entry::Text(text) => {
                header.set_size(text.len().try_into().map_err(io::Error::other)?);
                builder.append_data(&mut header, inside, text.as_bytes())?;
            }
            Entry::Link(target) => {
                header.set_mode(0o777);
                header.set_entry_type(tar::EntryType::Symlink);
                builder.append_link(&mut header, inside, target)?;
            }
        }
    }
    builder.into_inner()
}

/// The layer with the image's description, as `docker save` would write it.
fn archive(layer: &[u8], recipe: &str, reference: &str) -> io::Result<Vec<u8>> {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let config = json!({
        "architecture": architecture,
        "os": "linux",
        "created": "1970-01-01T00:00:00Z",
        "config": {
            "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/lib/frr"],
            "Cmd": ["/bin/sh"],
            "Labels": { RECIPE: recipe },
        },
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{}", hex(&Sha256::digest(layer)))] },
        "history": [{ "created": "1970-01-01T00:00:00Z", "created_by": "faultlab image build" }],
    });
    let config = serde_json::to_vec(&config)?;
    let name = format!("{}.json", hex(&Sha256::digest(&config)));
    let manifest = json!([{ "Config": name, "RepoTags": [reference], "Layers": ["layer.tar"] }]);
    let mut builder = tar::Builder::new(Vec::new());
    let mut add = |path: &str, content: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_mtime(0);
        header.set_mode(0o644);
        header.set_size(content.len().try_into().map_err(io::Error::other)?);
        builder.append_data(&mut header, Path::new(path), content)
    };
    add(&name, &config)?;
    add("layer.tar", layer)?;
    add("manifest.json", &serde_json::to_vec(&manifest)?)?;
    builder.into_inner()
}

fn load(engine: &Engine, archive: Vec<u8>) -> Result<(), RuntimeError> {
    let refused = |reason: String| system("load the reference image", io::Error::other(reason));
    engine.wait(async {
        let options = ImportImageOptionsBuilder::new().quiet(true).build();
        let mut answers = Box::pin(engine.docker.import_image(
            options,
            bollard::body_full(archive.into()),
            None,
        ));
        while let Some(answer) = answers.next().await {
            answer.map_err(|error| refused(reason(&error)))?;
        }
        Ok(())
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_files_give_the_same_bytes() {
        let tree = Tree::from([
            ("/etc".into(), Entry::Directory(0o755, 0, 0)),
            ("/etc/motd".into(), Entry::Text("hello\n".into())),
            ("/lib".into(), Entry::Link("usr/lib".into())),
        ]);
        let layer = pack(&tree).unwrap();
        assert_eq!(layer, pack(&tree).unwrap());
        let image = archive(&layer, "r", "faultlab/node:r").unwrap();
        assert_eq!(hex(&Sha256::digest(&image)).len(), 64);
        assert_eq!(image, archive(&layer, "r", "faultlab/node:r").unwrap());
    }
}
