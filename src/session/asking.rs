//! The event loop in which backends are asked, and what a request to stop does meanwhile.
//!
//! Invariant: kz ends by a request to stop only when it has given back what it was lent and nobody received.

use std::future::Future;
use std::os::unix::net::UnixStream;
use std::pin::pin;

use futures_util::future::{Either, select};
use nix::sys::signal::Signal;
use tokio::runtime::{Builder, Runtime};

use crate::exec::inherited;
use crate::provider::{Ask, End};
use crate::resolve::Providers;
use crate::signals::{self, STOPS, Stops};

use super::Error;

/// What work may wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waits {
    /// The deadline: it takes no descriptor and no call that a seccomp profile may forbid.
    Time,
    /// Connections and programs too.
    Network,
}

/// Where what is prepared goes, and so what a request to stop does meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hand {
    /// Into files, when it is prepared: it waits for other exporters only as long as nobody asks kz to stop.
    Files,
    /// To whoever reads stdout, when it is prepared: they may take any time, in which kz ends at once, as others do.
    Reader,
    /// To a command that is still to be started then.
    Command,
}

/// Those who may have lent something, and on whose time they take it back.
#[derive(Clone, Copy)]
pub(super) struct Lender<'a> {
    pub(super) providers: &'a Providers,
    pub(super) ask: &'a Ask,
}

impl Lender<'_> {
    async fn close(self, end: End) {
        crate::resolve::close(self.providers, end, self.ask).await;
    }
}

/// The event loop in which backends are asked, on this thread alone.
pub(super) struct Asking {
    /// Requests to stop, as long as they are held back: there may be something to give back. They go before the loop.
    stops: Option<Stops>,
    waits: Waits,
    runtime: Runtime,
}

impl Asking {
    pub(super) fn new(waits: Waits) -> Result<Self, Error> {
        let mut builder = Builder::new_current_thread();
        match waits {
            Waits::Time => builder.enable_time(),
            Waits::Network => {
                look_for_descriptors().map_err(Error::EventLoop)?;
                builder.enable_all()
            }
        };
        // A request to stop is the main thread's, which holds it back while it publishes.
        builder.on_thread_start(signals::leave_stops_to_others);
        let runtime = builder.build().map_err(Error::EventLoop)?;
        Ok(Self { stops: None, waits, runtime })
    }

    /// Holds requests to stop back from now on, where there may be something to be given back.
    fn hold(&mut self) {
        if self.stops.is_none() && self.waits == Waits::Network {
            let _inside = self.runtime.enter();
            self.stops = Stops::hold(&STOPS, inherited::is_ignored).ok();
        }
    }

    /// Does what asks these providers. A request to stop that comes meanwhile ends kz when it has given back what it was lent.
    pub(super) fn ask<T>(&mut self, work: impl Future<Output = T>, lender: Lender<'_>) -> T {
        self.hold();
        let stopped = self.runtime.block_on(async {
            let Some(stops) = &self.stops else { return Ok(work.await) };
            match select(Box::pin(work), pin!(stops.next())).await {
                Either::Left((result, _)) => Ok(result),
                Either::Right((signal, _)) => Err(signal),
            }
        });
        stopped.unwrap_or_else(|signal| self.end(signal, lender))
    }

    /// Everything is read, and is going to be prepared. Nothing of it has reached anybody.
    pub(super) fn before(&mut self, kind: Hand, lender: Lender<'_>) {
        self.end_if_asked(lender);
        if kind == Hand::Reader {
            self.stops = None;
        }
    }

    /// Everything is prepared: gives back what is of no use any more. A request to stop waits until that is done, and comes too
    /// late where everything has been received.
    pub(super) fn delivered(&mut self, kind: Hand, lender: Lender<'_>) {
        if kind == Hand::Command {
            self.end_if_asked(lender);
        }
        self.hold();
        self.runtime.block_on(lender.close(End::Delivered));
        if kind == Hand::Command {
            self.end_if_asked(lender);
            self.stops = None;
        } else if let Some(stops) = self.stops.take() {
            stops.keep();
        }
    }

    /// Gives back, since nobody has received anything; and ends kz where it was asked to.
    pub(super) fn close(&mut self, lender: Lender<'_>) {
        self.hold();
        self.runtime.block_on(lender.close(End::NotDelivered));
        self.end_if_asked(lender);
        self.stops = None;
    }

    /// The event loop, for whoever stays in it, and handles a request to stop.
    pub(super) fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// Ends kz where it was asked to.
    fn end_if_asked(&mut self, lender: Lender<'_>) {
        if let Some(signal) = self.stops.as_ref().and_then(Stops::pending) {
            self.end(signal, lender);
        }
    }

    /// Gives everything back, and ends as this signal does it.
    fn end(&mut self, signal: Signal, lender: Lender<'_>) -> ! {
        self.runtime.block_on(lender.close(End::NotDelivered));
        self.stops = None;
        signals::end_by(signal)
    }
}

/// tokio panics where it gets no pair of sockets for its signals; this is an error, and as many descriptors as an
/// event loop takes.
fn look_for_descriptors() -> std::io::Result<()> {
    let (one, other) = UnixStream::pair()?;
    let _others = (one.try_clone()?, one.try_clone()?, other.try_clone()?, other.try_clone()?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use nix::sys::signal::SigSet;

    use super::*;

    #[test]
    fn a_thread_that_the_event_loop_starts_receives_no_request_to_stop() {
        let blocked = || STOPS.map(|stop| SigSet::thread_get_mask().unwrap().contains(stop));
        for waits in [Waits::Time, Waits::Network] {
            let asking = Asking::new(waits).unwrap();
            let there = asking.runtime.block_on(asking.runtime.spawn_blocking(blocked)).unwrap();
            assert_eq!((blocked(), there), ([false; 3], [true; 3]), "{waits:?}");
        }
    }
}
