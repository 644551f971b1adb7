//! What a hint says in a pod. What makes errors speaks of the engine that most people run kz with (`user:`, `cap_add`, `-v`);
//! in a pod, which has none of that, the same is called otherwise, and is said here, whole hint by whole hint.
//!
//! Invariant: each hint in `src/` that has a word of an engine's stands here (the tests read the sources).

use crate::config::variables;

/// Where kz runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Home {
    /// In a container of an engine's, or in none.
    Anywhere,
    /// In a container of the kubelet's.
    Pod,
}

impl Home {
    /// That of this process.
    pub(in crate::cli) fn here() -> Self {
        if variables::is_in_pod() { Self::Pod } else { Self::Anywhere }
    }

    /// The hint as it is said there.
    pub(in crate::cli) fn say(self, hint: &str) -> String {
        let in_pod = || HINTS.iter().find_map(|(elsewhere, pod)| Some(filled(pod, &parts(elsewhere, hint)?)));
        (self == Self::Pod).then(in_pod).flatten().unwrap_or_else(|| hint.to_owned())
    }
}

/// What a `subPath` does where nothing of that name is in the volume.
macro_rules! made_by_sub_path {
    ($rest:literal) => {
        concat!(
            "the kubelet makes a directory of a `subPath` that names nothing in its volume: look at the keys of the ConfigMap or Secret, and at `items`",
            $rest
        )
    };
}

