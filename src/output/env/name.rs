//! The names that the readers of env files take.
//!
//! A name can be refused by a reader, or be one that a shell fills itself: then what is written is not what is read.

use super::Reason;

/// POSIX: letters, digits and `_`, not beginning with a digit.
pub(in crate::output) fn is_posix(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Whether bash, dash, busybox sh or zsh sets this variable itself, forbids to set it, or does something when it is set.
pub fn is_a_shells_own(name: &str) -> bool {
    OWN.contains(&name) || OWN_OF_ZSH.contains(&name)
}

/// `make dialects` asks the shells about every name that they have by themselves.
const OWN: &[&str] = &[
    "BASHOPTS",
    "BASHPID",
    "BASH_ARGC",
    "BASH_ARGV",
    "BASH_ARGV0",
    "BASH_ALIASES",
    "BASH_CMDS",
    "BASH_COMMAND",
    "BASH_COMPAT",
    "BASH_LINENO",
    "BASH_REMATCH",
    "BASH_SOURCE",
    "BASH_SUBSHELL",
    "BASH_VERSINFO",
    "COMP_WORDBREAKS",
    "DIRSTACK",
    "EPOCHREALTIME",
    "EPOCHSECONDS",
    "EUID",
    "FUNCNAME",
    "GROUPS",
    "HISTCMD",
    "LINENO",
    "OPTIND",
    "PIPESTATUS",
    "PPID",
    "RANDOM",
    "SECONDS",
    "SHELLOPTS",
    "SHLVL",
    "SRANDOM",
    "UID",
    "_",
];

/// Further ones to which zsh gives a meaning: it makes numbers and arrays of them, does not let them be set, or does something
/// then (`USERNAME`: it becomes that user). Measured with zsh 5.9; `tests/it/shell_names.rs` asks it again.
#[rustfmt::skip]
const OWN_OF_ZSH: &[&str] = &[
    "ARGC", "ARGV0", "COLUMNS", "EGID", "ERRNO", "FUNCNEST", "GID", "HISTCHARS", "HISTSIZE", "KEYBOARD_HACK",
    "KEYTIMEOUT", "LINES", "LISTMAX", "MAILCHECK", "REPORTMEMORY", "REPORTTIME", "SAVEHIST",
    "TRY_BLOCK_ERROR", "TRY_BLOCK_INTERRUPT", "TTYIDLE", "USERNAME", "WATCH", "ZLE_RPROMPT_INDENT", "ZSH_EVAL_CONTEXT",
    "ZSH_SUBSHELL", "aliases", "argv", "builtins", "cdpath", "commands", "dirstack", "dis_aliases",
    "dis_builtins", "dis_functions", "dis_functions_source", "dis_galiases", "dis_patchars", "dis_reswords",
    "dis_saliases", "fignore", "fpath", "funcfiletrace", "funcsourcetrace", "funcstack", "functions",
    "functions_source", "functrace", "galiases", "histchars", "history", "historywords", "jobdirs",
    "jobstates", "jobtexts", "keymaps", "mailpath", "manpath", "module_path", "modules", "nameddirs",
    "options", "parameters", "patchars", "path", "pipestatus", "psvar", "reswords", "saliases", "signals",
    "status", "termcap", "terminfo", "userdirs", "usergroups", "watch", "widgets", "zsh_eval_context",
    "zsh_scheduled_events",
];

/// For shells, and for dialects that may be sourced by one.
pub(in crate::output) fn for_shells(name: &str) -> Result<(), Reason> {
    for_systemd(name)?;
    if OWN.contains(&name) {
        Err("its name is one that shells set themselves")
    } else if OWN_OF_ZSH.contains(&name) {
        Err("its name is one to which zsh gives a meaning")
    } else {
        Ok(())
    }
}

/// fish has read-only variables of its own.
pub(in crate::output) fn for_fish(name: &str) -> Result<(), Reason> {
    for_systemd(name)?;
    if OWN_OF_FISH.contains(&name) { Err("its name is one that fish sets itself") } else { Ok(()) }
}

const OWN_OF_FISH: &[&str] = &[
    "FISH_VERSION",
    "fish_history",
    "PWD",
    "SHLVL",
    "_",
    "argv",
    "fish_kill_signal",
    "fish_killring",
    "fish_pid",
    "history",
    "hostname",
    "pipestatus",
    "status",
    "status_generation",
    "umask",
    "version",
];

/// systemd takes what POSIX takes, and sets what it is told.
pub(super) fn for_systemd(name: &str) -> Result<(), Reason> {
    if is_posix(name) {
        Ok(())
    } else {
        Err("its name is not one that shells accept: letters, digits and `_`")
    }
}

/// Compose takes any name that a secret can have.
pub(super) fn for_compose(name: &str) -> Result<(), Reason> {
    if is_word(name) { Ok(()) } else { Err("its name has more than letters, digits, `_`, `-` and `.`") }
}

/// kubectl is the strictest of the three.
pub(super) fn for_docker(name: &str) -> Result<(), Reason> {
    if !is_word(name) {
        return Err("its name has more than letters, digits, `_`, `-` and `.`");
    }
    if name.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return Err("its name begins with a digit or a dot, which kubectl refuses");
    }
    Ok(())
}

fn is_word(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_fits_as_many_readers_as_take_it() {
        for (name, shells, systemd, docker, compose) in [
            ("DATABASE_URL", true, true, true, true),
            ("UID", false, true, true, true),
            ("USERNAME", false, true, true, true),
            ("path", false, true, true, true),
            ("PATHS", true, true, true, true),
            ("with-dash", false, false, true, true),
            ("dots.too", false, false, true, true),
            ("1st", false, false, false, true),
            ("", false, false, false, false),
            ("a b", false, false, false, false),
            ("a=b", false, false, false, false),
            ("é", false, false, false, false),
        ] {
            let fits = (
                for_shells(name).is_ok(),
                for_systemd(name).is_ok(),
                for_docker(name).is_ok(),
                for_compose(name).is_ok(),
            );
            assert_eq!(fits, (shells, systemd, docker, compose), "{name:?}");
        }
    }
}
