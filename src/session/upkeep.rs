//! A session that stays: it waits, does what is due, and hears meanwhile of requests to stop and to read everything again.
//!
//! Invariants: a request to stop ends nothing by itself, whoever keeps the session ends it; as PID 1 kz reaps what nobody else
//! does.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::time::Instant;

use futures_util::future::{Either, join_all, select};
use nix::sys::signal::Signal;
use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

use crate::exec::inherited;
use crate::plan::Plan;
use crate::provider::{Ask, End, Lease};
use crate::resolve::Kept;
use crate::signals::{self, Stops};

use super::adoption::{self, Adopted};
use super::watch::{Known, Round, Rules, Watched};
use super::{Error, Opening, Session};

/// What asks kz to end, as long as it hears it.
const STOPS: [Signal; 2] = [Signal::SIGTERM, Signal::SIGINT];

/// A session that stays, and what it hears.
pub struct Upkeep {
    session: Session,
    /// Nothing where they end kz as they always do, or another hears them.
    stops: Option<Stops>,
    /// Requests to read everything again. Nothing where SIGHUP is ignored, or another hears it.
    reloads: Option<Stream>,
    /// Ends of children. Nothing where another hears of them.
    children: Option<Stream>,
}

/// What somebody waits for beside.
pub struct Beside<'a, T> {
    /// It ends some time.
    pub work: Pin<&'a mut dyn Future<Output = T>>,
    /// The child of kz's that it waits for.
    pub child: Option<u32>,
}

/// What came first.
#[derive(Debug)]
pub enum Event<T> {
    /// The time.
    Time,
    /// A request to stop.
    Stop(Signal),
    /// A request to read everything again.
    Reload,
    /// What somebody waited for beside.
    Beside(T),
}

impl Upkeep {
    /// Keeps a session. It hears from now on.
    pub fn of(session: Session) -> Result<Self, Error> {
        // As PID 1, kz ends by it until somebody hears it.
        crate::exec::take_back(Signal::SIGHUP);
        let inside = session.asking.runtime().enter();
        let stops = Stops::hold(&STOPS, inherited::is_ignored).ok();
        let hear = |kind| signal(kind).map_err(Error::EventLoop);
        // One that kz was started with ignored, as by nohup, stays so.
        let is_deaf = inherited::is_ignored(Signal::SIGHUP);
        let reloads = if is_deaf { None } else { Some(hear(SignalKind::hangup())?) };
        let children = Some(hear(SignalKind::child())?);
        drop(inside);
        Ok(Self { session, stops, reloads, children })
    }

    /// Keeps a session, and leaves requests to somebody who hears them beside (`…_beside`).
    pub fn deaf(session: Session) -> Self {
        Self { session, stops: None, reloads: None, children: None }
    }

    /// Goes on with another configuration: providers that are set up as before stay, with everything that they hold.
    pub fn reopen(&mut self, opening: &Opening<'_>, plan: &Plan<'_>, known: &mut Known, ask: &Ask) {
        let mut built = opening.providers(plan);
        let before = std::mem::take(&mut self.session.providers);
        let settings = std::mem::replace(&mut self.session.settings, opening.settings(plan));
        let mut gone = BTreeMap::new();
        for (name, provider) in before {
            let is_same = settings.get(&name) == self.session.settings.get(&name);
            let place = if is_same { built.get_mut(&name) } else { None };
            match place {
                Some(place) => *place = provider,
                None => drop(gone.insert(name, provider)),
            }
        }
        known.keep(|name| !gone.contains_key(name));
        self.session.providers = built;
        self.session.asking.runtime().block_on(crate::resolve::close(&gone, End::Delivered, ask));
    }

    /// Waits until then, or for what comes before.
    pub fn wait<T>(&mut self, until: Option<Instant>, mut beside: Option<Beside<'_, T>>) -> Event<T> {
        let Self { session, stops, reloads, children } = self;
        let own = beside.as_ref().and_then(|beside| beside.child);
        session.asking.runtime().block_on(async {
            loop {
                let time = async {
                    match until {
                        Some(until) => tokio::time::sleep_until(until.into()).await,
                        None => std::future::pending().await,
                    }
                };
                let beside = async {
                    match &mut beside {
                        Some(beside) => beside.work.as_mut().await,
                        None => std::future::pending().await,
                    }
                };
                let stop = async {
                    match &stops {
                        Some(stops) => stops.next().await,
                        None => std::future::pending().await,
                    }
                };
                let heard = select(Box::pin(next(reloads)), Box::pin(next(children)));
                let asked = select(Box::pin(stop), heard);
                let came = select(Box::pin(time), Box::pin(beside));
                match select(asked, came).await {
                    Either::Left((Either::Left((signal, _)), _)) => return Event::Stop(signal),
                    Either::Left((Either::Right((Either::Left(_), _)), _)) => return Event::Reload,
                    Either::Left((Either::Right((Either::Right(_), _)), _)) => {
                        signals::reap_orphans(own.as_slice());
                    }
                    Either::Right((Either::Left(_), _)) => return Event::Time,
                    Either::Right((Either::Right((value, _)), _)) => return Event::Beside(value),
                }
            }
        })
    }

