//! Parameter Store: `GetParameters`, with decryption.

use aws_config::SdkConfig;
use aws_sdk_ssm::Client;
use aws_sdk_ssm::config::Builder;
use aws_sdk_ssm::types::Parameter;

use crate::provider::aws::calls::{self, Call, Member};
use crate::provider::aws::name::selector;
use crate::provider::{Document, DocumentRef, Shape};
use crate::secret::Secret;

use super::Answer;
use super::account::Service;
use super::trouble::Trouble;

/// A client of Parameter Store.
pub(super) struct Parameters(Client);

impl Service for Parameters {
    const NAME: &'static str = "Parameter Store";

    fn calls(documents: &[DocumentRef], home: Option<&str>) -> Vec<Call> {
        calls::parameters(documents, home)
    }

    fn new(config: &SdkConfig, endpoint: Option<&str>) -> Self {
        let mut builder = Builder::from(config);
        if let Some(endpoint) = endpoint {
            builder = builder.endpoint_url(endpoint);
        }
        Self(Client::from_conf(builder.build()))
    }

    async fn ask(&self, call: &Call) -> Result<Vec<Answer>, Trouble> {
        let names = call.members.iter().map(|member| member.id.clone()).collect();
        let request = self.0.get_parameters().set_names(Some(names)).with_decryption(true);
        let answer = request.send().await.map_err(|error| Trouble::of(&error))?;
        let (found, invalid) =
            (answer.parameters.unwrap_or_default(), answer.invalid_parameters.unwrap_or_default());
        Ok(call.members.iter().map(|member| told(member, &call.members, &found, &invalid)).collect())
    }
}

/// What an answer says of one parameter. It names `/a` for both `/a` and `/a:1`: which of them is meant is told by
/// the selector, or by the version; where neither tells, the parameter is asked for by itself.
fn told(member: &Member, members: &[Member], found: &[Parameter], invalid: &[String]) -> Answer {
    let (name, wanted) = selector(&member.id);
    let named: Vec<&Parameter> = found
        .iter()
        .filter(|parameter| parameter.name() == Some(name) || parameter.arn() == Some(name))
        .collect();
    let is_wanted = |parameter: &&&Parameter| {
        let given = parameter.selector().map(|given| given.trim_start_matches(':'));
        given == wanted || (given.is_none() && wanted == Some(parameter.version().to_string().as_str()))
    };
    let is_alone = members.iter().filter(|other| selector(&other.id).0 == name).count() == 1;
    let mut fitting = named.iter().filter(is_wanted);
    match (fitting.next(), fitting.next(), &named[..]) {
        (Some(parameter), None, _) => answered(parameter),
        (_, _, [parameter]) if is_alone => answered(parameter),
        _ if invalid.contains(&member.id) => Answer::Absent,
        _ => Answer::Untold,
    }
}

fn answered(parameter: &Parameter) -> Answer {
    let Some(value) = parameter.value() else { return Answer::Malformed("the answer holds no value") };
    Answer::Found(Document {
        content: Secret::new(value.as_bytes().to_vec()),
        shape: Shape::Json,
        version: Some(parameter.version().to_string()),
        lease: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(id: &str) -> Member {
        Member { id: id.to_owned(), version: None, documents: Vec::new() }
    }

    fn parameter(name: &str, selector: Option<&str>, version: i64) -> Parameter {
        let value = format!("{name}{}{version}", selector.unwrap_or_default());
        let builder = Parameter::builder().name(name).version(version).value(value);
        builder.set_selector(selector.map(str::to_owned)).build()
    }

    fn answers(ids: &[&str], found: &[Parameter]) -> Vec<Option<String>> {
        let members: Vec<_> = ids.iter().map(|id| member(id)).collect();
        let answer = |member| match told(member, &members, found, &[]) {
            Answer::Found(document) => document.content.expose_text().map(str::to_owned),
            _ => None,
        };
        members.iter().map(answer).collect()
    }

    #[test]
    fn a_parameter_without_a_value_is_no_empty_value() {
        let without = Parameter::builder().name("/a").version(1).build();
        assert!(matches!(answered(&without), Answer::Malformed(_)));
    }

    fn some(values: &[&str]) -> Vec<Option<String>> {
        values.iter().map(|value| Some((*value).to_owned())).collect()
    }

    #[test]
    fn selectors_tell_versions_of_one_parameter_apart() {
        let found =
            [parameter("/a", Some(":1"), 1), parameter("/a", None, 3), parameter("/a", Some(":live"), 2)];
        assert_eq!(answers(&["/a", "/a:live", "/a:1"], &found), some(&["/a3", "/a:live2", "/a:11"]));
    }

    #[test]
    fn where_selectors_are_left_out_a_version_tells_or_the_parameter_is_asked_for_again() {
        let found = [parameter("/a", None, 3), parameter("/a", None, 1)];
        let told = answers(&["/a", "/a:1", "/a:live"], &found);
        assert_eq!(told, [None, Some("/a1".to_owned()), None]);
        assert_eq!(answers(&["/a:live"], &found[..1]), some(&["/a3"]));
    }
}
