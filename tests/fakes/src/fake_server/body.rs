//! Bodies that come whole, slowly, in halves, or without end.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use futures_util::stream::unfold;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame};

/// What a response carries.
pub type Body = UnsyncBoxBody<Bytes, io::Error>;

fn never(impossible: Infallible) -> io::Error {
    match impossible {}
}

pub fn whole(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(never).boxed_unsync()
}

/// The half of a text, and then an end that is none: the connection breaks, or stays.
pub fn half(text: &Bytes, breaks: bool) -> Body {
    let first = text.slice(..text.len() / 2);
    let stream = unfold(Some(first), move |first| async move {
        match first {
            Some(first) => Some((Ok(Frame::data(first)), None)),
            // Let the first half go out before the connection breaks.
            None if breaks => {
                tokio::time::sleep(Duration::from_millis(20)).await;
                Some((Err(io::ErrorKind::ConnectionReset.into()), None))
            }
            None => std::future::pending().await,
        }
    });
    BodyExt::boxed_unsync(StreamBody::new(stream))
}

/// A text, a few bytes after each pause.
pub fn pieces(text: Bytes, pause: Duration) -> Body {
    let stream = unfold(text, move |mut text| async move {
        if text.is_empty() {
            return None;
        }
        tokio::time::sleep(pause).await;
        let piece = text.split_to(text.len().min(16));
        Some((Ok(Frame::data(piece)), text))
    });
    BodyExt::boxed_unsync(StreamBody::new(stream))
}

/// A document around so many bytes.
pub fn huge([head, tail]: [&'static str; 2], bytes: usize) -> Body {
    let block = Bytes::from_static(&[b'x'; 8192]);
    let [head, tail] = [head, tail].map(|text| Bytes::from_static(text.as_bytes()));
    let middle = std::iter::repeat_n(block, bytes / 8192);
    let parts = std::iter::once(head).chain(middle).chain([tail]);
    BodyExt::boxed_unsync(StreamBody::new(futures_util::stream::iter(
        parts.map(|part| Ok(Frame::data(part))),
    )))
}
