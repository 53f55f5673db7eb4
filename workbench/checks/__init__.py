"""Can the data be trusted: suites run on the unit's slice, and what a failure takes with it.

:func:`run` gives one finding per expectation; :func:`clear` removes what critical failures reach.
A waiver among the judgements keeps what a check would remove; it is printed, and suites are never
edited for one community. An expectation's ``meta.reach`` is one of

- ``row``: the failing rows go;
- ``time``: the time asked about is blanked in the failing rows. The row stays and counts; its
  column ``set_aside`` is true, and whoever computes durations or shares in time leaves such rows
  out, or they would look like open cases. ``requests`` always has the column after :func:`clear`;
- ``indicator``: the indicators that the table feeds are not computed;
- ``table``: the same, and the table is emptied;
- ``community``: the whole unit is withheld (:class:`~workbench.errors.Withheld`).
"""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

from workbench import judgements
from workbench.errors import Problem, Withheld

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from workbench.checks.expectations import Result
    from workbench.community import Community

__all__ = ["clear", "run"]


def _suites(c: Community) -> Iterator[tuple[str, dict[str, Any]]]:
    """Suites of the unit: those sealed with its slice, bundled ones first, then the study's own."""
    for file in sorted((c.folder / "protocol" / "expectations").glob("*.json")):
        suite = json.loads(file.read_text(encoding="utf-8"))
        yield suite["meta"]["table"], suite


def _results(c: Community) -> Iterator[Result]:
    from workbench.checks.derive import DERIVE
    from workbench.checks.expectations import validate

    rules = set(c.protocol.rules)
    parameters = {"waves": [wave["id"] for wave in c.settings["waves"]]}
    for table, suite in _suites(c):
        frame = c.tables.get(table)
        if frame is None or frame.empty:
            continue
        frame = frame.reset_index(drop=True)
        if table in DERIVE:
            frame = DERIVE[table](frame, c)
        frame = _supplied(table, frame)
        asked = [e for e in suite["expectations"] if e["meta"].get("rule", None) in {None, *rules}]
        yield from validate(frame, {"name": table, "expectations": asked}, parameters)


# columns that are asked about even when wholly empty, beside those that a table must have
_NEVER_ABSENT = {
    "communities": {"own_households"},
    "inspections": {"mark"},
    "measurements": {"figure"},
}


