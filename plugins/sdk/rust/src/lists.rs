//! Lists: a `Vec` of any type that a field can have. There is no type for a `u8` alone, so that `Vec<u8>` is bytes and nothing else.

use std::ops::Range;

use crate::__private::{NestedLists, Values};
use crate::parts::{Arrays, Part, Place};
use crate::read::{FromColumn, WRONG_TYPE, cuts};
use crate::types::TypeSpec;
use crate::write::{Builder, ToColumn};

/// An opened column of lists.
#[doc(hidden)]
pub struct ListColumn<'a, T: FromColumn<'a>> {
    offsets: &'a [u32],
    elements: Part<'a, T>,
}

impl<'a, T: FromColumn<'a>> ListColumn<'a, T> {
    #[inline]
    fn elements(&self, row: usize) -> Range<usize> {
        match (self.offsets.get(row), self.offsets.get(row + 1)) {
            (Some(start), Some(end)) => *start as usize..*end as usize,
            _ => 0..0,
        }
    }
}

impl<'a, T: FromColumn<'a>> FromColumn<'a> for Vec<T> {
    const TYPE: TypeSpec = TypeSpec::List(&T::TYPE);
    type Column = ListColumn<'a, T>;
    fn open(place: Place<'a>, rows: usize) -> Result<Self::Column, &'static str> {
        let Values::Lists(lists) = &place.array.values else { return Err(WRONG_TYPE) };
        // The elements say how many they are when they are opened.
        let end = lists.offsets.last().map_or(0, |end| *end as usize);
        let offsets = cuts(&lists.offsets, rows, end)?;
        Ok(ListColumn { offsets, elements: Part::open(place, lists.child, end)? })
    }
    #[inline]
    fn lacks(column: &Self::Column, row: usize) -> bool {
        column.elements(row).any(|i| column.elements.lacks(i))
    }
    #[inline]
    fn read(column: &Self::Column, row: usize) -> Self {
        column.elements(row).map(|i| column.elements.read(i)).collect()
    }
}

/// A column of lists while it is written.
#[doc(hidden)]
pub struct Lists<B> {
    offsets: Vec<u32>,
    elements: B,
}

impl<B: Builder> Lists<B> {
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "`finish` refuses a column that is larger")]
    fn end_list(&mut self) {
        self.offsets.push(self.elements.rows() as u32);
    }
}

impl<B: Builder> Builder for Lists<B> {
    fn with_capacity(rows: usize) -> Self {
        let mut offsets = Vec::with_capacity(rows + 1);
        offsets.push(0);
        Self { offsets, elements: B::with_capacity(rows) }
    }
    #[inline]
    fn push_nothing(&mut self) {
        self.end_list();
    }
    fn rows(&self) -> usize {
        self.offsets.len() - 1
    }
    fn finish(self, arrays: &mut Arrays) -> Result<u32, String> {
        if u32::try_from(self.elements.rows()).is_err() {
            return Err(
                "the lists of a column have more elements than can be counted; run with fewer rows a batch".into()
            );
        }
        arrays.add_holder(|arrays| {
            let child = self.elements.finish(arrays)?;
            Ok(Values::Lists(NestedLists { offsets: self.offsets, child }))
        })
    }
}

