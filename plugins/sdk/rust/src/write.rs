//! From values to columns: what the fields of a row can be.

use std::borrow::Cow;

use crate::__private::{Scalar, Values, Varlen};
use crate::parts::Arrays;
use crate::types::TypeSpec;
use crate::{Date, Join, Json, Reference, Timestamp};

/// A type that a field of a row can have; `Option` of it where the column is nullable.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be written to a column",
    label = "not a type of a column",
    note = "use bool, i64, f64, Timestamp, Date, &str, String, Cow<str>, Join, &[u8], Vec<u8>, Json<&str>, Json<String> or Reference",
    note = "a Vec of one of these for a list, a struct with `#[derive(Record)]` for a struct",
    note = "an Option of one of these where the column is nullable",
    note = "a struct with `#[derive(Record)]` that is only read has `#[record(read)]`"
)]
#[doc(hidden)]
pub trait ToColumn {
    /// The type that is declared to the host.
    const TYPE: TypeSpec;
    /// Whether the column may hold nulls.
    const NULLABLE: bool = false;
    /// The column while it is written.
    type Builder: Builder;
    /// Appends this value.
    fn write(self, builder: &mut Self::Builder);
}

/// A column while it is written.
#[doc(hidden)]
pub trait Builder {
    /// A column with room for this many values.
    fn with_capacity(rows: usize) -> Self;
    /// Appends what stands at a null.
    fn push_nothing(&mut self);
    /// Values so far.
    fn rows(&self) -> usize;
    /// Adds the column, then its parts, and gives its index; `Err` where it has grown larger than the contract can say.
    fn finish(self, arrays: &mut Arrays) -> Result<u32, String>;
}

/// A column of values of a fixed width; `K` tells which.
#[doc(hidden)]
pub struct Fixed<T, K> {
    values: Vec<T>,
    kind: std::marker::PhantomData<K>,
}

/// Wraps the values of a fixed width.
#[doc(hidden)]
pub trait Kind<T> {
    /// The values as the contract has them.
    fn values(values: Vec<T>) -> Values;
}

impl<T: Default, K: Kind<T>> Builder for Fixed<T, K> {
    fn with_capacity(rows: usize) -> Self {
        Self { values: Vec::with_capacity(rows), kind: std::marker::PhantomData }
    }
    #[inline]
    fn push_nothing(&mut self) {
        self.values.push(T::default());
    }
    fn rows(&self) -> usize {
        self.values.len()
    }
    fn finish(self, arrays: &mut Arrays) -> Result<u32, String> {
        Ok(arrays.add(K::values(self.values)))
    }
}

macro_rules! fixed_width {
    ($ty:ty, $raw:ty, $scalar:ident, $values:ident, $raw_of:expr) => {
        impl Kind<$raw> for $ty {
            fn values(values: Vec<$raw>) -> Values {
                Values::$values(values)
            }
        }
        impl ToColumn for $ty {
            const TYPE: TypeSpec = TypeSpec::Scalar(Scalar::$scalar);
            type Builder = Fixed<$raw, $ty>;
            #[inline]
            fn write(self, builder: &mut Self::Builder) {
                builder.values.push($raw_of(self));
            }
        }
    };
}

fixed_width!(i64, i64, Int64, Int64s, std::convert::identity);
fixed_width!(f64, f64, Float64, Float64s, std::convert::identity);
fixed_width!(Timestamp, i64, Timestamp, Timestamps, Timestamp::micros);
fixed_width!(Date, i32, Date, Dates, Date::days);

/// Bits, least significant first.
#[doc(hidden)]
pub struct Bits {
    full: Vec<u8>,
    last: u8,
    len: usize,
}

impl Bits {
    #[inline]
    fn push(&mut self, bit: bool) {
        self.last |= u8::from(bit) << (self.len % 8);
        self.len += 1;
        if self.len.is_multiple_of(8) {
            self.full.push(std::mem::take(&mut self.last));
        }
    }

    fn into_bytes(mut self) -> Vec<u8> {
        if !self.len.is_multiple_of(8) {
            self.full.push(self.last);
        }
        self.full
    }
}

impl Builder for Bits {
    fn with_capacity(rows: usize) -> Self {
        Self { full: Vec::with_capacity(rows.div_ceil(8)), last: 0, len: 0 }
    }
    #[inline]
    fn push_nothing(&mut self) {
        self.push(false);
    }
    fn rows(&self) -> usize {
        self.len
    }
    fn finish(self, arrays: &mut Arrays) -> Result<u32, String> {
        Ok(arrays.add(Values::Booleans(self.into_bytes())))
    }
}

