//! D1, seventh part: servers that start open, since they are told to ask nobody for a password, or are told none.

use super::super::Known;
use super::super::catalogue::Code;
use super::super::finding::Findings;
use super::super::images::{self, FileForm};
use super::super::remedy::Remedy;
use super::super::scene::{Scene, Unit, Variable};
use super::super::text::{Dialect, Text, below};
use super::delivering;

/// A variable that lets everybody in.
struct Switch {
    name: &'static str,
    /// The password's variable, of which the image says whether it knows it.
    password: &'static str,
    /// Those that make the switch do nothing.
    unless: &'static [&'static str],
}

/// Of docker-library's and `MariaDB`'s docker-entrypoint.sh: without a root password, and without a random one.
const EMPTY: &[Switch] = &[
    Switch {
        name: "MYSQL_ALLOW_EMPTY_PASSWORD",
        password: "MYSQL_ROOT_PASSWORD",
        unless: &[
            "MYSQL_ROOT_PASSWORD",
            "MYSQL_RANDOM_ROOT_PASSWORD",
            "MARIADB_ROOT_PASSWORD",
            "MARIADB_RANDOM_ROOT_PASSWORD",
            "MARIADB_ROOT_PASSWORD_HASH",
        ],
    },
    Switch {
        name: "MARIADB_ALLOW_EMPTY_ROOT_PASSWORD",
        password: "MARIADB_ROOT_PASSWORD",
        unless: &[
            "MARIADB_ROOT_PASSWORD",
            "MARIADB_RANDOM_ROOT_PASSWORD",
            "MYSQL_ROOT_PASSWORD",
            "MYSQL_RANDOM_ROOT_PASSWORD",
            "MARIADB_ROOT_PASSWORD_HASH",
        ],
    },
];

/// All rules of this kind.
pub(super) fn examine(scene: &Scene, known: Known<'_>, found: &mut Findings) {
    for unit in scene.units.iter().filter(|unit| !unit.is_kz()) {
        for variable in &unit.variables {
            trusts(scene, unit, variable, known, found);
            empty(scene, unit, variable, known, found);
        }
        guest(scene, unit, known, found);
    }
}

/// Whether a variable is given, itself or as a file.
fn has(unit: &Unit, name: &str) -> bool {
    unit.variable(name).is_some() || unit.variable(&format!("{name}_FILE")).is_some()
}

/// Whether a file that is not looked into may give one.
fn may_have_more(unit: &Unit) -> bool {
    unit.is_partial || !unit.service.env_files.is_empty() || unit.container.takes_more
}

fn knows(unit: &Unit, name: &str) -> bool {
    matches!(images::file_form(unit, name), FileForm::Known(_))
}

fn trusts(scene: &Scene, unit: &Unit, variable: &Variable, known: Known<'_>, found: &mut Findings) {
    let says_trust = variable.value.as_ref().and_then(Text::known) == Some("trust");
    if variable.name != "POSTGRES_HOST_AUTH_METHOD" || !says_trust || !knows(unit, "POSTGRES_PASSWORD") {
        return;
    }
    let made_so = "a cluster that was made so keeps it: make it anew, or correct its pg_hba.conf";
    let (what, remedy) = if has(unit, "POSTGRES_PASSWORD") || may_have_more(unit) {
        let what = "it asks nobody for the password that it is given: whoever reaches its port is in";
        (what, Remedy::without("`POSTGRES_HOST_AUTH_METHOD`").remark(made_so))
    } else {
        let what =
            "it has no password, and asks nobody for one: whoever reaches its port is in, as its superuser";
        (what, delivering::in_place(scene, unit, "POSTGRES_PASSWORD", known))
    };
    found.add(Code::NobodyAsks, variable.mark, &unit.title, what, remedy);
}

fn empty(scene: &Scene, unit: &Unit, variable: &Variable, known: Known<'_>, found: &mut Findings) {
    let Some(switch) = EMPTY.iter().find(|switch| switch.name == variable.name) else { return };
    // To the entrypoint every word is a yes.
    let is_set = variable.value.as_ref().and_then(Text::known).is_some_and(|value| !value.is_empty());
    let has_one = switch.unless.iter().any(|name| has(unit, name));
    // MariaDB knows its older names as well.
    if !is_set || has_one || may_have_more(unit) || !knows(unit, switch.password) {
        return;
    }
    let what = format!("with `{}` its root has no password: whoever reaches its port is in", switch.name);
    let remedy = delivering::in_place(scene, unit, switch.password, known);
    found.add(Code::NobodyAsks, variable.mark, &unit.title, what, remedy);
}

/// `RabbitMQ` makes the user `guest` with the password `guest`, and its image lets that in from everywhere
/// (docker-library/rabbitmq, 10-defaults.conf: `loopback_users.guest = false`).
fn guest(scene: &Scene, unit: &Unit, known: Known<'_>, found: &mut Findings) {
    let is_one = images::is_rabbitmq(unit);
    let has_own = unit.variables.iter().any(|variable| {
        [
            "RABBITMQ_DEFAULT_PASS",
            "RABBITMQ_CONFIG_FILE",
            "RABBITMQ_CONFIG_FILES",
            "RABBITMQ_LOAD_DEFINITIONS",
            "RABBITMQ_DEFINITIONS_FILE",
        ]
        .iter()
        .any(|name| variable.name.starts_with(name))
    });
    let is_configured = unit.mounts.iter().any(|mount| {
        below(&mount.target, "/etc/rabbitmq").is_some() || below("/etc/rabbitmq", &mount.target).is_some()
    });
    let is_plain = unit.entrypoint.is_none() && unit.command.is_none() && !may_have_more(unit);
    if !is_one || has_own || is_configured || !is_plain {
        return;
    }
    let user = unit.variable("RABBITMQ_DEFAULT_USER").and_then(|variable| variable.value.as_ref());
    let what = match user {
        None => {
            "it starts with the user `guest` and the password `guest`, which its image lets in from everywhere"
        }
        Some(_) => {
            "it starts with the user that it is given, and the password `guest`, which everybody knows"
        }
    };
    let remedy = match scene.dialect {
        Dialect::Compose => delivering::brought(scene, unit, "RABBITMQ_DEFAULT_PASS", known),
        Dialect::Pod => Remedy::said(
            "let `kz export --format template` write `default_user` and `default_pass` into a file that is mounted in `/etc/rabbitmq/conf.d`, or put `kz run` in front of its command",
        ),
    };
    found.add(Code::NobodyAsks, unit.mark, &unit.title, what, remedy);
}
