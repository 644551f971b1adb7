//! `kz plan`: what a start would read, in how many calls, at what cost and with which permissions.
//!
//! Invariant: nothing is read but the configuration, and nothing contacted, so that no value can be shown. The calls
//! are those that the providers' own planning decides on, not a second opinion.

mod json;
mod policy;
mod table;

use crate::provider::forecast::{Binding, Policy, Statement};
use crate::session::Foreseen;

use super::args::look::{Plan as Arguments, PlanFormat};
use super::failure::Failure;
use super::invocation::Invocation;
use super::stdout;

/// How many days a month has here.
const DAYS: u64 = 30;

/// A whole plan, and how often it is carried out.
struct Outlook<'a> {
    instances: Vec<Foreseen<'a>>,
    starts_per_day: u64,
}

impl Outlook<'_> {
    /// The calls of one start.
    fn calls(&self) -> usize {
        self.instances.iter().map(|instance| instance.forecast.calls.len()).sum()
    }

    /// What an instance's calls cost in a month, in millionths of a US dollar, where that is known.
    fn cost(&self, instance: &Foreseen<'_>) -> Option<u64> {
        instance.forecast.cost(self.starts_per_day.saturating_mul(DAYS))
    }

    /// The same of all whose price is known; nothing where none is.
    fn total_cost(&self) -> Option<u64> {
        let known = self.instances.iter().filter_map(|instance| self.cost(instance));
        known.fold(None, |sum: Option<u64>, cost| Some(sum.unwrap_or(0).saturating_add(cost)))
    }

    /// What IAM has to allow, for all instances together.
    fn statements(&self) -> Vec<Statement> {
        policy::merged(self.instances.iter().filter_map(|instance| match &instance.forecast.policy {
            Some(Policy::Iam(statements)) => Some(statements.as_slice()),
            _ => None,
        }))
    }
}

impl Foreseen<'_> {
    /// Its policy in HCL, where it is a Vault.
    fn hcl(&self) -> Option<String> {
        match &self.forecast.policy {
            Some(Policy::Vault { namespace, rules }) => {
                Some(policy::hcl(&self.batch.instance, namespace.as_deref(), rules))
            }
            _ => None,
        }
    }

    /// The bindings that it needs, where it is of Google's.
    fn bindings(&self) -> Option<&[Binding]> {
        match &self.forecast.policy {
            Some(Policy::Gcp(bindings)) => Some(bindings),
            _ => None,
        }
    }
}

/// Runs `kz plan`.
pub(super) fn plan(arguments: &Arguments, invocation: &Invocation<'_>) -> Result<(), Failure> {
    let plan = invocation.plan(&arguments.only)?;
    let mut instances = invocation.foresee(&plan);
    if let Some(wanted) = &arguments.provider {
        let known: Vec<String> = instances.iter().map(|instance| instance.batch.instance.clone()).collect();
        instances.retain(|instance| is_named(instance, wanted));
        if instances.is_empty() {
            return Err(Failure::NotRead(wanted.clone(), known));
        }
    }
    let outlook = Outlook { instances, starts_per_day: arguments.starts_per_day };
    let text = match arguments.format {
        PlanFormat::Table => table::table(&outlook),
        PlanFormat::Json => json::json(&outlook),
        PlanFormat::Hcl => hcl(&outlook)?,
        PlanFormat::Iam => iam(&outlook)?,
    };
    stdout::print(text.as_bytes())
}

/// By its own name, or another of a built-in one.
fn is_named(instance: &Foreseen<'_>, wanted: &str) -> bool {
    let name = instance.batch.instance.as_str();
    name == wanted || (name == instance.descriptor.name && instance.descriptor.aliases.contains(&wanted))
}

/// The policy of the one Vault that is read.
fn hcl(outlook: &Outlook<'_>) -> Result<String, Failure> {
    let mut policies = outlook.instances.iter().filter_map(|instance| Some((instance, instance.hcl()?)));
    let Some((first, text)) = policies.next() else {
        return Err(no_policy("no Vault is read, so there is no Vault policy to print"));
    };
    let others: Vec<&str> = policies.map(|(instance, _)| instance.batch.instance.as_str()).collect();
    if others.is_empty() {
        return Ok(text);
    }
    let first = &first.batch.instance;
    Err(Failure::NoPolicy(
        format!("several Vaults are read, and each has a policy of its own: {first}, {}", others.join(", ")),
        format!("choose one: `kz plan --format hcl --provider {first}`"),
    ))
}

fn iam(outlook: &Outlook<'_>) -> Result<String, Failure> {
    let statements = outlook.statements();
    if statements.is_empty() {
        return Err(no_policy("nothing of AWS is read, so there is no IAM policy to print"));
    }
    Ok(policy::iam(&statements))
}

fn no_policy(message: &str) -> Failure {
    Failure::NoPolicy(message.to_owned(), "`kz plan` shows what is read, and from where".to_owned())
}

/// An amount in US dollars: `0.0135`, with at least two digits behind the point.
fn dollars(millionths: u64) -> String {
    let (whole, rest) = (millionths / 1_000_000, millionths % 1_000_000);
    let rest = format!("{rest:06}");
    let digits = rest.trim_end_matches('0').len().max(2);
    format!("{whole}.{}", &rest[..digits])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_and_no_longer_than_need_be() {
        assert_eq!(dollars(0), "0.00");
        assert_eq!(dollars(1_500_000), "1.50");
        assert_eq!(dollars(13_500), "0.0135");
        assert_eq!(dollars(5), "0.000005");
    }
}
