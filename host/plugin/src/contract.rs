//! Whether a component is a plugin: what it imports and exports, before any of it runs.

use wasmtime::Engine;
use wasmtime::component::types::{self, ComponentItem};
use wasmtime::component::{Component, ComponentNamedList, Lift, Lower};

use crate::PluginError;
use crate::bindings::{VERSIONS, Version, numbers, spoken};

/// What a component imports and exports by name, as people are told.
#[derive(Default)]
pub(crate) struct Outline {
    pub(crate) imports: Vec<String>,
    pub(crate) exports: Vec<String>,
    pub(crate) parts: Parts,
}

/// Which parts of the contract a component exports, each in the newest version that it has of those that this program speaks.
#[derive(Clone, Copy, Default)]
pub(crate) struct Parts {
    pub(crate) transform: Option<&'static Version>,
    pub(crate) validate: Option<&'static Version>,
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
            ComponentItem::ComponentInstance(instance) if VERSIONS.iter().any(|v| v.log == name) => {
                instance.exports(engine).all(|(name, item)| name == "log" || is_type(&item.ty))
            }
            ComponentItem::ComponentInstance(instance) if VERSIONS.iter().any(|v| v.types.contains(&name)) => {
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
    for version in newest_first() {
        let functions = |interface, exports| Functions { engine, plugin, component: &ty, interface, exports };
        if outline.parts.transform.is_none()
            && let Some(exports) = exported(version.transform.interface)
        {
            (version.transform.check)(&functions("transform", exports))?;
            outline.parts.transform = Some(version);
        }
        if outline.parts.validate.is_none()
            && let Some(exports) = exported(version.validate.interface)
        {
            (version.validate.check)(&functions("validate", exports))?;
            outline.parts.validate = Some(version);
        }
    }
    if outline.parts.transform.is_none() && outline.parts.validate.is_none() {
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

fn newest_first() -> Vec<&'static Version> {
    let mut versions = VERSIONS.to_vec();
    versions.sort_by_key(|version| std::cmp::Reverse(numbers(version.number)));
    versions
}

/// Refuses an interface of the contract in any version but those that this program speaks.
fn check_version(plugin: &str, name: &str) -> Result<(), PluginError> {
    match name.strip_prefix("gristmill:plugin/").and_then(|rest| rest.split_once('@')) {
        Some((_, theirs)) if VERSIONS.iter().all(|version| version.number != theirs) => Err(PluginError::Version {
            plugin: plugin.to_owned(),
            item: name.to_owned(),
            theirs: theirs.to_owned(),
            ours: spoken(),
        }),
        _ => Ok(()),
    }
}

/// An exported interface. The version of its name does not prove that its functions are there.
pub(crate) struct Functions<'a> {
    engine: &'a Engine,
    plugin: &'a str,
    component: &'a types::Component,
    interface: &'static str,
    exports: types::ComponentInstance,
}

impl Functions<'_> {
    /// Whether there is a function of this name that takes `P` and gives `R`.
    pub(crate) fn check<P, R>(&self, name: &str) -> Result<(), PluginError>
    where
        P: ComponentNamedList + Lower,
        R: ComponentNamedList + Lift,
    {
        let fail =
            |why: String| PluginError::Signature { plugin: self.plugin.to_owned(), interface: self.interface, why };
        match self.exports.get_export(self.engine, name).map(|item| item.ty) {
            Some(ComponentItem::ComponentFunc(f)) => {
                f.typecheck::<P, R>(&self.component.instance_type()).map_err(|e| fail(format!("`{name}`: {e:#}")))
            }
            _ => Err(fail(format!("it has no function `{name}`"))),
        }
    }
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
    fn knows_its_own_versions_only() {
        assert!(check_version("p", crate::bindings::TRANSFORM).is_ok());
        assert!(check_version("p", "wasi:io/poll@9.9.9").is_ok());
        let error = check_version("p", "gristmill:plugin/log@0.2.0").unwrap_err().to_string();
        assert!(error.contains("version 0.2.0") && error.contains("speaks versions 0.0.1 and 0.1.0"), "{error}");
    }
}
