//! How a server treats connections: what it allows on one, when it ends one, and whether it says so. Where hyper's server
//! would not do so by itself, a relay before it changes frames (`frames.rs`) or the end of the stream (below).

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A server's manners; none by default.
#[derive(Clone, Copy, Debug, Default)]
pub struct Manners {
    /// How many streams a connection of HTTP/2 may have; 250, as a Go server allows, where none is said.
    pub streams: Option<u32>,
    /// After so many streams have begun, so many are allowed.
    pub lowered: Option<(usize, u32)>,
    pub ends: Option<Ends>,
}

/// How a connection ends, after so many requests.
#[derive(Clone, Copy, Debug)]
pub enum Ends {
    /// GOAWAY as soon as the last of these has begun, before there is a reply to it.
    GoAwayBegun(usize),
    /// GOAWAY when all of these have been answered.
    GoAwayAnswered(usize),
    /// GOAWAY as h2's own server says it: first in general, then by the last stream that it takes.
    GoAwayGently(usize),
    /// The end of the stream after so many replies of HTTP/1.1, which did not say so.
    Unannounced(usize),
}

impl Ends {
    /// After how many replies of HTTP/1.1 the stream ends.
    pub fn unannounced(this: Option<Self>) -> Option<usize> {
        if let Some(Self::Unannounced(replies)) = this { Some(replies) } else { None }
    }
}

/// A stream that is at its end after a number of replies, each written at once and after its request was handled.
pub struct Ending<S> {
    stream: S,
    handled: Arc<AtomicUsize>,
    limit: usize,
    is_over: bool,
}

impl<S> Ending<S> {
    /// `handled` counts the requests of this stream.
    pub fn new(stream: S, handled: Arc<AtomicUsize>, limit: usize) -> Self {
        Self { stream, handled, limit, is_over: false }
    }

    fn written(&mut self, written: usize) -> Poll<io::Result<usize>> {
        self.is_over |= self.handled.load(Ordering::SeqCst) >= self.limit;
        Poll::Ready(Ok(written))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Ending<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_over {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Ending<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(context, bytes))?;
        self.written(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
