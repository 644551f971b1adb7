//! One asking: on whose time, and what for. A provider outlives it, and is asked on other terms the next time.

use std::time::{Duration, Instant};

use crate::log::Log;
use crate::patience::Patience;

/// What is read for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Purpose {
    /// To deliver it.
    #[default]
    Deliver,
    /// To see whether it could be delivered: nothing is made by it.
    Look,
}

/// One asking.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Until when, how it is waited, and where it is said what for.
    pub patience: Patience,
    /// What is read for.
    pub purpose: Purpose,
}

impl Ask {
    /// Until then, to deliver what is read.
    pub fn until(deadline: Instant, log: Log) -> Self {
        Self { patience: Patience::until(deadline, log), purpose: Purpose::Deliver }
    }

    /// The time, by the clock of this asking.
    pub fn now(&self) -> Instant {
        self.patience.now()
    }

    /// When by the clock of this asking something was that a connection has noted by the real one.
    pub fn at(&self, real: Instant) -> Instant {
        self.patience.noted(real)
    }

    /// Where to say what happens meanwhile.
    pub fn log(&self) -> Log {
        self.patience.log()
    }
}

impl Default for Ask {
    /// A minute, as without any setting.
    fn default() -> Self {
        Self::until(Instant::now() + Duration::from_mins(1), Log::default())
    }
}
