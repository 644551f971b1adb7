//! `kz completions`: what shells need to complete kz's words.
//!
//! Invariant: no text of kz's means anything to a shell. The generators of `clap_complete` put help into quotes of
//! five languages and escape for some of them, so [`plain`] leaves only characters in it that none of the five
//! interprets, before any generator sees it.

use clap::builder::{PossibleValue, PossibleValuesParser, StyledStr};
use clap::{Arg, Command};
use clap_complete::Shell;

use super::args::look::{CompletionShell, Completions};
use super::failure::Failure;
use super::stdout;

/// What may stand in a text besides letters, digits and spaces. None of it ends a quote, begins an expansion or a
/// description in bash, zsh, fish, elvish or PowerShell.
const HARMLESS: &str = ".,;-+/=_()…";

/// Prints the script for `definition`, kz's own command line.
pub(super) fn completions(arguments: &Completions, definition: Command) -> Result<(), Failure> {
    let shell = match arguments.shell {
        CompletionShell::Bash => Shell::Bash,
        CompletionShell::Zsh => Shell::Zsh,
        CompletionShell::Fish => Shell::Fish,
        CompletionShell::Elvish => Shell::Elvish,
        CompletionShell::PowerShell => Shell::PowerShell,
    };
    stdout::print(&script(shell, definition))
}

/// The script with which `shell` completes the words of `kz`, of which `definition` says what can be typed.
pub fn script(shell: Shell, mut definition: Command) -> Vec<u8> {
    let mut script = Vec::new();
    // Adds what clap has by itself: `--help`, which has a text too.
    definition.build();
    clap_complete::generate(shell, &mut harmless(definition), "kz", &mut script);
    script
}

/// The same words to complete, with texts beside them that are [`plain`].
fn harmless(command: Command) -> Command {
    let about = command.get_about().map(plain_styled);
    let command = match about {
        Some(about) => command.about(about),
        None => command,
    };
    command.mut_args(harmless_argument).mut_subcommands(harmless)
}

fn harmless_argument(argument: Arg) -> Arg {
    let help = argument.get_help().map(plain_styled);
    let names = argument.get_value_names().unwrap_or_default();
    let are_plain = names.iter().all(|name| plain(name) == **name);
    let takes_values = argument.get_action().takes_values();
    let values: Vec<PossibleValue> = if takes_values { argument.get_possible_values() } else { Vec::new() };
    let mut argument = argument;
    if let Some(help) = help {
        argument = argument.help(help);
    }
    if !are_plain {
        // `[:GID]` would be an action to zsh.
        argument = argument.value_name("VALUE");
    }
    if !values.is_empty() {
        // Nothing is parsed with it, so the type of the values may be lost.
        let values: Vec<PossibleValue> = values.into_iter().map(harmless_value).collect();
        argument = argument.value_parser(PossibleValuesParser::new(values));
    }
    argument
}

fn harmless_value(value: PossibleValue) -> PossibleValue {
    let help = value.get_help().map(plain_styled);
    match help {
        Some(help) => value.help(help),
        None => value,
    }
}

fn plain_styled(text: &StyledStr) -> StyledStr {
    StyledStr::from(plain(&text.to_string()))
}

/// What no shell takes for a quote (PowerShell does `’`): a letter of its own (U+02BC).
const APOSTROPHE: char = 'ʼ';

/// `text` without what a shell could interpret: white space of any kind becomes one space, and so does what may not
/// stand there. Quotes vanish; an apostrophe and a colon become what reads alike and means nothing.
fn plain(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let is_letter = |place: Option<usize>| {
        place.and_then(|place| letters.get(place)).is_some_and(char::is_ascii_alphabetic)
    };
    let replaced = letters.iter().enumerate().map(|(place, c)| match c {
        '\'' | '’' if is_letter(place.checked_sub(1)) && is_letter(Some(place + 1)) => {
            APOSTROPHE.to_string()
        }
        ':' if letters.get(place + 1).is_some_and(|next| next.is_whitespace()) => " -".to_owned(),
        '|' => "/".to_owned(),
        other => other.to_string(),
    });
    let spaced: String = replaced
        .collect::<String>()
        .chars()
        .filter(|c| !matches!(c, '`' | '\'' | '"' | '’' | '‘' | '“' | '”'))
        .map(|c| if c.is_ascii_alphanumeric() || c == APOSTROPHE || HARMLESS.contains(c) { c } else { ' ' })
        .collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_keeps_its_words_and_loses_what_shells_interpret() {
        assert_eq!(plain("POSIX shells: `set -a; . FILE`"), "POSIX shells - set -a; . FILE");
        assert_eq!(plain("a\n\tb\u{1b}[0m  c"), "a b 0m c");
        assert_eq!(plain("UID[:GID]"), "UID GID");
        assert_eq!(plain("it’s \"$(id)\" ${HOME} \\ !x *?<>|&#%@~^{}[]:"), "itʼs (id) HOME x /");
    }

    #[test]
    fn what_is_completed_itself_consists_of_words() {
        fn check(command: &Command) {
            let is_word = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
            assert!(is_word(command.get_name()), "{}", command.get_name());
            for argument in command.get_arguments() {
                assert!(argument.get_long().is_none_or(is_word), "{argument}");
                for value in argument.get_possible_values() {
                    assert!(is_word(value.get_name()), "{}", value.get_name());
                }
            }
            command.get_subcommands().for_each(check);
        }
        check(&super::super::command());
    }
}
