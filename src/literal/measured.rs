//! How well credentials and names are told apart, measured on a thousand of each kind, drawn from a fixed seed.

use super::{HIDDEN, redacted, reference};

/// `SplitMix64`.
struct Chance(u64);

const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";
const DIGITS: &str = "0123456789";
const HEX: &str = "0123456789abcdef";
/// Words that people make names of.
const WORDS: [&str; 16] = [
    "app", "prod", "database", "payments", "stripe", "api", "web", "staging", "billing", "redis", "orders",
    "auth", "team", "eu", "db", "worker",
];
/// The same as logical ids have them.
const IDS: [&str; 8] = [
    "DatabaseSecret",
    "RDSMasterSecret",
    "AppSecret",
    "ApiKey",
    "StripeWebhook",
    "MyDBCluster",
    "CacheAuthToken",
    "Db",
];

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, number: usize) -> usize {
        usize::try_from(self.next() % number as u64).unwrap()
    }

    fn drawn(&mut self, alphabet: &str, length: usize) -> String {
        (0..length).map(|_| char::from(alphabet.as_bytes()[self.below(alphabet.len())])).collect()
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    fn uuid(&mut self) -> String {
        [8, 4, 4, 4, 12].map(|length| self.drawn(HEX, length)).join("-")
    }

    /// As Vault's default policy for passwords has them: twenty characters, with each of four kinds.
    fn password(&mut self) -> String {
        let all = format!("{UPPER}{LOWER}{DIGITS}-");
        loop {
            let text = self.drawn(&all, 20);
            let has = |kind: &str| text.contains(|c| kind.contains(c));
            if has(UPPER) && has(LOWER) && has(DIGITS) && has("-") {
                return text;
            }
        }
    }
}

type Draw = fn(&mut Chance) -> String;

fn alphanumeric() -> String {
    format!("{UPPER}{LOWER}{DIGITS}")
}

/// What is to be hidden: its kind, how, and of how many in a hundred at least.
const CREDENTIALS: [(&str, Draw, usize); 15] = [
    ("16 hexadecimal digits", |chance| chance.drawn(HEX, 16), 95),
    ("24 hexadecimal digits", |chance| chance.drawn(HEX, 24), 99),
    ("32 hexadecimal digits", |chance| chance.drawn(HEX, 32), 100),
    ("a UUID", Chance::uuid, 100),
    ("a service token, `s.`", |chance| format!("s.{}", chance.drawn(&alphanumeric(), 24)), 100),
    (
        "a batch token, `b.`",
        |chance| format!("b.{}", chance.drawn(&format!("{}-_", alphanumeric()), 138)),
        100,
    ),
    (
        "a service token, `hvs.`",
        |chance| format!("hvs.{}", chance.drawn(&format!("{}-_", alphanumeric()), 92)),
        100,
    ),
    ("a database password, `A1a-`", |chance| format!("A1a-{}", chance.drawn(&alphanumeric(), 16)), 100),
    ("a database password of the default policy", Chance::password, 80),
    ("a key of AWS's", |chance| chance.drawn(&format!("{}+/", alphanumeric()), 40), 99),
    ("an id of a key of AWS's", |chance| format!("AKIA{}", chance.drawn(&format!("{UPPER}234567"), 16)), 100),
    ("32 bytes in base64", |chance| format!("{}=", chance.drawn(&format!("{}+/", alphanumeric()), 43)), 99),
    ("24 letters and digits", |chance| chance.drawn(&alphanumeric(), 24), 95),
    ("24 characters with signs", |chance| chance.drawn(&format!("{}+=!$%&*^?", alphanumeric()), 24), 98),
    ("a token of GitHub's", |chance| format!("ghp_{}", chance.drawn(&alphanumeric(), 36)), 100),
];

