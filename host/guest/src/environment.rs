//! The environment of the programs that are run: the user's, without what a surrounding cargo adds.
//!
//! cargo tells build scripts and tests of the outer build: its flags, wrappers, target and job server. An inner cargo
//! would take them for its own, and compile for the wrong target, through clippy, or wait for the outer one's job tokens.

use std::process::Command;

/// What says where cargo keeps and gets things, which goes for the inner cargo as well.
const KEPT: [&str; 6] =
    ["CARGO_HOME", "CARGO_HTTP_", "CARGO_NET_", "CARGO_REGISTRIES_", "CARGO_REGISTRY_", "CARGO_SOURCE_"];

/// Other words of cargo to its build scripts, and of make to its jobs.
const DROPPED: [&str; 13] = [
    "DEBUG",
    "HOST",
    "LD_LIBRARY_PATH",
    "LLVM_PROFILE_FILE",
    "MAKEFLAGS",
    "MFLAGS",
    "NUM_JOBS",
    "OPT_LEVEL",
    "OUT_DIR",
    "PROFILE",
    "RUSTDOC",
    "RUSTFLAGS",
    "TARGET",
];

fn is_of_outer_build(name: &str) -> bool {
    let kept = KEPT.iter().any(|k| if k.ends_with('_') { name.starts_with(k) } else { name == *k });
    let of_cargo = name == "CARGO"
        || ["CARGO_", "__CARGO", "RUSTC", "DEP_", "RUSTDOCFLAGS"].iter().any(|prefix| name.starts_with(prefix));
    DROPPED.contains(&name) || (of_cargo && !kept)
}

/// A command in the user's environment.
pub(crate) fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(is_of_outer_build) {
            command.env_remove(name);
        }
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_the_outer_build_from_the_user() {
        for name in [
            "CARGO",
            "CARGO_MAKEFLAGS",
            "CARGO_ENCODED_RUSTFLAGS",
            "CARGO_TARGET_DIR",
            "CARGO_BUILD_TARGET",
            "RUSTC",
            "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER",
            "CARGO_PROFILE_RELEASE_LTO",
            "RUSTC_WORKSPACE_WRAPPER",
            "RUSTC_BOOTSTRAP",
            "RUSTFLAGS",
            "OUT_DIR",
            "__CARGO_FIX_PLZ",
        ] {
            assert!(is_of_outer_build(name), "{name}");
        }
        for name in ["CARGO_HOME", "CARGO_NET_OFFLINE", "CARGO_REGISTRIES_X_INDEX", "RUSTUP_TOOLCHAIN", "PATH", "HOME"]
        {
            assert!(!is_of_outer_build(name), "{name}");
        }
    }
}
