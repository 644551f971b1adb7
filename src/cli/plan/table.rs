//! A plan for people: what each provider comes to, which call reads which document, what is to be known, and the
//! policies.

use crate::literal::reference;
use crate::log::escape;
use crate::provider::forecast::Call;

use super::policy::{self, LONGEST_MANAGED};
use super::{DAYS, Foreseen, Outlook, dollars};

/// All of it.
pub(super) fn table(outlook: &Outlook<'_>) -> String {
    let parts = [summary(outlook), calls(outlook), notes(outlook), policies(outlook)];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n")
}

fn summary(outlook: &Outlook<'_>) -> String {
    let row = |name: &str, documents: usize, calls: usize, cost: Option<u64>| {
        let cost = cost.map_or_else(|| "-".to_owned(), dollars);
        [name.to_owned(), documents.to_string(), calls.to_string(), cost]
    };
    let mut rows = vec![["PROVIDER", "DOCUMENTS", "CALLS", "USD/MONTH"].map(str::to_owned)];
    rows.extend(outlook.instances.iter().map(|instance| {
        let (batch, calls) = (instance.batch, instance.forecast.calls.len());
        row(&batch.instance, batch.documents.len(), calls, outlook.cost(instance))
    }));
    if outlook.instances.len() > 1 {
        let documents = outlook.instances.iter().map(|instance| instance.batch.documents.len()).sum();
        rows.push(row("total", documents, outlook.calls(), outlook.total_cost()));
    }
    let mut text = columns(&rows);
    if let Some(price) = outlook.instances.iter().find_map(|instance| instance.forecast.price) {
        let (starts, as_of) = (outlook.starts_per_day, price.as_of);
        let rate = format!("{starts} starts a day on {DAYS} days");
        text.extend(["USD/MONTH: calls alone, ", &rate, ", list prices of ", as_of, "\n"]);
    }
    text
}

/// In the order of the calls; a document that needs none stands after them.
fn calls(outlook: &Outlook<'_>) -> String {
    let mut rows = vec![["PROVIDER", "CALL", "DOCUMENT"].map(str::to_owned)];
    for instance in &outlook.instances {
        rows.extend(calls_of(instance));
    }
    if rows.len() == 1 { String::new() } else { columns(&rows) }
}

fn calls_of(instance: &Foreseen<'_>) -> Vec<[String; 3]> {
    let (name, documents) = (&instance.batch.instance, &instance.batch.documents);
    let shown = |place: usize| {
        let document = &documents[place];
        let version = document.version.as_ref().map(|version| format!(" (version {version})"));
        format!("{}{}", reference(&document.path), version.unwrap_or_default())
    };
    let mut rows = Vec::new();
    let mut is_read = vec![false; documents.len()];
    for (number, call) in instance.forecast.calls.iter().enumerate() {
        let words = words(call, number + 1);
        if call.documents.is_empty() {
            rows.push([name.clone(), words.clone(), "-".to_owned()]);
        }
        for &place in &call.documents {
            is_read[place] = true;
            rows.push([name.clone(), words.clone(), shown(place)]);
        }
    }
    let unread = (0..documents.len()).filter(|&place| !is_read[place]);
    rows.extend(unread.map(|place| [name.clone(), "-".to_owned(), shown(place)]));
    rows
}

/// A call, with its number among the instance's, so that it is seen what goes together.
fn words(call: &Call, number: usize) -> String {
    let region = call.region.as_ref().map(|region| format!(" in {region}")).unwrap_or_default();
    format!("{number} {}{region}", call.operation)
}

fn notes(outlook: &Outlook<'_>) -> String {
    let mut text = String::new();
    for instance in &outlook.instances {
        for note in &instance.forecast.notes {
            text.push_str(&escape(&format!("{}: {note}", instance.batch.instance)));
            text.push('\n');
        }
    }
    text
}

fn policies(outlook: &Outlook<'_>) -> String {
    let mut parts: Vec<String> = Vec::new();
    for instance in &outlook.instances {
        parts.extend(instance.hcl().map(|hcl| {
            let name = escape(&instance.batch.instance);
            format!("Vault policy (`kz plan --format hcl --provider {name}`):\n\n{hcl}")
        }));
    }
    parts.extend(outlook.instances.iter().filter_map(bindings));
    let statements = outlook.statements();
    if !statements.is_empty() {
        let iam = policy::iam(&statements);
        let length = iam.chars().filter(|character| !character.is_whitespace()).count();
        let longer = if length > LONGEST_MANAGED {
            format!("\nIt has {length} characters, and a managed policy takes {LONGEST_MANAGED}: split it.\n")
        } else {
            String::new()
        };
        parts.push(format!("IAM policy (`kz plan --format iam`):\n{longer}\n{iam}"));
    }
    parts.join("\n")
}

/// The commands that give what a provider of Google's needs.
fn bindings(instance: &Foreseen<'_>) -> Option<String> {
    let commands = instance.bindings()?.iter().map(|binding| escape(&binding.command) + "\n");
    let name = escape(&instance.batch.instance);
    let who = "MEMBER is whom kz asks as: `serviceAccount:…`, or `principal:…` of a workload identity pool";
    Some(format!(
        "Roles that `{name}` needs, one for each secret ({who}):\n\n{}",
        commands.collect::<String>()
    ))
}

/// Columns as wide as they need to be; the last, of any length, without padding.
fn columns<const N: usize>(rows: &[[String; N]]) -> String {
    let rows: Vec<[String; N]> = rows.iter().map(|row| row.each_ref().map(|cell| escape(cell))).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..N.saturating_sub(1)).map(width).collect();
    let mut text = String::new();
    for row in &rows {
        let padded = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}  "));
        text.extend(padded);
        text.push_str(row.last().map_or("", String::as_str));
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_control_characters_forge_no_row() {
        let rows = [["A", "B"], ["a\nb", "c"], ["x", ""]].map(|row| row.map(str::to_owned));
        assert_eq!(columns(&rows), "A     B\na\\nb  c\nx\n");
    }
}
