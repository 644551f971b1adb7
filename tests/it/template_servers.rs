//! The servers that `template_readers` asks: a Redis that runs, and as much of a database as makes psql send a password.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;

use crate::support::Sandbox;

/// Lets psql look its password up in the file `pgpass`, and be refused.
pub(crate) fn run_psql(sandbox: &Sandbox, port: u16, database: &str, user: &str) {
    let mut installed = std::fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL: run `make setup`");
    let newest = installed.next().expect("a version").expect("a directory").path();
    let mut command = Command::new(newest.join("bin/psql"));
    command.args(["--no-password", "--no-psqlrc", "--command", "select 1", "--host", "127.0.0.1"]);
    command.args(["--port", &port.to_string(), "--dbname", database, "--username", user]);
    let run = sandbox.run(command.env("PGPASSFILE", sandbox.path("pgpass")).env("PGSSLMODE", "disable"));
    assert_eq!(run.output.status.code(), Some(2), "{}", run.describe());
}

/// As much of a database server as asks for a password and then ends (protocol 3.0, "Message Formats").
pub(crate) struct Postgres {
    pub(crate) port: u16,
    thread: JoinHandle<Vec<Option<Vec<u8>>>>,
}

impl Postgres {
    /// Takes this many connections.
    pub(crate) fn start(connections: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let serve = move || (0..connections).map(|_| ask(&listener.accept().expect("psql").0)).collect();
        Self { port, thread: std::thread::spawn(serve) }
    }

    pub(crate) fn passwords(self) -> Vec<Option<Vec<u8>>> {
        self.thread.join().expect("the server")
    }
}

/// The password that a client sends, if it has one.
fn ask(mut client: &TcpStream) -> Option<Vec<u8>> {
    message(client, 0)?;
    client.write_all(b"R\0\0\0\x08\0\0\0\x03").expect("AuthenticationCleartextPassword");
    let password = message(client, 1).and_then(|body| Some(body.strip_suffix(b"\0")?.to_vec()));
    let _ = client.write_all(b"E\0\0\0\x1aSFATAL\0C28P01\0Mno\0\0");
    password
}

/// The body of a message whose type has this many bytes.
fn message(mut client: &TcpStream, type_bytes: usize) -> Option<Vec<u8>> {
    let mut head = vec![0; type_bytes + 4];
    client.read_exact(&mut head).ok()?;
    let length = u32::from_be_bytes(head[type_bytes..].try_into().ok()?);
    let mut body = vec![0; length as usize - 4];
    client.read_exact(&mut body).ok()?;
    Some(body)
}

/// A redis-server with a socket of its own.
pub(crate) struct Redis {
    child: Child,
    socket: std::path::PathBuf,
}

impl Redis {
    pub(crate) fn start(sandbox: &Sandbox, configuration: &str) -> Self {
        let socket = sandbox.path("redis.sock");
        let _ = std::fs::remove_file(&socket);
        let fixed = format!("port 0\nunixsocket {}\nsave \"\"\n", socket.display());
        let file = sandbox.file("redis.conf", fixed + configuration);
        let log = std::fs::File::create(sandbox.path("redis.log")).expect("a log");
        let mut command = Command::new("redis-server");
        command.arg(file).current_dir(sandbox.path("")).stdout(log).stderr(Stdio::inherit());
        let mut server = Self { child: command.spawn().expect("redis-server: run `make setup`"), socket };
        while UnixStream::connect(&server.socket).is_err() {
            let ended = server.child.try_wait().expect("its status");
            let log = || std::fs::read_to_string(sandbox.path("redis.log"));
            assert!(ended.is_none(), "redis-server ended: {ended:?}\n{:?}", log());
            std::thread::yield_now();
        }
        server
    }

    /// One line of the reply to one command.
    pub(crate) fn ask(&self, words: &[&[u8]]) -> String {
        let mut command = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            command.extend(format!("${}\r\n", word.len()).bytes());
            command.extend(*word);
            command.extend(b"\r\n");
        }
        let mut server = UnixStream::connect(&self.socket).expect("a connection");
        server.write_all(&command).expect("a command sent");
        let mut reply = String::new();
        BufReader::new(server).read_line(&mut reply).expect("a reply");
        reply
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
