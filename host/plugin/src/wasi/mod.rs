//! What stands in for WASI 0.2 with guests that need it, such as those of Python: a clock that stands at the start of the run, random numbers
//! of the configuration, output that goes to the log; no files, no sockets, no environment.
//!
//! Only what a component imports is linked. A function that is not offered is refused: by the error code that its interface has for it, else by
//! a trap. Which ones were called is kept, so that the run can say so.

mod offers;
mod random;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use wasmtime::StoreContextMut;
use wasmtime::component::types::{ComponentFunc, ComponentItem};
use wasmtime::component::{Component, Linker, LinkerInstance, ResourceType, Type, Val};

use crate::instance::State;
pub(crate) use offers::Handle;
pub(crate) use random::Random;

/// Packages that there are stand-ins for; others are refused when a plugin is loaded.
const PACKAGES: [&str; 6] = ["cli", "clocks", "filesystem", "io", "random", "sockets"];

/// Error codes by which interfaces of WASI say that something is not allowed.
const DENIED: [&str; 3] = ["access-denied", "access", "not-permitted"];

/// `wasi:io/poll@0.2.9` → `io/poll`, where there is a stand-in for its package in that version.
pub(crate) fn interface_of(import: &str) -> Option<&str> {
    let (interface, version) = import.strip_prefix("wasi:")?.split_once('@')?;
    let (package, _) = interface.split_once('/')?;
    (PACKAGES.contains(&package) && version.starts_with("0.2.")).then_some(interface)
}

/// Calls that a plugin made for what it does not get, over all its instances.
#[derive(Debug, Clone, Default)]
pub(crate) struct Refused(Arc<Mutex<BTreeMap<String, u64>>>);

impl Refused {
    /// Counts a call of a function such as `wasi:filesystem/preopens.get-directories`.
    fn count(&self, function: &str) {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match calls.get_mut(function) {
            Some(count) => *count = count.saturating_add(1),
            None => {
                calls.insert(function.to_owned(), 1);
            }
        }
    }

    /// Functions and how often each was called.
    pub(crate) fn all(&self) -> Vec<(String, u64)> {
        let calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        calls.iter().map(|(function, count)| (function.clone(), *count)).collect()
    }
}

/// What was asked for, and is not offered: a function, or more of something than there is.
#[derive(Debug, thiserror::Error)]
#[error("it asked for {0}, which no plugin is given")]
pub(crate) struct NotOffered(String);

/// Links what a component imports of WASI.
pub(crate) fn link(linker: &mut Linker<State>, component: &Component) -> wasmtime::Result<()> {
    let engine = component.engine().clone();
    for (name, item) in component.component_type().imports(&engine) {
        let Some(interface) = interface_of(name) else { continue };
        let ComponentItem::ComponentInstance(instance) = item.ty else { continue };
        let mut into = linker.instance(name)?;
        for (item_name, item) in instance.exports(&engine) {
            match item.ty {
                // All resources are of one type: a handle has nothing behind it but a number.
                ComponentItem::Resource(_) => {
                    into.resource(item_name, ResourceType::host::<Handle>(), |_, _| Ok(()))?;
                }
                ComponentItem::ComponentFunc(_) if offers::offer(&mut into, interface, item_name)? => {}
                ComponentItem::ComponentFunc(_) => refuse(&mut into, interface, item_name)?,
                _ => {}
            }
        }
    }
    Ok(())
}

/// The name of a function for people: of `[method]descriptor.read` the method.
fn full_name(interface: &str, function: &str) -> String {
    let plain = function.rsplit(']').next().unwrap_or(function);
    format!("wasi:{interface}.{plain}")
}

fn refuse(into: &mut LinkerInstance<'_, State>, interface: &str, function: &str) -> wasmtime::Result<()> {
    let name = full_name(interface, function);
    into.func_new(
        function,
        move |store: StoreContextMut<'_, State>, ty: ComponentFunc, _: &[Val], results: &mut [Val]| {
            store.data().refused().count(&name);
            match (denial(&ty), results) {
                (Some(code), [result]) => {
                    *result = Val::Result(Err(Some(Box::new(Val::Enum(code)))));
                    Ok(())
                }
                _ => Err(NotOffered(name.clone()).into()),
            }
        },
    )
}

/// The error code by which a function can say that it is not allowed.
fn denial(ty: &ComponentFunc) -> Option<String> {
    let Some(Type::Result(result)) = ty.results().next() else { return None };
    let Some(Type::Enum(codes)) = result.err() else { return None };
    DENIED.iter().find(|code| codes.names().any(|name| name == **code)).map(|code| (*code).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_what_there_is_a_stand_in_for() {
        assert_eq!(interface_of("wasi:io/poll@0.2.9"), Some("io/poll"));
        for other in ["wasi:io/poll@0.3.0", "wasi:http/types@0.2.9", "wasi:io/poll", "other:io/poll@0.2.0"] {
            assert_eq!(interface_of(other), None, "{other}");
        }
    }

    #[test]
    fn names_for_people() {
        assert_eq!(full_name("io/streams", "[method]output-stream.splice"), "wasi:io/streams.output-stream.splice");
        assert_eq!(full_name("cli/exit", "exit"), "wasi:cli/exit.exit");
    }
}
