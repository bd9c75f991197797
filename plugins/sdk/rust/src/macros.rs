//! The macro that makes a plugin of a mapping.

/// Makes a plugin of a mapping: `plugin! { map: map }`.
///
/// * `map`: a function from a struct with `#[derive(Input)]` and `&Context<Settings>` to rows, see [`Outcome`](crate::Outcome).
/// * `summary`: one line for people; the package's description where it is left out.
/// * `check`: a function `fn(&Settings) -> Result<(), String>` that refuses settings which cannot be used.
///
/// Name and version are those of the package. The macro stands once, at the root of the crate.
#[macro_export]
macro_rules! plugin {
    (map: $map:path $(, check: $check:path)? $(,)?) => {
        $crate::plugin! { summary: env!("CARGO_PKG_DESCRIPTION"), map: $map $(, check: $check)? }
    };
    (summary: $summary:expr, map: $map:path $(,)?) => {
        $crate::plugin! { @make $summary, $map, |_| Ok(()) }
    };
    (summary: $summary:expr, map: $map:path, check: $check:path $(,)?) => {
        $crate::plugin! { @make $summary, $map, $check }
    };
    (@make $summary:expr, $map:path, $check:expr) => {
        #[doc(hidden)]
        pub struct __Plugin;

        impl $crate::__private::Plugin for __Plugin {
            fn about() -> $crate::__private::About {
                $crate::__private::about(
                    env!("CARGO_PKG_NAME"),
                    env!("CARGO_PKG_VERSION"),
                    $summary,
                    $crate::__private::settings($map),
                )
            }

            fn open(
                config: &str,
                run: $crate::__private::RunContext,
            ) -> ::std::result::Result<($crate::__private::Description, $crate::__private::Transform), ::std::string::String>
            {
                $crate::__private::open(
                    $map,
                    $check,
                    |batch, context| $crate::__private::each(batch, context, $map),
                    config,
                    run,
                )
            }
        }

        #[cfg(target_arch = "wasm32")]
        const _: () = {
            use $crate::__private as sdk;

            impl sdk::Guest for __Plugin {
                fn identify() -> sdk::About {
                    <Self as sdk::Plugin>::about()
                }

                fn open(config: String, run: sdk::RunContext) -> Result<sdk::Description, String> {
                    sdk::guest::open::<Self>(&config, run)
                }

                fn transform(input: sdk::Batch) -> Result<sdk::Output, String> {
                    sdk::guest::transform(&input)
                }
            }

            sdk::__export!(__Plugin with_types_in sdk::bindings);
        };

        /// The plugin without a sandbox, for tests and for measuring what the sandbox costs.
        #[doc(hidden)]
        pub mod native {
            /// What a person is told of the plugin.
            pub fn identify() -> $crate::__private::About {
                <super::__Plugin as $crate::__private::Plugin>::about()
            }

            /// Configures the plugin: `config` is a JSON object, `started_at` is in microseconds since the Unix epoch.
            pub fn open(
                config: &str,
                run_id: &str,
                started_at: i64,
            ) -> Result<($crate::__private::Description, $crate::native::NativeTransform), String> {
                $crate::native::open::<super::__Plugin>(config, run_id, started_at)
            }
        }
    };
}

/// Makes a plugin that judges of a function: `validator! { judge: judge }`.
///
/// * `judge`: a function from a struct with `#[derive(Columns)]`, `&Context<Settings>` and `&mut Verdict`, to which it says what is wrong with the row.
/// * `summary`: one line for people; the package's description where it is left out.
///
/// Name and version are those of the package. The macro stands once, at the root of the crate.
#[macro_export]
macro_rules! validator {
    (judge: $judge:path $(,)?) => {
        $crate::validator! { summary: env!("CARGO_PKG_DESCRIPTION"), judge: $judge }
    };
    (summary: $summary:expr, judge: $judge:path $(,)?) => {
        #[doc(hidden)]
        pub struct __Validator;

        impl $crate::__private::Validator for __Validator {
            fn about() -> $crate::__private::About {
                $crate::__private::about(
                    env!("CARGO_PKG_NAME"),
                    env!("CARGO_PKG_VERSION"),
                    $summary,
                    $crate::__private::judge_settings($judge),
                )
            }

            fn open(
                config: &str,
                run: $crate::__private::RunContext,
                types: &[$crate::__private::schema::DataType],
                table: &$crate::__private::schema::Table,
            ) -> ::std::result::Result<
                (::std::vec::Vec<::std::string::String>, $crate::__private::Rules),
                ::std::string::String,
            > {
                $crate::__private::open_judge(
                    $judge,
                    |batch, context| $crate::__private::judge_each(batch, context, $judge),
                    config,
                    run,
                    types,
                    table,
                )
            }
        }

        #[cfg(target_arch = "wasm32")]
        const _: () = {
            use $crate::__private as sdk;

            impl sdk::GuestValidator for __Validator {
                fn identify() -> sdk::About {
                    <Self as sdk::Validator>::about()
                }

                fn open(
                    config: String,
                    run: sdk::RunContext,
                    types: Vec<sdk::schema::DataType>,
                    table: sdk::schema::Table,
                ) -> Result<Vec<String>, String> {
                    sdk::open_instance::<Self>(&config, run, &types, &table)
                }

                fn validate(rows: sdk::Batch) -> Result<Vec<sdk::Violation>, String> {
                    sdk::validate_instance(&rows)
                }
            }

    sdk::__export_validator!(__Validator with_types_in sdk::bindings::validator);
        };
    };
}
