//! `GET PATH?help=1`: what a path of an engine takes, for whoever has a token at all; nothing is read or made by it. What a
//! real `OpenBao` was recorded to answer is answered here too, of one path for all of its kind.

use serde_json::Value;

use super::api::Call;
use super::reply::Reply;
use super::state::Engine;

const RECORDING: &str = include_str!("recording.jsonl");

/// What is said of a path of this engine, below its mount; nothing where no path is like it.
pub fn of(engine: &Engine, path: &str) -> Reply {
    let recorded = match engine {
        Engine::Database(_) if path.starts_with("creds/") => "database-creds-help",
        Engine::Database(_) if path.starts_with("static-creds/") => "database-static-creds-help",
        Engine::Made(maker) if maker.kind == "pki" && path.starts_with("issue/") => "pki-issue-help",
        Engine::Made(maker) if maker.kind == "ssh" && path.starts_with("creds/") => "ssh-creds-help",
        _ => return Reply::unsupported_path(),
    };
    let line = RECORDING.lines().find(|line| line.contains(&format!("\"id\":\"{recorded}\"")));
    let line: Value = serde_json::from_str(line.expect("it was recorded")).expect("JSON");
    Reply::plain(200, line["body"].clone())
}

/// Whether that is asked.
pub fn is_asked(call: &Call) -> bool {
    call.method == "GET" && call.query.get("help").is_some_and(|help| help == "1")
}
