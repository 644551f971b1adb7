//! Which calls read which documents. Pure, and the one place that decides it: the backend makes these calls, and
//! `kz plan` counts them.
//!
//! Rules, from the API reference: `BatchGetSecretValue` takes 20 secrets and only their current version;
//! `GetParameters` takes 10 names. A batch needs a permission of its own, so that it is used from
//! [`FEWEST`] secrets on.

use crate::provider::DocumentRef;

use super::name;

/// How many secrets `BatchGetSecretValue` takes.
const SECRETS: usize = 20;
/// From how many secrets on it is used.
const FEWEST: usize = 3;
/// How many names `GetParameters` takes.
const PARAMETERS: usize = 10;

/// A call, and what it asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The operation.
    pub operation: Operation,
    /// The region that the members' ARNs name, where that is not the configured one.
    pub region: Option<String>,
    /// What is asked for.
    pub members: Vec<Member>,
}

/// The operations that kz uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// One secret.
    GetSecretValue,
    /// Up to twenty.
    BatchGetSecretValue,
    /// Up to ten parameters.
    GetParameters,
}

/// One thing that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Name or ARN as the API takes it, a parameter's with its selector.
    pub id: String,
    /// A secret's version or stage.
    pub version: Option<String>,
    /// Which documents it is, by their place in the batch.
    pub documents: Vec<usize>,
}

/// The calls that read these secrets, where `home` is the configured region.
pub fn secrets(documents: &[DocumentRef], home: Option<&str>) -> Vec<Call> {
    let (current, versions): (Vec<_>, Vec<_>) =
        members(documents.iter().map(|document| (name::secret(document), document.version.clone())), home)
            .into_iter()
            .partition(|(_, member)| member.version.is_none());
    let mut calls = Vec::new();
    for (region, members) in by_region(current) {
        if members.len() < FEWEST {
            calls.extend(members.into_iter().map(|member| single(region.clone(), member)));
            continue;
        }
        calls.extend(members.chunks(SECRETS).map(|members| Call {
            operation: match members {
                [_] => Operation::GetSecretValue,
                _ => Operation::BatchGetSecretValue,
            },
            region: region.clone(),
            members: members.to_vec(),
        }));
    }
    calls.extend(versions.into_iter().map(|(region, member)| single(region, member)));
    calls
}

/// The calls that read these parameters, where `home` is the configured region.
pub fn parameters(documents: &[DocumentRef], home: Option<&str>) -> Vec<Call> {
    let members = members(documents.iter().map(|document| (name::parameter(document), None)), home);
    let mut calls = Vec::new();
    for (region, members) in by_region(members) {
        calls.extend(members.chunks(PARAMETERS).map(|members| Call {
            operation: Operation::GetParameters,
            region: region.clone(),
            members: members.to_vec(),
        }));
    }
    calls
}

impl Operation {
    /// As the API reference calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::GetSecretValue => "GetSecretValue",
            Self::BatchGetSecretValue => "BatchGetSecretValue",
            Self::GetParameters => "GetParameters",
        }
    }
}

impl Call {
    /// The calls that ask for each member by itself.
    pub fn apart(&self) -> Vec<Self> {
        let operation = match self.operation {
            Operation::GetParameters => Operation::GetParameters,
            Operation::BatchGetSecretValue | Operation::GetSecretValue => Operation::GetSecretValue,
        };
        let one =
            |member: &Member| Self { operation, region: self.region.clone(), members: vec![member.clone()] };
        self.members.iter().map(one).collect()
    }
}

fn single(region: Option<String>, member: Member) -> Call {
    Call { operation: Operation::GetSecretValue, region, members: vec![member] }
}

type Regional = (Option<String>, Member);

