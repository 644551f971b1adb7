//! Somebody else answers where a backend should: a gateway, a login page, a server that repeats what it was sent. That
//! is an error of each provider's, optional or not, and nothing of the answer is repeated.

use std::process::Command;

use kz_fakes::byte_server::{Answer, Seen, Server};

use crate::support::{Run, Sandbox, kz_binary};

/// What kz is known by to each backend. Too short to be taken for a credential, which would be hidden wherever it stands.
const TOKEN: &str = "canary4b1f";

const GOOD: [(u16, &str); 8] = [
    (200, r#"{"status":"ok","data":{"message":"up"}}"#),
    (200, r#"{"request_id":"[TOKEN]","data":{"message":"[TOKEN]"}}"#),
    (200, "<!DOCTYPE html><title>Log in</title>[TOKEN]"),
    (
        200,
        r#"{"id":"[TOKEN]","name":"[TOKEN]","payload":{},"fields":[],"Name":"[TOKEN]","SecretString":"{}"}"#,
    ),
    (200, r#"{"Parameters":[{"Name":"[TOKEN]","Value":"x"}],"SecretValues":[],"payload":{"data":"e30="}}"#),
    (200, "{}"),
    (200, "[]"),
    (200, ""),
];

const BAD: [(u16, &str); 6] = [
    (400, r#"{"__type":"[TOKEN]","message":"User: arn:aws:iam::[TOKEN]:user/x perform: sts:[TOKEN]"}"#),
    (403, r#"{"__type":"[TOKEN]Exception","code":"[TOKEN]"}"#),
    (403, "<Error><Code>[TOKEN]</Code></Error>"),
    (400, r#"{"error":{"status":"[TOKEN]","message":"[TOKEN]","details":[{"reason":"[TOKEN]"}]}}"#),
    (401, r#"{"error":"[TOKEN]","error_description":"[TOKEN]"}"#),
    (400, r#"{"errors":["[TOKEN]"],"status":400,"message":"[TOKEN]"}"#),
];

/// Answers every request so, with what the request showed in the place of `[TOKEN]`. Its port.
fn server(status: u16, body: &'static str) -> u16 {
    let answer = move |seen: &Seen| {
        let shown = if seen.shows(TOKEN) { TOKEN } else { "none" };
        Answer::Reply(status, "connection: close\r\n", body.replace("[TOKEN]", shown))
    };
    Server::plain(answer).port
}

/// A provider, what is asked of it, and the variables that say where and who.
type Asked = (&'static str, Vec<&'static str>, Vec<(&'static str, String)>);

/// Refs of each provider, and the variables by which it knows this server and its token.
fn providers(port: u16) -> Vec<Asked> {
    let url = format!("http://127.0.0.1:{port}");
    let text = |text: &str| text.to_owned();
    let aws = vec![
        ("AWS_ACCESS_KEY_ID", text("AKIAEXAMPLE")),
        ("AWS_SECRET_ACCESS_KEY", text("example")),
        ("AWS_SESSION_TOKEN", text(TOKEN)),
        ("AWS_REGION", text("eu-west-1")),
        ("AWS_ENDPOINT_URL", url.clone()),
    ];
    let google = vec![
        ("GOOGLE_OAUTH_ACCESS_TOKEN", text(TOKEN)),
        ("GOOGLE_CLOUD_PROJECT", text("p-123456")),
        ("CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER", url.clone()),
    ];
    let by_id = "op://aaaaaaaaaaaaaaaaaaaaaaaaaa/bbbbbbbbbbbbbbbbbbbbbbbbbb/f";
    vec![
        (
            "vault",
            vec!["kv/app#x", "secret/data/app#x"],
            vec![("VAULT_ADDR", url.clone()), ("VAULT_TOKEN", text(TOKEN))],
        ),
        ("aws-sm", vec!["app#x"], aws.clone()),
        ("aws-sm", vec!["one#x", "two#x", "three"], aws.clone()),
        ("aws-ssm", vec!["/app#x", "/b"], aws),
        ("gcp-sm", vec!["app#x", "b"], google),
        (
            "1password",
            vec![by_id, "op://v/i/f"],
            vec![("OP_CONNECT_HOST", url), ("OP_CONNECT_TOKEN", text(TOKEN))],
        ),
    ]
}

fn each(answers: &[(u16, &'static str)], check: impl Fn(&Run, &str)) {
    for (status, body) in answers {
        for (provider, refs, variables) in providers(server(*status, body)) {
            let secret = |(number, reference): (usize, &&str)| {
                format!(
                    "S{number} = {{ provider = \"{provider}\", ref = \"{reference}\", optional = true }}\n"
                )
            };
            let secrets: String = refs.iter().enumerate().map(secret).collect();
            let sandbox = Sandbox::with_config(&format!("[secrets]\n{secrets}"));
            let mut kz = Command::new(kz_binary());
            kz.args(["--verbose", "--timeout", "1s", "export", "--format", "json"]).envs(variables);
            let run = sandbox.run(kz.env("HOME", sandbox.path(""))).expect_unresolved();
            assert_eq!(run.stdout(), "", "{}", run.describe());
            assert!(!run.stderr().contains(TOKEN), "{provider}: {body}\n{}", run.describe());
            check(&run, provider);
        }
    }
}

#[test]
fn a_200_that_is_no_backend_s_is_no_absence() {
    each(&GOOD, |run, provider| {
        let number = run.stderr().matches(" malformed: ").count() + run.stderr().matches(" denied: ").count();
        assert!(number > 0 && !run.stderr().contains("absent"), "{provider}\n{}", run.describe());
    });
}

#[test]
fn a_code_that_is_no_backend_s_is_not_repeated() {
    each(&BAD, |run, provider| assert!(run.stderr().contains("KZ100"), "{provider}\n{}", run.describe()));
}
