//! What to write instead of what is wrong in a template, out of the filters that there are.

use super::error::Fault;
use super::filter;

impl Fault {
    /// What to write instead, where that is known.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Filter(Some(near)) => format!("did you mean `{near}`?"),
            Self::Filter(None) => format!("there are {}", filter::list(|_| true)),
            Self::Function => "there is the test `is defined`, and no function".to_owned(),
            Self::Statement => {
                "there are `if`, `for`, `set`, `with` and `filter`; a template cannot load another".to_owned()
            }
            Self::Absent(_) => "ask first whether it is there: `{% if NAME is defined %}`".to_owned(),
            Self::Control => {
                let fitting = filter::list(|filter| filter.name != filter::RAW && filter.is_for_a_place());
                format!(
                    "say by a filter where it stands: {fitting}; `trim` takes line breaks off the end, `raw` insists"
                )
            }
            Self::NotText => {
                format!(
                    "these filters take any bytes: {}",
                    filter::list(|filter| filter.takes_bytes() && filter.is_for_a_place())
                )
            }
            Self::Refused(_) => {
                "`b64encode` carries any value, where the reader decodes it; `--format files` too".to_owned()
            }
            Self::TagTooLong => "set parts of it first: `{% set NAME = … %}`".to_owned(),
            Self::TooLong | Self::TooManyTags => {
                "split it: several `--template SRC:DST` make one set".to_owned()
            }
            Self::Syntax => {
                "write `{{ NAME }}` or `{{ NAME | FILTER }}`, and close every `{% if … %}`".to_owned()
            }
            Self::Work | Self::Other => return None,
        })
    }
}
