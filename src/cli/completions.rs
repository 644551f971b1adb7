//! `kz completions`: what bash, zsh and fish need to complete kz's words.

use clap_complete::Shell;

use super::args::look::{CompletionShell, Completions};
use super::report::Failure;
use super::stdout;

/// Prints the script for `definition`, kz's own command line.
pub(super) fn completions(arguments: &Completions, mut definition: clap::Command) -> Result<(), Failure> {
    let shell = match arguments.shell {
        CompletionShell::Bash => Shell::Bash,
        CompletionShell::Zsh => Shell::Zsh,
        CompletionShell::Fish => Shell::Fish,
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut definition, "kz", &mut script);
    stdout::print(&script)
}
