//! The manifest of a set: what was delivered, file by file, without a value. Its format is
//! `docs/manifest.md`.
//!
//! Invariants: no file is touched here; of a value there is its size, and an HMAC-SHA256 over
//! generation, path and content, under a key that was drawn for this manifest and is not in it. So
//! equal values look different, in one manifest and from one to the next. What is not a manifest
//! of exactly this version is none.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hmac::{Hmac, Mac as _};
use nix::sys::stat::FileStat;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::File;
use super::audience::Audience;
use super::tree::Seen;
use crate::calendar;
use crate::random;

/// Of the format. Another one is not read.
const VERSION: u32 = 1;
/// Before everything that is authenticated, so that the key is good for nothing else.
const DOMAIN: &[u8] = b"kz manifest 1\0";
/// The longest name of a version that is written down, in bytes. Backends use a few dozen.
const VERSION_BYTES: usize = 512;

/// The key of the HMACs of one manifest. Wiped when dropped.
pub(super) struct Key(Zeroizing<[u8; Key::BYTES]>);

impl Key {
    /// Its size.
    pub(super) const BYTES: usize = 32;

    /// A new one, from the operating system.
    pub(super) fn draw() -> nix::Result<Self> {
        let mut bytes = Zeroizing::new([0; Self::BYTES]);
        random::fill(&mut *bytes)?;
        Ok(Self(bytes))
    }

    /// The one that these are, if there are as many as it takes.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(|bytes| Self(Zeroizing::new(bytes)))
    }

    /// For the key's own file.
    pub(super) fn expose(&self) -> &[u8] {
        &*self.0
    }

    /// In hexadecimal digits.
    fn authenticate(&self, generation: &str, path: &str, content: &[u8]) -> Option<String> {
        let mut tag = self.begin(generation, path)?;
        tag.update(content);
        tag.digits()
    }

    /// The HMAC of a content that is still to come. Lengths come first, so that no two inputs read alike.
    pub(super) fn begin(&self, generation: &str, path: &str) -> Option<Tag> {
        let mut hmac = Hmac::<Sha256>::new_from_slice(self.expose()).ok()?;
        hmac.update(DOMAIN);
        for text in [generation, path] {
            hmac.update(&(text.len() as u64).to_be_bytes());
            hmac.update(text.as_bytes());
        }
        Some(Tag(hmac))
    }
}

/// An HMAC that is not complete.
pub(super) struct Tag(Hmac<Sha256>);

impl Tag {
    /// So much more of the content.
    pub(super) fn update(&mut self, content: &[u8]) {
        self.0.update(content);
    }

    /// In hexadecimal digits.
    pub(super) fn digits(self) -> Option<String> {
        let mut digits = String::with_capacity(64);
        for byte in self.0.finalize().into_bytes() {
            write!(digits, "{byte:02x}").ok()?;
        }
        Some(digits)
    }
}

/// What a set is, when it was written and by which kz.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    version: u32,
    kz: String,
    written: String,
    generation: String,
    files: Vec<Entry>,
}

/// One file of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    path: String,
    size: u64,
    mode: String,
    uid: u32,
    gid: u32,
    inode: u64,
    changed: String,
    hmac: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    provider: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<String>,
}

impl Manifest {
    /// Of these files, which lie in `generation`.
    pub(super) fn of(generation: &OsStr, files: &[Seen<'_>], key: &Key, now: SystemTime) -> Option<Self> {
        let generation = generation.to_str()?.to_owned();
        let entry = |seen: &Seen<'_>| Entry::of(&generation, seen, key);
        let files = files.iter().map(entry).collect::<Option<_>>()?;
        let kz = env!("CARGO_PKG_VERSION").to_owned();
        Some(Self { version: VERSION, kz, written: calendar::rfc3339(now), generation, files })
    }

    /// The manifest that this text is; `None` when it is none of this version.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        serde_json::from_slice(text).ok().filter(|manifest: &Self| manifest.version == VERSION)
    }

