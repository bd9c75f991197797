//! Builds the default plugin, so that the program can carry it.

use std::path::{Path, PathBuf};

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for watched in
        ["plugins/firestore-quality-stream", "plugins/sdk/rust", "plugins/sdk/rust-macros", "plugins/Cargo.toml", "wit"]
    {
        println!("cargo::rerun-if-changed={}", root.join(watched).display());
    }
    let built = gristmill_guest::default_plugin().map_err(|e| e.to_string()).and_then(|component| {
        let out = std::env::var_os("OUT_DIR").map(PathBuf::from).ok_or("cargo sets no OUT_DIR")?;
        std::fs::copy(&component, out.join("default.wasm"))
            .map(|_| ())
            .map_err(|e| format!("{}: {e}", component.display()))
    });
    if let Err(message) = built {
        for line in message.lines() {
            println!("cargo::error={line}");
        }
    }
}
