//! Makes the module of a version of the contract from its WIT.

/// The versions that this program speaks: the draft, in whose words the crate is written, and released ones. Each is a name, a number and the
/// folder of its WIT.
///
/// A released version has functions and types of its own for what it exports. The types of `columns`, `schema` and `log` are those of the
/// draft, by `with`: wasmtime compares types by their structure, part by part, when a component is loaded. Once the draft differs there, the
/// version needs a module that is written out, with types of its own and what makes the draft's of them.
macro_rules! versions {
    ($($(#[$attribute:meta])* $kind:ident $name:ident $number:literal $wit:literal;)*) => {
        $($(#[$attribute])* mod $name {
            pub(super) mod generated {
                bindings_of! { $kind $wit }
            }
            implement_version! { $number }
        })*

        /// The versions that this program speaks.
        pub(crate) const VERSIONS: &[&Version] = &[$($(#[$attribute])* &$name::VERSION),*];
    };
}

/// The bindings that wasmtime generates.
macro_rules! bindings_of {
    (draft $wit:tt) => {
        wasmtime::component::bindgen!({
            path: $wit,
            world: "plugin",
            ownership: Borrowing { duplicate_if_necessary: true },
            additional_derives: [PartialEq],
        });
    };
    (released $wit:tt) => {
        wasmtime::component::bindgen!({
            path: $wit,
            world: "plugin",
            ownership: Borrowing { duplicate_if_necessary: true },
            additional_derives: [PartialEq],
            with: {
                "gristmill:plugin/columns": crate::bindings::draft::generated::gristmill::plugin::columns,
                "gristmill:plugin/schema": crate::bindings::draft::generated::gristmill::plugin::schema,
                "gristmill:plugin/log": crate::bindings::draft::generated::gristmill::plugin::log,
            },
        });
    };
}

/// How components of a version are found and called: the functions of its own bindings, in the words of the draft.
macro_rules! implement_version {
    ($number:literal) => {
        use std::sync::Arc;

        use generated::exports::gristmill::plugin::{transform, validate};
        use wasmtime::component::{Instance, InstancePre};
        use wasmtime::{Result, Store};

        use crate::PluginError;
        use crate::bindings::version::{CallTransform, CallValidate, Find, Load, Part, Version};
        use crate::bindings::{Output, Rejection, Rows, columns, schema};
        use crate::contract::Functions;
        use crate::instance::State;

        pub(super) const VERSION: Version = Version {
            number: $number,
            transform: Part {
                interface: concat!("gristmill:plugin/transform@", $number),
                check: check_transform,
                find: find_transform,
            },
            validate: Part {
                interface: concat!("gristmill:plugin/validate@", $number),
                check: check_validate,
                find: find_validate,
            },
            log: concat!("gristmill:plugin/log@", $number),
            types: [concat!("gristmill:plugin/columns@", $number), concat!("gristmill:plugin/schema@", $number)],
        };

        fn check_transform(functions: &Functions<'_>) -> std::result::Result<(), PluginError> {
            type Open = (std::result::Result<schema::Description, String>,);
            type Mapped = (std::result::Result<transform::Output, String>,);
            functions.check::<(), (schema::About,)>("identify")?;
            functions.check::<(&str, schema::Context<'_>), Open>("open")?;
            functions.check::<(columns::BatchParam<'_>,), Mapped>("transform")
        }

        fn check_validate(functions: &Functions<'_>) -> std::result::Result<(), PluginError> {
            type Open<'a> = (&'a str, schema::Context<'a>, &'a [schema::DataTypeParam<'a>], schema::TableParam<'a>);
            type Judged = (std::result::Result<Vec<validate::Violation>, String>,);
            functions.check::<(), (schema::About,)>("identify")?;
            functions.check::<Open<'_>, (std::result::Result<Vec<String>, String>,)>("open")?;
            functions.check::<(columns::BatchParam<'_>,), Judged>("validate")
        }

        fn find_transform(pre: &InstancePre<State>) -> Result<Find<dyn CallTransform>> {
            let functions = transform::GuestIndices::new(pre)?;
            let load: Load<dyn CallTransform> = Arc::new(move |store: &mut Store<State>, instance: &Instance| {
                Ok(Box::new(functions.load(store, instance)?))
            });
            Ok(Find(load))
        }

        fn find_validate(pre: &InstancePre<State>) -> Result<Find<dyn CallValidate>> {
            let functions = validate::GuestIndices::new(pre)?;
            let load: Load<dyn CallValidate> = Arc::new(move |store: &mut Store<State>, instance: &Instance| {
                Ok(Box::new(functions.load(store, instance)?))
            });
            Ok(Find(load))
        }

        impl CallTransform for transform::Guest {
            fn identify(&self, store: &mut Store<State>) -> Result<schema::About> {
                self.call_identify(store)
            }

            fn open(
                &self,
                store: &mut Store<State>,
                config: &str,
                context: schema::Context<'_>,
            ) -> Result<std::result::Result<schema::Description, String>> {
                self.call_open(store, config, context)
            }

            fn transform(
                &self,
                store: &mut Store<State>,
                batch: columns::BatchParam<'_>,
            ) -> Result<std::result::Result<Output, String>> {
                let rows = |theirs: transform::Rows| Rows { batch: theirs.batch, origins: theirs.origins };
                let rejection = |theirs: transform::Rejection| Rejection {
                    row: theirs.row,
                    code: theirs.code,
                    input: theirs.input,
                    message: theirs.message,
                };
                let output = |theirs: transform::Output| Output {
                    tables: theirs.tables.into_iter().map(rows).collect(),
                    rejections: theirs.rejections.into_iter().map(rejection).collect(),
                };
                Ok(self.call_transform(store, batch)?.map(output))
            }
        }

        impl CallValidate for validate::Guest {
            fn identify(&self, store: &mut Store<State>) -> Result<schema::About> {
                self.call_identify(store)
            }

            fn open(
                &self,
                store: &mut Store<State>,
                config: &str,
                context: schema::Context<'_>,
                types: &[schema::DataTypeParam<'_>],
                table: schema::TableParam<'_>,
            ) -> Result<std::result::Result<Vec<String>, String>> {
                self.call_open(store, config, context, types, table)
            }

            fn validate(
                &self,
                store: &mut Store<State>,
                rows: columns::BatchParam<'_>,
            ) -> Result<std::result::Result<Vec<crate::bindings::validate::Violation>, String>> {
                use crate::bindings::validate::{Severity, Violation};
                let violation = |theirs: validate::Violation| Violation {
                    row: theirs.row,
                    rule: theirs.rule,
                    column: theirs.column,
                    severity: match theirs.severity {
                        validate::Severity::Warning => Severity::Warning,
                        validate::Severity::Error => Severity::Error,
                    },
                    message: theirs.message,
                };
                Ok(self.call_validate(store, rows)?.map(|all| all.into_iter().map(violation).collect()))
            }
        }
    };
}
