//! `kz validate`: says whether the configuration is well-formed and consistent; contacts nothing.

use crate::plan::Source;

use super::failure::Failure;
use super::invocation::Invocation;

/// Loading has checked everything; what is left is to say what was found.
pub(super) fn validate(invocation: &Invocation<'_>) -> Result<(), Failure> {
    let config = &invocation.loaded.config;
    let plan = invocation.plan(&[])?;
    let number = config.declarations.len();
    let templates =
        config.declarations.iter().filter(|d| matches!(d.source, Source::Template { .. })).count();
    let providers: Vec<&str> = plan.batches.iter().map(|batch| batch.instance.as_str()).collect();
    let mut text =
        format!("{} is valid: {number} secret{}", invocation.loaded.path.display(), plural(number));
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
    invocation.log.note(&text);
    for name in providers {
        if config.instances.get(name).is_some_and(|instance| instance.descriptor.build.is_none()) {
            invocation.log.warn(&format!(
                "the provider `{name}` is not built into this version of kz: using it will fail"
            ));
        }
    }
    Ok(())
}

fn plural(number: usize) -> &'static str {
    if number == 1 { "" } else { "s" }
}
