//! Everything together: which reader reads which form, the controls, and the table.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use kz::output::Item;
use kz::output::env::Dialect;
use kz::output::shell::Shell;
use kz::secret::Secret;

use crate::form::{FORMS, Form};
use crate::judge::{Judge, Verdict};
use crate::reader::Reader;
use crate::values::{Chance, by_hand};
use crate::{compose, compose_v2, engines, libraries, names, shells, systemd};

/// How many values are generated unless it is said.
const GENERATED: usize = 3000;
/// Jobs at one time: engines and systemd are waited for.
const LANES: usize = 4;

/// A reader, and what is promised to it.
struct Row {
    reader: Reader,
    forms: Vec<Form>,
    /// Whether only a part of the dialect `compose` is.
    is_old_compose: bool,
}

/// What was tried, and what each form carries of it.
struct Values {
    by_hand: usize,
    items: Vec<Item>,
    /// By form: the items that it carries.
    carried: Vec<Vec<usize>>,
}

/// One cell of the table.
struct Cell {
    row: usize,
    form: usize,
    verdict: Verdict,
}

pub fn run() -> ExitCode {
    let directory = tempfile::tempdir().unwrap();
    let (number, seed) = (number("VALUES", GENERATED), number("SEED", 1));
    let values = values(number, seed);
    engines::make_image(directory.path());
    let rows = rows(directory.path());
    println!(
        "{} values by hand and {number} generated (seed {seed}), in {} forms, for {} readers",
        values.by_hand,
        FORMS.len(),
        rows.len()
    );
    let cells = read_all(&rows, &values, directory.path());
    table(&rows, &values, &cells);
    let checks = [
        readings(&rows, &cells),
        controls(&rows, &values, directory.path()),
        shells_names(&rows, directory.path()),
        recorded(),
        program(&values, directory.path()),
    ];
    engines::remove_image();
    let failed = checks.iter().filter(|passed| !**passed).count();
    println!("{} checks passed, {failed} failed", checks.len() - failed);
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A number from the environment.
fn number(name: &str, otherwise: usize) -> usize {
    let typed = std::env::var(name).ok().filter(|typed| !typed.is_empty());
    typed.map_or(otherwise, |typed| typed.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

fn values(number: usize, seed: usize) -> Values {
    let mut values = by_hand();
    let by_hand = values.len();
    let mut chance = Chance(seed as u64);
    values.extend((0..number).map(|_| chance.value()));
    let item = |(index, value)| Item { name: format!("K{index}"), value: Secret::new(value) };
    let items: Vec<Item> = values.into_iter().enumerate().map(item).collect();
    let fits = |form: Form, index: &usize| form.encode(std::slice::from_ref(&items[*index])).is_ok();
    let carried = FORMS.map(|form| (0..items.len()).filter(|index| fits(form, index)).collect());
    Values { by_hand, carried: carried.into(), items }
}

/// Every reader, with the forms that are promised to it.
fn rows(directory: &Path) -> Vec<Row> {
    use Dialect::{Common, Docker, Portable, Systemd};
    let row = |reader, dialects: &[Dialect], is_old_compose| Row {
        reader,
        forms: dialects.iter().map(|dialect| Form::Env(*dialect)).collect(),
        is_old_compose,
    };
    let quotes = [Common, Portable];
    let with_compose = [Common, Dialect::Compose, Portable];
    let mut rows: Vec<Row> =
        engines::dockers().into_iter().map(|docker| row(docker, &[Docker, Portable], false)).collect();
    rows.push(row(engines::podman(directory), &[Docker, Portable], false));
    rows.push(row(engines::kubectl(), &[Docker, Portable], false));
    rows.push(row(compose::v2_model(), &with_compose, false));
    rows.push(row(compose::v2(), &with_compose, false));
    rows.push(row(compose::v1(), &with_compose, true));
    rows.push(row(libraries::python(), &with_compose, true));
    let sourced = [Common, Dialect::Sh, Systemd, Portable];
    rows.extend(shells::sourcing().into_iter().map(|shell| row(shell, &sourced, false)));
    rows.push(row(systemd::reader(), &[Common, Systemd, Portable], false));
    rows.push(row(libraries::node(), &quotes, false));
    rows.push(row(libraries::npm(), &quotes, false));
    rows.push(row(libraries::dotenvy(), &quotes, false));
    rows.push(row(libraries::kz(), &quotes, false));
    for (readers, shell) in [(shells::evaluating(), Shell::Sh), (vec![shells::fish()], Shell::Fish)] {
        let forms = || vec![Form::Shell(shell)];
        rows.extend(readers.into_iter().map(|reader| Row { reader, forms: forms(), is_old_compose: false }));
    }
    for (index, row) in rows.iter_mut().enumerate() {
        let directory = directory.join(format!("settle-{index}"));
        std::fs::create_dir(&directory).unwrap();
        row.reader.settle(&directory);
    }
    rows
}

/// Every reader reads every form that is promised to it.
fn read_all(rows: &[Row], values: &Values, directory: &Path) -> Vec<Cell> {
    let places = |(row, form): (usize, usize)| rows[row].forms.contains(&FORMS[form]);
    let all = (0..rows.len()).flat_map(|row| (0..FORMS.len()).map(move |form| (row, form)));
    let jobs: Vec<(usize, usize)> = all.filter(|place| places(*place)).collect();
    in_lanes(&jobs, |&(row, form)| {
        let items: Vec<&Item> = values.carried[form].iter().map(|index| &values.items[*index]).collect();
        let promised = promised(&rows[row], FORMS[form], items);
        let writer = |items: &[Item]| FORMS[form].encode(items).unwrap().expose().to_vec();
        let directory = directory.join(format!("job-{row}-{form}"));
        let judge = Judge { reader: &rows[row].reader, writer: &writer, directory };
        Cell { row, form, verdict: judge.judge(&promised) }
    })
}

/// The items of a form that a reader is promised.
fn promised<'a>(row: &Row, form: Form, items: Vec<&'a Item>) -> Vec<&'a Item> {
    if !row.is_old_compose || form != Form::Env(Dialect::Compose) {
        return items;
    }
    let line = |item: &Item| form.encode(std::slice::from_ref(item)).unwrap();
    items.into_iter().filter(|item| compose::is_for_v1(line(item).expose())).collect()
}

/// Each job's result, in no order.
fn in_lanes<J: Sync, R: Send>(jobs: &[J], work: impl Fn(&J) -> R + Sync) -> Vec<R> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let lane = || {
        while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            let result = work(job);
            done.lock().unwrap().push(result);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..LANES {
            scope.spawn(lane);
        }
    });
    done.into_inner().unwrap()
}

