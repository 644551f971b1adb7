//! What reading from AWS will come to: the calls that `calls` decides on, by which the backend goes too.
//!
//! Pure. Prices are of calls alone, as the price lists had them in November 2026: 0.05 USD for 10,000 calls of Secrets
//! Manager; Parameter Store is free with standard throughput.

use crate::provider::Surroundings;
use crate::provider::forecast::{Call, Forecast, Foresee, Policy, Price};
use crate::provider::settings::Settings;

use super::calls::{self, Operation};
use super::name::is_region;
use super::permissions::statements;

/// Of `aws-sm`.
pub const FORESEE_SECRETS: Foresee = |settings, documents, surroundings| {
    let price = Price {
        millionths_per_call: 5,
        source: "https://aws.amazon.com/secrets-manager/pricing/",
        as_of: "2026-11",
    };
    let calls = calls::secrets(documents, home(settings, surroundings).as_deref());
    let mut forecast = forecast(&calls, settings, surroundings, price);
    let batches = calls.iter().filter(|call| call.operation == Operation::BatchGetSecretValue);
    let apart: usize = batches.map(|call| call.members.len()).sum();
    if apart > 0 {
        forecast.notes.push(format!(
            "where `secretsmanager:BatchGetSecretValue` is not allowed, kz asks for each secret by itself: {apart} \
             calls instead; the price list does not say how a batch is counted, here it is one call"
        ));
    }
    forecast.notes.push(
        "a secret under a key of your own (customer-managed) needs `kms:Decrypt` on that key too".to_owned(),
    );
    forecast
};

/// Of `aws-ssm`.
pub const FORESEE_PARAMETERS: Foresee = |settings, documents, surroundings| {
    let price = Price {
        millionths_per_call: 0,
        source: "https://aws.amazon.com/systems-manager/pricing/",
        as_of: "2026-11",
    };
    let calls = calls::parameters(documents, home(settings, surroundings).as_deref());
    let mut forecast = forecast(&calls, settings, surroundings, price);
    forecast.notes.push(
        "a SecureString under a key of your own (customer-managed) needs `kms:Decrypt` on that key too; what KMS \
         takes for decrypting is not counted"
            .to_owned(),
    );
    forecast
};

fn forecast(
    planned: &[calls::Call],
    settings: &Settings,
    surroundings: &dyn Surroundings,
    price: Price,
) -> Forecast {
    let home = home(settings, surroundings);
    let mut calls: Vec<Call> = assumption(settings).into_iter().map(Call::besides).collect();
    calls.extend(planned.iter().map(|call| Call {
        operation: call.operation.name().to_owned(),
        region: call.region.clone(),
        documents: call.members.iter().flat_map(|member| member.documents.clone()).collect(),
    }));
    let mut notes = Vec::new();
    if home.is_none() && planned.iter().any(|call| call.region.is_none()) {
        notes.push(
            "no region is named, so the policy has `*`: write `region`, or set AWS_REGION for this command"
                .to_owned(),
        );
    }
    notes.extend(settings.text("role_arn").map(|role| {
        let with_token = settings.has("web_identity_token_file");
        let trust = if with_token { "" } else { ", and whoever assumes that needs `sts:AssumeRole` on it" };
        format!("the policy belongs to the role {role}{trust}")
    }));
    let policy = Some(Policy::Iam(statements(planned, home.as_deref())));
    Forecast { calls, price: Some(price), policy, notes }
}

/// The call that a role of the section takes.
fn assumption(settings: &Settings) -> Option<&'static str> {
    settings.text("role_arn")?;
    let with_token = settings.has("web_identity_token_file");
    Some(if with_token { "sts:AssumeRoleWithWebIdentity" } else { "sts:AssumeRole" })
}

/// The region as the backend finds it, as far as that is said without reading a file or asking the instance.
fn home(settings: &Settings, surroundings: &dyn Surroundings) -> Option<String> {
    let written = settings.text("region").map(|region| region.trim().to_owned());
    written
        .or_else(|| surroundings.given_text("AWS_REGION"))
        .or_else(|| surroundings.given_text("AWS_DEFAULT_REGION"))
        .filter(|region| is_region(region))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::DocumentRef;
    use crate::provider::fixture::Fixture;
    use crate::provider::settings::Value;

    fn documents(number: usize) -> Vec<DocumentRef> {
        (0..number).map(|n| DocumentRef { path: format!("s{n}"), version: None, request: None }).collect()
    }

    #[test]
    fn there_are_as_many_calls_as_the_backend_makes() {
        let all = documents(45);
        let forecast = FORESEE_SECRETS(&Settings::default(), &all, &Fixture::new());
        assert_eq!(forecast.calls.len(), calls::secrets(&all, None).len());
        let sizes: Vec<_> = forecast.calls.iter().map(|call| call.documents.len()).collect();
        assert_eq!(sizes, [20, 20, 5]);
        assert_eq!(forecast.cost(1_000_000), Some(15_000_000));
        let parameters = FORESEE_PARAMETERS(&Settings::default(), &all, &Fixture::new());
        assert_eq!((parameters.calls.len(), parameters.cost(1_000)), (5, Some(0)));
    }

    #[test]
    fn every_document_is_read_by_one_call_though_two_spellings_are_one_secret() {
        let mut all = documents(2);
        all.push(DocumentRef { path: "sm://s0".to_owned(), version: None, request: None });
        let forecast = FORESEE_SECRETS(&Settings::default(), &all, &Fixture::new());
        let mut read: Vec<_> = forecast.calls.iter().flat_map(|call| call.documents.clone()).collect();
        read.sort_unstable();
        assert_eq!((forecast.calls.len(), read), (2, vec![0, 1, 2]));
    }

    #[test]
    fn a_role_costs_a_call_that_is_not_charged() {
        let mut settings = Settings::default();
        settings.insert("role_arn", Value::Text("arn:aws:iam::1:role/app".to_owned()));
        let forecast = FORESEE_SECRETS(&settings, &documents(1), &Fixture::new());
        assert_eq!(forecast.calls[0], Call::besides("sts:AssumeRole"));
        assert_eq!(forecast.cost(1), Some(5));
    }

    #[test]
    fn the_region_is_the_section_s_or_else_the_environment_s() {
        let fixture = Fixture::new().with_variable("AWS_DEFAULT_REGION", "eu-west-3");
        assert_eq!(home(&Settings::default(), &fixture).as_deref(), Some("eu-west-3"));
        let fixture = fixture.with_variable("AWS_REGION", "eu-west-2");
        assert_eq!(home(&Settings::default(), &fixture).as_deref(), Some("eu-west-2"));
        let mut settings = Settings::default();
        settings.insert("region", Value::Text("eu-west-1".to_owned()));
        assert_eq!(home(&settings, &fixture).as_deref(), Some("eu-west-1"));
    }
}
