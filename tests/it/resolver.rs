//! Names in a network of a test's own: its own `resolv.conf`, `hosts` and `nsswitch.conf`, and name servers that fail as it
//! says. Beside kz, glibc is asked (`getent ahosts`) in the same place: both find the same addresses or none. Where kz is to
//! differ, the row says so, with the reason. Of kz it is seen (`strace`) which addresses it connects to; nobody listens there.

use std::collections::BTreeSet;
use std::process::Command;

use nix::sched::{CloneFlags, unshare};

use crate::support::{Run, Sandbox, kz_binary};

mod name_server;

use name_server::{Reply, serve};

/// A name's own addresses, by the name servers here.
const BOTH: &[&str] = &["127.0.0.9", "::1"];
const V4: &[&str] = &["127.0.0.9"];
const NONE: &[&str] = &[];
const ONE_SERVER: &str = "nameserver 127.0.0.53\noptions timeout:1 attempts:1\n";

/// What a name comes to.
enum Verdict {
    /// The same for kz and for glibc.
    Both(&'static [&'static str]),
    /// This for kz and that for glibc, for a reason.
    Differs(&'static [&'static str], &'static [&'static str], &'static str),
}

struct Row {
    what: &'static str,
    host: &'static str,
    resolv_conf: &'static str,
    hosts: &'static str,
    nsswitch: &'static str,
    /// Told the address of the name server, the kind of address, and the name.
    answer: fn(&str, &str, &str) -> Reply,
    verdict: Verdict,
}

impl Row {
    fn new(what: &'static str, answer: fn(&str, &str, &str) -> Reply, verdict: Verdict) -> Self {
        let (host, resolv_conf, nsswitch) = ("vault.test", ONE_SERVER, "hosts: files dns\n");
        Self { what, host, resolv_conf, hosts: "", nsswitch, answer, verdict }
    }

    /// What kz and glibc make of it, in a network of this thread's own.
    fn holds(&self) -> Result<(), String> {
        let sandbox =
            Sandbox::with_config("[secrets]\nA = { provider = \"vault\", ref = \"secret/data/a/b\" }\n");
        for (name, content) in
            [("resolv.conf", self.resolv_conf), ("hosts", self.hosts), ("nsswitch.conf", self.nsswitch)]
        {
            sandbox.file(name, content);
        }
        unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS).expect("a network: is this root?");
        let bind = |name: &str| format!("mount --bind {name} /etc/{name}");
        let binds = ["resolv.conf", "hosts", "nsswitch.conf"].map(bind).join("\n");
        let script = format!("mount --make-rprivate /\n{binds}\n/bin/busybox ip link set lo up\n");
        sandbox.run(Command::new("sh").args(["-ec", &script])).expect_code(0);
        for server in ["127.0.0.53", "127.0.0.54", "127.0.0.55"] {
            let answer = self.answer;
            serve(server, move |kind, name| answer(server, kind, name));
        }
        let (kz, run) = asked_by_kz(&sandbox, self.host);
        let glibc = asked_by_glibc(&sandbox, self.host);
        let (ours, theirs) = match self.verdict {
            Verdict::Both(both) => (both, both),
            Verdict::Differs(ours, theirs, _) => (ours, theirs),
        };
        let none_is_said = !kz.is_empty() || run.stderr().contains("does not resolve");
        if kz != set(ours) || glibc != set(theirs) || !none_is_said {
            let why = if let Verdict::Differs(_, _, why) = self.verdict { why } else { "alike" };
            return Err(format!("{} ({why}): kz {kz:?}, glibc {glibc:?}\n{}", self.what, run.describe()));
        }
        Ok(())
    }
}

fn set(addresses: &[&str]) -> BTreeSet<String> {
    addresses.iter().map(|&address| address.to_owned()).collect()
}

/// To which addresses kz connects.
fn asked_by_kz(sandbox: &Sandbox, host: &str) -> (BTreeSet<String>, Run) {
    let words = ["-f", "-e", "trace=connect,clone,clone3", "-o", "trace"];
    let mut command = Command::new("strace");
    command.args(words).arg(kz_binary()).args(["--timeout", "8s", "export", "--format", "json"]);
    command.env("VAULT_ADDR", format!("http://{host}:8200")).env("VAULT_TOKEN", "t");
    let run = sandbox.run(&mut command).expect_unresolved();
    let trace = std::fs::read_to_string(sandbox.path("trace")).expect("a trace");
    // A thread beside the main one could take a request to stop that this one holds back.
    assert!(!trace.contains("clone"), "a thread is started\n{trace}");
    let lines = trace.lines().filter(|line| line.contains("htons(8200)"));
    // `inet_addr("127.0.0.9")` and `inet_pton(AF_INET6, "::1", …)`.
    (lines.filter_map(|line| Some(line.split('"').nth(1)?.to_owned())).collect(), run)
}

