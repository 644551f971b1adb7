//! Paths of KV documents as the CLI writes them, without version 2's `data/`: what may be meant by one. Pure.
//!
//! Where the mount ends cannot be seen in a path; mounts do not lie in one another, so at most one of the forms is right.

/// Whether a path is certainly one of KV version 2, whose reads make nothing.
pub(super) fn is_of_kv(path: &str) -> bool {
    path.contains("/data/")
}

/// Whether a path may be one as the CLI writes it: no segment after the first is `data`.
pub(super) fn lacks_data_segment(path: &str) -> bool {
    !is_of_kv(path)
}

/// The API's own paths, whose reads make nothing.
pub(super) const OWN: &[&str] = &["sys/", "auth/", "identity/", "cubbyhole/"];

/// Words on what would write where it is asked with parameters.
pub(super) fn refuses_parameters(what: &str) -> String {
    format!("{what} makes no document of parameters, and would write what `request` says")
}

/// Every mount that is possible for a path without `data/`, with the path that is meant then; the shortest first.
pub(super) fn candidates(path: &str) -> Vec<(&str, String)> {
    let splits = path.match_indices('/').map(|(at, _)| (&path[..at], &path[at + 1..]));
    splits.map(|(mount, rest)| (mount, format!("{mount}/data/{rest}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_possible_begins_with_the_shortest_mount() {
        assert_eq!(candidates("secret/app"), [("secret", "secret/data/app".to_owned())]);
        let deep = [("a", "a/data/b/c".to_owned()), ("a/b", "a/b/data/c".to_owned())];
        assert_eq!(candidates("a/b/c"), deep);
        assert!(candidates("alone").is_empty());
    }
}
