//! What chains of templates cost, each naming the one before: no backend is asked, so all is kz's own time.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use crate::scene::RUNS;
use crate::support::Sandbox;

/// A chain of so many templates: the last one first, so that the order of the file helps nobody.
fn config(length: u32) -> String {
    let mut config = "[secrets]\n".to_owned();
    for number in (1..=length).rev() {
        let _ = writeln!(config, "T{number} = {{ template = \"{{{{ T{} }}}}\" }}", number - 1);
    }
    config + "T0 = { provider = \"file\", ref = \"value\" }\n"
}

fn median(length: u32) -> Duration {
    let sandbox = Sandbox::with_config(&config(length));
    sandbox.file("value", "value");
    let mut times: Vec<Duration> = (0..RUNS)
        .map(|_| {
            let begin = Instant::now();
            let run = sandbox.kz(&["--quiet", "export", "--format", "json", "--output", "out"]);
            let elapsed = begin.elapsed();
            run.expect_code(0);
            elapsed
        })
        .collect();
    times.sort();
    times.swap_remove(RUNS / 2)
}

pub(crate) fn measure() {
    println!("\nchains of templates, median of {RUNS} runs");
    println!("{:<36} {:>9} {:>16}", "", "ms", "us per template");
    for (length, budget) in [(1_000_u32, ""), (3_000, "linear: as much per template as above")] {
        let micros = median(length).as_micros();
        let (whole, each) = (micros / 1000, micros / u128::from(length));
        println!("{:<36} {whole:>9} {each:>16}  {budget}", format!("templates: {length}"));
    }
}
