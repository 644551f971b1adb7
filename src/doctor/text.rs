//! Text that may hold what is filled in later: Compose's `${NAME}`, Kubernetes' `$(NAME)`.

use super::yaml::{Mark, Node};

/// Which of the two kinds of file a text stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// A Compose file.
    Compose,
    /// A Kubernetes manifest.
    Pod,
}

impl Dialect {
    /// Who starts containers, and says why it cannot.
    pub(super) fn starter(self) -> &'static str {
        match self {
            Self::Compose => "the engine",
            Self::Pod => "the kubelet",
        }
    }
}

/// A text and its place.
#[derive(Clone, Debug)]
pub(super) struct Text {
    /// As it is written.
    pub(super) raw: String,
    /// What is left of it where something is filled in, else all of it, escapes undone.
    pub(super) value: String,
    pub(super) mark: Mark,
    /// Whether something is filled in later.
    pub(super) is_open: bool,
}

impl Text {
    /// The text, escapes undone.
    pub(super) fn new(raw: &str, mark: Mark, dialect: Dialect) -> Self {
        let (value, is_open) = match dialect {
            Dialect::Compose => fill(raw, |next| next == '{' || next == '_' || next.is_ascii_alphabetic()),
            Dialect::Pod => fill(raw, |next| next == '('),
        };
        Self { raw: raw.to_owned(), value, mark, is_open }
    }

    /// That of a scalar.
    pub(super) fn of(node: &Node, dialect: Dialect) -> Option<Self> {
        node.text().map(|text| Self::new(text, node.mark, dialect))
    }

    /// The text as it is where nobody sets a variable: with the defaults that stand in it, and with nothing for what has none.
    pub(super) fn by_default(&self) -> String {
        if !self.is_open {
            return self.value.clone();
        }
        let mut left = self.raw.clone();
        // Defaults may have defaults in them.
        while let Some((start, end)) = first_variable(&left) {
            let default = defaults(&left[start..end]).first().map(|(_, default)| (*default).to_owned());
            left.replace_range(start..end, &default.unwrap_or_default());
        }
        left.replace("$$", "$")
    }

    /// The text, if nothing is filled in.
    pub(super) fn known(&self) -> Option<&str> {
        (!self.is_open).then_some(self.value.as_str())
    }
}

/// Undoes `$$`, and says whether a `$` begins a variable.
fn fill(raw: &str, begins: impl Fn(char) -> bool) -> (String, bool) {
    let mut value = String::with_capacity(raw.len());
    let mut is_open = false;
    let mut characters = raw.chars().peekable();
    while let Some(character) = characters.next() {
        value.push(character);
        if character == '$' {
            match characters.peek() {
                Some('$') => drop(characters.next()),
                Some(&next) if begins(next) => is_open = true,
                _ => {}
            }
        }
    }
    (value, is_open)
}

/// The variables that Compose fills in: `$NAME` and `${NAME…}`, those within defaults too.
pub(super) fn filled_in(raw: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut rest = raw;
    while let Some(at) = rest.find('$') {
        rest = &rest[at + 1..];
        if let Some(behind) = rest.strip_prefix('$') {
            rest = behind;
            continue;
        }
        let inner = rest.strip_prefix('{').unwrap_or(rest);
        let end = inner.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(inner.len());
        if end > 0 && !inner.starts_with(|c: char| c.is_ascii_digit()) {
            names.push(&inner[..end]);
        }
        rest = &inner[end..];
    }
    names
}

/// The variables that have a default, `${NAME:-default}` or `${NAME-default}`, and that.
pub(super) fn defaults(raw: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    for (at, _) in raw.match_indices("${").filter(|(at, _)| !is_escaped(raw, *at)) {
        let inner = &raw[at + 2..];
        let end = inner.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(inner.len());
        let (name, behind) = inner.split_at(end);
        let Some(default) = behind.strip_prefix(":-").or_else(|| behind.strip_prefix('-')) else { continue };
        if let Some(end) = closing(default) {
            found.push((name, &default[..end]));
        }
    }
    found
}

/// A text in which `{{}}`, which nobody takes for a value, stands wherever something is filled in.
pub(super) fn blanked(raw: &str, dialect: Dialect) -> String {
    const BLANK: &str = "{{}}";
    let mut left = raw.to_owned();
    match dialect {
        Dialect::Compose => {
            while let Some((start, end)) = first_variable(&left) {
                left.replace_range(start..end, BLANK);
            }
        }
        Dialect::Pod => {
            let starts = |left: &str| {
                let mut all = left.match_indices("$(").map(|(at, _)| at);
                let at = all.find(|at| !is_escaped(left, *at))?;
                Some((at, at + left[at..].find(')')? + 1))
            };
            while let Some((start, end)) = starts(&left) {
                left.replace_range(start..end, BLANK);
            }
        }
    }
    left.replace("$$", "$")
}

