//! What reading from Secret Manager will come to: an access for each version that is read, since there is no batch
//! call; and the binding that lets kz read each secret. Pure.
//!
//! The price is that of accesses, as the price list had it in November 2026: 0.03 USD for 10,000.

use std::collections::BTreeSet;

use crate::provider::forecast::{Binding, Call, Forecast, Policy, Price};
use crate::provider::settings::Settings;
use crate::provider::{DocumentRef, Surroundings};

use super::resource::{Home, Resource, grouped, is_location, is_project, resource};

/// The role that may read what a secret holds, and nothing else of it.
const ROLE: &str = "roles/secretmanager.secretAccessor";

/// The forecast.
pub fn foresee(settings: &Settings, documents: &[DocumentRef], surroundings: &dyn Surroundings) -> Forecast {
    let variable = surroundings.given_text("GOOGLE_CLOUD_PROJECT");
    // What is none is an error when a secret is asked for, and would not be safe in a command.
    let home = Home {
        project: settings.text("project").or(variable.as_deref()).filter(|project| is_project(project)),
        location: settings.text("location").filter(|location| is_location(location)),
    };
    let read = documents.iter().enumerate();
    let resources = read.filter_map(|(place, document)| Some((place, resource(document).ok()?.at(home))));
    let groups = grouped(resources);
    let mut notes = vec![
        "the first 10,000 accesses a month of a billing account are free, and are counted here".to_owned(),
    ];
    if groups.iter().any(|(resource, _)| resource.project.is_none()) {
        notes.push(
            "no project is named, so that of kz's own identity is meant: write `project`, or set GOOGLE_CLOUD_PROJECT \
             for this command"
                .to_owned(),
        );
    }
    let secrets: BTreeSet<Binding> = groups.iter().map(|(resource, _)| binding(resource)).collect();
    Forecast {
        calls: groups.into_iter().map(|(resource, places)| call(&resource, places)).collect(),
        price: Some(Price {
            millionths_per_call: 3,
            source: "https://cloud.google.com/secret-manager/pricing",
            as_of: "2026-11",
        }),
        policy: Some(Policy::Gcp(secrets.into_iter().collect())),
        notes,
    }
}

fn call(resource: &Resource, places: Vec<usize>) -> Call {
    Call { region: resource.location.clone(), ..Call::reading("AccessSecretVersion", places) }
}

fn binding(resource: &Resource) -> Binding {
    Binding {
        role: ROLE,
        resource: resource.secret_name(),
        command: format!(
            "gcloud secrets add-iam-policy-binding {} {} --role={ROLE} --member=MEMBER",
            resource.secret,
            resource.options()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::fixture::{Fixture, documents};
    use crate::provider::settings::Value;

    fn bindings(forecast: &Forecast) -> Vec<Option<&str>> {
        let Some(Policy::Gcp(bindings)) = &forecast.policy else { return Vec::new() };
        bindings.iter().map(|binding| binding.resource.as_deref()).collect()
    }

    #[test]
    fn each_version_is_a_call_and_each_secret_a_binding() {
        let paths = ["projects/p/secrets/s", "projects/p/secrets/s/versions/1", "projects/p/secrets/t"];
        let forecast = foresee(&Settings::default(), &documents(&paths), &Fixture::new());
        assert_eq!((forecast.calls.len(), forecast.cost(1_000)), (3, Some(9_000)));
        assert_eq!(bindings(&forecast), [Some("projects/p/secrets/s"), Some("projects/p/secrets/t")]);
    }

    #[test]
    fn what_is_no_project_and_no_location_is_in_no_command() {
        let mut settings = Settings::default();
        settings.insert("project", Value::Text("p; id".to_owned()));
        settings.insert("location", Value::Text("l\nid".to_owned()));
        let forecast = foresee(&settings, &documents(&["s"]), &Fixture::new());
        let Some(Policy::Gcp(bindings)) = forecast.policy else { panic!("no bindings") };
        let command = "gcloud secrets add-iam-policy-binding s --project=PROJECT \
                       --role=roles/secretmanager.secretAccessor --member=MEMBER";
        assert_eq!(bindings[0].command, command);
    }

    #[test]
    fn a_short_name_is_the_section_s_project_s_or_else_the_environment_s() {
        let fixture = Fixture::new();
        let unknown = foresee(&Settings::default(), &documents(&["s"]), &fixture);
        assert_eq!((bindings(&unknown), unknown.notes.len()), (vec![None], 2));
        let fixture = fixture.with_variable("GOOGLE_CLOUD_PROJECT", "e");
        let variable = foresee(&Settings::default(), &documents(&["s"]), &fixture);
        assert_eq!((bindings(&variable), variable.notes.len()), (vec![Some("projects/e/secrets/s")], 1));
        let mut settings = Settings::default();
        settings.insert("project", Value::Text("p".to_owned()));
        settings.insert("location", Value::Text("europe-west3".to_owned()));
        let written = foresee(&settings, &documents(&["s"]), &fixture);
        assert_eq!(bindings(&written), [Some("projects/p/locations/europe-west3/secrets/s")]);
        assert_eq!(written.calls[0].region.as_deref(), Some("europe-west3"));
    }
}
