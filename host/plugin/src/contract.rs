//! Whether a component is a plugin: what it imports and exports, before any of it runs.

use wasmtime::Engine;
use wasmtime::component::Component;
use wasmtime::component::types::{self, ComponentItem};

use crate::PluginError;
use crate::bindings::{LOG, Output, TRANSFORM, TYPES, VALIDATE, VERSION, columns, schema, validate};

/// What a component imports and exports by name, as people are told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Outline {
    pub(crate) imports: Vec<String>,
    pub(crate) exports: Vec<String>,
    pub(crate) parts: Parts,
}

/// Which parts of the contract a component exports.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Parts {
    pub(crate) transform: bool,
    pub(crate) validate: bool,
}

/// Whether the bytes are a component at all.
pub(crate) fn check_file(plugin: &str, bytes: &[u8]) -> Result<(), PluginError> {
    // The magic number, then the version: 16 bits of version and 16 bits that tell a core module (0) from a component (1).
    match bytes.split_at_checked(8).map(|(head, _)| head) {
        Some([0, b'a', b's', b'm', _, _, 1, 0]) => Ok(()),
        Some([0, b'a', b's', b'm', _, _, 0, 0]) => Err(PluginError::CoreModule { plugin: plugin.to_owned() }),
        _ => {
            let hex: Vec<_> = bytes.iter().take(8).map(|b| format!("{b:02x}")).collect();
            let begins = if hex.is_empty() { "nothing: it is empty".to_owned() } else { hex.join(" ") };
            Err(PluginError::NotWasm { plugin: plugin.to_owned(), begins })
        }
    }
}

/// Checks imports, exports and the types of the functions.
pub(crate) fn check(engine: &Engine, plugin: &str, component: &Component) -> Result<Outline, PluginError> {
    let ty = component.component_type();
    let mut outline = Outline::default();
    for (name, item) in ty.imports(engine) {
        check_version(plugin, name)?;
        let is_offered = match &item.ty {
            ComponentItem::ComponentInstance(instance) if name == LOG => {
                instance.exports(engine).all(|(name, item)| name == "log" || is_type(&item.ty))
            }
            ComponentItem::ComponentInstance(instance) if TYPES.contains(&name) => {
                instance.exports(engine).all(|(_, item)| is_type(&item.ty))
            }
            ComponentItem::ComponentInstance(_) => crate::wasi::interface_of(name).is_some(),
            _ => false,
        };
        if !is_offered {
            return Err(PluginError::Import { plugin: plugin.to_owned(), import: name.to_owned() });
        }
        outline.imports.push(name.to_owned());
    }
    // What is no interface is a tool's own business: componentize-py exports an empty `exports`.
    for (name, _) in ty.exports(engine).filter(|(name, _)| name.contains(':')) {
        check_version(plugin, name)?;
        outline.exports.push(name.to_owned());
    }
    let exported = |name: &str| match ty.get_export(engine, name).map(|item| item.ty) {
        Some(ComponentItem::ComponentInstance(instance)) => Some(instance),
        _ => None,
    };
    if let Some(transform) = exported(TRANSFORM) {
        check_transform(&Functions { engine, plugin, component: &ty, interface: "transform", exports: &transform })?;
        outline.parts.transform = true;
    }
    if let Some(validate) = exported(VALIDATE) {
        check_validate(&Functions { engine, plugin, component: &ty, interface: "validate", exports: &validate })?;
        outline.parts.validate = true;
    }
    if outline.parts == Parts::default() {
        return Err(PluginError::NoPart { plugin: plugin.to_owned(), exports: list(&outline.exports) });
    }
    Ok(outline)
}

/// Names for a message.
pub(crate) fn list(exports: &[String]) -> String {
    if exports.is_empty() { "nothing".to_owned() } else { exports.join(", ") }
}

fn is_type(item: &ComponentItem) -> bool {
    matches!(item, ComponentItem::Type(_))
}

/// Refuses an interface of the contract in any version but this one.
fn check_version(plugin: &str, name: &str) -> Result<(), PluginError> {
    match name.strip_prefix("gristmill:plugin/").and_then(|rest| rest.split_once('@')) {
        Some((_, theirs)) if theirs != VERSION => Err(PluginError::Version {
            plugin: plugin.to_owned(),
            item: name.to_owned(),
            theirs: theirs.to_owned(),
            ours: VERSION,
        }),
        _ => Ok(()),
    }
}

/// An exported interface. The version of its name does not prove that its functions are there.
struct Functions<'a> {
    engine: &'a Engine,
    plugin: &'a str,
    component: &'a types::Component,
    interface: &'static str,
    exports: &'a types::ComponentInstance,
}

impl Functions<'_> {
    fn check(
        &self,
        name: &str,
        typecheck: impl Fn(&types::ComponentFunc) -> wasmtime::Result<()>,
    ) -> Result<(), PluginError> {
        let fail =
            |why: String| PluginError::Signature { plugin: self.plugin.to_owned(), interface: self.interface, why };
        match self.exports.get_export(self.engine, name).map(|item| item.ty) {
            Some(ComponentItem::ComponentFunc(f)) => typecheck(&f).map_err(|e| fail(format!("`{name}`: {e:#}"))),
            _ => Err(fail(format!("it has no function `{name}`"))),
        }
    }
}

fn check_transform(functions: &Functions<'_>) -> Result<(), PluginError> {
    let of = functions.component.instance_type();
    type Open = (Result<schema::Description, String>,);
    functions.check("identify", |f| f.typecheck::<(), (schema::About,)>(&of))?;
    functions.check("open", |f| f.typecheck::<(&str, schema::Context<'_>), Open>(&of))?;
    functions.check("transform", |f| f.typecheck::<(columns::BatchParam<'_>,), (Result<Output, String>,)>(&of))
}

fn check_validate(functions: &Functions<'_>) -> Result<(), PluginError> {
    let of = functions.component.instance_type();
    type Open<'a> = (&'a str, schema::Context<'a>, &'a [schema::DataTypeParam<'a>], schema::TableParam<'a>);
    type Judged = (Result<Vec<validate::Violation>, String>,);
    functions.check("identify", |f| f.typecheck::<(), (schema::About,)>(&of))?;
    functions.check("open", |f| f.typecheck::<Open<'_>, (Result<Vec<String>, String>,)>(&of))?;
    functions.check("validate", |f| f.typecheck::<(columns::BatchParam<'_>,), Judged>(&of))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_files_apart() {
        assert!(check_file("p", b"\0asm\x0d\0\x01\0rest").is_ok());
        assert!(matches!(check_file("p", b"\0asm\x01\0\0\0"), Err(PluginError::CoreModule { .. })));
        for (bytes, begins) in
            [(&b""[..], "nothing: it is empty"), (b"PK\x03\x04", "50 4b 03 04"), (b"\0asm", "00 61 73 6d")]
        {
            assert!(matches!(check_file("p", bytes), Err(PluginError::NotWasm { begins: b, .. }) if b == begins));
        }
    }

    #[test]
    fn knows_its_own_version_only() {
        assert!(check_version("p", TRANSFORM).is_ok());
        assert!(check_version("p", "wasi:io/poll@9.9.9").is_ok());
        let error = check_version("p", "gristmill:plugin/log@0.2.0").unwrap_err().to_string();
        assert!(error.contains("version 0.2.0") && error.contains("speaks version 0.1.0"), "{error}");
    }
}
