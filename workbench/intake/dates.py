"""Dates and times as people write them to ISO 8601; an order that is not sure is never guessed."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

__all__ = ["Parsed", "parse_dates", "parse_times", "readable", "swapped"]

_CLOCK = r"(?:[T\s]+(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d+)?)?\s*(Z|[+-]\d{2}:?\d{2})?)?\Z"
_YMD = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})" + _CLOCK)
_XXY = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})" + _CLOCK)
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})\Z")
_SERIAL = re.compile(r"[2-6]\d{4}(?:\.\d+)?\Z")
_FIRST, _LAST = 1900, 2200
ORDERS = ("ymd", "dmy", "mdy")


_NONE = pd.Index([], dtype="int64")


@dataclass(frozen=True)
class Parsed:
    """Parsed cells and what could not be parsed, each by row."""

    values: pd.Series
    """ISO 8601 text; missing where there was none or it could not be parsed."""
    unclear: pd.Index
    """Day and month could be either: no order is declared."""
    serial: pd.Index
    """Numbers that look like Excel's days since 1900."""
    wrong: pd.Index
    """No date of the declared form, or none at all."""
    whole: pd.Index = field(default_factory=lambda: _NONE)
    """Instants given without a time of day, taken as midnight."""
    repeated: int = 0
    """Local times that occur twice when clocks go back, taken as the first."""
    skipped: int = 0
    """Local times that no clock showed, moved to the next that one did."""

    @property
    def date_only(self) -> int:
        """Number of instants given without a time of day."""
        return len(self.whole)


def readable(declared: str) -> bool:
    """Whether a declared form is an order or a format of ``strptime``."""
    return declared in ORDERS or "%" in declared


def _plain(text: str) -> str:
    text = unicodedata.normalize("NFKC", text).strip()
    text = re.sub(r"\s*年\s*|\s*月\s*", "-", text, count=2)
    text = re.sub(r"\s*[日号]\s*", " ", text, count=1)
    if re.search("[时点]", text):  # 9时5分 is 09:05, 9时 is 09:00
        text = re.sub(r"\s*[时点]\s*整?|\s*分\s*", ":", text).replace("秒", "").rstrip(": ")
        text = re.sub(r":\s*(?=\d(?!\d))", ":0", text)
        text = text if ":" in text else text + ":00"
    return text.replace("秒", "").rstrip(": ").strip()


_HALF = re.compile(r"\s*(?:(上午|am|a\.m\.)|(下午|pm|p\.m\.))\s*", re.I)


def _hour(hour: int, half: re.Match[str] | None) -> int:
    """Give the hour of the day: 3 in the afternoon is 15, 12 in the morning is 0."""
    if half is None or hour > 12:
        return hour
    return hour % 12 + (12 if half[2] else 0)


_NEVER = np.datetime64("NaT", "s")
_AS_MOST = (
    r"^(?P<year>[0-9]{4})[-/.](?P<month>[0-9]{1,2})[-/.](?P<day>[0-9]{1,2})"
    r"(?:[T ](?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2}))?"
    r"(?P<offset>Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])?)?$"
)


