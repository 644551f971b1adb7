//! D1, tenth part: what the kubelet leaves as it stands. `$(cat FILE)` where no shell is, as in a Compose file (`shells`), and
//! `$(NAME)` of a variable that the container does not have: either text is the value itself.

use super::super::Known;
use super::super::catalogue::Code;
use super::super::finding::Findings;
use super::super::remedy::Remedy;
use super::super::scene::{Scene, Unit};
use super::super::text::Text;
use super::super::yaml::Mark;
use super::values::{self, substituted};
use super::{arguments, configuration, shells};

/// All rules of this kind.
pub(super) fn examine(scene: &Scene, known: Known<'_>, found: &mut Findings) {
    for unit in &scene.units {
        let words = unit.argv();
        let script = shells::script(&words);
        if script.is_none() {
            command(unit, &words, found);
        }
        // A script of its own may do with a variable what it likes.
        if !words.iter().any(|word| word.value.contains("eval")) {
            unit.variables.iter().for_each(|variable| shells::value(scene, unit, variable, found));
        }
        unknown(scene, unit, script, known, found);
    }
}

fn command(unit: &Unit, words: &[&Text], found: &mut Findings) {
    let Some((word, path)) = words.iter().skip(1).find_map(|word| Some((word, substituted(&word.value)?)))
    else {
        return;
    };
    let what = format!(
        "no shell reads its command, so that the text `$(cat {path})` itself is the argument, and no content of a file"
    );
    let remedy = if arguments::gives_content(&shells::merged(words)) {
        shells::by_file()
    } else {
        Remedy::said(format!("[sh, -c, 'exec … \"$(cat {path})\"']"))
            .remark("the program and its arguments as one string, for a shell")
    };
    found.add(Code::NotSubstituted, word.mark, &unit.title, what, remedy);
}

/// `$(NAME)` of a credential that the container does not have as a variable.
fn unknown(scene: &Scene, unit: &Unit, script: Option<usize>, known: Known<'_>, found: &mut Findings) {
    // What an object brings, or a program of the cluster's, may be it.
    if unit.container.takes_more || scene.pod.as_ref().is_some_and(|pod| pod.is_injected) {
        return;
    }
    let secrets: Vec<String> = scene
        .deliveries()
        .iter()
        .filter_map(|delivery| configuration::of(scene, delivery.unit, known)?.secrets)
        .flatten()
        .collect();
    let is_one = |name: &str| {
        let is_named_so = values::is_named_so(name) || secrets.iter().any(|secret| secret == name);
        is_named_so && unit.variable(name).is_none()
    };
    let words = unit
        .argv()
        .into_iter()
        .enumerate()
        .filter(|(at, _)| Some(*at) != script)
        .map(|(_, word)| (word, word.mark));
    let values = unit.variables.iter().filter_map(|variable| Some((variable.value.as_ref()?, variable.mark)));
    let all: Vec<(&Text, Mark)> = words.chain(values).collect();
    for (text, mark) in all {
        let Some(name) = referred(&text.raw).into_iter().find(|name| is_one(name)) else { continue };
        let what = format!(
            "the container has no variable `{name}`, so that the kubelet leaves `$({name})` as it stands: that text is the password"
        );
        let secret =
            format!("env:\n  - {{ name: {name}, valueFrom: {{ secretKeyRef: {{ name: …, key: … }} }} }}");
        let remedy =
            Remedy::unit(secret).remark("before what is made of it; or let it read the file that kz writes");
        found.add(Code::NotSubstituted, mark, &unit.title, what, remedy);
        return;
    }
}

/// The names in `$(NAME)`, where that is no `$$(NAME)`.
fn referred(raw: &str) -> Vec<&str> {
    let is_name =
        |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
    let starts = raw.match_indices("$(").filter(|(at, _)| !raw[..*at].ends_with('$'));
    starts
        .filter_map(|(at, _)| raw[at + 2..].split_once(')').map(|(name, _)| name))
        .filter(|name| is_name(name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kubelet_fills_in_is_told_from_a_shells_and_from_what_is_escaped() {
        assert_eq!(referred("a $(B) $$(C) $(cat /d) $(E.F)$(G"), ["B", "E.F"]);
    }
}
