"""Counts of what was said: by topic, by hour and weekday, by area, by group, on a grid."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from workbench.survey.rows import from_rows
from workbench.text._frames import Row, exploded, need, refuse, share
from workbench.text.lexicon import dictionary
from workbench.text.topics import SENTIMENTS

__all__ = [
    "UNKNOWN",
    "by_area",
    "by_hour",
    "demand_grid",
    "needs_by_group",
    "peak_hours",
    "topic_table",
]

UNKNOWN = "(unknown)"
"""The area of records that name none."""


def topic_table(
    data: pd.DataFrame,
    *,
    topic: str = "topic",
    sentiment: str = "sentiment",
    topic_sentiment: str | None = "topic_sentiment",
    labels: Mapping[str, Mapping[str, str]] | None = None,
    min_cell: int = 10,
    level: float = 0.95,
) -> pd.DataFrame:
    """Count texts by topic, and of each topic the share that complains and that praises.

    Parameters
    ----------
    data : DataFrame
        One row per text, with the columns of `workbench.text.classify`.
    topic, sentiment, topic_sentiment : str
        Its columns; where ``topic_sentiment`` is there, the feeling towards the topic counts and
        not that of the whole text.
    labels : mapping, optional
        Code → ``{zh, en}``; by default the names of the bundled topics.
    min_cell : int
        Smallest number of texts that is shown.
    level : float
        Confidence level of the Wilson intervals.

    Returns
    -------
    DataFrame
        Rows ``share`` (of the texts with a word in them, those that speak of the topic),
        ``negative`` and ``positive`` (of the topic's texts): ``item``, ``label_zh``, ``label_en``,
        ``statistic``, ``value``, ``ci_low``, ``ci_high``, ``n``, ``numerator``, ``denominator``,
        ``status``. Topics in fewer than ``min_cell`` texts are withheld; most frequent first.
        Texts with a word but no topic are the item ``none``.

    Notes
    -----
    A text with two topics counts for both. Who writes is not a sample of residents: the shares are
    of texts. Intervals show how much so few texts can say, as if drawn from many like them.
    """
    need(data, (topic, sentiment))
    kept = [name for name in (topic, sentiment, topic_sentiment) if name in data]
    spoken = data.loc[data[sentiment].notna(), kept].reset_index(drop=True)
    names = labels if labels is not None else dictionary().labels()
    words = exploded(spoken[topic])
    counts = words.value_counts()
    order = sorted(counts.index, key=lambda code: (-counts[code], code))
    silent = int(spoken[topic].isna().sum())
    rows: list[Row] = []
    for code in order:
        mine = spoken.loc[words.index[words.eq(code)]]
        rows += _told(code, names, mine, _towards(mine, code, sentiment, topic_sentiment),
                      len(spoken), min_cell, level)  # fmt: skip
    if silent:
        row = {"item": "none", "statistic": "share"} | share(silent, len(spoken), level=level)
        rows.append(row | {"label_zh": "未归入主题", "label_en": "no topic found"})
    return from_rows(rows).pipe(_withheld, min_cell)


def _towards(
    mine: pd.DataFrame, code: str, sentiment: str, topic_sentiment: str | None
) -> pd.Series:
    """Give the feeling of each text towards a topic."""
    if topic_sentiment is None or topic_sentiment not in mine:
        return mine[sentiment]
    told = (
        mine[topic_sentiment]
        .astype(str)
        .str.extract(rf"(?:^|;){re.escape(code)}:([a-z]+)", expand=False)
    )
    return told.fillna(mine[sentiment])


def _told(
    code: str,
    names: Mapping[str, Mapping[str, str]],
    mine: pd.DataFrame,
    towards: pd.Series,
    total: int,
    min_cell: int,
    level: float,
) -> list[Row]:
    name = names.get(code, {})
    label = {f"label_{lang}": name.get(lang, code) for lang in ("zh", "en")}
    n = len(mine)
    rows = [{"item": code, "statistic": "share"} | label | share(n, total, level=level)]
    if n < min_cell:
        return rows
    for sign in ("negative", "positive"):
        zh, en = SENTIMENTS[sign]
        row = {"item": code, "statistic": sign} | share(int(towards.eq(sign).sum()), n, level=level)
        rows.append(
            row
            | {
                "label_zh": f"{label['label_zh']}：{zh}",
                "label_en": f"{label['label_en']}: {en}",
            }
        )
    return rows


_FIGURES = "value ci_low ci_high numerator".split()


def _withheld(frame: pd.DataFrame, min_cell: int) -> pd.DataFrame:
    """Withhold shares whose texts are fewer than the minimum cell, but more than none."""
    if frame.empty:
        return frame
    few = frame["statistic"].eq("share") & frame["numerator"].between(1, min_cell - 1)
    few |= frame["statistic"].ne("share") & frame["denominator"].lt(min_cell)
    return _hide(frame, few)


def _hide(frame: pd.DataFrame, few: pd.Series) -> pd.DataFrame:
    out = frame.copy()
    for name in (name for name in _FIGURES if name in out):
        out[name] = out[name].where(~few)
    for name, word in (
        ("status", "suppressed"),
        ("flags", "disclosure"),
        ("reason_zh", "文本数少于最小单元"),
        ("reason_en", "fewer texts than the minimum cell"),
    ):
        if name not in out:
            out[name] = pd.Series(None, index=out.index, dtype=object)
        out[name] = out[name].astype(object).where(~few, word)
    return out


_DAYS = ("周一", "周二", "周三", "周四", "周五", "周六", "周日")
_DAYS_EN = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def by_hour(data: pd.DataFrame, *, time: str = "received") -> pd.DataFrame:
    """Count records by weekday and hour of the local day.

    Parameters
    ----------
    data : DataFrame
        One row per record.
    time : str
        Column of instants, aware of their zone or local; missing ones are left out.

    Returns
    -------
    DataFrame
        168 rows, Monday 0 h first: ``weekday`` (0–6), ``hour`` (0–23), ``label_zh``, ``label_en``,
        ``value`` and ``numerator`` (records), ``n`` and ``denominator`` (all records), ``share``.

    Notes
    -----
    Hours at which a desk or hotline is closed are empty whatever residents need.
    """
    table = _hours(data, time)
    n = int(table.sum())
    return from_rows(
        [
            {
                "weekday": day,
                "hour": hour,
                "label_zh": f"{_DAYS[day]}{hour}时",
                "label_en": f"{_DAYS_EN[day]} {hour}:00",
                "value": float(table[day, hour]),
                "unit": "count",
                "n": n,
                "numerator": int(table[day, hour]),
                "denominator": n,
                "share": int(table[day, hour]) / n if n else np.nan,
                "method": "records.count",
            }
            for day in range(7)
            for hour in range(24)
        ]
    )


def _hours(data: pd.DataFrame, time: str) -> np.ndarray[Any, Any]:
    """Count records by weekday and hour (7, 24)."""
    when = _times(data, time)
    cell = (24 * when.dt.day_of_week + when.dt.hour).to_numpy(dtype=int)
    return np.bincount(cell, minlength=7 * 24).reshape(7, 24)


def _times(data: pd.DataFrame, time: str) -> pd.Series:
    need(data, (time,))
    when = data[time].dropna()
    if not pd.api.types.is_datetime64_any_dtype(when):
        try:
            when = pd.to_datetime(when)
        except (TypeError, ValueError) as error:
            raise refuse(
                "time",
                f"列 {time} 不是时间",
                f"the column {time} holds no times",
                column=time,
                expected="instants",
                found=str(error).splitlines()[0][:80],
            ) from None
    return when


def peak_hours(
    data: pd.DataFrame, *, time: str = "received", hours: int = 2, level: float = 0.95
) -> pd.DataFrame:
    """Find the busiest hours of working days and of weekends, and what share falls into them.

    Parameters
    ----------
    data, time
        As for `by_hour`.
    hours : int
        Length of the window, 1–12 hours within one day.
    level : float
        Confidence level of the Wilson interval.

    Returns
    -------
    DataFrame
        Rows ``working_days`` (Monday to Friday) and ``weekend``: ``hour`` (first of the window),
        ``value`` (share of the records of those days), ``ci_low``, ``ci_high``, ``expected`` (share
        if all hours were alike), ``n``, ``numerator``, ``denominator``, ``label_zh``, ``label_en``.

    Notes
    -----
    The window was chosen because it is the busiest, so its share is too high by chance and its
    interval too kind where records are few; look again in the next period before acting on it.
    """
    if not 1 <= hours <= 12:
        raise refuse("hours", "时段应为1至12小时", "a window has 1 to 12 hours", found=str(hours))
    counts = _hours(data, time)
    rows = []
    for name, days, zh, en in (
        ("working_days", range(5), "周一至周五", "Monday to Friday"),
        ("weekend", range(5, 7), "周末", "weekend"),
    ):
        of_day = counts[list(days)].sum(axis=0)
        sums = np.convolve(of_day, np.ones(hours, dtype=int), "valid")
        first = int(sums.argmax())
        told = share(int(sums[first]), int(of_day.sum()), level=level)
        label = f"{first}:00–{first + hours}:00"
        row: Row = {"item": name, "statistic": "peak", "hour": first, "expected": hours / 24}
        rows.append(row | told | {"label_zh": f"{zh}{label}", "label_en": f"{en} {label}"})
    return from_rows(rows)


def by_area(
    data: pd.DataFrame,
    *,
    area: str,
    households: Mapping[str, float] | None = None,
    years: float = 1.0,
    min_cell: int = 10,
    level: float = 0.95,
) -> pd.DataFrame:
    """Count records by area, and per 100 households and year where the households are known.

    Parameters
    ----------
    data : DataFrame
        One row per record; without an area they stand under `UNKNOWN`.
    area : str
        Column that names the area.
    households : mapping, optional
        Area → its households.
    years : float
        Length of the period.
    min_cell : int
        Areas with fewer records than that, but more than none, are withheld, and further ones from
        which they could be worked out.
    level : float
        Confidence level.

    Returns
    -------
    DataFrame
        Per area ``item`` the rows ``share`` (Wilson) and ``rate`` (records per 100 households and
        year, exact Poisson limits), ``n`` its records; most records first. Of areas that are
        withheld no figure is left.

    References
    ----------
    Ulm (1990), Am. J. Epidemiol. 131, 373-375, for the limits of the rate.
    """
    from scipy.special import gammaincinv

    from workbench.survey import disclosure

    need(data, (area,))
    if not years > 0:
        raise refuse("years", "时间长度应大于零", "the period must be above 0", found=str(years))
    counts = data[area].astype(object).where(data[area].notna(), UNKNOWN).value_counts()
    total, rows = int(counts.sum()), []
    tail = (1 - level) / 2
    for name in sorted(counts.index, key=lambda key: (-counts[key], str(key))):
        n = int(counts[name])
        label = {"item": name, "label_zh": str(name), "label_en": str(name)}
        rows.append(label | {"statistic": "share"} | share(n, total, level=level) | {"n": n})
        exposure = float((households or {}).get(name, np.nan)) * years / 100
        if exposure > 0:
            low, high = gammaincinv(n, tail), gammaincinv(n + 1, 1 - tail)
            rows.append(
                label
                | {
                    "statistic": "rate",
                    "unit": "per_100_households_year",
                    "value": n / exposure,
                    "ci_low": low / exposure,
                    "ci_high": high / exposure,
                    "level": level,
                    "n": n,
                    "numerator": n,
                    "denominator": exposure * 100,
                    "method": "change.rate.exact",
                    "status": "ok",
                }
            )
    out = from_rows(rows)
    if out.empty:
        return out
    shown = disclosure(out[out["statistic"].eq("share")], minimum=min_cell, cells="item",
                       keys=["statistic"])  # fmt: skip
    why = shown[shown["status"].eq("suppressed")].set_index("item")
    few = out["item"].isin(why.index)
    out["n"] = out["n"].where(~few)
    out = _hide(out, few)
    for name in ("flags", "reason_zh", "reason_en"):
        out[name] = out[name].where(~few, out["item"].map(why[name]))
    return out


def needs_by_group(
    data: pd.DataFrame,
    *,
    group: str | Sequence[str],
    topic: str = "topic",
    labels: Mapping[str, Mapping[str, str]] | None = None,
    min_cell: int = 10,
    level: float = 0.95,
) -> pd.DataFrame:
    """Give, for each group of people or kind of unit, the share of its texts on each topic.

    Parameters
    ----------
    data : DataFrame
        One row per text; rows without a group or topic do not count.
    group : str or sequence of str
        Column of the groups; with several each is told by itself.
    topic : str
        Column that may hold several joined by ``;``.
    labels : mapping, optional
        As for `topic_table`.
    min_cell : int
        Cells of fewer texts are withheld, and further ones from which they could be worked out; of
        a group with fewer texts no cell is shown, and a topic on which no group has as many is left
        out.
    level : float
        Confidence level of the Wilson intervals.

    Returns
    -------
    DataFrame
        ``variable`` (column of the group), ``item`` (topic), ``category`` (group), ``label_zh``,
        ``label_en``, ``statistic`` ``share``, ``value``, ``ci_low``, ``ci_high``, ``n`` (texts of
        the group on the topic), ``denominator`` (texts of the group with a topic).
    """
    from workbench.survey import disclosure

    variables = [group] if isinstance(group, str) else list(group)
    need(data, (*variables, topic))
    names = labels if labels is not None else dictionary().labels()
    spoken = data[data[topic].notna()].reset_index(drop=True)
    words = exploded(spoken[topic])
    rows: list[Row] = []
    for variable in variables:
        who_of = spoken[variable].to_dict()
        sizes = spoken[variable].value_counts().to_dict()
        counts = Counter((code, who_of[at]) for at, code in words.items())
        told = {code for (code, who), n in counts.items() if who in sizes and n >= min_cell}
        for code in sorted(told):
            name = names.get(code, {})
            for who in sorted(sizes, key=str):
                n, size = counts[code, who], int(sizes[who])
                row: Row = {"variable": variable, "item": code, "statistic": "share"}
                row |= {"category": str(who)} | share(n, size, level=level)
                # that nobody of a few spoke of it is a small cell too
                row |= {"n": n or int(size < min_cell)}
                row |= {f"label_{lang}": f"{name.get(lang, code)} × {who}" for lang in ("zh", "en")}
                rows.append(row)
    if not rows:
        return pd.DataFrame()
    return disclosure(
        from_rows(rows),
        minimum=min_cell,
        cells="category",
        keys=["statistic", "item", "variable"],
    )


def demand_grid(
    data: pd.DataFrame,
    *,
    lat: str = "lat",
    lon: str = "lon",
    metres: float = 250.0,
    min_cell: int = 10,
    unlocated: Sequence[tuple[float, float]] = (),
) -> pd.DataFrame:
    """Count records on a grid of squares: a heat map that needs no map.

    Parameters
    ----------
    data : DataFrame
        One row per record.
    lat, lon : str
        Columns of degrees (WGS-84 or GCJ-02, all in one system).
    metres : float
        Side of a square, at least 50 m.
    min_cell : int
        Squares with fewer records are withheld: a square with one request is a home.
    unlocated : sequence of (lat, lon)
        Positions that stand for "not located" in the source.

    Returns
    -------
    DataFrame
        Squares with records, north-west first: ``row``, ``column`` (from 0), ``lat``, ``lon`` of
        the middle, ``value`` and ``n`` (records; missing where withheld), ``status``. In
        ``.attrs["left_out"]`` the records without a position.

    Notes
    -----
    Squares are cut on a plane around the middle of the records (equirectangular), good to a
    thousandth within a city.
    """
    need(data, (lat, lon))
    if not metres >= 50:
        raise refuse("metres", "方格边长至少50米", "a square has at least 50 m", found=str(metres))
    at = data[[lat, lon]].astype(float)
    known = at[lat].between(-90, 90) & at[lon].between(-180, 180)
    for where in unlocated:
        known &= ~(np.isclose(at[lat], where[0]) & np.isclose(at[lon], where[1]))
    at = at[known]
    if at.empty:
        return pd.DataFrame()
    step_lat = metres / 111_320
    step_lon = metres / (111_320 * np.cos(np.radians(at[lat].mean())))
    row = np.floor((at[lat].max() - at[lat]) / step_lat).astype(int)
    column = np.floor((at[lon] - at[lon].min()) / step_lon).astype(int)
    counts = pd.DataFrame({"row": row, "column": column}).value_counts().sort_index()
    out = counts.rename("value").reset_index()
    out["lat"] = at[lat].max() - (out["row"] + 0.5) * step_lat
    out["lon"] = at[lon].min() + (out["column"] + 0.5) * step_lon
    out["n"] = out["numerator"] = out["value"] = out["value"].astype(float)
    out = _hide(
        out.assign(unit="count", method="records.count", status="ok"), out["n"].lt(min_cell)
    )
    out["n"] = out["value"]
    out.attrs["left_out"] = int(len(data) - len(at))
    return out
