//! From columns to values: what the fields of an input struct can be.
//!
//! A column is checked once, when it is opened: lengths, offsets and UTF-8. Reading a row then is a slice and its bounds.

use std::borrow::Cow;

use crate::__private::{Array, Batch, Scalar, Values, Varlen};
use crate::parts::Place;
use crate::types::TypeSpec;
use crate::{Date, FieldType, Json, Reference, Timestamp};

/// A type that a field of an input struct can have; `Option` of it where the value may be missing or null.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be read from a document",
    label = "not a type of an input",
    note = "use bool, i64, f64, Timestamp, &str, String, Cow<str>, &[u8], Vec<u8>, Json<&str>, Reference, or FieldType with `type_of`",
    note = "a Vec of one of these for an array, a struct with `#[derive(Record)]` for a map",
    note = "an Option of one of these where the value may be missing or null",
    note = "a struct with `#[derive(Record)]` that is only written has `#[record(write)]`"
)]
#[doc(hidden)]
pub trait FromColumn<'a>: Sized {
    /// The type that is declared to the host.
    const TYPE: TypeSpec;
    /// Whether null has a value of this type.
    const NULLABLE: bool = false;
    /// The opened column.
    type Column;
    /// Opens a column; `Err` says what rule of the contract it breaks.
    fn open(place: Place<'a>, rows: usize) -> Result<Self::Column, &'static str>;
    /// Whether a part of a row's value is null that may not be; the value itself is not. Where it is so the value is not read.
    #[inline]
    fn lacks(_column: &Self::Column, _row: usize) -> bool {
        false
    }
    /// The value of a row below the number of rows that the column was opened with.
    fn read(column: &Self::Column, row: usize) -> Self;
}

/// Opens the column of an input.
#[doc(hidden)]
pub fn open_column<'a, T: FromColumn<'a>>(batch: &'a Batch, input: usize, name: &str) -> Result<T::Column, String> {
    batch
        .columns
        .get(input)
        .and_then(|index| Place::of(&batch.arrays, *index))
        .ok_or("the batch has no such column")
        .and_then(|place| T::open(place, batch.rows as usize))
        .map_err(|what| format!("input `{name}` as the host handed it over breaks the contract: {what}"))
}

pub(crate) const WRONG_TYPE: &str = "it has another type than the declared one";
pub(crate) const WRONG_LENGTH: &str = "its length is not the number of rows";
const WRONG_OFFSETS: &str = "its offsets do not cut its data";

fn fixed<T>(values: &[T], rows: usize) -> Result<&[T], &'static str> {
    if values.len() == rows { Ok(values) } else { Err(WRONG_LENGTH) }
}

/// Reads a value of a fixed width. Rows were checked against the length, so the default is never taken.
fn at<T: Copy + Default>(values: &[T], row: usize) -> T {
    values.get(row).copied().unwrap_or_default()
}

pub(crate) fn bit(bits: &[u8], row: usize) -> bool {
    bits.get(row / 8).is_some_and(|byte| byte >> (row % 8) & 1 == 1)
}

/// The validity of an array, checked.
pub(crate) fn validity(array: &Array, rows: usize) -> Result<Option<&[u8]>, &'static str> {
    match array.validity.as_deref() {
        Some(bits) if bits.len() != rows.div_ceil(8) => Err("its validity does not have a bit for each row"),
        validity => Ok(validity),
    }
}

/// A column of bits.
#[doc(hidden)]
pub struct Bits<'a>(&'a [u8]);

impl<'a> Bits<'a> {
    fn open(bits: &'a [u8], rows: usize) -> Result<Self, &'static str> {
        if bits.len() == rows.div_ceil(8) { Ok(Self(bits)) } else { Err(WRONG_LENGTH) }
    }
}

/// A column of values of variable length.
#[doc(hidden)]
pub struct Slices<'a, D: ?Sized> {
    offsets: &'a [u32],
    data: &'a D,
}

/// The offsets, checked: one more than rows, from 0 to the end of what they cut, none below the one before it.
pub(crate) fn cuts(offsets: &[u32], rows: usize, end: usize) -> Result<&[u32], &'static str> {
    if offsets.len() != rows + 1 {
        return Err(WRONG_LENGTH);
    }
    let ends_meet = offsets.first() == Some(&0) && offsets.last().is_some_and(|last| *last as usize == end);
    // Without an early exit, which the compiler could not make vectors of.
    let rising = offsets.iter().zip(offsets.iter().skip(1)).fold(true, |rising, (a, b)| rising & (a <= b));
    if ends_meet && rising { Ok(offsets) } else { Err(WRONG_OFFSETS) }
}

