//! What chains of templates cost a whole command, counted in instructions (valgrind's callgrind), so that neither another
//! load of the machine nor its speed counts: three times as many templates are three times as much work, in whatever order
//! the file has them.

use std::fmt::Write as _;
use std::process::Command;

use crate::support::{Sandbox, kz_binary};

/// How much more three times as much may cost.
const MOST: f64 = 3.3;

/// How the templates of a chain follow one another in the file.
#[derive(Clone, Copy, Debug)]
enum Order {
    /// Each behind the one that it names.
    Forward,
    /// Each before it.
    Backward,
    /// Far from it.
    Scattered,
}

fn config(length: usize, order: Order) -> String {
    let mut numbers: Vec<usize> = (1..=length).collect();
    match order {
        Order::Forward => {}
        Order::Backward => numbers.reverse(),
        // A step that has no divisor in common with the length.
        Order::Scattered => numbers = (0..length).map(|n| n * 377 % length + 1).collect(),
    }
    let mut config = "[secrets]\n".to_owned();
    for number in numbers {
        let _ = writeln!(config, "T{number} = {{ template = \"{{{{ T{} }}}}\" }}", number - 1);
    }
    config + "T0 = { provider = \"file\", ref = \"value\" }\n"
}

/// The instructions of a command.
fn work(words: &[&str], length: usize, order: Order) -> f64 {
    let sandbox = Sandbox::with_config(&config(length, order));
    sandbox.file("value", "value");
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(kz_binary()).args(words);
    let run = sandbox.run(&mut command).expect_code(0).expect_stderr(&["Collected : "]);
    let stderr = run.stderr();
    let counted =
        stderr.lines().find_map(|line| line.split_once("Collected : ")).map(|(_, number)| number.trim());
    counted.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("no count\n{}", run.describe()))
}

#[test]
fn three_times_as_many_templates_are_three_times_as_much_work() {
    for words in [&["validate"][..], &["--quiet", "export", "--format", "json", "--output", "out"]] {
        for order in [Order::Forward, Order::Backward, Order::Scattered] {
            let (one, three) = (work(words, 1_000, order), work(words, 3_000, order));
            let ratio = three / one;
            assert!(ratio <= MOST, "{words:?}, {order:?}: {one} and {three} instructions, {ratio:.2} times");
        }
    }
}
