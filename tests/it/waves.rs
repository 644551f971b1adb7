//! Round trips, counted: requests of one wave wait for no other. No time is measured here; `make bench` does that.

use std::process::Child;
use std::time::Duration;

use kz_fakes::fake_server::{Backend, Fake};

/// Whether a process or thread sleeps, waiting for something.
fn sleeps(stat: &str) -> bool {
    let text = std::fs::read_to_string(stat).unwrap_or_default();
    // The name, in parentheses, may hold anything; the state stands behind it.
    text.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('S'))
}

/// Holds all requests until neither kz nor the fake has anything to do, then answers them: a wave. Returns their
/// sizes. The fake has to hold from before kz was started.
pub(crate) fn waves<B: Backend>(fake: &Fake<B>, kz: &mut Child) -> Vec<usize> {
    waves_after(25, fake, kz)
}

/// The same of a server that is far away: each wave is held for so long that kz has to take the way for long.
pub(crate) fn distant_waves<B: Backend>(fake: &Fake<B>, kz: &mut Child) -> Vec<usize> {
    waves_after(150, fake, kz)
}

/// Looks every 2 ms, and releases a wave when nobody had anything to do so many times.
fn waves_after<B: Backend>(looks: usize, fake: &Fake<B>, kz: &mut Child) -> Vec<usize> {
    let (client, server) = (format!("/proc/{}/stat", kz.id()), fake.stat());
    let mut waves = Vec::new();
    let mut quiet = 0;
    while kz.try_wait().expect("kz").is_none() {
        std::thread::sleep(Duration::from_millis(2));
        let still = fake.held() > 0 && sleeps(&client) && sleeps(&server);
        quiet = if still { quiet + 1 } else { 0 };
        if quiet == looks {
            waves.push(fake.release());
            quiet = 0;
        }
    }
    waves
}