fn asked_by_glibc(sandbox: &Sandbox, host: &str) -> BTreeSet<String> {
    let run = sandbox.run(Command::new("getent").args(["ahosts", host]));
    run.stdout().lines().filter_map(|line| Some(line.split_whitespace().next()?.to_owned())).collect()
}

/// Each in a network of its own, all at once, since name servers that are silent are waited for.
fn hold(rows: &[Row]) {
    let failed: Vec<String> = std::thread::scope(|scope| {
        let all: Vec<_> = rows.iter().map(|row| scope.spawn(|| row.holds())).collect();
        all.into_iter().filter_map(|one| one.join().expect("no panic").err()).collect()
    });
    assert!(failed.is_empty(), "{} of {}:\n{}", failed.len(), rows.len(), failed.join("\n"));
}

fn code(kind: &str, code: u8) -> Reply {
    if kind == "A" { Reply::Right } else { Reply::Code(code) }
}

#[test]
fn one_kind_of_address_is_enough_however_the_question_for_the_other_fails() {
    let of = |what, answer| Row::new(what, answer, Verdict::Both(V4));
    hold(&[
        Row::new("both are there", |_, _, _| Reply::Right, Verdict::Both(BOTH)),
        of("AAAA: no such record", |_, kind, _| code(kind, 0)),
        of("AAAA: SERVFAIL", |_, kind, _| code(kind, 2)),
        of("AAAA: NXDOMAIN", |_, kind, _| code(kind, 3)),
        of("AAAA: NOTIMP", |_, kind, _| code(kind, 4)),
        of("AAAA: REFUSED", |_, kind, _| code(kind, 5)),
        of("AAAA: nothing", |_, kind, _| if kind == "A" { Reply::Right } else { Reply::Silence }),
        Row::new(
            "A: SERVFAIL",
            |_, kind, _| if kind == "A" { Reply::Code(2) } else { Reply::Right },
            Verdict::Both(&["::1"]),
        ),
        Row::new("both: NXDOMAIN", |_, _, _| Reply::Code(3), Verdict::Both(NONE)),
        Row::new("both: SERVFAIL", |_, _, _| Reply::Code(2), Verdict::Both(NONE)),
        Row::new("both: nothing", |_, _, _| Reply::Silence, Verdict::Both(NONE)),
    ]);
}

#[test]
fn replies_that_are_cut_off_forged_or_garbage_lead_nowhere_else() {
    let of = |what, answer| Row::new(what, answer, Verdict::Both(BOTH));
    hold(&[
        of("cut off over UDP, whole over TCP", |_, _, _| Reply::OverTcp),
        of("another number first", |_, _, _| Reply::OtherNumber),
        of("another question first", |_, _, _| Reply::OtherQuestion),
        of("from another port first", |_, _, _| Reply::OtherPort),
        of("a chain of aliases", |_, _, _| Reply::Chain),
        Row::new("aliases in a circle", |_, _, _| Reply::Circle, Verdict::Both(NONE)),
        Row::new("garbage alone", |_, _, _| Reply::Garbage, Verdict::Both(NONE)),
        Row::new("an alias that leads nowhere", |_, _, _| Reply::DeadAlias, Verdict::Both(NONE)),
    ]);
}

#[test]
fn suffixes_are_tried_in_their_order_and_one_that_fails_is_followed_by_the_next() {
    const CLUSTER: &str = "nameserver 127.0.0.53\nsearch ns.svc.cluster.local svc.cluster.local\noptions ndots:5 timeout:1 attempts:2\n";
    fn of(what: &'static str, answer: fn(&str, &str, &str) -> Reply) -> Row {
        Row { resolv_conf: CLUSTER, ..Row::new(what, answer, Verdict::Both(BOTH)) }
    }
    let short = |what, answer| Row { host: "vault", ..of(what, answer) };
    hold(&[
        of(
            "suffixes: SERVFAIL",
            |_, _, name| if name == "vault.test" { Reply::Right } else { Reply::Code(2) },
        ),
        of(
            "suffixes: NXDOMAIN",
            |_, _, name| if name == "vault.test" { Reply::Right } else { Reply::Code(3) },
        ),
        of(
            "suffixes: REFUSED",
            |_, _, name| if name == "vault.test" { Reply::Right } else { Reply::Code(5) },
        ),
        of(
            "suffixes: no record",
            |_, _, name| if name == "vault.test" { Reply::Right } else { Reply::Code(0) },
        ),
        short("by the first suffix", |_, _, name| {
            if name == "vault.ns.svc.cluster.local" { Reply::Right } else { Reply::Code(3) }
        }),
        short("by the second, the first fails", |_, _, name| match name {
            "vault.svc.cluster.local" => Reply::Right,
            "vault.ns.svc.cluster.local" => Reply::Code(2),
            _ => Reply::Code(3),
        }),
    ]);
}