impl<'a> Slices<'a, str> {
    fn open(varlen: &'a Varlen, rows: usize) -> Result<Self, &'static str> {
        let offsets = cuts(&varlen.offsets, rows, varlen.data.len())?;
        let data = text(&varlen.data)?;
        // In ASCII every offset is between two characters.
        if !data.is_ascii() && !offsets.iter().all(|offset| data.is_char_boundary(*offset as usize)) {
            return Err("an offset is within a character");
        }
        Ok(Self { offsets, data })
    }

    fn at(&self, row: usize) -> &'a str {
        match (self.offsets.get(row), self.offsets.get(row + 1)) {
            (Some(start), Some(end)) => self.data.get(*start as usize..*end as usize).unwrap_or_default(),
            _ => "",
        }
    }
}

impl<'a> Slices<'a, [u8]> {
    fn open(varlen: &'a Varlen, rows: usize) -> Result<Self, &'static str> {
        Ok(Self { offsets: cuts(&varlen.offsets, rows, varlen.data.len())?, data: &varlen.data })
    }

    fn at(&self, row: usize) -> &'a [u8] {
        match (self.offsets.get(row), self.offsets.get(row + 1)) {
            (Some(start), Some(end)) => self.data.get(*start as usize..*end as usize).unwrap_or_default(),
            _ => &[],
        }
    }
}

fn text(data: &[u8]) -> Result<&str, &'static str> {
    std::str::from_utf8(data).map_err(|_| "it is not UTF-8")
}