impl ToColumn for bool {
    const TYPE: TypeSpec = TypeSpec::Scalar(Scalar::Boolean);
    type Builder = Bits;
    #[inline]
    fn write(self, builder: &mut Bits) {
        builder.push(self);
    }
}

/// A column of values of variable length.
#[doc(hidden)]
pub struct Slices<K> {
    offsets: Vec<u32>,
    data: Vec<u8>,
    kind: std::marker::PhantomData<K>,
}

impl<K> Slices<K> {
    #[inline]
    fn append(&mut self, bytes: &[u8]) {
        self.data.extend_from_slice(bytes);
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "`finish` refuses a column that is larger")]
    fn end_value(&mut self) {
        self.offsets.push(self.data.len() as u32);
    }
}

/// Wraps the values of a variable width.
#[doc(hidden)]
pub trait VarlenKind {
    /// The values as the contract has them.
    fn values(values: Varlen) -> Values;
}

/// UTF-8.
#[doc(hidden)]
pub struct Text;
/// JSON texts.
#[doc(hidden)]
pub struct JsonText;
/// Any bytes.
#[doc(hidden)]
pub struct Octets;

impl VarlenKind for Text {
    fn values(values: Varlen) -> Values {
        Values::Strings(values)
    }
}
impl VarlenKind for JsonText {
    fn values(values: Varlen) -> Values {
        Values::Json(values)
    }
}
impl VarlenKind for Octets {
    fn values(values: Varlen) -> Values {
        Values::Bytes(values)
    }
}

/// Bytes that a value of variable length is reckoned with beforehand; a longer column grows.
const EXPECTED_BYTES: usize = 24;

impl<K: VarlenKind> Builder for Slices<K> {
    fn with_capacity(rows: usize) -> Self {
        let mut offsets = Vec::with_capacity(rows + 1);
        offsets.push(0);
        Self { offsets, data: Vec::with_capacity(rows * EXPECTED_BYTES), kind: std::marker::PhantomData }
    }
    #[inline]
    fn push_nothing(&mut self) {
        self.end_value();
    }
    fn rows(&self) -> usize {
        self.offsets.len() - 1
    }
    fn finish(self, arrays: &mut Arrays) -> Result<u32, String> {
        if u32::try_from(self.data.len()).is_err() {
            return Err("a column of the batch holds more than 4 GiB; run with fewer rows a batch".into());
        }
        Ok(arrays.add(K::values(Varlen { offsets: self.offsets, data: self.data })))
    }
}

macro_rules! variable_width {
    ([$($generics:tt)*] $ty:ty, $scalar:ident, $kind:ty, |$value:ident| $bytes:expr) => {
        impl<$($generics)*> ToColumn for $ty {
            const TYPE: TypeSpec = TypeSpec::Scalar(Scalar::$scalar);
            type Builder = Slices<$kind>;
            #[inline]
            fn write(self, builder: &mut Self::Builder) {
                let $value = self;
                builder.append($bytes);
                builder.end_value();
            }
        }
    };
}

