import math
import unittest
from datetime import date, datetime, timedelta, timezone
from typing import Any

from gristmill import Json, Micros, Reference, Struct
from gristmill.columns import BadValue, Writer, rows_of
from gristmill.types import type_of

from . import wit


class Point(Struct):
    x: float
    label: str | None


def there_and_back(annotation: Any, values: list[Any]) -> list[Any]:
    type = type_of(annotation, "test")
    writer = Writer(wit)
    index = writer.add(type, values)
    return list(rows_of(type, index, writer.arrays, len(values)))


def written(annotation: Any, values: list[Any]) -> wit.Array:
    writer = Writer(wit)
    writer.add(type_of(annotation, "test"), values)
    array: wit.Array = writer.arrays[0]
    return array


class Values(unittest.TestCase):
    def test_every_type_there_and_back(self) -> None:
        noon = datetime(2024, 1, 1, 12, 0, 0, 250_001, tzinfo=timezone.utc)
        for annotation, values in [
            (bool, [True, False, True]),
            (int, [0, -(2**63), 2**63 - 1]),
            (float, [0.0, -1.5, math.inf, 5e-324]),
            (Micros, [-62_135_596_800_000_000, 0, 253_402_300_799_999_999]),
            (datetime, [noon, datetime(1, 1, 1, tzinfo=timezone.utc)]),
            (date, [date(1, 1, 1), date(1969, 12, 31), date(9999, 12, 31)]),
            (str, ["", "a", "ä\0😀", "same"]),
            (bytes, [b"", b"\xff\0"]),
            (Json, ['{"a":1}', "null"]),
            (Reference, ["projects/p"]),
            (list[int], [[], [1, 2], [3]]),
            (list[list[str]], [[["a"], []], []]),
            (Point, [Point(x=1.0, label=None), Point(x=2.0, label="two")]),
            (list[Point | None], [[None, Point(x=1.0, label="")], []]),
        ]:
            with self.subTest(annotation):
                self.assertEqual(there_and_back(annotation, values), values)
                self.assertEqual(there_and_back(annotation, []), [])
                nulls = [None, *values, None]
                self.assertEqual(there_and_back(annotation | None, nulls), nulls)
                self.assertEqual(there_and_back(annotation | None, [None] * 9), [None] * 9)

    def test_many_rows(self) -> None:
        values = [None if i % 3 == 0 else i for i in range(1000)]
        self.assertEqual(there_and_back(int | None, values), values)
        texts = [None if i % 7 == 0 else "ä" * (i % 5) for i in range(1000)]
        self.assertEqual(there_and_back(str | None, texts), texts)

    def test_floats_keep_their_bits(self) -> None:
        zero, nan = there_and_back(float, [-0.0, math.nan])
        self.assertEqual(math.copysign(1, zero), -1)
        self.assertTrue(math.isnan(nan))

    def test_bits_begin_with_the_lowest(self) -> None:
        self.assertEqual(written(bool, [True] + [False] * 8 + [True]).values.value, bytes([0b1, 0b10]))
        self.assertEqual(written(int | None, [None, 1, None, 1]).validity, bytes([0b1010]))
        self.assertIsNone(written(int | None, [1, 2]).validity)

    def test_an_int_may_stand_for_a_float(self) -> None:
        values = written(float, [1, 2.5]).values.value
        self.assertEqual([type(each) for each in values], [float, float])

    def test_a_datetime_of_another_zone_is_the_same_instant(self) -> None:
        east = timezone(timedelta(hours=2))
        self.assertEqual(written(datetime, [datetime(1970, 1, 1, 2, tzinfo=east)]).values.value, [0])

    def test_values_of_another_type_are_named(self) -> None:
        for annotation, value, words in [
            (int, "7", "'7' is of type str, and the column is int"),
            (int, True, "True is of type bool, and the column is int"),
            (int, 1.0, "of type float"),
            (int, 2**63, "is not from -9223372036854775808 to 9223372036854775807"),
            (float, True, "of type bool, and the column is float or int"),
            (float, 2**53 + 1, "no float64 without rounding"),
            (float, 10**400, "no float64 without rounding"),
            (str, b"x", "of type bytes"),
            (str, "\ud800", "surrogate"),
            (bool, 1, "of type int"),
            (bytes, "x", "of type str"),
            (date, datetime(2024, 1, 1), "of type datetime, and the column is date"),
            (datetime, datetime(2024, 1, 1), "without a time zone"),
            (Micros, 253_402_300_800_000_000, "is not from"),
            (list[int], ["x"], "a part of a value: 'x' is of type str"),
            (Point, ("x", None), "of type tuple, and the column is Point"),
            (int, None, "there is no value"),
        ]:
            with self.subTest(annotation=annotation, value=value), self.assertRaises(BadValue) as bad:
                fine = {"int": 1, "float": 1.0, "str": "", "bool": True, "bytes": b""}.get(getattr(annotation, "__name__", ""))
                written(annotation, [value] if fine is None else [fine, value])
            self.assertIn(words, bad.exception.what)


class Reading(unittest.TestCase):
    def read(self, annotation: Any, array: wit.Array, rows: int) -> list[Any]:
        return list(rows_of(type_of(annotation, "test"), 0, [array], rows))

    def test_texts_that_are_all_the_same(self) -> None:
        self.assertEqual(self.read(str, wit.strings("ab", "ab", "ab"), 3), ["ab"] * 3)
        # The same bytes, cut elsewhere.
        self.assertEqual(self.read(str, wit.strings("aa", "a", "aaa"), 3), ["aa", "a", "aaa"])
        self.assertEqual(self.read(str, wit.strings("aa", "a", "aaa", "aa"), 4), ["aa", "a", "aaa", "aa"])

    def test_what_stands_at_a_null_is_not_read(self) -> None:
        array = wit.Array(wit.Values_Strings(wit.Varlen([0, 1, 3], b"\xff\xc3\xa4")), bytes([0b10]))
        self.assertEqual(self.read(str | None, array, 2), [None, "ä"])

        far = wit.Array(wit.Values_Timestamps([2**63 - 1, 0]), bytes([0b10]))
        self.assertEqual(self.read(datetime | None, far, 2), [None, datetime(1970, 1, 1, tzinfo=timezone.utc)])
        days = wit.Array(wit.Values_Dates([2**31 - 1, 0]), bytes([0b10]))
        self.assertEqual(self.read(date | None, days, 2), [None, date(1970, 1, 1)])

    def test_spare_bits_are_ignored(self) -> None:
        self.assertEqual(self.read(bool, wit.Array(wit.Values_Booleans(b"\xff")), 3), [True] * 3)
        self.assertEqual(self.read(int | None, wit.Array(wit.Values_Int64s([1, 2]), b"\xfe"), 2), [None, 2])


if __name__ == "__main__":
    unittest.main()