    /// One JSON object, a line for each file.
    pub(super) fn text(&self) -> Option<Vec<u8>> {
        let head = Head {
            version: self.version,
            kz: &self.kz,
            written: &self.written,
            generation: &self.generation,
        };
        let mut text = serde_json::to_string(&head).ok()?;
        text.truncate(text.len() - 1);
        text.push_str(",\"files\":[");
        for (index, entry) in self.files.iter().enumerate() {
            text.push_str(if index == 0 { "\n" } else { ",\n" });
            text.push_str(&serde_json::to_string(entry).ok()?);
        }
        text.push_str("\n]}\n");
        Some(text.into_bytes())
    }

    /// The directory that it speaks of.
    pub(super) fn generation(&self) -> &OsStr {
        OsStr::new(&self.generation)
    }

    /// When it was written.
    pub(super) fn written(&self) -> Option<SystemTime> {
        calendar::parse_rfc3339(&self.written)
    }

    /// How many files it has.
    pub(super) fn len(&self) -> usize {
        self.files.len()
    }

    /// Its files.
    pub(super) fn files(&self) -> impl Iterator<Item = Listed<'_>> {
        self.files.iter().map(|entry| Listed { generation: &self.generation, entry })
    }

    /// The names at the top of the set, some of them several times.
    pub(super) fn tops(&self) -> impl Iterator<Item = &str> {
        self.files.iter().filter_map(|entry| entry.path.split('/').next())
    }

    /// Whether `present` says the same of the same generation: then nothing is to be written down.
    pub(super) fn agrees_with(&self, present: &Self) -> bool {
        self.generation == present.generation && self.files == present.files
    }

    /// Whether the file at `index` lies as `present` shows it, and has the content that its HMAC is of.
    /// Which version of which backend it was does not count.
    pub(super) fn vouches_for(&self, index: usize, present: &Self) -> bool {
        let file = |manifest: &Self| {
            let entry = manifest.files.get(index)?;
            Some(Entry { provider: None, version: None, ..entry.clone() })
        };
        self.generation == present.generation && file(self).is_some_and(|entry| file(present) == Some(entry))
    }
}

/// One file, for whoever looks whether it is still so.
pub(super) struct Listed<'a> {
    generation: &'a str,
    entry: &'a Entry,
}

impl<'a> Listed<'a> {
    pub(super) fn generation(&self) -> &'a str {
        self.generation
    }

    pub(super) fn path(&self) -> &'a str {
        &self.entry.path
    }

    pub(super) fn hmac(&self) -> &'a str {
        &self.entry.hmac
    }

    /// What a file that looks so has otherwise.
    pub(super) fn difference(&self, stat: &FileStat) -> Option<&'static str> {
        let Entry { size, mode, uid, gid, .. } = self.entry;
        let shown = Audience::of(stat);
        if u64::try_from(stat.st_size) != Ok(*size) {
            Some("another size than kz wrote")
        } else if format!("{:04o}", shown.mode) != *mode {
            Some("another mode than kz gave it")
        } else if (shown.uid, shown.gid) != (*uid, *gid) {
            Some("another owner or group than kz gave it")
        } else {
            None
        }
    }

    /// Whether nothing at all was done to it since.
    pub(super) fn is_untouched(&self, stat: &FileStat) -> bool {
        self.entry.inode == stat.st_ino && changed(stat).as_ref() == Some(&self.entry.changed)
    }
}

/// The members before the files.
#[derive(Serialize)]
struct Head<'a> {
    version: u32,
    kz: &'a str,
    written: &'a str,
    generation: &'a str,
}

impl Entry {
    fn of(generation: &str, seen: &Seen<'_>, key: &Key) -> Option<Self> {
        let File { path, content, origin, .. } = seen.file;
        let Audience { uid, gid, mode } = Audience::of(&seen.stat);
        let is_short = |version: &String| version.len() <= VERSION_BYTES;
        Some(Self {
            path: path.as_str().to_owned(),
            size: u64::try_from(seen.stat.st_size).ok()?,
            mode: format!("{mode:04o}"),
            uid,
            gid,
            inode: seen.stat.st_ino,
            changed: changed(&seen.stat)?,
            hmac: key.authenticate(generation, path.as_str(), content.expose())?,
            provider: origin.as_ref().map(|origin| origin.provider.clone()),
            version: origin.as_ref().and_then(|origin| origin.version.clone()).filter(is_short),
        })
    }
}

