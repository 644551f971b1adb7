//! Libraries that read `.env` files, each asked by its own language, and kz's own decoder.

use std::path::PathBuf;

use kz::output::dotenv;
use kz::secret::Secret;

use crate::reader::{Reader, Reading, Variables, command, environment, output};

/// Prints Node's environment, or what npm's dotenv makes of a file, as `/proc/self/environ` would.
const NODE: &str =
    "process.stdout.write(Object.entries(process.env).map(([k, v]) => `${k}=${v}\\0`).join(''))";
const NPM: &str = "const {parse} = require(process.argv[1]); \
     process.stdout.write(Object.entries(parse(require('fs').readFileSync(process.argv[2]))).map(([k, v]) => `${k}=${v}\\0`).join(''))";
const PYTHON: &str = "import sys, dotenv\n\
     for k, v in dotenv.dotenv_values(sys.argv[1]).items(): sys.stdout.buffer.write(f'{k}={v}\\0'.encode())";

/// Where `make setup` puts what the tests need.
pub fn tools() -> PathBuf {
    let tools = std::env::var_os("KZ_TOOLS").map(PathBuf::from);
    let home = || PathBuf::from(std::env::var_os("HOME").expect("`HOME` or `KZ_TOOLS`")).join(".cache/kz");
    tools.unwrap_or_else(home)
}

/// Node's `--env-file`.
pub fn node() -> Reader {
    Reader::new("node --env-file", |file, here| {
        let mut node = command("/usr/bin/env", here);
        let node = node.arg("node").arg(format!("--env-file={}", file.display())).args(["-e", NODE]);
        output(node).map(|bytes| environment(&bytes))
    })
}

/// npm's dotenv.
pub fn npm() -> Reader {
    let package = tools().join("dotenv/node_modules/dotenv");
    Reader::new("dotenv (npm)", move |file, here| {
        let mut node = command("/usr/bin/env", here);
        let node = node.args(["node", "-e", NPM]).arg(&package).arg(file);
        output(node).map(|bytes| environment(&bytes))
    })
}

/// Python's python-dotenv.
pub fn python() -> Reader {
    let python = tools().join("python-dotenv/bin/python");
    Reader::new("python-dotenv", move |file, here| {
        let mut python = command(&python, here);
        output(python.args(["-c", PYTHON]).arg(file)).map(|bytes| environment(&bytes))
    })
}

/// Rust's dotenvy.
pub fn dotenvy() -> Reader {
    Reader::new("dotenvy", |file, _| {
        let entries = dotenvy::from_path_iter(file).map_err(|error| error.to_string())?;
        let entry = |entry: Result<(String, String), dotenvy::Error>| match entry {
            Ok((name, value)) => Ok((name, value.into_bytes())),
            Err(error) => Err(error.to_string()),
        };
        entries.map(entry).collect::<Reading>()
    })
}

/// What `kz run --env-file` reads with.
pub fn kz() -> Reader {
    Reader::new("kz itself", |file, _| {
        let content = Secret::new(std::fs::read(file).unwrap());
        let entries = dotenv::decode(&content).map_err(|error| error.to_string())?;
        let entry = |(name, value): (String, Secret)| (name, value.expose().to_vec());
        Ok(entries.into_iter().map(entry).collect::<Variables>())
    })
}
