"""Studies of any size for the figures of intake: questionnaires of 80 columns, requests of ten."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

__all__ = ["ITEMS", "book", "dump", "questionnaires", "requests"]

ITEMS = 75
LABELS = ("非常不满意", "不太满意", "一般", "比较满意", "非常满意")
_PER_UNIT = 100
_SIGNATORY = "{name: {zh: 甲, en: A}, organisation: Centre, key: demo}"
_STUDY = f"""\
study: large
programme: programme.yaml
unit: community
scope: [resident_satisfaction]
parties: {{commissioner: Office, assessor: Centre, contract: C-1, interests: none}}
timezone: Asia/Shanghai
issued: 2026-12-20
waves:
  - {{id: w, role: current, fieldwork: [2026-10-08, 2026-11-05]}}
seed: 7
sample: {{default: probability}}
signatories: {{lead: {_SIGNATORY}, reviewer: {_SIGNATORY}, institution: {_SIGNATORY}}}
timestamps: none
sources:
  communities: {{file: data/communities.csv}}
"""
_PROGRAMME = """\
format: 1
programme: large
title: {zh: 大方案, en: A large programme}
version: "1"
valid_from: 2026-01-01
unit: community
purpose: {zh: 测试, en: To test}
sources: [{document: none, title: {zh: 无, en: none}}]
dimensions: {whole: {name: {zh: 总体, en: Overall}, source: none}}
tables: {T1: {name: {zh: 指标, en: Indicators}, source: none}}
indicators:
  resident_satisfaction:
    name: {zh: 居民满意度, en: Resident satisfaction}
    table: T1
    kind: core
    dimension: whole
    unit: percent_satisfied
    direction: up
    evidence: [survey]
    level: community
    combine: population_mean
    targets: [{op: ">=", value: 70, floor: 0, origin: assumption, source: none}]
    source: none
