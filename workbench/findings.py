"""Findings: one row per number or statement that may reach a reader.

A notebook's cell calls :func:`record` on a tidy frame and :func:`show` on a figure; both travel in
the cell's output. :func:`extract` reads them back from the executed notebook. Reports, tables and
batches are made of nothing else.
"""

from __future__ import annotations

import base64
import html
import json
import math
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from workbench.errors import NotebookError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pandas as pd
    from matplotlib.figure import Figure

__all__ = [
    "COLUMNS",
    "MIME",
    "collecting",
    "digits",
    "extract",
    "figures",
    "interval",
    "number",
    "pictures",
    "record",
    "rows",
    "show",
    "show_pictures",
    "span",
    "to_csv",
    "to_json",
]

MIME = "application/vnd.workbench.findings+json"

COLUMNS = (
    "finding community edition kind section indicator label_zh label_en subgroup wave period "
    "channel value unit display_zh display_en std_error ci_low ci_high level n numerator "
    "denominator base target target_phase attainment points max_points p_value p_adjusted family "
    "df n_effective baseline rule decision verdict severity reach method evidence_grade status "
    "flags reason_zh reason_en notebook cell inputs"
).split()

EXTRA = (
    "interval_zh interval_en target_zh target_en base_zh base_en baseline_zh baseline_en item "
    "statistic dimension place due responsible remedy_zh remedy_en wording_zh wording_en lang date "
    "pictures"
).split()

KINDS = {"estimate", "comparison", "score", "deduction", "warning", "check", "text"}

# unit -> (factor, decimals, zh form, en form)
_UNITS: dict[str, tuple[float, int, str, str]] = {
    "share": (100, 1, "{}%", "{}%"),
    "pp": (100, 1, "{}个百分点", "{} percentage points"),
    "score": (1, 2, "{}", "{}"),
    "score_0_100": (1, 1, "{}分", "{} of 100"),
    "points": (1, 1, "{}分", "{} points"),
    "hours": (1, 1, "{}小时", "{} hours"),
    "days": (1, 1, "{}天", "{} days"),
    "minutes": (1, 1, "{}分钟", "{} minutes"),
    "change_rel": (100, 1, "{}%", "{}%"),
    "count": (1, 0, "{}", "{}"),
    "per_year": (1, 1, "每年{}次", "{} a year"),
    "per_100_households_year": (1, 1, "每百户每年{}件", "{} per 100 households and year"),
    "ratio": (1, 2, "{}", "{}"),
    "rank": (1, 0, "第{}名", "{}"),
    "percentile": (1, 0, "{}", "{}"),
    "yes_no": (1, 0, "{}", "{}"),
}
_SIGNED = {"pp", "change_rel"}


def _digits(value: float, unit: str, *, signed: bool = False) -> str:
    factor, decimals, _, _ = _UNITS.get(unit, (1, 2, "{}", "{}"))
    scaled = round(value * factor, decimals) + 0.0  # no minus zero
    return f"{scaled:{'+' if signed and scaled else ''},.{decimals}f}".replace("-", "−")


def number(value: float | None, unit: str, lang: str) -> str:
    """Print one number once and for all.

    Parameters
    ----------
    value
        The number in its unit (shares 0-1); ``None`` or NaN prints as a dash.
    unit
        A unit of the findings: ``share``, ``pp``, ``score``, ``score_0_100``, ``points``,
        ``hours``, ``days``, ``count``, ``per_year``, ``per_100_households_year``, ``ratio``,
        ``yes_no``, …;
        an unknown unit prints two decimals.
    lang
        ``zh`` or ``en``.
    """
    if value is None or math.isnan(value):
        return "—"
    if unit == "yes_no":
        return {("zh", True): "是", ("zh", False): "否"}.get(
            (lang, bool(value)), "yes" if value else "no"
        )
    _, _, zh, en = _UNITS.get(unit, (1, 2, "{}", "{}"))
    return (zh if lang == "zh" else en).format(_digits(value, unit, signed=unit in _SIGNED))


