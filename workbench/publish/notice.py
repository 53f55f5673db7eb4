"""``workbench notice``: result sheets for the notice board, the public site, the ledger's entry.

Both are made of the findings of signed reports and of the strings that these print, so that nothing
is in them that a report handed to the public would not hold: small cells stay suppressed, rows of
persons are in no finding. Every file is searched for marks of persons before anything appears.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench import calendars, findings
from workbench.batch import state
from workbench.batch.opening import log_of
from workbench.checks.privacy import Mark, marks_in_file
from workbench.errors import InputError, Problem
from workbench.evidence import bag as bags
from workbench.evidence.files import (
    replace_directory,
    sha256_bytes,
    sha256_file,
    staging_directory,
)
from workbench.evidence.logs import copy_log, entries
from workbench.publish.pages import Unit, unit_page
from workbench.publish.site import shard, write_index
from workbench.report import fonts
from workbench.report.sheet import result_sheet
from workbench.report.standing import Entry, standing
from workbench.report.words import Words

if TYPE_CHECKING:
    from workbench.study import Study

__all__ = ["Noticed", "notice"]

_LANGS = ("zh", "en")


@dataclass(frozen=True)
class Noticed:
    """What came of it: the entry and its number, or the marks for which nothing was written.

    ``withdrawn`` are the units that are left out, their newest report being withdrawn.
    """

    number: int | None = None
    entry: dict[str, Any] | None = None
    withdrawn: tuple[str, ...] = ()
    provisional: bool = False
    marks: tuple[Mark, ...] = ()


def notice(study: Study, out: Path, begin: date) -> Noticed:
    """Write ``DIR/notice`` and enter the notice in the ledger.

    ``sheets/<unit>.<lang>.pdf`` and ``….large.pdf`` (large print), ``site/`` and
    ``notice-sha256.txt``, whose digest the entry holds. Again with the same day and the same
    reports, nothing is entered a second time.

    Parameters
    ----------
    study
        The batch's study.
    out
        The batch folder; every unit is signed or failed.
    begin
        First day of the notice. The last day for objections follows from the programme's
        ``objection_days`` and the study's calendar.

    Raises
    ------
    InputError
        ``notice.unsigned`` for every unit that is not finished; ``notice.none``;
        ``notice.early``: the day is before the day of issue; ``ledger.*``.
    """
    out = out.resolve()
    with state.lock(out):
        ready, withdrawn = _ready(study, out)
        if begin < study.settings.issued:
            said = ("公示不能早于签发日期", "the notice cannot begin before the day of issue")
            raise _refused("notice.early", *said, begin.isoformat())
        limit = _limit(study, begin)
        until = limit.last if limit else None
        target = out / "notice"
        staged = staging_directory(target)
        try:
            letters: set[str] = set()
            listed = [_unit(study, bag, staged, begin, until, letters) for bag in ready]
            marked = any(told.demonstration for told, _ in listed)
            title = (study.protocol.title.zh, study.protocol.title.en)
            note = Words("zh")("page.demo") if marked else ""
            site = staged / "site"
            write_index((entry for _, entry in listed), site, title=title, note=note)
            for page in (*site.glob("index*.html"), *site.glob("list/*.html")):
                letters.update(page.read_text(encoding="utf-8"))
            (site / "assets" / "report.otf").write_bytes(fonts.subset(sorted(letters)))
            files = sorted(p for p in staged.rglob("*") if p.is_file())
            found = [m for p in files for m in marks_in_file(p, p.relative_to(staged).as_posix())]
            if found:
                return Noticed(marks=tuple(found))
            lines = (f"{sha256_file(p)}  {p.relative_to(staged).as_posix()}\n" for p in files)
            listing = "".join(lines).encode()
            (staged / bags.NOTICE_LIST).write_bytes(listing)
            entry = {
                "type": "notice",
                "study": study.id,
                "from": begin.isoformat(),
                "until": until.isoformat() if until else None,
                "units": len(ready),
                "notice_sha256": sha256_bytes(listing),
            }
            number = _enter(study, out, entry, demonstration=marked)
            replace_directory(target)
        finally:
            shutil.rmtree(staged, ignore_errors=True)
    return Noticed(number, entry, withdrawn, provisional=bool(limit and not limit.known))


def _limit(study: Study, begin: date) -> calendars.Limit | None:
    parameter = study.protocol.parameters.get("objection_days")
    if parameter is None or parameter.value is None:
        return None
    return calendars.load(study.settings.calendar, study.folder).limit(begin, int(parameter.value))


def _enter(study: Study, out: Path, entry: dict[str, Any], *, demonstration: bool) -> int:
    """Enter the notice unless the newest notice of the study says the same."""
    ledger = log_of(study, out)
    known = [(i, e) for i, e in enumerate(entries(out)) if e.get("type") == "notice"]
    if known and known[-1][1] == entry:
        return known[-1][0]
    (number,) = ledger.append([entry], demonstration=demonstration)
    copy_log(ledger, out / "ledger")
    return number


def _ready(study: Study, out: Path) -> tuple[list[Path], tuple[str, ...]]:
    """Give the newest signed bag of each unit, and the units whose newest report is withdrawn.

    A unit that is neither signed nor failed is refused.
    """
    problems = []
    newest: dict[str, tuple[int, Path]] = {}
    for name, row in sorted(state.read(out).items()):
        unit, _, edition = name.partition("@")
        if row.get("state") == "failed":
            continue
        if row.get("state") != "signed":
            problems.append(_unsigned(unit, str(row.get("state"))))
            continue
        at = int(edition or 1)
        if unit not in newest or at > newest[unit][0]:
            newest[unit] = (at, out / "communities" / name)
    if problems:
        raise InputError(*problems)
    ledger = log_of(study, out)
    withdrawn = []
    for unit, (at, _) in list(newest.items()):
        number = ledger.issued(study.id, unit, at)
        if number is not None and ledger.withdrawn(number, otherwise=-1) >= 0:
            withdrawn.append(unit)
            del newest[unit]
    if not newest:
        raise _refused("notice.none", "没有已签名的报告", "no report is signed", out.name)
    return [bag for _, bag in newest.values()], tuple(withdrawn)


def _unsigned(unit: str, told: str) -> Problem:
    return Problem(
        code="notice.unsigned",
        community=unit,
        zh="该单位的报告尚未签完",
        en="the unit's report is not signed by all three",
        found=told,
        remedy_zh="签完后再公示：名次与全部单位有关",
        remedy_en="sign first, then give notice: ranks are about all units",
    )


def _refused(code: str, zh: str, en: str, found: str) -> InputError:
    return InputError(
        Problem(
            code=code,
            zh=zh,
            en=en,
            found=found,
            remedy_zh="核对批次文件夹与日期",
            remedy_en="check the batch folder and the date",
        )
    )


def _unit(
    study: Study,
    bag: Path,
    to: Path,
    begin: date,
    until: date | None,
    letters: set[str],
) -> tuple[Unit, Entry]:
    """Write sheets and pages of one unit; give its line of the index; add letters."""
    name, _, edition = bag.name.partition("@")
    told = Unit(
        id=name,
        edition=int(edition or 1),
        number=f"{study.id}/{name}/{edition or 1}",
        digest=sha256_file(bag / "data" / bags.EVIDENCE_LIST),
        issued=study.settings.issued,
        demonstration=bags.bag_info(bag).get("Workbench-Demonstration") == "yes",
    )
    found = json.loads((bag / "data" / "findings.json").read_bytes())
    pictures = findings.pictures(json.loads((bag / "data" / "notebook.ipynb").read_bytes()))
    sheets, pages = to / "sheets", to / "site" / "units" / shard(name)
    for folder in (sheets, pages):
        folder.mkdir(parents=True, exist_ok=True)
    for lang in _LANGS:
        beside: dict[str, str] = {}
        for large in (False, True):
            pdf = result_sheet(
                found,
                lang=lang,
                evidence_digest=told.digest,
                issued=told.issued,
                edition=told.edition,
                report_number=told.number,
                demonstration=told.demonstration,
                begin=begin,
                until=until,
                large=large,
            )
            file = f"{name}.{lang}{'.large' if large else ''}.pdf"
            (sheets / file).write_bytes(pdf.data)
            (pages / file).write_bytes(pdf.data)
            beside["site.sheet_large" if large else "site.sheet"] = file
        page, files = unit_page(
            found,
            pictures,
            told,
            lang=lang,
            begin=begin,
            until=until,
            stem=name,
            sheets=beside,
        )
        (pages / f"{name}{'' if lang == 'zh' else '.en'}.html").write_text(page, encoding="utf-8")
        letters.update(page)
        for file, content in files.items():
            (pages / file).write_bytes(content)
    return told, standing(name, found)


def marks_text(marks: tuple[Mark, ...], lang: str) -> Iterator[str]:
    """Give a line for each mark of a person."""
    yield (
        "含有个人信息，未写出任何文件："
        if lang == "zh"
        else "marks of persons; nothing was written:"
    )
    for one in marks[:50]:
        yield f"  {one.where}  {one.shown}"
