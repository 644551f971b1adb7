//! In which order secrets can be had: each after those that its template names. Linear in secrets and names.

use std::collections::BTreeMap;

use super::{Declaration, Source};

/// Declarations by their index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Each after what it needs of the others.
    pub inputs_first: Vec<usize>,
    /// Those that need themselves, or one that does, in the order of declaration.
    pub stuck: Vec<usize>,
}

impl Order {
    /// The order of these. A name that is none of them needs nothing.
    pub fn of<'a>(declarations: impl IntoIterator<Item = &'a Declaration>) -> Self {
        let declarations: Vec<&Declaration> = declarations.into_iter().collect();
        let needs = needs(&declarations);
        let mut open: Vec<usize> = needs.iter().map(Vec::len).collect();
        let mut needed_by = vec![Vec::new(); declarations.len()];
        for (index, needs) in needs.iter().enumerate() {
            for &need in needs {
                needed_by[need].push(index);
            }
        }
        let mut inputs_first: Vec<usize> =
            (0..declarations.len()).filter(|&index| open[index] == 0).collect();
        let mut done = 0;
        while let Some(&index) = inputs_first.get(done) {
            done += 1;
            for &next in &needed_by[index] {
                open[next] -= 1;
                if open[next] == 0 {
                    inputs_first.push(next);
                }
            }
        }
        let stuck = (0..declarations.len()).filter(|&index| open[index] > 0).collect();
        Self { inputs_first, stuck }
    }

    /// A declaration that needs itself, if any does: the first of its circle.
    pub fn circle<'a>(&self, declarations: impl IntoIterator<Item = &'a Declaration>) -> Option<usize> {
        let declarations: Vec<&Declaration> = declarations.into_iter().collect();
        let needs = needs(&declarations);
        let mut way = Vec::new();
        let mut met = vec![false; declarations.len()];
        let mut at = *self.stuck.first()?;
        // Each of them needs another of them, so that the way comes back to where it was.
        while !met[at] {
            met[at] = true;
            way.push(at);
            at = *needs[at].iter().find(|need| self.stuck.binary_search(need).is_ok())?;
        }
        way.iter().skip_while(|&&index| index != at).min().copied()
    }
}

/// What each names of the others, or of itself.
fn needs(declarations: &[&Declaration]) -> Vec<Vec<usize>> {
    let index: BTreeMap<&str, usize> = declarations
        .iter()
        .enumerate()
        .map(|(index, declaration)| (declaration.name.as_str(), index))
        .collect();
    let needs = |declaration: &&Declaration| match &declaration.source {
        Source::Reference(_) => Vec::new(),
        Source::Template { inputs, .. } => {
            inputs.iter().filter_map(|input| index.get(input.as_str()).copied()).collect()
        }
    };
    declarations.iter().map(needs).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::Delivery;
    use crate::plan::WhenAbsent;
    use crate::scope::Scope;

    fn template(name: usize, inputs: impl IntoIterator<Item = usize>) -> Declaration {
        let inputs = inputs.into_iter().map(|input| format!("T{input}")).collect();
        Declaration {
            name: format!("T{name}"),
            source: Source::Template { text: String::new(), inputs },
            when_absent: WhenAbsent::Fail,
            delivery: Delivery::default(),
            scope: Scope::default(),
        }
    }

    const MANY: usize = 3_000;

    #[test]
    fn each_comes_after_what_it_names_in_whatever_order_they_are_declared() {
        let forth: Vec<_> = (0..MANY).map(|n| template(n, n.checked_sub(1))).collect();
        assert_eq!(Order::of(&forth), Order { inputs_first: (0..MANY).collect(), stuck: Vec::new() });
        let back: Vec<_> = (0..MANY).map(|n| template(n, (n + 1 < MANY).then_some(n + 1))).collect();
        assert_eq!(Order::of(&back).inputs_first, (0..MANY).rev().collect::<Vec<_>>());
        let mut wide = vec![template(0, 1..MANY)];
        wide.extend((1..MANY).map(|n| template(n, [])));
        assert_eq!(Order::of(&wide).inputs_first.last(), Some(&0));
        assert_eq!(Order::of(&wide).circle(&wide), None);
    }

    #[test]
    fn a_circle_is_found_however_long_and_however_far_from_the_first() {
        let circle: Vec<_> = (0..MANY).map(|n| template(n, [(n + 1) % MANY])).collect();
        assert_eq!((Order::of(&circle).stuck.len(), Order::of(&circle).circle(&circle)), (MANY, Some(0)));
        // The first two hang on a circle that they are no part of.
        let hanging = [template(0, [1]), template(1, [3]), template(2, [3]), template(3, [2])];
        assert_eq!(Order::of(&hanging).circle(&hanging), Some(2));
        assert_eq!(Order::of(&[template(0, [0])]).circle(&[template(0, [0])]), Some(0));
        assert_eq!(Order::of(&[template(0, [7])]).inputs_first, [0]);
    }
}
