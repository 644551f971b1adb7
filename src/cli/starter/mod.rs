//! The file that `kz init` begins with, for the situation it finds: Compose, Kubernetes, or a script.
//!
//! Reads the working directory's own YAML files, and writes nothing. Each text is valid as it stands.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

const SECRETS: &str = include_str!("secrets.toml");
const COMPOSE: &str = include_str!("compose.toml");
const KUBERNETES: &str = include_str!("kubernetes.toml");
const SCRIPT: &str = include_str!("script.toml");

/// As Compose looks for them, first to last.
const COMPOSE_FILES: &[&str] = &["compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"];

/// What a manifest is of when it has pods.
const KINDS: &[&str] =
    &["Pod", "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob", "PodTemplate"];

/// More than a manifest has.
const LARGEST: u64 = 1 << 20;

/// Where secrets are to go; with the file that says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Situation {
    /// There is a Compose file.
    Compose(String),
    /// There is a manifest of something with pods.
    Kubernetes(String),
    /// Neither.
    Script,
}

impl Situation {
    /// What is in `directory`. A file that cannot be read is none.
    pub(super) fn of(directory: &Path) -> Self {
        let compose = COMPOSE_FILES.iter().find(|name| directory.join(name).is_file());
        if let Some(name) = compose {
            return Self::Compose((*name).to_owned());
        }
        let mut names: Vec<String> = std::fs::read_dir(directory)
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| is_yaml(name))
            .collect();
        names.sort();
        let manifest =
            names.into_iter().find(|name| read(&directory.join(name)).is_some_and(|text| has_pods(&text)));
        manifest.map_or(Self::Script, Self::Kubernetes)
    }

    /// The starter file.
    pub(super) fn text(&self) -> String {
        let (rest, file) = match self {
            Self::Compose(file) => (COMPOSE, file.as_str()),
            Self::Kubernetes(file) => (KUBERNETES, file.as_str()),
            Self::Script => (SCRIPT, ""),
        };
        // A file's name may hold what would end the comment.
        let file: String = file.chars().filter(|character| !character.is_control()).collect();
        [SECRETS, &rest.replace("[FILE]", &file)].concat()
    }
}

fn is_yaml(name: &str) -> bool {
    let extension = Path::new(name).extension();
    extension.is_some_and(|extension| extension == "yaml" || extension == "yml")
}

fn read(path: &Path) -> Option<String> {
    // Looked at first: opening a FIFO would wait.
    if !path.metadata().ok()?.is_file() {
        return None;
    }
    let mut text = String::new();
    File::open(path).ok()?.take(LARGEST).read_to_string(&mut text).ok()?;
    Some(text)
}

/// Whether a document at the top of the file says `kind: Deployment` or the like.
fn has_pods(text: &str) -> bool {
    text.lines().filter_map(|line| line.strip_prefix("kind:")).any(|rest| {
        let kind = rest.split('#').next().unwrap_or_default().trim().trim_matches(['"', '\'']);
        KINDS.contains(&kind)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn situation(files: &[(&str, &str)]) -> Situation {
        let directory = tempfile::tempdir().unwrap();
        for (name, content) in files {
            #[expect(clippy::disallowed_methods, reason = "a test makes what is found")]
            std::fs::write(directory.path().join(name), content).unwrap();
        }
        Situation::of(directory.path())
    }

    #[test]
    fn a_compose_file_goes_before_a_manifest() {
        let both = [("docker-compose.yml", ""), ("pod.yaml", "kind: Pod\n")];
        assert_eq!(situation(&both), Situation::Compose("docker-compose.yml".to_owned()));
    }

    #[test]
    fn a_manifest_is_told_by_its_kind() {
        let files = [("a.yaml", "kind: Service\n"), ("b.yml", "apiVersion: v1\nkind: \"Pod\" # one\n")];
        assert_eq!(situation(&files), Situation::Kubernetes("b.yml".to_owned()));
        assert_eq!(situation(&files[..1]), Situation::Script);
        assert_eq!(situation(&[("a.yaml", "  kind: Pod\n"), ("kind: Pod", "")]), Situation::Script);
    }
}
