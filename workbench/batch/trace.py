"""From any number of a report to the cell that recorded it, its method, and the rows it is made of.

What ``notebooks/audit.ipynb`` calls: a bag in, small tables out. Nothing is executed here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from workbench.batch import known
from workbench.errors import InputError, Problem
from workbench.evidence.files import read_json, sha256_file
from workbench.evidence.keys import home_folder
from workbench.evidence.verify import verify

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Bag", "cells", "chain", "numbers", "open_bag", "path", "rows", "table"]

# section of a finding → tables it is made of, where no indicator says so
_TABLES = {
    "response": ("dispositions", "responses"),
    "weights": ("responses", "margins"),
    "satisfaction": ("responses",),
    "subgroups": ("responses",),
    "change": ("responses",),
    "requests": ("requests",),
    "inspections": ("inspections",),
    "decisions": ("corrections", "judgements"),
}
_CHANNELS = {"survey": "responses", "inspection": "inspections", "fact": "facts"}


@dataclass(frozen=True)
class Bag:
    """A bag as an auditor walks through it: its folder, findings, notebook and settings."""

    folder: Path
    findings: tuple[Mapping[str, Any], ...]
    notebook: Mapping[str, Any]
    settings: Mapping[str, Any]

    def finding(self, name: str) -> Mapping[str, Any]:
        """Give one finding.

        Raises
        ------
        InputError
            ``trace.finding`` when there is none of this id.
        """
        for row in self.findings:
            if row["finding"] == name:
                return row
        from workbench.study import nearest_remedy

        zh, en = nearest_remedy(name, [str(row["finding"]) for row in self.findings])
        raise InputError(
            Problem(
                code="trace.finding",
                file="data/findings.json",
                zh="没有这个编号的结论",
                en="there is no finding of this id",
                found=name,
                remedy_zh=zh,
                remedy_en=en,
            )
        )


def open_bag(folder: str | Path) -> Bag:
    """Read a bag's findings, notebook and settings.

    Raises
    ------
    InputError
        ``evidence.json`` when one of them is not there or not readable.
    """
    data = Path(folder) / "data"
    return Bag(
        folder=Path(folder),
        findings=tuple(read_json(data / "findings.json")),
        notebook=read_json(data / "notebook.ipynb"),
        settings=read_json(data / "inputs" / "study.json"),
    )


def chain(bag: Bag, *, trust: str = "") -> pd.DataFrame:
    """Give what ``workbench verify`` says of the bag, one row per answer.

    Parameters
    ----------
    bag
        The bag.
    trust
        Root certificates to believe; empty means those in ``WORKBENCH_HOME/trust``.

    Returns
    -------
    DataFrame
        ``verdict``, ``where``, ``zh``, ``en``.
    """
    import pandas as pd

    told = verify(
        bag.folder,
        trust=Path(trust) if trust else None,
        home=home_folder(os.environ),
        now=datetime.now(UTC),
    )
    found = [
        {"verdict": one.verdict.value, "where": one.where, "zh": one.zh, "en": one.en}
        for item in told.items
        for one in item.results
    ]
    return pd.DataFrame(found, columns=["verdict", "where", "zh", "en"])


def cells(bag: Bag) -> pd.DataFrame:
    """Give the code cells in order: ``cell``, ``source``, ``findings``, ``known`` word for word."""
    import pandas as pd

    _, strange = known.foreign(bag.notebook, "community")
    recorded = [row.get("cell") for row in bag.findings if row.get("notebook") != "batch"]
    return pd.DataFrame(
        [
            {
                "cell": cell["id"],
                "source": "".join(cell["source"]),
                "findings": recorded.count(cell["id"]),
                "known": cell["id"] not in strange,
            }
            for cell in known.code_cells(bag.notebook)
        ]
    )


def numbers(bag: Bag) -> pd.DataFrame:
    """Give every finding with a value: ``finding``, ``label_zh``, ``label_en``, ``display_zh``."""
    import pandas as pd

    kept = [row for row in bag.findings if row.get("value") is not None]
    names = ["finding", "label_zh", "label_en", "display_zh", "n", "cell"]
    return pd.DataFrame([{name: row.get(name) for name in names} for row in kept], columns=names)


def path(bag: Bag, finding: str) -> pd.DataFrame:
    """Give the steps from a number to its rows: ``step_zh``, ``step_en``, ``what``."""
    import pandas as pd

    row = bag.finding(finding)
    method = _methods().get(str(row.get("method")), {})
    cell = next((c for c in bag.notebook["cells"] if c["id"] == row.get("cell")), None)
    steps = [
        ("报告所印", "printed", f"{row.get('display_zh')} / {row.get('display_en')}"),
        ("数值", "value", row.get("value")),
        ("区间", "interval", row.get("interval_zh")),
        ("笔记本", "notebook", row.get("notebook")),
        ("单元格", "cell", row.get("cell")),
        ("代码", "code", "".join(cell["source"]) if cell else None),
        ("方法", "method", row.get("method")),
        ("方法名称", "name of the method", _name(method)),
        ("公式", "formula", method.get("formula")),
        ("出处", "citation", method.get("citation")),
    ]
    listed = _evidence(bag)
    for table in _tables(bag, row):
        name = f"inputs/{table}.csv"
        file = bag.folder / "data" / name
        here = sha256_file(file) if file.is_file() else None
        agree = here is not None and here == listed.get(name)
        steps.append((f"{table} 的摘要", f"digest of {table}", here))
        steps.append(
            (f"{table} 与证据清单", f"{table} and the list", "一致 / same" if agree else "≠")
        )
    told = [{"step_zh": zh, "step_en": en, "what": what} for zh, en, what in steps]
    return pd.DataFrame([one for one in told if one["what"] is not None])


def rows(bag: Bag, finding: str, *, first: int = 5) -> dict[str, pd.DataFrame]:
    """Give the table slices that a number is made of, their first rows each.

    Columns are those of the items and the wave where an indicator or item names them.
    """
    import pandas as pd

    row = bag.finding(finding)
    wanted = _items(bag, row)
    found = {}
    for table in _tables(bag, row):
        file = bag.folder / "data" / "inputs" / f"{table}.csv"
        if not file.is_file():
            continue
        frame = pd.read_csv(file, dtype=str, keep_default_na=False, na_values=[""])
        if "wave" in frame and row.get("wave"):
            frame = frame[frame["wave"].eq(row["wave"])]
        if "item" in frame and wanted:
            frame = frame[frame["item"].isin(wanted)]
        keys = [c for c in ("respondent", "wave", "psu", "base_weight", *wanted) if c in frame]
        found[table] = frame[keys].head(first) if set(wanted) & set(frame) else frame.head(first)
    return found


def table(frame: pd.DataFrame) -> Any:
    """Give a frame as a table with every text whole: digests and formulas are there to be read."""
    import pandas as pd
    from IPython.display import HTML

    with pd.option_context("display.max_colwidth", None):
        text = frame.to_html(index=False, justify="left", na_rep="", max_rows=None)
    return HTML(text)  # type: ignore[no-untyped-call]


def _items(bag: Bag, row: Mapping[str, Any]) -> list[str]:
    entry = bag.settings["measures"].get(row.get("indicator"), {})
    return [*entry.get("items", ())] or ([str(row["item"])] if row.get("item") else [])


def _tables(bag: Bag, row: Mapping[str, Any]) -> tuple[str, ...]:
    entry = bag.settings["measures"].get(row.get("indicator"))
    if entry is not None:
        table = _CHANNELS.get(str(entry["channel"]))
        return (table or ("requests" if entry.get("requests") else "measurements"),)
    every = tuple(sorted(p.stem for p in (bag.folder / "data" / "inputs").glob("*.csv")))
    wanted = _TABLES.get(str(row.get("section")), every)
    return tuple(table for table in wanted if table in every)


def _evidence(bag: Bag) -> dict[str, str]:
    from workbench.evidence.bag import EVIDENCE_LIST, read_list

    return read_list((bag.folder / "data" / EVIDENCE_LIST).read_bytes())


def _methods() -> dict[str, Any]:
    """Every method of the package: name, formula, citation, by its key."""
    home = Path(__file__).resolve().parents[1]
    found: dict[str, Any] = {}
    for file in sorted(home.rglob("methods.yaml")):
        found |= yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    return found


def _name(method: Mapping[str, Any]) -> str | None:
    return f"{method.get('zh')} / {method.get('en')}" if method else None
