//! `cargo xtask fuzz`: every fuzz target for some seconds. New inputs are kept in the target directory, so that the corpus in the
//! repository stays as small as it was chosen to be.

use std::ffi::OsString;
use std::fs;

use crate::Outcome;
use crate::command::Call;
use crate::project::Project;
use crate::steps::Steps;

const CRATE: &str = "host/decode/fuzz";

pub(crate) fn run(project: &Project, arguments: &[String]) -> Outcome {
    let seconds: u32 = match arguments {
        [] => 60,
        [seconds] => seconds.parse().map_err(|_| format!("`{seconds}` is not a number of seconds"))?,
        _ => return Err("takes one argument, the seconds per target".into()),
    };
    if !Call::cargo(project, ["+nightly", "fuzz", "--version"]).succeeds() {
        return Err(
            "needs nightly Rust and cargo-fuzz:\n  rustup toolchain install nightly\n  cargo install cargo-fuzz".into(),
        );
    }
    let mut targets: Vec<String> = Vec::new();
    for entry in fs::read_dir(project.root.join(CRATE).join("fuzz_targets"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            targets.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        }
    }
    targets.sort();
    if targets.is_empty() {
        return Err(format!("there are no targets in {CRATE}/fuzz_targets").into());
    }

    let mut steps = Steps::default();
    for target in &targets {
        steps.run(target, || {
            let found = project.target.join("fuzz-corpus").join(target);
            let kept = project.root.join(CRATE).join("corpus").join(target);
            fs::create_dir_all(&found)?;
            let mut call: Vec<OsString> = ["+nightly", "fuzz", "run", "--fuzz-dir", CRATE].map(Into::into).into();
            call.extend(["--target-dir".into(), project.target.join("fuzz").into_os_string()]);
            call.extend([target.into(), found.into_os_string()]);
            if kept.is_dir() {
                call.push(kept.into_os_string());
            }
            call.extend(["--".into(), format!("-max_total_time={seconds}").into(), "-rss_limit_mb=1024".into()]);
            call.push("-timeout=10".into());
            Call::cargo(project, call).run()
        });
    }
    steps.finish()
}