/// What is to be shown likewise.
const NAMES: [(&str, Draw, usize); 12] = [
    (
        "an ARN of a secret",
        |chance| {
            let (one, other, end) =
                (chance.one(&WORDS), chance.one(&WORDS), chance.drawn(&alphanumeric(), 6));
            let account = chance.drawn(DIGITS, 12);
            format!("arn:aws:secretsmanager:eu-central-1:{account}:secret:{one}/{other}-{end}#password")
        },
        100,
    ),
    (
        "a secret's name with the end of its ARN",
        |chance| {
            format!("{}/{}-{}", chance.one(&WORDS), chance.one(&WORDS), chance.drawn(&alphanumeric(), 6))
        },
        99,
    ),
    (
        "CloudFormation's name",
        |chance| format!("{}-{}", chance.one(&IDS), chance.drawn(&alphanumeric(), 12)),
        95,
    ),
    (
        "CloudFormation's name, of the CDK",
        |chance| {
            let (id, hash) = (chance.one(&IDS), chance.drawn("0123456789ABCDEF", 8));
            format!("{id}{hash}-{}", chance.drawn(&alphanumeric(), 12))
        },
        95,
    ),
    (
        "the same with its stack, the end of its ARN and a field",
        |chance| {
            let (id, hash) = (chance.one(&IDS), chance.drawn("0123456789ABCDEF", 8));
            let (name, end) = (chance.drawn(&alphanumeric(), 12), chance.drawn(&alphanumeric(), 6));
            format!("MyStack-{id}{hash}-{name}-{end}#password")
        },
        95,
    ),
    (
        "a pod",
        |chance| {
            let (hash, end) = (
                chance.drawn("bcdfghjklmnpqrstvwxz2456789", 9),
                chance.drawn("bcdfghjklmnpqrstvwxz2456789", 5),
            );
            format!("{}-{hash}-{end}", chance.one(&WORDS))
        },
        99,
    ),
    ("a commit in a path", |chance| format!("deploy/{}/env#KEY", chance.drawn(HEX, 40)), 99),
    ("a UUID in a path", |chance| format!("tenants/{}/db/password", chance.uuid()), 100),
    (
        "an item of 1Password's, by ids",
        |chance| {
            let base32 = "abcdefghijklmnopqrstuvwxyz234567";
            format!("op://{}/{}/password", chance.drawn(base32, 26), chance.drawn(base32, 26))
        },
        100,
    ),
    (
        "a secret of Google's, by the project's number",
        |chance| {
            format!(
                "projects/{}/secrets/{}-{}/versions/7",
                chance.drawn(DIGITS, 12),
                chance.one(&WORDS),
                chance.one(&WORDS)
            )
        },
        100,
    ),
    (
        "a container in a path",
        |chance| format!("/var/lib/docker/containers/{}/secrets.json", chance.drawn(HEX, 64)),
        100,
    ),
    (
        "a path of Vault's",
        |chance| {
            format!(
                "secret/data/{}/{}-{}/{}",
                chance.one(&WORDS),
                chance.one(&WORDS),
                chance.below(99),
                chance.one(&WORDS)
            )
        },
        100,
    ),
];

const EACH: usize = 1000;

/// Of so many the text is not repeated, as a word of a message and as a ref.
fn hidden(draw: Draw) -> [usize; 2] {
    let mut chance = Chance(42);
    let texts: Vec<String> = (0..EACH).map(|_| draw(&mut chance)).collect();
    let is_gone = |text: &&String| !redacted(&format!("no `{text}` here")).contains(text.as_str());
    let gone = texts.iter().filter(is_gone).count();
    [gone, texts.iter().filter(|text| reference(text) == HIDDEN).count()]
}

#[test]
fn credentials_are_hidden_and_names_are_shown() {
    let mut failed = Vec::new();
    for (kind, draw, least) in CREDENTIALS {
        let [word, as_ref] = hidden(draw);
        eprintln!("{kind:60} hidden {word:5} {as_ref:5} of {EACH}");
        if word.min(as_ref) * 100 < least * EACH {
            failed.push(kind);
        }
    }
    for (kind, draw, least) in NAMES {
        let [word, as_ref] = hidden(draw).map(|hidden| EACH - hidden);
        eprintln!("{kind:60} shown  {word:5} {as_ref:5} of {EACH}");
        if word.min(as_ref) * 100 < least * EACH {
            failed.push(kind);
        }
    }
    assert_eq!(failed, [""; 0]);
}