fn table(rows: &[Row], values: &Values, cells: &[Cell]) {
    let line = |name: &str, cells: Vec<String>| {
        let mut line = format!("{name:<28}");
        for cell in cells {
            let _ = write!(line, "{cell:>11}");
        }
        println!("{line}");
    };
    line("", FORMS.map(|form| form.name().to_owned()).into());
    line("carried", values.carried.iter().map(|items| items.len().to_string()).collect());
    line(
        "refused",
        values.carried.iter().map(|items| (values.items.len() - items.len()).to_string()).collect(),
    );
    println!("read back byte for byte by");
    let cells: BTreeMap<(usize, usize), &Cell> =
        cells.iter().map(|cell| ((cell.row, cell.form), cell)).collect();
    for (index, row) in rows.iter().enumerate() {
        let cell = |form: usize| match cells.get(&(index, form)) {
            Some(cell) if cell.verdict.mismatches.is_empty() => cell.verdict.values.to_string(),
            Some(_) => "BROKEN".to_owned(),
            None => "-".to_owned(),
        };
        line(&row.reader.name, (0..FORMS.len()).map(cell).collect());
    }
}

/// Whether everything was read as it was written, and nothing was run.
fn readings(rows: &[Row], cells: &[Cell]) -> bool {
    let sum = |part: fn(&Verdict) -> usize| cells.iter().map(|cell| part(&cell.verdict)).sum::<usize>();
    let mismatches = sum(|verdict| verdict.mismatches.len());
    let executions = sum(|verdict| verdict.executions);
    println!("{} readings, {mismatches} mismatches, {executions} executions", sum(|verdict| verdict.values));
    for cell in cells {
        for mismatch in &cell.verdict.mismatches {
            eprintln!("{}, read by {}: {mismatch}", FORMS[cell.form].name(), rows[cell.row].reader.name);
        }
    }
    mismatches + executions == 0 && sum(|verdict| verdict.values) > 0
}

