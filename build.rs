//! Tells the program what it was built for and from: `kz --version` prints both.

#[expect(clippy::disallowed_methods, reason = "cargo speaks to build scripts through the environment")]
fn main() {
    let target = std::env::var("TARGET").unwrap_or_default();
    println!("cargo:rustc-env=KZ_TARGET={target}");
    // The Makefile sets it; a build by hand does not know, and says so.
    let commit = std::env::var("KZ_COMMIT").ok().filter(|commit| !commit.is_empty());
    println!("cargo:rustc-env=KZ_COMMIT={}", commit.as_deref().unwrap_or("unknown"));
    println!("cargo:rerun-if-env-changed=KZ_COMMIT");
    println!("cargo:rerun-if-changed=build.rs");
}