def _supplied(table: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Drop wholly empty columns, as not supplied, but never one that the table must have."""
    from workbench.intake.tables import TABLES

    kept = _NEVER_ABSENT.get(table, set())
    if table in TABLES:
        kept = kept | {column.name for column in TABLES[table].columns if column.required}
    empty = [name for name, none in frame.isna().all().items() if none and name not in kept]
    return frame.drop(columns=empty)


def _reached(c: Community, result: Result) -> str:
    """Slugs that a failure of reach ``indicator`` or ``table`` takes away, joined by ``;``."""
    if result.severity != "critical" or result.reach not in {"indicator", "table"}:
        return ""
    return ";".join(c.indicators_fed_by(result.table, result.id))


def run(c: Community) -> pd.DataFrame:
    """Hold every table of the unit's slice against its suite.

    Returns
    -------
    DataFrame
        One finding per expectation: ``finding`` (``check.<id>``), ``verdict`` passed or failed,
        ``severity``, ``reach``, ``n`` rows looked at, ``numerator`` failing rows, ``indicator``
        (slugs reached), ``decision`` (id of the waiver that names it); not supplied columns give
        ``status`` ``not_computed``. The failing rows' positions travel in ``frame.attrs["rows"]``
        and are not recorded.
    """
    import pandas as pd

    waivers = c.waivers()
    found, failing = [], {}
    for result in _results(c):
        failed = result.passed is False
        waiver = waivers.get(result.id, "") if failed else ""
        if failed:
            failing[f"check.{result.id}"] = (result.table, result.rows, result.column)
        absent = result.passed is None
        found.append(
            {
                "finding": f"check.{result.id}",
                "kind": "check",
                "label_zh": result.zh,
                "label_en": result.en,
                "verdict": None if absent else ("failed" if failed else "passed"),
                "severity": result.severity,
                "reach": result.reach,
                "n": result.n,
                "numerator": len(result.rows) if failed and result.rows else None,
                "value": result.observed if failed and not result.rows else None,
                "unit": "ratio",
                "indicator": _reached(c, result) if failed else "",
                "decision": waiver,
                "status": "not_computed" if absent else "ok",
                "display_zh": _said(result, "zh", waived=bool(waiver)),
                "display_en": _said(result, "en", waived=bool(waiver)),
                "reason_zh": "未提供该列" if absent else None,
                "reason_en": "the column was not supplied" if absent else None,
                "method": "checks.great_expectations",
            }
        )
    frame = pd.DataFrame(found)
    frame.attrs["rows"] = failing
    return frame


def _said(result: Result, lang: str, *, waived: bool) -> str:
    zh = lang == "zh"
    if result.passed is None:
        return "未检查" if zh else "not checked"
    if result.passed:
        return "通过" if zh else "passed"
    tail = ("，已豁免" if zh else ", waived") if waived else ""
    if result.rows:
        rows = len(result.rows)
        return (f"未通过：{rows}行" if zh else f"failed: {rows} rows") + tail
    return ("未通过" if zh else "failed") + tail


def clear(c: Community, checks: pd.DataFrame) -> Community:
    """Take away what critical failures reach and give back what may be analysed.

    Parameters
    ----------
    c
        The unit.
    checks
        The frame of :func:`run`.

    Returns
    -------
    Community
        Without failing rows and times, without tables and indicators that a critical check
        reaches, without what the judgements strike out; each indicator taken away carries its
        reason. Where no questionnaire of the current wave is left, the indicators of the survey
        are taken away too.

    Raises
    ------
    Withheld
        When a critical check that no waiver names reaches the whole unit.
    """
    failing = checks.attrs["rows"]
    failed = checks["verdict"].eq("failed") & checks["severity"].eq("critical")
    bad = checks[failed & checks["decision"].eq("")]
    stops = bad[bad["reach"].eq("community")]
    if len(stops):
        raise Withheld(
            *(
                Problem(
                    code=row["finding"],
                    zh=row["label_zh"],
                    en=row["label_en"],
                    community=c.community,
                )
                for row in stops.to_dict("records")
            )
        )
    tables = dict(c.tables)
    excluded = dict(c.excluded)
    drop: dict[str, set[int]] = {}
    for row in bad.to_dict("records"):
        table, rows, column = failing[row["finding"]]
        if row["reach"] == "row":
            drop.setdefault(table, set()).update(rows)
            continue
        if row["reach"] == "time":
            tables[table] = _set_aside(tables[table], rows, column)
            continue
        if row["reach"] == "table":
            tables[table] = tables[table].iloc[:0]
        for slug in filter(None, str(row["indicator"]).split(";")):
            excluded[slug] = (row["finding"], row["label_zh"], row["label_en"])
    for table, rows in drop.items():
        frame = tables[table].reset_index(drop=True)
        tables[table] = frame.drop(index=[i for i in rows if i < len(frame)])
    if "requests" in tables:
        tables["requests"] = _set_aside(tables["requests"], (), "")
    undecided = tables
    tables = judgements.apply(tables, c.tables.get("judgements"))
    answers = tables.get("responses")
    if answers is not None and not answers["wave"].eq(c.wave).any():
        for slug in c.indicators_fed_by("responses", "responses.current"):
            excluded.setdefault(slug, ("check.responses.current", *_NONE_LEFT))
    return dataclasses.replace(c, tables=tables, excluded=excluded, undecided=undecided)


_NONE_LEFT = (
    "检查后本期没有剩下一份有效问卷",
    "no questionnaire of this wave is left after the checks",
)


def _set_aside(frame: pd.DataFrame, rows: tuple[int, ...], column: str) -> pd.DataFrame:
    """Blank ``column`` in the rows at these positions and mark them in ``set_aside``."""
    import numpy as np
    import pandas as pd

    at = np.isin(np.arange(len(frame)), rows)
    before = frame["set_aside"] if "set_aside" in frame else pd.Series(False, index=frame.index)
    out = frame.assign(set_aside=before.to_numpy(dtype=bool) | at)
    if at.any():
        out[column] = out[column].mask(at)
    return out