/// A wrong writer is caught for every reader, and shells run what it lets them run.
fn controls(rows: &[Row], values: &Values, directory: &Path) -> bool {
    let is_telling = |item: &&Item| {
        item.value.expose_text().is_some_and(|text| text.contains('"') && !text.contains('\0'))
    };
    let items: Vec<&Item> = values.items[..values.by_hand].iter().filter(is_telling).collect();
    let jobs: Vec<usize> = (0..rows.len()).collect();
    let caught = in_lanes(&jobs, |&row| {
        let Row { reader, forms, .. } = &rows[row];
        let writer = |items: &[Item]| naive(items, forms);
        let judge = Judge { reader, writer: &writer, directory: directory.join(format!("control-{row}")) };
        let (mut is_caught, mut has_run) = (false, false);
        for item in &items {
            let verdict = judge.judge(&[item]);
            is_caught |= !verdict.mismatches.is_empty();
            has_run |= verdict.executions > 0;
            if is_caught && has_run == reader.is_shell {
                return (row, true);
            }
        }
        (row, false)
    });
    let number = caught.iter().filter(|(_, is_right)| *is_right).count();
    println!("controls: a writer that only adds quotes is caught for {number} of {} readers", rows.len());
    for (row, _) in caught.iter().filter(|(_, is_right)| !is_right) {
        eprintln!("not caught: {}", rows[*row].reader.name);
    }
    number == rows.len()
}

/// Values in double quotes, as they are.
fn naive(items: &[Item], forms: &[Form]) -> Vec<u8> {
    let (start, middle) = match forms[0] {
        Form::Env(_) => ("", "="),
        Form::Shell(Shell::Sh) => ("export ", "="),
        Form::Shell(Shell::Fish) => ("set -gx ", " "),
    };
    let line = |item: &Item| {
        [start.as_bytes(), item.name.as_bytes(), middle.as_bytes(), b"\"", item.value.expose(), b"\"\n"]
            .concat()
    };
    items.iter().flat_map(line).collect()
}

/// Names that shells have by themselves.
fn shells_names(rows: &[Row], directory: &Path) -> bool {
    let names = names::candidates(directory);
    let all = rows.iter().enumerate().filter(|(_, row)| row.reader.is_shell);
    let jobs: Vec<(usize, Form)> = all
        .flat_map(|(index, row)| row.forms.iter().map(move |form| (index, *form)))
        .filter(|(_, form)| is_for_shells(*form))
        .collect();
    let verdicts = in_lanes(&jobs, |&(row, form)| {
        let directory = directory.join(format!("names-{row}-{}", form.name()));
        (row, form, names::judge(form, &rows[row].reader, &directory, &names))
    });
    let read: usize = verdicts.iter().map(|(.., verdict)| verdict.values).sum();
    let wrong: usize =
        verdicts.iter().map(|(.., verdict)| verdict.mismatches.len() + verdict.executions).sum();
    println!("{} names that shells have by themselves: {read} readings, {wrong} mismatches", names.len());
    for (row, form, verdict) in &verdicts {
        for mismatch in &verdict.mismatches {
            eprintln!("{}, read by {}: {mismatch}", form.name(), rows[*row].reader.name);
        }
    }
    wrong == 0 && read > 0
}

/// The dialect `systemd` takes the names of systemd, to which no name is special.
fn is_for_shells(form: Form) -> bool {
    form != Form::Env(Dialect::Systemd)
}

/// The model of Compose v2 is what was recorded of it.
fn recorded() -> bool {
    let (number, differing) = compose_v2::agreement();
    println!("the model of Compose v2 agrees with {} of {number} recorded answers", number - differing.len());
    for answer in differing.iter().take(10) {
        eprintln!("differs: {answer}");
    }
    number > 600 && differing.is_empty()
}

/// The program writes what the encoders make.
fn program(values: &Values, directory: &Path) -> bool {
    let place = directory.join("program");
    std::fs::create_dir(&place).unwrap();
    let by_hand = &values.items[..values.by_hand];
    let mut config = String::from("[secrets]\n");
    for item in by_hand {
        std::fs::write(place.join(&item.name), item.value.expose()).unwrap();
        let _ = writeln!(config, "{0} = {{ provider = \"file\", ref = \"{0}\" }}", item.name);
    }
    std::fs::write(place.join(".keyzero.toml"), config).unwrap();
    let writes = |form: usize| {
        let carried = values.carried[form].iter().take_while(|index| **index < values.by_hand);
        let items: Vec<Item> = carried.map(|index| values.items[*index].clone()).collect();
        let only: Vec<&str> = items.iter().map(|item| item.name.as_str()).collect();
        let mut kz = Command::new(env!("CARGO_BIN_EXE_kz"));
        kz.current_dir(&place).env_clear().arg("export").args(FORMS[form].options());
        let output = kz.args(["--only", &only.join(",")]).output().unwrap();
        output.stdout == FORMS[form].encode(&items).unwrap().expose()
    };
    let number = (0..FORMS.len()).filter(|form| writes(*form)).count();
    println!("`kz export` writes the same in {number} of {} forms", FORMS.len());
    number == FORMS.len()
}