    /// Goes on with what an earlier export was lent, where that can be.
    pub fn adopt(
        &mut self,
        plan: &Plan<'_>,
        kept: Vec<Kept>,
        known: &mut Known,
        ask: &Ask,
    ) -> Result<Adopted, Signal> {
        let adopted =
            self.attend(async |session| adoption::adopt(plan, kept, &session.providers, ask).await)?;
        known.go_on_with(adopted.kept.clone());
        Ok(adopted)
    }

    /// Reads everything that a plan wants and nobody knows.
    pub fn begin<'p>(
        &mut self,
        plan: &'p Plan<'p>,
        rules: Rules,
        known: &mut Known,
        ask: &Ask,
    ) -> Result<Watched<'p>, Signal> {
        self.attend(async |session| Watched::begin(plan, rules, known, &session.providers, ask).await)
    }

    /// Does what is due.
    pub fn round<'p>(&mut self, watched: &mut Watched<'p>, ask: &Ask) -> Result<Round<'p>, Signal> {
        self.attend(async |session| watched.round(&session.providers, ask).await)
    }

    /// The values, as they stand.
    pub fn values(
        &self,
        watched: &Watched<'_>,
    ) -> Result<crate::resolve::Resolution, crate::resolve::Failures> {
        watched.resolution(&self.session.providers)
    }

    /// Gives these leases back, which nobody uses any more.
    pub fn give_back(&mut self, leases: &[(&str, Lease)], ask: &Ask) {
        self.session.asking.runtime().block_on(give_back(&self.session, leases, ask));
    }

    /// Ends the session: with it ends what it was lent, unless somebody goes on with that.
    pub fn end(self, end: End, ask: &Ask) {
        self.session.asking.runtime().block_on(crate::resolve::close(&self.session.providers, end, ask));
    }

    /// Does what takes an event loop, and does not wait.
    pub fn within<T>(&self, work: impl FnOnce() -> T) -> T {
        let _inside = self.session.asking.runtime().enter();
        work()
    }

    /// Does work that a request to stop ends.
    fn attend<T>(&mut self, work: impl AsyncFnOnce(&Session) -> T) -> Result<T, Signal> {
        let Self { session, stops, .. } = self;
        attend(session, work, async {
            match stops {
                Some(stops) => stops.next().await,
                None => std::future::pending().await,
            }
        })
    }
}

/// The same, while something goes on beside that ends it.
impl Upkeep {
    /// Reads everything that a plan wants.
    pub fn begin_beside<'p, S>(
        &self,
        plan: &'p Plan<'p>,
        rules: Rules,
        ask: &Ask,
        beside: impl Future<Output = S>,
    ) -> Result<Watched<'p>, S> {
        let work = async |session: &Session| {
            Watched::begin(plan, rules, &mut Known::default(), &session.providers, ask).await
        };
        attend(&self.session, work, beside)
    }

    /// Does what is due.
    pub fn round_beside<'p, S>(
        &self,
        watched: &mut Watched<'p>,
        ask: &Ask,
        beside: impl Future<Output = S>,
    ) -> Result<Round<'p>, S> {
        attend(&self.session, async |session| watched.round(&session.providers, ask).await, beside)
    }

    /// Gives these leases back.
    pub fn give_back_beside<S>(
        &self,
        leases: &[(&str, Lease)],
        ask: &Ask,
        beside: impl Future<Output = S>,
    ) -> Result<(), S> {
        attend(&self.session, async |session| give_back(session, leases, ask).await, beside)
    }

    /// Waits until then.
    pub fn wait_beside<S>(&self, until: Option<Instant>, beside: impl Future<Output = S>) -> Result<(), S> {
        let time = async |_: &Session| match until {
            Some(until) => tokio::time::sleep_until(until.into()).await,
            None => std::future::pending().await,
        };
        attend(&self.session, time, beside)
    }
}

/// What comes, unless the time comes first.
pub async fn until<T>(deadline: Option<Instant>, what: impl Future<Output = T>) -> Option<T> {
    match deadline {
        Some(deadline) => tokio::time::timeout_at(deadline.into(), what).await.ok(),
        None => Some(what.await),
    }
}

async fn next(stream: &mut Option<Stream>) -> Option<()> {
    match stream {
        Some(stream) => stream.recv().await,
        None => std::future::pending().await,
    }
}

/// Does work that something else ends.
fn attend<T, S>(
    session: &Session,
    work: impl AsyncFnOnce(&Session) -> T,
    beside: impl Future<Output = S>,
) -> Result<T, S> {
    session.asking.runtime().block_on(async {
        // What goes on beside goes first: it is done at once, and work is not.
        match select(Box::pin(beside), Box::pin(work(session))).await {
            Either::Left((end, _)) => Err(end),
            Either::Right((result, _)) => Ok(result),
        }
    })
}

async fn give_back(session: &Session, leases: &[(&str, Lease)], ask: &Ask) {
    let mut of: BTreeMap<&str, Vec<Lease>> = BTreeMap::new();
    for (instance, lease) in leases {
        of.entry(instance).or_default().push(lease.clone());
    }
    let given = of.iter().filter_map(|(instance, leases)| {
        Some(session.providers.get(*instance)?.as_ref().ok()?.lender()?.give_back(leases, ask))
    });
    join_all(given).await;
}
