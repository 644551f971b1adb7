//! A wait that explains itself: what is waited for, and how much longer.
//!
//! Invariants: a wait of less than a second says nothing; a long one says something every ten
//! seconds, and when what it waits for becomes something else, so that a log stays readable; on a
//! terminal one line shows it and is gone afterwards.
//! Nothing here waits or has a thread: whoever waits calls [`Wait::tick`] as often as it looks.

use std::time::{Duration, Instant};

use super::{Format, Level, Log, Stderr, escape};

/// Until something is said at all.
const PATIENCE: Duration = Duration::from_secs(1);

/// Between two lines of a log.
const INTERVAL: Duration = Duration::from_secs(10);

/// Between two pictures of the spinner.
const FRAME: Duration = Duration::from_millis(100);

const SPINNER: [char; 4] = ['|', '/', '-', '\\'];

/// One wait, from when it is made until it is dropped.
#[derive(Debug)]
pub struct Wait {
    log: Log,
    begun: Instant,
    deadline: Instant,
    /// When it is looked again whether there is something to say.
    look: Instant,
    /// When the same is said again.
    next: Instant,
    said: String,
    frames: usize,
}

impl Wait {
    /// A wait that begins now and ends at `deadline` at the latest.
    pub fn new(log: Log, deadline: Instant) -> Self {
        Self::begun(log, Instant::now(), deadline)
    }

    fn begun(log: Log, begun: Instant, deadline: Instant) -> Self {
        let next = begun + PATIENCE;
        Self { log, begun, deadline, look: next, next, said: String::new(), frames: 0 }
    }

    /// Says, when it is time to, what is waited for: a noun, such as "the lock on `/secrets`".
    pub fn tick(&mut self, what: impl FnOnce() -> String) {
        if let Some(line) = self.due(Instant::now(), what) {
            if self.is_spinning() {
                draw(&format!("\r\x1b[Kkz: {line}"));
            } else {
                self.log.note(&line);
            }
        }
    }

    /// The line that is to be said at `now`, if any.
    fn due(&mut self, now: Instant, what: impl FnOnce() -> String) -> Option<String> {
        if now < self.look && now < self.next {
            return None;
        }
        let what = what();
        let left = self.deadline.saturating_duration_since(now).as_secs_f64().ceil();
        let line = format!("waiting for {what}, up to {left} s more");
        if self.is_spinning() {
            (self.look, self.next) = (now + FRAME, now + FRAME);
            let frame = SPINNER[self.frames % SPINNER.len()];
            self.frames += 1;
            return Some(format!("{frame} {}", escape(&line)));
        }
        self.look = now + PATIENCE;
        if now < self.next && what == self.said {
            return None;
        }
        self.said = what;
        // From the beginning, so that the lines come at 1, 10, 20, … seconds.
        let passed = now.duration_since(self.begun).as_secs() / INTERVAL.as_secs() + 1;
        self.next = self.begun + INTERVAL * u32::try_from(passed).unwrap_or(u32::MAX);
        Some(line)
    }

    fn is_spinning(&self) -> bool {
        self.log.stderr == Stderr::Terminal
            && self.log.format == Format::Text
            && self.log.level >= Level::Normal
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if self.frames > 0 {
            draw("\r\x1b[K");
        }
    }
}

fn draw(text: &str) {
    use std::io::Write as _;
    let _ = std::io::stderr().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(stderr: Stderr, seconds: &[f64]) -> Vec<Option<String>> {
        let start = Instant::now();
        let log = Log::new(Level::Normal, Format::Text, stderr);
        let mut wait = Wait::begun(log, start, start + Duration::from_mins(1));
        let lines = seconds
            .iter()
            .map(|&at| wait.due(start + Duration::from_secs_f64(at), || "the lock".to_owned()))
            .collect();
        std::mem::forget(wait);
        lines
    }

    #[test]
    fn a_log_gets_a_line_after_a_second_and_then_every_ten() {
        let said = lines(Stderr::Collected, &[0.5, 1.2, 1.3, 9.9, 10.0, 10.1, 25.0, 29.0, 30.5]);
        let said: Vec<_> = said.into_iter().map(Option::unwrap_or_default).collect();
        let line = |left: &str| format!("waiting for the lock, up to {left} s more");
        assert_eq!(
            said,
            ["", &line("59"), "", "", &line("50"), "", &line("35"), "", &line("30")].map(str::to_owned)
        );
    }

    #[test]
    fn another_reason_is_said_when_it_is_one() {
        let start = Instant::now();
        let log = Log::new(Level::Normal, Format::Text, Stderr::Collected);
        let mut wait = Wait::begun(log, start, start + Duration::from_mins(1));
        let mut said =
            |at: f64, what: &str| wait.due(start + Duration::from_secs_f64(at), || what.to_owned()).is_some();
        let lines = [(1.0, "a"), (1.5, "b"), (2.0, "b"), (2.1, "a"), (3.1, "b"), (10.0, "b"), (10.5, "b")];
        assert_eq!(
            lines.map(|(at, what)| said(at, what)),
            [true, false, true, false, false, true, false],
            "at most one a second, and the same every ten"
        );
    }

    #[test]
    fn a_terminal_shows_a_spinner_ten_times_a_second() {
        let said = lines(Stderr::Terminal, &[0.5, 1.0, 1.05, 1.1]);
        assert_eq!(said[1].as_deref(), Some("| waiting for the lock, up to 59 s more"));
        assert_eq!(said[2], None);
        assert_eq!(said[3].as_deref(), Some("/ waiting for the lock, up to 59 s more"));
    }
}
