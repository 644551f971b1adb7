//! Each filter, over every value of `tests/nasty`, through the programs that read what it makes: a value comes back
//! byte for byte, or the filter had refused it. For each reader a control shows that a wrong writer is caught.

use std::fmt::Write as _;
use std::process::Command;

use kz::resolve::template::{FILTERS, Fault, Template};
use kz::secret::Secret;

use crate::nasty;
use crate::support::{Sandbox, in_repository, tools};
use crate::template_servers::{Postgres, Redis, run_psql};

/// What a reader makes of what a filter made of each value; `None` where it sees no such value.
type Read = fn(&Sandbox, &[String]) -> Vec<Option<Vec<u8>>>;

/// A reader of what a filter makes.
struct Reader {
    filter: &'static str,
    name: &'static str,
    read: Read,
    /// What a careless writer makes of a value, and that value.
    control: (&'static str, &'static str),
    /// Whether the filter has to refuse a value that is text.
    refuses: fn(&str) -> bool,
}

const NOTHING: fn(&str) -> bool = |_| false;
const NO_XML: fn(&str) -> bool =
    |text| text.contains(|c| (c < ' ' && !"\t\n\r".contains(c)) || c == '\u{fffe}' || c == '\u{ffff}');
const NO_FIELD: fn(&str) -> bool = |text| text.is_empty() || text.contains(['\0', '\n', '\r']);
const NO_INI: fn(&str) -> bool = |text| {
    let white = |c: char| c.is_whitespace();
    text.contains(|c: char| c != '\t' && c.is_control()) || text.trim_matches(white) != text
};

const fn reader(
    filter: &'static str,
    name: &'static str,
    read: Read,
    control: (&'static str, &'static str),
    refuses: fn(&str) -> bool,
) -> Reader {
    Reader { filter, name, read, control, refuses }
}