/// Each thing once, in the order of first use: `sm://a` and `a` are one.
fn members(names: impl Iterator<Item = (name::Name, Option<String>)>, home: Option<&str>) -> Vec<Regional> {
    let mut members: Vec<Regional> = Vec::new();
    for (place, (name::Name { id, region }, version)) in names.enumerate() {
        match members.iter_mut().find(|(_, member)| member.id == id && member.version == version) {
            Some((_, member)) => member.documents.push(place),
            None => members.push((
                region.filter(|region| Some(region.as_str()) != home),
                Member { id, version, documents: vec![place] },
            )),
        }
    }
    members
}

fn by_region(members: Vec<Regional>) -> Vec<(Option<String>, Vec<Member>)> {
    let mut regions: Vec<(Option<String>, Vec<Member>)> = Vec::new();
    for (region, member) in members {
        match regions.iter_mut().find(|(known, _)| *known == region) {
            Some((_, members)) => members.push(member),
            None => regions.push((region, vec![member])),
        }
    }
    regions
}

#[cfg(test)]
mod tests {
    use super::*;

    fn documents(paths: impl IntoIterator<Item = String>) -> Vec<DocumentRef> {
        paths.into_iter().map(|path| DocumentRef { path, version: None, request: None }).collect()
    }

    fn sizes(calls: &[Call]) -> Vec<(Operation, usize)> {
        calls.iter().map(|call| (call.operation, call.members.len())).collect()
    }

    fn secrets_of(number: usize) -> Vec<(Operation, usize)> {
        sizes(&secrets(&documents((0..number).map(|n| format!("s{n}"))), None))
    }

    #[test]
    fn secrets_go_in_twenties_from_three_on() {
        use Operation::{BatchGetSecretValue as Batch, GetSecretValue as Get};
        assert_eq!(secrets_of(1), [(Get, 1)]);
        assert_eq!(secrets_of(2), [(Get, 1), (Get, 1)]);
        assert_eq!(secrets_of(3), [(Batch, 3)]);
        assert_eq!(secrets_of(21), [(Batch, 20), (Get, 1)]);
        assert_eq!(secrets_of(100), [(Batch, 20); 5]);
    }

    #[test]
    fn a_version_is_asked_for_by_itself() {
        let mut all = documents((0..3).map(|n| format!("s{n}")));
        all.push(DocumentRef { path: "s0".into(), version: Some("AWSPREVIOUS".into()), request: None });
        let calls = secrets(&all, None);
        assert_eq!(sizes(&calls), [(Operation::BatchGetSecretValue, 3), (Operation::GetSecretValue, 1)]);
        assert_eq!(calls[1].members[0].documents, [3]);
    }

    #[test]
    fn one_secret_by_two_spellings_is_asked_for_once() {
        let calls = secrets(&documents(["sm://a".to_owned(), "a".to_owned()]), None);
        assert_eq!(calls.len(), 1);
        assert_eq!(calls[0].members[0].documents, [0, 1]);
    }

    #[test]
    fn every_region_is_asked_for_its_own() {
        let arn = |region: &str, n: usize| format!("arn:aws:secretsmanager:{region}:1:secret:s{n}-AbCdEf");
        let all = (0..4).map(|n| arn("eu-west-1", n)).chain((0..3).map(|n| arn("us-east-1", n)));
        let all = documents(all.chain(["plain".to_owned()]));
        let regions = |home| -> Vec<Option<String>> {
            secrets(&all, home).into_iter().map(|call| call.region).collect()
        };
        let (west, east) = (Some("eu-west-1".to_owned()), Some("us-east-1".to_owned()));
        assert_eq!(regions(None), [west, east.clone(), None]);
        // An ARN of the configured region goes with the names.
        assert_eq!(regions(Some("eu-west-1")), [None, east]);
    }

    #[test]
    fn parameters_go_in_tens() {
        let calls = parameters(&documents((0..21).map(|n| format!("/p/{n}"))), None);
        assert_eq!(sizes(&calls), [10, 10, 1].map(|size| (Operation::GetParameters, size)));
        assert_eq!(calls[0].apart().len(), 10);
    }
}