def digits(value: float | None, unit: str) -> str:
    """Print a number as :func:`number` does and leave its unit out; percent stays."""
    if value is None or math.isnan(value):
        return "—"
    return _digits(value, unit, signed=unit in _SIGNED) + ("%" if unit == "share" else "")


def span(low: float | None, high: float | None, unit: str, lang: str) -> str:
    """Print an interval as :func:`interval` does and leave its unit out; percent stays."""
    if low is None or high is None or math.isnan(low) or math.isnan(high):
        return ""
    between = "{}至{}" if lang == "zh" else "{} to {}"
    return between.format(digits(low, unit), digits(high, unit))


def interval(low: float | None, high: float | None, unit: str, lang: str) -> str:
    """Print an interval in the unit of :func:`number`; an empty string when a limit is missing."""
    body = span(low, high, unit, lang)
    if not body or unit == "share":
        return body
    _, _, zh, en = _UNITS.get(unit, (1, 2, "{}", "{}"))
    return (zh if lang == "zh" else en).format(body)


def _plain(value: Any) -> Any:
    """Turn a cell into a JSON value: numpy and pandas scalars to Python's, missing to None."""
    if value is None:
        return None
    if isinstance(value, str):
        return value or None
    if not isinstance(value, int | float) and hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float):
        return float(f"{value:.10g}") if math.isfinite(value) else None
    if isinstance(value, int):
        return value
    if isinstance(value, list | tuple | set | frozenset):
        items = sorted(value) if isinstance(value, set | frozenset) else value
        return ";".join(str(item) for item in items) or None
    if type(value).__name__ in {"NAType", "NaTType"}:
        return None
    return str(value)


def rows(frame: pd.DataFrame, *, section: str) -> list[dict[str, Any]]:
    """Turn a tidy frame into findings of one section, columns in the order of the contract.

    Columns that are no finding columns are dropped. ``finding`` and ``kind`` are required;
    ``display_*`` and ``interval_*`` are made from ``value`` and ``unit`` where they are missing.

    Raises
    ------
    NotebookError
        When an id is missing or stands twice, or a kind is unknown.
    """
    kept = [name for name in (*COLUMNS, *EXTRA) if name in frame.columns]
    made = {"section", "status"} | {
        f"{name}_{lang}"
        for name in ("display", "interval", "target", "base", "baseline")
        for lang in ("zh", "en")
    }
    names = [name for name in (*COLUMNS, *EXTRA) if name in made or name in frame.columns]
    found: list[dict[str, Any]] = []
    for values in zip(*(frame[name].tolist() for name in kept), strict=True):
        row = {name: _plain(value) for name, value in zip(kept, values, strict=True)}
        row["section"] = row.get("section") or section
        if isinstance(row.get("n"), float):
            row["n"] = round(row["n"])
        row["status"] = row.get("status") or "ok"
        unit = row.get("unit") or ""
        for lang in ("zh", "en"):
            if row.get(f"display_{lang}") is None and row["status"] in {"ok", "low_precision"}:
                row[f"display_{lang}"] = number(row.get("value"), unit, lang)
            span = interval(row.get("ci_low"), row.get("ci_high"), unit, lang)
            row.setdefault(f"interval_{lang}", span or None)
            for name in ("target", "base", "baseline"):
                if isinstance(row.get(name), int | float):
                    row.setdefault(f"{name}_{lang}", number(row[name], unit, lang))
        found.append({name: row[name] for name in names if row.get(name) is not None})
    _refuse(found, section)
    return found


def _refuse(found: list[dict[str, Any]], section: str) -> None:
    problems = []
    seen: set[tuple[Any, Any]] = set()
    for row in found:
        name = row.get("finding")
        key = (row.get("community"), name)
        if not name or key in seen:
            problems.append(
                Problem(
                    code="findings.id",
                    zh=f"“{section}”一节有结论没有编号或编号重复",
                    en=f"section {section!r} records a finding without an id, or an id twice",
                    found=str(name),
                    remedy_zh="为每一行给出唯一的 finding",
                    remedy_en="give every row an id of its own in the column `finding`",
                )
            )
        seen.add(key)
        if row.get("kind") not in KINDS:
            problems.append(
                Problem(
                    code="findings.kind",
                    zh=f"结论 {name} 的 kind 不在规定之内",
                    en=f"finding {name} has an unknown kind",
                    expected=", ".join(sorted(KINDS)),
                    found=str(row.get("kind")),
                )
            )
    if problems:
        raise NotebookError(*problems)


