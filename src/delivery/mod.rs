//! How a secret is delivered, in words that configuration, plan and files share: its path, mode and owner, and where it is from.
//!
//! Pure. Nothing here knows a value or looks at a file.

mod path;

pub use path::{InvalidPath, RelativePath};

/// kz's own state in a directory of files: the lock, the manifest and its key.
pub(crate) const STATE_DIRECTORY: &str = ".kz";

/// How a secret is delivered: as a file of its own on disk, and to the command of `kz run`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delivery {
    /// Its path in the output directory; its name when `None`.
    pub file: Option<RelativePath>,
    /// Permission bits.
    pub mode: Option<u32>,
    /// `uid[:gid]`, or names.
    pub owner: Option<String>,
    /// How `kz run` hands it over.
    pub channel: Channel,
}

/// How a value reaches the command that `kz run` becomes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Channel {
    /// As the variable of its name.
    #[default]
    Environment,
    /// As an open file that lies nowhere; `NAME_FILE` says where the command finds it.
    Descriptor,
}

/// Whom a file is given to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The user.
    pub uid: u32,
    /// The group; without one it is what the directory gives.
    pub gid: Option<u32>,
}

/// Mode and owner of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// The permission bits, such as 0o400; set whatever the umask is.
    pub mode: u32,
    /// `None`: whoever runs kz.
    pub owner: Option<Owner>,
}

/// What is known of where a value is from, for the manifest. Nothing in it depends on the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The provider instance, by its name in the configuration.
    pub provider: String,
    /// Which version of the document it was, where the backend says that.
    pub version: Option<String>,
}
