"""Before field work: what is going to be done is entered in the ledger, and draws begin there."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import InputError, Problem
from workbench.evidence.files import canonical_json, sha256_bytes
from workbench.evidence.keys import ROLES, home_folder
from workbench.evidence.logs import copy_log, open_log

if TYPE_CHECKING:
    import pandas as pd

    from workbench.evidence.ledger import Ledger
    from workbench.study import Study

__all__ = [
    "Opened",
    "draw_seed",
    "early_tables",
    "enter_draw",
    "log_of",
    "open_study",
    "opened",
    "plan_of",
    "units_digest",
]

_TABLES = ("communities", "frame")  # what is known before field work


class Opened:
    """A study's ``open`` entry: its number, its exact bytes, and the seed of its draws."""

    def __init__(self, ledger: Ledger, number: int) -> None:
        self.number = number
        self.leaf = ledger.entry(number)
        self.entry: dict[str, Any] = json.loads(self.leaf)
        stamp = ledger.stamp_file(number + 1)
        self._token = stamp.read_bytes() if stamp.exists() else b""

    def seed(self, purpose: str) -> int:
        """Return the seed of one draw; see :func:`draw_seed`."""
        return draw_seed(self.leaf, self._token, purpose)


def draw_seed(leaf: bytes, token: bytes, purpose: str) -> int:
    """Return the seed of a draw: nobody chooses it, and everybody can compute it again.

    Parameters
    ----------
    leaf : bytes
        Exact bytes of the study's ``open`` entry.
    token : bytes
        Time stamp of the ledger's head at that entry (``stamps/<size>.tsr``), empty without one.
        With it the seed also depends on a signature of the time-stamp authority, which nobody
        could foresee who tried out wordings of the study before entering it.
    purpose : str
        ``sample``, ``teams``, ``cross``, ``mystery``, ``spotcheck``, ``audit``, with a round.

    Returns
    -------
    int
        SHA-256 over the three digests, as a number.
    """
    parts = (hashlib.sha256(part).digest() for part in (leaf, token, purpose.encode()))
    return int.from_bytes(hashlib.sha256(b"".join(parts)).digest(), "big")


def log_of(study: Study, out: Path) -> Ledger:
    """Open the ledger a study writes to: the institution's, or the batch's own in ``DIR/ledger``.

    Raises
    ------
    InputError, MachineError
        ``ledger.*``; see :func:`workbench.evidence.logs.open_log`.
    """
    settings = study.settings
    home = home_folder(os.environ)
    if settings.ledger is not None:
        name = settings.signatories.institution.name.zh
        return open_log(study.resolve(settings.ledger), home=home, name=name)
    demo = any(getattr(settings.signatories, role).key == "demo" for role in ROLES)
    kind = "demonstration" if demo else "batch"
    return open_log(out / "ledger", home=home, name=f"{kind}/{study.id}")


def opened(study: Study, out: Path) -> Opened:
    """Return a study's newest ``open`` entry.

    Raises
    ------
    InputError
        ``open.missing``, when the study has not been opened.
    """
    ledger = log_of(study, out)
    number = ledger.opened(study.id)
    if number is None:
        raise InputError(
            Problem(
                code="open.missing",
                zh="该项目尚未登记开启",
                en="the study has not been opened",
                found=study.id,
                remedy_zh="外业之前先运行 workbench open",
                remedy_en="run workbench open before field work",
            )
        )
    return Opened(ledger, number)


def plan_of(study: Study, units: list[str]) -> dict[str, Any]:
    """Return what an ``open`` entry says of a study: its decisions, and digests of the rest.

    ``protocol_sha256`` is that of ``data/protocol/protocol.json`` in each bag, ``measures_sha256``
    and ``codebook_sha256`` those of the parts of ``data/inputs/study.json`` as canonical JSON.
    """
    settings = study.settings.model_dump(mode="json", exclude={"sources", "signatories", "issued"})
    codebook = {code: item.as_dict() for code, item in study.codebook.items()}
    return {
        "study": study.id,
        "programme": study.protocol.programme,
        "decisions": study.settings.decisions.model_dump(mode="json"),
        "study_sha256": sha256_bytes(canonical_json(settings)),
        "protocol_sha256": sha256_bytes(study.protocol_json.encode()),
        "measures_sha256": sha256_bytes(canonical_json(study.measures.as_dict())),
        "codebook_sha256": sha256_bytes(canonical_json(codebook)),
        "units": len(units),
        "units_sha256": units_digest(units),
    }