def _most(words: list[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give time, offset and clock of plain year-first texts at once; ``NaT`` for all others."""
    import pyarrow as pa
    import pyarrow.compute as pc

    text = pa.array(words, pa.string())
    told = pc.extract_regex(text, _AS_MOST)

    def part(name: str) -> np.ndarray:
        digits = pc.struct_field(told, name)
        digits = pc.if_else(pc.equal(digits, ""), "0", digits)
        return np.asarray(pc.fill_null(digits, "0").cast(pa.int64()))

    year, month, day = part("year"), part("month"), part("day")
    hour, minute, second = part("hour"), part("minute"), part("second")
    first = (year - 1970).astype("datetime64[Y]") + (month - 1).astype("timedelta64[M]")
    date = first.astype("datetime64[D]") + (day - 1).astype("timedelta64[D]")
    good = (year >= _FIRST) & (year < _LAST) & (month >= 1) & (month <= 12) & (day >= 1)
    good &= date.astype("datetime64[M]") == first
    good &= (hour < 24) & (minute < 60) & (second < 60)
    clock = (hour * 3600 + minute * 60 + second).astype("timedelta64[s]")
    time = np.where(good, date.astype("datetime64[s]") + clock, _NEVER)
    has_clock = np.array(pc.fill_null(pc.match_substring(text, ":"), False))
    said = pc.fill_null(pc.struct_field(told, "offset"), "").dictionary_encode()
    ahead = [_ahead(word) for word in said.dictionary.to_pylist()]
    return time, np.array(ahead, dtype="timedelta64[s]")[said.indices.to_numpy()], has_clock


def _ahead(offset: str) -> np.timedelta64:
    """Give what ``+08:00`` is ahead of UTC; ``NaT`` where nothing is written."""
    if offset in ("", "Z"):
        return np.timedelta64(0 if offset else "NaT", "s")
    minutes = int(offset[1:3]) * 60 + int(offset[4:6])
    return np.timedelta64(minutes * (-60 if offset[0] == "-" else 60), "s")


def _one(text: str, order: str | None) -> tuple[pd.Timestamp | None, bool, str]:
    """Give one text as naive or aware time, whether it has a time of day, and what is wrong."""
    half = _HALF.search(text)
    text = _plain(_HALF.sub(" ", text))
    if match := _YMD.match(text):
        year, month, day, *clock = match.groups()
    elif match := _COMPACT.match(text):
        year, month, day = match.groups()
        clock = [None] * 4
    elif match := _XXY.match(text):
        if order not in ("dmy", "mdy"):
            return None, False, "unclear"
        first, second, year, *clock = match.groups()
        day, month = (first, second) if order == "dmy" else (second, first)
    else:
        return None, False, "serial" if _SERIAL.match(text) else "wrong"
    hour, minute, second_, offset = clock
    if half is not None and hour is None:
        return None, False, "wrong"
    try:
        time = pd.Timestamp(
            year=int(year),
            month=int(month),
            day=int(day),
            hour=_hour(int(hour or 0), half),
            minute=int(minute or 0),
            second=int(second_ or 0),
        )
        if offset:
            offset = "+00:00" if offset == "Z" else offset
            time = pd.Timestamp(time.isoformat() + offset)
    except ValueError:
        return None, False, "wrong"
    if not _FIRST <= time.year < _LAST:
        return None, False, "wrong"
    return time, hour is not None, ""


def _parse(cells: pd.Series, declared: str | None) -> tuple[pd.DataFrame, dict[str, pd.Index]]:
    """Give time, offset and clock of each present cell, and the rows of each fault.

    ``time`` is as written, ``offset`` what it is ahead of UTC, missing where none is written.
    """
    present = cells.dropna()
    if declared is not None and declared not in ORDERS:
        naive = pd.to_datetime(present, format=declared, errors="coerce")
        bad = naive.isna() | (naive.dt.year < _FIRST) | (naive.dt.year >= _LAST)
        has_clock = any(mark in declared for mark in ("%H", "%I", "%X", "%c", "%T"))
        offset = pd.Series(pd.NaT, index=present.index, dtype="timedelta64[s]")
        if getattr(naive.dtype, "tz", None) is not None:
            written = naive.dt.tz_localize(None)
            offset = (written - naive.dt.tz_convert("UTC").dt.tz_localize(None)).dt.as_unit("s")
            naive = written
        frame = pd.DataFrame({"time": naive.dt.as_unit("s"), "offset": offset, "clock": has_clock})
        return frame[~bad], {"wrong": present.index[bad]}
    codes, words = pd.factorize(present)
    names = words.tolist()
    times, offsets, clock = _most(names)
    faults = np.full(len(words), "", dtype=object)
    for n in np.flatnonzero(np.isnat(times)):
        time, clock[n], faults[n] = _one(names[n], declared)
        if time is not None:
            times[n] = time.tz_localize(None).to_datetime64()
            if time.tzinfo is not None:
                offsets[n] = time.utcoffset()
    fault = faults[codes]
    frame = pd.DataFrame(
        {"time": times[codes], "offset": offsets[codes], "clock": clock[codes]},
        index=present.index,
    )[fault == ""]
    return frame, {name: present.index[fault == name] for name in ("unclear", "serial", "wrong")}


def parse_dates(cells: pd.Series, declared: str | None) -> Parsed:
    """Give calendar dates ``YYYY-MM-DD``.

    Parameters
    ----------
    cells
        Text; missing stays missing. A time of day is dropped.
    declared
        ``ymd``, ``dmy``, ``mdy``, a ``strptime`` format, or ``None``. Year-first dates, also in
        Chinese (2026年9月3日), are read without a declaration.
    """
    frame, faults = _parse(cells, declared)
    days = np.datetime_as_string(frame["time"].to_numpy("datetime64[D]")).tolist()
    return Parsed(
        pd.Series(days, index=frame.index, dtype="str").reindex(cells.index),
        faults.get("unclear", _NONE),
        faults.get("serial", _NONE),
        faults.get("wrong", _NONE),
    )


def parse_times(
    cells: pd.Series, declared: str | None, zone: ZoneInfo, *, limits: bool = False
) -> Parsed:
    """Give instants as ISO 8601 with the offset of the study's time zone, to the second.

    Parameters
    ----------
    cells
        Text; missing stays missing.
    declared
        As in :func:`parse_dates`.
    zone
        Zone in which times without an offset are meant and all are stored.
    limits
        The times are limits: a day without a time of day runs out with its last second.
    """
    frame, faults = _parse(cells, declared)
    if limits:
        whole = ~frame["clock"].astype(bool)
        last = np.where(whole, np.timedelta64(86399, "s"), np.timedelta64(0, "s"))
        frame["time"] = frame["time"] + last
    aware = frame["offset"].notna()
    stamps = pd.Series(index=frame.index, dtype=f"datetime64[s, {zone.key}]")
    repeated = skipped = 0
    if (~aware).any():
        naive = pd.DatetimeIndex(frame.loc[~aware, "time"]).as_unit("s")
        first = naive.tz_localize(
            zone, ambiguous=np.ones(len(naive), bool), nonexistent="shift_forward"
        )
        late = naive.tz_localize(
            zone, ambiguous=np.zeros(len(naive), bool), nonexistent="shift_forward"
        )
        moved = first.tz_localize(None) != naive
        repeated, skipped = int((first != late).sum()), int(moved.sum())
        stamps.loc[~aware] = first
    if aware.any():
        world = pd.DatetimeIndex(frame.loc[aware, "time"] - frame.loc[aware, "offset"])
        stamps.loc[aware] = world.as_unit("s").tz_localize("UTC").tz_convert(zone)
    values = pd.Series(_iso(pd.DatetimeIndex(stamps)), index=frame.index, dtype="str")
    return Parsed(
        values.reindex(cells.index),
        faults.get("unclear", _NONE),
        faults.get("serial", _NONE),
        faults.get("wrong", _NONE),
        frame.index[~frame["clock"].astype(bool) & ~aware],
        repeated,
        skipped,
    )


def _iso(times: pd.DatetimeIndex) -> list[str]:
    """Give aware times as text with their offset."""
    if not len(times):
        return []
    local = times.tz_localize(None).to_numpy().astype("datetime64[s]")
    world = times.tz_convert("UTC").tz_localize(None).to_numpy().astype("datetime64[s]")
    minutes = ((local - world).astype("int64") // 60).tolist()
    text = np.datetime_as_string(local, unit="s").tolist()
    offsets = {
        m: f"{'-' if m < 0 else '+'}{abs(m) // 60:02d}:{abs(m) % 60:02d}" for m in set(minutes)
    }
    return [t + offsets[m] for t, m in zip(text, minutes, strict=True)]


_REAL = re.compile(r"\d{4}-(\d\d)-(\d\d)(?: |\Z)")
_CHANCE = 1e-3


def swapped(cells: pd.Series, order: str | None) -> pd.Index:
    """Give the rows whose day and month a spreadsheet has probably swapped.

    A spreadsheet of the other order takes ``04/10/2026`` for a date and leaves ``13/10/2026`` as
    text: then every real date has a day of 12 at most, and every text a day beyond. By chance
    that has the probability ``(12/31)^a · (19/31)^b`` for ``a`` real dates and ``b`` texts, which
    must be below 0.001.

    Parameters
    ----------
    cells
        Text; missing stays out.
    order
        The declared order of the texts; only ``dmy`` and ``mdy`` can be swapped.
    """
    none: pd.Index = pd.Index([], dtype=cells.index.dtype)
    if order not in ("dmy", "mdy"):
        return none
    words = [str(word) for word in cells.dropna().unique()]
    texts = [match for word in words if (match := _XXY.match(_plain(word)))]
    real = {word: int(match[2]) for word in words if (match := _REAL.match(word))}
    days = [int(match[1 if order == "dmy" else 2]) for match in texts]
    if not texts or not real or min(days) <= 12 or max(real.values()) > 12:
        return none
    if (12 / 31) ** len(real) * (19 / 31) ** len(texts) >= _CHANCE:
        return none
    return cells.index[cells.isin(list(real))]