macro_rules! fixed_width {
    ($ty:ty, $raw:ty, $scalar:ident, $values:ident, $make:expr) => {
        impl<'a> FromColumn<'a> for $ty {
            const TYPE: TypeSpec = TypeSpec::Scalar(Scalar::$scalar);
            type Column = &'a [$raw];
            fn open(place: Place<'a>, rows: usize) -> Result<Self::Column, &'static str> {
                match &place.array.values {
                    Values::$values(values) => fixed(values, rows),
                    _ => Err(WRONG_TYPE),
                }
            }
            #[inline]
            fn read(column: &Self::Column, row: usize) -> Self {
                $make(at(column, row))
            }
        }
    };
}

fixed_width!(i64, i64, Int64, Int64s, std::convert::identity);
fixed_width!(f64, f64, Float64, Float64s, std::convert::identity);
fixed_width!(Timestamp, i64, Timestamp, Timestamps, Timestamp::from_micros);
fixed_width!(Date, i32, Date, Dates, Date::from_days);

impl<'a> FromColumn<'a> for bool {
    const TYPE: TypeSpec = TypeSpec::Scalar(Scalar::Boolean);
    type Column = Bits<'a>;
    fn open(place: Place<'a>, rows: usize) -> Result<Self::Column, &'static str> {
        match &place.array.values {
            Values::Booleans(bits) => Bits::open(bits, rows),
            _ => Err(WRONG_TYPE),
        }
    }
    #[inline]
    fn read(column: &Self::Column, row: usize) -> Self {
        bit(column.0, row)
    }
}

macro_rules! variable_width {
    ($ty:ty, $data:ty, $scalar:ident, $values:ident, $make:expr) => {
        impl<'a> FromColumn<'a> for $ty {
            const TYPE: TypeSpec = TypeSpec::Scalar(Scalar::$scalar);
            type Column = Slices<'a, $data>;
            fn open(place: Place<'a>, rows: usize) -> Result<Self::Column, &'static str> {
                match &place.array.values {
                    Values::$values(varlen) => Slices::<$data>::open(varlen, rows),
                    _ => Err(WRONG_TYPE),
                }
            }
            #[inline]
            fn read(column: &Self::Column, row: usize) -> Self {
                $make(column.at(row))
            }
        }
    };
}

variable_width!(&'a str, str, String, Strings, std::convert::identity);
variable_width!(String, str, String, Strings, str::to_owned);
variable_width!(Cow<'a, str>, str, String, Strings, Cow::Borrowed);
variable_width!(FieldType, str, String, Strings, FieldType::from_name);
variable_width!(Reference<'a>, str, Reference, Strings, Reference);
variable_width!(Json<&'a str>, str, Json, Json, Json);
variable_width!(&'a [u8], [u8], Bytes, Bytes, std::convert::identity);
variable_width!(Vec<u8>, [u8], Bytes, Bytes, <[u8]>::to_vec);

/// A column with nulls.
#[doc(hidden)]
pub struct Nullable<'a, C> {
    values: C,
    validity: Option<&'a [u8]>,
}

impl<'a, T: FromColumn<'a>> FromColumn<'a> for Option<T> {
    const TYPE: TypeSpec = T::TYPE;
    const NULLABLE: bool = true;
    type Column = Nullable<'a, T::Column>;
    fn open(place: Place<'a>, rows: usize) -> Result<Self::Column, &'static str> {
        let validity = validity(place.array, rows)?;
        Ok(Nullable { values: T::open(place, rows)?, validity })
    }
    #[inline]
    fn lacks(column: &Self::Column, row: usize) -> bool {
        column.validity.is_none_or(|bits| bit(bits, row)) && T::lacks(&column.values, row)
    }
    #[inline]
    fn read(column: &Self::Column, row: usize) -> Self {
        let valid = column.validity.is_none_or(|bits| bit(bits, row));
        valid.then(|| T::read(&column.values, row))
    }
}

/// Types for what is a string whatever the document: captures, document names, names of types.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot hold this: it is a string",
    note = "captures and document names are &str, String or Cow<str>; `type_of` is an Option of FieldType or &str"
)]
#[doc(hidden)]
pub trait IsString {}
/// Types for the times of a document.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot hold this: it is a timestamp",
    note = "use Option<Timestamp>: binary exports do not hold the times of documents"
)]
#[doc(hidden)]
pub trait IsTimestamp {}
/// Types for a whole document.
#[diagnostic::on_unimplemented(message = "`{Self}` cannot hold a whole document", note = "use Json<&str>")]
#[doc(hidden)]
pub trait IsJson {}

impl IsString for &str {}
impl IsString for String {}
impl IsString for Cow<'_, str> {}
impl IsString for FieldType {}
impl<T: IsString> IsString for Option<T> {}
impl IsTimestamp for Timestamp {}
impl<T: IsTimestamp> IsTimestamp for Option<T> {}
impl IsJson for Json<&str> {}
impl<T: IsJson> IsJson for Option<T> {}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(offsets: &[u32], data: &[u8], validity: Option<Vec<u8>>) -> Array {
        Array { values: Values::Strings(Varlen { offsets: offsets.to_vec(), data: data.to_vec() }), validity }
    }

    fn all<'a, T: FromColumn<'a>>(array: &'a Array, rows: usize) -> Result<Vec<T>, &'static str> {
        let column = T::open(Place::of(std::slice::from_ref(array), 0).unwrap(), rows)?;
        Ok((0..rows).map(|row| T::read(&column, row)).collect())
    }

    #[test]
    fn reads_each_type() {
        let ints = Array { values: Values::Int64s(vec![1, -2, 3]), validity: Some(vec![0b101]) };
        assert_eq!(all::<Option<i64>>(&ints, 3), Ok(vec![Some(1), None, Some(3)]));
        let doubles = Array { values: Values::Float64s(vec![0.5]), validity: None };
        assert_eq!(all::<Option<f64>>(&doubles, 1), Ok(vec![Some(0.5)]));
        let bools = Array { values: Values::Booleans(vec![0b1000_0001, 0b10]), validity: None };
        let want = [true, false, false, false, false, false, false, true, false, true];
        assert_eq!(all::<bool>(&bools, 10), Ok(want.to_vec()));
        let times = Array { values: Values::Timestamps(vec![7]), validity: None };
        assert_eq!(all::<Timestamp>(&times, 1), Ok(vec![Timestamp::from_micros(7)]));
        let texts = strings(&[0, 2, 2, 5], "éabc".as_bytes(), None);
        assert_eq!(all::<&str>(&texts, 3), Ok(vec!["é", "", "abc"]));
        assert_eq!(all::<Cow<'_, str>>(&texts, 3), Ok(vec!["é".into(), "".into(), "abc".into()]));
        assert_eq!(all::<Reference<'_>>(&texts, 3), Ok(vec![Reference("é"), Reference(""), Reference("abc")]));
        let types = strings(&[0, 4, 7], b"nullmap", None);
        assert_eq!(all::<FieldType>(&types, 2), Ok(vec![FieldType::Null, FieldType::Map]));
        let bytes =
            Array { values: Values::Bytes(Varlen { offsets: vec![0, 1, 2], data: vec![0xff, 0] }), validity: None };
        assert_eq!(all::<&[u8]>(&bytes, 2), Ok(vec![&[0xff][..], &[0][..]]));
        let json = Array { values: Values::Json(Varlen { offsets: vec![0, 2], data: b"{}".to_vec() }), validity: None };
        assert_eq!(all::<Json<&str>>(&json, 1), Ok(vec![Json("{}")]));
    }

    #[test]
    fn refuses_what_breaks_the_contract() {
        let ints = Array { values: Values::Int64s(vec![1]), validity: None };
        assert_eq!(all::<i64>(&ints, 2), Err(WRONG_LENGTH));
        assert_eq!(all::<f64>(&ints, 1), Err(WRONG_TYPE));
        let short = Array { values: Values::Int64s(vec![0; 9]), validity: Some(vec![0]) };
        assert_eq!(all::<Option<i64>>(&short, 9), Err("its validity does not have a bit for each row"));
        for (offsets, what) in [
            (&[0, 1][..], WRONG_LENGTH),
            (&[1, 2, 3], WRONG_OFFSETS),
            (&[0, 2, 4], WRONG_OFFSETS),
            (&[0, 4, 3], WRONG_OFFSETS),
            (&[0, 1, 3], "an offset is within a character"),
        ] {
            assert_eq!(all::<&str>(&strings(offsets, "éa".as_bytes(), None), 2), Err(what), "{offsets:?}");
        }
        assert_eq!(all::<&str>(&strings(&[0, 1], &[0xff], None), 1), Err("it is not UTF-8"));
    }
}
