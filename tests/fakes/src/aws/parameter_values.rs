//! `GetParameters`: <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html>.
//! Whoever may not read one of the names gets none; a name with a selector that fits nothing is an invalid one.

use serde_json::{Value, json};

use crate::fake_server::{Backend as _, Reply, Request};

use super::account::Aws;
use super::parameters::{Kind, Parameter, Version};
use super::{identity, operation, words};

/// How many a call takes.
const MOST: usize = 10;

const ACTION: &str = "ssm:GetParameters";

pub fn answer(aws: &Aws, request: &Request) -> Reply {
    match identity::caller(aws, request, "ssm") {
        Ok(principal) if operation(request) == "GetParameters" => {
            get(aws, &request.json(), &principal, &Aws::place(request))
        }
        Ok(_) => words::error("UnknownOperationException", ""),
        Err(nobody) => words::nobody(nobody),
    }
}

fn get(aws: &Aws, body: &Value, principal: &str, region: &str) -> Reply {
    let names: Vec<&str> = body["Names"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if names.is_empty() || names.len() > MOST {
        let bound = if names.is_empty() { "greater than or equal to 1" } else { "less than or equal to 10" };
        return words::invalid(&format!(
            "Value '[{}]' at 'names' failed to satisfy constraint: Member must have length {bound}",
            names.join(", ")
        ));
    }
    let decrypts = body["WithDecryption"] == true;
    let asked = names.iter().map(|name| {
        let (name, selector) = parted(name);
        let is_it =
            |known: &&Parameter| known.region == region && (known.name == name || known.arn() == name);
        (aws.parameters.iter().find(is_it), selector)
    });
    let asked: Vec<(Option<&Parameter>, Option<&str>)> = asked.collect();
    for (name, (parameter, _)) in names.iter().zip(&asked) {
        if aws.forbidden.contains(ACTION) || parameter.is_some_and(|parameter| parameter.denied) {
            let resource = parameter.map_or_else(|| (*name).to_owned(), Parameter::arn);
            return words::denied(&words::not_authorized(principal, ACTION, Some(&resource)));
        }
    }
    let (mut found, mut invalid) = (Vec::new(), Vec::new());
    for (name, (parameter, selector)) in names.iter().zip(&asked) {
        let version = parameter.and_then(|parameter| Some((parameter, parameter.version(*selector)?)));
        let Some((parameter, (number, version))) = version else {
            invalid.push(*name);
            continue;
        };
        if let (Some((code, message)), true) = (&parameter.failure, decrypts) {
            return words::error(code, message);
        }
        found.push(shown(parameter, number, version, *selector, decrypts));
    }
    words::answer(&json!({ "Parameters": found, "InvalidParameters": invalid }))
}

/// A name or ARN, and the selector behind it.
fn parted(name: &str) -> (&str, Option<&str>) {
    let colons = if name.starts_with("arn:") { 5 } else { 0 };
    match name.match_indices(':').nth(colons) {
        Some((at, _)) => (&name[..at], Some(&name[at + 1..])),
        None => (name, None),
    }
}

/// Its name, also where its ARN was asked for.
fn shown(
    parameter: &Parameter,
    number: usize,
    version: &Version,
    selector: Option<&str>,
    decrypts: bool,
) -> Value {
    let value = match version.kind {
        Kind::Secure if !decrypts => format!("AQICAHexampleciphertext{number}=="),
        _ => version.value.clone(),
    };
    let mut shown = json!({
        "Name": parameter.name,
        "Type": version.kind.name(),
        "Value": value,
        "Version": number,
        "LastModifiedDate": 1_795_608_000.0,
        "ARN": parameter.arn(),
        "DataType": "text",
    });
    if let Some(selector) = selector {
        shown["Selector"] = format!(":{selector}").into();
    }
    shown
}
