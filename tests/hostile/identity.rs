//! Who kz is while it exports, and whom its output belongs to then.

/// The attackers and the watcher, who are neither kz nor the owner.
pub const FOREIGN: u32 = 4242;

/// One identity of kz.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The column of the table.
    pub name: &'static str,
    /// kz's uid and gid.
    pub uid: u32,
    /// Before kz on its command line.
    pub wrapper: &'static [&'static str],
    /// Added to every export.
    pub options: &'static [&'static str],
    /// Whom the files belong to in the end.
    pub owner: u32,
}

/// All of them.
pub const IDENTITIES: [Identity; 4] = [
    Identity { name: "root", uid: 0, wrapper: &[], options: &["--owner", "999:999"], owner: 999 },
    Identity {
        name: "CHOWN",
        uid: 0,
        wrapper: &["setpriv", "--bounding-set=-all,+chown", "--inh-caps=-all"],
        options: &["--owner", "999:999"],
        owner: 999,
    },
    Identity { name: "65532", uid: 65532, wrapper: &[], options: &[], owner: 65532 },
    Identity { name: "999", uid: 999, wrapper: &[], options: &[], owner: 999 },
];
