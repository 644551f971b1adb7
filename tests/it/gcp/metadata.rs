//! The metadata server as a source of an identity: waited for where it is named, and never believed unmarked.

use crate::gcp::stage::Stage;
use kz_fakes::fake_server::script::{Act, Rule};

#[test]
fn an_instance_has_an_account_and_a_project() {
    let mut stage = Stage::instance();
    stage.expect(&[
        "asking the metadata server at http://127.0.0.1",
        "the identity from the metadata server at",
    ]);
    stage.set("GOOGLE_CLOUD_PROJECT", "");
    stage.expect(&[]);
    stage.set("GCE_METADATA_IP", stage.fake.address.to_string());
    stage.set("GCE_METADATA_HOST", "");
    stage.expect(&[]);
    stage.set("GCE_METADATA_HOST", "http://x/y");
    stage.fails(&["GCE_METADATA_HOST is no host, or host and port"]);
}

#[test]
fn a_metadata_server_is_not_reached_through_a_proxy() {
    let mut stage = Stage::instance();
    stage.set("HTTP_PROXY", "http://127.0.0.1:1");
    stage.set("http_proxy", "http://127.0.0.1:1");
    stage.expect(&[]);
}

#[test]
fn a_metadata_server_that_is_not_ready_is_waited_for_and_named() {
    let stage = Stage::instance();
    let token = "metadata/instance/service-accounts/default/token";
    stage.fake.script(Rule::status(token, 503).times(2));
    stage.fake.script(Rule::new(token, Act::Reset).times(1));
    stage.expect(&[]);
    assert_eq!(stage.fake.requests(token), 4);
    stage.fake.script(Rule::status(token, 503));
    stage.fails(&["unreachable", "the metadata server at 127.0.0.1", "is not ready for 3 s", "status 503"]);
}

#[test]
fn a_metadata_server_that_is_named_and_not_there_is_named_in_the_error() {
    let mut stage = Stage::instance();
    stage.set("GCE_METADATA_HOST", "127.0.0.1:1");
    stage.fails(&["the metadata server at 127.0.0.1:1 is not ready for 3 s: connection refused"]);
}

#[test]
fn what_answers_without_the_flavor_is_no_metadata_server() {
    let stage = Stage::instance();
    stage.fake.script(Rule::new("metadata/", Act::Text("{\"access_token\": \"example\"}")));
    let run = stage.fails(&["malformed", "is no metadata server of Google's"]);
    assert_eq!(stage.fake.requests("access/"), 0, "{}", run.describe());
}

#[test]
fn an_instance_without_an_account_is_no_identity() {
    let stage = Stage::instance();
    stage.fake.script(Rule::status("metadata/instance/", 404));
    stage.fails(&["the instance has no service account", "give the instance"]);
}
