//! How much of replies is in memory while they are read: the sum of all clients' that share it, whatever their servers send.
//!
//! Bodies of ordinary size are read side by side. Of larger ones only a few are read at once; the others wait where they are,
//! in the buffers of their connections, which are bounded too. Invariant: whoever may read is never kept from it by those who
//! wait: over HTTP/2 each stream has a window of its own, and the connection's is never used up.

use std::sync::Arc;

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::size::Size;

/// What is more waits for its turn.
pub(super) const ORDINARY: usize = 1 << 20;
/// How many larger ones are read at once: one whose server sends slowly does not keep all others waiting.
const AT_ONCE: usize = 2;
/// How much a server may send over one stream of HTTP/2 before it is read.
pub(super) const STREAM: u32 = 2 << 20;
/// The same over all of them: the most that there is (RFC 9113, 6.9.1), so that no stream waits for another's reader.
pub(super) const ALL_STREAMS: u32 = (1 << 31) - 1;
/// A login, an error or a list may be so large, however small documents have to be.
const PROTOCOL: Size = Size::mebibytes(1);

/// The turns of large bodies. Clones share them.
#[derive(Clone, Debug)]
pub struct Bodies(Arc<Semaphore>);

impl Default for Bodies {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

impl Bodies {
    /// A turn to read a large body. Held until it is read.
    pub(super) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        // Never closed, so there always is one.
        self.0.acquire().await.ok()
    }
}

/// What the replies to one client may take.
#[derive(Debug)]
pub(super) struct Bounds {
    /// The largest document.
    pub(super) document: Size,
    pub(super) bodies: Bodies,
}

/// What a reply holds, as an extension of its request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Content {
    /// A document, to which the limit of documents applies.
    #[default]
    Document,
    /// What leads to one, as a login does.
    Protocol,
}

impl Content {
    /// How large a reply may be where documents may be so large. An error is no document.
    pub(super) fn limit(self, is_success: bool, document: Size) -> Size {
        match self {
            Self::Document if is_success => document,
            Self::Document | Self::Protocol => document.max(PROTOCOL),
        }
    }
}