"""
_MEASURES = (
    "resident_satisfaction: {channel: survey, items: [q1], statistic: top2, population: adults}\n"
)


def _item(n: int) -> str:
    values = ", ".join(f"{k}: {{zh: {zh}, en: label {k}}}" for k, zh in enumerate(LABELS, 1))
    return (
        f"q{n}: {{wording: {{zh: {_title(n)}, en: Question {n}}}, kind: scale, "
        f"values: {{{values}}}, top: [4, 5], missing: {{-2: skipped}}, role: satisfaction, "
        "class: internal, purpose: assessment}\n"
    )


def _title(n: int) -> str:
    return f"您对第{n}项服务是否满意"


def _study(folder: Path, sources: str, units: int) -> None:
    (folder / "data").mkdir(parents=True)
    texts = {
        "study.yaml": _STUDY + sources,
        "programme.yaml": _PROGRAMME,
        "codebook.yaml": "".join(map(_item, range(1, ITEMS + 1))),
        "measures.yaml": _MEASURES,
        ".secret": "ab" * 32 + "\n",
        "data/communities.csv": "community,name,level,adults\n"
        + "".join(f"C-{k:05d},社区{k},community,900\n" for k in range(units)),
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")


def _text(values: np.ndarray, before: str = "", behind: str = "") -> pa.Array:
    return pc.binary_join_element_wise(before, pa.array(values).cast(pa.string()), behind, "")


def _times(first: str, seconds: np.ndarray, form: str = "%Y-%m-%d %H:%M:%S") -> pa.Array:
    times = np.datetime64(first) + seconds.astype("timedelta64[s]")
    return pc.strftime(pa.array(times.astype("datetime64[s]")), format=form)


def _among(rng: np.random.Generator, words: list[str], rows: int) -> pa.Array:
    index = pa.array(rng.integers(0, len(words), rows), pa.int16())
    return pa.DictionaryArray.from_arrays(index, pa.array(words)).cast(pa.string())


def questionnaires(folder: Path, rows: int) -> pa.Table:
    """Write a study with one export of 问卷星 by text, 80 columns; give its cells.

    A hundred answers a community come in no order, one in six is skipped.
    """
    rng = np.random.default_rng(1)
    units = max(rows // _PER_UNIT, 1)
    columns = {
        "序号": _text(np.arange(1, rows + 1)),
        "提交答卷时间": _times(
            "2026-10-08", rng.integers(0, 25 * 86_400, rows), "%Y/%m/%d %H:%M:%S"
        ),
        "所用时间": _text(rng.integers(60, 600, rows), behind="秒"),
        "来自IP": _text(rng.integers(0, 250, rows), "10.0.0.", "(江苏-南京)"),
        "小区": _among(rng, [f"C-{k:05d}" for k in range(units)], rows),
    }
    for n in range(1, ITEMS + 1):
        columns[f"{n}、{_title(n)}？"] = _among(rng, [*LABELS, "(跳过)"], rows)
    table = pa.table(columns)
    items = ", ".join(f'q{n}: "{n}、{_title(n)}？"' for n in range(1, ITEMS + 1))
    source = (
        "  responses: {file: data/a.csv, set: {wave: w, mode: online}, "
        f"columns: {{community: 小区, {items}}}}}\n"
    )
    _study(folder, source, units)
    pyarrow.csv.write_csv(table, folder / "data" / "a.csv")
    return table


def requests(folder: Path, rows: int) -> None:
    """Write a study with one hotline dump of ten columns."""
    rng = np.random.default_rng(1)
    units = max(rows // 10 // _PER_UNIT, 1)
    _study(folder, "  requests: {file: data/r.csv}\n", units)
    begun, took = rng.integers(0, 150 * 86_400, rows), rng.integers(600, 5 * 86_400, rows)
    columns = {
        "request": _text(np.arange(1, rows + 1), "R"),
        "community": _among(rng, [f"C-{k:05d}" for k in range(units)], rows),
        "kind": _among(rng, ["complaint", "need", "suggestion"], rows),
        "received": _times("2026-05-01", begun),
        "answered": _times("2026-05-01", begun + took),
        "closed": _times("2026-05-01", begun + 2 * took),
        "outcome": _among(rng, ["resolved", "partly", "unresolved"], rows),
        "satisfied": _among(rng, ["true", "false"], rows),
        "channel": _among(rng, ["12345", "app", "counter"], rows),
        "category": _text(rng.integers(0, 30, rows), "类"),
    }
    pyarrow.csv.write_csv(pa.table(columns), folder / "data" / "r.csv")


_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_REL = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_BOOK = {
    "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
    '<Default Extension="rels" '
    'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_KIND}.sheet.main+xml"/>'
    f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_KIND}.worksheet+xml"/>'
    f'<Override PartName="/xl/sharedStrings.xml" ContentType="{_KIND}.sharedStrings+xml"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="r1" '
    f'Type="{_REL}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_REL}"><sheets>'
    '<sheet name="工单" sheetId="1" r:id="r1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="r1" Type="{_REL}/worksheet" Target="worksheets/sheet1.xml"/>'
    f'<Relationship Id="r2" Type="{_REL}/sharedStrings" Target="sharedStrings.xml"/>'
    "</Relationships>",
}
_WORDS = "路灯不亮电梯停运楼道堆物垃圾未清停车占道噪音扰民水管漏水请尽快处理反映多次未解决"


def book(path: Path, table: pa.Table) -> None:
    """Write a table of texts as a workbook as Excel saves it: texts shared."""
    texts: dict[str, int] = {}
    letters = [_letter(k) for k in range(table.num_columns)]

    def lines() -> Iterator[str]:
        parts = (
            zip(*(column.to_pylist() for column in part.columns), strict=True)
            for part in table.to_batches(max_chunksize=10_000)
        )
        rows = chain([table.column_names], chain.from_iterable(parts))
        for n, row in enumerate(rows, 1):
            cells = (
                f'<c r="{letter}{n}" t="s"><v>{texts.setdefault(text, len(texts))}</v></c>'
                for letter, text in zip(letters, row, strict=True)
            )
            yield f'<row r="{n}">{"".join(cells)}</row>'

    _save(path, lines(), texts)


def dump(path: Path, rows: int) -> None:
    """Write a hotline dump as Excel saves it: 30 columns, texts shared, half of them of one row."""
    rng = np.random.default_rng(1)
    texts = {f"列{k}": k for k in range(30)}
    head = "".join(f'<c r="{_letter(k)}1" t="s"><v>{k}</v></c>' for k in range(30))
    among = [[texts.setdefault(f"类别{k}-{n}", len(texts)) for n in range(40)] for k in range(12)]
    words = np.array(list(_WORDS))
    strings: list[str] = []
    begin = len(texts)

    def lines() -> Iterator[str]:
        yield f'<row r="1">{head}</row>'
        for n in range(2, rows + 2):
            told = [f"GD{n:08d}", f"2026-05-{n % 28 + 1:02d} 10:{n % 60:02d}:00", f"138{n:08d}"]
            told += [f"{n % 40 + 1}号楼{n % 30}单元{n}室", f"王{n % 997}{n % 13}"]
            told += ["".join(words[rng.integers(0, len(words), 60)]) for _ in range(3)]
            own = range(begin + len(strings), begin + len(strings) + len(told))
            strings.extend(told)
            cells = [(v, ' t="s"') for v in own]
            cells += [(among[k][(n * (k + 3)) % 40], ' t="s"') for k in range(12)]
            cells += [(n * (k + 1) % 1000, "") for k in range(10)]
            line = "".join(
                f'<c r="{_letter(k)}{n}" s="0"{kind}><v>{v}</v></c>'
                for k, (v, kind) in enumerate(cells)
            )
            yield f'<row r="{n}">{line}</row>'

    _save(path, lines(), chain(texts, strings))


def _save(path: Path, lines: Iterable[str], texts: Iterable[str]) -> None:
    """Write one sheet; the shared texts are asked for when its lines have been."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, text in _BOOK.items():
            archive.writestr(name, text)
        with archive.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as part:
            part.write(f'<worksheet xmlns="{_MAIN}"><sheetData>'.encode())
            for line in lines:
                part.write(line.encode())
            part.write(b"</sheetData></worksheet>")
        with archive.open("xl/sharedStrings.xml", "w", force_zip64=True) as part:
            part.write(f'<sst xmlns="{_MAIN}">'.encode())
            for text in texts:
                part.write(f"<si><t>{escape(text)}</t></si>".encode())
            part.write(b"</sst>")


def _letter(k: int) -> str:
    return ("" if k < 26 else chr(64 + k // 26)) + chr(65 + k % 26)
