"""Hold the table of all results against the findings of the units' own bags.

The overview is signed only when a batch is closed; until then it is worth what the signed reports
say, and every cell of it is looked up there.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from workbench.errors import InputError
from workbench.evidence.files import is_plain_file, read_json, read_plain, sha256_file
from workbench.evidence.result import Result, Verdict, result

__all__ = ["check_results"]

_CSV, _XLSX = "data/results.csv", "data/results.xlsx"
_PARTS = ("value", "ci_low", "ci_high", "status", "finding")
_OWN = re.compile(
    r"\A(results\.(csv|xlsx)|notebook\.ipynb|findings\.(json|csv)|figures/[\w.-]+\.svg|protocol/.+|"
    r"inputs/[a-z_]+\.(csv|json|parquet)|evidence-sha256\.txt|ro-crate-metadata\.json|report\.(zh|en)\.pdf)\Z"
)
_SVG, _FINDINGS = "image/svg+xml", "application/vnd.workbench.findings+json"
_SAID = (
    "finding label_zh label_en display_zh display_en value unit ci_low ci_high interval_zh "
    "interval_en p_value p_adjusted n status verdict reason_zh reason_en"
).split()
_NAMED = {"score.total": "score", "context.rank": "rank"}
_HEAD = {"name": ("head.unit", "display_zh"), "name_en": ("head.unit", "display_en")}
_HEAD |= {"kind": ("head.type", "display_zh")}
_LARGEST, _MEMBERS = 1 << 30, 100  # of a workbook, unpacked
_MOST = 5  # cells named one by one


def check_results(
    overview: Path, bags: Mapping[str, Path], rows: Mapping[str, Mapping[str, Any]]
) -> list[Result]:
    """Compare the overview's tables, and its notebook, with what the bags of the units say.

    Parameters
    ----------
    overview
        ``DIR/overview``, without links in it.
    bags
        Unit → its bag of the first edition.
    rows
        Unit → its last line in ``communities.jsonl``.

    Returns
    -------
    list of Result
        What differs; empty when nothing does.
    """
    if not (overview / _CSV).exists():
        return []
    try:
        text = read_plain(overview / _CSV, _LARGEST).decode("utf-8-sig")
        table = list(csv.reader(io.StringIO(text, newline=""), strict=True))
        columns = table[0]
        told = {row[0]: dict(zip(columns, row, strict=True)) for row in table[1:]}
        if columns[0] != "community" or len(told) != len(table) - 1:
            raise ValueError("a unit twice, or none")
    except (OSError, ValueError, LookupError, csv.Error) as error:
        return [_changed(_CSV, f"无法读取（{error}）", f"cannot be read ({error})")]
    found = [_lacking(unit) for unit in sorted(set(bags) - set(told))]
    labels: dict[str, set[tuple[str, ...]]] = {}
    notebooks: set[str] = set()
    for unit, bag in sorted(bags.items()):
        try:
            findings = {str(r["finding"]): r for r in read_json(bag / "data" / "findings.json")}
        except (InputError, LookupError, TypeError):
            continue  # said already where the bag is checked, or not delivered
        if unit in told:
            found += _unit(unit, told[unit], findings, rows.get(unit, {}))
        for name, row in findings.items():
            slug = _slug(name)
            labels.setdefault(slug, set()).add(_text(row, "label_zh", "label_en", "unit"))
            if name == "context.batch_notebook":
                notebooks.add(str(row.get("display_en")))
    found += _own_files(overview)
    notebook = overview / "data" / "notebook.ipynb"
    if notebooks and notebook.exists() and sha256_file(notebook) not in notebooks:
        found.append(
            _changed(
                "data/notebook.ipynb",
                "不是各单位报告所依据的汇总笔记本",
                "not the notebook of the batch that the reports of the units name",
            )
        )
    return found[:_MOST] or list(_workbook(overview / _XLSX, table, labels))


def _own_files(overview: Path) -> Iterator[Result]:
    """Find files that the overview has no use for, and copies that are not as in its notebook."""
    data = overview / "data"
    for path in sorted(p for p in data.rglob("*") if p.is_file()):
        name = path.relative_to(data).as_posix()
        if not _OWN.match(name):
            yield _changed(f"data/{name}", "总览中没有这种文件", "no file that an overview has")
    try:
        cells = read_json(data / "notebook.ipynb")["cells"]
        shown = [out["data"] for cell in cells for out in cell.get("outputs", ()) if "data" in out]
        drawn = {"".join(one[_SVG]) for one in shown if _SVG in one}
        told = [row for one in shown for row in _rows(one)]
        listed = read_json(data / "findings.json") if (data / "findings.json").exists() else told
        same = sorted(map(_said, told)) == sorted(map(_said, listed))
    except (InputError, LookupError, TypeError, AttributeError):
        return  # a batch without a notebook of its own
    if not same:
        yield _changed("data/findings.json", "与汇总笔记本不同", "not as in the batch notebook")
    for path in sorted(data.glob("figures/*.svg")):
        if read_plain(path).decode("utf-8", "replace") not in drawn:
            name = f"data/figures/{path.name}"
            yield _changed(name, "与汇总笔记本不同", "not as in the batch notebook")


def _rows(shown: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    rows = shown.get(_FINDINGS, [])
    return rows if isinstance(rows, list) else []


def _said(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what a finding says; where it says of no unit, of all."""
    return (str(row.get("community") or "*"), *_text(row, *_SAID))


