"""Verify a report, a bag or a whole batch: valid, changed (where), or cannot tell (why).

Nothing is fetched, nothing outside the path is believed but the roots of ``WORKBENCH_HOME`` or
``--trust``, and no link is followed. Whatever a stranger put into the files, it gives an answer.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

from workbench.errors import InputError, Problem
from workbench.evidence.answer import Item, Report
from workbench.evidence.result import Verdict
from workbench.evidence.trusted import Trust, load_trust
from workbench.evidence.verify_bag import check_overview, check_unit, unit_of
from workbench.evidence.verify_batch import check_batch
from workbench.evidence.verify_ledger import check_units, read_log, read_renewals
from workbench.evidence.verify_pdf import verify_report

__all__ = ["verify"]


def verify(path: Path, *, trust: Path | None, home: Path, now: datetime) -> Report:
    """Verify a PDF report, a bag, or a batch folder.

    Parameters
    ----------
    path : Path
        ``report.zh.pdf``, ``DIR/communities/<community>`` or ``DIR``. It may come from a stranger.
    trust : Path or None
        Root certificates to believe instead of those in ``home/trust``: a PEM file, or a folder
        with ``*.pem``, and where there are ``*.vkey`` of logs, ``*.crl`` and heads of logs seen
        before (``*.checkpoint``).
    home : Path
        ``WORKBENCH_HOME``.
    now : datetime
        Aware; the time at which certificates are judged that no time stamp covers.

    Returns
    -------
    Report
        Its ``exit_code`` is 0, 1 or 5. A draft is "cannot tell: n of 3 signatures".

    Raises
    ------
    InputError
        ``verify.path`` when there is nothing to verify; ``trust.unreadable``.
    """
    path = path.resolve()  # the caller may point at it through a link; inside none is followed
    trusted = load_trust(home, trust, now)
    if path.is_file():
        item = verify_report(path, trusted.roots, now, trusted.crls)
        return Report(path=path.name, items=(item,))
    if (path / "bagit.txt").is_file():
        about = unit_of(path)
        overall = about is not None and about[1] == "overview"
        # a bag inside a batch: the batch's ledger may renew its stamps and tell what came later
        log = path.parent.parent / "ledger" if path.parent.name == "communities" else None
        if log is not None and log.is_dir():
            trusted = replace(trusted, renewals=tuple(read_renewals(log)))
        item = (
            check_overview(path, trusted) if overall else check_unit(path, ".", trusted, study=None)
        )
        if log is not None and log.is_dir() and not overall:
            item = _told_by(log, path, item, trusted)
        return Report(path=path.name, items=(item,))
    if (path / "communities.jsonl").is_file() or (path / "communities").is_dir():
        return Report(path=path.name, items=tuple(check_batch(path, trusted)))
    raise InputError(
        Problem(
            code="verify.path",
            zh="这里没有可以核验的报告、证据包或批次",
            en="there is no report, bag or batch here to verify",
            file=path.name,
            remedy_zh="给出 PDF 报告、证据包文件夹（含 bagit.txt）或批次文件夹",
            remedy_en="give a PDF report, a bag (with bagit.txt) or the folder of a batch",
        )
    )


def _told_by(log: Path, bag: Path, item: Item, trusted: Trust) -> Item:
    """Add to a bag by itself what the ledger of its batch says of it."""
    read, results = read_log(log, trusted.logs_of(bag), trusted.heads)
    unit = unit_of(bag)
    if read is None or unit is None:
        kept = [r for r in results if r.verdict is Verdict.CHANGED]
        return replace(item, results=item.results + tuple(kept))
    _, single = check_units(read, unit[0], {unit: bag}, None)
    return replace(item, results=item.results + tuple(single.get(unit, ())))