/// The hints with words of an engine's, and what they are in a pod. `{}` stands for what is filled in, in its order; what the
/// second has no place for is left out.
const HINTS: &[(&str, &str)] = &[
    // Files that kz reads.
    (
        "run kz with `user: \"{}\"`, or as root with `cap_add: [DAC_READ_SEARCH]`",
        "of a Secret, a ConfigMap or a token, the pod's `fsGroup` with `defaultMode: 0440` lets kz read it; otherwise set `runAsUser: {}`",
    ),
    (
        "run kz as root with `cap_add: [DAC_READ_SEARCH]`",
        "of a Secret, a ConfigMap or a token, the pod's `fsGroup` with `defaultMode: 0440` lets kz read it",
    ),
    (
        "`chmod u+r {}`",
        "of a Secret, a ConfigMap or a token, `defaultMode: 0440` lets kz read it, with the pod's `fsGroup`; else `chmod u+r {}`",
    ),
    (
        "let kz's user read it: `chmod a+r {}`",
        "let kz's user read it: `defaultMode: 0444` of the volume that `{}` is in",
    ),
    (
        "Docker makes a directory where the source of a bind mount is missing: remove it, put the file there, then `docker compose up --force-recreate`",
        made_by_sub_path!(""),
    ),
    (
        "name a text file; Docker makes a directory where the source of a bind mount is missing: remove it, put the file there, then `docker compose up --force-recreate`",
        made_by_sub_path!(""),
    ),
    (
        "Docker makes a directory when the source of a bind mount is missing: create the file on the host, then `docker compose up --force-recreate`; here `{}` is to be a file",
        made_by_sub_path!("; here `{}` is to be a file"),
    ),
    (
        "`kz init` writes one; in a container mount it, as in `-v ./keyzero.toml:/app/.keyzero.toml:ro`, or name it: `kz --config FILE …`",
        "mount the ConfigMap whose key is `.keyzero.toml`, with the dot, at `/app` (`kubectl create configmap kz --from-file=.keyzero.toml`), or name the file: `kz --config FILE …`",
    ),
    // What kz writes.
    (
        "mount a directory instead and write into it: `-v secrets:/secrets`, `--output /secrets/{}`",
        "mount the volume without `subPath` and write into it: `mountPath: /secrets`, `--output /secrets/{}`",
    ),
    (
        "mount a volume there that is writable for kz; only its readers need `:ro`",
        "mount an `emptyDir` there, without `readOnly`; only its readers need `readOnly: true`",
    ),
    (
        "make room, or give the tmpfs more with `size=`; the old output is as it was",
        "make room, or raise the `sizeLimit` of the emptyDir; the old output is as it was",
    ),
    (
        "run kz as `user: \"{}\"`, or make the directory writable for uid {}; on SELinux hosts bind mounts need `:z`",
        "mount an `emptyDir`, which is open to every uid; of another volume the pod's `fsGroup` lets kz write, or `runAsUser: {}`",
    ),
    (
        "`--owner` needs root with `cap_add: [CHOWN]`; without it run kz as the reader: `user: \"UID:GID\"`",
        "leave `--owner` out and give kz's container the reader's `runAsUser`; `--owner` needs `runAsUser: 0` and `capabilities: { add: [CHOWN] }`",
    ),
    (
        "this file system does not keep modes or owners: use a named volume or a tmpfs; a single file can be asked for as it shows it, with `--mode` and `--owner`",
        "this file system does not keep modes or owners: use an `emptyDir`; a single file can be asked for as it shows it, with `--mode` and `--owner`",
    ),
    (
        "use a named volume or a tmpfs, or write a single file there: `--format env --output DIR/.env`",
        "use an `emptyDir`, or write a single file there: `--format env --output DIR/.env`",
    ),
    (
        "run kz as `user: \"{}\"`, or use a directory of its own for each exporter",
        "set `runAsUser: {}`, or use a volume of its own for each exporter",
    ),
    (
        "mount it as kz's own directory: `uid={},mode=0755` in the options of the tmpfs",
        "an `emptyDir` with `medium: Memory` is such a directory: give kz's container the `runAsUser` of who reads there and leave the mode at 0400, or write one plain file (`--format env` or `json`); `emptyDir: {}` is none, but lies on the node's disk",
    ),
    (
        "`--owner {}` gives the files to that uid, or run kz as `user: \"{}\"`",
        "give kz's container the reader's `runAsUser: {}`; `--mode 0440` with the pod's `fsGroup` lets that group read",
    ),
    (
        "let only kz write to the volume: mount it `:ro` everywhere else",
        "let only kz write to the volume: mount it with `readOnly: true` everywhere else",
    ),
    (
        "raise the limit of file sizes, `ulimit -f`, or `ulimits: fsize` of the container; the old output is as it was",
        "the limit of file sizes comes from the node's container runtime: raise it there; the old output is as it was",
    ),
    (
        "raise the limit of open files: `ulimits: { nofile: 1024 }` in Compose, or `ulimit -n 1024`",
        "the limit of open files comes from the node's container runtime: raise it there",
    ),
    // How kz and what it runs start.
    (
        "raise the limit of open files, `ulimits: { nofile: 1024 }`, or use the engine's own seccomp profile",
        "raise the limit of open files, which comes from the node's container runtime, or use `seccompProfile: { type: RuntimeDefault }`",
    ),
    (
        "raise it: `ulimit -u`, `--pids-limit` of a container, `pids_limit` in Compose",
        "raise the kubelet's `podPidsLimit`, or start fewer processes in this pod",
    ),
    (
        "start kz in a directory that exists: `cd /app`, or `working_dir: /app`",
        "start kz in a directory that exists: `workingDir: /app`",
    ),
    (
        "Compose drops the image's CMD when `entrypoint:` is set: write the command as `command:` too, or after `--`",
        "`command:` drops the image's CMD: write the command as `args:`, or after `--`",
    ),
    (
        "look at the exporter's log: `docker compose logs secrets-init`",
        "look at the exporter's log: `kubectl logs POD -c secrets-init`",
    ),
    (
        "a 0400 file has one reader: export it with `--owner` this service's uid",
        "a 0400 file has one reader: give kz's container and this one the same `runAsUser`",
    ),
];

/// What stands in a hint for each `{}` of its pattern, if it is one of that.
fn parts<'a>(pattern: &str, hint: &'a str) -> Option<Vec<&'a str>> {
    let mut pieces = pattern.split("{}");
    let mut rest = hint.strip_prefix(pieces.next()?)?;
    let mut found = Vec::new();
    let mut pieces = pieces.peekable();
    while let Some(piece) = pieces.next() {
        let is_last = pieces.peek().is_none();
        let at = if is_last { rest.len().checked_sub(piece.len())? } else { rest.find(piece)? };
        let (part, after) = rest.split_at_checked(at)?;
        rest = after.strip_prefix(piece)?;
        found.push(part);
    }
    rest.is_empty().then_some(found)
}

