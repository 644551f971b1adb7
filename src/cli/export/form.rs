//! The forms that all secrets together take in one file.

use crate::output::{Item, Refusal, dotenv, json};
use crate::resolve::Resolved;
use crate::secret::Secret;

use super::super::args::deliver::{Export, Format, JsonBytes};
use super::Failure;

/// One of them.
#[derive(Clone, Copy, Debug)]
pub(super) enum Form {
    /// `KEY=value` lines.
    Env,
    /// One JSON object.
    Json(json::Bytes),
}

impl Form {
    /// What the options ask for; `None` where each secret is a file of its own, or stands in a template.
    pub(super) fn of(arguments: &Export) -> Option<Self> {
        match (arguments.format, arguments.json_bytes) {
            (Format::Env, _) => Some(Form::Env),
            (Format::Json, Some(JsonBytes::Base64)) => Some(Form::Json(json::Bytes::Base64)),
            (Format::Json, None) => Some(Form::Json(json::Bytes::Refuse)),
            (Format::Files | Format::Template, _) => None,
        }
    }

    /// The content of the file, or every secret that the form cannot hold.
    pub(super) fn encode(self, secrets: &[Resolved]) -> Result<Secret, Failure> {
        let items: Vec<Item> = secrets
            .iter()
            .map(|secret| Item { name: secret.name.clone(), value: secret.value.clone() })
            .collect();
        let encoded = match self {
            Form::Env => dotenv::encode(&items),
            Form::Json(bytes) => json::encode(&items, bytes),
        };
        encoded.map_err(|refusals: Vec<Refusal>| Failure::Output(refusals, self.hint()))
    }

    /// What carries that which this form does not.
    fn hint(self) -> &'static str {
        match self {
            Form::Env => "`--format files` carries any value and name; `--only` leaves some out",
            Form::Json(json::Bytes::Refuse) => {
                "`--json-bytes base64` marks such values, `--format files` writes any bytes"
            }
            Form::Json(json::Bytes::Base64) => "",
        }
    }
}
