//! Plugins in Python: modules that componentize-py packs into a component, together with the interpreter.

use std::fs;
use std::path::{Path, PathBuf};

use crate::GuestError;
use crate::build::component_path;
use crate::environment::command;
use crate::install::Attempts;
use crate::project::{find_program, fingerprint, is_fresh, keep_fingerprint, run_tool, sdk_root};

/// What a folder with a plugin has: a module that maps, or one that judges.
pub(crate) const MODULES: [&str; 2] = ["plugin.py", "validator.py"];

/// The release of componentize-py that plugins are tested with.
const PACKAGE: &str = "componentize-py==0.25.1";
const PROGRAM: &str = "componentize-py";

/// Makes a component of the module in a folder. It has the folder's name.
pub(crate) fn component(
    folder: &Path,
    target_dir: &Path,
    progress: &mut dyn FnMut(&str),
) -> Result<PathBuf, GuestError> {
    let program = find_program(folder, PROGRAM).ok_or_else(|| GuestError::NoProgram {
        program: PROGRAM,
        folder: folder.join(".venv"),
        remedy: "Get it by `python3 -m venv .venv && .venv/bin/pip install componentize-py==0.25.1` in the plugin's folder",
    })?;
    let root = sdk_root(folder, "python")?;
    let (sdk, wit) = (root.join("plugins/sdk/python"), root.join("wit"));
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or("plugin");
    let path = component_path(target_dir, name);
    let fingerprint = fingerprint(&[folder, &sdk, &wit], &[&program])?;
    if is_fresh(&path, &fingerprint) {
        return Ok(path);
    }
    progress(&format!("   Compiling {name} with componentize-py"));
    let [maps, judges] = MODULES.map(|module| folder.join(module).is_file());
    if maps && judges {
        let output =
            "there is a plugin.py and a validator.py; a component in Python is one or the other, so give each a folder"
                .to_owned();
        return Err(GuestError::Failed { folder: folder.to_owned(), output });
    }
    let (world, entry) =
        if maps { ("transformer", "gristmill_transformer") } else { ("validator", "gristmill_validator") };
    // Written aside: nobody sees a part of it.
    let new = path.with_extension("wasm.new");
    let mut tool = command(&program);
    tool.arg("-d").arg(&wit).args(["-w", world, "componentize", entry, "-p"]).arg(&sdk).arg("-p").arg(folder);
    // Of an environment that happens to be active, packages would get in that the next build has not.
    tool.arg("-o").arg(&new).env_remove("VIRTUAL_ENV");
    run_tool(&mut tool, PROGRAM, folder)?;
    fs::rename(&new, &path).map_err(GuestError::io(&path))?;
    keep_fingerprint(&path, &fingerprint)?;
    Ok(path)
}

/// Puts componentize-py into an environment of its own in `tools_dir`.
pub(crate) fn install(tools_dir: &Path, progress: &mut dyn FnMut(&str)) -> Result<(), GuestError> {
    let venv = tools_dir.join("python");
    let program = venv.join("bin").join(PROGRAM);
    let marker = venv.join("installed");
    if program.is_file() && fs::read_to_string(&marker).is_ok_and(|text| text == PACKAGE) {
        progress(&format!("toolchain for Python: {}", program.display()));
        return Ok(());
    }
    fs::create_dir_all(tools_dir).map_err(GuestError::io(tools_dir))?;
    let mut attempts = Attempts::new(progress);
    let venv_text = venv.display().to_string();
    let make = ["python3", "-m", "venv", "--clear", &venv_text];
    if !attempts.run(&make) && attempts.apt(&["python3", "python3-venv"]) {
        attempts.run(&make);
    }
    let python = venv.join("bin/python").display().to_string();
    if attempts.run(&[&python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", PACKAGE]) {
        fs::write(&marker, PACKAGE).map_err(GuestError::io(&marker))?;
        progress(&format!("toolchain for Python: {}", program.display()));
        return Ok(());
    }
    Err(GuestError::Install { what: "componentize-py, which builds plugins in Python", attempts: attempts.failed() })
}
