//! The metadata server: <https://cloud.google.com/compute/docs/metadata/predefined-metadata-keys>. Answers those only
//! who say that they mean it.

use serde_json::json;

use super::account::Gcp;
use super::words::{html, json_reply};
use super::{NUMBER, PROJECT};
use crate::fake_server::{Reply, Request};

pub fn answer(gcp: &mut Gcp, request: &Request) -> Result<Reply, Reply> {
    let marked =
        |reply: Reply| reply.with("Metadata-Flavor", "Google").with("Server", "Metadata Server for VM");
    if request.header("metadata-flavor") != Some("Google") {
        return Err(marked(html(403)));
    }
    let text = |text: &str| marked(Reply::new(200, "application/text", text));
    let account = gcp.instance.clone();
    let rest = request.path.strip_prefix("/computeMetadata/v1/").unwrap_or_default();
    match (rest, account) {
        ("project/project-id", _) => Ok(text(PROJECT)),
        ("project/numeric-project-id", _) => Ok(text(NUMBER)),
        ("universe/universe-domain" | "universe/universe_domain", _) => Ok(text("googleapis.com")),
        ("" | "instance/", _) => Ok(text("instance/\nproject/\n")),
        (rest, Some(email)) if rest.starts_with("instance/service-accounts/") => {
            let what = rest.trim_start_matches("instance/service-accounts/").trim_end_matches('/');
            match what.split_once('/').unwrap_or((what, "")) {
                (name, "") if name == "default" || name == email => Ok(marked(json_reply(
                    200,
                    &json!({ "aliases": ["default"], "email": email,
                        "scopes": ["https://www.googleapis.com/auth/cloud-platform"] }),
                ))),
                (name, "token") if name == "default" || name == email => {
                    let token = gcp.token(&email);
                    let granted =
                        json!({ "access_token": token, "expires_in": 3599, "token_type": "Bearer" });
                    Ok(marked(json_reply(200, &granted)))
                }
                _ => Err(marked(html(404))),
            }
        }
        _ => Err(marked(html(404))),
    }
}
