//! Who a client speaks for: sends a request in that name, and says what the reply tells of the server and of the bearer.

use std::sync::Weak;

use ::http::Request;

use crate::http::{self, Reply};
use crate::patience::Concern;
use crate::provider::vault::backend::custody::Custody;
use crate::provider::vault::backend::nodes::Nodes;
use crate::provider::vault::backend::reply::{self, Known};
use crate::provider::vault::backend::trouble::Trouble;

/// Who a client speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::provider::vault::backend) enum Bearer {
    /// Nobody yet: it logs in.
    Nobody,
    /// The bearer of a token.
    Token,
    /// Whoever stands in between, and adds a token.
    Between,
}

/// Sends a request of this bearer's, and tells of it.
pub(super) async fn send(
    nodes: &Nodes,
    request: &Request<Vec<u8>>,
    bearer: Bearer,
    custody: Weak<Custody>,
) -> Result<Reply, Trouble> {
    let note = |sent: Result<&Reply, &http::Error>| {
        if let Some(custody) = custody.upgrade() {
            custody.note(bearer == Bearer::Token, sent);
        }
    };
    let sent = nodes.send(request, note, |reply| is_away(reply, bearer)).await;
    sent.map_err(|trouble| match (trouble, custody.upgrade()) {
        (Trouble::Elsewhere(origin), Some(custody)) => {
            Trouble::Elsewhere(custody.confidences.hide_host(origin))
        }
        (trouble, _) => trouble,
    })
}

/// Whether a reply tells of its server only, so that another may do better. Too many requests are too many everywhere.
fn is_away(reply: &Reply, bearer: Bearer) -> bool {
    let is_answer = reply.status.is_success() || matches!(reply.status.as_u16(), 404 | 429);
    !is_answer && Trouble::Status(reply.status, known(reply, bearer)).concern() == Some(Concern::Server)
}

/// What the server complains of, to this bearer.
pub(super) fn known(reply: &Reply, bearer: Bearer) -> Option<Known> {
    match (reply::known(reply.body.expose()), bearer) {
        (Some(Known::Bare | Known::WantsToken), Bearer::Token) => Some(Known::InvalidToken),
        (Some(Known::Bare | Known::WantsToken | Known::InvalidToken), Bearer::Between) => {
            Some(Known::NobodyAddsToken)
        }
        (known, _) => known,
    }
}
