//! Tells the program what it was built for and from (`kz --version` prints both), and the linker how to relocate it
//! and where in it to put what.

#[expect(clippy::disallowed_methods, reason = "cargo speaks to build scripts through the environment")]
fn main() {
    let target = std::env::var("TARGET").unwrap_or_default();
    println!("cargo:rustc-env=KZ_TARGET={target}");
    // The Makefile sets it; a build by hand does not know, and says so.
    let commit = std::env::var("KZ_COMMIT").ok().filter(|commit| !commit.is_empty());
    println!("cargo:rustc-env=KZ_COMMIT={}", commit.as_deref().unwrap_or("unknown"));
    println!("cargo:rerun-if-env-changed=KZ_COMMIT");
    println!("cargo:rerun-if-changed=build.rs");
    // Relative relocations in their packed form (DT_RELR), which musl's start code unpacks: the tables of a static
    // PIE of this size would be half a megabyte, read at every start. In the one spelling that compilers and linkers
    // (for arm64, lld by itself) both take.
    if std::env::var("CARGO_CFG_TARGET_ENV").as_deref() == Ok("musl") {
        println!("cargo::rustc-link-arg-bins=-zpack-relative-relocs");
        // What every start runs lies in one place: `start.ld` says why.
        let here = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
        println!("cargo::rustc-link-arg-bins=-T{here}/start.ld");
        println!("cargo::rerun-if-changed=start.ld");
    }
}
