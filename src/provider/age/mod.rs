//! stub
#![allow(missing_docs)]
use crate::provider::settings::{Setting, Settings};
use crate::provider::{DocumentRef, Fetch, Outcome, Provider, Surroundings};
pub const SETTINGS: &[Setting] = &[];
pub const CREDENTIAL_VARIABLES: &[&str] = &[];
pub fn check_ref(_: &str) -> Result<(), String> {
    Ok(())
}
struct Stub;
impl Provider for Stub {
    fn fetch<'a>(&'a self, d: &'a [DocumentRef]) -> Fetch<'a> {
        Box::pin(async move { d.iter().map(|_| Outcome::Absent).collect() })
    }
}
pub fn build(_: &Settings, _: &dyn Surroundings) -> Box<dyn Provider> {
    Box::new(Stub)
}
