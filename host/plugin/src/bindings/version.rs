//! A version of the contract as the rest of the crate sees it: in the words of the draft, whatever a component was built for.

use std::sync::Arc;

use wasmtime::component::{Instance, InstancePre};
use wasmtime::{Result, Store};

use super::validate::Violation;
use super::{Output, columns, schema};
use crate::PluginError;
use crate::contract::Functions;
use crate::instance::State;

/// A version of the contract that this program speaks.
pub(crate) struct Version {
    /// As names of interfaces carry it.
    pub(crate) number: &'static str,
    /// What a plugin that maps exports.
    pub(crate) transform: Part<dyn CallTransform>,
    /// What a plugin that judges exports.
    pub(crate) validate: Part<dyn CallValidate>,
    /// What a plugin may call.
    pub(crate) log: &'static str,
    /// Interfaces that hold types alone.
    pub(crate) types: [&'static str; 2],
}

/// A part of the contract, which a component has when it exports an interface.
pub(crate) struct Part<C: ?Sized> {
    /// The name of the interface.
    pub(crate) interface: &'static str,
    /// Whether the functions of the interface are those of the version.
    pub(crate) check: fn(&Functions<'_>) -> std::result::Result<(), PluginError>,
    /// Finds them in a component.
    pub(crate) find: fn(&InstancePre<State>) -> Result<Find<C>>,
}

/// Finds the functions of a part in an instance.
pub(crate) type Load<C> = Arc<dyn Fn(&mut Store<State>, &Instance) -> Result<Box<C>> + Send + Sync>;

/// The functions of a part, found in a component.
pub(crate) struct Find<C: ?Sized>(pub(crate) Load<C>);

impl<C: ?Sized> Clone for Find<C> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<C: ?Sized> Find<C> {
    /// The functions of an instance of the component.
    pub(crate) fn load(&self, store: &mut Store<State>, instance: &Instance) -> Result<Box<C>> {
        (self.0)(store, instance)
    }
}

/// The functions of `transform`. `Ok(Err(…))` is what the plugin says.
pub(crate) trait CallTransform: Send {
    fn identify(&self, store: &mut Store<State>) -> Result<schema::About>;
    fn open(
        &self,
        store: &mut Store<State>,
        config: &str,
        context: schema::Context<'_>,
    ) -> Result<std::result::Result<schema::Description, String>>;
    fn transform(
        &self,
        store: &mut Store<State>,
        batch: columns::BatchParam<'_>,
    ) -> Result<std::result::Result<Output, String>>;
}

/// The functions of `validate`. `Ok(Err(…))` is what the plugin says.
pub(crate) trait CallValidate: Send {
    fn identify(&self, store: &mut Store<State>) -> Result<schema::About>;
    fn open(
        &self,
        store: &mut Store<State>,
        config: &str,
        context: schema::Context<'_>,
        types: &[schema::DataTypeParam<'_>],
        table: schema::TableParam<'_>,
    ) -> Result<std::result::Result<Vec<String>, String>>;
    fn validate(
        &self,
        store: &mut Store<State>,
        rows: columns::BatchParam<'_>,
    ) -> Result<std::result::Result<Vec<Violation>, String>>;
}

/// The numbers of a version, for comparison; what is no number counts as 0.
pub(crate) fn numbers(version: &str) -> [u64; 3] {
    let mut parts = version.split(['.', '-', '+']).map(|part| part.parse().unwrap_or(0));
    [(); 3].map(|()| parts.next().unwrap_or(0))
}
