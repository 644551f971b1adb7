//! What the client's tests share: a clock that goes when they say so, and a runtime. The servers are of `kz_fakes`.

use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use crate::patience::{Clock, Sleep};
use crate::size::Size;

/// The largest reply that clients of tests take.
pub(crate) const LARGEST_REPLY: Size = Size::mebibytes(16);

/// Runs a future that does I/O.
pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let result = runtime.block_on(future);
    runtime.shutdown_background();
    result
}

/// A clock that goes when a test says so. Clones share it.
#[derive(Clone)]
pub(crate) struct Manual(Arc<Mutex<(Instant, Vec<Waker>)>>);

impl Manual {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new((Instant::now(), Vec::new()))))
    }

    pub(crate) fn shared(&self) -> Arc<dyn Clock> {
        Arc::new(self.clone())
    }

    pub(crate) fn advance(&self, seconds: u64) {
        let mut state = self.0.lock().unwrap();
        state.0 += Duration::from_secs(seconds);
        state.1.drain(..).for_each(Waker::wake);
    }
}

impl Clock for Manual {
    fn now(&self) -> Instant {
        self.0.lock().unwrap().0
    }

    fn pause(&self, until: Instant) -> Sleep<'_> {
        Box::pin(std::future::poll_fn(move |context| {
            let mut state = self.0.lock().unwrap();
            if state.0 >= until {
                return Poll::Ready(());
            }
            state.1.push(context.waker().clone());
            Poll::Pending
        }))
    }
}