/// Where the first variable in braces stands, or the first other one.
fn first_variable(text: &str) -> Option<(usize, usize)> {
    let starts = text.match_indices('$').map(|(at, _)| at);
    starts.filter(|at| !is_escaped(text, *at)).find_map(|at| {
        let rest = &text[at + 1..];
        if let Some(inner) = rest.strip_prefix('{') {
            return Some((at, at + 2 + closing(inner)? + 1));
        }
        let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        (length > 0 && !rest.starts_with(|c: char| c.is_ascii_digit())).then_some((at, at + 1 + length))
    })
}

/// Whether the `$` there is the second one of `$$`.
fn is_escaped(raw: &str, at: usize) -> bool {
    (raw[..at].len() - raw[..at].trim_end_matches('$').len()) % 2 == 1
}

/// Where the `}` stands that ends what has begun before this.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    text.char_indices().find_map(|(at, character)| match character {
        '{' => {
            depth += 1;
            None
        }
        '}' if depth == 0 => Some(at),
        '}' => {
            depth -= 1;
            None
        }
        _ => None,
    })
}

/// The path, without `.`, empty and `..` segments where that can be told.
pub(super) fn normal(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match (segment, segments.last()) {
            ("" | ".", _) => {}
            ("..", Some(last)) if *last != ".." => drop(segments.pop()),
            ("..", None) if path.starts_with('/') => {}
            (segment, _) => segments.push(segment),
        }
    }
    let joined = segments.join("/");
    match (path.starts_with('/'), joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}

/// What is left of `path` below `directory`: empty for the directory itself.
pub(super) fn below<'a>(path: &'a str, directory: &str) -> Option<&'a str> {
    let rest = path.strip_prefix(directory.trim_end_matches('/'))?;
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix('/') }
}

/// `directory` and a path below it.
pub(super) fn join(directory: &str, rest: &str) -> String {
    normal(&if rest.starts_with('/') { rest.to_owned() } else { format!("{directory}/{rest}") })
}

/// A path of the host as Compose tells it from a volume's name.
pub(super) fn host_words(path: &str) -> String {
    let is_told = path.starts_with(['/', '~']) || path == "." || path == ".." || path.starts_with("../");
    if is_told { path.to_owned() } else { format!("./{path}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(raw: &str, dialect: Dialect) -> (Option<String>, String) {
        let text = Text::new(raw, Mark { line: 1, column: 1 }, dialect);
        (text.known().map(str::to_owned), text.value)
    }

    #[test]
    fn a_path_of_the_host_is_never_taken_for_a_volume() {
        for (path, words) in [(".keyzero.toml", "./.keyzero.toml"), ("a/b", "./a/b"), ("..x", "./..x")] {
            assert_eq!(host_words(path), words);
        }
        for path in [".", "..", "../a", "/a", "~/a"] {
            assert_eq!(host_words(path), path);
        }
    }

    #[test]
    fn a_variable_leaves_a_text_open_and_an_escaped_one_does_not() {
        assert_eq!(text("a$$B", Dialect::Compose).0.as_deref(), Some("a$B"));
        assert_eq!(text("$@ $(x) 5$", Dialect::Compose).0.as_deref(), Some("$@ $(x) 5$"));
        for open in ["${A}", "$A", "x${A:-b}"] {
            assert_eq!(text(open, Dialect::Compose).0, None, "{open}");
        }
        assert_eq!(text("$(A)", Dialect::Pod).0, None);
        assert_eq!(text("${A} $B", Dialect::Pod).0.as_deref(), Some("${A} $B"));
    }

    #[test]
    fn what_is_filled_in_is_found_with_its_default() {
        assert_eq!(filled_in("a$$B $C ${D:-$E} 5$ $1"), ["C", "D", "E"]);
        assert_eq!(defaults("x:${A:-b}@${C-d}/${E:?f}$${G:-h}"), [("A", "b"), ("C", "d")]);
        assert_eq!(defaults("${A:-${B:-c}}"), [("A", "${B:-c}"), ("B", "c")]);
        let by_default = |raw| Text::new(raw, Mark { line: 1, column: 1 }, Dialect::Compose).by_default();
        assert_eq!(by_default("x:${A:-b}@$C/${A:-${B:-c}}$$D ${E:?f}"), "x:b@/c$D ");
    }

    #[test]
    fn what_is_filled_in_is_blank() {
        let blanked_in = |raw| blanked(raw, Dialect::Compose);
        assert_eq!(blanked_in("p://a:b@${H:-${I}}:$P/$$x"), "p://a:b@{{}}:{{}}/$x");
        assert_eq!(blanked("p://$(U):b@$$(H)/$(D", Dialect::Pod), "p://{{}}:b@$(H)/$(D");
    }

    #[test]
    fn paths_are_compared_by_where_they_lead() {
        assert_eq!(normal("./a//b/../c/"), "a/c");
        assert_eq!(normal("/../a/."), "/a");
        assert_eq!(normal("../a"), "../a");
        assert_eq!(normal("./"), ".");
        assert_eq!(below("/secrets/x", "/secrets/"), Some("x"));
        assert_eq!(below("/secrets", "/secrets"), Some(""));
        assert_eq!(below("/secretsx", "/secrets"), None);
        assert_eq!(below("/a", "/"), Some("a"));
        assert_eq!(join("/app", "x/y"), "/app/x/y");
    }
}
