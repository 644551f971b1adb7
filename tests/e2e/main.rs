//! The end-to-end tests: the real image on a real Docker engine. Missing infrastructure fails.
//!
//! Everything that a test makes has a name of its own and is removed with it, so that tests run side by
//! side. Vendors' images are the stand-ins of `tests/e2e/stand-ins`, where the real ones cannot be pulled.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "tests"
)]

#[path = "../it/support.rs"]
mod support;

/// Containers, volumes, images and Compose projects that vanish with the test.
mod engine;

/// The advice of `kz doctor` for Compose, followed and run.
mod advice;
/// Where that is run.
mod advice_stage;
/// Who follows the advice of `kz doctor`.
#[path = "../advised/mod.rs"]
mod advised;
/// What is read from a foreign AWS beside the image.
mod aws;
/// What stands between kz and a secret there, word by word.
mod aws_errors;
/// `compose-examples/aws-init`, unchanged.
mod aws_examples;
/// Every source of an identity there.
mod aws_identities;
/// What IAM has to allow, and no more.
mod aws_policy;
/// That AWS, in a network of its own.
mod aws_stage;
/// The Compose examples for images that cannot be changed, each unchanged.
mod examples;
/// `kz export` as a container: users, volumes, mounts, failures.
mod export;
/// What the image holds and says of itself.
mod image;
/// What a kubelet does for a pod, and podman does not.
mod kubelet;
/// The pods of `kubernetes/`.
mod kubernetes;
/// Their manifests, rendered.
#[path = "../kubernetes/mod.rs"]
mod manifests;
/// `compose-examples/onepassword-connect`, unchanged.
mod onepassword_example;
/// What the documents say that an engine or Compose does.
mod pages;
/// An engine that runs pods.
mod podman;
/// `compose-examples/quickstart`, unchanged, with its vendor's server.
mod quickstart;
/// The README's patterns, taken from it letter for letter.
mod readme;
/// `kz run` in one's own image: it becomes the server, and nothing of it stays.
mod run;
/// What the READMEs of the examples say to type.
mod typed;
/// A foreign Vault beside the image.
mod vault;
/// `compose-examples/vault-init`, `vault-entrypoint` and `supervise-postgres`, unchanged.
mod vault_examples;
