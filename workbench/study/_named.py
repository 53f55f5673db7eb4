"""What the settings name outside themselves: files, notebook, keys, suites, the secret."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.errors import InputError, Problem
from workbench.study._explain import nearest_remedy

if TYPE_CHECKING:
    from workbench.study.decisions import Correction
    from workbench.study.settings import Settings

__all__ = ["named_problems", "within"]

_MAX_NOTEBOOK = 32 << 20


def within(folder: Path, name: str) -> bool:
    """Say whether a file that settings name lies in the study folder, links followed."""
    try:
        return (folder / name).resolve().is_relative_to(folder)
    except (OSError, RuntimeError, ValueError):  # a loop of links, a name no system stores
        return False


def named_problems(
    folder: Path, settings: Settings, corrections: list[Correction]
) -> list[Problem]:
    """Tell what is wrong with everything that the settings name."""
    return [
        *_paths(folder, settings),
        *_files(folder, settings),
        *_notebook(folder, settings),
        *_calendar(folder, settings),
        *_keys(folder, settings),
        *_secret(folder),
        *_suites(folder),
        *_corrected_files(settings, corrections),
    ]


def _study(code: str, column: str, texts: tuple[str, str, str, str], found: str = "") -> Problem:
    zh, en, remedy_zh, remedy_en = texts
    return Problem(
        code=code,
        file="study.yaml",
        column=column,
        zh=zh,
        en=en,
        remedy_zh=remedy_zh,
        remedy_en=remedy_en,
        found=found,
    )


_OUTSIDE = ("文件在研究文件夹之外", "the file lies outside the study folder")
_MISSING = (
    "没有这个文件",
    "there is no such file",
    "改正路径（相对于 study.yaml）",
    "correct the path (relative to study.yaml)",
)


def _paths(folder: Path, settings: Settings) -> list[Problem]:
    """Files that lie outside the folder without saying so."""
    remedy = (
        "把文件放入 data/，或声明 outside: true",
        "put it into data/, or declare outside: true",
    )
    return [
        _study("source.outside", f"sources.{table}[{n}].file", (*_OUTSIDE, *remedy), file.file)
        for table, sources in settings.sources.items()
        for n, source in enumerate(sources, start=1)
        for file in (source, *source.join)
        if not file.outside and not within(folder, file.file)
    ]


def _files(folder: Path, settings: Settings) -> list[Problem]:
    """Files that settings name and that are not there."""
    wanted = {"notebook": settings.notebook}
    if settings.calendar not in (None, "cn"):
        wanted["calendar"] = settings.calendar
    return [
        _study("study.file", key, _MISSING, name)
        for key, name in wanted.items()
        if name is not None and not (folder / name).is_file()
    ]


def _notebook(folder: Path, settings: Settings) -> list[Problem]:
    """See that the study's own notebook is in the folder and has one parameters cell."""
    name = settings.notebook
    if name is None or not (folder / name).is_file():
        return []
    if not within(folder, name):
        remedy = ("把笔记本放入研究文件夹", "put the notebook into the study folder")
        return [_study("study.outside", "notebook", (*_OUTSIDE, *remedy), name)]
    try:
        if (folder / name).stat().st_size > _MAX_NOTEBOOK:
            raise ValueError("too large")
        told = json.loads((folder / name).read_bytes())
        code = [cell for cell in told["cells"] if cell["cell_type"] == "code"]
        tagged = sum("parameters" in cell["metadata"].get("tags", ()) for cell in code)
        whole = told["nbformat"] == 4 and all("id" in cell for cell in told["cells"])
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        whole, tagged = False, 0
    if whole and tagged == 1:
        return []
    texts = (
        "不是含一个 parameters 单元格的笔记本（nbformat 4.5）",
        "not a notebook (nbformat 4.5) with one cell tagged parameters",
        "从随附的 community.ipynb 复制后修改",
        "copy the bundled community.ipynb and change the copy",
    )
    return [_study("study.notebook", "notebook", texts, name)]


def _calendar(folder: Path, settings: Settings) -> list[Problem]:
    """See that the study's own calendar can be read."""
    name = settings.calendar
    if name in (None, "cn") or not (folder / str(name)).is_file():
        return []
    from workbench import calendars

    try:
        calendars.load(name, folder)
    except InputError as error:
        return list(error.problems)
    return []


def _keys(folder: Path, settings: Settings) -> list[Problem]:
    """Key files that are not there: signing would fail after all the work."""
    problems = []
    for role, who in settings.signatories:
        told = who.key if isinstance(who.key, str) else who.key.model_dump()
        named = {} if isinstance(told, str) else told
        for key in ("pkcs12", "passphrase_file"):
            name = named.get(key)
            if isinstance(name, str) and not (folder / name).is_file():
                place = f"signatories.{role}.key.{key}"
                problems.append(_study("study.key", place, _MISSING, name))
    return problems


def _secret(folder: Path) -> list[Problem]:
    """See that the key of the renumbering is whole, or that it can be made."""
    from workbench.errors import InputError
    from workbench.study import read_secret

    if (folder / ".secret").exists():
        try:
            read_secret(folder)
        except InputError as error:
            return list(error.problems)
        except OSError as error:
            said = error.strerror or type(error).__name__
            remedy = ("更正文件权限", "put its permissions right")
            texts = ("无法读取研究的密钥", "the study's key cannot be read", *remedy)
            return [_study("study.secret", "", texts, said)]
    elif not os.access(folder, os.W_OK):
        texts = (
            "研究文件夹不可写，无法生成 .secret",
            "the study folder cannot be written: its .secret cannot be made",
            "在可写的位置放置研究文件夹，或先生成 .secret",
            "put the folder where it can be written, or make .secret first",
        )
        return [_study("study.secret", "", texts)]
    return []


def _suites(folder: Path) -> list[Problem]:
    from workbench.checks.suites import suite_problems

    return suite_problems(folder / "expectations")


def _corrected_files(settings: Settings, corrections: list[Correction]) -> list[Problem]:
    """Corrections of files that no source names."""
    known = {
        file.file
        for sources in settings.sources.values()
        for source in sources
        for file in (source, *source.join)
    }
    problems = []
    for line in corrections:
        if line.file and line.file not in known:
            zh, en = nearest_remedy(line.file, sorted(known))
            problems.append(
                Problem(
                    code="corrections.file",
                    file="corrections.csv",
                    row=line.row,
                    column="file",
                    zh="没有数据源使用这个文件",
                    en="no source names this file",
                    remedy_zh=zh,
                    remedy_en=en,
                    found=line.file,
                )
            )
    return problems