impl<T: ToColumn> ToColumn for Vec<T> {
    const TYPE: TypeSpec = TypeSpec::List(&T::TYPE);
    type Builder = Lists<T::Builder>;
    #[inline]
    fn write(self, builder: &mut Self::Builder) {
        for element in self {
            element.write(&mut builder.elements);
        }
        builder.end_list();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::__private::{Array, Scalar};
    use crate::{Json, Reference};

    const INT: TypeSpec = TypeSpec::Scalar(Scalar::Int64);

    fn write<T: ToColumn>(values: Vec<T>) -> Vec<Array> {
        let mut builder = T::Builder::with_capacity(1);
        values.into_iter().for_each(|v| v.write(&mut builder));
        let mut arrays = Arrays::default();
        assert_eq!(builder.finish(&mut arrays), Ok(0));
        arrays.into_batch([0], 0).arrays
    }

    /// The values, `None` where one lacks a part.
    fn read<'a, T: FromColumn<'a>>(arrays: &'a [Array], rows: usize) -> Result<Vec<Option<T>>, &'static str> {
        let column = T::open(Place::of(arrays, 0).unwrap(), rows)?;
        Ok((0..rows).map(|row| (!T::lacks(&column, row)).then(|| T::read(&column, row))).collect())
    }

    fn round<T>(values: Vec<T>)
    where
        T: ToColumn + Clone + PartialEq + std::fmt::Debug + for<'a> FromColumn<'a>,
    {
        let arrays = write(values.clone());
        let back = read::<T>(&arrays, values.len()).unwrap();
        assert_eq!(back, values.into_iter().map(Some).collect::<Vec<_>>());
    }

    fn lists(offsets: &[u32], child: u32) -> Array {
        Array { values: Values::Lists(NestedLists { offsets: offsets.to_vec(), child }), validity: None }
    }

    fn ints(values: &[i64], validity: Option<u8>) -> Array {
        Array { values: Values::Int64s(values.to_vec()), validity: validity.map(|bits| vec![bits]) }
    }

    #[test]
    fn what_is_written_is_read_again() {
        round(vec![vec![1_i64, 2], vec![], vec![3]]);
        round::<Vec<i64>>(vec![]);
        round(vec![None, Some(vec!["é".to_owned(), String::new()]), Some(vec![]), None]);
        round(vec![vec![Some(true), None], vec![None]]);
        round(vec![vec![vec![1.5], vec![]], vec![], vec![vec![], vec![0.5, 2.5]]]);
        round(vec![Some(vec![None, Some(vec![None, Some(1_i64)])]), None]);
        round(vec![vec![b"ab".to_vec(), vec![]], vec![vec![0xff]]]);
    }

    #[test]
    fn bytes_are_no_list() {
        assert_eq!(<Vec<u8> as ToColumn>::TYPE, TypeSpec::Scalar(Scalar::Bytes));
        assert_eq!(<Vec<u8> as FromColumn<'_>>::TYPE, TypeSpec::Scalar(Scalar::Bytes));
        assert_eq!(<Vec<Vec<u8>> as ToColumn>::TYPE, TypeSpec::List(&TypeSpec::Scalar(Scalar::Bytes)));
        assert_eq!(<Option<Vec<Option<i64>>> as ToColumn>::TYPE, TypeSpec::List(&INT));
        assert_eq!(<Vec<Reference<'_>> as FromColumn<'_>>::TYPE, TypeSpec::List(&TypeSpec::Scalar(Scalar::Reference)));
        assert_eq!(<Vec<Json<&str>> as FromColumn<'_>>::TYPE, TypeSpec::List(&TypeSpec::Scalar(Scalar::Json)));
    }

    #[test]
    fn an_array_comes_before_its_elements() {
        let arrays = write(vec![Some(vec![vec![7_i64], vec![8, 9]]), None]);
        let [outer, inner, values] = arrays.as_slice() else { panic!("{arrays:?}") };
        assert_eq!(outer.validity, Some(vec![0b01]));
        assert!(matches!(&outer.values, Values::Lists(l) if l.offsets == [0, 2, 2] && l.child == 1));
        assert!(matches!(&inner.values, Values::Lists(l) if l.offsets == [0, 1, 3] && l.child == 2));
        assert!(matches!(&values.values, Values::Int64s(v) if *v == [7, 8, 9]));
    }

    #[test]
    fn a_null_element_is_lacking_where_it_may_not_be() {
        let arrays = [lists(&[0, 1, 3, 3], 1), ints(&[1, 2, 0], Some(0b011))];
        assert_eq!(read::<Vec<i64>>(&arrays, 3), Ok(vec![Some(vec![1]), None, Some(vec![])]));
        assert_eq!(
            read::<Vec<Option<i64>>>(&arrays, 3),
            Ok(vec![Some(vec![Some(1)]), Some(vec![Some(2), None]), Some(vec![])])
        );
        // One level down; and nobody looks at what is at a null.
        let mut arrays = [lists(&[0, 1, 2], 1), lists(&[0, 1, 3], 2), ints(&[1, 2, 0], Some(0b011))];
        assert_eq!(read::<Vec<Vec<i64>>>(&arrays, 2), Ok(vec![Some(vec![vec![1]]), None]));
        arrays[0].validity = Some(vec![0b01]);
        assert_eq!(read::<Option<Vec<Vec<i64>>>>(&arrays, 2), Ok(vec![Some(Some(vec![vec![1]])), Some(None)]));
        arrays[0].validity = None;
        arrays[1].validity = Some(vec![0b01]);
        assert_eq!(read::<Vec<Option<Vec<i64>>>>(&arrays, 2), Ok(vec![Some(vec![Some(vec![1])]), Some(vec![None])]));
        assert_eq!(read::<Vec<Vec<i64>>>(&arrays, 2), Ok(vec![Some(vec![vec![1]]), None]));
    }

    #[test]
    fn refuses_what_breaks_the_contract() {
        for (arrays, says) in [
            ([ints(&[1], None), ints(&[], None)], WRONG_TYPE),
            ([lists(&[0, 1, 1], 1), ints(&[1], None)], "its length is not the number of rows"),
            ([lists(&[0, 2], 1), ints(&[1], None)], "its length is not the number of rows"),
            ([lists(&[1, 1], 1), ints(&[1], None)], "its offsets do not cut its data"),
            ([lists(&[0, 1], 0), ints(&[1], None)], "a part of it does not come after it"),
            ([lists(&[0, 1], 2), ints(&[1], None)], "the batch lacks a part of it"),
            ([lists(&[0, 0], 1), ints(&[], Some(0))], "its validity does not have a bit for each row"),
        ] {
            assert_eq!(read::<Vec<i64>>(&arrays, 1), Err(says), "{arrays:?}");
        }
    }
}
