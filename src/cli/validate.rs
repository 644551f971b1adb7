//! `kz validate`: says whether the configuration is well-formed and consistent; contacts nothing.

use crate::plan::Source;

use super::report::Failure;
use super::session::Session;

/// Loading has checked everything; what is left is to say what was found.
pub(super) fn validate(session: &Session<'_>) -> Result<(), Failure> {
    let config = &session.loaded.config;
    let plan = session.plan(&[])?;
    let number = config.declarations.len();
    let templates =
        config.declarations.iter().filter(|d| matches!(d.source, Source::Template { .. })).count();
    let providers: Vec<&str> = plan.batches.iter().map(|batch| batch.instance.as_str()).collect();
    let mut text = format!("{} is valid: {number} secret{}", session.loaded.path.display(), plural(number));
    if !providers.is_empty() {
        text.extend([" from ", &providers.join(", ")]);
    }
    if templates > 0 {
        text.extend([", ", &templates.to_string(), " of them template", plural(templates)]);
    }
    let outputs = config.outputs.len();
    if outputs > 0 {
        text.extend([", ", &outputs.to_string(), " output", plural(outputs)]);
    }
    session.log.note(&text);
    for name in providers {
        if config.instances.get(name).is_some_and(|instance| instance.descriptor.build.is_none()) {
            session.log.warn(&format!(
                "the provider `{name}` is not built into this version of kz: using it will fail"
            ));
        }
    }
    Ok(())
}

fn plural(number: usize) -> &'static str {
    if number == 1 { "" } else { "s" }
}
