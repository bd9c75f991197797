//! The default mapping without a sandbox: the same code, compiled into this program. What it costs less is what the sandbox costs.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{
    Array as _, ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use firestore_quality_stream::native;
use gristmill_plugin::{Mapped, Part, PluginError, Rejection, TableRows, Transform, TransformWorker};
use gristmill_record::arrow::table_schema;
use gristmill_record::{Description, Table};
use gristmill_sdk::native::{Array, Batch, NativeTransform, Output, Values, Varlen};

/// The mapping, configured.
pub(crate) struct Native {
    pub(crate) description: Description,
    pub(crate) config: String,
    pub(crate) run_id: String,
    pub(crate) started_at: i64,
}

struct NativeWorker {
    transform: NativeTransform,
    table: Table,
}

impl Transform for Native {
    fn description(&self) -> &Description {
        &self.description
    }

    fn worker(&self) -> Result<Box<dyn TransformWorker>, PluginError> {
        let (_, transform) = native::open(&self.config, &self.run_id, self.started_at).map_err(fault)?;
        let table = self.description.tables().first().cloned().ok_or_else(|| fault("no table".to_owned()))?;
        Ok(Box::new(NativeWorker { transform, table }))
    }
}

fn fault(what: String) -> PluginError {
    PluginError::Settings { plugin: "native".to_owned(), what }
}

impl TransformWorker for NativeWorker {
    fn transform(&mut self, input: &RecordBatch) -> Result<Mapped, PluginError> {
        let rows = u32::try_from(input.num_rows()).map_err(|e| fault(e.to_string()))?;
        let arrays: Vec<Array> = input.columns().iter().map(column).collect::<Result<_, _>>().map_err(fault)?;
        let columns = (0..).take(arrays.len()).collect();
        let Output { tables, rejections } = self.transform.transform(Batch { rows, arrays, columns }).map_err(fault)?;
        let made = tables.into_iter().next().ok_or_else(|| fault("no rows".to_owned()))?;
        let schema = table_schema(&self.table);
        let arrays: Vec<ArrayRef> =
            made.batch.arrays.into_iter().map(array).collect::<Result<_, _>>().map_err(fault)?;
        let batch = RecordBatch::try_new(schema, arrays).map_err(|e| fault(e.to_string()))?;
        let rejections = rejections
            .into_iter()
            .map(|r| Rejection { row: r.row, code: r.code, input: r.input, message: r.message })
            .collect();
        let tables = vec![TableRows { rows: batch, origins: made.origins }];
        Ok(Mapped { parts: vec![Part { first_row: 0, rows, tables, rejections }], faults: Vec::new() })
    }
}

/// The copies are those that the boundary makes, too: one a buffer.
fn column(array: &ArrayRef) -> Result<Array, String> {
    let values = if let Some(strings) = array.as_string_opt::<i32>() {
        let offsets = strings.value_offsets().iter().map(|o| u32::try_from(*o).unwrap_or(0)).collect();
        Values::Strings(Varlen { offsets, data: strings.value_data().to_vec() })
    } else if let Some(floats) = array.as_primitive_opt::<Float64Type>() {
        Values::Float64s(floats.values().to_vec())
    } else if let Some(ints) = array.as_primitive_opt::<Int64Type>() {
        Values::Int64s(ints.values().to_vec())
    } else if let Some(times) = array.as_primitive_opt::<TimestampMicrosecondType>() {
        Values::Timestamps(times.values().to_vec())
    } else {
        return Err(format!("the default mapping reads no {}", array.data_type()));
    };
    Ok(Array { values, validity: array.nulls().map(|n| n.inner().sliced().to_vec()) })
}

fn array(array: Array) -> Result<ArrayRef, String> {
    let nulls =
        |len: usize| array.validity.map(|bits| NullBuffer::new(BooleanBuffer::new(Buffer::from_vec(bits), 0, len)));
    Ok(match array.values {
        Values::Strings(Varlen { offsets, data }) => {
            let offsets: Vec<i32> = offsets.into_iter().map(|o| i32::try_from(o).unwrap_or(0)).collect();
            let len = offsets.len() - 1;
            let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
            Arc::new(StringArray::try_new(offsets, Buffer::from_vec(data), nulls(len)).map_err(|e| e.to_string())?)
        }
        Values::Float64s(v) => {
            let nulls = nulls(v.len());
            Arc::new(Float64Array::new(v.into(), nulls))
        }
        Values::Int64s(v) => {
            let nulls = nulls(v.len());
            Arc::new(Int64Array::new(v.into(), nulls))
        }
        Values::Timestamps(v) => {
            let nulls = nulls(v.len());
            Arc::new(TimestampMicrosecondArray::new(v.into(), nulls).with_timezone("UTC"))
        }
        _ => return Err("the default mapping writes no such column".to_owned()),
    })
}
