//! D1, third part, and D4, fifth: what a command line of kz asks of the configuration, and that does not have.
//!
//! Silent where the configuration cannot be read.

use super::super::catalogue::Code;
use super::super::finding::Findings;
use super::super::remedy::Remedy;
use super::super::scene::{Scene, Unit};
use super::super::text::Text;
use super::super::yaml::Mark;
use super::super::{Configuration, Known};
use super::configuration;
use super::forms::{self, Wanted};

/// All rules of this kind.
pub(super) fn examine(scene: &Scene, known: Known<'_>, found: &mut Findings) {
    for unit in scene.units.iter().filter(|unit| !unit.is_partial && configuration::needs_one(unit)) {
        let configuration = configuration::of(scene, unit, known);
        let Some(configuration) = configuration.filter(|configuration| configuration.secrets.is_some())
        else {
            continue;
        };
        only(scene, unit, &configuration, known, found);
        environment(scene, unit, &configuration, found);
    }
    for delivery in scene.deliveries() {
        let configuration = configuration::of(scene, delivery.unit, known);
        let says_nothing = configuration
            .is_some_and(|configuration| configuration.secrets.is_some() && configuration.outputs.is_empty());
        let is_certain = delivery.export.by_outputs && !delivery.unit.is_partial;
        if is_certain && says_nothing {
            let what = "neither `--format` nor `[[outputs]]` of its configuration says what to write: kz ends with exit code 2";
            let wanted =
                forms::read_first(scene, &delivery).unwrap_or_else(|| Wanted::files(&delivery.inside));
            let (mark, remedy) = (delivery.unit.command_mark(), forms::alone(&delivery, &wanted));
            found.add(Code::NothingToWrite, mark, &delivery.unit.title, what, remedy);
        }
    }
}

/// The one of these names that is meant.
fn nearest<'a>(names: &'a [String], name: &str) -> Option<&'a String> {
    let distance = |known: &str| strsim::damerau_levenshtein(&known.to_lowercase(), &name.to_lowercase());
    names
        .iter()
        .map(|known| (distance(known), known))
        .filter(|(distance, _)| *distance <= 2)
        .min()
        .map(|(_, known)| known)
}

fn only(scene: &Scene, unit: &Unit, configuration: &Configuration, known: Known<'_>, found: &mut Findings) {
    let Some(export) = unit.export() else { return };
    let secrets = configuration.secrets.as_deref().unwrap_or_default();
    let Some(unknown) = export.only.iter().find(|name| !secrets.contains(name)) else { return };
    let near = nearest(secrets, unknown);
    let but = near.map(|near| format!(", but `{near}`")).unwrap_or_default();
    let what = format!(
        "`--only` names `{unknown}`, and the configuration has no such secret{but}: kz ends with exit code 2"
    );
    let remedy = match near {
        Some(near) => {
            let corrected = export.only.iter().map(|name| if name == unknown { near } else { name });
            let mut names: Vec<&str> = Vec::new();
            corrected.for_each(|name| {
                if !names.contains(&name.as_str()) {
                    names.push(name);
                }
            });
            Remedy::options(format!("--only {}", names.join(",")))
        }
        None => configuration::secret_added(scene, unit, unknown, known),
    };
    found.add(Code::NotOfConfiguration, unit.command_mark(), &unit.title, what, remedy);
}

fn environment(scene: &Scene, unit: &Unit, configuration: &Configuration, found: &mut Findings) {
    let variable = unit.variable("KEYZERO_ENV");
    let typed = unit.line().and_then(|line| line.environment.clone());
    let (name, mark): (String, Mark) = match (typed, variable) {
        (Some(name), _) => (name, unit.command_mark()),
        (None, Some(variable)) => match variable.value.as_ref().and_then(Text::known) {
            Some(value) => (value.to_owned(), variable.mark),
            None => return,
        },
        (None, None) => return,
    };
    // Set to nothing is unset.
    if name.trim().is_empty() || configuration.environments.contains(&name) {
        return;
    }
    let what = format!("the configuration has no environment `{name}`: kz ends with exit code 2");
    let is_typed = unit.line().is_some_and(|line| line.environment.is_some());
    let remedy = match nearest(&configuration.environments, &name) {
        Some(near) if is_typed => Remedy::options(format!("--env {near}")),
        Some(near) => Remedy::here(super::mounting::variable_line(scene.dialect, "KEYZERO_ENV", near)),
        None => Remedy::configuration_end(&configuration::name_on_host(unit), format!("[{name}.secrets]"))
            .remark("which may be empty"),
    };
    found.add(Code::UnknownEnvironment, mark, &unit.title, what, remedy);
}
