//! `kz explain`: what an error's code means, and what to do. Also the text of `docs/errors.md`.

mod catalogue;

pub(super) use catalogue::{CATALOGUE, Code, Explanation};

use crate::doctor;

use super::args::look::Explain;
use super::exit;
use super::failure::Failure;
use super::stdout;

/// Runs `kz explain`.
pub(super) fn explain(arguments: &Explain) -> Result<(), Failure> {
    let text = match &arguments.code {
        Some(written) => match (find(written), find_finding(written)) {
            (Some(explanation), _) => entry(explanation),
            (None, Some(explanation)) => finding_entry(explanation),
            (None, None) => return Err(Failure::UnknownCode(written.clone())),
        },
        None => list(),
    };
    stdout::print(text.as_bytes())
}

/// `KZ212`, `kz212`, `212` and `[KZ212]` all mean the same.
fn find(written: &str) -> Option<&'static Explanation> {
    let bare = written.trim_matches(['[', ']']).to_ascii_uppercase();
    let digits = bare.strip_prefix("KZ").unwrap_or(&bare);
    let id = format!("KZ{digits:0>3}");
    CATALOGUE.iter().find(|explanation| explanation.code.id() == id)
}

fn entry(explanation: &Explanation) -> String {
    let Explanation { code, title, cause, remedy } = explanation;
    format!("{}: {title}\n\n{cause}\n\nWhat to do: {remedy}\n\n{}\n", code.id(), exit::words(*code))
}

/// `D101`, `d101` and `[D101]` all mean the same.
fn find_finding(written: &str) -> Option<&'static doctor::Explanation> {
    let id = written.trim_matches(['[', ']']).to_ascii_uppercase();
    doctor::CATALOGUE.iter().find(|explanation| explanation.code.id() == id)
}

fn finding_entry(explanation: &doctor::Explanation) -> String {
    let doctor::Explanation { code, title, why, remedy, .. } = explanation;
    let in_pod = in_pod(explanation);
    format!("{}: {title}\n\n{why}{in_pod}\n\nWhat to do: {remedy}\n\nA finding of `kz doctor`.\n", code.id())
}

/// The reason that a pod has, where it is another one.
fn in_pod(explanation: &doctor::Explanation) -> String {
    explanation.why_in_pod.map(|why| format!("\n\nIn a pod: {why}")).unwrap_or_default()
}

fn list() -> String {
    let errors = CATALOGUE.iter().map(|error| format!("{}  {}\n", error.code.id(), error.title));
    let findings =
        doctor::CATALOGUE.iter().map(|finding| format!("{}   {}\n", finding.code.id(), finding.title));
    errors.chain(findings).collect()
}

/// The page `docs/errors.md`, made from the catalogue.
pub fn page() -> String {
    let mut text = "# Errors\n\nMade from the program by `make generated`; `kz explain CODE` prints one of them. The code stands in brackets behind \
        `kz: error:` and, with\n`--log-format json`, under `code`. Its first digit says what it is about: 1 a secret could not be resolved, 2 usage or \
        configuration, 4 the output could not be written, 5 becoming the command. How kz ends stands with each, and in [exit-codes.md](exit-codes.md). A code keeps its meaning for ever.\n"
        .to_owned();
    for explanation in CATALOGUE {
        let Explanation { code, title, cause, remedy } = explanation;
        let id = code.id();
        let ends = exit::words(*code);
        text.extend([
            "\n## ",
            &id,
            ": ",
            title,
            "\n\n",
            cause,
            "\n\n**What to do:** ",
            remedy,
            " ",
            &ends,
            "\n",
        ]);
    }
    text
}

/// The page `docs/findings.md`, made from the catalogue of `kz doctor`.
pub fn findings_page() -> String {
    let mut text = "# Findings of `kz doctor`\n\nMade from the program by `make generated`; `kz explain CODE` prints one of them. The first digit says what it is about: 1 environment and \
        delivery,\n2 volumes and ownership, 3 order and lifecycle, 4 credentials, configuration and commands, 5 pods. A code keeps its meaning for ever.\n"
        .to_owned();
    for explanation in doctor::CATALOGUE {
        let doctor::Explanation { code, title, why, remedy, .. } = explanation;
        let (id, in_pod) = (code.id(), in_pod(explanation));
        let parts = ["\n## ", &id, ": ", title, "\n\n", why, &in_pod];
        text.extend(parts.into_iter().chain(["\n\n**What to do:** ", remedy, "\n"]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_found_however_it_is_copied() {
        for written in ["KZ212", "kz212", "212", "[KZ212]"] {
            assert_eq!(find(written).map(|found| found.code), Some(Code::ConfigDirectory), "{written}");
        }
        assert_eq!(find("1").map(|found| found.code), Some(Code::Internal));
        for unknown in ["KZ999", "", "KZ", "E212", "D999"] {
            assert!(find(unknown).is_none() && find_finding(unknown).is_none(), "{unknown}");
        }
        for written in ["D313", "d313", "[D313]"] {
            assert_eq!(
                find_finding(written).map(|found| found.code),
                Some(doctor::Code::Dollar),
                "{written}"
            );
        }
    }
}
