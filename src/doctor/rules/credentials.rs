//! D4, first part: credentials that stand where everybody sees them.
//!
//! Invariant: nothing of a value is told, not even its length.

use super::super::Known;
use super::super::catalogue::Code;
use super::super::finding::Findings;
use super::super::remedy::Remedy;
use super::super::scene::{Scene, Unit, Variable};
use super::super::text::{Dialect, Text, defaults};
use super::values::{self, is_credential, is_harmless, is_named_so};
use super::{delivering, own};

/// All rules of this kind.
pub(super) fn examine(scene: &Scene, known: Known<'_>, found: &mut Findings) {
    for unit in &scene.units {
        for variable in &unit.variables {
            variable_value(scene, unit, variable, known, found);
        }
        for argument in &unit.service.build_arguments {
            build_argument(scene, unit, argument, known, found);
        }
    }
}

fn variable_value(scene: &Scene, unit: &Unit, variable: &Variable, known: Known<'_>, found: &mut Findings) {
    let Variable { name, value, mark } = variable;
    let dialect = scene.dialect;
    let literal = value.as_ref().and_then(Text::known);
    let names_object = |value: &str| {
        let is_there = scene.pod.as_ref().is_some_and(|pod| pod.object("Secret", value).is_some());
        is_there || values::may_name_object(name, value)
    };
    let may_be_name = dialect == Dialect::Pod && literal.is_some_and(names_object);
    let judged_by = if may_be_name { "" } else { name.as_str() };
    let is_one = |value: &str| {
        values::is_credential_of(unit, judged_by, value, known)
            || (own::proves(name, known) && !is_harmless(value))
    };
    let is_filled_around = || {
        let open = value.as_ref().filter(|text| text.is_open);
        open.is_some_and(|text| values::has_password(&text.raw, dialect, known))
    };
    let default = value.as_ref().filter(|text| text.is_open && dialect == Dialect::Compose);
    let default = default.and_then(|text| default_of(text, is_one, known));
    if let Some(from) = default {
        let remedy = if own::is_of(unit, name, known) {
            own::in_place(scene, unit, name, known)
        } else {
            delivering::in_place(scene, unit, name, known)
        };
        let what = format!(
            "`{name}` is a credential that stands here where nobody sets `{from}`: the default of `${{{from}:-…}}` is read by everybody who reads this file or its history"
        );
        found.add(Code::LiteralCredential, *mark, &unit.title, what, remedy);
    } else if literal.is_some_and(is_one) || is_filled_around() {
        let remedy = if own::is_of(unit, name, known) {
            own::in_place(scene, unit, name, known)
        } else {
            delivering::in_place(scene, unit, name, known)
        };
        let teller = match dialect {
            Dialect::Compose => "what the engine tells of the container",
            Dialect::Pod => "the pod itself (`kubectl get pod -o yaml`)",
        };
        let what = format!(
            "`{name}` holds a credential, which everybody reads who reads this file, its history, or {teller}"
        );
        found.add(Code::LiteralCredential, *mark, &unit.title, what, remedy);
    } else if literal.is_none() && dialect == Dialect::Compose && unit.starts_kz() && own::is_one(name, known)
    {
        let what = format!(
            "`docker inspect` shows `{name}` of this container to everybody who may ask the engine, and it is a credential that opens all others"
        );
        found.add(Code::OwnCredential, *mark, &unit.title, what, own::in_place(scene, unit, name, known));
    }
}

/// The variable whose default is a credential: by the name of the whole value's own variable, or by its own.
fn default_of(text: &Text, is_one: impl Fn(&str) -> bool, known: Known<'_>) -> Option<String> {
    let is_whole = text.raw.starts_with("${") && text.raw.ends_with('}');
    let of = |(from, default): (&str, &str)| {
        let is_plain = !default.contains('$');
        let is_credential = is_credential(from, default, known) || (is_whole && is_one(default));
        (is_plain && is_credential).then(|| from.to_owned())
    };
    // `postgres://app:${PASSWORD:-…}@db` may hold one without its name.
    let of_all = || {
        known
            .kz
            .is_credential(&text.by_default())
            .then(|| defaults(&text.raw).first().map(|(from, _)| (*from).to_owned()))
    };
    defaults(&text.raw).into_iter().find_map(of).or_else(|| of_all().flatten())
}

fn build_argument(scene: &Scene, unit: &Unit, argument: &Variable, known: Known<'_>, found: &mut Findings) {
    let Variable { name, value, mark } = argument;
    let is_credential = match value.as_ref().map(Text::known) {
        Some(Some(value)) => is_credential(name, value, known),
        // Wherever it comes from, it ends in the image.
        None | Some(None) => is_named_so(name),
    };
    if is_credential {
        let id = name.to_ascii_lowercase();
        let what = format!(
            "the value of `{name}` stays in the image: `docker history` shows it to everybody who has the image"
        );
        let is_defined = scene.secrets.iter().any(|secret| secret.name == id);
        let defined = Remedy::top(format!("secrets:\n  {id}: {{ environment: {name} }}"));
        let remedy = Remedy::without(format!("`{name}`"))
            .then(Remedy::unit(format!("build:\n  secrets: [{id}]")))
            .remark(format!("in the Dockerfile: RUN --mount=type=secret,id={id} …"))
            .then(if is_defined { Remedy::none() } else { defined });
        found.add(Code::BuildArgument, *mark, &unit.title, what, remedy);
    }
}
