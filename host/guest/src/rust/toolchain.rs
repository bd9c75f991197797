//! Which compiler makes WebAssembly on this machine.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::GuestError;
use crate::environment::command;

/// The target of every guest.
pub(super) const TARGET: &str = "wasm32-unknown-unknown";

/// Where Debian's packages put the compiler; a `rustc` of rustup usually comes before it on PATH.
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";

/// A compiler that can make WebAssembly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Toolchain(Kind);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    /// The standard library of the target is installed.
    Installed { rustc: String },
    /// The standard library is compiled with the guest, and a linker that comes with another toolchain links.
    FromSource { rustc: String, linker: PathBuf },
}

impl Toolchain {
    /// The toolchain of this machine: the active one where it has the target's standard library, else Debian's compiler with
    /// the library's source (packages rustc-web and rust-web-src).
    ///
    /// # Errors
    /// [`GuestError::NoToolchain`], which says how to get one.
    pub(crate) fn find() -> Result<Self, GuestError> {
        let mut looked = Vec::new();
        let mut candidates = Vec::new();
        for rustc in ["rustc", DEBIAN_RUSTC] {
            match sysroot(rustc) {
                Some(root) if has_target(&root) => return Ok(Self(Kind::Installed { rustc: rustc.to_owned() })),
                Some(root) => {
                    looked.push(format!("{} has no standard library for it", root.display()));
                    candidates.push((rustc, root));
                }
                None => looked.push(format!("`{rustc}` cannot be run")),
            }
        }
        let linker = candidates.iter().find_map(|(_, root)| linker_of(root)).or_else(linker_on_path);
        for (rustc, root) in &candidates {
            if !root.join("lib/rustlib/src/rust/library/std/Cargo.toml").is_file() {
                looked.push(format!("{} has no library source", root.display()));
            } else if let Some(linker) = &linker {
                return Ok(Self(Kind::FromSource { rustc: (*rustc).to_owned(), linker: linker.clone() }));
            } else {
                looked.push("there is no rust-lld or wasm-ld to link with".to_owned());
            }
        }
        Err(GuestError::NoToolchain { looked: looked.join("; ") })
    }

    /// What it is, for people.
    pub(crate) fn describe(&self) -> String {
        match &self.0 {
            Kind::Installed { rustc } => format!("{rustc} with {TARGET} installed"),
            Kind::FromSource { rustc, linker } => {
                format!("{rustc} with the standard library from source, linked by {}", linker.display())
            }
        }
    }

    /// `cargo build --release` for the target, of the library as a module and as nothing else: beside an `rlib`, cargo would
    /// leave out the optimisation over all crates (`lto`).
    pub(crate) fn cargo_build(&self) -> Command {
        let mut cargo = command("cargo");
        cargo.args(["rustc", "--release", "--target", TARGET, "--crate-type", "cdylib"]);
        cargo.env("RUSTFLAGS", "-C target-feature=+simd128,+bulk-memory").env("CARGO_TERM_COLOR", "never");
        match &self.0 {
            Kind::Installed { rustc } => {
                // `rustc` alone is what cargo runs anyway; naming it would part the two toolchains' build folders.
                if rustc != "rustc" {
                    cargo.env("RUSTC", rustc);
                }
            }
            Kind::FromSource { rustc, linker } => {
                cargo.arg("-Zbuild-std=std,panic_abort").env("RUSTC", rustc).env("RUSTC_BOOTSTRAP", "1");
                cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
            }
        }
        cargo
    }
}

fn sysroot(rustc: &str) -> Option<PathBuf> {
    let output = command(rustc).args(["--print", "sysroot"]).output().ok().filter(|o| o.status.success())?;
    Some(PathBuf::from(String::from_utf8(output.stdout).ok()?.trim()))
}

/// Whether the target's `core` is there: a folder without it is left behind by an installation that was interrupted.
fn has_target(sysroot: &Path) -> bool {
    let folder = sysroot.join("lib/rustlib").join(TARGET).join("lib");
    std::fs::read_dir(folder)
        .is_ok_and(|files| files.flatten().any(|f| f.file_name().to_string_lossy().starts_with("libcore-")))
}

/// The linker that comes with a toolchain of rustup, in the folder of the toolchain's own platform.
fn linker_of(sysroot: &Path) -> Option<PathBuf> {
    let name = format!("rust-lld{}", std::env::consts::EXE_SUFFIX);
    let platforms = std::fs::read_dir(sysroot.join("lib/rustlib")).ok()?;
    let mut found: Vec<_> =
        platforms.flatten().map(|p| p.path().join("bin").join(&name)).filter(|p| p.is_file()).collect();
    found.sort();
    found.into_iter().next()
}

fn linker_on_path() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folders: Vec<_> = std::env::split_paths(&path).collect();
    ["rust-lld", "wasm-ld"].iter().find_map(|name| {
        let name = format!("{name}{}", std::env::consts::EXE_SUFFIX);
        folders.iter().map(|folder| folder.join(&name)).find(|p| p.is_file())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_without_its_core_is_not_installed() {
        let root = tempfile::tempdir().unwrap();
        assert!(!has_target(root.path()));
        let lib = root.path().join("lib/rustlib").join(TARGET).join("lib");
        std::fs::create_dir_all(&lib).unwrap();
        assert!(!has_target(root.path()));
        std::fs::write(lib.join("libcore-0123.rlib"), "").unwrap();
        assert!(has_target(root.path()));
    }

    #[test]
    fn the_linker_lies_in_the_platform_folder() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(linker_of(root.path()), None);
        let bin = root.path().join("lib/rustlib/some-platform/bin");
        std::fs::create_dir_all(&bin).unwrap();
        let linker = bin.join(format!("rust-lld{}", std::env::consts::EXE_SUFFIX));
        std::fs::write(&linker, "").unwrap();
        assert_eq!(linker_of(root.path()), Some(linker));
    }
}
