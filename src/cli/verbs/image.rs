//! `image` and `recover`: what only the Docker runtime needs.

use serde_json::json;

use super::Outcome;
use crate::cli::args::{ImageArgs, ImageVerb, JsonArgs};
use crate::cli::exit::Exit;
use crate::cli::say::say;
use crate::runtime::docker::DockerEngine;

/// Makes the reference image and prints its name.
pub fn image(args: &ImageArgs) -> Outcome {
    let ImageVerb::Build(form) = &args.what;
    let engine = DockerEngine::connect()?;
    let image = engine.build_image(&mut |what| say(format_args!("{what}")))?;
    if let Some((bytes, took)) = image.made {
        let took = crate::base::duration::human(took);
        say(format_args!("made in {took}, {} MB", bytes / 1_000_000));
    }
    if form.json {
        super::print_json(&json!({ "image": image.reference, "made": image.made.is_some() }));
    } else {
        super::print(&image.reference);
    }
    Ok(Exit::Passed)
}

/// Removes what dead runs left.
pub fn recover(args: &JsonArgs) -> Outcome {
    let removed = DockerEngine::connect()?.recover()?;
    if args.json {
        super::print_json(&removed);
    } else if removed.is_empty() {
        say("nothing was left by a run that is dead");
    } else {
        for lab in &removed {
            super::print(&format!("removed {lab}"));
        }
    }
    Ok(Exit::Passed)
}