variable_width!([] & str, String, Text, |v| v.as_bytes());
variable_width!([] String, String, Text, |v| v.as_bytes());
variable_width!([] Cow<'_, str>, String, Text, |v| v.as_bytes());
variable_width!([] Reference<'_>, String, Text, |v| v.0.as_bytes());
variable_width!([T: AsRef<str>] Json<T>, Json, JsonText, |v| v.0.as_ref().as_bytes());
variable_width!([] & [u8], Bytes, Octets, |v| v);
variable_width!([] Vec<u8>, Bytes, Octets, |v| &v);

impl<const N: usize> ToColumn for Join<'_, N> {
    const TYPE: TypeSpec = TypeSpec::Scalar(Scalar::String);
    type Builder = Slices<Text>;
    #[inline]
    fn write(self, builder: &mut Self::Builder) {
        for (i, part) in self.1.iter().enumerate() {
            if i > 0 {
                builder.append(self.0.as_bytes());
            }
            builder.append(part.as_bytes());
        }
        builder.end_value();
    }
}

/// A column with nulls.
#[doc(hidden)]
pub struct Nullable<B> {
    values: B,
    /// Bits up to the byte of the last null, most of the time none; rows after it have values.
    validity: Vec<u8>,
}

impl<B: Builder> Nullable<B> {
    /// Nulls pay for the validity, values do not.
    fn push_null(&mut self) {
        let row = self.values.rows();
        if self.validity.len() <= row / 8 {
            self.validity.resize(row / 8 + 1, 0xff);
        }
        if let Some(byte) = self.validity.last_mut() {
            *byte &= !(1 << (row % 8));
        }
        self.values.push_nothing();
    }
}

impl<B: Builder> Builder for Nullable<B> {
    fn with_capacity(rows: usize) -> Self {
        Self { values: B::with_capacity(rows), validity: Vec::new() }
    }
    #[inline]
    fn push_nothing(&mut self) {
        self.push_null();
    }
    fn rows(&self) -> usize {
        self.values.rows()
    }
    fn finish(mut self, arrays: &mut Arrays) -> Result<u32, String> {
        let rows = self.values.rows();
        if !self.validity.is_empty() {
            self.validity.resize(rows.div_ceil(8), 0xff);
            if let Some(last) = self.validity.last_mut().filter(|_| !rows.is_multiple_of(8)) {
                // Nobody reads the spare bits; equal columns are equal bytes all the same.
                *last &= (1 << (rows % 8)) - 1;
            }
        }
        let index = self.values.finish(arrays)?;
        if !self.validity.is_empty() {
            arrays.set_validity(index, self.validity);
        }
        Ok(index)
    }
}

impl<T: ToColumn> ToColumn for Option<T> {
    const TYPE: TypeSpec = T::TYPE;
    const NULLABLE: bool = true;
    type Builder = Nullable<T::Builder>;
    #[inline]
    fn write(self, builder: &mut Self::Builder) {
        match self {
            Some(value) => value.write(&mut builder.values),
            None => builder.push_null(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::__private::Array;
    use crate::parts::Place;
    use crate::read::FromColumn;

    fn column<T: ToColumn>(values: impl IntoIterator<Item = T>) -> Vec<Array> {
        let mut builder = T::Builder::with_capacity(1);
        values.into_iter().for_each(|v| v.write(&mut builder));
        let mut arrays = Arrays::default();
        assert_eq!(builder.finish(&mut arrays), Ok(0));
        arrays.into_batch([0], 0).arrays
    }

    fn first(arrays: &[Array]) -> Place<'_> {
        Place::of(arrays, 0).unwrap()
    }

    fn round<T>(values: Vec<T>) -> Result<(), String>
    where
        T: ToColumn + Clone + PartialEq + std::fmt::Debug + for<'a> FromColumn<'a>,
    {
        let arrays = column(values.clone());
        let opened = <T as FromColumn<'_>>::open(first(&arrays), values.len())?;
        assert!((0..values.len()).all(|row| !<T as FromColumn<'_>>::lacks(&opened, row)));
        let back: Vec<T> = (0..values.len()).map(|row| <T as FromColumn<'_>>::read(&opened, row)).collect();
        assert_eq!(back, values);
        Ok(())
    }

    #[test]
    fn what_is_written_is_read_again() {
        for len in [0, 1, 7, 8, 9, 16, 100] {
            let some = |i: i64| (i % 3 != 0).then_some(i);
            round((0..len).collect()).unwrap();
            round((0..len).map(some).collect()).unwrap();
            round((0..len).map(|i| some(i).map(|i| i % 2 == 0)).collect()).unwrap();
            round((0..len).map(|i| i % 5 == 0).collect()).unwrap();
            round((0..len).map(|i| some(i).map(Timestamp::from_micros)).collect()).unwrap();
            round((0..len).map(|i| "é".repeat(usize::try_from(i).unwrap())).collect()).unwrap();
            round((0..len).map(|i| some(i).map(|i| i.to_string().repeat(40).into_bytes())).collect()).unwrap();
        }
    }

    #[test]
    fn validity_is_left_out_without_nulls() {
        assert_eq!(column([Some(1_i64), Some(2)])[0].validity, None);
        assert_eq!(column([Some(1_i64), None])[0].validity, Some(vec![0b01]));
        assert_eq!(column([Some(None), None, Some(Some(1_i64))])[0].validity, Some(vec![0b100]));
    }

    #[test]
    fn a_join_is_one_value() {
        let arrays = column([Join("-", ["a", "b"]), Join("/", ["", "c"]), Join("", ["d", "e"])]);
        let opened = <&str>::open(first(&arrays), 3).unwrap();
        assert_eq!([0, 1, 2].map(|row| <&str>::read(&opened, row)), ["a-b", "/c", "de"]);
    }

    #[test]
    fn json_and_references_have_their_types() {
        assert!(matches!(column([Json("{}")])[0].values, Values::Json(_)));
        assert!(matches!(column([Reference("a/b")])[0].values, Values::Strings(_)));
        assert_eq!(<Reference<'_> as ToColumn>::TYPE, TypeSpec::Scalar(Scalar::String));
        assert_eq!(<Reference<'_> as FromColumn<'_>>::TYPE, TypeSpec::Scalar(Scalar::Reference));
    }
}