_collected: list[list[dict[str, Any]]] = []


@contextmanager
def collecting() -> Iterator[list[dict[str, Any]]]:
    """Collect what is recorded outside a notebook, in order, while the block runs."""
    found: list[dict[str, Any]] = []
    _collected.append(found)
    try:
        yield found
    finally:
        _collected.remove(found)


def _display(bundle: Mapping[str, Any], metadata: Mapping[str, Any] | None = None) -> None:
    module = sys.modules.get("IPython")
    if module is None or module.get_ipython() is None:
        return
    from IPython.display import display

    display(  # type: ignore[no-untyped-call]
        dict(bundle), raw=True, metadata=dict(metadata or {})
    )


_SHOWN = tuple("finding label_zh label_en display_zh interval_zh n verdict status".split())


def record(frame: pd.DataFrame, *, section: str, shown: Sequence[str] = _SHOWN) -> None:
    """Put a frame's rows on record as findings of ``section`` and show them as a table.

    An empty frame records nothing. See :func:`rows` for the columns and the errors; ``shown`` are
    the columns of the table.
    """
    found = rows(frame, section=section)
    for collector in _collected:
        collector.extend(found)
    if found:
        _display(
            {
                MIME: found,
                "text/html": _table(found, shown),
                "text/plain": f"{len(found)} findings: {section}",
            }
        )


def _table(found: Iterable[Mapping[str, Any]], head: Sequence[str]) -> str:
    lines = ["<table><thead><tr>", *(f"<th>{name}</th>" for name in head), "</tr></thead><tbody>"]
    for row in found:
        cells = (html.escape(str(row.get(name, ""))) for name in head)
        lines += ["<tr>", *(f"<td>{cell}</td>" for cell in cells), "</tr>"]
    return "".join([*lines, "</tbody></table>"])


def show(
    chart: Callable[..., Figure],
    frame: pd.DataFrame,
    *,
    id: str,
    alt_zh: str = "",
    alt_en: str = "",
) -> None:
    """Draw a chart in both languages, show it as SVG and put it on record.

    Parameters
    ----------
    chart
        A function of :mod:`workbench.charts`, or any that takes ``(frame, lang=…)`` and gives a
        matplotlib figure.
    frame
        What it draws; an empty frame shows nothing, nor does one of which nothing is known (all
        its rows withheld), so that the chart has no message.
    id
        Name of the figure, ``[a-z0-9_-]+``; the files become ``figures/<id>.<lang>.svg``.
    alt_zh, alt_en
        What the figure says, for readers who do not see it; by default its title.
    """
    from workbench.charts import message, to_svg

    if frame.empty:
        return
    drawn = {lang: chart(frame, lang=lang) for lang in ("zh", "en")}
    alt_zh, alt_en = alt_zh or message(drawn["zh"]), alt_en or message(drawn["en"])
    if not alt_zh or not alt_en:
        return
    for lang, figure in drawn.items():
        _display(
            {"image/svg+xml": to_svg(figure).decode("utf-8"), "text/plain": alt_en},
            {"workbench": {"id": id, "lang": lang, "alt_zh": alt_zh, "alt_en": alt_en}},
        )


def show_pictures(frame: pd.DataFrame, folder: Path) -> None:
    """Show the pictures that findings tell of and put them on record.

    Parameters
    ----------
    frame
        Findings with ``item`` (id of the picture), ``label_zh``, ``label_en`` (what it shows) and
        ``source``, a file in ``folder``; an empty frame shows nothing.
    folder
        Where the copies without metadata lie, JPEG of at most 60 kB each.
    """
    for one in frame.to_dict("records"):
        data = (folder / one["source"]).read_bytes()
        _display(
            {"image/jpeg": base64.b64encode(data).decode("ascii"), "text/plain": one["label_en"]},
            {
                "workbench": {
                    "finding": one["finding"],
                    "alt_zh": one["label_zh"],
                    "alt_en": one["label_en"],
                }
            },
        )