/// When inode, content, mode, owner or links of a file changed last. No program can set it back.
fn changed(stat: &FileStat) -> Option<String> {
    let seconds = Duration::from_secs(u64::try_from(stat.st_ctime).ok()?);
    let [year, month, day, hour, minute, second] = calendar::fields(UNIX_EPOCH + seconds);
    let nanosecond = stat.st_ctime_nsec;
    Some(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{nanosecond:09}Z"))
}

#[cfg(test)]
mod tests {
    use nix::sys::stat::stat;

    use super::super::File;
    use super::super::testing::files;
    use super::*;
    use crate::delivery::Origin;

    const GENERATION: &str = "..2026_11_25_13_45_00.0123456789abcdef";

    fn key(first: u8) -> Key {
        Key::from_bytes(&(first..).take(Key::BYTES).collect::<Vec<u8>>()).unwrap()
    }

    fn seen(files: &[File]) -> Vec<Seen<'_>> {
        files.iter().map(|file| Seen { file, stat: stat("/").unwrap(), was_read: false }).collect()
    }

    fn manifest(generation: &str, files: &[File], key: &Key) -> Manifest {
        Manifest::of(OsStr::new(generation), &seen(files), key, UNIX_EPOCH).unwrap()
    }

    fn text(manifest: &Manifest) -> String {
        String::from_utf8(manifest.text().unwrap()).unwrap()
    }

    fn hmacs(manifest: &Manifest) -> Vec<&str> {
        manifest.files.iter().map(|entry| entry.hmac.as_str()).collect()
    }

    #[test]
    fn the_hmac_is_the_documented_one() {
        // From Python's `hmac`, by the words of docs/manifest.md, with the key 00 01 … 1f.
        let files = files(&[("A", "an example")]);
        let expected = "40caeed557e19602c4bd2af5c506b9c9e9d6e7f10c50e3ce43fca9157f4b7c72";
        assert_eq!(hmacs(&manifest(GENERATION, &files, &key(0))), [expected]);
    }

    #[test]
    fn equal_values_look_different_in_one_manifest_and_between_two() {
        let same = files(&[("A", "value"), ("B", "value")]);
        let other = "..2026_11_25_13_45_01.0123456789abcdef";
        let manifests =
            [(GENERATION, 0), (other, 0), (GENERATION, 1)].map(|(at, by)| manifest(at, &same, &key(by)));
        let mut all: Vec<&str> = manifests.iter().flat_map(hmacs).collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 6);
    }

    #[test]
    fn where_a_path_ends_and_a_value_begins_cannot_be_mistaken() {
        let tag = |generation, path, content: &str| key(0).authenticate(generation, path, content.as_bytes());
        assert_ne!(tag("g", "a", "bc"), tag("g", "ab", "c"));
        assert_ne!(tag("g", "ab", ""), tag("ga", "b", ""));
    }

    #[test]
    fn the_time_of_a_change_is_told_to_the_nanosecond() {
        let mut stat = stat("/").unwrap();
        (stat.st_ctime, stat.st_ctime_nsec) = (1_795_458_037, 12_000);
        assert_eq!(changed(&stat).as_deref(), Some("2026-11-23T18:20:37.000012000Z"));
    }

    #[test]
    fn keys_are_drawn_anew() {
        assert_ne!(Key::draw().unwrap().expose(), Key::draw().unwrap().expose());
        assert!(Key::from_bytes(&[0; Key::BYTES - 1]).is_none());
    }

    #[test]
    fn it_reads_back_as_it_was_written_and_holds_no_value() {
        let mut files = files(&[("A", "canary-1"), ("tls/\u{1}\"é", "canary-2"), ("empty", "")]);
        files[0].origin = Some(Origin { provider: "vault-eu".into(), version: Some("7".into()) });
        let manifest = manifest(GENERATION, &files, &key(0));
        let text = text(&manifest);
        assert_eq!(Manifest::parse(text.as_bytes()), Some(manifest));
        assert_eq!(text.lines().count(), 5, "a line for each file\n{text}");
        assert!(text.contains("\"provider\":\"vault-eu\",\"version\":\"7\"") && !text.contains("canary"));
    }

    #[test]
    fn the_documented_example_is_a_manifest_to_the_letter() {
        let page = include_str!("../../docs/manifest.md");
        let example = page.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
        let manifest = Manifest::parse(example.as_bytes()).unwrap();
        assert_eq!(text(&manifest), example);
        let files = files(&[("DATABASE_PASSWORD", "an example"), ("tls/server.key", "an example too")]);
        assert_eq!(hmacs(&manifest), hmacs(&self::manifest(&manifest.generation, &files, &key(0))));
        for (entry, file) in manifest.files.iter().zip(&files) {
            assert_eq!(entry.size, file.content.expose().len() as u64);
        }
    }

    #[test]
    fn what_is_not_of_this_version_to_the_letter_is_none() {
        let files = files(&[("A", "1")]);
        let good = text(&manifest(GENERATION, &files, &key(0)));
        assert!(Manifest::parse(good.as_bytes()).is_some());
        for (from, to) in [
            ("\"version\":1", "\"version\":2"),
            ("\"version\":1", "\"version\":\"1\""),
            ("\"version\":1,", ""),
            ("\"version\":1", "\"version\":1,\"more\":0"),
            ("\"version\":1", "\"version\":1,\"version\":1"),
            ("\"path\":\"A\"", "\"path\":\"A\",\"more\":0"),
            ("\"path\":\"A\",", ""),
            ("\"size\":", "\"size\":-"),
            ("]}\n", "]}}\n"),
            ("]}\n", "]}\n{}"),
            ("]}\n", ""),
            ("{", ""),
        ] {
            let text = good.replacen(from, to, 1);
            assert_ne!(text, good, "{from}");
            assert_eq!(Manifest::parse(text.as_bytes()), None, "{text}");
        }
        for other in [&b""[..], b"null", b"[]", b"\xff", "[".repeat(10_000).as_bytes()] {
            assert_eq!(Manifest::parse(other), None);
        }
    }

    #[test]
    fn every_fact_counts_in_what_it_vouches_for() {
        let files = files(&[("A", "1"), ("B", "2")]);
        let present = manifest(GENERATION, &files, &key(0));
        let entry = present.files[1].clone();
        let others = [
            Entry { path: "C".into(), ..entry.clone() },
            Entry { size: entry.size + 1, ..entry.clone() },
            Entry { mode: "0440".into(), ..entry.clone() },
            Entry { uid: entry.uid + 1, ..entry.clone() },
            Entry { gid: entry.gid + 1, ..entry.clone() },
            Entry { inode: entry.inode + 1, ..entry.clone() },
            Entry { changed: "2026-11-25T13:45:00.000000001Z".into(), ..entry.clone() },
            Entry { hmac: present.files[0].hmac.clone(), ..entry.clone() },
        ];
        for other in others {
            let last = Manifest {
                files: vec![present.files[0].clone(), other],
                ..manifest(GENERATION, &[], &key(0))
            };
            assert!(last.vouches_for(0, &present) && !last.vouches_for(1, &present), "{last:?}");
            assert!(!last.agrees_with(&present), "{last:?}");
        }
        let elsewhere = Manifest { files: present.files.clone(), ..manifest("..other", &[], &key(0)) };
        assert!(!elsewhere.vouches_for(0, &present) && !elsewhere.agrees_with(&present));
        assert!(!manifest(GENERATION, &[], &key(0)).vouches_for(0, &present));
    }

    #[test]
    fn the_version_of_a_backend_is_written_down_anew_but_makes_no_other_file() {
        let mut files = files(&[("A", "1")]);
        let mut of = |version: &str| {
            files[0].origin = Some(Origin { provider: "vault".into(), version: Some(version.into()) });
            manifest(GENERATION, &files, &key(0))
        };
        let (seven, eight) = (of("7"), of("8"));
        assert!(seven.vouches_for(0, &eight) && !seven.agrees_with(&eight) && seven.agrees_with(&of("7")));
        // Nor does a backend decide how large a manifest becomes.
        assert_eq!(of(&"9".repeat(VERSION_BYTES + 1)).files[0].version, None);
    }
}
