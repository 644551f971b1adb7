//! Command lines: split into words as Compose does it, and shell scripts as far as is needed to see which commands
//! they hold. No expansion and no evaluation: what is not plain is left alone.

/// The words of a command line, by the quoting of POSIX shells; nothing where a quote is not closed.
pub(super) fn split(line: &str) -> Option<Vec<String>> {
    let mut commands = commands_of(line, Operators::AreWords)?;
    Some(commands.pop().unwrap_or_default())
}

/// The simple commands of a script, in order, each as its words; nothing where a quote is not closed.
pub(super) fn commands(script: &str) -> Option<Vec<Vec<String>>> {
    let commands = commands_of(script, Operators::Separate)?;
    Some(commands.into_iter().filter(|words| !words.is_empty()).collect())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operators {
    AreWords,
    Separate,
}

fn commands_of(text: &str, operators: Operators) -> Option<Vec<Vec<String>>> {
    let mut commands = vec![Vec::new()];
    let mut word: Option<String> = None;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        let separates = operators == Operators::Separate && matches!(character, ';' | '&' | '|' | '\n');
        if separates || character.is_whitespace() {
            if let Some(word) = word.take() {
                commands.last_mut()?.push(word);
            }
            if separates {
                commands.push(Vec::new());
            }
            continue;
        }
        let word = word.get_or_insert_default();
        match character {
            '\\' => word.extend(characters.next()),
            '\'' => quoted(word, &mut characters, '\'')?,
            '"' => quoted(word, &mut characters, '"')?,
            _ => word.push(character),
        }
    }
    commands.last_mut()?.extend(word);
    Some(commands)
}

/// Adds what stands up to the closing quote.
fn quoted(word: &mut String, characters: &mut std::str::Chars<'_>, quote: char) -> Option<()> {
    loop {
        match characters.next()? {
            end if end == quote => return Some(()),
            '\\' if quote == '"' => match characters.next()? {
                escaped @ ('"' | '\\' | '$' | '`') => word.push(escaped),
                other => word.extend(['\\', other]),
            },
            character => word.push(character),
        }
    }
}

/// A script's words from its program on, and whether the shell makes way for it by `exec`.
pub(super) fn program(words: &[String]) -> (bool, &[String]) {
    let is_before = |word: &&String| {
        let keywords = ["then", "do", "else", "if", "while", "until", "!", "{", "("];
        let is_assignment = word.split_once('=').is_some_and(|(name, _)| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        });
        is_assignment || keywords.contains(&word.as_str())
    };
    let start = words.iter().take_while(is_before).count();
    match words[start..].split_first() {
        Some((first, rest)) if first == "exec" => (true, rest),
        _ => (false, &words[start..]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_as_a_shell_splits_them() {
        let split = |line| split(line).unwrap();
        assert_eq!(split("kz run -- 'a b' \"c\\\"d\" e\\ f"), ["kz", "run", "--", "a b", "c\"d", "e f"]);
        assert_eq!(split("a && b > c"), ["a", "&&", "b", ">", "c"]);
        assert_eq!(split("a ''"), ["a", ""]);
        assert_eq!(split("  "), Vec::<String>::new());
        assert_eq!(super::split("a 'b"), None);
    }

    #[test]
    fn a_script_falls_into_its_commands() {
        let found = commands("set -e; . /s/.env && A=1 exec kz run -- \"x;y\"\nwait").unwrap();
        assert_eq!(found.len(), 4);
        let (is_exec, words) = program(&found[2]);
        assert!(is_exec);
        assert_eq!(words, ["kz", "run", "--", "x;y"]);
        assert!(!program(&found[1]).0);
    }
}
