//! Makes the bindings of the SDK for C of the contract. Those in `plugins/sdk/c/src/bindings` are checked in, so that whoever builds a plugin
//! needs no generator.

use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;

use wit_bindgen_core::Files;
use wit_bindgen_core::wit_parser::Resolve;

/// The worlds that a component can be of. Each has a file of code and one with the section that says so.
const WORLDS: [&str; 2] = ["transformer", "validator"];

/// The world of both: its header has the types of all, under the same names, so that one SDK is compiled for either.
const BOTH: &str = "plugin";

/// The files, by name, made of the contract in a folder.
///
/// # Errors
/// When the contract cannot be read, or the generator refuses it.
pub fn c(wit: &Path) -> Result<Vec<(String, String)>, Box<dyn Error>> {
    let (header, _) = generate(wit, BOTH)?;
    let mut all = vec![(format!("{BOTH}.h"), header)];
    for world in WORLDS {
        let (_, code) = generate(wit, world)?;
        all.push((format!("{world}.c"), code));
        all.push((format!("{world}_component_type.c"), section(wit, world)?));
    }
    Ok(all)
}

/// The header and the code of a world, which call what they share by the name of the world of both.
fn generate(wit: &Path, world: &str) -> Result<(String, String), Box<dyn Error>> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(wit)?;
    let world = resolve.select_world(&[package], Some(world))?;
    let mut files = Files::default();
    // Without functions that free each part, which the SDK does not need, and without an object file, which would be a binary file
    // in the repository: a compiler writes the section as well.
    let options = wit_bindgen_c::Opts {
        no_helpers: true,
        no_object_file: true,
        rename_world: Some(BOTH.to_owned()),
        ..Default::default()
    };
    options.build().generate(&mut resolve, world, &mut files)?;
    let text = |name: String| {
        let content = files.iter().find(|(other, _)| *other == name).map(|(_, content)| content.to_vec());
        Ok::<_, Box<dyn Error>>(String::from_utf8(content.ok_or(format!("the generator makes no {name}"))?)?)
    };
    Ok((text(format!("{BOTH}.h"))?, text(format!("{BOTH}.c"))?))
}

/// Code of the section that says which world a module is of.
fn section(wit: &Path, name: &str) -> Result<String, Box<dyn Error>> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(wit)?;
    let world = resolve.select_world(&[package], Some(name))?;
    let section = wit_component::metadata::encode(&resolve, world, wit_component::StringEncoding::UTF8, None)?;
    let mut code = format!(
        "/* Generated from wit/. The section that says which world of the contract the module is of. */\n\n__asm__(\n    \
         \".section \\\".custom_section.component-type:gristmill-c:{name}\\\",\\\"\\\",@\\n\"\n"
    );
    for line in section.chunks(24) {
        let bytes: Vec<_> = line.iter().map(u8::to_string).collect();
        writeln!(code, "    \".byte {}\\n\"", bytes.join(", "))?;
    }
    // What the bindings call so that the generator's own object file would be linked.
    let force_link = format!("__component_type_object_force_link_{BOTH}");
    write!(code, "    \".text\\n\");\n\nvoid {force_link}(void);\nvoid {force_link}(void) {{}}\n")?;
    Ok(code)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// After a change of the contract: `GRISTMILL_WRITE_BINDINGS=1 cargo xtask test -p gristmill-bindings`.
    #[test]
    fn the_bindings_are_those_of_the_contract() -> Result<(), Box<dyn Error>> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let folder = root.join("plugins/sdk/c/src/bindings");
        for (name, content) in c(&root.join("wit"))? {
            let path = folder.join(&name);
            if std::env::var_os("GRISTMILL_WRITE_BINDINGS").is_some() {
                fs::write(&path, &content)?;
            }
            assert!(
                fs::read_to_string(&path)? == content,
                "{} is not what wit/ makes; run this test with GRISTMILL_WRITE_BINDINGS=1",
                path.display()
            );
        }
        Ok(())
    }
}
