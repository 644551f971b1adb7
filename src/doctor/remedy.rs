//! What is to be done about a finding: steps, each as a person would type it, with the place where it is to stand.
//!
//! The words that are shown are made from the steps and from nothing else, so that a test which applies the steps applies
//! what its reader reads (tests/it/doctor/).
//!
//! Invariant: no step repeats a script or a command line of the user's, in which anything may be a credential. It says which
//! words are to be changed, or what is to stand before them.

/// Where a step is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In place of the item or the entry where the finding stands.
    Here,
    /// Among the keys of the finding's own service or container, where one of the same name is replaced and an item of a
    /// list is added.
    Unit,
    /// The same of another one, by its name.
    OtherUnit(String),
    /// Among the keys of the file, or of the pod.
    Top,
    /// Among the options of kz in the unit's command line; of another one by its name.
    Options(Option<String>),
    /// No longer among them.
    OptionsOut(String),
    /// Nowhere any more: the keys that lead to it, in the finding's own unit or another one, or else what stands where the
    /// finding stands.
    Out(Option<String>),
    /// Nowhere any more: the keys that lead to it from the top level.
    OutOfTop,
    /// In this configuration, in this section.
    Configuration {
        /// Its name on the host.
        file: String,
        /// `secrets`, or `providers.vault`.
        section: &'static str,
    },
    /// At the end of this configuration, by its name on the host.
    ConfigurationEnd(String),
    /// In the text of the finding's own unit below this key, in the place of these words wherever they stand alone.
    Words {
        /// `command`, `entrypoint`, `args`, `healthcheck`.
        key: &'static str,
        /// What stands there now.
        old: String,
    },
    /// At the start of the script that stands below this key of the finding's own unit.
    ScriptStart(&'static str),
    /// Before all words that stand below this key of the finding's own unit.
    Before(&'static str),
    /// The words below this key of the finding's own unit, which are one.
    Split(&'static str),
    /// At the top of the pod's `initContainers`, from where it stands: the container of this name.
    First(String),
    /// In a shell, in the directory of the file.
    Shell,
    /// Wherever the words say.
    Said,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Where.
    pub place: Place,
    /// What, as it would stand there.
    pub text: String,
    /// What is to be known about it.
    pub remark: Option<String>,
}

/// All steps, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remedy(Vec<Step>);

impl Remedy {
    fn one(place: Place, text: impl Into<String>) -> Self {
        Self(vec![Step { place, text: text.into(), remark: None }])
    }

    /// Nothing yet.
    pub(super) fn none() -> Self {
        Self(Vec::new())
    }

    /// Replaces what stands where the finding stands.
    pub(super) fn here(text: impl Into<String>) -> Self {
        Self::one(Place::Here, text)
    }

    /// Keys of the finding's own unit.
    pub(super) fn unit(text: impl Into<String>) -> Self {
        Self::one(Place::Unit, text)
    }

    /// Keys of another unit.
    pub(super) fn in_unit(name: &str, text: impl Into<String>) -> Self {
        Self::one(Place::OtherUnit(name.to_owned()), text)
    }

    /// Keys of the file, or of the pod.
    pub(super) fn top(text: impl Into<String>) -> Self {
        Self::one(Place::Top, text)
    }

    /// Options of kz in the finding's own unit.
    pub(super) fn options(text: impl Into<String>) -> Self {
        Self::one(Place::Options(None), text)
    }

    /// Options of kz in another unit.
    pub(super) fn options_of(name: &str, text: impl Into<String>) -> Self {
        Self::one(Place::Options(Some(name.to_owned())), text)
    }

    /// Takes options of kz out of another unit's command line.
    pub(super) fn without_options(name: &str, text: impl Into<String>) -> Self {
        Self::one(Place::OptionsOut(name.to_owned()), text)
    }

    /// Tables behind everything else in the configuration, which is called so on the host.
    pub(super) fn configuration_end(file: &str, text: impl Into<String>) -> Self {
        Self::one(Place::ConfigurationEnd(file.to_owned()), text)
    }

    /// Takes out what stands where the finding stands, which is called `text`.
    pub(super) fn without(text: impl Into<String>) -> Self {
        Self::one(Place::Out(None), text)
    }

    /// Takes out what these keys of a unit lead to.
    pub(super) fn without_of(name: &str, keys: &str) -> Self {
        Self::one(Place::Out(Some(name.to_owned())), keys)
    }

    /// Takes out what these keys of the file lead to.
    pub(super) fn without_top(keys: &str) -> Self {
        Self::one(Place::OutOfTop, keys)
    }

    /// A line in a section of the configuration, which is called so on the host.
    pub(super) fn configuration(file: &str, section: &'static str, text: impl Into<String>) -> Self {
        Self::one(Place::Configuration { file: file.to_owned(), section }, text)
    }

    /// Other words in the place of these, in a text that is not repeated here, since it may hold a credential.
    pub(super) fn words(key: &'static str, old: impl Into<String>, new: impl Into<String>) -> Self {
        Self::one(Place::Words { key, old: old.into() }, new)
    }

    /// What a script is to begin with.
    pub(super) fn script_start(key: &'static str, text: impl Into<String>) -> Self {
        Self::one(Place::ScriptStart(key), text)
    }

    /// Words that come before those which are there.
    pub(super) fn before(key: &'static str, words: impl Into<String>) -> Self {
        Self::one(Place::Before(key), words)
    }

    /// Each of several words by itself.
    pub(super) fn split(key: &'static str) -> Self {
        Self::one(Place::Split(key), "each word as an item of its own")
    }

    /// Moves a container to the top of `initContainers`.
    pub(super) fn first(name: &str) -> Self {
        Self::one(Place::First(name.to_owned()), format!("`{name}` to the top of `initContainers`"))
    }

    /// A command on the host.
    pub(super) fn shell(text: impl Into<String>) -> Self {
        Self::one(Place::Shell, text)
    }

    /// What only a person can do.
    pub(super) fn said(text: impl Into<String>) -> Self {
        Self::one(Place::Said, text)
    }

    /// And then that.
    pub(super) fn then(mut self, other: Self) -> Self {
        for step in other.0 {
            if !self.0.iter_mut().any(|known| *known == step || known.takes_up(&step)) {
                self.0.push(step);
            }
        }
        self
    }

    /// What was to be done in the finding's own unit is to be done in this one.
    pub(super) fn elsewhere(mut self, name: &str) -> Self {
        for step in &mut self.0 {
            match step.place {
                Place::Unit => step.place = Place::OtherUnit(name.to_owned()),
                Place::Options(None) => step.place = Place::Options(Some(name.to_owned())),
                _ => {}
            }
        }
        self
    }

    /// With a remark on the last step.
    pub(super) fn remark(mut self, words: impl Into<String>) -> Self {
        if let Some(last) = self.0.last_mut() {
            last.remark = Some(words.into());
        }
        self
    }

    /// With a remark on the first step.
    pub(super) fn remark_first(mut self, words: impl Into<String>) -> Self {
        if let Some(first) = self.0.first_mut() {
            first.remark = Some(words.into());
        }
        self
    }

    /// With a remark on each step that changes what stands where the finding stands.
    pub(super) fn remark_in_place(&mut self, words: &str) {
        let is_in_place = |step: &&mut Step| matches!(step.place, Place::Here | Place::Out(None));
        for step in self.0.iter_mut().filter(is_in_place) {
            let remark = step.remark.take();
            let is_said = remark.as_ref().is_some_and(|remark| remark.contains(words));
            step.remark = match remark {
                Some(remark) if is_said => Some(remark),
                Some(remark) => Some(format!("{remark}; {words}")),
                None => Some(words.to_owned()),
            };
        }
    }

    /// The steps.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    /// All of it without places, a line for each of its lines.
    pub fn text(&self) -> String {
        self.0.iter().map(Step::written).collect::<Vec<_>>().join("\n")
    }
}

impl Step {
    /// Takes up what another one names besides: `--only A,B` and `--only A,C` are one option.
    fn takes_up(&mut self, other: &Self) -> bool {
        let (Some(ours), Some(theirs)) =
            (self.text.strip_prefix("--only "), other.text.strip_prefix("--only "))
        else {
            return false;
        };
        if self.place != other.place || ours.contains(' ') || theirs.contains(' ') {
            return false;
        }
        let mut names: Vec<&str> = ours.split(',').collect();
        theirs.split(',').for_each(|name| {
            if !names.contains(&name) {
                names.push(name);
            }
        });
        self.text = format!("--only {}", names.join(","));
        true
    }

    /// What is to be done and where, as it stands before the text.
    pub fn label(&self) -> String {
        match &self.place {
            Place::Here | Place::Unit | Place::Options(None) => "write".to_owned(),
            Place::OtherUnit(name) => format!("write, in `{name}`"),
            Place::Top => "write, at the top level".to_owned(),
            Place::Options(Some(name)) => format!("write, in the command of `{name}`"),
            Place::OptionsOut(name) => format!("remove, in the command of `{name}`"),
            Place::Out(None) => "remove".to_owned(),
            Place::Out(Some(name)) => format!("remove, in `{name}`"),
            Place::OutOfTop => "remove, at the top level".to_owned(),
            Place::Configuration { file, section } => format!("write, in `{file}` below `[{section}]`"),
            Place::ConfigurationEnd(file) => format!("write, at the end of `{file}`"),
            Place::Words { key, old } => format!("write, in `{key}` in the place of `{old}`"),
            Place::ScriptStart(key) => format!("write, in `{key}` at the start of the script"),
            Place::Before(key) => format!("write, in `{key}` before its words"),
            Place::Split(key) => format!("write, in `{key}`"),
            Place::First(_) => "move".to_owned(),
            Place::Shell => "run".to_owned(),
            Place::Said => "do".to_owned(),
        }
    }

    /// The text, with its remark as a comment behind its first line.
    pub fn written(&self) -> String {
        let Some(remark) = &self.remark else { return self.text.clone() };
        match self.text.split_once('\n') {
            None => format!("{}   # {remark}", self.text),
            Some((first, rest)) => format!("{first}   # {remark}\n{rest}"),
        }
    }

    /// What stands now where the text is to stand, if that is told by it.
    pub fn instead(&self) -> Option<&str> {
        match &self.place {
            Place::Words { old, .. } => Some(old),
            _ => None,
        }
    }

    /// The place in one word, and whose it is.
    pub fn place_words(&self) -> (&'static str, Option<String>) {
        match &self.place {
            Place::Here => ("here", None),
            Place::Unit => ("unit", None),
            Place::OtherUnit(name) => ("unit", Some(name.clone())),
            Place::Top => ("top", None),
            Place::Options(name) => ("options", name.clone()),
            Place::OptionsOut(name) => ("options-out", Some(name.clone())),
            Place::Out(name) => ("out", name.clone()),
            Place::OutOfTop => ("out-of-top", None),
            Place::Configuration { file, section } => ("configuration", Some(format!("{file} [{section}]"))),
            Place::ConfigurationEnd(file) => ("configuration-end", Some(file.clone())),
            Place::Words { key, .. } => ("words", Some((*key).to_owned())),
            Place::ScriptStart(key) => ("script-start", Some((*key).to_owned())),
            Place::Before(key) => ("before", Some((*key).to_owned())),
            Place::Split(key) => ("split", Some((*key).to_owned())),
            Place::First(name) => ("first", Some(name.clone())),
            Place::Shell => ("shell", None),
            Place::Said => ("said", None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_said_once_and_a_remark_stands_behind_its_first_line() {
        let mount = || Remedy::unit("volumes:\n  - a:/b:ro").remark("read-only");
        let remedy = mount().then(mount()).then(Remedy::top("volumes:\n  a:"));
        assert_eq!(remedy.steps().len(), 2);
        assert_eq!(remedy.text(), "volumes:   # read-only\n  - a:/b:ro\nvolumes:\n  a:");
        assert_eq!(remedy.steps()[1].label(), "write, at the top level");
    }

    #[test]
    fn names_that_are_to_be_exported_besides_are_one_option() {
        let only = |names| Remedy::options_of("init", format!("--only {names}"));
        assert_eq!(only("A,B").then(only("A,C")).text(), "--only A,B,C");
        assert_eq!(only("A").then(Remedy::options_of("other", "--only A,C")).steps().len(), 2);
    }
}
