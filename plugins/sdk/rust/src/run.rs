//! A batch through a mapping.

use crate::__private::{Batch, Output, RunContext, schema};
use crate::config::{self, SettingSpec};
use crate::describe;
use crate::tables::TablesBuilder;
use crate::{Config, Context, Input, Outcome, Rejection};

/// The mapping of a configured plugin: a batch in, rows and rejections out.
#[doc(hidden)]
pub struct Transform(Box<MapBatch>);

type MapBatch = dyn Fn(&Batch) -> Result<Output, String> + Send;

impl Transform {
    /// Maps a batch. An error is for what no record is to blame for.
    pub fn transform(&self, batch: &Batch) -> Result<Output, String> {
        (self.0)(batch)
    }
}

/// What `plugin!` makes of a crate.
#[doc(hidden)]
pub trait Plugin {
    /// What a person is told of it.
    fn about() -> schema::About;
    /// Configures it.
    fn open(config: &str, run: RunContext) -> Result<(schema::Description, Transform), String>;
}

/// The settings that a mapping declares. The mapping is there for its type alone.
#[doc(hidden)]
pub fn settings<I, O, C>(_map: impl Fn(I, &'static Context<C>) -> O) -> &'static [SettingSpec]
where
    C: Config,
{
    C::FIELDS
}

/// Configures a mapping. `map` is there for its types; `each` maps a batch by it.
#[doc(hidden)]
pub fn open<I, O, C>(
    _map: impl Fn(I, &'static Context<C>) -> O,
    check: impl FnOnce(&C) -> Result<(), String>,
    each: impl Fn(&Batch, &Context<C>) -> Result<Output, String> + Send + 'static,
    config: &str,
    run: RunContext,
) -> Result<(schema::Description, Transform), String>
where
    I: Input<'static>,
    O: Outcome,
    C: Config,
{
    let context = config::context::<C>(config, run)?;
    check(&context.config)?;
    let description = describe::description::<I, O::Builder>();
    Ok((description, Transform(Box::new(move |batch| each(batch, &context)))))
}

/// Maps a batch row by row.
#[doc(hidden)]
pub fn each<'a, I, O, C>(
    batch: &'a Batch,
    context: &'a Context<C>,
    map: impl Fn(I, &'a Context<C>) -> O,
) -> Result<Output, String>
where
    I: Input<'a>,
    O: Outcome,
{
    let columns = I::open(batch)?;
    let mut tables = O::Builder::with_capacity(batch.rows as usize);
    let mut rejections = Vec::new();
    for row in 0..batch.rows {
        let outcome = match I::lacking(&columns, row as usize) {
            None => map(I::read(&columns, row as usize), context).outcome(row, &mut tables),
            Some(input) => Err(Rejection::missing_part(input)),
        };
        if let Err(rejection) = outcome {
            tables.left_out(row);
            rejections.push(rejection.at(row));
        }
    }
    Ok(Output { tables: tables.finish()?, rejections })
}