def _slug(name: str) -> str:
    own = name.startswith("indicator.")
    return name.removeprefix("indicator.") if own else _NAMED.get(name, "")


def _text(row: Mapping[str, Any], *names: str) -> tuple[str, ...]:
    return tuple("" if row.get(n) is None else str(row.get(n)) for n in names)


def _unit(
    unit: str,
    row: Mapping[str, str],
    findings: Mapping[str, Mapping[str, Any]],
    line: Mapping[str, Any],
) -> Iterator[Result]:
    wanted = dict.fromkeys(set(row) - {"community"}, "")
    for name, (head, part) in _HEAD.items():
        (wanted[name],) = _text(findings.get(head, {}), part)
    wanted["state"], wanted["outcome"] = _text(line, "state", "outcome")
    for name, finding in findings.items():
        if slug := _slug(name):
            parts = (slug, *(f"{slug}_{part}" for part in _PARTS[1:]))
            wanted |= dict(zip(parts, _text(finding, *_PARTS), strict=True))
    for column in sorted(set(row) - {"community"} | set(wanted)):
        cell = row.get(column, "")
        # a cell that a spreadsheet would run bears an apostrophe
        if cell not in (wanted[column], "'" + wanted[column]):
            yield _changed(
                _CSV,
                f"{unit} 的 {column} 为 {cell or '-'}，其报告的结论为 {wanted[column] or '-'}",
                f"{column} of {unit} says {cell or '-'}, the findings of its report "
                f"{wanted[column] or '-'}",
            )


def _workbook(
    file: Path, table: list[list[str]], labels: Mapping[str, set[tuple[str, ...]]]
) -> Iterator[Result]:
    """Compare the workbook with the table; it is opened only when it cannot be a bomb."""
    if not file.exists():
        return
    try:
        from openpyxl import load_workbook

        if not is_plain_file(file):
            raise ValueError("no regular file")
        with zipfile.ZipFile(file) as packed:
            members = packed.infolist()
        if len(members) > _MEMBERS or sum(one.file_size for one in members) > _LARGEST:
            raise ValueError("too large when unpacked")
        book = load_workbook(file, read_only=True)
        try:
            if book.sheetnames != ["results", "columns"]:
                raise ValueError(", ".join(book.sheetnames))
            shown = book["results"].iter_rows(values_only=True)
            same = _same(shown, table)
            columns = list(book["columns"].iter_rows(min_row=2, values_only=True))
        finally:
            book.close()
        for slug, *told in columns:
            words = ["" if one is None else str(one) for one in (*told, None, None, None)]
            same = same and tuple(words[:3]) in labels.get(str(slug), set()) and not any(words[3:])
    except Exception as error:  # a crafted workbook can break a parser anywhere
        yield _changed(_XLSX, f"无法读取（{error}）", f"cannot be read ({error})"[:300])
        return
    if not same:
        yield _changed(_XLSX, "与 results.csv 不同", "not the same as results.csv")


def _same(shown: Iterator[tuple[Any, ...]], table: list[list[str]]) -> bool:
    for row in table:
        cells = next(shown, None)
        if cells is None or len(cells) > len(row):
            return False
        cells += (None,) * (len(row) - len(cells))  # empty cells at the end are left out
        for value, text in zip(cells, row, strict=True):
            if isinstance(value, int | float) and not isinstance(value, bool):
                try:
                    equal = float(value) == float(text)
                except ValueError:
                    equal = False
            else:
                plain = "" if value is None else str(value)
                equal = text in (plain, "'" + plain)
            if not equal:
                return False
    return next(shown, None) is None


def _lacking(unit: str) -> Result:
    return _changed(_CSV, f"缺少单位 {unit}", f"the unit {unit} is missing")


def _changed(where: str, zh: str, en: str) -> Result:
    return result("overview.differs", Verdict.CHANGED, where, zh, en)
