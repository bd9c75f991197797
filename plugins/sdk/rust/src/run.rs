//! A batch through a mapping.

use crate::__private::{Batch, Output, Rows, RunContext, schema};
use crate::config::{self, SettingSpec};
use crate::describe;
use crate::{Config, Context, Input, Outcome, Row};

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
    let description = describe::description::<I, O::Row>();
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
    let mut builder = O::Row::builder(batch.rows as usize);
    let mut made = 0;
    let mut origins = Origins(None);
    let mut rejections = Vec::new();
    for row in 0..batch.rows {
        match map(I::read(&columns, row as usize), context).outcome() {
            Ok(Some(value)) => {
                value.push(&mut builder);
                made += 1;
                origins.made(row);
            }
            Ok(None) => origins.left_out(row),
            Err(rejection) => {
                origins.left_out(row);
                rejections.push(rejection.at(row));
            }
        }
    }
    let batch = O::Row::finish(builder, made)?;
    Ok(Output { tables: vec![Rows { batch, origins: origins.0 }], rejections })
}

/// The input row of each row, from the first input row on that no row is made from.
struct Origins(Option<Vec<u32>>);

impl Origins {
    #[inline]
    fn made(&mut self, row: u32) {
        if let Some(rows) = &mut self.0 {
            rows.push(row);
        }
    }

    #[inline]
    fn left_out(&mut self, row: u32) {
        if self.0.is_none() {
            self.0 = Some((0..row).collect());
        }
    }
}

/// A batch of finished columns.
#[doc(hidden)]
pub fn batch<const N: usize>(arrays: [Result<crate::__private::Array, String>; N], rows: u32) -> Result<Batch, String> {
    let arrays = arrays.into_iter().collect::<Result<Vec<_>, _>>()?;
    let columns = (0_u32..).zip(&arrays).map(|(index, _)| index).collect();
    Ok(Batch { rows, arrays, columns })
}