def _outputs(notebook: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for cell in notebook["cells"]:
        for output in cell.get("outputs", ()):
            if "data" in output:
                yield cell["id"], output


def extract(
    notebook: Mapping[str, Any],
    *,
    community: str,
    edition: int,
    name: str = "community",
    inputs: Mapping[str, str] | None = None,
) -> list[dict[str, Any]]:
    """Read the findings of an executed notebook, with the id of the cell each was recorded in.

    Parameters
    ----------
    notebook
        The notebook as JSON (nbformat 4), executed.
    community, edition, name
        Filled into the columns ``community``, ``edition`` and ``notebook``.
    inputs
        Digest of each table slice; the joined text is filled into ``inputs``.

    Returns
    -------
    list of dict
        Findings with the columns of the contract in their order; missing values are ``None``.

    Raises
    ------
    NotebookError
        When an id was recorded in two cells.
    """
    digests = ";".join(f"{table}:{sha}" for table, sha in sorted((inputs or {}).items()))
    found = []
    for cell, output in _outputs(notebook):
        for row in output["data"].get(MIME, ()):
            full = {**dict.fromkeys((*COLUMNS, *EXTRA)), **row}
            full |= {"community": full["community"] or community, "edition": edition}
            full |= {"notebook": name, "cell": cell, "inputs": digests or None}
            found.append(full)
    _refuse(found, name)
    return found


def figures(notebook: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Read the figures of an executed notebook: ``items.zh`` → ``svg``, ``alt_zh``, ``alt_en``."""
    found: dict[str, dict[str, str]] = {}
    for cell, output in _outputs(notebook):
        told = output.get("metadata", {}).get("workbench")
        svg = output["data"].get("image/svg+xml")
        if told and svg:
            svg = svg if isinstance(svg, str) else "".join(svg)
            found[f"{told['id']}.{told['lang']}"] = {
                "svg": svg,
                "alt_zh": told["alt_zh"],
                "alt_en": told["alt_en"],
                "cell": cell,
            }
    return found


def pictures(notebook: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Read the pictures of an executed notebook: finding → ``jpeg``, ``alt_zh``, ``alt_en``."""
    found: dict[str, dict[str, Any]] = {}
    for _, output in _outputs(notebook):
        told = output.get("metadata", {}).get("workbench")
        data = output["data"].get("image/jpeg")
        if told and data:
            data = data if isinstance(data, str) else "".join(data)
            found[told["finding"]] = {
                "jpeg": base64.b64decode(data),
                "alt_zh": told["alt_zh"],
                "alt_en": told["alt_en"],
            }
    return found


def to_json(found: Iterable[Mapping[str, Any]]) -> bytes:
    """Write findings as a JSON array, keys in the order of the contract, ``null`` for empty."""
    ordered = [{name: row.get(name) for name in (*COLUMNS, *EXTRA)} for row in found]
    encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode  # dumps makes one a row
    lines = ",\n".join(map(encode, ordered))
    return f"[\n{lines}\n]\n".encode()


_FORMULA = tuple("=+-@\t\r\n＝＋－＠")


def safe_cell(value: Any) -> Any:
    """Neutralise text that a spreadsheet would run as a formula; numbers pass as they are."""
    if isinstance(value, str) and value.lstrip(" \u00a0\u3000").startswith(_FORMULA):
        return "'" + value
    return value


def to_csv(found: Iterable[Mapping[str, Any]]) -> bytes:
    """Write findings as CSV (UTF-8, LF), formula-safe, the same columns as :func:`to_json`."""
    import csv
    import io

    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    names = (*COLUMNS, *EXTRA)
    writer.writerow(names)
    for row in found:
        writer.writerow(["" if row.get(n) is None else safe_cell(row[n]) for n in names])
    return out.getvalue().encode("utf-8")
