//! What is wrong with what was published, in words, and what to type.

use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use super::super::error::Error;
use super::Since;
use crate::hint::{Hint, Starting, Writing};
use crate::log::typed;

/// What is wrong.
#[derive(Debug, Error)]
pub enum Fault {
    /// Nothing is there.
    #[error("`{}` does not exist", .0.display())]
    Missing(PathBuf),
    /// A directory without a set.
    #[error("`{}` holds no set of files: there is no `..data`", .0.display())]
    NoSet(PathBuf),
    /// It could not be looked at, or stands in the place of kz's own.
    #[error("{0}")]
    Closed(Box<Error>),
    /// A single file was meant, and this is the name of a file of a set.
    #[error("`{}` is a symbolic link, as a name in a set is", .path.display())]
    Name {
        /// The link.
        path: PathBuf,
        /// The directory of the set.
        set: PathBuf,
    },
    /// It is no regular file.
    #[error("`{}` is {kind} and no regular file", .path.display())]
    Kind {
        /// What was to be one.
        path: PathBuf,
        /// What it is, with its article.
        kind: &'static str,
    },
    /// A part of it is missing.
    #[error("`{}` is missing", .0.display())]
    Gone(PathBuf),
    /// Something is there that kz did not write.
    #[error("`{}` is not of this set", .0.display())]
    Strange(PathBuf),
    /// A name does not lead to its file.
    #[error("the name `{}` does not lead to its file", .0.display())]
    Astray(PathBuf),
    /// A file is not as it was written.
    #[error("`{}` has {what}", .path.display())]
    Changed {
        /// The file.
        path: PathBuf,
        /// What it has.
        what: &'static str,
    },
    /// The manifest or its key is missing, damaged, or open to others.
    #[error("`{}` is missing, damaged, or open to others", .0.display())]
    State(PathBuf),
    /// The manifest is of another set than `..data` names.
    #[error("`..data` names `{}`, of which `{}` says nothing", .data.display(), .manifest.display())]
    OtherSet {
        /// What `..data` names.
        data: PathBuf,
        /// The manifest.
        manifest: PathBuf,
    },
    /// It is too old.
    #[error("{} {}, and `--max-age` allows {}", verb(*.since), ago(*.age), time(*.limit))]
    Old {
        /// Since when.
        since: Since,
        /// How long that is.
        age: Duration,
        /// What is allowed.
        limit: Duration,
    },
}

impl Fault {
    /// Whether a set that is exchanged at this moment looks so.
    pub(super) fn may_be_an_exchange(&self) -> bool {
        match self {
            Self::Gone(_)
            | Self::Strange(_)
            | Self::Astray(_)
            | Self::Changed { .. }
            | Self::State(_)
            | Self::OtherSet { .. } => true,
            Self::Missing(_)
            | Self::NoSet(_)
            | Self::Closed(_)
            | Self::Name { .. }
            | Self::Kind { .. }
            | Self::Old { .. } => false,
        }
    }

    /// What to type.
    pub fn hint(&self) -> Hint {
        match self {
            Self::Missing(_) | Self::Old { .. } => Starting::ExporterLog.into(),
            Self::NoSet(path) => {
                format!("of a single file write its name: `kz check {}`", typed::path(&path.join(".env")))
                    .into()
            }
            Self::Name { set, .. } => {
                format!("look at the whole set: `kz check {}`", typed::path(set)).into()
            }
            Self::Closed(_) => "run it as the exporter's uid, in its container".into(),
            Self::Kind { .. }
            | Self::Gone(_)
            | Self::Strange(_)
            | Self::Astray(_)
            | Self::Changed { .. }
            | Self::State(_)
            | Self::OtherSet { .. } => Writing::Again.into(),
        }
    }
}

/// `written` or `confirmed`.
pub fn verb(since: Since) -> &'static str {
    match since {
        Since::Written(_) => "it was written",
        Since::Confirmed(_) => "it was confirmed",
    }
}

/// `35 s ago`.
pub fn ago(age: Duration) -> String {
    format!("{} ago", time(age))
}

/// `35 s`, `12 min`, `30 h`, `8 days`.
fn time(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0 if !time.is_zero() => format!("{} ms", time.as_millis()),
        0..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds / 60),
        7_200..=172_799 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}
