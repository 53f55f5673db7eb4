"""``workbench purge``: rows of persons are removed when their time is over, and that is entered.

Removed are ``DIR/private`` and the rows in every bag; manifests, digests, findings, reports and
signatures stay, and ``verify`` says "inputs not delivered". The raw files of the study folder are
named for the person to remove: the workbench never deletes what it did not make.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.batch import state
from workbench.batch.opening import log_of
from workbench.errors import InputError, Problem
from workbench.evidence import bag as bags
from workbench.evidence.files import copied_directory, replace_directory, sha256_bytes
from workbench.evidence.logs import copy_log
from workbench.publish.deliver import rows_not_delivered

if TYPE_CHECKING:
    from workbench.study import Study

__all__ = ["Purged", "purge"]


@dataclass(frozen=True)
class Purged:
    """What was removed, and which raw files are the person's to remove."""

    files: int
    bags: int
    entry: int
    raw: tuple[str, ...]

    def text(self, lang: str) -> str:
        """Return lines for a reader of ``lang`` (``zh`` or ``en``)."""
        zh = lang == "zh"
        lines = [
            f"已删除 {self.files} 个文件，涉及 {self.bags} 个证据包；账本登记第 {self.entry} 条"
            if zh
            else f"removed {self.files} files, {self.bags} bags; entry {self.entry} of the ledger"
        ]
        if self.raw:
            lines.append("请自行删除原始文件：" if zh else "raw files, for you to remove:")
            lines += [f"  {name}" for name in self.raw]
        return "\n".join(lines)


def purge(study: Study, out: Path, *, today: date) -> Purged:
    """Remove the rows of a batch whose retention date has passed, and enter that in the ledger.

    Parameters
    ----------
    study
        The study of the batch; its ``retention:`` is the last day of keeping.
    out
        The batch folder.
    today
        The day.

    Raises
    ------
    InputError
        ``purge.retention``: no date is set, or it has not passed; ``purge.unsigned``: units
        without a finished report; ``purge.batch``: no batch of this study there.
    """
    until = study.settings.retention
    if until is None or today <= until:
        raise InputError(
            Problem(
                code="purge.retention",
                file="study.yaml",
                column="retention",
                zh="没有写明保存期限" if until is None else "保存期限未到",
                en="no retention date is set" if until is None else "kept until then",
                expected="" if until is None else f"> {until.isoformat()}",
                found="" if until is None else today.isoformat(),
                remedy_zh="写明 retention: YYYY-MM-DD，到期后再运行",
                remedy_en="say retention: YYYY-MM-DD, and run it when that day has passed",
            )
        )
    rows = state.read(out)
    if not rows:
        raise InputError(
            Problem(
                code="purge.batch",
                zh="这里没有该项目的批次",
                en="there is no batch of this study here",
                file=out.name,
                remedy_zh="用 --out 给出批次文件夹",
                remedy_en="give the folder of the batch with --out",
            )
        )
    open_ = sorted(u for u, row in rows.items() if row["state"] not in {"signed", "failed"})
    if open_:
        raise InputError(
            *(
                Problem(
                    code="purge.unsigned",
                    community=unit,
                    zh="报告尚未签完，其数据仍需要",
                    en="the report is not signed yet: its rows are needed",
                    remedy_zh="先完成签名",
                    remedy_en="sign it first",
                )
                for unit in open_
            )
        )
    with state.lock(out):
        return _purge(study, out, today)


def _purge(study: Study, out: Path, today: date) -> Purged:
    gone: list[str] = []
    many = 0
    for place in sorted(p for p in (out / "communities").glob("[!.]*") if p.is_dir()):
        if not (place / bags.NOT_DELIVERED).exists():
            taken = rows_not_delivered(copied_directory(place))
            replace_directory(place)
            gone += [f"communities/{place.name}/{name}" for name in taken]
            many += 1
    for folder in ("private", "failed"):
        if (out / folder).is_dir():
            inside = sorted(p for p in (out / folder).rglob("*") if p.is_file())
            gone += [p.relative_to(out).as_posix() for p in inside]
            shutil.rmtree(out / folder)
    entry = {
        "type": "purge",
        "study": study.id,
        "date": today.isoformat(),
        "files": len(gone),
        "files_sha256": sha256_bytes("".join(f"{n}\n" for n in sorted(gone)).encode()),
    }
    ledger = log_of(study, out)
    demonstration = ledger.verifier.name.startswith("demonstration/")
    [number] = ledger.append([entry], demonstration=demonstration)
    copy_log(ledger, out / "ledger")
    named = {f.file for each in study.settings.sources.values() for s in each for f in (s, *s.join)}
    raw = tuple(sorted(name for name in named if study.resolve(name).exists()))
    return Purged(files=len(gone), bags=many, entry=number, raw=raw)