def units_digest(units: list[str]) -> str:
    """Return the digest of a list of units: one id a line, sorted."""
    return sha256_bytes("".join(f"{unit}\n" for unit in sorted(units)).encode())


def units_of(study: Study) -> list[str]:
    """Read the list of units, which is known before there are other data.

    Raises
    ------
    InputError
        What is wrong with the tables ``communities`` and ``frame``.
    """
    frame = early_tables(study)["communities"]
    return sorted(frame.loc[frame["level"].eq(study.settings.unit), "community"].tolist())


def early_tables(study: Study, *more: str) -> dict[str, pd.DataFrame]:
    """Read what is known before field work: ``communities``, and ``frame`` where there is one.

    Parameters
    ----------
    study
        The study.
    more
        Further tables that are known, such as ``assessors``.

    Raises
    ------
    InputError
        What is wrong with them.
    """
    from workbench.intake.building import collect

    known = {
        name: study.settings.sources[name]
        for name in (*_TABLES, *more)
        if name in study.settings.sources
    }
    early = replace(
        study,
        settings=study.settings.model_copy(update={"sources": known}),
        corrections=(),
        judgements=(),
    )
    tables, problems = collect(early)
    # that a unit has no data yet is how it should be
    errors = [p for p in problems if p.severity == "error" and p.code != "community.alone"]
    if errors:
        raise InputError(*errors)
    return dict(tables.frames)


def open_study(study: Study, out: Path, reason: str = "") -> Opened:
    """Enter what is going to be done; the same once more changes nothing.

    Parameters
    ----------
    study : Study
        Settings, protocol, measures and codebook; of the data only the list of units is read.
    out : Path
        The batch folder, which holds the ledger where the study names none.
    reason : str
        Why something is otherwise than it was entered before.

    Raises
    ------
    InputError
        ``ledger.opened`` for a change without a reason; ``ledger.late`` once a report is entered.
    """
    ledger = log_of(study, out)
    plan = plan_of(study, units_of(study))
    before = ledger.opened(study.id)
    if before is not None:
        told = json.loads(ledger.entry(before))
        if all(told.get(key) == value for key, value in plan.items()):
            return _settled(study, ledger, out, before)
    entry: dict[str, Any] = {"type": "open", **plan}
    if before is not None:
        entry["changes"] = before
    if reason:
        entry["reason"] = reason
    demonstration = ledger.verifier.name.startswith("demonstration/")
    (number,) = ledger.append([entry], demonstration=demonstration)
    return _settled(study, ledger, out, number)


def enter_draw(study: Study, out: Path, draw: dict[str, Any]) -> int:
    """Enter a draw: ``purpose``, and what was drawn or its digest; return the entry's number.

    Raises
    ------
    InputError
        ``open.missing``, when the study has not been opened.
    """
    first = opened(study, out)
    ledger = log_of(study, out)
    entry = {"type": "draw", "study": study.id, "open": first.number, **draw}
    demonstration = ledger.verifier.name.startswith("demonstration/")
    (number,) = ledger.append([entry], demonstration=demonstration)
    _settled(study, ledger, out, number)
    return number


def _settled(study: Study, ledger: Ledger, out: Path, number: int) -> Opened:
    """Have the head stamped where an authority is known, and give the batch its copy."""
    from workbench.batch.seal import stamp_of

    try:
        ask = stamp_of(study)
    except InputError:  # none is named yet: the run, which needs it, refuses
        ask = None
    if ask is not None:
        ledger.stamp(ask)
    copy_log(ledger, out / "ledger")
    return Opened(ledger, number)
