//! The manual pages in `man/`: made from the command line's own definition, and rendered.

use std::process::Command;

use crate::support::{Sandbox, expect_committed, in_repository};

fn pages() -> Vec<(String, String)> {
    let mut definition = kz::cli::command();
    definition.build();
    let commands: Vec<_> =
        definition.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    let mut pages = vec![page(definition.clone(), "kz")];
    for name in commands {
        let command = definition.find_subcommand(&name).expect("a command").clone();
        pages.push(page(command.version(env!("CARGO_PKG_VERSION")), &format!("kz-{name}")));
    }
    pages
}

fn page(command: clap::Command, title: &str) -> (String, String) {
    let examples = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let man = clap_mangen::Man::new(command.display_name(title.to_owned())).title(title);
    let mut roff = Vec::new();
    man.render_title(&mut roff).expect("a title");
    man.render_name_section(&mut roff).expect("a name");
    man.render_synopsis_section(&mut roff).expect("a synopsis");
    man.render_description_section(&mut roff).expect("a description");
    man.render_options_section(&mut roff).expect("options");
    if title == "kz" {
        man.render_subcommands_section(&mut roff).expect("commands");
    }
    (format!("man/{title}.1"), String::from_utf8(roff).expect("text") + &preformatted(&examples))
}

/// clap's examples, line by line: roff would fill them.
fn preformatted(text: &str) -> String {
    let escaped = text.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq").replace('`', "\\(ga");
    let line = |line: &str| match line.strip_prefix("Examples:") {
        Some(_) => ".SH EXAMPLES\n.nf\n".to_owned(),
        // `\&` keeps a full stop from being a request.
        None => format!("\\&{line}\n"),
    };
    let body: String = escaped.lines().map(line).collect();
    if body.is_empty() { body } else { body + ".fi\n" }
}

#[test]
fn the_committed_pages_are_what_can_be_typed() {
    let pages = pages();
    assert!(pages.len() > 5, "only {} pages", pages.len());
    for (path, text) in &pages {
        expect_committed(path, text);
    }
    let committed = std::fs::read_dir(in_repository("man")).expect("man/").count();
    assert_eq!(committed, pages.len(), "man/ has a page of no command");
}

#[test]
fn the_pages_render_without_a_complaint() {
    let sandbox = Sandbox::new();
    for (path, _) in pages() {
        let page = in_repository(&path);
        let run = sandbox
            .run(Command::new("groff").args(["-Kutf8", "-man", "-Tutf8", "-ww", "-P-c"]).arg(page))
            .expect_code(0);
        assert_eq!(run.stderr(), "", "{}", run.describe());
        assert!(run.stdout().len() > 1000, "{}", run.describe());
        assert!(
            !path.ends_with("kz.1") || run.stdout().contains("kz run -- node server.js    "),
            "{}",
            run.describe()
        );
    }
}
