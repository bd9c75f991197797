//! Arrays among those of a batch, of which some hold others: the elements of lists and the fields of structs.

use crate::__private::{Array, Batch, Values};
use crate::read::{FromColumn, WRONG_LENGTH, WRONG_TYPE, bit, validity};

/// An array of a batch, and the arrays among which its parts are.
#[doc(hidden)]
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    arrays: &'a [Array],
    index: u32,
    pub(crate) array: &'a Array,
}

impl<'a> Place<'a> {
    /// The array at an index, where there is one.
    pub(crate) fn of(arrays: &'a [Array], index: u32) -> Option<Self> {
        arrays.get(index as usize).map(|array| Self { arrays, index, array })
    }

    /// An array that this one holds.
    fn part(self, index: u32) -> Result<Self, &'static str> {
        if index <= self.index {
            return Err("a part of it does not come after it");
        }
        Self::of(self.arrays, index).ok_or("the batch lacks a part of it")
    }

    /// The indexes of a struct's fields.
    pub fn fields<const N: usize>(self, rows: usize) -> Result<[u32; N], &'static str> {
        match &self.array.values {
            Values::Structs(fields) if fields.length as usize != rows => Err(WRONG_LENGTH),
            Values::Structs(fields) => {
                fields.children.as_slice().try_into().map_err(|_| "it has not the declared number of fields")
            }
            _ => Err(WRONG_TYPE),
        }
    }
}

/// The opened elements of a list, or a field of a struct.
///
/// The contract says of inputs alone that they are never null. Any part may be, so that for one whose type is no `Option`
/// somebody has to ask [`Self::lacks`] before it is read.
#[doc(hidden)]
pub struct Part<'a, T: FromColumn<'a>> {
    values: T::Column,
    /// Of a type that has no value for null; an `Option` has its own.
    validity: Option<&'a [u8]>,
}

impl<'a, T: FromColumn<'a>> Part<'a, T> {
    /// Opens the array at an index as a part of another.
    pub fn open(holder: Place<'a>, index: u32, rows: usize) -> Result<Self, &'static str> {
        let place = holder.part(index)?;
        let validity = if T::NULLABLE { None } else { validity(place.array, rows)? };
        Ok(Self { values: T::open(place, rows)?, validity })
    }

    /// Whether it is null at a row, or has a part that is, and none of them may be.
    #[inline]
    pub fn lacks(&self, row: usize) -> bool {
        self.validity.is_some_and(|bits| !bit(bits, row)) || T::lacks(&self.values, row)
    }

    /// The value of a row that lacks nothing.
    #[inline]
    pub fn read(&self, row: usize) -> T {
        T::read(&self.values, row)
    }
}

/// The arrays of a batch while it is finished.
#[doc(hidden)]
#[derive(Default)]
pub struct Arrays(Vec<Array>);

impl Arrays {
    /// Adds an array without parts, and gives its index.
    pub(crate) fn add(&mut self, values: Values) -> u32 {
        self.0.push(Array { values, validity: None });
        // There are as many as the types of a row have parts.
        u32::try_from(self.0.len() - 1).unwrap_or(u32::MAX)
    }

    /// Adds an array that holds others. Its place is before theirs, as the contract has it, and what it holds is known after them.
    pub(crate) fn add_holder(
        &mut self,
        parts: impl FnOnce(&mut Self) -> Result<Values, String>,
    ) -> Result<u32, String> {
        let index = self.add(Values::Booleans(Vec::new()));
        let values = parts(self)?;
        if let Some(array) = self.0.get_mut(index as usize) {
            array.values = values;
        }
        Ok(index)
    }

    /// Says which values of an array are there. What an `Option` in an `Option` has said stays: its nulls are those of both.
    pub(crate) fn set_validity(&mut self, index: u32, validity: Vec<u8>) {
        if let Some(array) = self.0.get_mut(index as usize) {
            array.validity.get_or_insert(validity);
        }
    }

    /// A batch of these arrays.
    pub fn into_batch<const N: usize>(self, columns: [u32; N], rows: u32) -> Batch {
        Batch { rows, arrays: self.0, columns: columns.into() }
    }
}
