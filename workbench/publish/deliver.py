"""``workbench deliver``: what each recipient of a batch may have, and nothing else.

``public``: the table of results, result sheets and site of the notice, the signed reports and their
proof. ``client``: every bag, but no
rows of persons, cases, visits or requests and no notebook whose outputs show any; their digests
stay, and ``verify`` says "inputs not delivered". ``auditor``: every bag whole. Nobody gets
``private/``. Every file is searched for marks of persons first; one is found, nothing is written.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from workbench import findings
from workbench.checks.privacy import KINDS, Mark, marks_in_file
from workbench.errors import InputError, Problem
from workbench.evidence import bag as bags
from workbench.evidence.files import is_plain_file, replace_directory, staging_directory

__all__ = ["PROFILES", "Delivered", "deliver", "rows_not_delivered"]

Profile = Literal["public", "client", "auditor"]
PROFILES: tuple[Profile, ...] = ("public", "client", "auditor")
_BATCH = ("batch.json", "communities.jsonl", "ledger", "notice", "trust")
_PUBLIC = ("ledger", "notice/sheets", "notice/site", "trust")


@dataclass(frozen=True)
class Delivered:
    """What came of it: the files written, or the marks of persons for which nothing was written."""

    files: int = 0
    units: int = 0
    marks: tuple[Mark, ...] = ()

    def text(self, lang: str) -> str:
        """Return lines for a reader of ``lang`` (``zh`` or ``en``)."""
        zh = lang == "zh"
        if not self.marks:
            return (
                f"{self.units} 个单位，{self.files} 个文件"
                if zh
                else (f"{self.units} units, {self.files} files")
            )
        lines = [
            "含有个人信息，未写出任何文件：" if zh else "marks of persons; nothing was written:"
        ]
        for one in self.marks[:50]:
            lines.append(f"  {one.where}  {KINDS[one.kind][0 if zh else 1]}  {one.shown}")
        if len(self.marks) > 50:
            lines.append(f"  … {len(self.marks) - 50}")
        tail = "在 corrections.csv 中更正后重新运行" if zh else "put it right in corrections.csv"
        return "\n".join([*lines, f"  → {tail}"])


def deliver(out: Path, profile: Profile, to: Path) -> Delivered:
    """Write a batch as ``profile`` may have it to the folder ``to``.

    Parameters
    ----------
    out
        The batch folder.
    profile
        ``public``, ``client`` or ``auditor``.
    to
        A folder that is not there yet; it appears whole or not at all.

    Raises
    ------
    InputError
        ``deliver.batch``: no batch there; ``deliver.to``: the folder exists or lies in the batch;
        ``deliver.link``: something in the batch is a link; ``deliver.none``: nothing is signed.
    """
    out, to = out.resolve(), to.resolve()
    if not (out / "batch.json").is_file() or not (out / "communities").is_dir():
        raise _refused("deliver.batch", "这里没有批次", "there is no batch here", out.name)
    if to.exists() or to.is_relative_to(out):
        said = ("该文件夹已存在，或在批次之内", "the folder exists, or lies in the batch")
        raise _refused("deliver.to", *said, to.name)
    ready = list(_signed(out)) if profile == "public" else [p.name for p in _bags(out)]
    if not ready:
        raise _refused(
            "deliver.none", "没有可以交付的报告", "no report is ready for this", out.name
        )
    to.parent.mkdir(parents=True, exist_ok=True)
    staged = staging_directory(to)
    try:
        if profile == "public":
            _public(out, ready, staged)
        else:
            _whole(out, ready, staged, rows=profile == "auditor")
        files = sorted(p for p in staged.rglob("*") if p.is_file())
        found = [m for p in files for m in marks_in_file(p, p.relative_to(staged).as_posix())]
        if found:
            return Delivered(marks=tuple(found))
        replace_directory(to)
        return Delivered(files=len(files), units=len(ready))
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _refused(code: str, zh: str, en: str, name: str) -> InputError:
    remedies = {
        "deliver.batch": ("给出批次文件夹", "give the folder of a batch"),
        "deliver.to": ("给出一个新文件夹", "give a new folder"),
        "deliver.none": ("先完成签名", "sign the reports first"),
        "deliver.link": ("换成文件本身", "put the file itself there"),
    }
    zh_, en_ = remedies[code]
    return InputError(Problem(code=code, zh=zh, en=en, file=name, remedy_zh=zh_, remedy_en=en_))


def _bags(out: Path) -> list[Path]:
    return sorted(p for p in (out / "communities").glob("[!.]*") if p.is_dir())


def _signed(out: Path) -> Iterator[str]:
    for bag in _bags(out):
        if bags.bag_info(bag).get("Workbench-State") == "signed":
            yield bag.name


def _copy(source: Path, target: Path) -> None:
    """Copy a file or folder; a link is refused, for nobody knows what it leads to."""
    every = [source, *source.rglob("*")] if source.is_dir() else [source]
    for path in every:
        if path.is_symlink() or not (path.is_dir() or is_plain_file(path)):
            said = ("是链接或特殊文件", "is a link or a special file")
            raise _refused("deliver.link", *said, path.name)
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns(".*"))
    else:
        shutil.copy2(source, target)


def _overviews(out: Path) -> list[Path]:
    """Give the overviews, the newest last: each amendment adds one."""
    found = [p for p in out.glob("overview*") if p.is_dir() and bags.OVERVIEW.match(p.name)]
    return sorted(found, key=lambda p: (len(p.name), p.name))


def _public(out: Path, units: list[str], to: Path) -> None:
    told = _overviews(out)
    drafts = len(list(_signed(out))) < len(_bags(out))
    newest = told[-2:-1] if drafts and len(told) > 1 else told[-1:]  # of signed reports alone
    for name in ("results.csv", "results.xlsx"):
        for overview in newest:
            if (overview / "data" / name).is_file():
                _copy(overview / "data" / name, to / name)
    for overview in newest:  # signed when the batch was closed
        for file in sorted((overview / "data").glob("report.*.pdf")):
            _copy(file, to / file.name.replace("report", "overview"))
    for name in _PUBLIC:
        if (out / name).is_dir():
            _copy(out / name, to / name)
    for unit in units:
        bag, there = out / "communities" / unit, to / "reports" / unit
        for file in sorted((bag / "data").glob("report.*")):
            _copy(file, there / file.name)
        if (bag / "attest").is_dir():
            _copy(bag / "attest", there / "attest")


def _whole(out: Path, units: list[str], to: Path, *, rows: bool) -> None:
    for name in _BATCH:
        if (out / name).exists():
            _copy(out / name, to / name)
    for overview in _overviews(out):
        _copy(overview, to / overview.name)
    for unit in units:
        bag = to / "communities" / unit
        _copy(out / "communities" / unit, bag)
        if not rows:
            rows_not_delivered(bag)


def rows_not_delivered(bag: Path) -> list[str]:
    """Take the rows out of a copy of a bag, and the notebook if its outputs show any.

    What is not there any more is named in ``not-delivered.txt`` beside the manifests; manifests,
    evidence list and statement stay as they were signed.

    Returns
    -------
    list of str
        Paths in the bag that were taken out.
    """
    gone = [f"data/inputs/{p.name}" for p in sorted((bag / "data" / "inputs").glob("*.csv"))]
    notebook = bag / "data" / "notebook.ipynb"
    if notebook.is_file() and _shows_rows(json.loads(notebook.read_bytes())):
        gone.append("data/notebook.ipynb")
    for name in gone:
        (bag / name).unlink()
    (bag / bags.NOT_DELIVERED).write_text("".join(f"{n}\n" for n in gone), encoding="utf-8")
    return gone


def _shows_rows(notebook: Any) -> bool:
    """Say whether a cell shows anything but findings, figures and errors.

    A data frame, a print or an image may hold rows; what ``record`` and ``show`` put there cannot.
    """
    for cell in notebook["cells"]:
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            figure = output.get("metadata", {}).get("workbench")
            told = findings.MIME in data or (
                figure and ("image/svg+xml" in data or "image/jpeg" in data)
            )
            if not told and output["output_type"] != "error":
                return True
    return False
