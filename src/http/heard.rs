//! Whether a connection is silent. Over HTTP/2 a request may wait for its turn behind those that are under way, as long
//! as the server pleases: so a connection is silent only where nothing of any request has come for too long.
//!
//! What concerns the connection alone does not count: a server that sends PING or SETTINGS for ever and answers nothing
//! is as silent as one that sends nothing. Frames are counted by their heads (RFC 9113, 4.1); nothing else is read.
//!
//! Invariant: however fast a server sends, those who asked get their turn in between, and take away what came for them: what
//! h2 keeps for a request (each 103, say) is bounded by what is read in one go.

use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::future::{Either, select};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::dial::Stream;
use crate::patience::Clock;

/// When something of a request last came over a connection. Clones share it.
#[derive(Clone)]
pub(super) struct Heard {
    clock: Arc<dyn Clock>,
    last: Arc<Mutex<Instant>>,
}

impl Heard {
    /// A connection that has just come about.
    pub(super) fn new(clock: &Arc<dyn Clock>) -> Self {
        Self { clock: Arc::clone(clock), last: Arc::new(Mutex::new(clock.now())) }
    }

    /// The same bytes, of which this takes note.
    pub(super) fn listen(&self, stream: Stream) -> Stream {
        Box::new(Listened { stream, frames: Frames::default(), heard: self.clone(), at_a_stretch: 0 })
    }

    /// What `work` comes to; nothing where it does not end and the connection is silent for `limit`.
    pub(super) async fn unless_silent<T>(&self, limit: Duration, work: impl Future<Output = T>) -> Option<T> {
        let begun = self.clock.now();
        let end = || begun.max(*self.last()) + limit;
        let mut work = pin!(work);
        loop {
            match select(work.as_mut(), self.clock.expire(end())).await {
                Either::Left((done, _)) => return Some(done),
                Either::Right(_) if end() <= self.clock.now() => return None,
                Either::Right(_) => {}
            }
        }
    }

    fn last(&self) -> std::sync::MutexGuard<'_, Instant> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stream of bytes that is listened to.
struct Listened {
    stream: Stream,
    frames: Frames,
    heard: Heard,
    /// How much was read since the others had their turn.
    at_a_stretch: usize,
}

/// How much is read before the others have their turn.
const STRETCH: usize = 256 << 10;

impl AsyncRead for Listened {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        if self.at_a_stretch >= STRETCH {
            self.at_a_stretch = 0;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let Poll::Ready(read) = Pin::new(&mut self.stream).poll_read(context, buffer) else {
            self.at_a_stretch = 0;
            return Poll::Pending;
        };
        read?;
        self.at_a_stretch += buffer.filled().len() - before;
        if self.frames.pass(&buffer.filled()[before..]) {
            *self.heard.last() = self.heard.clock.now();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Listened {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// Where in a sequence of frames a connection is.
#[derive(Debug, Default)]
struct Frames {
    /// What is there of the head of the next frame.
    head: Vec<u8>,
    /// How much is to come of this frame.
    rest: usize,
    is_of_request: bool,
}

impl Frames {
    /// Passes these bytes, and says whether any of them belong to a request.
    fn pass(&mut self, mut bytes: &[u8]) -> bool {
        let mut belong = false;
        while let Some((first, others)) = bytes.split_first() {
            if self.rest > 0 {
                let part = self.rest.min(bytes.len());
                self.rest -= part;
                belong |= self.is_of_request;
                bytes = &bytes[part..];
                continue;
            }
            self.head.push(*first);
            bytes = others;
            if let [high, middle, low, kind, _, _, _, _, _] = self.head[..] {
                self.rest = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
                // DATA, HEADERS, RST_STREAM, CONTINUATION.
                self.is_of_request = matches!(kind, 0 | 1 | 3 | 9);
                belong |= self.is_of_request;
                self.head.clear();
            }
        }
        belong
    }
}

#[cfg(test)]
mod tests;
