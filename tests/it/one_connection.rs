//! Servers that take one connection and no second: what waits for another gets on with the first, or says at the deadline what it
//! waited for. A kz that held the pool's lock while it looked at the pool hung here for ever, whatever its deadline.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Sandbox, kz_binary};

/// What becomes of every connection but the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Others {
    /// Nobody listens any more.
    Refused,
    /// The system takes them, and no program ever does.
    Stalled,
    /// They end as soon as they stand.
    Closed,
    /// The first as well, behind its first answer; and they are refused.
    AllOver,
}

const DOCUMENT: &str = r#"{"request_id":"r","lease_id":"","renewable":false,"lease_duration":0,"data":{"data":{"value":"v"},
"metadata":{"version":1,"created_time":"2026-11-25T12:00:00Z","deletion_time":"","destroyed":false}},"warnings":null,"auth":null}"#;

/// A server that answers what comes on its first connection. Its port.
fn server(others: Others) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let (first, _) = listener.accept().unwrap();
        match others {
            Others::Refused | Others::AllOver => drop(listener),
            Others::Closed => drop(std::thread::spawn(move || listener.incoming().for_each(drop))),
            // Until the test's process ends.
            Others::Stalled => std::mem::forget(listener),
        }
        answer(first, others == Others::AllOver);
    });
    port
}

/// Answers each request on this connection with the same document, or only the first.
fn answer(stream: TcpStream, once: bool) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    loop {
        let mut line = String::new();
        // A request has no body, so it ends with an empty line.
        while line != "\r\n" {
            line.clear();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
        }
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            DOCUMENT.len()
        );
        if stream.write_all(format!("{head}{DOCUMENT}").as_bytes()).is_err() || once {
            return;
        }
    }
}

/// Exports six documents, two or all at once. How it ended, and what it said; fails where it does not end.
fn exported(others: Others, concurrency: usize) -> (Option<i32>, String) {
    let secret =
        |number| format!("S{number} = {{ provider = \"vault\", ref = \"secret/data/d{number}#value\" }}");
    let secrets = (0..6).map(secret).collect::<Vec<_>>().join("\n");
    let sandbox =
        Sandbox::with_config(&format!("[secrets]\n{secrets}\n[resolve]\nconcurrency = {concurrency}\n"));
    let mut command = Command::new(kz_binary());
    command.args(["--timeout", "3s", "export", "--format", "json"]).current_dir(sandbox.path(""));
    command.env("VAULT_ADDR", format!("http://127.0.0.1:{}", server(others))).env("VAULT_TOKEN", "a-token");
    command.env_remove("KEYZERO_ENV").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut kz = command.spawn().unwrap();
    let end = Instant::now() + Duration::from_mins(1);
    while kz.try_wait().unwrap().is_none() {
        if Instant::now() > end {
            kz.kill().unwrap();
            panic!("kz hangs: {others:?}, {concurrency} at once");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let output = kz.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout) + &text(&output.stderr))
}

#[test]
fn what_no_second_connection_takes_goes_over_the_first() {
    for others in [Others::Refused, Others::Closed] {
        for concurrency in [1, 2, 32] {
            let (code, said) = exported(others, concurrency);
            assert_eq!(code, Some(0), "{others:?}, {concurrency} at once\n{said}");
            assert!((0..6).all(|number| said.contains(&format!("\"S{number}\":\"v\""))), "{said}");
        }
    }
}

#[test]
fn what_waits_for_a_connection_that_never_answers_ends_at_the_deadline() {
    for others in [Others::Stalled, Others::AllOver] {
        for concurrency in [2, 32] {
            let (code, said) = exported(others, concurrency);
            assert_eq!(code, Some(75), "{others:?}, {concurrency} at once\n{said}");
            assert!(said.contains("127.0.0.1:"), "{said}");
        }
    }
}
