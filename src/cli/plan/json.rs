//! A plan for programs. Members are added and never given another meaning; amounts are exact decimals.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::literal::reference;
use crate::provider::DocumentRef;
use crate::provider::forecast::{Binding, Call, Price};

use super::policy::{Document, document};
use super::{DAYS, Foreseen, Outlook, dollars};

#[derive(Serialize)]
struct Root<'a> {
    starts_per_day: u64,
    days_per_month: u64,
    providers: Vec<Provider<'a>>,
    calls_per_start: usize,
    usd_per_month: Option<Box<RawValue>>,
    /// Nothing where no AWS is read.
    iam_policy: Option<Document<'a>>,
}

#[derive(Serialize)]
struct Provider<'a> {
    name: &'a str,
    r#type: &'a str,
    documents: Vec<Named<'a>>,
    calls: Vec<Asked<'a>>,
    calls_per_start: usize,
    price: Option<Listed<'a>>,
    usd_per_month: Option<Box<RawValue>>,
    /// HCL. Nothing where it is no Vault.
    vault_policy: Option<String>,
    /// For each secret one. Nothing where it is not of Google's.
    gcp_bindings: Option<Vec<Bound<'a>>>,
    notes: &'a [String],
}

#[derive(Serialize)]
struct Named<'a> {
    r#ref: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
}

#[derive(Serialize)]
struct Asked<'a> {
    operation: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<&'a str>,
    documents: Vec<Named<'a>>,
}

#[derive(Serialize)]
struct Bound<'a> {
    /// Nothing where its project is not known.
    resource: Option<&'a str>,
    role: &'a str,
    command: &'a str,
}

#[derive(Serialize)]
struct Listed<'a> {
    usd_per_10000_calls: Option<Box<RawValue>>,
    source: &'a str,
    as_of: &'a str,
}

/// One object, on several lines.
pub(super) fn json(outlook: &Outlook<'_>) -> String {
    let statements = outlook.statements();
    let iam_policy = (!statements.is_empty()).then(|| document(&statements));
    let providers = outlook.instances.iter().map(|instance| provider(outlook, instance)).collect();
    crate::json::pretty(&Root {
        starts_per_day: outlook.starts_per_day,
        days_per_month: DAYS,
        providers,
        calls_per_start: outlook.calls(),
        usd_per_month: outlook.total_cost().and_then(amount),
        iam_policy,
    })
}

fn provider<'a>(outlook: &Outlook<'_>, instance: &'a Foreseen<'_>) -> Provider<'a> {
    let (documents, forecast) = (&instance.batch.documents, &instance.forecast);
    let asked = |call: &'a Call| Asked {
        operation: &call.operation,
        region: call.region.as_deref(),
        documents: call.documents.iter().map(|&place| named(&documents[place])).collect(),
    };
    let listed = |price: Price| Listed {
        usd_per_10000_calls: amount(price.millionths_per_call.saturating_mul(10_000)),
        source: price.source,
        as_of: price.as_of,
    };
    Provider {
        name: &instance.batch.instance,
        r#type: instance.descriptor.name,
        documents: documents.iter().map(named).collect(),
        calls: forecast.calls.iter().map(asked).collect(),
        calls_per_start: forecast.calls.len(),
        price: forecast.price.map(listed),
        usd_per_month: outlook.cost(instance).and_then(amount),
        vault_policy: instance.hcl(),
        gcp_bindings: instance.bindings().map(|bindings| bindings.iter().map(bound).collect()),
        notes: &forecast.notes,
    }
}

fn bound(binding: &Binding) -> Bound<'_> {
    Bound { resource: binding.resource.as_deref(), role: binding.role, command: &binding.command }
}

fn named(document: &DocumentRef) -> Named<'_> {
    Named { r#ref: reference(&document.path), version: document.version.as_deref() }
}

/// A number with exactly these digits.
fn amount(millionths: u64) -> Option<Box<RawValue>> {
    RawValue::from_string(dollars(millionths)).ok()
}
