//! The first request of a backend goes alone, the rest when its connection stands.

use std::future::Future;
use std::pin::pin;

use futures_util::future::{Either, join, select};

/// Runs `first` alone until a connection `stands`, and then `rest` beside it: a cold pool would open a connection
/// for each. When `first` ends before and is `hopeless`, `rest` is not begun.
pub(in crate::provider) async fn warm_up<T, U>(
    first: impl Future<Output = T>,
    stands: impl Future<Output = ()>,
    rest: impl Future<Output = U>,
    hopeless: impl FnOnce(&T) -> bool,
) -> (T, Option<U>) {
    match select(pin!(first), pin!(stands)).await {
        Either::Left((first, _)) if hopeless(&first) => (first, None),
        Either::Left((first, _)) => (first, Some(rest.await)),
        Either::Right(((), first)) => {
            let (first, rest) = join(first, rest).await;
            (first, Some(rest))
        }
    }
}
