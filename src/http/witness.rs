//! A stream that remembers with which alert the server ended TLS.
//!
//! In TLS 1.3 a server looks at the client's certificate when the handshake is over for the client, so its refusal comes
//! with the first read. HTTP/2 keeps of that only a text, and a request that waits for its turn is told of an end alone.
//! Invariant: what is kept is kz's own words.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::dial::Stream;
use super::error::{Error, refusal};

/// What the server said when it ended TLS, if it has.
#[derive(Clone, Default)]
pub(super) struct Said(Arc<OnceLock<Error>>);

impl Said {
    /// The refusal.
    pub(super) fn refusal(&self) -> Option<Error> {
        self.0.get().cloned()
    }
}

/// A stream, watched.
pub(super) struct Watched {
    stream: Stream,
    said: Said,
}

impl Watched {
    pub(super) fn new(stream: Stream, said: Said) -> Self {
        Self { stream, said }
    }
}

impl Watched {
    fn look(&self, error: &io::Error) {
        if let Some(refusal) = refusal(error) {
            // The first is the one that says why.
            let _ = self.said.0.set(refusal);
        }
    }

    /// What came of writing. Where the server has ended the connection, what it said before is read first, since nobody
    /// would read it any more: it says why.
    fn written<T>(&mut self, context: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        let Poll::Ready(Err(error)) = &written else { return written };
        let is_end = matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset);
        while is_end && self.said.refusal().is_none() {
            let mut rest = [0; 256];
            let mut rest = ReadBuf::new(&mut rest);
            match ready!(Pin::new(&mut self.stream).poll_read(context, &mut rest)) {
                Err(error) => {
                    self.look(&error);
                    break;
                }
                Ok(()) if rest.filled().is_empty() => break,
                Ok(()) => {}
            }
        }
        written
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = ready!(Pin::new(&mut self.stream).poll_read(context, buffer));
        if let Err(error) = &read {
            self.look(error);
        }
        Poll::Ready(read)
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.written(context, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let written = Pin::new(&mut self.stream).poll_flush(context);
        self.written(context, written)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.written(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
