//! Errors in words, and the two forms in which they are said: lines for people, objects for programs.
//!
//! Invariant: each error has a code and something to type; where nothing better is known, that is `kz explain`.

use serde::Serialize;

use crate::hint::Hint;
use crate::log::{self, Format, escape};

use super::super::exit::End;
use super::super::explain::Code;
use super::Manner;

/// Errors that are said together, in order.
#[derive(Debug, Default)]
pub(super) struct Words {
    messages: Vec<Message>,
}

/// One error.
#[derive(Debug)]
struct Message {
    code: Code,
    text: String,
    place: Option<Place>,
    causes: Vec<(Option<Code>, String)>,
    hints: Vec<Hint>,
    /// Says only that others follow.
    is_headline: bool,
}

/// A stretch of a file that is shown.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) file: String,
    /// From 1.
    pub(super) line: usize,
    /// From 1, in characters.
    pub(super) column: usize,
    /// The line, as far as it may be shown.
    pub(super) text: String,
    /// Characters before the carets.
    pub(super) indent: usize,
    pub(super) carets: usize,
}

impl Words {
    /// One error.
    pub(super) fn error(code: Code, text: impl Into<String>) -> Self {
        Self::default().and(code, text)
    }

    /// An error that only announces others.
    pub(super) fn headline(code: Code, text: impl Into<String>) -> Self {
        let mut words = Self::error(code, text);
        words.last(|message| message.is_headline = true);
        words
    }

    /// A further error. What is added from here on belongs to it.
    pub(super) fn and(mut self, code: Code, text: impl Into<String>) -> Self {
        let (place, causes, hints) = (None, Vec::new(), Vec::new());
        self.messages.push(Message { code, text: text.into(), place, causes, hints, is_headline: false });
        self
    }

    pub(super) fn at(mut self, place: Place) -> Self {
        self.last(|message| message.place = Some(place));
        self
    }

    pub(super) fn cause(mut self, text: impl Into<String>) -> Self {
        self.last(|message| message.causes.push((None, text.into())));
        self
    }

    /// A cause that has a code of its own.
    pub(super) fn coded_cause(mut self, code: Code, text: impl Into<String>) -> Self {
        self.last(|message| message.causes.push((Some(code), text.into())));
        self
    }

    pub(super) fn hint(mut self, hint: impl Into<Hint>) -> Self {
        self.last(|message| message.hints.push(hint.into()));
        self
    }

    pub(super) fn hint_maybe(self, hint: Option<impl Into<Hint>>) -> Self {
        match hint {
            Some(hint) => self.hint(hint),
            None => self,
        }
    }

    fn last(&mut self, change: impl FnOnce(&mut Message)) {
        if let Some(message) = self.messages.last_mut() {
            change(message);
        }
    }

    /// How kz ends: the first decides, with its causes.
    pub(super) fn end(&self) -> End {
        let Some(message) = self.messages.first() else { return End::of(Code::Internal, &[]) };
        let causes: Vec<Code> = message.causes.iter().filter_map(|(code, _)| *code).collect();
        End::of(message.code, &causes)
    }

    /// Says all of it, in one write.
    pub(super) fn say(&self, manner: &Manner) {
        let discreet = self.messages.iter().map(|message| message.as_said(manner));
        let said = discreet.map(|message| match manner.format {
            Format::Text => message.lines(),
            Format::Json => message.object(),
        });
        log::say(&said.collect::<Vec<_>>().join("\n"));
    }
}

/// What the object of an error has beside its message.
#[derive(Serialize)]
struct Details {
    code: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<Start>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    causes: Vec<Cause>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hints: Vec<String>,
}

/// Where a place begins.
#[derive(Serialize)]
struct Start {
    file: String,
    line: usize,
    column: usize,
}

/// Why, in one sentence.
#[derive(Serialize)]
struct Cause {
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
}

impl Message {
    /// The same in the words of where kz runs, with nothing of the command line that may be a credential. Of a
    /// configuration, only what an excerpt may show has got here.
    fn as_said(&self, manner: &Manner) -> Self {
        let hide = |text: &String| manner.suspects.hide(text);
        Self {
            code: self.code,
            text: hide(&self.text),
            place: self.place.clone(),
            causes: self.causes.iter().map(|(code, text)| (*code, hide(text))).collect(),
            hints: self.hints.iter().map(|hint| hide(&hint.say(manner.home)).into()).collect(),
            is_headline: self.is_headline,
        }
    }

    fn lines(&self) -> String {
        let place = self.place.as_ref();
        let place_words = place
            .map(|place| format!("{}:{}:{}: ", place.file, place.line, place.column))
            .unwrap_or_default();
        let error = format!("{place_words}{} [{}]", self.text, self.code.id());
        let mut lines = vec![format!("kz: error: {}", escape(&error))];
        if let Some(Place { line, text, indent, carets, .. }) = place {
            let number = line.to_string();
            lines.push(format!(" {number} | {}", escape(text)));
            let margin = " ".repeat(number.len());
            lines.push(format!(" {margin} | {}{}", " ".repeat(*indent), "^".repeat(*carets)));
        }
        lines.extend(self.causes.iter().map(|(code, text)| {
            let code = code.map(|code| format!(" [{}]", code.id())).unwrap_or_default();
            format!("caused by: {}{code}", escape(text))
        }));
        lines.extend(self.hints().iter().map(|hint| format!("kz: hint: {}", escape(hint))));
        lines.join("\n")
    }

    fn object(&self) -> String {
        let place = self.place.as_ref().map(|Place { file, line, column, .. }| Start {
            file: escape(file),
            line: *line,
            column: *column,
        });
        let cause =
            |(code, text): &(Option<Code>, String)| Cause { message: escape(text), code: code.map(Code::id) };
        let details = Details {
            code: self.code.id(),
            place,
            causes: self.causes.iter().map(cause).collect(),
            hints: self.hints().iter().map(|hint| escape(hint)).collect(),
        };
        log::record("error", &self.text, &details)
    }

    /// What was given, or else where to read more.
    fn hints(&self) -> Vec<String> {
        if self.hints.is_empty() && !self.is_headline {
            let code = self.causes.iter().find_map(|(code, _)| *code).unwrap_or(self.code);
            return vec![format!("`kz explain {}` says more", code.id())];
        }
        self.hints.iter().map(Hint::to_string).collect()
    }
}