#[test]
fn of_several_name_servers_those_that_fail_are_followed_by_others() {
    const THREE: &str =
        "nameserver 127.0.0.53\nnameserver 127.0.0.54\nnameserver 127.0.0.55\noptions timeout:1 attempts:2\n";
    const TURNS: &str = "nameserver 127.0.0.53\nnameserver 127.0.0.54\nnameserver 127.0.0.55\noptions rotate timeout:1 attempts:2\n";
    fn of(what: &'static str, resolv_conf: &'static str, answer: fn(&str, &str, &str) -> Reply) -> Row {
        Row { resolv_conf, ..Row::new(what, answer, Verdict::Both(BOTH)) }
    }
    let last = |what, answer| of(what, THREE, answer);
    hold(&[
        last(
            "the first is silent",
            |server, _, _| {
                if server == "127.0.0.53" { Reply::Silence } else { Reply::Right }
            },
        ),
        last(
            "the first two refuse",
            |server, _, _| {
                if server == "127.0.0.55" { Reply::Right } else { Reply::Code(5) }
            },
        ),
        last(
            "the first fails",
            |server, _, _| {
                if server == "127.0.0.53" { Reply::Code(2) } else { Reply::Right }
            },
        ),
        of("in turn", TURNS, |_, _, _| Reply::Right),
        of("in turn, one is silent", TURNS, |server, _, _| {
            if server == "127.0.0.54" { Reply::Silence } else { Reply::Right }
        }),
    ]);
}

#[test]
fn files_come_before_name_servers_and_localhost_is_this_machine() {
    const EVIL: fn(&str, &str, &str) -> Reply = |_, _, _| Reply::Right;
    let of = |what, host, hosts, verdict| Row { host, hosts, ..Row::new(what, EVIL, verdict) };
    hold(&[
        of("in hosts", "vault.test", "127.0.0.7 vault.test\n", Verdict::Both(&["127.0.0.7"])),
        of(
            "in hosts as another's alias",
            "v",
            "127.0.0.7 vault.test v # v6\n",
            Verdict::Both(&["127.0.0.7"]),
        ),
        of("two lines", "v", "127.0.0.7 v\n127.0.0.8 v\n", Verdict::Both(&["127.0.0.7", "127.0.0.8"])),
        of(
            "localhost without hosts",
            "localhost",
            "",
            Verdict::Differs(
                &["127.0.0.1", "::1"],
                BOTH,
                "RFC 6761, 6.3: no name server is to say where `localhost` is",
            ),
        ),
        Row {
            nsswitch: "hosts: dns\n",
            ..of(
                "nsswitch.conf without files",
                "vault.test",
                "127.0.0.7 vault.test\n",
                Verdict::Differs(&["127.0.0.7"], BOTH, "kz does not read nsswitch.conf, nor does musl"),
            )
        },
        of("a literal of IPv4", "127.0.0.6", "", Verdict::Both(&["127.0.0.6"])),
    ]);
}

/// `getent ahosts fe80::1%lo` finds it, but no URL can name it (the WHATWG's standard has no zones).
#[test]
fn an_ipv6_literal_with_a_zone_is_refused_as_no_address() {
    let sandbox =
        Sandbox::with_config("[secrets]\nA = { provider = \"vault\", ref = \"secret/data/a/b\" }\n");
    for address in ["http://[fe80::1%25lo]:8200", "http://[fe80::1%lo]:8200"] {
        let mut command = Command::new(kz_binary());
        command.args(["export", "--format", "json"]).env("VAULT_ADDR", address).env("VAULT_TOKEN", "t");
        let run = sandbox.run(&mut command);
        run.expect_unresolved().expect_stderr(&["the address of Vault is not an address", "[KZ105]"]);
    }
}
