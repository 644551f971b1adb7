//! Compares what was read with what was written, byte for byte, and finds the values that make the difference.

use std::path::{Path, PathBuf};

use kz::output::Item;

use crate::reader::{Reader, Variables};

/// Bytes and items of one file: what exec still takes as an environment.
const FILE_BYTES: usize = 400_000;
const FILE_ITEMS: usize = 2000;
/// How many values of one reader and form are named.
const NAMED: usize = 5;

/// What writes a file.
pub type Writer<'a> = &'a dyn Fn(&[Item]) -> Vec<u8>;

/// What came of the values that one reader was given.
#[derive(Debug, Default)]
pub struct Verdict {
    /// How many it was given.
    pub values: usize,
    /// Those that it read otherwise, in words; the search ends after some.
    pub mismatches: Vec<String>,
    /// How often something was run.
    pub executions: usize,
}

/// A reader, a writer, and a directory of their own.
pub struct Judge<'a> {
    pub reader: &'a Reader,
    pub writer: Writer<'a>,
    pub directory: PathBuf,
}

impl Judge<'_> {
    /// Writes the items into files, lets them be read, and looks what was left where it was read.
    pub fn judge(&self, items: &[&Item]) -> Verdict {
        std::fs::create_dir_all(self.here()).unwrap();
        let batches = batches(items);
        let mut verdict = Verdict { values: items.len(), ..Verdict::default() };
        for wrong in self.wrong(&batches, &mut verdict.executions) {
            self.name(&batches[wrong], &mut verdict);
        }
        verdict
    }

    /// The batches that were not read as they were written.
    fn wrong(&self, batches: &[Vec<&Item>], executions: &mut usize) -> Vec<usize> {
        let files: Vec<PathBuf> =
            batches.iter().enumerate().map(|(index, batch)| self.write(index, batch)).collect();
        let readings = self.reader.read(&files, &self.here());
        assert_eq!(readings.len(), files.len());
        *executions += cleared(&self.here());
        let is_wrong = |index: &usize| !self.reader.has_read(&readings[*index], &expected(&batches[*index]));
        (0..batches.len()).filter(is_wrong).collect()
    }

    fn write(&self, index: usize, batch: &[&Item]) -> PathBuf {
        let items: Vec<Item> = batch.iter().map(|item| (*item).clone()).collect();
        let file = self.directory.join(format!("{index}.env"));
        std::fs::write(&file, (self.writer)(&items)).unwrap();
        file
    }

    /// Halves a batch until it is one value, or no half is wrong by itself.
    fn name(&self, batch: &[&Item], verdict: &mut Verdict) {
        if verdict.mismatches.len() >= NAMED {
            return;
        }
        if let [item] = batch {
            verdict.mismatches.push(self.describe(item));
            return;
        }
        let (first, second) = batch.split_at(batch.len() / 2);
        let halves = [first.to_vec(), second.to_vec()];
        let wrong = self.wrong(&halves, &mut verdict.executions);
        for half in &wrong {
            self.name(&halves[*half], verdict);
        }
        if wrong.is_empty() {
            let names = [batch[0], batch[batch.len() - 1]].map(|item| item.name.as_str());
            verdict.mismatches.push(format!("{names:?}: {} values, only together", batch.len()));
        }
    }

    fn describe(&self, item: &Item) -> String {
        let written = self.write(0, &[item]);
        let reading = self.reader.read(std::slice::from_ref(&written), &self.here()).remove(0);
        let seen = reading.map(|variables| variables.get(&item.name).map(|bytes| shown(bytes)));
        cleared(&self.here());
        let text = std::fs::read(written).unwrap();
        format!(
            "{}: {} was written as {}, and read as {seen:?}",
            item.name,
            shown(item.value.expose()),
            shown(&text)
        )
    }

    /// Where the reader works, and nothing is to appear.
    fn here(&self) -> PathBuf {
        self.directory.join("here")
    }
}

fn expected(batch: &[&Item]) -> Variables {
    batch.iter().map(|item| (item.name.clone(), item.value.expose().to_vec())).collect()
}

fn batches<'a>(items: &[&'a Item]) -> Vec<Vec<&'a Item>> {
    let mut batches: Vec<Vec<&Item>> = Vec::new();
    let mut bytes = 0;
    for item in items {
        let size = item.value.expose().len() + 16;
        match batches.last_mut() {
            Some(batch) if bytes + size <= FILE_BYTES && batch.len() < FILE_ITEMS => batch.push(item),
            _ => {
                batches.push(vec![item]);
                bytes = 0;
            }
        }
        bytes += size;
    }
    batches
}

/// Counts what is in a directory, and removes it.
fn cleared(directory: &Path) -> usize {
    let entries = std::fs::read_dir(directory).unwrap().flatten();
    entries.map(|entry| std::fs::remove_file(entry.path()).map_or(0, |()| 1)).sum()
}

/// The beginning of a value, for people: these are no secrets.
fn shown(bytes: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(bytes).chars().take(80).collect();
    format!("{text:?}{}", if bytes.len() > 80 { "…" } else { "" })
}