const ESCAPE: (&str, &str) = (r#""a\tb""#, r"a\tb");

const READERS: &[Reader] = &[
    reader(
        "urlencode",
        "urllib.parse",
        |s, e| python(s, "unquote", &lines("", "=", e), e.len()),
        ("%41", "%41"),
        NOTHING,
    ),
    reader(
        "b64encode",
        "base64",
        |s, e| python(s, "b64decode", &lines("", "=", e), e.len()),
        ("Yg==", "a"),
        NOTHING,
    ),
    reader("tojson", "json", |s, e| python(s, "json", &json(e), e.len()), ESCAPE, NOTHING),
    reader("toml", "tomllib", |s, e| python(s, "tomllib", &lines("", " = ", e), e.len()), ESCAPE, NOTHING),
    reader("yaml", "PyYAML", |s, e| python(s, "PyYAML", &lines("", ": ", e), e.len()), ESCAPE, NOTHING),
    reader(
        "yaml",
        "libyaml",
        |s, e| python(s, "libyaml", &lines("", ": ", e), e.len()),
        ("yes", "yes"),
        NOTHING,
    ),
    reader(
        "yaml",
        "ruamel.yaml",
        |s, e| python(s, "ruamel", &lines("", ": ", e), e.len()),
        ("null", "null"),
        NOTHING,
    ),
    reader(
        "xml",
        "ElementTree text",
        |s, e| python(s, "ElementTree-text", &xml(e), e.len()),
        ("&amp;", "&amp;"),
        NO_XML,
    ),
    reader(
        "xml",
        "ElementTree \"",
        |s, e| python(s, "ElementTree-double", &xml(e), e.len()),
        ("a\nb", "a\nb"),
        NO_XML,
    ),
    reader(
        "xml",
        "ElementTree '",
        |s, e| python(s, "ElementTree-single", &xml(e), e.len()),
        ("a\tb", "a\tb"),
        NO_XML,
    ),
    reader("xml", "xmllint text", |s, e| xmllint(s, "", e), ("a\rb", "a\rb"), NO_XML),
    reader("xml", "xmllint \"", |s, e| xmllint(s, "/@double", e), ("a\nb", "a\nb"), NO_XML),
    reader("xml", "xmllint '", |s, e| xmllint(s, "/@single", e), ("&#9;", "&#9;"), NO_XML),
    reader("sh", "dash", |s, e| shell(s, &["dash"], e), (r#""\\\\""#, r"\\\\"), |text| text.contains('\0')),
    reader("sh", "bash", |s, e| shell(s, &["bash"], e), ("$((1+1))", "$((1+1))"), |text| text.contains('\0')),
    reader(
        "sh",
        "busybox sh",
        |s, e| shell(s, &["busybox", "sh"], e),
        ("`echo`x", "`echo`x"),
        |text| text.contains('\0'),
    ),
    reader("pgpass", "psql", psql, (r"a\b", r"a\b"), NO_FIELD),
    reader(
        "ini",
        "configparser",
        |s, e| python(s, "configparser", &lines("[values]\n", " = ", e), e.len()),
        (" a", " a"),
        NO_INI,
    ),
    reader("redis", "redis-server", redis, (r#""\x41""#, r"\x41"), |text| text.contains('\0')),
    reader(
        "raw",
        "byte for byte",
        |_, e| e.iter().map(|e| Some(e.clone().into_bytes())).collect(),
        ("b", "a"),
        NOTHING,
    ),
];

/// `vN SEPARATOR encoded`, a line each.
fn lines(head: &str, separator: &str, encoded: &[String]) -> String {
    let lines = encoded.iter().enumerate().map(|(index, encoded)| format!("v{index}{separator}{encoded}\n"));
    head.to_owned() + &lines.collect::<String>()
}

fn json(encoded: &[String]) -> String {
    let members = encoded.iter().enumerate().map(|(index, encoded)| format!("\"v{index}\": {encoded}"));
    format!("{{{}}}", members.collect::<Vec<_>>().join(",\n"))
}

/// Text and attributes, in a document of an encoding that nobody asked for.
fn xml(encoded: &[String]) -> String {
    let element = |(index, encoded): (usize, &String)| {
        format!("<v{index} double=\"{encoded}\" single='{encoded}'>{encoded}</v{index}>")
    };
    let elements: String = encoded.iter().enumerate().map(element).collect();
    format!("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\n<r>{elements}</r>\n")
}

/// What a Python library reads.
fn python(sandbox: &Sandbox, kind: &str, document: &str, number: usize) -> Vec<Option<Vec<u8>>> {
    // PyYAML comes with moto, ruamel.yaml with check-jsonschema.
    let home = tools().join(if kind == "ruamel" { "check-jsonschema" } else { "moto" });
    let python = home.join("bin/python");
    assert!(python.exists(), "{} is missing: run `make setup`", python.display());
    let file = sandbox.file("document", document);
    let script = in_repository("tests/readers/documents.py");
    let run = sandbox
        .run(Command::new(python).arg(script).arg(kind).arg(file).arg(number.to_string()))
        .expect_code(0);
    run.stdout().lines().map(unhex).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

const SEPARATOR: &str = "-=SEPARATOR=-";

fn xmllint(sandbox: &Sandbox, attribute: &str, encoded: &[String]) -> Vec<Option<Vec<u8>>> {
    let file = sandbox.file("document.xml", xml(encoded));
    let values = (0..encoded.len()).map(|index| format!("string(/r/v{index}{attribute})"));
    let values = values.collect::<Vec<_>>().join(&format!(",\"{SEPARATOR}\","));
    let mut command = Command::new("xmllint");
    command.args(["--huge", "--xpath", &format!("concat({values},\"\")")]).arg(file);
    let run = sandbox.run(&mut command).expect_code(0);
    let text = String::from_utf8(run.output.stdout).expect("UTF-8");
    let text = text.strip_suffix('\n').expect("a line break");
    text.split(SEPARATOR).map(|value| Some(value.as_bytes().to_vec())).collect()
}

fn shell(sandbox: &Sandbox, shell: &[&str], encoded: &[String]) -> Vec<Option<Vec<u8>>> {
    let script = sandbox.file("script", format!("printf '%s\\0' {}\n", encoded.join(" \\\n")));
    let run = sandbox.run(Command::new(shell[0]).args(&shell[1..]).arg(script)).expect_code(0);
    assert_eq!(run.stderr(), "");
    let values = run.output.stdout.strip_suffix(b"\0").expect("values").split(|&byte| byte == 0);
    values.map(|value| Some(value.to_vec())).collect()
}

/// psql finds each password in one file, and sends it to a server that asks for it in the clear.
fn psql(sandbox: &Sandbox, encoded: &[String]) -> Vec<Option<Vec<u8>>> {
    let server = Postgres::start(encoded.len());
    let line =
        |(index, encoded): (usize, &String)| format!("127.0.0.1:{}:app:u{index}:{encoded}\n", server.port);
    sandbox.file("pgpass", encoded.iter().enumerate().map(line).collect::<String>());
    sandbox.mode("pgpass", 0o600);
    for index in 0..encoded.len() {
        run_psql(sandbox, server.port, "app", &format!("u{index}"));
    }
    server.passwords()
}

/// A server whose users have these passwords: one that lets a user in with the value has read the value.
fn redis(sandbox: &Sandbox, encoded: &[String]) -> Vec<Option<Vec<u8>>> {
    let users = encoded.iter().enumerate().map(|(index, encoded)| format!("user u{index} on >{encoded}\n"));
    let server = Redis::start(sandbox, &users.collect::<String>());
    // A control's one value is not among the carried ones.
    let values = carried("redis").into_iter().map(|(value, _)| value);
    let values: Vec<Vec<u8>> = if encoded.len() == 1 { vec![br"\x41".to_vec()] } else { values.collect() };
    let login = |(index, value): (usize, Vec<u8>)| {
        let reply = server.ask(&[b"AUTH", format!("u{index}").as_bytes(), &value]);
        reply.starts_with("+OK").then_some(value)
    };
    values.into_iter().enumerate().map(login).collect()
}

/// What a filter makes of a value; nothing where it refuses.
fn encode(filter: &str, value: &[u8]) -> Option<String> {
    let template = Template::parse(&format!("{{{{ X | {filter} }}}}")).expect("a template");
    match template.render(&[("X", &Secret::new(value.to_vec()))], &[]) {
        Ok(encoded) => Some(encoded.expose_text().expect("text").to_owned()),
        Err(error) => {
            let words = error.to_string();
            let said = match &error.fault {
                Fault::Refused(refused) => refused.filter == filter && words.contains(filter),
                Fault::NotText => std::str::from_utf8(value).is_err(),
                _ => false,
            };
            assert!(said, "{filter}: {words}");
            let shows = value.len() > 8 && words.contains(&*String::from_utf8_lossy(value));
            assert!(!shows, "{filter} repeats a value: {words}");
            None
        }
    }
}

/// The values that a filter takes, with what it makes of them.
fn carried(filter: &str) -> Vec<(Vec<u8>, String)> {
    let values = nasty::values().into_iter();
    values.filter_map(|value| encode(filter, &value).map(|encoded| (value, encoded))).collect()
}

/// How many of the values came back as something else.
fn mismatches(reader: &Reader, values: &[(Vec<u8>, String)]) -> Vec<String> {
    let sandbox = Sandbox::new();
    let encoded: Vec<String> = values.iter().map(|(_, encoded)| encoded.clone()).collect();
    let read = (reader.read)(&sandbox, &encoded);
    assert_eq!(read.len(), values.len(), "{} {}", reader.filter, reader.name);
    let pairs = values.iter().zip(read);
    let differ = pairs.filter(|((value, _), read)| read.as_ref() != Some(value));
    differ.map(|((value, _), _)| String::from_utf8_lossy(value).chars().take(40).collect()).collect()
}

#[test]
fn every_value_comes_back_through_its_reader_or_is_refused() {
    let values = nasty::values();
    println!("{:<10} {:<18} {:>7} {:>7} {:>10}", "filter", "reader", "carried", "refused", "mismatches");
    for reader in READERS {
        let carried = carried(reader.filter);
        let differ = mismatches(reader, &carried);
        let refused = values.len() - carried.len();
        let Reader { filter, name, .. } = reader;
        println!("{filter:<10} {name:<18} {:>7} {refused:>7} {:>10}", carried.len(), differ.len());
        assert!(differ.is_empty(), "{filter} through {name}: {differ:?}");
        assert!(carried.len() + refused == values.len() && carried.len() > 150, "{filter}");
    }
}

#[test]
fn a_filter_refuses_what_its_place_cannot_hold_and_nothing_else() {
    for Reader { filter, refuses, .. } in READERS {
        let takes_bytes = FILTERS.iter().any(|known| known.name == *filter && known.takes_bytes());
        for value in nasty::values() {
            let expected = match std::str::from_utf8(&value) {
                Ok(text) => refuses(text),
                Err(_) => !takes_bytes || refuses(&String::from_utf8_lossy(&value)),
            };
            assert_eq!(encode(filter, &value).is_none(), expected, "{filter}: {value:?}");
        }
    }
}

#[test]
fn every_filter_has_a_reader() {
    for filter in FILTERS.iter().filter(|filter| filter.is_for_a_place()) {
        assert!(READERS.iter().any(|reader| reader.filter == filter.name), "{}", filter.name);
    }
}

#[test]
fn a_wrong_writer_is_caught_by_every_reader() {
    for reader in READERS {
        let (wrong, value) = reader.control;
        let differ = mismatches(reader, &[(value.as_bytes().to_vec(), wrong.to_owned())]);
        assert_eq!(differ.len(), 1, "{} through {} sees no difference", reader.filter, reader.name);
    }
}

/// A field of one `*` means any, unless it is escaped.
#[test]
fn a_star_in_a_field_of_pgpass_means_itself() {
    let field = encode("pgpass", b"*").expect("a field");
    for (field, database, found) in [(&*field, "*", true), (&*field, "other", false), ("*", "other", true)] {
        let sandbox = Sandbox::new();
        let server = Postgres::start(1);
        sandbox.file("pgpass", format!("127.0.0.1:{}:{field}:app:secret\n", server.port));
        sandbox.mode("pgpass", 0o600);
        run_psql(&sandbox, server.port, database, "app");
        assert_eq!(server.passwords()[0].is_some(), found, "{field} {database}");
    }
}

/// What a document's section shows in its blocks, in order.
fn blocks(heading: &str) -> Vec<String> {
    let page = std::fs::read_to_string(in_repository("docs/templates.md")).expect("the page");
    let section = page.split("\n## ").find(|section| section.starts_with(heading)).expect(heading);
    let blocks = section.split("\n```").skip(1).step_by(2);
    blocks.map(|block| block.split_once('\n').expect("a block").1.to_owned() + "\n").collect()
}

/// The example's files made, its commands run, and what it shows compared.
fn follow(heading: &str, template: &str, output: &str) -> Sandbox {
    let blocks = blocks(heading);
    let [configuration, text, commands, result] = &blocks[..] else { panic!("{heading}: {blocks:?}") };
    let sandbox = Sandbox::with_config(configuration);
    sandbox.file(template, text);
    sandbox.copy_kz();
    let script = format!("set -e\nPATH=$PWD:$PATH\n{commands}");
    sandbox.run(Command::new("sh").args(["-c", &script])).expect_code(0);
    assert_eq!(&std::fs::read_to_string(sandbox.path(output)).expect("the output"), result);
    sandbox
}

#[test]
fn the_pages_example_of_redis_is_what_redis_reads() {
    let sandbox = follow("Example: redis.conf", "redis.conf.tmpl", "secrets/redis.conf");
    let written = std::fs::read_to_string(sandbox.path("secrets/redis.conf")).expect("the output");
    let server = Redis::start(&sandbox, &written.replace("port 6379", ""));
    assert_eq!(server.ask(&[b"PING"]), "-NOAUTH Authentication required.\r\n");
    assert_eq!(server.ask(&[b"AUTH", b"it's \"5\" #1"]), "+OK\r\n");
}

#[test]
fn the_pages_example_of_pgpass_is_what_psql_reads() {
    let sandbox = follow("Example: .pgpass", "pgpass.tmpl", "secrets/.pgpass");
    let server = Postgres::start(1);
    let written = std::fs::read_to_string(sandbox.path("secrets/.pgpass")).expect("the output");
    sandbox.file("pgpass", written.replace("db:5432", &format!("127.0.0.1:{}", server.port)));
    sandbox.mode("pgpass", 0o600);
    run_psql(&sandbox, server.port, "app", "app");
    assert_eq!(server.passwords(), [Some(br"a:b\c".to_vec())]);
}

/// The page's table of filters is the program's.
#[test]
fn the_committed_page_has_the_table_of_filters() {
    let page = std::fs::read_to_string(in_repository("docs/templates.md")).expect("the page");
    let (start, end) = ("<!-- filters, made by `make generated` -->\n", "<!-- end of filters -->");
    let (before, rest) = page.split_once(start).expect(start);
    let (_, after) = rest.split_once(end).expect(end);
    let mut table = "| filter | makes | bytes | refuses | read back by |\n|---|---|---|---|---|\n".to_owned();
    for filter in FILTERS {
        let kz::resolve::template::Filter { name, makes, refuses, readers, .. } = filter;
        let bytes = if filter.takes_bytes() { "any" } else { "UTF-8" };
        let _ = writeln!(table, "| `{name}` | {makes} | {bytes} | {refuses} | {readers} |");
    }
    crate::support::expect_committed("docs/templates.md", &format!("{before}{start}{table}{end}{after}"));
}
