import unittest
from datetime import datetime, timedelta, timezone

from gristmill import Micros, micros, parse_rfc3339, utc


class Rfc3339(unittest.TestCase):
    def test_known_instants(self) -> None:
        for text, wanted in [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01t00:00:00.000001z", 1),
            ("1970-01-01 00:00:00.0000019Z", 1),
            ("1969-12-31T23:59:59.5Z", -500_000),
            ("2024-01-01T02:00:00+02:00", 1_704_067_200_000_000),
            ("2024-02-29T00:00:00-00:30", 1_709_166_600_000_000),
            ("0001-01-01T00:00:00Z", -62_135_596_800_000_000),
            ("0000-12-31T23:00:00-01:00", -62_135_596_800_000_000),
            ("9999-12-31T23:59:59.999999Z", 253_402_300_799_999_999),
            ("0000-02-29T00:00:00Z", None),
            ("9999-12-31T23:59:59-00:01", None),
        ]:
            self.assertEqual(parse_rfc3339(text), wanted, text)

    def test_what_is_none(self) -> None:
        for text in [
            "",
            "yesterday",
            "2024-01-01",
            "2024-01-01T00:00:00",
            "2024-01-01T24:00:00Z",
            "2024-01-01T00:60:00Z",
            "2024-01-01T00:00:60Z",
            "2024-01-01T00:00:00.Z",
            "2024-02-30T00:00:00Z",
            "2023-02-29T00:00:00Z",
            "2024-13-01T00:00:00Z",
            "2024-01-01T00:00:00+24:00",
            "2024-01-01T00:00:00+0100",
            "2024-01-01T00:00:00Z ",
            "2024-01-01T00:00:00Z\n",
            "٢٠٢٤-01-01T00:00:00Z",
            "1704067200000",
        ]:
            self.assertIsNone(parse_rfc3339(text), text)


class Instants(unittest.TestCase):
    def test_there_and_back(self) -> None:
        for each in [-62_135_596_800_000_000, -1, 0, 1, 253_402_300_799_999_999]:
            self.assertEqual(micros(utc(Micros(each))), each)
        east = timezone(timedelta(hours=2))
        self.assertEqual(micros(datetime(1970, 1, 1, 2, tzinfo=east)), 0)
        with self.assertRaises(ValueError):
            micros(datetime(1970, 1, 1))


if __name__ == "__main__":
    unittest.main()
