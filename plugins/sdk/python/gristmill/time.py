"""Timestamps: microseconds since 1970-01-01T00:00:00Z, for years 1 to 9999, the range of Firestore's."""

import re
from datetime import datetime, timedelta, timezone
from typing import NewType

Micros = NewType("Micros", int)
"""A timestamp as microseconds since 1970-01-01T00:00:00Z: the quickest form, since nothing is converted."""

MIN_MICROS = -62_135_596_800_000_000
MAX_MICROS = 253_402_300_799_999_999
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
MICROSECOND = timedelta(microseconds=1)
EPOCH_DAY = 719_163
"""`date.toordinal()` of 1970-01-01."""

_RFC3339 = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt ]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))"
)


def utc(timestamp: Micros) -> datetime:
    """The same instant as a `datetime` in UTC."""
    return EPOCH + timedelta(microseconds=timestamp)


def micros(instant: datetime) -> Micros:
    """The same instant in microseconds. A `datetime` without a time zone is a `ValueError`: nobody knows which instant it is."""
    if instant.tzinfo is None:
        raise ValueError("a datetime without a time zone is no instant")
    return Micros((instant - EPOCH) // MICROSECOND)


def parse_rfc3339(text: str) -> Micros | None:
    """An instant such as `2024-01-01T00:00:00Z` or `2024-01-01T01:00:00.25+01:00`; `None` where it is none of the years 1 to 9999.

    What is finer than a microsecond is cut off.
    """
    found = _RFC3339.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second = map(int, found.group(1, 2, 3, 4, 5, 6))
    fraction, sign, hours, minutes = found.group(7, 8, 9, 10)
    if hour > 23 or minute > 59 or second > 59:
        return None
    offset = 0
    if sign is not None:
        if int(hours) > 23 or int(minutes) > 59:
            return None
        offset = (int(hours) * 3600 + int(minutes) * 60) * (-1 if sign == "-" else 1)
    days = _days(year, month, day)
    if days is None:
        return None
    seconds = days * 86_400 + hour * 3600 + minute * 60 + second - offset
    whole = seconds * 1_000_000 + int(((fraction or "") + "000000")[:6])
    return Micros(whole) if MIN_MICROS <= whole <= MAX_MICROS else None


def _days(year: int, month: int, day: int) -> int | None:
    """Days since 1970-01-01. Year 0, which `date` has not, is shifted by the 400 years after which the calendar repeats: an instant of year 1 may
    have it with an offset."""
    shift = 400 if year == 0 else 0
    try:
        return datetime(year + shift, month, day).toordinal() - EPOCH_DAY - (146_097 if shift else 0)
    except ValueError:
        return None