/// The pattern with its `{}` filled in. An empty `emptyDir: {}` keeps its braces, since nothing is left for them.
fn filled(pattern: &str, parts: &[&str]) -> String {
    let mut parts = parts.iter();
    let mut pieces = pattern.split("{}");
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let part = if text.ends_with("emptyDir: ") { None } else { parts.next() };
        text.push_str(part.unwrap_or(&"{}"));
        text.push_str(piece);
    }
    text
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// Words that only an engine has.
    const WORDS: &[&str] = &[
        "user: \"",
        "cap_add",
        "`-v ",
        "`:ro`",
        "`:z`",
        "tmpfs",
        "docker compose",
        "Docker makes",
        "ulimits",
        "pids_limit",
        "working_dir",
        "`entrypoint:`",
        "bind mount",
    ];

    /// Hints with such a word that are said where no pod is: of `kz doctor`, which looks at Compose files, of `kz init`, and
    /// what `--help` says of dialects.
    fn is_elsewhere(path: &Path) -> bool {
        let path = path.to_string_lossy();
        [
            "src/doctor",
            "src/cli/doctor",
            "src/cli/starter",
            "src/cli/explain",
            "src/cli/args",
            "src/cli/report/pod.rs",
        ]
        .iter()
        .any(|place| path.contains(place))
    }

    fn sources(directory: &Path, found: &mut Vec<(std::path::PathBuf, String)>) {
        for entry in std::fs::read_dir(directory).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                sources(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") && !is_elsewhere(&path) {
                let text = std::fs::read_to_string(&path).unwrap();
                let text = text.split("#[cfg(test)]").next().unwrap_or_default().to_owned();
                found.push((path, text));
            }
        }
    }

    /// The string literals of a source, without those in comments, each `{name}` as `{}`.
    fn literals(text: &str) -> Vec<String> {
        let code: String =
            text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
        let mut found = Vec::new();
        let mut rest = code.as_str();
        while let Some(start) = rest.find('"') {
            let mut end = start + 1;
            while let Some(character) = rest[end..].chars().next().filter(|character| *character != '"') {
                end += character.len_utf8();
                if character == '\\' {
                    end += rest[end..].chars().next().map_or(0, char::len_utf8);
                }
            }
            let literal = rest[start + 1..end.min(rest.len())]
                .replace("\\\"", "\"")
                .replace("{{", "\u{1}")
                .replace("}}", "\u{2}");
            let mut plain = String::new();
            for (index, piece) in literal.split('{').enumerate() {
                match piece.split_once('}').filter(|(name, _)| index > 0 && !name.contains(' ')) {
                    Some((_, after)) => plain.extend(["{}", after]),
                    None if index > 0 => plain.extend(["{", piece]),
                    None => plain += piece,
                }
            }
            found.push(plain.replace('\u{1}', "{").replace('\u{2}', "}"));
            rest = rest.get(end + 1..).unwrap_or_default();
        }
        found
    }

    #[test]
    fn every_hint_with_a_word_of_an_engines_has_its_words_for_a_pod() {
        let mut files = Vec::new();
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
        assert!(files.len() > 100, "{}", files.len());
        let all: Vec<(String, String)> = files
            .iter()
            .flat_map(|(path, text)| {
                literals(text).into_iter().map(move |literal| (path.display().to_string(), literal))
            })
            .collect();
        for (elsewhere, _) in HINTS {
            assert!(all.iter().any(|(_, literal)| literal == elsewhere), "nobody says: {elsewhere}");
        }
        let is_spoken = |literal: &str| literal.split(' ').count() > 4;
        let of_engine = |literal: &str| WORDS.iter().any(|word| literal.contains(word)) && is_spoken(literal);
        let missed: Vec<_> = all
            .iter()
            .filter(|(_, literal)| {
                of_engine(literal) && HINTS.iter().all(|(elsewhere, _)| elsewhere != literal)
            })
            .collect();
        assert!(missed.is_empty(), "{missed:#?}");
    }

    #[test]
    fn no_words_for_a_pod_have_one_of_an_engines() {
        for (_, pod) in HINTS {
            assert!(WORDS.iter().all(|word| !pod.contains(word)), "{pod}");
        }
    }

    #[test]
    fn what_is_filled_in_is_filled_in_again_and_other_hints_stay() {
        let hint = "run kz as `user: \"1000\"`, or make the directory writable for uid 65532; on SELinux hosts bind mounts need `:z`";
        assert!(
            Home::Pod.say(hint).ends_with("lets kz write, or `runAsUser: 1000`"),
            "{}",
            Home::Pod.say(hint)
        );
        assert_eq!(Home::Anywhere.say(hint), hint);
        let sticky = "mount it as kz's own directory: `uid=65532,mode=0755` in the options of the tmpfs";
        assert!(Home::Pod.say(sticky).contains("`emptyDir: {}` is none"), "{}", Home::Pod.say(sticky));
        for other in ["raise it", "`chmod u+x a`", "", "run kz as `user: \"1\"`"] {
            assert_eq!(Home::Pod.say(other), other);
        }
    }
}
