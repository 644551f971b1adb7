//! D1 and D4, sixth part: variables that do what nobody meant: with quotes that belong to the value, or with what kz refuses.

use super::super::Known;
use super::super::catalogue::Code;
use super::super::finding::Findings;
use super::super::images;
use super::super::remedy::Remedy;
use super::super::scene::{Scene, Stage, Unit, Variable};
use super::super::text::{Dialect, Text};
use super::{configuration, mounting};

/// Where Vault's server is, by whichever name.
const ADDRESSES: &[&str] = &["VAULT_ADDR", "VAULT_AGENT_ADDR", "BAO_ADDR", "BAO_AGENT_ADDR"];

/// How the names of kz's own variables begin.
const OWN: &[&str] = &["VAULT_", "BAO_", "KEYZERO_", "OP_", "AWS_"];

/// All rules of this kind.
pub(super) fn examine(scene: &Scene, known: Known<'_>, found: &mut Findings) {
    for unit in &scene.units {
        let of_maps = scene.pod.iter().flat_map(|pod| &pod.entries);
        let of_maps = of_maps.filter(|(map, _)| unit.container.maps.contains(map)).map(|(_, entry)| entry);
        for entry in of_maps.filter(|_| configuration::is_asked_for_one(unit)) {
            address(scene, unit, entry, Origin::Map, found);
        }
        for variable in &unit.variables {
            if quoted(scene, unit, variable, found) {
                continue;
            }
            if configuration::is_asked_for_one(unit) {
                refused(scene, unit, variable, known, found);
                address(scene, unit, variable, Origin::Own, found);
            }
        }
    }
}

/// `- NAME="value"`: says whether it is one.
fn quoted(scene: &Scene, unit: &Unit, variable: &Variable, found: &mut Findings) -> bool {
    let Variable { name, value: Some(value), mark } = variable else { return false };
    let bare = ['"', '\''].iter().find_map(|quote| value.raw.strip_prefix(*quote)?.strip_suffix(*quote));
    let names_file = name.len() > "_FILE".len() && name.ends_with("_FILE");
    let is_ours = unit.starts_kz() && OWN.iter().any(|begin| name.starts_with(begin));
    let Some(bare) = bare.filter(|bare| !bare.is_empty() && (names_file || is_ours)) else { return false };
    let what = format!("the quotes belong to the value of `{name}`, so that nothing is called so");
    // What is no path may be a credential.
    let bare = if names_file && !bare.contains('/') { "…" } else { bare };
    let remedy = Remedy::here(mounting::variable_line(scene.dialect, name, bare));
    found.add(Code::QuotedPath, *mark, &unit.title, what, remedy);
    true
}

/// What makes kz trust whoever stands in between.
fn refused(scene: &Scene, unit: &Unit, variable: &Variable, known: Known<'_>, found: &mut Findings) {
    let Variable { name, value, mark } = variable;
    let Some(value) = value.as_ref().and_then(Text::known) else { return };
    let is_used = configuration::of(scene, unit, known).is_none_or(|configuration| {
        configuration.secrets.is_none() || configuration.providers.iter().any(|name| name == "vault")
    });
    if is_used && known.kz.is_refused(name, value) {
        let what = format!(
            "kz refuses `{name}`: it sends no credential to a server that it cannot tell from another, and ends with exit code 1"
        );
        let remedy = Remedy::without(format!("`{name}`"))
            .remark("and name the certificate that signs the server's: `ca_cert`, or VAULT_CACERT");
        found.add(Code::SkippedVerification, *mark, &unit.title, what, remedy);
    }
}

/// Where a variable of a unit stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// With the unit itself.
    Own,
    /// In a `ConfigMap` of the same file, whose entries become variables.
    Map,
}

/// What gives a variable another value.
fn corrected(scene: &Scene, name: &str, value: &str, origin: Origin) -> Remedy {
    match origin {
        Origin::Own => Remedy::here(mounting::variable_line(scene.dialect, name, value)),
        Origin::Map => Remedy::here(format!("{name}: {value}")),
    }
}

/// Whether nothing else is at a unit's own address when it runs.
fn is_alone(scene: &Scene, unit: &Unit) -> bool {
    match &scene.pod {
        None => !unit.service.shares_network && !unit.is_partial,
        // The containers of a pod share one network: of those that run beside an init container, only sidecars are up.
        Some(pod) => {
            let is_sidecar = |other: &Unit| matches!(other.stage, Stage::Sidecar(..));
            let is_first = matches!(unit.stage, Stage::Init(_));
            is_first && !pod.shares_network && !scene.units.iter().any(is_sidecar)
        }
    }
}

/// An address that leads nowhere.
fn address(scene: &Scene, unit: &Unit, variable: &Variable, origin: Origin, found: &mut Findings) {
    let Variable { name, value, mark } = variable;
    let Some(value) = value.as_ref().and_then(Text::known).filter(|value| !value.trim().is_empty()) else {
        return;
    };
    if !ADDRESSES.contains(&name.as_str()) {
        return;
    }
    let schemes = ["https://", "http://", "unix://"];
    let lower = value.to_ascii_lowercase();
    let Some(scheme) = schemes.iter().find(|scheme| lower.starts_with(*scheme)) else {
        // A scheme of another kind is not for us to correct.
        if !value.contains("://") {
            let what =
                format!("`{name}` does not begin with `https://` or `http://`: kz ends with exit code 1");
            let remedy = corrected(scene, name, &format!("https://{value}"), origin)
                .remark("`http://` where the way to it is safe by other means");
            found.add(Code::NoScheme, *mark, &unit.title, what, remedy);
        }
        return;
    };
    let is_own = images::is_kz(unit) && is_alone(scene, unit);
    let rest = &value[scheme.len()..];
    let end = rest.find('/').unwrap_or(rest.len());
    let (host, port) = match rest[..end].rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (host, port),
        _ => (&rest[..end], ""),
    };
    let is_local = host.eq_ignore_ascii_case("localhost") || host.starts_with("127.") || host == "[::1]";
    if is_own && is_local && *scheme != "unix://" {
        let server = scene.units.iter().find(|unit| images::is_vault(unit));
        let port = if port.is_empty() { String::new() } else { format!(":{port}") };
        let what =
            format!("`{host}` is this container itself, where no server runs: the connection is refused");
        let named =
            |host: &str| corrected(scene, name, &format!("{scheme}{host}{port}{}", &rest[end..]), origin);
        let remedy = match server {
            _ if scene.dialect == Dialect::Pod => named("vault.vault.svc")
                .remark("the Service of the server, and its namespace: SERVICE.NAMESPACE.svc"),
            Some(server) => named(&server.name),
            None => named("host.docker.internal")
                .then(Remedy::unit("extra_hosts: [\"host.docker.internal:host-gateway\"]"))
                .remark("where the server runs on the host"),
        };
        found.add(Code::OwnAddress, *mark, &unit.title, what, remedy);
    }
}
