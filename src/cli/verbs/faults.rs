//! `faults`: the catalogue.

use comfy_table::{ContentArrangement, Table, presets};

use super::Outcome;
use crate::base::FaultId;
use crate::cli::args::{FaultsArgs, FaultsVerb};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::faults::{Catalogue, Definition};

/// Lists the catalogue or shows one fault.
pub fn faults(args: &FaultsArgs) -> Outcome {
    let catalogue = Catalogue::embedded().map_err(|error| Failure::new(Exit::CouldNotRun, &error))?;
    match &args.what {
        FaultsVerb::List(form) if form.json => super::print_json(&catalogue.iter().collect::<Vec<_>>()),
        FaultsVerb::List(_) => super::print(&list(&catalogue)),
        FaultsVerb::Show { fault, json } => {
            let found = catalogue.get(&FaultId::new(fault));
            let definition =
                found.map_err(|error| Failure::new(Exit::InvalidInput, &error).hint(error.hint()))?;
            if *json {
                super::print_json(definition);
            } else {
                super::print(&show(definition));
            }
        }
    }
    Ok(Exit::Passed)
}

fn list(catalogue: &Catalogue) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["FAULT", "LAYER", "ACTS ON", "WHAT IT IS"]);
    for definition in catalogue.iter() {
        let acts_on = if definition.nos.is_empty() {
            word(&definition.acts_on)
        } else {
            format!("{} ({})", word(&definition.acts_on), definition.nos.join(", "))
        };
        table.add_row([
            definition.fault.as_str(),
            &definition.layer,
            &acts_on,
            &definition.title,
        ]);
    }
    table.lines().map(|line| line.trim().to_owned() + "\n").collect()
}

fn show(definition: &Definition) -> String {
    let mut text = format!("{}: {}\n\n", definition.fault, definition.title);
    for line in wrap(&definition.about, 100) {
        text += &format!("  {line}\n");
    }
    let rows = [
        ("layer", definition.layer.clone()),
        ("acts on", word(&definition.acts_on)),
        (
            "needs",
            if definition.nos.is_empty() {
                "any node".to_owned()
            } else {
                definition.nos.join(" or ")
            },
        ),
        ("fidelity", word(&definition.fidelity)),
        ("verified", definition.verify.clone()),
        ("undone", definition.undo.clone()),
        ("example", definition.example.clone()),
    ];
    text += "\n";
    for (name, value) in rows {
        text += &format!("  {name:9} {value}\n");
    }
    for reference in &definition.references {
        text += &format!("  {:9} {reference}\n", "see");
    }
    text
}

fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value)
        .ok()
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}

fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("starts with one line");
        if !line.is_empty() && line.len() + 1 + word.len() > width {
            lines.push(word.to_owned());
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_reads_as_a_table() {
        insta::assert_snapshot!(list(&Catalogue::embedded().unwrap()));
    }

    #[test]
    fn a_fault_explains_itself() {
        let catalogue = Catalogue::embedded().unwrap();
        insta::assert_snapshot!(show(catalogue.get(&"switch.l2ald.stop".into()).unwrap()));
    }
}
