"""All forms of a study into one folder, whole or not at all."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.errors import InputError, Problem
from workbench.forms.asked import Asked, asked_of

if TYPE_CHECKING:
    from workbench.study import Study

__all__ = ["put", "there", "write_forms"]


def write_forms(study: Study, to: Path) -> Asked:
    """Write questionnaires, scoring sheets and entry workbooks of a study.

    Files: ``questionnaire.<lang>.pdf`` and ``….large.pdf``, ``inspection.<visit>.<lang>.pdf``,
    ``entry.xlsx``, and ``sheets/<assessor>.xlsx`` for each line of the table ``assessors``
    but interviewers (``sheets/inspection.xlsx`` without that table).

    Returns
    -------
    Asked
        What was written: codes of both forms, items without English.

    Raises
    ------
    InputError
        ``forms.to``, when the folder is there; and those of
        :func:`workbench.forms.asked.asked_of`.
    """
    from workbench.forms.entry import assessor_workbook, responses_workbook
    from workbench.forms.printed import inspection_pdf, questionnaire_pdf

    if found := there(to):
        raise InputError(*found)
    asked = asked_of(study)
    files: dict[str, bytes] = {}
    if asked.questions:
        for lang in asked.languages:
            for large in (False, True):
                name = f"questionnaire.{lang}{'.large' if large else ''}.pdf"
                files[name] = questionnaire_pdf(study, asked, lang, large=large)
        files["entry.xlsx"] = responses_workbook(asked)
    if asked.inspected:
        for visit in asked.by_visit():
            for lang in asked.languages:
                files[f"inspection.{visit}.{lang}.pdf"] = inspection_pdf(study, asked, visit, lang)
        for who in asked.assessors:
            files[f"sheets/{_name(who.assessor)}.xlsx"] = assessor_workbook(asked, who)
        if not asked.assessors:
            files["sheets/inspection.xlsx"] = assessor_workbook(asked, None)
    put(files, to)
    return asked


def there(to: Path) -> list[Problem]:
    """Refuse a folder that is there already."""
    if not to.exists():
        return []
    return [
        Problem(
            code="forms.to",
            zh="该文件夹已存在",
            en="the folder exists",
            found=to.name,
            remedy_zh="写另一个文件夹：--to",
            remedy_en="name another folder with --to",
        )
    ]


def put(files: Mapping[str, bytes], to: Path) -> None:
    """Write files, name → bytes, into a new folder that appears whole or not at all."""
    aside = to.with_name(to.name + ".part")
    shutil.rmtree(aside, ignore_errors=True)  # what a crash may have left
    for name, data in files.items():
        (aside / name).parent.mkdir(parents=True, exist_ok=True)
        (aside / name).write_bytes(data)
    aside.rename(to)


def _name(assessor: str) -> str:
    """Give a file's name for an assessor; what a file system may not like is written out."""
    return re.sub(r"[^\w-]", lambda m: f"%{ord(m[0]):02X}", assessor)
