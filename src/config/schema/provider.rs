//! The schema of `[providers]`, and of what secrets say of providers.

use std::iter::once;

use serde_json::{Map, Value, json};

use crate::provider::descriptor::Descriptor;
use crate::provider::registry::{self, PROVIDERS};
use crate::provider::settings::{Method, Setting, SettingType};

use super::{integer, one_or_many, reference, string, table};

/// A path of one character at least, without NUL.
const PATH: &str = r"^[^\u0000]+$";

/// `config::provider::check_address`: a scheme, a host, and no credentials.
const ADDRESS: &str = r"^https?://[^/@?#\s\u0000-\u001f\u007f-\u009f][^@?#\s\u0000-\u001f\u007f-\u009f]*$";

/// `config::provider::check_socket`.
const SOCKET: &str = r"^unix:///[^\u0000-\u001f\u007f-\u009f]*[^/\u0000-\u001f\u007f-\u009f]$";

/// One definition for each provider.
pub(super) fn definitions() -> impl Iterator<Item = (String, Value)> {
    PROVIDERS.iter().map(|provider| {
        let mut properties = settings(provider.settings);
        let what = json!({ "enum": names(provider), "description": "what this is an instance of" });
        properties.insert("type".to_owned(), what);
        let mut schema = table(properties);
        schema["description"] = provider.about.into();
        (definition(provider), schema)
    })
}

/// `[providers]`: built-in ones by their names, named instances by their `type`.
pub(super) fn sections() -> Value {
    let built_in: Map<String, Value> = PROVIDERS
        .iter()
        .flat_map(|provider| {
            names(provider).into_iter().map(|name| (name.to_owned(), reference(&definition(provider))))
        })
        .collect();
    let twice: Vec<Value> = PROVIDERS.iter().flat_map(twice).collect();
    json!({
        "type": "object",
        "properties": built_in,
        "additionalProperties": named_instance(),
        "allOf": twice,
    })
}

/// A provider has one section, under one of its names.
fn twice(provider: &Descriptor) -> impl Iterator<Item = Value> {
    provider.aliases.iter().map(|alias| json!({ "not": { "required": [provider.name, alias] } }))
}

fn named_instance() -> Value {
    let by_type: Vec<Value> = PROVIDERS
        .iter()
        .map(|provider| {
            let is_it =
                json!({ "properties": { "type": { "enum": names(provider) } }, "required": ["type"] });
            json!({ "if": is_it, "then": reference(&definition(provider)) })
        })
        .collect();
    json!({
        "type": "object",
        "description": "a further instance of a provider: `provider = \"NAME\"` asks it",
        "properties": { "type": { "enum": registry::names().collect::<Vec<_>>() } },
        "required": ["type"],
        "allOf": by_type,
    })
}

/// `provider = "…"`: known names for completion, any other for instances that the file declares.
pub(super) fn any_name() -> Value {
    json!({ "anyOf": [{ "enum": registry::names().collect::<Vec<_>>() }, { "type": "string" }] })
}

/// Whether the file declares no instance under a name of its own.
pub(super) fn no_named_instances() -> Value {
    let known: Vec<&str> = registry::names().collect();
    json!({ "properties": { "providers": { "propertyNames": { "enum": known } } } })
}

/// Then every secret names a built-in provider.
pub(super) fn built_in_only() -> Value {
    let known: Vec<&str> = registry::names().collect();
    let secrets = json!({
        "additionalProperties": {
            "properties": { "provider": { "enum": known }, "resolver": { "enum": known } },
        },
    });
    json!({
        "properties": { "secrets": secrets },
        "additionalProperties": { "properties": { "secrets": secrets } },
    })
}

/// What `ref` looks like where the secret names this provider.
pub(super) fn refs(provider: &Descriptor) -> Value {
    let is_it = |key: &str| json!({ "properties": { key: { "enum": names(provider) } }, "required": [key] });
    let form = provider.ref_form;
    let mut then =
        json!({ "properties": { "ref": { "pattern": form.pattern, "examples": [form.example] } } });
    if provider.check_request.is_none() {
        then["not"] = json!({ "required": ["request"] });
    }
    json!({ "if": { "anyOf": [is_it("provider"), is_it("resolver")] }, "then": then })
}

fn definition(provider: &Descriptor) -> String {
    format!("provider-{}", provider.name)
}

fn names(provider: &Descriptor) -> Vec<&'static str> {
    once(provider.name).chain(provider.aliases.iter().copied()).collect()
}

fn settings(settings: &[Setting]) -> Map<String, Value> {
    settings.iter().map(|setting| (setting.name.to_owned(), of_setting(setting))).collect()
}

fn of_setting(setting: &Setting) -> Value {
    let mut schema = match setting.kind {
        SettingType::Text => json!({ "type": "string" }),
        SettingType::Path => string(PATH),
        SettingType::Paths => one_or_many(&string(PATH)),
        SettingType::Address => string(ADDRESS),
        SettingType::Addresses => one_or_many(&string(ADDRESS)),
        SettingType::AddressOrSocket => string(&format!("{ADDRESS}|{SOCKET}")),
        SettingType::Boolean => json!({ "type": "boolean" }),
        SettingType::Integer(least, most) => integer(least, most),
        SettingType::Auth(methods) => auth(methods),
    };
    schema["description"] = setting.about.into();
    schema
}

/// A table whose other keys depend on its `method`.
fn auth(methods: &[Method]) -> Value {
    let known: Vec<Value> =
        methods.iter().map(|method| json!({ "const": method.name, "description": method.about })).collect();
    let by_method: Vec<Value> = methods
        .iter()
        .map(|method| {
            let mut properties = settings(method.settings);
            properties.insert("method".to_owned(), json!(true));
            let is_it =
                json!({ "properties": { "method": { "const": method.name } }, "required": ["method"] });
            json!({ "if": is_it, "then": table(properties) })
        })
        .collect();
    json!({
        "type": "object",
        "properties": { "method": { "oneOf": known } },
        "required": ["method"],
        "allOf": by_method,
    })
}
